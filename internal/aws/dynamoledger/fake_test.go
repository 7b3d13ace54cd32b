package dynamoledger

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// fake answers calls by script and keeps what was asked. The n-th call of a
// kind gets the n-th answer, every later one the last.
type fake struct {
	mu      sync.Mutex
	queries []func() (*dynamodb.QueryOutput, error)
	updates []error
	writes  []error
	gets    []func() (*dynamodb.TransactGetItemsOutput, error)

	asked         []string
	askedQueries  []*dynamodb.QueryInput
	askedUpdates  []*dynamodb.UpdateItemInput
	askedWrites   []*dynamodb.TransactWriteItemsInput
	askedGets     []*dynamodb.TransactGetItemsInput
	beforeAnswers func(context.Context)
}

// nth notes a call and gives its answer among those scripted.
func nth[A any](ctx context.Context, f *fake, kind string, n int, answers []A) (a A, err error) {
	f.asked = append(f.asked, kind)
	if f.beforeAnswers != nil {
		f.beforeAnswers(ctx)
	}
	if err := ctx.Err(); err != nil {
		return a, fmt.Errorf("send %s: %w", kind, err)
	}
	if len(answers) == 0 {
		return a, fmt.Errorf("no answer is scripted for %s", kind)
	}
	return answers[min(n, len(answers)-1)], nil
}

func (f *fake) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := *in
	f.askedQueries = append(f.askedQueries, &sent)
	answer, err := nth(ctx, f, "Query", len(f.askedQueries)-1, f.queries)
	if err != nil {
		return nil, err
	}
	return answer()
}

func (f *fake) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.askedUpdates = append(f.askedUpdates, in)
	answer, err := nth(ctx, f, "UpdateItem", len(f.askedUpdates)-1, f.updates)
	if err != nil {
		return nil, err
	}
	return &dynamodb.UpdateItemOutput{}, answer
}

func (f *fake) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.askedWrites = append(f.askedWrites, in)
	answer, err := nth(ctx, f, "TransactWriteItems", len(f.askedWrites)-1, f.writes)
	if err != nil {
		return nil, err
	}
	return &dynamodb.TransactWriteItemsOutput{}, answer
}

func (f *fake) TransactGetItems(ctx context.Context, in *dynamodb.TransactGetItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.askedGets = append(f.askedGets, in)
	answer, err := nth(ctx, f, "TransactGetItems", len(f.askedGets)-1, f.gets)
	if err != nil {
		return nil, err
	}
	return answer()
}

// page scripts one page of a Query.
func page(items ...item) func() (*dynamodb.QueryOutput, error) {
	return func() (*dynamodb.QueryOutput, error) { return &dynamodb.QueryOutput{Items: items}, nil }
}

// stored scripts what a TransactGetItems finds.
func stored(items ...item) func() (*dynamodb.TransactGetItemsOutput, error) {
	return func() (*dynamodb.TransactGetItemsOutput, error) {
		out := &dynamodb.TransactGetItemsOutput{}
		for _, i := range items {
			out.Responses = append(out.Responses, types.ItemResponse{Item: i})
		}
		return out, nil
	}
}

// canceled is a transaction that DynamoDB cancelled, with the code of each item.
func canceled(codes ...string) error {
	e := &types.TransactionCanceledException{Message: aws.String("Transaction cancelled")}
	for _, c := range codes {
		r := types.CancellationReason{Code: aws.String(c)}
		if c == reasonInvalid {
			r.Message = aws.String("Item size to update has exceeded the maximum allowed size")
		}
		e.CancellationReasons = append(e.CancellationReasons, r)
	}
	return sent(e)
}

// refused is an error of DynamoDB with a code the client has no type for.
func refused(code, message string) error {
	return sent(&smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient})
}

// broken is an error of the service itself.
func broken() error {
	return sent(&smithy.GenericAPIError{Code: "InternalServerError", Message: "oops", Fault: smithy.FaultServer})
}

// sent wraps an error as the client does.
func sent(err error) error {
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "Test", Err: err}
}
