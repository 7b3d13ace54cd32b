package calendar

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	timeOfDay = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)
	dateTime  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?$`) // seconds, offset
)

// Zones keeps time zones that were read once, by their names. One is for one
// reader, as one decision over many services: time.LoadLocation reads a file at
// each call, and 500 windows in a handful of zones would read 500.
type Zones map[string]*time.Location

// Parse reads a window, or gives every fault.
func Parse(w Words) (Window, []Fault) { return Zones(nil).Parse(w) }

// Parse reads a window, or gives every fault, and keeps the window's zone for
// the next.
func (z Zones) Parse(words Words) (Window, []Fault) {
	r := &reader{Words: words}
	r.forms()
	days := r.weekdays()
	from, length := r.times()
	r.readZone(z)
	first, last := r.dates()
	start := r.moment("start", words.Start)
	end := r.moment("end", words.End)

	var w Window
	switch {
	case r.oneOff():
		w = r.stretch(start, end)
	case len(r.faults) == 0:
		w = r.recurring(days, from, length, first, last)
	}
	if len(r.faults) > 0 {
		return Window{}, r.faults
	}
	return w, nil
}

// reader reads the words of one window and gathers what is wrong with them.
type reader struct {
	Words
	zone   *time.Location // nil where the name is wrong
	faults []Fault
}

func (r *reader) add(field, remedy, format string, args ...any) {
	r.faults = append(r.faults, Fault{Field: field, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (r *reader) oneOff() bool { return r.Start != "" || r.End != "" }

// forms refuses a window that is both recurring and one-off, and half a one-off.
func (r *reader) forms() {
	if !r.oneOff() {
		return
	}
	mixed := false
	for _, f := range []struct{ field, value string }{
		{"days", r.Days}, {"from", r.From}, {"to", r.To}, {"startDate", r.StartDate}, {"endDate", r.EndDate},
	} {
		if f.value != "" {
			mixed = true
			r.add(f.field, "remove "+f.field+", or remove start and end", "%s %q is of a recurring window, start and end are of a one-off one", f.field, f.value)
		}
	}
	switch {
	case mixed: // which form was meant is open, and so is what is missing
	case r.Start == "":
		r.add("start", "give start too, such as 2026-11-27T08:00, or use from, to and days", "start is missing beside end %q", r.End)
	case r.End == "":
		r.add("end", "give end too, such as 2026-11-27T20:00, or use from, to and days", "end is missing beside start %q", r.Start)
	}
}

// weekdays reads "mon-fri", "sat,sun" and "fri-mon".
func (r *reader) weekdays() weekdays {
	if r.Days == "" {
		return everyDay
	}
	const remedy = "write weekdays as mon-fri, sat,sun or mon,wed-fri"
	var set weekdays
	for part := range strings.SplitSeq(r.Days, ",") {
		a, b, isRange := strings.Cut(part, "-")
		begin, ok := weekday(a)
		if !ok {
			r.add("days", remedy, "days %q: %q is not a weekday", r.Days, strings.TrimSpace(a))
		}
		end := begin
		if isRange {
			var known bool
			if end, known = weekday(b); !known {
				r.add("days", remedy, "days %q: %q is not a weekday", r.Days, strings.TrimSpace(b))
			}
			ok = ok && known
		}
		if !ok {
			continue
		}
		for n := range (end-begin+7)%7 + 1 {
			set |= 1 << ((begin + n) % 7)
		}
	}
	return set
}

// weekday reads a full English name or its first three letters.
func weekday(word string) (time.Weekday, bool) {
	word = strings.TrimSpace(word)
	for d := range time.Weekday(7) {
		if name := d.String(); strings.EqualFold(word, name) || strings.EqualFold(word, name[:3]) {
			return d, true
		}
	}
	return 0, false
}

// times reads from and to: seconds after midnight, and the seconds that follow.
func (r *reader) times() (from, length int64) {
	const remedy = "write hours and minutes on the 24-hour clock with two digits each, such as 08:00"
	read := func(field, value string, unset int64) int64 {
		switch {
		case value == "":
			return unset
		case !timeOfDay.MatchString(value):
			r.add(field, remedy, "%s %q is not a time of day", field, value)
			return unset
		}
		digit := func(i int) int64 { return int64(value[i] - '0') }
		return (digit(0)*10+digit(1))*60*60 + (digit(3)*10+digit(4))*60
	}
	from = read("from", r.From, 0)
	if from == day {
		r.add("from", "write 00:00, and the next day in days", "from %q is the end of the day", r.From)
		return 0, day
	}
	length = read("to", r.To, day) - from
	if length <= 0 {
		length += day
	}
	return from, length
}

// readZone reads the time zone. It refuses what the zone files of one machine
// have and those of another lack, such as localtime and posix/Europe/Paris: IANA
// names begin with a capital.
func (r *reader) readZone(known Zones) {
	const remedy = "use a name of the IANA time zone database, such as Europe/Paris or UTC"
	name := r.TimeZone
	switch {
	case name == "":
		name = "UTC"
	case name == "Local":
		r.add("timeZone", remedy, "timeZone %q depends on the machine", name)
		return
	case name[0] < 'A' || name[0] > 'Z':
		r.add("timeZone", remedy, "timeZone %q is not known", name)
		return
	}
	if zone := known[name]; zone != nil {
		r.zone = zone
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		r.add("timeZone", remedy, "timeZone %q is not known", name)
		return
	}
	r.zone = zone
	if known != nil {
		known[name] = zone
	}
}

// dates reads the first and the last date on which the window may begin.
func (r *reader) dates() (first, last int64) {
	read := func(field, value string, unset int64) (date int64, ok bool) {
		if value == "" {
			return unset, false
		}
		t, err := time.Parse(time.DateOnly, value)
		if err != nil {
			r.add(field, "write a date that exists as year-month-day, such as 2026-12-01", "%s %q is not a date", field, value)
			return unset, false
		}
		return t.Unix() / day, true
	}
	first, hasFirst := read("startDate", r.StartDate, never/day)
	last, hasLast := read("endDate", r.EndDate, ever/day)
	if hasFirst && hasLast && last < first {
		r.add("endDate", "swap the two, or write a later endDate", "endDate %q is before startDate %q", r.EndDate, r.StartDate)
	}
	return first, last
}
