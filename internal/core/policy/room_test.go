package policy_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// priced is a service of a cell: what it has, what it needs, and its price.
type priced struct {
	name          fleet.ServiceName
	mode          spec.Mode
	desired, need int
	shadow        *int
	price         float64
}

// purse is a cell of priced services in act mode under an account's cap.
func purse(atMost, others float64, services ...priced) policy.Input {
	in := policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Group: "m7g"}, Mode: spec.Act, Fleet: fleet.Snapshot{At: noon},
		Account: &policy.Account{AtMostPerHour: atMost, OthersPerHour: others},
	}
	for _, s := range services {
		p := servicePolicy()
		p.Mode, p.MinCapacity = s.mode, 1
		p.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 5000, Period: spec.Duration(time.Minute)}}
		all := []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
		p.ScaleIn.RateLimits, p.ScaleIn.RemovalBudget = all, all
		if s.price > 0 {
			p.Spend = &spec.Spend{TaskHour: s.price}
		}
		in.Fleet.Services = append(in.Fleet.Services, live(s.name, fleet.EC2, s.desired))
		in.Signals = append(in.Signals, cpu(s.name, 1, repeat(float64(s.need)*60, 20)...))
		in.Services = append(in.Services, policy.ServiceInput{Name: s.name, Policy: p, History: history.History{Shadow: s.shadow}})
	}
	return in
}

func TestTheAccountsCapOverACell(t *testing.T) {
	t.Parallel()
	act, observe := spec.Act, spec.Observe
	for _, tt := range []struct {
		name     string
		atMost   float64
		others   float64
		services []priced
		want     []int
	}{
		{"room for both", 4, 0, []priced{{"a", act, 10, 20, nil, 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{20, 20}},
		{"a hair less: the second has 19", 3.999, 0, []priced{{"a", act, 10, 20, nil, 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{20, 19}},
		{"by name, not by place", 3, 0, []priced{{"b", act, 10, 20, nil, 0.1}, {"a", act, 10, 20, nil, 0.1}}, []int{20, 10}},
		{"others of the account count", 4, 1, []priced{{"a", act, 10, 20, nil, 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{20, 10}},
		{"nothing is left: what runs stays", 1, 5, []priced{{"a", act, 10, 20, nil, 0.1}}, []int{10}},
		{"and may shrink", 1, 5, []priced{{"a", act, 10, 5, nil, 0.1}}, []int{6}},
		{"prices of their own", 3, 0, []priced{{"a", act, 10, 12, nil, 0.2}, {"b", act, 10, 20, nil, 0.05}}, []int{12, 12}},
		{"without a price it is free", 2, 0, []priced{{"a", act, 10, 20, nil, 0}, {"b", act, 10, 20, nil, 0.1}}, []int{20, 20}},
		{"what goes is there until it is gone", 2, 0, []priced{{"a", act, 10, 5, nil, 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{6, 10}},
		{"what one would have in observe mode takes nothing from those that act", 3, 0, []priced{{"a", observe, 10, 40, new(20), 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{20, 20}},
		{"what it really has does", 3, 0, []priced{{"a", observe, 15, 5, new(5), 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{5, 15}},
		{"for those that observe the shadow counts", 3, 0, []priced{{"a", observe, 10, 40, new(20), 0.1}, {"b", observe, 10, 20, nil, 0.1}}, []int{20, 10}},
		{"and what those that act order", 3, 0, []priced{{"a", act, 10, 18, nil, 0.1}, {"b", observe, 30, 20, new(10), 0.1}}, []int{10, 20}},
		{"a shadow of before act mode is forgotten by those that observe too", 3, 0, []priced{{"a", act, 10, 10, new(28), 0.1}, {"b", observe, 10, 20, nil, 0.1}}, []int{10, 20}},
		{"a shadow of before act mode is forgotten", 3, 0, []priced{{"a", act, 10, 20, new(28), 0.1}, {"b", act, 10, 20, nil, 0.1}}, []int{20, 10}},
	} {
		d := policy.Decide(noon, purse(tt.atMost, tt.others, tt.services...))
		var got []int
		for _, s := range d.Services {
			got = append(got, s.Desired)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s: %s", tt.name, diff, d.Services[len(d.Services)-1].Reason, d.Services[len(d.Services)-1].Because)
		}
	}
	d := policy.Decide(noon, purse(1.2, 0, priced{"a", act, 10, 20, nil, 0.1}))
	if s := d.Services[0]; s.Desired != 12 || s.Reason != history.SpendCap || s.Because != "the account's spend cap ($1.2 an hour are left for it) is 12" {
		t.Errorf("got %d (%s: %s)", s.Desired, s.Reason, s.Because)
	}
}

// Whatever the services and prices: none grows past the cap, and together they
// never cost more than the cap, or than before where that was more.
func TestACellNeverPassesTheAccountsCap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		atMost, others := rapid.Float64Range(0, 20).Draw(t, "cap"), rapid.Float64Range(0, 5).Draw(t, "others")
		var services []priced
		for i := range rapid.IntRange(1, 4).Draw(t, "services") {
			services = append(services, priced{
				name: fleet.ServiceName(rune('a' + i)), mode: rapid.SampledFrom([]spec.Mode{spec.Act, spec.Observe}).Draw(t, "mode"),
				desired: rapid.IntRange(0, 30).Draw(t, "desired"), need: rapid.IntRange(0, 60).Draw(t, "need"),
				shadow: rapid.SampledFrom([]*int{nil, nil, new(3), new(25)}).Draw(t, "shadow"), price: rapid.SampledFrom([]float64{0, 0.05, 0.1, 0.333}).Draw(t, "price"),
			})
		}
		in := purse(atMost, others, services...)
		for i := range in.Services { // 0 tasks are below the floor, which a service without room is not lifted to
			in.Services[i].Policy.MinCapacity = 1
		}
		d := policy.Decide(noon, in)
		before, after, worst := others, others, others
		for i, s := range d.Services {
			p := services[i]
			desired := p.desired
			if s.Mode == spec.Act {
				desired = s.Desired
			}
			before, after, worst = before+p.price*float64(p.desired), after+p.price*float64(desired), worst+p.price*float64(max(desired, p.desired))
		}
		if limit := math.Max(atMost, before) + 1e-6; after > limit || worst > limit {
			t.Fatalf("the services cost %v an hour after, %v on the way, before %v, cap %v", after, worst, before, atMost)
		}
	})
}

// Each refusal has its own words, and stands before who else writes.
func TestRefusalsHaveTheirOwnReasons(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, tt := range []struct {
		name   string
		edit   func(*policy.Input)
		reason string
		words  string
	}{
		{"DAEMON", func(in *policy.Input) { in.Fleet.Services[0].Daemon = true }, history.Unscalable, "DAEMON"},
		{"EXTERNAL", func(in *policy.Input) { in.Fleet.Services[0].Controller = "EXTERNAL" }, history.Unscalable, "EXTERNAL"},
		{"Express", func(in *policy.Input) { in.Fleet.Services[0].Managed = true }, history.Unscalable, "Express"},
		{"inactive", func(in *policy.Input) { in.Fleet.Services[0].Active = false }, history.Unscalable, "ACTIVE"},
		{"Application Auto Scaling", func(in *policy.Input) {
			in.Services[0].Owner = policy.Owner{Kind: "ApplicationAutoScaling", Detail: "deregister it"}
		}, history.OwnedByAnother, "ApplicationAutoScaling writes this target: deregister it"},
		{"unknown owner", func(in *policy.Input) { in.Services[0].Owner = policy.Owner{Unknown: true, Detail: "throttled"} }, history.OwnedByAnother, "could not be read: throttled"},
		{"stop", func(in *policy.Input) { in.Stop = true }, history.GlobalStop, "stop"},
		{"lease", func(in *policy.Input) { in.Lease = &policy.Lease{By: "01J", Until: noon.Add(time.Minute)} }, history.OrderInFlight, "01J"},
	} {
		for _, average := range []float64{90, 60, 5} { // out, steady, in
			in := fargate(average)
			tt.edit(&in)
			got := one(t, in)
			if got.Desired != 10 || got.Reason != tt.reason || !strings.Contains(got.Because, tt.words) || len(got.Marks) != 0 || len(got.Next.Orders) != 0 {
				t.Errorf("%s at %v %%: got %d (%s: %s), marks %v", tt.name, average, got.Desired, got.Reason, got.Because, got.Marks)
			}
			if other, ok := seen[got.Because]; ok && other != tt.name {
				t.Errorf("%s and %s are refused with one reason: %s", tt.name, other, got.Because)
			}
			seen[got.Because] = tt.name
		}
	}
}

// A ladder of gates: of those that are closed the first is the reason.
func TestTheFirstClosedGateIsTheReason(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	in.Stop, in.Lease = true, &policy.Lease{By: "01J", Until: noon.Add(time.Minute)}
	v := &in.Fleet.Services[0]
	v.Active, v.Daemon, v.Controller, v.Managed = false, true, "EXTERNAL", true
	in.Services[0].Owner = policy.Owner{Kind: "ApplicationAutoScaling"}
	for _, open := range []struct {
		words string
		next  func()
	}{
		{"global stop", func() { in.Stop = false }},
		{"in flight", func() { in.Lease = nil }},
		{"not ACTIVE", func() { v.Active = true }},
		{"DAEMON", func() { v.Daemon = false }},
		{"EXTERNAL", func() { v.Controller = "ECS" }},
		{"Express", func() { v.Managed = false }},
		{"ApplicationAutoScaling", func() { in.Services[0].Owner = policy.Owner{} }},
	} {
		if got := one(t, in); !strings.Contains(got.Because, open.words) || got.Desired != 10 {
			t.Errorf("got %d (%s: %s), want %q", got.Desired, got.Reason, got.Because, open.words)
		}
		open.next()
	}
	if got := one(t, in); got.Desired != 15 {
		t.Errorf("all open: got %d (%s)", got.Desired, got.Because)
	}
}

// What was learnt is worth a write only when something changed; the row of an
// open order is its claimant's, and an order takes what was learnt along.
func TestLearntAndNext(t *testing.T) {
	t.Parallel()
	foreign := history.History{Orders: []history.Order{{At: noon.Add(-2 * time.Hour), From: 5, To: 20}}}
	start := func(average float64) policy.Input {
		in := fargate(average)
		in.Services[0].History, in.Services[0].Policy.ScaleIn.HistoryFloor = foreign, new(spec.Percent(0))
		return in
	}
	for _, tt := range []struct {
		name    string
		edit    func(*policy.Input)
		learnt  bool
		foreign int
	}{
		{"a foreign count", func(*policy.Input) {}, true, 1},
		{"under a stop", func(in *policy.Input) { in.Stop = true }, true, 1},
		{"of a service that another owns", func(in *policy.Input) { in.Services[0].Owner = policy.Owner{Kind: "ScalingPolicy"} }, true, 1},
		{"under a lease", func(in *policy.Input) { in.Lease = &policy.Lease{By: "01J", Until: noon.Add(time.Minute)} }, false, 0},
		{"under a lease, a new hour", func(in *policy.Input) {
			in.Lease, in.Services[0].Policy.ScaleIn.HistoryFloor = &policy.Lease{By: "01J", Until: noon.Add(time.Minute)}, nil
		}, false, 0},
		{"under a lease and a stop", func(in *policy.Input) {
			in.Stop, in.Lease = true, &policy.Lease{By: "01J", Until: noon.Add(time.Minute)}
		}, false, 0},
		{"in observe mode", func(in *policy.Input) { in.Mode = spec.Observe }, false, 0},
		{"where nothing is new", func(in *policy.Input) {
			in.Services[0].History = foreign.Sighted(history.Sighting{At: noon.Add(-time.Minute), Expected: 20, Found: 10})
		}, false, 1},
		{"of a policy that is not valid", func(in *policy.Input) { in.Services[0].Policy.MinCapacity = 99 }, false, 0},
		{"of a cell that could not be read", func(in *policy.Input) { in.Unreadable = "throttled" }, false, 0},
		{"of a service that is gone", func(in *policy.Input) { in.Fleet.Services = nil }, false, 0},
	} {
		in := start(60)
		tt.edit(&in)
		got := one(t, in)
		if got.Direction != history.Hold || got.Learnt != tt.learnt || len(got.Next.Foreign) != tt.foreign || len(got.Next.Orders) != 1 {
			t.Errorf("%s: %s, learnt %t, next %+v", tt.name, got.Direction, got.Learnt, got.Next)
		}
	}
	got := one(t, start(90))
	if got.Desired != 15 || got.Learnt || len(got.Next.Foreign) != 1 || len(got.Next.Orders) != 2 {
		t.Errorf("an order: %d, learnt %t, next %+v", got.Desired, got.Learnt, got.Next)
	}
}

// A repair counts when it is ordered, not when a gate has stopped it.
func TestARepairThatAGateStopsIsNone(t *testing.T) {
	t.Parallel()
	for _, stop := range []bool{true, false} {
		in := fargate(60)
		in.Services[0].History.Orders = []history.Order{{At: noon.Add(-2 * time.Hour), From: 5, To: 20}}
		in.Services[0].Policy.MinCapacity, in.Stop = 15, stop
		got := one(t, in)
		if repairs := got.Next.Repairs(noon.Add(-time.Hour)); (repairs == 0) != stop || len(got.Next.Foreign) != 1 {
			t.Errorf("stop %t: %d (%s), %d repairs in %+v", stop, got.Desired, got.Reason, repairs, got.Next.Foreign)
		}
	}
}

// Only the group's active instances tell of the fleet.
func TestDisconnectedInstancesStopScaleIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*fleet.Instance)
		hold bool
	}{
		{"disconnected", func(i *fleet.Instance) { i.Connected = false }, true},
		{"disconnected while they drain", func(i *fleet.Instance) { i.Connected, i.Active = false, false }, false},
		{"disconnected, of another group", func(i *fleet.Instance) { i.Connected, i.Group = false, "other" }, false},
		{"well", func(*fleet.Instance) {}, false},
	} {
		in := group(5)
		in.Fleet.Instances = nil
		for i := range 9 {
			v := fleet.Instance{ID: fleet.InstanceID(rune('a' + i)), Group: "m7g", Active: true, Connected: true, Registered: shape()}
			if i < 5 {
				tt.edit(&v)
			}
			in.Fleet.Instances = append(in.Fleet.Instances, v)
		}
		if got := one(t, in); (got.Reason == history.UnhealthyFleet) != tt.hold {
			t.Errorf("%s: got %d (%s: %s)", tt.name, got.Desired, got.Reason, got.Because)
		}
	}
}

// Tasks without a place do not stop growth where instances for them are coming.
func TestInstancesOnTheWayAreRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		capacity int
		size     fleet.Resources
		want     int
	}{{3, quarter(), 12}, {2, quarter(), 8}, {3, fleet.Resources{}, 8}, {3, fleet.Resources{CPU: 2048, Memory: 7680}, 8}} {
		in := group(90)
		v := &in.Fleet.Services[0]
		v.Running, v.TaskSize = 6, tt.size
		v.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: "no room"}}
		in.Fleet.Group.DesiredCapacity = tt.capacity
		in.Signals = signal.Set{cpu("checkout", 8, repeat(90, 15)...)}
		if got := one(t, in); got.Desired != tt.want {
			t.Errorf("%d instances wanted for tasks of %+v: got %d (%s: %s), want %d", tt.capacity, tt.size, got.Desired, got.Reason, got.Because, tt.want)
		}
	}
}

// Where it is not known what the account's other services cost, what has a price
// does not grow, but to its minimum; what has none is not asked.
func TestUnknownAccountStopsWhatHasAPrice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		edit   func(*policy.Input)
		want   int
		reason string
	}{
		{"with a price", func(*policy.Input) {}, 10, history.SpendCap},
		{"without one", func(in *policy.Input) { in.Services[0].Policy.Spend = nil }, 15, history.TargetTracking},
		{"known", func(in *policy.Input) { in.Account = &policy.Account{AtMostPerHour: 100} }, 15, history.TargetTracking},
		{"below its minimum", func(in *policy.Input) { in.Services[0].Policy.MinCapacity = 12; in.Signals = nil }, 12, history.MinCapacity},
	} {
		in := fargate(90)
		in.Account = &policy.Account{Unknown: "throttled"}
		in.Services[0].Policy.Spend = &spec.Spend{TaskHour: 1}
		tt.edit(&in)
		if got := one(t, in); got.Desired != tt.want || got.Reason != tt.reason {
			t.Errorf("%s: got %d (%s: %s), want %d (%s)", tt.name, got.Desired, got.Reason, got.Because, tt.want, tt.reason)
		}
	}
}
