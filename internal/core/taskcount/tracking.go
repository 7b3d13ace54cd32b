package taskcount

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// tracker is one target tracking policy with the demand it sees.
type tracker struct {
	*eyes
	target spec.TargetTracking
	source spec.Source
}

// track gives what a target tracking policy asks for: tasks = demand / target.
func (e *eyes) track(p spec.Policy, target spec.TargetTracking) view {
	t := tracker{eyes: e, target: target, source: target.CloudWatch(e.in.Key)}
	loads, points := e.loads(t.source, false, t.pinned)
	points = amounts(points)
	v := view{key: loads.Metric.Key(), period: loads.Metric.Period}
	v.rec = Recommendation{Policy: p.Label(), Type: history.TargetTracking, Verdict: Unusable, Count: e.in.Base, Target: t.perTask(), Unit: unitOf(target.PredefinedMetric)}
	reading := e.judge(loads, points)
	r := &v.rec
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand, r.Tasks = reading.Point.Start, reading.Point.Value, int(reading.Point.Samples)
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return v
	}
	newest := reading.Point.Start
	v.points, v.ask = len(points), func(i int) ask { return t.ask(points[i], newest) }
	last := v.ask(v.points - 1)
	r.Count, r.Need, r.Saturated = last.count, last.need, t.pinned(reading.Point)
	r.Idle = t.source.Total && reading.Point.Value == 0
	r.verdict(e.in.Base)
	r.Because = t.words(reading.Point, *r)
	return v
}

func (t tracker) words(p signal.Point, r Recommendation) string {
	demand := "a demand of " + amount(float64(p.Value), r.Unit)
	if r.Saturated {
		return fmt.Sprintf("%s pinned at the %s, which hides demand: at least twice as many (%s), and the %s that %s needs at %s each",
			plural(r.Tasks, "task is", "tasks are"), t.ceilingName(), number(2*float64(p.Samples)), needed(t.need(p)), demand, amount(r.Target, r.Unit))
	}
	if p.Samples > 0 {
		demand += fmt.Sprintf(" (%s on %s)", amount(float64(p.Value/p.Samples), r.Unit), onEach(float64(p.Samples)))
	}
	words := fmt.Sprintf("%s needs %s tasks at %s each", demand, needed(r.Need), amount(r.Target, r.Unit))
	if r.Verdict == Steady {
		words += fmt.Sprintf(", within tolerance of %d", t.in.Base)
	}
	return words
}

func (t tracker) ceilingName() string {
	if t.target.Ceiling > 0 {
		return "ceiling of " + number(t.target.Ceiling)
	}
	return "CPU limit"
}

// perTask is what one task should carry, in the metric's unit.
func (t tracker) perTask() float64 {
	if t.target.TargetPerTask > 0 {
		return t.target.TargetPerTask
	}
	return t.target.TargetValue
}

// need is the tasks that a demand needs, before rounding.
func (t tracker) need(p signal.Point) float64 { return capped(max(0, float64(p.Value)) / t.perTask()) }

// ask is what one closed datapoint asks for.
func (t tracker) ask(p signal.Point, newest time.Time) ask {
	ago := newest.Sub(p.Start)
	need := t.need(p)
	if t.pinned(p) {
		// At least twice the tasks that were pinned, and never fewer than there are.
		n := max(t.in.Base, ceil(need), ceil(2*float64(p.Samples)))
		return ask{ago: ago, count: n, need: max(need, 2*float64(p.Samples)), busy: true}
	}
	need = t.single(need, p)
	return ask{ago: ago, count: t.tolerated(need), need: need, busy: p.Value != 0}
}

// single takes the second set of tasks out of a need. While a deployment runs
// old and new tasks side by side, what each task costs by itself (its memory, its
// start) is in the Sum twice: 20 tasks at 65 % memory, where 10 were desired,
// would need 19 at a target of 70, and 36 at the next deployment. So where more
// tasks ran than were desired in that minute, only the desired ones count, down to
// the base: it damps a scale-out and never makes a scale-in.
func (t tracker) single(need float64, p signal.Point) float64 {
	base := float64(t.in.Base)
	if t.source.Total || need <= base {
		return need
	}
	desired := t.in.Service.Desired
	if t.in.History.Shadow == nil { // orders of observe mode never moved the live count
		desired = max(t.in.History.CountAt(p.Start, desired), t.in.History.CountAt(p.Start.Add(t.source.Metric.Period), desired))
	}
	desired += t.in.Fallback.desired(p.Start, t.source.Metric.Period)
	if desired <= 0 || float64(p.Samples) <= float64(desired) {
		return need
	}
	return max(base, need*float64(desired)/float64(p.Samples))
}

// pinned tells whether the datapoint hides demand: Fargate caps a task's CPU at
// what it reserves, so at 99 % and more the true demand is unknown. On EC2 a task
// may use idle CPU of its instance and the metric passes 100 %. A policy may
// name the ceiling of a metric of its own.
func (t tracker) pinned(p signal.Point) bool {
	if p.Samples <= 0 {
		return false
	}
	// The allowance is for the residue of dividing what was multiplied before.
	mean := float64(p.Value/p.Samples) * (1 + 1e-9)
	if t.target.Ceiling > 0 {
		return mean >= t.target.Ceiling
	}
	return t.source.Samples && t.source.Metric.Name == "CPUUtilization" && t.in.Service.Compute == fleet.Fargate && mean >= 99
}
