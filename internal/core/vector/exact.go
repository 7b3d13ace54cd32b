package vector

import (
	"encoding/binary"
	"slices"
)

// mostExact is up to how many things everything is tried.
const mostExact = 16

// exact looks at every packing of a few things, leaving out those that cannot be
// better and those that differ from one seen only in the names of new bins. Where it
// ends within its share of the work, the best packing is the best there is.
func (s *search) exact() {
	total := 0
	for _, it := range s.p.Items {
		total += it.Count
	}
	if total > mostExact {
		return
	}
	e := &exhaust{s: s, seen: map[string]bool{}, nodes: 150_000}
	for i := range s.p.Items {
		e.order = append(e.order, i)
	}
	slices.SortStableFunc(e.order, func(a, b int) int { return compareFloat(s.norm(b, nil, 1), s.norm(a, nil, 1)) })
	e.c = newPacking(s)
	e.walk()
	s.spend(200_000)
	s.whole = e.nodes > 0
}

type exhaust struct {
	s     *search
	c     *packing
	order []int
	seen  map[string]bool
	nodes int
}

// walk places one thing in every way and goes on from there.
func (e *exhaust) walk() {
	if e.nodes--; e.nodes <= 0 || e.s.best.leftover() == 0 && e.s.best.opened() <= e.s.bound {
		return
	}
	if key := e.key(); e.seen[key] {
		return
	} else {
		e.seen[key] = true
	}
	if e.c.betterThan(e.s.best) {
		e.s.offer(e.c.clone(), "trying everything")
	}
	if e.c.leftover() == 0 || e.s.best.leftover() == 0 && e.c.opened() >= e.s.best.opened() {
		return
	}
	for _, i := range e.order {
		if e.c.left[i] > 0 {
			e.place(i)
		}
	}
}

// place puts one of an item on every bin, and on a new one of every shape.
func (e *exhaust) place(item int) {
	c := e.c
	for b := range c.bins {
		if c.takes(&c.bins[b], item, 1) > 0 {
			c.put(&c.bins[b], item, 1)
			e.walk()
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
		e.walk()
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
			counts = binary.AppendUvarint(counts, uint64(n)) //nolint:gosec // a count
		}
		parts = append(parts, string(counts))
	}
	slices.Sort(parts)
	for _, p := range parts {
		buf = append(buf, p...)
	}
	return string(buf)
}
