package cli

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

const formulasDoc = "../../docs/formulas.md"

var (
	heldBy  = regexp.MustCompile("`(internal/[a-z/]+): (Test[A-Za-z0-9]+)`")
	example = regexp.MustCompile("(?m)^- Example `([a-z-]+)`: (.*)$")
	bold    = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// Every test that the page names exists, and every sum names one.
func TestFormulasNameTheirTests(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, formulasDoc)
	named := heldBy.FindAllStringSubmatch(doc, -1)
	if len(named) < 30 {
		t.Errorf("%d tests found in %s, the test looks in the wrong place", len(named), formulasDoc)
	}
	for _, m := range named {
		if !declares(t, filepath.Join("../..", m[1]), m[2]) {
			t.Errorf("%s names %s, which %s does not have", formulasDoc, m[2], m[1])
		}
	}
	for _, section := range strings.Split(doc, "\n### ")[1:] {
		title, _, _ := strings.Cut(section, "\n")
		if !example.MatchString(section) || !heldBy.MatchString(section) {
			t.Errorf("%s: %q has no example or names no test", formulasDoc, title)
		}
	}
}

// declares tells whether a test file of the folder has the test.
func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(path string) bool {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(src), "\nfunc "+name+"(t *testing.T)")
	})
}

// The bold numbers of the examples are what the core computes.
func TestFormulaExamples(t *testing.T) {
	t.Parallel()
	all := map[string][]float64{}
	for _, of := range []map[string][]float64{trackingExamples(), typeExamples(), guardExamples(), rateExamples(), instanceExamples(), pairExamples()} {
		maps.Copy(all, of)
	}
	seen := map[string]bool{}
	for _, m := range example.FindAllStringSubmatch(readDoc(t, formulasDoc), -1) {
		var got []string
		for _, b := range bold.FindAllStringSubmatch(m[2], -1) {
			got = append(got, b[1])
		}
		want, known := all[m[1]]
		if !known || seen[m[1]] {
			t.Errorf("example %s of %s is computed by nothing, or stands there twice", m[1], formulasDoc)
		}
		seen[m[1]] = true
		var computed []string
		for _, v := range want {
			computed = append(computed, strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64))
		}
		if d := cmp.Diff(computed, got); d != "" {
			t.Errorf("example %s of %s (-computed +page):\n%s", m[1], formulasDoc, d)
		}
	}
	for name := range all {
		if !seen[name] {
			t.Errorf("%s has no example %s", formulasDoc, name)
		}
	}
}

// sums are the numbers of a scene: a service, noon, and datapoints that have settled.
var sumsNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var sumsKey = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}

// minutesOf is a metric whose newest period ended three minutes before noon.
func minutesOf(m signal.Metric, values ...float64) signal.Series {
	s := signal.Series{Metric: m, Status: signal.Complete}
	for i, v := range values {
		s.Points = append(s.Points, signal.Point{Start: sumsNoon.Add(-3*time.Minute - time.Duration(len(values)-i)*m.Period), Value: signal.Value(v)})
	}
	return s
}

// perTask gives a Sum of each minute the tasks that sent it.
func perTask(s signal.Series, tasks ...float64) signal.Series {
	for i := range s.Points {
		s.Points[i].Samples = signal.Value(tasks[i])
	}
	return s
}

// running is the tasks that ran in each minute.
func running(tasks ...float64) signal.Series {
	return minutesOf(spec.ServiceMetric(sumsKey, "CPUUtilization", "SampleCount"), tasks...)
}

// scene is a service of some tasks on Fargate, and its policies without limits.
func scene(base int, set []signal.Series, policies ...spec.Policy) taskcount.Input {
	all := []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
	return taskcount.Input{
		Key: sumsKey, Base: base, Signals: set,
		Service: fleet.Service{Name: "checkout", Compute: fleet.Fargate, Active: true, Desired: base, Running: base},
		Policy: spec.Service{
			MinCapacity: 1, MaxCapacity: 1000, Policies: policies,
			ScaleOut: spec.ScaleOut{RateLimits: []spec.RateLimit{{Tasks: 1000, Period: spec.Duration(time.Minute)}}},
			ScaleIn: spec.ScaleIn{
				StabilizationWindow: new(spec.Duration(0)), Cooldown: new(spec.Duration(0)), Datapoints: 1,
				RateLimits: all, RemovalBudget: all, HistoryFloor: new(spec.Percent(0)),
			},
		},
	}
}

func asked(in taskcount.Input) taskcount.Recommendation {
	r, _ := taskcount.Decide(sumsNoon, in)
	return r.Policies[0]
}

func decided(in taskcount.Input) float64 {
	r, _ := taskcount.Decide(sumsNoon, in)
	return float64(r.Desired)
}

// burden is a policy on a total of 1 for each task: the total is the need.
func burden(name string) spec.Policy {
	return spec.Policy{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: name}, TargetPerTask: 1}}
}

// needing is a service whose minutes need so many tasks, oldest first.
func needing(base int, needs ...float64) taskcount.Input {
	p := burden("Load")
	return scene(base, []signal.Series{minutesOf(p.TargetTracking.CloudWatch(sumsKey).Metric, needs...)}, p)
}

// with changes a scene.
func with(in taskcount.Input, change func(*taskcount.Input)) taskcount.Input {
	change(&in)
	return in
}

func trackingExamples() map[string][]float64 {
	cpu := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}
	average := spec.Policy{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "Connections"}, TargetValue: 70}}
	total := spec.Policy{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 40}}
	requests := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: "app/a/1/targetgroup/b/2", TargetValue: 1000}}
	of := func(p spec.Policy, values ...float64) signal.Series {
		return minutesOf(p.TargetTracking.CloudWatch(sumsKey).Metric, values...)
	}
	one := func(s ...signal.Series) []signal.Series { return s }
	fine := scene(10, one(perTask(of(cpu, 2700), 30)), cpu)
	fine.Service.CPUSeconds = 20
	deploying := scene(10, one(perTask(of(cpu, 1500), 20)), cpu)
	utilisation, resolution, both, pinned := asked(scene(10, one(perTask(of(cpu, 900), 10)), cpu)), asked(fine), asked(deploying), asked(scene(10, one(perTask(of(cpu, 990), 10)), cpu))
	sum := asked(scene(10, one(of(total, 421)), total))
	return map[string][]float64{
		"utilisation": {utilisation.Need, float64(utilisation.Count)},
		"average":     {asked(scene(10, one(of(average, 84), running(10)), average)).Need},
		"total":       {sum.Need, float64(sum.Count)},
		"requests":    {asked(scene(10, one(of(requests, 12_000)), requests)).Need},
		"resolution":  {float64(resolution.Tasks), resolution.Need},
		"joining":     {asked(scene(10, one(perTask(of(cpu, 500, 733), 5, 10)), cpu)).Need},
		"deployment":  {both.Need, float64(both.Count)},
		"saturation":  {float64(pinned.Count)},
		"tolerance": {
			float64(asked(needing(10, 10.5)).Count), float64(asked(needing(10, 10.51)).Count),
			float64(asked(needing(10, 9)).Count), float64(asked(needing(10, 8.99)).Count),
		},
	}
}

// inSteps is the count that the steps of the guide make of some tasks.
func inSteps(tasks int, cpu float64) float64 {
	step := func(low, high *float64, adjustment int) spec.StepAdjustment {
		return spec.StepAdjustment{MetricIntervalLowerBound: low, MetricIntervalUpperBound: high, ScalingAdjustment: adjustment}
	}
	p := spec.Policy{StepScaling: &spec.StepScaling{
		PredefinedMetric: spec.CPUUtilization, Threshold: 50, AdjustmentType: spec.PercentChangeInCapacity,
		StepAdjustments: []spec.StepAdjustment{
			step(nil, new(-20.0), -30), step(new(-20.0), new(-10.0), -10), step(new(10.0), new(20.0), 10), step(new(20.0), nil, 30),
		},
	}}
	n := float64(tasks)
	return decided(scene(tasks, []signal.Series{perTask(minutesOf(p.StepScaling.CloudWatch(sumsKey).Metric, cpu*n), n)}, p))
}

// queueing is a service of 10 tasks with a queue: messages that wait, arrive in a
// minute, are finished in it, and the age of the oldest, minute by minute.
func queueing(b spec.Backlog, waiting, arrivals, finished, age []float64) taskcount.Input {
	src := b.CloudWatch()
	return scene(10, []signal.Series{
		minutesOf(src.Backlog, waiting...), minutesOf(src.Arrivals, arrivals...), minutesOf(*src.Completions, finished...), minutesOf(*src.OldestAge, age...),
		running(slices.Repeat([]float64{10}, len(waiting))...),
	}, spec.Policy{Backlog: &b})
}

func typeExamples() map[string][]float64 {
	minute, quarter := spec.Duration(time.Minute), new(spec.Duration(250*time.Millisecond))
	jobs := spec.Backlog{Queue: "jobs", AcceptableLatency: minute, ProcessingTime: quarter}
	patient := spec.Backlog{Queue: "jobs", AcceptableLatency: 5 * minute, ProcessingTime: quarter}
	copilot := spec.Backlog{Queue: "jobs", AcceptableLatency: 10 * minute, ProcessingTime: quarter}
	learning := spec.Backlog{Queue: "jobs", AcceptableLatency: minute}
	full := func(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }
	learnt := func(finished []float64) float64 {
		n := len(finished)
		return asked(queueing(learning, full(n, 500), full(n, 600), finished, full(n, 1))).Target
	}
	flight := func(perTask, utilization float64, values ...float64) taskcount.Input {
		c := spec.Concurrency{Metric: spec.Metric{Namespace: "App", Name: "InFlight", Period: spec.Duration(10 * time.Second)}, TargetPerTask: perTask, TargetUtilization: new(spec.Percent(utilization))}
		return scene(10, []signal.Series{minutesOf(c.Metric.CloudWatch("Sum"), values...)}, spec.Policy{Concurrency: &c})
	}
	surge := flight(1, 1, 8.2, 8.2, 8.2, 8.2, 8.2, 25)
	backlog := asked(queueing(jobs, full(1, 2400), full(1, 2400), full(1, 0), full(1, 1)))
	two := func(a, b float64) float64 {
		p, q := burden("A"), burden("B")
		return decided(scene(10, []signal.Series{
			minutesOf(p.TargetTracking.CloudWatch(sumsKey).Metric, a), minutesOf(q.TargetTracking.CloudWatch(sumsKey).Metric, b),
		}, p, q))
	}
	calm := with(surge, func(in *taskcount.Input) { // the stable mean alone
		c := *in.Policy.Policies[0].Concurrency
		c.PanicThreshold = 10
		in.Policy.Policies = []spec.Policy{{Concurrency: &c}}
	})
	return map[string][]float64{
		"steps":       {inSteps(10, 60), inSteps(11, 70), inSteps(14, 40), inSteps(13, 30)},
		"backlog":     {backlog.Target, backlog.Need},
		"copilot":     {asked(queueing(copilot, full(1, 24_000), full(1, 0), full(1, 0), full(1, 1))).Need},
		"burst":       {asked(queueing(patient, full(30, 0), append(full(29, 0), 2400), full(30, 0), full(30, 0))).Need},
		"learnt":      {learnt(full(8, 1200)), learnt(append(full(8, 1200), 2400))},
		"age":         {float64(asked(queueing(jobs, full(1, 720), full(1, 720), full(1, 0), full(1, 132))).Count)},
		"concurrency": {asked(flight(10, 0.7, full(6, 84)...)).Need},
		"panic":       {asked(calm).Need, float64(asked(surge).Count)},
		"several":     {two(12, 15), two(12, 4), two(5.5, 4), two(10, 4)},
	}
}

func guardExamples() map[string][]float64 {
	window := func(out, in time.Duration) func(*taskcount.Input) {
		return func(i *taskcount.Input) {
			i.Policy.ScaleOut.StabilizationWindow, i.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(out)), new(spec.Duration(in))
		}
	}
	three := 3 * time.Minute
	connections := with(needing(10, 100), func(in *taskcount.Input) {
		in.Policy.Constraints = []spec.Constraint{{Name: "database", PerTask: 8, AtMost: 100}}
	})
	priced := func(base int, atMost float64, left *float64) float64 {
		return decided(with(needing(base, 500), func(in *taskcount.Input) {
			in.Policy.Spend, in.SpendLeft = &spec.Spend{TaskHour: 0.04, AtMostPerHour: atMost}, left
		}))
	}
	floor := with(needing(20, 1), func(in *taskcount.Input) {
		in.Policy.ScaleIn.HistoryFloor = new(spec.Percent(0.5))
		in.History.Hours, _ = in.History.Hours.See(sumsNoon.Add(-7*24*time.Hour), 13)
	})
	order := func(minutesAgo, from, to int) history.Order {
		return history.Order{At: sumsNoon.Add(-time.Duration(minutesAgo) * time.Minute), From: from, To: to}
	}
	turned := func(orders ...history.Order) float64 {
		return decided(with(needing(10, 4.7), func(in *taskcount.Input) { in.History.Orders = orders }))
	}
	return map[string][]float64{
		"windows": {
			decided(with(needing(10, 15, 13, 15), window(three, 0))),
			decided(with(needing(10, 7.5, 4, 4), window(0, three))), decided(with(needing(10, 7.5, math.NaN(), 4), window(0, three))),
		},
		"constraint": {decided(connections)},
		"spend":      {priced(10, 2.50, nil), priced(10, 0, new(0.50)), priced(20, 0, new(0.50))},
		"hours":      {decided(floor)},
		"flapping":   {decided(needing(10, 8.5)), decided(needing(10, 8.6))},
		"reversals": {
			turned(order(50, 8, 10), order(40, 10, 8), order(30, 8, 10), order(20, 10, 8), order(10, 8, 10)),
			turned(order(50, 8, 10), order(40, 10, 8), order(10, 8, 10)),
		},
	}
}

func rateExamples() map[string][]float64 {
	free := func(in *taskcount.Input) { in.Policy.ScaleOut.RateLimits, in.Policy.ScaleIn.RateLimits = nil, nil }
	ordered := func(secondsAgo, from, to int) history.History {
		return history.History{Orders: []history.Order{{At: sumsNoon.Add(-time.Duration(secondsAgo) * time.Second), From: from, To: to}}}
	}
	again := with(needing(20, 100), func(in *taskcount.Input) {
		free(in)
		in.History = ordered(30, 10, 20)
	})
	budget := with(needing(80, 10), func(in *taskcount.Input) {
		in.Policy.ScaleIn.RemovalBudget = nil
		in.History = ordered(600, 100, 80)
	})
	placed := func(running int) float64 {
		return decided(with(needing(30, 100), func(in *taskcount.Input) {
			in.Policy.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 10, Period: spec.Duration(time.Minute)}}
			in.Service.Running, in.Acting = running, true
		}))
	}
	sick := func(running int) float64 {
		return decided(with(needing(10, 1.8), func(in *taskcount.Input) { in.Service.Running = running }))
	}
	return map[string][]float64{
		"rates":       {decided(with(needing(4, 100), free)), decided(with(needing(2, 100), free)), decided(with(needing(25, 1), free))},
		"rates-again": {decided(again)},
		"budget":      {decided(budget)},
		"placement":   {placed(10), placed(25)},
		"fleet":       {sick(5), sick(6)},
	}
}

func instanceExamples() map[string][]float64 {
	shape, size := fleet.Resources{CPU: 2048, Memory: 7680}, fleet.Resources{CPU: 512, Memory: 1024}
	waiting := []placement.Item{{Name: "a", Size: size, Count: 10}}
	_, rest, _ := placement.Place(waiting, []placement.Bin{{Name: "empty", Free: shape}})
	bins := placement.Pack(waiting, nil, []placement.Shape{{Bin: placement.Bin{Free: shape}, Limit: -1}}).New[0]
	grown := func(base int) float64 {
		in := capacity.Input{
			Group: fleet.Group{Name: "m7g", MaxSize: 10, DesiredCapacity: base}, Base: base,
			Waiting: []placement.Item{{Name: "a", Size: size, Count: 9}},
		}
		for i := range 2 {
			in.Instances = append(in.Instances, fleet.Instance{ID: fleet.InstanceID(fmt.Sprint(i)), Group: "m7g", Active: true, Connected: true, Registered: shape})
		}
		return float64(capacity.Decide(in).Desired)
	}
	return map[string][]float64{
		"packing":  {float64(10 - rest[0].Count), float64(bins)},
		"capacity": {grown(2), grown(3)},
	}
}
