package cli

import (
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// partners are the other groups that an input may show, by their place in it.
func partners(in policy.Input) []struct {
	at string
	p  *policy.Partner
} {
	return []struct {
		at string
		p  *policy.Partner
	}{{"input.fallback", in.Fallback}, {"input.primary", in.Primary}}
}

// pair checks what is said of the other group of a pair.
func (f *faults) pair(in policy.Input) {
	if in.Fallback != nil && in.Primary != nil {
		f.add("input.fallback and input.primary are both there: a fallback has no fallback, keep one")
	}
	for _, x := range partners(in) {
		switch {
		case x.p == nil:
			continue
		case in.Cell.Group == "":
			f.add("%s belongs to a cell of a group: name it in input.cell.group, or leave it out", x.at)
		case x.p.Group == nil:
			f.add("%s.group is missing: give the Auto Scaling group, or leave %s out", x.at, x.at)
		case x.p.Group.Name == in.Cell.Group:
			f.add("%s.group.name is the cell's group, %q: name the other one", x.at, in.Cell.Group)
		}
		f.fleet(x.at, fleet.Snapshot{Services: x.p.Services})
		seen := map[fleet.InstanceID]bool{}
		for i, v := range x.p.Instances {
			onceOf(f, fmt.Sprintf("%s.instances[%d].id", x.at, i), v.ID, seen)
		}
		for i, t := range x.p.Tasks {
			if !seen[t.Instance] {
				f.add("%s.tasks[%d].instance %q is none of %s.instances: add it there, or leave the task out", x.at, i, t.Instance, x.at)
			}
		}
		if len(x.p.Tasks) > 0 && !in.Fleet.TasksRead {
			f.add("%s.tasks are there and input.fleet.tasksRead is not: set it, or they count for nothing", x.at)
		}
	}
}

// pairSizes checks the counts of the other group, and gives its tasks.
func (f *faults) pairSizes(in policy.Input) (tasks int) {
	for _, x := range partners(in) {
		if x.p == nil {
			continue
		}
		tasks += f.counts(x.at, fleet.Snapshot{Services: x.p.Services, Instances: x.p.Instances, Tasks: x.p.Tasks, Group: x.p.Group})
		for _, s := range x.p.Services {
			n := x.p.Ordered[s.Name]
			f.count(fmt.Sprintf("%s.ordered of %s", x.at, s.Name), n, maxCellTasks)
			tasks += min(max(n, 0), maxCellTasks)
		}
		f.count("the number of "+x.at+".drains", len(x.p.Drains), maxCellInstances)
		f.count("the number of "+x.at+".doomed", len(x.p.Doomed), maxCellInstances)
	}
	return tasks
}
