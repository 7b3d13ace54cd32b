package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

// Bed starts, ends and finds the local bed.
type Bed interface {
	// Up builds the functions, starts the bed in the background and says how to reach it.
	Up(ctx context.Context, out io.Writer) error
	// Down ends exactly what Up started.
	Down(ctx context.Context, out io.Writer) error
	// Supervise keeps a bed until ctx ends; Up runs it in a process of its own.
	Supervise(ctx context.Context, logs io.Writer) error
	// Endpoints tells how to reach the bed that runs.
	Endpoints() (local.Endpoints, error)
	// Open opens the ledger of the bed that runs, and what sees the bed.
	Open(ctx context.Context) (Ledger, Eyes, error)
}

// localCmd holds the commands about the local bed.
type localCmd struct {
	Up        localUpCmd   `cmd:"" help:"Start the local bed in the background and print its endpoints."`
	Down      localDownCmd `cmd:"" help:"End exactly what local up started."`
	Supervise superviseCmd `cmd:"" help:"Keep a local bed in this process." hidden:""`
}

type localUpCmd struct{}

// Run starts the bed.
func (localUpCmd) Run(ctx context.Context, s *session) error {
	if !s.json {
		return s.Bed.Up(ctx, s.Stdout)
	}
	if err := s.Bed.Up(ctx, s.Stderr); err != nil {
		return err
	}
	e, err := s.Bed.Endpoints()
	if err != nil {
		return err
	}
	return s.printJSON(e)
}

// errNoJSON answers --json where there is no result.
var errNoJSON = refused("local down has no result, it is told in words only: leave --json out")

type localDownCmd struct{}

// Run ends the bed.
func (localDownCmd) Run(ctx context.Context, s *session) error {
	if s.json {
		return errNoJSON
	}
	return s.Bed.Down(ctx, s.Stdout)
}

type superviseCmd struct{}

// Run keeps a bed until it is told to end.
func (superviseCmd) Run(ctx context.Context, s *session) error { return s.Bed.Supervise(ctx, s.Stdout) }

// What the local bed is seeded with: demand for 340/60 = 5.67, so 6 tasks; and a
// service on instances of which one is full, one has a task and one has none.
const (
	localCluster = "prod"
	localService = "checkout"
	localTasks   = 4
	localCPU     = 85 // percent
	localMemory  = 40 // percent
	localGroup   = "prod-m7g"
	localHosts   = 3
	localHosted  = "search"
	hostedTasks  = 5 // each a quarter of an instance
	hostedCPU    = 55
	localSample  = "events/aws.cloudwatch.alarm-action.high-cpu.json"
)

// localFunctions are the functions of the bed, that of `trimtab invoke` first.
var localFunctions = []string{"reconcile", "drain"}

//go:embed local-policy.yaml
var localPolicy []byte

// systemBed is the local bed of the module that the working directory lies in,
// with its state in .local, or in the folder that TRIMTAB_LOCAL names.
type systemBed struct{ getenv func(string) string }

func (b systemBed) dir() (string, error) {
	if set := b.getenv("TRIMTAB_LOCAL"); set != "" {
		return set, nil
	}
	dir, err := local.DefaultDir("")
	if err != nil {
		return "", fmt.Errorf("find the folder of the local bed: %w", err)
	}
	return dir, nil
}

// bootstrap is a function compiled for this machine.
func (systemBed) bootstrap(dir, function string) string {
	return filepath.Join(dir, function, "bootstrap")
}

func (b systemBed) Up(ctx context.Context, out io.Writer) error {
	dir, err := b.dir()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	root, err := local.ModuleRoot("")
	if err != nil {
		return fmt.Errorf("find the source of the functions: %w", err)
	}
	// A bed that runs already holds its binaries open, and keeps them.
	if _, err := local.ReadState(dir); errors.Is(err, local.ErrNotUp) {
		for _, f := range localFunctions {
			_, _ = fmt.Fprintf(out, "Building functions/%s ...\n", f)
			if err := local.BuildFunction(ctx, root, "./functions/"+f, b.bootstrap(dir, f)); err != nil {
				return err
			}
		}
	}
	samples := map[string]string{"reconcile": localSample, "drain": "events/aws.events.scheduled-event.minute.json"}
	return local.Up(ctx, local.UpOptions{Dir: dir, Command: []string{near(self), "local", "supervise"}, Samples: samples, Out: out})
}

// near gives a program's path from the working directory where that is shorter.
func near(path string) string {
	at, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(at, path); err == nil && !strings.HasPrefix(rel, "..") && strings.ContainsRune(rel, filepath.Separator) {
		return rel
	}
	return path
}

func (b systemBed) Down(ctx context.Context, out io.Writer) error {
	dir, err := b.dir()
	if err != nil {
		return err
	}
	return local.Down(ctx, dir, out)
}

func (b systemBed) Supervise(ctx context.Context, logs io.Writer) error {
	dir, err := b.dir()
	if err != nil {
		return err
	}
	tools, err := local.FindTools("")
	if err != nil {
		return err
	}
	functions := make([]local.Function, 0, len(localFunctions))
	for _, f := range localFunctions {
		functions = append(functions, local.Function{Name: f, Bootstrap: b.bootstrap(dir, f)})
	}
	return local.Supervise(ctx, dir, local.BedOptions{
		Tools:     tools,
		Functions: functions,
		Cluster:   localCluster,
		Services:  []local.ServiceSeed{{Name: localService, DesiredCount: localTasks}},
		EC2: &local.EC2Seed{
			Group:    local.GroupSeed{Name: localGroup, MinSize: 1, DesiredCapacity: localHosts},
			Services: []local.ServiceSeed{{Name: localHosted, DesiredCount: hostedTasks, CPU: 1024, Memory: 1536}},
		},
		Metrics: []local.Metric{
			local.ECSUtilization(localCluster, localService, "CPUUtilization", localCPU, localTasks, 30),
			local.ECSUtilization(localCluster, localService, "MemoryUtilization", localMemory, localTasks, 30),
			local.ECSUtilization(localCluster, localHosted, "CPUUtilization", hostedCPU, hostedTasks, 30),
			local.ECSUtilization(localCluster, localHosted, "MemoryUtilization", localMemory, hostedTasks, 30),
		},
		Logs: logs,
		Seed: seedPolicy,
	})
}

// seedPolicy writes the built-in policy to the ledger of a new bed.
func seedPolicy(ctx context.Context, e local.Endpoints) error {
	doc, faults := policyfile.Parse(localPolicy, "local-policy.yaml")
	if len(faults) > 0 {
		return fmt.Errorf("read the built-in policy: %s", faults[0])
	}
	services, groups := doc.Rows()
	change := ledger.Change{Cluster: doc.Cluster}
	add := func(t fleet.Target, p ledger.Policy) {
		p.Version, p.Author, p.At = 1, "trimtab local up", time.Now().UTC()
		change.Edits = append(change.Edits, ledger.Edit{Target: t, Policy: &p})
	}
	for name, p := range services {
		add(fleet.ServiceKey{Cluster: doc.Cluster, Service: name}.Target(), ledger.Policy{Service: &p})
	}
	for name, p := range groups {
		add(fleet.GroupOf(doc.Cluster, name), ledger.Policy{Group: &p})
	}
	return bedLedger(e).Change(ctx, change)
}

// bedLedger is the ledger of a bed, past the recorder that counts the function's calls.
func bedLedger(e local.Endpoints) *dynamoledger.Ledger {
	return dynamoledger.New(local.NewDynamoDBClient(e.DynamoDBDirect), e.Table)
}

func (b systemBed) Endpoints() (local.Endpoints, error) {
	state, err := b.state()
	return state.Endpoints, err
}

func (b systemBed) Open(context.Context) (Ledger, Eyes, error) {
	state, err := b.state()
	if err != nil {
		return nil, nil, fmt.Errorf("find the local bed: %w", err)
	}
	e := state.Endpoints
	l := bedLedger(e)
	return l, newEyes(l, e.Config(e.AWSDirect), e.Config(e.CloudWatch)), nil
}

func (b systemBed) state() (local.State, error) {
	dir, err := b.dir()
	if err != nil {
		return local.State{}, err
	}
	return local.ReadState(dir)
}
