// Package demo gives one real day under three policies: Trimtab through its
// own staircase, Application Auto Scaling's target tracking and a static fleet,
// each on the same simulated service.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

// Options configure the demo.
type Options struct {
	// Stdout takes progress and the table, or the result as JSON.
	Stdout io.Writer
	// TTY says that Stdout is a terminal: progress is then one line redrawn.
	TTY bool
	// Width is the columns of Stdout; 80 if zero or less.
	Width int
	// Version is the build's, for the report and the result; "unknown" if empty.
	Version string
	// HTML is where the report goes, with the folders it needs; empty writes none.
	HTML string
	// Picture is where the static picture goes, as SVG; empty writes none.
	Picture string
	Seed    uint64
	// Load names the embedded day: trace.WorldCup if empty.
	Load string
	// JSON writes the result as JSON and nothing else.
	JSON bool
	// NoColor keeps escape sequences for colour and weight out.
	NoColor bool
}

// Result is what the demo measured.
type Result struct {
	Load         string    `json:"load"`
	Seed         uint64    `json:"seed"`
	Version      string    `json:"version"`
	Verdict      string    `json:"verdict"`
	Policies     []Outcome `json:"policies"`
	Variants     []Outcome `json:"variants"` // of Application Auto Scaling, for fairness
	Invocations  int       `json:"invocations"`
	MetricReads  int       `json:"metricReads"` // metrics in GetMetricData calls, as CloudWatch bills them
	UpdateOrders int       `json:"updateServiceCalls"`
	HTML         string    `json:"html,omitempty"`
}

// Outcome is one policy's score.
type Outcome struct {
	Name string `json:"name"`
	Note string `json:"note"`
	report.Score
}

// Run plays the day, shows progress, prints the comparison and writes the
// report. The same seed gives the same bytes.
func Run(ctx context.Context, o Options) error {
	if o.Stdout == nil {
		return errors.New("run demo: Stdout is nil: pass a writer")
	}
	sc, err := newScene(o.Seed, cmp.Or(o.Load, trace.WorldCup))
	if err != nil {
		return fmt.Errorf("run demo: %w", err)
	}
	sc.version = cmp.Or(o.Version, "unknown")
	say := newTalk(o)
	say.begin(sc)
	res, page, err := sc.play(ctx, say)
	if err != nil {
		return fmt.Errorf("run demo: %w", err)
	}
	if o.HTML != "" {
		if err := report.Save(o.HTML, func(w io.Writer) error { return report.HTML(w, page) }); err != nil {
			return fmt.Errorf("run demo: %w", err)
		}
		res.HTML = o.HTML
	}
	if o.Picture != "" {
		if err := report.Save(o.Picture, func(w io.Writer) error { return report.Picture(w, page.Traces[0]) }); err != nil {
			return fmt.Errorf("run demo: %w", err)
		}
	}
	if o.JSON {
		enc := json.NewEncoder(o.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(res); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		return nil
	}
	say.end(res)
	if say.err != nil {
		return fmt.Errorf("print result: %w", say.err)
	}
	return nil
}
