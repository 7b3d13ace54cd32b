package board

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Rival is a pair of policies with the same sensor that are compared trace by trace.
type Rival struct {
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

// Rivals gives Trimtab beside Application Auto Scaling's target tracking, each with the
// metric of a minute and of 20 s.
func Rivals() []Rival { return []Rival{{"trimtab", "aas"}, {"trimtab-20s", "aas-20s"}} }

// Bar is how Trimtab does beside target tracking on one trace.
type Bar struct {
	Start trial.Start `json:"start"`
	Trace string      `json:"trace"`
	Rival
	// Times is how many times as many requests violate the objective under ours as under
	// theirs at equal cost, over all settings of theirs that violate it noticeably; Known
	// is false where none does within the range of our costs.
	Times float64 `json:"times"`
	Known bool    `json:"known"`
	// Actions an hour and reversals within 15 minutes a day, ours and theirs, at 60 %.
	Actions        float64 `json:"actionsPerHour"`
	TheirActions   float64 `json:"theirActionsPerHour"`
	Reversals      float64 `json:"reversalsPerDay"`
	TheirReversals float64 `json:"theirReversalsPerDay"`
}

// Bars compares the rivals that played on every trace.
func (b Board) Bars(start trial.Start) []Bar {
	var out []Bar
	for _, r := range Rivals() {
		for _, t := range b.Traces() {
			ours, okA := b.Find(start, t, r.Ours)
			theirs, okB := b.Find(start, t, r.Theirs)
			if !okA || !okB {
				continue
			}
			x := Bar{Start: start, Trace: t, Rival: r}
			x.Times, x.Known = Gain(ours.Curve, theirs.Curve)
			x.Actions, x.Reversals = ours.churn()
			x.TheirActions, x.TheirReversals = theirs.churn()
			out = append(out, x)
		}
	}
	return out
}

// churn is the actions an hour and the reversals within 15 minutes a day at a target of
// 60 % where the knob is in percent, else at the documented value.
func (e Entry) churn() (actions, reversals float64) {
	i := slices.IndexFunc(e.Curve, func(p score.Point) bool { return p.Knob == common && strings.Contains(e.Knob, "percent") })
	if i < 0 {
		i = e.middle()
	}
	s := e.Scores[i]
	if moved := float64(s.Outs + s.Ins); moved > 0 {
		reversals = float64(s.ReversalsWithin15Min) * 24 * s.ActionsPerHour / moved
	}
	return s.ActionsPerHour, reversals
}

// common is the target in percent at which churn is compared.
const common = 60

// barTable tells the bars of a start.
func (b Board) barTable(out *strings.Builder, s trial.Start) {
	var pairs []Rival
	bars := map[Rival]map[string]Bar{} // by trace
	for _, x := range b.Bars(s) {
		if bars[x.Rival] == nil {
			pairs, bars[x.Rival] = append(pairs, x.Rival), map[string]Bar{}
		}
		bars[x.Rival][x.Trace] = x
	}
	if len(pairs) == 0 {
		return
	}
	fmt.Fprintf(out, "#### %s: violations at equal cost, over %s\n\n| trace |", s, b.words().sensor)
	at := " at 60 %"
	if b.Queue != nil {
		at = ""
	}
	for _, p := range pairs {
		fmt.Fprintf(out, " %s / %s | actions/h%s | reversals/day |", p.Ours, p.Theirs, at)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|---|---|", len(pairs)) + "\n")
	for _, t := range b.Traces() {
		fmt.Fprintf(out, "| %s |", t)
		for _, p := range pairs {
			x := bars[p][t]
			fmt.Fprintf(out, " %s | %.1f / %.1f | %.1f / %.1f |", x.times(), x.Actions, x.TheirActions, x.Reversals, x.TheirReversals)
		}
		out.WriteString("\n")
	}
	for _, p := range pairs {
		if times, n := meanTimes(bars[p]); n > 0 {
			fmt.Fprintf(out, "\n%s beside %s: %s times the violations at equal cost, geometric mean over %d traces.\n", p.Ours, p.Theirs, ratio(times), n)
		}
	}
	out.WriteString("\n")
}

// rivalTable is barTable for the report, without the churn; ok is false where no rivals
// played.
func (b Board) rivalTable(s trial.Start) (t report.Table, ok bool) {
	t = report.Table{
		Caption: fmt.Sprintf("Violations at equal cost on %s, over %s", s, b.words().sensor), Names: "trace",
		Note: fmt.Sprintf("Below 1 fewer %s violate the objective under Trimtab than under target tracking that costs as much.", b.words().noun),
	}
	rows := map[string]report.Row{}
	for _, x := range b.Bars(s) {
		name := x.Ours + " / " + x.Theirs
		if !slices.ContainsFunc(t.Columns, func(c report.Column) bool { return c.Name == name }) {
			t.Columns = append(t.Columns, report.Column{Name: name, Unit: "x"})
		}
		row := rows[x.Trace]
		row.Name, row.Cells = x.Trace, append(row.Cells, report.Words(x.times()))
		rows[x.Trace] = row
	}
	for _, name := range b.Traces() {
		t.Rows = append(t.Rows, rows[name])
	}
	return t, len(t.Columns) > 0
}

// times tells the ratio.
func (x Bar) times() string {
	if !x.Known {
		return "-"
	}
	return ratio(x.Times)
}

// ratio tells how many times as many; one that is not 0 does not read as 0.
func ratio(v float64) string {
	if v > 0 && v < 0.005 {
		return "< 0.01"
	}
	return fmt.Sprintf("%.2f", v)
}

// meanTimes is the geometric mean of the ratios that are known.
func meanTimes(bars map[string]Bar) (times float64, n int) {
	var all []float64
	for _, x := range bars {
		if x.Known {
			all = append(all, x.Times)
		}
	}
	slices.Sort(all) // a sum of floats depends on its order, and a map's is random
	m, n := averaged(all, -1, math.Log)
	return math.Exp(m), n
}
