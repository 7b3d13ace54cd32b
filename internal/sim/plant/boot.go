package plant

import (
	"cmp"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// LaunchHook is a lifecycle hook that waits before an instance comes into service, for
// as long as the instance's own script needs.
type LaunchHook struct {
	Name string
	// Takes is the time until the instance completes the action; zero for never.
	Takes sim.Spread
	// Timeout is the heartbeat timeout: an hour if zero, as Auto Scaling's default.
	Timeout time.Duration
	// Proceeds puts an instance into service whose wait has timed out, as the default
	// result CONTINUE does. Otherwise, with ABANDON, it is terminated and another launched.
	Proceeds bool
}

// boot follows an instance from its launch: it boots, waits for its group's hook, comes
// into service of Auto Scaling, and registers with the cluster.
func (p *Plant) boot(i *instance, takes time.Duration, origin string) {
	p.meanwhile(i, takes, func() {
		h := i.group.cfg.LaunchHook
		if h == nil {
			p.join(i, origin)
			return
		}
		p.emitLaunchHook(i, origin)
		i.held = true
		timeout := cmp.Or(h.Timeout, time.Hour)
		takes := h.Takes.Draw(i.group.hooks)
		if in := takes > 0 && takes <= timeout; in || h.Proceeds {
			if !in {
				takes = timeout
			}
			p.meanwhile(i, takes, func() { p.join(i, origin) })
			return
		}
		p.meanwhile(i, timeout, func() { p.finish(i, false) })
	})
}

// meanwhile does something with an instance after a time, unless it is on its way out
// by then.
func (p *Plant) meanwhile(i *instance, after time.Duration, do func()) {
	p.at(p.clock.Now().Add(after), func() {
		if !i.gone && !i.leaving {
			do()
		}
	})
}

// join puts a booted instance into service. Where it comes too late, since the
// group was lowered meanwhile and all others are protected, it may go at once.
func (p *Plant) join(i *instance, origin string) {
	g := i.group
	p.serve(i)
	p.emitScaling(g, "Launch Successful", scaling{
		Instance: i.id, Code: "InProgress", Zone: i.zone, Origin: origin, Destination: "AutoScalingGroup",
	})
	if register := g.cfg.Register.Draw(g.agents); register > 0 {
		p.meanwhile(i, register, func() { p.register(i) })
	} else {
		p.register(i)
	}
	p.relieve(g)
}

// serve makes an instance count as capacity of its group.
func (p *Plant) serve(i *instance) {
	i.up, i.held, i.protected = true, false, i.group.cfg.ProtectsNew
}

// register makes the agent of an instance known to the cluster.
func (p *Plant) register(i *instance) {
	p.enlist(i)
	p.emitHost(i)
	p.placeWaiting(i.group)
}

// enlist registers an instance with the cluster, its daemons first.
func (p *Plant) enlist(i *instance) {
	i.booted, i.connected, i.registered = true, true, p.clock.Now()
	i.arn = arn("ecs", "container-instance/"+string(p.opt.Cluster)+"/"+p.hosts.hex(32))
	p.startDaemons(i)
}

// inService tells whether the instance counts as capacity of its group.
func (i *instance) inService() bool { return i.up && !i.leaving }

// state is the lifecycle state as Auto Scaling names it.
func (i *instance) state() string {
	switch {
	case i.leaving:
		return "Terminating:Wait"
	case i.up:
		return "InService"
	case i.held:
		return "Pending:Wait"
	default:
		return "Pending"
	}
}
