// Package placement gives a packing of tasks on instances by CPU and memory,
// and says of every task that did not fit why not.
package placement

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Item is a number of equal tasks that need a place.
type Item struct {
	Name  string // the service
	Size  fleet.Resources
	Count int
}

// Bin is free room: an instance, or one on the way.
type Bin struct {
	Name string
	Free fleet.Resources
}

// Rest is what did not fit.
type Rest struct {
	Item
	Because string
}

// Pack places the items on the bins, largest task first, each on the first bin
// with room (first-fit decreasing). The bins are not changed. Order of the
// input does not matter: items and bins are sorted by size, then name.
func Pack(items []Item, bins []Bin) []Rest {
	free := slices.Clone(bins)
	// The fullest bin that still has room first, so that empty ones stay empty.
	slices.SortStableFunc(free, func(a, b Bin) int {
		return cmp.Or(cmp.Compare(a.Free.CPU, b.Free.CPU), cmp.Compare(a.Free.Memory, b.Free.Memory), cmp.Compare(a.Name, b.Name))
	})
	var rest []Rest
	for _, it := range decreasing(items) {
		left := it.Count
		for i := range free {
			if left == 0 {
				break
			}
			n := min(left, capacityOf(free[i].Free, it.Size))
			free[i].Free = free[i].Free.Minus(times(it.Size, n))
			left -= n
		}
		if left > 0 {
			rest = append(rest, Rest{Item: Item{Name: it.Name, Size: it.Size, Count: left}, Because: whyNot(it.Size, bins)})
		}
	}
	return rest
}

// Bins gives how many new bins of one shape hold the items, and the items
// whose single task is larger than the shape. It is first-fit decreasing too:
// in one dimension never more than 11/9 of the optimum plus one.
func Bins(items []Item, shape fleet.Resources) (n int, tooLarge []Rest) {
	var open []fleet.Resources
	for _, it := range decreasing(items) {
		per := capacityOf(shape, it.Size)
		if per == 0 {
			tooLarge = append(tooLarge, Rest{Item: it, Because: fmt.Sprintf("a task of %s needs %s, an empty instance offers %s", it.Name, words(it.Size), words(shape))})
			continue
		}
		left := it.Count
		for i := range open {
			k := min(left, capacityOf(open[i], it.Size))
			open[i] = open[i].Minus(times(it.Size, k))
			left -= k
		}
		// The open bins are full for this size now, so only new ones are filled.
		for ; left > 0; left -= per {
			open = append(open, shape.Minus(times(it.Size, min(left, per))))
		}
	}
	return len(open), tooLarge
}

// maxPerBin bounds the tasks of one shape on one bin, where a task that reserves
// nothing at all would fit without end.
const maxPerBin = 1000

func capacityOf(free, size fleet.Resources) int {
	n := maxPerBin
	if size.CPU > 0 {
		n = min(n, free.CPU/size.CPU)
	}
	if size.Memory > 0 {
		n = min(n, free.Memory/size.Memory)
	}
	return max(n, 0)
}

func times(r fleet.Resources, n int) fleet.Resources {
	return fleet.Resources{CPU: r.CPU * n, Memory: r.Memory * n}
}

// decreasing sorts by the larger of CPU and memory, each relative to 1 vCPU
// and 4 GiB (the usual ratio of a general instance), then by the rest.
func decreasing(items []Item) []Item {
	out := slices.Clone(items)
	weight := func(r fleet.Resources) int { return max(r.CPU*4, r.Memory) }
	slices.SortStableFunc(out, func(a, b Item) int {
		return cmp.Or(cmp.Compare(weight(b.Size), weight(a.Size)), cmp.Compare(b.Size.CPU, a.Size.CPU), cmp.Compare(b.Size.Memory, a.Size.Memory),
			cmp.Compare(a.Name, b.Name), cmp.Compare(b.Count, a.Count))
	})
	return out
}

// whyNot names the dimension that is short everywhere.
func whyNot(size fleet.Resources, bins []Bin) string {
	cpu, memory := 0, 0
	for _, b := range bins {
		cpu, memory = max(cpu, b.Free.CPU), max(memory, b.Free.Memory)
	}
	switch {
	case len(bins) == 0:
		return "there is no instance"
	case cpu < size.CPU && memory < size.Memory:
		return fmt.Sprintf("no instance has %s free", words(size))
	case cpu < size.CPU:
		return fmt.Sprintf("no instance has %d CPU units free, the most is %d", size.CPU, cpu)
	case memory < size.Memory:
		return fmt.Sprintf("no instance has %d MiB free, the most is %d", size.Memory, memory)
	}
	return "every instance with room is filled by the tasks before it"
}

func words(r fleet.Resources) string {
	return fmt.Sprintf("%d CPU units and %d MiB", r.CPU, r.Memory)
}
