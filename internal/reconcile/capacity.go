package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// errNotWired is what a hand that was not given answers.
var errNotWired = errors.New("no reader of tasks and activities is wired")

// openDrains are the removals of a group's instances that are not closed.
func openDrains(rows ledger.Cluster, g fleet.GroupName) []drain.Row {
	var out []drain.Row
	for _, d := range rows.Drains {
		if d.Group == g && !d.State.Closed() {
			out = append(out, d.Row)
		}
	}
	return out
}

// failedDrains are the removals of a group that were given back since they took too long.
func failedDrains(rows ledger.Cluster, g fleet.GroupName) []drain.Row {
	var out []drain.Row
	for _, d := range rows.Drains {
		if d.Group == g && d.State == drain.Undone && d.Fails > 0 {
			out = append(out, d.Row)
		}
	}
	return out
}

// doomed are the instances of a group that a notice names.
func doomed(named []fleet.InstanceID, is []fleet.Instance) []fleet.InstanceID {
	var out []fleet.InstanceID
	for _, id := range named {
		if slices.ContainsFunc(is, func(i fleet.Instance) bool { return i.ID == id }) {
			out = append(out, id)
		}
	}
	return out
}

// probe reads of each group what matters only at times: the tasks on instances while
// some are on their way out, and the launches while the group is behind.
func (s *Stair) probe(ctx context.Context, now time.Time, cells []policy.Input) {
	read, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	for i := range cells {
		in := &cells[i]
		if in.Group == nil || in.Fleet.Group == nil || in.Unreadable != "" {
			continue
		}
		if in.Leaves() {
			s.readTasks(read, in)
		}
		s.readLaunches(read, now, in.Fleet.Group, in.Group.History, in.Fallback != nil)
	}
}

// behindFor is how long after a raise a group may be behind before its launches are
// looked at: Auto Scaling takes a moment to begin.
const behindFor = 45 * time.Second

// launchesOf is how far back launches are read.
const launchesOf = 3 * time.Hour

// readLaunches asks for the failed launches of a group that is behind its desired
// capacity or was: an event that tells of one may never come. What cannot be read
// leaves what is remembered. At once is for a group for which another can take over:
// nothing is waited for, since an event may have told.
func (s *Stair) readLaunches(ctx context.Context, now time.Time, g *fleet.Group, h history.History, atOnce bool) {
	m := capacity.Known(h)
	last, _ := h.Last()
	behind := len(g.InService) < g.DesiredCapacity && (now.Sub(last.At) >= behindFor || atOnce)
	if s.Activities == nil || !behind && m.Failures == 0 {
		return
	}
	since := now.Add(-launchesOf)
	if m.FailedAt.After(since) {
		since = m.FailedAt
	}
	failed, launched, err := s.Activities.Failures(ctx, g.Name, since)
	if err != nil {
		return
	}
	g.Failures, g.Launched = failed, launched
}

func (s *Stair) readTasks(ctx context.Context, in *policy.Input) {
	if in.Fleet.TasksRead {
		return
	}
	if s.Hosts == nil {
		in.Fleet.TasksUnread = errNotWired.Error()
		return
	}
	tasks, err := s.Hosts.Tasks(ctx, in.Cell.Cluster, instances(*in))
	if err != nil {
		in.Fleet.TasksUnread = err.Error()
		return
	}
	takeTasks(in, tasks)
}

// inspect reads the tasks on a group's instances where the decision says that some of
// them may go, and decides again: task by task reads are made only then.
func (s *Stair) inspect(ctx context.Context, now time.Time, c cell) cell {
	if g := c.decision.Group; g == nil || !g.Looking {
		return c
	}
	s.deepen(ctx, &c)
	c.decision = policy.Decide(now, c.in)
	return c
}

// deepen reads what only a removal needs to know: the tasks, and whether the group is
// being refreshed.
func (s *Stair) deepen(ctx context.Context, c *cell) {
	if c.in.Fleet.Group == nil {
		return
	}
	read, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	s.readTasks(read, &c.in)
	if c.in.Fleet.TasksRead && s.Activities != nil {
		group := *c.in.Fleet.Group
		refreshing, err := s.Activities.Refreshing(read, group.Name)
		if err != nil {
			takeTasks(&c.in, nil)
			c.in.Fleet.TasksRead = false
			c.in.Fleet.TasksUnread = "whether an instance refresh is under way is not known: " + err.Error()
		}
		group.Refreshing = refreshing
		c.in.Fleet.Group = &group
	}
}

// leaves are the instances that a change drains.
func (ch change) leaves() []fleet.InstanceID {
	var out []fleet.InstanceID
	for _, d := range ch.drains {
		out = append(out, d.Instance)
	}
	return out
}

// opened tells whether every drain of an intent is in the ledger.
func opened(rows ledger.Cluster, i ledger.Intent) bool {
	for _, id := range i.Drains {
		if d := rows.Drain(id); d.Generation == 0 || d.Opened.Before(i.At) {
			return false
		}
	}
	return true
}

// begun tells whether any drain of an intent is in the ledger.
func begun(rows ledger.Cluster, i ledger.Intent) bool {
	return slices.ContainsFunc(i.Drains, func(id fleet.InstanceID) bool {
		d := rows.Drain(id)
		return d.Generation > 0 && !d.Opened.Before(i.At)
	})
}

// drains writes the rows of the removals that a change opens or gives back. The drain
// function does the rest: it alone may touch instances.
func (s *Stair) drains(ctx context.Context, rows ledger.Cluster, claim ledger.Claim, ch change) error {
	if len(ch.drains)+len(ch.undo) == 0 {
		return nil
	}
	if s.Drains == nil {
		return errNotWired
	}
	at := claim.Entries[0].Intent.At
	var errs []error
	for _, r := range ch.drains {
		row := opening(at, rows, ch, r)
		row.By = claim.ID
		old := rows.Drain(r.Instance)
		row.Fails = old.Fails
		errs = append(errs, s.Drains.WriteDrain(ctx, ledger.Drain{Generation: old.Generation, Row: row}))
	}
	for _, id := range ch.undo {
		d := rows.Drain(id)
		if d.Generation == 0 || d.State.Closed() {
			continue
		}
		d.Row = GiveBack(at, d.Row, "its room is needed: "+ch.because)
		errs = append(errs, s.Drains.WriteDrain(ctx, d))
	}
	for i, err := range errs {
		if errors.Is(err, ledger.ErrConflict) {
			errs[i] = nil // moved by the drain function meanwhile: the next look decides anew
		}
	}
	if err := errors.Join(errs...); err != nil {
		// Some may be written: the intent stays open, and whoever heals it sees which.
		return fmt.Errorf("write the drains of %s: %v", ch.target, err) //nolint:errorlint // a refusal of one is none of the order
	}
	return nil
}

// opening is the first row of a removal.
func opening(at time.Time, rows ledger.Cluster, ch change, r capacity.Removal) drain.Row {
	row := drain.Row{
		Cluster: ch.target.Cluster, Group: fleet.GroupName(ch.target.Name), Instance: r.Instance, ARN: r.ARN,
		Cause: r.Cause, Because: ch.because,
	}
	var g spec.Group
	if p := rows.Row(ch.target).Policy; p != nil && p.Group != nil {
		g = *p.Group
	}
	return Begin(at, g, row)
}
