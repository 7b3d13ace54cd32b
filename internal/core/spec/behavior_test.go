package spec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const minute = spec.Duration(time.Minute)

func TestBehaviorDefaults(t *testing.T) {
	t.Parallel()
	var s spec.Service
	if diff := cmp.Diff(spec.Resolved{
		Tolerance:  0.05,
		RateLimits: []spec.RateLimit{{Percent: 300, Period: minute}, {Tasks: 10, Period: minute}},
	}, s.Out()); diff != "" {
		t.Errorf("out (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spec.Resolved{
		Tolerance: 0.10, Cooldown: time.Minute, StabilizationWindow: 10 * time.Minute,
		RateLimits: []spec.RateLimit{{Percent: 25, Period: minute}}, RemovalBudget: []spec.RateLimit{{Percent: 50, Period: 15 * minute}},
		Datapoints: 3, FlapBudget: spec.FlapBudget{Reversals: 2, Period: 60 * minute},
		DeploymentFreeze: time.Hour, HistoryFloor: 0.5,
	}, s.In()); diff != "" {
		t.Errorf("in (-want +got):\n%s", diff)
	}
}

// A zero that was written is a zero, not a default.
func TestBehaviorKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tolerance := rapid.Float64Range(0, 0.9).Draw(t, "tolerance")
		cooldown := time.Duration(rapid.IntRange(0, 3600).Draw(t, "cooldown")) * time.Second
		window := time.Duration(rapid.IntRange(0, 3600).Draw(t, "window")) * time.Second
		choice := rapid.SampledFrom([]spec.Select{spec.SelectMax, spec.SelectMin}).Draw(t, "select")
		limits := []spec.RateLimit{{Tasks: rapid.IntRange(1, 9).Draw(t, "tasks"), Period: minute}}
		want := spec.Resolved{Tolerance: tolerance, Cooldown: cooldown, StabilizationWindow: window, SelectPolicy: choice, RateLimits: limits}
		s := spec.Service{ScaleOut: spec.ScaleOut{
			Tolerance: new(spec.Percent(tolerance)), Cooldown: new(spec.Duration(cooldown)), StabilizationWindow: new(spec.Duration(window)),
			SelectPolicy: choice, RateLimits: limits,
		}}
		if diff := cmp.Diff(want, s.Out()); diff != "" {
			t.Fatalf("out (-want +got):\n%s", diff)
		}
		want.RemovalBudget = []spec.RateLimit{{Percent: rapid.Float64Range(1, 100).Draw(t, "percent"), Period: minute}}
		want.Datapoints = rapid.IntRange(1, 60).Draw(t, "datapoints")
		want.FlapBudget = spec.FlapBudget{Reversals: rapid.IntRange(1, 60).Draw(t, "reversals"), Period: minute}
		want.DeploymentFreeze = time.Duration(rapid.IntRange(0, 3600).Draw(t, "freeze")) * time.Second
		want.HistoryFloor = rapid.Float64Range(0, 1).Draw(t, "floor")
		s = spec.Service{ScaleIn: spec.ScaleIn{
			Tolerance: new(spec.Percent(tolerance)), Cooldown: new(spec.Duration(cooldown)), StabilizationWindow: new(spec.Duration(window)),
			SelectPolicy: choice, RateLimits: limits, RemovalBudget: want.RemovalBudget, Datapoints: want.Datapoints, FlapBudget: &want.FlapBudget,
			DeploymentFreeze: new(spec.Duration(want.DeploymentFreeze)), HistoryFloor: new(spec.Percent(want.HistoryFloor)),
		}}
		if diff := cmp.Diff(want, s.In()); diff != "" {
			t.Fatalf("in (-want +got):\n%s", diff)
		}
	})
}

// The default of one field of a flap budget does not need the other.
func TestFlapBudgetPeriodByDefault(t *testing.T) {
	t.Parallel()
	s := spec.Service{ScaleIn: spec.ScaleIn{FlapBudget: &spec.FlapBudget{Reversals: 5}}}
	if diff := cmp.Diff(spec.FlapBudget{Reversals: 5, Period: 60 * minute}, s.In().FlapBudget); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOtherDefaults(t *testing.T) {
	t.Parallel()
	var none *spec.Activation
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"cool-off without activation", none.CoolOffTime(), 5 * time.Minute},
		{"cool-off by default", (&spec.Activation{}).CoolOffTime(), 5 * time.Minute},
		{"cool-off of one's own", (&spec.Activation{CoolOff: new(minute)}).CoolOffTime(), time.Minute},
		{"lookback by default", spec.Veto{}.LookbackTime(), 5 * time.Minute},
		{"lookback of one's own", spec.Veto{Lookback: new(minute)}.LookbackTime(), time.Minute},
		{"repairs by default", spec.Service{}.Repairs(), 3},
		{"no repairs", spec.Service{RepairsPerHour: new(0)}.Repairs(), 0},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}
