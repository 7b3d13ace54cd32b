package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// superviseVariable makes the test binary run as the supervisor of a local bed, as the CLI's hidden command does.
const superviseVariable = "TRIMTAB_TEST_SUPERVISE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(superviseVariable); dir != "" {
		os.Exit(supervise(dir))
	}
	os.Exit(localtest.Main(m))
}

func supervise(dir string) int {
	tools, err := local.FindTools("")
	if err == nil {
		err = local.Supervise(context.Background(), dir, local.BedOptions{
			Tools: tools, Logs: os.Stdout,
			Functions: []local.Function{{Name: "reconcile", Bootstrap: os.Getenv("TRIMTAB_TEST_BOOTSTRAP")}},
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// echoAnswer is what the function in testdata/echo answers.
type echoAnswer struct {
	Text      string            `json:"text"`
	PID       int               `json:"pid"`
	RequestID string            `json:"requestId"`
	ARN       string            `json:"arn"`
	LeftMs    int64             `json:"leftMs"`
	Env       map[string]string `json:"env"`
}

// errorAnswer is the payload of a failed invoke.
type errorAnswer struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func decode[T any](t *testing.T, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("decode %q: %v", data, err)
	}
	return v
}

// startEcho serves the function in testdata/echo.
func startEcho(t *testing.T, f local.Function) *local.Runtime {
	t.Helper()
	if f.Name == "" {
		f.Name = "echo"
	}
	f.Bootstrap = localtest.BuildBootstrap(t, "./testdata/echo")
	r, err := local.StartRuntime(t.Context(), local.RuntimeOptions{Logs: t.Output(), Functions: []local.Function{f}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func invoke(t *testing.T, r *local.Runtime, payload string) local.Result {
	t.Helper()
	res, err := r.Invoke(t.Context(), "echo", []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// send does one HTTP request and returns the answer with its body.
func send(t *testing.T, method, url, body string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// eventually polls until ok says true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
