package plant

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

type instance struct {
	id         fleet.InstanceID
	arn        string // of the container instance, empty before it registers
	group      *group
	zone       string
	shape      Shape
	attributes map[string]string
	up         bool // in service of Auto Scaling
	held       bool // by the hook before that
	booted     bool // registered with the cluster
	ready      bool // in the warm pool and initialised
	connected  bool // the agent
	draining   bool
	protected  bool // from scale-in
	recalled   bool // it is replaced, and goes once its successor is in service
	leaving    bool // Auto Scaling terminates it and waits for a hook
	gone       bool
	unhealthy  bool // as Auto Scaling's health checks see it
	doomed     bool // EC2 takes it back, it was announced
	wait       *wait
	since      time.Time // it is paid for, zero for not at all
	registered time.Time
	remaining  fleet.Resources
	on         []*task // placed, oldest first
}

// wait is the wait of a lifecycle hook.
type wait struct {
	hook  Hook
	token string
	until time.Time // without a further heartbeat
	last  time.Time // whatever the heartbeats
}

// newInstance makes the instance that comes skip launches after the next one.
func (p *Plant) newInstance(g *group, skip int) *instance {
	zone, shape := g.option(g.launched + skip)
	g.launched += skip + 1
	g.born++
	i := &instance{
		id: fleet.InstanceID("i-" + p.ids.hex(17)), group: g, zone: zone, shape: shape,
		since: p.clock.Now(), remaining: shape.Size, attributes: maps.Clone(g.cfg.Attributes),
	}
	if i.attributes == nil {
		i.attributes = map[string]string{}
	}
	i.attributes["ecs.instance-type"], i.attributes["ecs.availability-zone"] = shape.Type, zone
	return i
}

// open tells whether ECS may place a task on the instance.
func (i *instance) open() bool { return i.booted && !i.gone && !i.draining && i.connected }

// busy tells whether a task is on the instance that is not a daemon's.
func (i *instance) busy() bool {
	return slices.ContainsFunc(i.on, func(t *task) bool { return t.daemon == nil })
}

// dismiss begins the end of an instance, as Auto Scaling ends it: at once, or
// after the hook and the managed draining of its group.
func (p *Plant) dismiss(i *instance) {
	g := i.group
	hooked := g.cfg.Hook != nil || g.cfg.Managed != nil && g.cfg.Managed.Draining
	switch {
	case i.leaving:
		return
	case !hooked || !i.up || g.cfg.Hook == nil && !i.booted:
		p.finish(i, false)
		return
	}
	i.leaving = true
	if g.cfg.Hook != nil {
		now := p.clock.Now()
		timeout := g.cfg.Hook.timeout()
		// A wait ends after 100 timeouts or 48 hours, whatever the heartbeats (Auto
		// Scaling's guide, lifecycle hooks).
		i.wait = &wait{hook: *g.cfg.Hook, token: p.hosts.uuid(), until: now.Add(timeout), last: now.Add(min(100*timeout, 48*time.Hour))}
		p.emitHook(i)
		p.watch(i)
		return
	}
	p.drain(i, true)
	p.vacate(i)
}

func (h Hook) timeout() time.Duration { return cmp.Or(h.Timeout, time.Hour) }

// watch ends an instance when the wait of its hook has timed out.
func (p *Plant) watch(i *instance) {
	w := i.wait
	p.at(w.until, func() {
		if !i.gone && i.wait == w && !p.clock.Now().Before(w.until) {
			p.finish(i, false)
		}
	})
}

// vacate ends an instance that ECS drains by its managed draining, once it is empty.
func (p *Plant) vacate(i *instance) {
	if i.leaving && i.wait == nil && !i.gone && !i.busy() {
		p.finish(i, false)
	}
}

// finish ends an instance with the tasks on it; their services start others.
// Running tasks that are lost so count as killed, unless EC2 took it.
func (p *Plant) finish(i *instance, interrupted bool) {
	if i.gone {
		return
	}
	i.gone = true
	g := i.group
	g.ended++
	p.charge(i)
	g.instances = slices.DeleteFunc(g.instances, func(x *instance) bool { return x == i })
	for _, t := range slices.Clone(i.on) {
		switch {
		case t.leaving:
			p.quit(t)
		case t.service == nil:
			p.lost(t, interrupted)
			p.end(t, "TerminationNotice")
		}
	}
	for _, s := range p.services {
		for _, t := range slices.Clone(s.tasks) {
			if t.host == i {
				p.lost(t, interrupted)
				p.stop(t)
			}
		}
		p.settle(s)
	}
	p.emitState(i, "shutting-down")
	p.emitState(i, "terminated")
	if i.booted {
		p.emitHost(i)
	}
	p.emitScaling(g, "Terminate Successful", scaling{Instance: i.id, Code: "InProgress", Zone: i.zone, Origin: "AutoScalingGroup", Destination: "EC2"})
	p.fill(g)
}

// lost counts a running task that goes with its instance.
func (p *Plant) lost(t *task, interrupted bool) {
	if !t.running || t.daemon != nil {
		return
	}
	tally := &p.standalone
	if t.service != nil {
		tally = &t.service.tally
	}
	if interrupted {
		tally.Interrupted++
		return
	}
	tally.Killed++
}

// drain sets the status of a container instance to DRAINING or back to ACTIVE.
func (p *Plant) drain(i *instance, draining bool) {
	if i.draining == draining || i.gone {
		return
	}
	i.draining = draining
	p.emitHost(i)
	for _, s := range p.services {
		p.settle(s)
	}
	if draining {
		p.endDaemons(i)
		return
	}
	p.startDaemons(i)
	p.placeWaiting(i.group)
}

// find gives an instance of a group, nil where it has none of that id. Those of
// the pool are left out.
func (g *group) find(id fleet.InstanceID) *instance {
	k := slices.IndexFunc(g.instances, func(i *instance) bool { return i.id == id })
	if k < 0 {
		return nil
	}
	return g.instances[k]
}

// touch does something with the instance of an id, with the plant locked and integrated.
func (p *Plant) touch(id fleet.InstanceID, do func(*instance)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.instance(id)
	if i == nil {
		return fmt.Errorf("instance %s: %w", id, ErrInstanceNotFound)
	}
	p.sync()
	do(i)
	return nil
}

func (p *Plant) instance(id fleet.InstanceID) *instance {
	for _, g := range p.groups {
		if i := g.find(id); i != nil {
			return i
		}
	}
	return nil
}

// spotNotice is how long before EC2 takes a Spot instance back it says so.
const spotNotice = 2 * time.Minute

// Interrupt makes EC2 announce that it takes a Spot instance back, and take it
// two minutes later, whatever hooks it has.
func (p *Plant) Interrupt(id fleet.InstanceID) error {
	return p.touch(id, func(i *instance) {
		if i.doomed {
			return
		}
		i.doomed = true
		p.emitSpot(i, "EC2 Spot Instance Interruption Warning")
		p.atRisk(i)
		p.at(p.clock.Now().Add(spotNotice), func() { p.finish(i, true) })
	})
}

// Recommend makes EC2 warn that it may take a Spot instance back soon.
func (p *Plant) Recommend(id fleet.InstanceID) error {
	return p.touch(id, func(i *instance) {
		p.emitSpot(i, "EC2 Instance Rebalance Recommendation")
		p.atRisk(i)
	})
}

// atRisk lets Auto Scaling replace a Spot instance where its group says so. ECS is not
// told (ECS guide, container instances on Spot).
func (p *Plant) atRisk(i *instance) {
	if i.group.cfg.Rebalances {
		p.recall(i)
	}
}

// Lose makes an instance fail at once and unannounced, as broken hardware does.
func (p *Plant) Lose(id fleet.InstanceID) error {
	return p.touch(id, func(i *instance) { p.finish(i, true) })
}

// Disconnect makes the agents of a share of the instances in service lose ECS,
// the oldest ones, and all others find it again. Their tasks run on, none is placed.
func (p *Plant) Disconnect(n fleet.GroupName, share float64) error {
	return p.change(n, func(g *group) {
		var in []*instance
		for _, i := range g.instances {
			if i.booted {
				in = append(in, i)
			}
		}
		cut := int(math.Ceil(share*float64(len(in)) - 1e-9))
		for k, i := range in {
			if connected := k >= cut; connected != i.connected {
				i.connected = connected
				p.emitHost(i)
			}
		}
		for _, i := range in {
			p.startDaemons(i)
		}
		p.placeWaiting(g)
	})
}

// SetUnhealthy makes a share of the instances in service fail their health
// checks, the oldest, and all others pass them. Auto Scaling leaves them alone here,
// as with its ReplaceUnhealthy process suspended.
func (p *Plant) SetUnhealthy(n fleet.GroupName, share float64) error {
	return p.change(n, func(g *group) {
		sick := int(math.Ceil(share*float64(len(g.instances)) - 1e-9))
		for k, i := range g.instances {
			i.unhealthy = k < sick
		}
	})
}

// check tells whether an instance is overfull or breaks a rule of its tasks.
func (i *instance) check() error {
	used := fleet.Resources{}
	for _, t := range i.on {
		used = used.Plus(t.size())
	}
	if used.Plus(i.remaining) != i.shape.Size || !(fleet.Resources{}).Fits(i.remaining) {
		return fmt.Errorf("instance %s of group %s: %d tasks use %+v, remaining %+v of %+v", i.id, i.group.cfg.Name, len(i.on), used, i.remaining, i.shape.Size)
	}
	return i.checkRules()
}

// checkRules tells which rule the tasks of an instance break together.
func (i *instance) checkRules() error {
	type single struct { // of which an instance has at most one
		port     fleet.Port
		daemon   *daemon
		distinct *service
	}
	seen := map[single]bool{}
	var errs []error
	once := func(x single, t *task) {
		if seen[x] {
			errs = append(errs, fmt.Errorf("instance %s: a second task of %s beside one that binds its port %q, or is of a daemon or of distinct instances", i.id, t.family(), x.port))
		}
		seen[x] = true
	}
	for _, t := range i.on {
		for _, port := range t.ports() {
			once(single{port: port}, t)
		}
		if t.daemon != nil {
			once(single{daemon: t.daemon}, t)
		}
		if t.service != nil && t.service.distinct() {
			once(single{distinct: t.service}, t)
		}
		if t.service != nil && i.draining && !t.running && !t.leaving {
			errs = append(errs, fmt.Errorf("instance %s is draining and holds a pending task of %s", i.id, t.family()))
		}
	}
	return errors.Join(errs...)
}
