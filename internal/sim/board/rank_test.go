package board_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// entry gives one with points of knob, violations in percent and cost.
func entry(trace, policy string, points ...[3]float64) board.Entry {
	e := board.Entry{Start: trial.Fargate, Trace: trace, Policy: policy, Knob: "target value, percent CPU", Default: 1}
	for _, p := range points {
		e.Curve = append(e.Curve, score.Point{Knob: p[0], Violation: p[1], Cost: p[2]})
		e.Scores = append(e.Scores, score.Score{ViolationPercent: p[1], DollarsPerOracle: p[2], Outs: 30, Ins: 10, ReversalsWithin15Min: 2, ActionsPerHour: 2})
	}
	return e
}

// small is a board by hand: ours meets both objectives on one trace and the looser on the
// other, theirs the looser on one.
func small() board.Board {
	return board.Board{Seed: 1, Tasks: 20, Entries: []board.Entry{
		entry("calm", "theirs", [3]float64{90, 8, 1.1}, [3]float64{60, 1, 2}, [3]float64{30, 0.5, 3}),
		entry("calm", "ours", [3]float64{90, 10, 1.2}, [3]float64{60, 0.1, 1.8}, [3]float64{30, 0, 2.5}),
		entry("wild", "theirs", [3]float64{90, 30, 1.1}, [3]float64{60, 20, 2}, [3]float64{30, 20, 4}),
		entry("wild", "ours", [3]float64{90, 10, 1.5}, [3]float64{60, 1, 3.2}, [3]float64{30, 0.9, 5}),
	}}
}

func TestRanks(t *testing.T) {
	t.Parallel()
	got := small().Ranks(trial.Fargate)
	// On calm ours costs 1.5 at 1 %: half way from 10 % to 0.1 % in the logarithm.
	want := []board.Rank{
		{Start: trial.Fargate, Policy: "ours", At: []score.Mean{{OverReached: math.Sqrt(1.5 * 3.2), Reached: 2}, {OverReached: 1.8, Reached: 1, Never: 1}}, Beside: board.Beside{Times: 0.75, Traces: 1}},
		{Start: trial.Fargate, Policy: "theirs", At: []score.Mean{{OverReached: 2, Reached: 1, Never: 1}, {Never: 2}}, Beside: board.Beside{Times: 1, Traces: 1}},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if more := small().Ranks(trial.EC2Cold); len(more) != 2 || more[0].At[0].Reached != 0 {
		t.Errorf("a start that was not played has ranks %+v", more)
	}
}

// Ours is compared at the cost of each point that theirs would choose and that violates
// anything to speak of.
func TestGain(t *testing.T) {
	t.Parallel()
	of := func(b board.Board, trace, policy string) score.Curve {
		e, ok := b.Find(trial.Fargate, trace, policy)
		if !ok {
			t.Fatalf("no %s on %s", policy, trace)
		}
		return e.Curve
	}
	none := board.Board{Entries: []board.Entry{entry("t", "ours", [3]float64{60, 0, 2}), entry("t", "theirs", [3]float64{60, 0.0002, 2})}}
	for name, tc := range map[string]struct {
		b     board.Board
		trace string
		want  float64 // 0 for not known
	}{
		// At 2, 0.0268 % for 1 %, and at 3, 0.001 % for 0.5 %; 1.1 is below all of ours.
		"calm": {small(), "calm", math.Sqrt(0.02683 * 0.002)},
		// At 2, 5.08 % for 20 %; 4 for 20 % is nobody's choice.
		"wild":    {small(), "wild", 0.25401},
		"nothing": {none, "t", 0},
	} {
		got, ok := board.Gain(of(tc.b, tc.trace, "ours"), of(tc.b, tc.trace, "theirs"))
		if ok != (tc.want > 0) || math.Abs(got-tc.want) > 1e-3*tc.want {
			t.Errorf("%s: %v, %v; want %v", name, got, ok, tc.want)
		}
	}
}

func TestBars(t *testing.T) {
	t.Parallel()
	b := small()
	for i := range b.Entries {
		b.Entries[i].Policy = map[string]string{"ours": "trimtab", "theirs": "aas"}[b.Entries[i].Policy]
	}
	bars := b.Bars(trial.Fargate)
	if len(bars) != 2 || bars[0].Trace != "calm" || !bars[0].Known || math.Abs(bars[1].Times-0.254) > 1e-3 {
		t.Errorf("bars are %+v", bars)
	}
	// 2 reversals in 40 actions at 2 an hour: 2.4 a day.
	if x := bars[0]; x.Actions != 2 || math.Abs(x.Reversals-2.4) > 1e-9 || x.TheirActions != 2 {
		t.Errorf("churn is %+v", x)
	}
	if more := b.Bars(trial.EC2Cold); len(more) != 0 {
		t.Errorf("a start that was not played has bars %+v", more)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	b := small()
	if e, ok := b.Find(trial.Fargate, "wild", "ours"); !ok || e.At(1) != 3.2 || !math.IsInf(e.At(0.1), 1) {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := b.Find(trial.EC2Cold, "wild", "ours"); ok {
		t.Error("found what was not played")
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := small().Markdown(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "small.md", out.String())
}
