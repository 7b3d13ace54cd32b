package trial_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// BenchmarkDay is one service-day of the World Cup's match day through everything: the
// plant, and for Trimtab its staircase on a memory ledger with alarms and events.
func BenchmarkDay(b *testing.B) {
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

// BenchmarkThousandDays is 1,000 services a day each, in worlds of their own, on all cores.
func BenchmarkThousandDays(b *testing.B) {
	c := embedded(b, trace.WorldCup)
	for _, k := range named(b, "trimtab,aas,static") {
		b.Run(k.Name, func(b *testing.B) {
			for b.Loop() {
				thousand(b, c, k)
			}
		})
	}
}

func thousand(b *testing.B, c *trial.Course, k trial.Contestant) {
	b.Helper()
	seeds := make(chan uint64)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range seeds {
				if _, err := trial.Run(b.Context(), c, k, trial.Setup{Start: trial.Fargate, Seed: seed}, k.Default); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for seed := range uint64(1000) {
		seeds <- seed
	}
	close(seeds)
	group.Wait()
}
