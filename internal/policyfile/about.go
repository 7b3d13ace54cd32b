package policyfile

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/trimtab-ecs/trimtab/docs"
)

// The schema and the reference are written anew from the comments of core/spec.
//go:generate go run ./schemagen ../core/spec ../../docs

// about gives the first sentence of what the JSON Schema says of a field, empty for
// nothing.
func (p *parsing) about(t reflect.Type, field string) string {
	if p.schema == nil {
		p.schema = readSchema()
	}
	text := p.schema.Types[t.Name()].Properties[field].Description
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

// readSchema gives an empty one if it cannot be read: a fault can do without, and
// the schema has tests of its own.
func readSchema() *schema {
	var s schema
	if json.Unmarshal([]byte(docs.PolicySchema), &s) != nil {
		return &schema{}
	}
	return &s
}
