// Package asgfleet gives the EC2 Auto Scaling groups behind reconcile's ports:
// what a group is and an absolute desired capacity for it (Groups), what goes on
// in it (Activities), and how an instance leaves it (Exits).
//
// All calls of an account and region share one bucket that AWS does not publish,
// so each is made only where its answer changes something.
package asgfleet

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Processes of a group; while one is suspended, what it carries out is not.
const (
	launchProcess    = "Launch"
	terminateProcess = "Terminate"
	rebalanceProcess = "AZRebalance"
)

// warmPerCall is how many instances of a warm pool are described in one call.
const warmPerCall = 50

// warmed begins the lifecycle states of the instances in a warm pool.
const warmed = "Warmed:"

// api is what Groups needs of *autoscaling.Client.
type api interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
	DescribeWarmPool(context.Context, *autoscaling.DescribeWarmPoolInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeWarmPoolOutput, error)
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
		group := groupOf(found)
		if group.WarmPool != nil {
			if group.WarmPool.Ready, err = g.ready(ctx, name); err != nil {
				return fleet.Group{}, false, fmt.Errorf("describe warm pool of Auto Scaling group %q: %w", name, err)
			}
		}
		return group, true, nil
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

// ready counts the instances of a warm pool that wait to enter service.
func (g *Groups) ready(ctx context.Context, name fleet.GroupName) (int, error) {
	pages := autoscaling.NewDescribeWarmPoolPaginator(g.client, &autoscaling.DescribeWarmPoolInput{
		AutoScalingGroupName: aws.String(string(name)), MaxRecords: aws.Int32(warmPerCall),
	})
	ready := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, i := range page.Instances {
			switch i.LifecycleState {
			case types.LifecycleStateWarmedStopped, types.LifecycleStateWarmedRunning, types.LifecycleStateWarmedHibernated:
				ready++
			default:
			}
		}
	}
	return ready, nil
}

// countsInstances tells whether one unit of desired capacity is one instance.
func countsInstances(g types.AutoScalingGroup) error {
	if unit := aws.ToString(g.DesiredCapacityType); unit != "" && unit != "units" {
		return fmt.Errorf("its desired capacity counts %s and not instances; set the group's DesiredCapacityType to units", unit)
	}
	for _, i := range g.Instances {
		if err := weighsOne(i.WeightedCapacity, "instance "+aws.ToString(i.InstanceId), aws.ToString(i.InstanceType)); err != nil {
			return err
		}
	}
	for _, o := range overridesOf(g) {
		if err := weighsOne(o.WeightedCapacity, "an override", aws.ToString(o.InstanceType)); err != nil {
			return err
		}
	}
	return nil
}

func weighsOne(weight *string, what, instanceType string) error {
	if w := aws.ToString(weight); w != "" && w != "1" {
		return fmt.Errorf("its desired capacity counts weights and not instances: %s (%s) weighs %s; remove the weights from the group's mixed instances policy",
			what, instanceType, w)
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
		KeepsZones:      true,
		ProtectsNew:     aws.ToBool(g.NewInstancesProtectedFromScaleIn),
		Types:           typesOf(g),
	}
	for _, i := range g.Instances {
		m := memberOf(i)
		if strings.HasPrefix(m.State, warmed) {
			continue
		}
		out.Members = append(out.Members, m)
		if m.InService() {
			out.InService = append(out.InService, m.ID)
		}
	}
	slices.SortFunc(out.Members, func(a, b fleet.Member) int { return cmp.Compare(a.ID, b.ID) })
	for _, p := range g.SuspendedProcesses {
		switch aws.ToString(p.ProcessName) {
		case launchProcess:
			out.SuspendedLaunch = true
		case terminateProcess:
			out.SuspendedTerminate = true
		case rebalanceProcess:
			out.KeepsZones = false
		}
	}
	if w := g.WarmPoolConfiguration; w != nil && w.Status != types.WarmPoolStatusPendingDelete {
		out.WarmPool = &fleet.WarmPool{MinSize: int(aws.ToInt32(w.MinSize))}
	}
	return out
}

func memberOf(i types.Instance) fleet.Member {
	return fleet.Member{
		ID:        fleet.InstanceID(aws.ToString(i.InstanceId)),
		State:     string(i.LifecycleState),
		Type:      aws.ToString(i.InstanceType),
		Zone:      aws.ToString(i.AvailabilityZone),
		Protected: aws.ToBool(i.ProtectedFromScaleIn),
		Unhealthy: strings.EqualFold(aws.ToString(i.HealthStatus), "Unhealthy"),
	}
}

// typesOf gives the instance types that a mixed instances policy names, in its
// order, which is the priority for allocation strategies that have one. A policy
// that asks for attributes may launch types that it does not name.
func typesOf(g types.AutoScalingGroup) []string {
	var out []string
	for _, o := range overridesOf(g) {
		t := aws.ToString(o.InstanceType)
		if t == "" {
			return nil
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func overridesOf(g types.AutoScalingGroup) []types.LaunchTemplateOverrides {
	if g.MixedInstancesPolicy == nil || g.MixedInstancesPolicy.LaunchTemplate == nil {
		return nil
	}
	return g.MixedInstancesPolicy.LaunchTemplate.Overrides
}
