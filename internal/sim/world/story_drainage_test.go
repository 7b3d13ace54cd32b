package world_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// unwritten is a keeper of drains that must not be asked: nothing is drained.
type unwritten struct{}

func (unwritten) WriteDrain(context.Context, ledger.Drain) error {
	return errors.New("nothing should be drained")
}

// The drainage beside it changes nothing of what the stair does, and each of the
// two hears what its rules pass: both of an interruption.
func TestDrainageHasItsOwnEvents(t *testing.T) {
	t.Parallel()
	run := func(o world.Options) story {
		p := hosted(5, 2, between(3600, 86400, 30, 60))
		p.Options = o
		s := play(t, t, p)
		s.highAlarm()
		s.to(t, 30*time.Minute)
		g, _, err := s.Plant.Groups().Describe(t.Context(), "hosts")
		s.must(err)
		s.must(s.Plant.Interrupt(g.InService[0]))
		s.to(t, 2*time.Hour)
		return s
	}
	without := run(world.Options{})
	with := run(world.Options{Drainage: true, Drains: unwritten{}})
	if d := cmp.Diff(without.Plant.Activities("web"), with.Plant.Activities("web")); d != "" {
		t.Errorf("with the drainage the stair did something else (-without +with):\n%s", d)
	}
	if a, b := without.Count(), with.Count(); a.Invocations != b.Invocations || a.Drains != 0 {
		t.Errorf("invoked %+v without and %+v with the drainage", a, b)
	}
	// 121 ticks; a warning, the end of the instance, its four tasks, the start of another.
	if n := with.Count().Drains; n < 121+5 || n > 121+40 {
		t.Errorf("the drainage was invoked %d times in two hours", n)
	}
}

// A world without a keeper of drains says so.
func TestDrainageNeedsALedger(t *testing.T) {
	t.Parallel()
	_, kept := any(ledger.NewMemory()).(ledger.Drains)
	_, err := world.New(world.Options{Start: begin(), Drainage: true})
	if (err == nil) != kept {
		t.Errorf("with a ledger that keeps drains %t: %v", kept, err)
	}
}

// The stair dies before each of its calls in turn, as the group is to be raised
// with the service. Whatever it was, the tasks run half an hour later.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	dead, last := map[string]bool{}, 40
	for k := range last {
		at, seen, killed := at(time.Hour+time.Minute), 0, false
		p := hosted(5, 2, between(3600, 86400, 30, 120))
		p.Kill = func(f world.Function, _ int, c plant.Call) bool {
			if f != world.Reconcile || c.At.Before(at) || killed {
				return false
			}
			seen++
			killed = seen == k+1
			if killed {
				dead[c.Op] = true
			}
			return killed
		}
		s := play(t, t, p)
		s.highAlarm()
		v := s.to(t, 95*time.Minute)
		if !killed || s.Count().Panics != 1 {
			t.Fatalf("call %d: killed %t, %+v", k+1, killed, s.Count())
		}
		if g := s.Plant.GroupView("hosts"); !about(v.Running, 20) || g.Waiting != 0 {
			t.Errorf("killed at call %d, 35 min after the rise %+v on %+v, want about 20 running", k+1, v, g)
		}
		s.sound(t)
	}
	for _, op := range []string{"Read", "DescribeServices", "GetMetricData", "Claim", "UpdateService", "SetDesiredCapacity", "Close"} {
		if !dead[op] {
			t.Errorf("it never died before %s: %v", op, dead)
		}
	}
}

// Both loops of Auto Scaling and ECS lose nothing while agents are away, Spot
// instances go and launches fail: the world's checks hold at each step, and the
// tasks are back when the instances are.
func TestInstancesInTrouble(t *testing.T) {
	t.Parallel()
	p := hosted(20, 8, constant(120))
	p.Service.Rules.Strategies = []fleet.Strategy{{Type: fleet.Spread, Field: "instanceId"}}
	s := play(t, t, p)
	s.to(t, 10*time.Minute)
	s.must(s.Plant.FailLaunches("hosts", plant.Outage{From: at(10 * time.Minute), To: at(40 * time.Minute)}))
	s.must(s.Plant.Disconnect("hosts", 0.25))
	g, _, err := s.Plant.Groups().Describe(t.Context(), "hosts")
	s.must(err)
	for _, id := range g.InService[:4] {
		s.must(s.Plant.Interrupt(id))
	}
	if v := s.to(t, 35*time.Minute); v.Running > 16 {
		t.Errorf("on four instances %+v, want at most the 16 that fit", v)
	}
	if v := s.to(t, 70*time.Minute); v.Running < 20 {
		t.Errorf("half an hour after launches succeed %+v on %+v, want 20 running", v, s.Plant.GroupView("hosts"))
	}
	if got := s.Plant.Tally("web"); got.Killed != 0 || got.Interrupted == 0 {
		t.Errorf("the tally is %+v, want tasks interrupted and none killed", got)
	}
	s.sound(t)
	s.calm()
}
