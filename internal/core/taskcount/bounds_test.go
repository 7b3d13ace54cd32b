package taskcount_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// override is one of a person that lives for a nanosecond more.
func override(kind spec.OverrideKind, count int) func(*taskcount.Input) {
	return func(in *taskcount.Input) {
		in.Overrides = append(in.Overrides, spec.Override{Kind: kind, Count: count, Until: noon.Add(1), By: "ann", Why: "sale"})
	}
}

func all(fs ...func(*taskcount.Input)) func(*taskcount.Input) {
	return func(in *taskcount.Input) {
		for _, f := range fs {
			f(in)
		}
	}
}

func bounds(least, most int) func(*taskcount.Input) {
	return func(in *taskcount.Input) { in.Policy.MinCapacity, in.Policy.MaxCapacity = least, most }
}

func blind(in *taskcount.Input) { in.Signals = nil }

func TestBoundsInForce(t *testing.T) {
	t.Parallel()
	type limit struct {
		name     string
		edit     func(*taskcount.Input)
		min, max int
	}
	constraint := func(name string, perTask, atMost float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.Constraints = append(in.Policy.Constraints, spec.Constraint{Name: name, PerTask: perTask, AtMost: atMost})
		}
	}
	spend := func(each, atMost float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.Policy.Spend = &spec.Spend{TaskHour: each, AtMostPerHour: atMost} }
	}
	left := func(v float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.SpendLeft = &v }
	}
	for _, tt := range []limit{
		{"the policy's", all(), 2, 60},
		{"20 connections each of 1000: 50", constraint("db", 20, 1000), 2, 50},
		{"of 999.9: 49", constraint("db", 20, 999.9), 2, 49},
		{"0.1 each of 0.3, which is not quite 3 in binary", all(constraint("x", 0.1, 0.3)), 2, 3},
		{"the lowest of several", all(constraint("a", 1, 40), constraint("b", 1, 30), constraint("c", 1, 50)), 2, 30},
		{"a wider one changes nothing", constraint("a", 1, 61), 2, 60},
		{"$0.05 each of $1: 20", spend(0.05, 1), 2, 20},
		{"of $0.999: 19", spend(0.05, 0.999), 2, 19},
		{"a price without a cap", spend(0.05, 0), 2, 60},
		{"what the account leaves", all(spend(0.05, 0), left(0.6)), 2, 12},
		{"a hair less", all(spend(0.05, 0), left(0.5999)), 2, 11},
		{"what runs stays, the account has nothing left", all(spend(0.05, 0), left(0)), 2, 10},
		{"or is over its cap", all(spend(0.05, 0), left(-5)), 2, 10},
		{"a price next to nothing", all(spend(1e-300, 0), left(1e300)), 2, 60},
		{"without a price the account says nothing", left(0), 2, 60},
		{"the lower of the service's and the account's", all(spend(0.05, 1), left(2)), 2, 20},
		{"min lifts the floor", override(spec.MinAt, 5), 5, 60},
		{"a lower min changes nothing", override(spec.MinAt, 1), 2, 60},
		{"min passes no maximum", override(spec.MinAt, 99), 60, 60},
		{"max lowers the ceiling", override(spec.MaxAt, 5), 2, 5},
		{"max never raises it", override(spec.MaxAt, 99), 2, 60},
		{"max below the floor lowers both", override(spec.MaxAt, 1), 1, 1},
		{"max below zero is zero", override(spec.MaxAt, -1), 0, 0},
		{"of min and max the max counts", all(override(spec.MinAt, 9), override(spec.MaxAt, 7)), 7, 7},
		{"hold", override(spec.HoldAt, 7), 7, 7},
		{"hold passes no maximum", override(spec.HoldAt, 99), 60, 60},
		{"hold below zero is zero", override(spec.HoldAt, -4), 0, 0},
		{"hold below a person's max", all(override(spec.MaxAt, 5), override(spec.HoldAt, 7)), 5, 5},
		{"hold passes no constraint", all(constraint("db", 20, 100), override(spec.HoldAt, 7)), 5, 5},
		{"hold may lie below the floor", override(spec.HoldAt, 1), 1, 1},
		{"one that has expired", func(in *taskcount.Input) {
			override(spec.HoldAt, 7)(in)
			in.Overrides[0].Until = noon
		}, 2, 60},
		{"a min that has expired", func(in *taskcount.Input) {
			override(spec.MinAt, 7)(in)
			in.Overrides[0].Until = noon
		}, 2, 60},
		{"a max that has expired", func(in *taskcount.Input) {
			override(spec.MaxAt, 7)(in)
			in.Overrides[0].Until = noon
		}, 2, 60},
		{"a window that cannot be read changes nothing", func(in *taskcount.Input) {
			in.Policy.Scheduled = []spec.Scheduled{{Name: "odd", From: "25:99", MinCapacity: new(9), MaxCapacity: new(9)}}
		}, 2, 60},
	} {
		in := falls()
		tt.edit(&in)
		if got := decide(noon, in); got.Min != tt.min || got.Max != tt.max {
			t.Errorf("%s: %d to %d, want %d to %d", tt.name, got.Min, got.Max, tt.min, tt.max)
		}
	}
}

func TestClamp(t *testing.T) {
	t.Parallel()
	atLeast := func(n int) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.Policy.OnMissingData.AtLeast = n }
	}
	pool := func(n float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.Constraints = []spec.Constraint{{Name: "pool", PerTask: 1, AtMost: n}}
		}
	}
	high := func(in *taskcount.Input) { in.Signals = cpu(10, 0, 90) }
	check(t, falls, []guardCase{ // 10 tasks that need 4
		{"at the floor", all(bounds(10, 60)), 10, history.AlreadyAtMinCapacity},
		{"one above it", all(bounds(9, 60)), 9, history.MinCapacity},
		{"exactly what is needed", all(bounds(4, 60)), 4, history.TargetTracking},
		{"at the ceiling", all(high, bounds(2, 10)), 10, history.AlreadyAtMaxCapacity},
		{"one below it", all(high, bounds(2, 11)), 11, history.MaxCapacity},
		{"exactly what is needed, out", all(high, bounds(2, 15)), 15, history.TargetTracking},
		{"a constraint", all(high, pool(12)), 12, history.Constraint},
		{"at a constraint", all(high, pool(10)), 10, history.AlreadyAtMaxCapacity},
		{"above a constraint it comes down, whatever is wanted", all(high, pool(8)), 8, history.Constraint},
		{"above a constraint without data it stays", all(blind, pool(8)), 10, history.MissingData},
		{"above it without data, and atLeast more", all(blind, pool(8), atLeast(40)), 10, history.MissingData},
		{"atLeast passes no ceiling", all(blind, pool(12), atLeast(40)), 12, history.Constraint},
		{"a person's max counts without data", all(blind, override(spec.MaxAt, 8)), 8, history.MaxCapacity},
		{"a constraint below it does not", all(blind, pool(5), override(spec.MaxAt, 8)), 8, history.MissingData},
		{"a hold above a constraint removes nothing without data", all(blind, pool(5), override(spec.HoldAt, 12)), 10, history.MissingData},
		{"with data it comes down to the constraint", all(pool(5), override(spec.HoldAt, 12)), 5, history.HoldOverride},
		{"a person's hold counts without data", all(blind, override(spec.HoldAt, 7)), 7, history.HoldOverride},
		{"a hold at the count", override(spec.HoldAt, 10), 10, history.HoldOverride},
		{"a hold above what is needed, out", all(high, override(spec.HoldAt, 20)), 20, history.HoldOverride},
		{"a hold is lifted to past every rate", func(in *taskcount.Input) {
			in.Policy.ScaleOut.RateLimits = limits(tasks(1, time.Minute))
			override(spec.HoldAt, 20)(in)
		}, 20, history.HoldOverride},
		{"below the floor it is lifted past every rate", func(in *taskcount.Input) {
			in.Policy.ScaleOut.RateLimits = limits(tasks(1, time.Minute))
			bounds(20, 60)(in)
		}, 20, history.MinCapacity},
	})
}

// A cap below the floor is named with the floor that it lowers.
func TestACappedFloorNamesItsCap(t *testing.T) {
	t.Parallel()
	in := falls()
	override(spec.MaxAt, 1)(&in)
	in.Policy.MinCapacity, in.Signals = 5, nil
	in.Base, in.Service.Desired = 0, 0
	if got := decide(noon, in); got.Desired != 1 || !strings.Contains(got.Because, "minCapacity, capped by the override max 1 of ann until 2026-11-23T12:00:00Z (sale), is 1") {
		t.Errorf("got %d (%s)", got.Desired, got.Because)
	}
}

func TestHistoryFloor(t *testing.T) {
	t.Parallel()
	const hour, week = time.Hour, 7 * 24 * time.Hour
	seen := func(count int, at ...time.Duration) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			for i, d := range at {
				in.History.Hours, _ = in.History.Hours.See(noon.Add(-d), count+i)
			}
		}
	}
	share := func(p float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.Policy.ScaleIn.HistoryFloor = new(spec.Percent(p)) }
	}
	check(t, falls, []guardCase{ // 10 tasks that need 4
		{"half of 12 a week ago", seen(12, week), 6, history.HistoryFloor},
		{"rounded up: half of 13", seen(13, week), 7, history.HistoryFloor},
		{"half of 8 is what is needed", seen(8, week), 4, history.TargetTracking},
		{"half of 9 is one more", seen(9, week), 5, history.HistoryFloor},
		{"never above the count", seen(100, week), 10, history.HistoryFloor},
		{"the last second of the hour", seen(12, week-hour+time.Second), 6, history.HistoryFloor},
		{"the next hour is another", seen(12, week-hour), 4, history.TargetTracking},
		{"the second before the hour too", seen(12, week+time.Second), 4, history.TargetTracking},
		{"a share of its own", all(share(0.75), seen(12, week)), 9, history.HistoryFloor},
		{"none", all(share(0), seen(12, week)), 4, history.TargetTracking},
		{"no history", all(), 4, history.TargetTracking},
		{"a person's max lies below it", all(seen(12, week), override(spec.MaxAt, 3)), 3, history.MaxCapacity},
		{"an out is not its matter", all(seen(40, week), func(in *taskcount.Input) { in.Signals = cpu(10, 0, 90) }), 15, history.TargetTracking},
	})
}

func TestSuspend(t *testing.T) {
	t.Parallel()
	high := func(in *taskcount.Input) { in.Signals = cpu(10, 0, 90) }
	check(t, falls, []guardCase{
		{"a pause outranks a hold", all(override(spec.HoldAt, 7), override(spec.Pause, 0)), 10, history.Paused},
		{"in whatever order", all(override(spec.Pause, 0), override(spec.HoldAt, 7)), 10, history.Paused},
		{"a pause outranks the floor", all(bounds(20, 60), override(spec.Pause, 0)), 10, history.Paused},
		{"no scale-in, so no max", all(override(spec.SuspendIn, 0), override(spec.MaxAt, 7)), 10, history.ScaleInSuspended},
		{"no scale-out, so no min", all(override(spec.SuspendOut, 0), override(spec.MinAt, 20)), 10, history.ScaleOutSuspended},
		{"both at once, in", all(override(spec.SuspendIn, 0), override(spec.SuspendOut, 0)), 10, history.ScaleInSuspended},
		{"both at once, out", all(high, override(spec.SuspendIn, 0), override(spec.SuspendOut, 0)), 10, history.ScaleOutSuspended},
	})
}

// total is a policy of a total over the service, 40 on each task.
func total() *spec.TargetTracking {
	return &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 40}
}

// needs is its series: the tasks that each minute needs, oldest first.
func needs(n ...float64) signal.Series {
	s := signal.Series{Metric: total().CloudWatch(key).Metric, Status: signal.Complete}
	for i, v := range n {
		s.Points = append(s.Points, signal.Point{Start: noon.Add(-time.Duration(len(n)-i) * time.Minute), Value: signal.Value(40 * v)})
	}
	return s
}

// Where one policy has no data its own onMissingData speaks beside the others.
func TestMissingDataOfOnePolicy(t *testing.T) {
	t.Parallel()
	// CPU needs 4 tasks of 10; the other policy has no data, and asks for some.
	with := func(atLeast int, edits ...func(*taskcount.Input)) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.Policies = append(in.Policy.Policies, spec.Policy{TargetTracking: total(), OnMissingData: &spec.OnMissing{AtLeast: atLeast}})
			all(edits...)(in)
		}
	}
	apart := func(in *taskcount.Input) { in.Policy.Policies[1].DisableScaleIn = true }
	wants := func(n ...float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			averages := make([]float64, 0, len(n))
			for _, v := range n {
				averages = append(averages, 6*v)
			}
			in.Signals = cpu(10, 0, averages...)
		}
	}
	window := func(in *taskcount.Input) {
		in.Policy.ScaleOut.StabilizationWindow = new(spec.Duration(5 * time.Minute))
	}
	used := func(in *taskcount.Input) {
		in.History.Marks = []history.Mark{{Policy: spec.ServiceMetric(key, "CPUUtilization", "Sum").Key(), Datapoint: noon.Add(-time.Minute)}}
	}
	check(t, falls, []guardCase{
		{"hold", with(0), 10, history.MissingData},
		{"fewer than there are: hold", with(9), 10, history.MissingData},
		{"as many: hold", with(10), 10, history.MissingData},
		{"more", with(11), 11, history.MissingData},
		{"more than the other wants", with(20, wants(15)), 20, history.MissingData},
		{"fewer than the other wants", with(12, wants(15)), 15, history.TargetTracking},
		{"the out window does not take it back", with(20, window, wants(11, 15)), 20, history.MissingData},
		{"it stands where the window takes back more", with(12, window, wants(11, 15)), 12, history.StabilizationWindow},
		{"it stands where the other's datapoint is used", with(12, used, wants(15)), 12, history.DatapointAlreadyUsed},
		{"with no part in scale-in the others go on", with(0, apart), 4, history.TargetTracking},
		{"but not below what it asks for", with(7, apart), 7, history.TargetTracking},
		{"all of it", with(10, apart), 10, history.MissingData},
		{"no policy has data: the service's own word counts too", with(11, blind, func(in *taskcount.Input) { in.Policy.OnMissingData.AtLeast = 15 }), 15, history.MissingData},
		{"or the policy's, whichever is more", with(15, blind, func(in *taskcount.Input) { in.Policy.OnMissingData.AtLeast = 11 }), 15, history.MissingData},
	})
}

// Of several policies the largest count wins in both directions, whatever their
// order; one without a part in scale-in has no word in it.
func TestTheLargestCountWins(t *testing.T) {
	t.Parallel()
	with := func(cpuNeeds, totalNeeds float64, edit func(*spec.Policy)) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			p := spec.Policy{TargetTracking: total()}
			edit(&p)
			in.Policy.Policies = append(in.Policy.Policies, p)
			in.Signals = append(cpu(10, 0, repeat(6*cpuNeeds, 20)...), needs(repeat(totalNeeds, 20)...))
		}
	}
	none := func(*spec.Policy) {}
	apart := func(p *spec.Policy) { p.DisableScaleIn = true }
	check(t, falls, []guardCase{
		{"out: the second", with(12, 15, none), 15, history.TargetTracking},
		{"out: the first", with(15, 12, none), 15, history.TargetTracking},
		{"in: the second", with(3.7, 6.5, none), 7, history.TargetTracking},
		{"in: the first", with(6.5, 3.7, none), 7, history.TargetTracking},
		{"in: one that wants none", with(3.7, 10, none), 10, history.AlreadyAtDesiredCapacity},
		{"in: one that has no part in it wants fewer", with(3.7, 6.5, apart), 4, history.TargetTracking},
		{"in: or more than that, but not than there are", with(3.7, 10, apart), 4, history.TargetTracking},
		{"out: it has its part in that", with(3.7, 15, apart), 15, history.TargetTracking},
		{"in: a datapoint that grounded an order", all(with(3.7, 6.5, none), func(in *taskcount.Input) {
			in.History.Marks = []history.Mark{{Policy: total().CloudWatch(key).Metric.Key(), Datapoint: noon.Add(-time.Minute)}}
		}), 10, history.DatapointAlreadyUsed},
		{"in: the one before it", all(with(3.7, 6.5, none), func(in *taskcount.Input) {
			in.History.Marks = []history.Mark{{Policy: total().CloudWatch(key).Metric.Key(), Datapoint: noon.Add(-time.Minute - 1)}}
		}), 7, history.TargetTracking},
	})
}

func TestDatapointsInARow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ k, low, want int }{{1, 2, 4}, {2, 1, 10}, {2, 2, 4}, {3, 2, 10}, {3, 3, 4}, {5, 4, 10}, {5, 5, 4}} {
		in := on(fleet.EC2, input(10, cpu(10, 3*time.Minute, append(repeat(60, 3), repeat(20, tt.low)...)...)))
		in.Policy.ScaleIn.Datapoints, in.Policy.ScaleIn.StabilizationWindow = tt.k, new(spec.Duration(0))
		if got := decide(noon, in); got.Desired != tt.want {
			t.Errorf("%d of %d datapoints are low: got %d (%s: %s), want %d", tt.low, tt.k, got.Desired, got.Reason, got.Because, tt.want)
		}
		in.Signals[0].Points[len(in.Signals[0].Points)-1].Value = signal.Value(math.NaN())
		in.Policy.ScaleIn.Datapoints = max(2, tt.k)
		if got := decide(noon, in); got.Desired < 10 && tt.low <= tt.k {
			t.Errorf("the newest of %d is lost: got %d (%s)", tt.k, got.Desired, got.Reason)
		}
	}
}

// While a window is open it moves the bounds: of several the highest
// minCapacity and the lowest maxCapacity count, and none passes the service's.
func TestScheduledBounds(t *testing.T) {
	t.Parallel()
	day := spec.Scheduled{Name: "day", From: "08:00", To: "12:00"}         // closes at noon
	evening := spec.Scheduled{Name: "evening", From: "12:00", To: "20:00"} // opens at noon
	with := func(w spec.Scheduled, least, most *int) spec.Scheduled {
		w.MinCapacity, w.MaxCapacity = least, most
		return w
	}
	for _, tt := range []struct {
		name     string
		windows  []spec.Scheduled
		now      time.Time
		min, max int
	}{
		{"open", []spec.Scheduled{with(evening, new(5), new(40))}, noon, 5, 40},
		{"a nanosecond before it opens", []spec.Scheduled{with(evening, new(5), new(40))}, noon.Add(-1), 2, 60},
		{"a nanosecond before it closes", []spec.Scheduled{with(day, new(5), new(40))}, noon.Add(-1), 5, 40},
		{"closed", []spec.Scheduled{with(day, new(5), new(40))}, noon, 2, 60},
		{"a lower minimum lowers the floor", []spec.Scheduled{with(evening, new(1), nil)}, noon, 1, 60},
		{"the highest minimum and the lowest maximum", []spec.Scheduled{with(evening, new(5), new(40)), with(evening, new(7), new(50)), with(evening, new(6), new(45))}, noon, 7, 40},
		{"no maximum passes the service's", []spec.Scheduled{with(evening, nil, new(99))}, noon, 2, 60},
	} {
		in := falls()
		in.Policy.Scheduled = tt.windows
		if got := decide(tt.now, in); got.Min != tt.min || got.Max != tt.max {
			t.Errorf("%s: %d to %d, want %d to %d", tt.name, got.Min, got.Max, tt.min, tt.max)
		}
	}
	in := falls()
	in.Policy.Scheduled = []spec.Scheduled{with(evening, new(20), nil)}
	if got := decide(noon, in); got.Desired != 20 || got.Because != "minCapacity of the window evening is 20" {
		t.Errorf("got %d (%s)", got.Desired, got.Because)
	}
	in.Policy.Scheduled = []spec.Scheduled{with(evening, nil, new(3))}
	in.Policy.ScaleIn.RemovalBudget = nil
	if got := decide(noon, in); got.Desired != 5 || got.Reason != history.RemovalBudget {
		t.Errorf("down to a window's maximum: got %d (%s), want what the removal budget allows", got.Desired, got.Reason)
	}
}
