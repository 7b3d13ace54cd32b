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
	// Whole is false where an order of the window is forgotten: what was removed
	// in it is then more than Removed, and nobody knows by how much.
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
	w.Whole = !h.Forgotten.After(since)
	return w
}

// Reversals counts the scale-ins after a time whose previous order was a
// scale-out. Of the oldest that is remembered the previous one may be forgotten:
// it then counts, since a budget must never be charged too little.
func (h History) Reversals(after time.Time) int {
	n := 0
	for i, o := range h.Orders {
		if !o.At.After(after) || o.To >= o.From {
			continue
		}
		if i == 0 && !h.Forgotten.IsZero() || i > 0 && Toward(h.Orders[i-1].From, h.Orders[i-1].To) == Out {
			n++
		}
	}
	return n
}

// trimmed keeps at most MaxOrders; it may write over them. Two orders in one direction that stand side by
// side become one at the later time, the oldest first: that charges a change
// for longer than it was, never for less. They do so only where the second began
// at the count that the first set: of 20 to 25, somebody's 0, and 0 to 2, one
// order could tell the sum (-5 to 2) or the counts (20 to 2), and not both.
// Where there are none, the oldest goes, and what was removed before it is no
// longer known. The newest stays as it is: it may yet be taken back.
func (h History) trimmed() History {
	for len(h.Orders) > MaxOrders {
		i := 1
		for i < len(h.Orders)-1 && !joins(h.Orders[i-1], h.Orders[i]) {
			i++
		}
		if i == len(h.Orders)-1 {
			if at := h.Orders[0].At; at.After(h.Forgotten) {
				h.Forgotten = at
			}
			h.Orders = h.Orders[1:]
			continue
		}
		a, b := h.Orders[i-1], h.Orders[i]
		joined := Order{At: b.At, From: a.From, To: b.To}
		if a.At.After(b.At) { // the clocks of two functions differ
			joined.At = a.At
		}
		h.Orders = slices.Replace(h.Orders, i-1, i+1, joined)
	}
	return h
}

// joins tells whether two orders in a row are one step in one direction.
func joins(a, b Order) bool {
	return a.To == b.From && Toward(a.From, a.To) == Toward(b.From, b.To)
}
