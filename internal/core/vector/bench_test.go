package vector_test

import (
	"fmt"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

// families are what docs/benchmarks.md reports, with the number of things.
func families() map[int][]draw {
	out := map[int][]draw{}
	for _, f := range clouds() {
		out[30] = append(out[30], f, services(f))
		out[200] = append(out[200], f, services(f))
	}
	for _, d := range []int{2, 3, 5, 10} {
		for class := 1; class <= 9; class++ {
			out[200] = append(out[200], capraraToth(class, d))
		}
	}
	for _, d := range []int{3, 5, 10} {
		out[500] = append(out[500], capraraToth(1, d), perfect(d, 4), perfect(d, 10))
	}
	return out
}

// BenchmarkFamilies reports beside the time the excess over the bound in percent, ours
// and the peers', and the percentage of plans that are proved, over twenty draws.
func BenchmarkFamilies(b *testing.B) {
	for _, n := range []int{30, 200, 500} {
		for _, f := range families()[n] {
			b.Run(fmt.Sprintf("%s n %d", f.name, n), func(b *testing.B) {
				const times = 20
				var problems []vector.Problem
				for seed := range times {
					sizes, room := f.make(dice(uint64(seed)), n)
					problems = append(problems, problem(sizes, room))
				}
				i := 0
				for b.Loop() {
					vector.Pack(problems[i%times])
					i++
				}
				t := draws(b, f, n, times)
				b.ReportMetric(t.over(t.bins), "%over")
				b.ReportMetric(t.over(t.first), "%first-fit")
				b.ReportMetric(t.over(t.karpenter), "%karpenter")
				b.ReportMetric(t.over(t.autoscale), "%cluster-autoscaler")
				b.ReportMetric(100*float64(t.proved)/times, "%proved")
			})
		}
	}
}
