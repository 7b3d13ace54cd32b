package ecsfleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// statusPrimary marks the newest deployment or task set of a service.
const statusPrimary = "PRIMARY"

// placement is where the tasks of a service go, as far as the service tells.
type placement struct {
	compute        fleet.Compute
	provider       string // empty with a launch type
	taskDefinition string
}

type placed struct {
	types.Service
	placement
}

func (p placed) active() bool { return aws.ToString(p.Status) == "ACTIVE" }

// provider is what stands behind a capacity provider.
type provider struct {
	compute fleet.Compute
	group   fleet.GroupName
}

// placementOf reads launch type, strategy and task definition off the service,
// or off its primary task set where an EXTERNAL deployment controller keeps
// them there. ECS writes the cluster's default strategy into a service that is
// created with neither, so a service that still has neither runs on EC2, the
// default launch type.
func placementOf(s types.Service) placement {
	launch, strategy, definition := s.LaunchType, s.CapacityProviderStrategy, aws.ToString(s.TaskDefinition)
	if t, ok := primaryTaskSet(s); ok {
		if launch == "" && len(strategy) == 0 {
			launch, strategy = t.LaunchType, t.CapacityProviderStrategy
		}
		definition = cmp.Or(definition, aws.ToString(t.TaskDefinition))
	}
	p := placement{taskDefinition: definition}
	if name, ok := largest(strategy); ok {
		p.provider, p.compute = name, fleet.EC2
		if isFargate(name) {
			p.compute = fleet.Fargate
		}
		return p
	}
	p.compute = computeOf(launch)
	return p
}

func primaryTaskSet(s types.Service) (types.TaskSet, bool) {
	for _, t := range s.TaskSets {
		if aws.ToString(t.Status) == statusPrimary {
			return t, true
		}
	}
	return types.TaskSet{}, false
}

// largest gives the capacity provider that takes the next tasks: the one with
// the largest weight, then the largest base, then the first name.
func largest(strategy []types.CapacityProviderStrategyItem) (string, bool) {
	if len(strategy) == 0 {
		return "", false
	}
	best := slices.MinFunc(strategy, func(a, b types.CapacityProviderStrategyItem) int {
		return cmp.Or(
			cmp.Compare(b.Weight, a.Weight),
			cmp.Compare(b.Base, a.Base),
			cmp.Compare(aws.ToString(a.CapacityProvider), aws.ToString(b.CapacityProvider)),
		)
	})
	return aws.ToString(best.CapacityProvider), true
}

// isFargate tells the two capacity providers that every account has.
func isFargate(name string) bool { return name == "FARGATE" || name == "FARGATE_SPOT" }

// computeOf maps a launch type. One that this version does not know is carried
// as it is: it is neither EC2 nor Fargate, so that only its tasks are sized.
func computeOf(l types.LaunchType) fleet.Compute {
	switch l {
	case "", types.LaunchTypeEc2:
		return fleet.EC2
	case types.LaunchTypeFargate:
		return fleet.Fargate
	case types.LaunchTypeExternal:
		return fleet.External
	case types.LaunchTypeManagedInstances:
		return fleet.ManagedInstances
	}
	return fleet.Compute(l)
}

// providers finds out what is behind the capacity providers of the active
// services. Nothing is remembered between calls: a provider can be given
// another group.
func (s *Services) providers(ctx context.Context, c fleet.ClusterName, seen []placed) (map[string]provider, error) {
	var names []string
	for _, p := range seen {
		if p.active() && p.provider != "" && !isFargate(p.provider) {
			names = append(names, p.provider)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	behind := make(map[string]provider, len(names))
	for batch := range slices.Chunk(names, providersPerCall) {
		if err := s.describeProviders(ctx, c, batch, behind); err != nil {
			return nil, fmt.Errorf("describe capacity providers of cluster %q: %w", c, err)
		}
	}
	for _, n := range names {
		if _, ok := behind[n]; !ok {
			return nil, fmt.Errorf("describe capacity providers of cluster %q: %q is in the strategy of a service but ECS does not know it; name an existing one in the service's strategy", c, n)
		}
	}
	return behind, nil
}

func (s *Services) describeProviders(ctx context.Context, c fleet.ClusterName, batch []string, behind map[string]provider) error {
	in := &ecs.DescribeCapacityProvidersInput{Cluster: aws.String(string(c)), CapacityProviders: batch}
	for {
		out, err := s.client.DescribeCapacityProviders(ctx, in)
		if err != nil {
			return err
		}
		if err := failuresOf(out.Failures); err != nil {
			return err
		}
		for _, p := range out.CapacityProviders {
			behind[aws.ToString(p.Name)] = providerOf(p)
		}
		if aws.ToString(out.NextToken) == "" {
			return nil
		}
		next := *in
		next.NextToken = out.NextToken
		in = &next
	}
}

func providerOf(p types.CapacityProvider) provider {
	if g := p.AutoScalingGroupProvider; g != nil {
		return provider{compute: fleet.EC2, group: groupName(aws.ToString(g.AutoScalingGroupArn))}
	}
	return provider{compute: fleet.ManagedInstances}
}

// groupName gives the name of a group from its ARN, or from the name itself,
// which ECS takes too. A group's name may hold slashes and colons.
func groupName(arn string) fleet.GroupName {
	if _, name, ok := strings.Cut(arn, ":autoScalingGroupName/"); ok {
		return fleet.GroupName(name)
	}
	return fleet.GroupName(arn)
}

// controllerOf gives the deployment controller: ECS unless the service says otherwise.
func controllerOf(s types.Service) string {
	if s.DeploymentController == nil {
		return string(types.DeploymentControllerTypeEcs)
	}
	return string(s.DeploymentController.Type)
}

// deploymentsOf gives the deployments; under a controller other than ECS these
// are the task sets, which report no rollout state.
func deploymentsOf(s types.Service) []fleet.Deployment {
	var out []fleet.Deployment
	for _, d := range s.Deployments {
		out = append(out, fleet.Deployment{
			ID:           aws.ToString(d.Id),
			Primary:      aws.ToString(d.Status) == statusPrimary,
			RolloutState: string(d.RolloutState),
			Desired:      int(d.DesiredCount),
			Running:      int(d.RunningCount),
			Pending:      int(d.PendingCount),
			Failed:       int(d.FailedTasks),
			CreatedAt:    aws.ToTime(d.CreatedAt),
		})
	}
	if len(out) > 0 {
		return out
	}
	for _, t := range s.TaskSets {
		out = append(out, fleet.Deployment{
			ID:        aws.ToString(t.Id),
			Primary:   aws.ToString(t.Status) == statusPrimary,
			Desired:   int(t.ComputedDesiredCount),
			Running:   int(t.RunningCount),
			Pending:   int(t.PendingCount),
			CreatedAt: aws.ToTime(t.CreatedAt),
		})
	}
	return out
}
