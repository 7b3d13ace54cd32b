// Package sim gives the virtual clock of the simulator: an event heap that runs
// in a fixed order, and seeded randomness in independent streams.
//
// Nothing here reads the machine's clock, so a simulated day takes as long as
// its work and gives the same bytes for the same seed.
package sim

import (
	"container/heap"
	"time"
)

// Rank orders events that are due at the same instant.
type Rank int

// The ranks, in the order in which they run at one instant: what physically
// happens comes before what is measured of it, and that before who is told.
const (
	Physics Rank = iota // tasks start, instances boot
	Metrics             // minutes close
	Alarms              // alarms are evaluated
	Events              // events reach their handlers
	Probes              // observers sample the result
)

type entry struct {
	at   time.Time
	rank Rank
	seq  uint64
	do   func()
}

type entries []entry

func (h *entries) Len() int      { return len(*h) }
func (h *entries) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

func (h *entries) Less(i, j int) bool {
	a, b := (*h)[i], (*h)[j]
	if c := a.at.Compare(b.at); c != 0 {
		return c < 0
	}
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.seq < b.seq
}

func (h *entries) Push(x any) {
	if e, ok := x.(entry); ok {
		*h = append(*h, e)
	}
}

func (h *entries) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = entry{}
	*h = old[:len(old)-1]
	return e
}

// Clock is virtual time: it stands still while an event runs and jumps to the
// next one. It is not safe for concurrent use.
type Clock struct {
	now  time.Time
	seq  uint64
	heap entries
}

// NewClock gives a clock that stands at start.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now gives the virtual time.
func (c *Clock) Now() time.Time { return c.now }

// At runs do at t; a t in the past means now. Events of the same instant run
// by rank, and within a rank in the order in which they were scheduled.
func (c *Clock) At(t time.Time, r Rank, do func()) {
	if t.Before(c.now) {
		t = c.now
	}
	c.seq++
	heap.Push(&c.heap, entry{at: t, rank: r, seq: c.seq, do: do})
}

// After runs do once d has passed.
func (c *Clock) After(d time.Duration, r Rank, do func()) { c.At(c.now.Add(d), r, do) }

// Every runs do at first and then each period, without end. A period that is
// not positive runs do once, at first.
func (c *Clock) Every(first time.Time, period time.Duration, r Rank, do func()) {
	c.At(first, r, func() {
		do()
		if period > 0 {
			c.Every(c.now.Add(period), period, r, do)
		}
	})
}

// Step runs the next event that is due no later than end and tells whether
// there was one. The clock stands at the event's time while it runs.
func (c *Clock) Step(end time.Time) bool {
	if len(c.heap) == 0 || c.heap[0].at.After(end) {
		return false
	}
	e, ok := heap.Pop(&c.heap).(entry)
	if !ok {
		return false
	}
	c.now = e.at
	e.do()
	return true
}

// RunUntil runs every event that is due no later than end, and leaves the
// clock at end.
func (c *Clock) RunUntil(end time.Time) {
	for c.Step(end) {
	}
	if end.After(c.now) {
		c.now = end
	}
}
