package plant_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// 4 messages a second for a minute, of which one task takes 2: of the kth second's the
// last waits k s, so that those of the seconds from 30 on wait more than 30 s.
func TestQueueTellsHowLongMessagesWaited(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{}, plant.Queue{Arrivals: until(60, 4), Limit: 30 * time.Second}, plant.Service{Desired: 1})
	b.to(time.Minute)
	// 120 are worked on or done; the oldest of the rest came in the 30th second.
	if v := b.QueueView("jobs"); v.Longest < 29*time.Second || v.Longest > 31*time.Second {
		t.Errorf("after a minute one waited %s, want 30 s", v.Longest)
	}
	if x := b.Tally("web"); x.Arrived != 240 || x.Slow > 2 || x.BusySlow > 1 {
		t.Errorf("after a minute %+v, want 240 messages of which hardly any has waited too long yet", x)
	}
	b.to(3 * time.Minute)
	x := b.Tally("web")
	if x.Arrived != 240 || x.Slow < 115 || x.Slow > 120 {
		t.Errorf("%v of %v messages waited longer than 30 s, want the later half", x.Slow, x.Arrived)
	}
	if x.BusySlow < 57 || x.BusySlow > 60 || x.LongestSlow != x.BusySlow {
		t.Errorf("messages were late in %d s, at most %d s on end, want the last minute of the two", x.BusySlow, x.LongestSlow)
	}
	h := b.Latency("web")
	if got := h.Quantile(0.5); h.Count() != 240 || got < 28 || got > 32 {
		t.Errorf("half of %v messages waited %v s, want 240 and 30 s", h.Count(), got)
	}
	b.BeginEpisodes("web")
	if v, x := b.QueueView("jobs"), b.Tally("web"); v.Longest != 0 || x.LongestSlow != 0 {
		t.Errorf("begun anew, one waited %s and the longest episode has %d s", v.Longest, x.LongestSlow)
	}
}

// A message whose task stops waits again: what counts is the receipt after which it is
// deleted, and what is never received is late all the same.
func TestQueueCountsTheReceiptThatCounts(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{}, plant.Queue{Arrivals: until(10, 1), Processing: 40 * time.Second, Visibility: 30 * time.Second, Limit: 60 * time.Second},
		plant.Service{Desired: 1, Capacity: 1})
	b.to(12 * time.Second)
	b.must(b.SetDesired("web", 0))
	b.to(60 * time.Second)
	if x := b.Tally("web"); x.Slow != 0 {
		t.Errorf("%v messages are late, none has waited 60 s yet", x.Slow)
	}
	b.to(2 * time.Minute)
	if x := b.Tally("web"); x.Arrived != 10 || x.Slow != 10 || b.Latency("web").Count() != 0 {
		t.Errorf("%v of %v messages are late and %v deleted, want all and none", x.Slow, x.Arrived, b.Latency("web").Count())
	}
}

// Whatever happens, late messages stay late, and are counted once each.
func TestLateMessagesAreCountedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := time.Duration(rapid.IntRange(1, 90).Draw(rt, "limit")) * time.Second
		b := queueBed(t, plant.Options{Seed: rapid.Uint64().Draw(rt, "seed")}, plant.Queue{
			Arrivals: until(rapid.IntRange(1, 300).Draw(rt, "seconds"), rapid.Float64Range(0, 5).Draw(rt, "rate")), Limit: limit, Random: rapid.Bool().Draw(rt, "random"),
			Processing: time.Duration(rapid.IntRange(1, 60).Draw(rt, "processing")) * time.Second,
		}, plant.Service{Desired: rapid.IntRange(0, 3).Draw(rt, "tasks")})
		late := 0.0
		for i := range 20 {
			b.must(b.SetDesired("web", rapid.IntRange(0, 4).Draw(rt, "count")))
			b.to(time.Duration(i+1) * 40 * time.Second)
			v, x := b.QueueView("jobs"), b.Tally("web")
			if x.Slow < late || x.Slow > x.Arrived {
				rt.Fatalf("%v of %v messages are late, and %v were before", x.Slow, x.Arrived, late)
			}
			if v.Longest > limit != (x.BusySlow > 0) {
				rt.Fatalf("one waited %s of %s, and %d s were late", v.Longest, limit, x.BusySlow)
			}
			late = x.Slow
		}
		b.must(b.Check())
	})
}

// Messages sent at random are as many as the rates say, give or take four deviations, and
// others with another seed.
func TestRandomArrivals(t *testing.T) {
	t.Parallel()
	sent := map[int]bool{}
	for seed := range uint64(4) {
		b := queueBed(t, plant.Options{Seed: seed}, plant.Queue{Arrivals: until(3600, 2.5), Random: true}, plant.Service{Desired: 2})
		b.to(2 * time.Hour)
		n := b.QueueView("jobs").Sent
		if math.Abs(float64(n)-9000) > 4*math.Sqrt(9000) {
			t.Errorf("seed %d: %d messages were sent, want about 9000", seed, n)
		}
		sent[n] = true
	}
	if len(sent) < 2 {
		t.Errorf("four seeds sent %v messages each", sent)
	}
}
