package trial

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

// Course is one recorded load made ready for a service of a size: what arrives in
// every second, and the fewest tasks that would do. Runs share it; it never changes.
type Course struct {
	Name string
	// Start is where the simulated time begins, a full minute. NewCourse takes 5 January
	// 2026, since a trace bears no date; who knows one sets it before the first run.
	Start time.Time
	Tasks int // that the 99th percentile of the load keeps fully busy
	Model queueing.Model
	// Messages, where set, are what arrives instead of requests of the Model.
	Messages *Messages
	// Load is the task-seconds of work that arrive in each second, in Erlangs.
	Load []float64
	// Demand is the fewest tasks that meet the objective at the load of each second; of
	// messages see NewQueueCourse.
	Demand []int32
	// From is the first second that is scored: what is before warms up.
	From int
	// PerTask is the arrivals a second of the trace that keep one task busy.
	PerTask float64
}

// The warm-up, as measure.md 1 (e) has it: the first day, or a tenth of a trace
// that is shorter than two.
const day = 24 * 3600

// grain is the shortest bucket, in seconds, that says something of a rate: the
// one-second counts of a trace of single requests are arrivals already, and scaled
// to a service of tens of tasks they would be bursts that nobody sent.
const grain = 30

// Requests are the requests of the trials: 100 ms of work on average, lognormal, and
// 2 s to answer within. That is 20 times the mean: with 10 times, 0.07 % of the service
// times alone would be over it, and a thousandth of slow answers could not be told from
// none.
func Requests() queueing.Model {
	return queueing.Model{Mean: 100 * time.Millisecond, CV2: 1, Limit: 2 * time.Second}
}

// NewCourse makes a trace ready for a service whose task is fully busy at the trace's
// 99th percentile over tasks (measure.md 1 (a)). A trace shorter than two minutes, or
// without a load after the warm-up, is an error.
func NewCourse(t trace.Trace, tasks int, m queueing.Model) (*Course, error) {
	return newCourse(t, tasks, func(c *Course) { c.requests(m) })
}

// newCourse makes a trace ready; demand fills what is needed in each second.
func newCourse(t trace.Trace, tasks int, demand func(*Course)) (*Course, error) {
	if tasks < 1 {
		return nil, fmt.Errorf("make a course of trace %s: %d tasks at its 99th percentile: give at least 1", t.Name(), tasks)
	}
	if t.Length() < 2*time.Minute {
		return nil, fmt.Errorf("make a course of trace %s: it lasts %s: at least 2m are needed", t.Name(), t.Length())
	}
	t, err := t.Coarse(grain)
	if err != nil {
		return nil, fmt.Errorf("make a course of trace %s: %w", t.Name(), err)
	}
	peak := t.Quantile(0.99)
	if peak <= 0 {
		peak = t.Quantile(1)
	}
	if peak <= 0 {
		return nil, fmt.Errorf("make a course of trace %s: its rates are all 0", t.Name())
	}
	c := &Course{
		Name: t.Name(), Start: time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC), Tasks: tasks, PerTask: peak / float64(tasks),
	}
	c.fill(t.Seconds())
	demand(c)
	c.From = day
	if len(c.Load) < 2*day {
		c.From = len(c.Load) / 10 / 60 * 60
	}
	if slices.Max(c.Demand[c.From:]) == 0 {
		return nil, fmt.Errorf("make a course of trace %s: nothing arrives after its first %s, which warm up: there is nothing to compare", t.Name(), time.Duration(c.From)*time.Second)
	}
	return c, nil
}

// NewHistory makes the work that a service has done ready as it was: the rates of the
// trace are task-seconds a second, start is when it began, a full minute, and what is
// before from, whole minutes, warms up. A trace without any load, or not longer than from
// by two minutes, is an error.
func NewHistory(t trace.Trace, start time.Time, from time.Duration, m queueing.Model) (*Course, error) {
	switch {
	case !start.Equal(start.Truncate(time.Minute)) || from%time.Minute != 0 || from < 0:
		return nil, fmt.Errorf("make a course of history %s: it begins at %s with %s to warm up: full minutes are needed", t.Name(), start.Format(time.RFC3339), from)
	case t.Length() < from+2*time.Minute:
		return nil, fmt.Errorf("make a course of history %s: it lasts %s: at least %s are needed", t.Name(), t.Length(), from+2*time.Minute)
	case t.Quantile(1) <= 0:
		return nil, fmt.Errorf("make a course of history %s: there is no load in it", t.Name())
	}
	c := &Course{Name: t.Name(), Start: start, Tasks: max(1, int(math.Ceil(t.Quantile(0.99)))), PerTask: 1, From: int(from / time.Second)}
	c.fill(t.Seconds())
	c.requests(m)
	return c, nil
}

// fill takes what arrives in each second, as the trace has it. The plant begins and
// ends at full minutes, where CloudWatch's periods do.
func (c *Course) fill(rates []float64) {
	c.Load = rates[:len(rates)/60*60]
	c.Demand = make([]int32, len(c.Load))
	for i, rate := range c.Load {
		c.Load[i] = rate / c.PerTask
	}
}

// requests makes what arrives requests of a model.
func (c *Course) requests(m queueing.Model) {
	c.Model = m
	demand := m.Demands()
	for i, load := range c.Load {
		c.Demand[i] = int32(min(demand(load), math.MaxInt32)) //nolint:gosec // bounded
	}
}

// Length gives how long the course lasts.
func (c *Course) Length() time.Duration { return time.Duration(len(c.Load)) * time.Second }

// Peak gives the most tasks that are ever needed.
func (c *Course) Peak() int { return int(slices.Max(c.Demand)) }

// at gives the load of a second; after its end the course keeps its last one.
func (c *Course) at(second int) float64 { return c.Load[min(max(second, 0), len(c.Load)-1)] }
