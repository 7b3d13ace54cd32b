package world_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// steady is a service that keeps its tasks, so that only the instances move.
func steady(tasks, instances int) plot {
	p := hosted(tasks, instances, constant(6*float64(tasks)))
	p.Policy.MinCapacity, p.Drainage = tasks, true
	return p
}

// quick is a budget of half the group in five minutes, busy instances too.
func quick() spec.GroupScaleIn {
	half := []spec.InstanceLimit{{Percent: 50, Period: spec.Duration(5 * time.Minute)}}
	return spec.GroupScaleIn{Budget: half, MaxDraining: 50}
}

// group is the group hosts now.
func (s story) group() plant.GroupView { return s.Plant.GroupView("hosts") }

// groupRecords gives the records of the group.
func (s story) groupRecords(t *testing.T) []ledger.Record {
	t.Helper()
	rs, err := s.Records(t.Context(), fleet.GroupOf("demo", "hosts"))
	s.must(err)
	return rs
}

// drains gives the rows of the removals.
func (s story) drains(t *testing.T) []ledger.Drain {
	t.Helper()
	c, err := s.Ledger.Read(t.Context(), "demo")
	s.must(err)
	return c.Drains
}

// spared checks what holds whatever happens: no running task was lost with an instance
// that we ended, and no removal is left half done.
func (s story) spared(t *testing.T) {
	t.Helper()
	if n := s.Plant.Tally("web").Killed + s.Plant.Standalone().Killed; n != 0 {
		s.Errorf("%d running tasks were lost with instances that were ended", n)
	}
	for _, d := range s.drains(t) {
		if !d.State.Closed() {
			s.Errorf("the removal of %s is still %s: %s", d.Instance, d.State, d.Because)
		}
	}
}

// reached tells after how long the group first had at most so many instances.
func (s story) reached(most int) *time.Duration {
	when := time.Duration(-1)
	s.Clock.Every(s.begun, 10*time.Second, sim.Probes, func() {
		if v := s.group(); when < 0 && v.InService <= most && v.Desired <= most {
			when = s.Clock.Now().Sub(s.begun)
		}
	})
	return &when
}

// A night job has left 26 instances, 8 of them with a task each. ECS managed scaling
// takes the empty ones one by one after a quarter of an hour and never the busy ones;
// here those go too, in minutes, and none of the tasks is lost.
func TestFrom26InstancesTo2(t *testing.T) {
	t.Parallel()
	begin := func(p plot) plot {
		p.Service.Rules.Strategies = []fleet.Strategy{{Type: fleet.Spread, Field: "instanceId"}}
		return p
	}
	theirs := native(t, begin(hosted(8, 26, constant(48))), baseline.ManagedScaling{Protection: true})
	half, end := theirs.reached(13), theirs.reached(2)
	theirs.to(t, 2*time.Hour)
	t.Logf("natively 13 instances after %s, 2 after %s, %d after two hours", *half, *end, theirs.group().InService)
	if *end >= 0 || theirs.group().InService < 8 {
		t.Errorf("natively 2 instances after %s, %d after two hours: the baseline drains busy instances", *end, theirs.group().InService)
	}
	for _, tc := range []struct {
		name   string
		in     spec.GroupScaleIn
		within time.Duration
	}{{"by the default budgets", spec.GroupScaleIn{}, 2 * time.Hour}, {"by a quick one", quick(), 30 * time.Minute}} {
		p := begin(steady(8, 26))
		p.Hosts.ScaleIn = tc.in
		ours := play(t, t, p)
		half, end := ours.reached(13), ours.reached(2)
		ours.to(t, 2*time.Hour)
		t.Logf("%s 13 instances after %s, 2 after %s", tc.name, *half, *end)
		if *half < 0 || *half > 15*time.Minute || *end < 0 || *end > tc.within {
			t.Errorf("%s: 13 instances after %s, want 15m; 2 after %s, want %s", tc.name, *half, *end, tc.within)
		}
		if v := ours.Plant.View("web"); v.Running != 8 || ours.Plant.Tally("web").Unserved > 60 {
			t.Errorf("%s: %+v, short %.0f task-seconds", tc.name, v, ours.Plant.Tally("web").Unserved)
		}
		ours.spared(t)
		ours.budgeted(t, tc.in)
		ours.calm()
	}
}

// budgeted checks that in no window more instances went than the larger budget allows.
func (s story) budgeted(t *testing.T, in spec.GroupScaleIn) {
	t.Helper()
	r := spec.Group{ScaleIn: in}.In()
	var opened []time.Time
	for _, d := range s.drains(t) {
		if d.Cause == drain.Empty || d.Cause == drain.Consolidation {
			opened = append(opened, d.Opened)
		}
	}
	slices.SortFunc(opened, time.Time.Compare)
	for _, l := range append(slices.Clone(r.EmptyBudget), r.Budget...) {
		share := max(l.Percent, r.EmptyBudget[0].Percent)
		for i := range opened {
			n := 0
			for _, at := range opened[i:] {
				if at.Before(opened[i].Add(min(time.Duration(l.Period), 5*time.Minute))) {
					n++
				}
			}
			if most := int(math.Ceil(share / 100 * 26)); n > most {
				s.Errorf("%d instances went within %s from %s, want at most %d", n, l.Period, opened[i].Format(time.TimeOnly), most)
			}
		}
	}
}

// One long task on every instance keeps every instance natively. Declared, an instance
// is kept for it or drained and waited for; it is never ended under it.
func TestOneLongTaskOnEveryHost(t *testing.T) {
	t.Parallel()
	for _, what := range []string{spec.StandaloneLeave, spec.StandaloneWait} {
		p := steady(4, 10)
		p.Service.Rules.Strategies = []fleet.Strategy{{Type: fleet.Spread, Field: "instanceId"}}
		p.Hosts.ScaleIn = quick()
		p.Hosts.ScaleIn.StandaloneTasks = what
		p.Hosts.ScaleIn.DrainTimeout = new(spec.Duration(6 * time.Hour))
		s := play(t, t, p)
		for range 10 { // half of an instance each, so that two do not share one beside the service
			s.must(s.Plant.RunTask(plant.Single{Group: "hosts", Size: fleet.Resources{CPU: 1100, Memory: 900}, For: 3 * time.Hour}))
		}
		s.to(t, 2*time.Hour+50*time.Minute)
		kept := s.group().InService
		if kept != 10 {
			t.Errorf("%s: %d of 10 instances are left under their tasks", what, kept)
		}
		if n := s.group().Draining; what == spec.StandaloneLeave && n != 0 || what == spec.StandaloneWait && n == 0 {
			t.Errorf("%s: %d drain", what, n)
		}
		s.to(t, 5*time.Hour)
		if n := s.group().InService; n > 2 {
			t.Errorf("%s: %d instances are left after the tasks", what, n)
		}
		s.spared(t)
		s.calm()
	}
}

// A task that protects itself from scale-in keeps its instance, and one that does so
// while its instance drains is waited for.
func TestProtectedTasksKeepTheirInstances(t *testing.T) {
	t.Parallel()
	p := steady(6, 6)
	p.Service.Rules.Strategies = []fleet.Strategy{{Type: fleet.Spread, Field: "instanceId"}}
	p.Hosts.ScaleIn = quick()
	s := play(t, t, p)
	s.must(s.Plant.Guard("web", 1, 2*time.Hour))
	s.to(t, 110*time.Minute)
	if v := s.group(); v.InService != 6 || v.Draining != 0 {
		t.Errorf("under protected tasks %+v, want all 6 instances", v)
	}
	s.to(t, 4*time.Hour)
	if v := s.group(); v.InService != 2 {
		t.Errorf("when the protection is over %+v, want 2 instances", v)
	}
	s.spared(t)
	s.calm()
}

// At 100/100 ECS cannot replace a task: the drain would never end, so none begins.
func TestServiceThatCannotBeReplaced(t *testing.T) {
	t.Parallel()
	p := steady(6, 6)
	p.Service.Rules.Strategies = []fleet.Strategy{{Type: fleet.Spread, Field: "instanceId"}}
	p.Service.Rollout = &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 100}
	s := play(t, t, p)
	s.to(t, 2*time.Hour)
	if v := s.group(); v.InService != 6 || len(s.drains(t)) != 0 {
		t.Errorf("%+v with %d drains, want none", v, len(s.drains(t)))
	}
	s.calm()
}

// EC2 takes 5 Spot instances back at once, of the 8 that consolidation has left of 10, with
// 2 free places on the others. New ones are ordered with the notice; 2 tasks move within it
// and the rest, which have no place so soon, are interrupted. An hour later there are as
// many instances as are needed, not more.
func TestSpotStorm(t *testing.T) {
	t.Parallel()
	p := steady(30, 10)
	s := play(t, t, p)
	s.to(t, 30*time.Minute)
	before := s.group().InService
	is, err := s.Plant.Services().Instances(t.Context(), "demo")
	s.must(err)
	for _, i := range is[:5] {
		s.must(s.Plant.Interrupt(i.ID))
	}
	s.to(t, 31*time.Minute)
	if v := s.group(); v.Desired < before+3 {
		t.Errorf("a minute after the notices %+v, want others ordered for the 5 of %d", v, before)
	}
	s.to(t, 90*time.Minute)
	v, g := s.Plant.View("web"), s.group()
	if v.Running != 30 || g.InService < 8 || g.InService > 10 {
		t.Errorf("an hour later %+v on %+v, want 30 tasks on about 8 instances", v, g)
	}
	if n := s.Plant.Tally("web").Interrupted; before == 8 && n > 18 {
		t.Errorf("%d tasks interrupted, want at most the 18 without a free place", n)
	}
	t.Logf("of %d instances, %d tasks interrupted, %.0f task-seconds short, %d instances", before, s.Plant.Tally("web").Interrupted, s.Plant.Tally("web").Unserved, g.InService)
	s.spared(t)
	s.calm()
}

// Nothing can be launched for eight hours. What runs stays, the group is asked again
// at longer and longer intervals, and when EC2 has capacity again it comes right alone.
func TestLaunchesFailForEightHours(t *testing.T) {
	t.Parallel()
	p := hosted(8, 2, between(3600, 86400, 48, 240))
	p.Drainage = true
	s := play(t, t, p)
	s.highAlarm()
	s.must(s.Plant.FailLaunches("hosts", plant.Outage{From: at(time.Hour), To: at(9 * time.Hour)}))
	least := 1 << 10
	s.Clock.Every(at(time.Hour), time.Minute, sim.Probes, func() {
		if s.Clock.Now().Before(at(9 * time.Hour)) {
			least = min(least, s.group().InService)
		}
	})
	s.to(t, 9*time.Hour)
	if v := s.Plant.View("web"); least < 2 || v.Running < 8 {
		t.Errorf("without launches %d instances and %+v", least, v)
	}
	if n := s.Plant.Calls(plant.AutoScaling, "SetDesiredCapacity"); n > 40 {
		t.Errorf("the group was ordered %d times in eight hours", n)
	}
	if !named(s.groupRecords(t), history.LaunchBackoff) {
		t.Error("no record names the launches that fail")
	}
	v := s.to(t, 10*time.Hour)
	if !about(v.Running, 40) || s.group().Waiting != 0 {
		t.Errorf("an hour after launches succeed %+v on %+v, want about 40 running", v, s.group())
	}
	s.spared(t)
}

// From nothing, with the shape remembered, exactly what is needed starts; the native
// loop starts two whatever is needed.
func TestScaleFromZero(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		hosts spec.Group
		first int // instances ordered first
	}{
		{"unknown", spec.Group{}, 1},
		{"declared", spec.Group{Instance: &spec.InstanceShape{CPU: 2048, MemoryMiB: 7600}}, 3},
	} {
		p := hosted(0, 0, between(1800, 5400, 0, 0))
		p.Group.Min, p.Drainage, p.Hosts = 0, true, tc.hosts
		p.Policy = spec.Service{MinCapacity: 0, MaxCapacity: 40, Policies: []spec.Policy{counted().Policies[0]}, Scheduled: []spec.Scheduled{
			{Name: "work", From: "01:00", To: "02:00", MinCapacity: new(10)}, {Name: "again", From: "06:00", To: "07:00", MinCapacity: new(10)},
		}}
		p.Service.Measures = []plant.Measure{measure(plant.Requests)}
		s := play(t, t, p)
		s.to(t, 61*time.Minute+30*time.Second)
		if v := s.group(); v.Desired != tc.first {
			t.Errorf("%s: %d instances are ordered first, want %d", tc.name, v.Desired, tc.first)
		}
		s.to(t, 80*time.Minute)
		if v := s.Plant.View("web"); v.Running != 10 || s.group().InService != 3 {
			t.Errorf("%s: %+v on %+v, want 10 tasks on 3 instances", tc.name, v, s.group())
		}
		s.to(t, 5*time.Hour+59*time.Minute)
		if v := s.group(); v.Desired != 0 || v.InService != 0 {
			t.Errorf("%s: hours after the last task %+v, want none", tc.name, v)
		}
		s.to(t, 6*time.Hour+90*time.Second)
		if v := s.group(); v.Desired != 3 {
			t.Errorf("%s: %d instances are ordered the second time, want 3: the shape is remembered", tc.name, v.Desired)
		}
		s.spared(t)
		s.calm()
	}
}

// Instances of a warm pool come in seconds, and the tasks with them.
func TestWarmPool(t *testing.T) {
	t.Parallel()
	short := func(pool *plant.Pool) float64 {
		p := hosted(8, 2, between(3600, 86400, 48, 140))
		p.Group.Pool, p.Drainage = pool, true
		s := play(t, t, p)
		s.highAlarm()
		s.to(t, 2*time.Hour)
		s.calm()
		s.spared(t)
		return s.Plant.Tally("web").Unserved
	}
	with, without := short(&plant.Pool{Size: 5}), short(nil)
	t.Logf("short %.0f task-seconds with a warm pool, %.0f without", with, without)
	if with >= without {
		t.Errorf("short %.0f task-seconds with a warm pool, %.0f without", with, without)
	}
}

// While an instance refresh rolls through the group nothing is removed beside it, and
// its hook is held until each instance is empty.
func TestRollingRefresh(t *testing.T) {
	t.Parallel()
	p := steady(12, 8)
	p.Hosts.ScaleIn = quick()
	p.Group.Hook = &plant.Hook{Name: "trimtab-drain", Timeout: 10 * time.Minute}
	s := play(t, t, p)
	s.must(s.Plant.Refresh("hosts", 5*time.Minute))
	low := 8
	s.Clock.Every(s.begun, time.Minute, sim.Probes, func() {
		if v := s.group(); v.Refreshing {
			low = min(low, v.Desired)
		}
	})
	s.to(t, 30*time.Minute)
	if low < 8 {
		t.Errorf("during the refresh the group was lowered to %d", low)
	}
	s.to(t, 4*time.Hour)
	if v := s.group(); v.Refreshing || v.InService > 4 {
		t.Errorf("hours later %+v, want the refresh over and about 3 instances", v)
	}
	if !slices.ContainsFunc(s.drains(t), func(d ledger.Drain) bool { return d.Cause == drain.Lifecycle }) {
		t.Error("no instance was drained for the refresh")
	}
	s.spared(t)
	s.calm()
}

// A function may die at any call. Whichever it is, the next ones take up what it left:
// the group comes to the same size, and no task is lost.
func TestDrainInterruptedAtEveryStep(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, who world.Function, kill int) (calls int, s story) {
		t.Helper()
		p := steady(6, 4)
		p.Hosts.ScaleIn = quick()
		p.Hosts.ScaleIn.StabilizationWindow = new(spec.Duration(0))
		p.Service.Rules.Strategies = []fleet.Strategy{{Type: fleet.Spread, Field: "instanceId"}}
		p.Kill = func(f world.Function, n int, _ plant.Call) bool {
			if f == who {
				calls = n
			}
			return f == who && n == kill
		}
		s = play(t, t, p)
		s.to(t, 40*time.Minute)
		return calls, s
	}
	for _, who := range []world.Function{world.Drain, world.Reconcile} {
		all, s := run(t, who, -1)
		want := s.group().InService
		if want != 2 {
			t.Fatalf("undisturbed %d instances, want 2", want)
		}
		for n := 1; n <= min(all, 160); n++ {
			_, s := run(t, who, n)
			if v := s.group(); v.InService != want || v.Desired != want || s.Plant.View("web").Running != 6 {
				t.Errorf("%s killed before its call %d: %+v, want %d instances; web %+v", who, n, v, want, s.Plant.View("web"))
			}
			s.spared(t)
		}
	}
}

// H18: more than 45 % of the instances have lost their agents. Nothing is removed until
// they are back, though the others look empty.
func TestH18HalfOfTheFleetIsUnwell(t *testing.T) {
	t.Parallel()
	p := steady(4, 10)
	p.Hosts.ScaleIn = quick()
	s := play(t, t, p)
	s.must(s.Plant.Disconnect("hosts", 0.5))
	s.to(t, 2*time.Hour)
	if v := s.group(); v.Desired != 10 {
		t.Errorf("with half of the agents gone %+v, want 10", v)
	}
	if !named(s.groupRecords(t), history.UnhealthyFleet) {
		t.Error("no record names the unhealthy fleet")
	}
	s.must(s.Plant.Disconnect("hosts", 0))
	s.to(t, 4*time.Hour)
	if v := s.group(); v.InService > 2 {
		t.Errorf("when they are back %+v, want 1 or 2", v)
	}
	s.spared(t)
	s.calm()
}

// Observe mode tells what it would remove and removes nothing.
func TestConsolidationObserved(t *testing.T) {
	t.Parallel()
	p := steady(4, 10)
	p.Mode, p.Hosts.ScaleIn = spec.Observe, quick()
	s := play(t, t, p)
	s.to(t, 2*time.Hour)
	if v := s.group(); v.Desired != 10 || len(s.drains(t)) != 0 {
		t.Errorf("observe mode: %+v, %d drains", v, len(s.drains(t)))
	}
	rs := ordered(s.groupRecords(t))
	if len(rs) == 0 || rs[len(rs)-1].Desired > 2 || rs[len(rs)-1].Mode != spec.Observe {
		t.Errorf("the shadow did not come down to 1 or 2: %+v", rs)
	}
	s.calm()
	_ = reconcile.Report{}
}
