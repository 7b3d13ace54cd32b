package drain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// refusal is why something may not be done now.
type refusal struct {
	because, remedy string
	// passes tells that it may end by itself.
	passes bool
}

func (n refusal) String() string {
	if n.remedy == "" {
		return n.because
	}
	return n.because + ": " + n.remedy
}

// Preflight gives why an instance may not be drained now, and what would help; both
// are empty if it may. It asks before anything is disrupted what would make the
// drain fail at its end. Forced causes have none.
func Preflight(r Row, seen Seen) (because, remedy string) {
	if r.Cause.Forced() {
		return "", ""
	}
	no := preflight(r, seen)
	return no.because, no.remedy
}

func preflight(r Row, seen Seen) refusal {
	m, found := member(r, seen)
	switch {
	case seen.Group == nil:
		return refusal{"Auto Scaling knows no group " + string(r.Group), "name the group that has the instance", false}
	case !found:
		return refusal{"the group " + string(r.Group) + " does not have it", "name an instance of the group", false}
	}
	room := seen
	room.Ending = seen.Others // those that drain are to go as well
	for _, no := range []refusal{endable(r, room, m), drainable(r, seen.Instance), movable(r, seen)} {
		if no.because != "" {
			return no
		}
	}
	return refusal{}
}

// endable judges whether the group lets the instance go.
func endable(r Row, seen Seen, m fleet.Member) refusal {
	g := seen.Group
	switch {
	case seen.Hold != "":
		return refusal{seen.Hold, "", true}
	case !m.InService():
		return refusal{"it is " + m.State + " in the group " + string(g.Name), "only an instance that is InService is removed", true}
	case m.Unhealthy && !r.Cause.Forced():
		return refusal{"Auto Scaling holds it for unhealthy", "it is about to be replaced by Auto Scaling itself", true}
	case g.SuspendedTerminate:
		return refusal{"the process Terminate of the group " + string(g.Name) + " is suspended", "resume it", false}
	case g.Refreshing:
		return refusal{"an instance refresh of the group " + string(g.Name) + " is in progress", "wait for its end, or cancel it", true}
	case g.DesiredCapacity-seen.Ending-1 < g.MinSize:
		others := ""
		if seen.Ending > 0 {
			others = fmt.Sprintf(", %d of it to go already", seen.Ending)
		}
		return refusal{
			fmt.Sprintf("the group %s has desired capacity %d%s and minSize %d", g.Name, g.DesiredCapacity, others, g.MinSize),
			"lower its minSize", false,
		}
	case m.Protected && !r.Unprotect:
		return refusal{
			"it is protected from scale-in",
			"remove the protection, or let Trimtab keep it with scaleIn.manageProtection", false,
		}
	}
	return refusal{}
}

// drainable judges whether ECS can drain the instance.
func drainable(r Row, i *fleet.Instance) refusal {
	switch {
	case i == nil:
		return refusal{"ECS does not list it", "check its ECS agent and the cluster it registers in", false}
	case !i.Connected:
		return refusal{
			"its ECS agent is not connected, so that its tasks could not be stopped and the drain would never end",
			"restart the agent, or terminate the instance by hand", true,
		}
	case i.Draining && r.Cause != Manual:
		return refusal{"it is DRAINING already, and not by Trimtab", "set it ACTIVE, or drain it with trimtab capacity drain", false}
	case !i.Draining && !i.Active:
		return refusal{"it is not ACTIVE in ECS", "wait until it is registered", true}
	}
	return refusal{}
}

// movable judges whether every task can leave the instance and come up elsewhere.
func movable(r Row, seen Seen) refusal {
	l := left(seen)
	switch {
	case !l.known:
		return refusal{"the tasks on it are not known", "", true}
	case r.Cause == Empty && !l.none():
		return refusal{"it is not empty any more: " + l.String(), "", false}
	case l.guarded > 0:
		return refusal{
			fmt.Sprintf("%s on it under task scale-in protection", count(l.guarded, "task is", "tasks are")),
			"wait until it expires, or end it with UpdateTaskProtection", true,
		}
	case l.standalone > 0 && r.Standalone != spec.StandaloneWait:
		return refusal{
			fmt.Sprintf("%s on it that no service replaces", count(l.standalone, "task is", "tasks are")),
			"wait until they have ended, or declare scaleIn.standaloneTasks: wait", true,
		}
	}
	for _, n := range l.services {
		i := slices.IndexFunc(seen.Services, func(s fleet.Service) bool { return s.Name == n })
		if i < 0 {
			return refusal{fmt.Sprintf("the service %s has a task on it and is not known", n), "", true}
		}
		switch s := seen.Services[i]; {
		case s.Deploying():
			return refusal{fmt.Sprintf("a deployment of the service %s is in progress", n), "wait for its end", true}
		case s.Desired > 0 && !s.Replaces(): // at none its tasks go without being replaced
			return refusal{
				fmt.Sprintf("the service %s cannot replace a task: %s leave no room below or above its desired count of %d, "+
					"so that the drain would never end", n, rollout(s), s.Desired),
				"lower its minimumHealthyPercent or raise its maximumPercent", false,
			}
		}
	}
	return refusal{}
}

func rollout(s fleet.Service) string {
	r := s.Limits()
	return fmt.Sprintf("minimumHealthyPercent %d and maximumPercent %d", r.MinimumHealthyPercent, r.MaximumPercent)
}

// leftover is what is on an instance beside its daemons.
type leftover struct {
	known bool
	// tasks counts all, standalone those that no service replaces, guarded those under
	// task scale-in protection.
	tasks, standalone, guarded int
	// unlisted counts the tasks that ECS counts on the instance and does not list.
	unlisted int
	services []fleet.ServiceName // of the tasks, sorted
}

// left counts what is on the instance. A task on its way out counts until it is
// gone: its containers still run. ECS's own count must not say more than the list,
// which is read page by page and may be older.
func left(seen Seen) leftover {
	l := leftover{known: seen.TasksRead}
	if !l.known {
		return l
	}
	for _, t := range seen.Tasks {
		if t.Daemon {
			continue
		}
		l.tasks++
		switch {
		case t.Service == "":
			l.standalone++
		case !t.Leaving && !slices.Contains(l.services, t.Service):
			l.services = append(l.services, t.Service)
		}
		if t.Guarded {
			l.guarded++
		}
	}
	slices.Sort(l.services)
	if seen.Instance != nil {
		l.unlisted = max(0, seen.Instance.Tasks-len(seen.Tasks))
	}
	return l
}

// none tells whether it is known that no task is left.
func (l leftover) none() bool { return l.known && l.tasks == 0 && l.unlisted == 0 }

func (l leftover) String() string {
	if !l.known {
		return "its tasks are not known"
	}
	var parts []string
	if l.tasks > 0 || l.unlisted == 0 {
		parts = append(parts, count(l.tasks, "task is left", "tasks are left"))
	}
	if l.standalone > 0 {
		parts = append(parts, fmt.Sprintf("%d of them standalone", l.standalone))
	}
	if l.guarded > 0 {
		parts = append(parts, fmt.Sprintf("%d protected", l.guarded))
	}
	if l.unlisted > 0 {
		parts = append(parts, count(l.unlisted, "task is counted and not listed", "tasks are counted and not listed"))
	}
	return strings.Join(parts, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
