package trial_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// embedded gives the course of an embedded load for 20 tasks.
func embedded(tb testing.TB, name string) *trial.Course {
	tb.Helper()
	r, err := trace.Embedded(name)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := trial.NewCourse(r.Trace, 20, trial.Requests())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// steps gives a trace of buckets of equal length.
func steps(tb testing.TB, bucket int, rates ...float64) trace.Trace {
	tb.Helper()
	starts := make([]int, len(rates))
	for i := range starts {
		starts[i] = i * bucket
	}
	t, err := trace.New("steps", starts, rates)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// The 99th percentile of the load keeps the given tasks busy, whatever the trace's unit;
// the spike above it keeps more.
func TestCourseIsScaledByTheP99(t *testing.T) {
	t.Parallel()
	rates := slices.Repeat([]float64{500}, 200)
	rates[120] = 2000
	for _, unit := range []float64{1, 1e-3, 1e6} {
		scaled := slices.Clone(rates)
		for i := range scaled {
			scaled[i] *= unit
		}
		c, err := trial.NewCourse(steps(t, 60, scaled...), 20, trial.Requests())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Load[100*60+30]; math.Abs(got-20) > 1e-9 {
			t.Errorf("in unit %g the usual load is %v Erlangs, want 20", unit, got)
		}
		if got, want := c.PerTask, 25*unit; math.Abs(got-want) > 1e-9*want {
			t.Errorf("in unit %g a task takes %v, want %v", unit, got, want)
		}
		m := trial.Requests()
		if usual, spike := int(c.Demand[100*60+30]), c.Peak(); usual != m.Demand(20) || spike < 80 {
			t.Errorf("in unit %g the demand is %d at 20 Erlangs, want %d, and at most %d, want 80 or more", unit, usual, m.Demand(20), spike)
		}
		if c.Length() != 200*time.Minute {
			t.Errorf("it lasts %s", c.Length())
		}
	}
}

// A trace that is 0 but for one bucket in a thousand has no load at its 99th percentile:
// its peak counts.
func TestCourseOfARareLoad(t *testing.T) {
	t.Parallel()
	rates := make([]float64, 1000)
	rates[700] = 3
	c, err := trial.NewCourse(steps(t, 60, rates...), 20, trial.Requests())
	if err != nil {
		t.Fatal(err)
	}
	if c.PerTask != 3.0/20 || c.Demand[100] != 0 {
		t.Errorf("a task takes %v, want 0.15; without a load %d tasks are needed, want 0", c.PerTask, c.Demand[100])
	}
}

func TestWarmUp(t *testing.T) {
	t.Parallel()
	const hour = 3600
	for _, tt := range []struct{ hours, from int }{{1, 360}, {24, 8640}, {47, 47 * 360}, {48, 24 * hour}, {72, 24 * hour}} {
		c, err := trial.NewCourse(steps(t, hour, slices.Repeat([]float64{1}, max(2, tt.hours))...), 5, trial.Requests())
		if tt.hours == 1 {
			c, err = trial.NewCourse(steps(t, 60, slices.Repeat([]float64{1}, 60)...), 5, trial.Requests())
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.From != tt.from {
			t.Errorf("%d hours warm up for %d s, want %d", tt.hours, c.From, tt.from)
		}
	}
}

// The one-second counts of single requests are no rates: they are taken together, and a
// spike of a second is no burst of tasks.
func TestCourseOfSingleRequests(t *testing.T) {
	t.Parallel()
	rates := make([]float64, 600)
	for i := 0; i < len(rates); i += 10 {
		rates[i] = 10 // one request a second on average
	}
	c, err := trial.NewCourse(steps(t, 1, rates...), 20, trial.Requests())
	if err != nil {
		t.Fatal(err)
	}
	if low, high := slices.Min(c.Load), slices.Max(c.Load); math.Abs(low-20) > 1e-9 || math.Abs(high-20) > 1e-9 {
		t.Errorf("the load goes from %v to %v Erlangs, want 20 throughout", low, high)
	}
}

func TestCourseRefuses(t *testing.T) {
	t.Parallel()
	early := make([]float64, 100)
	early[3] = 1
	for _, tt := range []struct {
		name  string
		trace trace.Trace
		tasks int
		want  string
	}{
		{"no tasks", steps(t, 60, 1, 1, 1), 0, "give at least 1"},
		{"too short", steps(t, 30, 1, 1, 1), 5, "it lasts 1m30s: at least 2m"},
		{"no load", steps(t, 60, 0, 0, 0), 5, "its rates are all 0"},
		{"no load after the warm-up", steps(t, 60, early...), 5, "nothing arrives after its first 10m0s"},
		{"single requests, nearly none", steps(t, 119, 1, 1), 5, ""},
	} {
		_, err := trial.NewCourse(tt.trace, tt.tasks, trial.Requests())
		switch {
		case err == nil && tt.want == "":
		case err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "trace steps"):
			t.Errorf("%s: %v, want %q and the trace's name", tt.name, err, tt.want)
		}
	}
}
