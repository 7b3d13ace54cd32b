package reconcile

import (
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// pairs are the services of a cluster that stand in for others, and the others: each
// by the name of its partner.
type pairs struct {
	fallback, lead map[fleet.ServiceName]fleet.ServiceName
}

// pairsOf finds the pairs among the rows. Of two that stand in for one service the
// first by name does: the other is then alone, and holds.
func pairsOf(rows ledger.Cluster) pairs {
	p := pairs{fallback: map[fleet.ServiceName]fleet.ServiceName{}, lead: map[fleet.ServiceName]fleet.ServiceName{}}
	for _, r := range rows.Rows {
		lead := leadOf(r)
		if lead == "" {
			continue
		}
		other := rows.Row(fleet.ServiceKey{Cluster: r.Target.Cluster, Service: lead}.Target())
		if _, taken := p.fallback[lead]; taken || other.Policy == nil || leadOf(other) != "" {
			continue
		}
		p.fallback[lead], p.lead[fleet.ServiceName(r.Target.Name)] = fleet.ServiceName(r.Target.Name), lead
	}
	return p
}

// leadOf gives the service that a row's service stands in for, "" for none.
func leadOf(r ledger.Row) fleet.ServiceName {
	if r.Policy == nil || r.Policy.Service == nil || r.Policy.Service.FallbackFor == nil {
		return ""
	}
	return r.Policy.Service.FallbackFor.Service
}

// of gives the names of the cell that a service is decided in: its lead first.
func (p pairs) of(n fleet.ServiceName) []fleet.ServiceName {
	if lead, ok := p.lead[n]; ok {
		return []fleet.ServiceName{lead, n}
	}
	if f, ok := p.fallback[n]; ok {
		return []fleet.ServiceName{n, f}
	}
	return []fleet.ServiceName{n}
}

// whole adds to names their partners: a pair is decided from one look.
func (p pairs) whole(names []fleet.ServiceName) []fleet.ServiceName {
	out := slices.Clone(names)
	for _, n := range names {
		cell := p.of(n)
		if len(cell) > 1 {
			cell = slices.DeleteFunc(cell, func(m fleet.ServiceName) bool { return slices.Contains(out, m) })
			out = append(out, cell...)
		}
	}
	return out
}
