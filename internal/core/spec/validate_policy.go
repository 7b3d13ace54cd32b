package spec

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// predefined are the predefined metrics, in the order of the documentation.
func predefined() []string {
	return []string{CPUUtilization, MemoryUtilization, CPUUtilizationHighRes, MemoryUtilizationHighRes, ALBRequestCountPerTarget}
}

func (c *checker) policy(path []string, s Service, p Policy) {
	if p.OnMissingData != nil {
		c.missing(at(path, "onMissingData"), *p.OnMissingData, s.MaxCapacity)
	}
	types := 0
	for _, set := range []bool{p.TargetTracking != nil, p.StepScaling != nil, p.Backlog != nil, p.Concurrency != nil} {
		if set {
			types++
		}
	}
	if types == 0 {
		c.add(path, "write targetTracking: {predefinedMetric: "+CPUUtilization+", targetValue: 60}",
			"the policy has no type: targetTracking, stepScaling, backlog and concurrency: %s", errNotOne)
		return
	}
	if types > 1 {
		c.add(path, "make a policy of each", "the policy has %d types: targetTracking, stepScaling, backlog and concurrency: %s", types, errNotOne)
	}
	switch {
	case p.TargetTracking != nil:
		c.targetTracking(at(path, "targetTracking"), *p.TargetTracking)
	case p.StepScaling != nil:
		c.stepScaling(at(path, "stepScaling"), *p.StepScaling)
	case p.Backlog != nil:
		c.backlog(at(path, "backlog"), *p.Backlog)
	case p.Concurrency != nil:
		c.concurrency(at(path, "concurrency"), *p.Concurrency)
	}
}

var resourceLabel = regexp.MustCompile(`^app/[^/]+/[^/]+/targetgroup/[^/]+/[^/]+$`)

// source checks the metric of a policy that names one in either way.
func (c *checker) source(path []string, name, label string, own *Metric) {
	switch {
	case !c.oneOf(path, "predefinedMetric", name != "", "metric", own != nil):
	case own != nil:
		c.metric(at(path, "metric"), *own)
	default:
		c.oneWord(at(path, "predefinedMetric"), "predefinedMetric", name, predefined()...)
	}
	const form = "give the ends of the two ARNs, as app/NAME/ID/targetgroup/NAME/ID"
	switch {
	case name == ALBRequestCountPerTarget && label == "":
		c.add(at(path, "resourceLabel"), form, "resourceLabel is missing: predefinedMetric %s needs the load balancer and the target group", ALBRequestCountPerTarget)
	case name == ALBRequestCountPerTarget && !resourceLabel.MatchString(label):
		c.add(at(path, "resourceLabel"), form, "resourceLabel %q does not name a load balancer and a target group", label)
	case name != ALBRequestCountPerTarget && label != "":
		c.add(at(path, "resourceLabel"), "remove it", "resourceLabel goes with predefinedMetric %s alone", ALBRequestCountPerTarget)
	}
}

func (c *checker) targetTracking(path []string, t TargetTracking) {
	c.source(path, t.PredefinedMetric, t.ResourceLabel, t.Metric)
	if t.PredefinedMetric != "" && t.TargetPerTask != 0 {
		c.add(at(path, "targetPerTask"), "use targetValue", "a predefined metric has a target for each task: targetValue")
	}
	c.oneOf(path, "targetValue", t.TargetValue != 0, "targetPerTask", t.TargetPerTask != 0)
	for _, v := range []struct {
		name  string
		value float64
	}{{"targetValue", t.TargetValue}, {"targetPerTask", t.TargetPerTask}, {"ceiling", t.Ceiling}} {
		if v.value < 0 || math.IsNaN(v.value) || v.value > 1e15 {
			c.add(at(path, v.name), "use a number above 0", "%s %v is out of range", v.name, v.value)
		}
	}
	c.utilization(at(path, "targetValue"), t)
	switch {
	case t.Ceiling <= 0:
	case t.TargetPerTask > 0 || t.Metric == nil:
		c.add(at(path, "ceiling"), "remove it", "ceiling goes with a metric of your own and targetValue: a total has none, CPU has one by itself")
	case t.Ceiling <= t.TargetValue:
		c.add(at(path, "ceiling"), "give the value at which the metric is pinned", "ceiling %v is not above targetValue %v", t.Ceiling, t.TargetValue)
	}
}

// utilization checks the target of a predefined utilisation: 0.6 is 0.6 %, and
// would want a hundred times the tasks that whoever wrote it meant.
func (c *checker) utilization(path []string, t TargetTracking) {
	remedy := "use a percentage from 1 to 100"
	switch v := t.TargetValue; {
	case !slices.Contains(predefined()[:4], t.PredefinedMetric) || v <= 0:
	case v > 100:
		c.add(path, remedy, "targetValue %v is above 100 %%", v)
	case v >= 0.01 && v < 1:
		c.add(path, fmt.Sprintf("did you mean %s? U%s", plain(math.Round(v*1e9)/1e7), remedy[1:]), "targetValue %v is %v %%, not a share of 1", v, v)
	case v < 1:
		c.add(path, remedy, "targetValue %v is below 1 %%", v)
	}
}

func (c *checker) stepScaling(path []string, s StepScaling) {
	c.source(path, s.PredefinedMetric, s.ResourceLabel, s.Metric)
	c.finite(at(path, "threshold"), "threshold", s.Threshold, -1e15, 1e15)
	c.oneWord(at(path, "adjustmentType"), "adjustmentType", s.AdjustmentType, ChangeInCapacity, ExactCapacity, PercentChangeInCapacity)
	switch n := s.MinAdjustmentMagnitude; {
	case n < 0 || n > MaxTasks:
		c.add(at(path, "minAdjustmentMagnitude"), "use 1 to "+strconv.Itoa(MaxTasks), "minAdjustmentMagnitude %d is out of range", n)
	case n != 0 && s.AdjustmentType != PercentChangeInCapacity:
		c.add(at(path, "minAdjustmentMagnitude"), "remove it", "minAdjustmentMagnitude goes with adjustmentType PercentChangeInCapacity alone")
	}
	if s.EvaluationPeriods < 0 || s.EvaluationPeriods > 60 {
		c.add(at(path, "evaluationPeriods"), "use 1 to 60", "evaluationPeriods %d is out of range", s.EvaluationPeriods)
	}
	c.steps(at(path, "stepAdjustments"), s)
}

// steps wants intervals that neither overlap nor leave a gap, in any order, none
// across the threshold, and on each side that has steps one that is open:
// Application Auto Scaling's rules. Without the open one the worst surge, past the
// last bound, would be answered by nothing. Its rules are for one alarm, which
// goes one way; here one policy goes both, so that there may be a gap around the
// threshold, where nothing is done.
func (c *checker) steps(path []string, s StepScaling) {
	if n := len(s.StepAdjustments); n == 0 || n > MaxSteps {
		c.add(path, "give 1 to "+strconv.Itoa(MaxSteps)+" steps", "%d step adjustments are not between 1 and %d", n, MaxSteps)
		return
	}
	spans := make([]span, 0, len(s.StepAdjustments))
	whole := true
	for i, a := range s.StepAdjustments {
		within := at(path, strconv.Itoa(i))
		before := len(c.problems)
		c.bound(at(within, "metricIntervalLowerBound"), "metricIntervalLowerBound", a.MetricIntervalLowerBound)
		c.bound(at(within, "metricIntervalUpperBound"), "metricIntervalUpperBound", a.MetricIntervalUpperBound)
		low, high := a.Bounds()
		const bounds = "metricIntervalLowerBound %v and metricIntervalUpperBound %v: "
		switch {
		case len(c.problems) > before: // what follows from a bound that is no number is no second fault
		case low >= high:
			c.add(within, "give a lower bound below the upper one", bounds+"the step is empty", low, high)
		case low < 0 && high > 0:
			c.add(within, "make two steps of it, one up to 0 and one from 0", bounds+"the step lies on both sides of the threshold", low, high)
		}
		whole = whole && len(c.problems) == before
		c.adjustment(at(within, "scalingAdjustment"), s.AdjustmentType, a.ScalingAdjustment)
		spans = append(spans, span{low, high})
	}
	if whole {
		c.spans(path, spans)
	}
}

// span is the interval of a step, relative to the threshold.
type span struct{ low, high float64 }

// spans checks whole steps against one another.
func (c *checker) spans(path []string, spans []span) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high)) })
	for i := 1; i < len(spans); i++ {
		switch before, next := spans[i-1], spans[i]; {
		case next.low < before.high:
			c.add(path, "let each step begin where the one before ends", "the steps from %v to %v and from %v to %v overlap", before.low, before.high, next.low, next.high)
		case next.low > before.high && (before.high > 0 || next.low < 0):
			c.add(path, "let each step begin where the one before ends", "between %v and %v there is no step", before.high, next.low)
		}
	}
	if low := spans[0].low; low < 0 && !math.IsInf(low, -1) {
		c.add(path, "leave out the metricIntervalLowerBound of the lowest step", "below %v there is no step", low)
	}
	if high := spans[len(spans)-1].high; high > 0 && !math.IsInf(high, 1) {
		c.add(path, "leave out the metricIntervalUpperBound of the highest step", "above %v there is no step", high)
	}
}

// bound checks a bound of a step, if there is one.
func (c *checker) bound(path []string, name string, v *float64) {
	if v != nil {
		c.finite(path, name, *v, -1e15, 1e15)
	}
}

func (c *checker) adjustment(path []string, kind string, n int) {
	switch {
	case kind == ExactCapacity && (n < 0 || n > MaxTasks):
		c.add(path, "give a count of tasks from 0 to "+strconv.Itoa(MaxTasks), "scalingAdjustment %d is no count", n)
	case kind == PercentChangeInCapacity && (n < -100 || n > 10_000):
		c.add(path, "use -100 to 10000 percent", "scalingAdjustment %d %% is out of range", n)
	case n < -MaxTasks || n > 10_000 || n > MaxTasks && kind == ChangeInCapacity:
		c.add(path, "use at most "+strconv.Itoa(MaxTasks)+" tasks", "scalingAdjustment %d is out of range", n)
	}
}

// Bounds gives the step's interval relative to the threshold.
func (a StepAdjustment) Bounds() (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	if a.MetricIntervalLowerBound != nil {
		low = *a.MetricIntervalLowerBound
	}
	if a.MetricIntervalUpperBound != nil {
		high = *a.MetricIntervalUpperBound
	}
	return low, high
}

func (c *checker) backlog(path []string, b Backlog) {
	switch {
	case !c.oneOf(path, "queue", b.Queue != "", "metrics", b.Metrics != nil):
	case b.Metrics != nil:
		c.backlogMetrics(at(path, "metrics"), b)
	case !isQueue(b.Queue):
		c.add(at(path, "queue"), "give the queue's name or URL, not its ARN", "queue %q is no SQS queue", b.Queue)
	}
	if l := time.Duration(b.AcceptableLatency); l < time.Second || l > 14*24*time.Hour {
		c.add(at(path, "acceptableLatency"), "use 1s to 336h", "acceptableLatency %s is out of range", b.AcceptableLatency)
	}
	if p := b.ProcessingTime; p != nil && (time.Duration(*p) < time.Millisecond || time.Duration(*p) > 12*time.Hour) {
		c.add(at(path, "processingTime"), "use 1ms to 12h", "processingTime %s is out of range", *p)
	}
	switch n := b.Concurrency; {
	case n < 0 || n > 100_000:
		c.add(at(path, "concurrency"), "use 1 to 100000", "concurrency %d is out of range", n)
	case n > 0 && b.ProcessingTime == nil:
		c.add(at(path, "concurrency"), "give processingTime too, or remove it: a learnt rate holds it already", "concurrency goes with processingTime")
	}
	if a := b.MaxAge; a != nil && (time.Duration(*a) < time.Second || time.Duration(*a) > 14*24*time.Hour) {
		c.add(at(path, "maxAge"), "use 1s to 336h", "maxAge %s is out of range", *a)
	}
}

func (c *checker) backlogMetrics(path []string, b Backlog) {
	m := b.Metrics
	c.metric(at(path, "backlog"), m.Backlog)
	c.metric(at(path, "arrivals"), m.Arrivals)
	period := m.Backlog.period()
	same := func(name string, v Metric) {
		if v.period() != period {
			c.add(at(path, name, "period"), "give the metrics of one queue one period", "period %s of %s is not backlog.period %s", Duration(v.period()), name, Duration(period))
		}
	}
	same("arrivals", m.Arrivals)
	if m.Completions != nil {
		c.metric(at(path, "completions"), *m.Completions)
		same("completions", *m.Completions)
	} else if b.ProcessingTime == nil {
		c.add(at(path, "completions"), "name the metric of finished messages, or give processingTime", "without completions and processingTime the rate of a task cannot be known")
	}
	if m.OldestAge != nil {
		c.metric(at(path, "oldestAge"), *m.OldestAge)
		same("oldestAge", *m.OldestAge)
	}
}

func (c *checker) concurrency(path []string, v Concurrency) {
	c.metric(at(path, "metric"), v.Metric)
	c.positive(at(path, "targetPerTask"), "targetPerTask", v.TargetPerTask, 1e15)
	if u := v.TargetUtilization; u != nil && (*u < 0.01 || *u > 1) {
		c.add(at(path, "targetUtilization"), "use 1% to 100%", "targetUtilization %s is out of range", *u)
	}
	if p := v.Metric.period(); p > time.Minute {
		c.add(at(path, "metric", "period"), "use 10s, 20s, 30s or 60s", "period %s is too long for a panic window", Duration(p))
	}
	stable, _ := v.Windows()
	switch {
	case stable < 10*time.Second || stable > time.Hour:
		c.add(at(path, "stableWindow"), "use 10s to 1h", "stableWindow %s is out of range", Duration(stable))
	case stable < v.Metric.period():
		c.add(at(path, "stableWindow"), "use at least one period", "stableWindow %s holds no datapoint: metric.period is %s", Duration(stable), Duration(v.Metric.period()))
	}
	if w := v.PanicWindow; w != nil {
		switch d := time.Duration(*w); {
		case d < time.Second || d > time.Hour:
			c.add(at(path, "panicWindow"), "use 1s to 1h", "panicWindow %s is out of range", *w)
		case d > stable:
			c.add(at(path, "panicWindow"), "use a shorter one than stableWindow", "panicWindow %s is longer than stableWindow %s", *w, Duration(stable))
		}
	}
	if t := v.PanicThreshold; t != 0 {
		c.finite(at(path, "panicThreshold"), "panicThreshold", t, 1.1, 10)
	}
	if r := v.MaxScaleUpRate; r != 0 {
		c.finite(at(path, "maxScaleUpRate"), "maxScaleUpRate", r, 1.1, 1e6)
	}
	if r := v.MaxScaleDownRate; r != 0 {
		c.finite(at(path, "maxScaleDownRate"), "maxScaleDownRate", r, 1.1, 1e6)
	}
}
