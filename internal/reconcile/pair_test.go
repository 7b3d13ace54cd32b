package reconcile_test

import (
	"encoding/json"
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
)

var standard = fleet.ServiceKey{Cluster: "prod", Service: "checkout-standard"}

// onSpot is newWorld with checkout on Fargate Spot and a fallback for it at zero tasks.
func onSpot(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.services[0].Provider = "FARGATE_SPOT"
	w.services = append(w.services, steady(standard.Service, 0))
	w.apply(t, standard.Service, spec.Service{Mode: spec.Act, MaxCapacity: 20, FallbackFor: &spec.FallbackFor{Service: "checkout"}})
	return w
}

// spot sets how many of checkout's tasks have a place, and runs what the fallback was
// ordered.
func (w *world) spot(places int) {
	lead, other := &w.services[0], &w.services[1]
	lead.Running, lead.Troubles = min(lead.Desired, places), nil
	if lead.Running < lead.Desired {
		lead.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: w.now, Words: "Capacity is unavailable at this time."}}
	}
	other.Running = other.Desired
	each := 220 / float64(max(1, lead.Running+other.Running)) // 4 tasks' worth of 55 %
	w.cpu["checkout"], w.cpu[standard.Service] = each, each
}

func TestPairIsOneCell(t *testing.T) {
	t.Parallel()
	ofFallback := event.Event{Kind: event.Alarm, Alarms: []event.AlarmChange{{Name: "a", Metrics: []signal.Metric{{
		Namespace: "AWS/ECS", Name: "CPUUtilization", Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "checkout-standard"}},
	}}}}}
	for name, ev := range map[string]event.Event{
		"an alarm of the service": alarm(), "an alarm of its fallback": ofFallback, "a tick": {Kind: event.TickAll},
		"an event of ECS about it":           {Kind: event.ServiceAction, Service: checkout},
		"an event of ECS about its fallback": {Kind: event.ServiceAction, Service: standard},
		"a person about the fallback":        {Kind: event.Evaluate, Service: standard},
	} {
		w := onSpot(t)
		rep := w.mustRun(t, ev)
		if len(rep.Cells) != 1 || rep.Cells[0].Cell.Service != "checkout" || len(rep.Cells[0].Decision.Services) != 2 {
			t.Errorf("%s: %+v, want one cell of both", name, rep.Cells)
		}
	}
}

// Spot gives nothing for a while: the fallback starts, its lead stays, and both records
// replay to the byte.
func TestFallbackIsOrdered(t *testing.T) {
	t.Parallel()
	w := onSpot(t)
	for i := range 120 {
		w.now = noon.Add(time.Duration(i) * time.Minute)
		places := 20
		if i >= 10 && i < 40 {
			places = 1
		}
		w.spot(places)
		w.mustRun(t, event.Event{Kind: event.Tick})
	}
	// At 1 of 4 from minute 10 on, seen at the next look of a calm service.
	wantCalls(t, w, "service checkout-standard 3", "service checkout-standard 2", "service checkout-standard 1", "service checkout-standard 0")
	row := w.row(t, standard.Target())
	if first := row.History.Orders[0]; first.At.Sub(noon) < 13*time.Minute || first.At.Sub(noon) > 18*time.Minute {
		t.Errorf("the fallback was called at %s", first.At)
	}
	if back := row.History.Orders[1]; back.At.Sub(noon) < 70*time.Minute || back.At.Sub(noon) > 71*time.Minute {
		t.Errorf("the fallback was called back at %s, want half an hour after minute 40", back.At)
	}
	replayed := 0
	for _, k := range []fleet.ServiceKey{checkout, standard} {
		for _, rec := range w.records(t, k.Target()) {
			got, err := json.Marshal(policy.Decide(rec.At, inputOf(t, rec)).About(rec.Target))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(rec.Decision), string(got)); d != "" {
				t.Errorf("%s at %s does not replay (-record +replay):\n%s", k, rec.At, d)
			}
			if replayed++; len(rec.Input) > 60_000 {
				t.Errorf("the input of %s takes %d bytes", k, len(rec.Input))
			}
		}
	}
	if replayed < 8 {
		t.Errorf("%d records, want one for each order and hold", replayed)
	}
}

// A calm pair is looked at as often as its lead alone would be, though the fallback is
// at zero; one that is short at every tick.
func TestPairIsLookedAtWithItsLead(t *testing.T) {
	t.Parallel()
	short := onSpot(t)
	for i := range 120 {
		short.now = noon.Add(time.Duration(i) * time.Minute)
		if short.spot(20); i >= 60 {
			short.spot(1)
		}
		short.log.Reset()
		short.mustRun(t, event.Event{Kind: event.Tick})
		if n := strings.Count(short.log.String(), `"msg":"decision"`); i > 66 && n != 2 {
			t.Errorf("minute %d: %d decisions while it is short, want both", i, n)
		}
	}
	w := onSpot(t)
	decisions := 0
	for i := range 90 {
		w.now = noon.Add(time.Duration(i) * time.Minute)
		w.spot(20)
		rep := w.mustRun(t, event.Event{Kind: event.Tick})
		for _, c := range rep.Cells {
			if len(c.Decision.Services) != 2 {
				t.Errorf("minute %d: a decision about %d of two", i, len(c.Decision.Services))
			}
			decisions++
		}
	}
	if decisions < 90/5 || decisions > 45 {
		t.Errorf("a calm pair was looked at %d times in 90 ticks, want every fifth", decisions)
	}
	if g := w.row(t, standard.Target()).Generation; g > 3 {
		t.Errorf("generation %d of a calm fallback", g)
	}
}

// What is not known of one holds both.
func TestPairHoldsUnread(t *testing.T) {
	t.Parallel()
	for _, sick := range []fleet.ServiceName{"checkout", standard.Service} {
		w := onSpot(t)
		w.services[1] = steady(standard.Service, 3)
		w.sick = map[fleet.ServiceName]bool{sick: true}
		rep := w.mustRun(t, event.Event{Kind: event.TickAll})
		for _, d := range rep.Cells[0].Decision.Services {
			if d.Reason != history.Unreadable {
				t.Errorf("%s unread: %s %s: %s", sick, d.Service, d.Reason, d.Because)
			}
		}
		wantCalls(t, w)
	}
}

// Without its lead's policy, or as the second one for it, a fallback is alone and holds.
func TestFallbackAloneHolds(t *testing.T) {
	t.Parallel()
	w := onSpot(t)
	w.services[1] = steady(standard.Service, 3)
	w.change(t, ledger.Edit{Target: checkout.Target(), Remove: true})
	rep := w.mustRun(t, event.Event{Kind: event.TickAll})
	if len(rep.Cells) != 1 || rep.Cells[0].Decision.Services[0].Reason != history.MissingData {
		t.Errorf("without the policy of its lead: %+v", rep.Cells)
	}
	w = onSpot(t)
	w.services = append(w.services, steady("checkout-third", 3))
	w.apply(t, "checkout-third", spec.Service{Mode: spec.Act, MaxCapacity: 20, FallbackFor: &spec.FallbackFor{Service: "checkout"}})
	rep = w.mustRun(t, event.Event{Kind: event.TickAll})
	reasons := map[fleet.ServiceName]string{}
	for _, c := range rep.Cells {
		for _, d := range c.Decision.Services {
			reasons[d.Service] = d.Reason
		}
	}
	want := map[fleet.ServiceName]string{
		"checkout": history.AlreadyAtDesiredCapacity, standard.Service: history.AlreadyAtDesiredCapacity, "checkout-third": history.MissingData,
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("two for one (-want +got):\n%s", diff)
	}
	wantCalls(t, w)
}

// A service on instances is decided with its group; one that stands in for it is alone.
func TestFallbackOfAServiceOnInstances(t *testing.T) {
	t.Parallel()
	w := onInstances(t)
	w.services = append(w.services, steady(standard.Service, 3))
	w.apply(t, standard.Service, spec.Service{Mode: spec.Act, MaxCapacity: 20, FallbackFor: &spec.FallbackFor{Service: "checkout"}})
	rep := w.mustRun(t, event.Event{Kind: event.TickAll})
	seen := map[string]int{}
	for _, c := range rep.Cells {
		seen[c.Cell.String()] = len(c.Decision.Services)
		for _, d := range c.Decision.Services {
			if d.Service == standard.Service && (d.Reason != history.MissingData || d.Desired != 3) {
				t.Errorf("the fallback: %d %s: %s", d.Desired, d.Reason, d.Because)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"prod/group/m7g": 1, "prod/service/checkout-standard": 1}, seen); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// Two functions that decide at once give one order: the pair has one lock.
func TestPairLostRace(t *testing.T) {
	t.Parallel()
	w := onSpot(t)
	w.spot(1)
	w.mustRun(t, event.Event{Kind: event.TickAll})
	w.now = noon.Add(5 * time.Minute)
	w.spot(1)
	w.onSet = func() {
		w.onSet = nil
		w.mu.Unlock()
		defer w.mu.Lock()
		rep, err := w.stair.Run(t.Context(), event.Event{Kind: event.TickAll})
		if err != nil || len(rep.Cells) != 1 || rep.Cells[0].Decision.Services[1].Reason != history.OrderInFlight {
			t.Errorf("beside an open order: %v, %+v", err, rep.Cells)
		}
	}
	w.mustRun(t, event.Event{Kind: event.TickAll})
	wantCalls(t, w, "service checkout-standard 3")
}
