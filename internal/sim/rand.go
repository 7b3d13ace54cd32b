package sim

import (
	"hash/fnv"
	"io"
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

// Spread is a duration drawn uniformly from [Low, High], in whole seconds.
type Spread struct {
	Low  time.Duration
	High time.Duration
}

// Fixed gives a spread without any.
func Fixed(d time.Duration) Spread { return Spread{Low: d, High: d} }

// Draw takes one duration. A High below Low counts as Low.
func (s Spread) Draw(r *rand.Rand) time.Duration {
	low, high := int64(s.Low/time.Second), int64(s.High/time.Second)
	if high <= low {
		return time.Duration(low) * time.Second
	}
	return time.Duration(low+r.Int64N(high-low+1)) * time.Second
}
