package calendar

import (
	"cmp"
	"time"
)

// moment is the start or end of a one-off window as it was written.
type moment struct {
	seconds int64 // since 1970: on the wall clock, or of UTC if fixed
	fixed   bool  // an offset from UTC is given
	ok      bool
}

// moment reads a local time, or a time with its offset from UTC.
func (r *reader) moment(field, value string) moment {
	if value == "" {
		return moment{}
	}
	parts := dateTime.FindStringSubmatch(value)
	layout := "2006-01-02T15:04"
	if parts != nil && parts[1] != "" {
		layout += ":05"
	}
	fixed := parts != nil && parts[2] != ""
	if fixed {
		layout += "Z07:00"
	}
	t, err := time.Parse(layout, value)
	if parts == nil || err != nil {
		r.add(field, "write a date and time that exist, such as 2026-11-27T08:00; midnight is T00:00", "%s %q is not a date and time", field, value)
		return moment{}
	}
	if fixed && r.TimeZone != "" && r.zone != nil {
		_, given := t.Zone()
		there := t.In(r.zone)
		if _, want := there.Zone(); want != given {
			r.add(field, "write "+there.Format("2006-01-02T15:04:05Z07:00")+", or leave the offset out",
				"%s %q contradicts timeZone %q, which is at %s then", field, value, r.TimeZone, there.Format("-07:00"))
			return moment{}
		}
	}
	return moment{seconds: t.Unix(), fixed: fixed, ok: true}
}

// stretch gives a one-off window.
func (r *reader) stretch(start, end moment) Window {
	if !start.ok || !end.ok || r.zone == nil {
		return Window{}
	}
	const remedy = "write an end after the start, both without offset or both with one"
	if start.fixed != end.fixed && r.TimeZone == "" {
		// 08:00+01:00 to 20:00 would end at 20:00 UTC, which nobody means.
		r.add("timeZone", "give timeZone, or give both start and end an offset", "of start %q and end %q only one has an offset, and timeZone is missing", r.Start, r.End)
		return Window{}
	}
	w := Window{zone: r.zone, opens: start.seconds, closes: end.seconds}
	if !start.fixed && !end.fixed && w.closes <= w.opens {
		// By the wall clock: where an hour occurs twice, 02:45 to 02:15 would have a length.
		r.add("end", remedy, "end %q is not after start %q", r.End, r.Start)
		return Window{}
	}
	if !start.fixed {
		w.opens = clockAt(r.zone, start.seconds).since(start.seconds)
	}
	if !end.fixed {
		w.closes = clockAt(r.zone, end.seconds).until(end.seconds)
	}
	switch {
	case w.closes > w.opens:
		return w
	case start.fixed || end.fixed:
		r.add("end", remedy, "end %q is not after start %q", r.End, r.Start)
	default:
		r.add("end", "write an end after the gap", "start %q and end %q both lie where the clocks of timeZone %q are put forward: no time passes between them", r.Start, r.End, r.TimeZone)
	}
	return Window{}
}

// recurring gives a window of days; one that is open around the clock is a
// stretch, so that its only edges are those of its dates.
func (r *reader) recurring(days weekdays, from, length, first, last int64) Window {
	w := Window{zone: r.zone, days: days, from: from, length: length, first: first, last: last}
	if days == everyDay && length == day {
		w = Window{zone: r.zone, opens: never, closes: ever}
		if r.StartDate != "" {
			wall := first*day + from
			w.opens = clockAt(r.zone, wall).since(wall)
		}
		if r.EndDate != "" {
			wall := last*day + from + length
			w.closes = clockAt(r.zone, wall).until(wall)
		}
	}
	if r.StartDate != "" && r.EndDate != "" {
		before := time.Unix((first+earliest)*day, 0)
		if _, _, ok := w.Next(before); !ok {
			r.add("endDate", "change days or the dates so that the window begins at least once",
				"the window never opens from startDate %q to endDate %q:%s", r.StartDate, r.EndDate, r.on())
		}
	}
	return w
}

// on tells the days and times of a window that never opens.
func (r *reader) on() string {
	text := " from " + cmp.Or(r.From, "00:00") + " to " + cmp.Or(r.To, "24:00")
	if r.Days != "" {
		text += " on " + r.Days
	}
	return text
}
