package vector

import "slices"

// open is a bin while it is filled.
type open struct {
	at    int // index of a standing bin, or -1 less the shape's
	shape int // -1 for a standing one
	class int
	free  []int
	on    []Load
}

// packing is a packing while it is made.
type packing struct {
	s    *search
	bins []open
	left []int
	used []int // opened bins of each shape
	// moves are what was put since the journal began, nil for no journal.
	moves   []move
	journal bool
}

// move is a put that can be undone.
type move struct {
	bin     *open
	item, n int
}

func newPacking(s *search) *packing {
	p := s.p
	c := &packing{s: s, left: make([]int, len(p.Items)), used: make([]int, len(p.Shapes))}
	for i, it := range p.Items {
		c.left[i] = it.Count
	}
	d := len(s.ref)
	room := make([]int, d*len(p.Bins))
	c.bins = make([]open, len(p.Bins), len(p.Bins)+16)
	for i, b := range p.Bins {
		free := room[i*d : (i+1)*d : (i+1)*d]
		copy(free, b.Free)
		c.bins[i] = open{at: i, shape: -1, class: b.Class, free: free}
	}
	return c
}

func (c *packing) clone() *packing {
	o := &packing{s: c.s, left: slices.Clone(c.left), used: slices.Clone(c.used), bins: slices.Clone(c.bins)}
	for i := range o.bins {
		b := &o.bins[i]
		b.free, b.on = slices.Clone(b.free), slices.Clone(b.on)
	}
	return o
}

func (c *packing) opened() int   { return sum(c.used) }
func (c *packing) leftover() int { return sum(c.left) }

// betterThan compares what is left, then the new bins.
func (c *packing) betterThan(o *packing) bool {
	if a, b := c.leftover(), o.leftover(); a != b {
		return a < b
	}
	return c.opened() < o.opened()
}

func (p *Problem) barred(item, class int) bool {
	return item < len(p.Bars) && p.Bars[item] != nil && p.Bars[item][class]
}

// fit is how many things of a size go into the room, at most so many. What a thing
// asks none of does not matter, even where more of it is taken than there is.
func fit(size, room []int, most int) int {
	for k, s := range size {
		if s > 0 {
			if s > room[k] {
				return 0
			}
			if most > 1 {
				most = min(most, room[k]/s)
			}
		}
	}
	return most
}

// put places n of an item on a bin, which must have the room; n below 0 takes them off.
func (c *packing) put(b *open, item, n int) {
	if c.journal {
		c.moves = append(c.moves, move{b, item, n})
	}
	for k, s := range c.s.p.Items[item].Size {
		b.free[k] -= n * s
	}
	c.left[item] -= n
	i := slices.IndexFunc(b.on, func(l Load) bool { return l.Item == item })
	if i < 0 {
		b.on = append(b.on, Load{item, n})
		return
	}
	if b.on[i].Count += n; b.on[i].Count == 0 {
		b.on = slices.Delete(b.on, i, i+1)
	}
}

// undo takes back what the journal has.
func (c *packing) undo() {
	c.journal = false
	for _, m := range slices.Backward(c.moves) {
		c.put(m.bin, m.item, -m.n)
	}
	c.moves = c.moves[:0]
}

// takes gives how many of an item a bin would take, at most so many, and at most one
// where the next depends on what is there.
func (c *packing) takes(b *open, item, most int) int {
	p := c.s.p
	if p.barred(item, b.class) {
		return 0
	}
	n := fit(p.Items[item].Size, b.free, most)
	if n == 0 || p.May == nil {
		return n
	}
	if !p.May(item, b.at, b.on) {
		return 0
	}
	return 1
}

// fill puts as many of what is left of an item on a bin as it takes.
func (c *packing) fill(b *open, item int) {
	for c.left[item] > 0 {
		n := c.takes(b, item, c.left[item])
		if n == 0 {
			break
		}
		c.put(b, item, n)
	}
}

// open starts a bin that takes the item, of the largest shape that does; nil where
// there is none.
func (c *packing) open(item int) *open {
	for _, j := range c.s.shapes {
		f := c.s.p.Shapes[j]
		if f.Limit >= 0 && c.used[j] >= f.Limit {
			continue
		}
		b := open{at: -1 - j, shape: j, class: f.Class, free: f.Free}
		if c.takes(&b, item, 1) == 0 {
			continue
		}
		b.free = slices.Clone(f.Free)
		c.used[j]++
		c.bins = append(c.bins, b)
		return &c.bins[len(c.bins)-1]
	}
	return nil
}

// close takes an empty new bin away.
func (c *packing) close(i int) {
	c.used[c.bins[i].shape]--
	c.bins = slices.Delete(c.bins, i, i+1)
}

// firstFit puts the items in an order, each on the first bins that take it.
func (c *packing) firstFit(order []int) {
	d := len(c.s.ref)
	for {
		before := c.leftover()
		for _, item := range order {
			for i := range c.bins {
				if c.left[item] == 0 {
					break
				}
				c.fill(&c.bins[i], item)
			}
			c.s.spend(len(c.bins) * (d + 2))
			for c.left[item] > 0 {
				b := c.open(item)
				if b == nil {
					break
				}
				c.fill(b, item)
			}
		}
		// Where things want company, what was placed may let in what was not.
		if n := c.leftover(); n == 0 || n == before || c.s.p.May == nil {
			return
		}
	}
}
