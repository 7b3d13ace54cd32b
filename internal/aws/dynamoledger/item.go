package dynamoledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// item is one item of the table.
type item = map[string]types.AttributeValue

// The attributes.
const (
	attrPK         = "pk"
	attrSK         = "sk"
	attrGeneration = "gen"
	attrPolicy     = "policy"
	attrOverrides  = "overrides"
	attrIntent     = "intent"
	attrIntentID   = "intentId"
	attrFreeAt     = "freeAt"
	attrHistory    = "history"
	attrReason     = "reason"
	attrControl    = "control"
	attrRecord     = "record"
	attrDecision   = "decision"
	attrInput      = "input"
	attrExpiresAt  = "expiresAt"
	attrRows       = "rows"
	attrFloor      = "floor"
	attrDrain      = "drain"
)

// The keys, or what they begin with.
const (
	pkClusters = "CLUSTERS"
	pkCluster  = "CLUSTER#"
	pkDecision = "DECISION#"
	skService  = "SERVICE#"
	skGroup    = "GROUP#"
	skControl  = "CONTROL"
	skDrain    = "DRAIN#"
)

// stampLayout is RFC 3339 in UTC with all nine decimals, so that text sorts as time.
const stampLayout = "2006-01-02T15:04:05.000000000Z"

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

func key(pk, sk string) item { return item{attrPK: text(pk), attrSK: text(sk)} }

func rowKey(t fleet.Target) item {
	prefix := skService
	if t.Kind == fleet.GroupTarget {
		prefix = skGroup
	}
	return key(pkCluster+string(t.Cluster), prefix+t.Name)
}

func controlKey(c fleet.ClusterName) item { return key(pkCluster+string(c), skControl) }

func drainKey(c fleet.ClusterName, i fleet.InstanceID) item {
	return key(pkCluster+string(c), skDrain+string(i))
}

func indexKey(c fleet.ClusterName) item { return key(pkClusters, string(c)) }

func recordKey(r ledger.Record) item {
	return key(pkDecision+r.Target.String(), fmt.Sprintf("%s#%019d", stamp(r.At), r.Generation))
}

// targetOf reads the sort key of a row; ok is false for other items of the cluster.
func targetOf(c fleet.ClusterName, sk string) (t fleet.Target, ok bool) {
	if name, found := strings.CutPrefix(sk, skService); found {
		return fleet.ServiceKey{Cluster: c, Service: fleet.ServiceName(name)}.Target(), true
	}
	if name, found := strings.CutPrefix(sk, skGroup); found {
		return fleet.GroupOf(c, fleet.GroupName(name)), true
	}
	return fleet.Target{}, false
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// document writes a value as JSON. The ledger's types have one JSON for one
// value, so that stored text is compared as text.
func document(what string, v any) (types.AttributeValue, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return text(string(b)), nil
}

// textOf reads a string, empty where there is none.
func textOf(i item, attribute string) string {
	if s, ok := i[attribute].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// numberOf reads a number, 0 where there is none.
func numberOf(i item, attribute string) (int64, error) {
	v, ok := i[attribute].(*types.AttributeValueMemberN)
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", attribute, err)
	}
	return n, nil
}

// read decodes the JSON of an attribute into a value, if the item has it.
func read(i item, attribute string, into any) error {
	s := textOf(i, attribute)
	if s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), into); err != nil {
		return fmt.Errorf("read %s: %w", attribute, err)
	}
	return nil
}

func decodeRow(t fleet.Target, i item) (ledger.Row, error) {
	r := ledger.Row{Target: t}
	var err error
	if r.Generation, err = numberOf(i, attrGeneration); err != nil {
		return ledger.Row{}, err
	}
	for _, p := range []struct {
		attribute string
		into      any
	}{
		{attrPolicy, &r.Policy},
		{attrOverrides, &r.Overrides},
		{attrIntent, &r.Intent},
		{attrHistory, &r.History},
		{attrReason, &r.Reason},
	} {
		if err := read(i, p.attribute, p.into); err != nil {
			return ledger.Row{}, err
		}
	}
	return r, nil
}

func decodeDrain(i item) (ledger.Drain, error) {
	var d ledger.Drain
	var err error
	if d.Generation, err = numberOf(i, attrGeneration); err != nil {
		return ledger.Drain{}, err
	}
	return d, read(i, attrDrain, &d.Row)
}

// encodeRecord gives the whole item of a record. Decision and input are
// attributes of their own: JSON within JSON would not keep their bytes.
func encodeRecord(r ledger.Record) (item, error) {
	i := recordKey(r)
	if len(r.Decision) > 0 {
		i[attrDecision] = text(string(r.Decision))
	}
	if len(r.Input) > 0 {
		i[attrInput] = text(string(r.Input))
	}
	expires := r.At.Add(ledger.RecordLife)
	r.Decision, r.Input = nil, nil
	rest, err := document("record of "+r.Target.String(), r)
	if err != nil {
		return nil, err
	}
	i[attrRecord] = rest
	i[attrExpiresAt] = number(expires.Unix())
	return i, nil
}

func decodeRecord(i item) (ledger.Record, error) {
	var r ledger.Record
	if err := read(i, attrRecord, &r); err != nil {
		return ledger.Record{}, err
	}
	if s := textOf(i, attrDecision); s != "" {
		r.Decision = json.RawMessage(s)
	}
	if s := textOf(i, attrInput); s != "" {
		r.Input = json.RawMessage(s)
	}
	return r, nil
}
