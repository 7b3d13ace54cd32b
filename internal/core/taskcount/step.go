package taskcount

import (
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// step gives what a step scaling policy asks for. The base is the tasks that
// ran when the datapoint was produced, as in Application Auto Scaling, so that a
// breach that lasts while tasks start asks for the same count again and not for
// one step more each minute. The threshold is that of one task where the metric
// has a value for each: the average of ECS, the requests per target.
func (e *eyes) step(p spec.Policy, s spec.StepScaling) view {
	src := s.CloudWatch(e.in.Key)
	loads, points := e.loads(src, true, func(signal.Point) bool { return false })
	v := view{key: loads.Metric.Key(), period: loads.Metric.Period}
	v.rec = Recommendation{Policy: p.Label(), Type: history.StepScaling, Verdict: Unusable, Count: e.in.Base, Target: s.Threshold, Unit: unitOf(s.PredefinedMetric)}
	r, reading := &v.rec, loads.Judge(e.now, points)
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand, r.Tasks = reading.Point.Start, signal.Value(perTaskOf(reading.Point)), int(reading.Point.Samples)
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return v
	}
	outAt, newest := outThreshold(s), reading.Point.Start
	v.points, v.ask = len(points), func(i int) ask {
		p := points[i]
		a := ask{ago: newest.Sub(p.Start), count: e.stepped(s, points[:i+1], loads.Metric.Period), busy: p.Value != 0}
		if (src.Samples || src.Total) && outAt > 0 {
			a.need = capped(max(0, float64(p.Value)) / outAt)
		}
		return a
	}
	last := v.ask(v.points - 1)
	r.Count, r.Need = last.count, last.need
	r.verdict(e.in.Base)
	r.Because = e.stepWords(s, points, loads.Metric.Period, r.Unit)
	return v
}

// perTaskOf is the metric itself: the load over the tasks that produced it.
func perTaskOf(p signal.Point) float64 { return float64(p.Value / p.Samples) }

func (e *eyes) stepWords(s spec.StepScaling, points []signal.Point, period time.Duration, unit string) string {
	p := points[len(points)-1]
	value := perTaskOf(p)
	d, side := value-s.Threshold, "above"
	if d < 0 {
		side = "below"
	}
	words := fmt.Sprintf("%s is %s %s the threshold of %s", amount(value, unit), amount(math.Abs(d), unit), side, amount(s.Threshold, unit))
	a, ok := stepOf(s, distance(value, s.Threshold))
	if !ok {
		return words + ", where there is no step"
	}
	row, want, way := e.row(s, points, period)
	running := plural(int(math.Round(float64(p.Samples))), "running task", "running tasks")
	switch s.AdjustmentType {
	case spec.ExactCapacity:
		words += ": the step is to " + taskWords(want)
	case spec.PercentChangeInCapacity:
		words += fmt.Sprintf(": the step of %+d %% makes %d of %s", a.ScalingAdjustment, want, running)
	default:
		words += fmt.Sprintf(": the step of %+d makes %d of %s", a.ScalingAdjustment, want, running)
	}
	switch {
	case way == history.Hold:
	case row < s.EvaluationPeriods:
		words += fmt.Sprintf(", but %d datapoints in a row must ask for that (evaluationPeriods), and %s", s.EvaluationPeriods, plural(row, "does", "do"))
	case history.Toward(e.in.Base, want) != way:
		words += fmt.Sprintf(", which changes nothing at the %d desired", e.in.Base)
	}
	return words
}

// stepped is the count that the last datapoint asks for. All of the evaluation
// periods up to it must fall into steps of one direction; it selects the step.
func (e *eyes) stepped(s spec.StepScaling, points []signal.Point, period time.Duration) int {
	row, want, way := e.row(s, points, period)
	switch base := e.in.Base; {
	case row < s.EvaluationPeriods || way == history.Hold:
		return base
	case way == history.Out:
		return max(base, want)
	default:
		return min(base, want)
	}
}

// row gives the count and the direction of the last datapoint's step, and how many
// datapoints in a row, as far as the evaluation periods, fall into steps of it.
func (e *eyes) row(s spec.StepScaling, points []signal.Point, period time.Duration) (row, want int, way history.Direction) {
	i := len(points) - 1
	want, way = e.adjusted(s, distance(perTaskOf(points[i]), s.Threshold), points[i].Samples)
	for row = 1; row < s.EvaluationPeriods && row <= i; row++ {
		p := points[i-row]
		if !p.Start.Equal(points[i-row+1].Start.Add(-period)) {
			break
		}
		if _, before := e.adjusted(s, distance(perTaskOf(p), s.Threshold), p.Samples); before != way {
			break
		}
	}
	return row, want, way
}

// adjusted applies the step that a distance from the threshold falls into to
// the running tasks, with Application Auto Scaling's rounding: percentages above 1
// are rounded down, between 0 and 1 up to 1, and the same below 0. The way is that
// of the step; a step to an exact count goes there from the base, however many
// tasks run: 14 that run during a deployment, where 10 are desired, and a step to
// 12 are a scale-out.
//
// Source: Application Auto Scaling user guide, step scaling policies.
func (e *eyes) adjusted(s spec.StepScaling, distance float64, tasks signal.Value) (count int, way history.Direction) {
	running := int(math.Round(min(float64(tasks), maxCount)))
	a, ok := stepOf(s, distance)
	if !ok {
		return running, history.Hold
	}
	change := a.ScalingAdjustment
	switch s.AdjustmentType {
	case spec.ExactCapacity:
		return change, history.Toward(e.in.Base, change)
	case spec.PercentChangeInCapacity:
		change = percentOf(running, a.ScalingAdjustment)
		if least := s.MinAdjustmentMagnitude; change > 0 {
			change = max(change, least)
		} else if change < 0 {
			change = min(change, -least)
		}
	}
	return max(0, running+change), history.Toward(0, change)
}

// percentOf is a percentage of a count, rounded as step scaling does.
func percentOf(count, percent int) int {
	x := float64(count) * float64(percent) / 100
	switch {
	case x > 0:
		return max(1, int(math.Floor(x+1e-9)))
	case x < 0:
		return min(-1, int(math.Ceil(x-1e-9)))
	}
	return 0
}

// distance is how far a value is from the threshold, moved away from it by what
// adding and dividing floats leaves: 0.3 less 0.1 is 0.19999999999999998, and in
// the step that begins at 0.2.
func distance(value, threshold float64) float64 {
	d, residue := value-threshold, 1e-12*max(math.Abs(value), math.Abs(threshold))
	if d >= -residue {
		return max(0, d+residue)
	}
	return d - residue
}

// stepOf finds the step of a distance from the threshold: at or above it the
// lower bound is inclusive and the upper exclusive, below it the other way round.
func stepOf(s spec.StepScaling, distance float64) (spec.StepAdjustment, bool) {
	for _, a := range s.StepAdjustments {
		low, high := a.Bounds()
		if distance >= 0 && distance >= low && distance < high || distance < 0 && distance > low && distance <= high {
			return a, true
		}
	}
	return spec.StepAdjustment{}, false
}

// outThreshold is the lowest value that asks for more tasks, 0 for none.
func outThreshold(s spec.StepScaling) float64 {
	at := math.Inf(1)
	for _, a := range s.StepAdjustments {
		if low, _ := a.Bounds(); a.ScalingAdjustment > 0 && s.AdjustmentType != spec.ExactCapacity {
			at = min(at, s.Threshold+low)
		}
	}
	if math.IsInf(at, 0) {
		return 0
	}
	return at
}
