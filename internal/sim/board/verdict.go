package board

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Verdict compares the first of the shown runs with the others in words made of the
// marks alone: with the first rival as both are set and, where the curves were played, at
// equal violations; with a yardstick in a figure. What is worse is said as plainly as what
// is better. There is at least one run.
func (b Board) Verdict(start trial.Start, trace string, shows []Show) string {
	ours, rest := shows[0], slices.Clone(shows[1:])
	var words []string
	if i := slices.IndexFunc(rest, func(s Show) bool { return !s.Contestant.Foresees }); i >= 0 {
		words = append(words, b.versus(ours, rest[i]))
		words = append(words, b.atEqualViolations(start, trace, ours.Contestant.Name, rest[i].Contestant.Name)...)
		rest = slices.Delete(rest, i, i+1)
	} else {
		words = append(words, b.alone(ours))
	}
	for _, s := range rest {
		if s.Contestant.Foresees { // a yardstick; of further rivals the table tells
			words = append(words, b.alone(s))
		}
	}
	return strings.Join(words, ". ") + "."
}

// versus tells how the runs differ.
func (b Board) versus(ours, theirs Show) string {
	as := "with " + theirs.set()
	if ours.set() == theirs.set() {
		as = "both with " + ours.set()
	}
	a, o := ours.Result.Score, theirs.Result.Score
	slow, cost := figures(a.ViolationPercent, o.ViolationPercent, 3), figures(a.DollarsPerOracle, o.DollarsPerOracle, 2)
	turns := than(a.ReversalsWithin15Min, o.ReversalsWithin15Min, "less often", "as often", "more often")
	return fmt.Sprintf("Against %s, %s, %s %s (%s %% to %s %%), cost %s (%s times the oracle's cost to %s) and turned back within 15 minutes %s (%s to %d)",
		called(theirs.Contestant.Name), as, called(ours.Contestant.Name),
		fmt.Sprintf(b.words().failed, slow.than("fewer ", "as many ", "more ")), slow.ours, slow.theirs,
		cost.than("less", "as much", "more"), cost.ours, cost.theirs, turns, times(a.ReversalsWithin15Min), o.ReversalsWithin15Min)
}

// atEqualViolations reads the two curves at the objectives; none where they were not played.
func (b Board) atEqualViolations(start trial.Start, trace, ours, theirs string) []string {
	a, okA := b.Find(start, trace, ours)
	o, okO := b.Find(start, trace, theirs)
	if !okA || !okO {
		return nil
	}
	var met, unmet []string
	said := ""
	for _, level := range Objectives() {
		if math.IsInf(a.At(level), 1) && math.IsInf(o.At(level), 1) {
			unmet = append(unmet, fmt.Sprintf("%g %%", level))
			continue
		}
		cost := figures(a.At(level), o.At(level), 2)
		part := fmt.Sprintf("for %g %% (%s to %s)", level, cost.ours, cost.theirs)
		if word := cost.than("less", "as much", "more"); word != said {
			part, said = word+" "+part, word
		}
		met = append(met, part)
	}
	var words []string
	if len(met) > 0 {
		words = append(words, fmt.Sprintf("At equal violations %s costs %s", called(ours), strings.Join(met, " and ")))
	}
	if len(unmet) > 0 {
		words = append(words, "Neither keeps violations to "+strings.Join(unmet, " or "))
	}
	return words
}

// alone tells one run.
func (b Board) alone(s Show) string {
	x := s.Result.Score
	return fmt.Sprintf("%s %s at %s times the oracle's cost",
		called(s.Contestant.Name), fmt.Sprintf(b.words().failed, report.Number(x.ViolationPercent, 3).Text+" % of the "), report.Number(x.DollarsPerOracle, 2).Text)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// called gives the name of a policy as a sentence begins with it.
func called(name string) string {
	switch name {
	case "trimtab":
		return "Trimtab"
	case "aas":
		return "Application Auto Scaling"
	case "static":
		return "A static fleet sized at the peak"
	}
	return name
}

// pair is two figures as they are printed, so that no word contradicts two that read the same.
type pair struct {
	ours, theirs string
	sign         int
}

// figures prints two figures with so many digits; +Inf is never.
func figures(ours, theirs float64, digits int) pair {
	text := func(v float64) string {
		if math.IsInf(v, 1) {
			return "never"
		}
		return report.Number(v, digits).Text
	}
	p := pair{ours: text(ours), theirs: text(theirs)}
	if p.ours != p.theirs {
		p.sign = cmp.Compare(ours, theirs)
	}
	return p
}

func (p pair) than(less, same, more string) string { return than(p.sign, 0, less, same, more) }

// than gives the word for a against b.
func than(a, b int, less, same, more string) string {
	switch {
	case a < b:
		return less
	case a > b:
		return more
	}
	return same
}
