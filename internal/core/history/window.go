package history

import (
	"slices"
	"time"
)

// Window is the orders of a sliding window that ends now.
type Window struct {
	Start   int // the count at its start
	Added   int // the sum of the increases in it
	Removed int // the sum of the decreases
	// Whole is false where orders of the window may have been dropped: what was
	// removed in it is then not known.
	Whole bool
}

// Window gives what was ordered within (now-period, now]; count is the count now.
func (h History) Window(now time.Time, period time.Duration, count int) Window {
	since := now.Add(-period)
	w := Window{Start: h.CountAt(since, count), Whole: true}
	for _, o := range h.Orders {
		if o.At.After(since) {
			w.Added += max(0, o.To-o.From)
			w.Removed += max(0, o.From-o.To)
		}
	}
	if len(h.Orders) >= MaxOrders && h.Orders[0].At.After(since) {
		w.Whole = false
	}
	return w
}

// Reversals counts the scale-ins after a time whose previous order was a scale-out.
func (h History) Reversals(after time.Time) int {
	n := 0
	for i := 1; i < len(h.Orders); i++ {
		o, before := h.Orders[i], h.Orders[i-1]
		if o.At.After(after) && o.To < o.From && before.To > before.From {
			n++
		}
	}
	return n
}

// trim keeps at most MaxOrders. Two orders in one direction that stand side by
// side become one at the later time, the oldest first: that charges a removal
// for longer than it was, never for less. Where there are none, the oldest goes.
func trim(orders []Order) []Order {
	for len(orders) > MaxOrders {
		i := 1
		for i < len(orders)-1 && Toward(orders[i-1].From, orders[i-1].To) != Toward(orders[i].From, orders[i].To) {
			i++
		}
		if i == len(orders)-1 {
			orders = orders[1:]
			continue
		}
		a, b := orders[i-1], orders[i]
		// What a foreign writer did between the two belongs to neither.
		joined := Order{At: b.At, From: b.To - (a.To - a.From) - (b.To - b.From), To: b.To}
		orders = slices.Replace(orders, i-1, i+1, joined)
	}
	return orders
}
