package drain_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
)

func TestNotice(t *testing.T) {
	t.Parallel()
	now, deadline := after(time.Minute), after(3*time.Minute)
	hook := &drain.Hook{Name: "h", Token: "t2", Started: now, Timeout: time.Hour}
	for _, c := range []struct {
		name  string
		row   drain.Row
		cause drain.Cause
		want  func(*drain.Row) // nil: nothing changes
	}{
		{"Spot takes over a drain", rowIn(drain.Draining), drain.Spot, func(r *drain.Row) {
			r.Cause, r.Deadline, r.Because = drain.Spot, deadline, "EC2 takes it back"
		}},
		{"Spot ends an undo", rowIn(drain.Undoing), drain.Spot, func(r *drain.Row) {
			r.Cause, r.Deadline, r.Because = drain.Spot, deadline, "EC2 takes it back"
			r.State, r.Since, r.Tries, r.Ordered = drain.Candidate, now, 0, time.Time{}
		}},
		{"Spot twice", rowIn(drain.Draining, because(drain.Spot)), drain.Spot, nil},
		{"Spot while a hook waits", rowIn(drain.Draining, held), drain.Spot, nil},
		{"Spot while a hook waits for a drain of ours", rowIn(drain.Draining, held, because(drain.Empty)), drain.Spot, nil},
		{"Spot while its end is ordered", rowIn(drain.Terminating), drain.Spot, nil},
		{"Spot after it was closed", rowIn(drain.Undone), drain.Spot, nil},
		{"a hook begins to wait", rowIn(drain.Terminating), drain.Lifecycle, func(r *drain.Row) { r.Hook, r.Deadline = hook, deadline }},
		{"another wait begins", rowIn(drain.Draining, held), drain.Lifecycle, func(r *drain.Row) { r.Hook, r.Deadline = hook, deadline }},
		{"the same wait again", rowIn(drain.Draining, func(r *drain.Row) { r.Hook = hook }), drain.Lifecycle, nil},
		{"a hook after it was closed", rowIn(drain.Terminated), drain.Lifecycle, nil},
		{"a warning about what goes already", rowIn(drain.Draining), drain.Rebalance, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want, before := c.row, c.row
			if c.want != nil {
				c.want(&want)
			}
			got, ok := drain.Notice(now, c.row, c.cause, deadline, hook)
			if d := cmp.Diff(want, got); ok != (c.want != nil) || d != "" {
				t.Errorf("changed %t, unexpected row (-want +got):\n%s", ok, d)
			}
			if d := cmp.Diff(before, c.row); d != "" {
				t.Errorf("the row that was given changed:\n%s", d)
			}
			if again, ok := drain.Notice(now, got, c.cause, deadline, hook); ok {
				t.Errorf("the same notice changes it again: %+v", again)
			}
		})
	}
}

// TestNoticeWithoutHook holds that a lifecycle notice without its hook changes nothing.
func TestNoticeWithoutHook(t *testing.T) {
	t.Parallel()
	if next, ok := drain.Notice(after(time.Minute), rowIn(drain.Draining), drain.Lifecycle, after(time.Hour), nil); ok {
		t.Errorf("want no change, got %+v", next)
	}
}
