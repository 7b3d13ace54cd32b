package baseline_test

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
)

// tick shows a KPA a load for so many seconds, the ready pods staying the same,
// and gives the pods that it asks for at the end.
func tick(k *baseline.Panicker, from, seconds, ready int, load float64) (want int) {
	for s := from; s < from+seconds; s += 2 {
		want = k.Decide(baseline.Sight{Now: after(s), Desired: ready, Running: ready, Utilization: 50, Load: load})
	}
	return want
}

func TestKPA(t *testing.T) {
	t.Parallel()
	calm := func() *baseline.Panicker {
		k := baseline.NewPanicker(baseline.KPA{Target: 70})
		if got := tick(k, 0, 180, 10, 7); got != 10 {
			t.Fatalf("a load of 7 at 0.7 for each: %d pods, want 10", got)
		}
		return k
	}
	// 13.2 in the panic window is 18.9 pods, below twice ten: the stable window alone
	// counts, a tenth of which it fills: (0.9 x 7 + 0.1 x 13.2) / 0.7 = 10.9.
	if got := tick(calm(), 180, 6, 10, 13.2); got != 11 {
		t.Errorf("6 s of 13.2: %d pods, want 11", got)
	}
	// 14 is 20 pods, twice ten: the panic takes them at once.
	k := calm()
	if got := tick(k, 180, 6, 10, 14); got != 20 {
		t.Fatalf("6 s of twice the load: %d pods, want 20", got)
	}
	// The load ends. The panic was last prolonged at 184 s and holds the pods until 244 s.
	if got := tick(k, 186, 60, 20, 0.7); got != 20 {
		t.Errorf("within the panic %d pods, want 20", got)
	}
	if got := tick(k, 246, 2, 20, 0.7); got != 10 {
		t.Errorf("after the panic %d pods, want half of them", got)
	}
}

// At most by half a tick, never below what the windows need, and after a restart
// no pod is let go for a stable window.
func TestKPALimits(t *testing.T) {
	t.Parallel()
	k := baseline.NewPanicker(baseline.KPA{Target: 100})
	see := func(s, have int, load float64) int {
		return k.Decide(baseline.Sight{Now: after(s), Desired: have, Running: have, Utilization: 50, Load: load})
	}
	for s := 0; s <= 60; s += 2 {
		if got := see(s, 40, 2); got != 40 {
			t.Fatalf("%d s after a restart %d pods, want 40", s, got)
		}
	}
	if got := see(62, 40, 2); got != 20 {
		t.Errorf("after it %d pods, want half of them", got)
	}
	if got := see(64, 5, 2); got != 2 {
		t.Errorf("of five ready %d pods, want the two that are needed", got)
	}
	if got := k.Decide(baseline.Sight{Now: after(66), Desired: 7, Running: 5, Utilization: math.NaN(), Load: math.NaN()}); got != 7 {
		t.Errorf("without data %d pods, want the desired 7", got)
	}
}

// 105 over 70 is 1.5; then five minutes of rest; a hundredth off is tolerated.
func TestNomad(t *testing.T) {
	t.Parallel()
	k := &baseline.Nomad{Target: 70, Min: 2, Max: 40}
	for _, step := range []struct {
		at, have int
		metric   float64
		want     int
	}{
		{0, 10, 105, 15},
		{290, 15, 105, 15}, // cooldown
		{300, 15, 70.7, 15},
		{310, 15, 69.3, 15},
		{320, 15, 71, 16},
		{620, 16, 35, 8},
		{920, 8, 3.5, 2},    // the minimum
		{1220, 40, 100, 40}, // at the maximum nothing is done, and there is no cooldown
		{1230, 40, 35, 20},
	} {
		if got := k.Decide(baseline.Sight{Now: after(step.at), Desired: step.have, Running: step.have, Utilization: step.metric, Load: 1}); got != step.want {
			t.Errorf("%s: %d at %v %%: %d, want %d", time.Duration(step.at)*time.Second, step.have, step.metric, got, step.want)
		}
	}
}
