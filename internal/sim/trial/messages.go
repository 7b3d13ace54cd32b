package trial

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

// jobs is the queue that a service of messages works off.
const jobs = "jobs"

// Messages are the work of a service that works off a queue instead of answering requests.
type Messages struct {
	Processing time.Duration // of a message; a task takes one at a time
	Acceptable time.Duration // wait of a message: a longer one violates the objective
}

// Jobs are the messages of the trials: 10 s of work, to be begun within 5 minutes. A task
// that starts in a minute and is told of by metrics that are two minutes old can keep to
// that, and one that starts after four minutes hardly can.
func Jobs() Messages { return Messages{Processing: 10 * time.Second, Acceptable: 5 * time.Minute} }

// The ends of what can be simulated, by whole seconds.
const (
	maxProcessing = 12 * time.Hour // as long as SQS keeps a message in flight
	maxAcceptable = 14 * 24 * time.Hour
)

// check refuses what is not whole seconds within the ends.
func (m Messages) check() error {
	for _, d := range []struct {
		what  string
		value time.Duration
		most  time.Duration
	}{{"a message takes", m.Processing, maxProcessing}, {"a message may wait", m.Acceptable, maxAcceptable}} {
		if d.value < time.Second || d.value > d.most || d.value%time.Second != 0 {
			return fmt.Errorf("%s %s: give 1s to %gh in whole seconds", d.what, d.value, d.most.Hours())
		}
	}
	return nil
}

// NewQueueCourse makes a trace ready for a service that works off a queue: what arrives
// keeps the tasks fully busy at the trace's 99th percentile, and the demand of a second is
// what arrived in the acceptable latency before it, spread over that time: with so many
// tasks no message waits longer. Its errors are those of NewCourse, and of messages that
// are not whole seconds.
func NewQueueCourse(t trace.Trace, tasks int, m Messages) (*Course, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("make a course of trace %s: %w", t.Name(), err)
	}
	return newCourse(t, tasks, func(c *Course) {
		c.Messages = &m
		span, sum := int(m.Acceptable/time.Second), 0.0
		for i, l := range c.Load {
			sum += l
			if i >= span {
				sum -= c.Load[i-span]
			}
			c.Demand[i] = int32(min(math.Ceil(max(sum, 0)/float64(span)-1e-6), math.MaxInt32))
		}
	})
}

// queue gives the queue of a course of messages.
func (c *Course) queue(random bool) plant.Queue {
	m := *c.Messages
	return plant.Queue{
		Name: jobs, Processing: m.Processing, Visibility: m.Processing + visibility, Limit: m.Acceptable, Random: random,
		Arrivals: func(second int) float64 { return c.at(second) / m.Processing.Seconds() },
	}
}

// visibility is how much longer than it takes a message stays in flight.
const visibility = 30 * time.Second

// Workers gives everyone who sizes a service that works off a queue, ours first: Trimtab
// as it learns how many messages a task takes, and as it is told.
func Workers(m Messages) []Contestant {
	learns := spec.Backlog{Queue: jobs, AcceptableLatency: spec.Duration(m.Acceptable)}
	told := learns
	told.ProcessingTime = new(spec.Duration(m.Processing))
	out := []Contestant{
		Custom("trimtab", Policy{Service: spec.Service{Policies: []spec.Policy{{Backlog: &learns}}}}),
		Custom("trimtab-told", Policy{Service: spec.Service{Policies: []spec.Policy{{Backlog: &told}}}}),
	}
	for _, p := range baseline.QueuePeers(m.Processing, m.Acceptable) {
		out = append(out, newPeer(p))
	}
	return out
}

// latencies sweeps the acceptable latency of a policy, in seconds. It keeps up with the
// arrivals whatever the latency, so that the cheap end lies far beyond what is wanted.
func latencies(d spec.Duration) []float64 {
	var out []float64
	for _, share := range []float64{6, 2, 1, 2. / 3, 1. / 3, 1. / 6, 0.1, 1. / 30} {
		out = append(out, max(1, math.Round(time.Duration(d).Seconds()*share)))
	}
	slices.SortFunc(out, func(a, b float64) int { return int(b - a) })
	return slices.Compact(out)
}

// wakeQueue gives the alarm that wakes Trimtab where more messages wait than one task
// works off in a minute.
func (c *Course) wakeQueue() plant.Alarm {
	return plant.Alarm{
		Name: "jobs-waiting", Service: web, Periods: 1, Breaching: 1, Threshold: max(1, time.Minute.Seconds()/c.Messages.Processing.Seconds()),
		Metric: spec.Backlog{Queue: jobs}.CloudWatch().Backlog,
	}
}
