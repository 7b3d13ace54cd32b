package world_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

const standard fleet.ServiceName = "web-standard"

// pair is a story whose web runs on Fargate Spot, and has a fallback behind the same
// load balancer.
func pair(t *testing.T, p plot) story {
	t.Helper()
	p.Service.Spot, p.Policy = true, tracked()
	s := play(t, t, p)
	s.must(s.Plant.AddService(plant.Service{Name: standard, Beside: "web", Max: 40}))
	d := document(p.Policy)
	d.Services[standard] = spec.Service{Mode: spec.Act, MaxCapacity: 40, FallbackFor: &spec.FallbackFor{Service: "web"}}
	s.must(s.Apply(t.Context(), d, "the story"))
	s.highAlarm()
	return s
}

// ofStandard gives the orders and the records of the fallback.
func (s story) ofStandard(t *testing.T) ([]plant.Activity, []ledger.Record) {
	t.Helper()
	rs, err := s.Records(t.Context(), fleet.ServiceKey{Cluster: "demo", Service: standard}.Target())
	s.must(err)
	orders := ordered(rs)
	for i := range orders {
		s.within(orders[:i+1], 15*time.Minute, 0.50)
		s.within(orders[:i+1], time.Minute, 0.25)
	}
	return s.Plant.Activities(standard), rs
}

// unserved is the demand that nobody has carried so far, in task-seconds.
func (s story) unserved() float64 {
	s.Plant.Finish()
	return s.Plant.Tally("web").Unserved + s.Plant.Tally(standard).Unserved
}

// turns counts how often a count turned round.
func turns(as []plant.Activity) int {
	n := 0
	for i := 1; i < len(as); i++ {
		if (as[i].To > as[i].From) != (as[i-1].To > as[i-1].From) {
			n++
		}
	}
	return n
}

// Fargate Spot without capacity for two hours, for all or for most: the fallback serves
// within minutes, all is back on Spot afterwards, and it turns round once.
func TestSpotGoneForTwoHours(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		for _, left := range []int{0, 1, 4, 9} {
			s := pair(t, plot{Options: world.Options{Seed: seed}, Service: plant.Service{Load: constant(58), Desired: 10}})
			s.to(t, time.Hour)
			s.Plant.SetSpot(left)
			s.to(t, 66*time.Minute)
			lost := s.unserved()
			v := s.to(t, 3*time.Hour)
			if more := s.unserved() - lost; more > 0 || v.Running+s.Plant.View(standard).Running < 10 {
				t.Errorf("seed %d, %d left: %v task-seconds were not served from the sixth minute on: %+v and %+v", seed, left, more, v, s.Plant.View(standard))
			}
			if lost > 6*60*5.8 {
				t.Errorf("seed %d, %d left: %v task-seconds were lost before", seed, left, lost)
			}
			s.Plant.SetSpot(-1)
			v = s.to(t, 10*time.Hour)
			acts, rs := s.ofStandard(t)
			if s.unserved() > lost || v.Running < 10 || v.Running > 12 || s.Plant.View(standard).Desired != 0 || turns(acts) != 1 {
				t.Errorf("seed %d, %d left: seven hours later %+v and %+v after %+v", seed, left, v, s.Plant.View(standard), acts)
			}
			if back := acts[len(acts)-1].At; back.After(at(5 * time.Hour)) {
				t.Errorf("seed %d, %d left: the last task went at %s", seed, left, back)
			}
			for _, a := range acts {
				if a.To < a.From && a.At.Before(at(3*time.Hour+30*time.Minute)) {
					t.Errorf("seed %d, %d left: from %d to %d at %s, before the cool-off", seed, left, a.From, a.To, a.At)
				}
			}
			if !named(rs, history.Fallback) {
				t.Errorf("seed %d, %d left: no record names the fallback", seed, left)
			}
			s.sound(t)
			s.calm()
		}
	}
}

// The load doubles while Spot is gone, and halves again: the pair follows it as one
// service would, on the fallback.
func TestLoadMovesWhileSpotIsGone(t *testing.T) {
	t.Parallel()
	for _, left := range []int{0, 4} {
		s := pair(t, plot{Service: plant.Service{Load: between(2*3600, 4*3600, 58, 116), Desired: 10}})
		s.to(t, time.Hour)
		s.Plant.SetSpot(left)
		s.to(t, 4*time.Hour)
		v, f := s.Plant.View("web"), s.Plant.View(standard)
		if v.Running != left || v.Running+f.Running != v.Desired || v.Desired < 20 || v.Desired > 24 {
			t.Errorf("%d left: with twice the load %+v and %+v, want 20 together", left, v, f)
		}
		if acts, _ := s.ofStandard(t); len(acts) < 2 || acts[1].At.After(at(2*time.Hour+8*time.Minute)) {
			t.Errorf("%d left: it followed the load by %+v", left, acts)
		}
		s.to(t, 6*time.Hour)
		v, f = s.Plant.View("web"), s.Plant.View(standard)
		if v.Running+f.Running != v.Desired || v.Desired < 10 || v.Desired > 12 {
			t.Errorf("%d left: with half of it %+v and %+v, want 10 together", left, v, f)
		}
		s.Plant.SetSpot(-1)
		v = s.to(t, 11*time.Hour)
		if f = s.Plant.View(standard); v.Running < 10 || v.Running > 12 || f.Desired != 0 {
			t.Errorf("%d left: back again %+v and %+v", left, v, f)
		}
		s.ofStandard(t)
		s.sound(t)
		s.calm()
	}
}

// Spot is back, and within the cool-off the load doubles: Spot takes it, and it is not
// started twice.
func TestLoadMovesWithinTheCoolOff(t *testing.T) {
	t.Parallel()
	s := pair(t, plot{Service: plant.Service{Load: between(2*3600+600, 9*3600, 58, 116), Desired: 10}})
	s.to(t, time.Hour)
	s.Plant.SetSpot(4)
	s.to(t, 2*time.Hour)
	s.Plant.SetSpot(-1)
	most := 0
	s.Clock.Every(at(2*time.Hour), time.Minute, sim.Probes, func() { most = max(most, s.Plant.View("web").Desired+s.Plant.View(standard).Desired) })
	v := s.to(t, 3*time.Hour)
	if most > 24+6 || v.Running < 20 {
		t.Errorf("at most %d together for a load of 20 beside the 6 that stood in: %+v and %+v", most, v, s.Plant.View(standard))
	}
	s.calm()
}

// Capacity that comes and goes every nine minutes does not move the pair to and fro.
func TestSpotFlickers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		s := pair(t, plot{Options: world.Options{Seed: seed}, Service: plant.Service{Load: noisy(seed, 58, 0.04), Desired: 10}})
		const every, times = 9 * time.Minute, 40
		for i := range times {
			s.Clock.At(at(time.Hour+time.Duration(i)*every), sim.Physics, func() { s.Plant.SetSpot([]int{2, 8, 5, 30}[i%4]) })
		}
		s.to(t, time.Hour+times*every)
		acts, _ := s.ofStandard(t)
		// The noise may raise the pair by a task; nothing comes down while Spot flickers.
		if turns(acts) != 0 || len(acts) == 0 || len(acts) > 4 {
			t.Errorf("seed %d: while Spot flickers %+v", seed, acts)
		}
		s.Plant.SetSpot(-1)
		s.to(t, 14*time.Hour)
		if acts, _ = s.ofStandard(t); turns(acts) != 1 || s.Plant.View(standard).Desired != 0 {
			t.Errorf("seed %d: afterwards %+v", seed, acts)
		}
		s.sound(t)
		s.calm()
	}
}

// A blip of two minutes calls nobody.
func TestSpotIsGoneForTwoMinutes(t *testing.T) {
	t.Parallel()
	s := pair(t, plot{Service: plant.Service{Load: constant(58), Desired: 10}})
	s.to(t, time.Hour)
	s.Plant.SetSpot(3)
	s.to(t, 62*time.Minute)
	s.Plant.SetSpot(-1)
	s.to(t, 4*time.Hour)
	if acts, _ := s.ofStandard(t); len(acts) != 0 {
		t.Errorf("it moved: %+v", acts)
	}
	s.calm()
}

// Without metrics, or without an answer of ECS, nothing of the fallback goes, though
// Spot has long had room again.
func TestFallbackStaysInTheDark(t *testing.T) {
	t.Parallel()
	silent := func(c plant.Call) error {
		if c.API == plant.ECS && c.At.After(at(2*time.Hour)) && c.At.Before(at(6*time.Hour)) {
			return errors.New("ThrottlingException: Rate exceeded")
		}
		return nil
	}
	for name, fault := range map[string]plant.Fault{"no metrics": nil, "no answer of ECS": silent} {
		s := pair(t, plot{Options: world.Options{Plant: plant.Options{Fault: fault}}, Service: plant.Service{Load: constant(58), Desired: 10}})
		if fault == nil {
			s.Plant.Mute("", at(2*time.Hour), at(6*time.Hour))
		}
		s.to(t, time.Hour)
		s.Plant.SetSpot(4)
		s.to(t, 2*time.Hour+time.Minute)
		s.Plant.SetSpot(-1)
		s.to(t, 6*time.Hour)
		if v := s.Plant.View(standard); v.Desired < 6 {
			t.Errorf("%s: %+v after four hours in the dark", name, v)
		}
		s.to(t, 11*time.Hour)
		if v := s.Plant.View(standard); v.Desired != 0 {
			t.Errorf("%s: %+v five hours after", name, v)
		}
	}
}

// With neither Spot nor standard capacity the counts stay where they are, and with some
// of either all is served.
func TestNoCapacityAnywhere(t *testing.T) {
	t.Parallel()
	s := pair(t, plot{Service: plant.Service{Load: constant(58), Desired: 10}})
	s.to(t, time.Hour)
	s.Plant.SetQuota(6)
	s.Plant.SetSpot(4)
	worst := 0
	s.Clock.Every(at(time.Hour), time.Minute, sim.Probes, func() {
		worst = max(worst, s.Plant.View("web").Desired, s.Plant.View(standard).Desired)
	})
	v := s.to(t, 3*time.Hour)
	if f := s.Plant.View(standard); v.Running != 4 || f.Running != 2 || worst > 20 {
		t.Errorf("with room for 4 and 2: %+v and %+v, at most %d were ordered", v, f, worst)
	}
	s.Plant.SetQuota(0)
	v = s.to(t, 4*time.Hour)
	if f := s.Plant.View(standard); v.Running+f.Running < 10 || v.Running+f.Running > 24 {
		t.Errorf("with room again %+v and %+v", v, f)
	}
	s.ofStandard(t)
	s.sound(t)
	s.calm()
}

// Without a fallback the record says what would help.
func TestSpotIsAdvisedInWords(t *testing.T) {
	t.Parallel()
	s := play(t, t, plot{Service: plant.Service{Load: between(2*3600, 9*3600, 58, 116), Desired: 10, Spot: true}})
	s.highAlarm()
	s.to(t, time.Hour)
	s.Plant.SetSpot(7)
	s.to(t, 3*time.Hour)
	told := false
	for _, r := range s.records(t) {
		told = told || r.Rule == history.TasksUnplaced && strings.Contains(r.Because, "fallbackFor: {service: web}")
	}
	if v := s.Plant.View("web"); !told || v.Running != 7 || math.Abs(float64(v.Desired-10)) > 1 {
		t.Errorf("told: %t, %+v", told, v)
	}
	s.calm()
}
