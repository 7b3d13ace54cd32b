package taskcount

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// tracker is one target tracking policy with the demand it sees.
type tracker struct {
	target  spec.TargetTracking
	service fleet.Service
	base    int
	in, out spec.Resolved
	history history.History
	now     time.Time
	series  signal.Series
	points  []signal.Point
	rec     Recommendation
}

func track(now time.Time, in Input, t spec.TargetTracking) tracker {
	tr := tracker{target: t, service: in.Service, base: in.Base, in: in.Policy.In(), out: in.Policy.Out(), history: in.History, now: now}
	tr.series = demandSeries(in.Key, t, in.Signals, now)
	tr.points = tr.series.Closed(now)
	tr.rec = tr.recommend(now)
	return tr
}

// perTask is what one task should carry, in the metric's unit.
func (t tracker) perTask() float64 {
	if t.target.TargetPerTask > 0 {
		return t.target.TargetPerTask
	}
	return t.target.TargetValue
}

// count is the tasks that one closed datapoint asks for. Tolerance is judged
// on the unrounded ratio of need to base: 10 tasks at target 60 with a demand
// of 630 need 10.5, ratio 1.05, and stay at 10.
func (t tracker) count(p signal.Point) int {
	need := float64(p.Value) / t.perTask()
	if saturated(t.service, t.target, p) {
		// At least twice the tasks that were pinned, and never fewer than there are.
		return max(t.base, ceil(need), 2*ceil(float64(p.Samples)))
	}
	need = t.single(need, p)
	ratio := need / float64(t.base) // +Inf or NaN at base 0, handled below
	switch {
	case t.base == 0:
		return ceil(need)
	case ratio > 1+t.out.Tolerance+1e-9:
		return max(t.base, ceil(need))
	case ratio < 1-t.in.Tolerance-1e-9:
		return min(t.base, ceil(need))
	}
	return t.base
}

// single takes the second set of tasks out of a need. While a deployment runs
// old and new tasks side by side, what each task costs by itself (its memory, its
// start) is in the Sum twice: 20 tasks at 65 % memory, where 10 were desired,
// would need 19 at a target of 70, and 36 at the next deployment. So where more
// tasks ran than were desired in that minute, only the desired ones count, down to
// the base: it damps a scale-out and never makes a scale-in.
func (t tracker) single(need float64, p signal.Point) float64 {
	if t.target.TargetPerTask > 0 || need <= float64(t.base) {
		return need
	}
	desired := t.service.Desired
	if t.history.Shadow == nil { // orders of observe mode never moved the live count
		desired = max(t.history.CountAt(p.Start, desired), t.history.CountAt(p.Start.Add(t.series.Metric.Period), desired))
	}
	if desired <= 0 || float64(p.Samples) <= float64(desired) {
		return need
	}
	return max(float64(t.base), need*float64(desired)/float64(p.Samples))
}

func (t tracker) recommend(now time.Time) Recommendation {
	r := Recommendation{Policy: spec.Policy{TargetTracking: &t.target}.Label(), Verdict: Unusable, Count: t.base, Target: t.perTask()}
	reading := t.series.Newest(now)
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand, r.Tasks = reading.Point.Start, reading.Point.Value, int(reading.Point.Samples)
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return r
	}
	p := reading.Point
	r.Count = t.count(p)
	r.Saturated = saturated(t.service, t.target, p)
	need := t.single(float64(p.Value)/r.Target, p)
	switch {
	case r.Count > t.base:
		r.Verdict = WantOut
		r.Because = fmt.Sprintf("%s needs %.2f tasks at %s each", t.demand(p), need, t.amount(r.Target))
		if r.Saturated {
			r.Because = fmt.Sprintf("%d tasks are pinned at their CPU limit, which hides demand: at least twice as many", r.Tasks)
		}
	case r.Count < t.base:
		r.Verdict = WantIn
		r.Because = fmt.Sprintf("%s needs %.2f tasks at %s each", t.demand(p), need, t.amount(r.Target))
	default:
		r.Verdict = Steady
		r.Because = fmt.Sprintf("%s needs %.2f tasks at %s each, within tolerance of %d", t.demand(p), need, t.amount(r.Target), t.base)
	}
	return r
}

func (t tracker) demand(p signal.Point) string {
	if p.Samples > 0 {
		return fmt.Sprintf("a demand of %s (%s on each of %s tasks)", t.amount(float64(p.Value)), t.amount(float64(p.Value/p.Samples)), number(float64(p.Samples)))
	}
	return "a demand of " + t.amount(float64(p.Value))
}

// amount writes a value with the unit of the metric where it is known.
func (t tracker) amount(v float64) string {
	if t.target.PredefinedMetric != "" {
		return number(v) + " %"
	}
	return number(v)
}

// number writes a value plainly, to two decimals: a demand of 16412, not of
// 1.641e+04, and 1234567 bytes as such.
func number(v float64) string {
	if abs := math.Abs(v); abs >= 1e15 || abs < 0.01 && abs > 0 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// lowestOver is the lowest count asked for over the window that ends with the
// newest datapoint; a window of 0 is that datapoint alone.
func (t tracker) lowestOver(window time.Duration) int {
	low := t.rec.Count
	for _, p := range t.points {
		if p.Start.After(t.rec.Datapoint.Add(-window)) {
			low = min(low, t.count(p))
		}
	}
	return low
}

// settled is how long after its end a datapoint may still grow: ECS publishes
// service metrics 2 to 3 minutes late, task by task.
const settled = 3 * time.Minute

// highestOver is the highest count asked for over the window, and how many of
// the window's minutes (or longer periods) hold no datapoint: a scale-in must
// have seen them all. A newest datapoint that may still grow does not stand
// alone: the one before it is looked at too.
func (t tracker) highestOver(window time.Duration) (high, absent, of int) {
	period := t.series.Metric.Period
	step := max(period, time.Minute)
	window = max(window, step)
	if t.now.Sub(t.rec.Datapoint.Add(period)) < settled {
		window = max(window, 2*step)
	}
	end := t.rec.Datapoint.Add(period)
	of = int((window + step - 1) / step)
	seen := make([]bool, of)
	high = t.rec.Count
	for _, p := range t.points {
		ago := int(end.Sub(p.Start.Add(period)) / step)
		if p.Start.After(t.rec.Datapoint) || ago >= of {
			continue
		}
		high = max(high, t.count(p))
		seen[ago] = true
	}
	for _, s := range seen {
		if !s {
			absent++
		}
	}
	return high, absent, of
}
