package asgfleet_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// regions are as many worlds of one moto as the suite has cases.
func regions() []string {
	return []string{
		"us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1",
		"eu-north-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1", "ca-central-1",
	}
}

// TestExitsConformInTheBed runs the suite against the stand-in of the local bed, so
// that what ends there ends as in the stand-in of this package.
func TestExitsConformInTheBed(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var mu sync.Mutex
	free := regions()
	porttest.Exits(t, func(t *testing.T) porttest.ExitsBed {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if len(free) == 0 {
			t.Fatal("the suite has more cases than there are regions here: add some")
		}
		region := free[0]
		free = free[1:]
		s, err := local.StartStandin(t.Context(), server.URL(), region)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		c := autoscaling.NewFromConfig(local.Endpoints{Region: region}.Config(s.URL()))
		return porttest.ExitsBed{
			Exits:  asgfleet.NewExits(c),
			Groups: asgfleet.New(c),
			Create: func(t *testing.T, name fleet.GroupName, minSize, maxSize, desired int) []fleet.InstanceID {
				t.Helper()
				createIn(t, c, region, string(name), minSize, maxSize, desired)
				g, ok, err := asgfleet.New(c).Describe(t.Context(), name)
				if err != nil || !ok || len(g.InService) != desired {
					t.Fatalf("described %+v, %v, %v", g, ok, err)
				}
				return slices.Clone(g.InService)
			},
			AddHook: func(t *testing.T, g fleet.GroupName, name string, timeout time.Duration) {
				t.Helper()
				if _, err := c.PutLifecycleHook(t.Context(), &autoscaling.PutLifecycleHookInput{
					AutoScalingGroupName: aws.String(string(g)), LifecycleHookName: &name,
					LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_TERMINATING"), HeartbeatTimeout: aws.Int32(int32(timeout / time.Second)),
				}); err != nil {
					t.Fatal(err)
				}
			},
			Waiting: func(t *testing.T, _ fleet.GroupName, id fleet.InstanceID) drain.Hook {
				t.Helper()
				w, ok := s.Waiting(string(id))
				if !ok {
					t.Fatalf("instance %s does not wait", id)
				}
				return drain.Hook{Name: w.Hook, Token: w.Token}
			},
		}
	})
}
