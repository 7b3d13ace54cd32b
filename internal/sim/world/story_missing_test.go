package world_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// distorted is a service at 15 tasks whose datapoints of minute n suffer what the
// pattern says. It may act at once: no window, one datapoint.
func distorted(t *testing.T, to tb, load func(int) float64, pattern func(m signal.Metric, minute int) plant.Distortion) story {
	t.Helper()
	p := tracked()
	p.ScaleIn.StabilizationWindow = new(spec.Duration(0))
	return play(t, to, plot{
		Options: world.Options{Plant: plant.Options{Distort: func(m signal.Metric, start time.Time) plant.Distortion {
			return pattern(m, int(start.Sub(begin())/time.Minute))
		}}},
		Policy: p, Service: plant.Service{Load: load, Desired: 15},
	})
}

// H5, KEDA #5352 and others: a missing read is not zero. Whichever datapoints are
// lost, late or no number, at a constant demand the count never falls.
func TestH5AnySubsetOfDatapoints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		drop, late, nan := rapid.Float64Range(0, 1).Draw(rt, "drop"), rapid.Float64Range(0, 1).Draw(rt, "late"), rapid.Float64Range(0, 1).Draw(rt, "nan")
		most := rapid.IntRange(1, 40).Draw(rt, "delay")
		s := distorted(t, rt, constant(90), func(m signal.Metric, minute int) plant.Distortion {
			d := plant.Distortion{
				Drop: sim.Chance(seed, minute, m.Name, "drop") < drop, NaN: sim.Chance(seed, minute, m.Name, "nan") < nan,
			}
			if sim.Chance(seed, minute, m.Name, "late") < late {
				d.Late = time.Duration(float64(most)*sim.Chance(seed, minute, m.Name, "delay")) * time.Minute
			}
			return d
		})
		s.to(t, 3*time.Hour)
		if low, high := s.extent(0, 3*time.Hour); low < 15 || high > 16 {
			rt.Fatalf("at a constant demand of 15 tasks it went from %d to %d", low, high)
		}
		s.calm()
	})
}

// H5: a scale-in needs every datapoint of its look back. The load falls to a third
// at 01:00, and one datapoint in three is lost, late or no number: nothing is
// removed. Whole again, it is.
func TestH5ScaleInNeedsFreshPoints(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]plant.Distortion{"dropped": {Drop: true}, "late": {Late: 30 * time.Minute}, "no number": {NaN: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := distorted(t, t, between(3600, 86400, 90, 30), func(_ signal.Metric, minute int) plant.Distortion {
				if minute >= 55 && minute < 180 && minute%3 == 0 {
					return bad
				}
				return plant.Distortion{}
			})
			s.to(t, 3*time.Hour)
			if low, _ := s.extent(0, 3*time.Hour); low < 15 {
				t.Errorf("on two datapoints of three it fell to %d", low)
			}
			if !named(s.records(t), history.MissingData) {
				t.Error("no record says that data is missing")
			}
			if v := s.to(t, 5*time.Hour); !settled(v.Desired, 5) {
				t.Errorf("two hours after the data is whole %+v, want about 5 desired", v)
			}
			s.sound(t)
			s.calm()
		})
	}
}

// H5: what was true twenty minutes ago is no proof. From 01:00 on every datapoint
// comes that late; the load falls at 02:00, and nothing is removed on old news.
func TestH5StaleIsNoProof(t *testing.T) {
	t.Parallel()
	s := distorted(t, t, between(7200, 86400, 90, 30), func(_ signal.Metric, minute int) plant.Distortion {
		if minute >= 60 && minute < 300 {
			return plant.Distortion{Late: 20 * time.Minute}
		}
		return plant.Distortion{}
	})
	s.to(t, 5*time.Hour)
	if low, _ := s.extent(0, 5*time.Hour); low < 15 {
		t.Errorf("on datapoints of twenty minutes ago it fell to %d", low)
	}
	if v := s.to(t, 8*time.Hour); !settled(v.Desired, 5) {
		t.Errorf("three hours after they come in time again %+v, want about 5 desired", v)
	}
	s.sound(t)
	s.calm()
}

// H5: a Sum over five minutes that is read as its last minutes are still on their
// way is not whole. At a constant demand it must not look like a fall.
func TestH5UnfinishedSum(t *testing.T) {
	t.Parallel()
	requests := appMetric("requests")
	requests.Period = spec.Duration(5 * time.Minute)
	p := spec.Service{MinCapacity: 2, MaxCapacity: 60, Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{Metric: &requests, TargetPerTask: 1800}}}}
	p.ScaleIn.Datapoints, p.ScaleIn.StabilizationWindow, p.ScaleIn.Cooldown = 1, new(spec.Duration(0)), new(spec.Duration(0))
	s := play(t, t, plot{
		Policy: p, Service: plant.Service{Load: constant(240), Desired: 40, Measures: []plant.Measure{measure(plant.Requests)}},
	})
	s.highAlarm()
	s.to(t, 6*time.Hour)
	if low, high := s.extent(0, 6*time.Hour); low < 40 || high > 40 {
		t.Errorf("at a constant demand of 40 tasks it went from %d to %d", low, high)
	}
	s.calm()
}

// H5: with atLeast the absence of data scales out to that count, and never in.
func TestH5AtLeast(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.OnMissingData = spec.OnMissing{AtLeast: 12}
	s := play(t, t, plot{Policy: p, Service: plant.Service{Load: constant(30), Desired: 6}})
	s.to(t, time.Hour)
	s.Plant.Mute("", at(time.Hour), at(2*time.Hour))
	s.to(t, 2*time.Hour)
	if low, high := s.extent(0, 2*time.Hour); low < 6 || high != 12 {
		t.Errorf("without data it went from %d to %d, want up to 12", low, high)
	}
	s.calm()
}

// weekly is the load of a service with days and nights: 200 at noon, 60 at
// midnight, with dips to a tenth.
func weekly(dips map[int]int) func(int) float64 {
	return func(s int) float64 {
		for from, length := range dips {
			if s >= from && s < from+length {
				return 15
			}
		}
		return 130 - 70*math.Cos(2*math.Pi*float64(s%86400)/86400)
	}
}

// H4, PhantomJsCloud 2024-01-30: the requests dipped, the service went down to a
// minimum that was set far too low, and the load came back: 5 h 23 min of
// overload. After two weeks the window before a scale-in rides out a dip of up to
// ten minutes, as if it had not been.
func TestH4DipIsRiddenOut(t *testing.T) {
	t.Parallel()
	const day, week = 24 * time.Hour, 14 * 24 * time.Hour
	dips := map[int]int{}
	for i, minutes := range []int{1, 3, 5, 10} {
		dips[int((week + time.Duration(9+2*i)*time.Hour).Seconds())] = 60 * minutes
	}
	s := play(t, t, plot{Policy: spec.Service{MinCapacity: 1, MaxCapacity: 60}, Service: plant.Service{Load: weekly(dips), Desired: 10}})
	s.to(t, week+day)
	for i := range 4 {
		dip := time.Duration(9+2*i) * time.Hour
		usual, _ := s.extent(week-7*day+dip, week-7*day+dip+time.Hour)
		if low, _ := s.extent(week+dip, week+dip+time.Hour); low < usual-2 {
			t.Errorf("in the hour of dip %d it fell to %d, a week before to %d", i, low, usual)
		}
	}
	s.sound(t)
	s.calm()
}

// H4, the floor: a service that may shrink at once, and by as much as it likes,
// goes down in a dip only to half of the lowest count that this hour of the week
// has seen; without the floor it goes to its minimum.
func TestH4HistoryFloor(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for share, days := range map[spec.Percent]time.Duration{0.5: 14 * day, 0: day} { // without the floor history does not matter
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			t.Parallel()
			dip := days + 12*time.Hour + 20*time.Minute
			p := spec.Service{MinCapacity: 1, MaxCapacity: 60}
			all := []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
			p.ScaleIn = spec.ScaleIn{
				StabilizationWindow: new(spec.Duration(0)), Datapoints: 1, Cooldown: new(spec.Duration(0)),
				RateLimits: all, RemovalBudget: all, HistoryFloor: new(share),
			}
			s := play(t, t, plot{Policy: p, Service: plant.Service{Load: weekly(map[int]int{int(dip.Seconds()): 600}), Desired: 10}})
			s.to(t, dip+20*time.Minute)
			noon := days - min(days, 7*day) + 12*time.Hour
			usual, _ := s.extent(noon, noon+time.Hour)
			low, _ := s.extent(dip, dip+20*time.Minute)
			if share > 0 && low < usual/2 {
				t.Errorf("it fell to %d, less than half of the %d of a week before", low, usual)
			}
			if share > 0 && !named(s.records(t), history.HistoryFloor) {
				t.Error("no record names the floor")
			}
			if share == 0 && low > usual/4 {
				t.Errorf("without the floor it fell to %d only: the story shows nothing", low)
			}
			s.calm()
		})
	}
}
