package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// asked is an input with what anyInput leaves out: policies of every type with
// their series and queues, vetoes, wake signals, prices and an account's cap.
func asked(t *rapid.T) policy.Input {
	in := anyInput(t)
	if oneIn(t, 10, "unreadable") {
		in.Unreadable = "the group could not be read"
	}
	for i := range in.Services {
		s := &in.Services[i]
		for range rapid.IntRange(0, 2).Draw(t, "more policies") {
			s.Policy.Policies = append(s.Policy.Policies, anyPolicy(t))
		}
		if oneIn(t, 3, "vetoed") {
			s.Policy.Vetoes = []spec.Veto{{Name: "errors", Metric: appMetric(t), Above: new(50.0), TreatMissingData: spec.NotBreaching}}
		}
		if oneIn(t, 3, "activated") {
			s.Policy.MinCapacity, s.Policy.Activation = 0, &spec.Activation{Wake: []spec.Wake{{Metric: appMetric(t)}}}
		}
		if oneIn(t, 2, "priced") {
			s.Policy.Spend = &spec.Spend{TaskHour: rapid.Float64Range(0.01, 3).Draw(t, "price")}
		}
	}
	for _, name := range []string{"InFlight", "Errors", "Busy"} {
		for _, statistic := range []string{"Sum", "Average"} {
			in.Signals = append(in.Signals, anySeries(t, signal.Metric{Namespace: "App", Name: name, Statistic: statistic, Period: time.Minute}))
		}
	}
	for _, q := range []string{"jobs", "mails"} {
		b := spec.Backlog{Queue: q}.CloudWatch()
		for _, m := range []signal.Metric{b.Backlog, b.Arrivals, *b.Completions, *b.OldestAge} {
			in.Signals = append(in.Signals, anySeries(t, m))
		}
		in.Queues = append(in.Queues, signal.Queue{Name: q, At: noon, Status: signal.Complete, Visible: rapid.IntRange(0, 3).Draw(t, "visible")})
	}
	if rapid.Bool().Draw(t, "account") {
		in.Account = &policy.Account{AtMostPerHour: rapid.Float64Range(0, 100).Draw(t, "at most"), OthersPerHour: rapid.Float64Range(0, 30).Draw(t, "others")}
		if oneIn(t, 5, "unknown") {
			in.Account.Unknown = "throttled"
		}
	}
	return in
}

func appMetric(t *rapid.T) spec.Metric {
	return spec.Metric{
		Namespace: "App", Name: rapid.SampledFrom([]string{"InFlight", "Errors", "Busy"}).Draw(t, "metric"),
		Statistic: rapid.SampledFrom([]string{"Sum", "Average"}).Draw(t, "statistic"),
	}
}

func anySeries(t *rapid.T, m signal.Metric) signal.Series {
	s := signal.Series{Metric: m, Status: rapid.SampledFrom([]signal.Status{signal.Complete, signal.Complete, signal.Failed}).Draw(t, "status")}
	n := rapid.IntRange(0, 20).Draw(t, "points")
	for i := range n {
		s.Points = append(s.Points, signal.Point{
			Start: noon.Add(-time.Duration(n-i) * m.Period), Value: signal.Value(rapid.IntRange(0, 400).Draw(t, "value")),
		})
	}
	return s
}

func anyPolicy(t *rapid.T) spec.Policy {
	m := appMetric(t)
	return rapid.SampledFrom([]spec.Policy{
		{TargetTracking: &spec.TargetTracking{Metric: &m, TargetPerTask: 20}},
		{TargetTracking: &spec.TargetTracking{Metric: &m, TargetValue: 60, Ceiling: 100}},
		{StepScaling: &spec.StepScaling{Metric: &m, Threshold: 70, AdjustmentType: spec.ChangeInCapacity, StepAdjustments: []spec.StepAdjustment{
			{MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 2},
		}}},
		{Backlog: &spec.Backlog{Queue: "jobs", AcceptableLatency: spec.Duration(time.Minute), ProcessingTime: new(spec.Duration(time.Second))}},
		{Backlog: &spec.Backlog{Queue: "mails", AcceptableLatency: spec.Duration(time.Minute)}},
		{Concurrency: &spec.Concurrency{Metric: m, TargetPerTask: 10}},
	}).Draw(t, "policy")
}

// The decision about a service is the same, byte for byte, from the part of the
// input that its record keeps.
func TestOnlyDecidesTheSame(t *testing.T) {
	t.Parallel()
	orders, capped := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		in := asked(t)
		before := encode(t, in)
		d := policy.Decide(noon, in)
		for _, want := range d.Services {
			part := in.Only(want.Service, d)
			got := policy.Decide(noon, part)
			target := fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: want.Service}.Target()
			if diff := cmp.Diff(encode(t, d.About(target)), encode(t, got)); diff != "" {
				t.Fatalf("the part decides otherwise (-whole +part):\n%s\n%s", diff, encode(t, part))
			}
			if len(got.Services) != 1 || encode(t, got.Services[0]) != encode(t, want) {
				t.Fatalf("%d services are decided from the part", len(got.Services))
			}
			if again := encode(t, part.Only(want.Service, got)); again != encode(t, part) {
				t.Fatalf("the part of the part is another:\n%s\n%s", encode(t, part), again)
			}
			if want.Desired != want.Base {
				orders++
			}
			if part.Account != nil {
				capped++
			}
		}
		if after := encode(t, in); after != before {
			t.Fatalf("taking the parts changed the whole:\n%s\n%s", before, after)
		}
	})
	if !testing.Short() && (orders == 0 || capped == 0) { // a short run draws five cells
		t.Errorf("%d orders and %d decisions under a cap were drawn: the test looks at too little", orders, capped)
	}
}

// The part is small: another service, its metrics and the group's own state are
// not in it, and of an instance only what a task count depends on.
func TestOnlyIsSmall(t *testing.T) {
	t.Parallel()
	in := group(90)
	in.Signals = append(in.Signals, cpu("theirs", 3, 10, 10))
	in.Services = append(in.Services, policy.ServiceInput{Name: "theirs", Policy: servicePolicy()})
	in.Queues = []signal.Queue{{Name: "jobs", Status: signal.Complete}}
	agent := live("agent", fleet.EC2, 0)
	agent.Daemon, agent.TaskSize = true, quarter()
	in.Fleet.Services = append(in.Fleet.Services, agent)
	in.Fleet.Instances[0].Type, in.Fleet.Instances[0].Zone = "m7g.large", "eu-west-1a"
	in.Fleet.Instances = append(in.Fleet.Instances, fleet.Instance{ID: "i-9", Group: "other"})
	got := in.Only("checkout", policy.Decision{})
	want := in
	want.Group, want.Queues = nil, nil
	want.Services, want.Signals = in.Services[:1], in.Signals[:1]
	want.Fleet = fleet.Snapshot{
		At: noon, Services: []fleet.Service{in.Fleet.Services[0], agent},
		Group: &fleet.Group{Name: "m7g", DesiredCapacity: 2},
		Instances: []fleet.Instance{
			{ID: "i-1", Group: "m7g", Active: true, Connected: true, Type: "m7g.large", Registered: shape()},
			{ID: "i-2", Group: "m7g", Active: true, Connected: true, Registered: shape()},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	fargate := in
	fargate.Fleet.Services = []fleet.Service{live("checkout", fleet.Fargate, 8), agent}
	got = fargate.Only("checkout", policy.Decision{})
	if got.Fleet.Group != nil || len(got.Fleet.Instances) > 0 || len(got.Fleet.Services) != 1 {
		t.Errorf("on Fargate the group is kept: %+v", got.Fleet)
	}
	if got := in.Only("nope", policy.Decision{}); len(got.Services)+len(got.Fleet.Services)+len(got.Signals) != 0 {
		t.Errorf("of a service that is not there is kept: %+v", got)
	}
}

// The part of a decision about one target.
func TestDecisionAbout(t *testing.T) {
	t.Parallel()
	in := group(90)
	d := policy.Decide(noon, in)
	for _, c := range []struct {
		target   fleet.Target
		services int
		group    bool
	}{
		{fleet.ServiceKey{Cluster: "prod", Service: "checkout"}.Target(), 1, false},
		{fleet.ServiceKey{Cluster: "other", Service: "checkout"}.Target(), 0, false},
		{fleet.ServiceKey{Cluster: "prod", Service: "m7g"}.Target(), 0, false},
		{fleet.GroupOf("prod", "m7g"), 0, true},
		{fleet.GroupOf("prod", "checkout"), 0, false},
	} {
		got := d.About(c.target)
		if len(got.Services) != c.services || (got.Group != nil) != c.group || got.Cell != d.Cell || !got.At.Equal(d.At) {
			t.Errorf("%s: got %+v", c.target, got)
		}
	}
}
