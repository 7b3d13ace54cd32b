package history_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

const (
	after   = 3 * time.Minute
	coolOff = 30 * time.Minute
)

func minutes(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func TestShortageAtItsEdges(t *testing.T) {
	t.Parallel()
	called := func(n int) history.Shortage { return history.Shortage{Counted: &n} }
	above := func(n, above, since int) history.Shortage {
		return history.Shortage{Counted: &n, Above: above, AboveSince: minutes(since)}
	}
	tests := []struct {
		name           string
		s              history.Shortage
		at             time.Time
		wanted, placed int
		want           history.Shortage
	}{
		{"whole", history.Shortage{}, noon, 10, 10, history.Shortage{}},
		{"two sets of a deployment", history.Shortage{}, noon, 10, 20, history.Shortage{}},
		{"nothing wanted", history.Shortage{}, noon, 0, 0, history.Shortage{}},
		{"short for the first time", history.Shortage{}, noon, 10, 9, history.Shortage{Since: noon}},
		{"short for a second less than after", history.Shortage{Since: noon}, noon.Add(after - time.Second), 10, 4, history.Shortage{Since: noon}},
		{"short for after", history.Shortage{Since: noon}, noon.Add(after), 10, 4, called(4)},
		{"whole again before after", history.Shortage{Since: noon}, noon.Add(after), 10, 10, history.Shortage{}},
		{"fewer have a place", called(4), noon, 10, 3, called(3)},
		{"as many have a place", called(4), noon, 10, 4, called(4)},
		{"fewer are wanted than are counted on", called(4), noon, 3, 3, called(4)},
		{"more have a place", called(4), noon, 10, 9, above(4, 9, 0)},
		{"still more", above(4, 9, 0), minutes(1), 10, 10, above(4, 9, 0)},
		{"a little less", above(4, 9, 0), minutes(1), 10, 8, above(4, 8, 0)},
		{"none more than are counted on", above(4, 9, 0), minutes(29), 10, 4, called(4)},
		{"a second less than the cool-off", above(4, 9, 0), noon.Add(coolOff - time.Second), 10, 10, above(4, 9, 0)},
		{"the cool-off", above(4, 10, 0), noon.Add(coolOff), 10, 10, called(10)},
		{"the cool-off, and some have come since", above(4, 8, 0), noon.Add(coolOff), 10, 10, above(8, 10, 30)},
	}
	for _, tt := range tests {
		got := tt.s.See(tt.at, tt.wanted, tt.placed, after, coolOff)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if again := got.See(tt.at, tt.wanted, tt.placed, after, coolOff); !again.Same(got) {
			t.Errorf("%s: a second look at once makes %+v of %+v", tt.name, again, got)
		}
	}
}

// With no time to wait the first look calls.
func TestShortageCallsAtOnce(t *testing.T) {
	t.Parallel()
	if got := (history.Shortage{}).See(noon, 2, 0, 0, coolOff); !got.Called() || *got.Counted != 0 {
		t.Errorf("got %+v, want none counted on", got)
	}
}

// What is counted on is never more than had a place at every look of the cool-off, and
// a flicker of places shorter than that raises it never.
func TestShortageCountsOnWhatLasts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s history.Shortage
		placed := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 200).Draw(t, "placed")
		var wasCalled bool
		for i, n := range placed {
			before := s
			s = s.See(minutes(i), 10, n, after, coolOff)
			if wasCalled = wasCalled || before.Called(); wasCalled && !s.Called() {
				t.Fatalf("minute %d: the call ended by itself", i)
			}
			if !s.Called() {
				continue
			}
			if n < 10 && *s.Counted > n {
				t.Fatalf("minute %d: %d are counted on of %d placed", i, *s.Counted, n)
			}
			if !before.Called() || *s.Counted <= *before.Counted {
				continue
			}
			for j := max(0, i-int(coolOff/time.Minute)); j <= i; j++ {
				if min(placed[j], 10) < *s.Counted {
					t.Fatalf("minute %d: %d are counted on, and %d had a place in minute %d", i, *s.Counted, placed[j], j)
				}
			}
		}
	})
}

func TestShortageJSON(t *testing.T) {
	t.Parallel()
	full := history.Shortage{Counted: new(4999), Above: 5000, AboveSince: noon}
	tests := []struct {
		name string
		s    history.Shortage
		want string
	}{
		{"short", history.Shortage{Since: noon}, `{"since":"2026-11-23T12:00:00Z"}`},
		{"none counted on", history.Shortage{Counted: new(0)}, `{"counted":0}`},
		{"the most there is", full, `{"counted":4999,"above":5000,"aboveSince":"2026-11-23T12:00:00Z"}`},
	}
	for _, tt := range tests {
		b, err := json.Marshal(tt.s)
		if err != nil || string(b) != tt.want || len(b) > 100 {
			t.Errorf("%s: got %s, %v", tt.name, b, err)
		}
		var back history.Shortage
		if err := json.Unmarshal(b, &back); err != nil || !back.Same(tt.s) {
			t.Errorf("%s: read back as %+v, %v", tt.name, back, err)
		}
	}
}

func TestShortagesDiffer(t *testing.T) {
	t.Parallel()
	all := []history.Shortage{
		{},
		{Since: noon},
		{Since: minutes(1)},
		{Counted: new(0)},
		{Counted: new(1)},
		{Counted: new(0), Above: 1, AboveSince: noon},
		{Counted: new(0), Above: 2, AboveSince: noon},
		{Counted: new(0), Above: 1, AboveSince: minutes(1)},
	}
	for i, a := range all {
		for j, b := range all {
			if a.Same(b) != (i == j) {
				t.Errorf("%+v is the same as %+v: %t", a, b, a.Same(b))
			}
		}
	}
}
