package policyfile

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const minute = spec.Duration(time.Minute)

// good is the document of testdata/good, every field of it.
func good() spec.Document {
	return spec.Document{
		Cluster: "prod", Mode: spec.Act,
		Services: map[fleet.ServiceName]spec.Service{
			"checkout": goodCheckout(), "worker": goodWorker(),
			"7": {
				MinCapacity: 1, MaxCapacity: 2,
				Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 72.5}}},
			},
			"7-standard": {
				MaxCapacity: 2,
				FallbackFor: &spec.FallbackFor{Service: "7", After: new(spec.Duration(90 * time.Second)), CoolOff: new(spec.Duration(time.Hour))},
			},
		},
		Groups: map[fleet.GroupName]spec.Group{"prod-m7g": goodGroup(), "prod.spot": {}},
	}
}

func goodCheckout() spec.Service {
	alb := func(name, statistic string) spec.Metric {
		return spec.Metric{Namespace: "AWS/ApplicationELB", Name: name, Statistic: statistic}
	}
	return spec.Service{
		Mode: spec.Observe, MinCapacity: 2, MaxCapacity: 60,
		Policies: []spec.Policy{
			{
				Name: "cpu", OnMissingData: &spec.OnMissing{AtLeast: 4},
				TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilizationHighRes, TargetValue: 60},
			},
			{
				DisableScaleIn: true, OnMissingData: &spec.OnMissing{},
				TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{
					Namespace: "App", Name: "InFlight", Dimensions: map[string]string{"Service": "checkout", "Shard": "7"},
					Statistic: "Sum", Period: spec.Duration(10 * time.Second),
				}, TargetPerTask: 40},
			},
			{TargetTracking: &spec.TargetTracking{Metric: &spec.Metric{
				Expression: "busy / pool * 100", Metrics: map[string]spec.MathInput{
					"busy": {Namespace: "App", Name: "Busy", Statistic: "Maximum"},
					"pool": {Namespace: "App", Name: "Pool", Dimensions: map[string]string{"Service": "checkout"}},
				},
			}, TargetValue: 70, Ceiling: 100}},
			{Name: "requests", StepScaling: &spec.StepScaling{
				PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: loadBalancer, Threshold: 600,
				AdjustmentType: spec.PercentChangeInCapacity, MinAdjustmentMagnitude: 2, EvaluationPeriods: 3,
				StepAdjustments: []spec.StepAdjustment{
					{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(200.0), ScalingAdjustment: 10},
					{MetricIntervalLowerBound: new(200.0), ScalingAdjustment: 30},
					{MetricIntervalUpperBound: new(-250.5), ScalingAdjustment: -10},
				},
			}},
			{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: loadBalancer, TargetValue: 900}},
			{StepScaling: &spec.StepScaling{
				Metric: &spec.Metric{Namespace: "App", Name: "Waiting"}, Threshold: -1, AdjustmentType: spec.ExactCapacity,
				StepAdjustments: []spec.StepAdjustment{{MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 9}},
			}},
		},
		Scheduled: []spec.Scheduled{
			{
				Name: "office hours", Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris",
				StartDate: "2026-12-01", EndDate: "2026-12-24", MinCapacity: new(6), MaxCapacity: new(40),
			},
			{Name: "sale", Start: "2026-11-27T08:00", End: "2026-11-28T20:00", MinCapacity: new(20)},
		},
		ScaleOut: spec.ScaleOut{
			Tolerance: new(spec.Percent(0.05)), Cooldown: new(spec.Duration(0)), StabilizationWindow: new(minute),
			RateLimits: []spec.RateLimit{{Percent: 300, Period: minute}, {Tasks: 10, Period: minute}}, SelectPolicy: spec.SelectMin,
		},
		ScaleIn: spec.ScaleIn{
			Tolerance: new(spec.Percent(0.1)), Cooldown: new(minute * 3 / 2), StabilizationWindow: new(15 * minute),
			RateLimits: []spec.RateLimit{{Percent: 2.5, Period: minute}}, SelectPolicy: spec.SelectMax,
			RemovalBudget: []spec.RateLimit{{Percent: 25, Period: 15 * minute}}, Datapoints: 5,
			FlapBudget: &spec.FlapBudget{Reversals: 2, Period: 30 * minute}, DeploymentFreeze: new(20 * minute), HistoryFloor: new(spec.Percent(0)),
		},
		OnMissingData: spec.OnMissing{AtLeast: 12},
		Vetoes: []spec.Veto{
			{Name: "latency", Metric: alb("TargetResponseTime", "p99"), Above: new(0.5), Lookback: new(10 * minute)},
			{Name: "healthy", Metric: alb("HealthyHostCount", ""), Below: new(0.0), TreatMissingData: spec.NotBreaching},
		},
		Constraints:    []spec.Constraint{{Name: "postgres-connections", PerTask: 10, AtMost: 400}},
		Spend:          &spec.Spend{TaskHour: 0.04937, AtMostPerHour: 2.5},
		RepairsPerHour: new(0),
		Alarms:         []string{"checkout-high-cpu", "checkout: errors"},
	}
}

func goodGroup() spec.Group {
	return spec.Group{
		Mode: spec.Act,
		Headroom: spec.Headroom{
			CPU: new(spec.Percent(0.1)), Memory: new(spec.Percent(0.125)), LargestTask: 1, Tasks: map[fleet.ServiceName]int{"checkout": 4, "elsewhere": 1},
		},
		Instance: &spec.InstanceShape{CPU: 8192, MemoryMiB: 31_500, GPU: 1, ENIs: 12},
		ScaleOut: spec.GroupScaleOut{LaunchBackoff: new(2 * minute), MaxLaunchBackoff: new(90 * minute), Fallback: "prod.spot", FallbackCoolOff: new(60 * minute)},
		ScaleIn: spec.GroupScaleIn{
			Disabled: true, Consolidate: new(false), Budget: []spec.InstanceLimit{{Percent: 12.5, Period: 15 * minute}, {Instances: 4, Period: minute}},
			EmptyBudget: []spec.InstanceLimit{{Instances: 20, Period: 5 * minute}}, MaxDraining: 6, MinSavings: new(0.0), CoolOff: new(spec.Duration(0)),
			StabilizationWindow: new(5 * minute), DrainTimeout: new(120 * minute), OnDrainTimeout: spec.DrainTerminate, StandaloneTasks: spec.StandaloneWait,
			Windows: []spec.DisruptionWindow{
				{
					Name: "business", Days: "mon-fri", From: "08:00", To: "18:00", TimeZone: "Europe/Berlin", StartDate: "2026-12-01", EndDate: "2026-12-24",
					Budget: []spec.InstanceLimit{{Instances: 1, Period: 60 * minute}},
				},
				{Name: "freeze", Start: "2026-11-27T00:00", End: "2026-12-01T00:00"},
			},
			ManageProtection: true,
		},
	}
}

func goodWorker() spec.Service {
	kafka := func(name, statistic string) spec.Metric {
		return spec.Metric{Namespace: "Kafka", Name: name, Statistic: statistic}
	}
	return spec.Service{
		MaxCapacity: 100,
		Policies: []spec.Policy{
			{Backlog: &spec.Backlog{
				Queue: "https://queues.example/111122223333/orders.fifo", AcceptableLatency: 5 * minute,
				ProcessingTime: new(spec.Duration(250 * time.Millisecond)), Concurrency: 4, MaxAge: new(10 * minute),
			}},
			{Backlog: &spec.Backlog{AcceptableLatency: 90 * minute, Metrics: &spec.BacklogMetrics{
				Backlog: kafka("Lag", ""), Arrivals: kafka("In", ""), Completions: new(kafka("Out", "")), OldestAge: new(kafka("Age", "p99.9")),
			}}},
			{Concurrency: &spec.Concurrency{
				Metric:        spec.Metric{Namespace: "App", Name: "InFlight", Period: spec.Duration(20 * time.Second)},
				TargetPerTask: 40, TargetUtilization: new(spec.Percent(0.7)), StableWindow: new(2 * minute), PanicWindow: new(spec.Duration(20 * time.Second)),
				PanicThreshold: 2, MaxScaleUpRate: 10, MaxScaleDownRate: 1.5,
			}},
		},
		Activation: &spec.Activation{
			CoolOff: new(10 * minute),
			Wake:    []spec.Wake{{Metric: spec.Metric{Namespace: "AWS/ApplicationELB", Name: "HTTPCode_ELB_503_Count", Statistic: "Sum"}}},
		},
	}
}
