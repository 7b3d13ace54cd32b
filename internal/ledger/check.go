package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

const (
	// maxWriteBytes is DynamoDB's limit of all items of one transaction.
	maxWriteBytes = 4 * 1024 * 1024
	// maxWrites is DynamoDB's limit of the number of items of one transaction.
	maxWrites = 100
	// maxNameBytes is what ECS and Auto Scaling allow a name; it keeps every key
	// far below DynamoDB's limits.
	maxNameBytes = 255
)

// Check tells why no ledger would store the claim, whatever its rows hold: it
// is misused, or too large by itself (ErrTooLarge).
func (c Claim) Check() error {
	if c.ID == "" {
		return errors.New("check claim: the id is empty: give every evaluation's claim its own")
	}
	if n := len(c.Entries); n > MaxClaimServices+1 {
		return fmt.Errorf("check claim %s: %d rows are more than the lock and %d services: leave the rest to the next pass",
			c.ID, n, MaxClaimServices)
	}
	var rows rowSet
	for _, e := range c.Entries {
		if err := rows.add(e.Target, e.Generation, 1); err != nil {
			return fmt.Errorf("check claim %s: %w", c.ID, err)
		}
		if e.Intent.ID != "" && e.Intent.ID != c.ID {
			return fmt.Errorf("check claim %s: the intent of %s has id %q: leave it empty or give it the claim's",
				c.ID, e.Target, e.Intent.ID)
		}
		if !e.Intent.ActBy.After(e.Intent.At) {
			return fmt.Errorf("check claim %s: the intent of %s must have actBy after at %s, has %s",
				c.ID, e.Target, stamp(e.Intent.At), stamp(e.Intent.ActBy))
		}
		if err := rows.weigh(Row{Target: e.Target, Generation: e.Generation, Intent: &e.Intent, History: e.History}); err != nil {
			return fmt.Errorf("check claim %s: %w", c.ID, err)
		}
	}
	return rows.check("claim " + c.ID)
}

// Check tells why no ledger would store the closing, as Claim.Check does.
func (c Closing) Check() error {
	if c.ID == "" {
		return errors.New("check closing: the id is empty: give it that of the claim whose intents it closes")
	}
	var rows rowSet
	after := make(map[fleet.Target]int64, len(c.Entries))
	for _, e := range c.Entries {
		if err := rows.add(e.Target, e.Generation, 1); err != nil {
			return fmt.Errorf("check closing %s: %w", c.ID, err)
		}
		after[e.Target] = e.Generation + 1
		row := Row{Target: e.Target, Generation: e.Generation, Reason: e.Reason}
		if e.History != nil {
			row.History = *e.History
		}
		if err := rows.weigh(row); err != nil {
			return fmt.Errorf("check closing %s: %w", c.ID, err)
		}
	}
	for _, r := range c.Records {
		gen, ok := after[r.Target]
		if !ok {
			return fmt.Errorf("check closing %s: the record of %s has no row among the entries: add the row", c.ID, r.Target)
		}
		if err := rows.record(r, gen); err != nil {
			return fmt.Errorf("check closing %s: %w", c.ID, err)
		}
	}
	return rows.check("closing " + c.ID)
}

// Check tells why no ledger would store the note, as Claim.Check does.
func (n Note) Check() error {
	var rows rowSet
	if err := rows.add(n.Target, n.Generation, 1); err != nil {
		return fmt.Errorf("check note: %w", err)
	}
	row := Row{Target: n.Target, Generation: n.Generation, Reason: n.Reason}
	if n.History != nil {
		row.History = *n.History
	}
	if err := rows.weigh(row); err != nil {
		return fmt.Errorf("check note: %w", err)
	}
	switch {
	case (n.Reason == nil) != (n.Record == nil):
		return fmt.Errorf("check note: %s has a reason or a record alone: a new reason goes with its record", n.Target)
	case n.Record == nil && n.History == nil:
		return fmt.Errorf("check note: %s has neither a reason nor a history: there is nothing to note", n.Target)
	case n.Record == nil:
		return nil
	case n.Record.Target != n.Target:
		return fmt.Errorf("check note: the record is of %s, the note of %s: they must agree", n.Record.Target, n.Target)
	}
	if err := rows.record(*n.Record, n.Generation+1); err != nil {
		return fmt.Errorf("check note: %w", err)
	}
	return nil
}

// Check tells why no ledger would store the change, as Claim.Check does.
func (c Change) Check() error {
	op := "change of cluster " + string(c.Cluster)
	if n := len(c.Edits); n > MaxEdits {
		return fmt.Errorf("check %s: %d edits are more than %d: make several changes of it", op, n, MaxEdits)
	}
	if len(c.Edits) == 0 && c.Control != nil {
		return checkControl(op, c)
	}
	var rows rowSet
	for _, e := range c.Edits {
		if e.Target.Cluster != c.Cluster {
			return fmt.Errorf("check %s: %s is of another cluster: make a change of its own", op, e.Target)
		}
		if err := rows.add(e.Target, e.Generation, 0); err != nil {
			return fmt.Errorf("check %s: %w", op, err)
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("check %s: edit of %s: %w", op, e.Target, err)
		}
		if err := rows.weigh(e.row()); err != nil {
			return fmt.Errorf("check %s: %w", op, err)
		}
	}
	if err := checkControl(op, c); err != nil {
		return err
	}
	return rows.check(op)
}

func checkControl(op string, c Change) error {
	if c.Control == nil {
		return nil
	}
	if err := checkName("cluster", string(c.Cluster)); err != nil {
		return fmt.Errorf("check %s: %w", op, err)
	}
	if c.Control.Generation < 0 {
		return fmt.Errorf("check %s: the control's generation %d is negative: give the one that was read", op, c.Control.Generation)
	}
	b, err := json.Marshal(c.Control)
	if err != nil {
		return fmt.Errorf("check %s: encode control: %w", op, err)
	}
	if len(b) > MaxEditBytes {
		return fmt.Errorf("check %s: the control would take %d bytes of %d: shorten why: %w", op, len(b), MaxEditBytes, ErrTooLarge)
	}
	return nil
}

func (e Edit) check() error {
	if e.Remove {
		if e.Policy != nil || e.Overrides != nil {
			return errors.New("it removes the row and changes it: do one of them")
		}
		if e.Generation == 0 {
			return errors.New("it removes a row at generation 0, which says that there is none: leave it out")
		}
		return nil
	}
	p := e.Policy
	if p == nil {
		return nil
	}
	service := e.Target.Kind == fleet.ServiceTarget
	if (p.Service != nil) != service || (p.Group != nil) == service {
		return fmt.Errorf("the policy must have the field %s and no other", e.Target.Kind)
	}
	return nil
}

// row is what the edit says of its row.
func (e Edit) row() Row {
	r := Row{Target: e.Target, Generation: e.Generation, Policy: e.Policy}
	if e.Overrides != nil {
		r.Overrides = *e.Overrides
	}
	return r
}

// rowSet gathers the items of one write: distinct, of one cluster, and not too
// large.
type rowSet struct {
	targets []fleet.Target
	records []Record
	bytes   int
}

func (s *rowSet) add(t fleet.Target, generation, least int64) error {
	if err := CheckTarget(t); err != nil {
		return err
	}
	if generation < least {
		return fmt.Errorf("%s is given at generation %d, it must be at least %d: give the one that was read", t, generation, least)
	}
	for _, o := range s.targets {
		if o == t {
			return fmt.Errorf("%s is given twice: make one entry of it", t)
		}
		if o.Cluster != t.Cluster {
			return fmt.Errorf("%s and %s are of two clusters: write each by itself", o, t)
		}
	}
	s.targets = append(s.targets, t)
	return nil
}

func (s *rowSet) weigh(r Row) error {
	n, err := r.Size()
	if err != nil {
		return err
	}
	s.bytes += n
	most := MaxItemBytes
	if r.Policy != nil || r.Overrides != nil {
		most = MaxEditBytes
	}
	if n > most {
		return fmt.Errorf("the row of %s would take %d bytes of %d: %w", r.Target, n, most, ErrTooLarge)
	}
	return nil
}

func (s *rowSet) record(r Record, generation int64) error {
	if r.Generation != generation {
		return fmt.Errorf("the record of %s has generation %d: it must have %d, that of the row after the write",
			r.Target, r.Generation, generation)
	}
	for _, o := range s.records {
		if o.Target == r.Target && o.At.Equal(r.At) {
			return fmt.Errorf("there are two records of %s at %s: make one of them", r.Target, stamp(r.At))
		}
	}
	n, err := r.Size()
	if err != nil {
		return err
	}
	if n > MaxItemBytes {
		return fmt.Errorf("the record of %s would take %d bytes of %d: leave out its input: %w", r.Target, n, MaxItemBytes, ErrTooLarge)
	}
	s.bytes += n
	s.records = append(s.records, r)
	return nil
}

// check judges the set as a whole.
func (s *rowSet) check(op string) error {
	if len(s.targets) == 0 {
		return fmt.Errorf("check %s: it has no rows", op)
	}
	if n := len(s.targets) + len(s.records); n > maxWrites {
		return fmt.Errorf("check %s: %d rows and records are more than one transaction's %d: write fewer at once", op, n, maxWrites)
	}
	if s.bytes > maxWriteBytes {
		return fmt.Errorf("check %s: %d bytes from %s on are more than one transaction's %d: write fewer rows at once: %w",
			op, s.bytes, s.targets[0], maxWriteBytes, ErrTooLarge)
	}
	return nil
}

// CheckTarget tells why no row or record could be kept of the target.
func CheckTarget(t fleet.Target) error {
	if t.Kind != fleet.ServiceTarget && t.Kind != fleet.GroupTarget {
		return fmt.Errorf("target %s is of kind %q: it must be %s or %s", t, t.Kind, fleet.ServiceTarget, fleet.GroupTarget)
	}
	if err := checkName("cluster", string(t.Cluster)); err != nil {
		return fmt.Errorf("target %s: %w", t, err)
	}
	// The name of a group may hold slashes; it is the last part of every key.
	if t.Name == "" || len(t.Name) > maxNameBytes {
		return fmt.Errorf("target %s: the name must have 1 to %d bytes, has %d", t, maxNameBytes, len(t.Name))
	}
	return nil
}

func checkName(what, name string) error {
	if name == "" || len(name) > maxNameBytes || strings.Contains(name, "/") {
		return fmt.Errorf("%s %q must have 1 to %d bytes and no slash: give its short name, not the ARN", what, name, maxNameBytes)
	}
	return nil
}
