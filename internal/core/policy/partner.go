package policy

import (
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// known tells whether there is another group, and Auto Scaling knows it.
func (p *Partner) known() bool { return p != nil && p.Group != nil }

// Landing are the services whose tasks can land on the cell's group: its own and, on
// a fallback, those of the primary's cell that no capacity provider keeps away.
func (in Input) Landing() []fleet.Service {
	if in.Primary == nil {
		return in.Fleet.Services
	}
	return landing(in.Fleet.Services, in.Primary.Services)
}

// landing are the services that can land on a fallback: its own and the primary's that roam.
func landing(own, primary []fleet.Service) []fleet.Service {
	out := append(make([]fleet.Service, 0, len(own)+len(primary)), own...)
	for _, s := range primary {
		if capacity.Roams(s) {
			out = append(out, s)
		}
	}
	return out
}

// tasks are those on the instances of the cell's group and of its partner.
func (in Input) tasks() []fleet.Task {
	out := in.Fleet.Tasks
	for _, p := range []*Partner{in.Fallback, in.Primary} {
		if p != nil && len(p.Tasks) > 0 {
			out = slices.Concat(out, p.Tasks)
		}
	}
	return out
}

// leaving are the instances of the cell's group on their way out, and of its partner: the
// tasks on both need another place.
func (in Input) leaving() map[fleet.InstanceID]bool {
	out := capacity.Leaving(in.Fleet, in.Drains, in.Doomed)
	for _, p := range []*Partner{in.Fallback, in.Primary} {
		if !p.known() {
			continue
		}
		for id := range capacity.Leaving(fleet.Snapshot{Group: p.Group, Instances: p.Instances}, p.Drains, p.Doomed) {
			out[id] = true
		}
	}
	return out
}

// Leaves tells whether instances of the cell's group or its partner are on their way out.
func (in Input) Leaves() bool { return len(in.leaving()) > 0 }

// partnerInput gives what the capacity of the other group depends on, as far as this cell
// can tell: its services as they are, or as its own cell has decided.
func (in Input) partnerInput(now time.Time, p Partner) *capacity.Input {
	mode := spec.Least(in.Mode, p.Policy.Mode)
	return &capacity.Input{
		Now: now, Group: *p.Group, Policy: p.Policy, Overrides: p.Overrides, Memory: given(mode, p.History), Base: p.Group.DesiredCapacity,
		Instances: p.Instances, Services: p.Services, Daemons: in.partnerDaemons(p),
		Waiting: waiting(p.Services, in.tasks(), p.Ordered, in.leaving()),
		Tasks:   in.tasks(), TasksRead: in.Fleet.TasksRead, TasksUnread: in.Fleet.TasksUnread,
		Drains: p.Drains, Failed: p.Failed, Doomed: p.Doomed, Observing: mode != spec.Act,
	}
}

// partnerDaemons is what daemons take on an instance of the other group.
func (in Input) partnerDaemons(p Partner) fleet.Resources {
	if in.Fallback != nil {
		return daemonsOf(landing(p.Services, in.Fleet.Services))
	}
	return daemonsOf(p.Services)
}

// Informed gives the input of a fallback's cell with what the primary's cell has decided
// at the same moment.
func (in Input) Informed(primary Decision) Input {
	if in.Primary == nil || in.Group == nil {
		return in
	}
	p := *in.Primary
	p.Ordered = nil
	for n, tasks := range orders(primary.Services, spec.Least(in.Mode, in.Group.Policy.Mode)) {
		live, ok := (fleet.Snapshot{Services: p.Services}).Service(n)
		if !ok || tasks <= live.Desired {
			continue
		}
		if p.Ordered == nil {
			p.Ordered = map[fleet.ServiceName]int{}
		}
		p.Ordered[n] = tasks
	}
	in.Primary = &p
	return in
}

// lean is the part of a partner that the decision about one service rests on: on a
// fallback the daemons of the primary that take room there, for the primary's services the
// fallback's instances on the way.
func (in Input) lean(service fleet.ServiceName, now time.Time) (fallback, primary *Partner) {
	if v, ok := in.Fleet.Service(service); !ok || v.Compute != fleet.EC2 || in.Fleet.Group == nil {
		return nil, nil
	}
	return in.leanFallback(now), in.leanPrimary()
}

func (in Input) leanPrimary() *Partner {
	if in.Primary == nil {
		return nil
	}
	var out Partner
	for _, s := range in.Primary.Services {
		if s.Daemon && capacity.Roams(s) {
			out.Services = append(out.Services, s)
		}
	}
	if len(out.Services) == 0 {
		return nil
	}
	return &out
}

func (in Input) leanFallback(now time.Time) *Partner {
	p := in.Fallback
	if !p.known() {
		return nil
	}
	g := in.fallbackGroup(now)
	out := Partner{Group: &fleet.Group{Name: g.Name, DesiredCapacity: g.DesiredCapacity, Shape: g.Shape, RetryAt: g.RetryAt}}
	for _, s := range p.Services {
		if s.Daemon {
			out.Services = append(out.Services, s)
		}
	}
	for _, i := range p.Instances {
		out.Instances = append(out.Instances, fleet.Instance{ID: i.ID, Group: i.Group, Type: i.Type, Registered: i.Registered})
	}
	return &out
}

// fallbackGroup is the fallback with what its memory tells of the instances to come.
func (in Input) fallbackGroup(now time.Time) fleet.Group {
	p := in.Fallback
	if in.Group == nil { // the part of an input that one service's decision rests on has it already
		return *p.Group
	}
	return capacity.Expect(now, *p.Group, p.Policy, given(spec.Least(in.Mode, p.Policy.Mode), p.History))
}
