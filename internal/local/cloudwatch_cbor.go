package local

import (
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// decodeRequest reads a GetMetricData request. On an error the queries read so far are returned with it, to be counted.
func decodeRequest(body []byte) (metricRequest, error) {
	var req metricRequest
	v, err := cbor.Decode(body)
	if err != nil {
		return req, validationError("decode request: %v", err)
	}
	doc, ok := v.(cbor.Map)
	if !ok {
		return req, validationError("the request is no map")
	}
	d := &cborReader{}
	req = metricRequest{
		start:         d.time(doc, "StartTime"),
		end:           d.time(doc, "EndTime"),
		ascending:     d.text(doc, "ScanBy") == "TimestampAscending",
		maxDatapoints: d.number(doc, "MaxDatapoints"),
		nextToken:     d.text(doc, "NextToken"),
	}
	for _, q := range d.list(doc, "MetricDataQueries") {
		req.queries = append(req.queries, d.query(q))
	}
	return req, d.err
}

// cborReader reads members of maps and keeps the first problem. An absent or null member is the zero value.
type cborReader struct {
	err error
}

func (d *cborReader) problem(format string, args ...any) {
	if d.err == nil {
		d.err = validationError(format, args...)
	}
}

func member(m cbor.Map, name string) (cbor.Value, bool) {
	v, ok := m[name]
	if _, null := v.(*cbor.Nil); null {
		return nil, false
	}
	return v, ok
}

func (d *cborReader) text(m cbor.Map, name string) string {
	v, ok := member(m, name)
	if !ok {
		return ""
	}
	s, ok := v.(cbor.String)
	if !ok {
		d.problem("%s is no string", name)
	}
	return string(s)
}

func (d *cborReader) number(m cbor.Map, name string) int {
	v, ok := member(m, name)
	if !ok {
		return 0
	}
	n, err := cbor.AsInt32(v)
	if err != nil {
		d.problem("%s: %v", name, err)
	}
	return int(n)
}

func (d *cborReader) time(m cbor.Map, name string) time.Time {
	v, ok := member(m, name)
	if !ok {
		return time.Time{}
	}
	t, err := cbor.AsTime(v)
	if err != nil {
		d.problem("%s: %v", name, err)
	}
	return t
}

func (d *cborReader) list(m cbor.Map, name string) cbor.List {
	v, ok := member(m, name)
	if !ok {
		return nil
	}
	l, ok := v.(cbor.List)
	if !ok {
		d.problem("%s is no list", name)
	}
	return l
}

// object is a member that is a map; absent is empty.
func (d *cborReader) object(m cbor.Map, name string) cbor.Map {
	v, ok := member(m, name)
	if !ok {
		return nil
	}
	o, ok := v.(cbor.Map)
	if !ok {
		d.problem("%s is no map", name)
	}
	return o
}

// query reads one MetricDataQuery.
func (d *cborReader) query(v cbor.Value) metricQuery {
	doc, ok := v.(cbor.Map)
	if !ok {
		d.problem("a query is no map")
		return metricQuery{}
	}
	q := metricQuery{id: d.text(doc, "Id"), label: d.text(doc, "Label"), expression: d.text(doc, "Expression")}
	if v, ok := member(doc, "ReturnData"); ok {
		shown, isBool := v.(cbor.Bool)
		if !isBool {
			d.problem("ReturnData is no boolean")
		}
		q.hidden = !bool(shown)
	}
	if q.expression != "" {
		if _, both := member(doc, "MetricStat"); both {
			d.problem("Query %q has both an Expression and a MetricStat.", q.id)
		}
		q.period = time.Duration(d.number(doc, "Period")) * time.Second
		return q
	}
	stat := d.object(doc, "MetricStat")
	metric := d.object(stat, "Metric")
	q.stat, q.unit = d.text(stat, "Stat"), d.text(stat, "Unit")
	q.period = time.Duration(d.number(stat, "Period")) * time.Second
	q.namespace, q.name = d.text(metric, "Namespace"), d.text(metric, "MetricName")
	q.dimensions = map[string]string{}
	for _, dim := range d.list(metric, "Dimensions") {
		pair, ok := dim.(cbor.Map)
		if !ok {
			d.problem("a dimension of query %q is no map", q.id)
			continue
		}
		q.dimensions[d.text(pair, "Name")] = d.text(pair, "Value")
	}
	return q
}

// encode is the answer on the wire.
func (p metricPage) encode() cbor.Value {
	results := make(cbor.List, 0, len(p.results))
	for _, r := range p.results {
		times, values := make(cbor.List, 0, len(r.points)), make(cbor.List, 0, len(r.points))
		for _, point := range r.points {
			epoch := float64(point.at.UnixMilli()) / float64(time.Second/time.Millisecond)
			times = append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(epoch)})
			values = append(values, cbor.Float64(point.value))
		}
		result := cbor.Map{
			"Id": cbor.String(r.id), "Label": cbor.String(r.label), "StatusCode": cbor.String(r.status),
			"Timestamps": times, "Values": values,
		}
		if r.message != "" {
			result["Messages"] = cbor.List{cbor.Map{"Code": cbor.String("ArithmeticError"), "Value": cbor.String(r.message)}}
		}
		results = append(results, result)
	}
	doc := cbor.Map{"MetricDataResults": results, "Messages": cbor.List{}}
	if p.nextToken != "" {
		doc["NextToken"] = cbor.String(p.nextToken)
	}
	return doc
}
