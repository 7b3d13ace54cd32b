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
