//go:build unix

package local_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// upTest is one state folder with the options of Up: this test binary is the supervisor.
type upTest struct {
	dir string
	out bytes.Buffer
}

func newUpTest(t *testing.T) *upTest {
	t.Helper()
	localtest.Require(t, local.ToolJava, local.ToolDynamoDB, local.ToolMoto)
	u := &upTest{dir: filepath.Join(t.TempDir(), ".local")}
	t.Setenv(superviseVariable, u.dir)
	t.Setenv("TRIMTAB_TEST_BOOTSTRAP", localtest.BuildBootstrap(t, "./testdata/echo"))
	t.Cleanup(func() {
		if err := local.Down(context.WithoutCancel(t.Context()), u.dir, t.Output()); err != nil {
			t.Error(err)
		}
	})
	return u
}

func (u *upTest) up(t *testing.T) (string, error) {
	t.Helper()
	u.out.Reset()
	err := local.Up(t.Context(), local.UpOptions{Dir: u.dir, Command: []string{os.Args[0]}, Samples: map[string]string{"reconcile": "events/x.json"}, Out: &u.out})
	return u.out.String(), err
}

func (u *upTest) down(t *testing.T) string {
	t.Helper()
	u.out.Reset()
	if err := local.Down(t.Context(), u.dir, &u.out); err != nil {
		t.Fatal(err)
	}
	return u.out.String()
}

func wantText(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("output lacks %q:\n%s", want, text)
		}
	}
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "end of process "+strconv.Itoa(pid), func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

func TestUpAndDown(t *testing.T) {
	u := newUpTest(t)
	text, err := u.up(t)
	if err != nil {
		t.Fatal(err)
	}
	state, err := local.ReadState(u.dir)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, text, "The local bed is up.", state.Endpoints.Invoke,
		"lambda invoke --endpoint-url "+state.Endpoints.Invoke+" --function-name reconcile --payload fileb://events/x.json out.json",
		state.Endpoints.CloudWatch+"/metrics", "--services checkout")
	env, err := os.ReadFile(filepath.Join(u.dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, string(env), "export AWS_ENDPOINT_URL_DYNAMODB='"+state.Endpoints.DynamoDB+"'", "export AWS_ENDPOINT_URL_LAMBDA='"+state.Endpoints.Invoke+"'")

	again, err := u.up(t)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, again, "is up already", state.Endpoints.Invoke)
	if second, err := local.ReadState(u.dir); err != nil || second.Supervisor != state.Supervisor {
		t.Errorf("second up: supervisor %+v, %v; want %+v as before", second.Supervisor, err, state.Supervisor)
	}

	text = u.down(t)
	wantText(t, text, "Ended supervisor (pid ", "Ended dynamodb-local (pid ", "Ended moto_server (pid ")
	for _, p := range append(state.Children, state.Supervisor) {
		gone(t, p.PID)
	}
	if _, err := local.ReadState(u.dir); !errors.Is(err, local.ErrNotUp) {
		t.Errorf("state after down: %v, want ErrNotUp", err)
	}
	wantText(t, u.down(t), "No local bed is up")
}

// upAndKill starts a bed and kills one of its processes.
func (u *upTest) upAndKill(t *testing.T, choose func(local.State) local.Process) local.State {
	t.Helper()
	if _, err := u.up(t); err != nil {
		t.Fatal(err)
	}
	state, err := local.ReadState(u.dir)
	if err != nil {
		t.Fatal(err)
	}
	pid := choose(state).PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	return state
}

func supervisor(s local.State) local.Process { return s.Supervisor }

func TestDownWhenHalfIsGone(t *testing.T) {
	u := newUpTest(t)
	state := u.upAndKill(t, supervisor)
	wantText(t, u.down(t), "The supervisor (pid "+strconv.Itoa(state.Supervisor.PID)+") was gone already", "moto_server (pid ")
	for _, p := range state.Children {
		gone(t, p.PID)
	}
	wantText(t, u.down(t), "No local bed is up")
}

func TestUpAfterADeadOne(t *testing.T) {
	u := newUpTest(t)
	u.upAndKill(t, supervisor)
	text, err := u.up(t)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, text, "An earlier local bed has died", "The local bed is up.")
}

// Half a bed is of no use: when a server dies, the supervisor ends the rest and says why.
func TestBedThatLosesAServer(t *testing.T) {
	u := newUpTest(t)
	state := u.upAndKill(t, func(s local.State) local.Process { return s.Children[1] })
	for _, p := range append(state.Children, state.Supervisor) {
		gone(t, p.PID)
	}
	log, err := os.ReadFile(filepath.Join(u.dir, "supervisor.log"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, string(log), "moto_server ended by itself: signal: killed")
	wantText(t, u.down(t), "No local bed is up")
}

func TestUpThatFailsLeavesNothing(t *testing.T) {
	u := newUpTest(t)
	t.Setenv("TRIMTAB_TEST_BOOTSTRAP", filepath.Join(t.TempDir(), "none"))
	_, err := u.up(t)
	if err == nil || !strings.Contains(err.Error(), "run `make build`") {
		t.Errorf("error %v, want the supervisor's own words", err)
	}
	wantText(t, u.down(t), "No local bed is up")
}

func TestUpThatIsInterrupted(t *testing.T) {
	u := newUpTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	err := local.Up(ctx, local.UpOptions{Dir: u.dir, Command: []string{os.Args[0]}, Out: &u.out})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the cancellation", err)
	}
	wantText(t, u.down(t), "No local bed is up")
}

// A process with the id of one of ours, but another start time, is not ours to end.
func TestDownSparesAStranger(t *testing.T) {
	dir := t.TempDir()
	stranger := os.Getpid()
	state := `{"supervisor":{"name":"supervisor","pid":` + strconv.Itoa(stranger) + `,"identity":"another-boot/1"},"ready":true}`
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := local.ReadState(dir); !errors.Is(err, local.ErrNotUp) {
		t.Errorf("state of a stranger: %v, want ErrNotUp", err)
	}
	var out bytes.Buffer
	if err := local.Down(t.Context(), dir, &out); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String(), "was gone already") // and we are still here to say so
}

func TestBrokenStateFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := local.Down(t.Context(), dir, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "delete the file") {
		t.Errorf("error %v, want its remedy", err)
	}
}
