package plant_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// Fargate Spot takes tasks back and places none: ECS says so again and again, standard
// Fargate is not concerned, and what waits starts as soon as there is room.
func TestSpotTakesBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(10), Desired: 6, Spot: true, Start: sim.Fixed(30 * time.Second)})
	b.must(b.AddService(plant.Service{Name: "jobs", Load: constant(1), Capacity: 1, Desired: 3}))
	b.to(time.Minute)
	b.SetSpot(4)
	if v := b.View("web"); v.Running != 4 || v.Unplaced != 2 || b.Tally("web").Interrupted != 2 {
		t.Errorf("with room for 4 of 6: %+v, %+v", v, b.Tally("web"))
	}
	b.must(b.SetDesired("jobs", 5))
	if v := b.to(5 * time.Minute); v.Running != 4 || b.View("jobs").Running != 5 {
		t.Errorf("four minutes later: %+v, and %+v on standard Fargate", v, b.View("jobs"))
	}
	got := b.describe()
	if got.Provider != "FARGATE_SPOT" || len(got.Troubles) != 1 || got.Troubles[0].Kind != fleet.PlacementFailure ||
		!strings.Contains(got.Troubles[0].Words, "Capacity is unavailable") || begin().Add(5*time.Minute).Sub(got.Troubles[0].At) > time.Minute {
		t.Errorf("ECS shows %+v", got)
	}
	b.SetSpot(0)
	if v := b.View("web"); v.Running != 0 || v.Unplaced != 6 {
		t.Errorf("without room: %+v", v)
	}
	b.SetSpot(-1)
	if v := b.View("web"); v.Pending != 6 {
		t.Errorf("with room again: %+v", v)
	}
	if v := b.to(6 * time.Minute); v.Running != 6 {
		t.Errorf("a minute later: %+v", v)
	}
	b.must(b.Check())
}

// A task that is stopped makes room on Spot for one that waits.
func TestSpotIsShared(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(10), Desired: 2, Spot: true})
	b.SetSpot(3)
	b.must(b.AddService(plant.Service{Name: "jobs", Load: constant(1), Capacity: 1, Desired: 2, Spot: true}))
	if v := b.View("jobs"); v.Running != 1 || v.Unplaced != 1 {
		t.Errorf("2 desired beside 2 of 3: %+v", v)
	}
	b.must(b.SetDesired("web", 1))
	b.to(time.Minute)
	if v := b.View("jobs"); v.Running != 2 {
		t.Errorf("with one task less beside it: %+v, want 2 running", v)
	}
}

// Two services behind one load balancer carry its load together, task by task, and none
// of it is lost or counted twice.
func TestBesideAnotherService(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(60), Capacity: 10, Desired: 9, Spot: true})
	b.must(b.AddService(plant.Service{Name: "more", Beside: "web", Desired: 3}))
	b.to(2 * time.Minute)
	if a, c := b.View("web").Demand, b.View("more").Demand; math.Abs(a-4.5) > 1e-9 || math.Abs(c-1.5) > 1e-9 {
		t.Errorf("9 and 3 tasks have %v and %v of 6", a, c)
	}
	b.SetSpot(0)
	if a, c := b.View("web").Demand, b.View("more").Demand; a != 0 || math.Abs(c-6) > 1e-9 {
		t.Errorf("0 and 3 tasks have %v and %v of 6", a, c)
	}
	b.must(b.SetDesired("more", 0))
	if a, c := b.View("web").Demand, b.View("more").Demand; math.Abs(a-6) > 1e-9 || c != 0 {
		t.Errorf("without a task %v and %v of 6 are asked of them", a, c)
	}
	b.to(4 * time.Minute)
	b.Finish()
	a, c := b.Tally("web"), b.Tally("more")
	if math.Abs(a.Demand+c.Demand-240*6) > 1e-6 || math.Abs(c.Unserved) > 1e-6 || math.Abs(a.Unserved-120*6) > 1e-6 {
		t.Errorf("of 6 for 240 s %+v and %+v", a, c)
	}
}

func TestBesideWhatCannotBe(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(60), Capacity: 10, Desired: 1})
	b.must(b.AddQueue(plant.Queue{Name: "jobs", Arrivals: constant(1)}))
	b.must(b.AddService(plant.Service{Name: "worker", Queue: "jobs", Capacity: 1, Desired: 1}))
	for name, s := range map[string]plant.Service{
		"nobody":   {Beside: "none"},
		"a queue":  {Beside: "worker"},
		"own load": {Beside: "web", Load: constant(1), Capacity: 1},
	} {
		s.Name = "more"
		if err := b.AddService(s); err == nil {
			t.Errorf("%s: it was added", name)
		}
	}
	b.must(b.AddService(plant.Service{Name: "more", Beside: "web"}))
	if err := b.AddService(plant.Service{Name: "third", Beside: "web"}); err == nil {
		t.Error("a third one was added")
	}
}
