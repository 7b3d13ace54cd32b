package history_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

func TestExpected(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		h    history.History
		want int
		ok   bool
	}{
		{"nothing was written", history.History{}, 0, false},
		{"an order", history.History{Orders: []history.Order{order(9, 2, 5)}}, 5, true},
		{"a foreign count before any order", history.History{Foreign: []history.Sighting{sighting(9, 3, 7)}}, 7, true},
		{"a foreign count after the order", history.History{Orders: []history.Order{order(9, 2, 5)}, Foreign: []history.Sighting{sighting(8, 5, 7)}}, 7, true},
		{"an order after the foreign count", history.History{Orders: []history.Order{order(7, 7, 4)}, Foreign: []history.Sighting{sighting(8, 5, 7)}}, 4, true},
		{"the order that answered it", history.History{Orders: []history.Order{order(8, 7, 4)}, Foreign: []history.Sighting{sighting(8, 5, 7)}}, 4, true},
		{"the newest foreign count", history.History{Foreign: []history.Sighting{sighting(8, 5, 7), sighting(2, 7, 0)}}, 0, true},
	}
	for _, tt := range tests {
		if got, ok := tt.h.Expected(); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %d, %t, want %d, %t", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSightedKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var h history.History
	for i := range history.MaxSightings + 3 {
		before := h
		s := sighting(100-i, i, i+1)
		s.Who = "a deploy tool"
		h = h.Sighted(s)
		if len(before.Foreign) > 0 && before.Foreign[0].Expected > h.Foreign[0].Expected {
			t.Fatalf("the receiver was changed: %v", before.Foreign)
		}
		for j, s := range h.Foreign {
			if last := j == len(h.Foreign)-1; (s.Who != "") != last {
				t.Fatalf("sighting %d of %d says %q: only the newest says who", j+1, len(h.Foreign), s.Who)
			}
		}
		if n := len(before.Foreign); n > 0 && before.Foreign[n-1].Who == "" {
			t.Fatalf("the receiver was changed: %v", before.Foreign)
		}
	}
	if len(h.Foreign) != history.MaxSightings || h.Foreign[0].Expected != 3 {
		t.Errorf("kept %v, want the newest %d", h.Foreign, history.MaxSightings)
	}
}

func TestRepairs(t *testing.T) {
	t.Parallel()
	repaired := func(ago int) history.Sighting {
		s := sighting(ago+1, 5, 1)
		s.Repaired = noon.Add(-time.Duration(ago) * time.Minute)
		return s
	}
	h := history.History{Foreign: []history.Sighting{repaired(90), repaired(60), sighting(50, 5, 2), repaired(20), repaired(0)}}
	for ago, want := range map[int]int{120: 4, 60: 2, 61: 3, 20: 1, 0: 0} {
		if got := h.Repairs(noon.Add(-time.Duration(ago) * time.Minute)); got != want {
			t.Errorf("after %d minutes ago: got %d, want %d", ago, got, want)
		}
	}
}

func rate(policy string, perTask float64, minutesAgo int) history.Rate {
	return history.Rate{Policy: policy, PerTask: perTask, At: noon.Add(-time.Duration(minutesAgo) * time.Minute), Periods: 3}
}

func TestRates(t *testing.T) {
	t.Parallel()
	h := history.History{}.WithRate(rate("b", 2, 9)).WithRate(rate("a", 1, 9)).WithRate(rate("b", 3, 1))
	if diff := cmp.Diff([]history.Rate{rate("a", 1, 9), rate("b", 3, 1)}, h.Rates); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, ok := h.Rate("b"); !ok || got != rate("b", 3, 1) {
		t.Errorf("got %v, %t", got, ok)
	}
	if got, ok := h.Rate("c"); ok || got != (history.Rate{}) {
		t.Errorf("a rate that was never learnt is %v", got)
	}
	// What is no rate is not learnt: NaN in a history could not be written at all.
	for _, v := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if diff := cmp.Diff(h, h.WithRate(rate("a", v, 0))); diff != "" {
			t.Errorf("%v was learnt:\n%s", v, diff)
		}
	}
	if got, _ := h.WithRate(rate("a", 1.0/3, 0)).Rate("a"); got.PerTask != 0.333333 {
		t.Errorf("a third is learnt as %v", got.PerTask)
	}
	long := rate("a", 1, 0)
	long.Periods = history.MaxPeriods + 1
	if got, _ := h.WithRate(long).Rate("a"); got.Periods != history.MaxPeriods {
		t.Errorf("%d periods are counted, want %d", got.Periods, history.MaxPeriods)
	}
}

func TestRatesForgetTheOldest(t *testing.T) {
	t.Parallel()
	var h history.History
	for i := range history.MaxRates {
		h = h.WithRate(rate(fmt.Sprintf("p%d", i), 1, 100-i))
	}
	before := h
	h = h.WithRate(rate("p0", 2, 0)).WithRate(rate("new", 1, 0))
	if len(h.Rates) != history.MaxRates {
		t.Errorf("%d rates are kept, want %d", len(h.Rates), history.MaxRates)
	}
	for policy, want := range map[string]bool{"new": true, "p0": true, "p1": false, "p2": true} {
		if _, ok := h.Rate(policy); ok != want {
			t.Errorf("%s is remembered: %t, want %t", policy, ok, want)
		}
	}
	if _, ok := before.Rate("p1"); !ok || len(before.Rates) != history.MaxRates {
		t.Error("the receiver was changed")
	}
}

// An order and what is learnt do not touch each other.
func TestWithKeepsWhatIsLearnt(t *testing.T) {
	t.Parallel()
	learnt := history.History{}.WithRate(rate("a", 1, 9)).Sighted(sighting(9, 1, 2))
	learnt.Hours, _ = learnt.Hours.See(noon, 4)
	o := order(0, 2, 5)
	got := learnt.With(o, []history.Mark{mark("cpu", 1)}).Without(o.At)
	got.Orders, got.Marks = nil, nil
	if diff := cmp.Diff(learnt, got); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func hour(week, hour int) time.Time {
	return noon.Add(time.Duration(week*7*24+hour) * time.Hour)
}

func TestHours(t *testing.T) {
	t.Parallel()
	var h history.Hours
	see := func(at time.Time, count int, changed bool) {
		t.Helper()
		next, ok := h.See(at, count)
		if ok != changed {
			t.Errorf("seeing %d at %s changed %t, want %t", count, at, ok, changed)
		}
		h = next
	}
	lowest := func(at time.Time, want int, known bool) {
		t.Helper()
		if got, ok := h.Lowest(at); got != want || ok != known {
			t.Errorf("the lowest for %s is %d, %t, want %d, %t", at, got, ok, want, known)
		}
	}
	lowest(hour(0, 0), 0, false)
	see(hour(0, 0), 9, true)
	see(hour(0, 0).Add(59*time.Minute+59*time.Second), 9, false) // the same hour, no lower
	see(hour(0, 0).Add(5*time.Minute), 7, true)
	see(hour(0, 0).Add(6*time.Minute), 8, false)
	see(hour(0, 0).Add(-time.Second), 1, false) // an hour that has passed
	see(hour(0, 0), -1, false)
	lowest(hour(0, 0), 0, false) // this hour tells nothing of itself
	lowest(hour(1, 0), 7, true)
	lowest(hour(1, 0).Add(-time.Nanosecond), 0, false)
	lowest(hour(1, 1), 0, false)
	lowest(hour(2, 0), 7, true)
	lowest(hour(3, 0), 0, false)
	see(hour(1, 0), 4, true)
	lowest(hour(2, 0), 4, true)
	see(hour(1, 1), 0, true) // no task at all is a count too
	lowest(hour(2, 1), 0, true)
	// The first look of an hour does not take away what was seen two weeks ago.
	see(hour(2, 0), 9, true)
	lowest(hour(2, 0), 4, true)
	see(hour(2, 1), 9, true)
	lowest(hour(3, 0), 4, true)
	// A gap longer than all that is kept forgets it.
	see(hour(8, 0), 3, true)
	lowest(hour(8, 0), 0, false)
	lowest(hour(9, 0), 3, true)
	see(time.Unix(-7200, 0), 3, false)
}

// oracle is the lowest count of every hour ever seen.
type oracle map[int64]int

func (o oracle) see(at time.Time, count int) {
	if low, ok := o[at.Unix()/3600]; !ok || count < low {
		o[at.Unix()/3600] = count
	}
}

func (o oracle) lowest(at, newest time.Time) (int, bool) {
	best, found := 0, false
	for _, weeks := range []int64{1, 2} {
		past := at.Unix()/3600 - weeks*7*24
		low, ok := o[past]
		if ok && past > newest.Unix()/3600-history.HoursKept && (!found || low < best) {
			best, found = low, true
		}
	}
	return best, found
}

// The ring of hours tells what a map of all hours would, through gaps and hour
// rollovers, and keeps the receiver.
func TestHoursAgreeWithAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h history.Hours
		seen := oracle{}
		at := noon
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			at = at.Add(rapid.SampledFrom([]time.Duration{
				time.Minute, 17 * time.Minute, time.Hour, 23 * time.Hour, 7*24*time.Hour - time.Hour, 7 * 24 * time.Hour, 15 * 24 * time.Hour,
			}).Draw(t, "after"))
			count := rapid.IntRange(0, 40).Draw(t, "count")
			before := history.Hours{Lows: append([]int(nil), h.Lows...), Newest: h.Newest}
			next, changed := h.See(at, count)
			if diff := cmp.Diff(before, h); diff != "" {
				t.Fatalf("the receiver was changed:\n%s", diff)
			}
			if !changed && cmp.Diff(h, next) != "" {
				t.Fatal("it changed and says it did not")
			}
			h = next
			seen.see(at, count)
			for _, ahead := range []time.Duration{0, time.Hour, 5 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour} {
				got, ok := h.Lowest(at.Add(ahead))
				want, known := seen.lowest(at.Add(ahead), at)
				if got != want || ok != known {
					t.Fatalf("the lowest at %s is %d, %t, want %d, %t", at.Add(ahead), got, ok, want, known)
				}
			}
		}
	})
}
