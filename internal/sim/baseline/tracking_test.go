package baseline_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

func begin() time.Time { return time.Date(1998, 6, 23, 0, 0, 0, 0, time.UTC) }

func after(s int) time.Time { return begin().Add(time.Duration(s) * time.Second) }

// One action of a fresh tracker. The published examples: ten units at 150
// against a target of 100 become 15; a need of 1.5 adds 2, 1.5 to spare remove 1.
func TestOneAction(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		low     bool
		cfg     baseline.TargetTracking
		desired int
		running int
		metric  float64
		deploy  bool
		want    int
	}{
		{name: "ten at 150 of 100", cfg: baseline.TargetTracking{Target: 100}, desired: 10, running: 10, metric: 150, want: 15},
		{name: "need 1.5, add 2", cfg: baseline.TargetTracking{Target: 100}, desired: 10, running: 10, metric: 115, want: 12},
		{name: "spare 1.5, remove 1", low: true, cfg: baseline.TargetTracking{Target: 100}, desired: 10, running: 10, metric: 85, want: 9},
		{name: "exactly at the target", cfg: baseline.TargetTracking{Target: 60}, desired: 5, running: 5, metric: 60, want: 5},
		{name: "running counts, not desired", cfg: baseline.TargetTracking{Target: 60}, desired: 12, running: 10, metric: 90, want: 15},
		{name: "tasks on their way are no reason to go in", cfg: baseline.TargetTracking{Target: 60}, desired: 20, running: 10, metric: 90, want: 20},
		{name: "capped at max", cfg: baseline.TargetTracking{Target: 60, Max: 12}, desired: 10, running: 10, metric: 90, want: 12},
		{name: "lifted to min", cfg: baseline.TargetTracking{Target: 60, Min: 4}, desired: 2, running: 2, metric: 61, want: 4},
		{name: "low to min", low: true, cfg: baseline.TargetTracking{Target: 60, Min: 4}, desired: 10, running: 10, metric: 6, want: 4},
		{name: "low halves", low: true, cfg: baseline.TargetTracking{Target: 60}, desired: 10, running: 10, metric: 30, want: 5},
		{name: "gentle takes a tenth", low: true, cfg: baseline.TargetTracking{Target: 60, GentleIn: true}, desired: 20, running: 20, metric: 30, want: 18},
		{name: "gentle takes at least one", low: true, cfg: baseline.TargetTracking{Target: 60, GentleIn: true}, desired: 5, running: 5, metric: 6, want: 4},
		{name: "not during a deployment", low: true, cfg: baseline.TargetTracking{Target: 60}, desired: 10, running: 20, metric: 15, deploy: true, want: 10},
		{name: "out during a deployment", cfg: baseline.TargetTracking{Target: 60}, desired: 10, running: 10, metric: 90, deploy: true, want: 15},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.cfg.Max == 0 {
				tc.cfg.Max = 100
			}
			k := baseline.NewTracker(tc.cfg)
			act := k.High
			if tc.low {
				act = k.Low
			}
			got := act(baseline.Sight{Now: begin(), Desired: tc.desired, Running: tc.running, Utilization: tc.metric, Deploying: tc.deploy})
			if got != tc.want {
				t.Errorf("desired count %d, want %d", got, tc.want)
			}
		})
	}
}

func TestCooldowns(t *testing.T) {
	t.Parallel()
	k := baseline.NewTracker(baseline.TargetTracking{Target: 60, Min: 1, Max: 100})
	for _, step := range []struct {
		what    string
		low     bool
		at      int
		desired int
		running int
		metric  float64
		want    int
	}{
		{"ten tasks at 90 % need 15", false, 0, 10, 10, 90, 15},
		// The new tasks run, the datapoint is still the old one: 15 x 90/60 would be 23.
		{"the same datapoint again adds nothing", false, 60, 15, 15, 90, 15},
		{"a larger need passes, from the base of 10", false, 120, 15, 15, 96, 16},
		{"and again from 10", false, 180, 16, 16, 102, 17},
		{"cooling until 180 + 300 s", false, 479, 17, 17, 90, 17},
		{"after it the base is what runs", false, 480, 17, 17, 70, 20},
		{"in at once, no in-cooldown yet", true, 1500, 20, 20, 30, 10},
		{"in rests for 300 s", true, 1799, 10, 10, 30, 10},
		{"an out interrupts the in-cooldown", false, 1799, 10, 10, 72, 12},
		{"so in may follow at once", true, 1800, 12, 12, 50, 10},
		{"and after the cooldown", true, 2100, 10, 10, 30, 5},
	} {
		act := k.High
		if step.low {
			act = k.Low
		}
		if got := act(baseline.Sight{Now: after(step.at), Desired: step.desired, Running: step.running, Utilization: step.metric}); got != step.want {
			t.Errorf("%d s, %s: desired count %d, want %d", step.at, step.what, got, step.want)
		}
	}
}

// On the plant: a step of the load is answered after six minutes, once, to the
// right count, and its end 15 minutes and the lag later.
func TestAttach(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	load := func(s int) float64 {
		if s >= 3600 && s < 7200 {
			return 80
		}
		return 50
	}
	if err := p.AddService(plant.Service{Name: "web", Load: load, Capacity: 10, Desired: 9, Min: 2, Max: 40}); err != nil {
		t.Fatal(err)
	}
	fail := func(err error) { t.Error(err) }
	if err := baseline.Attach(p, "web", baseline.TargetTracking{Target: 60, Min: 2, Max: 40}, clock.Now, fail); err != nil {
		t.Fatal(err)
	}
	clock.RunUntil(begin().Add(3 * time.Hour))
	var steps [][2]int
	var at []time.Duration
	for _, a := range p.Activities("web") {
		steps, at = append(steps, [2]int{a.From, a.To}), append(at, a.At.Sub(begin()))
	}
	// 80/60 of ten: 14 tasks; afterwards 14 x 35.7/60: 9.
	if d := cmp.Diff([][2]int{{9, 14}, {14, 9}}, steps); d != "" {
		t.Fatalf("activities at %v (-want +got):\n%s", at, d)
	}
	if lo, hi := time.Hour+5*time.Minute, time.Hour+7*time.Minute; at[0] < lo || at[0] > hi {
		t.Errorf("the scale-out came at %s, want between %s and %s", at[0], lo, hi)
	}
	if lo, hi := 2*time.Hour+16*time.Minute, 2*time.Hour+20*time.Minute; at[1] < lo || at[1] > hi {
		t.Errorf("the scale-in came at %s, want between %s and %s", at[1], lo, hi)
	}
	if err := baseline.Attach(p, "none", baseline.TargetTracking{Target: 60, Min: 2, Max: 40}, clock.Now, fail); err == nil {
		t.Error("an unknown service was taken")
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		peak, target float64
		want         int
	}{{26.1, 60, 44}, {6, 60, 10}, {0, 60, 0}, {26, 100, 26}} {
		if got := baseline.Static(tc.peak, tc.target); got != tc.want {
			t.Errorf("a peak of %v at %v %% needs %d tasks, want %d", tc.peak, tc.target, got, tc.want)
		}
	}
}
