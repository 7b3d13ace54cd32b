package plant

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Metric configures a custom metric: a total that an application publishes
// once a minute, whether tasks run or not, such as a request count.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions []signal.Dimension
	Load       func(second int) float64 // amount in each second
}

// meter is one metric with its datapoints, one slot for each minute since the
// start of the plant.
type meter struct {
	metric  signal.Metric // without statistic
	service fleet.ServiceName
	load    func(second int) float64 // custom metrics only
	points  []datapoint
}

// datapoint is the statistics of one minute. In the fluid model the tasks of
// a service are alike, so minimum, maximum and percentiles are the average.
type datapoint struct {
	average float64
	samples int // 0: there is no datapoint
	visible time.Time
	share   float64 // of the samples, that are in while the datapoint is partial
}

func (p *Plant) serviceMeter(k fleet.ServiceKey, name string) *meter {
	return &meter{service: k.Service, metric: signal.Metric{
		Namespace: "AWS/ECS", Name: name, Period: time.Minute,
		Dimensions: []signal.Dimension{
			{Name: "ClusterName", Value: string(k.Cluster)}, {Name: "ServiceName", Value: string(k.Service)},
		},
	}, points: make([]datapoint, p.second()/60)}
}

// AddMetric makes a custom metric exist from the next full minute on.
func (p *Plant) AddMetric(m Metric) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Namespace == "" || m.Name == "" || m.Load == nil {
		return fmt.Errorf("add metric %q %q: namespace, name and load are needed", m.Namespace, m.Name)
	}
	dims := slices.SortedFunc(slices.Values(m.Dimensions), func(a, b signal.Dimension) int { return cmp.Compare(a.Name, b.Name) })
	p.meters = append(p.meters, &meter{
		metric: signal.Metric{Namespace: m.Namespace, Name: m.Name, Dimensions: dims, Period: time.Minute},
		load:   m.Load, points: make([]datapoint, p.second()/60),
	})
	return nil
}

// Put publishes one datapoint of a custom metric, at once and whole: samples
// that add up to sum in the minute that begins at start. The statistic of the
// metric does not matter.
func (p *Plant) Put(m signal.Metric, start time.Time, sum float64, samples int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	minute := int(start.Sub(p.start) / time.Minute)
	if start.Before(p.start) || samples < 1 || m.Namespace == "AWS/ECS" {
		return fmt.Errorf("put %d samples of %s/%s at %s: a custom metric, a time after the start %s and at least one sample are needed",
			samples, m.Namespace, m.Name, start, p.start)
	}
	x := p.meter(m)
	if x == nil {
		x = &meter{metric: signal.Metric{Namespace: m.Namespace, Name: m.Name, Dimensions: slices.Clone(m.Dimensions), Period: time.Minute}}
		p.meters = append(p.meters, x)
	}
	for len(x.points) <= minute {
		x.points = append(x.points, datapoint{})
	}
	x.points[minute] = datapoint{average: sum / float64(samples), samples: samples}
	return nil
}

// closeMinute turns the minute that has just ended into datapoints.
func (p *Plant) closeMinute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	for _, s := range p.services {
		cpu := s.closeMinute()
		mem := cpu
		mem.average = s.cfg.Memory
		p.publish(s.cpu, cpu)
		p.publish(s.mem, mem)
	}
	end := p.second()
	for _, m := range p.meters {
		if m.load == nil {
			continue
		}
		total := 0.0
		for sec := end - 60; sec < end; sec++ {
			total += m.load(sec)
		}
		p.publish(m, datapoint{average: total, samples: 1})
	}
}

// publish stores the datapoint of the minute that has just ended. Lag and
// share are drawn from the metric's own name and minute, so that a gap does
// not shift the others.
func (p *Plant) publish(m *meter, d datapoint) {
	now := p.clock.Now()
	minute := now.Add(-time.Minute)
	rng := sim.NewRand(p.opt.Seed, fmt.Sprintf("lag of %s at %d", m.metric.Name, len(m.points)))
	d.visible = now.Add(p.opt.Lag.Draw(rng))
	d.share = 0.3 + 0.7*rng.Float64()
	for _, g := range p.muted {
		if (g.service == "" || g.service == m.service) && !minute.Before(g.from) && minute.Before(g.to) {
			d.samples = 0
		}
	}
	m.points = append(m.points, d)
}

// at gives what can be seen of a minute at now: samples of 0 mean nothing.
// whole is false while only some of the tasks have reported.
func (m *meter) at(minute int, now time.Time, lead time.Duration) (average float64, samples int, whole bool) {
	if minute < 0 || minute >= len(m.points) {
		return 0, 0, true
	}
	d := m.points[minute]
	switch {
	case !now.Before(d.visible):
		return d.average, d.samples, true
	case d.samples > 0 && lead > 0 && !now.Before(d.visible.Add(-lead)):
		return d.average, max(1, int(float64(d.samples)*d.share)), false
	}
	return 0, 0, true
}

// newest gives the newest whole datapoint that can be seen at now.
func (m *meter) newest(now time.Time) (minute int, average float64, ok bool) {
	for i := range slices.Backward(m.points) {
		if a, n, whole := m.at(i, now, 0); n > 0 && whole {
			return i, a, true
		}
	}
	return 0, 0, false
}

// Newest gives the newest CPU utilisation of a service that CloudWatch shows
// now, in percent, and the start of its minute.
func (p *Plant) Newest(n fleet.ServiceName) (average float64, minute time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return 0, time.Time{}, false
	}
	i, average, ok := s.cpu.newest(p.clock.Now())
	return average, p.start.Add(time.Duration(i) * time.Minute), ok
}

func (p *Plant) meter(m signal.Metric) *meter {
	id := m.Identity()
	for _, x := range p.meters {
		if x.metric.Identity() == id {
			return x
		}
	}
	return nil
}

// series answers one query. A metric that does not exist and a period below a
// minute have no datapoints, as in CloudWatch.
func (p *Plant) series(now time.Time, q signal.Query) signal.Series {
	out := signal.Series{Metric: q.Metric, Status: signal.Complete, Points: []signal.Point{}}
	m, every := p.meter(q.Metric), q.Metric.Period
	if m == nil || every < time.Minute || every%time.Minute != 0 {
		return out
	}
	// StartTime is rounded down to the period and EndTime is exclusive.
	from := now.Add(-q.Window).Truncate(every)
	for at := from; at.Before(now); at = at.Add(every) {
		sum, samples := 0.0, 0
		for t := at; t.Before(at.Add(every)); t = t.Add(time.Minute) {
			if t.Before(p.start) {
				continue
			}
			a, n, _ := m.at(int(t.Sub(p.start)/time.Minute), now, p.opt.Partial)
			sum += a * float64(n)
			samples += n
		}
		if samples == 0 {
			continue
		}
		pt := signal.Point{Start: at, Value: statistic(q.Metric.Statistic, sum, samples)}
		if q.Samples {
			pt.Samples = signal.Value(samples)
		}
		out.Points = append(out.Points, pt)
	}
	return out
}

func statistic(name string, sum float64, samples int) signal.Value {
	switch name {
	case "Sum":
		return signal.Value(sum)
	case "SampleCount":
		return signal.Value(samples)
	}
	return signal.Value(sum / float64(samples))
}
