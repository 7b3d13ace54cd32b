package nativescaling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Tracking is what Application Auto Scaling is set to do with a service, as far as it
// is target tracking of its CPU utilisation.
type Tracking struct {
	Policy   string // its name
	Min, Max int    // tasks
	Target   float64
	// OutCooldown and InCooldown are zero for the service's default.
	OutCooldown, InCooldown time.Duration
	// Period is the resolution of the metric: a minute or 20 s.
	Period time.Duration
	// Others are the policies and scheduled actions beside it that write too, in words.
	Others []string
}

// The predefined metrics of the CPU utilisation. The pinned client does not list the
// second.
const (
	cpuMetric     = types.MetricTypeECSServiceAverageCPUUtilization
	fastCPUMetric = types.MetricType("ECSServiceAverageCPUUtilizationHighResolution")
)

// Tracking gives the service's first target tracking of the CPU utilisation that is at
// work in both directions; ok is false if there is none.
func (o *Owners) Tracking(ctx context.Context, k fleet.ServiceKey) (found Tracking, ok bool, err error) {
	if o.targets == nil {
		return Tracking{}, false, errors.New("no client of Application Auto Scaling is wired")
	}
	id := fmt.Sprintf("service/%s/%s", k.Cluster, k.Service)
	target, ok, err := o.scalableTarget(ctx, id)
	if err != nil || !ok {
		return Tracking{}, false, err
	}
	s := suspension(target)
	if s.in || s.out {
		return Tracking{}, false, nil
	}
	pages := aas.NewDescribeScalingPoliciesPaginator(o.targets, &aas.DescribeScalingPoliciesInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: aws.String(id), ScalableDimension: dimension,
	})
	ok = false
	var others []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Tracking{}, false, fmt.Errorf("describe scaling policies of %q: %w", id, err)
		}
		for _, p := range page.ScalingPolicies {
			t, tracks := trackingOf(p)
			if tracks && !ok {
				found, ok = t, true
				continue
			}
			others = append(others, fmt.Sprintf("scaling policy %q (%s)", aws.ToString(p.PolicyName), p.PolicyType))
		}
	}
	if !s.scheduled {
		actions, err := o.targetActions(ctx, id, o.now())
		if err != nil {
			return Tracking{}, false, err
		}
		others = append(others, actions...)
	}
	found.Min, found.Max, found.Others = int(aws.ToInt32(target.MinCapacity)), int(aws.ToInt32(target.MaxCapacity)), others
	return found, ok, nil
}

// trackingOf reads a policy; ok is false for any other kind, and for one that never
// scales in.
func trackingOf(p types.ScalingPolicy) (t Tracking, ok bool) {
	c := p.TargetTrackingScalingPolicyConfiguration
	if c == nil || c.PredefinedMetricSpecification == nil || aws.ToBool(c.DisableScaleIn) {
		return t, false
	}
	t = Tracking{
		Policy: aws.ToString(p.PolicyName), Target: aws.ToFloat64(c.TargetValue), Period: time.Minute,
		OutCooldown: time.Duration(aws.ToInt32(c.ScaleOutCooldown)) * time.Second, InCooldown: time.Duration(aws.ToInt32(c.ScaleInCooldown)) * time.Second,
	}
	metric := c.PredefinedMetricSpecification.PredefinedMetricType
	if metric == fastCPUMetric {
		t.Period = 20 * time.Second
	}
	return t, t.Target > 0 && (metric == cpuMetric || metric == fastCPUMetric)
}
