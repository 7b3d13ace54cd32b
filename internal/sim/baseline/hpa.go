package baseline

import "time"

// The numbers of the Horizontal Pod Autoscaler (kubernetes/kubernetes:
// pkg/apis/autoscaling/v2/defaults.go and pkg/controller/podautoscaler/config).
const (
	hpaSync       = 15 * time.Second
	hpaTolerance  = 0.1
	hpaInit       = 5 * time.Minute // cpuInitializationPeriod
	hpaDownWindow = 5 * time.Minute
	hpaRate       = 15 * time.Second // period of the rate limits
)

// HPA is Kubernetes' Horizontal Pod Autoscaler, autoscaling/v2 with its default
// behavior, tasks for pods.
//
// Sources: peers.md A4 and E4 (kubernetes/kubernetes:pkg/controller/podautoscaler/
// {horizontal,replica_calculator}.go). A pod's request is taken for what a task
// bought, so a missing pod counts 100 % on the way down. Where the real one reads
// each pod each 15 s, this one has CloudWatch's average and the count behind it.
type HPA struct {
	Target   float64 // percent; 80 is the default of autoscaling/v1 and the API server
	Min, Max int
	// AverageValue takes the load for an external metric with a target for each
	// replica, as KEDA's triggers are, in place of the pods' utilisation.
	AverageValue bool
}

// Autoscaler is an HPA with its memory of recommendations and of what it did.
type Autoscaler struct {
	cfg    HPA
	down   peak // recommendations
	low    peak // running pods, negative: the fewest since a time
	events []change
	begun  bool
}

type change struct {
	at time.Time
	by int
}

// NewAutoscaler gives an autoscaler that has seen nothing yet.
func NewAutoscaler(c HPA) *Autoscaler {
	return &Autoscaler{cfg: c, down: peak{span: hpaDownWindow}, low: peak{span: hpaInit}}
}

// Decide is one sync.
func (k *Autoscaler) Decide(s Sight) int {
	k.low.push(s.Now, -float64(s.Running))
	if s.blind() {
		return s.Desired // without a metric nothing is done
	}
	if !k.begun { // a controller that (re)starts takes the present count for its first recommendation
		k.begun = true
		k.down.push(s.Now, float64(s.Desired))
	}
	proposed := k.proposal(s)
	high := int(k.down.push(s.Now, float64(proposed)))
	// The scale-up window is 0, so the least recommendation in it is this one.
	want := k.limit(s, min(max(s.Desired, proposed), high))
	if by := want - s.Desired; by != 0 {
		k.events = append(k.events, change{s.Now, by})
	}
	return want
}

// proposal is the metric's word before any stabilisation.
func (k *Autoscaler) proposal(s Sight) int {
	if k.cfg.AverageValue {
		target := k.cfg.Target / 100
		if within(s.Load/(target*float64(max(s.Desired, 1))), hpaTolerance) {
			return s.Desired
		}
		return whole(s.Load / target)
	}
	ready, ignored, missing := k.classify(s)
	return replicas(s.Desired, ready, ignored, missing, s.Utilization/k.cfg.Target, 100/k.cfg.Target)
}

// classify sorts the pods: ready ones were in the datapoint from its beginning to
// its end; ignored ones are pending, or joined in it, and are not yet believed
// within five minutes of their start; missing ones run and are not in it.
//
//	|---- datapoint ----|--- lag ---| now
//	ready ================================
//	ignored (joined)  ====================
//	missing                   ============
func (k *Autoscaler) classify(s Sight) (ready, ignored, missing int) {
	reported := min(s.Reporting, s.Running)
	fewest := -int(k.low.since(later(s.DataAt.Add(-time.Minute), s.Now.Add(-hpaInit))))
	ready = min(reported, max(fewest, 0))
	return ready, s.Pending + reported - ready, s.Running - reported
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// replicas gives the proposal for a usage ratio of the ready pods; full is the
// ratio of a pod at 100 % of its request.
func replicas(current, ready, ignored, missing int, ratio, full float64) int {
	if ready == 0 {
		return current
	}
	steady := func(r float64) bool { return within(r, hpaTolerance) }
	if missing == 0 && (ignored == 0 || ratio <= 1) {
		if steady(ratio) {
			return current
		}
		return whole(ratio * float64(ready))
	}
	sum, counted := ratio*float64(ready), ready+missing
	switch {
	case ratio < 1:
		sum += full * float64(missing)
	case ratio > 1:
		counted += ignored // both at 0
	}
	again := sum / float64(counted)
	if steady(again) || ratio < 1 && again > 1 || ratio > 1 && again < 1 {
		return current
	}
	want := whole(again * float64(counted))
	if again < 1 && want > current || again > 1 && want < current {
		return current
	}
	return want
}

// limit applies the rates: up by 4 pods or by 100 % in 15 s, whichever is more,
// down by any number; then the bounds.
func (k *Autoscaler) limit(s Sight, want int) int {
	for len(k.events) > 0 && !k.events[0].at.After(s.Now.Add(-hpaRate)) {
		k.events = k.events[1:]
	}
	start := s.Desired
	for _, e := range k.events {
		start -= e.by
	}
	if want > s.Desired {
		want = min(want, max(start+4, 2*start))
	}
	return min(max(want, k.cfg.Min), k.cfg.Max)
}
