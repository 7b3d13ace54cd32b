package plant

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// task is one task of a service, of a daemon or of nobody.
type task struct {
	service  *service // nil for a standalone task and a daemon's
	daemon   *daemon
	single   *Single // what a standalone task was run with
	revision int
	arn      string    // once it is on an instance
	host     *instance // nil on Fargate and while no instance has room
	waiting  bool
	running  bool
	warming  bool // it runs, and its health checks fail still
	moving   bool // to another zone: a successor comes first
	stopped  bool
	leaving  bool      // stopped for its service, and still on its instance
	guarded  time.Time // scale-in protection ends, zero for none
	created  time.Time
	started  time.Time // zero before
	placed   time.Time // from then on it is paid for, zero before
	patience bool      // its end as a task that waits for capacity is set
	// The second at which the task began to run, and what the service had used in
	// that step before it; 0 once the step has closed.
	began      int
	usedBefore float64
}

func (t *task) size() fleet.Resources {
	switch {
	case t.service != nil:
		return t.service.cfg.Size
	case t.daemon != nil:
		return t.daemon.cfg.Size
	default:
		return t.single.Size
	}
}

func (t *task) ports() []fleet.Port {
	switch {
	case t.service != nil:
		return t.service.cfg.Rules.Ports
	case t.daemon != nil:
		return t.daemon.cfg.Ports
	default:
		return t.single.Ports
	}
}

// family is the group of a task as ECS's events tell it.
func (t *task) family() string {
	switch {
	case t.service != nil:
		return "service:" + string(t.service.cfg.Name)
	case t.daemon != nil:
		return "service:" + string(t.daemon.cfg.Name)
	default:
		return "family:" + t.single.Family
	}
}

// held tells whether scale-in protection is on.
func (t *task) held(now time.Time) bool { return now.Before(t.guarded) }

// Single is a standalone task, which no service replaces.
type Single struct {
	Family string // "batch" if empty
	Group  fleet.GroupName
	Size   fleet.Resources
	Ports  []fleet.Port
	For    time.Duration // how long it runs
}

// RunTask starts a standalone task on the first instance of a group that can
// take it. It ends by itself; DRAINING does not stop it. Where there is no room it is
// refused, or with managed scaling PROVISIONING.
func (p *Plant) RunTask(c Single) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := p.group(c.Group)
	if err != nil {
		return fmt.Errorf("run task: %w", err)
	}
	if c.Family == "" {
		c.Family = "batch"
	}
	p.sync()
	t := &task{single: &c, created: p.clock.Now()}
	if !p.begin(g, t) && !p.await(g, t) {
		return fmt.Errorf("run task %s on group %s: no instance can take %+v; add instances first", c.Family, c.Group, c.Size)
	}
	p.standalone.Started++
	return nil
}

// begin runs a standalone task where an instance can take it, and tells whether it did.
func (p *Plant) begin(g *group, t *task) bool {
	k := slices.IndexFunc(g.instances, func(i *instance) bool { return i.open() && lacking(t, i) == "" })
	if k < 0 {
		return false
	}
	t.started, t.running, t.waiting = p.clock.Now(), true, false
	p.put(t, g.instances[k])
	p.at(t.started.Add(t.single.For), func() {
		if !t.stopped {
			p.end(t, "EssentialContainerExited")
		}
	})
	return true
}

// StartOn puts one more task on an instance of one's choice: of a service, which
// wants one more then, or with an empty name a standalone one that runs on.
func (p *Plant) StartOn(id fleet.InstanceID, n fleet.ServiceName, single Single) (arn string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	now := p.clock.Now()
	t := &task{single: &single, created: now, started: now, running: true}
	if n != "" {
		s, err := p.service(n)
		if err != nil {
			return "", fmt.Errorf("start task: %w", err)
		}
		t = &task{service: s, revision: s.revision, created: now, placed: now}
	}
	i := p.instance(id)
	if i == nil || !i.open() || lacking(t, i) != "" {
		return "", fmt.Errorf("start task on instance %s: it cannot take one; choose an active instance with room", id)
	}
	p.put(t, i)
	if n == "" {
		p.standalone.Started++
		return t.arn, nil
	}
	s := t.service
	s.desired++
	s.tasks = append(s.tasks, t)
	s.tally.Started++
	p.at(now.Add(s.cfg.Start.Draw(s.rng)), func() { p.run(t) })
	return t.arn, nil
}

// task finds a task on an instance by its ARN.
func (p *Plant) task(arn string) *task {
	for _, g := range p.groups {
		for _, i := range g.instances {
			for _, t := range i.on {
				if t.arn == arn && !t.leaving {
					return t
				}
			}
		}
	}
	return nil
}

// StopTask stops one task on an instance for good: its service wants one less.
func (p *Plant) StopTask(arn string) error {
	return p.single(arn, func(t *task) {
		if t.service == nil {
			p.end(t, "UserInitiated")
			return
		}
		t.service.desired--
		p.stop(t)
		p.settle(t.service)
	})
}

// GuardTask sets task scale-in protection on one task of a service for a time, or
// with none removes it.
func (p *Plant) GuardTask(arn string, long time.Duration) error {
	return p.single(arn, func(t *task) {
		t.guarded = p.clock.Now().Add(long)
		if s := t.service; s != nil {
			p.at(t.guarded, func() { p.settle(s) })
		}
	})
}

func (p *Plant) single(arn string, do func(*task)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.task(arn)
	if t == nil {
		return fmt.Errorf("task %s is on no instance", arn)
	}
	p.sync()
	do(t)
	return nil
}

// Standalone gives the running totals of the standalone tasks.
func (p *Plant) Standalone() Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.standalone
}

// end stops a task that is of no replica service.
func (p *Plant) end(t *task, code string) {
	if t.stopped {
		return
	}
	t.stopped, t.running = true, false
	if t.single != nil {
		p.standalone.Stopped++
	}
	t.host.release(t)
	p.emitTask(t, code)
	p.vacated(t.host)
}

// vacated follows a task off its instance: others find room, the last one lets
// the daemons of a draining instance go, and the instance itself where ECS drains it.
func (p *Plant) vacated(i *instance) {
	p.placeWaiting(i.group)
	if i.gone {
		return
	}
	if i.draining {
		p.emitHost(i)
	}
	p.endDaemons(i)
	p.vacate(i)
}

// Daemon is a DAEMON service: one task on every instance, started as it
// registers and stopped last when it drains.
type Daemon struct {
	Name  fleet.ServiceName
	Group fleet.GroupName // every group's instances if empty
	Size  fleet.Resources
	Ports []fleet.Port
}

type daemon struct{ cfg Daemon }

// AddDaemon puts a DAEMON service into the cluster.
func (p *Plant) AddDaemon(c Daemon) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.service(c.Name)
	if err == nil || c.Name == "" || slices.ContainsFunc(p.daemons, func(d *daemon) bool { return d.cfg.Name == c.Name }) {
		return fmt.Errorf("add daemon %q: the name is empty or taken", c.Name)
	}
	p.sync()
	p.daemons = append(p.daemons, &daemon{cfg: c})
	for _, g := range p.groups {
		for _, i := range g.instances {
			p.startDaemons(i)
		}
	}
	return nil
}

// startDaemons starts the daemons that an instance lacks and has room for.
func (p *Plant) startDaemons(i *instance) {
	if !i.open() {
		return
	}
	now := p.clock.Now()
	for _, d := range p.daemons {
		t := &task{daemon: d, created: now, started: now, running: true}
		runs := slices.ContainsFunc(i.on, func(t *task) bool { return t.daemon == d })
		if !runs && (d.cfg.Group == "" || d.cfg.Group == i.group.cfg.Name) && lacking(t, i) == "" {
			p.put(t, i)
		}
	}
}

// endDaemons stops the daemons of a draining instance once nothing else is on it.
func (p *Plant) endDaemons(i *instance) {
	if !i.draining || i.busy() {
		return
	}
	for _, t := range slices.Clone(i.on) {
		if !t.stopped {
			t.stopped, t.running = true, false
			i.release(t)
			p.emitTask(t, "ServiceSchedulerInitiated")
			p.emitHost(i)
		}
	}
}

// Guard sets task scale-in protection on a share of the running tasks of a
// service, the oldest, for a time; a share of 0 removes it from all. ECS stops
// none of them meanwhile: not to scale in, not to deploy, not to drain.
func (p *Plant) Guard(n fleet.ServiceName, share float64, long time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return err
	}
	p.sync()
	until, left := p.clock.Now().Add(long), int(math.Ceil(share*float64(s.running)-1e-9))
	for _, t := range s.tasks {
		switch {
		case share == 0:
			t.guarded = time.Time{}
		case t.running && left > 0:
			left--
			t.guarded = until
		}
	}
	p.settle(s)
	if share > 0 {
		p.at(until, func() { p.settle(s) })
	}
	return nil
}
