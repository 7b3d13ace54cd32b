package plant

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// The plant's scheduler is deliberately simpler than core/placement and shares
// no line with it, so that each checks the other: requirements, constraints,
// strategies in their order, and of what is equal the oldest instance (ECS guide,
// task placement).

// equals is the one form of the cluster query language that the plant knows.
var equals = regexp.MustCompile(`^attribute:([A-Za-z0-9._-]+) == ([^ ]+)$`)

// checkRules refuses what the scheduler does not know.
func checkRules(r fleet.Rules) error {
	for _, c := range r.Constraints {
		if c.Type != fleet.DistinctInstance && (c.Type != fleet.MemberOf || !equals.MatchString(c.Expression)) {
			return fmt.Errorf("placement constraint %q %q is not known: distinctInstance, or memberOf with \"attribute:NAME == VALUE\"", c.Type, c.Expression)
		}
	}
	for _, s := range r.Strategies {
		if s.Type == fleet.Random && s.Field == "" || s.Type == fleet.Binpack && (s.Field == "cpu" || s.Field == "memory") {
			continue
		}
		if s.Type != fleet.Spread || s.Field != "instanceId" && !attributeField.MatchString(s.Field) {
			return fmt.Errorf("placement strategy %q by %q is not known: spread by instanceId or attribute:NAME, binpack by cpu or memory, or random", s.Type, s.Field)
		}
	}
	return nil
}

var attributeField = regexp.MustCompile(`^attribute:[A-Za-z0-9._-]+$`)

// hostsOf are the instances on which the tasks of a service land: those of its group, and
// with launch type EC2 all of the cluster.
func (p *Plant) hostsOf(s *service) []*instance {
	if !s.cfg.Roams {
		return s.group.instances
	}
	var out []*instance
	for _, g := range p.groups {
		out = append(out, g.instances...)
	}
	return out
}

// strategies are those of a service, by default ECS's: spread by zone.
func (s *service) strategies() []fleet.Strategy {
	if len(s.cfg.Rules.Strategies) > 0 {
		return s.cfg.Rules.Strategies
	}
	return []fleet.Strategy{{Type: fleet.Spread, Field: "attribute:ecs.availability-zone"}}
}

func (s *service) distinct() bool {
	return slices.ContainsFunc(s.cfg.Rules.Constraints, func(c fleet.Constraint) bool { return c.Type == fleet.DistinctInstance })
}

// place puts a task of a service on an instance of its group, if one can take it.
func (p *Plant) place(t *task) bool {
	s := t.service
	var able []*instance
	for _, i := range p.hostsOf(s) {
		if i.open() && lacking(t, i) == "" {
			able = append(able, i)
		}
	}
	if len(able) == 0 {
		return false
	}
	for _, strategy := range s.strategies() {
		if len(able) == 1 {
			break
		}
		able = p.prefer(s, strategy, able)
	}
	p.put(t, able[0])
	return true
}

// lacking says what an instance lacks for a task in the words of ECS's events,
// empty for nothing.
func lacking(t *task, i *instance) string {
	need := t.size()
	switch {
	case need.CPU > i.remaining.CPU:
		return "RESOURCE:CPU"
	case need.Memory > i.remaining.Memory:
		return "RESOURCE:MEMORY"
	case need.GPU > i.remaining.GPU:
		return "RESOURCE:GPU"
	case need.ENI > i.remaining.ENI:
		return "RESOURCE:ENI"
	case slices.ContainsFunc(t.ports(), i.bound):
		return "RESOURCE:PORTS"
	case t.service == nil:
		return ""
	case t.service.distinct() && slices.ContainsFunc(i.on, func(x *task) bool { return x.service == t.service }):
		return "ATTRIBUTE"
	}
	for _, c := range t.service.cfg.Rules.Constraints {
		if m := equals.FindStringSubmatch(c.Expression); c.Type == fleet.MemberOf && (m == nil || i.attributes[m[1]] != m[2]) {
			return "ATTRIBUTE"
		}
	}
	return ""
}

func (i *instance) bound(port fleet.Port) bool {
	return slices.ContainsFunc(i.on, func(t *task) bool { return slices.Contains(t.ports(), port) })
}

// prefer keeps the instances that one strategy likes best, in their order.
func (p *Plant) prefer(s *service, strategy fleet.Strategy, able []*instance) []*instance {
	rank := func(i *instance) int { return i.remaining.CPU }
	switch {
	case strategy.Type == fleet.Random:
		return []*instance{able[s.dice.IntN(len(able))]}
	case strategy.Type == fleet.Spread:
		crowd := s.crowd(strategy.Field)
		rank = func(i *instance) int { return crowd[i.field(strategy.Field)] }
	case strategy.Field == "memory":
		rank = func(i *instance) int { return i.remaining.Memory }
	}
	best := rank(slices.MinFunc(able, func(a, b *instance) int { return cmp.Compare(rank(a), rank(b)) }))
	return slices.DeleteFunc(slices.Clone(able), func(i *instance) bool { return rank(i) != best })
}

// field gives the value by which tasks are spread.
func (i *instance) field(f string) string {
	if f == "instanceId" {
		return string(i.id)
	}
	return i.attributes[f[len("attribute:"):]]
}

// crowd counts the tasks of a service that are placed, by the value of a field.
// Those that must leave with their instance do not count: they are being replaced.
func (s *service) crowd(field string) map[string]int {
	out := map[string]int{}
	for _, t := range s.tasks {
		if t.host != nil && !t.host.draining {
			out[t.host.field(field)]++
		}
	}
	return out
}

func (p *Plant) put(t *task, i *instance) {
	t.host = i
	t.arn = arn("ecs", "task/"+string(p.opt.Cluster)+"/"+p.hosts.hex(32))
	i.on = append(i.on, t)
	i.remaining = i.remaining.Minus(t.size())
}

func (i *instance) release(t *task) {
	i.on = slices.DeleteFunc(i.on, func(x *task) bool { return x == t })
	i.remaining = i.remaining.Plus(t.size())
}

// placeWaiting gives the waiting tasks of a group another try, service by service, and
// the standalone ones last.
func (p *Plant) placeWaiting(g *group) {
	for _, s := range p.services {
		if s.group == g || s.group != nil && s.cfg.Roams {
			p.retry(s)
		}
	}
	g.singles = slices.DeleteFunc(g.singles, func(t *task) bool { return p.begin(g, t) })
}

// shortage names what the instances of a service's group lack for one more task:
// what the one that comes nearest lacks.
func (s *service) shortage() string {
	order := []string{"ATTRIBUTE", "RESOURCE:PORTS", "RESOURCE:ENI", "RESOURCE:GPU", "RESOURCE:MEMORY", "RESOURCE:CPU", "AGENT"}
	best := len(order)
	for _, i := range s.group.instances {
		if !i.booted || i.draining {
			continue
		}
		what := "AGENT"
		if i.connected {
			what = lacking(&task{service: s}, i)
		}
		if k := slices.Index(order, what); k >= 0 {
			best = min(best, k)
		}
	}
	if best == len(order) {
		return "RESOURCE:CPU"
	}
	return order[best]
}
