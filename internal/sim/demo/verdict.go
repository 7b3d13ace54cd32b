package demo

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// verdict compares Trimtab with Application Auto Scaling and both with the
// static fleet, in one sentence made of the scores alone: what is worse is said
// as plainly as what is better. The order is that of Result.Policies.
func verdict(ps []Outcome) string {
	ours, aas, static := ps[0], ps[1], ps[2]
	parts := []string{fmt.Sprintf("%s (%.1f task-hours to %.1f)",
		than(tenths(ours.TaskHours), tenths(aas.TaskHours), "cost less", "cost as much", "cost more"), ours.TaskHours, aas.TaskHours)}
	if ours.ShortSeconds > 0 || aas.ShortSeconds > 0 {
		parts = append(parts, fmt.Sprintf("was short of demand for %s (%d s to %d s)",
			than(ours.ShortSeconds, aas.ShortSeconds, "less time", "as long", "more time"), ours.ShortSeconds, aas.ShortSeconds))
	}
	parts = append(parts,
		fmt.Sprintf("ran %s (%d s above 80 %% CPU to %d s)",
			than(ours.HotSeconds, aas.HotSeconds, "cooler", "as hot", "hotter"), ours.HotSeconds, aas.HotSeconds))
	turns := fmt.Sprintf("turned round %s (%d reversals to %d, in %d actions to %d)",
		than(ours.Reversals, aas.Reversals, "less often", "as often", "more often"), ours.Reversals, aas.Reversals, ours.Actions, aas.Actions)
	fleet := fmt.Sprintf("a static fleet sized at the peak cost %.1f task-hours", static.TaskHours)
	if ours.ShortSeconds+aas.ShortSeconds+static.ShortSeconds == 0 {
		fleet = "no policy was short of demand, and " + fleet
	} else {
		fleet += fmt.Sprintf(" and was short for %d s", static.ShortSeconds)
	}
	return fmt.Sprintf("Against Application Auto Scaling, Trimtab %s and %s; %s.", strings.Join(parts, ", "), turns, fleet)
}

// than gives the word for a against b.
func than[T cmp.Ordered](a, b T, less, same, more string) string {
	switch {
	case a < b:
		return less
	case a > b:
		return more
	}
	return same
}

// tenths rounds to what is printed, so that no word contradicts two equal figures.
func tenths(v float64) float64 { return math.Round(10*v) / 10 }
