package explain

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name + ".golden"
	if *update {
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

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, "2026-11-23T"+clock+"Z")
	if err != nil {
		panic(err) // a slip in the test itself
	}
	return t
}

var checkout = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}

// points gives one-minute datapoints of the predefined CPU metric, oldest
// first, the last one for [09:57, 09:58), of 10 tasks.
func points(averages ...float64) signal.Set {
	s := signal.Series{Metric: spec.ServiceMetric(checkout, "CPUUtilization", "Sum"), Status: signal.Complete}
	for i, a := range averages {
		start := at("09:57:00").Add(time.Duration(i-len(averages)+1) * time.Minute)
		s.Points = append(s.Points, signal.Point{Start: start, Value: signal.Value(a * 10), Samples: 10})
	}
	return signal.Set{s}
}

// cell is a Fargate service of 10 tasks at target 60 %, in act mode, that scales in
// by a window of a quarter of an hour.
func cell(edit func(in *policy.Input)) policy.Input {
	in := policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Service: "checkout"}, Mode: spec.Act,
		Fleet: fleet.Snapshot{At: at("10:00:00"), Services: []fleet.Service{
			{Name: "checkout", Compute: fleet.Fargate, Active: true, Desired: 10, Running: 10},
		}},
		Services: []policy.ServiceInput{{Name: "checkout", Policy: spec.Service{
			Mode: spec.Act, MinCapacity: 2, MaxCapacity: 60,
			Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}},
			ScaleIn:  spec.ScaleIn{StabilizationWindow: new(spec.Duration(15 * time.Minute))},
		}}},
		Signals: points(82),
	}
	edit(&in)
	return in
}

// The words of real decisions, as they are told by status, explain and demo.
func TestDecisionWords(t *testing.T) {
	t.Parallel()
	quarter := make([]float64, 15)
	for i := range quarter {
		quarter[i] = 20
	}
	for name, edit := range map[string]func(in *policy.Input){
		"out": func(*policy.Input) {},
		"out-observed": func(in *policy.Input) {
			in.Services[0].Policy.Mode = spec.Observe
			in.Services[0].History.Shadow = new(12)
		},
		"out-capped": func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 12 },
		"at-max":     func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 10 },
		"saturated":  func(in *policy.Input) { in.Signals = points(99.7) },
		"steady":     func(in *policy.Input) { in.Signals = points(61) },
		"in":         func(in *policy.Input) { in.Signals = points(quarter...) },
		"in-cooldown": func(in *policy.Input) {
			in.Signals = points(quarter...)
			in.Services[0].History.Orders = []history.Order{{At: at("09:59:30"), From: 8, To: 10}}
		},
		"missing": func(in *policy.Input) { in.Signals = points() },
		"two-policies": func(in *policy.Input) {
			m := &spec.Metric{Namespace: "App", Name: "InFlight"}
			in.Services[0].Policy.Policies = append(in.Services[0].Policy.Policies,
				spec.Policy{TargetTracking: &spec.TargetTracking{Metric: m, TargetPerTask: 40}})
			in.Signals = append(in.Signals, signal.Series{
				Metric: spec.TargetTracking{Metric: m, TargetPerTask: 40}.CloudWatch(checkout).Metric, Status: signal.Complete,
				Points: []signal.Point{{Start: at("09:58:00"), Value: 333.333}},
			})
		},
		"missing-at-least": func(in *policy.Input) {
			in.Signals = points()
			in.Services[0].Policy.OnMissingData.AtLeast = 12
		},
		"in-gap": func(in *policy.Input) { in.Signals = points(quarter[1:]...) },
		"capped-now": func(in *policy.Input) {
			in.Services[0].Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 11, Until: at("12:00:00"), Why: "sale", By: "ann"}}
		},
		"group-steady": func(in *policy.Input) {
			in.Cell = fleet.Cell{Cluster: "prod", Group: "prod-m7g"}
			in.Services, in.Fleet.Services = nil, nil
			in.Fleet.Group = &fleet.Group{Name: "prod-m7g", MaxSize: 9, DesiredCapacity: 1}
			in.Group = &policy.GroupInput{Policy: spec.Group{Mode: spec.Act}}
		},
		"paused": func(in *policy.Input) {
			in.Services[0].Overrides = []spec.Override{{Kind: spec.Pause, Until: at("12:00:00"), Why: "sale", By: "ann"}}
		},
		"owned": func(in *policy.Input) {
			in.Services[0].Owner = policy.Owner{Kind: "ApplicationAutoScaling", Detail: "policy cpu60; suspend it first"}
		},
		"gone": func(in *policy.Input) { in.Fleet.Services = nil },
		"group": func(in *policy.Input) {
			in.Cell = fleet.Cell{Cluster: "prod", Group: "prod-m7g"}
			in.Fleet.Services[0].Compute, in.Fleet.Services[0].Group = fleet.EC2, "prod-m7g"
			in.Fleet.Services[0].TaskSize = fleet.Resources{CPU: 1024, Memory: 2048}
			in.Fleet.Group = &fleet.Group{Name: "prod-m7g", MaxSize: 9, DesiredCapacity: 1}
			in.Fleet.Instances = []fleet.Instance{{
				ID: "i-1", Group: "prod-m7g", Active: true, Connected: true,
				Registered: fleet.Resources{CPU: 2048, Memory: 7680}, Remaining: fleet.Resources{CPU: 1024, Memory: 4096},
			}}
			in.Group = &policy.GroupInput{Policy: spec.Group{Mode: spec.Act}}
		},
		"empty": func(in *policy.Input) { in.Services = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := cell(edit)
			d := policy.Decide(at("10:00:00"), in)
			got := Decision(d, in)
			golden(t, name, got)
			for _, s := range d.Services {
				if !strings.Contains(got, "              * ") && !strings.Contains(got, "  clauses     * ") {
					t.Errorf("no clause of %s is marked as binding", s.Service)
				}
			}
		})
	}
}

// Every rule that can bind a decision says what would change it.
func TestChangedByEveryRule(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../history/clause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type != nil { // the directions have a type
			return true
		}
		for i, name := range v.Names {
			lit, ok := v.Values[i].(*ast.BasicLit)
			if !ok {
				continue
			}
			rule, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			rules++
			if ChangedBy(fleet.ServiceTarget, rule, "") == "" {
				t.Errorf("changes lacks history.%s: say what would change a decision that it binds", name.Name)
			}
		}
		return true
	})
	if rules < 20 {
		t.Errorf("%d rules found, the test looks in the wrong place", rules)
	}
}

// What would change a decision depends on the kind of target and on the
// situation: no advice that cannot help.
func TestChangedBySituation(t *testing.T) {
	t.Parallel()
	quarter := make([]float64, 14) // of the 15 datapoints of the window
	for i := range quarter {
		quarter[i] = 20
	}
	for _, c := range []struct {
		name string
		edit func(in *policy.Input)
		want string
	}{
		{"no data", func(in *policy.Input) { in.Signals = points() }, "a new datapoint, or onMissingData with a larger count to run meanwhile"},
		{"onMissingData", func(in *policy.Input) {
			in.Signals = points()
			in.Services[0].Policy.OnMissingData.AtLeast = 12
		}, "a new datapoint, or another count in onMissingData"},
		{"a gap in the window of scale-in", func(in *policy.Input) { in.Signals = points(quarter...) }, changes[history.MissingData]},
		{"above the maximum without data", func(in *policy.Input) {
			in.Signals = points()
			in.Services[0].Policy.MaxCapacity = 8
		}, changes[history.MissingData]},
		{"an override's maximum", func(in *policy.Input) {
			in.Services[0].Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 11, Until: at("12:00:00"), Why: "sale", By: "ann"}}
		}, changes[history.HoldOverride]},
	} {
		d := policy.Decide(at("10:00:00"), cell(c.edit)).Services[0]
		if got := ChangedBy(fleet.ServiceTarget, d.Reason, d.Because); got != c.want {
			t.Errorf("%s (%s: %s): got %q, want %q", c.name, d.Reason, d.Because, got, c.want)
		}
	}
	for _, rule := range []string{history.AlreadyAtDesiredCapacity, history.MaxCapacity, history.AlreadyAtMaxCapacity} {
		if got := ChangedBy(fleet.GroupTarget, rule, ""); got == "" || got == changes[rule] || strings.Contains(got, "tolerance") {
			t.Errorf("%s of a group: %q", rule, got)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		0: "0", 820: "820", 333.333: "333.33", 0.005: "0.005", 1e13: "1e+13", -2.5: "-2.5", math.Inf(1): "unknown", 0.1 + 0.2: "0.3",
	} {
		if got := number(f); got != want {
			t.Errorf("number(%v) = %q, want %q", f, got, want)
		}
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode            spec.Mode
		before, desired int
		want            string
	}{
		{spec.Act, 10, 14, "scale out from 10 to 14 tasks"},
		{spec.Act, 2, 1, "scale in from 2 to 1 task"},
		{spec.Observe, 10, 14, "would scale out from 10 to 14 tasks"},
		{spec.Observe, 1, 1, "hold at 1 task"},
		{"", 0, 0, "hold at 0 tasks"},
	} {
		if got := Headline(c.mode, c.before, c.desired, "task"); got != c.want {
			t.Errorf("Headline(%s, %d, %d) = %q, want %q", c.mode, c.before, c.desired, got, c.want)
		}
	}
}
