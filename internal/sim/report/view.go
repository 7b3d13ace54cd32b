package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// How much of a page is listed rather than drawn.
const (
	listedDecisions = 600 // of all policies of a page
	tabledSamples   = 48  // of a trace
)

// traceView is a trace as the template shows it.
type traceView struct {
	Trace
	ID       string
	Open     bool
	Span     string
	Thinned  string // says so where not every sample is drawn
	Policies []policyView
	Times    []timeView
}

type policyView struct {
	Name, Note, ID string
	Main           bool
	Decisions      []decisionView
	Cut            string // says so where not every decision is listed
}

type decisionView struct {
	Decision
	ID, Clock string
}

// Reason is why, where no binding clause says the same.
func (d decisionView) Reason() string {
	if slices.ContainsFunc(d.Clauses, func(c Clause) bool { return c.Binding && c.Because == d.Because }) {
		return ""
	}
	return d.Because
}

// timeView is one line of a trace's figures: demand and running tasks.
type timeView struct {
	Clock  string
	Demand string
	Counts []string
}

// newTraceView gives a trace's words and what its charts are drawn from.
func newTraceView(t Trace, at, of, listed int) (traceView, chartTrace) {
	kept := instants(t, share(of))
	n := len(t.Policies[0].Samples)
	length := time.Duration(n-1) * t.Step
	v := traceView{Trace: t, ID: "t" + strconv.Itoa(at), Open: at == 0}
	days := length > 25*time.Hour
	v.Span = fmt.Sprintf("%s to %s UTC, a sample every %s", t.Start.UTC().Format("2006-01-02 15:04"), t.Start.Add(length).UTC().Format("2006-01-02 15:04"), words(t.Step))
	if len(kept) < n {
		v.Thinned = fmt.Sprintf("%d of the %d samples are drawn, chosen to keep the shape of every curve; each is as it was, at one instant for all charts.", len(kept), n)
	}
	drawn := make([][]Decision, 0, len(t.Policies))
	for i, p := range t.Policies {
		pv := policyView{Name: p.Name, Note: p.Note, ID: v.ID + "p" + strconv.Itoa(i), Main: i == 0}
		few := foremost(p.Decisions, listed)
		if len(few) < len(p.Decisions) {
			pv.Cut = fmt.Sprintf("The %d largest of %d.", len(few), len(p.Decisions))
		}
		for k, d := range few {
			pv.Decisions = append(pv.Decisions, decisionView{Decision: d, ID: pv.ID + "d" + strconv.Itoa(k), Clock: clock(d.At, days, true)})
		}
		v.Policies = append(v.Policies, pv)
		drawn = append(drawn, few)
	}
	v.Times = figures(t, days)
	return v, chart(t, kept, drawn)
}

// figures gives a few evenly spaced samples of a trace, for who reads tables.
func figures(t Trace, days bool) []timeView {
	n := len(t.Policies[0].Samples)
	every := max(1, (n-2+tabledSamples)/tabledSamples)
	var out []timeView
	for i := 0; i < n; i += every {
		line := timeView{
			Clock:  clock(t.Start.Add(time.Duration(i)*t.Step), days, false),
			Demand: strconv.FormatFloat(t.Policies[0].Samples[i].Demand, 'f', 1, 64),
		}
		for _, p := range t.Policies {
			line.Counts = append(line.Counts, strconv.Itoa(p.Samples[i].Running))
		}
		out = append(out, line)
	}
	return out
}

// foremost gives the n largest steps of all decisions in the order of time.
func foremost(ds []Decision, n int) []Decision {
	if len(ds) <= n {
		return ds
	}
	size := func(d Decision) int { return max(d.Desired-d.Before, d.Before-d.Desired) }
	few := slices.Clone(ds)
	slices.SortStableFunc(few, func(a, b Decision) int { return cmp.Compare(size(b), size(a)) })
	few = few[:n]
	slices.SortStableFunc(few, func(a, b Decision) int { return a.At.Compare(b.At) })
	return few
}

// quota gives how many decisions each policy of a page may list, so that all
// that can be are and none is pushed out by another: the largest number that
// keeps the page's sum.
func quota(ts []Trace) int {
	total := func(each int) int {
		n := 0
		for _, t := range ts {
			for _, p := range t.Policies {
				n += min(len(p.Decisions), each)
			}
		}
		return n
	}
	each := listedDecisions
	for each > 1 && total(each) > listedDecisions {
		each--
	}
	return each
}

func clock(at time.Time, days, seconds bool) string {
	layout := "15:04"
	if seconds {
		layout = time.TimeOnly
	}
	if days {
		layout = "Jan 2 " + layout
	}
	return at.UTC().Format(layout)
}

// words gives a step as people say it.
func words(d time.Duration) string {
	switch {
	case d == time.Minute:
		return "minute"
	case d == time.Hour:
		return "hour"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + " hours"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + " minutes"
	}
	return strconv.Itoa(int(d/time.Second)) + " seconds"
}

// tableView is a table with its best cells found.
type tableView struct {
	Table
	ID   string
	Rows []rowView
	Best bool // some cell is marked
}

type rowView struct {
	Row
	Cells []cellView
}

type cellView struct {
	Text string
	Best bool
}

func newTableView(t Table, at int) tableView {
	v := tableView{Table: t, ID: "table" + strconv.Itoa(at)}
	for _, r := range t.Rows {
		row := rowView{Row: r}
		for i, c := range r.Cells {
			b := t.best(i, c)
			row.Cells = append(row.Cells, cellView{Text: c.Text, Best: b && !r.Bound})
			v.Best = v.Best || b && !r.Bound
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// best says whether a cell is, as it reads, the best of the contestants in its
// column. Where all of them read the same, none is.
func (t Table) best(column int, c Cell) bool {
	sign := map[Better]float64{Less: 1, More: -1}[t.Columns[column].Better]
	if sign == 0 || math.IsNaN(c.Value) {
		return false
	}
	var of []Cell
	for _, r := range t.Rows {
		if !r.Bound {
			of = append(of, r.Cells[column])
		}
	}
	if !slices.ContainsFunc(of, func(o Cell) bool { return o.Text != of[0].Text }) {
		return false
	}
	top := Cell{Value: math.NaN()}
	for _, o := range of {
		if math.IsNaN(top.Value) || sign*o.Value < sign*top.Value {
			top = o
		}
	}
	return c.Text == top.Text
}
