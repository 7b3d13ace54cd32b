package drain_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// inFlight bounds how long after its decision an act may still arrive.
const inFlight = 15 * time.Second

// flight is an act on its way.
type flight struct {
	at  time.Time
	act drain.Act
}

// life is a small world about one removal: what is so, and what a reader is shown.
type life struct {
	*rapid.T

	now   time.Time
	row   drain.Row
	truth drain.Seen
	// shown are the group's former states, which a read may still show.
	shown   []fleet.Group
	shownAt []time.Time
	flights []flight
	trouble bool // strangers act, calls fail and reads are old
	expires time.Time
	leftAt  time.Time // when it began to leave its group
	// lowered counts how often an order of ours lowered the group, overrun how often the
	// hook's wait ran out with tasks on the instance.
	lowered, overrun int
}

// TestAnyLife plays removals in worlds where acts get lost, come late or are never
// given since the process ended before, events come twice, strangers change the
// group and the instance disappears.
func TestAnyLife(t *testing.T) {
	t.Parallel()
	closed := map[drain.State]int{}
	var orders int
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			l := born(t)
			l.grow()
			l.whole()
			closed[l.row.State]++
			orders += l.lowered
		}
	})
	for _, s := range []drain.State{drain.Terminated, drain.Undone, drain.Gone} {
		if closed[s] == 0 {
			t.Errorf("no life ended %s, the play shows nothing of it: %v", s, closed)
		}
	}
	if orders == 0 {
		t.Error("no life ended an instance")
	}
}

// TestHookIsKept holds that with a tick a minute and calls that arrive no hook runs
// out of its wait before the drain's deadline or Auto Scaling's own bound.
func TestHookIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := born(t)
		l.row.Cause = drain.Lifecycle
		l.hook(time.Duration(rapid.IntRange(90, 7200).Draw(t, "timeout")) * time.Second)
		l.calm()
		for range 5000 {
			if l.row.State.Closed() {
				break
			}
			l.live(time.Duration(rapid.IntRange(30, 60).Draw(t, "seconds")) * time.Second)
		}
		if l.overrun > 0 || !l.row.State.Closed() {
			t.Fatalf("the hook ran out %d times, the row is %s: %s", l.overrun, l.row.State, l.row.Because)
		}
	})
}

// whole plays a life to its end, which must come.
func (l *life) whole() {
	for range rapid.IntRange(0, 40).Draw(l.T, "troubled steps") {
		l.live(time.Duration(rapid.SampledFrom([]int{1, 7, 16, 40, 90}).Draw(l.T, "seconds")) * time.Second)
	}
	l.calm()
	bound := l.row.Deadline
	if l.now.After(bound) {
		bound = l.now
	}
	for bound = bound.Add(2*drain.EndWithin + drain.Grace); !l.row.State.Closed(); l.live(time.Minute) {
		if l.now.After(bound) {
			l.Fatalf("still %s at %s: %s", l.row.State, l.now, l.row.Because)
		}
	}
	l.end()
}

func born(t *rapid.T) *life {
	causes := []drain.Cause{drain.Empty, drain.Consolidation, drain.Manual, drain.Spot, drain.Rebalance, drain.Lifecycle}
	l := &life{T: t, now: start(), truth: seenWith(), trouble: true}
	l.row = rowIn(drain.Candidate, because(rapid.SampledFrom(causes).Draw(t, "cause")))
	l.row.OnTimeout = rapid.SampledFrom([]string{spec.DrainUndo, spec.DrainTerminate}).Draw(t, "onTimeout")
	l.row.Standalone = rapid.SampledFrom([]string{spec.StandaloneWait, spec.StandaloneLeave}).Draw(t, "standalone")
	l.row.Unprotect = rapid.Bool().Draw(t, "unprotect")
	l.truth.Group.MinSize = rapid.SampledFrom([]int{0, 2, 4, 5}).Draw(t, "minSize")
	kinds := []fleet.ServiceName{"web"}
	if rapid.IntRange(0, 3).Draw(t, "standalone too") == 0 {
		kinds = append(kinds, "")
	}
	var on []fleet.Task
	for range rapid.IntRange(0, 3).Draw(t, "tasks") {
		on = append(on, task(rapid.SampledFrom(kinds).Draw(t, "kind")))
	}
	tasks(on...)(&l.truth)
	switch l.row.Cause {
	case drain.Spot:
		l.row.Deadline = after(2 * time.Minute)
	case drain.Lifecycle:
		l.hook(time.Duration(rapid.IntRange(30, 600).Draw(t, "timeout")) * time.Second)
	case drain.Empty, drain.Consolidation, drain.Manual, drain.Rebalance:
	}
	return l
}

// grow lets two of three lives begin later: with the order to drain under way, or with
// one to end that was lost or still is under way.
func (l *life) grow() {
	if l.row.Cause == drain.Lifecycle {
		return
	}
	stage := rapid.SampledFrom([]drain.State{drain.Candidate, drain.Draining, drain.Terminating}).Draw(l.T, "begins")
	if stage == drain.Candidate {
		return
	}
	l.row = rowIn(stage, func(r *drain.Row) {
		r.Cause, r.OnTimeout, r.Standalone, r.Unprotect = l.row.Cause, l.row.OnTimeout, l.row.Standalone, l.row.Unprotect
		r.Deadline = l.row.Deadline
	})
	act := drain.SetDraining
	if stage == drain.Terminating {
		act = drain.Terminate
		tasks()(&l.truth)
		draining(&l.truth)
	}
	l.remember()
	if rapid.Bool().Draw(l.T, "arrives") {
		l.send(act)
	}
	if rapid.IntRange(0, 4).Draw(l.T, "recalled at once") == 0 {
		recalled(&l.truth)
	}
}

func (l *life) hook(timeout time.Duration) {
	l.row.Hook = &drain.Hook{Name: "h", Token: "t", Started: l.now, Timeout: timeout}
	l.victim().State, l.leftAt = "Terminating:Wait", l.now
	l.truth.Group.DesiredCapacity--
	l.expires = l.now.Add(timeout)
}

// calm ends the trouble: what is under way arrives and nobody interferes any more.
func (l *life) calm() {
	l.trouble = false
	l.truth.Group.Refreshing, l.truth.Hold, l.truth.Recall = false, "", ""
}

// victim is the member in truth, nil once it is gone.
func (l *life) victim() *fleet.Member {
	g := l.truth.Group
	if i := slices.IndexFunc(g.Members, func(m fleet.Member) bool { return m.ID == victim }); i >= 0 {
		return &g.Members[i]
	}
	return nil
}

// live lets some time pass, then events wake one or two runs at once.
func (l *life) live(d time.Duration) {
	l.remember()
	l.now = l.now.Add(d)
	l.arrive()
	l.tasksMove()
	l.groupMoves()
	if l.trouble {
		l.strangers()
	}
	read, runs := l.row, 1
	if l.trouble {
		runs = rapid.IntRange(0, 2).Draw(l.T, "runs")
	}
	for range runs {
		seen := l.look()
		s := drain.Advance(l.now, read, seen)
		l.judge(read, seen, s)
		if !s.Changed || l.row != read {
			continue // nothing to store, or the other run stored its row first
		}
		l.row = s.Next
		if l.trouble && rapid.IntRange(0, 5).Draw(l.T, "crash") == 0 {
			continue
		}
		for _, a := range s.Acts {
			l.send(a)
		}
	}
}

func (l *life) remember() {
	g := *l.truth.Group
	g.Members = slices.Clone(g.Members)
	l.shown, l.shownAt = append(l.shown, g), append(l.shownAt, l.now)
}

// look gives what a reader is shown: a group that may be older than it is now, by
// less than the time in which an order settles.
func (l *life) look() drain.Seen {
	seen := l.truth
	g := *seen.Group
	g.Members = slices.Clone(g.Members)
	if l.trouble && rapid.IntRange(0, 3).Draw(l.T, "old read") == 0 {
		for i := range l.shown {
			if l.now.Sub(l.shownAt[i]) < drain.Settle-inFlight {
				g = l.shown[i]
				break
			}
		}
	}
	seen.Group = &g
	if l.trouble && rapid.IntRange(0, 5).Draw(l.T, "tasks unread") == 0 {
		unread(&seen)
	}
	if i := seen.Instance; i != nil {
		shown := *i
		seen.Instance = &shown
	}
	return seen
}

// judge checks a step against what is true.
func (l *life) judge(r drain.Row, seen drain.Seen, s drain.Step) {
	if len(s.Acts) > 0 && !s.Changed || s.Because == "" {
		l.Fatalf("acts %v without a row before them, or no reason: %+v", s.Acts, s)
	}
	running := len(l.truth.Tasks) > 1 // beside the daemon
	late := !l.now.Before(r.Deadline)
	if slices.Contains(s.Acts, drain.Terminate) {
		declared := late && r.OnTimeout == spec.DrainTerminate
		if r.Cause == drain.Lifecycle || running && !declared {
			l.Fatalf("%s: an instance with tasks, or one that Auto Scaling ends itself, is terminated: %s", r.Cause, s.Because)
		}
		if i := l.truth.Instance; i != nil && i.Active {
			l.Fatalf("an instance that takes tasks is terminated: %s", s.Because)
		}
	}
	if slices.Contains(s.Acts, drain.Complete) && running && !late && l.now.Before(r.Hook.End()) && r.State != drain.Terminating {
		l.Fatalf("the wait is ended with tasks on the instance: %s", s.Because)
	}
	if s.Next.State == drain.Undoing && r.State == drain.Draining && r.Cause != drain.Lifecycle && !running && seen.TasksRead {
		g := seen.Group
		m, _ := g.Member(victim)
		stuck := late && (seen.Hold != "" || g.Refreshing || g.SuspendedTerminate || g.DesiredCapacity-1 < g.MinSize || !m.InService() || m.Protected && !r.Unprotect)
		if (seen.Recall == "" || r.Cause.Forced()) && seen.Instance.Draining && !stuck {
			l.Fatalf("an empty instance that could go is given back: %s", s.Because)
		}
	}
}

// send puts an act on its way, if it does not get lost.
func (l *life) send(a drain.Act) {
	delay := time.Duration(0)
	if l.trouble {
		if rapid.IntRange(0, 3).Draw(l.T, "lost") == 0 {
			return
		}
		delay = time.Duration(rapid.IntRange(0, int(inFlight/time.Second)-1).Draw(l.T, "delay")) * time.Second
	}
	l.flights = append(l.flights, flight{l.now.Add(delay), a})
	l.arrive()
}

// arrive does the acts whose time has come, in the order of their arrival.
func (l *life) arrive() {
	slices.SortStableFunc(l.flights, func(a, b flight) int { return a.at.Compare(b.at) })
	for len(l.flights) > 0 && !l.flights[0].at.After(l.now) {
		f := l.flights[0]
		l.flights = l.flights[1:]
		l.do(f.act, f.at)
	}
}

func (l *life) do(a drain.Act, at time.Time) {
	i, m, g := l.truth.Instance, l.victim(), l.truth.Group
	switch a {
	case drain.SetDraining, drain.SetActive:
		if i != nil {
			i.Active, i.Draining = a == drain.SetActive, a == drain.SetDraining
		}
	case drain.Unprotect:
		if m != nil {
			m.Protected = false
		}
	case drain.Terminate:
		if m == nil || g.DesiredCapacity-1 < g.MinSize {
			return // Auto Scaling refuses
		}
		// The worst that Auto Scaling could do: lower the group for an instance that
		// leaves already.
		g.DesiredCapacity--
		if l.lowered++; l.lowered > 1 {
			l.Fatalf("the group was lowered twice for one instance")
		}
		m.State, l.leftAt = "Terminating", at
	case drain.Heartbeat:
		if m != nil && m.State == "Terminating:Wait" && at.Before(l.expires) {
			l.expires = at.Add(l.row.Hook.Timeout)
			if last := l.row.Hook.End(); l.expires.After(last) {
				l.expires = last
			}
		}
	case drain.Complete:
		if m != nil && m.State == "Terminating:Wait" {
			m.State, l.leftAt = "Terminating:Proceed", at
		}
	}
}

// tasksMove lets tasks leave a draining instance; one of RunTask takes its time.
func (l *life) tasksMove() {
	i := l.truth.Instance
	if i == nil || !i.Draining || len(l.truth.Tasks) < 2 {
		return
	}
	last := l.truth.Tasks[len(l.truth.Tasks)-1]
	if rapid.IntRange(0, 2).Draw(l.T, "leaves") == 0 && (last.Service != "" || rapid.IntRange(0, 4).Draw(l.T, "ends") == 0) {
		l.truth.Tasks = slices.Clone(l.truth.Tasks[:len(l.truth.Tasks)-1])
		i.Tasks = len(l.truth.Tasks)
	}
}

func (l *life) groupMoves() {
	m := l.victim()
	if m == nil {
		return
	}
	if m.State == "Terminating:Wait" && !l.now.Before(l.expires) {
		if len(l.truth.Tasks) > 1 && l.now.Before(l.row.Deadline) && l.now.Before(l.row.Hook.End()) {
			l.overrun++
		}
		m.State, l.leftAt = "Terminating:Proceed", l.now
	}
	if (m.State == "Terminating" || m.State == "Terminating:Proceed") && l.now.Sub(l.leftAt) > time.Minute {
		l.vanish()
	}
}

// vanish takes the instance out of ECS and out of its group.
func (l *life) vanish() {
	absent(&l.truth)
	l.truth.Instance, l.truth.Tasks = nil, nil
}

// strangers change what they like, now and then.
func (l *life) strangers() {
	g, i, m := l.truth.Group, l.truth.Instance, l.victim()
	toggles := []func(){
		func() { g.DesiredCapacity++ },
		func() { g.DesiredCapacity = max(g.MinSize, g.DesiredCapacity-1) },
		func() { g.MinSize = min(g.DesiredCapacity, 5) },
		func() { g.MinSize = 0 },
		func() { g.Refreshing = !g.Refreshing },
		func() { g.SuspendedTerminate = !g.SuspendedTerminate },
		func() { l.truth.Hold = words(l.truth.Hold == "", "tasks wait") },
		func() { l.truth.Recall = words(l.truth.Recall == "", "raised") },
		func() {
			if i != nil {
				i.Active, i.Draining = true, false
			}
		},
		func() {
			if i != nil && i.Active {
				tasks(append(slices.Clone(l.truth.Tasks[1:]), task("web"))...)(&l.truth)
			}
		},
		func() {
			if m != nil {
				m.Protected = !m.Protected
			}
		},
		func() {
			if m != nil {
				l.vanish()
			}
		},
		func() {
			if m != nil && m.InService() && l.row.Cause == drain.Spot { // EC2 takes it
				m.State, l.leftAt = "Terminating", l.now
			}
		},
		func() { // the group catches up with its desired capacity, by another instance
			for n := range g.Members {
				if o := &g.Members[n]; o.ID != victim && o.InService() && len(g.Members) > g.DesiredCapacity {
					o.State = "Terminating"
					return
				}
			}
		},
	}
	if rapid.IntRange(0, 3).Draw(l.T, "a stranger") == 0 {
		toggles[rapid.IntRange(0, len(toggles)-1).Draw(l.T, "which")]()
	}
}

func words(yes bool, what string) string {
	if yes {
		return what
	}
	return ""
}

// end checks the world that a closed row leaves behind, once every act has arrived.
func (l *life) end() {
	l.now = l.now.Add(inFlight)
	l.arrive()
	m, i := l.victim(), l.truth.Instance
	switch l.row.State {
	case drain.Terminated:
		if m != nil && m.InService() {
			l.Fatalf("it is in service and its row says terminated: %s", l.row.Because)
		}
	case drain.Undone:
		if i != nil && !i.Active {
			l.Fatalf("it does not take tasks and its row says undone: %s", l.row.Because)
		}
	case drain.Gone:
		if m != nil && m.InService() && i != nil {
			l.Fatalf("it is in service and its row says gone: %s", l.row.Because)
		}
	case drain.Candidate, drain.Draining, drain.Terminating, drain.Undoing:
		l.Fatalf("the row is not closed: %s", l.row.State)
	}
}
