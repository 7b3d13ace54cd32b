package queueing_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// At a central queue with exponential service the demand is that of the formula, by trying
// one number after the other.
func TestDemandIsTheFewestByTheFormula(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, time.Second, 5 * time.Second} {
		m := queueing.Model{Exponential: true, Central: true, Limit: limit}
		demands := m.Demands()
		// Within 200 ms not even idle tasks have 95 % of the answers.
		allowed := max(queueing.MaxSlow, queueing.MMnResponse(1, 0, limit.Seconds()/0.1)+queueing.MaxSlow/2)
		for load := 0.013; load < 120; load *= 1.07 {
			want := int(load) + 1
			for queueing.MMnResponse(want, load, limit.Seconds()/0.1) > allowed {
				want++
			}
			if got := m.Demand(load); got != want || demands(load) != want {
				t.Errorf("demand of %g Erlangs with a limit of %s is %d and %d, want %d", load, limit, got, demands(load), want)
			}
		}
	}
}

// On as many tasks as the demand is the fluid has at most 5 % slow, and on one less more.
func TestDemandIsEnoughForTheFluid(t *testing.T) {
	t.Parallel()
	for _, m := range []queueing.Model{{}, {CV2: 0.5}, {CV2: -1}, {CV2: 4, Limit: 3 * time.Second}, {Mean: 20 * time.Millisecond}, {Central: true}} {
		for _, load := range []float64{0.3, 1, 3.7, 16, 40, 160} {
			n := m.Demand(load)
			m.Patience = -1
			slow := func(tasks int) float64 {
				r := fluid(m).pass(20_000, load, tasks) // long enough to be stationary
				before, arrived := r.Slow, r.Arrived
				r.pass(10, load, tasks)
				return (r.Slow - before) / (r.Arrived - arrived)
			}
			if got := slow(n); got > queueing.MaxSlow*1.01 {
				t.Errorf("%+v: %g Erlangs on %d tasks have %.4f slow", m, load, n, got)
			}
			if float64(n-1) <= load {
				continue // overload
			}
			if got := slow(n - 1); got < queueing.MaxSlow*0.99 {
				t.Errorf("%+v: %g Erlangs on one of %d tasks less have only %.4f slow", m, load, n, got)
			}
		}
	}
}

func TestDemandIsMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := queueing.Model{
			Mean:  time.Duration(rapid.IntRange(1, 2000).Draw(t, "mean")) * time.Millisecond,
			CV2:   rapid.Float64Range(-1, 5).Draw(t, "cv2"),
			Limit: time.Duration(rapid.IntRange(1, 5000).Draw(t, "limit")) * time.Millisecond, Central: rapid.Bool().Draw(t, "central"),
		}
		low := rapid.Float64Range(0, 60).Draw(t, "load")
		high := low + rapid.Float64Range(0, 5).Draw(t, "more")
		a, b := m.Demand(low), m.Demand(high)
		if a > b || float64(a) < low || low > 0 && a < 1 {
			t.Fatalf("%+v: %g Erlangs need %d tasks and %g need %d", m, low, a, high, b)
		}
		demands := m.Demands()
		if x, y := demands(high), demands(low); x != b || y != a {
			t.Fatalf("%+v: the table says %d and %d, want %d and %d", m, y, x, a, b)
		}
	})
}

func TestNoLoadNeedsNoTask(t *testing.T) {
	t.Parallel()
	m := queueing.Model{}
	for _, load := range []float64{0, -1} {
		if m.Demand(load) != 0 || m.Demands()(load) != 0 {
			t.Errorf("a load of %g needs %d tasks", load, m.Demand(load))
		}
	}
	if got := m.Demand(1e-9); got != 1 {
		t.Errorf("next to no load needs %d tasks, want 1", got)
	}
}

func BenchmarkDemand(b *testing.B) {
	for b.Loop() {
		queueing.Model{}.Demand(17)
	}
}

func BenchmarkDemands(b *testing.B) {
	demand := queueing.Model{}.Demands()
	for b.Loop() {
		demand(17)
	}
}
