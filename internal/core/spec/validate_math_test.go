package spec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestValidateExpression(t *testing.T) {
	t.Parallel()
	const path = "policies 0 targetTracking metric"
	inputs := func(n int) map[string]spec.MathInput {
		out := map[string]spec.MathInput{}
		for i := range n {
			out[fmt.Sprintf("m%d", i)] = spec.MathInput{Namespace: "App", Name: "N"}
		}
		return out
	}
	id := func(id string) func(*spec.Metric) {
		return func(m *spec.Metric) {
			m.Expression, m.Metrics = "m0 + "+id, map[string]spec.MathInput{"m0": {Namespace: "App", Name: "N"}, id: {Namespace: "App", Name: "N"}}
		}
	}
	noID := func(id string) []spec.Problem {
		return []spec.Problem{problem(path+" metrics "+id, fmt.Sprintf("%q is no id of metric math", id), "begin it with a lower-case letter, then letters, digits and underscores")}
	}
	characters := func(n int) []spec.Problem {
		return []spec.Problem{problem(path+" expression", fmt.Sprintf("expression has %d characters", n), "write CloudWatch metric math over the ids of metrics, 1 to 1024 characters")}
	}
	math := func(expression string, ids ...string) func(*spec.Metric) {
		return func(m *spec.Metric) {
			m.Expression, m.Metrics = expression, map[string]spec.MathInput{}
			for _, id := range ids {
				m.Metrics[id] = spec.MathInput{Namespace: "App", Name: "N"}
			}
		}
	}
	form := func(expression, fault string) []spec.Problem {
		return []spec.Problem{problem(path+" expression", fmt.Sprintf("expression %q: %s", expression, fault), "close every bracket and every quote")}
	}
	stranger := func(id, remedy string) []spec.Problem {
		return []spec.Problem{problem(path+" expression", fmt.Sprintf("expression uses %q, which is not in metrics", id), remedy)}
	}
	both := []spec.Problem{problem(path, "expression takes the place of namespace, name, dimensions and statistic", "put them into metrics, each under an id")}
	tests := []struct {
		name string
		edit func(*spec.Metric)
		want []spec.Problem
	}{
		{"no fault", func(*spec.Metric) {}, nil},
		{"no expression", func(m *spec.Metric) { m.Expression = "" }, characters(0)},
		{"1024 characters", func(m *spec.Metric) { m.Expression = strings.Repeat("METRICS()", 128)[:1015] + "METRICS()" }, nil},
		{"1025 characters", func(m *spec.Metric) { m.Expression = "METRICS()" + strings.Repeat("1", 1016) }, characters(1025)},
		{"10 inputs", func(m *spec.Metric) { m.Expression, m.Metrics = "SUM(METRICS())", inputs(10) }, nil},
		{"11 inputs", func(m *spec.Metric) { m.Expression, m.Metrics = "SUM(METRICS())", inputs(11) }, []spec.Problem{problem(path+" metrics", "11 metrics are not between 1 and 10", "name 1 to 10 metrics by an id")}},
		{"no inputs", func(m *spec.Metric) { m.Metrics = nil }, []spec.Problem{problem(path+" metrics", "0 metrics are not between 1 and 10", "name 1 to 10 metrics by an id")}},
		{"an id of 255 characters", id("a" + strings.Repeat("B", 254)), nil},
		{"an id of 256 characters", id("a" + strings.Repeat("B", 255)), noID("a" + strings.Repeat("B", 255))},
		{"an id with a capital first", id("Running"), noID("Running")},
		{"an id with a dash", id("a-b"), noID("a-b")},
		{"an input with faults", func(m *spec.Metric) {
			m.Expression, m.Metrics = "a", map[string]spec.MathInput{"a": {Statistic: "Most"}}
		}, []spec.Problem{
			problem(path+" metrics a namespace", `namespace "" is not valid`, "give the CloudWatch namespace"),
			problem(path+" metrics a name", `name "" is not valid`, "give the CloudWatch metric name"),
			problem(path+" metrics a statistic", `statistic "Most" is not known`, "use Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99"),
		}},
		{"a bracket open", math("a / (b", "a", "b"), form("a / (b", "a bracket is not closed: ) is missing")},
		{"a bracket too many", math("a / b)", "a", "b"), form("a / b)", "the bracket ) closes none")},
		{"crossed brackets", math("MAX([a, b)]", "a", "b"), form("MAX([a, b)]", "the bracket ) closes none")},
		{"a quote open", math("METRICS('a) + b", "a", "b"), form("METRICS('a) + b", "the quote ' is not closed")},
		{"brackets in a quote", math(`SUM(SEARCH('{App,Service} MetricName="(b" [', 'Sum')) + a`, "a"), nil},
		{"functions, words and numbers of CloudWatch's", math("IF(a > 1e3 AND b<=.5, FILL(a, REPEAT)/PERIOD(a), -MAX([a,b])^2)", "a", "b"), nil},
		{"an id that is not given", math("errors / request", "errors", "requests"), append(
			[]spec.Problem{problem(path+" metrics requests", `expression does not use "requests"`, "use it in expression, or remove it: CloudWatch bills it")},
			stranger("request", "did you mean requests? Else give it in metrics")...)},
		{"an id like no other", math("a + visible", "a"), stranger("visible", "give it in metrics, or use a")},
		{"an input that is not used", math("a", "a", "b"), []spec.Problem{
			problem(path+" metrics b", `expression does not use "b"`, "use it in expression, or remove it: CloudWatch bills it"),
		}},
		{"all inputs at once", math("SUM(METRICS()) / a", "a", "b"), nil},
		{"a namespace too", func(m *spec.Metric) { m.Namespace = "App" }, both},
		{"a name too", func(m *spec.Metric) { m.Name = "N" }, both},
		{"a statistic too", func(m *spec.Metric) { m.Statistic = "Sum" }, both},
		{"dimensions too", func(m *spec.Metric) { m.Dimensions = map[string]string{"a": "b"} }, both},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := ratio()
			tt.edit(m)
			check(t, tracking(spec.TargetTracking{Metric: m, TargetValue: 40}), tt.want)
		})
	}
}
