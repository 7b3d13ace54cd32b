package cli

import (
	"fmt"
	"math"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// The words of a drain, and of what constrains a task's place.
var (
	drainStates = []drain.State{
		drain.Candidate, drain.Draining, drain.Terminating, drain.Undoing, drain.Terminated, drain.Undone, drain.Gone,
	}
	drainCauses = []drain.Cause{drain.Empty, drain.Consolidation, drain.Manual, drain.Spot, drain.Rebalance, drain.Lifecycle}
	timeouts    = []string{spec.DrainUndo, spec.DrainTerminate}
	standalone  = []string{spec.StandaloneWait, spec.StandaloneLeave}
	constraints = []string{fleet.DistinctInstance, fleet.MemberOf}
	strategies  = []string{fleet.Spread, fleet.Binpack, fleet.Random}
)

// removals checks what is said of instances on their way out, and of the tasks on
// them: who belongs to no instance of the input would be passed over.
func (f *faults) removals(in policy.Input) {
	instances := map[fleet.InstanceID]bool{}
	for i, v := range in.Fleet.Instances {
		at := fmt.Sprintf("input.fleet.instances[%d].id", i)
		onceOf(f, at, v.ID, instances)
	}
	if len(in.Drains)+len(in.Doomed) > 0 && in.Cell.Group == "" {
		f.add("input.drains and input.doomed belong to a cell of a group: name it in input.cell.group, or leave them out")
	}
	seen := map[fleet.InstanceID]bool{}
	for i, d := range in.Drains {
		at := fmt.Sprintf("input.drains[%d].", i)
		onceOf(f, at+"instance", d.Instance, seen)
		if d.Group != in.Cell.Group {
			f.add("%sgroup is %q: name the cell's group, %q, or leave the drain out", at, d.Group, in.Cell.Group)
		}
		known(f, at+"state", d.State, drainStates)
		known(f, at+"cause", d.Cause, drainCauses)
		known(f, at+"onTimeout", d.OnTimeout, timeouts)
		known(f, at+"standaloneTasks", d.Standalone, standalone)
		f.count(at+"before", d.Before, maxCellInstances)
		f.count(at+"after", d.After, maxCellInstances)
	}
	doomed := map[fleet.InstanceID]bool{}
	for i, id := range in.Doomed {
		onceOf(f, fmt.Sprintf("input.doomed[%d]", i), id, doomed)
	}
	if in.Fleet.TasksRead && in.Fleet.TasksUnread != "" {
		f.add("input.fleet.tasksRead is true beside tasksUnread: the tasks were read or they were not, keep one")
	}
	if len(in.Fleet.Tasks) > 0 && !in.Fleet.TasksRead {
		f.add("input.fleet.tasks are there and tasksRead is not: set it, or they count for nothing")
	}
	arns := map[string]bool{}
	for i, t := range in.Fleet.Tasks {
		at := fmt.Sprintf("input.fleet.tasks[%d].", i)
		onceOf(f, at+"arn", t.ARN, arns)
		if !instances[t.Instance] {
			f.add("%sinstance %q is none of input.fleet.instances: add it there, or leave the task out", at, t.Instance)
		}
	}
}

// onceOf wants a name that is there and has not been seen.
func onceOf[S ~string](f *faults, at string, name S, seen map[S]bool) {
	switch {
	case name == "":
		f.add("%s is missing: name it", at)
	case seen[name]:
		f.add("%s %q is given twice: keep one", at, name)
	}
	seen[name] = true
}

// rules checks the words about where tasks of a service may be.
func (f *faults) rules(at string, v fleet.Service) {
	for i, c := range v.Rules.Constraints {
		known(f, fmt.Sprintf("%s.rules.constraints[%d].type", at, i), c.Type, constraints)
	}
	for i, x := range v.Rules.Strategies {
		known(f, fmt.Sprintf("%s.rules.strategies[%d].type", at, i), x.Type, strategies)
	}
	if r := v.Rollout; r != nil {
		f.count(at+".rollout.minimumHealthyPercent", r.MinimumHealthyPercent, 100)
		f.count(at+".rollout.maximumPercent", r.MaximumPercent, 1000)
	}
}

// capacitySizes checks the counts of instances and of the tasks on them.
func (f *faults) capacitySizes(within string, in fleet.Snapshot) {
	resources := func(at string, r fleet.Resources) {
		f.count(at+".cpu", r.CPU, math.MaxInt32)
		f.count(at+".memoryMiB", r.Memory, math.MaxInt32)
		f.count(at+".gpu", r.GPU, math.MaxInt32)
		f.count(at+".enis", r.ENI, math.MaxInt32)
	}
	for i, v := range in.Instances {
		resources(fmt.Sprintf("%s.instances[%d].registered", within, i), v.Registered)
	}
	f.count("the number of "+within+".tasks", len(in.Tasks), maxCellTasks)
	for i, t := range in.Tasks {
		resources(fmt.Sprintf("%s.tasks[%d].size", within, i), t.Size)
	}
	if g := in.Group; g != nil {
		f.count("the number of "+within+".group.members", len(g.Members), maxCellInstances)
		if g.WarmPool != nil {
			f.count(within+".group.warmPool.ready", g.WarmPool.Ready, maxCellInstances)
		}
	}
}
