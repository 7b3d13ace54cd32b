package calendar_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

// FuzzParse reads windows from anybody: each is a window whose edges can be
// walked, or has faults that say which field is wrong and what to do.
func FuzzParse(f *testing.F) {
	f.Add("mon-fri", "08:00", "19:00", "Europe/Paris", "2026-12-01", "2026-12-31", "", "", int64(1_790_000_000))
	f.Add("fri-mon,wed", "22:00", "06:00", "Australia/Lord_Howe", "", "", "", "", int64(-1))
	f.Add("", "", "", "Pacific/Apia", "", "2011-12-30", "", "", int64(1_325_239_200))
	f.Add("", "", "", "America/New_York", "", "", "2026-11-27T08:00", "2026-11-27T20:00-05:00", int64(0))
	f.Add("sun", "24:00", "24:01", "../../etc/passwd", "0000-02-30", "9999-12-31", "2026-11-27T08:00Z", "", int64(1)<<40)
	f.Fuzz(func(t *testing.T, days, from, to, zone, startDate, endDate, start, end string, seconds int64) {
		words := calendar.Words{Days: days, From: from, To: to, TimeZone: zone, StartDate: startDate, EndDate: endDate, Start: start, End: end}
		w, faults := calendar.Parse(words)
		for _, f := range faults {
			if f.Field == "" || f.Message == "" || f.Remedy == "" {
				t.Errorf("%+v: half a fault %+v", words, f)
			}
		}
		if len(faults) > 0 && w != (calendar.Window{}) {
			t.Errorf("%+v: a window beside faults", words)
		}
		// A million years to either side are more than any policy asks for.
		at := time.Unix(seconds%(1<<45), 0)
		for range 4 {
			edge, opens, ok := w.Next(at)
			if !ok {
				break
			}
			if !edge.After(at) || w.Open(edge) != opens {
				t.Fatalf("%+v: next of %s is %s, opens %t", words, at, edge, opens)
			}
			at = edge
		}
		if edge, opened, ok := w.Previous(at); ok && (edge.After(at) || w.Open(edge) != opened) {
			t.Fatalf("%+v: previous of %s is %s, opened %t", words, at, edge, opened)
		}
	})
}
