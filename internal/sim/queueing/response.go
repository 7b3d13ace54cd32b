package queueing

import "math"

// The wait at one task's queue is a sum of rests, what is left of a service when
// somebody arrives: none with probability 1-s, else one, and then as many more again as
// the wait itself has. That is exact for Poisson arrivals (M/G/1, Pollaczek and
// Khinchine, s = utilisation) and for exponential service (GI/M/1), and has the heavy
// tail of a lognormal service. What comes after the first rest is taken for
// exponential, which it is where the load is high. So an answer takes
//
//	service                        with probability 1-s
//	service + rest                 with s (1-s)
//	service + rest + exponential   with s s
//
// At a central queue the wait itself is exponential, and the rest is not there.
//
// The mean of the exponential is looked up on a scale of 16 nodes an octave, from 1/128
// of the mean service time to 8192 of it.
const (
	nodesPerOctave = 16
	shortest       = 1.0 / 128
	nodes          = 20*nodesPerOctave + 1
	// Where there is a backlog besides, half of the nodes do: 3 % off at most.
	coarse     = 2
	limits     = 32  // parts of the limit that a backlog may leave of it
	resolution = 512 // steps of an integral over the limit
)

// odds is how the wait of a request is made up.
type odds struct {
	waits float64 // the share that waits: s, or Erlang's C
	more  float64 // the share of these with an exponential: s, or 1
	mean  float64 // of the exponential, seconds
}

// wait gives its mean in seconds.
func (o odds) wait() float64 { return o.waits * o.mean }

// node gives the place on the scale of a mean in seconds.
func (l law) node(mean float64) (i int, part float64) {
	x := mean / (l.mean * shortest)
	if !(x > 1) {
		return 0, 0
	}
	p := nodesPerOctave * octave(x)
	if p >= nodes-1 {
		return nodes - 2, 1
	}
	i = int(p)
	return i, p - float64(i)
}

// atNode gives the mean of a place on the scale.
func (l law) atNode(i int) float64 {
	return l.mean * shortest * fromOctave(float64(i)/nodesPerOctave)
}

// shares gives how much of a distribution is in each of equal steps up to the limit.
func (l law) shares(over func(float64) float64) []float64 {
	out := make([]float64, resolution)
	for i := range out {
		out[i] = over(l.limit*float64(i)/resolution) - over(l.limit*float64(i+1)/resolution)
	}
	return out
}

// before gives the same of what an answer takes without the exponential.
func (l law) before() []float64 {
	service := l.shares(l.over)
	if l.central {
		return service
	}
	rest, out := l.shares(l.rest), make([]float64, resolution)
	for i, a := range service {
		for j, b := range rest[:resolution-i] {
			// Two that are even within their steps end in this step or in the next.
			out[i+j] += a * b / 2
			if i+j+1 < resolution {
				out[i+j+1] += a * b / 2
			}
		}
	}
	return out
}

// tails calls do with P(X + exponential > t) at the end t of each step, for an
// exponential of a mean in seconds and an X of which the steps have the shares. That is
// P(X > t) and H(t), the share that was to end before t and did not, where
// H' = density of X - H / mean. A step is as wide as width says or, where that is nil,
// its part of the limit.
func (l law) tails(steps []float64, mean float64, width func(step int) float64, do func(step int, tail float64)) {
	d := l.limit / float64(len(steps)) / mean
	fade := math.Exp(-d)
	enter := (1 - fade) / d // those that enter within a step do so evenly
	ended, h := 0.0, 0.0
	for i, share := range steps {
		if width != nil {
			d = width(i) / mean
			fade = math.Exp(-d)
			enter = (1 - fade) / d
		}
		ended += share
		h = h*fade + share*enter
		do(i, 1-ended+h)
	}
}

// slowness is a table of the share of slow answers, by what a backlog leaves of the limit.
type slowness struct {
	service [limits + 1]float64
	rest    [limits + 1]float64 // service + rest
	calm    [nodes]float64      // service + rest + exponential without a backlog
	behind  [(nodes-1)/coarse + 1][limits + 1]float32
}

func newSlowness(l law) *slowness {
	s, steps := &slowness{}, l.before()
	sum := 0.0
	s.rest[0] = 1
	for i, share := range steps {
		if sum += share; (i+1)%(resolution/limits) == 0 {
			s.rest[(i+1)/(resolution/limits)] = 1 - sum
		}
	}
	for k := range s.service {
		s.service[k] = l.over(l.limit * float64(k) / limits)
	}
	for i := range nodes {
		row := &s.behind[i/coarse]
		l.tails(steps, l.atNode(i), nil, func(step int, tail float64) {
			if step == resolution-1 {
				s.calm[i] = tail
			}
			if i%coarse == 0 && (step+1)%(resolution/limits) == 0 {
				row[(step+1)/(resolution/limits)] = float32(tail)
			}
		})
		row[0] = 1
	}
	return s
}

// mix gives the share of slow answers from those of the three cases.
func (o odds) mix(service, rest, exponential float64) float64 {
	return max(0, service+o.waits*(rest+o.more*(exponential-rest)-service)) // but for roundings
}

// without gives the share of slow answers without a backlog; i and part are the node.
func (s *slowness) without(o odds, i int, part float64) float64 {
	return o.mix(s.service[limits], s.rest[limits], s.calm[i]+part*(s.calm[i+1]-s.calm[i]))
}

// with gives it with a backlog that leaves a share of the limit, 0 to below 1.
func (s *slowness) with(left float64, o odds, i int, part float64) float64 {
	x := left * limits
	k := min(int(x), limits-1) // a backlog of next to nothing leaves all of it
	x -= float64(k)
	along := func(a, b float64) float64 { return a + x*(b-a) }
	part = (float64(i%coarse) + part) / coarse
	low, high := &s.behind[i/coarse], &s.behind[i/coarse+1]
	from, to := along(float64(low[k]), float64(low[k+1])), along(float64(high[k]), float64(high[k+1]))
	return o.mix(along(s.service[k], s.service[k+1]), along(s.rest[k], s.rest[k+1]), from+part*(to-from))
}
