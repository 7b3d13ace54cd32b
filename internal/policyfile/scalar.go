package policyfile

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// decimal is a number as JSON writes it. YAML's other forms (0x1F, 017, 1_000)
// mean different things to different readers.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// number gives the text of a decimal number that stands without quotes. The
// parser takes one that overflows for a string.
func number(n ast.Node) (string, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
	case *ast.StringNode:
		if !isPlain(n) {
			return "", false
		}
	default:
		return "", false
	}
	t := strings.TrimSpace(n.GetToken().Value)
	return t, decimal.MatchString(t)
}

// text gives the text of a string.
func text(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	}
	return "", false
}

func (p *parsing) decodeScalar(n ast.Node, v reflect.Value, path []string) bool {
	var message, remedy string
	switch v.Kind() {
	case reflect.String:
		s, ok := text(n)
		if t, is := number(n); is {
			ok, remedy = false, fmt.Sprintf("write it in quotes: %q", short(t))
		}
		if ok {
			v.SetString(s)
			return true
		}
		message = fmt.Sprintf("%s wants text, not %s", named(path), kindOf(n))
		switch _, isList := n.(*ast.SequenceNode); {
		case remedy != "":
		case isList && path[len(path)-1] == "days":
			remedy = `write them as one text in quotes: "mon,tue"`
		default:
			remedy = "write one word, or text in quotes"
		}
	case reflect.Bool:
		if b, is := n.(*ast.BoolNode); is {
			v.SetBool(b.Value)
			return true
		}
		message, remedy = fmt.Sprintf("%s wants true or false, not %s", named(path), kindOf(n)), "write true or false, without quotes"
	case reflect.Int:
		message, remedy = p.integer(n, v, path)
	case reflect.Float64:
		message, remedy = p.float(n, v, path)
	default:
		message, remedy = fmt.Sprintf("%s cannot be read: Go kind %s is not known here", named(path), v.Kind()), "report this as a bug"
	}
	if message == "" {
		return true
	}
	p.fault(nodePosition(n), path, message, remedy)
	return false
}

func (p *parsing) integer(n ast.Node, v reflect.Value, path []string) (message, remedy string) {
	t, ok := number(n)
	if !ok {
		return notNumber(n, path, "a whole number")
	}
	i, err := strconv.ParseInt(t, 10, 64)
	switch {
	case err == nil && i >= math.MinInt32 && i <= math.MaxInt32:
		v.SetInt(i)
		return "", ""
	case strings.ContainsAny(t, ".eE"):
		return fmt.Sprintf("%s wants a whole number, not %s", named(path), short(t)), "write it without a decimal point or exponent"
	}
	return fmt.Sprintf("%s: the number %s is out of range", named(path), short(t)), p.allowed(path, "use a smaller number")
}

func (p *parsing) float(n ast.Node, v reflect.Value, path []string) (message, remedy string) {
	t, ok := number(n)
	if !ok {
		return notNumber(n, path, "a number")
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil {
		return fmt.Sprintf("%s: the number %s is out of range", named(path), short(t)), p.allowed(path, "use a number below 1e15")
	}
	v.SetFloat(f)
	return "", ""
}

func notNumber(n ast.Node, path []string, want string) (message, remedy string) {
	message = fmt.Sprintf("%s wants %s, not %s", named(path), want, kindOf(n))
	s, isText := text(n)
	switch {
	case isText && decimal.MatchString(s) && !isPlain(n):
		return message, "remove the quotes"
	case isText && strings.HasSuffix(s, "%"):
		return message, "write it without the sign: " + strings.TrimSpace(strings.TrimSuffix(short(s), "%"))
	}
	return message, "write decimal digits, such as 60"
}

// kindOf names what a node is, with its value where that is short.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "fields"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode:
		return n.GetToken().Value
	}
	if t, ok := number(n); ok {
		return "the number " + short(t)
	}
	if t, ok := text(n); ok {
		return "the text " + strconv.Quote(short(t))
	}
	return short(n.GetToken().Value)
}

// short cuts a value to what a message can carry.
func short(s string) string {
	return cut(s, 40)
}

// fields lists the json names of a struct's fields, sorted.
func fields(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		if name := fieldName(f); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func fieldName(f reflect.StructField) string {
	name, _ := tagged(f)
	return name
}

// tagged gives the name of a field in the document, empty if it is none of it, and
// its json option: a field without one is required, one with omitempty cannot be
// written as zero.
func tagged(f reflect.StructField) (name, option string) {
	name, option, _ = strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return "", ""
	}
	return name, option
}

func fieldIndex(t reflect.Type, name string) (int, bool) {
	for i := range t.NumField() {
		if name != "" && fieldName(t.Field(i)) == name {
			return i, true
		}
	}
	return 0, false
}

func list(names []string) string { return strings.Join(names, ", ") }

// Suggest names the known field that is nearest to a mistyped one, and all
// of them.
func Suggest(name string, known []string) string {
	if len(known) == 1 {
		return "the only field here is " + known[0]
	}
	best := nearest(name, known)
	if best == "" {
		return "the fields here are " + list(known)
	}
	return fmt.Sprintf("did you mean %s? The fields here are %s", best, list(known))
}

// nearest gives the known field that a mistyped one means, empty for none.
func nearest(name string, known []string) string {
	if len(known) == 1 {
		return known[0]
	}
	return spec.Nearest(name, known)
}
