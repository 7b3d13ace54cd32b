package vector

import (
	"fmt"
	"slices"
)

// mostKinds is up to how many kinds of item the bound over fillings is computed, which
// is the strongest: as services are few, it is nearly always what a plan meets.
const mostKinds = 80

// unit is the value of a bin in whole numbers, so that no bound depends on a float.
const unit = 1 << 24

// column is a filling of one room with the number of bins that get it.
type column struct {
	room  int // index in master.rooms, -1 for a slack
	row   int // of a slack
	cells []float64
	count []int
	cost  float64
}

// master is the linear programme of Gilmore and Gomory: how many bins of each filling
// hold all items, with fillings found as they are needed. Rows are the items, then
// the groups of equal standing bins.
type master struct {
	s      *search
	rooms  []room
	groups int
	kinds  []int // the items with a count
	basis  []column
	inv    [][]float64
	x      []float64
	bound  int
}

// room is a shape, or a group of equal standing bins.
type room struct {
	sack  *knapsack
	shape int // -1 for standing ones
	bins  []int
	row   int // of the group
}

// patterns computes the bound over fillings, and rounds its solution to a packing.
func (s *search) patterns() {
	m := newMaster(s)
	if m == nil {
		return
	}
	m.solve()
	if s.best.leftover() == 0 {
		s.bound = max(s.bound, m.bound)
	}
	if s.p.May == nil && !s.met() {
		m.round()
	}
}

func newMaster(s *search) *master {
	if len(s.p.Shapes) == 0 || s.best.leftover() > 0 {
		return nil
	}
	m := &master{s: s}
	for i, it := range s.p.Items {
		if it.Count > 0 {
			m.kinds = append(m.kinds, i)
		}
	}
	group := map[string]int{}
	for i, b := range s.p.Bins {
		key := fmt.Sprint(b.Class, b.Free)
		at, seen := group[key]
		if !seen {
			at = len(m.rooms)
			group[key] = at
			m.rooms = append(m.rooms, room{shape: -1, row: len(m.kinds) + at})
		}
		m.rooms[at].bins = append(m.rooms[at].bins, i)
		if len(m.kinds)+len(m.rooms) > mostKinds {
			return nil
		}
	}
	m.groups = len(m.rooms)
	if len(m.kinds)+m.groups > mostKinds {
		return nil
	}
	for i := range m.rooms {
		b := s.p.Bins[m.rooms[i].bins[0]]
		m.rooms[i].sack = newKnapsack(s, b.Free, b.Class)
	}
	for j, f := range s.p.Shapes {
		m.rooms = append(m.rooms, room{shape: j, row: -1, sack: newKnapsack(s, f.Free, f.Class)})
	}
	m.start()
	return m
}

// start makes the first basis: each item alone in the room that holds the most of it,
// at a high price where no shape holds it, and no standing bin used.
func (m *master) start() {
	rows := len(m.kinds) + m.groups
	m.inv = make([][]float64, rows)
	for r := range rows {
		m.inv[r] = make([]float64, rows)
		m.inv[r][r] = 1
	}
	for r, i := range m.kinds {
		c := column{room: -1, row: -1, cells: make([]float64, rows), cost: 1000, count: make([]int, len(m.s.p.Items))}
		n := 1
		for at := m.groups; at < len(m.rooms); at++ {
			if most := m.rooms[at].sack.most[i]; most > 0 && (c.room < 0 || most > n) {
				c.room, c.cost, n = at, 1, most
			}
		}
		c.cells[r] = float64(n)
		c.count[i] = n
		m.inv[r][r] = 1 / float64(n)
		m.basis = append(m.basis, c)
		m.x = append(m.x, float64(m.s.p.Items[i].Count)/float64(n))
	}
	for g := range m.groups {
		r := len(m.kinds) + g
		c := column{room: -1, row: r, cells: make([]float64, rows)}
		c.cells[r] = 1
		m.basis = append(m.basis, c)
		m.x = append(m.x, float64(len(m.rooms[g].bins)))
	}
}

// duals gives what one more of each row is worth.
func (m *master) duals() []float64 {
	y := make([]float64, len(m.basis))
	for r, c := range m.basis {
		if c.cost == 0 {
			continue
		}
		for k := range y {
			y[k] += float64(c.cost * m.inv[r][k])
		}
	}
	return y
}

// solve brings in fillings that are worth more than their bin until there is none, or
// the work allowed is done. Each round gives a bound, so that one may stop at any.
func (m *master) solve() {
	rows := len(m.basis)
	for range 40 * rows {
		y := m.duals()
		values := make([]int, len(m.s.p.Items))
		slack := -1
		for r, i := range m.kinds {
			values[i] = max(0, int(y[r]*unit))
			if y[r] < -1e-9 {
				slack = r
			}
		}
		enter, ok := m.price(values, y)
		if slack >= 0 {
			enter = &column{room: -1, row: slack, cells: make([]float64, rows)}
			enter.cells[slack] = -1
		}
		if !ok || enter == nil || m.bound >= m.s.best.opened() || !m.s.spend(8*rows*rows) || !m.pivot(*enter) {
			return
		}
	}
}

// price finds the filling that gains most over its bin's cost, and the bound that the
// values give: what all items are worth less what the standing bins can hold, in bins
// of the most that a new one can. ok is false where a search was given up.
func (m *master) price(values []int, y []float64) (enter *column, ok bool) {
	worth, largest, gain := 0, 0, unit/100_000
	for _, i := range m.kinds {
		worth += values[i] * m.s.p.Items[i].Count
	}
	for at := range m.rooms {
		f := &m.rooms[at]
		v, counts, exact := f.sack.fill(values)
		if !exact {
			return nil, false
		}
		cost := unit
		if f.shape < 0 {
			worth -= v * len(f.bins)
			cost = int(-y[f.row] * unit)
		} else {
			largest = max(largest, v)
		}
		if v-cost > gain {
			gain = v - cost
			enter = m.column(at, counts)
		}
	}
	if largest > 0 && worth > 0 {
		m.bound = max(m.bound, (worth+largest-1)/largest)
	}
	return enter, true
}

func (m *master) column(at int, counts []int) *column {
	c := &column{room: at, row: -1, count: counts, cells: make([]float64, len(m.basis))}
	for r, i := range m.kinds {
		c.cells[r] = float64(counts[i])
	}
	if f := m.rooms[at]; f.shape < 0 {
		c.cells[f.row] = 1
	} else {
		c.cost = 1
	}
	return c
}

// pivot brings a column into the basis in the place of the one that runs out first.
func (m *master) pivot(enter column) bool {
	rows := len(m.basis)
	d := m.direction(enter)
	out, least := m.leaving(d)
	if out < 0 {
		return false
	}
	for k := range rows {
		m.inv[out][k] /= d[out]
	}
	m.x[out] = least
	for r := range rows {
		if r == out || d[r] == 0 {
			continue
		}
		for k := range rows {
			m.inv[r][k] -= float64(d[r] * m.inv[out][k])
		}
		m.x[r] -= float64(d[r] * least)
	}
	m.basis[out] = enter
	return true
}

// direction tells how the basis changes with one more of a column.
func (m *master) direction(enter column) []float64 {
	d := make([]float64, len(m.basis))
	for r := range d {
		for k, v := range enter.cells {
			d[r] += float64(m.inv[r][k] * v)
		}
	}
	return d
}

// leaving gives the row that runs out first, -1 for none, and after how many.
func (m *master) leaving(d []float64) (out int, least float64) {
	out = -1
	for r, v := range d {
		if v <= 1e-9 {
			continue
		}
		if t := max(0, m.x[r]) / v; out < 0 || t < least-1e-12 {
			out, least = r, t
		}
	}
	return out, least
}

// round takes the whole numbers of the solution, then the largest fractions one after
// the other, and packs what is left over by the heuristics; each number of fractions
// is a packing, and the best is kept.
func (m *master) round() {
	s := m.s
	var order []int
	for r, c := range m.basis {
		if c.room >= 0 && m.x[r] > 1e-7 {
			order = append(order, r)
		}
	}
	frac := func(r int) float64 { return m.x[r] - float64(int(m.x[r]+1e-7)) }
	slices.SortStableFunc(order, func(a, b int) int { return compareFloat(frac(b), frac(a)) })
	for extra := 0; extra <= len(order) && !s.met(); extra++ {
		base := newPacking(s)
		for n, r := range order {
			times := int(m.x[r] + 1e-7)
			if n < extra {
				times++
			}
			m.lay(base, m.basis[r], times)
		}
		for n, h := range s.fast() {
			if n > 3 || s.met() {
				break
			}
			c := base.clone()
			h.run(c)
			if s.offer(c, "fillings of a linear programme") {
				s.improve((*packing).emptyLeast, " and emptying the least full")
			}
		}
	}
}

// lay fills so many bins as a column says, as far as things are left.
func (m *master) lay(c *packing, col column, times int) {
	f := m.rooms[col.room]
	for range times {
		b := c.next(f)
		if b == nil {
			return
		}
		for i, n := range col.count {
			if n = min(n, c.left[i]); n > 0 {
				c.put(b, i, n)
			}
		}
		if len(b.on) == 0 && b.shape >= 0 {
			c.close(len(c.bins) - 1)
			return
		}
	}
}

// next gives an empty bin of a room, nil where there is none.
func (c *packing) next(f room) *open {
	if f.shape < 0 {
		for _, i := range f.bins {
			if len(c.bins[i].on) == 0 {
				return &c.bins[i]
			}
		}
		return nil
	}
	shape := c.s.p.Shapes[f.shape]
	if shape.Limit >= 0 && c.used[f.shape] >= shape.Limit {
		return nil
	}
	c.used[f.shape]++
	c.bins = append(c.bins, open{at: -1 - f.shape, shape: f.shape, class: shape.Class, free: slices.Clone(shape.Free)})
	return &c.bins[len(c.bins)-1]
}
