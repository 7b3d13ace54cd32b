package capacity

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// undo gives drains back while tasks have no place: the room is there at once, and a
// new instance takes minutes. The youngest drain goes first, it has moved least.
func (v *view) undo(s *history.Steps, r *Result, rest []placement.Rest, after []placement.Bin) ([]placement.Rest, []placement.Bin) {
	if v.in.Observing {
		return rest, after
	}
	open := slices.Clone(v.in.Drains)
	slices.SortFunc(open, func(a, b drain.Row) int {
		return cmp.Or(b.Opened.Compare(a.Opened), strings.Compare(string(a.Instance), string(b.Instance)))
	})
	for _, d := range open {
		if len(rest) == 0 {
			break
		}
		// What a person or EC2 wants gone goes, whatever its room is needed for.
		if d.Cause != drain.Empty && d.Cause != drain.Consolidation || d.State != drain.Candidate && d.State != drain.Draining {
			continue
		}
		k := slices.IndexFunc(v.in.Instances, func(i fleet.Instance) bool { return i.ID == d.Instance && i.Connected })
		if k < 0 {
			continue
		}
		// Its own tasks count among those that need a place, so it offers all that it has.
		b := v.bin(v.in.Instances[k])
		b.Free, b.Tasks, b.Ports = b.Whole, nil, reserved(v.in.Instances[k])
		_, left, late := placement.Place(items(rest), []placement.Bin{b})
		if count(items(left)) == count(items(rest)) {
			continue
		}
		r.Undo = append(r.Undo, d.Instance)
		s.To(s.Count(), history.DrainUndone, fmt.Sprintf("%s without a place: the drain of %s is given back", plural(count(items(rest)), "task"), d.Instance))
		rest, after = left, append(after, late...)
	}
	return rest, after
}

// learn starts one instance where no shape is known yet; its registration
// tells how many more are needed.
func (v *view) learn(s *history.Steps, r Result) {
	if v.onTheWay > 0 {
		s.To(s.Base(), history.ShapeUnknown, fmt.Sprintf("%s without a place; %s on the way will show the shape",
			plural(r.Unplaced, "task"), plural(v.onTheWay, "instance")))
		return
	}
	s.To(s.Base()+1, history.ShapeUnknown, fmt.Sprintf("%s without a place and the group has no instance to learn the shape from: start one, or declare it as instance in the group's policy",
		plural(r.Unplaced, "task")))
}

// futileFor is how long after a raise whose instance stands idle no other is tried, where
// the next may be of another type.
const futileFor = 30 * time.Minute

// futile tells whether another instance would be as idle as one that came of the last
// raise: it could take none of the tasks without a place.
func (v *view) futile(s *history.Steps, rest []placement.Rest, after []placement.Bin) bool {
	at, ok := lastRaise(v.in.Memory, v.in.Now)
	if !ok {
		return false
	}
	for _, b := range after {
		came := b.RegisteredAt.After(at)
		alike := b.Kind == v.shape.Kind && b.Whole == v.shape.Whole
		if !came || b.Free != b.Whole || !alike && v.in.Now.Sub(at) >= futileFor {
			continue
		}
		s.To(v.in.Base, history.TasksWaiting, fmt.Sprintf("%s, which came of the last raise, takes none of the tasks without a place, so that another would not help (%d of %s: %s)",
			b.Name, rest[0].Count, rest[0].Name, rest[0].Because))
		return true
	}
	return false
}

// doubt says where what is on the way may not come.
func (v *view) doubt(s *history.Steps) {
	if v.onTheWay == 0 {
		return
	}
	if v.in.Now.Before(v.memory.RetryAt) {
		s.To(v.in.Base, history.LaunchBackoff, plural(v.onTheWay, "instance")+" on the way may not come: "+v.backoffWords()+v.reliefWords())
		return
	}
	if n, since := v.overdue(); n > 0 && v.waiting() > 0 {
		s.To(v.in.Base, history.InstancesOverdue, fmt.Sprintf("%s in service in the group since %s or longer and not registered in the cluster: look at the cluster's name in their user data, at their role and at their agent; more of them would not help",
			plural(n, "instance"), stamp(since)))
	}
}

// overdueAfter is how long an instance in service may take to register at least.
const overdueAfter = 15 * time.Minute

// overdue counts the members in service that ECS has not seen long after the last raise.
func (v *view) overdue() (n int, since time.Time) {
	at, ok := lastRaise(v.in.Memory, v.in.Now)
	if !ok || v.in.Now.Sub(at) < max(overdueAfter, 4*seconds(v.memory.WarmUp)) {
		return 0, at
	}
	return v.unlisted(), at
}

// unlisted counts the members in service that ECS does not list, but for those that leave.
func (v *view) unlisted() int {
	n := 0
	for _, m := range v.in.Group.Members {
		if m.InService() && !v.leaving[m.ID] && !v.listed[m.ID] {
			n++
		}
	}
	return n
}

// maxRaise bounds the instances of one decision, far above any group.
const maxRaise = 5000

// start gives how many usual instances tasks need, and those with the tasks on them: as
// few as a packing needs, and then as many as ECS needs, which packs by its
// strategies and not best. Where some of the tasks fit on none it gives those alone.
func (v *view) start(waiting []placement.Item, name string) (n int, late []placement.Bin, never []placement.Rest) {
	plan := placement.Pack(waiting, nil, []placement.Shape{{Bin: v.shape, Limit: -1}})
	if len(plan.Rest) > 0 {
		return 0, nil, plan.Rest
	}
	before := count(waiting) + 1
	n = plan.Instances()
	late = v.fresh(name, min(n, maxRaise))
	for n > 0 && n < maxRaise {
		_, left, placed := placement.Place(waiting, late)
		if count(items(left)) == 0 {
			late = placed
			break
		}
		// A packing takes an instance of no zone; where ECS finds no place on those of the
		// group's zones, more of them are in vain.
		if count(items(left)) >= before {
			return 0, nil, left
		}
		before = count(items(left))
		n += max(1, placement.Pack(items(left), nil, []placement.Shape{{Bin: v.shape, Limit: -1}}).Instances())
		late = v.fresh(name, n)
	}
	return n, late, nil
}

// raise adds the instances that the tasks without a place need.
func (v *view) raise(s *history.Steps, rest []placement.Rest, after []placement.Bin) []placement.Bin {
	n, late, never := v.start(items(rest), "new")
	if len(never) > 0 {
		return v.raiseOthers(s, rest, never, after)
	}
	v.need(s, n, rest)
	return append(after, late...)
}

// restore takes back what observe mode would have removed, before more is added: what is
// there is not enough, so none of it could have gone. Else the shadow would rise to
// what there is by one raise at every look.
func (v *view) restore(s *history.Steps) {
	if live := v.in.Group.DesiredCapacity; v.in.Observing && s.Count() < live {
		s.To(live, history.TasksWaiting, fmt.Sprintf("%s that observe mode would have removed would be needed again", plural(live-s.Count(), "instance")))
	}
}

// need raises by so many instances for the tasks without a place.
func (v *view) need(s *history.Steps, n int, rest []placement.Rest) {
	if n == 0 {
		return
	}
	why := make([]string, 0, len(rest))
	for _, x := range rest {
		why = append(why, fmt.Sprintf("%d of %s: %s", x.Count, x.Name, x.Because))
	}
	rule, because := history.TasksWaiting, ""
	if v.over > 0 {
		rule, because = history.FallbackTakes, fmt.Sprintf("group %s cannot launch (%s): ", v.primary.in.Group.Name, v.primary.backoffWords())
	}
	v.restore(s)
	s.To(s.Count()+n, rule, because+"tasks that fit nowhere need "+plural(n, "instance")+" more"+v.fromPool(n)+" ("+strings.Join(why, "; ")+")")
}

// raiseOthers raises where some of the tasks fit on no usual instance: those that fit on
// another type of the group, or in one of its zones, need such a one, and Auto Scaling
// chooses which it starts; what asks for an attribute that nobody has shown yet
// learns by one instance.
func (v *view) raiseOthers(s *history.Steps, rest, never []placement.Rest, after []placement.Bin) []placement.Bin {
	usual := less(rest, never)
	shape := []placement.Shape{{Bin: v.shape, Limit: -1}}
	n := placement.Pack(usual, nil, shape).Instances()
	late := v.fresh("new", min(n, maxRaise))
	_, left, late := placement.Place(usual, late)
	n += placement.Pack(items(left), nil, shape).Instances()
	other := placement.Pack(items(never), nil, v.others())
	if more := other.Instances(); more > 0 && v.gamble(s, more) {
		n += more
	}
	v.need(s, n, rest)
	for _, x := range other.Rest {
		if v.blind(x.Item) {
			v.learnAttributes(s, x)
			continue
		}
		s.To(s.Count(), history.TaskTooLarge, fmt.Sprintf("%d of %s fit on no instance of the group: %s", x.Count, x.Name, x.Because))
	}
	return append(after, late...)
}

// gamble tells whether to raise for what needs another type or zone than the usual.
// Auto Scaling chooses both, so one raise is tried at a time: while an instance is on
// the way it may be the right one, and while one stands idle the last try was not.
func (v *view) gamble(s *history.Steps, n int) bool {
	idle := slices.ContainsFunc(v.ready, func(b placement.Bin) bool { return b.Free == b.Whole })
	if v.onTheWay == 0 && !idle {
		return true
	}
	what := "an instance on the way may be of it"
	if idle {
		what = "the last instance that came is of another, and stands idle: let the group start the right one, or a group of its own"
	}
	s.To(s.Count(), history.TasksWaiting, fmt.Sprintf("tasks need %s of another type or zone than the usual: %s", plural(n, "instance"), what))
	return false
}

// others gives the templates that the group has beside the usual one: its other types,
// each in each of its zones.
func (v *view) others() []placement.Shape {
	var out []placement.Shape
	zones := v.zones()
	if len(zones) == 0 {
		zones = []string{""}
	}
	var seen []placement.Bin
	for _, b := range append([]placement.Bin{v.shape}, v.kinds()...) {
		if slices.ContainsFunc(seen, func(x placement.Bin) bool { return x.Kind == b.Kind && x.Whole == b.Whole }) {
			continue
		}
		seen = append(seen, b)
		for _, z := range zones {
			b := b
			b.Zone, b.Attributes = z, maps.Clone(b.Attributes)
			if b.Attributes == nil {
				b.Attributes = map[string]string{}
			}
			if z != "" {
				b.Attributes[zoneAttribute] = z
			}
			out = append(out, placement.Shape{Bin: b, Limit: -1})
		}
	}
	return out
}

// kinds are the templates of the types that stand, the smallest first.
func (v *view) kinds() []placement.Bin {
	var out []placement.Bin
	for _, i := range v.in.Instances {
		if !slices.ContainsFunc(out, func(b placement.Bin) bool { return b.Kind == i.Type && b.Whole == i.Registered.Minus(v.in.Daemons) }) {
			out = append(out, v.template(i))
		}
	}
	slices.SortFunc(out, func(a, b placement.Bin) int {
		return cmp.Or(cmp.Compare(weight(a.Whole), weight(b.Whole)), cmp.Compare(a.Whole.CPU, b.Whole.CPU), strings.Compare(a.Kind, b.Kind))
	})
	return out[:min(len(out), maxKinds)]
}

// maxKinds bounds the types that are tried for a task.
const maxKinds = 8

// blind tells whether nobody knows if a task fits: it asks for attributes, and no
// instance is there to show its own.
func (v *view) blind(it placement.Item) bool {
	return len(v.in.Instances) == 0 && slices.ContainsFunc(it.Rules.Constraints, func(c fleet.Constraint) bool { return c.Type == fleet.MemberOf })
}

func (v *view) learnAttributes(s *history.Steps, x placement.Rest) {
	if v.onTheWay > 0 || s.Count() > v.in.Base {
		s.To(s.Count(), history.ShapeUnknown, fmt.Sprintf("%d of %s ask for attributes that the first instance will show", x.Count, x.Name))
		return
	}
	s.To(s.Count()+1, history.ShapeUnknown, fmt.Sprintf("%d of %s ask for attributes, and the group has no instance to show its own: start one", x.Count, x.Name))
}

// fromPool says how many of the instances come from the warm pool, and so in seconds.
func (v *view) fromPool(n int) string {
	p := v.in.Group.WarmPool
	if p == nil || p.Ready == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them from the warm pool", min(n, p.Ready))
}

// keepHeadroom adds the instances that the headroom needs beside the tasks. The room
// for whole tasks must be in one piece; the shares may be spread.
func (v *view) keepHeadroom(s *history.Steps, bins []placement.Bin) {
	_, rest, after := placement.Place(v.spare(), bins)
	n := 0
	if len(rest) > 0 {
		plan := placement.Pack(items(rest), nil, []placement.Shape{{Bin: v.shape, Limit: -1}})
		n += plan.Instances()
		for _, x := range plan.Rest {
			s.To(s.Count(), history.TaskTooLarge, fmt.Sprintf("headroom for %d of %s cannot be kept: %s", x.Count, x.Name, x.Because))
		}
		late := v.fresh("headroom", min(n, maxRaise))
		_, _, late = placement.Place(items(rest), late)
		after = append(after, late...)
	}
	wholes := n
	short, what := v.shortOf(after)
	n += instancesFor(short, v.shape.Whole)
	if n == 0 {
		return
	}
	why := make([]string, 0, 2)
	if wholes > 0 {
		why = append(why, fmt.Sprintf("room for %s", plural(count(items(rest)), "more task")))
	}
	if what != "" {
		why = append(why, what)
	}
	v.restore(s)
	s.To(s.Count()+n, history.Headroom, fmt.Sprintf("the headroom needs %s more (%s)", plural(n, "instance"), strings.Join(why, "; ")))
}

// instancesFor gives how many instances offer an amount.
func instancesFor(short, whole fleet.Resources) int {
	n := 0
	for _, d := range [][2]int{{short.CPU, whole.CPU}, {short.Memory, whole.Memory}} {
		if d[0] > 0 && d[1] > 0 {
			n = max(n, (d[0]+d[1]-1)/d[1])
		}
	}
	return min(n, maxRaise)
}

// spare gives the tasks for which there must be room beside the real ones. They
// have the rules of their service but for where its tasks are.
func (v *view) spare() []placement.Item {
	var out []placement.Item
	h := v.in.Policy.Headroom
	var largest fleet.Service
	for _, s := range v.in.Services {
		if s.Daemon || !s.Active {
			continue
		}
		if n := h.Tasks[s.Name]; n > 0 {
			out = append(out, item(s, n))
		}
		if weight(s.TaskSize) > weight(largest.TaskSize) {
			largest = s
		}
	}
	if h.LargestTask > 0 && largest.Name != "" {
		out = append(out, item(largest, h.LargestTask))
	}
	return out
}

// weight compares task sizes: the larger of CPU and memory, relative to 1 vCPU and 4 GiB.
func weight(r fleet.Resources) int { return max(r.CPU*4, r.Memory) }

func item(s fleet.Service, n int) placement.Item {
	return placement.Item{Name: string(s.Name), Size: s.TaskSize, Rules: s.Rules, Count: n}
}

// shortOf gives what the free room lacks to the shares of the headroom, and says so.
func (v *view) shortOf(bins []placement.Bin) (short fleet.Resources, what string) {
	cpu, memory := v.in.Policy.Headroom.Shares()
	if cpu == 0 && memory == 0 {
		return fleet.Resources{}, ""
	}
	var used, free fleet.Resources
	for _, b := range bins {
		free = free.Plus(b.Free)
		used = used.Plus(b.Whole.Minus(b.Free))
	}
	var why []string
	for _, d := range []struct {
		share      float64
		used, free int
		into       *int
		unit       string
	}{{cpu, used.CPU, free.CPU, &short.CPU, "CPU units"}, {memory, used.Memory, free.Memory, &short.Memory, "MiB"}} {
		want := int(math.Ceil(float64(d.share*float64(max(d.used, 0))) - 1e-9))
		if want > d.free {
			*d.into = want - d.free
			why = append(why, fmt.Sprintf("%d %s free of %d", d.free, d.unit, want))
		}
	}
	return short, strings.Join(why, "; ")
}

// limit bounds the raise: overrides, launches that fail, the group's own sizes.
func (v *view) limit(s *history.Steps) {
	g, now := v.in.Group, v.in.Now
	// A max outranks a hold, and a hold a min, as a service's overrides do.
	if o, ok := v.override(spec.MinAt); ok && s.Count() < o.Count {
		s.To(o.Count, history.MinCapacity, overrideWords(o))
	}
	if o, ok := v.override(spec.HoldAt); ok && s.Count() != max(o.Count, v.in.Base) {
		s.To(max(o.Count, v.in.Base), history.HoldOverride, overrideWords(o))
	}
	if o, ok := v.override(spec.MaxAt); ok && s.Count() > max(o.Count, v.in.Base) {
		s.To(max(o.Count, v.in.Base), history.MaxCapacity, overrideWords(o))
	}
	if s.Count() > v.in.Base && g.SuspendedLaunch {
		s.To(v.in.Base, history.LaunchSuspended, "the group's Launch process is suspended: resume it, raising the group would start nothing")
	}
	if s.Count() > v.in.Base && now.Before(v.memory.RetryAt) {
		s.To(v.in.Base, history.LaunchBackoff, v.backoffWords()+v.reliefWords())
	}
	if s.Count() > v.in.Base && v.relieved() {
		s.To(v.in.Base, history.FallbackTakes, fmt.Sprintf("%s on the way may not come%s", plural(v.onTheWay, "instance"), v.reliefWords()))
	}
	if n := max(g.MaxSize, v.in.Base); s.Count() > n {
		rule := history.MaxCapacity
		if v.in.Base >= g.MaxSize {
			rule = history.AlreadyAtMaxCapacity
		}
		s.To(n, rule, fmt.Sprintf("the group's MaxSize is %d", g.MaxSize))
	}
}

// override gives the live override of a kind.
func (v *view) override(k spec.OverrideKind) (spec.Override, bool) {
	for _, o := range v.in.Overrides {
		if o.Kind == k && o.Live(v.in.Now) {
			return o, true
		}
	}
	return spec.Override{}, false
}

func overrideWords(o spec.Override) string {
	return fmt.Sprintf("%s by %s until %s (%s)", o, o.By, stamp(o.Until), o.Why)
}

func (v *view) backoffWords() string {
	words := fmt.Sprintf("%s failed in a row, the last at %s: the group is raised again at %s",
		plural(v.memory.Failures, "launch"), stamp(v.memory.FailedAt), stamp(v.memory.RetryAt))
	if v.memory.Failures != 1 {
		words = strings.Replace(words, "launchs", "launches", 1)
	}
	if n := len(v.in.Group.Failures); n > 0 {
		words += fmt.Sprintf(" (%s)", v.in.Group.Failures[n-1].Words)
	}
	return words
}
