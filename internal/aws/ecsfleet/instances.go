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
	out := fleet.Instance{
		ID:         fleet.InstanceID(aws.ToString(i.Ec2InstanceId)),
		ARN:        aws.ToString(i.ContainerInstanceArn),
		Active:     aws.ToString(i.Status) == string(types.ContainerInstanceStatusActive),
		Draining:   aws.ToString(i.Status) == string(types.ContainerInstanceStatusDraining),
		Connected:  i.AgentConnected,
		Attributes: attributesOf(i),
		Registered: resourcesOf(i.RegisteredResources),
		Remaining:  resourcesOf(i.RemainingResources),
		Ports:      portsTaken(i),
		Tasks:      int(i.RunningTasksCount) + int(i.PendingTasksCount),
	}
	if i.RegisteredAt != nil {
		out.RegisteredAt = i.RegisteredAt.UTC()
	}
	out.Type, out.Zone = out.Attributes["ecs.instance-type"], out.Attributes["ecs.availability-zone"]
	_, trunk := out.Attributes[trunkAttribute]
	out.Registered.ENI = interfacesOf(out.Type).tasks(trunk)
	out.Remaining.ENI = max(out.Registered.ENI-out.Tasks, 0)
	return out
}

// trunkAttribute stands on an instance whose trunk interface is attached.
const trunkAttribute = "ecs.awsvpc-trunk-id"

// capabilities begin the names of what the agent can do: a dozen and more on
// every instance, all of one agent's version, and no constraint of a user's asks
// for them.
var capabilities = [...]string{"ecs.capability.", "com.amazonaws.ecs.capability."}

// attributesOf gives the attributes but for the capabilities. One without a
// value is there with an empty one.
func attributesOf(i types.ContainerInstance) map[string]string {
	var out map[string]string
	for _, a := range i.Attributes {
		name := aws.ToString(a.Name)
		if slices.ContainsFunc(capabilities[:], func(c string) bool { return strings.HasPrefix(name, c) }) {
			continue
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[name] = aws.ToString(a.Value)
	}
	return out
}

// portsTaken gives the host ports that a task cannot have: those that the agent
// reserved when it registered, and those that are named as remaining, where ECS
// lists the ones in use and not the free ones.
func portsTaken(i types.ContainerInstance) []fleet.Port {
	var out []fleet.Port
	for _, r := range slices.Concat(i.RegisteredResources, i.RemainingResources) {
		var protocol string
		switch aws.ToString(r.Name) {
		case "PORTS":
			protocol = "tcp"
		case "PORTS_UDP":
			protocol = "udp"
		default:
			continue
		}
		for _, p := range r.StringSetValue {
			out = append(out, fleet.Port(p+"/"+protocol))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// resourcesOf reads CPU units, MiB of memory and GPUs. One that is not reported
// stays 0: nothing fits there.
func resourcesOf(rs []types.Resource) fleet.Resources {
	var out fleet.Resources
	for _, r := range rs {
		switch aws.ToString(r.Name) {
		case "CPU":
			out.CPU = amount(r)
		case "MEMORY":
			out.Memory = amount(r)
		case "GPU":
			out.GPU = amount(r)
		}
	}
	return out
}

// amount reads the number in whichever field the resource's type names; a set,
// such as the ids of GPUs, counts its members.
func amount(r types.Resource) int {
	switch aws.ToString(r.Type) {
	case "LONG":
		return int(r.LongValue)
	case "DOUBLE":
		return int(r.DoubleValue)
	case "STRINGSET":
		return len(r.StringSetValue)
	}
	return int(r.IntegerValue)
}
