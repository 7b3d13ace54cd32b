package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// The service of the demo.
const (
	cluster     = fleet.ClusterName("demo")
	web         = fleet.ServiceName("web")
	targetValue = 60.0 // percent CPU, the same for every policy
	minTasks    = 2
	maxTasks    = 60
	// tasksAtP99 sets what one task carries: the load's 99th percentile keeps so
	// many tasks fully busy.
	tasksAtP99 = 20
	step       = time.Minute // between the samples of the report
	staticName = "Static fleet"
)

// scene is the day that every policy lives through.
type scene struct {
	seed     uint64
	day      trace.Recorded
	start    time.Time
	length   time.Duration
	load     []float64 // arrivals in each second
	capacity float64   // arrivals a second that one task carries
	initial  int       // tasks at the start, right for the load then
	static   int       // tasks of the static fleet
	version  string    // of the build
}

func newScene(seed uint64, load string) (scene, error) {
	d, err := trace.Embedded(load)
	if err != nil {
		return scene{}, err
	}
	s := scene{
		seed: seed, day: d, start: d.Start, length: d.Length(), load: d.Seconds(), capacity: d.Quantile(0.99) / tasksAtP99,
	}
	s.initial = max(minTasks, baseline.Static(s.load[0]/s.capacity, targetValue))
	s.static = baseline.Static(slices.Max(s.load)/s.capacity, targetValue)
	return s, nil
}

// service is the simulated service with so many tasks at the start.
func (s scene) service(desired int) plant.Service {
	return plant.Service{
		Name: web, Desired: desired, Capacity: s.capacity,
		Load: func(second int) float64 {
			if second >= len(s.load) {
				return s.load[len(s.load)-1]
			}
			return s.load[second]
		},
	}
}

// run is one policy's day as it went.
type run struct {
	name, note string
	plant      *plant.Plant
	samples    []report.Sample
	decisions  []report.Decision
}

func (r *run) score() report.Score {
	return report.NewScore(r.plant.Tally(web), r.plant.Activities(web))
}

func (r *run) outcome() Outcome { return Outcome{Name: r.name, Note: r.note, Score: r.score()} }

func (r *run) policy() report.Policy {
	return report.Policy{Name: r.name, Note: r.note, Samples: r.samples, Decisions: r.decisions}
}

// sample takes a sample now and at every step.
func (r *run) sample(clock *sim.Clock) {
	clock.Every(clock.Now(), step, sim.Probes, func() {
		v := r.plant.View(web)
		r.samples = append(r.samples, report.Sample{Demand: v.Demand, Desired: v.Desired, Running: v.Running})
	})
}

// trimtab lives the day with Trimtab deployed. The policy is the least one can
// write: bounds and one target; the rest is defaults.
func (s scene) trimtab(ctx context.Context, say *talk) (*run, *world.World, error) {
	r := &run{name: "Trimtab", note: fmt.Sprintf("target tracking at %.0f %% CPU, defaults otherwise", targetValue)}
	w, err := world.New(world.Options{
		Seed: s.seed, Start: s.start, Mode: spec.Act, Plant: plant.Options{Cluster: cluster},
		Reported: func(rep reconcile.Report) { say.reported(rep) },
	})
	if err != nil {
		return nil, nil, err
	}
	r.plant = w.Plant
	svc := s.service(s.initial)
	svc.Min, svc.Max = minTasks, maxTasks
	if err := w.Plant.AddService(svc); err != nil {
		return nil, nil, fmt.Errorf("add service: %w", err)
	}
	if err := w.Apply(ctx, spec.Document{Cluster: cluster, Mode: spec.Act, Services: map[fleet.ServiceName]spec.Service{web: {
		MinCapacity: minTasks, MaxCapacity: maxTasks,
		Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: targetValue}}},
	}}}, "demo"); err != nil {
		return nil, nil, err
	}
	for _, a := range []plant.Alarm{
		{Name: "web-cpu-high", Service: web, Threshold: targetValue + 5, Periods: 1, Breaching: 1},
		{Name: "web-cpu-low", Service: web, Below: true, Threshold: targetValue - 12, Periods: 5, Breaching: 5},
	} {
		if err := w.Wake(a); err != nil {
			return nil, nil, fmt.Errorf("add alarm: %w", err)
		}
	}
	r.sample(w.Clock)
	say.watch(w)
	if err := w.Run(ctx, s.start.Add(s.length)); err != nil {
		return nil, nil, err
	}
	// Nothing fails in this world, so a failure is one of the staircase.
	if err := w.Failures(); err != nil {
		return nil, nil, fmt.Errorf("%d of %d invocations failed: %w", w.Count().Failures, w.Count().Invocations, err)
	}
	records, err := w.Records(ctx, fleet.ServiceKey{Cluster: cluster, Service: web}.Target())
	if err != nil {
		return nil, nil, err
	}
	for _, rec := range records {
		if rec.Kind == ledger.Ordered {
			d, err := report.FromRecord(rec)
			if err != nil {
				return nil, nil, err
			}
			r.decisions = append(r.decisions, d)
		}
	}
	return r, w, nil
}

// tracked lives the day with Application Auto Scaling.
func (s scene) tracked(ctx context.Context, name, note string, c baseline.TargetTracking) (*run, error) {
	var failed error
	c.Target, c.Min, c.Max = targetValue, minTasks, maxTasks
	return s.alone(ctx, name, note, s.initial, func(p *plant.Plant, clock *sim.Clock) error {
		return baseline.Attach(p, web, c, clock.Now, func(err error) { failed = err })
	}, &failed)
}

// alone lives the day without Trimtab.
func (s scene) alone(ctx context.Context, name, note string, desired int, attach func(*plant.Plant, *sim.Clock) error, failed *error) (*run, error) {
	clock := sim.NewClock(s.start)
	p, err := plant.New(clock, plant.Options{Cluster: cluster, Seed: s.seed})
	if err != nil {
		return nil, err
	}
	if err := p.AddService(s.service(desired)); err != nil {
		return nil, fmt.Errorf("add service: %w", err)
	}
	if err := attach(p, clock); err != nil {
		return nil, err
	}
	r := &run{name: name, note: note, plant: p}
	r.sample(clock)
	for clock.Step(s.start.Add(s.length)) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("run %s: %w", name, err)
		}
	}
	clock.RunUntil(s.start.Add(s.length))
	p.Finish()
	if *failed != nil {
		return nil, *failed
	}
	return r, p.Check()
}

// play lives the day under every policy.
func (s scene) play(ctx context.Context, say *talk) (Result, report.Page, error) {
	ours, w, err := s.trimtab(ctx, say)
	if err != nil {
		return Result{}, report.Page{}, err
	}
	aas, err := s.tracked(ctx, "Application Auto Scaling", fmt.Sprintf("target tracking at %.0f %% CPU, cooldowns of 300 s", targetValue), baseline.TargetTracking{})
	if err != nil {
		return Result{}, report.Page{}, err
	}
	none := error(nil)
	static, err := s.alone(ctx, staticName, fmt.Sprintf("%d tasks, sized at the peak for %.0f %% CPU", s.static, targetValue), s.static,
		func(*plant.Plant, *sim.Clock) error { return nil }, &none)
	if err != nil {
		return Result{}, report.Page{}, err
	}
	variants, err := s.variants(ctx)
	if err != nil {
		return Result{}, report.Page{}, err
	}
	res := Result{
		Load: s.day.Title, Seed: s.seed, Version: s.version, Variants: variants,
		Invocations: w.Count().Invocations, UpdateOrders: w.Plant.Calls(plant.ECS, "UpdateService"),
		MetricReads: w.Plant.Calls(plant.CloudWatch, "GetMetricData") - w.Plant.CallsOf(plant.CloudWatch, "GetMetricData", ""),
	}
	day := report.Trace{Name: "The day", Start: s.start, Step: step}
	for _, r := range []*run{ours, aas, static} {
		res.Policies = append(res.Policies, r.outcome())
		day.Policies = append(day.Policies, r.policy())
	}
	res.Verdict = verdict(res.Policies)
	return res, s.page(res, day), nil
}

// variants are other readings and settings of Application Auto Scaling, so that
// nobody need wonder whether the one in the table was chosen to lose.
func (s scene) variants(ctx context.Context) ([]Outcome, error) {
	var out []Outcome
	for _, v := range []struct {
		note string
		cfg  baseline.TargetTracking
	}{
		{"scale-in by at most a tenth at a time", baseline.TargetTracking{GentleIn: true}},
	} {
		r, err := s.tracked(ctx, "Application Auto Scaling", v.note, v.cfg)
		if err != nil {
			return nil, err
		}
		out = append(out, r.outcome())
	}
	return out, nil
}
