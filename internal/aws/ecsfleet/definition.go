package ecsfleet

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// definitionAPI is what definitions needs of *ecs.Client.
type definitionAPI interface {
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// shape is what the packing of a task asks of its task definition.
type shape struct {
	size        fleet.Resources
	ports       []fleet.Port
	constraints []fleet.Constraint
	containers  []types.ContainerDefinition // of what a task may override, with the names
	fixed       struct{ cpu, memory bool }  // stated for the task, whatever its containers say
}

// definitions reads the shapes of task definitions and keeps them.
type definitions struct {
	kept[shape]
	client definitionAPI
}

func newDefinitions(client definitionAPI) *definitions { return &definitions{client: client} }

// shape gives what one task of a task definition takes of an instance.
func (d *definitions) shape(ctx context.Context, arn string) (shape, error) {
	if s, ok := d.get(arn); ok {
		return s, nil
	}
	out, err := d.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if err != nil {
		return shape{}, fmt.Errorf("describe task definition %q: %w", arn, err)
	}
	if out.TaskDefinition == nil {
		return shape{}, fmt.Errorf("describe task definition %q: ECS answered without it", arn)
	}
	s, err := shapeOf(*out.TaskDefinition)
	if err != nil {
		return shape{}, fmt.Errorf("read task definition %q: %w", arn, err)
	}
	d.put(arn, s)
	return s, nil
}

func shapeOf(d types.TaskDefinition) (shape, error) {
	s := shape{ports: hostPorts(d)}
	for _, c := range d.ContainerDefinitions {
		s.containers = append(s.containers, types.ContainerDefinition{
			Name: c.Name, Cpu: c.Cpu, Memory: c.Memory, MemoryReservation: c.MemoryReservation, ResourceRequirements: c.ResourceRequirements,
		})
	}
	sum, err := sumOf(s.containers)
	if err != nil {
		return shape{}, err
	}
	s.size = sum
	for _, level := range []struct {
		field string
		value *string
		into  *int
		fixed *bool
	}{{"cpu", d.Cpu, &s.size.CPU, &s.fixed.cpu}, {"memory", d.Memory, &s.size.Memory, &s.fixed.memory}} {
		if aws.ToString(level.value) == "" {
			continue
		}
		n, err := wholeNumber(*level.value)
		if err != nil {
			return shape{}, fmt.Errorf("%s of the task: %w", level.field, err)
		}
		*level.into, *level.fixed = n, true
	}
	if d.NetworkMode == types.NetworkModeAwsvpc {
		s.size.ENI = 1
	}
	for _, c := range d.PlacementConstraints {
		s.constraints = append(s.constraints, fleet.Constraint{Type: string(c.Type), Expression: aws.ToString(c.Expression)})
	}
	return s, nil
}

// sized gives the size of a task that overrides some of its definition. What is
// stated for the task counts before what its containers say.
func (s shape) sized(o *types.TaskOverride) (fleet.Resources, error) {
	size := s.size
	if o == nil {
		return size, nil
	}
	sum, err := sumOf(overridden(s.containers, o.ContainerOverrides))
	if err != nil {
		return fleet.Resources{}, err
	}
	size.GPU = sum.GPU
	if !s.fixed.cpu {
		size.CPU = sum.CPU
	}
	if !s.fixed.memory {
		size.Memory = sum.Memory
	}
	for _, level := range []struct {
		field string
		value *string
		into  *int
	}{{"cpu", o.Cpu, &size.CPU}, {"memory", o.Memory, &size.Memory}} {
		if aws.ToString(level.value) == "" {
			continue
		}
		n, err := wholeNumber(*level.value)
		if err != nil {
			return fleet.Resources{}, fmt.Errorf("override of %s: %w", level.field, err)
		}
		*level.into = n
	}
	return size, nil
}

// overridden gives the containers with the overrides of their names.
func overridden(containers []types.ContainerDefinition, overrides []types.ContainerOverride) []types.ContainerDefinition {
	out := slices.Clone(containers)
	for _, o := range overrides {
		for i := range out {
			if aws.ToString(out[i].Name) != aws.ToString(o.Name) {
				continue
			}
			if o.Cpu != nil {
				out[i].Cpu = *o.Cpu
			}
			if o.Memory != nil {
				out[i].Memory = o.Memory
			}
			if o.MemoryReservation != nil {
				out[i].MemoryReservation = o.MemoryReservation
			}
			if o.ResourceRequirements != nil {
				out[i].ResourceRequirements = o.ResourceRequirements
			}
		}
	}
	return out
}

// sumOf gives what ECS subtracts from an instance for containers of a task that
// states nothing itself: of a container's memory the reservation counts if there
// is one, else the hard limit.
func sumOf(containers []types.ContainerDefinition) (fleet.Resources, error) {
	var r fleet.Resources
	for _, c := range containers {
		r.CPU += int(c.Cpu)
		if reserved := aws.ToInt32(c.MemoryReservation); reserved > 0 {
			r.Memory += int(reserved)
		} else {
			r.Memory += int(aws.ToInt32(c.Memory))
		}
		for _, need := range c.ResourceRequirements {
			if need.Type != types.ResourceTypeGpu {
				continue
			}
			n, err := wholeNumber(aws.ToString(need.Value))
			if err != nil {
				return fleet.Resources{}, fmt.Errorf("GPU of container %q: %w", aws.ToString(c.Name), err)
			}
			r.GPU += n
		}
	}
	return r, nil
}

// hostPorts gives the static host ports of a task. In network mode host each
// container port is one; in bridge, the default, those that name a host port are,
// and the others, ranges among them, get what is free; in awsvpc and none the
// ports are the task's own.
func hostPorts(d types.TaskDefinition) []fleet.Port {
	if d.NetworkMode == types.NetworkModeAwsvpc || d.NetworkMode == types.NetworkModeNone {
		return nil
	}
	var out []fleet.Port
	for _, c := range d.ContainerDefinitions {
		for _, m := range c.PortMappings {
			protocol := "/tcp"
			if m.Protocol == types.TransportProtocolUdp {
				protocol = "/udp"
			}
			first, last := int(aws.ToInt32(m.HostPort)), int(aws.ToInt32(m.HostPort))
			if d.NetworkMode == types.NetworkModeHost {
				first, last = containerPorts(m)
			}
			for p := max(first, 1); p <= min(last, 65535); p++ {
				out = append(out, fleet.Port(strconv.Itoa(p)+protocol))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// containerPorts gives the first and the last port of a mapping, 0 for none.
func containerPorts(m types.PortMapping) (first, last int) {
	if m.ContainerPort != nil {
		return int(*m.ContainerPort), int(*m.ContainerPort)
	}
	from, to, _ := strings.Cut(aws.ToString(m.ContainerPortRange), "-")
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	if errFirst != nil || errLast != nil {
		return 0, 0
	}
	return first, last
}

func wholeNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

// rulesOf gives where ECS may put the tasks of a service.
func rulesOf(s types.Service, d shape) fleet.Rules {
	r := fleet.Rules{Ports: slices.Clone(d.ports), Constraints: slices.Clone(d.constraints)}
	for _, c := range s.PlacementConstraints {
		r.Constraints = append(r.Constraints, fleet.Constraint{Type: string(c.Type), Expression: aws.ToString(c.Expression)})
	}
	for _, p := range s.PlacementStrategy {
		r.Strategies = append(r.Strategies, fleet.Strategy{Type: string(p.Type), Field: aws.ToString(p.Field)})
	}
	return r
}

// rolloutOf gives the percentages of a service that states them; where it states
// one, the other has its default.
func rolloutOf(s types.Service) *fleet.Rollout {
	c := s.DeploymentConfiguration
	if c == nil || c.MinimumHealthyPercent == nil && c.MaximumPercent == nil {
		return nil
	}
	r := fleet.Service{}.Limits()
	if c.MinimumHealthyPercent != nil {
		r.MinimumHealthyPercent = int(*c.MinimumHealthyPercent)
	}
	if c.MaximumPercent != nil {
		r.MaximumPercent = int(*c.MaximumPercent)
	}
	return &r
}
