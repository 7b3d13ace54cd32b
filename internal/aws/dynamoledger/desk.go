package dynamoledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// floorTries is how often a change is built anew because rows of its cluster
// were removed meanwhile, which people do, not machines.
const floorTries = 5

// Change edits a cluster, see ledger.Desk.
func (l *Ledger) Change(ctx context.Context, c ledger.Change) error {
	op := "change cluster " + string(c.Cluster)
	if err := c.Check(); err != nil {
		return err
	}
	var err error
	for range floorTries {
		if err = l.change(ctx, op, c); !errors.Is(err, errFloorMoved) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
}

// change makes one attempt, built on the floor as it is now.
func (l *Ledger) change(ctx context.Context, op string, c ledger.Change) error {
	var created, removed, freed int64
	for _, e := range c.Edits {
		switch {
		case e.Remove:
			removed++
			freed += e.Generation
		case e.Generation == 0:
			created++
		}
	}
	var floor int64
	var err error
	if created > 0 {
		if floor, err = l.floor(ctx, c.Cluster); err != nil {
			return err
		}
	}
	var steps []step
	for _, e := range c.Edits {
		s, err := l.editStep(e, floor)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		steps = append(steps, s)
	}
	if c.Control != nil {
		s, err := l.controlStep(c)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		steps = append(steps, s)
	}
	if created+removed > 0 {
		u := newExpression()
		u.add(attrRows, created-removed)
		u.add(attrFloor, freed)
		if created > 0 {
			u.condition = u.name(attrFloor) + " = " + u.value("was", number(floor))
			if floor == 0 {
				u.condition += " OR attribute_not_exists(" + u.name(attrFloor) + ")"
			}
		}
		steps = append(steps, step{name: "the index", write: u.update(l.table, indexKey(c.Cluster))})
	}
	token, err := l.token(op, c, floor)
	if err != nil {
		return err
	}
	return l.transact(ctx, op, token, steps)
}

func (l *Ledger) editStep(e ledger.Edit, floor int64) (step, error) {
	s := step{name: e.Target.String(), key: rowKey(e.Target), generation: e.Generation}
	u := newExpression()
	if e.Remove {
		return l.removalStep(s, u), nil
	}
	u.raise(e.Generation, floor+1)
	var policy, overrides types.AttributeValue
	var err error
	if e.Policy != nil {
		if policy, err = document("policy of "+s.name, e.Policy); err != nil {
			return step{}, err
		}
		u.set(attrPolicy, policy)
	}
	switch {
	case e.Overrides == nil:
	case len(*e.Overrides) == 0:
		u.remove(attrOverrides)
	default:
		if overrides, err = document("overrides of "+s.name, *e.Overrides); err != nil {
			return step{}, err
		}
		u.set(attrOverrides, overrides)
	}
	s.write = u.update(l.table, s.key)
	s.done = func(i item) bool {
		if e.Generation == 0 { // created, and untouched since
			return len(i) > 0 && textOf(i, attrIntentID)+textOf(i, attrHistory)+textOf(i, attrReason) == "" &&
				holds(i, attrPolicy, policy) && holds(i, attrOverrides, overrides)
		}
		return generationOf(i) == e.Generation+1 &&
			(e.Policy == nil || holds(i, attrPolicy, policy)) && (e.Overrides == nil || holds(i, attrOverrides, overrides))
	}
	return s, nil
}

func (l *Ledger) controlStep(c ledger.Change) (step, error) {
	s := step{name: "the control of " + string(c.Cluster), key: controlKey(c.Cluster), generation: c.Control.Generation}
	next := *c.Control
	next.Generation++
	control, err := document(s.name, next)
	if err != nil {
		return step{}, err
	}
	u := newExpression()
	u.raise(c.Control.Generation, 1)
	u.set(attrControl, control)
	s.write = u.update(l.table, s.key)
	s.done = func(i item) bool { return holds(i, attrControl, control) }
	return s, nil
}
