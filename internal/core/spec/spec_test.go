package spec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	key  = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}
)

func TestLeast(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want spec.Mode }{
		{spec.Act, spec.Act, spec.Act},
		{spec.Act, spec.Observe, spec.Observe},
		{spec.Observe, spec.Act, spec.Observe},
		{spec.Observe, spec.Observe, spec.Observe},
		{spec.Act, "", spec.Observe},
		{"", spec.Act, spec.Observe},
		{"", "", spec.Observe},
		{spec.Act, "ACT", spec.Observe},
	}
	for _, tt := range tests {
		if got := spec.Least(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: got %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

// A target's own mode narrows the document's and never widens it.
func TestRowsFoldTheMode(t *testing.T) {
	t.Parallel()
	tests := []struct{ doc, own, want spec.Mode }{
		{spec.Act, spec.Act, spec.Act},
		{spec.Act, "", spec.Act},
		{spec.Act, spec.Observe, spec.Observe},
		{spec.Observe, spec.Act, spec.Observe},
		{spec.Observe, "", spec.Observe},
		{spec.Observe, spec.Observe, spec.Observe},
		{"", spec.Act, spec.Observe},
		{"", "", spec.Observe},
	}
	for _, tt := range tests {
		s := service()
		s.Mode = tt.own
		d := spec.Document{
			Cluster: "prod", Mode: tt.doc, Services: map[fleet.ServiceName]spec.Service{"checkout": s},
			Groups: map[fleet.GroupName]spec.Group{"m7g": {Mode: tt.own}},
		}
		services, groups := d.Rows()
		s.Mode = tt.want
		if diff := cmp.Diff(map[fleet.ServiceName]spec.Service{"checkout": s}, services); diff != "" {
			t.Errorf("%q over %q, services (-want +got):\n%s", tt.doc, tt.own, diff)
		}
		if diff := cmp.Diff(map[fleet.GroupName]spec.Group{"m7g": {Mode: tt.want}}, groups); diff != "" {
			t.Errorf("%q over %q, groups (-want +got):\n%s", tt.doc, tt.own, diff)
		}
		if d.Services["checkout"].Mode != tt.own || d.Groups["m7g"].Mode != tt.own {
			t.Errorf("%q over %q: the document was changed", tt.doc, tt.own)
		}
	}
}

func TestRowsOfNothing(t *testing.T) {
	t.Parallel()
	if services, groups := (spec.Document{}).Rows(); services == nil || groups == nil || len(services)+len(groups) != 0 {
		t.Errorf("got %v and %v, want two empty maps", services, groups)
	}
}

func TestCloudWatch(t *testing.T) {
	t.Parallel()
	ecs := func(name, statistic string) signal.Metric {
		return signal.Metric{
			Namespace: "AWS/ECS", Name: name, Statistic: statistic, Period: time.Minute,
			Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "checkout"}},
		}
	}
	own := func(statistic string, period time.Duration) signal.Metric {
		return signal.Metric{Namespace: "App", Name: "InFlight", Statistic: statistic, Period: period}
	}
	metric := func(statistic string, period time.Duration) *spec.Metric {
		return &spec.Metric{Namespace: "App", Name: "InFlight", Statistic: statistic, Period: spec.Duration(period)}
	}
	tests := []struct {
		name  string
		t     spec.TargetTracking
		want  signal.Metric
		label string
	}{
		{"CPU is read as a sum", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}, ecs("CPUUtilization", "Sum"), spec.CPUUtilization},
		{"memory is read as a sum", spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 60}, ecs("MemoryUtilization", "Sum"), spec.MemoryUtilization},
		{"a target value reads the average of a minute", spec.TargetTracking{Metric: metric("", 0), TargetValue: 40}, own("Average", time.Minute), "App/InFlight"},
		{"a target per task reads the sum of a minute", spec.TargetTracking{Metric: metric("", 0), TargetPerTask: 40}, own("Sum", time.Minute), "App/InFlight"},
		{"a statistic and a period of one's own stand", spec.TargetTracking{Metric: metric("p99", 10*time.Second), TargetPerTask: 40}, own("p99", 10*time.Second), "App/InFlight"},
		{"a policy that names no metric reads nothing and does not panic", spec.TargetTracking{TargetValue: 40}, signal.Metric{Statistic: "Average", Period: time.Minute}, "/"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.t.CloudWatch(key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if got := tt.t.Label(); got != tt.label {
			t.Errorf("%s: label %q, want %q", tt.name, got, tt.label)
		}
	}
}

func TestCloudWatchSortsDimensions(t *testing.T) {
	t.Parallel()
	m := spec.Metric{Namespace: "App", Name: "InFlight", Dimensions: map[string]string{"d": "4", "b": "2", "a": "1", "c": "3"}}
	want := []signal.Dimension{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Value: "3"}, {Name: "d", Value: "4"}}
	for range 20 { // the map is walked in another order each time
		if diff := cmp.Diff(want, (spec.TargetTracking{Metric: &m, TargetPerTask: 1}).CloudWatch(key).Dimensions); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestBehaviorDefaults(t *testing.T) {
	t.Parallel()
	var s spec.Service
	if diff := cmp.Diff(spec.Resolved{Tolerance: 0.05}, s.Out()); diff != "" {
		t.Errorf("out (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spec.Resolved{Tolerance: 0.10, Cooldown: time.Minute, StabilizationWindow: 15 * time.Minute}, s.In()); diff != "" {
		t.Errorf("in (-want +got):\n%s", diff)
	}
}

// A zero that was written is a zero, not a default.
func TestBehaviorKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tolerance := rapid.Float64Range(0, 0.9).Draw(t, "tolerance")
		cooldown := time.Duration(rapid.IntRange(0, 3600).Draw(t, "cooldown")) * time.Second
		window := time.Duration(rapid.IntRange(0, 3600).Draw(t, "window")) * time.Second
		b := spec.Behavior{
			Tolerance: new(spec.Percent(tolerance)), Cooldown: new(spec.Duration(cooldown)), StabilizationWindow: new(spec.Duration(window)),
		}
		want := spec.Resolved{Tolerance: tolerance, Cooldown: cooldown, StabilizationWindow: window}
		s := spec.Service{ScaleOut: b}
		if diff := cmp.Diff(want, s.Out()); diff != "" {
			t.Fatalf("out (-want +got):\n%s", diff)
		}
		s = spec.Service{ScaleIn: b}
		if diff := cmp.Diff(want, s.In()); diff != "" {
			t.Fatalf("in (-want +got):\n%s", diff)
		}
	})
}

func TestOverrideLive(t *testing.T) {
	t.Parallel()
	o := spec.Override{Kind: spec.Pause, Until: noon}
	tests := []struct {
		name string
		now  time.Time
		want bool
	}{
		{"a nanosecond before", noon.Add(-1), true},
		{"at its end", noon, false},
		{"after", noon.Add(time.Hour), false},
		{"at its end, told in another zone", noon.In(time.FixedZone("CET", 3600)), false},
	}
	for _, tt := range tests {
		if got := o.Live(tt.now); got != tt.want {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}
