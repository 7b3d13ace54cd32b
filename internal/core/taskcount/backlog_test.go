package taskcount_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// queuePolicy is a backlog policy; without a queue or metrics its queue is jobs.
func queuePolicy(b spec.Backlog) spec.Policy {
	if b.Metrics == nil && b.Queue == "" {
		b.Queue = "jobs"
	}
	return spec.Policy{Backlog: &b}
}

// jobs is the queue jobs, a minute of acceptable latency and a quarter of a second
// for each message: 4 messages a second and task.
func jobs() spec.Policy {
	return queuePolicy(spec.Backlog{AcceptableLatency: minute, ProcessingTime: new(spec.Duration(250 * time.Millisecond))})
}

// learning is the queue jobs with a rate that is to be learnt.
func learning() spec.Policy { return queuePolicy(spec.Backlog{AcceptableLatency: minute}) }

// row is one period of a queue; NaN is a datapoint that is missing.
type row struct{ waiting, arrivals, age, done float64 }

type rows []row

// queueSeries gives the metrics of a backlog policy over the rows, the newest
// ended lag before noon.
func queueSeries(p spec.Policy, lag time.Duration, rs rows) []signal.Series {
	src := p.Backlog.CloudWatch()
	column := func(m signal.Metric, value func(row) float64) signal.Series {
		values := make([]float64, len(rs))
		for i, r := range rs {
			values[i] = value(r)
		}
		return series(m, lag, values...)
	}
	out := []signal.Series{
		column(src.Backlog, func(r row) float64 { return r.waiting }),
		column(src.Arrivals, func(r row) float64 { return r.arrivals }),
	}
	if src.OldestAge != nil {
		out = append(out, column(*src.OldestAge, func(r row) float64 { return r.age }))
	}
	if src.Completions != nil {
		out = append(out, column(*src.Completions, func(r row) float64 { return r.done }))
	}
	return out
}

// same is a row for n periods.
func same(r row, n int) rows {
	out := make(rows, n)
	for i := range out {
		out[i] = r
	}
	return out
}

func queueState(visible, inFlight, delayed int) signal.Queue {
	return signal.Queue{Name: "jobs", At: noon.Add(-time.Second), Visible: visible, InFlight: inFlight, Delayed: delayed, Status: signal.Complete}
}

var missing = math.NaN()

// Each row is one settled minute of 10 tasks at 4 messages a second each.
func TestBacklogSum(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		row  row
		want int
		need float64
	}{
		{"arrivals alone: 40 a second", row{arrivals: 2400}, 10, 10},
		{"a backlog alone: 2400 within a minute", row{waiting: 2400, age: 1}, 10, 10},
		{"both", row{waiting: 2400, arrivals: 2400, age: 1}, 20, 20},
		{"nothing", row{}, 0, 0},
		{"tolerance out: 10.5", row{arrivals: 2520}, 10, 10.5},
		{"past it: 10.504", row{arrivals: 2521}, 11, 2521.0 / 240},
		{"tolerance in: 9", row{arrivals: 2160}, 10, 9},
		{"past it: 8.996", row{arrivals: 2159}, 9, 2159.0 / 240},
		{"a negative backlog is no datapoint", row{waiting: -100, arrivals: 2400}, 10, 0},
		{"nor are negative arrivals", row{waiting: 100, arrivals: -100}, 10, 0},
		{"no arrivals known", row{waiting: 24000, arrivals: missing, age: 1}, 10, 0},
		{"no backlog known", row{waiting: missing, arrivals: 24000, age: 1}, 10, 0},
		{"infinite arrivals are no datapoint", row{arrivals: math.Inf(1)}, 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decide(noon, given(10, jobs(), queueSeries(jobs(), settledLag, rows{tt.row})...))
			if r := got.Policies[0]; r.Count != tt.want || math.Abs(r.Need-tt.need) > 1e-9 {
				t.Errorf("got %d, need %v (%s), want %d, %v", r.Count, r.Need, r.Because, tt.want, tt.need)
			}
			checkChain(t, got)
		})
	}
}

// Nothing goes while the oldest message is older than twice the acceptable latency
// (or maxAge), and the tasks grow in proportion, at most to twice, and at most to
// twice the sum. Each row is one settled minute of 10 tasks.
func TestBacklogAgeGuard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		row    row
		maxAge time.Duration
		want   int
	}{
		{"at the limit of 2 minutes it goes in", row{waiting: 600, arrivals: 600, age: 120}, 0, 5},
		{"above it: in proportion, at most twice the sum of 5", row{waiting: 600, arrivals: 600, age: 121}, 0, 10},
		{"above it: twice the sum of 6 is 12, 10 x 1.1 is 11", row{waiting: 720, arrivals: 720, age: 132}, 0, 11},
		{"above it: at most twice the tasks", row{waiting: 2400, arrivals: 0, age: 1e6}, 0, 20},
		{"above it: the sum may ask for more", row{waiting: 24_000, arrivals: 0, age: 1e6}, 0, 100},
		{"a poisonous message beside few others holds", row{waiting: 9, arrivals: 60, age: 1e6}, 0, 10},
		{"one for each task, but the sum of 0.3 is covered", row{waiting: 10, arrivals: 60, age: 1e6}, 0, 10},
		{"a limit of its own", row{waiting: 600, arrivals: 600, age: 121}, 10 * time.Minute, 5},
		{"above a limit of its own", row{waiting: 720, arrivals: 720, age: 660}, 10 * time.Minute, 11},
		{"an age that is not known holds", row{waiting: 600, arrivals: 600, age: missing}, 0, 10},
		{"an age that is not known does not stop an out", row{waiting: 2400, arrivals: 2400, age: missing}, 0, 20},
		{"SQS has no age of an empty queue", row{waiting: 0, arrivals: 600, age: missing}, 0, 3},
		{"a message in flight alone holds nothing", row{waiting: 0, arrivals: 600, age: 1e6}, 0, 3},
		{"a negative age is not known", row{waiting: 600, arrivals: 600, age: -1}, 0, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := jobs()
			if tt.maxAge > 0 {
				p.Backlog.MaxAge = new(spec.Duration(tt.maxAge))
			}
			got := decide(noon, given(10, p, queueSeries(p, settledLag, rows{tt.row})...))
			if r := got.Policies[0]; r.Count != tt.want {
				t.Errorf("got %d, need %v (%s), want %d", r.Count, r.Need, r.Because, tt.want)
			}
		})
	}
}

// Ages that were not read, or not whole, hold while a message waits.
func TestBacklogWithoutAges(t *testing.T) {
	t.Parallel()
	for _, status := range []signal.Status{signal.Failed, signal.Partial, ""} {
		set := queueSeries(jobs(), settledLag, rows{{waiting: 1, arrivals: 600, age: missing}})
		set[2].Status = status
		got := decide(noon, given(10, jobs(), set...))
		if got.Desired != 10 || !strings.Contains(got.Policies[0].Because, "age of the oldest is not known") {
			t.Errorf("ages %q: got %d (%s), want a hold", status, got.Desired, got.Policies[0].Because)
		}
	}
	for i, name := range []string{"backlog", "arrivals"} {
		set := queueSeries(jobs(), settledLag, rows{{arrivals: 600}})
		set[i].Status, set[i].Why = signal.Failed, "throttled"
		if got := decide(noon, given(10, jobs(), set...)); got.Desired != 10 || !strings.Contains(got.Because, "throttled") {
			t.Errorf("%s failed: got %d (%s), want a hold", name, got.Desired, got.Because)
		}
	}
}

// A poisonous message beside a normal backlog does not double the tasks minute by
// minute up to the maximum.
func TestPoisonDoesNotRunAway(t *testing.T) {
	t.Parallel()
	p, base := jobs(), 10
	var h history.History
	for m := range 30 {
		now := noon.Add(time.Duration(m) * time.Minute)
		in := given(base, p, queueSeries(p, -time.Duration(m)*time.Minute, same(row{waiting: 600, arrivals: 1800, age: 1e6}, 40))...)
		in.History = h
		if got := decide(now, in); got.Desired != base {
			h, base = h.With(history.Order{At: now, From: base, To: got.Desired}, got.Marks), got.Desired
		}
	}
	if base != 20 { // the sum needs 10
		t.Errorf("%d tasks after half an hour, want 20", base)
	}
}

// While the rate is not known, the count stays: but for the first task, and for
// what stands still.
func TestBacklogBeforeTheRateIsKnown(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		base int
		row  row
		want int
	}{
		{"a backlog holds", 10, row{waiting: 1e6, age: 1}, 10},
		{"arrivals hold", 10, row{arrivals: 1e6}, 10},
		{"nothing goes in", 10, row{}, 0},
		{"the first task", 0, row{arrivals: 1}, 1},
		{"no task for nothing", 0, row{}, 0},
		{"an old message grows in proportion", 10, row{waiting: 1000, age: 150}, 13},
		{"at most to twice", 10, row{waiting: 1000, age: 1e6}, 20},
		{"a message for each task", 10, row{waiting: 9, age: 1e6}, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decide(noon, given(tt.base, learning(), queueSeries(learning(), settledLag, rows{tt.row})...))
			if r := got.Policies[0]; r.Count != tt.want || !r.Learnt {
				t.Errorf("got %d (%s), want %d", r.Count, r.Because, tt.want)
			}
		})
	}
}

// Which periods a rate is learnt from: 10 tasks in each minute that finish 1200
// messages do 2 a second each.
func TestLearning(t *testing.T) {
	t.Parallel()
	full := row{waiting: 500, arrivals: 1200, age: 10, done: 1200}
	with := func(rs rows, i int, change func(*row)) rows {
		out := append(rows{}, rs...)
		change(&out[i])
		return out
	}
	ten := func(n int) []float64 { return repeat(10, n) }
	tests := []struct {
		name    string
		rows    rows
		tasks   []float64
		lag     time.Duration
		rate    float64 // 0 for none
		periods int
	}{
		{"four minutes make three periods with a begin and an end", same(full, 4), ten(4), settledLag, 2, 3},
		{"three make two, which are not believed", same(full, 3), ten(3), settledLag, 2, 2},
		{"minutes that may still grow are not looked at", same(full, 6), ten(6), 0, 2, 2},
		{"an empty end", with(same(full, 4), 3, func(r *row) { r.waiting = 0 }), ten(4), settledLag, 2, 2},
		{"an empty begin", with(same(full, 4), 0, func(r *row) { r.waiting = 0 }), ten(4), settledLag, 2, 2},
		{"an empty minute is an end and a begin", with(same(full, 5), 2, func(r *row) { r.waiting = 0 }), ten(5), settledLag, 2, 2},
		{"fewer messages than tasks: some tasks wait", with(same(full, 4), 3, func(r *row) { r.waiting = 9 }), ten(4), settledLag, 2, 2},
		{"as many messages as tasks", with(same(full, 4), 3, func(r *row) { r.waiting = 10 }), ten(4), settledLag, 2, 3},
		{"a gap in the backlog", with(same(full, 5), 2, func(r *row) { r.waiting = missing }), ten(5), settledLag, 2, 2},
		{"a gap in what was finished", with(same(full, 4), 2, func(r *row) { r.done = missing }), ten(4), settledLag, 2, 2},
		{"tasks not known", same(full, 4), []float64{10, 10, missing, 10}, settledLag, 2, 1},
		{"no tasks known", same(full, 4), nil, settledLag, 0, 0},
		{"no task runs", same(full, 4), repeat(0, 4), settledLag, 0, 0},
		{"tasks joined", same(full, 4), []float64{10, 10, 12, 12}, settledLag, (2 + 1200.0/720) / 2, 2},
		{"tasks left", same(full, 4), []float64{20, 20, 10, 10}, settledLag, (1 + 2 + 2) / 3.0, 3},
		{"nothing finished counts with the next", with(same(full, 4), 2, func(r *row) { r.done = 0 }), ten(4), settledLag, (2 + 1) / 2.0, 2},
		{"nothing finished at the end is not counted yet", with(same(full, 4), 3, func(r *row) { r.done = 0 }), ten(4), settledLag, 2, 2},
		{"nothing finished before a gap is forgotten", with(with(same(full, 5), 2, func(r *row) { r.done = 0 }), 3, func(r *row) { r.done = missing }), ten(5), settledLag, 2, 2},
		{"nothing finished at all", same(row{waiting: 500}, 4), ten(4), settledLag, 0, 0},
		{"the seventh and later weigh a fifth", with(same(full, 9), 8, func(r *row) { r.done = 2400 }), ten(9), settledLag, 2.4, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := learning()
			in := given(10, p, queueSeries(p, tt.lag, tt.rows)...)
			in.Signals = append(in.Signals, counts(tt.lag, tt.tasks...))
			_, m := taskcount.Decide(noon, in)
			got, known := m.History.Rate(p.Backlog.CloudWatch().Backlog.Key())
			if known != (tt.rate > 0) || math.Abs(got.PerTask-tt.rate) > 1e-4 || got.Periods != tt.periods {
				t.Errorf("learnt %v from %d periods, want %v from %d", got.PerTask, got.Periods, tt.rate, tt.periods)
			}
		})
	}
}

// The rate that was learnt sizes the service; a queue of another kind learns
// from the metrics it names, and without completions from none.
func TestLearntRateIsUsed(t *testing.T) {
	t.Parallel()
	own := queuePolicy(spec.Backlog{AcceptableLatency: minute, Metrics: &spec.BacklogMetrics{
		Backlog: *ownMetric("Lag", time.Minute), Arrivals: *ownMetric("In", time.Minute), Completions: ownMetric("Out", time.Minute),
	}})
	for _, p := range []spec.Policy{learning(), own} {
		in := given(10, p, queueSeries(p, settledLag, same(row{waiting: 600, arrivals: 1200, age: 10, done: 1200}, 4))...)
		in.Signals = append(in.Signals, counts(settledLag, 10, 10, 10, 10))
		// 20 arrive a second and 10 of the backlog are due: 30 at 2 each.
		if r := decide(noon, in).Policies[0]; r.Count != 15 || r.Target != 2 || !r.Learnt {
			t.Errorf("got %d at %v (%s), want 15 at 2", r.Count, r.Target, r.Because)
		}
	}
	own.Backlog.Metrics.Completions = nil
	if r := decide(noon, given(10, own, queueSeries(own, settledLag, same(row{waiting: 600, arrivals: 1200}, 4))...)).Policies[0]; r.Count != 10 || r.Target != 0 {
		t.Errorf("without completions: got %d at %v, want a hold", r.Count, r.Target)
	}
	threads := queuePolicy(spec.Backlog{AcceptableLatency: minute, ProcessingTime: new(spec.Duration(2 * time.Second)), Concurrency: 8})
	if r := decide(noon, given(10, threads, queueSeries(threads, settledLag, rows{{arrivals: 7200}})...)).Policies[0]; r.Target != 4 || r.Count != 30 || r.Learnt {
		t.Errorf("8 messages at once of 2 s each: got %d at %v, want 30 at 4", r.Count, r.Target)
	}
}

// A rate lies within those of the periods it was learnt from, none is learnt
// where there is no backlog at both ends, and looking again teaches nothing.
func TestLearningLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "minutes")
		rs, tasks := make(rows, n), make([]float64, n)
		for i := range rs {
			rs[i] = row{
				waiting: float64(rapid.SampledFrom([]int{0, 1, 20, 500}).Draw(t, "waiting")), arrivals: 600,
				done: float64(rapid.SampledFrom([]int{0, 1, 300, 1200}).Draw(t, "done")),
			}
			tasks[i] = float64(rapid.SampledFrom([]int{0, 10, 10, 10, 15}).Draw(t, "tasks"))
		}
		p := learning()
		in := given(10, p, queueSeries(p, settledLag, rs)...)
		in.Signals = append(in.Signals, counts(settledLag, tasks...))
		policy := p.Backlog.CloudWatch().Backlog.Key()
		if rapid.Bool().Draw(t, "known") {
			in.History = in.History.WithRate(history.Rate{Policy: policy, PerTask: 2, At: noon.Add(-20 * time.Minute), Periods: 10})
		}
		before, _ := in.History.Rate(policy)
		low, high, periods := math.Inf(1), 0.0, 0
		if before.Periods > 0 {
			low, high = before.PerTask, before.PerTask
		}
		for i := 1; i < n; i++ {
			start := noon.Add(-settledLag - time.Duration(n-i)*time.Minute)
			if start.After(before.At) && tasks[i] > 0 && rs[i].waiting > 0 && rs[i-1].waiting > 0 {
				each := rs[i].done / 60 / tasks[i]
				low, high, periods = min(low, each), max(high, each), periods+1
			}
		}
		first, m := taskcount.Decide(noon, in)
		got, known := m.History.Rate(policy)
		switch {
		case periods == 0 && got != before:
			t.Fatalf("learnt %+v without a period with a backlog at both ends", got)
		case known && (got.PerTask < low*(1-1e-4) || got.PerTask > high*(1+1e-4) || got.PerTask <= 0):
			t.Fatalf("rate %v is outside %v to %v", got.PerTask, low, high)
		case got.Periods > before.Periods+periods:
			t.Fatalf("learnt from %d periods of %d", got.Periods-before.Periods, periods)
		}
		in.History = m.History
		second, again := taskcount.Decide(noon, in)
		if r, _ := again.History.Rate(policy); r != got || again.Worth {
			t.Fatalf("looking again made %+v of %+v (worth %t)", r, got, again.Worth)
		}
		if first.Policies[0] != second.Policies[0] {
			t.Fatalf("the rate of the history asks for\n%+v, learnt at once it asked for\n%+v", second.Policies[0], first.Policies[0])
		}
	})
}

// What the queue itself says. Idle is no message in any state; it is believed
// where the metrics agree, or have stopped.
func TestQueueState(t *testing.T) {
	t.Parallel()
	fresh := same(row{}, 20)
	tests := []struct {
		name  string
		base  int
		rows  rows
		queue signal.Queue
		h     history.History
		want  int
		idle  bool
	}{
		{"metrics stopped and the queue is idle", 3, nil, queueState(0, 0, 0), history.History{}, 0, true},
		{"metrics stopped and one is visible", 3, nil, queueState(1, 0, 0), history.History{}, 3, false},
		{"metrics stopped and one is in flight", 3, nil, queueState(0, 1, 0), history.History{}, 3, false},
		{"metrics stopped and one is delayed", 3, nil, queueState(0, 0, 1), history.History{}, 3, false},
		{"metrics stopped and many are visible", 3, nil, queueState(2400, 0, 0), history.History{}, 10, false},
		{"metrics stopped and the queue was not read", 3, nil, signal.Queue{}, history.History{}, 3, false},
		{"a read that failed", 3, nil, signal.Queue{Name: "jobs", At: noon, Status: signal.Failed}, history.History{}, 3, false},
		{"a state of two minutes ago", 3, nil, signal.Queue{Name: "jobs", At: noon.Add(-2 * time.Minute), Status: signal.Complete}, history.History{}, 0, true},
		{"an older one", 3, nil, signal.Queue{Name: "jobs", At: noon.Add(-2*time.Minute - time.Second), Status: signal.Complete}, history.History{}, 3, false},
		{"an older one with messages", 0, nil, signal.Queue{Name: "jobs", At: noon.Add(-3 * time.Minute), Visible: 9, Status: signal.Complete}, history.History{}, 0, false},
		{"the state of another queue", 3, nil, signal.Queue{Name: "mail", At: noon, Status: signal.Complete}, history.History{}, 3, false},
		{
			"a queue that has woken up has no metrics for 15 minutes", 3, nil, queueState(0, 0, 0),
			history.History{Orders: []history.Order{{At: noon.Add(-15*time.Minute + time.Second), From: 0, To: 3}}},
			3, false,
		},
		{
			"and then has none because it is idle", 3, nil, queueState(0, 0, 0),
			history.History{Orders: []history.Order{{At: noon.Add(-15 * time.Minute), From: 0, To: 3}}},
			0, true,
		},
		{"stale metrics have not stopped", 3, same(row{waiting: 600, age: 1}, 20)[:14], queueState(0, 0, 0), history.History{}, 3, false},
		{"from zero ahead of the metrics", 0, fresh, queueState(2400, 0, 0), history.History{}, 10, false},
		{"from zero one task for one message", 0, fresh, queueState(1, 0, 0), history.History{}, 1, false},
		{"above zero ahead of the metrics too", 3, fresh, queueState(2400, 0, 0), history.History{}, 10, false},
		{"beside the arrivals of the metrics", 2, same(row{arrivals: 240}, 20), queueState(480, 0, 0), history.History{}, 3, false},
		{"more than the arrivals need", 3, same(row{arrivals: 720}, 20), queueState(480, 0, 0), history.History{}, 5, false},
		{"too few to need a task, the metrics speak", 3, fresh, queueState(0, 3, 0), history.History{}, 0, false},
		{"less than there are do, the metrics speak", 9, fresh, queueState(1200, 0, 0), history.History{}, 0, false},
		{"metrics of zeros and the queue agree", 3, fresh, queueState(0, 0, 0), history.History{}, 0, true},
		{"metrics of zeros and the queue was not read", 3, fresh, signal.Queue{}, history.History{}, 3, false},
		{"metrics of zeros, the last task, and the queue was not read", 1, fresh, signal.Queue{}, history.History{}, 0, false},
		{"metrics that ask for more, and the queue was not read", 3, same(row{arrivals: 2400}, 20), signal.Queue{}, history.History{}, 10, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lag := settledLag
			if len(tt.rows) == 14 {
				lag = 6 * time.Minute
			}
			in := given(tt.base, jobs(), queueSeries(jobs(), lag, tt.rows)...)
			in.Policy.MinCapacity, in.History, in.Queues = 0, tt.h, nil
			if tt.queue.Name != "" {
				in.Queues = []signal.Queue{tt.queue}
			}
			if r := decide(noon, in).Policies[0]; r.Count != tt.want || r.Idle != tt.idle {
				t.Errorf("got %d, idle %t (%s), want %d, %t", r.Count, r.Idle, r.Because, tt.want, tt.idle)
			}
		})
	}
}

// A state is a datapoint of its own minute: it grounds one order, however often it is read
// in that minute, and the state of the next minute may ground the next, though the metrics
// are still those of before.
func TestQueueStateGroundsOneOrderAMinute(t *testing.T) {
	t.Parallel()
	look := func(now time.Time, base, visible int, h history.History) (taskcount.Result, history.History) {
		in := given(base, jobs(), queueSeries(jobs(), settledLag, same(row{}, 20))...)
		in.History, in.Acting = h, true
		in.Queues = []signal.Queue{{Name: "jobs", At: now, Visible: visible, Status: signal.Complete}}
		got, m := taskcount.Decide(now, in)
		return got, m.After(history.Order{At: now, From: base, To: got.Desired}, got.Marks)
	}
	first, h := look(noon, 3, 2400, history.History{})
	if first.Desired != 10 {
		t.Fatalf("2,400 messages got %d (%s), want 10", first.Desired, first.Because)
	}
	if again, _ := look(noon.Add(30*time.Second), 10, 4800, h); again.Desired != 10 || again.Reason != history.DatapointAlreadyUsed {
		t.Errorf("in the same minute 4,800 got %d (%s: %s), want 10 and a used datapoint", again.Desired, again.Reason, again.Because)
	}
	if next, _ := look(noon.Add(time.Minute), 10, 4800, h); next.Desired != 20 {
		t.Errorf("a minute later 4,800 got %d (%s: %s), want 20", next.Desired, next.Reason, next.Because)
	}
}

// A burst is worked off at the pace of the acceptable latency: what came in the newest of
// five minutes counts a fifth. As time goes the state of the queue asks for more, once a
// minute, whether the metrics have come or not.
func TestArrivalsAreSpreadOverTheLatency(t *testing.T) {
	t.Parallel()
	slow := jobs()
	slow.Backlog.AcceptableLatency = spec.Duration(5 * time.Minute)
	for _, tt := range []struct {
		name string
		rows rows
		want float64 // 4 messages a second and task
	}{
		{"always the same", same(row{arrivals: 2400}, 30), 10},
		{"a burst of a minute", append(same(row{}, 29), row{arrivals: 2400}), 2},
		{"and what waits of it", append(same(row{}, 29), row{arrivals: 2400, waiting: 2400}), 4},
		{"a burst of two, a minute ago", append(same(row{}, 27), row{arrivals: 2400}, row{arrivals: 2400}, row{}), 4},
		{"a burst of more than five minutes ago", append(append(same(row{}, 20), row{arrivals: 2400}), same(row{}, 5)...), 0},
		{"fewer datapoints than the latency", same(row{arrivals: 2400}, 3), 10},
	} {
		in := given(1, slow, queueSeries(slow, settledLag, tt.rows)...)
		if r := decide(noon, in).Policies[0]; math.Abs(r.Need-tt.want) > 1e-9 {
			t.Errorf("%s: %v tasks are needed (%s), want %v", tt.name, r.Need, r.Because, tt.want)
		}
	}
	long := jobs()
	long.Backlog.AcceptableLatency = spec.Duration(24 * time.Hour)
	in := given(1, long, queueSeries(long, settledLag, append(same(row{}, 29), row{arrivals: 3600}))...)
	if r := decide(noon, in).Policies[0]; math.Abs(r.Need-1) > 1e-9 || !strings.Contains(r.Because, "over the last 15m") {
		t.Errorf("%v tasks are needed (%s), want the arrivals of a minute spread over 15", r.Need, r.Because)
	}
}

// Metrics that failed have not stopped.
func TestQueueStateBesideFailedMetrics(t *testing.T) {
	t.Parallel()
	set := queueSeries(jobs(), settledLag, nil)
	set[0].Status = signal.Failed
	in := given(3, jobs(), set...)
	in.Queues = []signal.Queue{queueState(0, 0, 0)}
	if got := decide(noon, in); got.Desired != 3 || got.Policies[0].Idle {
		t.Errorf("got %d (%s), want a hold", got.Desired, got.Because)
	}
	in.Queues = []signal.Queue{queueState(2400, 0, 0)}
	if got := decide(noon, in); got.Desired != 10 {
		t.Errorf("got %d (%s), want 10 by the queue's own state", got.Desired, got.Because)
	}
	if got := taskcount.Queues(spec.Service{Policies: []spec.Policy{jobs(), learning(), cpuPolicy(60)}}); len(got) != 1 || got[0] != "jobs" {
		t.Errorf("queues %v, want jobs once", got)
	}
}

func TestBacklogWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    spec.Policy
		row  row
		want string
	}{
		{jobs(), row{waiting: 2400, arrivals: 1200, age: 90}, "2400 messages wait and 20 arrive a second; to wait at most 1m they need 15.00 tasks at 4 messages a second each"},
		{jobs(), row{arrivals: 2400, age: 90}, "0 messages wait and 40 arrive a second; to wait at most 1m they need 10.00 tasks at 4 messages a second each, within tolerance of 10"},
		{jobs(), row{waiting: 5, age: 9000}, "5 messages wait and 0 arrive a second; to wait at most 1m they need 0.02 tasks at 4 messages a second each; the oldest is 2h30m old, 75 times maxAge (2m): no scale-in, and no more tasks where fewer messages wait than there are tasks"},
		{jobs(), row{waiting: 60, arrivals: 600, age: 200}, "60 messages wait and 10 arrive a second; to wait at most 1m they need 2.75 tasks at 4 messages a second each; the oldest is 3m20s old, 1.67 times maxAge (2m): no scale-in, and 10 tasks x 1.67 are 16.67, of which at most twice the sum count: 5.50"},
		{jobs(), row{waiting: 1200, arrivals: 1200, age: 150}, "1200 messages wait and 20 arrive a second; to wait at most 1m they need 10.00 tasks at 4 messages a second each; the oldest is 2m30s old, 1.25 times maxAge (2m): no scale-in, and 10 tasks x 1.25 are 12.50"},
		{learning(), row{waiting: 60, age: 200}, "60 messages wait and 0 arrive a second; the rate of a task is not learnt yet: that needs three periods that begin and end with a message for each task, or processingTime in the policy; the oldest is 3m20s old, 1.67 times maxAge (2m): no scale-in, and 10 tasks x 1.67 are 16.67"},
		{jobs(), row{waiting: 1, arrivals: 60, age: 9}, "1 message waits and 1 arrives a second; to wait at most 1m they need 0.25 tasks at 4 messages a second each"},
		{learning(), row{waiting: 5, age: 9}, "5 messages wait and 0 arrive a second; the rate of a task is not learnt yet: that needs three periods that begin and end with a message for each task, or processingTime in the policy"},
	} {
		if got := decide(noon, given(10, tt.p, queueSeries(tt.p, settledLag, rows{tt.row})...)).Policies[0].Because; got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}
