package taskcount

import (
	"iter"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// ask is what one closed datapoint asks for.
type ask struct {
	ago   time.Duration // how long before the newest datapoint
	count int           // tasks; the base where the datapoint asks for no change
	// need is the tasks needed before rounding, 0 where the policy has no such
	// number: a step knows a direction, not a need.
	need float64
	// busy is true where the datapoint says that there was something to do.
	busy bool
}

// view is what one policy asks for, datapoint by datapoint.
type view struct {
	policy spec.Policy
	key    string // of its metric, in marks
	period time.Duration
	now    time.Time
	// points is the number of datapoints that can be used, and ask gives what the
	// one at i asks for, oldest first. Most of them are never asked: a hold looks at
	// the newest alone, a scale-in at its window, and only one that follows a
	// scale-out at the hour.
	points int
	ask    func(i int) ask
	rec    Recommendation
	// unlearnt is true where a policy has data and cannot say what it needs: the
	// service rate of its tasks is not known yet.
	unlearnt bool
	// silent is true where a source that reports real zeros says that nothing
	// happens although its metrics have stopped: no datapoint is then no gap.
	silent bool
	// datapoints are how many must ask for less before a scale-in.
	datapoints int
	// learnt is the service rate of a backlog policy as far as it is known.
	learnt history.Rate
}

// votes tells whether the policy takes part in scale-in.
func (v view) votes() bool { return !v.policy.DisableScaleIn }

// usable tells whether the policy knows what it wants, blind whether it has no data.
func (v view) usable() bool { return v.rec.Verdict != Unusable }
func (v view) blind() bool  { return !v.usable() && !v.unlearnt }

// lowestOver is the lowest count asked for over the window that ends with the
// newest datapoint; a window of 0 is that datapoint alone.
func (v view) lowestOver(window time.Duration) int {
	low := v.rec.Count
	for a := range v.back(window) {
		low = min(low, a.count)
	}
	return low
}

// back gives the asks of less than so long before the newest datapoint, newest first.
func (v view) back(window time.Duration) iter.Seq[ask] {
	return func(yield func(ask) bool) {
		for i := v.points - 1; i >= 0; i-- {
			if a := v.ask(i); a.ago >= window || !yield(a) {
				return
			}
		}
	}
}

// settled is how long after its end a datapoint may still grow: ECS publishes
// service metrics 2 to 3 minutes late, task by task.
const settled = 3 * time.Minute

// peak is the highest ask of a window.
type peak struct {
	count int
	need  float64
	// absent of the window's minutes (or longer periods) hold no datapoint.
	absent, of int
}

// highestOver is the highest ask over the window, and how many of the window's
// minutes (or longer periods) hold no datapoint: a scale-in must have seen them
// all. A newest datapoint that may still grow does not stand alone: the one
// before it is looked at too. Where the period is below a minute, the window must
// hold the least number of datapoints beside: one in a minute is not three.
func (v view) highestOver(window time.Duration) peak {
	high := peak{count: v.rec.Count, need: v.rec.Need}
	if v.silent {
		return high
	}
	step := max(v.period, time.Minute)
	window = max(window, step)
	if v.now.Sub(v.rec.Datapoint.Add(v.period)) < settled {
		window = max(window, 2*step)
	}
	high.of = int((window + step - 1) / step)
	minutes, points, last := 0, 0, -1
	for a := range v.back(time.Duration(high.of) * step) {
		high.count, high.need = max(high.count, a.count), max(high.need, a.need)
		points++
		if ago := int(a.ago / step); ago != last {
			minutes, last = minutes+1, ago
		}
	}
	high.absent = high.of - minutes
	if v.period < step && points < v.datapoints && v.datapoints-points > high.absent {
		high.absent, high.of = v.datapoints-points, v.datapoints
	}
	return high
}

// stirred tells whether something was to do since a time, or whether that is not
// known of the cool-off: earlier looks have seen what was before, and no query
// reaches further back than the hour.
func (v view) stirred(since time.Time, coolOff time.Duration) (words string, stirred bool) {
	if v.silent || since.IsZero() {
		return "", false
	}
	window := v.rec.Datapoint.Add(v.period).Sub(since)
	for a := range v.back(window) {
		if a.busy {
			return "had something to do at " + clock(v.rec.Datapoint.Add(-a.ago)), true
		}
	}
	window = min(window, coolOff, flapLookback)
	if v.period < window && v.highestOver(window).absent > 0 {
		return "lacks datapoints of the last " + spec.Duration(window).String(), true
	}
	return "", false
}

// tolerated gives the count for a need: tolerance is judged on the unrounded
// ratio of need to base. 10 tasks at target 60 with a demand of 630 need 10.5,
// ratio 1.05, and stay at 10.
func (e *eyes) tolerated(need float64) int {
	base := e.in.Base
	ratio := need / float64(base) // +Inf or NaN at base 0, handled below
	switch {
	case base == 0:
		return ceil(need)
	case ratio > 1+e.out.Tolerance+1e-9:
		return max(base, ceil(need))
	case ratio < 1-e.sc.Tolerance-1e-9:
		return min(base, ceil(need))
	}
	return base
}

// verdict sets what the recommendation wants from its count.
func (r *Recommendation) verdict(base int) {
	switch {
	case r.Count > base:
		r.Verdict = WantOut
	case r.Count < base:
		r.Verdict = WantIn
	default:
		r.Verdict = Steady
	}
}

// look gives what a policy asks for.
func (e *eyes) look(p spec.Policy) view {
	v := view{rec: Recommendation{Verdict: Unusable, Count: e.in.Base, Because: "the policy has no type"}}
	switch {
	case p.TargetTracking != nil:
		v = e.track(p, *p.TargetTracking)
	case p.StepScaling != nil:
		v = e.step(p, *p.StepScaling)
	case p.Backlog != nil:
		v = e.backlog(p, *p.Backlog)
	case p.Concurrency != nil:
		v = e.concurrency(p, *p.Concurrency)
	}
	v.policy, v.now, v.datapoints = p, e.now, e.sc.Datapoints
	v.rec.Policy = p.Label()
	if p.DisableScaleIn && v.rec.Verdict == WantIn {
		v.rec.Because += "; with disableScaleIn it removes nothing"
	}
	if v.unlearnt {
		v.policy.OnMissingData = nil // nothing is missing
	}
	if e.in.Base == 0 && !p.SeesAtZero() {
		// What only running tasks publish is not missing while none runs: taken for
		// that, onMissingData would wake the service as soon as it sleeps.
		v.policy.OnMissingData = nil
	}
	return v
}

// countAt is the desired count in force at a time; orders of observe mode never
// moved the live count, and are what its own recommendations rest on.
func (e *eyes) countAt(t time.Time) int { return e.in.History.CountAt(t, e.in.Base) }
