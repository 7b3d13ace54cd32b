package cli

import (
	"context"
	"io"
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
	}
	if c.NoHTML {
		o.HTML = ""
	}
	return s.Demo(ctx, o)
}
