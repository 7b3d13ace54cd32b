// Package demo gives one real day under three policies: Trimtab through its own
// staircase, Application Auto Scaling's target tracking and a static fleet, each on the
// same simulated service.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
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
	// Sweep plays the day at every value of both targets too, for the curves of cost
	// against violations: a few seconds.
	Sweep bool
	// JSON writes the result as JSON and nothing else.
	JSON bool
	// NoColor keeps escape sequences for colour and weight out.
	NoColor bool
}

// Result is what the demo measured.
type Result struct {
	Load     string         `json:"load"`
	Seed     uint64         `json:"seed"`
	Version  string         `json:"version"`
	Verdict  string         `json:"verdict"`
	Policies []board.Played `json:"policies"`
	Variants []board.Played `json:"variants"` // of Application Auto Scaling, for fairness
	Curves   []board.Entry  `json:"curves,omitempty"`
	HTML     string         `json:"html,omitempty"`
}

// Run plays the day, shows progress, prints the comparison and writes the
// report. The same seed gives the same bytes.
func Run(ctx context.Context, o Options) error {
	if o.Stdout == nil {
		return errors.New("run demo: Stdout is nil: pass a writer")
	}
	o.Load, o.Version = cmp.Or(o.Load, trace.WorldCup), cmp.Or(o.Version, "unknown")
	say := newTalk(o)
	d, err := play(ctx, o, say)
	if err != nil {
		return fmt.Errorf("run demo: %w", err)
	}
	page, err := d.page(o.Version)
	if err != nil {
		return fmt.Errorf("run demo: %w", err)
	}
	if o.HTML != "" {
		if err := report.Save(o.HTML, func(w io.Writer) error { return report.HTML(w, page) }); err != nil {
			return fmt.Errorf("run demo: %w", err)
		}
	}
	if o.Picture != "" {
		if err := report.Save(o.Picture, func(w io.Writer) error { return report.Picture(w, page.Traces[0]) }); err != nil {
			return fmt.Errorf("run demo: %w", err)
		}
	}
	if o.JSON {
		enc := json.NewEncoder(o.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(d.result(o, page.Verdict)); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		return nil
	}
	say.end(d, page.Verdict, o.HTML)
	if say.err != nil {
		return fmt.Errorf("print result: %w", say.err)
	}
	return nil
}
