package spec

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Problem is one fault of a document: where, what and how to mend it.
type Problem struct {
	// Path leads to the fault: ["services", "checkout", "policies", "0"].
	Path    []string `json:"path"`
	Message string   `json:"message"`
	Remedy  string   `json:"remedy"`
}

// Limits of a document. They keep one cluster within one paged read and one
// row within a DynamoDB item.
const (
	MaxServices = 1000
	MaxGroups   = 50
	MaxPolicies = 10
	MaxAlarms   = 50
	// MaxTasks is the ECS quota of tasks per service.
	MaxTasks = 5000
)

var (
	ecsName   = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)
	groupName = regexp.MustCompile(`^[^\x00-\x1f:]{1,255}$`)
	statistic = regexp.MustCompile(`^(Average|Sum|SampleCount|Minimum|Maximum|p[0-9]{1,2}(\.[0-9]{1,2})?)$`)
)

type checker struct{ problems []Problem }

func (c *checker) add(path []string, remedy, format string, args ...any) {
	p := make([]string, len(path))
	copy(p, path)
	c.problems = append(c.problems, Problem{Path: p, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func at(path []string, more ...string) []string {
	return append(append([]string{}, path...), more...)
}

// Validate returns every problem of the document, in the order of its parts.
func (d Document) Validate() []Problem {
	c := &checker{}
	if !ecsName.MatchString(string(d.Cluster)) {
		c.add([]string{"cluster"}, "give the short name of the ECS cluster, not its ARN", "cluster %q is not an ECS cluster name", d.Cluster)
	}
	c.mode([]string{"mode"}, d.Mode)
	if len(d.Services) == 0 && len(d.Groups) == 0 {
		c.add([]string{"services"}, "name at least one service with its policies", "the document sizes nothing")
	}
	if len(d.Services) > MaxServices {
		c.add([]string{"services"}, "split the cluster's services over several Trimtab deployments", "%d services are more than %d", len(d.Services), MaxServices)
	}
	if len(d.Groups) > MaxGroups {
		c.add([]string{"groups"}, "name only groups of this cluster", "%d groups are more than %d", len(d.Groups), MaxGroups)
	}
	for _, n := range sortedKeys(d.Services) {
		path := []string{"services", string(n)}
		if !ecsName.MatchString(string(n)) {
			c.add(path, "give the short name of the ECS service, not its ARN", "%q is not an ECS service name", n)
		}
		c.service(path, d.Services[n])
	}
	for _, n := range sortedKeys(d.Groups) {
		path := []string{"groups", string(n)}
		if !groupName.MatchString(string(n)) {
			c.add(path, "give the name of the Auto Scaling group, not its ARN", "%q is not an Auto Scaling group name", n)
		}
		c.mode(at(path, "mode"), d.Groups[n].Mode)
	}
	return c.problems
}

// Validate returns every problem of one service's policy, with paths that
// begin at the service. The Lambda checks what it reads from the ledger again.
func (s Service) Validate() []Problem {
	c := &checker{}
	c.service(nil, s)
	return c.problems
}

func (c *checker) mode(path []string, m Mode) {
	if m != "" && m != Observe && m != Act {
		c.add(path, "write observe or act", "mode %q is not known", m)
	}
}

func (c *checker) service(path []string, s Service) {
	c.mode(at(path, "mode"), s.Mode)
	c.bounds(path, s)
	if len(s.Policies) == 0 {
		c.add(at(path, "policies"), "add a targetTracking policy", "the service has no scaling policy")
	}
	if len(s.Policies) > MaxPolicies {
		c.add(at(path, "policies"), "remove the ones that never bind", "%d policies are more than %d", len(s.Policies), MaxPolicies)
	}
	for i, p := range s.Policies {
		c.policy(at(path, "policies", strconv.Itoa(i)), p)
	}
	c.behavior(at(path, "scaleOut"), s.ScaleOut)
	c.behavior(at(path, "scaleIn"), s.ScaleIn)
	if n := s.OnMissingData.AtLeast; n > max(s.MaxCapacity, 0) {
		c.add(at(path, "onMissingData"), "lower atLeast or raise maxCapacity", "atLeast %d is above maxCapacity %d", n, s.MaxCapacity)
	}
	if len(s.Alarms) > MaxAlarms {
		c.add(at(path, "alarms"), "alarms on metrics the policies read need not be listed", "%d alarms are more than %d", len(s.Alarms), MaxAlarms)
	}
	for i, a := range s.Alarms {
		if a == "" || len(a) > 255 {
			c.add(at(path, "alarms", strconv.Itoa(i)), "give the alarm's name, 1 to 255 characters", "alarm name %q is not valid", a)
		}
	}
}

func (c *checker) bounds(path []string, s Service) {
	switch {
	case s.MinCapacity < 0:
		c.add(at(path, "minCapacity"), "use 1 or more tasks", "minCapacity %d is below 0", s.MinCapacity)
	case s.MinCapacity == 0 && onlyServiceMetrics(s.Policies):
		c.add(at(path, "minCapacity"), "set minCapacity to 1 or more",
			"minCapacity 0 with only ECS utilisation metrics can never scale out again: ECS publishes none at zero tasks")
	case s.MinCapacity == 0 && blindAtZero(s.Policies):
		c.add(at(path, "minCapacity"), "set minCapacity to 1 or more, or add a policy with targetPerTask",
			"minCapacity 0 with only averages over the tasks can never scale out again: at zero tasks there is no average")
	}
	switch {
	case s.MaxCapacity < 1:
		c.add(at(path, "maxCapacity"), "set the largest count of tasks you are ready to pay for", "maxCapacity %d is below 1", s.MaxCapacity)
	case s.MaxCapacity > MaxTasks:
		c.add(at(path, "maxCapacity"), "the ECS quota is "+strconv.Itoa(MaxTasks)+" tasks a service", "maxCapacity %d is above %d", s.MaxCapacity, MaxTasks)
	case s.MinCapacity > s.MaxCapacity:
		c.add(at(path, "minCapacity"), "lower minCapacity or raise maxCapacity", "minCapacity %d is above maxCapacity %d", s.MinCapacity, s.MaxCapacity)
	}
}

func onlyServiceMetrics(ps []Policy) bool {
	for _, p := range ps {
		if t := p.TargetTracking; t != nil && t.Metric != nil && t.Metric.Namespace != "AWS/ECS" {
			return false
		}
	}
	return true
}

// blindAtZero tells whether no policy can see demand while no task runs: only a
// total of a metric that is not ECS's own shows it.
func blindAtZero(ps []Policy) bool {
	for _, p := range ps {
		if t := p.TargetTracking; t != nil && t.Metric != nil && t.Metric.Namespace != "AWS/ECS" && t.TargetPerTask > 0 {
			return false
		}
	}
	return true
}

func (c *checker) policy(path []string, p Policy) {
	if p.TargetTracking == nil {
		c.add(path, "write targetTracking: {predefinedMetric: "+CPUUtilization+", targetValue: 60}", "the policy has no type")
		return
	}
	c.targetTracking(at(path, "targetTracking"), *p.TargetTracking)
}

func (c *checker) targetTracking(path []string, t TargetTracking) {
	switch {
	case (t.PredefinedMetric == "") == (t.Metric == nil):
		c.add(path, "keep one of the two", "predefinedMetric and metric: %s", errNotOne)
	case t.Metric != nil:
		c.metric(at(path, "metric"), *t.Metric)
	case t.PredefinedMetric != CPUUtilization && t.PredefinedMetric != MemoryUtilization:
		c.add(at(path, "predefinedMetric"), "use "+CPUUtilization+" or "+MemoryUtilization, "predefinedMetric %q is not known", t.PredefinedMetric)
	}
	if t.PredefinedMetric != "" && t.TargetPerTask != 0 {
		c.add(at(path, "targetPerTask"), "use targetValue, in percent", "a predefined metric is an average over the tasks, not a total")
	}
	if (t.TargetValue == 0) == (t.TargetPerTask == 0) {
		c.add(path, "keep one of the two, above 0", "targetValue and targetPerTask: %s", errNotOne)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"targetValue", t.TargetValue}, {"targetPerTask", t.TargetPerTask}} {
		if v.value < 0 || math.IsNaN(v.value) || v.value > 1e15 {
			c.add(at(path, v.name), "use a number above 0", "%s %v is out of range", v.name, v.value)
		}
	}
	if t.PredefinedMetric == CPUUtilization || t.PredefinedMetric == MemoryUtilization {
		if t.TargetValue > 100 {
			c.add(at(path, "targetValue"), "use a percentage between 1 and 100", "targetValue %v is above 100 %%", t.TargetValue)
		}
	}
}

func (c *checker) metric(path []string, m Metric) {
	if m.Namespace == "" || len(m.Namespace) > 255 {
		c.add(at(path, "namespace"), "give the CloudWatch namespace", "namespace %q is not valid", m.Namespace)
	}
	if m.Name == "" || len(m.Name) > 255 {
		c.add(at(path, "name"), "give the CloudWatch metric name", "name %q is not valid", m.Name)
	}
	if len(m.Dimensions) > 30 {
		c.add(at(path, "dimensions"), "CloudWatch allows 30", "%d dimensions are more than 30", len(m.Dimensions))
	}
	if m.Statistic != "" && !statistic.MatchString(m.Statistic) {
		c.add(at(path, "statistic"), "use Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99", "statistic %q is not known", m.Statistic)
	}
	p := time.Duration(m.Period)
	if p != 0 && p != 10*time.Second && p != 20*time.Second && p != 30*time.Second && (p < time.Minute || p%time.Minute != 0 || p > time.Hour) {
		c.add(at(path, "period"), "use 10s, 20s, 30s or whole minutes up to 1h", "period %s is not one CloudWatch offers", m.Period)
	}
}

func (c *checker) behavior(path []string, b Behavior) {
	if b.Tolerance != nil && (*b.Tolerance < 0 || *b.Tolerance > 0.9) {
		c.add(at(path, "tolerance"), "use 0% to 90%", "tolerance %s is out of range", *b.Tolerance)
	}
	if b.Cooldown != nil && (*b.Cooldown < 0 || time.Duration(*b.Cooldown) > 24*time.Hour) {
		c.add(at(path, "cooldown"), "use 0s to 24h", "cooldown %s is out of range", *b.Cooldown)
	}
	if b.StabilizationWindow != nil && (*b.StabilizationWindow < 0 || time.Duration(*b.StabilizationWindow) > time.Hour) {
		c.add(at(path, "stabilizationWindow"), "use 0s to 1h", "stabilizationWindow %s is out of range", *b.StabilizationWindow)
	}
}

// Rows gives the document as one policy per target with the document's mode
// folded in, so that each ledger row stands alone.
func (d Document) Rows() (services map[fleet.ServiceName]Service, groups map[fleet.GroupName]Group) {
	services, groups = map[fleet.ServiceName]Service{}, map[fleet.GroupName]Group{}
	for _, n := range sortedKeys(d.Services) {
		s := d.Services[n]
		s.Mode = fold(d.Mode, s.Mode)
		services[n] = s
	}
	for _, n := range sortedKeys(d.Groups) {
		g := d.Groups[n]
		g.Mode = fold(d.Mode, g.Mode)
		groups[n] = g
	}
	return services, groups
}

// fold narrows: a target without a mode of its own takes the document's.
func fold(doc, own Mode) Mode {
	if own == "" {
		own = doc
	}
	return Least(doc, own)
}
