package taskcount

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// stabilize follows the lowest recommendation over the out window, the highest
// over the in window, recomputed from the metric's own datapoints.
func (d *decider) stabilize() {
	switch d.steps.Direction() {
	case history.Out:
		d.stabilizeOut()
	case history.In:
		d.stabilizeIn()
	case history.Hold:
	}
}

func (d *decider) stabilizeOut() {
	w := d.out.StabilizationWindow
	if w == 0 || d.in.Base == 0 { // nothing is steady at zero tasks
		return
	}
	n, asked := d.in.Base, false
	for _, v := range d.views {
		switch o := v.policy.OnMissingData; {
		case v.rec.Verdict == WantOut:
			n, asked = max(n, min(v.lowestOver(w), d.steps.Count())), true
		case v.rec.Verdict == Unusable && o != nil:
			n = max(n, min(o.AtLeast, d.steps.Count())) // rests on no datapoint
		}
	}
	if asked && n != d.steps.Count() {
		d.steps.To(n, history.StabilizationWindow, fmt.Sprintf("the lowest recommendation of the last %s is %d", spec.Duration(w), n))
	}
}

// stabilizeIn looks at the window, and at no fewer than the datapoints that a
// scale-in needs.
func (d *decider) stabilizeIn() {
	if d.sleeping {
		return // the cool-off has looked back
	}
	w := d.sc.StabilizationWindow
	high, ok := d.highest(w, true)
	if !ok {
		return
	}
	if high.count != d.steps.Count() {
		d.steps.To(high.count, history.StabilizationWindow, fmt.Sprintf("the highest recommendation of the last %s is %d", spec.Duration(d.sight(w, time.Minute)), high.count))
	}
}

// sight is how far a scale-in looks back: the window, and at least the
// datapoints that must ask for less.
func (d *decider) sight(w, period time.Duration) time.Duration {
	return max(w, time.Duration(d.sc.Datapoints)*period)
}

// highest is the highest ask of all policies over the window, its count at most
// the base. A scale-in must have seen the window whole: where a minute (or a
// longer period) is missing it holds, since it may have been the highest.
func (d *decider) highest(w time.Duration, whole bool) (high peak, ok bool) {
	for _, v := range d.views {
		if !v.votes() {
			continue
		}
		p := v.highestOver(d.sight(w, v.period))
		if whole && p.absent > 0 {
			seen := time.Duration(p.of) * max(v.period, time.Minute)
			d.steps.To(d.in.Base, history.MissingData,
				fmt.Sprintf("%s of the %d datapoints of %s in the last %s: scale-in needs them all", plural(p.absent, "is missing", "are missing"), p.of, v.rec.Policy, spec.Duration(seen)))
			return peak{}, false
		}
		high.count, high.need = max(high.count, p.count), max(high.need, p.need)
	}
	high.count = max(min(high.count, d.in.Base), min(d.steps.Count(), d.in.Base))
	return high, true
}

// The look back of the flap guard. A constant demand with 15 % noise swings
// between 0.85 and 1.15 of its mean, so a scale-in to 0.85/1.15 of the count or
// more, after a scale-out, may be noise alone. It looks back over what there is of
// an hour, which holds the datapoint that caused a scale-out within it: at 165 % of
// CPU over 3 tasks of target 60, one minute in 200 asks for a fourth task, and
// without the guard the task comes and goes three times an hour.
const (
	flapSpan     = 0.85 / 1.15
	flapLookback = time.Hour
)

// guardFlapping lets a service shrink only so far that the next datapoint does
// not ask for more again: what each task will carry must stay below the
// threshold of scale-out by the tolerance of scale-in; and a small step after a
// scale-out must not be noise.
func (d *decider) guardFlapping() {
	if !d.shrinks() || d.sleeping {
		return
	}
	high, _ := d.highest(d.sc.StabilizationWindow, false)
	most := (1 + d.out.Tolerance) * (1 - d.sc.Tolerance)
	if n := min(ceil(high.need/most), d.guarded()); n > d.steps.Count() {
		d.steps.To(n, history.AnticipatedFlapping, fmt.Sprintf("%s would carry %.0f %% of the target each, within %s of where scale-out begins",
			taskWords(d.steps.Count()), 100*high.need/float64(d.steps.Count()), spec.Percent(d.sc.Tolerance)))
	}
	d.anticipate()
}

// guarded is the most that the flap guard lifts to: moving down to a lowered
// maximum is not the policies' wish and not theirs to guard.
func (d *decider) guarded() int { return min(d.standing(), max(d.max.count, d.steps.Count())) }

func (d *decider) anticipate() {
	last, ordered := d.in.History.Last()
	// base-1, since rounding up may have added almost a task: needs of 2.11 and
	// 1.6 tasks are within noise of each other, and 3 tasks and 2.
	noise := float64(d.steps.Count()) >= flapSpan*float64(d.in.Base-1)
	if !d.shrinks() || !ordered || last.To < last.From || !noise || d.sc.StabilizationWindow >= flapLookback {
		return
	}
	high, _ := d.highest(flapLookback, false)
	if high.count = min(high.count, d.guarded()); high.count > d.steps.Count() {
		d.steps.To(high.count, history.AnticipatedFlapping, fmt.Sprintf("the last order was a scale-out and the step is within noise: the highest recommendation of the last %s is %d",
			spec.Duration(flapLookback), high.count))
	}
}

// budgetFlapping bounds the scale-ins that undo a scale-out. It never stops a
// scale-out: too many tasks cost money, too few cost the service. Where orders of
// the period are forgotten, so may reversals be.
func (d *decider) budgetFlapping() {
	if !d.shrinks() || d.sleeping {
		return
	}
	last, ok := d.in.History.Last()
	period := time.Duration(d.sc.FlapBudget.Period)
	if !ok || last.To <= last.From {
		return
	}
	whole := d.in.History.Window(d.now, period, d.in.Base).Whole
	if n := d.in.History.Reversals(d.now.Add(-period)); n >= d.sc.FlapBudget.Reversals || !whole {
		d.keep(history.FlapBudget, fmt.Sprintf("%s undone a scale-out in the last %s, and the budget is %d", plural(n, "scale-in has", "scale-ins have"), spec.Duration(period), d.sc.FlapBudget.Reversals))
	}
}
