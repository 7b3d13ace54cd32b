package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/trimtab-ecs/trimtab/docs"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

// policyCmd holds the commands about policy files.
type policyCmd struct {
	Check  checkCmd  `cmd:"" help:"Check policy files and print every fault with its line, column and remedy."`
	Apply  applyCmd  `cmd:"" help:"Write a policy file to the ledger, after showing what changes."`
	Schema schemaCmd `cmd:"" help:"Print the JSON Schema of policy files, for editors."`
}

// schemaCmd prints the JSON Schema of policy files.
type schemaCmd struct{}

// Run prints the schema, the same bytes as docs/policy.schema.json.
func (schemaCmd) Run(s *session) error {
	s.printf("%s", docs.PolicySchema)
	return nil
}

// checkCmd checks policy files.
type checkCmd struct {
	Files []string `arg:"" help:"Policy files, YAML or JSON; - is standard input." name:"file"`
}

// checked is the JSON result of policy check for one file.
type checked struct {
	File     string             `json:"file"`
	OK       bool               `json:"ok"`
	Cluster  string             `json:"cluster,omitempty"`
	Services int                `json:"services"`
	Groups   int                `json:"groups"`
	Faults   []policyfile.Fault `json:"faults"`
}

// Run prints "ok" for every file, or all of its faults.
func (c checkCmd) Run(ctx context.Context, s *session) error {
	bad := false
	results := make([]checked, 0, len(c.Files))
	for _, name := range c.Files {
		doc, faults, err := s.policy(ctx, name)
		switch {
		case errors.Is(err, errInterrupted):
			return err
		case err != nil: // the other files have their results all the same
			faults = []policyfile.Fault{{File: called(name), Message: err.Error(), Remedy: cmp.Or(remedy(err), "give a file that can be read")}}
		default:
			for _, n := range remarkable(doc, s.Now()) {
				s.say("note: %s: %s", called(name), n)
			}
		}
		bad = bad || len(faults) > 0
		results = append(results, checked{
			File: called(name), OK: len(faults) == 0, Cluster: string(doc.Cluster), Services: len(doc.Services), Groups: len(doc.Groups), Faults: faults,
		})
	}
	if s.json {
		if err := s.printJSON(map[string]any{"files": results}); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			s.checked(r)
		}
	}
	if bad {
		return &silent{ExitRefused}
	}
	return nil
}

func (s *session) checked(r checked) {
	if r.OK {
		s.printf("%s: ok: cluster %s, %s, %s\n", r.File, r.Cluster, count(r.Services, "service"), count(r.Groups, "group"))
		return
	}
	for _, f := range r.Faults {
		s.printf("%s\n", f)
	}
	s.printf("%s: %s\n", r.File, count(len(r.Faults), "fault"))
}

// policy reads a policy file.
func (s *session) policy(ctx context.Context, name string) (spec.Document, []policyfile.Fault, error) {
	src, err := s.read(ctx, name, 2*policyfile.MaxBytes) // Parse says which limit was passed
	if err != nil {
		return spec.Document{}, nil, err
	}
	doc, faults := policyfile.Parse(src, called(name))
	if faults == nil {
		faults = []policyfile.Fault{}
	}
	return doc, faults, nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
