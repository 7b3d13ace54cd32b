// Package baseline gives the policies that Trimtab is compared with, written
// from their documentation and run on the same plant.
//
// Where a comment cites peers.md or measure.md it means the founders' notes of the sources
// named beside them; what of the notes is used stands in docs/adr/0022-baselines.md.
package baseline

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// The numbers of Application Auto Scaling for ECS services.
const (
	// DefaultCooldown is ScaleOutCooldown and ScaleInCooldown where nobody sets
	// them (API reference, TargetTrackingScalingPolicyConfiguration).
	DefaultCooldown = 300 * time.Second
	// lowRatio: the low alarm's threshold is usually 10 % under the target (user
	// guide, target tracking).
	lowRatio = 0.9
	// The high alarm takes 3 of 3 one-minute datapoints, the low one 15 of 15
	// (containers-roadmap issue 1208; peers.md E1).
	highPeriods = 3
	lowSpan     = 15 * time.Minute
)

// TargetTracking is Application Auto Scaling's target tracking on the average
// CPU utilisation of one ECS service, with a single policy.
//
// Sources: peers.md A1 and E1 (user guide and API reference of Application
// Auto Scaling, ECS guide "service auto scaling"). The size of an adjustment is
// not published; ceil(running x metric / target) agrees with every published
// example. Its alarms' actions are Auto Scaling actions, which CloudWatch
// repeats each minute while the alarm holds.
type TargetTracking struct {
	Target   float64 // percent
	Min, Max int     // tasks
	// OutCooldown and InCooldown are DefaultCooldown if zero.
	OutCooldown, InCooldown time.Duration
	// Period is the length of a datapoint: a minute if zero, or 20 s for the
	// high-resolution metrics of 2026, of which 3 of 3 make the high alarm too.
	Period time.Duration
	// LowPeriods is how many datapoints make the low alarm: those of 15 minutes if
	// zero, which is published for one-minute ones alone.
	LowPeriods int
	// GentleIn removes at most a tenth of the running tasks at a time, at least
	// one: a reading of the user guide's "scales in more gradually".
	GentleIn bool
}

// Tracker is target tracking with its memory of cooldowns.
type Tracker struct {
	cfg  TargetTracking
	past cooldowns
}

// NewTracker gives a tracker that has done nothing yet.
func NewTracker(c TargetTracking) *Tracker {
	if c.OutCooldown == 0 {
		c.OutCooldown = DefaultCooldown
	}
	if c.InCooldown == 0 {
		c.InCooldown = DefaultCooldown
	}
	return &Tracker{cfg: c}
}

// High is the action of the high alarm: it gives the desired count to order.
func (k *Tracker) High(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	want := min(scaled(k.past.base(s), s.Utilization, k.cfg.Target), k.cfg.Max)
	return k.past.out(s, max(s.Desired, k.cfg.Min), want, k.cfg.OutCooldown)
}

// Low is the action of the low alarm.
func (k *Tracker) Low(s Sight) int {
	if s.blind() || k.past.rests(s) {
		return s.Desired
	}
	want := scaled(s.Running, s.Utilization, k.cfg.Target)
	if k.cfg.GentleIn {
		want = max(want, s.Running-max(1, s.Running/10))
	}
	return k.past.in(s, min(max(want, k.cfg.Min), k.cfg.Max), k.cfg.InCooldown)
}

// scaled rounds up both ways: conservative, as the EC2 guide's examples (need
// 1.5, add 2; spare 1.5, remove 1). The subtrahend keeps 5 x 60/60 at 5 where
// the division leaves 5.000000000000001.
func scaled(count int, metric, target float64) int {
	return int(math.Ceil(float64(count)*metric/target - 1e-9))
}

// Attach lets target tracking size a service of the plant: it creates the two
// alarms and orders desired counts when they act. The first error of an order
// goes to fail.
func Attach(p *plant.Plant, name fleet.ServiceName, c TargetTracking, now func() time.Time, fail func(error)) error {
	c.Period = cmp.Or(c.Period, time.Minute)
	k := NewTracker(c)
	act := func(decide func(Sight) int) func() {
		return func() { order(p, name, look(p, name, c.Period, now()), decide, fail) }
	}
	if err := addAlarms(p, name, signal.Metric{}, c, act(k.High), act(k.Low)); err != nil {
		return fmt.Errorf("attach target tracking: %w", err)
	}
	return nil
}

// addAlarms creates the two alarms of target tracking, on a metric or without one on the
// CPU utilisation.
func addAlarms(p *plant.Plant, name fleet.ServiceName, m signal.Metric, c TargetTracking, high, low func()) error {
	period := cmp.Or(c.Period, time.Minute)
	periods := cmp.Or(c.LowPeriods, int(lowSpan/period))
	return errors.Join(
		p.AddAlarm(plant.Alarm{
			Name: "TargetTracking-" + string(name) + "-AlarmHigh", Service: name, Metric: m, Threshold: c.Target,
			Period: period, Periods: highPeriods, Breaching: highPeriods, Repeat: high,
		}),
		p.AddAlarm(plant.Alarm{
			Name: "TargetTracking-" + string(name) + "-AlarmLow", Service: name, Metric: m, Below: true, Threshold: lowRatio * c.Target,
			Period: period, Periods: periods, Breaching: periods, Repeat: low,
		}))
}

// Static gives the tasks that a fleet without autoscaling needs to carry its
// peak, in tasks' worth of load, at the target utilisation.
func Static(peak, target float64) int {
	return int(math.Ceil(100*peak/target - 1e-9))
}
