package score

import "math"

// elasticity holds the metrics of the SPEC Research Group, all in percent, 0 is best:
// Herbst et al., "Ready for Rain?", SPEC-RG-2016-01, arXiv:1604.03470, for d tasks
// demanded and s ready in each of T seconds.
type elasticity struct {
	thetaU float64 // 100/T * sum of max(d-s, 0)/d: how far too small
	thetaO float64 // 100/T * sum of max(s-d, 0)/d: how far too large
	// thetaO3 is thetaO with d of at least 3 in the denominator: where one or two tasks
	// are enough, one more would be 50 or 100 %.
	thetaO3 float64
	tauU    float64 // 100/T * seconds too small
	tauO    float64 // 100/T * seconds too large
}

// compare sets the ready tasks against demand[t] in the seconds from <= t < to.
// Where nothing is demanded, what is ready is measured against one task.
func compare(demand []int32, ready Steps, from, to int) *elasticity {
	e := &elasticity{}
	ready.spans(from, to, func(t, end, s int) {
		for t < end {
			next := same(demand, t, end)
			e.add(int(demand[t]), s, float64(next-t))
			t = next
		}
	})
	e.mean(to - from)
	return e
}

// unscaled is compare for n tasks all the time: the seconds of each demand, 0 to peak,
// are counted first, as their order does not matter.
func unscaled(demand []int32, n, peak int) *elasticity {
	e := &elasticity{}
	seconds := make([]int, peak+1)
	for _, d := range demand {
		seconds[max(0, d)]++
	}
	for d, count := range seconds {
		e.add(d, n, float64(count))
	}
	e.mean(len(demand))
	return e
}

// mean turns sums over seconds into percent of them.
func (e *elasticity) mean(seconds int) {
	percent := 100 / float64(seconds)
	e.thetaU, e.thetaO, e.thetaO3 = e.thetaU*percent, e.thetaO*percent, e.thetaO3*percent
	e.tauU, e.tauO = e.tauU*percent, e.tauO*percent
}

func (e *elasticity) add(d, s int, seconds float64) {
	switch {
	case s < d:
		e.thetaU += float64(float64(d-s) / float64(d) * seconds)
		e.tauU += seconds
	case s > d:
		e.thetaO += float64(float64(s-d) / float64(max(d, 1)) * seconds)
		e.thetaO3 += float64(float64(s-d) / float64(max(d, 3)) * seconds)
		e.tauO += seconds
	}
}

// minute is the grid of upsilon in seconds: that of CloudWatch's metrics.
const minute = 60

// upsilon gives SPEC's instability, 100/n * the minutes in which sgn(s[t]-s[t-1]) is not
// sgn(d[t]-d[t-1]), for s and d at the ends of n+1 whole minutes; 0 if n < 1.
//
// Second by second s and d would never move together, and d of a single second is noise
// that makes every policy look alike. So d is the mean over the start-up delay, but at
// least over the minute, rounded: a faster change could not have been followed. The mean
// may reach back before from, where the trace does.
func upsilon(demand []int32, ready Steps, from, to, startDelay int) float64 {
	window := max(startDelay, minute)
	first := max(0, from+minute-window)
	t, sum := first, 0 // of demand[first:t]
	var s, d, n, differ int
	for end := from + minute; end <= to; end += minute {
		for ; t < end; t++ {
			sum += int(demand[t])
		}
		for ; first < end-window; first++ {
			sum -= int(demand[first])
		}
		nextS := ready.At(end - 1)
		nextD := (2*sum + end - first) / (2 * (end - first)) // halves up
		if end > from+minute {
			n++
			if sign(nextS-s) != sign(nextD-d) {
				differ++
			}
		}
		s, d = nextS, nextD
	}
	if n == 0 {
		return 0
	}
	return 100 * float64(differ) / float64(n)
}

func sign(x int) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

// LeastPercent stands for 0 where a percentage is divided by or its logarithm taken: one
// in 100,000 is less than the traces can show.
const LeastPercent = 0.001

// speedup gives epsilon, how many times better e is than none, the same load without
// scaling: the geometric mean of the ratios of theta and tau, both ways. A metric below
// 0.001 % counts as that, so that it is finite.
func (e *elasticity) speedup(none *elasticity) float64 {
	ratio := func(n, a float64) float64 { return max(n, LeastPercent) / max(a, LeastPercent) }
	return math.Pow(ratio(none.thetaU, e.thetaU)*ratio(none.thetaO, e.thetaO)*
		ratio(none.tauU, e.tauU)*ratio(none.tauO, e.tauO), 0.25)
}
