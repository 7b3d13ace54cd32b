package baseline_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// wave is a load in tasks' worth that goes from 2 to 18 and back in a day, with a
// crowd of 30 for an hour.
func wave(seconds int) []float64 {
	load := make([]float64, seconds)
	for s := range load {
		load[s] = 10 - 8*math.Cos(2*math.Pi*float64(s)/86400)
		if s >= 50000 && s < 53600 {
			load[s] = 30
		}
	}
	return load
}

// steer runs a peer on a load and gives what it did and what it cost.
func steer(t *testing.T, k baseline.Peer, knob float64, load []float64, seed uint64) ([]plant.Activity, plant.Tally) {
	t.Helper()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	at := func(s int) float64 { return load[min(s, len(load)-1)] }
	if err := p.AddService(plant.Service{Name: "web", Load: at, Capacity: 1, Desired: 4, Min: 2, Max: 60, CPUSeconds: k.CPUSeconds}); err != nil {
		t.Fatal(err)
	}
	site := baseline.Site{
		Plant: p, Clock: clock, Service: "web", Min: 2, Max: 60, Load: load, Start: 35 * time.Second,
		Fail: func(err error) { t.Errorf("%s: %v", k.Name, err) },
	}
	if err := k.Attach(site, knob); err != nil {
		t.Fatal(err)
	}
	clock.RunUntil(begin().Add(time.Duration(len(load)) * time.Second))
	p.Finish()
	if err := p.Check(); err != nil {
		t.Errorf("%s: %v", k.Name, err)
	}
	return p.Activities("web"), p.Tally("web")
}

// Every peer carries a day: it stays within its bounds, does the same twice, and
// at its safest knob is short for less time than at its cheapest and costs more.
func TestPeersOnThePlant(t *testing.T) {
	t.Parallel()
	load := wave(86400)
	for _, k := range baseline.Peers() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			one, tally := steer(t, k, k.Default, load, 1)
			again, _ := steer(t, k, k.Default, load, 1)
			if d := cmp.Diff(one, again); d != "" {
				t.Errorf("the same seed decided otherwise:\n%s", d)
			}
			t.Logf("at %v: %.2f x demand, short %.1f %%, %d actions", k.Default, tally.TaskSeconds/tally.Demand, 100*float64(tally.Short)/86400, len(one))
			if len(k.Sweep) != 8 {
				t.Fatalf("%d knob values, want 8", len(k.Sweep))
			}
			_, cheap := steer(t, k, k.Sweep[0], load, 1)
			_, safe := steer(t, k, k.Sweep[7], load, 1)
			if cheap.TaskSeconds >= safe.TaskSeconds || cheap.Short < safe.Short {
				t.Errorf("at %v %.0f task-seconds and %d s short, at %v %.0f and %d: want the sweep from cheap to safe",
					k.Sweep[0], cheap.TaskSeconds, cheap.Short, k.Sweep[7], safe.TaskSeconds, safe.Short)
			}
			if safe.Short > 3600 {
				t.Errorf("at its safest knob %v it is short for %d s of a day with one crowd of an hour", k.Sweep[7], safe.Short)
			}
		})
	}
	var names []string
	for _, k := range baseline.Peers() {
		names = append(names, k.Name)
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(baseline.Peers()) {
		t.Errorf("two peers have one name: %v", names)
	}
}

func TestAttachRefuses(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AddService(plant.Service{Name: "web", Load: func(int) float64 { return 1 }, Capacity: 1, Desired: 1}); err != nil {
		t.Fatal(err)
	}
	good := baseline.Site{Plant: p, Clock: clock, Service: "web", Min: 1, Max: 9, Load: make([]float64, 60), Fail: func(err error) { t.Error(err) }}
	for _, k := range baseline.Peers() {
		for what, spoil := range map[string]func(*baseline.Site) float64{
			"no plant":    func(s *baseline.Site) float64 { s.Plant = nil; return 1 },
			"min of 0":    func(s *baseline.Site) float64 { s.Min = 0; return 1 },
			"max of 0":    func(s *baseline.Site) float64 { s.Max = 0; return 1 },
			"knob of 0":   func(*baseline.Site) float64 { return 0 },
			"knob of NaN": func(*baseline.Site) float64 { return math.NaN() },
			"no service":  func(s *baseline.Site) float64 { s.Service = "none"; return 1 },
		} {
			site := good
			if knob := spoil(&site); k.Attach(site, knob) == nil {
				t.Errorf("%s was attached with %s", k.Name, what)
			}
		}
		if k.CPUSeconds == 20 && k.Attach(good, k.Default) == nil {
			t.Errorf("%s was attached to a service with one-minute metrics", k.Name)
		}
	}
}

// Whatever the load, the knob and the seed: within the bounds at every instant,
// the invariants of the plant hold, and the same again gives the same.
func TestPeersKeepTheirBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		k := rapid.SampledFrom(baseline.Peers()).Draw(r, "peer")
		knob := rapid.SampledFrom(k.Sweep).Draw(r, "knob")
		minutes := rapid.SliceOfN(rapid.Float64Range(0, 40), 60, 90).Draw(r, "load")
		least, seed := rapid.IntRange(1, 5).Draw(r, "min"), rapid.Uint64().Draw(r, "seed")
		most := least + rapid.IntRange(0, 30).Draw(r, "more")
		load := make([]float64, 60*len(minutes))
		for s := range load {
			load[s] = minutes[s/60]
		}
		run := func() []plant.Activity {
			clock := sim.NewClock(begin())
			p, err := plant.New(clock, plant.Options{Seed: seed})
			if err != nil {
				r.Fatal(err)
			}
			err = p.AddService(plant.Service{
				Name: "web", Load: func(s int) float64 { return load[min(s, len(load)-1)] }, Capacity: 1, Desired: least, Min: least, Max: most, CPUSeconds: k.CPUSeconds,
			})
			if err != nil {
				r.Fatal(err)
			}
			site := baseline.Site{
				Plant: p, Clock: clock, Service: "web", Min: least, Max: most, Load: load, Start: 35 * time.Second,
				Fail: func(err error) { r.Error(err) },
			}
			if err := k.Attach(site, knob); err != nil {
				r.Fatal(err)
			}
			for i := range minutes {
				clock.RunUntil(begin().Add(time.Duration(i+1) * time.Minute))
				if err := p.Check(); err != nil {
					r.Fatal(err)
				}
			}
			return p.Activities("web")
		}
		one := run()
		for _, a := range one {
			if a.To < least || a.To > most {
				r.Errorf("%s ordered %d tasks, bounds are %d to %d", k.Name, a.To, least, most)
			}
		}
		if d := cmp.Diff(one, run()); d != "" {
			r.Errorf("%s decided otherwise the second time:\n%s", k.Name, d)
		}
	})
}

// BenchmarkFortnight is 14 days of decisions a minute without the plant: what a
// controller itself takes.
func BenchmarkFortnight(b *testing.B) {
	load := make([]float64, 14*1440)
	for i := range load {
		load[i] = 10 + 8*math.Sin(float64(i)/229) + float64(i*7919%13)/10
	}
	for name, fresh := range contestants() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				bench(load, fresh())
			}
		})
	}
}
