// Command drain is the Lambda function that drains instances and removes them:
// lifecycle hooks, Spot notices, events about hosts, its one-minute tick and
// manual drains all end here. It wires the drainage to AWS and decides nothing.
package main

import (
	"fmt"
	"os"
	_ "time/tzdata" // as in functions/reconcile: disruption windows are told in local time

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/trimtab-ecs/trimtab/internal/aws/lambdaenv"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

func main() {
	cfg, err := lambdaenv.Load(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load the AWS configuration:", err)
		os.Exit(1)
	}
	drainage, err := wire(cfg, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "read the environment:", err)
		os.Exit(1)
	}
	lambda.Start(reconcile.Handler{Run: drainage.Run, Refuses: refuses, Log: drainage.Log})
}

// refuses tells what the other function does.
func refuses(ev event.Event) error {
	if ev.Via == event.ViaInvoke && ev.Kind != event.Drain && ev.Kind != event.TickAll {
		return fmt.Errorf("this function drains instances and takes the payloads drain and tick: send %s to the reconcile function", ev.Kind)
	}
	return nil
}
