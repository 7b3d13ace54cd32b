package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// lateBook does something just before the second reading of the ledger.
type lateBook struct {
	ledger.Book
	reads  int
	before func()
}

func (b *lateBook) Read(ctx context.Context, c fleet.ClusterName) (ledger.Cluster, error) {
	if b.reads++; b.reads == 2 {
		b.before()
	}
	return b.Book.Read(ctx, c)
}

// lowered gives the orders that set the group below a count.
func lowered(w *ward, below int) []string {
	var out []string
	for _, c := range w.calls {
		var g string
		var n int
		if k, _ := fmt.Sscanf(c, "group %s %d", &g, &n); k == 2 && n < below {
			out = append(out, c)
		}
	}
	return out
}

// A run that heals an intent reads the rows again and not the world: what another
// function ordered meanwhile is in the rows and not in the world, so the claim passes
// with an order from before it. For a group that is an order to lower it, and Auto
// Scaling chooses who goes, tasks and all.
func TestHealedRowsBesideAnOlderWorld(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.services[1].Desired += 12 // 7 fit; 5 need two instances: 3 to 5
	claim := func(id string, at time.Time, from, to int) ledger.Closing {
		row := w.row(t, m7g())
		h := row.History.With(history.Order{At: at, From: from, To: to}, nil)
		i := ledger.Intent{At: at, ActBy: at.Add(ledger.ActWithin), Before: from, Desired: to, Mode: spec.Act}
		if err := w.book.Claim(t.Context(), ledger.Claim{ID: id, Entries: []ledger.ClaimEntry{{Target: m7g(), Generation: row.Generation, Intent: i, History: h}}}); err != nil {
			t.Fatal(err)
		}
		return ledger.Closing{ID: id, Entries: []ledger.CloseEntry{{Target: m7g(), Generation: row.Generation + 1}}}
	}
	claim("crashed", noon, 3, 4)
	w.now = noon.Add(time.Minute)
	w.stair.Book = &lateBook{Book: w.book, before: func() {
		c := claim("rival", w.now, 3, 8)
		g := w.groups["m7g"]
		g.DesiredCapacity = 8
		w.groups["m7g"] = g
		if err := w.book.Close(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}}
	w.mustRun(t, event.Event{Kind: event.TickAll})
	if got := lowered(w, 8); len(got) > 0 {
		t.Errorf("the group is at 8 by another function's order, and %v lowers it", got)
	}
}

// A person who raises the group between our read and our order is not answered by an
// order that lowers it (H8: re-read the target before the write).
func TestForeignRaiseBeforeOurOrder(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.services[1].Desired += 12
	w.stair.Book = &brittleBook{Book: w.book, beforeClaim: func() {
		g := w.groups["m7g"]
		g.DesiredCapacity = 8
		w.groups["m7g"] = g
	}}
	_, _ = w.stair.Run(t.Context(), event.Event{Kind: event.TickAll})
	if got := lowered(w, 8); len(got) > 0 {
		t.Errorf("the group is at 8, and %v lowers it: Auto Scaling chooses who goes", got)
	}
}

// failingDrains refuses to write the removal of one instance.
type failingDrains struct {
	ledger.Drains
	id fleet.InstanceID
}

func (f failingDrains) WriteDrain(ctx context.Context, d ledger.Drain) error {
	if d.Instance == f.id {
		return refusal("ThrottlingException: too many writes")
	}
	return f.Drains.WriteDrain(ctx, d)
}

// A drain that has begun stays charged though the one beside it could not be written.
func TestHalfOpenedDrainsAreCharged(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	all := []spec.InstanceLimit{{Percent: 100, Period: spec.Duration(15 * time.Minute)}}
	w.policy(t, spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{StabilizationWindow: new(spec.Duration(0)), EmptyBudget: all}})
	w.tasks = w.tasks[:4]
	w.services[1].Desired, w.services[1].Running = 4, 4
	w.instances[1].Tasks, w.instances[1].Remaining = 0, w.instances[1].Registered
	w.stair.Drains = failingDrains{w.book, host(3)}
	_, _ = w.stair.Run(t.Context(), event.Event{Kind: event.TickAll})
	if d := w.removal(t, 2); d.State != drain.Candidate {
		t.Fatalf("the first drain is %+v", d)
	}
	if n := len(w.row(t, m7g()).History.Orders); n == 0 {
		t.Error("a drain has begun, and the budget is not charged")
	}
}

// consolidating is the ward with host 2 on its way out by our own choice.
func consolidating(t *testing.T) *ward {
	t.Helper()
	w := newWard(t)
	w.run(t, byHand(2, false))
	d := w.removal(t, 2)
	d.Cause = drain.Consolidation
	if err := w.book.WriteDrain(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	w.now = noon.Add(time.Minute)
	w.calls = nil
	return w
}

func terminates(w *ward) bool {
	return slices.ContainsFunc(w.calls, func(c string) bool { return strings.HasPrefix(c, "terminate") })
}

// A person who keeps the group's instances stops the drains that would take it below.
func TestHoldStopsADrainUnderWay(t *testing.T) {
	t.Parallel()
	for _, kind := range []spec.OverrideKind{spec.HoldAt, spec.MinAt} {
		w := consolidating(t)
		keep := []spec.Override{{Kind: kind, Count: 3, Until: noon.Add(time.Hour), Why: "sale", By: "ann"}}
		w.change(t, ledger.Edit{Target: m7g(), Overrides: &keep})
		w.tasks, w.instances[1].Tasks = w.tasks[:4], 0
		w.run(t, event.Event{Kind: event.Tick})
		if terminates(w) {
			t.Errorf("%s 3 of 3 instances, and %v", kind, w.calls)
		}
	}
}

// A drain that failed is not begun again and again: the instance takes no task for half
// an hour each time, and nothing is learnt.
func TestFailedDrainIsNotRepeatedForEver(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	g := w.groups["m7g"]
	g.DesiredCapacity, g.InService, g.Members = 2, g.InService[:2], g.Members[:2]
	w.groups["m7g"] = g
	w.instances = w.instances[:2]
	w.tasks = w.tasks[1:]
	w.services[1].Desired, w.services[1].Running = 4, 4
	w.instances[0].Tasks, w.instances[0].Remaining = 3, w.instances[0].Remaining.Plus(fleet.Resources{CPU: 512, Memory: 1024})
	for minute := range 6 * 60 { // the task on host 2 never leaves
		w.now = noon.Add(time.Duration(minute) * time.Minute)
		w.mustRun(t, event.Event{Kind: event.Tick})
		w.run(t, event.Event{Kind: event.Tick})
	}
	n := 0
	for _, c := range w.calls {
		if strings.HasPrefix(c, "draining") && strings.HasSuffix(c, "true") {
			n++
		}
	}
	if n > 4 {
		t.Errorf("drained %d times in 6 hours, each in vain", n)
	}
}

// The event of a lifecycle hook may be lost: the tick sees the instance wait and drains it.
func TestLostHookEvent(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	g := w.groups["m7g"]
	g.Members[0].State, g.InService, g.DesiredCapacity = "Terminating:Wait", g.InService[1:], 2
	w.groups["m7g"] = g
	for minute := range 5 {
		w.now = noon.Add(time.Duration(minute) * time.Minute)
		w.mustRun(t, event.Event{Kind: event.TickAll})
		w.run(t, event.Event{Kind: event.TickAll})
	}
	if !slices.ContainsFunc(w.calls, func(c string) bool { return strings.HasPrefix(c, "draining "+string(host(1))) }) {
		t.Errorf("four tasks run on an instance that waits to be terminated, and nothing is drained: calls %v", w.calls)
	}
}

// Whoever sets the group to observe while an instance drains does not leave it DRAINING
// for ever.
func TestObserveLeavesNoInstanceDraining(t *testing.T) {
	t.Parallel()
	w := consolidating(t)
	w.policy(t, spec.Group{Mode: spec.Observe})
	for minute := range 60 {
		w.now = noon.Add(time.Duration(minute+2) * time.Minute)
		w.run(t, event.Event{Kind: event.Tick})
	}
	if d := w.removal(t, 2); !d.State.Closed() || w.instances[1].Draining {
		t.Errorf("an hour later the row is %s and DRAINING is %v", d.State, w.instances[1].Draining)
	}
}

// An instance whose end is in flight is not made ACTIVE: tasks would come and die with it.
func TestNoUndoWhileTheEndIsInFlight(t *testing.T) {
	t.Parallel()
	w := consolidating(t)
	d := w.removal(t, 2)
	d.State, d.Since, d.Ordered, d.Tries, d.Before, d.After = drain.Terminating, w.now, w.now, 1, 3, 2
	if err := w.book.WriteDrain(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	ev := byHand(2, false)
	ev.Request.Undo = true
	_, _ = w.drainage.Run(t.Context(), ev)
	for _, m := range []int{1, 2} { // the drain function goes on
		w.now = w.now.Add(time.Duration(m) * 5 * time.Second)
		w.run(t, event.Event{Kind: event.Tick})
	}
	if slices.Contains(w.calls, fmt.Sprintf("draining %s false", host(2))) {
		t.Errorf("made ACTIVE within seconds of the order to end it: %v", w.calls)
	}
}

// countingHosts counts the reads of tasks.
type countingHosts struct {
	wardHand
	reads *int
}

func (c countingHosts) Tasks(ctx context.Context, n fleet.ClusterName, on []fleet.Instance) ([]fleet.Task, error) {
	*c.reads++
	return c.wardHand.Tasks(ctx, n, on)
}

// A steady group that keeps its protection is not read task by task every minute.
func TestProtectionReadsLittle(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.policy(t, spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{ManageProtection: true, Disabled: true}})
	g := w.groups["m7g"]
	g.Members[0].Protected, g.Members[1].Protected = true, true
	w.groups["m7g"] = g
	reads := 0
	w.drainage.Hosts = countingHosts{wardHand{w}, &reads}
	for minute := range 30 {
		w.now = noon.Add(time.Duration(minute) * time.Minute)
		w.run(t, event.Event{Kind: event.Tick})
	}
	if reads > 6 {
		t.Errorf("%d reads of every task in 30 minutes of nothing", reads)
	}
}

// A group that somebody else sizes is not touched in act mode, whoever asks (law 10).
func TestDrainAsksTheOwner(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.owners["m7g"] = policy.Owner{Kind: "ManagedScaling", Detail: "capacity provider cp"}
	w.mustRun(t, event.Event{Kind: event.TickAll})
	ev := event.Event{Kind: event.Rebalance, Via: event.ViaEventBridge, Instance: host(3), Time: noon}
	_, _ = w.drainage.Run(t.Context(), ev)
	if terminates(w) {
		t.Errorf("ECS managed scaling owns the group, and %v", w.calls)
	}
}

// Notices have no authority (H20, law 6): whatever is said of the instances, no more go
// than the budget lets.
func TestNoticesAreBudgeted(t *testing.T) {
	t.Parallel()
	for _, kind := range []event.Kind{event.Spot, event.Rebalance} {
		w := newWard(t)
		one := []spec.InstanceLimit{{Instances: 1, Period: spec.Duration(15 * time.Minute)}}
		w.policy(t, spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{EmptyBudget: one, Budget: one}})
		w.tasks = w.tasks[:4]
		w.services[1].Desired, w.services[1].Running = 4, 4
		w.instances[1].Tasks, w.instances[1].Remaining = 0, w.instances[1].Registered
		for _, n := range []int{2, 3} {
			w.run(t, event.Event{Kind: kind, Via: event.ViaInvoke, Instance: host(n), Time: noon})
		}
		if n := w.groups["m7g"].DesiredCapacity; n < 2 {
			t.Errorf("two words of %s ended two instances at once: desired capacity %d, the budget is 1 in 15 min", kind, n)
		}
	}
}

// An end that nobody gave is not told as one.
func TestRuleOfARemovalByHand(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.run(t, byHand(3, false))
	for _, r := range w.records(t, m7g()) {
		if r.Rule == history.Consolidation {
			t.Errorf("a person ended an empty instance, and the record's rule is %s", r.Rule)
		}
	}
}

// A hook is prolonged while ECS cannot be read: what runs into its timeout ends with its tasks.
func TestHeartbeatWithoutECS(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.hook = 5 * time.Minute
	g := w.groups["m7g"]
	g.Members[0].State, g.InService, g.DesiredCapacity = "Terminating:Wait", g.InService[1:], 2
	w.groups["m7g"] = g
	w.run(t, event.Event{Kind: event.Lifecycle, Via: event.ViaEventBridge, Group: "m7g", Instance: host(1), HookName: "trimtab-drain", HookToken: "t", Time: noon})
	w.fail["instances"] = refusal("throttled")
	for minute := range 5 {
		w.now = noon.Add(time.Duration(minute+1) * time.Minute)
		_, _ = w.drainage.Run(t.Context(), event.Event{Kind: event.Tick})
	}
	if !slices.ContainsFunc(w.calls, func(c string) bool { return strings.HasPrefix(c, "heartbeat") }) {
		t.Errorf("five minutes of a hook with a timeout of five, and no heartbeat: %v", w.calls)
	}
}

// A group that is taken out of the policy file (apply --prune) while an instance drains
// leaves no instance DRAINING for ever, and no row that nobody looks at.
func TestPrunedGroupLeavesNoInstanceDraining(t *testing.T) {
	t.Parallel()
	w := consolidating(t)
	w.change(t, ledger.Edit{Target: m7g(), Remove: true})
	for minute := range 60 {
		w.now = noon.Add(time.Duration(minute+2) * time.Minute)
		w.run(t, event.Event{Kind: event.Tick})
	}
	if d := w.removal(t, 2); !d.State.Closed() || w.instances[1].Draining {
		t.Errorf("an hour later the row is %s and DRAINING is %v", d.State, w.instances[1].Draining)
	}
}

// What EC2 may take back is drained only once its tasks have another place.
func TestRebalanceWaitsForRoom(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	g := w.groups["m7g"]
	g.DesiredCapacity, g.InService, g.Members = 2, g.InService[:2], g.Members[:2]
	w.groups["m7g"] = g
	w.instances = w.instances[:2] // host 1 is full, the task of host 2 fits nowhere else
	w.run(t, event.Event{Kind: event.Rebalance, Via: event.ViaEventBridge, Instance: host(2), Time: noon})
	if d := w.removal(t, 2); d.State != drain.Candidate || len(w.calls) > 0 {
		t.Errorf("the row is %s (%s), calls %v", d.State, d.Because, w.calls)
	}
}

// A drain that cannot be given back does not keep the group from being raised.
func TestFailedUndoDoesNotStopTheRaise(t *testing.T) {
	t.Parallel()
	w := consolidating(t)
	w.services[1].Desired += 12
	w.stair.Drains = failingDrains{w.book, host(2)}
	_, _ = w.stair.Run(t.Context(), event.Event{Kind: event.TickAll})
	if !slices.ContainsFunc(w.calls, func(c string) bool { return strings.HasPrefix(c, "group m7g") }) {
		t.Errorf("calls %v, notices %+v", w.calls, w.notices)
	}
}
