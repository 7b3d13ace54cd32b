package score_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
)

func TestOracle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		demand    []int32
		startBill int
		want      score.Bound
	}{
		{"no second", nil, 5, score.Bound{}},
		{"no demand", []int32{0, 0, 0}, 5, score.Bound{}},
		{"the first use pays its start", []int32{2, 2}, 5, score.Bound{Seconds: 14, Starts: 2, Demand: 4, Peak: 2}},
		{"nothing is idle before the first use or after the last", []int32{0, 0, 1, 0, 0}, 5, score.Bound{Seconds: 6, Starts: 1, Demand: 1, Peak: 1}},
		{"a gap shorter than a start is kept", []int32{1, 0, 0, 1}, 3, score.Bound{Seconds: 7, Starts: 1, Demand: 2, Peak: 1}},
		{"one as long too, since it starts less", []int32{1, 0, 0, 0, 1}, 3, score.Bound{Seconds: 8, Starts: 1, Demand: 2, Peak: 1}},
		{"a longer one is not", []int32{1, 0, 0, 0, 0, 1}, 3, score.Bound{Seconds: 8, Starts: 2, Demand: 2, Peak: 1}},
		// Level 1: 7 busy, a start. Level 2: 2 busy, a gap of 1, then one of 2 that costs as
		// much as a start. Level 3: 1 busy, a start.
		{"levels apart", []int32{2, 1, 2, 1, 1, 3, 1}, 2, score.Bound{Seconds: 7 + 2 + 3 + 1 + 2 + 2 + 1 + 2, Starts: 3, Demand: 11, Peak: 3}},
		{"starts for nothing", []int32{1, 0, 1, 3}, 0, score.Bound{Seconds: 5, Starts: 4, Demand: 5, Peak: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := score.Oracle(tt.demand, tt.startBill); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// exhaust tries all counts of ready tasks in every second, knowing nothing of levels:
// the least cost, and among the plans of that cost the fewest starts.
func exhaust(demand []int32, startBill, highest int, standing bool) (cost, starts int) {
	const much = 1 << 40 // one second weighs more than all starts
	best := make([]int, highest+1)
	for s := range best {
		if s > 0 && !standing {
			best[s] = math.MaxInt / 2
		}
	}
	for _, d := range demand {
		next := make([]int, highest+1)
		for s := range next {
			next[s] = math.MaxInt / 2
			if s < int(d) {
				continue
			}
			for before, so := range best {
				next[s] = min(next[s], so+s*much+max(0, s-before)*(startBill*much+1))
			}
		}
		best = next
	}
	least := slices.Min(best)
	return least / much, least % much
}

func demands(t *rapid.T, longest, highest int) []int32 {
	return rapid.SliceOfN(rapid.Int32Range(0, int32(highest)), 0, longest).Draw(t, "demand")
}

func TestOracleIsWhatTryingAllPlansFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		demand := demands(t, 30, 4)
		startBill := rapid.IntRange(0, 12).Draw(t, "startBill")
		got := score.Oracle(demand, startBill)
		// One task more than is ever demanded, to see that none is worth it.
		if cost, starts := exhaust(demand, startBill, 5, false); got.Seconds != cost || got.Starts != starts {
			t.Fatalf("oracle %+v, all plans %d s with %d starts", got, cost, starts)
		}
		// The scored part of a longer run: what stood before is paid for.
		run := score.Run{To: len(demand), Demand: demand, StartBill: startBill}
		cost, starts := exhaust(demand, startBill, 5, true)
		if got, _ := run.Bounds(); got.Seconds != cost || got.Starts != starts {
			t.Fatalf("bound of a window %+v, all plans %d s with %d starts", got, cost, starts)
		}
	})
}

func TestOracleIsAtMostAnyPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		demand := demands(t, 300, 9)
		startBill := rapid.IntRange(0, 90).Draw(t, "startBill")
		got := score.Oracle(demand, startBill)
		before, cost, sum := 0, 0, 0
		for _, d := range demand {
			ready := int(d) + rapid.IntRange(0, 3).Draw(t, "spare")
			cost += ready + startBill*max(0, ready-before)
			before, sum = ready, sum+int(d)
		}
		free := score.Oracle(demand, 0)
		dear := score.Oracle(demand, startBill+1)
		switch {
		case got.Seconds > cost:
			t.Fatalf("a plan costs %d, the oracle %+v", cost, got)
		case got.Seconds < sum || got.Demand != sum:
			t.Fatalf("%d are demanded, the oracle is %+v", sum, got)
		case free.Seconds != sum:
			t.Fatalf("%d are demanded, without a bill for starts the oracle is %+v", sum, free)
		case dear.Seconds < got.Seconds || dear.Seconds > got.Seconds+got.Starts || dear.Starts > got.Starts:
			t.Fatalf("a second more for each of %d starts: %d s, then %d s with %d", got.Starts, got.Seconds, dear.Seconds, dear.Starts)
		}
		slices.Reverse(demand)
		if back := score.Oracle(demand, startBill); back != got {
			t.Fatalf("backwards in time %+v, forwards %+v", back, got)
		}
	})
}
