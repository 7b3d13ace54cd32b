package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// groupCmd holds the commands about one Auto Scaling group.
type groupCmd struct {
	Explain    explainGroupCmd   `cmd:"" help:"Explain the last decisions about the group: which rule bound, what was ordered and drained."`
	Pause      pauseGroupCmd     `cmd:"" help:"Order nothing for the group until a time."`
	SuspendIn  suspendGroupInCmd `cmd:"" help:"Remove no instance of the group until a time."`
	SuspendOut suspendGroupCmd   `cmd:"" help:"Never raise the group until a time."`
	Hold       holdGroupCmd      `cmd:"" help:"Hold the group at a number of instances until a time."`
	Min        minGroupCmd       `cmd:"" help:"Keep at least so many instances until a time."`
	Max        maxGroupCmd       `cmd:"" help:"Keep at most so many instances until a time."`
	Resume     resumeGroupCmd    `cmd:"" help:"End the overrides of the group now."`
}

// onlyCluster names the one cluster that a command writes to.
type onlyCluster struct {
	Cluster string `help:"ECS cluster (default: TRIMTAB_CLUSTER, else the ledger's only one)." placeholder:"NAME" short:"c"`
}

// writeFlags are those of every command by which a person's word is written.
type writeFlags struct {
	Author string `help:"Who says so (default: TRIMTAB_AUTHOR, else user@host)." placeholder:"NAME"`
	DryRun bool   `help:"Show what would be written and write nothing."`
	onlyCluster
	ledgerFlags
}

// overrideFlags are those of every command that sets an override. Kong is not
// told that some are mandatory: its words would not say why.
type overrideFlags struct {
	For   string `help:"How long it holds: 90m, 2h, 3d; 1m to 30d. This or --until is mandatory." placeholder:"DURATION"`
	Until string `help:"When it ends: a time with its zone, as 2026-11-27T20:00:00Z." placeholder:"TIME"`
	Why   string `help:"The reason, up to 500 characters; mandatory." placeholder:"TEXT"`
	writeFlags
}

// resumeFlags are those of every command that ends overrides.
type resumeFlags struct {
	Only string `help:"End this kind alone: pause, suspendIn, suspendOut, hold, min or max." placeholder:"KIND"`
	Why  string `help:"The reason, kept with what is ended." placeholder:"TEXT"`
	writeFlags
}

type (
	serviceArg struct {
		Service string `arg:"" help:"Name of the service, or CLUSTER/SERVICE."`
	}
	groupArg struct {
		Group string `arg:"" help:"Name of the Auto Scaling group."`
	}
	pauseServiceCmd struct {
		serviceArg
		overrideFlags
	}
	suspendInCmd struct {
		serviceArg
		overrideFlags
	}
	suspendServiceCmd struct {
		serviceArg
		overrideFlags
	}
	holdCmd struct {
		Count tasks `arg:"" help:"Tasks, up to maxCapacity."`
		serviceArg
		overrideFlags
	}
	minCmd struct {
		Count tasks `arg:"" help:"Tasks, above minCapacity, up to maxCapacity."`
		serviceArg
		overrideFlags
	}
	maxCmd struct {
		Count tasks `arg:"" help:"Tasks, below maxCapacity."`
		serviceArg
		overrideFlags
	}
	pauseGroupCmd struct {
		groupArg
		overrideFlags
	}
	suspendGroupInCmd struct {
		groupArg
		overrideFlags
	}
	suspendGroupCmd struct {
		groupArg
		overrideFlags
	}
	holdGroupCmd struct {
		Count instances `arg:"" help:"Instances, within the group's MinSize and MaxSize."`
		groupArg
		overrideFlags
	}
	minGroupCmd struct {
		Count instances `arg:"" help:"Instances, up to the group's MaxSize."`
		groupArg
		overrideFlags
	}
	maxGroupCmd struct {
		Count instances `arg:"" help:"Instances, down to the group's MinSize."`
		groupArg
		overrideFlags
	}
	resumeServiceCmd struct {
		serviceArg
		resumeFlags
	}
	resumeGroupCmd struct {
		groupArg
		resumeFlags
	}
)

// Run sets a pause.
func (c pauseServiceCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.Pause}, c.target)
}

// Run suspends scale-in.
func (c suspendInCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.SuspendIn}, c.target)
}

// Run suspends scale-out.
func (c suspendServiceCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.SuspendOut}, c.target)
}

// Run holds the service at a count.
func (c holdCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.HoldAt, Count: int(c.Count)}, c.target)
}

// Run raises the minimum.
func (c minCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.MinAt, Count: int(c.Count)}, c.target)
}

// Run lowers the maximum.
func (c maxCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.MaxAt, Count: int(c.Count)}, c.target)
}

// Run pauses the group.
func (c pauseGroupCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.Pause}, c.target)
}

// Run suspends the removal of instances.
func (c suspendGroupInCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.SuspendIn}, c.target)
}

// Run suspends the raising of the group.
func (c suspendGroupCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.SuspendOut}, c.target)
}

// Run holds the group at a number of instances.
func (c holdGroupCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.HoldAt, Count: int(c.Count)}, c.target)
}

// Run sets the least number of instances.
func (c minGroupCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.MinAt, Count: int(c.Count)}, c.target)
}

// Run sets the greatest number of instances.
func (c maxGroupCmd) Run(ctx context.Context, s *session) error {
	return c.set(ctx, s, spec.Override{Kind: spec.MaxAt, Count: int(c.Count)}, c.target)
}

// Run ends overrides of the service.
func (c resumeServiceCmd) Run(ctx context.Context, s *session) error {
	return c.resume(ctx, s, c.target)
}

// Run ends overrides of the group.
func (c resumeGroupCmd) Run(ctx context.Context, s *session) error { return c.resume(ctx, s, c.target) }

// finder gives the cluster and the target that an argument names.
type finder func(ctx context.Context, s *session, l Ledger, f onlyCluster) (ledger.Cluster, fleet.Target, error)

func (a serviceArg) target(ctx context.Context, s *session, l Ledger, f onlyCluster) (ledger.Cluster, fleet.Target, error) {
	cl, err := clusterFlag(f).of(ctx, s, l, a.Service)
	if err != nil {
		return cl, fleet.Target{}, err
	}
	name := a.Service[strings.LastIndex(a.Service, "/")+1:]
	t := fleet.ServiceKey{Cluster: cl.Name, Service: fleet.ServiceName(name)}.Target()
	return cl, t, held(cl, t)
}

func (a groupArg) target(ctx context.Context, s *session, l Ledger, f onlyCluster) (ledger.Cluster, fleet.Target, error) {
	cl, err := clusterFlag(f).one(ctx, s, l)
	if err != nil {
		return cl, fleet.Target{}, err
	}
	t := fleet.GroupOf(cl.Name, fleet.GroupName(a.Group))
	return cl, t, held(cl, t)
}

// held refuses a target that the cluster has no row of, and names those it has.
func held(cl ledger.Cluster, t fleet.Target) error {
	if cl.Row(t).Generation > 0 {
		return nil
	}
	return fmt.Errorf("cluster %s has no %s %s in the ledger; it has %s", cl.Name, t.Kind, t.Name, targetsOf(cl, t.Kind))
}

// overridden is the JSON result of setting or ending overrides. It has the
// fields that the function answers an override payload with.
type overridden struct {
	ledger.Overriding
	Written bool `json:"written"`
	DryRun  bool `json:"dryRun,omitempty"`
}

// set writes an override, given with its kind and count.
func (f overrideFlags) set(ctx context.Context, s *session, o spec.Override, find finder) error {
	now := s.Now().UTC().Truncate(time.Second)
	if err := f.complete(s, &o, now); err != nil {
		return err
	}
	return f.write(ctx, s, find, func(r ledger.Row) (ledger.Overriding, error) { return r.WithOverride(o, now) })
}

// resume ends overrides.
func (f resumeFlags) resume(ctx context.Context, s *session, find finder) error {
	only := spec.OverrideKind(f.Only)
	for _, k := range spec.OverrideKinds() { // suspend-in is the name of its command
		if strings.EqualFold(strings.ReplaceAll(f.Only, "-", ""), string(k)) {
			only = k
		}
	}
	by, err := s.author(f.Author)
	if err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Second)
	return f.write(ctx, s, find, func(r ledger.Row) (ledger.Overriding, error) { return r.WithoutOverrides(only, f.Why, by, now) })
}

// complete fills the override from the flags, or tells everything that is wrong
// with them.
func (f overrideFlags) complete(s *session, o *spec.Override, now time.Time) error {
	until, noEnd := f.end(now)
	by, nobody := s.author(f.Author)
	if nobody == nil {
		nobody = flagged("--author", spec.CheckBy(by))
	}
	o.At, o.Until, o.Why, o.By = now, until, f.Why, by
	var faults []string
	for _, err := range []error{noEnd, flagged("--why", spec.CheckWhy(f.Why)), nobody} {
		if err != nil {
			faults = append(faults, err.Error())
		}
	}
	if len(faults) > 0 {
		return refused("%s", strings.Join(faults, "; "))
	}
	return nil
}

// end gives when the override ends.
func (f overrideFlags) end(now time.Time) (time.Time, error) {
	switch {
	case f.For != "" && f.Until != "":
		return now, errors.New("--for and --until exclude each other: keep one")
	case f.For != "":
		life, err := spec.ParseLife(f.For)
		return now.Add(life), flagged("--for", err)
	case f.Until != "":
		until, err := spec.ParseUntil(f.Until)
		if err == nil {
			err = spec.CheckUntil(until, now)
		}
		return until, flagged("--until", err)
	}
	return now, fmt.Errorf("--for or --until is missing: every override ends, after %s to %s",
		spec.LifeWords(spec.MinOverride), spec.LifeWords(spec.MaxOverride))
}

// flagged puts the name of a flag before what is wrong with it.
func flagged(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %w", flag, err)
}

// write puts what edit makes of the target's row into the ledger and tells it.
func (f writeFlags) write(ctx context.Context, s *session, find finder, edit func(ledger.Row) (ledger.Overriding, error)) error {
	l, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	cl, target, err := find(ctx, s, l, f.onlyCluster)
	if err != nil {
		return err
	}
	done := overridden{DryRun: f.DryRun}
	build := func(now ledger.Cluster) (ledger.Change, error) {
		row := now.Row(target)
		var err error
		if done.Overriding, err = edit(row); err != nil {
			return ledger.Change{}, &coded{ExitRefused, err}
		}
		done.Notes = append(done.Notes, s.remarks(now, row, done.Overriding)...)
		return done.Change(), nil
	}
	if f.DryRun {
		_, err = build(cl)
	} else {
		err = ledger.Revise(ctx, l, cl, build)
	}
	if err != nil {
		return err
	}
	done.Written = !f.DryRun && !done.Empty()
	if s.json {
		return s.printJSON(done)
	}
	s.overridden(done)
	return nil
}

// remarks are what a person should know beside: why the override may have no
// effect, or another one than meant.
func (s *session) remarks(cl ledger.Cluster, row ledger.Row, done ledger.Overriding) []string {
	if done.Empty() {
		return nil
	}
	var out []string
	if row.Policy != nil && modeOf(row) != spec.Act {
		out = append(out, "the policy is in observe mode: nothing is ordered anyway")
	}
	if cl.Control.Stop {
		out = append(out, "the global stop of the cluster is set: nothing is ordered before trimtab start")
	}
	if o := done.Override; o != nil && o.Kind.Counted() && row.Target.Kind == fleet.GroupTarget {
		out = append(out, "MinSize and MaxSize of the Auto Scaling group count all the same; the ledger does not know them")
	}
	for _, o := range done.Beside {
		if o.Kind == spec.Pause {
			out = append(out, "it is paused as well: nothing is ordered before the pause ends")
		}
	}
	if i := row.Intent; i != nil && !i.Lock && s.Now().Before(i.Free()) {
		out = append(out, fmt.Sprintf("the order %d -> %d was claimed before and may still be carried out", i.Before, i.Desired))
	}
	return out
}

// overridden prints what was set and ended.
func (s *session) overridden(done overridden) {
	what := fmt.Sprintf("%s of cluster %s", title(done.Target), done.Target.Cluster)
	if done.Empty() {
		s.printf("%s: no such override lives, nothing to end\n", what)
		return
	}
	ended := "replaces"
	if done.Override == nil {
		ended = "ends"
		s.printf("%s: resumed\n", what)
	} else {
		s.printf("%s: %s\n", what, s.overrideWords(*done.Override))
	}
	for _, o := range done.Ended {
		s.printf("  %-9s %s\n", ended, s.overrideWords(o))
	}
	for _, o := range done.Beside {
		s.printf("  %-9s %s\n", "beside", s.overrideWords(o))
	}
	for _, n := range done.Notes {
		s.printf("  %-9s %s\n", "note", n)
	}
	if done.DryRun {
		s.say("dry run: nothing was written")
		return
	}
	s.printf("  %-9s %s\n", "effect", "at the next tick, within a minute; no order that has not seen it can be claimed any more")
}

// overrideWords tells an override, and how long it still lives.
func (s *session) overrideWords(o spec.Override) string {
	left, grain := o.Until.Sub(s.Now()), time.Second
	if left > 10*time.Minute {
		grain = time.Minute
	}
	return fmt.Sprintf("%s by %s until %s (in %s): %s", o, o.By, stamp(o.Until), spec.LifeWords(left.Round(grain)), o.Why)
}
