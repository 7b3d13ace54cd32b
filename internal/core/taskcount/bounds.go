package taskcount

import (
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// limit is a bound in force, with the rule and the words for it.
type limit struct {
	count     int
	rule      string
	why       string
	commanded bool // an override set it
}

// bound finds the bounds in force: the policy's, moved by open windows, then
// lowered by constraints and spend caps, then moved by live overrides. A max
// override may only lower, and nothing passes the policy's maximum.
func (d *decider) bound() {
	p := d.in.Policy
	d.min = limit{count: p.MinCapacity, rule: history.MinCapacity, why: "minCapacity"}
	d.max = limit{count: p.MaxCapacity, rule: history.MaxCapacity, why: "maxCapacity"}
	d.schedule()
	for _, c := range p.Constraints {
		d.lower(limit{c.Tasks(), history.Constraint, fmt.Sprintf("the constraint %s (%s each of at most %s)", c.Name, number(c.PerTask), number(c.AtMost)), false})
	}
	if s := p.Spend; s != nil {
		if n, capped := s.Tasks(); capped {
			d.lower(limit{n, history.SpendCap, fmt.Sprintf("the spend cap ($%s a task of at most $%s an hour)", number(s.TaskHour), number(s.AtMostPerHour)), false})
		}
		if left := d.in.SpendLeft; left != nil {
			// What runs is not stopped for the account's sake: only growth is.
			n := max(d.in.Base, int(math.Floor(max(0, *left)/s.TaskHour+1e-9)))
			d.lower(limit{n, history.SpendCap, fmt.Sprintf("the account's spend cap ($%s an hour are left for it)", number(max(0, *left))), false})
		}
	}
	for _, o := range d.in.Overrides {
		switch {
		case !o.Live(d.now):
		case o.Kind == spec.MinAt && o.Count > d.min.count:
			d.min = limit{o.Count, history.MinCapacity, overrideWhy("min", o), true}
		case o.Kind == spec.MaxAt && o.Count < d.max.count:
			d.max = limit{max(0, o.Count), history.MaxCapacity, overrideWhy("max", o), true}
		}
	}
	if d.min.count > d.max.count {
		// A person who caps below the floor means the cap: "max 1 until 22:00".
		d.min.count, d.min.why = d.max.count, d.max.why
	}
	for _, o := range d.in.Overrides {
		if o.Kind == spec.HoldAt && o.Live(d.now) {
			held := limit{o.Count, history.HoldOverride, overrideWhy("hold", o), true}
			if held.count = min(max(0, o.Count), d.max.count); held.count < o.Count {
				held.why += fmt.Sprintf(", but %s is %d", d.max.why, d.max.count)
			}
			d.hold, d.min, d.max = &held, held, held
		}
	}
}

func (d *decider) lower(l limit) {
	if l.count < d.max.count {
		d.max = l
	}
}

// schedule moves the bounds while windows are open: the highest minCapacity and
// the lowest maxCapacity of those that are.
func (d *decider) schedule() {
	var least, most *limit
	for _, s := range d.in.Policy.Scheduled {
		w, faults := s.Window()
		if len(faults) > 0 || !w.Open(d.now) {
			continue
		}
		why := fmt.Sprintf("of the window %s", s.Name)
		if n := s.MinCapacity; n != nil && (least == nil || *n > least.count) {
			least = &limit{*n, history.MinCapacity, "minCapacity " + why, false}
		}
		if n := s.MaxCapacity; n != nil && (most == nil || *n < most.count) {
			most = &limit{*n, history.MaxCapacity, "maxCapacity " + why, false}
		}
	}
	if least != nil {
		d.min = *least
	}
	if most != nil {
		d.lower(*most)
	}
}

func overrideWhy(name string, o spec.Override) string {
	return fmt.Sprintf("the override %s %d of %s until %s (%s)", name, o.Count, o.By, o.Until.UTC().Format(time.RFC3339), o.Why)
}

// keepHistoryFloor stops a scale-in at a share of the lowest count that this hour
// of the week has seen in two weeks: a dip in the requests that the last two
// Mondays did not have is more likely an outage further up than a quiet Monday.
func (d *decider) keepHistoryFloor() {
	if d.steps.Direction() != history.In || d.sleeping || d.sc.HistoryFloor <= 0 {
		return
	}
	low, ok := d.in.History.Hours.Lowest(d.now)
	if !ok {
		return
	}
	floor := min(ceil(d.sc.HistoryFloor*float64(low)), d.in.Base)
	if d.steps.Count() < floor {
		d.steps.To(floor, history.HistoryFloor, fmt.Sprintf("the lowest count of this hour in the last two weeks is %d, scale-in stops at %s of it", low, spec.Percent(d.sc.HistoryFloor)))
	}
}

// clamp keeps the count within the bounds in force.
func (d *decider) clamp() {
	if d.hold != nil {
		d.commanded = true
		d.steps.To(d.hold.count, history.HoldOverride, d.hold.why)
		return
	}
	switch n := d.steps.Count(); {
	case d.sleeping:
	case n > d.max.count && n == d.in.Base && !d.seen() && !d.max.commanded:
		d.steps.To(n, history.MissingData, fmt.Sprintf("%s is %d, but nothing is removed without data", d.max.why, d.max.count))
	case n > d.max.count:
		d.commanded = d.max.commanded && d.in.Base > d.max.count
		d.bring(d.max, history.AlreadyAtMaxCapacity)
	case n < d.min.count:
		d.bring(d.min, history.AlreadyAtMinCapacity)
	}
}

// bring moves the count to a bound; already is the reason where it is there.
func (d *decider) bring(to limit, already string) {
	rule := to.rule
	if d.in.Base == to.count {
		rule = already
	}
	d.steps.To(to.count, rule, fmt.Sprintf("%s is %d", to.why, to.count))
}
