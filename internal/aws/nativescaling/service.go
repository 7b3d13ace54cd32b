package nativescaling

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

const dimension = types.ScalableDimensionECSServiceDesiredCount

// serviceOwner judges the scalable target of a service, if it is registered.
//
// A registered target alone writes nothing: Application Auto Scaling looks at
// the count only when a scaling policy or a scheduled action runs or the target
// is registered again. So the writers are the policies, unless scaling in and
// out are both suspended, and the scheduled actions, unless those are.
func (o *Owners) serviceOwner(ctx context.Context, k fleet.ServiceKey, now time.Time) (policy.Owner, error) {
	if o.targets == nil {
		return policy.Owner{}, errors.New("no client of Application Auto Scaling is wired")
	}
	id := fmt.Sprintf("service/%s/%s", k.Cluster, k.Service)
	target, ok, err := o.scalableTarget(ctx, id)
	if err != nil || !ok {
		return policy.Owner{}, err
	}
	s := suspension(target)
	if s.in && s.out && s.scheduled {
		return policy.Owner{Detail: "the service's scalable target with Application Auto Scaling is suspended, so it writes nothing until it is resumed; to remove it for good: " +
			deregister(id)}, nil
	}
	policies, err := o.targetPolicies(ctx, id)
	if err != nil {
		return policy.Owner{}, err
	}
	actions, err := o.targetActions(ctx, id, now)
	if err != nil {
		return policy.Owner{}, err
	}
	var writers []string
	if !s.in || !s.out {
		writers = append(writers, policies...)
	}
	if !s.scheduled {
		writers = append(writers, actions...)
	}
	if len(writers) == 0 {
		return policy.Owner{Detail: fmt.Sprintf("the service has a scalable target of %d to %d tasks with Application Auto Scaling but no scaling policy or scheduled action at work,"+
			" so it writes nothing until it is registered again; to remove it for good: %s", aws.ToInt32(target.MinCapacity), aws.ToInt32(target.MaxCapacity), deregister(id))}, nil
	}
	return policy.Owner{
		Kind: KindApplicationAutoScaling,
		Detail: "Application Auto Scaling writes the desired count through " + strings.Join(writers, ", ") +
			"; to hand over and keep the way back: " + suspend(id) + " ; to hand over for good: " + deregister(id),
	}, nil
}

type suspended struct{ in, out, scheduled bool }

func suspension(t types.ScalableTarget) suspended {
	s := t.SuspendedState
	if s == nil {
		return suspended{}
	}
	return suspended{
		in:        aws.ToBool(s.DynamicScalingInSuspended),
		out:       aws.ToBool(s.DynamicScalingOutSuspended),
		scheduled: aws.ToBool(s.ScheduledScalingSuspended),
	}
}

func suspend(id string) string {
	return fmt.Sprintf("aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id %s --scalable-dimension %s"+
		" --suspended-state DynamicScalingInSuspended=true,DynamicScalingOutSuspended=true,ScheduledScalingSuspended=true", quote(id), dimension)
}

func deregister(id string) string {
	return fmt.Sprintf("aws application-autoscaling deregister-scalable-target --service-namespace ecs --resource-id %s --scalable-dimension %s", quote(id), dimension)
}

func (o *Owners) scalableTarget(ctx context.Context, id string) (types.ScalableTarget, bool, error) {
	out, err := o.targets.DescribeScalableTargets(ctx, &aas.DescribeScalableTargetsInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceIds: []string{id}, ScalableDimension: dimension,
	})
	if err != nil {
		return types.ScalableTarget{}, false, fmt.Errorf("describe scalable target %q: %w", id, err)
	}
	for _, t := range out.ScalableTargets {
		if aws.ToString(t.ResourceId) == id {
			return t, true, nil
		}
	}
	return types.ScalableTarget{}, false, nil
}

// targetPolicies names the policies that can write. A predictive one in
// ForecastOnly mode, which is the default, only forecasts.
func (o *Owners) targetPolicies(ctx context.Context, id string) ([]string, error) {
	pages := aas.NewDescribeScalingPoliciesPaginator(o.targets, &aas.DescribeScalingPoliciesInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: aws.String(id), ScalableDimension: dimension,
	})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe scaling policies of %q: %w", id, err)
		}
		for _, p := range page.ScalingPolicies {
			if p.PolicyType == types.PolicyTypePredictiveScaling &&
				(p.PredictiveScalingPolicyConfiguration == nil || p.PredictiveScalingPolicyConfiguration.Mode != types.PredictiveScalingModeForecastAndScale) {
				continue
			}
			names = append(names, fmt.Sprintf("scaling policy %q (%s)", aws.ToString(p.PolicyName), p.PolicyType))
		}
	}
	return names, nil
}

// targetActions names the scheduled actions that have not ended.
func (o *Owners) targetActions(ctx context.Context, id string, now time.Time) ([]string, error) {
	pages := aas.NewDescribeScheduledActionsPaginator(o.targets, &aas.DescribeScheduledActionsInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: aws.String(id), ScalableDimension: dimension,
	})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe scheduled actions of %q: %w", id, err)
		}
		for _, a := range page.ScheduledActions {
			if a.EndTime == nil || a.EndTime.After(now) {
				names = append(names, fmt.Sprintf("scheduled action %q (%s)", aws.ToString(a.ScheduledActionName), aws.ToString(a.Schedule)))
			}
		}
	}
	return names, nil
}

// quote makes a word safe to paste into a shell.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=", r)
	}) || s == "" {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
