package baseline

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// BacklogKnob is the knob of whatever holds the messages that there are for each task at a
// target: equal values ask equal things of all of them.
const BacklogKnob = "messages for each task"

// kedaMessages is queueLength of KEDA's SQS trigger where nobody sets it.
const kedaMessages = 5

// QueuePeers gives the peers of a service that works off an SQS queue, in the order in
// which a table shows them. A task takes processing for a message, one at a time, and a
// message may wait acceptable: the messages that a task works off in that time are what
// AWS's guide has for the target, and where the sweep begins from.
func QueuePeers(processing, acceptable time.Duration) []Peer {
	most := acceptable.Seconds() / processing.Seconds()
	sweep := make([]float64, 0, len(Shares()))
	for _, share := range Shares() {
		sweep = append(sweep, most*share)
	}
	cpu := Tracked(TargetTracking{})
	cpu.Name, cpu.Source = "aas-cpu", "Application Auto Scaling, target tracking of the CPU utilisation, as of a service that answers requests"
	return []Peer{
		{
			Name: "aas", Source: "Application Auto Scaling, target tracking of the backlog of a task, published each minute as AWS's guide for SQS has it",
			Knob: BacklogKnob, Default: most, Sweep: sweep, CPUSeconds: 60, attach: attachBacklog,
		},
		cpu,
		{
			Name: "keda", Source: "KEDA's SQS trigger over the HPA: visible messages and those in flight for each replica",
			Knob: BacklogKnob, Default: kedaMessages, Sweep: sweep, CPUSeconds: 60, attach: attachTrigger,
		},
		static(),
	}
}

// Shares are the parts of the acceptable latency, or of the messages of a task in it, that
// a sweep goes through, from cheap to safe.
func Shares() []float64 { return []float64{2, 1, 2. / 3, 1. / 3, 1. / 6, 0.1, 1. / 15, 1. / 30} }

// attachTrigger is KEDA on a queue. Its scaler asks SQS itself, at each sync of the
// autoscaler, and counts visible messages and those in flight (scaleOnInFlight); to none
// it goes where the bounds allow it.
//
// Sources: peers.md A5, E5 (kedacore/keda:pkg/scalers/aws_sqs_queue_scaler.go).
func attachTrigger(at Site, knob float64) error {
	at.decide(NewScaler(KEDA{Target: 100 * knob, Min: at.Min, Max: at.Max}), hpaSync, func() Sight {
		q, s := at.Plant.QueueView(at.Queue), counts(at.Plant, at.Service, at.Clock.Now())
		s.Load = float64(q.Visible + q.InFlight)
		return s
	})
	return nil
}

// attachBacklog is target tracking on the visible messages for each running task, which
// somebody publishes each minute. At no task there is no such number, so it keeps one.
//
// Sources: peers.md A1 (EC2 Auto Scaling guide, "scaling policy based on Amazon SQS": the
// target is the acceptable latency over the time that a message takes); the same alarms
// and cooldowns as of TargetTracking.
func attachBacklog(at Site, knob float64) error {
	k := NewTracker(TargetTracking{Target: knob, Min: max(at.Min, 1), Max: at.Max})
	metric := signal.Metric{
		Namespace: "Workers", Name: "BacklogPerTask", Statistic: "Average", Period: minute,
		Dimensions: []signal.Dimension{{Name: "ServiceName", Value: string(at.Service)}},
	}
	backlog := 0.0
	at.Clock.Every(at.Clock.Now().Add(minute), minute, sim.Metrics, func() {
		backlog = float64(at.Plant.QueueView(at.Queue).Visible) / float64(max(at.Plant.View(at.Service).Running, 1))
		if err := at.Plant.Put(metric, at.Clock.Now().Add(-minute), backlog, 1); err != nil {
			at.Fail(fmt.Errorf("publish the backlog of a task: %w", err))
		}
	})
	act := func(decide func(Sight) int) func() {
		return func() {
			s := counts(at.Plant, at.Service, at.Clock.Now())
			s.Utilization, s.Load = backlog, backlog*float64(s.Running)
			order(at.Plant, at.Service, s, decide, at.Fail)
		}
	}
	return addAlarms(at.Plant, at.Service, metric, k.cfg, act(k.High), act(k.Low))
}
