package plant

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Service configures one simulated ECS service.
type Service struct {
	Name    fleet.ServiceName
	Compute fleet.Compute // Fargate if empty
	// Group is the Auto Scaling group its tasks land on, EC2 only. Its capacity
	// provider has the same name.
	Group fleet.GroupName
	// Size is what one task reserves; it matters on EC2.
	Size    fleet.Resources
	Desired int // tasks that run at the start
	// Load is the arrivals in each second from the start, Capacity what one task
	// carries a second at 100 % CPU, in the same unit.
	Load     func(second int) float64
	Capacity float64
	// Start is the time from the order of a task to its running: 30 s to 40 s if
	// zero (Fargate, about AWS's 23 s between trigger and provisioned plus the
	// image pull). On EC2 it begins once the task is placed.
	Start sim.Spread
	// Memory is the constant memory utilisation of every task in percent, 30 if zero.
	Memory float64
	// Min and Max are the bounds that Check holds the desired count to; a Max of 0 means none.
	Min, Max int
}

// HotShare is the utilisation above which requests begin to wait noticeably:
// at 80 % a queue is about four times as long as at 50 %.
const HotShare = 0.8

// Tally is what a service has cost and failed to carry so far.
type Tally struct {
	Seconds     int     // integrated
	TaskSeconds float64 // from the order of each task: pulling the image is paid for
	Demand      float64 // task-seconds
	Unserved    float64 // task-seconds of demand beyond the running tasks
	Short       int     // seconds in which demand was above the running tasks
	Hot         int     // seconds in which it was above HotShare of them
	Started     int     // tasks
	Stopped     int     // tasks
}

type service struct {
	cfg   Service
	rng   *rand.Rand
	group *group

	desired  int
	tasks    []*task // ordered and not stopped, oldest first
	running  int
	revision int

	rolling   bool
	deployed  time.Time // of the newest deployment
	bakeUntil time.Time

	seen       int     // seconds integrated
	minute     int     // second at which the open minute began
	used       float64 // utilisation summed over the seconds of this minute, each 0 to 1 or above on EC2
	cpu, mem   *meter
	tally      Tally
	activities []Activity
	complained time.Time // when a placement failure was last reported
}

type task struct {
	service  *service
	revision int
	host     *instance // nil on Fargate and while no instance has room
	running  bool
	stopped  bool
	// What the service had used when the task began to run in this minute, and
	// the second of the minute; both 0 if it ran before.
	usedBefore float64
	began      int
}

func (p *Plant) newService(c Service) *service {
	if c.Compute == "" {
		c.Compute = fleet.Fargate
	}
	if c.Start == (sim.Spread{}) {
		c.Start = sim.Spread{Low: 30 * time.Second, High: 40 * time.Second}
	}
	if c.Memory == 0 {
		c.Memory = 30
	}
	s := &service{
		cfg: c, desired: c.Desired, seen: p.second(), minute: p.second() / 60 * 60, deployed: p.clock.Now(),
		rng: sim.NewRand(p.opt.Seed, "tasks of "+string(c.Name)),
	}
	key := fleet.ServiceKey{Cluster: p.opt.Cluster, Service: c.Name}
	s.cpu, s.mem = p.serviceMeter(key, "CPUUtilization"), p.serviceMeter(key, "MemoryUtilization")
	p.meters = append(p.meters, s.cpu, s.mem)
	return s
}

// demand gives the load of a second in tasks.
func (s *service) demand(second int) float64 {
	d := s.cfg.Load(second) / s.cfg.Capacity
	if math.IsNaN(d) || d < 0 {
		return 0
	}
	return d
}

// integrate adds up the seconds before to. The running tasks do not change
// within them. Fargate has no CPU beyond what the task bought, so there the
// utilisation ends at 100 %; on EC2 a task may use its neighbours' idle share.
func (s *service) integrate(to int) {
	if to <= s.seen {
		return
	}
	n, ceiling := float64(s.running), math.Inf(1)
	if s.cfg.Compute == fleet.Fargate {
		ceiling = 1
	}
	for sec := s.seen; sec < to; sec++ {
		d := s.demand(sec)
		s.tally.Demand += d
		if d > HotShare*n {
			s.tally.Hot++
		}
		if d > n {
			s.tally.Short++
			s.tally.Unserved += d - n
		}
		if s.running > 0 {
			s.used += min(d/n, ceiling)
		}
	}
	span := to - s.seen
	s.tally.Seconds += span
	s.tally.TaskSeconds += float64(len(s.tasks) * span)
	s.seen = to
}

// closeMinute gives the CPU datapoint of the minute that has just ended: one
// sample of each task RUNNING at its end, the task's average over the part of
// the minute in which it ran. A task that joined late weighs like the others,
// so the Sum of a minute in which tasks joined is more than the demand was.
// With no task ECS publishes nothing, which is not the same as no load.
func (s *service) closeMinute() datapoint {
	d, sum := datapoint{}, 0.0
	for _, t := range s.tasks {
		if t.running && t.began < 60 {
			d.samples++
			sum += 100 * (s.used - t.usedBefore) / float64(60-t.began)
		}
		t.usedBefore, t.began = 0, 0
	}
	if d.samples > 0 {
		d.average = sum / float64(d.samples)
	}
	s.used = 0
	s.minute += 60
	return d
}

// settle moves a service towards its desired count as the ECS scheduler does:
// during a deployment new tasks come first, up to 200 % of the desired count,
// and an old one goes for each that is more than enough.
func (p *Plant) settle(s *service) {
	for s.count(true) > s.desired {
		p.stop(s.victim(true))
	}
	for s.count(false) > 0 && (s.running > s.desired || s.desired == 0) {
		p.stop(s.victim(false))
	}
	for s.count(true) < s.desired && len(s.tasks) < 2*s.desired {
		p.launch(s)
	}
	if s.rolling && s.count(false) == 0 && s.running == s.desired && !p.clock.Now().Before(s.bakeUntil) {
		s.rolling = false
		p.emitDeployment(s, "SERVICE_DEPLOYMENT_COMPLETED")
	}
}

// count gives the tasks of the newest revision, or of the ones before it.
func (s *service) count(newest bool) int {
	n := 0
	for _, t := range s.tasks {
		if (t.revision == s.revision) == newest {
			n++
		}
	}
	return n
}

// victim picks the task to stop: one that does not run yet, else on EC2 one on
// the instance with the most free CPU (what binpack leaves), else the newest.
func (s *service) victim(newest bool) *task {
	var pick *task
	for _, t := range s.tasks {
		if (t.revision == s.revision) != newest {
			continue
		}
		if pick == nil || worse(t, pick) >= 0 {
			pick = t
		}
	}
	return pick
}

// worse compares which of two tasks is rather stopped; of equal ones the later.
func worse(a, b *task) int {
	if a.running != b.running {
		if b.running {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.free(), b.free())
}

func (t *task) free() int {
	if t.host == nil {
		return 0
	}
	return t.host.remaining.CPU
}

// launch orders one task.
func (p *Plant) launch(s *service) {
	t := &task{service: s, revision: s.revision}
	s.tasks = append(s.tasks, t)
	s.tally.Started++
	delay := s.cfg.Start.Draw(s.rng)
	if s.group == nil {
		p.at(p.clock.Now().Add(delay), func() { p.run(t) })
		return
	}
	if !p.place(t, delay) {
		p.emitUnplaced(s)
	}
}

// run makes a task RUNNING, unless it was stopped meanwhile.
func (p *Plant) run(t *task) {
	if t.stopped || t.running {
		return
	}
	t.running = true
	t.usedBefore, t.began = t.service.used, p.second()-t.service.minute
	t.service.running++
	p.settle(t.service)
}

// stop ends a task at once: scale-in frees what it used in the same second.
func (p *Plant) stop(t *task) {
	s := t.service
	t.stopped = true
	if t.running {
		s.running--
	}
	s.tally.Stopped++
	s.tasks = slices.DeleteFunc(s.tasks, func(x *task) bool { return x == t })
	if t.host != nil {
		t.host.release(s.cfg.Size)
		p.placeWaiting(t.host.group)
	}
}

func (s *service) check() error {
	running := 0
	for _, t := range s.tasks {
		if t.running {
			running++
		}
	}
	switch {
	case running != s.running:
		return fmt.Errorf("service %s counts %d running tasks and has %d", s.cfg.Name, s.running, running)
	case s.tally.Started-s.tally.Stopped != len(s.tasks):
		return fmt.Errorf("service %s started %d tasks, stopped %d and has %d", s.cfg.Name, s.tally.Started, s.tally.Stopped, len(s.tasks))
	case !s.rolling && len(s.tasks) != s.desired:
		return fmt.Errorf("service %s has %d tasks with desired count %d and no deployment", s.cfg.Name, len(s.tasks), s.desired)
	case s.cfg.Max > 0 && (s.desired < s.cfg.Min || s.desired > s.cfg.Max):
		return fmt.Errorf("service %s has desired count %d outside %d to %d", s.cfg.Name, s.desired, s.cfg.Min, s.cfg.Max)
	}
	return nil
}
