package plant

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Deploy begins a rolling deployment of a service: new tasks start beside the
// old ones up to 200 %, each that runs replaces an old one, and the rollout
// counts as in progress for at least bake, as with deployment alarms. A bake of
// days is a deployment that somebody paused and forgot.
func (p *Plant) Deploy(n fleet.ServiceName, bake time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deploy(n, 0, bake)
}

// BlueGreen begins a blue/green deployment: a second set of tasks starts beside
// the first, both run until shift is over, and the first goes at once.
func (p *Plant) BlueGreen(n fleet.ServiceName, shift time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deploy(n, shift, shift)
}

// UpdateStack does what an update of the CloudFormation stack does that has a
// desired count written in it: it orders that count, whatever ran, with a new
// deployment.
func (p *Plant) UpdateStack(n fleet.ServiceName, tasks int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, err := p.service(n); err == nil && s.cfg.Stack == "" {
		return fmt.Errorf("update stack of service %s: no stack made it", n)
	}
	return errors.Join(p.setDesired(n, tasks), p.deploy(n, 0, 0))
}

func (p *Plant) deploy(n fleet.ServiceName, shift, bake time.Duration) error {
	s, err := p.service(n)
	if err != nil {
		return err
	}
	p.sync()
	now := p.clock.Now()
	s.revision++
	s.failed, s.failedRow, s.holdUntil = 0, 0, time.Time{} // another task definition starts without pauses
	s.deployed, s.blueUntil, s.bakeUntil, s.rolling = now, now.Add(shift), now.Add(bake), true
	p.at(s.bakeUntil, func() { p.settle(s) })
	p.settle(s)
	return nil
}

// settle moves a service towards its desired count as the ECS scheduler does. A
// task of an older revision, or on a draining instance, is to be replaced: new
// ones come first, up to the maximum percent of the desired count, and one that
// leaves goes for each that is more than enough, unless the deployment is
// blue/green and not yet shifted. Where the maximum leaves no room, those that
// leave go first, down to the minimum percent; with room on neither side nothing
// moves. Tasks under scale-in protection are left alone.
func (p *Plant) settle(s *service) {
	if s.settling { // a task that stops can end its instance, and that concerns the service again
		s.unsettled = true
		return
	}
	s.settling, s.unsettled = true, true
	for s.unsettled {
		s.unsettled = false
		p.settleOnce(s)
	}
	s.settling = false
}

func (p *Plant) settleOnce(s *service) {
	for _, t := range slices.Clone(s.tasks) {
		if t.host != nil && t.host.draining && !t.running && !t.stopped {
			p.stop(t)
		}
	}
	least, most := s.bounds()
	for more := true; more && s.staying() > s.desired; {
		more = p.stopOne(s, func(t *task) bool { return !t.outgoing() })
	}
	now := p.clock.Now()
	leaves := func(t *task) bool { return t.outgoing() && (t.draining() || !now.Before(s.blueUntil)) }
	for more := true; more && (s.serving() > s.desired || s.desired == 0); {
		more = p.stopOne(s, leaves)
	}
	for s.staying() < s.desired && len(s.tasks) < most {
		p.launch(s)
	}
	for s.staying() < s.desired && s.serving() > least && p.stopOne(s, leaves) {
		p.launch(s)
	}
	if s.rolling && s.outdated() == 0 && s.serving() == s.desired && !now.Before(s.bakeUntil) {
		s.rolling = false
		p.emitDeployment(s, "SERVICE_DEPLOYMENT_COMPLETED")
	}
	p.rest(s)
}

// bounds gives the running tasks that must stay and the tasks there may be while
// some are replaced, as ECS rounds the percents.
func (s *service) bounds() (least, most int) {
	if s.cfg.Rollout == nil {
		return s.desired, 2 * s.desired
	}
	least = int(math.Ceil(float64(s.desired*s.cfg.Rollout.MinimumHealthyPercent) / 100))
	return least, s.desired * s.cfg.Rollout.MaximumPercent / 100
}

// outgoing tells whether a task is to be replaced.
func (t *task) outgoing() bool { return t.moving || t.revision != t.service.revision || t.draining() }

func (t *task) draining() bool { return t.host != nil && t.host.draining }

// staying counts the tasks that are not to be replaced, outdated those of older revisions.
func (s *service) staying() int {
	n := 0
	for _, t := range s.tasks {
		n += number(!t.outgoing())
	}
	return n
}

func (s *service) outdated() int {
	n := 0
	for _, t := range s.tasks {
		n += number(t.revision != s.revision)
	}
	return n
}

// stopOne stops one of the tasks that may go, and tells whether there was one:
// one that is not placed, else one that does not run yet, else, where tasks are
// spread, one of the largest crowd, else on EC2 one on the instance with the most
// free CPU (what binpack leaves), else the newest.
func (p *Plant) stopOne(s *service, may func(*task) bool) bool {
	now := p.clock.Now()
	crowd := map[string]int{}
	first := s.strategies()[0]
	if s.group != nil && first.Type == fleet.Spread {
		crowd = s.crowd(first.Field)
	}
	var pick *task
	for _, t := range s.tasks {
		if !may(t) || t.held(now) {
			continue
		}
		if pick == nil || worse(t, pick, func(t *task) int { return crowding(t, crowd, first.Field) }) >= 0 {
			pick = t
		}
	}
	if pick == nil {
		return false
	}
	p.stop(pick)
	return true
}

func crowding(t *task, crowd map[string]int, field string) int {
	if t.host == nil || len(crowd) == 0 {
		return 0
	}
	return crowd[t.host.field(field)]
}

// worse compares which of two tasks is rather stopped; of equal ones the later.
func worse(a, b *task, crowd func(*task) int) int {
	if a.running != b.running {
		if b.running {
			return 1
		}
		return -1
	}
	if a.waiting != b.waiting {
		if a.waiting {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(crowd(a), crowd(b)), cmp.Compare(a.free(), b.free()))
}

func (t *task) free() int {
	if t.host == nil {
		return 0
	}
	return t.host.remaining.CPU
}

// launch orders one task.
func (p *Plant) launch(s *service) {
	t := &task{service: s, revision: s.revision, waiting: true, created: p.clock.Now()}
	s.tasks = append(s.tasks, t)
	s.waiting++
	s.tally.Started++
	p.provision(t)
}

// provision starts a task that waits, and tells whether it could: not while its
// starts are held back, nor faster than the launch rates, nor beyond the quota of Fargate or what Spot has, nor without
// an instance.
// Without managed scaling, which would be a second writer of the group, a task
// that has no instance is not pending either: ECS tries again and reports it.
func (p *Plant) provision(t *task) bool {
	s := t.service
	delay := s.cfg.Start.Draw(s.rng)
	switch {
	case p.clock.Now().Before(s.holdUntil):
		p.at(s.holdUntil, func() { p.retry(s) })
		return false
	case p.limited(s):
		return false
	case s.group == nil && (p.full() || p.spotless(s)), s.group != nil && !p.place(t):
		if !p.pend(t) {
			p.unplaced(s)
		}
		return false
	}
	t.waiting, t.placed = false, p.clock.Now()
	s.waiting--
	s.spend()
	p.at(p.clock.Now().Add(delay), func() { p.run(t) })
	return true
}

// retry provisions what waits, oldest first, until one cannot be.
func (p *Plant) retry(s *service) {
	for _, t := range s.tasks {
		if t.waiting && !p.provision(t) {
			return
		}
	}
}

// run makes a task RUNNING, unless it was stopped meanwhile or cannot start.
func (p *Plant) run(t *task) {
	s := t.service
	if t.stopped || t.running {
		return
	}
	if s.failsNow(p.clock.Now()) {
		p.failStart(t)
		return
	}
	t.running, t.started, s.failedRow = true, p.clock.Now(), 0
	t.usedBefore, t.began = s.used, p.second()
	s.running++
	p.warm(t)
	p.settle(s)
}

// stop ends a task: for its service at once, on its instance after the time that
// it takes to stop.
func (p *Plant) stop(t *task) {
	s := t.service
	ran := t.running
	if !t.waiting {
		s.usage.add(p.clock.Now().Sub(t.placed))
	}
	t.stopped, t.running = true, false
	if ran {
		if s.queue != nil && !t.warming {
			s.queue.abandon(s.serving())
		}
		s.warmed(t)
		s.running--
	}
	if t.waiting {
		s.waiting--
	}
	s.tally.Stopped++
	s.tasks = slices.DeleteFunc(s.tasks, func(x *task) bool { return x == t })
	switch {
	case t.host != nil && ran && s.cfg.Stop.High > 0 && !t.host.gone:
		t.leaving = true
		p.at(p.clock.Now().Add(s.cfg.Stop.Draw(s.stops)), func() { p.quit(t) })
	case t.host != nil:
		t.leaving = true
		p.quit(t)
	case (p.opt.FargateTasks > 0 || p.spot != nil) && !t.waiting:
		p.retryFargate()
	}
}

// quit takes a stopped task off its instance.
func (p *Plant) quit(t *task) {
	if !t.leaving {
		return
	}
	t.leaving = false
	t.host.release(t)
	p.emitTask(t, "ServiceSchedulerInitiated")
	p.vacated(t.host)
}

func (s *service) check() error {
	running, warming, waiting := 0, 0, 0
	for _, t := range s.tasks {
		warming += number(t.warming)
		if t.running {
			running++
		}
		if t.waiting {
			waiting++
		}
	}
	switch {
	case waiting != s.waiting:
		return fmt.Errorf("service %s counts %d waiting tasks and has %d", s.cfg.Name, s.waiting, waiting)
	case running != s.running || warming != s.warming:
		return fmt.Errorf("service %s counts %d running tasks, %d of them in their grace, and has %d and %d", s.cfg.Name, s.running, s.warming, running, warming)
	case s.tally.Started-s.tally.Stopped != len(s.tasks):
		return fmt.Errorf("service %s started %d tasks, stopped %d and has %d", s.cfg.Name, s.tally.Started, s.tally.Stopped, len(s.tasks))
	case !s.rolling && !s.settled():
		return fmt.Errorf("service %s has %d tasks, %d of them to be replaced, with desired count %d and no deployment", s.cfg.Name, len(s.tasks), len(s.tasks)-s.staying(), s.desired)
	case s.cfg.Max > 0 && (s.desired < s.cfg.Min || s.desired > s.cfg.Max):
		return fmt.Errorf("service %s has desired count %d outside %d to %d", s.cfg.Name, s.desired, s.cfg.Min, s.cfg.Max)
	}
	return s.requests.check(s.cfg.Name)
}

// settled tells whether a service without a deployment has its desired count, as
// far as drains and protected tasks leave it.
func (s *service) settled() bool {
	staying, leaving := 0, 0
	guarded := true
	for _, t := range s.tasks {
		if t.outgoing() {
			leaving++
			continue
		}
		staying++
		guarded = guarded && !t.guarded.IsZero()
	}
	_, most := s.bounds()
	switch {
	case staying < s.desired:
		return leaving > 0 && len(s.tasks) >= most
	case staying > s.desired:
		return guarded
	default:
		return leaving == 0 || len(s.tasks) <= max(most, s.desired+leaving)
	}
}
