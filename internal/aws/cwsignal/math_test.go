package cwsignal_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/aws/cwsignal"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// over is metric math over the CPU of services, whose names are the ids.
func over(expression string, ids ...string) signal.Metric {
	m := signal.Metric{Period: time.Minute, Expression: expression}
	for _, id := range ids {
		m.Inputs = append(m.Inputs, signal.Input{ID: id, Metric: cpu(id)})
	}
	return m
}

// asked gives each call's queries as "id=service" and "id: expression", a
// hidden one in brackets.
func asked(f *fakeCloudWatch) [][]string {
	var out [][]string
	for _, in := range f.calls {
		var call []string
		for _, q := range in.MetricDataQueries {
			text := aws.ToString(q.Id) + ": " + aws.ToString(q.Expression)
			if q.MetricStat != nil {
				text = aws.ToString(q.Id) + "=" + serviceOf(q)
			}
			if q.ReturnData != nil && !*q.ReturnData {
				text = "(" + text + ")"
			}
			call = append(call, text)
		}
		out = append(out, call)
	}
	return out
}

func TestMathSharesACallUnderOtherIDs(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: empty}
	fetch(t, f, query(over("a / b", "a", "b")), query(cpu("web")), query(over("b*2 + e1", "b", "e1")))
	want := [][]string{
		{"(i0=a)", "(i1=b)", "e0: i0 / i1", "(i2=e1)", "e1: i1*2 + i2"}, // b is asked for once
		{"m0=web"},
	}
	slices.SortFunc(f.calls, func(a, b *cloudwatch.GetMetricDataInput) int {
		return len(b.MetricDataQueries) - len(a.MetricDataQueries)
	})
	if diff := cmp.Diff(want, asked(f)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	math, input := f.calls[0].MetricDataQueries[2], f.calls[0].MetricDataQueries[0]
	if aws.ToInt32(math.Period) != 60 || math.MetricStat != nil || !aws.ToBool(math.ReturnData) {
		t.Errorf("the expression is asked for as %+v", math)
	}
	if input.Period != nil || input.Expression != nil || aws.ToInt32(input.MetricStat.Period) != 60 || aws.ToString(input.MetricStat.Stat) != "Sum" {
		t.Errorf("the input is asked for as %+v", input)
	}
}

func TestIDsAreReplacedOutsideStringsAndNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, want string }{
		{"a", "i0"},
		{"a+a1+ab+a_b", "i0+i2+i3+i4"}, // whole ids, never their beginnings
		{"SUM([a,b])/MAX([a, b])", "SUM([i0,i1])/MAX([i0, i1])"},
		{"IF(a>1e5 AND b<5e1, a, b)", "IF(i0>1e5 AND i1<5e1, i0, i1)"},
		{"e5*1e5+.5e5+2.e5", "i5*1e5+.5e5+2.e5"},
		{`a + SEARCH('{AWS/SQS,a} MetricName="b" a', 'Sum', 60)`, `i0 + SEARCH('{AWS/SQS,a} MetricName="b" a', 'Sum', 60)`},
		{`SEARCH("a 'b' \" a", "Sum") + b`, `SEARCH("a 'b' \" a", "Sum") + i1`},
		{`a + 'never closed b`, `i0 + 'never closed b`},
		{"a(b)", "a(i1)"}, // a function of that name: CloudWatch will say that there is none
		{"a/PERIOD(a)", "i0/PERIOD(i0)"},
		{"FILL(a, 0)*é+b", "FILL(i0, 0)*é+i1"},
	} {
		f := &fakeCloudWatch{answer: empty}
		fetch(t, f, query(over(c.expression, "a", "b", "a1", "ab", "a_b", "e5")))
		queries := f.calls[0].MetricDataQueries
		if got := aws.ToString(queries[len(queries)-1].Expression); got != c.want {
			t.Errorf("%s is asked for as %s, want %s", c.expression, got, c.want)
		}
	}
}

// Renaming is right if naming back gives the expression again, whatever it is:
// each id of the call stands for one input.
func TestRenamingIsReversible(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "ab", "b", "i0", "i1", "e0", "1e5", "a1", "SUM(", ")", " ", "+", "'a b'", `"ab"`, ",", "9", "."}
	ids := []string{"a", "ab", "b", "i0", "i1", "e0"}
	name := regexp.MustCompile(`'[^']*'|"[^"]*"|[.0-9][.\w]*|\w+`)
	rapid.Check(t, func(t *rapid.T) {
		expression := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 12).Draw(t, "parts"), "")
		f := &fakeCloudWatch{answer: empty}
		m := over(expression, ids...)
		if _, err := cwsignal.New(f).Fetch(t.Context(), now(), []signal.Query{query(m)}); err != nil {
			t.Fatal(err)
		}
		services := map[string]string{}
		var sent string
		for _, q := range f.calls[0].MetricDataQueries {
			if q.MetricStat != nil {
				services[aws.ToString(q.Id)] = serviceOf(q)
			} else {
				sent = aws.ToString(q.Expression)
			}
		}
		back := name.ReplaceAllStringFunc(sent, func(w string) string {
			if s, ok := services[w]; ok {
				return s
			}
			return w
		})
		if back != expression {
			t.Fatalf("%s was sent as %s, which is %s", expression, sent, back)
		}
	})
}

// METRICS() takes in all metrics of the call, and an id that the expression
// does not have may be another's: such expressions go alone, as they are.
func TestWhatMayLookAroundGoesAlone(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"SUM(METRICS())", `MAX(METRICS("er"))`, "errors + i0", "errors + m0*2", "rate",
		"SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/ECS\", ServiceName)", "select 1",
	} {
		f := &fakeCloudWatch{answer: empty}
		fetch(t, f, query(over("errors * 2", "errors")), query(over(expression, "errors", "result")), query(over("a + errors", "a", "errors")))
		want := [][]string{
			{"(i0=errors)", "e0: i0 * 2", "(i1=a)", "e1: i1 + i0"},
			{"(errors=errors)", "(result=result)", "resultx: " + expression},
		}
		if diff := cmp.Diff(want, asked(f)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	}
	// What only looks like it, in a string or as part of a name, shares.
	f := &fakeCloudWatch{answer: empty}
	fetch(t, f, query(over("a + SEARCH(' METRICS() nobody ', 'Sum')", "a")), query(over("METRICSX + a", "a")))
	if len(f.calls) != 1 {
		t.Errorf("%d calls %q, want one", len(f.calls), asked(f))
	}
}

func TestInputsCountAgainstTheLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expressions, inputs int
		calls               []int
	}{
		{50, 9, []int{500}}, {51, 9, []int{500, 10}}, {1, 499, []int{500}}, {2, 300, []int{301, 301}},
	} {
		f := &fakeCloudWatch{answer: empty}
		var queries []signal.Query
		for i := range c.expressions {
			var ids []string
			for j := range c.inputs {
				ids = append(ids, fmt.Sprintf("x%d_%d", i, j))
			}
			queries = append(queries, query(over(strings.Join(ids, "+"), ids...)))
		}
		fetch(t, f, queries...)
		var calls []int
		for _, in := range f.calls {
			calls = append(calls, len(in.MetricDataQueries))
		}
		if diff := cmp.Diff(c.calls, calls); diff != "" {
			t.Errorf("%d expressions over %d metrics (-want +got):\n%s", c.expressions, c.inputs, diff)
		}
	}
	// Datapoints of the inputs count too: 25 reads of 3,902 datapoints fill a call.
	f := &fakeCloudWatch{answer: empty}
	var queries []signal.Query
	for i := range 10 {
		ids := []string{fmt.Sprintf("x%d", i), fmt.Sprintf("y%d", i), fmt.Sprintf("z%d", i), fmt.Sprintf("w%d", i)}
		q := signal.Query{Metric: over(strings.Join(ids, "+"), ids...), Window: time.Hour}
		q.Metric.Period = time.Second
		for j := range q.Metric.Inputs {
			q.Metric.Inputs[j].Metric.Period = time.Second
		}
		queries = append(queries, q)
	}
	fetch(t, f, queries...)
	if len(f.calls) != 2 || len(f.calls[0].MetricDataQueries) != 25 {
		t.Errorf("%d calls, the first with %d queries, want 2 and 25", len(f.calls), len(f.calls[0].MetricDataQueries))
	}
}

func TestOneRefusedExpressionBlindsNoOther(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{}
	f.answer = func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		for _, q := range in.MetricDataQueries {
			if strings.Contains(aws.ToString(q.Expression), "SIN(") {
				return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "Error in expression: Function 'SIN' not found"}
			}
		}
		out, err := empty(in)
		return out, err
	}
	var queries []signal.Query
	for i := range 40 {
		text := "a * %d"
		if i == 17 {
			text = "SIN(a) * %d"
		}
		queries = append(queries, query(over(fmt.Sprintf(text, i), "a")))
	}
	queries = append(queries, query(cpu("web")), query(over("SIN(METRICS())", "a")))
	for i, s := range fetch(t, f, queries...) {
		refused := i == 17 || i == 41
		if (s.Status == signal.Failed) != refused || refused && !strings.Contains(s.Why, "Function 'SIN' not found") {
			t.Errorf("series %d is %s because %q", i, s.Status, s.Why)
		}
	}
}

func TestStatusOfMath(t *testing.T) {
	t.Parallel()
	points := func(q types.MetricDataQuery, code types.StatusCode) types.MetricDataResult {
		r := complete(q, []time.Time{minute(2), minute(1)}, 2, 1)
		r.StatusCode = code
		return r
	}
	answering := func(of func(q types.MetricDataQuery) []types.MetricDataResult) *fakeCloudWatch {
		return &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
			out := &cloudwatch.GetMetricDataOutput{}
			for _, q := range in.MetricDataQueries {
				if q.ReturnData == nil || *q.ReturnData {
					out.MetricDataResults = append(out.MetricDataResults, of(q)...)
				}
			}
			return out, nil
		}}
	}
	for _, c := range []struct {
		name string
		of   func(types.MetricDataQuery) []types.MetricDataResult
		want signal.Status
		why  string
	}{
		{"whole", func(q types.MetricDataQuery) []types.MetricDataResult {
			return []types.MetricDataResult{points(q, types.StatusCodeComplete)}
		}, signal.Complete, ""},
		{"dropped datapoints are gaps", func(q types.MetricDataQuery) []types.MetricDataResult {
			r := points(q, types.StatusCodeComplete)
			r.Messages = []types.MessageData{{Code: aws.String("ArithmeticError"), Value: aws.String("dropped")}}
			return []types.MetricDataResult{r}
		}, signal.Complete, ""},
		{"in part", func(q types.MetricDataQuery) []types.MetricDataResult {
			return []types.MetricDataResult{points(q, types.StatusCodePartialData)}
		}, signal.Partial, "only some"},
		{"forbidden", func(q types.MetricDataQuery) []types.MetricDataResult {
			return []types.MetricDataResult{points(q, types.StatusCodeForbidden)}
		}, signal.Failed, "Forbidden"},
		{"several series", func(q types.MetricDataQuery) []types.MetricDataResult {
			return []types.MetricDataResult{points(q, types.StatusCodeComplete), points(q, types.StatusCodeComplete)}
		}, signal.Failed, "SUM, AVG, MIN or MAX"},
		{"nothing", func(types.MetricDataQuery) []types.MetricDataResult { return nil }, signal.Failed, "did not answer"},
	} {
		got := fetch(t, answering(c.of), query(over("a * 2", "a")))[0]
		if got.Status != c.want || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.why == "") {
			t.Errorf("%s: %s because %q, want %s", c.name, got.Status, got.Why, c.want)
		}
		if (len(got.Points) == 2) != (c.want != signal.Failed) {
			t.Errorf("%s: points %v", c.name, got.Points)
		}
	}
}

// Several series on the first page stay no answer, whatever the next page holds.
func TestSeveralSeriesAreNoAnswerAcrossPages(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		r := complete(in.MetricDataQueries[1], []time.Time{minute(1)}, 1)
		if in.NextToken == nil {
			return &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{r, r}, NextToken: aws.String("more")}, nil
		}
		return &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{r}}, nil
	}}
	if got := fetch(t, f, query(over("FILL(METRICS(), 0)", "a")))[0]; got.Status != signal.Failed || len(got.Points) != 0 {
		t.Errorf("fetched %+v, want failed", got)
	}
}

func TestMathThatWouldBeRefusedIsNotAsked(t *testing.T) {
	t.Parallel()
	wide := over("SUM(METRICS())")
	for i := range 500 {
		wide.Inputs = append(wide.Inputs, over("", fmt.Sprintf("x%d", i)).Inputs...)
	}
	sampled, slow, badID, twice, nested, nameless, odd := query(over("a", "a")), over("a", "a"), over("A", "A"), over("a", "a", "a"),
		over("a", "a"), over("a", "a"), over("a", "a")
	sampled.Samples = true
	slow.Inputs[0].Metric.Period = time.Hour
	nested.Inputs[0].Metric = over("b", "b")
	nameless.Inputs[0].Metric.Statistic = ""
	odd.Period, odd.Inputs[0].Metric.Period = 7*time.Second, 7*time.Second
	f := &fakeCloudWatch{answer: empty}
	queries := []signal.Query{query(wide), sampled, query(slow), query(badID), query(twice), query(nested), query(nameless), query(odd)}
	got := fetch(t, f, append(queries, query(over("a", "a")))...)
	for i, why := range []string{"499", "SampleCount", "1h0m0s", `"A"`, `"a"`, "must be a metric", "statistic", "7s"} {
		if got[i].Status != signal.Failed || !strings.Contains(got[i].Why, why) {
			t.Errorf("series %d is %s because %q, want failed with %q", i, got[i].Status, got[i].Why, why)
		}
	}
	if got[8].Status != signal.Complete || len(f.calls) != 1 {
		t.Errorf("the sound expression is %+v after %d calls", got[8], len(f.calls))
	}
}
