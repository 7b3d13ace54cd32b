package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/trimtab-ecs/trimtab/internal/sim/demo"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

// play runs the demo and gives what it printed and its two files.
func play(t *testing.T, o demo.Options) (out, page, picture string) {
	t.Helper()
	var b bytes.Buffer
	o.Stdout = &b
	dir := t.TempDir()
	o.HTML, o.Picture = filepath.Join(dir, "out", "demo.html"), filepath.Join(dir, "pictures", "demo.svg")
	if err := demo.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	read := func(path string) string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	return strings.ReplaceAll(b.String(), dir, ""), read(o.HTML), read(o.Picture)
}

// The whole promise of the command: both loads, within the time, with curves, tables
// and reports, and the same bytes for the same seed.
func TestRun(t *testing.T) {
	t.Parallel()
	for _, load := range []string{"", trace.Shuttle} {
		began := time.Now()
		out, page, picture := play(t, demo.Options{Seed: 1, Load: load, Sweep: true})
		// It is to take 10 s at most, and takes 3 on two idle cores; a busy machine or the
		// race detector must not fail this, an order of magnitude shall.
		if took := time.Since(began); took > time.Minute {
			t.Errorf("load %q took %s, want less than a minute", load, took)
		}
		for _, want := range []string{"00:00", "23:00", "over the", "Trimtab", "Application Auto Scaling", "At equal violations", "static", "warm-up of 2 h 24 min", "/out/demo.html"} {
			if !strings.Contains(out, want) {
				t.Errorf("load %q: %q is not in the output:\n%s", load, want, out)
			}
		}
		if strings.ContainsAny(out, "\x1b\r") {
			t.Error("escape sequences were written to what is no terminal")
		}
		for _, want := range []string{
			"var uPlot=", "ECSServiceAverageCPUUtilization", "▲ scale out", "▼ scale in", "Cost against violations",
			"The first 2h24m of 24h warm up", "By at most a tenth", "seed", "Permission is hereby granted",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("load %q: %q is not in the report", load, want)
			}
		}
		if notice := strings.Contains(page, "Hewlett-Packard Company"); notice != (load == "") {
			t.Errorf("load %q: the notice of its source is in the report: %v", load, notice)
		}
		if len(page) > 400_000 || len(picture) > 60_000 {
			t.Errorf("load %q: the report has %d bytes and the picture %d", load, len(page), len(picture))
		}
		out2, page2, picture2 := play(t, demo.Options{Seed: 1, Load: load, Sweep: true})
		if out != out2 || page != page2 || picture != picture2 {
			t.Errorf("load %q: the same seed gave other bytes", load)
		}
		first, _, _ := play(t, demo.Options{Seed: 1, Load: load})
		if other, _, _ := play(t, demo.Options{Seed: 2, Load: load}); other == first {
			t.Errorf("load %q: another seed gave the same bytes", load)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	out, _, _ := play(t, demo.Options{Seed: 1, Sweep: true, JSON: true, TTY: true})
	var res demo.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil {
		t.Fatalf("the output is not JSON alone: %v\n%s", err, out)
	}
	if len(res.Policies) != 3 || res.Verdict == "" || res.Seed != 1 || res.HTML != "/out/demo.html" {
		t.Fatalf("result is %+v", res)
	}
	if len(res.Curves) != 2 || len(res.Curves[0].Curve) != 8 || len(res.Variants) != 1 {
		t.Errorf("%d curves and %d variants, want 2 of 8 points and 1", len(res.Curves), len(res.Variants))
	}
	ours, aas, static := res.Policies[0], res.Policies[1], res.Policies[2]
	switch {
	case ours.At != 60 || aas.At != 60 || res.Variants[0].At != 60:
		t.Errorf("the targets are %g, %g and %g, want the same", ours.At, aas.At, res.Variants[0].At)
	case ours.ActionsPerHour == 0 || aas.ActionsPerHour == 0 || static.ActionsPerHour != 0:
		t.Errorf("actions are %g, %g and %g an hour; want some, some and none", ours.ActionsPerHour, aas.ActionsPerHour, static.ActionsPerHour)
	case static.ViolationSeconds != 0:
		t.Errorf("a fleet sized at the peak was in violation for %d s", static.ViolationSeconds)
	case ours.TaskHours > static.TaskHours/2 || aas.TaskHours > static.TaskHours/2:
		t.Errorf("task-hours are %.0f, %.0f and %.0f; want less than half of the static fleet's", ours.TaskHours, aas.TaskHours, static.TaskHours)
	case ours.ViolationPercent > 0.1 || ours.ReversalsWithin15Min > 12:
		t.Errorf("Trimtab violated the objective in %g %% of the requests, with %d reversals", ours.ViolationPercent, ours.ReversalsWithin15Min)
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	for given, width := range map[int]int{0: 80, 30: 30, 40: 40, 80: 80, 120: 120} {
		out, _, _ := play(t, demo.Options{Seed: 1, TTY: true, Width: given, Sweep: given == 30})
		frames := strings.Split(out, "\r")
		if len(frames) < 250 {
			t.Fatalf("progress was redrawn %d times", len(frames))
		}
		for _, f := range frames[1 : len(frames)-1] {
			line := strings.TrimSuffix(f, "\x1b[K")
			if line == f || strings.Contains(line, "\n") || utf8.RuneCountInString(line) >= width {
				t.Fatalf("width %d: frame %q does not clear, breaks or fills the line", given, f)
			}
		}
		for _, rest := range []string{frames[0], frames[len(frames)-1]} {
			for line := range strings.Lines(strings.NewReplacer("\x1b[K", "", "\x1b[1m", "", "\x1b[0m", "").Replace(rest)) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("width %d: %q has %d columns", given, line, n)
				}
			}
		}
		if asTable := strings.Contains(out, "slow, %  violation"); asTable != (width >= 80) {
			t.Errorf("width %d: the scores are a table: %v", given, asTable)
		}
		if !strings.Contains(out, "\x1b[1m") {
			t.Error("the verdict is not bold")
		}
	}
	if plain, _, _ := play(t, demo.Options{Seed: 1, TTY: true, NoColor: true}); strings.Contains(plain, "\x1b[1m") {
		t.Error("NoColor wrote weight")
	}
}

// An order stands in one line only, with its time, and that line is the first
// whose count of orders holds it.
func TestLinesTellAnOrderOnce(t *testing.T) {
	t.Parallel()
	out, _, _ := play(t, demo.Options{Seed: 1})
	line := regexp.MustCompile(`(?m)^\d\d:00  demand +\d+\.\d tasks  desired +\d+  running +\d+  orders +(\d+)(  \d\d:\d\d \d+ -> \d+: .+)?$`)
	all := line.FindAllStringSubmatch(out, -1)
	if len(all) != 25 {
		t.Fatalf("%d lines of 25 are as expected:\n%s", len(all), out)
	}
	before, told := "0", 0
	for _, m := range all {
		if (m[1] != before) != (m[2] != "") {
			t.Errorf("after %s orders: %q", before, m[0])
		}
		if m[2] != "" {
			told++
		}
		before = m[1]
	}
	if told == 0 || told == len(all) {
		t.Errorf("%d of %d lines tell an order: the day does not test it", told, len(all))
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"v1.2.3-7-gabc": "v1.2.3-7-gabc", "": "unknown"} {
		out, page, _ := play(t, demo.Options{Seed: 1, JSON: true, Version: given})
		if !strings.Contains(out, `"version": "`+want+`"`) || !strings.Contains(page, want) {
			t.Errorf("version %q is not told as %q", given, want)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestErrors(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		o    demo.Options
		gone bool // the caller has cancelled
		want error
	}{
		"no writer":        {demo.Options{}, false, nil},
		"unknown load":     {demo.Options{Stdout: &bytes.Buffer{}, Load: "moon"}, false, nil},
		"cancelled":        {demo.Options{Stdout: &bytes.Buffer{}}, true, context.Canceled},
		"closed output":    {demo.Options{Stdout: full{}}, false, os.ErrClosed},
		"closed for JSON":  {demo.Options{Stdout: full{}, JSON: true}, false, os.ErrClosed},
		"folder is a file": {demo.Options{Stdout: &bytes.Buffer{}, HTML: filepath.Join(file, "demo.html")}, false, nil},
		"file is a folder": {demo.Options{Stdout: &bytes.Buffer{}, HTML: t.TempDir()}, false, nil},
	} {
		ctx := t.Context()
		if tc.gone {
			ctx = gone
		}
		if err := demo.Run(ctx, tc.o); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: error is %v, want %v", name, err, tc.want)
		}
	}
}

func BenchmarkDemo(b *testing.B) {
	for b.Loop() {
		if err := demo.Run(b.Context(), demo.Options{Stdout: &bytes.Buffer{}, Seed: 1, Sweep: true}); err != nil {
			b.Fatal(err)
		}
	}
}
