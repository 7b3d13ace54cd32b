package cli

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// queueFlags make the load of simulate and bench elasticity the messages of a queue.
type queueFlags struct {
	Queue      bool          `help:"The load is messages of an SQS queue that wait for tasks, instead of requests; aas is then target tracking of the backlog of a task, keda the SQS trigger."`
	Processing time.Duration `help:"Time that a task takes for a message, one at a time, with --queue (default ${processing})." placeholder:"DURATION"`
	Acceptable time.Duration `help:"How long a message may wait, with --queue (default ${acceptable})." placeholder:"DURATION"`
}

// check refuses what describes messages where there are none.
func (q queueFlags) check() error {
	for _, f := range []struct {
		flag  string
		value time.Duration
	}{{"--processing", q.Processing}, {"--acceptable", q.Acceptable}} {
		if f.value != 0 && !q.Queue {
			return refused("%s describes the messages of a queue: give --queue too", f.flag)
		}
		if f.value < 0 {
			return refused("%s %s: give a time above 0", f.flag, f.value)
		}
	}
	return nil
}

// messages gives what the flags say, else what the trials have.
func (q queueFlags) messages() trial.Messages {
	m := trial.Jobs()
	if q.Processing > 0 {
		m.Processing = q.Processing
	}
	if q.Acceptable > 0 {
		m.Acceptable = q.Acceptable
	}
	return m
}

// making makes a trace ready for a service of a size.
type making func(t trace.Trace, tasks int) (*trial.Course, error)

// work gives what makes a trace ready: requests, of which a central queue can be chosen,
// or messages.
func (q queueFlags) work(central bool) making {
	return func(t trace.Trace, tasks int) (*trial.Course, error) {
		if q.Queue {
			return trial.NewQueueCourse(t, tasks, q.messages())
		}
		m := trial.Requests()
		m.Central = central
		return trial.NewCourse(t, tasks, m)
	}
}

// all gives everyone who can play, ours first.
func (q queueFlags) all() []trial.Contestant {
	if q.Queue {
		return trial.Workers(q.messages())
	}
	return trial.All()
}

// named gives those that a comma-separated list names.
func (q queueFlags) named(list string) ([]trial.Contestant, error) {
	if q.Queue {
		return trial.Choose(q.all(), list)
	}
	return trial.Named(list)
}

// single names those whose chosen points are played request by request.
func (q queueFlags) single() []string {
	if q.Queue {
		return []string{"trimtab", "aas", "keda"}
	}
	return []string{"trimtab", "aas", "hpa"}
}

// onQueue tells whether a policy works off an SQS queue.
func onQueue(p spec.Policy) bool { return p.Backlog != nil && p.Backlog.Queue != "" }
