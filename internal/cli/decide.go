package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
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

// decideCmd runs the pure core.
type decideCmd struct {
	Input string `help:"JSON file with now and input (docs/decide.md), or - for standard input." name:"input" placeholder:"FILE" required:""`
	Words bool   `help:"Explain the decision in words in place of JSON."`
}

// question is the document that decide reads.
type question struct {
	Now   time.Time    `json:"now"`
	Input policy.Input `json:"input"`
}

// Run prints the decision: the same bytes for the same input.
func (c decideCmd) Run(_ context.Context, s *session) error {
	if c.Words && s.json {
		return refused("--words and --json exclude each other: keep one")
	}
	src, err := s.read(c.Input, maxInput)
	if err != nil {
		return err
	}
	var q question
	if err := strictJSON(src, &q); err != nil {
		return refused("read %s: %w (docs/decide.md describes the input)", called(c.Input), err)
	}
	if err := q.check(); err != nil {
		return refused("%s: %w (docs/decide.md describes the input)", called(c.Input), err)
	}
	d := policy.Decide(q.Now, q.Input)
	if c.Words {
		s.printf("%s", explain.Decision(d))
		return nil
	}
	return s.printJSON(d)
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

// check gives all faults of a question.
func (q question) check() error {
	var f faults
	fault := f.add
	in := q.Input
	if q.Now.IsZero() {
		fault("now is missing: give the time of the decision, as 2026-11-23T10:00:00Z")
	}
	if in.Cell.Cluster == "" {
		fault("input.cell.cluster is missing: name the ECS cluster")
	}
	if (in.Cell.Service == "") == (in.Cell.Group == "") {
		fault("input.cell names exactly one of service and group: the cell of a Fargate service, or of an Auto Scaling group with its services")
	}
	if (in.Cell.Group != "") != (in.Group != nil) {
		fault("input.group belongs to a cell of a group, and must be there: input.cell.group is %q", in.Cell.Group)
	}
	if in.Mode != "" && in.Mode != spec.Observe && in.Mode != spec.Act {
		fault("input.mode %q is not known: write observe or act", in.Mode)
	}
	seen := map[string]bool{}
	for i, svc := range in.Services {
		at := fmt.Sprintf("input.services[%d]", i)
		if svc.Name == "" {
			fault("%s.name is missing: name the ECS service", at)
		}
		if seen[string(svc.Name)] {
			fault("%s.name %q is given twice: keep one", at, svc.Name)
		}
		seen[string(svc.Name)] = true
		for _, p := range svc.Policy.Validate() {
			fault("%s.policy.%s: %s: %s", at, strings.Join(p.Path, "."), p.Message, p.Remedy)
		}
	}
	f.sizes(in)
	return errors.Join(f...)
}

// sizes checks the counts that a decision walks through.
func (f *faults) sizes(in policy.Input) {
	tasks := 0
	for i, s := range in.Fleet.Services {
		at := fmt.Sprintf("input.fleet.services[%d].", i)
		f.count(at+"desired", s.Desired, maxCellTasks)
		f.count(at+"running", s.Running, maxCellTasks)
		f.count(at+"pending", s.Pending, maxCellTasks)
		tasks += min(max(s.Desired, 0), maxCellTasks)
	}
	for i, s := range in.Services {
		if h := s.History.Shadow; h != nil {
			f.count(fmt.Sprintf("input.services[%d].history.shadow", i), *h, maxCellTasks)
			tasks += min(max(*h, 0), maxCellTasks)
		}
	}
	if tasks > maxCellTasks {
		f.add("input.fleet has %d tasks, more than %d: decide about one cell at a time", tasks, maxCellTasks)
	}
	f.count("the number of input.fleet.instances", len(in.Fleet.Instances), maxCellInstances)
	if g := in.Fleet.Group; g != nil {
		f.count("input.fleet.group.desiredCapacity", g.DesiredCapacity, maxCellInstances)
	}
	if g := in.Group; g != nil && g.History.Shadow != nil {
		f.count("input.group.history.shadow", *g.History.Shadow, maxCellInstances)
	}
}
