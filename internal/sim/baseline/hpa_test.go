package baseline_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
)

// One sync of a fresh autoscaler with pods that have run for long. The ratios are
// those of the Kubernetes guide: twice the target doubles, half of it halves, a tenth
// off keeps; three pods of which one is not ready, at twice the target, make four
// (replica_calculator_test.go).
func TestHPAOneSync(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		target    float64
		running   int
		pending   int
		reporting int
		metric    float64
		want      int
	}{
		{name: "twice the target", target: 50, running: 4, reporting: 4, metric: 100, want: 8},
		{name: "up rounds up", target: 50, running: 4, reporting: 4, metric: 60, want: 5},
		{name: "10 % over is tolerated", target: 50, running: 4, reporting: 4, metric: 55, want: 4},
		{name: "10 % under is tolerated", target: 50, running: 20, reporting: 20, metric: 45, want: 20},
		{name: "down waits for the window", target: 50, running: 4, reporting: 4, metric: 25, want: 4},
		{name: "at most twice or four more", target: 10, running: 2, reporting: 2, metric: 100, want: 6},
		{name: "at most twice", target: 10, running: 10, reporting: 10, metric: 100, want: 20},
		{name: "a pending pod counts as idle", target: 30, running: 2, pending: 1, reporting: 2, metric: 60, want: 4},
		{name: "a pod without a metric counts as idle", target: 30, running: 3, reporting: 2, metric: 60, want: 4},
		{name: "with it there is no need", target: 50, running: 4, reporting: 2, metric: 80, want: 4},
		{name: "no pod has a metric", target: 50, running: 4, reporting: 0, metric: 80, want: 4},
		{name: "no datapoint", target: 50, running: 4, reporting: 0, metric: math.NaN(), want: 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k := baseline.NewAutoscaler(baseline.HPA{Target: tc.target, Min: 1, Max: 100})
			s := baseline.Sight{
				Now: begin(), DataAt: begin().Add(-time.Minute), Desired: tc.running + tc.pending, Running: tc.running, Pending: tc.pending,
				Reporting: tc.reporting, Utilization: tc.metric, Load: tc.metric * float64(tc.running) / 100,
			}
			if got := k.Decide(s); got != tc.want {
				t.Errorf("%d pods, want %d", got, tc.want)
			}
		})
	}
}

// Scale-down takes the largest recommendation of five minutes: a dip of four
// minutes changes nothing, one that lasts is followed once the last higher
// recommendation is more than five minutes old.
func TestHPAStabilizes(t *testing.T) {
	t.Parallel()
	k := baseline.NewAutoscaler(baseline.HPA{Target: 50, Min: 1, Max: 100})
	have, load := 10, func(s int) float64 {
		if s >= 600 && s < 840 || s >= 1200 {
			return 2
		}
		return 5
	}
	var got [][2]int
	for s := 0; s < 2400; s += 15 {
		metric := 100 * load(s) / float64(have)
		want := k.Decide(baseline.Sight{Now: after(s), DataAt: after(s), Desired: have, Running: have, Reporting: have, Utilization: metric, Load: load(s)})
		if want != have {
			got = append(got, [2]int{s, want})
		}
		have = want
	}
	// The last recommendation of ten was given at 1185 s.
	if d := cmp.Diff([][2]int{{1500, 4}}, got); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}

// Pods that joined within the datapoint are not believed and count as idle on the
// way up; without them 6 of 12 at 150 % of the target would make 18.
func TestHPAIgnoresPodsThatJoined(t *testing.T) {
	t.Parallel()
	k := baseline.NewAutoscaler(baseline.HPA{Target: 50, Min: 1, Max: 100})
	s := baseline.Sight{Now: begin(), DataAt: begin(), Desired: 6, Running: 6, Reporting: 6, Utilization: 50, Load: 3}
	k.Decide(s)
	s = baseline.Sight{Now: after(60), DataAt: after(60), Desired: 12, Running: 12, Reporting: 12, Utilization: 75, Load: 9}
	if got := k.Decide(s); got != 12 {
		t.Errorf("%d pods, want 12: 6 x 1.5 over 12 is 0.75, which is the other direction", got)
	}
	s.Now, s.DataAt = after(180), after(180)
	if got := k.Decide(s); got != 18 {
		t.Errorf("%d pods once all ran through the datapoint, want 18", got)
	}
}

// AverageValue with a target of 5 for each replica: 30 make 6; 22 over four is 5.5,
// within the tolerance.
func TestKEDATargets(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		load       float64
		have, want int
	}{{30, 4, 6}, {22, 4, 4}, {23, 4, 5}, {1000, 4, 8}, {0, 4, 4}} {
		k := baseline.NewScaler(baseline.KEDA{Target: 500, Min: 1, Max: 100})
		if got := k.Decide(baseline.Sight{Now: begin(), Desired: tc.have, Running: tc.have, Utilization: 50, Load: tc.load}); got != tc.want {
			t.Errorf("a load of %v on %d replicas: %d, want %d", tc.load, tc.have, got, tc.want)
		}
	}
}

// From none to one once active, and from any count to none 300 s after the last
// activity, past the autoscaler's own window.
func TestKEDAAtZero(t *testing.T) {
	t.Parallel()
	k := baseline.NewScaler(baseline.KEDA{Target: 100, Min: 0, Max: 100, Activation: 1})
	have, load := 0, func(s int) float64 {
		if s >= 120 && s < 600 {
			return 6
		}
		return 1
	}
	var got [][2]int
	for s := 0; s < 1500; s += 15 {
		want := k.Decide(baseline.Sight{Now: after(s), Desired: have, Running: have, Utilization: 50, Load: load(s)})
		if want != have {
			got = append(got, [2]int{s, want})
		}
		have = want
	}
	// From one the same sync adds four. The last active poll is at 570 s and the last
	// recommendation of six at 585 s, so that none comes before one.
	if d := cmp.Diff([][2]int{{120, 5}, {135, 6}, {900, 0}}, got); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}
