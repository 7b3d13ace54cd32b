package taskcount_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestOverrides(t *testing.T) {
	t.Parallel()
	live, gone := noon.Add(time.Hour), noon
	low := cpu(10, 0, repeat(20, 15)...)
	tests := []struct {
		name   string
		o      spec.Override
		set    signal.Set
		want   int
		reason string
	}{
		{"pause stops an out", spec.Override{Kind: spec.Pause, Until: live}, cpu(10, 0, 90), 10, history.Paused},
		{"an expired pause does not, although the ledger still has it", spec.Override{Kind: spec.Pause, Until: gone}, cpu(10, 0, 90), 15, history.TargetTracking},
		{"suspendIn stops an in", spec.Override{Kind: spec.SuspendIn, Until: live}, low, 10, history.ScaleInSuspended},
		{"suspendIn lets an out pass", spec.Override{Kind: spec.SuspendIn, Until: live}, cpu(10, 0, 90), 15, history.TargetTracking},
		{"suspendOut stops an out", spec.Override{Kind: spec.SuspendOut, Until: live}, cpu(10, 0, 90), 10, history.ScaleOutSuspended},
		{"suspendOut lets an in pass", spec.Override{Kind: spec.SuspendOut, Until: live}, low, 4, history.TargetTracking},
		{"min lifts", spec.Override{Kind: spec.MinAt, Count: 12, Until: live}, low, 12, history.MinCapacity},
		{"max lowers", spec.Override{Kind: spec.MaxAt, Count: 12, Until: live}, cpu(10, 0, 90), 12, history.MaxCapacity},
		{"max never raises", spec.Override{Kind: spec.MaxAt, Count: 200, Until: live}, cpu(10, 0, 99), 20, history.TargetTracking},
		{"max below zero is zero", spec.Override{Kind: spec.MaxAt, Count: -3, Until: live}, low, 0, history.MaxCapacity},
		{"max below min wins", spec.Override{Kind: spec.MaxAt, Count: 1, Until: live}, low, 1, history.MaxCapacity},
		{"hold stands", spec.Override{Kind: spec.HoldAt, Count: 11, Until: live}, cpu(10, 0, 90), 11, history.HoldOverride},
		{"hold never passes the maximum", spec.Override{Kind: spec.HoldAt, Count: 99, Until: live}, cpu(10, 0, 90), 60, history.HoldOverride},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := input(10, tt.set)
			tt.o.Why, tt.o.By = "release", "ann"
			in.Overrides = []spec.Override{tt.o}
			got := decide(noon, in)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason)
			}
			checkChain(t, got)
		})
	}
}

func TestSeveralPolicies(t *testing.T) {
	t.Parallel()
	inFlight := &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 40}
	total := func(v ...float64) signal.Series {
		s := signal.Series{Metric: inFlight.CloudWatch(key).Metric, Status: signal.Complete}
		for i, x := range v {
			s.Points = append(s.Points, signal.Point{Start: noon.Add(-time.Duration(len(v)-i) * time.Minute), Value: signal.Value(x)})
		}
		return s
	}
	low := repeat(20, 15)
	tests := []struct {
		name   string
		set    signal.Set
		want   int
		reason string
	}{
		{"out if any", append(cpu(10, 0, 60), total(600)), 15, history.TargetTracking},
		{"the larger out wins", append(cpu(10, 0, 96), total(600)), 16, history.TargetTracking},
		{"in only if all", append(cpu(10, 0, low...), total(repeat(400, 15)...)), 10, history.AlreadyAtDesiredCapacity},
		{"in to the larger", append(cpu(10, 0, low...), total(repeat(225, 15)...)), 6, history.TargetTracking},
		{"no in while one is missing", append(cpu(10, 0, low...), total()), 10, history.MissingData},
		{"out while one is missing", append(cpu(10, 0, 90), total()), 15, history.TargetTracking},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := input(10, tt.set)
			in.Policy.Policies = append(in.Policy.Policies, spec.Policy{TargetTracking: inFlight})
			got := decide(noon, in)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason)
			}
		})
	}
}

// A custom average needs the running tasks of the same minute: 80 connections
// on each of 10 tasks at a target of 50 need 16 tasks, whatever runs now.
func TestCustomAverage(t *testing.T) {
	t.Parallel()
	conns := &spec.TargetTracking{
		Metric:      &spec.Metric{Namespace: "App", Name: "Connections", Dimensions: map[string]string{"Service": "checkout"}, Period: spec.Duration(5 * time.Minute)},
		TargetValue: 50,
	}
	start := noon.Add(-5 * time.Minute)
	values := signal.Series{Metric: conns.CloudWatch(key).Metric, Status: signal.Complete, Points: []signal.Point{{Start: start, Value: 80}, {Start: start.Add(-5 * time.Minute), Value: 80}}}
	running := signal.Series{Metric: spec.ServiceMetric(key, "CPUUtilization", "SampleCount"), Status: signal.Complete}
	for i := range 5 {
		running.Points = append(running.Points, signal.Point{Start: start.Add(-time.Duration(i+1) * time.Minute), Value: 10})
	}
	for i, n := range []float64{8, 9, 10, 11, 12, 99} { // the sixth minute is not of the period
		running.Points = append(running.Points, signal.Point{Start: start.Add(time.Duration(i) * time.Minute), Value: signal.Value(n)})
	}
	in := input(20, signal.Set{values, running})
	in.Policy.Policies = []spec.Policy{{TargetTracking: conns}}
	in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(0))
	if got := decide(noon, in); got.Desired != 17 || got.Wanted != 16 || got.Policies[0].Tasks != 10 {
		t.Errorf("got %d from %d tasks (%s), want 16 from 10, and 17 by the flap guard", got.Desired, got.Policies[0].Tasks, got.Because)
	}
	whole := running.Points
	running.Points = running.Points[:len(running.Points)-2] // the last minute of the period is not published yet
	in.Signals = signal.Set{values, running}
	if got := decide(noon, in); got.Policies[0].Datapoint.Equal(start) {
		t.Errorf("a period whose counts are not all there was used: %+v", got.Policies[0])
	}
	running.Points = whole
	for _, status := range []signal.Status{signal.Failed, ""} {
		running.Status, running.Why = status, "throttled"
		in.Signals = signal.Set{values, running}
		if got := decide(noon, in); got.Desired != 20 || got.Reason != history.MissingData {
			t.Errorf("running tasks %q: got %d (%s), want a hold", status, got.Desired, got.Reason)
		}
	}
	in.Signals = signal.Set{values}
	if got := decide(noon, in); got.Desired != 20 || !strings.Contains(got.Because, "running task count") {
		t.Errorf("got %d (%s), want a hold that names the running task count", got.Desired, got.Because)
	}
}
