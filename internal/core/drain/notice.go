package drain

import "time"

// Notice gives the open row as a notice changes it that the instance goes by itself:
// until when it may drain, and for Lifecycle the hook that waits. ok is false where
// nothing changes: the row is closed, so that a new one is to be opened, or it says as
// much already, as after the same notice.
func Notice(now time.Time, r Row, c Cause, deadline time.Time, h *Hook) (next Row, ok bool) {
	switch {
	case r.State.Closed():
		return r, false
	case c == Lifecycle && h != nil && (r.Hook == nil || r.Hook.Token != h.Token):
		// The cause stays: a hook that does not really wait, as the group shows, then
		// changes nothing.
		waits := *h
		r.Hook, r.Deadline = &waits, deadline
		return r, true
	case c == Spot && !r.Cause.Forced() && r.Hook == nil && r.State != Terminating:
		r.Cause, r.Deadline = Spot, deadline
		if r.State == Undoing {
			r.State, r.Since, r.Tries, r.Ordered = Candidate, now, 0, time.Time{}
		}
		r.Because = "EC2 takes it back"
		return r, true
	}
	return r, false
}
