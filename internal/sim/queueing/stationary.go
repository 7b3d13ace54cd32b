package queueing

import "math"

// crew is a number of running tasks and what the wait on them follows from.
type crew struct {
	law
	tasks int
	// scale is (ca2+cs2)/2 mean service times, by the servers of a queue: scale u/(1-u)
	// is the wait at utilisation u before it is corrected.
	scale float64
	bend  [bends + 1]float64 // by utilisation: the correction, or Erlang's C
}

// bends is the parts of the utilisation in which the correction is a straight line.
const bends = 128

// newCrew prepares for a number of tasks above 0. Those of a balancer that deals out
// in turn get every nth arrival of a Poisson stream, which is Erlang's: ca2 = 1/n. Their
// wait is less than the scale says by
//
//	exp(-2 (1-u) (1-ca2)^2 / (3 u (ca2+cs2)))
//
// (Kraemer and Langenbach-Belz, 8th International Teletraffic Congress, 1976).
func newCrew(l law, tasks int) crew {
	c := crew{law: l, tasks: tasks}
	n := float64(tasks)
	if l.central {
		c.scale = (1 + l.cv2) / 2 * l.mean / n
		for i := range c.bend {
			c.bend[i] = ErlangC(tasks, n*float64(i)/bends)
		}
		return c
	}
	ca2 := 1 / n
	c.scale = (ca2 + l.cv2) / 2 * l.mean
	by := 2 * (1 - ca2) * (1 - ca2) / (3 * (ca2 + l.cv2))
	for i := range c.bend {
		if u := float64(i) / bends; by > 0 {
			c.bend[i] = math.Exp(-by * (1 - u) / u)
		} else {
			c.bend[i] = 1
		}
	}
	return c
}

// odds gives how waits are made up at a queue whose wait before correction has a mean
// of so many seconds.
func (c *crew) odds(raw float64) odds {
	u := raw / (raw + c.scale)
	x := u * bends
	i := min(int(x), bends-1)
	bend := c.bend[i] + (x-float64(i))*(c.bend[i+1]-c.bend[i])
	if c.central {
		return odds{waits: bend, more: 1, mean: raw + c.scale}
	}
	wait, rest := raw*bend, c.meanRest()
	s := wait / (wait + rest)
	return odds{waits: s, more: s, mean: wait + rest}
}

// slowest gives about the response time of the slowest percent of requests, in seconds:
// of the service alone or, where waiting matters more, the means of what goes before the
// exponential and the exponential, which exceeds t with odds exp(-t/mean).
func (c *crew) slowest(o odds) float64 {
	before := c.mean
	if !c.central {
		before += c.meanRest()
	}
	return max(c.longest(), before+o.mean*math.Log(100*o.waits*o.more))
}

// longest gives the service time of the slowest percent, in seconds.
func (l law) longest() float64 {
	low, high := 0.0, 1e3*l.mean*(1+l.cv2)
	for range 60 {
		if t := (low + high) / 2; l.over(t) > 0.01 {
			low = t
		} else {
			high = t
		}
	}
	return high
}
