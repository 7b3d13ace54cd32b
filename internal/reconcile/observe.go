package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// view is the world and the rows of one cluster as one evaluation saw them.
type view struct {
	rows  ledger.Cluster
	cells []policy.Input
	calm  int // targets left out since nothing in their group's cell is due
}

// observe reads the world for a scope. Intents whose time has passed are closed
// or dropped first, and the rows read again; a dry run leaves them alone. What
// cannot be read makes the cells it concerns hold and leaves the others; an
// error beside a view says what was not read or not healed.
func (s *Stair) observe(ctx context.Context, now time.Time, sc scope) (view, error) {
	sc.services = pairsOf(sc.rows).whole(sc.services)
	w, err := s.look(ctx, sc)
	if !sc.dryRun {
		healed, herr := s.heal(ctx, now, sc.rows, w)
		err = errors.Join(err, herr)
		if healed {
			rows, rerr := s.Book.Read(ctx, sc.cluster)
			if rerr != nil {
				return view{}, errors.Join(err, fmt.Errorf("read the ledger of cluster %s again: %w", sc.cluster, rerr))
			}
			sc.rows = rows
			// What others ordered since is in these rows: the world must not be older.
			again, lerr := s.look(ctx, sc)
			w, err = again, errors.Join(err, lerr)
		}
	}
	v := view{rows: sc.rows, cells: s.assemble(now, sc, w), calm: len(w.skipped)}
	s.probe(ctx, now, v.cells)
	s.measure(ctx, now, v.cells)
	s.askQueues(ctx, now, v.cells)
	sc.spend.see(v.cells)
	return v, err
}

// world is what ECS and EC2 Auto Scaling showed.
type world struct {
	named     []fleet.GroupName                   // groups with a policy
	fallbacks map[fleet.GroupName]fleet.GroupName // by the group for which each takes over
	services  []fleet.Service
	instances []fleet.Instance
	groups    map[fleet.GroupName]*fleet.Group // nil: Auto Scaling knows none of that name
	touched   []fleet.GroupName                // groups to evaluate, sorted
	asked     []fleet.ServiceName              // what was described, there or not
	// unread and unreadGroup say why a service or a group could not be read.
	unread      map[fleet.ServiceName]string
	unreadGroup map[fleet.GroupName]string
	skipped     map[fleet.ServiceName]bool // services of groups that are not due
}

func (w *world) service(n fleet.ServiceName) (fleet.Service, bool) {
	return fleet.Snapshot{Services: w.services}.Service(n)
}

// look reads the services of the scope and, where one of them lands on a group
// that has a policy, the whole cluster: the group's cell is everything that can
// land on it.
func (s *Stair) look(ctx context.Context, sc scope) (*world, error) {
	w := &world{
		groups: map[fleet.GroupName]*fleet.Group{}, unread: map[fleet.ServiceName]string{},
		unreadGroup: map[fleet.GroupName]string{}, skipped: map[fleet.ServiceName]bool{},
	}
	for _, r := range sc.rows.Rows {
		if r.Target.Kind == fleet.GroupTarget && r.Policy != nil {
			w.named = append(w.named, fleet.GroupName(r.Target.Name))
		}
	}
	w.fallbacks = fallbacks(sc.rows)
	read, cancel := context.WithTimeout(ctx, readWithin)
	err := s.describe(read, sc.cluster, sc.services, w)
	cancel()
	if err != nil {
		err = fmt.Errorf("describe services of cluster %s: %w", sc.cluster, err)
	}
	w.touched = slices.Clone(sc.groups)
	for _, v := range w.services {
		key := fleet.ServiceKey{Cluster: sc.cluster, Service: v.Name}
		if g := w.home(v); g != "" && (sc.hot == nil || sc.hot(key.Target())) {
			w.touched = append(w.touched, g)
		}
	}
	w.withPartners()
	slices.Sort(w.touched)
	w.touched = slices.Compact(w.touched)
	for _, v := range w.services {
		if g := w.home(v); g != "" && !slices.Contains(w.touched, g) {
			w.skipped[v.Name] = true // due by its turn alone: the group's own turn evaluates the cell
		}
	}
	if len(w.touched) > 0 {
		s.lookAtGroups(ctx, sc, w)
	}
	return w, err
}

// describe reads services into the world. Where a batch cannot be read it is
// halved until the service that stands in the way is alone: it alone is then
// unread. If neither half can be read, or the time is up, ECS is at fault: all
// of them are unread, and the error says so.
func (s *Stair) describe(ctx context.Context, c fleet.ClusterName, names []fleet.ServiceName, w *world) error {
	if len(names) == 0 {
		return nil
	}
	got, err := s.Services.Describe(ctx, c, names)
	switch {
	case err == nil:
		w.services, w.asked = append(w.services, got...), append(w.asked, names...)
		return nil
	case len(names) == 1:
		w.unread[names[0]] = err.Error()
		return nil
	case ctx.Err() != nil:
		return w.giveUp(names, err)
	}
	before, half := len(w.asked), len(names)/2
	if left := s.describe(ctx, c, names[:half], w); left != nil || len(w.asked) == before {
		// The first half gave nothing at all: try one of the other before asking for every name.
		if _, again := s.Services.Describe(ctx, c, names[len(names)-1:]); again != nil {
			return w.giveUp(names, err)
		}
		_ = w.giveUp(names[:half], err)
	}
	return s.describe(ctx, c, names[half:], w)
}

// giveUp marks services as unread.
func (w *world) giveUp(names []fleet.ServiceName, err error) error {
	for _, n := range names {
		w.unread[n] = err.Error()
	}
	return err
}

// lookAtGroups reads the whole cluster for the touched groups. What fails is
// kept with the groups it concerns; services on Fargate go on without them.
func (s *Stair) lookAtGroups(ctx context.Context, sc scope, w *world) {
	read, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	names, err := s.Services.Names(read, sc.cluster)
	if err == nil {
		names = slices.DeleteFunc(names, func(n fleet.ServiceName) bool {
			_, failed := w.unread[n]
			return failed || slices.Contains(w.asked, n)
		})
		slices.Sort(names)
		err = s.describe(read, sc.cluster, names, w)
	}
	if err == nil {
		w.instances, err = s.Services.Instances(read, sc.cluster)
	}
	for _, g := range w.touched {
		if err != nil {
			w.unreadGroup[g] = "the cluster could not be read: " + err.Error()
			continue
		}
		got, ok, gerr := s.Groups.Describe(read, g)
		switch {
		case gerr != nil:
			w.unreadGroup[g] = gerr.Error()
		case !ok:
			w.groups[g] = nil
		default:
			w.groups[g] = &got
			for i := range w.instances {
				_, member := got.Member(w.instances[i].ID)
				if member || slices.Contains(got.InService, w.instances[i].ID) {
					w.instances[i].Group = g
				}
			}
		}
	}
}

// home gives the group with a policy that the service's tasks land on, or "".
// A service with launch type EC2 lands on any instance of the cluster, so it
// belongs to the cluster's only group, or the only one with its fallback; with
// several it stands alone, since which of them to raise for it is not known.
func (w *world) home(v fleet.Service) fleet.GroupName {
	switch {
	case v.Compute != fleet.EC2:
		return ""
	case slices.Contains(w.named, v.Group):
		return v.Group
	case v.Group == "":
		return w.onlyPrimary()
	}
	return ""
}

// assemble forms the cells of the scope: each touched group with all that
// lands on it, and every other service alone.
func (s *Stair) assemble(now time.Time, sc scope, w *world) []policy.Input {
	var cells []policy.Input
	housed := map[fleet.ServiceName]bool{}
	for _, g := range w.touched {
		in := s.blank(now, sc, fleet.Cell{Cluster: sc.cluster, Group: g})
		row := sc.rows.Row(fleet.GroupOf(sc.cluster, g))
		if row.Policy == nil || row.Policy.Group == nil {
			continue
		}
		in.Group = &policy.GroupInput{Policy: *row.Policy.Group, Overrides: row.Overrides, History: row.History}
		in.Fleet.Group = w.groups[g]
		in.Unreadable = w.unreadGroup[g]
		in.Lease = lease(now, in.Lease, row)
		for _, i := range w.instances {
			if i.Group == g {
				in.Fleet.Instances = append(in.Fleet.Instances, i)
			}
		}
		in.Drains, in.Failed = openDrains(sc.rows, g), failedDrains(sc.rows, g)
		in.Doomed = doomed(sc.doomed, in.Fleet.Instances)
		for _, v := range w.services {
			if w.home(v) == g {
				housed[v.Name] = true
				v.Group = g
				in.Fleet.Services = append(in.Fleet.Services, v)
				enter(now, &in, sc.rows.Row(fleet.ServiceKey{Cluster: sc.cluster, Service: v.Name}.Target()))
			}
		}
		cells = append(cells, in)
	}
	w.pair(cells)
	return append(cells, s.alone(now, sc, w, housed)...)
}

// alone forms the cells of the services that land on no group: each its own, or with
// its fallback.
func (s *Stair) alone(now time.Time, sc scope, w *world, housed map[fleet.ServiceName]bool) []policy.Input {
	cells := make([]policy.Input, 0, len(sc.services))
	paired, done := pairsOf(sc.rows), map[fleet.ServiceName]bool{}
	elsewhere := func(n fleet.ServiceName) bool { return housed[n] || w.skipped[n] }
	for _, n := range sc.services {
		if elsewhere(n) || done[n] {
			continue
		}
		names := paired.of(n)
		if slices.ContainsFunc(names, elsewhere) {
			names = []fleet.ServiceName{n}
		}
		in := s.blank(now, sc, fleet.Cell{Cluster: sc.cluster, Service: names[0]})
		for _, m := range names {
			done[m] = true
			if v, ok := w.service(m); ok {
				in.Fleet.Services = append(in.Fleet.Services, v)
				if v.Compute == fleet.EC2 && v.Group == "" && v.Provider == "" {
					in.Homes = w.named
				}
			}
			in.Unreadable = cmp.Or(in.Unreadable, w.unread[m])
			enter(now, &in, sc.rows.Row(fleet.ServiceKey{Cluster: sc.cluster, Service: m}.Target()))
		}
		cells = append(cells, in)
	}
	return cells
}

// housed is the cell of one group, also where it has no policy any more.
func (s *Stair) housed(now time.Time, sc scope, w *world, g fleet.GroupName) policy.Input {
	for _, in := range s.assemble(now, sc, w) {
		if in.Cell.Group == g {
			return in
		}
	}
	in := s.blank(now, sc, fleet.Cell{Cluster: sc.cluster, Group: g})
	in.Fleet.Group, in.Unreadable = w.groups[g], w.unreadGroup[g]
	in.Drains, in.Fleet.Services = openDrains(sc.rows, g), w.services
	for _, i := range w.instances {
		if i.Group == g {
			in.Fleet.Instances = append(in.Fleet.Instances, i)
		}
	}
	return in
}

func (s *Stair) blank(now time.Time, sc scope, c fleet.Cell) policy.Input {
	stop := sc.rows.Control
	return policy.Input{Cell: c, Mode: s.Mode, Stop: stop.Stop, StopWhy: stopWhy(stop), Fleet: fleet.Snapshot{At: now}}
}

// stopWhy says who has set the global stop and why, as an override's words do.
func stopWhy(c ledger.Control) string {
	if !c.Stop {
		return ""
	}
	return fmt.Sprintf("by %s since %s (%s)", c.By, c.At.UTC().Format(time.RFC3339), c.Why)
}

// enter adds a service with a policy to a cell; services without one are only
// part of what is packed.
func enter(now time.Time, in *policy.Input, row ledger.Row) {
	if row.Policy == nil || row.Policy.Service == nil {
		return
	}
	in.Services = append(in.Services, policy.ServiceInput{
		Name: fleet.ServiceName(row.Target.Name), Policy: *row.Policy.Service,
		Overrides: row.Overrides, History: row.History,
	})
	in.Lease = lease(now, in.Lease, row)
}

// lease keeps the longest lease on a cell: an open intent of any of its rows.
func lease(now time.Time, have *policy.Lease, row ledger.Row) *policy.Lease {
	if row.Intent == nil || !now.Before(row.Intent.Free()) {
		return have
	}
	if have != nil && have.Until.After(row.Intent.Free()) {
		return have
	}
	return &policy.Lease{By: row.Intent.ID, Until: row.Intent.Free()}
}
