package report

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The best of a column is the best as it reads: equal figures are all marked,
// yardsticks never, and where all are equal there is nothing to mark.
func TestBest(t *testing.T) {
	t.Parallel()
	rows := func(cells ...Cell) Table {
		tb := Table{Columns: []Column{{}}}
		for _, c := range cells {
			tb.Rows = append(tb.Rows, Row{Cells: []Cell{c}})
		}
		return tb
	}
	for name, tc := range map[string]struct {
		table  Table
		better Better
		bound  int // the row that is a yardstick, -1 for none
		want   []bool
	}{
		"less":          {rows(Number(3, 0), Number(1, 0), Number(2, 0)), Less, -1, []bool{false, true, false}},
		"more":          {rows(Number(3, 0), Number(1, 0), Number(2, 0)), More, -1, []bool{true, false, false}},
		"neither":       {rows(Number(3, 0), Number(1, 0)), Neither, -1, []bool{false, false}},
		"same as read":  {rows(Number(1.04, 1), Number(1.01, 1), Number(2, 1)), Less, -1, []bool{true, true, false}},
		"all the same":  {rows(Number(1.04, 1), Number(1.01, 1)), Less, -1, []bool{false, false}},
		"never":         {rows(Words("never"), Number(2, 0)), Less, -1, []bool{false, true}},
		"all never":     {rows(Words("never"), Words("never")), Less, -1, []bool{false, false}},
		"the yardstick": {rows(Number(1, 0), Number(3, 0), Number(2, 0)), Less, 0, []bool{false, false, true}},
	} {
		tc.table.Columns[0].Better = tc.better
		if tc.bound >= 0 {
			tc.table.Rows[tc.bound].Bound = true
		}
		var got []bool
		for _, r := range newTableView(tc.table, 0).Rows {
			got = append(got, r.Cells[0].Best)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Cell{
		"1.30": Number(1.3, 2), "–": Number(math.NaN(), 2), "12.00 %": Percent(0.12), "0.0010 %": Percent(0.00001),
		"119 s": Seconds(119), "2 min 0 s": Seconds(120), "never": Words("never"),
	} {
		if c.Text != want {
			t.Errorf("a cell reads %q, want %q", c.Text, want)
		}
	}
}

// The largest decisions are listed, in the order of time, and no policy takes
// the room of another.
func TestForemost(t *testing.T) {
	t.Parallel()
	at := func(minute, before, desired int) Decision {
		return Decision{At: start().Add(time.Duration(minute) * time.Minute), Before: before, Desired: desired}
	}
	ds := []Decision{at(1, 5, 6), at(2, 6, 2), at(3, 2, 4), at(4, 4, 5)}
	if d := cmp.Diff([]Decision{at(1, 5, 6), at(2, 6, 2), at(3, 2, 4)}, foremost(ds, 3)); d != "" {
		t.Errorf("listed (-want +got):\n%s", d)
	}
	many, few := Policy{Decisions: make([]Decision, 5000)}, Policy{Decisions: make([]Decision, 100)}
	if got := quota([]Trace{{Policies: []Policy{many, few}}, {Policies: []Policy{many}}}); got != 250 {
		t.Errorf("each policy may list %d, want 250: with the 100 of the other 600 in all", got)
	}
	if got := quota([]Trace{{Policies: []Policy{few}}}); got < 100 {
		t.Errorf("a policy with 100 decisions may list %d", got)
	}
}

// The axes: a decade is a decade, what is under the floor stands on its line, and
// a wide range across is drawn in equal ratios.
func TestPlot(t *testing.T) {
	t.Parallel()
	v := newCurveView(Curve{Levels: []float64{1}, Oracle: 1, Series: []Series{{Name: "a", Points: []Point{
		{X: 1, Y: 10}, {X: 2, Y: 1}, {X: 4, Y: 0.1}, {X: 8, Y: 0}, {X: 8, Y: 0.0001}, {X: math.Inf(1), Y: 1},
	}}}}, 0)
	for _, p := range v.Plots {
		d := p.Lines[0].Dots
		if len(d) != 5 {
			t.Fatalf("%d dots, want 5: one is not finite", len(d))
		}
		near := func(what string, a, b float64) {
			t.Helper()
			if math.Abs(a-b) > 1e-6 {
				t.Errorf("%s %s: %v, want %v", p.Class, what, a, b)
			}
		}
		near("decades", d[1].Y-d[0].Y, d[2].Y-d[1].Y)
		near("doublings", d[1].X-d[0].X, d[2].X-d[1].X)
		near("nothing", d[3].Y, d[4].Y)
		near("level", p.Levels[0].At, d[1].Y)
		near("oracle", p.Oracle.At, d[0].X)
		if d[3].Y <= d[2].Y+2*(d[2].Y-d[1].Y) {
			t.Errorf("%s: nothing stands at %v, above the floor", p.Class, d[3].Y)
		}
		for _, dot := range d {
			if dot.X < p.Left || dot.X > p.Right || dot.Y < p.Top || dot.Y > p.Bottom {
				t.Errorf("%s: a dot at %v, %v lies outside of the plot", p.Class, dot.X, dot.Y)
			}
		}
	}
}

func TestFigure(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]float64{"0": 0, "0.001": 0.001, "0.0123": 0.01234, "1": 1, "1.23": 1.234, "12.3": 12.34, "100": 100, "1235": 1234.6} {
		if got := figure(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "2 hours": 2 * time.Hour, "5 minutes": 5 * time.Minute, "90 seconds": 90 * time.Second} {
		if got := words(d); got != want {
			t.Errorf("%s is said %q, want %q", d, got, want)
		}
	}
}
