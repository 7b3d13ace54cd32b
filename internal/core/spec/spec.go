// Package spec gives the scaling policy document as types, with its defaults
// and a Validate that returns every problem at once, each with its path.
//
// Field names follow Application Auto Scaling where it has a name, and the
// Kubernetes HPA for behaviour.
package spec

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// Mode says whether decisions are carried out.
type Mode string

// The modes. Observe decides and records, and changes nothing.
const (
	Observe Mode = "observe"
	Act     Mode = "act"
)

// Least gives the more careful of two modes: act only if both say so. An
// unset mode is observe.
func Least(a, b Mode) Mode {
	if a == Act && b == Act {
		return Act
	}
	return Observe
}

// Document is one policy file: every scalable target of one cluster that
// Trimtab is to size.
type Document struct {
	Cluster  fleet.ClusterName             `json:"cluster"`
	Mode     Mode                          `json:"mode,omitempty"`
	Services map[fleet.ServiceName]Service `json:"services,omitempty"`
	Groups   map[fleet.GroupName]Group     `json:"groups,omitempty"`
}

// Service is the policy of one ECS service.
type Service struct {
	// Mode narrows the document's mode for this service: act needs both.
	Mode          Mode      `json:"mode,omitempty"`
	MinCapacity   int       `json:"minCapacity"` // tasks
	MaxCapacity   int       `json:"maxCapacity"` // tasks
	Policies      []Policy  `json:"policies"`
	ScaleOut      Behavior  `json:"scaleOut,omitzero"`
	ScaleIn       Behavior  `json:"scaleIn,omitzero"`
	OnMissingData OnMissing `json:"onMissingData,omitzero"`
	// Alarms lists names of CloudWatch alarms that wake this service, beside
	// those that are found through their metrics.
	Alarms []string `json:"alarms,omitempty"`
}

// Policy is one scaling policy; exactly one field is set.
type Policy struct {
	TargetTracking *TargetTracking `json:"targetTracking,omitempty"`
}

// Predefined ECS service metrics, by the names Application Auto Scaling gives them.
const (
	CPUUtilization    = "ECSServiceAverageCPUUtilization"
	MemoryUtilization = "ECSServiceAverageMemoryUtilization"
)

// TargetTracking keeps a metric near a target. Exactly one of PredefinedMetric
// and Metric is set, and exactly one of TargetValue and TargetPerTask.
type TargetTracking struct {
	PredefinedMetric string  `json:"predefinedMetric,omitempty"`
	Metric           *Metric `json:"metric,omitempty"`
	// TargetValue is what the average over the tasks should be, in the unit of
	// the metric (percent for the predefined ones).
	TargetValue float64 `json:"targetValue,omitempty"`
	// TargetPerTask divides the metric, a total over the service, by the tasks:
	// need = ceil(total / TargetPerTask).
	TargetPerTask float64 `json:"targetPerTask,omitempty"`
}

// Metric is any CloudWatch metric.
type Metric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Statistic  string            `json:"statistic,omitempty"` // default Average with targetValue, Sum with targetPerTask
	Period     Duration          `json:"period,omitempty"`    // default 60s
}

// Behavior shapes one direction of scaling. The HPA calls it so.
type Behavior struct {
	// Tolerance is the dead band of the ratio of demand to target, 0 to 1.
	Tolerance *Percent `json:"tolerance,omitempty"`
	// Cooldown is how long after an order the direction rests. Out: only a
	// larger count than the last one ordered passes. In: nothing passes, after
	// an order in either direction.
	Cooldown *Duration `json:"cooldown,omitempty"`
	// StabilizationWindow makes in follow the highest and out the lowest
	// recommendation over the window.
	StabilizationWindow *Duration `json:"stabilizationWindow,omitempty"`
}

// OnMissing is what happens when no policy of the service has usable data:
// hold (the zero value), or scale out to at least a count.
type OnMissing struct {
	AtLeast int
}

// Group is the policy of one Auto Scaling group. It is raised with the
// services that land on it; its MinSize and MaxSize are the group's own.
type Group struct {
	Mode Mode `json:"mode,omitempty"`
}

// OverrideKind is what an override does.
type OverrideKind string

// The overrides. Pause and the two suspensions stop orders; hold, min and max
// move the bounds, max only downwards of the policy's.
const (
	Pause      OverrideKind = "pause"
	SuspendIn  OverrideKind = "suspendIn"
	SuspendOut OverrideKind = "suspendOut"
	HoldAt     OverrideKind = "hold"
	MinAt      OverrideKind = "min"
	MaxAt      OverrideKind = "max"
)

// Override is a person's temporary word, with an expiry and a reason.
type Override struct {
	Kind  OverrideKind `json:"kind"`
	Count int          `json:"count,omitempty"` // tasks, for hold, min and max
	Until time.Time    `json:"until"`
	Why   string       `json:"why"`
	By    string       `json:"by"`
}

// Live tells whether the override still counts at now. The ledger's TTL deletes
// late, so the expiry is always compared here.
func (o Override) Live(now time.Time) bool { return now.Before(o.Until) }

// Defaults of the behaviour. Tolerances and the long look back before scale-in
// keep a constant load with 15 % noise still; out reacts at once.
const (
	DefaultOutTolerance = 0.05
	DefaultInTolerance  = 0.10
	DefaultInWindow     = 15 * time.Minute
	DefaultInCooldown   = time.Minute
	DefaultPeriod       = time.Minute
)

// Resolved is a Behavior with its defaults filled in.
type Resolved struct {
	Tolerance           float64
	Cooldown            time.Duration
	StabilizationWindow time.Duration
}

// Out gives the scale-out behaviour with defaults: 5 % tolerance, no cooldown, no window.
func (s Service) Out() Resolved {
	return resolve(s.ScaleOut, Resolved{Tolerance: DefaultOutTolerance})
}

// In gives the scale-in behaviour with defaults: 10 % tolerance, 1 min cooldown, 15 min window.
func (s Service) In() Resolved {
	return resolve(s.ScaleIn, Resolved{
		Tolerance: DefaultInTolerance, Cooldown: DefaultInCooldown, StabilizationWindow: DefaultInWindow,
	})
}

func resolve(b Behavior, r Resolved) Resolved {
	if b.Tolerance != nil {
		r.Tolerance = float64(*b.Tolerance)
	}
	if b.Cooldown != nil {
		r.Cooldown = time.Duration(*b.Cooldown)
	}
	if b.StabilizationWindow != nil {
		r.StabilizationWindow = time.Duration(*b.StabilizationWindow)
	}
	return r
}

// CloudWatch gives the metric that the policy reads for a service, with the
// statistic the evaluation needs: for the predefined metrics that is the Sum,
// because Sum = Average x the running tasks that produced it is the demand.
func (t TargetTracking) CloudWatch(k fleet.ServiceKey) signal.Metric {
	if t.PredefinedMetric != "" {
		name := "CPUUtilization"
		if t.PredefinedMetric == MemoryUtilization {
			name = "MemoryUtilization"
		}
		return ServiceMetric(k, name, "Sum")
	}
	own := t.metric()
	m := signal.Metric{Namespace: own.Namespace, Name: own.Name, Statistic: own.Statistic, Period: time.Duration(own.Period)}
	if m.Period == 0 {
		m.Period = DefaultPeriod
	}
	if m.Statistic == "" {
		m.Statistic = "Average"
		if t.TargetPerTask > 0 {
			m.Statistic = "Sum"
		}
	}
	for _, n := range sortedKeys(own.Dimensions) {
		m.Dimensions = append(m.Dimensions, signal.Dimension{Name: n, Value: own.Dimensions[n]})
	}
	return m
}

// metric is the policy's own metric, empty in a policy that names none: that is
// for Validate to say, and no reason to panic here.
func (t TargetTracking) metric() Metric {
	if t.Metric == nil {
		return Metric{}
	}
	return *t.Metric
}

// Label names the policy in words and clauses.
func (t TargetTracking) Label() string {
	if t.PredefinedMetric != "" {
		return t.PredefinedMetric
	}
	return t.metric().Namespace + "/" + t.metric().Name
}

// ServiceMetric is a one-minute AWS/ECS metric of a service.
func ServiceMetric(k fleet.ServiceKey, name, statistic string) signal.Metric {
	return signal.Metric{
		Namespace: "AWS/ECS", Name: name, Statistic: statistic, Period: DefaultPeriod,
		Dimensions: []signal.Dimension{
			{Name: "ClusterName", Value: string(k.Cluster)}, {Name: "ServiceName", Value: string(k.Service)},
		},
	}
}
