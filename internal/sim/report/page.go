// Package report gives simulated runs as one HTML file that needs nothing else:
// no network, no server, and for its facts neither colour nor script.
package report

import (
	"math"
	"strconv"
	"time"
)

// Page is what a report shows, in this order: the verdict, the curves, the
// traces, the tables, and how all of it came about. A part that is empty is left
// out.
type Page struct {
	Title   string
	Verdict string // one sentence
	Intro   string // what was replayed, in words
	Curves  []Curve
	// Traces are shown one below the other, the first of them opened.
	Traces      []Trace
	Tables      []Table
	Assumptions []string
	Facts       []Fact // seed, version, hash of the policy, ...
	Notices     []Notice
}

// Curve compares policies over their knobs: what each setting costs against what
// it fails to carry. Down and to the left is better.
type Curve struct {
	Title string
	Note  string // what is to be seen, in words
	X, Y  string // names of the axes with their units: cost relative to the oracle; requests violated, %
	// Floor is the least Y that is told from nothing, 0.001 if zero or less: the
	// logarithmic axis ends there, and what is below stands on it.
	Floor float64
	// Levels are the values of Y at which the curves are read, drawn as lines.
	Levels []float64
	// Oracle is where on X the clairvoyant bound stands, drawn as a line; 0 for none.
	Oracle float64
	Series []Series // the first stands out
}

// Series is one policy over its knob.
type Series struct {
	Name   string
	Points []Point // in the order of the knob
}

// Point is one run, or the mean of several.
type Point struct {
	X, Y float64 // not negative; a point that is not finite is left out
	Knob string  // how the knob was set: target 60 %
	// Default marks the setting that is used without being asked for.
	Default bool
}

// Trace is one load under several policies.
type Trace struct {
	Name, Note string
	Start      time.Time
	Step       time.Duration // from one sample to the next, whole seconds
	// Policies are compared in their order, with a chart each. All have the same
	// number of samples, at least two.
	Policies []Policy
}

// Policy is one policy's run over a trace.
type Policy struct {
	Name      string
	Note      string   // how it is set, in words
	Samples   []Sample // at Start and after each Step
	Decisions []Decision
}

// Sample is what was true at one instant.
type Sample struct {
	Demand    float64 // tasks that the load keeps busy
	Desired   int
	Running   int
	Instances int // drawn where any sample of the policy has one
}

// Decision is one order with its reason.
type Decision struct {
	At      time.Time
	Before  int
	Desired int
	Rule    string
	Because string
	Inputs  []Fact   // what was seen
	Clauses []Clause // in the order applied
	// Otherwise are inputs that would have changed it: if maxCapacity were 14 ...
	Otherwise []string
}

// Clause is one rule that changed or confirmed the count.
type Clause struct {
	Rule          string
	Before, After int
	Because       string
	Binding       bool // explains the result
}

// Table compares rows by columns of figures.
type Table struct {
	Caption string
	Note    string // how to read it, in words
	Names   string // what the rows are: policy if empty
	Columns []Column
	Rows    []Row
}

// Column is one kind of figure.
type Column struct {
	Name   string
	Unit   string // of its cells, or empty where they say it
	Better Better
}

// Better says which figures of a column are the better ones: the best is marked.
type Better int

// What is better in a column.
const (
	Neither Better = iota
	Less
	More
)

// Row is what one policy has in each column.
type Row struct {
	Name, Note string
	// Bound is a yardstick and no contestant: it is never marked as the best.
	Bound bool
	Cells []Cell // one for each column
}

// Cell is a figure as it is compared and as it is shown.
type Cell struct {
	Value float64 // NaN is never the best
	Text  string
}

// Fact is one line of what is known.
type Fact struct {
	Name, Value string
}

// Notice is a licence text that must go with the report.
type Notice struct {
	Name, Text string
}

// Number is a cell with so many digits after the point.
func Number(v float64, digits int) Cell {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Words("–")
	}
	return Cell{Value: v, Text: strconv.FormatFloat(v, 'f', digits, 64)}
}

// Percent is a cell of a share, 0 to 1, with as many digits as say something.
func Percent(share float64) Cell {
	digits := 2
	if share > 0 && share < 0.0001 {
		digits = 4
	}
	return Cell{Value: share, Text: strconv.FormatFloat(100*share, 'f', digits, 64) + " %"}
}

// Seconds is a cell of a duration, as people read it.
func Seconds(n int) Cell {
	c := Cell{Value: float64(n), Text: strconv.Itoa(n) + " s"}
	if n >= 120 {
		c.Text = strconv.Itoa(n/60) + " min " + strconv.Itoa(n%60) + " s"
	}
	return c
}

// Words is a cell without a figure: never.
func Words(text string) Cell { return Cell{Value: math.NaN(), Text: text} }

// Direction tells a decision's direction in words.
func (d Decision) Direction() string {
	if d.Desired < d.Before {
		return "scale in"
	}
	return "scale out"
}

// Mark is the sign of the direction: up or down, readable without colour.
func (d Decision) Mark() string {
	if d.Desired < d.Before {
		return "▼"
	}
	return "▲"
}
