package vector_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

func report(t *testing.T, f draw, n, times int) {
	t.Helper()
	var bins, bound, proved, ff, ka, ca int
	var took time.Duration
	kinds := 0
	for seed := range times {
		sizes, room := f.make(dice(uint64(seed)), n)
		p := problem(sizes, room)
		kinds += len(p.Items)
		start := time.Now()
		plan := vector.Pack(p)
		took += time.Since(start)
		bins += plan.Opened()
		bound += plan.Bound
		if plan.Proved {
			proved++
		}
		a, b, c := peers(sizes, room)
		ff += a
		ka += b
		ca += c
	}
	pc := func(x int) float64 { return 100 * (float64(x)/float64(bound) - 1) }
	t.Logf("%-45s n %3d kinds %3d: ours %5.1f ff %5.1f ffd %5.1f sum %5.1f proved %d/%d %6.1f ms", f.name, n, kinds/times, pc(bins), pc(ff), pc(ka), pc(ca), proved, times, float64(took.Microseconds())/1000/float64(times))
}
