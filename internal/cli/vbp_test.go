package cli

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

// Whatever is read is packed without a fault, or refused with its line.
func FuzzReadVBP(f *testing.F) {
	for _, seed := range []string{"2\n10 10\n2\n6 4 1\n5 5 2\n", "1\n10\n0\n", "1\n10\n1\n11 1\n", "x", "2\n1\n", "1\n0\n1\n0 3\n", "1\r\n9\r\n1\r\n3 7\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := readVBP(src)
		if err != nil {
			return
		}
		n := 0
		for _, it := range p.Items {
			n += it.Count
		}
		if n > 500 {
			return // it would take long and tell no more
		}
		p.Budget = 100_000
		plan := vector.Pack(p)
		placed := 0
		for _, b := range plan.Bins {
			for _, l := range b.On {
				placed += l.Count
			}
		}
		if placed != n || plan.Opened() < plan.Bound {
			t.Fatalf("%d of %d items on %d bins, the bound is %d", placed, n, plan.Opened(), plan.Bound)
		}
	})
}
