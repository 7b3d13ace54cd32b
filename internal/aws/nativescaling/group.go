package nativescaling

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// providersPerCall is how many capacity providers ECS describes in one call.
const providersPerCall = 100

// Processes of a group; while one is suspended, what it carries out is not.
const (
	alarmProcess     = "AlarmNotification" // target tracking, step and simple scaling policies
	scheduledProcess = "ScheduledActions"
)

// predictive is the type of scaling policy that works without alarms.
const predictive = "PredictiveScaling"

// groupOwner asks in the order of who is hardest to argue with: another service
// that operates the group, ECS managed scaling, the group's scaling policies,
// its scheduled actions. Managed scaling works through a policy on the group,
// so asking for policies first would name the tool and not the owner.
func (o *Owners) groupOwner(ctx context.Context, c fleet.ClusterName, g fleet.GroupName, now time.Time) (policy.Owner, error) {
	group, ok, err := o.group(ctx, g)
	if err != nil || !ok {
		return policy.Owner{}, err
	}
	if group.Operator != nil {
		return policy.Owner{Kind: KindManagedScaling, Detail: fmt.Sprintf("the group is operated by %s, and nobody else may change it; size only the tasks on it",
			aws.ToString(group.Operator.Principal))}, nil
	}
	managed, err := o.managedScaling(ctx, c, g)
	if err != nil || managed.Kind != "" {
		return managed, err
	}
	halted := make(map[string]bool, len(group.SuspendedProcesses))
	for _, p := range group.SuspendedProcesses {
		halted[aws.ToString(p.ProcessName)] = true
	}
	byPolicy, err := o.scalingPolicy(ctx, g, halted[alarmProcess])
	if err != nil || byPolicy.Kind != "" {
		return byPolicy, err
	}
	if halted[scheduledProcess] {
		return policy.Owner{}, nil
	}
	return o.scheduledAction(ctx, g, now)
}

func (o *Owners) group(ctx context.Context, g fleet.GroupName) (types.AutoScalingGroup, bool, error) {
	out, err := o.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{
		AutoScalingGroupNames: []string{string(g)}, IncludeInstances: aws.Bool(false),
	})
	if err != nil {
		return types.AutoScalingGroup{}, false, fmt.Errorf("describe Auto Scaling group %q: %w", g, err)
	}
	for _, found := range out.AutoScalingGroups {
		if aws.ToString(found.AutoScalingGroupName) == string(g) {
			return found, true, nil
		}
	}
	return types.AutoScalingGroup{}, false, nil
}

// managedScaling looks for a capacity provider of the cluster over the group
// that has managed scaling enabled.
func (o *Owners) managedScaling(ctx context.Context, c fleet.ClusterName, g fleet.GroupName) (policy.Owner, error) {
	names, err := o.providerNames(ctx, c)
	if err != nil {
		return policy.Owner{}, err
	}
	for batch := range slices.Chunk(names, providersPerCall) {
		in := &ecs.DescribeCapacityProvidersInput{Cluster: aws.String(string(c)), CapacityProviders: batch}
		for in != nil {
			out, err := o.clusters.DescribeCapacityProviders(ctx, in)
			if err != nil {
				return policy.Owner{}, fmt.Errorf("describe capacity providers of cluster %q: %w", c, err)
			}
			if err := failure(out.Failures); err != nil {
				return policy.Owner{}, fmt.Errorf("describe capacity providers of cluster %q: %w", c, err)
			}
			for _, p := range out.CapacityProviders {
				if scales(p, g) {
					return managedOwner(p), nil
				}
			}
			in = nextProviders(in, out)
		}
	}
	return policy.Owner{}, nil
}

// nextProviders gives the request for the next page, nil after the last.
func nextProviders(in *ecs.DescribeCapacityProvidersInput, out *ecs.DescribeCapacityProvidersOutput) *ecs.DescribeCapacityProvidersInput {
	if aws.ToString(out.NextToken) == "" {
		return nil
	}
	next := *in
	next.NextToken = out.NextToken
	return &next
}

// providerNames gives the capacity providers of a cluster that may be over a
// group. The two of Fargate never are.
func (o *Owners) providerNames(ctx context.Context, c fleet.ClusterName) ([]string, error) {
	out, err := o.clusters.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{string(c)}})
	if err != nil {
		return nil, fmt.Errorf("describe cluster %q: %w", c, err)
	}
	for _, found := range out.Clusters {
		if aws.ToString(found.ClusterName) != string(c) {
			continue
		}
		return slices.DeleteFunc(slices.Clone(found.CapacityProviders), func(n string) bool {
			return n == "FARGATE" || n == "FARGATE_SPOT"
		}), nil
	}
	return nil, fmt.Errorf("describe cluster %q: ECS does not know it; check the cluster name of the policy", c)
}

// failure gives an error for a provider that ECS could not tell of. One that is
// missing is gone, and scales nothing.
func failure(failures []ecstypes.Failure) error {
	for _, f := range failures {
		if aws.ToString(f.Reason) != "MISSING" {
			return fmt.Errorf("ECS could not tell of %s: %s %s", aws.ToString(f.Arn), aws.ToString(f.Reason), aws.ToString(f.Detail))
		}
	}
	return nil
}

// scales tells whether a capacity provider sizes the group by itself.
func scales(p ecstypes.CapacityProvider, g fleet.GroupName) bool {
	a := p.AutoScalingGroupProvider
	return a != nil && p.Status != ecstypes.CapacityProviderStatusInactive &&
		groupName(aws.ToString(a.AutoScalingGroupArn)) == g &&
		a.ManagedScaling != nil && a.ManagedScaling.Status == ecstypes.ManagedScalingStatusEnabled
}

// groupName gives the name of a group from its ARN or from the name itself.
func groupName(arn string) fleet.GroupName {
	if _, name, ok := strings.Cut(arn, ":autoScalingGroupName/"); ok {
		return fleet.GroupName(name)
	}
	return fleet.GroupName(arn)
}

// managedOwner says how to disable managed scaling. Managed termination
// protection does not work without it, so it goes with it.
func managedOwner(p ecstypes.CapacityProvider) policy.Owner {
	off := "managedScaling={status=DISABLED}"
	if p.AutoScalingGroupProvider.ManagedTerminationProtection == ecstypes.ManagedTerminationProtectionEnabled {
		off += ",managedTerminationProtection=DISABLED"
	}
	name := aws.ToString(p.Name)
	return policy.Owner{
		Kind: KindManagedScaling,
		Detail: fmt.Sprintf("ECS managed scaling of capacity provider %q writes the desired capacity; to hand over: aws ecs update-capacity-provider --name %s --auto-scaling-group-provider %s",
			name, quote(name), quote(off)),
	}
}

// scalingPolicy looks for a scaling policy of the group that works. While alarms
// are halted only a predictive one works, and that only outside ForecastOnly
// mode, which is the default.
func (o *Owners) scalingPolicy(ctx context.Context, g fleet.GroupName, alarmsHalted bool) (policy.Owner, error) {
	pages := autoscaling.NewDescribePoliciesPaginator(o.groups, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: aws.String(string(g))})
	var names, remedies []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return policy.Owner{}, fmt.Errorf("describe scaling policies of Auto Scaling group %q: %w", g, err)
		}
		for _, p := range page.ScalingPolicies {
			name, kind := aws.ToString(p.PolicyName), aws.ToString(p.PolicyType)
			if !works(p, alarmsHalted) {
				continue
			}
			names = append(names, fmt.Sprintf("scaling policy %q (%s)", name, kind))
			remedies = append(remedies, fmt.Sprintf("aws autoscaling delete-policy --auto-scaling-group-name %s --policy-name %s", quote(string(g)), quote(name)))
		}
	}
	if len(names) == 0 {
		return policy.Owner{}, nil
	}
	detail := "the group's own " + strings.Join(names, ", ") + " writes the desired capacity"
	if !alarmsHalted {
		detail += "; to hand over and keep the way back (predictive policies aside): " + suspendProcess(g, alarmProcess)
	}
	return policy.Owner{Kind: KindScalingPolicy, Detail: detail + "; to hand over for good: " + strings.Join(remedies, " && ")}, nil
}

// works tells whether a scaling policy can write. One that does not say whether
// it is enabled is.
func works(p types.ScalingPolicy, alarmsHalted bool) bool {
	if p.Enabled != nil && !*p.Enabled {
		return false
	}
	if aws.ToString(p.PolicyType) != predictive {
		return !alarmsHalted
	}
	f := p.PredictiveScalingConfiguration
	return f != nil && f.Mode == types.PredictiveScalingModeForecastAndScale
}

// scheduledAction looks for a scheduled action of the group that has not ended.
func (o *Owners) scheduledAction(ctx context.Context, g fleet.GroupName, now time.Time) (policy.Owner, error) {
	pages := autoscaling.NewDescribeScheduledActionsPaginator(o.groups, &autoscaling.DescribeScheduledActionsInput{AutoScalingGroupName: aws.String(string(g))})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return policy.Owner{}, fmt.Errorf("describe scheduled actions of Auto Scaling group %q: %w", g, err)
		}
		for _, a := range page.ScheduledUpdateGroupActions {
			if a.EndTime == nil || a.EndTime.After(now) {
				names = append(names, fmt.Sprintf("scheduled action %q", aws.ToString(a.ScheduledActionName)))
			}
		}
	}
	if len(names) == 0 {
		return policy.Owner{}, nil
	}
	return policy.Owner{
		Kind:   KindScheduledAction,
		Detail: "the group's own " + strings.Join(names, ", ") + " writes the desired capacity; to hand over and keep the way back: " + suspendProcess(g, scheduledProcess),
	}, nil
}

func suspendProcess(g fleet.GroupName, process string) string {
	return fmt.Sprintf("aws autoscaling suspend-processes --auto-scaling-group-name %s --scaling-processes %s", quote(string(g)), process)
}
