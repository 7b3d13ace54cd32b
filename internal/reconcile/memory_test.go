package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

func evaluate(k fleet.ServiceKey) event.Event {
	return event.Event{Kind: event.Evaluate, Service: k, DryRun: true}
}

// queueHand answers queues, and keeps what it was asked.
type queueHand struct {
	asked  [][]string
	answer func(queues []string) ([]signal.Queue, error)
}

func (h *queueHand) States(_ context.Context, now time.Time, queues []string) ([]signal.Queue, error) {
	h.asked = append(h.asked, slices.Clone(queues))
	if h.answer != nil {
		return h.answer(queues)
	}
	var out []signal.Queue
	for i, q := range queues {
		out = append(out, signal.Queue{Name: q, At: now, Status: signal.Complete, Visible: i + 1})
	}
	return out, nil
}

func backlogOf(queues ...string) spec.Service {
	p := servicePolicy(spec.Act)
	for _, q := range queues {
		p.Policies = append(p.Policies, spec.Policy{Backlog: &spec.Backlog{
			Queue: q, AcceptableLatency: spec.Duration(time.Minute), ProcessingTime: new(spec.Duration(time.Second)),
		}})
	}
	return p
}

// Every cell gets the states of the queues that its services read, sorted by
// name and each once; all of them are read in one call.
func TestQueuesAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hand := &queueHand{}
	w.stair.Queues = hand
	w.services = append(w.services, steady("mailer", 2), steady("plain", 2))
	w.apply(t, "checkout", backlogOf("orders", "jobs"))
	w.apply(t, "mailer", backlogOf("mails", "jobs"))
	w.apply(t, "plain", servicePolicy(spec.Act))
	rep := w.mustRun(t, event.Event{Kind: event.TickAll})
	if d := cmp.Diff([][]string{{"jobs", "mails", "orders"}}, hand.asked); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	if len(rep.Cells) != 3 {
		t.Fatalf("%d cells", len(rep.Cells))
	}
	state := func(name string, visible int) signal.Queue {
		return signal.Queue{Name: name, At: noon, Status: signal.Complete, Visible: visible}
	}
	for service, want := range map[fleet.ServiceName][]signal.Queue{
		"checkout": {state("jobs", 1), state("orders", 3)}, "mailer": {state("jobs", 1), state("mails", 2)}, "plain": nil,
	} {
		rec := w.records(t, fleet.ServiceKey{Cluster: "prod", Service: service}.Target())[0]
		if d := cmp.Diff(want, inputOf(t, rec).Queues); d != "" {
			t.Errorf("%s (-want +got):\n%s", service, d)
		}
	}
}

func inputOf(t *testing.T, rec ledger.Record) policy.Input {
	t.Helper()
	var in policy.Input
	if err := json.Unmarshal(rec.Input, &in); err != nil {
		t.Fatalf("record of %s at %s: %v", rec.Target, rec.At, err)
	}
	return in
}

// A queue that could not be read is failed and says why; it is never an empty one.
func TestUnreadQueuesAreFailed(t *testing.T) {
	t.Parallel()
	for why, hand := range map[string]reconcile.Queues{
		"no queue reader is wired": nil,
		"throttled":                &queueHand{answer: func([]string) ([]signal.Queue, error) { return nil, errors.New("throttled") }},
		"1 answers for 2 queues":   &queueHand{answer: func([]string) ([]signal.Queue, error) { return []signal.Queue{{}}, nil }},
	} {
		w := newWorld(t)
		w.stair.Queues = hand
		w.apply(t, "checkout", backlogOf("orders", "jobs"))
		rep := w.mustRun(t, evaluate(checkout))
		want := []signal.Queue{
			{Name: "jobs", At: noon, Status: signal.Failed, Why: why}, {Name: "orders", At: noon, Status: signal.Failed, Why: why},
		}
		if d := cmp.Diff(want, rep.Cells[0].Input.Queues); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestUnreadableCellsAskNoQueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hand := &queueHand{}
	w.stair.Queues = hand
	w.apply(t, "checkout", backlogOf("orders"))
	w.fail["describe"] = errors.New("throttled")
	rep, _ := w.run(t, evaluate(checkout))
	if len(rep.Cells) != 1 || rep.Cells[0].Input.Unreadable == "" || len(hand.asked) != 0 {
		t.Errorf("asked %v for %+v", hand.asked, rep.Cells)
	}
}

// learning is checkout with a floor from history: the lowest count of each hour is learnt.
func learning(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	p := servicePolicy(spec.Act)
	p.ScaleIn.HistoryFloor = new(spec.Percent(0.5))
	w.apply(t, "checkout", p)
	return w
}

// What is learnt is written although nothing is ordered and no reason changes,
// once an hour and not at every look.
func TestLearntIsNoted(t *testing.T) {
	t.Parallel()
	w := learning(t)
	first := w.row(t, checkout.Target()).Generation
	for range 180 {
		w.mustRun(t, event.Event{Kind: event.Tick})
		w.now = w.now.Add(time.Minute)
	}
	row := w.row(t, checkout.Target())
	if got := row.Generation - first; got != 3 {
		t.Errorf("the row was written %d times in three hours, want once an hour", got)
	}
	if got := len(w.records(t, checkout.Target())); got != 1 {
		t.Errorf("%d records, want the one of the first reason", got)
	}
	for hour := range 3 {
		at := noon.Add(time.Duration(hour)*time.Hour + 7*24*time.Hour)
		if low, ok := row.History.Hours.Lowest(at); !ok || low != 4 {
			t.Errorf("the lowest of hour %d is %d, %t, want 4", hour, low, ok)
		}
	}
	if row.Reason == nil || !row.Reason.First.Equal(noon) {
		t.Errorf("the reason has changed: %+v", row.Reason)
	}
}

// An order carries what was learnt with it, whether it is refused, left open and
// dropped, or carried out.
func TestOrdersKeepWhatIsLearnt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*world)
		orders  int
	}{
		"carried out": {func(*world) {}, 1},
		"refused":     {func(w *world) { w.fail["service"] = refusal("no") }, 0},
		"dropped": {func(w *world) {
			w.fail["service"] = errors.New("the connection broke")
			_, _ = w.stair.Run(t.Context(), alarm())
			w.now = w.now.Add(ledger.ActWithin + ledger.TakeoverMargin)
			w.cpu["checkout"] = 55
			delete(w.fail, "service")
			w.services[0].Desired = 4
		}, 0},
	} {
		w := learning(t)
		w.mustRun(t, event.Event{Kind: event.Tick})
		w.now = w.now.Add(time.Minute)
		w.cpu["checkout"] = 90
		c.prepare(w)
		_, _ = w.run(t, alarm())
		row := w.row(t, checkout.Target())
		low, ok := row.History.Hours.Lowest(noon.Add(7 * 24 * time.Hour))
		if !ok || low != 4 || len(row.History.Orders) != c.orders || row.Intent != nil {
			t.Errorf("%s: learnt %d, %t, with %d orders, intent %v", name, low, ok, len(row.History.Orders), row.Intent)
		}
	}
}

// A busy service of a group's cell does not keep its neighbours from being noted.
func TestHoldsBesideAnOrderAreNoted(t *testing.T) {
	t.Parallel()
	w := onInstances(t)
	w.services = append(w.services, neighbour())
	w.cpu["checkout"], w.cpu["search"] = 90, 55
	w.apply(t, "search", servicePolicy(spec.Act))
	w.mustRun(t, event.Event{Kind: event.TickAll})
	search := fleet.ServiceKey{Cluster: "prod", Service: "search"}.Target()
	if len(w.calls) == 0 {
		t.Fatal("nothing was ordered")
	}
	recs := w.records(t, search)
	if row := w.row(t, search); row.Reason == nil || len(recs) != 1 || recs[0].Kind != ledger.Holding {
		t.Errorf("row %+v, records %v", row, recs)
	}
}

func neighbour() fleet.Service {
	v := steady("search", 4)
	v.Compute, v.Group, v.TaskSize = fleet.EC2, "m7g", fleet.Resources{CPU: 512, Memory: 1024}
	return v
}

// onInstances is the world with checkout on group m7g, which has room for more.
func onInstances(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.services[0] = neighbour()
	w.services[0].Name = "checkout"
	w.groups["m7g"] = fleet.Group{Name: "m7g", MaxSize: 10, DesiredCapacity: 3, InService: []fleet.InstanceID{"i-0", "i-1", "i-2"}}
	for i := range 3 {
		w.instances = append(w.instances, fleet.Instance{
			ID: fleet.InstanceID(fmt.Sprintf("i-%d", i)), Active: true, Connected: true,
			Registered: fleet.Resources{CPU: 2048, Memory: 7680}, Remaining: fleet.Resources{CPU: 200, Memory: 3584},
		})
	}
	w.change(t, ledger.Edit{Target: fleet.GroupOf("prod", "m7g"), Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1}})
	return w
}

// Every record of a decision holds what it rests on: decided again, it is the
// same to the byte.
func TestRecordsReplay(t *testing.T) {
	t.Parallel()
	w := onInstances(t)
	w.services = append(w.services, neighbour(), steady("web", 4), steady("idle", 8))
	for _, n := range []fleet.ServiceName{"search", "web", "idle"} {
		p := servicePolicy(spec.Act)
		p.Spend = &spec.Spend{TaskHour: 0.1}
		w.apply(t, n, p)
	}
	w.stair.SpendPerHour = 1.93
	w.owners["web"] = policy.Owner{Kind: "ApplicationAutoScaling", Detail: "hand it over"}
	w.fail["service idle"] = refusal("no")
	w.cpu["checkout"], w.cpu["search"], w.cpu["web"], w.cpu["idle"] = 90, 95, 90, 20
	for i := range 60 {
		w.now = noon.Add(time.Duration(i) * time.Minute)
		if i == 30 {
			w.cpu["checkout"], w.cpu["search"] = 20, 10
		}
		_, _ = w.run(t, event.Event{Kind: event.TickAll})
	}
	kinds := map[ledger.Kind]int{}
	for _, target := range []fleet.Target{
		fleet.GroupOf("prod", "m7g"), checkout.Target(),
		{Cluster: "prod", Kind: fleet.ServiceTarget, Name: "search"},
		{Cluster: "prod", Kind: fleet.ServiceTarget, Name: "web"},
		{Cluster: "prod", Kind: fleet.ServiceTarget, Name: "idle"},
	} {
		recs := w.records(t, target)
		if len(recs) == 0 {
			t.Errorf("%s has no record", target)
		}
		for _, rec := range recs {
			kinds[rec.Kind]++
			if rec.InputOmitted {
				t.Errorf("the input of %s at %s is omitted", target, rec.At)
				continue
			}
			got, err := json.Marshal(policy.Decide(rec.At, inputOf(t, rec)).About(rec.Target))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(rec.Decision), string(got)); d != "" {
				t.Errorf("%s at %s does not replay (-record +replay):\n%s", target, rec.At, d)
			}
			if target.Kind == fleet.ServiceTarget && len(rec.Input) > 40_000 {
				t.Errorf("the input of %s takes %d bytes", target, len(rec.Input))
			}
		}
	}
	if kinds[ledger.Ordered] == 0 || kinds[ledger.Holding] == 0 || kinds[ledger.Refused] == 0 {
		t.Errorf("the records are of %v: the test looks at too little", kinds)
	}
}

// longSignals answers every query with so many datapoints.
type longSignals int

func (n longSignals) Fetch(_ context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error) {
	var out []signal.Series
	for _, q := range queries {
		s := signal.Series{Metric: q.Metric, Status: signal.Complete}
		for i := range int(n) {
			s.Points = append(s.Points, signal.Point{Start: now.Add(-time.Duration(i+1) * time.Minute), Value: 360, Samples: 4})
		}
		out = append(out, s)
	}
	return out, nil
}

// An input that would not fit is left out, and the record says so.
func TestLargeInputIsOmitted(t *testing.T) {
	t.Parallel()
	for points, omitted := range map[longSignals]bool{100: false, 5000: true} {
		w := newWorld(t)
		w.stair.Signals = points
		w.mustRun(t, alarm())
		rec := w.records(t, checkout.Target())[0]
		if rec.Kind != ledger.Ordered || rec.InputOmitted != omitted || (len(rec.Input) == 0) != omitted {
			t.Errorf("%d points: %s, omitted %t, %d bytes", points, rec.Kind, rec.InputOmitted, len(rec.Input))
		}
	}
}

// All inputs of one claim together fit into its transaction.
func TestInputsOfAClaimFit(t *testing.T) {
	t.Parallel()
	w := onInstances(t)
	w.services = nil
	w.stair.Signals = longSignals(2400) // about 170 KB a service
	for i := range 20 {
		v := neighbour()
		v.Name = fleet.ServiceName(fmt.Sprintf("s%02d", i))
		w.services = append(w.services, v)
		w.apply(t, v.Name, servicePolicy(spec.Act))
	}
	w.mustRun(t, event.Event{Kind: event.TickAll})
	with, without := 0, 0
	for _, v := range w.services {
		target := fleet.ServiceKey{Cluster: "prod", Service: v.Name}.Target()
		if w.row(t, target).Intent != nil {
			t.Errorf("%s was not closed", v.Name)
		}
		for _, rec := range w.records(t, target) {
			if rec.InputOmitted {
				without++
			} else {
				with++
			}
		}
	}
	if with == 0 || without == 0 || with+without != 20 {
		t.Errorf("%d records with and %d without their input, want some of both and 20", with, without)
	}
}

// priced gives a world with two services of 4 tasks at 90 % and a dollar each,
// that want 6, and a third cluster's service of 5 tasks.
func priced(t *testing.T, atMost float64) *world {
	t.Helper()
	w := newWorld(t)
	w.stair.SpendPerHour = atMost
	w.services = append(w.services, steady("web", 4))
	w.cpu["checkout"], w.cpu["web"] = 90, 90
	p := servicePolicy(spec.Act)
	p.Spend = &spec.Spend{TaskHour: 1}
	w.apply(t, "checkout", p)
	w.apply(t, "web", p)
	stage := fleet.ServiceKey{Cluster: "stage", Service: "web"}.Target()
	err := w.book.Change(t.Context(), ledger.Change{Cluster: "stage", Edits: []ledger.Edit{{Target: stage, Policy: &ledger.Policy{Service: &p, Version: 1}}}})
	if err == nil {
		err = w.book.Note(t.Context(), ledger.Note{
			Target: stage, Generation: 1, Reason: &ledger.Reason{Rule: history.AlreadyAtDesiredCapacity, Desired: 5, Last: noon},
			Record: &ledger.Record{Target: stage, At: noon, Generation: 2},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func both() event.Event {
	ev := alarm()
	second := ev.Alarms[0]
	second.Metrics = []signal.Metric{{Namespace: "AWS/ECS", Name: "CPUUtilization", Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "web"}}}}
	ev.Alarms = append(ev.Alarms, second)
	return ev
}

// The account's cap counts what other clusters cost and what the cells before
// this one took in the same run.
func TestSpendCapIsSharedByTheRun(t *testing.T) {
	t.Parallel()
	for atMost, want := range map[float64][]string{
		0:    {"service checkout 6", "service web 6"}, // no cap
		17:   {"service checkout 6", "service web 6"}, // 5 + 6 + 6
		16:   {"service checkout 6", "service web 5"},
		15.5: {"service checkout 6"},
		14:   {"service checkout 5"},
		13:   nil, // what runs already costs that much
		3:    nil, // what runs is not stopped for it
	} {
		w := priced(t, atMost)
		w.mustRun(t, both())
		slices.Sort(w.calls)
		if d := cmp.Diff(want, w.calls); d != "" {
			t.Errorf("at most $%v an hour (-want +got):\n%s", atMost, d)
		}
	}
}

// Where the other clusters cannot be read, nothing grows.
func TestUnknownSpendHolds(t *testing.T) {
	t.Parallel()
	w := priced(t, 100)
	w.stair.Book = &blindBook{Book: w.book}
	rep := w.mustRun(t, both())
	wantCalls(t, w)
	for _, c := range rep.Cells {
		if o := c.Outcomes[0]; o.Reason != history.SpendCap || !strings.Contains(o.Because, "what the account's other services cost could not be read") {
			t.Errorf("outcome %+v", o)
		}
	}
}

// A calm fleet reads no other cluster for the sake of its cap.
func TestCalmFleetReadsNoOtherCluster(t *testing.T) {
	t.Parallel()
	w := priced(t, 100)
	w.cpu["checkout"], w.cpu["web"] = 55, 55
	book := &blindBook{Book: w.book}
	w.stair.Book = book
	w.mustRun(t, both())
	if book.asked != 0 {
		t.Errorf("another cluster was read %d times", book.asked)
	}
}

// blindBook cannot read the cluster stage.
type blindBook struct {
	ledger.Book
	asked int
}

func (b *blindBook) Read(ctx context.Context, c fleet.ClusterName) (ledger.Cluster, error) {
	if c == "stage" {
		b.asked++
		return ledger.Cluster{}, ledger.ErrUnavailable
	}
	return b.Book.Read(ctx, c)
}

// A calm service is evaluated at the edges of its windows, not minutes later.
func TestWindowsAreHeededAtTheirEdges(t *testing.T) {
	t.Parallel()
	for offset := range 5 {
		w := newWorld(t)
		p := servicePolicy(spec.Act)
		edge := noon.Add(time.Duration(60+offset) * time.Minute)
		p.Scheduled = []spec.Scheduled{{Name: "lunch", From: edge.Format("15:04"), To: "14:30", MinCapacity: new(8)}}
		w.apply(t, "checkout", p)
		for w.now = noon; w.now.Before(edge); w.now = w.now.Add(time.Minute) {
			w.mustRun(t, event.Event{Kind: event.Tick})
		}
		wantCalls(t, w)
		w.now = edge
		w.mustRun(t, event.Event{Kind: event.Tick})
		wantCalls(t, w, "service checkout 8")
	}
}

// A service at zero tasks is looked at every minute: its queue fills between two
// ticks, and the next one starts the first task.
func TestSleepersAreLookedAtEveryMinute(t *testing.T) {
	t.Parallel()
	for offset := range 5 {
		w := newWorld(t)
		visible := 0
		w.stair.Queues = &queueHand{answer: func(qs []string) ([]signal.Queue, error) {
			return []signal.Queue{{Name: qs[0], At: w.now, Status: signal.Complete, Visible: visible}}, nil
		}}
		p := backlogOf("jobs")
		p.MinCapacity, p.Policies = 0, p.Policies[1:]
		w.apply(t, "checkout", p)
		w.services[0] = steady("checkout", 0)
		arrival := noon.Add(time.Duration(60+offset) * time.Minute)
		for w.now = noon; w.now.Before(arrival); w.now = w.now.Add(time.Minute) {
			w.mustRun(t, event.Event{Kind: event.Tick})
		}
		wantCalls(t, w)
		visible, w.now = 3, arrival
		w.mustRun(t, event.Event{Kind: event.Tick})
		wantCalls(t, w, "service checkout 1")
	}
}
