package ecsfleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// host is an active, connected instance.
func host(id string) types.ContainerInstance {
	return types.ContainerInstance{Ec2InstanceId: aws.String(id), Status: aws.String("ACTIVE"), AgentConnected: true}
}

// hosting gives a fake with these instances.
func hosting(instances ...types.ContainerInstance) *fakeECS {
	f := &fakeECS{instances: make(map[string]types.ContainerInstance)}
	for i, v := range instances {
		f.instances[fmt.Sprintf("arn:aws:ecs:::container-instance/prod/%04d", i)] = v
	}
	return f
}

func instancesOf(t *testing.T, f *fakeECS) []fleet.Instance {
	t.Helper()
	got, err := ecsfleet.New(f).Instances(t.Context(), prod)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestInstancesMapsTheInstance(t *testing.T) {
	t.Parallel()
	h := host("i-1")
	h.ContainerInstanceArn = aws.String("arn/1")
	h.RunningTasksCount, h.PendingTasksCount = 3, 1
	h.RegisteredAt = aws.Time(time.Date(2026, 11, 26, 4, 0, 0, 0, time.FixedZone("", 3600)))
	h.Attributes = []types.Attribute{
		{Name: aws.String("ecs.capability.privileged-container")},
		{Name: aws.String("com.amazonaws.ecs.capability.ecr-auth")},
		{Name: aws.String("ecs.instance-type"), Value: aws.String("m7g.large")},
		{Name: aws.String("ecs.availability-zone"), Value: aws.String("eu-west-1b")},
		{Name: aws.String("stack"), Value: aws.String("blue")},
		{Name: aws.String("ssd")},
	}
	h.RegisteredResources = []types.Resource{
		{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 2048},
		{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: 7680},
		{Name: aws.String("PORTS"), Type: aws.String("STRINGSET"), StringSetValue: []string{"22"}},
		{Name: aws.String("PORTS_UDP"), Type: aws.String("STRINGSET")},
		{Name: aws.String("GPU"), Type: aws.String("STRINGSET"), StringSetValue: []string{"GPU-1", "GPU-2"}},
	}
	h.RemainingResources = []types.Resource{
		{Name: aws.String("CPU"), Type: aws.String("LONG"), LongValue: 1024},
		{Name: aws.String("MEMORY"), Type: aws.String("DOUBLE"), DoubleValue: 512},
		{Name: aws.String("PORTS"), Type: aws.String("STRINGSET"), StringSetValue: []string{"8080", "22"}},
		{Name: aws.String("PORTS_UDP"), Type: aws.String("STRINGSET"), StringSetValue: []string{"53"}},
		{Name: aws.String("GPU"), Type: aws.String("STRINGSET"), StringSetValue: []string{"GPU-2"}},
	}
	want := []fleet.Instance{{
		ID: "i-1", ARN: "arn/1", Active: true, Connected: true, Type: "m7g.large", Zone: "eu-west-1b",
		Attributes: map[string]string{"ecs.instance-type": "m7g.large", "ecs.availability-zone": "eu-west-1b", "stack": "blue", "ssd": ""},
		Registered: fleet.Resources{CPU: 2048, Memory: 7680, GPU: 2, ENI: 2}, Remaining: fleet.Resources{CPU: 1024, Memory: 512, GPU: 1}, Tasks: 4,
		Ports: []fleet.Port{"22/tcp", "53/udp", "8080/tcp"}, RegisteredAt: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC),
	}}
	if diff := cmp.Diff(want, instancesOf(t, hosting(h))); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
}

func TestInstancesCountInterfacesWithATrunk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		trunk             bool
		tasks             int32
		registered, spare int
	}{{"none", false, 1, 2, 1}, {"with", true, 1, 10, 9}, {"more tasks than interfaces", false, 30, 2, 0}} {
		h := host("i-1")
		h.Attributes = []types.Attribute{{Name: aws.String("ecs.instance-type"), Value: aws.String("c5.large")}}
		if c.trunk {
			h.Attributes = append(h.Attributes, types.Attribute{Name: aws.String("ecs.awsvpc-trunk-id"), Value: aws.String("eni-1")})
		}
		h.RunningTasksCount = c.tasks
		if got := instancesOf(t, hosting(h))[0]; got.Registered.ENI != c.registered || got.Remaining.ENI != c.spare {
			t.Errorf("%s: %d of %d interfaces are left, want %d of %d", c.name, got.Remaining.ENI, got.Registered.ENI, c.spare, c.registered)
		}
	}
}

func TestInstancesByStatus(t *testing.T) {
	t.Parallel()
	var all []types.ContainerInstance
	for i, status := range []string{"REGISTERING", "DEREGISTERING", "DRAINING", "REGISTRATION_FAILED", "ACTIVE", "INACTIVE"} {
		h := host(fmt.Sprintf("i-%d", i))
		h.Status, h.AgentConnected = aws.String(status), false
		all = append(all, h)
	}
	elsewhere := host("")
	elsewhere.Ec2InstanceId = nil
	all = append(all, elsewhere)
	want := []fleet.Instance{{ID: "i-0"}, {ID: "i-2", Draining: true}, {ID: "i-4", Active: true}}
	if diff := cmp.Diff(want, instancesOf(t, hosting(all...)), cmpopts.IgnoreTypes(fleet.Resources{})); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
}

func TestInstancesAsksInHundreds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts int
		calls []int
	}{{0, nil}, {1, []int{1}}, {100, []int{100}}, {101, []int{100, 1}}, {250, []int{100, 100, 50}}} {
		t.Run(fmt.Sprint(c.hosts), func(t *testing.T) {
			t.Parallel()
			var all []types.ContainerInstance
			for i := range c.hosts {
				all = append(all, host(fmt.Sprintf("i-%04d", c.hosts-i)))
			}
			f := hosting(all...)
			f.pageSize = 40
			got := instancesOf(t, f)
			if len(got) != c.hosts {
				t.Fatalf("%d instances, want %d", len(got), c.hosts)
			}
			for i := range got {
				if i > 0 && got[i].ID <= got[i-1].ID {
					t.Fatalf("%s comes after %s", got[i].ID, got[i-1].ID)
				}
			}
			if diff := cmp.Diff(c.calls, f.instancesAsked); diff != "" {
				t.Errorf("instances a call (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInstancesFailures(t *testing.T) {
	t.Parallel()
	f := hosting(host("i-1"))
	f.gone = []types.Failure{{Arn: aws.String("arn/2"), Reason: aws.String("MISSING")}}
	if got := instancesOf(t, f); len(got) != 1 {
		t.Errorf("%d instances beside one that went away, want 1", len(got))
	}
	f.gone[0].Reason = aws.String("INTERNAL")
	if _, err := ecsfleet.New(f).Instances(t.Context(), prod); err == nil || !strings.Contains(err.Error(), "arn/2") {
		t.Errorf("error is %v, want the instance in it", err)
	}
}
