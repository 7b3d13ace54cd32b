package world_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// The load doubles at 01:00. With its alarm Trimtab reacts at once; the alarm
// lost, the tick does it no more than five minutes later, since a calm target
// is looked at every fifth tick.
func TestAlarmLostTickScalesOut(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, drop func([]byte) bool) time.Time {
		t.Helper()
		s := tell(t, world.Options{Delivery: plant.Delivery{Drop: drop}}, plant.Service{Load: between(3600, 86400, 30, 60), Desired: 5})
		s.highAlarm()
		v := s.to(t, 90*time.Minute)
		s.calm()
		if !about(v.Running, 10) {
			t.Errorf("after half an hour %+v, want about 10 running", v)
		}
		for _, a := range s.Plant.Activities("web") {
			if a.To > a.From {
				return a.At
			}
		}
		t.Fatal("it never scaled out")
		return time.Time{}
	}
	alarms := func(raw []byte) bool { return strings.Contains(string(raw), "alarmName") }
	with, without := run(t, nil), run(t, alarms)
	if with.After(without) || without.Sub(with) > 5*time.Minute || without.After(at(70*time.Minute)) {
		t.Errorf("scaled out at %s with the alarm and at %s without", with.Format(time.TimeOnly), without.Format(time.TimeOnly))
	}
	if alone := func() time.Time {
		s := tell(t, world.Options{NoTick: true}, plant.Service{Load: between(3600, 86400, 30, 60), Desired: 5})
		s.highAlarm()
		s.to(t, 90*time.Minute)
		return s.Plant.Activities("web")[0].At
	}(); alone.Before(at(time.Hour)) || alone.After(at(66*time.Minute)) {
		t.Errorf("by the alarm alone it scaled out at %s", alone.Format(time.TimeOnly))
	}
}

// A duplicate is one more look at the same datapoints: the orders are the same
// to the second.
func TestDuplicatesChangeNothing(t *testing.T) {
	t.Parallel()
	run := func(d plant.Delivery) []plant.Activity {
		d.Delay = sim.Fixed(2 * time.Second)
		s := tell(t, world.Options{Delivery: d}, plant.Service{Load: between(3600, 3*3600, 30, 90), Desired: 5})
		s.highAlarm()
		s.to(t, 6*time.Hour)
		s.calm()
		return s.Plant.Activities("web")
	}
	once := run(plant.Delivery{})
	if d := cmp.Diff(once, run(plant.Delivery{Duplicate: 1})); d != "" || len(once) < 2 {
		t.Errorf("every event twice (-want +got):\n%s", d)
	}
}

// Shuffled and doubled events change when things are looked at, and nothing
// else: the counts settle as they do undisturbed, in as many orders.
func TestShuffledEvents(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, d plant.Delivery) (peak, end, orders int) {
		s := tell(t, world.Options{Seed: seed, Plant: plant.Options{Lag: sim.Fixed(2 * time.Minute)}, Delivery: d},
			plant.Service{Load: between(3600, 4*3600, 30, 90), Desired: 5})
		s.highAlarm()
		peak = s.to(t, 4*time.Hour).Desired
		end = s.to(t, 7*time.Hour).Desired
		s.calm()
		return peak, end, len(s.Plant.Activities("web"))
	}
	_, _, undisturbed := run(1, plant.Delivery{})
	for seed := range uint64(8) {
		peak, end, orders := run(seed, plant.Delivery{Duplicate: 0.5, Delay: sim.Spread{High: 3 * time.Minute}})
		if !settled(peak, 15) || !settled(end, 5) || orders > undisturbed+2 {
			t.Errorf("seed %d: %d tasks at the peak, %d at the end in %d orders; want about 15, 5 and %d", seed, peak, end, orders, undisturbed)
		}
	}
}

// With its metrics gone Trimtab holds: the count never falls, however long.
func TestMetricsGoneNeverScalesIn(t *testing.T) {
	t.Parallel()
	s := tell(t, world.Options{}, plant.Service{Load: constant(90), Desired: 15})
	s.highAlarm()
	s.to(t, time.Hour)
	s.Plant.Mute("", at(time.Hour), at(6*time.Hour))
	lowest := 15
	s.Clock.Every(at(time.Hour), time.Minute, sim.Probes, func() { lowest = min(lowest, s.Plant.View("web").Desired) })
	v := s.to(t, 6*time.Hour)
	if lowest < 15 || v.Desired < 15 {
		t.Errorf("the count fell to %d without data", lowest)
	}
	rs := s.records(t)
	if last := rs[len(rs)-1]; last.Kind != ledger.Holding || last.Rule != history.MissingData {
		t.Errorf("the last record is %s %s: %s; want a hold for missing data", last.Kind, last.Rule, last.Because)
	}
	s.calm()
}

// A function that dies between claim and close leaves an intent behind. The
// next ones hold until its time has passed, then heal it and go on.
func TestKillBetweenClaimAndClose(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(map[bool]string{false: "before the act", true: "after the act"}[after], func(t *testing.T) {
			t.Parallel()
			var w *world.World
			killed := time.Time{}
			kill := func(c plant.Call) error {
				if killed.IsZero() && (!after && c.Op == "UpdateService" || after && c.Op == "Close") {
					killed = c.At
					panic("killed")
				}
				return nil
			}
			s := tell(t, world.Options{Plant: plant.Options{Fault: kill}, Ledger: kill}, plant.Service{Load: between(3600, 86400, 30, 60), Desired: 5})
			w = s.World
			s.highAlarm()
			v := s.to(t, 80*time.Minute)
			if w.Count().Panics != 1 || w.Count().Failures != 1 {
				t.Fatalf("%+v: %v", w.Count(), w.Failures())
			}
			if !about(v.Desired, 10) {
				t.Errorf("20 min after the rise %+v, want about 10 desired", v)
			}
			want := map[bool]ledger.Kind{false: ledger.Dropped, true: ledger.Healed}[after]
			found := slices.IndexFunc(s.records(t), func(r ledger.Record) bool { return r.Kind == want })
			if found < 0 {
				t.Fatalf("no record says %s: %+v", want, s.records(t))
			}
			if r := s.records(t)[found]; r.At.Sub(killed) < ledger.ActWithin+ledger.TakeoverMargin || r.At.Sub(killed) > 2*time.Minute {
				t.Errorf("healed %s after the kill", r.At.Sub(killed))
			}
			c, err := s.Ledger.Read(t.Context(), "demo")
			s.must(err)
			if c.Row(target()).Intent != nil {
				t.Error("an intent is still open")
			}
		})
	}
}

// A ledger that throttles everything holds everything; when it answers again
// the count follows without help.
func TestLedgerThrottled(t *testing.T) {
	t.Parallel()
	from, to := at(55*time.Minute), at(2*time.Hour)
	s := tell(t, world.Options{Ledger: plant.Between(plant.Always(plant.ErrThrottled), from, to)},
		plant.Service{Load: between(3600, 86400, 30, 60), Desired: 5})
	s.highAlarm()
	if v := s.to(t, 2*time.Hour-time.Second); v.Desired != 5 || s.Count().Failures == 0 {
		t.Errorf("without a ledger %+v, %+v; want 5 desired and failures to be seen", v, s.Count())
	}
	failures := s.Count().Failures
	if v := s.to(t, 2*time.Hour+10*time.Minute); !about(v.Desired, 10) || s.Count().Failures != failures {
		t.Errorf("ten minutes after it answers again %+v (%+v), want about 10 desired", v, s.Count())
	}
}

// A ledger that throttles, conflicts and loses replies now and then costs
// nothing but tries.
func TestLedgerFaultsAreRiddenOut(t *testing.T) {
	t.Parallel()
	faults := plant.Any(plant.Chance(1, 0.1, plant.ErrThrottled), plant.Chance(2, 0.1, plant.ErrTransactionConflict), plant.Chance(3, 0.1, plant.ErrReplyLost))
	s := tell(t, world.Options{Ledger: faults}, plant.Service{Load: between(3600, 9000, 30, 90), Desired: 5})
	s.highAlarm()
	if v := s.to(t, 2*time.Hour); !about(v.Desired, 15) {
		t.Errorf("an hour after the rise %+v, want about 15 desired", v)
	}
	if v := s.to(t, 5*time.Hour); !settled(v.Desired, 5) {
		t.Errorf("two hours after the fall %+v, want about 5 desired", v)
	}
}

// Each API of the world throttled for an hour: hold, then recover.
func TestEachAPIThrottled(t *testing.T) {
	t.Parallel()
	for _, api := range []plant.API{plant.ECS, plant.CloudWatch, plant.Ownership} {
		t.Run(string(api), func(t *testing.T) {
			t.Parallel()
			fault := plant.Between(plant.Only(plant.Always(plant.ErrThrottled), api), at(55*time.Minute), at(2*time.Hour))
			s := tell(t, world.Options{Plant: plant.Options{Fault: fault}}, plant.Service{Load: between(3600, 86400, 30, 60), Desired: 5})
			s.highAlarm()
			if v := s.to(t, 2*time.Hour-time.Second); v.Desired != 5 {
				t.Errorf("while it is throttled %+v, want 5 desired", v)
			}
			if v := s.to(t, 2*time.Hour+15*time.Minute); !about(v.Desired, 10) {
				t.Errorf("fifteen minutes after %+v, want about 10 desired", v)
			}
		})
	}
}

// An order whose reply is lost is done; the world is not made to swing by it.
func TestOrderReplyLost(t *testing.T) {
	t.Parallel()
	lost := func(c plant.Call) error {
		if c.N == 1 {
			return plant.ErrReplyLost
		}
		return nil
	}
	s := tell(t, world.Options{Plant: plant.Options{Fault: plant.Only(lost, plant.ECS, "UpdateService")}}, plant.Service{Load: between(3600, 86400, 30, 60), Desired: 5})
	s.highAlarm()
	if v := s.to(t, 90*time.Minute); !about(v.Desired, 10) || turns(s.Plant.Activities("web")) != 0 {
		t.Errorf("half an hour after the rise %+v by %+v, want about 10 desired without a reversal", v, s.Plant.Activities("web"))
	}
}

// Observe mode changes nothing, and its shadow count records what it would do.
func TestObserveMode(t *testing.T) {
	t.Parallel()
	s := tell(t, world.Options{Mode: spec.Observe}, plant.Service{Load: between(3600, 9000, 30, 90), Desired: 15})
	s.highAlarm()
	s.to(t, 6*time.Hour)
	s.calm()
	if as := s.Plant.Activities("web"); len(as) != 0 || s.Plant.Calls(plant.ECS, "UpdateService") != 0 {
		t.Errorf("observe mode ordered %+v", as)
	}
	var shadow []int
	for _, r := range ordered(s.records(t)) {
		if r.Mode != spec.Observe {
			t.Errorf("record %+v is not of observe mode", r)
		}
		shadow = append(shadow, r.Desired)
	}
	if len(shadow) < 3 || !settled(shadow[len(shadow)-1], 5) || !slices.Contains(shadow, 15) {
		t.Errorf("the shadow count went %v, want down, up to 15 and down to about 5", shadow)
	}
}

// A service that Application Auto Scaling owns is refused in act mode.
func TestOwnedService(t *testing.T) {
	t.Parallel()
	s := tell(t, world.Options{}, plant.Service{Load: constant(90), Desired: 5})
	s.Plant.SetOwner(target(), policy.Owner{Kind: "ApplicationAutoScaling", Detail: "a scalable target is registered"})
	s.highAlarm()
	if v := s.to(t, time.Hour); v.Desired != 5 || s.Plant.Calls(plant.ECS, "UpdateService") != 0 {
		t.Errorf("it was scaled nonetheless: %+v", v)
	}
	s.Plant.SetOwner(target(), policy.Owner{})
	if v := s.to(t, 80*time.Minute); !about(v.Desired, 15) {
		t.Errorf("released, after twenty minutes: %+v, want about 15 desired", v)
	}
}

// On EC2 the group is raised in the decision that raises the service, before
// tasks wait.
func TestGroupIsRaisedInTheSameDecision(t *testing.T) {
	t.Parallel()
	s := play(t, t, plot{
		Group: &plant.Group{
			Name: "hosts", Min: 1, Max: 20, Desired: 2, Size: fleet.Resources{CPU: 2048, Memory: 3900}, Type: "m7g.large",
			Zones: []string{"us-east-1a", "us-east-1b"},
		},
		Service: plant.Service{Compute: fleet.EC2, Group: "hosts", Size: fleet.Resources{CPU: 512, Memory: 900}, Desired: 5, Load: between(3600, 86400, 30, 120)},
	})
	w := s.World
	s.highAlarm()
	s.to(t, 61*time.Minute)
	v := s.to(t, 90*time.Minute)
	s.calm()
	if g := w.Plant.GroupView("hosts"); !about(v.Running, 20) || g.Waiting != 0 || g.Desired < 5 {
		t.Errorf("half an hour after the rise %+v on %+v, want about 20 running on at least 5 instances", v, g)
	}
	services, groups := w.Plant.Activities("web"), w.Plant.GroupView("hosts").Activities
	if len(services) == 0 || len(groups) == 0 || !services[0].At.Equal(groups[0].At) {
		t.Fatalf("services %+v, groups %+v: want both at once", services, groups)
	}
	rs, err := w.Records(t.Context(), fleet.GroupOf("demo", "hosts"))
	s.must(err)
	if first := ordered(rs)[0]; first.ID == "" || first.ID != ordered(s.records(t))[0].ID {
		t.Errorf("the group's order has claim %q, the service's %q: want one", first.ID, ordered(s.records(t))[0].ID)
	}
}
