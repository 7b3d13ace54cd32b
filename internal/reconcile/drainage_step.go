package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// rounds bounds how often one run looks at a group: what is ordered of an empty
// instance can be seen to be done at once.
const rounds = 3

// group advances the removals of one group, each by the steps that the world allows now.
func (d *Drainage) group(ctx context.Context, b bed, ev event.Event, rep *Report) error {
	var errs []error
	for round := range rounds {
		w, err := d.see(ctx, b)
		if err != nil {
			if w != nil && !ev.DryRun {
				errs = append(errs, w.prolong(ctx))
			}
			return errors.Join(append(errs, err)...)
		}
		if round == 0 {
			if err := w.begin(ctx, b, ev, rep); err != nil {
				return err
			}
		}
		acted, err := w.advance(ctx, ev.DryRun, rep)
		errs = append(errs, err)
		if acted && err == nil && !ev.DryRun && !late(ctx, d.Now()) {
			continue
		}
		if round == 0 && !ev.DryRun && (ev.Kind == event.Tick || ev.Kind == event.TickAll) {
			errs = append(errs, w.protect(ctx))
		}
		break
	}
	return errors.Join(errs...)
}

// begin begins what the event calls for, in a group that is ours to size.
func (w *ward) begin(ctx context.Context, b bed, ev event.Event, rep *Report) error {
	b, err := w.owned(ctx, b, rep)
	if err != nil {
		return err
	}
	return w.enter(b, ev.DryRun)
}

// ward is one group as a run sees it, with its removals.
type ward struct {
	*Drainage
	now  time.Time
	rows ledger.Cluster
	in   policy.Input
	open []ledger.Drain // the ones that are not closed, oldest first
	// hold is why the group's removals may not go on, recall why each is taken back.
	hold   string
	recall map[fleet.InstanceID]string
	// waits is why one of them waits where the others need not.
	waits map[fleet.InstanceID]string
	// touched are those to which the event has added something that is to be kept.
	touched map[fleet.InstanceID]bool
	ended   int // ends ordered in this round
}

// see reads the group with all that lands on it.
func (d *Drainage) see(ctx context.Context, b bed) (*ward, error) {
	rows, err := d.Book.Read(ctx, b.cluster)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	now := d.Now()
	eyes := &Stair{Book: d.Book, Services: d.Services, Groups: d.Groups, Activities: d.Activities, Hosts: d.Hosts, Now: d.Now, Mode: d.Mode}
	sc := scope{cluster: b.cluster, rows: rows, groups: []fleet.GroupName{b.group}}
	w := &ward{Drainage: d, now: now, rows: rows, recall: map[fleet.InstanceID]string{}, waits: map[fleet.InstanceID]string{}, touched: map[fleet.InstanceID]bool{}}
	w.in.Cell = fleet.Cell{Cluster: b.cluster, Group: b.group}
	for _, r := range rows.Drains {
		if r.Group == b.group && !r.State.Closed() {
			w.open = append(w.open, r)
		}
	}
	slices.SortStableFunc(w.open, func(a, b ledger.Drain) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.Instance, b.Instance))
	})
	world, err := eyes.look(ctx, sc)
	if err != nil {
		return w, err
	}
	w.in = eyes.housed(now, sc, world, b.group)
	if w.in.Unreadable != "" {
		return w, errors.New(w.in.Unreadable)
	}
	c := cell{in: w.in}
	eyes.deepen(ctx, &c)
	w.in = c.in
	if w.in.Fleet.Group != nil && w.in.Group != nil {
		read, cancel := context.WithTimeout(ctx, readWithin)
		defer cancel()
		eyes.readLaunches(read, now, w.in.Fleet.Group, w.in.Group.History, w.in.Fallback != nil)
		eyes.readPrimary(read, now, w.in)
	}
	return w, nil
}

// acting tells whether the group's removals may be carried out.
func (w *ward) acting() bool {
	return w.in.Group != nil && spec.Least(w.Mode, w.in.Group.Policy.Mode) == spec.Act
}

// owned refuses to begin a removal in a group that somebody else sizes, but for one that
// Auto Scaling has begun itself.
func (w *ward) owned(ctx context.Context, b bed, rep *Report) (bed, error) {
	if b.open == nil || b.open.Cause == drain.Lifecycle || !w.acting() {
		return b, nil
	}
	o, err := w.Owners.Group(ctx, b.cluster, b.group, true)
	if o = known(o, err); o.Kind == "" && !o.Unknown {
		return b, nil
	}
	if b.open.Cause == drain.Manual {
		return b, fmt.Errorf("drain instance %s: group %s is not ours to size: %s %s", b.open.Instance, b.group, o.Kind, o.Detail)
	}
	rep.Unmatched = append(rep.Unmatched, fmt.Sprintf("instance %s of group %s, which %s sizes", b.open.Instance, b.group, o.Kind))
	b.open = nil
	return b, nil
}

// enter begins the removal that the event calls for, or takes one back. The new row
// is written with its first step.
func (w *ward) enter(b bed, dryRun bool) error {
	if b.undo != "" {
		i := slices.IndexFunc(w.open, func(d ledger.Drain) bool { return d.Instance == b.undo })
		if i < 0 {
			return fmt.Errorf("give instance %s back: it is not being drained", b.undo)
		}
		if w.open[i].State == drain.Terminating {
			return fmt.Errorf("give instance %s back: its end is ordered already", b.undo)
		}
		w.open[i].Row = GiveBack(w.now, w.open[i].Row, "a person gives it back")
		return nil
	}
	if b.open == nil {
		return nil
	}
	if !w.acting() && !dryRun {
		if b.open.Cause != drain.Manual {
			return nil // what AWS says is no order: observe mode leaves it
		}
		return fmt.Errorf("drain instance %s: group %s is in observe mode: set mode act in its policy, in the file and in the function", b.open.Instance, b.group)
	}
	row := Begin(w.now, w.in.Group.Policy, *b.open)
	old := w.rows.Drain(row.Instance)
	if i := slices.IndexFunc(w.open, func(d ledger.Drain) bool { return d.Instance == row.Instance }); i >= 0 {
		return w.join(i, row)
	}
	w.touched[row.Instance] = true
	w.open = append(w.open, ledger.Drain{Generation: old.Generation, Row: row})
	w.in.Drains = append(w.in.Drains, row)
	return nil
}

// join adds to a removal under way what the event tells of it: that a hook waits, or
// that EC2 takes the instance whatever we decide.
func (w *ward) join(i int, row drain.Row) error {
	open := &w.open[i]
	w.touched[row.Instance] = true
	switch {
	case row.Cause == drain.Lifecycle && (open.Hook == nil || open.Hook.Token != row.Hook.Token):
		open.Hook = row.Hook
		if row.Deadline.After(open.Deadline) {
			open.Deadline = row.Deadline
		}
	case row.Cause == drain.Spot && !open.Cause.Forced():
		open.Cause, open.Deadline, open.Because = row.Cause, row.Deadline, row.Because
	case row.Cause == drain.Manual:
		return fmt.Errorf("drain instance %s: it is being removed already (%s, %s)", row.Instance, open.Cause, open.State)
	}
	return nil
}

// abandon gives back what was begun for a group whose policy is gone or observes now:
// nobody else would make its instances ACTIVE again.
func (w *ward) abandon() {
	for _, r := range w.open {
		w.recall[r.Instance] = "its group has no policy in act mode any more"
	}
}

// prolong keeps the waits of hooks alive while the world cannot be read: one that runs
// into its timeout ends the instance with its tasks.
func (w *ward) prolong(ctx context.Context) error {
	if w.Mode != spec.Act {
		return nil
	}
	var steps []moving
	for _, r := range w.open {
		if m := (moving{old: r, step: drain.Prolong(w.now, r.Row)}); m.step.Changed {
			steps = append(steps, m)
		}
	}
	_, err := w.carryOut(ctx, steps, &Report{})
	return err
}

// judge asks anew what spoke for the removals when they were chosen.
func (w *ward) judge() {
	w.hold = holdOf(w.now, w.in)
	in, ok := w.in.Standing(w.now)
	if !ok {
		return
	}
	w.ration(in)
	for _, id := range capacity.Decide(in).Undo {
		w.recall[id] = "its room is needed for tasks without a place"
	}
	w.verify()
}

// ration makes the ends of what EC2 gave notice of wait for the budget. They are drained
// whatever it says, and EC2 takes the instances it meant; but words without authority
// must not lower the group as far as they like.
func (w *ward) ration(in capacity.Input) {
	left, words := capacity.Left(in)
	for _, r := range w.open {
		if r.Cause != drain.Spot && r.Cause != drain.Rebalance || r.State != drain.Draining {
			continue
		}
		if left--; left < 0 {
			w.waits[r.Instance] = words
		}
	}
}

// verify asks of every candidate, the oldest first, whether its tasks still fit on
// the instances that stay.
func (w *ward) verify() {
	// The tasks of the candidates are on their instances still.
	standing := w.in
	standing.Drains = slices.DeleteFunc(slices.Clone(w.in.Drains), func(r drain.Row) bool {
		return r.State == drain.Candidate && !r.Cause.Forced()
	})
	in, ok := standing.Standing(w.now)
	if !ok {
		return
	}
	var taken []fleet.InstanceID
	for _, c := range w.open {
		if c.State != drain.Candidate || c.Cause.Forced() || c.Cause == drain.Manual {
			continue
		}
		why := capacity.Fits(in, append(taken, c.Instance))
		switch {
		case why == "":
			taken = append(taken, c.Instance)
		case c.Cause == drain.Rebalance: // other capacity is on its way, and it is no hurry yet
			w.waits[c.Instance] = "its tasks have no other place yet: " + why
		default:
			w.recall[c.Instance] = "its tasks fit on the others no more: " + why
		}
	}
}

// advance takes each removal one step further and tells whether anything was done.
func (w *ward) advance(ctx context.Context, dryRun bool, rep *Report) (acted bool, err error) {
	if w.Mode != spec.Act && !dryRun {
		return false, nil // the function's role can do nothing of it
	}
	if w.acting() || dryRun {
		w.judge()
	} else {
		w.abandon()
	}
	var steps, ends []moving
	for _, row := range w.open {
		m := moving{old: row, step: drain.Advance(w.now, row.Row, w.seen(row.Row))}
		if slices.Contains(m.step.Acts, drain.Terminate) {
			ends = append(ends, m)
			w.ended++
			continue
		}
		steps = append(steps, m)
	}
	if dryRun {
		for _, m := range append(steps, ends...) {
			rep.Drains = append(rep.Drains, m.report(nil))
		}
		return false, nil
	}
	acted, err = w.carryOut(ctx, steps, rep)
	if len(ends) == 0 {
		return acted, err
	}
	return true, errors.Join(err, w.end(ctx, ends, rep))
}

// moving is a removal and its next step.
type moving struct {
	old  ledger.Drain
	step drain.Step
}

func (m moving) report(err error) DrainReport {
	r := DrainReport{Row: m.step.Next, Acts: m.step.Acts, Now: m.step.Because}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// carryOut writes each row and then does its acts: those of ECS first, for many
// instances in one call.
func (w *ward) carryOut(ctx context.Context, steps []moving, rep *Report) (acted bool, err error) {
	errs := make([]error, len(steps), len(steps)+2)
	written := make([]bool, len(steps))
	var drained, woken []fleet.Instance
	for i, m := range steps {
		if m.step.Changed || w.touched[m.old.Instance] {
			written[i], errs[i] = w.write(ctx, m)
		}
		if !written[i] {
			continue
		}
		at := fleet.Instance{ID: m.old.Instance, ARN: m.step.Next.ARN}
		if slices.Contains(m.step.Acts, drain.SetDraining) {
			drained = append(drained, at)
		}
		if slices.Contains(m.step.Acts, drain.SetActive) {
			woken = append(woken, at)
		}
		// What moved on may have a next step at once, such as the end of a hook's wait for
		// an instance that is DRAINING and empty already.
		next := m.step.Next.State
		acted = acted || len(m.step.Acts) > 0 || next != m.old.State && !next.Closed()
	}
	both := []error{w.setDraining(ctx, drained, true), w.setDraining(ctx, woken, false)}
	for i, m := range steps {
		if written[i] {
			errs[i] = errors.Join(errs[i], w.others(ctx, m))
		}
		r := m.report(errs[i])
		if m.step.Changed && !written[i] && errs[i] == nil {
			r = DrainReport{Row: m.old.Row, Now: "another run has moved it: the next look goes on from there"}
		}
		rep.Drains = append(rep.Drains, r)
	}
	return acted, errors.Join(append(errs, both...)...)
}

// others does the acts of a step but those that go together with those of others.
func (w *ward) others(ctx context.Context, m moving) error {
	var errs []error
	for _, a := range m.step.Acts {
		errs = append(errs, w.do(ctx, a, m.step.Next))
	}
	return errors.Join(errs...)
}

func (w *ward) setDraining(ctx context.Context, is []fleet.Instance, draining bool) error {
	if len(is) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledger.ActWithin-ledger.ActMargin)
	defer cancel()
	return w.Hosts.SetDraining(ctx, w.in.Cell.Cluster, is, draining)
}

// write stores the row of a step. Whoever cannot does none of its acts: another run has it.
func (w *ward) write(ctx context.Context, m moving) (bool, error) {
	err := w.Drains.WriteDrain(ctx, ledger.Drain{Generation: m.old.Generation, Row: m.step.Next})
	if errors.Is(err, ledger.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write the drain of %s: %w", m.old.Instance, err)
	}
	return true, nil
}

// seen is what the world shows of the instance of a row.
func (w *ward) seen(r drain.Row) drain.Seen {
	s := seenOf(w.in, r)
	s.Hold, s.Recall, s.Others, s.Ending = cmp.Or(w.hold, w.waits[r.Instance]), w.recall[r.Instance], others(w.in.Drains, r.Instance), w.ended
	return s
}

// do does an act of Auto Scaling for one instance.
func (w *ward) do(ctx context.Context, a drain.Act, r drain.Row) error {
	ctx, cancel := context.WithTimeout(ctx, ledger.ActWithin-ledger.ActMargin)
	defer cancel()
	ids := []fleet.InstanceID{r.Instance}
	switch a {
	case drain.Unprotect:
		return w.Exits.Protect(ctx, r.Group, ids, false)
	case drain.Heartbeat:
		return w.Exits.Heartbeat(ctx, r.Group, r.Instance, *r.Hook)
	case drain.Complete:
		if r.Hook == nil {
			return nil
		}
		return w.Exits.Complete(ctx, r.Group, r.Instance, *r.Hook)
	case drain.SetDraining, drain.SetActive, drain.Terminate: // for many instances at once
	}
	return nil
}

// protect keeps the scale-in protection of the group honest.
func (w *ward) protect(ctx context.Context) error {
	if !w.acting() || !w.in.Group.Policy.ScaleIn.ManageProtection || w.hold != "" {
		return nil
	}
	in, ok := w.in.Standing(w.now)
	if !ok {
		return nil
	}
	on, off := capacity.Protection(in)
	var errs []error
	for _, x := range []struct {
		ids []fleet.InstanceID
		on  bool
	}{{on, true}, {off, false}} {
		if len(x.ids) > 0 {
			errs = append(errs, w.Exits.Protect(ctx, w.in.Cell.Group, x.ids, x.on))
		}
	}
	return errors.Join(errs...)
}
