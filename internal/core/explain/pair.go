package explain

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// standsIn are the waits of a fallback, each as long as what it waits for has lasted,
// and the places that its lead has.
func standsIn(now time.Time, in policy.Input) []move {
	s := in.Services[0]
	f, h := s.Policy.FallbackFor, s.History.Shortage
	if f == nil {
		return nil
	}
	var out []move
	if h != nil && !h.Called() && !h.Since.IsZero() {
		if to := now.Sub(h.Since).Truncate(time.Second); to >= 0 && to < f.AfterTime() {
			out = append(out, field("fallbackFor.after", spec.Duration(f.AfterTime()).String(), spec.Duration(to).String(), behave(func(p *spec.Service) {
				p.FallbackFor = &spec.FallbackFor{Service: f.Service, After: new(spec.Duration(to)), CoolOff: f.CoolOff}
			})))
		}
	}
	if h != nil && !h.AboveSince.IsZero() {
		if to := now.Sub(h.AboveSince).Truncate(time.Second); to >= time.Minute && to < f.CoolOffTime() {
			out = append(out, field("fallbackFor.coolOff", spec.Duration(f.CoolOffTime()).String(), spec.Duration(to).String(), behave(func(p *spec.Service) {
				p.FallbackFor = &spec.FallbackFor{Service: f.Service, After: f.After, CoolOff: new(spec.Duration(to))}
			})))
		}
	}
	lead, ok := in.Fleet.Service(f.Service)
	if !ok || h == nil || !h.Called() {
		return out
	}
	// One place less: with it a called fallback grows.
	if to := min(*h.Counted, lead.Running+lead.Pending) - 1; to >= 0 {
		out = append(out, field("the places of "+string(f.Service), tasks(lead.Running+lead.Pending), tasks(to), func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) {
			for i := range in.Fleet.Services {
				if v := &in.Fleet.Services[i]; v.Name == f.Service {
					v.Running, v.Pending = to, 0
				}
			}
		}))
	}
	return out
}
