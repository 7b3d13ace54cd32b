package policyfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/docs"
)

// compileSchema gives the published schema, ready to check values.
func compileSchema(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	raw, err := jsonschema.UnmarshalJSON(strings.NewReader(docs.PolicySchema))
	if err != nil {
		tb.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", raw); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// conforms checks a file against the schema, as an editor does: the file as it is
// written, not what Parse made of it.
func conforms(s *jsonschema.Schema, src []byte) error {
	file, err := parser.ParseBytes([]byte(normal(src)), 0)
	if err != nil {
		return fmt.Errorf("read YAML: %w", err)
	}
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			return s.Validate(asJSON(d.Body))
		}
	}
	return errors.New("read YAML: it holds no document")
}

// asJSON gives a node as the JSON value that YAML 1.2 takes it for. The YAML
// module's own conversion takes 1e2 for text.
func asJSON(n ast.Node) any {
	switch t := n.(type) {
	case *ast.MappingNode:
		out := map[string]any{}
		for _, v := range t.Values {
			name, _ := keyName(v.Key)
			out[name] = asJSON(v.Value)
		}
		return out
	case *ast.SequenceNode:
		out := make([]any, 0, len(t.Values))
		for _, v := range t.Values {
			out = append(out, asJSON(v))
		}
		return out
	case *ast.BoolNode:
		return t.Value
	case *ast.NullNode, nil:
		return nil
	}
	if s, ok := number(n); ok {
		return json.Number(s)
	}
	if s, ok := text(n); ok {
		return s
	}
	return n.GetToken().Value // another form of number, such as 0x10
}

// The schema is a valid one of its draft, and says where it belongs.
func TestSchemaIsOne(t *testing.T) {
	t.Parallel()
	compileSchema(t)
	var head struct {
		Draft string `json:"$schema"`
		ID    string `json:"$id"`
		Title string `json:"title"`
	}
	if err := json.Unmarshal([]byte(docs.PolicySchema), &head); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(head.Draft, "2020-12") || head.ID != "urn:trimtab:policy" || head.Title == "" {
		t.Errorf("got %+v", head)
	}
}

// Every document that Parse accepts conforms to the schema, in every form that it
// is written in.
func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	t.Parallel()
	s := compileSchema(t)
	files, err := filepath.Glob("testdata/good/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("list testdata/good: %d files, %v", len(files), err)
	}
	for _, f := range append(files, "../../infra/example-policy.yaml") {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := conforms(s, src); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	// What the example shows as a comment is valid too, once it is one no more.
	example, err := os.ReadFile("../../infra/example-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	head, group, _ := strings.Cut(string(example), "#groups:\n")
	uncommented := []byte(head + "groups:\n" + regexp.MustCompile(`(?m)^#  `).ReplaceAllString(group, "  "))
	doc, faults := Parse(uncommented, "example-policy.yaml")
	if err := conforms(s, uncommented); err != nil || len(faults) > 0 || doc.Groups["trimtab-example"].Headroom.LargestTask != 1 {
		t.Fatalf("the group of infra/example-policy.yaml: %v, %v, %+v", err, faults, doc.Groups)
	}
	guide, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, full, _ := strings.Cut(string(guide), "```yaml\n")
	full, _, found := strings.Cut(full, "```\n")
	if err := conforms(s, []byte(full)); err != nil || !found {
		t.Fatalf("the example of docs/policy.md: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := documents().Draw(t, "document")
		for name, src := range map[string]string{"JSON": string(Canonical(d)), "YAML": strings.Join(readableLines(d), "\n") + "\n"} {
			if err := conforms(s, []byte(src)); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, src)
			}
		}
	})
}

// What an editor should mark while one types: each edit of the full document is
// refused by the schema, and by Parse too.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := compileSchema(t)
	full, err := os.ReadFile("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new string }{
		{"an unknown field of the document", "cluster: prod\n", "cluster: prod\nclusters: prod\n"},
		{"an unknown field of a service", "    maxCapacity: 60\n", "    maxCapacity: 60\n    desired: 4\n"},
		{"an unknown field deep below", "{tasks: 10, period: 60s}", "{tasks: 10, period: 60s, every: 1}"},
		{"no cluster", "cluster: prod\n", ""},
		{"no maxCapacity", "    maxCapacity: 60\n", ""},
		{"no threshold", "          threshold: 600\n", ""},
		{"no scalingAdjustment", "metricIntervalUpperBound: -250.5, scalingAdjustment: -10", "metricIntervalUpperBound: -250.5"},
		{"no period of a limit", "{percent: 25, period: 15m}", "{percent: 25}"},
		{"text for a number", "targetValue: 900", "targetValue: many"},
		{"a quoted number", "maxCapacity: 60", "maxCapacity: \"60\""},
		{"a fraction of a task", "maxCapacity: 60", "maxCapacity: 60.5"},
		{"a number for text", `Shard: "7"`, "Shard: 7"},
		{"text for a list", "alarms: [checkout-high-cpu, \"checkout: errors\"]", "alarms: checkout-high-cpu"},
		{"a list for fields", "flapBudget: {reversals: 2, period: 30m}", "flapBudget: [2, 30m]"},
		{"text for yes and no", "disableScaleIn: true", "disableScaleIn: \"true\""},
		{"two types in a policy", "        disableScaleIn: true\n", "        backlog: {queue: q, acceptableLatency: 1m}\n"},
		{"no type in a policy", "        targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilizationHighResolution, targetValue: 60}\n", ""},
		{"two metrics", "          metric: {namespace: App, name: Waiting}\n", "          metric: {namespace: App, name: Waiting}\n          predefinedMetric: ECSServiceAverageCPUUtilization\n"},
		{"no metric", "          metric: {namespace: App, name: Waiting}\n", ""},
		{"two targets", "targetPerTask: 40\n        disable", "targetPerTask: 40\n          targetValue: 4\n        disable"},
		{"a predefined metric per task", "HighResolution, targetValue: 60", "HighResolution, targetPerTask: 60"},
		{"a metric that nobody predefined", "ECSServiceAverageCPUUtilizationHighResolution", "CPU"},
		{"requests without a label", "          resourceLabel: app/shop/50dc6c495c0c9188/targetgroup/checkout/943f017f100becff\n          targetValue: 900", "          targetValue: 900"},
		{"a label without requests", "HighResolution, targetValue: 60", "HighResolution, resourceLabel: app/a/b/targetgroup/c/d, targetValue: 60"},
		{"a broken label", "resourceLabel: app/shop/50dc6c495c0c9188/", "resourceLabel: "},
		{"a ceiling of a total", "targetPerTask: 40\n        disable", "targetPerTask: 40\n          ceiling: 50\n        disable"},
		{"an adjustment type in other words", "adjustmentType: ExactCapacity", "adjustmentType: Exact"},
		{"a least change in tasks", "adjustmentType: ExactCapacity", "adjustmentType: ExactCapacity\n          minAdjustmentMagnitude: 2"},
		{"a step without bounds", "{metricIntervalLowerBound: 0, scalingAdjustment: 9}", "{scalingAdjustment: 9}"},
		{"no steps", "[{metricIntervalLowerBound: 0, scalingAdjustment: 9}]", "[]"},
		{"math with a namespace", "expression: busy / pool * 100", "expression: busy / pool * 100\n            namespace: App"},
		{"math without inputs", "            metrics:\n              busy: {namespace: App, name: Busy, statistic: Maximum}\n              pool: {namespace: App, name: Pool, dimensions: {Service: checkout}}\n", ""},
		{"an id in capitals", "              busy: {namespace", "              Busy: {namespace"},
		{"a metric without name", "{namespace: Kafka, name: In}", "{namespace: Kafka}"},
		{"a statistic that CloudWatch has not", "statistic: Maximum", "statistic: Median"},
		{"a queue and metrics", "          acceptableLatency: 1h30m\n", "          acceptableLatency: 1h30m\n          queue: orders\n"},
		{"a queue by its ARN", "queue: https://queues.example/111122223333/orders.fifo", "queue: \"arn:aws:sqs:eu-west-1:111122223333:orders\""},
		{"concurrency of a learnt rate", "          processingTime: 250ms\n", ""},
		{"a duration without unit", "acceptableLatency: 5m", "acceptableLatency: 300"},
		{"a duration of a fraction of a day", "acceptableLatency: 5m", "acceptableLatency: 1.5d"},
		{"a duration of nothing", "acceptableLatency: 5m", "acceptableLatency: \"\""},
		{"a share for a percentage", "Resolution, targetValue: 60", "Resolution, targetValue: 0.6"},
		{"more than all of the CPU", "Resolution, targetValue: 60", "Resolution, targetValue: 101"},
		{"an alarm twice", "\"checkout: errors\"]", "checkout-high-cpu]"},
		{"an alarm by its ARN", "\"checkout: errors\"]", "\"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:x\"]"},
		{"a duration in words", "acceptableLatency: 5m", "acceptableLatency: 5 minutes"},
		{"a percentage that is none", "tolerance: 5%", "tolerance: 5"},
		{"a percentage without number", "tolerance: 5%", "tolerance: \"%\""},
		{"a mode in other words", "mode: observe", "mode: dry-run"},
		{"a select policy in other words", "selectPolicy: Min", "selectPolicy: Disabled"},
		{"both limits at once", "{tasks: 10, period: 60s}", "{tasks: 10, percent: 5, period: 60s}"},
		{"no limit", "{tasks: 10, period: 60s}", "{period: 60s}"},
		{"an empty list of limits", "rateLimits: [{percent: 2.5, period: 1m}]", "rateLimits: []"},
		{"more than all in scale-in", "rateLimits: [{percent: 2.5, period: 1m}]", "rateLimits: [{percent: 101, period: 1m}]"},
		{"more than all as a budget", "removalBudget: [{percent: 25, period: 15m}]", "removalBudget: [{percent: 101, period: 1m}]"},
		{"too many limits", "removalBudget: [{percent: 25, period: 15m}]", "removalBudget: [" + strings.Repeat("{percent: 25, period: 15m}, ", 6) + "]"},
		{"datapoints out of range", "datapoints: 5", "datapoints: 61"},
		{"a zero that means the default", "datapoints: 5", "datapoints: 0"},
		{"a veto both ways", "above: 0.5", "above: 0.5\n        below: 0.1"},
		{"a veto neither way", "        above: 0.5\n", ""},
		{"missing data in other words", "treatMissingData: notBreaching", "treatMissingData: ignore"},
		{"a window that changes nothing", ", end: 2026-11-28T20:00, minCapacity: 20}", ", end: 2026-11-28T20:00}"},
		{"a window without name", "{name: sale, ", "{"},
		{"activation with a task always", "    minCapacity: 0\n    maxCapacity: 100", "    minCapacity: 1\n    maxCapacity: 100"},
		{"onMissingData in other words", "onMissingData: hold\n      - targetTracking", "onMissingData: ignore\n      - targetTracking"},
		{"at least nothing", "onMissingData: {atLeast: 12}", "onMissingData: {atLeast: 0}"},
		{"at least and more", "onMissingData: {atLeast: 12}", "onMissingData: {atLeast: 12, hold: true}"},
		{"a service by its ARN", "  worker:\n", "  arn:aws:ecs:eu-west-1:111122223333:service/worker:\n"},
		{"a service without fields", "  worker:\n", "  other:\n  worker:\n"},
		{"a price below zero", "taskHour: 0.04937", "taskHour: -1"},
		{"too many tasks", "maxCapacity: 60", "maxCapacity: 5001"},
		{"an empty dimension", "dimensions: {Service: checkout, ", "dimensions: {Service: \"\", "},
		{"a nameless veto", "name: latency", "name: \"\""},
		{"an unknown field of a group", "    mode: act\n    headroom", "    minSize: 1\n    headroom"},
		{"no room for a named service", "elsewhere: 1}", "elsewhere: 0}"},
		{"half a task of room", "elsewhere: 1}", "elsewhere: 1.5}"},
		{"room for a service by its ARN", "elsewhere: 1}", "\"a:b\": 1}"},
		{"room for half a largest task", "largestTask: 1,", "largestTask: 0.5,"},
		{"an instance without memory", "memoryMiB: 31500, ", ""},
		{"an instance of no CPU", "cpu: 8192", "cpu: 0"},
		{"a timeout in other words", "onDrainTimeout: terminate", "onDrainTimeout: kill"},
		{"standalone tasks in other words", "standaloneTasks: wait", "standaloneTasks: stop"},
		{"an empty budget of instances", "emptyBudget: [{instances: 20, period: 5m}]", "emptyBudget: []"},
		{"an instance limit both ways", "{instances: 20, period: 5m}", "{instances: 20, percent: 5, period: 5m}"},
		{"an instance limit neither way", "{instances: 20, period: 5m}", "{period: 5m}"},
		{"an instance limit without period", "{instances: 20, period: 5m}", "{instances: 20}"},
		{"more than all instances", "percent: 12.5", "percent: 101"},
		{"a hundred and one at once", "maxDraining: 6", "maxDraining: 101"},
		{"none at once", "maxDraining: 6", "maxDraining: 0"},
		{"a disruption window without name", "{name: freeze, ", "{"},
		{"text for consolidate", "consolidate: false", "consolidate: WhenEmpty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if n := strings.Count(string(full), c.old); n == 0 {
				t.Fatalf("full.yaml does not hold %q", c.old)
			}
			src := []byte(strings.Replace(string(full), c.old, c.new, 1))
			if _, faults := Parse(src, "edited"); len(faults) == 0 {
				t.Error("Parse accepts it")
			} else if strings.Contains(faults[0].Message, "YAML is not understood") {
				t.Errorf("the edit breaks the YAML: %v", faults[0])
			}
			if conforms(s, src) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
	for name, src := range map[string]string{
		"nothing to size": "cluster: prod\n", "no services": "cluster: prod\nservices: {}\n", "a list": "[]\n", "text": "prod\n",
	} {
		if conforms(s, []byte(src)) == nil {
			t.Errorf("the schema accepts %s", name)
		}
	}
}
