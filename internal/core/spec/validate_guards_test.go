package spec_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func judge(t *testing.T, edit func(*spec.Service), want []spec.Problem) {
	t.Helper()
	s := service()
	edit(&s)
	if diff := cmp.Diff(want, s.Validate()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The fields that both directions have are judged alike.
func TestValidateBehavior(t *testing.T) {
	t.Parallel()
	type both struct {
		Tolerance        *spec.Percent
		Cooldown, Window *spec.Duration
		Select           spec.Select
	}
	tests := []struct {
		name string
		b    both
		want *spec.Problem // its path follows scaleOut or scaleIn
	}{
		{"tolerance 0%", both{Tolerance: new(spec.Percent(0))}, nil},
		{"tolerance 90%", both{Tolerance: new(spec.Percent(0.9))}, nil},
		{"tolerance 91%", both{Tolerance: new(spec.Percent(0.91))}, new(problem("tolerance", "tolerance 91% is out of range", "use 0% to 90%"))},
		{"tolerance below 0%", both{Tolerance: new(spec.Percent(-0.01))}, new(problem("tolerance", "tolerance -1% is out of range", "use 0% to 90%"))},
		{"cooldown 0s", both{Cooldown: new(spec.Duration(0))}, nil},
		{"cooldown 24h", both{Cooldown: new(spec.Duration(24 * time.Hour))}, nil},
		{"cooldown above 24h", both{Cooldown: new(spec.Duration(24*time.Hour + time.Second))}, new(problem("cooldown", "cooldown 24h0m1s is out of range", "use 0s to 24h"))},
		{"cooldown below 0s", both{Cooldown: new(spec.Duration(-1))}, new(problem("cooldown", "cooldown -1ns is out of range", "use 0s to 24h"))},
		{"window 0s", both{Window: new(spec.Duration(0))}, nil},
		{"window 1h", both{Window: new(spec.Duration(time.Hour))}, nil},
		{"window above 1h", both{Window: new(spec.Duration(61 * time.Minute))}, new(problem("stabilizationWindow", "stabilizationWindow 1h1m is out of range", "use 0s to 1h"))},
		{"window below 0s", both{Window: new(spec.Duration(-time.Second))}, new(problem("stabilizationWindow", "stabilizationWindow -1s is out of range", "use 0s to 1h"))},
		{"Max", both{Select: spec.SelectMax}, nil},
		{"Min", both{Select: spec.SelectMin}, nil},
		{"max", both{Select: "max"}, new(problem("selectPolicy", `selectPolicy "max" is not known`, "did you mean Max? Write Max or Min"))},
	}
	for _, tt := range tests {
		for _, direction := range []string{"scaleOut", "scaleIn"} {
			t.Run(tt.name+" "+direction, func(t *testing.T) {
				t.Parallel()
				var want []spec.Problem
				if tt.want != nil {
					want = []spec.Problem{{Path: append([]string{direction}, tt.want.Path...), Message: tt.want.Message, Remedy: tt.want.Remedy}}
				}
				judge(t, func(s *spec.Service) {
					if direction == "scaleOut" {
						s.ScaleOut = spec.ScaleOut{Tolerance: tt.b.Tolerance, Cooldown: tt.b.Cooldown, StabilizationWindow: tt.b.Window, SelectPolicy: tt.b.Select}
					} else {
						s.ScaleIn = spec.ScaleIn{Tolerance: tt.b.Tolerance, Cooldown: tt.b.Cooldown, StabilizationWindow: tt.b.Window, SelectPolicy: tt.b.Select}
					}
				}, want)
			})
		}
	}
}

func TestValidateRateLimits(t *testing.T) {
	t.Parallel()
	const one = "tasks and percent: exactly one must be set"
	both, neither := problem("0", one, "keep one of the two"), problem("0", one, "add one of tasks and percent")
	percent := func(v string, most int) spec.Problem {
		return problem("0 percent", "percent "+v+" is out of range", fmt.Sprintf("use a number above 0, at most %d", most))
	}
	period := func(v string) []spec.Problem {
		return []spec.Problem{problem("0 period", "period "+v+" is out of range", "use 10s to 1h")}
	}
	tests := []struct {
		name    string
		limits  []spec.RateLimit
		want    []spec.Problem // paths follow the list's
		out, in []spec.Problem // of one direction only
	}{
		{"none", nil, nil, nil, nil},
		{"an empty list", []spec.RateLimit{}, []spec.Problem{problem("", "the list is empty", "give a limit, or remove the line for the default")}, nil, nil},
		{"five", slices.Repeat([]spec.RateLimit{{Tasks: 1, Period: minute}}, 5), nil, nil, nil},
		{"six", slices.Repeat([]spec.RateLimit{{Tasks: 1, Period: minute}}, 6), []spec.Problem{problem("", "6 limits are more than 5", "keep the ones that bind")}, nil, nil},
		{"neither", []spec.RateLimit{{Period: minute}}, []spec.Problem{neither}, nil, nil},
		{"both", []spec.RateLimit{{Tasks: 1, Percent: 1, Period: minute}}, []spec.Problem{both}, nil, nil},
		{"5000 tasks", []spec.RateLimit{{Tasks: 5000, Period: minute}}, nil, nil, nil},
		{"5001 tasks", []spec.RateLimit{{Tasks: 5001, Period: minute}}, []spec.Problem{problem("0 tasks", "tasks 5001 is out of range", "use 1 to 5000")}, nil, nil},
		{"-1 tasks", []spec.RateLimit{{Tasks: -1, Period: minute}}, []spec.Problem{problem("0 tasks", "tasks -1 is out of range", "use 1 to 5000")}, nil, nil},
		{"100 %", []spec.RateLimit{{Percent: 100, Period: minute}}, nil, nil, nil},
		{"101 %", []spec.RateLimit{{Percent: 101, Period: minute}}, nil, nil, []spec.Problem{percent("101", 100)}},
		{"10000 %", []spec.RateLimit{{Percent: 10_000, Period: minute}}, nil, nil, []spec.Problem{percent("10000", 100)}},
		{"10001 %", []spec.RateLimit{{Percent: 10_001, Period: minute}}, nil, []spec.Problem{percent("10001", 10_000)}, []spec.Problem{percent("10001", 100)}},
		{"-1 %", []spec.RateLimit{{Percent: -1, Period: minute}}, nil, []spec.Problem{percent("-1", 10_000)}, []spec.Problem{percent("-1", 100)}},
		{"NaN %", []spec.RateLimit{{Percent: math.NaN(), Period: minute}}, nil, []spec.Problem{percent("NaN", 10_000)}, []spec.Problem{percent("NaN", 100)}},
		{"over 10s", []spec.RateLimit{{Tasks: 1, Period: minute / 6}}, nil, nil, nil},
		{"over less", []spec.RateLimit{{Tasks: 1, Period: minute/6 - 1}}, period("9.999999999s"), nil, nil},
		{"over 1h", []spec.RateLimit{{Tasks: 1, Period: 60 * minute}}, nil, nil, nil},
		{"over more", []spec.RateLimit{{Tasks: 1, Period: 61 * minute}}, period("1h1m"), nil, nil},
		{"over nothing", []spec.RateLimit{{Tasks: 1}}, period("0s"), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			below := func(path string, ps ...[]spec.Problem) []spec.Problem {
				var out []spec.Problem
				for _, p := range slices.Concat(ps...) {
					p.Path = append(strings.Fields(path), p.Path...)
					out = append(out, p)
				}
				return out
			}
			judge(t, func(s *spec.Service) { s.ScaleOut.RateLimits = tt.limits }, below("scaleOut rateLimits", tt.want, tt.out))
			judge(t, func(s *spec.Service) { s.ScaleIn.RateLimits = tt.limits }, below("scaleIn rateLimits", tt.want, tt.in))
			judge(t, func(s *spec.Service) { s.ScaleIn.RemovalBudget = tt.limits }, below("scaleIn removalBudget", tt.want, tt.in))
		})
	}
}

func TestValidateScaleIn(t *testing.T) {
	t.Parallel()
	flap := func(n int, period spec.Duration) spec.ScaleIn {
		return spec.ScaleIn{FlapBudget: &spec.FlapBudget{Reversals: n, Period: period}}
	}
	freeze := func(d spec.Duration) spec.ScaleIn { return spec.ScaleIn{DeploymentFreeze: &d} }
	floor := func(p spec.Percent) spec.ScaleIn { return spec.ScaleIn{HistoryFloor: &p} }
	out := func(path, message, remedy string) []spec.Problem {
		return []spec.Problem{problem("scaleIn "+path, message+" is out of range", remedy)}
	}
	tests := []struct {
		name string
		in   spec.ScaleIn
		want []spec.Problem
	}{
		{"1 datapoint", spec.ScaleIn{Datapoints: 1}, nil},
		{"60 datapoints", spec.ScaleIn{Datapoints: 60}, nil},
		{"61 datapoints", spec.ScaleIn{Datapoints: 61}, out("datapoints", "datapoints 61", "use 1 to 60")},
		{"-1 datapoints", spec.ScaleIn{Datapoints: -1}, out("datapoints", "datapoints -1", "use 1 to 60")},
		{"1 reversal a minute", flap(1, minute), nil},
		{"60 reversals an hour", flap(60, 60*minute), nil},
		{"61 reversals", flap(61, 0), out("flapBudget reversals", "reversals 61", "use 1 to 60")},
		{"no reversals", flap(0, 0), out("flapBudget reversals", "reversals 0", "use 1 to 60")},
		{"reversals in less than a minute", flap(1, minute-1), out("flapBudget period", "period 59.999999999s", "use 1m to 1h")},
		{"reversals in more than an hour", flap(1, 61*minute), out("flapBudget period", "period 1h1m", "use 1m to 1h")},
		{"reversals in less than nothing", flap(1, -minute), out("flapBudget period", "period -1m", "use 1m to 1h")},
		{"no freeze", freeze(0), nil},
		{"a freeze of 24h", freeze(24 * 60 * minute), nil},
		{"a freeze above 24h", freeze(24*60*minute + 1), out("deploymentFreeze", "deploymentFreeze 24h0m0.000000001s", "use 0s to 24h")},
		{"a freeze below zero", freeze(-1), out("deploymentFreeze", "deploymentFreeze -1ns", "use 0s to 24h")},
		{"no floor", floor(0), nil},
		{"all of history as floor", floor(1), nil},
		{"more than history as floor", floor(1.01), out("historyFloor", "historyFloor 101%", "use 0% to 100%")},
		{"a floor below zero", floor(-0.01), out("historyFloor", "historyFloor -1%", "use 0% to 100%")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			judge(t, func(s *spec.Service) { s.ScaleIn = tt.in }, tt.want)
		})
	}
}

func TestValidateActivation(t *testing.T) {
	t.Parallel()
	sleeping := func(a spec.Activation, ps ...spec.Policy) func(*spec.Service) {
		return func(s *spec.Service) { s.MinCapacity, s.Policies, s.Activation = 0, ps, &a }
	}
	total := custom(func(*spec.Metric) {})
	wake := func(n int) spec.Activation {
		return spec.Activation{Wake: slices.Repeat([]spec.Wake{{Metric: *own("", 0)}}, n)}
	}
	above := func(v float64) spec.Activation {
		return spec.Activation{Wake: []spec.Wake{{Metric: *own("", 0), Above: v}}}
	}
	coolOff := func(d spec.Duration) spec.Activation { return spec.Activation{CoolOff: &d} }
	const mute, use = "ECS publishes no metric at zero tasks", "use a metric that is published at zero tasks"
	tests := []struct {
		name string
		edit func(*spec.Service)
		want []spec.Problem
	}{
		{"no fault", sleeping(spec.Activation{}, total), nil},
		{"with one task always", func(s *spec.Service) { s.MinCapacity, s.Activation = 1, &spec.Activation{} }, []spec.Problem{
			problem("activation", "activation needs minCapacity 0, it is 1 and 0 in no window", "set minCapacity to 0, or that of a window, or remove activation"),
		}},
		{"asleep at night, woken by another signal", func(s *spec.Service) {
			s.Activation, s.Scheduled = new(wake(1)), []spec.Scheduled{{Name: "night", From: "22:00", To: "06:00", MinCapacity: new(0)}}
		}, nil},
		{"a window that is no sleep", func(s *spec.Service) {
			s.Activation, s.Scheduled = new(wake(1)), []spec.Scheduled{{Name: "night", From: "22:00", To: "06:00", MinCapacity: new(1)}}
		}, []spec.Problem{
			problem("activation", "activation needs minCapacity 0, it is 2 and 0 in no window", "set minCapacity to 0, or that of a window, or remove activation"),
		}},
		{"CPU alone, woken by another signal", sleeping(wake(1), cpu(60)), nil},
		{"CPU alone, nothing that wakes", sleeping(spec.Activation{}, cpu(60)), []spec.Problem{
			problem("minCapacity", "minCapacity 0 with only ECS utilisation metrics can never scale out again: ECS publishes none at zero tasks", waysToZero),
		}},
		{"a cool-off of 1m", sleeping(coolOff(minute), total), nil},
		{"a cool-off below 1m", sleeping(coolOff(minute-1), total), []spec.Problem{problem("activation coolOff", "coolOff 59.999999999s is out of range", "use 1m to 24h")}},
		{"a cool-off of 24h", sleeping(coolOff(24*60*minute), total), nil},
		{"a cool-off above 24h", sleeping(coolOff(24*60*minute+1), total), []spec.Problem{problem("activation coolOff", "coolOff 24h0m0.000000001s is out of range", "use 1m to 24h")}},
		{"20 wake signals", sleeping(wake(20), total), nil},
		{"21 wake signals", sleeping(wake(21), total), []spec.Problem{problem("activation wake", "21 entries are more than 20", "keep the ones that matter")}},
		{"above 0", sleeping(above(0), total), nil},
		{"above 1e15", sleeping(above(1e15), total), nil},
		{"above more", sleeping(above(1.1e15), total), []spec.Problem{problem("activation wake 0 above", "above 1.1e+15 is out of range", "use a number from 0 to 1e+15")}},
		{"above less than nothing", sleeping(above(-1), total), []spec.Problem{problem("activation wake 0 above", "above -1 is out of range", "use a number from 0 to 1e+15")}},
		{"woken by ECS", sleeping(spec.Activation{Wake: []spec.Wake{{Metric: spec.Metric{Namespace: "AWS/ECS", Name: "CPUUtilization"}}}}, total), []spec.Problem{
			problem("activation wake 0 metric", mute, use),
		}},
		{"woken by a metric without name", sleeping(spec.Activation{Wake: []spec.Wake{{Metric: spec.Metric{Namespace: "App"}}}}, total), []spec.Problem{
			problem("activation wake 0 metric name", `name "" is not valid`, "give the CloudWatch metric name"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			judge(t, tt.edit, tt.want)
		})
	}
}

func TestValidateVetoes(t *testing.T) {
	t.Parallel()
	veto := func(edit func(*spec.Veto)) func(*spec.Service) {
		v := spec.Veto{Name: "latency", Metric: *own("p99", 0), Above: new(0.5)}
		edit(&v)
		return func(s *spec.Service) { s.Vetoes = []spec.Veto{v} }
	}
	const pair = "above and below: exactly one must be set"
	lookback := func(d spec.Duration) func(*spec.Veto) { return func(v *spec.Veto) { v.Lookback = &d } }
	many := func(n int) func(*spec.Service) {
		return func(s *spec.Service) {
			for i := range n {
				s.Vetoes = append(s.Vetoes, spec.Veto{Name: fmt.Sprint("v", i), Metric: *own("", 0), Above: new(1.0)})
			}
		}
	}
	const number = "use a number from -1e+15 to 1e+15"
	tests := []struct {
		name string
		edit func(*spec.Service)
		want []spec.Problem
	}{
		{"no fault", veto(func(*spec.Veto) {}), nil},
		{"above 0", veto(func(v *spec.Veto) { v.Above = new(0.0) }), nil},
		{"below", veto(func(v *spec.Veto) { v.Above, v.Below = nil, new(-1.0) }), nil},
		{"neither", veto(func(v *spec.Veto) { v.Above = nil }), []spec.Problem{problem("vetoes 0", pair, "add one of above and below")}},
		{"both", veto(func(v *spec.Veto) { v.Below = new(0.0) }), []spec.Problem{problem("vetoes 0", pair, "keep one of the two")}},
		{"above nothing", veto(func(v *spec.Veto) { v.Above = new(math.NaN()) }), []spec.Problem{problem("vetoes 0 above", "above NaN is out of range", number)}},
		{"below too little", veto(func(v *spec.Veto) { v.Above, v.Below = nil, new(-1.1e15) }), []spec.Problem{problem("vetoes 0 below", "below -1.1e+15 is out of range", number)}},
		{"no name", veto(func(v *spec.Veto) { v.Name = "" }), []spec.Problem{problem("vetoes 0 name", "name is missing", "give it a short name: decisions speak of it")}},
		{"no metric", veto(func(v *spec.Veto) { v.Metric.Name = "" }), []spec.Problem{problem("vetoes 0 metric name", `name "" is not valid`, "give the CloudWatch metric name")}},
		{"a minute back", veto(lookback(minute)), nil},
		{"less than a minute back", veto(lookback(minute - 1)), []spec.Problem{problem("vetoes 0 lookback", "lookback 59.999999999s is out of range", "use 1m to 1h")}},
		{"an hour back", veto(lookback(60 * minute)), nil},
		{"more than an hour back", veto(lookback(60*minute + 1)), []spec.Problem{problem("vetoes 0 lookback", "lookback 1h0m0.000000001s is out of range", "use 1m to 1h")}},
		{"breaching", veto(func(v *spec.Veto) { v.TreatMissingData = spec.Breaching }), nil},
		{"notBreaching", veto(func(v *spec.Veto) { v.TreatMissingData = spec.NotBreaching }), nil},
		{"ignore", veto(func(v *spec.Veto) { v.TreatMissingData = "ignore" }), []spec.Problem{
			problem("vetoes 0 treatMissingData", `treatMissingData "ignore" is not known`, "write breaching or notBreaching"),
		}},
		{"20 vetoes", many(20), nil},
		{"21 vetoes", many(21), []spec.Problem{problem("vetoes", "21 entries are more than 20", "keep the ones that matter")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			judge(t, tt.edit, tt.want)
		})
	}
}

func TestValidateConstraintsAndSpend(t *testing.T) {
	t.Parallel()
	pool := func(perTask, atMost float64) func(*spec.Service) {
		return func(s *spec.Service) {
			s.Constraints = []spec.Constraint{{Name: "postgres", PerTask: perTask, AtMost: atMost}}
		}
	}
	spend := func(taskHour, atMost float64) func(*spec.Service) {
		return func(s *spec.Service) { s.Spend = &spec.Spend{TaskHour: taskHour, AtMostPerHour: atMost} }
	}
	many := func(n int) func(*spec.Service) {
		return func(s *spec.Service) {
			for i := range n {
				s.Constraints = append(s.Constraints, spec.Constraint{Name: fmt.Sprint("c", i), PerTask: 1, AtMost: 100})
			}
		}
	}
	windowed := func(edit func(*spec.Service)) func(*spec.Service) {
		return func(s *spec.Service) {
			s.Scheduled = []spec.Scheduled{{Name: "night", From: "22:00", MinCapacity: new(1)}, {Name: "sale", From: "08:00", To: "19:00", MinCapacity: new(30)}}
			edit(s)
		}
	}
	const positive = "use a number above 0, at most 1e+15"
	tests := []struct {
		name string
		edit func(*spec.Service)
		want []spec.Problem
	}{
		{"a pool of 10 within 400", pool(10, 400), nil},
		{"a pool that leaves minCapacity", pool(10, 20), nil},
		{"a pool that leaves less", pool(10, 19.9), []spec.Problem{
			problem("constraints 0", "atMost 19.9 allows 1 tasks, fewer than minCapacity 2", "lower minCapacity or perTask, or raise atMost"),
		}},
		{"a pool that leaves a window's minCapacity", windowed(pool(10, 300)), nil},
		{"a pool that leaves less than a window's minCapacity", windowed(pool(10, 299)), []spec.Problem{
			problem("constraints 0", `atMost 299 allows 29 tasks, fewer than minCapacity 30 of the window "sale"`, "lower minCapacity or perTask, or raise atMost"),
		}},
		{"no pool", pool(0, 400), []spec.Problem{problem("constraints 0 perTask", "perTask 0 is out of range", positive)}},
		{"a pool too large", pool(1.1e15, 1e15), []spec.Problem{
			problem("constraints 0 perTask", "perTask 1.1e+15 is out of range", positive),
			problem("constraints 0", "atMost 1e+15 allows 0 tasks, fewer than minCapacity 2", "lower minCapacity or perTask, or raise atMost"),
		}},
		{"no limit", pool(10, 0), []spec.Problem{
			problem("constraints 0 atMost", "atMost 0 is out of range", positive),
			problem("constraints 0", "atMost 0 allows 0 tasks, fewer than minCapacity 2", "lower minCapacity or perTask, or raise atMost"),
		}},
		{"no name", func(s *spec.Service) { s.Constraints = []spec.Constraint{{PerTask: 1, AtMost: 9}} }, []spec.Problem{
			problem("constraints 0 name", "name is missing", "give it a short name: decisions speak of it"),
		}},
		{"20 constraints", many(20), nil},
		{"21 constraints", many(21), []spec.Problem{problem("constraints", "21 entries are more than 20", "keep the ones that matter")}},

		{"a price alone", spend(0.04, 0), nil},
		{"a cap that pays for minCapacity", spend(0.1, 0.2), nil},
		{"a cap that pays for less", spend(0.1, 0.19), []spec.Problem{
			problem("spend", "atMostPerHour 0.19 pays for 1 tasks, fewer than minCapacity 2", "lower minCapacity, or raise atMostPerHour"),
		}},
		{"a cap that pays for less than a window's minCapacity", windowed(spend(0.1, 2.9)), []spec.Problem{
			problem("spend", `atMostPerHour 2.9 pays for 29 tasks, fewer than minCapacity 30 of the window "sale"`, "lower minCapacity, or raise atMostPerHour"),
		}},
		{"no price", spend(0, 5), []spec.Problem{problem("spend taskHour", "taskHour 0 is out of range", "use a number above 0, at most 1e+06")}},
		{"the highest price", spend(1e6, 2e6), nil},
		{"a higher price", spend(1.1e6, 0), []spec.Problem{problem("spend taskHour", "taskHour 1.1e+06 is out of range", "use a number above 0, at most 1e+06")}},
		{"a cap below zero", spend(1, -1), []spec.Problem{problem("spend atMostPerHour", "atMostPerHour -1 is out of range", "use a number from 0 to 1e+09")}},
		{"a cap of 1e9", spend(1, 1e9), nil},
		{"a cap above 1e9", spend(1, 1.1e9), []spec.Problem{problem("spend atMostPerHour", "atMostPerHour 1.1e+09 is out of range", "use a number from 0 to 1e+09")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			judge(t, tt.edit, tt.want)
		})
	}
}

func TestTasksOfACap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		atMost, perTask float64
		want            int
	}{
		{400, 10, 40},
		{399.9, 10, 39},
		{9.99, 10, 0},
		{0.3, 0.1, 3},
		{0.7, 0.1, 7},
		{1, 3, 0},
		{2, 3, 0},
		{3, 3, 1},
		{1e15, 1e-15, 1 << 30},
		{0, 0, 0},
		{1, 0, 1 << 30},
		{-5, 1, 0},
		{math.NaN(), 1, 0},
		{math.Inf(1), 1, 1 << 30},
	} {
		// The largest is far past any count of tasks; how far does not matter.
		if got := (spec.Constraint{AtMost: tt.atMost, PerTask: tt.perTask}).Tasks(); got != tt.want && (tt.want != 1<<30 || got < tt.want) {
			t.Errorf("%v by %v: got %d, want %d", tt.atMost, tt.perTask, got, tt.want)
		}
		got, capped := (spec.Spend{AtMostPerHour: tt.atMost, TaskHour: tt.perTask}).Tasks()
		if !(tt.atMost > 0) {
			if got != 0 || capped {
				t.Errorf("$%v an hour: got %d and %t, want no cap", tt.atMost, got, capped)
			}
			continue
		}
		if !capped || got != tt.want && (tt.want != 1<<30 || got < tt.want) {
			t.Errorf("$%v at $%v: got %d and %t, want %d", tt.atMost, tt.perTask, got, capped, tt.want)
		}
	}
}

// What a constraint allows keeps to it, and one task more would not: up to what
// binary fractions can tell.
func TestConstraintAllowsTheMost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := spec.Constraint{
			PerTask: float64(rapid.IntRange(1, 10_000).Draw(t, "perTask")) / 100, AtMost: float64(rapid.IntRange(1, 1_000_000).Draw(t, "atMost")) / 100,
		}
		n := float64(c.Tasks())
		if n*c.PerTask > c.AtMost*(1+1e-9) || (n+1)*c.PerTask <= c.AtMost*(1-1e-9) {
			t.Fatalf("%v tasks of %v within %v", n, c.PerTask, c.AtMost)
		}
	})
}

// Two parts of one kind need names of their own, and short ones.
func TestValidateNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 64)
	set := map[string]func(s *spec.Service, names ...string){
		"policies": func(s *spec.Service, names ...string) {
			s.Policies = nil
			for _, n := range names {
				p := cpu(60)
				p.Name = n
				s.Policies = append(s.Policies, p)
			}
		},
		"scheduled": func(s *spec.Service, names ...string) {
			for _, n := range names {
				s.Scheduled = append(s.Scheduled, spec.Scheduled{Name: n, From: "08:00", To: "19:00", MinCapacity: new(4)})
			}
		},
		"vetoes": func(s *spec.Service, names ...string) {
			for _, n := range names {
				s.Vetoes = append(s.Vetoes, spec.Veto{Name: n, Metric: *own("", 0), Above: new(1.0)})
			}
		},
		"constraints": func(s *spec.Service, names ...string) {
			for _, n := range names {
				s.Constraints = append(s.Constraints, spec.Constraint{Name: n, PerTask: 1, AtMost: 100})
			}
		},
	}
	judge := func(t *testing.T, edit func(*spec.Service), want []spec.Problem) { // of the names alone
		t.Helper()
		s := service()
		edit(&s)
		got := slices.DeleteFunc(s.Validate(), func(p spec.Problem) bool { return p.Path[len(p.Path)-1] != "name" })
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for kind, names := range set {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			judge(t, func(s *spec.Service) { names(s, "a", "A", long) }, nil)
			judge(t, func(s *spec.Service) { names(s, "a", "b", "a", "a") }, []spec.Problem{
				problem(kind+" 2 name", `name "a" is given twice`, "give each a name of its own"),
				problem(kind+" 3 name", `name "a" is given twice`, "give each a name of its own"),
			})
			judge(t, func(s *spec.Service) { names(s, long+"x") }, []spec.Problem{
				problem(kind+" 0 name", fmt.Sprintf("name %q is too long", long+"x"), "use 1 to 64 characters"),
			})
			var missing []spec.Problem
			if kind == "policies" {
				missing = append(missing, problem("policies 1 name", `the policies 0 and 1 are both called "ECSServiceAverageCPUUtilization"`, "give each a name"))
			} else {
				for _, i := range []string{"0", "1"} {
					missing = append(missing, problem(kind+" "+i+" name", "name is missing", "give it a short name: decisions speak of it"))
				}
			}
			judge(t, func(s *spec.Service) { names(s, "", "") }, missing)
		})
	}
}
