package main

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const intro = `# The policy reference

<!-- Written by internal/policyfile/schemagen from the comments in internal/core/spec. Change those, then run make generate. -->

Every field of the [policy document](policy.md), one section a part. The same words are in [policy.schema.json](policy.schema.json), which editors read.

- A **duration** is written with its units: ` + "`90s`, `15m`, `1h30m`, `250ms`" + `, and may begin with whole days: ` + "`3d`, `1d12h`" + `. A bare number is refused.
- A **percentage** is written as ` + "`5%`" + `; the ratio ` + "`0.05`" + ` is read too.
- A **number** is decimal, at most 1e15. Where it can be left out, 0 is refused instead of being read as the default, unless its range begins at 0.
- **Text** that looks like a number or has a ` + "`: `" + ` in it stands in quotes.
- A **time of day** best stands in quotes too: for tools that read YAML 1.1 a bare ` + "`19:00` is the number 1140" + `. Trimtab reads it either way.
- A field that must be there is **required**; an unknown one is refused.
`

// writeReference gives the reference: a section for every part of the document.
func writeReference(c comments) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, t := range types() {
		b.WriteString("\n## " + title(t) + "\n\n" + code(c.of(t)) + "\n\n")
		b.WriteString("| field | value | default | meaning |\n|---|---|---|---|\n")
		for f := range t.Fields() {
			k := c.field(t, f)
			b.WriteString("| `" + jsonName(f) + "` | " + value(t.Name()+"."+f.Name, f, k) + " | " + ifAbsent(t.Name()+"."+f.Name, f, k) + " | " + code(k.Meaning) + " |\n")
		}
	}
	return b.String()
}

// title names a part of the document: targetTracking of TargetTracking.
func title(t reflect.Type) string { return strings.ToLower(t.Name()[:1]) + t.Name()[1:] }

// value says what stands in a field.
func value(name string, f reflect.StructField, c clauses) string {
	kind := element(f.Type)
	what := "text"
	switch {
	case kind == reflect.TypeFor[spec.Duration]():
		what = "duration"
	case kind == reflect.TypeFor[spec.Percent]():
		what = "percentage"
	case kind == reflect.TypeFor[spec.OnMissing]():
		what = "`hold` or `{atLeast: N}`"
	case kind.Kind() == reflect.Struct:
		what = "[" + title(kind) + "](#" + strings.ToLower(kind.Name()) + ")"
	case kind.Kind() == reflect.Int:
		what = "whole number"
	case kind.Kind() == reflect.Float64:
		what = "number"
	case kind.Kind() == reflect.Bool:
		what = "`true` or `false`"
	case len(words(name, kind)) > 0:
		w := words(name, kind)
		what = "`" + strings.Join(w[:len(w)-1], "`, `") + "` or `" + w[len(w)-1] + "`"
	}
	list := f.Type
	if list.Kind() == reflect.Pointer {
		list = list.Elem()
	}
	switch list.Kind() { //nolint:exhaustive // the rest hold one value
	case reflect.Slice:
		what = "list of " + what
	case reflect.Map:
		what = "names, each with " + what
	}
	for _, r := range []string{c.span(), strings.TrimSuffix(c.many(), " entries")} {
		if r != "" {
			what += ", " + r
		}
	}
	return what
}

// ifAbsent says what the absence of a field means.
func ifAbsent(name string, f reflect.StructField, c clauses) string {
	switch {
	case isRequired(f):
		return "required"
	case literal(c.Default, element(f.Type), words(name, element(f.Type))) != nil:
		return "`" + c.Default + "`"
	}
	return code(c.Default)
}

// inCode is a name or a value of the document in a text: what has backquotes
// already, {atLeast: N}, a camelCase or a CamelCase word.
var inCode = regexp.MustCompile("`[^`]*`|\\{[a-z][^}]*\\}|\\b(?:[a-z]+[A-Z]|[A-Z][a-z]+[A-Z]|[A-Z]{3}[A-Z]*[a-z])[A-Za-z]*\\b")

// code marks the names and values of the document in a text.
func code(text string) string {
	text = inCode.ReplaceAllStringFunc(text, func(word string) string {
		if word == "CloudWatch" || strings.HasPrefix(word, "`") {
			return word
		}
		return "`" + word + "`"
	})
	return strings.ReplaceAll(text, "|", "\\|")
}
