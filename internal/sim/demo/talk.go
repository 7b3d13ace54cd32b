package demo

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// How often progress is shown, in virtual time: redrawn on a terminal, as
// lines otherwise.
const (
	redrawEvery = 5 * time.Minute
	lineEvery   = time.Hour
	lineWidth   = 79 // columns; the narrowest usual terminal less one
)

// talk prints progress and results. It keeps the first error of its writer.
type talk struct {
	out    io.Writer
	tty    bool
	weight bool
	quiet  bool
	orders int
	last   string
	err    error
}

func newTalk(o Options) *talk {
	return &talk{out: o.Stdout, tty: o.TTY, weight: o.TTY && !o.NoColor, quiet: o.JSON}
}

func (t *talk) printf(format string, args ...any) {
	if t.quiet || t.err != nil {
		return
	}
	_, t.err = fmt.Fprintf(t.out, format, args...)
}

func (t *talk) bold(s string) string {
	if !t.weight {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

func (t *talk) begin(s scene) {
	t.printf("Replaying %s\nagainst a simulated ECS service of %d to %d Fargate tasks.\n\n", s.day.Title, minTasks, maxTasks)
}

// reported remembers what was ordered last, and why.
func (t *talk) reported(rep reconcile.Report) {
	for _, c := range rep.Cells {
		for _, o := range c.Outcomes {
			if o.Done == reconcile.OrderDone {
				t.orders++
				t.last = fmt.Sprintf("%d -> %d: %s", o.Before, o.Desired, o.Because)
			}
		}
	}
}

// watch shows the world's progress as its time passes.
func (t *talk) watch(w *world.World) {
	every := lineEvery
	if t.tty {
		every = redrawEvery
	}
	w.Clock.Every(w.Clock.Now(), every, sim.Probes, func() {
		v := w.Plant.View(web)
		line := fmt.Sprintf("%s  demand %5.1f  desired %2d  running %2d  orders %2d", w.Clock.Now().Format("15:04"), v.Demand, v.Desired, v.Running, t.orders)
		if t.last != "" {
			line += "  " + t.last
		}
		if t.tty {
			// Back to the margin, and clear what the line before left.
			t.printf("\r%s\x1b[K", cut(line, lineWidth))
			return
		}
		t.printf("%s\n", line)
	})
}

// cut shortens a line to so many characters.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:width-1]) + "…"
}

func (t *talk) end(res Result) {
	if t.tty {
		t.printf("\r\x1b[K")
	} else {
		t.printf("\n")
	}
	var cells, table strings.Builder
	row := func(cs ...any) { fmt.Fprintf(&cells, strings.Repeat("%v\t", len(cs))+"\n", cs...) }
	row("", "task-hours", "short of demand", "unserved", "above 80 % CPU", "actions", "reversals")
	for _, p := range res.Policies {
		row(p.Name, fmt.Sprintf("%.1f", p.TaskHours), fmt.Sprintf("%d s", p.ShortSeconds), fmt.Sprintf("%.3f %%", 100*p.Unserved),
			fmt.Sprintf("%d s", p.HotSeconds), p.Actions, p.Reversals)
	}
	w := tabwriter.NewWriter(&table, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, err := io.WriteString(w, cells.String())
	if err := errors.Join(err, w.Flush()); err != nil {
		t.err = err
		return
	}
	t.printf("%s\n%s\n", table.String(), t.bold(res.Verdict))
	if res.HTML != "" {
		t.printf("\nThe day in pictures, with the reason of every decision: %s\n", res.HTML)
	}
}
