package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/announce"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// end ends instances together, with the group's row claimed: an evaluation that
// raises the group and this one must not undo each other. The rows are written
// before the act; those that another run has are left out.
func (w *ward) end(ctx context.Context, ends []moving, rep *Report) error {
	target := fleet.GroupOf(w.in.Cell.Cluster, w.in.Cell.Group)
	row, before := w.rows.Row(target), w.in.Fleet.Group.DesiredCapacity
	claim := w.claim(target, row, before, ends)
	err := w.Book.Claim(ctx, claim)
	if errors.Is(err, ledger.ErrConflict) {
		for _, e := range ends {
			rep.Drains = append(rep.Drains, DrainReport{Row: e.old.Row, Now: "the group's row is taken: the next look ends it"})
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", target, err)
	}
	var ids []fleet.InstanceID
	var errs []error
	for _, e := range ends {
		written, err := w.write(ctx, e)
		if written {
			ids = append(ids, e.old.Instance)
		}
		if written {
			err = errors.Join(err, w.others(ctx, e))
		}
		errs = append(errs, err)
		rep.Drains = append(rep.Drains, e.report(err))
	}
	if len(ids) == 0 { // another run has all of them
		e := claim.Entries[0]
		back := ledger.CloseEntry{Target: target, Generation: e.Generation + 1, History: &row.History}
		if err := w.Book.Close(ctx, ledger.Closing{ID: claim.ID, Entries: []ledger.CloseEntry{back}}); err != nil && !errors.Is(err, ledger.ErrConflict) {
			errs = append(errs, fmt.Errorf("close %s: %w", claim.ID, err))
		}
		return errors.Join(errs...)
	}
	outcome := w.terminate(ctx, claim, ids)
	if outcome.err != nil {
		errs = append(errs, fmt.Errorf("terminate %s of %s: %w", names(ids), target, outcome.err))
	}
	if outcome.open {
		return errors.Join(errs...) // the group will show whether it was carried out
	}
	errs = append(errs, w.close(ctx, claim, row, ids, outcome))
	return errors.Join(errs...)
}

// claim is the order to end the instances. The ones that an evaluation chose were
// charged to the budget when their drain began; the others are now.
func (w *ward) claim(target fleet.Target, row ledger.Row, before int, ends []moving) ledger.Claim {
	id, after := w.NewID(), before-len(ends)
	h, uncharged := row.History, 0
	for _, e := range ends {
		if e.old.Cause != drain.Empty && e.old.Cause != drain.Consolidation {
			uncharged++
		}
	}
	if uncharged > 0 {
		h = h.With(history.Order{At: w.now, From: before, To: before - uncharged}, nil)
	}
	rule := ruleOf(ends)
	because := make([]string, 0, len(ends))
	for _, e := range ends {
		because = append(because, fmt.Sprintf("%s (%s): %s", e.old.Instance, e.old.Cause, e.step.Because))
	}
	return ledger.Claim{ID: id, Entries: []ledger.ClaimEntry{{
		Target: target, Generation: row.Generation, History: h,
		Intent: ledger.Intent{
			ID: id, At: w.now, ActBy: w.Now().Add(ledger.ActWithin), Before: before, Desired: after, Mode: spec.Act,
			Rule: rule, Because: "end " + strings.Join(because, "; "), Marks: row.History.Marks,
		},
	}}}
}

// ruleOf is the rule of the order: that of what disrupts most of its causes.
func ruleOf(ends []moving) string {
	rules := []struct {
		cause drain.Cause
		rule  string
	}{
		{drain.Consolidation, history.Consolidation},
		{drain.Manual, history.DrainByHand},
		{drain.Spot, history.SpotInterruption},
		{drain.Rebalance, history.RebalanceNotice},
	}
	for _, r := range rules {
		if slices.ContainsFunc(ends, func(e moving) bool { return e.old.Cause == r.cause }) {
			return r.rule
		}
	}
	return history.EmptyInstances
}

// ended is what came of an order to end instances.
type ended struct {
	err  error
	open bool // it may have been carried out
}

// terminate orders the end, within the time of the claim and never again after it.
func (w *ward) terminate(ctx context.Context, claim ledger.Claim, ids []fleet.InstanceID) ended {
	ctx, cancel := context.WithTimeout(ctx, claim.Entries[0].Intent.ActBy.Add(-ledger.ActMargin).Sub(w.Now()))
	defer cancel()
	err := w.Exits.Terminate(ctx, w.in.Cell.Group, ids)
	return ended{err: err, open: err != nil && !refused(err)}
}

// close ends the claim with its record, and announces what was done.
func (w *ward) close(ctx context.Context, claim ledger.Claim, row ledger.Row, ids []fleet.InstanceID, o ended) error {
	e := claim.Entries[0]
	i := e.Intent
	i.Desired = i.Before - len(ids)
	done, kind := OrderDone, ledger.Ordered
	entry := ledger.CloseEntry{Target: e.Target, Generation: e.Generation + 1}
	if o.err != nil {
		done, kind, i.Desired = OrderFail, ledger.Refused, i.Before
		entry.History = &row.History
	}
	entry.Reason = &ledger.Reason{Rule: i.Rule, Because: i.Because, Wanted: i.Desired, Desired: i.Desired, First: w.now, Last: w.now}
	outcome := string(done)
	if o.err != nil {
		outcome += ": " + o.err.Error()
	}
	rec := ledger.Record{
		Target: e.Target, At: w.now, Generation: e.Generation + 2, ID: claim.ID, Kind: kind, Mode: i.Mode,
		Before: i.Before, Desired: i.Desired, Rule: i.Rule, Because: i.Because, Outcome: outcome, InputOmitted: true,
	}
	if err := w.Book.Close(ctx, ledger.Closing{ID: claim.ID, Entries: []ledger.CloseEntry{entry}, Records: []ledger.Record{rec}}); err != nil && !errors.Is(err, ledger.ErrConflict) {
		return fmt.Errorf("close %s: %w", claim.ID, err)
	}
	n := Notice{
		Target: e.Target, At: w.now, ID: claim.ID, Mode: i.Mode, Direction: history.Toward(i.Before, i.Desired),
		Before: i.Before, Desired: i.Desired, Rule: i.Rule, Because: i.Because, Outcome: string(done), Drains: ids,
	}
	if err := w.Notices.Announce(ctx, []Notice{n}); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

func names(ids []fleet.InstanceID) string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		out = append(out, string(id))
	}
	return strings.Join(out, ", ")
}

// announce logs every removal that was looked at, and the run with its metrics.
func (d *Drainage) announce(ctx context.Context, rep Report, err error) {
	var acts, failed float64
	for _, r := range rep.Drains {
		acts += float64(len(r.Acts))
		if r.Error != "" {
			failed++
		}
		d.Log.LogAttrs(ctx, slog.LevelInfo, "drain",
			slog.String("target", fleet.GroupOf(r.Cluster, r.Group).String()), slog.String("instance", string(r.Instance)),
			slog.String("cause", string(r.Cause)), slog.String("state", string(r.State)), slog.Any("acts", r.Acts),
			slog.String("because", r.Now), slog.String("error", r.Error))
	}
	if err != nil {
		failed = max(failed, 1)
	}
	d.Log.LogAttrs(ctx, slog.LevelInfo, "run",
		slog.String("event", rep.Event), slog.String("via", rep.Via), slog.String("eventId", rep.EventID),
		slog.Int("drains", len(rep.Drains)), slog.Int("left", rep.Left), slog.Any("unmatched", rep.Unmatched))
	if d.Metrics == nil {
		return
	}
	merr := announce.EMF(d.Metrics, rep.At, []announce.Metric{
		{Name: "DrainHeartbeat", Value: 1, Unit: "Count"},
		{Name: "Drains", Value: float64(len(rep.Drains)), Unit: "Count"},
		{Name: "DrainActs", Value: acts, Unit: "Count"},
		{Name: "DrainFailures", Value: failed, Unit: "Count"},
	})
	if merr != nil {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "metrics", slog.String("error", merr.Error()))
	}
}
