package trace_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		line     int
		why      string
	}{
		{"empty", "", 1, "header"},
		{"no header", "0,1\n60,2\n", 1, `"0,1"`},
		{"other header", "time,load\n", 1, "seconds,rate"},
		{"no rows", "seconds,rate\n", 0, "0 rows"},
		{"one row", "seconds,rate\n0,1\n", 0, "1 rows"},
		{"three fields", "seconds,rate\n0,1\n60,2,3\n", 3, "3 fields"},
		{"one field", "seconds,rate\n0\n", 2, "1 fields"},
		{"no number", "seconds,rate\n0,1\n60,x\n", 3, `rate "x"`},
		{"seconds no number", "seconds,rate\nzero,1\n", 2, `seconds "zero"`},
		{"half seconds", "seconds,rate\n0.5,1\n", 2, "whole number"},
		{"negative", "seconds,rate\n0,-1\n", 2, "out of range"},
		{"NaN", "seconds,rate\n0,NaN\n", 2, "out of range"},
		{"infinite", "seconds,rate\n0,+Inf\n", 2, "out of range"},
		{"infinite seconds", "seconds,rate\nInf,1\n", 2, "whole number"},
		{"same start", "seconds,rate\n0,1\n0,1\n", 3, "does not come after 0"},
		{"backwards", "seconds,rate\n0,1\n60,1\n30,1\n", 4, "does not come after 60"},
		{"too long", "seconds,rate\n0,1\n40000000,1\n", 3, "days"},
		{"bad quote", "seconds,rate\n0,1\n60,\"2\n", 3, "not CSV"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := trace.Read(strings.NewReader(tc.in), "load.csv")
			te := (*trace.Error)(nil)
			if !errors.As(err, &te) {
				t.Fatalf("error is %v, want a *trace.Error", err)
			}
			if te.Line != tc.line || !strings.Contains(te.Why, tc.why) {
				t.Errorf("line %d: %s; want line %d with %q", te.Line, te.Why, tc.line, tc.why)
			}
			if !strings.Contains(err.Error(), "load.csv") {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	tr, err := trace.Read(strings.NewReader("\ufeffseconds, rate\n100, 10\n160,20\n\n220,10\n"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if tr.Length() != 3*time.Minute || tr.Name() != "x" {
		t.Errorf("length of %s is %s, want 3m", tr.Name(), tr.Length())
	}
	// Edges are 10, 15, 15, 10; the middle of bucket 1 is 2*20-15 = 25, of the others 2*10-12.5 = 7.5.
	for _, tc := range []struct{ at, want float64 }{
		{-1, 0}, {0, 10}, {15, 8.75}, {30, 7.5}, {60, 15}, {90, 25}, {105, 20}, {120, 15}, {150, 7.5}, {179.999, 9.9999}, {180, 0}, {1e9, 0},
	} {
		if got := tr.Rate(tc.at); math.Abs(got-tc.want) > 1e-3 {
			t.Errorf("rate at %v s is %v, want %v", tc.at, got, tc.want)
		}
	}
	if p, m := tr.Quantile(0.99), tr.Quantile(0); p != 20 || m != 10 {
		t.Errorf("quantiles 0.99 and 0 are %v and %v, want 20 and 10", p, m)
	}
}

// Every bucket keeps its recorded mean, however uneven its neighbours are, and
// no second is below zero.
func TestMeanIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "buckets")
		starts, rates, at := make([]int, n), make([]float64, n), 0
		for i := range n {
			starts[i] = at
			at += 2 * rapid.IntRange(1, 60).Draw(t, "length/2")
			rates[i] = rapid.SampledFrom([]float64{0, 1, 1e-6, 17, 300, 1e6}).Draw(t, "rate")
		}
		tr, err := trace.New("x", starts, rates)
		if err != nil {
			t.Fatal(err)
		}
		secs := tr.Seconds()
		for i := range n - 1 {
			sum := 0.0
			for s := starts[i]; s < starts[i+1]; s++ {
				if secs[s] < 0 || secs[s] != tr.Rate(float64(s)+0.5) {
					t.Fatalf("second %d is %v, Rate gives %v", s, secs[s], tr.Rate(float64(s)+0.5))
				}
				sum += secs[s]
			}
			// Even lengths put no bend inside a second, so midpoints integrate exactly.
			if mean := sum / float64(starts[i+1]-starts[i]); math.Abs(mean-rates[i]) > 1e-9*(1+rates[i]) {
				t.Fatalf("mean of bucket %d is %v, recorded %v", i, mean, rates[i])
			}
		}
	})
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	for name, peak := range map[string]float64{trace.WorldCup: 2816.95, trace.Shuttle: 6.81667} {
		d, err := trace.Embedded(name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Length() != 24*time.Hour || len(d.Seconds()) != 86400 || d.Start.IsZero() || d.Title == "" || d.Reference == "" {
			t.Errorf("%s: %s from %s, %q, %q", name, d.Length(), d.Start, d.Title, d.Reference)
		}
		if got := d.Quantile(1); math.Abs(got-peak) > 1e-4*peak {
			t.Errorf("%s: its busiest minute has %v requests a second, the source %v", name, got, peak)
		}
	}
	d, err := trace.Embedded(trace.WorldCup)
	if err != nil {
		t.Fatal(err)
	}
	// The licence asks for the notice unmodified: its length is that of the source's file.
	if len(d.Notice) != 2108 || !strings.Contains(d.Notice, "Copyright (C) 1997, 1998, 1999 Hewlett-Packard Company") {
		t.Errorf("the notice has %d bytes, want the source's 2108", len(d.Notice))
	}
	if _, err := trace.Embedded("moon"); err == nil || !strings.Contains(err.Error(), trace.Shuttle) {
		t.Errorf("an unknown day answered %v, want the names of those there are", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("seconds,rate\n0,1\n60,2\n")
	f.Add("seconds,rate\n0,\"1\n")
	f.Add("seconds,rate\n0,1e400\n")
	f.Fuzz(func(t *testing.T, in string) {
		tr, err := trace.Read(strings.NewReader(in), "fuzz")
		if err != nil {
			return
		}
		if v := tr.Rate(tr.Length().Seconds() / 2); math.IsNaN(v) || v < 0 {
			t.Errorf("rate %v", v)
		}
	})
}
