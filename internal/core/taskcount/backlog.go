package taskcount

import (
	"fmt"
	"math"
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

// worker is one backlog policy with what was read of its queue.
type worker struct {
	*eyes
	b       spec.Backlog
	sources spec.BacklogSources
	period  time.Duration
	backlog signal.Series
	waiting []signal.Point
	arrived []signal.Point
	oldest  []signal.Point
	rate    history.Rate // of one task, PerTask 0 where it is not known
	queue   signal.Queue
}

// backlog gives what a queue asks for: the tasks that keep up with the arrivals
// and work off what waits within the acceptable latency,
// need = (arrivals + backlog / latency) / rate, in messages a second.
func (e *eyes) backlog(p spec.Policy, b spec.Backlog) view {
	w := worker{eyes: e, b: b, sources: b.CloudWatch(), queue: e.queue(b.Queue)}
	w.backlog, w.period = e.read(w.sources.Backlog), w.sources.Backlog.Period
	arrivals := e.read(w.sources.Arrivals)
	if w.backlog.Status == signal.Complete && arrivals.Status != signal.Complete {
		w.backlog.Status, w.backlog.Why = arrivals.Status, "the arrivals: "+arrivals.Why
	}
	w.waiting, w.arrived = w.backlog.Closed(e.now), arrivals.Closed(e.now)
	if w.sources.OldestAge != nil {
		w.oldest = e.read(*w.sources.OldestAge).Closed(e.now)
	}
	v := view{key: w.sources.Backlog.Key(), period: w.period, learnt: w.learn()}
	w.rate = believed(v.learnt)
	v.rec = Recommendation{
		Policy: p.Label(), Type: history.Backlog, Verdict: Unusable, Count: e.in.Base, Target: w.rate.PerTask,
		Unit: " messages a second", Learnt: b.ProcessingTime == nil, Idle: w.queue.Idle(),
	}
	w.see(&v)
	w.spot(&v)
	return v
}

// queue gives the state of a queue; one that was not read failed.
func (e *eyes) queue(name string) signal.Queue {
	for _, q := range e.in.Queues {
		if q.Name == name {
			return q
		}
	}
	return signal.Queue{Name: name, Status: signal.Failed, Why: "it was not read"}
}

// see fills in what the metrics say.
func (w worker) see(v *view) {
	r := &v.rec
	both := make([]signal.Point, 0, len(w.waiting))
	for _, p := range w.waiting {
		if a, ok := pointAt(w.arrived, p.Start); ok {
			p.Samples = a.Value / signal.Value(w.period.Seconds())
			both = append(both, p) // Value is what waits, Samples the arrivals a second
		}
	}
	reading := w.backlog.Judge(w.now, both)
	if reading.Freshness != signal.Missing {
		r.Datapoint, r.Demand, r.Waiting = reading.Point.Start, reading.Point.Samples, float64(reading.Point.Value)
	}
	if reading.Freshness != signal.Fresh {
		r.Because = reading.Because
		return
	}
	for _, p := range both {
		v.asks = append(v.asks, w.ask(p))
	}
	last := v.asks[len(v.asks)-1]
	r.Count, r.Need = last.count, last.need
	if age, ok := pointAt(w.oldest, r.Datapoint); ok {
		r.OldestSeconds = float64(age.Value)
	}
	if w.b.Queue == "" {
		r.Idle = reading.Point.Value == 0 && reading.Point.Samples == 0
	}
	r.verdict(w.in.Base)
	r.Because = w.words(*r)
}

func (w worker) words(r Recommendation) string {
	seen := fmt.Sprintf("%s messages wait and %s arrive a second", number(r.Waiting), number(float64(r.Demand)))
	if age := time.Duration(r.OldestSeconds * float64(time.Second)); age > w.maxAge() {
		seen += fmt.Sprintf(", the oldest is %s old (limit %s)", age.Round(time.Second), spec.Duration(w.maxAge()))
	}
	if w.rate.PerTask <= 0 {
		return seen + "; the rate of a task is not learnt yet: that needs three periods that begin and end with a backlog"
	}
	words := fmt.Sprintf("%s; to wait at most %s they need %.2f tasks at %s each", seen, w.b.AcceptableLatency, r.Need, amount(w.rate.PerTask, r.Unit))
	if r.Verdict == Steady {
		words += fmt.Sprintf(", within tolerance of %d", w.in.Base)
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

// ask is what one closed datapoint asks for. While the rate is not known the
// count stays, but for the first task. While the oldest message is too old
// nothing goes, and where each task has a message to work on the tasks grow in
// proportion, at most to twice: one poisonous message that nobody can work off
// must not raise the service to its maximum.
func (w worker) ask(p signal.Point) ask {
	waiting, arrivals := float64(p.Value), float64(p.Samples)
	a := ask{start: p.Start, count: w.in.Base}
	if w.rate.PerTask > 0 {
		a.need = (arrivals + waiting/time.Duration(w.b.AcceptableLatency).Seconds()) / w.rate.PerTask
		a.count = w.tolerated(a.need)
	} else if waiting == 0 && arrivals == 0 {
		a.count = 0
	} else if w.in.Base == 0 {
		a.need, a.count = 1, 1
	}
	age, ok := pointAt(w.oldest, p.Start)
	if limit := w.maxAge().Seconds(); ok && float64(age.Value) > limit {
		n := w.countAt(p.Start.Add(w.period))
		a.count = max(a.count, w.in.Base)
		if waiting >= float64(n) && n > 0 {
			a.need = max(a.need, float64(n)*min(maxPoisonShare, float64(age.Value)/limit))
			a.count = max(a.count, ceil(a.need))
		}
	}
	return a
}

// spot lets the queue's own state speak where the metrics are silent: they stop
// after idle hours, and come late. It may start tasks, and it proves idleness; a
// queue that holds something never lowers a count.
func (w worker) spot(v *view) {
	if w.b.Queue == "" || !w.queue.Known() {
		return
	}
	r, q := &v.rec, w.queue
	usable := r.Verdict != Unusable
	switch {
	case q.Idle() && !usable && w.backlog.Status == signal.Complete && len(w.waiting) == 0:
		v.silent = true
		r.Count, r.Datapoint = 0, q.At.Truncate(time.Minute)
		r.verdict(w.in.Base)
		r.Because = "the queue is empty (visible, in flight and delayed are 0), and its metrics have stopped, as they do after idle hours"
	case q.Visible > 0 && (!usable || w.in.Base == 0):
		need := 1.0
		if w.rate.PerTask > 0 {
			need = max(need, float64(q.Visible)/time.Duration(w.b.AcceptableLatency).Seconds()/w.rate.PerTask)
		}
		if n := ceil(need); n > max(w.in.Base, r.Count) {
			v.spotted = true
			r.Count, r.Need, r.Waiting, r.Verdict = n, need, float64(q.Visible), WantOut
			r.Datapoint = q.At.Truncate(time.Minute)
			r.Because = fmt.Sprintf("the queue holds %d messages at %s, ahead of its metrics", q.Visible, clock(q.At))
		}
	}
}

// learn gives the rate of one task: from the policy, or from the messages that
// the running tasks finished in the periods since the history's rate, of which
// only those count that begin and end with a backlog. In any other period tasks
// may have waited for messages, and their rate is not what they can do.
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
	for i := 1; i < len(w.waiting); i++ {
		p, before := w.waiting[i], w.waiting[i-1]
		if !p.Start.After(rate.At) || p.Value <= 0 || before.Value <= 0 || !before.Start.Equal(p.Start.Add(-w.period)) {
			continue
		}
		finished, ok := pointAt(done, p.Start)
		n := tasks.at(p.Start, w.period)
		if !ok || n <= 0 || finished.Value <= 0 || w.now.Sub(p.Start.Add(w.period)) < settled {
			continue
		}
		each := float64(finished.Value) / w.period.Seconds() / n
		if rate.Periods == 0 {
			rate.PerTask = each
		} else {
			// The mean of what there is, until the weight of an EWMA is reached.
			rate.PerTask += (each - rate.PerTask) * max(rateWeight, 1/float64(rate.Periods+1))
		}
		rate.At, rate.Periods = p.Start, min(rate.Periods+1, history.MaxPeriods)
	}
	return rate
}

// pointAt finds the point of a start.
func pointAt(points []signal.Point, start time.Time) (signal.Point, bool) {
	for i := len(points) - 1; i >= 0 && !points[i].Start.Before(start); i-- {
		if points[i].Start.Equal(start) {
			return points[i], true
		}
	}
	return signal.Point{}, false
}

// believed gives the rate where it rests on enough periods.
func believed(r history.Rate) history.Rate {
	if r.Periods > 0 && r.Periods < ratePeriods || math.IsNaN(r.PerTask) {
		r.PerTask = 0
	}
	return r
}
