package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	upTimeout   = 90 * time.Second // from the start of the supervisor to a bed that answers
	downTimeout = 20 * time.Second // for the supervisor to end its children
	statePoll   = 50 * time.Millisecond
	lastWords   = 2 << 10 // bytes of the log in the message of a failed start
)

// UpOptions configures Up.
type UpOptions struct {
	Dir string // state folder; see DefaultDir
	// Command is the program and the arguments that call Supervise with the same folder; it is run detached.
	Command []string
	// Samples are event files for the example commands, by function, for example events/x.json; a function may have none.
	Samples map[string]string
	Out     io.Writer
}

// Up starts a supervisor that keeps a local bed running after this process has ended, waits until the bed answers, and
// prints its endpoints with commands to try. A bed that runs already is left alone and printed; what a dead one left behind
// is ended first. When the start fails or ctx ends, nothing is left running.
func Up(ctx context.Context, opts UpOptions) error {
	return withLock(opts.Dir, func() error {
		old, err := loadState(opts.Dir)
		switch {
		case errors.Is(err, ErrNotUp):
		case err != nil:
			return err
		case old.Ready && old.Supervisor.running():
			printf(opts.Out, "The local bed is up already.\n\n")
			printState(opts.Out, opts, old)
			return nil
		default:
			printf(opts.Out, "An earlier local bed has died; ending what it left behind.\n")
			if err := end(ctx, opts.Dir, old, opts.Out); err != nil {
				return err
			}
		}
		state, err := launch(ctx, opts)
		if err != nil {
			return err
		}
		printState(opts.Out, opts, state)
		return nil
	})
}

// launch starts the supervisor and waits for its state to be ready.
func launch(ctx context.Context, opts UpOptions) (State, error) {
	attributes, err := detachedAttributes()
	if err != nil {
		return State{}, err
	}
	log, err := os.Create(filepath.Join(opts.Dir, logFile))
	if err != nil {
		return State{}, fmt.Errorf("open the log of the local bed: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), opts.Command[0], opts.Command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes
	if err := cmd.Start(); err != nil {
		return State{}, fmt.Errorf("start the supervisor: %w", err)
	}
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		close(exited)
	}()
	printf(opts.Out, "Starting the local bed (log: %s) ...\n", log.Name())

	timeout := time.NewTimer(upTimeout)
	defer timeout.Stop()
	poll := time.NewTicker(statePoll)
	defer poll.Stop()
	var problem error
	for problem == nil {
		select {
		case err := <-exited:
			if err == nil {
				err = errors.New("exit status 0")
			}
			return State{}, errors.Join(fmt.Errorf("start the local bed: the supervisor ended: %w: %s", err, tailOf(log.Name())),
				cleanUp(context.WithoutCancel(ctx), opts))
		case <-ctx.Done():
			problem = fmt.Errorf("start the local bed: %w", ctx.Err())
		case <-timeout.C:
			problem = fmt.Errorf("start the local bed: it does not answer after %s: %s", upTimeout, tailOf(log.Name()))
		case <-poll.C:
			state, err := loadState(opts.Dir)
			if err == nil && state.Ready && state.Supervisor.PID == cmd.Process.Pid {
				return state, nil
			}
		}
	}
	ctx = context.WithoutCancel(ctx)
	if self, err := newProcess("supervisor", cmd.Process.Pid); err == nil {
		problem = errors.Join(problem, endSupervisor(ctx, self)) // its children end with it
	}
	return State{}, errors.Join(problem, cleanUp(ctx, opts))
}

// cleanUp ends what a supervisor that failed has noted so far.
func cleanUp(ctx context.Context, opts UpOptions) error {
	state, err := loadState(opts.Dir)
	if errors.Is(err, ErrNotUp) {
		return nil
	}
	if err != nil {
		return err
	}
	return end(ctx, opts.Dir, state, io.Discard)
}

// Supervise starts a bed, notes it in the state folder, and keeps it until ctx ends or the process is told to end. It is the
// body of the command that Up runs.
func Supervise(ctx context.Context, dir string, opts BedOptions) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	self, err := newProcess("supervisor", os.Getpid())
	if err != nil {
		return err
	}
	state := State{Supervisor: self, StartedAt: time.Now().UTC()}
	for _, f := range opts.Functions {
		state.Functions = append(state.Functions, f.Name)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	if err := state.save(dir); err != nil {
		return err
	}
	bed, err := startNoted(ctx, dir, opts, &state)
	if err != nil {
		return errors.Join(err, removeState(dir))
	}
	state.Endpoints, state.Ready = bed.Endpoints(), true
	if err := errors.Join(saveEnv(dir, bed.Env()), state.save(dir)); err != nil {
		return errors.Join(err, bed.Close())
	}
	return errors.Join(keep(ctx, bed), bed.Close(), removeState(dir))
}

// startNoted starts the outside servers one by one, each written down before the next, so that Down finds them whatever
// happens to this process; then the rest of the bed on them.
func startNoted(ctx context.Context, dir string, opts BedOptions, state *State) (*Bed, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	note := func(s *Server) error {
		p, err := newProcess(s.Name(), s.PID())
		if err != nil {
			return err
		}
		state.Children = append(state.Children, p)
		return state.save(dir)
	}
	var started []*Server
	fail := func(err error) (*Bed, error) {
		for _, s := range started {
			s.Close()
		}
		return nil, err
	}
	var err error
	if opts.DynamoDB, err = StartDynamoDB(ctx, opts.Tools, opts.Logs); err != nil {
		return fail(err)
	}
	started = append(started, opts.DynamoDB)
	if err := note(opts.DynamoDB); err != nil {
		return fail(err)
	}
	if opts.Moto, err = StartMoto(ctx, opts.Tools, opts.firstCount(), opts.Logs); err != nil {
		return fail(err)
	}
	started = append(started, opts.Moto)
	if err := note(opts.Moto); err != nil {
		return fail(err)
	}
	bed, err := StartBed(ctx, opts)
	if err != nil {
		return fail(err)
	}
	bed.servers = started
	return bed, nil
}

// keep waits for the end of ctx, or for an outside server to die, without which the bed is of no use.
func keep(ctx context.Context, bed *Bed) error {
	died := make(chan *Server, len(bed.servers))
	for _, s := range bed.servers {
		go func() {
			<-s.Exited()
			died <- s
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case s := <-died:
		return fmt.Errorf("keep the local bed: %s ended by itself: %s", s.Name(), s.proc.exitText())
	}
}

// printState says how to reach the bed and what to try.
func printState(out io.Writer, opts UpOptions, s State) {
	e := s.Endpoints
	printf(out, "The local bed is up.\n\n")
	printf(out, "  Invoke endpoint                %s\n", e.Invoke)
	printf(out, "  CloudWatch (values: /metrics)  %s\n", e.CloudWatch)
	printf(out, "  ECS, Auto Scaling, events, SQS %s   (calls: /__calls)\n", e.AWS)
	printf(out, "  DynamoDB, table %-14s %s\n\nTry:\n", e.Table, e.DynamoDB)
	printf(out, "  . %s\n", filepath.Join(opts.Dir, envFile))
	aws := awsCommand(opts.Dir)
	for _, f := range s.Functions {
		if sample := opts.Samples[f]; sample != "" {
			printf(out, "  %s lambda invoke --endpoint-url %s --function-name %s --payload fileb://%s out.json && cat out.json\n",
				aws, e.Invoke, f, sample)
		}
	}
	for i, f := range s.Functions {
		flag := " --function " + f
		if i == 0 {
			flag = "" // it is the command's default
		}
		if sample := opts.Samples[f]; sample != "" {
			printf(out, "  %s invoke %s%s\n", opts.Command[0], sample, flag)
		}
	}
	for _, queue := range e.Queues {
		printf(out, "  %s sqs send-message --endpoint-url %s --message-body work --queue-url $(%s sqs get-queue-url --endpoint-url %s --queue-name %s --query QueueUrl --output text)\n",
			aws, e.AWS, aws, e.AWS, queue)
	}
	if len(e.Instances) > 0 {
		for _, look := range []string{"show", "plan"} {
			printf(out, "  %s capacity %s %s --local\n", opts.Command[0], look, e.Cluster)
		}
		printf(out, `  echo '{"kind":"drain","cluster":"%s","instance":"%s","why":"a try","by":"me","dryRun":true}' | %s invoke - --function drain`+"\n",
			e.Cluster, e.Instances[0], opts.Command[0])
	}
	for _, service := range e.Services {
		printf(out, "  %s ecs describe-services --endpoint-url %s --cluster %s --services %s --query 'services[].desiredCount'\n",
			aws, e.AWS, e.Cluster, service)
		printf(out, "\nA minute later, another load, then invoke again. More (90 %% CPU on 6 tasks), or less (20 %%):\n")
		for _, load := range []int{90, 20} {
			printf(out, `  curl -X PUT %s/metrics -d '[{"namespace":"AWS/ECS","name":"CPUUtilization","dimensions":{"ClusterName":"%s","ServiceName":"%s"},`+
				`"unit":"Percent","repeat":true,"points":[%s]}]'`+"\n", e.CloudWatch, e.Cluster, service, minutesOf(load, 6, 6))
		}
	}
}

// minutesOf writes a CPU average over tasks for each of the last minutes.
func minutesOf(average, tasks, minutes int) string {
	points := make([]string, minutes)
	for i := range points {
		points[i] = fmt.Sprintf(`{"minutesAgo":%d,"value":%d,"sampleCount":%d}`, minutes-i, average, tasks)
	}
	return strings.Join(points, ",")
}

// awsCommand is how to call the AWS CLI here: as a person has it, else the pinned one.
func awsCommand(dir string) string {
	if _, err := exec.LookPath(ToolAWS); err == nil {
		return ToolAWS
	}
	tools, err := FindTools(dir)
	if err != nil {
		return ToolAWS
	}
	path, err := tools.Path(ToolAWS)
	if err != nil {
		return ToolAWS
	}
	return path
}

// tailOf is the end of a log file, for an error message.
func tailOf(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	return strings.TrimSpace(string(data[max(0, len(data)-lastWords):]))
}

// printf writes for a person. A broken pipe is no reason to stop.
func printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
