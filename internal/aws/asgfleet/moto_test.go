package asgfleet_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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
	if _, err := c.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String(name), ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m5.large"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String(name), LaunchConfigurationName: aws.String(name), AvailabilityZones: []string{"eu-west-1a"},
		MinSize: aws.Int32(int32(minSize)), MaxSize: aws.Int32(int32(maxSize)), DesiredCapacity: aws.Int32(int32(desired)),
	}); err != nil {
		t.Fatal(err)
	}
}
