package trace

import (
	"fmt"
	"time"
)

// Slice gives the buckets of a trace that begin in [from, to), as a trace of their own
// that begins at second 0. Fewer than two buckets are an *Error.
func (t Trace) Slice(name string, from, to time.Duration) (Trace, error) {
	var starts []int
	var rates []float64
	for i, s := range t.starts {
		if at := time.Duration(s) * time.Second; at >= from && at < to {
			starts, rates = append(starts, s), append(rates, t.rates[i])
		}
	}
	return New(name, starts, rates)
}

// Coarse gives the trace with neighbouring buckets joined until each lasts at least so
// many seconds; what is left over at the end stays out. A trace whose buckets all do is
// given as it is. An *Error says that fewer than two would be left.
func (t Trace) Coarse(seconds int) (Trace, error) {
	var starts []int
	var rates []float64
	fine := false
	begin, sum := 0.0, 0.0
	for i := range t.starts {
		from, to := t.bounds(i)
		sum += t.rates[i] * (to - from)
		if to-begin < float64(seconds) {
			fine = true
			continue
		}
		starts, rates = append(starts, int(begin)), append(rates, sum/(to-begin))
		begin, sum = to, 0
	}
	if !fine {
		return t, nil
	}
	if len(starts) < 2 {
		return Trace{}, &Error{Name: t.name, Why: fmt.Sprintf("it lasts %s, too short for two buckets of %d s", t.Length(), seconds)}
	}
	out, err := New(t.name, starts, rates)
	if err != nil {
		return Trace{}, err
	}
	out.end = int(begin)
	return out, nil
}

// Busiest gives where the stretch of a length begins, in whole days from the start, that
// has its greatest rate after its own first day, so that what comes before warms up. Of
// equal ones the first; 0 where the trace is no longer than the length.
func (t Trace) Busiest(length time.Duration) time.Duration {
	const day = 24 * time.Hour
	best, begin := -1.0, time.Duration(0)
	for from := time.Duration(0); from+length <= t.Length(); from += day {
		most := 0.0
		for i, s := range t.starts {
			if at := time.Duration(s) * time.Second; at >= from+min(day, length/10) && at < from+length {
				most = max(most, t.rates[i])
			}
		}
		if most > best {
			best, begin = most, from
		}
	}
	return begin
}
