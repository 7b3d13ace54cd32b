package taskcount_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// flight is a concurrency policy on requests in flight every ten seconds, 10 to a
// task and all of that planned for.
func flight() spec.Concurrency {
	return spec.Concurrency{Metric: *ownMetric("InFlight", 10*time.Second), TargetPerTask: 10, TargetUtilization: new(spec.Percent(1))}
}

func flightSeries(c spec.Concurrency, lag time.Duration, values ...float64) signal.Series {
	return series(c.Metric.CloudWatch("Sum"), lag, values...)
}

// orders is a history of orders so many seconds before noon.
func orders(list ...[3]int) history.History {
	var h history.History
	for _, o := range list {
		h.Orders = append(h.Orders, history.Order{At: noon.Add(-time.Duration(o[0]) * time.Second), From: o[1], To: o[2]})
	}
	return h
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	set := func(change func(*spec.Concurrency)) spec.Concurrency {
		c := flight()
		change(&c)
		return c
	}
	longer := set(func(c *spec.Concurrency) { c.StableWindow = new(spec.Duration(2 * time.Minute)) })
	tests := []struct {
		name   string
		c      spec.Concurrency
		base   int
		h      history.History
		values []float64
		want   int
		panics bool
	}{
		{"the mean of a minute", flight(), 10, history.History{}, []float64{60, 140, 60, 140, 60, 140}, 10, false},
		{"past the tolerance", flight(), 10, history.History{}, []float64{106, 106, 106, 106, 106, 106}, 11, false},
		{"what is older than the window does not count", flight(), 10, history.History{}, append([]float64{180}, repeat(100, 6)...), 10, false},
		{"the default utilization of 70 %", set(func(c *spec.Concurrency) { c.TargetUtilization = nil }), 10, history.History{}, repeat(140, 6), 20, true},
		{"the default utilization, calm", set(func(c *spec.Concurrency) { c.TargetUtilization = nil }), 10, history.History{}, repeat(84, 6), 12, false},

		{"just below the threshold of twice the tasks", flight(), 10, history.History{}, append(repeat(100, 5), 190), 12, false},
		{"190.1 asks for 20 tasks, twice the 10 there are", flight(), 10, history.History{}, append(repeat(100, 5), 190.1), 20, true},
		{"a threshold of its own, just below", set(func(c *spec.Concurrency) { c.PanicThreshold = 3 }), 10, history.History{}, append(repeat(100, 5), 290), 14, false},
		{"a threshold of its own", set(func(c *spec.Concurrency) { c.PanicThreshold = 3 }), 10, history.History{}, append(repeat(100, 5), 291), 30, true},
		{"a panic window of its own damps", set(func(c *spec.Concurrency) { c.PanicWindow = new(spec.Duration(30 * time.Second)) }), 10, history.History{}, append(repeat(100, 5), 300), 14, false},

		{"it stays for a whole stable window", flight(), 10, history.History{}, append([]float64{200}, repeat(20, 6)...), 20, true},
		{"and ends after it", flight(), 10, history.History{}, append([]float64{200}, repeat(20, 7)...), 5, false},
		{"a second surge prolongs it", flight(), 10, history.History{}, append([]float64{200, 20, 20, 20, 210}, repeat(20, 6)...), 21, true},
		{"and it ends a stable window after that", flight(), 10, history.History{}, append([]float64{200, 20, 20, 20, 210}, repeat(20, 7)...), 5, false},
		{"a new panic does not know the old one", flight(), 10, history.History{}, append(append([]float64{300}, repeat(20, 7)...), 200), 20, true},
		{"in it the count does not fall from the highest", flight(), 10, history.History{}, []float64{100, 100, 300, 200, 200, 200}, 30, true},
		{"nor below the base", flight(), 40, orders([3]int{15, 10, 40}), append([]float64{300}, repeat(20, 4)...), 40, true},
		{"tasks that were ordered count in the threshold", flight(), 20, orders([3]int{25, 10, 20}), []float64{100, 100, 100, 200, 200, 200}, 15, false},
		{"twice those asks for more", flight(), 20, orders([3]int{25, 10, 20}), []float64{100, 100, 100, 200, 200, 391}, 40, true},

		{"at most so many times the tasks", set(func(c *spec.Concurrency) { c.MaxScaleUpRate = 3 }), 10, history.History{}, repeat(1000, 6), 30, true},
		{"at most 1000 times by default", set(func(c *spec.Concurrency) { c.TargetPerTask = 1e-6 }), 1, history.History{}, repeat(1, 6), 1000, true},
		{"the last part of a task is whole: 1.1 x 2 is 3", set(func(c *spec.Concurrency) { c.MaxScaleUpRate, c.PanicThreshold = 1.1, 10 }), 2, history.History{}, repeat(30, 6), 3, false},
		{"at least half the tasks", flight(), 10, history.History{}, repeat(0, 6), 5, false},
		{"half of 5 is 2", flight(), 5, history.History{}, repeat(0, 6), 2, false},
		{"half of 1 is none", flight(), 1, history.History{}, repeat(0, 6), 0, false},
		{"a tenth of them", set(func(c *spec.Concurrency) { c.MaxScaleDownRate = 10 }), 10, history.History{}, repeat(0, 6), 1, false},

		{"negative values are no datapoints", flight(), 10, history.History{}, repeat(-100, 6), 10, false},
		{"infinite ones are no datapoints", flight(), 10, history.History{}, append(repeat(100, 5), math.Inf(1)), 10, false},
		{"from zero it counts as from one", flight(), 0, history.History{}, repeat(15, 6), 2, true},
		{"a lost datapoint is no lost minute", flight(), 10, history.History{}, []float64{50, missing, 50, missing, 50, 50}, 5, false},
		{"a minute lost from the mean holds", longer, 10, history.History{}, append(repeat(missing, 6), repeat(50, 6)...), 10, false},
		{"a minute lost from the mean does not stop an out", longer, 10, history.History{}, append(repeat(missing, 6), repeat(150, 6)...), 15, false},
		{"both minutes of the mean", longer, 10, history.History{}, append(repeat(missing, 5), repeat(50, 7)...), 5, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := given(tt.base, spec.Policy{Concurrency: &tt.c}, flightSeries(tt.c, 0, tt.values...))
			in.History = tt.h
			got := decide(noon, in)
			if r := got.Policies[0]; r.Count != tt.want || r.Panicking != tt.panics {
				t.Errorf("got %d, panicking %t (%s), want %d, %t", r.Count, r.Panicking, r.Because, tt.want, tt.panics)
			}
			checkChain(t, got)
		})
	}
}

// A window shorter than a period is one period: a mean over nothing is none.
func TestConcurrencyWindowsHoldAPeriod(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ period, stable time.Duration }{
		{time.Minute, 6 * time.Second}, {time.Minute, time.Minute}, {time.Minute, 90 * time.Second}, {20 * time.Second, 30 * time.Second}, {10 * time.Second, 6 * time.Second},
	} {
		c := spec.Concurrency{Metric: *ownMetric("InFlight", tt.period), TargetPerTask: 10, TargetUtilization: new(spec.Percent(1)), StableWindow: new(spec.Duration(tt.stable))}
		in := given(10, spec.Policy{Concurrency: &c}, flightSeries(c, settledLag, repeat(60, 30)...))
		if got := decide(noon, in); got.Policies[0].Count != 6 || got.Desired != 7 { // 7 by the flap guard
			t.Errorf("%s over %s: got %d, %d in the end (%s), want 6 and 7", tt.stable, tt.period, got.Policies[0].Count, got.Desired, got.Because)
		}
	}
}

// A panic in the stabilization window asks for no fewer tasks than there are.
func TestPanicStandsInTheWindow(t *testing.T) {
	t.Parallel()
	c := flight()
	in := given(10, spec.Policy{Concurrency: &c}, flightSeries(c, 0, append(append(repeat(20, 30), 200), repeat(20, 59)...)...))
	in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(10 * time.Minute))
	if got := decide(noon, in); got.Desired != 10 || got.Policies[0].Panicking {
		t.Errorf("got %d (%s), want a hold ten minutes after the surge", got.Desired, got.Because)
	}
}

func TestConcurrencyWords(t *testing.T) {
	t.Parallel()
	c := flight()
	for _, tt := range []struct {
		values []float64
		want   string
	}{
		{repeat(120, 6), "a mean of 120 over 1m needs 12.00 tasks at 10 each"},
		{repeat(100, 6), "a mean of 100 over 1m needs 10.00 tasks at 10 each, within tolerance of 10"},
		{append(repeat(100, 5), 250), "a mean of 125 over 1m needs 12.50 tasks at 10 each; in panic since 12:00:00Z, when the last 10s asked for 2 times the tasks or more: at least 25, the most since then"},
		{append(append(repeat(100, 3), 250), repeat(100, 3)...), "a mean of 125 over 1m needs 12.50 tasks at 10 each; in panic since 11:59:30Z, when the last 10s asked for 2 times the tasks or more: at least 25, the most since then"},
		{repeat(40, 6), "a mean of 40 over 1m needs 4.00 tasks at 10 each, and at least 5 stay of 10 tasks (maxScaleDownRate 2)"},
	} {
		if got := decide(noon, given(10, spec.Policy{Concurrency: &c}, flightSeries(c, 0, tt.values...))).Policies[0].Because; got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
	c.StableWindow = new(spec.Duration(3 * time.Minute))
	gap := "a mean of 40 over 3m needs 4.00 tasks at 10 each, and at least 5 stay of 10 tasks (maxScaleDownRate 2), but datapoints of the mean are missing: no scale-in"
	if got := decide(noon, given(10, spec.Policy{Concurrency: &c}, flightSeries(c, 0, repeat(40, 6)...))).Policies[0].Because; got != gap {
		t.Errorf("got  %q\nwant %q", got, gap)
	}
	if got := decide(noon, given(10, spec.Policy{Concurrency: &c})); got.Desired != 10 || got.Reason != history.MissingData {
		t.Errorf("not read: got %d (%s), want a hold", got.Desired, got.Because)
	}
}

// walked is the plain walk over ten-second datapoints from the oldest on, keeping
// the panic as Knative does in memory: what each asks for with a base and no orders.
func walked(values []float64, base int, c spec.Concurrency) []int {
	stable, short := c.Windows()
	mean := func(i int, w time.Duration) float64 {
		from := max(0, i+1-int(w/(10*time.Second)))
		sum := 0.0
		for _, v := range values[from : i+1] {
			sum += v
		}
		return sum / float64(i+1-from)
	}
	ready := float64(max(1, base))
	clamp := func(need float64) int {
		return int(min(max(math.Ceil(need-1e-9), math.Floor(ready/2)), 1000*ready))
	}
	out := make([]int, len(values))
	panicAt, most := -1, 0
	for i := range values {
		s, q := mean(i, stable)/c.TargetPerTask, mean(i, short)/c.TargetPerTask
		if panicAt >= 0 && time.Duration(i-panicAt)*10*time.Second > stable {
			panicAt, most = -1, 0
		}
		if math.Ceil(q-1e-9)/ready >= 2 {
			panicAt = i
		}
		if out[i] = clamp(s); panicAt >= 0 {
			most = max(most, clamp(s), clamp(q))
			out[i] = max(base, most)
		}
	}
	return out
}

// The panics are found as far back as they are asked for: that changes nothing.
func TestPanicsAreThoseOfAWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := flight()
		c.StableWindow = new(spec.Duration(time.Duration(rapid.IntRange(1, 12).Draw(t, "stable")) * 10 * time.Second))
		base := rapid.IntRange(1, 6).Draw(t, "base")
		odds := rapid.IntRange(2, 40).Draw(t, "a surge in")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 5))
		values := make([]float64, 400)
		for i := range values {
			if values[i] = float64(r.IntN(10 * base)); r.IntN(odds) == 0 {
				values[i] = float64(r.IntN(60 * base))
			}
		}
		in := given(base, spec.Policy{Concurrency: &c}, flightSeries(c, settledLag, values...))
		in.Policy.ScaleOut.Tolerance, in.Policy.ScaleIn.Tolerance = new(spec.Percent(0)), new(spec.Percent(0))
		minutes := rapid.IntRange(1, 30).Draw(t, "window")
		in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(time.Duration(minutes) * time.Minute))
		want := walked(values, base, c)
		got := decide(noon, in)
		if newest := want[len(want)-1]; got.Policies[0].Count != newest {
			t.Fatalf("the newest datapoint asks for %d (%s), walked it is %d", got.Policies[0].Count, got.Policies[0].Because, newest)
		}
		if got.Wanted >= base {
			return
		}
		high := min(base, slices.Max(want[len(want)-6*minutes:]))
		for _, clause := range got.Clauses {
			if clause.Rule == history.StabilizationWindow && clause.After != high || clause.Rule == history.AnticipatedFlapping && clause.Before != high {
				t.Fatalf("the window asks for %d (%s), walked it is %d", clause.After, clause.Because, high)
			}
		}
		if got.Desired < high {
			t.Fatalf("%d tasks, walked the window asks for %d", got.Desired, high)
		}
	})
}
