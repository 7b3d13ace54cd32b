package drain

import (
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// How long things may take.
const (
	// Again is after which an order that may be repeated freely is given again.
	Again = 15 * time.Second
	// Settle is after which a group that still shows the instance in service shows the
	// truth: an order to end it is then known not to have been carried out. It is far
	// more than the 15 s within which every order ends.
	Settle = time.Minute
	// EndWithin is how long the end of an instance is ordered before it is given back.
	EndWithin = 15 * time.Minute
	// Grace is how long an instance that was said to go by itself may take to show it.
	Grace = 5 * time.Minute
)

// Seen is what the world shows of the instance now.
type Seen struct {
	// Group is nil where Auto Scaling knows none of that name. Refreshing must be filled.
	Group *fleet.Group
	// Instance is nil where ECS does not list it.
	Instance *fleet.Instance
	// Tasks are those on the instance, its daemons too. They must be read after
	// Instance: what is read before it was DRAINING does not show what came since.
	// TasksRead false: they are not known.
	Tasks     []fleet.Task
	TasksRead bool
	// Services are those of the tasks.
	Services []fleet.Service
	// Hold is why nothing of the group is to be removed now, such as tasks that wait
	// or too many unhealthy instances; empty for nothing.
	Hold string
	// Recall is why the instance is to stay after all, such as tasks that need its room
	// or a person's word; empty if it is not. Whom it is said of is for the caller to
	// judge: only a forced removal does not heed it.
	Recall string
	// Others counts the other removals of the group that are open.
	Others int
	// Ending counts those among them that this run has ordered to end since Group was read.
	Ending int
}

// Act is one thing to do.
type Act string

// The acts. Each may be given twice; what Terminate needs beside that, Advance sees to.
const (
	SetDraining Act = "setDraining"
	SetActive   Act = "setActive"
	Unprotect   Act = "unprotect" // remove scale-in protection
	Terminate   Act = "terminate" // end the instance and lower the desired capacity by one
	Heartbeat   Act = "heartbeat" // prolong the wait of the hook
	Complete    Act = "complete"  // end the wait of the hook
)

// Step is what is to be done now.
type Step struct {
	// Next is to be stored if Changed, before the acts are done: whoever cannot store it
	// does none of them. Acts never come without a change.
	Next    Row
	Changed bool
	Acts    []Act // in their order; none is to wait
	// Because says what is done or waited for, for people.
	Because string
}

// UnseenFor is how long ECS must not have listed an instance before that is believed.
const UnseenFor = 2 * time.Minute

// Advance gives the next step of a removal. It looks at the world alone, so that a
// step that was interrupted anywhere is taken up by the next call.
func Advance(now time.Time, r Row, seen Seen) Step {
	was := r.Unseen
	if seen.Instance != nil {
		r.Unseen = time.Time{}
	}
	s := advance(now, r, seen)
	s.Changed = s.Changed || !s.Next.Unseen.Equal(was)
	return s
}

// unseen gives the step that waits for another reading, where ECS does not list the
// instance for the first time; ok is false once that is to be believed.
func unseen(now time.Time, r Row) (s Step, ok bool) {
	if r.Unseen.IsZero() {
		r.Unseen = now
	}
	if now.Before(r.Unseen.Add(UnseenFor)) {
		return wait(r, "ECS does not list it: another look must say so as well"), true
	}
	return Step{}, false
}

func advance(now time.Time, r Row, seen Seen) Step {
	if r.State.Closed() {
		return wait(r, "it is "+string(r.State))
	}
	m, found := member(r, seen)
	switch {
	case departed(r, m, found):
		return depart(now, r, seen, m, found)
	case leaving(m): // and our hook holds it
		return hooked(now, r, seen)
	case r.Cause == Lifecycle:
		return notYet(now, r, seen, m)
	}
	switch r.State {
	case Candidate:
		return choose(now, r, seen)
	case Terminating:
		return conclude(now, r, seen, m)
	case Undoing:
		return giveBack(now, r, seen)
	case Draining, Terminated, Undone, Gone:
	}
	return empty(now, r, seen, m)
}

// member finds the instance in its group.
func member(r Row, seen Seen) (fleet.Member, bool) {
	if seen.Group == nil {
		return fleet.Member{}, false
	}
	return seen.Group.Member(r.Instance)
}

// leaving tells whether the group has given the instance up; it counts it no more.
func leaving(m fleet.Member) bool {
	return strings.HasPrefix(m.State, "Terminat") || strings.HasPrefix(m.State, "Detach")
}

// departed tells whether nothing can be done for the instance any more. One that
// leaves can still be waited for as long as our hook holds it.
func departed(r Row, m fleet.Member, found bool) bool {
	if !found {
		return true
	}
	return leaving(m) && (r.Hook == nil || m.State != "Terminating:Wait" && m.State != "Terminating")
}

// depart closes the row of an instance that has left its group.
func depart(now time.Time, r Row, seen Seen, m fleet.Member, found bool) Step {
	why := fmt.Sprintf("the group %s does not have it any more", r.Group)
	switch {
	case seen.Group == nil:
		why = fmt.Sprintf("Auto Scaling knows no group %s any more", r.Group)
	case found:
		why = "it is " + m.State + " in its group"
	}
	state := Gone
	if r.State == Terminating || r.Before > 0 {
		state = Terminated
		if seen.Group != nil && r.Before > 0 && seen.Group.DesiredCapacity > r.After {
			why += fmt.Sprintf("; the desired capacity is %d, where ours would be %d: somebody changed it, and it is left so",
				seen.Group.DesiredCapacity, r.After)
		}
	}
	s := move(now, r, state, why)
	if !found && r.Cause == Lifecycle && r.State == Candidate && seen.Instance == nil {
		// An instance of a warm pool is in no list of members. No task is on it, and the
		// hook need not run into its timeout.
		s.Acts = []Act{Complete}
	}
	return s
}

// choose passes a candidate on, if it may be drained.
func choose(now time.Time, r Row, seen Seen) Step {
	if r.Cause.Forced() {
		if seen.Instance == nil {
			if s, ok := unseen(now, r); ok {
				return s
			}
			return move(now, r, Gone, "ECS does not list it: there is nothing to drain")
		}
		return drain(now, r, seen, forcedWords(r.Cause))
	}
	if seen.Recall != "" {
		return move(now, r, Undone, seen.Recall)
	}
	no := preflight(r, seen)
	if no.because == "" {
		return drain(now, r, seen, "the pre-flight is passed: DRAINING is ordered")
	}
	// What passes by itself is worth waiting for where nobody asks again: a person asked
	// once, and EC2 warns once. Any other candidate was chosen in a world that is no more.
	if no.passes && (r.Cause == Manual || r.Cause == Rebalance) && now.Before(r.Deadline) {
		return wait(r, no.String())
	}
	return move(now, r, Undone, no.String())
}

func forcedWords(c Cause) string {
	if c == Spot {
		return "EC2 takes it back: DRAINING is ordered"
	}
	return "Auto Scaling terminates it and waits: DRAINING is ordered"
}

// drain orders DRAINING, unless it is so already.
func drain(now time.Time, r Row, seen Seen, because string) Step {
	s := move(now, r, Draining, because)
	if i := seen.Instance; i != nil {
		s.Next.ARN = i.ARN
		if !i.Draining {
			s.order(now, SetDraining)
		}
	}
	return s
}

// empty waits until the tasks have left the draining instance.
func empty(now time.Time, r Row, seen Seen, m fleet.Member) Step {
	i, late := seen.Instance, !now.Before(lastly(r))
	if i == nil {
		if s, ok := unseen(now, r); ok {
			return s
		}
	}
	switch {
	case i == nil:
		return move(now, r, Gone, fmt.Sprintf("ECS does not list it any more, while it is %s in the group %s: "+
			"it takes no tasks there; terminate it by hand if it is not wanted", m.State, r.Group))
	case seen.Recall != "" && !r.Cause.Forced():
		return undo(now, r, seen.Recall)
	case !i.Draining && late:
		return undo(now, r, fmt.Sprintf("it did not become DRAINING until %s", clock(lastly(r))))
	case i.Active && !now.Before(r.Ordered.Add(Again)):
		s := keep(r, "it is still ACTIVE: DRAINING is ordered again")
		s.order(now, SetDraining)
		return s
	case !i.Draining:
		return wait(r, "DRAINING is ordered and not shown yet")
	}
	l := left(seen)
	if l.none() {
		return end(now, r, seen, m, "no task is left on it")
	}
	if r.Cause.Forced() {
		return reclaimed(now, r, seen, m, l)
	}
	switch {
	case l.known && r.Cause == Empty:
		return undo(now, r, "a task came before it was DRAINING, and it was to go empty: "+l.String())
	case l.standalone > 0 && r.Standalone == spec.StandaloneLeave:
		return undo(now, r, "a task that no service replaces came before it was DRAINING: "+l.String())
	case !late:
		return wait(r, l.String()+words(i.Connected, "", "; its ECS agent is disconnected, so ECS cannot stop them"))
	case r.OnTimeout != spec.DrainTerminate:
		s := undo(now, r, fmt.Sprintf("it was not empty at %s, and onDrainTimeout is undo: %s", clock(r.Deadline), l))
		s.Next.Fails++
		return s
	case !l.known:
		return wait(r, "its time is over and its tasks are not known: it is not ended blindly")
	}
	return end(now, r, seen, m, fmt.Sprintf("it was not empty at %s, and onDrainTimeout is terminate: it ends although %s", clock(r.Deadline), l))
}

// lastly is when a drain is given up: at its deadline, and some time after it where
// the instance was said to go by itself then.
func lastly(r Row) time.Time {
	if r.Cause.Forced() {
		return r.Deadline.Add(Grace)
	}
	return r.Deadline
}

// reclaimed waits for EC2 to take a Spot instance. Its tasks are ended by us only
// where that is declared: a notice that was withdrawn or forged must not end them,
// and one that is true needs no help.
func reclaimed(now time.Time, r Row, seen Seen, m fleet.Member, l leftover) Step {
	switch {
	case !now.Before(lastly(r)):
		return undo(now, r, fmt.Sprintf("EC2 did not take it by %s", clock(lastly(r))))
	case now.Before(r.Deadline) || r.OnTimeout != spec.DrainTerminate || !l.known:
		return wait(r, "EC2 takes it back: "+l.String())
	}
	return end(now, r, seen, m, fmt.Sprintf("its notice ended at %s, and onDrainTimeout is terminate: it ends although %s", clock(r.Deadline), l))
}

// end orders the end of an instance, if the group allows it.
func end(now time.Time, r Row, seen Seen, m fleet.Member, because string) Step {
	no := endable(r, seen, m)
	switch {
	case no.because == "":
	case now.Before(lastly(r)):
		return wait(r, words(r.Cause.Forced(), "EC2 takes it back by itself", because)+"; "+no.String())
	default:
		return undo(now, r, "it could not be ended by "+clock(lastly(r))+": "+no.String())
	}
	s := move(now, r, Terminating, because)
	s.terminate(now, r, seen, m)
	return s
}

// terminate records what the order makes of the group, and gives it.
func (s *Step) terminate(now time.Time, r Row, seen Seen, m fleet.Member) {
	s.Next.Before = seen.Group.DesiredCapacity
	s.Next.After = s.Next.Before - seen.Ending - 1
	// TerminateInstanceInAutoScalingGroup does not heed the protection. It is removed
	// all the same: whoever reads the group must not find an instance that goes protected.
	if m.Protected && r.Unprotect {
		s.Acts = append(s.Acts, Unprotect)
	}
	s.order(now, Terminate)
}

// conclude waits for the group to show the end that was ordered. Auto Scaling lowers
// the desired capacity and gives the instance up in one step, so an instance that is
// in service once the order has settled was not ended, and none of the decrements
// seen meanwhile was ours. While the group still shrinks, even that is not believed.
func conclude(now time.Time, r Row, seen Seen, m fleet.Member) Step {
	g := seen.Group
	if now.Before(r.Ordered.Add(Settle)) {
		return wait(r, "its end is ordered and not shown yet")
	}
	l := left(seen)
	declared := r.OnTimeout == spec.DrainTerminate && !now.Before(r.Deadline)
	switch {
	case !now.Before(r.Since.Add(EndWithin)):
		return undo(now, r, fmt.Sprintf("it was not ended within %s", EndWithin))
	case g.DesiredCapacity > r.Before && r.Cause.Yields():
		return undo(now, r, fmt.Sprintf("its end was not carried out, and the group was raised from %d to %d meanwhile", r.Before, g.DesiredCapacity))
	case seen.Instance != nil && !seen.Instance.Draining:
		return undo(now, r, "its end was not carried out, and somebody made it ACTIVE again")
	case seen.Instance == nil:
		return wait(r, "its end was not carried out, and ECS does not list it now: it is not ended blindly")
	case !l.known:
		return wait(r, "its end was not carried out, and its tasks are not known now")
	case !l.none() && !declared:
		return undo(now, r, "its end was not carried out, and tasks are on it again: "+l.String())
	case g.DesiredCapacity < r.Before && staying(*g) > g.DesiredCapacity:
		return wait(r, fmt.Sprintf("the desired capacity went from %d to %d and the group still has %d: nothing is ordered until they agree",
			r.Before, g.DesiredCapacity, staying(*g)))
	}
	if no := endable(r, seen, m); no.because != "" {
		return wait(r, "its end was not carried out; "+no.String())
	}
	s := keep(r, "its end was not carried out: it is ordered again")
	s.terminate(now, r, seen, m)
	return s
}

// staying counts the instances that the desired capacity is about.
func staying(g fleet.Group) int {
	n := 0
	for _, m := range g.Members {
		if m.InService() || strings.HasPrefix(m.State, "Pending") {
			n++
		}
	}
	return n
}

// undo gives the instance back. ACTIVE is ordered whatever is shown: an order to
// drain it may still be on its way.
func undo(now time.Time, r Row, because string) Step {
	s := move(now, r, Undoing, because)
	s.order(now, SetActive)
	return s
}

// giveBack waits until the instance is ACTIVE again, and any order to drain it has
// arrived.
func giveBack(now time.Time, r Row, seen Seen) Step {
	i := seen.Instance
	if i == nil {
		if s, ok := unseen(now, r); ok {
			return s
		}
	}
	switch {
	case i == nil:
		return move(now, r, Gone, "ECS does not list it any more")
	case r.Cause == Spot && now.Before(lastly(r)):
		return drain(now, r, seen, forcedWords(Spot)) // the notice came meanwhile
	case now.Before(r.Ordered.Add(Again)), i.Active && now.Before(r.Since.Add(Again)):
		return wait(r, "ACTIVE is ordered")
	case i.Active:
		return move(now, r, Undone, r.Because)
	}
	s := keep(r, "it is not ACTIVE yet: that is ordered again")
	s.order(now, SetActive)
	return s
}

// wait changes nothing.
func wait(r Row, because string) Step { return Step{Next: r, Because: because} }

// keep changes the row within its state.
func keep(r Row, because string) Step { return Step{Next: r, Changed: true, Because: because} }

// move changes the state.
func move(now time.Time, r Row, to State, because string) Step {
	r.State, r.Since, r.Because = to, now, because
	r.Tries, r.Ordered = 0, time.Time{}
	return Step{Next: r, Changed: true, Because: because}
}

// order adds an order that counts as a try of the state.
func (s *Step) order(now time.Time, a Act) {
	s.Acts = append(s.Acts, a)
	s.Next.Tries++
	s.Next.Ordered = now
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func words(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}
