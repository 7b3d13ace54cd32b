package world_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// busiest gives the most reversals in any hour.
func busiest(at []time.Time) int {
	most := 0
	for i := range at {
		n := 0
		for _, t := range at[i:] {
			if t.Sub(at[i]) < time.Hour {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// reversedIn gives the scale-ins that undid a scale-out, which is what the flap
// budget counts.
func reversedIn(as []plant.Activity) []time.Time {
	var out []time.Time
	for i := 1; i < len(as); i++ {
		if as[i].To < as[i].From && as[i-1].To > as[i-1].From {
			out = append(out, as[i].At)
		}
	}
	return out
}

// steps is step scaling with a threshold for either direction, that may lie
// close together.
func steps(t *rapid.T) spec.Policy {
	gap := rapid.Float64Range(2, 40).Draw(t, "gap")
	adjust := rapid.IntRange(1, 4).Draw(t, "adjustment")
	kind := rapid.SampledFrom([]string{spec.ChangeInCapacity, spec.PercentChangeInCapacity}).Draw(t, "type")
	if kind == spec.PercentChangeInCapacity {
		adjust *= 10
	}
	return spec.Policy{Name: "steps", StepScaling: &spec.StepScaling{
		PredefinedMetric: spec.CPUUtilization, Threshold: rapid.Float64Range(40, 80).Draw(t, "threshold"), AdjustmentType: kind,
		StepAdjustments: []spec.StepAdjustment{
			{MetricIntervalUpperBound: new(-gap), ScalingAdjustment: -adjust}, {MetricIntervalLowerBound: new(0.0), ScalingAdjustment: adjust},
		},
	}}
}

// anyPolicy draws a policy document's policies and behaviour.
func anyPolicy(t *rapid.T) spec.Service {
	p := spec.Service{MinCapacity: 1, MaxCapacity: 400}
	if rapid.Bool().Draw(t, "tracked") {
		p.Policies = append(p.Policies, cpuTarget(rapid.Float64Range(30, 85).Draw(t, "target")))
	}
	if len(p.Policies) == 0 || rapid.Bool().Draw(t, "stepped") {
		p.Policies = append(p.Policies, steps(t))
	}
	p.ScaleOut.Tolerance = new(spec.Percent(rapid.Float64Range(0, 0.2).Draw(t, "out tolerance")))
	p.ScaleIn.Tolerance = new(spec.Percent(rapid.Float64Range(0, 0.2).Draw(t, "in tolerance")))
	if rapid.Bool().Draw(t, "hasty") {
		p.ScaleIn.StabilizationWindow, p.ScaleIn.Datapoints = new(spec.Duration(rapid.IntRange(0, 5).Draw(t, "window"))*spec.Duration(time.Minute)), 1
	}
	return p
}

// leftOver is the most CPU, in percent, that a scale-in may leave on each task:
// where scale-out begins, less the tolerance. No step policy says such a number.
func leftOver(p spec.Service) float64 {
	t := p.Policies[0].TargetTracking
	if t == nil {
		return math.Inf(1)
	}
	return t.TargetValue * (1 + float64(*p.ScaleOut.Tolerance)) * (1 - float64(*p.ScaleIn.Tolerance))
}

// H13: with any policy, at any constant load, the count settles: it turns once at
// most. Step policies whose thresholds lie closer than a step know no count that
// pleases both; the flap budget, two an hour, ends that too.
func TestH13ConstantLoadSettles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		load := rapid.Float64Range(5, 1000).Draw(rt, "load")
		s := play(t, rt, plot{
			Options: world.Options{Seed: rapid.Uint64().Draw(rt, "seed")}, Policy: p,
			Service: plant.Service{Load: constant(load), Desired: rapid.IntRange(1, 200).Draw(rt, "desired")},
		})
		s.highAlarm()
		s.to(t, 3*time.Hour)
		as := s.Plant.Activities("web")
		if n := busiest(reversedIn(as)); n > spec.DefaultReversals {
			rt.Fatalf("at a constant load it turned back %d times in an hour: %+v", n, as)
		}
		if n := turns(as); len(p.Policies) == 1 && p.Policies[0].TargetTracking != nil && n > 1 {
			rt.Fatalf("at a constant load it turned %d times: %+v", n, as)
		}
		for _, a := range as {
			// The Sum of a minute in which tasks left is a little short of what was
			// carried, and a window of a minute may hold that one alone.
			if use, most := 10*load/float64(a.To), 1.01*leftOver(p); a.To < a.From && use > most {
				rt.Fatalf("the step from %d to %d leaves %.2f %% on each task, within reach of where scale-out begins: want at most %.2f %%", a.From, a.To, use, most)
			}
		}
		s.sound(t)
	})
}

// H13 with noise of any bounded size, in either case with the default windows:
// at most the flap budget an hour.
func TestH13NoiseKeepsTheBudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		mean, part := rapid.Float64Range(20, 400).Draw(rt, "mean"), rapid.Float64Range(0.02, 0.3).Draw(rt, "noise")
		s := play(t, rt, plot{
			Options: world.Options{Seed: rapid.Uint64().Draw(rt, "seed"), Plant: plant.Options{Lag: sim.Fixed(150 * time.Second)}}, Policy: p,
			Service: plant.Service{Load: noisy(rapid.Uint64().Draw(rt, "noise seed"), mean, part), Desired: int(math.Ceil(mean / 6))},
		})
		s.highAlarm()
		s.to(t, 3*time.Hour)
		as := s.Plant.Activities("web")
		if n := busiest(reversedIn(as)); n > spec.DefaultReversals {
			rt.Fatalf("under noise it turned back %d times in an hour: %+v", n, as)
		}
		s.sound(t)
	})
}

// H13: two steps that never agree. At a constant load the latency of 17 tasks is
// below one threshold and that of 16 above the other, and it would go on like that
// every few minutes. The budget lets it turn back twice an hour.
func TestH13StepsThatNeverAgree(t *testing.T) {
	t.Parallel()
	lat := latency()
	p := tracked()
	p.Policies = []spec.Policy{{StepScaling: &spec.StepScaling{
		Metric: &lat, Threshold: 0.2, AdjustmentType: spec.ChangeInCapacity,
		StepAdjustments: []spec.StepAdjustment{
			{MetricIntervalUpperBound: new(-0.005), ScalingAdjustment: -4}, {MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 4},
		},
	}}}
	p.ScaleIn.StabilizationWindow, p.ScaleIn.Datapoints = new(spec.Duration(0)), 1
	s := play(t, t, plot{Policy: p, Service: plant.Service{Load: constant(120), Desired: 16, Measures: []plant.Measure{measure(plant.Latency)}}})
	s.to(t, 6*time.Hour)
	turns := reversedIn(s.Plant.Activities("web"))
	if n := busiest(turns); n > spec.DefaultReversals {
		t.Errorf("it turned back %d times in an hour, want at most %d", n, spec.DefaultReversals)
	}
	if len(turns) < 6 || !named(s.records(t), history.FlapBudget) {
		t.Errorf("it turned back %d times in six hours: the story shows nothing", len(turns))
	}
	s.sound(t)
	s.calm()
}

// H13 on a queue: arrivals that swing by half from minute to minute.
func TestH13BacklogKeepsTheBudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := sleeper()
		p.MinCapacity = 1
		if rapid.Bool().Draw(rt, "learnt") {
			p.Policies[0].Backlog.ProcessingTime = nil
		}
		mean := rapid.Float64Range(1, 30).Draw(rt, "arrivals")
		load := noisy(rapid.Uint64().Draw(rt, "noise seed"), mean, rapid.Float64Range(0, 0.5).Draw(rt, "noise"))
		s := play(t, rt, plot{
			Options: world.Options{Seed: rapid.Uint64().Draw(rt, "seed")}, Policy: p, Queues: []plant.Queue{{Name: "jobs", Arrivals: load}},
			Service: plant.Service{Queue: "jobs", Capacity: 2, Desired: int(math.Ceil(mean/2)) + 1},
		})
		s.to(t, 3*time.Hour)
		as := s.Plant.Activities("web")
		if n := busiest(reversedIn(as)); n > spec.DefaultReversals {
			rt.Fatalf("on a noisy queue it turned back %d times in an hour: %+v", n, as)
		}
		if v := s.Plant.QueueView("jobs"); v.Age > 10*time.Minute {
			rt.Fatalf("after three hours the oldest message is %s old: %+v", v.Age, v)
		}
		s.sound(t)
	})
}
