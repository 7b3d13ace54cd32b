package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

// benchCmd holds the commands that measure.
type benchCmd struct {
	Elasticity benchElasticityCmd `cmd:"" help:"Play every policy on recorded loads: the scoreboard of cost at equal violations."`
	Defaults   benchDefaultsCmd   `cmd:"" help:"Judge other defaults of scale-in on recorded loads, by cross-validation over the traces."`
	Pack       benchPackCmd       `cmd:"" help:"Pack vector bin packing instances with the packing that sizes groups: bins, lower bound, gap and time."`
}

// benchPackCmd packs instances of vector bin packing.
type benchPackCmd struct {
	Files []string `arg:"" help:"Files in VBP format: dimensions, capacities, number of lines, then a line of sizes and demand for each item; - is standard input." name:"file"`
	Steps int      `default:"24000000" help:"Work allowed for each file, in steps of about a nanosecond; more may find fewer bins."`
}

// packed is the JSON result of bench pack for one file.
type packed struct {
	File       string  `json:"file"`
	Error      string  `json:"error,omitempty"`
	Dimensions int     `json:"dimensions"`
	Items      int     `json:"items"`
	Kinds      int     `json:"kinds"` // of different size
	Bins       int     `json:"bins"`
	Bound      int     `json:"bound"`      // no packing has fewer bins
	GapPercent float64 `json:"gapPercent"` // bins over bound
	Proved     bool    `json:"proved"`     // no packing is better
	Millis     float64 `json:"ms"`
	By         string  `json:"by"`
}

// packMeans is what all files have in the mean.
type packMeans struct {
	Files         int     `json:"files"`
	GapPercent    float64 `json:"gapPercent"`
	ProvedPercent float64 `json:"provedPercent"`
	Millis        float64 `json:"ms"`
}

// Run prints a line for every file, and the means. A file with a fault hides no
// other's result.
func (c benchPackCmd) Run(ctx context.Context, s *session) error {
	if c.Steps < 1 {
		return refused("--steps is %d: give at least 1", c.Steps)
	}
	results := make([]packed, 0, len(c.Files))
	bad := false
	for _, name := range c.Files {
		if ctx.Err() != nil {
			return errInterrupted
		}
		r, err := c.pack(ctx, s, name)
		if errors.Is(err, errInterrupted) {
			return err
		}
		if err != nil {
			bad = true
			r = packed{File: called(name), Error: err.Error()}
			s.say("trimtab: %v", err)
			s.say("  remedy: %s", cmp.Or(remedy(err), "write the file as docs/benchmarks.md shows"))
		}
		results = append(results, r)
	}
	means := meansOf(results)
	if s.json {
		if err := s.printJSON(map[string]any{"files": results, "mean": means}); err != nil {
			return err
		}
	} else {
		s.packed(results, means)
	}
	if bad {
		return &silent{ExitRefused}
	}
	return nil
}

// pack reads and packs one file.
func (c benchPackCmd) pack(ctx context.Context, s *session, name string) (packed, error) {
	src, err := s.read(ctx, name, maxVBP)
	if err != nil {
		return packed{}, err
	}
	p, err := readVBP(src)
	if err != nil {
		return packed{}, refused("%s: %w", called(name), err)
	}
	p.Budget = c.Steps
	start := s.Now()
	plan := vector.Pack(p)
	took := s.Now().Sub(start)
	r := packed{
		File: called(name), Dimensions: len(p.Shapes[0].Free), Kinds: len(p.Items), Bins: plan.Opened(), Bound: plan.Bound,
		Proved: plan.Proved, Millis: float64(took.Microseconds()) / float64(time.Millisecond/time.Microsecond), By: plan.By,
	}
	for _, it := range p.Items {
		r.Items += it.Count
	}
	if r.Bound > 0 {
		r.GapPercent = 100 * float64(r.Bins-r.Bound) / float64(r.Bound)
	}
	return r, nil
}

func meansOf(results []packed) packMeans {
	var m packMeans
	for _, r := range results {
		if r.Error != "" {
			continue
		}
		m.Files++
		m.GapPercent += r.GapPercent
		m.Millis += r.Millis
		if r.Proved {
			m.ProvedPercent += 100
		}
	}
	if n := float64(m.Files); n > 0 {
		m.GapPercent, m.Millis, m.ProvedPercent = m.GapPercent/n, m.Millis/n, m.ProvedPercent/n
	}
	return m
}

// packed prints the results as a table.
func (s *session) packed(results []packed, m packMeans) {
	w := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FILE\tDIMENSIONS\tITEMS\tBINS\tBOUND\tGAP\tMS\tFOUND BY")
	for _, r := range results {
		if r.Error != "" {
			_, _ = fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\t-\tfaulty, see above\n", r.File)
			continue
		}
		gap := fmt.Sprintf("%.2f %%", r.GapPercent)
		if r.Proved {
			gap = "proved optimal"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%.1f\t%s\n", r.File, r.Dimensions, r.Items, r.Bins, r.Bound, gap, r.Millis, r.By)
	}
	_ = w.Flush()
	if m.Files > 0 {
		s.printf("\nmean of %s: gap %.2f %%, proved optimal %.0f %%, %.1f ms\n", count(m.Files, "file"), m.GapPercent, m.ProvedPercent, m.Millis)
	}
}
