package taskcount

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Decide gives the task count of a service at now. The clauses come in the
// order of design.md 6; each changes the count or confirms it.
func Decide(now time.Time, in Input) Result {
	d := &decider{now: now, in: in, steps: history.Begin(in.Base)}
	for _, p := range in.Policy.Policies {
		if p.TargetTracking != nil {
			d.trackers = append(d.trackers, track(now, in, *p.TargetTracking))
		}
	}
	d.bound()
	d.combine()
	wanted := d.steps.Count()
	d.spent()
	d.stabilize()
	d.clamp()
	d.coolDown()
	d.freeze()
	d.last()
	d.suspend()

	r := Result{
		Live: in.Service.Desired, Base: in.Base, Running: in.Service.Running,
		Desired: d.steps.Count(), Direction: d.steps.Direction(), Wanted: wanted,
	}
	for _, t := range d.trackers {
		r.Policies = append(r.Policies, t.rec)
	}
	var binding history.Clause
	r.Clauses, binding = d.steps.End()
	r.Reason, r.Because = binding.Rule, binding.Because
	if r.Direction != history.Hold {
		r.Marks = d.marks()
	}
	return r
}

type decider struct {
	now      time.Time
	in       Input
	steps    *history.Steps
	trackers []tracker
	min, max int
	minWhy   string
	maxWhy   string
}

// bound finds the bounds in force: the policy's, moved by live overrides. A max
// override may only lower, and no override passes the policy's maximum.
func (d *decider) bound() {
	p := d.in.Policy
	d.min, d.max = p.MinCapacity, p.MaxCapacity
	d.minWhy, d.maxWhy = "minCapacity", "maxCapacity"
	for _, o := range d.in.Overrides {
		if !o.Live(d.now) {
			continue
		}
		switch {
		case o.Kind == spec.MinAt && o.Count > d.min:
			d.min, d.minWhy = o.Count, overrideWhy("min", o)
		case o.Kind == spec.MaxAt && o.Count < d.max:
			d.max, d.maxWhy = max(0, o.Count), overrideWhy("max", o)
		}
	}
	if d.min > d.max {
		// A person who caps below the floor means the cap: "max 1 until 22:00".
		d.min, d.minWhy = d.max, d.maxWhy
	}
}

func overrideWhy(name string, o spec.Override) string {
	return fmt.Sprintf("the override %s %d of %s until %s (%s)", name, o.Count, o.By, o.Until.UTC().Format(time.RFC3339), o.Why)
}

// combine takes out if any policy wants it, in only if all do.
func (d *decider) combine() {
	base := d.in.Base
	out, in, usable := base, -1, 0
	allIn := len(d.trackers) > 0
	var because []string
	for _, t := range d.trackers {
		if t.rec.Verdict != Unusable {
			usable++
		}
		switch t.rec.Verdict {
		case WantOut:
			out = max(out, t.rec.Count)
		case WantIn:
			in = max(in, t.rec.Count)
		case Steady, Unusable:
			allIn = false
		}
		because = append(because, t.rec.Policy+": "+t.rec.Because)
	}
	words := strings.Join(because, "; ")
	switch {
	case len(d.trackers) == 0:
		d.steps.To(base, history.AlreadyAtDesiredCapacity, "the service has no scaling policy")
	case out > base:
		d.steps.To(out, history.TargetTracking, words)
	case allIn:
		d.steps.To(in, history.TargetTracking, words)
	case usable == 0:
		d.missing(words)
	case usable < len(d.trackers):
		d.steps.To(base, history.MissingData, "scale-in needs every policy: "+words)
	default:
		d.steps.To(base, history.AlreadyAtDesiredCapacity, words)
	}
}

func (d *decider) missing(words string) {
	n := d.in.Policy.OnMissingData.AtLeast
	if n > d.in.Base {
		d.steps.To(n, history.MissingData, fmt.Sprintf("no usable data, onMissingData asks for at least %d: %s", n, words))
		return
	}
	d.steps.To(d.in.Base, history.MissingData, "no usable data, hold: "+words)
}

// spent takes back what datapoints want that have grounded an order already.
// Three copies of one alarm and two ticks see one datapoint and agree.
func (d *decider) spent() {
	used := func(t tracker) bool { return d.in.History.Grounded(t.series.Metric.Key(), t.rec.Datapoint) }
	n := d.in.Base
	switch d.steps.Direction() {
	case history.Out:
		if !slices.ContainsFunc(d.trackers, func(t tracker) bool { return t.rec.Verdict == WantOut }) {
			return // onMissingData, which rests on no datapoint
		}
		for _, t := range d.trackers {
			if t.rec.Verdict == WantOut && !used(t) {
				n = max(n, t.rec.Count)
			}
		}
	case history.In:
		if !slices.ContainsFunc(d.trackers, used) {
			return
		}
	case history.Hold:
		return
	}
	if n != d.steps.Count() {
		d.steps.To(n, history.DatapointAlreadyUsed, "the newest datapoint has grounded an order already; the next one will tell")
	}
}

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
	w := d.in.Policy.Out().StabilizationWindow
	if w == 0 {
		return
	}
	n := d.in.Base
	for _, t := range d.trackers {
		if t.rec.Verdict == WantOut {
			n = max(n, min(t.lowestOver(w), d.steps.Count()))
		}
	}
	if n != d.steps.Count() {
		d.steps.To(n, history.StabilizationWindow, fmt.Sprintf("the lowest recommendation of the last %s is %d", spec.Duration(w), n))
	}
}

func (d *decider) stabilizeIn() {
	w := d.in.Policy.In().StabilizationWindow
	n, ok := d.highest(w, true)
	if !ok {
		return
	}
	if n != d.steps.Count() {
		d.steps.To(n, history.StabilizationWindow, fmt.Sprintf("the highest recommendation of the last %s is %d", spec.Duration(w), n))
	}
	d.anticipate(w)
}

// highest is the highest recommendation of all policies over the window, at
// most the base. A scale-in must have seen the window whole: where a minute (or
// a longer period) is missing it holds, since it may have been the highest.
func (d *decider) highest(w time.Duration, whole bool) (n int, ok bool) {
	for _, t := range d.trackers {
		high, absent, of := t.highestOver(w)
		if whole && absent > 0 {
			d.steps.To(d.in.Base, history.MissingData,
				fmt.Sprintf("%d of the %d datapoints of %s in the last %s are missing: scale-in needs them all", absent, of, t.rec.Policy, spec.Duration(max(w, time.Duration(of)*max(t.series.Metric.Period, time.Minute)))))
			return d.in.Base, false
		}
		n = max(n, high)
	}
	return min(n, d.in.Base), true
}

// The flap guard. A constant demand with 15 % noise swings between 0.85 and
// 1.15 of its mean, so a scale-in to 0.85/1.15 of the count or more, after a
// scale-out, may be noise alone. It looks back over what there is of an hour,
// which holds the datapoint that caused a scale-out within it: at 165 % of CPU over 3
// tasks of target 60, one minute in 200 asks for a fourth task, and without the
// guard the task comes and goes three times an hour.
const (
	flapSpan     = 0.85 / 1.15
	flapLookback = time.Hour
)

func (d *decider) anticipate(w time.Duration) {
	last, ordered := d.in.History.Last()
	// base-1, since rounding up may have added almost a task: needs of 2.11 and
	// 1.6 tasks are within noise of each other, and 3 tasks and 2.
	noise := float64(d.steps.Count()) >= flapSpan*float64(d.in.Base-1)
	if d.steps.Direction() != history.In || !ordered || last.To < last.From || !noise || w >= flapLookback {
		return
	}
	n, ok := d.highest(flapLookback, false)
	if ok && n != d.steps.Count() {
		d.steps.To(n, history.AnticipatedFlapping, fmt.Sprintf("the last order was a scale-out and the step is within noise: the highest recommendation of the last %s is %d",
			spec.Duration(flapLookback), n))
	}
}

// clamp keeps the count within the bounds in force.
func (d *decider) clamp() {
	for _, o := range d.in.Overrides {
		if o.Kind == spec.HoldAt && o.Live(d.now) {
			d.steps.To(o.Count, history.HoldOverride, overrideWhy("hold", o))
		}
	}
	n := d.steps.Count()
	switch {
	case n > d.max && n == d.in.Base && !d.seen():
		d.steps.To(n, history.MissingData, fmt.Sprintf("%s is %d, but nothing is removed without data", d.maxWhy, d.max))
	case n > d.max && d.in.Base == d.max:
		d.steps.To(d.max, history.AlreadyAtMaxCapacity, fmt.Sprintf("%s is %d", d.maxWhy, d.max))
	case n > d.max:
		d.steps.To(d.max, history.MaxCapacity, fmt.Sprintf("%s is %d", d.maxWhy, d.max))
	case n < d.min && d.in.Base == d.min:
		d.steps.To(d.min, history.AlreadyAtMinCapacity, fmt.Sprintf("%s is %d", d.minWhy, d.min))
	case n < d.min:
		d.steps.To(d.min, history.MinCapacity, fmt.Sprintf("%s is %d", d.minWhy, d.min))
	}
}

// seen tells whether any policy has usable data.
func (d *decider) seen() bool {
	return slices.ContainsFunc(d.trackers, func(t tracker) bool { return t.rec.Verdict != Unusable })
}

// coolDown lets a direction rest. An out is never stopped by the in-cooldown,
// and during the out-cooldown a count above the last one ordered passes, as in
// Application Auto Scaling. The in-cooldown runs from the last order either way.
func (d *decider) coolDown() {
	switch d.steps.Direction() {
	case history.Out:
		c := d.in.Policy.Out().Cooldown
		last, ok := d.in.History.HighestOut(d.now.Add(-c))
		if ok && d.steps.Count() <= last.To {
			d.steps.To(d.in.Base, history.ScaleOutCooldown, fmt.Sprintf("scaled out to %d at %s, cooldown %s: only a larger count passes",
				last.To, clock(last.At), spec.Duration(c)))
		}
	case history.In:
		c := d.in.Policy.In().Cooldown
		last, ok := d.in.History.Last()
		if ok && d.now.Sub(last.At) < c {
			d.steps.To(d.in.Base, history.ScaleInCooldown, fmt.Sprintf("scaled %s to %d at %s, cooldown %s",
				history.Toward(last.From, last.To), last.To, clock(last.At), spec.Duration(c)))
		}
	case history.Hold:
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// freeze stops scale-in while a deployment is in progress, as Application Auto
// Scaling does; scale-out goes on.
func (d *decider) freeze() {
	if d.steps.Direction() == history.In && d.in.Service.Deploying() {
		d.steps.To(d.in.Base, history.DeploymentInProgress, "scale-in waits until the deployment has ended")
	}
}

// last lifts to the minimum whatever held before, since a service below its
// minimum is wrong with or without data, and caps an increase at the maximum.
func (d *decider) last() {
	n := d.steps.Count()
	switch {
	case n < d.min:
		d.steps.To(d.min, history.MinCapacity, fmt.Sprintf("%d is below %s, which is %d", n, d.minWhy, d.min))
	case n > d.max && n > d.in.Base:
		d.steps.To(max(d.max, d.in.Base), history.MaxCapacity, fmt.Sprintf("%s is %d", d.maxWhy, d.max))
	}
}

// suspend applies the overrides that stop orders.
func (d *decider) suspend() {
	for _, o := range d.in.Overrides {
		if !o.Live(d.now) {
			continue
		}
		why := fmt.Sprintf("by %s until %s (%s)", o.By, o.Until.UTC().Format(time.RFC3339), o.Why)
		switch {
		case o.Kind == spec.Pause:
			d.steps.To(d.in.Base, history.Paused, "paused "+why)
		case o.Kind == spec.SuspendIn && d.steps.Direction() == history.In:
			d.steps.To(d.in.Base, history.ScaleInSuspended, "scale-in suspended "+why)
		case o.Kind == spec.SuspendOut && d.steps.Direction() == history.Out:
			d.steps.To(d.in.Base, history.ScaleOutSuspended, "scale-out suspended "+why)
		}
	}
}

// marks are the datapoints that this order rests on: all that were seen, so
// that none of them grounds another.
func (d *decider) marks() []history.Mark {
	var out []history.Mark
	for _, t := range d.trackers {
		if t.rec.Verdict != Unusable {
			out = append(out, history.Mark{Policy: t.series.Metric.Key(), Datapoint: t.rec.Datapoint})
		}
	}
	return out
}
