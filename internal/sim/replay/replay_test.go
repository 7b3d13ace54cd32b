package replay

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
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

// under puts a policy over the service "web" of a world: 2 to 40 tasks at 60 %.
var under = map[string]func(*testing.T, *world.World) Candidate{
	"native": func(t *testing.T, w *world.World) Candidate {
		t.Helper()
		c := baseline.TargetTracking{Target: 60, Min: 2, Max: 40}
		if err := baseline.Attach(w.Plant, "web", c, w.Clock.Now, func(err error) { t.Error(err) }); err != nil {
			t.Fatal(err)
		}
		return Native("native", c)
	},
	"trimtab": func(t *testing.T, w *world.World) Candidate {
		t.Helper()
		s := spec.Service{MinCapacity: 2, MaxCapacity: 40, Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}}}
		d := spec.Document{Cluster: "prod", Mode: spec.Act, Services: map[fleet.ServiceName]spec.Service{"web": s}}
		if err := w.Apply(t.Context(), d, "test"); err != nil {
			t.Fatal(err)
		}
		// The alarms that wake it, as those of the trials stand.
		for _, a := range []plant.Alarm{
			{Name: "high", Service: "web", Threshold: 64.8, Periods: 1, Breaching: 1}, {Name: "low", Service: "web", Below: true, Threshold: 48, Periods: 5, Breaching: 5},
		} {
			if err := w.Wake(a); err != nil {
				t.Fatal(err)
			}
		}
		c, _, err := Trimtab("trimtab", s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	},
}

// past runs a service under a policy and gives what CloudWatch then holds, with the
// task-hours that the plant billed after the warm-up.
func past(t *testing.T, load func(int) float64, policy string, span time.Duration) (h History, c Candidate, hours float64) {
	t.Helper()
	w, err := world.New(world.Options{Seed: 7, Start: begin, Mode: spec.Act, NoTick: policy != "trimtab", Plant: plant.Options{Cluster: "prod", Rates: plant.LaunchRates()}})
	if err != nil {
		t.Fatal(err)
	}
	requests := trial.Requests()
	if err := w.Plant.AddService(plant.Service{Name: "web", Load: load, Capacity: 1, Desired: 6, Start: plant.FargateStart(), Requests: &requests}); err != nil {
		t.Fatal(err)
	}
	c = under[policy](t, w)
	run := func(after time.Duration) float64 {
		if err := w.Run(t.Context(), begin.Add(after)); err != nil {
			t.Fatal(err)
		}
		return w.Plant.Tally("web").TaskSeconds / 3600
	}
	hours = -run(min(warmUp, span/10))
	hours += run(span)
	run(span + 10*time.Minute) // until the last datapoint can be seen
	m := spec.ServiceMetric(fleet.ServiceKey{Cluster: "prod", Service: "web"}, "CPUUtilization", "Average")
	got, err := w.Plant.Signals().Fetch(t.Context(), w.Clock.Now(), []signal.Query{{Metric: m, Samples: true, Window: span + time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if h, err = FromSeries("web", got[0], 1); err != nil {
		t.Fatal(err)
	}
	h.Points = h.Points[:int(span/time.Minute)]
	return h, c, hours
}

// What the plant did under a policy, read as CloudWatch shows it and replayed under the
// same policy, costs the same within a few percent; and so does the record by itself.
func TestReplayingAPolicyGivesWhatItCost(t *testing.T) {
	t.Parallel()
	for name, load := range loads {
		for policy := range under {
			t.Run(policy+" on "+name, func(t *testing.T) {
				t.Parallel()
				h, c, hours := past(t, load, policy, 36*time.Hour)
				rec, err := h.Record()
				if err != nil {
					t.Fatal(err)
				}
				if rec.Missing != 0 || rec.Saturated > len(rec.Demand)/5 {
					t.Fatalf("%d of %d missing, %d saturated", rec.Missing, len(rec.Demand), rec.Saturated)
				}
				r, err := Run(t.Context(), Options{Record: rec, Proposed: c, Start: trial.Fargate, Seed: 100, Seeds: 1, Limit: 90})
				if err != nil {
					t.Fatal(err)
				}
				was, now := r.Reference().Shown, r.Proposed().Shown
				t.Logf("%.1f billed, %.1f as it was, %.1f replayed; %g and %g minutes above, %d and %d actions",
					hours, was.TaskHours, now.TaskHours, was.AboveMinutes, now.AboveMinutes, was.Actions, now.Actions)
				within := 0.03
				if rec.Saturated > len(rec.Demand)/20 {
					within = 0.05 // demand is hidden
				}
				for what, got := range map[string]float64{AsItWas: was.TaskHours, "replayed": now.TaskHours} {
					if off := got/hours - 1; math.Abs(off) > within {
						t.Errorf("%s is %.1f task-hours where %.1f were billed: %+.1f %%", what, got, hours, 100*off)
					}
				}
			})
		}
	}
}
