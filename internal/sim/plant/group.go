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
	// Shapes are the types of a group with several, in place of Type and Size;
	// launches go round them once for each round of the zones.
	Shapes []Shape
	// Attributes are the custom attributes with which the instances register.
	Attributes map[string]string
	// Boot is the time from the order of an instance to its service in the group:
	// 90 s to 150 s if zero. Register is the time from there to the registration of its
	// agent with the cluster: none if zero, then Boot is both. See ColdBoot.
	Boot, Register sim.Spread
	// Pool is the warm pool, nil for none.
	Pool *Pool
	// Hook is a lifecycle hook before termination, nil for none.
	Hook *Hook
	// LaunchHook is a lifecycle hook before an instance is in service, nil for none.
	LaunchHook *LaunchHook
	// NewestFirst ends the newest instance of a zone instead of the oldest, as the
	// termination policy NewestInstance does.
	NewestFirst bool
	// Rebalances is Capacity Rebalancing: a Spot instance that EC2 warns of is replaced,
	// and ended once its successor is in service.
	Rebalances bool
	// Balances is the process AZRebalance: launches go to the zone with the fewest
	// instances, and one a minute is replaced while zones differ by two.
	Balances bool
	// ProtectsNew makes instances begin their life protected from scale-in.
	ProtectsNew bool
	// Managed makes ECS's managed scaling the group's owner, nil for none, see Managed.
	Managed *Managed
}

// Shape is one instance type with what it registers.
type Shape struct {
	Type string
	Size fleet.Resources
	// Weight is what an instance counts of the group's sizes, 1 if zero.
	Weight int
}

func (s Shape) units() int { return max(s.Weight, 1) }

// Pool is a warm pool of stopped instances that are initialised already. It is
// refilled as it is used.
type Pool struct {
	Size int // the pool's MinSize
	// Warm is what Boot is, of a pooled instance: 20 s to 40 s if zero.
	Warm sim.Spread
}

// Hook is a lifecycle hook that waits before an instance is terminated.
type Hook struct {
	Name string
	// Timeout is the heartbeat timeout: an hour if zero, as Auto Scaling's default.
	Timeout time.Duration
}

type group struct {
	cfg       Group
	rng       *rand.Rand
	warm      *rand.Rand
	hooks     *rand.Rand // before service
	agents    *rand.Rand
	desired   int
	spare     int         // units that the newest launch was too many
	instances []*instance // of every state but those of the pool, oldest first
	pool      []*instance // oldest first, the ready ones and those that are being prepared
	launched  int
	born      int              // instances
	ended     int              // of them
	usage     map[string]Usage // by type, of the lives that are over
	suspended bool             // Launch
	locked    bool             // Terminate
	refresh   *refresh

	outages  []Outage
	retrying bool
	pause    time.Duration // the next one between launches that fail
	failures []fleet.LaunchFailure
	singles  []*task // standalone ones that are PROVISIONING
	dice     *rand.Rand
	success  time.Time // of the newest launch

	activities []Activity
}

// AddGroup puts a group into the cluster with its desired capacity in service.
func (p *Plant) AddGroup(c Group) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.group(c.Name); err == nil || c.Name == "" {
		return fmt.Errorf("add group %q: the name is empty or taken", c.Name)
	}
	if len(c.Shapes) == 0 {
		c.Shapes = []Shape{{Type: c.Type, Size: c.Size}}
	}
	hollow := slices.ContainsFunc(c.Shapes, func(s Shape) bool { return s.Size.CPU <= 0 || s.Size.Memory <= 0 })
	if c.Min < 0 || c.Desired < c.Min || c.Desired > c.Max || hollow {
		return fmt.Errorf("add group %s: sizes must be 0 <= min <= desired <= max, and an instance needs CPU and memory", c.Name)
	}
	if c.Boot == (sim.Spread{}) {
		c.Boot = sim.Spread{Low: 90 * time.Second, High: 150 * time.Second}
	}
	if len(c.Zones) == 0 {
		c.Zones = []string{Region + "a"}
	}
	g := &group{
		cfg: c, desired: c.Desired, rng: sim.NewRand(p.opt.Seed, "instances of "+string(c.Name)),
		warm: sim.NewRand(p.opt.Seed, "warm pool of "+string(c.Name)), pause: firstPause,
		hooks: sim.NewRand(p.opt.Seed, "launch hooks of "+string(c.Name)), agents: sim.NewRand(p.opt.Seed, "agents of "+string(c.Name)),
		dice: sim.NewRand(p.opt.Seed, "standalone tasks of "+string(c.Name)), usage: map[string]Usage{},
	}
	p.groups = append(p.groups, g)
	for g.members() < c.Desired {
		i := p.newInstance(g, 0)
		g.launches(i)
		p.serve(i)
		p.enlist(i)
	}
	for range g.poolSize() {
		i := p.newInstance(g, 0)
		i.ready, i.since = true, time.Time{}
		g.pool = append(g.pool, i)
	}
	return nil
}

// launches adds an instance to those that the desired capacity is about.
func (g *group) launches(i *instance) {
	g.instances = append(g.instances, i)
	g.spare = max(0, g.members()-g.desired)
}

func (p *Plant) group(n fleet.GroupName) (*group, error) {
	i := slices.IndexFunc(p.groups, func(g *group) bool { return g.cfg.Name == n })
	if i < 0 {
		return nil, fmt.Errorf("group %s: %w", n, ErrGroupNotFound)
	}
	return p.groups[i], nil
}

// change edits a group with the plant locked and integrated.
func (p *Plant) change(n fleet.GroupName, do func(*group)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := p.group(n)
	if err != nil {
		return err
	}
	p.sync()
	do(g)
	return nil
}

// SetSuspended suspends or resumes the Launch process of a group.
func (p *Plant) SetSuspended(n fleet.GroupName, suspended bool) error {
	return p.change(n, func(g *group) {
		g.suspended = suspended
		p.fill(g)
	})
}

// SetLocked suspends or resumes the Terminate process of a group: meanwhile a
// lower desired capacity ends nothing.
func (p *Plant) SetLocked(n fleet.GroupName, locked bool) error {
	return p.change(n, func(g *group) {
		g.locked = locked
		p.shrink(g)
	})
}

// SetProtectsNew sets whether instances begin their life protected from scale-in.
func (p *Plant) SetProtectsNew(n fleet.GroupName, protects bool) error {
	return p.change(n, func(g *group) { g.cfg.ProtectsNew = protects })
}

// SetHook gives a group a lifecycle hook before termination, nil for none. Waits
// under way go on.
func (p *Plant) SetHook(n fleet.GroupName, h *Hook) error {
	return p.change(n, func(g *group) { g.cfg.Hook = h })
}

// GroupView is what is true of a group now.
type GroupView struct {
	Desired    int
	InService  int
	Leaving    int // held by a lifecycle hook on their way out
	Draining   int // container instances with status DRAINING
	Busy       int // in service with a task that is not a daemon's
	Pooled     int // ready in the warm pool
	Waiting    int // tasks that have no instance
	Refreshing bool
	Hosts      []fleet.InstanceID // registered with the cluster, oldest first
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
	v := GroupView{Desired: g.desired, Refreshing: g.refresh != nil, Activities: slices.Clone(g.activities)}
	for _, i := range g.instances {
		if i.booted {
			v.Hosts = append(v.Hosts, i.id)
		}
		v.InService += number(i.inService())
		v.Leaving += number(i.leaving)
		v.Draining += number(i.draining)
		v.Busy += number(i.inService() && i.busy())
	}
	for _, i := range g.pool {
		v.Pooled += number(i.ready)
	}
	v.Waiting = len(g.singles)
	for _, s := range p.services {
		if s.group == g {
			v.Waiting += s.waiting
		}
	}
	return v
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
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
	if instances < g.desired {
		g.spare = 0
	}
	p.want(g, instances)
	p.fill(g)
	p.shrink(g)
	return nil
}

func (p *Plant) want(g *group, instances int) {
	g.activities = append(g.activities, Activity{At: p.clock.Now(), From: g.desired, To: instances})
	g.desired = instances
}

// members counts the capacity that the desired one is about: instances on their way
// out are replaced already, and recalled ones are about to be.
func (g *group) members() int { return g.units((*instance).stays) }

// units adds up the weights of some instances. What is launched may be more than what
// is desired by the weight of the last instance (API reference, WeightedCapacity).
func (g *group) units(of func(*instance) bool) int {
	n := 0
	for _, i := range g.instances {
		if of(i) {
			n += i.shape.units()
		}
	}
	return n
}

// shrink ends what is beyond the desired capacity, as far as it may be ended. What the
// weight of a launch was too much stays until the capacity is lowered.
func (p *Plant) shrink(g *group) {
	p.relieve(g)
	for g.members() > g.desired+g.spare && !g.locked {
		i := g.victim()
		if i == nil {
			return
		}
		p.dismiss(i)
	}
}

// victim picks the instance to terminate: one that is not in service, else the
// oldest in the zone with the most, as the default termination policy ends. One
// that is protected from scale-in is never picked, nor one whose weight is more than
// what is too much (that is assumed: the guide does not say).
func (g *group) victim() *instance {
	excess := g.members() - g.desired
	may := func(i *instance) bool { return i.shape.units() <= excess }
	for _, i := range slices.Backward(g.instances) {
		if !i.up && i.stays() && !i.protected && may(i) {
			return i
		}
	}
	return g.pick(may)
}

// pick gives the instance that the termination policy ends among those that may go.
func (g *group) pick(may func(*instance) bool) *instance {
	in := g.zones()
	var pick *instance
	for _, i := range g.instances {
		if !i.stays() || i.protected || !may(i) {
			continue
		}
		if pick == nil || in[i.zone] > in[pick.zone] || g.cfg.NewestFirst && in[i.zone] == in[pick.zone] {
			pick = i
		}
	}
	return pick
}

func (g *group) check(services []*service) error {
	members := g.members()
	stuck := func(i *instance) bool { return !i.stays() || i.protected || members-i.shape.units() < g.desired }
	switch {
	case len(g.instances)+len(g.pool) != g.born-g.ended:
		return fmt.Errorf("group %s launched %d instances, ended %d and has %d and %d in its pool", g.cfg.Name, g.born, g.ended, len(g.instances), len(g.pool))
	case g.desired < g.cfg.Min || g.desired > g.cfg.Max:
		return fmt.Errorf("group %s has desired capacity %d outside %d to %d", g.cfg.Name, g.desired, g.cfg.Min, g.cfg.Max)
	case members < g.desired && !g.suspended && !g.retrying,
		members > g.desired+g.spare && !g.locked && !all(g.instances, stuck):
		return fmt.Errorf("group %s has %d instances with desired capacity %d", g.cfg.Name, members, g.desired)
	}
	placed, held := 0, 0
	for _, s := range services {
		for _, t := range s.tasks {
			placed += number(t.host != nil && t.host.group == g)
		}
	}
	for _, i := range g.instances {
		if err := i.check(); err != nil {
			return err
		}
		for _, t := range i.on {
			held += number(t.service != nil && !t.leaving)
		}
	}
	if placed != held {
		return fmt.Errorf("group %s: its instances hold %d tasks of services, which have %d there", g.cfg.Name, held, placed)
	}
	return nil
}

func all[T any](xs []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(xs, func(x T) bool { return !ok(x) })
}
