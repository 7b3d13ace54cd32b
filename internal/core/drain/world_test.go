package drain_test

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const victim = fleet.InstanceID("i-1")

// start is when the rows of the tables are opened; their deadline is half an hour later.
func start() time.Time { return time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC) }

func after(d time.Duration) time.Time { return start().Add(d) }

// rowIn is a row that has been in its state since start, with its order given then.
func rowIn(s drain.State, edits ...func(*drain.Row)) drain.Row {
	r := drain.Row{
		Cluster: "prod", Group: "g", Instance: victim, ARN: "arn:i-1", Cause: drain.Consolidation, State: s,
		Opened: start(), Since: start(), Deadline: after(30 * time.Minute),
		OnTimeout: spec.DrainUndo, Standalone: spec.StandaloneLeave, Because: "why",
	}
	switch s {
	case drain.Draining, drain.Undoing:
		r.Tries, r.Ordered = 1, start()
	case drain.Terminating:
		r.Tries, r.Ordered, r.Before, r.After = 1, start(), 5, 4
	case drain.Candidate, drain.Terminated, drain.Undone, drain.Gone:
	}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func because(c drain.Cause) func(*drain.Row) { return func(r *drain.Row) { r.Cause = c } }

// unseen is a row whose instance ECS has not listed for as long as is to be believed.
func unseen(r *drain.Row) { r.Unseen = start().Add(-drain.UnseenFor) }

func killing(r *drain.Row) { r.OnTimeout = spec.DrainTerminate }

// held is a row whose hook waits since start, with a timeout of ten minutes.
func held(r *drain.Row) {
	r.Cause = drain.Lifecycle
	r.Hook = &drain.Hook{Name: "h", Token: "t", Started: start(), Timeout: 10 * time.Minute}
}

// seenWith is a group of five, minSize 2, with the instance in it, and one task of a
// service of four on it.
func seenWith(edits ...func(*drain.Seen)) drain.Seen {
	g := &fleet.Group{Name: "g", MinSize: 2, MaxSize: 9, DesiredCapacity: 5}
	for _, id := range []fleet.InstanceID{victim, "i-2", "i-3", "i-4", "i-5"} {
		g.Members = append(g.Members, fleet.Member{ID: id, State: "InService"})
	}
	s := drain.Seen{
		Group:     g,
		Instance:  &fleet.Instance{ID: victim, ARN: "arn:i-1", Group: "g", Active: true, Connected: true, Tasks: 2},
		Tasks:     []fleet.Task{daemon(), task("web")},
		TasksRead: true,
		Services:  []fleet.Service{{Name: "web", Desired: 4, Deployments: []fleet.Deployment{{Primary: true}}}},
	}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

func daemon() fleet.Task {
	return fleet.Task{ARN: "d", Instance: victim, Service: "agent", Daemon: true, Running: true}
}

func task(s fleet.ServiceName) fleet.Task {
	return fleet.Task{ARN: "t", Instance: victim, Service: s, Running: true}
}

func draining(s *drain.Seen) { s.Instance.Active, s.Instance.Draining = false, true }

// tasks puts these beside the daemon.
func tasks(ts ...fleet.Task) func(*drain.Seen) {
	return func(s *drain.Seen) {
		s.Tasks = append([]fleet.Task{daemon()}, ts...)
		s.Instance.Tasks = len(s.Tasks)
	}
}

func emptied(s *drain.Seen) { tasks()(s) }

func unread(s *drain.Seen) { s.Tasks, s.TasksRead = nil, false }

func unlisted(s *drain.Seen) { s.Instance = nil }

func state(name string) func(*drain.Seen) {
	return func(s *drain.Seen) { s.Group.Members[0].State = name }
}

func absent(s *drain.Seen) { s.Group.Members = s.Group.Members[1:] }

func desired(n int) func(*drain.Seen) { return func(s *drain.Seen) { s.Group.DesiredCapacity = n } }

func minSize(n int) func(*drain.Seen) { return func(s *drain.Seen) { s.Group.MinSize = n } }

func shielded(s *drain.Seen) { s.Group.Members[0].Protected = true }

func recalled(s *drain.Seen) { s.Recall = "the group is raised" }

// extra adds a member beyond the desired capacity.
func extra(in string) func(*drain.Seen) {
	return func(s *drain.Seen) {
		s.Group.Members = append(s.Group.Members, fleet.Member{ID: "i-6", State: in})
	}
}
