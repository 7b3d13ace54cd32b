package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// Decide decides about one cell at now: first every service, then the group
// with the tasks as they will be after that. Same input, same decision.
func Decide(now time.Time, in Input) Decision {
	d := Decision{At: now, Cell: in.Cell, Services: make([]ServiceDecision, 0, len(in.Services))}
	services := inOrder(in.Services)
	spent, with := spentBy(in, services), surroundings(now, in)
	for _, s := range services {
		with.left, with.before = spent.leftFor(in, s), d.Services
		one := decideService(now, in, s, with)
		spent = spent.grown(s, one.Mode, one.Base, one.Desired)
		d.Services = append(d.Services, one)
	}
	if in.Group != nil {
		g := decideGroup(now, in, d.Services)
		d.Group = &g
	}
	return d
}

// inOrder gives the services in the order in which they are decided: by name, and
// fallbacks after those that they stand in for.
func inOrder(services []ServiceInput) []ServiceInput {
	rank := func(s ServiceInput) int {
		if s.Policy.FallbackFor != nil {
			return 1
		}
		return 0
	}
	out := slices.Clone(services)
	slices.SortStableFunc(out, func(a, b ServiceInput) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(string(a.Name), string(b.Name)))
	})
	return out
}

func decideService(now time.Time, in Input, s ServiceInput, with around) ServiceDecision {
	mode := spec.Least(in.Mode, s.Policy.Mode)
	live, found := in.Fleet.Service(s.Name)
	if in.Unreadable != "" {
		r := taskcount.Result{Live: live.Desired, Base: live.Desired, Running: live.Running, Wanted: live.Desired, Desired: live.Desired}
		return ServiceDecision{Service: s.Name, Mode: mode, Result: shut(r, history.Unreadable, in.Unreadable), Next: s.History}
	}
	if !found {
		steps := history.Begin(0)
		steps.To(0, history.NotFound, fmt.Sprintf("ECS knows no service %s in cluster %s: remove it from the policy or create it", s.Name, in.Cell.Cluster))
		return ServiceDecision{Service: s.Name, Mode: mode, Result: held(taskcount.Result{}, steps), Next: s.History}
	}
	s.History = given(mode, s.History)
	t := taskcount.Input{
		Key:     fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: s.Name},
		Service: live, Policy: s.Policy, Overrides: s.Overrides, History: s.History, Signals: in.Signals, Index: with.index, Queues: in.Queues, Zones: with.zones,
		Base: live.Desired, Acting: mode == spec.Act && in.Lease == nil, SpendLeft: with.left,
	}
	if s.History.Shadow != nil {
		t.Base = *s.History.Shadow
	}
	if live.Compute == fleet.EC2 {
		t.Coming, t.Instances, t.Disconnected = with.coming(now, in, live), with.active, with.disconnected
	}
	t.Fallback, t.Lead = in.fallback(now, s, mode), in.lead(s, live, mode, with.before)
	r, m := count(now, t)
	if u := in.Account; u != nil && u.Unknown != "" && s.Policy.Spend != nil && r.Direction == history.Out && r.Reason != history.MinCapacity {
		r = shut(r, history.SpendCap, u.Unknown)
	}
	if rule, because, closed := serviceGate(in, s, live, mode); closed {
		r = shut(r, rule, because)
		m.Worth = m.Worth && in.Lease == nil // the row of an open order is its claimant's
	}
	r.Clauses = append(r.Clauses, ownerNote(s.Owner, mode, r.Desired)...)
	r.Clauses = append(r.Clauses, homeNote(in.Homes, r.Desired)...)
	d := ServiceDecision{Service: s.Name, Mode: mode, Result: r, Learnt: m.Worth && r.Direction == history.Hold}
	switch {
	case r.Direction != history.Hold:
		d.Next = shadowed(m.After(history.Order{At: now, From: r.Base, To: r.Desired}, r.Marks), mode, r.Desired)
	case d.Learnt:
		d.Next = m.History
	default:
		d.Next = s.History
	}
	return d
}

// count gives the task count that the policy asks for. A policy with problems
// asks for nothing: what it means would have to be guessed.
func count(now time.Time, in taskcount.Input) (taskcount.Result, taskcount.Memory) {
	if ps := in.Policy.Validate(); len(ps) > 0 {
		steps := history.Begin(in.Base)
		steps.To(in.Base, history.InvalidPolicy, invalidWords(ps))
		r := taskcount.Result{
			Live: in.Service.Desired, Base: in.Base, Running: in.Service.Running, Wanted: in.Base,
			Min: in.Policy.MinCapacity, Max: in.Policy.MaxCapacity,
		}
		return held(r, steps), taskcount.Memory{History: in.History}
	}
	return taskcount.Decide(now, in)
}

func invalidWords(ps []spec.Problem) string {
	return fmt.Sprintf("the policy has %d problems, the first is at %s: %s; %s", len(ps), strings.Join(ps[0].Path, "."), ps[0].Message, ps[0].Remedy)
}

// given is the memory of orders that were given. What observe mode would have
// ordered never was: in act mode it charges no cooldown and uses no datapoint.
func given(mode spec.Mode, h history.History) history.History {
	if mode == spec.Act && h.Shadow != nil {
		return history.History{Rates: h.Rates, Hours: h.Hours, IdleSince: h.IdleSince, Capacity: h.Capacity, Shortage: h.Shortage}
	}
	return h
}

// serviceGate tells whether something outside the policies forbids an order.
func serviceGate(in Input, s ServiceInput, live fleet.Service, mode spec.Mode) (rule, because string, closed bool) {
	switch {
	case in.Stop:
		return history.GlobalStop, stopWords(in), true
	case in.Lease != nil:
		return history.OrderInFlight, leaseWords(*in.Lease), true
	case !live.Active:
		return history.Unscalable, "the service is not ACTIVE", true
	case live.Daemon:
		return history.Unscalable, "a DAEMON service runs one task on every instance and has no desired count", true
	case live.Controller == "EXTERNAL":
		return history.Unscalable, "the service's task sets belong to an EXTERNAL deployment controller", true
	case live.Managed:
		return history.Unscalable, "ECS manages this service (Express Mode) with scaling of its own", true
	}
	return ownerGate(s.Owner, mode)
}

// ownerGate refuses a target that someone else writes, in act mode. Observe
// mode reports it through the decision's words and goes on.
func ownerGate(o Owner, mode spec.Mode) (rule, because string, closed bool) {
	switch {
	case mode != spec.Act:
		return "", "", false
	case o.Unknown:
		return history.OwnedByAnother, strings.TrimSuffix("who else writes this target could not be read: "+o.Detail, ": "), true
	case o.Kind != "":
		return history.OwnedByAnother, strings.TrimSuffix(o.Kind+" writes this target: "+o.Detail, ": "), true
	}
	return "", "", false
}

// ownerNote reports another writer in observe mode, without holding anything.
func ownerNote(o Owner, mode spec.Mode, desired int) []history.Clause {
	rule, because, closed := ownerGate(o, spec.Act)
	if mode == spec.Act || !closed {
		return nil
	}
	return []history.Clause{{Rule: rule, Before: desired, After: desired, Because: "in act mode Trimtab would refuse: " + because}}
}

// homeNote reports that a service belongs to none of the groups that its tasks may land on,
// without holding anything.
func homeNote(homes []fleet.GroupName, desired int) []history.Clause {
	if len(homes) == 0 {
		return nil
	}
	names := make([]string, len(homes))
	for i, g := range homes {
		names[i] = string(g)
	}
	return []history.Clause{{Rule: history.NoGroup, Before: desired, After: desired, Because: "its tasks have launch type EC2 and may land on " + strings.Join(names, " or ") +
		", so no group is raised for them: name one of these as scaleOut.fallback of the other, or deploy the service with a capacity provider strategy"}}
}

func stopWords(in Input) string {
	return strings.TrimSpace("the cluster's global stop is set " + in.StopWhy)
}

func leaseWords(l Lease) string {
	return fmt.Sprintf("order %s is in flight until %s", l.By, l.Until.UTC().Format(time.RFC3339))
}

// shut appends a clause that takes an order back to the base, or names the
// gate as the reason where there was nothing to order.
func shut(r taskcount.Result, rule, because string) taskcount.Result {
	steps := history.Resume(r.Base, r.Desired, r.Clauses)
	steps.To(r.Base, rule, because)
	return held(r, steps)
}

// held closes a result on its last clause.
func held(r taskcount.Result, steps *history.Steps) taskcount.Result {
	r.Clauses = steps.EndAtLast()
	last := r.Clauses[len(r.Clauses)-1]
	r.Desired, r.Direction, r.Marks = steps.Count(), steps.Direction(), nil
	r.Reason, r.Because = last.Rule, last.Because
	return r
}

// shadowed is the history after an order. In observe mode the desired count that
// would be is kept as a shadow, the base of the next decision; in act mode there
// is none, the live count is the truth.
func shadowed(h history.History, mode spec.Mode, desired int) history.History {
	if mode == spec.Observe {
		h.Shadow = &desired
	}
	return h
}

func decideGroup(now time.Time, in Input, services []ServiceDecision) GroupDecision {
	g := *in.Group
	mode := spec.Least(in.Mode, g.Policy.Mode)
	if in.Unreadable != "" {
		steps := history.Begin(0)
		steps.To(0, history.Unreadable, in.Unreadable)
		return GroupDecision{Group: in.Cell.Group, Mode: mode, Result: heldGroup(capacity.Result{}, steps), Next: g.History}
	}
	if in.Fleet.Group == nil {
		steps := history.Begin(0)
		steps.To(0, history.NotFound, fmt.Sprintf("EC2 Auto Scaling knows no group %s: remove it from the policy or create it", in.Cell.Group))
		return GroupDecision{Group: in.Cell.Group, Mode: mode, Result: heldGroup(capacity.Result{}, steps), Next: g.History}
	}
	if ps := g.Policy.Validate(); len(ps) > 0 {
		live := in.Fleet.Group.DesiredCapacity
		steps := history.Begin(live)
		steps.To(live, history.InvalidPolicy, invalidWords(ps))
		return GroupDecision{Group: in.Cell.Group, Mode: mode, Result: heldGroup(capacity.Result{Live: live, Base: live}, steps), Next: g.History}
	}
	g.History = given(mode, g.History)
	r := capacity.Decide(groupInput(now, in, g, mode, services))
	if rule, because, closed := groupGate(now, in, g, mode, r); closed {
		undo := r.Undo
		steps := history.Resume(r.Base, r.Desired, r.Clauses)
		steps.To(r.Base, rule, because)
		r = heldGroup(r, steps)
		if rule == history.ScaleOutSuspended {
			r.Undo = undo // what is there already may stay
		}
	}
	r.Clauses = append(r.Clauses, ownerNote(g.Owner, mode, r.Desired)...)
	return remembered(now, in, g, GroupDecision{Group: in.Fleet.Group.Name, Mode: mode, Result: r, Next: g.History})
}

// remembered adds what the group remembers after the decision: its order, or the
// drains as one, which charge the budget when they begin; and what was learnt.
func remembered(now time.Time, in Input, g GroupInput, d GroupDecision) GroupDecision {
	to := d.Desired - len(d.Drains)
	switch {
	case to != d.Base:
		d.Next = shadowed(g.History.With(history.Order{At: now, From: d.Base, To: to}, nil), d.Mode, to)
	case !d.Worth || in.Lease != nil || in.Stop:
		return d
	default:
		d.Learnt = true
	}
	d.Next.Capacity = &d.Memory
	return d
}

// groupInput gives what the capacity of the cell's group depends on.
func groupInput(now time.Time, in Input, g GroupInput, mode spec.Mode, services []ServiceDecision) capacity.Input {
	live := *in.Fleet.Group
	base := live.DesiredCapacity
	if g.History.Shadow != nil {
		// A shadow below the live capacity is what observe mode would have removed, where
		// its last order removed; else whoever sizes the group has gone further.
		base = max(base, *g.History.Shadow)
		if o, ok := g.History.Last(); ok && o.To < o.From {
			base = *g.History.Shadow
		}
	}
	c := capacity.Input{
		Now: now, Group: live, Policy: g.Policy, Overrides: g.Overrides, Memory: g.History, Base: base,
		Instances: instancesOf(in.Fleet, live.Name), Services: in.Landing(), Daemons: daemons(in),
		Tasks: in.tasks(), TasksRead: in.Fleet.TasksRead, TasksUnread: in.Fleet.TasksUnread,
		Drains: in.Drains, Failed: in.Failed, Doomed: in.Doomed, Observing: mode != spec.Act,
	}
	ordered := orders(services, mode)
	c.Waiting = waiting(in.Fleet.Services, in.tasks(), ordered, in.leaving())
	for _, d := range services {
		if d.Direction == history.Out && (d.Mode == spec.Act || mode == spec.Observe) {
			c.Growing = append(c.Growing, d.Service)
		}
	}
	if p := in.Fallback; p.known() {
		c.Fallback = in.partnerInput(now, *p)
		c.Fallback.Services = landing(p.Services, in.Fleet.Services)
	}
	if p := in.Primary; p.known() {
		c.Primary = in.partnerInput(now, *p)
		for _, s := range p.Services {
			if p.Ordered[s.Name] > s.Desired && capacity.Roams(s) {
				c.Growing = append(c.Growing, s.Name)
			}
		}
	}
	return c
}

// Standing gives what the capacity of the cell's group depends on at now, with the
// services as they are and none of them decided: for a drain, which must fit into what
// runs.
func (in Input) Standing(now time.Time) (capacity.Input, bool) {
	return in.capacityInput(now, func() []ServiceDecision { return nil })
}

// GroupInput gives what the capacity of the cell's group depends on at now, with the
// services as they are decided: for whoever asks more of it than a decision, such as
// why an instance stays.
func (in Input) GroupInput(now time.Time) (capacity.Input, bool) {
	return in.capacityInput(now, func() []ServiceDecision { return Decide(now, in).Services })
}

func (in Input) capacityInput(now time.Time, services func() []ServiceDecision) (capacity.Input, bool) {
	if in.Group == nil || in.Fleet.Group == nil || in.Unreadable != "" {
		return capacity.Input{}, false
	}
	g := *in.Group
	mode := spec.Least(in.Mode, g.Policy.Mode)
	g.History = given(mode, g.History)
	return groupInput(now, in, g, mode, services()), true
}

func groupGate(now time.Time, in Input, g GroupInput, mode spec.Mode, r capacity.Result) (rule, because string, closed bool) {
	if in.Stop {
		return history.GlobalStop, stopWords(in), true
	}
	if in.Lease != nil {
		return history.OrderInFlight, leaseWords(*in.Lease), true
	}
	for _, o := range g.Overrides {
		because := fmt.Sprintf("%s by %s until %s (%s)", o.Kind, o.By, o.Until.UTC().Format(time.RFC3339), o.Why)
		switch {
		case o.Live(now) && o.Kind == spec.Pause:
			return history.Paused, because, true
		case o.Live(now) && o.Kind == spec.SuspendOut && len(r.Drains) == 0 && r.Desired >= r.Base:
			return history.ScaleOutSuspended, because, true
		}
	}
	return ownerGate(g.Owner, mode)
}

func heldGroup(r capacity.Result, steps *history.Steps) capacity.Result {
	r.Clauses = steps.EndAtLast()
	last := r.Clauses[len(r.Clauses)-1]
	r.Desired, r.Direction = steps.Count(), steps.Direction()
	r.Reason, r.Because = last.Rule, last.Because
	r.Drains, r.Undo, r.Looking = nil, nil, false
	return r
}

func instancesOf(s fleet.Snapshot, g fleet.GroupName) []fleet.Instance {
	out := make([]fleet.Instance, 0, len(s.Instances))
	for _, i := range s.Instances {
		if i.Group == g {
			out = append(out, i)
		}
	}
	return out
}

// daemons is what one task of every DAEMON service takes that lands on the group.
func daemons(in Input) fleet.Resources { return daemonsOf(in.Landing()) }

func daemonsOf(services []fleet.Service) fleet.Resources {
	var sum fleet.Resources
	for _, v := range services {
		if v.Daemon && v.Active {
			sum = sum.Plus(v.TaskSize)
		}
	}
	return sum
}

// surge is the task beyond the desired count that a rolling deployment needs room for
// where it may stop none of the old ones first: on a full group it would stand still.
// With room for one it goes on, task by task.
func surge(s fleet.Service) int {
	p, ok := s.Primary()
	least, most := s.Bounds()
	if !ok || len(s.Deployments) < 2 || p.Running+p.Pending >= p.Desired || p.Pending > 0 || least < s.Desired || most <= s.Desired {
		return 0
	}
	return max(0, min(1, most-s.Running-s.Pending)) + max(0, s.Running+s.Pending-s.Desired)
}

// orders are the desired counts that a decision gives services. A group that acts
// looks at what services that only observe really are, not at what they would be.
func orders(services []ServiceDecision, mode spec.Mode) map[fleet.ServiceName]int {
	out := make(map[fleet.ServiceName]int, len(services))
	for _, d := range services {
		if d.Mode == spec.Act || mode == spec.Observe {
			out[d.Service] = d.Desired
		}
	}
	return out
}

// waiting counts the tasks of services, ours or not, that will need a place:
// max(live, ordered) less those that ECS has placed on instances that stay.
func waiting(services []fleet.Service, tasks []fleet.Task, ordered map[fleet.ServiceName]int, leaving map[fleet.InstanceID]bool) []placement.Item {
	going := map[fleet.ServiceName]int{}
	for _, t := range tasks {
		if leaving[t.Instance] && !t.Leaving {
			going[t.Service]++
		}
	}
	var out []placement.Item
	for _, live := range services {
		if live.Daemon || !live.Active {
			continue
		}
		n := max(live.Desired, ordered[live.Name])
		if n += surge(live) - live.Running - live.Pending + going[live.Name]; n > 0 {
			out = append(out, placement.Item{Name: string(live.Name), Size: live.TaskSize, Rules: live.Rules, Count: n})
		}
	}
	return out
}
