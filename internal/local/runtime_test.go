package local_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestInvokeUsesAnIdleProcessAgain(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{Env: map[string]string{"COLOUR": "blue"}, Timeout: 5 * time.Second, MemoryMB: 128})
	res := invoke(t, r, `{"do":"echo","text":"hello"}`)
	if res.FunctionError != "" {
		t.Fatalf("function error %s: %s", res.FunctionError, res.Payload)
	}
	first := decode[echoAnswer](t, res.Payload)
	if first.Text != "hello" || first.RequestID != res.RequestID {
		t.Errorf("answer %+v, want text hello and request id %s", first, res.RequestID)
	}
	if want := "arn:aws:lambda:us-east-1:123456789012:function:echo"; first.ARN != want {
		t.Errorf("ARN %s, want %s", first.ARN, want)
	}
	if first.LeftMs < 3000 || first.LeftMs > 5000 {
		t.Errorf("%d ms to the deadline, want just below 5000", first.LeftMs)
	}
	for name, want := range map[string]string{
		"COLOUR": "blue", "_HANDLER": "bootstrap", "AWS_LAMBDA_FUNCTION_NAME": "echo", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_REGION": "us-east-1", "AWS_LAMBDA_LOG_FORMAT": "JSON", "HOME": "",
	} {
		if got := first.Env[name]; got != want {
			t.Errorf("environment %s = %q, want %q", name, got, want)
		}
	}
	second := decode[echoAnswer](t, invoke(t, r, `{"do":"echo"}`).Payload)
	if second.PID != first.PID {
		t.Errorf("second invoke ran in process %d, want %d again", second.PID, first.PID)
	}
	starts := r.Starts()
	if len(starts) != 1 || starts[0].PID != first.PID || starts[0].InitDuration <= 0 {
		t.Errorf("starts %+v, want one of process %d with its time", starts, first.PID)
	}
}

func TestFunctionErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, payload string
		wantType      string
		wantMessage   string
		timeout       time.Duration
		sameProcess   bool // serves the next invoke
	}{
		{"handler error", `{"do":"error","text":"lunch"}`, "errorString", "asked to fail: lunch", 0, true},
		{"panic", `{"do":"panic","text":"fire"}`, "string", "asked to panic: fire", 0, false},
		{"exit", `{"do":"exit"}`, "Runtime.ExitError", "Runtime exited with error: exit status 3", 0, false},
		{"timeout", `{"do":"sleep","millis":60000}`, "Sandbox.Timedout", "Task timed out after 1.50 seconds", 1500 * time.Millisecond, false},
		{"response over 6 MB", `{"do":"big","bytes":6300000}`, "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startEcho(t, local.Function{Timeout: tt.timeout})
			before := decode[echoAnswer](t, invoke(t, r, `{"do":"echo"}`).Payload)
			res := invoke(t, r, tt.payload)
			got := decode[errorAnswer](t, res.Payload)
			if res.FunctionError != "Unhandled" || got.Type != tt.wantType || !strings.Contains(got.Message, tt.wantMessage) {
				t.Errorf("got %s %+v, want Unhandled %s with %q", res.FunctionError, got, tt.wantType, tt.wantMessage)
			}
			if !bytes.Contains(res.LogTail, []byte(`"status":"error"`)) {
				t.Errorf("log tail %q has no report of an error", res.LogTail)
			}
			after := decode[echoAnswer](t, invoke(t, r, `{"do":"echo"}`).Payload)
			if (after.PID == before.PID) != tt.sameProcess {
				t.Errorf("process %d, then %d; same process wanted: %t", before.PID, after.PID, tt.sameProcess)
			}
		})
	}
}

func TestProcessThatNeverStarts(t *testing.T) {
	t.Parallel()
	tests := []struct{ start, wantType, wantMessage string }{
		{"exit", "Runtime.ExitError", "exit status 4"},
		{"hang", "Sandbox.Timedout", "no invoke within 0.30 seconds"},
	}
	for _, tt := range tests {
		t.Run(tt.start, func(t *testing.T) {
			t.Parallel()
			r := startEcho(t, local.Function{Env: map[string]string{"ECHO_START": tt.start}})
			if tt.start == "hang" {
				r.SetInitTimeout(300 * time.Millisecond)
			}
			res := invoke(t, r, `{"do":"echo"}`)
			got := decode[errorAnswer](t, res.Payload)
			if res.FunctionError != "Unhandled" || got.Type != tt.wantType || !strings.Contains(got.Message, tt.wantMessage) {
				t.Errorf("got %s %+v, want Unhandled %s with %q", res.FunctionError, got, tt.wantType, tt.wantMessage)
			}
			if tt.start == "exit" && !bytes.Contains(res.LogTail, []byte("no start today")) {
				t.Errorf("log tail %q lacks the process's own words", res.LogTail)
			}
			if n := len(r.Starts()); n != 0 {
				t.Errorf("%d starts counted, want 0", n)
			}
		})
	}
}

func TestTwoInvokesAtOnceUseTwoProcesses(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{})
	dir := t.TempDir()
	pids := make([]int, 2)
	var wg sync.WaitGroup
	for i := range pids {
		sign := filepath.Join(dir, "sign"+strconv.Itoa(i))
		wg.Go(func() {
			res, err := r.Invoke(t.Context(), "echo", []byte(`{"do":"sleep","millis":1000,"channel":`+strconv.Quote(sign)+`}`))
			if err != nil {
				t.Error(err)
				return
			}
			pids[i] = decode[echoAnswer](t, res.Payload).PID
		})
		eventually(t, "invoke has begun", func() bool { return exists(sign) })
	}
	wg.Wait()
	if pids[0] == pids[1] || len(r.Starts()) != 2 {
		t.Errorf("processes %v, starts %+v: want two of them", pids, r.Starts())
	}
}

func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{Concurrency: 1})
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, sign := range []string{first, second} {
		_, err := r.InvokeEvent(t.Context(), "echo", []byte(`{"do":"sleep","millis":1500,"channel":`+strconv.Quote(sign)+`}`))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "first event runs", func() bool { return exists(first) })
	}
	if _, err := r.Invoke(t.Context(), "echo", []byte(`{"do":"echo"}`)); !errors.Is(err, local.ErrTooManyInvokes) {
		t.Errorf("synchronous invoke of a busy function: %v, want ErrTooManyInvokes", err)
	}
	if err := r.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !exists(second) || len(r.Starts()) != 1 {
		t.Errorf("second event ran: %t, starts %+v: want it to have waited for the one process", exists(second), r.Starts())
	}
}

func TestLogTailIsWholeAndOfOneInvoke(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{})
	invoke(t, r, `{"do":"echo","text":"of-the-first-invoke"}`)
	for range 20 { // the last line must never be lost to the pipe
		res := invoke(t, r, `{"do":"log","bytes":10}`)
		if got := string(res.LogTail); !strings.Contains(got, "xxxxxxxxxxend of log\n") || strings.Contains(got, "of-the-first-invoke") {
			t.Fatalf("log tail %q, want the lines of this invoke only", got)
		}
	}
	res := invoke(t, r, `{"do":"log","bytes":100000}`)
	if got := string(res.LogTail); len(got) != 4096 || !strings.Contains(got, "xend of log\n") {
		t.Errorf("log tail of %d bytes ending %q, want the last 4096", len(got), got[max(0, len(got)-200):])
	}
	if !strings.Contains(string(res.LogTail), "platform.report") {
		t.Error("log tail has no report line")
	}
}

func TestCloseEndsInvokesAndProcesses(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{})
	sign := filepath.Join(t.TempDir(), "sign")
	done := make(chan local.Result, 1)
	go func() {
		res, err := r.Invoke(t.Context(), "echo", []byte(`{"do":"sleep","millis":60000,"channel":`+strconv.Quote(sign)+`}`))
		if err != nil {
			t.Error(err)
		}
		done <- res
	}()
	eventually(t, "invoke has begun", func() bool { return exists(sign) })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if res := <-done; res.FunctionError != "Unhandled" {
		t.Errorf("invoke under way ended with %q, want Unhandled", res.FunctionError)
	}
	if _, err := r.Invoke(t.Context(), "echo", nil); !errors.Is(err, local.ErrRuntimeClosed) {
		t.Errorf("invoke after Close: %v, want ErrRuntimeClosed", err)
	}
	for _, s := range r.Starts() {
		if exists("/proc/self") && exists("/proc/"+strconv.Itoa(s.PID)) {
			t.Errorf("process %d is still there", s.PID)
		}
	}
}

func TestStartRuntimeRefuses(t *testing.T) {
	t.Parallel()
	good := localtest.BuildBootstrap(t, "./testdata/echo")
	tests := []struct {
		name string
		opts local.RuntimeOptions
		want string
	}{
		{"every interface", local.RuntimeOptions{Addr: "0.0.0.0:0"}, "is not loopback: use 127.0.0.1:PORT"},
		{"no bootstrap", local.RuntimeOptions{Functions: []local.Function{{Name: "a"}}}, "set Bootstrap to the path"},
		{"missing bootstrap", local.RuntimeOptions{Functions: []local.Function{{Name: "a", Bootstrap: "none/bootstrap"}}}, "run `make build`"},
		{"not executable", local.RuntimeOptions{Functions: []local.Function{{Name: "a", Bootstrap: "doc.go"}}}, "is not executable"},
		{"two of a name", local.RuntimeOptions{Functions: []local.Function{{Name: "a", Bootstrap: good}, {Name: "a", Bootstrap: good}}}, "given twice"},
		{"name with a colon", local.RuntimeOptions{Functions: []local.Function{{Name: "a:b", Bootstrap: good}}}, "not a plain name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := local.StartRuntime(t.Context(), tt.opts)
			if err == nil {
				_ = r.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
