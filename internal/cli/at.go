package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// moment gives the time that --at asks for, zero without it.
func (c explainFlags) moment(s *session) (at time.Time, err error) {
	switch {
	case c.Limit < 0:
		return at, refused("--limit %d is below 0: give how many decisions to print", c.Limit)
	case c.At == "":
		return at, nil
	case c.Limit == 0:
		return at, refused("--at explains a decision, and --limit 0 prints none: leave --limit out")
	}
	now := s.Now().UTC()
	at, ok := moment(c.At, now)
	if !ok {
		return at, refused("--at %q is no time: write it as 2026-11-23T10:00:00Z, as 10:00 (UTC) or as how long ago, 90m, 2h or 3d", c.At)
	}
	if at.After(now) {
		return at, refused("--at %s is in the future: it is %s", stamp(at), stamp(now))
	}
	return at, nil
}

// moment reads a time: of the calendar, of the day (the last one that has been),
// or how long before now.
func moment(text string, now time.Time) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), true
	}
	if clock, err := time.Parse("15:04", text); err == nil {
		at := now.Truncate(24 * time.Hour).Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute)
		if at.After(now) {
			at = at.Add(-24 * time.Hour)
		}
		return at, true
	}
	if ago, err := spec.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), true
	}
	return time.Time{}, false
}

// justAfter gives the bound of records up to and at a time; the zero time, no
// bound, without one.
func justAfter(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return at.Add(time.Nanosecond)
}

// oldestPage is how many records are read at once in search of the oldest.
const oldestPage = 200

// nothingAt tells that no decision was recorded up to a time, and where the
// records begin.
func nothingAt(ctx context.Context, l Ledger, target fleet.Target, at time.Time) error {
	var oldest time.Time
	for {
		page, err := l.Records(ctx, target, oldest, oldestPage)
		if err != nil {
			return fmt.Errorf("read the decisions about %s from the ledger: %w", target, err)
		}
		if len(page) == 0 {
			break
		}
		oldest = page[len(page)-1].At
	}
	if oldest.IsZero() {
		return fmt.Errorf("the ledger holds no decision about %s of cluster %s", title(target), target.Cluster)
	}
	return fmt.Errorf("the ledger holds no decision about %s of cluster %s at or before %s: the oldest is of %s, and records are kept for six weeks",
		title(target), target.Cluster, stamp(at), stamp(oldest))
}
