package taskcount

import (
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// twoWindows is one concurrency policy with the load it sees.
type twoWindows struct {
	*eyes
	c             spec.Concurrency
	points        []signal.Point
	period        time.Duration
	stable, short window
	target        float64 // what one task is planned for
	threshold     float64
	up, down      float64
}

// concurrency gives what the requests in flight (or the requests a period) ask
// for, by Knative's rules: the mean over the stable window, and in a panic the
// larger of that and the mean over the short one, never less than before in the
// same panic.
//
// Source: Knative serving, pkg/autoscaler/scaling. Knative keeps the panic in
// memory and starts in one after a restart; here it is found anew from the
// datapoints each time.
func (e *eyes) concurrency(p spec.Policy, c spec.Concurrency) view {
	m := c.Metric.CloudWatch("Sum")
	series := e.read(m)
	t := twoWindows{eyes: e, c: c, points: e.closed(series), period: m.Period, target: c.TargetPerTask * spec.DefaultUtilization, threshold: spec.DefaultPanicThreshold, up: spec.DefaultMaxUpRate, down: spec.DefaultMaxDownRate}
	stable, short := windows(c)
	t.stable, t.short = window{length: stable, period: m.Period, points: t.points}, window{length: short, period: m.Period, points: t.points}
	if c.TargetUtilization != nil {
		t.target = c.TargetPerTask * float64(*c.TargetUtilization)
	}
	for _, v := range []struct {
		set  float64
		into *float64
	}{{c.PanicThreshold, &t.threshold}, {c.MaxScaleUpRate, &t.up}, {c.MaxScaleDownRate, &t.down}} {
		if v.set > 0 {
			*v.into = v.set
		}
	}
	v := view{key: m.Key(), period: m.Period}
	v.rec = Recommendation{Policy: p.Label(), Type: history.Concurrency, Verdict: Unusable, Count: e.in.Base, Target: t.target}
	reading := series.Judge(e.now, t.points)
	r := &v.rec
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand = reading.Point.Start, reading.Point.Value
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return v
	}
	t.walk(&v)
	return v
}

// windows gives the stable and the panic window, each at least a period: a mean
// over less would be one over nothing.
func windows(c spec.Concurrency) (stable, short time.Duration) {
	stable, short = c.Windows()
	period := c.Metric.CloudWatch("Sum").Period
	return max(stable, period), max(short, period)
}

// walk goes over the datapoints and keeps the panic.
func (t *twoWindows) walk(v *view) {
	var panicAt time.Time // end of the last datapoint that asked for a panic
	most := 0             // asked for in this panic
	short := 0.0          // the mean over the short window
	r := &v.rec
	v.asks = make([]ask, 0, len(t.points))
	for i, p := range t.points {
		end := p.Start.Add(t.period)
		s, whole := t.stable.mean(i)
		q, _ := t.short.mean(i)
		ready := float64(max(1, t.countAt(end)))
		if math.Ceil(q/t.target-1e-9)/ready >= t.threshold {
			panicAt = end
		} else if !panicAt.IsZero() && end.Sub(panicAt) > t.stable.length {
			panicAt, most = time.Time{}, 0
		}
		a := ask{ago: r.Datapoint.Sub(p.Start), need: capped(s / t.target), busy: s != 0 || p.Value != 0}
		calm := t.clamped(a.need, ready)
		a.count = t.tolerated(calm)
		if !whole {
			// What is missing of the mean may have been the highest of it.
			a.count = max(a.count, t.in.Base)
		}
		if !panicAt.IsZero() {
			most = max(most, ceil(calm), ceil(t.clamped(q/t.target, ready)))
			a.count, a.need = max(t.in.Base, most), max(a.need, capped(q/t.target))
		}
		v.asks = append(v.asks, a)
		r.Demand, r.Need, short = signal.Value(s), a.need, q
	}
	last := v.asks[len(v.asks)-1]
	r.Count, r.Panicking = last.count, !panicAt.IsZero()
	r.Idle = !last.busy
	r.verdict(t.in.Base)
	r.Because = fmt.Sprintf("a mean of %s over %s needs %.2f tasks at %s each", number(float64(r.Demand)), spec.Duration(t.stable.length), float64(r.Demand)/t.target, number(t.target))
	switch {
	case r.Panicking:
		r.Demand = signal.Value(max(float64(r.Demand), short))
		r.Because += fmt.Sprintf("; in panic since the last %s asked for %s times the tasks: at least %d", spec.Duration(t.short.length), number(t.threshold), most)
	case r.Verdict == Steady:
		r.Because += fmt.Sprintf(", within tolerance of %d", t.in.Base)
	}
}

// clamped keeps a need within what the tasks may be multiplied and divided by.
func (t twoWindows) clamped(need, ready float64) float64 {
	return min(max(need, math.Floor(ready/t.down)), math.Ceil(t.up*ready))
}

// window is a stretch of time that slides over the points.
type window struct {
	length, period time.Duration
	points         []signal.Point
	first          int // the first point that was in it last
}

// mean gives the mean over the window that ends with the datapoint at i, which
// is not before that of the last call, and whether each of its minutes (or longer
// periods) holds a datapoint. It is summed anew each time: what a running sum
// leaves of zeros is not zero.
func (w *window) mean(i int) (mean float64, whole bool) {
	since := w.points[i].Start.Add(w.period - w.length)
	for w.points[w.first].Start.Before(since) {
		w.first++
	}
	sum, inside := 0.0, w.points[w.first:i+1]
	for _, p := range inside {
		sum += max(0, float64(p.Value))
	}
	fits := int(w.length / w.period) // datapoints
	return sum / float64(len(inside)), len(inside) >= fits || minutes(inside, w.period) >= minutesOf(fits, w.period)
}

// minutesOf gives how many minutes, or longer periods, some datapoints take.
func minutesOf(datapoints int, period time.Duration) int {
	step := max(period, time.Minute)
	return int((time.Duration(datapoints)*period + step - 1) / step)
}

// minutes gives how many minutes, or longer periods, back from the last of the
// points hold one.
func minutes(points []signal.Point, period time.Duration) int {
	newest, step := points[len(points)-1].Start, max(period, time.Minute)
	n, last := 0, -1
	for _, p := range points {
		if ago := int(newest.Sub(p.Start) / step); ago != last {
			n, last = n+1, ago
		}
	}
	return n
}
