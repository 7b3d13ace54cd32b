package baseline

import (
	"math"
	"time"
)

// Headroom is a reactive policy with a margin: ceil(m x largest load of the last W
// + a) tasks.
//
// Source: measure.md 2.6, [X1] ("headroom"). With constants from TuneHeadroom it is
// the best of its kind in hindsight, which nobody can have: an optimistic rival.
type Headroom struct {
	Factor float64       // m
	Span   time.Duration // W
	Spare  float64       // a, tasks

	recent peak
}

// Decide gives the tasks for the largest of the loads that were seen.
func (k *Headroom) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	k.recent.span = k.Span
	return k.size(k.recent.push(s.Now, s.Load))
}

func (k *Headroom) size(most float64) int { return whole(k.Factor*most + k.Spare) }

// tolerated is the share of the time in which the tuned headroom may be short ([X1]).
const tolerated = 0.01

// TuneHeadroom finds the cheapest constants with which a run on the true load (in
// tasks' worth, each second) is short for at most 1 % of its minutes, or the
// constants that are short least where none are. dead is the time from the end of a
// minute to the running of the tasks that it led to.
func TuneHeadroom(load []float64, dead time.Duration) Headroom {
	minutes := means(load, 60)
	late := int(math.Ceil(dead.Minutes()))
	var best Headroom
	bestCost, bestShort := math.Inf(1), math.MaxInt
	allowed := int(tolerated * float64(len(minutes)))
	for _, w := range []int{1, 2, 3, 5, 10, 15, 30, 60, 120} {
		most := recentMost(minutes, w)
		for _, m := range []float64{1, 1.05, 1.1, 1.2, 1.3, 1.5, 1.75, 2, 2.5, 3, 4, 6} {
			for _, a := range []float64{0, 0.5, 1, 2, 3, 5, 8} {
				k := Headroom{Factor: m, Span: time.Duration(w-1) * time.Minute, Spare: a}
				cost, short := k.replay(minutes, most, late)
				if max(short, allowed) < max(bestShort, allowed) || max(short, allowed) == max(bestShort, allowed) && cost < bestCost {
					best, bestCost, bestShort = k, cost, short
				}
			}
		}
	}
	return best
}

// replay gives the task-minutes and the minutes short of a run.
func (k *Headroom) replay(minutes, most []float64, late int) (cost float64, short int) {
	for i, d := range minutes {
		n := max(1, k.size(most[max(0, i-late)]))
		cost += float64(n)
		if n < whole(d) {
			short++
		}
	}
	return cost, short
}

// recentMost gives for each value the largest of the last w.
func recentMost(values []float64, w int) []float64 {
	p := peak{span: time.Duration(w-1) * time.Minute}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = p.push(time.Time{}.Add(time.Duration(i)*time.Minute), v)
	}
	return out
}

// means gives the means of whole stretches of n values.
func means(values []float64, n int) []float64 {
	out := make([]float64, 0, len(values)/n)
	for i := 0; i+n <= len(values); i += n {
		sum := 0.0
		for _, v := range values[i : i+n] {
			sum += v
		}
		out = append(out, sum/float64(n))
	}
	return out
}
