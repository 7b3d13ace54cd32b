package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// A service goes out and the group is raised in one decision, before any task waits.
func TestServiceAndGroupInOneDecision(t *testing.T) {
	t.Parallel()
	d := policy.Decide(noon, group(90)) // 8 tasks at 90 % need 12: 4 more, a whole instance
	if len(d.Services) != 1 || d.Services[0].Desired != 12 || d.Group == nil {
		t.Fatalf("got %+v", d)
	}
	g := *d.Group
	if g.Group != "m7g" || g.Mode != spec.Act || g.Base != 2 || g.Desired != 3 || g.Reason != history.TasksWaiting || g.Waiting != 4 || g.Unplaced != 4 {
		t.Errorf("group: %+v, want 2 to 3 for 4 waiting tasks", g)
	}
	want := history.History{Orders: []history.Order{{At: noon, From: 2, To: 3}}, Capacity: &history.Capacity{Shape: shape()}}
	if diff := cmp.Diff(want, g.Next); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
}

func TestGroupPacksWhatWillBe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		cpu      float64
		edit     func(*policy.Input)
		desired  int
		waiting  int
		unplaced int
	}{
		{"nothing waits", 60, func(*policy.Input) {}, 2, 0, 0},
		{"the tasks of a service without a policy wait too", 60, func(in *policy.Input) { in.Fleet.Services[1].Desired = 5 }, 4, 5, 5},
		{"what waits already and what is ordered, together", 90, func(in *policy.Input) { in.Fleet.Services[1].Desired = 1 }, 4, 5, 5},
		{"pending tasks have a place", 60, func(in *policy.Input) { in.Fleet.Services[1].Desired, in.Fleet.Services[1].Pending = 5, 5 }, 2, 0, 0},
		{"more running than desired waits for nothing", 60, func(in *policy.Input) { in.Fleet.Services[1].Running = 5 }, 2, 0, 0},
		{"a service that scales in still has its tasks", 20, func(in *policy.Input) { in.Fleet.Services[0].Running = 6 }, 3, 2, 2},
		{"a daemon's tasks wait for instances, not instances for them", 60, func(in *policy.Input) {
			in.Fleet.Services[1].Daemon, in.Fleet.Services[1].Desired = true, 5
		}, 2, 0, 0},
		{"an inactive service's tasks do not come", 60, func(in *policy.Input) {
			in.Fleet.Services[1].Active, in.Fleet.Services[1].Desired = false, 5
		}, 2, 0, 0},
		{"a daemon leaves less of a new instance", 90, func(in *policy.Input) {
			in.Fleet.Services[1].Daemon, in.Fleet.Services[1].TaskSize = true, fleet.Resources{CPU: 64, Memory: 64}
		}, 4, 4, 4},
		{"an inactive daemon takes nothing", 90, func(in *policy.Input) {
			in.Fleet.Services[1].Daemon, in.Fleet.Services[1].Active, in.Fleet.Services[1].TaskSize = true, false, fleet.Resources{CPU: 64, Memory: 64}
		}, 3, 4, 4},
		{"a refused order waits for nothing", 90, func(in *policy.Input) { in.Services[0].Owner = policy.Owner{Kind: "ApplicationAutoScaling"} }, 2, 0, 0},
		{"instances of another group give no room", 90, func(in *policy.Input) {
			in.Fleet.Instances = append(in.Fleet.Instances, fleet.Instance{ID: "i-9", Group: "other", Active: true, Connected: true, Registered: shape(), Remaining: shape()})
		}, 3, 4, 4},
		{"instances of the group do", 90, func(in *policy.Input) { in.Fleet.Instances[0].Remaining = shape() }, 2, 4, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := group(tt.cpu)
			tt.edit(&in)
			got := ofGroup(t, in)
			if got.Desired != tt.desired || got.Waiting != tt.waiting || got.Unplaced != tt.unplaced {
				t.Errorf("got %d for %d waiting and %d unplaced (%s)\nwant %d, %d and %d", got.Desired, got.Waiting, got.Unplaced, got.Because, tt.desired, tt.waiting, tt.unplaced)
			}
		})
	}
}

// A group that acts looks at what services really are, a group that observes
// at what they would be.
func TestModesOfServiceAndGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		service, group spec.Mode
		want           int
	}{
		{"both act", spec.Act, spec.Act, 3},
		{"the service observes, the group acts: no task will come", spec.Observe, spec.Act, 2},
		{"the service acts, the group observes", spec.Act, spec.Observe, 3},
		{"both observe", spec.Observe, spec.Observe, 3},
	}
	for _, tt := range tests {
		in := group(90)
		in.Services[0].Policy.Mode, in.Group.Policy.Mode = tt.service, tt.group
		got := policy.Decide(noon, in)
		if got.Services[0].Desired != 12 || got.Group.Desired != tt.want {
			t.Errorf("%s: service %d, group %d (%s), want 12 and %d", tt.name, got.Services[0].Desired, got.Group.Desired, got.Group.Because, tt.want)
		}
	}
}

func TestGroupGates(t *testing.T) {
	t.Parallel()
	override := func(k spec.OverrideKind, until time.Time) func(*policy.Input) {
		return func(in *policy.Input) {
			in.Group.Overrides = []spec.Override{{Kind: k, Until: until, By: "ann", Why: "freeze"}}
		}
	}
	const tail = " by ann until 2026-11-23T13:00:00Z (freeze)"
	tests := []struct {
		name    string
		edit    func(*policy.Input)
		want    int
		rule    string
		because string
	}{
		{"none", func(*policy.Input) {}, 3, history.TasksWaiting, "tasks that fit nowhere need 1 instance more"},
		{"paused", override(spec.Pause, noon.Add(time.Hour)), 2, history.Paused, "pause" + tail},
		{"suspended out", override(spec.SuspendOut, noon.Add(time.Hour)), 2, history.ScaleOutSuspended, "suspendOut" + tail},
		{"suspended in, which a raise is not", override(spec.SuspendIn, noon.Add(time.Hour)), 3, history.TasksWaiting, ""},
		{"a pause that has ended", override(spec.Pause, noon), 3, history.TasksWaiting, ""},
		{"owner", func(in *policy.Input) {
			in.Group.Owner = policy.Owner{Kind: "ManagedScaling", Detail: "capacity provider cp"}
		}, 2, history.OwnedByAnother, "ManagedScaling writes this target: capacity provider cp"},
		{"unknown owner", func(in *policy.Input) { in.Group.Owner = policy.Owner{Unknown: true, Detail: "throttled"} }, 2, history.OwnedByAnother, "could not be read: throttled"},
		{"launch suspended", func(in *policy.Input) { in.Fleet.Group.SuspendedLaunch = true }, 2, history.LaunchSuspended, "resume it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := group(90)
			tt.edit(&in)
			got := ofGroup(t, in)
			if got.Desired != tt.want || got.Reason != tt.rule || !strings.Contains(got.Because, tt.because) {
				t.Errorf("got %d for %s (%s)\nwant %d for %s (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.rule, tt.because)
			}
			if fault := chainFault(got.Clauses, 2, tt.want, got.Reason, got.Because); fault != "" {
				t.Error(fault)
			}
			if ordered := len(got.Next.Orders) == 1; ordered != (tt.want != 2) {
				t.Errorf("next %+v for %d", got.Next, got.Desired)
			}
			if s := one(t, in); s.Desired != 12 {
				t.Errorf("the service is held as well, at %d (%s)", s.Desired, s.Because)
			}
		})
	}
}

func TestStopAndLeaseHoldTheWholeCell(t *testing.T) {
	t.Parallel()
	for rule, edit := range map[string]func(*policy.Input){
		history.GlobalStop:    func(in *policy.Input) { in.Stop = true },
		history.OrderInFlight: func(in *policy.Input) { in.Lease = &policy.Lease{By: "01J", Until: noon.Add(time.Minute)} },
	} {
		in := group(90)
		in.Fleet.Services[1].Desired = 5 // theirs wait whatever we hold
		edit(&in)
		s, g := one(t, in), ofGroup(t, in)
		if s.Desired != 8 || s.Reason != rule || g.Desired != 2 || g.Reason != rule {
			t.Errorf("%s: service %d for %s, group %d for %s", rule, s.Desired, s.Reason, g.Desired, g.Reason)
		}
	}
}

func TestGroupOwnerInObserveMode(t *testing.T) {
	t.Parallel()
	in := group(90)
	in.Group.Policy.Mode = spec.Observe
	in.Group.Owner = policy.Owner{Kind: "ManagedScaling", Detail: "capacity provider cp"}
	got := ofGroup(t, in)
	if got.Desired != 3 || got.Reason != history.TasksWaiting || got.Next.Shadow == nil || *got.Next.Shadow != 3 {
		t.Errorf("got %d for %s, next %+v, want 3 as the shadow", got.Desired, got.Reason, got.Next)
	}
	last := got.Clauses[len(got.Clauses)-1]
	if last.Rule != history.OwnedByAnother || last.Binding || last.Before != 3 || last.After != 3 {
		t.Errorf("last clause %+v", last)
	}
	if fault := chainFault(got.Clauses, 2, 3, got.Reason, got.Because); fault != "" {
		t.Error(fault)
	}
}

func TestGroupShadow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		mode   spec.Mode
		live   int // live desired capacity, all of it registered and full
		shadow *int
		base   int
		want   int
		next   *int
	}{
		{"observe, no shadow: the live capacity", spec.Observe, 2, nil, 2, 3, new(3)},
		{"observe: what would have been ordered is on the way", spec.Observe, 2, new(3), 3, 3, new(3)},
		{"observe: a shadow that others have passed is past", spec.Observe, 5, new(3), 5, 6, new(6)},
		{"act: there is no shadow", spec.Act, 2, new(9), 2, 3, nil},
	}
	for _, tt := range tests {
		in := group(90)
		in.Group.Policy.Mode, in.Group.History.Shadow = tt.mode, tt.shadow
		for len(in.Fleet.Instances) < tt.live {
			in.Fleet.Instances = append(in.Fleet.Instances, in.Fleet.Instances[0])
		}
		in.Fleet.Group.DesiredCapacity = tt.live
		got := ofGroup(t, in)
		if got.Live != tt.live || got.Base != tt.base || got.Desired != tt.want {
			t.Errorf("%s: live %d, %d to %d (%s), want %d to %d", tt.name, got.Live, got.Base, got.Desired, got.Because, tt.base, tt.want)
		}
		if diff := cmp.Diff(tt.next, got.Next.Shadow); diff != "" {
			t.Errorf("%s: next shadow (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestGroupNotFound(t *testing.T) {
	t.Parallel()
	in := group(90)
	in.Fleet.Group = nil
	in.Group.History = history.History{Orders: []history.Order{{At: noon.Add(-time.Hour), From: 1, To: 2}}}
	got := ofGroup(t, in)
	if got.Group != "m7g" || got.Base != 0 || got.Desired != 0 || got.Reason != history.NotFound ||
		got.Because != "EC2 Auto Scaling knows no group m7g: remove it from the policy or create it" {
		t.Errorf("got %+v", got)
	}
	if fault := chainFault(got.Clauses, 0, 0, got.Reason, got.Because); fault != "" {
		t.Error(fault)
	}
	if diff := cmp.Diff(in.Group.History, got.Next); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	if s := one(t, in); s.Desired != 12 {
		t.Errorf("the service is held as well, at %d (%s)", s.Desired, s.Because)
	}
}

// idle is the cell of group with a third instance that is empty and has been removable
// for long, its tasks read.
func idle() policy.Input {
	in := group(60)
	in.Fleet.Instances = append(in.Fleet.Instances, fleet.Instance{ID: "i-3", ARN: "arn/i-3", Group: "m7g", Active: true, Connected: true, Registered: shape(), Remaining: shape()})
	in.Fleet.Group.DesiredCapacity, in.Fleet.Group.InService = 3, append(in.Fleet.Group.InService, "i-3")
	for k := range 8 {
		id := fleet.InstanceID(fmt.Sprintf("i-%d", 1+k/4))
		in.Fleet.Tasks = append(in.Fleet.Tasks, fleet.Task{ARN: fmt.Sprintf("arn/%d", k), Instance: id, Service: "checkout", Size: quarter(), Running: true})
	}
	in.Fleet.TasksRead = true
	in.Group.History.Capacity = &history.Capacity{Shape: shape(), Removable: []history.Removable{{Instance: "i-3", Since: noon.Add(-time.Hour)}}}
	return in
}

// A drain charges the budget when it begins and leaves the desired capacity to its end.
func TestDrainIsChargedWhenItBegins(t *testing.T) {
	t.Parallel()
	g := ofGroup(t, idle())
	if len(g.Drains) != 1 || g.Drains[0].Instance != "i-3" || g.Desired != 3 || g.Direction != history.In || g.Reason != history.EmptyInstances {
		t.Fatalf("got %+v", g)
	}
	if o, _ := g.Next.Last(); o != (history.Order{At: noon, From: 3, To: 2}) || g.Next.Capacity == nil {
		t.Errorf("next %+v", g.Next)
	}
}

func TestGroupGatesStopDrains(t *testing.T) {
	t.Parallel()
	override := func(k spec.OverrideKind) func(*policy.Input) {
		return func(in *policy.Input) {
			in.Group.Overrides = []spec.Override{{Kind: k, Until: noon.Add(time.Hour), Why: "sale", By: "ann"}}
		}
	}
	tests := []struct {
		name   string
		edit   func(*policy.Input)
		drains int
		reason string
	}{
		{"the global stop", func(in *policy.Input) { in.Stop = true }, 0, history.GlobalStop},
		{"an order in flight", func(in *policy.Input) { in.Lease = &policy.Lease{By: "x", Until: noon.Add(time.Minute)} }, 0, history.OrderInFlight},
		{"a pause", override(spec.Pause), 0, history.Paused},
		{"suspendIn", override(spec.SuspendIn), 0, history.ScaleInSuspended},
		{"suspendOut stops only raises", override(spec.SuspendOut), 1, history.EmptyInstances},
		{"another owner", func(in *policy.Input) { in.Group.Owner = policy.Owner{Kind: "ManagedScaling", Detail: "of prod"} }, 0, history.OwnedByAnother},
		{"a faulty policy", func(in *policy.Input) { in.Group.Policy.ScaleIn.MaxDraining = -1 }, 0, history.InvalidPolicy},
		{"a service that grows", func(in *policy.Input) { in.Signals = signal.Set{cpu("checkout", 8, repeat(90, 15)...)} }, 0, history.ServicesGrowing},
		{"a service that only observes and would grow stops nothing", func(in *policy.Input) {
			in.Signals = signal.Set{cpu("checkout", 8, repeat(90, 15)...)}
			in.Services[0].Policy.Mode = spec.Observe
		}, 1, history.EmptyInstances},
		{"an open drain of it already", func(in *policy.Input) {
			in.Drains = []drain.Row{{Group: "m7g", Instance: "i-3", Cause: drain.Empty, State: drain.Draining}}
		}, 0, history.AlreadyAtDesiredCapacity},
	}
	for _, tt := range tests {
		in := idle()
		tt.edit(&in)
		if g := ofGroup(t, in); len(g.Drains) != tt.drains || g.Reason != tt.reason {
			t.Errorf("%s: %d drains for %s (%s), want %d for %s", tt.name, len(g.Drains), g.Reason, g.Because, tt.drains, tt.reason)
		}
	}
}

// The tasks of an instance that leaves need another place, before they lose it.
func TestTasksOfLeavingInstancesNeedAPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		edit    func(*policy.Input)
		waiting int
		desired int
	}{
		{"EC2 takes an instance", func(in *policy.Input) { in.Doomed = []fleet.InstanceID{"i-1"} }, 4, 3},
		{"and there is no other", func(in *policy.Input) {
			in.Doomed = []fleet.InstanceID{"i-1"}
			in.Fleet.Instances = in.Fleet.Instances[:2]
			in.Fleet.Group.DesiredCapacity = 2
		}, 4, 3},
		{"a person drains one", func(in *policy.Input) {
			in.Drains = []drain.Row{{Group: "m7g", Instance: "i-1", Cause: drain.Manual, State: drain.Candidate}}
		}, 4, 3},
		{"what is on its way out of it already", func(in *policy.Input) {
			in.Doomed = []fleet.InstanceID{"i-1"}
			in.Fleet.Tasks[0].Leaving = true
		}, 3, 3},
	} {
		in := idle()
		tt.edit(&in)
		if g := ofGroup(t, in); g.Waiting != tt.waiting || g.Desired != tt.desired || len(g.Drains) != 0 {
			t.Errorf("%s: %d waiting, desired %d, drains %v (%s); want %d and %d", tt.name, g.Waiting, g.Desired, g.Drains, g.Because, tt.waiting, tt.desired)
		}
	}
}
