// Command echo is a function for the tests of the Lambda Runtime API host: its payload says how it behaves.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// order is the payload.
type order struct {
	Do      string `json:"do"` // echo, error, panic, exit, sleep, log, big
	Text    string `json:"text"`
	Millis  int    `json:"millis"`
	Bytes   int    `json:"bytes"`
	Channel string `json:"channel"` // file to create as a sign of life
}

// answer is the response.
type answer struct {
	Text      string            `json:"text"`
	PID       int               `json:"pid"`
	RequestID string            `json:"requestId"`
	ARN       string            `json:"arn"`
	LeftMs    int64             `json:"leftMs"` // until the deadline
	Env       map[string]string `json:"env"`
}

func handle(ctx context.Context, raw json.RawMessage) (answer, error) {
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		return answer{}, fmt.Errorf("decode order: %w", err)
	}
	fmt.Fprintf(os.Stderr, "doing %s %s\n", o.Do, o.Text)
	if o.Channel != "" {
		if err := os.WriteFile(o.Channel, []byte(o.Text), 0o600); err != nil {
			return answer{}, fmt.Errorf("write sign: %w", err)
		}
	}
	switch o.Do {
	case "error":
		return answer{}, errors.New("asked to fail: " + o.Text)
	case "panic":
		panic("asked to panic: " + o.Text)
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Duration(o.Millis) * time.Millisecond)
	case "log":
		fmt.Println(strings.Repeat("x", o.Bytes) + "end of log")
	case "big":
		o.Text = strings.Repeat("y", o.Bytes)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	env := map[string]string{}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	return answer{
		Text: o.Text, PID: os.Getpid(), RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn,
		LeftMs: time.Until(deadline).Milliseconds(), Env: env,
	}, nil
}

func main() {
	switch os.Getenv("ECHO_START") {
	case "exit":
		fmt.Println("no start today")
		os.Exit(4)
	case "hang":
		time.Sleep(time.Hour)
	}
	lambda.Start(handle)
}
