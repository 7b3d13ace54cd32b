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
// time or a few together: what the defaults are chosen from.
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
		{"window 5m", []change{window(5)}},
		{"window 10m", []change{window(10)}},
		{"window 20m", []change{window(20)}},
		{"budget 50%", []change{budget(50)}},
		{"rate 25%, budget 50%", []change{rate(25), budget(50)}},
		{"window 10m, rate 25%, budget 50%", []change{window(10), rate(25), budget(50)}},
		{"window 5m, rate 25%, budget 50%", []change{window(5), rate(25), budget(50)}},
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

// Fold is one trace on which the candidate that is best on all others is judged.
type Fold struct {
	Start  trial.Start `json:"start"`
	Trace  string      `json:"trace"` // held out
	Chosen string      `json:"chosen"`
	// Times is how many times as many requests violate the objective under the chosen
	// candidate as under the defaults, at equal cost, on the trace held out.
	Times float64 `json:"timesDefaults"`
}

// Tuning is the judgement of candidates for the defaults.
type Tuning struct {
	// Means are each candidate's violations at equal cost over the defaults', the
	// geometric mean over the traces, by candidate in their order.
	Means []CandidateMean `json:"means"`
	Folds []Fold          `json:"folds"`
	// HeldOut is the geometric mean of the folds: what tuning is worth on a trace that it
	// has not seen. Above 1 it does harm.
	HeldOut float64 `json:"heldOutTimesDefaults"`
}

// CandidateMean is one candidate's mean.
type CandidateMean struct {
	Name   string  `json:"name"`
	Times  float64 `json:"timesDefaults"`
	Traces int     `json:"traces"` // that tell it from the defaults
}

// Tune plays the candidates and judges them by cross-validation over the traces: for each
// trace the candidate is chosen that is best on the others. The first candidate is the
// defaults.
func Tune(ctx context.Context, o Options) (Tuning, error) {
	b, err := Run(ctx, o)
	if err != nil {
		return Tuning{}, fmt.Errorf("tune: %w", err)
	}
	return b.tuning(o.Starts[0]), nil
}

func (b Board) tuning(start trial.Start) Tuning {
	names, traces := b.policies(), b.Traces()
	logs := map[string][]float64{} // by candidate, NaN for a trace that says nothing
	for _, name := range names {
		for _, t := range traces {
			e, _ := b.Find(start, t, name)
			d, _ := b.Find(start, t, names[0])
			times, ok := Gain(e.Curve, d.Curve)
			if !ok {
				times = math.NaN()
			}
			logs[name] = append(logs[name], math.Log(times))
		}
	}
	var out Tuning
	for _, name := range names {
		m, n := meanLog(logs[name], -1)
		out.Means = append(out.Means, CandidateMean{Name: name, Times: math.Exp(m), Traces: n})
	}
	sum, n := 0.0, 0
	for i, t := range traces {
		best := slices.MinFunc(names, func(a, b string) int {
			x, _ := meanLog(logs[a], i)
			y, _ := meanLog(logs[b], i)
			return cmp.Compare(x, y)
		})
		if v := logs[best][i]; !math.IsNaN(v) {
			out.Folds = append(out.Folds, Fold{Start: start, Trace: t, Chosen: best, Times: math.Exp(v)})
			sum += v
			n++
		}
	}
	if n > 0 {
		out.HeldOut = math.Exp(sum / float64(n))
	}
	return out
}

// meanLog is the mean without one index and without what is NaN.
func meanLog(v []float64, without int) (mean float64, n int) {
	sum := 0.0
	for i, x := range v {
		if i != without && !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	if n == 0 {
		return math.Inf(1), 0
	}
	return sum / float64(n), n
}
