package replay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Candidate is a policy that is replayed.
type Candidate struct {
	Name string // in tables: present policy, policy of FILE, ...
	Note string // how it is set, in words
	Who  trial.Contestant
	Knob float64
	// Min and Max are its bounds in tasks; without a Max they are 1 and four times the
	// peak of the demand.
	Min, Max int
}

// Trimtab makes a service's policy a candidate, in act mode. The history holds the CPU of
// the service and nothing else, so what reads another metric is left out, and lost tells
// of it. An error says that nothing would be left.
func Trimtab(name string, s spec.Service) (c Candidate, lost []string, err error) {
	s, lost = Only(s, OnCPU)
	if len(s.Policies) == 0 {
		return c, lost, errors.New("no policy of it scales by the CPU utilisation, and the history holds nothing else: give one with targetTracking or stepScaling on " +
			spec.CPUUtilization)
	}
	c = Candidate{Name: name, Min: s.MinCapacity, Max: s.MaxCapacity}
	c.Who = trial.Custom("trimtab", trial.Policy{Service: s})
	c.Knob = c.Who.Default
	labels := make([]string, 0, len(s.Policies))
	for _, p := range s.Policies {
		labels = append(labels, told(p))
	}
	c.Note = fmt.Sprintf("Trimtab, %s, %d to %d tasks", strings.Join(labels, " and "), c.Min, c.Max)
	return c, lost, nil
}

// Only gives what of a service's policy can be played where some of its policies read what
// there is and nothing else does, in act mode, and tells what is lost.
func Only(s spec.Service, reads func(spec.Policy) bool) (kept spec.Service, lost []string) {
	all := s.Policies
	s.Policies = make([]spec.Policy, 0, len(all))
	for _, p := range all {
		if reads(p) {
			s.Policies = append(s.Policies, p)
		} else {
			lost = append(lost, "policy "+p.Label())
		}
	}
	for _, v := range s.Vetoes {
		lost = append(lost, "veto "+v.Name)
	}
	if s.FallbackFor != nil {
		lost = append(lost, "fallbackFor")
	}
	if s.Activation != nil {
		lost = append(lost, "activation")
	}
	s.Mode, s.Vetoes, s.FallbackFor, s.Activation, s.Alarms = spec.Act, nil, nil, nil, nil
	return s, lost
}

// OnCPU tells whether a policy scales by the CPU utilisation of the service alone.
func OnCPU(p spec.Policy) bool {
	metric := ""
	switch {
	case p.TargetTracking != nil:
		metric = p.TargetTracking.PredefinedMetric
	case p.StepScaling != nil:
		metric = p.StepScaling.PredefinedMetric
	}
	return metric == spec.CPUUtilization || metric == spec.CPUUtilizationHighRes
}

func told(p spec.Policy) string {
	of := "CPU"
	if p.Period() == spec.HighResolution {
		of = "20-second CPU"
	}
	if t := p.TargetTracking; t != nil {
		return fmt.Sprintf("target %g %% %s", t.TargetValue, of)
	}
	return fmt.Sprintf("steps from %g %% %s", p.StepScaling.Threshold, of)
}

// Default gives Trimtab's own target tracking at 60 % with bounds, of which a Max of 0
// says that there are none.
func Default(name string, least, most int) Candidate {
	c := Candidate{Name: name, Who: trial.Trimtab(false), Min: least, Max: most}
	c.Knob = c.Who.Default
	c.Note = fmt.Sprintf("Trimtab, target %g %% CPU, %s", c.Knob, bounds(least, most))
	return c
}

// Native gives Application Auto Scaling's target tracking of the CPU utilisation.
func Native(name string, t baseline.TargetTracking) Candidate {
	c := Candidate{Name: name, Who: trial.Native(t), Knob: t.Target, Min: t.Min, Max: t.Max}
	c.Note = fmt.Sprintf("Application Auto Scaling, target %g %% CPU, %s", t.Target, bounds(t.Min, t.Max))
	return c
}

func bounds(least, most int) string {
	if most == 0 {
		return "at least 1 task"
	}
	return fmt.Sprintf("%d to %d tasks", least, most)
}
