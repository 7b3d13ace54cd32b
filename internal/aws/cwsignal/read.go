package cwsignal

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// read is one metric with one statistic, asked for once, and its answer.
type read struct {
	metric signal.Metric
	start  time.Time
	form   form

	points []signal.Point
	status signal.Status // "" until CloudWatch has answered
	why    string
	many   bool // the expression gave several series, of which none is the answer
}

// queries gives how many of a call's queries the read takes.
func (r *read) queries() int { return 1 + len(r.metric.Inputs) }

// reset forgets an answer, before the read is asked for again.
func (r *read) reset() { r.points, r.status, r.why, r.many = nil, "", "", false }

// takePage adds what one page holds of the read: one result, several only of an
// expression that gives several series, such as FILL(METRICS(), 0).
func (r *read) takePage(results []types.MetricDataResult) {
	if len(results) > 1 && r.form != plain {
		r.many = true
	}
	for _, res := range results {
		r.take(res)
	}
	if r.many {
		r.status, r.why = signal.Failed, "the expression gives several series; make one of them with SUM, AVG, MIN or MAX"
	}
}

// take adds one page's answer. Each page repeats the status of what it holds,
// so the last one stands: PartialData on the way means that more is coming.
func (r *read) take(res types.MetricDataResult) {
	for i := range min(len(res.Timestamps), len(res.Values)) {
		r.points = append(r.points, signal.Point{Start: res.Timestamps[i].UTC(), Value: signal.Value(res.Values[i])})
	}
	switch res.StatusCode {
	case types.StatusCodeComplete:
		r.status, r.why = signal.Complete, ""
	case types.StatusCodePartialData:
		r.status, r.why = signal.Partial, "CloudWatch returned only some of the datapoints"
	case types.StatusCodeForbidden:
		r.status, r.why = signal.Failed, "CloudWatch answered Forbidden; allow cloudwatch:GetMetricData on the metric's account"
	case types.StatusCodeInternalError:
		r.status, r.why = signal.Failed, "CloudWatch answered InternalError"
	default:
		r.status, r.why = signal.Failed, "CloudWatch answered the unknown status "+string(res.StatusCode)
	}
	if r.status != signal.Complete {
		r.why = withMessages(r.why, res.Messages)
	}
}

// finish closes the read after the last page. A metric that was not answered at
// all failed: that CloudWatch said nothing is no proof that there is nothing.
func (r *read) finish(global []types.MessageData) {
	if r.status == "" {
		r.status, r.why = signal.Failed, withMessages("CloudWatch did not answer for the metric", global)
	}
}

// interrupt closes the read after a call that failed: what earlier pages
// brought may not be all.
func (r *read) interrupt(err error) {
	switch r.status {
	case "":
		r.status, r.why = signal.Failed, err.Error()
	case signal.Complete, signal.Partial:
		r.status, r.why = signal.Partial, err.Error()
	case signal.Failed:
	}
}

func withMessages(why string, messages []types.MessageData) string {
	for _, m := range messages {
		why += "; " + aws.ToString(m.Code) + ": " + aws.ToString(m.Value)
	}
	return why
}

// series gives the datapoints, oldest first. A failed read has none.
func (r *read) series() signal.Series {
	out := signal.Series{Points: []signal.Point{}, Status: r.status, Why: r.why}
	if r.status == signal.Failed {
		return out
	}
	out.Points = append(out.Points, r.points...)
	slices.SortStableFunc(out.Points, func(a, b signal.Point) int { return a.Start.Compare(b.Start) })
	return out
}

// joined gives the value's datapoints with the samples beside them. A datapoint
// that only one of the two has is dropped: neither half is worth anything
// alone, and inventing the other would be. Of samples that were sent twice the
// larger stands, since a period only fills.
func joined(value, samples *read) signal.Series {
	out, counts := value.series(), samples.series()
	out.Status, out.Why = worse(out, counts)
	at := make(map[int64]signal.Value, len(counts.Points))
	for _, p := range counts.Points {
		if old, ok := at[p.Start.UnixNano()]; !ok || p.Value > old {
			at[p.Start.UnixNano()] = p.Value
		}
	}
	both := out.Points[:0]
	for _, p := range out.Points {
		if n, ok := at[p.Start.UnixNano()]; ok {
			p.Samples = n
			both = append(both, p)
		}
	}
	out.Points = both
	return out
}

// worse gives the less whole status of two series and why each is not whole.
func worse(value, samples signal.Series) (signal.Status, string) {
	var whys []string
	if value.Why != "" {
		whys = append(whys, value.Why)
	}
	if samples.Why != "" && samples.Why != value.Why {
		whys = append(whys, sampleCount+": "+samples.Why)
	}
	why := strings.Join(whys, "; ")
	for _, s := range []signal.Status{signal.Failed, signal.Partial} {
		if value.Status == s || samples.Status == s {
			return s, why
		}
	}
	return signal.Complete, why
}
