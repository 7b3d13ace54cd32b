package vector

import "slices"

// emptyLeast tries to empty the new bin that is filled least, then the next, by moving
// its things to room elsewhere: as they are, or where something smaller makes room and
// finds a place itself. It tells whether a bin has gone.
func (c *packing) emptyLeast() bool {
	if c.s.p.May != nil {
		return false // who stands beside whom depends on the order
	}
	gone := false
	for c.opened() > c.s.bound && c.s.budget > 0 {
		if !c.emptyOne() {
			return gone
		}
		gone = true
	}
	return gone
}

// emptyOne empties one new bin, the least full first.
func (c *packing) emptyOne() bool {
	order := c.fresh()
	key := make([]float64, len(c.bins))
	for i := range c.bins {
		key[i] = share(c.bins[i].free, c.s.ref)
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareFloat(key[b], key[a]) })
	for _, from := range order[:min(len(order), 8)] {
		c.journal, c.moves = true, c.moves[:0]
		if c.moveAll(from) {
			c.journal = false
			c.close(from)
			return true
		}
		c.undo()
		if c.s.budget <= 0 {
			return false
		}
	}
	return false
}

// moveAll takes everything off a bin, the largest first.
func (c *packing) moveAll(from int) bool {
	s := c.s
	loads := slices.Clone(c.bins[from].on)
	slices.SortStableFunc(loads, func(a, b Load) int { return compareFloat(s.norm(b.Item, nil, 1), s.norm(a.Item, nil, 1)) })
	for _, l := range loads {
		for range l.Count {
			c.put(&c.bins[from], l.Item, -1)
			if !c.moveTo(l.Item, from) && !c.swapTo(l.Item, from) {
				return false
			}
		}
	}
	return true
}

// moveTo puts one of an item, which is on no bin now, on the fullest other bin that takes it.
func (c *packing) moveTo(item int, not ...int) bool {
	best, least := -1, 0.0
	c.s.spend(len(c.bins) * (len(c.s.ref) + 2))
	for i := range c.bins {
		if slices.Contains(not, i) || c.takes(&c.bins[i], item, 1) == 0 {
			continue
		}
		if r := share(c.bins[i].free, c.s.ref); best < 0 || r < least {
			best, least = i, r
		}
	}
	if best < 0 {
		return false
	}
	c.put(&c.bins[best], item, 1)
	return true
}

// swapTo puts one of an item in the place of something that goes to a third bin.
func (c *packing) swapTo(item, not int) bool {
	for i := range c.bins {
		b := &c.bins[i]
		if i == not || c.s.p.barred(item, b.class) {
			continue
		}
		for _, l := range slices.Clone(b.on) {
			if !c.s.spend(2 * len(c.s.ref)) {
				return false
			}
			if l.Item == item || !c.fitsInstead(b, item, l.Item) {
				continue
			}
			c.put(b, l.Item, -1)
			c.put(b, item, 1)
			if c.moveTo(l.Item, i, not) {
				return true
			}
			c.put(b, item, -1)
			c.put(b, l.Item, 1)
		}
	}
	return false
}

// fitsInstead tells whether an item fits once one of another has gone.
func (c *packing) fitsInstead(b *open, item, other int) bool {
	in, out := c.s.p.Items[item].Size, c.s.p.Items[other].Size
	for k, v := range in {
		if v > 0 && v > b.free[k]+out[k] {
			return false
		}
	}
	return true
}

// dice are numbers that look random and are the same each time.
type dice uint64

func (d *dice) roll(n int) int {
	x := uint64(*d)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*d = dice(x)
	return int(x % uint64(n)) //nolint:gosec // n is a small count
}

// repack empties a few new bins at a time, the least full among them, and fills them
// again with other weights, while the budget lasts: with luck one stays empty. A
// filling as good as before is kept too, which is how it leaves dead ends.
func (s *search) repack() {
	if s.p.May != nil || s.best.leftover() > 0 {
		return
	}
	c := s.best.clone()
	d := dice(88172645463325252)
	f := newFiller(c, dotProduct, 1)
	f.scale, f.pool = make([]float64, len(s.ref)), []int{}
	for tries := 0; s.budget > 0 && !s.proved(); tries++ {
		s.spend(500 + 2*len(c.bins)*len(s.ref))
		fresh := c.fresh()
		if len(fresh) < 2 {
			return
		}
		f.shake(&d)
		if !c.refill(f, chosen(c, fresh, &d)) {
			continue
		}
		if tries > betweenEmptying {
			tries = 0
			c.emptyLeast()
		}
		if c.betterThan(s.best) {
			s.offer(c.clone(), repacked(s.by))
		}
	}
}

// fresh lists the new bins.
func (c *packing) fresh() []int {
	var out []int
	for i := range c.bins {
		if c.bins[i].shape >= 0 {
			out = append(out, i)
		}
	}
	return out
}

// shake takes other weights.
func (f *filler) shake(d *dice) {
	for k := range f.scale {
		f.scale[k] = 0.25 + float64(d.roll(1000))/500
	}
	f.power = float64(d.roll(2))
	f.rate = dotProduct
	if d.roll(2) == 0 {
		f.rate = distance
	}
}

// betweenEmptying is after how many tries the least full bin is looked at again.
const betweenEmptying = 20

func repacked(by string) string {
	const words = " and repacking"
	if len(by) > len(words) && by[len(by)-len(words):] == words {
		return by
	}
	return by + words
}

// chosen gives the least full new bin and two to five others.
func chosen(c *packing, fresh []int, d *dice) []int {
	least := slices.MaxFunc(fresh, func(a, b int) int {
		return compareFloat(share(c.bins[a].free, c.s.ref), share(c.bins[b].free, c.s.ref))
	})
	out := []int{least}
	for range 2 + d.roll(4) {
		if i := fresh[d.roll(len(fresh))]; !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// refill empties the bins and fills them again; where things are left over it takes
// that back. It tells whether something has changed for the better: a bin less, or
// things closer together.
func (c *packing) refill(f *filler, which []int) bool {
	saved, before := c.takeOut(f, which)
	// The least full, which is first, is filled last.
	after := 0.0
	for _, i := range slices.Backward(which) {
		f.fill(&c.bins[i])
		after += c.squeeze(&c.bins[i])
	}
	if c.leftover() > 0 || after < before {
		c.putBack(which, saved)
		return false
	}
	slices.Sort(which)
	for _, i := range slices.Backward(which) {
		if len(c.bins[i].on) == 0 {
			c.close(i)
		}
	}
	return after > before
}

// takeOut empties the bins, and gives what was in them and how close. The filler looks
// at no other things from there.
func (c *packing) takeOut(f *filler, which []int) (saved []open, squeezed float64) {
	f.pool = f.pool[:0]
	for _, i := range which {
		b := &c.bins[i]
		saved = append(saved, open{free: slices.Clone(b.free), on: slices.Clone(b.on)})
		squeezed += c.squeeze(b)
		for len(b.on) > 0 {
			item := b.on[0].Item
			if !slices.Contains(f.pool, item) {
				f.pool = append(f.pool, item)
			}
			c.put(b, item, -b.on[0].Count)
		}
	}
	slices.SortFunc(f.pool, func(a, b int) int { return f.rank[a] - f.rank[b] })
	return saved, squeezed
}

// putBack makes the bins what they were.
func (c *packing) putBack(which []int, saved []open) {
	for n, i := range which {
		b := &c.bins[i]
		for _, l := range b.on {
			c.left[l.Item] += l.Count
		}
		for _, l := range saved[n].on {
			c.left[l.Item] -= l.Count
		}
		b.free, b.on = saved[n].free, saved[n].on
	}
}

// squeeze is the square of how full a bin is: the sum grows as things get closer.
func (c *packing) squeeze(b *open) float64 {
	r := float64(len(c.s.ref)) - share(b.free, c.s.ref)
	return float64(r * r)
}
