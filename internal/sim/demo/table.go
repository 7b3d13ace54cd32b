package demo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// heads are the table's columns after the policy's name, in two lines so that
// the table fits 80 columns.
func heads() [2][]string {
	return [2][]string{
		{"", "task-", "", "", "above", "", ""},
		{"", "hours", "short", "unserved", "80 %", "actions", "reversals"},
	}
}

// legend explains the short heads.
const legend = "short: more demand than the running tasks carry; above 80 %: their CPU.\n"

// cells give one policy's row.
func cells(p Outcome) []string {
	return []string{
		p.Name, fmt.Sprintf("%.1f", p.TaskHours), fmt.Sprintf("%d s", p.ShortSeconds), fmt.Sprintf("%.3f %%", 100*p.Unserved),
		fmt.Sprintf("%d s", p.HotSeconds), strconv.Itoa(p.Actions), strconv.Itoa(p.Reversals),
	}
}

// table gives the comparison as lines: names to the left, figures to the right.
func table(ps []Outcome) string {
	h := heads()
	rows := [][]string{h[0], h[1]}
	for _, p := range ps {
		rows = append(rows, cells(p))
	}
	widths := make([]int, len(h[0]))
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
	return trimLines(b.String()) + legend
}

// blocks give the comparison for a terminal narrower than the table: each
// policy's figures in words.
func blocks(ps []Outcome, width int) string {
	var b strings.Builder
	for _, p := range ps {
		c := cells(p)
		fmt.Fprintf(&b, "%s\n%s\n", wrap(c[0], width), wrap(fmt.Sprintf("%s task-hours, short of demand for %s (%s unserved), above 80 %% CPU for %s, %s actions, %s reversals",
			c[1], c[2], c[3], c[4], c[5], c[6]), width))
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

// words splits a sentence and keeps "5 s" and "80 %" together.
func words(s string) []string {
	var out []string
	for w := range strings.FieldsSeq(s) {
		unit := slices.Contains([]string{"s", "%"}, strings.TrimRight(w, ",.;)"))
		if unit && len(out) > 0 {
			out[len(out)-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}
