package reconcile

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Begin gives the first row of a removal, with what the policy of its group says of
// its end. Whoever writes it, the drain function does the rest.
func Begin(now time.Time, g spec.Group, row drain.Row) drain.Row {
	p := g.In()
	row.State, row.Opened, row.Since = drain.Candidate, now, now
	row.OnTimeout, row.Standalone = p.OnDrainTimeout, p.StandaloneTasks
	// What the decision chose is protected for a reason unless Trimtab keeps the protection.
	row.Unprotect = p.ManageProtection || row.Cause != drain.Empty && row.Cause != drain.Consolidation
	if row.Deadline.IsZero() {
		row.Deadline = now.Add(p.DrainTimeout)
	}
	if !row.Deadline.After(now) { // a notice that comes late, which is of use as long as the instance is there
		row.Deadline = now.Add(time.Second)
	}
	return row
}

// GiveBack gives the row of a removal that is taken back.
func GiveBack(now time.Time, row drain.Row, because string) drain.Row {
	row.State, row.Since, row.Because = drain.Undoing, now, because
	row.Tries, row.Ordered = 0, time.Time{}
	return row
}

// Preflight gives why a removal may not go on now in what was seen of its group, and
// what would help; both are empty if it may. It is what the drain function asks of a
// candidate, for whoever wants to know before there is a row.
func Preflight(now time.Time, in policy.Input, row drain.Row) (because, remedy string) {
	seen := seenOf(in, row)
	seen.Hold = holdOf(now, in)
	seen.Others = others(in.Drains, row.Instance)
	return drain.Preflight(row, seen)
}

// others counts the open removals beside that of an instance. One that is given back
// takes nothing from the group.
func others(rows []drain.Row, but fleet.InstanceID) int {
	n := 0
	for _, r := range rows {
		if r.Instance != but && !r.State.Closed() && r.State != drain.Undoing {
			n++
		}
	}
	return n
}

// seenOf is what an input shows of the instance of a row.
func seenOf(in policy.Input, row drain.Row) drain.Seen {
	s := drain.Seen{Group: in.Fleet.Group, TasksRead: in.Fleet.TasksRead, Services: in.Landing()}
	for i, x := range in.Fleet.Instances {
		if x.ID == row.Instance {
			s.Instance = &in.Fleet.Instances[i]
		}
	}
	for _, t := range in.Fleet.Tasks {
		if t.Instance == row.Instance {
			s.Tasks = append(s.Tasks, t)
		}
	}
	return s
}

// holdOf gives why nothing of the group is to be removed now, empty for nothing.
func holdOf(now time.Time, in policy.Input) string {
	if in.Stop {
		return "the cluster's global stop is set " + in.StopWhy
	}
	if in.Group == nil {
		return ""
	}
	for _, o := range in.Group.Overrides {
		if o.Live(now) && (o.Kind == spec.Pause || o.Kind == spec.SuspendIn) {
			return fmt.Sprintf("%s by %s until %s (%s)", o.Kind, o.By, o.Until.UTC().Format(time.RFC3339), o.Why)
		}
	}
	standing, ok := in.Standing(now)
	if !ok {
		return ""
	}
	return capacity.Halt(standing)
}
