package baseline

import (
	"cmp"
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
	// Foresees says that it knows the load beforehand: a yardstick, and no contestant.
	Foresees bool
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
	headroom = 1.25             // takes a task for full at 80 % CPU
)

// UtilizationKnob is the knob of whatever holds the average CPU utilisation at a target:
// equal values ask equal things of all of them.
const UtilizationKnob = "target CPU utilisation, percent"

const (
	concurrencyKnob = "target concurrency of a task, percent of what it can carry"
	headroomKnob    = "tasks for each task's worth of load"
)

// utilizations and headrooms sweep the same range: 1/0.9 is 1.1, 1/0.1 is 10.
func utilizations() []float64 { return []float64{90, 75, 60, 45, 35, 25, 16, 10} }
func headrooms() []float64    { return []float64{1.1, 1.3, 1.6, 2.2, 3, 4, 6, 10} }

// Peers gives the peers by name, in the order in which a table shows them. Those of
// services that work off a queue are QueuePeers.
func Peers() []Peer { return slices.Concat(amazons(), clusters(), academics(), yardsticks()) }

// Tracked is Application Auto Scaling's target tracking as a peer, with cooldowns or a
// period of its own. The target is the knob, the bounds are the site's.
func Tracked(c TargetTracking) Peer {
	c.Period = cmp.Or(c.Period, minute)
	return Peer{
		Name: "aas", Source: "Application Auto Scaling, target tracking, one-minute metrics",
		Knob: UtilizationKnob, Default: 75, Sweep: utilizations(), CPUSeconds: int(c.Period / time.Second),
		attach: func(at Site, knob float64) error {
			c := c
			c.Target, c.Min, c.Max = knob, max(at.Min, 1), at.Max // of no task there is no metric
			return Attach(at.Plant, at.Service, c, at.Clock.Now, at.Fail)
		},
	}
}

// Gentle gives aas with the other reading of how it scales in, which AWS does not
// publish: at most a tenth of the tasks at a time. It is not among Peers, whose aas takes
// the reading that costs less.
func Gentle() Peer {
	p := Tracked(TargetTracking{GentleIn: true})
	p.Name, p.Source = "aas-gentle", "Application Auto Scaling that scales in by at most a tenth at a time"
	return p
}

// amazons are Application Auto Scaling's.
func amazons() []Peer {
	quick := Tracked(TargetTracking{Period: fast})
	quick.Name, quick.Source = "aas-20s", "Application Auto Scaling, target tracking, 20-second metrics"
	return []Peer{
		Tracked(TargetTracking{}),
		quick,
		{
			Name: "aas-step", Source: "Application Auto Scaling, step scaling, the guide's steps",
			Knob: "threshold of CPU utilisation, percent", Default: 50, Sweep: []float64{75, 65, 55, 45, 35, 28, 20, 14}, CPUSeconds: 60,
			attach: func(at Site, knob float64) error {
				out, in := GuideSteps(knob, at.Min, at.Max)
				return AttachSteps(at.Plant, at.Service, out, in, at.Clock.Now, at.Fail)
			},
		},
	}
}

// loop is a peer that decides at regular times.
func loop(k Peer, every, period time.Duration, build func(at Site, knob float64) Controller) Peer {
	k.attach = func(at Site, knob float64) error {
		at.run(build(at, knob), every, period)
		return nil
	}
	return k
}

// clusters are the autoscalers of other schedulers.
func clusters() []Peer {
	return []Peer{
		loop(Peer{
			Name: "hpa", Source: "Kubernetes HorizontalPodAutoscaler v2, default behavior",
			Knob: UtilizationKnob, Default: 80, Sweep: utilizations(), CPUSeconds: 60,
		}, hpaSync, minute, func(at Site, knob float64) Controller {
			return NewAutoscaler(HPA{Target: knob, Min: at.Min, Max: at.Max})
		}),
		loop(Peer{
			Name: "keda", Source: "KEDA over the HPA, the load as external metric",
			Knob: "target load of a replica, percent of a task's worth", Default: 80, Sweep: utilizations(), CPUSeconds: 60,
		}, hpaSync, minute, func(at Site, knob float64) Controller {
			return NewScaler(KEDA{Target: knob, Min: at.Min, Max: at.Max})
		}),
		loop(Peer{
			Name: "kpa", Source: "Knative Pod Autoscaler, 20-second metrics for concurrency",
			Knob: concurrencyKnob, Default: 70, Sweep: utilizations(), CPUSeconds: 20,
		}, kpaTick, fast, func(_ Site, knob float64) Controller { return NewPanicker(KPA{Target: knob}) }),
		loop(Peer{
			Name: "kpa-ideal", Source: "Knative Pod Autoscaler that reads the true load each 2 s",
			Knob: concurrencyKnob, Default: 70, Sweep: utilizations(), CPUSeconds: 60,
		}, kpaTick, exact, func(_ Site, knob float64) Controller { return NewPanicker(KPA{Target: knob}) }),
		loop(Peer{
			Name: "nomad", Source: "Nomad Autoscaler, target-value",
			Knob: UtilizationKnob, Default: 70, Sweep: utilizations(), CPUSeconds: 60,
		}, nomadEvery, minute, func(at Site, knob float64) Controller {
			return &Nomad{Target: knob, Min: at.Min, Max: at.Max}
		}),
	}
}

// academics are the policies of the literature. They count load in servers, each
// with the load that it carries within its objective: hence the default headroom.
func academics() []Peer {
	each := func(name, source string, build func(headroom float64) Controller) Peer {
		return loop(Peer{
			Name: name, Source: source, Knob: headroomKnob, Default: headroom, Sweep: headrooms(), CPUSeconds: 60,
		}, minute, minute, func(_ Site, knob float64) Controller { return build(knob) })
	}
	return []Peer{
		each("react", "Chieu et al., ICEBE 2009", func(h float64) Controller { return React{Headroom: h} }),
		each("adapt", "Ali-Eldin et al., NOMS 2012, also AKTE", func(h float64) Controller { return &Adapt{Headroom: h} }),
		each("hist", "Urgaonkar et al., TAAS 2008", func(h float64) Controller { return &Hist{Headroom: h} }),
		each("reg", "Iqbal et al., FGCS 2011", func(h float64) Controller { return &Reg{Headroom: h} }),
		each("conpaas", "Fernandez et al., IC2E 2014", func(h float64) Controller { return &ConPaaS{Headroom: h} }),
	}
}

// yardsticks are no products: what nothing should lose against, and what knows more.
func yardsticks() []Peer {
	return []Peer{
		loop(Peer{
			Name: "chase", Source: "the load of the newest minute",
			Knob: headroomKnob, Default: headroom, Sweep: headrooms(), CPUSeconds: 60,
		}, minute, minute, func(_ Site, knob float64) Controller { return Chase{Headroom: knob} }),
		{
			Name: "headroom", Source: "margin on the recent peak, tuned in hindsight for this very load",
			Knob: headroomKnob + ", before its own margin", Default: headroom, Sweep: []float64{1, 1.1, 1.25, 1.4, 1.7, 2, 3, 5}, Foresees: true, CPUSeconds: 60,
			attach: attachHeadroom,
		},
		static(),
	}
}

// static is a fleet that nobody scales.
func static() Peer {
	return Peer{
		Name: "static", Source: "no autoscaling: a share of the peak that is known beforehand",
		Knob: "tasks for each task's worth of the peak second's load", Default: headroom,
		Sweep: []float64{0.25, 0.4, 0.55, 0.7, 0.85, 1, 1.15, 1.4}, Foresees: true, CPUSeconds: 60,
		attach: func(at Site, knob float64) error {
			if len(at.Load) == 0 {
				return errNoLoad
			}
			want := Static(slices.Max(at.Load), 100/knob)
			return at.Plant.SetDesired(at.Service, min(max(want, at.Min), at.Max))
		},
	}
}

// sensing is the mean age of a minute's datapoint when a decision uses it: the lag
// of 120 s and half of the minute between decisions.
const sensing = 150 * time.Second

func attachHeadroom(at Site, knob float64) error {
	if len(at.Load) < 60 {
		return errNoLoad
	}
	load := make([]float64, len(at.Load))
	for i, v := range at.Load {
		load[i] = knob * v
	}
	k := TuneHeadroom(load, sensing+at.Start)
	k.Factor *= knob // it is shown the load without the knob
	at.run(&k, minute, minute)
	return nil
}
