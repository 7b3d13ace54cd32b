package baseline

import (
	"math"
	"time"
)

// The numbers of the Knative Pod Autoscaler (knative/serving:config/core/
// configmaps/autoscaler.yaml).
const (
	kpaTick   = 2 * time.Second
	kpaStable = 60 * time.Second
	kpaPanic  = 6 * time.Second // 10 % of the stable window
	kpaUp     = 1000.0          // most pods for each ready one
	kpaDown   = 2.0             // least, as a divisor
)

// KPA is Knative's Pod Autoscaler with its default configuration. Of a pod's 100
// concurrent requests 70 % are the target; here a task's worth of load is what a
// pod carries at once, so the target is 0.7 of it.
//
// Sources: peers.md A6 and E6 (knative/serving:pkg/autoscaler/scaling/
// autoscaler.go). Scaling to none is left out: no service here may have no task.
type KPA struct {
	Target    float64 // percent of a task's worth of load, 70 by default
	Threshold float64 // of the panic mode: need over ready pods, 2 if zero
}

// Panicker is a KPA with its windows.
type Panicker struct {
	cfg      KPA
	long     mean
	short    mean
	begun    bool
	panicked time.Time // when the panic began or was prolonged, zero for none
	most     int       // of the present panic
}

// NewPanicker gives an autoscaler that has seen nothing yet.
func NewPanicker(c KPA) *Panicker {
	if c.Threshold == 0 {
		c.Threshold = 2
	}
	return &Panicker{cfg: c, long: newMean(int(kpaStable / kpaTick)), short: newMean(int(kpaPanic / kpaTick))}
}

// Decide is one tick.
func (k *Panicker) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	ready := max(s.Running, 1)
	if !k.begun && s.Running > 1 {
		// What it knew is lost at a restart, so it begins in a panic and lets no pod go.
		k.panicked, k.most = s.Now, s.Running
	}
	k.begun = true
	target := k.cfg.Target / 100
	stable, urgent := k.long.push(s.Load)/target, k.short.push(s.Load)/target
	bound := func(x float64) int {
		return min(max(whole(x), int(math.Floor(float64(ready)/kpaDown))), int(kpaUp)*ready)
	}
	switch {
	case math.Ceil(urgent-1e-9)/float64(ready) >= k.cfg.Threshold:
		k.panicked = s.Now
	case !k.panicked.IsZero() && s.Now.Sub(k.panicked) > kpaStable:
		k.panicked, k.most = time.Time{}, 0
	}
	if k.panicked.IsZero() {
		return bound(stable)
	}
	k.most = max(k.most, bound(stable), bound(urgent))
	return k.most
}

// mean is the mean of the last so many values, in constant time.
type mean struct {
	ring []float64
	next int
	full bool
	sum  float64
}

func newMean(n int) mean { return mean{ring: make([]float64, n)} }

func (m *mean) push(v float64) float64 {
	m.sum += v - m.ring[m.next]
	m.ring[m.next] = v
	if m.next++; m.next == len(m.ring) {
		m.next, m.full, m.sum = 0, true, 0
		for _, x := range m.ring { // anew once a round, so that rounding does not pile up
			m.sum += x
		}
	}
	if m.full {
		return m.sum / float64(len(m.ring))
	}
	return m.sum / float64(m.next)
}
