package vector

import (
	"math"
	"slices"
)

// heuristic is one way to make a packing.
type heuristic struct {
	name   string
	always bool // tried even when the work allowed is done: nobody is better with these alone
	run    func(*packing)
}

// fast lists the heuristics, the usual winners first. Measured on thousands of
// instances, the dot product is the best single one, and no other is best everywhere.
func (s *search) fast() []heuristic {
	byFirst := func(int) float64 { return 0 }
	weight := s.demand()
	out := []heuristic{
		{"first fit decreasing by sum", true, s.decreasing(func(i int) float64 { return s.norm(i, nil, 1) })},
		{"dot product", false, s.binCentric(dotProduct, 1)},
		{"first fit decreasing dimension by dimension", true, s.decreasing(byFirst)},
		{"first fit decreasing by the largest part", true, s.decreasing(s.largest)},
		{"first fit decreasing by length", true, s.decreasing(func(i int) float64 { return s.norm(i, nil, 2) })},
		{"first fit decreasing by demand", true, s.decreasing(func(i int) float64 { return s.norm(i, weight, 1) })},
		{"first fit decreasing by length and demand", true, s.decreasing(func(i int) float64 { return s.norm(i, weight, 2) })},
		{"first fit", true, func(c *packing) { c.firstFit(s.given()) }},
		{"distance", false, s.binCentric(distance, 1)},
		{"dot product without demand", false, s.binCentric(dotProduct, 0)},
		{"distance without demand", false, s.binCentric(distance, 0)},
		{"dot product by the square of demand", false, s.binCentric(dotProduct, 2)},
		{"angle", false, s.binCentric(angle, 1)},
	}
	if confined := s.confined(); slices.ContainsFunc(confined, func(n float64) bool { return n > 0 }) {
		out = append(out,
			heuristic{"first fit decreasing, the confined first", true, s.decreasing(func(i int) float64 { return confined[i] + s.norm(i, nil, 1) })},
			heuristic{"first fit decreasing by demand, the confined first", true, s.decreasing(func(i int) float64 { return confined[i] + s.norm(i, weight, 1)/max(1e-9, sumFloat(weight)) })},
		)
	}
	return out
}

// confined tells for each item how little choice it has: much where no shape holds it,
// and the more the fewer standing bins do.
func (s *search) confined() []float64 {
	const apart = 1000 // more than any size
	out := make([]float64, len(s.p.Items))
	for i, it := range s.p.Items {
		if slices.ContainsFunc(s.p.Shapes, func(f Shape) bool { return !s.p.barred(i, f.Class) && fit(it.Size, f.Free, 1) > 0 }) {
			continue
		}
		out[i] = apart
		for _, b := range s.p.Bins {
			if s.p.barred(i, b.Class) || fit(it.Size, b.Free, 1) == 0 {
				out[i] += apart
			}
		}
	}
	return out
}

func sumFloat(ns []float64) float64 {
	t := 0.0
	for _, n := range ns {
		t += n
	}
	return t
}

func (s *search) given() []int {
	order := make([]int, len(s.p.Items))
	for i := range order {
		order[i] = i
	}
	return order
}

// demand is how much of the reference bin all items together ask, by dimension.
func (s *search) demand() []float64 {
	w := make([]float64, len(s.ref))
	for _, it := range s.p.Items {
		for k, v := range it.Size {
			w[k] += float64(float64(it.Count) * float64(v))
		}
	}
	for k := range w {
		if s.ref[k] > 0 {
			w[k] /= float64(s.ref[k])
		}
	}
	return w
}

// norm is the size of an item against the reference bin: the sum of its parts to a
// power, each by its weight.
func (s *search) norm(item int, weight []float64, power int) float64 {
	t := 0.0
	for k, v := range s.p.Items[item].Size {
		if s.ref[k] == 0 {
			continue
		}
		x := float64(v) / float64(s.ref[k])
		if power == 2 {
			x *= x
		}
		if weight != nil {
			x *= weight[k]
		}
		t += float64(x) // rounded, where a processor would fuse the two
	}
	return t
}

func (s *search) largest(item int) float64 {
	t := 0.0
	for k, v := range s.p.Items[item].Size {
		if s.ref[k] > 0 {
			t = max(t, float64(v)/float64(s.ref[k]))
		}
	}
	return t
}

// decreasing is first fit with the largest first; equally large ones by their parts,
// in the order of the dimensions.
func (s *search) decreasing(size func(item int) float64) func(*packing) {
	return func(c *packing) {
		keys := make([]float64, len(s.p.Items))
		for i := range keys {
			keys[i] = size(i)
		}
		order := s.given()
		slices.SortStableFunc(order, func(a, b int) int {
			if x := compareFloat(keys[b], keys[a]); x != 0 {
				return x
			}
			return slices.Compare(s.p.Items[b].Size, s.p.Items[a].Size)
		})
		c.firstFit(order)
	}
}

// score rates an item for a bin: free and size are parts of the reference bin, weight
// tells which dimensions are in demand.
type score func(weight, free, size []float64) float64

func dotProduct(weight, free, size []float64) float64 {
	t := 0.0
	for k, v := range size {
		t += float64(float64(weight[k]*free[k]) * v)
	}
	return t
}

// distance prefers what leaves the least.
func distance(weight, free, size []float64) float64 {
	t := 0.0
	for k, v := range size {
		x := free[k] - v
		t -= float64(float64(weight[k]*x) * x)
	}
	return t
}

// angle is the dot product of the item's direction alone.
func angle(weight, free, size []float64) float64 {
	n := 0.0
	for _, v := range size {
		n += float64(v * v)
	}
	if n == 0 {
		return 0
	}
	return dotProduct(weight, free, size) / math.Sqrt(n)
}

// binCentric fills one bin after the other, each time with what scores best. The
// weights are the demand that is left, to a power, taken anew for each bin.
func (s *search) binCentric(rate score, power float64) func(*packing) {
	return func(c *packing) {
		f := newFiller(c, rate, power)
		for i := range c.bins {
			f.fill(&c.bins[i])
		}
		for _, item := range f.order {
			for c.left[item] > 0 && c.s.budget > 0 {
				b := c.open(item)
				if b == nil {
					break
				}
				f.fill(b)
			}
		}
		if c.s.p.May != nil || c.leftover() > 0 {
			c.firstFit(f.order)
		}
	}
}

// filler fills bins by score.
type filler struct {
	c     *packing
	rate  score
	power float64
	order []int // the largest first, so that it decides between equal scores
	rank  []int // of each item in the order
	pool  []int // what is looked at, in the order; nil for all
	sizes [][]float64
	free  []float64
	w     []float64
	scale []float64 // multiplies the weights, nil for 1
	alive []int
}

func newFiller(c *packing, rate score, power float64) *filler {
	s := c.s
	f := &filler{c: c, rate: rate, power: power, order: s.given(), free: make([]float64, len(s.ref)), w: make([]float64, len(s.ref))}
	keys := make([]float64, len(s.p.Items))
	flat := make([]float64, len(s.ref)*len(s.p.Items))
	for i, it := range s.p.Items {
		row := flat[i*len(s.ref) : (i+1)*len(s.ref)]
		for k, v := range it.Size {
			if s.ref[k] > 0 {
				row[k] = float64(v) / float64(s.ref[k])
			}
		}
		f.sizes = append(f.sizes, row)
		keys[i] = s.norm(i, nil, 1)
	}
	slices.SortStableFunc(f.order, func(a, b int) int { return compareFloat(keys[b], keys[a]) })
	f.rank = make([]int, len(f.order))
	for n, i := range f.order {
		f.rank[i] = n
	}
	return f
}

// weigh takes the weights from what is left.
func (f *filler) weigh() {
	clear(f.w)
	for _, i := range f.alive {
		for k, v := range f.sizes[i] {
			f.w[k] += float64(float64(f.c.left[i]) * v)
		}
	}
	for k := range f.w {
		switch f.power {
		case 0:
			f.w[k] = 1
		case 2:
			f.w[k] *= f.w[k]
		}
		if f.scale != nil {
			f.w[k] *= f.scale[k]
		}
	}
}

// fill puts on a bin what scores best until nothing fits.
func (f *filler) fill(b *open) {
	c, ref := f.c, f.c.s.ref
	f.alive = f.alive[:0]
	from := f.order
	if f.pool != nil {
		from = f.pool
	}
	c.s.spend(len(from))
	for _, i := range from {
		if c.left[i] > 0 {
			f.alive = append(f.alive, i)
		}
	}
	f.weigh()
	candidates := slices.Clone(f.alive)
	for len(candidates) > 0 {
		for k, v := range b.free {
			f.free[k] = 0
			if ref[k] > 0 {
				f.free[k] = float64(max(v, 0)) / float64(ref[k])
			}
		}
		c.s.spend(len(candidates) * (len(ref) + 2))
		best, left := f.best(b, candidates)
		if best < 0 {
			return
		}
		c.put(b, best, 1)
		candidates = left
		if c.left[best] == 0 {
			candidates = slices.DeleteFunc(candidates, func(i int) bool { return i == best })
		}
	}
}

// best gives the item that scores best of those that the bin takes, -1 for none, and
// the candidates without those that never will: what does not fit now will not later,
// but company may come.
func (f *filler) best(b *open, candidates []int) (best int, left []int) {
	c := f.c
	best, left = -1, candidates[:0]
	most := 0.0
	for _, i := range candidates {
		if c.takes(b, i, 1) == 0 {
			if c.s.p.May != nil && fit(c.s.p.Items[i].Size, b.free, 1) > 0 {
				left = append(left, i)
			}
			continue
		}
		left = append(left, i)
		if r := f.rate(f.w, f.free, f.sizes[i]); best < 0 || r > most {
			best, most = i, r
		}
	}
	return best, left
}
