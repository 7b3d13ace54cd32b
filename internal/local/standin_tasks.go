package local

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// tasks does what moto leaves undone on the instances of an EC2Seed, at once after each order: a new instance registers in
// the cluster and one that has ended is there no more; a service has as many tasks as it wants, as far as they fit, and those
// of a draining instance are replaced on another before they stop. It packs as the placement strategy binpack on CPU does.
type tasks struct {
	one   sync.Mutex // a settlement at a time
	cells []EC2Seed
	held  bool
}

// Hold keeps the tasks where they are, as a task does that takes long to stop; false lets them go, at the next order or
// Settle.
func (s *Standin) Hold(on bool) {
	s.tasks.one.Lock()
	defer s.tasks.one.Unlock()
	s.tasks.held = on
}

// follow settles after the orders that move instances or tasks.
func (s *Standin) follow(ctx context.Context, op string) error {
	switch op {
	case "SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup", "CompleteLifecycleAction", "UpdateService", "UpdateContainerInstancesState":
		return s.Settle(ctx)
	}
	return nil
}

// Settle does what the agents and the scheduler would do by now. Every order that passes the stand-in settles by itself.
func (s *Standin) Settle(ctx context.Context) error {
	s.tasks.one.Lock()
	defer s.tasks.one.Unlock()
	for _, c := range s.tasks.cells {
		if err := s.join(ctx, c); err != nil {
			return fmt.Errorf("settle cluster %s: %w", c.Cluster, err)
		}
		if s.tasks.held {
			continue
		}
		for _, service := range c.Services {
			if err := s.schedule(ctx, c.Cluster, service); err != nil {
				return fmt.Errorf("settle service %s/%s: %w", c.Cluster, service.Name, err)
			}
		}
	}
	return nil
}

// attend adds a cell and settles it.
func (s *Standin) attend(ctx context.Context, c EC2Seed) error {
	s.tasks.one.Lock()
	s.tasks.cells = append(s.tasks.cells, c)
	s.tasks.one.Unlock()
	return s.Settle(ctx)
}

// join registers the instances of the group in the cluster, and removes those that it has no more.
func (s *Standin) join(ctx context.Context, c EC2Seed) error {
	out, err := s.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{c.Group.Name}})
	if err != nil || len(out.AutoScalingGroups) != 1 {
		return fmt.Errorf("describe group %s in moto: %v, %w", c.Group.Name, out, err)
	}
	hosts, err := s.hosts(ctx, c.Cluster)
	if err != nil {
		return err
	}
	strays := map[string]host{}
	for _, h := range hosts {
		strays[h.instance] = h
	}
	seed := seeder{endpoints: Endpoints{Region: s.region}, ecs: s.ecs}
	for _, i := range out.AutoScalingGroups[0].Instances {
		id := aws.ToString(i.InstanceId)
		if _, there := strays[id]; !there {
			if err := seed.register(ctx, c.Cluster, id); err != nil {
				return err
			}
		}
		delete(strays, id)
	}
	for _, h := range strays {
		if err := s.leaveCluster(ctx, c.Cluster, h); err != nil {
			return err
		}
	}
	return nil
}

// leaveCluster stops what runs on an instance that has ended, and deregisters it.
func (s *Standin) leaveCluster(ctx context.Context, cluster string, h host) error {
	on, err := s.running(ctx, cluster, "")
	if err != nil {
		return err
	}
	for _, t := range on {
		if t.host == h.arn {
			if err := s.stop(ctx, cluster, t); err != nil {
				return err
			}
		}
	}
	if _, err := s.ecs.DeregisterContainerInstance(ctx, &ecs.DeregisterContainerInstanceInput{
		Cluster: &cluster, ContainerInstance: &h.arn, Force: aws.Bool(true),
	}); err != nil {
		return fmt.Errorf("deregister %s: %w", h.instance, err)
	}
	return nil
}

// host is a container instance and what is free on it; task is one that runs.
type (
	host struct {
		arn, instance string
		active        bool
		cpu, memory   int32
	}
	task struct{ arn, host string }
)

func (s *Standin) hosts(ctx context.Context, cluster string) ([]host, error) {
	list, err := s.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: &cluster})
	if err != nil {
		return nil, fmt.Errorf("list container instances: %w", err)
	}
	var out []host
	for batch := range slices.Chunk(list.ContainerInstanceArns, 100) {
		described, err := s.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: &cluster, ContainerInstances: batch})
		if err != nil {
			return nil, fmt.Errorf("describe container instances: %w", err)
		}
		for _, i := range described.ContainerInstances {
			h := host{arn: aws.ToString(i.ContainerInstanceArn), instance: aws.ToString(i.Ec2InstanceId), active: aws.ToString(i.Status) == "ACTIVE"}
			for _, r := range i.RemainingResources {
				switch aws.ToString(r.Name) {
				case "CPU":
					h.cpu = r.IntegerValue
				case "MEMORY":
					h.memory = r.IntegerValue
				}
			}
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b host) int { return strings.Compare(a.instance, b.instance) })
	return out, nil
}

// running gives the tasks of a service, or all with "", in the order of their ARNs.
func (s *Standin) running(ctx context.Context, cluster, service string) ([]task, error) {
	list, err := s.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, DesiredStatus: ecstypes.DesiredStatusRunning})
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	var out []task
	for batch := range slices.Chunk(list.TaskArns, 100) {
		described, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: batch})
		if err != nil {
			return nil, fmt.Errorf("describe tasks: %w", err)
		}
		for _, t := range described.Tasks {
			if service == "" || aws.ToString(t.Group) == "service:"+service {
				out = append(out, task{arn: aws.ToString(t.TaskArn), host: aws.ToString(t.ContainerInstanceArn)})
			}
		}
	}
	slices.SortFunc(out, func(a, b task) int { return strings.Compare(a.arn, b.arn) })
	return out, nil
}

// schedule starts and stops tasks of a service until it has those it wants, on instances that are ACTIVE.
func (s *Standin) schedule(ctx context.Context, cluster string, service ServiceSeed) error {
	out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service.Name}})
	if err != nil || len(out.Services) != 1 {
		return fmt.Errorf("describe the service in moto: %v, %w", out, err)
	}
	service = service.withDefaults()
	on, err := s.running(ctx, cluster, service.Name)
	if err != nil {
		return err
	}
	hosts, err := s.hosts(ctx, cluster)
	if err != nil {
		return err
	}
	want := int(out.Services[0].DesiredCount)
	stay, move := apart(on, hosts)
	for len(stay) < want {
		h, found := tightest(hosts, service)
		if !found {
			break // the tasks that are to move stay where they are, and others wait
		}
		if err := s.start(ctx, cluster, service, h.arn); err != nil {
			return err
		}
		h.cpu, h.memory = h.cpu-service.CPU, h.memory-service.Memory
		stay = append(stay, task{host: h.arn})
	}
	// Those that are to move go before the others, and of these the ones on the emptiest instance.
	extra := slices.Concat(move, stay)
	for ; len(extra) > want; extra = extra[1:] {
		if err := s.stop(ctx, cluster, extra[0]); err != nil {
			return err
		}
	}
	return nil
}

// apart tells the tasks on ACTIVE instances, those on the emptiest first, from those that are to move.
func apart(on []task, hosts []host) (stay, move []task) {
	free := map[string]int32{}
	for _, h := range hosts {
		if h.active {
			free[h.arn] = h.cpu
		}
	}
	for _, t := range on {
		if _, ok := free[t.host]; ok {
			stay = append(stay, t)
		} else {
			move = append(move, t)
		}
	}
	slices.SortStableFunc(stay, func(a, b task) int { return cmp.Compare(free[b.host], free[a.host]) })
	return stay, move
}

// tightest is the ACTIVE instance with the least free CPU on which a task fits.
func tightest(hosts []host, service ServiceSeed) (found *host, ok bool) {
	for i := range hosts {
		h := &hosts[i]
		if h.active && h.cpu >= service.CPU && h.memory >= service.Memory && (found == nil || h.cpu < found.cpu) {
			found = h
		}
	}
	return found, found != nil
}

func (s *Standin) start(ctx context.Context, cluster string, service ServiceSeed, host string) error {
	if _, err := s.ecs.StartTask(ctx, &ecs.StartTaskInput{
		Cluster: &cluster, TaskDefinition: aws.String(service.family(cluster)), ContainerInstances: []string{host},
		Group: aws.String("service:" + service.Name), StartedBy: aws.String("ecs-svc/1"),
	}); err != nil {
		return fmt.Errorf("start a task: %w", err)
	}
	return nil
}

func (s *Standin) stop(ctx context.Context, cluster string, t task) error {
	if _, err := s.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: &t.arn, Reason: aws.String("the scheduler's")}); err != nil {
		return fmt.Errorf("stop task %s: %w", t.arn, err)
	}
	return nil
}
