package taskcount_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// bare is a policy of CPU at 60 % without tolerance, windows, cooldowns and
// budgets: what is left are the rate limits under test.
func bare() spec.Service {
	p := service()
	p.MinCapacity, p.MaxCapacity = 1, 5000
	p.ScaleOut.Tolerance, p.ScaleIn.Tolerance = new(spec.Percent(0)), new(spec.Percent(0))
	p.ScaleIn.Cooldown, p.ScaleIn.StabilizationWindow = new(spec.Duration(0)), new(spec.Duration(0))
	return p
}

// drive evaluates every minute a service whose every minute needs the given
// tasks, carries out what is ordered, and gives the counts.
func drive(p spec.Service, count int, needs []float64) []int {
	counts := []int{count}
	var h history.History
	var averages []float64
	for m, need := range needs {
		now := noon.Add(time.Duration(m) * time.Minute)
		averages = append(averages, need*60)
		if m == 0 {
			averages = append(averages, averages...) // a minute before the first
		}
		in := on(fleet.EC2, input(count, cpu(1, noon.Sub(now), averages...)))
		in.Policy, in.History = p, h
		got, memory := taskcount.Decide(now, in)
		h = memory.History
		if got.Direction != history.Hold {
			h = memory.After(history.Order{At: now, From: count, To: got.Desired}, got.Marks)
		}
		count = got.Desired
		counts = append(counts, count)
	}
	return counts
}

func limits(ls ...spec.RateLimit) []spec.RateLimit { return ls }

func tasks(n int, period time.Duration) spec.RateLimit {
	return spec.RateLimit{Tasks: n, Period: spec.Duration(period)}
}

func percent(v float64, period time.Duration) spec.RateLimit {
	return spec.RateLimit{Percent: v, Period: spec.Duration(period)}
}

// The worked examples of the Kubernetes documentation on HPA behaviour
// (kubernetes/website, tasks/run-application/horizontal-pod-autoscale.md,
// "Scaling policies" and "Example: limit scale down rate") and of its design
// (kubernetes/enhancements, sig-autoscaling/853, stories 1 to 3 and its defaults).
func TestHPAExamplesOfRates(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	tests := []struct {
		name    string
		out, in []spec.RateLimit
		selects spec.Select
		from    int
		need    float64
		want    []int
	}{
		{
			"4 pods or 10 %, the most permissive: from 80 to 10, percent rounded up, pods from 40 on", nil, limits(tasks(4, m), percent(10, m)), "", 80, 10,
			[]int{80, 72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10, 10},
		},
		{
			"10 % a minute alone", nil, limits(percent(10, m)), "", 80, 10,
			[]int{80, 72, 64, 57, 51, 45, 40, 36, 32, 28, 25, 22, 19, 17, 15, 13, 11, 10, 10},
		},
		{
			"10 % or 5 pods, the least permissive", nil, limits(percent(10, m), tasks(5, m)), spec.SelectMin, 80, 10,
			[]int{80, 75, 70, 65, 60, 55, 50, 45, 40, 36, 32, 28, 25, 22, 19, 17, 15, 13, 11, 10, 10},
		},
		{"story 1: 900 % a minute", limits(percent(900, m)), nil, "", 1, 5000, []int{1, 10, 100, 1000, 5000}},
		{"story 2: one pod in ten minutes", nil, limits(tasks(1, 10*m)), "", 1000, 10, append([]int{1000}, append(slices.Repeat([]int{999}, 10), 998)...)},
		{"story 3: one pod in five minutes", limits(tasks(1, 5*m)), nil, "", 1, 9, append(append([]int{1}, slices.Repeat([]int{2}, 5)...), append(slices.Repeat([]int{3}, 5), 4)...)},
		{"the default: 4 pods or 100 %, the most permissive", limits(percent(100, m), tasks(4, m)), nil, spec.SelectMax, 1, 100, []int{1, 5, 10, 20, 40, 80, 100, 100}},
		{"the same, the least permissive", limits(percent(100, m), tasks(4, m)), nil, spec.SelectMin, 1, 100, []int{1, 2, 4, 8, 12, 16}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := bare()
			p.ScaleOut.SelectPolicy, p.ScaleIn.SelectPolicy = tt.selects, tt.selects
			if tt.out != nil {
				p.ScaleOut.RateLimits = tt.out
			} else {
				p.ScaleIn.RateLimits = tt.in
			}
			if got := drive(p, tt.from, slices.Repeat([]float64{tt.need}, len(tt.want)-1)); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Several limits with periods of their own: each looks at its own window.
func TestSeveralPeriods(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	p := bare()
	p.ScaleOut.RateLimits, p.ScaleOut.SelectPolicy = limits(tasks(10, m), tasks(25, 5*m)), spec.SelectMin
	if got, want := drive(p, 10, slices.Repeat([]float64{100}, 8)), []int{10, 20, 30, 35, 35, 35, 45, 55, 60}; !slices.Equal(got, want) {
		t.Errorf("Min: got %v, want %v", got, want)
	}
	p.ScaleOut.SelectPolicy = spec.SelectMax
	if got, want := drive(p, 10, slices.Repeat([]float64{100}, 4)), []int{10, 35, 45, 55, 65}; !slices.Equal(got, want) {
		t.Errorf("Max: got %v, want %v", got, want)
	}
}

// The start of a window is the count less what was ordered in it, as in the HPA:
// what was added and removed meanwhile counts against each other.
func TestRateLimitsAtTheEdgesOfTheirWindow(t *testing.T) {
	t.Parallel()
	out := func(l spec.RateLimit, orders ...history.Order) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.ScaleOut.RateLimits, in.History = limits(l), ordered(orders...)
		}
	}
	in := func(l spec.RateLimit, orders ...history.Order) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Signals = cpu(10, 0, repeat(20, 20)...)
			in.Policy.ScaleIn.Cooldown = new(spec.Duration(0))
			in.Policy.ScaleIn.RateLimits, in.History = limits(l), ordered(orders...)
		}
	}
	const m = time.Minute
	check(t, rises, []guardCase{ // 10 tasks that need 15, or 4 by in
		{"nothing ordered: all of it", out(tasks(3, m)), 13, history.ScaleOutRateLimit},
		{"exactly what is needed", out(tasks(5, m)), 15, history.TargetTracking},
		{"one too few", out(tasks(4, m)), 14, history.ScaleOutRateLimit},
		{"an order at the edge is out of the window", out(tasks(3, m), ago(m, 8, 10)), 13, history.ScaleOutRateLimit},
		{"a nanosecond later it is in", out(tasks(3, m), ago(m-1, 8, 10)), 11, history.ScaleOutRateLimit},
		{"all used", out(tasks(2, m), ago(m-1, 8, 10)), 10, history.ScaleOutRateLimit},
		{"more than all used takes nothing back", out(tasks(1, m), ago(m-1, 5, 10)), 10, history.ScaleOutRateLimit},
		{"what was removed may come back", func(in *taskcount.Input) {
			out(tasks(3, m), ago(m-1, 12, 10))(in)
			in.Service.Running = 12 // two are still stopping
		}, 15, history.TargetTracking},
		{"an order of a clock that is ahead", out(tasks(3, m), ago(-time.Hour, 8, 10)), 11, history.ScaleOutRateLimit},
		{"percent are of the count at the start: 25 % of 8", out(percent(25, m), ago(m-1, 8, 10)), 10, history.ScaleOutRateLimit},
		{"rounded up: 25.1 % of 8", out(percent(25.1, m), ago(m-1, 8, 10)), 11, history.ScaleOutRateLimit},
		{"at least one", out(percent(0.001, m)), 11, history.ScaleOutRateLimit},
		{"of nothing too", func(in *taskcount.Input) {
			*in = input(0, cpu(1, 0, 300))
			in.Service.Compute, in.Policy.ScaleOut.RateLimits = fleet.EC2, limits(percent(100, m))
		}, 2, history.MinCapacity},
		{"of nothing, without a floor", func(in *taskcount.Input) {
			*in = zero(5, 5)
			in.Base, in.Service.Desired, in.Service.Running, in.Policy.ScaleOut.RateLimits = 0, 0, 0, limits(percent(100, m))
		}, 1, history.ScaleOutRateLimit},
		{"in: nothing ordered", in(tasks(3, m)), 7, history.ScaleInRateLimit},
		{"in: exactly what is needed", in(tasks(6, m)), 4, history.TargetTracking},
		{"in: one too few", in(tasks(5, m)), 5, history.ScaleInRateLimit},
		{"in: at the edge", in(tasks(3, m), ago(m, 12, 10)), 7, history.ScaleInRateLimit},
		{"in: a nanosecond later", in(tasks(3, m), ago(m-1, 12, 10)), 9, history.ScaleInRateLimit},
		{"in: all used", in(tasks(2, m), ago(m-1, 12, 10)), 10, history.ScaleInRateLimit},
		{"in: more than all used puts nothing back", in(tasks(1, m), ago(m-1, 20, 10)), 10, history.ScaleInRateLimit},
		{"in: percent are of the count at the start: 30 % of 12 are 4, 2 are gone", in(percent(30, m), ago(m-1, 12, 10)), 8, history.ScaleInRateLimit},
		{"in: added and removed count against each other", in(tasks(3, m), ago(m-1, 12, 8), ago(m-2, 8, 10)), 9, history.ScaleInRateLimit},
		{"in: percent are rounded up: 41 % of 10 are 5", in(percent(41, m)), 5, history.ScaleInRateLimit},
		{"in: 40 % of 10 are 4", in(percent(40, m)), 6, history.ScaleInRateLimit},
	})
}

func TestRemovalBudgetAtItsEdges(t *testing.T) {
	t.Parallel()
	const q = 15 * time.Minute
	with := func(budget []spec.RateLimit, orders ...history.Order) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.ScaleIn.Cooldown = new(spec.Duration(0))
			in.Policy.ScaleIn.RemovalBudget, in.History = budget, ordered(orders...)
		}
	}
	and := func(f func(*taskcount.Input), more func(*taskcount.Input)) func(*taskcount.Input) {
		return func(in *taskcount.Input) { f(in); more(in) }
	}
	quarter := []spec.RateLimit{{Percent: 25, Period: spec.Duration(q)}}
	check(t, falls, []guardCase{ // 10 tasks that need 4
		{"the default is 50 % in 15 minutes: 5 of 10", with(nil), 5, history.RemovalBudget},
		{"exactly enough", with(limits(tasks(6, q))), 4, history.TargetTracking},
		{"one too few", with(limits(tasks(5, q))), 5, history.RemovalBudget},
		{"every one of several holds", with(limits(tasks(6, q), tasks(4, time.Minute), tasks(5, time.Hour))), 6, history.RemovalBudget},
		{"at the edge a removal is past", with(limits(tasks(3, q)), ago(q, 12, 10)), 7, history.RemovalBudget},
		{"a nanosecond later it counts", with(limits(tasks(3, q)), ago(q-1, 12, 10)), 9, history.RemovalBudget},
		{"all used", with(limits(tasks(2, q)), ago(q-1, 12, 10)), 10, history.RemovalBudget},
		{"more than all used puts nothing back", with(limits(tasks(1, q)), ago(q-1, 20, 10)), 10, history.RemovalBudget},
		{"what was added meanwhile gives nothing back", with(limits(tasks(3, q)), ago(q-1, 12, 9), ago(q-2, 9, 10)), 10, history.RemovalBudget},
		{"percent are of the count at the start: 25 % of 12, 2 are gone", with(quarter, ago(q-1, 12, 10)), 9, history.RemovalBudget},
		{"and not of what came since: 25 % of 2", with(quarter, ago(q-1, 2, 10)), 9, history.RemovalBudget},
		{"while a clock was ahead nothing goes", with(limits(tasks(3, q)), ago(-time.Hour, 12, 10)), 10, history.ScaleInCooldown},
		{"a clock that went back between two removals", with(limits(tasks(3, q)), ago(-time.Hour, 12, 11), ago(time.Minute, 11, 10)), 9, history.RemovalBudget},
		{"a person's hold obeys", and(with(quarter), func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 3, Until: noon.Add(1)}}
		}), 7, history.RemovalBudget},
		{"a person's max obeys", and(with(quarter), func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 0, Until: noon.Add(1)}}
		}), 7, history.RemovalBudget},
		{"a lowered maximum obeys", and(with(quarter), func(in *taskcount.Input) { in.Policy.MaxCapacity = 2 }), 7, history.RemovalBudget},
		{"a constraint obeys", and(with(quarter), func(in *taskcount.Input) {
			in.Policy.Constraints = []spec.Constraint{{Name: "pool", PerTask: 1, AtMost: 2}}
		}), 7, history.RemovalBudget},
		{"a spend cap obeys", and(with(quarter), func(in *taskcount.Input) { in.Policy.Spend = &spec.Spend{TaskHour: 1, AtMostPerHour: 2} }), 7, history.RemovalBudget},
		{"of 100 that a deploy tool set to 10, 25 % are 3", and(with(quarter), func(in *taskcount.Input) {
			in.Acting, in.History = true, ordered(ago(time.Hour, 90, 100))
			in.History = in.History.Sighted(history.Sighting{At: noon.Add(-time.Minute), Expected: 100, Found: 10})
		}), 7, history.RemovalBudget},
		{"of 2 that a person set to 10 a minute ago, 25 % are 1", and(with(quarter), func(in *taskcount.Input) {
			in.Acting, in.History = true, ordered(ago(time.Hour, 3, 2))
			in.History = in.History.Sighted(history.Sighting{At: noon.Add(-time.Minute), Expected: 2, Found: 10})
		}), 9, history.RemovalBudget},
	})
}

// Where orders of the window are forgotten nobody knows what was removed.
func TestNothingIsRemovedInAForgottenHour(t *testing.T) {
	t.Parallel()
	// Out and in by turns, one more than is kept, the last one an out.
	full := func(step time.Duration) history.History {
		var h history.History
		for i := range history.MaxOrders + 3 {
			o := history.Order{At: noon.Add(-time.Duration(history.MaxOrders+2-i)*step - time.Minute), From: 10, To: 11}
			if i%2 == 1 {
				o.From, o.To = 11, 10
			}
			h = h.With(o, nil)
		}
		return h
	}
	hour := limits(tasks(1000, time.Hour))
	for _, tt := range []struct {
		name   string
		rates  []spec.RateLimit
		budget []spec.RateLimit
		flaps  time.Duration
		step   time.Duration
		want   int
		reason string
	}{
		{"the budget's window", freeIn().RateLimits, hour, time.Minute, time.Minute, 10, history.RemovalBudget},
		{"the budget's window is whole", freeIn().RateLimits, hour, time.Minute, 2 * time.Minute, 4, history.TargetTracking},
		{"the rate's window", hour, freeIn().RemovalBudget, time.Minute, time.Minute, 10, history.ScaleInRateLimit},
		{"the rate's window is whole", hour, freeIn().RemovalBudget, time.Minute, 2 * time.Minute, 4, history.TargetTracking},
		{"one limit whose window is whole is enough for Max", append(limits(tasks(3, time.Minute)), hour...), freeIn().RemovalBudget, time.Minute, time.Minute, 7, history.ScaleInRateLimit},
		{"the flap budget's window", freeIn().RateLimits, freeIn().RemovalBudget, time.Hour, time.Minute, 10, history.FlapBudget},
		{"the flap budget's window is whole", freeIn().RateLimits, freeIn().RemovalBudget, time.Hour, 2 * time.Minute, 4, history.TargetTracking},
	} {
		in := falls()
		in.Policy.ScaleIn.Cooldown, in.History = new(spec.Duration(0)), full(tt.step)
		in.Policy.ScaleIn.RateLimits, in.Policy.ScaleIn.RemovalBudget = tt.rates, tt.budget
		in.Policy.ScaleIn.FlapBudget = &spec.FlapBudget{Reversals: 60, Period: spec.Duration(tt.flaps)}
		if got := decide(noon, in); got.Desired != tt.want || got.Reason != tt.reason {
			t.Errorf("%s: got %d (%s: %s), want %d (%s)", tt.name, got.Desired, got.Reason, got.Because, tt.want, tt.reason)
		}
	}
}

// A drop to one task in four steps a minute takes what the two defaults allow:
// 25 % a minute, and half in a quarter of an hour.
func ExampleDecide_removals() {
	p := bare()
	p.ScaleIn.RateLimits, p.ScaleIn.RemovalBudget = nil, nil
	fmt.Println(drive(p, 100, slices.Repeat([]float64{1}, 18)))
	// Output: [100 75 56 50 50 50 50 50 50 50 50 50 50 50 50 50 37 28 25]
}
