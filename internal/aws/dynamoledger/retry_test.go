package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// the passing are the refusals that are over in a moment.
func passing() map[string]error {
	return map[string]error{
		"conflict of transactions": canceled("None", "TransactionConflict"),
		"throttled item":           canceled("ThrottlingError", "None"),
		"too little provisioned":   canceled("ProvisionedThroughputExceeded"),
		"several of them":          canceled("ThrottlingError", "TransactionConflict"),
		"row in a transaction":     sent(&types.TransactionConflictException{}),
		"still in progress":        sent(&types.TransactionInProgressException{}),
		"throttled":                refused("ThrottlingException", "slow down"),
		"table throttled":          sent(&types.ProvisionedThroughputExceededException{}),
		"account throttled":        sent(&types.RequestLimitExceeded{}),
	}
}

// calls are one of each kind of request.
func calls() map[string]func(context.Context, *Ledger) error {
	return map[string]func(context.Context, *Ledger) error{
		"UpdateItem":         func(ctx context.Context, l *Ledger) error { return l.Claim(ctx, claim(web())) },
		"TransactWriteItems": func(ctx context.Context, l *Ledger) error { return l.Close(ctx, closing()) },
		"Query": func(ctx context.Context, l *Ledger) error {
			_, err := l.Read(ctx, "prod")
			return err
		},
	}
}

// answering gives a ledger whose every call is answered by the errors, in turn.
func answering(errs ...error) (*Ledger, *fake) {
	f := &fake{updates: errs, writes: errs, gets: []func() (*dynamodb.TransactGetItemsOutput, error){stored(nil, nil)}}
	for _, err := range errs {
		f.queries = append(f.queries, func() (*dynamodb.QueryOutput, error) { return &dynamodb.QueryOutput{}, err })
	}
	return New(f, "ledger"), f
}

func TestPassingRefusalsAreTriedAgain(t *testing.T) {
	t.Parallel()
	for kind, call := range calls() {
		for name, err := range passing() {
			synctest.Test(t, func(t *testing.T) {
				l, f := answering(err, err, err, err, err, err, err, err, nil)
				start := time.Now()
				if err := call(t.Context(), l); err != nil {
					t.Fatalf("%s, %s: %v", kind, name, err)
				}
				// 25+50+100+200+400+800+1000+1000 ms, of each between half and all.
				if took := time.Since(start); len(f.asked) != 9 || took < 1787*time.Millisecond || took > 3575*time.Millisecond {
					t.Errorf("%s, %s: %d calls in %s", kind, name, len(f.asked), took)
				}
				for _, in := range f.askedWrites {
					if aws.ToString(in.ClientRequestToken) != aws.ToString(f.askedWrites[0].ClientRequestToken) {
						t.Errorf("%s, %s: the same write must keep its token", kind, name)
					}
				}
			})
		}
	}
}

// TestDeadline holds that the ledger neither gives up early nor outstays its welcome.
func TestDeadline(t *testing.T) {
	t.Parallel()
	for kind, call := range calls() {
		for _, c := range []struct {
			within, atLeast, atMost time.Duration
		}{
			{3 * time.Second, 2 * time.Second, 3 * time.Second},
			{30 * time.Millisecond, 0, 30 * time.Millisecond},
			{time.Hour, patience - maxPause, patience},
			{0, patience - maxPause, patience}, // no deadline
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.within)
					defer cancel()
				}
				l, _ := answering(refused("ThrottlingException", "slow down"))
				start := time.Now()
				err := call(ctx, l)
				if !errors.Is(err, ledger.ErrUnavailable) || !strings.Contains(err.Error(), "slow down") {
					t.Errorf("%s: want ErrUnavailable with its cause, got %v", kind, err)
				}
				if took := time.Since(start); took < c.atLeast || took > c.atMost || ctx.Err() != nil {
					t.Errorf("%s within %s: took %s, context %v", kind, c.within, took, ctx.Err())
				}
			})
		}
	}
}

// TestNoAnswer holds that a call which hangs is cut off.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for kind, call := range calls() {
		synctest.Test(t, func(t *testing.T) {
			l, f := answering(nil)
			f.beforeAnswers = func(ctx context.Context) { <-ctx.Done() }
			start := time.Now()
			err := call(t.Context(), l)
			if took := time.Since(start); !errors.Is(err, ledger.ErrUnavailable) || took != patience {
				t.Errorf("%s: want ErrUnavailable after %s, got %v after %s", kind, patience, err, took)
			}
		})
	}
}

func TestCanceledWhileResting(t *testing.T) {
	t.Parallel()
	for kind, call := range calls() {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			l, _ := answering(canceled("TransactionConflict"))
			start := time.Now()
			err := call(ctx, l)
			if took := time.Since(start); !errors.Is(err, ledger.ErrUnavailable) || took != time.Second {
				t.Errorf("%s: want ErrUnavailable after 1s, got %v after %s", kind, err, took)
			}
		})
	}
}

// TestLastingRefusals are told at once, by what they mean for the caller.
func TestLastingRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		is    error
		words string
	}{
		"service broken":    {broken(), ledger.ErrUnavailable, "oops"},
		"connection broken": {sent(&dialError{}), ledger.ErrUnavailable, "connection refused"},
		"no permission":     {refused("AccessDeniedException", "not yours"), nil, "not yours"},
		"no table":          {sent(&types.ResourceNotFoundException{}), nil, "is ledger the name of the ledger's table"},
		"misused":           {refused(codeInvalid, "bad expression"), nil, "bad expression"},
		"misused in a step": {canceled("None", "SomethingElse"), nil, "cancelled"},
	} {
		for kind, call := range calls() {
			l, f := answering(c.err)
			err := call(t.Context(), l)
			if err == nil || !strings.Contains(err.Error(), c.words) || len(f.asked) != 1 {
				t.Errorf("%s, %s: want %q after one call, got %v after %d", kind, name, c.words, err, len(f.asked))
			}
			for _, e := range []error{ledger.ErrUnavailable, ledger.ErrConflict, ledger.ErrTooLarge} {
				if errors.Is(err, e) != errors.Is(c.is, e) {
					t.Errorf("%s, %s: want it to be %v, got %v", kind, name, c.is, err)
				}
			}
		}
	}
}

// dialError is how the net package says that nobody listens.
type dialError struct{}

func (*dialError) Error() string         { return "connection refused" }
func (*dialError) ConnectionError() bool { return true }

func TestTooLargeByWhatIsStored(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		err  error
		call func(*Ledger) error
	}{
		"UpdateItem": {
			refused(codeInvalid, "Item size to update has exceeded the maximum allowed size"),
			func(l *Ledger) error { return l.Claim(t.Context(), claim(web())) },
		},
		"TransactWriteItems": {
			canceled("None", reasonInvalid),
			func(l *Ledger) error { return l.Claim(t.Context(), claim(lock(), web())) },
		},
		"TransactWriteItems as a whole": {
			refused(codeInvalid, "Item size has exceeded the maximum allowed size"),
			func(l *Ledger) error { return l.Note(t.Context(), note()) },
		},
	} {
		l, _ := answering(c.err)
		if err := c.call(l); !errors.Is(err, ledger.ErrTooLarge) || !strings.Contains(err.Error(), web().String()) {
			t.Errorf("%s: want ErrTooLarge that names %s, got %v", kind, web(), err)
		}
	}
}

// TestLostReply holds the judgement of a write whose conditions do not hold:
// what is stored decides whether it was this very write.
func TestLostReply(t *testing.T) {
	t.Parallel()
	// What the claim stores, taken from its own request.
	l, f := answering(nil)
	if err := l.Claim(t.Context(), claim(web())); err != nil {
		t.Fatal(err)
	}
	mine := item{}
	for _, a := range []string{attrGeneration, attrIntent, attrIntentID, attrHistory} {
		mine[a] = f.askedUpdates[0].ExpressionAttributeValues[":"+a]
	}
	changed := func(attribute string, v types.AttributeValue) item {
		i := maps.Clone(mine)
		i[attribute] = v
		return i
	}
	for name, c := range map[string]struct {
		found item
		want  error
	}{
		"mine":               {mine, nil},
		"another intent":     {changed(attrIntent, text(`{"id":"c1"}`)), ledger.ErrConflict},
		"another history":    {changed(attrHistory, text(`{}{}`)), ledger.ErrConflict},
		"another generation": {changed(attrGeneration, number(6)), ledger.ErrConflict},
		"none":               {nil, ledger.ErrConflict},
	} {
		one := New(&fake{updates: []error{sent(&types.ConditionalCheckFailedException{Item: c.found})}}, "ledger")
		if err := one.Claim(t.Context(), claim(web())); !errors.Is(err, c.want) {
			t.Errorf("UpdateItem, %s: want %v, got %v", name, c.want, err)
		}
		two, f := answering(canceled(reasonCondition, reasonCondition))
		f.gets = []func() (*dynamodb.TransactGetItemsOutput, error){stored(c.found, mine)}
		if err := two.Claim(t.Context(), claim(lock(), web())); !errors.Is(err, c.want) {
			t.Errorf("TransactWriteItems, %s: want %v, got %v", name, c.want, err)
		}
		if d := fmt.Sprint(f.asked); d != "[TransactWriteItems TransactGetItems]" {
			t.Errorf("%s: want one write and one read of what is stored, got %s", name, d)
		}
	}
}

// TestLostReplyOfALearntNote holds the judgement of a note that left no record:
// the row must hold its history, one generation higher, and no intent.
func TestLostReplyOfALearntNote(t *testing.T) {
	t.Parallel()
	l, f := answering(nil)
	if err := l.Note(t.Context(), learnt()); err != nil {
		t.Fatal(err)
	}
	mine := item{attrReason: text(`{}`)}
	for _, a := range []string{attrGeneration, attrHistory} {
		mine[a] = f.askedUpdates[0].ExpressionAttributeValues[":"+a]
	}
	changed := func(attribute string, v types.AttributeValue) item {
		i := maps.Clone(mine)
		i[attribute] = v
		return i
	}
	for name, c := range map[string]struct {
		found item
		want  error
	}{
		"mine":               {mine, nil},
		"another history":    {changed(attrHistory, text(`{}`)), ledger.ErrConflict},
		"another generation": {changed(attrGeneration, number(6)), ledger.ErrConflict},
		"a claim came first": {changed(attrIntentID, text("c1")), ledger.ErrConflict},
		"none":               {nil, ledger.ErrConflict},
	} {
		one := New(&fake{updates: []error{sent(&types.ConditionalCheckFailedException{Item: c.found})}}, "ledger")
		if err := one.Note(t.Context(), learnt()); !errors.Is(err, c.want) {
			t.Errorf("%s: want %v, got %v", name, c.want, err)
		}
	}
}

func TestLostReplyCannotBeJudged(t *testing.T) {
	t.Parallel()
	l, f := answering(canceled(reasonCondition, "None"))
	f.gets = []func() (*dynamodb.TransactGetItemsOutput, error){
		func() (*dynamodb.TransactGetItemsOutput, error) { return nil, broken() },
	}
	if err := l.Note(t.Context(), note()); !errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, ledger.ErrConflict) {
		t.Errorf("want ErrUnavailable alone, got %v", err)
	}
}

// TestConditionBeforeConflict holds that a lost race is told at once, though
// another item only met a transaction.
func TestConditionBeforeConflict(t *testing.T) {
	t.Parallel()
	l, f := answering(canceled("TransactionConflict", reasonCondition))
	if err := l.Claim(t.Context(), claim(lock(), web())); !errors.Is(err, ledger.ErrConflict) || len(f.askedWrites) != 1 {
		t.Errorf("want ErrConflict after one write, got %v after %d", err, len(f.askedWrites))
	}
}

// TestFloorMoved holds that a creation beside a removal is built anew on the
// new floor, and given up where that never ends.
func TestFloorMoved(t *testing.T) {
	t.Parallel()
	index := func(floor int64) func() (*dynamodb.QueryOutput, error) {
		i := indexKey("prod")
		i[attrFloor] = number(floor)
		return page(i)
	}
	moved := canceled("None", reasonCondition)
	f := &fake{
		queries: []func() (*dynamodb.QueryOutput, error){page(), index(7)},
		writes:  []error{moved, nil},
	}
	if err := New(f, "ledger").Change(t.Context(), created()); err != nil {
		t.Fatal(err)
	}
	first, second := f.askedWrites[0].TransactItems, f.askedWrites[1].TransactItems
	for i, want := range []string{"1", "8"} {
		got := plain([][]types.TransactWriteItem{first, second}[i][0].Update.ExpressionAttributeValues[":gen"])
		if got != want {
			t.Errorf("attempt %d: want generation %s, got %s", i, want, got)
		}
	}
	if got, want := aws.ToString(first[1].Update.ConditionExpression), "#floor = :was OR attribute_not_exists(#floor)"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if got, want := aws.ToString(second[1].Update.ConditionExpression), "#floor = :was"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}

	endless := &fake{queries: []func() (*dynamodb.QueryOutput, error){page()}, writes: []error{moved}}
	if err := New(endless, "ledger").Change(t.Context(), created()); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("want ErrUnavailable, got %v", err)
	}
	if len(endless.askedWrites) != floorTries {
		t.Errorf("want %d attempts, got %d", floorTries, len(endless.askedWrites))
	}
	blind := &fake{queries: []func() (*dynamodb.QueryOutput, error){func() (*dynamodb.QueryOutput, error) { return nil, broken() }}}
	if err := New(blind, "ledger").Change(t.Context(), created()); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("want ErrUnavailable, got %v", err)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	var sum float64
	const n = 1000
	for i := range n {
		v := spread(fmt.Sprint("c", i%100), i/100)
		if v < 0 || v >= 1 || v != spread(fmt.Sprint("c", i%100), i/100) {
			t.Fatalf("want the same number in [0, 1) each time, got %v", v)
		}
		sum += v
	}
	if mean := sum / n; mean < 0.45 || mean > 0.55 {
		t.Errorf("want a mean near one half, got %v", mean)
	}
}
