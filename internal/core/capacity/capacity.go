// Package capacity gives a group's desired capacity: every task of the cell,
// as it will be after the service decisions, is packed on the instances that
// exist or are on the way, and the group is raised by what does not fit.
package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// Input is what a group's desired capacity depends on.
type Input struct {
	Group     fleet.Group
	Instances []fleet.Instance // of the group
	Waiting   []placement.Item // tasks that will need a place
	Daemons   fleet.Resources  // what the tasks of DAEMON services take on every instance
	Base      int              // live desired capacity, or the shadow in observe mode
}

// Result is the desired capacity decided, and why.
type Result struct {
	Live      int               `json:"live"` // live desired capacity
	Base      int               `json:"base"` // Live, or the shadow in observe mode
	Desired   int               `json:"desired"`
	Direction history.Direction `json:"direction"`
	Reason    string            `json:"reason"`
	Because   string            `json:"because"`
	Waiting   int               `json:"waiting"`  // tasks that need a place
	Unplaced  int               `json:"unplaced"` // of those, tasks that fit on no instance, here or on the way
	Clauses   []history.Clause  `json:"clauses"`
}

// Decide raises the group by the instances that the waiting tasks need. It
// never lowers it: scale-in of instances is consolidation's, with drains.
func Decide(in Input) Result {
	s := history.Begin(in.Base)
	r := Result{Live: in.Group.DesiredCapacity, Base: in.Base, Waiting: count(in.Waiting)}
	ready, onTheWay, shape, known := room(in)
	_, rest, _ := placement.Place(in.Waiting, ready)
	if known && onTheWay > 0 {
		// Instances that stand are filled before those on the way, in two steps: so
		// the raise of one decision is what the next one finds on the way for it.
		rest = placement.Pack(items(rest), nil, []placement.Shape{{Bin: placement.Bin{Free: shape}, Limit: onTheWay}}).Rest
	}
	r.Unplaced = count(items(rest))
	switch {
	case r.Unplaced == 0:
		s.To(in.Base, history.AlreadyAtDesiredCapacity, fmt.Sprintf("%s on %s and %d on the way",
			fits(r.Waiting), plural(len(ready), "instance"), onTheWay))
	case !known:
		learn(s, r, onTheWay)
	default:
		raise(s, rest, shape)
	}
	limit(s, in)
	var binding history.Clause
	r.Clauses, binding = s.End()
	r.Desired, r.Direction = s.Count(), s.Direction()
	r.Reason, r.Because = binding.Rule, binding.Because
	return r
}

func fits(waiting int) string {
	switch waiting {
	case 0:
		return "no task waits"
	case 1:
		return "the waiting task fits"
	}
	return fmt.Sprintf("all %d waiting tasks fit", waiting)
}

func count(items []placement.Item) int {
	n := 0
	for _, it := range items {
		n += it.Count
	}
	return n
}

func items(rest []placement.Rest) []placement.Item {
	out := make([]placement.Item, 0, len(rest))
	for _, x := range rest {
		out = append(out, x.Item)
	}
	return out
}

// room gives the free room of the instances that take tasks, how many are on
// the way, and what each of those will offer. ECS places tasks only on ACTIVE
// instances with a connected agent, so the room on others does not count. What
// daemons will take of an instance is not room: counting it would raise the
// group for a task that does not fit beside them, with every instance that comes.
func room(in Input) (ready []placement.Bin, onTheWay int, shape fleet.Resources, known bool) {
	for _, i := range in.Instances {
		if i.Active && i.Connected {
			ready = append(ready, placement.Bin{Name: string(i.ID), Free: i.Remaining})
		}
	}
	shape, known = usualShape(in.Instances)
	return ready, max(0, in.Base-len(in.Instances)), shape.Minus(in.Daemons), known
}

// maxFit bounds the tasks of one instance, where a task reserves nothing.
const maxFit = 10_000

// Coming gives how many tasks of a size fit on the instances that are on the way:
// those that the group wants and that have not registered. 0 while the shape of
// the group's instances is not known.
func Coming(g fleet.Group, is []fleet.Instance, daemons, size fleet.Resources) int {
	shape, known := usualShape(is)
	onTheWay := max(0, g.DesiredCapacity-len(is))
	if !known || onTheWay == 0 {
		return 0
	}
	free, each := shape.Minus(daemons), maxFit
	if size.CPU > 0 {
		each = min(each, max(0, free.CPU)/size.CPU)
	}
	if size.Memory > 0 {
		each = min(each, max(0, free.Memory)/size.Memory)
	}
	return each * onTheWay
}

// usualShape is what most instances of the group registered; of equally
// frequent shapes the smaller, which never promises room that is not there.
func usualShape(is []fleet.Instance) (fleet.Resources, bool) {
	type tally struct {
		shape fleet.Resources
		n     int
	}
	var seen []tally
	for _, i := range is {
		k := slices.IndexFunc(seen, func(t tally) bool { return t.shape == i.Registered })
		if k < 0 {
			seen = append(seen, tally{shape: i.Registered})
			k = len(seen) - 1
		}
		seen[k].n++
	}
	if len(seen) == 0 {
		return fleet.Resources{}, false
	}
	best := slices.MinFunc(seen, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.shape.CPU, b.shape.CPU), cmp.Compare(a.shape.Memory, b.shape.Memory))
	})
	return best.shape, true
}

// learn starts one instance where no shape is known yet; its registration
// tells how many more are needed.
func learn(s *history.Steps, r Result, onTheWay int) {
	if onTheWay > 0 {
		s.To(s.Base(), history.ShapeUnknown, fmt.Sprintf("%s without a place; %s on the way will show the shape",
			plural(r.Unplaced, "task"), plural(onTheWay, "instance")))
		return
	}
	s.To(s.Base()+1, history.ShapeUnknown, fmt.Sprintf("%s without a place and the group has no instance to learn the shape from: start one", plural(r.Unplaced, "task")))
}

func raise(s *history.Steps, rest []placement.Rest, shape fleet.Resources) {
	plan := placement.Pack(items(rest), nil, []placement.Shape{{Bin: placement.Bin{Free: shape}, Limit: -1}})
	n, tooLarge := plan.New[0], plan.Rest
	why := make([]string, 0, len(rest))
	for _, x := range rest {
		why = append(why, fmt.Sprintf("%d of %s: %s", x.Count, x.Name, x.Because))
	}
	if n > 0 {
		s.To(s.Base()+n, history.TasksWaiting, "tasks that fit nowhere need "+plural(n, "instance")+" more ("+strings.Join(why, "; ")+")")
	}
	for _, x := range tooLarge {
		s.To(s.Count(), history.TaskTooLarge, x.Because)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func limit(s *history.Steps, in Input) {
	g := in.Group
	if s.Count() > in.Base && g.SuspendedLaunch {
		s.To(in.Base, history.LaunchSuspended, "the group's Launch process is suspended: resume it, raising the group would start nothing")
	}
	if n := max(g.MaxSize, in.Base); s.Count() > n {
		rule := history.MaxCapacity
		if in.Base >= g.MaxSize {
			rule = history.AlreadyAtMaxCapacity
		}
		s.To(n, rule, fmt.Sprintf("the group's MaxSize is %d", g.MaxSize))
	}
}
