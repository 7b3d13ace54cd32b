package spec

import "time"

// Policy is one scaling policy; exactly one of its types is set.
type Policy struct {
	// Name tells the policy in decisions, default the name of its metric. Two policies
	// of one name are refused: of two on one metric each needs one.
	Name string `json:"name,omitempty"`
	// TargetTracking keeps a metric near a target.
	TargetTracking *TargetTracking `json:"targetTracking,omitempty"`
	// StepScaling changes the count by the step that a metric falls into.
	StepScaling *StepScaling `json:"stepScaling,omitempty"`
	// Backlog sizes the service so that a queue is worked off in time.
	Backlog *Backlog `json:"backlog,omitempty"`
	// Concurrency keeps the requests in flight at a target per task, with a short
	// window for bursts.
	Concurrency *Concurrency `json:"concurrency,omitempty"`
	// OnMissingData is what happens when this policy has no usable data, default hold:
	// {atLeast: N} scales out to at least N tasks instead, at most the service's
	// maxCapacity.
	OnMissingData *OnMissing `json:"onMissingData,omitempty"`
	// DisableScaleIn keeps the policy out of scale-in, default false: it neither asks
	// for nor stops one.
	DisableScaleIn bool `json:"disableScaleIn,omitzero"`
}

// Predefined metrics, by the names Application Auto Scaling gives them.
const (
	CPUUtilization           = "ECSServiceAverageCPUUtilization"
	MemoryUtilization        = "ECSServiceAverageMemoryUtilization"
	CPUUtilizationHighRes    = "ECSServiceAverageCPUUtilizationHighResolution"
	MemoryUtilizationHighRes = "ECSServiceAverageMemoryUtilizationHighResolution"
	ALBRequestCountPerTarget = "ALBRequestCountPerTarget"
)

// HighResolution is the period of the high-resolution ECS metrics.
const HighResolution = 20 * time.Second

// TargetTracking keeps a metric near a target. Exactly one of PredefinedMetric
// and Metric is set, and exactly one of TargetValue and TargetPerTask.
type TargetTracking struct {
	// PredefinedMetric is one of the metrics that need no further words: the CPU or
	// memory utilisation of the service, the same every 20 s (HighResolution, if the
	// service is set to publish it), or the requests a minute for each target of a
	// load balancer.
	PredefinedMetric string `json:"predefinedMetric,omitempty"`
	// ResourceLabel names the load balancer and target group of
	// ALBRequestCountPerTarget, as app/NAME/ID/targetgroup/NAME/ID.
	ResourceLabel string `json:"resourceLabel,omitempty"`
	// Metric is any CloudWatch metric or metric math.
	Metric *Metric `json:"metric,omitempty"`
	// TargetValue is what one task should show, above 0: of an average over the tasks
	// or a metric per task, in its unit (percent from 1 up to 100 for the predefined ECS
	// ones, requests a minute for ALBRequestCountPerTarget).
	TargetValue float64 `json:"targetValue,omitempty"`
	// TargetPerTask is one task's part of a metric that is a total over the service,
	// above 0: need = ceil(total / targetPerTask).
	TargetPerTask float64 `json:"targetPerTask,omitempty"`
	// Ceiling is the value of an average or per-task metric at which it is pinned and
	// hides demand, above 0, such as 100 for a pool's busy percentage: at it the need
	// counts as at least twice the tasks. It goes with Metric and TargetValue, and is
	// above TargetValue. CPU on Fargate has one of 99 by itself.
	Ceiling float64 `json:"ceiling,omitempty"`
}

// Adjustment types of step scaling, in Application Auto Scaling's words.
const (
	ChangeInCapacity        = "ChangeInCapacity"
	ExactCapacity           = "ExactCapacity"
	PercentChangeInCapacity = "PercentChangeInCapacity"
)

// StepScaling changes the count by the step that the metric's distance from
// the threshold falls into. Exactly one of PredefinedMetric and Metric is set. The
// threshold of ALBRequestCountPerTarget is in requests per target a minute.
type StepScaling struct {
	// PredefinedMetric is one of the predefined metrics, see targetTracking.
	PredefinedMetric string `json:"predefinedMetric,omitempty"`
	// ResourceLabel goes with ALBRequestCountPerTarget, see targetTracking.
	ResourceLabel string `json:"resourceLabel,omitempty"`
	// Metric is any CloudWatch metric or metric math.
	Metric *Metric `json:"metric,omitempty"`
	// Threshold is the value that the bounds of the steps are relative to, -1e15 to
	// 1e15, in the metric's unit: percent for the predefined ECS ones, and of
	// ALBRequestCountPerTarget the requests a minute for each target.
	Threshold float64 `json:"threshold"`
	// AdjustmentType says what the scalingAdjustment of the steps is: tasks to add
	// (ChangeInCapacity), the count (ExactCapacity), or percent to add.
	AdjustmentType string `json:"adjustmentType"`
	// MinAdjustmentMagnitude is the least change of PercentChangeInCapacity, in tasks, 1 to 5000.
	MinAdjustmentMagnitude int `json:"minAdjustmentMagnitude,omitempty"`
	// EvaluationPeriods is how many datapoints in a row must fall into a step in
	// the same direction, 1 to 60, default 1; the newest one selects the step.
	EvaluationPeriods int `json:"evaluationPeriods,omitempty"`
	// StepAdjustments are the steps, up to 20, without overlaps or gaps on each side
	// of the threshold, in any order. The outermost step of a side has no outer bound.
	StepAdjustments []StepAdjustment `json:"stepAdjustments"`
}

// StepAdjustment is one step. At or above the threshold the lower bound is
// inclusive and the upper exclusive; below it the other way round.
type StepAdjustment struct {
	// MetricIntervalLowerBound is the lower bound less the threshold, -1e15 to 1e15,
	// default minus infinity.
	MetricIntervalLowerBound *float64 `json:"metricIntervalLowerBound,omitempty"`
	// MetricIntervalUpperBound is the upper bound less the threshold, -1e15 to 1e15,
	// default infinity.
	MetricIntervalUpperBound *float64 `json:"metricIntervalUpperBound,omitempty"`
	// ScalingAdjustment is the change, -5000 to 10000: from -5000 to 5000 tasks, from
	// -100 to 10000 percent, or with ExactCapacity the count, from 0 to 5000.
	ScalingAdjustment int `json:"scalingAdjustment"`
}

// Backlog sizes the service so that a queue is worked off in time:
// need = ceil((arrivals + backlog/acceptableLatency) / rate), all a second; the arrivals
// are the mean over the acceptable latency, of at most 15 minutes.
// Exactly one of Queue and Metrics is set.
type Backlog struct {
	// Queue is the name or URL of an SQS queue of this account and region.
	Queue string `json:"queue,omitempty"`
	// Metrics name the CloudWatch metrics of any other queue.
	Metrics *BacklogMetrics `json:"metrics,omitempty"`
	// AcceptableLatency is how long a message may wait, 1s to 336h.
	AcceptableLatency Duration `json:"acceptableLatency"`
	// ProcessingTime is how long one message takes, 1ms to 12h, from which the rate of
	// one task is Concurrency / ProcessingTime. Without it the rate is learnt from the
	// messages that the running tasks delete while there is a backlog.
	ProcessingTime *Duration `json:"processingTime,omitempty"`
	// Concurrency is how many messages a task works on at once, 1 to 100000, default
	// 1. It goes with ProcessingTime.
	Concurrency int `json:"concurrency,omitempty"`
	// MaxAge is the age of the oldest message above which the service does not scale
	// in and grows, up to twice its tasks, 1s to 336h, default twice AcceptableLatency.
	MaxAge *Duration `json:"maxAge,omitempty"`
}

// BacklogMetrics are the CloudWatch metrics of a queue that is not SQS.
type BacklogMetrics struct {
	// Backlog is the number of messages that wait.
	Backlog Metric `json:"backlog"`
	// Arrivals is the number of messages that arrived in each period, statistic Sum.
	Arrivals Metric `json:"arrivals"`
	// Completions is the number of messages that were finished in each period,
	// statistic Sum; without processingTime the rate is learnt from it.
	Completions *Metric `json:"completions,omitempty"`
	// OldestAge is the age of the oldest message, in seconds.
	OldestAge *Metric `json:"oldestAge,omitempty"`
}

// Concurrency keeps the requests in flight, or the requests a period, at a
// target per task, with Knative's two windows: a short one that takes over in
// panic when it asks for PanicThreshold times the tasks.
type Concurrency struct {
	// Metric is the total over the service in each period, best 10s or 20s.
	Metric Metric `json:"metric"`
	// TargetPerTask is what one task can carry, in the metric's unit, above 0.
	TargetPerTask float64 `json:"targetPerTask"`
	// TargetUtilization is the share of it that is planned for, 1% to 100%, default 70%.
	TargetUtilization *Percent `json:"targetUtilization,omitempty"`
	// StableWindow is the window whose mean counts in calm, 10s to 1h, default 60s. It
	// holds at least one period of the metric.
	StableWindow *Duration `json:"stableWindow,omitempty"`
	// PanicWindow is the short window, 1s to 1h, default a tenth of the stable one. It is
	// at most the stable one, and counts as one period of the metric where it is
	// shorter.
	PanicWindow *Duration `json:"panicWindow,omitempty"`
	// PanicThreshold is how many times the tasks the short window must ask for, 1.1 to 10, default 2.
	PanicThreshold float64 `json:"panicThreshold,omitempty"`
	// MaxScaleUpRate is the most a window may multiply the tasks by, 1.1 to 1e6, default 1000.
	MaxScaleUpRate float64 `json:"maxScaleUpRate,omitempty"`
	// MaxScaleDownRate is the most a window may divide the tasks by, 1.1 to 1e6, default 2.
	MaxScaleDownRate float64 `json:"maxScaleDownRate,omitempty"`
}

// Defaults of Concurrency, Knative's.
const (
	DefaultUtilization    = 0.7
	DefaultStableWindow   = time.Minute
	DefaultPanicShare     = 0.1
	DefaultPanicThreshold = 2
	DefaultMaxUpRate      = 1000
	DefaultMaxDownRate    = 2
)

// Windows gives the stable and the panic window with their defaults.
func (c Concurrency) Windows() (stable, panicking time.Duration) {
	stable = DefaultStableWindow
	if c.StableWindow != nil {
		stable = time.Duration(*c.StableWindow)
	}
	panicking = time.Duration(float64(stable) * DefaultPanicShare)
	if c.PanicWindow != nil {
		panicking = time.Duration(*c.PanicWindow)
	}
	return stable, max(panicking, c.Metric.period())
}

// Metric is any CloudWatch metric, or metric math over several. It has a
// namespace and a name, or an expression and metrics.
type Metric struct {
	// Namespace is the CloudWatch namespace, as App.
	Namespace string `json:"namespace,omitempty"`
	// Name is the metric's name.
	Name string `json:"name,omitempty"`
	// Dimensions are names with values, up to 30. A value that looks like a number
	// stands in quotes.
	Dimensions map[string]string `json:"dimensions,omitempty"`
	// Statistic is Average, Sum, SampleCount, Minimum, Maximum or a percentile such
	// as p99, default Average, and Sum or Maximum where the field that holds the
	// metric says so.
	Statistic string `json:"statistic,omitempty"`
	// Period is 10s, 20s, 30s or whole minutes up to 1h, default 60s. Below a minute
	// the metric must be published with high resolution.
	Period Duration `json:"period,omitempty"`
	// Expression is CloudWatch metric math over Metrics, as visible / running; it
	// takes the place of Namespace, Name, Dimensions and Statistic.
	Expression string `json:"expression,omitempty"`
	// Metrics are the inputs of the expression by their ids, up to 10.
	Metrics map[string]MathInput `json:"metrics,omitempty"`
}

// MathInput is one input of metric math.
type MathInput struct {
	// Namespace is the CloudWatch namespace.
	Namespace string `json:"namespace"`
	// Name is the metric's name.
	Name string `json:"name"`
	// Dimensions are names with values, up to 30.
	Dimensions map[string]string `json:"dimensions,omitempty"`
	// Statistic is that of a metric, default Average.
	Statistic string `json:"statistic,omitempty"`
}

func (m Metric) period() time.Duration {
	if m.Period == 0 {
		return DefaultPeriod
	}
	return time.Duration(m.Period)
}

// ofTasks tells whether only running tasks publish the metric, as all of AWS/ECS.
func (m Metric) ofTasks() bool {
	for _, in := range m.Metrics {
		if in.Namespace != "AWS/ECS" {
			return false
		}
	}
	return m.Namespace == "AWS/ECS" || len(m.Metrics) > 0
}
