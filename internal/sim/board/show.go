package board

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// Show is one contestant's run over a course with one value of its knob, kept whole.
type Show struct {
	Contestant trial.Contestant
	Knob       float64
	Result     trial.Result
}

// shown is the most samples of a shown run: a minute each on a day, and ten of a fortnight.
const shown = 2100

// Step gives the time between the samples of a course's shown runs.
func Step(c *trial.Course) time.Duration {
	minutes := (len(c.Load)/60 + shown - 1) / shown
	return time.Duration(max(1, minutes)) * time.Minute
}

// Play lets each contestant run over a course and keeps the runs whole. The knob of the
// first stands at its documented value, those of the others as trial.Contestant.Beside has
// it. o.Watch watches the first alone. tell hears of each that has ended; nil for nobody.
func Play(ctx context.Context, c *trial.Course, ks []trial.Contestant, o trial.Setup, tell func(done int)) ([]Show, error) {
	o.Step = Step(c)
	out := make([]Show, 0, len(ks))
	for i, k := range ks {
		knob := k.Beside(ks[0])
		r, err := trial.Run(ctx, c, k, o, knob)
		if err != nil {
			return nil, fmt.Errorf("play %s: %w", k.Name, err)
		}
		out = append(out, Show{Contestant: k, Knob: knob, Result: r})
		o.Watch = nil
		if tell != nil {
			tell(i + 1)
		}
	}
	return out, nil
}

// Trace gives the shown runs of a course for the report.
func Trace(c *trial.Course, start trial.Start, shows []Show) (report.Trace, error) {
	t := report.Trace{
		Name: c.Name, Start: c.Start, Step: Step(c),
		Note: fmt.Sprintf("%s on %s; %d tasks are fully busy at the 99th percentile", lasting(c.Length()), start, c.Tasks),
	}
	for _, s := range shows {
		p := report.Policy{Name: s.Contestant.Name, Note: s.set()}
		for _, x := range s.Result.Samples {
			p.Samples = append(p.Samples, report.Sample{Demand: x.Demand, Desired: x.Desired, Running: x.Running, Instances: x.Instances})
		}
		for i, rec := range s.Result.Decisions {
			if i >= explained {
				rec.Input = nil // what would have changed it takes milliseconds to find
			}
			d, err := report.FromRecord(rec)
			if err != nil {
				return report.Trace{}, fmt.Errorf("show the decisions of %s: %w", p.Name, err)
			}
			p.Decisions = append(p.Decisions, d)
		}
		t.Policies = append(t.Policies, p)
	}
	return t, nil
}

// explained is how many decisions of a run tell what would have changed them.
const explained = 200

// set tells how a contestant's knob stands.
func (s Show) set() string { return knobWords(s.Contestant.Knob, s.Knob) }

func knobWords(knob string, v float64) string {
	if knob == "none" {
		return "as its policy says"
	}
	v = math.Round(v*100) / 100
	if what, ok := strings.CutSuffix(knob, ", percent"); ok {
		return fmt.Sprintf("%s %g %%", what, v)
	}
	return fmt.Sprintf("%s %g", knob, v)
}

// Marks gives the table of the shown runs.
func (b Board) Marks(start trial.Start, shows []Show) report.Table {
	t := report.Table{
		Caption: "Scores", Note: "What each policy cost and failed to carry after the warm-up. The longest violation counts pauses of less than a minute. " + b.words().oracle,
		Columns: []report.Column{
			{Name: "violations", Unit: "% of " + b.words().noun, Better: report.Less},
			{Name: "in violation", Better: report.Less},
			{Name: "longest", Better: report.Less},
			{Name: "p95", Unit: "s", Better: report.Less}, // of the answer, or of the wait of a message
			{Name: "task-hours", Better: report.Less},
			{Name: "dollars", Unit: "$", Better: report.Less},
			{Name: "over the oracle", Unit: "x", Better: report.Less},
			{Name: "actions", Unit: "1/h", Better: report.Less},
			{Name: "reversals", Unit: "in 15 min", Better: report.Less},
			{Name: "tasks started", Better: report.Less},
		},
	}
	if start == trial.EC2Cold {
		t.Columns[4].Name = "instance-hours"
	}
	for _, s := range shows {
		x := s.Result.Score
		hours := x.TaskHours
		if start == trial.EC2Cold {
			hours = x.InstanceHours
		}
		t.Rows = append(t.Rows, report.Row{Name: s.Contestant.Name, Note: s.set(), Bound: s.Contestant.Foresees, Cells: []report.Cell{
			report.Number(x.ViolationPercent, 3), report.Seconds(x.ViolationSeconds), report.Seconds(x.LongestViolationSeconds),
			report.Number(x.P95Seconds, 2), report.Number(hours, 1), report.Number(x.Dollars, 2), report.Number(x.DollarsPerOracle, 2),
			report.Number(x.ActionsPerHour, 2), report.Number(float64(x.ReversalsWithin15Min), 0), report.Number(float64(x.TasksStarted), 0),
		}})
	}
	return t
}

// curve gives the curves of some entries of one course.
func (b Board) curve(title, note string, entries []Entry) report.Curve {
	c := report.Curve{
		Title: title, Note: note, X: "cost over the oracle's", Y: b.words().noun + " that violate the objective, %", Levels: Objectives(), Oracle: 1,
	}
	for _, e := range entries {
		s := report.Series{Name: e.Policy}
		for i, p := range e.Curve {
			s.Points = append(s.Points, point(e, i, p))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func point(e Entry, i int, p score.Point) report.Point {
	return report.Point{X: p.Cost, Y: p.Violation, Knob: knobWords(e.Knob, p.Knob), Default: i == e.Default}
}
