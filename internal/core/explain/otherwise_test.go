package explain

import (
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// quarter is a whole window of scale-in at one average.
func quarter(average float64) signal.Set {
	all := make([]float64, 15)
	for i := range all {
		all[i] = average
	}
	return points(all...)
}

// series is a metric of one-minute datapoints, the last one for [09:57, 09:58).
func series(m signal.Metric, n int, v float64) signal.Series {
	s := signal.Series{Metric: m, Status: signal.Complete}
	for i := range n {
		s.Points = append(s.Points, signal.Point{Start: at("09:57:00").Add(time.Duration(i-n+1) * m.Period), Value: signal.Value(v)})
	}
	return s
}

func orders(ago time.Duration, from, to int) []history.Order {
	return []history.Order{{At: at("10:00:00").Add(-ago), From: from, To: to}}
}

// The words of every guard, with what would have changed the decision.
func TestGuardWords(t *testing.T) {
	t.Parallel()
	latency := spec.Metric{Namespace: "App", Name: "Latency", Statistic: "p99"}
	jobs := spec.Backlog{Queue: "jobs", AcceptableLatency: spec.Duration(time.Minute), ProcessingTime: new(spec.Duration(2 * time.Second))}
	inFlight := spec.Concurrency{Metric: spec.Metric{Namespace: "App", Name: "InFlight", Period: spec.Duration(10 * time.Second)}, TargetPerTask: 100}
	for name, edit := range map[string]func(in *policy.Input){
		"step": func(in *policy.Input) {
			in.Services[0].Policy.Policies = []spec.Policy{{Name: "cpu-steps", StepScaling: &spec.StepScaling{
				PredefinedMetric: spec.CPUUtilization, Threshold: 60, AdjustmentType: spec.PercentChangeInCapacity,
				StepAdjustments: []spec.StepAdjustment{
					{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(20.0), ScalingAdjustment: 10},
					{MetricIntervalLowerBound: new(20.0), ScalingAdjustment: 30},
				},
			}}}
		},
		"backlog": func(in *policy.Input) {
			in.Services[0].Policy.Policies = []spec.Policy{{Backlog: &jobs}}
			src := jobs.CloudWatch()
			in.Signals = signal.Set{series(src.Backlog, 15, 600), series(src.Arrivals, 15, 120), series(*src.OldestAge, 15, 45)}
			in.Queues = []signal.Queue{{Name: "jobs", At: at("10:00:00"), Visible: 620, InFlight: 10, Status: signal.Complete}}
		},
		"panic": func(in *policy.Input) {
			in.Services[0].Policy.Policies = []spec.Policy{{Concurrency: &inFlight}}
			s := series(inFlight.Metric.CloudWatch("Sum"), 60, 600)
			s.Points[59].Value = 2000
			in.Signals = signal.Set{s}
		},
		"veto": func(in *policy.Input) {
			in.Services[0].Policy.Vetoes = []spec.Veto{{Name: "latency", Metric: latency, Above: new(1.5)}}
			in.Signals = append(quarter(20), series(latency.CloudWatch("Average"), 3, 4))
		},
		"veto-unknown": func(in *policy.Input) {
			in.Services[0].Policy.Vetoes = []spec.Veto{{Name: "latency", Metric: latency, Above: new(1.5)}}
			in.Signals = quarter(20)
		},
		"deploying": func(in *policy.Input) {
			in.Signals = quarter(20)
			in.Fleet.Services[0].Deployments = []fleet.Deployment{{ID: "2", Primary: true, RolloutState: "IN_PROGRESS", CreatedAt: at("09:30:00"), Desired: 10, Running: 10}}
		},
		"paused-deployment": func(in *policy.Input) {
			in.Signals = quarter(20)
			in.Fleet.Services[0].Deployments = []fleet.Deployment{{ID: "2", Primary: true, RolloutState: "IN_PROGRESS", CreatedAt: at("08:30:00"), Desired: 10, Running: 10}}
		},
		"budget": func(in *policy.Input) {
			in.Signals = quarter(20)
			in.Services[0].Policy.ScaleIn.RateLimits = []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
			in.Services[0].History.Orders = orders(10*time.Minute, 12, 10)
		},
		"flap-budget": func(in *policy.Input) {
			in.Signals = quarter(20)
			in.Services[0].Policy.ScaleIn.FlapBudget = &spec.FlapBudget{Reversals: 1}
			in.Services[0].History.Orders = append(orders(50*time.Minute, 8, 14), append(orders(30*time.Minute, 14, 8), orders(20*time.Minute, 8, 10)...)...)
		},
		"flap-guard": func(in *policy.Input) { in.Signals = quarter(53) },
		"history-floor": func(in *policy.Input) {
			in.Signals = quarter(5)
			in.Services[0].Policy.ScaleIn.RateLimits = []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
			in.Services[0].Policy.ScaleIn.RemovalBudget = []spec.RateLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
			in.Services[0].History.Hours, _ = history.Hours{}.See(at("10:00:00").Add(-7*24*time.Hour), 14)
		},
		"constraint": func(in *policy.Input) {
			in.Services[0].Policy.Constraints = []spec.Constraint{{Name: "postgres", PerTask: 20, AtMost: 240}}
		},
		"spend": func(in *policy.Input) { in.Services[0].Policy.Spend = &spec.Spend{TaskHour: 0.05, AtMostPerHour: 0.6} },
		"account-spend": func(in *policy.Input) {
			in.Services[0].Policy.Spend = &spec.Spend{TaskHour: 0.05}
			in.Account = &policy.Account{AtMostPerHour: 10, OthersPerHour: 9.4}
		},
		"unplaced": func(in *policy.Input) {
			in.Fleet.Services[0].Running = 7
			in.Fleet.Services[0].Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: at("09:55:00"), Words: "no Fargate capacity"}}
		},
		"sick": func(in *policy.Input) {
			in.Signals = quarter(20)
			in.Fleet.Services[0].Running = 5
		},
		"rate": func(in *policy.Input) {
			in.Signals = points(99.9)
			in.Services[0].Policy.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 4, Period: spec.Duration(time.Minute)}}
		},
		"hold": func(in *policy.Input) {
			in.Services[0].Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 11, Until: at("12:00:00"), Why: "sale", By: "ann"}}
		},
		"foreign": func(in *policy.Input) {
			in.Signals = points(61)
			in.Services[0].History.Orders = orders(2*time.Hour, 8, 20)
			in.Fleet.Services[0].Stack = "shop"
			in.Fleet.Services[0].Deployments = []fleet.Deployment{{ID: "2", Primary: true, RolloutState: "COMPLETED", CreatedAt: at("09:59:00")}}
		},
		"asleep": func(in *policy.Input) {
			in.Services[0].Policy.MinCapacity, in.Services[0].Policy.Policies = 0, []spec.Policy{{Backlog: &jobs}}
			in.Fleet.Services[0].Desired, in.Fleet.Services[0].Running = 1, 1
			in.Services[0].History.IdleSince = at("09:50:00")
			in.Signals = signal.Set{{Metric: jobs.CloudWatch().Backlog, Status: signal.Complete}, {Metric: jobs.CloudWatch().Arrivals, Status: signal.Complete}}
			in.Queues = []signal.Queue{{Name: "jobs", At: at("10:00:00"), Status: signal.Complete}}
		},
		"stopped": func(in *policy.Input) {
			in.Stop, in.StopWhy = true, "by ann since 2026-11-23T09:00:00Z (incident)"
		},
		"stopped-paused": func(in *policy.Input) {
			in.Stop = true
			in.Services[0].Overrides = []spec.Override{{Kind: spec.Pause, Until: at("12:00:00"), Why: "sale", By: "ann"}}
		},
		"stopped-steady": func(in *policy.Input) { in.Stop, in.Signals = true, points(60) },
		"window": func(in *policy.Input) {
			in.Signals = points(70, 70, 70, 70, 70, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40)
		},
		"gap": func(in *policy.Input) { in.Signals = points(20, 20, 20) },
		"breach": func(in *policy.Input) {
			m := spec.Metric{Namespace: "App", Name: "Lat"}
			st := spec.StepScaling{
				Metric: &m, Threshold: 50, AdjustmentType: spec.PercentChangeInCapacity, EvaluationPeriods: 3,
				StepAdjustments: []spec.StepAdjustment{{MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 30}},
			}
			in.Services[0].Policy.Policies = []spec.Policy{{StepScaling: &st}}
			lat := series(st.CloudWatch(checkout).Metric, 15, 30)
			lat.Points[13].Value, lat.Points[14].Value = 71, 71
			in.Signals = signal.Set{lat, series(spec.ServiceMetric(checkout, "CPUUtilization", "SampleCount"), 15, 10)}
		},
		"ceiling": func(in *policy.Input) {
			tt := spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "Busy"}, TargetValue: 70, Ceiling: 100}
			in.Services[0].Policy.Policies = []spec.Policy{{TargetTracking: &tt}}
			in.Signals = signal.Set{series(tt.CloudWatch(checkout).Metric, 15, 50), series(spec.ServiceMetric(checkout, "CPUUtilization", "SampleCount"), 15, 10)}
		},
		"old-message": func(in *policy.Input) {
			in.Services[0].Policy.Policies = []spec.Policy{{Backlog: &jobs}}
			src := jobs.CloudWatch()
			in.Signals = signal.Set{series(src.Backlog, 15, 60), series(src.Arrivals, 15, 120), series(*src.OldestAge, 15, 200)}
		},
		"rate-and-budget": func(in *policy.Input) {
			in.Services[0].Policy.ScaleIn.RemovalBudget = []spec.RateLimit{{Percent: 25, Period: spec.Duration(15 * time.Minute)}}
			in.Signals = quarter(20)
			in.Fleet.Services[0].Desired, in.Fleet.Services[0].Running = 4, 4
			in.Signals[0].Points = slices.Clone(in.Signals[0].Points)
			for i := range in.Signals[0].Points {
				in.Signals[0].Points[i].Value, in.Signals[0].Points[i].Samples = 40, 4
			}
		},
		"scale-in-disabled": func(in *policy.Input) {
			in.Signals, in.Services[0].Policy.Policies[0].DisableScaleIn = quarter(20), true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := cell(edit)
			golden(t, "guard-"+name, Decision(policy.Decide(at("10:00:00"), in), in))
		})
	}
}

// Every alternative is true: with the input moved as it says, the decision comes
// to the count it says. Decide is asked here by itself, with the edit made by hand.
func TestOtherwiseIsTrue(t *testing.T) {
	t.Parallel()
	now := at("10:00:00")
	for _, c := range []struct {
		name  string
		edit  func(in *policy.Input)
		input string
		to    string
		apply func(in *policy.Input)
	}{
		{"capped", func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 12 }, "maxCapacity", "14", func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 14 }},
		{"a demand that scales out", func(in *policy.Input) { in.Signals = points(61) }, "ECSServiceAverageCPUUtilization, the newest datapoint", "63.1 %", func(in *policy.Input) { in.Signals = points(63.1) }},
		{"a rate limit", func(in *policy.Input) {
			in.Services[0].Policy.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 2, Period: spec.Duration(time.Minute)}}
		}, "scaleOut.rateLimits", "5000 tasks in 1m", func(in *policy.Input) {
			in.Services[0].Policy.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 5000, Period: spec.Duration(time.Minute)}}
		}},
		{"a stop", func(in *policy.Input) { in.Stop = true }, "the global stop", "released", func(in *policy.Input) { in.Stop = false }},
	} {
		in := cell(c.edit)
		i := -1
		all := Otherwise(now, in, "checkout").Found
		for k, a := range all {
			if a.Input == c.input && a.To == c.to {
				i = k
			}
		}
		if i < 0 {
			t.Errorf("%s: %q to %q is not among %v", c.name, c.input, c.to, all)
			continue
		}
		c.apply(&in)
		if got := policy.Decide(now, in).Services[0].Desired; got != all[i].Desired {
			t.Errorf("%s: with %s the decision is %d, %v says %d", c.name, c.to, got, all[i], all[i].Desired)
		}
	}
	steady := cell(func(in *policy.Input) { in.Signals = points(61) })
	// A hair below the demand that is told, nothing changes: it is the least.
	steady.Signals = points(62.99)
	if d := policy.Decide(now, steady).Services[0]; d.Direction != history.Hold {
		t.Errorf("62.99 %% scales %s", d.Direction)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(in *policy.Input)
		want [3]string
	}{
		{"out", func(*policy.Input) {}, [3]string{"True ReadyForNewScale", "True ValidMetricFound", "False DesiredWithinRange"}},
		{"capped", func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 12 }, [3]string{"True ReadyForNewScale", "True ValidMetricFound", "True MaxCapacity"}},
		{"at the maximum", func(in *policy.Input) { in.Services[0].Policy.MaxCapacity = 10 }, [3]string{"True ReadyForNewScale", "True ValidMetricFound", "True AlreadyAtMaxCapacity"}},
		{"no data", func(in *policy.Input) { in.Signals = points() }, [3]string{"True ReadyForNewScale", "False NoUsableMetric", "False NoUsableMetric"}},
		{"observe mode", func(in *policy.Input) { in.Mode = spec.Observe }, [3]string{"False ObserveMode", "True ValidMetricFound", "False DesiredWithinRange"}},
		{"stopped", func(in *policy.Input) { in.Stop = true }, [3]string{"False GlobalStop", "True ValidMetricFound", "True GlobalStop"}},
		{"unreadable", func(in *policy.Input) { in.Unreadable = "ECS does not answer" }, [3]string{"Unknown Unreadable", "Unknown Unreadable", "Unknown Unreadable"}},
		{"gone", func(in *policy.Input) { in.Fleet.Services = nil }, [3]string{"False NotFound", "False NotFound", "False NotFound"}},
		{"a stop where nothing is wanted", func(in *policy.Input) { in.Stop, in.Signals = true, points(60) }, [3]string{"False GlobalStop", "True ValidMetricFound", "False DesiredWithinRange"}},
		{"a stop below the minimum", func(in *policy.Input) {
			in.Stop, in.Signals, in.Services[0].Policy.MinCapacity = true, points(60), 12
		}, [3]string{"False GlobalStop", "True ValidMetricFound", "True GlobalStop"}},
		{"resting", func(in *policy.Input) {
			in.Signals, in.Services[0].History.Orders = quarter(20), orders(30*time.Second, 8, 10)
		}, [3]string{"False ScaleInCooldown", "True ValidMetricFound", "True ScaleInCooldown"}},
		{"a gap in the window", func(in *policy.Input) { in.Signals = points(20, 20) }, [3]string{"True ReadyForNewScale", "True ValidMetricFound", "True MissingData"}},
		{"scale-in disabled", func(in *policy.Input) {
			in.Signals, in.Services[0].Policy.Policies[0].DisableScaleIn = quarter(20), true
		}, [3]string{"True ReadyForNewScale", "True ValidMetricFound", "True ScaleInDisabled"}},
		{"a used datapoint under a stop", func(in *policy.Input) {
			in.Stop, in.Signals = true, quarter(20)
			d := policy.Decide(at("09:59:00"), cell(func(in *policy.Input) { in.Signals = quarter(90) })).Services[0]
			in.Services[0].History.Marks = d.Next.Marks
		}, [3]string{"False GlobalStop", "True ValidMetricFound", "True DatapointAlreadyUsed"}},
		{"steady", func(in *policy.Input) { in.Signals = points(60) }, [3]string{"True ReadyForNewScale", "True ValidMetricFound", "False DesiredWithinRange"}},
	} {
		got := Conditions(policy.Decide(at("10:00:00"), cell(c.edit)).Services[0])
		for i, typ := range []string{AbleToScale, ScalingActive, ScalingLimited} {
			if have := string(got[i].Status) + " " + got[i].Reason; got[i].Type != typ || have != c.want[i] || got[i].Message == "" {
				t.Errorf("%s: %s is %q (%s), want %q", c.name, got[i].Type, have, got[i].Message, c.want[i])
			}
		}
	}
}
