package local_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// post calls the Invoke API as an SDK does and returns the answer with its body.
func post(t *testing.T, r *local.Runtime, name, payload string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	return send(t, http.MethodPost, r.URL()+"/2015-03-31/functions/"+url.PathEscape(name)+"/invocations", payload, headers)
}

func TestInvokeAPI(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{})
	event := map[string]string{"X-Amz-Invocation-Type": "Event"}
	tests := []struct {
		name, function, payload string
		headers                 map[string]string
		wantStatus              int
		wantHeaders             map[string]string
		wantBody                string
	}{
		{"sync", "echo", `{"do":"echo","text":"hi"}`, nil, 200, map[string]string{"X-Amz-Executed-Version": "$LATEST", "X-Amz-Function-Error": ""}, `"text":"hi"`},
		{"by ARN", "arn:aws:lambda:us-east-1:123456789012:function:echo", `{"do":"echo"}`, nil, 200, nil, `"pid"`},
		{"by ARN and qualifier", "arn:aws:lambda:us-east-1:123456789012:function:echo:live", `{"do":"echo"}`, nil, 200, nil, `"pid"`},
		{"by name and qualifier", "echo:$LATEST", `{"do":"echo"}`, nil, 200, nil, `"pid"`},
		{"function error", "echo", `{"do":"error"}`, nil, 200, map[string]string{"X-Amz-Function-Error": "Unhandled"}, `"errorMessage":"asked to fail: "`},
		{"unknown function", "none", `{}`, nil, 404, map[string]string{"X-Amzn-Errortype": "ResourceNotFoundException"}, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:none"},
		{"unknown function, event", "none", `{}`, event, 404, map[string]string{"X-Amzn-Errortype": "ResourceNotFoundException"}, "Function not found"},
		{"over 6 MB", "echo", strings.Repeat(" ", 6<<20+1), nil, 413, map[string]string{"X-Amzn-Errortype": "RequestTooLargeException"}, "too large"},
		{"event over 1 MB", "echo", strings.Repeat(" ", 1<<20+1), event, 413, map[string]string{"X-Amzn-Errortype": "RequestTooLargeException"}, "too large"},
		{"dry run", "echo", `{"do":"panic"}`, map[string]string{"X-Amz-Invocation-Type": "DryRun"}, 204, nil, ""},
		{"unknown type", "echo", `{}`, map[string]string{"X-Amz-Invocation-Type": "Later"}, 400, map[string]string{"X-Amzn-Errortype": "InvalidParameterValueException"}, "none of RequestResponse, Event, DryRun"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resp, body := post(t, r, tt.function, tt.payload, tt.headers)
			if resp.StatusCode != tt.wantStatus || !strings.Contains(body, tt.wantBody) {
				t.Errorf("HTTP %d %.300s, want %d with %q", resp.StatusCode, body, tt.wantStatus, tt.wantBody)
			}
			for k, want := range tt.wantHeaders {
				if got := resp.Header.Get(k); got != want {
					t.Errorf("%s = %q, want %q", k, got, want)
				}
			}
		})
	}
}

func TestInvokeAPIEvent(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{})
	sign := filepath.Join(t.TempDir(), "sign")
	resp, body := post(t, r, "echo", `{"do":"echo","channel":`+strconv.Quote(sign)+`}`, map[string]string{"X-Amz-Invocation-Type": "Event"})
	if resp.StatusCode != http.StatusAccepted || body != "" {
		t.Fatalf("HTTP %d %q, want 202 without a body", resp.StatusCode, body)
	}
	if err := r.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !exists(sign) {
		t.Error("the event invoke did not run")
	}
}

func TestInvokeAPILogResult(t *testing.T) {
	t.Parallel()
	r := startEcho(t, local.Function{})
	resp, _ := post(t, r, "echo", `{"do":"echo","text":"in-the-log"}`, map[string]string{"X-Amz-Log-Type": "Tail"})
	log, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Amz-Log-Result"))
	if err != nil || !strings.Contains(string(log), "doing echo in-the-log\n") {
		t.Errorf("log result %q, %v: want the function's line", log, err)
	}
	resp, _ = post(t, r, "echo", `{"do":"echo"}`, nil)
	if got := resp.Header.Get("X-Amz-Log-Result"); got != "" {
		t.Errorf("log result %q without X-Amz-Log-Type, want none", got)
	}
}

// The AWS CLI as a person uses it is the judge of the Invoke API.
func TestInvokeWithAWSCLI(t *testing.T) {
	t.Parallel()
	tools := localtest.Require(t, local.ToolAWS)
	aws, err := tools.Path(local.ToolAWS)
	if err != nil {
		t.Fatal(err)
	}
	r := startEcho(t, local.Function{})
	dir := t.TempDir()
	payload := filepath.Join(dir, "event.json")
	if err := os.WriteFile(payload, []byte(`{"do":"echo","text":"from the CLI"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) (string, string, error) {
		out := filepath.Join(dir, "out.json")
		args = append([]string{"lambda", "invoke", "--endpoint-url", r.URL()}, append(args, out)...)
		cmd := exec.CommandContext(t.Context(), aws, args...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION=us-east-1")
		text, err := cmd.CombinedOutput()
		answer, _ := os.ReadFile(out)
		return string(text), string(answer), err
	}
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:echo"
	tests := []struct {
		name             string
		args             []string
		wantText, answer string
		wantErr          bool
	}{
		{"file", []string{"--function-name", "echo", "--payload", "file://" + payload}, `"StatusCode": 200`, `"text":"from the CLI"`, false},
		{"binary file", []string{"--function-name", "echo", "--payload", "fileb://" + payload}, `"StatusCode": 200`, `"text":"from the CLI"`, false},
		{"by ARN with log", []string{"--function-name", arn, "--log-type", "Tail", "--payload", `{"do":"echo"}`}, `"LogResult"`, `"arn":"` + arn + `"`, false},
		{"function error", []string{"--function-name", "echo", "--payload", `{"do":"panic"}`}, `"FunctionError": "Unhandled"`, "asked to panic", false},
		{"event", []string{"--function-name", "echo", "--invocation-type", "Event", "--payload", `{"do":"echo"}`}, `"StatusCode": 202`, "", false},
		{"dry run", []string{"--function-name", "echo", "--invocation-type", "DryRun"}, `"StatusCode": 204`, "", false},
		{"unknown", []string{"--function-name", "none", "--payload", `{}`}, "ResourceNotFoundException", "", true},
	}
	for _, tt := range tests { // one after the other: they share the output file
		text, answer, err := call(tt.args...)
		if (err != nil) != tt.wantErr || !strings.Contains(text, tt.wantText) || !strings.Contains(answer, tt.answer) {
			t.Errorf("%s: %v\n%s\n%.500s\nwant %q and answer %q", tt.name, err, text, answer, tt.wantText, tt.answer)
		}
	}
}
