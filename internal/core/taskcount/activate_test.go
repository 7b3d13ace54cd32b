package taskcount_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// sleeper is a service of 0 to 60 tasks with the queue jobs, a cool-off of five
// minutes and a wake signal above 2, all of it read and idle.
func sleeper(base int) taskcount.Input {
	in := given(base, jobs(), append(queueSeries(jobs(), settledLag, same(row{age: missing}, 20)), wakeSeries(0, 0, 0))...)
	in.Policy.MinCapacity = 0
	in.Policy.Activation = &spec.Activation{Wake: []spec.Wake{{Metric: *ownMetric("Errors", time.Minute), Above: 2}}}
	in.Queues = []signal.Queue{queueState(0, 0, 0)}
	return in
}

// wakeSeries is what was read of the wake signal, the newest minute just ended.
func wakeSeries(values ...float64) signal.Series {
	return series(ownMetric("Errors", time.Minute).CloudWatch("Sum"), 0, values...)
}

// idleFor is a history of idleness seen first some time ago.
func idleFor(d time.Duration) history.History { return history.History{IdleSince: noon.Add(-d)} }

func TestFromZeroTo(t *testing.T) {
	t.Parallel()
	sum := totalOf(ownMetric("InFlight", time.Minute), 40)
	busy := flight()
	tests := []struct {
		name   string
		change func(*taskcount.Input)
		want   int
		reason string
	}{
		{"nothing is to do", func(*taskcount.Input) {}, 0, history.AlreadyAtDesiredCapacity},
		{"the queue's own state", func(in *taskcount.Input) { in.Queues[0].Visible = 1 }, 1, history.Backlog},
		{"the queue's own state, many", func(in *taskcount.Input) { in.Queues[0].Visible = 2400 }, 10, history.Backlog},
		{"messages in flight wake nobody", func(in *taskcount.Input) { in.Queues[0].InFlight = 3 }, 0, history.AlreadyAtDesiredCapacity},
		{"the queue's metrics", func(in *taskcount.Input) { in.Signals[1].Points[19].Value = 600 }, 3, history.Backlog},
		{"a total", func(in *taskcount.Input) {
			in.Policy.Policies = append(in.Policy.Policies, sum)
			in.Signals = append(in.Signals, series(read(sum), settledLag, 1))
		}, 1, history.TargetTracking},
		{"concurrency", func(in *taskcount.Input) {
			in.Policy.Policies = append(in.Policy.Policies, spec.Policy{Concurrency: &busy})
			in.Signals = append(in.Signals, flightSeries(busy, 0, repeat(15, 6)...))
		}, 2, history.Concurrency},
		{"a wake signal at its value", func(in *taskcount.Input) { in.Signals[4] = wakeSeries(2) }, 0, history.AlreadyAtDesiredCapacity},
		{"a wake signal above it", func(in *taskcount.Input) { in.Signals[4] = wakeSeries(2.5) }, 1, history.Activation},
		{"a wake signal that is stale", func(in *taskcount.Input) {
			in.Signals[4] = series(in.Signals[4].Metric, 5*time.Minute+time.Second, 9)
		}, 0, history.AlreadyAtDesiredCapacity},
		{"a wake signal that failed", func(in *taskcount.Input) { in.Signals[4].Status = signal.Failed }, 0, history.AlreadyAtDesiredCapacity},
		{"a wake signal that was not read", func(in *taskcount.Input) { in.Signals = in.Signals[:4] }, 0, history.AlreadyAtDesiredCapacity},
		{"the wake signal and the queue: the larger", func(in *taskcount.Input) {
			in.Signals[4], in.Queues[0].Visible = wakeSeries(9), 2400
		}, 10, history.Backlog},
		{"a floor above zero, as a window brings it", func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MinAt, Count: 3, Until: noon.Add(time.Hour), By: "ann", Why: "sale"}}
		}, 3, history.MinCapacity},
		{"CPU is not missing at zero tasks", func(in *taskcount.Input) {
			p := cpuPolicy(60)
			p.OnMissingData = &spec.OnMissing{AtLeast: 2}
			in.Policy.Policies = append(in.Policy.Policies, p)
		}, 0, history.MissingData},
		{"a queue that is not known wakes where it must", func(in *taskcount.Input) {
			in.Policy.Policies[0].OnMissingData = &spec.OnMissing{AtLeast: 1}
			in.Signals, in.Queues = in.Signals[4:], nil
		}, 1, history.MissingData},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := sleeper(0)
			tt.change(&in)
			got := decide(noon, in)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)", got.Desired, got.Reason, got.Because, tt.want, tt.reason)
			}
			checkChain(t, got)
		})
	}
}

// A window with a minCapacity wakes the service when it opens, and lets it sleep
// when it closes.
func TestAWindowWakes(t *testing.T) {
	t.Parallel()
	in := sleeper(0)
	in.Policy.Scheduled = []spec.Scheduled{{Name: "office", Days: "mon-fri", From: "12:00", To: "19:00", MinCapacity: new(2)}}
	if got := decide(noon, in); got.Desired != 2 || got.Reason != history.MinCapacity {
		t.Errorf("at noon: got %d (%s), want 2", got.Desired, got.Because)
	}
	if got := decide(noon.Add(-time.Second), in); got.Desired != 0 {
		t.Errorf("a second before: got %d (%s), want none", got.Desired, got.Because)
	}
}

func TestToZero(t *testing.T) {
	t.Parallel()
	const off = 5 * time.Minute
	sum := totalOf(ownMetric("InFlight", time.Minute), 40)
	withSum := func(in *taskcount.Input, s signal.Series) {
		in.Policy.Policies = append(in.Policy.Policies, sum)
		in.Signals = append(in.Signals, s)
	}
	withCPU := func(in *taskcount.Input, set signal.Set) {
		in.Policy.Policies = append(in.Policy.Policies, cpuPolicy(60))
		in.Signals = append(in.Signals, set...)
	}
	tests := []struct {
		name   string
		base   int
		idle   time.Duration // seen first so long ago, below 0 for never
		change func(*taskcount.Input)
		want   int
		known  bool // idleness is proved at this look
		words  string
	}{
		{"seen idle for the first time", 1, -1, nil, 1, true, "idle from now on"},
		{"a second short of the cool-off", 1, off - time.Second, nil, 1, true, "goes after the cool-off"},
		{"at the cool-off", 1, off, nil, 0, true, ""},
		{"at the cool-off, a policy that is blind at zero holding", 1, off, func(in *taskcount.Input) { withCPU(in, cpu(1, settledLag, 1)) }, 0, true, "longer than the cool-off"},
		{"from ten to one alone", 10, off, nil, 1, true, ""},
		{"a cool-off of its own", 1, off, func(in *taskcount.Input) { in.Policy.Activation.CoolOff = new(spec.Duration(10 * time.Minute)) }, 1, true, "cool-off of 10m"},
		{"a floor of one", 1, off, func(in *taskcount.Input) { in.Policy.MinCapacity = 1 }, 1, false, ""},
		{"a hold", 1, off, func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 1, Until: noon.Add(time.Hour)}}
		}, 1, false, ""},
		{"without activation the default cool-off", 1, off, func(in *taskcount.Input) { in.Policy.Activation = nil }, 0, true, ""},

		{"a message in the queue", 1, off, func(in *taskcount.Input) { in.Queues[0].Visible = 1 }, 1, false, "does not report"},
		{"a message in flight", 1, off, func(in *taskcount.Input) { in.Queues[0].InFlight = 1 }, 1, false, "does not report"},
		{"a delayed message", 1, off, func(in *taskcount.Input) { in.Queues[0].Delayed = 1 }, 1, false, "does not report"},
		{"the queue was not read", 1, off, func(in *taskcount.Input) { in.Queues = nil }, 1, false, "does not report"},
		{"the queue was read minutes ago", 1, off, func(in *taskcount.Input) { in.Queues[0].At = noon.Add(-3 * time.Minute) }, 1, false, "does not report"},
		{"the queue's metrics failed", 1, off, func(in *taskcount.Input) { in.Signals[0].Status = signal.Failed }, 1, false, ""},
		{"the queue's metrics are late", 1, off, func(in *taskcount.Input) { in.Signals[0].Points = in.Signals[0].Points[:10] }, 1, false, ""},
		{"the queue's metrics have stopped", 1, off, func(in *taskcount.Input) {
			for i := range 4 {
				in.Signals[i].Points = nil
			}
		}, 0, true, ""},
		{"a message came since", 1, off + settledLag, func(in *taskcount.Input) { in.Signals[1].Points[16].Value = 1 }, 1, false, "had something to do"},
		{"one waited since, and its rate is not known", 1, off + settledLag, func(in *taskcount.Input) {
			in.Policy.Policies[0].Backlog.ProcessingTime = nil
			in.Signals[0].Points[16].Value = 1
		}, 1, false, "had something to do"},
		{"a message came before", 1, off, func(in *taskcount.Input) { in.Signals[1].Points[16].Value = 1 }, 0, true, ""},
		{"a minute since is missing", 1, off + settledLag, func(in *taskcount.Input) { in.Signals[1].Points[16].Value = signal.Value(missing) }, 1, false, "lacks datapoints"},
		{"a minute before is missing", 1, off, func(in *taskcount.Input) { in.Signals[1].Points[10].Value = signal.Value(missing) }, 0, true, ""},

		{"a wake signal speaks", 1, off, func(in *taskcount.Input) { in.Signals[4] = wakeSeries(3) }, 1, false, "the wake signal"},
		{"a wake signal spoke since", 1, off, func(in *taskcount.Input) { in.Signals[4] = wakeSeries(9, 0, 0, 0, 0) }, 1, false, "the wake signal"},
		{"a wake signal spoke before", 1, off, func(in *taskcount.Input) { in.Signals[4] = wakeSeries(9, 0, 0, 0, 0, 0) }, 0, true, ""},
		{"a wake signal publishes nothing while nothing happens", 1, off, func(in *taskcount.Input) { in.Signals[4].Points = nil }, 0, true, ""},
		{"a wake signal failed", 1, off, func(in *taskcount.Input) { in.Signals[4].Status = signal.Failed }, 1, false, "could not be read"},
		{"a wake signal was not read", 1, off, func(in *taskcount.Input) { in.Signals = in.Signals[:4] }, 1, false, "could not be read"},

		{"a total of real zeros beside it", 1, off, func(in *taskcount.Input) { withSum(in, series(read(sum), 0, repeat(0, 10)...)) }, 0, true, ""},
		{"a total that is not zero", 1, off, func(in *taskcount.Input) { withSum(in, series(read(sum), 0, append(repeat(0, 9), 0.1)...)) }, 1, false, ""},
		{"a negative total is no zero", 1, off, func(in *taskcount.Input) { withSum(in, series(read(sum), 0, repeat(-1, 10)...)) }, 1, false, "a demand is not below 0"},
		{"a total that publishes nothing", 1, off, func(in *taskcount.Input) { withSum(in, series(read(sum), 0)) }, 1, false, ""},
		{"a total that was busy since", 1, off, func(in *taskcount.Input) { withSum(in, series(read(sum), 0, 0, 9, 0, 0)) }, 1, false, "had something to do"},

		{"CPU beside it is low", 1, off, func(in *taskcount.Input) { withCPU(in, cpu(1, settledLag, 1)) }, 0, true, ""},
		{"CPU beside it is missing", 1, off, func(in *taskcount.Input) { withCPU(in, cpu(1, settledLag)) }, 0, true, ""},
		{"CPU beside it was not read", 1, off, func(in *taskcount.Input) { withCPU(in, nil) }, 0, true, ""},
		{"CPU beside it wants more", 1, off, func(in *taskcount.Input) { withCPU(in, cpu(1, settledLag, 90)) }, 2, true, ""},
		{"from three, CPU that is missing holds", 3, off, func(in *taskcount.Input) { withCPU(in, nil) }, 3, true, "scale-in needs every policy"},
		{"a policy that may not scale in is no proof", 1, off, func(in *taskcount.Input) { in.Policy.Policies[0].DisableScaleIn = true }, 1, false, ""},
		{"CPU alone is no proof", 1, off, func(in *taskcount.Input) {
			in.Policy.Policies, in.Signals = []spec.Policy{cpuPolicy(60)}, append(cpu(1, settledLag, 0), wakeSeries(0))
		}, 1, false, ""},
		{"a step on a metric of its own is no proof", 1, off, func(in *taskcount.Input) {
			p := cpuStep(spec.ExactCapacity, 1, spec.StepAdjustment{MetricIntervalUpperBound: new(0.0)})
			p.StepScaling.PredefinedMetric, p.StepScaling.Metric = "", ownMetric("Depth", time.Minute)
			in.Policy.Policies = []spec.Policy{p}
			in.Signals = signal.Set{series(p.StepScaling.CloudWatch(key).Metric, settledLag, 0), counts(settledLag, 1), wakeSeries(0)}
		}, 1, false, "no policy that may scale in reports real zeros"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := sleeper(tt.base)
			if tt.idle >= 0 {
				in.History = idleFor(tt.idle)
			}
			if tt.change != nil {
				tt.change(&in)
			}
			got, m := taskcount.Decide(noon, in)
			if got.Desired != tt.want || !strings.Contains(got.Because, tt.words) {
				t.Errorf("got %d (%s: %s), want %d with %q", got.Desired, got.Reason, got.Because, tt.want, tt.words)
			}
			if known := !m.History.IdleSince.IsZero(); known != tt.known {
				t.Errorf("idle since %v, want known %t", m.History.IdleSince, tt.known)
			}
			checkChain(t, got)
		})
	}
}

// The last task goes one cool-off after the work has ended, and not before,
// however the looks fall.
func TestCoolOffOnce(t *testing.T) {
	t.Parallel()
	for every := 1; every <= 5; every++ {
		var h history.History
		slept := -1
		for m := 0; m <= 60 && slept < 0; m += every {
			rs := same(row{arrivals: 60, age: missing}, 60)
			for i := range rs { // the last message came at minute 20
				if i-60+m >= 20 {
					rs[i].arrivals = 0
				}
			}
			now := noon.Add(time.Duration(m) * time.Minute)
			in := sleeper(1)
			in.Signals = append(queueSeries(jobs(), -time.Duration(m)*time.Minute, rs), wakeSeries(repeat(0, 60)...))
			in.Signals[4].Points = in.Signals[4].Points[:0]
			in.Queues = []signal.Queue{{Name: "jobs", At: now, Status: signal.Complete}}
			if m < 20 {
				in.Queues[0].InFlight = 1
			}
			in.History = h
			got, memory := taskcount.Decide(now, in)
			if h = memory.History; got.Desired == 0 {
				slept = m
			}
		}
		if slept < 25 || slept > 25+2*every {
			t.Errorf("looking every %d minutes it slept at minute %d, want 25 and at most two looks more", every, slept)
		}
	}
}
