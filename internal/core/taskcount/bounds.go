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
	count int
	rule  string
	why   string
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
		d.lower(limit{c.Tasks(), history.Constraint, fmt.Sprintf("the constraint %s (%s each of at most %s)", c.Name, number(c.PerTask), number(c.AtMost))})
	}
	if s := p.Spend; s != nil {
		if n, capped := s.Tasks(); capped {
			d.lower(limit{n, history.SpendCap, fmt.Sprintf("the spend cap ($%s a task of at most $%s an hour)", number(s.TaskHour), number(s.AtMostPerHour))})
		}
		if left := d.in.SpendLeft; left != nil {
			// What runs is not stopped for the account's sake: only growth is.
			n := max(d.in.Base, int(math.Floor(min(max(0, *left)/s.TaskHour+1e-9, maxCount))))
			d.lower(limit{n, history.SpendCap, fmt.Sprintf("the account's spend cap ($%s an hour are left for it)", number(max(0, *left)))})
		}
	}
	d.override()
}

// override moves the bounds to what people have said.
func (d *decider) override() {
	for _, o := range d.in.Overrides {
		switch {
		case !o.Live(d.now):
		case o.Kind == spec.MinAt && o.Count > d.min.count:
			d.min = limit{o.Count, history.MinCapacity, overrideWhy("min", o)}
		case o.Kind == spec.MaxAt:
			d.capped = min(d.capped, max(0, o.Count))
			d.lower(limit{max(0, o.Count), history.MaxCapacity, overrideWhy("max", o)})
		}
	}
	if d.min.count > d.max.count {
		// A person who caps below the floor means the cap: "max 1 until 22:00".
		d.min.count, d.min.why = d.max.count, d.min.why+", capped by "+d.max.why+","
	}
	for _, o := range d.in.Overrides {
		if o.Kind == spec.HoldAt && o.Live(d.now) {
			held := limit{o.Count, history.HoldOverride, overrideWhy("hold", o)}
			if held.count = min(max(0, o.Count), d.max.count); held.count < o.Count {
				held.why += fmt.Sprintf(", but %s is %d", d.max.why, d.max.count)
			}
			d.hold, d.min, d.max = &held, held, held
			d.capped = min(d.capped, max(0, o.Count))
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
		w, faults := s.WindowIn(d.in.Zones)
		if len(faults) > 0 || !w.Open(d.now) {
			continue
		}
		why := fmt.Sprintf("of the window %s", s.Name)
		if n := s.MinCapacity; n != nil && (least == nil || *n > least.count) {
			least = &limit{*n, history.MinCapacity, "minCapacity " + why}
		}
		if n := s.MaxCapacity; n != nil && (most == nil || *n < most.count) {
			most = &limit{*n, history.MaxCapacity, "maxCapacity " + why}
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
	if d.steps.Direction() != history.In || d.sleeping || d.sc.HistoryFloor <= 0 || d.in.Policy.FallbackFor != nil {
		return // what a fallback runs follows no hour of the week
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
	switch n := d.steps.Count(); {
	case d.sleeping:
	case n > d.max.count && d.standing() > d.max.count && !d.seen():
		d.keep(history.MissingData, fmt.Sprintf("%s is %d, but nothing is removed without data", d.max.why, d.max.count))
	case d.hold != nil && (n >= d.hold.count || !d.foreignBelow()):
		d.steps.To(d.hold.count, history.HoldOverride, d.hold.why)
	case n > d.max.count:
		d.bring(d.max, history.AlreadyAtMaxCapacity)
	case n < d.min.count:
		d.lift()
	}
}

// lift brings the count up to the floor. One below it that somebody else wrote is
// lifted a few times an hour only: two controllers that correct each other every
// minute start and stop tasks for ever, and the one that gives up tells who the
// other is. What the policies ask for is no repair, and goes on.
func (d *decider) lift() {
	n, base := d.steps.Count(), d.in.Base
	if !d.foreignBelow() {
		d.bring(d.min, history.AlreadyAtMinCapacity)
		return
	}
	done := d.in.History.Repairs(d.now.Add(-time.Hour))
	switch most := d.mostRepairs(); {
	case d.yielded:
	case done >= most:
		d.yielded = true
		d.steps.To(max(n, base), history.ForeignWriter, fmt.Sprintf("%s is %d, but somebody else has set the count below it and it was lifted %s in the last hour (repairsPerHour %d): find the other writer",
			d.min.why, d.min.count, plural(done, "time", "times"), most))
	default:
		d.repaired = true
		d.steps.To(d.min.count, d.min.rule, fmt.Sprintf("%d, which somebody else has set, is below %s, which is %d", base, d.min.why, d.min.count))
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
