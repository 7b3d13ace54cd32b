package plant

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// meter is one metric with its datapoints, one slot for each step since the
// start of the plant. The step is the metric's resolution: a longer period is
// made of whole slots, a shorter one has no datapoints, as in CloudWatch.
type meter struct {
	metric  signal.Metric // without statistic
	service fleet.ServiceName
	step    time.Duration
	// read gives the datapoint of the step that has just ended; nil for a metric
	// that is only ever put.
	read   func(now int) datapoint
	points []datapoint
}

// datapoint is the statistics of one step. In the fluid model the tasks of
// a service are alike, so minimum, maximum and percentiles are the average.
type datapoint struct {
	average float64
	samples int // 0: there is no datapoint
	visible time.Time
	share   float64 // of the samples, that are in while the datapoint is partial
}

// Distortion is what becomes of one datapoint on its way into CloudWatch.
type Distortion struct {
	Drop bool
	NaN  bool
	Late time.Duration // beside its lag
}

// newMeter gives a meter that is silent before now.
func (p *Plant) newMeter(m signal.Metric, step time.Duration, read func(now int) datapoint) *meter {
	m.Period, m.Statistic = step, ""
	return &meter{metric: m, step: step, read: read, points: make([]datapoint, p.second()/int(step/time.Second))}
}

// addMeter makes a meter publish from the next full step on.
func (p *Plant) addMeter(m *meter) {
	p.meters = append(p.meters, m)
	if m.read == nil || slices.Contains(p.steps, m.step) {
		return
	}
	p.steps = append(p.steps, m.step)
	first := p.start.Add(time.Duration(len(m.points)+1) * m.step)
	p.clock.Every(first, m.step, sim.Metrics, func() { p.closeStep(m.step) })
}

// closeStep turns the step that has just ended into datapoints.
func (p *Plant) closeStep(step time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	now := p.second()
	for _, m := range p.meters {
		if m.read != nil && m.step == step {
			p.publish(m, m.read(now))
		}
	}
}

// publish stores the datapoint of the step that has just ended. Lag and share
// are drawn from the metric's own name and step, so that a gap does not shift
// the others. A datapoint that has a time already does not appear before it.
func (p *Plant) publish(m *meter, d datapoint) {
	now := p.clock.Now()
	began := now.Add(-m.step)
	lag := p.opt.Lag
	if m.step < time.Minute {
		lag = p.opt.FastLag
	}
	rng := sim.NewRand(p.opt.Seed, fmt.Sprintf("lag of %s at %d", m.metric.Name, len(m.points)))
	if visible := now.Add(lag.Draw(rng)); visible.After(d.visible) {
		d.visible = visible
	}
	d.share = 0.3 + 0.7*rng.Float64()
	for _, g := range p.muted {
		if (g.service == "" || g.service == m.service) && !began.Before(g.from) && began.Before(g.to) {
			d.samples = 0
		}
	}
	if p.opt.Distort != nil {
		x := p.opt.Distort(m.metric, began)
		d.visible = d.visible.Add(x.Late)
		if x.Drop {
			d.samples = 0
		}
		if x.NaN {
			d.average = math.NaN()
		}
	}
	m.points = append(m.points, d)
}

// at gives what can be seen of a slot at now: samples of 0 mean nothing.
// whole is false while only some of the tasks have reported.
func (m *meter) at(slot int, now time.Time, lead time.Duration) (average float64, samples int, whole bool) {
	if slot < 0 || slot >= len(m.points) {
		return 0, 0, true
	}
	d := m.points[slot]
	switch {
	case !now.Before(d.visible):
		return d.average, d.samples, true
	case d.samples > 0 && lead > 0 && !now.Before(d.visible.Add(-lead)):
		return d.average, max(1, int(float64(d.samples)*d.share)), false
	}
	return 0, 0, true
}

// gathered is what can be seen of several slots together.
type gathered struct {
	sum, low, high float64
	samples, parts int // in so many slots
	whole          bool
	slots          []datapoint // filled for a percentile only
}

// gather adds up the slots of [from, from+period), seconds from the start.
func (m *meter) gather(from, period int, now time.Time, lead time.Duration, slots bool) gathered {
	step := int(m.step / time.Second)
	g := gathered{low: math.Inf(1), high: math.Inf(-1), whole: true}
	for sec := from; sec < from+period; sec += step {
		if sec < 0 {
			continue
		}
		a, n, whole := m.at(sec/step, now, lead)
		if n == 0 {
			continue
		}
		g.sum, g.samples, g.parts, g.whole = g.sum+a*float64(n), g.samples+n, g.parts+1, g.whole && whole
		g.low, g.high = min(g.low, a), max(g.high, a)
		if slots {
			g.slots = append(g.slots, datapoint{average: a, samples: n})
		}
	}
	return g
}

// statistic gives one statistic of what was gathered.
func (g gathered) statistic(name string) signal.Value {
	switch name {
	case "Sum":
		return signal.Value(g.sum)
	case "SampleCount":
		return signal.Value(g.samples)
	case "Minimum":
		return signal.Value(g.low)
	case "Maximum":
		return signal.Value(g.high)
	}
	if share, ok := percentile(name); ok && len(g.slots) > 0 {
		slices.SortFunc(g.slots, func(a, b datapoint) int { return compareFloats(a.average, b.average) })
		rank := share / 100 * float64(g.samples)
		for _, d := range g.slots {
			if rank -= float64(d.samples); rank <= 0 {
				return signal.Value(d.average)
			}
		}
		return signal.Value(g.high)
	}
	return signal.Value(g.sum / float64(g.samples))
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// percentile reads p99 as 99.
func percentile(statistic string) (share float64, ok bool) {
	digits, ok := strings.CutPrefix(statistic, "p")
	if !ok {
		return 0, false
	}
	share, err := strconv.ParseFloat(digits, 64)
	return share, err == nil
}

// period gives the statistics of the ith period of so many seconds from the start
// of the plant, as an alarm or a look at the newest datapoint sees them: whole
// ones only. A period shorter than the resolution has none.
func (m *meter) period(i, seconds int, now time.Time, statistic string) (v signal.Point, ok bool) {
	switch step := int(m.step / time.Second); {
	case seconds < step || seconds%step != 0:
		return signal.Point{}, false
	case seconds == step: // the most frequent by far: an alarm at the metric's resolution
		average, n, _ := m.at(i, now, 0)
		one := gathered{sum: average * float64(n), low: average, high: average, samples: n}
		return signal.Point{Value: one.statistic(statistic), Samples: signal.Value(n)}, n > 0
	}
	_, slots := percentile(statistic)
	g := m.gather(i*seconds, seconds, now, 0, slots)
	return signal.Point{Value: g.statistic(statistic), Samples: signal.Value(g.samples)}, g.samples > 0 && g.whole
}

// newest gives the newest period of so many seconds that can be seen at now.
func (m *meter) newest(seconds int, now time.Time, statistic string) (i int, v signal.Point, ok bool) {
	for i := len(m.points) * int(m.step/time.Second) / seconds; i >= 0; i-- {
		if v, ok := m.period(i, seconds, now, statistic); ok {
			return i, v, true
		}
	}
	return 0, signal.Point{}, false
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
