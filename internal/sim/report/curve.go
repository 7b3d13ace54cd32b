package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// curveView is a curve as the template shows it: drawn twice, for wide and for
// narrow windows, so that its words keep their size.
type curveView struct {
	Curve
	ID     string
	Plots  []*plot
	Legend []legendEntry
	// Defaults is whether some point is marked as the default.
	Defaults bool
	Rows     []curveRow
}

type curveRow struct{ Name, Knob, X, Y string }

type legendEntry struct {
	Name, Shape, Class string
}

// plot is a curve mapped to a picture of so many pixels.
type plot struct {
	Class                    string
	Width, Height            float64
	Left, Right, Top, Bottom float64
	XTicks, YTicks, Levels   []tick
	Oracle                   *tick
	Lines                    []line
	Labels                   []label
}

type tick struct {
	At   float64
	Text string
}

// Base is where the words of a mark across stand beside it, Edge of one that runs up.
func (t tick) Base() float64 { return t.At + 4 }
func (t tick) Edge() float64 { return t.At + 14 }

// XText, YText and OracleText are where the words of the axes begin.
func (p *plot) XText() float64      { return p.Bottom + 20 }
func (p *plot) YText() float64      { return p.Left - 8 }
func (p *plot) OracleText() float64 { return p.Bottom - 6 }

type line struct {
	Class, Path string
	Dots        []dot
}

type dot struct {
	X, Y    float64
	Shape   string
	Said    string // the whole of it in words
	Default bool
}

type label struct {
	X, Y   float64
	Anchor string
	Class  string
	Text   string
}

// shapes are the markers, round the origin: with the dashes they tell the series
// apart without colour.
var shapes = [...]string{
	"M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", // circle
	"M-4 -4h8v8h-8z",                // square
	"M0 -5l5 9h-10z",                // triangle
	"M0 -5.5l5 5.5l-5 5.5l-5 -5.5z", // diamond
	"M0 5l5 -9h-10z",                // triangle on its head
	"M-1.5 -5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",            // plus
	"M-5 -3l2 -2l3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3z", // cross
	"M-5 0l2.5 -4.4h5l2.5 4.4l-2.5 4.4h-5z",                         // hexagon
}

const colours = len(shapes)

func class(series int) string {
	c := fmt.Sprintf("s%d dash%d", series%colours, series/colours%4)
	if series == 0 {
		c += " main"
	}
	return c
}

func newCurveView(c Curve, at int) curveView {
	if c.Floor <= 0 {
		c.Floor = 0.001
	}
	series := slices.Clone(c.Series)
	for i := range series {
		series[i].Points = slices.DeleteFunc(slices.Clone(series[i].Points), func(p Point) bool {
			return math.IsNaN(p.X+p.Y) || math.IsInf(p.X+p.Y, 0)
		})
	}
	c.Series = series
	v := curveView{Curve: c, ID: "curve" + strconv.Itoa(at), Plots: []*plot{
		{Class: "wide", Width: 1040, Height: 440, Left: 64, Right: 1016, Top: 16, Bottom: 412},
		{Class: "narrow", Width: 360, Height: 358, Left: 50, Right: 350, Top: 14, Bottom: 330},
	}}
	for i, s := range c.Series {
		v.Legend = append(v.Legend, legendEntry{Name: s.Name, Shape: shapes[i%colours], Class: class(i)})
		for _, p := range s.Points {
			v.Defaults = v.Defaults || p.Default
			v.Rows = append(v.Rows, curveRow{Name: s.Name, Knob: p.Knob, X: figure(p.X), Y: figure(p.Y)})
		}
	}
	for _, p := range v.Plots {
		p.draw(c)
	}
	return v
}

func (p *plot) draw(c Curve) {
	x, xTicks := p.across(c)
	y, yTicks := p.up(c)
	p.XTicks, p.YTicks = xTicks, yTicks
	for _, l := range c.Levels {
		p.Levels = append(p.Levels, tick{y(l), figure(l)})
	}
	if c.Oracle > 0 {
		p.Oracle = &tick{At: x(c.Oracle), Text: "oracle"}
	}
	for i, s := range c.Series {
		l := line{Class: class(i)}
		var path strings.Builder
		for k, pt := range s.Points {
			d := dot{
				X: x(pt.X), Y: y(pt.Y), Shape: shapes[i%colours], Default: pt.Default,
				Said: fmt.Sprintf("%s, %s: %s against %s", s.Name, pt.Knob, figure(pt.X), figure(pt.Y)),
			}
			if pt.Default {
				d.Said += " (the default)"
			}
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(k, 1)], d.X, d.Y)
			l.Dots = append(l.Dots, d)
		}
		l.Path = path.String()
		p.Lines = append(p.Lines, l)
	}
	p.name(c)
}

// across gives the map of the horizontal axis and its marks; a wide range is
// drawn in equal ratios, since most of what is to be told apart is near its start.
func (p *plot) across(c Curve) (func(float64) float64, []tick) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for _, pt := range s.Points {
			lo, hi = min(lo, pt.X), max(hi, pt.X)
		}
	}
	if c.Oracle > 0 {
		lo, hi = min(lo, c.Oracle), max(hi, c.Oracle)
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	if lo == hi {
		lo, hi = lo*0.9, hi*1.1+0.1
	}
	scale := func(v float64) float64 { return v }
	var at []float64
	if lo > 0 && hi > 3*lo {
		scale = math.Log
		at = ratios(lo, hi)
	} else {
		pad := (hi - lo) * 0.04
		lo, hi = max(lo-pad, 0), hi+pad
		at = steps(lo, hi, int(p.Width/90))
	}
	a, b := scale(lo), scale(hi)
	pad := 0.03 * (b - a)
	x := func(v float64) float64 { return p.Left + (p.Right-p.Left)*(scale(v)-a+pad)/(b-a+2*pad) }
	var out []tick
	for _, v := range at {
		if len(out) == 0 || x(v)-out[len(out)-1].At > 34 {
			out = append(out, tick{x(v), figure(v)})
		}
	}
	return x, out
}

// up gives the map of the logarithmic axis: whole decades down to the floor, and
// below it one line for what is less.
func (p *plot) up(c Curve) (func(float64) float64, []tick) {
	top := c.Floor * 10
	for _, s := range c.Series {
		for _, pt := range s.Points {
			top = max(top, pt.Y)
		}
	}
	for _, l := range c.Levels {
		top = max(top, l)
	}
	const nothing = 30.0 // pixels from the floor down to the line of less
	bottom := p.Bottom - nothing
	lo, hi := math.Log10(c.Floor), math.Ceil(math.Log10(top)*2)/2
	y := func(v float64) float64 {
		if v < c.Floor {
			return p.Bottom - 8
		}
		return bottom - (bottom-p.Top)*(math.Log10(v)-lo)/(hi-lo)
	}
	out := []tick{{p.Bottom - 8, "<" + figure(c.Floor)}}
	for d := math.Ceil(lo - 1e-9); d <= hi; d++ {
		v := math.Pow(10, d)
		out = append(out, tick{y(v), figure(v)})
	}
	return y, out
}

// name writes the names of the series and the knobs of the first where they
// overlap nothing that is drawn already, the names at worst a line; the legend and
// the table have them all.
func (p *plot) name(c Curve) {
	w := writer{plot: p}
	if p.Oracle != nil {
		w.lines = append(w.lines, box{p.Oracle.At - 1, p.Top, p.Oracle.At + 16, p.Bottom})
	}
	for _, l := range p.Lines {
		for k, d := range l.Dots {
			w.taken = append(w.taken, box{d.X - 6, d.Y - 6, d.X + 6, d.Y + 6})
			if k > 0 {
				w.between(l.Dots[k-1], d)
			}
		}
	}
	for i, s := range c.Series {
		dots := slices.Clone(p.Lines[i].Dots)
		slices.SortStableFunc(dots, func(a, b dot) int { return cmp.Compare(a.Y, b.Y) }) // from the top
		said := func(strict bool) bool {
			return slices.ContainsFunc(dots, func(d dot) bool { return w.put(d, s.Name, "name "+class(i), 7, strict) })
		}
		if !said(true) {
			said(false)
		}
	}
	if len(c.Series) > 0 {
		for k, d := range p.Lines[0].Dots {
			w.put(d, c.Series[0].Points[k].Knob, "knob", 6, true)
		}
	}
}

// box is a rectangle from its upper left corner to its lower right one.
type box struct{ left, top, right, bottom float64 }

func (b box) meets(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

// writer finds free places for words.
type writer struct {
	plot  *plot
	taken []box // by dots and words
	lines []box // by lines, which words may cross if they must
}

// between takes the way from one dot to the next, in small pieces.
func (w *writer) between(a, b dot) {
	pieces := int(math.Hypot(b.X-a.X, b.Y-a.Y)/4) + 1
	for i := range pieces {
		f := float64(i) / float64(pieces)
		x, y := a.X+f*(b.X-a.X), a.Y+f*(b.Y-a.Y)
		w.lines = append(w.lines, box{x - 1, y - 1, x + 1, y + 1})
	}
}

// put writes words beside a dot, a letter being so wide, or says that there is no room.
func (w *writer) put(d dot, text, class string, letter float64, strict bool) bool {
	wide := letter * float64(len([]rune(text)))
	for _, at := range []label{
		{X: d.X + 9, Y: d.Y + 4, Anchor: "start"},
		{X: d.X - 9, Y: d.Y + 4, Anchor: "end"},
		{X: d.X + 7, Y: d.Y - 8, Anchor: "start"},
		{X: d.X - 7, Y: d.Y + 16, Anchor: "end"},
	} {
		b := box{at.X, at.Y - 11, at.X + wide, at.Y + 3}
		if at.Anchor == "end" {
			b.left, b.right = at.X-wide, at.X
		}
		if b.left < w.plot.Left || b.right > w.plot.Right || b.top < w.plot.Top ||
			slices.ContainsFunc(w.taken, b.meets) || strict && slices.ContainsFunc(w.lines, b.meets) {
			continue
		}
		w.taken = append(w.taken, b)
		at.Text, at.Class = text, class
		w.plot.Labels = append(w.plot.Labels, at)
		return true
	}
	return false
}

// ratios are round numbers from lo to hi for an axis of equal ratios.
func ratios(lo, hi float64) []float64 {
	var out []float64
	for d := math.Floor(math.Log10(lo)); d <= math.Log10(hi); d++ {
		for _, m := range []float64{1, 1.2, 1.5, 2, 3, 4, 5, 7} {
			if v := m * math.Pow(10, d); v >= lo && v <= hi {
				out = append(out, v)
			}
		}
	}
	return out
}

// steps are round numbers from lo to hi, about n of them.
func steps(lo, hi float64, n int) []float64 {
	raw := (hi - lo) / float64(max(n, 1))
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*unit >= raw {
			unit *= m
			break
		}
	}
	var out []float64
	for v := math.Ceil(lo/unit) * unit; v <= hi; v += unit {
		out = append(out, v)
	}
	return out
}

// figure writes a number with three digits that count.
func figure(v float64) string {
	if v == 0 {
		return "0"
	}
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))+1e-9))
	s := strconv.FormatFloat(v, 'f', max(digits, 0), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
