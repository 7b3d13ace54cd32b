// Package queueing gives the waiting lines of a service's requests: the formulas
// of stationary ones, a fluid line for speed and a line of requests one by one for
// truth, so that each checks the others.
//
// Load is in Erlangs: the task-seconds of work that arrive in a second. It is
// the number of tasks that the work keeps busy on average.
package queueing

import (
	"math"
	"math/rand/v2"
	"time"
)

// Model is the requests of one service.
type Model struct {
	// Mean is the service time of a request: how long an idle task takes for it.
	// 100 ms if zero.
	Mean time.Duration
	// CV2 is the squared coefficient of variation of the service time, which is
	// lognormal: 1 if zero, and negative for a constant service time.
	CV2 float64
	// Exponential makes the service time exponential instead, as M/M/n has it.
	Exponential bool
	// Limit is the objective: a slower answer violates it. 1 s if zero.
	Limit time.Duration
	// Patience is the longest wait: a request that would wait longer is rejected.
	// 30 s if zero, and negative for requests that wait for ever.
	Patience time.Duration
	// Central has one queue for all tasks. The default is worse and what a load
	// balancer does: a queue at every task, requests dealt out in turn.
	Central bool
}

// Second is what one second of a line did. A fluid line gives fractions of
// requests.
type Second struct {
	// Arrived, Slow and Rejected are requests. Slow are those answered later than
	// the limit, each counted in the second in which that became certain: at its
	// arrival, or where the queue is central as it leaves the queue.
	Arrived, Slow, Rejected float64
	// Work is the task-seconds that the running tasks worked, at most their
	// number. What tasks that were stopped still finish is not in it.
	Work     float64
	Backlog  float64 // requests waiting or at work at the end, stopped tasks' too
	InFlight float64 // the same, mean over the second
}

// Line is one service's requests on their way through its tasks.
type Line interface {
	// Step lets one second pass in which the load goes linearly from load to next,
	// in Erlangs, on a number of running tasks. A task that joins has an empty
	// queue, one that leaves gets no further request and finishes those it has.
	// Without tasks every arrival is rejected, as by a balancer without targets.
	Step(load, next float64, running int) Second
	// Latency gives the response times of the requests answered so far, in seconds.
	Latency() *Histogram
	// Slowest gives about the response time of the slowest percent of the last second's
	// requests, in seconds, 0 where there are none: the slowest one's, one by one.
	Slowest() float64
	// Check tells which request or work was lost.
	Check() error
}

// law is a Model with its defaults, in seconds.
type law struct {
	mean, cv2       float64
	limit, patience float64
	central         bool
	exponential     bool
	mu, sigma       float64 // of the logarithm of the service time
}

func (m Model) law() law {
	seconds := func(d, instead time.Duration) float64 {
		if d == 0 {
			d = instead
		}
		return d.Seconds()
	}
	l := law{
		mean: seconds(m.Mean, 100*time.Millisecond), limit: seconds(m.Limit, time.Second),
		patience: seconds(m.Patience, 30*time.Second), cv2: m.CV2, central: m.Central, exponential: m.Exponential,
	}
	if l.patience < 0 {
		l.patience = math.Inf(1)
	}
	switch {
	case l.cv2 == 0, l.exponential:
		l.cv2 = 1
	case l.cv2 < 0:
		l.cv2 = 0
	}
	l.sigma = math.Sqrt(math.Log1p(l.cv2))
	l.mu = math.Log(l.mean) - l.sigma*l.sigma/2
	return l
}

// over gives the share of the service times above x seconds.
func (l law) over(x float64) float64 {
	switch {
	case x < 0, x == 0 && l.cv2 > 0:
		return 1
	case l.exponential:
		return math.Exp(-x / l.mean)
	case l.cv2 == 0 && x < l.mean:
		return 1
	case l.cv2 == 0:
		return 0
	}
	return math.Erfc((math.Log(x)-l.mu)/(l.sigma*math.Sqrt2)) / 2
}

// rest gives the share of what is left of the service that an arrival finds at work
// above x seconds: the integral of over from x on, by the mean.
func (l law) rest(x float64) float64 {
	switch {
	case x <= 0:
		return 1
	case l.exponential:
		return l.over(x)
	case l.cv2 == 0:
		return max(0, 1-x/l.mean)
	}
	z := (math.Log(x) - l.mu) / l.sigma
	return max(0, (math.Erfc((z-l.sigma)/math.Sqrt2)-x/l.mean*math.Erfc(z/math.Sqrt2))/2)
}

// meanRest is its mean in seconds.
func (l law) meanRest() float64 { return l.mean * (1 + l.cv2) / 2 }

// draw gives one service time in seconds.
func (l law) draw(r *rand.Rand) float64 {
	switch {
	case l.exponential:
		return l.mean * r.ExpFloat64()
	case l.cv2 == 0:
		return l.mean
	}
	return math.Exp(l.mu + l.sigma*r.NormFloat64())
}

// sane gives a load that can be worked with: none for what is no number.
func sane(load float64) float64 {
	if !(load > 0) || math.IsInf(load, 1) {
		return 0
	}
	return load
}
