package nativescaling_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

const workersARN = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:4f2d:autoScalingGroupName/workers"

func suspend(w *world, processes ...string) {
	for _, p := range processes {
		w.groups[0].SuspendedProcesses = append(w.groups[0].SuspendedProcesses, types.SuspendedProcess{ProcessName: aws.String(p)})
	}
}

func own(name, kind string) types.ScalingPolicy {
	return types.ScalingPolicy{PolicyName: aws.String(name), PolicyType: aws.String(kind), Enabled: aws.Bool(true)}
}

func groupAction(name string, end *time.Time) types.ScheduledUpdateGroupAction {
	return types.ScheduledUpdateGroupAction{ScheduledActionName: aws.String(name), EndTime: end}
}

func TestGroupOwner(t *testing.T) {
	t.Parallel()
	ended, later := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		build func(*world)
		kind  string
		words []string
	}{
		{"nobody", func(*world) {}, "", nil},
		{"no such group", func(w *world) {
			w.groups = nil
			w.own = []types.ScalingPolicy{own("cpu60", "TargetTrackingScaling")}
		}, "", nil},
		{"another group", func(w *world) { w.groups[0].AutoScalingGroupName = aws.String("Workers") }, "", nil},
		{"an operator", func(w *world) { w.groups[0].Operator = &types.Operator{Principal: aws.String("eks.amazonaws.com")} }, "ManagedScaling", []string{"eks.amazonaws.com"}},
		{
			"managed scaling, by ARN", func(w *world) { w.provide(managed("m7g", workersARN)) }, "ManagedScaling",
			[]string{`"m7g"`, "aws ecs update-capacity-provider --name m7g --auto-scaling-group-provider 'managedScaling={status=DISABLED}'"},
		},
		{"managed scaling, by name, on the second page", func(w *world) { w.provide(managed("a", "others"), managed("b", "workers")) }, "ManagedScaling", []string{`"b"`}},
		{"managed scaling with termination protection", func(w *world) {
			p := managed("m7g", workersARN)
			p.AutoScalingGroupProvider.ManagedTerminationProtection = ecstypes.ManagedTerminationProtectionEnabled
			w.provide(p)
		}, "ManagedScaling", []string{"'managedScaling={status=DISABLED},managedTerminationProtection=DISABLED'"}},
		{"managed scaling comes before its own policy", func(w *world) {
			w.provide(managed("m7g", workersARN))
			w.own = []types.ScalingPolicy{own("ECSManagedAutoScalingPolicy-1", "TargetTrackingScaling")}
		}, "ManagedScaling", nil},
		{"managed scaling of another group", func(w *world) { w.provide(managed("m7g", workersARN+"-2")) }, "", nil},
		{"managed scaling disabled", func(w *world) {
			p := managed("m7g", workersARN)
			p.AutoScalingGroupProvider.ManagedScaling.Status = ecstypes.ManagedScalingStatusDisabled
			w.provide(p)
		}, "", nil},
		{"managed scaling unset", func(w *world) {
			p := managed("m7g", workersARN)
			p.AutoScalingGroupProvider.ManagedScaling = nil
			w.provide(p)
		}, "", nil},
		{"a deleted provider", func(w *world) {
			p := managed("m7g", workersARN)
			p.Status = ecstypes.CapacityProviderStatusInactive
			w.provide(p)
		}, "", nil},
		{"a missing provider", func(w *world) {
			w.clusters[0].CapacityProviders = []string{"gone"}
			w.failures = []ecstypes.Failure{{Arn: aws.String("gone"), Reason: aws.String("MISSING")}}
		}, "", nil},
		{"managed instances", func(w *world) {
			w.provide(ecstypes.CapacityProvider{Name: aws.String("mi"), ManagedInstancesProvider: &ecstypes.ManagedInstancesProvider{}})
		}, "", nil},
		{"fargate", func(w *world) { w.clusters[0].CapacityProviders = []string{"FARGATE", "FARGATE_SPOT"} }, "", nil},
		{
			"own policies", func(w *world) {
				w.own = []types.ScalingPolicy{own("cpu60", "TargetTrackingScaling"), own("it's odd", "StepScaling")}
			}, "ScalingPolicy",
			[]string{
				`scaling policy "cpu60" (TargetTrackingScaling), scaling policy "it's odd" (StepScaling)`,
				"aws autoscaling suspend-processes --auto-scaling-group-name workers --scaling-processes AlarmNotification",
				`aws autoscaling delete-policy --auto-scaling-group-name workers --policy-name 'it'\''s odd'`,
			},
		},
		{"a disabled policy", func(w *world) {
			w.own = []types.ScalingPolicy{own("cpu60", "TargetTrackingScaling")}
			w.own[0].Enabled = aws.Bool(false)
		}, "", nil},
		{"a policy that does not say", func(w *world) {
			w.own = []types.ScalingPolicy{own("cpu60", "SimpleScaling")}
			w.own[0].Enabled = nil
		}, "ScalingPolicy", []string{`"cpu60"`}},
		{"a policy without alarms to hear", func(w *world) {
			w.own = []types.ScalingPolicy{own("cpu60", "TargetTrackingScaling")}
			suspend(w, "AlarmNotification")
		}, "", nil},
		{"a forecast", func(w *world) {
			w.own = []types.ScalingPolicy{own("week", "PredictiveScaling"), own("unset", "PredictiveScaling")}
			w.own[0].PredictiveScalingConfiguration = &types.PredictiveScalingConfiguration{Mode: types.PredictiveScalingModeForecastOnly}
		}, "", nil},
		{"a forecast that scales needs no alarms", func(w *world) {
			w.own = []types.ScalingPolicy{own("week", "PredictiveScaling")}
			w.own[0].PredictiveScalingConfiguration = &types.PredictiveScalingConfiguration{Mode: types.PredictiveScalingModeForecastAndScale}
			suspend(w, "AlarmNotification")
		}, "ScalingPolicy", []string{"delete-policy --auto-scaling-group-name workers --policy-name week"}},
		{"scheduled actions", func(w *world) {
			w.scheduled = []types.ScheduledUpdateGroupAction{groupAction("past", &ended), groupAction("morning", nil), groupAction("sale", &later)}
		}, "ScheduledAction", []string{`scheduled action "morning", scheduled action "sale"`, "aws autoscaling suspend-processes --auto-scaling-group-name workers --scaling-processes ScheduledActions"}},
		{"a scheduled action that has ended", func(w *world) {
			w.scheduled = []types.ScheduledUpdateGroupAction{groupAction("past", &ended)}
		}, "", nil},
		{"scheduled actions suspended", func(w *world) {
			w.scheduled = []types.ScheduledUpdateGroupAction{groupAction("morning", nil)}
			suspend(w, "Terminate", "ScheduledActions")
		}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.build(w)
			got, err := w.owners().Group(t.Context(), "prod", "workers", false)
			if err != nil {
				t.Fatal(err)
			}
			if want := (policy.Owner{Kind: c.kind, Detail: got.Detail}); got != want || (got.Detail == "") != (c.kind == "") {
				t.Errorf("the owner is %+v, want %q", got, c.kind)
			}
			wantWords(t, got.Detail, c.words...)
		})
	}
}

func TestGroupOwnerOffersOnlyWhatHelps(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.own = []types.ScalingPolicy{own("week", "PredictiveScaling")}
	w.own[0].PredictiveScalingConfiguration = &types.PredictiveScalingConfiguration{Mode: types.PredictiveScalingModeForecastAndScale}
	suspend(w, "AlarmNotification")
	got, err := w.owners().Group(t.Context(), "prod", "workers", false)
	if err != nil || strings.Contains(got.Detail, "suspend-processes") {
		t.Errorf("the owner is %+v, %v; alarms are suspended already", got, err)
	}
}

func TestGroupOwnerAsksForProvidersInHundreds(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var ps []ecstypes.CapacityProvider
	for i := range 101 {
		ps = append(ps, managed(fmt.Sprintf("p-%03d", i), fmt.Sprintf("group-%03d", i)))
	}
	ps[100].AutoScalingGroupProvider.AutoScalingGroupArn = aws.String("workers")
	w.provide(ps...)
	got, err := w.owners().Group(t.Context(), "prod", "workers", false)
	if err != nil || !strings.Contains(got.Detail, `"p-100"`) {
		t.Errorf("the owner is %+v, %v; want the last provider", got, err)
	}
}
