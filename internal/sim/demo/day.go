package demo

import (
	"context"
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// The set-up of the day, as `trimtab simulate` has it without flags.
const (
	tasksAtP99 = 20
	start      = trial.Fargate
)

// day is a recorded day and how the policies lived through it.
type day struct {
	load   trace.Recorded
	course *trial.Course
	shows  []board.Show // Trimtab, Application Auto Scaling, the static fleet
	// variant is Application Auto Scaling in the other reading of its documentation, so
	// that nobody need wonder whether the one that is shown was chosen to lose.
	variant board.Show
	board   board.Board // the curves of the first two, if they were played
}

// play lives the day under every policy.
func play(ctx context.Context, o Options, say *talk) (day, error) {
	load, err := trace.Embedded(o.Load)
	if err != nil {
		return day{}, err
	}
	c, err := trial.NewCourse(load.Trace, tasksAtP99, trial.Requests())
	if err != nil {
		return day{}, err
	}
	c.Start = load.Start
	ks, err := trial.Named("trimtab,aas,static,aas-gentle")
	if err != nil {
		return day{}, err
	}
	say.begin(load)
	shows, err := board.Play(ctx, c, ks, trial.Setup{Start: start, Seed: o.Seed, Watch: say.watch}, nil)
	if err != nil {
		return day{}, err
	}
	d := day{load: load, course: c, shows: shows[:3], variant: shows[3], board: board.Board{Seed: o.Seed, Tasks: tasksAtP99}}
	if o.Sweep {
		say.sweeping()
		d.board, err = board.Run(ctx, board.Options{
			Courses: []*trial.Course{c}, Contestants: ks[:2], Starts: []trial.Start{start}, Seed: o.Seed, Progress: say.swept,
		})
	}
	return d, err
}

// page gives the report of the day: that of `trimtab simulate`, with the variant.
func (d day) page(version string) (report.Page, error) {
	f := board.Facts{Version: version, Load: d.load.Title + ". " + d.load.Reference}
	if n := board.Notice(d.load); n.Text != "" {
		f.Notices = []report.Notice{n}
	}
	p, err := d.board.Single(d.course, start, d.shows, f)
	if err != nil {
		return report.Page{}, err
	}
	x := d.variant.Result.Score
	p.Assumptions = append(p.Assumptions, fmt.Sprintf("How Application Auto Scaling scales in is not published. By at most a tenth of the tasks at a time, "+
		"instead of straight to the need, %.3f %% of its requests violate the objective at %.2f times the oracle's cost.", x.ViolationPercent, x.DollarsPerOracle))
	return p, nil
}

// result gives the day for JSON.
func (d day) result(o Options, verdict string) Result {
	return Result{
		Load: d.load.Title, Seed: o.Seed, Version: o.Version, Verdict: verdict, Policies: board.Runs(d.shows),
		Variants: board.Runs([]board.Show{d.variant}), Curves: d.board.Entries, HTML: o.HTML,
	}
}
