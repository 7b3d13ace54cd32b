// Package history gives what a scalable target remembers between evaluations:
// its last orders and which datapoints have grounded one.
package history

import (
	"slices"
	"strings"
	"time"
)

// MaxOrders bounds the orders kept: the newest serve the cooldowns, those of an
// hour the rate limits and budgets.
const MaxOrders = 48

// MarkLife bounds how long a mark is kept, so that the policies of years do not
// fill the row. A datapoint grounds no order once it is stale, which is six
// hours after its start for the longest period, an hour.
const MarkLife = 24 * time.Hour

// Order is one change of a count that was claimed. Its JSON is a string, see
// MarshalJSON.
type Order struct {
	At   time.Time `json:"at"`
	From int       `json:"from"`
	To   int       `json:"to"`
}

// Mark says that a policy's datapoint has grounded an order. One closed
// datapoint grounds at most one, so evaluating twice changes nothing.
type Mark struct {
	Policy    string    `json:"policy"`
	Datapoint time.Time `json:"datapoint"` // start of its period
}

// History is the memory of one target. The zero value has seen nothing.
type History struct {
	Orders []Order `json:"orders,omitempty"` // oldest first
	// Forgotten is when the newest order was given that is not among Orders any
	// more, since they were too many; zero where none was.
	Forgotten time.Time `json:"forgotten,omitzero"`
	Marks     []Mark    `json:"marks,omitempty"` // sorted by policy
	// Shadow is the desired count that observe mode would have ordered, nil
	// when observe mode has ordered nothing or the target acts.
	Shadow *int `json:"shadow,omitempty"`
	// Foreign are the desired counts that somebody else wrote, oldest first.
	Foreign []Sighting `json:"foreign,omitempty"`
	// Rates are the learnt service rates, sorted by policy.
	Rates []Rate `json:"rates,omitempty"`
	// IdleSince is since when the service has been proved idle at every look, zero
	// while it is not.
	IdleSince time.Time `json:"idleSince,omitzero"`
	// Hours are the lowest counts of the hours of two weeks.
	Hours Hours `json:"hours,omitzero"`
	// Capacity is what a group remembers beside its orders, nil for a service.
	Capacity *Capacity `json:"capacity,omitempty"`
	// Shortage is what a fallback remembers of the service that it stands in for, nil
	// while that has what it wants.
	Shortage *Shortage `json:"shortage,omitempty"`
}

// Last gives the newest order.
func (h History) Last() (Order, bool) {
	if len(h.Orders) == 0 {
		return Order{}, false
	}
	return h.Orders[len(h.Orders)-1], true
}

// HighestOut gives the scale-out to the largest count among the orders after a
// time and after the last scale-in, which ended what was scaled out before it.
func (h History) HighestOut(after time.Time) (Order, bool) {
	var best Order
	for _, o := range slices.Backward(h.Orders) {
		if !o.At.After(after) || o.To < o.From {
			break
		}
		if o.To > best.To {
			best = o
		}
	}
	return best, best.To > 0
}

// CountAt gives the count in force at a time, as far as the orders and the
// foreign counts tell: what the last of them before it set, else what the first
// one after it found, else the count now.
func (h History) CountAt(t time.Time, now int) int {
	orders, foreign := h.Orders, h.Foreign
	for len(orders) > 0 || len(foreign) > 0 {
		var at time.Time
		var from, to int
		if n := len(foreign); n > 0 && (len(orders) == 0 || foreign[n-1].At.After(orders[len(orders)-1].At)) {
			at, from, to, foreign = foreign[n-1].At, foreign[n-1].Expected, foreign[n-1].Found, foreign[:n-1]
		} else {
			o := orders[len(orders)-1]
			at, from, to, orders = o.At, o.From, o.To, orders[:len(orders)-1]
		}
		if !at.After(t) {
			return to
		}
		now = from
	}
	return now
}

// Grounded tells whether the policy's datapoint, or a newer one, has grounded
// an order already.
func (h History) Grounded(policy string, datapoint time.Time) bool {
	for _, m := range h.Marks {
		if m.Policy == policy {
			return !datapoint.After(m.Datapoint)
		}
	}
	return false
}

// With gives the history after an order, with the marks moved up to the
// datapoints that grounded it. The receiver is not changed.
func (h History) With(o Order, marks []Mark) History {
	n := h
	n.Orders, n.Marks = append(slices.Clone(h.Orders), o), slices.Clone(h.Marks)
	n = n.trimmed()
	for _, m := range marks {
		i := slices.IndexFunc(n.Marks, func(x Mark) bool { return x.Policy == m.Policy })
		switch {
		case i < 0:
			n.Marks = append(n.Marks, m)
		case m.Datapoint.After(n.Marks[i].Datapoint):
			n.Marks[i] = m
		}
	}
	n.Marks = slices.DeleteFunc(n.Marks, func(m Mark) bool { return m.Datapoint.Before(o.At.Add(-MarkLife)) })
	slices.SortFunc(n.Marks, func(a, b Mark) int { return strings.Compare(a.Policy, b.Policy) })
	return n
}

// Without gives the history without the order claimed at a time, for an order
// that was dropped: it must charge no cooldown. Its marks stay; whoever knows
// the marks before it puts them back.
func (h History) Without(at time.Time) History {
	h.Orders = slices.DeleteFunc(slices.Clone(h.Orders), func(o Order) bool { return o.At.Equal(at) })
	return h
}
