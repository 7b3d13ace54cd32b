// Command trimtab sizes Amazon ECS services: demo, status, policies and the
// local bed.
package main

import (
	"context"
	"os"
	"os/signal"
	_ "time/tzdata" // a machine without time zone files (Windows, a bare container) checks windows as the function does

	"github.com/trimtab-ecs/trimtab/internal/cli"
)

// version is stamped by the build, see the Makefile.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	// The first Ctrl-C asks the command to end; a second one kills it.
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], cli.System(version))
	stop()
	os.Exit(code)
}
