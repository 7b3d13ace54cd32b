package local_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/local"
)

// noon is the present of these tests: half a minute into a minute.
var noon = time.Date(2026, 11, 5, 12, 0, 30, 0, time.UTC)

// startCloudWatch serves a stand-in whose clock stands at noon, with the plain Go client of it.
func startCloudWatch(t *testing.T) (*local.CloudWatch, *cloudwatch.Client, string) {
	t.Helper()
	cw := local.NewCloudWatch(func() time.Time { return noon })
	srv := httptest.NewServer(cw)
	t.Cleanup(srv.Close)
	client := cloudwatch.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(srv.URL),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
	return cw, client, srv.URL
}

var dims = map[string]string{"ClusterName": "prod", "ServiceName": "checkout"}

func query(id, stat string, period int32) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{
			Namespace: aws.String("AWS/ECS"), MetricName: aws.String("CPUUtilization"),
			// The order of dimensions is not that of the map in the stand-in's key.
			Dimensions: []types.Dimension{
				{Name: aws.String("ServiceName"), Value: aws.String("checkout")},
				{Name: aws.String("ClusterName"), Value: aws.String("prod")},
			},
		},
		Period: &period, Stat: &stat,
	}}
}

// window asks for the ten minutes before noon, oldest first.
func window(queries ...types.MetricDataQuery) *cloudwatch.GetMetricDataInput {
	return &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(noon.Add(-10 * time.Minute)), EndTime: aws.Time(noon),
		ScanBy: types.ScanByTimestampAscending, MetricDataQueries: queries,
	}
}

// show writes results as "id status hh:mm:ss=value ...", which is what matters of them.
func show(results []types.MetricDataResult) []string {
	out := []string{}
	for _, r := range results {
		line := aws.ToString(r.Id) + " " + string(r.StatusCode)
		for i, at := range r.Timestamps {
			line += fmt.Sprintf(" %s=%g", at.UTC().Format("15:04:05"), r.Values[i])
		}
		out = append(out, line)
	}
	return out
}

func get(t *testing.T, client *cloudwatch.Client, in *cloudwatch.GetMetricDataInput) *cloudwatch.GetMetricDataOutput {
	t.Helper()
	out, err := client.GetMetricData(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func cpu(points ...local.Point) local.Metric {
	return local.Metric{Namespace: "AWS/ECS", Name: "CPUUtilization", Dimensions: dims, Unit: "Percent", Points: points}
}

func ago(minutes, value float64) local.Point {
	return local.Point{MinutesAgo: minutes, Value: &value}
}

func set(t *testing.T, cw *local.CloudWatch, metrics ...local.Metric) {
	t.Helper()
	if err := cw.Set(metrics...); err != nil {
		t.Fatal(err)
	}
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	// 11:58 has two publications: 3 samples that sum to 90 with known extremes, and one of 70.
	set(t, cw, cpu(
		local.Point{
			Time: time.Date(2026, 11, 5, 11, 58, 5, 0, time.UTC), Sum: aws.Float64(90), SampleCount: aws.Float64(3),
			Minimum: aws.Float64(10), Maximum: aws.Float64(50),
		},
		ago(1.5, 70), // 11:58:30
		local.Point{MinutesAgo: 1, Value: aws.Float64(20), SampleCount: aws.Float64(4)},
	))
	out := get(t, client, window(
		query("avg", "Average", 60), query("sum", "Sum", 60), query("n", "SampleCount", 60), query("low", "Minimum", 60), query("top", "Maximum", 60),
	))
	want := []string{
		"avg Complete 11:58:00=40 11:59:00=20",
		"sum Complete 11:58:00=160 11:59:00=80",
		"n Complete 11:58:00=4 11:59:00=4",
		"low Complete 11:58:00=10 11:59:00=20",
		"top Complete 11:58:00=70 11:59:00=20",
	}
	if diff := cmp.Diff(want, show(out.MetricDataResults)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if got := aws.ToString(out.MetricDataResults[0].Label); got != "CPUUtilization" {
		t.Errorf("label %q, want the metric's name", got)
	}
}

func TestWindowAndPeriod(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	set(t, cw, cpu(ago(10, 1), ago(5, 2), ago(1, 3), ago(0, 4)))
	at := func(h, m, s int) *time.Time { return aws.Time(time.Date(2026, 11, 5, h, m, s, 0, time.UTC)) }
	tests := []struct {
		name       string
		start, end *time.Time
		period     int32
		scan       types.ScanBy
		want       string
	}{
		{"start inclusive, end exclusive", at(11, 50, 0), at(12, 0, 0), 60, types.ScanByTimestampAscending, "m Complete 11:50:00=1 11:55:00=2 11:59:00=3"},
		{"start just after", at(11, 51, 0), at(12, 0, 1), 60, types.ScanByTimestampAscending, "m Complete 11:55:00=2 11:59:00=3 12:00:00=4"},
		{"start rounded down to the minute", at(11, 50, 59), at(11, 51, 0), 60, types.ScanByTimestampAscending, "m Complete 11:50:00=1"},
		{"newest first by default", at(11, 50, 0), at(12, 0, 0), 60, "", "m Complete 11:59:00=3 11:55:00=2 11:50:00=1"},
		{"five minutes", at(11, 50, 0), at(12, 5, 0), 300, types.ScanByTimestampAscending, "m Complete 11:50:00=1 11:55:00=5 12:00:00=4"},
		{"ten seconds round both ends", at(11, 59, 3), at(12, 0, 5), 10, types.ScanByTimestampAscending, "m Complete 11:59:00=3"},
		{"nothing in it", at(11, 56, 0), at(11, 59, 0), 60, types.ScanByTimestampAscending, "m Complete"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := get(t, client, &cloudwatch.GetMetricDataInput{
				StartTime: tt.start, EndTime: tt.end, ScanBy: tt.scan, MetricDataQueries: []types.MetricDataQuery{query("m", "Sum", tt.period)},
			})
			if diff := cmp.Diff([]string{tt.want}, show(out.MetricDataResults)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichMetric(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	other := cpu(ago(1, 99))
	other.Dimensions = map[string]string{"ClusterName": "prod"}
	failing := cpu(ago(1, 50))
	failing.Name, failing.Status = "MemoryUtilization", "InternalError"
	partial := cpu(ago(1, 60))
	partial.Name, partial.Status = "Partial", "PartialData"
	set(t, cw, other, failing, partial)
	memory, short, hidden, percent := query("mem", "Average", 60), query("part", "Average", 60), query("hid", "Average", 60), query("cnt", "Average", 60)
	memory.MetricStat.Metric.MetricName = aws.String("MemoryUtilization")
	short.MetricStat.Metric.MetricName = aws.String("Partial")
	hidden.ReturnData = aws.Bool(false)
	percent.MetricStat.Metric.MetricName, percent.MetricStat.Unit = aws.String("Partial"), types.StandardUnitCount
	out := get(t, client, window(query("m", "Average", 60), memory, short, hidden, percent))
	want := []string{"m Complete", "mem InternalError", "part PartialData 11:59:00=60", "cnt PartialData"}
	if diff := cmp.Diff(want, show(out.MetricDataResults)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	set(t, cw, cpu(ago(1, 5)))
	if diff := cmp.Diff([]string{"m Complete 11:59:00=5"}, show(get(t, client, window(query("m", "Average", 60))).MetricDataResults)); diff != "" {
		t.Errorf("after Set (-want +got):\n%s", diff)
	}
	cw.Remove("AWS/ECS", "CPUUtilization", dims)
	if diff := cmp.Diff([]string{"m Complete"}, show(get(t, client, window(query("m", "Average", 60))).MetricDataResults)); diff != "" {
		t.Errorf("after Remove (-want +got):\n%s", diff)
	}
}

func TestRepeatKeepsAMetricFresh(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	m := cpu(ago(4, 10), ago(3, 20))
	m.Repeat = true
	set(t, cw, m)
	want := []string{"m Complete 11:56:00=10 11:57:00=20 11:58:00=20 11:59:00=20"}
	if diff := cmp.Diff(want, show(get(t, client, window(query("m", "Average", 60))).MetricDataResults)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	set(t, cw, local.ECSUtilization("prod", "checkout", "CPUUtilization", 50, 4, 2))
	want = []string{"m Complete 11:58:00=200 11:59:00=200", "n Complete 11:58:00=4 11:59:00=4"}
	if diff := cmp.Diff(want, show(get(t, client, window(query("m", "Sum", 60), query("n", "SampleCount", 60))).MetricDataResults)); diff != "" {
		t.Errorf("ECSUtilization (-want +got):\n%s", diff)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	set(t, cw, cpu(ago(5, 5), ago(4, 4), ago(3, 3), ago(2, 2), ago(1, 1)))
	missing := query("none", "Average", 60)
	missing.MetricStat.Metric.MetricName = aws.String("Missing")
	in := window(query("a", "Average", 60), missing, query("b", "Average", 60))
	cw.SetPageSize(3)
	var pages [][]string
	for {
		out := get(t, client, in)
		pages = append(pages, show(out.MetricDataResults))
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	want := [][]string{
		{"a PartialData 11:55:00=5 11:56:00=4 11:57:00=3", "none Complete"},
		{"a Complete 11:58:00=2 11:59:00=1", "b PartialData 11:55:00=5"},
		{"b PartialData 11:56:00=4 11:57:00=3 11:58:00=2"},
		{"b Complete 11:59:00=1"},
	}
	if diff := cmp.Diff(want, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	in.NextToken, in.MaxDatapoints = nil, aws.Int32(10)
	cw.SetPageSize(0)
	if out := get(t, client, in); out.NextToken != nil {
		t.Errorf("token %q although all ten datapoints fit", *out.NextToken)
	}
	in.NextToken = aws.String("forged")
	_, err := client.GetMetricData(t.Context(), in)
	wantCode(t, err, "InvalidNextToken")
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code {
		t.Errorf("error %v, want code %s", err, code)
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	_, client, _ := startCloudWatch(t)
	many := func(n int) (queries []types.MetricDataQuery) {
		for i := range n {
			queries = append(queries, query(fmt.Sprintf("q%d", i), "Average", 60))
		}
		return queries
	}
	get(t, client, window(many(500)...)) // the limit itself is fine
	both := query("a", "Sum", 60)
	both.Expression = aws.String("b")
	backwards := window(query("m", "Average", 60))
	backwards.StartTime = backwards.EndTime
	tests := []struct {
		name string
		in   *cloudwatch.GetMetricDataInput
		want string
	}{
		{"501 queries", window(many(501)...), "must not have a size greater than 500"},
		{"no query", window([]types.MetricDataQuery{}...), "MetricDataQueries is required"},
		{"id twice", window(query("a", "Sum", 60), query("a", "Sum", 60)), `"a" is given twice`},
		{"id in capitals", window(query("CPU", "Sum", 60)), "not matching the expected pattern"},
		{"period 45", window(query("a", "Sum", 45)), "multiple of 60"},
		{"period 0", window(query("a", "Sum", 0)), "multiple of 60"},
		{"percentile", window(query("a", "p99", 60)), `not "p99"`},
		{"metric and metric math", window(both), "both an Expression and a MetricStat"},
		{"start not before end", backwards, "StartTime must be less"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.in.MetricDataQueries == nil {
				tt.in.MetricDataQueries = []types.MetricDataQuery{}
			}
			_, err := client.GetMetricData(t.Context(), tt.in)
			wantCode(t, err, "ValidationError")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestFaultsAndRequests(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	cw.Fail(local.Faults{Throttle: 1, Fail: 1, Cut: 1})
	in := window(query("a", "Sum", 60), query("b", "Sum", 60))
	_, err := client.GetMetricData(t.Context(), in)
	wantCode(t, err, "ThrottlingException")
	_, err = client.GetMetricData(t.Context(), in)
	if _, ok := errors.AsType[*types.InternalServiceFault](err); !ok {
		t.Errorf("error %v, want the typed InternalServiceFault", err)
	}
	_, err = client.GetMetricData(t.Context(), in)
	if _, answered := errors.AsType[smithy.APIError](err); err == nil || answered {
		t.Errorf("error %v, want a cut connection", err)
	}
	get(t, client, in)
	if diff := cmp.Diff(local.Requests{Calls: 4, Queries: 8}, cw.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestBarrier(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	cw.Barrier(2, time.Minute)
	done := make(chan error, 2)
	call := func() {
		_, err := client.GetMetricData(context.WithoutCancel(t.Context()), window(query("a", "Sum", 60)))
		done <- err
	}
	go call()
	eventually(t, "first call has arrived", func() bool { return cw.Requests().Calls == 1 })
	select {
	case err := <-done:
		t.Fatalf("the first call was not held: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	go call()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := cw.Requests().Barrier; got != "met" {
		t.Errorf("barrier %q, want met", got)
	}
	cw.Barrier(2, 50*time.Millisecond)
	get(t, client, window(query("a", "Sum", 60)))
	if got := cw.Requests().Barrier; got != "timed out" {
		t.Errorf("barrier %q, want timed out", got)
	}
	get(t, client, window(query("a", "Sum", 60))) // it works once
}

func TestControlEndpoints(t *testing.T) {
	t.Parallel()
	_, client, url := startCloudWatch(t)
	metric := `{"namespace":"AWS/ECS","name":"CPUUtilization","dimensions":{"ClusterName":"prod","ServiceName":"checkout"}`
	steps := []struct {
		method, path, body string
		status             int
		text               string // in the answer
		results            []string
	}{
		{"PUT", "/metrics", `[` + metric + `,"points":[{"minutesAgo":2,"value":40},{"time":"2026-11-05T11:59:00Z","sum":90,"sampleCount":3}]}]`, 204, "", []string{"m Complete 11:58:00=40 11:59:00=30"}},
		{"PUT", "/metrics", `[` + metric + `,"points":[{"minutesAgo":2}]}]`, 400, "no value", []string{"m Complete 11:58:00=40 11:59:00=30"}},
		{"PUT", "/metrics", `[` + metric + `,"points":[{"sum":2}]}]`, 400, "no value", nil},
		{"PUT", "/metrics", `[` + metric + `,"points":[{"value":1,"sampleCount":0}]}]`, 400, "must be above 0", nil},
		{"PUT", "/metrics", `[` + metric + `,"status":"Broken"}]`, 400, "is none of Complete", nil},
		{"PUT", "/metrics", `[{"name":"x"}]`, 400, "both names are needed", nil},
		{"PUT", "/metrics", `[` + metric + `,"pionts":[]}]`, 400, `unknown field`, nil},
		{"PUT", "/paging", `{"size":1}`, 204, "", []string{"m PartialData 11:58:00=40"}},
		{"PUT", "/paging", `{"size":0}`, 204, "", []string{"m Complete 11:58:00=40 11:59:00=30"}},
		{"DELETE", "/metrics", metric + `}`, 204, "", []string{"m Complete"}},
		{"PUT", "/metrics", `[` + metric + `,"points":[{"minutesAgo":1,"value":7}]}]`, 204, "", []string{"m Complete 11:59:00=7"}},
		{"DELETE", "/metrics", "", 204, "", []string{"m Complete"}},
		{"DELETE", "/requests", "", 204, "", nil},
		{"GET", "/requests", "", 200, `{"calls":0,"queries":0,"barrier":""}`, nil},
		{"PUT", "/barrier", `{"count":1,"timeoutMs":1000}`, 204, "", []string{"m Complete"}},
		{"GET", "/requests", "", 200, `{"calls":1,"queries":1,"barrier":"met"}`, nil},
		{"POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "", 404, "UnknownOperationException", nil},
	}
	for i, s := range steps { // each builds on the one before
		resp, text := send(t, s.method, url+s.path, s.body, nil)
		if resp.StatusCode != s.status || !strings.Contains(text, s.text) {
			t.Errorf("step %d, %s %s: HTTP %d %s\nwant %d with %q", i, s.method, s.path, resp.StatusCode, text, s.status, s.text)
		}
		if s.results != nil {
			if diff := cmp.Diff(s.results, show(get(t, client, window(query("m", "Average", 60))).MetricDataResults)); diff != "" {
				t.Errorf("after step %d, %s %s (-want +got):\n%s", i, s.method, s.path, diff)
			}
		}
	}
	if resp, text := send(t, http.MethodPut, url+"/faults", `{"throttle":1}`, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("PUT /faults: HTTP %d %s", resp.StatusCode, text)
	}
	_, err := client.GetMetricData(t.Context(), window(query("m", "Average", 60)))
	wantCode(t, err, "ThrottlingException")
}

// Many readers and a writer at once, for the race detector.
func TestCloudWatchAtOnce(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := cw.Set(cpu(ago(1, float64(i)))); err != nil {
				t.Error(err)
			}
			if _, err := client.GetMetricData(t.Context(), window(query("m", "Average", 60))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := cw.Requests().Calls; got != 8 {
		t.Errorf("%d calls counted, want 8", got)
	}
}
