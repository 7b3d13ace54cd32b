package policy

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// around is what the services of a cell have in common.
type around struct {
	index                *signal.Index
	zones                calendar.Zones
	instances            []fleet.Instance // of the group
	daemons              fleet.Resources
	group                fleet.Group  // with what its memory tells of launches
	fallback             *fleet.Group // and its fallback, nil for none
	fallbackDaemons      fleet.Resources
	active, disconnected int
	left                 *float64          // what the account's cap leaves for the service at hand
	before               []ServiceDecision // about the services that were decided already
}

// surroundings looks once at what every service of the cell asks for. Instances
// that drain are on their way out, and their agents tell nothing of the fleet.
func surroundings(now time.Time, in Input) around {
	a := around{index: in.Signals.Index(), zones: calendar.Zones{}, daemons: daemons(in)}
	if in.Fleet.Group != nil {
		a.instances = instancesOf(in.Fleet, in.Fleet.Group.Name)
		a.group = expected(now, in)
	}
	if in.Fallback.known() {
		g := in.fallbackGroup(now)
		a.fallback, a.fallbackDaemons = &g, in.partnerDaemons(*in.Fallback)
	}
	for _, i := range a.instances {
		if !i.Active {
			continue
		}
		a.active++
		if !i.Connected {
			a.disconnected++
		}
	}
	return a
}

// expected is the group with what its memory tells of the instances to come.
func expected(now time.Time, in Input) fleet.Group {
	g := *in.Fleet.Group
	if in.Group == nil {
		return g
	}
	return capacity.Expect(now, g, in.Group.Policy, given(spec.Least(in.Mode, in.Group.Policy.Mode), in.Group.History))
}

// coming is how many tasks of a service fit on the instances that are on the
// way to its group: what has no place yet will get one there, and does not tell
// that growth is in vain.
func (a around) coming(now time.Time, in Input, s fleet.Service) int {
	if in.Fleet.Group == nil || s.TaskSize == (fleet.Resources{}) {
		return 0
	}
	n := capacity.Coming(now, a.group, a.instances, a.daemons, s.TaskSize)
	if a.fallback != nil && capacity.Roams(s) {
		n += capacity.Coming(now, *a.fallback, in.Fallback.Instances, a.fallbackDaemons, s.TaskSize)
	}
	return n
}

// spend is what the priced services of a cell cost an hour, in dollars. What a
// service that only observes would cost counts for others that observe; for those
// that act only what it really costs does.
type spend struct{ real, shadow float64 }

// spentBy is what the cell costs before the decision.
func spentBy(in Input, services []ServiceInput) spend {
	var sum spend
	if in.Account == nil {
		return sum // nobody asks, and looking every service up takes its time
	}
	for _, s := range services {
		one := spentOn(in, s)
		sum.real, sum.shadow = sum.real+one.real, sum.shadow+one.shadow
	}
	return sum
}

// spentOn is what one service costs before the decision.
func spentOn(in Input, s ServiceInput) spend {
	live, _ := in.Fleet.Service(s.Name)
	shadow := live.Desired
	if s.History.Shadow != nil && spec.Least(in.Mode, s.Policy.Mode) == spec.Observe {
		shadow = *s.History.Shadow
	}
	return spend{real: cost(s, live.Desired), shadow: cost(s, shadow)}
}

// cost is rounded by the conversion, so that no processor fuses the product with
// a sum and decides by another last bit.
func cost(s ServiceInput, tasks int) float64 {
	if s.Policy.Spend == nil {
		return 0
	}
	return float64(s.Policy.Spend.TaskHour * float64(tasks))
}

// leftFor is what the account's cap leaves for all tasks of one service, nil
// without a cap or a price.
func (v spend) leftFor(in Input, s ServiceInput) *float64 {
	if in.Account == nil || in.Account.Unknown != "" || s.Policy.Spend == nil {
		return nil
	}
	others := v.real - spentOn(in, s).real
	if spec.Least(in.Mode, s.Policy.Mode) == spec.Observe {
		others = v.shadow - spentOn(in, s).shadow
	}
	return new(in.Account.AtMostPerHour - in.Account.OthersPerHour - others)
}

// grown adds what a service was decided to have above what it has. What it is to
// lose counts until it is gone: services out go before services in, and an order
// may fail.
func (v spend) grown(s ServiceInput, mode spec.Mode, base, desired int) spend {
	if s.Policy.Spend == nil {
		return v
	}
	more := cost(s, max(base, desired)) - cost(s, base)
	v.shadow += more
	if mode == spec.Act {
		v.real += more
	}
	return v
}
