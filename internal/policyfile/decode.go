package policyfile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// decode reads a node into a value of a core/spec type and adds a fault for
// everything that does not belong there. It gives false if the value, or a part
// of it that has no path of its own, could not be read.
func (p *parsing) decode(n ast.Node, v reflect.Value, path []string) bool {
	switch t := n.(type) {
	case *ast.AnchorNode: // refused by the screening; what it marks is checked all the same
		return p.decode(t.Value, v, path)
	case *ast.TagNode:
		return p.decode(t.Value, v, path)
	case *ast.AliasNode, *ast.MergeKeyNode, nil:
		return false
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if u, ok := reflect.TypeAssert[json.Unmarshaler](v.Addr()); ok {
		return p.decodeOwn(n, u, path)
	}
	if _, ok := n.(*ast.NullNode); ok {
		return p.decodeNull(n, v, path)
	}
	switch v.Kind() {
	case reflect.Struct:
		return p.decodeStruct(n, v, path)
	case reflect.Map:
		return p.decodeMap(n, v, path)
	case reflect.Slice:
		return p.decodeSlice(n, v, path)
	default:
		return p.decodeScalar(n, v, path)
	}
}

// decodeNull: a target named without fields is an empty one; its missing fields
// are spec's to judge. Elsewhere a missing value is a slip of the indentation.
func (p *parsing) decodeNull(n ast.Node, v reflect.Value, path []string) bool {
	if v.Kind() == reflect.Struct && len(path) == 2 && isTargets(path[:1]) {
		if !p.mended {
			p.missing(path, v.Type(), nil)
		}
		return true
	}
	if p.mended { // its entries may be what was left out
		return false
	}
	remedy := noValue
	if isOne(v.Kind()) {
		remedy = "write its value after the colon, or remove the line"
	}
	p.fault(p.place(n, path), path, named(path)+" has no value", remedy)
	return false
}

// noValue is the remedy for a part of the document that is empty.
const noValue = "indent its value below it, or remove the line"

// isOne tells whether a value of the kind has no parts.
func isOne(k reflect.Kind) bool {
	return k != reflect.Struct && k != reflect.Map && k != reflect.Slice
}

// place is where a value stands; a missing one stands at its key.
func (p *parsing) place(n ast.Node, path []string) position {
	if m := p.marks[key(path)]; m != nil && n.Type() == ast.NullType {
		return m.at
	}
	return nodePosition(n)
}

func (p *parsing) decodeStruct(n ast.Node, v reflect.Value, path []string) bool {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		p.fault(nodePosition(n), path, fmt.Sprintf("%s wants fields, not %s", named(path), kindOf(n)), "write "+list(fields(v.Type()))+" below it")
		return false
	}
	seen := p.each(m, path, func(name string, at position, value ast.Node) bool {
		i, ok := fieldIndex(v.Type(), name)
		if !ok {
			means, remedy := p.strange(v.Type(), name)
			if means != "" {
				p.lose(path, means)
			}
			p.fault(at, below(path, name), fmt.Sprintf("unknown field %q in %s", short(name), named(path)), remedy)
			return false
		}
		return p.decode(value, v.Field(i), below(path, name)) && p.says(value, v.Type().Field(i), v.Field(i), below(path, name))
	})
	p.missing(path, v.Type(), seen)
	return true
}

// says refuses a zero where it would mean the default: datapoints: 0 would be read
// as 3.
func (p *parsing) says(n ast.Node, f reflect.StructField, v reflect.Value, path []string) bool {
	if _, option := tagged(f); option != "omitempty" || !v.IsZero() {
		return true
	}
	message, remedy := named(path)+" has no value", "give it a value, or remove the line"
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return true // an empty list is one
	case reflect.String:
	default:
		message, remedy = named(path)+" "+fmt.Sprint(v.Interface())+" is out of range", "use a value above 0, or remove the line"
	}
	p.fault(nodePosition(n), path, message, remedy)
	return false
}

// missing adds a fault for every required field that a mapping does not have,
// unless it may be an entry that was lost.
func (p *parsing) missing(path []string, t reflect.Type, seen map[string]position) {
	if p.mended && len(path) == 0 {
		return // it may be in the block that was left out
	}
	m := p.marks[key(path)]
	for f := range t.Fields() {
		name, option := tagged(f)
		if _, has := seen[name]; has || name == "" || option != "" || m.nameless || m.lost[name] {
			continue
		}
		remedy := "add " + name
		if about := p.about(t, name); about != "" {
			remedy += ": " + about
		}
		p.fault(m.at, below(path, name), named(path)+" has no "+name, remedy)
		p.lose(path, name)
	}
}

func (p *parsing) decodeMap(n ast.Node, v reflect.Value, path []string) bool {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		p.fault(nodePosition(n), path, fmt.Sprintf("%s wants names with values, not %s", named(path), kindOf(n)), "write name: value, one a line, indented below it")
		return false
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(m.Values)))
	p.each(m, path, func(name string, _ position, value ast.Node) bool {
		item := reflect.New(v.Type().Elem()).Elem()
		ok := p.decode(value, item, below(path, name))
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), item)
		return ok
	})
	return true
}

// each walks the entries of a mapping, with a fault for a repeated name, and
// notes which were lost. It gives the names with their positions.
func (p *parsing) each(m *ast.MappingNode, path []string, read func(name string, at position, value ast.Node) bool) map[string]position {
	seen := map[string]position{}
	for _, entry := range m.Values {
		at := nodePosition(entry.Key)
		name, ok := keyName(entry.Key)
		if !ok {
			if entry.Key.Type() != ast.MergeKeyType { // that one has its fault
				p.fault(at, path, "a name must be plain text", "write name: value")
			}
			p.lose(path, "")
			continue
		}
		if first, twice := seen[name]; twice {
			p.fault(at, below(path, name), fmt.Sprintf("%q is given twice, first in line %d", short(name), first.line), "keep one of the two")
			p.lose(path, name)
			continue
		}
		seen[name] = at
		child := below(path, name)
		where := at
		if isScalar(entry.Value) {
			where = nodePosition(entry.Value)
		}
		p.marks[key(child)] = &mark{at: where}
		if !read(name, at, entry.Value) {
			p.lose(path, name)
			p.tear(child)
			if s, ok := text(entry.Value); ok && strings.Contains(s, ":") {
				p.lose(path, "") // a forgotten comma, and the value holds the next entry
			}
		}
	}
	return seen
}

// keyName gives a key as text; a number or a word such as true is a name too.
func keyName(k ast.MapKeyNode) (string, bool) {
	switch n := k.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	}
	return "", false
}

func (p *parsing) decodeSlice(n ast.Node, v reflect.Value, path []string) bool {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		p.fault(nodePosition(n), path, fmt.Sprintf("%s wants a list, not %s", named(path), kindOf(n)), "begin every entry with \"- \"")
		return false
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		child := below(path, strconv.Itoa(i))
		p.marks[key(child)] = &mark{at: nodePosition(item)}
		if !p.decode(item, v.Index(i), child) {
			p.tear(child)
		}
	}
	return true
}

// decodeOwn reads a value with its type's own UnmarshalJSON.
func (p *parsing) decodeOwn(n ast.Node, u json.Unmarshaler, path []string) bool {
	value, ok := p.plain(n, path)
	if !ok {
		return false
	}
	raw, err := json.Marshal(value)
	if err == nil {
		err = u.UnmarshalJSON(raw)
	}
	if err == nil {
		return true
	}
	if _, is := reflect.TypeAssert[*spec.Duration](reflect.ValueOf(u)); is {
		message, remedy := p.untimed(value, err, path)
		p.fault(nodePosition(n), path, message, remedy)
		return false
	}
	message, remedy, found := strings.Cut(err.Error(), ": write ")
	if !found {
		remedy = "see " + path[len(path)-1] + " in docs/policy-reference.md"
	} else {
		remedy = "write " + remedy
	}
	if !strings.HasPrefix(message, named(path)) {
		message = named(path) + ": " + message
	}
	p.fault(nodePosition(n), path, message, remedy)
	return false
}

// plain gives a node as encoding/json would read it, with a fault for what JSON
// has no word for.
func (p *parsing) plain(n ast.Node, path []string) (any, bool) {
	switch t := n.(type) {
	case *ast.MappingNode:
		out, whole := map[string]any{}, true
		p.each(t, path, func(name string, _ position, value ast.Node) bool {
			v, ok := p.plain(value, below(path, name))
			out[name], whole = v, whole && ok
			return ok
		})
		return out, whole && len(p.marks[key(path)].lost) == 0 && !p.marks[key(path)].nameless
	case *ast.SequenceNode:
		out := make([]any, 0, len(t.Values))
		for _, item := range t.Values {
			v, ok := p.plain(item, path)
			if !ok {
				return nil, false
			}
			out = append(out, v)
		}
		return out, true
	case *ast.BoolNode:
		return t.Value, true
	case *ast.NullNode:
		p.fault(p.place(n, path), path, named(path)+" has no value", "write its value after the colon, or remove the line")
		return nil, false
	case *ast.AnchorNode:
		return p.plain(t.Value, path)
	case *ast.TagNode:
		return p.plain(t.Value, path)
	case *ast.AliasNode:
		return nil, false
	}
	if text, ok := number(n); ok {
		return json.Number(text), true
	}
	text, ok := text(n)
	if !ok {
		p.fault(nodePosition(n), path, fmt.Sprintf("%s: %s is no value here", named(path), kindOf(n)), "see "+path[len(path)-1]+" in docs/policy-reference.md")
	}
	return text, ok
}

// named gives a path as a fault speaks of it.
func named(path []string) string {
	if len(path) == 0 {
		return "the document"
	}
	last := short(path[len(path)-1])
	if isIndex(path) {
		return path[len(path)-2] + "[" + last + "]"
	}
	return last
}

func below(path []string, name string) []string {
	return append(slices.Clip(path), name)
}

func isScalar(n ast.Node) bool {
	switch n.Type() { //nolint:exhaustive // the rest are scalars or hold a token of their own
	case ast.MappingType, ast.SequenceType, ast.MappingValueType, ast.NullType, ast.AnchorType, ast.TagType:
		return false
	}
	return true
}

// isPlain tells whether a string stands without quotes.
func isPlain(n ast.Node) bool { return n.GetToken().Type == token.StringType }
