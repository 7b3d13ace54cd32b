package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Files below the state folder, which is .local in the module root and git-ignored.
const (
	stateFile = "state.json"
	lockName  = "lock"
	envFile   = "env"            // shell exports of Endpoints.Env
	logFile   = "supervisor.log" // of the supervisor, the functions and the outside servers
)

// State is what a running local bed leaves on disk: how to reach it, and what Down has to end.
type State struct {
	Supervisor Process   `json:"supervisor"`
	Children   []Process `json:"children"` // outside servers; the functions' processes end with the supervisor
	Endpoints  Endpoints `json:"endpoints"`
	Functions  []string  `json:"functions"`
	StartedAt  time.Time `json:"startedAt"`
	Ready      bool      `json:"ready"` // false while the bed is starting
}

// Process is one process that we started. Identity holds its start time, so that a later process with the same id is never
// taken for it.
type Process struct {
	Name     string `json:"name"`
	PID      int    `json:"pid"`
	Identity string `json:"identity"`
}

// newProcess describes a process that runs now.
func newProcess(name string, pid int) (Process, error) {
	identity, err := processIdentity(pid)
	if err != nil {
		return Process{}, err
	}
	return Process{Name: name, PID: pid, Identity: identity}, nil
}

// running reports whether this very process is there.
func (p Process) running() bool {
	if p.PID <= 0 || p.Identity == "" {
		return false
	}
	identity, err := processIdentity(p.PID)
	return err == nil && identity == p.Identity
}

// DefaultDir is the state folder of the module that dir lies in; "" means the working directory.
func DefaultDir(dir string) (string, error) {
	root, err := ModuleRoot(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".local"), nil
}

// ErrNotUp is the error of ReadState when no local bed runs.
var ErrNotUp = errors.New("no local bed is up: run `make local`")

// ReadState returns the state of the bed that runs now, or ErrNotUp.
func ReadState(dir string) (State, error) {
	s, err := loadState(dir)
	if err != nil {
		return State{}, err
	}
	if !s.Ready || !s.Supervisor.running() {
		return State{}, ErrNotUp
	}
	return s, nil
}

// loadState reads the file, whatever became of the processes in it. Without a file it is ErrNotUp.
func loadState(dir string) (State, error) {
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return State{}, ErrNotUp
	}
	if err != nil {
		return State{}, fmt.Errorf("read state of the local bed: %w", err)
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, fmt.Errorf("decode %s: %w; end what is left by hand and delete the file", path, err)
	}
	return s, nil
}

// save writes the state in one step, so that no reader sees half of it.
func (s State) save(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state of the local bed: %w", err)
	}
	return writeWhole(filepath.Join(dir, stateFile), append(data, '\n'))
}

// saveEnv writes the variables of the bed for a shell to source.
func saveEnv(dir string, env map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&text, "export %s=%s\n", name, shellQuote(env[name]))
	}
	return writeWhole(filepath.Join(dir, envFile), []byte(text.String()))
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func writeWhole(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// removeState forgets a bed that is gone. The log stays.
func removeState(dir string) error {
	var problems []error
	for _, name := range []string{stateFile, envFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			problems = append(problems, fmt.Errorf("remove state of the local bed: %w", err))
		}
	}
	return errors.Join(problems...)
}

// withLock runs do while no other Up or Down works on the folder.
func withLock(dir string, do func() error) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock of the local bed: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := lockFile(f); err != nil {
		return err
	}
	return do()
}
