package sim_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim"
)

func start() time.Time { return time.Date(1998, 6, 23, 0, 0, 0, 0, time.UTC) }

func TestClockOrder(t *testing.T) {
	t.Parallel()
	c := sim.NewClock(start())
	var got []string
	note := func(s string) func() {
		return func() { got = append(got, fmt.Sprintf("%s@%d", s, int(c.Now().Sub(start()).Seconds()))) }
	}
	c.After(5*time.Second, sim.Events, note("event"))
	c.After(5*time.Second, sim.Physics, note("first task"))
	c.After(5*time.Second, sim.Physics, note("second task"))
	c.After(1*time.Second, sim.Probes, note("early"))
	c.After(9*time.Second, sim.Physics, note("too late"))
	c.After(2*time.Second, sim.Physics, func() {
		c.At(start(), sim.Physics, note("past means now"))
		c.After(3*time.Second, sim.Metrics, note("nested"))
	})
	c.RunUntil(start().Add(8 * time.Second))
	want := []string{"early@1", "past means now@2", "first task@5", "second task@5", "nested@5", "event@5"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("order of events (-want +got):\n%s", d)
	}
	if want := start().Add(8 * time.Second); !c.Now().Equal(want) {
		t.Errorf("clock stands at %s, want %s", c.Now(), want)
	}
	c.RunUntil(start())
	if want := start().Add(8 * time.Second); !c.Now().Equal(want) {
		t.Errorf("running to the past moved the clock to %s", c.Now())
	}
}

func TestClockEvery(t *testing.T) {
	t.Parallel()
	c := sim.NewClock(start())
	n := 0
	c.Every(start().Add(30*time.Second), time.Minute, sim.Events, func() { n++ })
	once := 0
	c.Every(start(), 0, sim.Events, func() { once++ })
	c.RunUntil(start().Add(10 * time.Minute))
	if n != 10 || once != 1 {
		t.Errorf("every minute ran %d times and the period 0 %d times, want 10 and 1", n, once)
	}
}

func TestRand(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64, stream string) []uint64 {
		r := sim.NewRand(seed, stream)
		return []uint64{r.Uint64(), r.Uint64(), r.Uint64()}
	}
	if d := cmp.Diff(draw(1, "a"), draw(1, "a")); d != "" {
		t.Errorf("the same seed and stream differ:\n%s", d)
	}
	if cmp.Equal(draw(1, "a"), draw(1, "b")) || cmp.Equal(draw(1, "a"), draw(2, "a")) {
		t.Error("another stream or seed gave the same numbers")
	}
	if a, b := sim.Chance(1, 2, "x", "y"), sim.Chance(1, 2, "xy"); a == b {
		t.Errorf("chance of (x, y) and (xy) are both %v", a)
	}
	sum := 0.0
	for n := range 1000 {
		sum += sim.Chance(7, n, "mean")
	}
	if sum < 450 || sum > 550 {
		t.Errorf("mean of 1000 chances is %v, want about 0.5", sum/1000)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	r := sim.NewRand(1, "spread")
	s := sim.Spread{Low: 30 * time.Second, High: 32 * time.Second}
	seen := map[time.Duration]int{}
	for range 300 {
		seen[s.Draw(r)]++
	}
	if len(seen) != 3 || seen[30*time.Second] == 0 || seen[31*time.Second] == 0 || seen[32*time.Second] == 0 {
		t.Errorf("draws of 30 s to 32 s gave %v", seen)
	}
	if d := sim.Fixed(35 * time.Second).Draw(r); d != 35*time.Second {
		t.Errorf("fixed 35 s drew %s", d)
	}
	if d := (sim.Spread{Low: 5 * time.Second}).Draw(r); d != 5*time.Second {
		t.Errorf("a spread without high drew %s, want its low", d)
	}
}

// Fargate's 30 s to 90 s: mu = ln sqrt(30*90) = 3.9506, sigma = ln 3 / (2*1.6449) =
// 0.33394, so the median is 51.96 s and the mean 51.96 exp(0.05576) = 54.94 s.
func TestLognormal(t *testing.T) {
	t.Parallel()
	s := sim.Lognormal(30*time.Second, 90*time.Second)
	if m := s.Mean().Seconds(); math.Abs(m-54.94) > 0.01 {
		t.Errorf("mean of 30 s to 90 s is %v s, want 54.94", m)
	}
	r := sim.NewRand(1, "lognormal")
	const n = 100_000
	draws := make([]float64, n)
	sum := 0.0
	for k := range draws {
		draws[k] = s.Draw(r).Seconds()
		sum += draws[k]
	}
	slices.Sort(draws)
	if draws[0] < 19 || draws[n-1] > 142 {
		t.Errorf("draws from %v s to %v s, want them within 19 and 142", draws[0], draws[n-1])
	}
	for q, want := range map[float64]float64{0.05: 30, 0.5: 52, 0.95: 90} {
		if got := draws[int(q*n)]; math.Abs(got-want) > 1 {
			t.Errorf("%v of the draws are below %v s, want below %v", q, got, want)
		}
	}
	if m := sum / n; math.Abs(m-54.9) > 0.3 {
		t.Errorf("mean of %d draws is %v s, want 54.9", n, m)
	}
	for _, s := range []sim.Spread{sim.Lognormal(40*time.Second, 40*time.Second), sim.Lognormal(40*time.Second, 0)} {
		if d := s.Draw(r); d != 40*time.Second || s.Mean().Round(time.Millisecond) != d {
			t.Errorf("%+v drew %s with mean %s, want 40 s", s, d, s.Mean())
		}
	}
	if u := (sim.Spread{Low: 30 * time.Second, High: 40 * time.Second}); u.Mean() != 35*time.Second {
		t.Errorf("mean of the uniform 30 s to 40 s is %s", u.Mean())
	}
}
