package baseline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// The messages of these tests: 10 s of work, to be begun within 100 s.
const (
	processing = 10 * time.Second
	acceptable = 100 * time.Second
)

// worker is a service with a queue that a peer sizes.
type worker struct {
	*plant.Plant
	clock *sim.Clock
}

// employ lets a queue peer size a service of some tasks within 0 to most.
func employ(t *testing.T, name string, knob float64, tasks, most int, load func(int) float64, seconds int) worker {
	t.Helper()
	all := baseline.QueuePeers(processing, acceptable)
	k := all[slices.IndexFunc(all, func(k baseline.Peer) bool { return k.Name == name })]
	if knob == 0 {
		knob = k.Default
	}
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	erlangs := make([]float64, seconds)
	for s := range erlangs {
		erlangs[s] = load(s)
	}
	arrivals := func(s int) float64 { return load(s) / processing.Seconds() }
	if err := p.AddQueue(plant.Queue{Name: "jobs", Arrivals: arrivals, Processing: processing, Limit: acceptable}); err != nil {
		t.Fatal(err)
	}
	if err := p.AddService(plant.Service{Name: "web", Queue: "jobs", Capacity: 1 / processing.Seconds(), Desired: tasks, Max: most}); err != nil {
		t.Fatal(err)
	}
	site := baseline.Site{
		Plant: p, Clock: clock, Service: "web", Queue: "jobs", Max: most, Load: erlangs, Start: 35 * time.Second,
		Fail: func(err error) { t.Errorf("%s: %v", k.Name, err) },
	}
	if err := k.Attach(site, knob); err != nil {
		t.Fatal(err)
	}
	return worker{p, clock}
}

func (w worker) to(d time.Duration) int {
	w.clock.RunUntil(begin().Add(d))
	w.Finish()
	return w.View("web").Desired
}

// none is no load.
func none(int) float64 { return 0 }

// AWS's guide: with 1,500 messages for 10 instances, of which each may have 100, the
// group is to have 15. Here nobody is done with a message before the alarm acts.
func TestBacklogOfATask(t *testing.T) {
	t.Parallel()
	w := employ(t, "aas", 100, 10, 60, none, 3600)
	if err := w.Send("jobs", 1510, 0); err != nil { // 10 are worked on
		t.Fatal(err)
	}
	n := 0
	for d := time.Minute; n <= 10 && d < 10*time.Minute; d += 10 * time.Second {
		n = w.to(d)
	}
	// In the three minutes of the alarm 10 tasks did at most 200 of them.
	if n < 13 || n > 15 {
		t.Errorf("of 1,500 messages for 10 tasks, 100 for each, %d tasks were ordered, want 13 to 15", n)
	}
	if n := w.to(3 * time.Hour); n != 1 {
		t.Errorf("of an empty queue %d tasks are left, want the one without which there is no metric", n)
	}
}

// KEDA's documents: of 30 messages with a queueLength of 10 there are 3 replicas. From
// none it goes at the first poll; in flight counts; to none it goes 300 s after the last
// message, at once from whatever the autoscaler has left.
func TestSQSTrigger(t *testing.T) {
	t.Parallel()
	w := employ(t, "keda", 10, 0, 60, none, 3600)
	if n := w.to(time.Minute); n != 0 {
		t.Errorf("an empty queue has %d tasks", n)
	}
	if err := w.Send("jobs", 30, 0); err != nil {
		t.Fatal(err)
	}
	if n := w.to(2 * time.Minute); n != 3 {
		t.Errorf("30 messages have %d tasks, want 3", n)
	}
	begun := 2 * time.Minute
	for ; w.QueueView("jobs").Deleted < 30; begun += 5 * time.Second {
		w.to(begun)
	}
	if n := w.to(begun + 4*time.Minute); n == 0 {
		t.Error("within the cooldown of 300 s the last task was stopped")
	}
	if n := w.to(begun + 6*time.Minute); n != 0 {
		t.Errorf("six minutes after the last message there are %d tasks", n)
	}
}

// Every queue peer carries a load that comes and goes: it does the same twice, and its
// safest setting is late for less and costs more than its cheapest.
func TestQueuePeersOnThePlant(t *testing.T) {
	t.Parallel()
	waves := func(s int) float64 {
		if s/1800%2 == 0 {
			return 2
		}
		return 14
	}
	const seconds = 6 * 3600
	for _, k := range baseline.QueuePeers(processing, acceptable) {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			run := func(knob float64) ([]plant.Activity, plant.Tally) {
				w := employ(t, k.Name, knob, 2, 80, waves, seconds)
				w.to(seconds * time.Second)
				if err := w.Check(); err != nil {
					t.Error(err)
				}
				return w.Activities("web"), w.Tally("web")
			}
			one, tally := run(k.Default)
			again, _ := run(k.Default)
			if d := cmp.Diff(one, again); d != "" {
				t.Errorf("the same decided otherwise:\n%s", d)
			}
			t.Logf("at %v: %.2f x demand, late %.1f %%, %d actions", k.Default, tally.TaskSeconds/tally.Demand, 100*tally.Slow/tally.Arrived, len(one))
			_, cheap := run(k.Sweep[0])
			_, safe := run(k.Sweep[len(k.Sweep)-1])
			if cheap.TaskSeconds >= safe.TaskSeconds || cheap.Slow < safe.Slow {
				t.Errorf("at %v %.0f task-seconds and %.0f late, at %v %.0f and %.0f: want the sweep from cheap to safe",
					k.Sweep[0], cheap.TaskSeconds, cheap.Slow, k.Sweep[len(k.Sweep)-1], safe.TaskSeconds, safe.Slow)
			}
		})
	}
}

// Only a queue's service may have no task.
func TestRequestsNeedATask(t *testing.T) {
	t.Parallel()
	k := baseline.Peers()[0]
	err := k.Attach(baseline.Site{Plant: new(plant.Plant), Clock: sim.NewClock(begin()), Max: 3, Fail: func(error) {}}, 60)
	if err == nil || !strings.Contains(err.Error(), "1 <= min") {
		t.Errorf("error is %v, want the bounds", err)
	}
}
