package ecsfleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// What ECS allows in one call.
const (
	tasksPerCall  = 100
	statesPerCall = 10
)

// Statuses of a task; ECS has no type for the last status.
const (
	taskRunning = "RUNNING"
	taskStopped = "STOPPED"
	taskDeleted = "DELETED"
)

// taskAPI is what Hosts needs of *ecs.Client to observe tasks.
type taskAPI interface {
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	GetTaskProtection(context.Context, *ecs.GetTaskProtectionInput, ...func(*ecs.Options)) (*ecs.GetTaskProtectionOutput, error)
}

// hostAPI is what Hosts needs of *ecs.Client besides.
type hostAPI interface {
	taskAPI
	definitionAPI
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	UpdateContainerInstancesState(context.Context, *ecs.UpdateContainerInstancesStateInput, ...func(*ecs.Options)) (*ecs.UpdateContainerInstancesStateOutput, error)
}

// Hosts observes the tasks on container instances and drains these. It is safe
// for concurrent use.
type Hosts struct {
	client      hostAPI
	definitions *definitions
}

// NewHosts makes Hosts over the client of ECS.
func NewHosts(client hostAPI) *Hosts {
	return &Hosts{client: client, definitions: newDefinitions(client)}
}

// Hosts makes Hosts that share what Services knows of task definitions.
func (s *Services) Hosts(client hostAPI) *Hosts {
	return &Hosts{client: client, definitions: s.definitions}
}

// Tasks gives the tasks on the instances one by one, sorted by ARN. A task that
// was told to stop and has not yet is given where its instance drains: until it
// has, the instance is not empty. Elsewhere nobody asks for it, and its share of
// the instance is not free either.
//
// A service task whose protection ECS cannot tell is taken for protected: it has
// most likely ended, and the next look shows.
func (h *Hosts) Tasks(ctx context.Context, c fleet.ClusterName, on []fleet.Instance) ([]fleet.Task, error) {
	hosts, err := hostsOf(on)
	if err != nil {
		return nil, fmt.Errorf("read tasks of cluster %q: %w", c, err)
	}
	found, err := h.find(ctx, c, hosts)
	if err != nil {
		return nil, err
	}
	out := make([]fleet.Task, 0, len(found))
	for _, t := range found {
		v, err := h.taskOf(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("read task %s of cluster %q: %w", aws.ToString(t.TaskArn), c, err)
		}
		v.Instance = hosts[lastSegment(aws.ToString(t.ContainerInstanceArn))].ID
		out = append(out, v)
	}
	if err := h.markDaemons(ctx, c, out); err != nil {
		return nil, fmt.Errorf("describe services of cluster %q: %w", c, err)
	}
	if err := h.markGuarded(ctx, c, out); err != nil {
		return nil, fmt.Errorf("get protection of tasks of cluster %q: %w", c, err)
	}
	slices.SortFunc(out, func(a, b fleet.Task) int { return cmp.Compare(a.ARN, b.ARN) })
	return out, nil
}

// SetDraining orders DRAINING, or ACTIVE, ten instances a call. A refused ten
// does not keep the others from theirs.
func (h *Hosts) SetDraining(ctx context.Context, c fleet.ClusterName, is []fleet.Instance, draining bool) error {
	status := types.ContainerInstanceStatusActive
	if draining {
		status = types.ContainerInstanceStatusDraining
	}
	hosts, err := hostsOf(is)
	if err != nil {
		return fmt.Errorf("set container instances of cluster %q to %s: %w", c, status, err)
	}
	var errs []error
	for batch := range slices.Chunk(arnsOf(hosts), statesPerCall) {
		out, err := h.client.UpdateContainerInstancesState(ctx, &ecs.UpdateContainerInstancesStateInput{
			Cluster: aws.String(string(c)), ContainerInstances: batch, Status: status,
		})
		if err == nil {
			err = unchanged(out.Failures, hosts)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("set %d container instances of cluster %q to %s: %w", len(batch), c, status, err))
		}
	}
	return errors.Join(errs...)
}

// unchanged gives an error that names each instance ECS did not change. One that
// it does not know is gone, which is no error.
func unchanged(failures []types.Failure, hosts map[string]fleet.Instance) error {
	var errs []error
	for _, f := range failures {
		if reason := aws.ToString(f.Reason); reason != missing {
			arn := aws.ToString(f.Arn)
			errs = append(errs, fmt.Errorf("instance %s (%s) stays as it is: %s %s", hosts[lastSegment(arn)].ID, arn, reason, aws.ToString(f.Detail)))
		}
	}
	return errors.Join(errs...)
}

// hostsOf gives the instances by the last part of their ARNs, which have an old
// and a new form.
func hostsOf(is []fleet.Instance) (map[string]fleet.Instance, error) {
	out := make(map[string]fleet.Instance, len(is))
	for _, i := range is {
		if i.ARN == "" {
			return nil, fmt.Errorf("instance %q comes without the ARN of its container instance", i.ID)
		}
		out[lastSegment(i.ARN)] = i
	}
	return out, nil
}

// arnsOf gives the ARNs of the instances, sorted.
func arnsOf(hosts map[string]fleet.Instance) []string {
	out := make([]string, 0, len(hosts))
	for _, i := range hosts {
		out = append(out, i.ARN)
	}
	slices.Sort(out)
	return out
}

// taskOf puts a task in the words of the core. Its size is that of its task
// definition with its overrides, as for the service, so that a task is not packed
// by another size than it was counted by.
func (h *Hosts) taskOf(ctx context.Context, t types.Task) (fleet.Task, error) {
	s, err := h.definitions.shape(ctx, aws.ToString(t.TaskDefinitionArn))
	if err != nil {
		return fleet.Task{}, err
	}
	size, err := s.sized(t.Overrides)
	if err != nil {
		return fleet.Task{}, err
	}
	out := fleet.Task{
		ARN:     aws.ToString(t.TaskArn),
		Service: serviceOf(t),
		Size:    size,
		Ports:   slices.Clone(s.ports),
		Running: aws.ToString(t.LastStatus) == taskRunning,
		Leaving: aws.ToString(t.DesiredStatus) == taskStopped,
	}
	if t.StartedAt != nil {
		out.Started = t.StartedAt.UTC()
	}
	return out, nil
}

// serviceOf gives the service whose scheduler started the task. A group alone
// does not tell: whoever calls RunTask chooses it.
func serviceOf(t types.Task) fleet.ServiceName {
	name, ok := strings.CutPrefix(aws.ToString(t.Group), "service:")
	if !ok || !strings.HasPrefix(aws.ToString(t.StartedBy), "ecs-svc/") {
		return ""
	}
	return fleet.ServiceName(name)
}

// markDaemons marks the tasks of daemon services. A service that ECS no longer
// knows is none: its tasks are not replaced either way.
func (h *Hosts) markDaemons(ctx context.Context, c fleet.ClusterName, tasks []fleet.Task) error {
	var names []string
	for _, t := range tasks {
		if t.Service != "" {
			names = append(names, string(t.Service))
		}
	}
	slices.Sort(names)
	daemons := make(map[fleet.ServiceName]bool)
	for batch := range slices.Chunk(slices.Compact(names), servicesPerCall) {
		out, err := h.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(string(c)), Services: batch})
		if err != nil {
			return err
		}
		if err := failuresOf(out.Failures); err != nil {
			return err
		}
		for _, s := range out.Services {
			daemons[fleet.ServiceName(aws.ToString(s.ServiceName))] = s.SchedulingStrategy == types.SchedulingStrategyDaemon
		}
	}
	for i := range tasks {
		tasks[i].Daemon = daemons[tasks[i].Service]
	}
	return nil
}

// markGuarded marks the tasks that task scale-in protection keeps. ECS answers
// for service tasks alone; those of daemons stay with their instance anyway.
func (h *Hosts) markGuarded(ctx context.Context, c fleet.ClusterName, tasks []fleet.Task) error {
	var asked []string
	for _, t := range tasks {
		if t.Service != "" && !t.Daemon && !t.Leaving {
			asked = append(asked, t.ARN)
		}
	}
	guarded := make(map[string]bool)
	for batch := range slices.Chunk(asked, tasksPerCall) {
		out, err := h.client.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: aws.String(string(c)), Tasks: batch})
		if err != nil {
			return err
		}
		if err := failuresOf(out.Failures); err != nil {
			return err
		}
		for _, f := range out.Failures {
			guarded[lastSegment(aws.ToString(f.Arn))] = true
		}
		for _, p := range out.ProtectedTasks {
			guarded[lastSegment(aws.ToString(p.TaskArn))] = p.ProtectionEnabled
		}
	}
	for i := range tasks {
		tasks[i].Guarded = guarded[lastSegment(tasks[i].ARN)]
	}
	return nil
}
