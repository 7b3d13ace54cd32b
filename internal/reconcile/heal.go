package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// heal ends the intents that were left open past their time, by a crash or a
// lost reply between claim and close. An intent that the world shows done is
// closed; any other is dropped and decided anew, never finished blindly.
func (s *Stair) heal(ctx context.Context, now time.Time, rows ledger.Cluster, w *world) (bool, error) {
	var ids []string
	for _, r := range rows.Rows {
		if r.Intent != nil && !now.Before(r.Intent.Free()) && seen(r.Target, w) && !slices.Contains(ids, r.Intent.ID) {
			ids = append(ids, r.Intent.ID)
		}
	}
	var errs []error
	for _, id := range ids {
		closing := ledger.Closing{ID: id}
		for _, r := range rows.Rows {
			if r.Intent == nil || r.Intent.ID != id || !seen(r.Target, w) {
				continue
			}
			entry, record := mend(now, r, w, rows)
			closing.Entries = append(closing.Entries, entry)
			if record != nil {
				closing.Records = append(closing.Records, *record)
			}
		}
		// A conflict means that someone else has healed it meanwhile.
		if err := s.Book.Close(ctx, closing); err != nil && !errors.Is(err, ledger.ErrConflict) {
			errs = append(errs, fmt.Errorf("close the open intent %s: %w", id, err))
		}
	}
	return len(ids) > 0, errors.Join(errs...)
}

// seen tells whether the world was asked for the target, without which nothing
// can be said of its intent. One that is gone was asked for too.
func seen(t fleet.Target, w *world) bool {
	if t.Kind == fleet.GroupTarget {
		_, ok := w.groups[fleet.GroupName(t.Name)]
		return ok
	}
	return slices.Contains(w.asked, fleet.ServiceName(t.Name))
}

// liveCount is the live count of a target; none for one that is gone.
func liveCount(t fleet.Target, w *world) (int, bool) {
	if t.Kind == fleet.GroupTarget {
		g := w.groups[fleet.GroupName(t.Name)]
		if g == nil {
			return 0, false
		}
		return g.DesiredCapacity, true
	}
	v, ok := w.service(fleet.ServiceName(t.Name))
	return v.Desired, ok
}

func mend(now time.Time, r ledger.Row, w *world, rows ledger.Cluster) (ledger.CloseEntry, *ledger.Record) {
	i := *r.Intent
	entry := ledger.CloseEntry{Target: r.Target, Generation: r.Generation}
	if i.Lock {
		return entry, nil
	}
	rec := ledger.Record{
		Target: r.Target, At: now, Generation: r.Generation + 1, ID: i.ID, Mode: i.Mode,
		Before: i.Before, Desired: i.Desired, Rule: i.Rule, Because: i.Because,
	}
	live, found := liveCount(r.Target, w)
	switch {
	case i.Mode == spec.Observe || found && live == i.Desired && opened(rows, i):
		rec.Kind = ledger.Healed
		rec.Outcome = fmt.Sprintf("the order of %s was left open and is done: closed", i.At.UTC().Format(time.RFC3339))
		entry.Reason = &ledger.Reason{Rule: i.Rule, Because: i.Because, Wanted: i.Desired, Desired: i.Desired, First: i.At, Last: now}
		return entry, &rec
	case !found:
		rec.Outcome = fmt.Sprintf("the order of %s was left open and its target is gone: dropped", i.At.UTC().Format(time.RFC3339))
	case live == i.Desired:
		rec.Outcome = fmt.Sprintf("the order of %s was left open and not all its drains were: dropped, to be decided anew", i.At.UTC().Format(time.RFC3339))
	default:
		rec.Outcome = fmt.Sprintf("the order of %s was left open and the count is %d: dropped, to be decided anew", i.At.UTC().Format(time.RFC3339), live)
	}
	rec.Kind = ledger.Dropped
	if begun(rows, i) {
		return entry, &rec // what has begun stays charged to the budget, all of it rather than too little
	}
	h := r.History.Without(i.At)
	h.Marks = i.Marks
	entry.History = &h
	return entry, &rec
}
