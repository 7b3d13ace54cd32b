package replay

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// minutesOf gives options over a record of so many tasks in each minute, of which the
// first minute warms up, with a demand of 2.
func minutesOf(tasks ...float64) Options {
	o := Options{Record: Record{Name: "web", Start: begin, Period: time.Minute, Tasks: tasks, Running: tasks, Warm: 1}, Limit: 90, Start: trial.Fargate, Seeds: 1}
	for range tasks {
		o.Record.Demand = append(o.Record.Demand, 2)
	}
	return o
}

func TestAsItWas(t *testing.T) {
	t.Parallel()
	start := trial.Fargate.Delay().Hours() // hours that a start is billed for
	for name, c := range map[string]struct {
		tasks []float64
		want  Marks
	}{
		"steady":                  {[]float64{4, 4, 4, 4}, Marks{TaskHours: 12.0 / 60}},
		"over the warm-up":        {[]float64{4, 5, 5, 5}, Marks{TaskHours: 15.0/60 + start, Actions: 1}},
		"in a row is one":         {[]float64{4, 4, 5, 6, 7, 7}, Marks{TaskHours: 29.0/60 + 3*start, Actions: 1}},
		"not in a row are two":    {[]float64{4, 4, 5, 5, 6}, Marks{TaskHours: 20.0/60 + 2*start, Actions: 2}},
		"and back is a reversal":  {[]float64{4, 4, 5, 4, 4}, Marks{TaskHours: 17.0/60 + start, Actions: 2, Reversals: 1}},
		"back much later is none": {append(append([]float64{4, 4, 5}, slices.Repeat([]float64{5}, 15)...), 4), Marks{TaskHours: 88.0/60 + start, Actions: 2}},
		"too hot at 2 of 2.2":     {[]float64{4, 2.2, 2.2, 2}, Marks{TaskHours: 6.4 / 60, AboveMinutes: 3, Actions: 1}},
		"short once":              {[]float64{4, 1.5, 2.3}, Marks{TaskHours: 3.8 / 60, AboveMinutes: 1, ShortMinutes: 1, Actions: 1}},
		"none at all":             {[]float64{1, 0, 0}, Marks{AboveMinutes: 2, ShortMinutes: 2, Actions: 1}},
	} {
		o := minutesOf(c.tasks...)
		got := o.asItWas().Shown
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
		if d := cmp.Diff(c.want, got, near); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	o := minutesOf(4, 4, 4, 4, 4, 4, 4, 4, 4, 4)
	orders := []report.Decision{{At: begin.Add(90 * time.Second), Before: 3, Desired: 2}, {At: begin.Add(9 * time.Minute), Before: 2, Desired: 1}}
	//                       warm  hot        hot  fine  fine hot: two moments, the gap of one minute belongs to the first
	mine := Outcome{Running: []float64{1, 3, 2.1, 3, 2, 3, 3, 1, 3, 3}, Orders: orders}
	ref := Outcome{Running: []float64{4, 4, 4, 4, 4, 4, 4, 4, 4, 4}}
	got := o.moments(mine, ref)
	want := []Moment{
		{From: begin.Add(7 * time.Minute), Length: time.Minute, At: begin.Add(7 * time.Minute), Demand: 2, Tasks: 1, Others: 4, Excess: 66, Order: &orders[0]},
		{From: begin.Add(2 * time.Minute), Length: 3 * time.Minute, At: begin.Add(4 * time.Minute), Demand: 2, Tasks: 2, Others: 4, Excess: 0.11*60 + 0.2*60, Order: &orders[0]},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
	if d := cmp.Diff(want, got, near); d != "" {
		t.Errorf("moments (-want +got):\n%s", d)
	}
	if got := o.moments(mine, mine); len(got) != 0 {
		t.Errorf("a policy is worse than itself at %d moments", len(got))
	}
}

// What does not replay is named, and what is left is one candidate in act mode.
func TestTrimtabKeepsWhatTheHistoryHolds(t *testing.T) {
	t.Parallel()
	cpu := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 55}}
	memory := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 70}}
	c, lost, err := Trimtab("proposed policy", spec.Service{
		MinCapacity: 2, MaxCapacity: 9, Policies: []spec.Policy{memory, cpu}, Vetoes: []spec.Veto{{Name: "errors"}}, Activation: &spec.Activation{},
	})
	if err != nil || c.Knob != 55 || c.Min != 2 || c.Max != 9 || c.Note != "Trimtab, target 55 % CPU, 2 to 9 tasks" {
		t.Errorf("candidate %+v, %v", c, err)
	}
	if d := cmp.Diff([]string{"policy " + spec.MemoryUtilization, "veto errors", "activation"}, lost); d != "" {
		t.Errorf("lost (-want +got):\n%s", d)
	}
	if _, _, err := Trimtab("proposed policy", spec.Service{MaxCapacity: 9, Policies: []spec.Policy{memory}}); err == nil || !strings.Contains(err.Error(), "no policy of it scales by the CPU") {
		t.Errorf("memory alone: %v", err)
	}
}

// The verdict says what is better and what is worse, with the ranges that show.
func TestVerdict(t *testing.T) {
	t.Parallel()
	o := minutesOf(slices.Repeat([]float64{4}, 601)...)
	runs := func(ms ...Marks) []Marks { return ms }
	for _, c := range []struct {
		mine, ref Outcome
		want      string
	}{
		{
			Outcome{Name: "proposed policy", Runs: runs(Marks{TaskHours: 69, Actions: 14}, Marks{TaskHours: 69.2, Actions: 14})},
			Outcome{Name: AsItWas, Runs: runs(Marks{TaskHours: 100, AboveMinutes: 3, Actions: 63})},
			"Against what was, over 10 h the proposed policy would have run 31 % fewer task-hours (69.1 instead of 100.0), 0 minutes above 90 % CPU instead of 3, and 14 actions instead of 63.",
		},
		{
			Outcome{Name: "proposed policy", Runs: runs(Marks{TaskHours: 110, AboveMinutes: 1, Actions: 1}, Marks{TaskHours: 114, AboveMinutes: 4, Actions: 3}, Marks{TaskHours: 112, AboveMinutes: 1, Actions: 1})},
			Outcome{Name: "present policy", Runs: runs(Marks{TaskHours: 100}, Marks{TaskHours: 100, AboveMinutes: 2}, Marks{TaskHours: 100})},
			"Against the present policy, over 10 h the proposed policy would have run 12 % (10 to 14 %) more task-hours (112.0 instead of 100.0), 1 minute (1 to 4) above 90 % CPU instead of 0 (0 to 2), and 1 action (1 to 3) instead of 0.",
		},
		{
			Outcome{Name: "present policy", Runs: runs(Marks{TaskHours: 100.2})},
			Outcome{Name: AsItWas, Runs: runs(Marks{TaskHours: 100})},
			"Against what was, over 10 h the present policy would have run as many task-hours (100.2 instead of 100.0), 0 minutes above 90 % CPU instead of 0, and 0 actions instead of 0.",
		},
	} {
		r := Result{Options: o, Outcomes: []Outcome{c.mine, c.ref}}
		if c.ref.Name != AsItWas {
			r.Present = &Candidate{}
		}
		if got := r.Verdict(); got != c.want {
			t.Errorf("verdict\n%s\nwant\n%s", got, c.want)
		}
	}
}

// The same options give the same result, whichever run ends first, and its page is whole.
func TestRunIsTheSameTwice(t *testing.T) {
	t.Parallel()
	h, _, _ := past(t, loads["bursts"], "native", 7*time.Hour)
	rec, err := h.Record()
	if err != nil {
		t.Fatal(err)
	}
	native := Native("native target tracking", baseline.TargetTracking{Target: 60, Min: 2, Max: 20})
	last := 0
	o := Options{
		Record: rec, Proposed: Default("proposed policy", 2, 20), Present: &native, Start: trial.EC2Warm, Seed: 1, Seeds: 3, Limit: 90, TaskHour: 0.05,
		Progress: func(done, all int) {
			if done != last+1 || all != 6 {
				t.Errorf("run %d of %d is done after %d", done, all, last)
			}
			last = done
		},
	}
	a, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Progress = nil
	b, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a.Outcomes, b.Outcomes); d != "" || a.Verdict() != b.Verdict() {
		t.Errorf("two runs differ (-first +second):\n%s", d)
	}
	if len(a.Outcomes) != 3 || a.Reference().Name != "native target tracking" || len(a.Proposed().Orders) == 0 || a.Proposed().Orders[0].Because == "" {
		t.Errorf("outcomes %+v", a.Outcomes)
	}
	var page strings.Builder
	if err := report.HTML(&page, a.Page("plan", nil)); err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"would have run", "proposed policy", AsItWas, "What each policy would have come to"} {
		if !strings.Contains(page.String(), w) {
			t.Errorf("the report lacks %q", w)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		100 * time.Millisecond: "100 ms", 90 * time.Second: "90 s", 4 * time.Minute: "4 min", time.Hour: "1 h", 150 * time.Minute: "2 h 30 min",
		14 * 24 * time.Hour: "14 days", 335 * time.Hour: "13 days 23 h", 24 * time.Hour: "1 day",
	} {
		if got := words(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
