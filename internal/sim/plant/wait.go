package plant

import "math"

// arrivals gives the messages that are sent in a second.
func (q *queue) arrivals(sec int) int {
	a := q.cfg.Arrivals(sec)
	if !(a > 0) || math.IsInf(a, 0) {
		return 0
	}
	if q.rng == nil {
		q.carry += a
		n := int(q.carry + 1e-9)
		q.carry -= float64(n)
		return n
	}
	n := 0
	for t := q.rng.ExpFloat64(); t < a; t += q.rng.ExpFloat64() {
		n++
	}
	return n
}

// finish deletes what the tasks are done with, and gives how many messages that are.
func (q *queue) finish(sec int) int {
	var done []batch
	var n int
	q.flying, n = ripe(q.flying, sec, &done)
	if q.waits == nil {
		return n
	}
	for _, b := range done {
		q.waits.Add(float64(q.wait(b)), float64(b.n))
		if q.wait(b) > q.limit() {
			q.slow += b.n
		}
	}
	return n
}

func (q *queue) limit() int { return seconds(q.cfg.Limit) }

// wait is how many seconds messages in flight waited for their receipt.
func (q *queue) wait(b batch) int { return b.due - max(seconds(q.cfg.Processing), 1) - b.sent }

// waiting is how many seconds the oldest message has waited that nobody works on.
func (q *queue) waiting() int {
	oldest := q.seen
	if len(q.visible) > 0 { // the oldest first
		oldest = min(oldest, q.visible[0].sent)
	}
	for _, b := range q.abandoned {
		oldest = min(oldest, b.sent)
	}
	return q.seen - oldest
}

// late tells whether, after the last second, a message waits that has waited longer than
// the limit.
func (q *queue) late() bool { return q.waits != nil && q.waited > q.limit() }

// overdue counts the messages that are there and have waited, or did until their receipt,
// longer than the limit.
func (q *queue) overdue() int {
	n := 0
	for _, list := range [][]batch{q.visible, q.abandoned} {
		for _, b := range list {
			if q.seen-b.sent > q.limit() {
				n += b.n
			}
		}
	}
	for _, b := range q.flying {
		if q.wait(b) > q.limit() {
			n += b.n
		}
	}
	return n
}
