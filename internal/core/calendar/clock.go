package calendar

import (
	"sort"
	"time"
)

// Wall time is what a local clock tells, in seconds since 1970-01-01T00:00 on it.
//
// These sums ask for offsets only. time.Time.ZoneBounds would give the changes
// themselves, but past the last change that a zone file lists, which is today
// for most, it errs: on 2024-12-31 in Cairo it said that the offset had ended
// the day before (golang/go issue 81583).

// reach is more than any clock was ever off UTC, in seconds: Manila's local mean
// time was 15:56 behind.
const reach = 16 * 60 * 60

// rest is less than any clock was ever left alone between two moves, in seconds:
// Freetown's was put forward again after 95 hours in September 1939.
const rest = 90 * 60 * 60

// clock is a local clock. From from to to it was left alone; where that is not
// known the two are the same.
type clock struct {
	zone     *time.Location
	offset   int64 // seconds east of UTC
	from, to int64 // seconds since 1970
}

// clockAt asks for three offsets, so that the edges near now need no more: two
// for each edge took Open to 1.6 us, all for zones that rest.
func clockAt(zone *time.Location, now int64) clock {
	c := clock{zone: zone, offset: offset(zone, now), from: now, to: now}
	if offset(zone, now-rest) == c.offset && offset(zone, now+rest) == c.offset {
		c.from, c.to = now-rest, now+rest
	}
	return c
}

func offset(zone *time.Location, at int64) int64 {
	_, seconds := time.Unix(at, 0).In(zone).Zone()
	return int64(seconds)
}

// date gives the local date of the instant of clockAt, counted from 1970-01-01.
func (c clock) date(now int64) int64 {
	wall := now + c.offset
	return (wall - modulo(wall, day)) / day
}

// since gives the first instant at which the clock tells the wall time or a
// later one: the first of two occurrences, and the end of a gap.
func (c clock) since(wall int64) int64 {
	before, after, change := c.around(wall)
	if at := wall - before; at < change {
		return at
	}
	return max(change, wall-after)
}

// until gives the instant from which the clock never again tells less than the
// wall time: the second of two occurrences, and the end of a gap. At 02:00,
// where clocks go from 03:00 back to 02:00, it is the first: after it they tell
// no earlier time.
func (c clock) until(wall int64) int64 {
	before, after, change := c.around(wall)
	if at := wall - after; at > change {
		return at
	}
	return min(change, wall-before)
}

// around gives the offsets before and after the change near a wall time, and
// when it is; without one both are the same and it is where it does no harm.
func (c clock) around(wall int64) (before, after, change int64) {
	first, last := wall-reach, wall+reach
	if c.from <= first && last <= c.to {
		return c.offset, c.offset, wall - c.offset
	}
	before, after = offset(c.zone, first), offset(c.zone, last)
	if before == after {
		return before, after, wall - before
	}
	seconds := sort.Search(2*reach, func(n int) bool { return offset(c.zone, first+int64(n)) != before })
	return before, after, first + int64(seconds)
}
