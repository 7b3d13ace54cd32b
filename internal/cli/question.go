package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// The largest cell that decide takes, far above the quotas of ECS and Auto
// Scaling: the time and the memory of packing grow with these counts.
const (
	maxCellTasks     = 100_000
	maxCellInstances = 10_000
)

// maxInput is the most bytes of a decide input: a cell of 500 services with
// half an hour of datapoints each is about 3 MB.
const maxInput = 32 << 20

// The words that a question may use. A word that the core does not know would
// change its answer without a sound.
var (
	computes  = []fleet.Compute{fleet.Fargate, fleet.EC2, fleet.External, fleet.ManagedInstances}
	statuses  = []signal.Status{signal.Complete, signal.Partial, signal.Failed}
	troubles  = []fleet.TroubleKind{fleet.PlacementFailure, fleet.StartImpaired}
	overrides = []spec.OverrideKind{spec.Pause, spec.SuspendIn, spec.SuspendOut, spec.HoldAt, spec.MinAt, spec.MaxAt}
	// counted are the overrides with a count.
	counted = []spec.OverrideKind{spec.HoldAt, spec.MinAt, spec.MaxAt}
)

// check gives all faults of a question. What a record holds has happened and was
// decided on, faulty policies too: only its size is checked.
func (q question) check() error {
	var f faults
	if q.record == nil {
		f.whole(q)
	}
	f.sizes(q.Input)
	return errors.Join(f...)
}

// whole checks everything but sizes.
func (f *faults) whole(q question) {
	in := q.Input
	if q.Now.IsZero() {
		f.add("now is missing: give the time of the decision, as 2026-11-23T10:00:00Z")
	}
	if in.Cell.Cluster == "" {
		f.add("input.cell.cluster is missing: name the ECS cluster")
	}
	if (in.Cell.Service == "") == (in.Cell.Group == "") {
		f.add("input.cell names exactly one of service and group: the cell of a Fargate service, or of an Auto Scaling group with its services")
	}
	switch {
	case in.Group != nil && in.Cell.Group == "":
		f.add("input.group belongs to a cell of a group: name it in input.cell.group, or leave input.group out")
	case in.Group == nil && in.Cell.Group != "" && len(in.Services) == 0:
		f.add("input.cell.group is %q, and neither input.group nor input.services is there: there is nothing to decide about", in.Cell.Group)
	}
	if in.Mode != "" && in.Mode != spec.Observe && in.Mode != spec.Act {
		f.add("input.mode %q is not known: write observe or act", in.Mode)
	}
	seen := map[fleet.ServiceName]bool{}
	for i, svc := range in.Services {
		at := fmt.Sprintf("input.services[%d]", i)
		if svc.Name == "" {
			f.add("%s.name is missing: name the ECS service", at)
		}
		f.once(at, svc.Name, seen)
		for _, p := range svc.Policy.Validate() {
			f.add("%s.policy.%s: %s: %s", at, strings.Join(p.Path, "."), p.Message, p.Remedy)
		}
	}
	if n := in.Cell.Service; n != "" && !seen[n] {
		f.add("input.cell.service %q is named by no entry of input.services: add it there with its policy", n)
	}
	f.targets(in)
	f.fleet("input.fleet", in.Fleet)
	f.pair(in)
	f.removals(in)
	f.signals(in.Signals)
	f.queues(in.Queues)
	if a := in.Account; a != nil && a.OthersPerHour < 0 {
		f.add("input.account.othersPerHour is %v: give dollars an hour from 0 up", a.OthersPerHour)
	}
}

// faults collects what makes a question meaningless.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

// count wants a count from 0 to most.
func (f *faults) count(at string, n, most int) {
	if n < 0 || n > most {
		f.add("%s is %d: give a count from 0 to %d", at, n, most)
	}
}

// known wants one of some words.
func known[S ~string](f *faults, at string, got S, words []S) {
	switch {
	case slices.Contains(words, got):
	case got == "":
		f.add("%s is missing: write one of %s", at, join(words))
	default:
		f.add("%s %q is not known: write one of %s", at, got, join(words))
	}
}

// once wants a name that has not been seen.
func (f *faults) once(at string, name fleet.ServiceName, seen map[fleet.ServiceName]bool) {
	if seen[name] {
		f.add("%s.name %q is given twice: keep one", at, name)
	}
	seen[name] = true
}

// targets checks what people and earlier decisions have said of the targets.
func (f *faults) targets(in policy.Input) {
	for i, s := range in.Services {
		at := fmt.Sprintf("input.services[%d].", i)
		f.overrides(at, s.Overrides, s.Policy.MinCapacity == 0)
		f.history(at, s.History)
	}
	if g := in.Group; g != nil {
		for _, p := range g.Policy.Validate() {
			f.add("input.group.policy.%s: %s: %s", strings.Join(p.Path, "."), p.Message, p.Remedy)
		}
		f.overrides("input.group.", g.Overrides, true)
		f.history("input.group.", g.History)
	}
}

// overrides checks the words of people; a service that may sleep may be held at
// no task.
func (f *faults) overrides(above string, os []spec.Override, sleeps bool) {
	for i, o := range os {
		at := fmt.Sprintf("%soverrides[%d].", above, i)
		known(f, at+"kind", o.Kind, overrides)
		switch {
		case slices.Contains(counted, o.Kind) && o.Count < 1 && (o.Count < 0 || !sleeps):
			f.add("%scount is %d: an override of kind %s needs a count of 1 or more", at, o.Count, o.Kind)
		case o.Count < 0:
			f.add("%scount is %d: leave it out, or give a count of 1 or more", at, o.Count)
		}
		if o.Until.IsZero() {
			f.add("%suntil is missing: give the time the override ends, as 2026-11-23T10:00:00Z", at)
		}
		if o.By == "" {
			f.add("%sby is missing: name who set the override", at)
		}
		if o.Why == "" {
			f.add("%swhy is missing: give the reason of the override", at)
		}
	}
}

func (f *faults) history(above string, h history.History) {
	for i, o := range h.Orders {
		at := fmt.Sprintf("%shistory.orders[%d].", above, i)
		f.count(at+"from", o.From, maxCellTasks)
		f.count(at+"to", o.To, maxCellTasks)
	}
	if s := h.Shortage; s != nil {
		f.count(above+"history.shortage.above", s.Above, maxCellTasks)
		if s.Called() {
			f.count(above+"history.shortage.counted", *s.Counted, maxCellTasks)
		}
	}
	for i, s := range h.Foreign {
		at := fmt.Sprintf("%shistory.foreign[%d].", above, i)
		f.count(at+"expected", s.Expected, maxCellTasks)
		f.count(at+"found", s.Found, maxCellTasks)
	}
	for i, r := range h.Rates {
		if !(r.PerTask > 0) {
			f.add("%shistory.rates[%d].perTask is %v: give messages a second and task, above 0", above, i, r.PerTask)
		}
	}
}

// queues checks how the states of queues are described.
func (f *faults) queues(in []signal.Queue) {
	seen := map[string]bool{}
	for i, q := range in {
		at := fmt.Sprintf("input.queues[%d].", i)
		if q.Name == "" {
			f.add("%sname is missing: name the queue as the policy does", at)
		}
		if seen[q.Name] {
			f.add("%sname %q is given twice: keep one", at, q.Name)
		}
		seen[q.Name] = true
		known(f, at+"status", q.Status, []signal.Status{signal.Complete, signal.Failed})
		f.count(at+"visible", q.Visible, math.MaxInt32)
		f.count(at+"inFlight", q.InFlight, math.MaxInt32)
		f.count(at+"delayed", q.Delayed, math.MaxInt32)
	}
}

// fleet checks the words about what exists.
func (f *faults) fleet(within string, in fleet.Snapshot) {
	seen := map[fleet.ServiceName]bool{}
	for i, s := range in.Services {
		at := fmt.Sprintf("%s.services[%d]", within, i)
		if s.Name == "" {
			f.add("%s.name is missing: name the ECS service", at)
		}
		f.once(at, s.Name, seen)
		known(f, at+".compute", s.Compute, computes)
		for j, x := range s.Troubles {
			known(f, fmt.Sprintf("%s.troubles[%d].kind", at, j), x.Kind, troubles)
		}
		f.rules(at, s)
		f.count(at+".cpuSeconds", s.CPUSeconds, 60)
		f.count(at+".memorySeconds", s.MemorySeconds, 60)
	}
}

// signals checks how the series are described.
func (f *faults) signals(in signal.Set) {
	for i, s := range in {
		at := fmt.Sprintf("input.signals[%d].", i)
		known(f, at+"status", s.Status, statuses)
		if s.Metric.Period <= 0 {
			f.add("%smetric.periodNs is %d: give the period in nanoseconds, 60000000000 for a minute", at, int64(s.Metric.Period))
		}
		for j, p := range s.Points {
			if p.Samples < 0 {
				f.add("%spoints[%d].samples is %v: give a count from 0 up", at, j, float64(p.Samples))
			}
		}
	}
}

// sizes checks the counts that a decision walks through.
func (f *faults) sizes(in policy.Input) {
	tasks := f.counts("input.fleet", in.Fleet) + f.pairSizes(in)
	for i, s := range in.Services {
		if h := s.History.Shadow; h != nil {
			f.count(fmt.Sprintf("input.services[%d].history.shadow", i), *h, maxCellTasks)
			tasks += min(max(*h, 0), maxCellTasks)
		}
	}
	if tasks > maxCellTasks {
		f.add("input.fleet has %d tasks, more than %d: decide about one cell at a time", tasks, maxCellTasks)
	}
	f.count("the number of input.drains", len(in.Drains), maxCellInstances)
	f.count("the number of input.doomed", len(in.Doomed), maxCellInstances)
	if g := in.Group; g != nil && g.History.Shadow != nil {
		f.count("input.group.history.shadow", *g.History.Shadow, maxCellInstances)
	}
}

// counts checks those of what exists, and gives the tasks that services want.
func (f *faults) counts(within string, in fleet.Snapshot) (tasks int) {
	for i, s := range in.Services {
		at := fmt.Sprintf("%s.services[%d].", within, i)
		f.count(at+"desired", s.Desired, maxCellTasks)
		f.count(at+"running", s.Running, maxCellTasks)
		f.count(at+"pending", s.Pending, maxCellTasks)
		f.count(at+"taskSize.cpu", s.TaskSize.CPU, math.MaxInt32)
		f.count(at+"taskSize.memoryMiB", s.TaskSize.Memory, math.MaxInt32)
		for j, d := range s.Deployments {
			within := fmt.Sprintf("%sdeployments[%d].", at, j)
			f.count(within+"desired", d.Desired, maxCellTasks)
			f.count(within+"running", d.Running, maxCellTasks)
			f.count(within+"pending", d.Pending, maxCellTasks)
			f.count(within+"failed", d.Failed, math.MaxInt32)
		}
		tasks += min(max(s.Desired, 0), maxCellTasks)
	}
	for i, v := range in.Instances {
		at := fmt.Sprintf("%s.instances[%d].", within, i)
		f.count(at+"tasks", v.Tasks, maxCellTasks)
	}
	f.capacitySizes(within, in)
	f.count("the number of "+within+".instances", len(in.Instances), maxCellInstances)
	if g := in.Group; g != nil {
		f.count(within+".group.desiredCapacity", g.DesiredCapacity, maxCellInstances)
		f.count(within+".group.minSize", g.MinSize, math.MaxInt32)
		f.count(within+".group.maxSize", g.MaxSize, math.MaxInt32)
	}
	return tasks
}
