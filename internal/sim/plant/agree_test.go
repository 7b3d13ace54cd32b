package plant_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// drawSize gives what a task reserves: any of the four, small enough that several fit
// and large enough that instances fill up.
func drawSize(rt *rapid.T) fleet.Resources {
	return fleet.Resources{
		CPU: rapid.SampledFrom([]int{0, 256, 512, 1024}).Draw(rt, "cpu"), Memory: rapid.SampledFrom([]int{128, 512, 2000, 4096}).Draw(rt, "memory"),
		GPU: rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "gpu"), ENI: rapid.IntRange(0, 1).Draw(rt, "eni"),
	}
}

// drawRules gives what both schedulers know: ports, constraints, strategies.
func drawRules(rt *rapid.T) fleet.Rules {
	var r fleet.Rules
	if rapid.Bool().Draw(rt, "port") {
		r.Ports = []fleet.Port{rapid.SampledFrom([]fleet.Port{"80/tcp", "80/udp", "443/tcp"}).Draw(rt, "which")}
	}
	if rapid.IntRange(0, 2).Draw(rt, "distinct") == 0 {
		r.Constraints = append(r.Constraints, fleet.Constraint{Type: fleet.DistinctInstance})
	}
	for _, e := range rapid.SliceOfN(rapid.SampledFrom([]string{
		"attribute:ecs.availability-zone == a", "attribute:ecs.instance-type == large", "attribute:disk == fast", "attribute:none == x",
	}), 0, 1).Draw(rt, "memberOf") {
		r.Constraints = append(r.Constraints, fleet.Constraint{Type: fleet.MemberOf, Expression: e})
	}
	r.Strategies = rapid.SliceOfN(rapid.SampledFrom([]fleet.Strategy{
		{Type: fleet.Spread, Field: "attribute:ecs.availability-zone"},
		{Type: fleet.Spread, Field: "instanceId"},
		{Type: fleet.Binpack, Field: "cpu"},
		{Type: fleet.Binpack, Field: "memory"},
		{Type: fleet.Random},
	}), 0, 2).Draw(rt, "strategies")
	return r
}

// fill puts a few services and standalone tasks on two kinds of instances, some of
// which drain or have lost their agent.
func fill(rt *rapid.T, b *plant.Plant) {
	must := func(err error) {
		rt.Helper()
		if err != nil {
			rt.Fatal(err)
		}
	}
	must(b.AddGroup(plant.Group{
		Name: "hosts", Max: 6, Desired: rapid.IntRange(0, 6).Draw(rt, "instances"), Zones: []string{"a", "b"},
		Attributes: map[string]string{"disk": rapid.SampledFrom([]string{"fast", "slow"}).Draw(rt, "disk")},
		Shapes: []plant.Shape{
			{Type: "small", Size: fleet.Resources{CPU: 1024, Memory: 2048, ENI: 2}}, {Type: "large", Size: fleet.Resources{CPU: 4096, Memory: 8192, GPU: 1, ENI: 2}},
		},
	}))
	if rapid.Bool().Draw(rt, "daemon") {
		must(b.AddDaemon(plant.Daemon{Name: "logs", Size: fleet.Resources{CPU: 128, Memory: 128}, Ports: []fleet.Port{"443/tcp"}}))
	}
	for k := range rapid.IntRange(0, 3).Draw(rt, "services") {
		must(b.AddService(plant.Service{
			Name: fleet.ServiceName(fmt.Sprintf("s%d", k)), Compute: fleet.EC2, Group: "hosts", Load: constant(1), Capacity: 1,
			Desired: rapid.IntRange(0, 5).Draw(rt, "tasks"), Size: drawSize(rt), Rules: drawRules(rt), Start: sim.Fixed(time.Second),
		}))
	}
	is, err := b.Services().Instances(rt.Context(), "demo")
	must(err)
	if len(is) > 0 && rapid.Bool().Draw(rt, "drain") {
		must(b.Hosts().SetDraining(rt.Context(), "demo", is[:1], true))
	}
	must(b.Disconnect("hosts", rapid.SampledFrom([]float64{0, 0, 0.3}).Draw(rt, "agents")))
}

// bins are the instances that can take a task as the sums see them, from what the ports
// show alone.
func bins(rt *rapid.T, b *plant.Plant) []placement.Bin {
	is, err := b.Services().Instances(rt.Context(), "demo")
	if err != nil {
		rt.Fatal(err)
	}
	var out []placement.Bin
	for _, i := range is {
		if !i.Active || !i.Connected {
			continue
		}
		ts, err := b.Hosts().Tasks(rt.Context(), "demo", []fleet.Instance{i})
		if err != nil {
			rt.Fatal(err)
		}
		bin := placement.Bin{
			Name: string(i.ID), Kind: i.Type, Zone: i.Zone, Attributes: i.Attributes, Whole: i.Registered, Free: i.Registered,
			Ports: slices.Clone(i.Ports), Tasks: map[string]int{},
		}
		for _, t := range ts {
			bin.Free = bin.Free.Minus(t.Size)
			bin.Tasks[string(t.Service)]++
		}
		out = append(out, bin)
	}
	return out
}

// rank is what the first strategy ranks an instance by, the less the better; random
// ranks all alike.
func rank(r fleet.Rules, bins []placement.Bin, at int) int {
	first := fleet.Strategy{Type: fleet.Spread, Field: "attribute:ecs.availability-zone"}
	if len(r.Strategies) > 0 {
		first = r.Strategies[0]
	}
	n := 0
	for _, b := range bins {
		switch {
		case first.Type == fleet.Random:
		case first.Field == "cpu":
			return bins[at].Free.CPU
		case first.Field == "memory":
			return bins[at].Free.Memory
		case first.Field == "instanceId" && b.Name == bins[at].Name, first.Field != "instanceId" && b.Zone == bins[at].Zone:
			n += b.Tasks["next"]
		}
	}
	return n
}

// The plant's scheduler and core/placement were written apart. For any instances, tasks
// and rules they agree whether the next task has a place, whichever way that is, and
// both put it where the first strategy likes it equally.
func TestSchedulersAgree(t *testing.T) {
	t.Parallel()
	var placed, refused int
	rapid.Check(t, func(rt *rapid.T) {
		clock := sim.NewClock(begin())
		b, err := plant.New(clock, plant.Options{Seed: rapid.Uint64().Draw(rt, "seed")})
		if err != nil {
			rt.Fatal(err)
		}
		fill(rt, b)
		next := plant.Service{
			Name: "next", Compute: fleet.EC2, Group: "hosts", Load: constant(1), Capacity: 1, Size: drawSize(rt), Rules: drawRules(rt), Start: sim.Fixed(time.Second),
		}
		if err := b.AddService(next); err != nil {
			rt.Fatal(err)
		}
		for n := 1; n <= 4; n++ {
			before := bins(rt, b)
			item := placement.Item{Name: "next", Size: next.Size, Rules: next.Rules, Count: 1}
			theirs, rest, _ := placement.Place([]placement.Item{item}, before)
			if err := b.SetDesired("next", n); err != nil {
				rt.Fatal(err)
			}
			v := b.View("next")
			if has := v.Unplaced == 0; has != (len(rest) == 0) {
				rt.Fatalf("task %d of %+v %+v: the plant has a place is %t, the sums leave %+v of\n%+v", n, next.Size, next.Rules, has, rest, before)
			}
			if v.Unplaced > 0 {
				refused++
				return
			}
			placed++
			at := slices.IndexFunc(bins(rt, b), func(x placement.Bin) bool {
				k := slices.IndexFunc(before, func(y placement.Bin) bool { return x.Name == y.Name })
				return x.Tasks["next"] > before[k].Tasks["next"]
			})
			if _, rest, _ := placement.Place([]placement.Item{item}, before[at:at+1]); len(rest) > 0 {
				rt.Fatalf("task %d of %+v %+v is where the sums have no place: %+v", n, next.Size, next.Rules, before[at])
			}
			like := slices.IndexFunc(before, func(x placement.Bin) bool { return x.Name == theirs[0].Bin })
			if a, b := rank(next.Rules, before, at), rank(next.Rules, before, like); a != b {
				rt.Fatalf("task %d of %+v %+v: the plant puts it on %+v, the sums on %+v", n, next.Size, next.Rules, before[at], before[like])
			}
		}
	})
	if placed == 0 || refused == 0 {
		t.Errorf("%d placed and %d refused: the property says little", placed, refused)
	}
}
