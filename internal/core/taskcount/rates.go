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
	switch n := d.steps.Count(); d.steps.Direction() {
	case history.Out:
		if r := d.fastest(); n > r.count {
			d.steps.To(r.count, history.ScaleOutRateLimit, r.words("added", r.window.Added-r.window.Removed, "removed"))
		}
	case history.In:
		r := d.selected(d.sc, func(l spec.RateLimit, start int, whole bool) int {
			if !whole {
				return d.in.Base
			}
			return start - allowance(l, start)
		}, -1)
		if r.count = min(r.count, d.in.Base); n < r.count {
			d.steps.To(r.count, history.ScaleInRateLimit, r.words("removed", r.window.Removed-r.window.Added, "added"))
		}
	case history.Hold:
	}
}

// fastest is the furthest that the rate limits of scale-out allow.
func (d *decider) fastest() reach {
	r := d.selected(d.out, func(l spec.RateLimit, start int, _ bool) int { return start + allowance(l, start) }, 1)
	r.count = max(r.count, d.in.Base)
	return r
}

// reach is the count that a rate limit allows, and what was ordered in its period.
type reach struct {
	count  int
	by     spec.RateLimit
	start  int
	window history.Window
}

// words tell the limit and what of it is used up: the net change the same way.
func (r reach) words(done string, used int, undone string) string {
	verb := "are"
	if r.by.Tasks == 1 {
		verb = "is"
	}
	words := fmt.Sprintf("at most %s %s %s", limitWords(r.by), verb, done)
	if r.by.Tasks == 0 {
		words += fmt.Sprintf(": %d of %d", allowance(r.by, r.start), r.start)
	}
	switch {
	case !r.window.Whole:
		words += ", and what was ordered in that time is not all known"
	case used > 0:
		words += fmt.Sprintf(", and %s %s already", plural(used, "was", "were"), done)
	case used < 0:
		words += fmt.Sprintf(", and %s %s in that time", plural(-used, "was", "were"), undone)
	}
	return words
}

// selected gives the furthest count that the selected rate limit allows: Max is
// the most permissive of them, Min the least. sign is 1 for out and -1 for in.
func (d *decider) selected(r spec.Resolved, allows func(l spec.RateLimit, start int, whole bool) int, sign int) (best reach) {
	for i, l := range r.RateLimits {
		w := d.in.History.Window(d.now, time.Duration(l.Period), d.in.Base)
		start := d.in.Base - w.Added + w.Removed
		n := allows(l, start, w.Whole)
		further := sign*n > sign*best.count
		if i == 0 || further != (r.SelectPolicy == spec.SelectMin) && n != best.count {
			best = reach{count: n, by: l, start: start, window: w}
		}
	}
	return best
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
			d.steps.To(n, history.RemovalBudget, budgetWords(l, start, w))
		}
	}
}

func budgetWords(l spec.RateLimit, start int, w history.Window) string {
	words := fmt.Sprintf("whatever asks for it, the removal budget of the last %s is %s", l.Period, taskWords(allowance(l, start)))
	if l.Tasks == 0 {
		words += fmt.Sprintf(" (%s %% of the %d at its start)", number(l.Percent), start)
	}
	if !w.Whole {
		return words + ", and what was ordered in that time is not all known"
	}
	return words + fmt.Sprintf(", less %d removed already", w.Removed)
}
