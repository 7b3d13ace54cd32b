package placement

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Place puts the items on the bins as the ECS scheduler would: one task at a time, on
// the bins that pass the constraints; then each of the item's strategies keeps the best
// of those. Without strategies it spreads by zone, as ECS does. Where ECS may pick as
// it likes, we cannot know its pick: services come with the largest task first, and of
// equally good bins the one that was fullest at first is taken.
//
// The order of the input does not matter and the bins are not changed; after gives them
// as they are then, in the order given.
func Place(items []Item, bins []Bin) (placed []Placed, rest []Rest, after []Bin) {
	order := make([]int, len(bins)) // of the sorted, where each stood
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareTight(&bins[a], &bins[b]) })
	sorted, before := make([]Bin, len(bins)), make([]Bin, len(bins))
	for i, from := range order {
		before[i] = bins[from]
		sorted[i] = bins[from].clone()
	}
	waiting := merged(items)
	for again := true; again; {
		again = false
		for i := range waiting {
			it := &waiting[i]
			if it.Count == 0 {
				continue
			}
			s, err := newScheduler(*it, sorted)
			if err != nil {
				continue // restOf tells it
			}
			placed = append(placed, s.run()...)
			it.Count -= s.done
			// Whom a task wants for company may have come after it.
			again = again || s.done > 0 && slices.ContainsFunc(waiting, wantsCompany)
		}
	}
	for _, it := range waiting {
		if it.Count > 0 {
			rest = append(rest, restOf(it, before, sorted))
		}
	}
	placed = sumPlaced(placed)
	after = make([]Bin, len(bins))
	for i, from := range order {
		after[from] = sorted[i]
	}
	return placed, rest, after
}

// wantsCompany tells whether tasks wait whose constraints look at the tasks of a bin.
func wantsCompany(it Item) bool {
	asks, err := members(it.Rules)
	return it.Count > 0 && err == nil && slices.ContainsFunc(asks, query.company)
}

// sumPlaced sorts by item, then bin, and adds up what is on the same.
func sumPlaced(placed []Placed) []Placed {
	slices.SortStableFunc(placed, func(a, b Placed) int {
		return cmp.Or(strings.Compare(a.Item, b.Item), strings.Compare(a.Bin, b.Bin))
	})
	out := placed[:0]
	for _, p := range placed {
		if n := len(out); n > 0 && out[n-1].Item == p.Item && out[n-1].Bin == p.Bin {
			out[n-1].Count += p.Count
			continue
		}
		out = append(out, p)
	}
	return out
}

// scheduler places the tasks of one item.
type scheduler struct {
	it       Item
	bins     []Bin
	members  []query
	watch    bool // the constraints depend on the tasks of a bin
	steps    []step
	open     []int // bins that take one more task, in order
	next     []int
	keep     []int
	count    []int // of each bin, the tasks placed now
	done     int
	distinct bool
}

// step is one strategy: spread has the part of each bin and the tasks in each part.
type step struct {
	spread bool
	part   []int
	tasks  []int
	amount func(fleet.Resources) int // of binpack
}

func newScheduler(it Item, bins []Bin) (*scheduler, error) {
	s := &scheduler{it: it, bins: bins, count: make([]int, len(bins)), distinct: it.distinct()}
	var err error
	if s.members, err = members(it.Rules); err != nil {
		return s, err
	}
	s.watch = slices.ContainsFunc(s.members, query.company)
	if s.steps, err = strategies(it, bins); err != nil {
		return s, err
	}
	for i := range bins {
		if s.takes(i) && (s.watch || s.allowed(i)) {
			s.open = append(s.open, i)
		}
	}
	return s, nil
}

// takes tells whether a bin has the room, the ports, and no equal where none may be.
func (s *scheduler) takes(i int) bool {
	b := &s.bins[i]
	if Room(s.it.Size, b.Free, 1) == 0 || s.distinct && b.Tasks[s.it.Name] > 0 || s.count[i] >= maxTasks {
		return false
	}
	_, taken := b.takenPort(s.it)
	return !taken
}

// allowed tells whether the memberOf expressions hold.
func (s *scheduler) allowed(i int) bool {
	for _, q := range s.members {
		if ok, err := q.holds(&s.bins[i], ""); err != nil || !ok {
			return false
		}
	}
	return true
}

// strategies prepares the strategies of an item.
func strategies(it Item, bins []Bin) ([]step, error) {
	rules := it.Rules.Strategies
	if len(rules) == 0 {
		rules = []fleet.Strategy{{Type: fleet.Spread, Field: "attribute:" + zoneAttribute}}
	}
	var out []step
	for _, r := range rules {
		switch {
		case r.Type == fleet.Random: // what it would pick cannot be known
		case r.Type == fleet.Binpack && strings.EqualFold(r.Field, "cpu"):
			out = append(out, step{amount: func(f fleet.Resources) int { return f.CPU }})
		case r.Type == fleet.Binpack && strings.EqualFold(r.Field, "memory"):
			out = append(out, step{amount: func(f fleet.Resources) int { return f.Memory }})
		case r.Type == fleet.Spread:
			st, err := spread(r.Field, it.Name, bins)
			if err != nil {
				return nil, err
			}
			out = append(out, st)
		default:
			return nil, fmt.Errorf("the placement strategy %s by %q is not known", r.Type, r.Field)
		}
	}
	return out, nil
}

// spread parts the bins by a field. Those without the attribute are a part of their own.
func spread(field, item string, bins []Bin) (step, error) {
	name, isAttribute := strings.CutPrefix(field, "attribute:")
	each := strings.EqualFold(field, "instanceId") || field == "host"
	if !each && (!isAttribute || name == "") {
		return step{}, fmt.Errorf("the placement strategy spread by %q is not known", field)
	}
	st := step{spread: true, part: make([]int, len(bins))}
	known := map[string]int{}
	for i := range bins {
		at := i
		if each {
			st.tasks = append(st.tasks, 0)
		} else {
			value, there := bins[i].attribute(name)
			key := ""
			if there {
				key = "=" + value
			}
			var seen bool
			if at, seen = known[key]; !seen {
				at = len(st.tasks)
				known[key] = at
				st.tasks = append(st.tasks, 0)
			}
		}
		st.part[i] = at
		st.tasks[at] += bins[i].Tasks[item]
	}
	return st, nil
}

// run places the tasks and tells where.
func (s *scheduler) run() []Placed {
	for s.done < s.it.Count {
		i := s.pick()
		if i < 0 {
			break
		}
		s.bins[i].put(s.it, 1)
		s.count[i]++
		s.done++
		for k := range s.steps {
			if st := &s.steps[k]; st.spread {
				st.tasks[st.part[i]]++
			}
		}
		if !s.takes(i) {
			s.open = slices.DeleteFunc(s.open, func(j int) bool { return j == i })
		}
	}
	var out []Placed
	for i, n := range s.count {
		if n > 0 {
			out = append(out, Placed{Item: s.it.Name, Bin: s.bins[i].Name, Count: n})
		}
	}
	return out
}

// value is what a step wants least of: tasks in the part of a bin, or room.
func (st *step) value(i int, b *Bin) int {
	if st.spread {
		return st.tasks[st.part[i]]
	}
	return st.amount(b.Free)
}

// pick narrows the open bins by one strategy after the other and gives the first of
// those that are left, -1 for none.
func (s *scheduler) pick() int {
	from := s.open
	if s.watch {
		s.keep = s.keep[:0]
		for _, i := range from {
			if s.allowed(i) {
				s.keep = append(s.keep, i)
			}
		}
		from = s.keep
	}
	for k := range s.steps {
		st := &s.steps[k]
		least := math.MaxInt
		next := s.next[:0]
		for _, i := range from {
			v := st.value(i, &s.bins[i])
			if v < least {
				least, next = v, next[:0]
			}
			if v == least {
				next = append(next, i)
			}
		}
		// Each step writes over what it reads, never ahead of it.
		s.next, from = next, next
	}
	if len(from) == 0 {
		return -1
	}
	return from[0]
}
