package capacity

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// grant lets the instances go that have been removable for long enough, as many as the
// budgets allow.
func (v *view) grant(s *history.Steps, r *Result, found []Removal) {
	in := v.in.Policy.In()
	var ripe []Removal
	soonest := v.in.Now
	for _, c := range found {
		since := v.memory.RemovableSince(c.Instance)
		if ripens := since.Add(in.StabilizationWindow); !since.IsZero() && !v.in.Now.Before(ripens) {
			ripe = append(ripe, c)
		} else if soonest.Equal(v.in.Now) || ripens.Before(soonest) {
			soonest = ripens
		}
	}
	if len(ripe) == 0 {
		s.To(s.Count(), history.StabilizationWindow, fmt.Sprintf("%s could go; none was removable at every look for %s yet",
			plural(len(found), "instance"), spec.Duration(in.StabilizationWindow)))
		return
	}
	room := min(v.above(), in.MaxDraining-v.open())
	used := 0
	var words string
	for _, c := range ripe {
		if used >= room {
			words = "MinSize, or as many drains as may be at once"
			break
		}
		left, why := v.left(c.Cause)
		if used >= left {
			words = why + goNow(used)
			if c.Cause == drain.Empty {
				break
			}
			continue
		}
		r.Drains = append(r.Drains, c)
		used++
	}
	if len(r.Drains) == 0 {
		s.To(s.Count(), history.DisruptionBudget, fmt.Sprintf("%s could go: %s", plural(len(ripe), "instance"), words))
		return
	}
	rule, because := v.told(r.Drains)
	if words != "" && len(r.Drains) < len(ripe) {
		because += fmt.Sprintf("; %d more could go: %s", len(ripe)-len(r.Drains), words)
	}
	s.To(s.Count(), rule, because)
}

func goNow(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d go now", n)
}

// told says which instances go and why.
func (v *view) told(drains []Removal) (rule, because string) {
	var empty, busy []string
	moved, returns := 0, false
	for _, c := range drains {
		if c.Cause == drain.Empty {
			empty = append(empty, string(c.Instance))
			continue
		}
		busy, returns = append(busy, string(c.Instance)), returns || c.Returns
		for _, m := range c.Moves {
			moved += m.Count
		}
	}
	var parts []string
	if len(empty) > 0 {
		parts = append(parts, plural(len(empty), "instance")+" without tasks: "+strings.Join(empty, ", "))
	}
	rule = history.EmptyInstances
	if len(busy) > 0 {
		where := "the others"
		rule = history.Consolidation
		if returns {
			rule, where = history.PrimaryReturns, "group "+string(v.primary.in.Group.Name)+" again"
		}
		parts = append(parts, fmt.Sprintf("%s whose %s fit on %s: %s", plural(len(busy), "instance"), plural(moved, "task"), where, strings.Join(busy, ", ")))
	}
	return rule, "drain " + strings.Join(parts, "; ")
}

// left is how many more instances the budgets let go now for a cause, and the words of
// the one that binds. What was ordered counts whether or not it was undone since.
func (v *view) left(cause drain.Cause) (n int, words string) {
	b := v.in.Policy.In().At(v.in.Now, nil)
	in := ""
	if len(b.Windows) > 0 {
		in = " (window " + strings.Join(b.Windows, ", ") + ")"
	}
	if b.Forbidden {
		return 0, "no instance may go now" + in
	}
	limits := b.All
	if cause == drain.Empty {
		limits = b.Empty
	}
	n = maxRaise
	for _, l := range limits {
		w := v.in.Memory.Window(v.in.Now, time.Duration(l.Period), v.in.Base)
		all := l.Of(w.Start)
		free := all - w.Removed
		if !w.Whole {
			free = 0
		}
		if free < n {
			n = max(0, free)
			words = fmt.Sprintf("the budget of the last %s is %s, of which %d went%s", l.Period, plural(all, "instance"), w.Removed, in)
		}
	}
	return n, words
}

// Left is how many more instances the budgets let go now, and the words of the one that
// binds: for removals that nobody decided, which are charged when they end.
func Left(in Input) (n int, words string) { return look(in).left(drain.Consolidation) }

// keptAbove is how many of the instances that observe mode would have started the
// headroom needs: they would stay without tasks.
func (v *view) keptAbove(extra int) int {
	return sort.Search(extra, func(k int) bool {
		without := *v
		without.onTheWay = max(0, v.onTheWay-extra+k)
		_, bins := without.place(v.in.Waiting)
		_, rest, after := placement.Place(v.spare(), bins)
		_, short := v.shortOf(after)
		return len(rest) == 0 && short == ""
	})
}

// shadow moves the desired capacity that observe mode would have ordered: down by what
// could go, up again by what would be needed.
func (v *view) shadow(s *history.Steps, found []Removal) {
	live, gone := v.in.Group.DesiredCapacity, max(0, v.in.Group.DesiredCapacity-v.in.Base)
	var r Result
	if extra := v.in.Base - live; extra > 0 { // what would have been started would be empty now
		extra -= v.keptAbove(extra)
		if n, _ := v.left(drain.Empty); min(n, extra) > 0 {
			s.To(s.Count()-min(n, extra), history.EmptyInstances, fmt.Sprintf("in act mode %s without tasks would be drained", plural(min(n, extra), "instance")))
		}
		return
	}
	switch {
	case gone > len(found):
		s.To(live-len(found), history.TasksWaiting, fmt.Sprintf("of %s that observe mode would have removed, %d would be needed again", plural(gone, "instance"), gone-len(found)))
	case gone < len(found):
		v.grant(s, &r, found[gone:])
		if n := len(r.Drains); n > 0 {
			s.To(s.Count()-n, history.Consolidation, fmt.Sprintf("in act mode %s would be drained", plural(n, "instance")))
		}
	}
}
