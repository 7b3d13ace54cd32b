package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// move is one input to be moved.
type move struct {
	input, from, to string
	words           string // as a condition
	edit            editing
}

// editing moves an input on a copy.
type editing = func(in *policy.Input, s *policy.ServiceInput, live *fleet.Service)

// moves are the inputs that may have bound a decision, each with a value at
// which it does not. Those that did not bind change nothing when they are moved,
// and are not told.
func moves(in policy.Input, d policy.ServiceDecision) []move {
	s := in.Services[0]
	return slices.Concat(gates(in, s), words(s), bounds(s, d), guards(in, s), brakes(in, s), wakes(in, s), behaviour(s, d))
}

// field is the move of a field or a number: NAME were TO (not FROM).
func field(name, from, to string, edit editing) move {
	return move{name, from, to, fmt.Sprintf("%s were %s (not %s)", name, to, from), edit}
}

// gates are what forbids any order.
func gates(in policy.Input, s policy.ServiceInput) []move {
	var out []move
	if in.Stop {
		out = append(out, move{"the global stop", "set", "released", "the global stop were released", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) { in.Stop = false }})
	}
	if in.Lease != nil {
		out = append(out, move{"the order in flight", "open", "closed", "the order in flight were closed", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) { in.Lease = nil }})
	}
	if s.Owner.Kind != "" || s.Owner.Unknown {
		from := s.Owner.Kind
		if s.Owner.Unknown {
			from = "unknown"
		}
		out = append(out, move{"the other writer", from, "none", "nobody else wrote the target", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) { s.Owner = policy.Owner{} }})
	}
	return out
}

// words are the overrides.
func words(s policy.ServiceInput) []move {
	var out []move
	for i, o := range s.Overrides {
		name := "the override " + o.String()
		out = append(out, move{name, "live", "ended", name + " had ended", func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) {
			s.Overrides = slices.Delete(s.Overrides, i, i+1)
		}})
	}
	return out
}

// bounds are what caps and floors the count.
func bounds(s policy.ServiceInput, d policy.ServiceDecision) []move {
	p := s.Policy
	var out []move
	if to := min(max(d.Wanted, p.MaxCapacity+1), spec.MaxTasks); to > p.MaxCapacity {
		out = append(out, field("maxCapacity", tasks(p.MaxCapacity), tasks(to), behave(func(p *spec.Service) { p.MaxCapacity = to })))
	}
	if to := max(1, min(d.Wanted, p.MinCapacity-1)); to < p.MinCapacity {
		out = append(out, field("minCapacity", tasks(p.MinCapacity), tasks(to), behave(func(p *spec.Service) { p.MinCapacity = to })))
	}
	if d.Desired == 0 && d.Base > 0 { // the last task goes only where none is the floor
		out = append(out, field("minCapacity", tasks(p.MinCapacity), "1", behave(func(p *spec.Service) { p.MinCapacity = 1 })))
	}
	for i, w := range p.Scheduled {
		name := "the window " + w.Name
		out = append(out, move{name, "open", "closed", name + " were closed", behave(func(p *spec.Service) { p.Scheduled = slices.Delete(p.Scheduled, i, i+1) })})
	}
	most := float64(min(max(d.Wanted, d.Desired+1), max(p.MaxCapacity, d.Desired+1)))
	for i, c := range p.Constraints {
		if to := cents(c.PerTask * most); to > c.AtMost {
			out = append(out, field("constraints."+c.Name+".atMost", number(c.AtMost), number(to), behave(func(p *spec.Service) { p.Constraints[i].AtMost = to })))
		}
	}
	if v := p.Spend; v != nil && v.AtMostPerHour > 0 {
		if to := cents(v.TaskHour * most); to > v.AtMostPerHour {
			out = append(out, field("spend.atMostPerHour", "$"+number(v.AtMostPerHour), "$"+number(to), behave(func(p *spec.Service) { p.Spend.AtMostPerHour = to })))
		}
	}
	return out
}

// cents rounds a value up to the decimals with which it is told.
func cents(v float64) float64 { return math.Ceil(v*100-1e-6) / 100 }

// guards are what the world outside forbids.
func guards(in policy.Input, s policy.ServiceInput) []move {
	var out []move
	if in.Account != nil {
		from := "$" + number(in.Account.AtMostPerHour) + " an hour"
		out = append(out, move{"the account's spend cap", from, "none", "the account had no spend cap (not " + from + ")", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) {
			in.Account = nil
		}})
	}
	for i, v := range s.Policy.Vetoes {
		name := "the veto " + v.Name
		out = append(out, move{name, "bad or unknown", "quiet", name + " were quiet", behave(func(p *spec.Service) { p.Vetoes = slices.Delete(p.Vetoes, i, i+1) })})
	}
	for i, p := range s.Policy.Policies {
		if p.DisableScaleIn {
			out = append(out, field("disableScaleIn of "+p.Label(), "true", "false", behave(func(p *spec.Service) { p.Policies[i].DisableScaleIn = false })))
		}
	}
	for i, p := range s.Policy.Policies {
		if len(s.Policy.Policies) > 1 {
			name := "the policy " + p.Label()
			out = append(out, move{name, "in force", "left out", name + " were left out", behave(func(p *spec.Service) { p.Policies = slices.Delete(p.Policies, i, i+1) })})
		}
	}
	return out
}

// brakes are the states of the service that stop a direction.
func brakes(in policy.Input, s policy.ServiceInput) []move {
	live, _ := in.Fleet.Service(s.Name)
	var out []move
	if live.Deploying() {
		out = append(out, move{"the deployment", "in progress", "completed", "the deployment had completed", func(_ *policy.Input, _ *policy.ServiceInput, live *fleet.Service) {
			live.Deployments = slices.DeleteFunc(live.Deployments, func(d fleet.Deployment) bool { return !d.Primary })
			for i := range live.Deployments {
				live.Deployments[i].RolloutState = "COMPLETED"
			}
		}})
	}
	if n := live.Desired - live.Running; n > 0 {
		all := fmt.Sprintf("all %d desired tasks ran (not %d)", live.Desired, live.Running)
		out = append(out, move{"running tasks", tasks(live.Running), tasks(live.Desired), all, func(_ *policy.Input, _ *policy.ServiceInput, live *fleet.Service) {
			live.Running, live.Pending, live.Troubles = live.Desired, 0, nil
		}})
	}
	if away := func(i fleet.Instance) bool { return i.Active && !i.Connected }; slices.ContainsFunc(in.Fleet.Instances, away) {
		out = append(out, move{"the instances", "not all connected", "all connected", "all instances were connected", func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) {
			for i := range in.Fleet.Instances {
				in.Fleet.Instances[i].Connected = true
			}
		}})
	}
	return out
}

// wakes are what starts the first task, keeps the last one, or asks for tasks
// without data.
func wakes(in policy.Input, s policy.ServiceInput) []move {
	var out []move
	for i, q := range in.Queues {
		if held := q.Visible + q.InFlight + q.Delayed; q.Known() && held > 0 {
			from := Count(held, "message")
			out = append(out, move{"the queue " + q.Name, from, "none", fmt.Sprintf("the queue %s held no message (not %d)", q.Name, held), func(in *policy.Input, _ *policy.ServiceInput, _ *fleet.Service) {
				q := &in.Queues[i]
				q.Visible, q.InFlight, q.Delayed = 0, 0, 0
			}})
		}
	}
	if n := s.Policy.OnMissingData.AtLeast; n > 0 {
		out = append(out, field("onMissingData", fmt.Sprintf("atLeast %d", n), "hold", behave(func(p *spec.Service) { p.OnMissingData = spec.OnMissing{} })))
	} else if live, ok := in.Fleet.Service(s.Name); ok && live.Desired < s.Policy.MaxCapacity {
		to := live.Desired + 1
		out = append(out, field("onMissingData", "hold", fmt.Sprintf("atLeast %d", to), behave(func(p *spec.Service) { p.OnMissingData.AtLeast = to })))
	}
	if a := s.Policy.Activation; a != nil {
		least := spec.Duration(time.Minute)
		out = append(out, field("activation.coolOff", wait(a.CoolOffTime()), least.String(), behave(func(p *spec.Service) { p.Activation.CoolOff = &least })))
		for i, v := range a.Wake {
			name := "the wake signal " + v.Metric.Label()
			out = append(out, move{name, "given", "silent", name + " were silent", behave(func(p *spec.Service) {
				p.Activation.Wake = slices.Delete(slices.Clone(p.Activation.Wake), i, i+1)
			})})
		}
	}
	return out
}

// behaviour are the fields of scaleOut and scaleIn that hold a direction back,
// and how often a foreign count is lifted.
func behaviour(s policy.ServiceInput, d policy.ServiceDecision) []move {
	zero, none, often := new(spec.Duration(0)), new(spec.Percent(0)), 60
	out, in := s.Policy.Out(), s.Policy.In()
	all := func(l spec.RateLimit) []spec.RateLimit { return []spec.RateLimit{l} }
	minute := spec.Duration(time.Minute)
	moves := []move{
		field("scaleOut.cooldown", wait(out.Cooldown), "0s", behave(func(p *spec.Service) { p.ScaleOut.Cooldown = zero })),
		field("scaleOut.stabilizationWindow", wait(out.StabilizationWindow), "0s", behave(func(p *spec.Service) { p.ScaleOut.StabilizationWindow = zero })),
		field("scaleOut.rateLimits", limitsWords(out.RateLimits), fmt.Sprintf("%d tasks in 1m", spec.MaxTasks), behave(func(p *spec.Service) {
			p.ScaleOut.RateLimits = all(spec.RateLimit{Tasks: spec.MaxTasks, Period: minute})
		})),
		field("scaleIn.cooldown", wait(in.Cooldown), "0s", behave(func(p *spec.Service) { p.ScaleIn.Cooldown = zero })),
		field("scaleIn.stabilizationWindow", wait(in.StabilizationWindow), "0s", behave(func(p *spec.Service) { p.ScaleIn.StabilizationWindow = zero })),
		field("scaleIn.datapoints", tasks(in.Datapoints), "1", behave(func(p *spec.Service) { p.ScaleIn.Datapoints = 1 })),
		field("scaleIn.historyFloor", spec.Percent(in.HistoryFloor).String(), "0%", behave(func(p *spec.Service) { p.ScaleIn.HistoryFloor = none })),
		field("scaleIn.deploymentFreeze", wait(in.DeploymentFreeze), "0s", behave(func(p *spec.Service) { p.ScaleIn.DeploymentFreeze = zero })),
		field("scaleIn.flapBudget.reversals", tasks(in.FlapBudget.Reversals), "60", behave(func(p *spec.Service) {
			p.ScaleIn.FlapBudget = &spec.FlapBudget{Reversals: 60, Period: in.FlapBudget.Period}
		})),
		field("scaleIn.rateLimits", limitsWords(in.RateLimits), "100 % in 1m", behave(func(p *spec.Service) {
			p.ScaleIn.RateLimits = all(spec.RateLimit{Percent: 100, Period: minute})
		})),
		field("scaleIn.removalBudget", limitsWords(in.RemovalBudget), "100 % in 1m", behave(func(p *spec.Service) {
			p.ScaleIn.RemovalBudget = all(spec.RateLimit{Percent: 100, Period: minute})
		})),
		field("scaleIn.tolerance", spec.Percent(in.Tolerance).String(), "0%", behave(func(p *spec.Service) { p.ScaleIn.Tolerance = none })),
		field("scaleOut.tolerance", spec.Percent(out.Tolerance).String(), "0%", behave(func(p *spec.Service) { p.ScaleOut.Tolerance = none })),
	}
	if d.Base < d.Min {
		moves = append(moves, field("repairsPerHour", tasks(s.Policy.Repairs()), tasks(often), behave(func(p *spec.Service) { p.RepairsPerHour = &often })))
	}
	return moves
}

func behave(edit func(*spec.Service)) editing {
	return func(_ *policy.Input, s *policy.ServiceInput, _ *fleet.Service) { edit(&s.Policy) }
}

func wait(d time.Duration) string { return spec.Duration(d).String() }

func limitsWords(ls []spec.RateLimit) string {
	out := make([]string, 0, len(ls))
	for _, l := range ls {
		if l.Tasks > 0 {
			out = append(out, fmt.Sprintf("%s in %s", Count(l.Tasks, "task"), l.Period))
			continue
		}
		out = append(out, fmt.Sprintf("%s %% in %s", number(l.Percent), l.Period))
	}
	return strings.Join(out, ", ")
}
