// Package trace gives recorded load: arrival rates over time, read from CSV or
// embedded, as a continuous rate at every second.
package trace

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a trace: a year of one-second rows is far more than a replay needs.
const (
	maxRows    = 40_000_000
	maxSeconds = 366 * 24 * 3600
	maxRate    = 1e12
)

// Trace is a recorded load. A bucket reaches from its start to the next one's;
// the last is as long as the one before it.
type Trace struct {
	name   string
	starts []int     // seconds from the start of the trace, the first is 0
	rates  []float64 // mean arrivals a second in the bucket
	knots  []float64 // rate at the start of each bucket, and at the end of the last
	end    int       // seconds
}

// Error is a fault in a file of recorded numbers.
type Error struct {
	What string // the file holds: "trace" if empty
	Name string
	Line int // 0 where the whole file is at fault
	Why  string
}

// Error names the file, the line and the reason.
func (e *Error) Error() string {
	what := cmp.Or(e.What, "trace")
	if e.Line == 0 {
		return fmt.Sprintf("read %s %s: %s", what, e.Name, e.Why)
	}
	return fmt.Sprintf("read %s %s: line %d: %s", what, e.Name, e.Line, e.Why)
}

// Read reads a trace in CSV: the header "seconds,rate", then one row a bucket
// with its start in whole seconds, rising, and its mean rate a second. The
// first start becomes second 0. An *Error tells line and reason.
func Read(r io.Reader, name string) (Trace, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1 // counted below, with a clearer message
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return Trace{}, &Error{Name: name, Line: 1, Why: "the header \"seconds,rate\" is missing"}
	}
	if len(head) != 2 || strings.TrimSpace(strings.TrimPrefix(head[0], "\ufeff")) != "seconds" || strings.TrimSpace(head[1]) != "rate" {
		return Trace{}, &Error{Name: name, Line: 1, Why: fmt.Sprintf("the header is %q: write \"seconds,rate\"", strings.Join(head, ","))}
	}
	var starts []int
	var rates []float64
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Trace{}, unreadable(name, err)
		}
		line, _ := in.FieldPos(0)
		s, v, why := row(rec, starts)
		if why != "" {
			return Trace{}, &Error{Name: name, Line: line, Why: why}
		}
		starts, rates = append(starts, s), append(rates, v)
		if len(starts) > maxRows {
			return Trace{}, &Error{Name: name, Line: line, Why: fmt.Sprintf("more than %d rows", maxRows)}
		}
	}
	return New(name, starts, rates)
}

func unreadable(name string, err error) *Error {
	if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
		return &Error{Name: name, Line: pe.Line, Why: "not CSV: " + pe.Err.Error()}
	}
	return &Error{Name: name, Why: err.Error()}
}

// row reads one row; why says what is wrong with it.
func row(rec []string, before []int) (start int, rate float64, why string) {
	if len(rec) != 2 {
		return 0, 0, fmt.Sprintf("%d fields: write seconds,rate", len(rec))
	}
	first, second := strings.TrimSpace(rec[0]), strings.TrimSpace(rec[1])
	f, err := strconv.ParseFloat(first, 64)
	switch {
	case err != nil:
		return 0, 0, fmt.Sprintf("seconds %q is not a number", first)
	case f != math.Trunc(f) || math.Abs(f) > 1e15:
		return 0, 0, fmt.Sprintf("seconds %q is not a whole number of seconds", first)
	}
	start = int(f)
	if n := len(before); n > 0 && start <= before[n-1] {
		return 0, 0, fmt.Sprintf("seconds %d does not come after %d: sort the rows and merge equal ones", start, before[n-1])
	}
	if n := len(before); n > 0 && start-before[0] > maxSeconds {
		return 0, 0, fmt.Sprintf("seconds %d is more than %d days after the first row", start, maxSeconds/86400)
	}
	rate, err = strconv.ParseFloat(second, 64)
	switch {
	case err != nil:
		return 0, 0, fmt.Sprintf("rate %q is not a number", second)
	case math.IsNaN(rate) || rate < 0 || rate > maxRate:
		return 0, 0, fmt.Sprintf("rate %q is out of range: it must be 0 or more, at most %g", second, maxRate)
	}
	return start, rate, ""
}

// New gives a trace from bucket starts (seconds, rising) and mean rates a
// second (finite, 0 or more). At least two buckets are needed to know how long
// one is.
func New(name string, starts []int, rates []float64) (Trace, error) {
	if len(starts) != len(rates) {
		return Trace{}, &Error{Name: name, Why: fmt.Sprintf("%d starts and %d rates", len(starts), len(rates))}
	}
	if len(starts) < 2 {
		return Trace{}, &Error{Name: name, Why: fmt.Sprintf("%d rows: at least two are needed to know the length of a bucket", len(starts))}
	}
	t := Trace{name: name, starts: slices.Clone(starts), rates: slices.Clone(rates)}
	for i := range t.starts {
		t.starts[i] -= starts[0]
		if i > 0 && t.starts[i] <= t.starts[i-1] {
			return Trace{}, &Error{Name: name, Line: i + 2, Why: "starts do not rise"}
		}
		if v := t.rates[i]; math.IsNaN(v) || v < 0 || v > maxRate {
			return Trace{}, &Error{Name: name, Line: i + 2, Why: fmt.Sprintf("rate %v is out of range", v)}
		}
	}
	n := len(starts)
	t.end = 2*t.starts[n-1] - t.starts[n-2]
	t.knots = knots(t.rates)
	return t, nil
}

// knots gives the rate at the edges of the buckets: the mean of the two
// neighbours, but at most twice the smaller one. That bound keeps the middle
// of every bucket, which makes up for its edges so that the bucket's mean is
// exact, at 0 or more.
func knots(rates []float64) []float64 {
	n := len(rates)
	k := make([]float64, n+1)
	k[0], k[n] = rates[0], rates[n-1]
	for i := 1; i < n; i++ {
		k[i] = min((rates[i-1]+rates[i])/2, 2*min(rates[i-1], rates[i]))
	}
	return k
}

// Name gives the name the trace was read under.
func (t Trace) Name() string { return t.name }

// Length gives how long the trace lasts.
func (t Trace) Length() time.Duration { return time.Duration(t.end) * time.Second }

// Rate gives the rate at a time in seconds from the start: piecewise linear
// from bucket edge to bucket middle to edge, continuous, with each bucket's
// recorded mean. Outside the trace it is 0.
//
//	rate        m = recorded mean, e = rate at the edges
//	 |   c      c = 2m - (e1+e2)/2, so that (e1+2c+e2)/4 = m
//	 | /   \
//	 e1     e2
//	 +-------> time
func (t Trace) Rate(second float64) float64 {
	if len(t.starts) == 0 || second < 0 || second >= float64(t.end) {
		return 0
	}
	return t.within(t.bucket(second), second)
}

func (t Trace) bucket(second float64) int {
	i, found := slices.BinarySearchFunc(t.starts, second, func(s int, at float64) int {
		switch {
		case float64(s) < at:
			return -1
		case float64(s) > at:
			return 1
		}
		return 0
	})
	if found {
		return i
	}
	return i - 1
}

func (t Trace) within(i int, second float64) float64 {
	from, to := t.bounds(i)
	e1, e2 := t.knots[i], t.knots[i+1]
	c := max(0, 2*t.rates[i]-(e1+e2)/2)
	x := 2 * (second - from) / (to - from)
	if x < 1 {
		return e1 + x*(c-e1)
	}
	return c + (x-1)*(e2-c)
}

func (t Trace) bounds(i int) (from, to float64) {
	if i+1 < len(t.starts) {
		return float64(t.starts[i]), float64(t.starts[i+1])
	}
	return float64(t.starts[i]), float64(t.end)
}

// Seconds gives the rate in the middle of every second of the trace.
func (t Trace) Seconds() []float64 {
	out := make([]float64, t.end)
	b := 0
	for s := range out {
		at := float64(s) + 0.5
		for b+1 < len(t.starts) && float64(t.starts[b+1]) <= at {
			b++
		}
		out[s] = t.within(b, at)
	}
	return out
}

// Quantile gives the rate below which a share q of the buckets lies, by nearest rank.
func (t Trace) Quantile(q float64) float64 {
	if len(t.rates) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(t.rates))
	i := int(math.Ceil(q*float64(len(v)))) - 1
	return v[min(max(i, 0), len(v)-1)]
}
