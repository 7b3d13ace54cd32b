// Package vector packs things of several dimensions into as few bins as it can, and
// gives a number of bins below which nobody can.
//
// It knows numbers only: what a dimension is (CPU, a host port, a place beside no
// equal) is its caller's. The same problem gives the same plan on every machine: work
// is counted in steps and not in time, and sums of floats are written so that no
// processor may fuse them.
package vector

import (
	"slices"
)

// Item is a number of equal things. Sizes have one number for each dimension, none
// below 0.
type Item struct {
	Size  []int
	Count int
}

// Bin is room that stands already and costs nothing.
type Bin struct {
	Free  []int
	Class int // which Bars hold
}

// Shape is a bin that may be opened, as often as Limit says; below 0 without limit.
type Shape struct {
	Free  []int
	Class int
	Limit int
}

// Load is how many of an item a bin holds.
type Load struct {
	Item  int
	Count int
}

// Problem is what is to be packed.
type Problem struct {
	Items  []Item
	Bins   []Bin
	Shapes []Shape
	// Bars tells for each item the classes of bins that never take it; a nil row, or
	// no rows at all, bars none.
	Bars [][]bool
	// May tells whether one more of an item may join what this plan put on a bin so
	// far: bin is the index of a standing bin, or -1 less the shape's of an opened one.
	// Nil is always.
	May func(item, bin int, on []Load) bool
	// Budget bounds the work in steps of about a nanosecond, 0 for the default.
	Budget int
}

// Filled is a bin that got something: Bin is the index of a standing one, -1 for a
// new one of the Shape.
type Filled struct {
	Bin   int
	Shape int
	On    []Load // sorted by item
}

// Plan is the best packing found.
type Plan struct {
	Bins  []Filled
	New   []int // opened bins of each shape
	Left  []int // of each item, what is on no bin
	Bound int   // so many new bins at least are needed for what is placed
	By    string
	// Proved is true where no plan leaves fewer things, and none that leaves as few
	// opens fewer bins.
	Proved bool
}

// Opened is how many new bins the plan has.
func (p Plan) Opened() int { return sum(p.New) }

// defaultBudget is some 30 ms on a core of 2026.
const defaultBudget = 10_000_000

// Pack gives the best of several heuristics, improved while the budget lasts and the
// lower bound is not met. Limits of shapes are looked at only where a packing without
// them breaks one: so a plan that has just enough is the plan that asked for it.
func Pack(p Problem) Plan {
	if len(p.Items) == 0 {
		return Plan{New: make([]int, len(p.Shapes)), Proved: true, By: "nothing to pack"}
	}
	free := p
	free.Shapes = slices.Clone(p.Shapes)
	for j := range free.Shapes {
		if free.Shapes[j].Limit != 0 {
			free.Shapes[j].Limit = -1
		}
	}
	first := run(free)
	for j, f := range p.Shapes {
		if f.Limit >= 0 && first.New[j] > f.Limit {
			return run(p)
		}
	}
	return first
}

func run(p Problem) Plan {
	s := newSearch(p)
	s.heuristics()
	if !s.met() {
		s.exact()
	}
	if s.best.leftover() == 0 {
		s.better()
		return s.plan()
	}
	if s.whole {
		return s.plan()
	}
	// What is left stays left: the new bins are fewer if it is no longer looked at.
	rest := newSearch(s.p.less(s.best.left))
	rest.budget, rest.by = s.budget, s.by
	rest.best = s.best.clone()
	rest.best.s = rest
	clear(rest.best.left)
	rest.bound = rest.lower(rest.counts())
	rest.better()
	out := rest.plan()
	out.Left, out.Proved = s.best.left, false
	return out
}

// better improves the best packing, in rounds: what is cheap first, and nothing takes
// all the work allowed from what comes after it.
func (s *search) better() {
	s.within(100, func() { s.improve((*packing).emptyLeast, " and emptying the least full") })
	if len(s.p.Items) > fewKinds {
		s.within(20, s.repack)
	}
	s.within(80, s.patterns)
	s.within(100, s.repack)
}

// fewKinds is up to how many kinds of item the bound over fillings comes first, as it
// most often ends the search.
const fewKinds = 30

// within does something with so many percent of the budget, unless the best is met.
func (s *search) within(percent int, do func()) {
	if s.met() {
		return
	}
	kept := s.budget / 100 * (100 - percent)
	s.budget -= kept
	do()
	s.budget += kept
}

// less is the problem without so many of each item.
func (p *Problem) less(left []int) Problem {
	o := *p
	o.Items = slices.Clone(p.Items)
	for i, n := range left {
		o.Items[i].Count -= n
	}
	return o
}

// search is the state of one Pack: the best packing so far and the best bound.
type search struct {
	p      *Problem
	ref    []int // the largest room of any bin, in each dimension
	shapes []int // in the order in which they are opened, the largest first
	best   *packing
	by     string
	bound  int
	whole  bool // exact has seen everything
	budget int
}

func newSearch(p Problem) *search {
	s := &search{p: &p, budget: p.Budget}
	if s.budget == 0 {
		s.budget = defaultBudget
	}
	d := 0
	if len(p.Items) > 0 {
		d = len(p.Items[0].Size)
	}
	s.ref = make([]int, d)
	for _, f := range p.Shapes {
		for k := range d {
			s.ref[k] = max(s.ref[k], f.Free[k])
		}
	}
	if len(p.Shapes) == 0 {
		for _, b := range p.Bins {
			for k := range d {
				s.ref[k] = max(s.ref[k], b.Free[k])
			}
		}
	}
	for j := range p.Shapes {
		s.shapes = append(s.shapes, j)
	}
	slices.SortStableFunc(s.shapes, func(a, b int) int {
		return compareFloat(share(p.Shapes[b].Free, s.ref), share(p.Shapes[a].Free, s.ref))
	})
	s.bound = -1
	return s
}

// share is how much of ref a room is, summed over the dimensions.
func share(room, ref []int) float64 {
	t := 0.0
	for k, r := range room {
		if ref[k] > 0 {
			t += float64(r) / float64(ref[k])
		}
	}
	return t
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// offer takes a packing if it is better than the best.
func (s *search) offer(c *packing, by string) bool {
	if s.best != nil && !c.betterThan(s.best) {
		return false
	}
	s.best, s.by = c, by
	return true
}

// met tells whether the best packing is known to be the best there is, or the work
// allowed is done.
func (s *search) met() bool {
	return s.proved() || s.budget <= 0
}

func (s *search) proved() bool {
	return s.whole || s.best.leftover() == 0 && s.best.opened() <= s.bound
}

// spend takes steps from the budget and tells whether any is left.
func (s *search) spend(steps int) bool {
	s.budget -= steps
	return s.budget > 0
}

// heuristics tries the fast ones, and the cheap bounds after the first of them.
func (s *search) heuristics() {
	for _, h := range s.fast() {
		if s.budget <= 0 && !h.always {
			continue
		}
		c := newPacking(s)
		h.run(c)
		s.offer(c, h.name)
		if s.bound < 0 {
			s.bound = s.lower(s.counts())
		}
		if s.proved() {
			return
		}
	}
}

// improve tries a change on a copy of the best packing.
func (s *search) improve(change func(*packing) bool, words string) {
	c := s.best.clone()
	if change(c) {
		s.offer(c, s.by+words)
	}
}

func (s *search) plan() Plan {
	c := s.best
	out := Plan{New: make([]int, len(s.p.Shapes)), Left: c.left, By: s.by, Bound: max(0, s.bound)}
	for i := range c.bins {
		b := &c.bins[i]
		if len(b.on) == 0 {
			continue
		}
		f := Filled{Bin: b.at, Shape: b.shape, On: b.on}
		slices.SortFunc(f.On, func(x, y Load) int { return x.Item - y.Item })
		if b.shape >= 0 {
			f.Bin = -1
			out.New[b.shape]++
		}
		out.Bins = append(out.Bins, f)
	}
	if s.whole {
		out.Bound = out.Opened()
	}
	out.Proved = s.proved()
	return out
}

// counts gives how many there are of each item.
func (s *search) counts() []int {
	out := make([]int, len(s.p.Items))
	for i, it := range s.p.Items {
		out[i] = it.Count
	}
	return out
}

func sum(ns []int) int {
	t := 0
	for _, n := range ns {
		t += n
	}
	return t
}
