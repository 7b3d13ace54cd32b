package world_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// Each of the two functions hears what its rules pass: both of an interruption.
// With the drainage the tasks of the instance are replaced within the notice, as
// far as there is room, and without it they are lost with it.
func TestDrainageWithinTheNotice(t *testing.T) {
	t.Parallel()
	run := func(o world.Options) story {
		p := hosted(5, 3, constant(30))
		p.Options, p.Group.Min = o, 3 // or one of them would be empty, and go
		s := play(t, t, p)
		s.highAlarm()
		s.to(t, 30*time.Minute)
		s.must(s.Plant.Interrupt(s.Plant.GroupView("hosts").Hosts[0]))
		s.to(t, 2*time.Hour)
		s.calm()
		return s
	}
	without, with := run(world.Options{}), run(world.Options{Drainage: true})
	if a, b := without.Plant.Tally("web"), with.Plant.Tally("web"); a.Interrupted == 0 || b.Interrupted != 0 || a.Killed+b.Killed != 0 {
		t.Errorf("without the drainage %+v, with it %+v; want tasks lost only without", a, b)
	}
	// 121 ticks; the warning, what is drained off the instance, and its end.
	if n := with.Count().Drains; n < 121+5 || n > 121+40 || without.Count().Drains != 0 {
		t.Errorf("the drainage was invoked %d times in two hours, and %d where there is none", n, without.Count().Drains)
	}
	// 121 ticks and the warning, at the least.
	if n := with.Count().Invocations; n < 122 {
		t.Errorf("the stair was invoked %d times in two hours", n)
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
