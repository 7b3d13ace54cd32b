package history_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// order is an order of some minutes before noon.
func order(minutesAgo, from, to int) history.Order {
	return history.Order{At: noon.Add(-time.Duration(minutesAgo) * time.Minute), From: from, To: to}
}

func mark(policy string, minutesAgo int) history.Mark {
	return history.Mark{Policy: policy, Datapoint: noon.Add(-time.Duration(minutesAgo) * time.Minute)}
}

func TestLast(t *testing.T) {
	t.Parallel()
	if got, ok := (history.History{}).Last(); ok || got != (history.Order{}) {
		t.Errorf("of nothing: got %v, %t", got, ok)
	}
	h := history.History{Orders: []history.Order{order(9, 1, 2), order(3, 2, 1)}}
	if got, ok := h.Last(); !ok || got != order(3, 2, 1) {
		t.Errorf("got %v, %t, want the newest", got, ok)
	}
}

func TestHighestOut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		orders []history.Order
		after  time.Time
		want   *history.Order
	}{
		{"nothing", nil, noon.Add(-time.Hour), nil},
		{"only scale-in", []history.Order{order(5, 9, 3)}, noon.Add(-time.Hour), nil},
		{"what a scale-in ended does not count", []history.Order{order(9, 5, 20), order(6, 20, 5), order(3, 5, 7)}, noon.Add(-time.Hour), new(order(3, 5, 7))},
		{"the largest, not the newest", []history.Order{order(9, 1, 4), order(6, 4, 8), order(3, 2, 5)}, noon.Add(-time.Hour), new(order(6, 4, 8))},
		{"of equals the newest", []history.Order{order(9, 1, 8), order(3, 2, 8)}, noon.Add(-time.Hour), new(order(3, 2, 8))},
		{"an order exactly at the time is not after it", []history.Order{order(5, 1, 4)}, noon.Add(-5 * time.Minute), nil},
		{"an order a nanosecond later is", []history.Order{order(5, 1, 4)}, noon.Add(-5*time.Minute - 1), new(order(5, 1, 4))},
		{"a larger one before the time does not count", []history.Order{order(9, 1, 20), order(3, 2, 5)}, noon.Add(-5 * time.Minute), new(order(3, 2, 5))},
		{"scale-in to a larger count does not count", []history.Order{order(9, 50, 30), order(3, 2, 5)}, noon.Add(-time.Hour), new(order(3, 2, 5))},
	}
	for _, tt := range tests {
		got, ok := (history.History{Orders: tt.orders}).HighestOut(tt.after)
		switch {
		case tt.want == nil && (ok || got != history.Order{}):
			t.Errorf("%s: got %v, want none", tt.name, got)
		case tt.want != nil && (!ok || got != *tt.want):
			t.Errorf("%s: got %v, %t, want %v", tt.name, got, ok, *tt.want)
		}
	}
}

func TestGrounded(t *testing.T) {
	t.Parallel()
	h := history.History{Marks: []history.Mark{mark("cpu", 5), mark("memory", 1)}}
	tests := []struct {
		name      string
		policy    string
		datapoint time.Time
		want      bool
	}{
		{"the datapoint itself", "cpu", noon.Add(-5 * time.Minute), true},
		{"an older one", "cpu", noon.Add(-6 * time.Minute), true},
		{"a nanosecond newer", "cpu", noon.Add(1 - 5*time.Minute), false},
		{"another policy's mark does not count", "queue", noon.Add(-time.Hour), false},
		{"each policy has its own", "memory", noon.Add(-2 * time.Minute), true},
	}
	for _, tt := range tests {
		if got := h.Grounded(tt.policy, tt.datapoint); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
	if (history.History{}).Grounded("cpu", noon) {
		t.Error("a history without marks grounded a datapoint")
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	start := history.History{
		Orders: []history.Order{order(9, 1, 2)}, Marks: []history.Mark{mark("b", 10), mark("d", 2)}, Shadow: new(7),
	}
	tests := []struct {
		name  string
		marks []history.Mark
		want  []history.Mark
	}{
		{"no marks", nil, start.Marks},
		{"a newer one moves up", []history.Mark{mark("b", 1)}, []history.Mark{mark("b", 1), mark("d", 2)}},
		{"an older one does not move back", []history.Mark{mark("d", 3)}, start.Marks},
		{"new policies are put in order", []history.Mark{mark("e", 1), mark("a", 1), mark("c", 1)}, []history.Mark{mark("a", 1), mark("b", 10), mark("c", 1), mark("d", 2), mark("e", 1)}},
		{"of one policy twice the newer stands", []history.Mark{mark("a", 1), mark("a", 2)}, []history.Mark{mark("a", 1), mark("b", 10), mark("d", 2)}},
	}
	for _, tt := range tests {
		got := start.With(order(0, 2, 5), tt.marks)
		want := history.History{Orders: []history.Order{order(9, 1, 2), order(0, 2, 5)}, Marks: tt.want, Shadow: new(7)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A mark past its life is dropped with the next order: the policies of years
// would fill the row.
func TestWithForgetsOldMarks(t *testing.T) {
	t.Parallel()
	day := int(history.MarkLife / time.Minute)
	h := history.History{Marks: []history.Mark{mark("kept", day), mark("old", day+1)}}
	got := h.With(order(0, 1, 2), []history.Mark{mark("new", 1)})
	if diff := cmp.Diff([]history.Mark{mark("kept", day), mark("new", 1)}, got.Marks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(h.Marks) != 2 || h.Marks[1] != mark("old", day+1) {
		t.Errorf("the receiver was changed: %v", h.Marks)
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	h := history.History{
		Orders: []history.Order{order(9, 1, 2), order(5, 2, 4), order(3, 4, 8)}, Marks: []history.Mark{mark("cpu", 1)}, Shadow: new(7),
	}
	tests := []struct {
		name string
		at   time.Time
		want []history.Order
	}{
		{"the newest", order(3, 0, 0).At, []history.Order{order(9, 1, 2), order(5, 2, 4)}},
		{"one between", order(5, 0, 0).At, []history.Order{order(9, 1, 2), order(3, 4, 8)}},
		{"the same instant in another zone", order(3, 0, 0).At.In(time.FixedZone("CET", 3600)), []history.Order{order(9, 1, 2), order(5, 2, 4)}},
		{"none of that time", noon, h.Orders},
	}
	for _, tt := range tests {
		got := h.Without(tt.at)
		if diff := cmp.Diff(history.History{Orders: tt.want, Marks: h.Marks, Shadow: new(7)}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := (history.History{}).Without(noon); len(got.Orders) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

// dropped is an order that was claimed and not carried out: it must charge no
// cooldown, and its datapoint must not ground another order.
func TestWithoutUndoesWithButForTheMarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t)
		if len(h.Orders) == history.MaxOrders {
			return // the oldest makes room and does not come back
		}
		o := history.Order{At: noon, From: 1, To: 2}
		m := mark("cpu", 0)
		got := h.With(o, []history.Mark{m}).Without(o.At)
		if diff := cmp.Diff(h.Orders, got.Orders, cmp.Transformer("empty", func(os []history.Order) []history.Order {
			return append([]history.Order{}, os...)
		})); diff != "" {
			t.Fatalf("(-before +after):\n%s", diff)
		}
		if !got.Grounded("cpu", m.Datapoint) {
			t.Fatal("the mark is gone")
		}
	})
}

// draw gives a history with orders and marks before noon, and spare room in its slices.
func draw(t *rapid.T) history.History {
	h := history.History{Orders: make([]history.Order, 0, 64), Marks: make([]history.Mark, 0, 64)}
	for i := range rapid.IntRange(0, history.MaxOrders).Draw(t, "orders") {
		h.Orders = append(h.Orders, order(100-i, rapid.IntRange(0, 9).Draw(t, "from"), rapid.IntRange(0, 9).Draw(t, "to")))
	}
	for _, p := range []string{"cpu", "memory", "queue"} {
		if rapid.Bool().Draw(t, p) {
			h.Marks = append(h.Marks, mark(p, rapid.IntRange(1, 60).Draw(t, "ago")))
		}
	}
	return h
}

// Neither With nor Without writes into the receiver's slices, whatever room
// they have, and what they give is not shared.
func TestHistoriesShareNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t)
		before := history.History{Orders: slices.Clone(h.Orders), Marks: slices.Clone(h.Marks)}
		a := h.With(order(0, 1, 2), []history.Mark{mark("cpu", 0)})
		kept := slices.Clone(a.Orders)
		b := h.With(order(0, 3, 4), []history.Mark{mark("memory", 0), mark("zoo", 0)})
		c := h.Without(order(90, 0, 0).At)
		for _, x := range []history.History{b, c} {
			for i := range x.Orders {
				x.Orders[i].To = 99
			}
			for i := range b.Marks {
				b.Marks[i].Policy = "spoilt"
			}
		}
		if diff := cmp.Diff(before, h); diff != "" {
			t.Fatalf("the receiver changed (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(kept, a.Orders); diff != "" {
			t.Fatalf("a later history changed an earlier one (-before +after):\n%s", diff)
		}
	})
}

// Marks stay sorted by policy and each policy has one, the newest it was given.
func TestMarksAreSortedUniqueAndNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		newest := map[string]time.Time{}
		for i := range rapid.IntRange(0, 10).Draw(t, "orders") {
			m := mark(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "policy"), rapid.IntRange(0, 60).Draw(t, "ago"))
			h = h.With(order(20-i, 1, 2), []history.Mark{m})
			if m.Datapoint.After(newest[m.Policy]) {
				newest[m.Policy] = m.Datapoint
			}
		}
		if len(h.Marks) != len(newest) {
			t.Fatalf("%d marks of %d policies: %v", len(h.Marks), len(newest), h.Marks)
		}
		for i, m := range h.Marks {
			if i > 0 && h.Marks[i-1].Policy >= m.Policy {
				t.Fatalf("not sorted: %v", h.Marks)
			}
			if !m.Datapoint.Equal(newest[m.Policy]) {
				t.Fatalf("%s is at %s, newest is %s", m.Policy, m.Datapoint, newest[m.Policy])
			}
		}
	})
}

func ExampleHistory_With() {
	h := history.History{}.With(history.Order{At: noon, From: 4, To: 6}, nil)
	o, _ := h.Last()
	fmt.Println(history.Toward(o.From, o.To), o.To)
	// Output: out 6
}
