package baseline

import "math"

// Chase gives as many tasks as the last datapoint held work for: the policy that
// needs no idea, as a yardstick for those that have one.
//
// Source: measure.md 2.6, [X1].
type Chase struct {
	// Headroom multiplies the load: 1.25 takes a task for full at 80 % CPU.
	Headroom float64
}

// Decide gives the tasks for the load of the newest datapoint.
func (k Chase) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	return whole(k.Headroom * s.Load)
}

// React is the reactive policy of Chieu et al. (ICEBE 2009): out by a fifth more
// than what lacks, in to a fifth more than what is needed once a tenth would do.
//
// Source: measure.md 3.2 (ahmedaley/Autoscalers:Reactive.py, formula alone). L is
// the load in servers, s the servers:
//
//	ceil(L) > s:  s + floor(1.2 (ceil(L) - s))
//	1.1 L < s:    ceil(1.2 ceil(L))
type React struct {
	Headroom float64 // multiplies the load, as in Chase
}

// Decide gives the servers for the load of the newest datapoint.
func (k React) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	load := k.Headroom * s.Load
	need := whole(load)
	switch {
	case need > s.Desired:
		return s.Desired + int(math.Floor(1.2*float64(need-s.Desired)+1e-9))
	case 1.1*load < float64(s.Desired):
		return whole(1.2 * float64(need))
	}
	return s.Desired
}
