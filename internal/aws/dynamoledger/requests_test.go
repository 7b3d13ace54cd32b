package dynamoledger

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 1, time.UTC)

func web() fleet.Target { return fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target() }

func lock() fleet.Target { return fleet.GroupOf("prod", "g") }

func claim(targets ...fleet.Target) ledger.Claim {
	c := ledger.Claim{ID: "c1"}
	for _, t := range targets {
		c.Entries = append(c.Entries, ledger.ClaimEntry{
			Target: t, Generation: 4, Intent: ledger.Intent{At: noon, ActBy: noon.Add(ledger.ActWithin), Before: 2, Desired: 5},
		})
	}
	return c
}

func note() ledger.Note {
	return ledger.Note{
		Target: web(), Generation: 4, Reason: &ledger.Reason{Rule: "R"},
		Record: &ledger.Record{Target: web(), At: noon, Generation: 5, ID: "n1", Kind: ledger.Holding, Decision: []byte(`{}`)},
	}
}

// learnt is a note of what was learnt alone.
func learnt() ledger.Note {
	return ledger.Note{Target: web(), Generation: 4, History: &history.History{Rates: []history.Rate{{Policy: "queue", PerTask: 0.5, At: noon}}}}
}

func closing() ledger.Closing {
	return ledger.Closing{
		ID: "c1", Entries: []ledger.CloseEntry{{Target: web(), Generation: 5}},
		Records: []ledger.Record{{Target: web(), At: noon, Generation: 6, ID: "c1"}},
	}
}

func created() ledger.Change {
	return ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: web(), Policy: &ledger.Policy{Service: &spec.Service{}}}}}
}

// TestClaimOfOneRow holds the cheaper write of a single row: no transaction.
func TestClaimOfOneRow(t *testing.T) {
	t.Parallel()
	f := &fake{updates: []error{nil}}
	if err := New(f, "ledger").Claim(t.Context(), claim(web())); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"UpdateItem"}, f.asked); d != "" {
		t.Fatal(d)
	}
	in := f.askedUpdates[0]
	if got, want := aws.ToString(in.ConditionExpression), "#gen = :read AND (attribute_not_exists(#freeAt) OR #freeAt <= :at)"; got != want {
		t.Errorf("condition: want %s, got %s", want, got)
	}
	if got, want := aws.ToString(in.UpdateExpression),
		"SET #gen = :gen, #intent = :intent, #intentId = :intentId, #freeAt = :freeAt, #history = :history"; got != want {
		t.Errorf("update: want %s, got %s", want, got)
	}
	want := map[string]string{
		":gen": "5", ":read": "4", ":intentId": "c1", ":at": "2026-03-02T12:00:00.000000001Z", ":freeAt": "2026-03-02T12:00:30.000000001Z",
	}
	for name, v := range want {
		if got := plain(in.ExpressionAttributeValues[name]); got != v {
			t.Errorf("%s: want %s, got %s", name, v, got)
		}
	}
	if got := plain(in.Key["pk"]) + " " + plain(in.Key["sk"]); got != "CLUSTER#prod SERVICE#web" {
		t.Errorf("key: %s", got)
	}
	if aws.ToString(in.TableName) != "ledger" || in.ReturnValuesOnConditionCheckFailure != types.ReturnValuesOnConditionCheckFailureAllOld {
		t.Errorf("want the table and the old item asked for: %+v", in)
	}
}

// TestNoteOfWhatWasLearnt holds the cheaper write of a note without a record,
// and that it leaves the reason alone and meets no open intent.
func TestNoteOfWhatWasLearnt(t *testing.T) {
	t.Parallel()
	f := &fake{updates: []error{nil}}
	if err := New(f, "ledger").Note(t.Context(), learnt()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"UpdateItem"}, f.asked); d != "" {
		t.Fatal(d)
	}
	in := f.askedUpdates[0]
	if got, want := aws.ToString(in.ConditionExpression), "#gen = :read AND attribute_not_exists(#intentId)"; got != want {
		t.Errorf("condition: want %s, got %s", want, got)
	}
	if got, want := aws.ToString(in.UpdateExpression), "SET #gen = :gen, #history = :history"; got != want {
		t.Errorf("update: want %s, got %s", want, got)
	}
	want := `{"rates":[{"policy":"queue","perTask":0.5,"at":"2026-03-02T12:00:00.000000001Z","periods":0}]}`
	if got := plain(in.ExpressionAttributeValues[":history"]); got != want {
		t.Errorf("history: want %s, got %s", want, got)
	}
}

func plain(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return "?"
}

// TestTransactions holds what is written together, and its token.
func TestTransactions(t *testing.T) {
	t.Parallel()
	var tokens []string
	for name, c := range map[string]struct {
		call func(*Ledger) error
		want []string
	}{
		"claim": {
			func(l *Ledger) error { return l.Claim(t.Context(), claim(lock(), web())) },
			[]string{"Update CLUSTER#prod GROUP#g", "Update CLUSTER#prod SERVICE#web"},
		},
		"close": {
			func(l *Ledger) error { return l.Close(t.Context(), closing()) },
			[]string{"Update CLUSTER#prod SERVICE#web", "Put DECISION#prod/service/web 2026-03-02T12:00:00.000000001Z#0000000000000000006"},
		},
		"note": {
			func(l *Ledger) error { return l.Note(t.Context(), note()) },
			[]string{"Update CLUSTER#prod SERVICE#web", "Put DECISION#prod/service/web 2026-03-02T12:00:00.000000001Z#0000000000000000005"},
		},
		"create": {
			func(l *Ledger) error { return l.Change(t.Context(), created()) },
			[]string{"Update CLUSTER#prod SERVICE#web", "Update CLUSTERS prod"},
		},
		"change": {
			func(l *Ledger) error {
				return l.Change(t.Context(), ledger.Change{
					Cluster: "prod", Control: &ledger.Control{Stop: true},
					Edits: []ledger.Edit{{Target: web(), Generation: 4, Overrides: &[]spec.Override{}}},
				})
			},
			[]string{"Update CLUSTER#prod SERVICE#web", "Update CLUSTER#prod CONTROL"},
		},
		"remove": {
			func(l *Ledger) error {
				return l.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: web(), Generation: 4, Remove: true}}})
			},
			[]string{"Delete CLUSTER#prod SERVICE#web", "Update CLUSTERS prod"},
		},
	} {
		f := &fake{writes: []error{nil}, queries: []func() (*dynamodb.QueryOutput, error){page()}}
		if err := c.call(New(f, "ledger")); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, i := range f.askedWrites[0].TransactItems {
			got = append(got, described(i))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		token := aws.ToString(f.askedWrites[0].ClientRequestToken)
		if n := len(token); n < 16 || n > 36 {
			t.Errorf("%s: DynamoDB takes a token of at most 36 characters, got %q", name, token)
		}
		tokens = append(tokens, token)
	}
	for i, a := range tokens {
		for _, b := range tokens[:i] {
			if a == b {
				t.Errorf("two writes have one token: %v", tokens)
			}
		}
	}
}

func described(i types.TransactWriteItem) string {
	name := func(kind string, key item) string { return kind + " " + plain(key["pk"]) + " " + plain(key["sk"]) }
	switch {
	case i.Put != nil:
		return name("Put", i.Put.Item)
	case i.Delete != nil:
		return name("Delete", i.Delete.Key)
	}
	return name("Update", i.Update.Key)
}

// TestTokens holds that a repeated write has the token of the first, and
// another write, or one to another table, its own.
func TestTokens(t *testing.T) {
	t.Parallel()
	token := func(table string, c ledger.Claim) string {
		f := &fake{writes: []error{nil}}
		if err := New(f, table).Claim(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return aws.ToString(f.askedWrites[0].ClientRequestToken)
	}
	first := token("ledger", claim(lock(), web()))
	if again := token("ledger", claim(lock(), web())); again != first {
		t.Errorf("want the token %s again, got %s", first, again)
	}
	later := claim(lock(), web())
	later.Entries[1].Generation++
	for what, got := range map[string]string{
		"another table": token("ledger-2", claim(lock(), web())), "another generation": token("ledger", later),
	} {
		if got == first {
			t.Errorf("%s must have another token", what)
		}
	}
}

// TestReadsAreConsistent holds that no decision is made on an older copy, and
// that every page is asked for.
func TestReadsAreConsistent(t *testing.T) {
	t.Parallel()
	more := func() (*dynamodb.QueryOutput, error) {
		return &dynamodb.QueryOutput{LastEvaluatedKey: key("p", "s")}, nil
	}
	f := &fake{queries: []func() (*dynamodb.QueryOutput, error){more, page()}}
	l := New(f, "ledger")
	if _, err := l.Read(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Clusters(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Records(t.Context(), web(), noon, 7); err != nil {
		t.Fatal(err)
	}
	if len(f.askedQueries) != 4 || plain(f.askedQueries[1].ExclusiveStartKey["sk"]) != "s" {
		t.Fatalf("want the second page from where the first ended, got %d queries", len(f.askedQueries))
	}
	for i, q := range f.askedQueries {
		if !aws.ToBool(q.ConsistentRead) || aws.ToString(q.TableName) != "ledger" || q.FilterExpression != nil {
			t.Errorf("query %d: want a consistent one of the table, got %+v", i, q)
		}
	}
	records := f.askedQueries[3]
	if aws.ToBool(records.ScanIndexForward) || aws.ToInt32(records.Limit) != 7 ||
		plain(records.ExpressionAttributeValues[":before"]) != "2026-03-02T12:00:00.000000001Z" {
		t.Errorf("want 7 records, newest first, before noon: %+v", records)
	}
}

// TestWhatIsNotUnderstood holds that a damaged item is an error that names it,
// never an empty row.
func TestWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	row := func(attribute string, v types.AttributeValue) item {
		i := rowKey(web())
		i[attribute] = v
		return i
	}
	control := controlKey("prod")
	control["control"] = text("[]")
	index := indexKey("prod")
	index["rows"] = &types.AttributeValueMemberN{Value: "1e3"}
	record := key("DECISION#prod/service/web", "some time")
	record["record"] = text("?")
	removal := func(attribute string, v types.AttributeValue) item {
		i := drainKey("prod", "i-1")
		i[attribute] = v
		return i
	}
	reads := func(l *Ledger) error {
		_, err := l.Read(t.Context(), "prod")
		return err
	}
	for words, c := range map[string]struct {
		item item
		call func(*Ledger) error
	}{
		"prod/service/web is not understood: read gen":    {row("gen", &types.AttributeValueMemberN{Value: "x"}), reads},
		"prod/service/web is not understood: read policy": {row("policy", text(`{"version":"one"}`)), reads},
		"prod/service/web is not understood: read reason": {row("reason", text(`{`)), reads},
		"read cluster prod: read control":                 {control, reads},
		"the drain of i-1 is not understood: read gen":    {removal("gen", &types.AttributeValueMemberN{Value: "x"}), reads},
		"the drain of i-1 is not understood: read drain":  {removal("drain", text(`{"tries":"one"}`)), reads},
		"list clusters: read rows": {index, func(l *Ledger) error {
			_, err := l.Clusters(t.Context())
			return err
		}},
		"the record some time is not understood": {record, func(l *Ledger) error {
			_, err := l.Records(t.Context(), web(), time.Time{}, 1)
			return err
		}},
	} {
		l := New(&fake{queries: []func() (*dynamodb.QueryOutput, error){page(c.item)}}, "ledger")
		if err := c.call(l); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
	}
	other := key("CLUSTER#prod", "DRAIN#i-1")
	l := New(&fake{queries: []func() (*dynamodb.QueryOutput, error){page(other)}}, "ledger")
	if c, err := l.Read(t.Context(), "prod"); err != nil || len(c.Rows) != 0 {
		t.Errorf("items of other parts must be left alone, got %+v, %v", c, err)
	}
}
