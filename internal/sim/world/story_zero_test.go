package world_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// sleeper is the policy of a worker that may sleep: 2 messages a second and
// task, to be worked off within a minute.
func sleeper() spec.Service {
	return spec.Service{MinCapacity: 0, MaxCapacity: 20, Policies: []spec.Policy{{Backlog: &spec.Backlog{
		Queue: "jobs", AcceptableLatency: spec.Duration(time.Minute), ProcessingTime: new(spec.Duration(500 * time.Millisecond)),
	}}}}
}

// worker is a story of a service that works off the queue jobs, beginning asleep
// unless it says otherwise.
func worker(t *testing.T, o plant.Options, q plant.Queue, p spec.Service) story {
	t.Helper()
	q.Name = "jobs"
	if q.Quiet == 0 {
		q.Quiet = 20 * time.Minute
	}
	s := play(t, t, plot{Options: world.Options{Plant: o}, Queues: []plant.Queue{q}, Policy: p, Service: plant.Service{Queue: "jobs", Capacity: 2}})
	s.busy = new(time.Duration)
	s.Clock.Every(s.begun, 10*time.Second, sim.Probes, func() {
		if v := s.Plant.QueueView("jobs"); v.Sent != v.Deleted {
			*s.busy = s.Clock.Now().Sub(s.begun)
		}
	})
	return s
}

// pulse is arrivals of a rate within [from, to) minutes.
func pulse(from, to int, rate float64) func(int) float64 { return between(60*from, 60*to, 0, rate) }

// slept gives when the count came to zero after a time, and whether it did.
func (s story) slept(after time.Duration) (time.Duration, bool) {
	for _, a := range s.acts(after, 1000*time.Hour) {
		if a.To == 0 {
			return a.At.Sub(s.begun), true
		}
	}
	return 0, false
}

func (s story) datapoints(t *testing.T, m signal.Metric, window time.Duration) int {
	t.Helper()
	m.Period = time.Minute
	got, err := s.Plant.Signals().Fetch(t.Context(), s.Clock.Now(), []signal.Query{{Metric: m, Window: window}})
	s.must(err)
	return len(got[0].Points)
}

// H6: at zero tasks ECS publishes nothing, and the queue's metrics have stopped
// after idle hours. The queue itself is asked, wakes the service, grows it to
// what the messages need, and it goes to sleep again step by step, the last task
// only when the queue has been empty for the cool-off, metrics or not.
func TestH6QueueWakesAndSleeps(t *testing.T) {
	t.Parallel()
	for name, quiet := range map[string]time.Duration{"metrics stop at once": 3 * time.Minute, "metrics go on": 6 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := worker(t, plant.Options{}, plant.Queue{Arrivals: pulse(180, 210, 10), Quiet: quiet}, sleeper())
			s.to(t, 3*time.Hour)
			if _, high := s.extent(0, 3*time.Hour); high != 0 {
				t.Errorf("asleep it went up to %d", high)
			}
			if n := s.datapoints(t, spec.ServiceMetric(key(), "CPUUtilization", "Sum"), 2*time.Hour); n != 0 {
				t.Errorf("at zero tasks ECS published %d datapoints", n)
			}
			s.to(t, 3*time.Hour+6*time.Minute)
			if low, _ := s.extent(3*time.Hour+6*time.Minute, 3*time.Hour+6*time.Minute); low == 0 {
				t.Fatal("six minutes after the first message it sleeps")
			}
			s.to(t, 3*time.Hour+35*time.Minute)
			if v := s.Plant.QueueView("jobs"); v.Sent-v.Deleted > 600 || v.Age > 2*time.Minute {
				t.Errorf("five minutes after the last message %+v, want the queue worked off", v)
			}
			if _, high := s.extent(3*time.Hour, 4*time.Hour); high < 6 {
				t.Errorf("10 messages a second at 2 a task raised it to %d only", high)
			}
			s.to(t, 7*time.Hour)
			s.gentlyAsleep(t, 3*time.Hour+30*time.Minute, spec.DefaultCoolOff)
			s.sound(t)
			s.calm()
		})
	}
}

// gentlyAsleep checks the way to zero after the last message: there, from one
// task alone, and no sooner than the cool-off after the queue was empty.
func (s story) gentlyAsleep(t *testing.T, last, coolOff time.Duration) {
	t.Helper()
	end, ok := s.slept(last)
	if !ok {
		t.Fatalf("it never slept: %+v", s.Plant.View("web"))
	}
	if s.busy != nil {
		last = max(last, *s.busy)
	}
	if end < last+coolOff {
		t.Errorf("it slept at %s, before the cool-off of %s after %s had passed", end, coolOff, last)
	}
	acts := s.acts(last, end)
	if from := acts[len(acts)-1].From; from != 1 {
		t.Errorf("it went to zero from %d tasks", from)
	}
	rs := ordered(s.records(t))
	if r := rs[len(rs)-1]; r.Desired != 0 || !strings.Contains(string(r.Decision), history.Activation) {
		t.Errorf("the last order is to %d, by %s", r.Desired, r.Decision)
	}
}

// H6 in a hurry: no window, no rate and no budget in the way. Still the last task
// goes from one alone, and waits for the cool-off of half an hour.
func TestH6HastyStillWaits(t *testing.T) {
	t.Parallel()
	p := sleeper()
	all := []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
	p.ScaleIn = spec.ScaleIn{
		StabilizationWindow: new(spec.Duration(0)), Cooldown: new(spec.Duration(0)), Datapoints: 1, RateLimits: all, RemovalBudget: all,
		FlapBudget: &spec.FlapBudget{Reversals: 60},
	}
	p.Activation = &spec.Activation{CoolOff: new(spec.Duration(30 * time.Minute))}
	s := worker(t, plant.Options{}, plant.Queue{Arrivals: pulse(60, 80, 10), Quiet: 3 * time.Minute}, p)
	s.to(t, 4*time.Hour)
	if _, high := s.extent(time.Hour, 80*time.Minute); high < 5 {
		t.Errorf("10 messages a second at 2 a task raised it to %d only", high)
	}
	s.gentlyAsleep(t, 80*time.Minute, 30*time.Minute)
	s.calm()
}

// H6 with two sources: one is idle, the other has a request every minute. One task
// stays for that; proof is needed from all that can give it.
func TestH6OneOfTwoIsBusy(t *testing.T) {
	t.Parallel()
	requests := appMetric("requests")
	p := sleeper()
	p.Policies = append(p.Policies, spec.Policy{TargetTracking: &spec.TargetTracking{Metric: &requests, TargetPerTask: 360}})
	s := worker(t, plant.Options{}, plant.Queue{Arrivals: pulse(10, 20, 4)}, p)
	s.must(s.Plant.AddMetric(plant.Metric{Namespace: "App", Name: "requests", Load: between(0, 4*3600, 0, 1.0/60)}))
	s.to(t, 4*time.Hour)
	if low, _ := s.extent(15*time.Minute, 4*time.Hour); low == 0 {
		t.Error("it slept although requests came")
	}
	s.to(t, 6*time.Hour)
	s.gentlyAsleep(t, 4*time.Hour, spec.DefaultCoolOff)
	s.sound(t)
	s.calm()
}

// H6, the trickle: one message in ten minutes, that lies delayed for most of the
// time, or is worked on for long. Its queue shows no visible message and is not
// idle, so the last task stays, or every message is done before it goes.
func TestH6DelayedAndInFlightAreNotIdle(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]plant.Queue{
		"delayed":   {Arrivals: func(s int) float64 { return map[bool]float64{true: 1}[s%600 == 0] }, Delay: 10 * time.Minute},
		"in flight": {Arrivals: func(s int) float64 { return map[bool]float64{true: 1}[s%600 == 0] }, Processing: 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := worker(t, plant.Options{}, q, sleeper())
			s.to(t, time.Hour)
			if low, _ := s.extent(30*time.Minute, time.Hour); low == 0 {
				t.Fatal("in the first hour it did not wake")
			}
			s.to(t, 6*time.Hour)
			if at, ok := s.slept(30 * time.Minute); ok {
				t.Errorf("at %s it slept although a message was %s", at, name)
			}
			s.sound(t)
		})
	}
}

// H6: without an answer there is no proof. While the queue cannot be read the
// last task stays, though all its metrics have stopped.
func TestH6NoAnswerNoSleep(t *testing.T) {
	t.Parallel()
	gone := plant.Between(plant.Only(plant.Always(plant.ErrThrottled), plant.SQS), at(31*time.Minute), at(5*time.Hour))
	s := worker(t, plant.Options{Fault: gone}, plant.Queue{Arrivals: pulse(10, 30, 4)}, sleeper())
	s.to(t, 5*time.Hour)
	if low, _ := s.extent(30*time.Minute, 5*time.Hour); low == 0 {
		t.Error("it slept although nobody could say that the queue is empty")
	}
	s.to(t, 6*time.Hour)
	s.gentlyAsleep(t, 5*time.Hour, spec.DefaultCoolOff)
	s.sound(t)
}

// H6: its queue unreadable, a sleeping service stays as it is; it neither wakes
// nor fails.
func TestH6NoAnswerNoWake(t *testing.T) {
	t.Parallel()
	gone := plant.Between(plant.Only(plant.Always(plant.ErrThrottled), plant.SQS, "GetQueueAttributes"), at(0), at(time.Hour))
	s := worker(t, plant.Options{Fault: gone}, plant.Queue{Arrivals: pulse(180, 200, 4)}, sleeper())
	s.to(t, time.Hour)
	if _, high := s.extent(0, time.Hour); high != 0 {
		t.Errorf("without an answer it went up to %d", high)
	}
	s.to(t, 190*time.Minute)
	if low, _ := s.extent(190*time.Minute, 190*time.Minute); low == 0 {
		t.Error("ten minutes after the first message it sleeps")
	}
	s.calm()
}

// H6 with requests: the load balancer counts them whether tasks run or not, so
// the total is a proof; with the 503 answers as a wake signal beside it the
// first request is seen even where the policy's own metric comes late.
func TestH6RequestsWakeAndSleep(t *testing.T) {
	t.Parallel()
	requests := appMetric("requests")
	p := spec.Service{MinCapacity: 0, MaxCapacity: 20, Policies: []spec.Policy{
		cpuTarget(60), {TargetTracking: &spec.TargetTracking{Metric: &requests, TargetPerTask: 360}},
	}}
	errs := appMetric("errors")
	errs.Statistic = "Sum"
	p.Activation = &spec.Activation{CoolOff: new(spec.Duration(10 * time.Minute)), Wake: []spec.Wake{{Metric: errs}}}
	s := play(t, t, plot{Policy: p, Service: plant.Service{
		Load: pulse(120, 150, 30), Measures: []plant.Measure{measure(plant.Requests), measure(plant.Errors)},
	}})
	s.to(t, 2*time.Hour)
	if _, high := s.extent(0, 2*time.Hour); high != 0 {
		t.Errorf("without a request it went up to %d", high)
	}
	if v := s.to(t, 145*time.Minute); v.Desired < 5 {
		t.Errorf("25 minutes into 30 requests a second %+v, want at least 5 desired", v)
	}
	s.to(t, 6*time.Hour)
	s.gentlyAsleep(t, 150*time.Minute, 10*time.Minute)
	s.sound(t)
	s.calm()
}

// H6: a policy that is blind at zero is refused with the reason.
func TestH6BlindPolicyIsRefused(t *testing.T) {
	t.Parallel()
	s := tell(t, world.Options{}, plant.Service{Load: constant(30), Desired: 5})
	p := tracked()
	p.MinCapacity = 0
	err := s.Apply(t.Context(), document(p), "somebody thrifty")
	if err == nil || !strings.Contains(err.Error(), "zero tasks") {
		t.Errorf("CPU alone with a minimum of 0: %v", err)
	}
	if v := s.to(t, 2*time.Hour); v.Desired < 5 {
		t.Errorf("and then %+v", v)
	}
}

// A burst that reaches a service at zero is met by its queue's own state at each look: it
// does not wait for the metrics of the minute after the first order, which come minutes
// late. 64 tasks' worth of messages for five minutes, each to be begun within five.
func TestBurstFromZeroIsMetBeforeItsMetrics(t *testing.T) {
	t.Parallel()
	p := sleeper()
	p.MaxCapacity, p.Policies[0].Backlog.AcceptableLatency = 200, spec.Duration(5*time.Minute)
	o := plant.Options{}
	s := worker(t, o, plant.Queue{Arrivals: pulse(30, 35, 128), Limit: 5 * time.Minute}, p)
	s.to(t, 33*time.Minute)
	if as := s.acts(30*time.Minute, 33*time.Minute); len(as) < 2 {
		t.Errorf("three minutes after the burst began there were the orders %+v, want several", as)
	}
	s.to(t, 90*time.Minute)
	if x := s.Plant.Tally("web"); x.Arrived != 64*2*5*60 || x.Slow > 0 {
		t.Errorf("%v of %v messages waited longer than 5 minutes, want none", x.Slow, x.Arrived)
	}
	s.sound(t)
}
