package reconcile

import (
	"context"
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// See gives the input of a decision about one group as it is now, with its tasks one
// by one, its metrics and who else writes it: for a person, and without a write. A
// group without a policy in the ledger is an error.
func (s *Stair) See(ctx context.Context, c fleet.ClusterName, g fleet.GroupName) (policy.Input, error) {
	now := s.Now()
	rows, err := s.Book.Read(ctx, c)
	if err != nil {
		return policy.Input{}, fmt.Errorf("read the ledger of cluster %s: %w", c, err)
	}
	if r := rows.Row(fleet.GroupOf(c, g)); r.Policy == nil {
		return policy.Input{}, fmt.Errorf("group %s of cluster %s has no policy in the ledger: write one with trimtab policy apply FILE", g, c)
	}
	sc := scope{cluster: c, rows: rows, groups: []fleet.GroupName{g}, dryRun: true, manual: true}
	v, err := s.observe(ctx, now, sc)
	if err != nil {
		return policy.Input{}, err
	}
	for _, in := range v.cells {
		if in.Cell.Group != g {
			continue
		}
		if in.Unreadable != "" {
			return policy.Input{}, fmt.Errorf("read group %s: %s", g, in.Unreadable)
		}
		c := cell{in: in, decision: policy.Decide(now, in)}
		s.deepen(ctx, &c)
		s.askOwners(ctx, &c, sc, false)
		return c.in, nil
	}
	return policy.Input{}, fmt.Errorf("group %s of cluster %s: the ledger's policy of it is none of a group", g, c)
}
