package policy

import (
	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// coming is how many tasks of a service fit on the instances that are on the
// way to its group: what has no place yet will get one there, and does not tell
// that growth is in vain.
func coming(in Input, s fleet.Service) int {
	g := in.Fleet.Group
	if s.Compute != fleet.EC2 || g == nil || s.TaskSize == (fleet.Resources{}) {
		return 0
	}
	return capacity.Coming(*g, instancesOf(in.Fleet, g.Name), daemons(in.Fleet), s.TaskSize)
}

// health counts the instances that a service's tasks can land on, and those of
// them whose agent is not connected. Instances that drain are on their way out.
func health(f fleet.Snapshot, s fleet.Service) (instances, disconnected int) {
	if s.Compute != fleet.EC2 {
		return 0, 0
	}
	for _, i := range f.Instances {
		if !i.Active || s.Group != "" && i.Group != s.Group {
			continue
		}
		instances++
		if !i.Connected {
			disconnected++
		}
	}
	return instances, disconnected
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
