package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// age tries the oldest message of a queue at the age up to which it is not too
// old: beyond that nothing is removed, and the count grows.
func (w witness) age(p spec.Policy, l load) (Alternative, bool) {
	if p.Backlog == nil || p.Backlog.CloudWatch().OldestAge == nil {
		return Alternative{}, false
	}
	limit := p.Backlog.AcceptableLatency * 2
	if p.Backlog.MaxAge != nil {
		limit = *p.Backlog.MaxAge
	}
	g := gauge{
		series: seriesOf(w.in, *p.Backlog.CloudWatch().OldestAge),
		get:    func(p signal.Point) float64 { return float64(p.Value) },
		set:    func(p *signal.Point, v float64) { p.Value = signal.Value(v) },
	}
	if g.series < 0 {
		return Alternative{}, false
	}
	for _, r := range l.reaches {
		was, n := w.extreme(l, g, r, false)
		if n == 0 || was <= time.Duration(limit).Seconds() {
			continue
		}
		in := w.in
		in.Signals = slices.Clone(in.Signals)
		in.Signals[g.series].Points = l.points(in.Signals[g.series].Points, g, r, false, time.Duration(limit).Seconds())
		if d := w.decide(in); w.other(d) {
			return alternative(d, old(l, r, spec.Duration(math.Min(was, 1e9)*float64(time.Second)), limit)), true
		}
	}
	return Alternative{}, false
}

// old tells of the oldest message at another age.
func old(l load, r reach, was, limit spec.Duration) move {
	where, from, to := r.words(l.period), was.String(), limit.String()
	if r.back > l.period {
		from, to = "up to "+from, to+" or less"
	}
	return move{
		input: "the oldest message of " + l.policy + ", " + strings.TrimPrefix(where, "in "), from: from, to: to,
		words: fmt.Sprintf("the oldest message of %s were %s old (not %s) %s", l.policy, to, from, where),
	}
}

// How far ahead is looked, and how much further than the window of scale-in.
const (
	mostAhead = 62 * time.Minute
	moreAhead = 5 * time.Minute
)

// later finds when a hold ends if every metric goes on as in its newest
// datapoint: the window has its datapoints then, or the cooldown is over. It
// decides minute by minute, as the function does.
func (w witness) later() (Alternative, bool) {
	if w.is.Direction != history.Hold || w.is.Wanted == w.is.Desired {
		return Alternative{}, false
	}
	sc := w.in.Services[0].Policy.In()
	ahead := min(mostAhead, max(sc.StabilizationWindow, sc.Cooldown, time.Duration(sc.Datapoints)*time.Minute)+moreAhead)
	d := w.is
	for gone := time.Minute; gone <= ahead; gone += time.Minute {
		then := witness{now: w.now.Add(gone), in: w.in, is: w.is}
		if d = then.decide(repeated(w.now, w.in, gone, d.Next)); w.other(d) {
			at := stamp(then.now)
			return alternative(d, move{input: "now", from: stamp(w.now), to: at, words: "the newest datapoints repeated until " + at}), true
		}
	}
	return Alternative{}, false
}

// repeated gives the input of some time later, with the newest datapoint of
// each metric repeated and all else as it is.
func repeated(now time.Time, in policy.Input, gone time.Duration, h history.History) policy.Input {
	out := copied(in)
	out.Fleet.At = out.Fleet.At.Add(gone)
	out.Services[0].History = h
	for i := range out.Queues {
		out.Queues[i].At = out.Queues[i].At.Add(gone)
	}
	for i := range out.Signals {
		s := &out.Signals[i]
		newest := signal.Point{}
		for _, p := range s.Points {
			if p.Value.OK() && p.Start.After(newest.Start) && !p.Start.Add(s.Metric.Period).After(now) {
				newest = p
			}
		}
		if newest.Start.IsZero() || s.Metric.Period <= 0 {
			continue
		}
		s.Points = slices.DeleteFunc(slices.Grow(slices.Clone(s.Points), int(gone/s.Metric.Period)), func(p signal.Point) bool { return p.Start.After(newest.Start) })
		for p, past := newest, s.Metric.Period; past <= gone; past += s.Metric.Period {
			p.Start = newest.Start.Add(past)
			s.Points = append(s.Points, p)
		}
	}
	return out
}
