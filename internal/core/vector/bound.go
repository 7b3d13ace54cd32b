package vector

import "slices"

// lower gives a number of new bins below which nobody can place so many of each item,
// from the cheap bounds: sums, dual-feasible functions of one dimension or of several
// added up, and things of which no two share a bin. All of it is whole numbers: a
// bound that is rounded up wrongly would be a lie.
//
// What the bounds ignore (who may share a bin, limits of shapes) only needs more bins.
func (s *search) lower(count []int) int {
	if len(s.p.Shapes) == 0 || len(s.ref) == 0 {
		return 0
	}
	best := 0
	for _, a := range s.blends() {
		best = max(best, s.lowerLine(a, count))
	}
	return max(best, s.lowerApart(count))
}

// blend is a way to make one dimension of all: each by a factor. What holds of the
// sum in any bin is a consequence of what holds in each dimension.
const blend = 1 << 20

// mostPaired is how many dimensions are blended in pairs, those most in demand.
const mostPaired = 6

// blends gives the factors: each dimension alone, all by equal parts, all by demand,
// and pairs.
func (s *search) blends() [][]int {
	d := len(s.ref)
	unit := make([]int, d)
	for k, r := range s.ref {
		if r > 0 {
			unit[k] = max(1, blend/r)
		}
	}
	var out [][]int
	add := func(parts []int) {
		a := make([]int, d)
		for k := range d {
			a[k] = unit[k] * parts[k]
		}
		out = append(out, a)
	}
	for k := range d {
		one := make([]int, d)
		one[k] = 1
		out = append(out, one)
	}
	if d == 1 {
		return out
	}
	add(slices.Repeat([]int{1}, d))
	demand, order, parts := s.demand(), make([]int, d), make([]int, d)
	for k := range d {
		order[k] = k
		parts[k] = int(8 * demand[k] / max(1e-9, slices.Max(demand)))
	}
	add(parts)
	slices.SortStableFunc(order, func(a, b int) int { return compareFloat(demand[b], demand[a]) })
	order = order[:min(d, mostPaired)]
	for x, k := range order {
		for _, l := range order[:x] {
			for _, ratio := range [][2]int{{1, 1}, {2, 1}, {1, 2}} {
				pair := make([]int, d)
				pair[k], pair[l] = ratio[0], ratio[1]
				add(pair)
			}
		}
	}
	return out
}

// line is the problem in one dimension: sizes with their counts, the largest first.
type line struct {
	size, count []int
	full        int   // the largest new bin
	stands      []int // room that stands already
	standing    []int // how many bins of each
}

func (s *search) lowerLine(factor, count []int) int {
	dot := func(v []int) int {
		t := 0
		for k, f := range factor {
			t += f * max(0, v[k])
		}
		return t
	}
	var l line
	for _, f := range s.p.Shapes {
		l.full = max(l.full, dot(f.Free))
	}
	if l.full == 0 {
		return 0
	}
	type pair struct{ size, count int }
	var pairs []pair
	for i, it := range s.p.Items {
		if n := dot(it.Size); n > 0 && count[i] > 0 {
			pairs = append(pairs, pair{n, count[i]})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return b.size - a.size })
	for _, x := range pairs {
		if n := len(l.size); n > 0 && l.size[n-1] == x.size {
			l.count[n-1] += x.count
			continue
		}
		l.size, l.count = append(l.size, x.size), append(l.count, x.count)
	}
	var rooms []int
	for _, b := range s.p.Bins {
		if n := dot(b.Free); n > 0 {
			rooms = append(rooms, n)
		}
	}
	slices.Sort(rooms)
	for _, n := range rooms {
		if k := len(l.stands); k > 0 && l.stands[k-1] == n {
			l.standing[k-1]++
			continue
		}
		l.stands, l.standing = append(l.stands, n), append(l.standing, 1)
	}
	s.spend((len(l.size) + len(l.stands)) * (min(len(l.size), mostThresholds) + 12) * 4)
	return l.lower()
}

// lower gives the largest of: the sum; for each threshold e up to a half the function
// of Martello and Toth, by which what is larger than 1-e fills a bin and what is below
// e nothing; and for each k the function of Fekete and Schepers that rounds to k-ths.
func (l line) lower() int {
	total := 0
	for i, x := range l.size {
		total += l.count[i] * x
	}
	for i, room := range l.stands {
		total -= l.standing[i] * room
	}
	best := max(0, (total+l.full-1)/l.full)
	steps := 0
	for _, e := range slices.Backward(l.size) {
		if 2*e > l.full || steps == mostThresholds {
			break
		}
		steps++
		best = max(best, l.by(func(x int) int {
			switch {
			case x > l.full-e:
				return l.full
			case x < e:
				return 0
			}
			return x
		}, l.full))
	}
	for k := 1; k <= 12; k++ {
		best = max(best, l.by(func(x int) int {
			if x*(k+1)%l.full == 0 {
				return x * k
			}
			return (k + 1) * x / l.full * l.full
		}, k*l.full))
	}
	return best
}

// mostThresholds bounds the thresholds tried.
const mostThresholds = 60

// by gives the bound of one dual-feasible function, of which a full bin's value is
// full. Such a function is superadditive: things that fit in a room are together worth
// no more than the room, where the room is at most a new bin. The things of a larger
// one would fit, one after the other, in two new bins for each part of it and one more.
func (l line) by(u func(int) int, full int) int {
	worth := 0
	for i, x := range l.size {
		worth += l.count[i] * u(min(x, l.full))
	}
	for i, room := range l.stands {
		if room <= l.full {
			worth -= l.standing[i] * u(room)
		} else {
			worth -= l.standing[i] * full * (2*(room/l.full) + 1)
		}
	}
	return max(0, (worth+full-1)/full)
}

// mostApart bounds the search for things of which no two share a bin, which is
// quadratic.
const mostApart = 1200

// lowerApart finds things of which no two share a bin, greedily from the largest: so
// many bins are needed, less the standing ones that could take one of them.
func (s *search) lowerApart(count []int) int {
	if len(s.p.Items) > mostApart {
		return 0
	}
	best := 0
	for _, key := range []func(int) float64{s.largest, func(i int) float64 { return s.norm(i, nil, 1) }} {
		keys := make([]float64, len(s.p.Items))
		var order []int
		for i := range s.p.Items {
			if keys[i] = key(i); count[i] > 0 {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return compareFloat(keys[b], keys[a]) })
		best = max(best, s.apartFrom(order, count))
	}
	return best
}

// apartFrom takes each thing in the order that shares no bin with those taken before.
func (s *search) apartFrom(order, count []int) int {
	p, n := s.p, 0
	var taken []int
	for _, i := range order {
		if !s.spend(len(taken) * 4 * (len(p.Shapes) + len(p.Bins))) {
			break
		}
		if slices.ContainsFunc(taken, func(j int) bool { return p.share(i, j) }) {
			continue
		}
		taken = append(taken, i)
		if p.share(i, i) {
			n++
		} else {
			n += count[i]
		}
	}
	for _, b := range p.Bins {
		if slices.ContainsFunc(taken, func(i int) bool { return fit(p.Items[i].Size, b.Free, 1) > 0 }) {
			n--
		}
	}
	return n
}

// share tells whether some bin has room for one of each of two items.
func (p *Problem) share(a, b int) bool {
	one, two := p.Items[a].Size, p.Items[b].Size
	return slices.ContainsFunc(p.Shapes, func(f Shape) bool { return together(one, two, f.Free) }) ||
		slices.ContainsFunc(p.Bins, func(f Bin) bool { return together(one, two, f.Free) })
}

// together tells whether two things share a room.
func together(a, b, room []int) bool {
	for k := range room {
		if a[k]+b[k] > room[k] && (a[k] > 0 || b[k] > 0) {
			return false
		}
	}
	return true
}
