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
	// Beside is its cost over the first contestant's at the first objective, the geometric
	// mean over the traces on which both meet it; on no two traces would At compare the same.
	Beside Beside `json:"besideFirst"`
}

// Beside is a ratio of costs over the traces on which both policies meet an objective.
type Beside struct {
	Times  float64 `json:"times,omitempty"`
	Traces int     `json:"traces"`
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
		r.Beside = b.beside(start, name, b.policies()[0])
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Rank) int {
		return cmp.Or(cmp.Compare(a.At[0].Never, b.At[0].Never), cmp.Compare(a.At[0].OverReached, b.At[0].OverReached))
	})
	return out
}

// beside compares a policy's cost at the first objective with another's.
func (b Board) beside(start trial.Start, policy, other string) Beside {
	var ratios []float64
	for _, t := range b.Traces() {
		first, okF := b.Find(start, t, other)
		e, ok := b.Find(start, t, policy)
		if ok && okF {
			ratios = append(ratios, e.At(Objectives()[0])/first.At(Objectives()[0]))
		}
	}
	ratios = slices.DeleteFunc(ratios, func(x float64) bool { return x == 0 || math.IsInf(x, 0) || math.IsNaN(x) })
	m := score.GeometricMean(ratios)
	return Beside{Times: m.OverReached, Traces: m.Reached}
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
