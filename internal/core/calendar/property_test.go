package calendar_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

// restless are zones whose clocks move in every way that is known: by an hour,
// half an hour, two hours and a day, at night, at midnight and a minute past,
// twice a year and four times.
var restless = []string{
	"UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata", "Pacific/Apia",
	"Atlantic/Azores", "America/St_Johns", "America/Havana", "Asia/Beirut", "Africa/Casablanca", "Antarctica/Troll", "Asia/Gaza", "Pacific/Kiritimati",
}

// moved draws an instant within two days of one at which the clocks of the zone
// moved, or of the end of a year, where the rules of the next one take over.
func moved(t *rapid.T, zone *time.Location) time.Time {
	year := rapid.IntRange(1990, 2045).Draw(t, "year")
	at := time.Date(year, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 15, 12, 0, 0, 0, time.UTC)
	for n := 0; n < 12*31 && offset(at, zone) == offset(at.Add(24*time.Hour), zone); n++ {
		at = at.Add(24 * time.Hour)
	}
	if rapid.IntRange(0, 9).Draw(t, "end of the year") == 0 {
		at = time.Date(year, 12, 31, 12, 0, 0, 0, time.UTC)
	}
	return at.Add(time.Duration(rapid.IntRange(-48*60, 72*60).Draw(t, "minutes")) * time.Minute)
}

func offset(at time.Time, zone *time.Location) int {
	_, seconds := at.In(zone).Zone()
	return seconds
}

// wall reads the local clock: seconds since 1970-01-01T00:00 on it.
func wall(at time.Time, zone *time.Location) int64 {
	local := at.In(zone)
	year, month, date := local.Date()
	hour, minute, second := local.Clock()
	return time.Date(year, month, date, hour, minute, second, 0, time.UTC).Unix()
}

const wholeDay = 24 * 60 * 60

// recurring is a window of days in numbers, for the reference.
type recurring struct {
	words        calendar.Words
	days         [7]bool
	from, length int64
	first, last  int64 // dates, counted from 1970-01-01
}

// drawRecurring draws a window with times on quarters of an hour, or on any
// minute, and with dates near the instant.
func drawRecurring(t *rapid.T, zone *time.Location, near time.Time) recurring {
	r := recurring{first: -1 << 40, last: 1 << 40}
	r.words.TimeZone = zone.String()
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for d := range r.days {
		if r.days[d] = rapid.IntRange(0, 3).Draw(t, names[d]) > 0; r.days[d] {
			if r.words.Days != "" {
				r.words.Days += ","
			}
			r.words.Days += names[d]
		}
	}
	if r.words.Days == "" {
		r.days = [7]bool{true, true, true, true, true, true, true}
	}
	step := rapid.SampledFrom([]int{1, 15, 60}).Draw(t, "step")
	from := rapid.IntRange(0, 24*60/step-1).Draw(t, "from") * step
	to := rapid.IntRange(0, 24*60/step).Draw(t, "to") * step
	if rapid.IntRange(0, 3).Draw(t, "early") > 0 {
		// Most clocks move between midnight and three.
		from, to = from%(4*60), to%(4*60)
	}
	r.words.From, r.words.To = fmt.Sprintf("%02d:%02d", from/60, from%60), fmt.Sprintf("%02d:%02d", to/60, to%60)
	if to <= from {
		to += 24 * 60
	}
	r.from, r.length = int64(from)*60, int64(to-from)*60
	date := wall(near, zone) / wholeDay
	bound := func(name string, least int64) int64 {
		return rapid.Int64Range(max(date-4, least), max(date+4, least)).Draw(t, name)
	}
	if rapid.Bool().Draw(t, "has startDate") {
		r.first = bound("startDate", date-4)
		r.words.StartDate = time.Unix(r.first*wholeDay, 0).UTC().Format(time.DateOnly)
	}
	if rapid.Bool().Draw(t, "has endDate") {
		r.last = bound("endDate", max(r.first, date-4))
		r.words.EndDate = time.Unix(r.last*wholeDay, 0).UTC().Format(time.DateOnly)
	}
	return r
}

// minutes is the reference: it reads the local clock at every minute, gives each
// reading to the one date whose window it lies in, and opens each date's window
// from its first such minute through its last.
type minutes struct {
	start time.Time
	open  []bool
}

func (r recurring) minutes(zone *time.Location, start time.Time, n int) minutes {
	type stretch struct{ first, last int }
	windows := map[int64]stretch{}
	for i := range n {
		reading := wall(start.Add(time.Duration(i)*time.Minute), zone)
		date := (reading - r.from) / wholeDay
		if reading-r.from-date*wholeDay >= r.length {
			continue
		}
		if s, seen := windows[date]; seen {
			windows[date] = stretch{s.first, i}
		} else {
			windows[date] = stretch{i, i}
		}
	}
	open := make([]bool, n)
	for date, s := range windows {
		weekday := time.Unix(date*wholeDay, 0).UTC().Weekday()
		if !r.days[weekday] || date < r.first || date > r.last {
			continue
		}
		for i := s.first; i <= s.last; i++ {
			open[i] = true
		}
	}
	return minutes{start, open}
}

// next gives the first edge after minute i, previous the last at or before it.
func (m minutes) next(i int) (edge time.Time, opens, ok bool) {
	for j := i + 1; j < len(m.open); j++ {
		if m.open[j] != m.open[j-1] {
			return m.at(j), m.open[j], true
		}
	}
	return time.Time{}, false, false
}

func (m minutes) previous(i int) (edge time.Time, opened, ok bool) {
	for j := i; j > 0; j-- {
		if m.open[j] != m.open[j-1] {
			return m.at(j), m.open[j], true
		}
	}
	return time.Time{}, false, false
}

func (m minutes) at(i int) time.Time { return m.start.Add(time.Duration(i) * time.Minute) }

// TestAgainstEveryMinute holds Open, Next and Previous to the reference, four
// days around a moved clock. The reference sees ten days to each side: an edge
// beyond is only held to lie beyond.
func TestAgainstEveryMinute(t *testing.T) {
	t.Parallel()
	const side, queried = 10 * 24 * 60, 2 * 24 * 60
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		near := moved(t, zone)
		r := drawRecurring(t, zone, near)
		w, faults := calendar.Parse(r.words)
		// Two days more than asked for: a window that began before is not cut.
		m := r.minutes(zone, near.Add(-(side+2*24*60)*time.Minute), 2*(side+2*24*60))
		centre := len(m.open) / 2
		if len(faults) > 0 {
			for i, open := range m.open {
				if open {
					t.Fatalf("%+v: faults %+v, but it is open at %s", r.words, faults, m.at(i).In(zone))
				}
			}
			return
		}
		low, high := m.at(centre-side), m.at(centre+side)
		for range 20 {
			i := centre + rapid.IntRange(-queried, queried).Draw(t, "minute")
			at := m.at(i).Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)-1).Draw(t, "within")))
			if got := w.Open(at); got != m.open[i] {
				t.Fatalf("%+v: open is %t at %s", r.words, got, at.In(zone))
			}
			edge, opens, ok := w.Next(at)
			want, wantOpens, wantOK := m.next(i)
			if ok && edge.After(high) {
				edge, opens, ok = time.Time{}, false, false
			}
			if wantOK && want.After(high) {
				want, wantOpens, wantOK = time.Time{}, false, false
			}
			if !edge.Equal(want) || opens != wantOpens || ok != wantOK {
				t.Fatalf("%+v: next of %s is %s (opens %t, ok %t), want %s (%t, %t)", r.words, at.In(zone), edge.In(zone), opens, ok, want.In(zone), wantOpens, wantOK)
			}
			edge, opened, ok := w.Previous(at)
			want, wantOpened, wantOK := m.previous(i)
			if ok && edge.Before(low) {
				edge, opened, ok = time.Time{}, false, false
			}
			if wantOK && want.Before(low) {
				want, wantOpened, wantOK = time.Time{}, false, false
			}
			if !edge.Equal(want) || opened != wantOpened || ok != wantOK {
				t.Fatalf("%+v: previous of %s is %s (opened %t, ok %t), want %s (%t, %t)", r.words, at.In(zone), edge.In(zone), opened, ok, want.In(zone), wantOpened, wantOK)
			}
		}
	})
}

// TestEdgesAgree holds the three answers to each other over two centuries, where
// the reference would be slow: between Previous and Next nothing changes.
func TestEdgesAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		r := drawRecurring(t, zone, moved(t, zone))
		w, faults := calendar.Parse(r.words)
		if len(faults) > 0 {
			return
		}
		at := time.Unix(rapid.Int64Range(-3e9, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		open := w.Open(at)
		edge, opens, ok := w.Next(at)
		if ok && (!edge.After(at) || opens == open || w.Open(edge) != opens || w.Open(edge.Add(-1)) != open) {
			t.Fatalf("%+v at %s: open %t, next edge %s opens %t", r.words, at, open, edge, opens)
		}
		if back, opened, had := w.Previous(edge); ok && (!had || !back.Equal(edge) || opened != opens) {
			t.Fatalf("%+v: next edge of %s is %s, and the previous edge there is %s", r.words, at, edge, back)
		}
		edge, opened, ok := w.Previous(at)
		if ok && (edge.After(at) || opened != open || w.Open(edge) != opened || w.Open(edge.Add(-1)) == opened) {
			t.Fatalf("%+v at %s: open %t, previous edge %s opened %t", r.words, at, open, edge, opened)
		}
		if forth, again, has := w.Next(edge.Add(-1)); ok && (!has || !forth.Equal(edge) || again != opened) {
			t.Fatalf("%+v: previous edge of %s is %s, and the next edge just before it is %s", r.words, at, edge, forth)
		}
	})
}

// TestOneOffNeverReturns draws one-off windows: open from start up to end, once.
func TestOneOffNeverReturns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		layout := rapid.SampledFrom([]string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.RFC3339}).Draw(t, "layout")
		start := moved(t, zone)
		end := start.Add(time.Duration(rapid.IntRange(1, 10_000).Draw(t, "length")) * time.Minute)
		words := calendar.Words{Start: start.In(zone).Format(layout), End: end.In(zone).Format(layout), TimeZone: zone.String()}
		if zone == time.UTC && rapid.Bool().Draw(t, "no zone") {
			words.TimeZone = ""
		}
		w, faults := calendar.Parse(words)
		if len(faults) > 0 {
			// Only where the wall clock runs back do later words tell an earlier time.
			if len(layout) > 19 || wall(end, zone) > wall(start, zone) {
				t.Fatalf("%+v: %+v", words, faults)
			}
			return
		}
		opens, isOpening, ok := w.Next(start.Add(-30 * time.Hour))
		if !ok || !isOpening || opens.After(start) || !w.Open(start) || !w.Open(end.Add(-1)) {
			t.Fatalf("%+v opens at %s (%t, %t)", words, opens, isOpening, ok)
		}
		closes, isOpening, ok := w.Next(opens)
		if !ok || isOpening || closes.Before(end) {
			t.Fatalf("%+v closes at %s (%t, %t)", words, closes, isOpening, ok)
		}
		after := closes.Add(time.Duration(rapid.Int64Range(0, int64(200*365*24*time.Hour)).Draw(t, "after")))
		if _, _, ok := w.Next(after); ok || w.Open(after) {
			t.Fatalf("%+v returns after %s", words, after)
		}
		if last, opened, ok := w.Previous(after); !ok || opened || !last.Equal(closes) {
			t.Fatalf("%+v: the last edge is %s", words, last)
		}
		if len(layout) > 19 && (!opens.Equal(start) || !closes.Equal(end)) {
			t.Fatalf("%+v is from %s to %s: an offset leaves no choice", words, opens, closes)
		}
	})
}

// TestSameAnswers asks with the zone kept or read again, and with the instant
// told in any zone.
func TestSameAnswers(t *testing.T) {
	t.Parallel()
	type answer struct {
		open, opens, opened, hasNext, hasPrevious bool
		next, previous                            time.Time
	}
	ask := func(w calendar.Window, at time.Time) answer {
		a := answer{open: w.Open(at)}
		a.next, a.opens, a.hasNext = w.Next(at)
		a.previous, a.opened, a.hasPrevious = w.Previous(at)
		return a
	}
	kept := calendar.Zones{}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := moved(t, zone)
		words := drawRecurring(t, zone, at).words
		w, faults := calendar.Parse(words)
		again, moreFaults := kept.Parse(words)
		if diff := cmp.Diff(faults, moreFaults); diff != "" {
			t.Fatal(diff)
		}
		want := ask(w, at)
		for _, got := range []answer{ask(again, at), ask(w, at.In(zone)), ask(w, at.In(time.FixedZone("", -9*60*60)))} {
			if got != want {
				t.Fatalf("%+v at %s: %+v and %+v", words, at, want, got)
			}
		}
	})
}
