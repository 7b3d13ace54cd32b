package placement_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// anyFleet is a cluster of some size with every kind of rule.
func anyFleet(t *rapid.T) cluster {
	c := anyCluster(t)
	for i := range c.items {
		c.items[i].Count *= rapid.IntRange(1, 4).Draw(t, "times")
	}
	for _, s := range c.shapes {
		for k := range rapid.IntRange(0, 5).Draw(t, "more bins") {
			b := s.Bin
			b.Name = "more-" + b.Name + string(rune('a'+k))
			c.bins = append(c.bins, b)
		}
	}
	for i := range c.shapes {
		c.shapes[i].Limit = rapid.IntRange(-1, 4).Draw(t, "limit")
	}
	return c
}

// broken checks what is on a bin against the rules of the items; company, which depends
// on the order, is checked where inOrder is false: each beside all others.
func (c cluster) broken(b placement.Bin, on map[string]int, inOrder bool) string {
	taken := map[fleet.Port]int{}
	for _, p := range b.Ports {
		taken[p]++
	}
	tasks := map[string]int{}
	for name, n := range b.Tasks {
		tasks[name] += n
	}
	var used fleet.Resources
	for _, it := range c.items {
		used = used.Plus(it.Size.Times(on[it.Name]))
		tasks[it.Name] += on[it.Name]
		for _, p := range it.Rules.Ports {
			taken[p] += on[it.Name]
		}
	}
	if !used.Fits(b.Free) {
		return "over its room"
	}
	for p, n := range taken {
		if n > 1 {
			return "port " + string(p) + " twice"
		}
	}
	for i, it := range c.items {
		if on[it.Name] == 0 {
			continue
		}
		for _, rule := range it.Rules.Constraints {
			if rule.Type == fleet.DistinctInstance && tasks[it.Name] > 1 {
				return it.Name + " is not alone"
			}
		}
		tasks[it.Name]--
		for _, l := range c.laws[i] {
			company := strings.Contains(l.expression, "task:group") || strings.Contains(l.expression, "runningTasksCount")
			if (!company || !inOrder) && !l.holds(b, tasks) {
				return it.Name + " against " + l.expression
			}
		}
		tasks[it.Name]++
	}
	return ""
}

// conserved checks that what is placed and what is left is all there was.
func (c cluster) conserved(t *rapid.T, placed []placement.Placed, rest []placement.Rest) {
	t.Helper()
	count := map[string]int{}
	for _, p := range placed {
		if p.Count < 1 {
			t.Fatalf("placed nothing: %+v", p)
		}
		count[p.Item] += p.Count
	}
	for _, r := range rest {
		if r.Count < 1 || r.Because == "" || len(r.Kinds) == 0 && len(c.bins)+len(c.shapes) > 0 && r.Because != "there is no instance" {
			t.Fatalf("left without a reason: %+v", r)
		}
		count[r.Name] += r.Count
	}
	for _, it := range c.items {
		if count[it.Name] != it.Count {
			t.Fatalf("of %s there were %d and are %d", it.Name, it.Count, count[it.Name])
		}
	}
}

func TestPlaceKeepsTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyFleet(t)
		placed, rest, after := placement.Place(c.items, c.bins)
		c.conserved(t, placed, rest)
		for i, b := range c.bins {
			on := map[string]int{}
			var used fleet.Resources
			for _, p := range placed {
				if p.Bin == b.Name {
					on[p.Item] += p.Count
				}
			}
			for _, it := range c.items {
				used = used.Plus(it.Size.Times(on[it.Name]))
			}
			if why := c.broken(b, on, true); why != "" {
				t.Fatalf("%s: %s: %v", b.Name, why, placed)
			}
			if after[i].Name != b.Name || after[i].Free != b.Free.Minus(used) {
				t.Fatalf("after: %+v, was %+v with %v placed", after[i], b, on)
			}
		}
		// Nothing more fits: whoever is left finds no place in what is left.
		for _, r := range rest {
			it := r.Item
			it.Count = 1
			if again, _, _ := placement.Place([]placement.Item{it}, after); len(again) > 0 {
				t.Fatalf("%s is left and fits: %v", r.Name, again)
			}
		}
	})
}

func TestPackKeepsTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyFleet(t)
		plan := placement.Pack(c.items, c.bins, c.shapes)
		c.conserved(t, plan.Placed, plan.Rest)
		on := map[string]map[string]int{}
		for _, p := range plan.Placed {
			if on[p.Bin] == nil {
				on[p.Bin] = map[string]int{}
			}
			on[p.Bin][p.Item] += p.Count
		}
		bins := slices.Clone(c.bins)
		opened := 0
		for j, s := range c.shapes {
			if s.Limit >= 0 && plan.New[j] > s.Limit {
				t.Fatalf("%d of shape %d, the limit is %d", plan.New[j], j, s.Limit)
			}
			opened += plan.New[j]
			for n := range plan.New[j] {
				b := s.Bin
				b.Name = placement.NewName(s, n+1)
				if on[b.Name] == nil {
					t.Fatalf("%s is started for nothing", b.Name)
				}
				bins = append(bins, b)
			}
		}
		for _, b := range bins {
			if why := c.broken(b, on[b.Name], false); why != "" {
				t.Fatalf("%s: %s: %v", b.Name, why, plan)
			}
			delete(on, b.Name)
		}
		if len(on) > 0 || plan.Bound > opened {
			t.Fatalf("on no bin: %v; bound %d of %d", on, plan.Bound, opened)
		}
	})
}

func TestOrderOfTheInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyFleet(t)
		items, bins := rapid.Permutation(c.items).Draw(t, "items"), rapid.Permutation(c.bins).Draw(t, "bins")
		placed, rest, _ := placement.Place(c.items, c.bins)
		placed2, rest2, _ := placement.Place(items, bins)
		if diff := cmp.Diff(placed, placed2) + cmp.Diff(rest, rest2); diff != "" {
			t.Fatalf("Place (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(placement.Pack(c.items, c.bins, c.shapes), placement.Pack(items, bins, c.shapes)); diff != "" {
			t.Fatalf("Pack (-first +second):\n%s", diff)
		}
		turned := slices.Clone(c.shapes)
		slices.Reverse(turned)
		one, two := placement.Pack(c.items, c.bins, c.shapes), placement.Pack(c.items, c.bins, turned)
		slices.Reverse(two.New)
		if diff := cmp.Diff(one, two); diff != "" {
			t.Fatalf("Pack with the shapes turned (-first +second):\n%s", diff)
		}
	})
}

// One more task of a lone service never needs fewer bins, and never more than one more.
func TestPlansOfOneServiceGrowWithIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := item("a", rapid.IntRange(0, 20).Draw(t, "cpu"), rapid.IntRange(1, 20).Draw(t, "memory"), rapid.IntRange(0, 50).Draw(t, "count"))
		n := placement.Pack([]placement.Item{it}, nil, []placement.Shape{shape(20, 20)}).New[0]
		it.Count++
		if m := placement.Pack([]placement.Item{it}, nil, []placement.Shape{shape(20, 20)}).New[0]; m < n || m > n+1 {
			t.Fatalf("%d bins for %d tasks, %d for one more", n, it.Count-1, m)
		}
	})
}

// An instance that a plan asked for is what the next plan finds enough: with as many on
// the way as the first plan starts, nothing is left.
func TestAPlanIsEnoughForItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var items []placement.Item
		for i := range rapid.IntRange(1, 12).Draw(t, "services") {
			items = append(items, item(string(rune('a'+i)), rapid.IntRange(1, 2048).Draw(t, "cpu"), rapid.IntRange(1, 8000).Draw(t, "memory"), rapid.IntRange(1, 40).Draw(t, "count")))
		}
		s := shape(4096, 15000)
		first := placement.Pack(items, nil, []placement.Shape{s})
		s.Limit = first.New[0]
		if second := placement.Pack(items, nil, []placement.Shape{s}); len(second.Rest) > 0 || second.New[0] != first.New[0] {
			t.Fatalf("%d bins, then %d with %v left", first.New[0], second.New[0], second.Rest)
		}
	})
}
