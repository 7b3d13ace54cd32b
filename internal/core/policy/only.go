package policy

import (
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// Only gives the part of the input that the decision about one service rests
// on: Decide makes the very same decision about it from the part as from the
// whole. A record keeps it, where the whole cell of a group, once for each of its
// services, would be most of the ledger; of a pair it keeps both. d is the decision about the whole: what
// the account's cap leaves a service depends on the ones decided before it.
func (in Input) Only(service fleet.ServiceName, d Decision) Input {
	if in.Paired() {
		return in // two services, and each of the two decisions rests on both
	}
	out := in
	out.Fleet = fleetOf(in, service, d.At)
	out.Services = slices.DeleteFunc(slices.Clone(in.Services), func(s ServiceInput) bool { return s.Name != service })
	out.Fallback, out.Primary = in.lean(service, d.At)
	out.Group, out.Account, out.Signals, out.Queues, out.Drains, out.Failed, out.Doomed = nil, nil, nil, nil, nil, nil, nil
	for _, s := range out.Services {
		var asked signal.Set
		for _, q := range taskcount.Queries(fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: s.Name}, s.Policy) {
			asked = append(asked, signal.Series{Metric: q.Metric})
		}
		for _, v := range in.Signals {
			if _, ok := asked.Find(v.Metric); ok {
				out.Signals = append(out.Signals, v)
			}
		}
		names := taskcount.Queues(s.Policy)
		for _, q := range in.Queues {
			if slices.Contains(names, q.Name) {
				out.Queues = append(out.Queues, q)
			}
		}
		if in.Account != nil && s.Policy.Spend != nil {
			out.Account = &Account{Unknown: in.Account.Unknown}
			if out.Account.Unknown == "" {
				out.Account.AtMostPerHour = in.spendLeft(s, d)
			}
		}
	}
	return out
}

// fleetOf gives what a service's decision looks at of what exists: the service,
// and on EC2 what tells how many of its tasks fit on instances on the way and
// whether the instances are well.
func fleetOf(in Input, service fleet.ServiceName, now time.Time) fleet.Snapshot {
	s := in.Fleet
	out := fleet.Snapshot{At: s.At}
	v, _ := s.Service(service)
	onGroup := v.Compute == fleet.EC2
	for _, x := range s.Services {
		if x.Name == service || onGroup && x.Daemon { // a daemon takes room on every instance
			out.Services = append(out.Services, x)
		}
	}
	if !onGroup || s.Group == nil {
		return out
	}
	g := expected(now, in)
	g = fleet.Group{Name: g.Name, DesiredCapacity: g.DesiredCapacity, Shape: g.Shape, RetryAt: g.RetryAt}
	out.Group = &g
	for _, i := range s.Instances {
		if i.Group == g.Name {
			out.Instances = append(out.Instances, fleet.Instance{
				ID: i.ID, Group: i.Group, Active: i.Active, Draining: i.Draining, Connected: i.Connected, Type: i.Type, Registered: i.Registered,
			})
		}
	}
	return out
}

// spendLeft is what the account's cap left for a service in the decision d.
func (in Input) spendLeft(service ServiceInput, d Decision) float64 {
	services := inOrder(in.Services)
	spent := spentBy(in, services)
	for i, s := range services[:min(len(services), len(d.Services))] {
		if s.Name == service.Name {
			break
		}
		spent = spent.grown(s, d.Services[i].Mode, d.Services[i].Base, d.Services[i].Desired)
	}
	return *spent.leftFor(in, service)
}

// About gives the part of the decision that is about one target.
func (d Decision) About(t fleet.Target) Decision {
	own := Decision{At: d.At, Cell: d.Cell, Services: []ServiceDecision{}}
	for _, s := range d.Services {
		if t == (fleet.ServiceKey{Cluster: d.Cell.Cluster, Service: s.Service}.Target()) {
			own.Services = append(own.Services, s)
		}
	}
	if d.Group != nil && t == fleet.GroupOf(d.Cell.Cluster, d.Group.Group) {
		own.Group = d.Group
	}
	return own
}
