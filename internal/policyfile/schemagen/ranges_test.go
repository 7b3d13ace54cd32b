package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

// wide is the full document with bounds so wide that no field is held back by
// another: its JSON as a tree.
func wide(t *testing.T) map[string]any {
	t.Helper()
	src, err := os.ReadFile("../testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for _, edit := range [][2]string{
		{"maxCapacity: 60", "maxCapacity: 5000"},
		{"minCapacity: 2\n", "minCapacity: 0\n"},
		{"stableWindow: 2m", "stableWindow: 1h"},
		{"name: InFlight, period: 20s", "name: InFlight, period: 10s"},
		{"adjustmentType: ExactCapacity", "adjustmentType: ChangeInCapacity"},
		{"launchBackoff: 2m", "launchBackoff: 1m"},
	} {
		if !strings.Contains(text, edit[0]) {
			t.Fatalf("full.yaml does not hold %q", edit[0])
		}
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	// A service of 0 to 5000 tasks needs a policy that wakes it.
	text = strings.Replace(text, "    policies:\n", "    policies:\n      - backlog: {queue: q, acceptableLatency: 1m}\n", 1)
	doc, faults := policyfile.Parse([]byte(text), "wide")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var tree map[string]any
	if err := json.Unmarshal(policyfile.Canonical(doc), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// visit walks a tree along the types to every field that has a range.
func visit(c comments, v any, ty reflect.Type, path string, do func(owner map[string]any, f reflect.StructField, name, path string, k clauses)) {
	for ty.Kind() == reflect.Pointer {
		ty = ty.Elem()
	}
	switch node := v.(type) {
	case []any:
		for i, item := range node {
			visit(c, item, ty.Elem(), path+"["+strconv.Itoa(i)+"]", do)
		}
	case map[string]any:
		if ty.Kind() == reflect.Map {
			for name, item := range node {
				visit(c, item, ty.Elem(), path+"."+name, do)
			}
			return
		}
		if scalar(ty) != nil {
			return
		}
		for f := range ty.Fields() {
			item, has := node[jsonName(f)]
			if !has {
				continue
			}
			below := strings.TrimPrefix(path+"."+jsonName(f), ".")
			if k := c.field(ty, f); k.Low != "" {
				do(node, f, ty.Name()+"."+f.Name, below, k)
			}
			visit(c, item, f.Type, below, do)
		}
	}
}

// The ranges that the comments name are those that Parse and Validate hold to: a
// value at a bound passes, one past it is refused at its place.
func TestRangesAreThoseOfValidate(t *testing.T) {
	t.Parallel()
	c, tree := spoken(t), wide(t)
	passed := map[string]bool{} // a field's bound that one place at least accepts
	visit(c, tree, reflect.TypeFor[spec.Document](), "", func(owner map[string]any, f reflect.StructField, name, path string, k clauses) {
		kept := owner[jsonName(f)]
		refused := func(value any) bool {
			at := path
			if f.Type.Kind() == reflect.Map { // the range is that of its entries
				at, value = path+".web", map[string]any{"web": value}
			}
			owner[jsonName(f)] = value
			defer func() { owner[jsonName(f)] = kept }()
			src, err := json.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			_, faults := policyfile.Parse(src, name)
			for _, x := range faults {
				if x.Path == at {
					return true
				}
			}
			return false
		}
		inside, outside := bounds(t, element(f.Type), k)
		for _, v := range outside {
			if !refused(v) {
				t.Errorf("%s: %s accepts %v, the comment says %s", name, path, v, k.span())
			}
		}
		for _, v := range inside {
			bound := fmt.Sprintf("%s: %v", name, v)
			passed[bound] = passed[bound] || !refused(v)
		}
	})
	for bound, ok := range passed {
		if !ok {
			t.Errorf("%s is refused everywhere, the comment allows it", bound)
		}
	}
	if len(passed) < 60 {
		t.Errorf("%d bounds tried, the test looks in the wrong place", len(passed))
	}
}

// bounds gives the values at the ends of a range, and just past them.
func bounds(t *testing.T, kind reflect.Type, k clauses) (inside, outside []any) {
	t.Helper()
	if kind == reflect.TypeFor[spec.Duration]() {
		low, high := span(t, k.Low), span(t, k.High)
		return []any{k.Low, k.High}, []any{spec.Duration(low - 1).String(), spec.Duration(high + 1).String()}
	}
	unit := ""
	if kind == reflect.TypeFor[spec.Percent]() {
		unit = "%"
	}
	if k.High == "" {
		k.High = greatest
	}
	least, most := numeral(t, strings.TrimSuffix(k.Low, unit)), numeral(t, strings.TrimSuffix(k.High, unit))
	step := 1.0
	if kind.Kind() == reflect.Float64 && least != 0 {
		step = max(0.01, -least/1000)
	}
	write := func(v float64) any {
		if unit == "" {
			return v
		}
		return strconv.FormatFloat(v, 'f', -1, 64) + unit
	}
	past := most + step
	if kind.Kind() == reflect.Float64 && unit == "" {
		past = most * 1.001
	}
	inside, outside = []any{write(most)}, []any{write(least - step), write(past)}
	if k.Above {
		return inside, append(outside, write(least))
	}
	return append(inside, write(least)), outside
}

func span(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func numeral(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
