package capacity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// waits adds so many waiting tasks of web to a fleet.
func waits(in capacity.Input, n int) capacity.Input {
	in.Waiting = []placement.Item{tasks("web", 512, 1024, n)}
	return in
}

func TestRaiseByRule(t *testing.T) {
	t.Parallel()
	percent := func(n float64) *spec.Percent { return new(spec.Percent(n)) }
	override := func(os ...spec.Override) []spec.Override {
		for i := range os {
			os[i].Until, os[i].Why, os[i].By = noon.Add(time.Hour), "sale", "ann"
		}
		return os
	}
	failed := func(ago ...time.Duration) []fleet.LaunchFailure {
		var out []fleet.LaunchFailure
		for _, d := range ago {
			out = append(out, fleet.LaunchFailure{At: noon.Add(-d), Words: "InsufficientInstanceCapacity"})
		}
		return out
	}
	tests := []struct {
		name   string
		in     capacity.Input
		edit   func(in *capacity.Input)
		want   int
		reason string
		words  string
	}{
		{"headroom for one more task of the largest service", running(4, 4), func(in *capacity.Input) { in.Policy.Headroom.LargestTask = 1 }, 3, history.Headroom, "room for 1 more task"},
		{"headroom that is there", running(4, 3), func(in *capacity.Input) { in.Policy.Headroom.LargestTask = 1 }, 2, history.AlreadyAtDesiredCapacity, ""},
		{"headroom for named tasks", running(4, 4), func(in *capacity.Input) { in.Policy.Headroom.Tasks = map[fleet.ServiceName]int{"web": 5} }, 4, history.Headroom, "room for 5 more tasks"},
		{"headroom of a share of CPU", running(4, 3), func(in *capacity.Input) { in.Policy.Headroom.CPU = percent(0.15) }, 3, history.Headroom, "512 CPU units free of 538"},
		{"a share that is there", running(4, 3), func(in *capacity.Input) { in.Policy.Headroom.CPU = percent(0.14) }, 2, history.AlreadyAtDesiredCapacity, ""},
		{"headroom of a share of memory", running(4, 4), func(in *capacity.Input) { in.Policy.Headroom.Memory = percent(0.8) }, 2, history.AlreadyAtDesiredCapacity, "no task waits"},
		{"more memory than there is", running(4, 4), func(in *capacity.Input) { in.Policy.Headroom.Memory = percent(2) }, 4, history.Headroom, "MiB free of 16384"},
		{"headroom beside waiting tasks", waits(running(4, 4), 4), func(in *capacity.Input) { in.Policy.Headroom.LargestTask = 1 }, 4, history.Headroom, "1 instance more"},

		{"a minimum lifts", running(4, 4), func(in *capacity.Input) { in.Overrides = override(spec.Override{Kind: spec.MinAt, Count: 5}) }, 5, history.MinCapacity, "min 5 by ann until"},
		{"a hold lifts", running(4, 4), func(in *capacity.Input) { in.Overrides = override(spec.Override{Kind: spec.HoldAt, Count: 5}) }, 5, history.HoldOverride, "hold 5 by ann until"},
		{"a hold keeps from rising", waits(running(4, 4), 4), func(in *capacity.Input) { in.Overrides = override(spec.Override{Kind: spec.HoldAt, Count: 2}) }, 2, history.HoldOverride, "hold 2"},
		{"a maximum caps", waits(running(4, 4), 12), func(in *capacity.Input) { in.Overrides = override(spec.Override{Kind: spec.MaxAt, Count: 3}) }, 3, history.MaxCapacity, "max 3"},
		{"a maximum below the live count lowers nothing", waits(running(4, 4), 12), func(in *capacity.Input) { in.Overrides = override(spec.Override{Kind: spec.MaxAt, Count: 1}) }, 2, history.MaxCapacity, "max 1"},
		{"a maximum outranks a minimum", running(4, 4), func(in *capacity.Input) {
			in.Overrides = override(spec.Override{Kind: spec.MaxAt, Count: 3}, spec.Override{Kind: spec.MinAt, Count: 6})
		}, 3, history.MaxCapacity, ""},
		{"an ended override", running(4, 4), func(in *capacity.Input) { in.Overrides = []spec.Override{{Kind: spec.MinAt, Count: 5, Until: noon}} }, 2, history.AlreadyAtDesiredCapacity, ""},
		{"the group's MaxSize outranks a person", running(4, 4), func(in *capacity.Input) {
			in.Overrides, in.Group.MaxSize = override(spec.Override{Kind: spec.MinAt, Count: 5}), 4
		}, 4, history.MaxCapacity, "MaxSize is 4"},

		{"a launch that failed holds for 5 minutes", waits(running(4, 4), 4), func(in *capacity.Input) { in.Group.Failures = failed(4 * time.Minute) }, 2, history.LaunchBackoff, "1 launch failed in a row, the last at 2026-11-23T11:56:00Z: the group is raised again at 2026-11-23T12:01:00Z (InsufficientInstanceCapacity)"},
		{"and not longer", waits(running(4, 4), 4), func(in *capacity.Input) { in.Group.Failures = failed(5 * time.Minute) }, 3, history.TasksWaiting, ""},
		{"the second for 10", waits(running(4, 4), 4), func(in *capacity.Input) { in.Group.Failures = failed(15*time.Minute, 9*time.Minute) }, 2, history.LaunchBackoff, "2 launches failed in a row"},
		{"what fails while it is held is the same failure", waits(running(4, 4), 4), func(in *capacity.Input) { in.Group.Failures = failed(8*time.Minute, 7*time.Minute, 6*time.Minute) }, 3, history.TasksWaiting, ""},
		{"a launch since then ends it", waits(running(4, 4), 4), func(in *capacity.Input) {
			in.Group.Failures, in.Group.Launched = failed(4*time.Minute), noon.Add(-time.Minute)
		}, 3, history.TasksWaiting, ""},
		{"what is on the way may not come", waits(running(4, 4), 4), func(in *capacity.Input) { in.Base, in.Group.Failures = 3, failed(time.Minute) }, 3, history.LaunchBackoff, "1 instance on the way may not come"},

		{"the warm pool is told", waits(running(4, 4), 8), func(in *capacity.Input) { in.Group.WarmPool = &fleet.WarmPool{MinSize: 1, Ready: 1} }, 4, history.TasksWaiting, "2 instances more, 1 of them from the warm pool"},
		{"from zero, remembered", waits(running(), 9), func(in *capacity.Input) { in.Group.MinSize = 0 }, 3, history.TasksWaiting, "3 instances more"},
		{"from zero, declared", waits(running(), 9), func(in *capacity.Input) {
			in.Memory.Capacity, in.Policy.Instance = nil, &spec.InstanceShape{CPU: 1024, MemoryMiB: 4096}
		}, 5, history.TasksWaiting, "5 instances more"},
		{"what is remembered comes before what is declared", waits(running(), 9), func(in *capacity.Input) {
			in.Policy.Instance = &spec.InstanceShape{CPU: 1024, MemoryMiB: 4096}
		}, 3, history.TasksWaiting, ""},
		{"an instance that ends is not there any more", waits(running(4, 4, 0), 4), func(in *capacity.Input) {
			in.Base, in.Group.DesiredCapacity = 3, 3 // raised by one since the end of i-03 was ordered
			in.Drains = []drain.Row{{Instance: "i-03", Cause: drain.Empty, State: drain.Terminating, Before: 4, After: 3}}
		}, 3, history.AlreadyAtDesiredCapacity, "all 4 waiting tasks fit on 2 instances and 1 on the way"},
		{"tasks that may not share an instance need one each", waits(running(1, 1), 3), func(in *capacity.Input) {
			in.Waiting[0].Rules.Constraints = []fleet.Constraint{{Type: fleet.DistinctInstance}}
		}, 5, history.TasksWaiting, "3 instances more"},
		{"where they are is not known before they are read", waits(running(1, 1), 3), func(in *capacity.Input) {
			only := []fleet.Constraint{{Type: fleet.DistinctInstance}}
			in.Waiting[0].Rules.Constraints, in.Services[0].Rules.Constraints = only, only
			in.Tasks, in.TasksRead = nil, false
		}, 5, history.TasksWaiting, "3 instances more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := tt.in
			if tt.edit != nil {
				tt.edit(&in)
			}
			in.Policy.ScaleIn.Disabled = true // removals have their own table
			got := capacity.Decide(in)
			reason := got.Reason
			if reason == history.ScaleInDisabled {
				reason, got.Because = history.AlreadyAtDesiredCapacity, got.Clauses[0].Because
			}
			if got.Desired != tt.want || reason != tt.reason || !strings.Contains(got.Because, tt.words) {
				t.Errorf("got %d for %s (%s)\nwant %d for %s (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason, tt.words)
			}
		})
	}
}

// A member in service that ECS does not list is as unwell as one whose agent is gone.
func TestUnlistedMembersAreUnwell(t *testing.T) {
	t.Parallel()
	in := running(0, 0, 0, 0)
	in.Instances = in.Instances[:2]
	if got := capacity.Decide(in); got.Reason == history.EmptyInstances || len(got.Drains) > 0 {
		t.Errorf("half of the members are listed: %s (%s), drains %v", got.Reason, got.Because, got.Drains)
	}
	in.Base = 2 // nothing is on the way
	if got := capacity.Decide(in); got.Reason != history.UnhealthyFleet || !strings.Contains(got.Because, "2 of 4 instances") {
		t.Errorf("half of the members are listed: %s (%s)", got.Reason, got.Because)
	}
}

// The time from a raise to the registration of its instances is learnt.
func TestWarmUpIsLearnt(t *testing.T) {
	t.Parallel()
	in := running(4, 4)
	in.Memory.Orders = []history.Order{{At: noon.Add(-10 * time.Minute), From: 1, To: 2}}
	in.Instances[1].RegisteredAt = noon.Add(-8 * time.Minute)
	got := capacity.Decide(in).Memory
	if got.WarmUp != 120 || !got.WarmedAt.Equal(noon.Add(-8*time.Minute)) {
		t.Fatalf("learnt %+v, want 120 s", got)
	}
	in.Memory.Capacity = &got
	if again := capacity.Decide(in).Memory; again.WarmUp != 120 {
		t.Errorf("the same instance is learnt from twice: %+v", again)
	}
	in.Memory.Orders = append(in.Memory.Orders, history.Order{At: noon.Add(-5 * time.Minute), From: 2, To: 3})
	in.Instances[0].RegisteredAt = noon.Add(-2 * time.Minute)
	if more := capacity.Decide(in).Memory; cmp.Diff(138.0, more.WarmUp) != "" {
		t.Errorf("learnt %+v, want 120 and 0.3 of the 60 s more", more)
	}
}

// What a decision about one service must know of its group.
func TestExpect(t *testing.T) {
	t.Parallel()
	h := history.History{Capacity: &history.Capacity{Shape: shape(), Failures: 1, FailedAt: noon.Add(-time.Minute), RetryAt: noon.Add(4 * time.Minute)}}
	g := capacity.Expect(noon, fleet.Group{Name: "m7g", DesiredCapacity: 2}, spec.Group{}, h)
	if g.Shape == nil || *g.Shape != shape() || !g.RetryAt.Equal(noon.Add(4*time.Minute)) {
		t.Errorf("got %+v", g)
	}
	if n := capacity.Coming(noon, g, nil, fleet.Resources{}, quarter()); n != 0 {
		t.Errorf("%d tasks are counted on while launches fail", n)
	}
	if n := capacity.Coming(noon.Add(4*time.Minute), g, nil, fleet.Resources{}, quarter()); n != 8 {
		t.Errorf("%d tasks fit on two instances to come, want 8", n)
	}
	declared := capacity.Expect(noon, fleet.Group{}, spec.Group{Instance: &spec.InstanceShape{CPU: 1024, MemoryMiB: 2048, GPU: 1, ENIs: 2}}, history.History{})
	if want := (fleet.Resources{CPU: 1024, Memory: 2048, GPU: 1, ENI: 2}); declared.Shape == nil || *declared.Shape != want {
		t.Errorf("declared %+v", declared.Shape)
	}
}

// Which type or zone the next instance is of is Auto Scaling's choice: a task that needs
// another than the usual raises the group once, and again only when that one is in use.
func TestAnotherTypeIsTriedOnce(t *testing.T) {
	t.Parallel()
	mixed := func() capacity.Input {
		in := running(4, 4, 4)
		in.Waiting = []placement.Item{{Name: "big", Size: fleet.Resources{CPU: 4096, Memory: 8192}, Count: 1}}
		in.Instances[2].Type, in.Instances[2].Registered, in.Instances[2].Remaining = "m7g.2xlarge", fleet.Resources{CPU: 8192, Memory: 31000}, fleet.Resources{}
		in.Tasks, in.TasksRead = nil, false
		return in
	}
	if r := capacity.Decide(mixed()); r.Desired != 4 || r.Reason != history.TasksWaiting {
		t.Errorf("at first: desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
	coming := mixed()
	coming.Base = 4
	if r := capacity.Decide(coming); r.Desired != 4 || !strings.Contains(r.Because, "an instance on the way may be of it") {
		t.Errorf("while one is on the way: desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
	idle := mixed()
	idle.Instances[0].Remaining = idle.Instances[0].Registered
	if r := capacity.Decide(idle); r.Desired != 3 || !strings.Contains(r.Because, "stands idle") {
		t.Errorf("while one stands idle: desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
}

// An instance that came of the last raise and takes none of the tasks shows that another
// would not either: the group is not raised to its MaxSize in vain.
func TestAnIdleInstanceOfTheLastRaiseEndsTheRaising(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(in *capacity.Input, it *placement.Item)
	}{
		{"an attribute that only some have", func(in *capacity.Input, it *placement.Item) {
			it.Rules.Constraints = []fleet.Constraint{{Type: fleet.MemberOf, Expression: "attribute:stack == prod"}}
			in.Instances[0].Attributes = map[string]string{"stack": "prod"}
		}},
		{"a port that a daemon binds", func(in *capacity.Input, it *placement.Item) {
			it.Rules.Ports = []fleet.Port{"9100/tcp"}
			in.Services = append(in.Services, fleet.Service{Name: "exporter", Active: true, Daemon: true, Rules: fleet.Rules{Ports: it.Rules.Ports}})
			for i := range in.Instances {
				in.Instances[i].Ports = it.Rules.Ports
			}
		}},
		{"a smaller type comes", func(_ *capacity.Input, it *placement.Item) { it.Size = fleet.Resources{CPU: 2000, Memory: 7000} }},
	}
	for _, tt := range tests {
		in := running(4, 4)
		it := tasks("web", 512, 1024, 1)
		tt.edit(&in, &it)
		in.Waiting = []placement.Item{it}
		for minute := range 20 {
			in.Now = noon.Add(time.Duration(minute) * time.Minute)
			r := capacity.Decide(in)
			if r.Desired > in.Base {
				in.Memory.Orders = append(in.Memory.Orders, history.Order{At: in.Now, From: in.Base, To: r.Desired})
				v := instance("i-9"+string(rune('a'+minute)), fleet.Resources{CPU: 1024, Memory: 3840})
				v.Registered, v.Type, v.RegisteredAt = v.Remaining, "m7g.medium", in.Now.Add(time.Second)
				if tt.name != "a smaller type comes" {
					v = instance(string(v.ID), shape())
					v.RegisteredAt, v.Ports = in.Now.Add(time.Second), in.Instances[1].Ports
				}
				in.Instances = append(in.Instances, v)
				in.Group.Members = append(in.Group.Members, fleet.Member{ID: v.ID, State: "InService"})
				in.Base, in.Group.DesiredCapacity = r.Desired, r.Desired
			}
		}
		if in.Base > 3 {
			t.Errorf("%s: the group is at %d after 20 minutes", tt.name, in.Base)
		}
	}
}
