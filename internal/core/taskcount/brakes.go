package taskcount

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// coolDown lets a direction rest. An out is never stopped by the in-cooldown,
// and during the out-cooldown a count above the last one ordered passes, as in
// Application Auto Scaling. The in-cooldown runs from the last order either way.
func (d *decider) coolDown() {
	switch {
	case d.steps.Direction() == history.Out && d.hold == nil:
		last, ok := d.in.History.HighestOut(d.now.Add(-d.out.Cooldown))
		if ok && d.steps.Count() <= last.To {
			d.steps.To(d.in.Base, history.ScaleOutCooldown, fmt.Sprintf("scaled out to %d at %s, cooldown %s: only a larger count passes",
				last.To, clock(last.At), spec.Duration(d.out.Cooldown)))
		}
	case d.shrinks():
		last, ok := d.in.History.Last()
		if ok && d.now.Sub(last.At) < d.sc.Cooldown {
			d.keep(history.ScaleInCooldown, fmt.Sprintf("scaled %s to %d at %s, cooldown %s",
				history.Toward(last.From, last.To), last.To, clock(last.At), spec.Duration(d.sc.Cooldown)))
		}
	}
}

// heedVetoes stops scale-in while a veto is bad, or not known.
func (d *decider) heedVetoes() {
	if !d.shrinks() {
		return
	}
	for _, v := range d.in.Policy.Vetoes {
		if words, bad := d.vetoed(v); bad {
			d.keep(history.ScaleInVeto, fmt.Sprintf("the veto %s: %s", v.Name, words))
			return
		}
	}
}

// vetoed tells whether a datapoint within the look back is bad, or whether that
// is not known. Only an answer that is whole can say that there was none.
func (d *decider) vetoed(v spec.Veto) (words string, bad bool) {
	m := v.Metric.CloudWatch("Average")
	s, ok := d.in.find(m)
	if !ok {
		return "the metric was not read, and unknown is bad", true
	}
	points := s.Closed(d.now)
	r := s.Judge(d.now, points)
	if r.Freshness != signal.Fresh && (s.Status != signal.Complete || v.TreatMissingData != spec.NotBreaching) {
		return r.Because + ", and unknown is bad", true
	}
	back := v.LookbackTime()
	for i, p := range slices.Backward(points) {
		// The newest datapoint counts however late it came, as long as it is fresh: one
		// of a metric that is published only when something is wrong may be hours old.
		if (i < len(points)-1 || r.Freshness != signal.Fresh) && !p.Start.Add(m.Period).After(d.now.Add(-back)) {
			break
		}
		switch value := float64(p.Value); {
		case v.Above != nil && value > *v.Above:
			return fmt.Sprintf("%s was %s at %s, above %s, within the last %s", v.Metric.Label(), number(value), clock(p.Start), number(*v.Above), spec.Duration(back)), true
		case v.Below != nil && value < *v.Below:
			return fmt.Sprintf("%s was %s at %s, below %s, within the last %s", v.Metric.Label(), number(value), clock(p.Start), number(*v.Below), spec.Duration(back)), true
		}
	}
	return "", false
}

// freeze stops scale-in while a deployment is in progress, as Application Auto
// Scaling does; scale-out goes on. A deployment can be paused for days, so the
// freeze ends after its time.
func (d *decider) freeze() {
	limit := d.sc.DeploymentFreeze
	if !d.shrinks() || !d.in.Service.Deploying() || limit <= 0 {
		return
	}
	if p, ok := d.in.Service.Primary(); ok && !p.CreatedAt.IsZero() && d.now.Sub(p.CreatedAt) >= limit {
		d.steps.To(d.steps.Count(), history.DeploymentInProgress, fmt.Sprintf("a deployment is in progress since %s, longer than the freeze of %s: it no longer stops scale-in",
			p.CreatedAt.UTC().Format(time.RFC3339), spec.Duration(limit)))
		return
	}
	d.keep(history.DeploymentInProgress, fmt.Sprintf("scale-in waits until the deployment has ended, at most %s", spec.Duration(limit)))
}

// TroubleFor is how long a trouble that ECS has reported counts. ECS tries a failing
// start again with pauses that grow to 27 minutes (developer guide, service
// throttle logic); between two of them the tasks that wait look as if they would start.
const TroubleFor = 30 * time.Minute

// startsBelieved is how many tasks that have never run are taken for tasks that
// will, whatever runs: one a minute that each take five minutes to start are no
// sign that none does.
const startsBelieved = 10

// brakePlacement keeps the count within what is placed and one step more: where
// tasks cannot be placed, or keep failing to start, more of them help nobody, and
// a count that runs away from what runs cannot be brought down at once either.
// Where all have a place the rate limits alone bind. What a fallback runs or may still
// run has a place.
func (d *decider) brakePlacement() {
	if d.steps.Direction() != history.Out || d.troubled() || !d.in.Acting {
		return // in observe mode nobody is asked to place what would be ordered
	}
	placed, why := d.placed()
	step, by := d.furthest(placed)
	most := max(d.in.Base, step)
	switch s := d.together(); {
	case d.steps.Count() <= most:
	case why != "":
		of := fmt.Sprintf("of %d desired tasks run", d.in.Service.Desired)
		d.steps.To(most, history.TasksUnplaced, fmt.Sprintf("%s, %s: the count stays within one step (%s) of %s, at most %d",
			plural(s.Running, of+"s", of), why, limitWords(by), taskWords(placed), most))
	case d.fastest().count > most: // else the rate limit says so itself, and what of it is used
		d.steps.To(most, history.ScaleOutRateLimit, fmt.Sprintf("%s, start or fit on instances on the way, and one step (%s) from there is %d", plural(placed, "task runs", "tasks run"), limitWords(by), step))
	}
}

// troubled holds the count while ECS reports that it cannot place or start tasks.
func (d *decider) troubled() bool {
	s := d.together()
	absent := s.Desired - s.Running - s.Pending - d.in.Coming
	for _, t := range s.Troubles {
		if age := d.now.Sub(t.At); age > TroubleFor {
			continue
		}
		switch {
		case t.Kind == fleet.PlacementFailure && absent > 0:
			d.steps.To(d.in.Base, history.TasksUnplaced, fmt.Sprintf("%s no place (%s at %s): more would wait beside them%s", plural(absent, "task has", "tasks have"), t.Words, clock(t.At), d.remedy(t)))
			return true
		case t.Kind == fleet.StartImpaired && s.Running < s.Desired:
			d.steps.To(d.in.Base, history.TasksUnplaced, fmt.Sprintf("%d of %d tasks run and new ones keep failing (%s at %s): more would fail beside them", s.Running, d.in.Service.Desired, t.Words, clock(t.At)))
			return true
		}
	}
	return false
}

// placed gives how many tasks a scale-out may count on, and why these are fewer
// than are desired; no words where all have a place. Tasks that start and die
// are PENDING too, so of what does not run only so much counts as one step adds,
// as many as run, or startsBelieved. Without that, 5 tasks whose new ones all die
// would become 20, 80, 320 and 500 in four minutes, long before ECS reports it.
// While starts of the newest deployment fail in a row, none of them counts.
func (d *decider) placed() (n int, why string) {
	s := d.together()
	starting := s.Pending + d.in.Coming
	step, _ := d.furthest(s.Running)
	believed := max(step-s.Running, s.Running, startsBelieved)
	p, _ := s.Primary()
	switch {
	case p.Failed > 0 && s.Running < s.Desired:
		return s.Running, fmt.Sprintf("and %s failed", plural(p.Failed, "start has", "starts have"))
	case starting > believed:
		return s.Running + believed, fmt.Sprintf("%d have not started yet, and of these %d count until more run", starting, believed)
	case s.Running+starting < s.Desired:
		return s.Running + starting, fmt.Sprintf("%d start or fit on instances on the way, and %s no place yet", starting, plural(s.Desired-s.Running-starting, "has", "have"))
	}
	return s.Running + starting, ""
}

// The share and the number of a fleet that must be sick before scale-in stops:
// those of the Kubernetes cluster autoscaler.
const (
	sickShare = 0.45
	sickLeast = 3
)

// brakeFleet stops scale-in while much of the fleet is sick: what is missing of
// the desired tasks, or instances whose agent is not connected. Their low use is
// not low demand.
func (d *decider) brakeFleet() {
	if !d.shrinks() {
		return
	}
	sick := func(n, of int) bool { return n > sickLeast && float64(n) > sickShare*float64(of) }
	s := d.in.Service
	switch missing := s.Desired - d.together().Running; {
	case sick(missing, s.Desired):
		d.keep(history.UnhealthyFleet, fmt.Sprintf("%d of %d tasks do not run: no scale-in while more than 45 %% and more than 3 do not", missing, s.Desired))
	case sick(d.in.Disconnected, d.in.Instances):
		d.keep(history.UnhealthyFleet, fmt.Sprintf("%d of %d instances are not connected: no scale-in while more than 45 %% and more than 3 are not", d.in.Disconnected, d.in.Instances))
	}
}
