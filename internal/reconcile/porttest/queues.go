package porttest

import (
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// QueuesBed is an implementation of reconcile.Queues in a world of its own.
type QueuesBed struct {
	Queues reconcile.Queues
	// Now is when the states are asked for.
	Now time.Time
	// Create makes an empty queue and gives its URL.
	Create func(t *testing.T, name string) (url string)
	// Send puts messages into a queue, Receive takes some of them into flight.
	Send, Receive func(t *testing.T, name string, messages int)
	// Delay puts messages into a queue that may be received only later. Optional.
	Delay func(t *testing.T, name string, messages int)
}

// Queues runs the suite of reconcile.Queues.
func Queues(t *testing.T, open func(*testing.T) QueuesBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(queuesWorld)
	}{
		{"no queues give no states", noQueues},
		{"an empty queue is known to be idle", emptyQueue},
		{"messages that wait are visible", waitingMessages},
		{"messages that were received are in flight", receivedMessages},
		{"messages that are delayed are no idleness", delayedMessages},
		{"queues are answered in their order, by name and by URL", queuesOrder},
		{"a queue asked for twice is answered twice", repeatedQueue},
		{"an unknown queue fails alone and says why", unknownQueue},
		{"an unknown queue by itself is an answer too", onlyUnknownQueue},
		{"a queue that is made later is found", laterQueue},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(queuesWorld{T: t, QueuesBed: open(t)})
		})
	}
}

// queuesWorld is one case and its bed.
type queuesWorld struct {
	*testing.T
	QueuesBed
}

func noQueues(w queuesWorld) {
	if got := states(w); len(got) != 0 {
		w.Errorf("states %v, want none", got)
	}
}

func emptyQueue(w queuesWorld) {
	w.Create(w.T, "jobs")
	if got := states(w, "jobs")[0]; !got.Idle() {
		w.Errorf("state %+v, want a known idle queue", got)
	}
}

func waitingMessages(w queuesWorld) {
	w.Create(w.T, "jobs")
	w.Send(w.T, "jobs", 3)
	wantJobs(w, 3, 0, 0)
}

func receivedMessages(w queuesWorld) {
	w.Create(w.T, "jobs")
	w.Send(w.T, "jobs", 5)
	w.Receive(w.T, "jobs", 2)
	wantJobs(w, 3, 2, 0)
	w.Receive(w.T, "jobs", 3)
	wantJobs(w, 0, 5, 0)
	if got := states(w, "jobs")[0]; got.Idle() {
		w.Errorf("state %+v is idle with messages in flight", got)
	}
}

func delayedMessages(w queuesWorld) {
	if w.Delay == nil {
		w.Skip("the bed has no delayed messages")
	}
	w.Create(w.T, "jobs")
	w.Delay(w.T, "jobs", 2)
	wantJobs(w, 0, 0, 2)
	if got := states(w, "jobs")[0]; got.Idle() {
		w.Errorf("state %+v is idle with messages delayed", got)
	}
}

func queuesOrder(w queuesWorld) {
	a, b := w.Create(w.T, "a"), w.Create(w.T, "b")
	w.Send(w.T, "a", 1)
	w.Send(w.T, "b", 2)
	asked := []string{"b", a, "a", b}
	got := states(w, asked...)
	for i, want := range []int{2, 1, 1, 2} {
		if got[i].Visible != want || !got[i].Known() {
			w.Errorf("%s is answered %+v, want %d messages", asked[i], got[i], want)
		}
	}
}

func repeatedQueue(w queuesWorld) {
	w.Create(w.T, "jobs")
	w.Send(w.T, "jobs", 1)
	got := states(w, "jobs", "jobs")
	if got[0] != got[1] || got[0].Visible != 1 {
		w.Errorf("states %+v, want one message twice", got)
	}
}

func unknownQueue(w queuesWorld) {
	w.Create(w.T, "jobs")
	w.Send(w.T, "jobs", 1)
	got := states(w, "nobody", "jobs")
	if got[0].Known() || got[0].Idle() || got[0].Status != signal.Failed || got[0].Why == "" {
		w.Errorf("the unknown queue is %+v, want failed with a reason", got[0])
	}
	if !got[1].Known() || got[1].Visible != 1 {
		w.Errorf("the other queue is %+v, want one message", got[1])
	}
}

func onlyUnknownQueue(w queuesWorld) {
	if got := states(w, "nobody")[0]; got.Status != signal.Failed || got.Why == "" {
		w.Errorf("the unknown queue is %+v, want failed with a reason", got)
	}
}

func laterQueue(w queuesWorld) {
	states(w, "jobs")
	w.Create(w.T, "jobs")
	if got := states(w, "jobs")[0]; !got.Known() {
		w.Errorf("the queue is %+v after it was made", got)
	}
}

// wantJobs compares the state of the queue "jobs".
func wantJobs(w queuesWorld, visible, inFlight, delayed int) {
	w.Helper()
	want := signal.Queue{Name: "jobs", At: w.Now, Visible: visible, InFlight: inFlight, Delayed: delayed, Status: signal.Complete}
	if got := states(w, "jobs")[0]; got != want {
		w.Errorf("state %+v, want %+v", got, want)
	}
}

// states asks for queues and checks that each is answered under its own name.
func states(w queuesWorld, queues ...string) []signal.Queue {
	w.Helper()
	got, err := w.Queues.States(w.Context(), w.Now, queues)
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, q := range got {
		names = append(names, q.Name)
		if !q.At.Equal(w.Now) {
			w.Errorf("the state of %s is of %s, want %s", q.Name, q.At, w.Now)
		}
	}
	if !slices.Equal(names, queues) {
		w.Fatalf("%q were answered for %q", names, queues)
	}
	return got
}
