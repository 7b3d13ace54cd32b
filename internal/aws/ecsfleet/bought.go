package ecsfleet

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Bought gives what one task of a service buys of Fargate, and whether of ARM: what
// Describe leaves out, since it has no part in scaling. ok is false for a service that
// ECS does not know.
func (s *Services) Bought(ctx context.Context, k fleet.ServiceKey) (size fleet.Resources, arm, ok bool, err error) {
	known := make(map[fleet.ServiceName]types.Service, 1)
	if err := s.describeBatch(ctx, k.Cluster, []fleet.ServiceName{k.Service}, known); err != nil {
		return size, false, false, err
	}
	v, ok := known[k.Service]
	if !ok {
		return size, false, false, nil
	}
	arn := placementOf(v).taskDefinition
	out, err := s.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if err != nil {
		return size, false, false, fmt.Errorf("describe task definition %q: %w", arn, err)
	}
	if out.TaskDefinition == nil {
		return size, false, false, fmt.Errorf("describe task definition %q: ECS answered without it", arn)
	}
	d := *out.TaskDefinition
	shape, err := shapeOf(d)
	if err != nil {
		return size, false, false, fmt.Errorf("read task definition %q: %w", arn, err)
	}
	return shape.size, d.RuntimePlatform != nil && d.RuntimePlatform.CpuArchitecture == types.CPUArchitectureArm64, true, nil
}
