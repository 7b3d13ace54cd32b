package baseline

import "math"

// Adapt is the adaptive policy of Ali-Eldin et al. (NOMS 2012), also called AKTE:
// out by what lacks at once and by a proactive change on top, in by a proactive
// change alone, whose rate follows the gap between need and servers.
//
// Source: measure.md 3.2 (ahmedaley/Autoscalers:AKTE.py, formula alone). L is the
// load in servers, s the servers, a step one decision:
//
//	nbar = mean of s since the beginning
//	u    = mean of s since the last estimate / nbar
//	R    = u (ceil(L) - s) servers a step, a quarter of it if negative
//	next estimate after 5 D / (mean of s since the last one) steps, D = 1 % of s
//
// Five hundredths of s over s are less than one step, so each step has its own
// estimate unless the servers grow tenfold and more in between.
type Adapt struct {
	Headroom float64 // multiplies the load, as in Chase

	steps, sum  float64 // of all steps, and the servers summed over them
	since, part float64 // the same since the last estimate
	wait        float64 // steps until the next one
	rate, units float64 // R, and what of it is not carried out
}

// Decide is one step.
func (k *Adapt) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	load, have := k.Headroom*s.Load, float64(s.Desired)
	need := whole(load)
	k.steps, k.sum, k.since, k.part = k.steps+1, k.sum+have, k.since+1, k.part+have
	if k.wait--; k.wait <= 0 && k.sum > 0 {
		recent := k.part / k.since
		k.rate = recent / (k.sum / k.steps) * float64(need-s.Desired)
		if k.rate < 0 {
			k.rate /= 4
		}
		k.wait, k.since, k.part = 5*0.01*have/max(recent, 1), 0, 0
	}
	k.units += k.rate
	change := int(math.Trunc(k.units))
	k.units -= float64(change)
	if need > s.Desired {
		return whole(1.1*load) + max(change, 0)
	}
	return max(need, s.Desired+change)
}
