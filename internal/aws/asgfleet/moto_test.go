package asgfleet_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// TestMoto runs against moto, which takes our requests for what AWS would.
func TestMoto(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var used atomic.Int64
	t.Run("conformance", func(t *testing.T) {
		porttest.Groups(t, func(t *testing.T) porttest.GroupsBed {
			t.Helper()
			c := account(server.URL(), used.Add(1))
			return porttest.GroupsBed{
				Groups:  asgfleet.New(c),
				AnySize: true,
				Create: func(t *testing.T, name fleet.GroupName, minSize, maxSize, desired int) {
					t.Helper()
					create(t, c, string(name), minSize, maxSize, desired)
				},
			}
		})
	})
	t.Run("instances and suspensions", func(t *testing.T) {
		t.Parallel()
		suspended(t, account(server.URL(), used.Add(1)))
	})
	t.Run("one instance leaves", func(t *testing.T) {
		t.Parallel()
		leaves(t, account(server.URL(), used.Add(1)))
	})
	t.Run("protection, hooks, homes and a warm pool", func(t *testing.T) {
		t.Parallel()
		guarded(t, account(server.URL(), used.Add(1)))
	})
}

// leaves shows the one form of the termination that moto knows.
func leaves(t *testing.T, c *autoscaling.Client) {
	t.Helper()
	create(t, c, "workers", 0, 4, 3)
	before := motoGroup(t, c)
	if err := asgfleet.NewExits(c).Terminate(t.Context(), "workers", before.InService[:1]); err != nil {
		t.Fatal(err)
	}
	after := motoGroup(t, c)
	if _, there := after.Member(before.InService[0]); there || after.DesiredCapacity != 2 || len(after.Members) != 2 {
		t.Errorf("described %+v, want it without %s and with 2 instances", after, before.InService[0])
	}
}

func guarded(t *testing.T, c *autoscaling.Client) {
	t.Helper()
	create(t, c, "workers", 0, 9, 3)
	ids := motoGroup(t, c).InService
	e := asgfleet.NewExits(c)
	if err := e.Protect(t.Context(), "workers", ids[1:2], true); err != nil {
		t.Fatal(err)
	}
	for _, m := range motoGroup(t, c).Members {
		if m.Protected != (m.ID == ids[1]) || m.Type != "m5.large" || m.Zone != "eu-west-1a" || !m.InService() || m.Unhealthy {
			t.Errorf("member %+v, want only %s protected", m, ids[1])
		}
	}
	if _, err := c.PutLifecycleHook(t.Context(), &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String("workers"), LifecycleHookName: aws.String("drain"),
		LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_TERMINATING"), HeartbeatTimeout: aws.Int32(900),
	}); err != nil {
		t.Fatal(err)
	}
	if hooks, err := e.Hooks(t.Context(), "workers"); len(hooks) != 1 || hooks[0].Name != "drain" || hooks[0].Timeout != 15*time.Minute || err != nil {
		t.Errorf("the hooks are %+v (%v), want one of 15 minutes", hooks, err)
	}
	homes, err := asgfleet.NewActivities(c).Homes(t.Context(), []fleet.InstanceID{ids[0], "i-0123456789abcdef0"})
	if diff := cmp.Diff(map[fleet.InstanceID]fleet.GroupName{ids[0]: "workers"}, homes); err != nil || diff != "" {
		t.Errorf("homes, %v (-want +got):\n%s", err, diff)
	}
	if _, err := c.PutWarmPool(t.Context(), &autoscaling.PutWarmPoolInput{AutoScalingGroupName: aws.String("workers"), MinSize: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&fleet.WarmPool{MinSize: 2}, motoGroup(t, c).WarmPool); diff != "" {
		t.Errorf("warm pool (-want +got):\n%s", diff)
	}
}

func motoGroup(t *testing.T, c *autoscaling.Client) fleet.Group {
	t.Helper()
	got, ok, err := asgfleet.New(c).Describe(t.Context(), "workers")
	if err != nil || !ok {
		t.Fatalf("found %v, %v", ok, err)
	}
	return got
}

func suspended(t *testing.T, c *autoscaling.Client) {
	t.Helper()
	create(t, c, "workers", 0, 4, 2)
	if _, err := c.SuspendProcesses(t.Context(), &autoscaling.SuspendProcessesInput{
		AutoScalingGroupName: aws.String("workers"), ScalingProcesses: []string{"Launch"},
	}); err != nil {
		t.Fatal(err)
	}
	got, ok, err := asgfleet.New(c).Describe(t.Context(), "workers")
	if err != nil || !ok {
		t.Fatalf("found %v, %v", ok, err)
	}
	if len(got.InService) != 2 || !got.SuspendedLaunch || got.ARN == "" {
		t.Errorf("described %+v, want two instances in service and Launch suspended", got)
	}
}

// account gives a client of an account of its own: moto keeps them apart.
func account(url string, n int64) *autoscaling.Client {
	return autoscaling.NewFromConfig(local.Endpoints{Region: "eu-west-1"}.Config(url), func(o *autoscaling.Options) {
		o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-moto-account-id", fmt.Sprintf("%012d", n)))
	})
}

func create(t *testing.T, c *autoscaling.Client, name string, minSize, maxSize, desired int) {
	t.Helper()
	createIn(t, c, "eu-west-1", name, minSize, maxSize, desired)
}

func createIn(t *testing.T, c *autoscaling.Client, region, name string, minSize, maxSize, desired int) {
	t.Helper()
	if _, err := c.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String(name), ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m5.large"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String(name), LaunchConfigurationName: aws.String(name), AvailabilityZones: []string{region + "a"},
		MinSize: aws.Int32(int32(minSize)), MaxSize: aws.Int32(int32(maxSize)), DesiredCapacity: aws.Int32(int32(desired)),
	}); err != nil {
		t.Fatal(err)
	}
}
