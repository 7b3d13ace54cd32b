package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestDecideOrdersAndRemembers(t *testing.T) {
	t.Parallel()
	got := one(t, fargate(90))
	if got.Service != "checkout" || got.Mode != spec.Act || got.Live != 10 || got.Base != 10 || got.Desired != 15 || got.Direction != history.Out || got.Reason != history.TargetTracking {
		t.Errorf("got %+v, want 10 to 15 for TargetTracking", got)
	}
	metric := spec.ServiceMetric(fleet.ServiceKey{Cluster: "prod", Service: "checkout"}, "CPUUtilization", "Sum")
	want := history.History{
		Orders: []history.Order{{At: noon, From: 10, To: 15}},
		Marks:  []history.Mark{{Policy: metric.Key(), Datapoint: noon.Add(-time.Minute)}},
	}
	if diff := cmp.Diff(want, ordered(got.Next)); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Marks, got.Marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestDecideHoldsAndForgetsNothing(t *testing.T) {
	t.Parallel()
	in := fargate(60)
	in.Services[0].History = history.History{
		Orders: []history.Order{{At: noon.Add(-time.Hour), From: 8, To: 10}}, Marks: []history.Mark{{Policy: "x", Datapoint: noon.Add(-time.Hour)}},
	}
	got := one(t, in)
	if got.Direction != history.Hold || got.Reason != history.AlreadyAtDesiredCapacity {
		t.Errorf("got %s for %s", got.Direction, got.Reason)
	}
	if diff := cmp.Diff(in.Services[0].History, ordered(got.Next)); diff != "" {
		t.Errorf("a hold changed the history (-before +next):\n%s", diff)
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	got := policy.Decide(noon, in)
	if !got.At.Equal(noon) || got.Cell != in.Cell || got.Group != nil {
		t.Errorf("got at %s, cell %s, group %v", got.At, got.Cell, got.Group)
	}
	empty := policy.Decide(noon, policy.Input{Cell: in.Cell})
	if empty.Services == nil || len(empty.Services) != 0 {
		t.Errorf("no services give %#v, want an empty list, which JSON writes as []", empty.Services)
	}
}

// Each gate stops the same order from 10 to 15, and names itself.
func TestServiceGates(t *testing.T) {
	t.Parallel()
	owner := policy.Owner{Kind: "ApplicationAutoScaling", Detail: "policy cpu60: suspend it first"}
	tests := []struct {
		name    string
		edit    func(*policy.Input)
		rule    string
		because string
	}{
		{"stop", func(in *policy.Input) { in.Stop = true }, history.GlobalStop, "the cluster's global stop is set"},
		{"stop with its author", func(in *policy.Input) { in.Stop, in.StopWhy = true, "by ann since 2026-11-23T11:00:00Z (incident)" }, history.GlobalStop, "the cluster's global stop is set by ann since 2026-11-23T11:00:00Z (incident)"},
		{"lease", func(in *policy.Input) { in.Lease = &policy.Lease{By: "01J", Until: noon.Add(30 * time.Second)} }, history.OrderInFlight, "order 01J is in flight until 2026-11-23T12:00:30Z"},
		{"inactive", func(in *policy.Input) { in.Fleet.Services[0].Active = false }, history.Unscalable, "the service is not ACTIVE"},
		{"daemon", func(in *policy.Input) { in.Fleet.Services[0].Daemon = true }, history.Unscalable, "a DAEMON service runs one task on every instance and has no desired count"},
		{"external controller", func(in *policy.Input) { in.Fleet.Services[0].Controller = "EXTERNAL" }, history.Unscalable, "the service's task sets belong to an EXTERNAL deployment controller"},
		{"managed by ECS", func(in *policy.Input) { in.Fleet.Services[0].Managed = true }, history.Unscalable, "ECS manages this service (Express Mode) with scaling of its own"},
		{"owner", func(in *policy.Input) { in.Services[0].Owner = owner }, history.OwnedByAnother, "ApplicationAutoScaling writes this target: policy cpu60: suspend it first"},
		{"unknown owner", func(in *policy.Input) { in.Services[0].Owner = policy.Owner{Unknown: true, Detail: "throttled"} }, history.OwnedByAnother, "who else writes this target could not be read: throttled"},
		{"unknown owner without a word", func(in *policy.Input) { in.Services[0].Owner = policy.Owner{Unknown: true} }, history.OwnedByAnother, "who else writes this target could not be read"},
		{"paused", func(in *policy.Input) {
			in.Services[0].Overrides = []spec.Override{{Kind: spec.Pause, Until: noon.Add(time.Hour), By: "ann", Why: "release"}}
		}, history.Paused, "paused by ann until 2026-11-23T13:00:00Z (release)"},
		{"stop before lease", func(in *policy.Input) { in.Stop, in.Lease = true, &policy.Lease{By: "01J"} }, history.GlobalStop, "the cluster's global stop is set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, average := range []float64{90, 60} { // with something to order, and with nothing
				in := fargate(average)
				tt.edit(&in)
				got := one(t, in)
				if got.Desired != 10 || got.Direction != history.Hold || got.Reason != tt.rule || got.Because != tt.because {
					t.Errorf("at %v %%: got %d for %s (%s)\nwant 10 for %s (%s)", average, got.Desired, got.Reason, got.Because, tt.rule, tt.because)
				}
				if len(got.Marks) != 0 || got.Next.Orders != nil || got.Next.Marks != nil {
					t.Errorf("at %v %%: marks %v, next %+v, want none: nothing was ordered", average, got.Marks, got.Next)
				}
				if fault := chainFault(got.Clauses, 10, 10, got.Reason, got.Because); fault != "" {
					t.Errorf("at %v %%: %s", average, fault)
				}
				if !got.Clauses[len(got.Clauses)-1].Binding {
					t.Errorf("at %v %%: clauses follow the gate: %+v", average, got.Clauses)
				}
				if average == 90 && (got.Wanted != 15 || !hasRule(got.Clauses, history.TargetTracking)) {
					t.Errorf("wanted %d, clauses %+v: what would have been ordered is not told", got.Wanted, got.Clauses)
				}
			}
		})
	}
}

// The gates stop observe mode's would-be orders as well, but for another owner:
// that is reported, and the decision goes on.
func TestOwnerInObserveMode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		owner   policy.Owner
		because string
	}{
		{"known", policy.Owner{Kind: "ApplicationAutoScaling", Detail: "policy cpu60"}, "in act mode Trimtab would refuse: ApplicationAutoScaling writes this target: policy cpu60"},
		{"unknown", policy.Owner{Unknown: true, Detail: "throttled"}, "in act mode Trimtab would refuse: who else writes this target could not be read: throttled"},
	}
	for _, tt := range tests {
		in := fargate(90)
		in.Mode, in.Services[0].Owner = spec.Observe, tt.owner
		got := one(t, in)
		if got.Mode != spec.Observe || got.Desired != 15 || got.Reason != history.TargetTracking {
			t.Errorf("%s: got %s mode, %d for %s, want observe, 15 for TargetTracking", tt.name, got.Mode, got.Desired, got.Reason)
		}
		want := history.Clause{Rule: history.OwnedByAnother, Before: 15, After: 15, Because: tt.because}
		if diff := cmp.Diff(want, got.Clauses[len(got.Clauses)-1]); diff != "" {
			t.Errorf("%s: last clause (-want +got):\n%s", tt.name, diff)
		}
		if fault := chainFault(got.Clauses, 10, 15, got.Reason, got.Because); fault != "" {
			t.Errorf("%s: %s", tt.name, fault)
		}
	}
	in := fargate(90)
	in.Mode = spec.Observe
	if got := one(t, in); hasRule(got.Clauses, history.OwnedByAnother) {
		t.Errorf("nobody else writes the target, yet: %+v", got.Clauses)
	}
}

func TestModeIsTheMoreCarefulOfTwo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ ceiling, own, want spec.Mode }{
		{spec.Act, spec.Act, spec.Act}, {spec.Act, "", spec.Observe}, {spec.Observe, spec.Act, spec.Observe}, {"", spec.Act, spec.Observe},
	} {
		in := group(60)
		in.Mode, in.Services[0].Policy.Mode, in.Group.Policy.Mode = tt.ceiling, tt.own, tt.own
		if got := one(t, in).Mode; got != tt.want {
			t.Errorf("service, %q over %q: got %q", tt.ceiling, tt.own, got)
		}
		if got := ofGroup(t, in).Mode; got != tt.want {
			t.Errorf("group, %q over %q: got %q", tt.ceiling, tt.own, got)
		}
	}
}

// In observe mode the shadow is the base of the order, the demand is the live
// service's, and what would have been ordered becomes the next shadow.
func TestObserveModeStartsFromTheShadow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		shadow *int
		cpu    float64
		base   int
		want   int
		next   *int
	}{
		{"no shadow yet: the live count", nil, 90, 10, 15, new(15)},
		{"the shadow has caught up", new(15), 90, 15, 15, new(15)},
		{"the shadow lags", new(12), 90, 12, 15, new(15)},
		{"a shadow above what is needed falls after the window, 25 % in a minute", new(30), 90, 30, 22, new(22)},
		{"a hold leaves no shadow behind", nil, 60, 10, 10, nil},
		{"a shadow of no tasks is a shadow", new(0), 60, 0, 10, new(10)},
	}
	for _, tt := range tests {
		in := fargate(tt.cpu)
		in.Mode, in.Services[0].History.Shadow = spec.Observe, tt.shadow
		got := one(t, in)
		if got.Live != 10 || got.Base != tt.base || got.Desired != tt.want {
			t.Errorf("%s: live %d, %d to %d, want 10, %d to %d (%s)", tt.name, got.Live, got.Base, got.Desired, tt.base, tt.want, got.Because)
		}
		if diff := cmp.Diff(tt.next, got.Next.Shadow); diff != "" {
			t.Errorf("%s: next shadow (-want +got):\n%s", tt.name, diff)
		}
		if tt.shadow != nil && in.Services[0].History.Shadow == got.Next.Shadow && got.Direction != history.Hold {
			t.Errorf("%s: the next shadow is the input's own variable", tt.name)
		}
	}
}

// From observe to act: the shadow is gone, and so is the memory of orders that
// were never given. They charge no cooldown and use no datapoint.
func TestActModeForgetsTheShadow(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	metric := in.Signals[0].Metric
	in.Services[0].Policy.ScaleOut.Cooldown = new(spec.Duration(10 * time.Minute))
	in.Services[0].History = history.History{
		Orders: []history.Order{{At: noon.Add(-time.Minute), From: 10, To: 40}},
		Marks:  []history.Mark{{Policy: metric.Key(), Datapoint: noon.Add(-time.Minute)}}, Shadow: new(40),
	}
	got := one(t, in)
	if got.Base != 10 || got.Desired != 15 || got.Next.Shadow != nil {
		t.Errorf("got %d to %d (%s), shadow %v, want 10 to 15 and no shadow", got.Base, got.Desired, got.Because, got.Next.Shadow)
	}
	if diff := cmp.Diff([]history.Order{{At: noon, From: 10, To: 15}}, got.Next.Orders); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	in.Services[0].History.Shadow = nil // the same orders, given
	if got := one(t, in); got.Desired != 10 || got.Reason != history.DatapointAlreadyUsed {
		t.Errorf("got %d for %s, want the datapoint to be used", got.Desired, got.Reason)
	}
	in.Signals[0] = cpu("checkout", 10, repeat(60, 15)...)
	in.Services[0].History.Shadow = new(40)
	if got := one(t, in); got.Direction != history.Hold || got.Next.Shadow != nil {
		t.Errorf("on a hold: %s, shadow %v", got.Direction, got.Next.Shadow)
	}
}

func TestServiceNotFound(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	in.Fleet.Services[0].Name = "another"
	in.Services[0].History = history.History{Orders: []history.Order{{At: noon.Add(-time.Hour), From: 8, To: 10}}}
	got := one(t, in)
	if got.Desired != 0 || got.Base != 0 || got.Direction != history.Hold || got.Reason != history.NotFound ||
		got.Because != "ECS knows no service checkout in cluster prod: remove it from the policy or create it" {
		t.Errorf("got %d to %d for %s (%s)", got.Base, got.Desired, got.Reason, got.Because)
	}
	if fault := chainFault(got.Clauses, 0, 0, got.Reason, got.Because); fault != "" {
		t.Error(fault)
	}
	if diff := cmp.Diff(in.Services[0].History, got.Next); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
}

// A policy that Validate faults asks for nothing, whatever its faults: it must
// neither panic nor be guessed at.
func TestInvalidPolicyHolds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		edit    func(*spec.Service)
		because string
	}{
		{
			"no metric", func(s *spec.Service) { s.Policies[0].TargetTracking.PredefinedMetric = "" },
			"the policy has 1 problems, the first is at policies.0.targetTracking: predefinedMetric and metric: exactly one must be set; add one of predefinedMetric and metric",
		},
		{"no target", func(s *spec.Service) { s.Policies[0].TargetTracking.TargetValue = 0 }, "policies.0.targetTracking: targetValue and targetPerTask"},
		{"no type", func(s *spec.Service) { s.Policies[0] = spec.Policy{} }, "the policy has no type"},
		{"min above max", func(s *spec.Service) { s.MinCapacity = 70 }, "minCapacity 70 is above maxCapacity 60"},
		{"a negative period", func(s *spec.Service) {
			s.Policies[0].TargetTracking = &spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "X", Period: -1}, TargetPerTask: 1}
		}, "period -1ns is not one CloudWatch offers"},
	}
	for _, tt := range tests {
		in := fargate(90)
		tt.edit(&in.Services[0].Policy)
		got := one(t, in)
		if got.Live != 10 || got.Running != 10 || got.Wanted != 10 || got.Desired != 10 || got.Reason != history.InvalidPolicy || !strings.Contains(got.Because, tt.because) {
			t.Errorf("%s: got %d of %d for %s (%s)", tt.name, got.Desired, got.Live, got.Reason, got.Because)
		}
		if fault := chainFault(got.Clauses, 10, 10, got.Reason, got.Because); fault != "" {
			t.Errorf("%s: %s", tt.name, fault)
		}
	}
}

func TestServicesComeSortedAndApart(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	in.Services = []policy.ServiceInput{{Name: "zebra", Policy: servicePolicy()}, {Name: "checkout", Policy: servicePolicy()}, {Name: "ant", Policy: servicePolicy()}}
	in.Fleet.Services = append(in.Fleet.Services, live("ant", fleet.Fargate, 4))
	in.Signals = append(in.Signals, cpu("ant", 4, repeat(75, 15)...))
	got := policy.Decide(noon, in)
	want := []struct {
		name    fleet.ServiceName
		desired int
		reason  string
	}{{"ant", 5, history.TargetTracking}, {"checkout", 15, history.TargetTracking}, {"zebra", 0, history.NotFound}}
	if len(got.Services) != len(want) {
		t.Fatalf("%d decisions, want %d", len(got.Services), len(want))
	}
	for i, w := range want {
		if s := got.Services[i]; s.Service != w.name || s.Desired != w.desired || s.Reason != w.reason {
			t.Errorf("%d: got %s at %d for %s, want %v", i, s.Service, s.Desired, s.Reason, w)
		}
	}
	if in.Services[0].Name != "zebra" {
		t.Error("the input was sorted in place")
	}
}

func TestUnreadMetricHolds(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	in.Signals = nil
	if got := one(t, in); got.Direction != history.Hold || got.Reason != history.MissingData || len(got.Marks) != 0 {
		t.Errorf("got %s for %s", got.Direction, got.Reason)
	}
	in = fargate(90)
	in.Signals[0].Status, in.Signals[0].Why = signal.Failed, "AccessDenied"
	if got := one(t, in); got.Direction != history.Hold || !strings.Contains(got.Because, "AccessDenied") {
		t.Errorf("got %s (%s)", got.Direction, got.Because)
	}
}

// A service that belongs to none of several groups says so, and goes on.
func TestNoGroupIsNoted(t *testing.T) {
	t.Parallel()
	in := fargate(90)
	in.Homes = []fleet.GroupName{"prod-a", "prod-b"}
	got := one(t, in)
	if got.Desired != 15 || got.Reason != history.TargetTracking {
		t.Errorf("got %d for %s, want 15 for TargetTracking", got.Desired, got.Reason)
	}
	want := history.Clause{
		Rule: history.NoGroup, Before: 15, After: 15,
		Because: "its tasks have launch type EC2 and may land on prod-a or prod-b, so no group is raised for them: name one of these as scaleOut.fallback of the other, or deploy the service with a capacity provider strategy",
	}
	if diff := cmp.Diff(want, got.Clauses[len(got.Clauses)-1]); diff != "" {
		t.Errorf("last clause (-want +got):\n%s", diff)
	}
	if fault := chainFault(got.Clauses, 10, 15, got.Reason, got.Because); fault != "" {
		t.Error(fault)
	}
}
