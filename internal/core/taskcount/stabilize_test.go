package taskcount_test

import (
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// asks gives an input of 10 tasks whose minutes, oldest first, need the given
// tasks; the newest one has settled.
func asks(n ...float64) taskcount.Input {
	averages := make([]float64, 0, len(n))
	for _, v := range n {
		averages = append(averages, 6*v)
	}
	return on(fleet.EC2, input(10, cpu(10, 3*time.Minute, averages...)))
}

// The worked examples of the HPA's design on stabilization windows
// (kubernetes/enhancements, sig-autoscaling/853, stories 5 and 6). Its second
// example counts both ends of 300 s, six recommendations a minute apart, which
// are 6 minutes of datapoints here.
func TestHPAExamplesOfStabilization(t *testing.T) {
	t.Parallel()
	p := bare()
	p.ScaleIn.StabilizationWindow, p.ScaleIn.RateLimits = new(spec.Duration(10*time.Minute)), limits(tasks(5, time.Minute))
	in := asks(10, 9, 8, 9, 9, 8, 9, 8, 9, 8)
	in.Policy = p
	if got := decide(noon, in); got.Desired != 10 {
		t.Errorf("story 5, 10th minute: got %d (%s), want 10", got.Desired, got.Because)
	}
	in = asks(10, 9, 8, 9, 9, 8, 9, 8, 9, 8, 7)
	in.Policy = p
	if got := decide(noon, in); got.Desired != 9 || got.Reason != history.StabilizationWindow {
		t.Errorf("story 5, 11th minute: got %d (%s), want 9", got.Desired, got.Because)
	}
	p = bare()
	p.ScaleOut.StabilizationWindow, p.ScaleOut.RateLimits = new(spec.Duration(6*time.Minute)), limits(tasks(20, time.Minute))
	of2 := func(n ...float64) taskcount.Input {
		averages := make([]float64, 0, len(n))
		for _, v := range n {
			averages = append(averages, 30*v)
		}
		in := on(fleet.EC2, input(2, cpu(2, 0, averages...)))
		in.Policy = p
		return in
	}
	if got := decide(noon, of2(2, 3, 19, 10, 3, 4)); got.Desired != 2 {
		t.Errorf("story 6, 6th minute: got %d (%s), want 2", got.Desired, got.Because)
	}
	if got := decide(noon, of2(2, 3, 19, 10, 3, 4, 7)); got.Desired != 3 || got.Reason != history.StabilizationWindow {
		t.Errorf("story 6, 7th minute: got %d (%s), want 3", got.Desired, got.Because)
	}
}

func TestWindowsAtTheirEdges(t *testing.T) {
	t.Parallel()
	window := func(in taskcount.Input, out, sc time.Duration) taskcount.Input {
		in.Policy.ScaleOut.StabilizationWindow, in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(out)), new(spec.Duration(sc))
		return in
	}
	in := func(n ...float64) func(*taskcount.Input) {
		return func(i *taskcount.Input) { *i = window(asks(n...), 0, 3*time.Minute) }
	}
	out := func(w time.Duration, n ...float64) func(*taskcount.Input) {
		return func(i *taskcount.Input) { *i = window(asks(n...), w, 0) }
	}
	check(t, falls, []guardCase{
		{"in: the oldest of three minutes counts", in(7.5, 3.7, 3.7), 8, history.StabilizationWindow},
		{"in: a fourth does not", in(7.5, 3.7, 3.7, 3.7), 4, history.TargetTracking},
		{"in: the oldest wants none", in(10, 4, 4), 10, history.StabilizationWindow},
		{"in: the oldest wants more", in(20, 4, 4), 10, history.StabilizationWindow},
		{"in: one is missing", in(4, 4), 10, history.MissingData},
		{"in: no window needs the newest alone", func(i *taskcount.Input) { *i = window(asks(9, 3.7), 0, 0) }, 4, history.TargetTracking},
		{"out: the oldest of three minutes counts", out(3*time.Minute, 12, 20, 20), 12, history.StabilizationWindow},
		{"out: a fourth does not", out(3*time.Minute, 12, 20, 20, 20), 20, history.TargetTracking},
		{"out: the oldest wants none", out(3*time.Minute, 10, 20, 20), 10, history.StabilizationWindow},
		{"out: the oldest wants fewer", out(3*time.Minute, 4, 20, 20), 10, history.StabilizationWindow},
		{"out: no window is the newest alone", out(0, 12, 20), 20, history.TargetTracking},
		{"out: from zero there is no window", func(i *taskcount.Input) {
			*i = window(input(0, cpu(1, 0, 60, 60, 120)), 3*time.Minute, 0)
			i.Service.Compute = fleet.EC2
		}, 2, history.TargetTracking},
	})
}

// Of several policies that want more, the window of each is looked at by itself.
func TestOutWindowOfEachPolicy(t *testing.T) {
	t.Parallel()
	in := asks(12, 20, 20)
	in.Policy.ScaleOut.StabilizationWindow = new(spec.Duration(3 * time.Minute))
	in.Policy.Policies = append(in.Policy.Policies, spec.Policy{TargetTracking: total()})
	in.Signals = append(in.Signals, needs(15, 15, 15))
	if got := decide(noon, in); got.Desired != 15 || got.Reason != history.StabilizationWindow {
		t.Errorf("got %d (%s), want 15", got.Desired, got.Because)
	}
}

func TestFlapGuardAtTheThreshold(t *testing.T) {
	t.Parallel()
	// A scale-in to n must leave each task at or below (1+out)(1-in) of its target.
	for _, tt := range []struct {
		name    string
		out, in float64
		need    float64
		want    int
	}{
		{"0.945 of 9 tasks is 8.505", 0.05, 0.10, 8.505, 9},
		{"a hair more", 0.05, 0.10, 8.506, 10},
		{"no tolerance: all of the target", 0, 0, 8, 8},
		{"a wide one in: half of the target", 0, 0.5, 4, 8},
		{"a hair more than half", 0, 0.5, 4.01, 9},
		{"a wide one out lets more go: 1.2 x 0.9 of 8", 0.2, 0.1, 8.64, 9},
	} {
		in := asks(repeat(tt.need, 20)...)
		in.Policy.ScaleOut.Tolerance, in.Policy.ScaleIn.Tolerance = new(spec.Percent(tt.out)), new(spec.Percent(tt.in))
		if got := decide(noon, in); got.Desired != tt.want {
			t.Errorf("%s: got %d (%s: %s), want %d", tt.name, got.Desired, got.Reason, got.Because, tt.want)
		}
	}
}

// The guard looks at the highest need of the window, not at the newest.
func TestFlapGuardLooksAtTheWindow(t *testing.T) {
	t.Parallel()
	in := asks(append([]float64{7.6}, repeat(4, 14)...)...) // asks for 8, at which 7.6 are 95 %
	if got := decide(noon, in); got.Desired != 9 || got.Reason != history.AnticipatedFlapping {
		t.Errorf("got %d (%s: %s), want 9", got.Desired, got.Reason, got.Because)
	}
}

// Moving down to a lowered maximum is not the policies' wish: whether they want
// fewer, the same or more, the maximum is reached.
func TestFlapGuardDoesNotStandAboveTheMaximum(t *testing.T) {
	t.Parallel()
	for _, need := range []float64{2, 7, 9.4, 10, 15} {
		for _, orders := range [][]history.Order{nil, {ago(30*time.Minute, 8, 10)}} {
			in := asks(repeat(need, 70)...)
			in.Policy.MaxCapacity, in.History.Orders = 7, orders
			if got := decide(noon, in); got.Desired > 7 {
				t.Errorf("a need of %v, orders %v: got %d (%s: %s), want at most 7", need, orders, got.Desired, got.Reason, got.Because)
			}
		}
	}
}

func TestLookBackAfterAnOut(t *testing.T) {
	t.Parallel()
	// 10 tasks that need 7 now, and needed 9 at some minute of the hour.
	now := func(need float64, minutesAgo int, h history.History) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			n := repeat(need, 70)
			n[len(n)-minutesAgo] = 9
			*in = asks(n...)
			in.History = h
		}
	}
	at := func(minutesAgo int, h history.History) func(*taskcount.Input) { return now(7, minutesAgo, h) }
	out, sc := ordered(ago(2*time.Hour, 8, 10)), ordered(ago(2*time.Hour, 12, 10))
	check(t, falls, []guardCase{ // of 7, 94.5 % allow 8
		{"within the hour", at(60, out), 10, history.AnticipatedFlapping},
		{"a minute before it", at(61, out), 8, history.AnticipatedFlapping},
		{"within the window it binds by itself", at(15, out), 10, history.StabilizationWindow},
		{"a step past noise does not look back: 6 is less than 0.74 of 9", now(5, 60, out), 6, history.AnticipatedFlapping},
		{"one within it does: 7", now(6, 60, out), 10, history.AnticipatedFlapping},
		{"after a scale-in", at(60, sc), 8, history.AnticipatedFlapping},
		{"without an order", at(60, history.History{}), 8, history.AnticipatedFlapping},
		{"a window of an hour has looked already", all(at(61, out), func(in *taskcount.Input) {
			in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(time.Hour))
		}), 8, history.AnticipatedFlapping},
		{"a person's cap is not its matter", all(at(60, out), override(spec.MaxAt, 9)), 9, history.AnticipatedFlapping},
	})
}

func TestFlapBudget(t *testing.T) {
	t.Parallel()
	// pair is an out and the in that undid it, the given time ago.
	pair := func(d time.Duration) []history.Order {
		return []history.Order{ago(d+time.Second, 9, 10), ago(d, 10, 9)}
	}
	last := ago(2*time.Minute, 9, 10)
	with := func(budget *spec.FlapBudget, orders ...history.Order) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.ScaleIn.FlapBudget, in.History = budget, ordered(append(orders, last)...)
		}
	}
	one := &spec.FlapBudget{Reversals: 1}
	short := &spec.FlapBudget{Reversals: 1, Period: spec.Duration(10 * time.Minute)}
	check(t, falls, []guardCase{
		{"the default is 2 an hour: one is left", with(nil, pair(30*time.Minute)...), 4, history.TargetTracking},
		{"two are used", with(nil, slices.Concat(pair(40*time.Minute), pair(30*time.Minute))...), 10, history.FlapBudget},
		{"the older one an hour ago is past", with(nil, slices.Concat(pair(time.Hour), pair(30*time.Minute))...), 4, history.TargetTracking},
		{"a nanosecond later it counts", with(nil, slices.Concat(pair(time.Hour-1), pair(30*time.Minute))...), 10, history.FlapBudget},
		{"a budget of one", with(one, pair(30*time.Minute)...), 10, history.FlapBudget},
		{"a period of its own", with(short, pair(10*time.Minute)...), 4, history.TargetTracking},
		{"within it", with(short, pair(10*time.Minute-1)...), 10, history.FlapBudget},
		{"a second in a row undoes nothing", func(in *taskcount.Input) {
			in.Policy.ScaleIn.FlapBudget, in.History = one, ordered(slices.Concat(pair(30*time.Minute), []history.Order{ago(20*time.Minute, 12, 10)})...)
		}, 4, history.TargetTracking},
		{"an out is never stopped", all(with(one, pair(30*time.Minute)...), func(in *taskcount.Input) { in.Signals = cpu(10, 0, 90) }), 15, history.TargetTracking},
		{"a person is never stopped", all(with(one, pair(30*time.Minute)...), override(spec.HoldAt, 5)), 5, history.HoldOverride},
		{"no order", func(in *taskcount.Input) { in.Policy.ScaleIn.FlapBudget = one }, 4, history.TargetTracking},
	})
}
