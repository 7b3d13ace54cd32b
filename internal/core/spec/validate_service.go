package spec

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

func (c *checker) service(path []string, s Service) {
	c.mode(at(path, "mode"), s.Mode)
	c.bounds(path, s)
	switch {
	case s.FallbackFor != nil:
		c.fallback(path, s)
	case len(s.Policies) == 0:
		c.add(at(path, "policies"), "add a targetTracking policy", "the service has no scaling policy")
	}
	if len(s.Policies) > MaxPolicies {
		c.add(at(path, "policies"), "remove the ones that never bind", "%d policies are more than %d", len(s.Policies), MaxPolicies)
	}
	for i, p := range s.Policies {
		c.policy(at(path, "policies", strconv.Itoa(i)), s, p)
	}
	c.names(path, s)
	c.reads(path, s)
	c.scheduled(path, s)
	c.scaleOut(at(path, "scaleOut"), s.ScaleOut)
	c.scaleIn(at(path, "scaleIn"), s.ScaleIn)
	c.missing(at(path, "onMissingData"), s.OnMissingData, s.MaxCapacity)
	if s.Activation != nil {
		c.activation(at(path, "activation"), s)
	}
	c.guards(path, s)
	if r := s.RepairsPerHour; r != nil && (*r < 0 || *r > MaxRepairs) {
		c.add(at(path, "repairsPerHour"), "use 0 to "+strconv.Itoa(MaxRepairs), "repairsPerHour %d is out of range", *r)
	}
	c.alarms(path, s.Alarms)
}

var alarmARN = regexp.MustCompile(`^arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:(.+)$`)

func (c *checker) alarms(path []string, alarms []string) {
	if len(alarms) > MaxAlarms {
		c.add(at(path, "alarms"), "alarms on metrics the policies read need not be listed", "%d alarms are more than %d", len(alarms), MaxAlarms)
	}
	for i, a := range alarms {
		within := at(path, "alarms", strconv.Itoa(i))
		switch arn := alarmARN.FindStringSubmatch(a); {
		case a == "" || len(a) > 255:
			c.add(within, "give the alarm's name, 1 to 255 characters", "alarm name %q is not valid", a)
		case arn != nil:
			c.add(within, "give the alarm's name alone: "+arn[1], "alarm name %q is an ARN", a)
		case slices.Contains(alarms[:i], a):
			c.add(within, "keep one of the two", "alarm name %q is given twice", a)
		}
	}
}

func (c *checker) missing(path []string, o OnMissing, most int) {
	if o.AtLeast > max(most, 0) {
		c.add(path, "lower atLeast or raise maxCapacity", "atLeast %d is above maxCapacity %d", o.AtLeast, most)
	}
}

// names refuses two parts of one kind with one name: decisions and --set would
// not tell them apart.
func (c *checker) names(path []string, s Service) {
	policies := each(s.Policies, func(p Policy) string { return p.Name })
	scheduled := each(s.Scheduled, func(w Scheduled) string { return w.Name })
	vetoes := each(s.Vetoes, func(v Veto) string { return v.Name })
	constraints := each(s.Constraints, func(v Constraint) string { return v.Name })
	c.unique(at(path, "policies"), policies)
	c.labels(at(path, "policies"), s.Policies)
	c.unique(at(path, "scheduled"), scheduled)
	c.unique(at(path, "vetoes"), vetoes)
	c.unique(at(path, "constraints"), constraints)
	c.called(at(path, "scheduled"), scheduled)
	c.called(at(path, "vetoes"), vetoes)
	c.called(at(path, "constraints"), constraints)
}

func each[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = name(v)
	}
	return out
}

// unique refuses a name that is given twice in a list, or too long.
func (c *checker) unique(path, names []string) {
	seen := map[string]bool{}
	for i, v := range names {
		if v != "" && seen[v] {
			c.add(at(path, strconv.Itoa(i), "name"), "give each a name of its own", "name %q is given twice", v)
		}
		seen[v] = true
		if utf8.RuneCountInString(v) > 64 {
			c.add(at(path, strconv.Itoa(i), "name"), "use 1 to 64 characters", "name %q is too long", v)
		}
	}
}

// called wants every name of a list to be given.
func (c *checker) called(path, names []string) {
	for i, v := range names {
		if v == "" {
			c.add(at(path, strconv.Itoa(i), "name"), "give it a short name: decisions speak of it", "name is missing")
		}
	}
}

// labels refuses two policies that go by one name, where one has it from its metric:
// what was seen, the reason and what would change it could not be told apart.
func (c *checker) labels(path []string, policies []Policy) {
	first := map[string]int{}
	for i, p := range policies {
		label := p.Label()
		other, twice := first[label]
		if !twice {
			first[label] = i
		}
		if twice && label != "" && (p.Name == "" || policies[other].Name == "") {
			c.add(at(path, strconv.Itoa(i), "name"), "give each a name", "the policies %d and %d are both called %q", other, i, label)
		}
	}
}

// waysToZero are the ways to minCapacity 0, of the service and of a window.
const waysToZero = "set minCapacity to 1 or more, or add what sees demand at zero tasks: a backlog, a concurrency policy, " +
	"a targetTracking policy with targetPerTask on a metric that ECS does not publish, or activation.wake"

func (c *checker) bounds(path []string, s Service) {
	switch {
	case s.MinCapacity < 0:
		c.add(at(path, "minCapacity"), "use 1 or more tasks", "minCapacity %d is below 0", s.MinCapacity)
	case s.MinCapacity == 0 && !s.wakes(onlyService):
		c.add(at(path, "minCapacity"), waysToZero, "minCapacity 0 with only ECS utilisation metrics can never scale out again: ECS publishes none at zero tasks")
	case s.MinCapacity == 0 && !s.wakes(blind):
		c.add(at(path, "minCapacity"), waysToZero, "minCapacity 0 with only averages over the tasks can never scale out again: at zero tasks there is no average")
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

// How a policy cannot see demand while no task runs.
type sight int

const (
	seesAtZero  sight = iota // a total, or a queue
	onlyService              // ECS's own metric, published by running tasks alone
	blind                    // an average over the tasks
)

// wakes tells whether a policy or a wake signal is less blind than the given.
func (s Service) wakes(than sight) bool {
	if s.FallbackFor != nil {
		return true // the policies of the other service see for it
	}
	if s.Activation != nil && len(s.Activation.Wake) > 0 {
		return true
	}
	for _, p := range s.Policies {
		if v := p.sight(); v == seesAtZero || than == onlyService && v == blind {
			return true
		}
	}
	return false
}

// SeesAtZero tells whether the policy can see demand while no task runs.
func (p Policy) SeesAtZero() bool { return p.sight() == seesAtZero }

func (p Policy) sight() sight {
	ecs := func(predefined string, m *Metric) bool {
		return predefined != "" && predefined != ALBRequestCountPerTarget || m != nil && m.ofTasks()
	}
	switch {
	case p.Backlog != nil:
		return seesAtZero
	case p.Concurrency != nil && p.Concurrency.Metric.ofTasks():
		return onlyService
	case p.Concurrency != nil:
		return seesAtZero
	case p.TargetTracking != nil:
		t := p.TargetTracking
		switch {
		case ecs(t.PredefinedMetric, t.Metric) || t.Metric == nil && t.PredefinedMetric == "":
			return onlyService
		case t.PredefinedMetric != "", t.TargetPerTask == 0:
			// A load balancer counts requests only where it could choose a target.
			return blind
		}
		return seesAtZero
	case p.StepScaling != nil:
		// A step adds to a count, and percent of nothing is nothing; ECS's own is blind in any case.
		if ecs(p.StepScaling.PredefinedMetric, p.StepScaling.Metric) {
			return onlyService
		}
		return blind
	}
	return onlyService
}

func (c *checker) activation(path []string, s Service) {
	if s.MinCapacity != 0 && !slices.ContainsFunc(s.Scheduled, func(w Scheduled) bool { return w.MinCapacity != nil && *w.MinCapacity == 0 }) {
		c.add(path, "set minCapacity to 0, or that of a window, or remove activation", "activation needs minCapacity 0, it is %d and 0 in no window", s.MinCapacity)
	}
	if d := s.Activation.CoolOff; d != nil && (time.Duration(*d) < time.Minute || time.Duration(*d) > 24*time.Hour) {
		c.add(at(path, "coolOff"), "use 1m to 24h", "coolOff %s is out of range", *d)
	}
	c.few(at(path, "wake"), len(s.Activation.Wake))
	for i, w := range s.Activation.Wake {
		within := at(path, "wake", strconv.Itoa(i))
		c.metric(at(within, "metric"), w.Metric)
		if w.Metric.ofTasks() {
			c.add(at(within, "metric"), "use a metric that is published at zero tasks", "ECS publishes no metric at zero tasks")
		}
		c.finite(at(within, "above"), "above", w.Above, 0, 1e15)
	}
}

func (c *checker) few(path []string, n int) {
	if n > MaxEntries {
		c.add(path, "keep the ones that matter", "%d entries are more than %d", n, MaxEntries)
	}
}

// finite wants a number in [least, most].
func (c *checker) finite(path []string, name string, v, least, most float64) {
	if math.IsNaN(v) || v < least || v > most {
		c.add(path, "use a number from "+plain(least)+" to "+plain(most), "%s %v is out of range", name, v)
	}
}

// positive wants a number in (0, most].
func (c *checker) positive(path []string, name string, v, most float64) {
	if math.IsNaN(v) || v <= 0 || v > most {
		c.add(path, "use a number above 0, at most "+plain(most), "%s %v is out of range", name, v)
	}
}

func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// guards checks what limits a service from outside: vetoes, constraints, spend.
func (c *checker) guards(path []string, s Service) {
	c.few(at(path, "vetoes"), len(s.Vetoes))
	for i, v := range s.Vetoes {
		c.veto(at(path, "vetoes", strconv.Itoa(i)), v)
	}
	c.few(at(path, "constraints"), len(s.Constraints))
	least, of := s.highestMin()
	for i, v := range s.Constraints {
		within := at(path, "constraints", strconv.Itoa(i))
		c.positive(at(within, "perTask"), "perTask", v.PerTask, 1e15)
		c.positive(at(within, "atMost"), "atMost", v.AtMost, 1e15)
		if n := v.Tasks(); v.PerTask > 0 && n < least {
			c.add(within, "lower minCapacity or perTask, or raise atMost", "atMost %v allows %d tasks, fewer than minCapacity %d%s", v.AtMost, n, least, of)
		}
	}
	if v := s.Spend; v != nil {
		within := at(path, "spend")
		c.positive(at(within, "taskHour"), "taskHour", v.TaskHour, 1e6)
		c.finite(at(within, "atMostPerHour"), "atMostPerHour", v.AtMostPerHour, 0, 1e9)
		if n, capped := v.Tasks(); v.TaskHour > 0 && capped && n < least {
			c.add(within, "lower minCapacity, or raise atMostPerHour", "atMostPerHour %v pays for %d tasks, fewer than minCapacity %d%s", v.AtMostPerHour, n, least, of)
		}
	}
}

// highestMin gives the highest minCapacity of the service and its windows, and the
// words for where it stands.
func (s Service) highestMin() (count int, of string) {
	count = s.MinCapacity
	for _, w := range s.Scheduled {
		if n := w.MinCapacity; n != nil && *n > count {
			count, of = *n, fmt.Sprintf(" of the window %q", w.Name)
		}
	}
	return count, of
}

// Tasks gives the most tasks that the constraint allows.
func (v Constraint) Tasks() int { return whole(v.AtMost / v.PerTask) }

// Tasks gives the most tasks that the service's own cap pays for; capped is
// false where it has none.
func (v Spend) Tasks() (n int, capped bool) {
	if !(v.AtMostPerHour > 0) {
		return 0, false
	}
	return whole(v.AtMostPerHour / v.TaskHour), true
}

// whole rounds down to tasks. The small allowance keeps 0.3/0.1, which is
// 2.9999999999999996 in binary, at 3. What is no number allows none.
func whole(v float64) int {
	if !(v > 0) {
		return 0
	}
	return int(math.Floor(min(v, 1<<30) * (1 + 1e-12)))
}

func (c *checker) veto(path []string, v Veto) {
	c.metric(at(path, "metric"), v.Metric)
	c.oneOf(path, "above", v.Above != nil, "below", v.Below != nil)
	if v.Above != nil {
		c.finite(at(path, "above"), "above", *v.Above, -1e15, 1e15)
	}
	if v.Below != nil {
		c.finite(at(path, "below"), "below", *v.Below, -1e15, 1e15)
	}
	if d := v.Lookback; d != nil && (time.Duration(*d) < time.Minute || time.Duration(*d) > time.Hour) {
		c.add(at(path, "lookback"), "use 1m to 1h", "lookback %s is out of range", *d)
	}
	if t := v.TreatMissingData; t != "" {
		c.oneWord(at(path, "treatMissingData"), "treatMissingData", t, Breaching, NotBreaching)
	}
}

// reads bounds what CloudWatch bills for one look at the service: every metric,
// and of metric math every input.
func (c *checker) reads(path []string, s Service) {
	n := 0
	for _, p := range s.Policies {
		n += p.reads()
	}
	for _, v := range s.Vetoes {
		n += v.Metric.reads()
	}
	if s.Activation != nil {
		for _, w := range s.Activation.Wake {
			n += w.Metric.reads()
		}
	}
	if n > MaxReads {
		c.add(at(path, "policies"), "CloudWatch bills every metric of every look: keep the ones that matter", "the service would read %d metrics, more than %d", n, MaxReads)
	}
}

func (m Metric) reads() int { return max(1, len(m.Metrics)) }

func (p Policy) reads() int {
	var read []*Metric
	switch {
	case p.TargetTracking != nil:
		read = append(read, p.TargetTracking.Metric)
	case p.StepScaling != nil:
		read = append(read, p.StepScaling.Metric)
	case p.Backlog != nil && p.Backlog.Metrics != nil:
		m := p.Backlog.Metrics
		read = append(read, &m.Backlog, &m.Arrivals, m.Completions, m.OldestAge)
	case p.Backlog != nil:
		return 4 // the metrics of an SQS queue
	case p.Concurrency != nil:
		read = append(read, &p.Concurrency.Metric)
	}
	n := 0
	for _, m := range read {
		if m != nil {
			n += m.reads()
		}
	}
	return max(n, 1) // a predefined metric
}
