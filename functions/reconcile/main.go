// Command reconcile is the Lambda function that evaluates services: alarms,
// ECS events, the one-minute tick and manual invokes all end here. It wires
// the staircase to AWS and decides nothing.
package main

import (
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // provided.al2023 came without time zone files, and scheduled windows are told in local time

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
	stair, err := wire(cfg, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "read the environment:", err)
		os.Exit(1)
	}
	lambda.Start(reconcile.Handler{Run: stair.Run, Refuses: refuses, Log: stair.Log})
}

// refuses tells what the other function does.
func refuses(ev event.Event) error {
	if ev.Kind == event.Drain {
		return errors.New("this function drains nothing: send the payload to the drain function")
	}
	return nil
}
