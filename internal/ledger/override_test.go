package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

var (
	ten      = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	checkout = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}.Target()
	m7g      = fleet.GroupOf("prod", "prod-m7g")
)

func word(kind spec.OverrideKind, count int) spec.Override {
	return spec.Override{Kind: kind, Count: count, At: ten, Until: ten.Add(2 * time.Hour), Why: "sale", By: "ann"}
}

// rowOf is checkout with its bounds.
func rowOf(least, most int, overrides ...spec.Override) ledger.Row {
	return ledger.Row{
		Target: checkout, Generation: 7, Overrides: overrides,
		Policy: &ledger.Policy{Service: &spec.Service{MinCapacity: least, MaxCapacity: most}, Version: 1},
	}
}

// nightly lets a window lower the row's minCapacity.
func nightly(r ledger.Row, least int) ledger.Row {
	r.Policy.Service.Scheduled = []spec.Scheduled{{Name: "day", MinCapacity: new(9)}, {Name: "night", From: "22:00", To: "06:00", MinCapacity: &least}}
	return r
}

func groupRow() ledger.Row {
	return ledger.Row{Target: m7g, Generation: 3, Policy: &ledger.Policy{Group: &spec.Group{}, Version: 1}}
}

// What a policy admits, at every boundary.
func TestOverrideAdmitted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		row  ledger.Row
		set  spec.Override
		want string
	}{
		{rowOf(2, 60), word(spec.Pause, 0), ""},
		{rowOf(2, 60), word(spec.SuspendIn, 0), ""},
		{rowOf(2, 60), word(spec.SuspendOut, 0), ""},
		{rowOf(2, 60), word(spec.HoldAt, 60), ""},
		{rowOf(2, 60), word(spec.HoldAt, 61), "hold 61 is above maxCapacity 60, which nothing passes: give 60 or less, or raise maxCapacity"},
		{rowOf(2, 60), word(spec.MinAt, 60), ""},
		{rowOf(2, 60), word(spec.MinAt, 61), "min 61 is above maxCapacity 60"},
		{rowOf(2, 60), word(spec.MaxAt, 59), ""},
		{rowOf(2, 60), word(spec.MaxAt, 60), "max 60 would change nothing, as maxCapacity is 60 and an override only lowers it: to go higher, raise maxCapacity in the policy"},
		{rowOf(2, 60), word(spec.MaxAt, 61), "max 61 is above maxCapacity 60"},
		{rowOf(2, 60), word(spec.HoldAt, 1), ""}, // a person's word may go below minCapacity ...
		{rowOf(2, 60), word(spec.MaxAt, 1), ""},
		{rowOf(2, 60), word(spec.HoldAt, 0), "hold 0 needs a service that may sleep, and minCapacity is 2: give 1 to 60"}, // ... but not to sleep
		{rowOf(2, 60), word(spec.MaxAt, 0), "max 0 needs a service that may sleep"},
		{rowOf(1, 60), word(spec.HoldAt, 0), "hold 0 needs a service that may sleep, and minCapacity is 1"},
		{rowOf(0, 60), word(spec.HoldAt, 0), ""},
		{rowOf(0, 60), word(spec.MaxAt, 0), ""},
		{rowOf(0, 60), word(spec.HoldAt, -1), "hold -1 is below 0: give 0 to 60"},
		{rowOf(2, 60), word(spec.HoldAt, -1), "hold -1 is below 0: give 1 to 60"},
		{rowOf(2, 60), word(spec.MinAt, 3), ""},
		{rowOf(2, 60), word(spec.MinAt, 2), "min 2 would change nothing, as minCapacity is 2"},
		{rowOf(0, 60), word(spec.MinAt, 0), "min 0 would change nothing, as minCapacity is 0"},
		{nightly(rowOf(4, 60), 2), word(spec.MinAt, 4), ""}, // it counts at night
		{nightly(rowOf(4, 60), 2), word(spec.MinAt, 2), "min 2 would change nothing, as minCapacity is 2"},
		{rowOf(2, 60), word(spec.MinAt, 1), "min 1 would change nothing, as minCapacity is 2 and an override only raises it: use hold or max to go lower"},
		{rowOf(2, 60), word(spec.MinAt, 0), "min 0 needs a service that may sleep"},
		{rowOf(2, 60), word(spec.Pause, 3), "count is 3; pause takes none"},
		{rowOf(2, 60), word("freeze", 0), `override "freeze" is not known`},
		{rowOf(2, 60), spec.Override{Kind: spec.Pause, Until: ten.Add(time.Hour), By: "ann"}, "set override of service checkout of cluster prod: why is empty"},
		{ledger.Row{Target: checkout}, word(spec.Pause, 0), "the ledger holds no policy of it: apply one first with trimtab policy apply FILE"},
		{groupRow(), word(spec.Pause, 0), ""},
		{groupRow(), word(spec.SuspendOut, 0), ""},
		{groupRow(), word(spec.SuspendIn, 0), ""},
		{groupRow(), word(spec.HoldAt, 3), ""},
		{groupRow(), word(spec.HoldAt, 0), ""}, // a group may be empty
		{groupRow(), word(spec.HoldAt, 5000), ""},
		{groupRow(), word(spec.HoldAt, -1), "set override of group prod-m7g of cluster prod: hold -1 is below 0: give 0 to 5000 instances"},
		{groupRow(), word(spec.HoldAt, 5001), "hold 5001 is more than a group can have: give 0 to 5000 instances"},
		{groupRow(), word(spec.MinAt, 1), ""},
		{groupRow(), word(spec.MinAt, 0), "min 0 would change nothing, as no group has fewer instances: give 1 to 5000, or use hold or max to go lower"},
		{groupRow(), word(spec.MinAt, 5001), "min 5001 is more than a group can have"},
		{groupRow(), word(spec.MaxAt, 0), ""},
		{groupRow(), word(spec.MaxAt, 5001), "max 5001 is more than a group can have"},
		{groupRow(), word(spec.Pause, 3), "count is 3; pause takes none"},
		{ledger.Row{Target: m7g}, word(spec.HoldAt, 3), "the ledger holds no policy of it"},
	} {
		name := fmt.Sprintf("%s on %s", c.set, c.row.Target)
		got, err := c.row.WithOverride(c.set, ten)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		want := ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: c.row.Target, Generation: c.row.Generation, Overrides: &[]spec.Override{c.set}}}}
		if d := cmp.Diff(want, got.Change()); d != "" || err != nil || got.Empty() {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
	}
}

// A new override ends the live one of its kind; others live on beside it, and
// what has ended stays a day.
func TestOverrideMerged(t *testing.T) {
	t.Parallel()
	pauseOld, minOld := word(spec.Pause, 0), word(spec.MinAt, 4)
	justEnded, longEnded := word(spec.HoldAt, 5), word(spec.HoldAt, 6)
	justEnded.Until, longEnded.Until = ten.Add(-24*time.Hour+time.Second), ten.Add(-24*time.Hour)
	before := []spec.Override{longEnded, justEnded, pauseOld, minOld}
	row := rowOf(2, 60, slices.Clone(before)...)

	set := word(spec.Pause, 0)
	set.Why, set.By = "longer", "bob"
	got, err := row.WithOverride(set, ten)
	if err != nil {
		t.Fatal(err)
	}
	cut := pauseOld
	cut.Until, cut.EndedBy, cut.EndedWhy = ten, "bob", "replaced by pause"
	want := ledger.Overriding{
		Target: checkout, Override: &set, Ended: []spec.Override{pauseOld}, Beside: []spec.Override{minOld},
		Edit: ledger.Edit{Target: checkout, Generation: 7, Overrides: &[]spec.Override{justEnded, cut, minOld, set}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, row.Overrides); d != "" {
		t.Errorf("the row that was read is changed (-before +after):\n%s", d)
	}
	c := ledger.Cluster{Name: "prod", Rows: []ledger.Row{groupRow(), row}}
	if d := cmp.Diff(*want.Edit.Overrides, got.Applied(c).Row(checkout).Overrides); d != "" {
		t.Errorf("applied (-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, c.Rows[1].Overrides); d != "" {
		t.Errorf("the cluster that was read is changed (-before +after):\n%s", d)
	}
}

// Whoever sets an override that makes another one void, or is void beside it, is told.
func TestOverrideOutranked(t *testing.T) {
	t.Parallel()
	short := func(o spec.Override) spec.Override {
		o.Until = ten.Add(time.Hour)
		return o
	}
	least, most, hold := word(spec.MinAt, 10), word(spec.MaxAt, 5), word(spec.HoldAt, 12)
	for _, c := range []struct {
		live []spec.Override
		set  spec.Override
		want []string
	}{
		{nil, least, nil},
		{[]spec.Override{least}, most, []string{"max 5 outranks min 10 until 2026-11-23T12:00:00Z"}},
		{[]spec.Override{short(most)}, least, []string{"max 5 outranks min 10 until 2026-11-23T11:00:00Z"}},
		{[]spec.Override{most}, short(least), []string{"max 5 outranks min 10 until 2026-11-23T11:00:00Z"}},
		{[]spec.Override{hold}, most, []string{"max 5 outranks hold 12 until 2026-11-23T12:00:00Z"}},
		{[]spec.Override{hold}, word(spec.MinAt, 13), []string{"hold 12 outranks min 13 until 2026-11-23T12:00:00Z"}},
		{[]spec.Override{hold}, word(spec.MinAt, 12), nil},
		{[]spec.Override{least, hold}, most, []string{"max 5 outranks hold 12 until 2026-11-23T12:00:00Z", "max 5 outranks min 10 until 2026-11-23T12:00:00Z"}},
		{[]spec.Override{hold, word(spec.MaxAt, 12), least}, word(spec.SuspendIn, 0), nil},
		{[]spec.Override{least}, word(spec.MinAt, 20), nil}, // it takes the place of the other
		{[]spec.Override{{Kind: spec.MinAt, Count: 10, Until: ten, Why: "w", By: "b"}}, most, nil},
	} {
		got, err := rowOf(2, 60, c.live...).WithOverride(c.set, ten)
		if d := cmp.Diff(c.want, got.Notes); d != "" || err != nil {
			t.Errorf("%s beside %v: %v (-want +got):\n%s", c.set, c.live, err, d)
		}
	}
}

func TestOverridesEnded(t *testing.T) {
	t.Parallel()
	pause, least := word(spec.Pause, 0), word(spec.MinAt, 4)
	expired := word(spec.MaxAt, 9)
	expired.Until = ten
	row := rowOf(2, 60, pause, least, expired)
	for _, c := range []struct {
		only          spec.OverrideKind
		ended, beside []spec.Override
	}{
		{"", []spec.Override{pause, least}, []spec.Override{}},
		{spec.Pause, []spec.Override{pause}, []spec.Override{least}},
		{spec.MinAt, []spec.Override{least}, []spec.Override{pause}},
		{spec.MaxAt, []spec.Override{}, []spec.Override{pause, least}}, // it has expired this instant
	} {
		got, err := row.WithoutOverrides(c.only, "done", "bob", ten)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.ended, got.Ended) + cmp.Diff(c.beside, got.Beside); d != "" {
			t.Errorf("only %q (-want +got):\n%s", c.only, d)
		}
		if empty := len(c.ended) == 0; got.Empty() != empty || (len(got.Change().Edits) == 0) != empty {
			t.Errorf("only %q: empty %t, change %+v", c.only, got.Empty(), got.Change())
		}
		for _, o := range *got.Edit.Overrides {
			if o.Live(ten) && !slices.Contains(c.beside, o) {
				t.Errorf("only %q: %s lives on", c.only, o)
			}
			if by := o.EndedBy + o.EndedWhy; (by == "bobdone") != slices.ContainsFunc(c.ended, func(e spec.Override) bool { return e.Kind == o.Kind }) {
				t.Errorf("only %q: %s is ended by %q", c.only, o, by)
			}
		}
	}
	if _, err := row.WithoutOverrides("all", "", "bob", ten); err == nil || !strings.Contains(err.Error(), `"all" is not known; the known ones are [pause`) {
		t.Errorf("an unknown kind: %v", err)
	}
	if _, err := row.WithoutOverrides("", "", "", ten); err == nil || !strings.Contains(err.Error(), "end overrides of service checkout of cluster prod: by is empty") {
		t.Errorf("by nobody: %v", err)
	}
	if _, err := row.WithoutOverrides("", "a\nb", "bob", ten); err == nil || !strings.Contains(err.Error(), "why holds a control character") {
		t.Errorf("for two lines: %v", err)
	}
	if _, err := (ledger.Row{Target: checkout}).WithoutOverrides("", "", "bob", ten); err == nil || !strings.Contains(err.Error(), "no policy of it") {
		t.Errorf("a row that is not there: %v", err)
	}
}

// Whatever people set and end in whatever order: one live override of a kind,
// the newest; never more than fit; no live one is lost.
func TestOverridesAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		row, now := rowOf(0, 60), ten
		live := map[spec.OverrideKind]spec.Override{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 3*3600).Draw(rt, "seconds")) * time.Second)
			kind := rapid.SampledFrom(spec.OverrideKinds()).Draw(rt, "kind")
			var done ledger.Overriding
			var err error
			if rapid.IntRange(0, 4).Draw(rt, "resume") == 0 {
				done, err = row.WithoutOverrides(kind, "", "b", now)
				delete(live, kind)
			} else {
				o := spec.Override{Kind: kind, At: now, Until: now.Add(time.Duration(rapid.IntRange(60, 86400).Draw(rt, "life")) * time.Second), Why: "w", By: "b"}
				if kind.Counted() {
					o.Count = rapid.IntRange(1, 59).Draw(rt, "count")
				}
				done, err = row.WithOverride(o, now)
				live[kind] = o
			}
			if err != nil {
				rt.Fatal(err)
			}
			row.Overrides = *done.Edit.Overrides
			if len(row.Overrides) > ledger.MaxOverrides {
				rt.Fatalf("%d overrides are kept", len(row.Overrides))
			}
			found := map[spec.OverrideKind]spec.Override{}
			for _, o := range row.Overrides {
				if !o.Live(now) {
					continue
				}
				if _, twice := found[o.Kind]; twice {
					rt.Fatalf("two of kind %s live: %v", o.Kind, row.Overrides)
				}
				found[o.Kind] = o
			}
			for k, o := range live {
				if !o.Live(now) {
					delete(live, k)
				}
			}
			if d := cmp.Diff(live, found); d != "" {
				rt.Fatalf("live (-want +got):\n%s", d)
			}
		}
	})
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	running := ledger.Cluster{Name: "prod", Rows: []ledger.Row{rowOf(2, 60)}}
	stopped := running
	stopped.Control = ledger.Control{Generation: 4, Stop: true, Why: "migration", By: "ann", At: ten}
	later := ten.Add(time.Hour)
	for name, c := range map[string]struct {
		give  func() (ledger.Switching, error)
		want  ledger.Control
		empty bool
		fault string
	}{
		"stop":              {func() (ledger.Switching, error) { return running.Stopped("migration", "ann", ten) }, ledger.Control{Stop: true, Why: "migration", By: "ann", At: ten}, false, ""},
		"stop again":        {func() (ledger.Switching, error) { return stopped.Stopped("longer", "bob", later) }, ledger.Control{Generation: 4, Stop: true, Why: "longer", By: "bob", At: later}, false, ""},
		"stop without why":  {func() (ledger.Switching, error) { return running.Stopped("", "ann", ten) }, ledger.Control{}, false, "stop cluster prod: why is empty"},
		"stop by nobody":    {func() (ledger.Switching, error) { return running.Stopped("x", "", ten) }, ledger.Control{}, false, "stop cluster prod: by is empty"},
		"stop of nothing":   {func() (ledger.Switching, error) { return ledger.Cluster{Name: "prdo"}.Stopped("x", "ann", ten) }, ledger.Control{}, false, "stop cluster prdo: the ledger holds no cluster of that name"},
		"start":             {func() (ledger.Switching, error) { return stopped.Started("", "bob", later) }, ledger.Control{Generation: 4, By: "bob", At: later}, false, ""},
		"start with why":    {func() (ledger.Switching, error) { return stopped.Started("done", "bob", later) }, ledger.Control{Generation: 4, Why: "done", By: "bob", At: later}, false, ""},
		"start of a runner": {func() (ledger.Switching, error) { return running.Started("", "bob", later) }, ledger.Control{}, true, ""},
		"start, two lines":  {func() (ledger.Switching, error) { return stopped.Started("a\nb", "bob", later) }, ledger.Control{}, false, "why holds a control character"},
		"start by nobody":   {func() (ledger.Switching, error) { return stopped.Started("", " ", later) }, ledger.Control{}, false, "by is empty"},
		"start of nothing":  {func() (ledger.Switching, error) { return ledger.Cluster{Name: "prdo"}.Started("", "ann", ten) }, ledger.Control{}, false, "holds no cluster of that name"},
	} {
		got, err := c.give()
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s: %v, want %q", name, err, c.fault)
			}
			continue
		}
		if d := cmp.Diff(c.want, got.Control); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
		if got.Empty() != c.empty || (got.Change().Control == nil) != c.empty {
			t.Errorf("%s: empty %t, change %+v; want empty %t", name, got.Empty(), got.Change(), c.empty)
		}
	}
}
