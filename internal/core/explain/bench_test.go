package explain

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// What explains a decision takes no longer than a person waits: the search runs
// Decide some hundred times.
func BenchmarkOtherwise(b *testing.B) {
	all := map[string]func(in *policy.Input){
		"out": func(*policy.Input) {},
		"in":  func(in *policy.Input) { in.Signals = quarter(20) },
		"in pair": func(in *policy.Input) {
			in.Stop = true
			in.Services[0].Overrides = []spec.Override{{Kind: spec.Pause, Until: at("12:00:00"), Why: "w", By: "ann"}}
		},
		"concurrency": func(in *policy.Input) {
			c := spec.Concurrency{Metric: spec.Metric{Namespace: "App", Name: "InFlight", Period: spec.Duration(10 * time.Second)}, TargetPerTask: 100}
			in.Services[0].Policy.Policies = append(in.Services[0].Policy.Policies, spec.Policy{Concurrency: &c})
			in.Signals = append(quarter(20), series(c.Metric.CloudWatch("Sum"), 400, 600))
		},
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		in := cell(all[name])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Otherwise(at("10:00:00"), in, "checkout")
			}
		})
	}
}
