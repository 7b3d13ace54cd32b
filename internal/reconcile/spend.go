package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// spending follows what the priced services of the account cost during one run.
// A nil one follows nothing. Runs that go on beside this one are not seen: two
// that order in the same second may pass the cap together, and the next tick
// orders nothing more.
type spending struct {
	atMost   float64
	mode     spec.Mode // the ceiling of every target's
	book     ledger.Book
	clusters map[fleet.ClusterName]ledger.Cluster // what the run has read
	names    []fleet.ClusterName                  // all of the ledger's, once known
	live     map[fleet.Target]int                 // desired counts that ECS showed
	ordered  map[fleet.Target]int                 // counts that this run has ordered
}

// spending starts to follow, with the clusters that the run has read already.
func (s *Stair) spending(scopes []scope) *spending {
	if s.SpendPerHour <= 0 {
		return nil
	}
	p := &spending{
		atMost: s.SpendPerHour, mode: s.Mode, book: s.Book, clusters: map[fleet.ClusterName]ledger.Cluster{},
		live: map[fleet.Target]int{}, ordered: map[fleet.Target]int{},
	}
	for _, sc := range scopes {
		p.clusters[sc.cluster] = sc.rows
	}
	return p
}

// see keeps the live counts of an observation.
func (p *spending) see(cells []policy.Input) {
	if p == nil {
		return
	}
	for _, in := range cells {
		for _, v := range in.Fleet.Services {
			p.live[fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: v.Name}.Target()] = v.Desired
		}
	}
}

// took keeps what was ordered. An order that may have been carried out counts as
// the larger of the two counts.
func (p *spending) took(outcomes []Outcome) {
	if p == nil {
		return
	}
	for _, o := range outcomes {
		switch o.Done {
		case OrderDone, Observed, WouldDo:
			p.ordered[o.Target] = o.Desired
		case OrderOpen:
			p.ordered[o.Target] = max(o.Before, o.Desired)
		case Held, OrderFail, OrderMoot:
		}
	}
}

// afford tells a cell that wants to grow what the account's cap leaves, and
// decides it again. It is asked right before the cell is settled, so that each
// cell sees what those before it took. If what the others cost cannot be read,
// its priced services do not grow, and the others go on.
func (s *Stair) afford(ctx context.Context, now time.Time, sc scope, c cell) cell {
	if sc.spend == nil || !c.grows() {
		return c
	}
	read, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	others, err := sc.spend.others(read, c)
	if err != nil {
		c.in.Account = &policy.Account{Unknown: "what the account's other services cost could not be read: " + err.Error()}
	} else {
		c.in.Account = &policy.Account{AtMostPerHour: sc.spend.atMost, OthersPerHour: others}
	}
	c.decision = policy.Decide(now, c.in)
	return c
}

// grows tells whether a service with a price is to scale out.
func (c cell) grows() bool {
	for _, d := range c.decision.Services {
		for _, sv := range c.in.Services {
			if sv.Name == d.Service && sv.Policy.Spend != nil && d.Direction == history.Out {
				return true
			}
		}
	}
	return false
}

// others is what the priced services outside a cell cost an hour: really, where
// the cell is to grow really, else with what observe mode would have ordered. It
// reads every cluster of the ledger, each once in a run.
func (p *spending) others(ctx context.Context, c cell) (float64, error) {
	in, acting := c.in, slices.ContainsFunc(c.decision.Services, func(d policy.ServiceDecision) bool {
		return d.Mode == spec.Act && d.Direction == history.Out
	})
	if p.names == nil {
		names, err := p.book.Clusters(ctx)
		if err != nil {
			return 0, fmt.Errorf("list the clusters of the ledger: %w", err)
		}
		p.names = names
	}
	inside := map[fleet.Target]bool{}
	for _, sv := range in.Services {
		inside[fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: sv.Name}.Target()] = true
	}
	sum := 0.0
	for _, n := range p.names {
		c, ok := p.clusters[n]
		if !ok {
			var err error
			if c, err = p.book.Read(ctx, n); err != nil {
				return 0, fmt.Errorf("read the ledger of cluster %s: %w", n, err)
			}
			p.clusters[n] = c
		}
		for _, r := range c.Rows {
			if r.Policy == nil || r.Policy.Service == nil || r.Policy.Service.Spend == nil || inside[r.Target] {
				continue
			}
			sum += r.Policy.Service.Spend.TaskHour * float64(p.tasks(r, acting))
		}
	}
	return sum, nil
}

// tasks is the last known count of a row's service: what this run ordered, what
// observe mode would have ordered, what ECS showed, what was decided last. One
// that was never looked at has its minimum.
func (p *spending) tasks(r ledger.Row, acting bool) int {
	observes := spec.Least(p.mode, r.Policy.Service.Mode) == spec.Observe
	if n, ok := p.live[r.Target]; ok && observes && acting {
		return n
	}
	if n, ok := p.ordered[r.Target]; ok {
		return n
	}
	if observes && r.History.Shadow != nil { // a service that acts now may still carry one
		return *r.History.Shadow
	}
	if n, ok := p.live[r.Target]; ok {
		if i := r.Intent; i != nil && !i.Lock && i.Mode == spec.Act {
			return max(n, i.Desired) // an order that may be under way
		}
		return n
	}
	if i := r.Intent; i != nil && !i.Lock {
		return max(i.Before, i.Desired)
	}
	last, ordered := r.History.Last()
	switch {
	case r.Reason != nil && (!ordered || !r.Reason.Last.Before(last.At)):
		return r.Reason.Desired
	case ordered:
		return last.To
	}
	return r.Policy.Service.MinCapacity
}
