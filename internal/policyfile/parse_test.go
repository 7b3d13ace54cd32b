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
	want := spec.Document{
		Cluster: "prod", Mode: spec.Act,
		Services: map[fleet.ServiceName]spec.Service{
			"checkout": {
				Mode: spec.Observe, MinCapacity: 2, MaxCapacity: 60,
				Policies: []spec.Policy{
					{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}},
					{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{
						Namespace: "App", Name: "InFlight", Dimensions: map[string]string{"Service": "checkout", "Shard": "7"},
						Statistic: "Sum", Period: spec.Duration(10 * time.Second),
					}, TargetPerTask: 40}},
				},
				ScaleOut: spec.ScaleOut{
					Tolerance: new(spec.Percent(0.05)), Cooldown: new(spec.Duration(0)), StabilizationWindow: new(spec.Duration(time.Minute)),
				},
				ScaleIn: spec.ScaleIn{
					Tolerance: new(spec.Percent(0.1)), Cooldown: new(spec.Duration(90 * time.Second)), StabilizationWindow: new(spec.Duration(15 * time.Minute)),
				},
				OnMissingData: spec.OnMissing{AtLeast: 12},
				Alarms:        []string{"checkout-high-cpu", "checkout: errors"},
			},
			"7": {
				MinCapacity: 1, MaxCapacity: 2,
				Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 72.5}}},
			},
		},
		Groups: map[fleet.GroupName]spec.Group{"prod-m7g": {Mode: spec.Act}, "prod.spot": {}},
	}
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
}

const small = "cluster: prod\nservices:\n  checkout:\n    minCapacity: 1\n    maxCapacity: 4\n" +
	"    policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]\n"

// Files that are built to hurt the reader are refused at once.
func TestParseHostile(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for _, c := range []struct{ name, src, want string }{
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
		{"empty", "", "1:1: the file holds no document"},
	} {
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
		case reflect.String, reflect.Int, reflect.Float64:
		default:
			t.Errorf("%s: kind %s is not read", path, ty.Kind())
		}
	}
	walk(reflect.TypeFor[spec.Document](), "document")
	if len(seen) < 15 {
		t.Errorf("walked %d types only", len(seen))
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := fields(reflect.TypeFor[spec.Service]())
	for name, want := range map[string]string{
		"maxCapacty": "did you mean maxCapacity?", "MinCapacity": "did you mean minCapacity?", "scale-in": "did you mean scaleIn?",
		"alarm": "did you mean alarms?", "whatever": "the fields here are alarms, maxCapacity",
	} {
		if got := Suggest(name, known); !strings.HasPrefix(got, want) {
			t.Errorf("Suggest(%q) = %q, want %q first", name, got, want)
		}
	}
	if got := Suggest("target", []string{"targetTracking"}); got != "the only field here is targetTracking" {
		t.Error(got)
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"a", "a", 0}, {"ab", "ba", 2}} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("edits(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// The beginnings that Parse tells problems by are the words of spec.Validate.
func TestProblemsAreKnownByTheirWords(t *testing.T) {
	t.Parallel()
	doc := spec.Document{Cluster: "prod", Services: map[fleet.ServiceName]spec.Service{"a": {MaxCapacity: 1, Policies: []spec.Policy{{}}}}}
	var all []string
	for _, p := range append(doc.Validate(), spec.Document{Cluster: "prod"}.Validate()...) {
		all = append(all, p.Message)
	}
	for _, want := range []string{sizesNothing, typeless, idle} {
		if !strings.Contains("\n"+strings.Join(all, "\n"), "\n"+want) {
			t.Errorf("no problem begins with %q:\n%s", want, strings.Join(all, "\n"))
		}
	}
}
