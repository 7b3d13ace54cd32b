package trace_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

// Every embedded load can be read and says what it is; those of the World Cup bear the
// notice, and a day is exactly its part of the trace.
func TestEveryEmbeddedLoad(t *testing.T) {
	t.Parallel()
	spans := map[string]time.Duration{"azure-llm-code": 3437 * time.Second, "mooncake-conversation": 3540 * time.Second, "azure-faas-app": 24 * time.Hour}
	for _, name := range trace.Traces() {
		d, err := trace.Embedded(name)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := spans[name]
		if !ok {
			want = 14 * 24 * time.Hour
		}
		if d.Length() != want || d.Name() != name || d.Title == "" || d.Kind == "" || d.Reference == "" || d.Quantile(1) <= 0 {
			t.Errorf("%s: %s long, want %s; %q, %q, %q", name, d.Length(), want, d.Title, d.Kind, d.Reference)
		}
		if strings.HasPrefix(name, "wc98") != (d.Notice != "") {
			t.Errorf("%s: the notice has %d bytes", name, len(d.Notice))
		}
	}
	if all := trace.Names(); len(all) != len(trace.Traces())+2 || !slices.Contains(all, trace.WorldCup) || slices.Contains(trace.Traces(), trace.Shuttle) {
		t.Errorf("names are %v, traces %v", all, trace.Traces())
	}
	whole, err := trace.Embedded("wc98-groupstage")
	if err != nil {
		t.Fatal(err)
	}
	part, err := trace.Embedded(trace.WorldCup)
	if err != nil {
		t.Fatal(err)
	}
	const midday = 12*3600 + 30.5
	if a, b := whole.Rate(13*86400+midday), part.Rate(midday); a != b {
		t.Errorf("at midday of 23 June the trace has %v requests a second, the day %v", a, b)
	}
}

func TestSlice(t *testing.T) {
	t.Parallel()
	tr, err := trace.New("t", []int{0, 60, 120, 180}, []float64{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Slice("part", time.Minute, 3*time.Minute)
	if err != nil || got.Length() != 2*time.Minute || got.Name() != "part" || got.Quantile(1) != 3 || got.Quantile(0) != 2 {
		t.Errorf("the middle is %s of %s, from %v to %v: %v", got.Name(), got.Length(), got.Quantile(0), got.Quantile(1), err)
	}
	var te *trace.Error
	if _, err := tr.Slice("part", time.Minute, 90*time.Second); !errors.As(err, &te) {
		t.Errorf("one bucket answered %v", err)
	}
}

func TestCoarse(t *testing.T) {
	t.Parallel()
	tr, err := trace.New("t", []int{0, 10, 20, 30, 40, 50, 60}, []float64{1, 2, 3, 4, 5, 9, 7})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Coarse(30)
	// (1+2+3)/3 and (4+5+9)/3; the last ten seconds are no bucket.
	if err != nil || got.Length() != time.Minute || got.Quantile(0) != 2 || got.Quantile(1) != 6 {
		t.Errorf("%s, %v to %v: %v", got.Length(), got.Quantile(0), got.Quantile(1), err)
	}
	if same, err := tr.Coarse(10); err != nil || same.Length() != tr.Length() || same.Quantile(1) != 9 {
		t.Errorf("buckets that are long enough were joined: %v, %v", same.Length(), err)
	}
	var te *trace.Error
	if _, err := tr.Coarse(60); !errors.As(err, &te) || !strings.Contains(te.Error(), "too short") {
		t.Errorf("one bucket answered %v", err)
	}
}

// Joined buckets hold the same arrivals, each lasts long enough, and no load is negative.
func TestCoarseKeepsArrivals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(1, 90), 8, 60).Draw(t, "lengths")
		starts, rates := []int{0}, []float64{1}
		for _, l := range lengths {
			starts = append(starts, starts[len(starts)-1]+l)
			rates = append(rates, rapid.Float64Range(0, 100).Draw(t, "rate"))
		}
		tr, err := trace.New("t", starts, rates)
		if err != nil {
			t.Fatal(err)
		}
		grain := rapid.IntRange(1, 60).Draw(t, "grain")
		got, err := tr.Coarse(grain)
		if err != nil {
			t.Skip("too short")
		}
		sum := func(x trace.Trace, to time.Duration) float64 {
			total := 0.0
			for s := 0.25; s < to.Seconds(); s += 0.5 {
				total += x.Rate(s) / 2
			}
			return total
		}
		a, b := sum(tr, got.Length()), sum(got, got.Length())
		if got.Length() > tr.Length() || tr.Length()-got.Length() >= time.Duration(grain+90)*time.Second || math.Abs(a-b) > 0.02*(a+50) {
			t.Fatalf("%.2f arrivals in %s became %.2f in %s", a, tr.Length(), b, got.Length())
		}
	})
}

// The busiest days are those with the greatest rate after their own first tenth or day.
func TestBusiest(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	var starts []int
	var rates []float64
	for hour := range 5 * 24 {
		starts, rates = append(starts, hour*3600), append(rates, 1)
	}
	peak := func(hour int, rate float64) trace.Trace {
		t.Helper()
		with := slices.Clone(rates)
		with[hour] = rate
		tr, err := trace.New("t", starts, with)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	for _, tt := range []struct {
		name   string
		trace  trace.Trace
		length time.Duration
		want   time.Duration
	}{
		{"all alike: the first", peak(0, 1), 2 * day, 0},
		{"late in the fourth day", peak(3*24+20, 9), day, 3 * day},
		{"in the warm-up of the fourth day: the day before cannot hold it", peak(3*24+1, 9), day, 0},
		{"the same in two days: it begins the day before", peak(3*24+1, 9), 2 * day, 2 * day},
		{"as long as the trace", peak(3*24, 9), 5 * day, 0},
		{"longer than the trace", peak(3*24, 9), 6 * day, 0},
	} {
		if got := tt.trace.Busiest(tt.length); got != tt.want {
			t.Errorf("%s: begins at %s, want %s", tt.name, got, tt.want)
		}
	}
	cup, err := trace.Embedded("wc98-groupstage")
	if err != nil {
		t.Fatal(err)
	}
	from := cup.Busiest(2 * day)
	part, err := cup.Slice("part", from, from+2*day)
	if err != nil {
		t.Fatal(err)
	}
	if part.Quantile(1) < cup.Quantile(1) {
		t.Errorf("the busiest two days, from %s, have at most %v requests a second, the fortnight %v", from, part.Quantile(1), cup.Quantile(1))
	}
}
