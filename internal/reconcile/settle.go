package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// cell is one decided cell.
type cell struct {
	in       policy.Input
	decision policy.Decision
}

// own adds to a decided cell who else writes its targets, and decides again.
// It is asked only when there is something to order, or a person wants to see
// it: a calm fleet costs no such reads. Before an order in act mode the answer
// is read past the cache.
func (s *Stair) own(ctx context.Context, now time.Time, sc scope, c cell) cell {
	if !sc.manual && len(c.changes(sc.rows)) == 0 {
		return c
	}
	s.askOwners(ctx, &c, sc, false)
	c.decision = policy.Decide(now, c.in)
	if sc.dryRun || len(c.changes(sc.rows)) == 0 {
		return c
	}
	s.askOwners(ctx, &c, sc, true)
	c.decision = policy.Decide(now, c.in)
	return c
}

// askOwners puts the answers into the input of the cell.
func (s *Stair) askOwners(ctx context.Context, c *cell, sc scope, fresh bool) {
	for _, d := range c.decision.Services {
		// A person wants to know of what was named; a group's cell has hundreds beside it.
		asked := sc.manual && !fresh && slices.Contains(sc.services, d.Service)
		if d.Direction == history.Hold && !asked || fresh && d.Mode != spec.Act {
			continue
		}
		o, err := s.Owners.Service(ctx, fleet.ServiceKey{Cluster: c.in.Cell.Cluster, Service: d.Service}, fresh)
		for i := range c.in.Services {
			if c.in.Services[i].Name == d.Service {
				c.in.Services[i].Owner = known(o, err)
			}
		}
	}
	if g := c.decision.Group; g != nil && (g.Direction != history.Hold || sc.manual) && (!fresh || g.Mode == spec.Act) {
		o, err := s.Owners.Group(ctx, c.in.Cell.Cluster, g.Group, fresh)
		c.in.Group.Owner = known(o, err)
	}
}

// known turns a failed question into an answer that cannot be mistaken for "nobody".
func known(o policy.Owner, err error) policy.Owner {
	if err != nil {
		return policy.Owner{Unknown: true, Detail: err.Error()}
	}
	return o
}

// urgency sorts cells: below minimum, out, in, hold.
func (c cell) urgency() int {
	u := 3
	for _, d := range c.decision.Services {
		switch {
		case d.Direction == history.Out && d.Reason == history.MinCapacity:
			u = min(u, 0)
		case d.Direction == history.Out:
			u = min(u, 1)
		case d.Direction == history.In:
			u = min(u, 2)
		}
	}
	if g := c.decision.Group; g != nil && g.Direction != history.Hold {
		u = min(u, 1)
	}
	return u
}

// settle carries a decision through claim, act and close, or notes a changed
// hold reason. A lost claim is ledger.ErrConflict.
func (s *Stair) settle(ctx context.Context, now time.Time, sc scope, v view, c cell) (CellReport, error) {
	sc.rows = v.rows
	c = s.own(ctx, now, sc, s.inspect(ctx, now, c))
	cr := CellReport{Cell: c.in.Cell, Decision: c.decision, Outcomes: c.holds()}
	if sc.manual {
		cr.Input = &c.in
	}
	changes := c.changes(v.rows)
	if sc.dryRun {
		for _, ch := range changes {
			cr.Outcomes = append(cr.Outcomes, ch.outcome(WouldDo, ""))
		}
		sc.spend.took(cr.Outcomes)
		return cr, nil
	}
	if len(changes) == 0 {
		return cr, s.note(ctx, v.rows, c, nil)
	}
	done, err := s.order(ctx, v.rows, c, changes)
	if len(done) == 0 { // the claim failed, or another came first
		return cr, err
	}
	sc.spend.took(done)
	cr.Outcomes = append(cr.Outcomes, done...)
	return cr, errors.Join(err, s.note(ctx, v.rows, c, changes))
}

// holds are the outcomes of the targets that stay as they are.
func (c cell) holds() []Outcome {
	out := []Outcome{}
	for _, t := range c.targets() {
		if !t.moves() {
			out = append(out, Outcome{Target: t.target, Mode: t.mode, Done: Held, Before: t.base, Desired: t.desired, Reason: t.reason, Because: t.because})
		}
	}
	return out
}

// note stores the reasons of holds that changed, and what was learnt where
// Decide says that it is worth a write. An order of someone else in flight and a
// read that failed are no reasons of the target, and losing a note to a claim
// loses nothing. What was ordered in the cell, and its lock, have their own
// records; the services beside them are noted here, or one that is busy would
// keep the others from learning.
func (s *Stair) note(ctx context.Context, rows ledger.Cluster, c cell, ordered []change) error {
	for _, t := range c.targets() {
		row := rows.Row(t.target)
		switch {
		case t.reason == history.OrderInFlight, t.reason == history.Unreadable, row.Generation == 0:
			continue
		case t.moves(), len(ordered) > 0 && t.target == c.in.Cell.Lock():
			continue
		}
		n := ledger.Note{Target: t.target, Generation: row.Generation}
		if !unchanged(row.Reason, t, c.decision.At) {
			rec := c.record(t, ledger.Holding, s.NewID(), row.Generation+1, "")
			n.Reason, n.Record = new(t.ledgerReason(c.decision.At)), &rec
		}
		if t.learnt {
			n.History = &t.next
		}
		if n.Reason == nil && n.History == nil {
			continue
		}
		if err := s.Book.Note(ctx, n); err != nil && !errors.Is(err, ledger.ErrConflict) {
			return fmt.Errorf("note what changed of %s: %w", t.target, err)
		}
	}
	return nil
}

// noteEvery is how often the reason of a calm target is rewritten at most: a
// noisy one goes to and fro between being steady and waiting to scale in, and
// would write every second minute.
const noteEvery = 15 * time.Minute

func unchanged(r *ledger.Reason, t part, now time.Time) bool {
	switch {
	case r == nil || r.Desired != t.desired:
		return false
	case r.Rule == t.reason:
		return true
	}
	return calm(r.Rule) && calm(t.reason) && now.Sub(r.Last) < noteEvery
}

// calm tells whether a rule says that nothing is wrong: the count is right, or
// more than is needed for now.
func calm(rule string) bool {
	switch rule {
	case history.AlreadyAtDesiredCapacity, history.AlreadyAtMinCapacity, history.AnticipatedFlapping,
		history.StabilizationWindow, history.ScaleInCooldown, history.DatapointAlreadyUsed,
		history.ScaleInRateLimit, history.RemovalBudget, history.FlapBudget, history.HistoryFloor,
		history.ScaleInCoolOff, history.DisruptionBudget, history.ScaleInDisabled, history.ServicesGrowing:
		return true
	}
	return false
}

// part is one scalable target of a decided cell.
type part struct {
	target        fleet.Target
	mode          spec.Mode
	base, desired int
	live          int // of a group, as it was read
	wanted        int
	reason        string
	because       string
	before, next  history.History
	learnt        bool // next holds what is worth a write without an order
	drains        []capacity.Removal
	undo          []fleet.InstanceID
}

// moves tells whether there is something to order.
func (t part) moves() bool { return t.desired != t.base || len(t.drains)+len(t.undo) > 0 }

// targets lists the group, then the services.
func (c cell) targets() []part {
	out := make([]part, 0, len(c.decision.Services)+1)
	if g := c.decision.Group; g != nil {
		out = append(out, part{
			target: fleet.GroupOf(c.in.Cell.Cluster, g.Group), mode: g.Mode, base: g.Base, live: g.Live, desired: g.Desired, wanted: g.Desired,
			reason: g.Reason, because: g.Because, before: c.in.Group.History, next: g.Next, learnt: g.Learnt,
			drains: g.Drains, undo: g.Undo,
		})
	}
	for _, d := range c.decision.Services {
		t := part{
			target: fleet.ServiceKey{Cluster: c.in.Cell.Cluster, Service: d.Service}.Target(), mode: d.Mode,
			base: d.Base, desired: d.Desired, wanted: d.Wanted, reason: d.Reason, because: d.Because, next: d.Next, learnt: d.Learnt,
		}
		for _, s := range c.in.Services {
			if s.Name == d.Service {
				t.before = s.History
			}
		}
		out = append(out, t)
	}
	return out
}

func (t part) ledgerReason(at time.Time) ledger.Reason {
	return ledger.Reason{Rule: t.reason, Because: t.because, Wanted: t.wanted, Desired: t.desired, First: at, Last: at}
}
