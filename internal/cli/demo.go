package cli

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/trimtab-ecs/trimtab/internal/sim/demo"
)

// DemoOptions says how the demonstration runs and reports.
type DemoOptions struct {
	Stdout  io.Writer
	TTY     bool   // Stdout is a terminal: show live progress
	HTML    string // the report's file, empty for none
	Picture string // the static picture's file, empty for none
	Load    string // name of the embedded day
	Seed    uint64
	JSON    bool
	NoColor bool
	Width   int    // columns of Stdout; zero if unknown
	Version string // of the build
}

// playDemo runs the demonstration: Env.Demo of a real process.
func playDemo(ctx context.Context, o DemoOptions) error {
	return demo.Run(ctx, demo.Options{
		Stdout: o.Stdout, TTY: o.TTY, Width: o.Width, Version: o.Version, HTML: o.HTML, Picture: o.Picture,
		Load: o.Load, Seed: o.Seed, Sweep: true, JSON: o.JSON, NoColor: o.NoColor,
	})
}

// columns gives the width of a terminal, and zero for what is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// demoCmd replays a recorded day against a simulated service.
type demoCmd struct {
	HTML    string `default:"out/demo.html" help:"File of the offline report." name:"html" placeholder:"FILE"`
	NoHTML  bool   `help:"Write no report." name:"no-html"`
	Picture string `help:"Write the picture of the day too, as SVG." placeholder:"FILE"`
	Load    string `default:"worldcup" enum:"worldcup,shuttle" help:"Recorded day: worldcup (a match day of 1998) or shuttle (a launch day of 1995)." placeholder:"NAME"`
	Seed    uint64 `default:"1" help:"Seed of the simulated noise; the same seed gives the same run." placeholder:"N"`
}

// Run runs it.
func (c demoCmd) Run(ctx context.Context, s *session) error {
	o := DemoOptions{
		Stdout: s.Stdout, TTY: s.Terminal, HTML: c.HTML, Picture: c.Picture, Load: c.Load, Seed: c.Seed, JSON: s.json, NoColor: !s.colour,
		Width: columns(s.Stdout), Version: s.Version,
	}
	if c.NoHTML {
		o.HTML = ""
	}
	if err := writable(output{"--html", o.HTML}, output{"--picture", o.Picture}); err != nil {
		return err
	}
	return s.Demo(ctx, o)
}
