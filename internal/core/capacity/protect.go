package capacity

import (
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Halt gives why the drains of a group are not to go on now, though nothing speaks
// against each of them; empty if nothing does. It is asked at every step of a drain,
// since a fleet may fall ill between two of them.
func Halt(in Input) string {
	v := look(in)
	if sick, all := v.sick(); sick*100 > maxUnhealthy*all {
		return fmt.Sprintf("%d of %s are unhealthy or not connected, more than %d %%", sick, plural(all, "instance"), maxUnhealthy)
	}
	if n := v.held(); n > 0 && in.Base-v.open() < n {
		return fmt.Sprintf("an override keeps %s", plural(n, "instance"))
	}
	if in.Now.Before(v.memory.RetryAt) {
		return "launches fail: " + v.backoffWords()
	}
	going := 0
	for _, t := range in.Tasks {
		if v.leaving[t.Instance] && t.Service != "" && !t.Daemon && !t.Leaving {
			going++
		}
	}
	if n := v.waiting() - going; n > 0 {
		return plural(n, "task") + " must find a place first"
	}
	return ""
}

// Protection gives the instances to protect from scale-in and those to protect no
// more: an instance must stay while tasks run on it that do not run on all, and must
// not where it drains or none does. Whoever lowers the group by other means then
// takes an empty instance, and one whose protection was forgotten can go.
func Protection(in Input) (protect, release []fleet.InstanceID) {
	if !in.TasksRead {
		return nil, nil
	}
	v := look(in)
	for _, m := range in.Group.Members {
		if !m.InService() || !v.listed[m.ID] {
			continue // one that ECS does not know may be about to register
		}
		stays := v.load(m.ID) > 0 && !v.leaving[m.ID]
		switch {
		case stays && !m.Protected:
			protect = append(protect, m.ID)
		case !stays && m.Protected:
			release = append(release, m.ID)
		}
	}
	return protect, release
}
