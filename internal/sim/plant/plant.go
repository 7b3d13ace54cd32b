// Package plant gives a simulated ECS, EC2 Auto Scaling, CloudWatch and SQS on a
// virtual clock, with their delays and their faults, behind the ports of reconcile.
//
// It is a fluid model at one-second grain: demand is measured in tasks' worth
// of CPU, utilisation is demand over running tasks, and what does not fit is
// counted as short, or waits in line where the service has Requests. Tasks start after a delay, metrics appear late, alarms
// fire once per transition.
package plant

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// The AWS account and region that the plant pretends to be.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Options are what a whole plant has in common. The zero value of a field
// takes the default named beside it.
type Options struct {
	Cluster fleet.ClusterName // "demo"
	Seed    uint64
	// Lag is the time from the end of a minute to the appearance of its
	// datapoint: 90 s to 150 s. With it an alarm of three one-minute datapoints
	// takes 360 s on average from the rise of the load, where AWS measured 363 s.
	Lag sim.Spread
	// FastLag is the lag of metrics of less than a minute: 10 s to 22 s. With it
	// an alarm of three 20-second datapoints takes about AWS's 86 s.
	FastLag sim.Spread
	// Partial is how long before it is whole the newest datapoint can be seen
	// with only some of the tasks in it. It is 0, never, unless set.
	Partial time.Duration
	// Fault decides the fate of every call; nil means that all succeed.
	Fault Fault
	// Distort decides what becomes of each datapoint; nil leaves them alone. It
	// must depend on its arguments alone.
	Distort func(m signal.Metric, start time.Time) Distortion
	// FargateTasks is how many tasks Fargate runs at once, as an account's quota or
	// a region without capacity does; 0 is no limit, see SetQuota.
	FargateTasks int
	// Rates are how fast ECS launches tasks, see LaunchRates; nil is without a limit.
	Rates *Rates
	// Chatty sends the INFO events of services too, which the template's rule keeps from
	// the function: the steady state, and rebalancing.
	Chatty bool
	// Emit takes the ECS events of the plant as EventBridge would deliver them; nil drops them.
	Emit func(raw []byte)
}

// Plant is one simulated cluster with its groups, metrics and alarms. Its
// ports are safe for concurrent use; the rest belongs to the clock's thread.
type Plant struct {
	clock *sim.Clock
	opt   Options
	start time.Time
	deaf  bool // nobody takes events
	ids   idSource
	hosts idSource // of container instances, tasks and waits
	news  idSource // of the events about them

	mu       sync.Mutex
	services []*service
	daemons  []*daemon
	groups   []*group
	queues   []*queue
	meters   []*meter
	steps    []time.Duration // at which meters are read
	alarms   []*alarm
	owners   map[fleet.Target]policy.Owner
	notices  []reconcile.Notice
	calls    map[string]int
	muted    []span
	fargate  *bucket // of launches on Fargate, nil without a limit
	spot     *int    // tasks that Fargate Spot has room for, nil for no limit

	standalone Tally // of the tasks that are of no service
}

// span is a time in which CloudWatch gets nothing of the named service, or of
// any where the name is empty.
type span struct {
	service  fleet.ServiceName
	from, to time.Time
}

// New gives an empty plant whose time is the clock's. The clock must stand at
// a full minute, since CloudWatch's periods begin there.
func New(clock *sim.Clock, opt Options) (*Plant, error) {
	start := clock.Now()
	if !start.Equal(start.Truncate(time.Minute)) {
		return nil, fmt.Errorf("start plant at %s: the clock must stand at a full minute", start.Format(time.RFC3339Nano))
	}
	if opt.Cluster == "" {
		opt.Cluster = "demo"
	}
	if opt.Lag == (sim.Spread{}) {
		opt.Lag = sim.Spread{Low: 90 * time.Second, High: 150 * time.Second}
	}
	if opt.FastLag == (sim.Spread{}) {
		opt.FastLag = sim.Spread{Low: 10 * time.Second, High: 22 * time.Second}
	}
	if opt.Fault == nil {
		opt.Fault = func(Call) error { return nil }
	}
	deaf := opt.Emit == nil
	if deaf {
		opt.Emit = func([]byte) {}
	}
	p := &Plant{
		clock: clock, opt: opt, start: start, ids: idSource{rng: sim.NewRand(opt.Seed, "ids")}, hosts: idSource{rng: sim.NewRand(opt.Seed, "ids of hosts and tasks")},
		news: idSource{rng: sim.NewRand(opt.Seed, "ids of events about hosts")}, deaf: deaf,
		owners: map[fleet.Target]policy.Owner{}, calls: map[string]int{},
	}
	clock.Every(start.Add(time.Minute), time.Minute, sim.Physics, p.complain)
	return p, nil
}

// Cluster gives the name of the simulated cluster.
func (p *Plant) Cluster() fleet.ClusterName { return p.opt.Cluster }

// second gives the virtual time in whole seconds from the start.
func (p *Plant) second() int { return int(p.clock.Now().Sub(p.start) / time.Second) }

// sync integrates every service up to now. Counts change only after it, so
// they are constant over each integrated stretch.
func (p *Plant) sync() {
	now := p.second()
	for _, s := range p.services {
		s.integrate(now)
	}
	for _, q := range p.queues {
		q.integrate(now)
	}
}

// at runs do on the clock with the plant locked and integrated.
func (p *Plant) at(t time.Time, do func()) {
	p.clock.At(t, sim.Physics, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sync()
		do()
	})
}

// Finish integrates up to the clock's time, so that tallies are complete.
func (p *Plant) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
}

func (p *Plant) service(n fleet.ServiceName) (*service, error) {
	i := slices.IndexFunc(p.services, func(s *service) bool { return s.cfg.Name == n })
	if i < 0 {
		return nil, fmt.Errorf("service %s/%s: %w", p.opt.Cluster, n, ErrServiceNotFound)
	}
	return p.services[i], nil
}

// AddService puts a service into the cluster with its desired count already
// running, as far as the instances allow on EC2.
func (p *Plant) AddService(c Service) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.service(c.Name); err == nil || c.Name == "" {
		return fmt.Errorf("add service %q: the name is empty or taken", c.Name)
	}
	c, partner, err := p.balanced(c)
	if err != nil {
		return err
	}
	if (c.Load == nil) == (c.Queue == "") || c.Capacity <= 0 || c.Desired < 0 {
		return fmt.Errorf("add service %s: load or a queue, a capacity above 0 and a desired count of at least 0 are needed", c.Name)
	}
	if c.Requests != nil && c.Queue != "" {
		return fmt.Errorf("add service %s: it works off a queue, whose messages are no Requests", c.Name)
	}
	if err := checkRules(c.Rules); err != nil {
		return fmt.Errorf("add service %s: %w", c.Name, err)
	}
	p.sync()
	s := p.newService(c)
	s.join(partner)
	if c.Queue != "" {
		q, err := p.queue(c.Queue)
		if err != nil {
			return fmt.Errorf("add service %s: %w", c.Name, err)
		}
		if q.worker != nil {
			return fmt.Errorf("add service %s: queue %s is worked off by service %s", c.Name, c.Queue, q.worker.cfg.Name)
		}
		q.worker, s.queue = s, q
	}
	if s.cfg.Group != "" {
		g, err := p.group(s.cfg.Group)
		if err != nil {
			return fmt.Errorf("add service %s: %w", c.Name, err)
		}
		s.group = g
	}
	p.services = append(p.services, s)
	p.settle(s)
	for _, t := range s.tasks {
		if !t.waiting {
			p.run(t)
			s.warmed(t) // since long before
		}
	}
	p.limits(s)
	return nil
}

// SetDesired orders a count of tasks, as UpdateService does.
func (p *Plant) SetDesired(n fleet.ServiceName, tasks int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setDesired(n, tasks)
}

func (p *Plant) setDesired(n fleet.ServiceName, tasks int) error {
	s, err := p.service(n)
	if err != nil {
		return err
	}
	if tasks < 0 {
		return fmt.Errorf("service %s: InvalidParameterException: desired count %d is below 0", n, tasks)
	}
	p.sync()
	if tasks == s.desired {
		return nil
	}
	s.activities = append(s.activities, Activity{At: p.clock.Now(), From: s.desired, To: tasks})
	s.desired = tasks
	p.settle(s)
	return nil
}

// Mute keeps every datapoint of a service (of all, with an empty name) whose
// minute begins in [from, to) out of CloudWatch.
func (p *Plant) Mute(n fleet.ServiceName, from, to time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = append(p.muted, span{service: n, from: from, to: to})
}

// SetOwner makes another writer own a target, or nobody with a zero Owner.
func (p *Plant) SetOwner(t fleet.Target, o policy.Owner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owners[t] = o
}

// Announced gives every notice that was announced, in order.
func (p *Plant) Announced() []reconcile.Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notices)
}

// View is what is true of a service now, without the delay of any metric.
type View struct {
	Demand    float64 // tasks' worth of load
	Desired   int
	Running   int
	Pending   int
	Unplaced  int // neither running nor pending
	Deploying bool
}

// View looks at a service; an unknown one is all zero.
func (p *Plant) View(n fleet.ServiceName) View {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return View{}
	}
	return View{
		Demand: s.demand(p.second()), Desired: s.desired, Running: s.running,
		Pending: len(s.tasks) - s.running - s.waiting, Unplaced: s.waiting, Deploying: s.rolling,
	}
}

// Activity is one change of a desired count or capacity.
type Activity struct {
	At   time.Time
	From int
	To   int
}

// Activities gives the changes of a service's desired count, oldest first.
func (p *Plant) Activities(n fleet.ServiceName) []Activity {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return nil
	}
	return slices.Clone(s.activities)
}

// Tally gives a service's running totals up to the last integrated second.
func (p *Plant) Tally(n fleet.ServiceName) Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return Tally{}
	}
	t := s.tally
	if s.queue != nil && s.queue.waits != nil {
		t.Arrived, t.Slow = float64(s.queue.sent), float64(s.queue.slow+s.queue.overdue())
	}
	return t
}

// Killed counts the running tasks, of services and standalone ones, that were
// lost with an instance that somebody ended.
func (p *Plant) Killed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.standalone.Killed
	for _, s := range p.services {
		n += s.tally.Killed
	}
	return n
}

// Check tells which of the plant's invariants is broken: counts within their
// bounds, no task, instance, message or request lost, no instance overfull.
func (p *Plant) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, 0, len(p.services)+len(p.groups)+len(p.queues))
	for _, s := range p.services {
		errs = append(errs, s.check())
	}
	single := 0
	for _, g := range p.groups {
		errs = append(errs, g.check(p.services))
		single += len(g.singles)
		for _, i := range g.instances {
			for _, t := range i.on {
				single += number(t.single != nil)
			}
		}
	}
	if s := p.standalone; s.Started-s.Stopped != single {
		errs = append(errs, fmt.Errorf("%d standalone tasks were started, %d have stopped and %d are there", s.Started, s.Stopped, single))
	}
	for _, q := range p.queues {
		errs = append(errs, q.check())
	}
	return errors.Join(errs...)
}
