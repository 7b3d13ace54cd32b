package reconcile

import (
	"context"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// fallbacks gives each group's fallback where both have a policy. A fallback of a fallback
// is none, and a group stands in for the first one that names it: documents are
// checked for both, rows of two documents may still say so.
func fallbacks(rows ledger.Cluster) map[fleet.GroupName]fleet.GroupName {
	of := map[fleet.GroupName]fleet.GroupName{}
	for _, r := range rows.Rows {
		if r.Target.Kind != fleet.GroupTarget || r.Policy == nil || r.Policy.Group == nil {
			continue
		}
		if f := r.Policy.Group.ScaleOut.Fallback; f != "" {
			of[fleet.GroupName(r.Target.Name)] = f
		}
	}
	taken := map[fleet.GroupName]bool{}
	out := map[fleet.GroupName]fleet.GroupName{}
	for _, r := range rows.Rows {
		p := fleet.GroupName(r.Target.Name)
		f, ok := of[p]
		other := rows.Row(fleet.GroupOf(r.Target.Cluster, f)).Policy
		if r.Target.Kind != fleet.GroupTarget || !ok || f == p || of[f] != "" || taken[f] || other == nil || other.Group == nil {
			continue
		}
		taken[f], out[p] = true, f
	}
	return out
}

// onlyPrimary gives the group that tasks with launch type EC2 belong to: the cluster's only
// one with a policy, fallbacks apart.
func (w *world) onlyPrimary() fleet.GroupName {
	var only fleet.GroupName
	for _, g := range w.named {
		if w.standsIn(g) {
			continue
		}
		if only != "" {
			return ""
		}
		only = g
	}
	return only
}

func (w *world) standsIn(g fleet.GroupName) bool {
	for _, f := range w.fallbacks {
		if f == g {
			return true
		}
	}
	return false
}

// withPartners adds to the touched groups the other one of each pair: what one cannot
// launch the other starts in the same run.
func (w *world) withPartners() {
	for p, f := range w.fallbacks {
		if slices.Contains(w.touched, p) || slices.Contains(w.touched, f) {
			w.touched = append(w.touched, p, f)
		}
	}
}

// pair shows the cells of a primary and its fallback each other, where both were read.
func (w *world) pair(cells []policy.Input) {
	at := func(g fleet.GroupName) int {
		return slices.IndexFunc(cells, func(in policy.Input) bool { return in.Cell.Group == g && in.Unreadable == "" })
	}
	for p, f := range w.fallbacks {
		i, j := at(p), at(f)
		if i < 0 || j < 0 {
			continue
		}
		primary, fallback := partner(cells[i]), partner(cells[j])
		cells[i].Fallback, cells[j].Primary = &fallback, &primary
	}
}

// partner shows a cell to the other of its pair. Its group is the same value, which
// later reads of launches fill in for both.
func partner(in policy.Input) policy.Partner {
	return policy.Partner{
		Group: in.Fleet.Group, Policy: in.Group.Policy, Overrides: in.Group.Overrides, History: in.Group.History,
		Services: in.Fleet.Services, Instances: in.Fleet.Instances, Drains: in.Drains, Failed: in.Failed, Doomed: in.Doomed,
	}
}

// instances are those of the cell's group and of its partner's.
func instances(in policy.Input) []fleet.Instance {
	out := in.Fleet.Instances
	for _, p := range []*policy.Partner{in.Fallback, in.Primary} {
		if p != nil {
			out = slices.Concat(out, p.Instances)
		}
	}
	return out
}

// takeTasks gives the tasks that were read to the two groups of a pair, by whose
// instance each is on.
func takeTasks(in *policy.Input, tasks []fleet.Task) {
	rest := tasks
	for _, p := range []**policy.Partner{&in.Fallback, &in.Primary} {
		if *p == nil {
			continue
		}
		other := **p
		of := map[fleet.InstanceID]bool{}
		for _, i := range other.Instances {
			of[i.ID] = true
		}
		other.Tasks, rest = nil, nil
		for _, t := range tasks {
			if of[t.Instance] {
				other.Tasks = append(other.Tasks, t)
			} else {
				rest = append(rest, t)
			}
		}
		*p = &other
	}
	in.Fleet.Tasks, in.Fleet.TasksRead = rest, true
}

// readPrimary reads the launches of the group for which this one takes over, into the
// group that both cells show.
func (s *Stair) readPrimary(ctx context.Context, now time.Time, in policy.Input) {
	if p := in.Primary; p != nil && p.Group != nil {
		s.readLaunches(ctx, now, p.Group, p.History, true)
	}
}

// decidePair decides the cells that wait for nobody, and then those of fallbacks, which
// are told what the primary's cell has decided.
func decidePair(now time.Time, cells []policy.Input) []cell {
	out := make([]cell, 0, len(cells))
	var fallbacks []policy.Input
	for _, in := range cells {
		if in.Primary != nil {
			fallbacks = append(fallbacks, in)
			continue
		}
		out = append(out, cell{in: in, decision: policy.Decide(now, in)})
	}
	for _, in := range fallbacks {
		for _, c := range out {
			if in.Primary.Group != nil && c.in.Cell.Group == in.Primary.Group.Name && c.in.Cell.Cluster == in.Cell.Cluster {
				in = in.Informed(c.decision)
			}
		}
		out = append(out, cell{in: in, decision: policy.Decide(now, in)})
	}
	return out
}

// fails tells whether launches of a group with a fallback fail: it is then looked at every
// minute, since tasks that find no place start instances of the fallback.
func fails(r ledger.Row) bool {
	c := r.History.Capacity
	return c != nil && c.Failures > 0 && r.Policy != nil && r.Policy.Group != nil && r.Policy.Group.ScaleOut.Fallback != ""
}
