package report

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// FromRecord gives the decision that the ledger recorded of a service or a group.
func FromRecord(rec ledger.Record) (Decision, error) {
	d := Decision{At: rec.At, Before: rec.Before, Desired: rec.Desired, Rule: rec.Rule, Because: rec.Because}
	if len(rec.Decision) == 0 {
		return d, nil
	}
	var whole policy.Decision
	if err := json.Unmarshal(rec.Decision, &whole); err != nil {
		return Decision{}, fmt.Errorf("read the decision about %s at %s: %w", rec.Target, rec.At, err)
	}
	whole = whole.About(rec.Target)
	for _, s := range whole.Services {
		d.Inputs = append(d.Inputs,
			Fact{"desired, running", fmt.Sprintf("%d, %d", s.Base, s.Running)},
			Fact{"bounds", fmt.Sprintf("%d to %d", s.Min, s.Max)})
		for _, p := range s.Policies {
			d.Inputs = append(d.Inputs, Fact{p.Policy, explain.Seen(p)})
		}
		d.Clauses = clauses(s.Clauses)
	}
	if g := whole.Group; g != nil {
		d.Inputs = append(d.Inputs,
			Fact{"desired capacity", strconv.Itoa(g.Base)},
			Fact{"waiting", fmt.Sprintf("%s, %d of them fit on no instance, here or on the way", explain.Count(g.Waiting, "task"), g.Unplaced)})
		d.Clauses = clauses(g.Clauses)
	}
	return d, nil
}

func clauses(cs []history.Clause) []Clause {
	out := make([]Clause, 0, len(cs))
	for _, c := range cs {
		out = append(out, Clause{Rule: c.Rule, Before: c.Before, After: c.After, Because: c.Because, Binding: c.Binding})
	}
	return out
}
