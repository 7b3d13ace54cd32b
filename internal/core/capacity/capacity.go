// Package capacity gives a group's desired capacity and which of its instances
// may go: every task of the cell, as it will be after the service decisions, is
// packed on the instances that exist or are on the way. What does not fit raises
// the group; an instance whose tasks all fit elsewhere may be drained.
package capacity

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Input is what a group's desired capacity depends on.
type Input struct {
	Now       time.Time
	Group     fleet.Group
	Policy    spec.Group
	Overrides []spec.Override
	Memory    history.History
	Instances []fleet.Instance // of the group
	Services  []fleet.Service  // of the cell, daemons and those without a policy too
	Waiting   []placement.Item // tasks that will need a place
	Daemons   fleet.Resources  // what the tasks of DAEMON services take on every instance
	Base      int              // live desired capacity, or the shadow in observe mode
	// Growing names the services that this decision scales out: nothing is removed then.
	Growing []fleet.ServiceName
	// Tasks are the tasks on the instances, see fleet.Snapshot.
	Tasks       []fleet.Task
	TasksRead   bool
	TasksUnread string
	// Drains are the open removals of the group's instances, Doomed the instances that a
	// notice of EC2 names: they count as gone.
	Drains []drain.Row
	Doomed []fleet.InstanceID
	// Failed are the removals that were given back since they were not done in time.
	Failed []drain.Row
	// Observing makes removals move a shadow of the desired capacity and drain nothing.
	Observing bool
	// Fallback is the group that takes over while launches of this one fail, Primary the
	// one for which this group does, each as its own cell sees it and at most one of
	// them set. The services whose tasks land on both groups are in the Services of both,
	// and in Waiting of the primary alone; Tasks are those on the instances of both.
	Fallback, Primary *Input
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
	// Drains are the instances to drain now. Desired stays: each of them lowers the
	// group itself once it is empty.
	Drains []Removal `json:"drains,omitempty"`
	// Undo are the drains to give back, since their room is needed.
	Undo []fleet.InstanceID `json:"undo,omitempty"`
	// Looking tells that instances may be removable, which the tasks on them must show.
	Looking bool `json:"looking,omitempty"`
	// Memory is what the group remembers after this look, and Worth whether that is
	// worth a write without an order.
	Memory history.Capacity `json:"-"`
	Worth  bool             `json:"-"`
}

// Removal is one instance that may go.
type Removal struct {
	Instance fleet.InstanceID `json:"instance"`
	ARN      string           `json:"arn,omitempty"`
	Cause    drain.Cause      `json:"cause"` // empty or consolidation
	// Moves is where its tasks are expected to go, none for an empty instance. ECS
	// chooses the place itself when the time comes.
	Moves []placement.Placed `json:"moves,omitempty"`
	// Returns is true where the tasks go back to the group for which this one took over.
	Returns bool `json:"returns,omitempty"`
	// Score is the share of the group that goes over the share of its tasks that move,
	// 0 for an empty instance, which moves none.
	Score float64 `json:"score,omitempty"`
}

// Decide raises the group by the instances that the waiting tasks and the headroom
// need, or tells which instances may go where nothing grows.
func Decide(in Input) Result {
	s := history.Begin(in.Base)
	v := look(in)
	r := Result{Live: in.Group.DesiredCapacity, Base: in.Base, Waiting: v.waiting()}
	r.Looking = !in.TasksRead && in.TasksUnread == "" &&
		slices.ContainsFunc(in.Waiting, func(it placement.Item) bool { return placement.AsksCompany(it.Rules) })
	rest, bins := v.placeHanded(v.place(in.Waiting))
	rest, bins = v.undo(s, &r, rest, bins)
	r.Unplaced = count(items(rest))
	switch {
	case r.Unplaced > 0 && v.futile(s, rest, bins):
	case r.Unplaced > 0 && !v.known:
		v.learn(s, r)
	case r.Unplaced > 0:
		bins = v.raise(s, rest, bins)
	default:
		beside := ""
		if v.fallback != nil && len(v.fallback.ready) > 0 {
			beside = fmt.Sprintf(", or %d of group %s", len(v.fallback.ready), v.fallback.in.Group.Name)
		}
		s.To(in.Base, history.AlreadyAtDesiredCapacity, fmt.Sprintf("%s on %s and %d on the way%s",
			fits(r.Waiting), plural(len(v.ready), "instance"), v.onTheWay, beside))
		v.doubt(s)
	}
	if v.known {
		bins = v.bringBack(s, &r, bins)
		v.keepHeadroom(s, bins)
	}
	v.limit(s)
	if s.Count() == in.Base && len(r.Undo) == 0 && r.Unplaced == 0 { // what waits is the reason, and not that nothing goes
		v.remove(s, &r)
	}
	var binding history.Clause
	r.Clauses, binding = s.End()
	r.Desired, r.Direction = s.Count(), s.Direction()
	if len(r.Drains) > 0 {
		r.Direction = history.In
	}
	r.Reason, r.Because = binding.Rule, binding.Because
	r.Memory = v.memory
	r.Worth = v.worth(in)
	return r
}

// Fits gives why the tasks of some instances do not fit on the others of the group
// with its headroom, or why they may not move; empty if the instances may go. It is
// asked again at the moment of a drain, since the decision is older than the act.
func Fits(in Input, ids []fleet.InstanceID) string {
	v := look(in)
	if !in.TasksRead {
		return "the tasks on the instances could not be read: " + in.TasksUnread
	}
	// What is on the way may not come: only what stands takes the tasks of one that goes,
	// and not what goes with it.
	stay := slices.DeleteFunc(slices.Clone(v.ready), func(b placement.Bin) bool { return slices.Contains(ids, fleet.InstanceID(b.Name)) })
	_, rest, after := placement.Place(in.Waiting, stay)
	if v.fallback != nil {
		rest = v.aside(rest)
	}
	rest, after = v.placeHanded(rest, after)
	if n := count(items(rest)); n > 0 {
		return fmt.Sprintf("%s without a place on what stands", plural(n, "task"))
	}
	p := v.pass()
	p.bins = after
	for _, id := range ids {
		i := slices.IndexFunc(in.Instances, func(i fleet.Instance) bool { return i.ID == id })
		if i < 0 {
			continue // gone already
		}
		if because := p.take(in.Instances[i]); because != "" {
			return because
		}
	}
	return ""
}

// waiting counts the tasks that need a place, here or on the primary's instances first.
func (v *view) waiting() int { return count(v.in.Waiting) + count(v.handed) }

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

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
