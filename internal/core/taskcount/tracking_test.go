package taskcount_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// settledLag is old enough for a datapoint to stand alone.
const settledLag = 3 * time.Minute

// series is what was read of a metric: the values oldest first, the newest
// period ended lag before noon.
func series(m signal.Metric, lag time.Duration, values ...float64) signal.Series {
	s := signal.Series{Metric: m, Status: signal.Complete}
	for i, v := range values {
		s.Points = append(s.Points, signal.Point{Start: noon.Add(-lag - time.Duration(len(values)-i)*m.Period), Value: signal.Value(v)})
	}
	return s
}

// counts is the running tasks minute by minute, as the SampleCount tells them.
func counts(lag time.Duration, tasks ...float64) signal.Series {
	return series(spec.ServiceMetric(key, "CPUUtilization", "SampleCount"), lag, tasks...)
}

// alone is a service of 1 to 1000 tasks with one policy, whose rule stands alone:
// no look back, no limit, no flap guard's tolerance of its own.
func alone(p spec.Policy) spec.Service {
	s := service()
	s.MinCapacity, s.MaxCapacity, s.Policies = 1, 1000, []spec.Policy{p}
	s.ScaleIn.StabilizationWindow, s.ScaleIn.Cooldown = new(spec.Duration(0)), new(spec.Duration(0))
	return s
}

// given is what a service of some tasks with one policy decides from.
func given(desired int, p spec.Policy, set ...signal.Series) taskcount.Input {
	in := input(desired, set)
	in.Policy = alone(p)
	in.Queues = working(p)
	return in
}

// working is the state of a policy's queue of which one message is worked on: nothing
// waits, and it is not idle.
func working(p spec.Policy) []signal.Queue {
	if p.Backlog == nil || p.Backlog.Queue == "" {
		return nil
	}
	return []signal.Queue{queueState(0, 1, 0)}
}

func ownMetric(name string, period time.Duration) *spec.Metric {
	return &spec.Metric{Namespace: "App", Name: name, Period: spec.Duration(period)}
}

func average(m *spec.Metric, target float64) spec.Policy {
	return spec.Policy{TargetTracking: &spec.TargetTracking{Metric: m, TargetValue: target}}
}

func totalOf(m *spec.Metric, perTask float64) spec.Policy {
	return spec.Policy{TargetTracking: &spec.TargetTracking{Metric: m, TargetPerTask: perTask}}
}

func read(p spec.Policy) signal.Metric { return p.TargetTracking.CloudWatch(key).Metric }

const albLabel = "app/web/1/targetgroup/web/2"

// Each row is one datapoint of 10 tasks that has settled.
func TestTargetTracking(t *testing.T) {
	t.Parallel()
	pool := average(ownMetric("BusyPercent", time.Minute), 70)
	pool.TargetTracking.Ceiling = 100
	share := average(ownMetric("BusyShare", time.Minute), 0.5)
	share.TargetTracking.Ceiling = 0.7
	sum := totalOf(ownMetric("InFlight", time.Minute), 40)
	memory := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 70}}
	requests := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: albLabel, TargetValue: 1000}}
	ecs := func(p spec.Policy, mean float64) signal.Series {
		s := series(read(p), settledLag, mean*10)
		s.Points[0].Samples = 10
		return s
	}
	tests := []struct {
		name string
		p    spec.Policy
		set  []signal.Series
		want int // what the policy asks for
		need float64
	}{
		{"a total of 400 at 40 a task needs 10", sum, []signal.Series{series(read(sum), settledLag, 400)}, 10, 10},
		{"a total of 421 is 10.525, past 5 % of tolerance", sum, []signal.Series{series(read(sum), settledLag, 421)}, 11, 10.525},
		{"a total of 359 is 8.975, past 10 %", sum, []signal.Series{series(read(sum), settledLag, 359)}, 9, 8.975},
		{"a total of 360 is 9, within it", sum, []signal.Series{series(read(sum), settledLag, 360)}, 10, 9},
		{"a total of 0 needs none", sum, []signal.Series{series(read(sum), settledLag, 0)}, 0, 0},
		{"a negative total is no datapoint", sum, []signal.Series{series(read(sum), settledLag, -40)}, 10, 0},
		{"a negative average is no datapoint", pool, []signal.Series{series(read(pool), settledLag, -84), counts(settledLag, 10)}, 10, 0},
		{"negative CPU is no datapoint", cpuPolicy(60), []signal.Series{ecs(cpuPolicy(60), -30)}, 10, 0},
		{"an average of 84 over 10 tasks at 70", pool, []signal.Series{series(read(pool), settledLag, 84), counts(settledLag, 10)}, 12, 12},
		{"a pool just below its ceiling", pool, []signal.Series{series(read(pool), settledLag, 99.9), counts(settledLag, 10)}, 15, 99.9 * 10 / 70},
		{"a pool at its ceiling needs twice the tasks", pool, []signal.Series{series(read(pool), settledLag, 100), counts(settledLag, 10)}, 20, 20},
		{"a pool at its ceiling over a mean of 3 tasks", pool, []signal.Series{series(read(pool), settledLag, 100), counts(settledLag, 3)}, 10, 6},
		{"at its ceiling, although 0.7 x 3 / 3 is less than 0.7", share, []signal.Series{series(read(share), settledLag, 0.7), counts(settledLag, 3)}, 10, 6},
		{"12,000 requests a minute at 1,000 a task", requests, []signal.Series{series(read(requests), settledLag, 12_000)}, 12, 12},
		{"CPU of Fargate just below 99 %", cpuPolicy(60), []signal.Series{ecs(cpuPolicy(60), 98.9)}, 17, 98.9 / 6},
		{"CPU of Fargate at 99 % is pinned", cpuPolicy(60), []signal.Series{ecs(cpuPolicy(60), 99)}, 20, 20},
		{"memory is never pinned", memory, []signal.Series{ecs(memory, 99.5)}, 15, 995.0 / 70},
		{"a NaN is no datapoint", sum, []signal.Series{series(read(sum), settledLag, math.NaN())}, 10, 0},
		{"an infinite value is no datapoint", sum, []signal.Series{series(read(sum), settledLag, math.Inf(1))}, 10, 0},
		{"an average without its tasks is no datapoint", pool, []signal.Series{series(read(pool), settledLag, 84), counts(settledLag+time.Minute, 10)}, 10, 0},
		{"an average over no task is no datapoint", pool, []signal.Series{series(read(pool), settledLag, 84), counts(settledLag, 0)}, 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decide(noon, given(10, tt.p, tt.set...))
			r := got.Policies[0]
			if r.Count != tt.want || math.Abs(r.Need-tt.need) > 1e-9 {
				t.Errorf("asked for %d (need %v: %s), want %d (need %v)", r.Count, r.Need, r.Because, tt.want, tt.need)
			}
			checkChain(t, got)
		})
	}
}

// The metrics of a service with high resolution have three samples of each task in
// a minute, and its 20-second metrics one.
func TestResolutions(t *testing.T) {
	t.Parallel()
	fine := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilizationHighRes, TargetValue: 60}}
	fineMemory := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilizationHighRes, TargetValue: 60}}
	own := average(ownMetric("Connections", time.Minute), 50)
	tests := []struct {
		name           string
		p              spec.Policy
		sum, samples   float64
		cpu, memory    int // seconds
		tasks, counted float64
		want           int
	}{
		{"a minute of 60 s samples", cpuPolicy(60), 900, 10, 60, 60, 10, 0, 15},
		{"a minute, resolution not known", cpuPolicy(60), 900, 10, 0, 0, 10, 0, 15},
		{"a minute of 20 s samples", cpuPolicy(60), 2700, 30, 20, 60, 10, 0, 15},
		{"20 s of 20 s samples", fine, 900, 10, 20, 60, 10, 0, 15},
		{"20 s, resolution not known", fine, 900, 10, 0, 0, 10, 0, 15},
		{"memory has a resolution of its own", fineMemory, 900, 10, 60, 20, 10, 0, 15},
		{"the running tasks of an average of 60 s samples", own, 75, 0, 60, 60, 10, 10, 15},
		{"the running tasks of an average of 20 s samples", own, 75, 0, 20, 60, 10, 30, 15},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := series(read(tt.p), settledLag, tt.sum)
			s.Points[0].Samples = signal.Value(tt.samples)
			in := given(10, tt.p, s)
			if tt.counted > 0 {
				in.Signals = append(in.Signals, counts(settledLag, tt.counted))
			}
			in.Service.CPUSeconds, in.Service.MemorySeconds = tt.cpu, tt.memory
			if r := decide(noon, in).Policies[0]; r.Count != tt.want || r.Tasks != int(tt.tasks) {
				t.Errorf("asked for %d of %d tasks (%s), want %d of %v", r.Count, r.Tasks, r.Because, tt.want, tt.tasks)
			}
		})
	}
}

// An infinite need could not be written into a decision record.
func TestNeedsAreFinite(t *testing.T) {
	t.Parallel()
	tiny := spec.Duration(time.Second)
	sum := totalOf(ownMetric("InFlight", time.Minute), 1e-300)
	step := cpuStep(spec.ChangeInCapacity, 1e-300, stepAt(0, math.Inf(1), 1))
	queue := queuePolicy(spec.Backlog{AcceptableLatency: tiny, ProcessingTime: new(spec.Duration(12 * time.Hour))})
	flight := spec.Policy{Concurrency: &spec.Concurrency{Metric: *ownMetric("InFlight", time.Minute), TargetPerTask: 1e-300}}
	cpuSeries := series(spec.ServiceMetric(key, "CPUUtilization", "Sum"), settledLag, 1e308)
	cpuSeries.Points[0].Samples = 10
	for _, in := range []taskcount.Input{
		given(10, sum, series(read(sum), settledLag, 1e308)),
		given(10, cpuPolicy(1e-300), cpuSeries),
		given(10, step, cpuSeries),
		given(10, queue, queueSeries(queue, settledLag, rows{{waiting: 1e308, arrivals: 1e308, age: 1e300}})...),
		given(10, flight, series(flight.Concurrency.Metric.CloudWatch("Sum"), settledLag, 1e308, 1e308)),
	} {
		got := decide(noon, in)
		if r := got.Policies[0]; math.IsInf(r.Need, 0) || got.Desired <= 10 {
			t.Errorf("%s: need %v, desired %d, want a finite need and more tasks", r.Type, r.Need, got.Desired)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("write the decision: %v", err)
		}
	}
}

// What an out or an in window holds is what Queries asks for: with all that was
// ever published, the decision is the same as with what was asked for.
func TestQueriesAskForEnough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		period := rapid.SampledFrom([]time.Duration{10 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, time.Hour}).Draw(t, "period")
		m := ownMetric("Load", period)
		var p spec.Policy
		switch rapid.IntRange(0, 4).Draw(t, "type") {
		case 0:
			p = totalOf(m, 40)
		case 1:
			p = average(m, 40)
		case 2:
			p = cpuStep(spec.ChangeInCapacity, 40, stepAt(-40, 0, -1), stepAt(0, 20, 1), stepAt(20, math.Inf(1), 3))
			p.StepScaling.PredefinedMetric, p.StepScaling.Metric = "", m
			p.StepScaling.EvaluationPeriods = rapid.IntRange(0, 60).Draw(t, "evaluationPeriods")
		case 3:
			p = queuePolicy(spec.Backlog{AcceptableLatency: minute, ProcessingTime: new(spec.Duration(time.Second)), Metrics: &spec.BacklogMetrics{
				Backlog: *m, Arrivals: *ownMetric("Sent", period), OldestAge: ownMetric("Age", period),
			}})
		case 4:
			m.Period = spec.Duration(min(period, time.Minute))
			// The threshold is out of reach: how far back a panic goes is not bounded.
			p = spec.Policy{Concurrency: &spec.Concurrency{Metric: *m, TargetPerTask: 40, PanicThreshold: 10, StableWindow: new(spec.Duration(time.Duration(rapid.IntRange(6, 1800).Draw(t, "stable")) * time.Second))}}
		}
		in := input(10, nil)
		in.Policy = alone(p)
		in.Policy.ScaleIn.Datapoints = rapid.SampledFrom([]int{1, 3, 20, 60}).Draw(t, "datapoints")
		in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(time.Duration(rapid.SampledFrom([]int{0, 1, 15, 60}).Draw(t, "window")) * time.Minute))
		if rapid.Bool().Draw(t, "ordered") { // the flap guard's hour
			in.History = in.History.With(history.Order{At: noon.Add(-50 * time.Minute), From: 9, To: 10}, nil)
		}
		low := rapid.Float64Range(1, 40).Draw(t, "low")
		now := noon.Add(time.Duration(rapid.Int64Range(0, int64(signal.StaleAfter(p.Period()))).Draw(t, "lag")))
		queries, noise := taskcount.Queries(key, in.Policy), rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "noise"), 1))
		for i, q := range queries {
			n, value := 200, low
			if q.Metric.Name == "CPUUtilization" { // the running tasks, of every hour
				n, value = 200*60, 8
			}
			values := repeat(value, n)
			for k := range values {
				if i == 0 { // noise, so that each mean is another
					values[k] *= 0.5 + noise.Float64()
				}
			}
			for range 3 {
				if peak := rapid.IntRange(0, 199).Draw(t, "peak"); i == 0 && peak > 0 {
					values[n-1-peak] = 300
				}
			}
			in.Signals = append(in.Signals, series(q.Metric, 0, values...))
		}
		all := decide(now, in)
		cut := in
		cut.Signals = nil
		for i, s := range in.Signals {
			s.Points = within(s.Points, now.Add(-queries[i].Window))
			cut.Signals = append(cut.Signals, s)
		}
		if got := decide(now, cut); got.Desired != all.Desired || got.Reason != all.Reason {
			t.Fatalf("with all data %d (%s: %s), with what was asked for %d (%s: %s)", all.Desired, all.Reason, all.Because, got.Desired, got.Reason, got.Because)
		}
	})
}

// within gives the points that start at a time or later.
func within(points []signal.Point, since time.Time) []signal.Point {
	var out []signal.Point
	for _, p := range points {
		if !p.Start.Before(since) {
			out = append(out, p)
		}
	}
	return out
}

// A policy without a type is refused before it comes here; if one comes, it has
// no data.
func TestPolicyWithoutTypeIsUnusable(t *testing.T) {
	t.Parallel()
	got := decide(noon, given(10, spec.Policy{}))
	if got.Desired != 10 || got.Policies[0].Verdict != taskcount.Unusable {
		t.Errorf("got %d, %+v, want a hold without data", got.Desired, got.Policies[0])
	}
	nameless := spec.Policy{TargetTracking: &spec.TargetTracking{TargetValue: 60}}
	if got := decide(noon, given(10, nameless)); got.Desired != 10 || !strings.Contains(got.Because, "not named") {
		t.Errorf("a metric without a name: got %d (%s), want a hold", got.Desired, got.Because)
	}
}

// One datapoint of ten seconds in a minute is not the three that a scale-in needs.
func TestShortPeriodsNeedTheirDatapoints(t *testing.T) {
	t.Parallel()
	p := totalOf(ownMetric("InFlight", 10*time.Second), 40)
	for lost := range 6 {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			t.Parallel()
			s := series(read(p), settledLag, 80, 80, 80, 80, 80, 80)
			s.Points = s.Points[lost:]
			in := given(10, p, s)
			in.Policy.ScaleIn.Datapoints = 3
			got := decide(noon, in)
			if want := map[bool]int{true: 10, false: 3}[lost > 3]; got.Desired != want {
				t.Errorf("%d of 6 datapoints: got %d (%s), want %d", 6-lost, got.Desired, got.Because, want)
			}
		})
	}
}

// A missing datapoint of a policy beside one with data: its onMissingData asks,
// disableScaleIn takes it out of scale-in, and alone it holds.
func TestOnePolicyWithoutData(t *testing.T) {
	t.Parallel()
	low, high := cpu(10, settledLag, 20), cpu(10, settledLag, 90)
	tests := []struct {
		name    string
		set     signal.Set
		missing *spec.OnMissing
		disable bool
		want    int
		reason  string
	}{
		{"no scale-in without it", low, nil, false, 10, history.MissingData},
		{"scale-out without it", high, nil, false, 15, history.TargetTracking},
		{"its atLeast is a scale-out", low, &spec.OnMissing{AtLeast: 12}, false, 12, history.MissingData},
		{"its atLeast below the base is none", low, &spec.OnMissing{AtLeast: 8}, false, 10, history.MissingData},
		{"the larger of a want and atLeast", high, &spec.OnMissing{AtLeast: 12}, false, 15, history.TargetTracking},
		{"the larger of atLeast and a want", high, &spec.OnMissing{AtLeast: 18}, false, 18, history.MissingData},
		{"with disableScaleIn it stops none", low, nil, true, 4, history.TargetTracking},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := given(10, cpuPolicy(60), tt.set...)
			sum := totalOf(ownMetric("InFlight", time.Minute), 40)
			sum.OnMissingData, sum.DisableScaleIn = tt.missing, tt.disable
			in.Policy.Policies = append(in.Policy.Policies, sum)
			got := decide(noon, in)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason)
			}
		})
	}
}

// A policy with disableScaleIn neither asks for a scale-in nor stops one, and
// scales out like any other.
func TestDisableScaleIn(t *testing.T) {
	t.Parallel()
	sum := totalOf(ownMetric("InFlight", time.Minute), 40)
	sum.DisableScaleIn = true
	for _, tt := range []struct {
		name       string
		cpu, total float64
		want       int
	}{
		{"it does not ask", 60, 80, 10},
		{"it does not stop", 20, 400, 4},
		{"it scales out", 20, 600, 15},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := given(10, cpuPolicy(60), append(cpu(10, settledLag, tt.cpu), series(read(sum), settledLag, tt.total))...)
			in.Policy.Policies = append(in.Policy.Policies, sum)
			if got := decide(noon, in); got.Desired != tt.want {
				t.Errorf("got %d (%s), want %d", got.Desired, got.Because, tt.want)
			}
		})
	}
	in := given(10, sum, series(read(sum), settledLag, 80))
	if got := decide(noon, in); got.Desired != 10 {
		t.Errorf("alone: got %d (%s), want no scale-in", got.Desired, got.Because)
	}
}

// Metric math is read as one series, and the words name the expression.
func TestMetricMath(t *testing.T) {
	t.Parallel()
	p := totalOf(&spec.Metric{Expression: "visible + hidden", Metrics: map[string]spec.MathInput{
		"visible": {Namespace: "App", Name: "Visible"}, "hidden": {Namespace: "App", Name: "Hidden"},
	}}, 40)
	got := decide(noon, given(10, p, series(read(p), settledLag, 600)))
	if got.Desired != 15 || got.Policies[0].Policy != "visible + hidden" {
		t.Errorf("got %d of %q (%s), want 15", got.Desired, got.Policies[0].Policy, got.Because)
	}
}

// In observe mode nothing that was recommended ran, so the tasks beside those
// desired are those of a deployment.
func TestShadowCountsTheLiveTasks(t *testing.T) {
	t.Parallel()
	in := given(15, cpuPolicy(60), cpu(20, settledLag, 75)...)
	in.Service.Desired, in.Service.Compute = 10, fleet.EC2
	in.History.Shadow = new(15)
	if got := decide(noon, in); got.Desired != 15 {
		t.Errorf("20 tasks at 75 %%, 10 of them of an old deployment: got %d (%s), want 15", got.Desired, got.Because)
	}
}

// The guards' metrics are read beside those of the policies, a wake signal over
// no more than the hour that is looked back at.
func TestQueriesOfGuards(t *testing.T) {
	t.Parallel()
	s := alone(cpuPolicy(60))
	s.Vetoes = []spec.Veto{{Name: "errors", Metric: *ownMetric("5xx", time.Minute), Above: new(1.0), Lookback: new(spec.Duration(20 * time.Minute))}}
	s.Activation = &spec.Activation{CoolOff: new(spec.Duration(24 * time.Hour)), Wake: []spec.Wake{{Metric: *ownMetric("503", time.Minute)}}}
	got := taskcount.Queries(key, s)
	if len(got) != 3 || got[1].Window != 26*time.Minute || got[2].Window != 66*time.Minute {
		t.Errorf("queries %+v, want CPU, the veto over 26 minutes and the wake signal over 66", got)
	}
}

// Where ECS did not tell at which resolution the tasks send their metrics, three
// samples for each task are those of high resolution, two those of a deployment.
func TestUnknownResolutionIsGuessed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		samples int // of a minute, where 10 tasks are desired
		unknown string
		want    int
	}{
		{"one sample a task: 200 % need 4", 10, "throttled", 4},
		{"two sets of tasks carry 400 %, which need 7 and 8 by the flap guard", 20, "throttled", 8},
		{"24 samples are the most that a deployment explains: 480 % need 8, and 9", 24, "throttled", 9},
		{"three samples a task: 200 %, not 600 %", 30, "throttled", 4},
		{"what is known is not guessed: 30 tasks carry 600 %", 30, "", 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := input(10, cpu(tt.samples, 0, repeat(20, 15)...))
			in.Service.MonitoringUnknown = tt.unknown
			got := decide(noon, in)
			tasks := tt.samples
			if tt.unknown != "" && tt.samples == 30 {
				tasks = 10
			}
			if got.Desired != tt.want || got.Policies[0].Tasks != tasks {
				t.Errorf("got %d of %d tasks (%s), want %d of %d", got.Desired, got.Policies[0].Tasks, got.Because, tt.want, tasks)
			}
		})
	}
}
