package history

import (
	"slices"
	"strings"
	"time"
)

// MaxSightings bounds the foreign counts kept.
const MaxSightings = 10

// Sighting is a desired count that is not what was last written here.
type Sighting struct {
	At       time.Time `json:"at"`       // when it was first seen
	Expected int       `json:"expected"` // what was written last, or seen before
	Found    int       `json:"found"`
	// Who is the best guess from what ECS shows, empty for unknown.
	Who string `json:"who,omitempty"`
	// Repaired is when the count was lifted back to the floor, zero if it was not.
	Repaired time.Time `json:"repaired,omitzero"`
}

// Expected gives the live desired count that nobody else has changed since: what
// was last written, or the foreign count adopted after that. None is known
// before the first order.
func (h History) Expected() (int, bool) {
	last, ok := h.Last()
	if n := len(h.Foreign); n > 0 && (!ok || h.Foreign[n-1].At.After(last.At)) {
		return h.Foreign[n-1].Found, true
	}
	return last.To, ok
}

// Sighted gives the history with one more foreign count.
func (h History) Sighted(s Sighting) History {
	h.Foreign = append(slices.Clone(h.Foreign), s)
	if n := len(h.Foreign); n > MaxSightings {
		h.Foreign = h.Foreign[n-MaxSightings:]
	}
	return h
}

// Repairs counts the repairs after a time.
func (h History) Repairs(after time.Time) int {
	n := 0
	for _, s := range h.Foreign {
		if s.Repaired.After(after) {
			n++
		}
	}
	return n
}

// Rate is the learnt service rate of one task for a policy.
type Rate struct {
	Policy  string    `json:"policy"`  // as in Mark
	PerTask float64   `json:"perTask"` // messages a second and task, an EWMA
	At      time.Time `json:"at"`      // start of the newest period learnt from
	Periods int       `json:"periods"` // learnt from, at most MaxPeriods
}

// MaxPeriods is where Rate.Periods stops counting.
const MaxPeriods = 1000

// Rate gives the learnt rate of a policy.
func (h History) Rate(policy string) (Rate, bool) {
	for _, r := range h.Rates {
		if r.Policy == policy {
			return r, true
		}
	}
	return Rate{}, false
}

// WithRate gives the history with a rate learnt anew.
func (h History) WithRate(r Rate) History {
	h.Rates = slices.DeleteFunc(slices.Clone(h.Rates), func(x Rate) bool { return x.Policy == r.Policy })
	h.Rates = append(h.Rates, r)
	slices.SortFunc(h.Rates, func(a, b Rate) int { return strings.Compare(a.Policy, b.Policy) })
	return h
}

// HoursKept is two weeks of hours.
const HoursKept = 14 * 24

// week is the hours of a week.
const week = 7 * 24

// Hours holds the lowest count of each hour of the last two weeks. The zero
// value has seen nothing.
type Hours struct {
	// Lows holds the count + 1 of the hours, 0 where none was seen; the entry of an
	// hour is at the hours since 1970 modulo HoursKept.
	Lows []int `json:"lows,omitempty"`
	// Newest is the newest hour that is held, in hours since 1970.
	Newest int64 `json:"newest,omitempty"`
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// See gives the hours after a count was seen at a time, and whether that changed
// anything: only the first and each lower count of an hour do. A time before
// the newest hour is not seen.
func (h Hours) See(at time.Time, count int) (Hours, bool) {
	hour := hourOf(at)
	if len(h.Lows) == HoursKept && hour == h.Newest {
		if low := h.Lows[hour%HoursKept]; low > 0 && low <= count+1 {
			return h, false
		}
	}
	if hour < h.Newest || count < 0 {
		return h, false
	}
	lows := make([]int, HoursKept)
	if len(h.Lows) == HoursKept {
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
		// The entry of two weeks ago is the one that this hour is written over.
		if past > h.Newest || past <= h.Newest-HoursKept || past < 0 {
			continue
		}
		if low := h.Lows[past%HoursKept]; low > 0 && (!ok || low-1 < count) {
			count, ok = low-1, true
		}
	}
	return count, ok
}
