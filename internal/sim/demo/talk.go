package demo

import (
	"fmt"
	"io"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// How often progress is shown, in virtual time: redrawn on a terminal, as
// lines otherwise.
const (
	redrawEvery  = 5 * time.Minute
	lineEvery    = time.Hour
	defaultWidth = 80 // columns
)

// talk prints progress and results. It keeps the first error of its writer.
type talk struct {
	out    io.Writer
	tty    bool
	weight bool
	quiet  bool
	width  int // columns
	orders int
	last   string // the last order with its time, not yet shown if output is lines
	err    error
}

func newTalk(o Options) *talk {
	width := o.Width
	if width <= 0 {
		width = defaultWidth
	}
	return &talk{out: o.Stdout, tty: o.TTY, weight: o.TTY && !o.NoColor, quiet: o.JSON, width: width}
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
	t.printf("%s\n\n", wrap(fmt.Sprintf("Replaying %s, against a simulated ECS service of %d to %d Fargate tasks.", s.day.Title, minTasks, maxTasks), t.width))
}

// reported remembers what was ordered last, and why.
func (t *talk) reported(rep reconcile.Report) {
	for _, c := range rep.Cells {
		for _, o := range c.Outcomes {
			if o.Done == reconcile.OrderDone {
				t.orders++
				t.last = fmt.Sprintf("%s %d -> %d: %s", rep.At.Format("15:04"), o.Before, o.Desired, o.Because)
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
		line := fmt.Sprintf("%s  demand %4.1f tasks  desired %2d  running %2d  orders %2d", w.Clock.Now().Format("15:04"), v.Demand, v.Desired, v.Running, t.orders)
		if t.last != "" {
			line += "  " + t.last
		}
		if t.tty {
			// Back to the margin, and clear what the line before left.
			// One column stays free: some terminals break a line that fills them.
			t.printf("\r%s\x1b[K", cut(line, t.width-1))
			return
		}
		t.last = "" // the next line would tell it as if it were new
		t.printf("%s\n", line)
	})
}

// cut shortens a line to so many characters, at least one.
func cut(s string, width int) string {
	r := []rune(s)
	width = max(width, 1)
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
	text := table(res.Policies)
	if widest(text) > t.width {
		text = blocks(res.Policies, t.width)
	}
	t.printf("%s\n%s\n", text, t.bold(wrap(res.Verdict, t.width)))
	if res.HTML != "" {
		// The path is not wrapped: a reader copies it.
		t.printf("\n%s\n%s\n", wrap("The day in pictures, with the reason of every decision:", t.width), res.HTML)
	}
}
