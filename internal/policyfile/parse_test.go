package policyfile

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func golden(t *testing.T, path, got string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read golden file: %v (write it with -update)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got), accept with -update:\n%s", path, d)
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// Every file of testdata/bad has its faults, all of them, in a golden file.
func TestParseFaults(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*")
	if err != nil || len(files) < 15 {
		t.Fatalf("list testdata/bad: %d files, %v", len(files), err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, ".golden") {
			continue
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			doc, faults := Parse(src, filepath.Base(f))
			if len(faults) == 0 || !reflect.DeepEqual(doc, spec.Document{}) {
				t.Fatalf("want faults and no document, got %d and %+v", len(faults), doc)
			}
			var b strings.Builder
			for _, x := range faults {
				b.WriteString(x.String() + "\n")
			}
			golden(t, f+".golden", b.String(), *update)
			checkPositions(t, src, faults)
		})
	}
}

func checkPositions(t interface{ Errorf(string, ...any) }, src []byte, faults []Fault) {
	lines := strings.Split(normal(src), "\n")
	for i, f := range faults {
		if f.Line < 1 || f.Line > len(lines) {
			t.Errorf("fault %d stands in line %d of %d: %s", i, f.Line, len(lines), f.Message)
			continue
		}
		if width := utf8.RuneCountInString(lines[f.Line-1]); f.Column < 1 || f.Column > width+1 {
			t.Errorf("fault %d stands in column %d of %d: %s", i, f.Column, width, f.Message)
		}
		if f.Message == "" || f.Remedy == "" || f.Source == "" {
			t.Errorf("fault %d is not whole: %+v", i, f)
		}
		if i > 0 && (faults[i-1].Line > f.Line || faults[i-1].Line == f.Line && faults[i-1].Column > f.Column) {
			t.Errorf("fault %d is out of order", i)
		}
	}
}

func TestParseGood(t *testing.T) {
	t.Parallel()
	want := good()
	for _, f := range []string{"full.yaml", "full.json"} {
		src, err := os.ReadFile(filepath.Join("testdata/good", f))
		if err != nil {
			t.Fatal(err)
		}
		crlf := append([]byte("\ufeff"), []byte(strings.ReplaceAll(string(src), "\n", "\r\n"))...)
		for name, bytes := range map[string][]byte{f: src, f + " as Windows writes it": crlf} {
			got, faults := Parse(bytes, name)
			if len(faults) > 0 {
				t.Fatalf("%s: %v", name, faults)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	}
	set := map[string]bool{}
	walkSet(reflect.ValueOf(want), set)
	for _, f := range allFields() { // 0 is a value for these
		if !set[f] && f != "Wake.Above" {
			t.Errorf("full.yaml does not use %s", f)
		}
	}
}

const small = "cluster: prod\nservices:\n  checkout:\n    minCapacity: 1\n    maxCapacity: 4\n" +
	"    policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]\n"

// attack is a file that is built to hurt the reader, and what is said of it.
type attack struct{ name, src, want string }

func hostile() []attack {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	return []attack{
		{"too long", small + strings.Repeat("#", MaxBytes), "1048"},
		{"not UTF-8", small + "mode: \xff\n", "7:7: the file is not UTF-8"},
		{"control character", small + "mode: \x1b[31m\n", "7:7: control character U+001B"},
		{"C1 control character", small + "mode: \u009b31m\n", "7:7: control character U+009B"},
		{"deep flow", small + "x: " + deep, "7:35: the nesting is deeper than 32"},
		{"deep block", small + nestedBlocks(40), "the nesting is deeper than 32"},
		{"deep list", small + "x:\n  " + strings.Repeat("- ", 400) + "1\n", "the nesting is deeper than 32"},
		{"wide block", strings.Repeat("a: 1\n", 5_000), "more than 2000 entries"},
		{"wide flow", "[" + strings.Repeat("1,", 5_000) + "1]", "more than 2000 entries"},
		{"many tokens", strings.Repeat("x:\n"+strings.Repeat(" a: 1\n", 1000), 100), "more than 200000 words and signs"},
		{"keyless entries", "[" + strings.Repeat("{a},", 30_000) + "]", `"a" has no value`},
		{"alias bomb", "a: &a [1]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", "anchors are not read"},
		{"tags", "a: " + strings.Repeat("!x ", 100_000) + "1", "tags are not read"},
		{"long number", small + "mode: " + strings.Repeat("9", 100_000) + "\n", "mode wants text, not the number 9999"},
		{"many faults", "cluster: prod\nservices:\n" + manyTypos(90), "more faults from here on"},
		{"NUL", "cluster: \x00", "1:10: control character U+0000"},
		{"NUL in a metric", worker("metrics: {backlog: {namespace: \"a\x00b\"}}"), "12:44: control character U+0000"},
		{"empty", "", "1:1: the file holds no document"},
		{"aliases below policies", worker("queue: &q orders\n      - backlog: {queue: *q}"), "aliases are not read"},
		{"a merge key below policies", worker("<<: {queue: orders}"), "merge keys are not read"},
		{"a tab below policies", worker("queue: orders\n\tmaxAge: 1m"), "tab"},
		{"a field twice", worker("queue: a\n          queue: b"), `"queue" is given twice, first in line 12`},
		{"deep dimensions", worker("metrics: {backlog: {dimensions: " + strings.Repeat("{a: ", 40) + "1" + strings.Repeat("}", 40) + "}}"), "the nesting is deeper than 32"},
		{"steps without end", worker("queue: q\n      - stepScaling: {stepAdjustments: [" + strings.Repeat("{scalingAdjustment: 1}, ", 2_500) + "]}"), "more than 2000 entries"},
		{"a long list of steps", small + "  w: {minCapacity: 1, maxCapacity: 2, policies: [{stepScaling: {threshold: 1, adjustmentType: ExactCapacity, metric: {namespace: a, name: b}, stepAdjustments: [" + strings.Repeat("{scalingAdjustment: 1}, ", 1_500) + "]}}]}\n", "1500 step adjustments are not between 1 and 20"},
		{"many dimensions", worker("metrics: {backlog: {namespace: a, name: b, dimensions: {" + many(1_900) + "}}, arrivals: {namespace: a, name: b}}"), "1900 dimensions are more than 30"},
		{"many inputs", worker("metrics: {backlog: {expression: a0, metrics: {" + strings.ReplaceAll(many(1_900), ": x", ": {}") + "}}}"), "1900 metrics are not between 1 and 10"},
		{"sleepers", "cluster: prod\nservices:\n" + sleepers(1_000), "can never scale out again"},
		{"a long name", small + "    vetoes: [{above: 1, metric: {namespace: a, name: b}, name: " + strings.Repeat("n", 500_000) + "}]\n", "use 1 to 64 characters"},
		{"a long expression", worker("metrics: {backlog: {expression: " + strings.Repeat("a", 500_000) + ", metrics: {a: {namespace: a, name: b}}}}"), "expression has 500000 characters"},
		{"a long percentage", small + "    scaleIn: {historyFloor: " + strings.Repeat("9", 100_000) + "%}\n", "historyFloor: percentage"},
		{"a long duration", small + "    scaleIn: {deploymentFreeze: " + strings.Repeat("9", 100_000) + "h}\n", "deploymentFreeze: duration"},
		{"a long exponent", small + "    spend: {taskHour: 1e" + strings.Repeat("9", 100_000) + "}\n", "taskHour: the number 1e999"},
		{"a small exponent", small + "    spend: {taskHour: 1e-" + strings.Repeat("9", 100_000) + "}\n", "taskHour 0 is out of range"},
	}
}

// worker is a document whose second service has a backlog policy with the lines.
func worker(lines string) string {
	return small + "  worker:\n    minCapacity: 1\n    maxCapacity: 4\n    policies:\n      - backlog:\n          " + lines + "\n          acceptableLatency: 1m\n"
}

// many gives entries of a mapping: a0: x, a1: x.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: x, ", i)
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// sleepers are services that can never wake, each with several policies.
func sleepers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  s%d:\n    minCapacity: 0\n    maxCapacity: 9\n    policies:\n", i)
		b.WriteString(strings.Repeat("      - targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}\n", 5))
	}
	return b.String()
}

// Files that are built to hurt the reader are refused at once.
func TestParseHostile(t *testing.T) {
	t.Parallel()
	for _, c := range hostile() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, faults := Parse([]byte(c.src), "f.yaml")
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if len(faults) == 0 || len(faults) > MaxFaults+1 {
				t.Fatalf("%d faults", len(faults))
			}
			all := make([]string, 0, len(faults))
			for _, f := range faults {
				if len(f.String()) > 700 {
					t.Errorf("a fault takes %d bytes", len(f.String()))
				}
				all = append(all, f.String())
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("want %q in:\n%.2000s", c.want, got)
			}
			checkPositions(t, []byte(c.src), faults)
		})
	}
}

func manyTypos(services int) string {
	var b strings.Builder
	for i := range services {
		fmt.Fprintf(&b, "  x%d: {a: 1, b: 2, c: 3}\n", i)
	}
	return b.String()
}

func nestedBlocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "x:\n")
	}
	return b.String()
}

// The reader knows every kind of field that the document has: a field of a new
// kind in core/spec must be taught to decode first.
func TestDecodeKnowsEveryKind(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var walk func(ty reflect.Type, path string)
	walk = func(ty reflect.Type, path string) {
		if seen[ty] {
			return
		}
		seen[ty] = true
		if _, own := reflect.TypeAssert[json.Unmarshaler](reflect.New(ty)); own {
			return
		}
		switch ty.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(ty.Elem(), path)
		case reflect.Map:
			if ty.Key().Kind() != reflect.String {
				t.Errorf("%s: keys of %s are not read", path, ty)
			}
			walk(ty.Elem(), path)
		case reflect.Struct:
			for f := range ty.Fields() {
				if fieldName(f) == "" {
					t.Errorf("%s: field %s has no json name", path, f.Name)
				}
				walk(f.Type, path+"."+fieldName(f))
			}
		case reflect.String, reflect.Int, reflect.Float64, reflect.Bool:
		default:
			t.Errorf("%s: kind %s is not read", path, ty.Kind())
		}
	}
	walk(reflect.TypeFor[spec.Document](), "document")
	if len(seen) < 30 {
		t.Errorf("walked %d types only", len(seen))
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := fields(reflect.TypeFor[spec.Service]())
	for name, want := range map[string]string{
		"maxCapacty": "did you mean maxCapacity?", "MinCapacity": "did you mean minCapacity?", "scale-in": "did you mean scaleIn?",
		"alarm": "did you mean alarms?", "veto": "did you mean vetoes?", "rep": "did you mean repairsPerHour?", "sca": "the fields here are activation", "whatever": "the fields here are activation, alarms, constraints, fallbackFor",
	} {
		if got := Suggest(name, known); !strings.HasPrefix(got, want) {
			t.Errorf("Suggest(%q) = %q, want %q first", name, got, want)
		}
	}
	if got := Suggest("target", []string{"mode"}); got != "the only field here is mode" {
		t.Error(got)
	}
}

// The words that Parse tells problems by are those of spec.Validate.
func TestProblemsAreKnownByTheirWords(t *testing.T) {
	t.Parallel()
	step := spec.StepAdjustment{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(1.0)}
	doc := spec.Document{Cluster: "prod", Services: map[fleet.ServiceName]spec.Service{"a": {
		MaxCapacity: 1, Policies: []spec.Policy{{StepScaling: &spec.StepScaling{StepAdjustments: []spec.StepAdjustment{step}}}},
		Scheduled: []spec.Scheduled{{Name: "a"}, {Name: "b", MaxCapacity: new(9)}},
	}, "b": {
		MinCapacity: 1, MaxCapacity: 2, Activation: &spec.Activation{}, Scheduled: []spec.Scheduled{{Name: "a", MinCapacity: new(1)}},
		Policies: []spec.Policy{{Backlog: &spec.Backlog{Queue: "q"}}, {Backlog: &spec.Backlog{Queue: "q"}}},
	}, "c": {
		MinCapacity: 1, MaxCapacity: 2, Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization}}},
		Scheduled: []spec.Scheduled{{Name: "a", MinCapacity: new(0)}},
	}}}
	var all []string
	for _, p := range doc.Validate() {
		all = append(all, p.Path[len(p.Path)-1]+": "+p.Message)
	}
	for _, want := range []string{"minCapacity: " + idle, "0: " + unmoved, "activation: " + asleep, "name: the policies 0 and 1 " + called, "minCapacity: " + idle + "while", "maxCapacity: maxCapacity 9 is not between 1 and " + ofService, "stepAdjustments: above 1 there is no step"} {
		if !strings.Contains("\n"+strings.Join(all, "\n"), "\n"+want) {
			t.Errorf("no problem begins with %q:\n%s", want, strings.Join(all, "\n"))
		}
	}
}
