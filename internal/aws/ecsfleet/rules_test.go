package ecsfleet_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// defined describes "web" with a task definition of its own.
func defined(t *testing.T, s types.Service, d types.TaskDefinition) fleet.Service {
	t.Helper()
	f := withCapacity(serving(s))
	f.definitions["web:1"] = &d
	return one(t, f)
}

func TestStaticHostPorts(t *testing.T) {
	t.Parallel()
	fixed := types.PortMapping{ContainerPort: aws.Int32(80), HostPort: aws.Int32(8080)}
	dynamic := types.PortMapping{ContainerPort: aws.Int32(81), HostPort: aws.Int32(0)}
	unsaid := types.PortMapping{ContainerPort: aws.Int32(82), Protocol: types.TransportProtocolTcp}
	names := types.PortMapping{ContainerPort: aws.Int32(53), HostPort: aws.Int32(53), Protocol: types.TransportProtocolUdp}
	several := types.PortMapping{ContainerPortRange: aws.String("9000-9002")}
	odd := types.PortMapping{ContainerPortRange: aws.String("9000")}
	for _, c := range []struct {
		name string
		mode types.NetworkMode
		maps []types.PortMapping
		want []fleet.Port
	}{
		{"bridge", types.NetworkModeBridge, []types.PortMapping{names, fixed, dynamic, unsaid, several}, []fleet.Port{"53/udp", "8080/tcp"}},
		{"the default is bridge", "", []types.PortMapping{fixed, fixed}, []fleet.Port{"8080/tcp"}},
		{"host", types.NetworkModeHost, []types.PortMapping{unsaid, names, several, odd}, []fleet.Port{"53/udp", "82/tcp", "9000/tcp", "9001/tcp", "9002/tcp"}},
		{"awsvpc", types.NetworkModeAwsvpc, []types.PortMapping{fixed}, nil},
		{"none", types.NetworkModeNone, []types.PortMapping{fixed}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := types.TaskDefinition{NetworkMode: c.mode, ContainerDefinitions: []types.ContainerDefinition{{PortMappings: c.maps[:1]}, {PortMappings: c.maps[1:]}}}
			if diff := cmp.Diff(c.want, defined(t, on("web"), d).Rules.Ports); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlacementRules(t *testing.T) {
	t.Parallel()
	s := on("web")
	s.PlacementConstraints = []types.PlacementConstraint{
		{Type: types.PlacementConstraintTypeDistinctInstance},
		{Type: types.PlacementConstraintTypeMemberOf, Expression: aws.String("attribute:stack == blue")},
	}
	s.PlacementStrategy = []types.PlacementStrategy{
		{Type: types.PlacementStrategyTypeSpread, Field: aws.String("attribute:ecs.availability-zone")},
		{Type: types.PlacementStrategyTypeBinpack, Field: aws.String("memory")},
		{Type: types.PlacementStrategyTypeRandom},
	}
	d := types.TaskDefinition{PlacementConstraints: []types.TaskDefinitionPlacementConstraint{
		{Type: types.TaskDefinitionPlacementConstraintTypeMemberOf, Expression: aws.String("attribute:ecs.os-type == linux")},
	}}
	want := fleet.Rules{
		Constraints: []fleet.Constraint{
			{Type: fleet.MemberOf, Expression: "attribute:ecs.os-type == linux"},
			{Type: fleet.DistinctInstance},
			{Type: fleet.MemberOf, Expression: "attribute:stack == blue"},
		},
		Strategies: []fleet.Strategy{{Type: fleet.Spread, Field: "attribute:ecs.availability-zone"}, {Type: fleet.Binpack, Field: "memory"}, {Type: fleet.Random}},
	}
	if diff := cmp.Diff(want, defined(t, s, d).Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestRollout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		configuration *types.DeploymentConfiguration
		want          *fleet.Rollout
	}{
		{"unsaid", nil, nil},
		{"says nothing of it", &types.DeploymentConfiguration{BakeTimeInMinutes: aws.Int32(5)}, nil},
		{"both", &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(100)}, &fleet.Rollout{MinimumHealthyPercent: 0, MaximumPercent: 100}},
		{"least alone", &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(50)}, &fleet.Rollout{MinimumHealthyPercent: 50, MaximumPercent: 200}},
		{"most alone", &types.DeploymentConfiguration{MaximumPercent: aws.Int32(150)}, &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 150}},
	} {
		s := on("web")
		s.DeploymentConfiguration = c.configuration
		if diff := cmp.Diff(c.want, defined(t, s, types.TaskDefinition{}).Rollout); diff != "" {
			t.Errorf("%s: rollout (-want +got):\n%s", c.name, diff)
		}
	}
}
