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
	lambda.Start(handler{drainage.Run, drainage.Log})
}
