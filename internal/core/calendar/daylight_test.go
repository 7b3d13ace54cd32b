package calendar_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

// TestDaylightSaving is docs/adr/0010-daylight-saving.md in examples.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	const (
		paris    = "Europe/Paris"        // 2026-03-29 02:00 to 03:00, 2026-10-25 03:00 to 02:00
		newYork  = "America/New_York"    // 2026-03-08 02:00 to 03:00, 2026-11-01 02:00 to 01:00
		lordHowe = "Australia/Lord_Howe" // 2026-10-04 02:00 to 02:30, 2026-04-05 02:00 to 01:30
		santiago = "America/Santiago"    // 2026-09-06 00:00 to 01:00, 2026-04-04 24:00 to 23:00
		cairo    = "Africa/Cairo"        // 2026-04-24 00:00 to 01:00, 2026-10-29 24:00 to 23:00
		azores   = "Atlantic/Azores"     // 2026-10-25 01:00 to 00:00
		stJohns  = "America/St_Johns"    // 2009-11-01 00:01 to 2009-10-31 23:01
		apia     = "Pacific/Apia"        // 2011-12-29 24:00 to 2011-12-31 00:00
		recife   = "America/Recife"      // 2000-10-08 00:00 to 01:00, 2000-10-14 24:00 to 23:00
		kolkata  = "Asia/Kolkata"        // never
	)
	tests := []struct {
		name           string
		zone           string
		days, from, to string
		around         string // the local date of the change; edges are listed from noon before it to noon after
		want           []string
	}{
		// An hour that does not exist.
		{"opens in the gap", paris, "sun", "02:30", "04:00", "2026-03-29", []string{"opens Sun 2026-03-29T03:00+02:00", "closes Sun 2026-03-29T04:00+02:00"}},
		{"closes in the gap", paris, "sun", "01:00", "02:30", "2026-03-29", []string{"opens Sun 2026-03-29T01:00+01:00", "closes Sun 2026-03-29T03:00+02:00"}},
		{"lies in the gap", paris, "sun", "02:15", "02:45", "2026-03-29", nil},
		{"is the gap", paris, "sun", "02:00", "03:00", "2026-03-29", nil},
		{"spans the gap", paris, "sun", "01:00", "05:00", "2026-03-29", []string{"opens Sun 2026-03-29T01:00+01:00", "closes Sun 2026-03-29T05:00+02:00"}},
		{"closes where the gap begins", paris, "sun", "01:00", "02:00", "2026-03-29", []string{"opens Sun 2026-03-29T01:00+01:00", "closes Sun 2026-03-29T03:00+02:00"}},
		{"closed for the gap alone", paris, "", "03:00", "02:00", "2026-03-29", []string{"closes Mon 2026-03-30T02:00+02:00", "opens Mon 2026-03-30T03:00+02:00"}},
		{"a night over the gap", paris, "sat", "22:00", "06:00", "2026-03-29", []string{"opens Sat 2026-03-28T22:00+01:00", "closes Sun 2026-03-29T06:00+02:00"}},
		{"a whole day with 23 hours", paris, "sun", "00:00", "24:00", "2026-03-29", []string{"opens Sun 2026-03-29T00:00+01:00", "closes Mon 2026-03-30T00:00+02:00"}},
		{"opens in the gap, in New York", newYork, "sun", "02:59", "03:01", "2026-03-08", []string{"opens Sun 2026-03-08T03:00-04:00", "closes Sun 2026-03-08T03:01-04:00"}},
		{"half an hour's gap", lordHowe, "sun", "02:10", "02:40", "2026-10-04", []string{"opens Sun 2026-10-04T02:30+11:00", "closes Sun 2026-10-04T02:40+11:00"}},
		{"lies in half an hour's gap", lordHowe, "sun", "02:10", "02:30", "2026-10-04", nil},
		{"midnight does not exist", santiago, "sun", "00:00", "24:00", "2026-09-06", []string{"opens Sun 2026-09-06T01:00-03:00", "closes Mon 2026-09-07T00:00-03:00"}},
		{"closes at a midnight that does not exist", santiago, "sat", "20:00", "24:00", "2026-09-06", []string{"opens Sat 2026-09-05T20:00-04:00", "closes Sun 2026-09-06T01:00-03:00"}},
		{"days adjoin where midnight does not exist", cairo, "thu,fri", "", "", "2026-04-24", []string{"closes Sat 2026-04-25T00:00+03:00"}},
		{"lies in the gap at midnight", cairo, "fri", "00:00", "01:00", "2026-04-24", nil},

		// An hour that occurs twice.
		{"opens at the first occurrence", paris, "sun", "02:30", "04:00", "2026-10-25", []string{"opens Sun 2026-10-25T02:30+02:00", "closes Sun 2026-10-25T04:00+01:00"}},
		{"closes at the second occurrence", paris, "sun", "01:00", "02:30", "2026-10-25", []string{"opens Sun 2026-10-25T01:00+02:00", "closes Sun 2026-10-25T02:30+01:00"}},
		{"opens once in the hour that occurs twice", paris, "sun", "02:15", "02:45", "2026-10-25", []string{"opens Sun 2026-10-25T02:15+02:00", "closes Sun 2026-10-25T02:45+01:00"}},
		{"is the hour that occurs twice", paris, "sun", "02:00", "03:00", "2026-10-25", []string{"opens Sun 2026-10-25T02:00+02:00", "closes Sun 2026-10-25T03:00+01:00"}},
		{"closes where the hour first begins", paris, "sun", "01:00", "02:00", "2026-10-25", []string{"opens Sun 2026-10-25T01:00+02:00", "closes Sun 2026-10-25T02:00+02:00"}},
		{"opens where the hour ends", paris, "sun", "03:00", "04:00", "2026-10-25", []string{"opens Sun 2026-10-25T03:00+01:00", "closes Sun 2026-10-25T04:00+01:00"}},
		{"closed for minutes of the hour that occurs twice", paris, "", "02:45", "02:30", "2026-10-25", []string{"closes Mon 2026-10-26T02:30+01:00", "opens Mon 2026-10-26T02:45+01:00"}},
		{"a night over the hour that occurs twice", paris, "sat", "22:00", "06:00", "2026-10-25", []string{"opens Sat 2026-10-24T22:00+02:00", "closes Sun 2026-10-25T06:00+01:00"}},
		{"a whole day with 25 hours", paris, "sun", "00:00", "24:00", "2026-10-25", []string{"opens Sun 2026-10-25T00:00+02:00", "closes Mon 2026-10-26T00:00+01:00"}},
		{"closes at the second occurrence, in New York", newYork, "sun", "00:30", "01:01", "2026-11-01", []string{"opens Sun 2026-11-01T00:30-04:00", "closes Sun 2026-11-01T01:01-05:00"}},
		{"half an hour occurs twice", lordHowe, "sun", "01:40", "01:50", "2026-04-05", []string{"opens Sun 2026-04-05T01:40+11:00", "closes Sun 2026-04-05T01:50+10:30"}},
		{"the hour before midnight occurs twice", santiago, "sat", "20:00", "24:00", "2026-04-05", []string{"opens Sat 2026-04-04T20:00-03:00", "closes Sun 2026-04-05T00:00-04:00"}},
		{"the hour before midnight occurs twice, and the night ends in it", cairo, "thu", "20:00", "23:30", "2026-10-30", []string{"opens Thu 2026-10-29T20:00+03:00", "closes Thu 2026-10-29T23:30+02:00"}},
		{"the hour after midnight occurs twice", azores, "sun", "00:00", "00:30", "2026-10-25", []string{"opens Sun 2026-10-25T00:00Z", "closes Sun 2026-10-25T00:30-01:00"}},
		{"Saturday ends when Sunday first begins", azores, "sat", "", "", "2026-10-25", []string{"closes Sun 2026-10-25T00:00Z"}},
		{"the clock shows yesterday again, and the window of two dates ago is open", stJohns, "fri", "23:30", "23:30", "2009-11-01", []string{"closes Sat 2009-10-31T23:30-03:30"}},
		{"the clock shows yesterday again, and the window of tomorrow is open", stJohns, "sun", "00:00", "02:00", "2009-11-01", []string{"opens Sun 2009-11-01T00:00-02:30", "closes Sun 2009-11-01T02:00-03:30"}},

		// A day that does not exist.
		{"the window of a day that does not exist", apia, "fri", "08:00", "17:00", "2011-12-30", nil},
		{"closes on a day that does not exist", apia, "thu", "20:00", "04:00", "2011-12-30", []string{"opens Thu 2011-12-29T20:00-10:00", "closes Sat 2011-12-31T00:00+14:00"}},
		{"opens on a day that does not exist", apia, "fri", "20:00", "04:00", "2011-12-30", []string{"opens Sat 2011-12-31T00:00+14:00", "closes Sat 2011-12-31T04:00+14:00"}},
		{"days adjoin over a day that does not exist", apia, "thu,sat", "", "", "2011-12-30", nil},

		// Clocks that move twice in a week, and clocks that are left alone.
		{"put forward for a week", recife, "sun", "08:00", "09:00", "2000-10-08", []string{"opens Sun 2000-10-08T08:00-02:00", "closes Sun 2000-10-08T09:00-02:00"}},
		{"put back after a week", recife, "sun", "08:00", "09:00", "2000-10-15", []string{"opens Sun 2000-10-15T08:00-03:00", "closes Sun 2000-10-15T09:00-03:00"}},
		{"no change", kolkata, "sun", "02:30", "04:00", "2026-03-29", []string{"opens Sun 2026-03-29T02:30+05:30", "closes Sun 2026-03-29T04:00+05:30"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := parse(t, calendar.Words{Days: tt.days, From: tt.from, To: tt.to, TimeZone: tt.zone})
			noon, err := time.ParseInLocation("2006-01-02T15:04", tt.around+"T12:00", w.Zone())
			if err != nil {
				t.Fatal(err)
			}
			from, to := noon.Add(-24*time.Hour), noon.Add(24*time.Hour)
			if tt.zone == apia {
				from, to = utc(t, "2011-12-29T22:00:00Z"), utc(t, "2011-12-31T09:00:00Z")
			}
			checkEdges(t, w, from, to, tt.want)
		})
	}
}

// TestDaylightSavingOneOff holds a one-off window to the rules of the recurring
// ones, unless an offset says which occurrence is meant.
func TestDaylightSavingOneOff(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, start, end string
		want             []string
	}{
		{"opens in the gap", "2026-03-29T02:30", "2026-03-29T04:00", []string{"opens Sun 2026-03-29T03:00+02:00", "closes Sun 2026-03-29T04:00+02:00"}},
		{"closes in the gap", "2026-03-29T01:00", "2026-03-29T02:30", []string{"opens Sun 2026-03-29T01:00+01:00", "closes Sun 2026-03-29T03:00+02:00"}},
		{"the hour that occurs twice", "2026-10-25T02:15", "2026-10-25T02:45", []string{"opens Sun 2026-10-25T02:15+02:00", "closes Sun 2026-10-25T02:45+01:00"}},
		{"its first occurrence", "2026-10-25T02:15+02:00", "2026-10-25T02:45+02:00", []string{"opens Sun 2026-10-25T02:15+02:00", "closes Sun 2026-10-25T02:45+02:00"}},
		{"its second occurrence", "2026-10-25T02:15+01:00", "2026-10-25T02:45", []string{"opens Sun 2026-10-25T02:15+01:00", "closes Sun 2026-10-25T02:45+01:00"}},
		{"from the first to an earlier time of the second", "2026-10-25T02:45+02:00", "2026-10-25T02:15+01:00", []string{"opens Sun 2026-10-25T02:45+02:00", "closes Sun 2026-10-25T02:15+01:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := parse(t, calendar.Words{Start: tt.start, End: tt.end, TimeZone: "Europe/Paris"})
			checkEdges(t, w, utc(t, "1990-01-01T00:00:00Z"), utc(t, "2100-01-01T00:00:00Z"), tt.want)
		})
	}
}
