// Package asgfleet gives the EC2 Auto Scaling groups behind reconcile's Groups
// port: what a group is, and an absolute desired capacity for it.
//
// Group.Refreshing stays false: it would take a DescribeInstanceRefreshes call
// per group, and only the removal of instances, which nothing orders yet, asks
// for it.
package asgfleet

import (
	"context"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// launchProcess is the process of a group that starts instances.
const launchProcess = "Launch"

// api is what Groups needs of *autoscaling.Client.
type api interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
	SetDesiredCapacity(context.Context, *autoscaling.SetDesiredCapacityInput, ...func(*autoscaling.Options)) (*autoscaling.SetDesiredCapacityOutput, error)
}

// Groups observes and sizes Auto Scaling groups. It is safe for concurrent use.
type Groups struct {
	client api
}

// New makes Groups over the client of EC2 Auto Scaling.
func New(client api) *Groups { return &Groups{client: client} }

// Describe gives the group; ok is false if there is none of that name. A group
// whose desired capacity counts something else than instances is an error: an
// order in instances would mean something else there.
func (g *Groups) Describe(ctx context.Context, name fleet.GroupName) (group fleet.Group, ok bool, err error) {
	out, err := g.client.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{
		AutoScalingGroupNames: []string{string(name)},
	})
	if err != nil {
		return fleet.Group{}, false, fmt.Errorf("describe Auto Scaling group %q: %w", name, err)
	}
	for _, found := range out.AutoScalingGroups {
		if aws.ToString(found.AutoScalingGroupName) != string(name) {
			continue
		}
		if err := countsInstances(found); err != nil {
			return fleet.Group{}, false, fmt.Errorf("describe Auto Scaling group %q: %w", name, err)
		}
		return groupOf(found), true, nil
	}
	return fleet.Group{}, false, nil
}

// SetDesiredCapacity orders an absolute number of instances, at least 0, now:
// the group's default cooldown is not waited for, since the cooldowns are the
// decision's. Auto Scaling refuses a number outside the group's sizes.
func (g *Groups) SetDesiredCapacity(ctx context.Context, name fleet.GroupName, instances int) error {
	if instances < 0 || instances > math.MaxInt32 {
		return fmt.Errorf("set desired capacity of Auto Scaling group %q: %d is not a number of instances (0 to %d)", name, instances, math.MaxInt32)
	}
	_, err := g.client.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{
		AutoScalingGroupName: aws.String(string(name)),
		DesiredCapacity:      aws.Int32(int32(instances)),
		HonorCooldown:        aws.Bool(false),
	})
	if err != nil {
		return fmt.Errorf("set desired capacity of Auto Scaling group %q to %d: %w", name, instances, err)
	}
	return nil
}

// countsInstances tells whether one unit of desired capacity is one instance.
func countsInstances(g types.AutoScalingGroup) error {
	if unit := aws.ToString(g.DesiredCapacityType); unit != "" && unit != "units" {
		return fmt.Errorf("its desired capacity counts %s and not instances; set the group's DesiredCapacityType to units", unit)
	}
	for _, i := range g.Instances {
		if w := aws.ToString(i.WeightedCapacity); w != "" && w != "1" {
			return fmt.Errorf("its desired capacity counts weights and not instances: instance %s (%s) weighs %s; remove the weights from the group's mixed instances policy",
				aws.ToString(i.InstanceId), aws.ToString(i.InstanceType), w)
		}
	}
	return nil
}

func groupOf(g types.AutoScalingGroup) fleet.Group {
	out := fleet.Group{
		Name:            fleet.GroupName(aws.ToString(g.AutoScalingGroupName)),
		ARN:             aws.ToString(g.AutoScalingGroupARN),
		MinSize:         int(aws.ToInt32(g.MinSize)),
		MaxSize:         int(aws.ToInt32(g.MaxSize)),
		DesiredCapacity: int(aws.ToInt32(g.DesiredCapacity)),
	}
	for _, i := range g.Instances {
		if i.LifecycleState == types.LifecycleStateInService {
			out.InService = append(out.InService, fleet.InstanceID(aws.ToString(i.InstanceId)))
		}
	}
	for _, p := range g.SuspendedProcesses {
		if aws.ToString(p.ProcessName) == launchProcess {
			out.SuspendedLaunch = true
		}
	}
	return out
}
