package board

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Facts are how a report came about.
type Facts struct {
	Version string // of the build
	Policy  string // hash of Trimtab's policy, empty for its defaults
	Load    string // what one course's load is and where from, in words; empty for several
	Notices []report.Notice
}

// Notice gives what must go with the numbers of a recorded load; without a text there is
// nothing.
func Notice(r trace.Recorded) report.Notice {
	if r.Notice == "" {
		return report.Notice{}
	}
	return report.Notice{Name: "Access logs of the 1998 World Cup web site: copyright and disclaimer", Text: r.Notice}
}

// Single gives the report of one course: the curves where they were played, the shown
// runs, their table.
func (b Board) Single(c *trial.Course, start trial.Start, shows []Show, f Facts) (report.Page, error) {
	t, err := Trace(c, start, shows)
	if err != nil {
		return report.Page{}, err
	}
	p := report.Page{
		Title: "Trimtab on " + c.Name, Verdict: b.Verdict(start, c.Name, shows), Traces: []report.Trace{t}, Tables: []report.Table{b.Marks(start, shows)},
		Intro:       fmt.Sprintf("%s of recorded load on one simulated service, once under each policy. Trimtab runs the code that runs on AWS.", lasting(c.Length())),
		Assumptions: assumptions(c, []trial.Start{start}), Facts: b.facts(f), Notices: f.Notices,
	}
	p.Assumptions = append(p.Assumptions, fmt.Sprintf("The first %s of %s warm up and are not scored.", lasting(time.Duration(c.From)*time.Second), lasting(c.Length())))
	for _, s := range shows {
		p.Assumptions = append(p.Assumptions, fmt.Sprintf("%s is %s, with %s.", s.Contestant.Name, s.Contestant.Source, s.set()))
	}
	if x := shows[0].Result.Score; x.Invocations > 0 {
		p.Facts = append(p.Facts, report.Fact{Name: "invocations, scored", Value: strconv.Itoa(x.Invocations)}, report.Fact{Name: "calls of AWS's APIs, scored", Value: strconv.Itoa(x.APICalls)})
	}
	if len(b.Entries) > 0 {
		p.Curves = []report.Curve{b.curve("Cost against violations", "Each point is a run with one value of the policy's knob. Down and to the left is better.", b.Entries)}
	}
	return p, nil
}

// Whole gives the report of the scoreboard, with the shown runs of some courses.
func (b Board) Whole(courses []*trial.Course, traces []report.Trace, f Facts) report.Page {
	p := report.Page{
		Title: "Trimtab: the scoreboard", Verdict: b.verdict(), Traces: traces, Facts: b.facts(f), Notices: f.Notices,
		Intro: fmt.Sprintf("%d recorded loads, %d policies, each at every value of its one knob. What a policy costs is compared where it violates the same objective equally often.",
			len(b.Traces()), len(b.policies())),
		Assumptions: append(assumptions(courses[0], b.starts()), "The first day, or tenth of a trace shorter than two, is not scored."),
	}
	for _, s := range b.starts() {
		p.Curves = append(p.Curves, b.meanCurve(s))
		p.Tables = append(p.Tables, b.rankTable(s))
		if t, ok := b.rivalTable(s); ok {
			p.Tables = append(p.Tables, t)
		}
		p.Tables = append(p.Tables, b.traceTable(s))
		if t, ok := b.singleTable(s); ok {
			p.Tables = append(p.Tables, t)
		}
	}
	return p
}

// verdict compares Trimtab with target tracking on each start in a sentence: on how many
// loads each meets the first objective, the violations at equal cost, the cost where both
// meet it. What is worse is said in the same words.
func (b Board) verdict() string {
	var parts []string
	for _, s := range b.starts() {
		for _, r := range Rivals() {
			bars := map[string]Bar{}
			for _, x := range b.Bars(s) {
				if x.Rival == r {
					bars[x.Trace] = x
				}
			}
			if len(bars) == 0 {
				continue
			}
			words := fmt.Sprintf("On %s %s keeps %s to %g %% on %d of %d loads, %s on %d",
				s, r.Ours, b.words().violators, Objectives()[0], b.meets(s, r.Ours), len(bars), r.Theirs, b.meets(s, r.Theirs))
			if times, n := meanTimes(bars); n > 0 {
				words += fmt.Sprintf("; at equal cost it has %s times the violations", ratio(times))
			}
			if x := b.beside(s, r.Theirs, r.Ours); x.Traces > 0 {
				words += fmt.Sprintf("; where both keep to it %s costs %.2f times as much", r.Theirs, x.Times)
			}
			parts = append(parts, words)
		}
	}
	if len(parts) == 0 {
		return "Trimtab did not play beside target tracking with the same sensor: the tables tell of the others."
	}
	return strings.Join(parts, ". ") + "."
}

// meets counts the loads on which a policy meets the first objective.
func (b Board) meets(s trial.Start, policy string) int {
	n := 0
	for _, e := range b.Entries {
		if e.Start == s && e.Policy == policy && !math.IsInf(e.At(Objectives()[0]), 1) {
			n++
		}
	}
	return n
}

func (b Board) facts(f Facts) []report.Fact {
	out := []report.Fact{
		{Name: "seed", Value: fmt.Sprint(b.Seed)}, {Name: "version", Value: f.Version}, {Name: "tasks at the 99th percentile", Value: fmt.Sprint(b.Tasks)},
	}
	if f.Policy != "" {
		out = append(out, report.Fact{Name: "policy", Value: f.Policy})
	}
	if f.Load != "" {
		out = append(out, report.Fact{Name: "load", Value: f.Load})
	}
	return out
}

// lasting writes a duration without the zeros at its end: 2h24m.
func lasting(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// assumptions tell what the simulated world takes for granted.
func assumptions(c *trial.Course, starts []trial.Start) []string {
	oracle := "The oracle knows the future and is never short; it pays for each task from its order too."
	if c.Messages != nil {
		oracle = "The oracle knows the future and spreads every burst over the time that a message may wait, with whole tasks; it pays for each task from its order too. It is no bound: who lets every message wait as long as it may can pay a little less."
	}
	out := []string{
		arrivals(c), fmt.Sprintf("One task is fully busy at the load's 99th percentile over %d.", c.Tasks),
		"Utilisation is published each minute (for policies named -20s every 20 s) 90 to 150 s (10 to 22 s) after its end and ends at 100 %.",
		oracle,
	}
	for _, s := range starts {
		out = append(out, fmt.Sprintf("%s: what is ordered serves after %s on average.", s, s.Delay().Round(1e9)))
	}
	return out
}

// arrivals tell what arrives and when it violates the objective.
func arrivals(c *trial.Course) string {
	if m := c.Messages; m != nil {
		return fmt.Sprintf("A message takes a task %s, one at a time; it violates the objective when it waits more than %s for it. "+
			"SQS publishes its metrics each minute 90 to 150 s after its end, and tells its state at once; what a stopped task worked on comes back.", m.Processing, m.Acceptable)
	}
	queues := "Each task has its own queue behind a round-robin balancer."
	if c.Model.Central {
		queues = "All tasks take from one queue."
	}
	return fmt.Sprintf("A request takes %s on an idle task on average, lognormal; it violates the objective when its answer takes more than %s or never comes. %s",
		c.Model.Mean, c.Model.Limit, queues)
}

// meanCurve is each policy's curve over all traces: at each value of its knob the
// geometric means of cost and violations.
func (b Board) meanCurve(s trial.Start) report.Curve {
	var all []Entry
	for _, name := range b.policies() {
		var sum Entry
		n := 0.0
		for _, e := range b.Entries {
			if e.Start != s || e.Policy != name {
				continue
			}
			if sum.Curve == nil {
				sum = Entry{Policy: name, Knob: e.Knob, Default: e.Default, Curve: slices.Clone(e.Curve)}
				for i := range sum.Curve {
					sum.Curve[i].Cost, sum.Curve[i].Violation = 0, 0
				}
			}
			n++
			for i, p := range e.Curve {
				sum.Curve[i].Cost += math.Log(p.Cost)
				sum.Curve[i].Violation += math.Log(max(p.Violation, score.LeastPercent))
			}
		}
		for i := range sum.Curve {
			sum.Curve[i].Cost, sum.Curve[i].Violation = math.Exp(sum.Curve[i].Cost/n), math.Exp(sum.Curve[i].Violation/n)
		}
		all = append(all, sum)
	}
	return b.curve(fmt.Sprintf("Cost against violations on %s", s),
		"Geometric means over the traces, a point for each value of the policy's knob. Down and to the left is better.", all)
}

func (b Board) rankTable(s trial.Start) report.Table {
	t := report.Table{
		Caption: fmt.Sprintf("Cost at equal violations on %s", s), Note: "Geometric mean over the traces of the cost over the oracle's; never counts the traces on which no value of the knob meets the objective.",
		Columns: []report.Column{
			{Name: "at 1 %", Unit: "x", Better: report.Less},
			{Name: "never at 1 %", Better: report.Less},
			{Name: "at 0.1 %", Unit: "x", Better: report.Less},
			{Name: "never at 0.1 %", Better: report.Less},
			{Name: "at 1 % beside " + b.policies()[0] + ", where both meet it"},
			{Name: "actions", Unit: "1/h", Better: report.Less},
			{Name: "reversals", Unit: "1/day", Better: report.Less},
		},
	}
	for _, r := range b.Ranks(s) {
		actions, reversals := b.churn(s, r.Policy)
		row := report.Row{Name: r.Policy}
		for _, m := range r.At {
			cost := report.Number(m.OverReached, 2)
			switch {
			case m.Reached == 0:
				cost = report.Words("never")
			case m.Never > 0: // over other traces than the rest: not to be called the best
				cost = report.Words(cost.Text)
			}
			row.Cells = append(row.Cells, cost, report.Number(float64(m.Never), 0))
		}
		row.Cells = append(row.Cells, report.Words(r.Beside.String()), report.Number(actions, 1), report.Number(reversals, 1))
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (b Board) traceTable(s trial.Start) report.Table {
	t := report.Table{Caption: fmt.Sprintf("Cost at 1 %% of violations on %s, by trace", s)}
	for _, name := range b.Traces() {
		t.Columns = append(t.Columns, report.Column{Name: name, Unit: "x", Better: report.Less})
	}
	for _, name := range b.policies() {
		row := report.Row{Name: name}
		for _, tr := range b.Traces() {
			cell := report.Words("never")
			if e, ok := b.Find(s, tr, name); ok {
				if c := e.At(1); !math.IsInf(c, 1) {
					cell = report.Number(c, 2)
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
