package plant

import (
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Managed is ECS managed scaling as the plant's scheduler knows it: tasks without
// an instance are PROVISIONING, at most 100 of the group, and stop after 10 to
// 30 minutes (peers.md A2). Who sizes the group is not part of it, see package baseline.
type Managed struct {
	// Draining is managed draining: an instance that Auto Scaling ends is drained by
	// ECS, and goes when it is empty.
	Draining bool
}

const provisioningCap = 100

func patience() sim.Spread { return sim.Spread{Low: 10 * time.Minute, High: 30 * time.Minute} }

// pend makes a task that has no instance PROVISIONING, and tells whether it is.
func (p *Plant) pend(t *task) bool {
	s := t.service
	if s.group == nil || s.group.cfg.Managed == nil {
		return false
	}
	if t.patience {
		return true
	}
	if len(s.group.wanting(p.services)) >= provisioningCap {
		return false
	}
	t.patience = true
	p.at(p.clock.Now().Add(patience().Draw(s.dice)), func() {
		if t.waiting && !t.stopped {
			p.unplaced(s)
			p.stop(t)
			p.settle(s)
		}
	})
	return true
}

// await makes a standalone task that has no instance PROVISIONING, and tells whether it is.
func (p *Plant) await(g *group, t *task) bool {
	if g.cfg.Managed == nil || len(g.wanting(p.services)) >= provisioningCap {
		return false
	}
	t.waiting = true
	g.singles = append(g.singles, t)
	p.at(p.clock.Now().Add(patience().Draw(g.dice)), func() {
		if t.waiting {
			t.waiting, t.stopped = false, true
			g.singles = slices.DeleteFunc(g.singles, func(x *task) bool { return x == t })
			p.standalone.Stopped++
		}
	})
	return true
}

// wanting gives all tasks that wait for managed scaling, the standalone ones last.
func (g *group) wanting(services []*service) []*task {
	return append(g.provisioning(services), g.singles...)
}

// provisioning gives the tasks of services that wait for managed scaling.
func (g *group) provisioning(services []*service) []*task {
	var out []*task
	for _, s := range services {
		for _, t := range s.tasks {
			if s.group == g && t.waiting && t.patience {
				out = append(out, t)
			}
		}
	}
	return out
}

// Provider is what ECS managed scaling sees of its group.
type Provider struct {
	Min, Max, Desired int
	Hosts             []Host // in service, oldest first
	Pending           int    // ordered and not in service yet
	Shapes            []Shape
	// Wanted are the PROVISIONING tasks by what they require, in the order of the first of each.
	Wanted []Wanted
}

// Host is one instance in service.
type Host struct {
	ID        fleet.InstanceID
	Since     time.Time
	Busy      bool // a task is on it that is not a daemon's
	Protected bool // from scale-in
}

// Wanted are tasks with identical requirements.
type Wanted struct {
	Size  fleet.Resources
	Alone bool // at most one on an instance: distinctInstance or a host port
	Tasks int
}

// Provider looks at a group; an unknown one is all zero.
func (p *Plant) Provider(n fleet.GroupName) Provider {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := p.group(n)
	if err != nil {
		return Provider{}
	}
	out := Provider{Min: g.cfg.Min, Max: g.cfg.Max, Desired: g.desired, Shapes: slices.Clone(g.cfg.Shapes)}
	for _, i := range g.instances {
		if i.inService() && i.booted {
			out.Hosts = append(out.Hosts, Host{ID: i.id, Since: i.registered, Busy: i.busy(), Protected: i.protected})
		}
		out.Pending += number(!i.booted)
	}
	for _, t := range g.wanting(p.services) {
		w := Wanted{Size: t.size(), Alone: len(t.ports()) > 0 || t.service != nil && t.service.distinct()}
		k := slices.IndexFunc(out.Wanted, func(x Wanted) bool { return x.Size == w.Size && x.Alone == w.Alone })
		if k < 0 {
			k, out.Wanted = len(out.Wanted), append(out.Wanted, w)
		}
		out.Wanted[k].Tasks++
	}
	return out
}

// Resize orders a desired capacity as another writer does, without the faults of
// the port.
func (p *Plant) Resize(n fleet.GroupName, instances int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setDesiredCapacity(n, instances)
}

// Protect sets or removes scale-in protection as another writer does.
func (p *Plant) Protect(n fleet.GroupName, ids []fleet.InstanceID, on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.protect(n, ids, on)
}
