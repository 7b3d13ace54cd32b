package spec_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// What one look reads is billed, so that it is bounded: inputs of metric math count.
func TestValidateReads(t *testing.T) {
	t.Parallel()
	inputs := func(n int) *spec.Metric {
		m := &spec.Metric{Expression: "SUM(METRICS())", Metrics: map[string]spec.MathInput{}}
		for i := range n {
			m.Metrics[fmt.Sprint("a", i)] = spec.MathInput{Namespace: "App", Name: "N"}
		}
		return m
	}
	math := func(n int) spec.Policy { return tracking(spec.TargetTracking{Metric: inputs(n), TargetPerTask: 1}) }
	queue := spec.Policy{Backlog: &spec.Backlog{Queue: "q", AcceptableLatency: minute}}
	other := spec.Policy{Backlog: &spec.Backlog{AcceptableLatency: minute, Metrics: &spec.BacklogMetrics{
		Backlog: *own("", 0), Arrivals: *inputs(2), Completions: own("", 0),
	}}}
	steps := stepping()
	flight := spec.Policy{Concurrency: &spec.Concurrency{Metric: *own("", 0), TargetPerTask: 1}}
	tests := []struct {
		name string
		edit func(*spec.Service)
		want int // 0 is no problem
	}{
		{"30 inputs", func(s *spec.Service) { s.Policies = slices.Repeat([]spec.Policy{math(10)}, 3) }, 0},
		{"30 inputs and CPU", func(s *spec.Service) { s.Policies = append(slices.Repeat([]spec.Policy{math(10)}, 3), cpu(60)) }, 31},
		{"28 of queues, 2 others", func(s *spec.Service) {
			s.Policies = append(slices.Repeat([]spec.Policy{queue}, 7), flight, spec.Policy{StepScaling: &steps})
		}, 0},
		{"28 of queues, 3 others", func(s *spec.Service) {
			s.Policies = append(slices.Repeat([]spec.Policy{queue}, 7), flight, flight, spec.Policy{StepScaling: &steps})
		}, 31},
		{"32 of queues of one's own", func(s *spec.Service) { s.Policies = slices.Repeat([]spec.Policy{other}, 8) }, 32},
		{"a policy without type reads one", func(s *spec.Service) {
			s.Policies = append(slices.Repeat([]spec.Policy{queue}, 7), flight, flight, flight)
		}, 31},
		{"vetoes and wake signals count", func(s *spec.Service) {
			s.MinCapacity, s.Policies = 0, []spec.Policy{custom(func(*spec.Metric) {})}
			s.Activation = &spec.Activation{Wake: slices.Repeat([]spec.Wake{{Metric: *inputs(5)}}, 4)}
			s.Vetoes = []spec.Veto{{Name: "v", Metric: *inputs(10), Above: new(1.0)}}
		}, 31},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var want []spec.Problem
			if tt.want > 0 {
				want = []spec.Problem{problem("policies", fmt.Sprintf("the service would read %d metrics, more than 30", tt.want), "CloudWatch bills every metric of every look: keep the ones that matter")}
			}
			judge(t, func(s *spec.Service) {
				tt.edit(s)
				named(s.Policies)
			}, want)
		})
	}
}
