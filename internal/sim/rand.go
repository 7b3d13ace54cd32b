package sim

import (
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// NewRand gives the random stream of a name. Streams are independent of each
// other, so a new consumer does not shift what the others draw.
func NewRand(seed uint64, stream string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, hash(stream))) //nolint:gosec // a simulator must repeat itself, not be unpredictable
}

// Chance gives a number in [0, 1) that depends on the seed and the parts
// alone. It serves where calls may come in any order: the nth call of one kind
// meets the same fate in every run.
func Chance(seed uint64, n int, parts ...string) float64 {
	return NewRand(seed, strconv.Itoa(n)+"\x00"+strings.Join(parts, "\x00")).Float64()
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s) // a hash never refuses
	return h.Sum64()
}

// Spread is a random duration in whole seconds: uniform over [Low, High], or
// lognormal with Low and High as the 5 % and 95 % quantiles.
type Spread struct {
	Low       time.Duration
	High      time.Duration
	Lognormal bool // Low and High of at least 1 s
}

// Fixed gives a spread without any.
func Fixed(d time.Duration) Spread { return Spread{Low: d, High: d} }

// Lognormal gives a spread with its central 90 % between low and high, and a long
// right tail: what starting a container or a machine takes. Tails end three standard
// deviations out, so that one draw in a million cannot decide a run: 30 s to 90 s are
// never below 19 s or above 142 s.
func Lognormal(low, high time.Duration) Spread {
	return Spread{Low: low, High: high, Lognormal: true}
}

const (
	z95  = 1.6448536269514722 // the standard normal's 95 % quantile
	tail = 3                  // standard deviations at which a lognormal is cut
)

// Draw takes one duration, with one random number. A High below Low counts as Low.
func (s Spread) Draw(r *rand.Rand) time.Duration {
	if s.Lognormal {
		mu, sigma := s.log()
		z := min(max(math.Sqrt2*math.Erfinv(2*r.Float64()-1), -tail), tail)
		return time.Duration(math.Round(math.Exp(mu+sigma*z))) * time.Second
	}
	low, high := int64(s.Low/time.Second), int64(s.High/time.Second)
	if high <= low {
		return time.Duration(low) * time.Second
	}
	return time.Duration(low+r.Int64N(high-low+1)) * time.Second
}

// Mean gives the expected duration. A lognormal's is exp(mu + sigma^2/2); cutting its
// tails takes less than 0.2 % off that where High is up to 3 times Low.
func (s Spread) Mean() time.Duration {
	if s.Lognormal {
		mu, sigma := s.log()
		return time.Duration(math.Exp(mu+sigma*sigma/2) * float64(time.Second))
	}
	return (s.Low + max(s.Low, s.High)) / 2
}

// log gives the mean and the standard deviation of the logarithm of a lognormal in
// seconds: the quantiles are exp(mu -+ z95 sigma).
func (s Spread) log() (mu, sigma float64) {
	low := math.Log(max(s.Low.Seconds(), 1))
	high := max(math.Log(max(s.High.Seconds(), 1)), low)
	return (low + high) / 2, (high - low) / (2 * z95)
}
