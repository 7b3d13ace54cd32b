package trial

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
)

// Contestant is one policy with its one knob.
type Contestant struct {
	Name   string
	Source string // where its formula is from
	Knob   string // what the knob is, with its unit
	// Default is the documented value of the knob, Sweep the values of a curve, from
	// cheap to safe.
	Default float64
	Sweep   []float64
	// Foresees says that it knows the load beforehand: a yardstick, and no contestant.
	Foresees bool

	resolution int // seconds of its CPU metric, 60 if zero
	policy     *Policy
	peer       baseline.Peer
}

// Policy is what Trimtab is set to do in a trial.
type Policy struct {
	Service spec.Service // bounds aside, which the trial sets
	Group   spec.Group   // on EC2Cold
}

// sweep is the target values of a curve in percent, from cheap to safe: those of the peers
// with such a knob, since a finer curve reads a lower cost.
func sweep() []float64 { return []float64{90, 75, 60, 45, 35, 25, 16, 10} }

// defaultTarget is the target value in percent of the documents' examples.
const defaultTarget = 60

// Trimtab gives Trimtab with its defaults under a name of its own: target tracking of
// the CPU metric of each minute, or where fast of every 20 s.
func Trimtab(fast bool) Contestant {
	c := Custom("trimtab", Policy{Service: spec.Service{Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{
		PredefinedMetric: spec.CPUUtilization, TargetValue: defaultTarget,
	}}}}})
	if fast {
		c = Custom("trimtab-20s", Policy{Service: spec.Service{Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{
			PredefinedMetric: spec.CPUUtilizationHighRes, TargetValue: defaultTarget,
		}}}}})
	}
	return c
}

// latencyKnob is the knob of Trimtab on a queue.
const latencyKnob = "acceptable latency, seconds"

// Custom gives Trimtab with a policy under a name. The knob is the target value of all
// its target tracking policies, or the acceptable latency of all its backlog policies,
// whose queue is that of the course; a policy without either keeps what it says, and its
// curve is one point.
func Custom(name string, p Policy) Contestant {
	c := Contestant{Name: name, Source: "the production code, internal/core/policy", Knob: baseline.UtilizationKnob, policy: &p}
	for _, x := range p.Service.Policies {
		if t := x.TargetTracking; t != nil {
			c.Default, c.Sweep = t.TargetValue, sweep()
			if t.PredefinedMetric == spec.CPUUtilizationHighRes {
				c.resolution = 20
			}
		}
		if b := x.Backlog; b != nil {
			c.Default, c.Sweep, c.Knob = time.Duration(b.AcceptableLatency).Seconds(), latencies(b.AcceptableLatency), latencyKnob
		}
	}
	if c.Sweep == nil {
		c.Default, c.Sweep, c.Knob = defaultTarget, []float64{defaultTarget}, "none"
	}
	return c
}

// Peers gives every re-implemented policy.
func Peers() []Contestant {
	var out []Contestant
	for _, p := range baseline.Peers() {
		out = append(out, newPeer(p))
	}
	return out
}

// Gentle gives the other reading of Application Auto Scaling, see baseline.Gentle. It is
// known by its name, aas-gentle, and not among All.
func Gentle() Contestant { return newPeer(baseline.Gentle()) }

// Native gives Application Auto Scaling's target tracking with cooldowns of its own. Its
// knob is the target.
func Native(c baseline.TargetTracking) Contestant { return newPeer(baseline.Tracked(c)) }

func newPeer(p baseline.Peer) Contestant {
	return Contestant{
		Name: p.Name, Source: p.Source, Knob: p.Knob, Default: p.Default, Sweep: p.Sweep, Foresees: p.Foresees, peer: p, resolution: p.CPUSeconds,
	}
}

// All gives every contestant, ours first.
func All() []Contestant { return append([]Contestant{Trimtab(false), Trimtab(true)}, Peers()...) }

// Named gives the contestants of a comma-separated list of names. One that is not known,
// or named twice, is an error.
func Named(list string) ([]Contestant, error) { return Choose(append(All(), Gentle()), list) }

// Choose gives those of the contestants that a comma-separated list names. One that is not
// among them, or named twice, is an error.
func Choose(all []Contestant, list string) ([]Contestant, error) {
	var out []Contestant
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(all, func(c Contestant) bool { return c.Name == name })
		if i < 0 {
			var names []string
			for _, c := range all {
				names = append(names, c.Name)
			}
			return nil, fmt.Errorf("policy %q is not known: use some of %s", name, strings.Join(names, ", "))
		}
		if slices.ContainsFunc(out, func(c Contestant) bool { return c.Name == name }) {
			return nil, fmt.Errorf("policy %q is named twice", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// Beside gives the value of the knob for a run that is shown beside another's: the
// other's own where both turn the same knob, so that the policies differ and not what
// they are asked for; else the documented one.
func (k Contestant) Beside(first Contestant) float64 {
	if k.Knob == first.Knob {
		return first.Default
	}
	return k.Default
}

func (k Contestant) ours() bool { return k.policy != nil }

// reach is the highest bound that a scheduled window of the policy sets: the service must
// be able to get there, however little the load asks for.
func (k Contestant) reach() int {
	most := 0
	if k.ours() {
		for _, w := range k.policy.Service.Scheduled {
			for _, n := range []*int{w.MinCapacity, w.MaxCapacity} {
				if n != nil {
					most = max(most, *n)
				}
			}
		}
	}
	return most
}

// initial is the tasks at the start: right for the first second at the target value,
// with 60 % where the knob is no such value, and on a queue where nothing waits.
func (k Contestant) initial(c *Course, knob float64) int {
	if c.Messages != nil {
		return max(1, int(math.Ceil(c.Load[0]-1e-9)))
	}
	target := defaultTarget / 100.0
	if k.ours() || strings.Contains(k.Knob, "percent") {
		target = min(max(knob/100, 0.1), 1)
	}
	return max(1, int(math.Ceil(c.Load[0]/target-1e-9)))
}

// enter deploys the contestant.
func (k Contestant) enter(ctx context.Context, s *stage) error {
	if !k.ours() {
		return s.peer(k.peer)
	}
	p := k.policy.Service
	p.MinCapacity, p.MaxCapacity = s.min, s.max
	p.Policies = slices.Clone(p.Policies)
	for i, x := range p.Policies {
		if x.TargetTracking != nil && s.knob != k.Default { // else each keeps its own, should they differ
			t := *x.TargetTracking
			t.TargetValue = s.knob
			p.Policies[i].TargetTracking = &t
		}
		if x.Backlog != nil {
			b := *x.Backlog
			b.Queue = jobs
			if s.knob != k.Default {
				b.AcceptableLatency = spec.Duration(time.Duration(s.knob) * time.Second)
			}
			p.Policies[i].Backlog = &b
		}
	}
	g := k.policy.Group
	g.Mode = cmp.Or(g.Mode, spec.Act)
	return s.trimtab(ctx, p, g, s.knob)
}
