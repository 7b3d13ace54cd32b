package drain

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// The bounds of Auto Scaling on a lifecycle hook's wait.
const (
	maxWait  = 48 * time.Hour
	maxBeats = 100
)

// The pace of heartbeats: half of the timeout, or sooner where two ticks of a minute
// would not fit into the rest, but not with every event.
const (
	twoTicks = 2 * time.Minute
	minBeat  = 10 * time.Second
)

// End gives when Auto Scaling ends the wait, however often it is prolonged.
func (h Hook) End() time.Time { return h.Started.Add(min(maxWait, maxBeats*h.Timeout)) }

// Due gives when the wait is to be prolonged next.
func (h Hook) Due() time.Time {
	last := h.Started
	if h.Beat.After(last) {
		last = h.Beat
	}
	return last.Add(max(minBeat, min(h.Timeout/2, h.Timeout-twoTicks)))
}

// hooked drains an instance that Auto Scaling terminates and for which its hook
// waits. Nothing is to be ended here: Auto Scaling does that when the wait ends.
func hooked(now time.Time, r Row, seen Seen) Step {
	switch r.State {
	case Candidate, Undoing:
		if s, ok := hidden(now, r, seen); ok {
			return s
		}
		if seen.Instance == nil {
			return complete(now, r, "ECS does not list it: nothing is to be waited for")
		}
		s := drain(now, r, seen, forcedWords(Lifecycle))
		s.beat(now)
		return s
	case Terminating:
		if now.Before(r.Ordered.Add(Again)) {
			return wait(r, "its end is ordered, and the end of the wait of the hook "+r.Hook.Name)
		}
		s := keep(r, "the hook "+r.Hook.Name+" still waits: its end is ordered again")
		s.order(now, Complete)
		return s
	case Draining, Terminated, Undone, Gone:
	}
	i, l := seen.Instance, left(seen)
	if s, ok := hidden(now, r, seen); ok {
		return s
	}
	switch {
	case i == nil:
		return complete(now, r, "ECS does not list it any more")
	case i.Draining && l.none():
		return complete(now, r, "no task is left on it")
	case !now.Before(r.Deadline):
		return complete(now, r, fmt.Sprintf("it was not empty at %s: it ends although %s", clock(r.Deadline), l))
	case !now.Before(r.Hook.End()):
		return complete(now, r, fmt.Sprintf("the hook waits no longer than until %s: it ends although %s", clock(r.Hook.End()), l))
	}
	s := wait(r, "Auto Scaling waits: "+l.String())
	if i.Active && !now.Before(r.Ordered.Add(Again)) {
		s = keep(r, "it is still ACTIVE: DRAINING is ordered again")
		s.order(now, SetDraining)
	}
	s.beat(now)
	return s
}

// hidden waits for another reading where ECS does not list the instance, and goes on
// prolonging the wait meanwhile.
func hidden(now time.Time, r Row, seen Seen) (Step, bool) {
	if seen.Instance != nil {
		return Step{}, false
	}
	s, ok := unseen(now, r)
	if ok {
		s.beat(now)
	}
	return s, ok
}

// Prolong gives the step that only prolongs the wait of a hook, for a time in which the
// world cannot be read.
func Prolong(now time.Time, r Row) Step {
	s := wait(r, "what is on it cannot be read")
	if r.Hook != nil && !r.State.Closed() {
		s.beat(now)
	}
	return s
}

// complete ends the wait.
func complete(now time.Time, r Row, because string) Step {
	s := move(now, r, Terminating, because)
	s.order(now, Complete)
	return s
}

// beat prolongs the wait if it is time.
func (s *Step) beat(now time.Time) {
	h := s.Next.Hook
	if now.Before(h.Due()) || !now.Before(h.End()) {
		return
	}
	next := *h // the row that was read keeps its own
	next.Beat = now
	s.Next.Hook, s.Changed = &next, true
	s.Acts = append(s.Acts, Heartbeat)
}

// notYet judges an instance that is said to wait for a hook while its group shows it
// otherwise: the event is ahead of the group, or it is none of Auto Scaling's.
func notYet(now time.Time, r Row, seen Seen, m fleet.Member) Step {
	why := "the group " + string(r.Group) + " shows it " + m.State + ": no hook waits for it"
	switch {
	case r.State == Undoing:
		return giveBack(now, r, seen)
	case now.Before(r.Since.Add(Grace)):
		return wait(r, why+" yet")
	case r.State == Candidate:
		return move(now, r, Undone, why)
	}
	return undo(now, r, why)
}
