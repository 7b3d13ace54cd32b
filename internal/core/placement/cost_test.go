package placement_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

func TestCostFloor(t *testing.T) {
	t.Parallel()
	compute := placement.Priced{Type: "c7g.large", Whole: fleet.Resources{CPU: 2048, Memory: 4096}, PerHour: 0.07}
	memory := placement.Priced{Type: "r7g.large", Whole: fleet.Resources{CPU: 2048, Memory: 16384}, PerHour: 0.11}
	gpu := placement.Priced{Type: "g5.xlarge", Whole: fleet.Resources{CPU: 4096, Memory: 16384, GPU: 1}, PerHour: 1}
	tests := []struct {
		name   string
		demand fleet.Resources
		types  []placement.Priced
		want   float64
		mix    []placement.Share
	}{
		{"nothing asked", fleet.Resources{}, []placement.Priced{compute}, 0, nil},
		{"nothing offered", fleet.Resources{CPU: 1}, nil, math.Inf(1), nil},
		{"a part of an instance", fleet.Resources{CPU: 1024}, []placement.Priced{compute}, 0.035, []placement.Share{{Type: "c7g.large", Count: 0.5}}},
		{"the cheaper for CPU", fleet.Resources{CPU: 4096}, []placement.Priced{memory, compute}, 0.14, []placement.Share{{Type: "c7g.large", Count: 2}}},
		{
			"a mix for what neither fits",
			fleet.Resources{CPU: 4096, Memory: 20480},
			[]placement.Priced{memory, compute},
			0.18,
			[]placement.Share{{Type: "c7g.large", Count: 1}, {Type: "r7g.large", Count: 1}},
		},
		{"no type has a GPU", fleet.Resources{CPU: 1, GPU: 1}, []placement.Priced{memory, compute}, math.Inf(1), nil},
		{
			"a GPU brings CPU along",
			fleet.Resources{CPU: 6144, GPU: 1},
			[]placement.Priced{gpu, compute},
			1.07,
			[]placement.Share{{Type: "c7g.large", Count: 1}, {Type: "g5.xlarge", Count: 1}},
		},
		{"no price is not free", fleet.Resources{CPU: 1024}, []placement.Priced{{Type: "a", Whole: compute.Whole, PerHour: -1}}, math.Inf(1), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, mix := placement.CostFloor(tt.demand, tt.types)
			if math.IsInf(tt.want, 1) != math.IsInf(got, 1) || !math.IsInf(got, 1) && math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if diff := cmp.Diff(tt.mix, mix, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("mix (-want +got):\n%s", diff)
			}
		})
	}
}

// byEnumeration solves for two dimensions by every type alone and every pair.
func byEnumeration(demand fleet.Resources, types []placement.Priced) float64 {
	best := math.Inf(1)
	for _, a := range types {
		x := max(float64(demand.CPU)/float64(a.Whole.CPU), float64(demand.Memory)/float64(a.Whole.Memory))
		best = min(best, x*a.PerHour)
		for _, b := range types {
			det := float64(a.Whole.CPU*b.Whole.Memory - b.Whole.CPU*a.Whole.Memory)
			if det == 0 {
				continue
			}
			x := float64(demand.CPU*b.Whole.Memory-b.Whole.CPU*demand.Memory) / det
			y := float64(a.Whole.CPU*demand.Memory-demand.CPU*a.Whole.Memory) / det
			if x >= 0 && y >= 0 {
				best = min(best, x*a.PerHour+y*b.PerHour)
			}
		}
	}
	return best
}

func TestCostFloorIsTheBestBasis(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		demand := fleet.Resources{CPU: rapid.IntRange(1, 100_000).Draw(t, "cpu"), Memory: rapid.IntRange(1, 400_000).Draw(t, "memory")}
		var types []placement.Priced
		for range rapid.IntRange(1, 30).Draw(t, "types") {
			types = append(types, placement.Priced{
				Type:    rapid.StringMatching(`[a-z]{2}`).Draw(t, "type"),
				Whole:   fleet.Resources{CPU: rapid.IntRange(1, 64).Draw(t, "offered cpu") * 1024, Memory: rapid.IntRange(1, 512).Draw(t, "offered memory") * 1000},
				PerHour: float64(rapid.IntRange(1, 5000).Draw(t, "price")) / 1000,
			})
		}
		got, mix := placement.CostFloor(demand, types)
		if want := byEnumeration(demand, types); math.Abs(got-want) > 1e-6*want {
			t.Fatalf("got %v, the best basis costs %v", got, want)
		}
		if len(mix) > 2 {
			t.Fatalf("a mix of %d types for two dimensions: %v", len(mix), mix)
		}
		turned, _ := placement.CostFloor(demand, rapid.Permutation(types).Draw(t, "order"))
		if turned != got {
			t.Fatalf("%v in another order, %v before", turned, got)
		}
	})
}

func BenchmarkCostFloor400Types(b *testing.B) {
	var types []placement.Priced
	for i := range 400 {
		types = append(types, placement.Priced{
			Type:    string(rune('a' + i%26)),
			Whole:   fleet.Resources{CPU: 1024 << (i % 7), Memory: (2048 << (i % 7)) * (1 + i%5), ENI: 2 + i%14, GPU: i % 11 / 10},
			PerHour: 0.02*float64(int(1)<<(i%7)) + 0.001*float64(i%97),
		})
	}
	demand := fleet.Resources{CPU: 500_000, Memory: 2_000_000, GPU: 8, ENI: 700}
	b.ReportAllocs()
	for b.Loop() {
		placement.CostFloor(demand, types)
	}
}
