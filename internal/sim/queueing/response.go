package queueing

import "math"

// The wait of those who wait is exponential. Its mean is looked up on a scale of
// 16 nodes an octave, from 1/128 of the mean service time to 8192 of it.
const (
	nodesPerOctave = 16
	shortest       = 1.0 / 128
	nodes          = 20*nodesPerOctave + 1
	// Where there is a backlog besides, a quarter of the nodes do.
	coarse     = 4
	limits     = 32  // parts of the limit that a backlog may leave of it
	resolution = 512 // steps of an integral over the limit
)

// node gives the place on the scale of a mean wait in seconds.
func (l law) node(wait float64) (i int, part float64) {
	x := wait / (l.mean * shortest)
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

// atNode gives the mean wait of a place on the scale.
func (l law) atNode(i int) float64 {
	return l.mean * shortest * fromOctave(float64(i)/nodesPerOctave)
}

// steps gives the share of the service times within each of equal steps up to the limit.
func (l law) steps() []float64 {
	out := make([]float64, resolution)
	for i := range out {
		out[i] = l.over(l.limit*float64(i)/resolution) - l.over(l.limit*float64(i+1)/resolution)
	}
	return out
}

// tails calls do with P(wait + service > t) at the end t of each step, of requests
// whose wait is exponential with a mean in seconds. That is P(service > t) and H(t),
// the share of requests whose service is shorter but began too late, where
// H' = density of the service time - H / wait. The steps are shares of the service
// times, one as wide as width says or, where that is nil, all alike up to the limit.
func (l law) tails(steps []float64, wait float64, width func(step int) float64, do func(step int, tail float64)) {
	d := l.limit / float64(len(steps)) / wait
	fade := math.Exp(-d)
	enter := (1 - fade) / d // those served within a step are so evenly
	served, h := 0.0, 0.0
	for i, share := range steps {
		if width != nil {
			d = width(i) / wait
			fade = math.Exp(-d)
			enter = (1 - fade) / d
		}
		served += share
		h = h*fade + share*enter
		do(i, 1-served+h)
	}
}

// tail gives P(wait + service > limit) of those who wait so long in the mean.
func (l law) tail(steps []float64, wait float64) float64 {
	out := 0.0
	l.tails(steps, wait, nil, func(_ int, tail float64) { out = tail })
	return out
}

// slowness is a table of the share of slow answers.
type slowness struct {
	alone  [limits + 1]float64                       // P(service > limit less a backlog) of those who do not wait
	waits  [nodes]float64                            // P(wait + service > limit)
	behind [(nodes-1)/coarse + 1][limits + 1]float32 // with a backlog besides
}

func newSlowness(l law) *slowness {
	r := &slowness{}
	for k := range r.alone {
		r.alone[k] = l.over(l.limit * float64(k) / limits)
	}
	steps := l.steps()
	for i := range nodes {
		l.tails(steps, l.atNode(i), nil, func(step int, tail float64) {
			if step == resolution-1 {
				r.waits[i] = tail
			}
			if i%coarse == 0 && (step+1)%(resolution/limits) == 0 {
				r.behind[i/coarse][(step+1)/(resolution/limits)] = float32(tail)
			}
		})
		r.behind[i/coarse][0] = 1
	}
	return r
}

// calm gives the share of slow answers without a backlog.
func (r *slowness) calm(waiting float64, i int, part float64) float64 {
	alone := r.alone[limits]
	return alone + waiting*(r.waits[i]+part*(r.waits[i+1]-r.waits[i])-alone)
}

// behindBy gives it with a backlog that leaves a share of the limit, 0 to below 1.
func (r *slowness) behindBy(left, waiting float64, i int, part float64) float64 {
	x := left * limits
	k := int(x)
	x -= float64(k)
	along := func(a, b float64) float64 { return a + x*(b-a) }
	part = (float64(i%coarse) + part) / coarse
	low, high := &r.behind[i/coarse], &r.behind[i/coarse+1]
	from, to := along(float64(low[k]), float64(low[k+1])), along(float64(high[k]), float64(high[k+1]))
	alone := along(r.alone[k], r.alone[k+1])
	return alone + waiting*(from+part*(to-from)-alone)
}
