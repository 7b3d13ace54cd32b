package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// workerConfig is what one process of a function is started with.
type workerConfig struct {
	id       int
	function Function
	region   string
	logs     io.Writer
	onReady  func(Start)

	initTimeout time.Duration
}

// worker is one process of a function and the Runtime API that it talks to. Its life:
//
//	start -> init -> first /next (ready) -> [ invocation -> response|error -> /next ]* -> exit or kill
//
// An invocation ends when the process asks for the next one after its answer, or when it exits: only then is its log whole.
type worker struct {
	workerConfig
	proc    *process
	server  *httpServer
	logs    *logPipe
	started time.Time
	built   int64         // modification time of the binary that runs
	spawned chan struct{} // closed once proc is set: the process may be quicker than we are
	ready   chan struct{}
	jobs    chan *invocation // at most one at a time

	mu        sync.Mutex
	initTook  time.Duration // 0 until the first request of the process
	current   *invocation
	initError []byte // what the process posted about its own start
}

// invocation is one invoke on its way through a worker. The worker's lock guards it.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	answered bool
	failed   bool   // the answer is an error
	answer   []byte // response or error document
	done     chan struct{}
}

func newInvocation(id string, payload []byte) *invocation {
	return &invocation{id: id, payload: payload, done: make(chan struct{})}
}

// newWorker starts a process with its own Runtime API listener, which is how the two are told apart.
func newWorker(ctx context.Context, cfg workerConfig) (*worker, error) {
	logs, err := newLogPipe(cfg.logs)
	if err != nil {
		return nil, err
	}
	w := &worker{
		workerConfig: cfg,
		logs:         logs,
		built:        modTime(cfg.function.Bootstrap),
		spawned:      make(chan struct{}),
		ready:        make(chan struct{}),
		jobs:         make(chan *invocation, 1),
	}
	w.server, err = serveLoopback(ctx, loopbackAny, w.runtimeAPI())
	if err != nil {
		logs.close()
		return nil, fmt.Errorf("serve the Runtime API: %w", err)
	}
	w.started = time.Now()
	w.proc, err = startProcess(ctx, command{
		name:   "bootstrap",
		argv:   []string{cfg.function.Bootstrap},
		env:    w.environment(),
		dir:    filepath.Dir(cfg.function.Bootstrap),
		stdout: logs.w,
	})
	if err != nil {
		_ = w.server.close()
		logs.close()
		return nil, err
	}
	close(w.spawned)
	logs.started()
	return w, nil
}

// environment is what Lambda sets, then the function's own variables.
func (w *worker) environment() []string {
	f := w.function
	vars := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          w.server.addr,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      fmt.Sprintf("local/[$LATEST]%d", w.id),
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_provided.al2023",
		"AWS_REGION":                      w.region,
		"AWS_DEFAULT_REGION":              w.region,
		"LAMBDA_TASK_ROOT":                filepath.Dir(f.Bootstrap),
		"_HANDLER":                        "bootstrap",
		// Nothing here may ask the network for credentials, should the function's own variables hold none.
		"AWS_EC2_METADATA_DISABLED": "true",
	}
	maps.Copy(vars, f.Env)
	env := baseEnv()
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, k+"="+vars[k])
	}
	return env
}

// run gives the process one invocation and waits for its end.
func (w *worker) run(inv *invocation) Result {
	w.logs.tail.reset()
	cold, initProblem := w.awaitReady()
	if initProblem != nil {
		return w.failed(inv, 0, initProblem)
	}
	w.logEvent("platform.start", map[string]any{"requestId": inv.id, "version": "$LATEST"})
	begin := time.Now()
	w.mu.Lock()
	inv.deadline = begin.Add(w.function.Timeout)
	w.current = inv
	w.mu.Unlock()
	w.jobs <- inv

	timer := time.NewTimer(w.function.Timeout)
	defer timer.Stop()
	var problem []byte
	select {
	case <-inv.done:
	case <-w.proc.exited:
		problem = w.exitProblem(inv)
	case <-timer.C:
		w.proc.kill()
		problem = errorDocument("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds",
			inv.id, w.function.Timeout.Seconds()))
	}
	took := time.Since(begin)
	w.logs.flush()
	w.report(inv, took, cold, problem)
	if problem != nil {
		return w.failed(inv, took, problem)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	res := Result{RequestID: inv.id, Payload: inv.answer, LogTail: w.logs.tail.bytes(), Duration: took}
	if inv.failed {
		res.FunctionError = "Unhandled"
	}
	return res
}

// awaitReady waits for the first request of the process. It says whether this invoke is the one that started it, and, when
// the process will never be ready, gives the error document of that.
func (w *worker) awaitReady() (cold bool, problem []byte) {
	select {
	case <-w.ready:
		return false, nil
	default:
	}
	timer := time.NewTimer(w.initTimeout)
	defer timer.Stop()
	select {
	case <-w.ready:
		return true, nil
	case <-w.proc.exited:
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.initError != nil {
			return true, w.initError
		}
		return true, errorDocument("Runtime.ExitError", "Runtime exited during initialisation: "+w.proc.exitText())
	case <-timer.C:
		w.proc.kill()
		return true, errorDocument("Sandbox.Timedout",
			fmt.Sprintf("Runtime asked for no invoke within %.2f seconds of its start", w.initTimeout.Seconds()))
	}
}

// exitProblem is the error document of a process that exited during an invoke: the one that it posted, as after a panic,
// else that it exited.
func (w *worker) exitProblem(inv *invocation) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if inv.answered && inv.failed {
		return inv.answer
	}
	return errorDocument("Runtime.ExitError",
		fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", inv.id, w.proc.exitText()))
}

// failed is the result of an invoke that ended with problem.
func (w *worker) failed(inv *invocation, took time.Duration, problem []byte) Result {
	w.logs.flush()
	return Result{
		RequestID: inv.id, Payload: problem, FunctionError: "Unhandled",
		LogTail: w.logs.tail.bytes(), Duration: took,
	}
}

// report writes the line that ends an invoke in Lambda's JSON log.
func (w *worker) report(inv *invocation, took time.Duration, cold bool, problem []byte) {
	metrics := map[string]any{"durationMs": milliseconds(took), "memorySizeMB": w.function.MemoryMB}
	if cold {
		metrics["initDurationMs"] = milliseconds(w.initDuration())
	}
	status := "success"
	w.mu.Lock()
	if problem != nil || inv.failed {
		status = "error"
	}
	w.mu.Unlock()
	w.logEvent("platform.report", map[string]any{"requestId": inv.id, "metrics": metrics, "status": status})
}

// logEvent writes one line of the platform itself into the function's log.
func (w *worker) logEvent(kind string, record map[string]any) {
	line, err := json.Marshal(map[string]any{
		"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": kind, "record": record,
	})
	if err == nil { // strings and numbers always encode
		w.logs.emit(append(line, '\n'))
	}
}

// close ends the process and gives up its listener. It is called once no run is under way.
func (w *worker) close() {
	w.proc.kill()
	_ = w.server.close()
	w.logs.close()
}

func (w *worker) initDuration() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.initTook
}

// errorDocument is the payload of a failed invoke.
func errorDocument(kind, message string) []byte {
	doc, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	if err != nil {
		return []byte(`{"errorType":"` + kind + `"}`) // unreachable: strings always encode
	}
	return doc
}

// milliseconds with two digits, as Lambda writes them.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// newRequestID is a random UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails on the systems Go supports
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
