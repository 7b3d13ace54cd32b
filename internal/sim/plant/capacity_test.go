package plant_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// yard is a plant with one group named hosts, of two vCPUs and 4 GiB an instance
// that boot in two minutes, unless it says otherwise.
func yard(t *testing.T, g plant.Group, o plant.Options) *bed {
	t.Helper()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, o)
	b := &bed{t: t, clock: clock, Plant: p}
	b.must(err)
	g.Name = "hosts"
	if g.Size == (fleet.Resources{}) {
		g.Size = fleet.Resources{CPU: 2048, Memory: 4096}
	}
	if g.Max == 0 {
		g.Max = 10
	}
	g.Boot = sim.Fixed(2 * time.Minute)
	b.must(p.AddGroup(g))
	return b
}

// onHosts adds the service web of half a vCPU a task, which starts in 30 s.
func (b *bed) onHosts(s plant.Service) {
	b.t.Helper()
	if s.Name == "" {
		s.Name = "web"
	}
	s.Compute, s.Group, s.Load, s.Capacity, s.Start = fleet.EC2, "hosts", constant(10), 10, sim.Fixed(30*time.Second)
	if s.Size == (fleet.Resources{}) {
		s.Size = fleet.Resources{CPU: 512, Memory: 512}
	}
	b.must(b.AddService(s))
}

// instances gives those of the group named hosts as ECS shows them, oldest first.
func (b *bed) instances() []fleet.Instance {
	b.t.Helper()
	is, err := b.Services().Instances(b.t.Context(), "demo")
	b.must(err)
	order := b.GroupView("hosts").Hosts
	slices.SortFunc(is, func(x, y fleet.Instance) int { return slices.Index(order, x.ID) - slices.Index(order, y.ID) })
	return is
}

func (b *bed) tasksOn(is ...fleet.Instance) []fleet.Task {
	b.t.Helper()
	ts, err := b.Hosts().Tasks(b.t.Context(), "demo", is)
	b.must(err)
	return ts
}

func (b *bed) drain(i fleet.Instance, draining bool) {
	b.t.Helper()
	b.must(b.Hosts().SetDraining(b.t.Context(), "demo", []fleet.Instance{i}, draining))
}

// Two of four tasks are on an instance that drains. Running tasks over time, as
// the percents of the deployment configuration allow.
func TestDrainUnderPercents(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		rollout *fleet.Rollout
		spare   int // instances beside the two
		least   int // running at the worst
		most    int
		empty   bool
	}{
		{"default: replacements first", nil, 1, 4, 6, true},
		{"100/100 never ends", &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 100}, 1, 4, 4, false},
		{"50/100: two go first", &fleet.Rollout{MinimumHealthyPercent: 50, MaximumPercent: 100}, 1, 2, 4, true},
		{"75/100: one after the other", &fleet.Rollout{MinimumHealthyPercent: 75, MaximumPercent: 100}, 1, 3, 4, true},
		{"100/125: one more at a time", &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 125}, 1, 4, 5, true},
		{"100/120 of four rounds down to none", &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 120}, 1, 4, 4, false},
		{"no room elsewhere", nil, 0, 4, 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := yard(t, plant.Group{Desired: 2 + tc.spare, Size: fleet.Resources{CPU: 1024, Memory: 4096}}, plant.Options{})
			b.onHosts(plant.Service{Desired: 4, Rollout: tc.rollout, Rules: fleet.Rules{Strategies: []fleet.Strategy{{Type: fleet.Binpack, Field: "cpu"}}}})
			b.to(time.Minute)
			host := b.instances()[0]
			if got := len(b.tasksOn(host)); got != 2 {
				t.Fatalf("%d tasks on the first instance, want 2", got)
			}
			b.drain(host, true)
			least, most := 4, 4
			for sec := range 600 {
				v := b.to(time.Minute + time.Duration(sec)*time.Second)
				least, most = min(least, v.Running), max(most, v.Running)
				if v.Desired != 4 {
					t.Fatalf("the desired count is %d", v.Desired)
				}
			}
			// A replacement that runs lets its predecessor go in the same second.
			if empty := len(b.tasksOn(host)) == 0; empty != tc.empty || least < tc.least || most > tc.most {
				t.Errorf("between %d and %d running, empty %t; want between %d and %d, empty %t", least, most, empty, tc.least, tc.most, tc.empty)
			}
			if tc.empty && b.View("web").Running != 4 {
				t.Errorf("after the drain %+v, want 4 running", b.View("web"))
			}
		})
	}
}

func TestDrainStopsPendingAndKeepsStandalone(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 1}, plant.Options{})
	b.must(b.AddDaemon(plant.Daemon{Name: "logs", Size: fleet.Resources{CPU: 128, Memory: 128}}))
	b.onHosts(plant.Service{Desired: 1})
	b.must(b.RunTask(plant.Single{Group: "hosts", Size: fleet.Resources{CPU: 256, Memory: 256}, For: 20 * time.Minute}))
	b.must(b.SetDesired("web", 2))
	host := b.instances()[0]
	if got := len(b.tasksOn(host)); got != 4 {
		t.Fatalf("%d tasks, want a daemon, two of the service and a standalone one", got)
	}
	b.drain(host, true)
	v := b.to(time.Minute)
	if v.Pending != 0 || v.Unplaced != 2 || v.Running != 1 {
		t.Errorf("draining with nowhere to go: %+v, want the pending task stopped and two waiting", v)
	}
	b.must(b.Groups().SetDesiredCapacity(t.Context(), "hosts", 2))
	if v := b.to(6 * time.Minute); v.Running != 2 {
		t.Errorf("with a second instance: %+v, want 2 running", v)
	}
	var kinds []string
	for _, x := range b.tasksOn(host) {
		kinds = append(kinds, map[bool]string{true: "daemon", false: "standalone"}[x.Daemon])
		if x.Service != "" && !x.Daemon {
			t.Errorf("task %+v is still there", x)
		}
	}
	slices.Sort(kinds)
	if d := cmp.Diff([]string{"daemon", "standalone"}, kinds); d != "" {
		t.Errorf("left on it (-want +got):\n%s", d)
	}
	b.to(20*time.Minute + time.Second)
	if got := b.tasksOn(host); len(got) != 0 || b.Standalone() != (plant.Tally{Started: 1, Stopped: 1}) {
		t.Errorf("after the standalone task ended: %+v, %+v; want the daemon gone last", got, b.Standalone())
	}
	b.drain(host, false)
	if got := b.tasksOn(host); len(got) != 1 || !got[0].Daemon || !b.instances()[0].Active {
		t.Errorf("active again it has %+v, want its daemon", got)
	}
}

// A task that stops is none for its service, and takes its time to leave its
// instance: so long ECS counts it no more and yet gives nothing of it away.
func TestTasksTakeTimeToStop(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 2, Managed: &plant.Managed{Draining: true}}, plant.Options{})
	b.onHosts(plant.Service{Desired: 2, Stop: sim.Fixed(5 * time.Minute)})
	host := b.instances()[0]
	if host.Tasks != 2 {
		t.Fatalf("%d tasks on the first instance, want 2", host.Tasks)
	}
	b.drain(host, true)
	if v := b.to(31 * time.Second); v.Running != 2 {
		t.Errorf("the replacements run: %+v", v)
	}
	tasks := b.tasksOn(host)
	if got := b.instances()[0]; got.Tasks != 0 || got.Remaining != (fleet.Resources{CPU: 1024, Memory: 3072}) || len(tasks) != 2 || !tasks[0].Leaving || tasks[0].Running {
		t.Errorf("tasks that stop: %+v on %+v", tasks, got)
	}
	b.drain(host, false)
	b.must(b.SetDesired("web", 8))
	if v := b.to(2 * time.Minute); v.Running != 6 || v.Unplaced != 2 {
		t.Errorf("six more: %+v, want room for four", v)
	}
	if v := b.to(7 * time.Minute); v.Running != 8 {
		t.Errorf("after the stops: %+v, want 8 running", v)
	}
	b.must(b.Exits().Terminate(t.Context(), "hosts", []fleet.InstanceID{host.ID}))
	b.must(b.SetDesired("web", 4))
	b.to(7*time.Minute + 40*time.Second)
	if n := len(b.instances()); n != 2 || b.Killed() != 0 {
		t.Errorf("%d instances and %d killed, want managed draining to wait for what stops", n, b.Killed())
	}
	b.to(13 * time.Minute)
	if n := len(b.instances()); n != 1 || b.Killed() != 0 {
		t.Errorf("%d instances and %d killed after it, want one and none", n, b.Killed())
	}
}

// The tasks of a draining instance count no more where its zone is compared: their
// replacements keep the balance.
func TestReplacementsKeepTheBalance(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 4, Zones: []string{"a", "b"}}, plant.Options{})
	b.onHosts(plant.Service{Desired: 4})
	b.to(time.Minute)
	b.drain(b.instances()[0], true)
	b.to(2 * time.Minute)
	var got []int
	for _, i := range b.instances() {
		got = append(got, i.Tasks)
	}
	if d := cmp.Diff([]int{0, 2, 2, 0}, got); d != "" {
		t.Errorf("tasks by instance, zones a, b, a, b (-want +got):\n%s", d)
	}
}

// ECS takes ten instances a call.
func TestDrainingByTens(t *testing.T) {
	t.Parallel()
	second := plant.Only(func(c plant.Call) error {
		if c.N == 2 {
			return plant.ErrThrottled
		}
		return nil
	}, plant.ECS, "UpdateContainerInstancesState")
	b := yard(t, plant.Group{Desired: 25, Max: 25}, plant.Options{Fault: second})
	err := b.Hosts().SetDraining(t.Context(), "demo", b.instances(), true)
	if n := b.GroupView("hosts").Draining; n != 15 || !errors.Is(err, plant.ErrThrottled) {
		t.Errorf("with the second call refused %d of 25 drain (%v), want 15", n, err)
	}
}

func TestGuardedTasksStay(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 2}, plant.Options{})
	b.onHosts(plant.Service{Desired: 4})
	b.must(b.Guard("web", 0.5, 10*time.Minute))
	b.must(b.SetDesired("web", 1))
	if v := b.to(time.Minute); v.Running != 2 {
		t.Errorf("two of four are protected: %+v, want 2 running", v)
	}
	guarded := b.tasksOn(b.instances()...)
	if len(guarded) != 2 || !guarded[0].Guarded || !guarded[1].Guarded {
		t.Errorf("tasks are %+v, want two guarded", guarded)
	}
	b.drain(b.instances()[0], true)
	if v := b.to(9 * time.Minute); v.Running != 2 || len(b.tasksOn(b.instances()[0])) == 0 {
		t.Errorf("draining: %+v, want the protected tasks where they are", v)
	}
	if v := b.to(11 * time.Minute); v.Running != 1 || len(b.tasksOn(b.instances()[0])) != 0 {
		t.Errorf("after the protection: %+v on %+v, want one running elsewhere", v, b.instances())
	}
}

func TestPlacementRules(t *testing.T) {
	t.Parallel()
	spread := func(f string) []fleet.Strategy { return []fleet.Strategy{{Type: fleet.Spread, Field: f}} }
	big := fleet.Resources{CPU: 4096, Memory: 8192, GPU: 1, ENI: 3}
	for _, tc := range []struct {
		name   string
		size   fleet.Resources
		rules  fleet.Rules
		tasks  int
		want   []int // tasks by instance: a small, b small, a large, b large
		reason string
	}{
		{name: "default: spread by zone, oldest first", tasks: 4, want: []int{2, 2, 0, 0}},
		{name: "spread by instance", rules: fleet.Rules{Strategies: spread("instanceId")}, tasks: 6, want: []int{2, 2, 1, 1}},
		{name: "spread by a custom attribute", rules: fleet.Rules{Strategies: spread("attribute:ecs.instance-type")}, tasks: 4, want: []int{2, 0, 2, 0}},
		{name: "binpack", rules: fleet.Rules{Strategies: []fleet.Strategy{{Type: fleet.Binpack, Field: "memory"}}}, tasks: 5, want: []int{4, 1, 0, 0}},
		{name: "zone, then binpack", rules: fleet.Rules{Strategies: append(spread("attribute:ecs.availability-zone"), fleet.Strategy{Type: fleet.Binpack, Field: "cpu"})}, tasks: 6, want: []int{3, 3, 0, 0}},
		{name: "distinct instances", rules: fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.DistinctInstance}}}, tasks: 6, want: []int{1, 1, 1, 1}, reason: "ATTRIBUTE"},
		{name: "member of", rules: fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: "attribute:ecs.instance-type == large"}}}, tasks: 3, want: []int{0, 0, 2, 1}},
		{name: "a host port", rules: fleet.Rules{Ports: []fleet.Port{"80/tcp"}}, tasks: 5, want: []int{1, 1, 1, 1}, reason: "RESOURCE:PORTS"},
		{name: "GPUs", size: fleet.Resources{CPU: 128, Memory: 128, GPU: 1}, tasks: 3, want: []int{0, 0, 1, 1}, reason: "RESOURCE:GPU"},
		{name: "interfaces", size: fleet.Resources{CPU: 128, Memory: 128, ENI: 1}, tasks: 9, want: []int{1, 1, 3, 3}, reason: "RESOURCE:ENI"},
		{name: "memory", size: fleet.Resources{CPU: 128, Memory: 4096}, tasks: 7, want: []int{1, 1, 2, 2}, reason: "RESOURCE:MEMORY"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var reasons []string
			b := yard(t, plant.Group{
				Desired: 4, Zones: []string{"a", "b"},
				Shapes: []plant.Shape{{Type: "small", Size: fleet.Resources{CPU: 2048, Memory: 4096, ENI: 1}}, {Type: "large", Size: big}},
			}, plant.Options{Emit: func(raw []byte) {
				if ev, err := event.Decode(raw); err == nil && ev.Kind == event.ServiceAction {
					reasons = append(reasons, ev.Reason)
				}
			}})
			if tc.size == (fleet.Resources{}) {
				tc.size = fleet.Resources{CPU: 512, Memory: 512}
			}
			b.onHosts(plant.Service{Desired: tc.tasks, Size: tc.size, Rules: tc.rules})
			b.to(time.Minute)
			var got []int
			for _, i := range b.instances() {
				got = append(got, i.Tasks)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("tasks by instance (-want +got):\n%s", d)
			}
			if short := b.View("web").Unplaced > 0; short != (tc.reason != "") || short && reasons[0] != tc.reason {
				t.Errorf("%+v for %q, want for %q", b.View("web"), reasons, tc.reason)
			}
		})
	}
	for name, r := range map[string]fleet.Rules{
		"another query":    {Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: "attribute:x != y"}}},
		"another strategy": {Strategies: []fleet.Strategy{{Type: fleet.Binpack, Field: "gpu"}}},
		"spread by task":   {Strategies: spread("task")},
	} {
		b := yard(t, plant.Group{}, plant.Options{})
		if err := b.AddService(plant.Service{Name: "web", Group: "hosts", Load: constant(1), Capacity: 1, Rules: r}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// Scale-in keeps the zones in balance, and leaves what binpack would leave.
func TestScaleInByStrategy(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 2, Zones: []string{"a", "b"}}, plant.Options{})
	b.onHosts(plant.Service{Desired: 6})
	b.must(b.SetDesired("web", 2))
	for _, i := range b.instances() {
		if i.Tasks != 1 {
			t.Errorf("spread by zone left %d tasks in zone %s, want 1", i.Tasks, i.Zone)
		}
	}
	b = yard(t, plant.Group{Desired: 2}, plant.Options{})
	b.onHosts(plant.Service{Desired: 6, Rules: fleet.Rules{Strategies: []fleet.Strategy{{Type: fleet.Binpack, Field: "cpu"}}}})
	b.must(b.SetDesired("web", 4))
	if is := b.instances(); is[0].Tasks != 4 || is[1].Tasks != 0 {
		t.Errorf("binpack left %d and %d tasks, want the fuller instance full", is[0].Tasks, is[1].Tasks)
	}
}

func TestWarmPool(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 1, Pool: &plant.Pool{Size: 2, Warm: sim.Fixed(30 * time.Second)}}, plant.Options{})
	b.must(b.Groups().SetDesiredCapacity(t.Context(), "hosts", 4))
	b.to(30 * time.Second)
	g, _, err := b.Groups().Describe(t.Context(), "hosts")
	b.must(err)
	if len(g.InService) != 3 || *g.WarmPool != (fleet.WarmPool{MinSize: 2}) || len(g.Members) != 4 {
		t.Errorf("30 s after: %+v, want the pool's two in service and it empty", g)
	}
	b.to(2 * time.Minute)
	if v := b.GroupView("hosts"); v.InService != 4 || v.Pooled != 2 {
		t.Errorf("2 min after: %+v, want the cold one in service and the pool filled up", v)
	}
}

// Lost replies and refusals of the calls that end instances.
func TestTerminateRefusals(t *testing.T) {
	t.Parallel()
	lost := plant.Only(func(c plant.Call) error {
		if c.N == 1 {
			return plant.ErrReplyLost
		}
		return nil
	}, plant.AutoScaling, "TerminateInstanceInAutoScalingGroup")
	b := yard(t, plant.Group{Min: 1, Desired: 4, ProtectsNew: true}, plant.Options{Fault: lost})
	ctx, is := t.Context(), b.instances()
	first := []fleet.InstanceID{is[0].ID}
	if err := b.Exits().Terminate(ctx, "hosts", first); !errors.Is(err, plant.ErrReplyLost) || b.GroupView("hosts").Desired != 3 {
		t.Errorf("a lost reply answered %v and left %+v, want it done, protection or not", err, b.GroupView("hosts"))
	}
	if err := b.Exits().Terminate(ctx, "hosts", first); err != nil || b.GroupView("hosts").Desired != 3 {
		t.Errorf("again: %v, %+v; want no second decrement", err, b.GroupView("hosts"))
	}
	rest := []fleet.InstanceID{is[1].ID, is[2].ID, is[3].ID}
	if err := b.Exits().Terminate(ctx, "hosts", rest); !errors.Is(err, plant.ErrBelowMinSize) || b.GroupView("hosts").InService != 3 {
		t.Errorf("below the minimum size it answered %v and left %+v", err, b.GroupView("hosts"))
	}
	b.must(b.SetLocked("hosts", true))
	if err := b.Exits().Terminate(ctx, "hosts", rest[:2]); !errors.Is(err, plant.ErrTerminateSuspended) {
		t.Errorf("with Terminate suspended it answered %v", err)
	}
	b.must(b.Exits().Protect(ctx, "hosts", rest, false))
	b.must(b.Resize("hosts", 2))
	if v := b.GroupView("hosts"); v.Desired != 2 || v.InService != 3 {
		t.Errorf("lowered with Terminate suspended %+v, want it to end nothing", v)
	}
	b.must(b.Resize("hosts", 3))
	b.must(b.SetLocked("hosts", false))
	b.must(b.Exits().Terminate(ctx, "hosts", rest[:2]))
	if v := b.GroupView("hosts"); v.Desired != 1 || v.InService != 1 {
		t.Errorf("two at once left %+v, want 1", v)
	}
}

// Protected from scale-in everywhere, a lower desired capacity ends nothing until
// the protection goes.
func TestProtectionAndDefaultPolicy(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 5, Zones: []string{"a", "b"}, ProtectsNew: true}, plant.Options{})
	ctx, is := t.Context(), b.instances()
	b.must(b.Groups().SetDesiredCapacity(ctx, "hosts", 3))
	b.to(time.Minute)
	if v := b.GroupView("hosts"); v.Desired != 3 || v.InService != 5 {
		t.Errorf("all protected: %+v, want 5 in service of 3", v)
	}
	b.must(b.Exits().Protect(ctx, "hosts", []fleet.InstanceID{is[3].ID}, false))
	if left := b.instances(); len(left) != 4 || slices.ContainsFunc(left, func(i fleet.Instance) bool { return i.ID == is[3].ID }) {
		t.Errorf("one unprotected: left %+v, want it gone", left)
	}
	b.must(b.Exits().Protect(ctx, "hosts", []fleet.InstanceID{is[0].ID, is[1].ID, is[2].ID, is[4].ID}, false))
	// Zone a has three instances and b one: the oldest of a goes.
	var left []fleet.InstanceID
	for _, i := range b.instances() {
		left = append(left, i.ID)
	}
	if d := cmp.Diff([]fleet.InstanceID{is[1].ID, is[2].ID, is[4].ID}, left); d != "" {
		t.Errorf("the default policy left (-want +got):\n%s", d)
	}
	// Of two zones the fuller one loses its oldest, whatever is older elsewhere.
	uneven := yard(t, plant.Group{Desired: 4, Zones: []string{"a", "b"}}, plant.Options{})
	was := uneven.GroupView("hosts").Hosts
	uneven.must(uneven.Exits().Terminate(ctx, "hosts", was[2:3]))
	uneven.must(uneven.Resize("hosts", 2))
	if d := cmp.Diff([]fleet.InstanceID{was[0], was[3]}, uneven.GroupView("hosts").Hosts); d != "" {
		t.Errorf("one in a and two in b, less one (-want +got):\n%s", d)
	}
	if err := b.Exits().Protect(ctx, "hosts", []fleet.InstanceID{is[0].ID}, true); !errors.Is(err, plant.ErrInstanceNotFound) {
		t.Errorf("protecting one that is gone answered %v", err)
	}
}
