package queueing_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// A quantile is within 1 % of the true one, however the times are spread and in however
// many histograms they were counted.
func TestQuantilesAreWithinOnePercent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		logs := rapid.SliceOfN(rapid.Float64Range(-13, 11), 1, 200).Draw(t, "logarithms of the times")
		var parts [3]queueing.Histogram
		var all queueing.Histogram
		times, sum := make([]float64, len(logs)), 0.0
		for i, x := range logs {
			times[i] = math.Exp(x)
			sum += times[i]
			parts[i%3].Add(times[i], 1)
		}
		for i := range parts {
			all.Merge(&parts[i])
		}
		slices.Sort(times)
		if all.Count() != float64(len(times)) || math.Abs(all.Mean()*all.Count()-sum) > 1e-9*sum {
			t.Fatalf("%g times with a mean of %g, want %d with %g", all.Count(), all.Mean(), len(times), sum/float64(len(times)))
		}
		for _, q := range []float64{0.5, 0.95, 0.99, 1} {
			want := times[int(math.Ceil(q*float64(len(times))))-1]
			// A quantile on the edge of a bucket may be of the next time.
			if got := all.Quantile(q); math.Abs(got/want-1) > 0.016 {
				t.Fatalf("the quantile %g of %g is %g, want %g", q, times, got, want)
			}
		}
	})
}

// Where many times are in a bucket they count as spread over it.
func TestQuantileOfManyTimes(t *testing.T) {
	t.Parallel()
	var h queueing.Histogram
	for i := range 100_000 {
		h.Add((float64(i)+0.5)/100_000, 1)
	}
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 0.999} {
		near(t, "quantile", h.Quantile(q), q, 1e-3)
	}
}

func TestHistogramAtItsEdges(t *testing.T) {
	t.Parallel()
	var h queueing.Histogram
	if !math.IsNaN(h.Quantile(0.5)) || !math.IsNaN(h.Mean()) {
		t.Error("an empty histogram has quantiles")
	}
	h.Add(0, 1)
	h.Add(math.Inf(1), 0.5)
	if got := h.Quantile(0.5); got > 2e-6 {
		t.Errorf("the median of nothing and for ever is %g", got)
	}
	if got := h.Quantile(1); got < 1e5 || math.IsInf(got, 0) {
		t.Errorf("the longest of nothing and for ever is %g", got)
	}
}

// What was counted since a copy was taken is all but what the copy holds.
func TestWithout(t *testing.T) {
	t.Parallel()
	var h queueing.Histogram
	h.Add(0.1, 100)
	before := h
	h.Add(3, 4)
	since := h.Without(&before)
	if since.Count() != 4 || math.Abs(since.Mean()-3) > 1e-9 || math.Abs(since.Quantile(0.01)-3) > 0.03 || h.Count() != 104 {
		t.Errorf("%g times with a mean of %g, from %g on", since.Count(), since.Mean(), since.Quantile(0.01))
	}
}
