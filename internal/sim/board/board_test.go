package board_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

var update = flag.Bool("update", false, "write the expected tables and marks anew")

// course is an hour and more in which the load doubles for a while, later for another name.
func course(tb testing.TB, name string, rise int) *trial.Course {
	tb.Helper()
	var starts []int
	var rates []float64
	for minute := range 70 {
		rate := 30.0
		if minute >= rise && minute < rise+20 {
			rate = 60
		}
		starts, rates = append(starts, 60*minute), append(rates, rate)
	}
	t, err := trace.New(name, starts, rates)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := trial.NewCourse(t, 8, trial.Requests())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func options(tb testing.TB) board.Options {
	tb.Helper()
	ks, err := trial.Named("trimtab,aas,static")
	if err != nil {
		tb.Fatal(err)
	}
	for i := range ks {
		ks[i].Sweep = []float64{ks[i].Sweep[0], ks[i].Default, ks[i].Sweep[len(ks[i].Sweep)-1]}
	}
	return board.Options{
		Courses: []*trial.Course{course(tb, "early", 20), course(tb, "late", 40)}, Contestants: ks,
		Starts: []trial.Start{trial.Fargate, trial.EC2Cold}, Seed: 5, Seeds: 2, Discrete: []string{"trimtab", "static"}, Workers: 2,
	}
}

func played(tb testing.TB, o board.Options) board.Board {
	tb.Helper()
	b, err := board.Run(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// The workers change nothing: not the marks, not their order, not the files.
func TestWorkersChangeNothing(t *testing.T) {
	t.Parallel()
	o := options(t)
	one, many := o, o
	one.Workers, many.Workers = 1, 5
	a, b := played(t, one), played(t, many)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("five workers give another board than one (-one +five):\n%s", diff)
	}
	if !bytes.Equal(written(t, a), written(t, b)) {
		t.Error("five workers write other files than one")
	}
}

// written gives everything that a board writes.
func written(t *testing.T, b board.Board) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, err := range []error{b.Table().CSV(&out), b.Table().JSON(&out), b.Markdown(&out), json.NewEncoder(&out).Encode(b.Result())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// A board holds an entry for each start, trace and policy in the order asked for, with a
// point for each value of the knob, and the chosen points request by request.
func TestBoardHoldsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	o := options(t)
	var told []float64
	o.Progress = func(done, all float64) { told = append(told, done/all) }
	b := played(t, o)
	i := 0
	for _, s := range o.Starts {
		for _, c := range o.Courses {
			for _, k := range o.Contestants {
				e := b.Entries[i]
				i++
				if e.Start != s || e.Trace != c.Name || e.Policy != k.Name || len(e.Curve) != len(k.Sweep) || len(e.Scores) != len(k.Sweep) || e.Default != slices.Index(k.Sweep, k.Beside(o.Contestants[0])) {
					t.Fatalf("entry %d is %s, %s, %s with %d points", i, e.Start, e.Trace, e.Policy, len(e.Curve))
				}
				for n, p := range e.Curve {
					if p.Knob != k.Sweep[n] || p.Cost != e.Scores[n].DollarsPerOracle || p.Violation != e.Scores[n].ViolationPercent {
						t.Errorf("%s on %s (%s): point %+v beside score %+v", k.Name, c.Name, s, p, e.Scores[n])
					}
				}
				chosen := k.Name != "aas"
				if (e.Requests != nil) != chosen || chosen && (len(e.Requests.Scores) != 2 || len(e.Requests.Marks) < len(score.Fields())/2) {
					t.Errorf("%s on %s (%s) was played request by request: %+v", k.Name, c.Name, s, e.Requests)
				}
			}
		}
	}
	if rows := len(b.Table().Rows); i != len(b.Entries) || rows != 12*3+8*2 {
		t.Errorf("%d entries and %d rows, want %d and %d", len(b.Entries), rows, i, 12*3+8*2)
	}
	if n := len(told); n != 36+16 || math.Abs(told[n-1]-1) > 1e-12 {
		t.Errorf("progress was told %d times, the last %v of the work", n, told[len(told)-1])
	}
	for i, x := range told[1:] {
		if x < told[i] {
			t.Errorf("progress went from %v back to %v", told[i], x)
		}
	}
}

func TestRunNeedsOneOfEach(t *testing.T) {
	t.Parallel()
	o := options(t)
	for _, change := range []func(*board.Options){
		func(o *board.Options) { o.Courses = nil }, func(o *board.Options) { o.Contestants = nil }, func(o *board.Options) { o.Starts = nil },
	} {
		x := o
		change(&x)
		if _, err := board.Run(t.Context(), x); err == nil || !strings.Contains(err.Error(), "give at least one of each") {
			t.Errorf("it answered %v", err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t)
	o.Progress = func(float64, float64) { cancel() }
	if _, err := board.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("it answered %v", err)
	}
}

// The first run that fails ends the others, and names itself.
func TestFirstFailureEndsTheBoard(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Workers = 1
	bad := trial.Custom("impossible", trial.Policy{Service: spec.Service{Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: "Luck", TargetValue: 60}}}}})
	o.Contestants = append([]trial.Contestant{bad}, o.Contestants...)
	runs := 0
	o.Progress = func(float64, float64) { runs++ }
	_, err := board.Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "impossible on early (fargate, knob 90)") || !strings.Contains(err.Error(), "Luck") || runs > 0 {
		t.Errorf("after %d runs it answered %v", runs, err)
	}
}

// The page of a board and of one course holds its curves, its tables and the runs that it
// shows, and can be rendered.
func TestPages(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Seeds = 0
	b := played(t, o)
	whole, err := b.Report(t.Context(), o, board.Facts{Version: "v1", Notices: []report.Notice{{Name: "notice", Text: "keep me"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Curves) != 2 || len(whole.Tables) != 6 || len(whole.Traces) != 2 || len(whole.Traces[0].Policies) != 2 {
		t.Errorf("%d curves, %d tables, %d traces", len(whole.Curves), len(whole.Tables), len(whole.Traces))
	}
	if p := whole.Traces[1].Policies[0]; p.Name != "trimtab" || len(p.Samples) != 71 || len(p.Decisions) == 0 {
		t.Errorf("%s is shown with %d samples and %d decisions", p.Name, len(p.Samples), len(p.Decisions))
	}
	for _, want := range []string{"On fargate trimtab keeps slow requests to 1 % on 2 of 2 loads, aas on 2", "at equal cost it has", ". On ec2-cold trimtab keeps"} {
		if !strings.Contains(whole.Verdict, want) {
			t.Errorf("the verdict is %q, want %q in it", whole.Verdict, want)
		}
	}
	shows, err := board.Play(t.Context(), o.Courses[0], o.Contestants, trial.Setup{Start: trial.EC2Cold, Seed: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	single, err := b.Single(o.Courses[0], trial.EC2Cold, shows, board.Facts{Version: "v1", Policy: "sha256:0"})
	if err != nil {
		t.Fatal(err)
	}
	if cell := single.Tables[0].Rows[0].Cells[4]; single.Tables[0].Columns[4].Name != "instance-hours" || cell.Text == "0.0" {
		t.Errorf("the column %s has %s", single.Tables[0].Columns[4].Name, cell.Text)
	}
	for _, p := range []report.Page{whole, single} {
		var html bytes.Buffer
		if err := report.HTML(&html, p); err != nil {
			t.Fatalf("%s: %v", p.Title, err)
		}
		if !strings.Contains(html.String(), p.Verdict[:20]) {
			t.Errorf("the page %q lacks its verdict", p.Title)
		}
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	for hours, want := range map[int]time.Duration{1: time.Minute, 35: time.Minute, 36: 2 * time.Minute, 14 * 24: 10 * time.Minute} {
		if got := board.Step(&trial.Course{Load: make([]float64, hours*3600)}); got != want {
			t.Errorf("%d hours are sampled each %s, want %s", hours, got, want)
		}
	}
}

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
