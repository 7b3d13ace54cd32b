package local

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// CloudWatch is a stand-in for one CloudWatch operation, GetMetricData, in the protocol that the Go client speaks (Smithy
// RPC v2 CBOR). Its values are set by hand, by the methods below or over loopback:
//
//	PUT    /metrics   [Metric, ...]    set metrics, each replacing all points of the one before
//	DELETE /metrics   {"namespace", "name", "dimensions"} or no body: forget one or all
//	PUT    /faults    Faults           fail coming calls
//	PUT    /paging    {"size": 2}      most datapoints in one answer; 0 means 100,800
//	PUT    /barrier   {"count": 2, "timeoutMs": 10000}
//	GET    /requests  Requests         what has been asked
//	DELETE /requests                   count from zero again
type CloudWatch struct {
	now    func() time.Time
	routes http.Handler

	mu       sync.Mutex
	metrics  map[string]storedMetric
	faults   Faults
	pageSize int
	requests Requests
	barrier  *barrier
}

// Metric is one metric with its points.
type Metric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Dimensions map[string]string `json:"dimensions"`
	Unit       string            `json:"unit,omitempty"` // "" is CloudWatch's None
	Points     []Point           `json:"points"`
	// Status is what a query of this metric answers: Complete (also ""), PartialData, InternalError or Forbidden. The last
	// two come without datapoints.
	Status string `json:"status,omitempty"`
	// Repeat publishes the newest point anew every minute until now, so that a metric set once stays fresh.
	Repeat bool `json:"repeat,omitempty"`
}

// Point is what was published at one time: Value alone is one sample, Value with SampleCount is so many samples of that
// value, and Sum with SampleCount is a set whose minimum and maximum are its average unless they are given.
type Point struct {
	Time        time.Time `json:"time,omitzero"`
	MinutesAgo  float64   `json:"minutesAgo,omitempty"` // before the start of the present minute; used when Time is zero
	Value       *float64  `json:"value,omitempty"`
	Sum         *float64  `json:"sum,omitempty"`
	SampleCount *float64  `json:"sampleCount,omitempty"`
	Minimum     *float64  `json:"minimum,omitempty"`
	Maximum     *float64  `json:"maximum,omitempty"`
}

// Faults fail coming GetMetricData calls: first the throttled, then the failed, then the cut ones.
type Faults struct {
	Throttle int    `json:"throttle"` // calls answered ThrottlingException
	Fail     int    `json:"fail"`     // calls answered Code with Status
	Code     string `json:"code"`     // "" means InternalServiceFault
	Status   int    `json:"status"`   // 0 means 500
	Message  string `json:"message"`
	Cut      int    `json:"cut"` // calls whose connection is closed without an answer
}

// Requests counts what has been asked since the start or the last reset.
type Requests struct {
	Calls   int `json:"calls"`   // GetMetricData calls, failed ones too
	Queries int `json:"queries"` // metric queries in them
	// Barrier is the last barrier: "", waiting, met or timed out.
	Barrier string `json:"barrier"`
}

// storedMetric is a metric with its points resolved to times, oldest first.
type storedMetric struct {
	Metric
	sets []sampleSet
}

// sampleSet is a CloudWatch statistic set published at one time.
type sampleSet struct {
	at                   time.Time
	sum, count, low, top float64
}

// barrier holds calls until so many have arrived.
type barrier struct {
	missing int
	open    chan struct{}
	timeout time.Duration
}

// NewCloudWatch returns an empty stand-in. now resolves points that are relative to the present.
func NewCloudWatch(now func() time.Time) *CloudWatch {
	c := &CloudWatch{now: now, metrics: map[string]storedMetric{}}
	c.routes = c.handlers()
	return c
}

// Set stores metrics. Each replaces the metric of the same namespace, name and dimensions with all its points.
func (c *CloudWatch) Set(metrics ...Metric) error {
	now := c.now()
	stored := make([]storedMetric, 0, len(metrics))
	var problems []error
	for _, m := range metrics {
		s, err := resolveMetric(m, now)
		problems = append(problems, err)
		stored = append(stored, s)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range stored {
		c.metrics[metricKey(s.Namespace, s.Name, s.Dimensions)] = s
	}
	return nil
}

// Remove forgets one metric: its queries answer Complete with no datapoints, as for one that never was.
func (c *CloudWatch) Remove(namespace, name string, dimensions map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.metrics, metricKey(namespace, name, dimensions))
}

// Clear forgets every metric, fault and count.
func (c *CloudWatch) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.metrics = map[string]storedMetric{}
	c.faults, c.pageSize, c.requests = Faults{}, 0, Requests{}
}

// Fail sets the faults of coming calls, in place of those still open.
func (c *CloudWatch) Fail(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = f
}

// SetPageSize bounds the datapoints of one answer; 0 means CloudWatch's own 100,800.
func (c *CloudWatch) SetPageSize(datapoints int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pageSize = datapoints
}

// Barrier holds the next calls until count of them have arrived, then lets all go; after the timeout those that came go on
// alone. It works once. Requests tells how it ended.
func (c *CloudWatch) Barrier(count int, timeout time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.barrier != nil {
		close(c.barrier.open) // whoever waits at the old one goes on
	}
	c.barrier = nil
	c.requests.Barrier = ""
	if count > 0 {
		c.barrier = &barrier{missing: count, open: make(chan struct{}), timeout: timeout}
		c.requests.Barrier = barrierWaiting
	}
}

const (
	barrierWaiting = "waiting"
	barrierMet     = "met"
	barrierTimeout = "timed out"
)

// Requests returns the counts.
func (c *CloudWatch) Requests() Requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// ResetRequests counts from zero again.
func (c *CloudWatch) ResetRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = Requests{Barrier: c.requests.Barrier}
}

// waitAtBarrier holds a call while a barrier is up.
func (c *CloudWatch) waitAtBarrier(ctx context.Context) {
	c.mu.Lock()
	b := c.barrier
	if b == nil {
		c.mu.Unlock()
		return
	}
	b.missing--
	if b.missing == 0 {
		c.lower(b, barrierMet)
	}
	c.mu.Unlock()
	timer := time.NewTimer(b.timeout)
	defer timer.Stop()
	select {
	case <-b.open:
	case <-ctx.Done():
	case <-timer.C:
		c.mu.Lock()
		c.lower(b, barrierTimeout)
		c.mu.Unlock()
	}
}

// lower ends the barrier once. The caller holds the lock.
func (c *CloudWatch) lower(b *barrier, how string) {
	if c.barrier != b {
		return
	}
	c.barrier = nil
	c.requests.Barrier = how
	close(b.open)
}

// metricKey identifies a metric. Dimensions are a set: their order does not matter.
func metricKey(namespace, name string, dimensions map[string]string) string {
	parts := make([]string, 0, len(dimensions))
	for k, v := range dimensions {
		parts = append(parts, k+"\x01"+v)
	}
	sort.Strings(parts)
	return namespace + "\x00" + name + "\x00" + strings.Join(parts, "\x00")
}

// resolveMetric checks a metric and turns its points into statistic sets at absolute times.
func resolveMetric(m Metric, now time.Time) (storedMetric, error) {
	if m.Namespace == "" || m.Name == "" {
		return storedMetric{}, fmt.Errorf("metric %q in namespace %q: both names are needed", m.Name, m.Namespace)
	}
	statuses := []string{"", statusComplete, statusPartialData, statusInternalError, statusForbidden}
	if !slices.Contains(statuses, m.Status) {
		return storedMetric{}, fmt.Errorf("metric %s: status %q is none of %s", m.Name, m.Status, strings.Join(statuses[1:], ", "))
	}
	s := storedMetric{Metric: m, sets: make([]sampleSet, 0, len(m.Points))}
	for i, p := range m.Points {
		set, err := resolvePoint(p, now)
		if err != nil {
			return storedMetric{}, fmt.Errorf("metric %s, point %d: %w", m.Name, i, err)
		}
		s.sets = append(s.sets, set)
	}
	slices.SortStableFunc(s.sets, func(a, b sampleSet) int { return a.at.Compare(b.at) })
	return s, nil
}

// resolvePoint is the statistic set of one point.
func resolvePoint(p Point, now time.Time) (sampleSet, error) {
	set := sampleSet{at: p.Time}
	if p.Time.IsZero() {
		set.at = now.Truncate(time.Minute).Add(-time.Duration(p.MinutesAgo * float64(time.Minute)))
	}
	count := 1.0
	if p.SampleCount != nil {
		count = *p.SampleCount
	}
	switch {
	case p.Value != nil && p.Sum != nil:
		return sampleSet{}, errors.New("value and sum are both given: use value, or sum with sampleCount")
	case count <= 0 || math.IsNaN(count):
		return sampleSet{}, fmt.Errorf("sampleCount is %v: it must be above 0", count)
	case p.Value != nil:
		set.sum, set.count = *p.Value*count, count
	case p.Sum != nil && p.SampleCount != nil:
		set.sum, set.count = *p.Sum, count
	default:
		return sampleSet{}, errors.New("no value: give value, or sum with sampleCount")
	}
	set.low, set.top = set.sum/set.count, set.sum/set.count
	if p.Minimum != nil {
		set.low = *p.Minimum
	}
	if p.Maximum != nil {
		set.top = *p.Maximum
	}
	for _, v := range []float64{set.sum, set.count, set.low, set.top} {
		if math.IsInf(v, 0) {
			return sampleSet{}, errors.New("a value is infinite: CloudWatch stores finite numbers")
		}
	}
	return set, nil
}

// ServeHTTP answers GetMetricData and the control endpoints.
func (c *CloudWatch) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.routes.ServeHTTP(w, r) }

// ECSUtilization is a metric as ECS publishes it: average is the utilisation of the service in percent, tasks how many
// running tasks sent a sample. It has one point for each of the last minutes, the present one excluded, and repeats.
func ECSUtilization(cluster, service, name string, average float64, tasks, minutes int) Metric {
	m := Metric{
		Namespace:  "AWS/ECS",
		Name:       name,
		Dimensions: map[string]string{"ClusterName": cluster, "ServiceName": service},
		Unit:       "Percent",
		Repeat:     true,
	}
	count := float64(tasks)
	for ago := minutes; ago >= 1; ago-- {
		m.Points = append(m.Points, Point{MinutesAgo: float64(ago), Value: &average, SampleCount: &count})
	}
	return m
}
