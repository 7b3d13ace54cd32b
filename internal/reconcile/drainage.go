package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Drainage walks the removals of instances one step further: it reads each row
// and the world, and does what the row says next. It keeps nothing between runs.
type Drainage struct {
	Book     ledger.Book
	Drains   ledger.Drains
	Services Services
	Hosts    Hosts
	Groups   Groups
	// Activities and Exits are Auto Scaling's as well, with permissions of their own.
	Activities Activities
	Exits      Exits
	// Owners tells who else sizes a group: such a group is left alone.
	Owners  Owners
	Notices Notices
	Log     *slog.Logger
	// Metrics takes one line of CloudWatch embedded metric format per run.
	Metrics io.Writer
	// Now is the clock; NewID names a claim uniquely.
	Now   func() time.Time
	NewID func() string
	// Mode is the ceiling of every group's mode.
	Mode spec.Mode
}

// HookPrefix begins the names of the lifecycle hooks that are Trimtab's to end. A hook
// of another name belongs to somebody who still waits for it.
const HookPrefix = "trimtab"

// DrainReport is one removal that was looked at.
type DrainReport struct {
	drain.Row
	// Acts were done, or would be in a dry run.
	Acts []drain.Act `json:"acts,omitempty"`
	// Now says what is done or waited for.
	Now   string `json:"now"`
	Error string `json:"error,omitempty"`
}

// Run advances every removal that the event is about, after opening the ones that it
// calls for. One that fails does not stop the others.
func (d *Drainage) Run(ctx context.Context, ev event.Event) (Report, error) {
	rep := Report{At: d.Now(), Event: string(ev.Kind), Via: string(ev.Via), EventID: ev.ID, DryRun: ev.DryRun, Cells: []CellReport{}}
	err := d.one(ctx, ev, &rep)
	if err != nil {
		rep.Error = err.Error()
	}
	d.announce(ctx, rep, err)
	return rep, err
}

// one opens what the event calls for and advances every group that it is about.
func (d *Drainage) one(ctx context.Context, ev event.Event, rep *Report) error {
	beds, err := d.locate(ctx, ev, rep)
	errs := []error{err}
	for _, b := range beds {
		if late(ctx, d.Now()) {
			rep.Left++
			continue
		}
		if err := d.group(ctx, b, ev, rep); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", fleet.GroupOf(b.cluster, b.group), err))
		}
	}
	return errors.Join(errs...)
}

// bed is one group whose removals are to be advanced.
type bed struct {
	cluster fleet.ClusterName
	group   fleet.GroupName
	// open is a removal to begin, nil for none.
	open *drain.Row
	// undo is an instance to give back.
	undo fleet.InstanceID
}

// locate finds the groups that an event is about.
func (d *Drainage) locate(ctx context.Context, ev event.Event, rep *Report) ([]bed, error) {
	switch ev.Kind {
	case event.Tick, event.TickAll:
		return d.all(ctx, ev.Kind == event.TickAll)
	case event.Lifecycle:
		return d.hooked(ctx, ev, rep)
	case event.Spot, event.Rebalance, event.Drain:
		return d.asked(ctx, ev, rep)
	case event.TaskChange, event.HostChange, event.InstanceState, event.Termination:
		return d.about(ctx, ev)
	default:
		rep.Unmatched = append(rep.Unmatched, strings.TrimSpace(ev.Source+" "+ev.DetailType))
	}
	return nil, nil
}

// all gives every group with an open removal, and at its turn one whose protection is
// kept or whose instances wait for a hook that no event told of.
func (d *Drainage) all(ctx context.Context, every bool) ([]bed, error) {
	var missed []bed
	var errs []error
	beds, err := d.beds(ctx, func(c ledger.Cluster, g fleet.GroupName, p spec.Group) bool {
		open := openDrains(c, g)
		if spec.Least(d.Mode, p.Mode) != spec.Act || !every && !turnOf(d.Now(), fleet.GroupOf(c.Name, g)) {
			return len(open) > 0
		}
		more, err := d.missed(ctx, c.Name, g, open)
		missed, errs = append(missed, more...), append(errs, err)
		return len(open) > 0 || p.ScaleIn.ManageProtection
	})
	return append(beds, missed...), errors.Join(append(errs, err)...)
}

// about gives the groups with an open removal of the event's instance. Most events are
// about others, and end here.
func (d *Drainage) about(ctx context.Context, ev event.Event) ([]bed, error) {
	return d.beds(ctx, func(c ledger.Cluster, g fleet.GroupName, _ spec.Group) bool {
		return slices.ContainsFunc(openDrains(c, g), func(r drain.Row) bool {
			return ev.Instance != "" && r.Instance == ev.Instance || ev.HostARN != "" && r.ARN == ev.HostARN
		})
	})
}

// beds gives the groups with a policy for which want says so.
func (d *Drainage) beds(ctx context.Context, want func(ledger.Cluster, fleet.GroupName, spec.Group) bool) ([]bed, error) {
	names, err := d.Book.Clusters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the clusters of the ledger: %w", err)
	}
	var out []bed
	var errs []error
	for _, c := range names {
		rows, err := d.Book.Read(ctx, c)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the ledger of cluster %s: %w", c, err))
			continue
		}
		for _, g := range groupsOf(rows) {
			var p spec.Group
			if row := rows.Row(fleet.GroupOf(c, g)).Policy; row != nil && row.Group != nil {
				p = *row.Group
			}
			if want(rows, g, p) {
				out = append(out, bed{cluster: c, group: g})
			}
		}
	}
	return out, errors.Join(errs...)
}

// groupsOf gives the groups of a cluster that have a policy, or had one when a removal
// began that is still open.
func groupsOf(rows ledger.Cluster) []fleet.GroupName {
	var out []fleet.GroupName
	for _, r := range rows.Rows {
		if r.Policy != nil && r.Policy.Group != nil {
			out = append(out, fleet.GroupName(r.Target.Name))
		}
	}
	for _, r := range rows.Drains {
		if !r.State.Closed() && !slices.Contains(out, r.Group) {
			out = append(out, r.Group)
		}
	}
	return out
}

// homesOf gives the groups with a policy that have an instance.
func (d *Drainage) homesOf(ctx context.Context, g fleet.GroupName) ([]bed, error) {
	return d.beds(ctx, func(_ ledger.Cluster, name fleet.GroupName, _ spec.Group) bool { return name == g })
}

// hooked begins the removal of an instance that Auto Scaling terminates and for which a
// hook of ours waits.
func (d *Drainage) hooked(ctx context.Context, ev event.Event, rep *Report) ([]bed, error) {
	beds, err := d.homesOf(ctx, ev.Group)
	if err != nil || len(beds) == 0 || !strings.HasPrefix(ev.HookName, HookPrefix) {
		rep.Unmatched = append(rep.Unmatched, fmt.Sprintf("hook %s of group %s", ev.HookName, ev.Group))
		return nil, err
	}
	hook, err := d.hook(ctx, ev.Group, ev.HookName)
	if err != nil {
		return nil, err
	}
	if hook == nil {
		rep.Unmatched = append(rep.Unmatched, fmt.Sprintf("hook %s of group %s", ev.HookName, ev.Group))
		return nil, nil
	}
	hook.Token, hook.Started = ev.HookToken, d.happened(ev)
	return begin(beds, terminated(ev.Group, ev.Instance, hook)), nil
}

func terminated(g fleet.GroupName, id fleet.InstanceID, h *drain.Hook) drain.Row {
	return drain.Row{Group: g, Instance: id, Cause: drain.Lifecycle, Because: "Auto Scaling terminates it", Hook: h}
}

// hook gives the hook of a name, or any of ours for no name; nil for none.
func (d *Drainage) hook(ctx context.Context, g fleet.GroupName, name string) (*drain.Hook, error) {
	hooks, err := d.Exits.Hooks(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("read the hooks of group %s: %w", g, err)
	}
	for _, h := range hooks {
		if h.Name == name || name == "" && strings.HasPrefix(h.Name, HookPrefix) {
			return &h, nil
		}
	}
	return nil, nil
}

// missed begins the removals of instances that wait for a hook of ours and of which no
// event has told: Auto Scaling promises none.
func (d *Drainage) missed(ctx context.Context, c fleet.ClusterName, name fleet.GroupName, known []drain.Row) ([]bed, error) {
	g, ok, err := d.Groups.Describe(ctx, name)
	if err != nil || !ok {
		return nil, err
	}
	var out []bed
	var hook *drain.Hook
	for _, m := range g.Members {
		if m.State != "Terminating:Wait" || slices.ContainsFunc(known, func(r drain.Row) bool { return r.Instance == m.ID }) {
			continue
		}
		if hook == nil {
			if hook, err = d.hook(ctx, name, ""); err != nil || hook == nil {
				return nil, err
			}
		}
		h := *hook
		h.Started = d.Now()
		out = append(out, begin([]bed{{cluster: c, group: name}}, terminated(name, m.ID, &h))...)
	}
	return out, nil
}

// asked begins the removal of an instance that EC2 takes back, or that a person names.
func (d *Drainage) asked(ctx context.Context, ev event.Event, rep *Report) ([]bed, error) {
	homes, err := d.Activities.Homes(ctx, []fleet.InstanceID{ev.Instance})
	if err != nil {
		return nil, fmt.Errorf("find the group of instance %s: %w", ev.Instance, err)
	}
	g, ok := homes[ev.Instance]
	var beds []bed
	if ok {
		beds, err = d.homesOf(ctx, g)
		beds = slices.DeleteFunc(beds, func(b bed) bool { return ev.Cluster != "" && b.cluster != ev.Cluster })
	}
	if err != nil {
		return nil, err
	}
	if len(beds) == 0 {
		if ev.Kind == event.Drain {
			return nil, fmt.Errorf("drain instance %s: no group of cluster %s with a policy has it; name an EC2 instance id of one, or apply a policy for its group", ev.Instance, ev.Cluster)
		}
		rep.Unmatched = append(rep.Unmatched, "instance "+string(ev.Instance))
		return nil, nil
	}
	if ev.Kind == event.Drain && ev.Request.Undo {
		for i := range beds {
			beds[i].undo = ev.Instance
		}
		return beds, nil
	}
	if ev.Kind == event.Rebalance && d.Now().Sub(d.happened(ev)) > adviceFor {
		rep.Unmatched = append(rep.Unmatched, fmt.Sprintf("warning of %s about instance %s", ev.Time.UTC().Format(time.RFC3339), ev.Instance))
		return nil, nil
	}
	row := d.wanted(g, ev)
	if row.Cause == drain.Spot && !d.Now().Before(row.Deadline.Add(drain.Grace)) {
		// Its removal would be given back at once: EC2 has had its time.
		rep.Unmatched = append(rep.Unmatched, fmt.Sprintf("notice of %s that EC2 takes instance %s", ev.Time.UTC().Format(time.RFC3339), ev.Instance))
		return nil, nil
	}
	return begin(beds, row), nil
}

// wanted is the row of a removal that EC2 or a person calls for.
func (d *Drainage) wanted(g fleet.GroupName, ev event.Event) drain.Row {
	row := drain.Row{Group: g, Instance: ev.Instance}
	if ev.Kind == event.Drain {
		row.Cause, row.Because, row.By = drain.Manual, ev.Request.Why, ev.Request.By
		return row
	}
	if ev.Kind == event.Rebalance {
		row.Cause, row.Because = drain.Rebalance, "EC2 warns that it may take the Spot instance back"
		return row
	}
	row.Cause, row.Because = drain.Spot, "EC2 takes the Spot instance back"
	row.Deadline = d.happened(ev).Add(spotNotice)
	return row
}

// happened gives when the event happened, now at the latest: a time in the future would
// put off what is due, for as long as whoever wrote it likes.
func (d *Drainage) happened(ev event.Event) time.Time {
	if now := d.Now(); ev.Time.IsZero() || ev.Time.After(now) {
		return now
	}
	return ev.Time
}

// adviceFor is how long a warning that EC2 may take an instance back is news.
const adviceFor = 15 * time.Minute

// spotNotice is how long ahead EC2 tells that it takes a Spot instance back.
const spotNotice = 2 * time.Minute

func begin(beds []bed, row drain.Row) []bed {
	for i := range beds {
		r := row
		r.Cluster, r.Group = beds[i].cluster, beds[i].group
		beds[i].open = &r
	}
	return beds
}
