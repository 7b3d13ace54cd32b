package plant_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// weighted is a group with instances of one and of four units by turns.
func weighted(desired int) plant.Group {
	return plant.Group{Desired: desired, Max: 100, Shapes: []plant.Shape{
		{Type: "large", Size: fleet.Resources{CPU: 2048, Memory: 4096}},
		{Type: "2xlarge", Size: fleet.Resources{CPU: 8192, Memory: 16384}, Weight: 4},
	}}
}

// Ten units are 1+4+1+4. An eleventh is one of 1, a twelfth one of 4 and so three too
// many. Going back to 11 ends the oldest that may go, one of 1, since to end one of 4
// would leave too few.
func TestWeights(t *testing.T) {
	t.Parallel()
	b := yard(t, weighted(10), plant.Options{})
	types := func() map[string]int {
		got := map[string]int{}
		for _, m := range b.group().Members {
			if m.State == "InService" {
				got[m.Type]++
			}
		}
		return got
	}
	for k, tc := range []struct {
		desired         int
		large, twolarge int
	}{{10, 2, 2}, {11, 3, 2}, {12, 3, 3}, {15, 3, 3}, {13, 1, 3}, {9, 1, 2}, {8, 0, 2}, {7, 0, 2}, {4, 0, 1}, {1, 0, 1}, {0, 0, 0}} {
		b.must(b.Resize("hosts", tc.desired))
		b.to(time.Duration(k+1) * 10 * time.Minute)
		want := map[string]int{}
		if tc.large > 0 {
			want["large"] = tc.large
		}
		if tc.twolarge > 0 {
			want["2xlarge"] = tc.twolarge
		}
		if d := cmp.Diff(want, types()); d != "" {
			t.Errorf("with %d units desired (-want +got):\n%s", tc.desired, d)
		}
	}
}

// To end an instance of four units by its id takes four from the desired capacity.
func TestWeightsOfTermination(t *testing.T) {
	t.Parallel()
	b := yard(t, weighted(10), plant.Options{})
	big := b.instances()[1]
	b.must(b.Exits().Terminate(t.Context(), "hosts", []fleet.InstanceID{big.ID}))
	if g := b.group(); big.Type != "2xlarge" || g.DesiredCapacity != 6 || len(g.Members) != 3 {
		t.Errorf("after the end of a %s %+v, want 6 of 3 instances", big.Type, g)
	}
	b.to(time.Minute)
}

// Of two instances in one zone the default policy ends the oldest, NewestInstance the
// newest, and both keep the zones even.
func TestTerminationPolicy(t *testing.T) {
	t.Parallel()
	for newest, want := range map[bool]int{false: 0, true: 2} {
		b := yard(t, plant.Group{Desired: 3, Zones: []string{"a", "b"}, NewestFirst: newest}, plant.Options{})
		before := b.instances() // in a, b, a
		b.must(b.Resize("hosts", 2))
		b.to(time.Minute)
		for _, i := range b.instances() {
			if i.ID == before[want].ID {
				t.Errorf("newest first is %t: instance %d stays", newest, want)
			}
		}
	}
}

// Capacity Rebalancing: the successor is launched at the warning, and the old instance
// goes once that is in service, 120 s later, with its tasks: ECS is not told. Beside it
// the group has one more than its maximum.
func TestCapacityRebalancing(t *testing.T) {
	t.Parallel()
	for _, rebalances := range []bool{false, true} {
		b := yard(t, plant.Group{Desired: 2, Max: 2, Rebalances: rebalances}, plant.Options{})
		b.onHosts(plant.Service{Desired: 8})
		id := b.doomed()
		b.must(b.Recommend(id))
		b.to(119 * time.Second)
		if n := len(b.group().Members); n != 2+one(rebalances) {
			t.Errorf("rebalances is %t: %d members before the successor is there", rebalances, n)
		}
		v := b.to(120 * time.Second)
		gone := b.group().Members[0].ID != id && b.group().Members[len(b.group().Members)-1].ID != id
		if gone != rebalances || v.Running != 8-4*one(rebalances) || len(b.group().Members) != 2 {
			t.Errorf("rebalances is %t: at 120 s %+v and %+v", rebalances, b.group().Members, v)
		}
		if v := b.to(3 * time.Minute); v.Running != 8 {
			t.Errorf("rebalances is %t: at 180 s %+v, want 8 running", rebalances, v)
		}
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Two at risk go one by one, each as its own successor comes, though something else
// happens in between.
func TestSuccessorsComeFirst(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 2, Rebalances: true}, plant.Options{})
	is := b.instances()
	b.must(b.Recommend(is[0].ID))
	b.to(time.Minute)
	b.must(b.Recommend(is[1].ID))
	b.must(b.Exits().Protect(t.Context(), "hosts", []fleet.InstanceID{is[1].ID}, false))
	for sec := 60; sec <= 180; sec++ {
		b.to(time.Duration(sec) * time.Second)
		if n := len(b.group().InService); n != 2 {
			t.Fatalf("after %d s %d are in service, want 2", sec, n)
		}
	}
	for _, m := range b.group().Members {
		if m.ID == is[0].ID || m.ID == is[1].ID {
			t.Errorf("%+v is still there", m)
		}
	}
}

// A recalled instance that is no longer needed goes at once, and its successor with it
// where that is not there yet.
func TestRecallIsOvertaken(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 3, Rebalances: true}, plant.Options{})
	id := b.doomed()
	b.must(b.Recommend(id))
	b.to(time.Minute)
	b.must(b.Resize("hosts", 2))
	b.to(time.Minute + time.Second)
	for _, m := range b.group().Members {
		if m.ID == id || m.State != "InService" {
			t.Errorf("%+v is left", m)
		}
	}
	id = b.doomed()
	b.must(b.Interrupt(id)) // which is a warning too, and ends it before its successor is there
	b.to(5 * time.Minute)
	if g := b.group(); len(g.InService) != 2 || len(g.Members) != 2 {
		t.Errorf("at the end %+v", g)
	}
	id = b.doomed()
	b.must(b.Recommend(id))
	b.must(b.Exits().Terminate(t.Context(), "hosts", []fleet.InstanceID{id}))
	if g := b.group(); len(g.Members) != 1 || g.DesiredCapacity != 1 {
		t.Errorf("after the end of one at risk %+v, want no successor", g)
	}
	b.to(6 * time.Minute)
}

// AZRebalance: an outage of zone a puts four instances into b. When a has capacity
// again one instance after another moves, the new one first, until the zones are even.
func TestZonesOfAGroup(t *testing.T) {
	t.Parallel()
	for _, balances := range []bool{false, true} {
		b := yard(t, plant.Group{Zones: []string{"a", "b"}, Balances: balances}, plant.Options{})
		b.must(b.FailLaunches("hosts", plant.Outage{Zone: "a", From: begin(), To: begin().Add(10 * time.Minute)}))
		b.must(b.Resize("hosts", 4))
		zones := func() map[string]int {
			got := map[string]int{}
			for _, i := range b.instances() {
				got[i.Zone]++
			}
			return got
		}
		b.to(9 * time.Minute)
		if d := cmp.Diff(map[string]int{"b": 4}, zones()); d != "" {
			t.Errorf("in the outage (-want +got):\n%s", d)
		}
		for k := range 11 * 60 {
			b.to(9*time.Minute + time.Duration(k)*time.Second)
			if n := len(b.group().InService); n < 4 {
				t.Fatalf("balances is %t: %d in service after %d s", balances, n, 540+k)
			}
		}
		want := map[string]int{"b": 4}
		if balances {
			want = map[string]int{"a": 2, "b": 2}
		}
		if d := cmp.Diff(want, zones()); d != "" {
			t.Errorf("ten minutes after it, balances is %t (-want +got):\n%s", balances, d)
		}
	}
}
