package policyfile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// documents draws valid documents with every field, and names and values that
// YAML would take for something else.
func documents() *rapid.Generator[spec.Document] {
	return rapid.Custom(func(t *rapid.T) spec.Document {
		return spec.Document{
			Cluster:  fleet.ClusterName(drawName(t, "cluster")),
			Mode:     drawMode(t),
			Services: rapid.MapOfN(rapid.Custom(func(t *rapid.T) fleet.ServiceName { return fleet.ServiceName(drawName(t, "service")) }), services(), 1, 4).Draw(t, "services"),
			Groups: rapid.MapOfN(rapid.Custom(func(t *rapid.T) fleet.GroupName {
				return fleet.GroupName(strings.ReplaceAll(drawText(t, "group"), ":", "."))
			}), rapid.Custom(func(t *rapid.T) spec.Group { return spec.Group{Mode: drawMode(t)} }), 1, 3).Draw(t, "groups"),
		}
	})
}

func drawName(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9_-]{1,12}`),
		rapid.SampledFrom([]string{"true", "null", "no", "7", "1e3", "-", "--", "0x1F", "017", "1_0"}),
	).Draw(t, label)
}

// drawText gives text without control characters, since a name may hold none.
func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`[ -~]{1,20}`),
		rapid.StringMatching(`[\x{a1}-\x{2fff}\x{1f600}-\x{1f64f}]{1,8}`),
		rapid.SampledFrom([]string{
			"5%", "-1", "1e400", "a: b", "a #b", "# b", "- b", "&a", "*a", "!a", "@a", "`a`", "'a'", `"a"`, "|", ">", "{a}", "[a]", "a, b",
			"? a", "%a", "<<", "~", "null", "true", "yes", " a", "a ", `\`, "2026-11-23", ".inf", "=", "<b>&amp;", "0.5", "a:b", "\u2028",
		}),
	).Draw(t, label)
}

func drawMode(t *rapid.T) spec.Mode {
	return rapid.SampledFrom([]spec.Mode{"", spec.Observe, spec.Act}).Draw(t, "mode")
}

func services() *rapid.Generator[spec.Service] {
	return rapid.Custom(func(t *rapid.T) spec.Service {
		low := rapid.IntRange(1, 100).Draw(t, "min")
		high := rapid.IntRange(low, spec.MaxTasks).Draw(t, "max")
		s := spec.Service{
			Mode: drawMode(t), MinCapacity: low, MaxCapacity: high,
			Policies: rapid.SliceOfN(rapid.Custom(drawPolicy), 1, 3).Draw(t, "policies"),
			ScaleOut: drawBehavior(t), ScaleIn: drawBehavior(t),
			OnMissingData: spec.OnMissing{AtLeast: rapid.IntRange(0, high).Draw(t, "atLeast")},
		}
		for range rapid.IntRange(0, 2).Draw(t, "alarms") {
			s.Alarms = append(s.Alarms, drawText(t, "alarm"))
		}
		return s
	})
}

func drawPolicy(t *rapid.T) spec.Policy {
	value := float64(rapid.IntRange(1, 1000).Draw(t, "target")) / 10
	if rapid.Bool().Draw(t, "predefined") {
		return spec.Policy{TargetTracking: &spec.TargetTracking{
			PredefinedMetric: rapid.SampledFrom([]string{spec.CPUUtilization, spec.MemoryUtilization}).Draw(t, "metric"), TargetValue: value,
		}}
	}
	m := &spec.Metric{
		Namespace: drawText(t, "namespace"), Name: drawText(t, "name"),
		Statistic: rapid.SampledFrom([]string{"", "Sum", "p99.9"}).Draw(t, "statistic"),
		Period:    spec.Duration(rapid.SampledFrom([]time.Duration{0, 10 * time.Second, time.Minute, time.Hour}).Draw(t, "period")),
	}
	if rapid.Bool().Draw(t, "dimensions") {
		m.Dimensions = map[string]string{drawText(t, "dimension"): drawText(t, "value"), "x": ""}
	}
	tt := &spec.TargetTracking{Metric: m, TargetPerTask: value}
	if rapid.Bool().Draw(t, "average") {
		tt.TargetValue, tt.TargetPerTask = value, 0
	}
	return spec.Policy{TargetTracking: tt}
}

func drawBehavior(t *rapid.T) spec.Behavior {
	var b spec.Behavior
	if rapid.Bool().Draw(t, "tolerance") {
		// As Percent itself reads "n%", so that equal means equal.
		b.Tolerance = new(spec.Percent(float64(rapid.IntRange(0, 900).Draw(t, "permille")) / 10 / 100))
	}
	if rapid.Bool().Draw(t, "cooldown") {
		b.Cooldown = new(spec.Duration(rapid.IntRange(0, 86_400_000).Draw(t, "ms")) * spec.Duration(time.Millisecond))
	}
	if rapid.Bool().Draw(t, "window") {
		b.StabilizationWindow = new(spec.Duration(rapid.IntRange(0, 3600).Draw(t, "s")) * spec.Duration(time.Second))
	}
	return b
}

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
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 10_000 {
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
			return
		}
		checkPositions(t, src, faults)
	})
}
