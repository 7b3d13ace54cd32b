package plant

import (
	"fmt"
	"math/rand/v2"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// requests is the line of a service's requests, and the books of it.
type requests struct {
	line queueing.Line
	last queueing.Second

	ahead   float64 // load of the second after the last one, so that each is asked for once
	aheadOf int     // that second
}

// violation is the share of a second's requests above which it is in violation.
const violation = queueing.MaxSlow

func newRequests(c Service, rng *rand.Rand) *requests {
	r := &requests{aheadOf: -1}
	if r.line = queueing.NewFluid(*c.Requests); c.Discrete {
		r.line = queueing.NewRequests(*c.Requests, rng)
	}
	return r
}

// load gives what arrives in a second for all tasks behind the balancer, in tasks.
func (r *requests) load(s *service, second int) float64 {
	if second != r.aheadOf {
		r.ahead, r.aheadOf = s.wanted(second), second
	}
	return r.ahead
}

// step lets a second pass and gives the task-seconds of work done in it. Of what a stall
// lets fail the work is done all the same.
func (r *requests) step(s *service, second int, demand float64, x effect) float64 {
	out := r.line.Step(demand, r.load(s, second+1)*s.part(), s.serving())
	r.last = out
	failed := out.Rejected + (out.Arrived-out.Rejected)*x.errors
	slow := out.Slow * (1 - x.errors)
	t := &s.tally
	t.Arrived += out.Arrived
	t.Slow += slow
	t.Rejected += failed
	if slow+failed > violation*out.Arrived {
		s.episode.add(t, second)
	}
	return out.Work
}

// traffic is that of the last second.
func (r *requests) traffic(x effect) traffic {
	failed := r.last.Rejected + (r.last.Arrived-r.last.Rejected)*x.errors
	return traffic{arrived: r.last.Arrived, failed: failed, latency: r.line.Slowest(), inFlight: r.last.InFlight}
}

// check tells which request was lost.
func (r *requests) check(n fleet.ServiceName) error {
	if r == nil {
		return nil
	}
	if err := r.line.Check(); err != nil {
		return fmt.Errorf("requests of service %s: %w", n, err)
	}
	return nil
}

// Latency gives the response times of a service's requests so far, up to the last
// integrated second, or how long the messages waited that it has worked off; nil where it
// has no Requests, and no queue with a Limit.
func (p *Plant) Latency(n fleet.ServiceName) *queueing.Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	switch {
	case err != nil:
		return nil
	case s.requests != nil:
		return s.requests.line.Latency()
	case s.queue != nil:
		return s.queue.waits
	}
	return nil
}
