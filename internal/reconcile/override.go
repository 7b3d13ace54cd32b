package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// errNoDesk is a staircase that was wired without a desk.
var errNoDesk = errors.New("this function takes no overrides: its Stair has no Desk; use the trimtab command")

// override sets or ends overrides as a person asks, and gives the target to be
// evaluated at once: whoever holds a service at 20 expects 20 now and not at the
// next tick. A dry run writes nothing and is evaluated as if it had.
func (s *Stair) override(ctx context.Context, now time.Time, l *locator, ev event.Event, rep *Report) ([]scope, error) {
	ask := *ev.Request
	now = now.UTC().Truncate(time.Second)
	var done ledger.Overriding
	rows, err := s.revise(ctx, l, ask.Target.Cluster, ev.DryRun, func(c ledger.Cluster) (change ledger.Change, err error) {
		row := c.Row(ask.Target)
		if ev.Kind == event.Resume {
			done, err = row.WithoutOverrides(ask.Only, ask.Why, ask.By, now)
		} else {
			done, err = row.WithOverride(spec.Override{
				Kind: ask.Override, Count: ask.Count, At: now, Until: ask.Ends(now), Why: ask.Why, By: ask.By,
			}, now)
		}
		return done.Change(), err
	})
	if err != nil {
		return nil, err
	}
	rep.Override = &OverrideReport{Overriding: done, Written: !ev.DryRun && !done.Empty()}
	if done.Empty() {
		return nil, nil
	}
	s.tellOverride(ctx, ev, done)
	if ev.DryRun {
		rows = done.Applied(rows)
	} else if rows, err = s.Book.Read(ctx, ask.Target.Cluster); err != nil {
		return nil, fmt.Errorf("the override is written; read the ledger of cluster %s again: %w", ask.Target.Cluster, err)
	}
	sc := scope{cluster: ask.Target.Cluster, rows: rows, dryRun: ev.DryRun, manual: true}
	if ask.Target.Kind == fleet.GroupTarget {
		sc.groups = []fleet.GroupName{fleet.GroupName(ask.Target.Name)}
	} else {
		sc.services = []fleet.ServiceName{fleet.ServiceName(ask.Target.Name)}
	}
	return []scope{sc}, nil
}

// control sets or lifts the global stop of a cluster. Nothing is evaluated: a
// stop orders nothing, and after a start the next tick looks at every target.
func (s *Stair) control(ctx context.Context, now time.Time, l *locator, ev event.Event, rep *Report) error {
	ask := *ev.Request
	now = now.UTC().Truncate(time.Second)
	var done ledger.Switching
	_, err := s.revise(ctx, l, ask.Target.Cluster, ev.DryRun, func(c ledger.Cluster) (change ledger.Change, err error) {
		if ev.Kind == event.Stop {
			done, err = c.Stopped(ask.Why, ask.By, now)
		} else {
			done, err = c.Started(ask.Why, ask.By, now)
		}
		return done.Change(), err
	})
	if err != nil {
		return err
	}
	rep.Control = &ControlReport{Switching: done, Written: !ev.DryRun && !done.Empty()}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "control",
		slog.String("cluster", string(done.Cluster)), slog.Bool("stop", done.Control.Stop), slog.Bool("written", rep.Control.Written),
		slog.String("by", ask.By), slog.String("why", ask.Why))
	return nil
}

// revise reads the cluster and writes what edit makes of it, or in a dry run
// only makes it. It gives the cluster as read first.
func (s *Stair) revise(ctx context.Context, l *locator, name fleet.ClusterName, dryRun bool, edit func(ledger.Cluster) (ledger.Change, error)) (ledger.Cluster, error) {
	if s.Desk == nil {
		return ledger.Cluster{}, errNoDesk
	}
	rows, err := l.cluster(ctx, name)
	if err != nil {
		return rows, err
	}
	if dryRun {
		_, err := edit(rows)
		return rows, err
	}
	return rows, ledger.Revise(ctx, s.Desk, rows, edit)
}

// tellOverride logs who set or ended what: the row keeps it for a day only.
func (s *Stair) tellOverride(ctx context.Context, ev event.Event, done ledger.Overriding) {
	ended := make([]string, 0, len(done.Ended))
	for _, o := range done.Ended {
		ended = append(ended, o.String())
	}
	set, until := "", ""
	if o := done.Override; o != nil {
		set, until = o.String(), o.Until.UTC().Format(time.RFC3339)
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "override",
		slog.String("target", done.Target.String()), slog.String("set", set), slog.String("until", until), slog.Any("ended", ended),
		slog.Bool("written", !ev.DryRun), slog.String("by", ev.Request.By), slog.String("why", ev.Request.Why))
}
