package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// command says what a process runs. Env is the whole environment: nothing is inherited, so the credentials of the person
// at the keyboard never reach the bed.
type command struct {
	name   string // for messages
	argv   []string
	env    []string
	dir    string
	stdout io.Writer // an *os.File is handed over as it is
}

// process is one child, leader of its own process group.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the child is reaped
	err    error         // what Wait said; read it after exited only
}

// startProcess starts c. The child outlives ctx: it ends by kill, or with this process where the system allows it.
func startProcess(ctx context.Context, c command) (*process, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.argv[0], c.argv[1:]...)
	cmd.Env = c.env
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = c.stdout, c.stdout
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p := &process{name: c.name, cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		killGroup(cmd.Process.Pid) // what the child itself left behind
		close(p.exited)
	}()
	return p, nil
}

// pid is the process id, which is also the id of its group.
func (p *process) pid() int { return p.cmd.Process.Pid }

// alive reports whether the child has not been reaped yet.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill ends the whole process group and waits until the child is reaped.
func (p *process) kill() {
	if p.alive() {
		killGroup(p.pid())
	}
	<-p.exited
}

// exitText says how the child ended, for example "exit status 2".
func (p *process) exitText() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

// baseEnv is what every child gets of our own environment: enough to find programs and a folder for temporary files.
func baseEnv() []string {
	env := []string{"LANG=C.UTF-8", "TZ=:UTC"}
	for _, name := range []string{"PATH", "TMPDIR", "JAVA_HOME", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// tailBuffer keeps the last bytes that were written to it.
type tailBuffer struct {
	mu   sync.Mutex
	max  int
	data []byte
}

func newTailBuffer(limit int) *tailBuffer { return &tailBuffer{max: limit} }

// Write keeps the end of p. It never fails.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	if extra := len(b.data) - b.max; extra > 0 {
		b.data = append(b.data[:0], b.data[extra:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = b.data[:0]
}

func (b *tailBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]byte(nil), b.data...)
}

// lockedWriter lets several processes write to one io.Writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// newLockedWriter wraps w; nil discards.
func newLockedWriter(w io.Writer) *lockedWriter {
	if w == nil {
		w = io.Discard
	}
	return &lockedWriter{w: w}
}

// Write passes p on. A log sink that fails must not end an invoke, so its error is dropped.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.Write(p)
	return len(p), nil
}

// checkExecutable explains what is wrong with a binary before the system does so less clearly.
func checkExecutable(what, path, remedy string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("resolve %s %q: %w", what, path, err)
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is missing at %s: %s", what, abs, remedy)
	case err != nil:
		return fmt.Errorf("look at %s: %w", what, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s at %s is not a file: %s", what, abs, remedy)
	case info.Mode().Perm()&0o111 == 0 && !isWindows:
		return fmt.Errorf("%s at %s is not executable: %s", what, abs, remedy)
	}
	return nil
}
