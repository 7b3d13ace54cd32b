package board

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Markdown writes the scoreboard as the tables of docs/benchmarks.md: for each start the
// headline, then each trace.
func (b Board) Markdown(w io.Writer) error {
	var out strings.Builder
	for _, s := range b.starts() {
		b.headline(&out, s)
		b.barTable(&out, s)
		b.byTrace(&out, s)
		b.single(&out, s)
	}
	fmt.Fprintf(&out, "Seed %d, %d tasks at the 99th percentile, version %s.\n", b.Seed, b.Tasks, cmp.Or(b.Version, "unknown"))
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write scoreboard: %w", err)
	}
	return nil
}

func (b Board) starts() []trial.Start {
	var out []trial.Start
	for _, s := range trial.Starts() {
		for _, e := range b.Entries {
			if e.Start == s {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

func (b Board) headline(out *strings.Builder, s trial.Start) {
	fmt.Fprintf(out, "### %s: cost at equal violations, over the oracle's\n\n", s)
	fmt.Fprintf(out, "| policy | at 1 %% | at 0.1 %% | at 1 %% beside %s (traces both meet) | actions/h | reversals/day |\n|---|---|---|---|---|---|\n", b.policies()[0])
	for _, r := range b.Ranks(s) {
		actions, reversals := b.churn(s, r.Policy)
		fmt.Fprintf(out, "| %s | %s | %s | %s | %.1f | %.1f |\n", r.Policy, mean(r.At[0]), mean(r.At[1]), r.Beside, actions, reversals)
	}
	out.WriteString("\n")
}

// mean tells a geometric mean, and on how many traces there is none.
func mean(m score.Mean) string {
	switch {
	case m.Reached == 0:
		return "never"
	case m.Never > 0:
		return fmt.Sprintf("%.2f, never on %d", m.OverReached, m.Never)
	}
	return fmt.Sprintf("%.2f", m.OverReached)
}

// String tells the ratio and on how many traces.
func (x Beside) String() string {
	if x.Traces == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%d)", x.Times, x.Traces)
}

// churn is the mean over the traces of the actions an hour and the reversals within 15
// minutes a day.
func (b Board) churn(s trial.Start, policy string) (actions, reversals float64) {
	n := 0.0
	for _, e := range b.Entries {
		if e.Start == s && e.Policy == policy {
			a, r := e.churn()
			actions, reversals, n = actions+a, reversals+r, n+1
		}
	}
	return actions / n, reversals / n
}

// middle is the point of the documented value, or the one in the middle.
func (e Entry) middle() int {
	if e.Default >= 0 {
		return e.Default
	}
	return len(e.Scores) / 2
}

// byTrace tells the cost at 1 % of everybody on each trace; the least stands in bold.
func (b Board) byTrace(out *strings.Builder, s trial.Start) {
	names := b.policies()
	fmt.Fprintf(out, "#### %s: cost at 1 %% by trace\n\n| trace | %s |\n|---|%s\n", s, strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, t := range b.Traces() {
		cells := make([]string, len(names))
		costs := make([]float64, len(names))
		least := math.Inf(1)
		for i, n := range names {
			costs[i] = math.Inf(1)
			if e, ok := b.Find(s, t, n); ok {
				costs[i] = e.At(1)
			}
			least = min(least, costs[i])
		}
		for i, c := range costs {
			switch {
			case math.IsInf(c, 1):
				cells[i] = "never"
			case c <= least*(1+1e-9):
				cells[i] = fmt.Sprintf("**%.2f**", c)
			default:
				cells[i] = fmt.Sprintf("%.2f", c)
			}
		}
		fmt.Fprintf(out, "| %s | %s |\n", t, strings.Join(cells, " | "))
	}
	out.WriteString("\n")
}

// single tells the chosen points request by request: the violations and the cost, median
// and range over the seeds, beside what the curve gave.
func (b Board) single(out *strings.Builder, s trial.Start) {
	points := b.chosenPoints(s)
	if len(points) == 0 {
		return
	}
	fmt.Fprintf(out, "#### %s: %s\n\n", s, b.chosenWords())
	out.WriteString("| trace | policy | knob | on the curve, % | violations, % | p95, s | cost over the oracle's |\n|---|---|---|---|---|---|---|\n")
	for _, e := range points {
		fmt.Fprintf(out, "| %s | %s | %g | %.2f | %s | %s | %s |\n", e.Trace, e.Policy, e.Requests.Knob, e.onCurve(),
			e.Requests.words("violationPercent"), e.Requests.words("p95Seconds"), e.Requests.words("dollarsPerOracle"))
	}
	out.WriteString("\n")
}

// singleTable is single for the report; ok is false where nothing was played so.
func (b Board) singleTable(s trial.Start) (t report.Table, ok bool) {
	t = report.Table{
		Caption: fmt.Sprintf("On %s: %s", s, b.chosenWords()), Names: "trace, policy",
		Note:    "The setting of each policy that is cheapest while at most 1 % violate the objective, else its safest.",
		Columns: []report.Column{{Name: "knob"}, {Name: "on the curve", Unit: "%"}, {Name: "violations", Unit: "%"}, {Name: "p95", Unit: "s"}, {Name: "cost", Unit: "x"}},
	}
	for _, e := range b.chosenPoints(s) {
		r := e.Requests
		t.Rows = append(t.Rows, report.Row{Name: e.Trace + ", " + e.Policy, Cells: []report.Cell{
			report.Words(knobWords(e.Knob, r.Knob)), report.Number(e.onCurve(), 2),
			report.Words(r.words("violationPercent")), report.Words(r.words("p95Seconds")), report.Words(r.words("dollarsPerOracle")),
		}})
	}
	return t, len(t.Rows) > 0
}

// chosenPoints are the entries of a start of which a point was played request by request.
func (b Board) chosenPoints(s trial.Start) []Entry {
	var out []Entry
	for _, e := range b.Entries {
		if e.Start == s && e.Requests != nil {
			out = append(out, e)
		}
	}
	return out
}

// chosenWords tell what the chosen points are.
func (b Board) chosenWords() string {
	return fmt.Sprintf("the chosen points, %s, median (range) over %d seeds", b.words().single, b.Seeds)
}

// onCurve is the violation in percent of the chosen point on the curve.
func (e Entry) onCurve() float64 {
	for _, p := range e.Curve {
		if p.Knob == e.Requests.Knob {
			return p.Violation
		}
	}
	return 0
}

// words tells one mark.
func (r Requests) words(mark string) string {
	for _, m := range r.Marks {
		if m.Name == mark {
			return fmt.Sprintf("%.2f (%.2f - %.2f)", m.Median, m.Low, m.High)
		}
	}
	return "-"
}
