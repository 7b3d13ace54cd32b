package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// restOf tells why a task of an item fits on none of the bins: as they are now, and
// whether it would have fitted as they were before.
func restOf(it Item, before, now []Bin) Rest {
	r := Rest{Item: it, Kinds: kinds(it, now)}
	if err := unknown(it); err != nil {
		r.Because = err.Error()
		return r
	}
	switch {
	case !takenBefore(it, before):
		r.Because = because(it, before)
	case ruledOut(it, before, now):
		r.Because = because(it, now)
	default:
		r.Because = filled
	}
	return r
}

// filled is why a task does not fit that would have fitted before the others came.
const filled = "every instance with room is filled by the tasks before it"

// takenBefore tells whether some bin would have taken the task.
func takenBefore(it Item, bins []Bin) bool {
	asks, _ := members(it.Rules)
	return slices.ContainsFunc(bins, func(b Bin) bool { return free(it, &b, asks) })
}

func free(it Item, b *Bin, asks []query) bool {
	rule, lacks := hindrance(it, b, asks)
	return rule == "" && len(lacks) == 0
}

// ruledOut tells whether a rule, and not what is short, keeps the task off every bin that
// would have taken it before: as distinctInstance does once each has one.
func ruledOut(it Item, before, now []Bin) bool {
	asks, _ := members(it.Rules)
	for i := range before {
		if rule, _ := hindrance(it, &now[i], asks); rule == "" && free(it, &before[i], asks) {
			return false
		}
	}
	return true
}

// unknown is the error of a rule of the item that is not understood.
func unknown(it Item) error {
	if _, err := members(it.Rules); err != nil {
		return err
	}
	_, err := strategies(it, nil)
	return err
}

// short names the dimensions in which a size passes the room.
func short(size, free fleet.Resources) []string {
	var out []string
	part := func(asked, free int, unit string) {
		if asked > 0 && asked > free {
			out = append(out, unit)
		}
	}
	part(size.CPU, free.CPU, "CPU units")
	part(size.Memory, free.Memory, "MiB")
	part(size.GPU, free.GPU, "GPUs")
	part(size.ENI, free.ENI, "network interfaces")
	return out
}

func amount(r fleet.Resources, unit string) int {
	switch unit {
	case "CPU units":
		return r.CPU
	case "MiB":
		return r.Memory
	case "GPUs":
		return r.GPU
	}
	return r.ENI
}

// words gives CPU and memory, and what else there is.
func words(r fleet.Resources) string {
	out := fmt.Sprintf("%d CPU units and %d MiB", r.CPU, r.Memory)
	if r.GPU > 0 {
		out += fmt.Sprintf(" and %d GPUs", r.GPU)
	}
	if r.ENI > 0 {
		out += fmt.Sprintf(" and %d network interfaces", r.ENI)
	}
	return out
}

// hindrance is why one bin does not take one more task, empty where it does: a rule
// that no room changes, or what is short.
func hindrance(it Item, b *Bin, asks []query) (rule string, lacks []string) {
	for _, q := range asks {
		ok, err := q.holds(b, "")
		switch {
		case err != nil:
			return err.Error(), nil
		case !ok:
			return "memberOf does not hold: " + expressions(it), nil
		}
	}
	if it.distinct() && b.Tasks[it.Name] > 0 {
		return "distinctInstance: a task of " + it.Name + " is there", nil
	}
	if p, taken := b.takenPort(it); taken {
		return fmt.Sprintf("host port %s is taken", p), nil
	}
	return "", short(it.Size, b.Free)
}

func expressions(it Item) string {
	var out []string
	for _, c := range it.Rules.Constraints {
		if c.Type == fleet.MemberOf {
			out = append(out, c.Expression)
		}
	}
	return strings.Join(out, " and ")
}

// because says in one sentence why no bin takes the task: the rules first, then the
// dimension that is short everywhere.
func because(it Item, bins []Bin) string {
	if len(bins) == 0 {
		return "there is no instance"
	}
	asks, _ := members(it.Rules)
	most := fleet.Resources{}
	var rules, everywhere []string
	withRoom := 0
	for i := range bins {
		rule, lacks := hindrance(it, &bins[i], asks)
		if rule != "" {
			rules = append(rules, rule)
			continue
		}
		if withRoom++; withRoom == 1 {
			everywhere, most = lacks, bins[i].Free
			continue
		}
		everywhere = slices.DeleteFunc(everywhere, func(u string) bool { return !slices.Contains(lacks, u) })
		most = fleet.Resources{
			CPU: max(most.CPU, bins[i].Free.CPU), Memory: max(most.Memory, bins[i].Free.Memory),
			GPU: max(most.GPU, bins[i].Free.GPU), ENI: max(most.ENI, bins[i].Free.ENI),
		}
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)
	switch {
	case withRoom == 0 && len(rules) == 1:
		return "on every instance " + rules[0]
	case withRoom == 0:
		return fmt.Sprintf("on every instance a rule forbids it: %s", strings.Join(rules[:min(len(rules), 3)], "; "))
	case len(rules) > 0:
		return fmt.Sprintf("%s where no rule forbids it (elsewhere %s)", lacking(it.Size, most, everywhere), rules[0])
	}
	return lacking(it.Size, most, everywhere)
}

func lacking(size, most fleet.Resources, everywhere []string) string {
	switch len(everywhere) {
	case 0:
		return filled
	case 1:
		u := everywhere[0]
		return fmt.Sprintf("no instance has %d %s free, the most is %d", amount(size, u), u, amount(most, u))
	}
	return "no instance has " + words(size) + " free"
}

// kinds says for each kind of bin why none of them takes the task.
func kinds(it Item, bins []Bin) []Why {
	asks, err := members(it.Rules)
	if err != nil {
		asks = nil
	}
	of := map[string][]*Bin{}
	var names []string
	for i := range bins {
		k := cmp.Or(bins[i].Kind, "instance")
		if of[k] == nil {
			names = append(names, k)
		}
		of[k] = append(of[k], &bins[i])
	}
	slices.Sort(names)
	var out []Why
	for _, k := range names {
		why := Why{Kind: k}
		if err != nil {
			why.Because = err.Error()
		} else {
			why.Because = kindBecause(it, of[k], asks)
		}
		out = append(out, why)
	}
	return out
}

func kindBecause(it Item, bins []*Bin, asks []query) string {
	if words, ok := tooLarge(it, bins); ok {
		return words
	}
	count := map[string]int{}
	var order []string
	add := func(words string) {
		if count[words]++; count[words] == 1 {
			order = append(order, words)
		}
	}
	for _, b := range bins {
		rule, lacks := hindrance(it, b, asks)
		switch {
		case rule != "":
			add(rule)
		case len(lacks) > 0:
			add(lacks[0])
		default:
			add("filled by the tasks before it")
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b)) })
	var parts []string
	for _, w := range order {
		text := w
		switch w {
		case "CPU units", "MiB", "GPUs", "network interfaces":
			text = fmt.Sprintf("%d %s asked, at most %d free", amount(it.Size, w), w, max(0, mostOf(bins, w, func(b *Bin) fleet.Resources { return b.Free })))
		}
		if len(order) > 1 || len(bins) > 1 {
			text = fmt.Sprintf("%s (%d of %d)", text, count[w], len(bins))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// tooLarge tells a task that does not fit an empty one of the kind: no free room helps.
func tooLarge(it Item, bins []*Bin) (string, bool) {
	unit := ""
	for _, b := range bins {
		lacks := short(it.Size, b.Whole)
		if len(lacks) == 0 || b.Whole == (fleet.Resources{}) { // or it is not told
			return "", false
		}
		unit = lacks[0]
	}
	most := mostOf(bins, unit, func(b *Bin) fleet.Resources { return b.Whole })
	return fmt.Sprintf("%d %s asked, an empty one offers %d", amount(it.Size, unit), unit, most), true
}

func mostOf(bins []*Bin, unit string, of func(*Bin) fleet.Resources) int {
	most := 0
	for _, b := range bins {
		most = max(most, amount(of(b), unit))
	}
	return most
}
