package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/ledger/ledgertest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledgertest.Pair {
		m := ledger.NewMemory()
		return ledgertest.Pair{Book: m, Desk: m, Drains: m}
	})
}

// TestMemoryUnderFaults holds that whoever keeps to the protocol gets through
// lost replies, throttles and conflicts that are none.
func TestMemoryUnderFaults(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledgertest.Pair {
		f := &flaky{memory: ledger.NewMemory()}
		return ledgertest.Pair{Book: f, Desk: f, Drains: f, Unavailable: 12, Conflicts: 12}
	})
}

// flaky fails calls in turn: before the work, after it, and with a conflict.
type flaky struct {
	memory *ledger.Memory
	mu     sync.Mutex
	calls  int
}

func (f *flaky) call(write bool, work func() error) error {
	f.mu.Lock()
	f.calls++
	n := f.calls
	f.mu.Unlock()
	switch {
	case n%3 == 0:
		return fmt.Errorf("throttled: %w", ledger.ErrUnavailable)
	case n%7 == 0 && write:
		return fmt.Errorf("contended: %w", ledger.ErrConflict)
	}
	err := work()
	if err == nil && n%5 == 0 {
		return fmt.Errorf("lost reply: %w", ledger.ErrUnavailable)
	}
	return err
}

func (f *flaky) Clusters(ctx context.Context) (found []fleet.ClusterName, err error) {
	err = f.call(false, func() (err error) {
		found, err = f.memory.Clusters(ctx)
		return err
	})
	return found, err
}

func (f *flaky) Read(ctx context.Context, name fleet.ClusterName) (c ledger.Cluster, err error) {
	err = f.call(false, func() (err error) {
		c, err = f.memory.Read(ctx, name)
		return err
	})
	return c, err
}

func (f *flaky) Records(ctx context.Context, t fleet.Target, before time.Time, limit int) (found []ledger.Record, err error) {
	err = f.call(false, func() (err error) {
		found, err = f.memory.Records(ctx, t, before, limit)
		return err
	})
	return found, err
}

func (f *flaky) Claim(ctx context.Context, c ledger.Claim) error {
	return f.call(true, func() error { return f.memory.Claim(ctx, c) })
}

func (f *flaky) Close(ctx context.Context, c ledger.Closing) error {
	return f.call(true, func() error { return f.memory.Close(ctx, c) })
}

func (f *flaky) Note(ctx context.Context, n ledger.Note) error {
	return f.call(true, func() error { return f.memory.Note(ctx, n) })
}

func (f *flaky) Change(ctx context.Context, c ledger.Change) error {
	return f.call(true, func() error { return f.memory.Change(ctx, c) })
}

func (f *flaky) WriteDrain(ctx context.Context, d ledger.Drain) error {
	return f.call(true, func() error { return f.memory.WriteDrain(ctx, d) })
}

var web = fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target()

func create(tb testing.TB, m *ledger.Memory) {
	tb.Helper()
	if err := m.Change(tb.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{
		{Target: web, Policy: &ledger.Policy{Service: &spec.Service{MaxCapacity: 9}}},
	}}); err != nil {
		tb.Fatal(err)
	}
}

// TestMemoryForgets holds that records past their life are dropped, so that a
// year in the simulator does not fill the machine.
func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	m := ledger.NewMemory()
	create(t, m)
	start := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		at := start.Add(time.Duration(i) * 7 * 24 * time.Hour)
		if err := m.Note(t.Context(), ledger.Note{
			Target: web, Generation: int64(i) + 1, Reason: &ledger.Reason{}, Record: &ledger.Record{Target: web, At: at, Generation: int64(i) + 2},
		}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.Records(t.Context(), web, time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 7 || !got[6].At.Equal(start.Add(3*7*24*time.Hour)) {
		t.Errorf("want the newest record and six weeks before it, got %d", len(got))
	}
}

// TestNotJSON holds that what JSON cannot say is refused before anything is written.
func TestNotJSON(t *testing.T) {
	t.Parallel()
	m := ledger.NewMemory()
	create(t, m)
	nan := spec.Policy{TargetTracking: &spec.TargetTracking{TargetValue: math.NaN()}}
	never := time.Date(10_000, time.January, 1, 0, 0, 0, 0, time.UTC)
	now := never.Add(-time.Hour)
	for what, err := range map[string]error{
		"policy": m.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{
			{Target: web, Generation: 1, Policy: &ledger.Policy{Service: &spec.Service{Policies: []spec.Policy{nan}}}},
		}}),
		"overrides": m.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{
			{Target: web, Generation: 1, Overrides: &[]spec.Override{{Until: never}}},
		}}),
		"control": m.Change(t.Context(), ledger.Change{Cluster: "prod", Control: &ledger.Control{At: never}}),
		"history": m.Claim(t.Context(), ledger.Claim{ID: "c", Entries: []ledger.ClaimEntry{{
			Target: web, Generation: 1, Intent: ledger.Intent{At: now, ActBy: now.Add(1)},
			History: history.History{Orders: []history.Order{{At: never}}},
		}}}),
		"intent": m.Claim(t.Context(), ledger.Claim{ID: "c", Entries: []ledger.ClaimEntry{
			{Target: web, Generation: 1, Intent: ledger.Intent{At: now, ActBy: never}},
		}}),
		"reason": m.Note(t.Context(), ledger.Note{
			Target: web, Generation: 1, Reason: &ledger.Reason{Last: never}, Record: &ledger.Record{Target: web, Generation: 2},
		}),
		"record": m.Note(t.Context(), ledger.Note{
			Target: web, Generation: 1, Reason: &ledger.Reason{}, Record: &ledger.Record{Target: web, Generation: 2, At: never},
		}),
		"history of": m.Note(t.Context(), ledger.Note{
			Target: web, Generation: 1, History: &history.History{Forgotten: never},
		}),
	} {
		if err == nil || errors.Is(err, ledger.ErrConflict) || !strings.Contains(err.Error(), "encode "+what) {
			t.Errorf("%s: want a refusal that names it, got %v", what, err)
		}
	}
	c, err := m.Read(t.Context(), "prod")
	if err != nil || c.Rows[0].Generation != 1 {
		t.Errorf("nothing must be written, got %+v, %v", c, err)
	}
}

func TestRowOfCluster(t *testing.T) {
	t.Parallel()
	other := fleet.GroupOf("prod", "g")
	c := ledger.Cluster{Rows: []ledger.Row{{Target: web, Generation: 3}}}
	if got := c.Row(web); got.Generation != 3 {
		t.Errorf("want generation 3, got %+v", got)
	}
	if got := c.Row(other); got.Generation != 0 || got.Target != other {
		t.Errorf("want %s at generation 0, got %+v", other, got)
	}
}

// BenchmarkMemoryRead is one read of the simulator: a service with a full history.
func BenchmarkMemoryRead(b *testing.B) {
	m := ledger.NewMemory()
	create(b, m)
	var h history.History
	now := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for i := range history.MaxOrders {
		h = h.With(history.Order{At: now, From: i, To: i + 1}, []history.Mark{{Policy: "p", Datapoint: now}})
	}
	if err := m.Claim(b.Context(), ledger.Claim{ID: "c", Entries: []ledger.ClaimEntry{
		{Target: web, Generation: 1, Intent: ledger.Intent{At: now, ActBy: now.Add(1)}, History: h},
	}}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Read(b.Context(), "prod"); err != nil {
			b.Fatal(err)
		}
	}
}
