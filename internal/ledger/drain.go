package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Drain finds the removal of an instance; one without a row has generation 0.
func (c Cluster) Drain(id fleet.InstanceID) Drain {
	i, found := slices.BinarySearchFunc(c.Drains, id, func(d Drain, id fleet.InstanceID) int {
		return strings.Compare(string(d.Instance), string(id))
	})
	if !found {
		return Drain{Row: drain.Row{Cluster: c.Name, Instance: id}}
	}
	return c.Drains[i]
}

// Expires gives when the row may be deleted; ok is false while it is open.
func (d Drain) Expires() (at time.Time, ok bool) {
	if !d.State.Closed() {
		return time.Time{}, false
	}
	return d.Since.Add(DrainLife), true
}

// Check tells why no ledger would store the row, as Claim.Check does.
func (d Drain) Check() error {
	op := fmt.Sprintf("check drain %s", d.name())
	if err := checkName("cluster", string(d.Cluster)); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if err := checkName("instance", string(d.Instance)); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if d.Group == "" || len(d.Group) > maxNameBytes {
		return fmt.Errorf("%s: the group must have 1 to %d bytes, has %d", op, maxNameBytes, len(d.Group))
	}
	if d.Generation < 0 {
		return fmt.Errorf("%s: the generation %d is negative: give the one that was read", op, d.Generation)
	}
	if err := d.checkWords(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if d.Opened.IsZero() || d.Since.Before(d.Opened) || !d.Deadline.After(d.Opened) {
		return fmt.Errorf("%s: since %s must not be before opened %s, and deadline %s must be after it: a drain needs its end",
			op, stamp(d.Since), stamp(d.Opened), stamp(d.Deadline))
	}
	n, err := d.Size()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if n > MaxItemBytes {
		return fmt.Errorf("%s: it would take %d bytes of %d: shorten because: %w", op, n, MaxItemBytes, ErrTooLarge)
	}
	return nil
}

// checkWords refuses words that nobody would know what to do with later.
func (d Drain) checkWords() error {
	for _, f := range []struct {
		field, value string
		known        []string
	}{
		{"state", string(d.State), []string{
			string(drain.Candidate), string(drain.Draining), string(drain.Terminating), string(drain.Undoing),
			string(drain.Terminated), string(drain.Undone), string(drain.Gone),
		}},
		{"cause", string(d.Cause), []string{
			string(drain.Empty), string(drain.Consolidation), string(drain.Manual),
			string(drain.Spot), string(drain.Rebalance), string(drain.Lifecycle),
		}},
		{"onTimeout", d.OnTimeout, []string{spec.DrainUndo, spec.DrainTerminate}},
		{"standaloneTasks", d.Standalone, []string{spec.StandaloneWait, spec.StandaloneLeave}},
	} {
		if !slices.Contains(f.known, f.value) {
			return fmt.Errorf("%s %q is unknown: it must be one of %s", f.field, f.value, strings.Join(f.known, ", "))
		}
	}
	if d.Cause == drain.Lifecycle && d.Hook == nil {
		return errors.New("cause lifecycle needs its hook")
	}
	if h := d.Hook; h != nil && (h.Name == "" || h.Started.IsZero() || h.Timeout <= 0) {
		return fmt.Errorf("the hook %q needs its name, when its wait started and its timeout, has %s and %s", h.Name, stamp(h.Started), h.Timeout)
	}
	return nil
}

// name tells the row in messages.
func (d Drain) name() string { return string(d.Cluster) + "/drain/" + string(d.Instance) }

// WriteDrain stores a removal, see Drains.
func (m *Memory) WriteDrain(ctx context.Context, d Drain) error {
	op := "write drain " + d.name()
	if err := alive(ctx, op); err != nil {
		return err
	}
	if err := d.Check(); err != nil {
		return err
	}
	next, err := roundTrip(d)
	if err != nil {
		return fmt.Errorf("%s: encode row: %w", op, err)
	}
	next.Generation++
	m.mu.Lock()
	defer m.mu.Unlock()
	key := drainKey{d.Cluster, d.Instance}
	switch stored := m.drains[key]; {
	case stored.Generation == d.Generation:
		m.drains[key] = next
		m.forgetDrains(next)
		return nil
	case stored.Generation == next.Generation && same(stored, next):
		return nil
	case stored.Generation == 0:
		return fmt.Errorf("%s: it was read at generation %d, found no row: %w", op, d.Generation, ErrConflict)
	default:
		return fmt.Errorf("%s: it was read at generation %d, found %d: %w", op, d.Generation, stored.Generation, ErrConflict)
	}
}

// drainKey is what a removal is kept under.
type drainKey struct {
	cluster  fleet.ClusterName
	instance fleet.InstanceID
}

// forgetDrains drops the closed rows of the cluster that are past their life, judged
// by the newest one: the memory has no clock.
func (m *Memory) forgetDrains(newest Drain) {
	for k, d := range m.drains {
		if at, ok := d.Expires(); ok && k.cluster == newest.Cluster && at.Before(newest.Since) {
			delete(m.drains, k)
		}
	}
}

// readDrains gives the removals of a cluster; the lock is held.
func (m *Memory) readDrains(cluster fleet.ClusterName) []Drain {
	var ids []fleet.InstanceID
	for k := range m.drains {
		if k.cluster == cluster {
			ids = append(ids, k.instance)
		}
	}
	slices.Sort(ids)
	var found []Drain
	for _, id := range ids {
		found = append(found, clone(m.drains[drainKey{cluster, id}]))
	}
	return found
}

// Size estimates the bytes of the row as one DynamoDB item, at most some 20 too
// many.
func (d Drain) Size() (int, error) {
	b, err := json.Marshal(d.Row)
	if err != nil {
		return 0, fmt.Errorf("encode row of %s: %w", d.name(), err)
	}
	n := keyBytes("CLUSTER#", string(d.Cluster), "DRAIN#", string(d.Instance)) + len("gen") + numberBytes
	if _, ok := d.Expires(); ok {
		n += len("expiresAt") + numberBytes
	}
	return n + len("drain") + len(b), nil
}
