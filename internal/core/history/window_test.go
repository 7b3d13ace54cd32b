package history_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

// sighting is a foreign count first seen some minutes before noon.
func sighting(minutesAgo, expected, found int) history.Sighting {
	return history.Sighting{At: noon.Add(-time.Duration(minutesAgo) * time.Minute), Expected: expected, Found: found}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	orders := []history.Order{order(30, 4, 9), order(20, 9, 7), order(10, 7, 12), order(5, 12, 6), order(0, 6, 5)}
	tests := []struct {
		name   string
		h      history.History
		period time.Duration
		want   history.Window
	}{
		{"nothing was ordered", history.History{}, time.Hour, history.Window{Start: 5, Whole: true}},
		{"all of it", history.History{Orders: orders}, time.Hour, history.Window{Start: 4, Added: 10, Removed: 9, Whole: true}},
		{"an order at its start is not in it", history.History{Orders: orders}, 10 * time.Minute, history.Window{Start: 12, Removed: 7, Whole: true}},
		{"an order a nanosecond later is", history.History{Orders: orders}, 10*time.Minute + 1, history.Window{Start: 7, Added: 5, Removed: 7, Whole: true}},
		{"an order now is", history.History{Orders: orders}, 1, history.Window{Start: 6, Removed: 1, Whole: true}},
		{"what is forgotten lies before it", history.History{Orders: orders, Forgotten: noon.Add(-time.Hour)}, time.Hour, history.Window{Start: 4, Added: 10, Removed: 9, Whole: true}},
		{"what is forgotten lies in it", history.History{Orders: orders, Forgotten: noon.Add(1 - time.Hour)}, time.Hour, history.Window{Start: 4, Added: 10, Removed: 9}},
		{
			"it starts at what somebody else set",
			history.History{Orders: orders[:1], Foreign: []history.Sighting{sighting(25, 9, 40)}},
			20 * time.Minute,
			history.Window{Start: 40, Whole: true},
		},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.h.Window(noon, tt.period, 5)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestCountAt(t *testing.T) {
	t.Parallel()
	orders := []history.Order{order(9, 3, 5), order(5, 6, 9)}
	tests := []struct {
		name string
		h    history.History
		want map[int]int // by minutes ago
	}{
		{"nothing is remembered", history.History{}, map[int]int{0: 12, 60: 12}},
		{"orders", history.History{Orders: orders}, map[int]int{10: 3, 9: 5, 6: 5, 5: 9, 0: 9}},
		{"a foreign writer alone", history.History{Foreign: []history.Sighting{sighting(5, 4, 20)}}, map[int]int{6: 4, 5: 20, 0: 20}},
		{"a foreign writer between", history.History{Orders: orders, Foreign: []history.Sighting{sighting(7, 5, 6)}}, map[int]int{10: 3, 9: 5, 8: 5, 7: 6, 6: 6, 5: 9, 0: 9}},
		{"a foreign writer before", history.History{Orders: orders, Foreign: []history.Sighting{sighting(20, 8, 3)}}, map[int]int{21: 8, 20: 3, 10: 3, 9: 5}},
		{"a foreign writer after", history.History{Orders: orders, Foreign: []history.Sighting{sighting(2, 9, 1)}}, map[int]int{3: 9, 2: 1, 0: 1}},
		{"the order that answered a foreign writer", history.History{Orders: orders[:1], Foreign: []history.Sighting{sighting(9, 4, 3)}}, map[int]int{10: 4, 9: 5, 0: 5}},
	}
	for _, tt := range tests {
		for ago, want := range tt.want {
			if got := tt.h.CountAt(noon.Add(-time.Duration(ago)*time.Minute), 12); got != want {
				t.Errorf("%s, %d minutes ago: got %d, want %d", tt.name, ago, got, want)
			}
		}
	}
}

func TestReversals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		orders []history.Order
		lost   bool // orders before them are forgotten
		ago    int
		want   int
	}{
		{"nothing", nil, false, 60, 0},
		{"in after out", []history.Order{order(9, 4, 8), order(5, 8, 6)}, false, 60, 1},
		{"out after in is none", []history.Order{order(9, 8, 4), order(5, 4, 6)}, false, 60, 0},
		{"a second in is none", []history.Order{order(9, 4, 8), order(5, 8, 6), order(3, 6, 5)}, false, 60, 1},
		{"to and fro", []history.Order{order(9, 4, 8), order(7, 8, 4), order(5, 4, 8), order(3, 8, 4)}, false, 60, 2},
		{"one at the time is not after it", []history.Order{order(9, 4, 8), order(5, 8, 6)}, false, 5, 0},
		{"the out may be older than the time", []history.Order{order(90, 4, 8), order(5, 8, 6)}, false, 6, 1},
		{"a first in", []history.Order{order(5, 8, 6)}, false, 60, 0},
		{"a first in whose previous order is forgotten", []history.Order{order(5, 8, 6)}, true, 60, 1},
		{"a first out whose previous order is forgotten", []history.Order{order(5, 6, 8)}, true, 60, 0},
	}
	for _, tt := range tests {
		h := history.History{Orders: tt.orders}
		if tt.lost {
			h.Forgotten = noon.Add(-time.Hour)
		}
		if got := h.Reversals(noon.Add(-time.Duration(tt.ago) * time.Minute)); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

// many gives that many orders, one a minute, the last at noon: each to the next
// of the counts, from where the one before ended.
func many(n int, counts ...int) []history.Order {
	out := make([]history.Order, 0, n)
	for i := range n {
		out = append(out, order(n-1-i, counts[i%len(counts)], counts[(i+1)%len(counts)]))
	}
	return out
}

func remember(orders []history.Order) history.History {
	var h history.History
	for _, o := range orders {
		h = h.With(o, nil)
	}
	return h
}

func TestWithJoinsTheOldestSteps(t *testing.T) {
	t.Parallel()
	h := remember(many(history.MaxOrders+2, 10, 9, 8, 7, 8, 9)) // down, down, down, up, up, up
	if len(h.Orders) != history.MaxOrders || !h.Forgotten.IsZero() {
		t.Fatalf("%d orders are kept, forgotten up to %s; want %d and none", len(h.Orders), h.Forgotten, history.MaxOrders)
	}
	// Two of the first three steps down became one with the third, at its time.
	if got, want := h.Orders[0], order(history.MaxOrders-1, 10, 7); got != want {
		t.Errorf("the oldest order is %v, want %v", got, want)
	}
	if got, want := h.Orders[1], order(history.MaxOrders-2, 7, 8); got != want {
		t.Errorf("the next is %v, want %v", got, want)
	}
}

func TestWithForgetsTheOldestOrders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		orders []history.Order
	}{
		{"to and fro", many(history.MaxOrders+5, 3, 7)},
		{"in one direction, and somebody else between any two", func() []history.Order {
			orders := many(history.MaxOrders+5, 3, 7)
			for i := range orders {
				orders[i].From, orders[i].To = 9, 4
			}
			return orders
		}()},
	}
	for _, tt := range tests {
		var h history.History
		for i, o := range tt.orders {
			h = h.With(o, nil)
			if want := min(i+1, history.MaxOrders); len(h.Orders) != want {
				t.Fatalf("%s: after %d orders %d are kept, want %d", tt.name, i+1, len(h.Orders), want)
			}
		}
		if diff := cmp.Diff(tt.orders[5:], h.Orders); diff != "" {
			t.Errorf("%s: kept (-want +got):\n%s", tt.name, diff)
		}
		if want := tt.orders[4].At; !h.Forgotten.Equal(want) {
			t.Errorf("%s: forgotten up to %s, want %s", tt.name, h.Forgotten, want)
		}
		// The window that begins at the newest forgotten order is whole, one that holds it is not.
		if since := noon.Sub(h.Forgotten); !h.Window(noon, since, 5).Whole || h.Window(noon, since+1, 5).Whole {
			t.Errorf("%s: whole is wrong around %s", tt.name, h.Forgotten)
		}
		// An order that is taken back makes room, but brings nothing back.
		if h = h.Without(noon); h.Window(noon, time.Hour, 5).Whole {
			t.Errorf("%s: a window is whole again after an order was dropped", tt.name)
		}
	}
}

// Two clocks that differ: the step is charged to the later time.
func TestJoinedStepsTakeTheLaterTime(t *testing.T) {
	t.Parallel()
	orders := many(history.MaxOrders+1, 8, 6, 4, 8)
	orders[0].At, orders[1].At = orders[1].At, orders[0].At
	h := remember(orders)
	if got, want := h.Orders[0], (history.Order{At: orders[0].At, From: 8, To: 4}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// life draws what happens to a target: orders, and now and then a foreign
// writer in between. It gives the history as it is kept, and as it would be with
// no limit.
func life(t *rapid.T) (kept, all history.History) {
	at, count := noon, 20
	steps := rapid.SampledFrom([]int{-7, -3, -1, -1, 1, 1, 2, 9})
	toAndFro := rapid.Bool().Draw(t, "to and fro")
	if toAndFro { // nothing to join: orders are forgotten
		steps = rapid.SampledFrom([]int{1, 2, 9})
	}
	least := rapid.SampledFrom([]int{0, history.MaxOrders, 2 * history.MaxOrders}).Draw(t, "least")
	for range rapid.IntRange(least, 3*history.MaxOrders).Draw(t, "orders") {
		at = at.Add(time.Duration(rapid.IntRange(1, 120).Draw(t, "after")) * time.Second)
		if len(all.Foreign) < history.MaxSightings && rapid.IntRange(0, 15).Draw(t, "foreign") == 0 {
			s := history.Sighting{At: at, Expected: count, Found: rapid.IntRange(0, 40).Draw(t, "found")}
			count = s.Found
			kept, all = kept.Sighted(s), all.Sighted(s)
			at = at.Add(time.Second)
		}
		o := history.Order{At: at, From: count, To: count + steps.Draw(t, "step")}
		if toAndFro && len(all.Orders)%2 == 1 {
			o.To = 2*count - o.To
		}
		if o.To < 0 {
			continue
		}
		count = o.To
		kept = kept.With(o, nil)
		all.Orders = append(all.Orders, o)
	}
	return kept, all
}

// Whatever was ordered: in a window that is whole at least what was added and
// removed is charged, and a removal limit in percent of its start leaves no more
// than it would have left with every order remembered.
func TestTrimmedHistoryChargesNoLess(t *testing.T) {
	t.Parallel()
	broken := false // some window was not whole, so that the law is not empty
	rapid.Check(t, func(t *rapid.T) {
		kept, all := life(t)
		if len(kept.Orders) > history.MaxOrders {
			t.Fatalf("%d orders are kept", len(kept.Orders))
		}
		now := noon.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "now")) * time.Second)
		if last, ok := all.Last(); ok && last.At.After(now) {
			now = last.At
		}
		period := time.Duration(rapid.IntRange(1, 12_000).Draw(t, "period")) * time.Second
		got, want := kept.Window(now, period, 20), all.Window(now, period, 20)
		broken = broken || !got.Whole
		if !got.Whole {
			return
		}
		if got.Removed < want.Removed || got.Added < want.Added {
			t.Fatalf("charged %+v, true are %+v", got, want)
		}
		for _, percent := range []float64{1, 10, 33, 50, 100} {
			// A budget that is passed leaves none, by however much it is passed.
			left := func(w history.Window) int { return max(0, int(math.Ceil(float64(w.Start)*percent/100))-w.Removed) }
			if left(got) > left(want) {
				t.Fatalf("%v %% leave %d to remove of %+v, true are %d of %+v", percent, left(got), got, left(want), want)
			}
		}
		if since := now.Add(-period); kept.Reversals(since) < all.Reversals(since) {
			t.Fatalf("%d reversals are charged, true are %d", kept.Reversals(since), all.Reversals(since))
		}
	})
	if !broken {
		t.Error("every window was whole: the test draws too few orders")
	}
}

// What cooldowns ask for is the same with every order remembered, and the newest
// order is there as it was given, to be taken back.
func TestTrimmedHistoryKeepsTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kept, all := life(t)
		got, ok := kept.Last()
		want, given := all.Last()
		if ok != given || got != want {
			t.Fatalf("the newest order is %v, given was %v", got, want)
		}
		if !ok {
			return
		}
		if without := kept.Without(got.At); len(without.Orders) != len(kept.Orders)-1 {
			t.Fatalf("taking back one order took %d", len(kept.Orders)-len(without.Orders))
		}
		after := got.At.Add(-time.Duration(rapid.IntRange(0, 10_000).Draw(t, "ago")) * time.Second)
		if kept.Forgotten.After(after) {
			return
		}
		outKept, okKept := kept.HighestOut(after)
		outAll, okAll := all.HighestOut(after)
		if okKept != okAll || outKept.To != outAll.To || outKept.At.Before(outAll.At) {
			t.Fatalf("the highest scale-out after %s is %v, true is %v", after, outKept, outAll)
		}
		// The count is exact but within a step that became one with the next.
		if count := kept.CountAt(after, 20); count != all.CountAt(after, 20) {
			i := slices.IndexFunc(kept.Orders, func(o history.Order) bool { return o.At.After(after) })
			if i < 0 || kept.Orders[i].From != count && !slices.ContainsFunc(kept.Foreign, func(s history.Sighting) bool { return s.Found == count || s.Expected == count }) {
				t.Fatalf("the count at %s is %d, true is %d", after, count, all.CountAt(after, 20))
			}
		}
	})
}

func ExampleHistory_Window() {
	h := history.History{}.
		With(history.Order{At: noon.Add(-20 * time.Minute), From: 40, To: 36}, nil).
		With(history.Order{At: noon.Add(-5 * time.Minute), From: 36, To: 33}, nil)
	w := h.Window(noon, 15*time.Minute, 33)
	fmt.Println(w.Start, w.Removed, w.Whole)
	// Output: 36 3 true
}
