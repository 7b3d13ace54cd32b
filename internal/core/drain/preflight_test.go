package drain_test

import (
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	rollout := func(desired, least, most int) func(*drain.Seen) {
		return func(s *drain.Seen) {
			s.Services[0].Desired = desired
			s.Services[0].Rollout = &fleet.Rollout{MinimumHealthyPercent: least, MaximumPercent: most}
		}
	}
	member := func(edit func(*fleet.Member)) func(*drain.Seen) {
		return func(s *drain.Seen) { edit(&s.Group.Members[0]) }
	}
	instance := func(edit func(*fleet.Instance)) func(*drain.Seen) {
		return func(s *drain.Seen) { edit(s.Instance) }
	}
	guarded, dying := task("web"), task("web")
	guarded.Guarded, dying.Leaving = true, true
	deploying := func(s *drain.Seen) { s.Services[0].Deployments[0].RolloutState = "IN_PROGRESS" }
	stuck := rollout(4, 100, 100)
	others := func(n int) func(*drain.Seen) { return func(s *drain.Seen) { s.Others = n } }
	waits := func(r *drain.Row) { r.Standalone = "wait" }
	plain := rowIn(drain.Candidate)
	for _, c := range []struct {
		name            string
		row             drain.Row
		seen            drain.Seen
		because, remedy string // both empty: it passes
	}{
		{"passes", plain, seenWith(), "", ""},
		{"passes empty", rowIn(drain.Candidate, because(drain.Empty)), seenWith(emptied), "", ""},
		{"no group", plain, drain.Seen{}, "knows no group g", "name the group"},
		{"another group", plain, seenWith(absent), "the group g does not have it", "name an instance"},
		{"not in service", plain, seenWith(state("Standby")), "it is Standby", "InService"},
		{"pending", plain, seenWith(state("Pending:Wait")), "Pending:Wait", "InService"},
		{"unhealthy", plain, seenWith(member(func(m *fleet.Member) { m.Unhealthy = true })), "unhealthy", "itself"},
		{"suspended", plain, seenWith(func(s *drain.Seen) { s.Group.SuspendedTerminate = true }), "Terminate of the group g is suspended", "resume"},
		{"refresh", plain, seenWith(func(s *drain.Seen) { s.Group.Refreshing = true }), "instance refresh", "wait for its end"},
		{"above minSize", plain, seenWith(minSize(4)), "", ""},
		{"at minSize", plain, seenWith(minSize(5)), "desired capacity 5 and minSize 5", "lower its minSize"},
		{"others leave room", plain, seenWith(others(2)), "", ""},
		{"others take the room", plain, seenWith(others(3)), "desired capacity 5, 3 of it to go already and minSize 2", "lower"},
		{"protected", plain, seenWith(shielded), "protected from scale-in", "manageProtection"},
		{"protected by us", rowIn(drain.Candidate, func(r *drain.Row) { r.Unprotect = true }), seenWith(shielded), "", ""},
		{"hold", plain, seenWith(func(s *drain.Seen) { s.Hold = "2 tasks wait" }), "2 tasks wait", ""},
		{"not in ECS", plain, seenWith(unlisted), "ECS does not list it", "agent"},
		{"disconnected", plain, seenWith(instance(func(i *fleet.Instance) { i.Connected = false })), "would never end", "restart the agent"},
		{"draining by another", plain, seenWith(draining), "DRAINING already", "set it ACTIVE"},
		{"draining, adopted by a person", rowIn(drain.Candidate, because(drain.Manual)), seenWith(draining), "", ""},
		{"registering", plain, seenWith(instance(func(i *fleet.Instance) { i.Active = false })), "not ACTIVE", "wait"},
		{"tasks unknown", plain, seenWith(unread), "not known", ""},
		{"not empty any more", rowIn(drain.Candidate, because(drain.Empty)), seenWith(), "not empty any more: 1 task is left", ""},
		{"count says more than the list", rowIn(drain.Candidate, because(drain.Empty)), seenWith(emptied, instance(func(i *fleet.Instance) { i.Tasks++ })), "counted and not listed", ""},
		{"guarded task", plain, seenWith(tasks(guarded, task("web"))), "1 task is on it under task scale-in protection", "UpdateTaskProtection"},
		{"standalone task", plain, seenWith(tasks(task(""), task(""))), "2 tasks are on it that no service replaces", "standaloneTasks: wait"},
		{"standalone task, wait", rowIn(drain.Candidate, waits), seenWith(tasks(task(""))), "", ""},
		{"service unknown", plain, seenWith(tasks(task("other"))), "service other has a task on it and is not known", ""},
		{"service unknown, its task leaves", plain, seenWith(func(s *drain.Seen) { s.Services = nil }, tasks(dying)), "", ""},
		{"deployment", plain, seenWith(deploying), "deployment of the service web is in progress", "wait"},
		{"deployment elsewhere", plain, seenWith(deploying, emptied), "", ""},
		{"100/100", plain, seenWith(stuck), "minimumHealthyPercent 100 and maximumPercent 100", "lower its minimumHealthyPercent or raise its maximumPercent"},
		{"100/100 elsewhere", plain, seenWith(stuck, emptied), "", ""},
		{"100/200", plain, seenWith(rollout(1, 100, 200)), "", ""},
		{"50/100 of one rounds to none", plain, seenWith(rollout(1, 50, 100)), "desired count of 1", "lower"},
		{"50/100 of two", plain, seenWith(rollout(2, 50, 100)), "", ""},
		{"100/150 of one rounds to none", plain, seenWith(rollout(1, 100, 150)), "desired count of 1", "raise"},
		{"100/150 of two", plain, seenWith(rollout(2, 100, 150)), "", ""},
		{"desired count of none", plain, seenWith(rollout(0, 100, 100)), "", ""},
		{"Spot", rowIn(drain.Candidate, because(drain.Spot)), seenWith(stuck, minSize(5)), "", ""},
		{"lifecycle", rowIn(drain.Candidate, held), seenWith(state("Terminating:Wait")), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			because, remedy := drain.Preflight(c.row, c.seen)
			if (because == "") != (c.because == "") || !strings.Contains(because, c.because) || !strings.Contains(remedy, c.remedy) {
				t.Errorf("want %q with %q, got %q with %q", c.because, c.remedy, because, remedy)
			}
		})
	}
}
