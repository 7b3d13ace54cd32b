package calendar_test

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine that lacks its own

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

// parse reads a window that must be without fault.
func parse(tb testing.TB, words calendar.Words) calendar.Window {
	tb.Helper()
	w, faults := calendar.Parse(words)
	if len(faults) > 0 {
		tb.Fatalf("parse %+v: %+v", words, faults)
	}
	return w
}

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// edge writes an edge as people read it: in the window's zone.
func edge(w calendar.Window, at time.Time, opens bool) string {
	word := "closes "
	if opens {
		word = "opens "
	}
	return word + at.In(w.Zone()).Format("Mon 2006-01-02T15:04Z07:00")
}

// forward lists the edges in (from, to] by Next, backward in [from, to] by Previous.
func forward(w calendar.Window, from, to time.Time) []string {
	var edges []string
	at, opens, ok := w.Next(from)
	for ok && !at.After(to) {
		edges = append(edges, edge(w, at, opens))
		at, opens, ok = w.Next(at)
	}
	return edges
}

func backward(w calendar.Window, from, to time.Time) []string {
	var edges []string
	at, opened, ok := w.Previous(to)
	for ok && !at.Before(from) {
		edges = append(edges, edge(w, at, opened))
		at, opened, ok = w.Previous(at.Add(-time.Nanosecond))
	}
	slices.Reverse(edges)
	return edges
}

func TestEdges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		words    calendar.Words
		from, to string // where edges are listed; no edge lies on from
		want     []string
	}{
		{
			"office hours end with the week",
			calendar.Words{Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris"},
			"2026-11-26T12:00:00Z", "2026-11-30T12:00:00Z",
			[]string{"closes Thu 2026-11-26T19:00+01:00", "opens Fri 2026-11-27T08:00+01:00", "closes Fri 2026-11-27T19:00+01:00", "opens Mon 2026-11-30T08:00+01:00"},
		},
		{
			"a night belongs to the day on which it begins",
			calendar.Words{Days: "fri", From: "22:00", To: "06:00"},
			"2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z",
			[]string{"opens Fri 2026-11-27T22:00Z", "closes Sat 2026-11-28T06:00Z"},
		},
		{
			"one time for both is a whole day from there",
			calendar.Words{Days: "wed", From: "09:30", To: "09:30"},
			"2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z",
			[]string{"opens Wed 2026-11-25T09:30Z", "closes Thu 2026-11-26T09:30Z"},
		},
		{
			"a time alone closes at midnight",
			calendar.Words{Days: "wed", From: "09:30"},
			"2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z",
			[]string{"opens Wed 2026-11-25T09:30Z", "closes Thu 2026-11-26T00:00Z"},
		},
		{
			"a closing time alone opens at midnight",
			calendar.Words{Days: "wed", To: "09:30"},
			"2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z",
			[]string{"opens Wed 2026-11-25T00:00Z", "closes Wed 2026-11-25T09:30Z"},
		},
		{
			"midnight as 00:00 closes on the next day",
			calendar.Words{Days: "wed", From: "18:00", To: "00:00"},
			"2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z",
			[]string{"opens Wed 2026-11-25T18:00Z", "closes Thu 2026-11-26T00:00Z"},
		},
		{
			"whole days that adjoin are one, over the end of the week",
			calendar.Words{Days: "fri-mon"},
			"2026-11-25T00:00:00Z", "2026-12-05T00:00:00Z",
			[]string{"opens Fri 2026-11-27T00:00Z", "closes Tue 2026-12-01T00:00Z", "opens Fri 2026-12-04T00:00Z"},
		},
		{"every day around the clock has no edge", calendar.Words{}, "1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z", nil},
		{"from noon to noon every day has no edge", calendar.Words{From: "12:00", To: "12:00", TimeZone: "Africa/Cairo"}, "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z", nil},
		{
			"dates bound where the window begins, not where it ends",
			calendar.Words{From: "20:00", To: "04:00", StartDate: "2026-11-26", EndDate: "2026-11-27"},
			"2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z",
			[]string{"opens Thu 2026-11-26T20:00Z", "closes Fri 2026-11-27T04:00Z", "opens Fri 2026-11-27T20:00Z", "closes Sat 2026-11-28T04:00Z"},
		},
		{
			"years around the clock have two edges",
			calendar.Words{StartDate: "2020-01-01", EndDate: "2026-12-31", TimeZone: "Asia/Kolkata"},
			"1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z",
			[]string{"opens Wed 2020-01-01T00:00+05:30", "closes Fri 2027-01-01T00:00+05:30"},
		},
		{"a first date alone", calendar.Words{StartDate: "2026-12-01"}, "1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z", []string{"opens Tue 2026-12-01T00:00Z"}},
		{"a last date alone", calendar.Words{EndDate: "2026-12-01"}, "1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z", []string{"closes Wed 2026-12-02T00:00Z"}},
		{
			"dates before 1970",
			calendar.Words{Days: "wed", From: "08:00", To: "09:00"},
			"1969-12-20T00:00:00Z", "1970-01-01T00:00:00Z",
			[]string{"opens Wed 1969-12-24T08:00Z", "closes Wed 1969-12-24T09:00Z", "opens Wed 1969-12-31T08:00Z", "closes Wed 1969-12-31T09:00Z"},
		},
		{
			"one-off",
			calendar.Words{Start: "2026-11-27T08:00", End: "2026-11-28T20:30:15", TimeZone: "America/New_York"},
			"1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z",
			[]string{"opens Fri 2026-11-27T08:00-05:00", "closes Sat 2026-11-28T20:30-05:00"},
		},
		{
			"one-off with offsets",
			calendar.Words{Start: "2026-11-27T08:00+01:00", End: "2026-11-27T19:00:00Z"},
			"1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z",
			[]string{"opens Fri 2026-11-27T07:00Z", "closes Fri 2026-11-27T19:00Z"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := parse(t, tt.words)
			checkEdges(t, w, utc(t, tt.from), utc(t, tt.to), tt.want)
		})
	}
}

// checkEdges wants the same edges forward and backward, and Open to agree with
// each of them to the nanosecond.
func checkEdges(t *testing.T, w calendar.Window, from, to time.Time, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, forward(w, from, to)); diff != "" {
		t.Errorf("edges by Next (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, backward(w, from, to)); diff != "" {
		t.Errorf("edges by Previous (-want +got):\n%s", diff)
	}
	at, opens, ok := w.Next(from)
	for ok && !at.After(to) {
		if w.Open(at.Add(-time.Nanosecond)) == opens || w.Open(at) != opens {
			t.Errorf("%s, but Open is %t just before and %t there", edge(w, at, opens), w.Open(at.Add(-time.Nanosecond)), w.Open(at))
		}
		at, opens, ok = w.Next(at)
	}
}

func TestZeroWindow(t *testing.T) {
	t.Parallel()
	var w calendar.Window
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0), utc(t, "2026-11-26T12:00:00Z")} {
		_, _, next := w.Next(at)
		_, _, previous := w.Previous(at)
		if w.Open(at) || next || previous {
			t.Errorf("at %s: open %t, next edge %t, previous edge %t", at, w.Open(at), next, previous)
		}
	}
	if w.Zone() != nil {
		t.Errorf("the zone is %s", w.Zone())
	}
}

// TestAlwaysOpen: what has no bound has no edge, however far one looks.
func TestAlwaysOpen(t *testing.T) {
	t.Parallel()
	at := utc(t, "2026-11-26T12:00:00Z")
	tests := []struct {
		words                calendar.Words
		hasPrevious, hasNext bool
	}{
		{calendar.Words{}, false, false},
		{calendar.Words{StartDate: "2026-01-01"}, true, false},
		{calendar.Words{EndDate: "2026-12-31"}, false, true},
		{calendar.Words{StartDate: "2026-01-01", EndDate: "2026-12-31"}, true, true},
	}
	for _, tt := range tests {
		w := parse(t, tt.words)
		_, opens, hasNext := w.Next(at)
		_, opened, hasPrevious := w.Previous(at)
		if !w.Open(at) || hasNext != tt.hasNext || hasPrevious != tt.hasPrevious || opens || opened != hasPrevious {
			t.Errorf("%+v: open %t, has a next edge %t (opens %t), has a previous edge %t (opened %t)", tt.words, w.Open(at), hasNext, opens, hasPrevious, opened)
		}
	}
}

// TestMinuteAfterMidnight asks in Newfoundland, where a minute after midnight the
// clock was put back to 23:01 of the day before: at midnight the window of two
// dates ago was still open, an hour later that of tomorrow was.
func TestMinuteAfterMidnight(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, days, from, to string
		at, next, previous   string
	}{
		{"two dates ago", "fri", "23:30", "23:30", "2009-11-01T00:00:30-02:30", "2009-10-31T23:30:00-03:30", "2009-10-30T23:30:00-02:30"},
		{"tomorrow", "sun", "00:00", "02:00", "2009-10-31T23:30:00-03:30", "2009-11-01T02:00:00-03:30", "2009-11-01T00:00:00-02:30"},
	}
	for _, tt := range tests {
		w := parse(t, calendar.Words{Days: tt.days, From: tt.from, To: tt.to, TimeZone: "America/St_Johns"})
		at := utc(t, tt.at)
		next, _, _ := w.Next(at)
		previous, _, _ := w.Previous(at)
		if !w.Open(at) || !next.Equal(utc(t, tt.next)) || !previous.Equal(utc(t, tt.previous)) {
			t.Errorf("%s: open %t, next edge %s, previous edge %s", tt.name, w.Open(at), next.In(w.Zone()), previous.In(w.Zone()))
		}
	}
}

// TestWeekdays reads days by where they are open in the week from Monday
// 2026-11-23, one letter a day.
func TestWeekdays(t *testing.T) {
	t.Parallel()
	tests := []struct{ days, want string }{
		{"", "MTWTFSS"},
		{"mon", "M------"},
		{"sun", "------S"},
		{"mon-fri", "MTWTF--"},
		{"sat,sun", "-----SS"},
		{"sun,sat", "-----SS"},
		{"mon,wed-fri", "M-WTF--"},
		{"fri-mon", "M---FSS"},
		{"sun-sat", "MTWTFSS"},
		{"tue-mon", "MTWTFSS"},
		{"wed-wed", "--W----"},
		{"mon,mon-tue", "MT-----"},
		{"MON,Tuesday - THURSDAY , sunday", "MTWT--S"},
	}
	monday := utc(t, "2026-11-23T12:00:00Z")
	for _, tt := range tests {
		w := parse(t, calendar.Words{Days: tt.days})
		got := []byte("MTWTFSS")
		for i := range got {
			if !w.Open(monday.AddDate(0, 0, i)) {
				got[i] = '-'
			}
		}
		if string(got) != tt.want {
			t.Errorf("days %q are %s, want %s", tt.days, got, tt.want)
		}
	}
}

// TestClocksMoveRarely holds the zones to what Open, Next and Previous take for
// granted, in the zones that come closest to the contrary: no clock is 16 hours
// off UTC, none is moved twice within 90 hours, none by more than a day. A scan
// of all 598 zones of the database of 2026 found nothing closer.
func TestClocksMoveRarely(t *testing.T) {
	t.Parallel()
	extremes := []string{
		"Africa/Freetown", "Africa/Tunis", "America/Adak", "America/Juneau", "America/Metlakatla", "America/Recife", "Asia/Hebron", "Asia/Manila",
		"Europe/Simferopol", "Europe/Vienna", "Pacific/Guam", "Pacific/Kwajalein",
	}
	for _, name := range append(extremes, restless...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			const step, most = 4 * time.Hour, 16 * 60 * 60
			end := utc(t, "2100-01-01T00:00:00Z")
			moved := utc(t, "1800-01-01T00:00:00Z")
			for at := moved; at.Before(end); at = at.Add(step) {
				was, is := offset(at.Add(-step), zone), offset(at, zone)
				if is <= -most || is >= most {
					t.Fatalf("at %s the clock is %d s off UTC", at, is)
				}
				if is == was {
					continue
				}
				if at.Sub(moved) <= 90*time.Hour || is-was > wholeDay || was-is > wholeDay {
					t.Fatalf("at %s the clock moves by %d s, %s after the last move", at, is-was, at.Sub(moved))
				}
				moved = at
			}
		})
	}
}

// TestLastDayOfALeapYear asks where time.Time.ZoneBounds is wrong, see clock.go:
// a search that relied on it never ended.
func TestLastDayOfALeapYear(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Africa/Cairo", "Europe/Paris", "America/Santiago"} {
		w := parse(t, calendar.Words{From: "08:00", To: "09:00", TimeZone: zone})
		for _, year := range []int{2024, 2040} {
			from := time.Date(year, 12, 31, 1, 0, 0, 0, w.Zone())
			want := []string{
				edge(w, from.Add(7*time.Hour), true), edge(w, from.Add(8*time.Hour), false),
				edge(w, from.Add(31*time.Hour), true), edge(w, from.Add(32*time.Hour), false),
			}
			checkEdges(t, w, from, from.Add(48*time.Hour), want)
		}
	}
}
