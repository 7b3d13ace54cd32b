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
}

func (f *fakeAutoScaling) DescribeAutoScalingGroups(_ context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	f.described = append(f.described, in)
	return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: f.groups}, f.err
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
			{InstanceId: aws.String("i-1"), LifecycleState: types.LifecycleStateInService},
			{InstanceId: aws.String("i-2"), LifecycleState: types.LifecycleStatePendingWait},
			{InstanceId: aws.String("i-3"), LifecycleState: types.LifecycleStateTerminatingWait},
			{InstanceId: aws.String("i-4"), LifecycleState: types.LifecycleStateInService, WeightedCapacity: aws.String("1")},
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
	want := fleet.Group{Name: "workers", ARN: "arn/workers", MinSize: 1, MaxSize: 6, DesiredCapacity: 3, InService: []fleet.InstanceID{"i-1", "i-4"}}
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
	for process, want := range map[string]bool{"Launch": true, "Terminate": false, "AlarmNotification": false} {
		g := workers()
		g.SuspendedProcesses = []types.SuspendedProcess{{ProcessName: aws.String(process)}}
		got, ok, err := asgfleet.New(&fakeAutoScaling{groups: []types.AutoScalingGroup{g}}).Describe(t.Context(), "workers")
		if err != nil || !ok || got.SuspendedLaunch != want {
			t.Errorf("with %s suspended, SuspendedLaunch is %v (%v, %v), want %v", process, got.SuspendedLaunch, ok, err, want)
		}
	}
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
		{"weights", func(g *types.AutoScalingGroup) { g.Instances[0].WeightedCapacity = aws.String("4") }, true, "i-1"},
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
