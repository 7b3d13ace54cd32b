package placement_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// law is a memberOf expression with its meaning written out: what it says of a bin
// with such other tasks.
type law struct {
	expression string
	holds      func(b placement.Bin, others map[string]int) bool
}

func total(tasks map[string]int) int {
	n := 0
	for _, k := range tasks {
		n += k
	}
	return n
}

func laws() []law {
	return []law{
		{"attribute:ecs.availability-zone == z1", func(b placement.Bin, _ map[string]int) bool { return b.Zone == "z1" }},
		{"attribute:ecs.instance-type in [m5, c5] and attribute:rack != 2", func(b placement.Bin, _ map[string]int) bool {
			return (b.Kind == "m5" || b.Kind == "c5") && b.Attributes["rack"] != "2"
		}},
		{"attribute:rack exists or attribute:ecs.instance-type =~ m.*", func(b placement.Bin, _ map[string]int) bool {
			return b.Attributes["rack"] != "" || strings.HasPrefix(b.Kind, "m")
		}},
		{"attribute:gpu == yes", func(placement.Bin, map[string]int) bool { return false }},
		{"not(task:group == service:a)", func(_ placement.Bin, others map[string]int) bool { return others["a"] == 0 }},
		{"task:group == service:b", func(_ placement.Bin, others map[string]int) bool { return others["b"] > 0 }},
		{"runningTasksCount < 2", func(_ placement.Bin, others map[string]int) bool { return total(others) < 2 }},
	}
}

// cluster is a small random cluster with its laws by item.
type cluster struct {
	items  []placement.Item
	laws   [][]law
	bins   []placement.Bin
	shapes []placement.Shape
}

func anyResources(t *rapid.T, most int, label string) fleet.Resources {
	n := func(of string, most int) int { return rapid.IntRange(0, most).Draw(t, label+" "+of) }
	return fleet.Resources{CPU: n("cpu", most), Memory: n("memory", most), GPU: n("gpu", 1), ENI: n("eni", 2)}
}

func anyBin(t *rapid.T, label string) placement.Bin {
	b := placement.Bin{
		Kind: rapid.SampledFrom([]string{"m5", "c5", "t3"}).Draw(t, label+" kind"), Zone: rapid.SampledFrom([]string{"z1", "z2"}).Draw(t, label+" zone"),
		Free: anyResources(t, 10, label), Attributes: map[string]string{},
	}
	b.Free.CPU, b.Free.Memory, b.Free.ENI = b.Free.CPU+2, b.Free.Memory+2, b.Free.ENI+2
	if rapid.Bool().Draw(t, label+" has a rack") {
		b.Attributes["rack"] = rapid.SampledFrom([]string{"1", "2"}).Draw(t, label+" rack")
	}
	b.Whole = b.Free
	return b
}

// anyCluster is at most 8 tasks of 3 services, and at most 4 instances, standing and new.
func anyCluster(t *rapid.T) cluster {
	var c cluster
	for i := range rapid.IntRange(1, 3).Draw(t, "services") {
		label := fmt.Sprintf("item %d", i)
		it := placement.Item{Name: string(rune('a' + i)), Size: anyResources(t, 5, label), Count: rapid.IntRange(1, []int{4, 2, 2}[i]).Draw(t, label+" count")}
		it.Size.CPU++ // a task of nothing is for the tables
		if rapid.IntRange(0, 2).Draw(t, label+" binds a port") == 0 {
			it.Rules.Ports = []fleet.Port{rapid.SampledFrom([]fleet.Port{"80/tcp", "81/tcp"}).Draw(t, label+" port")}
		}
		if rapid.IntRange(0, 3).Draw(t, label+" is distinct") == 0 {
			distinct(&it.Rules)
		}
		var mine []law
		for range rapid.IntRange(0, 1).Draw(t, label+" laws") {
			l := rapid.SampledFrom(laws()).Draw(t, label+" law")
			mine = append(mine, l)
			member(l.expression)(&it.Rules)
		}
		c.items, c.laws = append(c.items, it), append(c.laws, mine)
	}
	left := 4
	for i := range rapid.IntRange(0, 2).Draw(t, "bins") {
		b := anyBin(t, fmt.Sprintf("bin %d", i))
		b.Name = fmt.Sprintf("i-%d", i)
		b.Tasks = map[string]int{}
		if rapid.IntRange(0, 2).Draw(t, b.Name+" has a task") == 0 {
			b.Tasks[rapid.SampledFrom([]string{"a", "b", "x"}).Draw(t, b.Name+" task")] = 1
		}
		if rapid.IntRange(0, 2).Draw(t, b.Name+" has a port taken") == 0 {
			b.Ports = []fleet.Port{"80/tcp"}
		}
		c.bins = append(c.bins, b)
		left--
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "shapes") {
		s := placement.Shape{Bin: anyBin(t, fmt.Sprintf("shape %d", i)), Limit: rapid.IntRange(0, 2).Draw(t, "limit")}
		s.Name = fmt.Sprintf("new-%d", i)
		s.Limit = min(s.Limit, left)
		left -= s.Limit
		c.shapes = append(c.shapes, s)
	}
	return c
}

// brute tries everything: the fewest tasks that are left, and then the fewest new bins.
type brute struct {
	cluster
	bins []placement.Bin // standing, then all that may be started
	on   [][]int         // bin, item
	left []int
	seen map[string]bool
	best [2]int
}

func (c cluster) optimum() (left, opened int) {
	b := &brute{cluster: c, seen: map[string]bool{}, best: [2]int{1 << 30, 0}}
	b.bins = append(b.bins, c.bins...)
	for _, s := range c.shapes {
		for range s.Limit {
			b.bins = append(b.bins, s.Bin)
		}
	}
	for range b.bins {
		b.on = append(b.on, make([]int, len(c.items)))
	}
	for _, it := range c.items {
		b.left = append(b.left, it.Count)
	}
	b.walk()
	return b.best[0], b.best[1]
}

func (b *brute) walk() {
	key := fmt.Sprint(b.on)
	if b.seen[key] {
		return
	}
	b.seen[key] = true
	now := [2]int{}
	for _, n := range b.left {
		now[0] += n
	}
	for _, on := range b.on[len(b.cluster.bins):] {
		if slices.Max(on) > 0 {
			now[1]++
		}
	}
	if slices.Compare(now[:], b.best[:]) < 0 {
		b.best = now
	}
	for i := range b.items {
		for at := range b.bins {
			if b.left[i] > 0 {
				b.on[at][i]++
				b.left[i]--
				if b.valid(at, i) {
					b.walk()
				}
				b.on[at][i]--
				b.left[i]++
			}
		}
	}
}

// valid tells whether a bin is as it may be once a task of the item joined.
func (b *brute) valid(at, joined int) bool {
	bin, on := b.bins[at], b.on[at]
	tasks := map[string]int{}
	for name, n := range bin.Tasks {
		tasks[name] += n
	}
	taken := map[fleet.Port]int{}
	for _, p := range bin.Ports {
		taken[p]++
	}
	var used fleet.Resources
	for i, n := range on {
		used = used.Plus(b.items[i].Size.Times(n))
		tasks[b.items[i].Name] += n
		for _, p := range b.items[i].Rules.Ports {
			taken[p] += n
		}
	}
	for _, n := range taken {
		if n > 1 {
			return false
		}
	}
	if !used.Fits(bin.Free) {
		return false
	}
	for i, n := range on {
		name := b.items[i].Name
		if n == 0 {
			continue
		}
		if len(b.items[i].Rules.Constraints) > 0 && b.items[i].Rules.Constraints[0].Type == fleet.DistinctInstance && tasks[name] > 1 {
			return false
		}
		tasks[name]--
		for _, l := range b.laws[i] {
			if !l.holds(bin, tasks) {
				return false
			}
		}
		tasks[name]++
	}
	_ = joined
	return true
}

// On small clusters with every kind of rule Pack leaves as few tasks and starts as few
// instances as trying everything does, and says that this is proved.
func TestPackIsExactOnSmallClusters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyCluster(t)
		plan := placement.Pack(c.items, c.bins, c.shapes)
		left, opened := 0, 0
		for _, r := range plan.Rest {
			left += r.Count
		}
		for _, n := range plan.New {
			opened += n
		}
		wantLeft, wantOpened := c.optimum()
		if left != wantLeft || opened != wantOpened {
			t.Fatalf("%d tasks left and %d new bins by %s, the optimum is %d and %d: %+v", left, opened, plan.By, wantLeft, wantOpened, plan)
		}
		if plan.Bound > opened || left == 0 && !plan.Proved {
			t.Fatalf("the bound of %d is not the optimum of %d, proved %v", plan.Bound, opened, plan.Proved)
		}
	})
}
