package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// person is the event of a payload, as Lambda's Invoke brings it.
func person(t *testing.T, payload string) event.Event {
	t.Helper()
	ev, err := event.Decode([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

const (
	pause2h = `{"kind":"pause","cluster":"prod","service":"checkout","for":"2h","why":"migration","by":"ann"}`
	hold6   = `{"kind":"hold","cluster":"prod","service":"checkout","count":6,"for":"2h","why":"sale","by":"ann"}`
	resume  = `{"kind":"resume","cluster":"prod","service":"checkout","why":"done","by":"bob"}`
	stop    = `{"kind":"stop","cluster":"prod","why":"move","by":"ann"}`
	start   = `{"kind":"start","cluster":"prod","by":"bob"}`
)

func tick(t *testing.T, w *world, minutes int) reconcile.Report {
	t.Helper()
	w.now = w.now.Add(time.Duration(minutes) * time.Minute)
	return w.mustRun(t, event.Event{Kind: event.Tick})
}

// A hold takes effect in the invocation that sets it.
func TestHoldActsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rep := w.mustRun(t, person(t, hold6))
	wantCalls(t, w, "service checkout 6")
	want := spec.Override{Kind: spec.HoldAt, Count: 6, At: noon, Until: noon.Add(2 * time.Hour), Why: "sale", By: "ann"}
	if rep.Override == nil || !rep.Override.Written || len(rep.Override.Ended) != 0 {
		t.Fatalf("report %+v, want the override written", rep.Override)
	}
	if d := cmp.Diff(&want, rep.Override.Override) + cmp.Diff([]spec.Override{want}, w.row(t, checkout.Target()).Overrides); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	again := w.mustRun(t, person(t, strings.ReplaceAll(strings.ReplaceAll(hold6, "hold", "max"), "6", "5")))
	if d := cmp.Diff([]string{"max 5 outranks hold 6 until " + noon.Add(2*time.Hour).Format(time.RFC3339)}, again.Override.Notes); d != "" {
		t.Errorf("the notes of a max below the hold (-want +got):\n%s", d)
	}
	if in := rep.Cells[0].Input; in == nil || len(in.Services[0].Overrides) != 1 {
		t.Errorf("the decision's input %+v does not hold the override", in)
	}
	if recs := w.records(t, checkout.Target()); !strings.Contains(string(recs[0].Input), `"why":"sale"`) {
		t.Errorf("the record's input %s does not hold the override", recs[0].Input)
	}
	if log := w.log.String(); !strings.Contains(log, `"msg":"override","target":"prod/service/checkout","set":"hold 6","until":"2026-11-23T14:00:00Z"`) {
		t.Errorf("log %s", log)
	}
}

func TestPauseUntilItExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rep := w.mustRun(t, person(t, pause2h))
	if o := rep.Cells[0].Outcomes[0]; o.Done != reconcile.Held || o.Reason != history.Paused || !strings.Contains(o.Because, "by ann until 2026-11-23T14:00:00Z (migration)") {
		t.Errorf("outcome %+v, want the pause as the reason", o)
	}
	w.cpu["checkout"] = 90
	w.mustRun(t, alarm())
	for range 119 {
		if rep := tick(t, w, 1); rep.Calm > 0 {
			t.Fatalf("at %s a paused service was not looked at", w.now)
		}
	}
	wantCalls(t, w)
	tick(t, w, 1) // 14:00: the pause has ended this instant
	wantCalls(t, w, "service checkout 6")
}

// The end of an override is noticed within a minute, however calm the service;
// one window later it is looked at at every fifth tick again.
func TestEndedOverrideIsNoticed(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world){
		"expired": func(*world) {},
		"resumed": func(w *world) { w.mustRun(t, person(t, resume)) },
	} {
		w := newWorld(t)
		tick(t, w, 0)
		tick(t, w, 60) // the windows of the first decision have passed
		w.mustRun(t, person(t, `{"kind":"min","cluster":"prod","service":"checkout","count":4,"for":"10m","why":"w","by":"ann"}`))
		w.now = w.now.Add(10*time.Minute - time.Second)
		end(w)
		w.now = w.now.Add(time.Second)
		looked := 0
		const window = int(spec.DefaultInWindow / time.Minute)
		for range window {
			if rep := tick(t, w, 1); len(rep.Cells) == 1 {
				looked++
			}
		}
		if looked != window {
			t.Errorf("%s: looked at %d of %d ticks after the end", name, looked, window)
		}
		tick(t, w, 30)
		calm := 0
		for range 10 {
			calm += tick(t, w, 1).Calm
		}
		if calm != 8 {
			t.Errorf("%s: calm at %d of 10 ticks long after the end, want 8", name, calm)
		}
	}
}

// A pause that comes while an order is under way: the order that was claimed
// before stands, its closing is left to the next evaluation, and nothing more is
// ordered until the pause ends.
func TestPauseBetweenClaimAndClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	other := *w.stair
	var midway reconcile.Report
	w.onSet = func() {
		w.onSet = nil
		w.mu.Unlock() // SetDesiredCount holds it
		defer w.mu.Lock()
		var err error
		if midway, err = other.Run(t.Context(), person(t, pause2h)); err != nil {
			t.Errorf("pause: %v", err)
		}
	}
	w.mustRun(t, alarm())
	wantCalls(t, w, "service checkout 6")
	if midway.Override == nil || !midway.Override.Written {
		t.Fatalf("the pause in the middle of an order answered %+v", midway)
	}
	if o := midway.Cells[0].Outcomes[0]; o.Done != reconcile.Held {
		t.Errorf("the pause evaluated to %+v", o)
	}
	if row := w.row(t, checkout.Target()); row.Intent == nil || len(row.Overrides) != 1 {
		t.Errorf("row %+v, want the pause and the intent, which was not closed", row)
	}
	w.services[0].Running = 6
	tick(t, w, 1) // the intent is free: it is found done and closed
	row := w.row(t, checkout.Target())
	if row.Intent != nil || len(row.Overrides) != 1 {
		t.Errorf("row %+v, want the intent healed and the pause kept", row)
	}
	if recs := w.records(t, checkout.Target()); recs[len(recs)-1].Kind != ledger.Healed || recs[len(recs)-1].Desired != 6 {
		t.Errorf("records %+v, want the order healed", recs)
	}
	w.cpu["checkout"] = 95
	tick(t, w, 10)
	wantCalls(t, w, "service checkout 6")
	tick(t, w, 120)
	wantCalls(t, w, "service checkout 6", "service checkout 10")
}

// rivalDesk lets somebody else claim the cell before each of the first changes.
type rivalDesk struct {
	ledger.Reviser
	before  func()
	times   int
	changes int
}

func (d *rivalDesk) Change(ctx context.Context, c ledger.Change) error {
	d.changes++
	if d.changes <= d.times {
		d.before()
	}
	return d.Reviser.Change(ctx, c)
}

func TestOverrideWinsOverClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	meddle := func() {
		row := w.row(t, checkout.Target())
		w.change(t, ledger.Edit{Target: row.Target, Policy: row.Policy})
	}
	desk := &rivalDesk{Reviser: w.book, before: meddle, times: 3}
	w.stair.Desk = desk
	if rep := w.mustRun(t, person(t, pause2h)); !rep.Override.Written || desk.changes != 4 {
		t.Errorf("report %+v after %d changes, want it written at the fourth", rep.Override, desk.changes)
	}
	desk.times = 1000
	rep, err := w.run(t, person(t, hold6))
	if !errors.Is(err, ledger.ErrConflict) || rep.Told() || !strings.Contains(rep.Error, "nothing was written") {
		t.Errorf("%v, report %+v; want to hear that nothing was written", err, rep)
	}
	if row := w.row(t, checkout.Target()); len(row.Overrides) != 1 {
		t.Errorf("overrides %+v, want the pause alone", row.Overrides)
	}
}

// A dry run shows what the override would do, and writes nothing.
func TestOverrideDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.row(t, checkout.Target())
	rep := w.mustRun(t, person(t, strings.Replace(hold6, `}`, `,"dryRun":true}`, 1)))
	if rep.Override.Written || rep.Override.Override.Count != 6 {
		t.Errorf("report %+v, want the override and that it was not written", rep.Override)
	}
	if o := rep.Cells[0].Outcomes[0]; o.Done != reconcile.WouldDo || o.Desired != 6 {
		t.Errorf("outcome %+v, want what the hold would order", o)
	}
	w.mustRun(t, person(t, strings.Replace(stop, `}`, `,"dryRun":true}`, 1)))
	wantCalls(t, w)
	if d := cmp.Diff(before, w.row(t, checkout.Target())); d != "" {
		t.Errorf("the row has changed (-before +after):\n%s", d)
	}
	if c, err := w.book.Read(t.Context(), "prod"); err != nil || c.Control.Generation != 0 {
		t.Errorf("control %+v (%v), want none", c.Control, err)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustRun(t, person(t, pause2h))
	w.mustRun(t, person(t, `{"kind":"suspendIn","cluster":"prod","service":"checkout","for":"2h","why":"w","by":"ann"}`))
	w.cpu["checkout"] = 90

	rep := w.mustRun(t, person(t, `{"kind":"resume","cluster":"prod","service":"checkout","only":"suspendIn","by":"bob"}`))
	if len(rep.Override.Ended) != 1 || rep.Override.Ended[0].Kind != spec.SuspendIn || len(rep.Override.Beside) != 1 || !rep.Override.Written {
		t.Errorf("report %+v, want the suspension ended and the pause beside it", rep.Override)
	}
	wantCalls(t, w)
	if rep := w.mustRun(t, person(t, resume)); len(rep.Override.Ended) != 1 || rep.Override.Ended[0].Kind != spec.Pause {
		t.Errorf("report %+v, want the pause ended", rep.Override)
	}
	wantCalls(t, w, "service checkout 6") // at once
	generation := w.row(t, checkout.Target()).Generation
	rep = w.mustRun(t, person(t, resume))
	if rep.Override.Written || len(rep.Override.Ended) != 0 || len(rep.Cells) != 0 {
		t.Errorf("report %+v, want nothing to end", rep)
	}
	if row := w.row(t, checkout.Target()); row.Generation != generation || row.Overrides[0].EndedBy != "bob" || row.Overrides[0].EndedWhy != "done" {
		t.Errorf("row %+v, want it unchanged with the trail of the pause", row)
	}
}

func TestRequestsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ payload, want string }{
		"above the maximum": {
			strings.Replace(hold6, `"count":6`, `"count":21`, 1),
			"set override of service checkout of cluster prod: hold 21 is above maxCapacity 20, which nothing passes: give 20 or less, or raise maxCapacity in the policy first",
		},
		"no policy":      {strings.Replace(pause2h, "checkout", "nope", 1), "the ledger holds no policy of it"},
		"no cluster":     {strings.Replace(stop, "prod", "prdo", 1), "stop cluster prdo: the ledger holds no cluster of that name"},
		"start nothing":  {strings.Replace(start, "prod", "prdo", 1), "start cluster prdo: the ledger holds no cluster of that name"},
		"resume nothing": {strings.Replace(resume, "checkout", "nope", 1), "end overrides of service nope of cluster prod: the ledger holds no policy of it"},
		"already past":   {strings.Replace(pause2h, `"for":"2h"`, `"until":"2026-11-23T11:00:00Z"`, 1), "until is 2026-11-23T11:00:00Z, which is past"},
	} {
		w := newWorld(t)
		rep, err := w.run(t, person(t, c.payload))
		if err == nil || !strings.Contains(err.Error(), c.want) || rep.Told() {
			t.Errorf("%s: %v, report %+v; want %q", name, err, rep, c.want)
		}
		if row := w.row(t, checkout.Target()); row.Generation != 1 {
			t.Errorf("%s: the row is written: %+v", name, row)
		}
	}
}

// What was written is told also where what follows fails.
func TestOverrideWrittenThenBlind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["describe"] = errors.New("ECS does not answer")
	rep, _ := w.run(t, person(t, pause2h))
	if !rep.Told() || !rep.Override.Written || len(w.row(t, checkout.Target()).Overrides) != 1 {
		t.Errorf("report %+v, want the pause written although ECS does not answer", rep)
	}
}

func TestNoDesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stair.Desk = nil
	for _, payload := range []string{pause2h, resume, stop, start} {
		if _, err := w.run(t, person(t, payload)); err == nil || !strings.Contains(err.Error(), "its Stair has no Desk") {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

// The stop holds for every run that begins after it; after the start the next
// tick looks at every target, due or not.
func TestStopAndStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tick(t, w, 0)
	rep := w.mustRun(t, person(t, stop))
	if c := rep.Control; c == nil || !c.Written || !c.Control.Stop || c.Control.Why != "move" || c.Before.Stop || len(rep.Cells) != 0 {
		t.Fatalf("report %+v", rep)
	}
	w.cpu["checkout"] = 90
	if rep := w.mustRun(t, alarm()); rep.Cells[0].Outcomes[0].Reason != history.GlobalStop {
		t.Errorf("report %+v, want the stop", rep)
	}
	tick(t, w, 600)
	wantCalls(t, w)
	if rep := w.mustRun(t, person(t, start)); !rep.Control.Written || rep.Control.Control.Stop || !rep.Control.Before.Stop {
		t.Errorf("report %+v", rep.Control)
	}
	wantCalls(t, w)
	tick(t, w, 1)
	wantCalls(t, w, "service checkout 6")
	if rep := w.mustRun(t, person(t, start)); rep.Control.Written {
		t.Errorf("report %+v, want nothing to start", rep.Control)
	}
	if log := w.log.String(); !strings.Contains(log, `"msg":"control","cluster":"prod","stop":true,"written":true,"by":"ann","why":"move"`) {
		t.Errorf("log %s", log)
	}
}

// A stop is noted in the reasons of calm targets too, at the next tick.
func TestStopReachesCalmTargets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tick(t, w, 0)
	w.now = w.now.Add(time.Hour)
	for range 5 {
		if len(tick(t, w, 1).Cells) == 0 {
			break // not its turn: it is calm
		}
	}
	w.mustRun(t, person(t, stop))
	tick(t, w, 1)
	if row := w.row(t, checkout.Target()); row.Reason.Rule != history.GlobalStop {
		t.Errorf("reason %+v one tick after the stop", row.Reason)
	}
}

func TestGroupPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := fleet.GroupOf("prod", "m7g")
	w.groups["m7g"] = fleet.Group{Name: "m7g", DesiredCapacity: 1, MinSize: 1, MaxSize: 9}
	w.change(t, ledger.Edit{Target: target, Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1}})
	rep := w.mustRun(t, person(t, `{"kind":"pause","cluster":"prod","group":"m7g","for":"1h","why":"AMI rollout","by":"ann"}`))
	if !rep.Override.Written || rep.Cells[0].Decision.Group.Reason != history.Paused {
		t.Errorf("report %+v, want the group paused", rep)
	}
	if row := w.row(t, target); len(row.Overrides) != 1 || row.Overrides[0].Why != "AMI rollout" {
		t.Errorf("row %+v", row)
	}
}

// A redeploy starts a new function and a new policy comes with it: the pause is
// in the row and stays.
func TestOverrideSurvivesARedeploy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustRun(t, person(t, pause2h))
	w.apply(t, "checkout", servicePolicy(spec.Act))
	fresh := *w.stair
	w.stair = &fresh
	w.cpu["checkout"] = 90
	if rep := w.mustRun(t, alarm()); rep.Cells[0].Outcomes[0].Reason != history.Paused {
		t.Errorf("report %+v, want the pause", rep)
	}
	wantCalls(t, w)
}
