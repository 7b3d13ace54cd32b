// Command reconcile is the Lambda function that evaluates services: alarms,
// ECS events, the one-minute tick and manual invokes all end here. It wires
// the staircase to AWS and decides nothing.
package main

import (
	"context"
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
	lambda.Start(handler{stair})
}

type handler struct{ stair *reconcile.Stair }

// Invoke decodes the invocation and walks the staircase with it. It takes the
// raw bytes: the JSON decoder of lambda.Start reads the first document of two
// and says nothing of the second.
func (h handler) Invoke(ctx context.Context, raw []byte) ([]byte, error) {
	ev, err := event.Decode(raw)
	if err != nil {
		return nil, err
	}
	if ev.Kind == event.Batch {
		return reconcile.Messages(ctx, h.stair.Log, ev, h.stair.Run)
	}
	if ev.Kind == event.Drain {
		return nil, errors.New("this function drains nothing: send the payload to the drain function")
	}
	rep, err := h.stair.Run(ctx, ev)
	// A person who invokes by hand gets the whole report, the error in it: an
	// order may have been given, or an override written, before something failed.
	// Everyone else's invocation fails, so that Lambda counts it and tries again.
	if err != nil && (ev.Via != event.ViaInvoke || !rep.Told()) {
		return nil, err
	}
	return rep.Answer()
}
