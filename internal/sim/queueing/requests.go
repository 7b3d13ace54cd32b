package queueing

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// stream is what both lines of requests have in common: arrivals, service times, and
// the books. Times are in seconds from the start of the present second.
type stream struct {
	law
	rng     *rand.Rand
	latency Histogram
	leaves  calendar
	slowest float64 // answer of this second

	arrived, answered, rejected float64
	inside                      float64 // requests in the system
	worked, left, taken         float64 // task-seconds: done, not done by tasks that were stopped, begun
}

// NewRequests gives a line of requests one by one, in the order of their arrival. They
// arrive as a Poisson stream that follows the load, drawn by thinning.
func NewRequests(m Model, rng *rand.Rand) Line {
	s := stream{law: m.law(), rng: rng}
	if m.Central {
		return &central{stream: s}
	}
	return &separate{stream: s}
}

// arrivals calls do at each arrival of a second.
func (s *stream) arrivals(load, next float64, do func(at float64)) {
	first, last := sane(load)/s.mean, sane(next)/s.mean
	top := max(first, last)
	s.slowest = 0
	if top == 0 {
		return
	}
	gap, slope := 1/top, (last-first)/top
	low := first / top
	for at := gap * s.rng.ExpFloat64(); at < 1; at += gap * s.rng.ExpFloat64() {
		if slope == 0 || s.rng.Float64() < low+slope*at {
			do(at)
		}
	}
}

// serve books a request that is begun at a time and gives the time of its answer.
func (s *stream) serve(arrival, begin float64, out *Second) float64 {
	work := s.draw(s.rng)
	end := begin + work
	if end-arrival > s.limit {
		out.Slow++
	}
	s.slowest = max(s.slowest, end-arrival)
	s.latency.Add(end-arrival, 1)
	s.taken += work
	s.leaves.add(end)
	return end
}

// enter books an arrival, which is in the system for the rest of its second.
func (s *stream) enter(at float64, out *Second) {
	out.Arrived++
	out.InFlight += 1 - at
}

// close ends the books of a second: who was in the system at its beginning was there all of
// it, less the time after the answer.
func (s *stream) close(out *Second) {
	gone, unused := s.leaves.turn()
	out.InFlight += s.inside - unused
	s.inside += out.Arrived - out.Rejected - gone
	out.Backlog = s.inside
	s.arrived, s.rejected, s.answered = s.arrived+out.Arrived, s.rejected+out.Rejected, s.answered+gone
	s.worked += out.Work
}

// Latency gives the response times, those that are certain of requests at work too.
func (s *stream) Latency() *Histogram {
	h := s.latency
	return &h
}

// Slowest gives the response time of the slowest request of the last second.
func (s *stream) Slowest() float64 { return s.slowest }

// check compares the books with what is in the system: requests whose answer has its
// time, those that wait without one, and work begun and not done.
func (s *stream) check(waiting int, undone float64) error {
	if have := s.answered + s.rejected + s.leaves.count() + float64(waiting); have != s.arrived {
		return fmt.Errorf("%.0f requests came to a line, and %.0f were answered, rejected or are there", s.arrived, have)
	}
	if have := s.worked + s.left + undone; math.Abs(have-s.taken) > 1e-6*(1+s.taken) {
		return fmt.Errorf("%.6f task-seconds were begun, and %.6f are done or not", s.taken, have)
	}
	return nil
}

// calendar counts answers by the second in which they are given.
type calendar struct {
	days []day
	head int // the present second's
}

// day is the answers of one second, and their time from its start in all.
type day struct{ n, at float64 }

// add enters an answer at a time from the start of the present second.
func (c *calendar) add(at float64) {
	i := int(at)
	if i >= len(c.days) {
		c.grow(i)
	}
	d := &c.days[(c.head+i)&(len(c.days)-1)]
	d.n++
	d.at += at - float64(i)
}

// grow makes room for a second, in a power of two.
func (c *calendar) grow(i int) {
	size := max(len(c.days), 16)
	for size <= i {
		size *= 2
	}
	days := make([]day, size)
	n := copy(days, c.days[c.head:])
	copy(days[n:], c.days[:c.head])
	c.days, c.head = days, 0
}

// turn ends the present second: its answers, and the time from them to its end in all.
func (c *calendar) turn() (answers, after float64) {
	if len(c.days) == 0 {
		return 0, 0
	}
	d := c.days[c.head]
	c.days[c.head] = day{}
	c.head = (c.head + 1) & (len(c.days) - 1)
	return d.n, d.n - d.at
}

// count gives the answers to come.
func (c *calendar) count() float64 {
	n := 0.0
	for _, d := range c.days {
		n += d.n
	}
	return n
}

// separate is a queue at every task behind a balancer that deals out in turn. A task's
// queue is the time at which it will be idle, by Lindley's recursion.
type separate struct {
	stream
	idle []float64 // by task, oldest first; at or below 0 for now
	turn int       // whose the next request is
}

// Step lets one second pass.
func (s *separate) Step(load, next float64, running int) Second {
	running = max(running, 0)
	if gone := len(s.idle) - running; gone > 0 { // the oldest, as a rollout has it
		for _, t := range s.idle[:gone] {
			s.left += t
		}
		s.idle = append(s.idle[:0], s.idle[gone:]...)
	}
	for len(s.idle) < running {
		s.idle = append(s.idle, 0)
	}
	var out Second
	begun := s.taken
	out.Work = s.undone()
	s.arrivals(load, next, func(at float64) {
		s.enter(at, &out)
		if s.turn >= len(s.idle) {
			s.turn = 0
		}
		if len(s.idle) == 0 || s.idle[s.turn]-at > s.patience {
			out.Rejected++
			out.InFlight -= 1 - at
		} else {
			s.idle[s.turn] = s.serve(at, max(at, s.idle[s.turn]), &out)
		}
		s.turn++
	})
	for i, t := range s.idle {
		s.idle[i] = max(0, t-1)
	}
	out.Work += s.taken - begun - s.undone()
	s.close(&out)
	return out
}

// undone gives the task-seconds of work that the running tasks have.
func (s *separate) undone() float64 {
	sum := 0.0
	for _, t := range s.idle {
		sum += t
	}
	return sum
}

// Check tells which request or work was lost.
func (s *separate) Check() error { return s.check(0, s.undone()) }
