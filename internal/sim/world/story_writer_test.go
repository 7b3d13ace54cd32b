package world_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// written is a service of a stack, between 8 and 40 tasks.
func written(t *testing.T, load func(int) float64, desired int) story {
	t.Helper()
	return play(t, t, plot{
		Policy: spec.Service{MinCapacity: 8, MaxCapacity: 40}, Free: true,
		Service: plant.Service{Load: load, Desired: desired, Stack: "checkout-prod"},
	})
}

// told tells whether a record's decision holds these words.
func told(rs []ledger.Record, words string) bool {
	return slices.ContainsFunc(rs, func(r ledger.Record) bool { return strings.Contains(string(r.Decision), words) })
}

// H11: a stack update that has a count written in it resets 20 tasks to 2. It is
// seen, named with its writer, lifted to the floor at the next look, and the
// load is carried again soon after.
func TestH11StackResetsTheCount(t *testing.T) {
	t.Parallel()
	// The load rises before, so that an order of ours is what the stack overwrites.
	s := written(t, between(1800, 86400, 90, 120), 15)
	if v := s.to(t, time.Hour); !settled(v.Desired, 20) {
		t.Fatalf("before the update %+v, want about 20 desired", v)
	}
	s.must(s.Plant.UpdateStack("web", 2))
	v := s.to(t, time.Hour+6*time.Minute)
	if v.Desired < 8 {
		t.Errorf("six minutes after the update %+v, want at least the floor of 8", v)
	}
	if v := s.to(t, time.Hour+25*time.Minute); !about(v.Desired, 20) {
		t.Errorf("twenty-five minutes after the update %+v, want about 20 desired", v)
	}
	rs := s.records(t)
	if !told(rs, history.ForeignWriter) || !told(rs, "CloudFormation stack checkout-prod") {
		t.Errorf("no decision names the writer: %+v", rs)
	}
	s.calm()
}

// Without a deployment beside it nothing tells who it was.
func TestH11UnknownWriter(t *testing.T) {
	t.Parallel()
	s := written(t, between(1800, 86400, 90, 120), 15)
	s.to(t, time.Hour)
	s.must(s.Plant.SetDesired("web", 30))
	v := s.to(t, time.Hour+10*time.Minute)
	if v.Desired < 22 {
		t.Errorf("ten minutes after somebody raised it to 30: %+v, want it adopted and lowered by the budget at most", v)
	}
	if rs := s.records(t); !told(rs, history.ForeignWriter) || !told(rs, "unknown") {
		t.Errorf("no decision names the unknown writer: %+v", rs)
	}
	if v := s.to(t, 3*time.Hour); !settled(v.Desired, 20) {
		t.Errorf("two hours later %+v, want about 20 desired", v)
	}
	s.calm()
}

// H11, the loop: something rewrites the count to 2 every two minutes, all day.
// It is lifted to the floor three times an hour and no oftener; then Trimtab
// holds, and says whom to look for.
func TestH11NeverALoop(t *testing.T) {
	t.Parallel()
	s := written(t, constant(10), 8)
	s.to(t, time.Hour)
	s.must(s.Plant.SetDesired("web", 9)) // the first order of ours is to undo this
	s.to(t, 2*time.Hour)
	s.Clock.Every(at(2*time.Hour), 2*time.Minute, sim.Physics, func() { s.must(s.Plant.SetDesired("web", 2)) })
	s.to(t, 8*time.Hour)
	for from := 2 * time.Hour; from <= 7*time.Hour; from += time.Minute {
		lifts := 0
		for _, a := range s.acts(from, from+time.Hour) {
			if a.To > a.From {
				lifts++
			}
		}
		if lifts > spec.DefaultRepairsPerHour {
			t.Fatalf("in the hour from %s it was lifted %d times, want at most %d", from, lifts, spec.DefaultRepairsPerHour)
		}
	}
	if lifts := len(s.acts(2*time.Hour, 8*time.Hour)); lifts < 6 {
		t.Errorf("in six hours the count changed %d times: it was given up", lifts)
	}
	if !told(s.records(t), "find the other writer") {
		t.Error("no decision tells to find the other writer")
	}
	s.calm()
}
