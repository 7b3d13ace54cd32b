package queueing

import "sort"

// MaxSlow is the share of slow answers that is still enough: 5 %, as an objective of
// the p95 has it.
const MaxSlow = 0.05

// Demand gives the fewest tasks on which, with a constant load in Erlangs, at most
// MaxSlow of the answers are slow: at least 1 where there is a load, and 0 where there
// is none. Where the service time alone takes more than half of MaxSlow, which no number of
// tasks mends, waiting may add that half. For many loads see Demands.
func (m Model) Demand(load float64) int {
	load = sane(load)
	if load == 0 {
		return 0
	}
	d := newDemands(m)
	low, high := int(load), int(load)+1 // low is too few
	for d.most(high) < load {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if n := (low + high) / 2; d.most(n) < load {
			low = n
		} else {
			high = n
		}
	}
	return high
}

// Demands gives Demand as a function that keeps what it found: for calls by the
// million, and not from several goroutines at once.
func (m Model) Demands() func(load float64) int {
	d := newDemands(m)
	var most []float64 // by the number of tasks, from one
	return func(load float64) int {
		load = sane(load)
		if load == 0 {
			return 0
		}
		if load > 1e4 {
			return m.Demand(load)
		}
		for len(most) == 0 || most[len(most)-1] < load {
			most = append(most, d.most(len(most)+1))
		}
		return 1 + sort.SearchFloat64s(most, load)
	}
}

// demands is what does not change between loads.
type demands struct {
	law
	before  []float64
	service float64 // P(service > limit)
	rest    float64 // P(service + rest > limit)
	allowed float64 // P(wait + service > limit)
}

func newDemands(m Model) demands {
	l := m.law()
	d := demands{law: l, before: l.before(), service: l.over(l.limit), rest: 1}
	for _, share := range d.before {
		d.rest -= share
	}
	d.allowed = max(MaxSlow, d.service+MaxSlow/2)
	return d
}

// most gives the highest load that n tasks carry.
func (d demands) most(n int) float64 {
	c := newCrew(d.law, n)
	low, high := 0.0, float64(n)
	for range 45 {
		if a := (low + high) / 2; d.slow(&c, a) > d.allowed {
			high = a
		} else {
			low = a
		}
	}
	return low
}

// slow gives P(wait + service > limit) with a load of a below the tasks: the stationary
// state of the fluid line.
func (d demands) slow(c *crew, a float64) float64 {
	u := a / float64(c.tasks)
	o, tail := c.odds(c.scale*u/(1-u)), 0.0
	d.tails(d.before, o.mean, nil, func(_ int, t float64) { tail = t })
	return o.mix(d.service, d.rest, tail)
}
