package capacity_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// anyFleet draws a group with tasks of up to 4 services of any rules on its instances,
// in any health, with any policy of removal.
func anyFleet(t *rapid.T) capacity.Input {
	in := running(make([]int, rapid.IntRange(1, 10).Draw(t, "instances"))...)
	in.Services = nil
	for s := range rapid.IntRange(1, 4).Draw(t, "services") {
		v := fleet.Service{
			Name: fleet.ServiceName(fmt.Sprintf("s%d", s)), Compute: fleet.EC2, Active: true, Daemon: rapid.IntRange(0, 7).Draw(t, "daemon") == 0,
			TaskSize: fleet.Resources{CPU: rapid.IntRange(1, 900).Draw(t, "cpu"), Memory: rapid.IntRange(1, 3000).Draw(t, "memory")},
		}
		if rapid.IntRange(0, 3).Draw(t, "distinct") == 0 {
			v.Rules.Constraints = []fleet.Constraint{{Type: fleet.DistinctInstance}}
		}
		if rapid.IntRange(0, 5).Draw(t, "port") == 0 {
			v.Rules.Ports = []fleet.Port{"8080/tcp"}
		}
		if rapid.IntRange(0, 5).Draw(t, "rollout") == 0 {
			v.Rollout = &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 100}
		}
		in.Services = append(in.Services, v)
	}
	for i := range in.Instances {
		v := &in.Instances[i]
		for s := range in.Services {
			svc := &in.Services[s]
			for range rapid.IntRange(0, 3).Draw(t, "tasks") {
				alone := len(svc.Rules.Constraints)+len(svc.Rules.Ports) > 0
				if !svc.TaskSize.Fits(v.Remaining) || alone && on(in.Tasks, v.ID, svc.Name) > 0 || len(svc.Rules.Ports) > 0 && slices.Contains(v.Ports, svc.Rules.Ports[0]) {
					break
				}
				v.Remaining, v.Tasks, v.Ports = v.Remaining.Minus(svc.TaskSize), v.Tasks+1, append(v.Ports, svc.Rules.Ports...)
				in.Tasks = append(in.Tasks, fleet.Task{
					ARN: fmt.Sprintf("arn/%d", len(in.Tasks)), Instance: v.ID, Service: svc.Name, Daemon: svc.Daemon, Size: svc.TaskSize, Ports: svc.Rules.Ports, Running: true,
					Guarded: rapid.IntRange(0, 9).Draw(t, "guarded") == 0,
				})
				svc.Desired, svc.Running = svc.Desired+1, svc.Running+1
			}
		}
		v.Connected = rapid.IntRange(0, 7).Draw(t, "connected") > 0
		in.Group.Members[i].Protected = rapid.IntRange(0, 7).Draw(t, "protected") == 0
		v.Zone = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")
	}
	in.Group.MinSize = rapid.IntRange(0, 3).Draw(t, "minSize")
	in.Policy.Headroom.LargestTask = rapid.IntRange(0, 1).Draw(t, "largest")
	if rapid.Bool().Draw(t, "share") {
		in.Policy.Headroom.CPU = new(spec.Percent(rapid.Float64Range(0, 1).Draw(t, "headroom")))
	}
	limit := spec.InstanceLimit{Instances: rapid.IntRange(1, 5).Draw(t, "budget"), Period: spec.Duration(15 * time.Minute)}
	in.Policy.ScaleIn.Budget, in.Policy.ScaleIn.EmptyBudget = []spec.InstanceLimit{limit}, []spec.InstanceLimit{limit}
	in.Policy.ScaleIn.MinSavings = new(0.0)
	in.Policy.ScaleIn.MaxDraining = rapid.IntRange(1, 4).Draw(t, "maxDraining")
	return in
}

func on(tasks []fleet.Task, id fleet.InstanceID, s fleet.ServiceName) int {
	n := 0
	for _, t := range tasks {
		if t.Instance == id && t.Service == s {
			n++
		}
	}
	return n
}

// What goes fits on what stays, with the headroom; nothing that must stay goes; and no
// limit is passed.
func TestRemovalsAreSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyFleet(t)
		got := capacity.Decide(in)
		p := in.Policy.In()
		if n := len(got.Drains); n > p.Budget[0].Instances || n > p.MaxDraining || n > 0 && in.Base-n < in.Group.MinSize {
			t.Fatalf("%d go: budget %d, at once %d, MinSize %d of %d", n, p.Budget[0].Instances, p.MaxDraining, in.Group.MinSize, in.Base)
		}
		gone := map[fleet.InstanceID]bool{}
		for _, d := range got.Drains {
			gone[d.Instance] = true
		}
		moving := map[fleet.ServiceName]int{}
		for _, x := range in.Tasks {
			if gone[x.Instance] && !x.Daemon {
				if x.Guarded {
					t.Fatalf("protected task %s on %s, which goes", x.ARN, x.Instance)
				}
				moving[x.Service]++
			}
		}
		var bins []placement.Bin
		for _, i := range in.Instances {
			m, _ := in.Group.Member(i.ID)
			if gone[i.ID] && (!i.Connected || m.Protected) {
				t.Fatalf("%+v goes: %+v", i, m)
			}
			if !gone[i.ID] && i.Connected {
				bins = append(bins, placement.Bin{Name: string(i.ID), Zone: i.Zone, Whole: i.Registered, Free: i.Remaining, Ports: i.Ports, Tasks: tasksOn(in, i.ID)})
			}
		}
		var items []placement.Item
		for _, s := range in.Services {
			if n := moving[s.Name]; n > 0 {
				if !s.Replaces() {
					t.Fatalf("%d tasks of %s move, which ECS cannot replace", n, s.Name)
				}
				items = append(items, placement.Item{Name: string(s.Name), Size: s.TaskSize, Rules: s.Rules, Count: n})
			}
		}
		_, rest, after := placement.Place(items, bins)
		if len(rest) > 0 && len(got.Drains) == 1 { // several together find their places one after another
			t.Fatalf("%+v of %v have no place on the others", rest, got.Drains)
		}
		checkHeadroom(t, in, got, after)
	})
}

func tasksOn(in capacity.Input, id fleet.InstanceID) map[string]int {
	out := map[string]int{}
	for _, x := range in.Tasks {
		if x.Instance == id {
			out[string(x.Service)]++
		}
	}
	return out
}

func checkHeadroom(t *rapid.T, in capacity.Input, got capacity.Result, after []placement.Bin) {
	cpu, _ := in.Policy.Headroom.Shares()
	if len(got.Drains) == 0 || cpu == 0 {
		return
	}
	used, free := 0, 0
	for _, b := range after {
		used, free = used+b.Whole.CPU-b.Free.CPU, free+b.Free.CPU
	}
	if want := int(math.Ceil(cpu*float64(used) - 1e-9)); free < want {
		t.Fatalf("%d CPU units are free after %v, the headroom is %d", free, got.Drains, want)
	}
}

// The moves that are told are the tasks of the instance, each to one that stays.
func TestMovesAreWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyFleet(t)
		got := capacity.Decide(in)
		for _, d := range got.Drains {
			moved := map[string]int{}
			for _, m := range d.Moves {
				moved[m.Item] += m.Count
				if slices.ContainsFunc(got.Drains, func(o capacity.Removal) bool { return string(o.Instance) == m.Bin }) {
					t.Fatalf("%+v moves to one that goes", m)
				}
			}
			for _, s := range in.Services {
				if want := on(in.Tasks, d.Instance, s.Name); !s.Daemon && moved[string(s.Name)] != want {
					t.Fatalf("%s: %d of %s move, it has %d", d.Instance, moved[string(s.Name)], s.Name, want)
				}
			}
			if (d.Cause == drain.Empty) != (len(d.Moves) == 0) {
				t.Fatalf("%+v", d)
			}
		}
	})
}

// Evaluated again while the drains are open, nothing more goes than the budget allows.
func TestRemovalsAreChargedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyFleet(t)
		all := 0
		for range 4 {
			got := capacity.Decide(in)
			for _, d := range got.Drains {
				in.Drains = append(in.Drains, drain.Row{Instance: d.Instance, Cause: d.Cause, State: drain.Candidate, Opened: in.Now})
			}
			if n := len(got.Drains); n > 0 {
				in.Memory = in.Memory.With(history.Order{At: in.Now, From: in.Base, To: in.Base - n}, nil)
				all += n
			}
			in.Memory.Capacity = &got.Memory
			in.Now = in.Now.Add(time.Minute)
		}
		if most := in.Policy.In().Budget[0].Instances; all > most {
			t.Fatalf("%d went within 4 minutes, the budget is %d in 15", all, most)
		}
	})
}

// The order of instances, tasks and services does not matter.
func TestOrderDoesNotMatterForRemovals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyFleet(t)
		turned := in
		turned.Instances = rapid.Permutation(in.Instances).Draw(t, "order of instances")
		turned.Tasks = rapid.Permutation(in.Tasks).Draw(t, "order of tasks")
		if diff := cmp.Diff(capacity.Decide(in), capacity.Decide(turned)); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}
