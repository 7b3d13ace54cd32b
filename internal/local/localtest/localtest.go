// Package localtest gives tests the real outside parts of the local bed: DynamoDB Local, moto and compiled functions. A
// package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }
package localtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/trimtab-ecs/trimtab/internal/local"
)

// skippedFile, below the module root, lists the tests that could not run and why; `make test` prints it at its end.
const skippedFile = ".tools/skipped.txt"

// sharedParts is what the tests of one binary share. Starting DynamoDB Local takes a second, linking a function ten.
type sharedParts struct {
	mu       sync.Mutex
	running  bool // Main is on the stack
	dir      string
	dynamo   *local.Server
	tables   int
	binaries map[string]*binary
}

// binary is one compiled main package.
type binary struct {
	once sync.Once
	path string
	err  error
}

//nolint:gochecknoglobals // tests of one binary have nothing but a package variable in common
var shared sharedParts

// Main runs the tests of a package and then ends and deletes all that they shared. Its result is for os.Exit.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "trimtab-test-")
	if err != nil {
		fmt.Fprintf(os.Stderr, "make folder for test binaries: %v\n", err)
		return 1
	}
	shared.mu.Lock()
	shared.running, shared.dir, shared.binaries = true, dir, map[string]*binary{}
	shared.mu.Unlock()
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.dynamo != nil {
		shared.dynamo.Close()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintf(os.Stderr, "delete test binaries: %v\n", err)
		return 1
	}
	return code
}

// requireMain fails a test whose package forgot Main: its servers and files would outlive it.
func requireMain(tb testing.TB) {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.running {
		tb.Fatal("this package needs: func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }")
	}
}

// Require returns the tools if all of those named are there. Otherwise it skips the test and notes that in
// .tools/skipped.txt; under CI=true it fails the test.
func Require(tb testing.TB, tools ...string) local.Tools {
	tb.Helper()
	found, err := local.FindTools("")
	if err != nil {
		tb.Fatal(err)
	}
	var problems []error
	for _, tool := range tools {
		_, err := found.Path(tool)
		problems = append(problems, err)
	}
	missing := errors.Join(problems...)
	if missing == nil {
		return found
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("CI needs every tool: %v", missing)
	}
	why := strings.ReplaceAll(missing.Error(), "\n", "; ")
	if err := noteSkipped(tb.Name(), why); err != nil {
		tb.Fatal(err)
	}
	tb.Skip(why)
	return found
}

// noteSkipped appends one line. Test binaries run side by side, so it is one write.
func noteSkipped(test, why string) error {
	root, err := local.ModuleRoot("")
	if err != nil {
		return fmt.Errorf("note a skipped test: %w", err)
	}
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("note a skipped test: %w", err)
	}
	pkg, err := filepath.Rel(root, here)
	if err != nil {
		return fmt.Errorf("note a skipped test: %w", err)
	}
	path := filepath.Join(root, filepath.FromSlash(skippedFile))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("note a skipped test: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note a skipped test: %w", err)
	}
	_, err = f.WriteString(filepath.ToSlash(pkg) + "/" + test + ": " + why + "\n")
	return errors.Join(err, f.Close())
}

// DynamoDB returns the one DynamoDB Local of this test binary, started by the first test that needs it. Tests keep apart by
// table name.
func DynamoDB(tb testing.TB) *local.Server {
	tb.Helper()
	tools := Require(tb, local.ToolJava, local.ToolDynamoDB)
	requireMain(tb)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.dynamo == nil {
		// The test's own context ends with it, and the server is for all of them.
		server, err := local.StartDynamoDB(context.WithoutCancel(tb.Context()), tools, nil)
		if err != nil {
			tb.Fatal(err)
		}
		shared.dynamo = server
	}
	return shared.dynamo
}

// Table returns an empty ledger table of its own for the test, with a client of it.
func Table(tb testing.TB) (client *dynamodb.Client, table string) {
	tb.Helper()
	server := DynamoDB(tb)
	table = newTableName()
	client = local.NewDynamoDBClient(server.URL())
	if err := local.CreateLedgerTable(tb.Context(), client, table); err != nil {
		tb.Fatal(err)
	}
	return client, table
}

func newTableName() string {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.tables++
	return fmt.Sprintf("trimtab-test-%d", shared.tables)
}

// Bed starts a local bed for the test and ends it with the test. DynamoDB Local is the shared one, with a table of its own
// unless opts names one; moto is new. Output of the functions goes to the test's log when opts.Logs is nil.
func Bed(tb testing.TB, opts local.BedOptions) *local.Bed {
	tb.Helper()
	opts.Tools = Require(tb, local.ToolJava, local.ToolDynamoDB, local.ToolMoto)
	if opts.DynamoDB == nil {
		opts.DynamoDB = DynamoDB(tb)
	}
	if opts.Table == "" {
		opts.Table = newTableName()
	}
	if opts.Logs == nil {
		opts.Logs = tb.Output()
	}
	bed, err := local.StartBed(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := bed.Close(); err != nil {
			tb.Error(err)
		}
	})
	return bed
}

// BuildBootstrap builds a main package as `make build` does, for this machine, and returns the path of the binary. Each
// package is built once per test binary. pkg is an import path, or a folder relative to the test's package.
func BuildBootstrap(tb testing.TB, pkg string) string {
	tb.Helper()
	requireMain(tb)
	shared.mu.Lock()
	b := shared.binaries[pkg]
	if b == nil {
		b = &binary{path: filepath.Join(shared.dir, fmt.Sprint(len(shared.binaries)), "bootstrap")}
		shared.binaries[pkg] = b
	}
	shared.mu.Unlock()
	b.once.Do(func() {
		b.err = local.BuildFunction(context.WithoutCancel(tb.Context()), "", pkg, b.path)
	})
	if b.err != nil {
		tb.Fatal(b.err)
	}
	return b.path
}
