package report

import (
	"math"
	"slices"
)

// How many instants a page draws. A trace up to wholeTrace is drawn as it is; of
// longer ones each gets its share of pagePoints, between the two bounds.
const (
	wholeTrace              = 1500
	pagePoints              = 24_000
	leastPoints, mostPoints = 600, 8000
)

// thin gives the indices of at most n values that keep the shape of a curve of
// equal steps: Largest-Triangle-Three-Buckets (Steinarsson, "Downsampling Time
// Series for Visual Representation", 2013, section 4.2). The first and the last
// are kept, as is the first of the highest: a report on capacity must not lose
// the peak. Fewer than three are taken as three.
func thin(ys []float64, n int) []int {
	n = max(n, 3)
	if len(ys) <= n {
		return upTo(len(ys))
	}
	peak := 0
	for i, y := range ys {
		if y > ys[peak] {
			peak = i
		}
	}
	// The values between the first and the last fall into n-2 buckets.
	edge := func(bucket int) int { return 1 + bucket*(len(ys)-2)/(n-2) }
	kept := make([]int, 1, n)
	for b := range n - 2 {
		from, to := edge(b), edge(b+1)
		best := peak
		if peak < from || peak >= to {
			// The bucket behind the last is the last value alone.
			best = largest(ys, kept[len(kept)-1], from, to, mean(ys, to, max(to+1, min(edge(b+2), len(ys)))))
		}
		kept = append(kept, best)
	}
	return append(kept, len(ys)-1)
}

type spot struct{ x, y float64 }

// mean gives the middle of the values from one index up to another.
func mean(ys []float64, from, to int) spot {
	m := spot{x: float64(from+to-1) / 2}
	for _, y := range ys[from:to] {
		m.y += y / float64(to-from)
	}
	return m
}

// largest gives the index between two that spans the largest triangle with the
// value kept last and the middle of the next bucket.
func largest(ys []float64, last, from, to int, next spot) int {
	best, most := from, -1.0
	for i := from; i < to; i++ {
		area := math.Abs((float64(last)-next.x)*(ys[i]-ys[last]) - (float64(last)-float64(i))*(next.y-ys[last]))
		if area > most {
			best, most = i, area
		}
	}
	return best
}

// instants gives the indices of a trace's samples that are drawn, the same ones
// for every curve of the trace: so the cursor reads what was true at one instant
// in all of its charts. They are those that any of the curves needs; demand,
// which moves always, has half of the number and the counts share the rest.
func instants(t Trace, most int) []int {
	n := len(t.Policies[0].Samples)
	if n <= max(most, wholeTrace) {
		return upTo(n)
	}
	var demands, counts [][]float64
	add := func(to [][]float64, p Policy, value func(Sample) float64) [][]float64 {
		ys := make([]float64, n)
		for i, s := range p.Samples {
			ys[i] = value(s)
		}
		if slices.ContainsFunc(to, func(have []float64) bool { return slices.Equal(have, ys) }) {
			return to
		}
		return append(to, ys)
	}
	for _, p := range t.Policies {
		demands = add(demands, p, func(s Sample) float64 { return s.Demand })
		for _, count := range []func(Sample) int{desired, running, instances} {
			counts = add(counts, p, func(s Sample) float64 { return float64(count(s)) })
		}
	}
	var kept []int
	for _, ys := range demands {
		kept = append(kept, thin(ys, most/2/len(demands))...)
	}
	for _, ys := range counts {
		kept = append(kept, thin(ys, most/2/len(counts))...)
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

func desired(s Sample) int   { return s.Desired }
func running(s Sample) int   { return s.Running }
func instances(s Sample) int { return s.Instances }

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// share is how many instants each of so many traces may have.
func share(traces int) int {
	return min(max(pagePoints/max(traces, 1), leastPoints), mostPoints)
}
