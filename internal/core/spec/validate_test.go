package spec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// service is a policy without fault: CPU at 60 %, 2 to 60 tasks.
func service() spec.Service {
	return spec.Service{MinCapacity: 2, MaxCapacity: 60, Policies: []spec.Policy{cpu(60)}}
}

func cpu(target float64) spec.Policy {
	return tracking(spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: target})
}

func tracking(t spec.TargetTracking) spec.Policy { return spec.Policy{TargetTracking: &t} }

// custom is a policy on a metric of the user's own, a total over the service.
func custom(edit func(*spec.Metric)) spec.Policy {
	m := spec.Metric{Namespace: "App", Name: "InFlight"}
	edit(&m)
	return tracking(spec.TargetTracking{Metric: &m, TargetPerTask: 40})
}

func document() spec.Document {
	return spec.Document{Cluster: "prod", Services: map[fleet.ServiceName]spec.Service{"checkout": service()}}
}

func problem(path, message, remedy string) spec.Problem {
	return spec.Problem{Path: strings.Fields(path), Message: message, Remedy: remedy}
}

func targetProblem(kind, name, message, remedy string) spec.Problem {
	return spec.Problem{Path: []string{kind, name}, Message: message, Remedy: remedy}
}

// waysToZero and asECS are remedies that several problems have.
const (
	waysToZero = "set minCapacity to 1 or more, or add what sees demand at zero tasks: a backlog, a concurrency policy, " +
		"a targetTracking policy with targetPerTask on a metric that ECS does not publish, or activation.wake"
	asECS = "use letters, digits, hyphens and underscores, at most 255: the name as ECS has it"
)

// named gives each policy a name of its own.
func named(ps []spec.Policy) []spec.Policy {
	for i := range ps {
		ps[i].Name = fmt.Sprint("p", i)
	}
	return ps
}

// labels are n different names.
func labels(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("a", i))
	}
	return out
}

func services(n int) map[fleet.ServiceName]spec.Service {
	out := map[fleet.ServiceName]spec.Service{}
	for i := range n {
		out[fleet.ServiceName(fmt.Sprintf("s%d", i))] = service()
	}
	return out
}

func groups(n int) map[fleet.GroupName]spec.Group {
	out := map[fleet.GroupName]spec.Group{}
	for i := range n {
		out[fleet.GroupName(fmt.Sprintf("g%d", i))] = spec.Group{}
	}
	return out
}

func TestValidateDocument(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	called := func(n fleet.ServiceName) func(*spec.Document) {
		return func(d *spec.Document) { d.Services = map[fleet.ServiceName]spec.Service{n: service()} }
	}
	grouped := func(n fleet.GroupName, g spec.Group) func(*spec.Document) {
		return func(d *spec.Document) { d.Groups = map[fleet.GroupName]spec.Group{n: g} }
	}
	tests := []struct {
		name string
		edit func(*spec.Document)
		want []spec.Problem
	}{
		{"no fault", func(*spec.Document) {}, nil},
		{"no cluster", func(d *spec.Document) { d.Cluster = "" }, []spec.Problem{
			problem("cluster", `cluster "" is not an ECS cluster name`, "give the short name of the ECS cluster, not its ARN"),
		}},
		{"cluster by ARN", func(d *spec.Document) { d.Cluster = "arn:aws:ecs:eu-west-1:1:cluster/prod" }, []spec.Problem{
			problem("cluster", `cluster "arn:aws:ecs:eu-west-1:1:cluster/prod" is not an ECS cluster name`, "give the short name of the ECS cluster, not its ARN"),
		}},
		{"cluster of 255 characters", func(d *spec.Document) { d.Cluster = fleet.ClusterName(long[1:]) }, nil},
		{"cluster of 256 characters", func(d *spec.Document) { d.Cluster = fleet.ClusterName(long) }, []spec.Problem{
			problem("cluster", fmt.Sprintf("cluster %q is not an ECS cluster name", long), asECS),
		}},
		{"mode act", func(d *spec.Document) { d.Mode = spec.Act }, nil},
		{"mode unknown", func(d *spec.Document) { d.Mode = "dry-run" }, []spec.Problem{
			problem("mode", `mode "dry-run" is not known`, "write observe or act"),
		}},
		{"nothing to size", func(d *spec.Document) { d.Services = nil }, []spec.Problem{
			problem("services", "the document sizes nothing: it has neither services nor groups", "name at least one service with its policies"),
		}},
		{"groups alone", func(d *spec.Document) { d.Services, d.Groups = nil, groups(1) }, nil},
		{"1000 services", func(d *spec.Document) { d.Services = services(spec.MaxServices) }, nil},
		{"1001 services", func(d *spec.Document) { d.Services = services(spec.MaxServices + 1) }, []spec.Problem{
			problem("services", "1001 services are more than 1000", "split the cluster's services over several Trimtab deployments"),
		}},
		{"50 groups", func(d *spec.Document) { d.Groups = groups(spec.MaxGroups) }, nil},
		{"51 groups", func(d *spec.Document) { d.Groups = groups(spec.MaxGroups + 1) }, []spec.Problem{
			problem("groups", "51 groups are more than 50", "name only groups of this cluster"),
		}},
		{"service name with a slash", called("prod/checkout"), []spec.Problem{
			problem("services prod/checkout", `"prod/checkout" is not an ECS service name`, "give the short name of the ECS service, not its ARN"),
		}},
		{"service name of 255 characters", called(fleet.ServiceName(long[1:])), nil},
		{"service name of 256 characters", called(fleet.ServiceName(long)), []spec.Problem{
			problem("services "+long, fmt.Sprintf("%q is not an ECS service name", long), asECS),
		}},
		{"service name with a space", called("my service"), []spec.Problem{targetProblem("services", "my service", `"my service" is not an ECS service name`, asECS)}},
		{"group name with spaces and slashes", grouped("team/a b", spec.Group{}), nil},
		{"group by ARN", grouped("arn:aws:autoscaling", spec.Group{}), []spec.Problem{
			problem("groups arn:aws:autoscaling", `"arn:aws:autoscaling" is not an Auto Scaling group name`, "give the name of the Auto Scaling group, not its ARN"),
		}},
		{"group name of 255 characters", grouped(fleet.GroupName(long[1:]), spec.Group{}), nil},
		{"group name of 256 characters", grouped(fleet.GroupName(long), spec.Group{}), []spec.Problem{
			problem("groups "+long, fmt.Sprintf("%q is not an Auto Scaling group name", long), "give the name of the Auto Scaling group, not its ARN"),
		}},
		{"mode of a group", grouped("m7g", spec.Group{Mode: "on"}), []spec.Problem{
			problem("groups m7g mode", `mode "on" is not known`, "write observe or act"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := document()
			tt.edit(&d)
			if diff := cmp.Diff(tt.want, d.Validate()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateService(t *testing.T) {
	t.Parallel()
	ecsOnly := problem("minCapacity", "minCapacity 0 with only ECS utilisation metrics can never scale out again: ECS publishes none at zero tasks", waysToZero)
	averages := problem("minCapacity", "minCapacity 0 with only averages over the tasks can never scale out again: at zero tasks there is no average",
		waysToZero)
	latency := tracking(spec.TargetTracking{Metric: &spec.Metric{Namespace: "App", Name: "Latency"}, TargetValue: 40})
	bounds := func(low, high int) func(*spec.Service) {
		return func(s *spec.Service) { s.MinCapacity, s.MaxCapacity = low, high }
	}
	idle := func(ps ...spec.Policy) func(*spec.Service) {
		return func(s *spec.Service) { s.MinCapacity, s.Policies = 0, ps }
	}
	alarms := func(names ...string) func(*spec.Service) { return func(s *spec.Service) { s.Alarms = names } }
	tests := []struct {
		name string
		edit func(*spec.Service)
		want []spec.Problem
	}{
		{"no fault", func(*spec.Service) {}, nil},
		{"mode", func(s *spec.Service) { s.Mode = "ACT" }, []spec.Problem{problem("mode", `mode "ACT" is not known`, "did you mean act? Write observe or act")}},

		{"one task, no more, no fewer", bounds(1, 1), nil},
		{"5000 tasks", bounds(1, spec.MaxTasks), nil},
		{"5001 tasks", bounds(1, spec.MaxTasks+1), []spec.Problem{
			problem("maxCapacity", "maxCapacity 5001 is above 5000", "the ECS quota is 5000 tasks a service"),
		}},
		{"min above max", bounds(3, 2), []spec.Problem{
			problem("minCapacity", "minCapacity 3 is above maxCapacity 2", "lower minCapacity or raise maxCapacity"),
		}},
		{"no max", bounds(1, 0), []spec.Problem{
			problem("maxCapacity", "maxCapacity 0 is below 1", "set the largest count of tasks you are ready to pay for"),
		}},
		{"both below zero", bounds(-1, -1), []spec.Problem{
			problem("minCapacity", "minCapacity -1 is below 0", "use 1 or more tasks"),
			problem("maxCapacity", "maxCapacity -1 is below 1", "set the largest count of tasks you are ready to pay for"),
		}},
		{"idle with CPU only", idle(cpu(60)), []spec.Problem{ecsOnly}},
		{"idle with a total of ECS's own", idle(custom(func(m *spec.Metric) { m.Namespace = "AWS/ECS" })), []spec.Problem{ecsOnly}},
		{"idle with an average of the user's own", idle(latency), []spec.Problem{averages}},
		{"idle with CPU and an average", idle(cpu(60), latency), []spec.Problem{averages}},
		{"idle with a total of the user's own", idle(custom(func(*spec.Metric) {})), nil},
		{"idle with CPU and a total", idle(cpu(60), custom(func(*spec.Metric) {})), nil},

		{"no policy", func(s *spec.Service) { s.Policies = nil }, []spec.Problem{
			problem("policies", "the service has no scaling policy", "add a targetTracking policy"),
		}},
		{"10 policies", func(s *spec.Service) { s.Policies = named(slices.Repeat([]spec.Policy{cpu(60)}, spec.MaxPolicies)) }, nil},
		{"11 policies", func(s *spec.Service) { s.Policies = named(slices.Repeat([]spec.Policy{cpu(60)}, spec.MaxPolicies+1)) }, []spec.Problem{
			problem("policies", "11 policies are more than 10", "remove the ones that never bind"),
		}},
		{"a policy of no type", func(s *spec.Service) { s.Policies = append(s.Policies, spec.Policy{}) }, []spec.Problem{
			problem("policies 1", "the policy has no type: targetTracking, stepScaling, backlog and concurrency: exactly one must be set", "write targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}"),
		}},

		{"atLeast maxCapacity", func(s *spec.Service) { s.OnMissingData.AtLeast = 60 }, nil},
		{"atLeast above maxCapacity", func(s *spec.Service) { s.OnMissingData.AtLeast = 61 }, []spec.Problem{
			problem("onMissingData", "atLeast 61 is above maxCapacity 60", "lower atLeast or raise maxCapacity"),
		}},
		{"atLeast maxCapacity for one policy", func(s *spec.Service) { s.Policies[0].OnMissingData = &spec.OnMissing{AtLeast: 60} }, nil},
		{"atLeast above maxCapacity for one policy", func(s *spec.Service) { s.Policies[0].OnMissingData = &spec.OnMissing{AtLeast: 61} }, []spec.Problem{
			problem("policies 0 onMissingData", "atLeast 61 is above maxCapacity 60", "lower atLeast or raise maxCapacity"),
		}},
		{"no repairs", func(s *spec.Service) { s.RepairsPerHour = new(0) }, nil},
		{"9 repairs", func(s *spec.Service) { s.RepairsPerHour = new(9) }, nil},
		{"10 repairs", func(s *spec.Service) { s.RepairsPerHour = new(10) }, []spec.Problem{problem("repairsPerHour", "repairsPerHour 10 is out of range", "use 0 to 9")}},
		{"fewer than no repairs", func(s *spec.Service) { s.RepairsPerHour = new(-1) }, []spec.Problem{problem("repairsPerHour", "repairsPerHour -1 is out of range", "use 0 to 9")}},

		{"50 alarms", alarms(labels(spec.MaxAlarms)...), nil},
		{"51 alarms", alarms(labels(spec.MaxAlarms + 1)...), []spec.Problem{
			problem("alarms", "51 alarms are more than 50", "alarms on metrics the policies read need not be listed"),
		}},
		{"an alarm of 255 characters", alarms(strings.Repeat("a", 255)), nil},
		{"an alarm of 256 characters", alarms("a", strings.Repeat("a", 256)), []spec.Problem{
			problem("alarms 1", fmt.Sprintf("alarm name %q is not valid", strings.Repeat("a", 256)), "give the alarm's name, 1 to 255 characters"),
		}},
		{"an alarm twice", alarms("a", "b", "a"), []spec.Problem{problem("alarms 2", `alarm name "a" is given twice`, "keep one of the two")}},
		{"an alarm by its ARN", alarms("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:high: cpu"), []spec.Problem{
			problem("alarms 0", `alarm name "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:high: cpu" is an ARN`, "give the alarm's name alone: high: cpu"),
		}},
		{"an alarm that begins like an ARN", alarms("arn:aws:sns:alarm:x"), nil},
		{"an alarm without name", alarms(""), []spec.Problem{
			problem("alarms 0", `alarm name "" is not valid`, "give the alarm's name, 1 to 255 characters"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := service()
			tt.edit(&s)
			if diff := cmp.Diff(tt.want, s.Validate()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateMetric(t *testing.T) {
	t.Parallel()
	const path = "policies 0 targetTracking metric"
	long := strings.Repeat("x", 256)
	dimensions := func(n int) map[string]string {
		out := map[string]string{}
		for i := range n {
			out[fmt.Sprintf("d%02d", i)] = "v"
		}
		return out
	}
	period := func(d time.Duration) func(*spec.Metric) {
		return func(m *spec.Metric) { m.Period = spec.Duration(d) }
	}
	noPeriod := func(s string) []spec.Problem {
		return []spec.Problem{problem(path+" period", "period "+s+" is not one CloudWatch offers", "use 10s, 20s, 30s or whole minutes up to 1h")}
	}
	noStatistic := func(s string) []spec.Problem {
		return []spec.Problem{problem(path+" statistic", fmt.Sprintf("statistic %q is not known", s), "use Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99")}
	}
	statistic := func(s string) func(*spec.Metric) { return func(m *spec.Metric) { m.Statistic = s } }
	tests := []struct {
		name string
		edit func(*spec.Metric)
		want []spec.Problem
	}{
		{"no namespace", func(m *spec.Metric) { m.Namespace = "" }, []spec.Problem{problem(path+" namespace", `namespace "" is not valid`, "give the CloudWatch namespace")}},
		{"a namespace of 255 characters", func(m *spec.Metric) { m.Namespace = long[1:] }, nil},
		{"a namespace of 256 characters", func(m *spec.Metric) { m.Namespace = long }, []spec.Problem{problem(path+" namespace", fmt.Sprintf("namespace %q is not valid", long), "give the CloudWatch namespace")}},
		{"no name", func(m *spec.Metric) { m.Name = "" }, []spec.Problem{problem(path+" name", `name "" is not valid`, "give the CloudWatch metric name")}},
		{"a name of 255 characters", func(m *spec.Metric) { m.Name = long[1:] }, nil},
		{"a name of 256 characters", func(m *spec.Metric) { m.Name = long }, []spec.Problem{problem(path+" name", fmt.Sprintf("name %q is not valid", long), "give the CloudWatch metric name")}},
		{"30 dimensions", func(m *spec.Metric) { m.Dimensions = dimensions(30) }, nil},
		{"31 dimensions", func(m *spec.Metric) { m.Dimensions = dimensions(31) }, []spec.Problem{problem(path+" dimensions", "31 dimensions are more than 30", "CloudWatch allows 30")}},
		{"a dimension without name", func(m *spec.Metric) { m.Dimensions = map[string]string{"": "v"} }, []spec.Problem{
			{Path: append(strings.Fields(path), "dimensions", ""), Message: `dimension name "" is not valid`, Remedy: "use 1 to 255 characters"},
		}},
		{"a dimension of 256 characters", func(m *spec.Metric) { m.Dimensions = map[string]string{long: "v"} }, []spec.Problem{
			problem(path+" dimensions "+long, fmt.Sprintf("dimension name %q is not valid", long), "use 1 to 255 characters"),
		}},
		{"a dimension without value", func(m *spec.Metric) { m.Dimensions = map[string]string{"Shard": ""} }, []spec.Problem{
			problem(path+" dimensions Shard", `dimension value "" is not valid`, "use 1 to 1024 characters"),
		}},
		{"long dimensions", func(m *spec.Metric) { m.Dimensions = map[string]string{long[1:]: strings.Repeat(long, 4)} }, nil},
		{"a dimension value of 1025 characters", func(m *spec.Metric) { m.Dimensions = map[string]string{"Shard": strings.Repeat(long, 4) + "x"} }, []spec.Problem{
			problem(path+" dimensions Shard", fmt.Sprintf("dimension value %q is not valid", strings.Repeat(long, 4)+"x"), "use 1 to 1024 characters"),
		}},
		{"statistic Average", statistic("Average"), nil},
		{"statistic Sum", statistic("Sum"), nil},
		{"statistic SampleCount", statistic("SampleCount"), nil},
		{"statistic Minimum", statistic("Minimum"), nil},
		{"statistic Maximum", statistic("Maximum"), nil},
		{"statistic p99", statistic("p99"), nil},
		{"statistic p99.95", statistic("p99.95"), nil},
		{"statistic average", statistic("average"), []spec.Problem{problem(path+" statistic", `statistic "average" is not known`,
			"did you mean Average? Use Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99")}},
		{"statistic p", statistic("p"), noStatistic("p")},
		{"statistic p999", statistic("p999"), noStatistic("p999")},
		{"statistic Sum and more", statistic("Sum\nAverage"), noStatistic("Sum\nAverage")},
		{"period 10s", period(10 * time.Second), nil},
		{"period 20s", period(20 * time.Second), nil},
		{"period 30s", period(30 * time.Second), nil},
		{"period 40s", period(40 * time.Second), noPeriod("40s")},
		{"period 59s", period(59 * time.Second), noPeriod("59s")},
		{"period 1m", period(time.Minute), nil},
		{"period 90s", period(90 * time.Second), noPeriod("1m30s")},
		{"period 1h", period(time.Hour), nil},
		{"period 1h1m", period(61 * time.Minute), noPeriod("1h1m")},
		{"period below zero", period(-time.Minute), noPeriod("-1m")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := service()
			s.Policies = []spec.Policy{custom(tt.edit)}
			if diff := cmp.Diff(tt.want, s.Validate()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every problem is told at once, in the order of the document's parts, targets
// sorted by name, each with the whole path.
func TestValidateTellsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	d := spec.Document{
		Cluster: "a b", Mode: "go",
		Services: map[fleet.ServiceName]spec.Service{
			"zebra": {
				Mode: "x", MinCapacity: -1, MaxCapacity: 9000,
				Policies: []spec.Policy{cpu(60), {}, tracking(spec.TargetTracking{})},
				ScaleOut: spec.ScaleOut{Cooldown: new(spec.Duration(-1))}, ScaleIn: spec.ScaleIn{Tolerance: new(spec.Percent(2))},
				Alarms: []string{""},
			},
			"a/b": {MinCapacity: 1, MaxCapacity: 1},
		},
		Groups: map[fleet.GroupName]spec.Group{"b:": {}, "a": {Mode: "y"}},
	}
	want := []string{
		"cluster", "mode", "services/a/b", "services/a/b/policies",
		"services/zebra/mode", "services/zebra/minCapacity", "services/zebra/maxCapacity", "services/zebra/policies/1",
		"services/zebra/policies/2/targetTracking", "services/zebra/policies/2/targetTracking",
		"services/zebra/scaleOut/cooldown", "services/zebra/scaleIn/tolerance", "services/zebra/alarms/0",
		"groups/a/mode", "groups/b:",
	}
	for range 20 { // the maps are walked in another order each time
		var got []string
		for _, p := range d.Validate() {
			got = append(got, strings.Join(p.Path, "/"))
			if p.Message == "" || p.Remedy == "" {
				t.Errorf("%v: message %q, remedy %q", p.Path, p.Message, p.Remedy)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

// The paths of problems do not share memory: whoever adds to one changes no other.
func TestPathsAreTheirOwn(t *testing.T) {
	t.Parallel()
	s := service()
	s.Policies = []spec.Policy{tracking(spec.TargetTracking{})}
	ps := s.Validate()
	if len(ps) != 2 {
		t.Fatalf("got %d problems, want 2: %v", len(ps), ps)
	}
	_ = append(ps[0].Path, "spoilt")
	ps[0].Path[0] = "spoilt"
	if got := strings.Join(ps[1].Path, "/"); got != "policies/0/targetTracking" {
		t.Errorf("the second path became %s", got)
	}
}

// A service's problems are the same, whether it is judged alone or in its document.
func TestServiceProblemsAreTheDocuments(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := service()
		s.MinCapacity, s.MaxCapacity = rapid.IntRange(-1, 3).Draw(t, "min"), rapid.IntRange(-1, 3).Draw(t, "max")
		s.Mode = rapid.SampledFrom([]spec.Mode{"", spec.Act, "x"}).Draw(t, "mode")
		s.OnMissingData.AtLeast = rapid.IntRange(0, 3).Draw(t, "atLeast")
		s.Policies = rapid.SliceOfN(rapid.SampledFrom([]spec.Policy{cpu(60), cpu(200), {}, tracking(spec.TargetTracking{})}), 0, 12).Draw(t, "policies")
		d := document()
		d.Services["checkout"] = s
		var want []spec.Problem
		for _, p := range s.Validate() {
			p.Path = append([]string{"services", "checkout"}, p.Path...)
			want = append(want, p)
		}
		if diff := cmp.Diff(want, d.Validate()); diff != "" {
			t.Fatalf("(-alone +document):\n%s", diff)
		}
	})
}
