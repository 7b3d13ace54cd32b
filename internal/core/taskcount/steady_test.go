package taskcount_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// kind is a policy type with what is published of a minute in which the service
// needs some tasks and has others.
type kind struct {
	name   string
	policy spec.Policy
	minute func(need float64, running int) []float64 // one value of each series
	series []signal.Metric
	each   bool // the first series has a sample of each task
}

// kinds are the policy types that know a need.
func kinds() []kind {
	backlog := &spec.Backlog{Queue: "jobs", AcceptableLatency: minute, ProcessingTime: new(spec.Duration(time.Second))}
	sqs := backlog.CloudWatch()
	flight := &spec.Concurrency{Metric: spec.Metric{Namespace: "App", Name: "Flight"}, TargetPerTask: 100}
	perTask := &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "Connections"}, TargetValue: 50}
	return []kind{
		{"CPU", cpuPolicy(60), func(need float64, _ int) []float64 { return []float64{60 * need} }, []signal.Metric{spec.ServiceMetric(key, "CPUUtilization", "Sum")}, true},
		{"total", spec.Policy{TargetTracking: total()}, func(need float64, _ int) []float64 { return []float64{40 * need} }, []signal.Metric{total().CloudWatch(key).Metric}, false},
		{"per task", spec.Policy{TargetTracking: perTask}, func(need float64, running int) []float64 {
			return []float64{50 * need / float64(max(1, running)), float64(running)}
		}, []signal.Metric{perTask.CloudWatch(key).Metric, spec.ServiceMetric(key, "CPUUtilization", "SampleCount")}, false},
		{"backlog", spec.Policy{Backlog: backlog}, func(need float64, _ int) []float64 { return []float64{0, 60 * need} }, []signal.Metric{sqs.Backlog, sqs.Arrivals}, false},
		{"concurrency", spec.Policy{Concurrency: flight}, func(need float64, _ int) []float64 { return []float64{70 * need} }, []signal.Metric{flight.Metric.CloudWatch("Sum")}, false},
	}
}

// steps is step scaling at 60 % of CPU, 10 % up and a task down.
func steps() kind {
	k := kinds()[0]
	k.name, k.policy = "steps", spec.Policy{StepScaling: &spec.StepScaling{
		PredefinedMetric: spec.CPUUtilization, Threshold: 60, AdjustmentType: spec.PercentChangeInCapacity, MinAdjustmentMagnitude: 1,
		StepAdjustments: []spec.StepAdjustment{
			{MetricIntervalLowerBound: new(5.0), ScalingAdjustment: 20}, {MetricIntervalUpperBound: new(-15.0), ScalingAdjustment: -10},
		},
	}}
	return k
}

// plant is a service under a demand that never changes but for noise: orders are
// carried out at once, tasks run a minute later, metrics come 150 s late.
type plant struct {
	kind    kind
	policy  spec.Service
	desired int
	h       history.History
	minutes [][]float64
	tasks   []int
}

// run goes on for some minutes and gives the orders.
func (p *plant) run(minutes int, need func() float64) []history.Order {
	var orders []history.Order
	running := p.desired
	for range minutes {
		p.minutes, p.tasks = append(p.minutes, p.kind.minute(need(), running)), append(p.tasks, running)
		now := noon.Add(time.Duration(len(p.minutes)) * time.Minute)
		running = p.desired
		in := on(fleet.EC2, input(p.desired, p.published(now)))
		in.Policy, in.History, in.Acting = p.policy, p.h, true
		if in.Queues = working(p.kind.policy); in.Queues != nil {
			in.Queues[0].At = now
		}
		got, m := taskcount.Decide(now, in)
		if m.Worth {
			p.h = m.History
		}
		if got.Direction == history.Hold {
			continue
		}
		o := history.Order{At: now, From: p.desired, To: got.Desired}
		p.h, p.desired = m.After(o, got.Marks), got.Desired
		orders = append(orders, o)
	}
	return orders
}

// published gives the last 90 minutes that ended 150 s ago.
func (p *plant) published(now time.Time) signal.Set {
	set := make(signal.Set, len(p.kind.series))
	for i, m := range p.kind.series {
		set[i] = signal.Series{Metric: m, Status: signal.Complete}
	}
	for i := max(0, len(p.minutes)-90); i < len(p.minutes); i++ {
		start := noon.Add(time.Duration(i) * time.Minute)
		if start.Add(time.Minute + 150*time.Second).After(now) {
			break
		}
		for k, v := range p.minutes[i] {
			pt := signal.Point{Start: start, Value: signal.Value(v)}
			if k == 0 && p.kind.each {
				pt.Samples = signal.Value(p.tasks[i])
			}
			set[k].Points = append(set[k].Points, pt)
		}
	}
	return set
}

func steadyPlant(k kind, desired int) *plant {
	p := spec.Service{MinCapacity: 1, MaxCapacity: 1000, Policies: []spec.Policy{k.policy}}
	return &plant{kind: k, policy: p, desired: desired}
}

// reversals gives the times of the orders that go the other way than the one
// before.
func reversals(orders []history.Order) []time.Time {
	var out []time.Time
	for i := 1; i < len(orders); i++ {
		if (orders[i].To > orders[i].From) != (orders[i-1].To > orders[i-1].From) {
			out = append(out, orders[i].At)
		}
	}
	return out
}

// Constant demand with up to 15 % noise either way: whatever the type of the
// policy, at most one reversal an hour once the start is past.
func TestNoPolicyFlapsUnderNoise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(kinds()).Draw(t, "kind")
		level := rapid.Float64Range(1.5, 60).Draw(t, "need")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "noise"), 7))
		p := steadyPlant(k, max(1, int(level)))
		orders := p.run(4*60, func() float64 { return level * (1 + 0.30*(r.Float64()-0.5)) })
		turns := reversals(orders)
		for i := 1; i < len(turns); i++ {
			if turns[i].Sub(turns[i-1]) < time.Hour {
				t.Fatalf("%s, a need of %.2f: reversals at %v within an hour, orders %v", k.name, level, turns, orders)
			}
		}
	})
}

// Whatever the noise, the type and the flap budget: no more scale-ins undo a
// scale-out than the budget has.
func TestFlapBudgetHoldsUnderAnyNoise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(append(kinds(), steps())).Draw(t, "kind")
		level, noise := rapid.Float64Range(2, 60).Draw(t, "need"), rapid.Float64Range(0.2, 1.9).Draw(t, "noise")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		p := steadyPlant(k, max(1, int(level)))
		budget := spec.FlapBudget{Reversals: rapid.IntRange(1, 3).Draw(t, "reversals"), Period: spec.Duration(time.Duration(rapid.IntRange(10, 60).Draw(t, "period")) * time.Minute)}
		p.policy.ScaleIn = spec.ScaleIn{FlapBudget: &budget, StabilizationWindow: new(spec.Duration(0)), Cooldown: new(spec.Duration(0)), Datapoints: 1}
		orders := p.run(180, func() float64 { return level * max(0, 1+noise*(r.Float64()-0.5)) })
		for i := range orders {
			n := 0
			for k := 1; k <= i; k++ {
				if orders[k].To < orders[k].From && orders[k-1].To > orders[k-1].From && orders[i].At.Sub(orders[k].At) < time.Duration(budget.Period) {
					n++
				}
			}
			if n > budget.Reversals {
				t.Fatalf("%s: %d reversals within %s of %d: %v", k.name, n, budget.Period, budget.Reversals, orders)
			}
		}
	})
}

// A demand that stays is met in the end, from wherever the service starts: enough
// tasks for it but for the tolerance of scale-out, and no more than the tolerance
// of scale-in, or the flap guard's margin, leaves.
func TestAConstantDemandIsMet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(kinds()).Draw(t, "kind")
		need := rapid.Float64Range(0.2, 80).Draw(t, "need")
		p := steadyPlant(k, rapid.IntRange(1, 60).Draw(t, "start"))
		out, in := rapid.Float64Range(0, 0.3).Draw(t, "out tolerance"), rapid.Float64Range(0, 0.3).Draw(t, "in tolerance")
		p.policy.ScaleOut.Tolerance, p.policy.ScaleIn.Tolerance = new(spec.Percent(out)), new(spec.Percent(in))
		p.policy.ScaleIn.StabilizationWindow = new(spec.Duration(time.Duration(rapid.IntRange(0, 20).Draw(t, "window")) * time.Minute))
		p.run(5*60, func() float64 { return need })
		least := int(math.Ceil(need/(1+out) - 1e-6))
		most := max(1, math.Ceil(need/((1+out)*(1-in))-1e-6), math.Ceil(need-1e-6), math.Floor(need/(1-in)+1e-6))
		if p.desired < least || p.desired > int(most) {
			t.Fatalf("%s: a need of %.3f ends at %d, not within %d to %d", k.name, need, p.desired, least, int(most))
		}
	})
}

// Where the loss of data, a veto or a deployment held a service back, it goes on
// by itself once that is over.
func TestRecoveryNeedsNobody(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		p := steadyPlant(k, 20)
		p.run(60, func() float64 { return 5 })
		p.policy.Vetoes = []spec.Veto{{Name: "slow", Metric: latency(), Above: new(0.5)}} // never read
		held := p.desired
		p.run(60, func() float64 { return 1 })
		if p.desired != held {
			t.Errorf("%s: scaled in from %d to %d under a veto", k.name, held, p.desired)
		}
		p.policy.Vetoes = nil
		p.run(180, func() float64 { return 1 })
		if p.desired > 2 {
			t.Errorf("%s: %d tasks after the veto, 1 is needed", k.name, p.desired)
		}
	}
}
