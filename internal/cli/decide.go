package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
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
func (c decideCmd) Run(ctx context.Context, s *session) error {
	if c.Words && s.json {
		return refused("--words and --json exclude each other: keep one")
	}
	src, err := s.read(ctx, c.Input, maxInput)
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
	seen := map[fleet.ServiceName]bool{}
	for i, svc := range in.Services {
		at := fmt.Sprintf("input.services[%d]", i)
		if svc.Name == "" {
			fault("%s.name is missing: name the ECS service", at)
		}
		f.once(at, svc.Name, seen)
		for _, p := range svc.Policy.Validate() {
			fault("%s.policy.%s: %s: %s", at, strings.Join(p.Path, "."), p.Message, p.Remedy)
		}
	}
	if n := in.Cell.Service; n != "" && !seen[n] {
		fault("input.cell.service %q is named by no entry of input.services: add it there with its policy", n)
	}
	f.targets(in)
	f.fleet(in.Fleet)
	f.signals(in.Signals)
	f.sizes(in)
	return errors.Join(f...)
}
