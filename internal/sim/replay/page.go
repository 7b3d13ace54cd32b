package replay

import (
	"fmt"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
)

// Most moments that are listed.
const Most = 10

// Page gives the result as a report, with a title and what else is known of the replay.
func (r Result) Page(title string, facts []report.Fact) report.Page {
	rec := r.Record
	notes := []string{fmt.Sprintf("%s of history from %s to %s, in datapoints of %s.", words(rec.Length()), stamp(rec.Start), stamp(rec.End()), words(rec.Period))}
	p := report.Page{
		Title: title, Verdict: r.Verdict(), Intro: strings.Join(notes, " "), Assumptions: append(sentences(rec.Doubts()), r.Assumptions()...), Facts: facts,
	}
	tr := report.Trace{Name: rec.Name, Note: "the demand that CloudWatch recorded, and the tasks that each policy would have run", Start: rec.Start, Step: rec.Period}
	for _, o := range r.Outcomes {
		pol := report.Policy{Name: o.Name, Note: o.Note, Decisions: o.Orders}
		for i, d := range rec.Demand {
			pol.Samples = append(pol.Samples, report.Sample{Demand: d, Desired: o.Desired[i], Running: int(o.Running[i] + 0.5)})
		}
		tr.Policies = append(tr.Policies, pol)
	}
	p.Traces = []report.Trace{tr}
	p.Tables = []report.Table{r.marks()}
	if len(r.Moments) > 0 {
		p.Tables = append(p.Tables, r.worse())
	}
	return p
}

func sentences(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, s+".")
	}
	return out
}

// marks gives the table of all policies.
func (r Result) marks() report.Table {
	t := report.Table{
		Caption: "What each policy would have come to", Note: fmt.Sprintf("the median of %d runs, with the range where it shows", r.Seeds),
		Columns: []report.Column{
			{Name: "task-hours", Better: report.Less},
			{Name: fmt.Sprintf("above %g %%", r.Limit), Better: report.Less},
			{Name: "above 100 %", Better: report.Less},
			{Name: "actions", Better: report.Less},
			{Name: "reversals", Better: report.Less},
		},
	}
	if r.TaskHour > 0 {
		t.Columns = append(t.Columns, report.Column{Name: "$", Better: report.Less})
	}
	for i, row := range r.Rows(true) {
		o := r.Outcomes[i]
		values := []report.Cell{
			{Value: o.Shown.TaskHours, Text: row.TaskHours},
			{Value: o.Shown.AboveMinutes, Text: row.Above},
			{Value: o.Shown.ShortMinutes, Text: row.Short},
			{Value: float64(o.Shown.Actions), Text: row.Actions},
			{Value: float64(o.Shown.Reversals), Text: row.Reversals},
		}
		if r.TaskHour > 0 {
			values = append(values, report.Cell{Value: o.Shown.TaskHours * r.TaskHour, Text: row.Dollars})
		}
		t.Rows = append(t.Rows, report.Row{Name: o.Name, Note: o.Note, Bound: o.Name == AsItWas, Cells: values})
	}
	return t
}

// worse gives the table of the moments.
func (r Result) worse() report.Table {
	ref := r.Reference()
	t := report.Table{
		Caption: fmt.Sprintf("Moments that would have been worse under the %s", r.Proposed().Name),
		Note:    fmt.Sprintf("above %g %% with fewer tasks than %s, worst first%s", r.Limit, than(ref), r.rest()),
		Names:   "moment",
		Columns: []report.Column{{Name: "for"}, {Name: "demand", Unit: "tasks"}, {Name: "tasks"}, {Name: ref.Name}, {Name: "last order"}},
	}
	for _, m := range r.Moments[:min(Most, len(r.Moments))] {
		t.Rows = append(t.Rows, report.Row{Name: stamp(m.From), Cells: []report.Cell{
			report.Words(words(m.Length)), report.Number(m.Demand, 1), report.Number(m.Tasks, 1), report.Number(m.Others, 1), report.Words(m.orderShort()),
		}})
	}
	return t
}

// rest tells of the moments that are not listed.
func (r Result) rest() string {
	if n := len(r.Moments) - Most; n > 0 {
		return fmt.Sprintf("; %d more are not listed", n)
	}
	return ""
}

// OrderWords tells the order before the moment.
func (m Moment) OrderWords() string {
	if m.Order == nil {
		return "none yet"
	}
	d := m.Order
	return fmt.Sprintf("%d to %d at %s: %s: %s", d.Before, d.Desired, stamp(d.At), d.Rule, d.Because)
}

// orderShort is the order without its reason, which the list of decisions has.
func (m Moment) orderShort() string {
	if m.Order == nil {
		return "none yet"
	}
	return fmt.Sprintf("%d to %d, %s", m.Order.Before, m.Order.Desired, stamp(m.Order.At))
}

// MomentWords tells each of the listed moments in a line, and then how many more there are.
func (r Result) MomentWords() []string {
	out := make([]string, 0, Most+1)
	for _, m := range r.Moments[:min(Most, len(r.Moments))] {
		out = append(out, fmt.Sprintf("%s for %s: demand %.1f on %.1f tasks (%s: %.1f) at %s; last order: %s",
			stamp(m.From), words(m.Length), m.Demand, m.Tasks, r.Reference().Name, m.Others, stamp(m.At), m.OrderWords()))
	}
	if n := len(r.Moments) - Most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return out
}
