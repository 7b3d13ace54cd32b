package baseline_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
)

func loaded(minute, have int, load float64) baseline.Sight {
	return baseline.Sight{Now: begin().Add(time.Duration(minute) * time.Minute), Desired: have, Running: have, Utilization: 50, Load: load}
}

func TestReactAndChase(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		have  int
		load  float64
		react int
		chase int
	}{
		{10, 14.2, 16, 15}, // lacks 5, adds 6
		{10, 10.5, 11, 11}, // lacks 1, adds 1.2
		{10, 9.5, 10, 10},  // 10.45 keeps
		{10, 5, 6, 5},
		{11, 9.9, 12, 10}, // the formula as written goes out here
	} {
		if got := (baseline.React{Headroom: 1}).Decide(loaded(0, tc.have, tc.load)); got != tc.react {
			t.Errorf("react, %d with a load of %v: %d, want %d", tc.have, tc.load, got, tc.react)
		}
		if got := (baseline.Chase{Headroom: 1}).Decide(loaded(0, tc.have, tc.load)); got != tc.chase {
			t.Errorf("chase, %d with a load of %v: %d, want %d", tc.have, tc.load, got, tc.chase)
		}
	}
	if got := (baseline.Chase{Headroom: 1.25}).Decide(loaded(0, 1, 8)); got != 10 {
		t.Errorf("chase with a quarter of headroom on 8: %d, want 10", got)
	}
}

func TestAdapt(t *testing.T) {
	t.Parallel()
	k := &baseline.Adapt{Headroom: 1}
	for i, step := range []struct {
		have int
		load float64
		want int
	}{
		{10, 14.2, 21}, // ceil(1.1 L) = 16, and R = 5 more
		{21, 14.2, 19}, // u = 21/15.5, R = -6 u/4 = -2.03
		{19, 14.2, 18}, // u = 19/16.67, R = -4 u/4 = -1.14 and -0.03 left over
	} {
		if got := k.Decide(loaded(i, step.have, step.load)); got != step.want {
			t.Errorf("step %d: %d servers, want %d", i, got, step.want)
		}
	}
	if got := (&baseline.Adapt{Headroom: 1}).Decide(loaded(0, 100, 2)); got != 76 {
		t.Errorf("98 too many: %d servers, want 76: a quarter of them goes", got)
	}
}

func TestHist(t *testing.T) {
	t.Parallel()
	run := func(surplus int) int {
		k, got := &baseline.Hist{Headroom: 1}, 0
		for i := 1; i <= 10; i++ {
			got = k.Decide(loaded(i, i+surplus, float64(i)))
		}
		return got
	}
	if got := run(0); got != 9 {
		t.Errorf("the 90th percentile of 1 to 10 is %d, want 9", got)
	}
	if got := run(2); got != 7 {
		t.Errorf("with two too many each time %d, want 7", got)
	}
	k, got := &baseline.Hist{Headroom: 1}, 0
	for i := range 6 {
		got = k.Decide(loaded(i, 10, 20))
	}
	if got != 21 {
		t.Errorf("short six times %d, want ceil(1.05 x 20)", got)
	}
	// Another hour has its own histogram, and the errors were forgotten.
	if got := k.Decide(loaded(60, 5, 5)); got != 5 {
		t.Errorf("in a fresh hour %d, want 5", got)
	}
	// Of one hour 730 samples are kept: 12 days of 2 end a day of 9.
	k = &baseline.Hist{Headroom: 1}
	for day := range 14 {
		load := 2.0
		if day == 0 {
			load = 9
		}
		for m := range 60 {
			got = k.Decide(loaded(day*1440+m, int(load), load))
		}
	}
	if got != 2 {
		t.Errorf("after 13 days of 2 the target is %d, want 2", got)
	}
}

func TestReg(t *testing.T) {
	t.Parallel()
	k, got := &baseline.Reg{Headroom: 1}, 0
	for i := range 60 {
		x := float64(60 - i)
		got = k.Decide(loaded(i, 3600, x*x))
	}
	if got != 2 {
		t.Errorf("a parabola that ends at 1 gives %d, want ceil(1.2)", got)
	}
	if got := k.Decide(loaded(60, 10, 14.2)); got != 15 {
		t.Errorf("out gives %d, want ceil(1.05 x 14.2)", got)
	}
	if got := (&baseline.Reg{Headroom: 1}).Decide(loaded(0, 100, 100.9)); got != 100 {
		t.Errorf("short by less than 1 %% gives %d, want 100", got)
	}
	k = &baseline.Reg{Headroom: 1}
	for i := range 30 {
		got = k.Decide(loaded(i, 100, float64(100-i)))
	}
	if got != 86 {
		t.Errorf("a line that ends at 71 gives %d, want ceil(1.2 x 71)", got)
	}
}

func TestConPaaS(t *testing.T) {
	t.Parallel()
	k, got := &baseline.ConPaaS{Headroom: 1}, 0
	for i := 1; i <= 20; i++ {
		got = k.Decide(loaded(i, i, float64(i)))
	}
	if got != 21 {
		t.Errorf("a line to 20 is continued with %d, want 21", got)
	}
	k = &baseline.ConPaaS{Headroom: 2}
	for i := range 20 {
		got = k.Decide(loaded(i, 10, 5))
	}
	if got != 10 {
		t.Errorf("a constant 5 with twice the headroom gives %d, want 10", got)
	}
	// It flips about 6: the autoregression of the first order sees that.
	k = &baseline.ConPaaS{Headroom: 1}
	for i := range 30 {
		got = k.Decide(loaded(i, 10, float64(6+4*(1-2*(i%2)))))
	}
	if got < 9 || got > 10 {
		t.Errorf("after a 2 of 10, 2, 10, 2 it expects %d, want about 10", got)
	}
}

func TestHeadroomIsTunedInHindsight(t *testing.T) {
	t.Parallel()
	flat := make([]float64, 6*3600)
	for s := range flat {
		flat[s] = 5.2
	}
	if k := baseline.TuneHeadroom(flat, 3*time.Minute); k.Factor != 1 || k.Spare != 0 || k.Span != 0 {
		t.Errorf("a flat load was given %v x max of %s + %v, want none of it", k.Factor, k.Span, k.Spare)
	}
	load := wave(86400)
	k := baseline.TuneHeadroom(load, 185*time.Second)
	// Another hand's replay: tasks of minute i from what was known four minutes before.
	short, cost, demand := 0, 0.0, 0.0
	for i := range 1440 {
		n := k.Decide(loaded(i, 1, load[max(0, i-4)*60+30]))
		if float64(n) < load[i*60+30] {
			short++
		}
		cost, demand = cost+float64(n), demand+load[i*60+30]
	}
	if short > 14 || cost > 1.25*demand {
		t.Errorf("%v x max of %s + %v is short for %d of 1440 minutes at %.2f x demand, want at most 14 at no more than 1.25", k.Factor, k.Span, k.Spare, short, cost/demand)
	}
}
