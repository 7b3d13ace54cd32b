package report

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Thinning keeps the ends and the peak, and gives as many as asked for, in order.
func TestThinKeeps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ys := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(0, 1000), rapid.SampledFrom([]float64{0, 1, 2})), 1, 400).Draw(rt, "ys")
		n := rapid.IntRange(-1, 450).Draw(rt, "n")
		kept := thin(ys, n)
		if want := min(max(n, 3), len(ys)); len(kept) != want {
			rt.Fatalf("%d of %d values are kept, want %d", len(kept), len(ys), want)
		}
		if kept[0] != 0 || kept[len(kept)-1] != len(ys)-1 {
			rt.Fatalf("an end is lost: %v", kept)
		}
		most := 0.0
		for k, i := range kept {
			most = max(most, ys[i])
			if k > 0 && i <= kept[k-1] {
				rt.Fatalf("not in order: %v", kept)
			}
		}
		// A peak at an end is kept as that end.
		if most != slices.Max(ys) {
			rt.Fatalf("the peak %v is lost, %v is kept", slices.Max(ys), most)
		}
	})
}

// A lone spike anywhere survives, upwards and downwards, and the gap between two
// values kept is less than two buckets.
func TestThinSeesSpikes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(50, 2000).Draw(rt, "size")
		n := rapid.IntRange(10, size).Draw(rt, "n")
		at := rapid.IntRange(0, size-1).Draw(rt, "at")
		ys := make([]float64, size)
		ys[at] = rapid.SampledFrom([]float64{-100, 100}).Draw(rt, "height")
		kept := thin(ys, n)
		if !slices.Contains(kept, at) {
			rt.Fatalf("the spike at %d of %d is lost in %d", at, size, n)
		}
		bucket := float64(size-2) / float64(n-2)
		for k := 1; k < len(kept); k++ {
			if gap := float64(kept[k] - kept[k-1]); gap > 2*bucket+1 {
				rt.Fatalf("a gap of %v with buckets of %v", gap, bucket)
			}
		}
	})
}

// A worked example of the paper's rule: of each bucket the value that spans the
// largest triangle with the one kept before and the mean of the next bucket.
func TestThinByHand(t *testing.T) {
	t.Parallel()
	// Buckets {0, 5, 1}, {1, 1, 9} behind the first value and {2} before the end:
	// 5 spans most; then the peak.
	if d := cmp.Diff([]int{0, 2, 6, 7}, thin([]float64{0, 0, 5, 1, 1, 1, 9, 2}, 4)); d != "" {
		t.Errorf("kept (-want +got):\n%s", d)
	}
	// The peak is an end. Triangles with (0, 10) and (5, 2): 22, 34 and 6 for the first
	// bucket; with (2, 0) and (7, 2): 16, 1 and 3 for the second.
	if d := cmp.Diff([]int{0, 2, 4, 7}, thin([]float64{10, 4, 0, 4, 4, 1, 1, 2}, 4)); d != "" {
		t.Errorf("kept (-want +got):\n%s", d)
	}
}

// All charts of a trace are drawn at the same instants, and there they are true.
func TestInstantsAreShared(t *testing.T) {
	t.Parallel()
	tr := fortnight().Traces[0]
	kept := instants(tr, share(1))
	if len(kept) > mostPoints || len(kept) < mostPoints/2 {
		t.Errorf("%d instants are kept, want up to %d", len(kept), mostPoints)
	}
	c := chart(tr, kept, make([][]Decision, len(tr.Policies)))
	for n, p := range c.Policies {
		if len(p.Desired) != len(kept) || len(p.Running) != len(kept) || len(p.Instances) != len(kept) || (len(p.Demand) != 0) != (n == 0) {
			t.Fatalf("policy %d has %d desired, %d running, %d instances and %d demands at %d instants", n, len(p.Desired), len(p.Running), len(p.Instances), len(p.Demand), len(kept))
		}
		at := 0
		for k, gap := range c.Gaps {
			at += gap
			s := tr.Policies[n].Samples[at]
			if p.Desired[k] != s.Desired || p.Running[k] != s.Running || n == 0 && math.Abs(p.Demand[k]-s.Demand) > 0.005 {
				t.Fatalf("policy %d at %d is not what it was", n, at)
			}
		}
	}
	if got := instants(small().Traces[0], share(100)); len(got) != 61 {
		t.Errorf("%d of 61 instants of a short trace are kept", len(got))
	}
}
