package plant

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// steadyAgain is how often ECS repeats that a service is in its steady state. It says
// "periodically"; six hours is what services show.
const steadyAgain = 6 * time.Hour

const zoneField = "attribute:ecs.availability-zone"

// steady tells whether a service has its desired count, healthy, and nothing under way.
func (s *service) steady() bool {
	return !s.rolling && len(s.tasks) == s.desired && s.serving() == s.desired && s.staying() == s.desired
}

// rest tells of a service that has come into its steady state, and again after a time.
func (p *Plant) rest(s *service) {
	switch {
	case !p.opt.Chatty:
		return
	case !s.steady():
		s.rested = time.Time{}
		return
	}
	if now := p.clock.Now(); s.rested.IsZero() || now.Sub(s.rested) >= steadyAgain {
		s.rested = now
		p.emitInfo(s, "SERVICE_STEADY_STATE")
	}
	if s.evening {
		s.evening = false
		p.emitInfo(s, "SERVICE_REBALANCING_COMPLETED")
	}
}

// balances tells whether ECS evens out a service's tasks over the zones: it is wanted,
// and tasks are spread by zone before all else (ECS guide, Availability Zone
// rebalancing).
func (s *service) balances() bool {
	return s.cfg.Rebalances && s.group != nil && s.strategies()[0] == fleet.Strategy{Type: fleet.Spread, Field: zoneField}
}

// zonesOf gives the zones that have an instance for a service, sorted, and its tasks and
// the room for more in each.
func (p *Plant) zonesOf(s *service) (zones []string, in, room map[string]int) {
	in, room = s.crowd(zoneField), map[string]int{}
	for _, i := range p.hostsOf(s) {
		if i.open() {
			zones = append(zones, i.zone)
			room[i.zone] += s.fitting(i)
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones), in, room
}

// fitting counts the tasks of a service that an instance has room for, up to its count.
func (s *service) fitting(i *instance) int {
	n := number(lacking(&task{service: s}, i) == "")
	if n == 0 || s.distinct() || len(s.cfg.Rules.Ports) > 0 {
		return n
	}
	for n < s.desired && s.cfg.Size.Times(n+1).Fits(i.remaining) {
		n++
	}
	return n
}

// even moves tasks of a steady service from the fullest zone to the emptiest that has
// room, as many at a time as the maximum percent allows: each gets a successor, and
// stops once that is healthy.
func (p *Plant) even(s *service) {
	if !s.balances() || !s.steady() {
		return
	}
	zones, in, room := p.zonesOf(s)
	by := func(a, b string) int { return in[a] - in[b] }
	now, moved := p.clock.Now(), 0
	_, most := s.bounds()
	for len(s.tasks)+moved < most {
		roomy := slices.DeleteFunc(slices.Clone(zones), func(z string) bool { return room[z] <= 0 })
		if len(roomy) == 0 {
			break
		}
		full, least := slices.MaxFunc(zones, by), slices.MinFunc(roomy, by)
		k := slices.IndexFunc(s.tasks, func(t *task) bool { return !t.moving && !t.held(now) && t.host.zone == full })
		if k < 0 || in[full]-in[least] < 2 {
			break
		}
		s.tasks[k].moving = true
		in[full]--
		in[least]++
		room[least]--
		moved++
	}
	if moved == 0 {
		return
	}
	if !s.evening {
		p.emitInfo(s, "SERVICE_REBALANCING_STARTED")
	}
	s.evening = true
	p.settle(s)
}

// emitInfo sends an ECS service action of kind INFO where somebody wants those. Its id comes from the stream of
// the events about hosts, so that those of the others do not depend on it.
func (p *Plant) emitInfo(s *service, name string) {
	if !p.opt.Chatty {
		return
	}
	p.announce("aws.ecs", "ECS Service Action", p.serviceARN(s), map[string]any{
		"eventType": "INFO", "eventName": name, "clusterArn": p.clusterARN(), "createdAt": p.clock.Now().UTC().Format(time.RFC3339Nano),
		"reason": fmt.Sprintf("(service %s) has %d running tasks", s.cfg.Name, s.running),
	})
}
