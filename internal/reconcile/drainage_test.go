package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// ward is a world with group m7g of three instances, four tasks of web on the first,
// one on the second and none on the third, and the drainage beside the stair.
type ward struct {
	*world
	drainage *reconcile.Drainage
	tasks    []fleet.Task
	refresh  bool
	hook     time.Duration // heartbeat timeout of every hook; 0: there is none
	failed   map[fleet.GroupName][]fleet.LaunchFailure
}

func m7g() fleet.Target { return fleet.GroupOf("prod", "m7g") }

func host(n int) fleet.InstanceID { return fleet.InstanceID(fmt.Sprintf("i-%017d", n)) }

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{world: newWorld(t), hook: time.Hour}
	size := fleet.Resources{CPU: 512, Memory: 1024}
	g := fleet.Group{Name: "m7g", MinSize: 1, MaxSize: 10, DesiredCapacity: 3}
	for i, n := range []int{4, 1, 0} {
		id := host(i + 1)
		w.instances = append(w.instances, fleet.Instance{
			ID: id, ARN: "arn/" + string(id), Active: true, Connected: true, Tasks: n, RegisteredAt: noon.Add(-time.Hour),
			Registered: fleet.Resources{CPU: 2048, Memory: 7680}, Remaining: fleet.Resources{CPU: 2048, Memory: 7680}.Minus(size.Times(n)),
		})
		g.InService = append(g.InService, id)
		g.Members = append(g.Members, fleet.Member{ID: id, State: "InService"})
		for k := range n {
			w.tasks = append(w.tasks, fleet.Task{ARN: fmt.Sprintf("arn/%s/%d", id, k), Instance: id, Service: "web", Size: size, Running: true})
		}
	}
	web := steady("web", 5)
	web.Compute, web.Group, web.TaskSize = fleet.EC2, "m7g", size
	w.services = append(w.services, web)
	w.groups["m7g"] = g
	w.policy(t, spec.Group{Mode: spec.Act})
	hand := wardHand{w}
	w.stair.Hosts, w.stair.Activities, w.stair.Drains = hand, hand, w.book
	w.drainage = &reconcile.Drainage{
		Book: w.book, Drains: w.book, Services: w.world, Hosts: hand, Groups: groupHand{w.world}, Activities: hand, Exits: hand, Owners: ownerHand{w.world}, Notices: w.world,
		Log: slog.New(slog.NewJSONHandler(&w.log, nil)), Metrics: &w.metrics, Now: w.stair.Now, NewID: w.stair.NewID, Mode: spec.Act,
	}
	return w
}

func (w *ward) policy(t *testing.T, g spec.Group) {
	t.Helper()
	w.change(t, ledger.Edit{Target: m7g(), Policy: &ledger.Policy{Group: &g, Version: 1, Author: "ann", At: noon}})
}

// wardHand is Hosts, Activities and Exits of the ward.
type wardHand struct{ *ward }

func (w wardHand) Tasks(_ context.Context, _ fleet.ClusterName, on []fleet.Instance) ([]fleet.Task, error) {
	var out []fleet.Task
	for _, x := range w.tasks {
		if slices.ContainsFunc(on, func(i fleet.Instance) bool { return i.ID == x.Instance }) {
			out = append(out, x)
		}
	}
	return out, w.refusal("tasks")
}

func (w wardHand) SetDraining(_ context.Context, _ fleet.ClusterName, is []fleet.Instance, draining bool) error {
	for _, i := range is {
		call := fmt.Sprintf("draining %s %v", i.ID, draining)
		w.calls = append(w.calls, call)
		if err := w.refusal(call); err != nil {
			return err
		}
		for k := range w.instances {
			if w.instances[k].ID == i.ID {
				w.instances[k].Active, w.instances[k].Draining = !draining, draining
			}
		}
	}
	return nil
}

func (w wardHand) Homes(_ context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error) {
	out := map[fleet.InstanceID]fleet.GroupName{}
	for n, g := range w.groups {
		for _, id := range ids {
			if _, ok := g.Member(id); ok {
				out[id] = n
			}
		}
	}
	return out, w.refusal("homes")
}

func (w wardHand) Refreshing(context.Context, fleet.GroupName) (bool, error) {
	return w.refresh, w.refusal("refreshing")
}

func (w wardHand) Failures(_ context.Context, g fleet.GroupName, _ time.Time) ([]fleet.LaunchFailure, time.Time, error) {
	return w.failed[g], time.Time{}, w.refusal("failures")
}

func (w wardHand) Terminate(_ context.Context, n fleet.GroupName, ids []fleet.InstanceID) error {
	call := fmt.Sprintf("terminate %s %v", n, ids)
	w.calls = append(w.calls, call)
	err := w.refusal(call)
	if err != nil && !errors.Is(err, errReplyLost) {
		return err
	}
	g := w.groups[n]
	g.DesiredCapacity -= len(ids)
	g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m fleet.Member) bool { return slices.Contains(ids, m.ID) })
	g.InService = slices.DeleteFunc(slices.Clone(g.InService), func(id fleet.InstanceID) bool { return slices.Contains(ids, id) })
	w.groups[n] = g
	return err
}

var errReplyLost = errors.New("connection reset: the reply is lost")

func (w wardHand) Protect(_ context.Context, _ fleet.GroupName, ids []fleet.InstanceID, on bool) error {
	w.calls = append(w.calls, fmt.Sprintf("protect %v %v", ids, on))
	return w.refusal("protect")
}

func (w wardHand) Hooks(context.Context, fleet.GroupName) ([]drain.Hook, error) {
	if w.hook == 0 {
		return nil, w.refusal("hook")
	}
	return []drain.Hook{{Name: "logs", Timeout: time.Hour}, {Name: "trimtab-drain", Timeout: w.hook}}, w.refusal("hook")
}

func (w wardHand) Heartbeat(_ context.Context, _ fleet.GroupName, id fleet.InstanceID, h drain.Hook) error {
	w.calls = append(w.calls, fmt.Sprintf("heartbeat %s %s", id, h.Name))
	return w.refusal("heartbeat")
}

func (w wardHand) Complete(_ context.Context, _ fleet.GroupName, id fleet.InstanceID, h drain.Hook) error {
	w.calls = append(w.calls, fmt.Sprintf("complete %s %s", id, h.Name))
	return w.refusal("complete")
}

func (w *ward) run(t *testing.T, ev event.Event) reconcile.Report {
	t.Helper()
	rep, err := w.drainage.Run(t.Context(), ev)
	if err != nil {
		t.Fatalf("%s: %v", ev.Kind, err)
	}
	return rep
}

func (w *ward) removal(t *testing.T, n int) ledger.Drain {
	t.Helper()
	c, err := w.book.Read(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	return c.Drain(host(n))
}

func byHand(n int, dry bool) event.Event {
	return event.Event{
		Kind: event.Drain, Via: event.ViaInvoke, Cluster: "prod", Instance: host(n), DryRun: dry,
		Request: &event.Request{Why: "its disk fails", By: "ann"},
	}
}

// The stair opens the removal of the empty instance; the drainage drains and ends it,
// with the group's row claimed and the order recorded and announced.
func TestEmptyInstanceGoes(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.policy(t, spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{StabilizationWindow: new(spec.Duration(0)), Consolidate: new(false)}})
	w.mustRun(t, event.Event{Kind: event.TickAll})
	d := w.removal(t, 3)
	if d.State != drain.Candidate || d.Cause != drain.Empty || d.By == "" || d.Deadline != noon.Add(30*time.Minute) || d.OnTimeout != spec.DrainUndo {
		t.Fatalf("the stair opened %+v", d)
	}
	if o, _ := w.row(t, m7g()).History.Last(); o.From != 3 || o.To != 2 {
		t.Errorf("the budget is charged %+v, want 3 to 2", o)
	}
	if len(w.calls) != 0 {
		t.Errorf("the stair touched instances: %v", w.calls)
	}
	w.now = noon.Add(time.Minute)
	rep := w.run(t, event.Event{Kind: event.Tick})
	want := []string{"draining " + string(host(3)) + " true", "terminate m7g [" + string(host(3)) + "]"}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if d := w.removal(t, 3); d.State != drain.Terminated || d.Before != 3 || d.After != 2 {
		t.Errorf("the row is %+v", d)
	}
	if len(rep.Drains) == 0 || rep.Drains[len(rep.Drains)-1].State != drain.Terminated {
		t.Errorf("the report says %+v", rep.Drains)
	}
	rec := w.records(t, m7g())[0]
	if rec.Kind != ledger.Ordered || rec.Before != 3 || rec.Desired != 2 || rec.Rule != history.EmptyInstances || !strings.Contains(rec.Because, string(host(3))) {
		t.Errorf("the record is %+v", rec)
	}
	if n := w.notices[len(w.notices)-1]; n.Desired != 2 || !slices.Equal(n.Drains, []fleet.InstanceID{host(3)}) {
		t.Errorf("announced %+v", n)
	}
	if w.row(t, m7g()).Intent != nil {
		t.Error("the group's intent is still open")
	}
}

// A busy instance is drained, waited for by the events of its tasks, and ended once it
// is empty.
func TestBusyInstanceIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.run(t, byHand(2, false))
	if d := w.removal(t, 2); d.State != drain.Draining || d.Cause != drain.Manual || d.By != "ann" {
		t.Fatalf("after the order %+v", d)
	}
	w.now = noon.Add(time.Minute)
	w.run(t, event.Event{Kind: event.TaskChange, Cluster: "prod", HostARN: "arn/" + string(host(2))})
	if d := w.removal(t, 2); d.State != drain.Draining {
		t.Fatalf("with its task on it %+v", d)
	}
	w.tasks = slices.DeleteFunc(w.tasks, func(x fleet.Task) bool { return x.Instance == host(2) })
	w.instances[1].Tasks = 0
	w.run(t, event.Event{Kind: event.TaskChange, Cluster: "prod", HostARN: "arn/" + string(host(2))})
	if d := w.removal(t, 2); d.State != drain.Terminated {
		t.Errorf("when it is empty %+v", d)
	}
	if o, _ := w.row(t, m7g()).History.Last(); o.From != 3 || o.To != 2 {
		t.Errorf("the budget is charged %+v, want 3 to 2", o)
	}
}

func TestRemovalEvents(t *testing.T) {
	t.Parallel()
	hook := func(name string) event.Event {
		return event.Event{Kind: event.Lifecycle, Via: event.ViaEventBridge, Time: noon, Group: "m7g", Instance: host(2), HookName: name, HookToken: "token"}
	}
	terminating := func(w *ward) {
		g := w.groups["m7g"]
		g.Members[1].State = "Terminating:Wait"
		g.InService = slices.Delete(slices.Clone(g.InService), 1, 2)
		w.groups["m7g"] = g
	}
	tests := []struct {
		name  string
		edit  func(w *ward)
		ev    event.Event
		calls []string
		state drain.State
		fails string
	}{
		{"our hook holds the instance while it drains", terminating, hook("trimtab-drain"), []string{"draining " + string(host(2)) + " true"}, drain.Draining, ""},
		{"a hook of somebody else is left alone", terminating, hook("logs"), nil, "", ""},
		{"a hook that is gone", func(w *ward) { terminating(w); w.hook = 0 }, hook("trimtab-drain"), nil, "", ""},
		{"the group shows no wait yet", nil, hook("trimtab-drain"), nil, drain.Candidate, ""},
		{"a Spot notice drains at once", nil, event.Event{Kind: event.Spot, Time: noon, Instance: host(1)}, []string{"draining " + string(host(1)) + " true"}, drain.Draining, ""},
		{"a notice that comes late", nil, event.Event{Kind: event.Spot, Time: noon.Add(-3 * time.Minute), Instance: host(1)}, []string{"draining " + string(host(1)) + " true"}, drain.Draining, ""},
		{"a notice that comes too late", nil, event.Event{Kind: event.Spot, Time: noon.Add(-7 * time.Minute), Instance: host(1)}, nil, "", ""},
		{"of an instance of nobody", nil, event.Event{Kind: event.Spot, Time: noon, Instance: host(9)}, nil, "", ""},
		{"a warning drains where the tasks have a place", nil, event.Event{Kind: event.Rebalance, Instance: host(1)}, []string{"draining " + string(host(1)) + " true"}, drain.Draining, ""},
		{"a warning waits during a refresh", func(w *ward) { w.refresh = true }, event.Event{Kind: event.Rebalance, Instance: host(1)}, nil, drain.Candidate, ""},
		{"by hand, dry", nil, byHand(2, true), nil, "", ""},
		{"by hand, of an instance of nobody", nil, byHand(9, false), nil, "", "no group of cluster prod with a policy has it"},
		{"by hand, in observe mode", func(w *ward) { w.drainage.Mode = spec.Observe }, byHand(2, false), nil, "", "is in observe mode"},
		{"a Spot notice, in observe mode", func(w *ward) { w.drainage.Mode = spec.Observe }, event.Event{Kind: event.Spot, Time: noon, Instance: host(1)}, nil, "", ""},
		{"an event about others ends at once", func(w *ward) { w.fail["names"] = errors.New("must not be asked") }, event.Event{Kind: event.TaskChange, Cluster: "prod", HostARN: "arn/x"}, nil, "", ""},
		{"an unknown event", nil, event.Event{Kind: event.Unknown, Source: "aws.ec2", DetailType: "New"}, nil, "", ""},
		{"the tasks cannot be read", func(w *ward) { w.fail["tasks"] = errors.New("throttled") }, byHand(2, false), nil, drain.Candidate, ""},
		{"the instances cannot be read", func(w *ward) { w.fail["instances"] = errors.New("throttled") }, byHand(2, false), nil, "", "throttled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			if tt.edit != nil {
				tt.edit(w)
			}
			rep, err := w.drainage.Run(t.Context(), tt.ev)
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Fatalf("error %v, want %q", err, tt.fails)
			}
			if diff := cmp.Diff(tt.calls, w.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			id := slices.IndexFunc([]int{1, 2, 9}, func(n int) bool { return host(n) == tt.ev.Instance })
			if id < 0 {
				return
			}
			if d := w.removal(t, []int{1, 2, 9}[id]); d.State != tt.state {
				t.Errorf("the row is %+v, want %q; report %+v", d, tt.state, rep.Drains)
			}
		})
	}
}

// The pre-flight refuses, in words, before anything drains.
func TestRefusedByPreflight(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.services[1].Rollout = &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 100}
	rep := w.run(t, byHand(2, false))
	if len(w.calls) != 0 || len(rep.Drains) != 1 || rep.Drains[0].State != drain.Undone || !strings.Contains(rep.Drains[0].Now, "maximumPercent") {
		t.Errorf("calls %v, report %+v", w.calls, rep.Drains)
	}
}

// A lost reply of the end is resolved by reading the group: there is no second one.
func TestEndWithoutReply(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fail["terminate"] = errReplyLost
	if _, err := w.drainage.Run(t.Context(), byHand(3, false)); err == nil || !strings.Contains(err.Error(), "reply is lost") {
		t.Fatalf("error %v", err)
	}
	if w.row(t, m7g()).Intent == nil {
		t.Fatal("an uncertain order leaves its intent open")
	}
	delete(w.fail, "terminate")
	for i := range 5 {
		w.now = noon.Add(time.Duration(i+1) * time.Minute)
		w.run(t, event.Event{Kind: event.Tick})
		w.mustRun(t, event.Event{Kind: event.TickAll})
	}
	if n := len(slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return !strings.HasPrefix(c, "terminate") })); n != 1 || w.groups["m7g"].DesiredCapacity != 2 {
		t.Errorf("%d ends, desired capacity %d", n, w.groups["m7g"].DesiredCapacity)
	}
	if d := w.removal(t, 3); d.State != drain.Terminated || w.row(t, m7g()).Intent != nil {
		t.Errorf("the row is %+v, the intent %+v", d, w.row(t, m7g()).Intent)
	}
}

// An end that Auto Scaling refuses charges nothing, and is tried again.
func TestEndRefused(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fail["terminate"] = refusal("ScalingActivityInProgress")
	if _, err := w.drainage.Run(t.Context(), byHand(3, false)); err == nil {
		t.Fatal("no error")
	}
	row := w.row(t, m7g())
	if row.Intent != nil || len(row.History.Orders) != 0 {
		t.Errorf("the row keeps %+v, %+v", row.Intent, row.History.Orders)
	}
	if rec := w.records(t, m7g())[0]; rec.Kind != ledger.Refused || !strings.Contains(rec.Outcome, "ScalingActivityInProgress") {
		t.Errorf("the record is %+v", rec)
	}
	delete(w.fail, "terminate")
	w.now = noon.Add(2 * time.Minute)
	w.run(t, event.Event{Kind: event.Tick})
	if d := w.removal(t, 3); d.State != drain.Terminated || w.groups["m7g"].DesiredCapacity != 2 {
		t.Errorf("the row is %+v", d)
	}
}

// While an evaluation's order is open the group's row is its: nothing is ended.
func TestEndWaitsForTheGroupsRow(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	row := w.row(t, m7g())
	err := w.book.Claim(t.Context(), ledger.Claim{ID: "other", Entries: []ledger.ClaimEntry{{
		Target: m7g(), Generation: row.Generation, Intent: ledger.Intent{At: noon, ActBy: noon.Add(ledger.ActWithin), Before: 3, Desired: 4},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	w.run(t, byHand(3, false))
	if d := w.removal(t, 3); d.State != drain.Draining || slices.ContainsFunc(w.calls, func(c string) bool { return strings.HasPrefix(c, "terminate") }) {
		t.Errorf("the row is %+v, calls %v", d, w.calls)
	}
}

// A person's word, the global stop and a raise each end a drain that is under way.
func TestDrainIsHeldOrTakenBack(t *testing.T) {
	t.Parallel()
	pause := []spec.Override{{Kind: spec.Pause, Until: noon.Add(time.Hour), Why: "sale", By: "ann"}}
	tests := []struct {
		name  string
		edit  func(t *testing.T, w *ward)
		state drain.State
	}{
		{"undone by hand", func(t *testing.T, w *ward) {
			t.Helper()
			ev := byHand(2, false)
			ev.Request.Undo = true
			w.run(t, ev)
		}, drain.Undoing},
		{"paused", func(t *testing.T, w *ward) {
			t.Helper()
			w.change(t, ledger.Edit{Target: m7g(), Overrides: &pause})
			w.tasks = nil
			w.instances[1].Tasks = 0
			w.run(t, event.Event{Kind: event.Tick})
		}, drain.Draining},
		{"its room is needed", func(t *testing.T, w *ward) {
			t.Helper()
			d := w.removal(t, 2)
			d.Cause = drain.Consolidation
			if err := w.book.WriteDrain(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			w.services[1].Desired += 12
			w.run(t, event.Event{Kind: event.Tick})
		}, drain.Undoing},
		{"its room is needed, and a person wants it gone", func(t *testing.T, w *ward) {
			t.Helper()
			w.services[1].Desired += 12
			w.run(t, event.Event{Kind: event.Tick})
		}, drain.Draining},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			w.run(t, byHand(2, false))
			w.now = noon.Add(time.Minute)
			tt.edit(t, w)
			if d := w.removal(t, 2); d.State != tt.state {
				t.Errorf("the row is %+v, want %s", d, tt.state)
			}
		})
	}
}

// With manageProtection the instances with tasks are protected and the others not.
func TestProtectionIsKeptHonest(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.policy(t, spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{ManageProtection: true}})
	g := w.groups["m7g"]
	g.Members[2].Protected = true // an orphan
	w.groups["m7g"] = g
	w.run(t, event.Event{Kind: event.Tick})
	want := []string{fmt.Sprintf("protect %v true", []fleet.InstanceID{host(1), host(2)}), fmt.Sprintf("protect %v false", []fleet.InstanceID{host(3)})}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
