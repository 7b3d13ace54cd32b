package spec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const label = "app/shop/50dc6c495c0c9188/targetgroup/checkout/943f017f100becff"

// own is a metric of the user's own.
func own(statistic string, period time.Duration) *spec.Metric {
	return &spec.Metric{Namespace: "App", Name: "InFlight", Statistic: statistic, Period: spec.Duration(period)}
}

func read(statistic string, period time.Duration) signal.Metric {
	return signal.Metric{Namespace: "App", Name: "InFlight", Statistic: statistic, Period: period}
}

func ecs(name string, period time.Duration) signal.Metric {
	return signal.Metric{
		Namespace: "AWS/ECS", Name: name, Statistic: "Sum", Period: period,
		Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "checkout"}},
	}
}

func requests() signal.Metric {
	return signal.Metric{
		Namespace: "AWS/ApplicationELB", Name: "RequestCount", Statistic: "Sum", Period: time.Minute,
		Dimensions: []signal.Dimension{
			{Name: "LoadBalancer", Value: "app/shop/50dc6c495c0c9188"}, {Name: "TargetGroup", Value: "targetgroup/checkout/943f017f100becff"},
		},
	}
}

func ratio() *spec.Metric {
	return &spec.Metric{
		Expression: "visible / running", Period: spec.Duration(30 * time.Second),
		Metrics: map[string]spec.MathInput{
			"visible": {Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Dimensions: map[string]string{"QueueName": "orders"}, Statistic: "Maximum"},
			"running": {Namespace: "ECS/ContainerInsights", Name: "RunningTaskCount"},
		},
	}
}

func readRatio() signal.Metric {
	return signal.Metric{
		Expression: "visible / running", Period: 30 * time.Second,
		Inputs: []signal.Input{
			{ID: "running", Metric: signal.Metric{Namespace: "ECS/ContainerInsights", Name: "RunningTaskCount", Statistic: "Average", Period: 30 * time.Second}},
			{ID: "visible", Metric: signal.Metric{
				Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Statistic: "Maximum", Period: 30 * time.Second,
				Dimensions: []signal.Dimension{{Name: "QueueName", Value: "orders"}},
			}},
		},
	}
}

// What each policy with one metric reads, what the value means, how often, and
// what the policy is called.
func TestPolicyReads(t *testing.T) {
	t.Parallel()
	step := func(s spec.StepScaling) spec.Policy { return spec.Policy{StepScaling: &s} }
	tests := []struct {
		name  string
		p     spec.Policy
		want  spec.Source
		label string
	}{
		{"CPU is read as a sum", cpu(60), spec.Source{Metric: ecs("CPUUtilization", time.Minute), Samples: true}, spec.CPUUtilization},
		{
			"memory is read as a sum", tracking(spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 60}),
			spec.Source{Metric: ecs("MemoryUtilization", time.Minute), Samples: true},
			spec.MemoryUtilization,
		},
		{
			"CPU every 20 s", tracking(spec.TargetTracking{PredefinedMetric: spec.CPUUtilizationHighRes, TargetValue: 60}),
			spec.Source{Metric: ecs("CPUUtilization", 20*time.Second), Samples: true},
			spec.CPUUtilizationHighRes,
		},
		{
			"memory every 20 s", step(spec.StepScaling{PredefinedMetric: spec.MemoryUtilizationHighRes}),
			spec.Source{Metric: ecs("MemoryUtilization", 20*time.Second), Samples: true},
			spec.MemoryUtilizationHighRes,
		},
		{
			"requests are read as the total of the target group",
			tracking(spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: label, TargetValue: 600}),
			spec.Source{Metric: requests(), Total: true},
			spec.ALBRequestCountPerTarget,
		},
		{
			"requests in steps", step(spec.StepScaling{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: label}),
			spec.Source{Metric: requests(), Total: true},
			spec.ALBRequestCountPerTarget,
		},
		{
			"a target value reads the average of a minute", tracking(spec.TargetTracking{Metric: own("", 0), TargetValue: 40}),
			spec.Source{Metric: read("Average", time.Minute)},
			"App/InFlight",
		},
		{
			"a target per task reads the sum of a minute", tracking(spec.TargetTracking{Metric: own("", 0), TargetPerTask: 40}),
			spec.Source{Metric: read("Sum", time.Minute), Total: true},
			"App/InFlight",
		},
		{"steps read the average of a minute", step(spec.StepScaling{Metric: own("", 0)}), spec.Source{Metric: read("Average", time.Minute)}, "App/InFlight"},
		{
			"a statistic and a period of one's own stand", tracking(spec.TargetTracking{Metric: own("p99", 10*time.Second), TargetPerTask: 40}),
			spec.Source{Metric: read("p99", 10*time.Second), Total: true},
			"App/InFlight",
		},
		{"metric math has the statistics of its inputs", tracking(spec.TargetTracking{Metric: ratio(), TargetValue: 40}), spec.Source{Metric: readRatio()}, "visible / running"},
		{"a policy's own name comes first", spec.Policy{Name: "requests", TargetTracking: &spec.TargetTracking{Metric: own("", 0), TargetPerTask: 1}}, spec.Source{Metric: read("Sum", time.Minute), Total: true}, "requests"},
		{"a policy that names no metric reads nothing and does not panic", tracking(spec.TargetTracking{TargetValue: 40}), spec.Source{}, ""},
		{"a total that names no metric", tracking(spec.TargetTracking{TargetPerTask: 40}), spec.Source{Total: true}, ""},
	}
	for _, tt := range tests {
		var got spec.Source
		if tt.p.TargetTracking != nil {
			got = tt.p.TargetTracking.CloudWatch(key)
		} else {
			got = tt.p.StepScaling.CloudWatch(key)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if got := tt.p.Label(); got != tt.label {
			t.Errorf("%s: label %q, want %q", tt.name, got, tt.label)
		}
		if got := tt.p.Period(); got != tt.want.Metric.Period {
			t.Errorf("%s: period %s, want %s", tt.name, got, tt.want.Metric.Period)
		}
	}
}

// A label that Validate refuses leads to a metric without datapoints, not to a panic.
func TestRequestCountOfABrokenLabel(t *testing.T) {
	t.Parallel()
	want := requests()
	want.Dimensions = []signal.Dimension{{Name: "LoadBalancer", Value: "app/shop"}, {Name: "TargetGroup", Value: ""}}
	got := spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: "app/shop"}.CloudWatch(key)
	if diff := cmp.Diff(spec.Source{Metric: want, Total: true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCloudWatchSortsDimensions(t *testing.T) {
	t.Parallel()
	m := spec.Metric{Namespace: "App", Name: "InFlight", Dimensions: map[string]string{"d": "4", "b": "2", "a": "1", "c": "3"}}
	want := []signal.Dimension{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Value: "3"}, {Name: "d", Value: "4"}}
	for range 20 { // the map is walked in another order each time
		if diff := cmp.Diff(want, (spec.TargetTracking{Metric: &m, TargetPerTask: 1}).CloudWatch(key).Metric.Dimensions); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestBacklogReads(t *testing.T) {
	t.Parallel()
	sqs := func(name, statistic string) signal.Metric {
		return signal.Metric{
			Namespace: "AWS/SQS", Name: name, Statistic: statistic, Period: time.Minute,
			Dimensions: []signal.Dimension{{Name: "QueueName", Value: "orders.fifo"}},
		}
	}
	queue := spec.BacklogSources{
		Backlog: sqs("ApproximateNumberOfMessagesVisible", "Maximum"), Arrivals: sqs("NumberOfMessagesSent", "Sum"),
		Completions: new(sqs("NumberOfMessagesDeleted", "Sum")), OldestAge: new(sqs("ApproximateAgeOfOldestMessage", "Maximum")),
	}
	bare := spec.BacklogMetrics{Backlog: *own("", 10*time.Second), Arrivals: *own("", 10*time.Second)}
	whole := bare
	whole.Completions, whole.OldestAge = own("", 10*time.Second), own("", 10*time.Second)
	tests := []struct {
		name   string
		b      spec.Backlog
		want   spec.BacklogSources
		label  string
		period time.Duration
	}{
		{"a queue by its name", spec.Backlog{Queue: "orders.fifo"}, queue, "queue orders.fifo", time.Minute},
		{"a queue by its URL", spec.Backlog{Queue: "https://queues.example/111122223333/orders.fifo"}, queue, "queue orders.fifo", time.Minute},
		{
			"metrics without the optional ones",
			spec.Backlog{Metrics: &bare},
			spec.BacklogSources{Backlog: read("Average", 10*time.Second), Arrivals: read("Sum", 10*time.Second)},
			"App/InFlight", 10 * time.Second,
		},
		{
			"all metrics",
			spec.Backlog{Metrics: &whole},
			spec.BacklogSources{
				Backlog: read("Average", 10*time.Second), Arrivals: read("Sum", 10*time.Second),
				Completions: new(read("Sum", 10*time.Second)), OldestAge: new(read("Maximum", 10*time.Second)),
			},
			"App/InFlight", 10 * time.Second,
		},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.b.CloudWatch()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		p := spec.Policy{Backlog: &tt.b}
		if p.Label() != tt.label || p.Period() != tt.period {
			t.Errorf("%s: label %q and period %s, want %q and %s", tt.name, p.Label(), p.Period(), tt.label, tt.period)
		}
	}
}

func TestLabelAndPeriodOfTheOthers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		p      spec.Policy
		label  string
		period time.Duration
	}{
		{"concurrency", spec.Policy{Concurrency: &spec.Concurrency{Metric: *own("", 10*time.Second)}}, "App/InFlight", 10 * time.Second},
		{"concurrency by default", spec.Policy{Concurrency: &spec.Concurrency{Metric: *own("", 0)}}, "App/InFlight", time.Minute},
		{"no type", spec.Policy{}, "", time.Minute},
	}
	for _, tt := range tests {
		if tt.p.Label() != tt.label || tt.p.Period() != tt.period {
			t.Errorf("%s: label %q and period %s, want %q and %s", tt.name, tt.p.Label(), tt.p.Period(), tt.label, tt.period)
		}
	}
}

func TestServiceMetric(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(ecs("CPUUtilization", time.Minute), spec.ServiceMetric(key, "CPUUtilization", "Sum")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other := spec.ServiceMetric(fleet.ServiceKey{Cluster: "a", Service: "b"}, "CPUUtilization", "Sum")
	if other.Key() == ecs("CPUUtilization", time.Minute).Key() {
		t.Error("two services share a metric")
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	window := func(d time.Duration) *spec.Duration { return new(spec.Duration(d)) }
	tests := []struct {
		name              string
		c                 spec.Concurrency
		stable, panicking time.Duration
	}{
		{"by default one minute, and at least one period", spec.Concurrency{}, time.Minute, time.Minute},
		{"at 10 s a tenth would be 6 s", spec.Concurrency{Metric: *own("", 10*time.Second)}, time.Minute, 10 * time.Second},
		{"a tenth", spec.Concurrency{Metric: *own("", 10*time.Second), StableWindow: window(10 * time.Minute)}, 10 * time.Minute, time.Minute},
		{"one's own", spec.Concurrency{Metric: *own("", 10*time.Second), StableWindow: window(5 * time.Minute), PanicWindow: window(20 * time.Second)}, 5 * time.Minute, 20 * time.Second},
		{"one's own below a period", spec.Concurrency{Metric: *own("", 20*time.Second), PanicWindow: window(time.Second)}, time.Minute, 20 * time.Second},
	}
	for _, tt := range tests {
		if stable, panicking := tt.c.Windows(); stable != tt.stable || panicking != tt.panicking {
			t.Errorf("%s: %s and %s, want %s and %s", tt.name, stable, panicking, tt.stable, tt.panicking)
		}
	}
}

// What sees demand while no task runs is what may scale a service from zero.
func TestSeesAtZero(t *testing.T) {
	t.Parallel()
	track := func(m *spec.Metric, value, perTask float64) spec.Policy {
		return tracking(spec.TargetTracking{Metric: m, TargetValue: value, TargetPerTask: perTask})
	}
	of := func(namespaces ...string) *spec.Metric {
		m := &spec.Metric{Expression: "a", Metrics: map[string]spec.MathInput{}}
		for i, n := range namespaces {
			m.Metrics[string(rune('a'+i))] = spec.MathInput{Namespace: n}
		}
		return m
	}
	tests := []struct {
		name string
		p    spec.Policy
		want bool
	}{
		{"a queue", spec.Policy{Backlog: &spec.Backlog{Queue: "q"}}, true},
		{"requests in flight", spec.Policy{Concurrency: &spec.Concurrency{Metric: *own("", 0)}}, true},
		{"in flight by a metric of ECS", spec.Policy{Concurrency: &spec.Concurrency{Metric: spec.Metric{Namespace: "AWS/ECS"}}}, false},
		{"a total", track(own("", 0), 0, 40), true},
		{"an average", track(own("", 0), 40, 0), false},
		{"CPU", cpu(60), false},
		{"requests per target", tracking(spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, TargetValue: 1}), false},
		{"a total of ECS", track(&spec.Metric{Namespace: "AWS/ECS"}, 0, 40), false},
		{"a total by math of ECS alone", track(of("AWS/ECS", "AWS/ECS"), 0, 40), false},
		{"a total by math of others too", track(of("AWS/ECS", "AWS/SQS"), 0, 40), true},
		{"steps", spec.Policy{StepScaling: &spec.StepScaling{Metric: own("", 0)}}, false},
		{"steps on CPU", spec.Policy{StepScaling: &spec.StepScaling{PredefinedMetric: spec.CPUUtilization}}, false},
		{"nothing", spec.Policy{}, false},
		{"tracking of nothing", tracking(spec.TargetTracking{TargetPerTask: 1}), false},
	}
	for _, tt := range tests {
		if got := tt.p.SeesAtZero(); got != tt.want {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}
