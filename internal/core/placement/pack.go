package placement

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

// Shape is a kind of instance that could be started: an empty one, and how many there
// may be, below 0 without limit. Its Free is what a new one offers, or Whole where Free
// is zero.
type Shape struct {
	Bin
	Limit int
}

// Plan is a packing.
type Plan struct {
	// Placed is sorted by item, then bin; new bins are named by their shape, see NewName.
	Placed []Placed
	New    []int // how many of each shape, in order
	Rest   []Rest
	Bound  int    // so many new bins at least are needed for what is placed
	Proved bool   // nobody can do better
	By     string // the heuristic that found it
}

// Instances gives how many new bins there are of all shapes.
func (p Plan) Instances() int {
	n := 0
	for _, k := range p.New {
		n += k
	}
	return n
}

// NewName is how a plan calls the nth new bin of a shape, from 1.
// It goes by the shape's name, as "fleet-a 1", or its kind and zone, as "m7g.large in
// eu-west-1a 1". Shapes that are called alike are numbered on, so that no two bins have
// one name.
func NewName(s Shape, n int) string {
	return fmt.Sprintf("%s %d", s.called(), n)
}

func (s *Shape) called() string {
	if s.Name != "" {
		return s.Name
	}
	name := cmp.Or(s.Kind, "new")
	if s.Zone != "" {
		name += " in " + s.Zone
	}
	return name
}

// Pack finds a packing of the items on the bins and on as few new bins as it can, of
// the shapes offered. Strategies do not matter to it, constraints do; a memberOf that
// looks at the tasks of an instance must hold beside all that the plan puts there, in
// whatever order ECS starts them. The order of the input does not matter.
func Pack(items []Item, bins []Bin, shapes []Shape) Plan {
	p := newPlanner(items, bins, shapes)
	found := vector.Pack(p.problem())
	return p.plan(found)
}

// planner maps tasks and instances to numbers and back.
type planner struct {
	given  []Item
	items  []Item // that can be placed at all, sorted
	rest   []Rest // that cannot
	bins   []Bin
	shapes []Shape
	order  []int // of the sorted shapes, where each stood
	asks   [][]query
	watch  []bool
	ports  []fleet.Port
	alone  []string // items of distinctInstance
	bound  bool     // some item reserves nothing: tasks are bounded
}

func newPlanner(items []Item, bins []Bin, shapes []Shape) *planner {
	p := &planner{given: merged(items), bins: slices.Clone(bins)}
	slices.SortStableFunc(p.bins, func(a, b Bin) int { return compareTight(&a, &b) })
	for j := range shapes {
		p.order = append(p.order, j)
	}
	slices.SortStableFunc(p.order, func(a, b int) int {
		x, y := empty(shapes[a]), empty(shapes[b])
		return compareTight(&y, &x)
	})
	for _, j := range p.order {
		p.shapes = append(p.shapes, Shape{Bin: empty(shapes[j]), Limit: shapes[j].Limit})
	}
	for _, it := range p.given {
		asks, err := members(it.Rules)
		if err == nil {
			_, err = strategies(it, nil)
		}
		if err != nil || !p.fitsSomewhere(it, asks) {
			p.rest = append(p.rest, p.why(it))
			continue
		}
		p.items = append(p.items, it)
		p.asks = append(p.asks, asks)
		p.watch = append(p.watch, slices.ContainsFunc(asks, query.company))
		for _, port := range it.Rules.Ports {
			if !slices.Contains(p.ports, port) {
				p.ports = append(p.ports, port)
			}
		}
		if it.distinct() && !slices.Contains(p.alone, it.Name) {
			p.alone = append(p.alone, it.Name)
		}
		p.bound = p.bound || it.Size == fleet.Resources{}
	}
	return p
}

// empty is a new bin of a shape.
func empty(s Shape) Bin {
	b := s.Bin
	if b.Free == (fleet.Resources{}) {
		b.Free = b.Whole
	}
	if b.Whole == (fleet.Resources{}) {
		b.Whole = b.Free
	}
	return b
}

// merged sorts the items and adds up those that are equal.
func merged(items []Item) []Item {
	var out []Item
	for _, it := range items {
		if it.Count > 0 {
			out = append(out, it)
		}
	}
	key := func(it Item) string { return fmt.Sprintf("%q%+v", it.Name, it.Rules) }
	slices.SortStableFunc(out, func(a, b Item) int {
		if c := compareSizes(b.Size, a.Size); c != 0 {
			return c
		}
		return strings.Compare(key(a), key(b))
	})
	w := 0
	for _, it := range out {
		if w > 0 && out[w-1].Size == it.Size && key(out[w-1]) == key(it) {
			out[w-1].Count += it.Count
			continue
		}
		out[w] = it
		w++
	}
	return out[:w]
}

func compareSizes(a, b fleet.Resources) int {
	return slices.Compare([]int{a.CPU, a.Memory, a.GPU, a.ENI}, []int{b.CPU, b.Memory, b.GPU, b.ENI})
}

// fitsSomewhere tells whether one task fits on a bin as it is, or on a new one, were it
// the only one; company is looked for later.
func (p *planner) fitsSomewhere(it Item, asks []query) bool {
	takes := func(b *Bin) bool {
		for _, q := range asks {
			if q.company() {
				continue
			}
			if ok, err := q.holds(b, ""); err != nil || !ok {
				return false
			}
		}
		_, taken := b.takenPort(it)
		return !taken && (!it.distinct() || b.Tasks[it.Name] == 0) && Room(it.Size, b.Free, 1) > 0
	}
	return slices.ContainsFunc(p.bins, func(b Bin) bool { return takes(&b) }) ||
		slices.ContainsFunc(p.shapes, func(s Shape) bool { return s.Limit != 0 && takes(&s.Bin) })
}

// size is an item in the planner's dimensions: four resources, a place for each host
// port, a place for each item of which two may not share a bin, and a place for each task.
func (p *planner) size(it Item) []int {
	out := []int{it.Size.CPU, it.Size.Memory, it.Size.GPU, it.Size.ENI}
	for _, port := range p.ports {
		out = append(out, one(slices.Contains(it.Rules.Ports, port)))
	}
	for _, name := range p.alone {
		out = append(out, one(it.Name == name))
	}
	return append(out, one(p.bound))
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// free is the room of a bin in the planner's dimensions.
func (p *planner) free(b *Bin) []int {
	out := []int{b.Free.CPU, b.Free.Memory, b.Free.GPU, b.Free.ENI}
	for i := range out {
		out[i] = max(0, out[i])
	}
	for _, port := range p.ports {
		out = append(out, one(!slices.Contains(b.Ports, port)))
	}
	for _, name := range p.alone {
		out = append(out, p.placesFor(b, name))
	}
	return append(out, one(p.bound)*maxTasks)
}

// placesFor gives how many tasks of an item of which one may be on an instance fit: none
// where there is one. Tasks of the same name without the constraint count as well.
func (p *planner) placesFor(b *Bin, name string) int { return one(b.Tasks[name] == 0) }

func (p *planner) problem() vector.Problem {
	out := vector.Problem{}
	for _, it := range p.items {
		out.Items = append(out.Items, vector.Item{Size: p.size(it), Count: it.Count})
	}
	class := map[string]int{}
	var rows []string // by class
	of := func(b *Bin) int {
		row := p.barred(b)
		at, seen := class[row]
		if !seen {
			at = len(rows)
			class[row] = at
			rows = append(rows, row)
		}
		return at
	}
	for i := range p.bins {
		out.Bins = append(out.Bins, vector.Bin{Free: p.free(&p.bins[i]), Class: of(&p.bins[i])})
	}
	for i := range p.shapes {
		out.Shapes = append(out.Shapes, vector.Shape{Free: p.free(&p.shapes[i].Bin), Class: of(&p.shapes[i].Bin), Limit: p.shapes[i].Limit})
	}
	for i := range p.items {
		bars := make([]bool, len(rows))
		for c, row := range rows {
			bars[c] = row != "" && row[i] == barredHere
		}
		out.Bars = append(out.Bars, bars)
	}
	if slices.Contains(p.watch, true) {
		out.May = p.may
	}
	return asked(out)
}

// asked leaves out the dimensions of which no item asks anything: room there says
// nothing about how full a bin is.
func asked(p vector.Problem) vector.Problem {
	if len(p.Items) == 0 {
		return p
	}
	var kept []int
	for k := range p.Items[0].Size {
		if slices.ContainsFunc(p.Items, func(it vector.Item) bool { return it.Size[k] > 0 }) {
			kept = append(kept, k)
		}
	}
	keep := func(v []int) []int {
		out := make([]int, len(kept))
		for i, k := range kept {
			out[i] = v[k]
		}
		return out
	}
	for i := range p.Items {
		p.Items[i].Size = keep(p.Items[i].Size)
	}
	for i := range p.Bins {
		p.Bins[i].Free = keep(p.Bins[i].Free)
	}
	for i := range p.Shapes {
		p.Shapes[i].Free = keep(p.Shapes[i].Free)
	}
	return p
}

// What barred says of an item.
const (
	takenHere  = '0'
	barredHere = '1'
)

// barred tells for each item whether its constraints keep it off a bin for good; empty
// for none of them.
func (p *planner) barred(b *Bin) string {
	out := bytes.Repeat([]byte{takenHere}, len(p.items))
	none := true
	for i, asks := range p.asks {
		for _, q := range asks {
			if q.company() {
				continue
			}
			if ok, err := q.holds(b, ""); err != nil || !ok {
				out[i], none = barredHere, false
			}
		}
	}
	if none {
		return ""
	}
	return string(out)
}

// may tells whether an item may join what is on a bin: its own expressions must hold
// there, and those of the tasks before it still beside it.
func (p *planner) may(item, bin int, on []vector.Load) bool {
	var b Bin
	if bin >= 0 {
		b = p.bins[bin].clone()
	} else {
		b = p.shapes[-1-bin].clone()
	}
	for _, l := range on {
		b.Tasks[p.items[l.Item].Name] += l.Count
	}
	if !p.holds(item, &b, "") {
		return false
	}
	b.Tasks[p.items[item].Name]++
	for _, l := range on {
		if !p.holds(l.Item, &b, p.items[l.Item].Name) {
			return false
		}
	}
	return true
}

// holds tells whether the expressions about company hold for an item.
func (p *planner) holds(item int, b *Bin, but string) bool {
	if !p.watch[item] {
		return true
	}
	for _, q := range p.asks[item] {
		if ok, err := q.holds(b, but); err != nil || !ok {
			return false
		}
	}
	return true
}

// why tells why an item fits nowhere, on the bins and on new ones.
func (p *planner) why(it Item) Rest {
	all := slices.Clone(p.bins)
	for _, s := range p.shapes {
		if s.Limit != 0 {
			all = append(all, s.Bin)
		}
	}
	r := restOf(it, all, all)
	if len(p.bins) == 0 && len(p.shapes) == 1 && unknown(it) == nil {
		if offers := p.shapes[0].Free; p.shapes[0].Limit != 0 && Room(it.Size, offers, 1) == 0 {
			r.Because = fmt.Sprintf("a task of %s needs %s, an empty instance offers %s", it.Name, words(it.Size), words(offers))
		}
	}
	return r
}

// plan gives the words of what was found.
func (p *planner) plan(found vector.Plan) Plan {
	out := Plan{New: make([]int, len(p.shapes)), Bound: found.Bound, Proved: found.Proved, By: found.By, Rest: p.rest}
	after := make([]Bin, 0, len(p.bins))
	for _, b := range p.bins {
		after = append(after, b.clone())
	}
	numbers := map[string]int{}
	var shapes []int // of the new bins
	for _, f := range found.Bins {
		at := f.Bin
		if at < 0 {
			j := p.order[f.Shape]
			out.New[j]++
			s := &p.shapes[f.Shape]
			numbers[s.called()]++
			b := s.clone()
			b.Name = NewName(*s, numbers[s.called()])
			at = len(after)
			after, shapes = append(after, b), append(shapes, f.Shape)
		}
		for _, l := range f.On {
			after[at].put(p.items[l.Item], l.Count)
			out.Placed = append(out.Placed, Placed{Item: p.items[l.Item].Name, Bin: after[at].Name, Count: l.Count})
		}
	}
	out.Placed = sumPlaced(out.Placed)
	for i, n := range found.Left {
		if n > 0 {
			it := p.items[i]
			it.Count = n
			out.Rest = append(out.Rest, p.left(it, after, shapes, found.New))
		}
	}
	slices.SortStableFunc(out.Rest, func(a, b Rest) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// left tells why an item does not fit on what is there after the plan, and why no more
// bins are started for it.
func (p *planner) left(it Item, after []Bin, shapes, opened []int) Rest {
	before, now := slices.Clone(p.bins), slices.Clone(after[:len(p.bins)])
	for j, s := range p.shapes {
		if s.Limit < 0 || opened[j] < s.Limit {
			before, now = append(before, s.Bin), append(now, s.Bin)
		}
	}
	for i, j := range shapes {
		before, now = append(before, p.shapes[j].Bin), append(now, after[len(p.bins)+i])
	}
	r := restOf(it, before, now)
	if r.Because == filled && len(after) > len(p.bins) {
		r.Because = "every instance with room is filled by the tasks before it, and no more may be started"
	}
	return r
}
