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
	f, h := in.Services[0].Policy.FallbackFor, in.Services[0].History.Shortage
	if f == nil || h == nil {
		return nil
	}
	var out []move
	lasted := func(since time.Time) spec.Duration { return spec.Duration(now.Sub(since).Truncate(time.Second)) }
	if to := lasted(h.Since); !h.Called() && to >= 0 && time.Duration(to) < f.AfterTime() {
		next := spec.FallbackFor{Service: f.Service, After: &to, CoolOff: f.CoolOff}
		out = append(out, field("fallbackFor.after", wait(f.AfterTime()), to.String(), behave(func(p *spec.Service) { p.FallbackFor = &next })))
	}
	if to := lasted(h.AboveSince); !h.AboveSince.IsZero() && time.Duration(to) >= time.Minute && time.Duration(to) < f.CoolOffTime() {
		next := spec.FallbackFor{Service: f.Service, After: f.After, CoolOff: &to}
		out = append(out, field("fallbackFor.coolOff", wait(f.CoolOffTime()), to.String(), behave(func(p *spec.Service) { p.FallbackFor = &next })))
	}
	if lead, ok := in.Fleet.Service(f.Service); ok && h.Called() {
		out = append(out, fewer(lead, *h.Counted)...)
	}
	return out
}

// fewer is one place less than a lead has, or than are counted on: with it a fallback
// that is called grows.
func fewer(lead fleet.Service, counted int) []move {
	has := lead.Running + lead.Pending
	to := min(counted, has) - 1
	if to < 0 {
		return nil
	}
	return []move{field("the places of "+string(lead.Name), tasks(has), tasks(to), func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) {
		for i := range in.Fleet.Services {
			if v := &in.Fleet.Services[i]; v.Name == lead.Name {
				v.Running, v.Pending = to, 0
			}
		}
	})}
}
