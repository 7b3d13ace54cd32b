package trial_test

import (
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// BenchmarkDay is one service-day of the World Cup's match day through everything: the
// plant, and for Trimtab its staircase on a memory ledger with alarms and events. The
// garbage collector has the room that the CLI gives it.
func BenchmarkDay(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	c := embedded(b, trace.WorldCup)
	for _, k := range named(b, "trimtab,trimtab-20s,aas,static") {
		for _, start := range []trial.Start{trial.Fargate, trial.EC2Cold} {
			b.Run(k.Name+"/"+string(start), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := trial.Run(b.Context(), c, k, trial.Setup{Start: start, Seed: 1}, k.Default); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkHundredDays is 100 services a day each, in worlds of their own, on all cores; it
// tells what 1,000 would take. The garbage collector has the room that the CLI gives it.
func BenchmarkHundredDays(b *testing.B) {
	const days = 100
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	c := embedded(b, trace.WorldCup)
	for _, k := range named(b, "trimtab,aas,static") {
		b.Run(k.Name, func(b *testing.B) {
			for b.Loop() {
				parallel(b, days, func(seed uint64) error {
					_, err := trial.Run(b.Context(), c, k, trial.Setup{Start: trial.Fargate, Seed: seed}, k.Default)
					return err
				})
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*1000/days, "s/1000days")
		})
	}
}

// parallel does something with each seed below n, on all cores.
func parallel(b *testing.B, n uint64, do func(seed uint64) error) {
	b.Helper()
	seeds := make(chan uint64)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range seeds {
				if err := do(seed); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for seed := range n {
		seeds <- seed
	}
	close(seeds)
	group.Wait()
}
