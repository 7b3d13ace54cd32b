package drain_test

import (
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
)

// A notice of EC2 may be forged or withdrawn: the global stop holds it as any other
// order, and the instance is EC2's to take.
func TestStopHoldsTheEndOfASpotInstance(t *testing.T) {
	t.Parallel()
	s := drain.Advance(after(time.Minute), rowIn(drain.Draining, because(drain.Spot)),
		seenWith(draining, emptied, func(s *drain.Seen) { s.Hold = "the cluster's global stop is set by ann" }))
	if slices.Contains(s.Acts, drain.Terminate) {
		t.Errorf("ends it during the global stop: %s", s.Because)
	}
}

// One reading of ECS without the instance must not leave it DRAINING for ever: the group
// has it in service still, and nobody else would give it back.
func TestOneReadingWithoutTheInstance(t *testing.T) {
	t.Parallel()
	s := drain.Advance(after(time.Minute), rowIn(drain.Draining), seenWith(draining, unlisted))
	if s.Next.State.Closed() {
		t.Fatalf("one half reading closes the row (%s: %s): the instance stays DRAINING", s.Next.State, s.Because)
	}
}

// The same while it is given back: ACTIVE may not have been carried out.
func TestOneReadingWithoutTheInstanceWhileUndoing(t *testing.T) {
	t.Parallel()
	s := drain.Advance(after(time.Minute), rowIn(drain.Undoing), seenWith(draining, unlisted))
	if s.Next.State.Closed() {
		t.Fatalf("one half reading closes the row (%s: %s): the instance stays DRAINING", s.Next.State, s.Because)
	}
}

// An order to end is not repeated blindly where ECS does not list the instance: tasks
// may be on it again.
func TestNoSecondEndWithoutSight(t *testing.T) {
	t.Parallel()
	s := drain.Advance(after(2*time.Minute), rowIn(drain.Terminating), seenWith(unread, unlisted))
	if slices.Contains(s.Acts, drain.Terminate) {
		t.Errorf("ends again what it cannot see: %s", s.Because)
	}
}

// One reading of ECS without the instance does not end the wait of a hook: its tasks run,
// and Auto Scaling ends them with it.
func TestOneReadingWithoutTheInstanceKeepsTheHook(t *testing.T) {
	t.Parallel()
	s := drain.Advance(after(time.Minute), rowIn(drain.Draining, held), seenWith(state("Terminating:Wait"), unlisted))
	if slices.Contains(s.Acts, drain.Complete) {
		t.Errorf("the hook is completed: %s", s.Because)
	}
}
