package queueing

import "slices"

// mixture is requests by the distribution of their response times: a backlog, a
// wait that is exponential or none, and the service.
type mixture struct {
	backlog float64        // seconds
	alone   float64        // requests that did not wait otherwise
	waits   [nodes]float64 // those that did, by their mean wait
}

func (m *mixture) add(requests, waiting float64, i int, part float64) {
	m.alone += requests * (1 - waiting)
	requests *= waiting
	m.waits[i] += requests * (1 - part)
	m.waits[i+1] += requests * part
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
	h, s := &Histogram{}, newShapes(f.law)
	for _, m := range all {
		sum := make([]float64, len(s.over))
		scaled(sum, s.alone(), m.alone)
		for i, n := range m.waits {
			if n > 0 {
				scaled(sum, s.wait(i), n)
			}
		}
		for j, n := range sum {
			if n > 0 {
				h.Add(m.backlog+edge(float64(j)+0.5), n)
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
	over  []float64 // P(service > upper edge of the bucket)
	width []float64 // of the bucket, seconds
	known [nodes][]float64
}

func newShapes(l law) *shapes {
	s := &shapes{law: l}
	for i := range len(Histogram{}.buckets) {
		low, high := edge(float64(i)), edge(float64(i+1))
		if i == 0 {
			low = 0
		}
		s.over, s.width = append(s.over, l.over(high)), append(s.width, high-low)
	}
	s.over[len(s.over)-1] = 0 // what is longer counts there
	return s
}

// alone is of requests that do not wait.
func (s *shapes) alone() []float64 {
	out := make([]float64, len(s.over))
	before := 1.0
	for i, over := range s.over {
		out[i], before = before-over, over
	}
	return out
}

// wait is of requests that wait so long in the mean.
func (s *shapes) wait(node int) []float64 {
	if s.known[node] != nil {
		return s.known[node]
	}
	out, before := make([]float64, len(s.over)), 1.0
	s.tails(s.alone(), s.atNode(node), func(i int) float64 { return s.width[i] }, func(i int, tail float64) {
		out[i], before = before-tail, tail
	})
	out[len(out)-1] += before
	s.known[node] = out
	return out
}
