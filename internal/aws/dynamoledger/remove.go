package dynamoledger

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// removalStep deletes a row. It stands in a file of its own since only people
// remove rows: the function's role has no DeleteItem, and internal/archtest
// compares the role with every other file here.
func (l *Ledger) removalStep(s step, u *expression) step {
	s.write = types.TransactWriteItem{Delete: &types.Delete{
		TableName: &l.table, Key: s.key, ConditionExpression: new(u.name(attrGeneration) + " = " + u.value("read", number(s.generation))),
		ExpressionAttributeNames: u.names, ExpressionAttributeValues: u.values,
	}}
	s.done = func(i item) bool { return len(i) == 0 }
	return s
}
