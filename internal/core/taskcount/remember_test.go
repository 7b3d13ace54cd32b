package taskcount_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// acting gives 10 tasks in act mode that need 10, with what is remembered.
func acting(h history.History) taskcount.Input {
	in := on(fleet.EC2, input(10, cpu(10, 0, repeat(60, 20)...)))
	in.Acting, in.History = true, h
	in.Policy.ScaleIn.HistoryFloor = new(spec.Percent(0)) // learns no hours
	return in
}

// An order an hour ago left some other count than the 10 of now.
func left(count int) history.History { return ordered(ago(time.Hour, 1, count)) }

func TestAForeignCountIsAdoptedAndNamed(t *testing.T) {
	t.Parallel()
	in := acting(left(20))
	got, m := taskcount.Decide(noon, in)
	words := "the desired count 10, found at 12:00:00Z in place of 20, was not written here (writer: unknown): adopted as the base"
	if got.Desired != 10 || got.Clauses[0].Rule != history.ForeignWriter || got.Clauses[0].Because != words {
		t.Errorf("got %d, first clause %+v", got.Desired, got.Clauses[0])
	}
	want := []history.Sighting{{At: noon, Expected: 20, Found: 10}}
	if diff := cmp.Diff(want, m.History.Foreign); diff != "" || !m.Worth {
		t.Errorf("worth %t, remembered (-want +got):\n%s", m.Worth, diff)
	}
	// At the next look it is known: named still, and nothing new to write.
	in.History = m.History
	got, m = taskcount.Decide(noon.Add(time.Minute), in)
	if m.Worth || got.Clauses[0].Because != words {
		t.Errorf("a minute later: worth %t, first clause %+v", m.Worth, got.Clauses[0])
	}
	if diff := cmp.Diff(want, m.History.Foreign); diff != "" {
		t.Errorf("a minute later (-want +got):\n%s", diff)
	}
	in.Signals = nil
	for _, tt := range []struct {
		after time.Duration
		named bool
	}{{time.Hour - 1, true}, {time.Hour, false}} {
		got := decide(noon.Add(tt.after), in)
		if named := got.Clauses[0].Rule == history.ForeignWriter; named != tt.named {
			t.Errorf("after %s: named %t, want %t", tt.after, named, tt.named)
		}
	}
}

func TestWhatIsNoForeignCount(t *testing.T) {
	t.Parallel()
	seen := history.Sighting{At: noon.Add(-time.Minute), Expected: 20, Found: 10}
	for _, tt := range []struct {
		name string
		edit func(*taskcount.Input)
		want bool
	}{
		{"another count than the order's", func(*taskcount.Input) {}, true},
		{"the order's", func(in *taskcount.Input) { in.History = left(10) }, false},
		{"no order yet", func(in *taskcount.Input) { in.History = history.History{} }, false},
		{"one that was seen before", func(in *taskcount.Input) { in.History = in.History.Sighted(seen) }, false},
		{"another than was seen before", func(in *taskcount.Input) {
			seen := seen
			seen.Found = 9
			in.History = in.History.Sighted(seen)
		}, true},
		{"what the order after the sighting set", func(in *taskcount.Input) {
			in.History = in.History.Sighted(seen).With(ago(30*time.Second, 10, 10), nil)
		}, false},
		{"observe mode", func(in *taskcount.Input) { in.Acting = false }, false},
		{"a shadow", func(in *taskcount.Input) { in.History.Shadow = new(10) }, false},
		{"the count from before our own order, just now", func(in *taskcount.Input) { in.History = ordered(ago(0, 10, 15)) }, false},
		{"the same, 30 s later less a nanosecond", func(in *taskcount.Input) { in.History = ordered(ago(30*time.Second-1, 10, 15)) }, false},
		{"the same, 30 s later", func(in *taskcount.Input) { in.History = ordered(ago(30*time.Second, 10, 15)) }, true},
		{"by a clock that is ahead nobody knows what came later", func(in *taskcount.Input) { in.History = ordered(ago(-1, 11, 15)) }, false},
		{"nor at the instant of the order", func(in *taskcount.Input) { in.History = ordered(ago(0, 11, 15)) }, false},
		{"a third count, a nanosecond later", func(in *taskcount.Input) { in.History = ordered(ago(1, 11, 15)) }, true},
	} {
		in := acting(left(20))
		tt.edit(&in)
		_, m := taskcount.Decide(noon, in)
		if got := m.Worth && len(m.History.Foreign) > len(in.History.Foreign); got != tt.want {
			t.Errorf("%s: sighted %t, want %t (%+v)", tt.name, got, tt.want, m.History.Foreign)
		}
	}
}

// ECS shows 10 although 15 were ordered a second ago. A new datapoint needs 12:
// "out from 10 to 12" would take three tasks away past every window and budget.
func TestNothingIsOrderedOnACountFromBeforeOurOwnOrder(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := acting(ordered(ago(time.Second, 10, 15)))
		in.Signals = cpu(10, 0, 72)
		return in
	}
	check(t, start, []guardCase{
		{"within the time", func(*taskcount.Input) {}, 10, history.OrderInFlight},
		{"not even to the floor", func(in *taskcount.Input) { in.Policy.MinCapacity = 12 }, 10, history.OrderInFlight},
		{"nor in", func(in *taskcount.Input) { in.Policy.MaxCapacity = 5 }, 10, history.ScaleInCooldown},
		{"nor for a person", override(spec.HoldAt, 3), 10, history.OrderInFlight},
		{"once it shows", func(in *taskcount.Input) {
			in.Base, in.Service.Desired, in.Service.Running = 15, 15, 15
			in.Signals = cpu(10, 0, 100)
		}, 17, history.TargetTracking},
		{"after the time", func(in *taskcount.Input) { in.History = ordered(ago(30*time.Second, 10, 15)) }, 12, history.TargetTracking},
		{"in observe mode the shadow is the base", func(in *taskcount.Input) { in.Acting = false }, 12, history.TargetTracking},
	})
}

func TestWhoWroteIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		age      time.Duration
		stack    string
		deployed bool
		want     string
	}{
		{"no deployment since", time.Hour, "shop", true, "unknown"},
		{"one that is older than the order", 2 * time.Hour, "shop", true, "unknown"},
		{"one since, of a stack", time.Hour - 1, "shop", true, "CloudFormation stack shop, with the deployment of 2026-11-23T11:00:00Z"},
		{"one since, of none", time.Hour - 1, "", true, "a deploy tool, with the deployment of 2026-11-23T11:00:00Z"},
		{"none is shown", 0, "shop", false, "unknown"},
	} {
		in := acting(left(20))
		in.Service.Stack, in.Service.Deployments[0].CreatedAt, in.Service.Deployments[0].Primary = tt.stack, noon.Add(-tt.age), tt.deployed
		got := decide(noon, in)
		if !strings.Contains(got.Clauses[0].Because, "(writer: "+tt.want+")") {
			t.Errorf("%s: %s", tt.name, got.Clauses[0].Because)
		}
	}
}

// fight is a writer that sets the count back to 3 before every look, where the
// floor is 10: it gives how often an hour the floor was lifted to.
func fight(t *testing.T, repairs *int, edit func(minute int, in *taskcount.Input)) (perHour []int) {
	t.Helper()
	h := left(10)
	for m := range 180 {
		now := noon.Add(time.Duration(m) * time.Minute)
		if m%60 == 0 {
			perHour = append(perHour, 0)
		}
		in := acting(h)
		in.Base, in.Service.Desired, in.Service.Running, in.Signals = 3, 3, 3, nil
		in.Policy.MinCapacity, in.Policy.RepairsPerHour = 10, repairs
		edit(m, &in)
		got, memory := taskcount.Decide(now, in)
		h = memory.History
		if got.Direction == history.Hold {
			if in.Base < in.Policy.MinCapacity && got.Reason != history.ForeignWriter && got.Reason != history.Paused {
				t.Fatalf("minute %d: %d (%s: %s)", m, got.Desired, got.Reason, got.Because)
			}
			continue
		}
		perHour[m/60]++
		h = memory.After(history.Order{At: now, From: in.Base, To: got.Desired}, got.Marks)
		if h.Foreign[len(h.Foreign)-1].Repaired != now {
			t.Fatalf("minute %d: the repair is not remembered: %+v", m, h.Foreign)
		}
	}
	return perHour
}

// The floor is lifted to a few times an hour and no more, whatever the other
// writer does, and whatever it writes between.
func TestAForeignCountIsRepairedAFewTimesAnHour(t *testing.T) {
	t.Parallel()
	same := func(int, *taskcount.Input) {}
	other := func(m int, in *taskcount.Input) { in.Base, in.Service.Desired = 1+m%7, 1+m%7 }
	above := func(m int, in *taskcount.Input) { // mostly above the floor: no repair, but a sighting
		if m%3 != 0 {
			in.Base, in.Service.Desired, in.Policy.MinCapacity = 3+m%7, 3+m%7, 1
		}
	}
	paused := func(m int, in *taskcount.Input) {
		if m < 60 {
			in.Overrides = []spec.Override{{Kind: spec.Pause, Until: noon.Add(24 * time.Hour)}}
		}
	}
	for _, tt := range []struct {
		name    string
		repairs *int
		edit    func(int, *taskcount.Input)
		want    []int
	}{
		{"three by default", nil, same, []int{3, 3, 3}},
		{"none", new(0), same, []int{0, 0, 0}},
		{"one", new(1), same, []int{1, 1, 1}},
		{"another count each time", nil, other, []int{3, 3, 3}},
		{"a pause is no repair", nil, paused, []int{0, 3, 3}},
		{"with a floor that a person holds", nil, func(_ int, in *taskcount.Input) {
			override(spec.HoldAt, 12)(in)
			in.Overrides[0].Until = noon.Add(24 * time.Hour)
		}, []int{3, 3, 3}},
	} {
		if diff := cmp.Diff(tt.want, fight(t, tt.repairs, tt.edit)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	most := history.MaxSightings - 1 // more are not sure to be remembered
	for _, n := range []int{most, most + 1, 60} {
		if diff := cmp.Diff([]int{most, most, most}, fight(t, &n, other)); diff != "" {
			t.Errorf("%d repairs an hour (-want +got):\n%s", n, diff)
		}
	}
	for m, per := range fight(t, nil, above) {
		if per > 3 || per == 0 {
			t.Errorf("hour %d: lifted %d times between counts above the floor", m, per)
		}
	}
}

// Demand is no repair: what the policies ask for goes on after the last one.
func TestDemandGoesOnAfterTheLastRepair(t *testing.T) {
	t.Parallel()
	check(t, func() taskcount.Input {
		in := acting(left(20))
		in.Policy.RepairsPerHour = new(0)
		return in
	}, []guardCase{
		{"nothing is wanted", bounds(15, 60), 10, history.ForeignWriter},
		{"less is wanted", all(bounds(15, 60), func(in *taskcount.Input) { in.Signals = cpu(10, 0, repeat(20, 20)...) }), 10, history.ForeignWriter},
		{"some more, below the floor", all(bounds(15, 60), func(in *taskcount.Input) { in.Signals = cpu(10, 0, 72) }), 12, history.TargetTracking},
		{"more than the floor", all(bounds(15, 60), func(in *taskcount.Input) { in.Signals = cpu(10, 0, 120) }), 20, history.TargetTracking},
		{"more than the floor, and a rate below it", all(bounds(15, 60), func(in *taskcount.Input) {
			in.Signals, in.Policy.ScaleOut.RateLimits = cpu(10, 0, 120), limits(tasks(3, time.Minute))
		}), 13, history.ScaleOutRateLimit},
		{"no data", all(bounds(15, 60), blind), 10, history.ForeignWriter},
		{"at the floor there is nothing to repair", bounds(10, 60), 10, history.AlreadyAtDesiredCapacity},
		{"where repairs are left", all(bounds(15, 60), func(in *taskcount.Input) { in.Policy.RepairsPerHour = new(1) }), 15, history.MinCapacity},
		{"a floor that was raised over our own count is no repair", all(bounds(15, 60), func(in *taskcount.Input) { in.History = left(10) }), 15, history.MinCapacity},
	})
}

// A small step below the floor, which the policies asked for, does not make the
// count ours; a repair does, and so does an hour.
func TestWhoseCountBelowTheFloorItIs(t *testing.T) {
	t.Parallel()
	seen := func(repaired time.Time) history.History {
		return left(20).Sighted(history.Sighting{At: noon.Add(-2 * time.Hour), Expected: 20, Found: 5, Repaired: repaired})
	}
	followed := func(d time.Duration, h history.History) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.History = h.With(ago(d, 5, 10), nil) }
	}
	check(t, func() taskcount.Input {
		in := acting(history.History{})
		in.Policy.MinCapacity, in.Policy.RepairsPerHour = 15, new(0)
		return in
	}, []guardCase{
		{"after a small step", followed(time.Minute, seen(time.Time{})), 10, history.ForeignWriter},
		{"a nanosecond before the hour is over", followed(time.Hour-1, seen(time.Time{})), 10, history.ForeignWriter},
		{"an hour after it", followed(time.Hour, seen(time.Time{})), 15, history.MinCapacity},
		{"after a repair, when the floor was raised", followed(time.Minute, seen(noon.Add(-time.Minute))), 15, history.MinCapacity},
		{"hours after the sighting, with no order since", func(in *taskcount.Input) {
			in.History = left(20).Sighted(history.Sighting{At: noon.Add(-50 * time.Minute), Expected: 20, Found: 10})
		}, 10, history.ForeignWriter},
	})
	in := acting(left(20))
	in.Policy.MinCapacity, in.Policy.RepairsPerHour = 15, new(0)
	n := 0
	for _, c := range decide(noon, in).Clauses {
		if strings.HasSuffix(c.Because, "find the other writer") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the last word of the repairs is said %d times", n)
	}
}

func TestHoursAreLearnt(t *testing.T) {
	t.Parallel()
	in := acting(history.History{})
	in.Policy.ScaleIn.HistoryFloor = nil
	_, m := taskcount.Decide(noon, in)
	if low, ok := m.History.Hours.Lowest(noon.Add(7 * 24 * time.Hour)); !m.Worth || !ok || low != 10 {
		t.Errorf("worth %t, lowest %d, %t", m.Worth, low, ok)
	}
	in.History = m.History
	if _, again := taskcount.Decide(noon.Add(time.Minute), in); again.Worth {
		t.Error("the same hour with the same count is worth a write")
	}
	if _, next := taskcount.Decide(noon.Add(time.Hour), in); !next.Worth {
		t.Error("the next hour is not worth a write")
	}
	in.Policy.ScaleIn.HistoryFloor, in.History = new(spec.Percent(0)), history.History{}
	if _, none := taskcount.Decide(noon, in); none.Worth || len(none.History.Hours.Lows) != 0 {
		t.Error("without a floor hours are learnt")
	}
}

// A no-op charges nothing: what a hold remembers holds no order and no mark.
func TestAHoldRemembersNoOrder(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*taskcount.Input){
		"steady": func(*taskcount.Input) {}, "blind": blind, "paused": override(spec.Pause, 0), "at the ceiling": bounds(1, 10), "foreign": func(in *taskcount.Input) { in.History = left(20) },
	} {
		in := acting(left(10))
		edit(&in)
		got, m := taskcount.Decide(noon, in)
		if got.Direction != history.Hold || got.Marks != nil || !cmp.Equal(in.History.Orders, m.History.Orders) || !cmp.Equal(in.History.Marks, m.History.Marks) {
			t.Errorf("%s: %s with marks %v, orders %v", name, got.Direction, got.Marks, m.History.Orders)
		}
	}
}

// zero gives a service that may sleep, at one task, whose minutes need the given
// tasks.
func zero(n ...float64) taskcount.Input {
	in := acting(left(1))
	in.Base, in.Service.Desired, in.Service.Running, in.Policy.MinCapacity = 1, 1, 1, 0
	in.Policy.Policies, in.Signals = []spec.Policy{{TargetTracking: total()}}, signal.Set{needs(n...)}
	return in
}

func TestIdlenessIsRememberedFromTheFirstLook(t *testing.T) {
	t.Parallel()
	in := zero(repeat(0, 20)...)
	_, m := taskcount.Decide(noon, in)
	if !m.Worth || !m.History.IdleSince.Equal(noon) {
		t.Fatalf("first look: worth %t, since %s", m.Worth, m.History.IdleSince)
	}
	in.History = m.History
	got, m := taskcount.Decide(noon.Add(time.Minute), in)
	if m.Worth || !m.History.IdleSince.Equal(noon) || got.Desired != 1 {
		t.Errorf("second look: %d, worth %t, since %s", got.Desired, m.Worth, m.History.IdleSince)
	}
	in.Signals = signal.Set{needs(append(repeat(0, 19), 1)...)}
	if _, m = taskcount.Decide(noon.Add(time.Minute), in); !m.Worth || !m.History.IdleSince.IsZero() {
		t.Errorf("busy again: worth %t, since %s", m.Worth, m.History.IdleSince)
	}
	in.History = m.History
	if _, m = taskcount.Decide(noon.Add(2*time.Minute), in); m.Worth {
		t.Error("busy still is worth a write")
	}
	in = zero(repeat(0, 20)...)
	in.Base, in.Service.Desired, in.Service.Running = 0, 0, 0
	if _, m = taskcount.Decide(noon, in); !m.History.IdleSince.IsZero() {
		t.Error("at zero tasks idleness is remembered")
	}
}

func TestARateIsWorthAWriteEveryQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	b := &spec.Backlog{Queue: "jobs", AcceptableLatency: minute}
	src := b.CloudWatch()
	// Every minute begins and ends with 100 messages, and 10 tasks delete 600.
	series := func(m signal.Metric, v float64) signal.Series {
		s := signal.Series{Metric: m, Status: signal.Complete}
		for i := range 30 {
			s.Points = append(s.Points, signal.Point{Start: noon.Add(-time.Duration(i+1) * time.Minute), Value: signal.Value(v)})
		}
		return s
	}
	in := acting(left(10))
	in.Policy.Policies = []spec.Policy{{Backlog: b}}
	in.Signals = signal.Set{
		series(src.Backlog, 100), series(src.Arrivals, 600), series(*src.Completions, 600),
		series(spec.ServiceMetric(key, "CPUUtilization", "SampleCount"), 10),
	}
	_, m := taskcount.Decide(noon, in)
	newest := noon.Add(-4 * time.Minute) // the newest that has settled
	r, ok := m.History.Rate(src.Backlog.Key())
	if !m.Worth || !ok || r.PerTask != 1 || !r.At.Equal(newest) {
		t.Fatalf("worth %t, rate %+v", m.Worth, r)
	}
	for _, tt := range []struct {
		since time.Duration
		worth bool
	}{{0, false}, {time.Minute, false}, {14 * time.Minute, false}, {15 * time.Minute, true}} {
		old := r
		old.At = newest.Add(-tt.since)
		in.History = left(10).WithRate(old)
		_, again := taskcount.Decide(noon, in)
		if got, _ := again.History.Rate(r.Policy); again.Worth != tt.worth || !got.At.Equal(newest) {
			t.Errorf("%s later: worth %t, want %t, learnt to %s", tt.since, again.Worth, tt.worth, got.At)
		}
	}
}

// What a policy that is blind at zero tasks wants while the service sleeps was
// left of its last task: it does not start it again.
func TestTheLastDatapointsDoNotWakeASleeper(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := zero(repeat(0, 20)...)
		in.Base, in.Service.Desired, in.Service.Running = 0, 0, 0
		cpu1 := cpuPolicy(60)
		cpu1.OnMissingData = &spec.OnMissing{AtLeast: 4}
		in.Policy.Policies = append(in.Policy.Policies, cpu1)
		in.Signals = append(in.Signals, cpu(1, 0, 1, 1, 1)...)
		return in
	}
	check(t, start, []guardCase{
		{"a CPU of 1 %", func(*taskcount.Input) {}, 0, history.AlreadyAtDesiredCapacity},
		{"no CPU any more, and onMissingData", func(in *taskcount.Input) { in.Signals = signal.Set{needs(0, 0, 0)} }, 0, history.MissingData},
		{"work", func(in *taskcount.Input) { in.Signals[0] = needs(0, 0, 2.5) }, 3, history.TargetTracking},
		{"a floor above zero is for everybody", func(in *taskcount.Input) {
			in.Policy.MinCapacity, in.Signals = 1, append(signal.Set{needs(0, 0, 0)}, cpu(1, 0, 90)...)
		}, 2, history.TargetTracking},
	})
}

// Whoever starts the first task, the cool-off begins anew with it.
func TestTheCoolOffBeginsWithTheFirstTask(t *testing.T) {
	t.Parallel()
	in := zero(repeat(0, 20)...)
	in.History.IdleSince = noon.Add(-time.Hour)
	got, m := taskcount.Decide(noon, in)
	if got.Desired != 0 {
		t.Fatalf("idle for an hour: got %d (%s)", got.Desired, got.Because)
	}
	after := m.After(history.Order{At: noon, From: 1, To: 0}, got.Marks)
	if !after.IdleSince.IsZero() {
		t.Errorf("asleep since the order, idle since %s", after.IdleSince)
	}
	in.Base, in.Service.Desired, in.Service.Running = 0, 0, 0 // somebody else stopped it
	if _, m = taskcount.Decide(noon, in); !m.Worth || !m.History.IdleSince.IsZero() {
		t.Errorf("worth %t, idle since %s at zero tasks", m.Worth, m.History.IdleSince)
	}
}
