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
	stable, short time.Duration
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
	t := twoWindows{eyes: e, c: c, points: amounts(series.Closed(e.now)), period: m.Period, target: c.TargetPerTask * spec.DefaultUtilization, threshold: spec.DefaultPanicThreshold, up: spec.DefaultMaxUpRate, down: spec.DefaultMaxDownRate}
	t.stable, t.short = windows(c)
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
	reading := e.judge(series, t.points)
	r := &v.rec
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand = reading.Point.Start, reading.Point.Value
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return v
	}
	t.see(&v)
	return v
}

// windows gives the stable and the panic window, each at least a period: a mean
// over less would be one over nothing.
func windows(c spec.Concurrency) (stable, short time.Duration) {
	stable, short = c.Windows()
	period := c.Metric.CloudWatch("Sum").Period
	return max(stable, period), max(short, period)
}

// see gives what the datapoints ask for.
func (t twoWindows) see(v *view) {
	n := len(t.points)
	surges := &surges{t: t, from: n}
	v.points, v.ask = n, func(i int) ask { return t.ask(i, surges.most(i)) }
	most := surges.most(n - 1)
	r, last := &v.rec, t.ask(n-1, most)
	s, _ := t.mean(n-1, t.stable)
	r.Count, r.Need, r.Demand, r.Idle, r.Panicking = last.count, last.need, signal.Value(s), !last.busy, most > 0
	r.verdict(t.in.Base)
	if r.Panicking {
		q, _ := t.mean(n-1, t.short)
		r.Demand = signal.Value(max(s, q))
	}
	r.Because = t.words(*r, s, most, surges.since)
}

func (t twoWindows) words(r Recommendation, mean float64, most int, since time.Time) string {
	need, newest := mean/t.target, len(t.points)-1
	words := fmt.Sprintf("a mean of %s over %s needs %s tasks at %s each", number(mean), spec.Duration(t.stable), needed(need), number(t.target))
	if r.Panicking {
		return words + fmt.Sprintf("; in panic since %s, when the last %s asked for %s times the tasks or more: at least %d, the most since then", clock(since), spec.Duration(t.short), number(t.threshold), most)
	}
	ready := t.ready(t.points[newest])
	switch clamped := t.clamped(need, ready); {
	case clamped > need:
		words += fmt.Sprintf(", and at least %s stay of %s (maxScaleDownRate %s)", number(clamped), taskWords(int(ready)), number(t.down))
	case clamped < need:
		words += fmt.Sprintf(", and at most %s follow on %s (maxScaleUpRate %s)", number(clamped), taskWords(int(ready)), number(t.up))
	}
	if _, whole := t.mean(newest, t.stable); !whole {
		return words + ", but datapoints of the mean are missing: no scale-in"
	}
	if r.Verdict == Steady {
		words += fmt.Sprintf(", within tolerance of %d", t.in.Base)
	}
	return words
}

// ask is what the datapoint at i asks for: in calm the mean over the stable
// window, in a panic the most that was asked for in it.
func (t twoWindows) ask(i, most int) ask {
	p := t.points[i]
	s, whole := t.mean(i, t.stable)
	a := ask{ago: t.points[len(t.points)-1].Start.Sub(p.Start), need: capped(s / t.target), busy: s != 0 || p.Value != 0}
	if most > 0 {
		q, _ := t.mean(i, t.short)
		a.count, a.need = max(t.in.Base, most), max(a.need, capped(q/t.target))
		return a
	}
	a.count = t.tolerated(t.clamped(a.need, t.ready(p)))
	if !whole {
		// What is missing of the mean may have been the highest of it.
		a.count = max(a.count, t.in.Base)
	}
	return a
}

// surges are the panics among the datapoints from one on. They are found as far
// back as they are asked for: a panic of this minute does not depend on a calm hour.
type surges struct {
	t     twoWindows
	from  int
	mosts []int // by datapoint, nil while there is no panic
	// since is the end of the datapoint that began the panic of the newest one.
	since time.Time
}

// most gives the most that was asked for in the panic that the datapoint at i
// lies in, 0 in calm.
func (s *surges) most(i int) int {
	if i < s.from {
		n := len(s.t.points)
		s.find(max(0, min(i, s.from-(n-s.from)))) // twice as many as before, or more
	}
	if s.mosts == nil {
		return 0
	}
	return s.mosts[i]
}

// find goes over the datapoints from the begin of the panic that the one at i may
// lie in. A panic begins and goes on with a datapoint that is over the threshold,
// and ends when a stable window has passed after the last of those.
func (s *surges) find(i int) {
	t, to := s.t, s.from
	begin, end := i, t.end(i)
	for k := i; k >= 0 && end.Sub(t.end(k)) <= t.stable; k-- {
		if t.over(k) {
			begin, end = k, t.end(k)
		}
	}
	var last time.Time // end of the last datapoint over the threshold
	most := 0
	for k := begin; k < to; k++ {
		if !last.IsZero() && t.end(k).Sub(last) > t.stable {
			last, most = time.Time{}, 0
		}
		if t.over(k) {
			if last.IsZero() && to == len(t.points) {
				s.since = t.end(k)
			}
			last = t.end(k)
		}
		if last.IsZero() {
			continue
		}
		if s.mosts == nil {
			s.mosts = make([]int, len(t.points))
		}
		stable, _ := t.mean(k, t.stable)
		short, _ := t.mean(k, t.short)
		ready := t.ready(t.points[k])
		most = max(most, ceil(t.clamped(stable/t.target, ready)), ceil(t.clamped(short/t.target, ready)))
		s.mosts[k] = most
	}
	s.from = begin
}

// over tells whether the short window that ends with the datapoint at i asks for
// the panic threshold times the tasks.
func (t twoWindows) over(i int) bool {
	short, _ := t.mean(i, t.short)
	return math.Ceil(short/t.target-1e-9)/t.ready(t.points[i]) >= t.threshold
}

// end gives the end of the datapoint at i.
func (t twoWindows) end(i int) time.Time { return t.points[i].Start.Add(t.period) }

// ready gives the tasks in force at the end of a datapoint, at least 1.
func (t twoWindows) ready(p signal.Point) float64 {
	return float64(max(1, t.countAt(p.Start.Add(t.period))))
}

// clamped keeps a need within what the tasks may be multiplied and divided by.
func (t twoWindows) clamped(need, ready float64) float64 {
	return min(max(need, math.Floor(ready/t.down)), math.Ceil(t.up*ready))
}

// mean gives the mean over the window that ends with the datapoint at i, and
// whether each of its minutes (or longer periods) holds a datapoint. It is summed
// anew each time: what a running sum leaves of zeros is not zero.
func (t twoWindows) mean(i int, window time.Duration) (mean float64, whole bool) {
	fits := int(window / t.period) // datapoints
	first := i - fits + 1
	if whole = first >= 0 && !t.points[first].Start.Before(t.points[i].Start.Add(t.period-window)); !whole {
		first = t.firstSince(i, t.points[i].Start.Add(t.period-window))
		whole = minutes(t.points[first:i+1], t.period) >= minutesOf(fits, t.period)
	}
	sum, inside := 0.0, t.points[first:i+1]
	for _, p := range inside {
		sum += max(0, float64(p.Value))
	}
	return sum / float64(len(inside)), whole
}

// firstSince gives the first of the datapoints up to i that is not before a time.
func (t twoWindows) firstSince(i int, since time.Time) int {
	for i > 0 && !t.points[i-1].Start.Before(since) {
		i--
	}
	return i
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
