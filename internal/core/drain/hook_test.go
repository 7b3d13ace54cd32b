package drain_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
)

func TestHook(t *testing.T) {
	t.Parallel()
	waits, proceeds := state("Terminating:Wait"), state("Terminating:Proceed")
	row, fresh := rowIn(drain.Draining, held), rowIn(drain.Candidate, held)
	late := 30 * time.Minute
	short := rowIn(drain.Draining, held, func(r *drain.Row) { r.Hook.Timeout = 30 * time.Second; r.Deadline = after(48 * time.Hour) })
	beatAt := func(d time.Duration) drain.Row {
		return rowIn(drain.Draining, held, func(r *drain.Row) { r.Hook.Beat = after(d) })
	}
	ours := func(s drain.State) drain.Row { return rowIn(s, held, because(drain.Consolidation)) }
	check(t, []stepCase{
		{"begins", 0, fresh, seenWith(waits), drain.Draining, acts(drain.SetDraining), "waits"},
		{"begins late", 5 * time.Minute, fresh, seenWith(waits), drain.Draining, acts(drain.SetDraining, drain.Heartbeat), ""},
		{"begins draining", 0, fresh, seenWith(waits, draining), drain.Draining, nil, ""},
		{"is not in ECS", 0, rowIn(drain.Candidate, held, unseen), seenWith(waits, unlisted), drain.Terminating, acts(drain.Complete), "ECS does not list"},
		{"is of a warm pool", 0, fresh, seenWith(absent, unlisted), drain.Gone, acts(drain.Complete), ""},
		{"has proceeded before it began", 0, fresh, seenWith(proceeds, unlisted), drain.Gone, nil, "Proceed"},
		{"is gone while it drains", time.Minute, row, seenWith(absent, unlisted), drain.Gone, nil, ""},
		{"begins too late for a heartbeat", 50 * time.Minute, rowIn(drain.Candidate, held, func(r *drain.Row) { r.Hook.Timeout = 30 * time.Second }), seenWith(waits), drain.Draining, acts(drain.SetDraining), ""},
		{"is in ECS and not in the group", 0, fresh, seenWith(absent), drain.Gone, nil, ""},
		{"is not shown yet", drain.Grace - 1, fresh, seenWith(), "", nil, "InService"},
		{"is never shown", drain.Grace, fresh, seenWith(), drain.Undone, nil, "InService"},
		{"is shown in service again", drain.Grace, row, seenWith(draining), drain.Undoing, acts(drain.SetActive), "InService"},
		{"is given back where no hook waits", drain.Again, rowIn(drain.Undoing, held), seenWith(), drain.Undone, nil, ""},
		{"is under way to the hook", time.Minute, row, seenWith(state("Terminating"), draining), "", nil, "1 task is left"},
		{"has proceeded", time.Minute, row, seenWith(proceeds, draining), drain.Gone, nil, "Proceed"},
		{"a moment before the heartbeat", 5*time.Minute - 1, row, seenWith(waits, draining), "", nil, "left"},
		{"heartbeat at half of the timeout", 5 * time.Minute, row, seenWith(waits, draining), "", acts(drain.Heartbeat), "left"},
		{"heartbeat after heartbeat, before", 9*time.Minute - 1, beatAt(4 * time.Minute), seenWith(waits, draining), "", nil, ""},
		{"heartbeat after heartbeat", 9 * time.Minute, beatAt(4 * time.Minute), seenWith(waits, draining), "", acts(drain.Heartbeat), ""},
		{"heartbeat though tasks are unknown", 5 * time.Minute, row, seenWith(waits, draining, unread), "", acts(drain.Heartbeat), "not known"},
		{"order again and heartbeat", 5 * time.Minute, row, seenWith(waits), "", acts(drain.SetDraining, drain.Heartbeat), "still ACTIVE"},
		{"short timeout: not with every event", 9 * time.Second, short, seenWith(waits, draining), "", nil, ""},
		{"short timeout: sooner than half", 10 * time.Second, short, seenWith(waits, draining), "", acts(drain.Heartbeat), ""},
		{"short timeout: a moment before its end", 50*time.Minute - 1, short, seenWith(waits, draining), "", acts(drain.Heartbeat), ""},
		{"short timeout: at the end of all beats", 50 * time.Minute, short, seenWith(waits, draining), drain.Terminating, acts(drain.Complete), "no longer than until 2026-03-02T10:50:00Z"},
		{"empty", time.Minute, row, seenWith(waits, draining, emptied), drain.Terminating, acts(drain.Complete), "no task is left"},
		{"empty, but ACTIVE", time.Second, row, seenWith(waits, emptied), "", nil, ""},
		{"a moment before the deadline", late - 1, beatAt(late - 2), seenWith(waits, draining), "", nil, ""},
		{"at the deadline", late, row, seenWith(waits, draining), drain.Terminating, acts(drain.Complete), "ends although 1 task is left"},
		{"at the deadline, tasks unknown", late, row, seenWith(waits, draining, unread), drain.Terminating, acts(drain.Complete), ""},
		{"completed and not shown", drain.Again - 1, rowIn(drain.Terminating, held), seenWith(waits, draining), "", nil, "h"},
		{"completed and the reply lost", drain.Again, rowIn(drain.Terminating, held), seenWith(waits, draining), "", acts(drain.Complete), "still waits"},
		{"completed", time.Second, rowIn(drain.Terminating, held), seenWith(proceeds), drain.Terminated, nil, ""},
		{"completed, no end of ours", time.Second, rowIn(drain.Terminating, held, func(r *drain.Row) { r.Before, r.After = 0, 0 }), seenWith(proceeds), drain.Terminated, nil, ""},
		{"our own end meets the hook", drain.Again, ours(drain.Terminating), seenWith(waits, draining, desired(4)), "", acts(drain.Complete), ""},
		{"a drain of ours is overtaken", time.Minute, ours(drain.Draining), seenWith(waits, draining), "", nil, "Auto Scaling waits"},
		{"an undo of ours is overtaken", time.Minute, ours(drain.Undoing), seenWith(waits), drain.Draining, acts(drain.SetDraining), ""},
		{"a hook that does not wait changes nothing", time.Minute, ours(drain.Draining), seenWith(draining, emptied), drain.Terminating, acts(drain.Terminate), ""},
	})
}

func TestHookEnd(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{
		30 * time.Second:      50 * time.Minute,
		28*time.Minute + 48e9: 48 * time.Hour,
		time.Hour:             48 * time.Hour,
		2 * time.Hour:         48 * time.Hour,
	} {
		if got := (drain.Hook{Started: start(), Timeout: timeout}).End(); !got.Equal(after(want)) {
			t.Errorf("timeout %s: want the end after %s, got %s", timeout, want, got.Sub(start()))
		}
	}
}

// TestHookDue holds that a tick of a minute comes in time wherever the timeout lets it.
func TestHookDue(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{
		30 * time.Second: 10 * time.Second,
		2 * time.Minute:  10 * time.Second,
		3 * time.Minute:  time.Minute,
		4 * time.Minute:  2 * time.Minute,
		time.Hour:        30 * time.Minute,
	} {
		if got := (drain.Hook{Started: start(), Timeout: timeout}).Due(); !got.Equal(after(want)) {
			t.Errorf("timeout %s: want a heartbeat after %s, got %s", timeout, want, got.Sub(start()))
		}
	}
}

// TestBeat holds what a heartbeat leaves in the row, and that the row read stays as it was.
func TestBeat(t *testing.T) {
	t.Parallel()
	row := rowIn(drain.Draining, held)
	next := drain.Advance(after(6*time.Minute), row, seenWith(state("Terminating:Wait"), draining)).Next
	want := rowIn(drain.Draining, held)
	if d := cmp.Diff(want, row); d != "" {
		t.Errorf("the row that was read changed:\n%s", d)
	}
	want.Hook.Beat = after(6 * time.Minute)
	if d := cmp.Diff(want, next); d != "" {
		t.Errorf("unexpected row (-want +got):\n%s", d)
	}
}
