package replay

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Verdict compares the proposed policy with the reference in one sentence, made of the
// marks alone: the medians, with the range over the runs where it is wide enough to see.
func (r Result) Verdict() string {
	p, ref := r.Proposed(), r.Reference()
	hours := func(m Marks) float64 { return m.TaskHours }
	above := func(m Marks) float64 { return m.AboveMinutes }
	acted := func(m Marks) float64 { return float64(m.Actions) }
	return fmt.Sprintf("Against %s, over %s the %s would have run %s (%s instead of %s), %s above %g %% CPU instead of %s, and %s instead of %s.",
		against(ref), words(r.Record.End().Sub(r.Record.From())), p.Name, cheaper(p, ref), middle(p.Spread(hours), 1), middle(ref.Spread(hours), 1),
		counted(p.Spread(above), "minute"), r.Limit, figure(ref.Spread(above), 0), counted(p.Spread(acted), "action"), figure(ref.Spread(acted), 0))
}

// than names the reference of a comparison.
func than(ref Outcome) string {
	if ref.Name == AsItWas {
		return AsItWas
	}
	return "under the " + ref.Name
}

// MomentHead tells in a sentence how many moments would have been worse.
func (r Result) MomentHead() string {
	said := fmt.Sprintf("above %g %% with fewer tasks than %s", r.Limit, than(r.Reference()))
	switch n := len(r.Moments); n {
	case 0:
		return "No moment would have been worse: never " + said + "."
	case 1:
		return "Worse at 1 moment, " + said + ":"
	default:
		return fmt.Sprintf("Worse at %d moments, %s, worst first:", n, said)
	}
}

// against names what the proposed policy is compared with.
func against(ref Outcome) string {
	if ref.Name == AsItWas {
		return "what was"
	}
	return "the " + ref.Name
}

// cheaper tells the task-hours of one against another's, in percent: of the medians, so
// that it agrees with them, and the range from seed to seed.
func cheaper(p, ref Outcome) string {
	hours := func(m Marks) float64 { return m.TaskHours }
	shares := make([]float64, 0, len(p.Runs))
	for i, m := range p.Runs {
		other := ref.Runs[min(i, len(ref.Runs)-1)].TaskHours
		if other == 0 {
			return "some task-hours where there were none"
		}
		shares = append(shares, 100*(m.TaskHours/other-1))
	}
	s := score.SpreadOf(shares)
	s.Median = 100 * (p.Spread(hours).Median/ref.Spread(hours).Median - 1)
	s.Low, s.High = min(s.Low, s.Median), max(s.High, s.Median)
	word := "more"
	if s.Median < 0 {
		word, s = "fewer", score.Spread{Median: -s.Median, Low: -s.High, High: -s.Low}
	}
	if round(s.Median, 0) == 0 {
		return "as many task-hours"
	}
	text := fmt.Sprintf("%.0f %%", s.Median)
	if low, high := round(s.Low, 0), round(s.High, 0); low != high {
		text += fmt.Sprintf(" (%.0f to %.0f %%)", low, high)
	}
	return text + " " + word + " task-hours"
}

func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale)/scale + 0 // no minus zero
}

// middle gives the median.
func middle(s score.Spread, digits int) string {
	return fmt.Sprintf("%.*f", digits, round(s.Median, digits))
}

// figure gives the median, and the range where it shows at so many digits.
func figure(s score.Spread, digits int) string {
	text := middle(s, digits)
	if low, high := round(s.Low, digits), round(s.High, digits); low != high {
		text += fmt.Sprintf(" (%.*f to %.*f)", digits, low, digits, high)
	}
	return text
}

func counted(s score.Spread, noun string) string {
	head, ranges, _ := strings.Cut(figure(s, 0), " ")
	if head != "1" {
		noun += "s"
	}
	return strings.TrimSpace(head + " " + noun + " " + ranges)
}

// Row is one outcome in the words of the table.
type Row struct {
	Name, Note                                           string
	TaskHours, Above, Short, Actions, Reversals, Dollars string
}

// Rows gives the table, medians with or without the ranges; Dollars is empty where the
// price is not known.
func (r Result) Rows(ranges bool) []Row {
	figure := figure
	if !ranges {
		figure = middle
	}
	rows := make([]Row, 0, len(r.Outcomes))
	for _, o := range r.Outcomes {
		row := Row{
			Name: o.Name, Note: o.Note,
			TaskHours: figure(o.Spread(func(m Marks) float64 { return m.TaskHours }), 1),
			Above:     figure(o.Spread(func(m Marks) float64 { return m.AboveMinutes }), 0) + " min",
			Short:     figure(o.Spread(func(m Marks) float64 { return m.ShortMinutes }), 0) + " min",
			Actions:   figure(o.Spread(func(m Marks) float64 { return float64(m.Actions) }), 0),
			Reversals: figure(o.Spread(func(m Marks) float64 { return float64(m.Reversals) }), 0),
		}
		if r.TaskHour > 0 {
			row.Dollars = figure(o.Spread(func(m Marks) float64 { return m.TaskHours * r.TaskHour }), 2)
		}
		rows = append(rows, row)
	}
	return rows
}

// Doubts tells what of the record is held or hidden, a sentence each.
func (r Record) Doubts() []string {
	var out []string
	of := func(n int) string {
		return fmt.Sprintf("%d of %d datapoints (%.2f %%)", n, len(r.Demand), 100*float64(n)/float64(len(r.Demand)))
	}
	if r.Missing > 0 {
		out = append(out, fmt.Sprintf("%s are missing, the most in a row for %s: each holds the value before it, whether CloudWatch lost it or no task ran",
			of(r.Missing), words(time.Duration(r.Gap)*r.Period)))
	}
	if r.Saturated > 0 {
		out = append(out, fmt.Sprintf("%s are at %d %% CPU or more, where demand is hidden: the replay takes the tasks that ran for all that was wanted, so every policy may have needed more there",
			of(r.Saturated), pinned))
	}
	if r.Bursting > 0 {
		out = append(out, fmt.Sprintf("%s are above %d %% CPU: there the tasks used the idle share of their instance, and the replay gives a task no more than it reserves",
			of(r.Bursting), bursting))
	}
	return out
}

// Assumptions tells what the replay takes for granted, a sentence each.
func (r Result) Assumptions() []string {
	m := trial.Requests()
	out := []string{
		"Demand is the average CPU utilisation times the tasks that ran: tasks' worth of CPU, the same whoever carries it. Nothing else is replayed: no memory, no queue, no deployment, no failure.",
		fmt.Sprintf("It comes as requests of %s of CPU on average. What the running tasks cannot carry waits, up to %s, and is then lost.", words(m.Mean), words(30*time.Second)),
		fmt.Sprintf("Tasks start as the assumption %s has it, %s after the order on average; a datapoint appears 90 to 150 s after its minute, and 10 to 22 s after its 20 seconds.", r.Start, words(r.Start.Delay())),
		fmt.Sprintf("A minute is above the limit if its mean demand is above %g %% of the running tasks, and short if it is above all of them; with datapoints of %s each counts whole.", r.Limit, words(r.Record.Period)),
		fmt.Sprintf("The first %s warm up and are not counted. Task-hours begin with the pull of the image, which for the past is added for each task that was seen to start.", words(time.Duration(r.Record.Warm)*r.Record.Period)),
		"Of the past, changes of the running tasks count as its actions, with what deployments added and took away.",
		fmt.Sprintf("Figures are the median of %d runs with different start times and lags, with the range where it shows. The run with the median of the minutes above the limit is the one that is shown.", r.Seeds),
	}
	if r.TaskHour > 0 {
		out = append(out, fmt.Sprintf("A task costs %.4f dollars an hour.", r.TaskHour))
	}
	return out
}

// words gives a duration as people read it: 14 days, 2 h 30 min, 90 s.
func words(d time.Duration) string {
	unit := func(n int, one string) string { return fmt.Sprintf("%d %s", n, one) }
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute && d%time.Minute != 0:
		return unit(int(d.Seconds()), "s")
	case d < time.Hour:
		return unit(int(d.Minutes()), "min")
	}
	days, hours, rest := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	var parts []string
	switch {
	case days == 1:
		parts = append(parts, "1 day")
	case days > 1:
		parts = append(parts, unit(days, "days"))
	}
	if hours > 0 {
		parts = append(parts, unit(hours, "h"))
	}
	if rest > 0 && days == 0 {
		parts = append(parts, unit(rest, "min"))
	}
	return strings.Join(parts, " ")
}
