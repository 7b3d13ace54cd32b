package ledger

import (
	"encoding/json"
	"fmt"
	"time"
)

// The sizes below follow DynamoDB's rule: an item takes the bytes of its
// attribute names and of its values in UTF-8; a number takes a byte for every
// two digits and one more. The attributes are those of the table in
// internal/aws/dynamoledger, whose tests hold the two together.

const (
	// numberBytes is the most that a number takes: 19 digits, rounded up.
	numberBytes = 11
	// stampBytes is the length of a time as it is written in keys.
	stampBytes = len("2006-01-02T15:04:05.000000000Z")
	// generationBytes is the length of a generation as it is written in keys.
	generationBytes = 19
)

// Size estimates the bytes of the row as one DynamoDB item, at most some 20 too
// many. It errs if a part cannot be written as JSON.
func (r Row) Size() (int, error) {
	n := keyBytes("CLUSTER#", string(r.Target.Cluster), string(r.Target.Kind)+"#", r.Target.Name)
	n += len("gen") + numberBytes
	add := func(attribute string, v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %s of %s: %w", attribute, r.Target, err)
		}
		n += len(attribute) + len(b)
		return nil
	}
	if r.Policy != nil {
		if err := add("policy", r.Policy); err != nil {
			return 0, err
		}
	}
	if len(r.Overrides) > 0 {
		if err := add("overrides", r.Overrides); err != nil {
			return 0, err
		}
	}
	if r.Intent != nil {
		if err := add("intent", r.Intent); err != nil {
			return 0, err
		}
		n += len("intentId") + len(r.Intent.ID) + len("freeAt") + stampBytes
	}
	if r.Reason != nil {
		if err := add("reason", r.Reason); err != nil {
			return 0, err
		}
	}
	if err := add("history", r.History); err != nil {
		return 0, err
	}
	return n, nil
}

// Size estimates the bytes of the record as one DynamoDB item, at most some 20
// too many, so that a caller can leave out Input where it would not fit in
// MaxItemBytes. It errs if Decision or Input are not JSON.
func (r Record) Size() (int, error) {
	n := keyBytes("DECISION#", r.Target.String(), "", "") + stampBytes + len("#") + generationBytes
	for _, p := range []struct {
		name string
		raw  json.RawMessage
	}{{"decision", r.Decision}, {"input", r.Input}} {
		if len(p.raw) == 0 {
			continue
		}
		if !json.Valid(p.raw) {
			return 0, fmt.Errorf("encode %s of the record of %s: it is not JSON", p.name, r.Target)
		}
		n += len(p.name) + len(p.raw)
	}
	r.Decision, r.Input = nil, nil
	b, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("encode record of %s: %w", r.Target, err)
	}
	return n + len("record") + len(b) + len("expiresAt") + numberBytes, nil
}

func keyBytes(parts ...string) int {
	n := len("pk") + len("sk")
	for _, p := range parts {
		n += len(p)
	}
	return n
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
