package vector

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The bounds of the search that looks at everything: how many things there may be, and
// the states it looks at, each of so many steps.
const (
	mostExact  = 16
	mostStates = 30_000
	stateSteps = 150
)

// exact looks at every packing of a few things, leaving out those that cannot be
// better and those that differ from one seen only in the names of new bins. Where it
// ends within its share of the work, the best packing is the best there is.
func (s *search) exact() {
	total := 0
	var order []int
	for i, it := range s.p.Items {
		if total += it.Count; it.Count > 0 {
			order = append(order, i)
		}
	}
	if total > mostExact {
		return
	}
	e := &exhaust{s: s, c: newPacking(s), order: order, seen: map[string]bool{}, states: min(mostStates, s.budget/stateSteps)}
	slices.SortStableFunc(e.order, func(a, b int) int { return compareFloat(s.norm(b, nil, 1), s.norm(a, nil, 1)) })
	e.walk(0, 0)
	s.spend(len(e.seen) * stateSteps)
	s.whole = e.states > 0
}

type exhaust struct {
	s      *search
	c      *packing
	order  []int
	seen   map[string]bool
	states int
}

// walk places one thing in every way and goes on from there. As the order of placing
// does not matter, the items come one after the other, and from n in the order on they
// are still to be placed; left out is what was given up before. Where it does matter,
// any may come next, and none is given up for good.
func (e *exhaust) walk(n, leftOut int) {
	best := e.s.best
	if e.states <= 0 || best.leftover() == 0 && best.opened() <= e.s.bound {
		return
	}
	if leftOut > best.leftover() || leftOut == best.leftover() && e.c.opened() >= best.opened() {
		return
	}
	key := fmt.Sprint(n, e.key())
	if e.seen[key] {
		return
	}
	e.seen[key] = true
	e.states--
	if e.c.betterThan(best) {
		e.s.offer(e.c.clone(), "trying everything")
	}
	if e.s.p.May != nil {
		for _, i := range e.order {
			e.place(i, func() { e.walk(0, 0) })
		}
		return
	}
	if n == len(e.order) {
		return
	}
	i := e.order[n]
	e.place(i, func() { e.walk(n, leftOut) })
	e.walk(n+1, leftOut+e.c.left[i])
}

// place puts one of an item on every bin, and on a new one of every shape, and goes on
// from each.
func (e *exhaust) place(item int, next func()) {
	c := e.c
	if c.left[item] == 0 {
		return
	}
	for b := range c.bins {
		if c.takes(&c.bins[b], item, 1) > 0 {
			c.put(&c.bins[b], item, 1)
			next()
			c.put(&c.bins[b], item, -1)
		}
	}
	for j, f := range e.s.p.Shapes {
		if f.Limit >= 0 && c.used[j] >= f.Limit {
			continue
		}
		b := open{at: -1 - j, shape: j, class: f.Class, free: slices.Clone(f.Free)}
		if c.takes(&b, item, 1) == 0 {
			continue
		}
		c.used[j]++
		c.bins = append(c.bins, b)
		c.put(&c.bins[len(c.bins)-1], item, 1)
		next()
		c.put(&c.bins[len(c.bins)-1], item, -1)
		c.close(len(c.bins) - 1)
	}
}

// key names a packing up to the order of the new bins.
func (e *exhaust) key() string {
	var parts []string
	buf := make([]byte, 0, 64)
	for i := range e.c.bins {
		b := &e.c.bins[i]
		counts := make([]byte, 0, 16)
		counts = binary.AppendVarint(counts, int64(b.at))
		for item := range e.s.p.Items {
			n := 0
			for _, l := range b.on {
				if l.Item == item {
					n = l.Count
				}
			}
			counts = binary.AppendUvarint(counts, uint64(n))
		}
		parts = append(parts, string(counts))
	}
	slices.Sort(parts)
	for _, p := range parts {
		buf = append(buf, p...)
	}
	return string(buf)
}
