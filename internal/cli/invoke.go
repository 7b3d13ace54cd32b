package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Lambda's limits of a synchronous invoke, in bytes each way.
const maxPayload = 6 << 20

// invokeCmd sends an event to the function of the local bed.
type invokeCmd struct {
	File     string `arg:"" help:"Event file, as in events/; - is standard input."`
	Endpoint string `help:"Invoke endpoint (default: that of the local bed that runs)." placeholder:"URL"`
	Function string `default:"reconcile" help:"Name of the function." placeholder:"NAME"`
}

// failure is the answer of a function that failed.
type failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Run posts the event and prints the answer: indented, or with --json byte by
// byte as it came.
func (c invokeCmd) Run(ctx context.Context, s *session) error {
	event, err := s.read(ctx, c.File, maxPayload)
	if err != nil {
		return err
	}
	endpoint := c.Endpoint
	if endpoint == "" {
		e, err := s.Bed.Endpoints()
		if err != nil {
			return fmt.Errorf("find the local bed: %w", err)
		}
		endpoint = e.Invoke
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return refused("--endpoint %q is no URL: give it as http://127.0.0.1:PORT", endpoint)
	}
	answer, failed, err := post(ctx, at.JoinPath("2015-03-31", "functions", c.Function, "invocations").String(), event)
	if err != nil {
		return fmt.Errorf("invoke function %s at %s: %w", c.Function, endpoint, err)
	}
	if failed != "" {
		var f failure
		if json.Unmarshal(answer, &f) != nil || f.Message == "" {
			f.Message = string(answer)
		}
		return fmt.Errorf("function %s failed (%s): %s", c.Function, failed, strings.TrimSpace(f.Type+": "+f.Message))
	}
	if s.json || !json.Valid(answer) {
		s.printf("%s", answer)
		return reported(c.Function, answer)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, answer, "", "  "); err != nil {
		return fmt.Errorf("indent answer: %w", err)
	}
	s.printf("%s\n", out.String())
	return reported(c.Function, answer)
}

// reported is the error that a report holds: a manual invoke is answered with
// the whole report also when something in it failed.
func reported(function string, answer []byte) error {
	var rep struct {
		Error string `json:"error"`
	}
	err := json.Unmarshal(answer, &rep)
	if err == nil && rep.Error != "" {
		return fmt.Errorf("function %s: %s", function, rep.Error)
	}
	return nil // an answer that is no report was printed as it is
}

// post sends one synchronous invoke; failed is the kind of function error, if any.
func post(ctx context.Context, at string, event []byte) (answer []byte, failed string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(event))
	if err != nil {
		return nil, "", fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("send request: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxPayload+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("read answer: %w", err)
	case len(answer) > maxPayload:
		return nil, "", fmt.Errorf("the answer has more than %d bytes", maxPayload)
	case resp.StatusCode != http.StatusOK:
		return nil, "", refusal(resp, answer)
	}
	return answer, resp.Header.Get("X-Amz-Function-Error"), nil
}

// refusal gives the words of an invoke that was not accepted.
func refusal(resp *http.Response, answer []byte) error {
	var said struct {
		Message string `json:"Message"`
	}
	words := resp.Status
	if kind := resp.Header.Get("X-Amzn-Errortype"); kind != "" {
		words += " " + kind
	}
	if json.Unmarshal(answer, &said) == nil && said.Message != "" {
		words += ": " + said.Message
	}
	return errors.New(words)
}
