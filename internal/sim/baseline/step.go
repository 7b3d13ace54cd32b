package baseline

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// Adjustment is how the number of a step is meant.
type Adjustment string

// The adjustment types of step scaling.
const (
	ChangeInCapacity        Adjustment = "ChangeInCapacity"
	ExactCapacity           Adjustment = "ExactCapacity"
	PercentChangeInCapacity Adjustment = "PercentChangeInCapacity"
)

// Step is one step adjustment: it is taken where the metric less the threshold
// lies between the bounds, infinite ones for none.
type Step struct {
	Low, High float64
	By        int // tasks or percent, by the adjustment type
}

// StepScaling is one policy of Application Auto Scaling's step scaling for one
// ECS service, out or in, behind an alarm of the user's.
//
// Sources: peers.md A1 and E2 (user guide, step scaling policies; API reference,
// StepScalingPolicyConfiguration).
type StepScaling struct {
	Threshold    float64 // of the alarm, percent
	Adjustment   Adjustment
	Steps        []Step
	MinMagnitude int // tasks that a change by percent is at least
	Min, Max     int // tasks
	Cooldown     time.Duration
}

// Stepper is a policy for each direction with the cooldowns that they share.
type Stepper struct {
	out, in StepScaling
	past    cooldowns
}

// NewStepper gives a stepper that has done nothing yet. A cooldown of zero is
// DefaultCooldown.
func NewStepper(out, in StepScaling) *Stepper {
	out.Cooldown, in.Cooldown = cmp.Or(out.Cooldown, DefaultCooldown), cmp.Or(in.Cooldown, DefaultCooldown)
	return &Stepper{out: out, in: in}
}

// High is the action of the alarm that scales out. A breach within the cooldown
// adds only what a larger step has more, from the count before the additions.
func (k *Stepper) High(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	want, ok := k.out.size(k.past.base(s), s.Utilization)
	if !ok {
		return s.Desired
	}
	return k.past.out(s, s.Desired, want, k.out.Cooldown)
}

// Low is the action of the alarm that scales in.
func (k *Stepper) Low(s Sight) int {
	if s.blind() || k.past.rests(s) {
		return s.Desired
	}
	want, ok := k.in.size(s.Running, s.Utilization)
	if !ok {
		return s.Desired
	}
	return k.past.in(s, want, k.in.Cooldown)
}

// size gives the count that the step for a metric makes of a base.
func (c StepScaling) size(base int, metric float64) (want int, ok bool) {
	by, ok := c.step(metric - c.Threshold)
	if !ok {
		return 0, false
	}
	switch c.Adjustment {
	case ExactCapacity:
		want = by
	case PercentChangeInCapacity:
		want = base + rounded(float64(base*by)/100, c.MinMagnitude)
	case ChangeInCapacity:
		want = base + by
	}
	return min(max(want, c.Min), c.Max), true
}

// step finds the step of a distance from the threshold: above it the lower bound
// belongs to a step, below it the upper one.
func (c StepScaling) step(d float64) (by int, ok bool) {
	for _, s := range c.Steps {
		if d >= 0 && s.Low <= d && d < s.High || d < 0 && s.Low < d && d <= s.High {
			return s.By, true
		}
	}
	return 0, false
}

// rounded takes a change by percent towards zero, but a part of a task for a whole one.
func rounded(x float64, least int) int {
	if x == 0 {
		return 0
	}
	n := max(int(math.Abs(x)+1e-9), 1, least)
	if x < 0 {
		return -n
	}
	return n
}

// GuideSteps gives the user guide's example of two policies: nothing within 10
// points of the threshold, 10 % within 20, 30 % beyond.
func GuideSteps(threshold float64, least, most int) (out, in StepScaling) {
	inf := math.Inf(1)
	out = StepScaling{
		Threshold: threshold, Adjustment: PercentChangeInCapacity, Min: least, Max: most,
		Steps: []Step{{0, 10, 0}, {10, 20, 10}, {20, inf, 30}},
	}
	in = out
	in.Steps = []Step{{-10, 0, 0}, {-20, -10, -10}, {-inf, -20, -30}}
	return out, in
}

// AttachSteps lets step scaling size a service of the plant, behind alarms like
// those of target tracking: 3 of 3 datapoints of a minute above the threshold, 15
// of 15 below it. The first error of an order goes to fail.
func AttachSteps(p *plant.Plant, name fleet.ServiceName, out, in StepScaling, now func() time.Time, fail func(error)) error {
	k := NewStepper(out, in)
	act := func(decide func(Sight) int) func() {
		return func() { order(p, name, look(p, name, minute, now()), decide, fail) }
	}
	low := int(lowSpan / minute)
	err := errors.Join(
		p.AddAlarm(plant.Alarm{
			Name: "StepScaling-" + string(name) + "-High", Service: name, Threshold: out.Threshold,
			Periods: highPeriods, Breaching: highPeriods, Repeat: act(k.High),
		}),
		p.AddAlarm(plant.Alarm{
			Name: "StepScaling-" + string(name) + "-Low", Service: name, Below: true, Threshold: in.Threshold,
			Periods: low, Breaching: low, Repeat: act(k.Low),
		}),
	)
	if err != nil {
		return fmt.Errorf("attach step scaling: %w", err)
	}
	return nil
}
