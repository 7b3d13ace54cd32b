// Package report gives a simulated day as one HTML file that needs nothing
// else: no network, no server, and for its facts neither colour nor script.
package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// Page is what a report shows.
type Page struct {
	Title   string
	Verdict string // one sentence
	Load    string // what was replayed, in words
	Start   time.Time
	Step    time.Duration // from one sample to the next, whole seconds
	// Policies are compared in their order. The decisions of the first are
	// marked in its chart and listed.
	Policies    []Policy
	Assumptions []string
	Facts       []Fact
	Notices     []Notice
}

// Policy is one policy's day.
type Policy struct {
	Name      string
	Note      string // how it is set, in words
	Score     Score
	Samples   []Sample // at Start and after each Step
	Decisions []Decision
}

// Sample is what was true at one instant.
type Sample struct {
	Demand  float64 // tasks that the load keeps busy
	Desired int
	Running int
}

// Decision is one order with its reason.
type Decision struct {
	At      time.Time
	Before  int
	Desired int
	Rule    string
	Because string
}

// Fact is one line of how the report came about.
type Fact struct {
	Name, Value string
}

// Notice is a licence text that must go with the report.
type Notice struct {
	Name, Text string
}

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

// Clock gives the time of day of the decision.
func (d Decision) Clock() string { return d.At.UTC().Format(time.TimeOnly) }

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

// HTML writes the page. The same page gives the same bytes.
func HTML(w io.Writer, p Page) error {
	return render(w, p, library{script: plotScript, style: plotStyle, license: plotLicense})
}

// chartData is what the script reads.
type chartData struct {
	Start    int64         `json:"start"` // Unix seconds
	Step     int64         `json:"step"`  // seconds
	Policies []chartPolicy `json:"policies"`
}

type chartPolicy struct {
	Name    string      `json:"name"`
	Demand  []float64   `json:"demand"`
	Desired []int       `json:"desired"`
	Running []int       `json:"running"`
	Marks   []chartMark `json:"marks"`
}

type chartMark struct {
	At      int64  `json:"at"` // Unix seconds
	Clock   string `json:"clock"`
	Before  int    `json:"before"`
	Desired int    `json:"desired"`
	Rule    string `json:"rule"`
	Because string `json:"because"`
}

func render(w io.Writer, p Page, lib library) error {
	if len(p.Policies) == 0 || p.Step < time.Second {
		return fmt.Errorf("write report: %d policies at a step of %s: at least one and 1s are needed", len(p.Policies), p.Step)
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"hours": hours, "percent": percent, "duration": duration, "inc": func(i int) int { return i + 1 },
	}).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read report template: %w", err)
	}
	var picture bytes.Buffer
	if err := Picture(&picture, p); err != nil {
		return fmt.Errorf("draw report picture: %w", err)
	}
	p.Notices = append(slices.Clip(p.Notices), Notice{Name: "uPlot 1.6.32, which draws the charts", Text: lib.license})
	view := struct {
		Page
		Main             Policy
		Data             chartData
		Style, PlotStyle template.CSS
		Plot, Script     template.JS
	}{
		Page: p, Main: p.Policies[0], Data: data(p), Style: styleSource, PlotStyle: lib.style, Plot: lib.script, Script: scriptSource,
	}
	// The picture goes in as it is, between the two halves: Picture escapes what
	// it writes.
	errTop := t.ExecuteTemplate(w, "top", view)
	_, errPicture := picture.WriteTo(w)
	if err := errors.Join(errTop, errPicture, t.ExecuteTemplate(w, "bottom", view)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func data(p Page) chartData {
	d := chartData{Start: p.Start.Unix(), Step: int64(p.Step / time.Second)}
	for _, v := range p.Policies {
		c := chartPolicy{Name: v.Name, Demand: []float64{}, Desired: []int{}, Running: []int{}, Marks: []chartMark{}}
		for _, s := range v.Samples {
			c.Demand = append(c.Demand, math.Round(s.Demand*100)/100)
			c.Desired, c.Running = append(c.Desired, s.Desired), append(c.Running, s.Running)
		}
		for _, x := range v.Decisions {
			c.Marks = append(c.Marks, chartMark{x.At.Unix(), x.Clock(), x.Before, x.Desired, x.Rule, x.Because})
		}
		d.Policies = append(d.Policies, c)
	}
	return d
}

func hours(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// percent gives a share in percent with as many digits as say something.
func percent(v float64) string {
	digits := 2
	if v > 0 && v < 0.0001 {
		digits = 4
	}
	return strconv.FormatFloat(100*v, 'f', digits, 64) + " %"
}

// duration gives seconds as people read them.
func duration(seconds int) string {
	if seconds < 120 {
		return strconv.Itoa(seconds) + " s"
	}
	return strconv.Itoa(seconds/60) + " min " + strconv.Itoa(seconds%60) + " s"
}
