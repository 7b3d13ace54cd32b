package cli

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// costShown is what a group costs an hour, in dollars. An amount is absent where a
// price that it takes is not known.
type costShown struct {
	Now     *float64 `json:"now,omitempty"`
	Planned *float64 `json:"planned,omitempty"`
	// Floor is a price below which no mix of the types can hold the tasks, and Mix the
	// one that has it, in parts of instances too.
	Floor *float64   `json:"floor,omitempty"`
	Mix   []mixShown `json:"mix"`
	// Unpriced are the types of the group that have no price, Shapeless the priced types
	// that no instance of the group shows the shape of: they are not in the floor.
	Unpriced  []string `json:"unpriced,omitempty"`
	Shapeless []string `json:"shapeless,omitempty"`
}

type mixShown struct {
	Type      string  `json:"type"`
	Instances float64 `json:"instances"`
}

// costOf prices a group as it is and as it is planned.
func costOf(in policy.Input, asked capacity.Input, g groupPlanned, tasks []placement.Item, shape placement.Bin, p prices) costShown {
	out := costShown{Mix: []mixShown{}}
	now, stay := typesOf(in, g.Decision)
	for range g.Planned - len(stay) {
		stay = append(stay, shape.Kind)
	}
	out.Now = out.sum(p, now)
	// Of more instances than are planned it is not known which Auto Scaling will end.
	if g.Planned >= len(stay) || len(distinct(stay)) == 1 {
		out.Planned = out.sum(p, stay[:max(0, min(g.Planned, len(stay)))])
	}
	var types []placement.Priced
	for _, kind := range slices.Sorted(maps.Keys(p)) {
		i := slices.IndexFunc(in.Fleet.Instances, func(i fleet.Instance) bool { return i.Type == kind })
		if i < 0 {
			out.Shapeless = append(out.Shapeless, kind)
			continue
		}
		types = append(types, placement.Priced{Type: kind, Whole: in.Fleet.Instances[i].Registered.Minus(asked.Daemons), PerHour: p[kind]})
	}
	var demand fleet.Resources
	for _, it := range tasks {
		demand = demand.Plus(it.Size.Times(it.Count))
	}
	floor, mix := placement.CostFloor(demand, types)
	if math.IsInf(floor, 0) {
		return out
	}
	out.Floor = &floor
	for _, m := range mix {
		out.Mix = append(out.Mix, mixShown{m.Type, m.Count})
	}
	return out
}

// sum is the price of instances of these types, nil where one of them has none.
func (c *costShown) sum(p prices, types []string) *float64 {
	sum, known := 0.0, true
	for _, kind := range distinct(types) {
		price, ok := p[kind]
		if !ok {
			known = false
			if kind = cmp.Or(kind, "an unknown type"); !slices.Contains(c.Unpriced, kind) {
				c.Unpriced = append(c.Unpriced, kind)
			}
			continue
		}
		n := 0
		for _, t := range types {
			if t == kind {
				n++
			}
		}
		sum += float64(price * float64(n))
	}
	if !known {
		return nil
	}
	return &sum
}

// distinct gives the different ones, sorted.
func distinct(types []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(types)))
}

// typesOf gives the types of the group's instances, and of those that stay.
func typesOf(in policy.Input, d policy.GroupDecision) (now, stay []string) {
	var open []drain.Row
	for _, r := range in.Drains {
		if !slices.Contains(d.Undo, r.Instance) {
			open = append(open, r)
		}
	}
	leaving := capacity.Leaving(in.Fleet, open, in.Doomed)
	for _, r := range d.Drains {
		leaving[r.Instance] = true
	}
	types := map[fleet.InstanceID]string{}
	for _, i := range in.Fleet.Instances {
		types[i.ID] = i.Type
	}
	for _, m := range in.Fleet.Group.Members {
		types[m.ID] = cmp.Or(m.Type, types[m.ID])
	}
	for _, id := range slices.Sorted(maps.Keys(types)) {
		now = append(now, types[id])
		if !leaving[id] {
			stay = append(stay, types[id])
		}
	}
	return now, stay
}

// lowers tells whether an open removal will lower the group's desired capacity and has
// not yet. One that EC2 or Auto Scaling forces does not: its instance is replaced.
func lowers(in policy.Input, r drain.Row, undo []fleet.InstanceID) bool {
	switch {
	case r.Cause.Forced() || slices.Contains(undo, r.Instance):
		return false
	case r.State == drain.Terminating:
		return r.Before > 0 && in.Fleet.Group.DesiredCapacity >= r.Before
	}
	return r.State == drain.Candidate || r.State == drain.Draining
}

// costShown prints the prices of one group.
func (s *session) costShown(c costShown) {
	dollars := func(v *float64) string {
		if v == nil {
			return "unknown"
		}
		return fmt.Sprintf("$%.4f", *v)
	}
	words := fmt.Sprintf("%s an hour now, %s planned", dollars(c.Now), dollars(c.Planned))
	if len(c.Unpriced) > 0 {
		words += " (no price of " + strings.Join(c.Unpriced, ", ") + " is given)"
	}
	s.labelled("cost", words)
	mix := make([]string, 0, len(c.Mix))
	for _, m := range c.Mix {
		mix = append(mix, fmt.Sprintf("%.2f %s", m.Instances, m.Type))
	}
	switch {
	case c.Floor == nil:
		words = "unknown: no mix of the priced types whose shape is known holds the tasks"
	case len(mix) == 0:
		words = "$0: there is no task"
	default:
		words = fmt.Sprintf("%s an hour: no mix of the types holds the tasks for less (%s)", dollars(c.Floor), strings.Join(mix, ", "))
	}
	if len(c.Shapeless) > 0 {
		words += "; no instance of the group shows the shape of " + strings.Join(c.Shapeless, ", ")
	}
	s.labelled("cost floor", words)
}
