// Package dynamoledger gives the ledger in one DynamoDB table.
//
//	pk                                sk                       attributes
//	CLUSTERS                          <cluster>                rows (how many), floor (see below)
//	CLUSTER#<cluster>                 SERVICE#<name>           gen, policy, overrides, intent, intentId, freeAt, history, reason
//	CLUSTER#<cluster>                 GROUP#<name>             the same
//	CLUSTER#<cluster>                 CONTROL                  gen, control
//	CLUSTER#<cluster>                 DRAIN#<instance>         gen, drain, expiresAt once it is closed
//	DECISION#<cluster>/<kind>/<name>  <time>#<generation>      record, decision, input, expiresAt
//
// gen, rows, floor and expiresAt (epoch seconds, the table's TTL) are numbers;
// the others are strings, JSON where they hold more than one value. Times in
// keys and in freeAt have nine decimals, so that their text sorts as they do.
//
// One Query reads a cluster whole, and one lists the clusters: no Scan. The
// number of rows is kept in the transaction that adds or removes one, as is
// floor, the sum of the generations removed: a row that is created again starts
// above it, so that no claim made on the old row fits the new one.
//
// A claim of one row (every Fargate service) is a conditional UpdateItem, as is
// the write of a drain. It costs half of a transaction and promises the same: the
// condition is checked and the row written as one, a transaction under way on
// the row is an error that is tried again, and a failed condition returns the
// row, which shows whether this very write is stored already. Everything else
// writes several items and is one TransactWriteItems.
//
// The roles of the functions need Query, GetItem, UpdateItem and PutItem on the
// table; people who remove policies need DeleteItem too.
package dynamoledger

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Ledger implements every face of the ledger.
var (
	_ ledger.Book   = (*Ledger)(nil)
	_ ledger.Desk   = (*Ledger)(nil)
	_ ledger.Drains = (*Ledger)(nil)
)

// patience is how long one request is tried again while DynamoDB throttles it
// or another transaction holds its items, if the caller's deadline is not
// sooner. An order has 15 s from claim to act; more waiting would not help it.
const patience = 10 * time.Second

// api is what the ledger calls of DynamoDB; *dynamodb.Client implements it.
type api interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	TransactGetItems(context.Context, *dynamodb.TransactGetItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error)
}

// Ledger is the ledger in one table. New makes one; it may be used by several
// goroutines at once.
type Ledger struct {
	client api
	table  string
	// jitter gives a number in [0, 1) for a write, by its token, and an attempt.
	jitter func(token string, attempt int) float64
}

// New gives the ledger in the table of that name. client is a *dynamodb.Client.
func New(client api, table string) *Ledger {
	return &Ledger{client: client, table: table, jitter: spread}
}
