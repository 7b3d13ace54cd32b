package score

import (
	"cmp"
	"math"
	"slices"
)

// Point is what one value of a policy's knob came to.
type Point struct {
	Knob      float64 `json:"knob"`
	Violation float64 `json:"violationPercent"`
	Cost      float64 `json:"cost"` // in any unit
}

// Curve is the points of one policy on one trace, in any order: its trade between
// violations and cost.
type Curve []Point

// Envelope gives the points that no other beats in both violation and cost, violations
// rising and costs falling. Of equal points the first stays. Violations below 0.001 %
// count as that: a run of a day cannot tell them from none. A point without a finite
// violation and cost is left out.
func (c Curve) Envelope() Curve {
	var all Curve
	for _, p := range c {
		if p.Violation = max(p.Violation, LeastPercent); isFinite(p.Violation) && isFinite(p.Cost) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Violation, b.Violation), cmp.Compare(a.Cost, b.Cost))
	})
	var out Curve
	for _, p := range all {
		if len(out) == 0 || p.Cost < out[len(out)-1].Cost {
			out = append(out, p)
		}
	}
	return out
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// CostAt gives what it costs to violate the objective in at most the given percentage of
// requests: the cost on the envelope, linear in the logarithm of the violation between
// two points. Nothing is extrapolated: ok is false, "never", where no point is as low,
// and where all are lower the cheapest counts, though a looser knob might cost less.
func (c Curve) CostAt(violationPercent float64) (cost float64, ok bool) {
	v := max(violationPercent, LeastPercent)
	e := c.Envelope()
	i := slices.IndexFunc(e, func(p Point) bool { return p.Violation > v })
	switch {
	case len(e) == 0 || i == 0:
		return 0, false
	case i < 0:
		return e[len(e)-1].Cost, true
	}
	low, high := e[i-1], e[i]
	share := math.Log(v/low.Violation) / math.Log(high.Violation/low.Violation)
	return low.Cost + float64(share*(high.Cost-low.Cost)), true
}

// Mean is a geometric mean over traces of costs relative to the oracle, of which some
// may be infinite: the traces on which a policy never met the objective.
type Mean struct {
	OverReached float64 `json:"overReached,omitempty"` // of the finite ones, 0 if there are none
	Reached     int     `json:"reached"`
	Never       int     `json:"never"`
}

// GeometricMean gives the mean of costs above 0; +Inf stands for never.
func GeometricMean(costs []float64) Mean {
	var m Mean
	sum := 0.0
	for _, c := range costs {
		if math.IsInf(c, 1) {
			m.Never++
			continue
		}
		m.Reached++
		sum += math.Log(c)
	}
	if m.Reached > 0 {
		m.OverReached = math.Exp(sum / float64(m.Reached))
	}
	return m
}

// Overall gives the mean over all traces, to rank by: +Inf with a single never, and
// without any trace.
func (m Mean) Overall() float64 {
	if m.Never > 0 || m.Reached == 0 {
		return math.Inf(1)
	}
	return m.OverReached
}

// ViolationAt gives the violations in percent of the requests that a cost buys: the
// envelope read the other way. Nothing is extrapolated: ok is false where the cost is below
// all points, and above all of them the safest counts.
func (c Curve) ViolationAt(cost float64) (violationPercent float64, ok bool) {
	e := c.Envelope()
	i := slices.IndexFunc(e, func(p Point) bool { return p.Cost <= cost })
	switch {
	case i < 0:
		return 0, false
	case i == 0:
		return e[0].Violation, true
	}
	safe, cheap := e[i-1], e[i]
	share := (cost - cheap.Cost) / (safe.Cost - cheap.Cost)
	return cheap.Violation * math.Pow(safe.Violation/cheap.Violation, share), true
}
