package score_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
)

func TestCostAt(t *testing.T) {
	t.Parallel()
	inf, nan := math.Inf(1), math.NaN()
	curve := score.Curve{{Violation: 10, Cost: 4}, {Violation: 0.1, Cost: 10}}
	tests := []struct {
		name  string
		curve score.Curve
		at    float64
		want  float64
		ok    bool
	}{
		{"no point", nil, 1, 0, false},
		{"half way in the logarithm", curve, 1, 7, true},
		{"at a point", curve, 0.1, 10, true},
		{"at the last point", curve, 10, 4, true},
		{"never", curve, 0.099, 0, false},
		{"all are lower: the cheapest", curve, 50, 4, true},
		{"a beaten point does not count", append(slices.Clone(curve), score.Point{Violation: 1, Cost: 12}), 1, 7, true},
		{"nor does one as dear", append(slices.Clone(curve), score.Point{Violation: 1, Cost: 10}), 1, 7, true},
		{"a better one does", append(slices.Clone(curve), score.Point{Violation: 1, Cost: 5}), 1, 5, true},
		{"the cheapest of those without violation", score.Curve{{Violation: 0, Cost: 9}, {Violation: 0.0005, Cost: 8}, {Violation: 10, Cost: 4}}, 0.001, 8, true},
		{"from 0.001 to 0.1 %", score.Curve{{Violation: 0, Cost: 8}, {Violation: 0.1, Cost: 4}}, 0.01, 6, true},
		{"none at all", score.Curve{{Violation: 0.001, Cost: 8}}, 0, 8, true},
		{"a point that is none", score.Curve{{Violation: nan, Cost: 1}, {Violation: 1, Cost: nan}, {Violation: 0.5, Cost: inf}, {Violation: 2, Cost: 3}}, 1, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.curve.CostAt(tt.at)
			if !near(got, tt.want) || ok != tt.ok {
				t.Errorf("got %v, %v; want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestEnvelopeKeepsKnobsAndTheCurve(t *testing.T) {
	t.Parallel()
	curve := score.Curve{{Knob: 3, Violation: 1, Cost: 5}, {Knob: 1, Violation: 0, Cost: 9}, {Knob: 2, Violation: 2, Cost: 6}}
	want := score.Curve{{Knob: 1, Violation: 0.001, Cost: 9}, {Knob: 3, Violation: 1, Cost: 5}}
	if diff := cmp.Diff(want, curve.Envelope()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if curve[0].Knob != 3 || curve[1].Violation != 0 {
		t.Errorf("the curve itself was changed: %v", curve)
	}
}

func TestCostAtFallsWithTheViolation(t *testing.T) {
	t.Parallel()
	point := rapid.Custom(func(t *rapid.T) score.Point {
		return score.Point{Violation: rapid.Float64Range(0, 100).Draw(t, "violation"), Cost: rapid.Float64Range(1, 9).Draw(t, "cost")}
	})
	rapid.Check(t, func(t *rapid.T) {
		curve := score.Curve(rapid.SliceOfN(point, 1, 9).Draw(t, "curve"))
		tight := rapid.Float64Range(0, 100).Draw(t, "tight")
		loose := rapid.Float64Range(tight, 100).Draw(t, "loose")
		a, okA := curve.CostAt(tight)
		b, okB := curve.CostAt(loose)
		if okA && (!okB || b > a+1e-9) {
			t.Fatalf("%v at %v %%, %v (%v) at %v %%", a, tight, b, okB, loose)
		}
		// It reaches whatever a point reaches, at no higher cost than that.
		for _, p := range curve {
			if cost, ok := curve.CostAt(p.Violation); !ok || cost > p.Cost+1e-9 {
				t.Fatalf("%v, %v at the point %+v", cost, ok, p)
			}
		}
	})
}

func TestGeometricMean(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	tests := []struct {
		name    string
		costs   []float64
		want    score.Mean
		overall float64
	}{
		{"no trace", nil, score.Mean{}, inf},
		{"all reached", []float64{1, 4, 2}, score.Mean{OverReached: 2, Reached: 3}, 2},
		{"one never", []float64{1, inf, 4}, score.Mean{OverReached: 2, Reached: 2, Never: 1}, inf},
		{"never", []float64{inf}, score.Mean{Never: 1}, inf},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := score.GeometricMean(tt.costs)
			if !near(got.OverReached, tt.want.OverReached) || got.Reached != tt.want.Reached || got.Never != tt.want.Never {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if o := got.Overall(); !near(o, tt.overall) {
				t.Errorf("overall %v, want %v", o, tt.overall)
			}
		})
	}
}
