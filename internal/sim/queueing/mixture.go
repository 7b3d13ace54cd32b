package queueing

import (
	"slices"
	"sync/atomic"
)

// mixture is requests by the distribution of their response times: a backlog, and
// one of the three cases of how a wait is made up.
type mixture struct {
	backlog     float64        // seconds
	alone, rest float64        // requests with the service alone, and with a rest
	waits       [nodes]float64 // and with an exponential, by its mean
}

func (m *mixture) add(requests float64, o odds, i int, part float64) {
	waiting := requests * o.waits
	more := waiting * o.more
	m.alone += requests - waiting
	m.rest += waiting - more
	m.waits[i] += more * (1 - part)
	m.waits[i+1] += more * part
}

// mixture gives the one of a backlog, to 0.8 %.
func (f *fluid) mixture(backlog float64) *mixture {
	b := bucket(backlog)
	m := f.behind[b]
	if m == nil {
		m = &mixture{backlog: edge(float64(b) + 0.5)}
		f.behind[b] = m
	}
	return m
}

// Latency works the distributions out, which Step only counted.
func (f *fluid) Latency() *Histogram {
	all := []*mixture{&f.calm}
	keys := make([]int, 0, len(f.behind))
	for b := range f.behind {
		keys = append(keys, b)
	}
	slices.Sort(keys) // a sum of floats depends on its order
	for _, b := range keys {
		all = append(all, f.behind[b])
	}
	h, s := &Histogram{}, shapesOf(f.law)
	for _, m := range all {
		sum := make([]float64, len(s.alone))
		scaled(sum, s.alone, m.alone)
		scaled(sum, s.rest, m.rest)
		for i, n := range m.waits {
			if n > 0 {
				scaled(sum, s.wait(i), n)
			}
		}
		for j, n := range sum {
			if n > 0 {
				h.Add(m.backlog+s.middle[j], n)
			}
		}
	}
	return h
}

func scaled(to, from []float64, by float64) {
	for i, x := range from {
		to[i] += by * x
	}
}

// shapes are response times without a backlog as shares of a histogram's buckets.
type shapes struct {
	law
	alone []float64 // service
	rest  []float64 // service + rest, or service at a central queue
	known [nodes]atomic.Pointer[[]float64]

	width, middle []float64 // of the buckets, seconds
}

// newest are the shapes that were worked out last, 8 ms of work: the runs of a scoreboard
// are all of one model.
var newest atomic.Pointer[shapes] //nolint:gochecknoglobals // a cache: whoever fills it, the shapes are the same

// shapesOf gives the shapes of a model, which runs share.
func shapesOf(l law) *shapes {
	if s := newest.Load(); s != nil && s.law == l {
		return s
	}
	s := newShapes(l)
	newest.Store(s)
	return s
}

func newShapes(l law) *shapes {
	s := &shapes{law: l, alone: inBuckets(l.over)}
	for i := range s.alone {
		low, high := edge(float64(i)), edge(float64(i+1))
		s.width, s.middle = append(s.width, high-low), append(s.middle, (low+high)/2)
	}
	if s.rest = s.alone; l.central {
		return s
	}
	// Every other edge of both is close enough: the sum smooths it.
	var sum Histogram
	rest := inBuckets(l.rest)
	const least = 1e-12
	for i := 0; i+1 < len(rest); i += 2 {
		service := s.alone[i] + s.alone[i+1]
		if service <= least {
			continue
		}
		for j := 0; j+1 < len(rest); j += 2 {
			if share := service * (rest[j] + rest[j+1]); share > least {
				sum.Add(edge(float64(i+1))+edge(float64(j+1)), share)
			}
		}
	}
	s.rest = sum.buckets[:]
	return s
}

// inBuckets gives how much of a distribution is in each bucket.
func inBuckets(over func(float64) float64) []float64 {
	out, before := make([]float64, len(Histogram{}.buckets)), 1.0
	for i := range out {
		after := over(edge(float64(i + 1)))
		out[i], before = before-after, after
	}
	out[len(out)-1] += before // what is longer counts there
	return out
}

// wait is of requests with an exponential besides.
func (s *shapes) wait(node int) []float64 {
	if known := s.known[node].Load(); known != nil {
		return *known
	}
	out, before := make([]float64, len(s.rest)), 1.0
	s.tails(s.rest, s.atNode(node), func(i int) float64 { return s.width[i] }, func(i int, tail float64) {
		out[i], before = before-tail, tail
	})
	out[len(out)-1] += before
	s.known[node].Store(&out) // whoever comes first: all find the same
	return out
}
