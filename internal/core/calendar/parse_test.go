package calendar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

func fault(field, message, remedy string) calendar.Fault {
	return calendar.Fault{Field: field, Message: message, Remedy: remedy}
}

const (
	writeDays  = "write weekdays as mon-fri, sat,sun or mon,wed-fri"
	writeTime  = "write hours and minutes on the 24-hour clock with two digits each, such as 08:00"
	writeDate  = "write a date that exists as year-month-day, such as 2026-12-01"
	writeZone  = "use a name of the IANA time zone database, such as Europe/Paris or UTC"
	writeStart = "write a date and time that exist, such as 2026-11-27T08:00; midnight is T00:00"
	writeLater = "write an end after the start, both without offset or both with one"
	widen      = "change days or the dates so that the window begins at least once"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		words calendar.Words
		want  []calendar.Fault
	}{
		{"an unknown day", calendar.Words{Days: "mon,tomorrow"}, []calendar.Fault{fault("days", `days "mon,tomorrow": "tomorrow" is not a weekday`, writeDays)}},
		{"a day of two letters", calendar.Words{Days: "mo"}, []calendar.Fault{fault("days", `days "mo": "mo" is not a weekday`, writeDays)}},
		{"a day of four letters", calendar.Words{Days: "tues"}, []calendar.Fault{fault("days", `days "tues": "tues" is not a weekday`, writeDays)}},
		{"a comma too many", calendar.Words{Days: "mon,"}, []calendar.Fault{fault("days", `days "mon,": "" is not a weekday`, writeDays)}},
		{"half a range", calendar.Words{Days: "mon-"}, []calendar.Fault{fault("days", `days "mon-": "" is not a weekday`, writeDays)}},
		{"a range of three", calendar.Words{Days: "mon-wed-fri"}, []calendar.Fault{fault("days", `days "mon-wed-fri": "wed-fri" is not a weekday`, writeDays)}},
		{"both ends of a range", calendar.Words{Days: "foo-bar, sat"}, []calendar.Fault{
			fault("days", `days "foo-bar, sat": "foo" is not a weekday`, writeDays),
			fault("days", `days "foo-bar, sat": "bar" is not a weekday`, writeDays),
		}},

		{"an hour of one digit", calendar.Words{From: "8:00"}, []calendar.Fault{fault("from", `from "8:00" is not a time of day`, writeTime)}},
		{"minute 60", calendar.Words{From: "08:60"}, []calendar.Fault{fault("from", `from "08:60" is not a time of day`, writeTime)}},
		{"hour 25", calendar.Words{To: "25:00"}, []calendar.Fault{fault("to", `to "25:00" is not a time of day`, writeTime)}},
		{"past the end of the day", calendar.Words{To: "24:01"}, []calendar.Fault{fault("to", `to "24:01" is not a time of day`, writeTime)}},
		{"half past of the 12-hour clock", calendar.Words{To: "07:30 pm"}, []calendar.Fault{fault("to", `to "07:30 pm" is not a time of day`, writeTime)}},
		{"seconds of a day", calendar.Words{To: "19:00:00"}, []calendar.Fault{fault("to", `to "19:00:00" is not a time of day`, writeTime)}},
		{"a line too many", calendar.Words{To: "19:00\n"}, []calendar.Fault{fault("to", `to "19:00\n" is not a time of day`, writeTime)}},
		{"opens at the end of the day", calendar.Words{From: "24:00", To: "24:00"}, []calendar.Fault{
			fault("from", `from "24:00" is the end of the day`, "write 00:00, and the next day in days"),
		}},

		{"an unknown zone", calendar.Words{TimeZone: "Europe/Pariss"}, []calendar.Fault{fault("timeZone", `timeZone "Europe/Pariss" is not known`, writeZone)}},
		{"the zone of the machine", calendar.Words{TimeZone: "Local"}, []calendar.Fault{fault("timeZone", `timeZone "Local" depends on the machine`, writeZone)}},
		{"the zone file of the machine", calendar.Words{TimeZone: "localtime"}, []calendar.Fault{fault("timeZone", `timeZone "localtime" is not known`, writeZone)}},
		{"a folder of some machines", calendar.Words{TimeZone: "posix/Europe/Paris"}, []calendar.Fault{fault("timeZone", `timeZone "posix/Europe/Paris" is not known`, writeZone)}},
		{"a path", calendar.Words{TimeZone: "/etc/localtime"}, []calendar.Fault{fault("timeZone", `timeZone "/etc/localtime" is not known`, writeZone)}},
		{"a way out of the zones", calendar.Words{TimeZone: "Europe/../../../../etc/localtime"}, []calendar.Fault{
			fault("timeZone", `timeZone "Europe/../../../../etc/localtime" is not known`, writeZone),
		}},
		{"an offset for a zone", calendar.Words{TimeZone: "+01:00"}, []calendar.Fault{fault("timeZone", `timeZone "+01:00" is not known`, writeZone)}},
		{"a folder of zones", calendar.Words{TimeZone: "Europe"}, []calendar.Fault{fault("timeZone", `timeZone "Europe" is not known`, writeZone)}},

		{"a day that no month has", calendar.Words{StartDate: "2026-02-29"}, []calendar.Fault{fault("startDate", `startDate "2026-02-29" is not a date`, writeDate)}},
		{"month 13", calendar.Words{EndDate: "2026-13-01"}, []calendar.Fault{fault("endDate", `endDate "2026-13-01" is not a date`, writeDate)}},
		{"a date of one digit", calendar.Words{EndDate: "2026-1-1"}, []calendar.Fault{fault("endDate", `endDate "2026-1-1" is not a date`, writeDate)}},
		{"a date with a time", calendar.Words{EndDate: "2026-12-01T00:00"}, []calendar.Fault{fault("endDate", `endDate "2026-12-01T00:00" is not a date`, writeDate)}},
		{"dates turned round", calendar.Words{StartDate: "2026-12-02", EndDate: "2026-12-01"}, []calendar.Fault{
			fault("endDate", `endDate "2026-12-01" is before startDate "2026-12-02"`, "swap the two, or write a later endDate"),
		}},
		{"no such day between the dates", calendar.Words{Days: "sat,sun", StartDate: "2026-11-23", EndDate: "2026-11-27"}, []calendar.Fault{
			fault("endDate", `the window never opens from startDate "2026-11-23" to endDate "2026-11-27": from 00:00 to 24:00 on sat,sun`, widen),
		}},
		{"a date that the clocks skip", calendar.Words{StartDate: "2011-12-30", EndDate: "2011-12-30", TimeZone: "Pacific/Apia"}, []calendar.Fault{
			fault("endDate", `the window never opens from startDate "2011-12-30" to endDate "2011-12-30": from 00:00 to 24:00`, widen),
		}},
		{"times that the clocks skip", calendar.Words{From: "02:15", To: "02:45", StartDate: "2026-03-29", EndDate: "2026-03-29", TimeZone: "Europe/Paris"}, []calendar.Fault{
			fault("endDate", `the window never opens from startDate "2026-03-29" to endDate "2026-03-29": from 02:15 to 02:45`, widen),
		}},

		{"no end", calendar.Words{Start: "2026-11-27T08:00"}, []calendar.Fault{
			fault("end", `end is missing beside start "2026-11-27T08:00"`, "give end too, such as 2026-11-27T20:00, or use from, to and days"),
		}},
		{"no start", calendar.Words{End: "2026-11-27T08:00"}, []calendar.Fault{
			fault("start", `start is missing beside end "2026-11-27T08:00"`, "give start too, such as 2026-11-27T08:00, or use from, to and days"),
		}},
		{"a date for a start", calendar.Words{Start: "2026-11-27", End: "2026-11-28T08:00"}, []calendar.Fault{fault("start", `start "2026-11-27" is not a date and time`, writeStart)}},
		{"a blank for the T", calendar.Words{Start: "2026-11-27 08:00", End: "2026-11-28T08:00"}, []calendar.Fault{fault("start", `start "2026-11-27 08:00" is not a date and time`, writeStart)}},
		{"an hour of one digit in a start", calendar.Words{Start: "2026-11-27T8:00", End: "2026-11-28T08:00"}, []calendar.Fault{fault("start", `start "2026-11-27T8:00" is not a date and time`, writeStart)}},
		{"hour 24 in an end", calendar.Words{Start: "2026-11-27T08:00", End: "2026-11-27T24:00"}, []calendar.Fault{fault("end", `end "2026-11-27T24:00" is not a date and time`, writeStart)}},
		{"parts of a second", calendar.Words{Start: "2026-11-27T08:00", End: "2026-11-27T08:00:01.5"}, []calendar.Fault{fault("end", `end "2026-11-27T08:00:01.5" is not a date and time`, writeStart)}},
		{"30 February", calendar.Words{Start: "2026-02-30T08:00", End: "2026-11-27T08:00"}, []calendar.Fault{fault("start", `start "2026-02-30T08:00" is not a date and time`, writeStart)}},
		{"start and end turned round", calendar.Words{Start: "2026-11-27T08:00", End: "2026-11-26T08:00"}, []calendar.Fault{
			fault("end", `end "2026-11-26T08:00" is not after start "2026-11-27T08:00"`, writeLater),
		}},
		{"start is end", calendar.Words{Start: "2026-11-27T08:00", End: "2026-11-27T08:00:00"}, []calendar.Fault{
			fault("end", `end "2026-11-27T08:00:00" is not after start "2026-11-27T08:00"`, writeLater),
		}},
		{"turned round in the hour that occurs twice", calendar.Words{Start: "2026-10-25T02:45", End: "2026-10-25T02:15", TimeZone: "Europe/Paris"}, []calendar.Fault{
			fault("end", `end "2026-10-25T02:15" is not after start "2026-10-25T02:45"`, writeLater),
		}},
		{"offsets turn them round", calendar.Words{Start: "2026-11-27T08:00-05:00", End: "2026-11-27T09:00+01:00"}, []calendar.Fault{
			fault("end", `end "2026-11-27T09:00+01:00" is not after start "2026-11-27T08:00-05:00"`, writeLater),
		}},
		{"one-off in the gap", calendar.Words{Start: "2026-03-29T02:15", End: "2026-03-29T02:45", TimeZone: "Europe/Paris"}, []calendar.Fault{
			fault("end", `start "2026-03-29T02:15" and end "2026-03-29T02:45" both lie where the clocks of timeZone "Europe/Paris" are put forward: no time passes between them`, "write an end after the gap"),
		}},
		{"an offset beside none", calendar.Words{Start: "2026-11-27T08:00+01:00", End: "2026-11-27T20:00"}, []calendar.Fault{
			fault("timeZone", `of start "2026-11-27T08:00+01:00" and end "2026-11-27T20:00" only one has an offset, and timeZone is missing`, "give timeZone, or give both start and end an offset"),
		}},
		{"an offset that the zone has at other times", calendar.Words{Start: "2026-11-27T08:00+02:00", End: "2026-11-27T20:00", TimeZone: "Europe/Paris"}, []calendar.Fault{
			fault("start", `start "2026-11-27T08:00+02:00" contradicts timeZone "Europe/Paris", which is at +01:00 then`, "write 2026-11-27T07:00:00+01:00, or leave the offset out"),
		}},
		{"Z in a zone", calendar.Words{Start: "2026-11-27T08:00", End: "2026-11-27T20:00Z", TimeZone: "Europe/Paris"}, []calendar.Fault{
			fault("end", `end "2026-11-27T20:00Z" contradicts timeZone "Europe/Paris", which is at +01:00 then`, "write 2026-11-27T21:00:00+01:00, or leave the offset out"),
		}},

		{
			"both forms",
			calendar.Words{
				Days: "mon", From: "08:00", To: "19:00", StartDate: "2026-11-01", EndDate: "2026-12-01", Start: "2026-11-27T08:00", End: "2026-11-28T08:00",
			},
			[]calendar.Fault{
				fault("days", `days "mon" is of a recurring window, start and end are of a one-off one`, "remove days, or remove start and end"),
				fault("from", `from "08:00" is of a recurring window, start and end are of a one-off one`, "remove from, or remove start and end"),
				fault("to", `to "19:00" is of a recurring window, start and end are of a one-off one`, "remove to, or remove start and end"),
				fault("startDate", `startDate "2026-11-01" is of a recurring window, start and end are of a one-off one`, "remove startDate, or remove start and end"),
				fault("endDate", `endDate "2026-12-01" is of a recurring window, start and end are of a one-off one`, "remove endDate, or remove start and end"),
			},
		},
		{"which form is meant decides what is missing", calendar.Words{Days: "mon", Start: "2026-11-27T08:00"}, []calendar.Fault{
			fault("days", `days "mon" is of a recurring window, start and end are of a one-off one`, "remove days, or remove start and end"),
		}},
		{
			"everything at once",
			calendar.Words{Days: "x", From: "y", To: "z", TimeZone: "Mars", StartDate: "a", EndDate: "b"},
			[]calendar.Fault{
				fault("days", `days "x": "x" is not a weekday`, writeDays),
				fault("from", `from "y" is not a time of day`, writeTime),
				fault("to", `to "z" is not a time of day`, writeTime),
				fault("timeZone", `timeZone "Mars" is not known`, writeZone),
				fault("startDate", `startDate "a" is not a date`, writeDate),
				fault("endDate", `endDate "b" is not a date`, writeDate),
			},
		},
		{"everything of a one-off at once", calendar.Words{TimeZone: "Mars", Start: "a", End: "b"}, []calendar.Fault{
			fault("timeZone", `timeZone "Mars" is not known`, writeZone),
			fault("start", `start "a" is not a date and time`, writeStart),
			fault("end", `end "b" is not a date and time`, writeStart),
		}},
		{"one-off in a zone that is not known", calendar.Words{TimeZone: "Mars", Start: "2026-11-27T08:00+02:00", End: "2026-11-26T08:00"}, []calendar.Fault{
			fault("timeZone", `timeZone "Mars" is not known`, writeZone),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, faults := calendar.Parse(tt.words)
			if diff := cmp.Diff(tt.want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if w != (calendar.Window{}) {
				t.Errorf("a window beside faults: %+v", w)
			}
		})
	}
}

// TestNoFault parses what looks doubtful and is not.
func TestNoFault(t *testing.T) {
	t.Parallel()
	tests := []calendar.Words{
		{},
		{TimeZone: "UTC"},
		{TimeZone: "Etc/GMT-14"},
		{From: "00:00", To: "00:00"},
		{StartDate: "2028-02-29", EndDate: "2028-02-29"},
		{Days: "fri", StartDate: "2026-11-27", EndDate: "2026-11-27"},
		{Days: "sun", From: "02:15", To: "02:45", StartDate: "2026-03-29", EndDate: "2026-04-05", TimeZone: "Europe/Paris"},
		{Start: "2026-11-27T08:00Z", End: "2026-11-27T08:00:01Z"},
		{Start: "2026-11-27T08:00:00+00:00", End: "2026-11-27T09:00", TimeZone: "Europe/London"},
		{Start: "2026-11-27T08:00-05:00", End: "2026-11-27T20:00+01:00"},
		{Start: "2026-11-27T08:00-05:00", End: "2026-11-27T10:00", TimeZone: "America/New_York"},
	}
	for _, words := range tests {
		parse(t, words)
	}
}

// TestZones reads a zone once: the windows of one reader share it, and what one
// could not read the next cannot either.
func TestZones(t *testing.T) {
	t.Parallel()
	zones := calendar.Zones{}
	for range 2 {
		first, faults := zones.Parse(calendar.Words{TimeZone: "Europe/Paris", From: "08:00"})
		second, more := zones.Parse(calendar.Words{TimeZone: "Europe/Paris", Days: "mon"})
		if len(faults)+len(more) > 0 {
			t.Fatal(faults, more)
		}
		if first.Zone() != second.Zone() {
			t.Error("the zone was read twice")
		}
		if _, faults := zones.Parse(calendar.Words{TimeZone: "Mars"}); len(faults) != 1 {
			t.Errorf("faults of Mars: %+v", faults)
		}
	}
	if len(zones) != 1 {
		t.Errorf("kept %d zones, want Paris alone", len(zones))
	}
	if alone := parse(t, calendar.Words{TimeZone: "Europe/Paris"}); alone.Zone().String() != "Europe/Paris" {
		t.Errorf("the zone is %s", alone.Zone())
	}
}
