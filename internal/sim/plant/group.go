package plant

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Group configures one simulated Auto Scaling group of the cluster.
type Group struct {
	Name     fleet.GroupName
	Min, Max int
	Desired  int // instances in service at the start
	Type     string
	Zones    []string        // instances go round them; one zone if empty
	Size     fleet.Resources // what an instance registers with ECS
	// Boot is the time from the order of an instance to its registration with
	// the cluster: 90 s to 150 s if zero.
	Boot sim.Spread
}

type group struct {
	cfg       Group
	rng       *rand.Rand
	desired   int
	instances []*instance // booting and in service, oldest first
	launched  int
	suspended bool

	activities []Activity
}

type instance struct {
	id        fleet.InstanceID
	group     *group
	zone      string
	booted    bool
	gone      bool
	remaining fleet.Resources
	tasks     int
}

// AddGroup puts a group into the cluster with its desired capacity in service.
func (p *Plant) AddGroup(c Group) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.group(c.Name); err == nil || c.Name == "" {
		return fmt.Errorf("add group %q: the name is empty or taken", c.Name)
	}
	if c.Min < 0 || c.Desired < c.Min || c.Desired > c.Max || c.Size.CPU <= 0 || c.Size.Memory <= 0 {
		return fmt.Errorf("add group %s: sizes must be 0 <= min <= desired <= max, and an instance needs CPU and memory", c.Name)
	}
	if c.Boot == (sim.Spread{}) {
		c.Boot = sim.Spread{Low: 90 * time.Second, High: 150 * time.Second}
	}
	if len(c.Zones) == 0 {
		c.Zones = []string{Region + "a"}
	}
	g := &group{cfg: c, desired: c.Desired, rng: sim.NewRand(p.opt.Seed, "instances of "+string(c.Name))}
	p.groups = append(p.groups, g)
	for range c.Desired {
		p.launchInstance(g).booted = true
	}
	return nil
}

func (p *Plant) group(n fleet.GroupName) (*group, error) {
	i := slices.IndexFunc(p.groups, func(g *group) bool { return g.cfg.Name == n })
	if i < 0 {
		return nil, fmt.Errorf("group %s: %w", n, ErrGroupNotFound)
	}
	return p.groups[i], nil
}

// SetSuspended suspends or resumes the Launch process of a group.
func (p *Plant) SetSuspended(n fleet.GroupName, suspended bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := p.group(n)
	if err != nil {
		return err
	}
	g.suspended = suspended
	p.fill(g)
	return nil
}

// GroupView is what is true of a group now.
type GroupView struct {
	Desired    int
	InService  int
	Waiting    int // tasks that have no instance
	Activities []Activity
}

// GroupView looks at a group; an unknown one is all zero.
func (p *Plant) GroupView(n fleet.GroupName) GroupView {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := p.group(n)
	if err != nil {
		return GroupView{}
	}
	v := GroupView{Desired: g.desired, Activities: slices.Clone(g.activities)}
	for _, i := range g.instances {
		if i.booted {
			v.InService++
		}
	}
	for _, s := range p.services {
		if s.group == g {
			v.Waiting += s.waiting
		}
	}
	return v
}

func (p *Plant) setDesiredCapacity(n fleet.GroupName, instances int) error {
	g, err := p.group(n)
	if err != nil {
		return err
	}
	if instances < g.cfg.Min || instances > g.cfg.Max {
		return fmt.Errorf("group %s: ValidationError: desired capacity %d must be greater than or equal to the minimum %d and less than or equal to the maximum %d",
			n, instances, g.cfg.Min, g.cfg.Max)
	}
	if instances == g.desired {
		return nil
	}
	p.sync()
	g.activities = append(g.activities, Activity{At: p.clock.Now(), From: g.desired, To: instances})
	g.desired = instances
	p.fill(g)
	for len(g.instances) > g.desired {
		p.terminate(g.victim())
	}
	return nil
}

// fill launches what the group lacks, unless launching is suspended.
func (p *Plant) fill(g *group) {
	for len(g.instances) < g.desired && !g.suspended {
		i := p.launchInstance(g)
		p.at(p.clock.Now().Add(g.cfg.Boot.Draw(g.rng)), func() {
			if !i.gone {
				i.booted = true
				p.placeWaiting(g)
			}
		})
	}
}

func (p *Plant) launchInstance(g *group) *instance {
	i := &instance{
		id:        fleet.InstanceID("i-" + p.ids.hex(17)),
		group:     g,
		zone:      g.cfg.Zones[g.launched%len(g.cfg.Zones)],
		remaining: g.cfg.Size,
	}
	g.launched++
	g.instances = append(g.instances, i)
	return i
}

// victim picks the instance to terminate: one that has not booted, else the
// oldest, as the default termination policy ends.
func (g *group) victim() *instance {
	for _, i := range slices.Backward(g.instances) {
		if !i.booted {
			return i
		}
	}
	return g.instances[0]
}

// terminate ends an instance with the tasks on it; their services start others.
func (p *Plant) terminate(i *instance) {
	i.gone = true
	i.group.instances = slices.DeleteFunc(i.group.instances, func(x *instance) bool { return x == i })
	for _, s := range p.services {
		for _, t := range slices.Clone(s.tasks) {
			if t.host == i {
				p.stop(t)
			}
		}
		p.settle(s)
	}
}

// place puts a task on the first instance, oldest first, that has CPU and
// memory left. It is deliberately simpler than core/placement and shares no line
// with it, so that each checks the other.
func (p *Plant) place(t *task) bool {
	need := t.service.cfg.Size
	for _, i := range t.service.group.instances {
		if !i.booted || need.CPU > i.remaining.CPU || need.Memory > i.remaining.Memory {
			continue
		}
		t.host = i
		i.tasks++
		i.remaining.CPU -= need.CPU
		i.remaining.Memory -= need.Memory
		return true
	}
	return false
}

// placeWaiting gives the waiting tasks of a group another try, service by service.
func (p *Plant) placeWaiting(g *group) {
	for _, s := range p.services {
		if s.group == g {
			p.retry(s)
		}
	}
}

func (i *instance) release(r fleet.Resources) {
	i.tasks--
	i.remaining.CPU += r.CPU
	i.remaining.Memory += r.Memory
}

func (g *group) check(services []*service) error {
	switch {
	case g.desired < g.cfg.Min || g.desired > g.cfg.Max:
		return fmt.Errorf("group %s has desired capacity %d outside %d to %d", g.cfg.Name, g.desired, g.cfg.Min, g.cfg.Max)
	case len(g.instances) != g.desired && !g.suspended:
		return fmt.Errorf("group %s has %d instances with desired capacity %d", g.cfg.Name, len(g.instances), g.desired)
	}
	for _, i := range g.instances {
		used, tasks := fleet.Resources{}, 0
		for _, s := range services {
			for _, t := range s.tasks {
				if t.host == i {
					used, tasks = used.Plus(s.cfg.Size), tasks+1
				}
			}
		}
		if used.Plus(i.remaining) != g.cfg.Size || i.remaining.CPU < 0 || i.remaining.Memory < 0 || tasks != i.tasks {
			return fmt.Errorf("instance %s of group %s: %d tasks use %+v, remaining %+v of %+v", i.id, g.cfg.Name, tasks, used, i.remaining, g.cfg.Size)
		}
	}
	return nil
}
