package report

import (
	"fmt"
	"math"
	"time"
)

// gallery is a page as the scoreboard makes it, with all there is to draw: a
// dozen policies over their knobs, a day, a fortnight and instances.
func gallery() Page {
	p := fortnight()
	p.Title = "Trimtab: the scoreboard"
	p.Verdict = "At 1 % of requests violated Trimtab costs 1.31 times the clairvoyant bound, target tracking 1.58 times; at 0.1 % it is 1.52 against never."
	p.Intro = "Sixteen traces of real services, scaled so that the 99th percentile keeps 20 tasks fully busy, under twelve policies."
	curve := Curve{
		Title: "What safety costs", Note: "Each line is one policy over its knob, as a geometric mean over the traces.",
		X: "cost relative to the oracle", Y: "requests violated, %", Levels: []float64{1, 0.1}, Oracle: 1,
	}
	for k, name := range []string{"Trimtab", "aas", "aas-20s", "aas-step", "hpa", "keda", "kpa", "nomad", "react", "adapt", "chase", "static"} {
		s := Series{Name: name}
		for i := range 8 {
			x := 1.08 + 0.03*float64(k) + float64(i*i)*(0.02+0.004*float64(k%5))
			y := 12 * math.Exp(-float64(i)*(1.3-0.05*float64(k))) * (1 + 0.3*float64(k%4))
			if k == 11 {
				x, y = 2+float64(i)*0.5, math.Max(0, 0.02-0.01*float64(i))
			}
			s.Points = append(s.Points, Point{X: x, Y: y, Knob: fmt.Sprintf("target %d %%", 90-8*i), Default: i == 3})
		}
		curve.Series = append(curve.Series, s)
	}
	hours := curve
	hours.Title, hours.X, hours.Oracle, hours.Note = "One day", "task-hours", 214, "The same on one trace."
	hours.Series = nil
	for _, s := range curve.Series[:3] {
		pts := make([]Point, 0, len(s.Points))
		for _, pt := range s.Points {
			pts = append(pts, Point{X: 214 * (1 + (pt.X-1)*0.7), Y: pt.Y, Knob: pt.Knob, Default: pt.Default})
		}
		hours.Series = append(hours.Series, Series{Name: s.Name, Points: pts})
	}
	p.Curves = []Curve{curve, hours}
	day := p.Traces[0]
	day.Name, day.Note = "worldcup", "A match day of 1998: two flash crowds on a diurnal base."
	day.Policies = nil
	for _, pol := range p.Traces[0].Policies[:2] {
		pol.Samples = pol.Samples[:1441]
		var few []Decision
		for i, d := range pol.Decisions {
			if i%4 == 0 && d.At.Before(day.Start.Add(24*time.Hour)) {
				few = append(few, d)
			}
		}
		pol.Decisions = few
		day.Policies = append(day.Policies, pol)
	}
	p.Traces = []Trace{day, p.Traces[0]}
	table := Table{Caption: "Cost at equal safety", Note: "Cost relative to the oracle, read from the curves at two levels; never where a curve does not reach one.", Columns: []Column{
		{Name: "at 1 %", Unit: "x oracle", Better: Less},
		{Name: "at 0.1 %", Unit: "x oracle", Better: Less},
		{Name: "longest episode", Better: Less},
		{Name: "actions", Unit: "an hour", Better: Less},
		{Name: "reversals", Unit: "within 15 min", Better: Less},
		{Name: "traces"},
	}}
	for k, s := range curve.Series {
		at := Number(1.52+0.1*float64(k), 2)
		if k > 5 {
			at = Words("never")
		}
		table.Rows = append(table.Rows, Row{Name: s.Name, Cells: []Cell{Number(1.31+0.07*float64(k), 2), at, Seconds(40 + 33*k), Number(2.4, 1), Number(float64(20-k), 0), Number(16, 0)}})
	}
	table.Rows = append(table.Rows, Row{Name: "oracle", Note: "knows the future", Bound: true, Cells: []Cell{Number(1, 2), Number(1, 2), Seconds(0), Number(9, 1), Number(50, 0), Number(16, 0)}})
	p.Tables = []Table{table}
	p.Assumptions = []string{"A task runs 30 to 90 s after its order.", "The fluid model: requests are fractions."}
	p.Facts = []Fact{{"seed", "1"}, {"version", "v0.5.0"}, {"policy", "sha256 9f86d081884c7d65"}}
	return p
}
