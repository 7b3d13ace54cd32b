package dynamoledger_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/ledger/ledgertest"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// TestConformance runs the suite on Amazon's own DynamoDB.
func TestConformance(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledgertest.Pair {
		t.Helper()
		l := dynamoledger.New(localtest.Table(t))
		return ledgertest.Pair{Book: l, Desk: l, Drains: l, Remembers: true}
	})
}

// TestConformanceWithoutTokens runs it as if every repeat came after the ten
// minutes in which DynamoDB remembers tokens: what is stored must tell.
func TestConformanceWithoutTokens(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledgertest.Pair {
		t.Helper()
		client, table := localtest.Table(t)
		l := dynamoledger.New(&forgetful{Client: client, table: table}, table)
		return ledgertest.Pair{Book: l, Desk: l, Drains: l}
	})
}

// forgetful gives every write a token of its own.
type forgetful struct {
	*dynamodb.Client

	table string
	sent  atomic.Int64
}

func (f *forgetful) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	fresh := *in
	fresh.ClientRequestToken = aws.String(fmt.Sprint(f.table, "-", f.sent.Add(1)))
	out, err := f.Client.TransactWriteItems(ctx, &fresh, o...)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	return out, nil
}

// TestConformanceUnderFaults runs it with replies that are lost after the work
// was done and with throttles.
func TestConformanceUnderFaults(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledgertest.Pair {
		t.Helper()
		client, table := localtest.Table(t)
		l := dynamoledger.New(&faulty{Client: client}, table)
		return ledgertest.Pair{Book: l, Desk: l, Drains: l, Unavailable: 8, Remembers: true}
	})
}

// faulty loses every fifth reply and throttles every seventh call.
type faulty struct {
	*dynamodb.Client

	calls atomic.Int64
}

func around[In, Out any](ctx context.Context, f *faulty, in In, call func(context.Context, In, ...func(*dynamodb.Options)) (Out, error)) (Out, error) {
	var none Out
	n := f.calls.Add(1)
	if n%7 == 0 {
		return none, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("ThrottlingError")}}}
	}
	out, err := call(ctx, in)
	if err == nil && n%5 == 0 {
		return none, &smithy.GenericAPIError{Code: "InternalServerError", Message: "the reply is lost", Fault: smithy.FaultServer}
	}
	return out, err
}

func (f *faulty) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return around(ctx, f, in, f.Client.Query)
}

func (f *faulty) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return around(ctx, f, in, f.Client.UpdateItem)
}

func (f *faulty) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return around(ctx, f, in, f.Client.TransactWriteItems)
}

func (f *faulty) TransactGetItems(ctx context.Context, in *dynamodb.TransactGetItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return around(ctx, f, in, f.Client.TransactGetItems)
}

// TestItems holds the layout of the table: what other tools read of it, when
// records expire, and that ledger's estimates of sizes fit what is stored.
func TestItems(t *testing.T) {
	t.Parallel()
	client, table := localtest.Table(t)
	l := dynamoledger.New(client, table)
	now := time.Date(2096, time.March, 2, 10, 0, 0, 5, time.UTC)
	web, group := fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target(), fleet.GroupOf("prod", "g")
	rows := []fleet.Target{web, group}
	change := ledger.Change{Cluster: "prod", Control: &ledger.Control{Stop: true, Why: "w"}}
	for _, r := range rows {
		p := &ledger.Policy{Version: 1, Author: "zoë", At: now, Service: &spec.Service{MaxCapacity: 9, Alarms: []string{"<ü>"}}}
		if r == group {
			p.Service, p.Group = nil, &spec.Group{Mode: spec.Act}
		}
		change.Edits = append(change.Edits, ledger.Edit{Target: r, Policy: p, Overrides: &[]spec.Override{{Kind: spec.Pause, Until: now, Why: "y"}}})
	}
	must(t, l.Change(t.Context(), change))
	claim := ledger.Claim{ID: "c1"}
	for _, r := range rows {
		must(t, l.Note(t.Context(), ledger.Note{
			Target: r, Generation: 1, Reason: &ledger.Reason{Rule: "r", Because: "b", First: now, Last: now},
			Record: &ledger.Record{Target: r, At: now, Generation: 2, Because: "ü", Decision: []byte(`{"a": 1}`), Input: []byte(`[]`)},
		}))
		claim.Entries = append(claim.Entries, ledger.ClaimEntry{
			Target: r, Generation: 2, Intent: ledger.Intent{At: now, ActBy: now.Add(time.Second)},
			History: history.History{}.With(history.Order{At: now, To: 1}, []history.Mark{{Policy: "p", Datapoint: now}}),
		})
	}
	must(t, l.Claim(t.Context(), claim))

	stored := scan(t, client, table)
	var keys []string
	for k := range stored {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	want := "CLUSTER#prod CONTROL, CLUSTER#prod GROUP#g, CLUSTER#prod SERVICE#web, CLUSTERS prod, " +
		"DECISION#prod/group/g 2096-03-02T10:00:00.000000005Z#0000000000000000002, " +
		"DECISION#prod/service/web 2096-03-02T10:00:00.000000005Z#0000000000000000002"
	if got := strings.Join(keys, ", "); got != want {
		t.Fatalf("keys:\nwant %s\ngot  %s", want, got)
	}
	cluster, err := l.Read(t.Context(), "prod")
	must(t, err)
	for _, r := range rows {
		row := cluster.Row(r)
		near(t, "row of "+r.String(), row.Size, stored["CLUSTER#prod "+strings.ToUpper(string(r.Kind))+"#"+r.Name])
		records, err := l.Records(t.Context(), r, time.Time{}, 1)
		must(t, err)
		raw := stored["DECISION#"+r.String()+" 2096-03-02T10:00:00.000000005Z#0000000000000000002"]
		near(t, "record of "+r.String(), records[0].Size, raw)
		if got, want := number(raw["expiresAt"]), now.Add(6*7*24*time.Hour).Unix(); got != want {
			t.Errorf("%s: want its record to expire at %d, six weeks on, got %d", r, want, got)
		}
	}
	if n := number(stored["CLUSTERS prod"]["rows"]); n != 2 {
		t.Errorf("want 2 rows in the index, got %d", n)
	}
}

// near checks an estimate: never too low, at most 20 bytes too high.
func near(t *testing.T, what string, estimate func() (int, error), i map[string]types.AttributeValue) {
	t.Helper()
	got, err := estimate()
	must(t, err)
	bytes := 0
	for name, v := range i {
		bytes += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			bytes += len(v.Value)
		case *types.AttributeValueMemberN:
			bytes += (len(v.Value)+1)/2 + 1
		default:
			t.Fatalf("%s: %s is a %T, want text or a number", what, name, v)
		}
	}
	if got < bytes || got > bytes+20 {
		t.Errorf("%s takes %d bytes, estimated %d", what, bytes, got)
	}
}

func scan(t *testing.T, client *dynamodb.Client, table string) map[string]map[string]types.AttributeValue {
	t.Helper()
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	must(t, err)
	found := map[string]map[string]types.AttributeValue{}
	for _, i := range out.Items {
		found[text(i["pk"])+" "+text(i["sk"])] = i
	}
	return found
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func number(v types.AttributeValue) int64 {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return i
		}
	}
	return -1
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
