package drain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// stepCase is one call of Advance. A state left empty is the row's own.
type stepCase struct {
	name  string
	at    time.Duration
	row   drain.Row
	seen  drain.Seen
	state drain.State
	acts  []drain.Act
	words string
}

func check(t *testing.T, cases []stepCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := c.row
			got := drain.Advance(after(c.at), c.row, c.seen)
			want := c.state
			if want == "" {
				want = c.row.State
			}
			if got.Next.State != want || !slices.Equal(got.Acts, c.acts) || !strings.Contains(got.Because, c.words) {
				t.Errorf("want %s %v with %q, got %s %v: %s", want, c.acts, c.words, got.Next.State, got.Acts, got.Because)
			}
			changes := want != c.row.State || len(c.acts) > 0
			if got.Changed != changes || !changes && !cmp.Equal(c.row, got.Next) {
				t.Errorf("changed %t, want %t (-row +next):\n%s", got.Changed, changes, cmp.Diff(c.row, got.Next))
			}
			if d := cmp.Diff(before, c.row); d != "" {
				t.Errorf("the row that was given changed:\n%s", d)
			}
		})
	}
}

func acts(a ...drain.Act) []drain.Act { return a }

func TestCandidate(t *testing.T) {
	t.Parallel()
	deploying := func(s *drain.Seen) { s.Services[0].Deployments = make([]fleet.Deployment, 2) }
	check(t, []stepCase{
		{"passes", 0, rowIn(drain.Candidate), seenWith(), drain.Draining, acts(drain.SetDraining), "pre-flight is passed"},
		{"is refused", 0, rowIn(drain.Candidate), seenWith(deploying), drain.Undone, nil, "deployment"},
		{"of a person waits for what passes", 0, rowIn(drain.Candidate, because(drain.Manual)), seenWith(deploying), "", nil, "deployment"},
		{"of a warning waits for what passes", 0, rowIn(drain.Candidate, because(drain.Rebalance)), seenWith(deploying), "", nil, "deployment"},
		{"of a person waits no longer than its deadline", 30 * time.Minute, rowIn(drain.Candidate, because(drain.Manual)), seenWith(deploying), drain.Undone, nil, "deployment"},
		{"of a person is refused what does not pass", 0, rowIn(drain.Candidate, because(drain.Manual)), seenWith(minSize(5)), drain.Undone, nil, "minSize 5"},
		{"of a person adopts a draining one", 0, rowIn(drain.Candidate, because(drain.Manual)), seenWith(draining), drain.Draining, nil, "passed"},
		{"is recalled", 0, rowIn(drain.Candidate), seenWith(recalled), drain.Undone, nil, "raised"},
		{"of a person is recalled", 0, rowIn(drain.Candidate, because(drain.Manual)), seenWith(recalled), drain.Undone, nil, "raised"},
		{"of Spot has no pre-flight", 0, rowIn(drain.Candidate, because(drain.Spot)), seenWith(deploying, minSize(5), recalled), drain.Draining, acts(drain.SetDraining), "EC2"},
		{"of Spot that ECS does not list", 0, rowIn(drain.Candidate, because(drain.Spot), unseen), seenWith(unlisted), drain.Gone, nil, "ECS does not list"},
		{"of Spot that its agent drains itself", 0, rowIn(drain.Candidate, because(drain.Spot)), seenWith(draining), drain.Draining, nil, ""},
		{"has gone", 0, rowIn(drain.Candidate), seenWith(absent), drain.Gone, nil, "does not have it"},
		{"has lost its group", 0, rowIn(drain.Candidate), drain.Seen{}, drain.Gone, nil, "no group g"},
		{"is terminated by the group itself", 0, rowIn(drain.Candidate), seenWith(state("Terminating:Wait")), drain.Gone, nil, "Terminating:Wait"},
		{"is detached", 0, rowIn(drain.Candidate), seenWith(state("Detaching")), drain.Gone, nil, "Detaching"},
	})
}

func TestDraining(t *testing.T) {
	t.Parallel()
	guarded, solo := task("web"), task("")
	guarded.Guarded = true
	dying := task("web")
	dying.Leaving = true
	stopping := dying
	stopping.Running = false
	late := 30 * time.Minute
	waits := func(r *drain.Row) { r.Standalone = "wait" }
	cut := func(s *drain.Seen) { s.Instance.Connected = false }
	hidden := func(s *drain.Seen) { s.Instance.Tasks++ }
	registering := func(s *drain.Seen) { s.Instance.Active = false }
	row := rowIn(drain.Draining)
	check(t, []stepCase{
		{"order not shown yet", 14 * time.Second, row, seenWith(), "", nil, "not shown yet"},
		{"order repeated", 15 * time.Second, row, seenWith(), "", acts(drain.SetDraining), "ordered again"},
		{"neither ACTIVE nor DRAINING", time.Minute, row, seenWith(registering), "", nil, "not shown yet"},
		{"never DRAINING", late, row, seenWith(), drain.Undoing, acts(drain.SetActive), "did not become DRAINING"},
		{"never DRAINING is not killed", late, rowIn(drain.Draining, killing), seenWith(), drain.Undoing, acts(drain.SetActive), "did not become"},
		{"tasks are left", time.Minute, row, seenWith(draining), "", nil, "1 task is left"},
		{"agent is cut off", time.Minute, row, seenWith(draining, cut), "", nil, "agent is disconnected"},
		{"guarded task waits", time.Minute, row, seenWith(draining, tasks(guarded)), "", nil, "1 protected"},
		{"standalone task waits", time.Minute, rowIn(drain.Draining, waits), seenWith(draining, tasks(solo)), "", nil, "1 of them standalone"},
		{"tasks of an empty one are not known", time.Minute, rowIn(drain.Draining, because(drain.Empty)), seenWith(draining, unread), "", nil, "not known"},
		{"standalone task came in between", time.Minute, row, seenWith(draining, tasks(solo)), drain.Undoing, acts(drain.SetActive), "no service replaces"},
		{"task came to an empty one", time.Minute, rowIn(drain.Draining, because(drain.Empty)), seenWith(draining), drain.Undoing, acts(drain.SetActive), "to go empty"},
		{"task on its way out still runs", time.Minute, row, seenWith(draining, tasks(dying)), "", nil, "1 task is left"},
		{"task that stops is not gone", time.Minute, row, seenWith(draining, tasks(stopping)), "", nil, "1 task is left"},
		{"tasks are not known", time.Minute, row, seenWith(draining, unread), "", nil, "not known"},
		{"list is older than the count", time.Minute, row, seenWith(draining, emptied, hidden), "", nil, "counted and not listed"},
		{"empty", time.Minute, row, seenWith(draining, emptied), drain.Terminating, acts(drain.Terminate), "no task is left"},
		{"empty, but ACTIVE", time.Second, row, seenWith(emptied), "", nil, "not shown yet"},
		{"empty in a small group", time.Minute, row, seenWith(draining, emptied, minSize(4)), drain.Terminating, acts(drain.Terminate), ""},
		{"empty at minSize", time.Minute, row, seenWith(draining, emptied, minSize(5)), "", nil, "minSize 5"},
		{"empty at minSize to the end", late, row, seenWith(draining, emptied, minSize(5)), drain.Undoing, acts(drain.SetActive), "minSize 5"},
		{"empty at minSize to the end is not killed", late, rowIn(drain.Draining, killing), seenWith(draining, emptied, minSize(5)), drain.Undoing, acts(drain.SetActive), "minSize"},
		{"empty after others", time.Minute, row, seenWith(draining, emptied, func(s *drain.Seen) { s.Ending = 3 }), "", nil, "3 of it to go"},
		{"empty beside others that drain", time.Minute, row, seenWith(draining, emptied, func(s *drain.Seen) { s.Others = 3 }), drain.Terminating, acts(drain.Terminate), ""},
		{"empty, and its end is late", late, row, seenWith(draining, emptied), drain.Terminating, acts(drain.Terminate), "no task"},
		{"empty, and the refresh began", time.Minute, row, seenWith(draining, emptied, func(s *drain.Seen) { s.Group.Refreshing = true }), "", nil, "refresh"},
		{"empty, and nothing is to go", time.Minute, row, seenWith(draining, emptied, func(s *drain.Seen) { s.Hold = "tasks wait" }), "", nil, "tasks wait"},
		{"empty in standby", time.Minute, row, seenWith(draining, emptied, state("Standby")), "", nil, "Standby"},
		{"protected meanwhile", time.Minute, row, seenWith(draining, emptied, shielded), "", nil, "protected"},
		{"protected by us", time.Minute, rowIn(drain.Draining, func(r *drain.Row) { r.Unprotect = true }), seenWith(draining, emptied, shielded), drain.Terminating, acts(drain.Unprotect, drain.Terminate), ""},
		{"not protected", time.Minute, rowIn(drain.Draining, func(r *drain.Row) { r.Unprotect = true }), seenWith(draining, emptied), drain.Terminating, acts(drain.Terminate), ""},
		{"recalled", time.Minute, row, seenWith(draining, recalled), drain.Undoing, acts(drain.SetActive), "raised"},
		{"recalled while empty", time.Minute, row, seenWith(draining, emptied, recalled), drain.Undoing, acts(drain.SetActive), "raised"},
		{"of a person, recalled", time.Minute, rowIn(drain.Draining, because(drain.Manual)), seenWith(draining, recalled), drain.Undoing, acts(drain.SetActive), "raised"},
		{"a moment before the deadline", late - 1, row, seenWith(draining), "", nil, "left"},
		{"at the deadline: undo", late, row, seenWith(draining), drain.Undoing, acts(drain.SetActive), "onDrainTimeout is undo"},
		{"at the deadline: undo unknown tasks", late, row, seenWith(draining, unread), drain.Undoing, acts(drain.SetActive), "not known"},
		{"at the deadline: terminate", late, rowIn(drain.Draining, killing), seenWith(draining), drain.Terminating, acts(drain.Terminate), "onDrainTimeout is terminate"},
		{"at the deadline: unknown tasks are not ended", late, rowIn(drain.Draining, killing), seenWith(draining, unread), "", nil, "blindly"},
		{"gone from ECS", time.Minute, rowIn(drain.Draining, unseen), seenWith(unlisted), drain.Gone, nil, "terminate it by hand"},
		{"gone from the group", time.Minute, row, seenWith(draining, absent), drain.Gone, nil, ""},
		{"terminated by another", time.Minute, row, seenWith(draining, state("Terminating")), drain.Gone, nil, ""},
	})
}

func TestSpot(t *testing.T) {
	t.Parallel()
	notice := 2 * time.Minute
	row := rowIn(drain.Draining, because(drain.Spot), func(r *drain.Row) { r.Deadline = after(notice) })
	kill := row
	killing(&kill)
	check(t, []stepCase{
		{"tasks are left", time.Minute, row, seenWith(draining, recalled), "", nil, "EC2 takes it back"},
		{"empty", time.Minute, row, seenWith(draining, emptied), drain.Terminating, acts(drain.Terminate), "no task"},
		{"empty, and nothing else is to go", time.Minute, row, seenWith(draining, emptied, func(s *drain.Seen) { s.Hold = "tasks wait" }), "", nil, "EC2 takes it back by itself; tasks wait"},
		{"empty and unhealthy", time.Minute, row, seenWith(draining, emptied, func(s *drain.Seen) { s.Group.Members[0].Unhealthy = true }), drain.Terminating, acts(drain.Terminate), ""},
		{"empty at minSize is left to EC2", time.Minute, row, seenWith(draining, emptied, minSize(5)), "", nil, "by itself"},
		{"notice is over: undo leaves it to EC2", notice, row, seenWith(draining), "", nil, "EC2 takes it back"},
		{"notice is over: terminate", notice, kill, seenWith(draining), drain.Terminating, acts(drain.Terminate), "its notice ended"},
		{"a moment before: terminate waits", notice - 1, kill, seenWith(draining), "", nil, ""},
		{"notice is over: unknown tasks are not ended", notice, kill, seenWith(draining, unread), "", nil, ""},
		{"EC2 does not come", notice + drain.Grace - 1, row, seenWith(draining), "", nil, ""},
		{"EC2 did not come", notice + drain.Grace, row, seenWith(draining), drain.Undoing, acts(drain.SetActive), "EC2 did not take it"},
		{"EC2 did not come at minSize", notice + drain.Grace, row, seenWith(draining, emptied, minSize(5)), drain.Undoing, acts(drain.SetActive), "minSize"},
		{"never DRAINING, and EC2 may come yet", notice + drain.Grace - 1, row, seenWith(), "", acts(drain.SetDraining), "ordered again"},
		{"never DRAINING", notice + drain.Grace, row, seenWith(), drain.Undoing, acts(drain.SetActive), "did not become"},
		{"EC2 came", time.Minute, row, seenWith(state("Terminating")), drain.Gone, nil, ""},
	})
}

func TestTerminating(t *testing.T) {
	t.Parallel()
	row := rowIn(drain.Terminating)
	settled := drain.Settle
	late := func(r *drain.Row) { r.Deadline = start(); r.OnTimeout = "terminate" }
	check(t, []stepCase{
		{"reply lost and not looked at yet", settled - 1, row, seenWith(draining, emptied), "", nil, "not shown yet"},
		{"reply lost and done", time.Second, row, seenWith(draining, emptied, state("Terminating"), desired(4)), drain.Terminated, nil, "Terminating"},
		{"reply lost and done, gone", time.Hour, row, seenWith(unlisted, absent, desired(4)), drain.Terminated, nil, ""},
		{"reply lost and done, then raised", time.Second, row, seenWith(absent, desired(7)), drain.Terminated, nil, "somebody changed it"},
		{"reply lost and not done", settled, row, seenWith(draining, emptied), "", acts(drain.Terminate), "ordered again"},
		{"not done, lowered by another and settled", settled, row, seenWith(draining, emptied, desired(4), func(s *drain.Seen) { s.Group.Members[4].State = "Terminating" }), "", acts(drain.Terminate), ""},
		{"not done, lowered by another and under way", settled, row, seenWith(draining, emptied, desired(4)), "", nil, "from 5 to 4 and the group still has 5"},
		{"not done, raised by another", settled, row, seenWith(draining, emptied, desired(6)), drain.Undoing, acts(drain.SetActive), "raised from 5 to 6"},
		{"not done, raised to replace it", settled, rowIn(drain.Terminating, because(drain.Spot)), seenWith(draining, emptied, desired(6)), "", acts(drain.Terminate), ""},
		{"not done, raised after a warning", settled, rowIn(drain.Terminating, because(drain.Rebalance)), seenWith(draining, emptied, desired(6)), "", acts(drain.Terminate), ""},
		{"not done, raised after a person's word", settled, rowIn(drain.Terminating, because(drain.Manual)), seenWith(draining, emptied, desired(6)), drain.Undoing, acts(drain.SetActive), "raised"},
		{"not done, and now at minSize", settled, row, seenWith(draining, emptied, minSize(5)), "", nil, "minSize"},
		{"not done, made ACTIVE by another", settled, row, seenWith(emptied), drain.Undoing, acts(drain.SetActive), "ACTIVE again"},
		{"not done, tasks came", settled, row, seenWith(draining), drain.Undoing, acts(drain.SetActive), "tasks are on it again"},
		{"not done, tasks unknown", settled, row, seenWith(draining, unread), "", nil, "not known"},
		{"not done, tasks declared to end", settled, rowIn(drain.Terminating, late), seenWith(draining), "", acts(drain.Terminate), ""},
		{"not done, and the group had one too many before", settled, row, seenWith(draining, emptied, extra("InService")), "", acts(drain.Terminate), ""},
		{"not done, lowered, and one comes", settled, row, seenWith(draining, emptied, desired(4), func(s *drain.Seen) { s.Group.Members[4].State = "Pending" }), "", nil, "still has 5"},
		{"done, and the group is deleted", settled, row, drain.Seen{}, drain.Terminated, nil, "no group"},
		{"not done, gone from ECS, tasks unknown", settled, row, seenWith(unlisted, unread), "", nil, "not ended blindly"},
		{"not done, gone from ECS", settled, row, seenWith(unlisted), "", nil, "not ended blindly"},
		{"not done in a long time", drain.EndWithin, row, seenWith(draining, emptied), drain.Undoing, acts(drain.SetActive), "not ended within"},
		{"protected by us meanwhile", settled, rowIn(drain.Terminating, func(r *drain.Row) { r.Unprotect = true }), seenWith(draining, emptied, shielded), "", acts(drain.Unprotect, drain.Terminate), ""},
	})
}

func TestUndoing(t *testing.T) {
	t.Parallel()
	row := rowIn(drain.Undoing)
	// given is a row that an evaluation gave back, without an order.
	given := rowIn(drain.Undoing, func(r *drain.Row) { r.Tries, r.Ordered = 0, time.Time{} })
	noticed := rowIn(drain.Undoing, because(drain.Spot), func(r *drain.Row) { r.Deadline = after(2 * time.Minute) })
	last := 2*time.Minute + drain.Grace
	check(t, []stepCase{
		{"a drain order may be on its way", drain.Again - 1, row, seenWith(), "", nil, "ACTIVE is ordered"},
		{"done", drain.Again, row, seenWith(), drain.Undone, nil, "why"},
		{"ordered and not shown yet", drain.Again - 1, row, seenWith(draining), "", nil, "ACTIVE is ordered"},
		{"not done", drain.Again, row, seenWith(draining), "", acts(drain.SetActive), "again"},
		{"given back by an evaluation", 0, given, seenWith(draining), "", acts(drain.SetActive), ""},
		{"given back, and a drain order may be on its way", drain.Again - 1, given, seenWith(), "", nil, ""},
		{"given back, done", drain.Again, given, seenWith(), drain.Undone, nil, "why"},
		{"a Spot notice came meanwhile", last - 1, noticed, seenWith(), drain.Draining, acts(drain.SetDraining), "EC2"},
		{"a Spot notice came and nobody else", last, noticed, seenWith(), drain.Undone, nil, "why"},
		{"gone from ECS", time.Second, rowIn(drain.Undoing, unseen), seenWith(unlisted), drain.Gone, nil, ""},
		{"gone", time.Second, row, seenWith(absent), drain.Gone, nil, ""},
		{"its end was ordered and done after all", time.Second, rowIn(drain.Undoing, func(r *drain.Row) { r.Before, r.After = 5, 4 }), seenWith(absent, desired(4)), drain.Terminated, nil, ""},
	})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	for _, s := range []drain.State{drain.Terminated, drain.Undone, drain.Gone} {
		check(t, []stepCase{{string(s), time.Hour, rowIn(s), seenWith(draining, emptied), "", nil, string(s)}})
	}
}

// TestRow holds what the row remembers of an order.
func TestRow(t *testing.T) {
	t.Parallel()
	first := drain.Advance(start(), rowIn(drain.Candidate, func(r *drain.Row) { r.ARN = "" }), seenWith()).Next
	if first.Tries != 1 || !first.Ordered.Equal(start()) || first.ARN != "arn:i-1" {
		t.Errorf("want one try at %s on arn:i-1, got %+v", start(), first)
	}
	again := drain.Advance(after(time.Minute), first, seenWith()).Next
	if again.Tries != 2 || !again.Ordered.Equal(after(time.Minute)) || !again.Since.Equal(start()) {
		t.Errorf("want a second try in the same state, got %+v", again)
	}
	ending := func(s *drain.Seen) { s.Ending = 1 }
	end := drain.Advance(after(2*time.Minute), again, seenWith(draining, emptied, ending)).Next
	if end.Tries != 1 || end.Before != 5 || end.After != 3 || !end.Since.Equal(after(2*time.Minute)) {
		t.Errorf("want its end as the second of 5, got %+v", end)
	}
	other := func(s *drain.Seen) { s.Group.Members = s.Group.Members[:4] }
	repeat := drain.Advance(after(4*time.Minute), end, seenWith(draining, emptied, desired(4), other)).Next
	if repeat.Tries != 2 || repeat.Before != 4 || repeat.After != 3 {
		t.Errorf("want its end again, of 4, got %+v", repeat)
	}
}

// TestWords holds what people read, to the letter.
func TestWords(t *testing.T) {
	t.Parallel()
	guarded, solo := task("web"), task("")
	guarded.Guarded = true
	waits := func(r *drain.Row) { r.Standalone = "wait" }
	hidden := func(n int) func(*drain.Seen) { return func(s *drain.Seen) { s.Instance.Tasks += n } }
	cut := func(s *drain.Seen) { s.Instance.Connected = false }
	row, done := rowIn(drain.Draining, waits), rowIn(drain.Terminating)
	for _, c := range []struct {
		row  drain.Row
		seen drain.Seen
		want string
	}{
		{row, seenWith(draining), "1 task is left"},
		{row, seenWith(draining, tasks(task("web"), guarded, solo), hidden(1)), "3 tasks are left, 1 of them standalone, 1 protected, 1 task is counted and not listed"},
		{row, seenWith(draining, emptied, hidden(2)), "2 tasks are counted and not listed"},
		{row, seenWith(draining, cut), "1 task is left; its ECS agent is disconnected, so ECS cannot stop them"},
		{row, seenWith(draining, emptied, minSize(5)), "no task is left on it; the group g has desired capacity 5 and minSize 5: lower its minSize"},
		{row, seenWith(draining, emptied, func(s *drain.Seen) { s.Hold = "2 tasks wait" }), "no task is left on it; 2 tasks wait"},
		{done, seenWith(state("Terminating"), desired(4)), "it is Terminating in its group"},
		{done, seenWith(absent, desired(3)), "the group g does not have it any more"},
		{done, seenWith(absent), "the group g does not have it any more; the desired capacity is 5, where ours would be 4: somebody changed it, and it is left so"},
		{rowIn(drain.Terminating, held, func(r *drain.Row) { r.Before, r.After = 0, 0 }), seenWith(state("Terminated")), "it is Terminated in its group"},
		{rowIn(drain.Draining, held, func(r *drain.Row) { r.Ordered = after(time.Minute) }), seenWith(state("Terminating:Wait"), emptied), "Auto Scaling waits: 0 tasks are left"},
		{rowIn(drain.Draining), seenWith(absent), "the group g does not have it any more"},
	} {
		if got := drain.Advance(after(time.Minute), c.row, c.seen).Because; got != c.want {
			t.Errorf("want %q\ngot  %q", c.want, got)
		}
	}
	empty := rowIn(drain.Candidate, because(drain.Empty))
	if got, want := drain.Advance(start(), empty, seenWith()).Next.Because, "it is not empty any more: 1 task is left"; got != want {
		t.Errorf("want %q\ngot  %q", want, got)
	}
}
