package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// remove looks for instances that may go, where nothing grows. An instance without
// tasks goes first; one with tasks where all of them fit on the others.
func (v *view) remove(s *history.Steps, r *Result) {
	if !v.mightRemove() {
		v.memory = v.memory.WithRemovable(v.in.Now, nil)
		return
	}
	if rule, because, closed := v.stays(); closed {
		if rule == history.ServicesGrowing || rule == history.TasksWaiting || rule == history.InstancesOnTheWay {
			v.memory = v.memory.Undisturbed()
		}
		s.To(s.Count(), rule, because)
		return
	}
	if !v.in.TasksRead {
		r.Looking = v.in.TasksUnread == ""
		if !r.Looking {
			s.To(s.Count(), history.TasksUnread, "the tasks on the instances could not be read, so none is removed: "+v.in.TasksUnread)
		}
		return
	}
	found, stay := v.candidates(maxSearch)
	ids := make([]fleet.InstanceID, 0, len(found))
	for _, c := range found {
		ids = append(ids, c.Instance)
	}
	for _, x := range stay {
		if x.Because == takesOthers { // which of the two goes must not reset their times
			ids = append(ids, x.Instance)
		}
	}
	v.memory = v.memory.WithRemovable(v.in.Now, ids)
	if v.in.Observing {
		v.shadow(s, found)
		return
	}
	if len(found) == 0 {
		return
	}
	v.grant(s, r, found)
}

// mightRemove tells cheaply whether an instance could go: one that holds no more than
// the free room of the others.
func (v *view) mightRemove() bool {
	if v.in.Policy.In().StandaloneTasks == spec.StandaloneWait && len(v.ready) > 1 {
		return true // a task that is waited for needs no other place
	}
	var free fleet.Resources
	for _, b := range v.ready {
		free = free.Plus(b.Free)
	}
	for _, b := range v.back {
		free = free.Plus(b.Free)
	}
	for _, b := range v.ready {
		used, others := b.Whole.Minus(b.Free), free.Minus(b.Free)
		if used.CPU <= others.CPU && used.Memory <= others.Memory && used.GPU <= others.GPU {
			return true
		}
	}
	return v.in.Observing && v.in.Base != v.in.Group.DesiredCapacity
}

// maxUnhealthy is the share of the group's instances, in percent, beyond which nothing
// is removed: the Kubernetes cluster autoscaler's.
const maxUnhealthy = 45

// stays gives why no instance of the group may go now, whatever is on it.
func (v *view) stays() (rule, because string, closed bool) {
	g, in := v.in.Group, v.in.Policy.In()
	suspended, suspends := v.override(spec.SuspendIn)
	switch {
	case suspends:
		return history.ScaleInSuspended, overrideWords(suspended), true
	case v.in.Policy.ScaleIn.Disabled:
		return history.ScaleInDisabled, "scaleIn.disabled keeps every instance", true
	case v.held() > 0 && v.held() >= v.in.Base:
		return history.HoldOverride, fmt.Sprintf("an override keeps %s", plural(v.held(), "instance")), true
	case v.in.Base <= g.MinSize+v.open():
		return history.AlreadyAtMinCapacity, fmt.Sprintf("the group's MinSize is %d%s", g.MinSize, drainWords(v.open())), true
	case v.in.Now.Before(v.memory.RetryAt):
		return history.LaunchBackoff, "launches fail, and what is removed could not be had again: " + v.backoffWords() + v.reliefWords(), true
	case len(v.in.Growing) > 0:
		return history.ServicesGrowing, fmt.Sprintf("%s grows", v.in.Growing[0]), true
	case v.waiting() > 0:
		return history.TasksWaiting, plural(v.waiting(), "task") + " must find a place first", true
	case v.onTheWay > 0 && !v.in.Observing:
		return history.InstancesOnTheWay, plural(v.onTheWay, "instance") + " on the way", true
	case g.Refreshing:
		return history.InstanceRefresh, "an instance refresh of the group is under way", true
	case g.SuspendedLaunch:
		return history.LaunchSuspended, "the group's Launch process is suspended: resume it, or what is removed could not be had again", true
	case g.SuspendedTerminate:
		return history.TerminateSuspended, "the group's Terminate process is suspended: resume it, or nothing can be removed", true
	case v.deploying() != "":
		return history.DeploymentInProgress, "a deployment of " + string(v.deploying()) + " is in progress", true
	case v.open() >= in.MaxDraining:
		return history.MaxDraining, fmt.Sprintf("%s, as many as may at once", drainWords(v.open())[2:]), true
	}
	if sick, all := v.sick(); sick*100 > maxUnhealthy*all {
		return history.UnhealthyFleet, fmt.Sprintf("%d of %s are unhealthy or not connected, more than %d %%: nothing is removed", sick, plural(all, "instance"), maxUnhealthy), true
	}
	if off := max(in.CoolOff, 2*seconds(v.memory.WarmUp)); in.CoolOff > 0 {
		if at, ok := lastRaise(v.in.Memory, v.in.Now); ok && v.in.Now.Before(at.Add(off)) {
			return history.ScaleInCoolOff, fmt.Sprintf("the group was raised at %s: nothing is removed until %s", stamp(at), stamp(at.Add(off))), true
		}
	}
	return "", "", false
}

// held is the least that the overrides keep, 0 for none.
func (v *view) held() int {
	o, ok := v.override(spec.HoldAt)
	if !ok {
		o, ok = v.override(spec.MinAt)
	}
	if most, capped := v.override(spec.MaxAt); ok && capped {
		return min(o.Count, most.Count)
	}
	return o.Count
}

// open counts the drains that will lower the group and have not yet.
func (v *view) open() int {
	n := 0
	for _, d := range v.in.Drains {
		ending := d.State == drain.Terminating && d.Before > 0 && v.in.Group.DesiredCapacity >= d.Before
		if d.State == drain.Candidate || d.State == drain.Draining || ending {
			n++
		}
	}
	return n
}

func drainWords(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 drains"
	}
	return fmt.Sprintf(", %d drain", n)
}

func (v *view) deploying() fleet.ServiceName {
	for _, s := range v.in.Services {
		if s.Active && !s.Daemon && s.Deploying() {
			return s.Name
		}
	}
	return ""
}

// sick counts the instances that are unhealthy, whose agent is not connected, or that
// the group has in service and ECS does not list, of all but those that drain: half an
// answer of ECS looks like half a fleet.
func (v *view) sick() (sick, all int) {
	sick = v.unlisted()
	all = sick
	for _, i := range v.in.Instances {
		if v.leaving[i.ID] || i.Draining {
			continue
		}
		all++
		m, _ := v.in.Group.Member(i.ID)
		if !i.Connected || m.Unhealthy {
			sick++
		}
	}
	return sick, all
}

// Stay is an instance that cannot go, and why.
type Stay struct {
	Instance fleet.InstanceID `json:"instance"`
	Because  string           `json:"because"`
}

// Look tells of every instance of the group whether it could go, and why not, apart
// from budgets and time: what a person asks who sees an instance that idles.
func Look(in Input) (could []Removal, stay []Stay) {
	v := look(in)
	rule, because, closed := v.stays()
	could, stay = v.candidates(math.MaxInt)
	if closed {
		for _, c := range could {
			stay = append(stay, Stay{c.Instance, because + " (" + rule + ")"})
		}
		could = nil
	}
	slices.SortFunc(stay, func(a, b Stay) int { return strings.Compare(string(a.Instance), string(b.Instance)) })
	return could, stay
}

// maxSearch is how many instances with tasks a decision tries to empty: enough for any
// budget, and bounded work where none fits.
const maxSearch = 250

// candidates gives the instances that may go together, the empty ones first and then
// by how few tasks they move, and why the others may not; of those with tasks it tries
// so many.
func (v *view) candidates(tries int) (found []Removal, stay []Stay) {
	p, in, zones := v.pass(), v.in.Policy.In(), v.census()
	for _, i := range v.byLoad() {
		if because := v.keeps(i); because != "" {
			stay = append(stay, Stay{i.ID, because})
			continue
		}
		n := v.load(i.ID)
		c := Removal{Instance: i.ID, ARN: i.ARN, Cause: drain.Empty}
		if n > 0 {
			c.Cause, c.Score = drain.Consolidation, p.score(i, n)
		}
		var because string
		switch {
		case n > 0 && !in.Consolidate:
			because = fmt.Sprintf("it has %s, and scaleIn.consolidate is false", plural(n, "task"))
		case n > 0 && c.Score < in.MinSavings && !p.returnsAll(i.ID): // the saving of a return is another price
			because = fmt.Sprintf("moving %s is not worth it: the score %.2f is below scaleIn.minSavings %.2f", plural(n, "task"), c.Score, in.MinSavings)
		case v.in.Group.KeepsZones && zones.lopsided(i.Zone):
			because = "zone " + i.Zone + " would have two fewer than another, and Auto Scaling would end an instance there, tasks and all: suspend the group's AZRebalance process to let it go"
		case n > 0 && tries <= 0:
			because = "others are tried first"
		default:
			if n > 0 {
				tries--
			}
			because = p.take(i)
		}
		if because != "" {
			stay = append(stay, Stay{i.ID, because})
			continue
		}
		zones[i.Zone]--
		c.Moves, c.Returns = p.moved, p.returns
		found = append(found, c)
	}
	return found, stay
}

// census counts the instances of each zone that stay.
type census map[string]int

func (v *view) census() census {
	c := census{}
	for _, i := range v.in.Instances {
		if !v.leaving[i.ID] {
			c[i.Zone]++
		}
	}
	return c
}

// lopsided tells whether a zone with one instance less would have two fewer than another.
func (c census) lopsided(zone string) bool {
	for z, n := range c {
		if z != zone && n-(c[zone]-1) >= 2 {
			return true
		}
	}
	return false
}

// load counts the tasks of an instance that would move or hold it, daemons apart.
func (v *view) load(id fleet.InstanceID) int {
	n := 0
	for _, t := range v.on[id] {
		if !t.Daemon {
			n++
		}
	}
	return n
}

// score is the share of the group that goes over the share of its tasks that move, by
// the larger of the CPU and the memory that the instance registered.
func (p *pass) score(i fleet.Instance, n int) float64 {
	share := 0.0
	if p.all.CPU > 0 {
		share = float64(i.Registered.CPU) / float64(p.all.CPU)
	}
	if p.all.Memory > 0 {
		share = max(share, float64(i.Registered.Memory)/float64(p.all.Memory))
	}
	return share / (float64(n) / float64(max(p.tasks, 1)))
}

// The wait after a drain that was not done in time, and where its doubling ends.
const (
	retryDrain    = 2 * time.Hour
	maxRetryDrain = 24 * time.Hour
)

// failed gives why an instance rests whose drain was not done in time, empty if it does not.
func (v *view) failed(id fleet.InstanceID) string {
	for _, d := range v.in.Failed {
		if d.Instance != id || d.Fails == 0 {
			continue
		}
		again := d.Since.Add(min(maxRetryDrain, retryDrain<<min(d.Fails-1, 5)))
		if v.in.Now.Before(again) {
			return fmt.Sprintf("its last drain was not done in time (%s): the next is tried from %s", d.Because, stamp(again))
		}
	}
	return ""
}

// keeps gives why an instance must stay whatever room the others have.
func (v *view) keeps(i fleet.Instance) string {
	m, member := v.in.Group.Member(i.ID)
	switch {
	case v.leaving[i.ID]:
		return "it is on its way out"
	case !i.Active:
		return "it is not ACTIVE"
	case !i.Connected:
		return "its ECS agent is not connected: a drain would not end"
	case len(v.in.Group.Members) > 0 && !member:
		return "it is no member of the group"
	case member && !m.InService():
		return "its lifecycle state is " + m.State
	case m.Unhealthy:
		return "Auto Scaling holds it for unhealthy and replaces it itself"
	case i.Tasks > len(v.on[i.ID]):
		return fmt.Sprintf("ECS counts %s on it and lists %d", plural(i.Tasks, "task"), len(v.on[i.ID]))
	case m.Protected && !v.in.Policy.ScaleIn.ManageProtection:
		return "it is protected from scale-in: remove the protection, or set scaleIn.manageProtection"
	}
	if because := v.failed(i.ID); because != "" {
		return because
	}
	standalone := v.in.Policy.In().StandaloneTasks
	for _, t := range v.on[i.ID] {
		switch {
		case t.Daemon:
		case t.Guarded:
			return "task " + t.ARN[strings.LastIndexByte(t.ARN, '/')+1:] + " of " + string(t.Service) + " is protected from scale-in"
		case t.Service == "" && standalone == spec.StandaloneLeave:
			return "a standalone task runs on it: scaleIn.standaloneTasks wait would drain it and wait for its end"
		}
	}
	for _, s := range v.of(i.ID) {
		if !s.service.Replaces() {
			s := s.service
			return fmt.Sprintf("ECS cannot replace a task of %s: with %d desired its minimumHealthyPercent and maximumPercent leave no room; raise maximumPercent or lower minimumHealthyPercent", s.Name, s.Desired)
		}
	}
	for _, t := range v.on[i.ID] {
		if t.Service != "" && !t.Daemon && !v.ours[t.Service] {
			return fmt.Sprintf("a task of %s runs on it, which does not belong to the group's cell", t.Service)
		}
	}
	return ""
}
