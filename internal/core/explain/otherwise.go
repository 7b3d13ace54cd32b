package explain

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// Alternative is an input, or two of them, that would have changed the decision.
// It was found by deciding again with exactly what its words say.
type Alternative struct {
	// Input names what is moved: a field of the policy, an override, a metric.
	Input string `json:"input"`
	From  string `json:"from"`
	To    string `json:"to"`
	// If is the same as a condition: maxCapacity were 14 (not 12).
	If      string `json:"if"`
	Desired int    `json:"desired"`
	Outcome string `json:"outcome"` // the other decision in a few words
}

// String gives "if maxCapacity were 14 (not 12): scale out from 10 to 14 tasks".
func (a Alternative) String() string { return "if " + a.If + ": " + a.Outcome }

// Search is what came of looking for another decision.
type Search struct {
	Found []Alternative
	// Bound are the rules that bind the decision where nothing was found: its own,
	// and the one that binds as soon as that is out of the way.
	Bound []string
}

// Bounds of what is told, and of what is tried two at a time.
const (
	maxAlternatives = 6
	maxPairs        = 2
)

// Otherwise looks for what would have changed the decision about a service at
// now: each input by itself, and where no rule can be moved out of the way by
// itself, two of them. Every one is verified: policy.Decide was run with it. The
// Search is empty where the input does not lead to a decision about the service.
func Otherwise(now time.Time, in policy.Input, service fleet.ServiceName) Search {
	w := witness{now: now, in: alone(now, in, service)}
	if len(w.in.Services) == 0 {
		return Search{}
	}
	w.is = w.decide(w.in)
	out, bound := w.rules(append(moves(w.in, w.is), standsIn(now, w.in)...))
	if a, ok := w.later(); ok {
		out = append(out, a)
	}
	for i := range w.in.Services[0].Policy.Policies {
		if len(out) < maxAlternatives {
			out = append(out, w.loads(i)...)
		}
	}
	if len(out) > 0 {
		return Search{Found: out[:min(len(out), maxAlternatives)]}
	}
	return Search{Bound: bound}
}

// alone is the input without the other services and the group's own decision. Of a
// pair both services stay, the one that is asked about first.
func alone(now time.Time, in policy.Input, service fleet.ServiceName) policy.Input {
	out := in
	if in.Paired() {
		out.Services = slices.Clone(in.Services)
		i := slices.IndexFunc(out.Services, func(s policy.ServiceInput) bool { return s.Name == service })
		if i < 0 {
			out.Services = nil
			return out
		}
		out.Services[0], out.Services[i] = out.Services[i], out.Services[0]
		return out
	}
	if in.Account != nil && len(in.Services) > 1 {
		// What the account's cap leaves depends on the services that are decided before.
		out = in.Only(service, policy.Decide(now, in))
	}
	out.Cell, out.Group = fleet.Cell{Cluster: in.Cell.Cluster, Service: service}, nil
	out.Services = slices.DeleteFunc(slices.Clone(out.Services), func(s policy.ServiceInput) bool { return s.Name != service })
	return out
}

// witness decides again.
type witness struct {
	now time.Time
	in  policy.Input
	is  policy.ServiceDecision
}

// decide decides about the first service of an input.
func (w witness) decide(in policy.Input) policy.ServiceDecision {
	all := policy.Decide(w.now, in).Services
	return all[slices.IndexFunc(all, func(d policy.ServiceDecision) bool { return d.Service == in.Services[0].Name })]
}

// other tells whether a decision is another one. A policy that what was moved
// has made invalid decides nothing.
func (w witness) other(d policy.ServiceDecision) bool {
	return d.Desired != w.is.Desired && (d.Reason != history.InvalidPolicy || w.is.Reason == history.InvalidPolicy)
}

// tried is a move with the decision that it leads to.
type tried struct {
	move
	is policy.ServiceDecision
}

// rules tries the moves one by one, and where none of them changes the decision
// two by two; bound are the rules that bind it one behind the other.
func (w witness) rules(moves []move) (found []Alternative, bound []string) {
	bound = []string{w.is.Reason}
	all := make([]tried, 0, len(moves))
	for _, m := range moves {
		t := tried{m, w.decide(moved(w.in, m))}
		if w.other(t.is) {
			found = append(found, alternative(t.is, m))
		}
		all = append(all, t)
		if len(bound) == 1 && t.behind(w.is) {
			bound = append(bound, t.is.Reason)
		}
	}
	if len(found) > 0 {
		return found, bound
	}
	return w.pairs(all), bound
}

// behind tells whether the move has taken the binding rule out of the way, and
// another one binds.
func (t tried) behind(was policy.ServiceDecision) bool {
	return t.is.Reason != was.Reason && t.is.Reason != history.InvalidPolicy
}

// pairs tries two moves at once, of which one takes the binding rule out of the
// way and leaves the policies still kept from what they want: a stop and a pause.
func (w witness) pairs(all []tried) []Alternative {
	var found []Alternative
	starts := func(t tried) bool { return t.behind(w.is) && t.is.Wanted != t.is.Desired }
	for i, a := range all {
		for _, b := range all[i+1:] {
			if !starts(a) && !starts(b) {
				continue
			}
			// The later one first: it may take an entry out of the same list.
			if d := w.decide(moved(w.in, b.move, a.move)); w.other(d) {
				found = append(found, alternative(d, a.move, b.move))
			}
			if len(found) == maxPairs {
				return found
			}
		}
	}
	return found
}

// alternative tells of moves and the decision that they lead to.
func alternative(d policy.ServiceDecision, moves ...move) Alternative {
	var input, from, to, words []string
	for _, m := range moves {
		input, from, to, words = append(input, m.input), append(from, m.from), append(to, m.to), append(words, m.words)
	}
	and := func(s []string) string { return strings.Join(s, " and ") }
	return Alternative{
		Input: and(input), From: and(from), To: and(to), If: and(words),
		Desired: d.Desired, Outcome: headline(d.Mode, d.Direction, d.Base, d.Desired, "task"),
	}
}

// moved gives the input with some moves made; the input itself stays.
func moved(in policy.Input, moves ...move) policy.Input {
	out := copied(in)
	live := &fleet.Service{}
	for i := range out.Fleet.Services {
		if out.Fleet.Services[i].Name == out.Services[0].Name {
			live = &out.Fleet.Services[i]
		}
	}
	for _, m := range moves {
		m.edit(&out, &out.Services[0], live)
	}
	return out
}

// copied copies as much of an input of one service as a move may write to.
func copied(in policy.Input) policy.Input {
	in.Services, in.Queues, in.Signals = slices.Clone(in.Services), slices.Clone(in.Queues), slices.Clone(in.Signals)
	in.Fleet.Services, in.Fleet.Instances = slices.Clone(in.Fleet.Services), slices.Clone(in.Fleet.Instances)
	for i := range in.Fleet.Services {
		in.Fleet.Services[i].Deployments = slices.Clone(in.Fleet.Services[i].Deployments)
	}
	for i := range in.Services {
		s := &in.Services[i]
		s.Overrides = slices.Clone(s.Overrides)
		p := &s.Policy
		p.Policies, p.Scheduled, p.Constraints, p.Vetoes = slices.Clone(p.Policies), slices.Clone(p.Scheduled), slices.Clone(p.Constraints), slices.Clone(p.Vetoes)
		if p.Spend != nil {
			p.Spend = new(*p.Spend)
		}
		if p.Activation != nil {
			p.Activation = new(*p.Activation)
		}
	}
	return in
}

func tasks(n int) string { return strconv.Itoa(n) }
