package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// couple is the cell of group at a CPU of 90 %, where 8 tasks become 12 and the launches of
// m7g fail, and the cell of its fallback, which is empty.
func couple() (primary, fallback policy.Input) {
	primary = group(90)
	primary.Group.Policy.ScaleOut.Fallback = "standby"
	primary.Group.History.Capacity = &history.Capacity{Failures: 1, FailedAt: noon.Add(-time.Minute), RetryAt: noon.Add(4 * time.Minute)}
	standby := &fleet.Group{Name: "standby", MaxSize: 10}
	p := spec.Group{Mode: spec.Act, Instance: &spec.InstanceShape{CPU: shape().CPU, MemoryMiB: shape().Memory}}
	fallback = policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Group: "standby"}, Mode: spec.Act, Fleet: fleet.Snapshot{At: noon, Group: standby},
		Group: &policy.GroupInput{Policy: p},
		Primary: &policy.Partner{
			Group: primary.Fleet.Group, Policy: primary.Group.Policy, History: primary.Group.History,
			Services: primary.Fleet.Services, Instances: primary.Fleet.Instances,
		},
	}
	primary.Fallback = &policy.Partner{Group: standby, Policy: p}
	return primary, fallback
}

// What the primary's services are decided to have in a moment the fallback starts
// instances for in the same.
func TestTheFallbackIsToldWhatIsOrdered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(primary, fallback *policy.Input)
		want int
	}{
		{"a service that acts", func(_, _ *policy.Input) {}, 1},
		{"a service that observes", func(p, _ *policy.Input) { p.Services[0].Policy.Mode = spec.Observe }, 0},
		{"a service that observes, and so does the fallback", func(p, f *policy.Input) {
			p.Services[0].Policy.Mode, f.Group.Policy.Mode = spec.Observe, spec.Observe
		}, 1},
		{"the global stop", func(p, f *policy.Input) { p.Stop, f.Stop = true, true }, 0},
		{"a service of a provider", func(p, _ *policy.Input) { p.Fleet.Services[0].Provider = "m7g" }, 0},
		{"launches succeed", func(_, f *policy.Input) { f.Primary.History.Capacity = nil }, 0},
	} {
		p, f := couple()
		tt.edit(&p, &f)
		told := f.Informed(policy.Decide(noon, p))
		got := ofGroup(t, told)
		if got.Desired != tt.want {
			t.Errorf("%s: the fallback has %d instances for %s (%s), want %d", tt.name, got.Desired, got.Reason, got.Because, tt.want)
		}
		if fault := chainFault(got.Clauses, 0, tt.want, got.Reason, got.Because); fault != "" {
			t.Errorf("%s: %s", tt.name, fault)
		}
		if untold := ofGroup(t, f); untold.Desired != 0 {
			t.Errorf("%s: untold the fallback has %d instances (%s)", tt.name, untold.Desired, untold.Because)
		}
		if f.Primary.Ordered != nil {
			t.Errorf("%s: telling changed the input", tt.name)
		}
	}
	p, _ := couple()
	if got := p.Informed(policy.Decision{}); encode(t, got) != encode(t, p) {
		t.Error("a primary is told something")
	}
}

// Daemons with launch type EC2 take room on both groups, those of a provider on its own.
func TestDaemonsOfAPair(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider string
		want     int // instances for 8 tasks of a quarter of an instance
	}{{"", 3}, {"m7g", 2}} {
		_, f := couple()
		agent := live("agent", fleet.EC2, 0)
		agent.Daemon, agent.TaskSize, agent.Provider = true, quarter(), tt.provider
		f.Primary.Services = append(f.Primary.Services, agent)
		f.Primary.Ordered = map[fleet.ServiceName]int{"checkout": 16}
		if got := ofGroup(t, f); got.Desired != tt.want {
			t.Errorf("provider %q: %d instances, want %d (%s)", tt.provider, got.Desired, tt.want, got.Because)
		}
	}
}

// A group that is not there takes nothing over, and tasks on instances that leave wait in
// the primary's cell, whichever group has them.
func TestPartnersThatAreGone(t *testing.T) {
	t.Parallel()
	p, f := couple()
	p.Fallback.Group, f.Primary.Group = nil, nil
	if got := ofGroup(t, p); got.Reason != history.LaunchBackoff {
		t.Errorf("without its fallback the primary has %d for %s", got.Desired, got.Reason)
	}
	if got := ofGroup(t, f.Informed(policy.Decide(noon, p))); got.Desired != 0 || got.Reason != history.AlreadyAtDesiredCapacity {
		t.Errorf("without its primary the fallback has %d for %s", got.Desired, got.Reason)
	}
	p, _ = couple()
	if p.Leaves() {
		t.Error("nothing leaves")
	}
	p.Fallback.Instances = []fleet.Instance{{ID: "i-9", Group: "standby", Active: true, Connected: true, Registered: shape()}}
	p.Fallback.Tasks = []fleet.Task{{ARN: "a/1", Instance: "i-9", Service: "checkout", Size: quarter(), Running: true}}
	p.Fallback.Doomed = []fleet.InstanceID{"i-9"}
	p.Services[0].Policy.Mode = spec.Observe
	p.Group.History.Capacity = nil
	p.Fleet.TasksRead = true
	if got := ofGroup(t, p); !p.Leaves() || got.Desired != 3 || got.Waiting != 1 {
		t.Errorf("a task on a doomed instance of the fallback: %d wait, %d instances (%s)", got.Waiting, got.Desired, got.Because)
	}
}

// Tasks that have no place yet get one on the fallback's instances on the way, so growth is
// not in vain; of the fallback a service's part keeps no more than tells that.
func TestServicesCountOnTheFallback(t *testing.T) {
	t.Parallel()
	p, _ := couple()
	p.Fleet.Services[0].Desired = 12 // four wait for a place
	p.Signals = p.Signals[:0]
	p.Signals = append(p.Signals, cpu("checkout", 8, repeat(400, 15)...))
	alone := one(t, p).Desired
	p.Fallback.Group.DesiredCapacity = 2
	p.Fallback.Instances = []fleet.Instance{}
	if with := one(t, p).Desired; alone != 4*8 || with != 4*(8+4) {
		t.Errorf("%d tasks with two instances of the fallback on the way, %d without", with, alone)
	}
	p.Fleet.Services[0].Provider = "m7g"
	if bound := one(t, p).Desired; bound != alone {
		t.Errorf("%d tasks of a capacity provider count on the fallback, want %d", bound, alone)
	}
	p.Fleet.Services[0].Provider = ""
	p.Fallback.Group.MaxSize, p.Fallback.Drains = 99, nil
	part := p.Only("checkout", policy.Decide(noon, p))
	want := &policy.Partner{Group: &fleet.Group{Name: "standby", DesiredCapacity: 2, Shape: new(shape())}}
	if diff := cmp.Diff(want, part.Fallback); diff != "" {
		t.Errorf("the part of the fallback (-want +got):\n%s", diff)
	}
}

// Daemons of the other group's cell take their part of the instances on the way, from the
// whole input and from the part of one service.
func TestDaemonsOfThePartnerInOnePart(t *testing.T) {
	t.Parallel()
	large := live("agent", fleet.EC2, 0)
	large.Daemon, large.TaskSize = true, fleet.Resources{CPU: 1536, Memory: 1024} // leaves room for one
	for _, tt := range []struct {
		name string
		edit func(*policy.Input)
		want int
	}{
		{"of the primary, on the way to a fallback", func(in *policy.Input) {
			in.Fleet.Group.DesiredCapacity = 3
			in.Primary = &policy.Partner{Group: &fleet.Group{Name: "spot"}, Services: []fleet.Service{large}}
		}, 4 * (8 + 1)},
		{"of the fallback, on the way to it", func(in *policy.Input) {
			p, _ := couple()
			in.Fallback = p.Fallback
			in.Fallback.Group.DesiredCapacity, in.Fallback.Services = 1, []fleet.Service{large}
		}, 4 * (8 + 1)},
	} {
		in := group(90)
		in.Fleet.Services[0].Desired = 12
		in.Signals = append(in.Signals[:0], cpu("checkout", 8, repeat(400, 15)...))
		tt.edit(&in)
		d := policy.Decide(noon, in)
		if got := d.Services[0].Desired; got != tt.want {
			t.Errorf("%s: %d tasks (%s), want %d", tt.name, got, d.Services[0].Because, tt.want)
		}
		part := policy.Decide(noon, in.Only("checkout", d))
		if diff := cmp.Diff(encode(t, d.Services[0]), encode(t, part.Services[0])); diff != "" {
			t.Errorf("%s: the part decides otherwise (-whole +part):\n%s", tt.name, diff)
		}
	}
}

// While services of the primary that land on both grow, nothing of the fallback goes.
func TestServicesOfThePrimaryGrow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider string
		ordered  int
		want     int
	}{{"", 9, 1}, {"", 8, 0}, {"m7g", 9, 0}} {
		_, f := couple()
		f.Primary.Services[0].Provider = tt.provider
		f.Primary.Ordered = map[fleet.ServiceName]int{"checkout": tt.ordered}
		in, ok := f.GroupInput(noon)
		if !ok || len(in.Growing) != tt.want {
			t.Errorf("%+v: growing %v", tt, in.Growing)
		}
	}
}
