// Package signal gives metric samples with their freshness judged: a reading is
// fresh, stale or missing, and the type makes the caller ask which.
package signal

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dimension is one CloudWatch dimension.
type Dimension struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Metric identifies one series of CloudWatch datapoints.
type Metric struct {
	Namespace  string        `json:"namespace"`
	Name       string        `json:"name"`
	Dimensions []Dimension   `json:"dimensions,omitempty"` // sorted by name
	Statistic  string        `json:"statistic"`            // Average, Sum, SampleCount, Minimum, Maximum or pNN; empty for metric math
	Period     time.Duration `json:"periodNs"`
	// Expression is CloudWatch metric math over Inputs; Namespace, Name and
	// Dimensions are then empty.
	Expression string  `json:"expression,omitempty"`
	Inputs     []Input `json:"inputs,omitempty"` // sorted by id
}

// Input is one metric of an expression under its id.
type Input struct {
	ID     string `json:"id"`
	Metric Metric `json:"metric"`
}

// Identity names the metric without statistic and period: what an alarm and a
// policy have in common when they read the same metric. That of metric math is
// its expression with the identities of its inputs.
func (m Metric) Identity() string {
	if m.Expression != "" {
		var b strings.Builder
		b.WriteString("=" + m.Expression)
		for _, in := range m.Inputs {
			b.WriteString("|" + in.ID + ":" + in.Metric.Identity() + "|" + in.Metric.Statistic)
		}
		return b.String()
	}
	d := slices.Clone(m.Dimensions)
	slices.SortFunc(d, func(a, b Dimension) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString(m.Namespace + "/" + m.Name)
	for _, v := range d {
		b.WriteString("|" + v.Name + "=" + v.Value)
	}
	return b.String()
}

// Key identifies the series: identity, statistic and period.
func (m Metric) Key() string {
	return m.Identity() + "|" + m.Statistic + "|" + m.Period.String()
}

// Query asks for the datapoints of one metric over a window that ends now.
type Query struct {
	Metric Metric `json:"metric"`
	// Samples asks for the SampleCount beside each value. For an AWS/ECS service
	// metric it is the number of RUNNING tasks that produced the datapoint.
	Samples bool          `json:"samples,omitempty"`
	Window  time.Duration `json:"windowNs"`
}

// Value is a float64 that JSON can carry: what is not a number is null.
type Value float64

// MarshalJSON writes NaN and infinities as null.
func (v Value) MarshalJSON() ([]byte, error) {
	return v.appendJSON(make([]byte, 0, 24)), nil
}

// appendJSON writes the value as encoding/json does, null where it is no number. A record
// holds hundreds, and writing them by reflection was a tenth of a decision's time.
func (v Value) appendJSON(b []byte) []byte {
	if !v.OK() {
		return append(b, "null"...)
	}
	const least, most = 1e-6, 1e21
	if abs := math.Abs(float64(v)); abs == 0 || abs >= least && abs < most {
		return strconv.AppendFloat(b, float64(v), 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, float64(v), 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 is written e-9
		b = append(b[:n-2], b[n-1])
	}
	return b
}

// UnmarshalJSON reads null as NaN.
func (v *Value) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = Value(math.NaN())
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("read metric value: %w", err)
	}
	*v = Value(f)
	return nil
}

// OK tells whether the value is a finite number: only those leave 0 when they are
// taken from themselves. Every datapoint of a fleet is asked.
func (v Value) OK() bool { return v-v == 0 }

// Point is one datapoint: the statistic over [Start, Start+period).
type Point struct {
	Start   time.Time `json:"start"`
	Value   Value     `json:"value"`
	Samples Value     `json:"samples,omitempty"` // SampleCount where the query asked for it, else 0
}

// MarshalJSON writes the datapoint as its fields say, at once. A time that RFC 3339 cannot
// write is an error.
func (p Point) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 96), `{"start":"`...)
	b, err := p.Start.AppendText(b)
	if err != nil {
		return nil, fmt.Errorf("write the start of a datapoint: %w", err)
	}
	b = p.Value.appendJSON(append(b, `","value":`...))
	if p.Samples != 0 {
		b = p.Samples.appendJSON(append(b, `,"samples":`...))
	}
	return append(b, '}'), nil
}

// Status tells how whole the answer for a series is.
type Status string

// How whole an answer is, in CloudWatch's own distinction.
const (
	Complete Status = "complete"
	Partial  Status = "partial" // CloudWatch had more but did not return it
	Failed   Status = "failed"  // nothing can be said of the metric
)

// Series is the answer to a query. A series with no points says that there
// were none; one that failed says nothing.
type Series struct {
	Metric Metric  `json:"metric"`
	Points []Point `json:"points"`
	Status Status  `json:"status"`
	Why    string  `json:"why,omitempty"` // why the status is not complete
}

// Set is all series of one observation.
type Set []Series

// Find gives the series of a metric.
func (s Set) Find(m Metric) (Series, bool) {
	for _, v := range s {
		if v.Metric.same(m) {
			return v, true
		}
	}
	return Series{}, false
}

// Index finds series among many: the cell of a group looks for hundreds of
// metrics among hundreds, and a walk through all of them for each is most of the
// time of a decision.
type Index struct {
	set Set
	at  map[uint64][]int
}

// Index makes an index of the set.
func (s Set) Index() *Index {
	x := &Index{set: s, at: make(map[uint64][]int, len(s))}
	for i := range s {
		h := s[i].Metric.hash()
		x.at[h] = append(x.at[h], i)
	}
	return x
}

// Find gives the series of a metric, as Set.Find does.
func (x *Index) Find(m Metric) (Series, bool) {
	for _, i := range x.at[m.hash()] {
		if x.set[i].Metric.same(m) {
			return x.set[i], true
		}
	}
	return Series{}, false
}

// hash is the same for metrics that are the same; dimensions count in any order.
func (m Metric) hash() uint64 {
	const prime = 1099511628211 // of FNV-1a
	text := func(h uint64, s string) uint64 {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		return h
	}
	h := text(14695981039346656037, m.Name)
	for _, d := range m.Dimensions {
		h += text(text(17, d.Name), d.Value)
	}
	return text(h, m.Statistic) ^ text(7, m.Expression)
}

// same tells whether both metrics have one Key, without building it: the cell
// of a group looks for hundreds of metrics among hundreds.
func (m Metric) same(o Metric) bool {
	if m.Namespace != o.Namespace || m.Name != o.Name || m.Statistic != o.Statistic || m.Period != o.Period ||
		m.Expression != o.Expression || len(m.Dimensions) != len(o.Dimensions) || len(m.Inputs) != len(o.Inputs) {
		return false
	}
	for i := range m.Inputs {
		if m.Inputs[i].ID != o.Inputs[i].ID || !m.Inputs[i].Metric.same(o.Inputs[i].Metric) {
			return false
		}
	}
	for _, d := range m.Dimensions {
		if !slices.Contains(o.Dimensions, d) { // no metric has a dimension twice
			return false
		}
	}
	return true
}

// Closed gives the points whose period has ended at now, oldest first, one per
// start, each a finite number; for reading only, since points that came so, as
// they nearly always do, are not copied. Order and repetition of the samples do
// not matter: of two points with one start the larger value stands, since a
// period that is still filling only grows (a Sum or SampleCount read twice).
func (s Series) Closed(now time.Time) []Point {
	if n := len(s.Points); n > 0 && s.tidy() {
		for n > 0 && s.Points[n-1].Start.Add(s.Metric.Period).After(now) {
			n--
		}
		return s.Points[:n:n]
	}
	out := make([]Point, 0, len(s.Points))
	for _, p := range s.Points {
		if p.Value.OK() && p.Samples.OK() && !p.Start.Add(s.Metric.Period).After(now) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, comparePoints)
	// Keep the last, largest of each start.
	kept := out[:0]
	for i, p := range out {
		if i+1 < len(out) && out[i+1].Start.Equal(p.Start) {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// tidy tells whether the points are finite numbers, oldest first, one per start.
func (s Series) tidy() bool {
	for i := range s.Points {
		p := &s.Points[i] // not a copy: of 500 services these are half a million
		if !p.Value.OK() || !p.Samples.OK() || i > 0 && !p.Start.After(s.Points[i-1].Start) {
			return false
		}
	}
	return true
}

func comparePoints(a, b Point) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	switch {
	case a.Value != b.Value && a.Value < b.Value:
		return -1
	case a.Value != b.Value:
		return 1
	case a.Samples < b.Samples:
		return -1
	case a.Samples > b.Samples:
		return 1
	}
	return 0
}

// Queue is the state of an SQS queue as GetQueueAttributes gave it at a time:
// unlike the metrics, which stop after idle hours, it reports real zeros.
type Queue struct {
	Name     string    `json:"name"` // as the policy writes it: a name or a URL
	At       time.Time `json:"at"`
	Visible  int       `json:"visible"`
	InFlight int       `json:"inFlight"`
	Delayed  int       `json:"delayed"`
	Status   Status    `json:"status"` // complete or failed
	Why      string    `json:"why,omitempty"`
}

// Known tells whether the state was read.
func (q Queue) Known() bool { return q.Status == Complete }

// Idle tells whether the queue is proved to hold nothing, in any state.
func (q Queue) Idle() bool { return q.Known() && q.Visible == 0 && q.InFlight == 0 && q.Delayed == 0 }

// Freshness says what the newest closed point of a series is worth.
type Freshness string

// The cases of freshness.
const (
	Fresh   Freshness = "fresh"
	Stale   Freshness = "stale"
	Missing Freshness = "missing"
)

// Reading is the newest closed point of a series with its freshness judged.
type Reading struct {
	Freshness Freshness
	Point     Point // meaningless when Missing
	Because   string
}

// StaleAfter is the age of the end of the newest datapoint past which a series
// is stale: five periods, at least five minutes. ECS publishes service metrics
// about 2 to 3 minutes late, so five minutes is silence, not lag.
func StaleAfter(period time.Duration) time.Duration {
	return max(5*period, 5*time.Minute)
}

// Newest judges the newest closed point at now. Only a complete answer is
// usable: of a partial one nobody knows what is missing.
func (s Series) Newest(now time.Time) Reading { return s.Judge(now, s.Closed(now)) }

// Judge is Newest over points that are at hand: the closed ones, or those of
// them that can be used. Datapoints that are absent are lag: until the newest that
// is there is older than StaleAfter, it speaks. One that is there and is not a
// number is an answer that nobody can read, and what was before it does not speak
// in its place.
func (s Series) Judge(now time.Time, closed []Point) Reading {
	switch s.Status {
	case Complete:
	case Partial:
		return Reading{Freshness: Missing, Because: strings.TrimSuffix("the metric was read in part: "+s.Why, ": ")}
	case "":
		return Reading{Freshness: Missing, Because: strings.TrimSuffix("the metric was not read: "+s.Why, ": ")}
	default:
		return Reading{Freshness: Missing, Because: strings.TrimSuffix("the metric could not be read: "+s.Why, ": ")}
	}
	var p Point
	if len(closed) > 0 {
		p = closed[len(closed)-1]
	}
	if start, broken := s.broken(now, p.Start); broken {
		return Reading{Freshness: Missing, Because: fmt.Sprintf("the newest datapoint, of %s, is not a number", start.UTC().Format("15:04:05Z"))}
	}
	if len(closed) == 0 {
		return Reading{Freshness: Missing, Because: "no datapoint in the window"}
	}
	if age := now.Sub(p.Start.Add(s.Metric.Period)); age > StaleAfter(s.Metric.Period) {
		return Reading{Freshness: Stale, Point: p, Because: fmt.Sprintf("newest datapoint ended %s ago (limit %s)", short(age.Round(time.Second)), short(StaleAfter(s.Metric.Period)))}
	}
	return Reading{Freshness: Fresh, Point: p}
}

// broken gives the newest closed point after a start that is not a number, if
// there is one.
func (s Series) broken(now, after time.Time) (start time.Time, broken bool) {
	for i := range s.Points {
		p := &s.Points[i] // not a copy: of 500 services these are half a million
		if (!p.Value.OK() || !p.Samples.OK()) && p.Start.After(after) && !p.Start.Add(s.Metric.Period).After(now) {
			start, after, broken = p.Start, p.Start, true
		}
	}
	return start, broken
}

// short writes a duration without the zeros at its end: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
