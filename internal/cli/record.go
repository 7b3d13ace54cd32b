package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// question is the document that decide reads.
type question struct {
	Now   time.Time    `json:"now"`
	Input policy.Input `json:"input"`
	// record is set where the question is a record of the ledger.
	record *recorded
}

// decide decides what the question asks for: about the whole cell, or about the
// target of the record.
func (q question) decide() policy.Decision {
	d := policy.Decide(q.Now, q.Input)
	if q.record != nil {
		d = d.About(q.record.Target)
	}
	return d
}

// recorded is a ledger.Record whose input is read strictly.
type recorded struct {
	Target       fleet.Target    `json:"target"`
	At           time.Time       `json:"at"`
	Generation   int64           `json:"generation"`
	ID           string          `json:"id"`
	Kind         ledger.Kind     `json:"kind"`
	Mode         spec.Mode       `json:"mode"`
	Before       int             `json:"before"`
	Desired      int             `json:"desired"`
	Rule         string          `json:"rule"`
	Because      string          `json:"because"`
	Outcome      string          `json:"outcome"`
	Decision     json.RawMessage `json:"decision"`
	Input        *policy.Input   `json:"input"`
	InputOmitted bool            `json:"inputOmitted"`
}

// readQuestion reads now and input, a record, or all that service explain
// --json printed, if that holds one record.
func readQuestion(src []byte) (question, error) {
	var parts map[string]json.RawMessage
	if json.Unmarshal(src, &parts) != nil { // strictJSON tells where the fault is
		parts = nil
	}
	if raw, ok := parts["records"]; ok {
		var records []json.RawMessage
		if err := json.Unmarshal(raw, &records); err != nil {
			return question{}, fmt.Errorf("records: %w", err)
		}
		if len(records) != 1 {
			return question{}, fmt.Errorf("it holds %d records: give one of them, as service explain prints with --at TIME, or with --limit 1 for the newest", len(records))
		}
		return readRecord(records[0])
	}
	if parts["decision"] != nil || parts["target"] != nil {
		return readRecord(src)
	}
	var q question
	return q, strictJSON(src, &q)
}

func readRecord(src []byte) (question, error) {
	var r recorded
	if err := strictJSON(src, &r); err != nil {
		return question{}, err
	}
	switch {
	case len(r.Decision) == 0:
		return question{}, fmt.Errorf("the record of kind %q holds no decision: it tells what became of an order; take the record of one", r.Kind)
	case r.InputOmitted:
		return question{}, errors.New("the record's input was too large to be kept, so it cannot be decided again: the answer of a manual invoke holds all of it")
	case r.Input == nil:
		return question{}, errors.New("the record keeps no input, so it cannot be decided again: take a newer one")
	}
	return question{Now: r.At, Input: *r.Input, record: &r}, nil
}

// verify tells where a decision differs from the recorded one. Both are compared
// as the ledger writes them: other spaces, or other forms of a number, that a
// tool on the way has made, are no difference.
func (r *recorded) verify(d policy.Decision) error {
	var was policy.Decision
	dec := json.NewDecoder(bytes.NewReader(r.Decision))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&was); err != nil {
		return fmt.Errorf("it does not replay: the recorded decision is of another version: %w", err)
	}
	want, wantErr := json.Marshal(was)
	got, gotErr := json.Marshal(d)
	if err := errors.Join(wantErr, gotErr); err != nil {
		return fmt.Errorf("compare with the recorded decision: %w", err)
	}
	if bytes.Equal(want, got) {
		return nil
	}
	path, before, after := firstDifference("decision", plainJSON(want), plainJSON(got))
	return fmt.Errorf("it does not replay: %s is %s, recorded is %s", path, after, before)
}

func plainJSON(b []byte) any {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if dec.Decode(&v) != nil { // it was just written
		return nil
	}
	return v
}

// firstDifference gives where two JSON values first differ, fields by their
// names, and both values there; the path is empty where they are equal.
func firstDifference(path string, a, b any) (at, before, after string) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := slices.AppendSeq(slices.Collect(maps.Keys(x)), maps.Keys(y))
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			if at, before, after = firstDifference(path+"."+n, x[n], y[n]); at != "" {
				return at, before, after
			}
		}
		return "", "", ""
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			break
		}
		for i := range x {
			if at, before, after = firstDifference(fmt.Sprintf("%s[%d]", path, i), x[i], y[i]); at != "" {
				return at, before, after
			}
		}
		return "", "", ""
	}
	if reflect.DeepEqual(a, b) {
		return "", "", ""
	}
	return path, jsonText(a), jsonText(b)
}

// jsonText writes a value for a message, cut short.
func jsonText(v any) string {
	if v == nil {
		return "absent"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 200
	if r := []rune(string(b)); len(r) > most {
		return string(r[:most]) + "..."
	}
	return string(b)
}
