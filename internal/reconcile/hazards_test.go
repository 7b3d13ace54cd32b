package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// brittleBook fails chosen writes and can act between a read and a claim.
type brittleBook struct {
	ledger.Book
	beforeClaim func()
	claimErr    error
	closeErr    error
}

func (b *brittleBook) Claim(ctx context.Context, c ledger.Claim) error {
	if b.beforeClaim != nil {
		b.beforeClaim()
	}
	if b.claimErr != nil {
		return b.claimErr
	}
	return b.Book.Claim(ctx, c)
}

func (b *brittleBook) Close(ctx context.Context, c ledger.Closing) error {
	if b.closeErr != nil {
		return b.closeErr
	}
	return b.Book.Close(ctx, c)
}

func TestTwoWritersOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.stair.Metrics = nil
	// Both have read before either claims; the loser's second try does not wait.
	var both sync.WaitGroup
	both.Add(2)
	var claims atomic.Int32
	w.stair.Book = &brittleBook{Book: w.book, beforeClaim: func() {
		if claims.Add(1) <= 2 {
			both.Done()
			both.Wait()
		}
	}}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := w.stair.Run(t.Context(), alarm()); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	wg.Wait()
	wantCalls(t, w, "service checkout 6")
	if row := w.row(t, checkout.Target()); row.Intent != nil || len(row.History.Orders) != 1 {
		t.Errorf("row %+v", row)
	}
}

func TestPolicyChangedBetweenReadAndClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	book := &brittleBook{Book: w.book}
	changed := false
	book.beforeClaim = func() {
		if changed {
			return
		}
		changed = true
		pause := []spec.Override{{Kind: spec.Pause, Until: noon.Add(time.Hour), Why: "incident", By: "ann"}}
		w.change(t, ledger.Edit{Target: checkout.Target(), Overrides: &pause})
	}
	w.stair.Book = book
	rep := w.mustRun(t, alarm())
	wantCalls(t, w)
	if c := rep.Cells[0]; c.Outcomes[0].Reason != history.Paused {
		t.Errorf("report %+v, want the pause that was acknowledged before the claim", c)
	}
}

func TestLostTwiceIsLeftToTheNextTick(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.stair.Book = &brittleBook{Book: w.book, claimErr: fmt.Errorf("claim: %w", ledger.ErrConflict)}
	rep := w.mustRun(t, alarm())
	wantCalls(t, w)
	if !rep.Cells[0].Lost {
		t.Errorf("report %+v, want a lost race", rep.Cells[0])
	}
}

func TestLedgerDownHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.stair.Book = &brittleBook{Book: w.book, claimErr: ledger.ErrUnavailable}
	if _, err := w.run(t, alarm()); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	wantCalls(t, w)
}

// A crash between the act and the close leaves an intent. It is a lease until
// it is free, then closed since the world shows it done.
func TestCrashAfterTheActHeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.stair.Book = &brittleBook{Book: w.book, closeErr: ledger.ErrUnavailable}
	if _, err := w.run(t, alarm()); err == nil {
		t.Fatal("the failed close went unnoticed")
	}
	w.stair.Book = w.book
	if w.row(t, checkout.Target()).Intent == nil {
		t.Fatal("no open intent")
	}
	w.now = noon.Add(ledger.ActWithin + ledger.TakeoverMargin - time.Second)
	rep := w.mustRun(t, alarm())
	if o := rep.Cells[0].Outcomes[0]; o.Reason != history.OrderInFlight {
		t.Errorf("outcome %+v, want the lease", o)
	}
	w.now = noon.Add(ledger.ActWithin + ledger.TakeoverMargin)
	w.mustRun(t, alarm())
	row := w.row(t, checkout.Target())
	if row.Intent != nil || len(row.History.Orders) != 1 {
		t.Errorf("row %+v, want it closed with its order", row)
	}
	if !hasRecord(w.records(t, checkout.Target()), ledger.Healed) {
		t.Error("no record of the healing")
	}
	wantCalls(t, w, "service checkout 6")
}

// crash runs an alarm that is killed between the claim and the order.
func (w *world) crash(t *testing.T) {
	t.Helper()
	w.onSet = func() { panic("killed") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the run was not killed: there was nothing to order")
			}
		}()
		_, _ = w.run(t, alarm())
	}()
	w.onSet, w.calls = nil, nil
}

// A crash between the claim and the act: the world does not show the order, so
// it is dropped and decided anew from newer data.
func TestCrashBeforeTheActIsDecidedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.crash(t)
	w.cpu["checkout"] = 75 // demand has moved meanwhile
	w.now = noon.Add(time.Minute)
	w.mustRun(t, event.Event{Kind: event.Tick})
	wantCalls(t, w, "service checkout 5")
	if !hasRecord(w.records(t, checkout.Target()), ledger.Dropped) {
		t.Error("no record of the dropped intent")
	}
	row := w.row(t, checkout.Target())
	if row.Intent != nil || len(row.History.Orders) != 1 || row.History.Orders[0].To != 5 {
		t.Errorf("row %+v, want only the new order remembered", row)
	}
}

// A dropped order gives its datapoint back: the same one may ground the order
// anew, or an hourly metric would wait an hour for the next.
func TestDroppedOrderGivesItsDatapointBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.crash(t)
	w.now = noon.Add(ledger.ActWithin + ledger.TakeoverMargin) // the same minute, the same newest datapoint
	w.mustRun(t, alarm())
	wantCalls(t, w, "service checkout 6")
}

func TestDryRunLeavesAnOpenIntentAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.stair.Book = &brittleBook{Book: w.book, closeErr: ledger.ErrUnavailable}
	_, _ = w.run(t, alarm())
	w.stair.Book = w.book
	w.now = noon.Add(time.Hour)
	before := w.row(t, checkout.Target()).Generation
	w.mustRun(t, event.Event{Kind: event.Evaluate, Service: checkout, DryRun: true})
	if got := w.row(t, checkout.Target()).Generation; got != before {
		t.Errorf("a dry run wrote: generation %d, was %d", got, before)
	}
}

func hasRecord(rs []ledger.Record, k ledger.Kind) bool {
	for _, r := range rs {
		if r.Kind == k {
			return true
		}
	}
	return false
}

// One decision for tasks and instances: the service goes out and the group is
// raised before any task waits, the group first.
func TestServiceAndGroupInOneDecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.services = []fleet.Service{{
		Name: "checkout", Compute: fleet.EC2, Provider: "cp", Group: "asg", Active: true, Desired: 4, Running: 4,
		TaskSize: fleet.Resources{CPU: 512, Memory: 1024},
	}, {
		Name: "theirs", Compute: fleet.EC2, Provider: "cp", Group: "asg", Active: true, Desired: 3, Running: 1,
		TaskSize: fleet.Resources{CPU: 512, Memory: 1024},
	}}
	shape := fleet.Resources{CPU: 2048, Memory: 7680}
	w.instances = []fleet.Instance{
		{ID: "i-1", Active: true, Connected: true, Registered: shape, Remaining: fleet.Resources{CPU: 0, Memory: 3584}},
		{ID: "i-2", Active: true, Connected: true, Registered: shape, Remaining: fleet.Resources{CPU: 1536, Memory: 6656}},
	}
	w.groups["asg"] = fleet.Group{Name: "asg", MinSize: 1, MaxSize: 10, DesiredCapacity: 2, InService: []fleet.InstanceID{"i-1", "i-2"}}
	group := fleet.GroupOf("prod", "asg")
	w.change(t, ledger.Edit{Target: group, Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1, Author: "ann", At: noon}})
	w.cpu["checkout"] = 150 // 4 tasks at 150 % need 10: 6 more, and 2 of theirs wait; 3 fit on i-2, 5 need 2 instances
	rep := w.mustRun(t, alarm())
	wantCalls(t, w, "group asg 4", "service checkout 10")
	if len(rep.Cells) != 1 || rep.Cells[0].Decision.Group == nil {
		t.Fatalf("report %+v, want one cell with its group", rep.Cells)
	}
	g, s := w.row(t, group), w.row(t, checkout.Target())
	if g.Intent != nil || s.Intent != nil || len(g.History.Orders) != 1 || len(s.History.Orders) != 1 {
		t.Errorf("rows %+v and %+v", g, s)
	}
	if len(w.notices) != 2 {
		t.Errorf("%d notices, want one per change", len(w.notices))
	}
}

// A reply that was lost, by a deadline or a broken connection, leaves the
// intent open: the world will show whether the order was carried out.
func TestUncertainOrderStaysOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.fail["service"] = errors.New("connection reset by peer")
	w.services[0].Desired = 4
	rep, err := w.run(t, alarm())
	if err == nil || rep.Cells[0].Outcomes[0].Done != reconcile.OrderOpen {
		t.Errorf("error %v, outcome %+v", err, rep.Cells[0].Outcomes[0])
	}
	if w.row(t, checkout.Target()).Intent == nil {
		t.Fatal("the intent was closed although nobody knows whether the order was carried out")
	}
	w.fail = map[string]error{}
	w.services[0].Desired, w.now = 6, noon.Add(time.Minute) // it was
	w.mustRun(t, event.Event{Kind: event.Tick})
	wantCalls(t, w, "service checkout 6")
	if row := w.row(t, checkout.Target()); row.Intent != nil || len(row.History.Orders) != 1 || !hasRecord(w.records(t, checkout.Target()), ledger.Healed) {
		t.Errorf("row %+v, want the order remembered and a record of the healing", row)
	}
}

func TestNoNewCellNearTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.now = time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), w.now.Add(9*time.Second))
	defer cancel()
	rep, err := w.stair.Run(ctx, event.Event{Kind: event.TickAll})
	if err != nil || rep.Left != 1 || len(rep.Cells) != 0 {
		t.Errorf("error %v, report %+v, want the cell left to the next tick", err, rep)
	}
	wantCalls(t, w)
}

func TestCalmTargetsAreSpreadOverTicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 50 {
		n := fleet.ServiceName(fmt.Sprintf("s%02d", i))
		w.services, w.cpu[n] = append(w.services, steady(n, 4)), 55
		w.apply(t, n, servicePolicy(spec.Act))
	}
	w.mustRun(t, event.Event{Kind: event.TickAll})
	w.now = noon.Add(time.Hour)
	total := 0
	for range 5 {
		rep := w.mustRun(t, event.Event{Kind: event.Tick})
		if n := len(rep.Cells); n == 0 || n > 25 || n+rep.Calm != 51 {
			t.Errorf("%d evaluated and %d calm at one tick", n, rep.Calm)
		}
		total += len(rep.Cells)
		w.now = w.now.Add(time.Minute)
	}
	if total != 51 {
		t.Errorf("%d evaluations in five ticks, want each of 51 once", total)
	}
}

// A group that cannot be read holds its own cell and no other; so does a
// service that stands in the way of its batch.
func TestOneUnreadableDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.change(t, ledger.Edit{Target: fleet.GroupOf("prod", "weighted"), Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1, Author: "ann", At: noon}})
	for _, n := range []fleet.ServiceName{"a", "b", "sick", "z"} {
		w.services, w.cpu[n] = append(w.services, steady(n, 4)), 55
		w.apply(t, n, servicePolicy(spec.Act))
	}
	w.sick = map[fleet.ServiceName]bool{"sick": true}
	w.fail["groups"] = errors.New("the group counts in weights")
	rep := w.mustRun(t, event.Event{Kind: event.TickAll})
	wantCalls(t, w, "service checkout 6")
	held := map[string]string{}
	for _, c := range rep.Cells {
		for _, o := range c.Outcomes {
			held[o.Target.Name] = o.Reason
		}
	}
	for name, want := range map[string]string{
		"checkout": history.TargetTracking, "weighted": history.Unreadable, "sick": history.Unreadable,
		"a": history.AlreadyAtDesiredCapacity, "b": history.AlreadyAtDesiredCapacity, "z": history.AlreadyAtDesiredCapacity,
	} {
		if held[name] != want {
			t.Errorf("%s: %s, want %s", name, held[name], want)
		}
	}
	w.sick, w.fail["describe"] = nil, errors.New("ECS is down")
	rep, err := w.run(t, event.Event{Kind: event.TickAll})
	if err == nil || !strings.Contains(err.Error(), "ECS is down") {
		t.Errorf("error %v, want ECS's", err)
	}
	for _, c := range rep.Cells {
		if !c.Decision.Unreadable() {
			t.Errorf("cell %s decided %+v, want a hold since nothing could be read", c.Cell, c.Outcomes)
		}
	}
}

func TestServerFaultIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.fail["service"] = fault{}
	if rep, err := w.run(t, alarm()); err == nil || rep.Cells[0].Outcomes[0].Done != reconcile.OrderOpen {
		t.Errorf("error %v, report %+v, want an order left open", err, rep)
	}
}

type fault struct{}

func (fault) Error() string     { return "ServerException: try again" }
func (fault) ErrorCode() string { return "ServerException" }

func TestRefusedOrderDoesNotFailTheTick(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.fail["service"] = refusal("AccessDeniedException: no")
	rep := w.mustRun(t, event.Event{Kind: event.Tick})
	if c := rep.Cells[0]; c.Outcomes[0].Done != reconcile.OrderFail || !strings.Contains(c.Error, "AccessDenied") {
		t.Errorf("cell %+v, want the refusal in the report", c)
	}
	if _, err := w.run(t, alarm()); err == nil {
		t.Error("an alarm's refused order went unnoticed")
	}
}

// The owner of one cell is asked when its turn comes, not before the first order.
func TestOwnersAreAskedCellByCell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		n := fleet.ServiceName(fmt.Sprintf("s%d", i))
		w.services, w.cpu[n] = append(w.services, steady(n, 4)), 90
		w.apply(t, n, servicePolicy(spec.Act))
	}
	w.onSet = func() {
		if len(w.calls) == 1 && w.asked > 2 {
			t.Errorf("asked %d times before the first order, want one service's questions", w.asked)
		}
	}
	w.mustRun(t, event.Event{Kind: event.TickAll})
	if len(w.calls) != 5 {
		t.Errorf("orders %v", w.calls)
	}
}

func TestIntentOfAGoneServiceEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cpu["checkout"] = 90
	w.stair.Book = &brittleBook{Book: w.book, closeErr: ledger.ErrUnavailable}
	_, _ = w.run(t, alarm())
	w.stair.Book = w.book
	w.services, w.now = nil, noon.Add(time.Minute)
	w.mustRun(t, event.Event{Kind: event.TickAll})
	row := w.row(t, checkout.Target())
	if row.Intent != nil || row.Reason == nil || row.Reason.Rule != history.NotFound || !hasRecord(w.records(t, checkout.Target()), ledger.Dropped) {
		t.Errorf("row %+v, want the intent dropped and the reason stored", row)
	}
}

// A noisy service goes to and fro between steady and waiting to scale in; that
// is told in the log, and written at most every quarter of an hour.
func TestNoisyServiceWritesLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for m := range 240 {
		w.now = noon.Add(time.Duration(m) * time.Minute)
		w.cpu["checkout"] = []float64{52, 56, 50, 57}[m%4] // 50 and 52 are below the tolerance of 4 tasks, the window is not
		w.mustRun(t, event.Event{Kind: event.TickAll})
	}
	wantCalls(t, w)
	if n := len(w.records(t, checkout.Target())); n > 240/15+1 {
		t.Errorf("%d records in four hours, want at most one in 15 minutes", n)
	}
}

// A calm group is evaluated at its own turn, not at each turn of its services.
func TestCalmGroupIsReadAtItsTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.services = nil
	for i := range 20 {
		n := fleet.ServiceName(fmt.Sprintf("s%02d", i))
		w.services = append(w.services, fleet.Service{Name: n, Compute: fleet.EC2, Group: "asg", Active: true, Desired: 4, Running: 4, TaskSize: fleet.Resources{CPU: 1, Memory: 1}})
		w.cpu[n] = 55
		w.apply(t, n, servicePolicy(spec.Act))
	}
	w.change(t, ledger.Edit{Target: checkout.Target(), Remove: true})
	w.groups["asg"] = fleet.Group{Name: "asg", MaxSize: 10, DesiredCapacity: 1}
	w.change(t, ledger.Edit{Target: fleet.GroupOf("prod", "asg"), Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1, Author: "ann", At: noon}})
	w.mustRun(t, event.Event{Kind: event.TickAll})
	w.now = noon.Add(time.Hour)
	evaluated := 0
	for range 5 {
		rep := w.mustRun(t, event.Event{Kind: event.Tick})
		evaluated += len(rep.Cells)
		w.now = w.now.Add(time.Minute)
	}
	if evaluated != 1 {
		t.Errorf("the group's cell was evaluated %d times in five calm ticks, want once", evaluated)
	}
}
