package world_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// replaced lets 20 calm tasks run for an hour and then puts another policy in
// force, to act on at once: every window and cooldown is 0.
func replaced(t *testing.T, to tb, p spec.Service) story {
	t.Helper()
	s := play(t, to, plot{Service: plant.Service{Load: constant(120), Desired: 20}, Free: true})
	s.to(t, time.Hour)
	p.ScaleIn.StabilizationWindow, p.ScaleIn.Cooldown, p.ScaleIn.Datapoints = new(spec.Duration(0)), new(spec.Duration(0)), 1
	s.must(s.Apply(t.Context(), document(p), "somebody in a hurry"))
	return s
}

// H3, GitHub Actions 2026-07-13: a changed configuration changes the fleet. What
// it changes at once is at most the step, whatever it says.
func TestH3PolicyChangeIsStepCapped(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy   spec.Service
		low, end int // the least count in the first quarter of an hour, and the one in the end
	}{
		"a higher target": {spec.Service{MinCapacity: 2, MaxCapacity: 40, Policies: []spec.Policy{cpuTarget(95)}}, 14, 14},
		"a lower maximum": {spec.Service{MinCapacity: 2, MaxCapacity: 6, Policies: tracked().Policies}, 10, 6},
		"a metric that does not exist": {spec.Service{MinCapacity: 0, MaxCapacity: 40, Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{
			Metric: new(appMetric("nothing")), TargetPerTask: 1e9,
		}}}}, 20, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := replaced(t, t, tc.policy)
			s.to(t, 75*time.Minute)
			if low, _ := s.extent(time.Hour, 75*time.Minute); low < tc.low {
				t.Errorf("within a quarter of an hour it fell to %d, want at least %d", low, tc.low)
			}
			v := s.to(t, 6*time.Hour)
			if math.Abs(float64(v.Desired-tc.end)) > 1 {
				t.Errorf("in the end %+v, want about %d desired", v, tc.end)
			}
			s.sound(t)
			s.calm()
		})
	}
	t.Run("without rates and budget it would", func(t *testing.T) {
		t.Parallel()
		p := spec.Service{MinCapacity: 2, MaxCapacity: 6, Policies: tracked().Policies}
		p.ScaleIn.RateLimits = []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
		p.ScaleIn.RemovalBudget = []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
		s := replaced(t, t, p)
		s.to(t, 75*time.Minute)
		if low, _ := s.extent(time.Hour, 75*time.Minute); low > 7 {
			t.Errorf("it fell to %d only: the story shows nothing", low)
		}
	})
}

// H3 for any policy: a change of it moves the count in any minute by no more than
// 25 % down and the larger of 300 % and 10 tasks up, and removes no more than half
// in fifteen minutes; only a raised minimum lifts at once, to itself.
func TestH3AnyPolicyChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := spec.Service{MinCapacity: rapid.IntRange(1, 60).Draw(rt, "min"), MaxCapacity: rapid.IntRange(60, 400).Draw(rt, "max")}
		if rapid.Bool().Draw(rt, "lowered") {
			p.MinCapacity, p.MaxCapacity = 1, rapid.IntRange(1, 60).Draw(rt, "lower max")
		}
		p.Policies = []spec.Policy{cpuTarget(rapid.Float64Range(1, 100).Draw(rt, "target"))}
		p.ScaleOut.Tolerance = new(spec.Percent(rapid.Float64Range(0, 0.9).Draw(rt, "out tolerance")))
		p.ScaleIn.Tolerance = new(spec.Percent(rapid.Float64Range(0, 0.9).Draw(rt, "in tolerance")))
		s := replaced(t, rt, p)
		s.to(t, 75*time.Minute)
		for _, a := range s.acts(time.Hour, 75*time.Minute) {
			switch {
			case a.To > a.From && a.To > max(4*a.From, a.From+10, p.MinCapacity):
				rt.Fatalf("one tick added from %d to %d", a.From, a.To)
			case a.To < a.From && a.From-a.To > max(1, (a.From+3)/4):
				rt.Fatalf("one tick removed from %d to %d", a.From, a.To)
			}
		}
		s.sound(t)
		s.calm()
	})
}

// H10, Kinesis 2020-11-25: adding servers broke what all of them depend on. Tasks
// x pool size stays within the connections of the database, however high the
// demand is, and the records say which limit it was.
func TestH10ConstraintCapsGrowth(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.Constraints = []spec.Constraint{{Name: "postgres-connections", PerTask: 10, AtMost: 125}}
	s := play(t, t, plot{Policy: p, Service: plant.Service{Load: between(3600, 3*3600, 30, 400), Desired: 5}})
	s.highAlarm()
	v := s.to(t, 3*time.Hour)
	if _, high := s.extent(0, 3*time.Hour); high != 12 || v.Running != 12 {
		t.Errorf("at a demand of 67 tasks it went up to %d (%+v), want the 12 that 125 connections allow", high, v)
	}
	if !named(s.records(t), history.Constraint) {
		t.Error("no record names the constraint")
	}
	if v := s.to(t, 6*time.Hour); !settled(v.Desired, 5) {
		t.Errorf("three hours after it %+v, want about 5 desired", v)
	}
	s.sound(t)
	s.calm()
}

// Whatever the pool, the database and the demand are, no order passes the limit;
// and one that is lowered below what runs is reached by the removal budget.
func TestH10AnyConstraint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pool, most := rapid.Float64Range(0.5, 40).Draw(rt, "pool"), rapid.Float64Range(50, 400).Draw(rt, "connections")
		p := tracked()
		p.MinCapacity = 1
		p.Constraints = []spec.Constraint{{Name: "connections", PerTask: pool, AtMost: most}}
		tasks := int(most / pool)
		s := play(t, rt, plot{Policy: p, Service: plant.Service{Load: between(600, 7200, 60, rapid.Float64Range(60, 500).Draw(rt, "demand")), Desired: 10}})
		s.to(t, time.Hour)
		for _, a := range s.acts(0, time.Hour) {
			if a.To > a.From && a.To > max(tasks, p.MinCapacity) {
				rt.Fatalf("%d tasks of %g connections were ordered, %g are allowed", a.To, pool, most)
			}
		}
		s.sound(t)
	})
}

// H10, the loss of CloudWatch with it: both directions hold, and the limit holds
// when the data is back.
func TestH10WithoutCloudWatch(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.Constraints = []spec.Constraint{{Name: "postgres-connections", PerTask: 10, AtMost: 200}}
	gone := plant.Between(plant.Only(plant.Always(plant.ErrThrottled), plant.CloudWatch), at(time.Hour), at(3*time.Hour))
	load := func(s int) float64 { return []float64{60, 20, 300}[min(s/3600, 2)] }
	s := play(t, t, plot{Options: world.Options{Plant: plant.Options{Fault: gone}}, Policy: p, Service: plant.Service{Load: load, Desired: 10}})
	s.to(t, 3*time.Hour)
	if low, high := s.extent(0, 3*time.Hour-time.Minute); low != 10 || high != 10 {
		t.Errorf("without CloudWatch it went from %d to %d, want 10 all the time", low, high)
	}
	if v := s.to(t, 3*time.Hour+20*time.Minute); v.Desired != 20 {
		t.Errorf("twenty minutes after it is back %+v, want the 20 that are allowed", v)
	}
}
