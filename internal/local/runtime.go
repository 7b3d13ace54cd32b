package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Limits of Lambda that the Runtime keeps, in bytes and seconds.
const (
	maxSyncPayload  = 6 << 20          // request and response of a RequestResponse invoke
	maxEventPayload = 1 << 20          // request of an Event invoke
	lambdaInit      = 10 * time.Second // from process start to the first request of the runtime
)

// AccountID is the account in every ARN of the local bed; moto uses the same.
const AccountID = "123456789012"

// Errors of Runtime.Invoke. A function that fails is no error: see Result.FunctionError.
var (
	ErrUnknownFunction = errors.New("unknown function")
	ErrTooManyInvokes  = errors.New("every process of the function is busy")
	ErrPayloadTooLarge = errors.New("payload is too large")
	ErrRuntimeClosed   = errors.New("local runtime is closed")
)

// Function is one compiled function that a Runtime serves.
type Function struct {
	Name        string            // as in its ARN
	Bootstrap   string            // path of the compiled binary
	Env         map[string]string // beside the variables that Lambda sets; wins over the Bed's
	Timeout     time.Duration     // of one invoke; 0 means 60 s
	MemoryMB    int               // told to the function, not enforced; 0 means 256
	Concurrency int               // most processes at once; 0 means 10
}

// withDefaults fills what the caller left open.
func (f Function) withDefaults() Function {
	if f.Timeout == 0 {
		f.Timeout = time.Minute
	}
	if f.MemoryMB == 0 {
		f.MemoryMB = 256
	}
	if f.Concurrency == 0 {
		f.Concurrency = 10
	}
	return f
}

// RuntimeOptions configures StartRuntime.
type RuntimeOptions struct {
	Addr      string // of the Invoke API, loopback only; "" means a free port of 127.0.0.1
	Region    string // "" means us-east-1
	Logs      io.Writer
	Functions []Function
}

// Runtime is a Lambda Runtime API host with the Invoke API in front. As in Lambda, a process serves one invoke at a time,
// an idle one is used again, and one that panics, exits or runs out of time is replaced. Event invokes run once: the
// retries of Lambda's own queue are not imitated.
type Runtime struct {
	region    string
	logs      io.Writer
	functions map[string]*functionPool
	server    *httpServer

	initTimeout time.Duration

	mu     sync.Mutex
	starts []Start
	nextID int
	closed bool
	active int           // invokes under way, synchronous ones too
	idle   chan struct{} // closed when active comes back to 0
}

// Start is one process start of a function.
type Start struct {
	Function     string        `json:"function"`
	PID          int           `json:"pid"`
	InitDuration time.Duration `json:"initDuration"` // from process start to the first request of the runtime
}

// Result is the outcome of one invoke.
type Result struct {
	RequestID     string
	Payload       []byte        // the response, or {"errorType", "errorMessage", ...}
	FunctionError string        // "" or "Unhandled", as in X-Amz-Function-Error
	LogTail       []byte        // last 4 KB of the log of this invoke
	Duration      time.Duration // of the invoke, initialisation not counted
}

// StartRuntime checks the functions and serves the Invoke API. Processes start with the first invoke. Close ends them.
func StartRuntime(ctx context.Context, opts RuntimeOptions) (*Runtime, error) {
	if opts.Region == "" {
		opts.Region = defaultRegion
	}
	r := &Runtime{
		region:    opts.Region,
		logs:      newLockedWriter(opts.Logs),
		functions: make(map[string]*functionPool, len(opts.Functions)),

		initTimeout: lambdaInit,
	}
	for _, f := range opts.Functions {
		pool, err := newFunctionPool(f)
		if err != nil {
			return nil, err
		}
		if _, twice := r.functions[f.Name]; twice {
			return nil, fmt.Errorf("function %q is given twice: give each its own name", f.Name)
		}
		r.functions[f.Name] = pool
	}
	server, err := serveLoopback(ctx, opts.Addr, r.invokeAPI())
	if err != nil {
		return nil, fmt.Errorf("serve the Invoke API: %w", err)
	}
	r.server = server
	return r, nil
}

// URL is the endpoint of the Invoke API, for `aws lambda invoke --endpoint-url`.
func (r *Runtime) URL() string { return r.server.url }

// Invoke runs the function once and waits for its result. The function may be named by its ARN. An invoke that has begun
// runs to its end whatever becomes of ctx, as in Lambda. When every process is busy it fails with ErrTooManyInvokes.
func (r *Runtime) Invoke(ctx context.Context, function string, payload []byte) (Result, error) {
	pool, err := r.lookup(function, len(payload), maxSyncPayload)
	if err != nil {
		return Result{}, err
	}
	if err := r.begin(); err != nil {
		return Result{}, err
	}
	defer r.end()
	return r.serve(ctx, pool, newInvocation(newRequestID(), payload), false)
}

// InvokeEvent accepts an asynchronous invoke and returns at once. It waits for a free process as long as it takes;
// WaitIdle waits for its end, and a failure to start the function is in the log.
func (r *Runtime) InvokeEvent(ctx context.Context, function string, payload []byte) (requestID string, err error) {
	pool, err := r.lookup(function, len(payload), maxEventPayload)
	if err != nil {
		return "", err
	}
	if err := r.begin(); err != nil {
		return "", err
	}
	id := newRequestID()
	go func() {
		defer r.end()
		if _, err := r.serve(context.WithoutCancel(ctx), pool, newInvocation(id, payload), true); err != nil {
			_, _ = fmt.Fprintf(r.logs, "event invoke %s of %s: %v\n", id, pool.Name, err)
		}
	}()
	return id, nil
}

// lookup finds the function and refuses what Lambda would refuse before it starts anything.
func (r *Runtime) lookup(function string, size, limit int) (*functionPool, error) {
	name := functionName(function)
	pool, ok := r.functions[name]
	if !ok {
		return nil, fmt.Errorf("%w %q", ErrUnknownFunction, name)
	}
	if size > limit {
		return nil, fmt.Errorf("%w: %d bytes, Lambda takes at most %d", ErrPayloadTooLarge, size, limit)
	}
	return pool, nil
}

// begin counts an invoke unless the runtime is closed.
func (r *Runtime) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrRuntimeClosed
	}
	if r.active == 0 {
		r.idle = make(chan struct{})
	}
	r.active++
	return nil
}

// end is the other half of begin.
func (r *Runtime) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active--
	if r.active == 0 {
		close(r.idle)
	}
}

// serve gives the invocation to a process and puts that back among the idle ones if it lives.
func (r *Runtime) serve(ctx context.Context, pool *functionPool, inv *invocation, wait bool) (Result, error) {
	if err := pool.acquire(ctx, wait); err != nil {
		return Result{}, err
	}
	defer pool.release()
	w := pool.takeIdle()
	if w == nil {
		var err error
		if w, err = r.startWorker(ctx, pool); err != nil {
			return Result{}, err
		}
	}
	res := w.run(inv)
	pool.putBack(w)
	return res, nil
}

// startWorker starts one more process of the function.
func (r *Runtime) startWorker(ctx context.Context, pool *functionPool) (*worker, error) {
	r.mu.Lock()
	r.nextID++
	id := r.nextID
	r.mu.Unlock()
	w, err := newWorker(ctx, workerConfig{
		id: id, function: pool.Function, region: r.region, logs: r.logs, initTimeout: r.initTimeout,
		onReady: func(s Start) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.starts = append(r.starts, s)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start function %q: %w", pool.Name, err)
	}
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if !pool.add(w) || closed {
		w.close()
		return nil, ErrRuntimeClosed
	}
	return w, nil
}

// Starts lists every process start that reached its first request, oldest first.
func (r *Runtime) Starts() []Start {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Start(nil), r.starts...)
}

// WaitIdle returns when no invoke is under way, or with the error of ctx.
func (r *Runtime) WaitIdle(ctx context.Context) error {
	for {
		active, idle := r.underWay()
		if active == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d invokes to end: %w", active, ctx.Err())
		}
	}
}

// Close ends the Invoke API and every process; invokes under way end with a function error. Closing twice is harmless.
func (r *Runtime) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return nil
	}
	for _, pool := range r.functions {
		pool.close()
	}
	if active, idle := r.underWay(); active > 0 {
		<-idle // every process is dead, so every invoke ends by itself, and no new one begins
	}
	return r.server.close()
}

// underWay is the number of invokes under way and, if there are any, what is closed when they have ended.
func (r *Runtime) underWay() (active int, idle <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active, r.idle
}

// functionPool is one function with its processes.
type functionPool struct {
	Function
	slots chan struct{} // one token per process that may run

	mu     sync.Mutex
	all    map[*worker]struct{}
	idle   []*worker // the one used last is at the end
	closed bool
}

func newFunctionPool(f Function) (*functionPool, error) {
	f = f.withDefaults()
	if f.Name == "" || functionName(f.Name) != f.Name {
		return nil, fmt.Errorf("function name %q is not a plain name: use letters, digits, - and _", f.Name)
	}
	if f.Bootstrap == "" {
		return nil, fmt.Errorf("function %q has no bootstrap: set Bootstrap to the path of the compiled binary", f.Name)
	}
	abs, err := filepath.Abs(f.Bootstrap)
	if err != nil {
		return nil, fmt.Errorf("resolve bootstrap %q: %w", f.Bootstrap, err)
	}
	f.Bootstrap = abs
	if err := checkExecutable("bootstrap of function "+f.Name, f.Bootstrap, "run `make build`"); err != nil {
		return nil, err
	}
	return &functionPool{
		Function: f,
		slots:    make(chan struct{}, f.Concurrency),
		all:      map[*worker]struct{}{},
	}, nil
}

// acquire takes the right to run one process: at once, or with wait as soon as another gives it back.
func (p *functionPool) acquire(ctx context.Context, wait bool) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	if !wait {
		return fmt.Errorf("%w: %d of %q", ErrTooManyInvokes, p.Concurrency, p.Name)
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a process of %q: %w", p.Name, ctx.Err())
	}
}

func (p *functionPool) release() { <-p.slots }

// takeIdle returns the process that was used last, or nil. One that died while idle, or whose binary has been built anew
// since, is ended instead.
func (p *functionPool) takeIdle() *worker {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if w.proc.alive() && w.built == modTime(p.Bootstrap) {
			return w
		}
		p.drop(w)
	}
}

// add registers a new process, so that close ends it. It says false when the pool is closed.
func (p *functionPool) add(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.all[w] = struct{}{}
	}
	return !p.closed
}

// putBack makes a process idle again, or forgets it if it died.
func (p *functionPool) putBack(w *worker) {
	p.mu.Lock()
	keep := w.proc.alive() && !p.closed
	if keep {
		p.idle = append(p.idle, w)
	}
	p.mu.Unlock()
	if !keep {
		p.drop(w)
	}
}

func (p *functionPool) drop(w *worker) {
	w.close()
	p.mu.Lock()
	delete(p.all, w)
	p.mu.Unlock()
}

// close kills every process; those under an invoke are cleaned up by it.
func (p *functionPool) close() {
	p.mu.Lock()
	p.closed = true
	all := make([]*worker, 0, len(p.all))
	for w := range p.all {
		all = append(all, w)
	}
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, w := range all {
		w.proc.kill()
	}
	for _, w := range idle {
		p.drop(w)
	}
}

// modTime is when the file was last written, in nanoseconds, or 0 when it cannot be told.
func modTime(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}
