package taskcount

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// How the service rate is learnt. With a weight of 0.2 a period counts half
// after three more; three periods are the least that is believed.
const (
	rateWeight     = 0.2
	ratePeriods    = 3
	rateNoteEvery  = 15 * time.Minute
	maxPoisonShare = 2.0
)

// How far a queue's state is believed. It is read anew at each look, so one of
// minutes ago was left over; and a queue that wakes up publishes metrics after up
// to 15 minutes, until when their silence says nothing.
const (
	queueBelieved = 2 * time.Minute
	metricsWakeUp = 15 * time.Minute
)

// maxSpread bounds the time over which arrivals are spread, and so how far back they are
// read.
const maxSpread = 15 * time.Minute

// worker is one backlog policy with what was read of its queue.
type worker struct {
	*eyes
	b        spec.Backlog
	sources  spec.BacklogSources
	period   time.Duration
	backlog  signal.Series
	arrivals signal.Series
	waiting  []signal.Point
	arrived  []signal.Point
	oldest   []signal.Point
	rate     history.Rate // of one task, PerTask 0 where it is not known
	queue    signal.Queue
}

// backlog gives what a queue asks for: the tasks that keep up with the arrivals
// and work off what waits within the acceptable latency,
// need = (arrivals + backlog / latency) / rate, in messages a second. The arrivals are the
// mean over the acceptable latency, since nothing of a burst must be done sooner: of 10
// minutes' worth of work that comes in one, half the tasks are enough in 5.
func (e *eyes) backlog(p spec.Policy, b spec.Backlog) view {
	w := worker{eyes: e, b: b, sources: b.CloudWatch(), queue: e.queue(b.Queue)}
	w.backlog, w.period = e.read(w.sources.Backlog), w.sources.Backlog.Period
	arrivals := e.read(w.sources.Arrivals)
	w.arrivals, w.backlog = arrivals, lacks(w.backlog, "the arrivals", arrivals)
	w.waiting, w.arrived = w.backlog.Closed(e.now), arrivals.Closed(e.now)
	if w.sources.OldestAge != nil {
		w.oldest = e.read(*w.sources.OldestAge).Closed(e.now)
	}
	v := view{key: w.sources.Backlog.Key(), period: w.period, learnt: w.learn()}
	w.rate = believed(v.learnt)
	v.rec = Recommendation{
		Policy: p.Label(), Type: history.Backlog, Verdict: Unusable, Count: e.in.Base, Target: w.rate.PerTask,
		Unit: " messages a second", Learnt: b.ProcessingTime == nil,
	}
	w.see(&v)
	w.spot(&v)
	if r := &v.rec; r.Verdict == Steady && w.rate.PerTask <= 0 && (r.Waiting > 0 || r.Demand > 0) {
		// There is data, and no count that follows from it: to keep the count that
		// happens to be is no wish of the policy's.
		v.unlearnt, r.Verdict = true, Unusable
	}
	return v
}

// queue gives the state of a queue; one that was not read just now failed.
func (e *eyes) queue(name string) signal.Queue {
	for _, q := range e.in.Queues {
		switch {
		case q.Name != name:
		case q.Known() && e.now.Sub(q.At) > queueBelieved:
			return signal.Queue{Name: name, Status: signal.Failed, Why: "the last answer is of " + clock(q.At)}
		default:
			return q
		}
	}
	return signal.Queue{Name: name}
}

// queueWords tell what of the queue's own state is to be told beside silent
// metrics, or what is to be repaired: while it cannot be read nothing wakes the
// service at once and nothing proves that it may sleep.
func (w worker) queueWords(silent bool) string {
	switch q := w.queue; {
	case w.b.Queue == "":
		return ""
	case q.Known() && silent:
		return fmt.Sprintf("; the queue has %d visible, %d in flight and %d delayed at %s", q.Visible, q.InFlight, q.Delayed, clock(q.At))
	case q.Known():
		return ""
	case q.Status != "":
		return strings.TrimSuffix("; the queue's state could not be read: "+q.Why, ": ")
	case silent:
		return "; the queue's state was not read"
	}
	return ""
}

// see fills in what the metrics say.
func (w worker) see(v *view) {
	r, both := &v.rec, w.both()
	reading := w.judge(w.backlog, both)
	if a := w.arrivals.Judge(w.now, both); reading.Freshness == signal.Fresh && a.Freshness == signal.Missing {
		reading = signal.Reading{Freshness: signal.Missing, Because: "the arrivals: " + a.Because}
	}
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand, r.Waiting = reading.Point.Start, signal.Value(w.pace(reading.Point)), float64(reading.Point.Value)
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because + w.queueWords(true)
		return
	}
	newest := reading.Point.Start
	v.points, v.ask = len(both), func(i int) ask { return w.ask(both[i], newest) }
	last := v.ask(v.points - 1)
	r.Count, r.Need = last.count, last.need
	age, known := w.age(reading.Point)
	r.OldestSeconds = age
	// A queue's own state is the proof where it can be read; metrics that come
	// minutes late are one only where there is nothing better.
	r.Idle = w.queue.Idle() || w.b.Queue == "" && reading.Point.Value == 0 && reading.Point.Samples == 0
	r.verdict(w.in.Base)
	r.Because = w.words(reading.Point, *r, known) + w.queueWords(false)
	if w.b.Queue != "" && !w.queue.Known() && r.Verdict == WantIn && w.in.Base > 1 {
		// It may hold what the metrics do not tell of yet. The last task stays for its own reasons.
		r.Count, r.Verdict = w.in.Base, Steady
		r.Because = w.words(reading.Point, *r, known) + w.queueWords(true) + ": no scale-in"
	}
}

// both gives the datapoints of which the backlog and the arrivals are known:
// Value is what waits, Samples the arrivals a second.
func (w worker) both() []signal.Point {
	out, rest := make([]signal.Point, 0, len(w.waiting)), w.arrived
	for _, p := range w.waiting {
		for len(rest) > 0 && rest[0].Start.Before(p.Start) {
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0].Start.Equal(p.Start) {
			p.Samples = rest[0].Value / signal.Value(w.period.Seconds())
			out = append(out, p)
		}
	}
	return amounts(out)
}

func (w worker) words(p signal.Point, r Recommendation, ageKnown bool) string {
	seen := fmt.Sprintf("%s and %s", messageWords(r.Waiting, "waits", "wait"), w.paceWords(float64(r.Demand)))
	if !ageKnown {
		seen += ", the age of the oldest is not known: no scale-in"
	}
	sum := w.sum(p)
	if w.rate.PerTask > 0 {
		seen += fmt.Sprintf("; to wait at most %s they need %s tasks at %s each", w.b.AcceptableLatency, needed(sum), amount(w.rate.PerTask, r.Unit))
		if ageKnown && r.OldestSeconds <= w.maxAge().Seconds() && r.Verdict == Steady && w.tolerated(sum) == w.in.Base {
			seen += fmt.Sprintf(", within tolerance of %d", w.in.Base)
		}
	} else if p.Value > 0 || p.Samples > 0 {
		seen += "; the rate of a task is not learnt yet: that needs three periods that begin and end with a message for each task, or processingTime in the policy"
	}
	if ageKnown && r.OldestSeconds > w.maxAge().Seconds() {
		seen += "; " + w.ageWords(p, r.OldestSeconds, sum)
	}
	return seen
}

// ageWords tell what the age of the oldest message asks for, beside the sum.
func (w worker) ageWords(p signal.Point, age, sum float64) string {
	limit := w.maxAge()
	words := fmt.Sprintf("the oldest is %s old, %s times maxAge (%s): no scale-in", spec.Duration(time.Duration(min(age, 1e9))*time.Second), number(age/limit.Seconds()), spec.Duration(limit))
	n := w.countAt(p.Start.Add(w.period))
	if float64(p.Value) < float64(n) {
		return words + ", and no more tasks where fewer messages wait than there are tasks"
	}
	ratio := min(maxPoisonShare, age/limit.Seconds())
	words += fmt.Sprintf(", and %s x %s are %s", taskWords(n), number(ratio), needed(float64(n)*ratio))
	if w.rate.PerTask > 0 && float64(n)*ratio > maxPoisonShare*sum {
		words += fmt.Sprintf(", of which at most twice the sum count: %s", needed(maxPoisonShare*sum))
	}
	return words
}

// maxAge is the age of the oldest message above which there is no scale-in.
func (w worker) maxAge() time.Duration {
	if w.b.MaxAge != nil {
		return time.Duration(*w.b.MaxAge)
	}
	return 2 * time.Duration(w.b.AcceptableLatency)
}

// age gives the age of the oldest message in seconds, 0 while none waits: SQS
// publishes none of an empty queue, and one that is in flight alone is worked on.
// It is not known where a message waits and no age was read.
func (w worker) age(p signal.Point) (seconds float64, known bool) {
	if w.sources.OldestAge == nil || p.Value <= 0 {
		return 0, true
	}
	if age, ok := pointAt(w.oldest, p.Start, w.period); ok && age.Value >= 0 {
		return float64(age.Value), true
	}
	return 0, false
}

// sum is the tasks that a datapoint asks for, 0 while the rate is not known.
func (w worker) sum(p signal.Point) float64 { return w.keepUp(float64(p.Value), w.pace(p)) }

// keepUp is the tasks that keep up with arrivals a second and work off what waits within
// the acceptable latency, 0 while the rate is not known.
func (w worker) keepUp(waiting, arrivals float64) float64 {
	if w.rate.PerTask <= 0 {
		return 0
	}
	return capped((max(0, arrivals) + max(0, waiting)/time.Duration(w.b.AcceptableLatency).Seconds()) / w.rate.PerTask)
}

// spread is the time over which arrivals are spread.
func (w worker) spread() time.Duration {
	return max(w.period, lookBack(w.b))
}

// lookBack is how far before a datapoint its arrivals are read.
func lookBack(b spec.Backlog) time.Duration {
	return min(time.Duration(b.AcceptableLatency), maxSpread)
}

// pace is the arrivals a second to keep up with at a datapoint: the mean of those that are
// known of the acceptable latency that ends with it.
func (w worker) pace(p signal.Point) float64 {
	sum, n := 0.0, 0
	for i := len(w.arrived) - 1; i >= 0 && w.arrived[i].Start.After(p.Start.Add(-w.spread())); i-- {
		if !w.arrived[i].Start.After(p.Start) {
			sum, n = sum+float64(w.arrived[i].Value), n+1
		}
	}
	if n == 0 {
		return float64(p.Samples)
	}
	return sum / float64(n) / w.period.Seconds()
}

// paceWords tell the arrivals a second, and over which time they are a mean.
func (w worker) paceWords(arrivals float64) string {
	if over := w.spread(); over > w.period {
		return fmt.Sprintf("%s a second over the last %s", plainly(arrivals, "arrived", "arrived"), spec.Duration(over))
	}
	return plainly(arrivals, "arrives", "arrive") + " a second"
}

// ask is what one closed datapoint asks for. While the rate is not known the
// count stays, but for the first task. While the oldest message is too old, or
// its age is not known, nothing goes.
func (w worker) ask(p signal.Point, newest time.Time) ask {
	waiting, arrivals := max(0, float64(p.Value)), max(0, float64(p.Samples))
	a := ask{ago: newest.Sub(p.Start), count: w.in.Base, busy: p.Value != 0 || p.Samples != 0}
	switch {
	case w.rate.PerTask > 0:
		a.need = w.sum(p)
		a.count = w.tolerated(a.need)
	case waiting == 0 && arrivals == 0:
		a.count = 0
	case w.in.Base == 0:
		a.need, a.count = 1, 1
	}
	age, known := w.age(p)
	switch limit := w.maxAge().Seconds(); {
	case !known:
		a.count = max(a.count, w.in.Base)
	case age > limit:
		late := w.late(a, p, waiting, age/limit)
		a.need = max(a.need, late)
		a.count = max(a.count, w.in.Base, ceil(late))
	}
	return a
}

// late gives the tasks that are needed where the oldest message is older than the
// limit by a ratio: in proportion, at most twice the tasks of that time, and at
// most twice what the sum says where the rate is known. Each task must have a
// message to work on. Without the last two, one poisonous message that nobody can
// work off would double the tasks every minute, up to the maximum.
func (w worker) late(a ask, p signal.Point, waiting, ratio float64) float64 {
	n := float64(w.countAt(p.Start.Add(w.period)))
	if waiting < n {
		return 0
	}
	need := n * min(maxPoisonShare, ratio)
	if w.rate.PerTask > 0 {
		need = min(need, maxPoisonShare*a.need)
	}
	return need
}

// spot lets the queue's own state speak ahead of the metrics: they stop after idle
// hours, and come minutes late. It may ask for more tasks, and it proves idleness; a
// queue that holds something never lowers a count. A state is a datapoint of its own
// minute: where a burst that began at 01:40 had grounded one order on the state, the
// next ones waited for the metrics of 01:41, which came at 01:44.
func (w worker) spot(v *view) {
	if w.b.Queue == "" || !w.queue.Known() {
		return
	}
	r, q := &v.rec, w.queue
	usable := r.Verdict != Unusable
	switch {
	case q.Idle() && !usable && w.stopped():
		v.silent = true
		r.Count, r.Datapoint, r.Idle = 0, q.At.Truncate(time.Minute), true
		r.verdict(w.in.Base)
		r.Because = "the queue is empty (visible, in flight and delayed are 0), and its metrics have stopped, as they do after idle hours"
	case q.Visible > 0:
		need, words := w.ahead(*r)
		if n := w.tolerated(need); n > max(w.in.Base, r.Count) {
			r.Count, r.Need, r.Waiting, r.Verdict = n, need, float64(q.Visible), WantOut
			r.Datapoint = q.At.Truncate(time.Minute)
			r.Because = fmt.Sprintf("the queue holds %s at %s, ahead of its metrics%s", plural(q.Visible, "message", "messages"), clock(q.At), words)
		}
	case w.in.Base == 0 && q.Visible == 0 && !q.Idle() && !usable:
		// What is in flight or delayed cannot be taken: the state of the queue is known,
		// and it starts nothing.
		r.Verdict, r.Datapoint = Steady, q.At.Truncate(time.Minute)
		r.Because += ": none can be taken yet"
	}
}

// ahead gives the tasks that the queue's own state asks for, and in words why so many: they
// keep up with the arrivals, as far as those are known, and work off what is visible now
// within the acceptable latency. Without a rate one task is asked for where there is none.
func (w worker) ahead(r Recommendation) (need float64, words string) {
	known := r.Verdict != Unusable
	switch {
	case w.rate.PerTask <= 0 && (w.in.Base == 0 || !known):
		return 1, ""
	case w.rate.PerTask <= 0:
		return 0, ""
	}
	arrivals := 0.0
	if known {
		arrivals = float64(r.Demand)
	}
	need = w.keepUp(float64(w.queue.Visible), arrivals)
	if need < 1 && (w.in.Base == 0 || !known) {
		return 1, ""
	}
	words = ";"
	if arrivals > 0 {
		words = fmt.Sprintf("; %s;", w.paceWords(arrivals))
	}
	return need, words + fmt.Sprintf(" to wait at most %s they need %s tasks at %s each", w.b.AcceptableLatency, needed(need), amount(w.rate.PerTask, r.Unit))
}

// stopped tells whether the metrics have stopped: there are none in the whole
// window, and that is not because the queue has woken up just now.
func (w worker) stopped() bool {
	since := w.now.Add(-max(metricsWakeUp, w.sc.StabilizationWindow))
	woke := slices.ContainsFunc(w.in.History.Orders, func(o history.Order) bool { return o.At.After(since) && o.To > o.From })
	return !woke && w.backlog.Status == signal.Complete && len(w.waiting) == 0
}

// learn gives the rate of one task: from the policy, or from the messages that
// the running tasks finished in the periods since the history's rate. Only those
// periods count that begin and end with a message for each task, and in which none
// joined: in any other, tasks may have waited for messages, and their rate is not
// what they can do. A period in which nothing was finished counts with the next in
// which something was, as where one message takes ten minutes; alone it would say
// that a task does nothing, and while a database is down ask for all tasks there
// may be.
func (w worker) learn() history.Rate {
	key := w.sources.Backlog.Key()
	if p := w.b.ProcessingTime; p != nil {
		return history.Rate{Policy: key, PerTask: float64(max(1, w.b.Concurrency)) / time.Duration(*p).Seconds()}
	}
	rate, _ := w.in.History.Rate(key)
	rate.Policy = key
	if w.sources.Completions == nil {
		return rate
	}
	done, tasks := w.read(*w.sources.Completions).Closed(w.now), w.running()
	worked := 0.0 // seconds of tasks since the last message was finished
	first, known := slices.BinarySearchFunc(w.waiting, rate.At, startOf)
	if known {
		first++
	}
	for i := max(1, first); i < len(w.waiting); i++ {
		p := w.waiting[i]
		if w.now.Sub(p.Start.Add(w.period)) < settled {
			break
		}
		n, full := w.full(w.waiting[i-1], p, tasks)
		finished, ok := pointAt(done, p.Start, w.period)
		if !full || !ok {
			worked = 0
			continue
		}
		if worked += n * w.period.Seconds(); finished.Value <= 0 {
			continue
		}
		rate = learnt(rate, p.Start, float64(finished.Value)/worked)
		worked = 0
	}
	if rate.At.IsZero() {
		return rate
	}
	// As the history keeps it, so that the next look finds the same.
	rate, _ = w.in.History.WithRate(rate).Rate(key)
	return rate
}

// full gives the tasks of a period, and whether each had a message to work on at
// its begin and its end, and none joined in it.
func (w worker) full(before, p signal.Point, tasks tally) (n float64, full bool) {
	if p.Value <= 0 || before.Value <= 0 || !before.Start.Equal(p.Start.Add(-w.period)) {
		return 0, false
	}
	was, n := tasks.at(before.Start, w.period), tasks.at(p.Start, w.period)
	return n, n > 0 && n <= was && float64(before.Value) >= was && float64(p.Value) >= n
}

// learnt takes a rate into the mean of what there is, until the weight of an
// exponentially weighted mean is reached.
func learnt(rate history.Rate, at time.Time, each float64) history.Rate {
	if rate.Periods == 0 {
		rate.PerTask = each
	} else {
		rate.PerTask += (each - rate.PerTask) * max(rateWeight, 1/float64(rate.Periods+1))
	}
	rate.At, rate.Periods = at, min(rate.Periods+1, history.MaxPeriods)
	return rate
}

// believed gives the rate where it rests on enough periods.
func believed(r history.Rate) history.Rate {
	if r.Periods > 0 && r.Periods < ratePeriods || math.IsNaN(r.PerTask) || math.IsInf(r.PerTask, 0) {
		r.PerTask = 0
	}
	return r
}
