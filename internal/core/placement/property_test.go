package placement_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// anyItems draws up to n services with tasks of up to the sizes given.
func anyItems(t *rapid.T, n, most int, largest fleet.Resources) []placement.Item {
	items := make([]placement.Item, 0, n)
	for i := range rapid.IntRange(0, n).Draw(t, "items") {
		items = append(items, item(fmt.Sprintf("s%d", i), rapid.IntRange(0, largest.CPU).Draw(t, "cpu"),
			rapid.IntRange(1, largest.Memory).Draw(t, "memory"), rapid.IntRange(0, most).Draw(t, "count")))
	}
	return items
}

func anyBins(t *rapid.T, n int, largest fleet.Resources) []placement.Bin {
	bins := make([]placement.Bin, 0, n)
	for i := range rapid.IntRange(0, n).Draw(t, "bins") {
		bins = append(bins, bin(fmt.Sprintf("i-%d", i), rapid.IntRange(0, largest.CPU).Draw(t, "free cpu"), rapid.IntRange(0, largest.Memory).Draw(t, "free memory")))
	}
	return bins
}

func total(items []placement.Item) (sum fleet.Resources, count int) {
	for _, it := range items {
		for range it.Count {
			sum = sum.Plus(it.Size)
		}
		count += it.Count
	}
	return sum, count
}

// placed is the items less the rest. Of what is left there must be no more
// than there was, of each service once, in one piece.
func placed(t *rapid.T, items []placement.Item, rest []placement.Rest) []placement.Item {
	t.Helper()
	out := slices.Clone(items)
	seen := map[string]bool{}
	for _, r := range rest {
		i := slices.IndexFunc(out, func(it placement.Item) bool { return it.Name == r.Name })
		if i < 0 || seen[r.Name] || r.Size != out[i].Size || r.Count < 1 || r.Count > out[i].Count || r.Because == "" {
			t.Fatalf("the rest %+v is not part of %v", r, items)
		}
		seen[r.Name] = true
		out[i].Count -= r.Count
	}
	return out
}

// tasks lists single tasks.
func tasks(items []placement.Item) []fleet.Resources {
	var out []fleet.Resources
	for _, it := range items {
		for range it.Count {
			out = append(out, it.Size)
		}
	}
	return out
}

// feasible tells by trying everything whether the tasks fit in the room.
func feasible(tasks, room []fleet.Resources) bool {
	if len(tasks) == 0 {
		return true
	}
	for i := range room {
		if slices.Contains(room[:i], room[i]) { // an equal bin was tried
			continue
		}
		if tasks[0].Fits(room[i]) {
			next := slices.Clone(room)
			next[i] = next[i].Minus(tasks[0])
			if feasible(tasks[1:], next) {
				return true
			}
		}
	}
	return false
}

// What was placed and what is left is all there was, and what was placed
// does not pass the room, in sum.
func TestPackedAndRestAreAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := anyItems(t, 8, 40, size(600, 900))
		bins := anyBins(t, 12, size(4096, 8192))
		before := slices.Clone(bins)
		rest := placement.Pack(items, bins)
		var room fleet.Resources
		for _, b := range bins {
			room = room.Plus(b.Free)
		}
		if sum, _ := total(placed(t, items, rest)); !sum.Fits(room) {
			t.Fatalf("%v was placed in room of %v", sum, room)
		}
		if diff := cmp.Diff(before, bins); diff != "" {
			t.Fatalf("the bins were changed:\n%s", diff)
		}
	})
}

// Never over capacity in either dimension: whatever was placed can be placed,
// by trying everything. And nothing is left that fits while nothing was placed.
func TestWhatIsPackedFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := anyItems(t, 3, 2, size(6, 6))
		bins := anyBins(t, 3, size(10, 10))
		rest := placement.Pack(items, bins)
		var room []fleet.Resources
		for _, b := range bins {
			room = append(room, b.Free)
		}
		in := placed(t, items, rest)
		if !feasible(tasks(in), room) {
			t.Fatalf("%v cannot be placed in %v", in, room)
		}
		if _, n := total(in); n == 0 {
			for _, r := range rest {
				if feasible([]fleet.Resources{r.Size}, room) {
					t.Fatalf("%v fits and was not placed, nor anything else", r)
				}
			}
		}
	})
}

// Of tasks of one size exactly as many are placed as fit on each bin alone.
func TestPackOfOneSizeIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := item("a", rapid.IntRange(1, 512).Draw(t, "cpu"), rapid.IntRange(1, 512).Draw(t, "memory"), rapid.IntRange(0, 100).Draw(t, "count"))
		bins := anyBins(t, 12, size(2048, 2048))
		left := it.Count
		for _, b := range bins {
			left -= min(b.Free.CPU/it.Size.CPU, b.Free.Memory/it.Size.Memory)
		}
		got := 0
		for _, r := range placement.Pack([]placement.Item{it}, bins) {
			got += r.Count
		}
		if got != max(0, left) {
			t.Fatalf("%d of %v are left, want %d", got, it, max(0, left))
		}
	})
}

func TestOrderOfItemsAndBinsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := anyItems(t, 6, 9, size(12, 12)) // few sizes, so that many are alike
		bins := anyBins(t, 6, size(24, 24))
		for i := range items {
			items[i].Name = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
		}
		turnedItems := rapid.Permutation(items).Draw(t, "order of items")
		turnedBins := rapid.Permutation(bins).Draw(t, "order of bins")
		if diff := cmp.Diff(placement.Pack(items, bins), placement.Pack(turnedItems, turnedBins)); diff != "" {
			t.Fatalf("Pack (-first +second):\n%s", diff)
		}
		n, large := placement.Bins(items, size(10, 10))
		n2, large2 := placement.Bins(turnedItems, size(10, 10))
		if n != n2 {
			t.Fatalf("Bins: %d, then %d", n, n2)
		}
		if diff := cmp.Diff(large, large2); diff != "" {
			t.Fatalf("Bins, too large (-first +second):\n%s", diff)
		}
	})
}

// lowerBound is the fewest bins that the sums allow, in either dimension.
func lowerBound(items []placement.Item, shape fleet.Resources) int {
	sum, _ := total(items)
	return max((sum.CPU+shape.CPU-1)/shape.CPU, (sum.Memory+shape.Memory-1)/shape.Memory)
}

// fitting leaves out what is larger than the shape, and checks that Bins did.
func fitting(t *rapid.T, items []placement.Item, shape fleet.Resources, tooLarge []placement.Rest) []placement.Item {
	t.Helper()
	var out []placement.Item
	large := 0
	for _, it := range items {
		if it.Size.Fits(shape) {
			out = append(out, it)
			continue
		}
		large++
		if !slices.ContainsFunc(tooLarge, func(r placement.Rest) bool { return r.Item == it && r.Because != "" }) {
			t.Fatalf("%v is larger than %v and not among %v", it, shape, tooLarge)
		}
	}
	if large != len(tooLarge) {
		t.Fatalf("%d items are too large, told are %v", large, tooLarge)
	}
	return out
}

func TestBinsIsBetweenTheBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := size(rapid.IntRange(1, 4096).Draw(t, "shape cpu"), rapid.IntRange(1, 16384).Draw(t, "shape memory"))
		items := anyItems(t, 6, 40, size(1024, 4096))
		n, tooLarge := placement.Bins(items, shape)
		fit := fitting(t, items, shape, tooLarge)
		low := lowerBound(fit, shape)
		// The first task of a bin did not fit in the bin before it, so the two
		// together pass the shape in one of the two dimensions: n/2 pairs use more
		// than n/2 shapes of the at most 2 x low that there are in both.
		if n < low || n > 4*low+1 {
			t.Fatalf("%d bins of %v for %v, the lower bound is %d", n, shape, fit, low)
		}
		if _, tasks := total(fit); n > tasks {
			t.Fatalf("%d bins for %d tasks", n, tasks)
		}
	})
}

// In one dimension first-fit decreasing needs at most 11/9 of the optimum and 6/9,
// and in two never fewer than the optimum, which is found by trying everything.
func TestBinsAgainstTheOptimum(t *testing.T) {
	t.Parallel()
	optimum := func(items []placement.Item, shape fleet.Resources) int {
		for n := lowerBound(items, shape); ; n++ {
			if feasible(tasks(items), slices.Repeat([]fleet.Resources{shape}, n)) {
				return n
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		shape := size(10, 10)
		items := anyItems(t, 4, 2, size(9, 9))
		n, _ := placement.Bins(items, shape)
		if best := optimum(items, shape); n < best || n > 3*best {
			t.Fatalf("two dimensions: %d bins for %v, the optimum is %d", n, items, best)
		}
		for i := range items {
			items[i].Size.Memory = 0
		}
		n, _ = placement.Bins(items, shape)
		if best := optimum(items, shape); n < best || 9*n > 11*best+6 {
			t.Fatalf("one dimension: %d bins for %v, the optimum is %d", n, items, best)
		}
	})
}

// One more task of a lone service never needs fewer bins, and never more than one more.
func TestBinsOfOneServiceGrowWithIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := item("a", rapid.IntRange(0, 20).Draw(t, "cpu"), rapid.IntRange(1, 20).Draw(t, "memory"), rapid.IntRange(0, 50).Draw(t, "count"))
		n, _ := placement.Bins([]placement.Item{it}, size(20, 20))
		it.Count++
		if m, _ := placement.Bins([]placement.Item{it}, size(20, 20)); m < n || m > n+1 {
			t.Fatalf("%d bins for %d tasks, %d for one more", n, it.Count-1, m)
		}
	})
}
