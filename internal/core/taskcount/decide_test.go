package taskcount_test

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	key  = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}
)

func cpuPolicy(target float64) spec.Policy {
	return spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: target}}
}

// freeOut and freeIn leave out the limits that would stand before the rule under
// test: rates, budgets, the least number of datapoints.
func freeOut() spec.ScaleOut {
	return spec.ScaleOut{RateLimits: []spec.RateLimit{{Tasks: 5000, Period: minute}}}
}

func freeIn() spec.ScaleIn {
	all := []spec.RateLimit{{Percent: 100, Period: minute}}
	return spec.ScaleIn{
		StabilizationWindow: new(spec.Duration(15 * time.Minute)), RateLimits: all, RemovalBudget: all, Datapoints: 1,
		FlapBudget: &spec.FlapBudget{Reversals: 60},
	}
}

const minute = spec.Duration(time.Minute)

// service is a policy of CPU at 60 %, 2 to 60 tasks, default behaviour.
func service() spec.Service {
	return spec.Service{MinCapacity: 2, MaxCapacity: 60, Policies: []spec.Policy{cpuPolicy(60)}, ScaleOut: freeOut(), ScaleIn: freeIn()}
}

// cpu is a CPU series whose newest minute ended lag before noon: the averages
// are given oldest first, each over the given tasks.
func cpu(tasks int, lag time.Duration, averages ...float64) signal.Set {
	m := spec.ServiceMetric(key, "CPUUtilization", "Sum")
	s := signal.Series{Metric: m, Status: signal.Complete}
	for i, a := range averages {
		start := noon.Add(-lag).Add(-time.Duration(len(averages)-i) * time.Minute)
		s.Points = append(s.Points, signal.Point{Start: start, Value: signal.Value(a * float64(tasks)), Samples: signal.Value(tasks)})
	}
	return signal.Set{s}
}

// decide gives the result alone.
func decide(now time.Time, in taskcount.Input) taskcount.Result {
	r, _ := taskcount.Decide(now, in)
	return r
}

func repeat(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func input(desired int, set signal.Set) taskcount.Input {
	return taskcount.Input{
		Key: key, Policy: service(), Signals: set, Base: desired,
		Service: fleet.Service{
			Name: "checkout", Compute: fleet.Fargate, Active: true, Desired: desired, Running: desired,
			Deployments: []fleet.Deployment{{ID: "1", Primary: true, RolloutState: "COMPLETED", Desired: desired, Running: desired}},
		},
	}
}

func TestDecideByRule(t *testing.T) {
	t.Parallel()
	low := cpu(10, 0, repeat(20, 15)...)
	tests := []struct {
		name   string
		in     func() taskcount.Input
		want   int
		reason string
	}{
		{"out: need is demand over target, rounded up", func() taskcount.Input { return input(10, cpu(10, 0, 90)) }, 15, history.TargetTracking},
		{"out: 90.1 % of 10 tasks needs 15.02, so 16", func() taskcount.Input { return input(10, cpu(10, 0, 90.1)) }, 16, history.TargetTracking},
		{"out counts from the tasks of the datapoint, not from those that start", func() taskcount.Input { return input(15, cpu(10, 0, 90)) }, 15, history.AlreadyAtDesiredCapacity},
		{"tolerance: 63 % of 10 tasks is ratio 1.05, inside", func() taskcount.Input { return input(10, cpu(10, 0, 63)) }, 10, history.AlreadyAtDesiredCapacity},
		{"tolerance: 63.1 % is outside", func() taskcount.Input { return input(10, cpu(10, 0, 63.1)) }, 11, history.TargetTracking},
		{"tolerance: 54 % is ratio 0.9, inside", func() taskcount.Input { return input(10, cpu(10, 0, repeat(54, 15)...)) }, 10, history.AlreadyAtDesiredCapacity},
		{"tolerance: 53.9 % is outside, but 9 tasks would be at 99.8 % of the target", func() taskcount.Input { return input(10, cpu(10, 0, repeat(53.9, 15)...)) }, 10, history.AnticipatedFlapping},
		{"flap guard: 51 % needs 8.5, at 9 that is 94.4 % of the target, below 94.5 %", func() taskcount.Input { return input(10, cpu(10, 0, repeat(51, 15)...)) }, 9, history.TargetTracking},
		{"flap guard: 51.1 % would be at 94.6 %", func() taskcount.Input { return input(10, cpu(10, 0, repeat(51.1, 15)...)) }, 10, history.AnticipatedFlapping},
		{"in: after a whole window below", func() taskcount.Input { return input(10, low) }, 4, history.TargetTracking},
		{"in: the highest of the window binds", func() taskcount.Input {
			return input(10, cpu(10, 0, append([]float64{45}, repeat(20, 14)...)...))
		}, 8, history.StabilizationWindow},
		{"in: a minute older than the window does not", func() taskcount.Input {
			return input(10, cpu(10, 0, append([]float64{45}, repeat(20, 15)...)...))
		}, 4, history.TargetTracking},
		{"in: a missing minute in the window holds", func() taskcount.Input { return input(10, cpu(10, 0, repeat(20, 14)...)) }, 10, history.MissingData},
		{"in: a NaN minute in the window holds", func() taskcount.Input {
			set := cpu(10, 0, repeat(20, 15)...)
			set[0].Points[7].Value = signal.Value(math.NaN())
			return input(10, set)
		}, 10, history.MissingData},
		{"in: partial data holds", func() taskcount.Input {
			set := cpu(10, 0, repeat(20, 15)...)
			set[0].Status = signal.Partial
			return input(10, set)
		}, 10, history.MissingData},
		{"in: data of a status that is not known holds", func() taskcount.Input {
			set := cpu(10, 0, repeat(20, 15)...)
			set[0].Status = ""
			return input(10, set)
		}, 10, history.MissingData},
		{"a need past all counts is capped", func() taskcount.Input {
			in := input(10, cpu(10, 0, 90))
			in.Policy.Policies[0].TargetTracking.TargetValue = 1e-307
			return in
		}, 60, history.MaxCapacity},
		{"no datapoint holds", func() taskcount.Input { return input(10, cpu(10, 0)) }, 10, history.MissingData},
		{"a failed read holds", func() taskcount.Input {
			return input(10, signal.Set{{Metric: spec.ServiceMetric(key, "CPUUtilization", "Sum"), Status: signal.Failed, Why: "throttled"}})
		}, 10, history.MissingData},
		{"an unread metric holds", func() taskcount.Input { return input(10, nil) }, 10, history.MissingData},
		{"5 min old is fresh", func() taskcount.Input { return input(10, cpu(10, 5*time.Minute, 90)) }, 15, history.TargetTracking},
		{"5 min 1 s old is stale", func() taskcount.Input { return input(10, cpu(10, 5*time.Minute+time.Second, 90)) }, 10, history.MissingData},
		{"an open minute is not looked at", func() taskcount.Input { return input(10, cpu(10, -time.Minute, 60, 99)) }, 10, history.AlreadyAtDesiredCapacity},
		{"missing data with atLeast scales out to it", func() taskcount.Input {
			in := input(10, nil)
			in.Policy.OnMissingData.AtLeast = 12
			return in
		}, 12, history.MissingData},
		{"missing data with a lower atLeast holds", func() taskcount.Input {
			in := input(10, nil)
			in.Policy.OnMissingData.AtLeast = 8
			return in
		}, 10, history.MissingData},
		{"max caps", func() taskcount.Input { return input(50, cpu(50, 0, 90)) }, 60, history.MaxCapacity},
		{"at max", func() taskcount.Input { return input(60, cpu(60, 0, 90)) }, 60, history.AlreadyAtMaxCapacity},
		{"min caps", func() taskcount.Input { return input(4, cpu(4, 0, repeat(5, 15)...)) }, 2, history.MinCapacity},
		{"at min", func() taskcount.Input { return input(2, cpu(2, 0, repeat(5, 15)...)) }, 2, history.AlreadyAtMinCapacity},
		{"below min is lifted, data or not", func() taskcount.Input { return input(1, nil) }, 2, history.MinCapacity},
		{"above max comes down", func() taskcount.Input { return input(80, cpu(80, 0, 60)) }, 60, history.MaxCapacity},
		{"above max waits for the deployment", func() taskcount.Input {
			in := input(80, cpu(80, 0, 60))
			in.Service.Deployments[0].RolloutState = "IN_PROGRESS"
			return in
		}, 80, history.DeploymentInProgress},
		{"a deployment freezes scale-in", func() taskcount.Input {
			in := input(10, low)
			in.Service.Deployments = append(in.Service.Deployments, fleet.Deployment{ID: "0"})
			return in
		}, 10, history.DeploymentInProgress},
		{"a deployment does not freeze scale-out", func() taskcount.Input {
			in := input(10, cpu(10, 0, 90))
			in.Service.Deployments[0].RolloutState = "IN_PROGRESS"
			return in
		}, 15, history.TargetTracking},
		{"a pinned Fargate CPU asks for at least twice", func() taskcount.Input { return input(10, cpu(10, 0, 99.2)) }, 20, history.TargetTracking},
		{"a pinned datapoint of fewer tasks never scales in", func() taskcount.Input { return input(50, cpu(10, 0, repeat(100, 15)...)) }, 50, history.AlreadyAtDesiredCapacity},
		{"on EC2 the CPU is not capped", func() taskcount.Input {
			in := input(10, cpu(10, 0, 99.2))
			in.Service.Compute = fleet.EC2
			return in
		}, 17, history.TargetTracking},
		{"no policy", func() taskcount.Input {
			in := input(10, low)
			in.Policy.Policies = nil
			return in
		}, 10, history.AlreadyAtDesiredCapacity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decide(noon, tt.in())
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)\n%+v", got.Desired, got.Reason, got.Because, tt.want, tt.reason, got.Clauses)
			}
			checkChain(t, got)
		})
	}
}

// checkChain checks that the clauses lead from the base to the result without
// a gap and that exactly one is binding.
func checkChain(t *testing.T, r taskcount.Result) {
	t.Helper()
	at, binding := r.Base, 0
	for _, c := range r.Clauses {
		if c.Before != at {
			t.Errorf("clause %s begins at %d, the one before ended at %d", c.Rule, c.Before, at)
		}
		at = c.After
		if c.Binding {
			binding++
		}
	}
	if at != r.Desired || binding != 1 || r.Direction != history.Toward(r.Base, r.Desired) {
		t.Errorf("clauses end at %d with %d binding, result %d %s", at, binding, r.Desired, r.Direction)
	}
}

func TestCooldowns(t *testing.T) {
	t.Parallel()
	policy := service()
	policy.ScaleOut.Cooldown = new(spec.Duration(5 * time.Minute))
	policy.ScaleIn.Cooldown = new(spec.Duration(5 * time.Minute))
	policy.ScaleIn.StabilizationWindow = new(spec.Duration(0))
	after := func(ago time.Duration, from, to int) history.History {
		return history.History{Orders: []history.Order{{At: noon.Add(-ago), From: from, To: to}}}
	}
	tests := []struct {
		name    string
		desired int
		set     signal.Set
		h       history.History
		want    int
		reason  string
	}{
		{"out again up to the last count rests", 12, cpu(12, 0, 90), after(time.Minute, 10, 20), 12, history.ScaleOutCooldown},
		{"a larger out passes", 12, cpu(12, 0, 110), after(time.Minute, 10, 20), 22, history.TargetTracking},
		{"out after the cooldown", 12, cpu(12, 0, 90), after(5*time.Minute, 10, 20), 18, history.TargetTracking},
		{"an in-cooldown does not stop an out", 12, cpu(12, 0, 90), after(time.Minute, 20, 12), 18, history.TargetTracking},
		{"in rests after an in", 12, cpu(12, 0, 28, 28), after(5*time.Minute-time.Second, 20, 12), 12, history.ScaleInCooldown},
		{"in rests after an out", 12, cpu(12, 0, 28, 28), after(time.Minute, 6, 12), 12, history.ScaleInCooldown},
		{"in at the end of the cooldown", 12, cpu(12, 0, 28, 28), after(5*time.Minute, 20, 12), 6, history.TargetTracking},
		{"no order, no cooldown", 12, cpu(12, 0, 28, 28), history.History{}, 6, history.TargetTracking},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := input(tt.desired, tt.set)
			in.Policy, in.History, in.Service.Compute = policy, tt.h, fleet.EC2
			got := decide(noon, in)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason)
			}
			checkChain(t, got)
		})
	}
}

func TestFlapGuard(t *testing.T) {
	t.Parallel()
	out := history.History{Orders: []history.Order{{At: noon.Add(-30 * time.Minute), From: 8, To: 10}}}
	in := history.History{Orders: []history.Order{{At: noon.Add(-30 * time.Minute), From: 12, To: 10}}}
	hour := func(first float64, n int) signal.Set {
		return cpu(10, 0, append([]float64{first}, repeat(45, n-1)...)...)
	}
	tests := []struct {
		name   string
		h      history.History
		set    signal.Set
		want   int
		reason string
	}{
		{"a small step after an out looks back an hour", out, hour(62, 60), 10, history.AnticipatedFlapping},
		{"what the hour asked for is the floor", out, hour(53, 60), 9, history.AnticipatedFlapping},
		{"61 minutes ago is not looked at", out, hour(62, 61), 8, history.TargetTracking},
		{"what is missing of the hour is not waited for", out, cpu(10, 0, repeat(45, 15)...), 8, history.TargetTracking},
		{"after an in the window is enough", in, cpu(10, 0, repeat(45, 15)...), 8, history.TargetTracking},
		{"without an order the window is enough", history.History{}, cpu(10, 0, repeat(45, 15)...), 8, history.TargetTracking},
		{"7 of 10 may be noise and rounding: 0.74 of 9 is 6.65", out, cpu(10, 0, append([]float64{62}, repeat(42, 59)...)...), 10, history.AnticipatedFlapping},
		{"a step past noise is enough: 6 of 10", out, cpu(10, 0, repeat(34, 15)...), 6, history.TargetTracking},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := input(10, tt.set)
			i.History = tt.h
			got := decide(noon, i)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason)
			}
			checkChain(t, got)
		})
	}
}

func TestOneDatapointOneOrder(t *testing.T) {
	t.Parallel()
	in := input(10, cpu(10, 0, 90))
	first := decide(noon, in)
	if first.Desired != 15 || len(first.Marks) != 1 {
		t.Fatalf("got %d with marks %v, want 15 with one mark", first.Desired, first.Marks)
	}
	in.History = in.History.With(history.Order{At: noon, From: 10, To: 15}, first.Marks)
	// Somebody sets the count back: the datapoint has spoken, the next one will tell.
	again := decide(noon.Add(time.Second), in)
	if again.Desired != 10 || again.Reason != history.DatapointAlreadyUsed {
		t.Errorf("got %d (%s), want a hold at 10", again.Desired, again.Reason)
	}
	in.Signals = cpu(10, -time.Minute, 90, 90)
	next := decide(noon.Add(time.Minute), in)
	if next.Desired != 15 {
		t.Errorf("the next datapoint gave %d (%s), want 15", next.Desired, next.Reason)
	}
}

func TestOutWindowTakesTheLowest(t *testing.T) {
	t.Parallel()
	in := input(10, cpu(10, 0, 90, 75, 90))
	in.Policy.ScaleOut.StabilizationWindow = new(spec.Duration(3 * time.Minute))
	if got := decide(noon, in); got.Desired != 13 || got.Reason != history.StabilizationWindow {
		t.Errorf("got %d (%s), want 13", got.Desired, got.Reason)
	}
	in.Policy.ScaleOut.StabilizationWindow = new(spec.Duration(time.Minute))
	if got := decide(noon, in); got.Desired != 15 {
		t.Errorf("a window of one minute is the newest datapoint: got %d, want 15", got.Desired)
	}
}

// 5 tasks were pinned for 40 s, 10 shared a demand of 600 % for the rest: the
// averages of 86.7 and 60 sum up to 733, of which 550 were carried.
func TestJoiningTasksCountHalf(t *testing.T) {
	t.Parallel()
	set := func(gap time.Duration, tasks float64) signal.Set {
		return signal.Set{{Metric: spec.ServiceMetric(key, "CPUUtilization", "Sum"), Status: signal.Complete, Points: []signal.Point{
			{Start: noon.Add(-time.Minute - gap), Value: 500, Samples: signal.Value(tasks)},
			{Start: noon.Add(-time.Minute), Value: 733, Samples: 10},
		}}}
	}
	tests := []struct {
		name string
		set  signal.Set
		want int
	}{
		{"tasks joined: 73.3 % of 7.5 tasks need 9.2", set(time.Minute, 5), 10},
		{"the minute before is missing: the Sum stands", set(2*time.Minute, 5), 13},
		{"as many as before: the Sum stands", set(time.Minute, 10), 13},
		{"tasks left: the Sum stands", set(time.Minute, 12), 13},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := decide(noon, input(10, tt.set)); got.Desired != tt.want {
				t.Errorf("got %d (%s), want %d", got.Desired, got.Because, tt.want)
			}
		})
	}
}

// While a deployment runs old and new tasks side by side, what each costs by
// itself is in the Sum twice, and every deployment would ratchet the count up.
func TestDeploymentDoesNotRatchet(t *testing.T) {
	t.Parallel()
	at := func(tasks int, average float64, h history.History, base int) taskcount.Input {
		in := input(base, cpu(tasks, 0, average, average))
		in.History = h
		return in
	}
	minutesAgo := func(m, from, to int) history.History {
		return history.History{Orders: []history.Order{{At: noon.Add(-time.Duration(m) * time.Minute), From: from, To: to}}}
	}
	tests := []struct {
		name string
		in   taskcount.Input
		want int
	}{
		{"20 tasks at 57 % where 10 are desired need no more", at(20, 57, history.History{}, 10), 10},
		{"20 tasks at 75 % where 10 are desired need 13, not 25", at(20, 75, history.History{}, 10), 13},
		{"10 tasks were desired at the time of the datapoint: all count", at(10, 90, minutesAgo(0, 10, 5), 5), 15},
		{"5 were desired at that time: 10 tasks are twice the set", at(10, 90, minutesAgo(3, 10, 5), 5), 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := decide(noon, tt.in); got.Desired != tt.want {
				t.Errorf("got %d (%s), want %d", got.Desired, got.Because, tt.want)
			}
		})
	}
}

// The newest minute may still be filling: alone it does not scale in.
func TestUnsettledDatapointDoesNotStandAlone(t *testing.T) {
	t.Parallel()
	in := input(10, cpu(10, 0, 60, 20))
	in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(0))
	if got := decide(noon, in); got.Desired != 10 {
		t.Errorf("got %d (%s), want the minute before looked at too", got.Desired, got.Because)
	}
	in.Signals = cpu(10, 3*time.Minute, 60, 20)
	if got := decide(noon, in); got.Desired != 4 {
		t.Errorf("got %d (%s), want 4 from a datapoint that has settled", got.Desired, got.Because)
	}
}

// With a period of 10 s a lost datapoint is no lost minute, a lost minute is.
func TestShortPeriodsNeedEveryMinute(t *testing.T) {
	t.Parallel()
	m := &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight", Period: spec.Duration(10 * time.Second)}, TargetPerTask: 40}
	series := func(lost func(i int) bool) signal.Set {
		s := signal.Series{Metric: m.CloudWatch(key).Metric, Status: signal.Complete}
		for i := range 120 {
			if !lost(i) {
				s.Points = append(s.Points, signal.Point{Start: noon.Add(-time.Duration(i+1) * 10 * time.Second), Value: 188})
			}
		}
		return signal.Set{s}
	}
	in := input(10, series(func(i int) bool { return i%7 == 3 }))
	in.Policy.Policies = []spec.Policy{{TargetTracking: m}}
	if got := decide(noon, in); got.Desired != 5 {
		t.Errorf("one datapoint in seven lost: got %d (%s), want 5", got.Desired, got.Because)
	}
	in.Signals = series(func(i int) bool { return i >= 30 && i < 36 })
	if got := decide(noon, in); got.Desired != 10 || got.Reason != history.MissingData {
		t.Errorf("a minute lost: got %d (%s), want a hold", got.Desired, got.Because)
	}
}

func TestNothingIsRemovedWithoutData(t *testing.T) {
	t.Parallel()
	if got := decide(noon, input(80, nil)); got.Desired != 80 || got.Reason != history.MissingData {
		t.Errorf("above the maximum without data: got %d (%s), want a hold", got.Desired, got.Reason)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	p := service()
	p.Policies = append(p.Policies,
		cpuPolicy(50), // the same metric once
		spec.Policy{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "Connections"}, TargetValue: 50}},
		spec.Policy{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 5}},
		spec.Policy{})
	got := taskcount.Queries(key, p)
	want := []string{"CPUUtilization Sum true", "Connections Average false", "CPUUtilization SampleCount false", "InFlight Sum false"}
	if len(got) != len(want) {
		t.Fatalf("got %d queries, want %d", len(got), len(want))
	}
	for i, q := range got {
		s := q.Metric.Name + " " + q.Metric.Statistic + " " + map[bool]string{true: "true", false: "false"}[q.Samples]
		if s != want[i] || q.Window < 15*time.Minute+signal.StaleAfter(time.Minute) {
			t.Errorf("query %d is %s over %s, want %s over at least the window and the lag", i, s, q.Window, want[i])
		}
	}
}

func TestFromZero(t *testing.T) {
	t.Parallel()
	in := input(0, signal.Set{{
		Metric: (spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 40}).CloudWatch(key).Metric, Status: signal.Complete,
		Points: []signal.Point{{Start: noon.Add(-time.Minute), Value: 90}},
	}})
	in.Policy.MinCapacity = 0
	in.Policy.Policies = []spec.Policy{{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "InFlight"}, TargetPerTask: 40}}}
	if got := decide(noon, in); got.Desired != 3 {
		t.Errorf("got %d (%s), want 3", got.Desired, got.Because)
	}
}
