package nativescaling_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

func onCPU(name string, target float64, metric types.MetricType) types.ScalingPolicy {
	p := tracking(name)
	p.TargetTrackingScalingPolicyConfiguration = &types.TargetTrackingScalingPolicyConfiguration{
		TargetValue: aws.Float64(target), PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: metric},
	}
	return p
}

func TestTracking(t *testing.T) {
	t.Parallel()
	const cpu, memory = types.MetricTypeECSServiceAverageCPUUtilization, types.MetricTypeECSServiceAverageMemoryUtilization
	for _, c := range []struct {
		name  string
		build func(*world)
		want  *nativescaling.Tracking
	}{
		{"not registered", func(*world) {}, nil},
		{"registered without policies", func(w *world) { w.register(false, false, false) }, nil},
		{"on memory", func(w *world) {
			w.register(false, false, false)
			w.policies = []types.ScalingPolicy{onCPU("mem", 70, memory)}
		}, nil},
		{"scale-in suspended", func(w *world) {
			w.register(true, false, false)
			w.policies = []types.ScalingPolicy{onCPU("cpu", 60, cpu)}
		}, nil},
		{"never scales in", func(w *world) {
			w.register(false, false, false)
			p := onCPU("cpu", 60, cpu)
			p.TargetTrackingScalingPolicyConfiguration.DisableScaleIn = aws.Bool(true)
			w.policies = []types.ScalingPolicy{p}
		}, nil},
		{"behind others, with cooldowns", func(w *world) {
			w.register(false, false, false)
			p := onCPU("cpu", 60, cpu)
			p.TargetTrackingScalingPolicyConfiguration.ScaleOutCooldown = aws.Int32(60)
			p.TargetTrackingScalingPolicyConfiguration.ScaleInCooldown = aws.Int32(120)
			w.policies = []types.ScalingPolicy{onCPU("mem", 70, memory), p, onCPU("again", 50, cpu)}
			w.actions = []types.ScheduledAction{action("morning")}
		}, &nativescaling.Tracking{
			Policy: "cpu", Min: 2, Max: 9, Target: 60, OutCooldown: time.Minute, InCooldown: 2 * time.Minute, Period: time.Minute,
			Others: []string{
				`scaling policy "mem" (TargetTrackingScaling)`, `scaling policy "again" (TargetTrackingScaling)`, `scheduled action "morning" (cron(0 8 * * ? *))`,
			},
		}},
		{"every 20 s, actions suspended", func(w *world) {
			w.register(false, false, true)
			w.policies = []types.ScalingPolicy{onCPU("fast", 55, "ECSServiceAverageCPUUtilizationHighResolution")}
			w.actions = []types.ScheduledAction{action("morning")}
		}, &nativescaling.Tracking{Policy: "fast", Min: 2, Max: 9, Target: 55, Period: 20 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.build(w)
			got, ok, err := w.owners().Tracking(t.Context(), fleet.ServiceKey{Cluster: "prod", Service: "web"})
			if err != nil || ok != (c.want != nil) {
				t.Fatalf("found %v, %v", ok, err)
			}
			if ok {
				if d := cmp.Diff(*c.want, got); d != "" {
					t.Errorf("tracking (-want +got):\n%s", d)
				}
			}
		})
	}
}

func TestTrackingThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"targets", "policies", "actions"} {
		w := newWorld()
		w.register(false, false, false)
		w.policies = []types.ScalingPolicy{onCPU("cpu", 60, types.MetricTypeECSServiceAverageCPUUtilization)}
		denied := errors.New("denied")
		w.targetCalls.fail(operation, denied)
		if _, _, err := w.owners().Tracking(t.Context(), fleet.ServiceKey{Cluster: "prod", Service: "web"}); !errors.Is(err, denied) {
			t.Errorf("%s denied: %v", operation, err)
		}
	}
}
