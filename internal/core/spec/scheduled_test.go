package spec_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine that lacks its own

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestValidateScheduled(t *testing.T) {
	t.Parallel()
	office := spec.Scheduled{Name: "office", Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris", MinCapacity: new(10)}
	with := func(edit func(*spec.Scheduled)) []spec.Scheduled {
		w := office
		edit(&w)
		return []spec.Scheduled{w}
	}
	bounds := func(least, most *int) []spec.Scheduled {
		return with(func(w *spec.Scheduled) { w.MinCapacity, w.MaxCapacity = least, most })
	}
	many := func(n int) []spec.Scheduled {
		windows := slices.Repeat([]spec.Scheduled{office}, n)
		for i := range windows {
			windows[i].Name = fmt.Sprintf("w%d", i)
		}
		return windows
	}
	const (
		within = "scheduled 0"
		toMin  = "use 0 up to the service's maxCapacity"
		toMax  = "use 1 up to the service's maxCapacity"
		apart  = "lower minCapacity or raise maxCapacity"
	)
	tests := []struct {
		name    string
		windows []spec.Scheduled // of a service with 2 to 60 tasks
		want    []spec.Problem
	}{
		{"office hours", with(func(*spec.Scheduled) {}), nil},
		{"one-off", []spec.Scheduled{{Name: "sale", Start: "2026-11-27T08:00", End: "2026-11-28T20:00", TimeZone: "America/New_York", MinCapacity: new(20)}}, nil},
		{"20 windows", many(spec.MaxEntries), nil},
		{"21 windows", many(spec.MaxEntries + 1), []spec.Problem{problem("scheduled", "21 entries are more than 20", "keep the ones that matter")}},

		{"a time", with(func(w *spec.Scheduled) { w.From = "8" }), []spec.Problem{
			problem(within+" from", `from "8" is not a time of day`, "write hours and minutes on the 24-hour clock with two digits each, such as 08:00"),
		}},
		{"the zone of the machine, of the second window", append(many(1), with(func(w *spec.Scheduled) { w.TimeZone = "Local" })...), []spec.Problem{
			problem("scheduled 1 timeZone", `timeZone "Local" depends on the machine`, "use a name of the IANA time zone database, such as Europe/Paris or UTC"),
		}},
		{"both forms", with(func(w *spec.Scheduled) {
			*w = spec.Scheduled{Name: "w", EndDate: "2026-12-01", Start: "2026-11-27T08:00", End: "2026-11-28T20:00", MinCapacity: new(3)}
		}), []spec.Problem{
			problem(within+" endDate", `endDate "2026-12-01" is of a recurring window, start and end are of a one-off one`, "remove endDate, or remove start and end"),
		}},
		{"every field of a recurring window, and the bounds", []spec.Scheduled{
			{Name: "w", Days: "d", From: "f", To: "t", TimeZone: "Z", StartDate: "s", EndDate: "e", MinCapacity: new(-1)},
		}, []spec.Problem{
			problem(within+" days", `days "d": "d" is not a weekday`, "write weekdays as mon-fri, sat,sun or mon,wed-fri"),
			problem(within+" from", `from "f" is not a time of day`, "write hours and minutes on the 24-hour clock with two digits each, such as 08:00"),
			problem(within+" to", `to "t" is not a time of day`, "write hours and minutes on the 24-hour clock with two digits each, such as 08:00"),
			problem(within+" timeZone", `timeZone "Z" is not known`, "use a name of the IANA time zone database, such as Europe/Paris or UTC"),
			problem(within+" startDate", `startDate "s" is not a date`, "write a date that exists as year-month-day, such as 2026-12-01"),
			problem(within+" endDate", `endDate "e" is not a date`, "write a date that exists as year-month-day, such as 2026-12-01"),
			problem(within+" minCapacity", "minCapacity -1 is not between 0 and maxCapacity 60", toMin),
		}},
		{"a percent sign in a field", with(func(w *spec.Scheduled) { w.Days = "%s" }), []spec.Problem{
			problem(within+" days", `days "%s": "%s" is not a weekday`, "write weekdays as mon-fri, sat,sun or mon,wed-fri"),
		}},

		{"no bound", bounds(nil, nil), []spec.Problem{problem(within, "the window changes nothing", "give minCapacity, maxCapacity or both")}},
		{"min of 1", bounds(new(1), nil), nil},
		{"min of the service's max", bounds(new(60), nil), nil},
		{"min above the service's max", bounds(new(61), nil), []spec.Problem{
			problem(within+" minCapacity", "minCapacity 61 is not between 0 and maxCapacity 60", toMin),
		}},
		{"min below zero", bounds(new(-1), nil), []spec.Problem{
			problem(within+" minCapacity", "minCapacity -1 is not between 0 and maxCapacity 60", toMin),
		}},
		{"asleep with CPU only", bounds(new(0), nil), []spec.Problem{
			problem(within+" minCapacity", "minCapacity 0 while the window is open needs a policy that sees demand at zero tasks",
				waysToZero),
		}},
		{"max of the service's min", bounds(nil, new(2)), nil},
		{"max of the service's max", bounds(nil, new(60)), nil},
		{"max below the service's min", bounds(nil, new(1)), []spec.Problem{
			problem(within, "minCapacity 2 is above maxCapacity 1 while the window is open", apart),
		}},
		{"max below the service's min, and a min", bounds(new(1), new(1)), nil},
		{"max above the service's", bounds(nil, new(61)), []spec.Problem{
			problem(within+" maxCapacity", "maxCapacity 61 is not between 1 and the service's 60", toMax),
		}},
		{"max of nothing", bounds(new(1), new(0)), []spec.Problem{
			problem(within+" maxCapacity", "maxCapacity 0 is not between 1 and the service's 60", toMax),
			problem(within, "minCapacity 1 is above maxCapacity 0 while the window is open", apart),
		}},
		{"min is max", bounds(new(7), new(7)), nil},
		{"min above max", bounds(new(8), new(7)), []spec.Problem{
			problem(within, "minCapacity 8 is above maxCapacity 7 while the window is open", apart),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := service()
			s.Scheduled = tt.windows
			if diff := cmp.Diff(tt.want, s.Validate()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestValidateScheduledSleep lets a window lower minCapacity to 0 where a policy
// sees demand at zero tasks, or where the service's own may be 0.
func TestValidateScheduledSleep(t *testing.T) {
	t.Parallel()
	night := []spec.Scheduled{{Name: "night", From: "22:00", To: "06:00", MinCapacity: new(0)}}
	total := custom(func(*spec.Metric) {})
	for _, s := range []spec.Service{
		{MinCapacity: 2, MaxCapacity: 60, Policies: []spec.Policy{cpu(60), total}, Scheduled: night},
		{MinCapacity: 0, MaxCapacity: 60, Policies: []spec.Policy{total}, Scheduled: night},
	} {
		if problems := s.Validate(); len(problems) > 0 {
			t.Errorf("minCapacity %d: %+v", s.MinCapacity, problems)
		}
	}
	// The service's own minCapacity is told once, not again for its window.
	s := spec.Service{MinCapacity: 0, MaxCapacity: 60, Policies: []spec.Policy{cpu(60)}, Scheduled: night}
	if problems := s.Validate(); len(problems) != 1 || !slices.Equal(problems[0].Path, []string{"minCapacity"}) {
		t.Errorf("asleep with CPU only: %+v", problems)
	}
}

// TestScheduledPath follows a fault from the document down.
func TestScheduledPath(t *testing.T) {
	t.Parallel()
	d := document()
	for _, name := range []fleet.ServiceName{"a", "b"} {
		s := service()
		s.Scheduled = []spec.Scheduled{{Name: "ok", MinCapacity: new(3), TimeZone: "Europe/Paris"}, {Name: "w", MinCapacity: new(3), TimeZone: "Europe/Pariss"}}
		d.Services[name] = s
	}
	const remedy = "did you mean Europe/Paris? Use a name of the IANA time zone database, such as Europe/Paris or UTC"
	want := []spec.Problem{
		problem("services a scheduled 1 timeZone", `timeZone "Europe/Pariss" is not known`, remedy),
		problem("services b scheduled 1 timeZone", `timeZone "Europe/Pariss" is not known`, remedy),
	}
	if diff := cmp.Diff(want, d.Validate()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestScheduledWindow sends every field to its place: each one, changed alone,
// changes the answer at an instant.
func TestScheduledWindow(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 11, 30, 8, 30, 0, 0, time.UTC)
	tests := []struct {
		window spec.Scheduled
		open   bool
	}{
		{spec.Scheduled{}, true},
		{spec.Scheduled{Days: "mon"}, true},
		{spec.Scheduled{Days: "tue-sun"}, false},
		{spec.Scheduled{From: "08:30"}, true},
		{spec.Scheduled{From: "08:31"}, false},
		{spec.Scheduled{To: "08:31"}, true},
		{spec.Scheduled{To: "08:30"}, false},
		{spec.Scheduled{From: "09:30", TimeZone: "Europe/Paris"}, true},
		{spec.Scheduled{From: "09:30", TimeZone: "Europe/London"}, false},
		{spec.Scheduled{StartDate: "2026-11-30"}, true},
		{spec.Scheduled{StartDate: "2026-12-01"}, false},
		{spec.Scheduled{EndDate: "2026-11-30"}, true},
		{spec.Scheduled{EndDate: "2026-11-29"}, false},
		{spec.Scheduled{Start: "2026-11-30T08:30", End: "2026-11-30T08:31"}, true},
		{spec.Scheduled{Start: "2026-11-30T08:31", End: "2026-11-30T08:32"}, false},
		{spec.Scheduled{Start: "2026-11-30T08:29", End: "2026-11-30T08:30"}, false},
	}
	zones := calendar.Zones{}
	for _, tt := range tests {
		w, faults := tt.window.Window()
		kept, more := tt.window.WindowIn(zones)
		if len(faults)+len(more) > 0 || w.Open(monday) != tt.open || kept.Open(monday) != tt.open {
			t.Errorf("%+v: faults %+v %+v, open %t, with zones kept %t; want %t", tt.window, faults, more, w.Open(monday), kept.Open(monday), tt.open)
		}
	}
	if len(zones) != 3 {
		t.Errorf("kept %d zones, want UTC, Paris and London", len(zones))
	}
}
