package signal_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// A datapoint is written as encoding/json would write its fields, byte for byte.
func TestPointsAreWrittenAsTheirFields(t *testing.T) {
	t.Parallel()
	type fields struct {
		Start   time.Time `json:"start"`
		Value   *float64  `json:"value"`
		Samples *float64  `json:"samples,omitempty"`
	}
	number := func(v signal.Value) *float64 {
		if !v.OK() {
			return nil
		}
		return new(float64(v))
	}
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e-6, 9.999e-7, 1e-10, -1.5e-7, 1e20, 1e21, -1e21, 5e-324, math.MaxFloat64, 62.25}))
		p := signal.Point{
			Start: time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC(),
			Value: signal.Value(numbers.Draw(t, "value")), Samples: signal.Value(numbers.Draw(t, "samples")),
		}
		f := fields{Start: p.Start, Value: number(p.Value)}
		if p.Samples != 0 {
			f.Samples = number(p.Samples)
		}
		want, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(p)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%+v was written as %s, %v; want %s", p, got, err, want)
		}
		alone, err := json.Marshal(p.Value)
		if plain, _ := json.Marshal(f.Value); err != nil || string(alone) != string(plain) {
			t.Fatalf("%v was written as %s, want %s", p.Value, alone, plain)
		}
	})
}

// What is no number is null, in either place, and a time beyond year 9999 is refused.
func TestPointsThatAreNoNumbers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	nan, inf := signal.Value(math.NaN()), signal.Value(math.Inf(-1))
	got, err := json.Marshal(signal.Point{Start: at, Value: nan, Samples: inf})
	if want := `{"start":"2026-11-26T10:00:00Z","value":null,"samples":null}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if got, err := json.Marshal(signal.Point{Start: at.AddDate(9000, 0, 0)}); err == nil {
		t.Errorf("year 11026 was written as %s", got)
	}
}
