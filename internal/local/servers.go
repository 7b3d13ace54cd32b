package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	serverStartTimeout = 60 * time.Second // a cold Java on a busy machine takes some 5 s
	serverStartTries   = 3                // a free port may be taken between its choice and its use
	serverPoll         = 50 * time.Millisecond
	serverTail         = 4 << 10 // of output, bytes, kept for the error message
)

// Server is an outside server that runs as a child of this process: DynamoDB Local or moto.
type Server struct {
	url     string
	proc    *process
	running int32 // of moto: the running count of a service at its creation
}

// URL is the server's endpoint on 127.0.0.1, without a slash at its end.
func (s *Server) URL() string { return s.url }

// PID is the process id of the server.
func (s *Server) PID() int { return s.proc.pid() }

// Name is the name of the tool.
func (s *Server) Name() string { return s.proc.name }

// Exited is closed when the server has ended, wanted or not.
func (s *Server) Exited() <-chan struct{} { return s.proc.exited }

// Close ends the server and everything it started.
func (s *Server) Close() { s.proc.kill() }

// StartDynamoDB starts Amazon's DynamoDB Local in memory, every client seeing the same tables whatever its keys. It has no
// option to listen on loopback only: while it runs, its port is open on every interface of the machine.
func StartDynamoDB(ctx context.Context, tools Tools, logs io.Writer) (*Server, error) {
	jar, err := tools.Path(ToolDynamoDB)
	if err != nil {
		return nil, err
	}
	java, err := tools.Path(ToolJava)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(jar)
	return startServer(ctx, ToolDynamoDB, logs, dir, nil, ready{status: http.StatusBadRequest, path: "/"}, func(port string) []string {
		return []string{
			java,
			// A small heap and the first compiler only: it starts in half the time and answers tests as fast.
			"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Djava.library.path=" + filepath.Join(dir, "DynamoDBLocal_lib"),
			"-jar", jar, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", port,
		}
	})
}

// StartMoto starts moto's server on 127.0.0.1. running is the running count of every service at its creation: a service
// created with that desired count is complete at once, while any other would be deploying for ever.
func StartMoto(ctx context.Context, tools Tools, running int32, logs io.Writer) (*Server, error) {
	moto, err := tools.Path(ToolMoto)
	if err != nil {
		return nil, err
	}
	env := []string{"MOTO_ECS_SERVICE_RUNNING=" + strconv.Itoa(int(running)), "PYTHONUNBUFFERED=1"}
	s, err := startServer(ctx, ToolMoto, logs, "", env, ready{status: http.StatusOK, path: "/moto-api/data.json"}, func(port string) []string {
		return []string{moto, "-H", "127.0.0.1", "-p", port}
	})
	if err != nil {
		return nil, err
	}
	s.running = running
	if err := keepTasks(ctx, s.URL()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// keepTasks has moto leave tasks running: it stops them step by step with every look at them.
func keepTasks(ctx context.Context, moto string) error {
	const never = `{"model_name":"ecs::task","transition":{"progression":"manual","times":1000000000}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, moto+"/moto-api/state-manager/set-transition", strings.NewReader(never))
	if err != nil {
		return fmt.Errorf("build the request that keeps tasks running: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("have moto keep tasks running: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("have moto keep tasks running: it answered %s", resp.Status)
	}
	return nil
}

// ready says what a server answers to a GET once it can be used.
type ready struct {
	path   string
	status int
}

// startServer starts a tool on a free port and waits until it answers. If the port is taken in between, it tries another.
func startServer(ctx context.Context, name string, logs io.Writer, dir string, env []string, want ready, argv func(port string) []string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, serverStartTimeout)
	defer cancel()
	var problems []error
	for range serverStartTries {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		tail := newTailBuffer(serverTail)
		proc, err := startProcess(ctx, command{
			name: name, argv: argv(port), dir: dir, env: append(baseEnv(), env...),
			stdout: io.MultiWriter(tail, newLockedWriter(logs)),
		})
		if err != nil {
			return nil, err
		}
		s := &Server{url: "http://127.0.0.1:" + port, proc: proc}
		err = s.await(ctx, want)
		if err == nil {
			return s, nil
		}
		s.Close()
		problems = append(problems, fmt.Errorf("start %s: %w; its last words: %s", name, err, strings.TrimSpace(string(tail.bytes()))))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(problems...)
}

// await polls until the server gives the wanted answer, exits, or ctx ends.
func (s *Server) await(ctx context.Context, want ready) error {
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(serverPoll)
	defer tick.Stop()
	for {
		select {
		case <-s.proc.exited:
			return fmt.Errorf("it ended before it answered: %s", s.proc.exitText())
		case <-ctx.Done():
			return fmt.Errorf("it did not answer on %s: %w", s.url, ctx.Err())
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+want.path, http.NoBody)
		if err != nil {
			return fmt.Errorf("build readiness request: %w", err)
		}
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == want.status && s.proc.alive() {
			return nil
		}
	}
}

// freePort asks the system for a port that is free now.
func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", loopbackAny)
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	if err := ln.Close(); err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}
