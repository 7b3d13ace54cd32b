package baseline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// The numbers of ECS managed scaling.
const (
	// DefaultWarmup is instanceWarmupPeriod, DefaultMaxStep maximumScalingStepSize
	// where nobody sets them (ECS API reference, ManagedScaling).
	DefaultWarmup  = 300 * time.Second
	DefaultMaxStep = 10000
	// The high alarm takes one one-minute datapoint, the low one 15 of 15
	// (containers-roadmap issues 638 and 900; peers.md A2).
	lowMinutes = 15
	// nothing is the metric of a group without instances that needs some: it
	// cannot divide by them, so two are started (issues 900, 961 and 1716).
	nothing = 200
)

// ManagedScaling is ECS managed scaling of one capacity provider, an Auto Scaling
// group.
//
// Sources: peers.md A2 and E3 (ECS guide, cluster auto scaling; AWS's blog "Deep
// dive on Amazon ECS cluster auto scaling"; API reference, ManagedScaling). It
// never empties a busy instance.
type ManagedScaling struct {
	Target           float64 // targetCapacity in percent, 100 if zero
	MinStep, MaxStep int     // instances, 1 and DefaultMaxStep if zero
	Warmup           time.Duration
	// Protection is managed termination protection: busy instances are protected
	// from scale-in, so that only empty ones go. Without it Auto Scaling's own policy picks.
	Protection bool
	// MinStepOnly starts exactly MinStep at a time, as the older guide says of groups
	// with several types or zones.
	MinStepOnly bool
	// OneByOne removes one instance a minute, as users see it (issue 1150), in place
	// of up to half of them, as the guide says.
	OneByOne bool
	// EmptyCount takes 100 less the count of empty instances as the metric while no
	// task waits, as the guide's example has it, in place of their share.
	EmptyCount bool
	// FillEmpty counts what waits towards the instances that are empty already, as one
	// reading of AWS's blog has it: M is the busy ones and the need, not all and the need.
	FillEmpty bool
}

// Manager is managed scaling with its memory of datapoints.
type Manager struct {
	cfg   ManagedScaling
	below int // datapoints in a row below the target
}

// NewManager gives a manager that has seen nothing yet.
func NewManager(c ManagedScaling) *Manager {
	c.Target = cmp.Or(c.Target, 100)
	c.MinStep, c.MaxStep = cmp.Or(c.MinStep, 1), cmp.Or(c.MaxStep, DefaultMaxStep)
	c.Warmup = cmp.Or(c.Warmup, DefaultWarmup)
	return &Manager{cfg: c}
}

// Reservation gives CapacityProviderReservation, the instances that are needed
// over those that there are, in percent.
func (k *Manager) Reservation(v plant.Provider) float64 {
	n := len(v.Hosts)
	if len(v.Wanted) == 0 {
		switch {
		case n == 0:
			return 100
		case k.cfg.EmptyCount:
			return 100 - float64(idle(v))
		}
		return 100 * float64(n-idle(v)) / float64(n)
	}
	need := 0
	for _, w := range v.Wanted {
		need = max(need, hostsFor(w, v.Shapes))
	}
	switch {
	case need == 0:
		return k.cfg.Target // what fits on no instance waits for ever
	case n == 0:
		return nothing
	}
	need = min(max(need, k.cfg.MinStep), k.cfg.MaxStep)
	if k.cfg.MinStepOnly {
		need = k.cfg.MinStep
	}
	if k.cfg.FillEmpty {
		need -= idle(v)
	}
	return 100 * float64(n+need) / float64(n)
}

// hostsFor gives the instances of the largest type that take the tasks of one kind
// alone; 0 where one of them does not fit the smallest type.
func hostsFor(w plant.Wanted, shapes []plant.Shape) int {
	bySize := func(a, b plant.Shape) int {
		return cmp.Or(cmp.Compare(a.Size.CPU, b.Size.CPU), cmp.Compare(a.Size.Memory, b.Size.Memory))
	}
	if !w.Size.Fits(slices.MinFunc(shapes, bySize).Size) {
		return 0
	}
	largest, each := slices.MaxFunc(shapes, bySize).Size, 1
	for !w.Alone && each < w.Tasks && w.Size.Times(each+1).Fits(largest) {
		each++
	}
	return (w.Tasks + each - 1) / each
}

// Step is one minute: the alarms look at a datapoint, which is a minute old, and
// act on the group as it is. It gives the desired capacity to order.
func (k *Manager) Step(now time.Time, metric float64, v plant.Provider) int {
	switch {
	case metric > k.cfg.Target:
		k.below = 0
		return k.out(now, metric, v)
	case metric < k.cfg.Target:
		k.below++
		if k.below >= lowMinutes {
			return k.in(metric, v)
		}
	default:
		k.below = 0
	}
	return v.Desired
}

// out waits while any instance is within its warm-up or on the way: one step for
// each warm-up.
func (k *Manager) out(now time.Time, metric float64, v plant.Provider) int {
	young := func(h plant.Host) bool { return now.Sub(h.Since) < k.cfg.Warmup }
	if v.Pending > 0 || slices.ContainsFunc(v.Hosts, young) {
		return v.Desired
	}
	want := 2
	if n := len(v.Hosts); n > 0 {
		want = scaled(n, metric, k.cfg.Target)
	}
	return max(v.Desired, min(want, v.Max))
}

// in removes at least one and less than half of the instances a minute. With
// termination protection those are the empty ones: the datapoint is a minute old,
// and what has been filled since, or has gone, is not removed for it.
func (k *Manager) in(metric float64, v plant.Provider) int {
	n := len(v.Hosts)
	remove := max(1, min(n-scaled(n, metric, k.cfg.Target), (n+1)/2-1))
	if k.cfg.OneByOne {
		remove = 1
	}
	if k.cfg.Protection {
		remove = min(remove, idle(v))
	}
	return max(v.Min, v.Desired-remove)
}

// idle counts the instances with no task but daemons'.
func idle(v plant.Provider) int {
	n := 0
	for _, h := range v.Hosts {
		if !h.Busy {
			n++
		}
	}
	return n
}

// AttachManaged lets managed scaling size a group of the plant, each minute with
// the datapoint of the minute before. The first error of an order goes to fail.
func AttachManaged(p *plant.Plant, clock *sim.Clock, name fleet.GroupName, c ManagedScaling, fail func(error)) error {
	v := p.Provider(name)
	if len(v.Shapes) == 0 {
		return fmt.Errorf("attach managed scaling to group %s: add the group first", name)
	}
	k, metric := NewManager(c), math.NaN()
	clock.Every(clock.Now().Truncate(time.Minute).Add(time.Minute), time.Minute, sim.Alarms, func() {
		v := p.Provider(name)
		if c.Protection {
			if err := protect(p, name, v); err != nil {
				fail(fmt.Errorf("protect instances for managed scaling: %w", err))
			}
		}
		if want := k.Step(clock.Now(), metric, v); want != v.Desired {
			if err := p.Resize(name, want); err != nil {
				fail(fmt.Errorf("order %d instances for managed scaling: %w", want, err))
			}
		}
		metric = k.Reservation(v)
	})
	return nil
}

// protect brings the protection of the instances in line with what is on them.
func protect(p *plant.Plant, name fleet.GroupName, v plant.Provider) error {
	var on, off []fleet.InstanceID
	for _, h := range v.Hosts {
		switch {
		case h.Busy && !h.Protected:
			on = append(on, h.ID)
		case !h.Busy && h.Protected:
			off = append(off, h.ID)
		}
	}
	if err := p.Protect(name, on, true); err != nil {
		return err
	}
	return p.Protect(name, off, false)
}
