package world_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// slow is a veto on the latency, which is 0.19 s at 20 tasks in calm.
func slow() spec.Veto { return spec.Veto{Name: "slow", Metric: latency(), Above: new(0.5)} }

func latency() spec.Metric {
	m := appMetric("latency")
	m.Statistic = "p99"
	return m
}

// stalled is a service whose tasks wait for a sick network from 01:00 to 03:00:
// their CPU falls to a fifth, their latency rises to thirty times, and as many
// requests come as before.
func stalled(t *testing.T, o world.Options, vetoes ...spec.Veto) story {
	t.Helper()
	p := tracked()
	p.Vetoes = vetoes
	s := play(t, t, plot{Options: o, Policy: p, Service: plant.Service{
		Load: constant(120), Desired: 20, Measures: []plant.Measure{measure(plant.Latency), measure(plant.Errors), measure(plant.Unhealthy)},
	}})
	s.highAlarm()
	s.must(s.Plant.Stall("web", plant.Stall{From: at(time.Hour), To: at(3 * time.Hour), CPU: 0.2, Latency: 30, Errors: 0.1, Unhealthy: 0.2}))
	return s
}

// H2, Slack 2021-01-04: the CPU fell because threads waited on a sick network,
// and the web tier was scaled in. A veto that is bad forbids it, and so does one
// that nobody can read or that has no datapoints: unknown is bad.
func TestH2StallNeverScalesIn(t *testing.T) {
	t.Parallel()
	throttled := plant.Only(func(c plant.Call) error {
		if c.Target == "latency" {
			return plant.ErrThrottled
		}
		return nil
	}, plant.CloudWatch)
	dropped := func(m signal.Metric, _ time.Time) plant.Distortion {
		return plant.Distortion{Drop: m.Name == "latency"}
	}
	for name, o := range map[string]plant.Options{"bad": {}, "unreadable": {Fault: throttled}, "silent": {Distort: dropped}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stalled(t, world.Options{Plant: o}, slow())
			v := s.to(t, 4*time.Hour)
			if low, high := s.extent(0, 4*time.Hour); low < 20 || high > 22 {
				t.Errorf("the count went from %d to %d, want 20 all the time", low, high)
			}
			if !named(s.records(t), history.ScaleInVeto) {
				t.Error("no record names the veto")
			}
			if v.Running < 20 {
				t.Errorf("after the stall %+v", v)
			}
			s.sound(t)
			s.calm()
		})
	}
	t.Run("without a veto the CPU alone lowers it", func(t *testing.T) {
		t.Parallel()
		s := stalled(t, world.Options{})
		s.to(t, 3*time.Hour)
		if low, _ := s.extent(0, 3*time.Hour); low > 10 {
			t.Errorf("the count fell to %d only: the story shows nothing", low)
		}
		s.sound(t)
	})
}

// H2, the other half: a veto forbids only as long as it is bad. When the load
// really falls and all is well the service shrinks.
func TestH2CalmScalesIn(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.Vetoes = []spec.Veto{slow()}
	s := play(t, t, plot{Policy: p, Service: plant.Service{
		Load: between(3600, 86400, 120, 30), Desired: 20, Measures: []plant.Measure{measure(plant.Latency)},
	}})
	if v := s.to(t, 4*time.Hour); !settled(v.Desired, 5) {
		t.Errorf("three hours after the load fell %+v, want about 5 desired", v)
	}
	s.sound(t)
}

// H2, the flood after it: the demand comes back fivefold at once. What is asked
// for in a minute is capped, what is pending counts, and once the provider has
// no more the requests stop.
func TestH2FloodIsCapped(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.MaxCapacity = 400
	p.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 15, Period: spec.Duration(time.Minute)}}
	s := play(t, t, plot{
		Options: world.Options{Plant: plant.Options{FargateTasks: 60}}, Policy: p,
		Service: plant.Service{Load: between(3600, 86400, 120, 600), Desired: 20, Start: sim.Spread{Low: 3 * time.Minute, High: 5 * time.Minute}},
	})
	s.highAlarm()
	v := s.to(t, 2*time.Hour)
	for _, a := range s.acts(0, 2*time.Hour) {
		low, high := s.extent(a.At.Sub(begin())-time.Minute, a.At.Sub(begin()))
		if high-low > 15 {
			t.Errorf("%d tasks were added in the minute to %s, want at most 15", high-low, a.At.Format(time.TimeOnly))
		}
	}
	if v.Running != 60 || v.Desired > 60+15 {
		t.Errorf("an hour after the flood, with room for 60: %+v, want no more than one step beyond", v)
	}
	calls := s.Plant.Calls(plant.ECS, "UpdateService")
	s.to(t, 4*time.Hour)
	if n := s.Plant.Calls(plant.ECS, "UpdateService") - calls; n > 0 {
		t.Errorf("%d more requests in two hours without room, want none", n)
	}
	s.Plant.SetQuota(0)
	if v := s.to(t, 4*time.Hour+30*time.Minute); !about(v.Running, 100) {
		t.Errorf("half an hour after there is room %+v, want about 100 running", v)
	}
	s.sound(t)
	s.calm()
}

// Tasks that take five minutes to start are pending for longer than a datapoint
// takes: they are counted, and the count does not run away.
func TestH2PendingCounts(t *testing.T) {
	t.Parallel()
	s := play(t, t, plot{Service: plant.Service{Load: between(3600, 86400, 30, 120), Desired: 5, Start: sim.Fixed(5 * time.Minute)}})
	s.highAlarm()
	s.to(t, 3*time.Hour)
	if _, high := s.extent(0, 3*time.Hour); !about(high, 20) {
		t.Errorf("with starts of five minutes it went up to %d, want about 20", high)
	}
	s.calm()
}

// failing is a veto on errors that are published only when there are some: no
// datapoint is no error.
func failing() spec.Veto {
	m := appMetric("errors")
	m.Statistic = "Sum"
	return spec.Veto{Name: "5xx", Metric: m, Above: new(10.0), TreatMissingData: spec.NotBreaching}
}

func unhealthy() spec.Veto {
	m := appMetric("unhealthy")
	m.Statistic = "Maximum"
	return spec.Veto{Name: "unhealthy", Metric: m, Above: new(0.0)}
}

// H17, the veto part: low use while requests fail or targets are unhealthy is
// no saving. The errors have no datapoint in calm hours, which must neither stop
// scale-in for ever nor let it pass when they cannot be read.
func TestH17ErrorsForbidScaleIn(t *testing.T) {
	t.Parallel()
	unread := plant.Between(plant.Only(func(c plant.Call) error {
		if c.Target == "errors" {
			return plant.ErrThrottled
		}
		return nil
	}, plant.CloudWatch), at(time.Hour), at(3*time.Hour))
	for name, tc := range map[string]struct {
		fault plant.Fault
		veto  spec.Veto
	}{
		"errors": {nil, failing()}, "unhealthy targets": {nil, unhealthy()}, "errors that cannot be read": {unread, failing()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stalled(t, world.Options{Plant: plant.Options{Fault: tc.fault}}, tc.veto)
			s.to(t, 4*time.Hour)
			if low, high := s.extent(0, 4*time.Hour); low < 20 || high > 22 {
				t.Errorf("the count went from %d to %d, want 20 all the time", low, high)
			}
			if !named(s.records(t), history.ScaleInVeto) {
				t.Error("no record names the veto")
			}
			s.sound(t)
		})
	}
	t.Run("no error is no veto", func(t *testing.T) {
		t.Parallel()
		p := tracked()
		p.Vetoes = []spec.Veto{failing(), unhealthy()}
		s := play(t, t, plot{Policy: p, Service: plant.Service{
			Load: between(3600, 86400, 120, 30), Desired: 20, Measures: []plant.Measure{measure(plant.Errors), measure(plant.Unhealthy)},
		}})
		if v := s.to(t, 4*time.Hour); !settled(v.Desired, 5) {
			t.Errorf("three hours after the load fell, without an error: %+v, want about 5 desired", v)
		}
		s.sound(t)
	})
}

// H18 beside it: where almost half of the tasks have died the CPU of the dead is
// missing in the sum. A fleet that is that sick is not made smaller.
func TestH17SickFleetHolds(t *testing.T) {
	t.Parallel()
	p := tracked()
	p.ScaleIn.StabilizationWindow, p.ScaleIn.Datapoints = new(spec.Duration(0)), 1
	s := play(t, t, plot{Policy: p, Service: plant.Service{Load: between(3600, 3*3600, 120, 40), Desired: 20}})
	s.must(s.Plant.Crash("web", at(time.Hour), 0.5, 90*time.Minute))
	s.to(t, 2*time.Hour+25*time.Minute)
	if low, _ := s.extent(time.Hour, 2*time.Hour+25*time.Minute); low < 20 {
		t.Errorf("with half of its tasks dead it was made smaller, to %d", low)
	}
	if !named(s.records(t), history.UnhealthyFleet) {
		t.Error("no record names the sick fleet")
	}
	s.to(t, 4*time.Hour)
	s.sound(t)
}
