package cwsignal

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// sampleCount is the statistic that is read beside a value when a query asks
// for its samples.
const sampleCount = "SampleCount"

// plan says which metrics are read for which queries.
type plan struct {
	now   time.Time
	reads []*read // each metric, statistic and start once, in the order of first need
	asked []answer
}

// answer is what one query is answered from. One of fault and value is set.
type answer struct {
	fault   string // why the query cannot be asked
	value   *read
	samples *read // nil unless the query asked for samples
}

// planOf sorts out what to read. Queries that share a metric share the read.
func planOf(now time.Time, queries []signal.Query) plan {
	p := plan{now: now, asked: make([]answer, len(queries))}
	known := make(map[string]*read)
	need := func(m signal.Metric, start time.Time) *read {
		key := m.Key() + "|" + start.String()
		if r, ok := known[key]; ok {
			return r
		}
		r := &read{metric: m, start: start, form: formOf(m)}
		known[key] = r
		p.reads = append(p.reads, r)
		return r
	}
	for i, q := range queries {
		if fault := faultOf(q); fault != "" {
			p.asked[i].fault = fault
			continue
		}
		start := startOf(now, q)
		p.asked[i].value = need(q.Metric, start)
		if q.Samples {
			m := q.Metric
			m.Statistic = sampleCount
			p.asked[i].samples = need(m, start)
		}
	}
	return p
}

// startOf gives the start of the oldest datapoint to read. Metrics come late,
// so the window is counted back from the oldest datapoint that would still be
// fresh, not from now. It lies on a multiple of the period, as CloudWatch
// advises: one datapoint must have one start however often it is read.
func startOf(now time.Time, q signal.Query) time.Time {
	period := q.Metric.Period
	return now.Add(-q.Window - signal.StaleAfter(period) - period).Truncate(period)
}

// faultOf says what CloudWatch would refuse about a query, "" for nothing.
func faultOf(q signal.Query) string {
	m := q.Metric
	switch {
	case m.Expression == "" && (m.Namespace == "" || m.Name == "" || m.Statistic == ""):
		return fmt.Sprintf("namespace %q, name %q and statistic %q of the metric must all be set", m.Namespace, m.Name, m.Statistic)
	case !allowedPeriod(m.Period):
		return fmt.Sprintf("period %s is not 1, 5, 10, 20, 30 or a multiple of 60 seconds, at most 455 days", m.Period)
	case q.Window < 0:
		return fmt.Sprintf("window %s is negative", q.Window)
	case m.Expression != "":
		return mathFault(q)
	}
	return ""
}

// maxPeriod is as long as CloudWatch keeps anything.
const maxPeriod = 455 * 24 * time.Hour

func allowedPeriod(d time.Duration) bool {
	return d > 0 && d <= maxPeriod && d%time.Minute == 0 ||
		slices.Contains([]time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}, d)
}

// batches gives the reads in calls. One call has one start for all its metrics,
// so reads with different starts go apart, as do different periods, for which
// CloudWatch may round one start differently. Metric math goes apart from plain
// metrics, because an answer with metric math has no second page.
func (p plan) batches() [][]*read {
	type class struct {
		period time.Duration
		start  time.Time
		form   form
		own    int // tells those that share with nothing apart
	}
	var order []class
	members := make(map[class][]*read)
	for i, r := range p.reads {
		c := class{period: r.metric.Period, start: r.start, form: r.form}
		if r.form == alone {
			c.own = i
		}
		if _, ok := members[c]; !ok {
			order = append(order, c)
		}
		members[c] = append(members[c], r)
	}
	var out [][]*read
	for _, c := range order {
		out = append(out, chunks(members[c], callSize(p.now.Sub(c.start), c.period))...)
	}
	return out
}

// chunks cuts reads into calls of at most so many queries. A read that is
// larger than that has a call of its own.
func chunks(reads []*read, most int) [][]*read {
	var out [][]*read
	room := 0
	for _, r := range reads {
		n := r.queries()
		if len(out) == 0 || n > room {
			out = append(out, nil)
			room = most
		}
		room -= n
		out[len(out)-1] = append(out[len(out)-1], r)
	}
	return out
}

// callSize gives how many queries of the span fit in one call, at least one: a
// plain read that is larger than a call comes in pages.
func callSize(span, period time.Duration) int {
	datapoints := int(span/period) + 1 // the last period is still open
	return max(1, min(queriesPerCall, datapointsPerCall/datapoints))
}

// series answers the queries in their order.
func (p plan) series(queries []signal.Query) []signal.Series {
	out := make([]signal.Series, len(queries))
	for i, a := range p.asked {
		switch {
		case a.fault != "":
			out[i] = signal.Series{Points: []signal.Point{}, Status: signal.Failed, Why: a.fault}
		case a.samples == nil:
			out[i] = a.value.series()
		default:
			out[i] = joined(a.value, a.samples)
		}
		out[i].Metric = queries[i].Metric
	}
	return out
}
