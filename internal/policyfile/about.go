package policyfile

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/docs"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// The schema and the reference are written anew from the comments of core/spec.
//go:generate go run ./schemagen ../core/spec ../../docs

// about gives the first sentence of what the JSON Schema says of a field, empty for
// nothing.
func (p *parsing) about(t reflect.Type, field string) string {
	text := p.described().Types[t.Name()].Properties[field].Description
	if end := strings.Index(text, ". "); end >= 0 {
		text = text[:end]
	}
	return strings.TrimSuffix(text, ".")
}

// schema is what the JSON Schema says of the document's types.
type schema struct {
	Types map[string]struct {
		Properties map[string]struct {
			Description string `json:"description"`
		} `json:"properties"`
	} `json:"$defs"`
}

// described gives the schema, read when a fault first needs its words. It is an empty
// one if it cannot be read: a fault can do without, and the schema has tests of its
// own.
func (p *parsing) described() *schema {
	if p.schema == nil {
		p.schema = &schema{}
		if json.Unmarshal([]byte(docs.PolicySchema), p.schema) != nil {
			p.schema = &schema{}
		}
	}
	return p.schema
}

// limits is the range of a number or duration in the words of the schema.
var limits = regexp.MustCompile(`(?:^|\. )(?:(-?[0-9][0-9a-z.]*) to (-?[0-9][0-9a-z.]*)|Above 0(?:, up to ([0-9a-z.]+))?)\.(?: |$)`)

// limitsOf gives the range of the field at a path: both ends, or the words for one
// that is open below; empty where the schema names none.
func (p *parsing) limitsOf(path []string) (low, high, words string) {
	at := reflect.TypeFor[spec.Document]()
	for _, part := range path[:len(path)-1] {
		next, ok := step(at, part)
		if !ok {
			return "", "", ""
		}
		at = next
	}
	found := limits.FindStringSubmatch(p.described().Types[at.Name()].Properties[path[len(path)-1]].Description)
	switch {
	case found == nil:
		return "", "", ""
	case found[1] != "":
		return found[1], found[2], found[1] + " to " + found[2]
	case found[3] != "":
		return "", found[3], "a number above 0, up to " + found[3]
	}
	return "", "1e15", "a number above 0, up to 1e15"
}

// allowed gives the range of the field at a path as a remedy.
func (p *parsing) allowed(path []string, otherwise string) string {
	if _, _, words := p.limitsOf(path); words != "" {
		return "use " + words
	}
	return otherwise
}

// untimed says what is wrong with a duration that was not understood, with an
// example that the field allows: of 200 for a processing time that is 200ms.
func (p *parsing) untimed(value any, err error, path []string) (message, remedy string) {
	message, _, _ = strings.Cut(err.Error(), ": write ")
	low, high, words := p.limitsOf(path)
	if words == "" {
		words = "10s, 20s, 30s or whole minutes up to 1h" // Metric.Period, which has no range but a list
	}
	message = named(path) + ": " + message
	if n, isNumber := value.(json.Number); isNumber {
		if forms := within(low, high, n.String()+"ms", n.String()+"s", n.String()+"m", n.String()+"h"); forms != "" {
			return message, "write it with its unit, as " + forms + "; " + words + " is allowed"
		}
	}
	if forms := within(low, high, "250ms", "90s", "15m", "1h30m", "2d"); forms != "" {
		return message, "use " + words + ", written as " + forms
	}
	return message, "use " + words
}

// within joins the durations that lie in a range, empty for none. Milliseconds are
// told only where the range begins with some.
func within(low, high string, forms ...string) string {
	least, errLow := spec.ParseDuration(low)
	most, errHigh := spec.ParseDuration(high)
	forms = slices.DeleteFunc(forms, func(form string) bool {
		d, err := spec.ParseDuration(form)
		return err != nil || errLow != nil || errHigh != nil || d < least || d > most || strings.HasSuffix(form, "ms") && !strings.HasSuffix(low, "ms")
	})
	return strings.Join(forms, " or ")
}
