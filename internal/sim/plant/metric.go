package plant

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// Metric configures a custom metric: a total that an application publishes
// once a minute, whether tasks run or not, such as a request count.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions []signal.Dimension
	Load       func(second int) float64 // amount in each second
}

func serviceMetric(k fleet.ServiceKey, name string) signal.Metric {
	return signal.Metric{Namespace: "AWS/ECS", Name: name, Dimensions: []signal.Dimension{
		{Name: "ClusterName", Value: string(k.Cluster)}, {Name: "ServiceName", Value: string(k.Service)},
	}}
}

// AddMetric makes a custom metric exist from the next full minute on.
func (p *Plant) AddMetric(m Metric) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Namespace == "" || m.Name == "" || m.Load == nil {
		return fmt.Errorf("add metric %q %q: namespace, name and load are needed", m.Namespace, m.Name)
	}
	metric := signal.Metric{Namespace: m.Namespace, Name: m.Name, Dimensions: sorted(m.Dimensions)}
	p.addMeter(p.newMeter(metric, time.Minute, func(now int) datapoint {
		total := 0.0
		for sec := now - 60; sec < now; sec++ {
			total += m.Load(sec)
		}
		return datapoint{average: total, samples: 1}
	}))
	return nil
}

func sorted(dims []signal.Dimension) []signal.Dimension {
	return slices.SortedFunc(slices.Values(dims), func(a, b signal.Dimension) int { return cmp.Compare(a.Name, b.Name) })
}

// Put publishes one datapoint of a custom metric, at once and whole: samples
// that add up to sum in the minute that begins at start, or in the shorter period
// of the metric. Its statistic does not matter.
func (p *Plant) Put(m signal.Metric, start time.Time, sum float64, samples int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if start.Before(p.start) || samples < 1 || m.Namespace == "AWS/ECS" {
		return fmt.Errorf("put %d samples of %s/%s at %s: a custom metric, a time after the start %s and at least one sample are needed",
			samples, m.Namespace, m.Name, start, p.start)
	}
	x := p.meter(m)
	if x == nil {
		step := time.Minute
		if m.Period >= time.Second {
			step = min(step, m.Period)
		}
		x = p.newMeter(signal.Metric{Namespace: m.Namespace, Name: m.Name, Dimensions: slices.Clone(m.Dimensions)}, step, nil)
		p.addMeter(x)
	}
	slot := int(start.Sub(p.start) / x.step)
	for len(x.points) <= slot {
		x.points = append(x.points, datapoint{})
	}
	x.points[slot] = datapoint{average: sum / float64(samples), samples: samples}
	return nil
}

// Utilization is one datapoint of a service's CPU utilisation.
type Utilization struct {
	Average float64 // percent
	Tasks   int     // that reported
	// Load is the tasks' worth of work in it, its Sum over 100. Where tasks cannot
	// use more than they bought it ends at the tasks that ran.
	Load       float64
	Start, End time.Time
}

// Newest gives the newest CPU utilisation of a service that CloudWatch shows now
// in periods of the given length, a multiple of the metric's resolution. A longer
// one shows as soon as a part of it does.
func (p *Plant) Newest(n fleet.ServiceName, period time.Duration) (u Utilization, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil || period < s.cpu.step {
		return Utilization{}, false
	}
	now, seconds := p.clock.Now(), int(period/time.Second)
	i, v, ok := s.cpu.newest(seconds, now, "Average")
	if !ok {
		return Utilization{}, false
	}
	// A task gives a sample in each step of the resolution, of which the newest period may lack some.
	tasks := float64(v.Samples) / float64(s.cpu.gather(i*seconds, seconds, now, 0, false).parts)
	start := p.start.Add(time.Duration(i) * period)
	return Utilization{
		Average: float64(v.Value), Tasks: int(math.Round(tasks)), Load: float64(v.Value) * tasks / 100, Start: start, End: start.Add(period),
	}, true
}

// Resolution gives how often a service publishes its CPU utilisation, 0 for an
// unknown service.
func (p *Plant) Resolution(n fleet.ServiceName) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return 0
	}
	return s.cpu.step
}

// series answers one query over the window that ends at until, which is the
// caller's clock; what can be seen by then is the plant's. A metric that does
// not exist and a period shorter than its resolution have no datapoints, as in
// CloudWatch.
func (p *Plant) series(until time.Time, q signal.Query) signal.Series {
	if q.Metric.Expression != "" {
		return p.math(until, q)
	}
	out := signal.Series{Metric: q.Metric, Status: signal.Complete, Points: []signal.Point{}}
	m, every := p.meter(q.Metric), q.Metric.Period
	if m == nil || every < m.step || every%m.step != 0 {
		return out
	}
	now := p.clock.Now()
	_, slots := percentile(q.Metric.Statistic)
	// StartTime is rounded down to the period and EndTime is exclusive.
	from := until.Add(-q.Window).Truncate(every)
	out.Points = make([]signal.Point, 0, until.Sub(from)/every+1)
	for at := from; at.Before(until); at = at.Add(every) {
		g := m.gather(int(at.Sub(p.start)/time.Second), int(every/time.Second), now, p.opt.Partial, slots)
		if g.samples == 0 {
			continue
		}
		pt := signal.Point{Start: at, Value: g.statistic(q.Metric.Statistic)}
		if q.Samples {
			pt.Samples = signal.Value(g.samples)
		}
		out.Points = append(out.Points, pt)
	}
	return out
}
