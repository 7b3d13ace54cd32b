package spec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestGroupDefaults(t *testing.T) {
	t.Parallel()
	var g spec.Group
	if diff := cmp.Diff(spec.ResolvedGroupOut{LaunchBackoff: 5 * time.Minute, MaxLaunchBackoff: 30 * time.Minute, FallbackCoolOff: 30 * time.Minute}, g.Out()); diff != "" {
		t.Errorf("out (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spec.ResolvedGroupIn{
		Consolidate: true, Budget: []spec.InstanceLimit{{Percent: 10, Period: 15 * minute}}, EmptyBudget: []spec.InstanceLimit{{Percent: 50, Period: 5 * minute}},
		MaxDraining: 10, MinSavings: 0.5, CoolOff: 10 * time.Minute, StabilizationWindow: 3 * time.Minute, DrainTimeout: 30 * time.Minute,
		OnDrainTimeout: "undo", StandaloneTasks: "leave",
	}, g.In()); diff != "" {
		t.Errorf("in (-want +got):\n%s", diff)
	}
}

// A zero that was written is a zero, and every other word what it says.
func TestGroupKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(label string) time.Duration {
			return time.Duration(rapid.IntRange(0, 3600).Draw(t, label)) * time.Second
		}
		out := spec.ResolvedGroupOut{LaunchBackoff: seconds("first"), MaxLaunchBackoff: seconds("most"), Fallback: "other", FallbackCoolOff: seconds("back")}
		in := spec.ResolvedGroupIn{
			Disabled: rapid.Bool().Draw(t, "disabled"), Consolidate: rapid.Bool().Draw(t, "consolidate"),
			Budget:      []spec.InstanceLimit{{Instances: rapid.IntRange(1, 9).Draw(t, "budget"), Period: minute}},
			EmptyBudget: []spec.InstanceLimit{{Instances: rapid.IntRange(1, 9).Draw(t, "empty"), Period: minute}},
			MaxDraining: rapid.IntRange(1, 100).Draw(t, "draining"), MinSavings: rapid.Float64Range(0, 100).Draw(t, "savings"),
			CoolOff: seconds("coolOff"), StabilizationWindow: seconds("window"), DrainTimeout: seconds("timeout"),
			OnDrainTimeout:   rapid.SampledFrom([]string{spec.DrainUndo, spec.DrainTerminate}).Draw(t, "onTimeout"),
			StandaloneTasks:  rapid.SampledFrom([]string{spec.StandaloneWait, spec.StandaloneLeave}).Draw(t, "standalone"),
			Windows:          []spec.DisruptionWindow{{Name: "night"}},
			ManageProtection: rapid.Bool().Draw(t, "protection"),
		}
		g := spec.Group{
			ScaleOut: spec.GroupScaleOut{
				LaunchBackoff: new(spec.Duration(out.LaunchBackoff)), MaxLaunchBackoff: new(spec.Duration(out.MaxLaunchBackoff)),
				Fallback: out.Fallback, FallbackCoolOff: new(spec.Duration(out.FallbackCoolOff)),
			},
			ScaleIn: spec.GroupScaleIn{
				Disabled: in.Disabled, Consolidate: &in.Consolidate, Budget: in.Budget, EmptyBudget: in.EmptyBudget, MaxDraining: in.MaxDraining,
				MinSavings: &in.MinSavings, CoolOff: new(spec.Duration(in.CoolOff)), StabilizationWindow: new(spec.Duration(in.StabilizationWindow)),
				DrainTimeout: new(spec.Duration(in.DrainTimeout)), OnDrainTimeout: in.OnDrainTimeout, StandaloneTasks: in.StandaloneTasks,
				Windows: in.Windows, ManageProtection: in.ManageProtection,
			},
		}
		if diff := cmp.Diff(out, g.Out()); diff != "" {
			t.Fatalf("out (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(in, g.In()); diff != "" {
			t.Fatalf("in (-want +got):\n%s", diff)
		}
	})
}

func TestHeadroomShares(t *testing.T) {
	t.Parallel()
	if cpu, memory := (spec.Headroom{}).Shares(); cpu != 0 || memory != 0 {
		t.Errorf("none is %v and %v", cpu, memory)
	}
	if cpu, memory := (spec.Headroom{CPU: new(spec.Percent(0.1)), Memory: new(spec.Percent(0.2))}).Shares(); cpu != 0.1 || memory != 0.2 {
		t.Errorf("10%% and 20%% are %v and %v", cpu, memory)
	}
}

func TestLaunchBackoff(t *testing.T) {
	t.Parallel()
	backoff := func(first, most spec.Duration) spec.Group {
		g := spec.Group{}
		if first != 0 {
			g.ScaleOut.LaunchBackoff = &first
		}
		if most != 0 {
			g.ScaleOut.MaxLaunchBackoff = &most
		}
		return g
	}
	for _, c := range []struct {
		name     string
		g        spec.Group
		failures int
		want     time.Duration
	}{
		{"no failure", backoff(0, 0), 0, 0},
		{"less than none", backoff(0, 0), -1, 0},
		{"the first", backoff(0, 0), 1, 5 * time.Minute},
		{"the second", backoff(0, 0), 2, 10 * time.Minute},
		{"the third", backoff(0, 0), 3, 20 * time.Minute},
		{"the fourth", backoff(0, 0), 4, 30 * time.Minute},
		{"eight hours of failures", backoff(0, 0), 1 << 40, 30 * time.Minute},
		{"from a minute to a day", backoff(minute, 24*60*minute), 99, 24 * time.Hour},
		{"a minute, doubled ten times", backoff(minute, 24*60*minute), 11, 1024 * time.Minute},
		{"a first wait past the default end", backoff(60*minute, 0), 3, time.Hour},
		{"an end below the default first wait", backoff(0, minute), 1, time.Minute},
	} {
		if got := c.g.Out().Wait(c.failures); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestInstanceLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		limit spec.InstanceLimit
		size  int
		want  int
	}{
		{"so many", spec.InstanceLimit{Instances: 3}, 100, 3},
		{"a tenth", spec.InstanceLimit{Percent: 10}, 100, 10},
		{"rounded up", spec.InstanceLimit{Percent: 10}, 26, 3},
		{"exact in decimal", spec.InstanceLimit{Percent: 7}, 100, 7},
		{"at least one", spec.InstanceLimit{Percent: 0.1}, 2, 1},
		{"of an empty group", spec.InstanceLimit{Percent: 50}, 0, 1},
		{"all", spec.InstanceLimit{Percent: 100}, 26, 26},
	} {
		if got := c.limit.Of(c.size); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBudgetsAt(t *testing.T) {
	t.Parallel()
	one, two := spec.InstanceLimit{Instances: 1, Period: minute}, spec.InstanceLimit{Instances: 2, Period: minute}
	day := spec.DisruptionWindow{Name: "day", From: "08:00", To: "20:00", Budget: []spec.InstanceLimit{one}}
	lunch := spec.DisruptionWindow{Name: "lunch", From: "12:00", To: "14:00", Budget: []spec.InstanceLimit{two}}
	sale := spec.DisruptionWindow{Name: "sale", Start: "2026-11-23T13:00", End: "2026-11-23T14:00"}
	broken := spec.DisruptionWindow{Name: "broken", From: "25:00", Budget: []spec.InstanceLimit{two}}
	own := spec.Group{}.In()
	for _, c := range []struct {
		name    string
		windows []spec.DisruptionWindow
		at      string
		want    spec.Budgets
	}{
		{"no window", nil, "12:00", spec.Budgets{All: own.Budget, Empty: own.EmptyBudget}},
		{"none is open", []spec.DisruptionWindow{day, lunch}, "07:59", spec.Budgets{All: own.Budget, Empty: own.EmptyBudget}},
		{"one replaces both", []spec.DisruptionWindow{day, lunch}, "08:00", spec.Budgets{
			All: []spec.InstanceLimit{one}, Empty: []spec.InstanceLimit{one}, Windows: []string{"day"},
		}},
		{"of two each holds", []spec.DisruptionWindow{day, lunch}, "12:00", spec.Budgets{
			All: []spec.InstanceLimit{one, two}, Empty: []spec.InstanceLimit{one, two}, Windows: []string{"day", "lunch"},
		}},
		{"one without a budget forbids", []spec.DisruptionWindow{day, sale}, "13:30", spec.Budgets{
			All: []spec.InstanceLimit{one}, Empty: []spec.InstanceLimit{one}, Windows: []string{"day", "sale"}, Forbidden: true,
		}},
		{"one that cannot be read forbids", []spec.DisruptionWindow{broken}, "00:00", spec.Budgets{
			All: []spec.InstanceLimit{two}, Empty: []spec.InstanceLimit{two}, Windows: []string{"broken"}, Forbidden: true,
		}},
	} {
		now, err := time.Parse("2006-01-02 15:04", "2026-11-23 "+c.at)
		if err != nil {
			t.Fatal(err)
		}
		g := spec.Group{ScaleIn: spec.GroupScaleIn{Windows: c.windows}}
		if diff := cmp.Diff(c.want, g.In().At(now, calendar.Zones{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDisruptionWindow(t *testing.T) {
	t.Parallel()
	w, faults := spec.DisruptionWindow{Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris"}.Window()
	if len(faults) > 0 {
		t.Fatalf("faults %v, want none", faults)
	}
	for at, want := range map[string]bool{ // Paris is one hour ahead
		"2026-11-23T06:59:59Z": false, "2026-11-23T07:00:00Z": true, "2026-11-23T17:59:59Z": true, "2026-11-23T18:00:00Z": false, "2026-11-22T12:00:00Z": false,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Open(now); got != want {
			t.Errorf("open at %s: %t, want %t", at, got, want)
		}
	}
	if _, faults := (spec.DisruptionWindow{From: "25:00"}).Window(); len(faults) != 1 || faults[0].Field != "from" {
		t.Errorf("faults %v, want one of from", faults)
	}
}
