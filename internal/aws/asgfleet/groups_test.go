package asgfleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Groups = (*asgfleet.Groups)(nil)

// fakeAutoScaling answers every describe with the same groups.
type fakeAutoScaling struct {
	groups    []types.AutoScalingGroup
	err       error
	described []*autoscaling.DescribeAutoScalingGroupsInput
	set       []*autoscaling.SetDesiredCapacityInput
	warmAsked []string
	warmErr   error
}

func (f *fakeAutoScaling) DescribeAutoScalingGroups(_ context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	f.described = append(f.described, in)
	return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: f.groups}, f.err
}

func (f *fakeAutoScaling) DescribeWarmPool(_ context.Context, in *autoscaling.DescribeWarmPoolInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeWarmPoolOutput, error) {
	f.warmAsked = append(f.warmAsked, aws.ToString(in.AutoScalingGroupName))
	return &autoscaling.DescribeWarmPoolOutput{}, f.warmErr
}

func (f *fakeAutoScaling) SetDesiredCapacity(_ context.Context, in *autoscaling.SetDesiredCapacityInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetDesiredCapacityOutput, error) {
	f.set = append(f.set, in)
	return &autoscaling.SetDesiredCapacityOutput{}, f.err
}

// workers is a plain group of 1 to 6 instances.
func workers() types.AutoScalingGroup {
	return types.AutoScalingGroup{
		AutoScalingGroupName: aws.String("workers"), AutoScalingGroupARN: aws.String("arn/workers"),
		MinSize: aws.Int32(1), MaxSize: aws.Int32(6), DesiredCapacity: aws.Int32(3),
		Instances: []types.Instance{
			{
				InstanceId: aws.String("i-4"), LifecycleState: types.LifecycleStateInService, WeightedCapacity: aws.String("1"), InstanceType: aws.String("m7g.large"),
				AvailabilityZone: aws.String("eu-west-1b"), ProtectedFromScaleIn: aws.Bool(true), HealthStatus: aws.String("Unhealthy"),
			},
			{InstanceId: aws.String("i-1"), LifecycleState: types.LifecycleStateInService, HealthStatus: aws.String("Healthy")},
			{InstanceId: aws.String("i-2"), LifecycleState: types.LifecycleStatePendingWait},
			{InstanceId: aws.String("i-3"), LifecycleState: types.LifecycleStateTerminatingWait},
			{InstanceId: aws.String("i-5"), LifecycleState: types.LifecycleStateWarmedStopped},
		},
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	f := &fakeAutoScaling{groups: []types.AutoScalingGroup{workers()}}
	got, ok, err := asgfleet.New(f).Describe(t.Context(), "workers")
	if err != nil || !ok {
		t.Fatalf("found %v, %v", ok, err)
	}
	want := fleet.Group{
		Name: "workers", ARN: "arn/workers", MinSize: 1, MaxSize: 6, DesiredCapacity: 3, InService: []fleet.InstanceID{"i-4", "i-1"},
		KeepsZones: true,
		Members: []fleet.Member{
			{ID: "i-1", State: "InService"},
			{ID: "i-2", State: "Pending:Wait"},
			{ID: "i-3", State: "Terminating:Wait"},
			{ID: "i-4", State: "InService", Type: "m7g.large", Zone: "eu-west-1b", Protected: true, Unhealthy: true},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
	asked := []*autoscaling.DescribeAutoScalingGroupsInput{{AutoScalingGroupNames: []string{"workers"}}}
	if diff := cmp.Diff(asked, f.described, cmpopts.IgnoreUnexported(autoscaling.DescribeAutoScalingGroupsInput{})); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestDescribeTellsSuspensions(t *testing.T) {
	t.Parallel()
	for process, want := range map[string]fleet.Group{
		"Launch":            {SuspendedLaunch: true, KeepsZones: true},
		"Terminate":         {SuspendedTerminate: true, KeepsZones: true},
		"AlarmNotification": {KeepsZones: true},
		"AZRebalance":       {},
	} {
		g := workers()
		g.SuspendedProcesses = []types.SuspendedProcess{{ProcessName: aws.String(process)}}
		got := describedAs(t, &fakeAutoScaling{groups: []types.AutoScalingGroup{g}})
		if got.SuspendedLaunch != want.SuspendedLaunch || got.SuspendedTerminate != want.SuspendedTerminate || got.KeepsZones != want.KeepsZones {
			t.Errorf("with %s suspended, launches are %v, terminations %v and zones kept %v", process, got.SuspendedLaunch, got.SuspendedTerminate, got.KeepsZones)
		}
	}
}

func TestDescribeTellsTypes(t *testing.T) {
	t.Parallel()
	named := func(names ...string) []types.LaunchTemplateOverrides {
		var out []types.LaunchTemplateOverrides
		for _, n := range names {
			out = append(out, types.LaunchTemplateOverrides{InstanceType: aws.String(n)})
		}
		return out
	}
	for _, c := range []struct {
		name      string
		overrides []types.LaunchTemplateOverrides
		want      []string
	}{
		{"none", nil, nil},
		{"in the order of their priority", named("m7g.large", "c7g.large", "m7g.large"), []string{"m7g.large", "c7g.large"}},
		{"by attributes", append(named("m7g.large"), types.LaunchTemplateOverrides{InstanceRequirements: &types.InstanceRequirements{}}), nil},
	} {
		g := workers()
		g.MixedInstancesPolicy = &types.MixedInstancesPolicy{LaunchTemplate: &types.LaunchTemplate{Overrides: c.overrides}}
		if diff := cmp.Diff(c.want, describedAs(t, &fakeAutoScaling{groups: []types.AutoScalingGroup{g}}).Types); diff != "" {
			t.Errorf("%s: types (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDescribeTellsProtectionOfNewInstances(t *testing.T) {
	t.Parallel()
	g := workers()
	g.NewInstancesProtectedFromScaleIn = aws.Bool(true)
	if !describedAs(t, &fakeAutoScaling{groups: []types.AutoScalingGroup{g}}).ProtectsNew {
		t.Error("new instances are not protected")
	}
}

func TestDescribeAsksForAWarmPoolOnlyWhereThereIsOne(t *testing.T) {
	t.Parallel()
	f := &fakeAutoScaling{groups: []types.AutoScalingGroup{workers()}}
	if got := describedAs(t, f); got.WarmPool != nil || len(f.warmAsked) != 0 {
		t.Errorf("the warm pool is %v after asking for %v", got.WarmPool, f.warmAsked)
	}
	f.groups[0].WarmPoolConfiguration = &types.WarmPoolConfiguration{MinSize: aws.Int32(3), Status: types.WarmPoolStatusPendingDelete}
	if got := describedAs(t, f); got.WarmPool != nil || len(f.warmAsked) != 0 {
		t.Errorf("the warm pool that is deleted is %v after asking for %v", got.WarmPool, f.warmAsked)
	}
	f.groups[0].WarmPoolConfiguration.Status = ""
	if got := describedAs(t, f); !cmp.Equal(got.WarmPool, &fleet.WarmPool{MinSize: 3}) || len(f.warmAsked) != 1 {
		t.Errorf("the warm pool is %v after asking for %v, want an empty one of at least 3", got.WarmPool, f.warmAsked)
	}
	f.warmErr = context.DeadlineExceeded
	if _, ok, err := asgfleet.New(f).Describe(t.Context(), "workers"); ok || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"workers"`) {
		t.Errorf("found %v, %v; want the deadline with the group's name", ok, err)
	}
}

func TestDescribeCountsTheReadyOnesOfAWarmPool(t *testing.T) {
	t.Parallel()
	s := newStandin(t)
	s.create("workers", 0, 9, 1).warm = []string{"Warmed:Stopped", "Warmed:Pending:Wait", "Warmed:Running", "Warmed:Terminating", "Warmed:Hibernated"}
	got, ok, err := asgfleet.New(s.client()).Describe(t.Context(), "workers")
	if err != nil || !ok {
		t.Fatalf("found %v, %v", ok, err)
	}
	if diff := cmp.Diff(&fleet.WarmPool{MinSize: 2, Ready: 3}, got.WarmPool); diff != "" {
		t.Errorf("warm pool (-want +got):\n%s", diff)
	}
}

func describedAs(t *testing.T, f *fakeAutoScaling) fleet.Group {
	t.Helper()
	got, ok, err := asgfleet.New(f).Describe(t.Context(), "workers")
	if err != nil || !ok {
		t.Fatalf("found %v, %v", ok, err)
	}
	return got
}

func TestDescribeOfNoneOrAnother(t *testing.T) {
	t.Parallel()
	for _, groups := range [][]types.AutoScalingGroup{nil, {workers()}} {
		got, ok, err := asgfleet.New(&fakeAutoScaling{groups: groups}).Describe(t.Context(), "Workers")
		if err != nil || ok || !cmp.Equal(got, fleet.Group{}) {
			t.Errorf("described %+v, %v, %v; want none", got, ok, err)
		}
	}
}

func TestDescribeRefusesGroupsThatDoNotCountInstances(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*types.AutoScalingGroup)
		bad    bool
		want   string
	}{
		{"units", func(g *types.AutoScalingGroup) { g.DesiredCapacityType = aws.String("units") }, false, ""},
		{"vCPUs", func(g *types.AutoScalingGroup) { g.DesiredCapacityType = aws.String("vcpu") }, true, "vcpu"},
		{"memory", func(g *types.AutoScalingGroup) { g.DesiredCapacityType = aws.String("memory-mib") }, true, "memory-mib"},
		{"weights", func(g *types.AutoScalingGroup) { g.Instances[1].WeightedCapacity = aws.String("4") }, true, "i-1"},
		{"weights without instances", func(g *types.AutoScalingGroup) {
			g.Instances = nil
			g.MixedInstancesPolicy = &types.MixedInstancesPolicy{LaunchTemplate: &types.LaunchTemplate{
				Overrides: []types.LaunchTemplateOverrides{{InstanceType: aws.String("m7g.large"), WeightedCapacity: aws.String("2")}},
			}}
		}, true, "m7g.large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := workers()
			c.change(&g)
			_, ok, err := asgfleet.New(&fakeAutoScaling{groups: []types.AutoScalingGroup{g}}).Describe(t.Context(), "workers")
			if (err != nil) != c.bad || ok == c.bad {
				t.Fatalf("found %v, %v", ok, err)
			}
			if c.bad && (!strings.Contains(err.Error(), `"workers"`) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %q does not name the group and %q", err, c.want)
			}
		})
	}
}

func TestSetDesiredCapacity(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 500} {
		f := &fakeAutoScaling{}
		if err := asgfleet.New(f).SetDesiredCapacity(t.Context(), "workers", n); err != nil {
			t.Fatal(err)
		}
		want := []*autoscaling.SetDesiredCapacityInput{{
			AutoScalingGroupName: aws.String("workers"), DesiredCapacity: aws.Int32(int32(n)), HonorCooldown: aws.Bool(false),
		}}
		if diff := cmp.Diff(want, f.set, cmpopts.IgnoreUnexported(autoscaling.SetDesiredCapacityInput{})); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

func TestSetDesiredCapacityRefusesWhatIsNoCount(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 1 << 31} {
		f := &fakeAutoScaling{}
		err := asgfleet.New(f).SetDesiredCapacity(t.Context(), "workers", n)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) || len(f.set) != 0 {
			t.Errorf("error is %v after %d requests, want %d in it and no request", err, len(f.set), n)
		}
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	g := asgfleet.New(&fakeAutoScaling{err: context.DeadlineExceeded})
	_, ok, describing := g.Describe(t.Context(), "workers")
	ordering := g.SetDesiredCapacity(t.Context(), "workers", 4)
	for _, err := range []error{describing, ordering} {
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"workers"`) || ok {
			t.Errorf("error is %v, want the deadline with the group's name", err)
		}
	}
}
