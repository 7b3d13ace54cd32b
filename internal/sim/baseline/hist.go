package baseline

import "math"

// The numbers of Hist.
const (
	histSamples  = 730 // that a histogram holds
	histQuantile = 0.9
	histErrors   = 5  // steps that correct the target
	histSteps    = 10 // steps in which it may be short
)

// Hist is the histogram policy of Urgaonkar et al. (TAAS 2008): a high percentile
// of what the same hour of the day has needed, corrected by the errors of the last
// steps.
//
// Source: measure.md 3.2 (ahmedaley/Autoscalers:Histogram.py, formula alone):
// the 90th percentile of the last 730 needs of the hour, less the mean of servers
// less need over the last 5 steps; if more than 5 of the last 10 steps were short
// ceil(1.05 L), and the errors are forgotten.
type Hist struct {
	Headroom float64 // multiplies the load, as in Chase

	hours  [24]needs
	errors []int // servers less need, the newest last
}

// Decide is one step.
func (k *Hist) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	load := k.Headroom * s.Load
	need := whole(load)
	h := &k.hours[s.Now.Hour()]
	h.add(need)
	k.errors = append(k.errors, s.Desired-need)
	if n := len(k.errors); n > histSteps {
		k.errors = k.errors[n-histSteps:]
	}
	short := 0
	for _, e := range k.errors {
		if e < 0 {
			short++
		}
	}
	if short > histSteps/2 {
		k.errors = nil
		return whole(1.05 * load)
	}
	recent := k.errors[max(0, len(k.errors)-histErrors):]
	sum := 0
	for _, e := range recent {
		sum += e
	}
	return whole(float64(h.quantile(histQuantile)) - float64(sum)/float64(len(recent)))
}

// needs is a histogram of the last histSamples counts.
type needs struct {
	last  []int // a ring
	next  int
	count []int // of each value
}

func (h *needs) add(v int) {
	for len(h.count) <= v {
		h.count = append(h.count, 0)
	}
	h.count[v]++
	if len(h.last) < histSamples {
		h.last = append(h.last, v)
		return
	}
	h.count[h.last[h.next]]--
	h.last[h.next] = v
	h.next = (h.next + 1) % histSamples
}

// quantile gives the value by nearest rank.
func (h *needs) quantile(q float64) int {
	rank := int(math.Ceil(q*float64(len(h.last)) - 1e-9))
	for v, n := range h.count {
		if rank -= n; rank <= 0 {
			return v
		}
	}
	return 0
}
