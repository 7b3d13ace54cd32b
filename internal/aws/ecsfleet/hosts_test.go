package ecsfleet_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// fakeHosts is a cluster with tasks. Like ECS it refuses what is too large,
// empty or asked for twice, and keeps the requests.
type fakeHosts struct {
	*fakeECS
	tasks     []types.Task
	short     bool // lists of the whole cluster lack the last task
	protected map[string]bool
	failures  map[string]types.Failure // of protection and of states, by ARN
	taskErr   error                    // of every call about tasks

	lists     []string // "cluster" or the instance, with the desired status
	describes []int
	asked     []int    // tasks of each call about protection
	states    []string // status and number of each call
}

func (f *fakeHosts) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	where := aws.ToString(in.ContainerInstance)
	if where == "" {
		where = "cluster"
		if in.LaunchType != types.LaunchTypeEc2 {
			return nil, fmt.Errorf("tasks of launch type %q are asked for", in.LaunchType)
		}
	}
	f.lists = append(f.lists, where+" "+string(in.DesiredStatus))
	if err := f.checkList(in.Cluster, in.MaxResults); err != nil {
		return nil, err
	}
	var arns []string
	for _, t := range f.tasks {
		if (where == "cluster" || path.Base(where) == path.Base(aws.ToString(t.ContainerInstanceArn))) && aws.ToString(t.DesiredStatus) == string(in.DesiredStatus) {
			arns = append(arns, aws.ToString(t.TaskArn))
		}
	}
	if where == "cluster" && f.short {
		arns = arns[:len(arns)-1]
	}
	page, next := f.page(arns, in.NextToken)
	return &ecs.ListTasksOutput{TaskArns: page, NextToken: next}, f.taskErr
}

func (f *fakeHosts) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	f.describes = append(f.describes, len(in.Tasks))
	if err := f.check(in.Cluster, in.Tasks, 100); err != nil {
		return nil, err
	}
	out := &ecs.DescribeTasksOutput{}
	for _, t := range slices.Backward(f.tasks) {
		if slices.Contains(in.Tasks, aws.ToString(t.TaskArn)) {
			out.Tasks = append(out.Tasks, t)
		}
	}
	return out, nil
}

func (f *fakeHosts) GetTaskProtection(_ context.Context, in *ecs.GetTaskProtectionInput, _ ...func(*ecs.Options)) (*ecs.GetTaskProtectionOutput, error) {
	f.asked = append(f.asked, len(in.Tasks))
	if err := f.check(in.Cluster, in.Tasks, 100); err != nil {
		return nil, err
	}
	out := &ecs.GetTaskProtectionOutput{}
	for _, arn := range in.Tasks {
		if failed, ok := f.failures[arn]; ok {
			out.Failures = append(out.Failures, failed)
			continue
		}
		out.ProtectedTasks = append(out.ProtectedTasks, types.ProtectedTask{TaskArn: &arn, ProtectionEnabled: f.protected[arn]})
	}
	return out, nil
}

func (f *fakeHosts) UpdateContainerInstancesState(_ context.Context, in *ecs.UpdateContainerInstancesStateInput, _ ...func(*ecs.Options)) (*ecs.UpdateContainerInstancesStateOutput, error) {
	f.states = append(f.states, fmt.Sprintf("%s %d", in.Status, len(in.ContainerInstances)))
	if err := f.check(in.Cluster, in.ContainerInstances, 10); err != nil {
		return nil, err
	}
	out := &ecs.UpdateContainerInstancesStateOutput{}
	for _, arn := range in.ContainerInstances {
		if failed, ok := f.failures[arn]; ok {
			out.Failures = append(out.Failures, failed)
		}
	}
	return out, f.taskErr
}

// crowd is a cluster of hosts with so many tasks of "web" on each, and the hosts.
func crowd(hosts, each int) (*fakeHosts, []fleet.Instance) {
	f := &fakeHosts{fakeECS: withCapacity(serving(on("web")))}
	var is []fleet.Instance
	for h := range hosts {
		i := fleet.Instance{ID: fleet.InstanceID(fmt.Sprintf("i-%03d", h)), ARN: fmt.Sprintf("arn:host/%03d", h), Tasks: each}
		is = append(is, i)
		for n := range each {
			f.tasks = append(f.tasks, taskOn(i.ARN, fmt.Sprintf("arn:task/%03d-%03d", h, n)))
		}
	}
	return f, is
}

// taskOn is a running task of "web".
func taskOn(host, arn string) types.Task {
	return types.Task{
		TaskArn: &arn, ContainerInstanceArn: &host, LastStatus: aws.String("RUNNING"), DesiredStatus: aws.String("RUNNING"),
		Group: aws.String("service:web"), StartedBy: aws.String("ecs-svc/1"), TaskDefinitionArn: aws.String("web:1"),
	}
}

func tasksOf(t *testing.T, f *fakeHosts, is ...fleet.Instance) []fleet.Task {
	t.Helper()
	got, err := ecsfleet.NewHosts(f).Tasks(t.Context(), prod, is)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTasksMapsTheTask(t *testing.T) {
	t.Parallel()
	f, is := crowd(1, 4)
	is[0].Draining = true
	is[0].ARN = "arn:aws:ecs:eu-west-1:1:container-instance/prod/000" // the new form of what the tasks have in the old
	f.definitions["web:1"].NetworkMode = types.NetworkModeHost
	f.definitions["web:1"].ContainerDefinitions = []types.ContainerDefinition{{PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}}}}
	f.tasks[0].StartedAt = aws.Time(time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC))
	f.tasks[1].LastStatus = aws.String("PENDING")
	f.tasks[2].StartedBy = aws.String("nightly") // a group alone makes no service task
	f.tasks[3].DesiredStatus, f.tasks[3].LastStatus = aws.String("STOPPED"), aws.String("STOPPING")
	for i := range f.tasks {
		f.tasks[i].ContainerInstanceArn = aws.String("arn:aws:ecs:eu-west-1:1:container-instance/000")
	}
	gone := taskOn("arn:aws:ecs:eu-west-1:1:container-instance/000", "arn:task/stopped")
	gone.DesiredStatus, gone.LastStatus = aws.String("STOPPED"), aws.String("STOPPED")
	f.tasks = append(f.tasks, gone)
	size, ports := fleet.Resources{CPU: 256, Memory: 512}, []fleet.Port{"80/tcp"}
	want := []fleet.Task{
		{ARN: "arn:task/000-000", Instance: "i-000", Service: "web", Size: size, Ports: ports, Running: true, Started: time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)},
		{ARN: "arn:task/000-001", Instance: "i-000", Service: "web", Size: size, Ports: ports},
		{ARN: "arn:task/000-002", Instance: "i-000", Size: size, Ports: ports, Running: true},
		{ARN: "arn:task/000-003", Instance: "i-000", Service: "web", Size: size, Ports: ports, Leaving: true},
	}
	if diff := cmp.Diff(want, tasksOf(t, f, is...)); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2}, f.asked); diff != "" {
		t.Errorf("protection is asked for of (-want +got):\n%s", diff)
	}
}

func TestTasksAsksTheCheaperWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		hosts, each int
		asked       int
		lists       int
		describes   []int
	}{
		{"one of two", 2, 3, 1, 1, []int{3}},
		{"all of two together", 2, 3, 2, 1, []int{6}},
		{"all of forty together", 40, 10, 40, 4, []int{100, 100, 100, 100}},
		// One page for two hosts, and the list turns out to have four.
		{"two of forty alone", 40, 10, 2, 3, []int{20}},
		{"none", 3, 3, 0, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, is := crowd(c.hosts, c.each)
			if got := tasksOf(t, f, is[:c.asked]...); len(got) != c.asked*c.each {
				t.Errorf("%d tasks, want %d", len(got), c.asked*c.each)
			}
			if len(f.lists) != c.lists {
				t.Errorf("lists are %v, want %d", f.lists, c.lists)
			}
			if diff := cmp.Diff(c.describes, f.describes); diff != "" {
				t.Errorf("tasks described a call (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTasksDoesNotTrustAShortList(t *testing.T) {
	t.Parallel()
	f, is := crowd(3, 1)
	f.short = true
	if got := tasksOf(t, f, is...); len(got) != 3 {
		t.Errorf("%d tasks, want 3", len(got))
	}
	if diff := cmp.Diff([]string{"cluster RUNNING", "arn:host/002 RUNNING"}, f.lists); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}

func TestTasksOfADrainingInstanceShowsWhatStillStops(t *testing.T) {
	t.Parallel()
	f, is := crowd(2, 1)
	for i := range f.tasks {
		f.tasks[i].DesiredStatus = aws.String("STOPPED")
		is[i].Tasks = 0
	}
	is[1].Draining = true
	got := tasksOf(t, f, is...)
	if len(got) != 1 || got[0].Instance != "i-001" || !got[0].Leaving {
		t.Errorf("tasks are %+v, want the one that leaves the draining instance", got)
	}
}

func TestTasksOfDaemons(t *testing.T) {
	t.Parallel()
	f, is := crowd(1, 12)
	for n := range f.tasks {
		name := fmt.Sprintf("s-%02d", n)
		f.tasks[n].Group = aws.String("service:" + name)
		s := running(name)
		s.SchedulingStrategy = types.SchedulingStrategyReplica
		if n == 11 {
			s.SchedulingStrategy = types.SchedulingStrategyDaemon
		}
		f.services[name] = s
	}
	delete(f.services, "s-00")
	for n, task := range tasksOf(t, f, is...) {
		if task.Daemon != (n == 11) {
			t.Errorf("task %s is a daemon's: %v", task.Service, task.Daemon)
		}
	}
	if len(f.described) != 2 || len(f.described[0]) != 10 || f.untagged != 2 {
		t.Errorf("services are described by %v", f.described)
	}
	if diff := cmp.Diff([]int{11}, f.asked); diff != "" {
		t.Errorf("protection is asked for of (-want +got):\n%s", diff)
	}
}

func TestTasksProtection(t *testing.T) {
	t.Parallel()
	f, is := crowd(3, 50)
	f.protected = map[string]bool{"arn:task/001-007": true}
	f.failures = map[string]types.Failure{"arn:task/002-000": {Arn: aws.String("arn:task/002-000"), Reason: aws.String("MISSING")}}
	var guarded []string
	for _, task := range tasksOf(t, f, is...) {
		if task.Guarded {
			guarded = append(guarded, task.ARN)
		}
	}
	if diff := cmp.Diff([]string{"arn:task/001-007", "arn:task/002-000"}, guarded); diff != "" {
		t.Errorf("guarded tasks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{100, 50}, f.asked); diff != "" {
		t.Errorf("tasks asked for a call (-want +got):\n%s", diff)
	}
	f.failures["arn:task/000-000"] = types.Failure{Arn: aws.String("arn:task/000-000"), Reason: aws.String("INTERNAL")}
	if got, err := ecsfleet.NewHosts(f).Tasks(t.Context(), prod, is); err == nil || got != nil || !strings.Contains(err.Error(), "arn:task/000-000") {
		t.Errorf("%d tasks with error %v, want none and the task in it", len(got), err)
	}
}

func TestHostsOfServicesShareTheTaskDefinitions(t *testing.T) {
	t.Parallel()
	f, is := crowd(1, 1)
	s := ecsfleet.New(f)
	if _, err := s.Describe(t.Context(), prod, []fleet.ServiceName{"web"}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Hosts(f).Tasks(t.Context(), prod, is)
	if err != nil || len(got) != 1 {
		t.Fatalf("tasks are %v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"web:1"}, f.definitionsAsked); diff != "" {
		t.Errorf("task definitions asked for (-want +got):\n%s", diff)
	}
}

func TestTaskSizeWithOverrides(t *testing.T) {
	t.Parallel()
	app := func(o types.ContainerOverride) []types.ContainerOverride {
		o.Name = aws.String("app")
		return []types.ContainerOverride{{Name: aws.String("nobody"), Cpu: aws.Int32(9999)}, o}
	}
	for _, c := range []struct {
		name      string
		task      bool // the definition states the size of the task
		overrides *types.TaskOverride
		want      fleet.Resources
	}{
		{"none", false, nil, fleet.Resources{CPU: 110, Memory: 180}},
		{"empty", false, &types.TaskOverride{}, fleet.Resources{CPU: 110, Memory: 180}},
		{"of a container", false, &types.TaskOverride{ContainerOverrides: app(types.ContainerOverride{Cpu: aws.Int32(300), MemoryReservation: aws.Int32(500)})}, fleet.Resources{CPU: 310, Memory: 580}},
		{"of GPUs", false, &types.TaskOverride{ContainerOverrides: app(types.ContainerOverride{
			ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeGpu, Value: aws.String("2")}},
		})}, fleet.Resources{CPU: 110, Memory: 180, GPU: 2}},
		{"of a hard limit under a reservation", false, &types.TaskOverride{ContainerOverrides: app(types.ContainerOverride{Memory: aws.Int32(900)})}, fleet.Resources{CPU: 110, Memory: 180}},
		{"of the task", false, &types.TaskOverride{Cpu: aws.String("64"), Memory: aws.String("128"), ContainerOverrides: app(types.ContainerOverride{Cpu: aws.Int32(300)})}, fleet.Resources{CPU: 64, Memory: 128}},
		{"of a container in a task of fixed size", true, &types.TaskOverride{ContainerOverrides: app(types.ContainerOverride{Cpu: aws.Int32(300)})}, fleet.Resources{CPU: 1024, Memory: 2048}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, is := crowd(1, 1)
			d := &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{
				{Name: aws.String("app"), Cpu: 100, Memory: aws.Int32(200), MemoryReservation: aws.Int32(100)},
				{Name: aws.String("side"), Cpu: 10, Memory: aws.Int32(80)},
			}}
			if c.task {
				d.Cpu, d.Memory = aws.String("1024"), aws.String("2048")
			}
			f.definitions["web:1"] = d
			f.tasks[0].Overrides = c.overrides
			if diff := cmp.Diff(c.want, tasksOf(t, f, is...)[0].Size); diff != "" {
				t.Errorf("size (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTasksErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(*fakeHosts, []fleet.Instance)
		words []string
	}{
		{"a list", func(f *fakeHosts, _ []fleet.Instance) { f.taskErr = context.DeadlineExceeded }, []string{`"prod"`, "list tasks"}},
		{"a definition", func(f *fakeHosts, _ []fleet.Instance) { delete(f.definitions, "web:1") }, []string{"arn:task/000-000", `"web:1"`}},
		{"an override", func(f *fakeHosts, _ []fleet.Instance) {
			f.tasks[0].Overrides = &types.TaskOverride{Cpu: aws.String("all")}
		}, []string{"arn:task/000-000", `"all"`}},
		{"a service", func(f *fakeHosts, _ []fleet.Instance) {
			f.fakeECS.failures = []types.Failure{{Arn: aws.String("web"), Reason: aws.String("INTERNAL")}}
		}, []string{"describe services", "web"}},
		{"an instance without an ARN", func(_ *fakeHosts, is []fleet.Instance) { is[0].ARN = "" }, []string{`"i-000"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, is := crowd(1, 1)
			c.spoil(f, is)
			got, err := ecsfleet.NewHosts(f).Tasks(t.Context(), prod, is)
			if err == nil || got != nil {
				t.Fatalf("tasks are %v, %v; want none and an error", got, err)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %s", err, w)
				}
			}
		})
	}
}

func TestSetDrainingInTens(t *testing.T) {
	t.Parallel()
	f, is := crowd(21, 0)
	f.failures = map[string]types.Failure{"arn:host/003": {Arn: aws.String("arn:host/003"), Reason: aws.String("MISSING")}}
	h := ecsfleet.NewHosts(f)
	if err := h.SetDraining(t.Context(), prod, append(is, is[0]), true); err != nil {
		t.Fatal(err)
	}
	if err := h.SetDraining(t.Context(), prod, is[:1], false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"DRAINING 10", "DRAINING 10", "DRAINING 1", "ACTIVE 1"}, f.states); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestSetDrainingNamesWhatStays(t *testing.T) {
	t.Parallel()
	f, is := crowd(12, 0)
	f.failures = map[string]types.Failure{
		"arn:host/001": {Arn: aws.String("arn:host/001"), Reason: aws.String("INACTIVE")},
		"arn:host/011": {Arn: aws.String("arn:host/011"), Reason: aws.String("INTERNAL"), Detail: aws.String("try again")},
	}
	err := ecsfleet.NewHosts(f).SetDraining(t.Context(), prod, is, true)
	for _, w := range []string{`"prod"`, "i-001", "INACTIVE", "i-011", "INTERNAL try again"} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error is %v, want %s in it", err, w)
		}
	}
}

func TestSetDrainingErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	f, is := crowd(1, 0)
	f.taskErr = context.DeadlineExceeded
	if err := ecsfleet.NewHosts(f).SetDraining(t.Context(), prod, is, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want the deadline", err)
	}
	if err := ecsfleet.NewHosts(f).SetDraining(t.Context(), prod, []fleet.Instance{{ID: "i-9"}}, true); err == nil || !strings.Contains(err.Error(), `"i-9"`) {
		t.Errorf("error is %v, want the instance that has no ARN", err)
	}
}
