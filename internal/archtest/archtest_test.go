package archtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/archtest"
)

// root is the module's folder, seen from this package.
const root = "../.."

// TestHouse holds the module to its law, as it is built for Lambda: what go list
// loads for linux with the tags of the release.
func TestHouse(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	if len(pkgs) == 0 {
		t.Fatal("go list found no package of the module")
	}
	for _, breach := range archtest.House().Check(pkgs) {
		t.Error(breach)
	}
}

// TestFileLength keeps every file at a size that can be read at one sitting.
func TestFileLength(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if !strings.HasPrefix(p.ImportPath, archtest.Module) {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if lines := bytes.Count(content, []byte("\n")); lines > archtest.MaxLines {
				t.Errorf("%s/%s has %d lines, more than %d: split it by what its parts give", p.ImportPath, name, lines, archtest.MaxLines)
			}
		}
	}
}

// TestCoreBuildsForWASM builds the core where there is no operating system: an
// import that needs one does not compile, and the browser simulator stays possible.
func TestCoreBuildsForWASM(t *testing.T) {
	t.Parallel()
	build := exec.CommandContext(t.Context(), "go", "build", "./internal/core/...")
	build.Dir = root
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("GOOS=js GOARCH=wasm go build ./internal/core/...: %v\n%s", err, out)
	}
}

// TestCheck shows that every rule can fail, and that what is allowed passes.
func TestCheck(t *testing.T) {
	t.Parallel()
	const m = archtest.Module + "/"
	pkg := func(folder string, imports ...string) archtest.Package {
		return archtest.Package{ImportPath: m + folder, Imports: imports}
	}
	function := func(deps []string, imports ...string) archtest.Package {
		p := pkg("functions/reconcile", imports...)
		p.Deps = deps
		return p
	}
	tests := []struct {
		name string
		pkgs []archtest.Package
		want []string // the start of each breach
	}{
		{"nothing", nil, nil},
		{"outside packages are not judged", []archtest.Package{{ImportPath: "example.com/utils", Imports: []string{"os"}}}, nil},
		{"words use words above", []archtest.Package{pkg("internal/core/spec", "strings", m+"internal/core/fleet")}, nil},
		{
			"words use no words below",
			[]archtest.Package{pkg("internal/core/fleet", m+"internal/core/spec")},
			[]string{"internal/core/fleet imports internal/core/spec: it stands below"},
		},
		{
			"core uses no higher floor",
			[]archtest.Package{pkg("internal/core/taskcount", m+"internal/core/policy")},
			[]string{"internal/core/taskcount imports internal/core/policy: floor 3 is above floor 1"},
		},
		{
			"sums stand alone",
			[]archtest.Package{pkg("internal/core/placement", m+"internal/core/taskcount")},
			[]string{"internal/core/placement imports internal/core/taskcount: rooms of this floor stand alone"},
		},
		{
			"core touches no world",
			[]archtest.Package{pkg("internal/core/signal", "context", "log/slog", "math", "math/rand/v2", "net/http", "os", "time")},
			[]string{
				"internal/core/signal imports context: core is computed",
				"internal/core/signal imports log/slog: core returns reasons",
				"internal/core/signal imports math/rand/v2: the same input",
				"internal/core/signal imports net/http: core reads nothing",
				"internal/core/signal imports os: core reads nothing",
			},
		},
		{
			"core uses no module",
			[]archtest.Package{pkg("internal/core/spec", "github.com/goccy/go-yaml")},
			[]string{"internal/core/spec imports github.com/goccy/go-yaml: not among the modules"},
		},
		{
			"explain is for cli and sim",
			[]archtest.Package{
				pkg("internal/cli", m+"internal/core/explain"),
				pkg("internal/sim/report", m+"internal/core/explain"),
				pkg("internal/reconcile", m+"internal/core/explain"),
			},
			[]string{"internal/reconcile imports internal/core/explain: words are for people"},
		},
		{
			"the stair knows no AWS",
			[]archtest.Package{pkg("internal/reconcile", "github.com/aws/smithy-go", m+"internal/event", m+"internal/ledger")},
			[]string{"internal/reconcile imports github.com/aws/smithy-go: not among the modules"},
		},
		{
			"a hand has one service",
			[]archtest.Package{pkg("internal/aws/ecsfleet",
				"github.com/aws/aws-sdk-go-v2/service/ecs/types", "github.com/aws/aws-sdk-go-v2/service/autoscaling", "github.com/aws/aws-sdk-go-v2/config")},
			[]string{
				"internal/aws/ecsfleet imports github.com/aws/aws-sdk-go-v2/service/autoscaling: not among",
				"internal/aws/ecsfleet imports github.com/aws/aws-sdk-go-v2/config: not among",
			},
		},
		{
			"a service whose name begins the same is another",
			[]archtest.Package{pkg("internal/aws/ecsfleet", "github.com/aws/aws-sdk-go-v2/service/ecsx")},
			[]string{"internal/aws/ecsfleet imports github.com/aws/aws-sdk-go-v2/service/ecsx: not among"},
		},
		{
			"who else writes here asks three", []archtest.Package{pkg("internal/aws/nativescaling", "github.com/aws/aws-sdk-go-v2/service/ecs",
				"github.com/aws/aws-sdk-go-v2/service/autoscaling", "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling")}, nil,
		},
		{
			"hands do not hold hands",
			[]archtest.Package{pkg("internal/aws/dynamoledger", m+"internal/aws/ecsfleet", m+"internal/ledger")},
			[]string{"internal/aws/dynamoledger imports internal/aws/ecsfleet: rooms of this floor stand alone"},
		},
		{
			"sim has no AWS",
			[]archtest.Package{pkg("internal/sim/plant", m+"internal/sim", m+"internal/aws/ecsfleet", "github.com/aws/smithy-go")},
			[]string{
				"internal/sim/plant imports internal/aws/ecsfleet: it stands below",
				"internal/sim/plant imports github.com/aws/smithy-go: not among",
			},
		},
		{
			"only cmd imports cli",
			[]archtest.Package{pkg("cmd/trimtab", m+"internal/cli"), pkg("internal/local", m+"internal/cli")},
			[]string{"internal/local imports internal/cli: only cmd wires the commands"},
		},
		{
			"a main is a leaf",
			[]archtest.Package{pkg("internal/cli", m+"functions/reconcile", m+"cmd/trimtab")},
			[]string{"internal/cli imports functions/reconcile: a main is a leaf", "internal/cli imports cmd/trimtab: a main is a leaf"},
		},
		{
			"a suite is for tests and may use them",
			[]archtest.Package{pkg("internal/ledger/ledgertest", "testing", "pgregory.net/rapid", "github.com/google/go-cmp/cmp", m+"internal/ledger"), pkg("internal/reconcile", m+"internal/ledger/ledgertest")},
			[]string{"internal/reconcile imports internal/ledger/ledgertest: a conformance suite is for tests"},
		},
		{
			"production uses no tests",
			[]archtest.Package{pkg("internal/announce", "testing/iotest", "pgregory.net/rapid")},
			[]string{"internal/announce imports testing/iotest: tests only", "internal/announce imports pgregory.net/rapid: not among"},
		},
		{
			"a name that says nothing",
			[]archtest.Package{pkg("internal/cli/utils")},
			[]string{`internal/cli/utils: "utils" says nothing`},
		},
		{
			"a package without a row",
			[]archtest.Package{pkg("internal/metrics"), pkg("internal/aws/ssmspec")},
			[]string{"internal/metrics has no floor", "internal/aws/ssmspec has no floor"},
		},
		{
			"a package that does not load",
			[]archtest.Package{{ImportPath: m + "internal/event", Error: &archtest.ListError{Err: "syntax error"}}},
			[]string{"internal/event cannot be loaded: syntax error"},
		},
		{
			"a function links what it may", []archtest.Package{function([]string{
				"os", "vendor/golang.org/x/net/idna", "github.com/aws/aws-lambda-go/lambda", "github.com/aws/smithy-go", m + "internal/reconcile",
			}, m+"internal/reconcile", "github.com/aws/aws-lambda-go/lambda")}, nil,
		},
		{
			"a function links what it may not, at a distance",
			[]archtest.Package{
				function([]string{
					"github.com/alecthomas/kong", "github.com/aws/aws-sdk-go-v2/service/ec2", "example.com/x", "net/http/pprof", m + "internal/core/explain",
				}, m+"internal/event"),
				pkg("internal/event", m+"internal/core/fleet"),
				pkg("internal/core/fleet"),
				{ImportPath: "example.com/x"},
			},
			[]string{
				"functions/reconcile links github.com/alecthomas/kong: 2.6 MB",
				"functions/reconcile links github.com/aws/aws-sdk-go-v2/service/ec2: it doubles",
				"functions/reconcile links example.com/x: a function links the standard library",
				"functions/reconcile links net/http/pprof: it opens a door",
				"functions/reconcile links github.com/trimtab-ecs/trimtab/internal/core/explain: words",
			},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := archtest.House().Check(tc.pkgs)
			short := make([]string, len(got))
			for i, breach := range got {
				short[i] = breach
				if i < len(tc.want) && strings.HasPrefix(breach, tc.want[i]) {
					short[i] = tc.want[i]
				}
			}
			if diff := cmp.Diff(tc.want, short, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("breaches (-want +got):\n%s", diff)
			}
		})
	}
}

// TestChain shows that a breach names the way along which a package got in.
func TestChain(t *testing.T) {
	t.Parallel()
	const m = archtest.Module + "/"
	got := archtest.House().Check([]archtest.Package{
		{ImportPath: m + "functions/reconcile", Imports: []string{m + "internal/event"}, Deps: []string{m + "internal/event", "example.com/a", "github.com/alecthomas/kong"}},
		{ImportPath: m + "internal/event"},
		{ImportPath: "example.com/a", Imports: []string{"github.com/alecthomas/kong"}},
	})
	got = slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "kong") })
	if len(got) != 1 || !strings.Contains(got[0], "(github.com/trimtab-ecs/trimtab/functions/reconcile -> ... -> github.com/alecthomas/kong)") {
		t.Errorf("unconnected packages: got %q, want one breach that says the way is not known", got)
	}
	got = archtest.House().Check([]archtest.Package{
		{ImportPath: m + "functions/reconcile", Imports: []string{m + "internal/event"}, Deps: []string{"github.com/alecthomas/kong"}},
		{ImportPath: m + "internal/event", Imports: []string{"example.com/a"}},
		{ImportPath: "example.com/a", Imports: []string{"github.com/alecthomas/kong"}},
	})
	want := "(functions/reconcile -> internal/event -> example.com/a -> github.com/alecthomas/kong)"
	if !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, want) }) {
		t.Errorf("got %q, want a breach that ends in %q", got, want)
	}
}

// list gives what go list says of the module and all it links, as built for
// Lambda; test files are not in it.
func list(t *testing.T) []archtest.Package {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-tags=lambda.norpc",
		"-json=ImportPath,Name,Dir,Standard,Imports,Deps,GoFiles,IgnoredGoFiles,Error", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list ./...: %v\n%s", err, stderr.String())
	}
	var pkgs []archtest.Package
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p archtest.Package
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return pkgs
		case err != nil:
			t.Fatalf("decode go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}
