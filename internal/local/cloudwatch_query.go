package local

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	statusComplete      = "Complete"
	statusPartialData   = "PartialData"
	statusInternalError = "InternalError"
	statusForbidden     = "Forbidden"

	maxQueries    = 500
	maxDatapoints = 100_800 // of one answer, CloudWatch's default and limit
)

// queryID is what CloudWatch takes as the id of a query.
var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

// metricRequest is a GetMetricData request.
type metricRequest struct {
	start, end    time.Time
	ascending     bool
	maxDatapoints int
	nextToken     string
	queries       []metricQuery
}

// metricQuery is one of its queries.
type metricQuery struct {
	id, label       string
	expression      string // metric math; then only the period is set beside it, or not
	namespace, name string
	dimensions      map[string]string
	period          time.Duration
	stat, unit      string
	hidden          bool // ReturnData is false
}

// metricPage is a GetMetricData answer.
type metricPage struct {
	results   []metricResult
	nextToken string
}

// metricResult is the answer to one query, or the part of it that fits into one page.
type metricResult struct {
	id, label, status string
	points            []datapoint
	message           string // an ArithmeticError beside the datapoints
}

// datapoint is one value at the start of its period.
type datapoint struct {
	at    time.Time
	value float64
}

// validate refuses what CloudWatch refuses.
func (req metricRequest) validate() error {
	switch {
	case len(req.queries) == 0:
		return validationError("The parameter MetricDataQueries is required.")
	case len(req.queries) > maxQueries:
		return validationError("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	case req.start.IsZero() || req.end.IsZero():
		return validationError("The parameters StartTime and EndTime are required.")
	case !req.start.Before(req.end):
		return validationError("The parameter StartTime must be less than the parameter EndTime.")
	case req.maxDatapoints < 0 || req.maxDatapoints > maxDatapoints:
		return validationError("The parameter MaxDatapoints must be between 1 and %d.", maxDatapoints)
	}
	seen := make(map[string]bool, len(req.queries))
	for _, q := range req.queries {
		if seen[q.id] {
			return validationError("The values for parameter id in MetricDataQueries must be unique; %q is given twice.", q.id)
		}
		seen[q.id] = true
		if err := q.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (q metricQuery) validate() error {
	seconds := int(q.period / time.Second)
	switch {
	case !queryID.MatchString(q.id):
		return validationError("The value %q for parameter MetricDataQueries.member.id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", q.id)
	case q.expression != "" && q.period == 0:
		return nil
	case q.expression == "" && (q.namespace == "" || q.name == ""):
		return validationError("Query %q names no metric: Namespace and MetricName are required.", q.id)
	case !slices.Contains([]int{1, 5, 10, 20, 30}, seconds) && (seconds <= 0 || seconds%60 != 0):
		return validationError("Period must be 1, 5, 10, 20, 30 or a multiple of 60; query %q has %d.", q.id, seconds)
	case q.expression != "":
		return nil
	case q.stat == "":
		return validationError("Query %q has no Stat.", q.id)
	}
	if _, ok := statistics(q.stat); !ok {
		return validationError("The local CloudWatch knows the statistics Average, Sum, SampleCount, Minimum and Maximum, not %q (query %q).", q.stat, q.id)
	}
	return nil
}

// statistics returns the function that takes a statistic out of a set.
func statistics(stat string) (func(sampleSet) float64, bool) {
	switch stat {
	case "Average":
		return func(s sampleSet) float64 { return s.sum / s.count }, true
	case "Sum":
		return func(s sampleSet) float64 { return s.sum }, true
	case "SampleCount":
		return func(s sampleSet) float64 { return s.count }, true
	case "Minimum":
		return func(s sampleSet) float64 { return s.low }, true
	case "Maximum":
		return func(s sampleSet) float64 { return s.top }, true
	}
	return nil, false
}

// evaluate answers a request with its page.
func (c *CloudWatch) evaluate(req metricRequest) (metricPage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := req.validate(); err != nil {
		return metricPage{}, err
	}
	skip, err := parseToken(req.nextToken)
	if err != nil {
		return metricPage{}, err
	}
	size := maxDatapoints
	for _, bound := range []int{req.maxDatapoints, c.pageSize} {
		if bound > 0 {
			size = min(size, bound)
		}
	}
	results := make([]metricResult, 0, len(req.queries))
	for _, q := range req.queries {
		res, err := c.result(req, q)
		if err != nil {
			return metricPage{}, err
		}
		if !q.hidden {
			results = append(results, res)
		}
	}
	return cutPage(results, skip, size), nil
}

// result is the whole answer to one query in the order that was asked for. An expression that is hidden is computed too: CloudWatch
// refuses a wrong one all the same. The caller holds the lock.
func (c *CloudWatch) result(req metricRequest, q metricQuery) (metricResult, error) {
	var res metricResult
	if q.expression == "" {
		res = c.answer(req, q)
	} else {
		evaluator := mathEvaluator{req: req, metrics: func(q metricQuery) metricResult { return c.answer(req, q) }}
		var err error
		if res, err = evaluator.answerMath(q); err != nil {
			return metricResult{}, err
		}
	}
	if !req.ascending {
		slices.Reverse(res.points)
	}
	return res, nil
}

// answer is the whole answer to one query of a metric, oldest first. The caller holds the lock.
func (c *CloudWatch) answer(req metricRequest, q metricQuery) metricResult {
	res := metricResult{id: q.id, label: q.label, status: statusComplete}
	if res.label == "" {
		res.label = q.name
	}
	m, known := c.metrics[metricKey(q.namespace, q.name, q.dimensions)]
	if !known {
		return res
	}
	if m.Status != "" {
		res.status = m.Status
	}
	if m.Status == statusInternalError || m.Status == statusForbidden || (q.unit != "" && q.unit != unitOf(m.Metric)) {
		return res
	}
	res.points = aggregate(m.published(c.now()), req.start, req.end, q)
	return res
}

func unitOf(m Metric) string {
	if m.Unit == "" {
		return "None"
	}
	return m.Unit
}

// published is every statistic set of the metric up to now, the repeated ones included.
func (m storedMetric) published(now time.Time) []sampleSet {
	if !m.Repeat || len(m.sets) == 0 {
		return m.sets
	}
	sets := slices.Clone(m.sets)
	last := sets[len(sets)-1]
	// The present minute is still open: its point comes when it is over.
	for at := last.at.Add(time.Minute); at.Before(now.Truncate(time.Minute)); at = at.Add(time.Minute) {
		last.at = at
		sets = append(sets, last)
	}
	return sets
}

// aggregate merges the sets into periods and takes the query's statistic of each, oldest first. A period is in the answer
// when its start is at or after start and before end.
func aggregate(sets []sampleSet, start, end time.Time, q metricQuery) []datapoint {
	take, _ := statistics(q.stat) // validated before
	start, end = roundWindow(start, end, q.period)
	var periods []sampleSet
	for _, s := range sets { // in order of time
		at := s.at.Truncate(q.period)
		if at.Before(start) || !at.Before(end) {
			continue
		}
		s.at = at
		if n := len(periods); n > 0 && periods[n-1].at.Equal(at) {
			periods[n-1] = periods[n-1].merge(s)
			continue
		}
		periods = append(periods, s)
	}
	points := make([]datapoint, 0, len(periods))
	for _, p := range periods {
		points = append(points, datapoint{at: p.at, value: take(p)})
	}
	return points
}

// roundWindow rounds as CloudWatch does: the start down to the minute, of a sub-minute period both ends to the period.
func roundWindow(start, end time.Time, period time.Duration) (from, to time.Time) {
	if period < time.Minute {
		end = end.Truncate(period)
	}
	return start.Truncate(min(period, time.Minute)), end
}

// merge adds another set of the same period.
func (s sampleSet) merge(o sampleSet) sampleSet {
	return sampleSet{at: s.at, sum: s.sum + o.sum, count: s.count + o.count, low: min(s.low, o.low), top: max(s.top, o.top)}
}

// cutPage takes size datapoints after the first skip ones. A query that goes on in a later page is PartialData in this one,
// and one that begins in a later page is not in this one at all: the client has to join pages by id. Queries without
// datapoints are all on the first page.
func cutPage(results []metricResult, skip, size int) metricPage {
	var page metricPage
	at := 0 // index of the first datapoint of the result among all
	for _, res := range results {
		n := len(res.points)
		from, to := max(skip-at, 0), min(skip+size-at, n)
		at += n
		switch {
		case n == 0 && skip == 0:
			page.results = append(page.results, res)
		case from < to:
			res.points = res.points[from:to]
			if to < n {
				res.status = statusPartialData
			}
			page.results = append(page.results, res)
		}
	}
	if at > skip+size {
		page.nextToken = pageToken(skip + size)
	}
	return page
}

// tokenPrefix marks our paging tokens.
const tokenPrefix = "local-page-"

func pageToken(skip int) string { return tokenPrefix + strconv.Itoa(skip) }

func parseToken(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(token, tokenPrefix)
	skip, err := strconv.Atoi(digits)
	if !ok || err != nil || skip < 1 {
		return 0, &serviceError{status: 400, code: "InvalidNextToken", message: fmt.Sprintf("The token %q was not given out here.", token)}
	}
	return skip, nil
}
