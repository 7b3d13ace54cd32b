package taskcount_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// told checks a decision's count, rule and words.
func told(t *testing.T, name string, in taskcount.Input, want int, reason, because string) {
	t.Helper()
	got := decide(noon, in)
	if got.Desired != want || got.Reason != reason || got.Because != because {
		t.Errorf("%s: got  %d %s: %s\nwant %d %s: %s", name, got.Desired, got.Reason, got.Because, want, reason, because)
	}
	checkChain(t, got)
}

// A newest datapoint that cannot be read is no lag: what was before it does not
// scale in in its place. One in the middle of the window is a gap in it.
func TestUnreadableDatapointsHold(t *testing.T) {
	t.Parallel()
	sum := totalOf(ownMetric("InFlight", time.Minute), 40)
	for _, tt := range []struct {
		name string
		at   int // counted back from the newest
		with func(*signal.Point)
		want int
		why  string
	}{
		{"all can be read", 0, func(*signal.Point) {}, 5, "where scale-out begins"},
		{"the newest is null", 0, func(p *signal.Point) { p.Value = signal.Value(math.NaN()) }, 10, "the newest datapoint, of 11:56:00Z, is not a number"},
		{"the newest is below 0", 0, func(p *signal.Point) { p.Value = -0.5 }, 10, "the newest datapoint, of 11:56:00Z, is -0.5, and a demand is not below 0"},
		{"the newest is 0", 0, func(p *signal.Point) { p.Value = 0 }, 5, "where scale-out begins"},
		{"one in the middle is null", 7, func(p *signal.Point) { p.Value = signal.Value(math.NaN()) }, 10, "1 is missing of the 10 datapoints"},
		{"one in the middle is below 0", 7, func(p *signal.Point) { p.Value = -400 }, 10, "1 is missing of the 10 datapoints"},
	} {
		for _, p := range []spec.Policy{sum, cpuPolicy(60)} {
			s := series(read(p), settledLag, repeat(160, 20)...)
			if p.TargetTracking.TargetPerTask == 0 {
				s = cpu(10, settledLag, repeat(23, 20)...)[0]
			}
			tt.with(&s.Points[len(s.Points)-1-tt.at])
			in := given(10, p, s)
			in.Policy.ScaleIn.StabilizationWindow = nil
			if got := decide(noon, in); got.Desired != tt.want || !strings.Contains(got.Because, tt.why) {
				t.Errorf("%s, %s: got %d (%s: %s), want %d (%s)", p.Label(), tt.name, got.Desired, got.Reason, got.Because, tt.want, tt.why)
			}
		}
	}
}

// Arrivals that cannot be read leave the backlog without its sum.
func TestUnreadableArrivalsHold(t *testing.T) {
	t.Parallel()
	in := given(10, jobs(), queueSeries(jobs(), settledLag, rows{{waiting: 10, arrivals: 60, age: 1}, {waiting: 10, arrivals: math.NaN(), age: 1}})...)
	told(t, "the newest arrivals are null", in, 10, history.MissingData,
		"no usable data, hold: queue jobs: the arrivals: the newest datapoint, of 11:56:00Z, is not a number; the queue has 0 visible, 1 in flight and 0 delayed at 11:59:59Z")
}

// What is known of a queue whose metrics are silent is told, and what could not be
// read even beside them: a missing permission is what is to be repaired.
func TestQueueStateIsTold(t *testing.T) {
	t.Parallel()
	denied := signal.Queue{Name: "jobs", At: noon, Status: signal.Failed, Why: "AccessDenied"}
	silent := func(base int, qs ...signal.Queue) taskcount.Input {
		in := given(base, jobs(), queueSeries(jobs(), settledLag, rows{})...)
		in.Policy.MinCapacity, in.Policy.OnMissingData.AtLeast, in.Queues = 0, 3, qs
		return in
	}
	told(t, "denied", silent(4, denied), 4, history.MissingData, "no usable data, hold: queue jobs: no datapoint in the window; the queue's state could not be read: AccessDenied")
	told(t, "not read", silent(4), 4, history.MissingData, "no usable data, hold: queue jobs: no datapoint in the window; the queue's state was not read")
	old := queueState(0, 0, 3)
	old.At = noon.Add(-time.Hour)
	told(t, "read an hour ago", silent(4, old), 4, history.MissingData, "no usable data, hold: queue jobs: no datapoint in the window; the queue's state could not be read: the last answer is of 11:00:00Z")
	told(t, "delayed, and tasks that run", silent(4, queueState(0, 0, 3)), 4, history.MissingData, "no usable data, hold: queue jobs: no datapoint in the window; the queue has 0 visible, 0 in flight and 3 delayed at 11:59:59Z")
	told(t, "delayed, and asleep: known, and nothing to take", silent(0, queueState(0, 0, 3)), 0, history.AlreadyAtDesiredCapacity, "queue jobs: no datapoint in the window; the queue has 0 visible, 0 in flight and 3 delayed at 11:59:59Z: none can be taken yet")
	told(t, "asleep, and one can be taken", silent(0, queueState(1, 0, 3)), 1, history.Backlog, "queue jobs: the queue holds 1 message at 11:59:59Z, ahead of its metrics")
	in := given(4, jobs(), queueSeries(jobs(), settledLag, rows{{waiting: 0, arrivals: 960}})...)
	in.Queues = []signal.Queue{denied}
	told(t, "denied beside metrics", in, 4, history.AlreadyAtDesiredCapacity,
		"queue jobs: 0 messages wait and 16 arrive a second; to wait at most 1m they need 4.00 tasks at 4 messages a second each, within tolerance of 4; the queue's state could not be read: AccessDenied")
}

// While the rate of a task is not learnt there is data and no count: nothing is
// removed, onMissingData does not speak, and the reason is no health.
func TestRateNotLearnt(t *testing.T) {
	t.Parallel()
	const why = "queue jobs: 12000 messages wait and 100 arrive a second; the rate of a task is not learnt yet: that needs three periods that begin and end with a message for each task, or processingTime in the policy"
	start := func(rs rows) taskcount.Input {
		in := given(4, learning(), queueSeries(learning(), settledLag, rs)...)
		in.Policy.Policies[0].OnMissingData, in.Policy.OnMissingData.AtLeast = &spec.OnMissing{AtLeast: 20}, 30
		in.Queues = []signal.Queue{queueState(12000, 0, 0)}
		return in
	}
	busy := start(rows{{waiting: 12000, arrivals: 6000, age: 5}})
	told(t, "alone", busy, 4, history.RateNotLearnt, why)
	if got := decide(noon, busy).Policies[0].Verdict; got != taskcount.Unusable {
		t.Errorf("the verdict is %s, want unusable", got)
	}
	low := busy
	low.Policy.Policies, low.Signals = append(low.Policy.Policies, cpuPolicy(60)), append(low.Signals, cpu(4, settledLag, repeat(10, 20)...)...)
	told(t, "CPU does not scale in beside it", low, 4, history.RateNotLearnt, why+"; ECSServiceAverageCPUUtilization wants 1")
	high := busy
	high.Policy.Policies, high.Signals = low.Policy.Policies, append(busy.Signals, cpu(4, settledLag, 90)...)
	told(t, "CPU scales out beside it", high, 6, history.TargetTracking,
		"ECSServiceAverageCPUUtilization: a demand of 360 % (90 % on each of 4 tasks) needs 6.00 tasks at 60 % each; queue jobs has no usable data")
	blind := busy
	blind.Policy.Policies = low.Policy.Policies
	if got := decide(noon, blind); got.Desired != 4 || got.Reason != history.MissingData || !strings.HasPrefix(got.Because, "scale-in needs every policy: ECSServiceAverageCPUUtilization: the metric was not read;") {
		t.Errorf("CPU is missing beside it: got %d (%s: %s)", got.Desired, got.Reason, got.Because)
	}
	capped := busy
	capped.Policy.MaxCapacity = 3
	told(t, "a lowered maximum is not without data", capped, 3, history.MaxCapacity, "maxCapacity is 3")
	if got := decide(noon, start(rows{{waiting: 4, age: 500}})); got.Desired != 8 || got.Reason != history.Backlog {
		t.Errorf("an old message is reason enough: got %d (%s: %s), want 8", got.Desired, got.Reason, got.Because)
	}
}

// Of several policies the one that decides speaks, and the others in short; a hold
// names who keeps the others from scaling in.
func TestSeveralPoliciesInWords(t *testing.T) {
	t.Parallel()
	sum := totalOf(ownMetric("InFlight", time.Minute), 40)
	two := func(disabled bool, average, total float64) taskcount.Input {
		in := given(10, cpuPolicy(60), cpu(10, settledLag, repeat(average, 20)...)...)
		in.Policy.Policies = append(in.Policy.Policies, sum)
		in.Policy.Policies[0].DisableScaleIn = disabled
		if total >= 0 {
			in.Signals = append(in.Signals, series(read(sum), settledLag, repeat(total, 20)...))
		}
		return in
	}
	const cpu5 = "ECSServiceAverageCPUUtilization: a demand of 300 % (30 % on each of 10 tasks) needs 5.00 tasks at 60 % each"
	told(t, "out: the winner", two(false, 90, 480), 15, history.TargetTracking,
		"ECSServiceAverageCPUUtilization: a demand of 900 % (90 % on each of 10 tasks) needs 15.00 tasks at 60 % each; App/InFlight wants 12")
	told(t, "out: the other winner", two(false, 30, 600), 15, history.TargetTracking,
		"App/InFlight: a demand of 600 needs 15.00 tasks at 40 each; ECSServiceAverageCPUUtilization wants 5")
	told(t, "in: the largest", two(false, 30, 120), 6, history.AnticipatedFlapping, "5 tasks would carry 100 % of the target each, within 10% of where scale-out begins")
	told(t, "who blocks", two(false, 30, 400), 10, history.AlreadyAtDesiredCapacity,
		"scale-in needs every policy: App/InFlight: a demand of 400 needs 10.00 tasks at 40 each, within tolerance of 10; ECSServiceAverageCPUUtilization wants 5")
	told(t, "all steady: the nearest to a change", two(false, 59, 400), 10, history.AlreadyAtDesiredCapacity,
		"App/InFlight: a demand of 400 needs 10.00 tasks at 40 each, within tolerance of 10; ECSServiceAverageCPUUtilization is steady")
	told(t, "one is missing", two(false, 30, -1), 10, history.MissingData,
		"scale-in needs every policy: App/InFlight: the metric was not read; ECSServiceAverageCPUUtilization wants 5")
	told(t, "one may not scale in", two(true, 30, 400), 10, history.AlreadyAtDesiredCapacity,
		"App/InFlight: a demand of 400 needs 10.00 tasks at 40 each, within tolerance of 10; ECSServiceAverageCPUUtilization wants 5, but has disableScaleIn")
	alone := given(10, cpuPolicy(60), cpu(10, settledLag, repeat(30, 20)...)...)
	alone.Policy.Policies[0].DisableScaleIn = true
	told(t, "none may", alone, 10, history.AlreadyAtDesiredCapacity, cpu5+"; with disableScaleIn it removes nothing")
}

// A limit tells what it allows and what of that is used up.
func TestLimitsTellWhatIsUsed(t *testing.T) {
	t.Parallel()
	out := func(ls []spec.RateLimit, orders ...history.Order) taskcount.Input {
		in := rises()
		in.Policy.ScaleOut.RateLimits, in.History = ls, ordered(orders...)
		return in
	}
	told(t, "tasks", out(limits(tasks(3, time.Minute))), 13, history.ScaleOutRateLimit, "at most 3 tasks in 1m are added")
	told(t, "one task", out(limits(tasks(1, time.Minute))), 11, history.ScaleOutRateLimit, "at most 1 task in 1m is added")
	told(t, "tasks, used", out(limits(tasks(3, time.Minute)), ago(time.Second, 8, 10)), 11, history.ScaleOutRateLimit, "at most 3 tasks in 1m are added, and 2 were added already")
	told(t, "tasks, won back", out(limits(tasks(3, time.Minute)), ago(time.Second, 11, 10)), 14, history.ScaleOutRateLimit, "at most 3 tasks in 1m are added, and 1 was removed in that time")
	told(t, "percent, used", out(limits(percent(33, time.Minute)), ago(time.Second, 9, 10)), 12, history.ScaleOutRateLimit, "at most 33 % in 1m are added: 3 of 9, and 1 was added already")
	in := func(change func(*taskcount.Input), orders ...history.Order) taskcount.Input {
		in := falls()
		in.History, in.Policy.ScaleIn.Cooldown = ordered(orders...), new(spec.Duration(0))
		change(&in)
		return in
	}
	rate := func(in *taskcount.Input) { in.Policy.ScaleIn.RateLimits = limits(percent(20, time.Minute)) }
	told(t, "in", in(rate), 8, history.ScaleInRateLimit, "at most 20 % in 1m are removed: 2 of 10")
	told(t, "in, used", in(rate, ago(time.Second, 12, 11), ago(time.Second, 11, 10)), 9, history.ScaleInRateLimit, "at most 20 % in 1m are removed: 3 of 12, and 2 were removed already")
	budget := func(ls ...spec.RateLimit) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.Policy.ScaleIn.RemovalBudget = ls }
	}
	const q = 15 * time.Minute
	told(t, "budget", in(budget(percent(25, q)), ago(q-1, 12, 11), ago(q-1, 11, 10)), 9, history.RemovalBudget,
		"whatever asks for it, the removal budget of the last 15m is 3 tasks (25 % of the 12 at its start), less 2 removed already")
	told(t, "budget in tasks", in(budget(tasks(1, q))), 9, history.RemovalBudget, "whatever asks for it, the removal budget of the last 15m is 1 task, less 0 removed already")
}

// Numbers have their nouns, and one that is beyond all sense is not written out.
func TestNumbersInWords(t *testing.T) {
	t.Parallel()
	sum := totalOf(ownMetric("InFlight", time.Minute), 1e-9)
	got := decide(noon, given(10, sum, series(read(sum), settledLag, 200)))
	if got.Wanted != 1_000_000 || got.Policies[0].Because != "a demand of 200 needs more than a million tasks at 1e-09 each" {
		t.Errorf("got %d: %s", got.Wanted, got.Policies[0].Because)
	}
	for _, tt := range []struct {
		in   taskcount.Input
		want string
	}{
		{input(1, cpu(1, 0, 60)), "a demand of 60 % (60 % on 1 task) needs 1.00 tasks at 60 % each, within tolerance of 1"},
		{input(1, cpu(1, 0, 100)), "1 task is pinned at the CPU limit, which hides demand: at least twice as many (2), and the 1.67 that a demand of 100 % needs at 60 % each"},
		{input(4, cpu(3, 0, 273)), "3 tasks are pinned at the CPU limit, which hides demand: at least twice as many (6), and the 13.65 that a demand of 819 % needs at 60 % each"},
		{on(fleet.EC2, input(3, cpu(3, 10*time.Minute, 20))), "newest datapoint ended 10m ago (limit 5m)"},
	} {
		if got := decide(noon, tt.in).Policies[0].Because; got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}
