// Package calendar gives windows of time as people write them: weekdays, times
// of day and dates in a time zone, or one stretch that never returns.
//
// What a window means where clocks change is decided in
// docs/adr/0010-daylight-saving.md. The window of a day is the shortest stretch
// that holds every instant of which the local clock tells a time of the window.
package calendar

import "time"

// Words are a window as it is written; see spec.Scheduled for the forms.
type Words struct {
	Days, From, To, TimeZone, StartDate, EndDate string
	Start, End                                   string
}

// Fault is one field that does not make sense.
type Fault struct {
	Field, Message, Remedy string
}

// Window is one window: a stretch that never returns, or one that begins on
// days. The zero value is never open.
type Window struct {
	zone *time.Location

	// A stretch is open from opens up to closes, in seconds since 1970. One that
	// is open for ever opens at never and closes at ever.
	opens, closes int64

	// A recurring window has days: on each of them, from the date first up to the
	// date last, it opens at from and closes length later by the wall clock.
	// Dates are counted from 1970-01-01.
	days         weekdays
	from, length int64 // seconds: 0 up to a day, and above 0 up to a day
	first, last  int64
}

// Where time ends, in seconds. They leave room to add days without overflow.
const (
	never = -1 << 60
	ever  = 1 << 60
)

const day = 24 * 60 * 60 // seconds on the wall clock

// The dates whose windows may be open while the local date is d. A window
// lasts at most a day and no clock was ever moved by more than one: the window
// of two dates ago ends by 24:00 of yesterday, which a clock that is put back
// over midnight shows again today, and tomorrow's may have begun before.
const (
	earliest = -2
	latest   = 1
)

// horizon is how many days ahead or back an edge is looked for. A window with
// days returns within a week; a week can fail where the clocks skip its time,
// as Sunday 02:30, or its date, as 2011-12-30 in Samoa; two in a row never do.
const horizon = 5 * 7

// Zone gives the time zone in which the window was written; nil for the zero
// value.
func (w Window) Zone() *time.Location { return w.zone }

// Open tells whether the window is open at t: it is at the edge where it opens,
// and no longer at the edge where it closes.
func (w Window) Open(t time.Time) bool {
	now := t.Unix()
	if w.days == 0 {
		return w.opens <= now && now < w.closes
	}
	local := clockAt(w.zone, now)
	today := local.date(now)
	for d := max(today+earliest, w.first); d <= min(today+latest, w.last); d++ {
		if !w.days.has(d) {
			continue
		}
		if opens, closes := w.on(d, local); opens <= now && now < closes {
			return true
		}
	}
	return false
}

// Next gives the first edge after t, in UTC, and whether the window opens there;
// ok is false where there is none. Windows of days that adjoin or overlap are
// one: there is no edge between them.
func (w Window) Next(t time.Time) (edge time.Time, opens, ok bool) {
	now := t.Unix()
	if w.days != 0 {
		return w.nextOfDays(now)
	}
	switch {
	case w.opens >= w.closes:
		return time.Time{}, false, false
	case now < w.opens:
		return instant(w.opens), true, true
	case now < w.closes && w.closes != ever:
		return instant(w.closes), false, true
	}
	return time.Time{}, false, false
}

// Previous gives the last edge at or before t, in UTC, and whether the window
// opened there; ok is false where there is none.
func (w Window) Previous(t time.Time) (edge time.Time, opened, ok bool) {
	now := t.Unix()
	if w.days != 0 {
		return w.previousOfDays(now)
	}
	switch {
	case w.opens >= w.closes:
		return time.Time{}, false, false
	case now >= w.closes:
		return instant(w.closes), false, true
	case now >= w.opens && w.opens != never:
		return instant(w.opens), true, true
	}
	return time.Time{}, false, false
}

func instant(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// on gives the stretch of the window that begins on a date; where the clocks
// skip all of it, it closes as it opens.
func (w Window) on(date int64, local clock) (opens, closes int64) {
	from := date*day + w.from
	return local.since(from), local.until(from + w.length)
}

func (w Window) nextOfDays(now int64) (edge time.Time, opens, ok bool) {
	local := clockAt(w.zone, now)
	begin := max(local.date(now)+earliest, w.first)
	open, until := false, int64(0)
	for d := begin; d <= min(begin+horizon, w.last); d++ {
		if !w.days.has(d) {
			continue
		}
		o, c := w.on(d, local)
		switch {
		case o >= c || c <= now: // skipped by the clocks, or past
		case open && o > until:
			return instant(until), false, true
		case !open && o > now:
			return instant(o), true, true
		default:
			open, until = true, c
		}
	}
	if open {
		return instant(until), false, true
	}
	return time.Time{}, false, false
}

func (w Window) previousOfDays(now int64) (edge time.Time, opened, ok bool) {
	local := clockAt(w.zone, now)
	begin := min(local.date(now)+latest, w.last)
	open, since := false, int64(0)
	for d := begin; d >= max(begin-horizon, w.first); d-- {
		if !w.days.has(d) {
			continue
		}
		o, c := w.on(d, local)
		switch {
		case o >= c || o > now: // skipped by the clocks, or to come
		case open && c < since:
			return instant(since), true, true
		case !open && c <= now:
			return instant(c), false, true
		default:
			open, since = true, o
		}
	}
	if open {
		return instant(since), true, true
	}
	return time.Time{}, false, false
}

// weekdays has a bit for each time.Weekday.
type weekdays uint8

const everyDay weekdays = 1<<7 - 1

func (s weekdays) has(date int64) bool {
	// 1970-01-01 was a Thursday.
	return s&(1<<modulo(date+int64(time.Thursday), 7)) != 0
}

// modulo gives the remainder in [0, n): dates before 1970 are negative.
func modulo(v, n int64) int64 { return (v%n + n) % n }
