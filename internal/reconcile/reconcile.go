// Package reconcile gives the seven steps from an event to a recorded order:
// decode, observe, decide, claim, act, record, announce. It is the only package
// that knows them all; the simulator walks the same staircase as the Lambda.
package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Stair is the staircase with its hands. It keeps nothing between runs: what
// is remembered is in the ledger. It is safe for concurrent use if its hands are.
type Stair struct {
	Book ledger.Book
	// Desk takes what people write through the function: overrides and the global stop.
	Desk     ledger.Reviser
	Services Services
	Groups   Groups
	Signals  Signals
	Queues   Queues
	Owners   Owners
	// Activities, Hosts and Drains see and open the removal of instances; a fleet on
	// Fargate needs none of them.
	Activities Activities
	Hosts      Hosts
	Drains     ledger.Drains
	Notices    Notices
	Log        *slog.Logger
	// Metrics takes one line of CloudWatch embedded metric format per run.
	Metrics io.Writer
	// Now is the clock; NewID names a claim uniquely.
	Now   func() time.Time
	NewID func() string
	// Mode is the ceiling of every target's mode.
	Mode spec.Mode
	// SpendPerHour is the most that the services of the account may cost together,
	// in dollars an hour; 0 is no limit.
	SpendPerHour float64
}

// stopBefore is how long before the deadline of the invocation no new cell is
// begun: the act of one ends within 15 s of its claim, and the closing follows.
const stopBefore = 20 * time.Second

// readWithin bounds every read of the world, so that one service that hangs
// does not take the whole invocation with it.
const readWithin = 12 * time.Second

// Run walks the staircase for one event. One bad service does not stop the
// others: the report holds what was done and what failed in each cell, the
// error joins what failed beyond single orders.
func (s *Stair) Run(ctx context.Context, ev event.Event) (Report, error) {
	now := s.Now()
	rep := Report{At: now, Event: string(ev.Kind), Via: string(ev.Via), EventID: ev.ID, DryRun: ev.DryRun, Cells: []CellReport{}}
	scopes, err := s.locate(ctx, now, ev, &rep)
	errs := []error{err}
	spend := s.spending(scopes)
	for _, sc := range scopes {
		sc.spend = spend
		errs = append(errs, s.walk(ctx, now, sc, &rep))
	}
	err = errors.Join(errs...)
	if err != nil {
		rep.Error = err.Error()
	}
	s.announceRun(ctx, rep, err)
	return rep, err
}

// walk evaluates the cells of one cluster that the scope names, in order of
// urgency: below minimum first, then out, then in, then holds.
func (s *Stair) walk(ctx context.Context, now time.Time, sc scope, rep *Report) error {
	if late(ctx, s.Now()) {
		rep.Left += len(sc.services) + len(sc.groups)
		return nil
	}
	v, err := s.observe(ctx, now, sc)
	rep.Calm += v.calm
	errs := []error{err}
	cells := decideAll(now, v)
	for i, c := range cells {
		if !late(ctx, s.Now()) {
			c = s.afford(ctx, now, sc, c)
		}
		if late(ctx, s.Now()) { // reading what the others cost takes its time too
			rep.Left += len(cells) - i
			break
		}
		cr, err := s.settle(ctx, now, sc, v, c)
		if errors.Is(err, ledger.ErrConflict) {
			cr, err = s.again(ctx, sc, c)
		}
		if err != nil {
			cr.Error = err.Error()
			// A target whose orders are refused for good must not make every tick a
			// failure, and its retry with it: the report, the log and the metrics tell.
			if order := (orderError{}); sc.hot == nil || !errors.As(err, &order) {
				errs = append(errs, fmt.Errorf("%s: %w", c.in.Cell, err))
			}
		}
		s.announceCell(ctx, cr)
		rep.Cells = append(rep.Cells, cr)
	}
	return errors.Join(errs...)
}

// again re-reads the world and the rows once after a lost race and decides
// anew; a second loss is left to the next tick.
func (s *Stair) again(ctx context.Context, sc scope, c cell) (CellReport, error) {
	lost := CellReport{Cell: c.in.Cell, Decision: c.decision, Outcomes: []Outcome{}, Lost: true}
	if late(ctx, s.Now()) {
		return lost, nil
	}
	now := s.Now()
	sc.services, sc.groups, sc.hot = nil, nil, nil
	if c.in.Cell.Group != "" {
		sc.groups = []fleet.GroupName{c.in.Cell.Group}
	}
	for _, x := range c.in.Services {
		sc.services = append(sc.services, x.Name)
	}
	var err error
	if sc.rows, err = s.Book.Read(ctx, sc.cluster); err != nil {
		return lost, fmt.Errorf("read the ledger again: %w", err)
	}
	v, err := s.observe(ctx, now, sc)
	for _, c := range decideAll(now, v) {
		if c.in.Cell != lost.Cell {
			continue
		}
		c = s.afford(ctx, now, sc, c)
		if late(ctx, s.Now()) {
			return lost, err
		}
		cr, serr := s.settle(ctx, now, sc, v, c)
		if errors.Is(serr, ledger.ErrConflict) {
			return lost, err
		}
		return cr, errors.Join(err, serr)
	}
	return lost, err
}

// late tells whether the invocation's deadline leaves no room for another cell or group.
func late(ctx context.Context, now time.Time) bool {
	d, ok := ctx.Deadline()
	return ok && d.Sub(now) < stopBefore
}

// decideAll decides every cell of the view and sorts them by urgency. It asks
// nobody anything: who else writes a target is asked cell by cell.
func decideAll(now time.Time, v view) []cell {
	out := decidePair(now, v.cells)
	slices.SortStableFunc(out, func(a, b cell) int { return cmp.Compare(a.urgency(), b.urgency()) })
	return out
}

// scope is the part of one cluster that an event asks to evaluate.
type scope struct {
	cluster  fleet.ClusterName
	rows     ledger.Cluster
	services []fleet.ServiceName
	groups   []fleet.GroupName
	dryRun   bool
	manual   bool
	// hot tells, at a tick, which targets are evaluated at every one; nil where
	// the event asks for all that the scope names.
	hot func(fleet.Target) bool
	// doomed are the instances that a notice of EC2 names.
	doomed []fleet.InstanceID
	// spend follows what the account's services cost, nil where there is no cap.
	spend *spending
}
