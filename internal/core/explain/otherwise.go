package explain

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// Alternative is one input that, moved by itself, would have changed the
// decision. It was found by deciding again with the input moved.
type Alternative struct {
	// Input names what is moved: a field of the policy, an override, a metric.
	Input   string `json:"input"`
	From    string `json:"from"`
	To      string `json:"to"`
	Desired int    `json:"desired"`
	Outcome string `json:"outcome"` // the other decision in a few words
}

// String gives "maxCapacity 14 instead of 12: scale out from 10 to 14 tasks".
func (a Alternative) String() string {
	return fmt.Sprintf("%s %s instead of %s: %s", a.Input, a.To, a.From, a.Outcome)
}

// maxAlternatives bounds what is told: the nearest first.
const maxAlternatives = 6

// Otherwise gives the inputs that, each moved by itself, would have changed the
// decision about a service at now. Every one is verified: policy.Decide was run
// with it. It is empty where the input does not lead to a decision about it.
func Otherwise(now time.Time, in policy.Input, service fleet.ServiceName) []Alternative {
	w := witness{now: now, in: alone(in, service)}
	is, ok := w.decide(w.in)
	if !ok {
		return nil
	}
	w.is = is
	var out []Alternative
	for _, m := range moves(w.in, is) {
		if a, ok := w.moved(m); ok {
			out = append(out, a)
		}
	}
	for i := range w.in.Services[0].Policy.Policies {
		for _, up := range []bool{true, false} {
			if a, ok := w.demand(i, up); ok {
				out = append(out, a)
			}
		}
	}
	return out[:min(len(out), maxAlternatives)]
}

// alone is the input without the other services and the group's own decision.
func alone(in policy.Input, service fleet.ServiceName) policy.Input {
	out := in
	out.Cell, out.Group = fleet.Cell{Cluster: in.Cell.Cluster, Service: service}, nil
	out.Services = slices.DeleteFunc(slices.Clone(in.Services), func(s policy.ServiceInput) bool { return s.Name != service })
	return out
}

// witness decides again.
type witness struct {
	now time.Time
	in  policy.Input
	is  policy.ServiceDecision
}

func (w witness) decide(in policy.Input) (policy.ServiceDecision, bool) {
	if len(in.Services) != 1 {
		return policy.ServiceDecision{}, false
	}
	return policy.Decide(w.now, in).Services[0], true
}

// move is one input to be moved.
type move struct {
	input, from, to string
	edit            func(in *policy.Input, s *policy.ServiceInput, live *fleet.Service)
}

// moved decides with one input moved, on a copy.
func (w witness) moved(m move) (Alternative, bool) {
	in, ok := clone(w.in)
	if !ok {
		return Alternative{}, false
	}
	live := &fleet.Service{}
	for i := range in.Fleet.Services {
		if in.Fleet.Services[i].Name == in.Services[0].Name {
			live = &in.Fleet.Services[i]
		}
	}
	m.edit(&in, &in.Services[0], live)
	d, ok := w.decide(in)
	if !ok || d.Desired == w.is.Desired {
		return Alternative{}, false
	}
	return Alternative{Input: m.input, From: m.from, To: m.to, Desired: d.Desired, Outcome: headline(d.Mode, d.Direction, d.Base, d.Desired, "task")}, true
}

// clone copies an input by its own JSON, which is how records keep it.
func clone(in policy.Input) (policy.Input, bool) {
	var out policy.Input
	b, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err == nil
}

// The search for a demand: between a 64th and 64 times of what it is, to a
// thousandth.
const (
	demandRange = 64.0
	demandStep  = 1.001
)

// demand finds the least change of the demand that one policy sees, up or down,
// that changes the decision, and verifies it.
func (w witness) demand(i int, up bool) (Alternative, bool) {
	if i >= len(w.is.Policies) || w.is.Policies[i].Verdict == taskcount.Unusable || w.is.Policies[i].Demand <= 0 {
		return Alternative{}, false
	}
	rec, p := w.is.Policies[i], w.in.Services[0].Policy.Policies[i]
	now := float64(rec.Demand)
	if perTask(rec) {
		now /= float64(rec.Tasks)
	}
	changes := func(factor float64) bool {
		d, ok := w.decide(scaled(w.in, p, factor))
		return ok && (up && d.Desired > w.is.Desired || !up && d.Desired < w.is.Desired)
	}
	far := demandRange
	if !up {
		far = 1 / demandRange
	}
	if !changes(far) {
		return Alternative{}, false
	}
	near := 1.0
	for far/near > demandStep || near/far > demandStep {
		if mid := math.Sqrt(near * far); changes(mid) {
			far = mid
		} else {
			near = mid
		}
	}
	to := outward(now*far, up)
	d, ok := w.decide(scaled(w.in, p, to/now))
	if !ok || d.Desired == w.is.Desired {
		return Alternative{}, false
	}
	return Alternative{
		Input: demandName(rec), From: number(now) + rec.Unit, To: number(to) + rec.Unit,
		Desired: d.Desired, Outcome: headline(d.Mode, d.Direction, d.Base, d.Desired, "task"),
	}, true
}

// perTask tells whether a recommendation's demand is told per task.
func perTask(r taskcount.Recommendation) bool {
	return r.Unit == " %" && r.Tasks > 0 && r.Type == targetTracking
}

func demandName(r taskcount.Recommendation) string {
	switch {
	case perTask(r):
		return r.Policy + " at an average of"
	case r.Type == history.Backlog:
		return r.Policy + ", its backlog in proportion, at"
	}
	return r.Policy + " at"
}

// outward rounds a value to three digits, away from what it is now.
func outward(v float64, up bool) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v))-2)
	if up {
		return math.Ceil(v/unit) * unit
	}
	return math.Floor(v/unit) * unit
}

// scaled multiplies what a policy sees of the load by a factor.
func scaled(in policy.Input, p spec.Policy, factor float64) policy.Input {
	key := fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: in.Cell.Service}
	loads := loadsOf(key, p)
	set := make(signal.Set, len(in.Signals))
	for i, s := range in.Signals {
		if slices.Contains(loads, s.Metric.Key()) {
			s.Points = slices.Clone(s.Points)
			for k := range s.Points {
				s.Points[k].Value *= signal.Value(factor)
			}
		}
		set[i] = s
	}
	in.Signals = set
	return in
}

// loadsOf are the series whose values are the load that a policy sees.
func loadsOf(k fleet.ServiceKey, p spec.Policy) []string {
	switch {
	case p.TargetTracking != nil:
		return []string{p.TargetTracking.CloudWatch(k).Metric.Key()}
	case p.StepScaling != nil:
		return []string{p.StepScaling.CloudWatch(k).Metric.Key()}
	case p.Backlog != nil:
		src := p.Backlog.CloudWatch()
		return []string{src.Backlog.Key(), src.Arrivals.Key()}
	case p.Concurrency != nil:
		return []string{p.Concurrency.Metric.CloudWatch("Sum").Key()}
	}
	return nil
}

func tasks(n int) string { return strconv.Itoa(n) }
