package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// Paired tells whether the cell is a pair: one service alone and its fallback, which
// are decided from one look.
func (in Input) Paired() bool {
	return in.Cell.Service != "" && slices.ContainsFunc(in.Services, func(s ServiceInput) bool { return s.Policy.FallbackFor != nil }) && len(in.Services) > 1
}

// FallbackFor gives the service of the cell that stands in for another one of it.
func (in Input) FallbackFor(lead fleet.ServiceName) (ServiceInput, bool) {
	if in.Cell.Service == "" {
		return ServiceInput{}, false // in the cell of a group tasks wait for its instances
	}
	for i := range in.Services { // not a copy: this is asked for each of 500 services
		s := &in.Services[i]
		if f := s.Policy.FallbackFor; f != nil && f.Service == lead && s.Name != lead {
			return *s, true
		}
	}
	return ServiceInput{}, false
}

// fallback gives what the decision about a service looks at of its fallback, nil where
// it has none that ECS knows.
func (in Input) fallback(now time.Time, lead ServiceInput, mode spec.Mode) *taskcount.Fallback {
	f, ok := in.FallbackFor(lead.Name)
	if !ok {
		return nil
	}
	live, found := in.Fleet.Service(f.Name)
	if !found {
		return nil
	}
	own := spec.Least(in.Mode, f.Policy.Mode)
	out := &taskcount.Fallback{Service: live, History: given(own, f.History), Most: f.Policy.MaxCapacity}
	placed := live.Running + live.Pending
	for _, t := range live.Troubles {
		if placed < live.Desired && now.Sub(t.At) <= taskcount.TroubleFor {
			out.Most = min(out.Most, placed) // it finds no place either
		}
	}
	for _, o := range f.Overrides {
		switch {
		case !o.Live(now):
		case o.Kind == spec.Pause, o.Kind == spec.SuspendOut:
			out.Most = min(out.Most, placed)
		case o.Kind == spec.MaxAt, o.Kind == spec.HoldAt:
			out.Most = min(out.Most, o.Count)
		}
	}
	if own != mode || !live.Active || f.Owner != (Owner{}) {
		out.Most = min(out.Most, placed)
	}
	return out
}

// lead gives what the decision about a fallback looks at of the service that it stands
// in for, nil where it is none.
func (in Input) lead(s ServiceInput, live fleet.Service, mode spec.Mode, before []ServiceDecision) *taskcount.Lead {
	if s.Policy.FallbackFor == nil {
		return nil
	}
	out := &taskcount.Lead{Name: s.Policy.FallbackFor.Service}
	i := slices.IndexFunc(before, func(d ServiceDecision) bool { return d.Service == out.Name })
	if f, ok := in.FallbackFor(out.Name); i < 0 || !ok || f.Name != s.Name {
		out.Unknown = "it is not looked at together with this one: it needs a policy in the ledger, must run on Fargate as this one does, and has one fallback"
		return out
	}
	d := before[i]
	var found bool
	out.Service, found = in.Fleet.Service(out.Name)
	switch {
	case !found:
		out.Unknown = "ECS knows no such service in cluster " + string(in.Cell.Cluster)
	case !out.Service.Active:
		out.Unknown = "it is not ACTIVE"
	case out.Service.Compute != fleet.Fargate || live.Compute != fleet.Fargate:
		out.Unknown = fmt.Sprintf("it runs on %s and this one on %s, and both must run on fargate", out.Service.Compute, live.Compute)
	case d.Reason == history.InvalidPolicy:
		out.Unknown = d.Because
	}
	// What the lead is to lose counts until it is gone, and what it would only have in
	// observe mode is none of a fallback that acts.
	out.Total = max(d.Base, d.Desired)
	if mode == spec.Act && d.Mode != spec.Act {
		out.Total = out.Service.Desired
	}
	out.Blind = slices.ContainsFunc(d.Clauses, func(c history.Clause) bool { return c.Rule == history.MissingData })
	return out
}
