package capacity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Roams tells whether ECS puts the tasks of a service on any instance of its cluster: it
// has launch type EC2. A capacity provider strategy keeps them on the instances of
// its groups, whatever room others have.
func Roams(s fleet.Service) bool { return s.Compute == fleet.EC2 && s.Provider == "" }

// failing tells whether launches of the group fail now: none succeeded since, and either
// the group is held for it, or instances that it wants have not come.
func (v *view) failing() bool {
	return v.memory.Failures > 0 && (v.in.Now.Before(v.memory.RetryAt) || v.onTheWay > 0)
}

// mended tells whether the group has launched without a failure for long enough to have
// its tasks back: one that is asked sooner may have to give them away again.
func (v *view) mended() bool {
	return v.memory.Mended(v.in.Now, v.in.Policy.Out().FallbackCoolOff)
}

// split tells the tasks that may land on the other group of a pair from those that a
// capacity provider keeps on this one.
func (v *view) split(tasks []placement.Item) (roaming, bound []placement.Item) {
	for _, it := range tasks {
		if v.roams[fleet.ServiceName(it.Name)] {
			roaming = append(roaming, it)
		} else {
			bound = append(bound, it)
		}
	}
	return roaming, bound
}

// onReady puts tasks on the instances that stand, those first that have no other group.
func (v *view) onReady(tasks []placement.Item) (rest []placement.Rest, after []placement.Bin) {
	roaming, bound := v.split(tasks)
	_, stuck, after := placement.Place(bound, v.ready)
	_, rest, after = placement.Place(roaming, after)
	return append(stuck, rest...), after
}

// aside takes the tasks that find room on the fallback's instances off those without a
// place. It is not room of this group: nothing of it is moved there, and no headroom is.
func (v *view) aside(rest []placement.Rest) []placement.Rest {
	var roaming []placement.Item
	roaming, v.bound = v.split(items(rest))
	_, left, _ := placement.Place(roaming, v.fallback.standby())
	short := map[string]int{}
	for _, x := range left {
		short[x.Name] += x.Count
	}
	for _, it := range v.bound {
		short[it.Name] += it.Count
	}
	var out []placement.Rest
	for _, x := range rest {
		if x.Count = short[x.Name]; x.Count > 0 {
			out = append(out, x)
		}
	}
	return out
}

// standby is the room of the group beside the tasks of its own cell, also on instances
// on the way unless those may not come.
func (v *view) standby() []placement.Bin {
	sure := *v
	if v.in.Now.Before(v.memory.RetryAt) {
		sure.onTheWay = 0
	}
	_, after := sure.place(v.in.Waiting)
	return after
}

// takeOver finds the tasks of the primary's cell that may land here and have no place on
// the primary's instances that stand, and what room those have beside the others.
func (v *view) takeOver() {
	p := v.primary
	rest, after := p.onReady(p.in.Waiting)
	v.handed, _ = p.split(items(rest))
	if p.mended() {
		_, _, v.back = placement.Place(p.spare(), after) // its headroom is not for those that return
	}
}

// placeHanded puts the primary's tasks beside the group's own. What finds no place is
// this group's to start only while the primary cannot.
func (v *view) placeHanded(rest []placement.Rest, after []placement.Bin) ([]placement.Rest, []placement.Bin) {
	if len(v.handed) == 0 {
		return rest, after
	}
	_, more, after := placement.Place(v.handed, after)
	if !v.primary.failing() {
		return rest, after
	}
	v.over = count(items(more))
	return append(rest, more...), after
}

// barred says why the group cannot be raised in place of another, empty if it can.
func (v *view) barred() string {
	switch o, capped := v.override(spec.MaxAt); {
	case v.in.Observing:
		return "it is in observe mode"
	case v.in.Group.SuspendedLaunch:
		return "its Launch process is suspended"
	case v.in.Now.Before(v.memory.RetryAt):
		return "its launches fail as well"
	case v.in.Base >= v.in.Group.MaxSize:
		return fmt.Sprintf("its MaxSize is %d", v.in.Group.MaxSize)
	case capped && v.in.Base >= o.Count:
		return overrideWords(o)
	}
	for _, k := range []spec.OverrideKind{spec.Pause, spec.SuspendOut} {
		if o, ok := v.override(k); ok {
			return overrideWords(o)
		}
	}
	return ""
}

// relieved tells whether the fallback does what a raise of this group would be for: then
// the group is left to Auto Scaling, which goes on trying for what was ordered.
func (v *view) relieved() bool {
	return v.fallback != nil && v.failing() && len(v.bound) == 0 && v.fallback.barred() == ""
}

// reliefWords say who takes over, and what would let the tasks go there that cannot.
func (v *view) reliefWords() string {
	if v.fallback == nil {
		return ""
	}
	name := v.fallback.in.Group.Name
	words := fmt.Sprintf("; group %s takes over", name)
	if because := v.fallback.barred(); because != "" {
		words = fmt.Sprintf("; group %s cannot take over: %s", name, because)
	}
	if len(v.bound) == 0 {
		return words
	}
	var stuck []string
	for _, it := range v.bound {
		stuck = append(stuck, it.Name)
	}
	return words + fmt.Sprintf(" (not for %s, whose capacity provider strategy keeps its tasks here: a new deployment with launch type EC2 or with another strategy, or a second service, would let them land there)",
		strings.Join(stuck, ", "))
}

// surplus is how many instances of the group could go if another had room for their
// tasks: those above what it keeps, and none where it may not remove any that have tasks.
func (v *view) surplus() int {
	in := v.in.Policy.In()
	_, suspended := v.override(spec.SuspendIn)
	_, paused := v.override(spec.Pause)
	if in.Disabled || !in.Consolidate || suspended || paused || v.in.Group.SuspendedTerminate || v.in.Group.SuspendedLaunch || in.At(v.in.Now, nil).Forbidden {
		return 0
	}
	return max(0, v.above())
}

// above counts the instances above those that the group keeps in any case, less the
// removals under way.
func (v *view) above() int {
	return v.in.Base - v.open() - max(v.in.Group.MinSize, v.held())
}

// returning are the roaming tasks on the surplus instances of the fallback, those first
// that would go first. Instances that could not go for another reason are left out.
func (v *view) returning() []placement.Item {
	f := v.fallback
	if f == nil || !v.in.TasksRead || f.in.Observing && !v.in.Observing {
		return nil
	}
	n, bins := f.surplus(), f.ready
	tasks := map[fleet.ServiceName]int{}
	for _, i := range f.byLoad() {
		if n == 0 {
			break
		}
		if f.keeps(i) != "" {
			continue
		}
		roaming, bound := f.split(f.movable(i.ID))
		_, rest, after := placement.Place(bound, without(bins, i.ID))
		if len(rest) > 0 {
			continue
		}
		bins = after
		n--
		for _, it := range roaming {
			tasks[fleet.ServiceName(it.Name)] += it.Count
		}
	}
	var out []placement.Item
	for _, s := range v.in.Services {
		if tasks[s.Name] > 0 {
			out = append(out, item(s, tasks[s.Name]))
		}
	}
	return out
}

// guests tells whether tasks that roam may be on the group's instances: more run there
// than its own services have. It saves reading the tasks of a group that works for itself.
func (v *view) guests() bool {
	n := 0
	for _, i := range v.in.Instances {
		n += i.Tasks
	}
	for _, s := range v.in.Services {
		switch {
		case !Roams(s):
			n -= s.Running + s.Pending
		case s.Daemon:
			n -= len(v.in.Instances)
		}
	}
	return n > 0
}

// bringBack adds the instances that the tasks on the fallback's surplus need, once the
// group has launched well for a while. They go back when the instances stand.
func (v *view) bringBack(s *history.Steps, r *Result, bins []placement.Bin) []placement.Bin {
	f := v.fallback
	if f == nil || !v.mended() || f.surplus() == 0 || !f.guests() {
		return bins
	}
	if !v.in.TasksRead {
		r.Looking = v.in.TasksUnread == ""
		return bins
	}
	back := v.returning()
	_, rest, after := placement.Place(back, bins)
	if len(rest) == 0 {
		return after
	}
	n, late, never := v.start(items(rest), "return")
	if len(never) > 0 {
		n, late, _ = v.start(less(rest, never), "return")
	}
	if n > 0 {
		s.To(s.Count()+n, history.PrimaryReturns, fmt.Sprintf("no launch failed for %s: %s on the surplus instances of group %s need %s more to come back",
			spec.Duration(v.in.Policy.Out().FallbackCoolOff), plural(count(back), "task"), f.in.Group.Name, plural(n, "instance")))
	}
	return append(after, late...)
}

// movable are the tasks of services on an instance, daemons apart.
func (v *view) movable(id fleet.InstanceID) []placement.Item {
	var out []placement.Item
	for _, x := range v.of(id) {
		out = append(out, item(x.service, x.tasks))
	}
	return out
}

// less gives the tasks but for some of them.
func less(rest, never []placement.Rest) []placement.Item {
	var out []placement.Item
	for _, x := range rest {
		if k := slices.IndexFunc(never, func(n placement.Rest) bool { return n.Name == x.Name }); k >= 0 {
			x.Count -= never[k].Count
		}
		if x.Count > 0 {
			out = append(out, x.Item)
		}
	}
	return out
}

func without(bins []placement.Bin, id fleet.InstanceID) []placement.Bin {
	return slices.DeleteFunc(slices.Clone(bins), func(b placement.Bin) bool { return b.Name == string(id) })
}

// goesBack tells whether all roaming tasks of an instance fit on the standing instances
// of the primary, which may have them back, and what is left there then.
func (p *pass) goesBack(id fleet.InstanceID) (moved []placement.Placed, back []placement.Bin, ok bool) {
	if p.v.primary == nil || p.back == nil {
		return nil, nil, false
	}
	roaming, _ := p.v.split(p.v.movable(id))
	if len(roaming) == 0 {
		return nil, nil, false
	}
	moved, rest, back := placement.Place(roaming, p.back)
	return moved, back, len(rest) == 0
}

func (p *pass) returnsAll(id fleet.InstanceID) bool {
	_, _, ok := p.goesBack(id)
	return ok
}
