package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// maxTrace bounds a trace file: a year of one-second rows.
const maxTrace = 1 << 30

// traceFile is a trace with what it is and what must go with its numbers.
type traceFile struct {
	trace.Trace
	start  time.Time // by the source's clock; zero where it is not known
	title  string
	notice report.Notice // none if it has no text
}

// load reads a trace: an embedded one by its name, else a file of seconds,rate.
func (s *session) load(ctx context.Context, name string) (traceFile, error) {
	if slices.Contains(trace.Names(), name) {
		r, err := trace.Embedded(name)
		if err != nil {
			return traceFile{}, err
		}
		return traceFile{Trace: r.Trace, start: r.Start, title: r.Title + ". " + r.Reference, notice: board.Notice(r)}, nil
	}
	src, err := s.read(ctx, name, maxTrace)
	if err != nil {
		if pathOf(err) != "" {
			return traceFile{}, refused("trace %s is neither a file nor an embedded one, which trimtab simulate --trace=list names: %w", name, err)
		}
		return traceFile{}, err
	}
	base := strings.TrimSuffix(filepath.Base(called(name)), ".csv")
	t, err := trace.Read(bytes.NewReader(src), base)
	if err != nil {
		return traceFile{}, &coded{ExitRefused, err}
	}
	return traceFile{Trace: t, title: called(name)}, nil
}

// loads reads the traces of a folder by name, or the embedded ones without a folder; only
// narrows them.
func (s *session) loads(ctx context.Context, dir string, only []string) ([]traceFile, error) {
	names := trace.Traces()
	if len(only) > 0 {
		names = trace.Names()
	}
	if dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
		if err != nil || len(files) == 0 {
			if _, gone := os.Stat(dir); gone != nil {
				return nil, refused("read traces: %w", gone)
			}
			return nil, refused("folder %s holds no trace: each is a CSV file of seconds,rate", dir)
		}
		names = files
	}
	base := func(file string) string { return strings.TrimSuffix(filepath.Base(file), ".csv") }
	for _, o := range only {
		if !slices.ContainsFunc(names, func(n string) bool { return base(n) == o }) {
			var valid []string
			for _, n := range names {
				valid = append(valid, base(n))
			}
			return nil, refused("no trace is called %s: use some of %s", o, strings.Join(valid, ", "))
		}
	}
	var out []traceFile
	for _, n := range names {
		if len(only) > 0 && !slices.Contains(only, base(n)) {
			continue
		}
		l, err := s.load(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// The ends of the flags of simulate and bench.
const (
	maxTasksAtP99 = 2000
	maxDays       = 3660
	maxWorkers    = 1024
)

// within refuses a value of a flag outside of its range.
func within(flag string, v, least, most int) error {
	if v < least || v > most {
		return refused("%s %d: give %d to %d", flag, v, least, most)
	}
	return nil
}

// What a trace has after its warm-up for its figures to say something, and to be played
// at all.
const (
	tellingTime = time.Hour
	leastScored = 10 * time.Minute
)

// course makes a trace ready; days above 0 keep the busiest so many of a longer one.
func (s *session) course(l traceFile, tasks, days int, ready making) (*trial.Course, error) {
	t, start := l.Trace, l.start
	if keep := time.Duration(days) * 24 * time.Hour; days > 0 && t.Length() > keep {
		begin := t.Busiest(keep)
		part, err := t.Slice(t.Name(), begin, begin+keep)
		if err != nil {
			return nil, fmt.Errorf("shorten trace: %w", err)
		}
		t, start = part, start.Add(begin.Truncate(time.Minute))
	}
	c, err := ready(t, tasks)
	if err != nil {
		return nil, &coded{ExitRefused, err}
	}
	scored := c.Length() - warmUp(c)
	switch {
	case scored < leastScored:
		return nil, refused("trace %s has %s after its warm-up of %s: at least %s are needed", t.Name(), span(scored), span(warmUp(c)), span(leastScored))
	case scored < tellingTime:
		s.say("note: trace %s has %s after its warm-up of %s: less than an hour, so its figures say little", t.Name(), span(scored), span(warmUp(c)))
	}
	if !l.start.IsZero() {
		c.Start = start
	}
	return c, nil
}

// warmUp is what is not scored of a course.
func warmUp(c *trial.Course) time.Duration { return time.Duration(c.From) * time.Second }

// spareGC lets the heap grow to five times what is in use, instead of twice, until the
// function that it gives is called: a simulated day holds little and allocates much, and
// takes a sixth less time so.
func spareGC() (restore func()) {
	before := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(before) }
}

// progress tells on standard error how far long work is, at most every few seconds.
type progress struct {
	s     *session
	begun time.Time
	told  time.Time
}

func (s *session) progress() *progress { return &progress{s: s, begun: s.Now(), told: s.Now()} }

// tellEvery is the time between two lines of progress.
const tellEvery = 5 * time.Second

func (p *progress) tell(done, all float64) {
	now := p.s.Now()
	if now.Sub(p.told) < tellEvery || done <= 0 || done >= all {
		return
	}
	p.told = now
	left := time.Duration(float64(now.Sub(p.begun)) * (all - done) / done).Round(time.Second)
	p.s.say("%3.0f %% done, about %s left", 100*done/all, left)
}
