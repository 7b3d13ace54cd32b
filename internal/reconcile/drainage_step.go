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
			return errors.Join(append(errs, err)...)
		}
		if round == 0 {
			if err := w.enter(b, ev.DryRun); err != nil {
				return err
			}
		}
		acted, err := w.advance(ctx, ev.DryRun, rep)
		errs = append(errs, err)
		if !acted || err != nil || ev.DryRun || d.late(ctx) {
			if round == 0 && !ev.DryRun && (ev.Kind == event.Tick || ev.Kind == event.TickAll) {
				errs = append(errs, w.protect(ctx))
			}
			break
		}
	}
	return errors.Join(errs...)
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
	ended  int // ends ordered in this round
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
	world, err := eyes.look(ctx, sc)
	if err != nil {
		return nil, err
	}
	w := &ward{Drainage: d, now: now, rows: rows, recall: map[fleet.InstanceID]string{}}
	for _, in := range eyes.assemble(now, sc, world) {
		if in.Cell.Group == b.group {
			w.in = in
		}
	}
	if w.in.Unreadable != "" {
		return nil, errors.New(w.in.Unreadable)
	}
	for _, r := range rows.Drains {
		if r.Group == b.group && !r.State.Closed() {
			w.open = append(w.open, r)
		}
	}
	slices.SortStableFunc(w.open, func(a, b ledger.Drain) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.Instance, b.Instance))
	})
	c := cell{in: w.in}
	eyes.deepen(ctx, &c)
	w.in = c.in
	if w.in.Fleet.Group != nil {
		read, cancel := context.WithTimeout(ctx, readWithin)
		defer cancel()
		eyes.readLaunches(read, now, &w.in)
	}
	return w, nil
}

// acting tells whether the group's removals may be carried out.
func (w *ward) acting() bool {
	return w.in.Group != nil && spec.Least(w.Mode, w.in.Group.Policy.Mode) == spec.Act
}

// enter begins the removal that the event calls for, or takes one back. The new row
// is written with its first step.
func (w *ward) enter(b bed, dryRun bool) error {
	if b.undo != "" {
		i := slices.IndexFunc(w.open, func(d ledger.Drain) bool { return d.Instance == b.undo })
		if i < 0 {
			return fmt.Errorf("give instance %s back: it is not being drained", b.undo)
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
	w.open = append(w.open, ledger.Drain{Generation: old.Generation, Row: row})
	w.in.Drains = append(w.in.Drains, row)
	return nil
}

// join adds to a removal under way what the event tells of it: that a hook waits, or
// that EC2 takes the instance whatever we decide.
func (w *ward) join(i int, row drain.Row) error {
	open := &w.open[i]
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

// judge asks anew what spoke for the removals when they were chosen.
func (w *ward) judge() {
	w.hold = holdOf(w.now, w.in)
	in, ok := w.in.Standing(w.now)
	if !ok {
		return
	}
	for _, id := range capacity.Decide(in).Undo {
		w.recall[id] = "its room is needed for tasks without a place"
	}
	w.verify(in)
}

// verify asks of every candidate, the oldest first, whether its tasks still fit on
// the instances that stay.
func (w *ward) verify(in capacity.Input) {
	all := in.Drains
	var taken []fleet.InstanceID
	for _, c := range w.open {
		if c.State != drain.Candidate || c.Cause.Forced() || c.Cause == drain.Manual {
			continue
		}
		in.Drains = slices.DeleteFunc(slices.Clone(all), func(r drain.Row) bool {
			return r.State == drain.Candidate && !r.Cause.Forced()
		})
		// The tasks of the other candidates are on their instances still.
		in.Waiting = nil
		if why := capacity.Fits(in, append(taken, c.Instance)); why != "" && c.Cause != drain.Rebalance {
			w.recall[c.Instance] = "its tasks fit on the others no more: " + why
			continue
		}
		taken = append(taken, c.Instance)
	}
}

// advance takes each removal one step further and tells whether anything was done.
func (w *ward) advance(ctx context.Context, dryRun bool, rep *Report) (acted bool, err error) {
	if w.in.Group == nil || !w.acting() && !dryRun {
		return false, nil
	}
	w.judge()
	var errs []error
	var ends []ending
	for _, row := range w.open {
		st := drain.Advance(w.now, row.Row, w.seen(row.Row))
		if slices.Contains(st.Acts, drain.Terminate) {
			ends = append(ends, ending{old: row, step: st})
			w.ended++
			continue
		}
		r := DrainReport{Row: st.Next, Acts: st.Acts, Now: st.Because}
		if !dryRun && (st.Changed || !equalRow(row.Row, st.Next) || row.Generation == 0) {
			err := w.carryOut(ctx, row, st)
			if err != nil {
				r.Error = err.Error()
				errs = append(errs, err)
			}
			// What moved on may have a next step at once, such as the end of a hook's wait
			// for an instance that is DRAINING and empty already.
			acted = acted || len(st.Acts) > 0 || st.Next.State != row.State && !st.Next.State.Closed()
		}
		rep.Drains = append(rep.Drains, r)
	}
	if len(ends) == 0 {
		return acted, errors.Join(errs...)
	}
	if dryRun {
		for _, e := range ends {
			rep.Drains = append(rep.Drains, DrainReport{Row: e.step.Next, Acts: e.step.Acts, Now: e.step.Because})
		}
		return acted, errors.Join(errs...)
	}
	return true, errors.Join(append(errs, w.end(ctx, ends, rep))...)
}

func equalRow(a, b drain.Row) bool {
	return a.Hook == b.Hook && a.State == b.State && a.Cause == b.Cause
}

// seen is what the world shows of the instance of a row.
func (w *ward) seen(r drain.Row) drain.Seen {
	s := seenOf(w.in, r)
	s.Hold, s.Recall, s.Others, s.Ending = w.hold, w.recall[r.Instance], others(w.in.Drains, r.Instance), w.ended
	return s
}

// carryOut writes the row and then does its acts. Whoever cannot write it does none.
func (w *ward) carryOut(ctx context.Context, old ledger.Drain, st drain.Step) error {
	err := w.Drains.WriteDrain(ctx, ledger.Drain{Generation: old.Generation, Row: st.Next})
	if errors.Is(err, ledger.ErrConflict) {
		return nil // another run has it
	}
	if err != nil {
		return fmt.Errorf("write the drain of %s: %w", old.Instance, err)
	}
	var errs []error
	for _, a := range st.Acts {
		if err := w.do(ctx, a, st.Next); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", a, old.Instance, err))
		}
	}
	return errors.Join(errs...)
}

func (w *ward) do(ctx context.Context, a drain.Act, r drain.Row) error {
	ctx, cancel := context.WithTimeout(ctx, ledger.ActWithin-ledger.ActMargin)
	defer cancel()
	ids := []fleet.InstanceID{r.Instance}
	switch a {
	case drain.SetDraining, drain.SetActive:
		return w.Hosts.SetDraining(ctx, r.Cluster, []fleet.Instance{{ID: r.Instance, ARN: r.ARN}}, a == drain.SetDraining)
	case drain.Unprotect:
		return w.Exits.Protect(ctx, r.Group, ids, false)
	case drain.Heartbeat:
		return w.Exits.Heartbeat(ctx, r.Group, r.Instance, *r.Hook)
	case drain.Complete:
		if r.Hook == nil {
			return nil
		}
		return w.Exits.Complete(ctx, r.Group, r.Instance, *r.Hook)
	case drain.Terminate: // by end, together with the others
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
