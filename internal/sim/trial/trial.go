// Package trial gives one policy's run over one recorded load on the simulated
// plant: Trimtab through its own staircase, or a re-implemented peer, on the same
// service, with the same sensor. The load is requests that the service answers, or
// messages of a queue that it works off.
package trial

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// Setup is what a run has beside its course and its contestant.
type Setup struct {
	Start Start
	Seed  uint64
	// Discrete plays every request instead of a fluid, and sends messages at random instead
	// of evenly.
	Discrete bool
	// Step is the time between the samples that the result keeps; none if zero.
	Step time.Duration
	// Min and Max are the bounds of the service, in tasks: 1, of a queue 0, and four times
	// the peak of the demand, or what a scheduled window sets, where Max is 0. Initial is how
	// many run at the start: where it is 0, as many as suit the first second.
	Min, Max, Initial int
	// Watch, where set, is shown each sample as it is taken, with the orders that Trimtab
	// gave since the one before.
	Watch func(now time.Time, s Sample, orders []Order)

	resolution int // seconds of the CPU metric: 60 if zero
	reach      int // tasks that the service must be able to have
}

// Result is what came of a run.
type Result struct {
	score.Score
	Run       score.Run
	Samples   []Sample        // every Step, from the start
	Decisions []ledger.Record // the orders of Trimtab, oldest first
	Orders    []plant.Activity
}

// Sample is what was true at one instant.
type Sample struct {
	Demand    float64 // tasks that the load keeps busy
	Desired   int
	Running   int
	Instances int // on EC2Cold
}

// Order is a count that Trimtab ordered, as a watcher hears of it.
type Order struct {
	At              time.Time
	Before, Desired int
	Because         string
}

// Run lets a contestant size the service of a course from its start to its end, with
// one value of its knob. The same arguments give the same result.
func Run(ctx context.Context, c *Course, k Contestant, o Setup, knob float64) (Result, error) {
	o.resolution, o.reach = k.resolution, k.reach()
	w := world.Options{NoTick: !k.ours(), Drainage: k.ours() && o.Start == EC2Cold, Mode: "act"}
	s, err := build(c, o, w, !k.ours(), cmp.Or(o.Initial, k.initial(c, knob)))
	if err != nil {
		return Result{}, fmt.Errorf("run %s on %s: %w", k.Name, c.Name, err)
	}
	s.knob = knob
	if err := k.enter(ctx, s); err != nil {
		return Result{}, fmt.Errorf("run %s on %s: %w", k.Name, c.Name, err)
	}
	r, err := s.play(ctx, k)
	if err != nil {
		return Result{}, fmt.Errorf("run %s on %s: %w", k.Name, c.Name, err)
	}
	return r, nil
}

// watch is what is read off the plant while it runs.
type watch struct {
	samples   []Sample
	instances []plant.Count
	before    plant.Tally // at the end of the warm-up
	answers   *queueing.Histogram
	calls     int
	ran       world.Count
}

// play lets time pass to the end of the course and scores it.
func (s *stage) play(ctx context.Context, k Contestant) (Result, error) {
	var t watch
	p, clock, end := s.world.Plant, s.world.Clock, s.course.Start.Add(s.course.Length())
	clock.At(s.course.Start.Add(time.Duration(s.course.From)*time.Second), sim.Probes, func() {
		p.Finish()
		p.BeginEpisodes(web)
		t.before, t.calls, t.ran = p.Tally(web), s.calls(), s.world.Count()
		before := *p.Latency(web)
		t.answers = &before
	})
	if s.setup.Step > 0 {
		clock.Every(s.course.Start, s.setup.Step, sim.Probes, func() {
			x := s.sample()
			t.samples = append(t.samples, x)
			if s.setup.Watch != nil {
				s.setup.Watch(clock.Now(), x, s.news)
				s.news = nil
			}
		})
	}
	if s.setup.Start == EC2Cold {
		clock.Every(s.course.Start, groupStep, sim.Probes, func() {
			n, at := p.Instances(hosts), int(clock.Now().Sub(s.course.Start)/time.Second)
			if k := len(t.instances); k == 0 || t.instances[k-1].N != n {
				t.instances = append(t.instances, plant.Count{At: at, N: n})
			}
		})
	}
	if err := s.world.Run(ctx, end); err != nil {
		return Result{}, err
	}
	if err := s.world.Failures(); err != nil {
		return Result{}, fmt.Errorf("%d of %d invocations failed: %w", s.world.Count().Failures, s.world.Count().Invocations, err)
	}
	if s.failed != nil {
		return Result{}, s.failed
	}
	r := Result{Samples: t.samples, Orders: p.Activities(web)}
	if k.ours() && s.setup.Step > 0 {
		var err error
		if r.Decisions, err = s.orders(ctx); err != nil {
			return Result{}, err
		}
	}
	r.Run = s.run(t)
	r.Score = r.Run.Score()
	return r, nil
}

// groupStep is how often the instances are counted: a boot takes twelve of it at least.
const groupStep = 10 * time.Second

// sample looks at what is true now.
func (s *stage) sample() Sample {
	v := s.world.Plant.View(web)
	x := Sample{Demand: v.Demand, Desired: v.Desired, Running: v.Running}
	if s.setup.Start == EC2Cold {
		x.Instances = s.world.Plant.Instances(hosts)
	}
	return x
}

// reported keeps the orders of a run of Trimtab for the watcher.
func (s *stage) reported(r reconcile.Report) {
	if s.setup.Watch == nil {
		return
	}
	for _, c := range r.Cells {
		for _, o := range c.Outcomes {
			if o.Done == reconcile.OrderDone && o.Target == service() {
				s.news = append(s.news, Order{At: r.At, Before: o.Before, Desired: o.Desired, Because: o.Because})
			}
		}
	}
}

// service is what is ordered for.
func service() fleet.Target { return fleet.ServiceKey{Cluster: cluster, Service: web}.Target() }

// orders gives the records of what Trimtab ordered for the service.
func (s *stage) orders(ctx context.Context) ([]ledger.Record, error) {
	all, err := s.world.Records(ctx, service())
	if err != nil {
		return nil, err
	}
	var out []ledger.Record
	for _, r := range all {
		if r.Kind == ledger.Ordered {
			out = append(out, r)
		}
	}
	return out, nil
}
