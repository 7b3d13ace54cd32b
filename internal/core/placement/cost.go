package placement

import (
	"cmp"
	"math"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Priced is an instance type with its price.
type Priced struct {
	Type    string
	Whole   fleet.Resources // what one offers to tasks
	PerHour float64
}

// Share is how many instances of a type a mix has, in parts of an instance too.
type Share struct {
	Type  string
	Count float64
}

// CostFloor gives a price below which no mix of the types can hold the demand, whoever
// packs it, and the mix that has it: the least sum of price times count such that in
// each dimension what the mix offers is at least the demand. Parts of instances count,
// which is why it is a floor. At most as many types are in the mix as dimensions are
// asked. Where no mix holds the demand the price is infinite and the mix nil; a type
// without a price, which is one below 0, is left out.
//
// It is solved from the other side: prices of a CPU unit, a MiB and so on by which no
// type is dearer than it costs, that value the demand most. That takes one simplex over
// at most four prices, where looking at all bases of four out of 400 types would not end.
func CostFloor(demand fleet.Resources, types []Priced) (perHour float64, mix []Share) {
	wants := []int{demand.CPU, demand.Memory, demand.GPU, demand.ENI}
	var sorted []Priced
	for _, t := range types {
		if t.PerHour >= 0 {
			sorted = append(sorted, t)
		}
	}
	slices.SortStableFunc(sorted, func(a, b Priced) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.PerHour, b.PerHour), compareSizes(a.Whole, b.Whole))
	})
	t, unit, ok := newTableau(sorted, wants)
	if !ok {
		return math.Inf(1), nil
	}
	counts, ok := t.solve()
	if !ok {
		return math.Inf(1), nil
	}
	for j, n := range counts {
		if n > tiny {
			perHour += float64(n * unit * sorted[j].PerHour)
			mix = append(mix, Share{Type: sorted[j].Type, Count: n * unit})
		}
	}
	return perHour, mix
}

// newTableau writes the problem in numbers up to 1: what a type offers against the most
// that any offers, and counts in units of the most that is needed of the best type for
// a dimension. ok is false where no type offers what is wanted.
func newTableau(types []Priced, wants []int) (t tableau, unit float64, ok bool) {
	t.rows = make([][]float64, len(types))
	for j, x := range types {
		t.limit = append(t.limit, x.PerHour)
		t.rows[j] = []float64{}
	}
	for k, w := range wants {
		if w <= 0 {
			continue
		}
		most := 0
		offers := func(j int) int {
			x := types[j].Whole
			return max(0, []int{x.CPU, x.Memory, x.GPU, x.ENI}[k])
		}
		for j := range types {
			most = max(most, offers(j))
		}
		if most == 0 {
			return t, 0, false
		}
		for j := range types {
			t.rows[j] = append(t.rows[j], float64(offers(j))/float64(most))
		}
		t.gain = append(t.gain, float64(w)/float64(most))
		unit = max(unit, float64(w)/float64(most))
	}
	for k := range t.gain {
		t.gain[k] /= unit
	}
	return t, unit, true
}

// tiny is what counts as nothing.
const tiny = 1e-11

// tableau is a dictionary of the simplex method: maximize gain times the columns such
// that each row times them is at most its limit.
type tableau struct {
	rows  [][]float64
	limit []float64
	gain  []float64
	// basic names what each row stands for, open each column: below len(rows) the slack
	// of a row, from there a price.
	basic, open []int
}

// solve gives what one more of each row's limit is worth; ok is false where the gain
// has no end. Bland's rule, so that it ends.
func (t *tableau) solve() (worth []float64, ok bool) {
	n := len(t.rows)
	for j := range t.rows {
		t.basic = append(t.basic, j)
	}
	for k := range t.gain {
		t.open = append(t.open, n+k)
	}
	for {
		in := t.entering()
		if in < 0 {
			break
		}
		out := t.leaving(in)
		if out < 0 {
			return nil, false
		}
		t.pivot(out, in)
	}
	worth = make([]float64, n)
	for k, v := range t.open {
		if v < n {
			worth[v] = max(0, -t.gain[k])
		}
	}
	return worth, true
}

func (t *tableau) entering() int {
	in := -1
	for k, g := range t.gain {
		if g > tiny && (in < 0 || t.open[k] < t.open[in]) {
			in = k
		}
	}
	return in
}

func (t *tableau) leaving(in int) int {
	out, least := -1, 0.0
	for r, row := range t.rows {
		if row[in] <= tiny {
			continue
		}
		x := t.limit[r] / row[in]
		if out < 0 || x < least-tiny || x < least+tiny && t.basic[r] < t.basic[out] {
			out, least = r, x
		}
	}
	return out
}

// pivot exchanges a row's variable with a column's.
func (t *tableau) pivot(out, in int) {
	p := t.rows[out]
	by := p[in]
	for k := range p {
		p[k] /= by
	}
	p[in] = 1 / by
	t.limit[out] /= by
	for r, row := range t.rows {
		if r != out {
			t.limit[r] = max(0, t.limit[r]-float64(row[in]*t.limit[out]))
			eliminate(row, p, in)
		}
	}
	eliminate(t.gain, p, in)
	t.basic[out], t.open[in] = t.open[in], t.basic[out]
}

// eliminate takes the column of the pivot row p out of a row.
func eliminate(row, p []float64, in int) {
	f := row[in]
	row[in] = 0
	for k := range row {
		row[k] -= float64(f * p[k])
	}
}
