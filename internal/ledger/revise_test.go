package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// rival is a memory ledger in which somebody else writes before some changes.
type rival struct {
	*ledger.Memory
	before  func(try int)
	answer  error
	changes int
	reads   int
}

func (r *rival) Change(ctx context.Context, c ledger.Change) error {
	r.changes++
	if r.before != nil {
		r.before(r.changes)
	}
	if r.answer != nil {
		return r.answer
	}
	return r.Memory.Change(ctx, c)
}

func (r *rival) Read(ctx context.Context, c fleet.ClusterName) (ledger.Cluster, error) {
	r.reads++
	return r.Memory.Read(ctx, c)
}

func newRival(t *testing.T) (*rival, ledger.Cluster) {
	t.Helper()
	r := &rival{Memory: ledger.NewMemory()}
	if err := r.Memory.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: checkout, Policy: rowOf(2, 60).Policy}}}); err != nil {
		t.Fatal(err)
	}
	return r, clusterOf(t, r)
}

func clusterOf(t *testing.T, r *rival) ledger.Cluster {
	t.Helper()
	c, err := r.Memory.Read(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pausing(c ledger.Cluster) (ledger.Change, error) {
	o, err := c.Row(checkout).WithOverride(word(spec.Pause, 0), ten)
	return o.Change(), err
}

// claimed takes the cell for an order, as an evaluation does.
func claimed(t *testing.T, r *rival, id string) ledger.Row {
	t.Helper()
	row := clusterOf(t, r).Row(checkout)
	if err := r.Claim(t.Context(), ledger.Claim{ID: id, Entries: []ledger.ClaimEntry{{
		Target: checkout, Generation: row.Generation, Intent: ledger.Intent{ID: id, At: ten, ActBy: ten.Add(ledger.ActWithin), Before: 4, Desired: 6, Mode: spec.Act},
		History: history.History{Orders: []history.Order{{At: ten, From: 4, To: 6}}},
	}}}); err != nil {
		t.Fatal(err)
	}
	return row
}

// An override wins over a claim in flight: it is written on the row as the
// claim left it, keeps the claim's intent, and the next claim must have seen it.
func TestReviseWinsOverAClaim(t *testing.T) {
	t.Parallel()
	r, c := newRival(t)
	r.before = func(try int) {
		if try == 1 {
			claimed(t, r, "c1")
		}
	}
	if err := ledger.Revise(t.Context(), r, c, pausing); err != nil {
		t.Fatal(err)
	}
	row := clusterOf(t, r).Row(checkout)
	if r.changes != 2 || r.reads != 1 || row.Intent == nil || len(row.Overrides) != 1 || row.Overrides[0].Kind != spec.Pause {
		t.Errorf("after %d changes and %d reads: %+v, want the pause beside the open intent", r.changes, r.reads, row)
	}
	err := r.Close(t.Context(), ledger.Closing{ID: "c1", Entries: []ledger.CloseEntry{{Target: checkout, Generation: row.Generation - 1}}})
	if !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("closing on what was claimed before the pause: %v, want a conflict", err)
	}
}

// Once a revision has returned, a claim that was read before it is lost.
func TestReviseIsNeverOvertaken(t *testing.T) {
	t.Parallel()
	r, c := newRival(t)
	if err := ledger.Revise(t.Context(), r, c, pausing); err != nil {
		t.Fatal(err)
	}
	err := r.Claim(t.Context(), ledger.Claim{ID: "late", Entries: []ledger.ClaimEntry{{
		Target: checkout, Generation: c.Row(checkout).Generation, Intent: ledger.Intent{At: ten, ActBy: ten.Add(time.Minute)},
	}}})
	if !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a claim on the row as it was before the pause: %v, want a conflict", err)
	}
}

func TestReviseGivesUp(t *testing.T) {
	t.Parallel()
	t.Run("after five lost races", func(t *testing.T) {
		t.Parallel()
		r, c := newRival(t)
		r.answer = ledger.ErrConflict
		err := ledger.Revise(t.Context(), r, c, pausing)
		if !errors.Is(err, ledger.ErrConflict) || !strings.Contains(err.Error(), "lost 5 races in a row, nothing was written") || r.changes != 5 || r.reads != 4 {
			t.Errorf("%v after %d changes and %d reads", err, r.changes, r.reads)
		}
	})
	t.Run("at another error, which may have written", func(t *testing.T) {
		t.Parallel()
		r, c := newRival(t)
		r.answer = ledger.ErrUnavailable
		if err := ledger.Revise(t.Context(), r, c, pausing); !errors.Is(err, ledger.ErrUnavailable) || r.changes != 1 {
			t.Errorf("%v after %d changes", err, r.changes)
		}
	})
	t.Run("when the context ends", func(t *testing.T) {
		t.Parallel()
		r, c := newRival(t)
		ctx, cancel := context.WithCancel(t.Context())
		r.answer, r.before = ledger.ErrConflict, func(int) { cancel() }
		if err := ledger.Revise(ctx, r, c, pausing); !errors.Is(err, context.Canceled) || r.changes != 1 {
			t.Errorf("%v after %d changes", err, r.changes)
		}
	})
	t.Run("when the row that is there now forbids it", func(t *testing.T) {
		t.Parallel()
		r, c := newRival(t)
		r.before = func(try int) {
			if try > 1 {
				return
			}
			row := clusterOf(t, r).Row(checkout)
			if err := r.Memory.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: checkout, Generation: row.Generation, Policy: rowOf(2, 8).Policy}}}); err != nil {
				t.Error(err)
			}
		}
		err := ledger.Revise(t.Context(), r, c, func(c ledger.Cluster) (ledger.Change, error) {
			o, err := c.Row(checkout).WithOverride(word(spec.HoldAt, 20), ten)
			return o.Change(), err
		})
		if err == nil || !strings.Contains(err.Error(), "hold 20 is above maxCapacity 8") || r.changes != 1 {
			t.Errorf("%v after %d changes", err, r.changes)
		}
	})
	t.Run("where there is nothing to write", func(t *testing.T) {
		t.Parallel()
		r, c := newRival(t)
		if err := ledger.Revise(t.Context(), r, c, func(c ledger.Cluster) (ledger.Change, error) {
			o, err := c.Row(checkout).WithoutOverrides("", "", "bob", ten)
			return o.Change(), err
		}); err != nil || r.changes != 0 {
			t.Errorf("%v after %d changes", err, r.changes)
		}
	})
}

// A new policy, as a redeploy brings it, leaves the overrides as they are; an
// override leaves the policy.
func TestOverridesSurviveANewPolicy(t *testing.T) {
	t.Parallel()
	r, c := newRival(t)
	if err := ledger.Revise(t.Context(), r, c, pausing); err != nil {
		t.Fatal(err)
	}
	before := clusterOf(t, r).Row(checkout)
	if err := r.Memory.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: checkout, Generation: before.Generation, Policy: rowOf(3, 9).Policy}}}); err != nil {
		t.Fatal(err)
	}
	after := clusterOf(t, r).Row(checkout)
	if d := cmp.Diff(before.Overrides, after.Overrides); d != "" || after.Policy.Service.MaxCapacity != 9 {
		t.Errorf("policy %+v, overrides (-before +after):\n%s", after.Policy, d)
	}
}
