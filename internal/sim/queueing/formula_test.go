package queueing_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within*math.Abs(want)) {
		t.Errorf("%s is %g, want %g within %g of it", what, got, want, within)
	}
}

// Ten lines with 8 Erlangs block 12.2 % by Erlang's tables, and let 40.9 % wait.
func TestErlang(t *testing.T) {
	t.Parallel()
	near(t, "B(10, 8)", queueing.ErlangB(10, 8), 0.12166, 1e-4)
	near(t, "C(10, 8)", queueing.ErlangC(10, 8), 0.40918, 1e-4)
	for _, a := range []float64{0.1, 0.5, 0.99} {
		near(t, "B of one", queueing.ErlangB(1, a), a/(1+a), 1e-12)
		near(t, "C of one", queueing.ErlangC(1, a), a, 1e-12)
	}
	// By the definition: a^n/n! over the sum of a^k/k!.
	sum, term := 1.0, 1.0
	for k := 1; k <= 30; k++ {
		term *= 25 / float64(k)
		sum += term
	}
	near(t, "B(30, 25)", queueing.ErlangB(30, 25), term/sum, 1e-12)
}

func TestMMn(t *testing.T) {
	t.Parallel()
	// One server: the response is exponential with rate 1-a.
	for _, x := range []float64{0.01, 1, 7} {
		near(t, "response of M/M/1", queueing.MMnResponse(1, 0.8, x), math.Exp(-0.2*x), 1e-9)
		near(t, "wait of M/M/1", queueing.MMnWait(1, 0.8, x), 0.8*math.Exp(-0.2*x), 1e-9)
		// n-a = 1 is where the formula divides zero by zero.
		at, beside := queueing.MMnResponse(5, 4, x), queueing.MMnResponse(5, 4+1e-7, x)
		near(t, "response at n-a = 1", at, beside, 1e-5)
		near(t, "response at n-a = 1", at, math.Exp(-x)*(1+queueing.ErlangC(5, 4)*x), 1e-9)
	}
	near(t, "p95 of M/M/1", queueing.MMnQuantile(1, 0.8, 0.95), math.Log(20)/0.2, 1e-6)
	near(t, "p95 without load", queueing.MMnQuantile(50, 0, 0.95), math.Log(20), 1e-6)
	if !math.IsInf(queueing.MMnQuantile(2, 2, 0.95), 1) || queueing.MMnResponse(2, 3, 9) != 1 || queueing.MMnWait(2, 2, 9) != 1 {
		t.Error("with too much load an answer takes for ever")
	}
}

func TestQuantileIsTheInverseOfTheTail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		a := float64(n) * rapid.Float64Range(0, 0.99).Draw(t, "load")
		q := rapid.Float64Range(0.01, 0.999).Draw(t, "q")
		if got := 1 - queueing.MMnResponse(n, a, queueing.MMnQuantile(n, a, q)); math.Abs(got-q) > 1e-6 {
			t.Fatalf("P(response < quantile %g of M/M/%d at %g) is %g", q, n, a, got)
		}
	})
}

func TestGGn(t *testing.T) {
	t.Parallel()
	// Pollaczek and Khinchine, M/G/1.
	near(t, "wait of M/G/1", queueing.AllenCunneen(1, 0.7, 1, 4), 0.7/0.3*2.5, 1e-12)
	near(t, "wait of M/D/1", queueing.AllenCunneen(1, 0.7, 1, 0), 0.7/0.3/2, 1e-12)
	near(t, "wait of M/M/5", queueing.AllenCunneen(5, 4, 1, 1), queueing.ErlangC(5, 4), 1e-12)
	if !math.IsInf(queueing.AllenCunneen(2, 2, 1, 1), 1) {
		t.Error("with too much load the wait has no mean")
	}
	// The mean wait is the integral of the tail.
	sum := 0.0
	for x := 0.0005; x < 200; x += 0.001 {
		sum += 0.001 * queueing.GGnWait(5, 4, 0.5, 2, x)
	}
	near(t, "integral of the tail", sum, queueing.AllenCunneen(5, 4, 0.5, 2), 1e-4)
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	if got := queueing.Backlog(2, 3, 10, 5); got != 15 {
		t.Errorf("after 5 s a backlog of 10 with one task too few is %g, want 15", got)
	}
	if got := queueing.Backlog(4, 3, 10, 20); got != 0 {
		t.Errorf("after 20 s a backlog of 10 with one task too many is %g, want 0", got)
	}
}
