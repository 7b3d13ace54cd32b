package queueing

import "math"

// A histogram has buckets of 1/64 of an octave from 2^lowest to 2^highest
// seconds, about 1 us to 36 h. What is outside counts as at the edge.
const (
	perOctave = 64
	lowest    = -20
	highest   = 17
)

// Histogram is how often each response time occurred, in seconds. Its buckets
// are at most 1.6 % wide, so a quantile is within 1 %. The zero value is empty.
type Histogram struct {
	buckets [(highest - lowest) * perOctave]float64
	count   float64
	sum     float64 // seconds
}

// octave is the logarithm to base 2 with straight lines between its whole
// numbers: as good as the real one for a scale, and a few instructions.
func octave(x float64) float64 {
	const mantissa, one = 1<<52 - 1, 1023 << 52
	b := math.Float64bits(x)
	return float64(int(b>>52)-1023) + math.Float64frombits(b&mantissa|one) - 1
}

// fromOctave is the inverse of octave.
func fromOctave(o float64) float64 {
	e := math.Floor(o)
	return math.Ldexp(1+o-e, int(e))
}

// bucket gives the index of a response time above 0.
func bucket(seconds float64) int {
	const highestTime, lowestTime = 1 << highest, 1.0 / (1 << -lowest)
	switch {
	case !(seconds >= lowestTime):
		return 0
	case seconds >= highestTime:
		return (highest-lowest)*perOctave - 1
	}
	return int((octave(seconds) - lowest) * perOctave)
}

// edge gives the lower edge of a bucket in seconds, of a fraction of one too.
func edge(i float64) float64 { return fromOctave(i/perOctave + lowest) }

// Add counts response times of so many seconds, a fraction of one too.
func (h *Histogram) Add(seconds, times float64) {
	h.buckets[bucket(seconds)] += times
	h.count += times
	h.sum += seconds * times
}

// Merge adds what another histogram counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
	h.count += other.count
	h.sum += other.sum
}

// Without gives what was counted since other, an earlier copy of this one.
func (h *Histogram) Without(other *Histogram) *Histogram {
	out := *h
	for i, n := range other.buckets {
		out.buckets[i] -= n
	}
	out.count -= other.count
	out.sum -= other.sum
	return &out
}

// Count gives how many response times were added.
func (h *Histogram) Count() float64 { return h.count }

// Mean gives the mean response time in seconds, NaN where there are none.
func (h *Histogram) Mean() float64 { return h.sum / h.count }

// Quantile gives the response time in seconds that a share q of all, 0 to 1, did
// not exceed; NaN where there are none.
func (h *Histogram) Quantile(q float64) float64 {
	if !(h.count > 0) {
		return math.NaN()
	}
	rest, last := min(max(q, 0), 1)*h.count, 0
	for i, n := range h.buckets {
		if n <= 0 {
			continue
		}
		if rest <= n {
			return edge(float64(i) + rest/n)
		}
		rest, last = rest-n, i
	}
	return edge(float64(last + 1)) // the sum of the buckets is a rounding below the count
}
