package replay

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

var begin = time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)

// loads are the shapes of the days that are rehearsed, in tasks' worth of CPU.
var loads = map[string]func(second int) float64{
	"a day": func(s int) float64 { return 8 - 5*math.Cos(2*math.Pi*float64(s)/86400) },
	"steps": func(s int) float64 { return 3 + 4*float64(s/7200%3) },
	"bursts": func(s int) float64 {
		if s%5400 < 600 {
			return 9
		}
		return 2.5
	},
}

// past runs a service under native target tracking and gives what CloudWatch then holds,
// with the task-hours that the plant billed after the warm-up.
func past(t *testing.T, load func(int) float64, seed uint64, days float64, target float64) (History, float64) {
	t.Helper()
	clock := sim.NewClock(begin)
	p, err := plant.New(clock, plant.Options{Cluster: "prod", Seed: seed, Rates: plant.LaunchRates()})
	if err != nil {
		t.Fatal(err)
	}
	requests := trial.Requests()
	web := plant.Service{Name: "web", Load: load, Capacity: 1, Desired: 6, Start: plant.FargateStart(), Requests: &requests}
	if err := p.AddService(web); err != nil {
		t.Fatal(err)
	}
	fail := func(err error) { t.Error(err) }
	if err := baseline.Attach(p, "web", baseline.TargetTracking{Target: target, Min: 2, Max: 40}, clock.Now, fail); err != nil {
		t.Fatal(err)
	}
	clock.RunUntil(begin.Add(warmUp))
	p.Finish()
	warm := p.Tally("web").TaskSeconds
	span := time.Duration(days * 24 * float64(time.Hour))
	clock.RunUntil(begin.Add(span))
	p.Finish()
	hours := (p.Tally("web").TaskSeconds - warm) / 3600
	clock.RunUntil(begin.Add(span + 10*time.Minute)) // until the last datapoint can be seen
	m := spec.ServiceMetric(fleet.ServiceKey{Cluster: "prod", Service: "web"}, "CPUUtilization", "Average")
	got, err := p.Signals().Fetch(t.Context(), clock.Now(), []signal.Query{{Metric: m, Samples: true, Window: span + time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := FromSeries("web", got[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	for len(h.Points) > 0 && !h.Points[len(h.Points)-1].Time.Before(begin.Add(span)) {
		h.Points = h.Points[:len(h.Points)-1]
	}
	return h, hours
}

// What the plant did under a policy, read as CloudWatch shows it and replayed under the
// same policy, costs the same within a few percent; and so does the record by itself.
func TestReplayingAPolicyGivesWhatItCost(t *testing.T) {
	t.Parallel()
	for name, load := range loads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, hours := past(t, load, 7, 1.5, 60)
			rec, err := h.Record()
			if err != nil {
				t.Fatal(err)
			}
			if rec.Missing != 0 || rec.Saturated > len(rec.Demand)/5 {
				t.Fatalf("%d of %d missing, %d saturated", rec.Missing, len(rec.Demand), rec.Saturated)
			}
			native := Native("native", baseline.TargetTracking{Target: 60, Min: 2, Max: 40})
			r, err := Run(t.Context(), Options{Record: rec, Proposed: native, Start: trial.Fargate, Seed: 100, Seeds: 1, Limit: 90})
			if err != nil {
				t.Fatal(err)
			}
			was := r.Outcomes[len(r.Outcomes)-1]
			t.Logf("billed %.1f, as it was %.1f, replayed %.1f; above %g / %g, actions %d / %d", hours, was.Shown.TaskHours, r.Proposed().Shown.TaskHours, was.Shown.AboveMinutes, r.Proposed().Shown.AboveMinutes, was.Shown.Actions, r.Proposed().Shown.Actions)
			for what, got := range map[string]float64{"as it was": was.Shown.TaskHours, "replayed": r.Proposed().Shown.TaskHours} {
				if off := got/hours - 1; math.Abs(off) > 0.03 {
					t.Errorf("%s is %.1f task-hours where %.1f were billed: %+.1f %%", what, got, hours, 100*off)
				}
			}
		})
	}
}
