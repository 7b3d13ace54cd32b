package taskcount

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Decide gives the task count of a service at now, and what was learnt. The
// clauses come in the order of design.md 6; each changes the count or confirms it.
// What a clause does stands beside its name in clauses.
func Decide(now time.Time, in Input) (Result, Memory) {
	d := &decider{now: now, in: in, steps: history.Begin(in.Base), out: in.Policy.Out(), sc: in.Policy.In(), capped: maxCount}
	d.bound()
	d.notice()
	e := &eyes{now: now, in: d.in, out: d.out, sc: d.sc}
	d.views = make([]view, 0, len(in.Policy.Policies))
	for _, p := range in.Policy.Policies {
		v := e.look(p)
		d.asleep(&v)
		d.views = append(d.views, v)
	}
	if in.Policy.FallbackFor != nil {
		d.views = append(d.views, d.standIn())
	}
	d.adopt()
	d.combine()
	wanted := d.steps.Count()
	for _, clause := range clauses() {
		clause(d)
	}
	r := Result{
		Policies: make([]Recommendation, 0, len(d.views)),
		Live:     in.Service.Desired, Base: in.Base, Running: in.Service.Running, Min: d.min.count, Max: d.max.count,
		Desired: d.steps.Count(), Direction: d.steps.Direction(), Wanted: wanted,
	}
	for _, v := range d.views {
		r.Policies = append(r.Policies, v.rec)
	}
	var binding history.Clause
	r.Clauses, binding = d.steps.End()
	r.Reason, r.Because = binding.Rule, binding.Because
	if r.Direction != history.Hold {
		r.Marks = d.marks()
	}
	return r, d.remember()
}

// clauses are what limits a wish, in the order of design.md 6.
func clauses() []func(*decider) {
	return []func(*decider){
		(*decider).spent,            // one datapoint grounds at most one order
		(*decider).activate,         // from zero and to zero tasks
		(*decider).stabilize,        // lowest or highest recommendation of the window
		(*decider).keepHistoryFloor, // what this hour of the week has needed
		(*decider).clamp,            // bounds in force
		(*decider).coolDown,         // rest after an order
		(*decider).heedVetoes,       // no scale-in while a veto is bad or unknown
		(*decider).freeze,           // no scale-in during a deployment
		(*decider).brakePlacement,   // no growth past what can be placed
		(*decider).brakeFleet,       // no scale-in of a sick fleet
		(*decider).guardFlapping,    // no step that the next datapoint would undo
		(*decider).budgetFlapping,   // few reversals an hour
		(*decider).limitRate,        // change in a period
		(*decider).budgetRemovals,   // removals in a period, whatever asked
		(*decider).last,             // the floor and the ceiling, whatever held before
		(*decider).settle,           // no order on a count from before our own
		(*decider).suspend,          // a person's word
	}
}

type decider struct {
	now     time.Time
	in      Input
	steps   *history.Steps
	out, sc spec.Resolved // scale-out and scale-in
	views   []view
	min     limit
	max     limit
	hold    *limit // a live hold override
	// sleeping is true when the last task goes: idleness is proved, so what blind
	// policies ask for does not count.
	sleeping bool
	// capped is the count that a person's hold or max allows, maxCount without one.
	capped   int
	sighting *history.Sighting // a foreign count seen for the first time
	repaired bool              // the newest foreign count is lifted to the floor
	yielded  bool              // it was lifted too often and stays
	idle     bool              // idleness is proved at now
	// shortage is what a fallback has learnt of its lead at this look, nil for nothing.
	shortage *history.Shortage
}

// standing is the count that the guards of scale-in stand up for: the base, or
// less where a person has capped or held the service below it. A person outranks
// the policies and what guards them, but not rates and budgets; what the policies
// want beyond the person's count is guarded like any other scale-in.
func (d *decider) standing() int { return min(d.in.Base, d.capped) }

// keep takes a scale-in back to the standing count.
func (d *decider) keep(rule, because string) { d.steps.To(d.standing(), rule, because) }

// shrinks tells whether the count is below the standing one.
func (d *decider) shrinks() bool { return d.steps.Count() < d.standing() }

// asleep leaves out what a policy that is blind at zero tasks wants while the
// service sleeps: the last datapoints of the task that went come minutes later,
// and a CPU of 1 % would start it again, and again.
func (d *decider) asleep(v *view) {
	if d.in.Base > 0 || d.min.count > 0 || v.policy.SeesAtZero() {
		return
	}
	v.policy.OnMissingData = nil
	if v.rec.Verdict == WantOut {
		v.rec.Verdict, v.rec.Count = Steady, 0
		v.rec.Because += "; at zero tasks that is what was left of the last one"
	}
}

// spent takes back what datapoints want that have grounded an order already.
// Three copies of one alarm and two ticks see one datapoint and agree.
func (d *decider) spent() {
	used := func(v view) bool { return d.in.History.Grounded(v.key, v.rec.Datapoint) }
	n := d.in.Base
	switch d.steps.Direction() {
	case history.Out:
		if !slices.ContainsFunc(d.views, func(v view) bool { return v.rec.Verdict == WantOut }) {
			return // onMissingData, which rests on no datapoint
		}
		for _, v := range d.views {
			switch o := v.policy.OnMissingData; {
			case v.rec.Verdict == WantOut && !used(v):
				n = max(n, v.rec.Count)
			case v.rec.Verdict == Unusable && o != nil:
				n = max(n, o.AtLeast)
			}
		}
	case history.In:
		if !slices.ContainsFunc(d.views, func(v view) bool { return v.votes() && used(v) }) {
			return
		}
	case history.Hold:
		return
	}
	if n != d.steps.Count() {
		d.steps.To(n, history.DatapointAlreadyUsed, "the newest datapoint has grounded an order already; the next one will tell")
	}
}

// seen tells whether any policy has data.
func (d *decider) seen() bool {
	return slices.ContainsFunc(d.views, func(v view) bool { return !v.blind() })
}

// last lifts to the minimum whatever held before, since a service below its
// minimum is wrong with or without data, and caps an increase at the maximum.
func (d *decider) last() {
	n := d.steps.Count()
	switch {
	case n < d.min.count:
		d.lift()
	case n > d.max.count && n > d.in.Base:
		d.steps.To(max(d.max.count, d.in.Base), d.max.rule, fmt.Sprintf("%s is %d", d.max.why, d.max.count))
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
	for _, v := range d.views {
		if !v.blind() && !v.rec.Datapoint.IsZero() { // what a fallback wants rests on none
			out = append(out, history.Mark{Policy: v.key, Datapoint: v.rec.Datapoint})
		}
	}
	return out
}
