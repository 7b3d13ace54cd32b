package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const targetTracking = history.TargetTracking

// moves are the inputs that may have bound a decision, each with a value at
// which it does not. Those that did not bind change nothing when they are moved,
// and are not told.
func moves(in policy.Input, d policy.ServiceDecision) []move {
	s := in.Services[0]
	return slices.Concat(gates(in, s), words(s), bounds(s, d), guards(in, s), brakes(in, s), behaviour(s))
}

type editing = func(in *policy.Input, s *policy.ServiceInput, live *fleet.Service)

// gates are what forbids any order.
func gates(in policy.Input, s policy.ServiceInput) []move {
	var out []move
	if in.Stop {
		out = append(out, move{"the global stop", "set", "released", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) { in.Stop = false }})
	}
	if in.Lease != nil {
		out = append(out, move{"the order in flight", "open", "closed", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) { in.Lease = nil }})
	}
	if s.Owner.Kind != "" || s.Owner.Unknown {
		from := s.Owner.Kind
		if s.Owner.Unknown {
			from = "unknown"
		}
		out = append(out, move{"the other writer", from, "none", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) { s.Owner = policy.Owner{} }})
	}
	return out
}

// words are the live overrides.
func words(s policy.ServiceInput) []move {
	var out []move
	for i, o := range s.Overrides {
		name := string(o.Kind)
		if o.Count > 0 {
			name += " " + tasks(o.Count)
		}
		out = append(out, move{"the override " + name, "live", "ended", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Overrides = slices.Delete(s.Overrides, i, i+1)
		}})
	}
	return out
}

// bounds are what caps and floors the count.
func bounds(s policy.ServiceInput, d policy.ServiceDecision) []move {
	p := s.Policy
	out := []move{
		{"maxCapacity", tasks(p.MaxCapacity), tasks(max(d.Wanted, p.MaxCapacity+1)), func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Policy.MaxCapacity = min(max(d.Wanted, p.MaxCapacity+1), spec.MaxTasks)
		}},
		{"minCapacity", tasks(p.MinCapacity), tasks(max(1, min(d.Wanted, p.MinCapacity-1))), func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Policy.MinCapacity = max(1, min(d.Wanted, p.MinCapacity-1))
		}},
	}
	for i, w := range p.Scheduled {
		out = append(out, move{"the window " + w.Name, "open", "closed", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Policy.Scheduled = slices.Delete(s.Policy.Scheduled, i, i+1)
		}})
	}
	for i, c := range p.Constraints {
		to := c.PerTask * float64(max(d.Wanted, d.Desired+1))
		out = append(out, move{"constraints." + c.Name + ".atMost", number(c.AtMost), number(to), func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Policy.Constraints[i].AtMost = to
		}})
	}
	if v := p.Spend; v != nil && v.AtMostPerHour > 0 {
		to := v.TaskHour * float64(max(d.Wanted, d.Desired+1))
		out = append(out, move{"spend.atMostPerHour", "$" + number(v.AtMostPerHour), "$" + number(to), func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Policy.Spend.AtMostPerHour = to
		}})
	}
	return out
}

// guards are what the world outside forbids.
func guards(in policy.Input, s policy.ServiceInput) []move {
	var out []move
	if in.Account != nil {
		out = append(out, move{"the account's spend cap", "$" + number(in.Account.AtMostPerHour) + " an hour", "none", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) {
			in.Account = nil
		}})
	}
	for i, v := range s.Policy.Vetoes {
		out = append(out, move{"the veto " + v.Name, "bad or unknown", "quiet", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Policy.Vetoes = slices.Delete(s.Policy.Vetoes, i, i+1)
		}})
	}
	for i, p := range s.Policy.Policies {
		if len(s.Policy.Policies) > 1 {
			out = append(out, move{"the policy " + p.Label(), "in force", "left out", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
				s.Policy.Policies = slices.Delete(s.Policy.Policies, i, i+1)
			}})
		}
	}
	return out
}

// brakes are the states of the service that stop a direction.
func brakes(in policy.Input, s policy.ServiceInput) []move {
	live, _ := in.Fleet.Service(s.Name)
	var out []move
	if live.Deploying() {
		out = append(out, move{"the deployment", "in progress", "completed", func(_ *policy.Input, _ *policy.ServiceInput, live *fleet.Service) {
			live.Deployments = slices.DeleteFunc(live.Deployments, func(d fleet.Deployment) bool { return !d.Primary })
			for i := range live.Deployments {
				live.Deployments[i].RolloutState = "COMPLETED"
			}
		}})
	}
	if n := live.Desired - live.Running; n > 0 {
		out = append(out, move{"running tasks", tasks(live.Running), tasks(live.Desired), func(_ *policy.Input, _ *policy.ServiceInput, live *fleet.Service) {
			live.Running, live.Pending, live.Troubles = live.Desired, 0, nil
		}})
	}
	return out
}

// behaviour are the fields of scaleOut and scaleIn that hold a direction back.
func behaviour(s policy.ServiceInput) []move {
	zero, none := new(spec.Duration(0)), new(spec.Percent(0))
	out, in := s.Policy.Out(), s.Policy.In()
	all := func(l spec.RateLimit) []spec.RateLimit { return []spec.RateLimit{l} }
	minute := spec.Duration(time.Minute)
	return []move{
		{"scaleOut.cooldown", wait(out.Cooldown), "0s", behave(func(p *spec.Service) { p.ScaleOut.Cooldown = zero })},
		{"scaleOut.stabilizationWindow", wait(out.StabilizationWindow), "0s", behave(func(p *spec.Service) { p.ScaleOut.StabilizationWindow = zero })},
		{"scaleOut.rateLimits", limitsWords(out.RateLimits), fmt.Sprintf("%d tasks in 1m", spec.MaxTasks), behave(func(p *spec.Service) {
			p.ScaleOut.RateLimits = all(spec.RateLimit{Tasks: spec.MaxTasks, Period: minute})
		})},
		{"scaleIn.cooldown", wait(in.Cooldown), "0s", behave(func(p *spec.Service) { p.ScaleIn.Cooldown = zero })},
		{"scaleIn.stabilizationWindow", wait(in.StabilizationWindow), "0s", behave(func(p *spec.Service) { p.ScaleIn.StabilizationWindow = zero })},
		{"scaleIn.datapoints", tasks(in.Datapoints), "1", behave(func(p *spec.Service) { p.ScaleIn.Datapoints = 1 })},
		{"scaleIn.historyFloor", spec.Percent(in.HistoryFloor).String(), "0%", behave(func(p *spec.Service) { p.ScaleIn.HistoryFloor = none })},
		{"scaleIn.deploymentFreeze", wait(in.DeploymentFreeze), "0s", behave(func(p *spec.Service) { p.ScaleIn.DeploymentFreeze = zero })},
		{"scaleIn.flapBudget.reversals", tasks(in.FlapBudget.Reversals), "60", behave(func(p *spec.Service) {
			p.ScaleIn.FlapBudget = &spec.FlapBudget{Reversals: 60, Period: in.FlapBudget.Period}
		})},
		{"scaleIn.rateLimits", limitsWords(in.RateLimits), "100 % in 1m", behave(func(p *spec.Service) {
			p.ScaleIn.RateLimits = all(spec.RateLimit{Percent: 100, Period: minute})
		})},
		{"scaleIn.removalBudget", limitsWords(in.RemovalBudget), "100 % in 1m", behave(func(p *spec.Service) {
			p.ScaleIn.RemovalBudget = all(spec.RateLimit{Percent: 100, Period: minute})
		})},
		{"scaleIn.tolerance", spec.Percent(in.Tolerance).String(), "0%", behave(func(p *spec.Service) { p.ScaleIn.Tolerance = none })},
		{"scaleOut.tolerance", spec.Percent(out.Tolerance).String(), "0%", behave(func(p *spec.Service) { p.ScaleOut.Tolerance = none })},
	}
}

func behave(edit func(*spec.Service)) editing {
	return func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) { edit(&s.Policy) }
}

func wait(d time.Duration) string { return spec.Duration(d).String() }

func limitsWords(ls []spec.RateLimit) string {
	out := make([]string, 0, len(ls))
	for _, l := range ls {
		if l.Tasks > 0 {
			out = append(out, fmt.Sprintf("%d tasks in %s", l.Tasks, l.Period))
			continue
		}
		out = append(out, fmt.Sprintf("%s %% in %s", number(l.Percent), l.Period))
	}
	return strings.Join(out, ", ")
}
