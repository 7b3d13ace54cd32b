package cli

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// pairOf is a service that wants ten tasks of which so many run, at an average, beside
// its fallback, and what the fallback then has, by its own limits or by none.
func pairOf(placed, beside int, average float64, s history.Shortage, limits spec.ScaleIn) (need, wanted, fallback float64) {
	cpu := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}
	of := func(name fleet.ServiceName, tasks int) signal.Series {
		m := cpu.TargetTracking.CloudWatch(fleet.ServiceKey{Cluster: sumsKey.Cluster, Service: name}).Metric
		return perTask(minutesOf(m, average*float64(tasks)), float64(tasks))
	}
	lead := scene(10, []signal.Series{of("checkout", placed), of("standard", beside)}, cpu)
	lead.Service.Running = placed
	lead.Fallback = &taskcount.Fallback{
		Service: fleet.Service{Name: "standard", Compute: fleet.Fargate, Desired: beside, Running: beside}, History: history.History{Shortage: &s}, Most: 60,
	}
	r, _ := taskcount.Decide(sumsNoon, lead)
	own := scene(beside, nil)
	own.Policy.MinCapacity, own.Policy.FallbackFor, own.Policy.ScaleIn = 0, &spec.FallbackFor{Service: "checkout"}, limits
	own.History.Shortage = &s
	own.Lead = &taskcount.Lead{Name: "checkout", Service: lead.Service, Total: max(r.Base, r.Desired)}
	f, _ := taskcount.Decide(sumsNoon, own)
	return r.Policies[0].Need, float64(r.Desired), float64(f.Desired)
}

func pairExamples() map[string][]float64 {
	called := func(above int, ago time.Duration) history.Shortage {
		s := history.Shortage{Counted: new(4), Above: above}
		if above > 0 {
			s.AboveSince = sumsNoon.Add(-ago)
		}
		return s
	}
	free := scene(10, nil).Policy.ScaleIn
	need, _, fallback := pairOf(4, 6, 60, called(0, 0), free)
	more, wanted, grown := pairOf(4, 6, 90, called(0, 0), free)
	same, _, kept := pairOf(10, 6, 37.5, called(10, 29*time.Minute), free)
	_, _, back := pairOf(10, 6, 37.5, called(10, 30*time.Minute), spec.ScaleIn{})
	_, _, flickered := pairOf(9, 6, 40, called(7, 30*time.Minute), free)
	return map[string][]float64{
		"pair": {need, fallback}, "pair-grows": {more, wanted, grown}, "pair-returns": {same, kept, back}, "pair-flickers": {flickered},
	}
}
