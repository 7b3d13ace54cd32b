package trial

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

func steady(t *testing.T, rate float64, minutes int) trace.Trace {
	t.Helper()
	var starts []int
	var rates []float64
	for i := range minutes {
		starts, rates = append(starts, 60*i), append(rates, rate)
	}
	tr, err := trace.New("web", starts, rates)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestNewHistoryKeepsTheLoadAsItWas(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 9, 10, 7, 0, 0, time.UTC)
	c, err := NewHistory(steady(t, 3.5, 90), start, 9*time.Minute, Requests())
	if err != nil {
		t.Fatal(err)
	}
	if c.Start != start || c.From != 540 || c.Tasks != 4 || c.PerTask != 1 || len(c.Load) != 5400 || math.Abs(c.Load[1000]-3.5) > 1e-9 || c.Demand[1000] < 4 {
		t.Errorf("course from %s, scored from %d, %d tasks, load %g, demand %d", c.Start, c.From, c.Tasks, c.Load[1000], c.Demand[1000])
	}
	for name, bad := range map[string]func() error{
		"no load":   func() error { _, err := NewHistory(steady(t, 0, 90), start, 0, Requests()); return err },
		"too short": func() error { _, err := NewHistory(steady(t, 1, 10), start, 9*time.Minute, Requests()); return err },
		"half a minute": func() error {
			_, err := NewHistory(steady(t, 1, 10), start.Add(time.Second), 0, Requests())
			return err
		},
	} {
		if bad() == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

// The bounds and the count at the start are those of the service.
func TestSetupBounds(t *testing.T) {
	t.Parallel()
	c, err := NewHistory(steady(t, 3.5, 120), time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC), 0, Requests())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []Contestant{Trimtab(false), Native(baseline.TargetTracking{OutCooldown: time.Minute})} {
		r, err := Run(t.Context(), c, k, Setup{Start: Fargate, Seed: 1, Min: 2, Max: 5, Initial: 3}, 60)
		if err != nil {
			t.Fatal(err)
		}
		// 3.5 tasks' worth at 60 % want 6.
		if first, last := r.Run.Ready.At(0), r.Run.Ready.At(7199); first != 3 || last != 5 {
			t.Errorf("%s goes from %d to %d tasks, want 3 to its most of 5", k.Name, first, last)
		}
	}
}
