package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Memory is a ledger in this process, safe for concurrent use. It keeps the
// promises of the DynamoDB ledger, down to the limits of an item, and forgets
// everything when the process ends. NewMemory makes one.
type Memory struct {
	mu       sync.RWMutex
	rows     map[fleet.Target]Row // never handed out, see clone
	controls map[fleet.ClusterName]Control
	// floors holds, per cluster, a number no less than any generation that was removed.
	floors  map[fleet.ClusterName]int64
	records map[fleet.Target][]Record // oldest first
	drains  map[drainKey]Drain        // never handed out, see clone
}

// NewMemory gives an empty ledger.
func NewMemory() *Memory {
	return &Memory{
		rows:     map[fleet.Target]Row{},
		controls: map[fleet.ClusterName]Control{},
		floors:   map[fleet.ClusterName]int64{},
		records:  map[fleet.Target][]Record{},
		drains:   map[drainKey]Drain{},
	}
}

// Clusters lists the clusters that have rows, sorted.
func (m *Memory) Clusters(ctx context.Context) ([]fleet.ClusterName, error) {
	if err := alive(ctx, "list clusters"); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	found := map[fleet.ClusterName]bool{}
	for t := range m.rows {
		found[t.Cluster] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// Read gives everything of one cluster; an unknown cluster is empty.
func (m *Memory) Read(ctx context.Context, cluster fleet.ClusterName) (Cluster, error) {
	if err := alive(ctx, "read cluster "+string(cluster)); err != nil {
		return Cluster{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := Cluster{Name: cluster, Control: m.controls[cluster]}
	for t, r := range m.rows {
		if t.Cluster == cluster {
			c.Rows = append(c.Rows, clone(r))
		}
	}
	slices.SortFunc(c.Rows, func(a, b Row) int { return a.Target.Compare(b.Target) })
	c.Drains = m.readDrains(cluster)
	return c, nil
}

// Claim takes a cell, see Book.
func (m *Memory) Claim(ctx context.Context, c Claim) error {
	op := "claim " + c.ID
	if err := alive(ctx, op); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	next := make([]write, 0, len(c.Entries))
	for _, e := range c.Entries {
		e.Intent.ID = c.ID
		intent, err := roundTrip(e.Intent)
		if err != nil {
			return fmt.Errorf("%s: encode intent of %s: %w", op, e.Target, err)
		}
		past, err := roundTrip(e.History)
		if err != nil {
			return fmt.Errorf("%s: encode history of %s: %w", op, e.Target, err)
		}
		next = append(next, write{
			target: e.Target, generation: e.Generation,
			allow: func(r Row) bool { return r.Intent == nil || !intent.At.Before(r.Intent.Free()) },
			apply: func(r Row) Row {
				r.Intent, r.History = &intent, past
				return r
			},
			done: func(r Row) bool {
				return r.Intent != nil && same(*r.Intent, intent) && same(r.History, past)
			},
		})
	}
	return m.commit(op, next, nil)
}

// Close ends a claim, see Book.
func (m *Memory) Close(ctx context.Context, c Closing) error {
	op := "close claim " + c.ID
	if err := alive(ctx, op); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	next := make([]write, 0, len(c.Entries))
	for _, e := range c.Entries {
		past, err := roundTrip(e.History)
		if err != nil {
			return fmt.Errorf("%s: encode history of %s: %w", op, e.Target, err)
		}
		reason, err := roundTrip(e.Reason)
		if err != nil {
			return fmt.Errorf("%s: encode reason of %s: %w", op, e.Target, err)
		}
		next = append(next, write{
			target: e.Target, generation: e.Generation,
			allow: func(r Row) bool { return r.Intent != nil && r.Intent.ID == c.ID },
			apply: func(r Row) Row {
				r.Intent = nil
				if past != nil {
					r.History = *past
				}
				if reason != nil {
					r.Reason = reason
				}
				return r
			},
			done: func(r Row) bool { return r.Intent == nil },
		})
	}
	return m.commit(op, next, c.Records)
}

// Note stores a changed hold reason and what was learnt, see Book.
func (m *Memory) Note(ctx context.Context, n Note) error {
	op := "note on " + n.Target.String()
	if err := alive(ctx, op); err != nil {
		return err
	}
	if err := n.Check(); err != nil {
		return err
	}
	reason, err := roundTrip(n.Reason)
	if err != nil {
		return fmt.Errorf("%s: encode reason: %w", op, err)
	}
	past, err := roundTrip(n.History)
	if err != nil {
		return fmt.Errorf("%s: encode history of %s: %w", op, n.Target, err)
	}
	var records []Record
	if n.Record != nil {
		records = []Record{*n.Record}
	}
	return m.commit(op, []write{{
		target: n.Target, generation: n.Generation,
		allow: func(r Row) bool { return r.Intent == nil },
		apply: func(r Row) Row {
			if reason != nil {
				r.Reason = reason
			}
			if past != nil {
				r.History = *past
			}
			return r
		},
		done: func(r Row) bool {
			return r.Intent == nil && (reason == nil || same(r.Reason, reason)) && (past == nil || same(r.History, *past))
		},
	}}, records)
}

// write is one row of a transaction: the generation it is conditional on, what
// else must hold, the row it makes, and whether a row one generation higher is
// that row already.
type write struct {
	target     fleet.Target
	generation int64
	allow      func(Row) bool
	apply      func(Row) Row
	done       func(Row) bool
}

// commit writes every row and record, or nothing. A write that is stored
// already, since its reply was lost, is a success.
func (m *Memory) commit(op string, writes []write, records []Record) error {
	kept := make([]Record, 0, len(records))
	for _, r := range records {
		k, err := keep(r)
		if err != nil {
			return fmt.Errorf("%s: encode record of %s: %w", op, r.Target, err)
		}
		kept = append(kept, k)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := make([]Row, 0, len(writes))
	for _, w := range writes {
		stored := m.rows[w.target]
		if stored.Generation != w.generation || !w.allow(stored) {
			return m.settle(op, writes, kept)
		}
		row := w.apply(stored)
		row.Generation++
		if err := fits(op, row); err != nil {
			return err
		}
		next = append(next, row)
	}
	for _, r := range next {
		m.rows[r.Target] = r
	}
	for _, r := range kept {
		m.remember(r)
	}
	return nil
}

// settle judges a write whose conditions do not hold: it is stored already, or
// another one came first.
func (m *Memory) settle(op string, writes []write, records []Record) error {
	for _, w := range writes {
		stored := m.rows[w.target]
		if stored.Generation != w.generation+1 || !w.done(stored) {
			return conflict(op, w.target, w.generation, stored)
		}
	}
	for _, r := range records {
		if !m.remembers(r) {
			return fmt.Errorf("%s: %s is closed by another: %w", op, r.Target, ErrConflict)
		}
	}
	return nil
}

func conflict(op string, t fleet.Target, read int64, stored Row) error {
	found := fmt.Sprintf("found %d", stored.Generation)
	if stored.Generation == 0 {
		found = "found no row"
	}
	if stored.Intent != nil {
		found += " with the intent of " + stored.Intent.ID
	}
	return fmt.Errorf("%s: %s was read at generation %d, %s: %w", op, t, read, found, ErrConflict)
}

// fits refuses a row that DynamoDB would refuse.
func fits(op string, r Row) error {
	n, err := r.Size()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if n > MaxItemBytes {
		return fmt.Errorf("%s: the row of %s would take %d bytes of %d: %w", op, r.Target, n, MaxItemBytes, ErrTooLarge)
	}
	return nil
}

// alive refuses to start when the caller has gone.
func alive(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w: %w", op, ErrUnavailable, err)
	}
	return nil
}

// keep gives the record as it is stored: Decision and Input byte for byte, the
// rest as JSON brings it back.
func keep(r Record) (Record, error) {
	decision, input := slices.Clone(r.Decision), slices.Clone(r.Input)
	r.Decision, r.Input = nil, nil
	k, err := roundTrip(r)
	if err != nil {
		return Record{}, err
	}
	k.Decision, k.Input = nonEmpty(decision), nonEmpty(input)
	return k, nil
}

func nonEmpty(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	return b
}

// roundTrip gives the value as JSON brings it back, so that both ledgers lose
// and keep the same: no monotonic clock, no empty lists, and nothing shared.
func roundTrip[T any](v T) (T, error) {
	var back T
	b, err := json.Marshal(v)
	if err != nil {
		return back, fmt.Errorf("write JSON: %w", err)
	}
	if err := json.Unmarshal(b, &back); err != nil {
		return back, fmt.Errorf("read JSON: %w", err)
	}
	return back, nil
}

// same tells whether two stored values are equal. Their JSON decides, as in the table.
func same(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errors.Join(errA, errB) == nil && string(x) == string(y)
}
