package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// change is one target that the decision moves, with its row as read.
type change struct {
	part
	generation int64
}

// changes lists what is to be ordered, in act order: groups up, services out,
// services in, drains. What passes the size of a claim is left to the next pass.
func (c cell) changes(rows ledger.Cluster) []change {
	var out []change
	for _, t := range c.targets() {
		if t.moves() {
			out = append(out, change{part: t, generation: rows.Row(t.target).Generation})
		}
	}
	slices.SortStableFunc(out, func(a, b change) int { return cmp.Compare(a.rank(), b.rank()) })
	services := 0
	return slices.DeleteFunc(out, func(ch change) bool {
		if ch.target.Kind == fleet.ServiceTarget {
			services++
		}
		return services > ledger.MaxClaimServices
	})
}

func (ch change) rank() int {
	switch {
	case ch.target.Kind == fleet.GroupTarget && ch.desired == ch.base && len(ch.undo) == 0:
		return 3
	case ch.target.Kind == fleet.GroupTarget:
		return 0
	case ch.desired > ch.base:
		return 1
	}
	return 2
}

func (ch change) outcome(d Done, words string) Outcome {
	return Outcome{
		Target: ch.target, Mode: ch.mode, Done: d, Before: ch.base, Desired: ch.desired,
		Reason: ch.reason, Because: ch.because, Words: words, Drains: ch.leaves(), Undo: ch.undo,
	}
}

// order claims the changes, acts, closes and announces.
func (s *Stair) order(ctx context.Context, rows ledger.Cluster, c cell, changes []change) ([]Outcome, error) {
	claim := s.claimOf(rows, c, changes)
	if err := s.Book.Claim(ctx, claim); err != nil {
		return nil, fmt.Errorf("claim %s: %w", c.in.Cell, err)
	}
	outcomes := s.act(ctx, rows, claim, changes)
	for i := range outcomes {
		outcomes[i].ID = claim.ID
	}
	err := s.close(ctx, claim, c, changes, outcomes)
	return outcomes, errors.Join(err, s.tell(ctx, c, outcomes))
}

// claimOf writes the intents. The lock of the cell comes first, with an intent
// of its own kind where the lock's own count is not changed.
func (s *Stair) claimOf(rows ledger.Cluster, c cell, changes []change) ledger.Claim {
	claim := ledger.Claim{ID: s.NewID()}
	lock := c.in.Cell.Lock()
	intent := ledger.Intent{ID: claim.ID, At: c.decision.At, ActBy: s.Now().Add(ledger.ActWithin)}
	if !slices.ContainsFunc(changes, func(ch change) bool { return ch.target == lock }) {
		row := rows.Row(lock)
		held := intent
		held.Lock = true
		claim.Entries = append(claim.Entries, ledger.ClaimEntry{Target: lock, Generation: row.Generation, Intent: held, History: row.History})
	}
	for _, ch := range changes {
		i := intent
		i.Before, i.Desired, i.Mode = ch.base, ch.desired, ch.mode
		i.Rule, i.Because, i.Marks, i.Drains = ch.reason, ch.because, ch.before.Marks, ch.leaves()
		e := ledger.ClaimEntry{Target: ch.target, Generation: ch.generation, Intent: i, History: ch.next}
		if ch.target == lock {
			claim.Entries = slices.Insert(claim.Entries, 0, e)
			continue
		}
		claim.Entries = append(claim.Entries, e)
	}
	return claim
}

// act gives the orders. Every call ends ActMargin before the intent's ActBy,
// so that whoever takes over afterwards never meets one still in flight.
func (s *Stair) act(ctx context.Context, rows ledger.Cluster, claim ledger.Claim, changes []change) []Outcome {
	actBy := claim.Entries[0].Intent.ActBy
	ctx, cancel := context.WithTimeout(ctx, actBy.Add(-ledger.ActMargin).Sub(s.Now()))
	defer cancel()
	out := make([]Outcome, 0, len(changes))
	for _, ch := range changes {
		if ch.mode != spec.Act {
			out = append(out, ch.outcome(Observed, "observe mode: nothing was ordered"))
			continue
		}
		err := s.set(ctx, rows, claim, ch)
		switch {
		case err == nil:
			out = append(out, ch.outcome(OrderDone, ""))
		case errors.As(err, &moved{}):
			out = append(out, ch.outcome(OrderMoot, err.Error()))
		case refused(err):
			out = append(out, ch.outcome(OrderFail, err.Error()))
		default:
			out = append(out, ch.outcome(OrderOpen, err.Error()))
		}
	}
	return out
}

// refused tells whether AWS itself said no: its answers carry a code. A
// connection that broke or a deadline that passed carries none, and a fault of
// the service's own says nothing of whether the order was carried out.
func refused(err error) bool {
	var answer interface{ ErrorCode() string }
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "ServerException", "InternalError", "InternalFailure", "InternalServerError", "InternalServiceError",
		"ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return false
	}
	return true
}

func (s *Stair) set(ctx context.Context, rows ledger.Cluster, claim ledger.Claim, ch change) error {
	t := ch.target
	if t.Kind == fleet.GroupTarget {
		err := s.drains(ctx, rows, claim, ch)
		if ch.desired == ch.base {
			return err
		}
		// A drain that could not be given back is no reason to leave the group as it is.
		return s.raise(ctx, ch)
	}
	return s.Services.SetDesiredCount(ctx, fleet.ServiceKey{Cluster: t.Cluster, Service: fleet.ServiceName(t.Name)}, ch.desired)
}

// moved is the refusal of an order whose target somebody else has changed since it was
// read.
type moved struct{ was, is int }

func (m moved) Error() string {
	return fmt.Sprintf("the desired capacity was %d and is %d now: decided anew at the next look", m.was, m.is)
}

// ErrorCode says that nothing was ordered.
func (moved) ErrorCode() string { return "TargetMoved" }

// raise orders the capacity of a group that nobody has changed since it was read: Auto
// Scaling has no compare-and-set, and an order below what somebody else has just set
// would lower the group, with a victim of Auto Scaling's choice.
func (s *Stair) raise(ctx context.Context, ch change) error {
	g := fleet.GroupName(ch.target.Name)
	live, ok, err := s.Groups.Describe(ctx, g)
	if err != nil || !ok {
		return moved{was: ch.base, is: live.DesiredCapacity}
	}
	if live.DesiredCapacity != ch.live {
		return moved{was: ch.live, is: live.DesiredCapacity}
	}
	return s.Groups.SetDesiredCapacity(ctx, g, ch.desired)
}

// close ends the claim with its records. An uncertain order stays open: the
// world will show whether it was carried out. An order that was refused is not
// remembered as one, so that it charges no cooldown. If a person changed the row
// meanwhile, the closing is left to the next evaluation.
func (s *Stair) close(ctx context.Context, claim ledger.Claim, c cell, changes []change, outcomes []Outcome) error {
	closing := ledger.Closing{ID: claim.ID}
	room := maxEvidenceOfClaim
	for _, e := range claim.Entries {
		i := slices.IndexFunc(changes, func(ch change) bool { return ch.target == e.Target })
		entry := ledger.CloseEntry{Target: e.Target, Generation: e.Generation + 1}
		if i < 0 {
			closing.Entries = append(closing.Entries, entry)
			continue
		}
		if outcomes[i].Done == OrderOpen {
			continue
		}
		ch, kind := changes[i], ledger.Ordered
		reason := ch.ledgerReason(c.decision.At)
		if outcomes[i].Done == OrderFail || outcomes[i].Done == OrderMoot {
			kind, entry.History = ledger.Refused, &changes[i].before
			reason.Desired = ch.base
		}
		entry.Reason = &reason
		rec := c.record(ch.part, kind, claim.ID, e.Generation+2, string(outcomes[i].Done)+words(outcomes[i].Words))
		if room -= len(rec.Input); room < 0 {
			rec.Input, rec.InputOmitted = nil, true
		}
		closing.Entries, closing.Records = append(closing.Entries, entry), append(closing.Records, rec)
	}
	if len(closing.Records) == 0 {
		return uncertain(outcomes)
	}
	err := s.Book.Close(ctx, closing)
	if err != nil && !errors.Is(err, ledger.ErrConflict) {
		return fmt.Errorf("close %s: %w", claim.ID, err)
	}
	return uncertain(outcomes)
}

func words(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// orderError is an order that was refused or timed out.
type orderError struct{ Outcome }

func (e orderError) Error() string {
	return fmt.Sprintf("order %d for %s: %s", e.Desired, e.Target, e.Words)
}

// uncertain is the error of orders that were refused or timed out.
func uncertain(outcomes []Outcome) error {
	var errs []error
	for _, o := range outcomes {
		if o.Done == OrderFail || o.Done == OrderOpen {
			errs = append(errs, orderError{o})
		}
	}
	return errors.Join(errs...)
}

const (
	// maxEvidence bounds the input kept in a record, well inside an item.
	maxEvidence = ledger.MaxItemBytes / 2
	// maxEvidenceOfClaim bounds the inputs of all records of one claim, well
	// inside a transaction.
	maxEvidenceOfClaim = 2 << 20
)

// evidence is what the decision about a target rests on: the part of a service,
// or the whole cell for its group. None is given where it would not fit.
func (c cell) evidence(t fleet.Target) json.RawMessage {
	in := c.in
	if t.Kind == fleet.ServiceTarget {
		in = in.Only(fleet.ServiceName(t.Name), c.decision)
	}
	b, err := json.Marshal(in)
	if err != nil || len(b) > maxEvidence {
		return nil
	}
	return b
}

// record keeps the decision about one target: its own part of the cell's, and
// what it rests on.
func (c cell) record(t part, kind ledger.Kind, id string, generation int64, outcome string) ledger.Record {
	b, err := json.Marshal(c.decision.About(t.target))
	if err != nil {
		b = nil // no field of a decision fails to marshal; without it the words still stand
	}
	in := c.evidence(t.target)
	return ledger.Record{
		Target: t.target, At: c.decision.At, Generation: generation, ID: id, Kind: kind, Mode: t.mode,
		Before: t.base, Desired: t.desired, Rule: t.reason, Because: t.because, Outcome: outcome,
		Decision: b, Input: in, InputOmitted: in == nil,
	}
}

// tell announces every change. The order stands whether or not anyone hears of
// it, so a notice that cannot be sent is an error of the run and no more.
func (s *Stair) tell(ctx context.Context, c cell, outcomes []Outcome) error {
	ns := make([]Notice, 0, len(outcomes))
	for _, o := range outcomes {
		ns = append(ns, Notice{
			Target: o.Target, At: c.decision.At, ID: o.ID, Mode: o.Mode, Direction: history.Toward(o.Before, o.Desired),
			Before: o.Before, Desired: o.Desired, Rule: o.Reason, Because: o.Because, Outcome: string(o.Done),
			Drains: o.Drains, Undo: o.Undo,
		})
	}
	if err := s.Notices.Announce(ctx, ns); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}
