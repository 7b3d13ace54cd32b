package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is one cluster with hands that can fail. Everything is set by the test.
type world struct {
	mu        sync.Mutex
	now       time.Time
	services  []fleet.Service
	instances []fleet.Instance
	groups    map[fleet.GroupName]fleet.Group
	cpu       map[fleet.ServiceName]float64 // average over the running tasks, every minute
	owners    map[string]policy.Owner
	calls     []string
	fail      map[string]error // by call prefix
	notices   []reconcile.Notice
	asked     int
	onSet     func()
	sick      map[fleet.ServiceName]bool // no batch with one of them can be described
	log       bytes.Buffer
	metrics   bytes.Buffer
	book      *ledger.Memory
	stair     *reconcile.Stair
}

// refusal is an answer of AWS, as the SDK's errors are.
type refusal string

func (r refusal) Error() string     { return string(r) }
func (r refusal) ErrorCode() string { return "ThrottlingException" }

func (w *world) refusal(call string) error {
	for prefix, err := range w.fail {
		if strings.HasPrefix(call, prefix) {
			return err
		}
	}
	return nil
}

func (w *world) Describe(_ context.Context, _ fleet.ClusterName, names []fleet.ServiceName) ([]fleet.Service, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []fleet.Service
	for _, n := range names {
		if w.sick[n] {
			return nil, errors.New("the service names a provider that is gone")
		}
		for _, s := range w.services {
			if s.Name == n {
				out = append(out, s)
			}
		}
	}
	return out, w.refusal("describe")
}

func (w *world) Names(context.Context, fleet.ClusterName) ([]fleet.ServiceName, error) {
	var out []fleet.ServiceName
	for _, s := range w.services {
		out = append(out, s.Name)
	}
	return out, w.refusal("names")
}

func (w *world) Instances(context.Context, fleet.ClusterName) ([]fleet.Instance, error) {
	return append([]fleet.Instance{}, w.instances...), w.refusal("instances")
}

func (w *world) SetDesiredCount(_ context.Context, k fleet.ServiceKey, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := fmt.Sprintf("service %s %d", k.Service, n)
	w.calls = append(w.calls, call)
	if w.onSet != nil {
		w.onSet()
	}
	if err := w.refusal(call); err != nil {
		return err
	}
	for i := range w.services {
		if w.services[i].Name == k.Service {
			w.services[i].Desired = n
		}
	}
	return nil
}

type groupHand struct{ *world }

func (w groupHand) Describe(_ context.Context, g fleet.GroupName) (fleet.Group, bool, error) {
	got, ok := w.groups[g]
	return got, ok, w.refusal("groups")
}

func (w groupHand) SetDesiredCapacity(_ context.Context, g fleet.GroupName, n int) error {
	call := fmt.Sprintf("group %s %d", g, n)
	w.calls = append(w.calls, call)
	return w.refusal(call)
}

func (w *world) Fetch(_ context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]signal.Series, len(queries))
	for i, q := range queries {
		out[i] = signal.Series{Metric: q.Metric, Status: signal.Complete}
		var name fleet.ServiceName
		for _, d := range q.Metric.Dimensions {
			if d.Name == "ServiceName" {
				name = fleet.ServiceName(d.Value)
			}
		}
		average, ok := w.cpu[name]
		s, found := fleet.Snapshot{Services: w.services}.Service(name)
		if !ok || !found {
			continue
		}
		for m := range 75 {
			start := now.Truncate(time.Minute).Add(-time.Duration(m+1) * time.Minute)
			out[i].Points = append(out[i].Points, signal.Point{Start: start, Value: signal.Value(average * float64(s.Running)), Samples: signal.Value(s.Running)})
		}
	}
	return out, w.refusal("fetch")
}

type ownerHand struct{ *world }

func (w ownerHand) Service(_ context.Context, k fleet.ServiceKey, _ bool) (policy.Owner, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	return w.owners[string(k.Service)], w.refusal("owner")
}

func (w ownerHand) Group(_ context.Context, _ fleet.ClusterName, g fleet.GroupName, _ bool) (policy.Owner, error) {
	w.asked++
	return w.owners[string(g)], w.refusal("owner")
}

func (w *world) Announce(_ context.Context, ns []reconcile.Notice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notices = append(w.notices, ns...)
	return w.refusal("announce")
}

func steady(name fleet.ServiceName, n int) fleet.Service {
	return fleet.Service{
		Name: name, Compute: fleet.Fargate, Active: true, Desired: n, Running: n,
		Deployments: []fleet.Deployment{{ID: "1", Primary: true, RolloutState: "COMPLETED"}},
	}
}

// newWorld is cluster prod with Fargate service checkout, 4 tasks at 55 % CPU,
// and its policy (60 %, 2 to 20 tasks, act) in a memory ledger.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		now: noon, services: []fleet.Service{steady("checkout", 4)}, cpu: map[fleet.ServiceName]float64{"checkout": 55},
		owners: map[string]policy.Owner{}, fail: map[string]error{}, groups: map[fleet.GroupName]fleet.Group{}, book: ledger.NewMemory(),
	}
	ids := 0
	w.stair = &reconcile.Stair{
		Book: w.book, Desk: w.book, Services: w, Groups: groupHand{w}, Signals: w, Owners: ownerHand{w}, Notices: w,
		Log: slog.New(slog.NewJSONHandler(&w.log, nil)), Metrics: &w.metrics, Mode: spec.Act,
		Now: func() time.Time { return w.now },
		NewID: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			ids++
			return fmt.Sprintf("id-%d", ids)
		},
	}
	w.apply(t, "checkout", servicePolicy(spec.Act))
	return w
}

func servicePolicy(m spec.Mode) spec.Service {
	return spec.Service{Mode: m, MinCapacity: 2, MaxCapacity: 20, Policies: []spec.Policy{
		{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}},
	}}
}

func (w *world) apply(t *testing.T, name fleet.ServiceName, p spec.Service) {
	t.Helper()
	target := fleet.ServiceKey{Cluster: "prod", Service: name}.Target()
	w.change(t, ledger.Edit{Target: target, Policy: &ledger.Policy{Service: &p, Version: 1, Author: "ann", At: noon}})
}

func (w *world) change(t *testing.T, e ledger.Edit) {
	t.Helper()
	c, err := w.book.Read(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	e.Generation = c.Row(e.Target).Generation
	if err := w.book.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{e}}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) row(t *testing.T, target fleet.Target) ledger.Row {
	t.Helper()
	c, err := w.book.Read(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	return c.Row(target)
}

func (w *world) records(t *testing.T, target fleet.Target) []ledger.Record {
	t.Helper()
	rs, err := w.book.Records(t.Context(), target, time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func (w *world) run(t *testing.T, ev event.Event) (reconcile.Report, error) {
	t.Helper()
	return w.stair.Run(t.Context(), ev)
}

func (w *world) mustRun(t *testing.T, ev event.Event) reconcile.Report {
	t.Helper()
	rep, err := w.run(t, ev)
	if err != nil {
		t.Fatalf("run %s: %v", ev.Kind, err)
	}
	return rep
}

var checkout = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}

func alarm() event.Event {
	return event.Event{Kind: event.Alarm, Via: event.ViaEventBridge, ID: "e-1", Alarms: []event.AlarmChange{{
		Name: "checkout-high", State: event.StateAlarm,
		Metrics: []signal.Metric{{Namespace: "AWS/ECS", Name: "CPUUtilization", Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "checkout"}}}},
	}}}
}

func wantCalls(t *testing.T, w *world, want ...string) {
	t.Helper()
	if got, all := strings.Join(w.calls, ", "), strings.Join(want, ", "); got != all {
		t.Errorf("orders given: %q, want %q", got, all)
	}
}

func TestAlarmScalesOutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	rep := w.mustRun(t, alarm())
	wantCalls(t, w, "service checkout 6")
	if o := rep.Cells[0].Outcomes[0]; o.Done != reconcile.OrderDone || o.Before != 4 || o.Desired != 6 || o.Reason != history.TargetTracking {
		t.Errorf("outcome %+v", o)
	}
	// The same alarm again, under a new id too, then two ticks: nothing more.
	w.mustRun(t, alarm())
	again := alarm()
	again.ID = "e-2"
	w.mustRun(t, again)
	w.mustRun(t, event.Event{Kind: event.Tick})
	w.now = w.now.Add(20 * time.Second)
	w.mustRun(t, event.Event{Kind: event.Tick})
	wantCalls(t, w, "service checkout 6")

	row := w.row(t, checkout.Target())
	if row.Intent != nil || row.Reason == nil || len(row.History.Orders) != 1 {
		t.Errorf("row after the order: %+v", row)
	}
	recs := w.records(t, checkout.Target())
	if got := recs[len(recs)-1]; got.Kind != ledger.Ordered || got.Desired != 6 || got.Outcome != "ordered" || len(got.Decision) == 0 || len(got.Input) == 0 {
		t.Errorf("record %+v", got)
	}
	if len(w.notices) != 1 || w.notices[0].Desired != 6 || w.notices[0].Outcome != "ordered" {
		t.Errorf("notices %+v", w.notices)
	}
	if !strings.Contains(w.metrics.String(), `"Orders":1`) || !strings.Contains(w.metrics.String(), `"Heartbeat":1`) {
		t.Errorf("metrics %s", w.metrics.String())
	}
	if !strings.Contains(w.log.String(), `"done":"ordered"`) || !strings.Contains(w.log.String(), `"reason":"TargetTracking"`) {
		t.Errorf("log %s", w.log.String())
	}
}

func TestSteadyFleetWritesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 90 {
		w.now = noon.Add(time.Duration(i) * time.Minute)
		w.mustRun(t, event.Event{Kind: event.Tick})
	}
	row := w.row(t, checkout.Target())
	if row.Generation > 3 { // the policy, the first reason, and the lowest count of the second hour
		t.Errorf("generation %d after 90 steady ticks, want at most 3", row.Generation)
	}
	if got := len(w.records(t, checkout.Target())); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
	if w.asked != 0 {
		t.Errorf("asked %d times who else writes, want 0 while nothing is ordered", w.asked)
	}
	evaluated := strings.Count(w.log.String(), `"msg":"decision"`)
	if evaluated < 90/5 || evaluated > 45 {
		t.Errorf("evaluated %d times in 90 ticks, want each of the first and then every fifth", evaluated)
	}
}

func TestHoldReasonIsNotedWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustRun(t, event.Event{Kind: event.TickAll})
	delete(w.cpu, "checkout")
	w.mustRun(t, event.Event{Kind: event.TickAll})
	w.mustRun(t, event.Event{Kind: event.TickAll})
	row := w.row(t, checkout.Target())
	if row.Reason.Rule != history.MissingData || len(w.records(t, checkout.Target())) != 2 {
		t.Errorf("reason %+v with %d records, want MissingData and 2", row.Reason, len(w.records(t, checkout.Target())))
	}
	wantCalls(t, w)
}

func TestDryRunShowsAllAndDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	rep := w.mustRun(t, event.Event{Kind: event.Evaluate, Service: checkout, DryRun: true})
	c := rep.Cells[0]
	if c.Input == nil || len(c.Decision.Services[0].Clauses) == 0 || c.Outcomes[0].Done != reconcile.WouldDo || c.Outcomes[0].Desired != 6 {
		t.Errorf("report %+v", c)
	}
	wantCalls(t, w)
	if w.row(t, checkout.Target()).Generation != 1 || len(w.notices) != 0 {
		t.Error("a dry run wrote or announced")
	}
	w.mustRun(t, event.Event{Kind: event.Evaluate, Service: checkout})
	wantCalls(t, w, "service checkout 6")
}

func TestEvaluateWithoutPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.run(t, event.Event{Kind: event.Evaluate, Service: fleet.ServiceKey{Cluster: "prod", Service: "nosuch"}})
	if err == nil || !strings.Contains(err.Error(), "prod/nosuch") || !strings.Contains(err.Error(), "policy apply") {
		t.Errorf("error %v, want one that names the service and the remedy", err)
	}
}

func TestObserveRecordsAndOrdersNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		ceiling  spec.Mode
		document spec.Mode
	}{{"the function observes", spec.Observe, spec.Act}, {"the policy observes", spec.Act, spec.Observe}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stair.Mode = tt.ceiling
			w.apply(t, "checkout", servicePolicy(tt.document))
			w.cpu["checkout"] = 90
			rep := w.mustRun(t, alarm())
			wantCalls(t, w)
			if o := rep.Cells[0].Outcomes[0]; o.Done != reconcile.Observed || o.Desired != 6 {
				t.Errorf("outcome %+v", o)
			}
			row := w.row(t, checkout.Target())
			if row.History.Shadow == nil || *row.History.Shadow != 6 || row.Intent != nil {
				t.Errorf("row %+v, want a closed order with shadow 6", row)
			}
			if recs := w.records(t, checkout.Target()); recs[0].Kind != ledger.Ordered || recs[0].Mode != spec.Observe {
				t.Errorf("record %+v", recs[0])
			}
			w.now = w.now.Add(time.Minute)
			w.mustRun(t, alarm())
			if n := len(w.row(t, checkout.Target()).History.Orders); n != 1 {
				t.Errorf("%d shadow orders for one demand, want 1", n)
			}
		})
	}
}

func TestOwnedByAnotherIsRefusedInActMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owners["checkout"] = policy.Owner{Kind: "ApplicationAutoScaling", Detail: "policy cpu60"}
	w.cpu["checkout"] = 90
	rep := w.mustRun(t, alarm())
	wantCalls(t, w)
	if o := rep.Cells[0].Outcomes[0]; o.Reason != history.OwnedByAnother || !strings.Contains(o.Because, "cpu60") {
		t.Errorf("outcome %+v", o)
	}
	w.owners = map[string]policy.Owner{}
	w.fail["owner"] = errors.New("throttled")
	w.now = w.now.Add(time.Minute)
	rep = w.mustRun(t, alarm())
	wantCalls(t, w)
	if o := rep.Cells[0].Outcomes[0]; o.Reason != history.OwnedByAnother || !strings.Contains(o.Because, "throttled") {
		t.Errorf("an unanswered question is no consent: %+v", o)
	}
}

func TestRefusedOrderChargesNoCooldown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.fail["service"] = fmt.Errorf("update service: %w", refusal("ThrottlingException: rate exceeded"))
	_, err := w.run(t, alarm())
	if err == nil || !strings.Contains(err.Error(), "rate exceeded") || !strings.Contains(err.Error(), "prod/service/checkout") {
		t.Errorf("error %v, want the target and the words of ECS", err)
	}
	row := w.row(t, checkout.Target())
	if row.Intent != nil || len(row.History.Orders) != 0 || len(row.History.Marks) != 0 {
		t.Errorf("row %+v, want no memory of an order that was refused", row)
	}
	if rec := w.records(t, checkout.Target())[0]; rec.Kind != ledger.Refused || !strings.Contains(rec.Outcome, "rate exceeded") {
		t.Errorf("record %+v", rec)
	}
	w.fail = map[string]error{}
	w.mustRun(t, alarm()) // the same datapoint may try again
	wantCalls(t, w, "service checkout 6", "service checkout 6")
}

func TestReadsThatFailHold(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"describe", "fetch"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.cpu["checkout"] = 90
			w.fail[call] = errors.New("no answer")
			rep, err := w.run(t, alarm())
			wantCalls(t, w)
			want := map[string]string{"describe": history.Unreadable, "fetch": history.MissingData}[call]
			if o := rep.Cells[0].Outcomes[0]; err != nil || o.Reason != want || !strings.Contains(o.Because, "no answer") {
				t.Errorf("error %v, outcome %+v, want a hold for %s that says why", err, o, want)
			}
			w.fail = map[string]error{}
			w.mustRun(t, alarm())
			wantCalls(t, w, "service checkout 6")
		})
	}
}

func TestAnnounceFailureLeavesTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.fail["announce"] = errors.New("bus gone")
	if _, err := w.run(t, alarm()); err == nil || !strings.Contains(err.Error(), "bus gone") {
		t.Errorf("error %v", err)
	}
	if row := w.row(t, checkout.Target()); row.Intent != nil || len(row.History.Orders) != 1 {
		t.Errorf("row %+v, want a closed order", row)
	}
}

func TestGlobalStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	if err := w.book.Change(t.Context(), ledger.Change{Cluster: "prod", Control: &ledger.Control{Stop: true, Why: "incident", By: "ann", At: noon}}); err != nil {
		t.Fatal(err)
	}
	rep := w.mustRun(t, alarm())
	wantCalls(t, w)
	if rep.Cells[0].Outcomes[0].Reason != history.GlobalStop {
		t.Errorf("outcome %+v", rep.Cells[0].Outcomes[0])
	}
	const words = "the cluster's global stop is set by ann since 2026-11-23T12:00:00Z (incident)"
	if row := w.row(t, checkout.Target()); row.Reason == nil || row.Reason.Because != words {
		t.Errorf("the row's reason is %+v, want %q", row.Reason, words)
	}
}
