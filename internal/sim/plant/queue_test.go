package plant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// queueBed is a plant with a queue named jobs and a service named web that
// works it off, 2 messages a second and task.
func queueBed(t *testing.T, o plant.Options, q plant.Queue, s plant.Service) *bed {
	t.Helper()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, clock: clock, Plant: p}
	q.Name = "jobs"
	b.must(p.AddQueue(q))
	s.Name, s.Queue = "web", "jobs"
	if s.Capacity == 0 {
		s.Capacity = 2
	}
	b.must(p.AddService(s))
	return b
}

// until is arrivals of a rate before a second, and none after.
func until(end int, rate float64) func(int) float64 {
	return func(s int) float64 {
		if s < end {
			return rate
		}
		return 0
	}
}

func (b *bed) state() signal.Queue {
	b.t.Helper()
	got, err := b.Queues().States(b.t.Context(), b.clock.Now(), []string{"https://sqs.us-east-1.amazonaws.com/123456789012/jobs"})
	b.must(err)
	if len(got) != 1 || !got[0].Known() {
		b.t.Fatalf("the queue answered %+v", got)
	}
	return got[0]
}

func (b *bed) sqs(name, statistic string, window time.Duration) []signal.Point {
	b.t.Helper()
	m := signal.Metric{
		Namespace: "AWS/SQS", Name: name, Statistic: statistic, Period: time.Minute,
		Dimensions: []signal.Dimension{{Name: "QueueName", Value: "jobs"}},
	}
	got, err := b.Signals().Fetch(b.t.Context(), b.clock.Now(), []signal.Query{{Metric: m, Window: window}})
	b.must(err)
	return got[0].Points
}

// 10 messages a second for a minute, of which 3 tasks take 6.
func TestQueueBacklog(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Queue{Arrivals: until(60, 10)}, plant.Service{Desired: 3})
	b.to(time.Minute)
	v := b.QueueView("jobs")
	if v.Sent != 600 || v.Deleted != 354 || v.Visible != 240 || v.InFlight != 6 || v.Age < 23*time.Second || v.Age > 25*time.Second {
		t.Errorf("after a minute %+v, want 600 sent, 59 s x 6 deleted, 6 in flight, 240 visible and the oldest 24 s old", v)
	}
	if q := b.state(); q.Visible != 240 || q.InFlight != 6 || q.Delayed != 0 || q.Idle() {
		t.Errorf("GetQueueAttributes says %+v", q)
	}
	b.to(time.Minute + time.Second)
	for name, want := range map[string]signal.Value{
		"ApproximateNumberOfMessagesVisible": 240, "ApproximateNumberOfMessagesNotVisible": 6,
		"NumberOfMessagesSent": 600, "NumberOfMessagesDeleted": 354, "ApproximateAgeOfOldestMessage": signal.Value(v.Age.Seconds()),
	} {
		if d := cmp.Diff([]signal.Point{{Start: begin(), Value: want}}, b.sqs(name, "Maximum", time.Hour)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if p := b.sqs("ApproximateNumberOfMessagesDelayed", "Maximum", time.Hour); len(p) != 0 {
		t.Errorf("without a delayed message SQS published %+v", p)
	}
	b.to(3 * time.Minute)
	if v := b.QueueView("jobs"); v.Deleted != 600 || !b.state().Idle() {
		t.Errorf("40 s of work later %+v, want all deleted", v)
	}
	if p := b.fetch("Average", time.Minute, 3*time.Minute); len(p) != 2 || p[0].Value != 100 || p[1].Value < 66 || p[1].Value > 69 {
		t.Errorf("CPU is %+v, want 100 %% and then two thirds of a minute of it", p)
	}
}

func TestQueueDelay(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{}, plant.Queue{Arrivals: until(10, 0.5), Delay: 20 * time.Second, Processing: 5 * time.Second}, plant.Service{Desired: 1, Capacity: 1})
	b.to(12 * time.Second)
	if q := b.state(); q.Delayed != 5 || q.Visible+q.InFlight != 0 {
		t.Errorf("after 12 s %+v, want 5 delayed", q)
	}
	b.to(27 * time.Second)
	if q := b.state(); q.Delayed != 2 || q.InFlight != 2 || b.QueueView("jobs").Deleted != 1 {
		t.Errorf("after 27 s %+v, want 2 delayed, 2 in flight and 1 deleted", q)
	}
}

// The messages of a stopped task stay in flight and come back, oldest first.
func TestQueueTaskStops(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{}, plant.Queue{Arrivals: until(10, 2), Processing: 40 * time.Second, Visibility: 30 * time.Second}, plant.Service{Desired: 2, Capacity: 1})
	b.to(12 * time.Second)
	b.must(b.SetDesired("web", 0))
	if q := b.state(); q.InFlight != 20 || q.Visible != 0 {
		t.Errorf("as its tasks stop %+v, want 20 in flight", q)
	}
	b.to(45 * time.Second)
	if q := b.state(); q.Visible != 20 || q.InFlight != 0 || b.QueueView("jobs").Age < 44*time.Second {
		t.Errorf("after the visibility timeout %+v, want 20 visible and as old as before", q)
	}
	if p := b.fetch("Average", time.Minute, time.Hour); len(p) != 0 {
		t.Errorf("without a task ECS published %+v", p)
	}
}

// SQS publishes nothing of a queue that was long empty, and nothing again for a
// while after its first message. The attributes are there all the time.
func TestQueueFallsSilent(t *testing.T) {
	t.Parallel()
	arrivals := func(s int) float64 { return map[bool]float64{true: 1}[s < 60 || s >= 3*3600] }
	b := queueBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Queue{Arrivals: arrivals, Quiet: time.Hour}, plant.Service{Desired: 1})
	const visible = "ApproximateNumberOfMessagesVisible"
	b.to(time.Hour)
	if n := len(b.sqs(visible, "Maximum", 10*time.Minute)); n < 9 {
		t.Errorf("within the hour %d datapoints in 10 min, want them all", n)
	}
	b.to(2 * time.Hour)
	if p := b.sqs(visible, "Maximum", 50*time.Minute); len(p) != 0 || !b.state().Idle() {
		t.Errorf("after it SQS published %+v", p)
	}
	b.must(b.SetDesired("web", 0))
	b.to(3*time.Hour + 10*time.Minute)
	if p, q := b.sqs(visible, "Maximum", time.Hour), b.state(); len(p) != 0 || q.Visible != 600 {
		t.Errorf("ten minutes after its first message SQS published %+v of %+v, want nothing yet of 600", p, q)
	}
	b.to(3*time.Hour + 16*time.Minute)
	if p := b.sqs(visible, "Maximum", time.Hour); len(p) < 14 || p[0].Value == 0 {
		t.Errorf("after a quarter of an hour SQS published %+v, want the whole of it", p)
	}
}

func TestQueueFaults(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{Fault: plant.Only(plant.Always(plant.ErrThrottled), plant.SQS, "GetQueueAttributes")},
		plant.Queue{Arrivals: until(1, 1)}, plant.Service{})
	got, err := b.Queues().States(t.Context(), b.clock.Now(), []string{"jobs", "none"})
	b.must(err)
	want := []signal.Queue{
		{Name: "jobs", At: begin(), Status: signal.Failed, Why: "GetQueueAttributes: ThrottlingException: Rate exceeded"},
		{Name: "none", At: begin(), Status: signal.Failed, Why: "GetQueueAttributes: queue none: QueueDoesNotExist: The specified queue does not exist"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("throttled and unknown queues (-want +got):\n%s", d)
	}
	for name, err := range map[string]error{
		"queue twice":   b.AddQueue(plant.Queue{Name: "jobs", Arrivals: constant(1)}),
		"send nowhere":  b.Send("none", 1, 0),
		"read nowhere":  b.Receive("none", 1),
		"two workers":   b.AddService(plant.Service{Name: "x", Queue: "jobs", Capacity: 1}),
		"load and more": b.AddService(plant.Service{Name: "x", Queue: "jobs", Load: constant(1), Capacity: 1}),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := b.AddService(plant.Service{Name: "x", Queue: "none", Capacity: 1}); !errors.Is(err, plant.ErrQueueNotFound) {
		t.Errorf("a worker of an unknown queue: %v", err)
	}
}

// Whatever comes and however tasks come, stop and die: every message is in one
// state, and with tasks enough all are deleted in the end.
func TestQueueConservation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rate, seconds := rapid.Float64Range(0, 30).Draw(rt, "arrivals"), rapid.IntRange(1, 1200).Draw(rt, "for")
		delay := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * time.Second
		}
		b := queueBed(t, plant.Options{}, plant.Queue{
			Arrivals: until(seconds, rate), Delay: delay("delay", 90), Processing: delay("processing", 40), Visibility: delay("visibility", 60),
		}, plant.Service{Desired: rapid.IntRange(0, 5).Draw(rt, "tasks"), Capacity: rapid.Float64Range(0.05, 8).Draw(rt, "rate")})
		var err error
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			now := b.clock.Now()
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				err = b.SetDesired("web", rapid.IntRange(0, 12).Draw(rt, "tasks"))
			case 1:
				err = b.Crash("web", now.Add(time.Second), 0.5, 20*time.Second)
			case 2:
				err = b.Deploy("web", 0)
			}
			if err != nil {
				rt.Fatal(err)
			}
			b.clock.RunUntil(now.Add(time.Duration(rapid.IntRange(1, 200).Draw(rt, "wait")) * time.Second))
			b.Finish()
			if err := b.Check(); err != nil {
				rt.Fatal(err)
			}
		}
		if err := b.SetDesired("web", 200); err != nil {
			rt.Fatal(err)
		}
		b.clock.RunUntil(begin().Add(2 * time.Hour))
		if q, v := b.state(), b.QueueView("jobs"); !q.Idle() || v.Sent != v.Deleted {
			rt.Fatalf("with 200 tasks for long the queue is %+v", v)
		}
	})
}

// What a reader takes and never deletes is back after the visibility timeout, with
// its age; what is sent with a delay is visible after it.
func TestQueueSendAndReceive(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{}, plant.Queue{Visibility: 30 * time.Second}, plant.Service{})
	b.must(b.Send("jobs", 5, 0))
	b.must(b.Send("jobs", 3, 20*time.Second))
	b.must(b.Receive("jobs", 2))
	if q := b.state(); q.Visible != 3 || q.InFlight != 2 || q.Delayed != 3 {
		t.Errorf("of 5 sent, 2 received and 3 delayed: %+v", q)
	}
	b.to(25 * time.Second)
	if q := b.state(); q.Visible != 6 || q.InFlight != 2 || q.Delayed != 0 {
		t.Errorf("after the delay: %+v", q)
	}
	b.to(35 * time.Second)
	if q := b.state(); q.Visible != 8 || q.InFlight != 0 || b.QueueView("jobs").Age != 35*time.Second {
		t.Errorf("after the visibility timeout: %+v", q)
	}
}

func TestQueueIsDeterministic(t *testing.T) {
	t.Parallel()
	run := func() []signal.Point {
		b := queueBed(t, plant.Options{}, plant.Queue{Arrivals: constant(3.7)}, plant.Service{Desired: 1})
		b.to(time.Hour)
		return b.sqs("NumberOfMessagesSent", "Sum", time.Hour)
	}
	if d := cmp.Diff(run(), run()); d != "" {
		t.Errorf("the same queue twice:\n%s", d)
	}
}

// The alarm of a queue carries its name, which is how the policy that reads the
// queue is found.
func TestQueueAlarm(t *testing.T) {
	t.Parallel()
	b := queueBed(t, plant.Options{}, plant.Queue{Arrivals: until(600, 5)}, plant.Service{Desired: 0})
	backlog := spec.Backlog{Queue: "jobs"}.CloudWatch().Backlog
	var fired []plant.Change
	b.must(b.AddAlarm(plant.Alarm{
		Name: "jobs-waiting", Service: "web", Metric: backlog, Threshold: 0, Periods: 1, Breaching: 1,
		Notify: func(c plant.Change) { fired = append(fired, c) },
	}))
	b.to(10 * time.Minute)
	if len(fired) != 1 || fired[0].Points[0].Value < 290 || fired[0].Alarm.Metric.Identity() != backlog.Identity() {
		t.Fatalf("the alarm fired %+v", fired)
	}
	if fleet.ServiceName("web") != fired[0].Alarm.Service {
		t.Errorf("of service %s", fired[0].Alarm.Service)
	}
}
