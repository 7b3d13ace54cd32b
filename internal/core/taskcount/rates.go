package taskcount

import (
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// allowance is the change that a limit allows for a count, in tasks: percent are
// rounded up and at least one.
func allowance(l spec.RateLimit, count int) int {
	if l.Tasks > 0 {
		return l.Tasks
	}
	return max(1, int(math.Ceil(min(l.Percent/100*float64(max(count, 0)), maxCount)-1e-9)))
}

// limitRate bounds the change in a period, as the HPA's behavior does: the count
// at the start of the period is the count now less what was ordered since.
// In an hour in which orders were forgotten nothing is removed.
func (d *decider) limitRate() {
	base, n := d.in.Base, d.steps.Count()
	switch d.steps.Direction() {
	case history.Out:
		best, by := d.selected(d.out, func(l spec.RateLimit, start int, _ bool) int { return start + allowance(l, start) }, 1)
		if best = max(best, base); n > best {
			d.steps.To(best, history.ScaleOutRateLimit, "at most "+limitWords(by)+" are added")
		}
	case history.In:
		best, by := d.selected(d.sc, func(l spec.RateLimit, start int, whole bool) int {
			if !whole {
				return base
			}
			return start - allowance(l, start)
		}, -1)
		if best = min(best, base); n < best {
			d.steps.To(best, history.ScaleInRateLimit, "at most "+limitWords(by)+" are removed")
		}
	case history.Hold:
	}
}

// selected gives the furthest count that the selected rate limit allows: Max is
// the most permissive of them, Min the least. sign is 1 for out and -1 for in.
func (d *decider) selected(r spec.Resolved, reach func(l spec.RateLimit, start int, whole bool) int, sign int) (best int, by spec.RateLimit) {
	for i, l := range r.RateLimits {
		w := d.in.History.Window(d.now, time.Duration(l.Period), d.in.Base)
		n := reach(l, d.in.Base-w.Added+w.Removed, w.Whole)
		further := sign*n > sign*best
		if i == 0 || further != (r.SelectPolicy == spec.SelectMin) && n != best {
			best, by = n, l
		}
	}
	return best, by
}

// furthest is one step of scale-out from a count, by the rate limits alone.
func (d *decider) furthest(count int) (best int, by spec.RateLimit) {
	for i, l := range d.out.RateLimits {
		n := count + allowance(l, count)
		if i == 0 || n != best && (n > best) != (d.out.SelectPolicy == spec.SelectMin) {
			best, by = n, l
		}
	}
	return best, by
}

// budgetRemovals bounds what is removed in a period whatever asks for it: every
// budget holds, and percent are of the count at the start of its window, less
// what somebody else has taken since: of 100 tasks that a deploy tool set to 10,
// 25 % are 3 tasks and not 25. Where orders of the window may have been dropped
// from the history, nothing is removed.
func (d *decider) budgetRemovals() {
	for _, l := range d.sc.RemovalBudget {
		if d.steps.Direction() != history.In {
			return
		}
		w := d.in.History.Window(d.now, time.Duration(l.Period), d.in.Base)
		start := max(0, min(w.Start, d.in.Base-w.Added+w.Removed))
		left := allowance(l, start) - w.Removed
		if !w.Whole {
			left = 0
		}
		if n := d.in.Base - max(0, left); d.steps.Count() < n {
			d.steps.To(n, history.RemovalBudget, fmt.Sprintf("at most %s are removed whatever asks for it, of the %d at its start %d are gone", limitWords(l), start, w.Removed))
		}
	}
}
