package taskcount

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Queries gives the metrics that the policies of a service need, each once,
// over a window that covers the stabilization windows, the flap guard's hour, the
// datapoints that a scale-in needs and the publishing lag. CloudWatch bills a
// metric, not its datapoints.
func Queries(k fleet.ServiceKey, s spec.Service) []signal.Query {
	in := s.In()
	q := queries{look: max(in.StabilizationWindow, s.Out().StabilizationWindow, flapLookback), datapoints: in.Datapoints}
	for _, p := range s.Policies {
		q.policy(k, p)
	}
	for _, v := range s.Vetoes {
		q.add(signal.Query{Metric: v.Metric.CloudWatch("Average"), Window: v.LookbackTime()})
	}
	if s.Activation != nil {
		for _, w := range s.Activation.Wake {
			q.add(signal.Query{Metric: w.Metric.CloudWatch("Sum"), Window: min(s.Activation.CoolOffTime(), flapLookback)})
		}
	}
	return q.all
}

// Queues gives the SQS queues whose state the policies of a service need, as
// the policies write them, each once.
func Queues(s spec.Service) []string {
	var out []string
	for _, p := range s.Policies {
		if b := p.Backlog; b != nil && b.Queue != "" && !slices.Contains(out, b.Queue) {
			out = append(out, b.Queue)
		}
	}
	return out
}

type queries struct {
	look       time.Duration
	datapoints int // that must ask for less before a scale-in
	all        []signal.Query
}

// window is what is looked back at over a metric. The datapoints of a long
// period reach further than the hour: 20 of 5 minutes are 100 minutes.
func (q *queries) window(m signal.Metric) time.Duration {
	return max(q.look, time.Duration(q.datapoints)*m.Period)
}

func (q *queries) policy(k fleet.ServiceKey, p spec.Policy) {
	counted := false // the policy needs the running tasks of each minute
	var main signal.Metric
	var back time.Duration
	switch {
	case p.TargetTracking != nil:
		src := p.TargetTracking.CloudWatch(k)
		main, back = src.Metric, q.window(src.Metric)
		q.add(signal.Query{Metric: main, Samples: src.Samples, Window: back})
		counted = !src.Samples && !src.Total
	case p.StepScaling != nil:
		src := p.StepScaling.CloudWatch(k)
		// The oldest datapoint that counts needs its evaluation periods before it.
		main, back = src.Metric, q.window(src.Metric)+time.Duration(p.StepScaling.EvaluationPeriods)*src.Metric.Period
		q.add(signal.Query{Metric: main, Samples: src.Samples, Window: back})
		counted = !src.Samples
	case p.Backlog != nil:
		src := p.Backlog.CloudWatch()
		main, back = src.Backlog, q.window(src.Backlog)
		q.add(signal.Query{Metric: main, Window: back})
		// Those of the oldest datapoint that counts are spread over the time before it.
		q.add(signal.Query{Metric: src.Arrivals, Window: back + lookBack(*p.Backlog)})
		if src.OldestAge != nil {
			q.add(signal.Query{Metric: *src.OldestAge, Window: back})
		}
		if counted = p.Backlog.ProcessingTime == nil; counted && src.Completions != nil {
			q.add(signal.Query{Metric: *src.Completions, Window: back})
		}
	case p.Concurrency != nil:
		m := p.Concurrency.Metric.CloudWatch("Sum")
		stable, _ := windows(*p.Concurrency)
		// Whether it is a panic depends on a stable window before the oldest datapoint,
		// and that one's mean on another.
		q.add(signal.Query{Metric: m, Window: q.window(m) + 2*stable})
	}
	if counted {
		// The newest datapoint may be as old as its period allows.
		q.add(signal.Query{Metric: runningTasks(k), Window: back + signal.StaleAfter(main.Period) + main.Period})
	}
}

func (q *queries) add(n signal.Query) {
	n.Window += signal.StaleAfter(n.Metric.Period) + n.Metric.Period
	i := slices.IndexFunc(q.all, func(x signal.Query) bool { return x.Metric.Key() == n.Metric.Key() })
	if i < 0 {
		q.all = append(q.all, n)
		return
	}
	q.all[i].Window = max(q.all[i].Window, n.Window)
	q.all[i].Samples = q.all[i].Samples || n.Samples
}

// runningTasks is the number of RUNNING tasks minute by minute: ECS publishes
// one sample per task, so the SampleCount of any service metric counts them.
func runningTasks(k fleet.ServiceKey) signal.Metric {
	return spec.ServiceMetric(k, "CPUUtilization", "SampleCount")
}

// eyes see what was read for one service.
type eyes struct {
	now     time.Time
	in      Input
	out, sc spec.Resolved // scale-out and scale-in
	tasks   *tally
}

// tally is the running tasks minute by minute; each task counts as so many.
type tally struct {
	series signal.Series
	points []signal.Point
	each   float64
}

// read gives the series of a metric, of ECS's own that of the service and its fallback
// together; one that is not there has no status.
func (e *eyes) read(m signal.Metric) signal.Series {
	got, ok := e.in.find(m)
	if !ok {
		return signal.Series{Metric: m}
	}
	if e.in.Fallback != nil {
		return e.pooled(got)
	}
	return got
}

// lacks gives a series the status of another one that it needs, and says so.
func lacks(s signal.Series, name string, other signal.Series) signal.Series {
	if s.Status == signal.Complete && other.Status != signal.Complete {
		s.Status, s.Why = other.Status, strings.TrimSuffix(name+": "+other.Why, ": ")
		if s.Status == "" {
			s.Status, s.Why = signal.Failed, "without "+name+", which was not read"
		}
	}
	return s
}

// amounts leaves out the points below 0: a total or an average of demand has none,
// so one that is there was not understood, like one that is not a number. The
// newest stays, for judge to name it.
func amounts(points []signal.Point) []signal.Point {
	n := len(points) - 1
	for i := range n {
		if below(&points[i]) { // not a copy: of 500 services these are half a million
			return append(slices.DeleteFunc(slices.Clone(points[:n]), func(p signal.Point) bool { return below(&p) }), points[n])
		}
	}
	return points
}

func below(p *signal.Point) bool { return p.Value < 0 || p.Samples < 0 }

// judge is Series.Judge for a demand: where the newest is below 0 nothing can be
// said. Taken for a demand of 0 it would empty the service.
func (e *eyes) judge(s signal.Series, points []signal.Point) signal.Reading {
	r := s.Judge(e.now, points)
	if r.Freshness == signal.Fresh && below(&r.Point) {
		value := min(r.Point.Value, r.Point.Samples)
		return signal.Reading{Freshness: signal.Missing, Because: fmt.Sprintf("the newest datapoint, of %s, is %s, and a demand is not below 0", clock(r.Point.Start), number(float64(value)))}
	}
	return r
}

func (in Input) find(m signal.Metric) (signal.Series, bool) {
	if in.Index != nil {
		return in.Index.Find(m)
	}
	return in.Signals.Find(m)
}

// running gives the running tasks of each minute.
func (e *eyes) running() tally {
	if e.tasks == nil {
		s := e.read(runningTasks(e.in.Key))
		e.tasks = &tally{series: s, points: s.Closed(e.now), each: samplesPerTask(s.Metric.Period, e.in.Service.CPUSeconds)}
		if e.in.Service.MonitoringUnknown != "" {
			e.tasks.points = slices.Clone(e.tasks.points)
			for i, p := range e.tasks.points {
				e.tasks.points[i].Value /= signal.Value(e.guessed(s.Metric.Period, p.Start, float64(p.Value)))
			}
		}
	}
	return *e.tasks
}

// tooMany is how many samples for each desired task no deployment explains: it
// runs two sets of tasks side by side, and high resolution sends three samples.
const tooMany = 2.4

// guessed is samplesPerTask where ECS did not tell the resolution: more samples
// in a minute than a deployment explains are those of high-resolution monitoring.
// Read as tasks they would be three times the demand.
func (e *eyes) guessed(period time.Duration, start time.Time, samples float64) float64 {
	tasks := max(1, e.countAt(start), e.countAt(start.Add(period)))
	if e.in.History.Shadow != nil {
		tasks = max(1, e.in.Service.Desired)
	}
	tasks += e.in.Fallback.desired(start, period)
	normal := samplesPerTask(period, 60)
	if samples > tooMany*normal*float64(tasks) {
		return samplesPerTask(period, int(spec.HighResolution.Seconds()))
	}
	return normal
}

// at is the mean task count over [start, start+period), or the count of the
// minute that holds a shorter period; 0 where a minute of it is not known,
// since after a scale-out the minutes still to come are the larger ones.
func (t tally) at(start time.Time, period time.Duration) float64 {
	step := t.series.Metric.Period
	if p, ok := pointAt(t.points, start, step); ok && period <= step {
		return float64(p.Value) / t.each
	}
	from, _ := slices.BinarySearchFunc(t.points, start.Add(-step), startOf)
	var sum, n float64
	for _, c := range t.points[from:] {
		if !c.Start.Before(start.Add(period)) {
			break
		}
		if c.Start.Add(step).After(start) {
			sum += float64(c.Value)
			n++
		}
	}
	if n == 0 || n < float64(period/max(step, 1)) {
		return 0
	}
	return sum / n / t.each
}

// pointAt finds the point of a start among points in order. Where none is missing
// it lies as many periods before the newest as its start does.
func pointAt(points []signal.Point, start time.Time, period time.Duration) (signal.Point, bool) {
	if n := len(points); n > 0 && period > 0 {
		if i := n - 1 - int(points[n-1].Start.Sub(start)/period); i >= 0 && i < n && points[i].Start.Equal(start) {
			return points[i], true
		}
	}
	i, ok := slices.BinarySearchFunc(points, start, startOf)
	if !ok {
		return signal.Point{}, false
	}
	return points[i], true
}

func startOf(p signal.Point, t time.Time) int { return p.Start.Compare(t) }

// samplesPerTask is how many samples each task has in a period: with
// high-resolution monitoring a task sends one every 20 s, and the Sum of a minute
// is three times what the tasks carry.
func samplesPerTask(period time.Duration, seconds int) float64 {
	if seconds <= 0 {
		seconds = 60
	}
	return max(1, float64(period/(time.Duration(seconds)*time.Second)))
}

// loads turns what was read for a policy into load over the whole service:
// Value is the total in the metric's unit, Samples the tasks that produced it (0
// beside a total, unless the tasks are to be counted). A datapoint without its
// count is left out, since its demand is not known: the same minute cannot be
// guessed from now. The points are the closed ones, oldest first; the series is
// what was read. hidden tells whether a datapoint hides demand, and is left as it
// is.
func (e *eyes) loads(src spec.Source, counted bool, hidden func(signal.Point) bool) (signal.Series, []signal.Point) {
	read := e.read(src.Metric)
	if src.Metric.Period == 0 { // a policy that names no metric: Validate says so
		return signal.Series{Metric: src.Metric, Status: signal.Failed, Why: "it is not named"}, nil
	}
	points := read.Closed(e.now)
	if src.Samples {
		return read, e.sampled(src.Metric, points, hidden)
	}
	if counted = counted || !src.Total; counted {
		tasks := e.running()
		return lacks(read, "the running task count", tasks.series), tasks.over(points, src)
	}
	if slices.ContainsFunc(points, func(p signal.Point) bool { return p.Samples != 0 }) {
		points = slices.Clone(points)
		for i := range points {
			points[i].Samples = 0
		}
	}
	return read, points
}

// sampled gives the load of points that came with their SampleCount.
func (e *eyes) sampled(m signal.Metric, points []signal.Point, hidden func(signal.Point) bool) []signal.Point {
	each := samplesPerTask(m.Period, e.in.Service.CPUSeconds)
	if m.Name == "MemoryUtilization" {
		each = samplesPerTask(m.Period, e.in.Service.MemorySeconds)
	}
	kept := make([]signal.Point, 0, len(points))
	var before signal.Point
	for _, p := range points {
		if e.in.Service.MonitoringUnknown != "" {
			each = e.guessed(m.Period, p.Start, float64(p.Samples))
		}
		p.Value, p.Samples = p.Value/signal.Value(each), p.Samples/signal.Value(each)
		read := p
		if !hidden(p) {
			p = carried(p, before, m.Period)
		}
		if p.Samples > 0 {
			before = read
			kept = append(kept, p)
		}
	}
	return kept
}

// over gives the load of points by the tasks that ran in each.
func (t tally) over(points []signal.Point, src spec.Source) []signal.Point {
	kept := make([]signal.Point, 0, len(points))
	for _, p := range points {
		if p.Samples = signal.Value(t.at(p.Start, src.Metric.Period)); p.Samples <= 0 {
			continue
		}
		if !src.Total {
			p.Value *= p.Samples
		}
		kept = append(kept, p)
	}
	return kept
}

// carried gives the datapoint of a period in which tasks joined with the mean
// of the two periods' tasks, the average unchanged. A task that runs for the
// last ten seconds of a minute counts as a whole sample, so the Sum of that
// minute is more than was carried: of 10 tasks of demand, 5 that were pinned
// for 40 s and 10 for the rest sum up to 12.2 at a target of 60, and 13 tasks
// would be ordered for a demand that needs 10. Where tasks left, the Sum stands.
func carried(p, before signal.Point, period time.Duration) signal.Point {
	if !before.Start.Equal(p.Start.Add(-period)) || before.Samples <= 0 || before.Samples >= p.Samples {
		return p
	}
	tasks := (before.Samples + p.Samples) / 2
	p.Value, p.Samples = p.Value/p.Samples*tasks, tasks
	return p
}

// maxCount keeps a count one that can be read whatever a metric says: ECS runs at
// most 5,000 tasks of a service.
const maxCount = 1_000_000

// ceil rounds a need up to whole tasks. The small allowance keeps a need of
// 6.0000000001, the residue of adding floats, at 6.
func ceil(need float64) int {
	need = capped(need) // before the allowance, which makes NaN of an infinite need
	return int(math.Ceil(need - 1e-9*max(1, need)))
}

// capped keeps a need finite: a decision with an infinite one could not be
// written as JSON.
func capped(need float64) float64 { return min(need, maxCount) }
