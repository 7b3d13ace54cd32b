package policyfile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// What is written canonically is read back as the same document, and the YAML
// of a diff says the same too.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := documents().Draw(t, "document")
		if problems := d.Validate(); len(problems) > 0 {
			t.Fatalf("the generator drew an invalid document: %+v", problems)
		}
		for name, src := range map[string][]byte{
			"canonical JSON": Canonical(d),
			"YAML":           []byte(strings.Join(readableLines(d), "\n") + "\n"),
		} {
			back, faults := Parse(src, name)
			if len(faults) > 0 {
				t.Fatalf("%s:\n%s\n%v", name, src, faults)
			}
			if diff := cmp.Diff(d, back); diff != "" {
				t.Fatalf("%s (-want +got):\n%s\n%s", name, diff, src)
			}
			if again := Canonical(back); string(again) != string(Canonical(d)) {
				t.Fatalf("canonical bytes differ:\n%s\n%s", Canonical(d), again)
			}
		}
	})
}

func TestCanonicalSameMeaningSameBytes(t *testing.T) {
	t.Parallel()
	var bytes []string
	for _, f := range []string{"full.yaml", "full.json"} {
		src, err := os.ReadFile(filepath.Join("testdata/good", f))
		if err != nil {
			t.Fatal(err)
		}
		doc, faults := Parse(src, f)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		bytes = append(bytes, string(Canonical(doc)))
	}
	if bytes[0] != bytes[1] {
		t.Errorf("YAML and JSON of one meaning differ:\n%s\n%s", bytes[0], bytes[1])
	}
	golden(t, "testdata/full.canonical.json", bytes[0]+"\n", *update)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	before := mustParse(t, `
cluster: prod
mode: act
services:
  checkout:
    minCapacity: 2
    maxCapacity: 40
    policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]
  same: {minCapacity: 1, maxCapacity: 2, policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]}
  old: {minCapacity: 1, maxCapacity: 2, policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]}
groups: {g: {mode: act}}
`)
	after := mustParse(t, `
cluster: prod
mode: act
services:
  checkout:
    mode: observe
    minCapacity: 2
    maxCapacity: 60
    policies:
      - targetTracking: {targetValue: 60, predefinedMetric: ECSServiceAverageCPUUtilization}
      - targetTracking: {metric: {namespace: App, name: "in: flight", period: 60s}, targetPerTask: 40}
  same: {mode: act, minCapacity: 1, maxCapacity: 2, policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60.0}}]}
groups: {g: {}, h: {}}
`)
	golden(t, "testdata/diff.golden", Diff(before, after), *update)
	if d := Diff(after, after); d != "" {
		t.Errorf("a document differs from itself:\n%s", d)
	}
	if n := len(Changes(spec.Document{Cluster: "prod"}, after)); n != 4 {
		t.Errorf("%d targets are new, want 4", n)
	}
}

func mustParse(t *testing.T, src string) spec.Document {
	t.Helper()
	d, faults := Parse([]byte(src), "inline")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return d
}

// The lines marked as old or common are the old text, those marked as new or
// common the new one.
func TestLineDiff(t *testing.T) {
	t.Parallel()
	lines := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 3), strconv.Itoa), 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		before, after := lines.Draw(t, "before"), lines.Draw(t, "after")
		var old, young []string
		changed := 0
		for _, l := range lineDiff(before, after) {
			if l[0] != '+' {
				old = append(old, l[2:])
			}
			if l[0] != '-' {
				young = append(young, l[2:])
			}
			if l[0] != ' ' {
				changed++
			}
		}
		if strings.Join(old, ",") != strings.Join(before, ",") || strings.Join(young, ",") != strings.Join(after, ",") {
			t.Fatalf("%v to %v: %v", before, after, lineDiff(before, after))
		}
		if strings.Join(before, ",") == strings.Join(after, ",") && changed > 0 {
			t.Fatalf("equal texts differ in %d lines", changed)
		}
	})
}

// maxFuzzed is the most bytes of a fuzzed file: the limits of size have their own test.
const maxFuzzed = 10_000

// everywhere is a document with one value in fields of every kind.
const everywhere = `cluster: prod
services:
  a:
    minCapacity: 0
    maxCapacity: VALUE
    policies:
      - name: VALUE
        disableScaleIn: VALUE
        onMissingData: VALUE
        backlog: {queue: q, acceptableLatency: VALUE, processingTime: 1s, concurrency: VALUE}
      - concurrency: {metric: {namespace: a, name: b, dimensions: {d: VALUE}}, targetPerTask: VALUE, targetUtilization: VALUE}
      - stepScaling: {metric: {expression: VALUE, metrics: VALUE}, threshold: VALUE, adjustmentType: ExactCapacity, stepAdjustments: [{metricIntervalLowerBound: VALUE, scalingAdjustment: VALUE}]}
    scheduled: [{name: w, from: VALUE, minCapacity: VALUE}]
    repairsPerHour: VALUE
`

func FuzzParse(f *testing.F) {
	for _, glob := range []string{"testdata/good/*", "testdata/bad/*"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	for _, c := range hostile() {
		if len(c.src) <= maxFuzzed {
			f.Add([]byte(c.src))
		}
	}
	for _, text := range []string{"0", "-0.0", "1e999", "0x10", "0o7", "017", "1_0", ".inf", ".nan", "~", "\"\"", "[]", "{}", "5%", "1h", "true", "&a 1", "*a", "!!int 1", "|\n        1"} {
		f.Add([]byte(strings.ReplaceAll(everywhere, "VALUE", text)))
	}
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > maxFuzzed {
			t.Skip("speed: the limits of size have their own test")
		}
		doc, faults := Parse(src, "fuzz")
		if len(faults) == 0 {
			if problems := doc.Validate(); len(problems) > 0 {
				t.Fatalf("accepted with problems: %+v", problems)
			}
			back, faults := Parse(Canonical(doc), "canonical")
			if len(faults) > 0 {
				t.Fatalf("its canonical form has faults: %v\n%s", faults, Canonical(doc))
			}
			if string(Canonical(back)) != string(Canonical(doc)) {
				t.Fatalf("its canonical form is read otherwise:\n%s\n%s", Canonical(doc), Canonical(back))
			}
			if err := conforms(schema, src); err != nil {
				t.Fatalf("the schema refuses what Parse accepts: %v\n%s", err, src)
			}
			return
		}
		checkPositions(t, src, faults)
	})
}
