package world_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// wrong is a clock that is wrong by a constant.
func wrong(d time.Duration) func(time.Time) time.Duration {
	return func(time.Time) time.Duration { return d }
}

// H21: the function's clock is ahead of the datapoints' or behind, or each
// instance has another. At a constant load nothing moves; when the load changes
// the count follows as long as the clock is wrong by less than a datapoint may be
// old, and beyond that it holds.
func TestH21SkewedClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		skew    func(time.Time) time.Duration
		follows bool
	}{
		"right":            {nil, true},
		"1 s ahead":        {wrong(time.Second), true},
		"90 s ahead":       {wrong(90 * time.Second), true},
		"90 s behind":      {wrong(-90 * time.Second), true},
		"5 min ahead":      {wrong(5 * time.Minute), false},
		"an hour behind":   {wrong(-time.Hour), false},
		"other each time":  {func(at time.Time) time.Duration { return time.Duration(at.Unix()/60%3-1) * 45 * time.Second }, true},
		"jumps at an hour": {func(at time.Time) time.Duration { return -time.Duration(at.Unix()/3600%2) * 60 * time.Second }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t, world.Options{Skew: tc.skew}, plant.Service{Load: between(3*3600, 6*3600, 60, 120), Desired: 10})
			s.highAlarm()
			s.to(t, 3*time.Hour)
			if low, high := s.extent(0, 3*time.Hour); low != 10 || high != 10 {
				t.Errorf("at a constant load it went from %d to %d", low, high)
			}
			v := s.to(t, 4*time.Hour)
			if tc.follows && !about(v.Desired, 20) || !tc.follows && v.Desired < 10 {
				t.Errorf("an hour after the load doubled %+v", v)
			}
			v = s.to(t, 9*time.Hour)
			if tc.follows && !settled(v.Desired, 10) || v.Desired < 10 {
				t.Errorf("three hours after it halved %+v", v)
			}
			if n := turns(s.Plant.Activities("web")); n > 1 {
				t.Errorf("it turned %d times: %+v", n, s.Plant.Activities("web"))
			}
			s.sound(t)
			s.calm()
		})
	}
}

// office is a window on weekdays from 08:00 to 19:00 in Paris with at least 12 tasks.
func office() spec.Service {
	p := tracked()
	p.Scheduled = []spec.Scheduled{{Name: "office-hours", Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris", MinCapacity: new(12)}}
	return p
}

// H21: a window in local time over the days on which the clocks change. Before
// the last Sunday of March 08:00 in Paris is 07:00 UTC, after it 06:00; in October
// the other way round. The floor comes within a turn of its minute, and goes
// slowly after 19:00.
func TestH21WindowAcrossDST(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		friday        time.Time // 00:00 UTC before the change
		before, after time.Duration
	}{
		"spring": {time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC), 7 * time.Hour, 6 * time.Hour},
		"autumn": {time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC), 6 * time.Hour, 7 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const day = 24 * time.Hour
			s := play(t, t, plot{Options: world.Options{Start: tc.friday}, Policy: office(), Service: plant.Service{Load: constant(24), Desired: 4}})
			for _, opens := range []time.Duration{tc.before, 3*day + tc.after} {
				s.to(t, opens-time.Minute)
				if v := s.Plant.View("web"); v.Desired > 5 {
					t.Errorf("a minute before %s UTC of day %d %+v, want the window shut", opens%day, opens/day, v)
				}
				if v := s.to(t, opens+5*time.Minute); v.Desired != 12 {
					t.Errorf("five minutes after %s UTC of day %d %+v, want the window's 12", opens%day, opens/day, v)
				}
				s.to(t, opens+11*time.Hour-time.Second)
				if low, _ := s.extent(opens+5*time.Minute, opens+11*time.Hour-time.Second); low != 12 {
					t.Errorf("within the window it fell to %d", low)
				}
				if v := s.to(t, opens+14*time.Hour); v.Desired > 5 {
					t.Errorf("three hours after it closed %+v, want about 4", v)
				}
				if opens < day {
					s.to(t, 3*day)
					if low, high := s.extent(day, 3*day); low < 4 || high > 5 {
						t.Errorf("on the weekend of the change it went from %d to %d", low, high)
					}
				}
			}
			s.sound(t)
			s.calm()
		})
	}
}

// H21: windows that begin in the hour that a Sunday in March has not, and in the
// one that a Sunday in October has twice. Each opens once and closes once: the
// floor comes and goes, and does not flicker.
func TestH21WindowInTheChangedHour(t *testing.T) {
	t.Parallel()
	for name, midnight := range map[string]time.Time{
		"no 02:30":    time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC),
		"02:30 twice": time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tracked()
			p.Scheduled = []spec.Scheduled{{Name: "batch", Days: "sun", From: "02:30", To: "06:00", TimeZone: "Europe/Paris", MinCapacity: new(12)}}
			s := play(t, t, plot{Options: world.Options{Start: midnight.Add(-2 * time.Hour)}, Policy: p, Service: plant.Service{Load: constant(24), Desired: 4}})
			s.to(t, 12*time.Hour)
			acts := s.Plant.Activities("web")
			if n := turns(acts); n != 1 || len(acts) == 0 || acts[0].To != 12 {
				t.Errorf("the floor came and went with %d turns: %+v", n, acts)
			}
			s.sound(t)
			s.calm()
		})
	}
}

// H21: a window that never returns is over for good.
func TestH21OneOffWindow(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.Scheduled = []spec.Scheduled{{Name: "sale", Start: "1998-06-23T09:00", End: "1998-06-23T11:00", TimeZone: "Europe/Paris", MinCapacity: new(12)}}
	s := play(t, t, plot{Policy: p, Service: plant.Service{Load: constant(24), Desired: 4}})
	if v := s.to(t, 7*time.Hour-time.Minute); v.Desired > 5 {
		t.Errorf("before 09:00 in Paris %+v", v)
	}
	if v := s.to(t, 7*time.Hour+5*time.Minute); v.Desired != 12 {
		t.Errorf("after 09:00 in Paris %+v, want 12 desired", v)
	}
	s.to(t, 34*time.Hour)
	if _, high := s.extent(13*time.Hour, 34*time.Hour); high > 5 {
		t.Errorf("the day after it came again, to %d", high)
	}
	s.sound(t)
}
