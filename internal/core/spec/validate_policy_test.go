package spec_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// check compares the problems of a service whose one policy is the given.
func check(t *testing.T, p spec.Policy, want []spec.Problem) {
	t.Helper()
	s := service()
	s.Policies = []spec.Policy{p}
	if diff := cmp.Diff(want, s.Validate()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValidatePolicyType(t *testing.T) {
	t.Parallel()
	p := cpu(60)
	p.Backlog = &spec.Backlog{} // its own faults are not looked at: which of the two stays is open
	check(t, p, []spec.Problem{problem("policies 0",
		"the policy has 2 types: targetTracking, stepScaling, backlog and concurrency: exactly one must be set", "make a policy of each")})
	p = spec.Policy{TargetTracking: cpu(60).TargetTracking, StepScaling: &spec.StepScaling{}, Backlog: &spec.Backlog{}, Concurrency: &spec.Concurrency{}}
	check(t, p, []spec.Problem{problem("policies 0",
		"the policy has 4 types: targetTracking, stepScaling, backlog and concurrency: exactly one must be set", "make a policy of each")})
}

// from and to give a step; NaN leaves a bound out.
func step(from, to float64, change int) spec.StepAdjustment {
	a := spec.StepAdjustment{ScalingAdjustment: change}
	if !math.IsNaN(from) {
		a.MetricIntervalLowerBound = &from
	}
	if !math.IsNaN(to) {
		a.MetricIntervalUpperBound = &to
	}
	return a
}

var open = math.NaN()

// stepping is a policy without fault.
func stepping() spec.StepScaling {
	return spec.StepScaling{
		PredefinedMetric: spec.CPUUtilization, Threshold: 50, AdjustmentType: spec.ChangeInCapacity,
		StepAdjustments: []spec.StepAdjustment{step(0, 10, 1), step(10, open, 3), step(-20, 0, 0), step(open, -20, -1)},
	}
}

func TestValidateStepScaling(t *testing.T) {
	t.Parallel()
	const path = "policies 0 stepScaling"
	kind := func(kind string, magnitude int) func(*spec.StepScaling) {
		return func(s *spec.StepScaling) { s.AdjustmentType, s.MinAdjustmentMagnitude = kind, magnitude }
	}
	magnitude := func(n int) []spec.Problem {
		return []spec.Problem{problem(path+" minAdjustmentMagnitude", fmt.Sprintf("minAdjustmentMagnitude %d is out of range", n), "use 1 to 5000")}
	}
	change := func(kind string, n int) func(*spec.StepScaling) {
		return func(s *spec.StepScaling) {
			s.AdjustmentType, s.StepAdjustments = kind, []spec.StepAdjustment{step(0, open, n)}
		}
	}
	adjustment := func(message, remedy string) []spec.Problem {
		return []spec.Problem{problem(path+" stepAdjustments 0 scalingAdjustment", message, remedy)}
	}
	threshold := func(v float64) func(*spec.StepScaling) { return func(s *spec.StepScaling) { s.Threshold = v } }
	evaluations := func(n int) func(*spec.StepScaling) { return func(s *spec.StepScaling) { s.EvaluationPeriods = n } }
	tests := []struct {
		name string
		edit func(*spec.StepScaling)
		want []spec.Problem
	}{
		{"no fault", func(*spec.StepScaling) {}, nil},
		{"no metric", func(s *spec.StepScaling) { s.PredefinedMetric = "" }, []spec.Problem{problem(path, "predefinedMetric and metric: exactly one must be set", "add one of predefinedMetric and metric")}},
		{"a metric of one's own", func(s *spec.StepScaling) { s.PredefinedMetric, s.Metric = "", own("p99", 0) }, nil},
		{"a metric of one's own with a fault", func(s *spec.StepScaling) { s.PredefinedMetric, s.Metric = "", own("p", 0) }, []spec.Problem{
			problem(path+" metric statistic", `statistic "p" is not known`, "use Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99"),
		}},
		{"requests per target", func(s *spec.StepScaling) { s.PredefinedMetric, s.ResourceLabel = spec.ALBRequestCountPerTarget, label }, nil},
		{"a threshold below zero", threshold(-1e15), nil},
		{"a threshold of nothing", threshold(math.NaN()), []spec.Problem{problem(path+" threshold", "threshold NaN is out of range", "use a number from -1e+15 to 1e+15")}},
		{"a threshold too high", threshold(1.1e15), []spec.Problem{problem(path+" threshold", "threshold 1.1e+15 is out of range", "use a number from -1e+15 to 1e+15")}},
		{"no adjustment type", kind("", 0), []spec.Problem{problem(path+" adjustmentType", `adjustmentType "" is not known`, "write ChangeInCapacity, ExactCapacity or PercentChangeInCapacity")}},
		{"1 evaluation", evaluations(1), nil},
		{"60 evaluations", evaluations(60), nil},
		{"61 evaluations", evaluations(61), []spec.Problem{problem(path+" evaluationPeriods", "evaluationPeriods 61 is out of range", "use 1 to 60")}},
		{"evaluations below zero", evaluations(-1), []spec.Problem{problem(path+" evaluationPeriods", "evaluationPeriods -1 is out of range", "use 1 to 60")}},

		{"a least change in percent", kind(spec.PercentChangeInCapacity, 1), nil},
		{"a least change of 5000", kind(spec.PercentChangeInCapacity, 5000), nil},
		{"a least change of 5001", kind(spec.PercentChangeInCapacity, 5001), magnitude(5001)},
		{"a least change below zero", kind(spec.PercentChangeInCapacity, -1), magnitude(-1)},
		{"a least change in tasks", kind(spec.ChangeInCapacity, 1), []spec.Problem{
			problem(path+" minAdjustmentMagnitude", "minAdjustmentMagnitude goes with adjustmentType PercentChangeInCapacity alone", "remove it"),
		}},

		{"5000 more", change(spec.ChangeInCapacity, 5000), nil},
		{"5001 more", change(spec.ChangeInCapacity, 5001), adjustment("scalingAdjustment 5001 is out of range", "use at most 5000 tasks")},
		{"5000 fewer", change(spec.ChangeInCapacity, -5000), nil},
		{"5001 fewer", change(spec.ChangeInCapacity, -5001), adjustment("scalingAdjustment -5001 is out of range", "use at most 5000 tasks")},
		{"exactly none", change(spec.ExactCapacity, 0), nil},
		{"exactly 5000", change(spec.ExactCapacity, 5000), nil},
		{"exactly 5001", change(spec.ExactCapacity, 5001), adjustment("scalingAdjustment 5001 is no count", "give a count of tasks from 0 to 5000")},
		{"exactly -1", change(spec.ExactCapacity, -1), adjustment("scalingAdjustment -1 is no count", "give a count of tasks from 0 to 5000")},
		{"100 % fewer", change(spec.PercentChangeInCapacity, -100), nil},
		{"101 % fewer", change(spec.PercentChangeInCapacity, -101), adjustment("scalingAdjustment -101 % is out of range", "use -100 to 10000 percent")},
		{"10000 % more", change(spec.PercentChangeInCapacity, 10_000), nil},
		{"10001 % more", change(spec.PercentChangeInCapacity, 10_001), adjustment("scalingAdjustment 10001 % is out of range", "use -100 to 10000 percent")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := stepping()
			tt.edit(&s)
			check(t, spec.Policy{StepScaling: &s}, tt.want)
		})
	}
}

// The rules are those of Application Auto Scaling's StepAdjustment: no overlap, no
// gap, at most one null bound at each end, a null bound wherever a side has a
// step, and none with both bounds null. Apart from them, the two sides of the
// threshold need not touch it.
func TestValidateSteps(t *testing.T) {
	t.Parallel()
	const path = "policies 0 stepScaling stepAdjustments"
	touch := "let each step begin where the one before ends"
	overlap := func(a, b, c, d float64) spec.Problem {
		return problem(path, fmt.Sprintf("the steps from %v to %v and from %v to %v overlap", a, b, c, d), touch)
	}
	gap := func(a, b float64) spec.Problem {
		return problem(path, fmt.Sprintf("between %v and %v there is no step", a, b), touch)
	}
	above := func(v float64) spec.Problem {
		return problem(path, fmt.Sprintf("above %v there is no step", v), "leave out the metricIntervalUpperBound of the highest step")
	}
	below := func(v float64) spec.Problem {
		return problem(path, fmt.Sprintf("below %v there is no step", v), "leave out the metricIntervalLowerBound of the lowest step")
	}
	across := func(i int, a, b float64) spec.Problem {
		return problem(fmt.Sprintf("%s %d", path, i), fmt.Sprintf("metricIntervalLowerBound %v and metricIntervalUpperBound %v: the step lies on both sides of the threshold", a, b), "make two steps of it, one up to 0 and one from 0")
	}
	empty := func(i int, a, b float64) spec.Problem {
		return problem(fmt.Sprintf("%s %d", path, i), fmt.Sprintf("metricIntervalLowerBound %v and metricIntervalUpperBound %v: the step is empty", a, b), "give a lower bound below the upper one")
	}
	count := func(n int) spec.Problem {
		return problem(path, fmt.Sprintf("%d step adjustments are not between 1 and 20", n), "give 1 to 20 steps")
	}
	low, high := math.Inf(-1), math.Inf(1)
	many := func(n int) []spec.StepAdjustment { // n steps upwards, the last one open
		var out []spec.StepAdjustment
		for i := range n - 1 {
			out = append(out, step(float64(i), float64(i+1), i))
		}
		return append(out, step(float64(n-1), open, n))
	}
	tests := []struct {
		name  string
		steps []spec.StepAdjustment
		want  []spec.Problem
	}{
		{"none", nil, []spec.Problem{count(0)}},
		{"one upwards", []spec.StepAdjustment{step(0, open, 1)}, nil},
		{"one downwards", []spec.StepAdjustment{step(open, 0, -1)}, nil},
		{"20", many(20), nil},
		{"21", many(21), []spec.Problem{count(21)}},
		{"both sides, a dead band between", []spec.StepAdjustment{step(10, open, 1), step(open, -10, -1)}, nil},
		{"both sides, touching", []spec.StepAdjustment{step(0, open, 1), step(open, 0, -1)}, nil},
		{"in any order", []spec.StepAdjustment{step(20, open, 3), step(0, 10, 1), step(10, 20, 2)}, nil},
		{"a gap above", []spec.StepAdjustment{step(0, 10, 1), step(11, open, 2)}, []spec.Problem{gap(10, 11)}},
		{"a gap below", []spec.StepAdjustment{step(-10, 0, -1), step(open, -11, -2)}, []spec.Problem{gap(-11, -10)}},
		{"an overlap", []spec.StepAdjustment{step(0, 11, 1), step(10, open, 2)}, []spec.Problem{overlap(0, 11, 10, high)}},
		{"twice the same", []spec.StepAdjustment{step(0, open, 1), step(0, open, 2)}, []spec.Problem{overlap(0, high, 0, high)}},
		{"two open downwards", []spec.StepAdjustment{step(open, -5, 1), step(open, -9, 2)}, []spec.Problem{overlap(low, -9, low, -5)}},
		{"nothing above the last", []spec.StepAdjustment{step(0, 10, 1), step(10, 20, 2)}, []spec.Problem{above(20)}},
		{"nothing below the first", []spec.StepAdjustment{step(-10, 0, -1), step(0, open, 1)}, []spec.Problem{below(-10)}},
		{"nothing on either side", []spec.StepAdjustment{step(-10, 0, -1), step(0, 10, 1)}, []spec.Problem{below(-10), above(10)}},
		{"both bounds open", []spec.StepAdjustment{step(open, open, 1)}, []spec.Problem{across(0, low, high)}},
		{"across the threshold", []spec.StepAdjustment{step(10, open, 1), step(-10, 10, 1)}, []spec.Problem{across(1, -10, 10)}},
		{"empty", []spec.StepAdjustment{step(0, open, 1), step(5, 5, 1)}, []spec.Problem{empty(1, 5, 5)}},
		{"backwards", []spec.StepAdjustment{step(9, 5, 1)}, []spec.Problem{empty(0, 9, 5)}},
		{"a bound that is no number a person writes", []spec.StepAdjustment{step(0, 1e300, 1), step(low, 0, 1)}, []spec.Problem{
			problem(path+" 0 metricIntervalUpperBound", "metricIntervalUpperBound 1e+300 is out of range", "use a number from -1e+15 to 1e+15"),
			problem(path+" 1 metricIntervalLowerBound", "metricIntervalLowerBound -Inf is out of range", "use a number from -1e+15 to 1e+15"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := stepping()
			s.StepAdjustments = tt.steps
			check(t, spec.Policy{StepScaling: &s}, tt.want)
		})
	}
}

// Of valid steps exactly one holds any distance from the threshold that is past
// the nearest bound of its side, and none any other; their order in the file does
// not matter.
func TestStepsCoverTheirSides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var steps []spec.StepAdjustment
		up, down := math.Inf(1), math.Inf(1) // where each side begins
		side := func(label string, sign float64) {
			edges := rapid.SliceOfNDistinct(rapid.IntRange(0, 50), 0, 6, rapid.ID[int]).Draw(t, label)
			slices.Sort(edges)
			if len(edges) > 0 && sign > 0 {
				up = float64(edges[0])
			} else if len(edges) > 0 {
				down = float64(edges[0])
			}
			for i, e := range edges {
				from, to := sign*float64(e), open
				if i+1 < len(edges) {
					to = sign * float64(edges[i+1])
				}
				if sign < 0 {
					from, to = to, from
				}
				steps = append(steps, step(from, to, i))
			}
		}
		side("up", 1)
		side("down", -1)
		if len(steps) == 0 {
			return
		}
		s := stepping()
		s.StepAdjustments = rapid.Permutation(steps).Draw(t, "steps")
		whole := service()
		whole.Policies = []spec.Policy{{StepScaling: &s}}
		if problems := whole.Validate(); len(problems) > 0 {
			t.Fatalf("%+v", problems)
		}
		d := float64(rapid.IntRange(-60, 60).Draw(t, "distance"))
		holds, want := 0, 0
		if d >= up || d < 0 && -d >= down {
			want = 1
		}
		for _, a := range steps {
			if low, high := a.Bounds(); d >= 0 && low <= d && d < high || d < 0 && low < d && d <= high {
				holds++
			}
		}
		if holds != want {
			t.Fatalf("%d steps hold %v, want %d", holds, d, want)
		}
	})
}

func TestValidateBacklog(t *testing.T) {
	t.Parallel()
	const path = "policies 0 backlog"
	queue := func(q string) func(*spec.Backlog) { return func(b *spec.Backlog) { b.Queue = q } }
	noQueue := func(q string) []spec.Problem {
		return []spec.Problem{problem(path+" queue", fmt.Sprintf("queue %q is no SQS queue", q), "give the queue's name or URL, not its ARN")}
	}
	const one = "queue and metrics: exactly one must be set"
	long := strings.Repeat("q", 81)
	latency := func(d time.Duration) func(*spec.Backlog) {
		return func(b *spec.Backlog) { b.AcceptableLatency = spec.Duration(d) }
	}
	work := func(d time.Duration) func(*spec.Backlog) {
		return func(b *spec.Backlog) { b.ProcessingTime = new(spec.Duration(d)) }
	}
	age := func(d time.Duration) func(*spec.Backlog) {
		return func(b *spec.Backlog) { b.MaxAge = new(spec.Duration(d)) }
	}
	out := func(field, value, remedy string) []spec.Problem {
		return []spec.Problem{problem(path+" "+field, field+" "+value+" is out of range", remedy)}
	}
	at := func(n int, known bool) func(*spec.Backlog) {
		return func(b *spec.Backlog) {
			if b.Concurrency = n; known {
				b.ProcessingTime = new(spec.Duration(time.Second))
			}
		}
	}
	noConcurrency := func(n int) []spec.Problem {
		return []spec.Problem{problem(path+" concurrency", fmt.Sprintf("concurrency %d is out of range", n), "use 1 to 100000")}
	}
	const days = 24 * time.Hour
	tests := []struct {
		name string
		edit func(*spec.Backlog)
		want []spec.Problem
	}{
		{"no fault", func(*spec.Backlog) {}, nil},
		{"a FIFO queue", queue("orders.fifo"), nil},
		{"a URL", queue("https://queues.example/111122223333/orders.fifo"), nil},
		{"a local URL", queue("http://localhost:9324/000000000000/orders"), nil},
		{"a name of 80 characters", queue(long[1:]), nil},
		{"a name of 81 characters", queue(long), noQueue(long)},
		{"a dot elsewhere", queue("orders.dlq"), noQueue("orders.dlq")},
		{"an ARN", queue("arn:aws:sqs:eu-west-1:111122223333:orders"), noQueue("arn:aws:sqs:eu-west-1:111122223333:orders")},
		{"a URL without queue", queue("https://queues.example/"), noQueue("https://queues.example/")},
		{"no queue", queue(""), []spec.Problem{problem(path, one, "add one of queue and metrics")}},
		{"queue and metrics", func(b *spec.Backlog) { b.Metrics = &spec.BacklogMetrics{} }, []spec.Problem{problem(path, one, "keep one of the two")}},

		{"latency 1s", latency(time.Second), nil},
		{"latency below 1s", latency(time.Second - 1), out("acceptableLatency", "999.999999ms", "use 1s to 336h")},
		{"latency of 14 days", latency(14 * days), nil},
		{"latency above 14 days", latency(14*days + time.Second), out("acceptableLatency", "336h0m1s", "use 1s to 336h")},
		{"processing 1ms", work(time.Millisecond), nil},
		{"processing below 1ms", work(time.Millisecond - 1), out("processingTime", "999.999µs", "use 1ms to 12h")},
		{"processing 12h", work(12 * time.Hour), nil},
		{"processing above 12h", work(12*time.Hour + 1), out("processingTime", "12h0m0.000000001s", "use 1ms to 12h")},
		{"age 1s", age(time.Second), nil},
		{"age 0s", age(0), out("maxAge", "0s", "use 1s to 336h")},
		{"age of 14 days", age(14 * days), nil},
		{"age above 14 days", age(15 * days), out("maxAge", "360h", "use 1s to 336h")},
		{"one at a time", at(1, true), nil},
		{"100000 at a time", at(100_000, true), nil},
		{"100001 at a time", at(100_001, true), noConcurrency(100_001)},
		{"-1 at a time", at(-1, true), noConcurrency(-1)},
		{"concurrency of a learnt rate", at(2, false), []spec.Problem{
			problem(path+" concurrency", "concurrency goes with processingTime", "give processingTime too, or remove it: a learnt rate holds it already"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := spec.Backlog{Queue: "orders", AcceptableLatency: minute}
			tt.edit(&b)
			check(t, spec.Policy{Backlog: &b}, tt.want)
		})
	}
}

func TestValidateBacklogMetrics(t *testing.T) {
	t.Parallel()
	const path = "policies 0 backlog metrics"
	named := func(name string) *spec.Metric { return &spec.Metric{Namespace: "Kafka", Name: name} }
	period := func(name, got string) spec.Problem {
		return problem(path+" "+name+" period", "period "+got+" of "+name+" is not backlog.period 1m", "give the metrics of one queue one period")
	}
	unknown := problem(path+" completions", "without completions and processingTime the rate of a task cannot be known", "name the metric of finished messages, or give processingTime")
	ten := spec.Duration(10 * time.Second)
	tests := []struct {
		name string
		edit func(*spec.Backlog)
		want []spec.Problem
	}{
		{"no fault", func(*spec.Backlog) {}, nil},
		{"a period written as the default", func(b *spec.Backlog) { b.Metrics.Arrivals.Period = minute }, nil},
		{"another period of arrivals", func(b *spec.Backlog) { b.Metrics.Arrivals.Period = ten }, []spec.Problem{period("arrivals", "10s")}},
		{"another period of completions", func(b *spec.Backlog) { b.Metrics.Completions.Period = ten }, []spec.Problem{period("completions", "10s")}},
		{"another period of the age", func(b *spec.Backlog) { b.Metrics.OldestAge.Period = 2 * minute }, []spec.Problem{period("oldestAge", "2m")}},
		{"no completions", func(b *spec.Backlog) { b.Metrics.Completions = nil }, []spec.Problem{unknown}},
		{"no completions, a known time", func(b *spec.Backlog) { b.Metrics.Completions, b.ProcessingTime = nil, new(minute) }, nil},
		{"no age", func(b *spec.Backlog) { b.Metrics.OldestAge = nil }, nil},
		{"faults of each", func(b *spec.Backlog) {
			b.Metrics = &spec.BacklogMetrics{Backlog: *named(""), Arrivals: *named(""), Completions: named(""), OldestAge: named("")}
		}, []spec.Problem{
			problem(path+" backlog name", `name "" is not valid`, "give the CloudWatch metric name"),
			problem(path+" arrivals name", `name "" is not valid`, "give the CloudWatch metric name"),
			problem(path+" completions name", `name "" is not valid`, "give the CloudWatch metric name"),
			problem(path+" oldestAge name", `name "" is not valid`, "give the CloudWatch metric name"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := spec.Backlog{AcceptableLatency: minute, Metrics: &spec.BacklogMetrics{
				Backlog: *named("Lag"), Arrivals: *named("In"), Completions: named("Out"), OldestAge: named("Age"),
			}}
			tt.edit(&b)
			check(t, spec.Policy{Backlog: &b}, tt.want)
		})
	}
}

func TestValidateConcurrency(t *testing.T) {
	t.Parallel()
	const path = "policies 0 concurrency"
	out := func(field, value, remedy string) []spec.Problem {
		return []spec.Problem{problem(path+" "+field, field+" "+value+" is out of range", remedy)}
	}
	stable := func(d time.Duration) func(*spec.Concurrency) {
		return func(c *spec.Concurrency) { c.StableWindow = new(spec.Duration(d)) }
	}
	panicking := func(d time.Duration) func(*spec.Concurrency) {
		return func(c *spec.Concurrency) { c.PanicWindow = new(spec.Duration(d)) }
	}
	use := func(p spec.Percent) func(*spec.Concurrency) {
		return func(c *spec.Concurrency) { c.TargetUtilization = &p }
	}
	period := func(d time.Duration) func(*spec.Concurrency) {
		return func(c *spec.Concurrency) { c.Metric.Period = spec.Duration(d) }
	}
	const positive, rate = "use a number above 0, at most 1e+15", "use a number from 1.1 to 1e+06"
	tests := []struct {
		name string
		edit func(*spec.Concurrency)
		want []spec.Problem
	}{
		{"no fault", func(*spec.Concurrency) {}, nil},
		{"no metric", func(c *spec.Concurrency) { c.Metric = spec.Metric{} }, []spec.Problem{
			problem(path+" metric namespace", `namespace "" is not valid`, "give the CloudWatch namespace"),
			problem(path+" metric name", `name "" is not valid`, "give the CloudWatch metric name"),
		}},
		{"a period of a minute", period(time.Minute), nil},
		{"a period of two minutes", func(c *spec.Concurrency) { c.Metric.Period, c.StableWindow = 2*minute, new(2*minute) }, []spec.Problem{
			problem(path+" metric period", "period 2m is too long for a panic window", "use 10s, 20s, 30s or 60s"),
		}},
		{"no target", func(c *spec.Concurrency) { c.TargetPerTask = 0 }, out("targetPerTask", "0", positive)},
		{"a target of nothing", func(c *spec.Concurrency) { c.TargetPerTask = math.NaN() }, out("targetPerTask", "NaN", positive)},
		{"a target of 1e15", func(c *spec.Concurrency) { c.TargetPerTask = 1e15 }, nil},
		{"a target above 1e15", func(c *spec.Concurrency) { c.TargetPerTask = 2e15 }, out("targetPerTask", "2e+15", positive)},
		{"1 % planned", use(0.01), nil},
		{"less than 1 % planned", use(0.009), out("targetUtilization", "0.9%", "use 1% to 100%")},
		{"100 % planned", use(1), nil},
		{"more than 100 % planned", use(1.01), out("targetUtilization", "101%", "use 1% to 100%")},
		{"calm over 10s", stable(10 * time.Second), nil},
		{"calm over 9s", stable(9 * time.Second), out("stableWindow", "9s", "use 10s to 1h")},
		{"calm over 1h", stable(time.Hour), nil},
		{"calm over more", stable(time.Hour + time.Second), out("stableWindow", "1h0m1s", "use 10s to 1h")},
		{"calm over less than a period", func(c *spec.Concurrency) {
			c.Metric.Period, c.StableWindow = spec.Duration(30*time.Second), new(spec.Duration(20*time.Second))
		}, []spec.Problem{
			problem(path+" stableWindow", "stableWindow 20s holds no datapoint: metric.period is 30s", "use at least one period"),
		}},
		{"panic over 1s", panicking(time.Second), nil},
		{"panic over less", panicking(time.Second - 1), out("panicWindow", "999.999999ms", "use 1s to 1h")},
		{"panic over all of it", panicking(time.Minute), nil},
		{"panic over more", panicking(61 * time.Second), []spec.Problem{
			problem(path+" panicWindow", "panicWindow 1m1s is longer than stableWindow 1m", "use a shorter one than stableWindow"),
		}},
		{"panic over more than 1h", panicking(61 * time.Minute), out("panicWindow", "1h1m", "use 1s to 1h")},
		{"panic at 1.1", func(c *spec.Concurrency) { c.PanicThreshold = 1.1 }, nil},
		{"panic at 1.09", func(c *spec.Concurrency) { c.PanicThreshold = 1.09 }, out("panicThreshold", "1.09", "use a number from 1.1 to 10")},
		{"panic at 10", func(c *spec.Concurrency) { c.PanicThreshold = 10 }, nil},
		{"panic at 10.1", func(c *spec.Concurrency) { c.PanicThreshold = 10.1 }, out("panicThreshold", "10.1", "use a number from 1.1 to 10")},
		{"rates at their least", func(c *spec.Concurrency) { c.MaxScaleUpRate, c.MaxScaleDownRate = 1.1, 1.1 }, nil},
		{"rates at their most", func(c *spec.Concurrency) { c.MaxScaleUpRate, c.MaxScaleDownRate = 1e6, 1e6 }, nil},
		{"up by less", func(c *spec.Concurrency) { c.MaxScaleUpRate = 1 }, out("maxScaleUpRate", "1", rate)},
		{"up by more", func(c *spec.Concurrency) { c.MaxScaleUpRate = 1.1e6 }, out("maxScaleUpRate", "1.1e+06", rate)},
		{"down by less", func(c *spec.Concurrency) { c.MaxScaleDownRate = 1 }, out("maxScaleDownRate", "1", rate)},
		{"down by nothing", func(c *spec.Concurrency) { c.MaxScaleDownRate = math.NaN() }, out("maxScaleDownRate", "NaN", rate)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := spec.Concurrency{Metric: *own("", 10*time.Second), TargetPerTask: 40}
			tt.edit(&c)
			check(t, spec.Policy{Concurrency: &c}, tt.want)
		})
	}
}
