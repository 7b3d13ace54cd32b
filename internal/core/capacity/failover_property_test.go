package capacity_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

// anyCouple draws a pair in any state of launches, with tasks that wait.
func anyCouple(t *rapid.T) *couple {
	loads := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 6)
	c := pair(loads.Draw(t, "spot"), loads.Draw(t, "standby"))
	c.wait(rapid.IntRange(0, 9).Draw(t, "web"), rapid.IntRange(0, 3).Draw(t, "worker"))
	c.behind(rapid.IntRange(0, 3).Draw(t, "behind"))
	c.standby.Group.MinSize = rapid.IntRange(0, len(c.standby.Instances)).Draw(t, "minSize")
	minutes := func(label string) time.Duration {
		return time.Duration(rapid.IntRange(-60, 60).Draw(t, label)) * time.Minute
	}
	switch rapid.IntRange(0, 2).Draw(t, "launches") {
	case 0:
		c.failed(max(0, minutes("since")), minutes("hold"))
	case 1:
		c.mended(max(0, minutes("mended")))
	}
	return c
}

func (c *couple) failing() bool {
	m := c.spot.Memory.Capacity
	return m.Failures > 0 && (noon.Before(m.RetryAt) || c.spot.Base > len(c.spot.Instances))
}

// The fallback starts instances only while the primary cannot, and in one step as many as
// are needed.
func TestTheFallbackMovesOnlyForAPrimaryThatFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyCouple(t)
		r := capacity.Decide(c.fallback())
		if r.Desired > r.Base && !c.failing() {
			t.Fatalf("raised from %d to %d for %s (%s)", r.Base, r.Desired, r.Reason, r.Because)
		}
		if c.failing() && r.Unplaced > 0 && r.Desired == r.Base {
			t.Fatalf("%d tasks without a place: %s (%s)", r.Unplaced, r.Reason, r.Because)
		}
		c.standby.Base, c.standby.Group.DesiredCapacity = r.Desired, r.Desired
		if again := capacity.Decide(c.fallback()); again.Desired != r.Desired {
			t.Fatalf("raised again from %d to %d (%s)", r.Desired, again.Desired, again.Because)
		}
	})
}

// What both groups drain in the same moment finds room on what both keep; tasks of a
// provider stay with the primary; and nothing goes back to a primary that is not well.
func TestWhatAPairDrainsHasAPlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyCouple(t)
		p, f := capacity.Decide(c.primary()), capacity.Decide(c.fallback())
		for _, d := range p.Drains {
			for _, m := range d.Moves {
				if strings.HasPrefix(m.Bin, "standby") {
					t.Fatalf("the primary moves tasks to its fallback: %+v", d)
				}
			}
		}
		for _, d := range f.Drains {
			if d.Returns && !c.spot.Memory.Capacity.Mended(noon, 30*time.Minute) {
				t.Fatalf("tasks return to a primary that has just failed: %+v", d)
			}
		}
		if left := len(c.standby.Instances) - len(f.Drains); left < c.standby.Group.MinSize {
			t.Fatalf("%d instances of the fallback are left, MinSize is %d", left, c.standby.Group.MinSize)
		}
		goes := append(drained(p), drained(f)...)
		room, moved := 0, 0
		for _, i := range slices.Concat(c.spot.Instances, c.standby.Instances) {
			if slices.Contains(goes, i.ID) {
				moved += i.Tasks
			} else {
				room += 4 - i.Tasks
			}
		}
		if moved > room {
			t.Fatalf("%v go with %d tasks, the others have room for %d", goes, moved, room)
		}
	})
}

// A pair whose primary launches and fails by turns never sends tasks to and fro within
// the cool-off, whatever the turns.
func TestAFlappingPrimaryDoesNotFlapThePair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := history.Capacity{Shape: shape()}
		failedAt := time.Time{}
		for minute := range 240 {
			now := noon.Add(time.Duration(minute) * time.Minute)
			c := pair([]int{4, 0, 0}, []int{4, 4})
			c.spot.Now, c.standby.Now = now, now
			switch rapid.IntRange(0, 20).Draw(t, "what") {
			case 0:
				c.spot.Group.Failures = []fleet.LaunchFailure{{At: now, Words: "no capacity"}}
			case 1:
				c.spot.Group.Launched = now
			}
			c.spot.Memory.Capacity = &m
			f, p := capacity.Decide(c.fallback()), capacity.Decide(c.primary())
			if p.Memory.Failures > m.Failures {
				failedAt = now
			}
			m = p.Memory
			m.Removable = nil
			if len(f.Drains) > 0 && !failedAt.IsZero() && now.Sub(failedAt) < 30*time.Minute {
				t.Fatalf("tasks go back %s after a failure: %s", now.Sub(failedAt), f.Because)
			}
		}
	})
}
