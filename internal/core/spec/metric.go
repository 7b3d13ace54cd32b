package spec

import (
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// Source says where a policy's number comes from and what it means.
type Source struct {
	// Metric is what is read. Of the ECS utilisation it is the Sum, because
	// Sum = Average x the running tasks that produced it is the demand.
	Metric signal.Metric
	// Samples is true where the SampleCount counts the tasks: ECS's own metrics.
	Samples bool
	// Total is true where the value is a total over the service.
	Total bool
}

// CloudWatch gives what the policy reads for a service.
func (t TargetTracking) CloudWatch(k fleet.ServiceKey) Source {
	return source(k, t.PredefinedMetric, t.ResourceLabel, t.Metric, t.TargetPerTask > 0)
}

// CloudWatch gives what the policy reads for a service.
func (s StepScaling) CloudWatch(k fleet.ServiceKey) Source {
	return source(k, s.PredefinedMetric, s.ResourceLabel, s.Metric, false)
}

// source finds the metric of a policy that names one in either way. Without
// any it is an empty one: that is for Validate to say, and no reason to panic here.
func source(k fleet.ServiceKey, predefined, label string, own *Metric, total bool) Source {
	switch predefined {
	case CPUUtilization:
		return Source{Metric: ServiceMetric(k, "CPUUtilization", "Sum"), Samples: true}
	case MemoryUtilization:
		return Source{Metric: ServiceMetric(k, "MemoryUtilization", "Sum"), Samples: true}
	case CPUUtilizationHighRes, MemoryUtilizationHighRes:
		name := "CPUUtilization"
		if predefined == MemoryUtilizationHighRes {
			name = "MemoryUtilization"
		}
		m := ServiceMetric(k, name, "Sum")
		m.Period = HighResolution
		return Source{Metric: m, Samples: true}
	case ALBRequestCountPerTarget:
		return Source{Metric: requestCount(label), Total: true}
	}
	if own == nil {
		return Source{Total: total}
	}
	statistic := "Average"
	if total {
		statistic = "Sum"
	}
	return Source{Metric: own.CloudWatch(statistic), Total: total}
}

// requestCount is the requests of a target group in a minute. The total, not
// RequestCountPerTarget: that one is the total divided by the targets of the
// minute, which a decision would have to multiply back.
func requestCount(label string) signal.Metric {
	lb, tg := splitLabel(label)
	return signal.Metric{
		Namespace: "AWS/ApplicationELB", Name: "RequestCount", Statistic: "Sum", Period: DefaultPeriod,
		Dimensions: []signal.Dimension{{Name: "LoadBalancer", Value: lb}, {Name: "TargetGroup", Value: tg}},
	}
}

// splitLabel takes app/NAME/ID/targetgroup/NAME/ID apart.
func splitLabel(label string) (loadBalancer, targetGroup string) {
	at := strings.Index(label, "/targetgroup/")
	if at < 0 {
		return label, ""
	}
	return label[:at], label[at+1:]
}

// CloudWatch gives the metric as it is read, with a default statistic.
func (m Metric) CloudWatch(statistic string) signal.Metric {
	out := signal.Metric{Namespace: m.Namespace, Name: m.Name, Statistic: m.Statistic, Period: m.period(), Dimensions: dimensions(m.Dimensions)}
	if m.Expression != "" {
		out.Statistic, out.Expression = "", m.Expression
		for _, id := range sortedKeys(m.Metrics) {
			in := m.Metrics[id]
			stat := in.Statistic
			if stat == "" {
				stat = "Average"
			}
			out.Inputs = append(out.Inputs, signal.Input{ID: id, Metric: signal.Metric{
				Namespace: in.Namespace, Name: in.Name, Statistic: stat, Period: out.Period, Dimensions: dimensions(in.Dimensions),
			}})
		}
		return out
	}
	if out.Statistic == "" {
		out.Statistic = statistic
	}
	return out
}

func dimensions(d map[string]string) []signal.Dimension {
	if len(d) == 0 {
		return nil
	}
	out := make([]signal.Dimension, 0, len(d))
	for _, n := range sortedKeys(d) {
		out = append(out, signal.Dimension{Name: n, Value: d[n]})
	}
	return out
}

// Label names the metric in words and clauses.
func (m Metric) Label() string {
	if m.Expression != "" {
		return m.Expression
	}
	return m.Namespace + "/" + m.Name
}

// Label names the policy in words and clauses.
func (p Policy) Label() string {
	label := func(predefined string, m *Metric) string {
		if predefined != "" || m == nil {
			return predefined
		}
		return m.Label()
	}
	switch {
	case p.Name != "":
		return p.Name
	case p.TargetTracking != nil:
		return label(p.TargetTracking.PredefinedMetric, p.TargetTracking.Metric)
	case p.StepScaling != nil:
		return label(p.StepScaling.PredefinedMetric, p.StepScaling.Metric)
	case p.Backlog != nil && p.Backlog.Metrics != nil:
		return p.Backlog.Metrics.Backlog.Label()
	case p.Backlog != nil:
		return "queue " + p.Backlog.QueueName()
	case p.Concurrency != nil:
		return p.Concurrency.Metric.Label()
	}
	return ""
}

// QueueName gives the name of the SQS queue, the last part of its URL.
func (b Backlog) QueueName() string { return b.Queue[strings.LastIndexByte(b.Queue, '/')+1:] }

// BacklogSources are the metrics of a queue as they are read. Completions and
// OldestAge are nil where the policy has none.
type BacklogSources struct {
	Backlog, Arrivals      signal.Metric
	Completions, OldestAge *signal.Metric
}

// CloudWatch gives what the policy reads. SQS publishes every minute while a
// queue is in use, and stops after it was idle for some hours.
func (b Backlog) CloudWatch() BacklogSources {
	if m := b.Metrics; m != nil {
		out := BacklogSources{Backlog: m.Backlog.CloudWatch("Average"), Arrivals: m.Arrivals.CloudWatch("Sum")}
		if m.Completions != nil {
			out.Completions = new(m.Completions.CloudWatch("Sum"))
		}
		if m.OldestAge != nil {
			out.OldestAge = new(m.OldestAge.CloudWatch("Maximum"))
		}
		return out
	}
	sqs := func(name, statistic string) signal.Metric {
		return signal.Metric{
			Namespace: "AWS/SQS", Name: name, Statistic: statistic, Period: DefaultPeriod,
			Dimensions: []signal.Dimension{{Name: "QueueName", Value: b.QueueName()}},
		}
	}
	return BacklogSources{
		Backlog: sqs("ApproximateNumberOfMessagesVisible", "Maximum"), Arrivals: sqs("NumberOfMessagesSent", "Sum"),
		Completions: new(sqs("NumberOfMessagesDeleted", "Sum")), OldestAge: new(sqs("ApproximateAgeOfOldestMessage", "Maximum")),
	}
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

// Period gives the period of the policy's main metric.
func (p Policy) Period() time.Duration {
	switch {
	case p.TargetTracking != nil:
		return p.TargetTracking.CloudWatch(fleet.ServiceKey{}).Metric.Period
	case p.StepScaling != nil:
		return p.StepScaling.CloudWatch(fleet.ServiceKey{}).Metric.Period
	case p.Backlog != nil:
		return p.Backlog.CloudWatch().Backlog.Period
	case p.Concurrency != nil:
		return p.Concurrency.Metric.period()
	}
	return DefaultPeriod
}
