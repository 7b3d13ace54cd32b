package dynamoledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Claim takes a cell, see ledger.Book: one row by UpdateItem, more in one
// transaction.
func (l *Ledger) Claim(ctx context.Context, c ledger.Claim) error {
	op := "claim " + c.ID
	if err := c.Check(); err != nil {
		return err
	}
	steps := make([]step, 0, len(c.Entries))
	for _, e := range c.Entries {
		e.Intent.ID = c.ID
		s, err := l.claimStep(e)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		steps = append(steps, s)
	}
	token, err := l.token(op, c, 0)
	if err != nil {
		return err
	}
	if len(steps) == 1 {
		return l.update(ctx, op, token, steps[0])
	}
	return l.transact(ctx, op, token, steps)
}

func (l *Ledger) claimStep(e ledger.ClaimEntry) (step, error) {
	s := step{name: e.Target.String(), key: rowKey(e.Target), generation: e.Generation}
	intent, err := document("intent of "+s.name, e.Intent)
	if err != nil {
		return step{}, err
	}
	past, err := document("history of "+s.name, e.History)
	if err != nil {
		return step{}, err
	}
	u := newExpression()
	u.raise(e.Generation, 0)
	u.set(attrIntent, intent)
	u.set(attrIntentID, text(e.Intent.ID))
	u.set(attrFreeAt, text(stamp(e.Intent.Free())))
	u.set(attrHistory, past)
	free := u.name(attrFreeAt)
	u.and("(attribute_not_exists(" + free + ") OR " + free + " <= " + u.value("at", text(stamp(e.Intent.At))) + ")")
	s.write = u.update(l.table, s.key)
	s.done = func(i item) bool {
		return generationOf(i) == e.Generation+1 && holds(i, attrIntent, intent) && holds(i, attrHistory, past)
	}
	return s, nil
}

// Close ends a claim, see ledger.Book.
func (l *Ledger) Close(ctx context.Context, c ledger.Closing) error {
	op := "close claim " + c.ID
	if err := c.Check(); err != nil {
		return err
	}
	var steps []step
	for _, e := range c.Entries {
		s, err := l.closeStep(c.ID, e)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		steps = append(steps, s)
	}
	steps, err := l.withRecords(steps, c.Records)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	token, err := l.token(op, c, 0)
	if err != nil {
		return err
	}
	return l.transact(ctx, op, token, steps)
}

func (l *Ledger) closeStep(id string, e ledger.CloseEntry) (step, error) {
	s := step{name: e.Target.String(), key: rowKey(e.Target), generation: e.Generation}
	u := newExpression()
	u.raise(e.Generation, 0)
	u.and(u.name(attrIntentID) + " = " + u.value("id", text(id)))
	if e.History != nil {
		past, err := document("history of "+s.name, *e.History)
		if err != nil {
			return step{}, err
		}
		u.set(attrHistory, past)
	}
	if e.Reason != nil {
		reason, err := document("reason of "+s.name, *e.Reason)
		if err != nil {
			return step{}, err
		}
		u.set(attrReason, reason)
	}
	u.remove(attrIntent, attrIntentID, attrFreeAt)
	s.write = u.update(l.table, s.key)
	s.done = func(i item) bool { return generationOf(i) == e.Generation+1 && textOf(i, attrIntentID) == "" }
	return s, nil
}

// Note stores a changed hold reason and what was learnt, see ledger.Book: the
// row alone by UpdateItem, the row with a record in one transaction.
func (l *Ledger) Note(ctx context.Context, n ledger.Note) error {
	op := "note on " + n.Target.String()
	if err := n.Check(); err != nil {
		return err
	}
	s, err := l.noteStep(n)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	token, err := l.token(op, n, 0)
	if err != nil {
		return err
	}
	if n.Record == nil {
		return l.update(ctx, op, token, s)
	}
	steps, err := l.withRecords([]step{s}, []ledger.Record{*n.Record})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return l.transact(ctx, op, token, steps)
}

func (l *Ledger) noteStep(n ledger.Note) (step, error) {
	s := step{name: n.Target.String(), key: rowKey(n.Target), generation: n.Generation}
	u := newExpression()
	u.raise(n.Generation, 0)
	u.and("attribute_not_exists(" + u.name(attrIntentID) + ")")
	var reason, past types.AttributeValue
	var err error
	if n.Reason != nil {
		if reason, err = document("reason of "+s.name, *n.Reason); err != nil {
			return step{}, err
		}
		u.set(attrReason, reason)
	}
	if n.History != nil {
		if past, err = document("history of "+s.name, *n.History); err != nil {
			return step{}, err
		}
		u.set(attrHistory, past)
	}
	s.write = u.update(l.table, s.key)
	s.done = func(i item) bool {
		return generationOf(i) == n.Generation+1 && textOf(i, attrIntentID) == "" &&
			(reason == nil || holds(i, attrReason, reason)) && (past == nil || holds(i, attrHistory, past))
	}
	return s, nil
}

// withRecords appends a put for every record. They need no condition: their key
// ends in the generation that the row gets in the same transaction alone.
func (l *Ledger) withRecords(steps []step, records []ledger.Record) ([]step, error) {
	for _, r := range records {
		i, err := encodeRecord(r)
		if err != nil {
			return nil, err
		}
		s := step{name: "the record of " + r.Target.String(), key: recordKey(r), generation: r.Generation}
		s.write = types.TransactWriteItem{Put: &types.Put{TableName: &l.table, Item: i}}
		s.done = func(found item) bool {
			for _, a := range []string{attrRecord, attrDecision, attrInput} {
				if textOf(found, a) != textOf(i, a) {
					return false
				}
			}
			return true
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// holds tells whether an item has this very text, or neither has any.
func holds(i item, attribute string, want types.AttributeValue) bool {
	return textOf(i, attribute) == textOf(item{attribute: want}, attribute)
}

// token gives the token of a request; floor is what it is built on beside its
// content. DynamoDB knows tokens by account, so the table is part of it.
func (l *Ledger) token(op string, request any, floor int64) (string, error) {
	b, err := json.Marshal(struct {
		Table, Op string
		Request   any
		Floor     int64
	}{l.table, op, request, floor})
	if err != nil {
		return "", fmt.Errorf("%s: encode request: %w", op, err)
	}
	return tokenOf(b), nil
}
