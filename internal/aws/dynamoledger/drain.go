package dynamoledger

import (
	"context"
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// WriteDrain stores the removal of an instance, see ledger.Drains. A closed row gets
// the time at which DynamoDB may delete it, and loses that when it is used again.
func (l *Ledger) WriteDrain(ctx context.Context, d ledger.Drain) error {
	name := string(d.Cluster) + "/drain/" + string(d.Instance)
	op := "write drain " + name
	if err := d.Check(); err != nil {
		return err
	}
	row, err := document("row of "+name, d.Row)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	s := step{name: name, key: drainKey(d.Cluster, d.Instance), generation: d.Generation}
	u := newExpression()
	u.raise(d.Generation, 1)
	u.set(attrDrain, row)
	if at, ok := d.Expires(); ok {
		u.set(attrExpiresAt, number(at.Unix()))
	} else {
		u.remove(attrExpiresAt)
	}
	s.write = u.update(l.table, s.key)
	s.done = func(i item) bool { return generationOf(i) == d.Generation+1 && holds(i, attrDrain, row) }
	token, err := l.token(op, d, 0)
	if err != nil {
		return err
	}
	return l.update(ctx, op, token, s)
}
