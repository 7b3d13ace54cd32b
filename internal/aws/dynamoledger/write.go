package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// errFloorMoved says that a row was removed while another was created; what is
// conditional on the floor is to be built anew.
var errFloorMoved = errors.New("the cluster's floor changed since it was read")

// step is one item of a write.
type step struct {
	name       string // for messages
	key        item
	generation int64 // that it is conditional on
	write      types.TransactWriteItem
	// done tells from the stored item whether the step was done already. The
	// step on the index has none: the others tell of it.
	done func(item) bool
}

// conflict says what was found in place of what was read.
func (s step) conflict(op string, found item) error {
	if s.write.Put != nil {
		return fmt.Errorf("%s: %s is not stored, another came first: %w", op, s.name, ledger.ErrConflict)
	}
	what := fmt.Sprintf("found %d", generationOf(found))
	if len(found) == 0 {
		what = "found none"
	}
	if id := textOf(found, attrIntentID); id != "" {
		what += " with the intent of " + id
	}
	return fmt.Errorf("%s: %s was read at generation %d, %s: %w", op, s.name, s.generation, what, ledger.ErrConflict)
}

func (s step) tooLarge(op string, err error) error {
	return fmt.Errorf("%s: the item of %s would take more than %d bytes: %w: %w", op, s.name, ledger.MaxItemBytes, ledger.ErrTooLarge, err)
}

// transact writes every step or none.
func (l *Ledger) transact(ctx context.Context, op, token string, steps []step) error {
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: &token}
	for _, s := range steps {
		in.TransactItems = append(in.TransactItems, s.write)
	}
	err := l.insist(ctx, token, func(ctx context.Context) error {
		_, err := l.client.TransactWriteItems(ctx, in)
		return err
	})
	if err == nil {
		return nil
	}
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return l.refusal(op, steps[0], err)
	}
	rows, index := false, false
	for i, r := range canceled.CancellationReasons[:min(len(canceled.CancellationReasons), len(steps))] {
		switch s := steps[i]; {
		case aws.ToString(r.Code) == reasonCondition:
			rows, index = rows || s.done != nil, index || s.done == nil
		case aws.ToString(r.Code) == reasonInvalid && oversized(aws.ToString(r.Message)):
			return s.tooLarge(op, err)
		}
	}
	switch {
	case rows:
		return l.settle(ctx, op, steps)
	case index:
		return fmt.Errorf("%s: %w", op, errFloorMoved)
	}
	return l.explain(op, err)
}

// settle judges a write whose conditions do not hold: this very write is stored
// already and its reply was lost, or another came first.
func (l *Ledger) settle(ctx context.Context, op string, steps []step) error {
	var telling []step
	var keys []item
	for _, s := range steps {
		if s.done != nil {
			telling = append(telling, s)
			keys = append(keys, s.key)
		}
	}
	found, err := l.fetch(ctx, op, keys)
	if err != nil {
		return err
	}
	for i, s := range telling {
		if !s.done(found[i]) {
			return s.conflict(op, found[i])
		}
	}
	return nil
}

// update writes one step without a transaction; it must be an update.
func (l *Ledger) update(ctx context.Context, op, token string, s step) error {
	u := s.write.Update
	in := &dynamodb.UpdateItemInput{
		TableName: u.TableName, Key: u.Key,
		UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
		ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	err := l.insist(ctx, token, func(ctx context.Context) error {
		_, err := l.client.UpdateItem(ctx, in)
		return err
	})
	if err == nil {
		return nil
	}
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if s.done(failed.Item) {
			return nil
		}
		return s.conflict(op, failed.Item)
	}
	return l.refusal(op, s, err)
}

// refusal says what the refusal of a whole request means. It names the first
// step, since DynamoDB does not say which of its items was too large.
func (l *Ledger) refusal(op string, first step, err error) error {
	answer, ok := errors.AsType[smithy.APIError](err)
	if ok && answer.ErrorCode() == codeInvalid && oversized(answer.ErrorMessage()) {
		return first.tooLarge(op, err)
	}
	return l.explain(op, err)
}

// generationOf gives 0 for an item that is not there.
func generationOf(i item) int64 {
	n, err := numberOf(i, attrGeneration)
	if err != nil {
		return 0
	}
	return n
}

// expression builds an update with its condition. Attributes go by their own
// name behind "#", for several of them are words of DynamoDB's language.
type expression struct {
	sets, removes, adds []string
	condition           string
	names               map[string]string
	values              item
}

func newExpression() *expression { return &expression{names: map[string]string{}, values: item{}} }

func (e *expression) name(attribute string) string {
	e.names["#"+attribute] = attribute
	return "#" + attribute
}

func (e *expression) value(placeholder string, v types.AttributeValue) string {
	e.values[":"+placeholder] = v
	return ":" + placeholder
}

func (e *expression) set(attribute string, v types.AttributeValue) {
	e.sets = append(e.sets, e.name(attribute)+" = "+e.value(attribute, v))
}

func (e *expression) remove(attributes ...string) {
	for _, a := range attributes {
		e.removes = append(e.removes, e.name(a))
	}
}

func (e *expression) add(attribute string, n int64) {
	e.adds = append(e.adds, e.name(attribute)+" "+e.value(attribute, number(n)))
}

// raise makes the generation one higher than the one it is conditional on; at
// 0 there must be no item, and it becomes first.
func (e *expression) raise(read, first int64) {
	if read == 0 {
		e.set(attrGeneration, number(first))
		e.condition = "attribute_not_exists(" + e.name(attrGeneration) + ")"
		return
	}
	e.set(attrGeneration, number(read+1))
	e.condition = e.name(attrGeneration) + " = " + e.value("read", number(read))
}

// and adds to the condition.
func (e *expression) and(condition string) { e.condition += " AND " + condition }

// update gives the expression as an update of an item.
func (e *expression) update(table string, key item) types.TransactWriteItem {
	var clauses []string
	for _, c := range []struct {
		word  string
		parts []string
	}{{"SET ", e.sets}, {"REMOVE ", e.removes}, {"ADD ", e.adds}} {
		if len(c.parts) > 0 {
			clauses = append(clauses, c.word+strings.Join(c.parts, ", "))
		}
	}
	u := &types.Update{
		TableName: &table, Key: key, UpdateExpression: aws.String(strings.Join(clauses, " ")),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
	if e.condition != "" {
		u.ConditionExpression = &e.condition
	}
	return types.TransactWriteItem{Update: u}
}
