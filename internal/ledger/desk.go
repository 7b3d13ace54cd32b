package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Change edits a cluster, see Desk.
func (m *Memory) Change(ctx context.Context, c Change) error {
	op := "change cluster " + string(c.Cluster)
	if err := alive(ctx, op); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	edits := make([]Edit, 0, len(c.Edits))
	for _, e := range c.Edits {
		k, err := keepEdit(e)
		if err != nil {
			return fmt.Errorf("%s: edit of %s: %w", op, e.Target, err)
		}
		edits = append(edits, k)
	}
	var control *Control
	if c.Control != nil {
		k, err := roundTrip(*c.Control)
		if err != nil {
			return fmt.Errorf("%s: encode control: %w", op, err)
		}
		k.Generation++
		control = &k
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.edit(op, c.Cluster, edits, control)
}

// edit applies checked edits, or none of them; the lock is held. The control
// has the generation it is to be stored with.
func (m *Memory) edit(op string, cluster fleet.ClusterName, edits []Edit, control *Control) error {
	if control != nil && m.controls[cluster].Generation != control.Generation-1 {
		return m.settleEdit(op, cluster, edits, control)
	}
	next := make([]Row, 0, len(edits))
	for _, e := range edits {
		stored := m.rows[e.Target]
		if stored.Generation != e.Generation {
			return m.settleEdit(op, cluster, edits, control)
		}
		row := e.apply(stored, m.floors[cluster])
		if err := fits(op, row); err != nil {
			return err
		}
		next = append(next, row)
	}
	for i, e := range edits {
		if e.Remove {
			delete(m.rows, e.Target)
			// A sum, as DynamoDB can add but not compare; no less than the largest.
			m.floors[cluster] += e.Generation
			continue
		}
		m.rows[e.Target] = next[i]
	}
	if control != nil {
		m.controls[cluster] = *control
	}
	return nil
}

func (e Edit) apply(stored Row, floor int64) Row {
	stored.Target = e.Target
	if stored.Generation == 0 {
		stored.Generation = floor
	}
	stored.Generation++
	if e.Policy != nil {
		stored.Policy = e.Policy
	}
	if e.Overrides != nil {
		stored.Overrides = *e.Overrides
	}
	return stored
}

// settleEdit judges a change whose conditions do not hold, as settle does.
func (m *Memory) settleEdit(op string, cluster fleet.ClusterName, edits []Edit, control *Control) error {
	if stored := m.controls[cluster]; control != nil && !same(stored, *control) {
		return fmt.Errorf("%s: its control was read at generation %d, found %d: %w",
			op, control.Generation-1, stored.Generation, ErrConflict)
	}
	for _, e := range edits {
		if stored := m.rows[e.Target]; !e.stored(stored) {
			return conflict(op, e.Target, e.Generation, stored)
		}
	}
	return nil
}

// stored tells whether a row is what the edit would have made of it.
func (e Edit) stored(r Row) bool {
	switch {
	case e.Remove:
		return r.Generation == 0
	case e.Generation == 0: // created, and untouched since
		return r.Generation > 0 && r.Intent == nil && r.Reason == nil && same(r.History, Row{}.History) &&
			same(r.Policy, e.Policy) && same(r.Overrides, e.row().Overrides)
	}
	return r.Generation == e.Generation+1 &&
		(e.Policy == nil || same(r.Policy, e.Policy)) && (e.Overrides == nil || same(r.Overrides, *e.Overrides))
}

// keepEdit gives the edit as it is stored, sharing nothing with the caller.
func keepEdit(e Edit) (Edit, error) {
	p, err := roundTrip(e.Policy)
	if err != nil {
		return Edit{}, fmt.Errorf("encode policy: %w", err)
	}
	e.Policy = p
	if e.Overrides == nil {
		return e, nil
	}
	all, err := roundTrip(*e.Overrides)
	if err != nil {
		return Edit{}, fmt.Errorf("encode overrides: %w", err)
	}
	if len(all) == 0 {
		all = []spec.Override(nil)
	}
	e.Overrides = &all
	return e, nil
}

// Records gives the records of a target, see Desk.
func (m *Memory) Records(ctx context.Context, t fleet.Target, before time.Time, limit int) ([]Record, error) {
	op := "read records of " + t.String()
	if err := alive(ctx, op); err != nil {
		return nil, err
	}
	if err := CheckTarget(t); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if limit < 1 {
		return nil, fmt.Errorf("%s: limit %d must be at least 1", op, limit)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []Record
	for _, r := range slices.Backward(m.records[t]) {
		if len(found) == limit {
			break
		}
		if before.IsZero() || r.At.Before(before) {
			found = append(found, clone(r))
		}
	}
	return found, nil
}

// remember keeps a record in order and drops those past their life, judged by
// the newest one: the memory has no clock.
func (m *Memory) remember(r Record) {
	all := m.records[r.Target]
	at, _ := slices.BinarySearchFunc(all, r, compareRecords)
	all = slices.Insert(all, at, r)
	oldest := all[len(all)-1].At.Add(-RecordLife)
	for len(all) > 0 && all[0].At.Before(oldest) {
		all = all[1:]
	}
	m.records[r.Target] = all
}

// remembers tells whether exactly this record is kept.
func (m *Memory) remembers(r Record) bool {
	all := m.records[r.Target]
	at, found := slices.BinarySearchFunc(all, r, compareRecords)
	return found && same(all[at], r)
}

func compareRecords(a, b Record) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	switch {
	case a.Generation < b.Generation:
		return -1
	case a.Generation > b.Generation:
		return 1
	}
	return 0
}
