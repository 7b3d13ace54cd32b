package policy

import (
	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// around is what the services of a cell have in common.
type around struct {
	index                *signal.Index
	instances            []fleet.Instance // of the group
	daemons              fleet.Resources
	active, disconnected int
	left                 *float64 // what the account's cap leaves for the service at hand
}

// surroundings looks once at what every service of the cell asks for. Instances
// that drain are on their way out, and their agents tell nothing of the fleet.
func surroundings(in Input) around {
	a := around{index: in.Signals.Index(), daemons: daemons(in.Fleet)}
	if in.Fleet.Group != nil {
		a.instances = instancesOf(in.Fleet, in.Fleet.Group.Name)
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

// coming is how many tasks of a service fit on the instances that are on the
// way to its group: what has no place yet will get one there, and does not tell
// that growth is in vain.
func (a around) coming(in Input, s fleet.Service) int {
	if in.Fleet.Group == nil || s.TaskSize == (fleet.Resources{}) {
		return 0
	}
	return capacity.Coming(*in.Fleet.Group, a.instances, a.daemons, s.TaskSize)
}

// spend is what the priced services of a cell cost an hour, in dollars.
type spend float64

// spentBy is what the cell costs before the decision.
func spentBy(in Input, services []ServiceInput) spend {
	if in.Account == nil {
		return 0
	}
	var sum spend
	for _, s := range services {
		sum += cost(s, baseOf(in, s))
	}
	return sum
}

func baseOf(in Input, s ServiceInput) int {
	if s.History.Shadow != nil {
		return *s.History.Shadow
	}
	live, _ := in.Fleet.Service(s.Name)
	return live.Desired
}

func cost(s ServiceInput, tasks int) spend {
	if s.Policy.Spend == nil {
		return 0
	}
	return spend(s.Policy.Spend.TaskHour * float64(tasks))
}

// leftFor is what the account's cap leaves for all tasks of one service, nil
// without a cap or a price.
func (v spend) leftFor(in Input, s ServiceInput) *float64 {
	if in.Account == nil || s.Policy.Spend == nil {
		return nil
	}
	return new(in.Account.AtMostPerHour - in.Account.OthersPerHour - float64(v-cost(s, baseOf(in, s))))
}

// change puts what a service was decided to have in the place of what it had.
func (v *spend) change(s ServiceInput, base, desired int) { *v += cost(s, desired) - cost(s, base) }
