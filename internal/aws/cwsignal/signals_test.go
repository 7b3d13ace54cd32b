package cwsignal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/cwsignal"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Signals = (*cwsignal.Signals)(nil)

// fakeCloudWatch answers by a function and keeps the requests.
type fakeCloudWatch struct {
	answer func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error)
	calls  []*cloudwatch.GetMetricDataInput
}

func (f *fakeCloudWatch) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	f.calls = append(f.calls, in)
	return f.answer(in)
}

// now is in the middle of a minute, so that nothing is aligned by chance.
func now() time.Time { return time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC) }

// minute is the start of the minute so many before the one of now.
func minute(ago int) time.Time {
	return time.Date(2026, 11, 23, 12, 34, 0, 0, time.UTC).Add(-time.Duration(ago) * time.Minute)
}

func cpu(service string) signal.Metric {
	return signal.Metric{
		Namespace: "AWS/ECS", Name: "CPUUtilization", Statistic: "Sum", Period: time.Minute,
		Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: service}},
	}
}

func query(m signal.Metric) signal.Query { return signal.Query{Metric: m, Window: 15 * time.Minute} }

// serviceOf is the service that a query is about.
func serviceOf(q types.MetricDataQuery) string {
	for _, d := range q.MetricStat.Metric.Dimensions {
		if aws.ToString(d.Name) == "ServiceName" {
			return aws.ToString(d.Value)
		}
	}
	return ""
}

// complete is a whole answer to a query.
func complete(q types.MetricDataQuery, at []time.Time, values ...float64) types.MetricDataResult {
	return types.MetricDataResult{Id: q.Id, StatusCode: types.StatusCodeComplete, Timestamps: at, Values: values}
}

// empty answers every query with no datapoint.
func empty(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		out.MetricDataResults = append(out.MetricDataResults, complete(q, nil))
	}
	return out, nil
}

func fetch(t *testing.T, f *fakeCloudWatch, queries ...signal.Query) []signal.Series {
	t.Helper()
	got, err := cwsignal.New(f).Fetch(t.Context(), now(), queries)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(queries) {
		t.Fatalf("%d series answer %d queries", len(got), len(queries))
	}
	for i, s := range got {
		if !cmp.Equal(s.Metric, queries[i].Metric) {
			t.Fatalf("series %d is of %v, want %v", i, s.Metric, queries[i].Metric)
		}
	}
	return got
}

func TestFetchAsksInFiveHundreds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		queries int
		calls   []int
	}{{0, nil}, {1, []int{1}}, {499, []int{499}}, {500, []int{500}}, {501, []int{500, 1}}, {1001, []int{500, 500, 1}}} {
		t.Run(fmt.Sprint(c.queries), func(t *testing.T) {
			t.Parallel()
			f := &fakeCloudWatch{answer: empty}
			var queries []signal.Query
			for i := range c.queries {
				queries = append(queries, query(cpu(fmt.Sprint(i))))
			}
			for i, s := range fetch(t, f, queries...) {
				if s.Status != signal.Complete || len(s.Points) != 0 {
					t.Errorf("series %d is %+v, want complete and empty", i, s)
				}
			}
			var calls []int
			for _, in := range f.calls {
				calls = append(calls, len(in.MetricDataQueries))
			}
			if diff := cmp.Diff(c.calls, calls); diff != "" {
				t.Errorf("queries a call (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFetchStaysBelowTheDatapointLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		period, window time.Duration
		calls          int
	}{
		{time.Minute, 15 * time.Minute, 1},
		{10 * time.Second, time.Hour, 1},        // 40 x 394
		{time.Second, time.Hour, 2},             // 3,902 each, 25 a call
		{time.Second, 3 * time.Hour, 5},         // 11,102 each, 9 a call
		{time.Minute, 100 * 24 * time.Hour, 40}, // more than a call each
	} {
		f := &fakeCloudWatch{answer: empty}
		var queries []signal.Query
		for i := range 40 {
			q := query(cpu(fmt.Sprint(i)))
			q.Metric.Period, q.Window = c.period, c.window
			queries = append(queries, q)
		}
		fetch(t, f, queries...)
		for _, in := range f.calls {
			datapoints := len(in.MetricDataQueries) * int(in.EndTime.Sub(*in.StartTime)/c.period+1)
			if datapoints > 100_800 && len(in.MetricDataQueries) > 1 {
				t.Errorf("a call asks for %d datapoints of %d metrics", datapoints, len(in.MetricDataQueries))
			}
		}
		if len(f.calls) != c.calls {
			t.Errorf("%d calls for 40 metrics of %s over %s, want %d", len(f.calls), c.period, c.window, c.calls)
		}
	}
}

func TestFetchSendsWhatCloudWatchNeeds(t *testing.T) {
	t.Parallel()
	for _, period := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, time.Hour} {
		f := &fakeCloudWatch{answer: empty}
		q := query(cpu("web"))
		q.Metric.Period, q.Metric.Statistic = period, "p99"
		fetch(t, f, q)
		in := f.calls[0]
		if !in.EndTime.Equal(now()) || in.ScanBy != types.ScanByTimestampDescending || in.NextToken != nil {
			t.Errorf("the call ends at %s, scans %s", in.EndTime, in.ScanBy)
		}
		if in.StartTime.Unix()%int64(period.Seconds()) != 0 {
			t.Errorf("the start %s is no multiple of the period %s", in.StartTime, period)
		}
		// The oldest datapoint that a window back from a datapoint barely fresh may need.
		oldest := now().Add(-q.Window - signal.StaleAfter(period) - period)
		if late := in.StartTime.Sub(oldest); late > 0 || late <= -period {
			t.Errorf("the start %s is %s after the oldest datapoint needed", in.StartTime, late)
		}
		stat := in.MetricDataQueries[0].MetricStat
		if aws.ToString(stat.Stat) != "p99" || aws.ToInt32(stat.Period) != int32(period.Seconds()) ||
			aws.ToString(stat.Metric.Namespace) != "AWS/ECS" || aws.ToString(stat.Metric.MetricName) != "CPUUtilization" ||
			len(stat.Metric.Dimensions) != 2 || stat.Unit != "" {
			t.Errorf("the query is %+v of %+v", stat, stat.Metric)
		}
	}
}

func TestFetchNeverMixesStartsOrPeriods(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: empty}
	long, slow := query(cpu("a")), query(cpu("a"))
	long.Window = time.Hour
	slow.Metric.Period = 5 * time.Minute
	fetch(t, f, query(cpu("a")), long, slow, query(cpu("b")))
	var calls []int
	for _, in := range f.calls {
		calls = append(calls, len(in.MetricDataQueries))
	}
	if diff := cmp.Diff([]int{2, 1, 1}, calls); diff != "" {
		t.Errorf("queries a call (-want +got):\n%s", diff)
	}
}

func TestFetchSendsAMetricOnce(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: empty}
	sum, average := query(cpu("web")), query(cpu("web"))
	average.Metric.Statistic = "Average"
	sum.Samples, average.Samples = true, true
	turned := query(cpu("web"))
	turned.Metric.Dimensions = slices.Clone(turned.Metric.Dimensions)
	slices.Reverse(turned.Metric.Dimensions)
	count := query(cpu("web"))
	count.Metric.Statistic = "SampleCount"
	fetch(t, f, sum, average, sum, query(cpu("web")), turned, count)
	var asked, ids []string
	for _, q := range f.calls[0].MetricDataQueries {
		asked = append(asked, aws.ToString(q.MetricStat.Stat))
		ids = append(ids, aws.ToString(q.Id))
	}
	if diff := cmp.Diff([]string{"Sum", "SampleCount", "Average"}, asked); diff != "" || len(f.calls) != 1 {
		t.Errorf("statistics asked for in %d calls (-want +got):\n%s", len(f.calls), diff)
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 3 {
		t.Errorf("ids are %q, want each once", ids)
	}
}

func TestFetchJoinsPages(t *testing.T) {
	t.Parallel()
	// "a" goes on in the second page, "b" is only there, "c" only in the first.
	f := &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		q := in.MetricDataQueries
		if in.NextToken == nil {
			partial := complete(q[0], []time.Time{minute(3), minute(1)}, 3, 1)
			partial.StatusCode = types.StatusCodePartialData
			return &cloudwatch.GetMetricDataOutput{
				NextToken:         aws.String("more"),
				MetricDataResults: []types.MetricDataResult{partial, complete(q[2], []time.Time{minute(2)}, 2)},
			}, nil
		}
		if *in.NextToken != "more" || len(q) != 3 {
			return nil, errors.New("the second page was asked for wrongly")
		}
		return &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{
			complete(q[1], []time.Time{minute(5)}, 5), complete(q[0], []time.Time{minute(2), minute(4)}, 2, 4),
		}}, nil
	}}
	got := fetch(t, f, query(cpu("a")), query(cpu("b")), query(cpu("c")))
	want := []signal.Series{
		{Metric: cpu("a"), Status: signal.Complete, Points: points(4, 3, 2, 1)},
		{Metric: cpu("b"), Status: signal.Complete, Points: points(5)},
		{Metric: cpu("c"), Status: signal.Complete, Points: points(2)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// points gives datapoints whose value is how many minutes ago they are.
func points(ago ...int) []signal.Point {
	out := []signal.Point{}
	for _, m := range ago {
		out = append(out, signal.Point{Start: minute(m), Value: signal.Value(m)})
	}
	return out
}

func TestFetchMapsTheStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code types.StatusCode
		want signal.Status
		why  string
	}{
		{types.StatusCodeComplete, signal.Complete, ""},
		{types.StatusCodePartialData, signal.Partial, "only some"},
		{types.StatusCodeInternalError, signal.Failed, "InternalError"},
		{types.StatusCodeForbidden, signal.Failed, "Forbidden"},
		{"Lunar", signal.Failed, "Lunar"},
		{"", signal.Failed, "unknown status"},
	} {
		f := &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
			r := complete(in.MetricDataQueries[0], []time.Time{minute(1)}, 1)
			r.StatusCode = c.code
			r.Messages = []types.MessageData{{Code: aws.String("Hint"), Value: aws.String("look here")}}
			return &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{r}}, nil
		}}
		got := fetch(t, f, query(cpu("web")))[0]
		if got.Status != c.want || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.want == signal.Complete) {
			t.Errorf("%q gives %s because %q, want %s", c.code, got.Status, got.Why, c.want)
		}
		if c.want != signal.Complete && !strings.Contains(got.Why, "Hint: look here") {
			t.Errorf("%q loses the message: %q", c.code, got.Why)
		}
		if wanted := c.want != signal.Failed; (len(got.Points) == 1) != wanted {
			t.Errorf("%q gives the points %v", c.code, got.Points)
		}
	}
}

func TestFetchOfAMetricThatIsNotAnsweredFails(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		return &cloudwatch.GetMetricDataOutput{
			MetricDataResults: []types.MetricDataResult{complete(in.MetricDataQueries[0], nil), {Id: aws.String("stranger")}},
			Messages:          []types.MessageData{{Code: aws.String("MaxMetricsExceeded"), Value: aws.String("too many")}},
		}, nil
	}}
	got := fetch(t, f, query(cpu("a")), query(cpu("b")))
	if got[0].Status != signal.Complete || got[0].Why != "" {
		t.Errorf("the answered metric is %+v, want complete", got[0])
	}
	if got[1].Status != signal.Failed || !strings.Contains(got[1].Why, "MaxMetricsExceeded: too many") {
		t.Errorf("the other metric is %+v, want failed with CloudWatch's message", got[1])
	}
}

func TestFetchAfterALostPage(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		if in.NextToken != nil {
			return nil, errors.New("connection lost")
		}
		forbidden := types.MetricDataResult{Id: in.MetricDataQueries[1].Id, StatusCode: types.StatusCodeForbidden}
		return &cloudwatch.GetMetricDataOutput{
			NextToken: aws.String("more"), MetricDataResults: []types.MetricDataResult{complete(in.MetricDataQueries[0], []time.Time{minute(1)}, 1), forbidden},
		}, nil
	}}
	got := fetch(t, f, query(cpu("a")), query(cpu("b")), query(cpu("c")))
	var status []signal.Status
	for _, s := range got {
		status = append(status, s.Status)
	}
	if diff := cmp.Diff([]signal.Status{signal.Partial, signal.Failed, signal.Failed}, status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if !strings.Contains(got[0].Why, "connection lost") || !strings.Contains(got[1].Why, "Forbidden") || !strings.Contains(got[2].Why, "connection lost") {
		t.Errorf("reasons are %q, %q, %q", got[0].Why, got[1].Why, got[2].Why)
	}
	if len(got[0].Points) != 1 {
		t.Errorf("the points of the first page are %v", got[0].Points)
	}
}

func TestFetchWhenOneCallFails(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		if len(in.MetricDataQueries) == 1 {
			return nil, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "slow down"}
		}
		return empty(in)
	}}
	var queries []signal.Query
	for i := range 501 {
		queries = append(queries, query(cpu(fmt.Sprint(i))))
	}
	got := fetch(t, f, queries...)
	if got[0].Status != signal.Complete || got[499].Status != signal.Complete {
		t.Errorf("the call that was answered gives %+v", got[0])
	}
	if s := got[500]; s.Status != signal.Failed || !strings.Contains(s.Why, "slow down") || s.Points == nil {
		t.Errorf("the call that failed gives %+v", s)
	}
}

func TestFetchWhenEveryCallFails(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		return nil, context.DeadlineExceeded
	}}
	got, err := cwsignal.New(f).Fetch(t.Context(), now(), []signal.Query{query(cpu("a")), query(cpu("b"))})
	if got != nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 CloudWatch metrics") {
		t.Errorf("fetched %v, %v; want the deadline and how many metrics", got, err)
	}
}

func TestFetchFindsTheMetricThatCloudWatchRefuses(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ValidationError", "InvalidParameterValue", "MissingRequiredParameterException"} {
		f := &fakeCloudWatch{}
		f.answer = func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
			if slices.ContainsFunc(in.MetricDataQueries, func(q types.MetricDataQuery) bool { return serviceOf(q) == "137" }) {
				return nil, &smithy.GenericAPIError{Code: code, Message: "bad statistic"}
			}
			return empty(in)
		}
		var queries []signal.Query
		for i := range 500 {
			queries = append(queries, query(cpu(fmt.Sprint(i))))
		}
		for i, s := range fetch(t, f, queries...) {
			want := signal.Complete
			if i == 137 {
				want = signal.Failed
			}
			if s.Status != want {
				t.Errorf("%s: series %d is %s because %q, want %s", code, i, s.Status, s.Why, want)
			}
		}
		if len(f.calls) > 19 { // 1 + 2 x ceil(log2(500))
			t.Errorf("%s: %d calls", code, len(f.calls))
		}
	}
}

func TestFetchGivesUpSplittingInTheEnd(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "bad time"}
	}}
	var queries []signal.Query
	for i := range 500 {
		queries = append(queries, query(cpu(fmt.Sprint(i))))
	}
	if _, err := cwsignal.New(f).Fetch(t.Context(), now(), queries); err == nil || !strings.Contains(err.Error(), "bad time") {
		t.Errorf("error is %v, want CloudWatch's message", err)
	}
	if len(f.calls) > 1+2*27 {
		t.Errorf("%d calls", len(f.calls))
	}
}

func TestFetchDoesNotAskWhatWouldBeRefused(t *testing.T) {
	t.Parallel()
	f := &fakeCloudWatch{answer: empty}
	odd, zero, backwards, nameless := query(cpu("a")), query(cpu("a")), query(cpu("a")), query(cpu("a"))
	odd.Metric.Period, zero.Metric.Period, backwards.Window, nameless.Metric.Name = 7*time.Second, 0, -time.Minute, ""
	got := fetch(t, f, odd, zero, query(cpu("web")), backwards, nameless)
	for i, why := range map[int]string{0: "7s", 1: "0s", 3: "-1m0s", 4: "name"} {
		if got[i].Status != signal.Failed || !strings.Contains(got[i].Why, why) {
			t.Errorf("series %d is %s because %q, want failed with %q", i, got[i].Status, got[i].Why, why)
		}
	}
	if got[2].Status != signal.Complete || len(f.calls) != 1 || len(f.calls[0].MetricDataQueries) != 1 {
		t.Errorf("the sound query is %+v after %d calls", got[2], len(f.calls))
	}
}
