package plant_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// burst is a load that is high in some seconds and low before and after.
func burst(low, high float64, from, to int) func(int) float64 {
	return func(second int) float64 {
		if second >= from && second < to {
			return high
		}
		return low
	}
}

// Two minutes of three tasks' work on two leave 120 task-seconds: at a later load of one
// task they are worked off after two minutes more, in which the CPU stays at 100 % though
// the load is at half. Without requests the overload would be lost and the CPU at 50 %.
func TestOverloadWaitsInLine(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]plant.Service{ // one by one there is chance in it
		"fluid":        {},
		"one by one":   {Discrete: true},
		"fluid on EC2": {Compute: fleet.EC2, Group: "ec2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := sim.NewClock(begin())
			p, err := plant.New(clock, plant.Options{})
			b := &bed{t: t, clock: clock, Plant: p}
			b.must(err)
			if s.Group != "" {
				b.must(b.AddGroup(plant.Group{Name: s.Group, Desired: 2, Max: 4, Size: fleet.Resources{CPU: 2048, Memory: 4096}}))
			}
			s.Name, s.Capacity, s.Desired, s.Requests = "web", 10, 2, &queueing.Model{Patience: -1}
			s.Size = fleet.Resources{CPU: 1024, Memory: 1024}
			s.Load = burst(10, 30, 60, 180)
			b.must(b.AddService(s))
			b.to(10 * time.Minute)
			var got []float64
			for _, pt := range b.fetch("Average", time.Minute, 10*time.Minute)[:6] {
				got = append(got, float64(pt.Value))
			}
			for i, want := range []float64{50, 100, 100, 100, 100, 50} {
				if math.Abs(got[i]-want) > 11 {
					t.Errorf("CPU by the minute is %.0f, want %.0f in minute %d", got, want, i)
				}
			}
			tally := b.Tally("web")
			if math.Abs(tally.Arrived-8400) > 300 || tally.Rejected != 0 {
				t.Errorf("%.0f requests arrived and %.0f were rejected, want about 8,400 and none", tally.Arrived, tally.Rejected)
			}
			// From a second's worth of backlog on, 2 s into the burst, until so little is left.
			if tally.LongestSlow < 225 || tally.LongestSlow > 320 || tally.BusySlow < 225 || tally.BusySlow > 280 {
				t.Errorf("slow for %d s, the longest episode %d s, want about 240", tally.BusySlow, tally.LongestSlow)
			}
			if p99 := b.Latency("web").Quantile(0.99); p99 < 50 || p99 > 75 {
				t.Errorf("p99 is %.1f s, want near the longest wait of 60 s", p99)
			}
		})
	}
}

// What the application tells of itself is what happened in the line.
func TestMeasuresFollowTheLine(t *testing.T) {
	t.Parallel()
	kinds := []plant.MeasureKind{plant.Requests, plant.Errors, plant.Latency, plant.InFlight}
	var measures []plant.Measure
	for _, k := range kinds {
		measures = append(measures, plant.Measure{Kind: k, Metric: signal.Metric{Namespace: "App", Name: string(k)}})
	}
	b := newBed(t, plant.Options{}, plant.Service{
		Load: burst(10, 40, 60, 120), Desired: 2, Measures: measures,
		Requests: &queueing.Model{Patience: 10 * time.Second},
	})
	b.to(10 * time.Minute)
	at := func(k plant.MeasureKind, minute int) float64 {
		m := signal.Metric{Namespace: "App", Name: string(k), Statistic: "Average", Period: time.Minute}
		got, err := b.Signals().Fetch(t.Context(), b.clock.Now(), []signal.Query{{Metric: m, Window: 10 * time.Minute}})
		b.must(err)
		for _, pt := range got[0].Points {
			if pt.Start.Equal(begin().Add(time.Duration(minute) * time.Minute)) {
				return float64(pt.Value)
			}
		}
		return -1
	}
	for _, c := range []struct {
		kind      plant.MeasureKind
		minute    int
		low, high float64
	}{
		{plant.Requests, 0, 600, 620}, // the last second goes up to the burst
		{plant.Requests, 1, 2370, 2400},
		{plant.Errors, 0, -1, -1},
		// Of 40 a second 20 are served, and after 10 s no wait is short enough.
		{plant.Errors, 1, 900, 1020},
		{plant.Latency, 0, 0.4, 2}, // that second's
		{plant.Latency, 1, 10, 25}, // the wait that is borne, and what chance adds
		{plant.InFlight, 0, 1, 2},
		{plant.InFlight, 1, 150, 230}, // 200 wait in the end
	} {
		if got := at(c.kind, c.minute); got < c.low || got > c.high {
			t.Errorf("%s of minute %d are %.2f, want %.2f to %.2f", c.kind, c.minute, got, c.low, c.high)
		}
	}
}

// However tasks come and go, no request and no work is lost, and the same seed gives the
// same books.
func TestNoRequestIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := plant.Service{
			Desired: rapid.IntRange(0, 5).Draw(t, "desired"), Discrete: rapid.Bool().Draw(t, "discrete"),
			Requests: &queueing.Model{
				Mean:     time.Duration(rapid.IntRange(10, 3000).Draw(t, "mean")) * time.Millisecond,
				Patience: time.Duration(rapid.IntRange(-1, 20).Draw(t, "patience")) * time.Second,
				CV2:      rapid.Float64Range(-1, 4).Draw(t, "cv2"), Central: rapid.Bool().Draw(t, "central"),
			},
			Load:  burst(rapid.Float64Range(0, 30).Draw(t, "low"), rapid.Float64Range(0, 60).Draw(t, "high"), 50, 200),
			Start: sim.Fixed(7 * time.Second),
		}
		orders := rapid.SliceOfN(rapid.IntRange(0, 6), 10, 10).Draw(t, "orders")
		live := func() plant.Tally {
			clock := sim.NewClock(begin())
			p, err := plant.New(clock, plant.Options{Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			s.Name, s.Capacity = "web", 10
			if err := p.AddService(s); err != nil {
				t.Fatal(err)
			}
			for i, n := range orders {
				clock.RunUntil(begin().Add(time.Duration(30*i) * time.Second))
				if err := p.SetDesired("web", n); err != nil {
					t.Fatal(err)
				}
				if err := p.Check(); err != nil {
					t.Fatal(err)
				}
			}
			p.Finish()
			if err := p.Check(); err != nil {
				t.Fatal(err)
			}
			return p.Tally("web")
		}
		first := live()
		if diff := cmp.Diff(first, live()); diff != "" {
			t.Fatalf("the same seed gave other books: %s", diff)
		}
		if first.Slow+first.Rejected > first.Arrived+1e-6 {
			t.Fatalf("of %.1f requests %.1f were slow and %.1f rejected", first.Arrived, first.Slow, first.Rejected)
		}
		if first.LongestSlow > 270 || first.LongestSlow < first.BusySlow && first.BusySlow == 270 {
			t.Fatalf("%d seconds of %d were slow, and the longest episode had %d", first.BusySlow, first.Seconds, first.LongestSlow)
		}
	})
}

// An episode goes on over less than a minute without violations.
func TestEpisodesJoin(t *testing.T) {
	t.Parallel()
	for gap, want := range map[int]int{59: 10 + 59 + 10, 60: 10} {
		// Without patience what one task cannot do in time is rejected at once.
		load := func(second int) float64 {
			switch at := second - 100; {
			case at >= 0 && at < 8, at >= 10+gap && at < 18+gap: // and the second before and after
				return 100
			default:
				return 1
			}
		}
		b := newBed(t, plant.Options{}, plant.Service{Desired: 1, Load: load, Requests: &queueing.Model{Patience: time.Nanosecond}})
		b.to(5 * time.Minute)
		if got := b.Tally("web"); got.LongestSlow != want || got.BusySlow != 20 {
			t.Errorf("two episodes %d s apart: the longest lasts %d s of %d, want %d of 20", gap, got.LongestSlow, got.BusySlow, want)
		}
	}
}

// After BeginEpisodes the longest episode is of what follows: one that lasts begins there.
func TestBeginEpisodes(t *testing.T) {
	t.Parallel()
	load := func(second int) float64 {
		if second >= 60 && second < 120 {
			return 100
		}
		return 1
	}
	b := newBed(t, plant.Options{}, plant.Service{Desired: 1, Load: load, Requests: &queueing.Model{Patience: time.Nanosecond}})
	b.to(100 * time.Second)
	b.BeginEpisodes("web")
	b.BeginEpisodes("nobody")
	before := b.Tally("web")
	if before.LongestSlow != 0 || before.BusySlow < 40 {
		t.Errorf("the longest episode of what follows has %d s already, of %d", before.LongestSlow, before.BusySlow)
	}
	b.to(5 * time.Minute)
	if got := b.Tally("web"); got.LongestSlow != got.BusySlow-before.BusySlow || got.LongestSlow < 20 {
		t.Errorf("the longest episode lasts %d s, %d s of %d came after", got.LongestSlow, got.BusySlow-before.BusySlow, got.BusySlow)
	}
}

// What a stall lets fail is one violation, slow or not.
func TestWhatFailsIsNotSlowToo(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Desired: 1, Load: constant(20), Requests: &queueing.Model{Patience: 30 * time.Second}})
	b.to(20 * time.Second)
	b.Finish()
	before := b.Tally("web")
	b.must(b.Stall("web", plant.Stall{From: begin().Add(20 * time.Second), To: begin().Add(30 * time.Second), CPU: 1, Errors: 0.25}))
	b.to(30 * time.Second)
	b.Finish()
	after := b.Tally("web")
	if slow, failed := after.Slow-before.Slow, after.Rejected-before.Rejected; math.Abs(slow-150) > 1 || math.Abs(failed-50) > 1 {
		t.Errorf("%.1f slow and %.1f failed of 200, want 150 and 50", slow, failed)
	}
}

// A service beside another one has its part of the requests, in a line like the other's.
func TestRequestsAreDealtToBothServices(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Desired: 3, Load: constant(20), Requests: &queueing.Model{}})
	b.must(b.AddService(plant.Service{Name: "more", Desired: 1, Beside: "web", Spot: true}))
	b.to(100 * time.Second)
	b.Finish()
	if a, c := b.Tally("web").Arrived, b.Tally("more").Arrived; math.Abs(a-1500) > 1e-6 || math.Abs(c-500) > 1e-6 {
		t.Errorf("%.1f and %.1f requests, want 1500 and 500", a, c)
	}
	if b.Latency("none") != nil || b.Latency("more") == nil {
		t.Error("only a service with requests has latencies")
	}
}

func TestQueuesHaveNoRequests(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(1)})
	b.must(b.AddQueue(plant.Queue{Name: "jobs"}))
	if err := b.AddService(plant.Service{Name: "worker", Queue: "jobs", Capacity: 1, Requests: &queueing.Model{}}); err == nil {
		t.Error("a service with a queue took requests")
	}
	if b.Latency("web") != nil {
		t.Error("a service without requests has latencies")
	}
}

// served is a service with the waves of a day, of which a task carries 10 a second at
// 60 % CPU: 7 tasks on average.
func served(discrete bool) plant.Service {
	load := waves()
	return plant.Service{
		Load: func(s int) float64 { return 0.6 * 0.7 * load[s] }, Desired: 7,
		Requests: &queueing.Model{}, Discrete: discrete,
	}
}

// A service-day with requests is to take 20 ms as a fluid and 300 ms one by one, which the
// benchmarks measure. Here stand ceilings of five times as much, which a busy machine does
// not reach.
func TestDayOfRequestsIsFast(t *testing.T) {
	for _, c := range []struct {
		discrete bool
		limit    time.Duration
	}{{false, 100 * time.Millisecond}, {true, 1500 * time.Millisecond}} {
		best := time.Hour
		for try := 0; try < 20 && best > c.limit; try++ { // the machine may have other work
			began := time.Now()
			p := dayOf(t, served(c.discrete))
			best = min(best, time.Since(began))
			if n := p.Tally("web").Arrived; n < 3.5e6 {
				t.Fatalf("only %.0f requests", n)
			}
		}
		t.Logf("a service-day with requests takes %s, one by one: %t", best, c.discrete)
		if best > c.limit && !raced() {
			t.Errorf("a service-day with requests takes %s, want less than %s; one by one: %t", best, c.limit, c.discrete)
		}
	}
}

func BenchmarkDayOfRequests(b *testing.B) {
	for b.Loop() {
		dayOf(b, served(false))
	}
}

func BenchmarkDayOfRequestsOneByOne(b *testing.B) {
	for b.Loop() {
		dayOf(b, served(true))
	}
}
