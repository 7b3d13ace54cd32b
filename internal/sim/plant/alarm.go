package plant

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// rush is how often alarms on less than a minute are evaluated, repeat how often
// the action of Auto Scaling is taken again.
const (
	rush   = 10 * time.Second
	repeat = time.Minute
)

// Alarm configures a CloudWatch alarm, with missing data treated as missing.
type Alarm struct {
	Name    string
	Service fleet.ServiceName
	// Metric is what is watched: the average CPU utilisation of the service if it
	// has no name. A metric that does not exist yet has no datapoints.
	Metric    signal.Metric
	Below     bool    // breaching is below the threshold, not above it
	Threshold float64 // percent
	// Period is the length of a datapoint: a minute if zero, else 10 s or more in
	// whole tens. It must not be below the resolution of a service's own metric.
	Period time.Duration
	// Periods is how many datapoints are looked at, Breaching how many of them
	// make an alarm.
	Periods, Breaching int
	// Notify takes every transition once: the Lambda and EventBridge actions.
	Notify func(Change)
	// Repeat runs each minute in ALARM: Auto Scaling actions alone repeat.
	Repeat func()
}

// Change is one transition of an alarm.
type Change struct {
	Alarm    Alarm
	Cluster  fleet.ClusterName
	From, To event.AlarmState
	At       time.Time
	Since    time.Time      // of the previous transition
	Points   []signal.Point // the datapoints that decided, oldest first
	ID       string         // a UUID, for the event
}

type alarm struct {
	cfg   Alarm
	state event.AlarmState
	since time.Time
	acted time.Time // Repeat ran last
	meter *meter    // once it exists
	seen  []signal.Point
}

// AddAlarm creates an alarm in INSUFFICIENT_DATA and evaluates it once a
// minute, or each ten seconds if its period is below a minute, at a second of
// the minute or of the ten drawn from its name.
//
//	          breaching >= m
//	any state ---------------> ALARM
//	          enough points, fewer breaching
//	any state ---------------> OK
//	          points lack, none breaching
//	any state ---------------> INSUFFICIENT_DATA
//
// Entering a state runs Notify, once. In ALARM Repeat runs at once and each minute.
// Sources: reference peers.md E0; the user guide of CloudWatch, "alarms invoke
// actions for sustained state changes only", Auto Scaling actions excepted.
func (p *Plant) AddAlarm(c Alarm) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(c.Service)
	if err != nil {
		return fmt.Errorf("add alarm %s: %w", c.Name, err)
	}
	c.Period = cmp.Or(c.Period, time.Minute)
	if c.Period < rush || c.Period%rush != 0 {
		return fmt.Errorf("add alarm %s: a period of %s: 10 s or more in whole tens are needed", c.Name, c.Period)
	}
	if c.Metric.Name == "" && (c.Period < s.cpu.step || c.Period%s.cpu.step != 0) {
		return fmt.Errorf("add alarm %s: a period of %s on a metric each %s would never have a datapoint", c.Name, c.Period, s.cpu.step)
	}
	if c.Periods < 1 || c.Breaching < 1 || c.Breaching > c.Periods {
		return fmt.Errorf("add alarm %s: %d of %d datapoints: 1 <= breaching <= periods is needed", c.Name, c.Breaching, c.Periods)
	}
	c.Metric = c.watched(p.opt.Cluster)
	a := &alarm{cfg: c, state: event.StateInsufficientData, since: p.clock.Now()}
	p.alarms = append(p.alarms, a)
	every := time.Minute
	if c.Period < time.Minute {
		every = rush
	}
	phase := time.Duration(sim.NewRand(p.opt.Seed, "phase of "+c.Name).IntN(int(every/time.Second))) * time.Second
	p.clock.Every(p.clock.Now().Truncate(time.Minute).Add(every+phase), every, sim.Alarms, func() { p.evaluate(a) })
	return nil
}

// watched gives the metric of the alarm.
func (c Alarm) watched(cluster fleet.ClusterName) signal.Metric {
	if c.Metric.Name != "" {
		return c.Metric
	}
	m := serviceMetric(fleet.ServiceKey{Cluster: cluster, Service: c.Service}, "CPUUtilization")
	m.Statistic = "Average"
	return m
}

func (c Alarm) seconds() int { return int(cmp.Or(c.Period, time.Minute) / time.Second) }

// AlarmState gives the state of an alarm; an unknown one has none.
func (p *Plant) AlarmState(name string) event.AlarmState {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.alarms {
		if a.cfg.Name == name {
			return a.state
		}
	}
	return ""
}

// evaluate judges an alarm. Its actions run after the plant is unlocked.
func (p *Plant) evaluate(a *alarm) {
	p.mu.Lock()
	now := p.clock.Now()
	a.seen = p.window(a, now, a.seen[:0])
	next := a.judge(a.seen)
	changed := next != a.state
	var c Change
	if changed {
		c = Change{
			Alarm: a.cfg, Cluster: p.opt.Cluster, From: a.state, To: next, At: now, Since: a.since,
			Points: slices.Clone(a.seen), ID: p.ids.uuid(),
		}
		a.state, a.since = next, now
	}
	p.mu.Unlock()
	if changed && a.cfg.Notify != nil {
		a.cfg.Notify(c)
	}
	if next == event.StateAlarm && a.cfg.Repeat != nil && (changed || now.Sub(a.acted) >= repeat) {
		a.acted = now
		a.cfg.Repeat()
	}
}

// window gives the datapoints that an evaluation looks at: those of the last
// periods that can be expected by now. CloudWatch looks a little further back
// than the periods asked for when the newest have not come, here by the longest
// lag and two periods more. They are appended to pts.
func (p *Plant) window(a *alarm, now time.Time, pts []signal.Point) []signal.Point {
	if a.meter == nil {
		a.meter = p.meter(a.cfg.Metric)
	}
	m := a.meter
	if m == nil {
		return pts
	}
	period, lag := a.cfg.Period, p.opt.Lag.High
	if m.step < time.Minute {
		lag = p.opt.FastLag.High
	}
	newest, _, ok := m.newest(int(period/time.Second), now, a.cfg.Metric.Statistic)
	end := p.start.Add(time.Duration(newest+1) * period)
	if !ok || now.Sub(end) > lag+2*period {
		return pts
	}
	for i := newest - a.cfg.Periods + 1; i <= newest; i++ {
		if v, ok := m.period(i, int(period/time.Second), now, a.cfg.Metric.Statistic); ok {
			v.Start = p.start.Add(time.Duration(i) * period)
			pts = append(pts, v)
		}
	}
	return pts
}

func (a *alarm) judge(pts []signal.Point) event.AlarmState {
	breaching := 0
	for _, pt := range pts {
		if a.breaches(float64(pt.Value)) {
			breaching++
		}
	}
	switch {
	case breaching >= a.cfg.Breaching:
		return event.StateAlarm
	case len(pts) < a.cfg.Periods && breaching == 0:
		return event.StateInsufficientData
	}
	return event.StateOK
}

func (a *alarm) breaches(v float64) bool {
	if a.cfg.Below {
		return v < a.cfg.Threshold
	}
	return v > a.cfg.Threshold
}
