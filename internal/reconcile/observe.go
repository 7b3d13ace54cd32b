package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// view is the world and the rows of one cluster as one evaluation saw them.
type view struct {
	rows  ledger.Cluster
	cells []policy.Input
}

// observe reads the world for a scope. Intents whose time has passed are closed
// or dropped first, and the rows read again; a dry run leaves them alone.
func (s *Stair) observe(ctx context.Context, now time.Time, sc scope) (view, error) {
	w, err := s.look(ctx, sc)
	if err != nil {
		return view{}, err
	}
	if !sc.dryRun {
		healed, err := s.heal(ctx, now, sc.rows, w)
		if err != nil {
			return view{}, err
		}
		if healed {
			if sc.rows, err = s.Book.Read(ctx, sc.cluster); err != nil {
				return view{}, fmt.Errorf("read the ledger again: %w", err)
			}
		}
	}
	v := view{rows: sc.rows, cells: s.assemble(now, sc, w)}
	s.measure(ctx, now, v.cells)
	return v, nil
}

// reread is observe with the rows as they are now.
func (s *Stair) reread(ctx context.Context, now time.Time, sc scope) (view, error) {
	rows, err := s.Book.Read(ctx, sc.cluster)
	if err != nil {
		return view{}, fmt.Errorf("read the ledger again: %w", err)
	}
	sc.rows = rows
	return s.observe(ctx, now, sc)
}

// world is what ECS and EC2 Auto Scaling showed.
type world struct {
	services  []fleet.Service
	instances []fleet.Instance
	groups    map[fleet.GroupName]*fleet.Group // nil: Auto Scaling knows none of that name
	touched   []fleet.GroupName                // groups to evaluate, sorted
}

func (w world) service(n fleet.ServiceName) (fleet.Service, bool) {
	return fleet.Snapshot{Services: w.services}.Service(n)
}

// look reads the services of the scope and, where one of them lands on a group
// that has a policy, the whole cluster: the group's cell is everything that can
// land on it.
func (s *Stair) look(ctx context.Context, sc scope) (world, error) {
	var w world
	var err error
	if len(sc.services) > 0 {
		if w.services, err = s.Services.Describe(ctx, sc.cluster, sc.services); err != nil {
			return world{}, fmt.Errorf("describe services: %w", err)
		}
	}
	w.touched = slices.Clone(sc.groups)
	for _, v := range w.services {
		if g := home(v, sc.rows); g != "" && !slices.Contains(w.touched, g) {
			w.touched = append(w.touched, g)
		}
	}
	slices.Sort(w.touched)
	if len(w.touched) == 0 {
		return w, nil
	}
	return w, s.lookAtGroups(ctx, sc, &w)
}

func (s *Stair) lookAtGroups(ctx context.Context, sc scope, w *world) error {
	names, err := s.Services.Names(ctx, sc.cluster)
	if err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	if w.services, err = s.Services.Describe(ctx, sc.cluster, union(names, sc.services)); err != nil {
		return fmt.Errorf("describe services: %w", err)
	}
	if w.instances, err = s.Services.Instances(ctx, sc.cluster); err != nil {
		return fmt.Errorf("describe container instances: %w", err)
	}
	w.groups = map[fleet.GroupName]*fleet.Group{}
	for _, g := range w.touched {
		got, ok, err := s.Groups.Describe(ctx, g)
		if err != nil {
			return fmt.Errorf("describe Auto Scaling group %s: %w", g, err)
		}
		w.groups[g] = nil
		if !ok {
			continue
		}
		w.groups[g] = &got
		for i := range w.instances {
			if slices.Contains(got.InService, w.instances[i].ID) {
				w.instances[i].Group = g
			}
		}
	}
	return nil
}

func union(a, b []fleet.ServiceName) []fleet.ServiceName {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// home gives the group with a policy that the service's tasks land on, or "".
// A service with launch type EC2 lands on any instance of the cluster, so it
// belongs to the cluster's only group; with several it stands alone, since
// which of them to raise for it is not known.
func home(v fleet.Service, rows ledger.Cluster) fleet.GroupName {
	if v.Compute != fleet.EC2 {
		return ""
	}
	var named []fleet.GroupName
	for _, r := range rows.Rows {
		if r.Target.Kind == fleet.GroupTarget && r.Policy != nil {
			named = append(named, fleet.GroupName(r.Target.Name))
		}
	}
	switch {
	case slices.Contains(named, v.Group):
		return v.Group
	case v.Group == "" && len(named) == 1:
		return named[0]
	}
	return ""
}

// assemble forms the cells of the scope: each touched group with all that
// lands on it, and every other service alone.
func (s *Stair) assemble(now time.Time, sc scope, w world) []policy.Input {
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
		in.Lease = lease(now, in.Lease, row)
		for _, i := range w.instances {
			if i.Group == g {
				in.Fleet.Instances = append(in.Fleet.Instances, i)
			}
		}
		for _, v := range w.services {
			if home(v, sc.rows) == g {
				housed[v.Name] = true
				v.Group = g
				in.Fleet.Services = append(in.Fleet.Services, v)
				enter(now, &in, sc.rows.Row(fleet.ServiceKey{Cluster: sc.cluster, Service: v.Name}.Target()))
			}
		}
		cells = append(cells, in)
	}
	for _, n := range sc.services {
		if housed[n] {
			continue
		}
		in := s.blank(now, sc, fleet.Cell{Cluster: sc.cluster, Service: n})
		if v, ok := w.service(n); ok {
			in.Fleet.Services = []fleet.Service{v}
		}
		enter(now, &in, sc.rows.Row(in.Cell.Lock()))
		cells = append(cells, in)
	}
	return cells
}

func (s *Stair) blank(now time.Time, sc scope, c fleet.Cell) policy.Input {
	return policy.Input{Cell: c, Mode: s.Mode, Stop: sc.rows.Control.Stop, Fleet: fleet.Snapshot{At: now}}
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

// measure reads the metrics of every cell in one go. What cannot be read is a
// failed series: the decision then holds and says why.
func (s *Stair) measure(ctx context.Context, now time.Time, cells []policy.Input) {
	var queries []signal.Query
	ends := make([]int, len(cells))
	for i, in := range cells {
		for _, sv := range in.Services {
			k := fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: sv.Name}
			queries = append(queries, taskcount.Queries(k, sv.Policy)...)
		}
		ends[i] = len(queries)
	}
	if len(queries) == 0 {
		return
	}
	got, err := s.Signals.Fetch(ctx, now, queries)
	if err != nil || len(got) != len(queries) {
		why := fmt.Sprintf("%d answers for %d queries", len(got), len(queries))
		if err != nil {
			why = err.Error()
		}
		got = make([]signal.Series, len(queries))
		for i, q := range queries {
			got[i] = signal.Series{Metric: q.Metric, Status: signal.Failed, Why: why}
		}
	}
	start := 0
	for i := range cells {
		cells[i].Signals = got[start:ends[i]:ends[i]]
		slices.SortStableFunc(cells[i].Signals, func(a, b signal.Series) int {
			return cmp.Compare(a.Metric.Key(), b.Metric.Key())
		})
		start = ends[i]
	}
}
