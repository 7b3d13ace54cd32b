package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// greatest bounds every number that has no bound of its own.
const greatest = "1e15"

// writeSchema gives the JSON Schema of a policy document.
func writeSchema(c comments) ([]byte, error) {
	r := jsonschema.Reflector{
		Anonymous: true,
		Mapper:    scalar,
		LookupComment: func(t reflect.Type, field string) string {
			if t.Kind() != reflect.Struct {
				return ""
			}
			if f, ok := t.FieldByName(field); ok {
				return describe(c.field(t, f))
			}
			return strings.ReplaceAll(c.of(t), "`", "")
		},
	}
	s := r.Reflect(spec.Document{})
	s.ID = "urn:trimtab:policy"
	s.Title = "Trimtab scaling policy document"
	for _, t := range types() {
		def, ok := s.Definitions[t.Name()]
		if !ok {
			return nil, fmt.Errorf("write schema: %s has no definition", t)
		}
		if err := narrow(c, t, def); err != nil {
			return nil, err
		}
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(out, '\n'), nil
}

// scalar gives the forms of types that read themselves.
func scalar(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[spec.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: spec.DurationPattern}
	case reflect.TypeFor[spec.Percent]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
			{Type: "string", Pattern: spec.PercentPattern}, {Type: "number", Minimum: "0", Maximum: "1"},
		}}
	case reflect.TypeFor[spec.OnMissing]():
		object := &jsonschema.Schema{Type: "object", Required: []string{"atLeast"}, AdditionalProperties: jsonschema.FalseSchema}
		object.Properties = jsonschema.NewProperties()
		object.Properties.Set("atLeast", &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(spec.MaxTasks))})
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Const: "hold"}, object}}
	}
	return nil
}

// describe gives a field's meaning with its range and default, as an editor shows
// it: in plain text.
func describe(c clauses) string {
	parts := []string{strings.TrimSuffix(c.Meaning, ".") + "."}
	for _, r := range []string{c.span(), c.many()} {
		if r != "" {
			parts = append(parts, strings.ToUpper(r[:1])+r[1:]+".")
		}
	}
	if c.Default != "" {
		parts = append(parts, "Default "+c.Default+".")
	}
	return strings.ReplaceAll(strings.Join(parts, " "), "`", "")
}

// many gives the greatest number of entries in words.
func (c clauses) many() string {
	if c.Most == "" {
		return ""
	}
	return "up to " + c.Most + " entries"
}

// span gives the range in words.
func (c clauses) span() string {
	switch {
	case c.Above && c.High != "":
		return "above " + c.Low + ", up to " + c.High
	case c.Above:
		return "above " + c.Low
	case c.Low != "":
		return c.Low + " to " + c.High
	}
	return ""
}

// narrow adds to a type's schema what the comments and the tables say of it.
func narrow(c comments, t reflect.Type, def *jsonschema.Schema) error {
	for f := range t.Fields() {
		p, ok := def.Properties.Get(jsonName(f))
		if !ok {
			return fmt.Errorf("write schema: %s.%s has no property", t.Name(), f.Name)
		}
		if err := narrowField(c.field(t, f), t.Name()+"."+f.Name, f, p); err != nil {
			return fmt.Errorf("write schema: %s.%s: %w", t.Name(), f.Name, err)
		}
	}
	if rule := rules()[t.Name()]; rule != nil {
		def.OneOf, def.AnyOf, def.AllOf, def.DependentSchemas = rule.OneOf, rule.AnyOf, rule.AllOf, rule.DependentSchemas
	}
	return nil
}

func narrowField(c clauses, name string, f reflect.StructField, p *jsonschema.Schema) error {
	kind := element(f.Type)
	for _, word := range words(name, kind) {
		p.Enum = append(p.Enum, word)
	}
	if form := texts()[name]; form != nil {
		p.Pattern, p.MinLength, p.MaxLength = form.Pattern, form.MinLength, form.MaxLength
	}
	p.PropertyNames = names()[name]
	if slices.Contains(filled(), name) {
		p.MinItems = new(uint64(1))
	}
	if c.Most != "" {
		n, err := strconv.ParseUint(strings.ReplaceAll(c.Most, ",", ""), 10, 64)
		if err != nil {
			return fmt.Errorf("read %q as a number of entries: %w", c.Most, err)
		}
		if f.Type.Kind() == reflect.Map {
			p.MaxProperties = &n
		} else {
			p.MaxItems = &n
		}
	}
	switch {
	case name == "Service.Alarms":
		p.Items.MinLength, p.Items.MaxLength, p.UniqueItems = new(uint64(1)), new(uint64(255)), true
		p.Items.Not = &jsonschema.Schema{Pattern: `^arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:.`}
	case name == "Document.Groups": // a group without fields of its own may stand alone
		p.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{p.AdditionalProperties, {Type: "null"}}}
	case kind.Kind() == reflect.String && f.Type.Kind() == reflect.Map:
		p.AdditionalProperties = &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(1024))}
	}
	number := p
	if f.Type.Kind() == reflect.Map && p.AdditionalProperties != nil {
		number = p.AdditionalProperties
	}
	if err := narrowNumber(c, kind, number); err != nil {
		return err
	}
	p.Default = literal(c.Default, kind, words(name, kind))
	return nil
}

// narrowNumber sets the range of a number, which every number must have.
func narrowNumber(c clauses, kind reflect.Type, p *jsonschema.Schema) error {
	switch {
	case kind == reflect.TypeFor[spec.Duration](), kind == reflect.TypeFor[spec.Percent]():
		if c.Low == "" && !strings.Contains(c.Meaning, " up to ") {
			return fmt.Errorf("the comment has no range: write it as \"0s to 24h\"")
		}
		return nil
	case kind.Kind() != reflect.Int && kind.Kind() != reflect.Float64:
		return nil
	case c.Low == "":
		return fmt.Errorf("the comment has no range: write it as \"1 to 60\" or \"above 0\"")
	}
	high := c.High
	if high == "" {
		high = greatest
	}
	p.Maximum = json.Number(high)
	if c.Above {
		p.ExclusiveMinimum = json.Number(c.Low)
	} else {
		p.Minimum = json.Number(c.Low)
	}
	return nil
}

// literal gives a default that is a value, not a description, as such.
func literal(text string, kind reflect.Type, words []string) any {
	var form string
	switch {
	case kind == reflect.TypeFor[spec.Duration]():
		form = spec.DurationPattern
	case kind == reflect.TypeFor[spec.Percent]():
		form = spec.PercentPattern
	case kind == reflect.TypeFor[spec.OnMissing]():
		form = "^hold$"
	case len(words) > 0:
		form = "^(" + strings.Join(words, "|") + ")$"
	}
	if form != "" && regexp.MustCompile(form).MatchString(text) {
		return text
	}
	if kind.Kind() == reflect.Bool || kind.Kind() == reflect.Int || kind.Kind() == reflect.Float64 {
		if json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
	}
	return nil
}

// words are the values of a text field that takes few.
func words(name string, kind reflect.Type) []string {
	if w := choices()[name]; w != nil {
		return w
	}
	return choices()[kind.Name()]
}

// element gives what a field holds one or several of.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || isList(t) {
		t = t.Elem()
	}
	return t
}

// types are the document's structs in the order in which a reader meets them.
func types() []reflect.Type {
	var out []reflect.Type
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		if t = element(t); t.Kind() != reflect.Struct || scalar(t) != nil || slices.Contains(out, t) {
			return
		}
		out = append(out, t)
		for f := range t.Fields() {
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[spec.Document]())
	return out
}
