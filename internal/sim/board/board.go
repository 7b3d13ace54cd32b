// Package board gives the scoreboard of this field: every policy on every recorded load
// at every value of its knob, ranked by what it costs to meet the same objective.
package board

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Options say what is played.
type Options struct {
	Courses     []*trial.Course
	Contestants []trial.Contestant
	Starts      []trial.Start
	Version     string // of the build
	Seed        uint64 // of the curves
	// Seeds is how many runs, request by request, each chosen point gets; none if 0.
	Seeds int
	// Discrete names the contestants whose chosen points are played so; all if nil.
	Discrete []string
	Workers  int // runs at once; as many as there are cores if 0
	// Progress is told after each run how much of the work is done, both in simulated
	// seconds; it is called by one goroutine at a time. Nil for nobody.
	Progress func(done, all float64)
}

// Board is what came of it.
type Board struct {
	Version string  `json:"version,omitempty"` // of the build
	Seed    uint64  `json:"seed"`
	Seeds   int     `json:"seeds"`
	Tasks   int     `json:"tasksAtP99"`
	Queue   *Queue  `json:"queue,omitempty"` // none where the loads are requests
	Loads   []Load  `json:"loads"`
	Entries []Entry `json:"entries"` // by start, trace, and contestant in their order
}

// Queue is what the messages are where the loads are those of queues.
type Queue struct {
	ProcessingSeconds float64 `json:"processingSeconds"`
	AcceptableSeconds float64 `json:"acceptableLatencySeconds"`
}

// QueueOf gives the messages of a course, nil of one of requests.
func QueueOf(c *trial.Course) *Queue {
	if c.Messages == nil {
		return nil
	}
	return &Queue{c.Messages.Processing.Seconds(), c.Messages.Acceptable.Seconds()}
}

// Load is one course as it was played.
type Load struct {
	Name    string `json:"name"`
	Seconds int    `json:"seconds"`
	From    int    `json:"scoredFromSecond"`
}

// Entry is one contestant on one course with one start.
type Entry struct {
	Start  trial.Start `json:"start"`
	Trace  string      `json:"trace"`
	Policy string      `json:"policy"`
	Knob   string      `json:"knob"`
	// Curve is the cost over the oracle's by violations, one point for each value of the
	// knob; Scores the marks of the same runs.
	Curve  score.Curve   `json:"curve"`
	Scores []score.Score `json:"-"`
	// Default is the point at which it is played beside the first contestant: with the same
	// target where both have one, else with the documented value; -1 if it is none of them.
	Default int `json:"default"`
	// Requests are the marks of the chosen point, request by request, over the seeds.
	Requests *Requests `json:"requests,omitempty"`
}

// Requests is a chosen point played request by request.
type Requests struct {
	Knob   float64       `json:"knob"`
	Marks  []Mark        `json:"marks"`
	Scores []score.Score `json:"-"`
}

// Mark is the spread of one mark over the seeds.
type Mark struct {
	Name string `json:"name"`
	score.Spread
}

// job is one run. Its result goes where it belongs, whichever worker ends first.
type job struct {
	course *trial.Course
	who    trial.Contestant
	setup  trial.Setup
	knob   float64
	into   *score.Score
}

// Run plays everything: the curves as a fluid, then the chosen points request by
// request. The same options give the same board, whatever the workers. The first run
// that fails ends it.
func Run(ctx context.Context, o Options) (Board, error) {
	if len(o.Courses) == 0 || len(o.Contestants) == 0 || len(o.Starts) == 0 {
		return Board{}, errors.New("run scoreboard: no course, contestant or start: give at least one of each")
	}
	entries, jobs := o.sweep()
	fluid, all := work(jobs), work(jobs)
	for _, e := range entries {
		if o.discrete(e.Policy) {
			all += requestCost * float64(o.Seeds) * o.course(e.Trace).Length().Seconds()
		}
	}
	if err := play(ctx, jobs, o.Workers, o.teller(all, 0)); err != nil {
		return Board{}, err
	}
	for i := range entries {
		e := &entries[i]
		for n, s := range e.Scores {
			e.Curve = append(e.Curve, score.Point{Knob: o.contestant(e.Policy).Sweep[n], Violation: s.ViolationPercent, Cost: s.DollarsPerOracle})
		}
	}
	if err := o.requests(ctx, entries, o.teller(all, fluid)); err != nil {
		return Board{}, err
	}
	b := Board{Version: o.Version, Seed: o.Seed, Seeds: o.Seeds, Tasks: o.Courses[0].Tasks, Queue: QueueOf(o.Courses[0]), Entries: entries}
	for _, c := range o.Courses {
		b.Loads = append(b.Loads, Load{Name: c.Name, Seconds: len(c.Load), From: c.From})
	}
	return b, nil
}

// sweep gives an entry for everybody everywhere, and the runs that fill its scores.
func (o Options) sweep() ([]Entry, []job) {
	var entries []Entry
	var jobs []job
	for _, s := range o.Starts {
		for _, c := range o.Courses {
			for _, k := range o.Contestants {
				e := Entry{Start: s, Trace: c.Name, Policy: k.Name, Knob: k.Knob, Scores: make([]score.Score, len(k.Sweep)), Default: slices.Index(k.Sweep, k.Beside(o.Contestants[0]))}
				for i, knob := range k.Sweep {
					jobs = append(jobs, job{course: c, who: k, setup: trial.Setup{Start: s, Seed: o.Seed}, knob: knob, into: &e.Scores[i]})
				}
				entries = append(entries, e)
			}
		}
	}
	return entries, jobs
}

// requestCost is what a second costs request by request, against a fluid one.
const requestCost = 8

func work(jobs []job) float64 {
	all := 0.0
	for _, j := range jobs {
		cost := j.course.Length().Seconds()
		if j.setup.Discrete {
			cost *= requestCost
		}
		all += cost
	}
	return all
}

// teller gives what tells progress, from some work done on.
func (o Options) teller(all, done float64) func(job) {
	return func(j job) {
		done += work([]job{j})
		if o.Progress != nil {
			o.Progress(done, all)
		}
	}
}

func (o Options) discrete(policy string) bool {
	return o.Seeds > 0 && (o.Discrete == nil || slices.Contains(o.Discrete, policy))
}

func (o Options) course(name string) *trial.Course {
	return o.Courses[slices.IndexFunc(o.Courses, func(c *trial.Course) bool { return c.Name == name })]
}

func (o Options) contestant(name string) trial.Contestant {
	return o.Contestants[slices.IndexFunc(o.Contestants, func(k trial.Contestant) bool { return k.Name == name })]
}

// chosen is the value of the knob that is played request by request: the cheapest that
// violates the objective in at most 1 % of the requests, else the safest there is.
func (e Entry) chosen() float64 {
	best := slices.MinFunc(e.Curve, func(a, b score.Point) int {
		return cmp.Or(cmp.Compare(max(a.Violation, 1), max(b.Violation, 1)), cmp.Compare(a.Cost, b.Cost))
	})
	return best.Knob
}

// requests plays the chosen points request by request.
func (o Options) requests(ctx context.Context, entries []Entry, tell func(job)) error {
	var jobs []job
	for i := range entries {
		e := &entries[i]
		if !o.discrete(e.Policy) {
			continue
		}
		e.Requests = &Requests{Knob: e.chosen(), Scores: make([]score.Score, o.Seeds)}
		for n := range o.Seeds {
			setup := trial.Setup{Start: e.Start, Seed: o.Seed + uint64(n), Discrete: true}
			jobs = append(jobs, job{course: o.course(e.Trace), who: o.contestant(e.Policy), setup: setup, knob: e.Requests.Knob, into: &e.Requests.Scores[n]})
		}
	}
	if err := play(ctx, jobs, o.Workers, tell); err != nil {
		return err
	}
	for _, e := range entries {
		r := e.Requests
		if r == nil {
			continue
		}
		for k, s := range score.Spreads(r.Scores) {
			if f := score.Fields()[k]; !f.Absent || s != (score.Spread{}) {
				r.Marks = append(r.Marks, Mark{Name: f.Name, Spread: s})
			}
		}
	}
	return nil
}

// play runs the jobs, the longest first, so that no worker is left with a long one at
// the end.
func play(ctx context.Context, jobs []job, workers int, tell func(job)) error {
	if workers < 1 {
		workers = runtime.NumCPU()
	}
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(len(b.course.Load), len(a.course.Load)) })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var group sync.WaitGroup
	next := 0
	take := func() (job, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= len(jobs) || ctx.Err() != nil {
			return job{}, false
		}
		next++
		return jobs[next-1], true
	}
	for range min(workers, len(jobs)) {
		group.Go(func() {
			for j, ok := take(); ok; j, ok = take() {
				r, err := trial.Run(ctx, j.course, j.who, j.setup, j.knob)
				if err != nil {
					cancel(fmt.Errorf("%s on %s (%s, knob %g): %w", j.who.Name, j.course.Name, j.setup.Start, j.knob, err))
					return
				}
				mu.Lock()
				*j.into = r.Score
				tell(j)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("run scoreboard: %w", err)
	}
	return nil
}
