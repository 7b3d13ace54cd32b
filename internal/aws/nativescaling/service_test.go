package nativescaling_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

func tracking(name string) types.ScalingPolicy {
	return types.ScalingPolicy{PolicyName: aws.String(name), PolicyType: types.PolicyTypeTargetTrackingScaling}
}

func predicting(name string, mode types.PredictiveScalingMode) types.ScalingPolicy {
	return types.ScalingPolicy{
		PolicyName: aws.String(name), PolicyType: types.PolicyTypePredictiveScaling,
		PredictiveScalingPolicyConfiguration: &types.PredictiveScalingPolicyConfiguration{Mode: mode},
	}
}

func action(name string) types.ScheduledAction {
	return types.ScheduledAction{ScheduledActionName: aws.String(name), Schedule: aws.String("cron(0 8 * * ? *)")}
}

// The commands that hand the service "web" over, as a person would paste them.
const (
	suspendWeb = "aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id service/prod/web --scalable-dimension ecs:service:DesiredCount" +
		" --suspended-state DynamicScalingInSuspended=true,DynamicScalingOutSuspended=true,ScheduledScalingSuspended=true"
	deregisterWeb = "aws application-autoscaling deregister-scalable-target --service-namespace ecs --resource-id service/prod/web --scalable-dimension ecs:service:DesiredCount"
)

func TestServiceOwner(t *testing.T) {
	t.Parallel()
	ended, later := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		build func(*world)
		owned bool
		words []string // of the detail; none means that there is none
	}{
		{"not registered", func(*world) {}, false, nil},
		{"another service is", func(w *world) {
			w.register(false, false, false)
			w.targets[0].ResourceId = aws.String("service/prod/web-2")
		}, false, nil},
		{"registered without policies", func(w *world) { w.register(false, false, false) }, false, []string{"2 to 9 tasks", deregisterWeb}},
		{"no suspended state", func(w *world) {
			w.register(false, false, false)
			w.targets[0].SuspendedState = nil
			w.policies = []types.ScalingPolicy{tracking("cpu60")}
		}, true, []string{`scaling policy "cpu60" (TargetTrackingScaling)`, suspendWeb, deregisterWeb}},
		{"a policy on 20-second metrics, which the pinned client does not list", func(w *world) {
			w.register(false, false, false)
			p := tracking("fast")
			p.TargetTrackingScalingPolicyConfiguration = &types.TargetTrackingScalingPolicyConfiguration{
				TargetValue:                   aws.Float64(60),
				PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: "ECSServiceAverageCPUUtilizationHighResolution"},
			}
			w.policies = []types.ScalingPolicy{p}
		}, true, []string{`scaling policy "fast" (TargetTrackingScaling)`, deregisterWeb}},
		{"a kind of policy of tomorrow", func(w *world) {
			w.register(false, false, false)
			w.policies = []types.ScalingPolicy{{PolicyName: aws.String("new"), PolicyType: "LunarScaling"}}
		}, true, []string{`scaling policy "new" (LunarScaling)`}},
		{"policies on several pages and a scheduled action", func(w *world) {
			w.register(false, false, false)
			w.policies = []types.ScalingPolicy{tracking("cpu60"), tracking("memory70")}
			w.actions = []types.ScheduledAction{action("morning"), action("evening")}
		}, true, []string{`"cpu60"`, `"memory70"`, `scheduled action "morning" (cron(0 8 * * ? *))`, `"evening"`, suspendWeb}},
		{"wholly suspended", func(w *world) {
			w.register(true, true, true)
			w.policies = []types.ScalingPolicy{tracking("cpu60")}
		}, false, []string{"suspended", deregisterWeb}},
		{"only scaling in suspended", func(w *world) {
			w.register(true, false, true)
			w.policies = []types.ScalingPolicy{tracking("cpu60")}
		}, true, []string{`"cpu60"`}},
		{"only scaling out suspended", func(w *world) {
			w.register(false, true, true)
			w.policies = []types.ScalingPolicy{tracking("cpu60")}
		}, true, []string{`"cpu60"`}},
		{"policies suspended, actions not", func(w *world) {
			w.register(true, true, false)
			w.policies = []types.ScalingPolicy{tracking("cpu60")}
			w.actions = []types.ScheduledAction{action("morning")}
		}, true, []string{`writes the desired count through scheduled action "morning"`}},
		{"policies suspended, no actions", func(w *world) {
			w.register(true, true, false)
			w.policies = []types.ScalingPolicy{tracking("cpu60")}
		}, false, []string{"no scaling policy or scheduled action at work"}},
		{"actions suspended, no policies", func(w *world) {
			w.register(false, false, true)
			w.actions = []types.ScheduledAction{action("morning")}
		}, false, []string{"no scaling policy or scheduled action at work"}},
		{"an action that has ended", func(w *world) {
			w.register(false, false, false)
			w.actions = []types.ScheduledAction{action("sale")}
			w.actions[0].EndTime = &ended
		}, false, []string{"no scaling policy or scheduled action at work"}},
		{"an action that will end", func(w *world) {
			w.register(false, false, false)
			w.actions = []types.ScheduledAction{action("sale")}
			w.actions[0].EndTime = &later
		}, true, []string{`"sale"`}},
		{"a forecast", func(w *world) {
			w.register(false, false, false)
			w.policies = []types.ScalingPolicy{predicting("week", types.PredictiveScalingModeForecastOnly), predicting("unset", "")}
		}, false, []string{"no scaling policy"}},
		{"a forecast that scales", func(w *world) {
			w.register(false, false, false)
			w.policies = []types.ScalingPolicy{predicting("week", types.PredictiveScalingModeForecastAndScale)}
		}, true, []string{`"week" (PredictiveScaling)`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.build(w)
			got, err := w.owners().Service(t.Context(), web(), false)
			if err != nil {
				t.Fatal(err)
			}
			want := policy.Owner{Detail: got.Detail}
			if c.owned {
				want.Kind = "ApplicationAutoScaling"
			}
			if got != want || (got.Detail == "") != (len(c.words) == 0) {
				t.Errorf("the owner is %+v, want owned %v", got, c.owned)
			}
			wantWords(t, got.Detail, c.words...)
		})
	}
}

func TestServiceOwnerOfASuspendedTargetTakesOneCall(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.register(true, true, true)
	if _, err := w.owners().Service(t.Context(), web(), true); err != nil {
		t.Fatal(err)
	}
	if n := len(w.targetCalls.all); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}
