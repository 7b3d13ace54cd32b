package cwsignal

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// request puts a batch in CloudWatch's words and tells which id stands for
// which read. All of the batch has one form.
func request(batch []*read) ([]types.MetricDataQuery, map[string]*read) {
	byID := make(map[string]*read, len(batch))
	var queries []types.MetricDataQuery
	inputs := make(map[string]string) // the ids of the inputs so far, by their metric
	for i, r := range batch {
		switch r.form {
		case plain:
			id := fmt.Sprintf("m%d", i)
			byID[id] = r
			queries = append(queries, metricQuery(id, r.metric))
		case shared:
			// An input of several expressions is asked for, and paid for, once.
			ids := make(map[string]string, len(r.metric.Inputs))
			for _, in := range r.metric.Inputs {
				key := in.Metric.Key()
				if inputs[key] == "" {
					inputs[key] = fmt.Sprintf("i%d", len(inputs))
					queries = append(queries, hidden(metricQuery(inputs[key], in.Metric)))
				}
				ids[in.ID] = inputs[key]
			}
			id := fmt.Sprintf("e%d", i)
			byID[id] = r
			queries = append(queries, mathQuery(id, renamed(r.metric.Expression, ids), r.metric.Period))
		case alone:
			for _, in := range r.metric.Inputs {
				queries = append(queries, hidden(metricQuery(in.ID, in.Metric)))
			}
			id := resultID(r.metric)
			byID[id] = r
			queries = append(queries, mathQuery(id, r.metric.Expression, r.metric.Period))
		}
	}
	return queries, byID
}

// metricQuery asks for a metric as it is.
func metricQuery(id string, m signal.Metric) types.MetricDataQuery {
	dims := make([]types.Dimension, len(m.Dimensions))
	for i, d := range m.Dimensions {
		dims[i] = types.Dimension{Name: aws.String(d.Name), Value: aws.String(d.Value)}
	}
	return types.MetricDataQuery{
		Id: aws.String(id),
		MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String(m.Namespace), MetricName: aws.String(m.Name), Dimensions: dims},
			Period: aws.Int32(int32(m.Period.Seconds())),
			Stat:   aws.String(m.Statistic),
		},
	}
}

// hidden keeps the datapoints of a query out of the answer.
func hidden(q types.MetricDataQuery) types.MetricDataQuery {
	q.ReturnData = aws.Bool(false)
	return q
}

// mathQuery asks for an expression over other queries of the call. A datapoint
// that one operand lacks, or that is no finite number, is missing in the result.
func mathQuery(id, expression string, period time.Duration) types.MetricDataQuery {
	return types.MetricDataQuery{
		Id: aws.String(id), Expression: aws.String(expression),
		Period: aws.Int32(int32(period.Seconds())), ReturnData: aws.Bool(true),
	}
}
