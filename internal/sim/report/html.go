package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"
)

//go:embed assets/page.html.tmpl
var pageSource string

//go:embed assets/report.css
var styleSource template.CSS

//go:embed assets/report.js
var scriptSource template.JS

//go:embed assets/uPlot-1.6.32.iife.min.js
var plotScript template.JS

//go:embed assets/uPlot-1.6.32.min.css
var plotStyle template.CSS

//go:embed assets/uPlot-LICENSE.txt
var plotLicense string

// library is the charting library as it goes into the page.
type library struct {
	script  template.JS
	style   template.CSS
	license string
}

// view is the page as the template shows it.
type view struct {
	Page
	Curves           []curveView
	Traces           []traceView
	Tables           []tableView
	Data             []chartTrace
	Style, PlotStyle template.CSS
	Plot, Script     template.JS
}

// Hosted says whether any policy has instances to draw.
func (v view) Hosted() bool {
	for _, t := range v.Data {
		for _, p := range t.Policies {
			if len(p.Instances) > 0 {
				return true
			}
		}
	}
	return false
}

// HTML writes the page. The same page gives the same bytes.
func HTML(w io.Writer, p Page) error {
	return render(w, p, library{script: plotScript, style: plotStyle, license: plotLicense})
}

func render(w io.Writer, p Page, lib library) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read report template: %w", err)
	}
	p.Notices = append(slices.Clip(p.Notices), Notice{Name: "uPlot 1.6.32, which draws the charts", Text: lib.license})
	v := view{Page: p, Data: []chartTrace{}, Style: styleSource, PlotStyle: lib.style, Plot: lib.script, Script: scriptSource}
	for i, c := range p.Curves {
		v.Curves = append(v.Curves, newCurveView(c, i))
	}
	listed := quota(p.Traces)
	for i, tr := range p.Traces {
		tv, data := newTraceView(tr, i, len(p.Traces), listed)
		v.Traces, v.Data = append(v.Traces, tv), append(v.Data, data)
	}
	for i, tb := range p.Tables {
		v.Tables = append(v.Tables, newTableView(tb, i))
	}
	var picture bytes.Buffer
	if len(p.Traces) > 0 {
		if err := Picture(&picture, p.Traces[0]); err != nil {
			return err
		}
	}
	// The picture goes in as it is, between the two halves: Picture escapes what
	// it writes.
	errTop := t.ExecuteTemplate(w, "top", v)
	_, errPicture := picture.WriteTo(w)
	if err := errors.Join(errTop, errPicture, t.ExecuteTemplate(w, "bottom", v)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// check says what of a page cannot be shown.
func (p Page) check() error {
	if len(p.Traces)+len(p.Curves)+len(p.Tables) == 0 {
		return errors.New("the page has neither curves nor traces nor tables")
	}
	var problems []error
	for _, t := range p.Traces {
		problems = append(problems, t.check())
	}
	for _, t := range p.Tables {
		for _, r := range t.Rows {
			if len(r.Cells) != len(t.Columns) {
				problems = append(problems, fmt.Errorf("table %q: row %q has %d cells for %d columns", t.Caption, r.Name, len(r.Cells), len(t.Columns)))
			}
		}
	}
	return errors.Join(problems...)
}

func (t Trace) check() error {
	if t.Step < time.Second || t.Step%time.Second != 0 {
		return fmt.Errorf("trace %q has a step of %s: whole seconds are needed", t.Name, t.Step)
	}
	if len(t.Policies) == 0 {
		return fmt.Errorf("trace %q has no policies", t.Name)
	}
	n := len(t.Policies[0].Samples)
	for _, p := range t.Policies {
		if len(p.Samples) < 2 || len(p.Samples) != n {
			return fmt.Errorf("trace %q: %q has %d samples and the first policy %d: all need the same number, at least 2", t.Name, p.Name, len(p.Samples), n)
		}
	}
	return nil
}
