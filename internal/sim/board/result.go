package board

import (
	"context"
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Result is the board with what follows from it, for JSON.
type Result struct {
	Board
	Ranks []Rank `json:"ranks"`
	Bars  []Bar  `json:"bars"`
}

// Result gives the board with the ranks and bars of every start.
func (b Board) Result() Result {
	r := Result{Board: b}
	for _, s := range b.starts() {
		r.Ranks, r.Bars = append(r.Ranks, b.Ranks(s)...), append(r.Bars, b.Bars(s)...)
	}
	return r
}

// Played is a shown run, for JSON.
type Played struct {
	Name string  `json:"name"`
	Knob string  `json:"knob"`
	At   float64 `json:"at"` // the value of the knob
	score.Score
}

// Runs gives shown runs for JSON.
func Runs(shows []Show) []Played {
	out := make([]Played, 0, len(shows))
	for _, s := range shows {
		out = append(out, Played{Name: s.Contestant.Name, Knob: s.Contestant.Knob, At: s.Knob, Score: s.Result.Score})
	}
	return out
}

// Table gives the marks of every run, the chosen points' request by request with their seeds.
func (b Board) Table() score.Table {
	t := score.Table{Keys: []string{"start", "trace", "policy", "knob", "requests", "seed"}}
	for _, e := range b.Entries {
		for i, s := range e.Scores {
			t.Rows = append(t.Rows, score.Row{Names: e.names(e.Curve[i].Knob, "fluid", b.Seed), Score: s})
		}
		if e.Requests == nil {
			continue
		}
		for n, s := range e.Requests.Scores {
			t.Rows = append(t.Rows, score.Row{Names: e.names(e.Requests.Knob, "single", b.Seed+uint64(n)), Score: s})
		}
	}
	return t
}

func (e Entry) names(knob float64, requests string, seed uint64) []string {
	return []string{string(e.Start), e.Trace, e.Policy, fmt.Sprintf("%g", knob), requests, fmt.Sprint(seed)}
}

// Report plays one run of Trimtab and one of target tracking on every course of the first
// start again, to show them, and gives the page.
func (b Board) Report(ctx context.Context, o Options, f Facts) (report.Page, error) {
	var ks []trial.Contestant
	for _, k := range o.Contestants {
		if k.Name == Rivals()[0].Ours || k.Name == Rivals()[0].Theirs {
			ks = append(ks, k)
		}
	}
	var traces []report.Trace
	for _, c := range o.Courses {
		if len(ks) == 0 {
			break
		}
		shows, err := Play(ctx, c, ks, trial.Setup{Start: o.Starts[0], Seed: o.Seed}, nil)
		if err != nil {
			return report.Page{}, err
		}
		t, err := Trace(c, o.Starts[0], shows)
		if err != nil {
			return report.Page{}, err
		}
		traces = append(traces, t)
	}
	return b.Whole(o.Courses, traces, f), nil
}
