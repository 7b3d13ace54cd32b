package board

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Candidates gives Trimtab with its defaults, first, and with one of them changed at a
// time or a few together: what the defaults are chosen from. The first after them were
// the defaults before this scoreboard, see ADR 23.
func Candidates() []trial.Contestant {
	minutes := func(n int) *spec.Duration { return new(spec.Duration(time.Duration(n) * time.Minute)) }
	percent := func(p float64, minutes int) []spec.RateLimit {
		return []spec.RateLimit{{Percent: p, Period: spec.Duration(time.Duration(minutes) * time.Minute)}}
	}
	share := func(v float64) *spec.Percent { return new(spec.Percent(v)) }
	type change = func(*spec.Service)
	window := func(n int) change { return func(s *spec.Service) { s.ScaleIn.StabilizationWindow = minutes(n) } }
	rate := func(p float64) change { return func(s *spec.Service) { s.ScaleIn.RateLimits = percent(p, 1) } }
	budget := func(p float64) change { return func(s *spec.Service) { s.ScaleIn.RemovalBudget = percent(p, 15) } }
	var out []trial.Contestant
	for _, c := range []struct {
		name string
		do   []change
	}{
		{"defaults", nil},
		{"window 15m, rate 10%, budget 25%", []change{window(15), rate(10), budget(25)}},
		{"window 10m, rate 10%, budget 25%", []change{window(10), rate(10), budget(25)}},
		{"window 10m, rate 50%, budget 50%", []change{rate(50)}},
		{"window 10m, rate 50%, budget 75%", []change{rate(50), budget(75)}},
		{"window 10m, no limits", []change{rate(100), budget(100)}},
		{"window 15m, no limits", []change{window(15), rate(100), budget(100)}},
		{"window 5m", []change{window(5)}},
		{"window 15m", []change{window(15)}},
		{"window 20m", []change{window(20)}},
		{"budget 25%", []change{budget(25)}},
		{"in tolerance 5%", []change{func(s *spec.Service) { s.ScaleIn.Tolerance = share(0.05) }}},
		{"out tolerance 0%", []change{func(s *spec.Service) { s.ScaleOut.Tolerance = share(0) }}},
		{"no history floor", []change{func(s *spec.Service) { s.ScaleIn.HistoryFloor = share(0) }}},
	} {
		s := spec.Service{Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}}}
		for _, do := range c.do {
			do(&s)
		}
		out = append(out, trial.Custom(c.name, trial.Policy{Service: s}))
	}
	return out
}

// Gain tells how many times as many requests violate the objective along one curve as
// along another at equal cost: the geometric mean over the points of the other that lie
// within the range of the first and violate it in more than 0.01 %. ok is false where
// there is no such point.
func Gain(of, against score.Curve) (times float64, ok bool) {
	sum, n := 0.0, 0
	for _, p := range against.Envelope() {
		if p.Violation <= noticed {
			continue
		}
		if v, ok := of.ViolationAt(p.Cost); ok {
			sum += math.Log(v / p.Violation)
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return math.Exp(sum / float64(n)), true
}

// noticed is the violation in percent above which a trace tells policies apart.
const noticed = 0.01

// bar is how many times target tracking's violations at equal cost Trimtab may have.
const bar = 0.8

// Loss is how far above the bar a ratio to target tracking is, in the logarithm: what is
// won where there is much to win does not make up for being worse elsewhere, since nobody
// runs the mean of all services.
func Loss(times float64) float64 { return max(0, math.Log(times/bar)) }

// Fold is one trace on which the candidate is judged that is best on all others.
type Fold struct {
	Trace  string `json:"trace"` // held out
	Chosen string `json:"chosen"`
	// Times is how many times as many requests violate the objective under the chosen
	// candidate as under target tracking at equal cost, on the trace held out, and Defaults
	// the same of the first candidate.
	Times    float64 `json:"times"`
	Defaults float64 `json:"defaultsTimes"`
}

// Tuning is the judgement of candidates for the defaults.
type Tuning struct {
	Means []CandidateMean `json:"means"`
	Folds []Fold          `json:"folds"`
	// HeldOut is the mean loss of the folds, and Defaults that of the first candidate on
	// the same traces: tuning is worth what lies between them.
	HeldOut  float64 `json:"heldOutLoss"`
	Defaults float64 `json:"defaultsLoss"`
}

// CandidateMean is how one candidate does beside target tracking.
type CandidateMean struct {
	Name   string  `json:"name"`
	Loss   float64 `json:"loss"`  // mean over the traces
	Times  float64 `json:"times"` // geometric mean
	Missed int     `json:"missed"`
	Traces int     `json:"traces"` // on which target tracking violates the objective noticeably
}

// Tune plays the candidates beside target tracking and judges them by cross-validation
// over the traces: for each trace the candidate is taken whose loss is least on the
// others. The first candidate is the defaults.
func Tune(ctx context.Context, o Options, candidates []trial.Contestant) (Tuning, error) {
	rival, err := trial.Named(Rivals()[0].Theirs)
	if err != nil {
		return Tuning{}, fmt.Errorf("tune: %w", err)
	}
	o.Contestants = slices.Concat(candidates, rival)
	b, err := Run(ctx, o)
	if err != nil {
		return Tuning{}, fmt.Errorf("tune: %w", err)
	}
	return b.tuning(o.Starts[0], rival[0].Name), nil
}

func (b Board) tuning(start trial.Start, rival string) Tuning {
	names := slices.DeleteFunc(b.policies(), func(n string) bool { return n == rival })
	traces := b.Traces()
	times := map[string][]float64{} // by candidate and trace, NaN for a trace that says nothing
	for _, name := range names {
		for _, t := range traces {
			e, _ := b.Find(start, t, name)
			r, _ := b.Find(start, t, rival)
			x, ok := Gain(e.Curve, r.Curve)
			if !ok {
				x = math.NaN()
			}
			times[name] = append(times[name], x)
		}
	}
	var out Tuning
	for _, name := range names {
		loss, _ := averaged(times[name], -1, Loss)
		log, n := averaged(times[name], -1, math.Log)
		missed := 0
		for _, x := range times[name] {
			if x > bar {
				missed++
			}
		}
		out.Means = append(out.Means, CandidateMean{Name: name, Loss: loss, Times: math.Exp(log), Missed: missed, Traces: n})
	}
	var chosen, first []float64
	for i, t := range traces {
		best := slices.MinFunc(names, func(a, b string) int {
			x, _ := averaged(times[a], i, Loss)
			y, _ := averaged(times[b], i, Loss)
			return cmp.Compare(x, y)
		})
		if x, d := times[best][i], times[names[0]][i]; !math.IsNaN(x) && !math.IsNaN(d) {
			out.Folds = append(out.Folds, Fold{Trace: t, Chosen: best, Times: x, Defaults: d})
			chosen, first = append(chosen, x), append(first, d)
		}
	}
	out.HeldOut, _ = averaged(chosen, -1, Loss)
	out.Defaults, _ = averaged(first, -1, Loss)
	return out
}

// averaged is the mean of a function of the values without one index and without NaN.
func averaged(v []float64, without int, f func(float64) float64) (mean float64, n int) {
	sum := 0.0
	for i, x := range v {
		if i != without && !math.IsNaN(x) {
			sum += f(x)
			n++
		}
	}
	if n == 0 {
		return math.Inf(1), 0
	}
	return sum / float64(n), n
}
