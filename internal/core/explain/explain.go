// Package explain gives a decision in plain words: what was seen, what each
// scaling policy wants, the clauses in order with the binding one marked, what
// is ordered, and what would change it. The wording is stable.
package explain

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// Decision explains every target of a cell, services first as they are decided,
// together with the input it was made of: which of the inputs, moved, would have
// changed it.
func Decision(d policy.Decision, in policy.Input) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cell %s, decided at %s\n", d.Cell, stamp(d.At))
	for _, s := range d.Services {
		b.WriteString("\n" + Service(s, new(Otherwise(d.At, in, s.Service))))
	}
	if d.Group != nil {
		b.WriteString("\n" + Group(*d.Group))
	}
	if len(d.Services) == 0 && d.Group == nil {
		b.WriteString("\nnothing in this cell has a policy\n")
	}
	return b.String()
}

// Service explains the decision about one service. The search is what Otherwise
// gives; without one, where the input is not at hand, the words say what usually
// changes such a decision.
func Service(d policy.ServiceDecision, search *Search) string {
	var b strings.Builder
	fmt.Fprintf(&b, "service %s: %s\n", d.Service, headline(d.Mode, d.Direction, d.Base, d.Desired, "task"))
	fmt.Fprintf(&b, "  reason      %s: %s\n", d.Reason, d.Because)
	fmt.Fprintf(&b, "  from        %s, %d running%s\n", start(d.Base, d.Live, "desired count"), d.Running, within(d))
	for i, p := range d.Policies {
		lead := "  seen        "
		if i > 0 {
			lead = "              "
		}
		b.WriteString(lead + p.Policy + ": " + Seen(p) + "\n")
	}
	if d.Wanted != d.Base {
		fmt.Fprintf(&b, "  wanted      %s before limits\n", Count(d.Wanted, "task"))
	}
	rest(&b, d.Clauses, order(d.Mode, d.Direction, d.Desired, "desired count"))
	if search == nil {
		changedBy(&b, fleet.ServiceTarget, d.Reason, d.Because)
	} else {
		otherwise(&b, *search)
	}
	fmt.Fprintf(&b, "  conditions  %s\n", conditions(Conditions(d)))
	return b.String()
}

// otherwise writes what would have changed the decision, or what binds it where
// nothing that was tried does.
func otherwise(b *strings.Builder, s Search) {
	for i, a := range s.Found {
		lead := "  otherwise   "
		if i > 0 {
			lead = "              "
		}
		b.WriteString(lead + a.String() + "\n")
	}
	if len(s.Found) == 0 && len(s.Bound) > 0 {
		fmt.Fprintf(b, "  otherwise   no single input that was tried changes it: %s\n", boundWords(s.Bound))
	}
}

// boundWords names the rules that bind one behind the other.
func boundWords(rules []string) string {
	words := rules[0] + " binds"
	if len(rules) > 1 {
		words += ", and without it " + rules[1]
	}
	return words
}

// within gives the bounds in force; a decision that came to none has no maximum.
func within(d policy.ServiceDecision) string {
	if d.Max == 0 {
		return ""
	}
	return fmt.Sprintf(", bounds %d to %d", d.Min, d.Max)
}

// Group explains the decision about one Auto Scaling group.
func Group(d policy.GroupDecision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "group %s: %s\n", d.Group, GroupHeadline(d))
	fmt.Fprintf(&b, "  reason      %s: %s\n", d.Reason, d.Because)
	fmt.Fprintf(&b, "  from        %s\n", start(d.Base, d.Live, "desired capacity"))
	fmt.Fprintf(&b, "  seen        %s waiting, %d of them fit on no instance, here or on the way\n", Count(d.Waiting, "task"), d.Unplaced)
	for i, r := range d.Drains {
		lead := "              "
		if i == 0 {
			lead = "  drains      "
		}
		fmt.Fprintf(&b, "%s%s\n", lead, removal(r))
	}
	if len(d.Undo) > 0 {
		fmt.Fprintf(&b, "  given back  %s\n", instances(d.Undo))
	}
	ordered := order(d.Mode, history.Toward(d.Base, d.Desired), d.Desired, "desired capacity")
	if n := len(d.Drains); n > 0 {
		ordered = fmt.Sprintf("desired capacity %d, one less with each of them that is empty", d.Base-n)
	}
	rest(&b, d.Clauses, ordered)
	changedBy(&b, fleet.GroupTarget, d.Reason, d.Because)
	return b.String()
}

// GroupHeadline gives the decision about a group in a few words: drain 1 instance of 4.
func GroupHeadline(d policy.GroupDecision) string {
	words := headline(d.Mode, history.Toward(d.Base, d.Desired), d.Base, d.Desired, "instance")
	if n := len(d.Drains); n > 0 {
		words = "drain " + Count(n, "instance") + " of " + strconv.Itoa(d.Base)
	}
	if n := len(d.Undo); n > 0 {
		words += ", give back " + Count(n, "drain")
	}
	return words
}

// removal tells of one instance that goes: where its tasks are expected to go.
func removal(r capacity.Removal) string {
	if len(r.Moves) == 0 {
		return string(r.Instance) + ", without tasks"
	}
	moves := make([]string, 0, len(r.Moves))
	for _, m := range r.Moves {
		moves = append(moves, fmt.Sprintf("%d of %s to %s", m.Count, m.Item, m.Bin))
	}
	return fmt.Sprintf("%s, score %s: %s", r.Instance, number(r.Score), strings.Join(moves, ", "))
}

func instances(ids []fleet.InstanceID) string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		out = append(out, string(id))
	}
	return strings.Join(out, ", ")
}

// rest writes what services and groups have in common: the clauses and the order.
func rest(b *strings.Builder, clauses []history.Clause, ordered string) {
	width := 0
	for _, c := range clauses {
		width = max(width, len(c.Rule))
	}
	for i, c := range clauses {
		lead := "              "
		if i == 0 {
			lead = "  clauses     "
		}
		mark := " "
		if c.Binding {
			mark = "*"
		}
		because, _, cut := strings.Cut(c.Because, handOver)
		if cut && c.Binding {
			because += " (how to hand over: see the reason)" // that takes several lines
		}
		fmt.Fprintf(b, "%s%s %d. %-*s  %s  %s\n", lead, mark, i+1, width, c.Rule, step(c), because)
	}
	fmt.Fprintf(b, "  order       %s\n", ordered)
}

// handOver is where the words about another writer go on with the commands.
const handOver = "; to hand over"

func changedBy(b *strings.Builder, kind fleet.TargetKind, reason, because string) {
	if s := ChangedBy(kind, reason, because); s != "" {
		fmt.Fprintf(b, "  changed by  usually %s\n", s)
	}
}

// Headline gives a decision in a few words: scale out from 10 to 14 tasks.
func Headline(mode spec.Mode, before, desired int, noun string) string {
	return headline(mode, history.Toward(before, desired), before, desired, noun)
}

func headline(mode spec.Mode, dir history.Direction, before, desired int, noun string) string {
	if dir == history.Hold {
		return "hold at " + Count(before, noun)
	}
	verb := "scale " + string(dir)
	if mode != spec.Act {
		verb = "would scale " + string(dir)
	}
	return fmt.Sprintf("%s from %d to %s", verb, before, Count(desired, noun))
}

func start(base, live int, what string) string {
	if base == live {
		return fmt.Sprintf("%d, the live %s", live, what)
	}
	return fmt.Sprintf("%d, the shadow %s of observe mode (live: %d)", base, what, live)
}

func order(mode spec.Mode, dir history.Direction, desired int, what string) string {
	switch {
	case dir == history.Hold:
		return "nothing is ordered"
	case mode == spec.Act:
		return fmt.Sprintf("%s %d", what, desired)
	}
	return fmt.Sprintf("nothing is ordered in observe mode; in act mode %s %d", what, desired)
}

// Seen gives what one scaling policy saw and wants, without its name: demand
// 240 % of 4 tasks at ..., target 60 % a task, wants no change.
func Seen(p taskcount.Recommendation) string {
	var b strings.Builder
	b.WriteString(seen(p))
	switch p.Verdict {
	case taskcount.WantOut:
		fmt.Fprintf(&b, ", wants %s (scale out)", Count(p.Count, "task"))
	case taskcount.WantIn:
		fmt.Fprintf(&b, ", wants %s (scale in)", Count(p.Count, "task"))
	case taskcount.Steady:
		b.WriteString(", wants no change")
	case taskcount.Unusable:
		b.WriteString(", unusable: " + p.Because)
	}
	if p.Saturated {
		b.WriteString(", saturated: the true demand is hidden")
	}
	if p.Panicking {
		b.WriteString(", in panic: the short window rules")
	}
	return b.String()
}

// seen gives what a policy read, and what it compares it with.
func seen(p taskcount.Recommendation) string {
	if p.Type == history.Fallback { // no metric: places
		if p.Verdict == taskcount.Unusable {
			return "nothing of its lead"
		}
		return p.Because
	}
	target := fmt.Sprintf("target %s%s a task", number(p.Target), p.Unit)
	switch {
	case p.Type == history.StepScaling:
		target = fmt.Sprintf("threshold %s%s", number(p.Target), p.Unit)
	case p.Type == history.Backlog && p.Target <= 0:
		target = "the rate of a task is not learnt yet"
	case p.Type == history.Backlog && p.Learnt:
		target = fmt.Sprintf("%s%s a task (learnt)", number(p.Target), p.Unit)
	case p.Type == history.Backlog:
		target = fmt.Sprintf("%s%s a task", number(p.Target), p.Unit)
	}
	if p.Datapoint.IsZero() {
		return "no datapoint, " + target
	}
	what := fmt.Sprintf("demand %s%s", number(float64(p.Demand)), p.Unit)
	switch p.Type {
	case history.StepScaling:
		what = number(float64(p.Demand)) + p.Unit
	case history.Concurrency:
		what = "mean " + number(float64(p.Demand))
	case history.Backlog:
		what = fmt.Sprintf("%s messages wait, %s%s arrive", number(p.Waiting), number(float64(p.Demand)), p.Unit)
	}
	if p.Tasks > 0 {
		what += " of " + Count(p.Tasks, "task")
	}
	return fmt.Sprintf("%s at %s, %s", what, stamp(p.Datapoint), target)
}

func step(c history.Clause) string {
	if c.Before == c.After {
		return fmt.Sprintf("%d kept", c.Before)
	}
	return fmt.Sprintf("%d -> %d", c.Before, c.After)
}

// Count gives a number with its noun: 1 task, 2 tasks.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// number writes a value with at most two decimals, and in powers of ten where
// that would be long.
func number(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "unknown"
	}
	if abs := math.Abs(f); abs >= 1e12 || abs < 0.01 && abs > 0 {
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
	return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
