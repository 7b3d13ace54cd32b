package demo

import (
	"fmt"
	"io"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
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

func (t *talk) begin(load trace.Recorded) {
	t.printf("%s\n\n", wrap(fmt.Sprintf("Replaying %s, against a simulated ECS service on Fargate.", load.Title), t.width))
}

// redraw puts a line in the place of the one before on a terminal. One column stays
// free: some terminals break a line that fills them.
func (t *talk) redraw(line string) { t.printf("\r%s\x1b[K", cut(line, t.width-1)) }

// watch shows the progress of Trimtab's run as its time passes.
func (t *talk) watch(now time.Time, s trial.Sample, orders []trial.Order) {
	t.orders += len(orders)
	if n := len(orders); n > 0 {
		o := orders[n-1]
		t.last = fmt.Sprintf("%s %d -> %d: %s", o.At.Format("15:04"), o.Before, o.Desired, o.Because)
	}
	every := lineEvery
	if t.tty {
		every = redrawEvery
	}
	if !now.Equal(now.Truncate(every)) {
		return
	}
	line := fmt.Sprintf("%s  demand %4.1f tasks  desired %2d  running %2d  orders %2d", now.Format("15:04"), s.Demand, s.Desired, s.Running, t.orders)
	if t.last != "" {
		line += "  " + t.last
	}
	if t.tty {
		t.redraw(line)
		return
	}
	t.last = "" // the next line would tell it as if it were new
	t.printf("%s\n", line)
}

// sweeping says what takes a few seconds now.
func (t *talk) sweeping() {
	if !t.tty {
		t.printf("\n%s\n", wrap("Playing the day again at every target value, for the cost at equal violations.", t.width))
	}
}

// swept shows how much of that is done.
func (t *talk) swept(done, all float64) {
	if t.tty {
		t.redraw(fmt.Sprintf("the day at every target value: %3.0f %%", 100*done/all))
	}
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

func (t *talk) end(d day, verdict, file string) {
	if t.tty {
		t.printf("\r\x1b[K")
	} else {
		t.printf("\n")
	}
	rows := d.board.Marks(start, d.shows)
	text := table(rows)
	if widest(text) > t.width {
		text = blocks(rows, t.width)
	}
	t.printf("%s%s\n\n%s\n", text, wrap(legend(d.course), t.width), t.bold(wrap(verdict, t.width)))
	if file != "" {
		// The path is not wrapped: a reader copies it.
		t.printf("\n%s\n%s\n", wrap("The day in pictures, with the reason of every decision:", t.width), file)
	}
}
