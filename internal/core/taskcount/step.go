package taskcount

import (
	"fmt"
	"math"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// step gives what a step scaling policy asks for. The base is the tasks that
// ran when the datapoint was produced, as in Application Auto Scaling, so that a
// breach that lasts while tasks start asks for the same count again and not for
// one step more each minute.
func (e *eyes) step(p spec.Policy, s spec.StepScaling) view {
	src := s.CloudWatch(e.in.Key)
	// A total is stepped on as it is: the tasks are asked for by themselves.
	total := src.Total
	src.Total = false
	loads := e.loads(src)
	v := view{key: loads.Metric.Key(), period: loads.Metric.Period, asks: make([]ask, 0, len(loads.Points))}
	v.rec = Recommendation{Policy: p.Label(), Type: history.StepScaling, Verdict: Unusable, Count: e.in.Base, Target: s.Threshold, Unit: unitOf(s.PredefinedMetric)}
	value := func(p signal.Point) float64 { return float64(p.Value / p.Samples) }
	r, reading := &v.rec, loads.Judge(e.now, loads.Points)
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand, r.Tasks = reading.Point.Start, signal.Value(value(reading.Point)), int(reading.Point.Samples)
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return v
	}
	outAt := outThreshold(s)
	for i, p := range loads.Points {
		a := ask{start: p.Start, count: e.stepped(s, loads, i, value)}
		if src.Samples && !total && outAt > 0 {
			a.need = float64(p.Value) / outAt
		}
		v.asks = append(v.asks, a)
	}
	last := v.asks[len(v.asks)-1]
	r.Count, r.Need = last.count, last.need
	r.verdict(e.in.Base)
	r.Because = e.stepWords(s, reading.Point, value(reading.Point), r.Unit, r.Count)
	return v
}

func (e *eyes) stepWords(s spec.StepScaling, p signal.Point, value float64, unit string, count int) string {
	d := value - s.Threshold
	side := "above"
	if d < 0 {
		side = "below"
	}
	words := fmt.Sprintf("%s is %s %s the threshold of %s", amount(value, unit), amount(math.Abs(d), unit), side, amount(s.Threshold, unit))
	a, ok := stepOf(s, d)
	switch {
	case !ok:
		return words + ", where there is no step"
	case count == e.in.Base:
		return fmt.Sprintf("%s: %s %d of %s running tasks changes nothing", words, s.AdjustmentType, a.ScalingAdjustment, number(float64(p.Samples)))
	}
	return fmt.Sprintf("%s: %s %d of %s running tasks", words, s.AdjustmentType, a.ScalingAdjustment, number(float64(p.Samples)))
}

// stepped is the count that the datapoint at i asks for. All of the evaluation
// periods up to it must fall into steps of one direction; it selects the step.
func (e *eyes) stepped(s spec.StepScaling, loads signal.Series, i int, value func(signal.Point) float64) int {
	base := e.in.Base
	want := adjusted(s, value(loads.Points[i])-s.Threshold, int(math.Round(float64(loads.Points[i].Samples))))
	way := history.Toward(0, want.change)
	for k := 1; k < max(1, s.EvaluationPeriods); k++ {
		if i-k < 0 || !loads.Points[i-k].Start.Equal(loads.Points[i-k+1].Start.Add(-loads.Metric.Period)) {
			return base
		}
		p := loads.Points[i-k]
		if history.Toward(0, adjusted(s, value(p)-s.Threshold, int(math.Round(float64(p.Samples)))).change) != way {
			return base
		}
	}
	switch way {
	case history.Out:
		return max(base, want.count)
	case history.In:
		return min(base, want.count)
	case history.Hold:
	}
	return base
}

// adjustment is what a step makes of a count.
type adjustment struct{ count, change int }

// adjusted applies the step that a distance from the threshold falls into to a
// number of running tasks, with Application Auto Scaling's rounding: percentages
// above 1 are rounded down, between 0 and 1 up to 1, and the same below 0.
//
// Source: Application Auto Scaling user guide, step scaling policies.
func adjusted(s spec.StepScaling, distance float64, running int) adjustment {
	a, ok := stepOf(s, distance)
	if !ok {
		return adjustment{count: running}
	}
	change := a.ScalingAdjustment
	switch s.AdjustmentType {
	case spec.ExactCapacity:
		change -= running
	case spec.PercentChangeInCapacity:
		change = percentOf(running, a.ScalingAdjustment)
		if least := s.MinAdjustmentMagnitude; change > 0 {
			change = max(change, least)
		} else if change < 0 {
			change = min(change, -least)
		}
	}
	n := max(0, running+change)
	return adjustment{count: n, change: n - running}
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
