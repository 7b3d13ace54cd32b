package world_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

func scheduled(raw []byte) bool { return bytes.Contains(raw, []byte("Scheduled Event")) }

// stairs is a load that steps to another level every two hours.
func stairs(levels ...float64) func(int) float64 {
	return func(s int) float64 { return levels[min(s/7200, len(levels)-1)] }
}

// H7: an alarm tells once and then is silent. With every event but the tick lost,
// the count still follows: each target is looked at within its turn, so 15 minutes
// after a rise and two hours after a fall it is right; with a third of the ticks
// lost, too, it is right after two hours either way.
func TestH7EveryEventLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		levels := rapid.SliceOfN(rapid.Float64Range(40, 160), 3, 3).Draw(rt, "levels")
		thirds := rapid.Bool().Draw(rt, "a third of the ticks lost, too")
		seed, n := rapid.Uint64().Draw(rt, "seed"), 0
		drop := func(raw []byte) bool {
			n++
			return !scheduled(raw) || thirds && sim.Chance(seed, n, "tick") < 1.0/3
		}
		s := tellTo(t, rt, world.Options{Seed: seed, Delivery: plant.Delivery{Drop: drop}}, plant.Service{Load: stairs(levels...), Desired: 10})
		s.highAlarm()
		for i, level := range levels {
			from := time.Duration(i) * 2 * time.Hour
			need := level / 6
			if v := s.to(t, from+15*time.Minute); !thirds && float64(v.Desired) < math.Floor(need/1.05) {
				rt.Fatalf("15 min after the change to %.1f tasks %+v", need, v)
			}
			if v := s.to(t, from+2*time.Hour-time.Second); float64(v.Desired) < math.Floor(need/1.05) || float64(v.Desired) > math.Ceil(max(need/0.9, 2))+1 {
				rt.Fatalf("two hours after the change to %.1f tasks %+v", need, v)
			}
		}
		s.sound(t)
		s.calm()
	})
}

// heard is a world whose events are kept and not delivered.
type heard struct {
	story

	log [][]byte
}

// listen runs a story for an hour with its events delivered, and then for a
// minute in which they are kept: the ticks, the alarms both ways, the reports of ECS.
func listen(t *testing.T, to tb, load func(int) float64) *heard {
	t.Helper()
	h := &heard{}
	listening := false
	drop := func(raw []byte) bool {
		if listening {
			h.log = append(h.log, raw)
		}
		return listening
	}
	h.story = play(t, to, plot{
		Options: world.Options{Delivery: plant.Delivery{Drop: drop}, Plant: plant.Options{FargateTasks: 12, Lag: sim.Fixed(2 * time.Minute)}},
		Service: plant.Service{Load: load, Desired: 5},
	})
	h.highAlarm()
	h.must(h.Wake(plant.Alarm{Name: "web-cpu-low", Service: "web", Below: true, Threshold: 40, Periods: 1, Breaching: 1}))
	h.to(t, 63*time.Minute)
	listening = true
	h.to(t, 66*time.Minute)
	return h
}

// state is what a run leaves behind: the counts, and the row with its history.
// The name of a claim and the generation count how often was written, not what.
func (h *heard) state(t *testing.T) (plant.View, string, []plant.Activity) {
	t.Helper()
	c, err := h.Ledger.Read(t.Context(), "demo")
	h.must(err)
	row, err := json.Marshal(c.Row(target()).History)
	h.must(err)
	return h.Plant.View("web"), string(row), h.Plant.Activities("web")
}

// H14: events come twice, late and in any order. Three minutes of a busy service's
// events, delivered at one instant in any order and number, leave one state, to
// the last datapoint in the ledger.
func TestH14PermutedLog(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(int) float64{"rise": between(3600, 86400, 30, 100), "fall": between(3600, 86400, 30, 3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(to tb, arrange func([][]byte) [][]byte) (plant.View, string, []plant.Activity) {
				h := listen(t, to, load)
				if len(h.log) < 4 || name == "rise" && !slices.ContainsFunc(h.log, func(raw []byte) bool { return !scheduled(raw) }) {
					to.Fatalf("%d events were heard, among them no alarm: the story shows nothing", len(h.log))
				}
				for _, raw := range arrange(h.log) {
					h.Invoke(t.Context(), raw)
				}
				h.calm()
				return h.state(t)
			}
			view, row, acts := run(t, func(log [][]byte) [][]byte { return log })
			if name == "rise" && view.Desired == 5 {
				t.Fatalf("in order they left %+v: the story shows nothing", view)
			}
			rapid.Check(t, func(rt *rapid.T) {
				v, r, a := run(rt, func(log [][]byte) [][]byte {
					for range rapid.IntRange(0, 6).Draw(rt, "twice") {
						log = append(log, log[rapid.IntRange(0, len(log)-1).Draw(rt, "which")])
					}
					rng := sim.NewRand(rapid.Uint64().Draw(rt, "order"), "order")
					rng.Shuffle(len(log), func(i, j int) { log[i], log[j] = log[j], log[i] })
					return log
				})
				if v != view || r != row || !cmp.Equal(a, acts) {
					rt.Fatalf("in another order %+v, %s, %+v; in order %+v, %s, %+v", v, r, a, view, row, acts)
				}
			})
		})
	}
}

// H14, one datapoint, one order: the metric has a datapoint every five minutes, and
// ticks and doubled events look at it many times. Each look would remove another
// tenth of the tasks.
func TestH14OneDatapointOneOrder(t *testing.T) {
	t.Parallel()
	requests := appMetric("requests")
	requests.Period = spec.Duration(5 * time.Minute)
	p := spec.Service{MinCapacity: 2, MaxCapacity: 60, Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{Metric: &requests, TargetPerTask: 1800}}}}
	p.ScaleIn.Datapoints, p.ScaleIn.StabilizationWindow = 1, new(spec.Duration(0))
	p.ScaleIn.RateLimits = []spec.RateLimit{{Percent: 10, Period: spec.Duration(time.Minute)}}
	p.ScaleIn.RemovalBudget = []spec.RateLimit{{Percent: 100, Period: spec.Duration(15 * time.Minute)}}
	s := play(t, t, plot{
		Options: world.Options{Delivery: plant.Delivery{Duplicate: 1}}, Policy: p,
		Service: plant.Service{Load: between(3600, 86400, 240, 30), Desired: 40, Measures: []plant.Measure{measure(plant.Requests)}},
	})
	s.to(t, 3*time.Hour)
	acts := s.Plant.Activities("web")
	for i := 2; i < len(acts); i++ { // ticks are up to 2 s late
		if d := acts[i].At.Sub(acts[i-2].At); d < 5*time.Minute-2*time.Second {
			t.Errorf("three orders within %s rest on two datapoints of five minutes: %+v", d, acts[i-2:i+1])
		}
	}
	if len(acts) < 10 {
		t.Errorf("%d orders: the story shows nothing", len(acts))
	}
	s.calm()
}

// H14 over a whole day's part: shuffled by minutes and doubled, the counts end
// where they end undisturbed.
func TestH14ShuffledAndDoubled(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.Policies = append(p.Policies, spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 70}})
	run := func(seed uint64, d plant.Delivery) []int {
		s := play(t, t, plot{
			Options: world.Options{Seed: seed, Plant: plant.Options{Lag: sim.Fixed(2 * time.Minute)}, Delivery: d}, Policy: p,
			Service: plant.Service{Load: stairs(30, 90, 45), Desired: 5, Memory: 20},
		})
		s.highAlarm()
		var out []int
		for i := range 3 {
			out = append(out, s.to(t, time.Duration(i+1)*2*time.Hour-time.Second).Desired)
		}
		s.sound(t)
		s.calm()
		return out
	}
	want := run(1, plant.Delivery{})
	for seed := range uint64(6) {
		got := run(seed, plant.Delivery{Duplicate: 0.7, Delay: sim.Spread{High: 4 * time.Minute}})
		for i := range got {
			if d := got[i] - want[i]; d < -1 || d > 1 {
				t.Errorf("seed %d: shuffled the counts end at %v, undisturbed at %v", seed, got, want)
			}
		}
	}
}
