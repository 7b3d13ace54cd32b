package reconcile_test

import (
	"context"
	"fmt"
	"strings"
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

// windows keeps the window asked for of each metric, and answers nothing.
type windows map[string][]time.Duration

func (w windows) Fetch(_ context.Context, _ time.Time, queries []signal.Query) ([]signal.Series, error) {
	out := make([]signal.Series, len(queries))
	for i, q := range queries {
		w[q.Metric.Name] = append(w[q.Metric.Name], q.Window)
		out[i] = signal.Series{Metric: q.Metric, Status: signal.Complete}
	}
	return out, nil
}

// A metric that vetoes one service of a cell and sizes another is read once, over
// the longer of their windows: a decision finds one series of a metric.
func TestCellReadsASharedMetricOnce(t *testing.T) {
	t.Parallel()
	w, asked := onInstances(t), windows{}
	w.stair.Signals = asked
	w.services = append(w.services, neighbour())
	m := spec.Metric{Namespace: "App", Name: "InFlight", Statistic: "Sum"}
	p, q := servicePolicy(spec.Act), servicePolicy(spec.Act)
	p.Vetoes = []spec.Veto{{Name: "load", Metric: m, Above: new(1e6), Lookback: new(spec.Duration(time.Minute))}}
	q.Policies = []spec.Policy{{TargetTracking: &spec.TargetTracking{Metric: &m, TargetPerTask: 10}}}
	w.apply(t, "checkout", p)
	w.apply(t, "search", q)
	w.mustRun(t, event.Event{Kind: event.TickAll, DryRun: true})
	if got := asked["InFlight"]; len(got) != 1 || got[0] < time.Hour {
		t.Errorf("InFlight is read over %v, want once over an hour or more", got)
	}
}

// A service that acts costs what it really runs, whatever count observe mode left
// behind in its row.
func TestSpendOfWhatActsIsReal(t *testing.T) {
	t.Parallel()
	w := priced(t, 20)
	stage := fleet.ServiceKey{Cluster: "stage", Service: "web"}.Target()
	err := w.book.Note(t.Context(), ledger.Note{
		Target: stage, Generation: 2, History: &history.History{Shadow: new(2)},
		Reason: &ledger.Reason{Rule: history.AlreadyAtDesiredCapacity, Desired: 50, Last: noon},
		Record: &ledger.Record{Target: stage, At: noon.Add(time.Second), Generation: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.mustRun(t, both())
	wantCalls(t, w)
}

// A service that is gone has no tasks, and does not sleep: it is looked at in its turn.
func TestDeletedServiceIsNotHot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.services = nil
	w.mustRun(t, event.Event{Kind: event.TickAll})
	n := 0
	for w.now = noon.Add(72 * time.Hour); w.now.Before(noon.Add(73 * time.Hour)); w.now = w.now.Add(time.Minute) {
		n += len(w.mustRun(t, event.Event{Kind: event.Tick}).Cells)
	}
	if n > 12 {
		t.Errorf("it is evaluated %d times in an hour, want every fifth minute", n)
	}
}

// slowServices takes time for every read.
type slowServices struct {
	*world
	each time.Duration
}

func (s slowServices) Describe(ctx context.Context, c fleet.ClusterName, n []fleet.ServiceName) ([]fleet.Service, error) {
	s.now = s.now.Add(s.each)
	return s.world.Describe(ctx, c, n)
}

// Where every cluster is slow to read, the run ends in time and tells what it left.
func TestSlowClustersAreLeftToTheNextTick(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := servicePolicy(spec.Act)
	for i := range 10 {
		k := fleet.ServiceKey{Cluster: fleet.ClusterName(fmt.Sprintf("c%d", i)), Service: "web"}.Target()
		edit := ledger.Edit{Target: k, Policy: &ledger.Policy{Service: &p, Version: 1}}
		if err := w.book.Change(t.Context(), ledger.Change{Cluster: k.Cluster, Edits: []ledger.Edit{edit}}); err != nil {
			t.Fatal(err)
		}
	}
	w.stair.Services = slowServices{w, 10 * time.Second}
	start := time.Now()
	w.now = start
	ctx, cancel := context.WithDeadline(t.Context(), start.Add(time.Minute))
	defer cancel()
	rep, err := w.stair.Run(ctx, event.Event{Kind: event.TickAll})
	if took := w.now.Sub(start); err != nil || took > 50*time.Second || rep.Left == 0 {
		t.Errorf("the run took %s of a minute and left %d: %v", took, rep.Left, err)
	}
}

// slowBook takes time for reading other clusters.
type slowBook struct {
	*ledger.Memory
	w    *world
	each time.Duration
}

func (b slowBook) Read(ctx context.Context, c fleet.ClusterName) (ledger.Cluster, error) {
	if c != "prod" {
		b.w.now = b.w.now.Add(b.each)
	}
	return b.Memory.Read(ctx, c)
}

// Reading what the others cost takes its time: no order is claimed that the
// deadline would cut off.
func TestNoOrderAfterSlowSpendReads(t *testing.T) {
	t.Parallel()
	w := priced(t, 1000)
	p := servicePolicy(spec.Act)
	p.Spend = &spec.Spend{TaskHour: 1}
	for i := range 6 {
		k := fleet.ServiceKey{Cluster: fleet.ClusterName(fmt.Sprintf("c%d", i)), Service: "web"}.Target()
		edit := ledger.Edit{Target: k, Policy: &ledger.Policy{Service: &p, Version: 1}}
		if err := w.book.Change(t.Context(), ledger.Change{Cluster: k.Cluster, Edits: []ledger.Edit{edit}}); err != nil {
			t.Fatal(err)
		}
	}
	w.stair.Book = slowBook{w.book, w, 4 * time.Second}
	start := time.Now()
	w.now = start
	ctx, cancel := context.WithDeadline(t.Context(), start.Add(25*time.Second))
	defer cancel()
	rep, err := w.stair.Run(ctx, both())
	if err != nil || rep.Left == 0 {
		t.Errorf("left %d: %v", rep.Left, err)
	}
	wantCalls(t, w)
}

// A person's word about one service of a group's cell asks who owns that one, not
// the hundred beside it.
func TestOwnersOfWhatIsNamedAreAsked(t *testing.T) {
	t.Parallel()
	w := onInstances(t)
	for i := range 100 {
		n := neighbour()
		n.Name = fleet.ServiceName(fmt.Sprintf("service-%03d", i))
		w.services, w.cpu[n.Name] = append(w.services, n), 55
		w.apply(t, n.Name, servicePolicy(spec.Act))
	}
	w.mustRun(t, person(t, hold6))
	if w.asked > 8 {
		t.Errorf("owners are asked %d times for a hold of one service", w.asked)
	}
}

// An answer past what Lambda returns leaves its inputs out, and nothing else.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	rep := reconcile.Report{Event: "evaluate", Cells: []reconcile.CellReport{{Lost: true, Input: &policy.Input{Unreadable: "small"}}}}
	out, err := rep.Answer()
	if err != nil || !strings.Contains(string(out), "small") {
		t.Errorf("a small input is left out: %s, %v", out, err)
	}
	rep.Cells[0].Input.Unreadable = strings.Repeat("x", 6<<20)
	if out, err = rep.Answer(); err != nil || len(out) > 1000 || !strings.Contains(string(out), `"lost":true`) {
		t.Errorf("%d bytes, %v, want the report without its input", len(out), err)
	}
	if rep.Cells[0].Input == nil {
		t.Error("answering changed the report")
	}
}

// Where another cluster cannot be read, what has a price does not grow; its
// neighbours in the cell, which have none, go on.
func TestUnknownSpendHoldsWhatHasAPrice(t *testing.T) {
	t.Parallel()
	w := onInstances(t)
	w.stair.SpendPerHour = 100
	w.services = append(w.services, neighbour())
	w.cpu["checkout"], w.cpu["search"] = 90, 90
	p := servicePolicy(spec.Act)
	p.Spend = &spec.Spend{TaskHour: 1}
	w.apply(t, "search", p)
	other := fleet.ServiceKey{Cluster: "stage", Service: "web"}.Target()
	edit := ledger.Edit{Target: other, Policy: &ledger.Policy{Service: &p, Version: 1}}
	if err := w.book.Change(t.Context(), ledger.Change{Cluster: "stage", Edits: []ledger.Edit{edit}}); err != nil {
		t.Fatal(err)
	}
	w.stair.Book = &blindBook{Book: w.book}
	rep := w.mustRun(t, event.Event{Kind: event.Alarm, Alarms: both().Alarms[:1]})
	got := map[fleet.ServiceName]string{}
	for _, c := range rep.Cells {
		for _, s := range c.Decision.Services {
			got[s.Service] = fmt.Sprintf("%s %s", s.Direction, s.Reason)
		}
	}
	if got["checkout"] != "out TargetTracking" || got["search"] != "hold SpendCap" {
		t.Errorf("decided %v", got)
	}
}

// An order that is under way, or may be, costs what it orders.
func TestSpendCountsAnOpenOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		order int
		want  []string
	}{{"few", 4, []string{"service checkout 6"}}, {"many", 20, nil}} {
		w := priced(t, 20) // stage runs 5 tasks at a dollar, web and checkout 4 each
		web := fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target()
		err := w.book.Claim(t.Context(), ledger.Claim{ID: "open", Entries: []ledger.ClaimEntry{{
			Target: web, Generation: w.row(t, web).Generation,
			Intent: ledger.Intent{At: noon, ActBy: noon.Add(20 * time.Second), Before: 4, Desired: tt.order, Mode: spec.Act},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		w.mustRun(t, both())
		if got := strings.Join(w.calls, ", "); got != strings.Join(tt.want, ", ") {
			t.Errorf("%s: orders given: %q, want %q", tt.name, got, tt.want)
		}
	}
}
