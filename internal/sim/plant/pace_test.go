package plant_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// "500 a minute": of 2,000 tasks 9 are launched at once and 500/60 in each second
// after it, so the last comes in second ceil((2000-9)*60/500) = 239, as measured from
// the order. On Fargate 100 more at once and 20/s are not what binds one service.
func TestLaunchRateOfOneService(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Rates: plant.LaunchRates()}, plant.Service{Load: constant(1), Desired: 30, Start: sim.Fixed(time.Second)})
	if v := b.View("web"); v.Running != 30 {
		t.Errorf("at the start %+v, want the 30 tasks that were there", v)
	}
	b.must(b.SetDesired("web", 2030))
	for _, tc := range []struct{ second, running int }{{1, 30 + 9}, {61, 30 + 9 + 500}, {239, 30 + 1992}, {240, 2030}} {
		if v := b.to(time.Duration(tc.second) * time.Second); v.Running != tc.running {
			t.Errorf("after %d s %d run, want %d: %+v", tc.second, v.Running, tc.running, v)
		}
	}
}

// Twenty services that want 50 tasks each may have 20*9 at once, of which Fargate lets
// 100 in, and 20 in each second after it. The last services are held back by their own
// pace again.
func TestLaunchRateOfFargate(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Rates: plant.LaunchRates()}, plant.Service{Load: constant(1), Start: sim.Fixed(time.Second)})
	names := []fleet.ServiceName{"web"}
	for k := range 19 {
		s := plant.Service{Name: fleet.ServiceName(fmt.Sprintf("web-%d", k)), Load: constant(1), Capacity: 1, Start: sim.Fixed(time.Second)}
		b.must(b.AddService(s))
		names = append(names, s.Name)
	}
	for _, n := range names {
		b.must(b.SetDesired(n, 50))
	}
	running := func() (n int) {
		for _, s := range names {
			n += b.View(s).Running
		}
		return n
	}
	for _, tc := range []struct{ second, running int }{{1, 100}, {2, 120}, {11, 300}, {31, 700}, {60, 1000}} {
		b.to(time.Duration(tc.second) * time.Second)
		if n := running(); n != tc.running {
			t.Errorf("after %d s %d run, want %d", tc.second, n, tc.running)
		}
	}
}

// A task in its grace serves nobody: of 20 units that need two tasks the one there is
// fails half until the second one is RUNNING for 70 s, and its CPU is idle meanwhile.
func TestGrace(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{
		Load: constant(20), Desired: 1, Start: sim.Fixed(20 * time.Second), Grace: 70 * time.Second,
	})
	b.must(b.SetDesired("web", 2))
	if v := b.to(30 * time.Second); v.Running != 2 || v.Pending != 0 {
		t.Errorf("after 30 s %+v, want both RUNNING as ECS counts", v)
	}
	b.to(2 * time.Minute)
	b.Finish()
	if got := b.Tally("web").Unserved; math.Abs(got-90) > 1e-9 {
		t.Errorf("%v task-seconds unserved, want 90: one in each of 90 s", got)
	}
	b.to(6 * time.Minute)
	// Minute 0: one task at 100 % and one that ran for 40 s at 0 %. Minute 1: the second
	// at 100 % from 90 s on, 50 % of it. Then both at 100 %.
	got := b.fetch("Average", time.Minute, 6*time.Minute)
	if len(got) < 3 || got[0].Value != 50 || got[1].Value != 75 || got[2].Value != 100 {
		t.Errorf("CPU is %+v, want 50, 75 and 100", got)
	}
}

// A deployment replaces a task once its successor has passed its health checks.
func TestGraceOfADeployment(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(10), Desired: 4, Start: sim.Fixed(30 * time.Second), Grace: 40 * time.Second})
	b.must(b.Deploy("web", 0))
	if v := b.to(60 * time.Second); v.Running != 8 || !v.Deploying {
		t.Errorf("in the grace %+v, want the old and the new ones", v)
	}
	if v := b.to(70 * time.Second); v.Running != 4 || v.Deploying {
		t.Errorf("after the grace %+v, want 4 and no deployment", v)
	}
	b.must(b.SetDesired("web", 9))
	b.to(105 * time.Second)
	b.must(b.SetDesired("web", 4)) // stops those in their grace among others
	if v := b.to(4 * time.Minute); v.Running != 4 {
		t.Errorf("at the end %+v, want 4", v)
	}
}

// The start modes are as the reference says: their central 90 %, and their means.
func TestStartModes(t *testing.T) {
	t.Parallel()
	boot, register := plant.ColdBoot()
	r := sim.NewRand(1, "start modes")
	for _, tc := range []struct {
		name            string
		draw            func() time.Duration
		low, high, mean float64
	}{
		{"Fargate", func() time.Duration { return plant.FargateStart().Draw(r) }, 30, 90, 54.9},
		{"EC2 warm", func() time.Duration { return plant.WarmStart().Draw(r) }, 20, 40, 28.9},
		{"EC2 cold", func() time.Duration { return boot.Draw(r) + register.Draw(r) }, 120, 240, 173},
	} {
		const n = 20_000
		xs := make([]float64, n)
		sum := 0.0
		for k := range xs {
			xs[k] = tc.draw().Seconds()
			sum += xs[k]
		}
		slices.Sort(xs)
		if low, high, mean := xs[n/20], xs[n-n/20], sum/n; math.Abs(low-tc.low) > 2 || math.Abs(high-tc.high) > 4 || math.Abs(mean-tc.mean) > 1 {
			t.Errorf("%s: 90 %% within %v s and %v s, mean %v s; want %v, %v and %v", tc.name, low, high, mean, tc.low, tc.high, tc.mean)
		}
	}
}
