package plant

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// Queue configures one simulated SQS queue. A service added with its name works
// it off.
type Queue struct {
	Name     string
	Arrivals func(second int) float64 // messages sent in each second; none if nil
	// Delay is how long a message is delayed before it becomes visible.
	Delay time.Duration
	// Processing is the time from the receipt of a message to its deletion: 1 s if zero.
	Processing time.Duration
	// Visibility is how long the messages of a task that stopped stay in flight
	// before they are visible again: 30 s if zero.
	Visibility time.Duration
	// Quiet is how long after its last message a queue still publishes metrics: 6 h
	// if zero. Any call counts as use in SQS; here polling does not, so that a
	// waiting worker does not keep the metrics alive: that is the harder case. Woken,
	// the queue has none for QueueWake.
	Quiet time.Duration
	// Limit is how long a message may wait until the receipt after which it is deleted: the
	// Tally of the service that works the queue off tells which waited longer, and Latency
	// how long they all did. None if zero.
	Limit time.Duration
	// Random sends whole messages at random, as a Poisson stream of the rate of each second,
	// instead of as regularly as whole ones can be.
	Random bool
}

// QueueWake is how long after its first message a queue that had fallen silent
// still shows no metrics: AWS says up to 15 minutes.
const QueueWake = 15 * time.Minute

// batch is messages that were sent in one second and change their state in another.
type batch struct{ sent, due, n int }

// queue holds whole messages. Every one is in exactly one of the four states, or deleted.
//
//	sent --> delayed --> visible --> flying --> deleted
//	                        ^           | its task stops
//	                        +-- abandoned
type queue struct {
	cfg    Queue
	worker *service

	seen                                int // seconds integrated
	carry                               float64
	room                                float64 // messages that the tasks may take by now
	delayed, visible, flying, abandoned []batch
	sent, deleted                       int
	used                                int // last second with a message in it
	wakes                               int // second before which there are no metrics

	rng     *rand.Rand          // of a Random one
	waits   *queueing.Histogram // of the deleted messages, where there is a Limit
	slow    int                 // of them
	waited  int                 // seconds that the oldest has that nobody works on
	longest int                 // the most of them
}

// AddQueue makes a queue exist.
func (p *Plant) AddQueue(c Queue) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.queue(c.Name); err == nil || c.Name == "" {
		return fmt.Errorf("add queue %q: the name is empty or taken", c.Name)
	}
	if c.Arrivals == nil {
		c.Arrivals = func(int) float64 { return 0 }
	}
	p.sync()
	for _, d := range []struct {
		of      *time.Duration
		instead time.Duration
	}{{&c.Processing, time.Second}, {&c.Visibility, 30 * time.Second}, {&c.Quiet, 6 * time.Hour}} {
		if *d.of <= 0 {
			*d.of = d.instead
		}
	}
	q := &queue{cfg: c, seen: p.second(), used: p.second()}
	if c.Limit > 0 {
		q.waits = new(queueing.Histogram)
	}
	if c.Random {
		q.rng = sim.NewRand(p.opt.Seed, "messages of "+c.Name)
	}
	p.queues = append(p.queues, q)
	for _, v := range []struct {
		name string
		some bool // reported only where there are some, as SQS documents it
		read func() float64
	}{
		{"ApproximateNumberOfMessagesVisible", false, func() float64 { return float64(count(q.visible)) }},
		{"ApproximateNumberOfMessagesNotVisible", true, func() float64 { return float64(count(q.flying) + count(q.abandoned)) }},
		{"ApproximateNumberOfMessagesDelayed", true, func() float64 { return float64(count(q.delayed)) }},
		{"ApproximateAgeOfOldestMessage", true, func() float64 { return float64(q.age()) }},
		{"NumberOfMessagesSent", false, since(&q.sent)},
		{"NumberOfMessagesDeleted", false, since(&q.deleted)},
	} {
		metric := signal.Metric{Namespace: "AWS/SQS", Name: v.name, Dimensions: []signal.Dimension{{Name: "QueueName", Value: c.Name}}}
		p.addMeter(p.newMeter(metric, time.Minute, func(now int) datapoint {
			d := datapoint{average: v.read(), visible: p.start.Add(time.Duration(q.wakes) * time.Second)}
			if !q.silent(now) && (!v.some || d.average > 0) {
				d.samples = 1
			}
			return d
		}))
	}
	return nil
}

// since gives what a total grew by since it was last asked.
func since(total *int) func() float64 {
	before := *total
	return func() float64 {
		n := *total - before
		before = *total
		return float64(n)
	}
}

func (p *Plant) queue(name string) (*queue, error) {
	i := slices.IndexFunc(p.queues, func(q *queue) bool { return q.cfg.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("queue %s: %w", name, ErrQueueNotFound)
	}
	return p.queues[i], nil
}

// Send puts messages into a queue at once, beside what arrives; with a delay they
// become visible after it.
func (p *Plant) Send(name string, messages int, delay time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, err := p.queue(name)
	if err != nil {
		return fmt.Errorf("send %d messages: %w", messages, err)
	}
	p.sync()
	q.sent += messages
	b := batch{sent: q.seen, due: q.seen + seconds(delay), n: messages}
	if delay <= 0 {
		q.visible = append(q.visible, b)
		return nil
	}
	q.delayed = append(q.delayed, b)
	slices.SortStableFunc(q.delayed, func(a, b batch) int { return a.due - b.due })
	return nil
}

// Receive takes visible messages into flight, as a reader does that never
// deletes them: after the visibility timeout they are back.
func (p *Plant) Receive(name string, messages int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, err := p.queue(name)
	if err != nil {
		return fmt.Errorf("receive %d messages: %w", messages, err)
	}
	p.sync()
	q.abandoned = append(q.abandoned, q.take(messages, q.seen+seconds(q.cfg.Visibility))...)
	return nil
}

// take hands out visible messages, oldest first, that are due at a second.
func (q *queue) take(most, due int) []batch {
	var out []batch
	for most > 0 && len(q.visible) > 0 {
		b := &q.visible[0]
		n := min(most, b.n)
		out = append(out, batch{sent: b.sent, due: due, n: n})
		most -= n
		if b.n -= n; b.n == 0 {
			q.visible = q.visible[1:]
		}
	}
	if len(q.visible) == 0 {
		q.visible = nil
	}
	return out
}

// integrate lets time pass in a queue that nobody works off.
func (q *queue) integrate(to int) {
	for sec := q.seen; sec < to; sec++ {
		q.step(sec, 0, 0)
	}
}

// step lets one second pass: messages arrive, change their states, and the
// running tasks take up to rate each. It gives the messages a second that they
// work on.
func (q *queue) step(sec, running int, rate float64) float64 {
	q.seen = sec + 1
	if n := q.arrivals(sec); n > 0 {
		q.sent += n
		q.delayed = append(q.delayed, batch{sent: sec, due: sec + seconds(q.cfg.Delay), n: n})
	}
	if q.delayed == nil && q.visible == nil && q.flying == nil && q.abandoned == nil {
		q.room, q.waited = 0, 0
		return 0
	}
	if q.silent(sec) {
		q.wakes = sec + seconds(QueueWake)
	}
	q.used = sec
	n := q.finish(sec)
	q.deleted += n
	q.delayed, _ = ripe(q.delayed, sec, &q.visible)
	if q.abandoned, n = ripe(q.abandoned, sec, &q.visible); n > 0 {
		slices.SortStableFunc(q.visible, func(a, b batch) int { return a.sent - b.sent })
	}
	q.receive(sec, float64(running)*rate)
	q.waited = q.waiting()
	q.longest = max(q.longest, q.waited)
	return float64(count(q.flying)) / q.cfg.Processing.Seconds()
}

// receive hands out what the tasks can take in this second, oldest first.
func (q *queue) receive(sec int, pace float64) {
	if pace <= 0 {
		q.room = 0
		return
	}
	q.room = min(q.room+pace, pace+1)
	got := q.take(int(q.room+1e-9), sec+max(seconds(q.cfg.Processing), 1))
	q.room -= float64(count(got))
	q.flying = append(q.flying, got...)
}

// abandon leaves the messages of one of the running tasks, which stops: they
// stay in flight until their visibility timeout has passed.
func (q *queue) abandon(running int) {
	left := (count(q.flying) + running - 1) / running
	due := q.seen + seconds(q.cfg.Visibility)
	for left > 0 {
		last := &q.flying[len(q.flying)-1]
		n := min(left, last.n)
		q.abandoned = append(q.abandoned, batch{sent: last.sent, due: due, n: n})
		left -= n
		if last.n -= n; last.n == 0 {
			q.flying = q.flying[:len(q.flying)-1]
		}
	}
	if len(q.flying) == 0 {
		q.flying = nil
	}
}

// ripe takes the batches that are due out of a list, moves them to another one
// where it is given, and counts their messages.
func ripe(from []batch, sec int, to *[]batch) (rest []batch, n int) {
	i := 0
	for ; i < len(from) && from[i].due <= sec; i++ {
		n += from[i].n
		if to != nil {
			*to = append(*to, from[i])
		}
	}
	if i == len(from) {
		return nil, n
	}
	return from[i:], n
}

// silent tells whether the queue publishes no metrics, since it has long held
// no message.
func (q *queue) silent(sec int) bool { return sec-q.used > seconds(q.cfg.Quiet) }

// age gives the age of the oldest message that is not delayed, in seconds.
func (q *queue) age() int {
	oldest := q.seen
	for _, list := range [][]batch{q.visible, q.flying, q.abandoned} {
		for _, b := range list {
			oldest = min(oldest, b.sent)
		}
	}
	return q.seen - oldest
}

func count(list []batch) int {
	n := 0
	for _, b := range list {
		n += b.n
	}
	return n
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// QueueView is what is true of a queue now.
type QueueView struct {
	Visible, InFlight, Delayed int
	Sent, Deleted              int           // since the start
	Age                        time.Duration // of the oldest message
	Longest                    time.Duration // that a message has waited for its receipt
}

// QueueView looks at a queue; an unknown one is all zero.
func (p *Plant) QueueView(name string) QueueView {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, err := p.queue(name)
	if err != nil {
		return QueueView{}
	}
	p.sync()
	return QueueView{
		Visible: count(q.visible), InFlight: count(q.flying) + count(q.abandoned), Delayed: count(q.delayed),
		Sent: q.sent, Deleted: q.deleted, Age: time.Duration(q.age()) * time.Second,
		Longest: time.Duration(q.longest) * time.Second,
	}
}

func (q *queue) check() error {
	if have := q.deleted + count(q.visible) + count(q.flying) + count(q.abandoned) + count(q.delayed); have != q.sent {
		return fmt.Errorf("queue %s was sent %d messages and holds or has deleted %d", q.cfg.Name, q.sent, have)
	}
	return nil
}
