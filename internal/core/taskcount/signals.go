package taskcount

import (
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Queries gives the metrics that the policies of a service need, each once,
// over a window that covers the stabilization windows, the flap guard's hour and
// the publishing lag. CloudWatch bills a metric, not its datapoints.
func Queries(k fleet.ServiceKey, s spec.Service) []signal.Query {
	var out []signal.Query
	add := func(q signal.Query) {
		i := slices.IndexFunc(out, func(x signal.Query) bool { return x.Metric.Key() == q.Metric.Key() })
		if i < 0 {
			out = append(out, q)
			return
		}
		out[i].Window = max(out[i].Window, q.Window)
		out[i].Samples = out[i].Samples || q.Samples
	}
	look := max(s.In().StabilizationWindow, s.Out().StabilizationWindow, flapLookback)
	for _, p := range s.Policies {
		t := p.TargetTracking
		if t == nil {
			continue
		}
		m := t.CloudWatch(k).Metric
		window := look + signal.StaleAfter(m.Period) + m.Period
		add(signal.Query{Metric: m, Samples: t.PredefinedMetric != "", Window: window})
		if averages(*t) {
			add(signal.Query{Metric: runningTasks(k), Window: window})
		}
	}
	return out
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

// averages tells whether the metric is an average over the tasks that does not
// itself say how many tasks there were.
func averages(t spec.TargetTracking) bool { return t.PredefinedMetric == "" && t.TargetPerTask == 0 }

// runningTasks is the number of RUNNING tasks minute by minute: ECS publishes
// one sample per task, so the SampleCount of any service metric counts them.
func runningTasks(k fleet.ServiceKey) signal.Metric {
	return spec.ServiceMetric(k, "CPUUtilization", "SampleCount")
}

// demandSeries turns what was read for a policy into demand over the whole
// service: Value is the total in the metric's unit, Samples the tasks that
// produced it (0 where unknown). A datapoint without its count is left out,
// since its demand is not known: the same minute cannot be guessed from now.
func demandSeries(k fleet.ServiceKey, t spec.TargetTracking, set signal.Set, now time.Time) signal.Series {
	m := t.CloudWatch(k).Metric
	got, ok := set.Find(m)
	if !ok {
		return signal.Series{Metric: m, Status: signal.Failed, Why: "it was not read"}
	}
	out := signal.Series{Metric: m, Status: got.Status, Why: got.Why}
	var tasks signal.Series
	if averages(t) {
		tasks, _ = set.Find(runningTasks(k))
		if got.Status == signal.Complete && tasks.Status != signal.Complete {
			out.Status, out.Why = tasks.Status, "the running task count: "+tasks.Why
		}
	}
	counts := tasks.Closed(now)
	var before signal.Point
	for _, p := range got.Closed(now) {
		read := p
		switch {
		case t.PredefinedMetric != "":
			p = carried(p, before, m.Period)
		case t.TargetPerTask > 0:
			p.Samples = 0
		case averages(t):
			n := meanCount(counts, tasks.Metric.Period, p.Start, m.Period)
			p.Value, p.Samples = signal.Value(float64(p.Value)*n), signal.Value(n)
		}
		if t.TargetPerTask == 0 && p.Samples <= 0 {
			continue
		}
		before = read
		p.Value = max(p.Value, 0)
		out.Points = append(out.Points, p)
	}
	return out
}

// carried gives the datapoint of a minute in which tasks joined with the mean
// of the two minutes' tasks, the average unchanged. A task that runs for the
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

// meanCount is the mean task count over [start, start+period), or the count of
// the minute that holds a shorter period; 0 where a minute of it is not known,
// since after a scale-out the minutes still to come are the larger ones.
func meanCount(counts []signal.Point, step time.Duration, start time.Time, period time.Duration) float64 {
	var sum, n float64
	for _, c := range counts {
		if c.Start.Before(start.Add(period)) && c.Start.Add(step).After(start) {
			sum += float64(c.Value)
			n++
		}
	}
	if n == 0 || n < float64(period/max(step, 1)) {
		return 0
	}
	return sum / n
}

// saturated tells whether the datapoint hides demand: Fargate caps a task's
// CPU at what it reserves, so at 99 % and more the true demand is unknown. On
// EC2 a task may use idle CPU of its instance and the metric passes 100 %.
func saturated(s fleet.Service, t spec.TargetTracking, p signal.Point) bool {
	return s.Compute == fleet.Fargate && t.PredefinedMetric == spec.CPUUtilization &&
		p.Samples > 0 && float64(p.Value/p.Samples) >= 99
}

// maxCount keeps the conversion from float64 within an int whatever a metric says.
const maxCount = 1 << 30

// ceil rounds a need up to whole tasks. The small allowance keeps a need of
// 6.0000000001, the residue of adding floats, at 6.
func ceil(need float64) int {
	need = min(need, maxCount) // before the allowance, which makes NaN of an infinite need
	return int(math.Ceil(need - 1e-9*max(1, need)))
}
