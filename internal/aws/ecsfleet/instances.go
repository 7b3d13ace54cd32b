package ecsfleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Instances gives the container instances of the cluster that are active,
// draining or registering, sorted by id; Instance.Group is left empty, since
// ECS does not know groups. The ones that have failed to register or are on
// their way out will not take a task and are left out.
func (s *Services) Instances(ctx context.Context, c fleet.ClusterName) ([]fleet.Instance, error) {
	pages := ecs.NewListContainerInstancesPaginator(s.client, &ecs.ListContainerInstancesInput{
		Cluster: aws.String(string(c)), MaxResults: aws.Int32(instancesPerCall),
	})
	var arns []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list container instances of cluster %q: %w", c, err)
		}
		arns = append(arns, page.ContainerInstanceArns...)
	}
	slices.Sort(arns)
	arns = slices.Compact(arns)
	out := make([]fleet.Instance, 0, len(arns))
	for batch := range slices.Chunk(arns, instancesPerCall) {
		found, err := s.describeInstances(ctx, c, batch)
		if err != nil {
			return nil, fmt.Errorf("describe container instances of cluster %q: %w", c, err)
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, func(a, b fleet.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// describeInstances gives at most a hundred instances. One that went away since
// it was listed is left out.
func (s *Services) describeInstances(ctx context.Context, c fleet.ClusterName, arns []string) ([]fleet.Instance, error) {
	answer, err := s.client.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String(string(c)), ContainerInstances: arns,
	})
	if err != nil {
		return nil, err
	}
	if err := failuresOf(answer.Failures); err != nil {
		return nil, err
	}
	var out []fleet.Instance
	for _, i := range answer.ContainerInstances {
		if staying(i) && aws.ToString(i.Ec2InstanceId) != "" {
			out = append(out, instanceOf(i))
		}
	}
	return out, nil
}

func staying(i types.ContainerInstance) bool {
	switch types.ContainerInstanceStatus(aws.ToString(i.Status)) {
	case types.ContainerInstanceStatusActive, types.ContainerInstanceStatusDraining, types.ContainerInstanceStatusRegistering:
		return true
	case types.ContainerInstanceStatusDeregistering, types.ContainerInstanceStatusRegistrationFailed:
	}
	return false
}

func instanceOf(i types.ContainerInstance) fleet.Instance {
	return fleet.Instance{
		ID:         fleet.InstanceID(aws.ToString(i.Ec2InstanceId)),
		Active:     aws.ToString(i.Status) == string(types.ContainerInstanceStatusActive),
		Connected:  i.AgentConnected,
		Type:       attribute(i, "ecs.instance-type"),
		Zone:       attribute(i, "ecs.availability-zone"),
		Registered: resourcesOf(i.RegisteredResources),
		Remaining:  resourcesOf(i.RemainingResources),
		Tasks:      int(i.RunningTasksCount) + int(i.PendingTasksCount),
	}
}

func attribute(i types.ContainerInstance, name string) string {
	for _, a := range i.Attributes {
		if aws.ToString(a.Name) == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

// resourcesOf reads CPU units and MiB of memory. One that is not reported
// stays 0: nothing fits there.
func resourcesOf(rs []types.Resource) fleet.Resources {
	var out fleet.Resources
	for _, r := range rs {
		switch aws.ToString(r.Name) {
		case "CPU":
			out.CPU = amount(r)
		case "MEMORY":
			out.Memory = amount(r)
		}
	}
	return out
}

// amount reads the number in whichever field the resource's type names.
func amount(r types.Resource) int {
	switch aws.ToString(r.Type) {
	case "LONG":
		return int(r.LongValue)
	case "DOUBLE":
		return int(r.DoubleValue)
	}
	return int(r.IntegerValue)
}
