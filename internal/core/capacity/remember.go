package capacity

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// remember gives what the group remembers after this look at it.
func remember(in Input) history.Capacity {
	m := Known(in.Memory)
	if i, ok := usualInstance(in.Instances); ok {
		m.Shape, m.Kind = i.Registered, i.Type
	}
	for _, i := range in.Instances {
		if raised, ok := lastRaise(in.Memory, i.RegisteredAt); ok {
			m = m.Warmed(raised, i.RegisteredAt)
		}
	}
	return m.Launches(in.Now, in.Group.Failures, in.Group.Launched, in.Policy.Out().Wait)
}

// Known gives what a group remembers beside its orders.
func Known(h history.History) history.Capacity {
	if h.Capacity == nil {
		return history.Capacity{}
	}
	return *h.Capacity
}

// Expect fills in what a decision about one service alone must know of its group: the
// shape of an instance, and until when no launch is counted on.
func Expect(now time.Time, g fleet.Group, p spec.Group, h history.History) fleet.Group {
	m := remember(Input{Now: now, Group: g, Policy: p, Memory: h})
	g.RetryAt = m.RetryAt
	switch {
	case m.Shape != (fleet.Resources{}):
		g.Shape = &m.Shape
	case p.Instance != nil:
		g.Shape = &fleet.Resources{CPU: p.Instance.CPU, Memory: p.Instance.MemoryMiB, GPU: p.Instance.GPU, ENI: p.Instance.ENIs}
	}
	return g
}

// lastRaise gives when the group was raised last before a time.
func lastRaise(h history.History, before time.Time) (time.Time, bool) {
	var at time.Time
	for _, o := range h.Orders {
		if o.To > o.From && o.At.Before(before) && o.At.After(at) {
			at = o.At
		}
	}
	return at, !at.IsZero()
}

// worth tells whether what was learnt is worth a write of its own: a shape that was
// not known, a launch that failed, or other instances that could go. A warm-up is
// written with the next order.
func (v *view) worth(in Input) bool {
	was := Known(in.Memory)
	was.WarmUp, was.WarmedAt = v.memory.WarmUp, v.memory.WarmedAt
	return !was.Equal(v.memory)
}
