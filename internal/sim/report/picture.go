package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"time"
)

// The picture in its own units.
const (
	pictureWidth, pictureHeight = 960, 340
	plotLeft, plotRight         = 44.0, 932.0
	plotTop, plotBottom         = 40.0, 300.0
)

// frame maps a day and its counts to the picture.
type frame struct {
	start time.Time
	span  float64 // seconds
	top   float64 // tasks
}

func (f frame) x(at time.Time) float64 {
	return plotLeft + (plotRight-plotLeft)*at.Sub(f.start).Seconds()/f.span
}

func (f frame) y(tasks float64) float64 {
	return plotBottom - (plotBottom-plotTop)*tasks/f.top
}

// pictured is how many decisions a picture has room for.
const pictured = 200

// Picture writes the first policy's run as a static SVG in light or dark, as
// the reader prefers: what the page shows without script, and the README.
func Picture(w io.Writer, t Trace) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("draw picture: %w", err)
	}
	main := t.Policies[0]
	f := frame{start: t.Start, span: float64(len(main.Samples)-1) * t.Step.Seconds(), top: 1}
	for _, s := range main.Samples {
		f.top = max(f.top, s.Demand, float64(s.Desired), float64(s.Running))
	}
	f.top = math.Ceil(f.top/10) * 10
	b := &bytes.Buffer{}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		pictureWidth, pictureHeight, html.EscapeString(main.Name+": demand, desired and running tasks over the day"))
	fmt.Fprint(b, `<style>.bg{fill:#fff}.ink{fill:#1c2733}.grid{stroke:#d8dee6}.demand{fill:#f2b84b;fill-opacity:.45;stroke:#b97a00}`+
		`.desired{stroke:#6b4fbb}.running{stroke:#0b6e99}.out{fill:#0b6e99}.in{fill:#8a5a00}`+
		`@media(prefers-color-scheme:dark){.bg{fill:#12181f}.ink{fill:#dbe4ee}.grid{stroke:#2b3642}.demand{stroke:#f2b84b;fill-opacity:.25}`+
		`.desired{stroke:#b9a5ff}.running{stroke:#5cc4ee}.out{fill:#5cc4ee}.in{fill:#f2b84b}}</style>`+"\n")
	fmt.Fprintf(b, `<rect class="bg" width="%d" height="%d"/>`+"\n", pictureWidth, pictureHeight)
	f.axes(b, t.Start)
	f.curves(b, main, t.Step, instants(Trace{Policies: t.Policies[:1]}, wholeTrace))
	f.legend(b, main.Name)
	fmt.Fprintln(b, "</svg>")
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

func (f frame) axes(b *bytes.Buffer, start time.Time) {
	every := 10.0
	for f.top/every > 6 {
		every *= 2
	}
	for v := 0.0; v <= f.top; v += every {
		fmt.Fprintf(b, `<line class="grid" x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f"/><text class="ink" x="%.0f" y="%.1f" text-anchor="end">%.0f</text>`+"\n",
			plotLeft, plotRight, f.y(v), f.y(v), plotLeft-6, f.y(v)+4, v)
	}
	for s := 0.0; s <= f.span; s += f.span / 8 {
		at := start.Add(time.Duration(s) * time.Second)
		fmt.Fprintf(b, `<text class="ink" x="%.1f" y="%.0f" text-anchor="middle">%s</text>`+"\n", f.x(at), plotBottom+18, clock(at, f.span > 25*3600, false))
	}
}

func (f frame) curves(b *bytes.Buffer, p Policy, step time.Duration, kept []int) {
	at := func(i int) float64 { return f.x(f.start.Add(time.Duration(i) * step)) }
	fmt.Fprintf(b, `<path class="demand" d="M%.1f %.1f`, plotLeft, plotBottom)
	for _, i := range kept {
		fmt.Fprintf(b, "L%.1f %.1f", at(i), f.y(p.Samples[i].Demand))
	}
	fmt.Fprintf(b, `V%.1fZ"/>`+"\n", plotBottom)
	steps := func(class, style string, count func(Sample) int) {
		fmt.Fprintf(b, `<path class="%s" fill="none" %s d="M%.1f %.1f`, class, style, plotLeft, f.y(float64(count(p.Samples[0]))))
		last := count(p.Samples[0])
		for _, i := range kept {
			if n := count(p.Samples[i]); n != last || i == len(p.Samples)-1 {
				fmt.Fprintf(b, "H%.1fV%.1f", at(i), f.y(float64(n)))
				last = n
			}
		}
		fmt.Fprintln(b, `"/>`)
	}
	steps("running", `stroke-width="2"`, running)
	steps("desired", `stroke-width="1.5" stroke-dasharray="5 3"`, desired)
	for _, d := range foremost(p.Decisions, pictured) {
		x, y := f.x(d.At), f.y(float64(d.Desired))
		if d.Desired < d.Before {
			fmt.Fprintf(b, `<path class="in" d="M%.1f %.1fl-4 -7h8z"/>`+"\n", x, y+10)
			continue
		}
		fmt.Fprintf(b, `<path class="out" d="M%.1f %.1fl-4 7h8z"/>`+"\n", x, y-10)
	}
}

func (f frame) legend(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, `<text class="ink" x="%.0f" y="22" font-weight="600">%s</text>`+"\n", plotLeft, html.EscapeString(name))
	x := plotRight - 520
	for _, l := range []struct {
		mark  string
		words string
		width float64
	}{
		{`<rect class="demand" x="%.0f" y="13" width="18" height="10"/>`, "demand in tasks", 140},
		{`<line class="running" x1="%.0f" x2="%.0f" y1="18" y2="18" stroke-width="2"/>`, "running", 84},
		{`<line class="desired" x1="%.0f" x2="%.0f" y1="18" y2="18" stroke-width="1.5" stroke-dasharray="5 3"/>`, "desired", 84},
		{`<path class="out" d="M%.0f 13l-4 7h8z"/>`, "scale out", 96},
		{`<path class="in" d="M%.0f 20l-4 -7h8z"/>`, "scale in", 0},
	} {
		from := x
		switch l.words {
		case "running", "desired":
			fmt.Fprintf(b, l.mark, from, from+18)
		case "demand in tasks":
			fmt.Fprintf(b, l.mark, from)
		default:
			fmt.Fprintf(b, l.mark, from+9)
		}
		fmt.Fprintf(b, `<text class="ink" x="%.0f" y="22">%s</text>`+"\n", from+24, l.words)
		x += l.width
	}
}
