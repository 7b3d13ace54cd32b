package taskcount

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// ask is what one closed datapoint asks for.
type ask struct {
	start time.Time
	count int // tasks; the base where the datapoint asks for no change
	// need is the tasks needed before rounding, 0 where the policy has no such
	// number: a step knows a direction, not a need.
	need float64
}

// view is what one policy asks for, datapoint by datapoint.
type view struct {
	policy spec.Policy
	key    string // of its metric, in marks
	period time.Duration
	now    time.Time
	asks   []ask // of the closed datapoints, oldest first
	rec    Recommendation
	// silent is true where a source that reports real zeros says that nothing
	// happens although its metrics have stopped: no datapoint is then no gap.
	silent bool
	// spotted is true where the want rests on a queue's state and not on the
	// newest datapoint.
	spotted bool
	// learnt is the service rate of a backlog policy as far as it is known.
	learnt history.Rate
}

// votes tells whether the policy takes part in scale-in.
func (v view) votes() bool { return !v.policy.DisableScaleIn }

// lowestOver is the lowest count asked for over the window that ends with the
// newest datapoint; a window of 0 is that datapoint alone.
func (v view) lowestOver(window time.Duration) int {
	low := v.rec.Count
	for _, a := range v.asks {
		if a.start.After(v.rec.Datapoint.Add(-window)) {
			low = min(low, a.count)
		}
	}
	return low
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
// before it is looked at too.
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
	end := v.rec.Datapoint.Add(v.period)
	high.of = int((window + step - 1) / step)
	seen := make([]bool, high.of)
	for _, a := range v.asks {
		ago := int(end.Sub(a.start.Add(v.period)) / step)
		if a.start.After(v.rec.Datapoint) || ago >= high.of {
			continue
		}
		high.count, high.need = max(high.count, a.count), max(high.need, a.need)
		seen[ago] = true
	}
	for _, s := range seen {
		if !s {
			high.absent++
		}
	}
	return high
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
	var v view
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
	v.policy, v.now = p, e.now
	v.rec.Policy = p.Label()
	return v
}

// countAt is the desired count in force at a time; orders of observe mode never
// moved the live count, and are what its own recommendations rest on.
func (e *eyes) countAt(t time.Time) int { return e.in.History.CountAt(t, e.in.Base) }
