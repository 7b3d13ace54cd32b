package baseline

import "time"

// The numbers of KEDA's ScaledObject (kedacore/keda-docs, scaledobject-spec).
const (
	kedaPoll     = 30 * time.Second
	kedaCooldown = 300 * time.Second
)

// KEDA is KEDA over the Horizontal Pod Autoscaler: it alone goes between none and
// one, and the autoscaler between one and Max on the trigger's value for each
// replica.
//
// Sources: peers.md A5 and E5 (kedacore/keda:pkg/scaling/executor/
// scale_scaledobjects.go). The trigger is the load in the newest datapoint of a
// minute: the CloudWatch scaler's own default of 300 s would only be slower.
type KEDA struct {
	Target     float64 // percent of a task's worth of load for each replica
	Min, Max   int     // replicas; a Min of 0 lets it go to none
	Activation float64 // load above which the trigger is active
}

// Scaler is KEDA with its memory.
type Scaler struct {
	cfg        KEDA
	hpa        *Autoscaler
	polled     time.Time
	lastActive time.Time
}

// NewScaler gives a scaler that has seen nothing yet.
func NewScaler(c KEDA) *Scaler {
	return &Scaler{cfg: c, hpa: NewAutoscaler(HPA{Target: c.Target, Min: max(1, c.Min), Max: c.Max, AverageValue: true})}
}

// Decide is one sync of the autoscaler, and each 30 s a poll before it.
func (k *Scaler) Decide(s Sight) int {
	if s.blind() {
		return s.Desired // a trigger that fails has no fallback unless one is set
	}
	if k.polled.IsZero() || s.Now.Sub(k.polled) >= kedaPoll {
		k.polled = s.Now
		s.Desired = k.poll(s)
	}
	if s.Desired == 0 {
		return 0
	}
	return k.hpa.Decide(s)
}

// poll goes between none and one. To none it goes at once, from any count.
func (k *Scaler) poll(s Sight) int {
	switch active := s.Load > k.cfg.Activation; {
	case active:
		k.lastActive = s.Now
		if s.Desired == 0 {
			return max(1, k.cfg.Min)
		}
	case k.lastActive.IsZero():
		k.lastActive = s.Now // the initial cooldown counts from the first poll
	case k.cfg.Min == 0 && s.Now.Sub(k.lastActive) > kedaCooldown:
		return 0
	}
	return s.Desired
}
