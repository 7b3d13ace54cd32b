package capacity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// shape is what an instance of the group registers.
func shape() fleet.Resources { return fleet.Resources{CPU: 2048, Memory: 7680} }

func instance(id string, free fleet.Resources) fleet.Instance {
	return fleet.Instance{ID: fleet.InstanceID(id), Group: "m7g", Active: true, Connected: true, Registered: shape(), Remaining: free}
}

func full(id string) fleet.Instance { return instance(id, fleet.Resources{}) }

func tasks(name string, cpu, memory, count int) placement.Item {
	return placement.Item{Name: name, Size: fleet.Resources{CPU: cpu, Memory: memory}, Count: count}
}

// input is a group of 2 full instances, at most 10.
func input(waiting ...placement.Item) capacity.Input {
	return capacity.Input{
		Now:   noon,
		Group: fleet.Group{Name: "m7g", MinSize: 1, MaxSize: 10, DesiredCapacity: 2}, Base: 2,
		Instances: []fleet.Instance{full("i-1"), full("i-2")}, Waiting: waiting,
	}
}

func TestDecideByRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		in      func() capacity.Input
		want    int
		reason  string
		because string // part of it
	}{
		{"no task waits", func() capacity.Input { return input() }, 2, history.AlreadyAtDesiredCapacity, "no task waits on 2 instances and 0 on the way"},
		{"the waiting task fits", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances[1].Remaining = fleet.Resources{CPU: 512, Memory: 512}
			return in
		}, 2, history.AlreadyAtDesiredCapacity, "the waiting task fits on 2 instances and 0 on the way"},
		{"all waiting tasks fit, on several instances", func() capacity.Input {
			in := input(tasks("a", 512, 512, 3))
			in.Instances[0].Remaining = fleet.Resources{CPU: 1024, Memory: 1024}
			in.Instances[1].Remaining = fleet.Resources{CPU: 512, Memory: 512}
			return in
		}, 2, history.AlreadyAtDesiredCapacity, "all 3 waiting tasks fit"},
		{
			"a task that does not fit raises by one", func() capacity.Input { return input(tasks("a", 512, 512, 1)) }, 3, history.TasksWaiting,
			"tasks that fit nowhere need 1 instance more (1 of a: no instance has 512 CPU units and 512 MiB free)",
		},
		{"four fill an instance by CPU", func() capacity.Input { return input(tasks("a", 512, 512, 4)) }, 3, history.TasksWaiting, "1 instance more"},
		{"five need two", func() capacity.Input { return input(tasks("a", 512, 512, 5)) }, 4, history.TasksWaiting, "2 instances more"},
		{"bound by memory", func() capacity.Input { return input(tasks("a", 1, 7680, 3)) }, 5, history.TasksWaiting, "3 instances more"},
		{"only what does not fit raises", func() capacity.Input {
			in := input(tasks("a", 512, 512, 5))
			in.Instances[1].Remaining = shape()
			return in
		}, 3, history.TasksWaiting, "1 of a: every instance with room is filled"},
		{
			"services share the new instance", func() capacity.Input { return input(tasks("a", 1024, 1024, 1), tasks("b", 1024, 1024, 1)) }, 3, history.TasksWaiting,
			"(1 of a: no instance has 1024 CPU units and 1024 MiB free; 1 of b: no instance has 1024 CPU units and 1024 MiB free)",
		},

		{"an instance on the way counts", func() capacity.Input {
			in := input(tasks("a", 512, 512, 4))
			in.Base = 3
			return in
		}, 3, history.AlreadyAtDesiredCapacity, "all 4 waiting tasks fit on 2 instances and 1 on the way"},
		{"an instance on the way is filled before more are started", func() capacity.Input {
			in := input(tasks("a", 512, 512, 5))
			in.Base = 3
			return in
		}, 4, history.TasksWaiting, "1 of a: every instance with room is filled"},
		{"more instances than the desired capacity: none is on the way", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Base = 1
			return in
		}, 2, history.TasksWaiting, "1 instance more"},

		{"more instances than the desired capacity, and the task fits", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances[0].Remaining, in.Base = shape(), 1
			return in
		}, 1, history.AlreadyAtMinCapacity, "the group's MinSize is 1"},

		{"an instance whose agent is not connected has no room", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances[1].Remaining, in.Instances[1].Connected = shape(), false
			return in
		}, 3, history.TasksWaiting, "1 instance more"},
		{"a draining instance has no room", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances[1].Remaining, in.Instances[1].Active, in.Instances[1].Draining = shape(), false, true
			return in
		}, 3, history.TasksWaiting, "1 instance more"},
		{"nor is another on the way in its place", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances = []fleet.Instance{instance("i-1", shape())}
			in.Instances[0].Connected, in.Base = false, 1
			return in
		}, 2, history.TasksWaiting, "1 of a: there is no instance"},

		{"no shape is known and nothing is on the way: start one", func() capacity.Input {
			in := input(tasks("a", 512, 512, 90))
			in.Instances, in.Base = nil, 0
			return in
		}, 1, history.ShapeUnknown, "90 tasks without a place and the group has no instance to learn the shape from: start one"},
		{"no shape is known and some are on the way: wait for it", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances = nil
			return in
		}, 2, history.ShapeUnknown, "1 task without a place; 2 instances on the way will show the shape"},
		{"no shape is known and no task waits", func() capacity.Input {
			in := input()
			in.Instances = nil
			return in
		}, 2, history.AlreadyAtDesiredCapacity, "no task waits on 0 instances and 2 on the way"},

		{
			"too large for the shape: raising would not help", func() capacity.Input { return input(tasks("a", 2049, 1, 3)) }, 2, history.TaskTooLarge,
			"a task of a needs 2049 CPU units and 1 MiB, an empty instance offers 2048 CPU units and 7680 MiB",
		},
		{"too large for the shape, but an instance has room", func() capacity.Input {
			in := input(tasks("a", 4096, 1, 1))
			in.Instances = append(in.Instances, instance("i-3", fleet.Resources{CPU: 4096, Memory: 1024}))
			in.Base = 3
			return in
		}, 3, history.AlreadyAtDesiredCapacity, "the waiting task fits on 3 instances"},
		{"one too large, the others raise", func() capacity.Input { return input(tasks("a", 1, 7681, 1), tasks("b", 2048, 1, 2)) }, 4, history.TasksWaiting, "2 instances more"},

		{"daemons leave less of a new instance", func() capacity.Input {
			in := input(tasks("a", 512, 512, 4))
			in.Daemons = fleet.Resources{CPU: 1, Memory: 256}
			return in
		}, 4, history.TasksWaiting, "2 instances more"},
		{"daemons leave less of an instance on the way", func() capacity.Input {
			in := input(tasks("a", 512, 512, 4))
			in.Base, in.Daemons = 3, fleet.Resources{CPU: 1, Memory: 256}
			return in
		}, 4, history.TasksWaiting, "1 instance more"},
		{"a task that does not fit beside the daemons raises nothing", func() capacity.Input {
			in := input(tasks("a", 2048, 512, 1))
			in.Daemons = fleet.Resources{CPU: 1, Memory: 256}
			return in
		}, 2, history.TaskTooLarge, "an empty instance offers 2047 CPU units and 7424 MiB"},
		{"what daemons took of a standing instance is not taken twice", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances[0].Remaining, in.Daemons = fleet.Resources{CPU: 512, Memory: 512}, fleet.Resources{CPU: 1, Memory: 256}
			return in
		}, 2, history.AlreadyAtDesiredCapacity, "the waiting task fits"},

		{"Launch is suspended", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Group.SuspendedLaunch = true
			return in
		}, 2, history.LaunchSuspended, "the group's Launch process is suspended: resume it, raising the group would start nothing"},
		{"Launch is suspended and nothing waits", func() capacity.Input {
			in := input()
			in.Group.SuspendedLaunch = true
			return in
		}, 2, history.AlreadyAtDesiredCapacity, "no task waits"},
		{"Launch is suspended above MaxSize", func() capacity.Input {
			in := input(tasks("a", 512, 512, 99))
			in.Group.SuspendedLaunch = true
			return in
		}, 2, history.LaunchSuspended, "Launch process is suspended"},

		{"up to MaxSize", func() capacity.Input { return input(tasks("a", 512, 512, 32)) }, 10, history.TasksWaiting, "8 instances more"},
		{"MaxSize caps", func() capacity.Input { return input(tasks("a", 512, 512, 33)) }, 10, history.MaxCapacity, "the group's MaxSize is 10"},
		{"at MaxSize", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Group.MaxSize = 2
			return in
		}, 2, history.AlreadyAtMaxCapacity, "the group's MaxSize is 2"},
		{"above MaxSize nothing is lowered", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Group.MaxSize = 1
			return in
		}, 2, history.AlreadyAtMaxCapacity, "the group's MaxSize is 1"},
		{"MaxSize caps the first instance too", func() capacity.Input {
			in := input(tasks("a", 512, 512, 1))
			in.Instances, in.Base, in.Group.MaxSize = nil, 0, 0
			return in
		}, 0, history.AlreadyAtMaxCapacity, "the group's MaxSize is 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := tt.in()
			got := capacity.Decide(in)
			if got.Desired != tt.want || got.Reason != tt.reason || !strings.Contains(got.Because, tt.because) {
				t.Errorf("got %d for %s (%s)\nwant %d for %s (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason, tt.because)
			}
			if got.Base != in.Base || got.Live != in.Group.DesiredCapacity || got.Direction != history.Toward(in.Base, tt.want) {
				t.Errorf("base %d, live %d, direction %s", got.Base, got.Live, got.Direction)
			}
		})
	}
}

func TestDecideCountsWaitingAndUnplaced(t *testing.T) {
	t.Parallel()
	in := input(tasks("a", 512, 512, 3), tasks("b", 256, 256, 4))
	in.Instances[0].Remaining = fleet.Resources{CPU: 1024, Memory: 1024}
	got := capacity.Decide(in)
	if got.Waiting != 7 || got.Unplaced != 5 {
		t.Errorf("waiting %d, unplaced %d, want 7 and 5 (2 of a fit)", got.Waiting, got.Unplaced)
	}
	want := []history.Clause{{
		Rule: history.TasksWaiting, Before: 2, After: 3, Binding: true,
		Because: "tasks that fit nowhere need 1 instance more (1 of a: every instance with room is filled by the tasks before it; " +
			"4 of b: every instance with room is filled by the tasks before it)",
	}}
	if diff := cmp.Diff(want, got.Clauses); diff != "" {
		t.Errorf("clauses (-want +got):\n%s", diff)
	}
}

// What an instance on the way will offer is what most of the group's instances
// registered; of equally many the smaller.
func TestUsualShape(t *testing.T) {
	t.Parallel()
	of := func(cpu, memory int) fleet.Instance {
		i := full(fmt.Sprintf("i-%d-%d", cpu, memory))
		i.Registered = fleet.Resources{CPU: cpu, Memory: memory}
		return i
	}
	tests := []struct {
		name      string
		instances []fleet.Instance
		want      int // instances for 8 tasks of 1024 CPU units and 1024 MiB
	}{
		{"most are large", []fleet.Instance{of(4096, 8192), of(4096, 8192), of(1024, 1024)}, 2},
		{"most are small", []fleet.Instance{of(1024, 1024), of(4096, 8192), of(1024, 1024)}, 8},
		{"as many: the smaller CPU", []fleet.Instance{of(4096, 8192), of(2048, 16384)}, 4},
		{"as many: the smaller memory", []fleet.Instance{of(4096, 8192), of(4096, 2048)}, 4},
		{"as many, in the other order", []fleet.Instance{of(4096, 2048), of(4096, 8192)}, 4},
	}
	for _, tt := range tests {
		in := input(tasks("a", 1024, 1024, 8))
		in.Instances, in.Base, in.Group.MaxSize = tt.instances, len(tt.instances), 100
		if got := capacity.Decide(in).Desired - in.Base; got != tt.want {
			t.Errorf("%s: raised by %d, want %d", tt.name, got, tt.want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	in := input()
	for i := range 50 {
		in.Waiting = append(in.Waiting, tasks(fmt.Sprintf("s%02d", i), 128+64*(i%7), 256+128*(i%11), 200))
	}
	in.Instances = nil
	for i := range 1000 {
		in.Instances = append(in.Instances, instance(fmt.Sprintf("i-%04d", i), fleet.Resources{CPU: 2 * i % 2048, Memory: 7 * i % 7680}))
	}
	in.Base, in.Group.MaxSize = 1000, 5000
	b.ReportAllocs()
	for b.Loop() {
		capacity.Decide(in)
	}
}
