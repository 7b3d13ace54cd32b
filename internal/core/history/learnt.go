package history

import (
	"math"
	"slices"
	"strconv"
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

// Sighted gives the history with one more foreign count. Who wrote those before
// it is forgotten: their records tell, and the words are most of their room.
func (h History) Sighted(s Sighting) History {
	h.Foreign = slices.Clone(h.Foreign)
	for i := range h.Foreign {
		h.Foreign[i].Who = ""
	}
	h.Foreign = append(h.Foreign, s)
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

// MaxRates bounds the rates kept, so that the policies of years do not fill the
// row: as many as a service may have policies.
const MaxRates = 10

// WithRate gives the history with a rate learnt anew, to six digits: more are
// noise, and take room. What is no finite rate above 0 is not learnt. Of more
// than MaxRates those learnt longest ago go.
func (h History) WithRate(r Rate) History {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(r.PerTask, 'g', 6, 64), 64)
	if err != nil || !(rounded > 0) || math.IsInf(rounded, 1) { // not <= 0, which NaN passes
		return h
	}
	r.PerTask = rounded
	r.Periods = min(r.Periods, MaxPeriods)
	h.Rates = slices.DeleteFunc(slices.Clone(h.Rates), func(x Rate) bool { return x.Policy == r.Policy })
	for len(h.Rates) >= MaxRates {
		oldest := 0
		for i, x := range h.Rates {
			if x.At.Before(h.Rates[oldest].At) {
				oldest = i
			}
		}
		h.Rates = slices.Delete(h.Rates, oldest, oldest+1)
	}
	h.Rates = append(h.Rates, r)
	slices.SortFunc(h.Rates, func(a, b Rate) int { return strings.Compare(a.Policy, b.Policy) })
	return h
}
