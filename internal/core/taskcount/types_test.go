package taskcount_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// The laws that hold for every policy type, each drawn with its data.

// minutesDrawn is how far the data of a scene reach back: a stabilization window,
// the longest mean and lateness on top.
const minutesDrawn = 30

// shape gives a policy of one type, its metrics being of a minute or longer unless
// short periods are wanted.
func shape(t *rapid.T, short bool) spec.Policy {
	period := time.Minute
	if short {
		period = rapid.SampledFrom([]time.Duration{10 * time.Second, 20 * time.Second, time.Minute}).Draw(t, "period")
	}
	switch rapid.SampledFrom([]string{"cpu", "memory", "average", "total", "requests", "step", "own step", "exact", "backlog", "learnt", "concurrency"}).Draw(t, "type") {
	case "cpu":
		return cpuPolicy(60)
	case "memory":
		return spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 70}}
	case "average":
		p := average(ownMetric("Busy", period), 50)
		p.TargetTracking.Ceiling = 100
		return p
	case "total":
		return totalOf(ownMetric("InFlight", period), 40)
	case "requests":
		return spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: albLabel, TargetValue: 60}}
	case "step":
		p := both(spec.PercentChangeInCapacity, -30, -10, 10, 30)
		p.StepScaling.EvaluationPeriods = rapid.IntRange(0, 3).Draw(t, "evaluationPeriods")
		return p
	case "own step":
		p := both(spec.ChangeInCapacity, -3, -1, 1, 3)
		p.StepScaling.PredefinedMetric, p.StepScaling.Metric = "", ownMetric("Depth", period)
		return p
	case "exact":
		return cpuStep(spec.ExactCapacity, 50, stepAt(math.Inf(-1), -20, 3), stepAt(-20, 0, 6), stepAt(0, 10, 9), stepAt(10, math.Inf(1), 20))
	case "backlog":
		return jobs()
	case "learnt":
		return learning()
	}
	c := flight()
	c.Metric.Period, c.TargetPerTask = spec.Duration(period), 40
	c.StableWindow = new(spec.Duration(time.Duration(rapid.IntRange(6, 300).Draw(t, "stable")) * time.Second))
	return spec.Policy{Concurrency: &c}
}

// scene draws a service with one or two policies and whole data of half an hour.
func scene(t *rapid.T, short bool) taskcount.Input {
	base := rapid.SampledFrom([]int{1, 1, 2, 5, 12, 30}).Draw(t, "base")
	in := input(base, nil)
	in.Policy = alone(shape(t, short))
	if rapid.Bool().Draw(t, "two") {
		if p := shape(t, short); p.Label() != in.Policy.Policies[0].Label() {
			in.Policy.Policies = append(in.Policy.Policies, p)
		}
	}
	in.Policy.ScaleIn.Datapoints = rapid.IntRange(1, 4).Draw(t, "datapoints")
	in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(time.Duration(rapid.IntRange(0, 10).Draw(t, "window")) * time.Minute))
	if rapid.Bool().Draw(t, "sleeps") {
		in.Policy.MinCapacity = 0
		in.Policy.Activation = &spec.Activation{Wake: []spec.Wake{{Metric: *ownMetric("Errors", time.Minute), Above: 50}}}
		// No longer than the cool-off: of what was before, earlier looks are the proof.
		// Idle since 11:51 with a message at 11:54 that no look had seen, the hole in
		// its place would be the only trace of it.
		in.History = idleFor(time.Duration(rapid.IntRange(0, 5).Draw(t, "idle")) * time.Minute)
	}
	in.Service.Compute = rapid.SampledFrom([]fleet.Compute{fleet.Fargate, fleet.EC2}).Draw(t, "compute")
	in.History = in.History.WithRate(history.Rate{Policy: learning().Backlog.CloudWatch().Backlog.Key(), PerTask: 4, At: noon, Periods: 9})
	in.Queues = []signal.Queue{queueState(rapid.SampledFrom([]int{0, 0, 5, 900}).Draw(t, "visible"), 0, 0)}
	lag := time.Duration(rapid.IntRange(0, 240).Draw(t, "lag")) * time.Second
	level := rapid.SampledFrom([]float64{0, 0, 0.2, 0.7, 1, 1.5}).Draw(t, "level")
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	for _, q := range taskcount.Queries(key, in.Policy) {
		in.Signals = append(in.Signals, drawn(r, q, lag, level, float64(base)))
	}
	return in
}

// drawn is the data of one metric: noise around a level of what the base carries,
// with surges.
func drawn(r *rand.Rand, q signal.Query, lag time.Duration, level, base float64) signal.Series {
	values := make([]float64, int(minutesDrawn*time.Minute/q.Metric.Period))
	tasks := slices.Clone(values)
	for i := range values {
		tasks[i] = math.Round(base * (0.8 + 0.4*r.Float64()))
		noise := level * (0.6 + 0.8*r.Float64())
		if r.IntN(9) == 0 {
			noise = 3*noise + 0.2
		}
		switch q.Metric.Name {
		case "CPUUtilization", "MemoryUtilization":
			values[i] = tasks[i]
			if q.Samples {
				values[i] *= 65 * noise
			}
		case "Busy", "Depth":
			values[i] = 50 * noise
		case "NumberOfMessagesSent":
			values[i] = math.Round(120 * base * noise)
		case "ApproximateNumberOfMessagesVisible":
			values[i] = math.Round(120 * base * noise)
		case "ApproximateAgeOfOldestMessage":
			values[i] = 150 * noise
		default:
			values[i] = 40 * base * noise
		}
	}
	s := series(q.Metric, lag.Truncate(q.Metric.Period), values...)
	for i := range s.Points {
		if q.Samples {
			s.Points[i].Samples = signal.Value(tasks[i])
		}
	}
	return s
}

// changed is the input with each series changed, the original left as it is.
func changed(in taskcount.Input, change func(s *signal.Series)) taskcount.Input {
	in.Signals = slices.Clone(in.Signals)
	for i := range in.Signals {
		in.Signals[i].Points = slices.Clone(in.Signals[i].Points)
		change(&in.Signals[i])
	}
	return in
}

func isTasks(m signal.Metric) bool { return m.Statistic == "SampleCount" }

// More of anything, in any datapoint, never means fewer tasks: more CPU, requests,
// messages, arrivals, or a greater age. (Running tasks are no demand.)
func TestMoreDemandOfAnyTypeNeverMeansFewerTasks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := scene(t, true)
		low := decide(noon, in)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "more"), 2))
		some := rapid.IntRange(1, 10).Draw(t, "one datapoint in")
		more := changed(in, func(s *signal.Series) {
			for i := range s.Points {
				if !isTasks(s.Metric) && r.IntN(some) == 0 {
					s.Points[i].Value = s.Points[i].Value*signal.Value(1+2*r.Float64()) + signal.Value(r.IntN(3))
				}
			}
		})
		if got := decide(noon, more); got.Desired < low.Desired {
			t.Fatalf("more demand gave %d (%s: %s)\nless gave %d (%s: %s)", got.Desired, got.Reason, got.Because, low.Desired, low.Reason, low.Because)
		}
	})
}

// The order and the repetition of samples do not matter.
func TestOrderAndRepetitionDoNotMatterToAnyType(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := scene(t, true)
		want, learnt := taskcount.Decide(noon, in)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 3))
		other := changed(in, func(s *signal.Series) {
			for _, p := range slices.Clone(s.Points) {
				if r.IntN(2) == 0 {
					s.Points = append(s.Points, p)
				}
			}
			r.Shuffle(len(s.Points), func(i, k int) { s.Points[i], s.Points[k] = s.Points[k], s.Points[i] })
		})
		r.Shuffle(len(other.Signals), func(i, k int) { other.Signals[i], other.Signals[k] = other.Signals[k], other.Signals[i] })
		other.Index = other.Signals.Index() // which finds them as the set does
		got, again := taskcount.Decide(noon, other)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("shuffled and repeated samples decide otherwise:\n%s", diff)
		}
		if diff := cmp.Diff(learnt.History, again.History); diff != "" {
			t.Fatalf("shuffled and repeated samples teach otherwise:\n%s", diff)
		}
	})
}

// Absence never lowers the count. Late data are the data of some minutes ago: so
// whatever datapoints are dropped, are NaN or late, whatever series failed or came in
// part, and if the queue was not read, the count is not below the base unless it
// was with all data, those of now or those of some minutes ago.
//
// Three things are not absence. Of a metric below a minute, a minute counts as seen
// with one datapoint (ADR 4). The flap guard's hour takes what there is, which
// matters only after a scale-out. An idle queue whose metrics have all stopped
// reports real zeros itself.
func TestAbsenceOfAnythingNeverLowersTheCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := scene(t, false)
		least := in.Base
		if in.Base == 1 && in.Policy.MinCapacity == 0 {
			// The last task goes on the proof of those that see at zero, whatever a
			// policy that is blind there would have said.
			seeing := in
			seeing.Policy.Policies = slices.DeleteFunc(slices.Clone(in.Policy.Policies), func(p spec.Policy) bool { return !p.SeesAtZero() })
			least = min(least, decide(noon, seeing).Desired)
		}
		for late := range 7 {
			cut := changed(in, func(s *signal.Series) { s.Points = s.Points[:max(0, len(s.Points)-late)] })
			least = min(least, decide(noon, cut).Desired)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "holes"), 4))
		how := rapid.SampledFrom([]string{"few", "many", "one", "one", "one", "status", "status", "unread", "queue"}).Draw(t, "how")
		which := rapid.IntRange(0, len(in.Signals)-1).Draw(t, "series")
		n := 0
		holed := changed(in, func(s *signal.Series) {
			hit := n == which
			n++
			switch {
			case how == "few", how == "many", how == "one" && hit:
				odds := map[string]int{"few": 12, "many": 2, "one": 3}[how]
				for i := range s.Points {
					if r.IntN(odds) == 0 {
						s.Points[i].Value = signal.Value(math.NaN())
					}
				}
			case how == "status" && hit:
				s.Status = rapid.SampledFrom([]signal.Status{signal.Failed, signal.Partial, ""}).Draw(t, "status")
			}
		})
		switch how {
		case "unread":
			holed.Signals = slices.Delete(holed.Signals, which, which+1)
		case "queue":
			holed.Queues = nil
		}
		if got := decide(noon, holed); got.Desired < least {
			t.Fatalf("%s: %d with data missing (%s: %s), with all of it never below %d of %d", how, got.Desired, got.Reason, got.Because, least, in.Base)
		}
	})
}
