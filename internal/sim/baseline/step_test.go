package baseline_test

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
)

// The guide's worked example: a threshold of 50, ten tasks, and four datapoints
// far enough apart for every cooldown.
func TestGuideSteps(t *testing.T) {
	t.Parallel()
	k := baseline.NewStepper(baseline.GuideSteps(50, 1, 100))
	have := 10
	for i, step := range []struct {
		metric float64
		low    bool
		want   int
	}{
		{metric: 60, want: 11},              // +10 %
		{metric: 70, want: 14},              // +30 % of 11 is 3.3
		{metric: 40, low: true, want: 13},   // -10 % of 14 is 1.4
		{metric: 30, low: true, want: 10},   // -30 % of 13 is 3.9
		{metric: 59.9, want: 10},            // a bound belongs to the step above it
		{metric: 40.1, low: true, want: 10}, // and below the threshold to the one below
	} {
		act := k.High
		if step.low {
			act = k.Low
		}
		have = act(baseline.Sight{Now: after(3600 * i), Desired: have, Running: have, Utilization: step.metric})
		if have != step.want {
			t.Fatalf("at %v %%: %d tasks, want %d", step.metric, have, step.want)
		}
	}
}

func TestStepSizes(t *testing.T) {
	t.Parallel()
	each := func(by int) []baseline.Step {
		return []baseline.Step{{Low: 0, High: 1000, By: by}, {Low: -1000, High: 0, By: by}}
	}
	for _, tc := range []struct {
		name    string
		cfg     baseline.StepScaling
		in      bool
		running int
		want    int
	}{
		{name: "change", cfg: baseline.StepScaling{Adjustment: baseline.ChangeInCapacity, Steps: each(3)}, running: 10, want: 13},
		{name: "exact", cfg: baseline.StepScaling{Adjustment: baseline.ExactCapacity, Steps: each(30)}, running: 10, want: 30},
		{name: "a part of a task is one", cfg: baseline.StepScaling{Adjustment: baseline.PercentChangeInCapacity, Steps: each(10)}, running: 4, want: 5},
		{name: "25 % of 4 but at least 2", cfg: baseline.StepScaling{Adjustment: baseline.PercentChangeInCapacity, MinMagnitude: 2, Steps: each(25)}, running: 4, want: 6},
		{name: "in: a part of a task is one", cfg: baseline.StepScaling{Adjustment: baseline.PercentChangeInCapacity, Steps: each(-10)}, in: true, running: 4, want: 3},
		{name: "in: towards zero", cfg: baseline.StepScaling{Adjustment: baseline.PercentChangeInCapacity, Steps: each(-50)}, in: true, running: 5, want: 3},
		{name: "max", cfg: baseline.StepScaling{Adjustment: baseline.ChangeInCapacity, Max: 12, Steps: each(3)}, running: 10, want: 12},
		{name: "min", cfg: baseline.StepScaling{Adjustment: baseline.ChangeInCapacity, Min: 9, Steps: each(-3)}, in: true, running: 10, want: 9},
		{name: "no step for it", cfg: baseline.StepScaling{Adjustment: baseline.ChangeInCapacity}, running: 10, want: 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.cfg.Max == 0 {
				tc.cfg.Max = 100
			}
			tc.cfg.Threshold = 50
			k := baseline.NewStepper(tc.cfg, tc.cfg)
			act, metric := k.High, 90.0
			if tc.in {
				act, metric = k.Low, 20
			}
			if got := act(baseline.Sight{Now: begin(), Desired: tc.running, Running: tc.running, Utilization: metric}); got != tc.want {
				t.Errorf("%d tasks, want %d", got, tc.want)
			}
		})
	}
}

// During the scale-out cooldown only what a larger step has more is added, from
// the count before; an out ends the scale-in cooldown, and a deployment holds in.
func TestStepCooldowns(t *testing.T) {
	t.Parallel()
	k := baseline.NewStepper(baseline.GuideSteps(50, 1, 100))
	for _, step := range []struct {
		what   string
		at     int
		low    bool
		have   int
		metric float64
		deploy bool
		want   int
	}{
		{what: "+10 % of 10", at: 0, have: 10, metric: 61, want: 11},
		{what: "the same step again", at: 60, have: 11, metric: 61, want: 11},
		{what: "the larger step, +30 % of 10", at: 120, have: 11, metric: 71, want: 13},
		{what: "cooling", at: 419, have: 13, metric: 71, want: 13},
		{what: "anew, +30 % of 13", at: 420, have: 13, metric: 71, want: 16},
		{what: "deploying", at: 1000, low: true, have: 16, metric: 20, deploy: true, want: 16},
		{what: "-30 % of 16", at: 1000, low: true, have: 16, metric: 20, want: 12},
		{what: "in rests", at: 1299, low: true, have: 12, metric: 20, want: 12},
		{what: "out ends that", at: 1299, have: 12, metric: 61, want: 13},
		{what: "so in may follow", at: 1300, low: true, have: 13, metric: 39, want: 12},
	} {
		act := k.High
		if step.low {
			act = k.Low
		}
		got := act(baseline.Sight{Now: after(step.at), Desired: step.have, Running: step.have, Utilization: step.metric, Deploying: step.deploy})
		if got != step.want {
			t.Errorf("%d s, %s: %d tasks, want %d", step.at, step.what, got, step.want)
		}
	}
}
