package board

import (
	"cmp"
	"math"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Objectives are the violations in percent of the requests at which costs are compared.
func Objectives() []float64 { return []float64{1, 0.1} }

// Rank is one contestant over all traces with one start.
type Rank struct {
	Start  trial.Start `json:"start"`
	Policy string      `json:"policy"`
	// At are the geometric means of the cost over the oracle's at each of Objectives.
	At []score.Mean `json:"at"`
}

// Ranks gives the contestants of a start in the order of the headline: of the cost at
// equal violations, those that met the objective on more traces first.
func (b Board) Ranks(start trial.Start) []Rank {
	var out []Rank
	for _, name := range b.policies() {
		r := Rank{Start: start, Policy: name}
		for _, v := range Objectives() {
			var costs []float64
			for _, e := range b.Entries {
				if e.Start == start && e.Policy == name {
					costs = append(costs, e.At(v))
				}
			}
			r.At = append(r.At, score.GeometricMean(costs))
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Rank) int {
		return cmp.Or(cmp.Compare(a.At[0].Never, b.At[0].Never), cmp.Compare(a.At[0].OverReached, b.At[0].OverReached))
	})
	return out
}

// At is the cost over the oracle's at which the objective is violated in at most so many
// percent of the requests; +Inf where the curve does not reach it.
func (e Entry) At(violationPercent float64) float64 {
	if c, ok := e.Curve.CostAt(violationPercent); ok {
		return c
	}
	return math.Inf(1)
}

func (b Board) policies() []string {
	var out []string
	for _, e := range b.Entries {
		if !slices.Contains(out, e.Policy) {
			out = append(out, e.Policy)
		}
	}
	return out
}

// Traces gives the names of the traces in their order.
func (b Board) Traces() []string {
	var out []string
	for _, e := range b.Entries {
		if !slices.Contains(out, e.Trace) {
			out = append(out, e.Trace)
		}
	}
	return out
}

// Find gives an entry, and false where there is none.
func (b Board) Find(start trial.Start, trace, policy string) (Entry, bool) {
	i := slices.IndexFunc(b.Entries, func(e Entry) bool { return e.Start == start && e.Trace == trace && e.Policy == policy })
	if i < 0 {
		return Entry{}, false
	}
	return b.Entries[i], true
}

// Against is one policy's violations beside another's at equal cost.
type Against struct {
	Start trial.Start `json:"start"`
	Trace string      `json:"trace"`
	// Cost is what the other paid at one value of its knob, over the oracle's, Theirs its
	// violations and Ours those of our envelope at that cost, both in percent of the
	// requests and at least 0.001: a run cannot tell less from none.
	Cost   float64 `json:"cost"`
	Knob   float64 `json:"knob"`
	Theirs float64 `json:"theirsPercent"`
	Ours   float64 `json:"oursPercent"`
}

// Ratio is ours over theirs: 1 where neither violates anything.
func (a Against) Ratio() float64 { return a.Ours / a.Theirs }

// Versus compares our violations with another policy's at the cost of each point of its
// envelope, by trace: a value of its knob that another one beats in both is nobody's
// choice. What costs less than all of ours is left out.
func (b Board) Versus(start trial.Start, ours, theirs string) []Against {
	var out []Against
	for _, t := range b.Traces() {
		a, okA := b.Find(start, t, ours)
		o, okB := b.Find(start, t, theirs)
		if !okA || !okB {
			continue
		}
		for _, p := range o.Curve.Envelope() {
			if v, ok := a.Curve.ViolationAt(p.Cost); ok {
				out = append(out, Against{Start: start, Trace: t, Cost: p.Cost, Knob: p.Knob, Theirs: p.Violation, Ours: v})
			}
		}
	}
	return out
}
