package ecsfleet

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// find gives the tasks on the hosts that have not stopped.
func (h *Hosts) find(ctx context.Context, c fleet.ClusterName, hosts map[string]fleet.Instance) ([]types.Task, error) {
	found, alone, err := h.findTogether(ctx, c, hosts)
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, arn := range alone {
		listed, err := h.list(ctx, &ecs.ListTasksInput{Cluster: aws.String(string(c)), ContainerInstance: aws.String(arn), DesiredStatus: types.DesiredStatusRunning})
		if err != nil {
			return nil, err
		}
		arns = append(arns, listed...)
	}
	for _, arn := range arnsOf(hosts) {
		if !hosts[lastSegment(arn)].Draining {
			continue
		}
		listed, err := h.list(ctx, &ecs.ListTasksInput{Cluster: aws.String(string(c)), ContainerInstance: aws.String(arn), DesiredStatus: types.DesiredStatusStopped})
		if err != nil {
			return nil, err
		}
		arns = append(arns, listed...)
	}
	more, err := h.describe(ctx, c, arns, hosts)
	if err != nil {
		return nil, err
	}
	maps.Copy(found, more)
	out := make([]types.Task, 0, len(found))
	for _, arn := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[arn])
	}
	return out, nil
}

// findTogether reads the tasks of all of the cluster's instances where that costs
// no more calls than one host after the other, and gives the hosts that are still
// to be asked for alone: all of them where it costs more, and each on which fewer
// tasks were found than ECS counts there, since an instance must not be taken for
// empty because a list was short.
func (h *Hosts) findTogether(ctx context.Context, c fleet.ClusterName, hosts map[string]fleet.Instance) (map[string]types.Task, []string, error) {
	alone := arnsOf(hosts)
	calls := 0
	for _, i := range hosts {
		calls += max((i.Tasks+tasksPerCall-1)/tasksPerCall, 1)
	}
	in := &ecs.ListTasksInput{Cluster: aws.String(string(c)), LaunchType: types.LaunchTypeEc2, DesiredStatus: types.DesiredStatusRunning}
	// Each page of the list is described too.
	arns, whole, err := h.listAtMost(ctx, in, calls/2)
	if err != nil || !whole {
		return map[string]types.Task{}, alone, err
	}
	found, err := h.describe(ctx, c, arns, hosts)
	if err != nil {
		return nil, nil, err
	}
	counted := make(map[string]int, len(hosts))
	for _, t := range found {
		counted[lastSegment(aws.ToString(t.ContainerInstanceArn))]++
	}
	alone = slices.DeleteFunc(alone, func(arn string) bool {
		id := lastSegment(arn)
		return counted[id] >= hosts[id].Tasks
	})
	return found, alone, nil
}

// list gives the ARNs of all tasks that a request asks for.
func (h *Hosts) list(ctx context.Context, in *ecs.ListTasksInput) ([]string, error) {
	arns, _, err := h.listAtMost(ctx, in, -1)
	return arns, err
}

// listAtMost gives the ARNs of so many pages, of all below zero; whole tells
// whether there are no more.
func (h *Hosts) listAtMost(ctx context.Context, in *ecs.ListTasksInput, most int) (arns []string, whole bool, err error) {
	in.MaxResults = aws.Int32(tasksPerCall)
	pages := ecs.NewListTasksPaginator(h.client, in)
	for pages.HasMorePages() {
		if most == 0 {
			return nil, false, nil
		}
		most--
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("list tasks of cluster %q: %w", aws.ToString(in.Cluster), err)
		}
		arns = append(arns, page.TaskArns...)
	}
	return arns, true, nil
}

// describe gives the tasks among these that are on the hosts and have not
// stopped, by their ARN. One that ECS does not know any more has ended.
func (h *Hosts) describe(ctx context.Context, c fleet.ClusterName, arns []string, hosts map[string]fleet.Instance) (map[string]types.Task, error) {
	slices.Sort(arns)
	found := make(map[string]types.Task)
	for batch := range slices.Chunk(slices.Compact(arns), tasksPerCall) {
		out, err := h.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(string(c)), Tasks: batch})
		if err == nil {
			err = failuresOf(out.Failures)
		}
		if err != nil {
			return nil, fmt.Errorf("describe tasks of cluster %q: %w", c, err)
		}
		for _, t := range out.Tasks {
			last := aws.ToString(t.LastStatus)
			if _, ok := hosts[lastSegment(aws.ToString(t.ContainerInstanceArn))]; ok && last != taskStopped && last != taskDeleted {
				found[aws.ToString(t.TaskArn)] = t
			}
		}
	}
	return found, nil
}
