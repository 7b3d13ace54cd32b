package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

// applyCmd writes a policy file to the ledger.
type applyCmd struct {
	File   string `arg:"" help:"Policy file, YAML or JSON; - is standard input."`
	DryRun bool   `help:"Show what would change and write nothing; exit code 3 if anything would."`
	Author string `help:"Who is changing it (default: TRIMTAB_AUTHOR, else user@host)." placeholder:"NAME"`
	Prune  bool   `help:"Remove the targets of the cluster that the file does not name, with their history."`
	Yes    bool   `help:"Do not ask. Without a terminal nothing is asked." short:"y"`
	ledgerFlags
}

// applied is the JSON result of policy apply.
type applied struct {
	Cluster fleet.ClusterName `json:"cluster"`
	Written bool              `json:"written"`
	Author  string            `json:"author,omitempty"`
	Changes []appliedChange   `json:"changes"`
	// LeftAlone are targets of the cluster that the file does not name.
	LeftAlone []string `json:"leftAlone,omitempty"`
}

type appliedChange struct {
	Target  fleet.Target      `json:"target"`
	Action  policyfile.Action `json:"action"`
	Version int               `json:"version,omitempty"` // after the change; 0 for a removed target
	Diff    []string          `json:"diff"`
}

// plan is what one apply is about to write.
type plan struct {
	applied
	edits []ledger.Edit
}

// Run checks the file, shows the difference to the ledger and writes it, if
// nobody has changed the rows meanwhile.
func (c applyCmd) Run(ctx context.Context, s *session) error {
	doc, faults, err := s.policy(ctx, c.File)
	switch {
	case errors.Is(err, errInterrupted):
		return fmt.Errorf("%w; nothing was written", err)
	case err != nil:
		return err
	}
	if len(faults) > 0 {
		for _, f := range faults {
			s.say("%s", f)
		}
		return refused("%s has %s; nothing was written", called(c.File), count(len(faults), "fault"))
	}
	for _, n := range remarkable(doc, s.Now()) {
		s.say("note: %s: %s", called(c.File), n)
	}
	l, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	now, err := l.Read(ctx, doc.Cluster)
	if err != nil {
		return fmt.Errorf("read cluster %s from the ledger: %w", doc.Cluster, err)
	}
	p, err := c.plan(s, doc, now)
	if err != nil {
		return err
	}
	if !s.json {
		s.showPlan(p, called(c.File))
	}
	if err := c.carryOut(ctx, s, l, &p); err != nil {
		return err
	}
	if s.json {
		if err := s.printJSON(p.applied); err != nil {
			return err
		}
	}
	if c.DryRun && len(p.edits) > 0 {
		return &silent{ExitPending}
	}
	return nil
}

// carryOut writes the plan, unless it is empty, a dry run, or the person says no.
func (c applyCmd) carryOut(ctx context.Context, s *session, l Ledger, p *plan) error {
	switch {
	case len(p.edits) == 0:
		return nil
	case c.DryRun:
		s.say("dry run: nothing was written")
		return nil
	case !c.Yes && s.Interactive && !s.json:
		if err := s.confirm(ctx, p); err != nil {
			return err
		}
	}
	if err := write(ctx, l, p); err != nil {
		return err
	}
	p.Written = true
	if s.json {
		return nil
	}
	for _, ch := range p.Changes {
		if ch.Action == policyfile.Removed {
			s.printf("%s: removed\n", title(ch.Target))
			continue
		}
		s.printf("%s: version %d\n", title(ch.Target), ch.Version)
	}
	return nil
}

// plan compares the file with the ledger.
func (c applyCmd) plan(s *session, doc spec.Document, now ledger.Cluster) (plan, error) {
	author, err := s.author(c.Author)
	if err != nil {
		return plan{}, err
	}
	p := plan{applied: applied{Cluster: doc.Cluster, Author: author, Changes: []appliedChange{}}}
	before := stored(doc, now, c.Prune, &p)
	services, groups := doc.Rows()
	for _, change := range policyfile.Changes(before, doc) {
		row := now.Row(change.Target)
		done := appliedChange{Target: change.Target, Action: change.Action, Diff: change.Lines}
		edit := ledger.Edit{Target: change.Target, Generation: row.Generation}
		if change.Action == policyfile.Removed {
			if i := row.Intent; i != nil && s.Now().Before(i.Free()) {
				return plan{}, &coded{ExitConflict, fmt.Errorf("%s has an open order until %s; nothing was written: run the command again after that",
					title(change.Target), stamp(i.Free()))}
			}
			edit.Remove = true
		} else {
			next := &ledger.Policy{Version: 1, Author: author, At: s.Now().UTC()}
			if row.Policy != nil {
				next.Version = row.Policy.Version + 1
			}
			if change.Target.Kind == fleet.ServiceTarget {
				next.Service = new(services[fleet.ServiceName(change.Target.Name)])
			} else {
				next.Group = new(groups[fleet.GroupName(change.Target.Name)])
			}
			edit.Policy, done.Version = next, next.Version
		}
		p.edits, p.Changes = append(p.edits, edit), append(p.Changes, done)
	}
	return p, nil
}

// stored gives the ledger's policies as a document, to be compared with the
// file: only the targets that the file names, or all when pruning.
func stored(doc spec.Document, now ledger.Cluster, prune bool, p *plan) spec.Document {
	before := spec.Document{
		Cluster: doc.Cluster, Mode: spec.Act, // each row has its own mode
		Services: map[fleet.ServiceName]spec.Service{}, Groups: map[fleet.GroupName]spec.Group{},
	}
	for _, r := range now.Rows {
		if r.Policy == nil {
			continue
		}
		_, inServices := doc.Services[fleet.ServiceName(r.Target.Name)]
		_, inGroups := doc.Groups[fleet.GroupName(r.Target.Name)]
		named := r.Target.Kind == fleet.ServiceTarget && inServices || r.Target.Kind == fleet.GroupTarget && inGroups
		switch {
		case !named && !prune:
			p.LeftAlone = append(p.LeftAlone, title(r.Target))
		case r.Policy.Service != nil:
			v := *r.Policy.Service
			v.Mode = spec.Least(spec.Act, v.Mode)
			before.Services[fleet.ServiceName(r.Target.Name)] = v
		case r.Policy.Group != nil:
			v := *r.Policy.Group
			v.Mode = spec.Least(spec.Act, v.Mode)
			before.Groups[fleet.GroupName(r.Target.Name)] = v
		}
	}
	return before
}

// showPlan prints the difference.
func (s *session) showPlan(p plan, file string) {
	for _, ch := range p.Changes {
		c := policyfile.Change{Target: ch.Target, Action: ch.Action, Lines: ch.Diff}
		for line := range strings.Lines(c.String()) {
			line = strings.TrimSuffix(line, "\n")
			s.printf("%s\n", s.paintChange(line))
		}
	}
	if len(p.LeftAlone) > 0 {
		s.say("left alone, since %s does not name them (--prune removes them): %s", file, strings.Join(p.LeftAlone, ", "))
	}
	if len(p.Changes) == 0 {
		s.printf("nothing to change: the ledger holds cluster %s as %s says\n", p.Cluster, file)
	}
}

// paintChange colours a line of a difference by its marker. That
// of a target stands in the first column, that of a line of its policy in the
// fifth: a further one belongs to a YAML list.
func (s *session) paintChange(line string) string {
	const indent = "    "
	switch marked := strings.TrimPrefix(line, indent); {
	case strings.HasPrefix(marked, "+ "):
		return s.paint(green, line)
	case strings.HasPrefix(marked, "- "):
		return s.paint(red, line)
	case strings.HasPrefix(marked, "~ "):
		return s.paint(yellow, line)
	}
	return line
}

// confirm asks the person at the terminal.
func (s *session) confirm(ctx context.Context, p *plan) error {
	return s.ask(ctx, fmt.Sprintf("Write %s to the ledger of cluster %s as %s?", count(len(p.edits), "change"), p.Cluster, p.Author))
}

// write stores the edits, as many in one transaction as the ledger takes.
func write(ctx context.Context, l Ledger, p *plan) error {
	written := 0
	for batch := range slices.Chunk(p.edits, ledger.MaxEdits) {
		if err := l.Change(ctx, ledger.Change{Cluster: p.Cluster, Edits: batch}); err != nil {
			if written == 0 {
				return fmt.Errorf("write the policies of cluster %s: nothing was written: %w", p.Cluster, err)
			}
			return fmt.Errorf("write the policies of cluster %s: the first %d of %d changes were written: %w", p.Cluster, written, len(p.edits), err)
		}
		written += len(batch)
	}
	return nil
}
