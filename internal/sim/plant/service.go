package plant

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// Service configures one simulated ECS service.
type Service struct {
	Name    fleet.ServiceName
	Compute fleet.Compute // Fargate if empty
	// Group is the Auto Scaling group its tasks land on, EC2 only. Its capacity
	// provider has the same name.
	Group fleet.GroupName
	// Roams makes the service one of launch type EC2: it has no capacity provider, and its
	// tasks land on the instances of every group. Group is then only where it is counted.
	Roams bool
	// Size is what one task reserves; it matters on EC2.
	Size fleet.Resources
	// Rules are where ECS may put a task, on EC2; of memberOf the plant knows
	// "attribute:NAME == VALUE" alone.
	Rules fleet.Rules
	// Rollout is the deployment configuration, 100 and 200 percent if nil.
	Rollout *fleet.Rollout
	Desired int // tasks that run at the start
	// Load is the arrivals in each second from the start, Capacity what one task
	// carries a second at 100 % CPU, in the same unit.
	Load     func(second int) float64
	Capacity float64
	// Queue names a queue, added before, that the tasks work off instead of a
	// Load: Capacity is then the messages that one task takes a second.
	Queue string
	// Beside names a service, added before, behind whose load balancer the tasks are
	// too, instead of a Load: the running tasks of both have equal parts of its Load.
	Beside fleet.ServiceName
	// Requests makes the Load wait in line as requests, instead of going lost beyond what
	// the tasks carry: Load by Capacity is then the work that arrives, in Erlangs, and CPU
	// and Measures follow the work that is done and the requests, at most 1 a task on EC2
	// too. Load is asked for a second ahead, since it goes linearly to the next one. Not for
	// a service with a Queue. Nil for none.
	Requests *queueing.Model
	// Discrete works Requests out one by one, at random, instead of as a fluid.
	Discrete bool
	// Spot runs the tasks on Fargate Spot, see SetSpot.
	Spot bool
	// CPUSeconds and MemorySeconds are the resolution of the metrics, 60 if zero or
	// 20: a minute then holds three samples of each task.
	CPUSeconds, MemorySeconds int
	// Measures are the metrics that the application publishes of itself, Latency
	// the time of a request on an idle task: 100 ms if zero.
	Measures []Measure
	Latency  time.Duration
	// Stack is the CloudFormation stack whose tag the service bears.
	Stack string
	// Start is the time from the order of a task to its running: 30 s to 40 s if
	// zero (Fargate, about AWS's 23 s between trigger and provisioned plus the
	// image pull). On EC2 it begins once the task is placed.
	Start sim.Spread
	// Grace is how long a task that runs fails its health checks still, as with a load
	// balancer's: it gets no traffic, takes no messages, and replaces nobody yet. ECS
	// alone waits 40 s (API reference, minimumHealthyPercent). Zero is at once.
	Grace time.Duration
	// Rebalances makes ECS even out the tasks over the zones, on EC2, as Availability
	// Zone rebalancing does.
	Rebalances bool
	// Stop is the time from the order to stop a running task to its end, zero for at
	// once: the load balancer's deregistration delay and the process's own. Meanwhile
	// it serves nobody and holds what it reserved on its instance. EC2 only.
	Stop sim.Spread
	// Memory is the constant memory utilisation of every task in percent, 30 if zero.
	Memory float64
	// Recorded keeps how the counts go, see Timeline.
	Recorded bool
	// Min and Max are the bounds that Check holds the desired count to; a Max of 0 means none.
	Min, Max int
}

// Tally is what a service has cost and failed to carry so far. What a queue
// could not hand out in its second counts as failed, though it only waits; so does
// what is beyond the running tasks of a service with Requests.
type Tally struct {
	Seconds     int     // integrated
	TaskSeconds float64 // from the placement of each task: pulling the image is paid for
	Demand      float64 // task-seconds
	Unserved    float64 // task-seconds of demand beyond the running tasks
	Short       int     // seconds in which demand was above the running tasks
	Started     int     // tasks
	Stopped     int     // tasks
	// Killed are running tasks that were lost with an instance that somebody ended,
	// Interrupted those lost with one that EC2 took back or that broke.
	Killed      int
	Interrupted int
	// Of a service with Requests: those that arrived, were answered later than the limit,
	// and were rejected or failed. A second is in violation where more than 5 % of its
	// requests are one of the two. Of a service whose queue has a Limit: the messages that
	// were sent, and those that waited longer, or have already; a second is in violation in
	// which one such waits. BusySlow counts such seconds, and LongestSlow is how many the
	// longest episode of them lasted; one goes on over a gap of less than 60 s.
	Arrived, Slow, Rejected float64
	BusySlow, LongestSlow   int
}

type service struct {
	cfg   Service
	rng   *rand.Rand
	dice  *rand.Rand // of placement
	stops *rand.Rand
	group *group

	desired  int
	tasks    []*task // ordered and not stopped, oldest first
	running  int
	warming  int // of the running ones, those in their grace
	waiting  int // tasks that ECS has not placed: neither running nor pending
	revision int

	settling, unsettled bool // see settle

	paces []*bucket // of launches
	paced bool      // the next one is set

	evening bool      // tasks are moved between zones
	rested  time.Time // ECS said that the service is steady, zero while it is not

	rolling   bool
	deployed  time.Time // of the newest deployment
	bakeUntil time.Time
	blueUntil time.Time // until then the old tasks stay beside the new ones

	seen       int     // seconds integrated
	opened     int     // second at which the open step of the CPU metric began
	used       float64 // utilisation summed over the seconds of this step, each 0 to 1 or above on EC2
	cpu, mem   *meter
	queue      *queue
	requests   *requests
	episode    episode
	partner    *service // behind the same load balancer
	measures   []*measure
	stalls     []stall
	tally      Tally
	usage      Usage // of the tasks that have stopped
	activities []Activity
	line       Timeline

	troubles  []fleet.Trouble // the newest of each kind
	failing   []span          // times in which no task starts
	failed    int             // of the newest deployment
	failedRow int             // starts that failed since one succeeded
	holdUntil time.Time       // ECS starts nothing before
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
	if c.Latency == 0 {
		c.Latency = 100 * time.Millisecond
	}
	s := &service{
		cfg: c, desired: c.Desired, seen: p.second(), deployed: p.clock.Now(),
		rng: sim.NewRand(p.opt.Seed, "tasks of "+string(c.Name)), dice: sim.NewRand(p.opt.Seed, "placement of "+string(c.Name)),
		stops: sim.NewRand(p.opt.Seed, "stops of "+string(c.Name)), episode: episode{until: -respite},
	}
	key := fleet.ServiceKey{Cluster: p.opt.Cluster, Service: c.Name}
	s.cpu = p.newMeter(serviceMetric(key, "CPUUtilization"), resolution(c.CPUSeconds), s.closeCPU)
	s.mem = p.newMeter(serviceMetric(key, "MemoryUtilization"), resolution(c.MemorySeconds), s.closeMemory)
	s.opened = len(s.cpu.points) * int(s.cpu.step/time.Second)
	for _, m := range []*meter{s.cpu, s.mem} {
		m.service = c.Name
		p.addMeter(m)
	}
	if c.Requests != nil {
		s.requests = newRequests(c, sim.NewRand(p.opt.Seed, "requests of "+string(c.Name)))
	}
	for _, m := range c.Measures {
		p.measure(s, m)
	}
	return s
}

func resolution(seconds int) time.Duration {
	if seconds == 20 {
		return 20 * time.Second
	}
	return time.Minute
}

// demand gives the load of a second in tasks.
func (s *service) demand(second int) float64 {
	if s.requests != nil {
		return s.requests.load(s, second) * s.part()
	}
	return s.wanted(second) * s.part()
}

// wanted gives what arrives in a second for all tasks behind the balancer, in tasks.
func (s *service) wanted(second int) float64 {
	load := s.cfg.Load
	if s.queue != nil {
		load = s.queue.cfg.Arrivals
	}
	d := load(second) / s.cfg.Capacity
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
	s.note()
	n, ceiling := float64(s.serving()), math.Inf(1)
	if s.cfg.Compute == fleet.Fargate {
		ceiling = 1
	}
	for sec := s.seen; sec < to; sec++ {
		d := s.demand(sec)
		s.tally.Demand += d
		if d > n {
			s.tally.Short++
			s.tally.Unserved += d - n
		}
		if s.queue != nil {
			d = s.queue.step(sec, s.serving(), s.cfg.Capacity) / s.cfg.Capacity
			if s.queue.late() {
				s.episode.add(&s.tally, sec)
			}
		}
		x := s.stalled(sec)
		used := min(d/n, ceiling)
		if s.requests != nil {
			used = s.requests.step(s, sec, d, x) / max(n, 1)
		}
		if n > 0 {
			s.used += used * x.cpu
		}
		for _, m := range s.measures {
			m.add(s, d, x)
		}
	}
	span := to - s.seen
	s.tally.Seconds += span
	s.tally.TaskSeconds += float64((len(s.tasks) - s.waiting) * span)
	s.seen = to
}

// closeCPU gives the CPU datapoint of the step that has just ended: one sample
// of each task RUNNING at its end, the task's average over the part of the step
// in which it ran. A task that joined late weighs like the others, so the Sum of
// a step in which tasks joined is more than the demand was. With no task ECS
// publishes nothing, which is not the same as no load.
func (s *service) closeCPU(now int) datapoint {
	d, sum := datapoint{}, 0.0
	for _, t := range s.tasks {
		if t.running && t.began < now {
			d.samples++
			if !t.warming {
				sum += 100 * (s.used - t.usedBefore) / float64(now-max(t.began, s.opened))
			}
		}
		t.usedBefore = 0
	}
	if d.samples > 0 {
		d.average = sum / float64(d.samples)
	}
	s.used, s.opened = 0, now
	return d
}

// closeMemory gives the memory datapoint, of the same tasks.
func (s *service) closeMemory(now int) datapoint {
	d := datapoint{average: s.cfg.Memory}
	for _, t := range s.tasks {
		if t.running && t.began < now {
			d.samples++
		}
	}
	return d
}
