package cwsignal_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/aws/cwsignal"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// half is what CloudWatch answers for one of the two statistics.
type half struct {
	ago    []int // minutes, which are the values too
	times  float64
	status types.StatusCode
}

// answering gives a CloudWatch with these two halves.
func answering(value, samples half) *fakeCloudWatch {
	return &fakeCloudWatch{answer: func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		out := &cloudwatch.GetMetricDataOutput{}
		for _, q := range in.MetricDataQueries {
			h := value
			if aws.ToString(q.MetricStat.Stat) == "SampleCount" {
				h = samples
			}
			r := types.MetricDataResult{Id: q.Id, StatusCode: types.StatusCodeComplete}
			if h.status != "" {
				r.StatusCode = h.status
			}
			for _, m := range h.ago {
				r.Timestamps = append(r.Timestamps, minute(m))
				r.Values = append(r.Values, float64(m)*h.times)
			}
			out.MetricDataResults = append(out.MetricDataResults, r)
		}
		return out, nil
	}}
}

func sampled() signal.Query {
	q := query(cpu("web"))
	q.Samples = true
	return q
}

func TestSamplesAreJoinedByTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		value, samples []int
		want           []int
	}{
		{"both", []int{3, 2, 1}, []int{3, 2, 1}, []int{3, 2, 1}},
		{"in any order", []int{1, 3, 2}, []int{2, 1, 3}, []int{3, 2, 1}},
		{"no samples yet", []int{3, 2, 1}, []int{3, 2}, []int{3, 2}},
		{"no value yet", []int{3, 2}, []int{3, 2, 1}, []int{3, 2}},
		{"nothing in common", []int{3}, []int{2}, nil},
		{"nothing", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := fetch(t, answering(half{ago: c.value, times: 30}, half{ago: c.samples, times: 10}), sampled())[0]
			want := signal.Series{Metric: cpu("web"), Status: signal.Complete, Points: []signal.Point{}}
			for _, m := range c.want {
				want.Points = append(want.Points, signal.Point{Start: minute(m), Value: signal.Value(30 * m), Samples: signal.Value(10 * m)})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("series (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSamplesAreAsWholeAsTheWorseHalf(t *testing.T) {
	t.Parallel()
	whole, some, none := types.StatusCodeComplete, types.StatusCodePartialData, types.StatusCodeForbidden
	for _, c := range []struct {
		value, samples types.StatusCode
		want           signal.Status
		why            []string
	}{
		{whole, whole, signal.Complete, nil},
		{whole, some, signal.Partial, []string{"SampleCount: ", "only some"}},
		{some, whole, signal.Partial, []string{"only some"}},
		{some, none, signal.Failed, []string{"only some", "SampleCount: ", "Forbidden"}},
		{none, whole, signal.Failed, []string{"Forbidden"}},
		{none, none, signal.Failed, []string{"Forbidden"}},
	} {
		got := fetch(t, answering(half{ago: []int{1}, times: 1, status: c.value}, half{ago: []int{1}, times: 1, status: c.samples}), sampled())[0]
		if got.Status != c.want {
			t.Errorf("%s with samples %s is %s, want %s", c.value, c.samples, got.Status, c.want)
		}
		for _, w := range c.why {
			if !strings.Contains(got.Why, w) {
				t.Errorf("%s with samples %s is so because %q, want %q in it", c.value, c.samples, got.Why, w)
			}
		}
		if (got.Why == "") != (c.want == signal.Complete) || (len(got.Points) == 0) != (c.want == signal.Failed) {
			t.Errorf("%s with samples %s is %+v", c.value, c.samples, got)
		}
	}
}

func TestSamplesSentTwiceCountOnce(t *testing.T) {
	t.Parallel()
	f := answering(half{ago: []int{1}, times: 30}, half{})
	first := f.answer
	f.answer = func(in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
		out, err := first(in)
		out.MetricDataResults[1].Timestamps = []time.Time{minute(1), minute(1), minute(1)}
		out.MetricDataResults[1].Values = []float64{2, 3, 1}
		return out, err
	}
	want := []signal.Point{{Start: minute(1), Value: 30, Samples: 3}}
	if diff := cmp.Diff(want, fetch(t, f, sampled())[0].Points); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

func TestNotANumberIsCarried(t *testing.T) {
	t.Parallel()
	f := answering(half{ago: []int{1}, times: math.NaN()}, half{ago: []int{1}, times: 2})
	got := fetch(t, f, sampled())[0].Points
	if len(got) != 1 || got[0].Value.OK() || got[0].Samples != 2 {
		t.Errorf("points are %v, want one that is not a number", got)
	}
}

// Whatever CloudWatch answers in whatever order, a joined point exists exactly
// where both halves have one, and holds exactly what they said.
func TestJoinInventsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.SliceOfDistinct(rapid.IntRange(1, 30), rapid.ID[int])
		value, samples := minutes.Draw(t, "value"), minutes.Draw(t, "samples")
		got, err := cwsignal.New(answering(half{ago: value, times: 7}, half{ago: samples, times: 3})).Fetch(t.Context(), now(), []signal.Query{sampled()})
		if err != nil {
			t.Fatal(err)
		}
		both := make(map[int]bool)
		for _, v := range value {
			for _, s := range samples {
				if v == s {
					both[v] = true
				}
			}
		}
		points := got[0].Points
		if len(points) != len(both) {
			t.Fatalf("%d points, want %d", len(points), len(both))
		}
		for i, p := range points {
			m := int(minute(0).Sub(p.Start) / time.Minute)
			if !both[m] || p.Value != signal.Value(7*m) || p.Samples != signal.Value(3*m) {
				t.Fatalf("point %+v is of minute %d", p, m)
			}
			if i > 0 && !p.Start.After(points[i-1].Start) {
				t.Fatalf("%s comes after %s", p.Start, points[i-1].Start)
			}
		}
	})
}
