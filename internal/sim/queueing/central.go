package queueing

// central is one queue for all tasks: who becomes idle takes its first request.
type central struct {
	stream
	idle    []float64 // when each task will be, a heap with the earliest first
	waiting []float64 // arrivals in order, seconds from the first start
	first   int       // of waiting
	now     float64   // start of the second, seconds from the first start
}

// Step lets one second pass.
func (c *central) Step(load, next float64, running int) Second {
	running = max(running, 0)
	for len(c.idle) > running { // idle tasks first
		c.left += c.idle[0]
		last := len(c.idle) - 1
		c.idle[0], c.idle = c.idle[last], c.idle[:last]
		c.sink()
	}
	for len(c.idle) < running {
		c.idle = append(c.idle, 0)
		for i := len(c.idle) - 1; i > 0 && c.idle[i] < c.idle[(i-1)/2]; i = (i - 1) / 2 {
			c.idle[i], c.idle[(i-1)/2] = c.idle[(i-1)/2], c.idle[i]
		}
	}
	var out Second
	begun := c.taken
	out.Work = c.undone()
	c.arrivals(load, next, func(at float64) {
		c.enter(at, &out)
		if len(c.idle) == 0 {
			out.Rejected++
			out.InFlight -= 1 - at
			return
		}
		c.waiting = append(c.waiting, c.now+at)
		c.begin(at, &out)
	})
	c.begin(1, &out)
	for i, t := range c.idle {
		c.idle[i] = max(0, t-1)
	}
	out.Work += c.taken - begun - c.undone()
	c.close(&out)
	c.now++
	return out
}

// begin lets the tasks that are idle before a time take what waits.
func (c *central) begin(until float64, out *Second) {
	for c.first < len(c.waiting) && len(c.idle) > 0 && (c.idle[0] < until || c.idle[0] == until && until < 1) {
		arrival := c.waiting[c.first] - c.now
		c.first++
		begin := max(arrival, c.idle[0])
		if begin-arrival > c.patience {
			out.Rejected++
			out.InFlight -= 1 - begin
			continue
		}
		c.idle[0] = c.serve(arrival, begin, out)
		c.sink()
	}
	if c.first == len(c.waiting) {
		c.waiting, c.first = c.waiting[:0], 0
	} else if c.first > 1024 && 2*c.first > len(c.waiting) {
		c.waiting = append(c.waiting[:0], c.waiting[c.first:]...)
		c.first = 0
	}
}

// sink puts the first of the heap where it belongs.
func (c *central) sink() {
	h := c.idle
	for i := 0; ; {
		j := 2*i + 1
		if j >= len(h) {
			return
		}
		if j+1 < len(h) && h[j+1] < h[j] {
			j++
		}
		if h[i] <= h[j] {
			return
		}
		h[i], h[j], i = h[j], h[i], j
	}
}

// undone gives the task-seconds of work that the running tasks have begun.
func (c *central) undone() float64 {
	sum := 0.0
	for _, t := range c.idle {
		sum += t
	}
	return sum
}

// Check tells which request or work was lost.
func (c *central) Check() error { return c.check(len(c.waiting)-c.first, c.undone()) }
