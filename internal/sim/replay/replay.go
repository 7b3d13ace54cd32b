package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Options say what is replayed.
type Options struct {
	Record   Record
	Proposed Candidate
	// Present is the policy that the proposed one is compared with; without it that is
	// what was.
	Present *Candidate
	// Native is the platform's own target tracking, nil where it is the present policy.
	Native *Candidate
	Start  trial.Start
	Seed   uint64
	// Seeds is how many runs each policy gets, each with other times to start a task and
	// other lags of the metric; at least 1.
	Seeds int
	// Limit is the utilisation in percent above which a minute is too hot, above 0.
	Limit float64
	// TaskHour is the price of a task for an hour in dollars, 0 if it is not known.
	TaskHour float64
	// Progress is told after each run how many of all are done, by one goroutine at a
	// time. Nil for nobody.
	Progress func(done, all int)
}

// Marks are what one run, or the past itself, came to. Minutes are those of the
// datapoints, so that past and replay are judged alike.
type Marks struct {
	TaskHours float64 // billed: from the start of the image pull
	// AboveMinutes are the minutes in which the demand was above the limit's share of the
	// running tasks, ShortMinutes those in which it was above all of them.
	AboveMinutes float64
	ShortMinutes float64
	Actions      int // orders that changed the desired count
	Reversals    int // of them, those against the one before within 15 minutes
}

// Outcome is one policy over all its runs.
type Outcome struct {
	Name, Note string
	Runs       []Marks // by seed
	// The run that is shown is the one in the middle by minutes above the limit, then by
	// task-hours: its marks, and by period the mean of the running tasks, the desired count
	// at the end, and its orders, oldest first.
	Shown   Marks
	Running []float64
	Desired []int
	Orders  []report.Decision
}

// Result is what came of a replay.
type Result struct {
	Options

	// Outcomes are the proposed policy, the present one and native target tracking
	// if they are given, and what was, in this order.
	Outcomes []Outcome
	// Moments are those at which the proposed policy was above the limit with fewer tasks
	// than the reference, worst first.
	Moments []Moment
}

// AsItWas is the name of the past itself among the outcomes.
const AsItWas = "as it was"

// Proposed gives the outcome of the proposed policy.
func (r Result) Proposed() Outcome { return r.Outcomes[0] }

// Reference gives the outcome that the proposed policy is compared with.
func (r Result) Reference() Outcome {
	if r.Present != nil {
		return r.Outcomes[1]
	}
	return r.Outcomes[len(r.Outcomes)-1]
}

// Run replays the record under every policy. The same options give the same result.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Seeds < 1 || !(o.Limit > 0) {
		return Result{}, errors.New("replay: at least one seed and a limit above 0 are needed")
	}
	course, err := o.Record.course()
	if err != nil {
		return Result{}, err
	}
	all := []Candidate{o.Proposed}
	for _, c := range []*Candidate{o.Present, o.Native} {
		if c != nil {
			all = append(all, *c)
		}
	}
	runs, err := o.play(ctx, course, all)
	if err != nil {
		return Result{}, err
	}
	r := Result{Options: o}
	for i, c := range all {
		r.Outcomes = append(r.Outcomes, outcome(c, runs[i*o.Seeds:(i+1)*o.Seeds]))
	}
	r.Outcomes = append(r.Outcomes, o.asItWas())
	r.Moments = o.moments(r.Proposed(), r.Reference())
	return r, nil
}

// run is one policy with one seed.
type run struct {
	marks   Marks
	running []float64
	desired []int
	orders  []report.Decision
}

// play runs every candidate with every seed, as many at once as there are cores.
func (o Options) play(ctx context.Context, course *trial.Course, all []Candidate) ([]run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runs := make([]run, len(all)*o.Seeds)
	jobs := make(chan int)
	var mu sync.Mutex
	var group sync.WaitGroup
	done := 0
	for range min(runtime.NumCPU(), len(runs)) {
		group.Go(func() {
			for i := range jobs {
				r, err := o.one(ctx, course, all[i/o.Seeds], o.Seed+uint64(i%o.Seeds)) //nolint:gosec // a few seeds
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				runs[i] = r
				done++
				if o.Progress != nil {
					o.Progress(done, len(runs))
				}
				mu.Unlock()
			}
		})
	}
	for i := range runs {
		jobs <- i
	}
	close(jobs)
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("replay %s: %w", o.Record.Name, err)
	}
	return runs, nil
}

// one is one run. It begins with the tasks that ran.
func (o Options) one(ctx context.Context, course *trial.Course, c Candidate, seed uint64) (run, error) {
	setup := trial.Setup{
		Start: o.Start, Seed: seed, Min: c.Min, Max: c.Max, Initial: int(math.Round(o.Record.Tasks[0])),
		Step: course.Length(), // of samples none is needed, but the decisions come with them
	}
	got, err := trial.Run(ctx, course, c.Who, setup, c.Knob)
	if err != nil {
		return run{}, fmt.Errorf("%s: %w", c.Name, err)
	}
	r := run{}
	step := int(o.Record.Period / time.Second)
	for i := range o.Record.Demand {
		r.running = append(r.running, got.Run.Ready.Integral(i*step, (i+1)*step)/float64(step))
		r.desired = append(r.desired, got.Run.Desired.At((i+1)*step-1))
	}
	r.marks = o.hot(r.running)
	r.marks.TaskHours = got.TaskHours
	r.marks.Actions, r.marks.Reversals = got.Outs+got.Ins, got.ReversalsWithin15Min
	if r.orders, err = orders(got); err != nil {
		return run{}, err
	}
	return r, nil
}

// orders gives the orders of a run with their reasons, as far as it told any.
func orders(r trial.Result) ([]report.Decision, error) {
	var out []report.Decision
	for _, rec := range r.Decisions {
		d, err := report.FromRecord(rec)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, a := range r.Orders {
		out = append(out, report.Decision{At: a.At, Before: a.From, Desired: a.To, Rule: "target tracking", Because: "its alarm acted"})
	}
	return out, nil
}

// hot counts the minutes that were too hot with so many running tasks a period.
func (o Options) hot(running []float64) Marks {
	var m Marks
	each := o.Record.Period.Minutes()
	for i := o.Record.Warm; i < len(running); i++ {
		if o.above(i, running[i], o.Limit) {
			m.AboveMinutes += each
		}
		if o.above(i, running[i], 100) {
			m.ShortMinutes += each
		}
	}
	return m
}

// rounding is what a sum of floats may be off, in tasks.
const rounding = 1e-6

// above tells whether the demand of a period is above a share of the tasks, in percent.
func (o Options) above(i int, tasks, percent float64) bool {
	return o.Record.Demand[i] > tasks*percent/100+rounding
}

// outcome puts the runs of a candidate together.
func outcome(c Candidate, runs []run) Outcome {
	out := Outcome{Name: c.Name, Note: c.Note}
	order := make([]int, len(runs))
	for i, r := range runs {
		out.Runs, order[i] = append(out.Runs, r.marks), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return runs[a].marks.compare(runs[b].marks) })
	r := runs[order[(len(order)-1)/2]]
	out.Shown, out.Running, out.Desired, out.Orders = r.marks, r.running, r.desired, r.orders
	return out
}

// Spread gives the spread of a mark over the runs.
func (o Outcome) Spread(mark func(Marks) float64) score.Spread {
	values := make([]float64, 0, len(o.Runs))
	for _, m := range o.Runs {
		values = append(values, mark(m))
	}
	return score.SpreadOf(values)
}
