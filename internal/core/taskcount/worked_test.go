package taskcount_test

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// The worked examples of others, each with its source. Their sums are what a
// policy asks for; where a guard of ours then says less, the test says so.

// Source: Application Auto Scaling user guide, "How step scaling works": a
// threshold of 50 with steps of 0, 10 and 30 percent, and the same below.
func TestStepScalingGuideExample(t *testing.T) {
	t.Parallel()
	p := both(spec.PercentChangeInCapacity, -30, -10, 10, 30)
	count := 10
	for _, step := range []struct {
		metric float64
		want   int
	}{{60, 11}, {70, 14}, {40, 13}, {30, 10}} {
		got := decide(noon, given(count, p, cpu(count, settledLag, step.metric)...))
		if got.Desired != step.want {
			t.Errorf("%d tasks at %v: got %d (%s), want %d", count, step.metric, got.Desired, got.Because, step.want)
		}
		count = got.Desired
	}
}

// Source: Application Auto Scaling API reference, MinAdjustmentMagnitude: 25
// percent of 4 tasks with a magnitude of 2 add 2.
func TestMinAdjustmentMagnitudeExample(t *testing.T) {
	t.Parallel()
	p := cpuStep(spec.PercentChangeInCapacity, 50, stepAt(0, math.Inf(1), 25))
	p.StepScaling.MinAdjustmentMagnitude = 2
	if got := decide(noon, given(4, p, cpu(4, settledLag, 60)...)); got.Desired != 6 {
		t.Errorf("got %d (%s), want 6", got.Desired, got.Because)
	}
}

// Source: Amazon EC2 Auto Scaling user guide, "Scaling policy based on Amazon
// SQS": a backlog of 1,500 over 10 instances is 150 each; at 0.1 s a message and 10 s
// of acceptable latency 100 are acceptable, so the group grows by 5 to 15. And
// "Target tracking scaling policies": what calculates to 1.5 adds 2, or removes 1.
func TestTargetTrackingGuideExamples(t *testing.T) {
	t.Parallel()
	p := average(ownMetric("BacklogPerTask", time.Minute), 100)
	for _, tt := range []struct {
		metric float64
		want   int
	}{{150, 15}, {115, 12}, {85, 9}} {
		got := decide(noon, given(10, p, series(read(p), settledLag, tt.metric), counts(settledLag, 10)))
		if got.Desired != tt.want {
			t.Errorf("10 tasks at %v of 100: got %d (%s), want %d", tt.metric, got.Desired, got.Because, tt.want)
		}
	}
}

// Source: the same SQS example, and the AWS Copilot manifest's queue_delay of 10m
// and 250ms, which is a backlog of 2,400 messages a task.
func TestBacklogGuideExamples(t *testing.T) {
	t.Parallel()
	of := func(latency, each time.Duration) spec.Policy {
		return queuePolicy(spec.Backlog{AcceptableLatency: spec.Duration(latency), ProcessingTime: new(spec.Duration(each))})
	}
	for _, tt := range []struct {
		name          string
		p             spec.Policy
		base, waiting int
		want          int
	}{
		{"SQS: 1,500 messages over 10 tasks", of(10*time.Second, 100*time.Millisecond), 10, 1500, 15},
		{"SQS: 100 messages a task", of(10*time.Second, 100*time.Millisecond), 10, 1000, 10},
		{"Copilot: 2,400 messages a task", of(10*time.Minute, 250*time.Millisecond), 1, 24_000, 10},
		{"Copilot: one message more", of(10*time.Minute, 250*time.Millisecond), 1, 24_001, 11},
	} {
		got := decide(noon, given(tt.base, tt.p, queueSeries(tt.p, settledLag, rows{{waiting: float64(tt.waiting), age: 1}})...))
		if got.Desired != tt.want {
			t.Errorf("%s: got %d (%s), want %d", tt.name, got.Desired, got.Because, tt.want)
		}
	}
}

// Source: Kubernetes documentation, "Horizontal Pod Autoscaling", algorithm
// details: ceil(current x metric / target), and nothing within a tolerance of 0.1;
// its walkthrough, where one pod at 305 % of 50 % becomes 7; and the blog on
// configurable tolerance (v1.33), where 50 pods at 90 % of 75 % become 60, and a
// tolerance of 5 % lets 100 MiB grow to 105.
func TestHPAExamples(t *testing.T) {
	t.Parallel()
	hpa := spec.Percent(0.1)
	for _, tt := range []struct {
		name           string
		tasks          int
		metric, target float64
		out            spec.Percent
		want           int // asked for
	}{
		{"200m of 100m doubles", 3, 200, 100, hpa, 6},
		{"50m of 100m halves, rounded up", 3, 50, 100, hpa, 2},
		{"the walkthrough", 1, 305, 50, hpa, 7},
		{"50 pods", 50, 90, 75, hpa, 60},
		{"a ratio of 1.1 is tolerated", 10, 110, 100, hpa, 10},
		{"1.11 is not", 10, 111, 100, hpa, 12},
		{"a ratio of 0.9 is tolerated", 10, 90, 100, hpa, 10},
		{"0.89 is not", 10, 89, 100, hpa, 9},
		{"105 MiB of 100 with 5 %", 20, 105, 100, 0.05, 20},
		{"more than 105 MiB", 20, 106, 100, 0.05, 22},
	} {
		p := average(ownMetric("Usage", time.Minute), tt.target)
		in := given(tt.tasks, p, series(read(p), settledLag, tt.metric), counts(settledLag, float64(tt.tasks)))
		in.Policy.ScaleOut.Tolerance, in.Policy.ScaleIn.Tolerance = new(tt.out), new(hpa)
		if got := decide(noon, in); got.Policies[0].Count != tt.want {
			t.Errorf("%s: %d at %v of %v asks for %d (%s), want %d", tt.name, tt.tasks, tt.metric, tt.target, got.Policies[0].Count, got.Because, tt.want)
		}
	}
	// Of 10 tasks at 0.89 ours keeps 10: 9 would be at 98.9 % of the target, within
	// the tolerance of growing again.
	p := average(ownMetric("Usage", time.Minute), 100)
	in := given(10, p, series(read(p), settledLag, 89), counts(settledLag, 10))
	if got := decide(noon, in); got.Desired != 10 || got.Reason != history.AnticipatedFlapping {
		t.Errorf("0.89: got %d (%s), want 10 by the flap guard", got.Desired, got.Reason)
	}
}

// Source: Knative serving, pkg/autoscaler/scaling: the autoscaler's own test
// figures. There a tick sees a stable and a panic mean; here the datapoints of ten
// seconds have these means, 5 x stable - panic before the newest.
func TestKnativeExamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		ready         int
		stable, panic float64
		target        float64
		rate          float64 // of scale-out, 0 for the default
		want          int
		panicking     bool
	}{
		{"stable mode increase", 1, 50, 10, 10, 0, 5, false},
		{"stable mode increase again", 8, 100, 100, 10, 0, 10, false},
		{"stable mode decrease", 8, 50, 50, 10, 0, 5, false},
		{"no traffic", 1, 0, 0, 10, 0, 0, false},
		{"panic mode doubles", 1, 50, 100, 10, 0, 10, true},
		{"exponential, first", 1, 6, 6, 1, 0, 6, true},
		{"exponential, second", 6, 36, 36, 1, 0, 36, true},
		{"exponential, third", 36, 216, 216, 1, 0, 216, true},
		{"10 pods, 25 wanted at once", 10, 11, 25, 1, 0, 25, true},
		{"a rate of 1.1 and 2 pods lets 3 be reached", 2, 3, 3, 1, 1.1, 3, false},
		{"70 % of a concurrency of 10 and 100 requests: 14.3, so 15", 10, 100, 100, 7, 0, 15, false},
	} {
		c := flight()
		c.TargetPerTask, c.MaxScaleUpRate = tt.target, tt.rate
		values := append(repeat((6*tt.stable-tt.panic)/5, 5), tt.panic)
		if tt.name == "stable mode increase" {
			c.PanicThreshold = 10 // the datapoints before the newest are a surge of their own
		}
		in := given(tt.ready, spec.Policy{Concurrency: &c}, flightSeries(c, 0, values...))
		in.Policy.MinCapacity, in.Policy.MaxCapacity = 0, 5000
		in.Policy.ScaleOut.Tolerance, in.Policy.ScaleIn.Tolerance = new(spec.Percent(0)), new(spec.Percent(0))
		if r := decide(noon, in).Policies[0]; r.Count != tt.want || r.Panicking != tt.panicking {
			t.Errorf("%s: got %d, panicking %t (%s), want %d, %t", tt.name, r.Count, r.Panicking, r.Because, tt.want, tt.panicking)
		}
	}
}

// Source: the same, a slow increase after a jump from 10 to 25 pods: the panic
// lasts a whole stable window, 41 are asked for in it, and then the stable mean of 50.
func TestKnativePanicEndsAfterAWindow(t *testing.T) {
	t.Parallel()
	c := flight()
	c.TargetPerTask = 1
	calm := (6*11.0 - 25) / 5
	jump := append(repeat(calm, 5), 25)
	tests := []struct {
		name      string
		base      int
		h         history.History
		values    []float64
		want      int
		panicking bool
	}{
		{"the jump", 10, history.History{}, jump, 25, true},
		{"half a window later", 40, orders([3]int{29, 10, 25}, [3]int{15, 25, 40}), append(append([]float64{}, jump...), 41, 41, 41), 41, true},
		{"a window later and not more", 55, orders([3]int{59, 10, 25}, [3]int{45, 25, 40}, [3]int{15, 40, 55}), append(append([]float64{}, jump...), 41, 41, 41, 44, 44, 56), 56, true},
		{"after it", 55, orders([3]int{69, 10, 25}, [3]int{55, 25, 40}, [3]int{25, 40, 55}), append(append([]float64{}, jump...), 41, 41, 53, 50, 50, 50, 56), 50, false},
	}
	for _, tt := range tests {
		in := given(tt.base, spec.Policy{Concurrency: &c}, flightSeries(c, 0, tt.values...))
		in.History = tt.h
		in.Policy.ScaleOut.Tolerance, in.Policy.ScaleIn.Tolerance = new(spec.Percent(0)), new(spec.Percent(0))
		if r := decide(noon, in).Policies[0]; r.Count != tt.want || r.Panicking != tt.panicking {
			t.Errorf("%s: got %d, panicking %t (%s), want %d, %t", tt.name, r.Count, r.Panicking, r.Because, tt.want, tt.panicking)
		}
	}
}
