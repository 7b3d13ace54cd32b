package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// heal ends the intents that were left open past their time, by a crash or a
// lost reply between claim and close. An intent that the world shows done is
// closed; any other is dropped and decided anew, never finished blindly.
func (s *Stair) heal(ctx context.Context, now time.Time, rows ledger.Cluster, w world) (bool, error) {
	var ids []string
	for _, r := range rows.Rows {
		if r.Intent != nil && !now.Before(r.Intent.Free()) && seen(r.Target, w) && !slices.Contains(ids, r.Intent.ID) {
			ids = append(ids, r.Intent.ID)
		}
	}
	for _, id := range ids {
		closing := ledger.Closing{ID: id}
		for _, r := range rows.Rows {
			if r.Intent == nil || r.Intent.ID != id || !seen(r.Target, w) {
				continue
			}
			entry, record := mend(now, r, w)
			closing.Entries = append(closing.Entries, entry)
			if record != nil {
				closing.Records = append(closing.Records, *record)
			}
		}
		// A conflict means that someone else has healed it meanwhile.
		if err := s.Book.Close(ctx, closing); err != nil && !errors.Is(err, ledger.ErrConflict) {
			return false, fmt.Errorf("close the open intent %s: %w", id, err)
		}
	}
	return len(ids) > 0, nil
}

// seen tells whether the world holds the target's live count, without which
// nothing can be said of its intent.
func seen(t fleet.Target, w world) bool {
	_, ok := liveCount(t, w)
	return ok
}

func liveCount(t fleet.Target, w world) (int, bool) {
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

func mend(now time.Time, r ledger.Row, w world) (ledger.CloseEntry, *ledger.Record) {
	i := *r.Intent
	entry := ledger.CloseEntry{Target: r.Target, Generation: r.Generation}
	if i.Lock {
		return entry, nil
	}
	rec := ledger.Record{
		Target: r.Target, At: now, Generation: r.Generation + 1, ID: i.ID, Mode: i.Mode,
		Before: i.Before, Desired: i.Desired, Rule: history.OrderInFlight,
	}
	live, _ := liveCount(r.Target, w)
	if i.Mode == spec.Observe || live == i.Desired {
		rec.Kind = ledger.Healed
		rec.Because = fmt.Sprintf("the order of %s was left open and is done: closed", i.At.UTC().Format(time.RFC3339))
		return entry, &rec
	}
	rec.Kind = ledger.Dropped
	rec.Because = fmt.Sprintf("the order of %s was left open and the count is %d: dropped, to be decided anew", i.At.UTC().Format(time.RFC3339), live)
	h := r.History.Without(i.At)
	entry.History = &h
	return entry, &rec
}
