package history

import "time"

// week is the hours of a week.
const week = 7 * 24

// HoursKept is two weeks of hours and the one that is being seen: without that,
// the first look of an hour would write over the same hour two weeks ago, and
// the next one would know of one week only.
const HoursKept = 2*week + 1

// Hours holds the lowest count of each hour of the last two weeks. The zero
// value has seen nothing. Its JSON is compact, see MarshalJSON.
type Hours struct {
	// Lows holds the count + 1 of the hours, 0 where none was seen; the entry of an
	// hour is at the hours since 1970 modulo HoursKept.
	Lows []int
	// Newest is the newest hour that is held, in hours since 1970.
	Newest int64
}

// IsZero tells whether nothing has been seen.
func (h Hours) IsZero() bool { return len(h.Lows) == 0 }

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// See gives the hours after a count was seen at a time, and whether that changed
// anything: only the first and each lower count of an hour do. A time before
// the newest hour is not seen.
func (h Hours) See(at time.Time, count int) (Hours, bool) {
	hour := hourOf(at)
	if hour < 0 || hour < h.Newest || count < 0 {
		return h, false
	}
	known := len(h.Lows) == HoursKept
	if known && hour == h.Newest {
		if low := h.Lows[hour%HoursKept]; low > 0 && low <= count+1 {
			return h, false
		}
	}
	lows := make([]int, HoursKept)
	if known {
		copy(lows, h.Lows)
		for past := h.Newest + 1; past <= hour && past <= h.Newest+HoursKept; past++ {
			lows[past%HoursKept] = 0
		}
	}
	lows[hour%HoursKept] = count + 1
	return Hours{Lows: lows, Newest: hour}, true
}

// Lowest gives the lowest count seen at the same hour of the week, one and two
// weeks before; ok is false where none was seen.
func (h Hours) Lowest(at time.Time) (count int, ok bool) {
	if len(h.Lows) != HoursKept {
		return 0, false
	}
	hour := hourOf(at)
	for _, ago := range []int64{week, 2 * week} {
		past := hour - ago
		if past > h.Newest || past <= h.Newest-HoursKept || past < 0 {
			continue
		}
		if low := h.Lows[past%HoursKept]; low > 0 && (!ok || low-1 < count) {
			count, ok = low-1, true
		}
	}
	return count, ok
}
