package local_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/local"
)

// expression is a query for metric math.
func expression(id, text string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, Expression: &text, Period: aws.Int32(60)}
}

// mathInputs are hidden queries for a (2, 4, 6 at 11:57, 11:58, 11:59) and b (5, none, 0).
func mathInputs(t *testing.T, cw *local.CloudWatch) []types.MetricDataQuery {
	t.Helper()
	a, b := cpu(ago(3, 2), ago(2, 4), ago(1, 6)), cpu(ago(3, 5), ago(1, 0))
	b.Name = "MemoryUtilization"
	set(t, cw, a, b)
	queries := []types.MetricDataQuery{query("a", "Sum", 60), query("b", "Sum", 60)}
	queries[1].MetricStat.Metric.MetricName = aws.String("MemoryUtilization")
	for i := range queries {
		queries[i].ReturnData = aws.Bool(false)
	}
	return queries
}

func TestMetricMath(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	inputs := mathInputs(t, cw)
	for _, c := range []struct{ text, want string }{
		{"a", "e Complete 11:57:00=2 11:58:00=4 11:59:00=6"},
		{"a + b", "e Complete 11:57:00=7 11:59:00=6"},     // a missing operand is a missing result
		{"b/a*100", "e Complete 11:57:00=250 11:59:00=0"}, // from the left
		{"1 + a*2 - 1", "e Complete 11:57:00=4 11:58:00=8 11:59:00=12"},
		{"(1+a)*2", "e Complete 11:57:00=6 11:58:00=10 11:59:00=14"},
		{"-a - -1.5e0", "e Complete 11:57:00=-0.5 11:58:00=-2.5 11:59:00=-4.5"},
		{"a/1e-1", "e Complete 11:57:00=20 11:58:00=40 11:59:00=60"},
		{"a/b", "e Complete 11:57:00=0.4"}, // a quotient by zero is missing
		{"a/(1-1)", "e Complete"},
		{"FILL(b, 9) - a", "e Complete 11:57:00=3 11:58:00=5 11:59:00=-6"},
		{"FILL(b, -1)*1", "e Complete 11:50:00=-1 11:51:00=-1 11:52:00=-1 11:53:00=-1 11:54:00=-1 11:55:00=-1 11:56:00=-1" +
			" 11:57:00=5 11:58:00=-1 11:59:00=0 12:00:00=-1"}, // the whole window is filled
		{"half * 2", "e Complete 11:57:00=2 11:58:00=4 11:59:00=6"},
	} {
		half := expression("half", "a / 2")
		half.ReturnData = aws.Bool(false)
		out := get(t, client, window(append([]types.MetricDataQuery{expression("e", c.text), half}, inputs...)...))
		if diff := cmp.Diff([]string{c.want}, show(out.MetricDataResults)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		byZero := strings.HasPrefix(c.text, "a/b") || strings.HasPrefix(c.text, "a/(")
		if said := len(out.MetricDataResults[0].Messages) == 1; said != byZero {
			t.Errorf("%s comes with the messages %v", c.text, out.MetricDataResults[0].Messages)
		}
	}
}

func TestMetricMathNewestFirstBesideAPlainMetric(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	inputs := mathInputs(t, cw)
	in := window(append(inputs, expression("e", "a*10"), query("plain", "Sum", 60))...)
	in.ScanBy = types.ScanByTimestampDescending
	want := []string{"e Complete 11:59:00=60 11:58:00=40 11:57:00=20", "plain Complete 11:59:00=6 11:58:00=4 11:57:00=2"}
	if diff := cmp.Diff(want, show(get(t, client, in).MetricDataResults)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// A result is as whole as the least whole metric in it, and one that could not be read has no value.
func TestMetricMathStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"PartialData", "InternalError", "Forbidden"} {
		cw, client, _ := startCloudWatch(t)
		inputs := mathInputs(t, cw)
		b := cpu(ago(3, 5))
		b.Name, b.Status = "MemoryUtilization", status
		set(t, cw, b)
		want := "e " + status
		if status == "PartialData" {
			want += " 11:57:00=7"
		}
		got := show(get(t, client, window(append(inputs, expression("e", "a+b"))...)).MetricDataResults)
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", status, diff)
		}
	}
}

// What the stand-in cannot compute is refused, never answered with a value.
func TestMetricMathIsRefusedAloud(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	inputs := mathInputs(t, cw)
	for _, c := range []struct{ text, want string }{
		{"SUM(METRICS())", "Error in expression 'e': Function 'SUM' not found"},
		{"IF(a > b, a, b)", "Error in expression 'e': Invalid syntax"},
		{"FILL(a, REPEAT)", "'REPEAT' not found"},
		{"FILL(1, 2)", "FILL"},
		{"a +", "Invalid syntax"},
		{"(a", `")" is missing`},
		{"a b", "Invalid syntax"},
		{"nobody * 2", "Metric 'nobody' not found"},
		{"2 * 3", "no time series"},
		{"e + a", "depends on itself"},
		{strings.Repeat("(", 1000) + "a" + strings.Repeat(")", 1000), "nested too deeply"},
		{strings.Repeat("-", 1000) + "a", "nested too deeply"},
		{"a ^ 2", "Invalid syntax"},
	} {
		_, err := client.GetMetricData(t.Context(), window(append(inputs, expression("e", c.text))...))
		wantCode(t, err, "ValidationError")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s is answered %v, want %q", c.text, err, c.want)
		}
	}
	slow := expression("e", "a*2")
	slow.Period = aws.Int32(300)
	_, err := client.GetMetricData(t.Context(), window(append(inputs, slow)...))
	wantCode(t, err, "ValidationError")
}

// A 20-second metric has its three datapoints in the minute and one sum of them over it.
func TestTwentySeconds(t *testing.T) {
	t.Parallel()
	cw, client, _ := startCloudWatch(t)
	at := time.Date(2026, 11, 5, 11, 58, 0, 0, time.UTC)
	var points []local.Point
	for i, v := range []float64{30, 60, 90} {
		points = append(points, local.Point{Time: at.Add(time.Duration(i) * 20 * time.Second), Value: &v, SampleCount: aws.Float64(4)})
	}
	set(t, cw, cpu(points...))
	fine, times := query("fine", "Average", 20), expression("twice", "fine * 2")
	times.Period = aws.Int32(20)
	out := get(t, client, window(fine, query("n", "SampleCount", 60), query("avg", "Average", 60), times))
	want := []string{
		"fine Complete 11:58:00=30 11:58:20=60 11:58:40=90", "n Complete 11:58:00=12", "avg Complete 11:58:00=60",
		"twice Complete 11:58:00=60 11:58:20=120 11:58:40=180",
	}
	if diff := cmp.Diff(want, show(out.MetricDataResults)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
