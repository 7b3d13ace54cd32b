package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// TestMain lets this binary stand in for trimtab where it starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "local" && os.Args[2] == "supervise" {
		os.Exit(Run(context.Background(), os.Args[1:], System("test")))
	}
	os.Exit(localtest.Main(m))
}

// system runs a command in the environment of this process.
func system(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	env := System("test")
	env.Stdin, env.Stdout, env.Stderr, env.Terminal, env.Interactive = strings.NewReader(""), &out, &messages, false, false
	code = Run(t.Context(), args, env)
	return code, out.String(), messages.String()
}

// noAWS hides whatever AWS configuration this machine has.
func noAWS(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "",
		"AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_DYNAMODB": "", "TRIMTAB_TABLE": "ledger", "TRIMTAB_CLUSTER": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
}

func TestNoAWSConfiguration(t *testing.T) { // not parallel: it sets the environment
	noAWS(t)
	code, _, messages := system(t, "status")
	if code != ExitRefused || !strings.Contains(messages, "no AWS region is set: export AWS_REGION") {
		t.Errorf("without a region: exit code %d, %q", code, messages)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	code, _, messages = system(t, "status")
	if code != ExitRefused || !strings.Contains(messages, "no AWS credentials were found: run aws configure") || strings.Contains(messages, "WARN") {
		t.Errorf("without credentials: exit code %d, %q", code, messages)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	code, _, messages = system(t, "status")
	if code != ExitFailed || !strings.Contains(messages, "load AWS configuration: ") || !strings.Contains(messages, "nobody") {
		t.Errorf("with an unknown profile: exit code %d, %q", code, messages)
	}
}

// What AWS refuses comes with its remedy.
func TestAWSRefusals(t *testing.T) { // not parallel: it sets the environment
	noAWS(t)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for kind, remedy := range map[string]string{
		"ResourceNotFoundException":   "the ledger's table does not exist in this account and region: check TRIMTAB_TABLE",
		"AccessDeniedException":       "your role needs Query, GetItem",
		"UnrecognizedClientException": "your AWS credentials are not accepted",
		"ValidationException":         "",
	} {
		dynamo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if !bytes.Contains(body, []byte(`"TableName":"ledger"`)) {
				kind = "UnexpectedRequest"
			}
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + kind, "message": "so it is"})
		}))
		code, out, messages := system(t, "status", "--cluster", "prod", "--endpoint-url", dynamo.URL)
		if code != ExitFailed || out != "" || !strings.Contains(messages, "read cluster prod from the ledger") || !strings.Contains(messages, kind) {
			t.Errorf("%s: exit code %d, %q, %q", kind, code, out, messages)
		}
		if _, words, found := strings.Cut(messages, "  remedy: "); found != (remedy != "") || !strings.HasPrefix(words, remedy) {
			t.Errorf("%s: remedy %q, want %q", kind, words, remedy)
		}
		dynamo.Close()
	}
}

// Without a bed the commands say so, and outside a clone too.
func TestNoLocalBed(t *testing.T) { // not parallel: it sets the environment
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TRIMTAB_LOCAL", "")
	for _, args := range [][]string{{"local", "up"}, {"local", "down"}, {"local", "supervise"}, {"status", "--local"}} {
		if code, _, messages := system(t, args...); code != ExitFailed || !strings.Contains(messages, "no go.mod in ") {
			t.Errorf("%v outside a clone: exit code %d, %q", args, code, messages)
		}
	}
	if err := os.WriteFile("go.mod", []byte("module example.com/empty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, messages := system(t, "local", "down"); code != ExitOK || !strings.Contains(out, "No local bed is up; nothing to end.") {
		t.Errorf("down: exit code %d, %q, %q", code, out, messages)
	}
	if err := os.WriteFile("event.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status", "--local"}, {"invoke", "event.json"}} {
		if code, _, messages := system(t, args...); code != ExitFailed || !strings.Contains(messages, local.ErrNotUp.Error()) {
			t.Errorf("%v: exit code %d, %q", args, code, messages)
		}
	}
	if code, _, messages := system(t, "local", "up"); code != ExitFailed || !strings.Contains(messages, "build ./functions/reconcile") {
		t.Errorf("up without a function: exit code %d, %q", code, messages)
	}
}

// The local bed from up to down, as a new user tries it: the sample alarm makes
// the compiled function order six tasks, once.
func TestLocalBed(t *testing.T) { // not parallel: it sets the environment
	localtest.Require(t, local.ToolJava, local.ToolDynamoDB, local.ToolMoto)
	t.Setenv("TRIMTAB_LOCAL", filepath.Join(t.TempDir(), ".local"))
	t.Setenv("TRIMTAB_AUTHOR", "tester")
	t.Setenv("TRIMTAB_CLUSTER", "")
	t.Cleanup(func() {
		if code, _, messages := system(t, "local", "down"); code != ExitOK {
			t.Errorf("down: exit code %d, %s", code, messages)
		}
	})
	must := func(want int, args ...string) string {
		t.Helper()
		code, out, messages := system(t, args...)
		if code != want {
			t.Fatalf("trimtab %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), code, want, out, messages)
		}
		return out + messages
	}
	has := func(text string, wants ...string) {
		t.Helper()
		for _, w := range wants {
			if !strings.Contains(text, w) {
				t.Errorf("output lacks %q:\n%s", w, text)
			}
		}
	}
	has(must(ExitOK, "local", "up"), "Building functions/reconcile", "Building functions/drain", "The local bed is up.", "invoke "+localSample)
	has(must(ExitOK, "local", "up"), "The local bed is up already.")
	has(must(ExitOK, "status", "--local"), "service checkout  act   2-20", "v1 by trimtab local up")

	answer := must(ExitOK, "invoke", "../../"+localSample)
	has(answer, `"done": "ordered"`, `"before": 4`, `"desired": 6`)
	has(must(ExitOK, "invoke", "../../"+localSample), `"done": "held"`)
	has(must(ExitOK, "status", "--local"), "4 -> 6, ")
	has(must(ExitOK, "invoke", "../../events/aws.events.scheduled-event.minute.json", "--function", "drain"), `"event": "tick"`)
	has(must(ExitFailed, "invoke", "../../events/trimtab.drain.act.json", "--function", "drain"), "no group of cluster prod with a policy has it")
	has(must(ExitOK, "service", "explain", "checkout", "--local", "-n", "9"), "ordered", "scale out from 4 to 6 tasks", "desired count 6")
	has(must(ExitFailed, "invoke", "../../events/bad/error.manual-kind-misspelled.json"), "function reconcile failed", "the known kinds are evaluate")

	// The instances: one of three is empty, and goes by one decision and one tick of the other function.
	has(must(ExitOK, "capacity", "show", "prod", "--local"), "desired 3, min 1, max 10", "drain 1 instance without tasks", "4096/4096 100%")
	has(must(ExitOK, "invoke", "../../events/trimtab.tick.act.json"), `"reason": "EmptyInstances"`)
	has(must(ExitOK, "invoke", "../../events/aws.events.scheduled-event.minute.json", "--function", "drain"), `"state": "terminated"`)
	has(must(ExitOK, "capacity", "show", "prod", "--local"), "desired 2, min 1, max 10", "AlreadyAtDesiredCapacity")

	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, bytes.ReplaceAll(localPolicy, []byte("maxCapacity: 20"), []byte("maxCapacity: 5")), 0o600); err != nil {
		t.Fatal(err)
	}
	has(must(ExitPending, "policy", "apply", policy, "--local", "--dry-run"), "- maxCapacity: 20", "+ maxCapacity: 5")
	has(must(ExitOK, "policy", "apply", policy, "--local"), "service checkout: version 2")
	has(must(ExitOK, "policy", "apply", policy, "--local"), "nothing to change")
	has(must(ExitOK, "local", "down"), "Ended supervisor")
}

// The demo itself has its own tests; here it is that its options reach it.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	html, picture := filepath.Join(dir, "out", "d.html"), filepath.Join(dir, "d.svg")
	code, out, messages := system(t, "demo", "--json", "--load", "shuttle", "--seed", "3", "--html", html, "--picture", picture)
	var result struct {
		Load string `json:"load"`
		Seed uint64 `json:"seed"`
		HTML string `json:"html"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != ExitOK || !strings.Contains(result.Load, "launch day") || result.Seed != 3 || result.HTML != html {
		t.Errorf("exit code %d, %v, %+v, %q", code, err, result, messages)
	}
	for _, f := range []string{html, picture} {
		if info, err := os.Stat(f); err != nil || info.Size() == 0 {
			t.Errorf("%s is not there: %v", f, err)
		}
	}
}
