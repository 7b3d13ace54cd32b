package report

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func start() time.Time { return time.Date(1998, 6, 23, 0, 0, 0, 0, time.UTC) }

// small is a page with everything that could break out of its place.
func small() Page {
	samples := make([]Sample, 0, 61)
	for i := range 61 {
		samples = append(samples, Sample{Demand: 10 + 5*math.Sin(float64(i)/9), Desired: 20 + i/30, Running: 20 + max(0, i-1)/30})
	}
	return Page{
		Title: "One <day> & three policies", Verdict: "Ours won; </title><script>alert(1)</script> did not.",
		Intro: "A load with \"quotes\"",
		Curves: []Curve{{
			Title: "Cost <against> violations", Note: "Two policies.", X: "cost relative to the oracle", Y: "requests violated, %",
			Levels: []float64{1, 0.1}, Oracle: 1,
			Series: []Series{
				{Name: "Trimtab", Points: []Point{{X: 1.2, Y: 2, Knob: "target 80 %"}, {X: 1.5, Y: 0.2, Knob: "target 60 %", Default: true}, {X: 2.5, Knob: "target 30 %"}}},
				{Name: "Static </script>", Points: []Point{{X: 3.5, Y: 0.0002, Knob: "1 < 2"}, {X: math.NaN(), Y: 1, Knob: "lost"}}},
			},
		}},
		Traces: []Trace{{Name: "The <day>", Start: start(), Step: time.Minute, Policies: []Policy{
			{
				Name: "Trimtab", Note: "defaults <b>", Samples: samples,
				Decisions: []Decision{
					{
						At: start().Add(30 * time.Minute), Before: 20, Desired: 21, Rule: "TargetTracking", Because: "a demand of 1 < 2 & \"3\" </script><img src=x onerror=alert(1)>",
						Inputs: []Fact{{"seen", "<b>63 %"}}, Otherwise: []string{"if <b> were 14"},
						Clauses: []Clause{
							{Rule: "TargetTracking", Before: 20, After: 24, Because: "a demand of 1 < 2"},
							{Rule: "ScaleOutRateLimit", Before: 24, After: 21, Because: "at most <b>", Binding: true},
						},
					},
					{At: start().Add(45 * time.Minute), Before: 21, Desired: 20, Rule: "StabilizationWindow", Because: "the highest of the last 15m is 20"},
				},
			},
			{Name: "Static </script>", Samples: samples},
		}}},
		Tables: []Table{{
			Caption: "Scores", Note: "Of <one> day.",
			Columns: []Column{{Name: "task-hours", Better: Less}, {Name: "demand", Unit: "tasks"}, {Name: "unserved", Better: Less}},
			Rows: []Row{
				{Name: "Trimtab", Note: "defaults <b>", Cells: []Cell{Number(20.25, 1), Number(3, 0), Percent(0.00001)}},
				{Name: "Static </script>", Cells: []Cell{Number(44, 1), Seconds(130), Words("never")}},
				{Name: "Oracle", Bound: true, Cells: []Cell{Number(10, 1), Seconds(7), Percent(0)}},
			},
		}},
		Assumptions: []string{"Tasks start late."}, Facts: []Fact{{"seed", "1"}},
		Notices: []Notice{{Name: "Data", Text: "Copyright (C) <someone>"}},
	}
}

// fortnight is a page as large as they come: 14 days by the minute, five
// policies, the first with a decision every ten minutes.
func fortnight() Page {
	p := Page{Title: "Fourteen days", Verdict: "Ours cost least.", Intro: "A load of two weeks."}
	t := Trace{Name: "steady", Start: start(), Step: time.Minute}
	const n = 14*24*60 + 1
	for k := range 5 {
		pol := Policy{Name: fmt.Sprintf("policy %d", k), Note: "its default"}
		for i := range n {
			at := float64(i) / 1440
			noise := math.Abs(math.Sin(float64(i)*12.9898) * 43758.5453)
			demand := 12 + 8*math.Sin(2*math.Pi*at) + 2*(noise-math.Floor(noise))
			if i > 9000 && i < 9020 {
				demand *= 3
			}
			count := int(demand*1.4) + k
			pol.Samples = append(pol.Samples, Sample{Demand: demand, Desired: count, Running: count - i%2, Instances: count / 4})
			if k == 0 && i > 0 && i%10 == 0 {
				pol.Decisions = append(pol.Decisions, Decision{
					At: t.Start.Add(time.Duration(i) * time.Minute), Before: pol.Samples[i-1].Desired, Desired: count, Rule: "TargetTracking",
					Because: "ECSServiceAverageCPUUtilization: a demand of 316.9 % (63.38 % on each of 5 tasks) needs 5.28 tasks at 60 % each",
					Inputs:  []Fact{{"desired, running", "5, 5"}, {"bounds", "2 to 60"}},
					Clauses: []Clause{
						{Rule: "TargetTracking", Before: 5, After: 6, Because: "a demand of 316.9 % (63.38 % on each of 5 tasks) needs 5.28 tasks at 60 % each"},
						{Rule: "StabilizationWindow", Before: 6, After: 7, Because: "the highest recommendation of the last 15m is 21", Binding: true},
					},
				})
			}
		}
		t.Policies = append(t.Policies, pol)
	}
	p.Traces = []Trace{t}
	return p
}

func write(t *testing.T, p Page, lib library) string {
	t.Helper()
	var b bytes.Buffer
	if err := render(&b, p, lib); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs; if that is meant, run the test with -update (-want +got):\n%s", name, d)
	}
}

// The style and the script are left out: who reads the difference wants the page.
func TestGoldenPage(t *testing.T) {
	t.Parallel()
	page := write(t, small(), library{script: "/* plot */", style: "/* plot style */", license: "MIT"})
	page = strings.Replace(page, string(styleSource), "/* report.css */", 1)
	golden(t, "page.html", strings.Replace(page, string(scriptSource), "/* report.js */", 1))
}

func TestGoldenPicture(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Picture(&b, small().Traces[0]); err != nil {
		t.Fatal(err)
	}
	golden(t, "picture.svg", b.String())
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	two := []Policy{{Samples: make([]Sample, 2)}}
	for name, p := range map[string]Page{
		"nothing":          {},
		"no policies":      {Traces: []Trace{{Step: time.Minute}}},
		"no step":          {Traces: []Trace{{Policies: two}}},
		"half a second":    {Traces: []Trace{{Policies: two, Step: time.Second / 2}}},
		"one sample":       {Traces: []Trace{{Step: time.Minute, Policies: []Policy{{Samples: make([]Sample, 1)}}}}},
		"unequal samples":  {Traces: []Trace{{Step: time.Minute, Policies: append(two, Policy{Samples: make([]Sample, 3)})}}},
		"a cell too many":  {Tables: []Table{{Rows: []Row{{Cells: make([]Cell, 1)}}}}},
		"the second trace": {Traces: []Trace{{Step: time.Minute, Policies: two}, {}}},
	} {
		var b bytes.Buffer
		if err := HTML(&b, p); err == nil || b.Len() > 0 {
			t.Errorf("%s was taken: %d bytes, error %v", name, b.Len(), err)
		}
	}
	if err := HTML(&bytes.Buffer{}, Page{Curves: []Curve{{}}}); err != nil {
		t.Errorf("a curve without series: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriterFails(t *testing.T) {
	t.Parallel()
	if HTML(full{}, small()) == nil || Picture(full{}, small().Traces[0]) == nil {
		t.Error("a writer that refuses was not noticed")
	}
}
