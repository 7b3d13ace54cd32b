package plant

import (
	"fmt"
	"slices"
)

// SetSpot sets how many tasks Fargate Spot has room for. What runs beyond that is
// taken back, the newest first, as EC2 does when it needs the capacity; ECS tries to
// place others and reports that it cannot. A negative number is no limit.
func (p *Plant) SetSpot(tasks int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	if p.spot = &tasks; tasks < 0 {
		p.spot = nil
	}
	for _, s := range slices.Backward(p.services) {
		for s.cfg.Spot && p.spot != nil && p.onSpot() > tasks && len(s.tasks) > s.waiting {
			placed := slices.DeleteFunc(slices.Clone(s.tasks), func(t *task) bool { return t.waiting })
			s.tally.Interrupted++
			p.stop(placed[len(placed)-1])
		}
	}
	for _, s := range p.services {
		p.settle(s)
	}
	p.retryFargate()
}

// onSpot counts the tasks that are placed on Fargate Spot.
func (p *Plant) onSpot() int {
	n := 0
	for _, s := range p.services {
		if s.cfg.Spot {
			n += len(s.tasks) - s.waiting
		}
	}
	return n
}

// spotless tells whether a service is on Fargate Spot, and that has no room.
func (p *Plant) spotless(s *service) bool {
	return s.cfg.Spot && p.spot != nil && p.onSpot() >= *p.spot
}

// balanced gives a service beside another one the load of that one.
func (p *Plant) balanced(c Service) (Service, *service, error) {
	if c.Beside == "" {
		return c, nil, nil
	}
	lead, err := p.service(c.Beside)
	if err == nil && (lead.partner != nil || lead.queue != nil || c.Load != nil || c.Queue != "" || c.Group != "") {
		err = fmt.Errorf("%s has a queue or another one beside it, or this one a load, a queue or a group of its own", c.Beside)
	}
	if err != nil {
		return c, nil, fmt.Errorf("add service %s: %w", c.Name, err)
	}
	c.Load, c.Capacity = lead.cfg.Load, lead.cfg.Capacity
	c.Requests, c.Discrete = lead.cfg.Requests, lead.cfg.Discrete
	return c, lead, nil
}

func (s *service) join(partner *service) {
	if s.partner = partner; partner != nil {
		partner.partner = s
	}
}

// part is the part of the load that a load balancer gives the tasks of a service: as
// many as run are of all that run. Where none runs the first service fails it all.
func (s *service) part() float64 {
	if s.partner == nil {
		return 1
	}
	all := s.serving() + s.partner.serving()
	if all == 0 {
		return float64(number(s.cfg.Beside == ""))
	}
	return float64(s.serving()) / float64(all)
}
