package plant

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Stall is a time in which the tasks wait for something sick behind them: the
// demand stays, their CPU falls and their latency rises. More tasks do not help.
type Stall struct {
	From, To time.Time
	CPU      float64 // share of the CPU that is still used
	Latency  float64 // factor on the latency; below 1 it is 1
	Errors   float64 // share of the requests that fail
	// Unhealthy is the share of the running tasks whose health checks fail. ECS
	// leaves them alone here, as where only the load balancer checks.
	Unhealthy float64
}

// stall is a Stall in seconds from the start.
type stall struct {
	from, to int
	effect   effect
}

// effect is what a stall does in one second.
type effect struct{ cpu, latency, errors, unhealthy float64 }

// Stall makes a service stall.
func (p *Plant) Stall(n fleet.ServiceName, x Stall) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return err
	}
	if x.CPU < 0 || x.Errors < 0 || x.Errors > 1 || x.Unhealthy < 0 || x.Unhealthy > 1 || x.From.Before(p.clock.Now()) {
		return fmt.Errorf("stall service %s: it cannot begin in the past, and shares are 0 to 1: %+v", n, x)
	}
	s.stalls = append(s.stalls, stall{
		from: seconds(x.From.Sub(p.start)), to: seconds(x.To.Sub(p.start)),
		effect: effect{cpu: x.CPU, latency: max(x.Latency, 1), errors: x.Errors, unhealthy: x.Unhealthy},
	})
	return nil
}

func (s *service) stalled(second int) effect {
	for _, x := range s.stalls {
		if second >= x.from && second < x.to {
			return x.effect
		}
	}
	return effect{cpu: 1, latency: 1}
}

// SetQuota sets how many tasks Fargate runs at once, 0 for no limit. What runs
// beyond a lower one goes on.
func (p *Plant) SetQuota(tasks int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	p.opt.FargateTasks = tasks
	p.retryFargate()
}

// full tells whether Fargate takes no further task.
func (p *Plant) full() bool {
	if p.opt.FargateTasks == 0 {
		return false
	}
	placed := 0
	for _, s := range p.services {
		if s.group == nil {
			placed += len(s.tasks) - s.waiting
		}
	}
	return placed >= p.opt.FargateTasks
}

func (p *Plant) retryFargate() {
	for _, s := range p.services {
		if s.group == nil && s.waiting > 0 {
			p.retry(s)
		}
	}
}

// FailStarts makes every task that would begin to run in [from, to) stop
// instead, as with an image that cannot be pulled or a process that exits.
func (p *Plant) FailStarts(n fleet.ServiceName, from, to time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return err
	}
	s.failing = append(s.failing, span{from: from, to: to})
	return nil
}

func (s *service) failsNow(now time.Time) bool {
	return slices.ContainsFunc(s.failing, func(x span) bool { return !now.Before(x.from) && now.Before(x.to) })
}

// longestHold is where the growing pauses between failing starts end, as the
// developer guide says under "service throttle logic".
const longestHold = 27 * time.Minute

// failStart stops a task that could not start. ECS tries others, after pauses
// that double with each failure in a row, and from the third on says so.
func (p *Plant) failStart(t *task) {
	s, now := t.service, p.clock.Now()
	s.failed++
	s.failedRow++
	hold := min(10*time.Second<<min(s.failedRow-1, 10), longestHold)
	s.holdUntil = now.Add(hold)
	if s.failedRow >= 3 {
		p.trouble(s, fleet.StartImpaired, "SERVICE_TASK_START_IMPAIRED", "",
			fmt.Sprintf("(service %s) is unable to consistently start tasks successfully.", s.cfg.Name))
	}
	p.stop(t)
	p.settle(s)
}

// Crash makes a share of the running tasks of a service die at a time; ECS
// starts others after pause.
func (p *Plant) Crash(n fleet.ServiceName, at time.Time, share float64, pause time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return err
	}
	p.at(at, func() {
		dead := int(math.Ceil(share*float64(s.running) - 1e-9))
		s.holdUntil = p.clock.Now().Add(pause)
		for _, t := range slices.Clone(s.tasks) {
			if t.running && dead > 0 {
				dead--
				p.stop(t)
			}
		}
		p.settle(s)
	})
	return nil
}

// trouble is reported in the service's events and on the event bus, at most once
// a minute for each kind.
func (p *Plant) trouble(s *service, kind fleet.TroubleKind, name, reason, words string) {
	now := p.clock.Now()
	i := slices.IndexFunc(s.troubles, func(t fleet.Trouble) bool { return t.Kind == kind })
	if i >= 0 {
		if now.Sub(s.troubles[i].At) < time.Minute {
			return
		}
		s.troubles = slices.Delete(s.troubles, i, i+1)
	}
	s.troubles = append(s.troubles, fleet.Trouble{Kind: kind, At: now, Words: words})
	p.emitAction(s, name, reason)
}

// unplaced reports that a task of a service cannot be placed.
func (p *Plant) unplaced(s *service) {
	reason, words := "RESOURCE:FARGATE", fmt.Sprintf("(service %s) was unable to place a task. Reason: You've reached the limit on the number of tasks you can run concurrently.", s.cfg.Name)
	if p.spotless(s) {
		words = fmt.Sprintf("(service %s) was unable to place a task. Reason: Capacity is unavailable at this time.", s.cfg.Name)
	}
	if s.group != nil {
		reason, words = s.shortage(), fmt.Sprintf("(service %s) was unable to place a task because no container instance met all of its requirements.", s.cfg.Name)
	}
	p.trouble(s, fleet.PlacementFailure, "SERVICE_TASK_PLACEMENT_FAILURE", reason, words)
}

// complain reports every minute what is still not placed: ECS tries again and
// again. Zones are evened out then too.
func (p *Plant) complain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	for _, s := range p.services {
		p.retry(s)
		p.even(s)
		p.rest(s)
	}
	for _, g := range p.groups {
		p.evenOut(g)
	}
}
