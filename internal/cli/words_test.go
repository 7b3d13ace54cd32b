package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func TestRecordHead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind          ledger.Kind
		outcome, want string
	}{
		{ledger.Ordered, "ordered", "ordered"},
		{ledger.Ordered, "observed: observe mode: nothing was ordered", "observed: observe mode: nothing was ordered"},
		{ledger.Ordered, "", "ordered"},
		{ledger.Refused, "refused: access denied", "refused: access denied"},
		{ledger.Refused, "", "order refused"},
		{ledger.Holding, "", "new reason to hold"},
		{ledger.Healed, "", "order closed late, as the service shows it done"},
		{ledger.Dropped, "it shows 4", "order dropped, as the service does not show it done: it shows 4"},
		{"later", "of a newer version", "later: of a newer version"},
		{"later", "", "later"},
	} {
		if got := recordHead(ledger.Record{Target: checkout.Target(), Kind: c.kind, Outcome: c.outcome}); got != c.want {
			t.Errorf("recordHead(%s, %q) = %q, want %q", c.kind, c.outcome, got, c.want)
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	s := &session{Env: Env{Now: func() time.Time { return clock }}}
	for d, want := range map[time.Duration]string{
		0: "0s ago", 59 * time.Second: "59s ago", time.Minute: "1m ago", 59*time.Minute + 59*time.Second: "59m ago",
		time.Hour: "1h ago", 47 * time.Hour: "47h ago", 48 * time.Hour: "2d ago", -90 * time.Second: "in 1m",
	} {
		if got := s.ago(clock.Add(-d)); got != want {
			t.Errorf("ago(%s) = %q, want %q", d, got, want)
		}
	}
	if got := s.ago(time.Time{}); got != "never" {
		t.Errorf("ago(zero) = %q", got)
	}
}

// Notes tell what is unusual about a row, and nothing that has passed.
func TestNotes(t *testing.T) {
	t.Parallel()
	s := &session{Env: Env{Now: func() time.Time { return clock }}}
	row := ledger.Row{
		Target: checkout.Target(), Policy: &ledger.Policy{Service: &spec.Service{Mode: spec.Act}},
		Intent: &ledger.Intent{ID: "a", At: clock.Add(-time.Hour), ActBy: clock.Add(-time.Hour), Before: 1, Desired: 2},
		Overrides: []spec.Override{
			{Kind: spec.Pause, Until: clock, By: "x", Why: "past"},
			{Kind: spec.SuspendIn, Until: clock.Add(time.Second), By: "y", Why: "busy"},
		},
		History: history.History{Shadow: new(3)},
	}
	want := "service checkout: order 1 -> 2 of claim a is open, past its time since 2026-11-23T09:10:00Z: the next evaluation closes it\n" +
		"service checkout: override suspendIn by y until 2026-11-23T10:10:01Z (in 1s): busy"
	if got := strings.Join(s.notes(row), "\n"); got != want {
		t.Errorf("notes:\n%s\nwant:\n%s", got, want)
	}
	row.Intent.Lock, row.Overrides, row.Policy = true, nil, nil
	want = "service checkout: locked by claim a of its cell, past its time since 2026-11-23T09:10:00Z: the next evaluation closes it\n" +
		"service checkout: in act mode its desired count would be 3"
	if got := strings.Join(s.notes(row), "\n"); got != want {
		t.Errorf("notes:\n%s\nwant:\n%s", got, want)
	}
}
