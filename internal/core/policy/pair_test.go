package policy_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
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

// The fallback comes before its lead by name: it is decided after it all the same.
const spare fleet.ServiceName = "a-checkout"

// pair is the cell of checkout, on Fargate Spot, that wants 10 tasks of 60 % and has so
// many running, and of its fallback.
func pair(running, beside int, s *history.Shortage) policy.Input {
	lead, other := live("checkout", fleet.Fargate, 10), live(spare, fleet.Fargate, beside)
	lead.Running, lead.Provider = running, "FARGATE_SPOT"
	return policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Service: "checkout"}, Mode: spec.Act,
		Fleet: fleet.Snapshot{At: noon, Services: []fleet.Service{lead, other}},
		Services: []policy.ServiceInput{
			{Name: "checkout", Policy: servicePolicy()},
			{Name: spare, Policy: fallbackPolicy(), History: history.History{Shortage: s}},
		},
		Signals: signal.Set{cpu("checkout", running, repeat(60, 15)...), cpu(spare, beside, repeat(60, 15)...)},
	}
}

func fallbackPolicy() spec.Service {
	return spec.Service{Mode: spec.Act, MaxCapacity: 40, FallbackFor: &spec.FallbackFor{Service: "checkout"}}
}

func called(n int) *history.Shortage { return &history.Shortage{Counted: &n} }

// of gives the decision about one service of a cell.
func of(t failer, d policy.Decision, n fleet.ServiceName) policy.ServiceDecision {
	t.Helper()
	i := slices.IndexFunc(d.Services, func(s policy.ServiceDecision) bool { return s.Service == n })
	if i < 0 {
		t.Fatalf("no decision about %s among %+v", n, d.Services)
	}
	return d.Services[i]
}

func TestPairInOneDecision(t *testing.T) {
	t.Parallel()
	hot := func(in *policy.Input) { // 150 % of the target everywhere
		for i := range in.Signals {
			for j := range in.Signals[i].Points {
				in.Signals[i].Points[j].Value *= 1.5
			}
		}
	}
	tests := []struct {
		name           string
		in             policy.Input
		edit           func(*policy.Input)
		lead, fallback int
		reason         string // of the fallback
	}{
		{"all well", pair(10, 0, nil), nil, 10, 0, history.AlreadyAtDesiredCapacity},
		{"called", pair(4, 0, &history.Shortage{Since: noon.Add(-time.Hour)}), nil, 10, 6, history.Fallback},
		{"at work", pair(4, 6, called(4)), nil, 10, 6, history.AlreadyAtDesiredCapacity},
		{"the demand grows, and both follow at once", pair(4, 6, called(4)), hot, 15, 11, history.Fallback},
		{"the lead only observes, and what it would have is not wanted", pair(4, 6, called(4)), func(in *policy.Input) {
			hot(in)
			in.Services[0].Policy.Mode = spec.Observe
		}, 15, 6, history.AlreadyAtDesiredCapacity},
		{"both observe", pair(4, 6, called(4)), func(in *policy.Input) {
			hot(in)
			in.Mode = spec.Observe
		}, 15, 11, history.Fallback},
		{"what the lead is to lose counts until it is gone", pair(10, 3, called(8)), func(in *policy.Input) {
			in.Services[0].Policy.ScaleIn.RateLimits = []spec.RateLimit{{Percent: 10, Period: spec.Duration(time.Minute)}}
			for i := range in.Signals {
				in.Signals[i] = cpu(in.Services[i].Name, in.Fleet.Services[i].Running, repeat(20, 60)...)
			}
		}, 9, 2, history.Fallback},
		{"the stop", pair(4, 0, &history.Shortage{Since: noon.Add(-time.Hour)}), func(in *policy.Input) { in.Stop = true }, 10, 0, history.GlobalStop},
		{"an order in flight", pair(4, 0, &history.Shortage{Since: noon.Add(-time.Hour)}), func(in *policy.Input) {
			in.Lease = &policy.Lease{By: "x", Until: noon.Add(time.Minute)}
		}, 10, 0, history.OrderInFlight},
		{"somebody else writes the lead", pair(4, 0, &history.Shortage{Since: noon.Add(-time.Hour)}), func(in *policy.Input) {
			in.Services[0].Owner.Kind = "ApplicationAutoScaling"
		}, 10, 6, history.Fallback},
		{"the fallback is not in ECS", pair(4, 0, nil), func(in *policy.Input) { in.Fleet.Services = in.Fleet.Services[:1] }, 10, 0, history.NotFound},
	}
	for _, tt := range tests {
		if tt.edit != nil {
			tt.edit(&tt.in)
		}
		d := policy.Decide(noon, tt.in)
		lead, fallback := of(t, d, "checkout"), of(t, d, spare)
		if lead.Desired != tt.lead || fallback.Desired != tt.fallback || fallback.Reason != tt.reason {
			t.Errorf("%s: %d (%s: %s) and %d (%s: %s), want %d, and %d (%s)", tt.name, lead.Desired, lead.Reason, lead.Because,
				fallback.Desired, fallback.Reason, fallback.Because, tt.lead, tt.fallback, tt.reason)
		}
		for _, s := range d.Services {
			if fault := chainFault(s.Clauses, s.Base, s.Desired, s.Reason, s.Because); fault != "" {
				t.Errorf("%s: %s: %s", tt.name, s.Service, fault)
			}
		}
	}
}

// A lead that is not known, however, keeps what its fallback runs.
func TestUnknownLeadHolds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		edit  func(*policy.Input)
		words string
	}{
		{"it is not in ECS", func(in *policy.Input) { in.Fleet.Services = in.Fleet.Services[1:] }, "ECS knows no such service in cluster prod"},
		{"it has no policy", func(in *policy.Input) { in.Services = in.Services[1:] }, "it is not looked at together with this one"},
		{"it is a fallback too", func(in *policy.Input) { in.Services[0].Policy.FallbackFor = &spec.FallbackFor{Service: spare} }, "it is not looked at together with this one"},
		{"another one stands in for it", func(in *policy.Input) {
			in.Services = slices.Insert(in.Services, 1, policy.ServiceInput{Name: "first", Policy: fallbackPolicy()})
		}, "has one fallback"},
		{"it is being deleted", func(in *policy.Input) { in.Fleet.Services[0].Active = false }, "it is not ACTIVE"},
		{"it is on instances", func(in *policy.Input) { in.Fleet.Services[0].Compute = fleet.EC2 }, "it runs on ec2 and this one on fargate"},
		{"the fallback is on instances", func(in *policy.Input) { in.Fleet.Services[1].Compute = fleet.EC2 }, "it runs on fargate and this one on ec2"},
		{"its policy is invalid", func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 0 }, "the policy has"},
		{"they are among others on a group", func(in *policy.Input) { in.Cell = fleet.Cell{Cluster: "prod", Group: "m7g"} }, "it is not looked at together with this one"},
		{"the cell was not read", func(in *policy.Input) { in.Unreadable = "throttled" }, "throttled"},
	}
	for _, tt := range tests {
		in := pair(10, 6, called(10))
		tt.edit(&in)
		got := of(t, policy.Decide(noon, in), spare)
		if got.Desired != 6 || !strings.Contains(got.Because, tt.words) || got.Learnt {
			t.Errorf("%s: %d of 6 (%s: %s), want a hold for %q", tt.name, got.Desired, got.Reason, got.Because, tt.words)
		}
	}
}

// A fallback that can take no more leaves its lead where it is while its tasks wait.
func TestRoomOfTheFallback(t *testing.T) {
	t.Parallel()
	until := noon.Add(time.Hour)
	tests := []struct {
		name string
		edit func(*policy.Input)
		want int
	}{
		{"it may have 40", func(*policy.Input) {}, 15},
		{"its maximum", func(in *policy.Input) { in.Services[1].Policy.MaxCapacity = 6 }, 10},
		{"a person's maximum", func(in *policy.Input) {
			in.Services[1].Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 6, Until: until}}
		}, 10},
		{"a hold", func(in *policy.Input) {
			in.Services[1].Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 6, Until: until}}
		}, 10},
		{"a pause", func(in *policy.Input) { in.Services[1].Overrides = []spec.Override{{Kind: spec.Pause, Until: until}} }, 10},
		{"a pause that is over", func(in *policy.Input) { in.Services[1].Overrides = []spec.Override{{Kind: spec.Pause, Until: noon}} }, 15},
		{"scale-out suspended", func(in *policy.Input) {
			in.Services[1].Overrides = []spec.Override{{Kind: spec.SuspendOut, Until: until}}
		}, 10},
		{"it only observes", func(in *policy.Input) { in.Services[1].Policy.Mode = spec.Observe }, 10},
		{"somebody else writes it", func(in *policy.Input) { in.Services[1].Owner.Kind = "ApplicationAutoScaling" }, 10},
		{"it is being deleted", func(in *policy.Input) { in.Fleet.Services[1].Active = false }, 10},
		{"its own tasks wait", func(in *policy.Input) {
			in.Fleet.Services[1].Desired = 7
			in.Fleet.Services[1].Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: "no room"}}
		}, 10},
		{"its own tasks have waited", func(in *policy.Input) {
			in.Fleet.Services[1].Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: "no room"}}
		}, 15},
	}
	for _, tt := range tests {
		in := pair(3, 6, called(3)) // one of the ten has no place anywhere
		in.Signals = signal.Set{cpu("checkout", 3, repeat(100, 15)...), cpu(spare, 6, repeat(100, 15)...)}
		in.Fleet.Services[0].Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: "Capacity is unavailable"}}
		tt.edit(&in)
		want := tt.want
		if want == 15 {
			want = 18 // of nine that are pinned at least twice as many
		}
		if got := of(t, policy.Decide(noon, in), "checkout"); got.Desired != want {
			t.Errorf("%s: %d (%s: %s), want %d", tt.name, got.Desired, got.Reason, got.Because, want)
		}
	}
}

// The part of a pair is the pair: each of its decisions is the same from it, to the byte.
func TestPairReplays(t *testing.T) {
	t.Parallel()
	in := pair(4, 0, &history.Shortage{Since: noon.Add(-time.Hour)})
	in.Account = &policy.Account{AtMostPerHour: 20, OthersPerHour: 5}
	for i := range in.Services {
		in.Services[i].Policy.Spend = &spec.Spend{TaskHour: 1}
	}
	d := policy.Decide(noon, in)
	if got := of(t, d, spare); got.Desired != 5 || got.Reason != history.SpendCap {
		t.Errorf("the account's cap of $20 leaves the fallback %d (%s: %s), want 5", got.Desired, got.Reason, got.Because)
	}
	for _, n := range []fleet.ServiceName{"checkout", spare} {
		target := fleet.ServiceKey{Cluster: "prod", Service: n}.Target()
		var back policy.Input
		if err := json.Unmarshal([]byte(encode(t, in.Only(n, d))), &back); err != nil {
			t.Fatal(err)
		}
		want, got := encode(t, d.About(target)), encode(t, policy.Decide(noon, back).About(target))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", n, diff)
		}
	}
}

// act mode forgets the orders of observe mode, and not what was seen of the lead.
func TestShortageOutlivesObserveMode(t *testing.T) {
	t.Parallel()
	in := pair(4, 0, called(4))
	in.Services[1].History.Shadow = new(6)
	if got := of(t, policy.Decide(noon, in), spare); got.Desired != 6 || got.Base != 0 {
		t.Errorf("%d from %d: %s", got.Desired, got.Base, got.Because)
	}
}

// loop is a pair behind one load balancer, minute by minute: what runs has equal parts
// of the demand, Spot has places for some, and metrics are two minutes late.
type loop struct {
	in       policy.Input
	now      time.Time
	series   [2][]signal.Point
	reversed int // turns of the fallback
	last     history.Direction
}

func newLoop(desired int) *loop {
	l := &loop{in: pair(desired, 0, nil), now: noon}
	l.in.Fleet.Services[0].Desired = desired
	return l
}

// minute lets one minute pass with a demand in tasks' worth of CPU.
func (l *loop) minute(t failer, demand float64, spot int) policy.Decision {
	services := l.in.Fleet.Services
	services[0].Running = min(services[0].Desired, spot)
	services[1].Running = services[1].Desired
	all := services[0].Running + services[1].Running
	for i, s := range services {
		if s.Running > 0 {
			share := min(1, demand/float64(all))
			l.series[i] = append(l.series[i], signal.Point{Start: l.now, Value: signal.Value(100 * share * float64(s.Running)), Samples: signal.Value(s.Running)})
		}
	}
	l.now = l.now.Add(time.Minute)
	for i := range l.series {
		l.in.Signals[i].Points = nil
		for _, p := range l.series[i][max(0, len(l.series[i])-70):] {
			if !p.Start.After(l.now.Add(-3 * time.Minute)) {
				l.in.Signals[i].Points = append(l.in.Signals[i].Points, p)
			}
		}
	}
	services[0].Troubles = nil
	if services[0].Running < services[0].Desired {
		services[0].Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: l.now, Words: "Capacity is unavailable"}}
	}
	d := policy.Decide(l.now, l.in)
	for i := range services {
		one := of(t, d, services[i].Name)
		if i == 1 && one.Direction != history.Hold {
			if l.last != "" && one.Direction != l.last {
				l.reversed++
			}
			l.last = one.Direction
		}
		services[i].Desired, l.in.Services[i].History = one.Desired, one.Next
	}
	return d
}

// However much Spot takes away and gives back: the two together come to run what the
// demand needs, no fewer than it needs for long, the fallback alone what Spot does not
// give, and it turns round once.
func TestPairConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		need := rapid.IntRange(4, 30).Draw(t, "need")
		demand := 0.6 * (float64(need) - rapid.Float64Range(0, 0.3).Draw(t, "part"))
		left := rapid.IntRange(0, need-1).Draw(t, "left")
		l := newLoop(need)
		for range 30 {
			l.minute(t, demand, 60)
		}
		whole := l.in.Fleet.Services[0].Desired
		for i := range 120 {
			l.minute(t, demand, left)
			if s := l.in.Fleet.Services; i > 8 && s[0].Running+s[1].Desired < need {
				t.Fatalf("minute %d of the outage: %d and %d run, and %d are needed", i, s[0].Running, s[1].Desired, need)
			}
		}
		s := l.in.Fleet.Services
		if together := s[0].Running + s[1].Desired; together != s[0].Desired || together > whole+(whole+4)/5 {
			t.Fatalf("after the outage %d of %d run on Spot and %d beside, %d ran before", s[0].Running, s[0].Desired, s[1].Desired, whole)
		}
		for i := range 12 * 60 {
			l.minute(t, demand, 60)
			if i < 29 && s[1].Desired < s[0].Desired-left && s[1].Desired < need-left {
				t.Fatalf("minute %d after the outage: %d beside Spot before the cool-off", i, s[1].Desired)
			}
		}
		if s[1].Desired != 0 || s[0].Running < need || l.in.Services[1].History.Shortage != nil || l.reversed > 1 {
			t.Fatalf("twelve hours later %d and %d run, %d needed, %d reversals, %+v", s[0].Running, s[1].Desired, need, l.reversed, l.in.Services[1].History.Shortage)
		}
	})
}

// However Spot gives and takes: while no less is wanted, no task of the fallback goes
// within the cool-off of one that has come for a task that Spot took.
func TestPairDoesNotFlap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := newLoop(12)
		spot, total, last := 60, 0, 0
		var grown time.Time
		for i := range 8 * 60 {
			if r.IntN(7) == 0 && i > 20 {
				spot = r.IntN(16)
			}
			d := l.minute(t, 0.6*12*(1+0.03*math.Sin(float64(i)/9)), spot)
			one, lead := of(t, d, spare), of(t, d, "checkout")
			wanted := max(lead.Base, lead.Desired)
			before := last
			last = wanted
			switch {
			case one.Direction == history.Out && wanted == before:
				grown, total = l.now, wanted
			case one.Direction == history.In && wanted >= total && l.now.Sub(grown) < spec.DefaultFallbackCoolOff:
				t.Errorf("seed %d: at %s from %d to %d, %s after it grew: %s", seed, l.now, one.Base, one.Desired, l.now.Sub(grown), one.Because)
			}
		}
		if grown.IsZero() {
			t.Errorf("seed %d: it never grew", seed)
		}
	}
}
