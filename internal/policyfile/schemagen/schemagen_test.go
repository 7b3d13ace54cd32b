package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const (
	specFolder = "../../core/spec"
	docsFolder = "../../../docs"
)

func spoken(t *testing.T) comments {
	t.Helper()
	c, err := readComments(specFolder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The published files are those that the comments of core/spec give.
func TestPublishedFilesAreFresh(t *testing.T) {
	t.Parallel()
	files, err := generate(specFolder)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(docsFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("docs/%s is stale: run make generate (-comments +file):\n%s", name, d)
		}
	}
}

func TestRunWritesTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := run([]string{specFolder, dir}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"policy.schema.json", "policy-reference.md"} {
		want, err := os.ReadFile(filepath.Join(docsFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s differs from the published file, %v: run make generate", name, err)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "read arguments: 0 are given"},
		{[]string{dir, dir}, "no Go file is there"},
		{[]string{specFolder, filepath.Join(dir, "none")}, "open the folder of the docs"},
	} {
		if err := run(c.args); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %q", c.args, err, c.want)
		}
	}
}

// The same comments give the same bytes: no map order.
func TestGenerateIsStable(t *testing.T) {
	t.Parallel()
	first, err := generate(specFolder)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := generate(specFolder)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(first, again); d != "" {
			t.Fatal(d)
		}
	}
}

// Every type and field of the document has a comment that says something.
func TestEveryFieldHasWords(t *testing.T) {
	t.Parallel()
	c := spoken(t)
	for _, ty := range types() {
		if len(c.of(ty)) < 10 {
			t.Errorf("%s has no comment: the reference and the schema show it", ty)
		}
		for f := range ty.Fields() {
			if k := c.field(ty, f); len(k.Meaning) < 10 || strings.Contains(k.Meaning, " .") || strings.Contains(k.Meaning, ";.") {
				t.Errorf("%s.%s means %q", ty, f.Name, k.Meaning)
			}
		}
	}
	if len(types()) < 20 {
		t.Errorf("%d types found, the test looks in the wrong place", len(types()))
	}
}

// The tables speak of fields that exist.
func TestTablesNameFields(t *testing.T) {
	t.Parallel()
	known := []string{"Mode", "Select"}
	kinds := map[string]bool{}
	for _, ty := range types() {
		kinds[ty.Name()] = true
		for f := range ty.Fields() {
			known = append(known, ty.Name()+"."+f.Name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(choices())), slices.Collect(maps.Keys(texts())), slices.Collect(maps.Keys(names())), filled()) {
		if !slices.Contains(known, name) {
			t.Errorf("%s is no field of the document", name)
		}
	}
	for name := range rules() {
		if !kinds[name] {
			t.Errorf("%s is no type of the document", name)
		}
	}
}

func TestClauses(t *testing.T) {
	t.Parallel()
	type sample struct {
		Cooldown *spec.Duration `json:"cooldown,omitempty"`
		Lines    []string       `json:"lines,omitempty"`
		Rate     float64        `json:"rate"`
	}
	ty := reflect.TypeFor[sample]()
	tests := []struct {
		field, comment string
		want           clauses
	}{
		{"Cooldown", "Cooldown is how long to wait, 0s to 24h, default 60s.", clauses{Meaning: "How long to wait.", Low: "0s", High: "24h", Default: "60s"}},
		{"Cooldown", "Cooldown is how long to wait, 0s to 24h, default twice Rate; 0s is not at all.", clauses{Meaning: "How long to wait; 0s is not at all.", Low: "0s", High: "24h", Default: "twice `rate`"}},
		{"Cooldown", "Cooldown ends it; default 24:00.", clauses{Meaning: "Ends it.", Default: "24:00"}},
		{"Cooldown", "Cooldown ends it. Default 24:00.", clauses{Meaning: "Ends it.", Default: "24:00"}},
		{"Cooldown", "Cooldown says what happens, default hold: nothing, up to 3 times.", clauses{Meaning: "Says what happens: nothing, up to 3 times.", Default: "hold"}},
		{"Lines", "Lines are the texts, up to 1,000. See Rate.", clauses{Meaning: "The texts. See `rate`.", Most: "1,000"}},
		{"Lines", "Lines bound it, up to 5 entries, default one.", clauses{Meaning: "Bound it.", Most: "5", Default: "one"}},
		{"Rate", "Rate is a price, above 0.", clauses{Meaning: "A price.", Low: "0", Above: true}},
		{"Rate", "Rate is a price, above 0 to 1e6: in dollars.", clauses{Meaning: "A price: in dollars.", Low: "0", High: "1e6", Above: true}},
		{"Rate", "Rate is a number, -1e15 to 1e15.", clauses{Meaning: "A number.", Low: "-1e15", High: "1e15"}},
		{"Rate", "Rate is at least 1.1, 1.1 to 10.", clauses{Meaning: "At least 1.1.", Low: "1.1", High: "10"}},
		{"Rate", "Rate is a number. Rate again, as Lines and Lambda.", clauses{Meaning: "A number. `rate` again, as `lines` and Lambda."}},
	}
	for _, tt := range tests {
		f, _ := ty.FieldByName(tt.field)
		if d := cmp.Diff(tt.want, comments{"sample." + tt.field: tt.comment}.field(ty, f)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.comment, d)
		}
	}
}

// A number without a range would be open in the schema and untold in the reference.
func TestNumbersNeedARange(t *testing.T) {
	t.Parallel()
	c := spoken(t)
	c["ScaleIn.Datapoints"] = "Datapoints is how many datapoints must ask for less."
	if _, err := writeSchema(c); err == nil || !strings.Contains(err.Error(), "ScaleIn.Datapoints: the comment has no range") {
		t.Errorf("got %v", err)
	}
	c = spoken(t)
	c["ScaleIn.Cooldown"] = "Cooldown is a rest."
	if _, err := writeSchema(c); err == nil || !strings.Contains(err.Error(), "ScaleIn.Cooldown: the comment has no range") {
		t.Errorf("got %v", err)
	}
}

// The defaults that the comments name are those of the code.
func TestDefaultsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	out, in := spec.Service{}.Out(), spec.Service{}.In()
	groupOut, groupIn := spec.Group{}.Out(), spec.Group{}.In()
	cpu, memory := spec.Headroom{}.Shares()
	stable, _ := spec.Concurrency{}.Windows()
	code := map[string]any{
		"Document.Mode": spec.Least("", spec.Act), "Service.OnMissingData": spec.OnMissing{}, "Policy.OnMissingData": spec.OnMissing{},
		"Service.RepairsPerHour": spec.Service{}.Repairs(), "Policy.DisableScaleIn": spec.Policy{}.DisableScaleIn,
		"Metric.Period":                 spec.Duration(spec.Policy{Concurrency: &spec.Concurrency{}}.Period()),
		"MathInput.Statistic":           spec.Metric{Expression: "a", Metrics: map[string]spec.MathInput{"a": {}}}.CloudWatch("").Inputs[0].Metric.Statistic,
		"Concurrency.TargetUtilization": spec.Percent(spec.DefaultUtilization), "Concurrency.StableWindow": spec.Duration(stable),
		"Concurrency.PanicThreshold": spec.DefaultPanicThreshold, "Concurrency.MaxScaleUpRate": spec.DefaultMaxUpRate, "Concurrency.MaxScaleDownRate": spec.DefaultMaxDownRate,
		"ScaleOut.Tolerance": spec.Percent(out.Tolerance), "ScaleOut.Cooldown": spec.Duration(out.Cooldown), "ScaleOut.StabilizationWindow": spec.Duration(out.StabilizationWindow),
		"ScaleIn.Tolerance": spec.Percent(in.Tolerance), "ScaleIn.Cooldown": spec.Duration(in.Cooldown), "ScaleIn.StabilizationWindow": spec.Duration(in.StabilizationWindow),
		"ScaleIn.Datapoints": in.Datapoints, "ScaleIn.DeploymentFreeze": spec.Duration(in.DeploymentFreeze), "ScaleIn.HistoryFloor": spec.Percent(in.HistoryFloor),
		"FlapBudget.Period": in.FlapBudget.Period, "Activation.CoolOff": spec.Duration((*spec.Activation)(nil).CoolOffTime()),
		"Wake.Above": spec.Wake{}.Above, "FallbackFor.After": spec.Duration(spec.FallbackFor{}.AfterTime()), "FallbackFor.CoolOff": spec.Duration(spec.FallbackFor{}.CoolOffTime()),
		"Veto.Lookback": spec.Duration(spec.Veto{}.LookbackTime()), "Spend.AtMostPerHour": spec.Spend{}.AtMostPerHour,
		"Headroom.CPU": spec.Percent(cpu), "Headroom.Memory": spec.Percent(memory), "Headroom.LargestTask": spec.Headroom{}.LargestTask,
		"InstanceShape.GPU": spec.InstanceShape{}.GPU, "InstanceShape.ENIs": spec.InstanceShape{}.ENIs,
		"GroupScaleOut.LaunchBackoff": spec.Duration(groupOut.LaunchBackoff), "GroupScaleOut.MaxLaunchBackoff": spec.Duration(groupOut.MaxLaunchBackoff),
		"GroupScaleOut.FallbackCoolOff": spec.Duration(groupOut.FallbackCoolOff),
		"GroupScaleIn.Disabled":         groupIn.Disabled, "GroupScaleIn.Consolidate": groupIn.Consolidate, "GroupScaleIn.MaxDraining": groupIn.MaxDraining,
		"GroupScaleIn.MinSavings": groupIn.MinSavings, "GroupScaleIn.CoolOff": spec.Duration(groupIn.CoolOff),
		"GroupScaleIn.StabilizationWindow": spec.Duration(groupIn.StabilizationWindow), "GroupScaleIn.DrainTimeout": spec.Duration(groupIn.DrainTimeout),
		"GroupScaleIn.OnDrainTimeout": groupIn.OnDrainTimeout, "GroupScaleIn.StandaloneTasks": groupIn.StandaloneTasks,
		"GroupScaleIn.ManageProtection": groupIn.ManageProtection,
	}
	words := map[string]string{ // what the code cannot be asked for in one word
		"Service.Mode": "the document's", "Group.Mode": "the document's", "Policy.Name": "the name of its metric",
		"Metric.Statistic":              "Average, and Sum or Maximum where the field that holds the metric says so",
		"StepScaling.EvaluationPeriods": "1", "StepAdjustment.MetricIntervalLowerBound": "minus infinity", "StepAdjustment.MetricIntervalUpperBound": "infinity",
		"Backlog.Concurrency": "1", "Backlog.MaxAge": "twice `acceptableLatency`", "Concurrency.PanicWindow": "a tenth of the stable one",
		"Scheduled.Days": "every day", "Scheduled.From": "00:00", "Scheduled.To": "24:00", "Scheduled.TimeZone": "UTC",
		"ScaleOut.SelectPolicy": "Max", "ScaleIn.SelectPolicy": "Max", "Veto.TreatMissingData": "breaching",
		"ScaleOut.RateLimits": "300 % or 10 tasks a minute", "ScaleIn.RateLimits": "25 % a minute", "ScaleIn.RemovalBudget": "50 % in 15 minutes", "ScaleIn.FlapBudget": "2 an hour",
		"GroupScaleIn.Budget": "10 % in 15 minutes", "GroupScaleIn.EmptyBudget": "50 % in 5 minutes",
		"DisruptionWindow.Days": "every day", "DisruptionWindow.From": "00:00", "DisruptionWindow.To": "24:00", "DisruptionWindow.TimeZone": "UTC",
	}
	c := spoken(t)
	for _, ty := range types() {
		for f := range ty.Fields() {
			name, got := ty.Name()+"."+f.Name, c.field(ty, f).Default
			want, coded := code[name]
			switch {
			case coded:
				delete(code, name)
				if !same(t, f.Type, got, want) {
					t.Errorf("%s: the comment says default %q, the code %v", name, got, want)
				}
			case got != words[name]:
				t.Errorf("%s: the comment says default %q, this test %q: compare it with the code", name, got, words[name])
			}
		}
	}
	for name := range code {
		t.Errorf("%s is no field with a default", name)
	}
}

// same tells whether a default as written is read as a value of the code.
func same(t *testing.T, kind reflect.Type, written string, want any) bool {
	t.Helper()
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	v := reflect.New(kind)
	raw := []byte(written)
	if !json.Valid(raw) {
		raw, _ = json.Marshal(written)
	}
	if err := json.Unmarshal(raw, v.Interface()); err != nil {
		return false
	}
	got, err := json.Marshal(v.Interface())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	return err == nil && string(got) == string(b)
}

// The rate limits that the comments name in words.
func TestDefaultLimitsInWords(t *testing.T) {
	t.Parallel()
	minute := spec.Duration(spec.DefaultPeriod)
	out, in := spec.Service{}.Out(), spec.Service{}.In()
	if d := cmp.Diff([][]spec.RateLimit{
		{{Percent: 300, Period: minute}, {Tasks: 10, Period: minute}}, {{Percent: 25, Period: minute}}, {{Percent: 50, Period: 15 * minute}},
	}, [][]spec.RateLimit{out.RateLimits, in.RateLimits, in.RemovalBudget}); d != "" {
		t.Errorf("change the comments too (-comments +code):\n%s", d)
	}
	group := spec.Group{}.In()
	if d := cmp.Diff([][]spec.InstanceLimit{
		{{Percent: 10, Period: 15 * minute}}, {{Percent: 50, Period: 5 * minute}},
	}, [][]spec.InstanceLimit{group.Budget, group.EmptyBudget}); d != "" {
		t.Errorf("change the comments too (-comments +code):\n%s", d)
	}
	if in.FlapBudget.Reversals != 2 {
		t.Error("change the comment on FlapBudget too")
	}
}
