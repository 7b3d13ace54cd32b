package capacity

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// pass is one search for instances that may go together: where each task goes is
// remembered, so that the room is not promised twice.
type pass struct {
	v     *view
	bins  []placement.Bin // what stays, as it will be
	spare []placement.Item
	took  map[string]bool // instances that were promised tasks
	tasks int             // of the group, daemons apart
	all   fleet.Resources // that the group's instances registered
	moved []placement.Placed
	// back is the room of the primary for tasks that return, returns whether the
	// instance taken last sends its tasks there.
	back    []placement.Bin
	returns bool
	reserve []placement.Item // tasks of the fallback that are to come back
}

func (v *view) pass() *pass {
	p := &pass{v: v, bins: slices.Clone(v.ready), took: map[string]bool{}, back: v.back, reserve: v.returning()}
	for _, it := range v.spare() {
		if !v.known || it.Size.Fits(v.shape.Whole) { // what no instance can hold is no reason to keep one
			p.spare = append(p.spare, it)
		}
	}
	for _, i := range v.in.Instances {
		p.tasks, p.all = p.tasks+v.load(i.ID), p.all.Plus(i.Registered)
	}
	return p
}

// part is how many tasks of a service are on an instance.
type part struct {
	service fleet.Service
	tasks   int
}

// of counts the tasks on an instance by their services of the cell, daemons apart.
func (v *view) of(id fleet.InstanceID) []part {
	n := map[fleet.ServiceName]int{}
	for _, t := range v.on[id] {
		if !t.Leaving && !t.Daemon {
			n[t.Service]++
		}
	}
	var out []part
	for _, s := range v.in.Services {
		if n[s.Name] > 0 && !s.Daemon {
			out = append(out, part{s, n[s.Name]})
		}
	}
	return out
}

// takesOthers is why an instance stays that could go as well, but not together with
// another whose tasks it takes.
const takesOthers = "it takes the tasks of another that goes"

// take removes an instance from those that stay if all its tasks fit on the others and
// the headroom with them; else it says why not and changes nothing.
func (p *pass) take(i fleet.Instance) string {
	if p.took[string(i.ID)] {
		return takesOthers
	}
	others := without(p.bins, i.ID)
	moving := p.v.of(i.ID)
	gone, back, returns := p.goesBack(i.ID)
	if returns {
		moving = slices.DeleteFunc(moving, func(x part) bool { return Roams(x.service) })
	}
	placed, after, because := p.move(moving, others)
	if because != "" {
		return because
	}
	if len(p.spare) > 0 {
		if _, rest, _ := placement.Place(p.spare, after); len(rest) > 0 {
			return fmt.Sprintf("the headroom would have no place: %d of %s", rest[0].Count, rest[0].Name)
		}
	}
	if _, what := p.v.shortOf(after); what != "" {
		return "the headroom would be short: " + what
	}
	if len(p.reserve) > 0 {
		if _, rest, _ := placement.Place(slices.Concat(p.spare, p.reserve), after); len(rest) > 0 {
			return fmt.Sprintf("%s that are to come back from group %s would have no place", plural(count(p.reserve), "task"), p.v.fallback.in.Group.Name)
		}
	}
	p.bins, p.moved, p.returns = after, slices.Concat(gone, placed), returns
	if returns {
		p.back = back
	}
	for _, x := range placed {
		p.took[x.Bin] = true
	}
	return ""
}

// move places the tasks of an instance on the others. What fits on the few with most
// room fits on all; only where it does not are all of them tried.
func (p *pass) move(tasks []part, others []placement.Bin) (placed []placement.Placed, after []placement.Bin, because string) {
	if len(tasks) == 0 {
		return nil, others, ""
	}
	movable, n := make([]placement.Item, 0, len(tasks)), 0
	for _, t := range tasks {
		if room := roomFor(t.service.TaskSize, others); room < t.tasks {
			return nil, nil, fmt.Sprintf("%d of %s would have no other place: the others have room for %d", t.tasks-room, t.service.Name, room)
		}
		movable, n = append(movable, item(t.service, t.tasks)), n+t.tasks
	}
	few := roomiest(others, 16+n)
	near := make([]placement.Bin, 0, len(few))
	for _, k := range few {
		near = append(near, others[k])
	}
	placed, rest, late := placement.Place(movable, near)
	if len(rest) == 0 {
		for i, k := range few {
			others[k] = late[i]
		}
		return placed, others, ""
	}
	if len(near) < len(others) {
		placed, rest, after = placement.Place(movable, others)
	}
	if len(rest) > 0 {
		return nil, nil, fmt.Sprintf("%d of %s would have no other place: %s", rest[0].Count, rest[0].Name, rest[0].Because)
	}
	return placed, after, ""
}

// roomFor counts the tasks of a size that the bins could take of it alone.
func roomFor(size fleet.Resources, bins []placement.Bin) int {
	n := 0
	for _, b := range bins {
		n += placement.Room(size, b.Free, maxFit)
	}
	return n
}

// roomiest gives the places of the bins with most room, at most so many.
func roomiest(bins []placement.Bin, most int) []int {
	out := make([]int, len(bins))
	for i := range out {
		out[i] = i
	}
	if len(bins) <= most {
		return out
	}
	slices.SortFunc(out, func(a, b int) int {
		x, y := bins[a].Free, bins[b].Free
		return cmp.Or(cmp.Compare(min(y.CPU*4, y.Memory), min(x.CPU*4, x.Memory)), cmp.Compare(bins[a].Name, bins[b].Name))
	})
	return out[:most]
}

// byLoad gives the instances in the order in which they would go: those with fewest
// tasks first, and of these one after the other from the zone that then has most, the
// oldest of it. Auto Scaling would set right what is left lopsided, by ending others.
func (v *view) byLoad() []fleet.Instance {
	load, left := map[fleet.InstanceID]int{}, map[string]int{}
	for _, i := range v.in.Instances {
		load[i.ID] = v.load(i.ID)
		left[i.Zone]++
	}
	order := slices.Clone(v.in.Instances)
	slices.SortFunc(order, func(a, b fleet.Instance) int {
		return cmp.Or(cmp.Compare(load[a.ID], load[b.ID]), a.RegisteredAt.Compare(b.RegisteredAt), cmp.Compare(a.ID, b.ID))
	})
	level := map[fleet.InstanceID]int{} // instances of its zone while those before it have gone
	for _, i := range order {
		level[i.ID] = left[i.Zone]
		left[i.Zone]--
	}
	slices.SortStableFunc(order, func(a, b fleet.Instance) int {
		return cmp.Or(cmp.Compare(load[a.ID], load[b.ID]), cmp.Compare(level[b.ID], level[a.ID]))
	})
	return order
}
