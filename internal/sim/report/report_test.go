package report

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
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
		Load: "A load with \"quotes\"", Start: start(), Step: time.Minute,
		Policies: []Policy{
			{
				Name: "Trimtab", Note: "defaults <b>", Score: Score{TaskHours: 20.25, ShortSeconds: 130, Unserved: 0.00001, HotSeconds: 61, Actions: 2, Reversals: 1},
				Samples: samples,
				Decisions: []Decision{
					{At: start().Add(30 * time.Minute), Before: 20, Desired: 21, Rule: "TargetTracking", Because: "a demand of 1 < 2 & \"3\" </script><img src=x onerror=alert(1)>"},
					{At: start().Add(45 * time.Minute), Before: 21, Desired: 20, Rule: "StabilizationWindow", Because: "the highest of the last 15m is 20"},
				},
			},
			{Name: "Static </script>", Score: Score{TaskHours: 44}, Samples: samples},
		},
		Assumptions: []string{"Tasks start late."}, Facts: []Fact{{"seed", "1"}},
		Notices: []Notice{{Name: "Data", Text: "Copyright (C) <someone>"}},
	}
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

func TestGoldenPage(t *testing.T) {
	t.Parallel()
	golden(t, "page.html", write(t, small(), library{script: "/* plot */", style: "/* plot style */", license: "MIT"}))
}

func TestGoldenPicture(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Picture(&b, small()); err != nil {
		t.Fatal(err)
	}
	golden(t, "picture.svg", b.String())
}

func TestNothingEscapes(t *testing.T) {
	t.Parallel()
	page := write(t, small(), library{})
	for _, bad := range []string{"<script>alert", "<img", "onerror=alert(1)>", "<b>", "<someone>"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q of the data stands in the page as it is", bad)
		}
	}
	if opened, closed := strings.Count(page, "<script"), strings.Count(page, "</script>"); opened != 3 || closed != 3 {
		t.Errorf("%d scripts open and %d close, want 3", opened, closed)
	}
}

// The page asks nothing of the network, and its parts are all there.
func TestSelfContained(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := HTML(&b, small()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if m := regexp.MustCompile(`(?i)(src|href|action|poster|data)\s*=\s*["'][^"']|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|sendBeacon`).FindString(page); m != "" {
		t.Errorf("the page reaches out: %q", m)
	}
	for _, part := range []string{
		`default-src 'none'`, "var uPlot=", "Permission is hereby granted", "Copyright (c) 2022 Leon Sorokin", "<noscript>", "<svg",
		`id="d1"`, "00:30:00", "20 → 21", "▲ scale out", "▼ scale in", "2 min 10 s", "0.0010 %", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not in the page", part)
		}
	}
	if n := len(page); n > 120_000 {
		t.Errorf("a page of an hour has %d bytes", n)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Page{
		"no policies": {Step: time.Minute},
		"no step":     {Policies: []Policy{{Samples: make([]Sample, 2)}}},
		"one sample":  {Step: time.Minute, Policies: []Policy{{Samples: make([]Sample, 1)}}},
	} {
		if err := HTML(&bytes.Buffer{}, p); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriterFails(t *testing.T) {
	t.Parallel()
	if HTML(full{}, small()) == nil || Picture(full{}, small()) == nil {
		t.Error("a writer that refuses was not noticed")
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	as := []plant.Activity{{From: 2, To: 4}, {From: 4, To: 5}, {From: 5, To: 3}, {From: 3, To: 2}, {From: 2, To: 9}}
	got := NewScore(plant.Tally{TaskSeconds: 7200, Demand: 200, Unserved: 1, Short: 7, Hot: 9}, as)
	want := Score{TaskHours: 2, ShortSeconds: 7, Unserved: 0.005, HotSeconds: 9, Actions: 5, Reversals: 2}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("score (-want +got):\n%s", d)
	}
	if got := NewScore(plant.Tally{}, nil); got != (Score{}) {
		t.Errorf("the score of nothing is %+v", got)
	}
}
