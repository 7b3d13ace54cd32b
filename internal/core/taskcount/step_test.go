package taskcount_test

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// stepAt is a step from one distance to another, infinite ones left out.
func stepAt(low, high float64, adjustment int) spec.StepAdjustment {
	a := spec.StepAdjustment{ScalingAdjustment: adjustment}
	if !math.IsInf(low, 0) {
		a.MetricIntervalLowerBound = new(low)
	}
	if !math.IsInf(high, 0) {
		a.MetricIntervalUpperBound = new(high)
	}
	return a
}

// cpuStep is a step policy on the service's CPU.
func cpuStep(kind string, threshold float64, steps ...spec.StepAdjustment) spec.Policy {
	return spec.Policy{StepScaling: &spec.StepScaling{PredefinedMetric: spec.CPUUtilization, Threshold: threshold, AdjustmentType: kind, StepAdjustments: steps}}
}

// both has steps on both sides of 50 %, with nothing within 10 of it.
func both(kind string, in2, in1, out1, out2 int) spec.Policy {
	return cpuStep(kind, 50, stepAt(math.Inf(-1), -20, in2), stepAt(-20, -10, in1), stepAt(-10, 0, 0), stepAt(0, 10, 0), stepAt(10, 20, out1), stepAt(20, math.Inf(1), out2))
}

// Above the threshold the lower bound is inclusive and the upper exclusive,
// below it the other way round.
func TestStepBounds(t *testing.T) {
	t.Parallel()
	p := both(spec.ChangeInCapacity, -4, -2, 1, 3)
	for _, tt := range []struct {
		cpu  float64
		want int
	}{
		{0, 6},
		{29.9, 6},
		{30, 6},
		{30.1, 8},
		{39.9, 8},
		{40, 8},
		{40.1, 10},
		{49.9, 10},
		{50, 10},
		{59.9, 10},
		{60, 11},
		{69.9, 11},
		{70, 13},
		{1000, 13},
	} {
		in := given(10, p, cpu(10, settledLag, tt.cpu)...)
		in.Service.Compute = fleet.EC2
		if got := decide(noon, in).Policies[0]; got.Count != tt.want {
			t.Errorf("%v %%: got %d (%s), want %d", tt.cpu, got.Count, got.Because, tt.want)
		}
	}
}

// 0.3 less 0.1 is 0.19999999999999998, and lies in the step from 0.2; what is
// multiplied by the tasks and divided again is not what it was.
func TestStepBoundsOfFractions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value, threshold float64
		want             int
	}{
		{0.3, 0.1, 9},
		{0.299999, 0.1, 8},
		{0.1, 0.1, 8},
		{0.0999999, 0.1, 7},
		{-0.1, 0.1, 6},
		{-0.0999999, 0.1, 7},
		{0.1, 0.3, 6},
		{0.100001, 0.3, 7},
		{-5, -5, 8},
		{-5.1, -5, 7},
		{-4.8, -5, 9},
	} {
		p := cpuStep(spec.ChangeInCapacity, tt.threshold, stepAt(math.Inf(-1), -0.2, -1), stepAt(-0.2, 0, 0), stepAt(0, 0.2, 1), stepAt(0.2, math.Inf(1), 2))
		p.StepScaling.PredefinedMetric, p.StepScaling.Metric = "", ownMetric("Headroom", time.Minute)
		in := given(7, p, series(p.StepScaling.CloudWatch(key).Metric, settledLag, tt.value), counts(settledLag, 7))
		if got := decide(noon, in).Policies[0]; got.Count != tt.want {
			t.Errorf("%v at %v: got %d (%s), want %d", tt.value, tt.threshold, got.Count, got.Because, tt.want)
		}
	}
}

func TestStepAdjustments(t *testing.T) {
	t.Parallel()
	percent := func(n, least int) spec.Policy {
		p := cpuStep(spec.PercentChangeInCapacity, 50, stepAt(0, math.Inf(1), n))
		p.StepScaling.MinAdjustmentMagnitude = least
		return p
	}
	tests := []struct {
		name          string
		p             spec.Policy
		base, running int
		want          int
	}{
		// Application Auto Scaling user guide, step scaling: 12.7 is 12, .67 is 1, -.58 is -1, -6.67 is -6.
		{"12.7 is rounded down to 12", percent(10, 0), 127, 127, 139},
		{"0.67 is rounded up to 1", percent(1, 0), 67, 67, 68},
		{"-0.58 is rounded to -1", percent(-1, 0), 58, 58, 57},
		{"-6.67 is rounded up to -6", percent(-1, 0), 667, 667, 661},
		{"exactly 1", percent(10, 0), 10, 10, 11},
		{"29 % of 100 is 29, whatever floats say", percent(29, 0), 100, 100, 129},
		{"0 % is nothing", percent(0, 0), 10, 10, 10},
		{"the least change out", percent(10, 2), 10, 10, 12},
		{"the least change in", percent(-10, 2), 10, 10, 8},
		{"a change larger than the least", percent(50, 2), 10, 10, 15},
		{"no count below 0", cpuStep(spec.ChangeInCapacity, 50, stepAt(0, math.Inf(1), -20)), 10, 10, 0},
		{"an exact count", cpuStep(spec.ExactCapacity, 50, stepAt(0, math.Inf(1), 12)), 10, 10, 12},
		{"an exact count that is there", cpuStep(spec.ExactCapacity, 50, stepAt(0, math.Inf(1), 10)), 10, 10, 10},
		{"an exact count below", cpuStep(spec.ExactCapacity, 50, stepAt(0, math.Inf(1), 3)), 10, 10, 3},
		{"an exact count is one of tasks, not of those that run: out", cpuStep(spec.ExactCapacity, 50, stepAt(0, math.Inf(1), 12)), 10, 14, 12},
		{"an exact count is one of tasks, not of those that run: in", cpuStep(spec.ExactCapacity, 50, stepAt(0, math.Inf(1), 10)), 12, 10, 10},
		{"the base of a change is what ran: no step on top of tasks that start", cpuStep(spec.ChangeInCapacity, 50, stepAt(0, math.Inf(1), 2)), 12, 10, 12},
		{"an out never lowers", cpuStep(spec.ChangeInCapacity, 50, stepAt(0, math.Inf(1), 2)), 15, 10, 15},
		{"an in never raises", cpuStep(spec.ChangeInCapacity, 50, stepAt(0, math.Inf(1), -1)), 10, 14, 10},
		{"no step there", cpuStep(spec.ChangeInCapacity, 95, stepAt(0, math.Inf(1), 2)), 10, 10, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := given(tt.base, tt.p, cpu(tt.running, settledLag, 90)...)
			got := decide(noon, in)
			if r := got.Policies[0]; r.Count != tt.want || r.Tasks != tt.running {
				t.Errorf("got %d of %d running (%s), want %d of %d", r.Count, r.Tasks, r.Because, tt.want, tt.running)
			}
			checkChain(t, got)
		})
	}
}

// All evaluation periods must fall into steps of one direction, without a gap;
// the newest selects the step.
func TestStepEvaluationPeriods(t *testing.T) {
	t.Parallel()
	p := both(spec.ChangeInCapacity, -4, -2, 1, 3)
	p.StepScaling.EvaluationPeriods = 3
	gap := math.NaN()
	for _, tt := range []struct {
		name   string
		values []float64
		want   int
	}{
		{"three of three, the newest selects", []float64{75, 60, 65}, 11},
		{"the larger step by the newest", []float64{60, 60, 75}, 13},
		{"two are not enough", []float64{60, 60}, 10},
		{"one of them in the middle", []float64{60, 55, 60}, 10},
		{"the oldest in the middle", []float64{55, 60, 60}, 10},
		{"one before does not matter", []float64{20, 60, 60, 60}, 11},
		{"a gap", []float64{60, gap, 60, 60}, 10},
		{"a gap before does not matter", []float64{gap, 60, 60, 60}, 11},
		{"three below", []float64{35, 25, 35}, 8},
		{"both directions", []float64{35, 60, 35}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := given(10, p, cpu(10, settledLag, tt.values...)...)
			if got := decide(noon, in).Policies[0]; got.Count != tt.want {
				t.Errorf("got %d (%s), want %d", got.Count, got.Because, tt.want)
			}
		})
	}
}

// The steps of ALBRequestCountPerTarget are of the requests of one target, as its
// name says and as in target tracking.
func TestStepOnRequestsPerTarget(t *testing.T) {
	t.Parallel()
	p := cpuStep(spec.ChangeInCapacity, 1000, stepAt(0, math.Inf(1), 2))
	p.StepScaling.PredefinedMetric, p.StepScaling.ResourceLabel = spec.ALBRequestCountPerTarget, albLabel
	m := p.StepScaling.CloudWatch(key).Metric
	for _, tt := range []struct {
		requests float64
		want     int
	}{{9_999, 10}, {10_000, 12}} {
		got := decide(noon, given(10, p, series(m, settledLag, tt.requests), counts(settledLag, 10)))
		if r := got.Policies[0]; r.Count != tt.want || float64(r.Demand) != tt.requests/10 {
			t.Errorf("%v requests over 10 targets: got %d at %v (%s), want %d", tt.requests, r.Count, r.Demand, r.Because, tt.want)
		}
	}
	if got := decide(noon, given(10, p, series(m, settledLag, 50_000))); got.Desired != 10 || got.Reason != history.MissingData {
		t.Errorf("without the running tasks: got %d (%s), want a hold", got.Desired, got.Because)
	}
}

// A step down stops where the step up would begin again.
func TestStepFlapGuard(t *testing.T) {
	t.Parallel()
	p := cpuStep(spec.ChangeInCapacity, 50, stepAt(math.Inf(-1), 0, -5), stepAt(10, math.Inf(1), 1))
	got := decide(noon, given(10, p, cpu(10, settledLag, 45)...))
	// 450 % at 60 % a task need 7.5 tasks; at 94.5 % of that 7.94.
	if got.Desired != 8 || got.Reason != history.AnticipatedFlapping {
		t.Errorf("got %d (%s: %s), want 8", got.Desired, got.Reason, got.Because)
	}
	p = cpuStep(spec.ExactCapacity, 50, stepAt(math.Inf(-1), 0, 5), stepAt(10, math.Inf(1), 20))
	if got := decide(noon, given(10, p, cpu(10, settledLag, 45)...)); got.Desired != 5 {
		t.Errorf("exact counts have no need: got %d (%s), want 5", got.Desired, got.Because)
	}
}

func TestStepWords(t *testing.T) {
	t.Parallel()
	p := both(spec.ChangeInCapacity, -4, -2, 1, 3)
	p.StepScaling.StepAdjustments = p.StepScaling.StepAdjustments[1:]
	for _, tt := range []struct {
		cpu  float64
		want string
	}{
		{75, "75 % is 25 % above the threshold of 50 %: the step of +3 makes 13 of 10 running tasks"},
		{50, "50 % is 0 % above the threshold of 50 %: the step of +0 makes 10 of 10 running tasks"},
		{35, "35 % is 15 % below the threshold of 50 %: the step of -2 makes 8 of 10 running tasks"},
		{20, "20 % is 30 % below the threshold of 50 %, where there is no step"},
	} {
		if got := decide(noon, given(10, p, cpu(10, settledLag, tt.cpu)...)).Policies[0].Because; got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	row := both(spec.PercentChangeInCapacity, -30, -10, 10, 30)
	row.StepScaling.EvaluationPeriods = 3
	exact := cpuStep(spec.ExactCapacity, 50, stepAt(0, math.Inf(1), 12))
	for _, tt := range []struct {
		p     spec.Policy
		base  int
		tasks int
		cpu   []float64
		want  string
	}{
		{row, 10, 10, []float64{40, 75, 75}, "75 % is 25 % above the threshold of 50 %: the step of +30 % makes 13 of 10 running tasks, but 3 datapoints in a row must ask for that (evaluationPeriods), and 2 do"},
		{row, 10, 10, []float64{75, 40, 75}, "75 % is 25 % above the threshold of 50 %: the step of +30 % makes 13 of 10 running tasks, but 3 datapoints in a row must ask for that (evaluationPeriods), and 1 does"},
		{row, 10, 10, []float64{75, 75, 75}, "75 % is 25 % above the threshold of 50 %: the step of +30 % makes 13 of 10 running tasks"},
		{row, 10, 1, []float64{75, 75, 75}, "75 % is 25 % above the threshold of 50 %: the step of +30 % makes 2 of 1 running task, which changes nothing at the 10 desired"},
		{exact, 10, 10, []float64{75}, "75 % is 25 % above the threshold of 50 %: the step is to 12 tasks"},
		{exact, 12, 12, []float64{75}, "75 % is 25 % above the threshold of 50 %: the step is to 12 tasks"},
	} {
		if got := decide(noon, given(tt.base, tt.p, cpu(tt.tasks, settledLag, tt.cpu...)...)).Policies[0].Because; got != tt.want {
			t.Errorf("got %q\nwant %q", got, tt.want)
		}
	}
	var none signal.Series
	none.Metric, none.Status = spec.ServiceMetric(key, "CPUUtilization", "Sum"), signal.Partial
	if got := decide(noon, given(10, p, none)).Policies[0].Because; got != "the metric was read in part" {
		t.Errorf("got %q", got)
	}
}
