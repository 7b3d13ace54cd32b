package explain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// gauge is what a policy sees of the load in one series, in the unit in which
// people see it in CloudWatch: an average a task, or a total.
type gauge struct {
	series int // in the signals
	unit   string
	get    func(p signal.Point) float64
	set    func(p *signal.Point, v float64)
	scale  float64 // how large a value may be thought of where there is none
	most   float64 // the largest value that there can be
	whole  bool    // it comes in whole numbers only
}

// load is what one policy sees, and how far back it looks.
type load struct {
	policy  string
	average bool
	kind    string // the rule of the policy's type
	period  time.Duration
	newest  time.Time // start of the newest datapoint that counts
	gauges  []gauge
	reaches []reach
}

// reach is how many of the newest datapoints are moved.
type reach struct {
	back time.Duration // those that start less than so long before the newest one
	many int           // how many there must be, 0 where that does not matter
}

// words tells which datapoints a reach moves.
func (r reach) words(period time.Duration) string {
	switch {
	case r.back <= period:
		return "in the newest datapoint"
	case r.many > 0:
		return fmt.Sprintf("in the newest %d datapoints", r.many)
	}
	return "in every datapoint of the last " + wait(r.back)
}

// loads finds other values of what one policy sees that change the decision: of
// as few of the newest datapoints as can, and as near to what they are as can.
// A burst is one datapoint; a scale-in needs every one of its window.
func (w witness) loads(i int) []Alternative {
	if i >= len(w.is.Policies) || w.is.Policies[i].Verdict == taskcount.Unusable {
		return nil
	}
	l, ok := w.load(w.in.Services[0].Policy.Policies[i], w.is.Policies[i])
	if !ok {
		return nil
	}
	var out []Alternative
	if a, ok := w.age(w.in.Services[0].Policy.Policies[i], l); ok {
		out = append(out, a)
	}
	for _, up := range []bool{true, false} {
		for _, r := range l.reaches {
			if a, ok := w.search(l, r, up); ok {
				out = append(out, a)
				break
			}
		}
	}
	return out
}

// load describes what a policy sees.
func (w witness) load(p spec.Policy, rec taskcount.Recommendation) (load, bool) {
	l := load{policy: rec.Policy, kind: rec.Type, newest: rec.Datapoint}
	many := float64(max(1, w.is.Base))
	raw := gauge{
		unit: rec.Unit, most: math.Inf(1), scale: rec.Target * many,
		get: func(p signal.Point) float64 { return float64(p.Value) },
		set: func(p *signal.Point, v float64) { p.Value = signal.Value(v) },
	}
	switch key := (fleet.ServiceKey{Cluster: w.in.Cell.Cluster, Service: w.in.Services[0].Name}); {
	case p.TargetTracking != nil:
		src := p.TargetTracking.CloudWatch(key)
		l.average = src.Samples || src.Metric.Statistic == "Average"
		l = l.reading(w.in, src.Metric, w.of(src, raw, rec.Target, p.TargetTracking.Ceiling))
	case p.StepScaling != nil:
		src := p.StepScaling.CloudWatch(key)
		l.average = src.Samples || src.Metric.Statistic == "Average"
		l = l.reading(w.in, src.Metric, w.of(src, raw, steepest(*p.StepScaling), 0))
	case p.Concurrency != nil:
		l = l.reading(w.in, p.Concurrency.Metric.CloudWatch("Sum"), raw)
	case p.Backlog != nil:
		src := p.Backlog.CloudWatch()
		waiting, arriving, seconds := raw, raw, src.Arrivals.Period.Seconds()
		waiting.whole = p.Backlog.Queue != ""
		waiting.scale *= time.Duration(p.Backlog.AcceptableLatency).Seconds()
		arriving.get = func(p signal.Point) float64 { return float64(p.Value) / seconds }
		arriving.set = func(p *signal.Point, v float64) { p.Value = signal.Value(v * seconds) }
		l = l.reading(w.in, src.Backlog, waiting)
		l = l.reading(w.in, src.Arrivals, arriving)
	}
	l.reaches = w.reaches(p, l.period)
	return l, len(l.gauges) > 0 && !slices.ContainsFunc(l.gauges, func(g gauge) bool { return g.series < 0 })
}

// reading gives the load with what one more series shows of it.
func (l load) reading(in policy.Input, m signal.Metric, g gauge) load {
	g.series = seriesOf(in, m)
	l.period, l.gauges = m.Period, append(l.gauges, g)
	return l
}

func seriesOf(in policy.Input, m signal.Metric) int {
	key := m.Key()
	return slices.IndexFunc(in.Signals, func(s signal.Series) bool { return s.Metric.Key() == key })
}

// of gives the gauge of a policy's source. No task of Fargate uses more than it
// reserves, and no metric passes its ceiling.
func (w witness) of(src spec.Source, g gauge, each, ceiling float64) gauge {
	live, _ := w.in.Fleet.Service(w.in.Services[0].Name)
	if !src.Total {
		g.scale = each
	}
	if src.Samples {
		g.get = func(p signal.Point) float64 { return float64(p.Value) / float64(p.Samples) }
		g.set = func(p *signal.Point, v float64) { p.Value = signal.Value(v) * p.Samples }
		if live.Compute == fleet.Fargate {
			g.most = 100
		}
	}
	if ceiling > 0 {
		g.most = ceiling
	}
	return g
}

// steepest gives the value at which the furthest step begins.
func steepest(s spec.StepScaling) float64 {
	far := math.Abs(s.Threshold)
	for _, a := range s.StepAdjustments {
		for _, b := range []*float64{a.MetricIntervalLowerBound, a.MetricIntervalUpperBound} {
			if b != nil {
				far = max(far, math.Abs(s.Threshold+*b))
			}
		}
	}
	return far
}

// reaches are tried from the shortest to the longest: the newest datapoint, those
// that a policy needs in a row, the windows, and the hour of the flap guard.
func (w witness) reaches(p spec.Policy, period time.Duration) []reach {
	out, in := w.in.Services[0].Policy.Out(), w.in.Services[0].Policy.In()
	all := []reach{{back: period}}
	before := time.Duration(0) // what the oldest datapoint of a window rests on
	if s := p.StepScaling; s != nil && s.EvaluationPeriods > 1 {
		all = append(all, reach{back: time.Duration(s.EvaluationPeriods) * period, many: s.EvaluationPeriods})
		before = time.Duration(s.EvaluationPeriods-1) * period
	}
	if c := p.Concurrency; c != nil {
		stable, short := c.Windows()
		all = append(all, reach{back: short}, reach{back: stable})
		before = 2 * stable
	}
	step := max(period, time.Minute)
	sight := max(in.StabilizationWindow, time.Duration(in.Datapoints)*period, 2*step)
	all = append(all, reach{back: sight + before}, reach{back: time.Hour + before})
	if out.StabilizationWindow > 0 {
		all = append(all, reach{back: out.StabilizationWindow + before})
	}
	slices.SortStableFunc(all, func(a, b reach) int { return cmp.Compare(a.back, b.back) })
	return slices.CompactFunc(all, func(a, b reach) bool { return a.back == b.back })
}

// span is the way of one gauge from what it is to as far as is searched. Where
// several datapoints are moved, those that lie beyond a value already stay: at
// 30 % or less in every datapoint.
type span struct{ from, far float64 }

// at gives the value a share of the way.
func (s span) at(share float64) float64 { return s.from + (s.far-s.from)*share }

// The search for a value: up to 64 times of what there is, to a thousandth.
const (
	searchRange = 64
	searchSteps = 40
	searchGrain = 1e-3
)

// spans gives the ways of the gauges of a load, and whether there is any.
func (w witness) spans(l load, r reach, up bool) ([]span, bool) {
	out, moves := make([]span, len(l.gauges)), false
	for i, g := range l.gauges {
		from, n := w.extreme(l, g, r, up)
		if n == 0 || r.many > 0 && n != r.many {
			return nil, false
		}
		s := span{from: from}
		switch size := max(math.Abs(from), g.scale, math.Abs(g.get(w.point(l, g)))); {
		case up && len(l.gauges) > 1 && from == 0 && i > 0:
			// Of what does not arrive at all a share stays nothing.
		case up:
			s.far = min(g.most, searchRange*size)
		case from < 0:
			s.far = searchRange * from
		}
		moves = moves || up && s.far > s.from || !up && s.far < s.from
		out[i] = s
	}
	return out, moves
}

// extreme gives the least or the largest value of the datapoints of a reach, and
// how many there are.
func (w witness) extreme(l load, g gauge, r reach, up bool) (v float64, n int) {
	for _, p := range w.in.Signals[g.series].Points {
		if !l.reached(p, r) {
			continue
		}
		x := g.get(p)
		if math.IsNaN(x) {
			continue // the average of no task
		}
		if n == 0 || up == (x < v) {
			v = x
		}
		n++
	}
	return v, n
}

// reached tells whether a reach moves a datapoint.
func (l load) reached(p signal.Point, r reach) bool {
	ago := l.newest.Sub(p.Start)
	return p.Value.OK() && p.Samples.OK() && ago >= 0 && ago < r.back
}

// point gives the newest datapoint that counts.
func (w witness) point(l load, g gauge) signal.Point {
	for _, p := range w.in.Signals[g.series].Points {
		if p.Start.Equal(l.newest) {
			return p
		}
	}
	return signal.Point{}
}

// search finds the least change of the datapoints of a reach that changes the
// decision, up or down, and verifies what is told of it.
func (w witness) search(l load, r reach, up bool) (Alternative, bool) {
	spans, ok := w.spans(l, r, up)
	if !ok {
		return Alternative{}, false
	}
	at := func(share float64) (values []float64) {
		for _, s := range spans {
			values = append(values, s.at(share))
		}
		return values
	}
	changes := func(values []float64) (policy.ServiceDecision, bool) {
		d := w.decide(w.with(l, r, up, values))
		return d, w.other(d) && up == (d.Desired > w.is.Desired)
	}
	if _, ok := changes(at(1)); !ok {
		return Alternative{}, false
	}
	near, far := 0.0, 1.0
	for range searchSteps {
		if alike(at(near), at(far)) {
			break
		}
		if mid := (near + far) / 2; second(changes(at(mid))) {
			far = mid
		} else {
			near = mid
		}
	}
	values := make([]float64, len(spans))
	for i, v := range at(far) {
		if values[i] = outward(v, spans[i], up); l.gauges[i].whole && up {
			values[i] = math.Ceil(values[i])
		} else if l.gauges[i].whole {
			values[i] = math.Floor(values[i])
		}
	}
	d, ok := changes(values)
	if !ok {
		return Alternative{}, false
	}
	return alternative(d, l.move(r, up, spans, values)), true
}

func second[T any](_ T, ok bool) bool { return ok }

// alike tells whether values lie within the grain of the search of each other.
func alike(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > searchGrain*max(math.Abs(a[i]), math.Abs(b[i])) {
			return false
		}
	}
	return true
}

// with gives the input with the datapoints of a reach moved.
func (w witness) with(l load, r reach, up bool, values []float64) policy.Input {
	in := w.in
	in.Signals = slices.Clone(in.Signals)
	for i, g := range l.gauges {
		in.Signals[g.series].Points = l.points(in.Signals[g.series].Points, g, r, up, values[i])
	}
	return in
}

// points gives points with those of a reach moved to a value, unless they lie
// beyond it.
func (l load) points(points []signal.Point, g gauge, r reach, up bool, v float64) []signal.Point {
	out := slices.Clone(points)
	for k := range out {
		if l.reached(out[k], r) && up == (g.get(out[k]) < v) {
			g.set(&out[k], v)
		}
	}
	return out
}

// outward rounds a value to three digits, away from what it was and not past the
// end of the way, such that what is written is what was tried.
func outward(v float64, s span, up bool) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	if up {
		v = min(math.Ceil(v/unit-1e-9)*unit, s.far)
	} else {
		v = max(math.Floor(v/unit+1e-9)*unit, s.far)
	}
	if plain, err := strconv.ParseFloat(plain(v), 64); err == nil {
		return plain
	}
	return v
}

// plain writes a value of three digits.
func plain(v float64) string {
	short := strconv.FormatFloat(v, 'g', 4, 64)
	f, err := strconv.ParseFloat(short, 64)
	if abs := math.Abs(f); err != nil || abs >= 1e12 || abs < 1e-6 {
		return short
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// move tells what was found.
func (l load) move(r reach, up bool, spans []span, values []float64) move {
	where, one := r.words(l.period), r.back <= l.period
	more := map[bool]string{true: " or more", false: " or less"}[up]
	upTo := map[bool]string{true: "down to ", false: "up to "}[up]
	if one {
		more, upTo = "", ""
	}
	value := func(i int) (to, from string) {
		to, from = plain(values[i])+l.unit(i), upTo+number(spans[i].from)+l.unit(i)
		if values[i] != 0 || up || spans[i].far < 0 { // there is nothing less than none
			to += more
		}
		return to, from
	}
	to, from := value(0)
	if l.kind != history.Backlog {
		at := "at "
		if l.average {
			at = "at an average of "
		}
		words := fmt.Sprintf("%s were %s%s (not %s) %s", l.policy, at, to, from, where)
		return move{input: l.policy + ", " + strings.TrimPrefix(where, "in "), from: from, to: to, words: words}
	}
	words := fmt.Sprintf("%s had %s messages waiting (not %s)", l.policy, to, from)
	if values[1] != spans[1].from {
		arriving, were := value(1)
		words += fmt.Sprintf(" and %s arriving a second (not %s)", arriving, were)
		to, from = to+" and "+arriving, from+" and "+were
	}
	return move{input: l.policy + ", " + strings.TrimPrefix(where, "in "), from: from, to: to, words: words + " " + where}
}

// unit is that of a value; a backlog's words name it.
func (l load) unit(i int) string {
	if l.kind == history.Backlog {
		return ""
	}
	return l.gauges[i].unit
}
