package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// stopCmd sets the global stop.
type stopCmd struct {
	Why string `help:"The reason, up to 500 characters; mandatory." placeholder:"TEXT"`
	switchFlags
}

// startCmd lifts it.
type startCmd struct {
	Why string `help:"The reason." placeholder:"TEXT"`
	switchFlags
}

type switchFlags struct {
	All bool `help:"Every cluster of the ledger."`
	writeFlags
}

// switched is the JSON result for one cluster.
type switched struct {
	ledger.Switching
	Written bool `json:"written"`
}

// Run sets the stop.
func (c stopCmd) Run(ctx context.Context, s *session) error {
	if err := spec.CheckWhy(c.Why); err != nil {
		return refused("--why %w", err)
	}
	return c.turn(ctx, s, func(cl ledger.Cluster, by string, now time.Time) (ledger.Switching, error) {
		return cl.Stopped(c.Why, by, now)
	})
}

// Run lifts the stop.
func (c startCmd) Run(ctx context.Context, s *session) error {
	return c.turn(ctx, s, func(cl ledger.Cluster, by string, now time.Time) (ledger.Switching, error) {
		return cl.Started(c.Why, by, now)
	})
}

// turn writes the control of one cluster, or of all. A cluster that fails does
// not keep the others from being stopped.
func (f switchFlags) turn(ctx context.Context, s *session, build func(ledger.Cluster, string, time.Time) (ledger.Switching, error)) error {
	by, err := s.author(f.Author)
	if err != nil {
		return err
	}
	l, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	clusters, err := f.chosen(ctx, s, l)
	if err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Second)
	all := []switched{}
	var errs []error
	for _, name := range clusters {
		one, err := f.turnOne(ctx, l, name, func(cl ledger.Cluster) (ledger.Switching, error) { return build(cl, by, now) })
		if err != nil {
			errs = append(errs, fmt.Errorf("cluster %s: %w", name, err))
			continue
		}
		all = append(all, one)
	}
	if s.json {
		return errors.Join(append(errs, s.printJSON(map[string]any{"clusters": all, "dryRun": f.DryRun}))...)
	}
	for _, one := range all {
		s.switched(one)
	}
	if f.DryRun {
		s.say("dry run: nothing was written")
	}
	return errors.Join(errs...)
}

// chosen gives the clusters to turn. Several are turned only by --all: whoever
// stops one must not stop another by leaving out its name.
func (f switchFlags) chosen(ctx context.Context, s *session, l Ledger) ([]fleet.ClusterName, error) {
	if !f.All {
		cl, err := clusterFlag(f.onlyCluster).one(ctx, s, l)
		return []fleet.ClusterName{cl.Name}, err
	}
	if f.Cluster != "" {
		return nil, refused("--all and --cluster %s exclude each other: keep one", f.Cluster)
	}
	all, err := l.Clusters(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("list the clusters of the ledger: %w", err)
	case len(all) == 0:
		return nil, errNothing
	}
	return all, nil
}

func (f switchFlags) turnOne(ctx context.Context, l Ledger, name fleet.ClusterName, build func(ledger.Cluster) (ledger.Switching, error)) (switched, error) {
	var one switched
	cl, err := l.Read(ctx, name)
	if err != nil {
		return one, fmt.Errorf("read the ledger: %w", err)
	}
	edit := func(cl ledger.Cluster) (ledger.Change, error) {
		var err error
		if one.Switching, err = build(cl); err != nil {
			return ledger.Change{}, &coded{ExitRefused, err}
		}
		return one.Change(), nil
	}
	if f.DryRun {
		_, err = edit(cl)
	} else if err = ledger.Revise(ctx, l, cl, edit); err == nil {
		one.Written = !one.Empty()
	}
	return one, err
}

// switched prints what became of one cluster.
func (s *session) switched(one switched) {
	c, before := one.Control, one.Before
	switch {
	case one.Empty():
		s.printf("cluster %s: the global stop is not set, nothing to lift\n", one.Cluster)
	case c.Stop:
		s.printf("cluster %s: %s by %s: %s\n", one.Cluster, s.paint(red, "GLOBAL STOP"), c.By, c.Why)
		if before.Stop {
			s.printf("  replaces  the stop that %s set %s: %s\n", before.By, s.ago(before.At), before.Why)
		}
		if one.Written {
			s.printf("  effect    no run that begins from now on orders anything; an order that was claimed before may still be carried out\n")
			s.printf("  lift it   trimtab start --cluster %s\n", one.Cluster)
		}
	default:
		s.printf("cluster %s: started by %s; it was stopped by %s %s: %s\n", one.Cluster, c.By, before.By, s.ago(before.At), before.Why)
		if one.Written {
			s.printf("  effect    at the next tick, within a minute, for every target\n")
		}
	}
}
