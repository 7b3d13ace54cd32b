package policy_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// A cluster of 500 services with one CPU policy each, read over the flap
// guard's hour and the lag: 65 datapoints.
const manyServices, manyPoints = 500, 65

// averages swings around the target, so that some services go out, some in.
func averages(i int) []float64 {
	out := make([]float64, manyPoints)
	for k := range out {
		out[k] = float64(20 + (i*7+k*3)%70)
	}
	return out
}

// cells gives 500 Fargate services, each its own cell.
func cells() []policy.Input {
	out := make([]policy.Input, manyServices)
	for i := range out {
		name := fleet.ServiceName(fmt.Sprintf("service-%03d", i))
		in := fargate(60)
		in.Cell.Service, in.Services[0].Name = name, name
		in.Fleet.Services[0].Name = name
		in.Signals[0] = cpu(name, 10, averages(i)...)
		for k := range history.MaxOrders {
			in.Services[0].History = in.Services[0].History.With(history.Order{At: noon.Add(time.Duration(k-100) * time.Hour), From: 8 + k%2, To: 9 - k%2}, nil)
		}
		out[i] = in
	}
	return out
}

// threePolicies gives the same cells with CPU, memory and a total of their own.
func threePolicies() []policy.Input {
	sum := &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 40}
	return withPolicies(
		spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}},
		spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 70}},
		spec.Policy{TargetTracking: sum})
}

// otherTypes gives the same cells with a step, a backlog whose rate is learnt and
// a concurrency policy on datapoints of ten seconds.
func otherTypes() []policy.Input {
	jobs := &spec.Backlog{Queue: "jobs", AcceptableLatency: spec.Duration(time.Minute)}
	out := withPolicies(
		spec.Policy{StepScaling: &spec.StepScaling{
			PredefinedMetric: spec.CPUUtilization, Threshold: 50, AdjustmentType: spec.PercentChangeInCapacity, EvaluationPeriods: 3,
			StepAdjustments: []spec.StepAdjustment{
				{MetricIntervalLowerBound: new(10.0), ScalingAdjustment: 10}, {MetricIntervalUpperBound: new(0.0), ScalingAdjustment: -10},
			},
		}},
		spec.Policy{Backlog: jobs},
		spec.Policy{Concurrency: &spec.Concurrency{Metric: spec.Metric{Namespace: "App", Name: "InFlight", Period: spec.Duration(10 * time.Second)}, TargetPerTask: 100}})
	for i := range out { // a rate is written every 15 minutes
		h := &out[i].Services[0].History
		*h = h.WithRate(history.Rate{Policy: jobs.CloudWatch().Backlog.Key(), PerTask: 4, At: noon.Add(-15 * time.Minute), Periods: 100})
	}
	return out
}

// withPolicies gives the cells with these policies and all that they ask for, each
// metric over the window of its query.
func withPolicies(policies ...spec.Policy) []policy.Input {
	out := cells()
	for i := range out {
		in := &out[i]
		in.Services[0].Policy.Policies = policies
		in.Queues = []signal.Queue{{Name: "jobs", At: noon, Visible: i % 3, Status: signal.Complete}}
		in.Signals = nil
		for k, q := range taskcount.Queries(fleet.ServiceKey{Cluster: "prod", Service: in.Services[0].Name}, in.Services[0].Policy) {
			s := signal.Series{Metric: q.Metric, Status: signal.Complete}
			n := int(q.Window / q.Metric.Period)
			for p := range n {
				v := signal.Point{Start: noon.Add(-time.Duration(n-p) * q.Metric.Period), Value: signal.Value(200 + (i*7+k*13+p*3)%400)}
				switch {
				case q.Samples:
					v.Samples = 10
				case q.Metric.Statistic == "SampleCount":
					v.Value = 10
				case q.Metric.Namespace == "AWS/SQS":
					v.Value = signal.Value((i*7 + p*3) % 150)
				}
				s.Points = append(s.Points, v)
			}
			in.Signals = append(in.Signals, s)
		}
	}
	return out
}

// oneCell gives the same services in the cell of one group with 200 instances.
func oneCell() policy.Input {
	in := group(60)
	in.Fleet.Services, in.Services, in.Signals = nil, nil, nil
	for _, c := range cells() {
		v := c.Fleet.Services[0]
		v.Compute, v.Group, v.TaskSize = fleet.EC2, "m7g", quarter()
		in.Fleet.Services = append(in.Fleet.Services, v)
		in.Services = append(in.Services, c.Services[0])
		in.Signals = append(in.Signals, c.Signals[0])
	}
	in.Fleet.Instances = slices.Repeat(in.Fleet.Instances, 100)
	for i := range in.Fleet.Instances {
		in.Fleet.Instances[i].ID = fleet.InstanceID(fmt.Sprintf("i-%03d", i))
		in.Fleet.Instances[i].Remaining = fleet.Resources{CPU: i * 10, Memory: i * 30}
	}
	in.Fleet.Group.DesiredCapacity, in.Fleet.Group.MaxSize = 200, 1000
	slices.SortFunc(in.Signals, func(a, b signal.Series) int { return cmp.Compare(a.Metric.Key(), b.Metric.Key()) })
	return in
}

func decideAll(ins []policy.Input) (orders int) {
	for _, in := range ins {
		if policy.Decide(noon, in).Services[0].Direction != history.Hold {
			orders++
		}
	}
	return orders
}

func BenchmarkDecide500Cells(b *testing.B) {
	ins := cells()
	b.ReportAllocs()
	for b.Loop() {
		decideAll(ins)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/manyServices, "ns/service")
}

// Issue 3 asks for 25 ms and 20 MB.
func BenchmarkDecide500CellsOf3Policies(b *testing.B) {
	for name, ins := range map[string][]policy.Input{"tracking": threePolicies(), "step, backlog, concurrency": otherTypes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decideAll(ins)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/manyServices, "ns/service")
		})
	}
}

func BenchmarkDecide500ServicesInOneCell(b *testing.B) {
	in := oneCell()
	b.ReportAllocs()
	for b.Loop() {
		policy.Decide(noon, in)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/manyServices, "ns/service")
}

// Design.md 9 asks for 25 ms on Lambda's arm64 core, one decision at most 50 us.
// The ceiling here is ten times that, for a machine that does other things
// meanwhile: it finds what grows with the square of the services.
func TestDecide500ServicesInTime(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("timed, so neither under -short nor with the race detector")
	}
	const ceiling = 250 * time.Millisecond
	ins, three, others, in := cells(), threePolicies(), otherTypes(), oneCell()
	tests := []struct {
		name   string
		decide func() int
	}{
		{"500 cells", func() int { return decideAll(ins) }},
		{"500 cells of 3 tracking policies", func() int { return decideAll(three) }},
		{"500 cells of a step, a backlog and a concurrency policy", func() int { return decideAll(others) }},
		{"one cell", func() int {
			n := 0
			for _, s := range policy.Decide(noon, in).Services {
				if s.Direction != history.Hold {
					n++
				}
			}
			return n
		}},
	}
	for _, tt := range tests {
		best := time.Hour
		for range 3 { // the best of three: another process may take one
			start := time.Now()
			orders := tt.decide()
			best = min(best, time.Since(start))
			if orders == 0 || orders == manyServices {
				t.Fatalf("%s: %d of %d services are ordered, want a mix", tt.name, orders, manyServices)
			}
		}
		if best > ceiling {
			t.Errorf("%s: %s for %d services, want at most %s", tt.name, best, manyServices, ceiling)
		}
	}
}
