package local_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestCheckShape(t *testing.T) {
	t.Parallel()
	const set = "Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName=g&DesiredCapacity=3&HonorCooldown=false"
	eleven := `{"cluster":"c","status":"DRAINING","containerInstances":["` + strings.Repeat(`a","`, 10) + `a"]}`
	for _, c := range []struct{ op, body, want string }{
		{"SetDesiredCapacity", set, ""},
		{"SetDesiredCapacity", set + "&Force=true", "SetDesiredCapacityInput has no Force"},
		{"SetDesiredCapacity", strings.Replace(set, "=3", "=three", 1), "DesiredCapacity"},
		{"SetDesiredCapacity", strings.Replace(set, "=false", "=no", 1), "HonorCooldown"},
		{"SetDesiredCapacity", strings.Replace(set, "2011", "2012", 1), "Version"},
		{"DescribeScalingActivities", "Action=DescribeScalingActivities&Version=2011-01-01&Filters.member.1.Name=Status&Filters.member.1.Values.member.1=Failed", ""},
		{"DescribeScalingActivities", "Action=DescribeScalingActivities&Version=2011-01-01&Filters.member.0.Name=Status", `"0" is no place in a list`},
		{"DescribeScalingActivities", "Action=DescribeScalingActivities&Version=2011-01-01&Filters=Status", "Filters"},
		{"UpdateContainerInstancesState", `{"cluster":"c","containerInstances":["a"],"status":"DRAINING"}`, ""},
		{"UpdateContainerInstancesState", `{"cluster":"c","containerInstances":["a"],"state":"DRAINING"}`, "state"},
		{"UpdateContainerInstancesState", `{"cluster":"c","containerInstances":"a"}`, "ContainerInstances of type"},
		{"UpdateContainerInstancesState", eleven, "has 11 values: at most 10"},
		{"DeleteCluster", `{}`, "no function of Trimtab makes this request"},
	} {
		err := local.CheckShape(c.op, c.body)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.op, c.body, err, c.want)
		}
	}
}

// cell is a bed whose worker runs on three instances, of which its tasks of a quarter of one need the first.
type cell struct {
	*local.Bed
	groups *autoscaling.Client
	ecs    *ecs.Client
}

func newCell(t *testing.T) cell {
	t.Helper()
	bed := localtest.Bed(t, local.BedOptions{Services: []local.ServiceSeed{}, EC2: &local.EC2Seed{
		Group:    local.GroupSeed{Name: "workers", MinSize: 1, DesiredCapacity: 3},
		Services: []local.ServiceSeed{{Name: "worker", DesiredCount: 3, CPU: 1024, Memory: 512}},
	}})
	e := bed.Endpoints()
	return cell{Bed: bed, groups: autoscaling.NewFromConfig(e.Config(e.AWS)), ecs: ecs.NewFromConfig(e.Config(e.AWS))}
}

// want checks the group's desired capacity and, for each of the cluster's instances, its status in ECS, its state in its
// group and its tasks.
func (c cell) want(t *testing.T, desired int32, want ...string) (ids, arns []string) {
	t.Helper()
	group, err := c.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"workers"}})
	if err != nil || len(group.AutoScalingGroups) != 1 {
		t.Fatalf("groups %+v, %v", group, err)
	}
	states := map[string]string{}
	for _, i := range group.AutoScalingGroups[0].Instances {
		states[*i.InstanceId] = string(i.LifecycleState)
	}
	list, err := c.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: aws.String("prod")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{Cluster: aws.String("prod"), ContainerInstances: list.ContainerInstanceArns})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, i := range out.ContainerInstances {
		got[fmt.Sprintf("%s %s %d", *i.Status, states[*i.Ec2InstanceId], i.RunningTasksCount)]++
		if i.RunningTasksCount > 0 {
			ids, arns = append(ids, *i.Ec2InstanceId), append(arns, *i.ContainerInstanceArn)
		}
	}
	wanted := map[string]int{}
	for _, w := range want {
		wanted[w]++
	}
	if diff := cmp.Diff(wanted, got); diff != "" || *group.AutoScalingGroups[0].DesiredCapacity != desired {
		t.Errorf("desired capacity %d, want %d; instances (-want +got):\n%s", *group.AutoScalingGroups[0].DesiredCapacity, desired, diff)
	}
	return ids, arns
}

// code gives the code of an answer that is a refusal.
func code(t *testing.T, err error) string {
	t.Helper()
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Fatalf("error %v, want a refusal", err)
	}
	return answer.ErrorCode()
}

// Tasks are where the scheduler would have them, before and after each order.
func TestStandinMovesTasks(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	const active, empty = "ACTIVE InService 3", "ACTIVE InService 0"
	_, arns := c.want(t, 3, active, empty, empty)
	drain := func(status ecstypes.ContainerInstanceStatus) {
		t.Helper()
		if _, err := c.ecs.UpdateContainerInstancesState(t.Context(), &ecs.UpdateContainerInstancesStateInput{
			Cluster: aws.String("prod"), ContainerInstances: arns, Status: status,
		}); err != nil {
			t.Fatal(err)
		}
	}
	c.Standin.Hold(true)
	drain(ecstypes.ContainerInstanceStatusDraining)
	c.want(t, 3, "DRAINING InService 3", empty, empty)
	c.Standin.Hold(false)
	if err := c.Standin.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(t, 3, "DRAINING InService 0", active, empty)
	drain(ecstypes.ContainerInstanceStatusActive)
	if _, err := c.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("worker"), DesiredCount: aws.Int32(14)}); err != nil {
		t.Fatal(err)
	}
	const full = "ACTIVE InService 4"
	c.want(t, 3, full, full, full) // two tasks wait
	if _, err := c.groups.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("workers"), DesiredCapacity: aws.Int32(4)}); err != nil {
		t.Fatal(err)
	}
	c.want(t, 4, full, full, full, "ACTIVE InService 2")
	if _, err := c.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("worker"), DesiredCount: aws.Int32(4)}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), DesiredStatus: ecstypes.DesiredStatusRunning})
	if err != nil || len(out.TaskArns) != 4 {
		t.Errorf("%d tasks run, %v; want 4", len(out.TaskArns), err)
	}
	c.Standin.Protect(out.TaskArns[0], true)
	kept, err := c.ecs.GetTaskProtection(t.Context(), &ecs.GetTaskProtectionInput{Cluster: aws.String("prod"), Tasks: out.TaskArns})
	if err != nil || len(kept.ProtectedTasks) != 4 || !kept.ProtectedTasks[0].ProtectionEnabled || kept.ProtectedTasks[1].ProtectionEnabled {
		t.Errorf("protection %+v, %v; want that of the first task alone", kept, err)
	}
}

// Instances leave as Auto Scaling lets them: all or none, not below the least size, and not past a hook.
func TestStandinEndsInstances(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	const active, empty = "ACTIVE InService 3", "ACTIVE InService 0"
	busy, _ := c.want(t, 3, active, empty, empty)
	group, err := c.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range group.AutoScalingGroups[0].Instances {
		if *i.InstanceId != busy[0] {
			ids = append(ids, *i.InstanceId)
		}
	}
	terminate := func(ids ...string) error {
		_, err := c.groups.TerminateInstanceInAutoScalingGroup(t.Context(), &autoscaling.TerminateInstanceInAutoScalingGroupInput{
			AutoScalingGroupName: aws.String("workers"), InstanceIds: ids, ShouldDecrementDesiredCapacity: aws.Bool(true),
		})
		return err
	}
	if got := code(t, terminate(append(ids, busy...)...)); got != "ValidationError" {
		t.Errorf("three of three with a least size of 1: %s", got)
	}
	if got := code(t, terminate(ids[0], "i-0123456789abcdef0")); got != "ValidationError" {
		t.Errorf("one that is not there: %s", got)
	}
	c.want(t, 3, active, empty, empty)
	if err := terminate(ids[0]); err != nil {
		t.Fatal(err)
	}
	c.want(t, 2, active, empty)

	if _, err := c.groups.PutLifecycleHook(t.Context(), &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String("workers"), LifecycleHookName: aws.String("trimtab-drain"),
		LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_TERMINATING"), HeartbeatTimeout: aws.Int32(600),
	}); err != nil {
		t.Fatal(err)
	}
	w, err := c.Standin.Leave(t.Context(), busy[0])
	if err != nil || w.Hook != "trimtab-drain" || w.Token == "" || w.Group != "workers" {
		t.Fatalf("wait %+v, %v", w, err)
	}
	c.want(t, 1, "ACTIVE Terminating:Wait 3", empty)
	if _, err := c.groups.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("workers"), DesiredCapacity: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	c.want(t, 2, "ACTIVE Terminating:Wait 3", empty, empty)
	complete := func(token string) error {
		_, err := c.groups.CompleteLifecycleAction(t.Context(), &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: aws.String("workers"), LifecycleHookName: &w.Hook, InstanceId: &busy[0], LifecycleActionToken: &token,
			LifecycleActionResult: aws.String("CONTINUE"),
		})
		return err
	}
	if got := code(t, complete("another")); got != "ValidationError" {
		t.Errorf("another token: %s", got)
	}
	if _, err := c.groups.RecordLifecycleActionHeartbeat(t.Context(), &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: aws.String("workers"), LifecycleHookName: &w.Hook, InstanceId: &busy[0], LifecycleActionToken: &w.Token,
	}); err != nil {
		t.Fatal(err)
	}
	if now, waits := c.Standin.Waiting(busy[0]); now.Beats != 1 || !waits {
		t.Errorf("wait %+v, waits: %t", now, waits)
	}
	if err := complete(w.Token); err != nil {
		t.Fatal(err)
	}
	c.want(t, 2, active, empty)

	c.Standin.Refresh("workers", "InProgress")
	out, err := c.groups.DescribeInstanceRefreshes(t.Context(), &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: aws.String("workers")})
	if err != nil || len(out.InstanceRefreshes) != 1 || out.InstanceRefreshes[0].Status != "InProgress" {
		t.Errorf("refreshes %+v, %v", out, err)
	}
}
