package baseline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Peer is one re-implemented policy with the one knob that moves it between
// cheap and safe.
type Peer struct {
	Name   string
	Source string
	Knob   string // what the knob is, with its unit
	// Default is the knob as documented, or where nothing is documented as its
	// documentation's example has it. Sweep goes from cheap to safe.
	Default float64
	Sweep   []float64
	// CPUSeconds is the resolution at which the service must publish its CPU
	// utilisation for it: 60 or 20.
	CPUSeconds int

	attach func(at Site, knob float64) error
}

// Attach lets the peer size a service. The knob must be above 0.
func (k Peer) Attach(at Site, knob float64) error {
	err := at.check()
	if err == nil && (math.IsNaN(knob) || knob <= 0 || math.IsInf(knob, 0)) {
		err = fmt.Errorf("a knob of %v: a number above 0 is needed", knob)
	}
	if err == nil {
		err = at.sees(k.CPUSeconds)
	}
	if err == nil {
		err = k.attach(at, knob)
	}
	if err != nil {
		return fmt.Errorf("attach baseline %s: %w", k.Name, err)
	}
	return nil
}

// errNoLoad is the answer of what must know the load beforehand.
var errNoLoad = errors.New("the load of the whole run is needed")

// The periods of the loops.
const (
	minute   = time.Minute
	fast     = 20 * time.Second // CloudWatch's high resolution for ECS
	headroom = 1.25             // takes a task for full at 80 % CPU, plant.HotShare
)

const (
	percentKnob  = "target CPU utilisation, percent"
	headroomKnob = "tasks for each task's worth of load"
)

// utilizations and headrooms sweep the same range: 1/0.9 is 1.1, 1/0.1 is 10.
func utilizations() []float64 { return []float64{90, 75, 60, 45, 35, 25, 16, 10} }
func headrooms() []float64    { return []float64{1.1, 1.3, 1.6, 2.2, 3, 4, 6, 10} }

// Peers gives the peers by name, in the order in which a table shows them.
func Peers() []Peer { return slices.Concat(amazons(), clusters(), academics(), yardsticks()) }

// amazons are Application Auto Scaling's.
func amazons() []Peer {
	tracking := func(period time.Duration) func(Site, float64) error {
		return func(at Site, knob float64) error {
			return Attach(at.Plant, at.Service, TargetTracking{Target: knob, Min: at.Min, Max: at.Max, Period: period}, at.Clock.Now, at.Fail)
		}
	}
	return []Peer{
		{
			Name: "aas", Source: "Application Auto Scaling, target tracking, one-minute metrics (peers.md E1)",
			Knob: percentKnob, Default: 75, Sweep: utilizations(), CPUSeconds: 60, attach: tracking(minute),
		},
		{
			Name: "aas-20s", Source: "Application Auto Scaling, target tracking, 20-second metrics (peers.md E1)",
			Knob: percentKnob, Default: 75, Sweep: utilizations(), CPUSeconds: 20, attach: tracking(fast),
		},
	}
}

// clusters are the autoscalers of other schedulers.
func clusters() []Peer {
	return []Peer{
		{
			Name: "hpa", Source: "Kubernetes HorizontalPodAutoscaler v2, default behavior (peers.md E4)",
			Knob: percentKnob, Default: 80, Sweep: utilizations(), CPUSeconds: 60,
			attach: func(at Site, knob float64) error {
				at.run(NewAutoscaler(HPA{Target: knob, Min: at.Min, Max: at.Max}), hpaSync, minute)
				return nil
			},
		},
	}
}

// academics are the policies of the literature. They count load in servers, each
// with the load that it carries within its objective: hence the default headroom.
func academics() []Peer {
	each := func(name, source string, build func(headroom float64) Controller) Peer {
		return Peer{
			Name: name, Source: source, Knob: headroomKnob, Default: headroom, Sweep: headrooms(), CPUSeconds: 60,
			attach: func(at Site, knob float64) error {
				at.run(build(knob), minute, minute)
				return nil
			},
		}
	}
	return []Peer{
		each("react", "Chieu et al., ICEBE 2009 (measure.md 3.2)", func(h float64) Controller { return React{Headroom: h} }),
	}
}

// yardsticks are no products: what nothing should lose against, and what knows more.
func yardsticks() []Peer {
	return []Peer{
		{
			Name: "chase", Source: "the last minute's load (measure.md 2.6)",
			Knob: headroomKnob, Default: headroom, Sweep: headrooms(), CPUSeconds: 60,
			attach: func(at Site, knob float64) error {
				at.run(Chase{Headroom: knob}, minute, minute)
				return nil
			},
		},
		{
			Name: "static", Source: "no autoscaling: a share of the peak that is known beforehand",
			Knob: "tasks for each task's worth of the peak second's load", Default: headroom,
			Sweep: []float64{0.25, 0.4, 0.55, 0.7, 0.85, 1, 1.15, 1.4}, CPUSeconds: 60,
			attach: func(at Site, knob float64) error {
				if len(at.Load) == 0 {
					return errNoLoad
				}
				want := Static(slices.Max(at.Load), 100/knob)
				return at.Plant.SetDesired(at.Service, min(max(want, at.Min), at.Max))
			},
		},
	}
}
