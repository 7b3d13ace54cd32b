package ecsfleet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

const groupARN = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:4f2d:autoScalingGroupName/"

// onGroup is a capacity provider over a group, by ARN or name.
func onGroup(name, group string) types.CapacityProvider {
	return types.CapacityProvider{Name: aws.String(name), AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: aws.String(group)}}
}

// item is a part of a strategy.
func item(provider string, weight, base int32) types.CapacityProviderStrategyItem {
	return types.CapacityProviderStrategyItem{CapacityProvider: aws.String(provider), Weight: weight, Base: base}
}

// on is an active service with a strategy and the task definition "web:1".
func on(name string, strategy ...types.CapacityProviderStrategyItem) types.Service {
	s := running(name)
	s.LaunchType, s.CapacityProviderStrategy = "", strategy
	s.TaskDefinition = aws.String("web:1")
	return s
}

// withCapacity adds providers and the definition "web:1" of 256 CPU units and 512 MiB.
func withCapacity(f *fakeECS, providers ...types.CapacityProvider) *fakeECS {
	f.providers = make(map[string]types.CapacityProvider)
	for _, p := range providers {
		f.providers[aws.ToString(p.Name)] = p
	}
	f.definitions = map[string]*types.TaskDefinition{"web:1": {Cpu: aws.String("256"), Memory: aws.String("512")}}
	return f
}

func TestProviderAndGroup(t *testing.T) {
	t.Parallel()
	size := fleet.Resources{CPU: 256, Memory: 512}
	providers := []types.CapacityProvider{
		onGroup("m7g", groupARN+"prod-m7g"), onGroup("by-name", "prod-m7i"), onGroup("odd", groupARN+"team/a:b"),
		{Name: aws.String("mi"), ManagedInstancesProvider: &types.ManagedInstancesProvider{}},
	}
	for _, c := range []struct {
		name     string
		strategy []types.CapacityProviderStrategyItem
		want     fleet.Service // Compute, Provider, Group and TaskSize
	}{
		{"by ARN", []types.CapacityProviderStrategyItem{item("m7g", 1, 0)}, fleet.Service{Compute: fleet.EC2, Provider: "m7g", Group: "prod-m7g", TaskSize: size}},
		{"by name", []types.CapacityProviderStrategyItem{item("by-name", 1, 0)}, fleet.Service{Compute: fleet.EC2, Provider: "by-name", Group: "prod-m7i", TaskSize: size}},
		{"odd group name", []types.CapacityProviderStrategyItem{item("odd", 1, 0)}, fleet.Service{Compute: fleet.EC2, Provider: "odd", Group: "team/a:b", TaskSize: size}},
		{"largest weight", []types.CapacityProviderStrategyItem{item("by-name", 1, 9), item("m7g", 2, 0)}, fleet.Service{Compute: fleet.EC2, Provider: "m7g", Group: "prod-m7g", TaskSize: size}},
		{"then largest base", []types.CapacityProviderStrategyItem{item("by-name", 1, 0), item("m7g", 1, 3)}, fleet.Service{Compute: fleet.EC2, Provider: "m7g", Group: "prod-m7g", TaskSize: size}},
		{"then first name", []types.CapacityProviderStrategyItem{item("m7g", 1, 0), item("by-name", 1, 0)}, fleet.Service{Compute: fleet.EC2, Provider: "by-name", Group: "prod-m7i", TaskSize: size}},
		{"managed instances", []types.CapacityProviderStrategyItem{item("mi", 1, 0)}, fleet.Service{Compute: "managedInstances", Provider: "mi"}},
		{"fargate", []types.CapacityProviderStrategyItem{item("FARGATE", 1, 1)}, fleet.Service{Compute: fleet.Fargate, Provider: "FARGATE"}},
		{"fargate spot", []types.CapacityProviderStrategyItem{item("FARGATE", 1, 1), item("FARGATE_SPOT", 4, 0)}, fleet.Service{Compute: fleet.Fargate, Provider: "FARGATE_SPOT"}},
		{"no strategy and no launch type", nil, fleet.Service{Compute: fleet.EC2, TaskSize: size}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := one(t, withCapacity(serving(on("web", c.strategy...)), providers...))
			got := fleet.Service{Compute: s.Compute, Provider: s.Provider, Group: s.Group, TaskSize: s.TaskSize}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("service (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTaskSetsCarryThePlacement(t *testing.T) {
	t.Parallel()
	s := on("web")
	s.TaskDefinition = nil
	s.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}
	s.TaskSets = []types.TaskSet{
		{Status: aws.String("ACTIVE"), LaunchType: types.LaunchTypeFargate, TaskDefinition: aws.String("web:2")},
		{Status: aws.String("PRIMARY"), CapacityProviderStrategy: []types.CapacityProviderStrategyItem{item("m7g", 1, 0)}, TaskDefinition: aws.String("web:1")},
	}
	got := one(t, withCapacity(serving(s), onGroup("m7g", groupARN+"prod-m7g")))
	if got.Group != "prod-m7g" || got.Compute != fleet.EC2 || got.TaskSize.CPU != 256 || got.Controller != "EXTERNAL" {
		t.Errorf("described %+v, want the primary task set's provider and task definition", got)
	}
}

func TestProvidersAreAskedForOnceACall(t *testing.T) {
	t.Parallel()
	gone := on("gone", item("deleted", 1, 0))
	gone.Status = aws.String("INACTIVE")
	f := withCapacity(serving(on("web", item("m7g", 1, 0)), on("api", item("m7g", 1, 0)), on("spot", item("FARGATE_SPOT", 1, 0)), on("jobs", item("c7g", 1, 0)), gone),
		onGroup("m7g", "prod-m7g"), onGroup("c7g", "prod-c7g"))
	f.pageSize = 1
	s := ecsfleet.New(f)
	for range 2 {
		got, err := s.Describe(t.Context(), prod, []fleet.ServiceName{"web", "api", "spot", "jobs", "gone"})
		if err != nil {
			t.Fatal(err)
		}
		var groups []fleet.GroupName
		for _, v := range got {
			groups = append(groups, v.Group)
		}
		if diff := cmp.Diff([]fleet.GroupName{"prod-m7g", "prod-m7g", "", "prod-c7g", ""}, groups); diff != "" {
			t.Errorf("groups (-want +got):\n%s", diff)
		}
	}
	// A provider can be given another group, so each call asks again.
	if diff := cmp.Diff([][]string{{"c7g", "m7g"}, {"c7g", "m7g"}}, f.providersAsked); diff != "" {
		t.Errorf("providers asked for (-want +got):\n%s", diff)
	}
	// A revision of a task definition never changes, so it is asked for once.
	if diff := cmp.Diff([]string{"web:1"}, f.definitionsAsked); diff != "" {
		t.Errorf("task definitions asked for (-want +got):\n%s", diff)
	}
}

func TestProvidersAreAskedForInHundreds(t *testing.T) {
	t.Parallel()
	f := withCapacity(serving())
	var names []fleet.ServiceName
	for i := range 101 {
		n := fmt.Sprintf("web-%03d", i)
		f.services[n] = on(n, item("provider-"+n, 1, 0))
		f.providers["provider-"+n] = onGroup("provider-"+n, "group-"+n)
		names = append(names, fleet.ServiceName(n))
	}
	got, err := ecsfleet.New(f).Describe(t.Context(), prod, names)
	if err != nil {
		t.Fatal(err)
	}
	if got[100].Group != "group-web-100" || len(f.providersAsked) != 2 || len(f.providersAsked[0]) != 100 {
		t.Errorf("group of the last service is %q after %d calls", got[100].Group, len(f.providersAsked))
	}
}

func TestUnknownProviderIsAnError(t *testing.T) {
	t.Parallel()
	_, err := ecsfleet.New(withCapacity(serving(on("web", item("typo", 1, 0))))).Describe(t.Context(), prod, []fleet.ServiceName{"web"})
	if err == nil || !strings.Contains(err.Error(), `"typo"`) {
		t.Errorf("error is %v, want the provider's name in it", err)
	}
}

func TestTaskSize(t *testing.T) {
	t.Parallel()
	container := func(cpu int32, memory, reservation *int32) types.ContainerDefinition {
		return types.ContainerDefinition{Cpu: cpu, Memory: memory, MemoryReservation: reservation}
	}
	gpus := func(n string) types.ContainerDefinition {
		return types.ContainerDefinition{ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeGpu, Value: aws.String(n)}}}
	}
	for _, c := range []struct {
		name       string
		definition types.TaskDefinition
		want       fleet.Resources
	}{
		{"of the task", types.TaskDefinition{Cpu: aws.String("1024"), Memory: aws.String("2048"), ContainerDefinitions: []types.ContainerDefinition{container(5, aws.Int32(6), nil)}}, fleet.Resources{CPU: 1024, Memory: 2048}},
		{"summed", types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{container(100, aws.Int32(200), nil), container(28, aws.Int32(56), nil)}}, fleet.Resources{CPU: 128, Memory: 256}},
		{"reserved rather than limited", types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{container(0, aws.Int32(300), aws.Int32(128)), container(10, nil, aws.Int32(64))}}, fleet.Resources{CPU: 10, Memory: 192}},
		{"cpu of the task, memory summed", types.TaskDefinition{Cpu: aws.String("512"), ContainerDefinitions: []types.ContainerDefinition{container(1, aws.Int32(100), nil)}}, fleet.Resources{CPU: 512, Memory: 100}},
		{"GPUs", types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{gpus("2"), gpus("1"), container(4, aws.Int32(8), nil)}}, fleet.Resources{CPU: 4, Memory: 8, GPU: 3}},
		{"an interface", types.TaskDefinition{NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512")}, fleet.Resources{CPU: 256, Memory: 512, ENI: 1}},
		{"memory of the task, cpu summed", types.TaskDefinition{Memory: aws.String("512"), ContainerDefinitions: []types.ContainerDefinition{container(7, nil, nil)}}, fleet.Resources{CPU: 7, Memory: 512}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := on("web")
			s.LaunchType = types.LaunchTypeEc2
			f := withCapacity(serving(s))
			f.definitions["web:1"] = &c.definition
			if diff := cmp.Diff(c.want, one(t, f).TaskSize); diff != "" {
				t.Errorf("task size (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTaskSizeErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		definition *types.TaskDefinition
		want       string
	}{
		{"words", &types.TaskDefinition{Cpu: aws.String("1 vCPU")}, `cpu of the task: "1 vCPU"`},
		{"negative", &types.TaskDefinition{Memory: aws.String("-1")}, `memory of the task: "-1"`},
		{"GPU", &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeGpu, Value: aws.String("half")}},
		}}}, `GPU of container "app": "half"`},
		{"empty answer", nil, "without it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := withCapacity(serving(on("web")))
			f.definitions["web:1"] = c.definition
			_, err := ecsfleet.New(f).Describe(t.Context(), prod, []fleet.ServiceName{"web"})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "prod/web") || !strings.Contains(err.Error(), "web:1") {
				t.Errorf("error is %v, want service, task definition and %q in it", err, c.want)
			}
		})
	}
}

func TestTaskSizeIsNotAskedForWhereNothingIsPacked(t *testing.T) {
	t.Parallel()
	leaving := on("leaving")
	leaving.Status = aws.String("DRAINING")
	f := serving(running("web"), leaving) // no task definition is known
	got, err := ecsfleet.New(f).Describe(t.Context(), prod, []fleet.ServiceName{"web", "leaving"})
	if err != nil || len(got) != 2 || len(f.definitionsAsked) != 0 {
		t.Errorf("described %v, %v after asking for %v", got, err, f.definitionsAsked)
	}
}
