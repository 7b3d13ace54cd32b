package plant

import (
	"maps"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Bill is what the plant has run up so far, in seconds; what is still there counts up
// to now. Prices are not the plant's business.
type Bill struct {
	Services  []ServiceBill  // in the order in which they were added
	Instances []InstanceBill // by group as added, then by type
}

// ServiceBill is the usage of a service's tasks, each from its placement, where the
// image pull begins, to its stop. On EC2 the instances are paid for instead.
type ServiceBill struct {
	Service fleet.ServiceName
	Usage
}

// InstanceBill is the usage of a group's instances of one type, each from its launch to
// its end; those of the warm pool pay nothing while they are stopped.
type InstanceBill struct {
	Group fleet.GroupName
	Type  string
	Usage
}

// Usage sums up lifetimes.
type Usage struct {
	Lives   int
	Seconds int // as they were
	Billed  int // each at least Minimum
}

// Minimum is the least that AWS bills of a lifetime, of a Fargate task as of an EC2
// instance under Linux: one minute, by the second beyond it (AWS's pricing pages).
const Minimum = time.Minute

func (u *Usage) add(lived time.Duration) {
	u.Lives++
	u.Seconds += seconds(lived)
	u.Billed += seconds(max(lived, Minimum))
}

// Bill gives the usage up to the clock's time.
func (p *Plant) Bill() Bill {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out Bill
	now := p.clock.Now()
	for _, s := range p.services {
		u := s.usage
		for _, t := range s.tasks {
			if !t.waiting {
				u.add(now.Sub(t.placed))
			}
		}
		out.Services = append(out.Services, ServiceBill{s.cfg.Name, u})
	}
	for _, g := range p.groups {
		usage := maps.Clone(g.usage)
		for _, i := range slices.Concat(g.instances, g.pool) {
			if !i.since.IsZero() {
				u := usage[i.shape.Type]
				u.add(now.Sub(i.since))
				usage[i.shape.Type] = u
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(usage)) {
			out.Instances = append(out.Instances, InstanceBill{g.cfg.Name, kind, usage[kind]})
		}
	}
	return out
}

// charge ends what an instance pays for: it is terminated, or stopped in the warm pool.
func (p *Plant) charge(i *instance) {
	u := i.group.usage[i.shape.Type]
	u.add(p.clock.Now().Sub(i.since))
	i.group.usage[i.shape.Type] = u
	i.since = time.Time{}
}
