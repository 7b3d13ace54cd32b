package demo

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// shown are the columns of the report's table of marks that have room on a terminal, with
// heads of two lines.
func shown() []column {
	return []column{
		{name: "violations", above: "too", below: "slow, %"},
		{name: "in violation", above: "in", below: "violation"},
		{name: "longest", below: "longest"},
		{name: "task-hours", above: "task-", below: "hours"},
		{name: "over the oracle", above: "over the", below: "oracle"},
		{name: "actions", above: "actions", below: "per hour"},
		{name: "reversals", below: "reversals"},
	}
}

type column struct{ name, above, below string }

// legend explains the short heads.
func legend(c *trial.Course) string {
	return fmt.Sprintf("too slow: requests answered after more than %g s, or never. over the oracle: the cost over that of the fewest tasks, ordered in time by who knows the future. "+
		"reversals: within 15 min. aas: Application Auto Scaling's target tracking, with the same target value. static: as many tasks as the peak needs. Scored after a warm-up of %s.",
		c.Model.Limit.Seconds(), clock(c.From))
}

// clock writes seconds as hours and minutes.
func clock(seconds int) string { return fmt.Sprintf("%d h %02d min", seconds/3600, seconds/60%60) }

// cells give one policy's row.
func cells(t report.Table, r report.Row) []string {
	out := []string{r.Name}
	for _, s := range shown() {
		out = append(out, r.Cells[slices.IndexFunc(t.Columns, func(c report.Column) bool { return c.Name == s.name })].Text)
	}
	return out
}

// table gives the comparison as lines: names to the left, figures to the right.
func table(t report.Table) string {
	above, below := []string{""}, []string{""}
	for _, s := range shown() {
		above, below = append(above, s.above), append(below, s.below)
	}
	rows := [][]string{above, below}
	for _, r := range t.Rows {
		rows = append(rows, cells(t, r))
	}
	widths := make([]int, len(above))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%-*s", widths[0], r[0])
		for i, c := range r[1:] {
			fmt.Fprintf(&b, "  %*s", widths[i+1], c)
		}
		b.WriteByte('\n')
	}
	return trimLines(b.String())
}

// blocks give the comparison for a terminal narrower than the table: each
// policy's figures in words.
func blocks(t report.Table, width int) string {
	var b strings.Builder
	for _, r := range t.Rows {
		c := cells(t, r)
		fmt.Fprintf(&b, "%s\n%s\n", wrap(c[0], width), wrap(fmt.Sprintf("too slow for %s %% of the requests, in violation for %s, the longest time %s; %s task-hours, %s times the oracle's cost; %s actions per hour, %s reversals",
			c[1], c[2], c[3], c[4], c[5], c[6], c[7]), width))
	}
	return b.String()
}

// trimLines takes the blanks off the lines' ends.
func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// widest gives the characters of the longest line.
func widest(s string) int {
	n := 0
	for line := range strings.Lines(s) {
		n = max(n, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return n
}

// wrap breaks a sentence between words into lines of at most width characters;
// a longer word, and a figure with its unit, stay whole.
func wrap(s string, width int) string {
	var lines []string
	line := ""
	for _, word := range words(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// words splits a sentence and keeps a figure with its unit, as "5 s", together.
func words(s string) []string {
	var out []string
	for w := range strings.FieldsSeq(s) {
		unit := slices.Contains([]string{"s", "%", "h", "min"}, strings.TrimRight(w, ",.;)"))
		if unit && len(out) > 0 {
			out[len(out)-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}
