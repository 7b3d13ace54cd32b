package baseline

import "time"

// The numbers of the Nomad Autoscaler (hashicorp/nomad-autoscaler, policy and
// plugins/builtin/strategy/target-value).
const (
	nomadEvery     = 10 * time.Second
	nomadCooldown  = 5 * time.Minute
	nomadTolerance = 0.01
)

// Nomad is the target-value strategy of HashiCorp's Nomad Autoscaler: the last
// value over the target times the count, unless it is within the tolerance, and
// after each action a cooldown in which nothing is done.
//
// Sources: peers.md A7 and E7.
type Nomad struct {
	Target   float64 // percent
	Min, Max int     // tasks

	until time.Time
}

// Decide is one evaluation.
func (k *Nomad) Decide(s Sight) int {
	if s.blind() || s.Now.Before(k.until) {
		return s.Desired
	}
	factor := s.Utilization / k.Target
	if within(factor, nomadTolerance) {
		return s.Desired
	}
	want := whole(float64(s.Desired) * factor)
	if s.Desired == 0 {
		want = whole(factor)
	}
	want = min(max(want, k.Min), k.Max)
	if want != s.Desired {
		k.until = s.Now.Add(nomadCooldown)
	}
	return want
}
