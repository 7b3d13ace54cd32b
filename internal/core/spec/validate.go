package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
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
	// MaxEntries bounds the windows, vetoes, constraints and wake signals of a service.
	MaxEntries = 20
	// MaxLimits bounds the rate limits of a direction and the removal budgets.
	MaxLimits = 5
	// MaxSteps is Application Auto Scaling's limit of step adjustments.
	MaxSteps = 20
	// MaxInputs bounds the metrics of one expression.
	MaxInputs = 10
	// MaxReads bounds the CloudWatch metrics that one service reads.
	MaxReads = 30
	// MaxRepairs bounds the repairs an hour: the history remembers ten foreign counts.
	MaxRepairs = 9
	// MaxShares bounds the services that one group's headroom names.
	MaxShares = 50
	// MaxInstances bounds a count of instances that a person gives.
	MaxInstances = 5000
	// MaxTasks is the ECS quota of tasks per service.
	MaxTasks = 5000
)

var statistic = regexp.MustCompile(`^(Average|Sum|SampleCount|Minimum|Maximum|p[0-9]{1,2}(\.[0-9]{1,2})?)$`)

type checker struct {
	problems []Problem
	zones    calendar.Zones // of the windows so far: 20000 of them may name a handful
}

func (c *checker) add(path []string, remedy, format string, args ...any) {
	p := make([]string, len(path))
	copy(p, path)
	c.problems = append(c.problems, Problem{Path: p, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func at(path []string, more ...string) []string {
	return slices.Concat(path, more)
}

// Validate returns every problem of the document, in the order of its parts.
func (d Document) Validate() []Problem {
	c := &checker{}
	if !isECSName(string(d.Cluster)) {
		c.add([]string{"cluster"}, ecsNameRemedy("cluster", string(d.Cluster)), "cluster %q is not an ECS cluster name", d.Cluster)
	}
	c.mode([]string{"mode"}, d.Mode)
	if len(d.Services) == 0 && len(d.Groups) == 0 {
		c.add([]string{"services"}, "name at least one service with its policies", "the document sizes nothing: it has neither services nor groups")
	}
	if len(d.Services) > MaxServices {
		c.add([]string{"services"}, "split the cluster's services over several Trimtab deployments", "%d services are more than %d", len(d.Services), MaxServices)
	}
	if len(d.Groups) > MaxGroups {
		c.add([]string{"groups"}, "name only groups of this cluster", "%d groups are more than %d", len(d.Groups), MaxGroups)
	}
	for _, n := range sortedKeys(d.Services) {
		path := []string{"services", string(n)}
		if !isECSName(string(n)) {
			c.add(path, ecsNameRemedy("service", string(n)), "%q is not an ECS service name", n)
		}
		c.service(path, d.Services[n])
	}
	c.pairs(d)
	for _, n := range sortedKeys(d.Groups) {
		path := []string{"groups", string(n)}
		if !isGroupName(string(n)) {
			c.add(path, "give the name of the Auto Scaling group, not its ARN", "%q is not an Auto Scaling group name", n)
		}
		c.group(path, d.Groups[n])
	}
	c.fallbacks(d.Groups)
	return c.problems
}

// ecsNameRemedy says what to write in place of a name: most often it is an ARN.
func ecsNameRemedy(kind, name string) string {
	if name == "" || strings.ContainsAny(name, ":/") {
		return "give the short name of the ECS " + kind + ", not its ARN"
	}
	return "use letters, digits, hyphens and underscores, at most 255: the name as ECS has it"
}

// Validate returns every problem of one service's policy, with paths that
// begin at the service. The Lambda checks what it reads from the ledger again.
func (s Service) Validate() []Problem {
	c := &checker{}
	c.service(nil, s)
	return c.problems
}

// Validate returns every problem of one group's policy, with paths that begin at
// the group.
func (g Group) Validate() []Problem {
	c := &checker{}
	c.group(nil, g)
	return c.problems
}

func (c *checker) mode(path []string, m Mode) {
	if m != "" {
		c.oneWord(path, "mode", string(m), string(Observe), string(Act))
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
