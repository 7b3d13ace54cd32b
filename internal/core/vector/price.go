package vector

import "slices"

// The exact search for the most valuable filling of one room: by a table over the
// room where that is small enough, else by branching.
const (
	mostCells  = 400_000 // of the table, times the things entered into it
	mostBranch = 60_000  // nodes
)

// knapsack is one room, and what may go in.
type knapsack struct {
	s     *search
	room  []int
	class int
	most  []int // of each item, how many the room takes of it alone
	table *table
}

func newKnapsack(s *search, room []int, class int) *knapsack {
	k := &knapsack{s: s, room: room, class: class, most: make([]int, len(s.p.Items))}
	for i, it := range s.p.Items {
		if !s.p.barred(i, class) {
			k.most[i] = fit(it.Size, room, it.Count)
		}
	}
	k.table = newTable(k)
	return k
}

// fill gives the most that a filling is worth by the values, and one that is worth it.
// Where the search is given up, exact is false.
func (k *knapsack) fill(values []int) (worth int, counts []int, exact bool) {
	if k.table != nil {
		worth, counts = k.table.fill(values)
		return worth, counts, true
	}
	b := newBranch(k, values)
	b.walk(0, 0)
	k.s.spend(b.nodes * (len(k.room) + 8))
	return b.best, b.bestCounts, b.nodes < mostBranch
}

// table is the room in steps of the greatest common divisor of each dimension.
type table struct {
	k      *knapsack
	cells  int
	top    []int // steps of each dimension
	stride []int
	pieces []piece
	worth  []int
	taken  []bool // piece by cell
}

// piece is one, two, four ... of an item, so that any number is a sum of pieces.
type piece struct {
	item, n int
	steps   []int
	offset  int
}

func newTable(k *knapsack) *table {
	items, d := k.s.p.Items, len(k.room)
	t := &table{k: k, cells: 1}
	step := make([]int, d)
	for i, it := range items {
		for j := range d {
			if k.most[i] > 0 {
				step[j] = gcd(step[j], it.Size[j])
			}
		}
	}
	for j := range d {
		top := 0
		if step[j] > 0 {
			top = max(0, k.room[j]) / step[j]
		}
		t.stride = append(t.stride, t.cells)
		t.top = append(t.top, top)
		if t.cells *= top + 1; t.cells > mostCells {
			return nil
		}
	}
	for i := range items {
		for left, n := k.most[i], 1; left > 0; n *= 2 {
			n = min(n, left)
			left -= n
			t.pieces = append(t.pieces, newPiece(i, n, items[i].Size, step, t.stride))
		}
	}
	if len(t.pieces)*t.cells > mostCells {
		return nil
	}
	t.worth, t.taken = make([]int, t.cells), make([]bool, len(t.pieces)*t.cells)
	return t
}

func newPiece(item, n int, size, step, stride []int) piece {
	p := piece{item: item, n: n, steps: make([]int, len(size))}
	for j, v := range size {
		if v > 0 {
			p.steps[j] = n * v / step[j]
			p.offset += p.steps[j] * stride[j]
		}
	}
	return p
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (t *table) fill(values []int) (worth int, counts []int) {
	clear(t.worth)
	clear(t.taken)
	t.k.s.spend(4 * len(t.pieces) * t.cells)
	at := make([]int, len(t.top))
	for n, p := range t.pieces {
		if value := p.n * values[p.item]; value > 0 {
			copy(at, t.top)
			t.enter(p, value, t.taken[n*t.cells:(n+1)*t.cells], at)
		}
	}
	counts = make([]int, len(values))
	cell := t.cells - 1
	for n, p := range slices.Backward(t.pieces) {
		if t.taken[n*t.cells+cell] {
			counts[p.item] += p.n
			cell -= p.offset
		}
	}
	return t.worth[t.cells-1], counts
}

// enter lets a piece into every cell that gains by it, downwards, so that it goes in
// once; at is where the cell is, the top at first.
func (t *table) enter(p piece, value int, taken []bool, at []int) {
	for cell := t.cells - 1; cell >= p.offset; cell-- {
		if fit(p.steps, at, 1) > 0 {
			if w := t.worth[cell-p.offset] + value; w > t.worth[cell] {
				t.worth[cell], taken[cell] = w, true
			}
		}
		for j := range at {
			if at[j]--; at[j] >= 0 {
				break
			}
			at[j] = t.top[j]
		}
	}
}

// branch is a search over the numbers of each item, the most valuable for its size first.
type branch struct {
	k          *knapsack
	values     []int
	order      []int
	density    []float64 // value for each part of the room, in the order
	free       []int
	counts     []int
	best       int
	bestCounts []int
	nodes      int
}

func newBranch(k *knapsack, values []int) *branch {
	b := &branch{
		k: k, values: values, free: slices.Clone(k.room), counts: make([]int, len(values)),
		bestCounts: make([]int, len(values)), density: make([]float64, len(values)),
	}
	for i, v := range values {
		if v > 0 && k.most[i] > 0 {
			b.order = append(b.order, i)
			b.density[i] = float64(v) / max(1e-9, share(k.s.p.Items[i].Size, k.room))
		}
	}
	slices.SortStableFunc(b.order, func(x, y int) int { return compareFloat(b.density[y], b.density[x]) })
	return b
}

func (b *branch) walk(n, worth int) {
	if b.nodes++; b.nodes >= mostBranch {
		return
	}
	if worth > b.best {
		b.best = worth
		copy(b.bestCounts, b.counts)
	}
	if n == len(b.order) || b.hope(n, worth) <= b.best {
		return
	}
	i := b.order[n]
	size := b.k.s.p.Items[i].Size
	for c := fit(size, b.free, b.k.most[i]); c >= 0; c-- {
		for j, v := range size {
			b.free[j] -= c * v
		}
		b.counts[i] = c
		b.walk(n+1, worth+c*b.values[i])
		for j, v := range size {
			b.free[j] += c * v
		}
		b.counts[i] = 0
	}
}

// hope is a worth that no filling with the rest of the order passes: the parts of the
// room that are free, at the best price for a part; a whole number above it.
func (b *branch) hope(n, worth int) int {
	most, one := 0, 0
	free := share(b.free, b.k.room)
	for _, i := range b.order[n:] {
		if c := fit(b.k.s.p.Items[i].Size, b.free, b.k.most[i]); c > 0 {
			most += c * b.values[i]
			one = max(one, int(b.density[i]*free*(1+1e-9))+1)
		}
	}
	return worth + min(most, one)
}
