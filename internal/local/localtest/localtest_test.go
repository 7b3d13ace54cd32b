package localtest_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// judge is a test whose end is watched. As in testing, Skip and Fatal end its goroutine.
type judge struct {
	testing.TB
	skipped, failed string
}

func (j *judge) Helper()      {}
func (j *judge) Name() string { return "TestOfAnother" }

func (j *judge) Skip(args ...any) {
	j.skipped, _ = args[0].(string)
	runtime.Goexit()
}

func (j *judge) Fatalf(format string, _ ...any) {
	j.failed = format
	runtime.Goexit()
}

// requireIn runs Require in a package folder of a module without tools, and returns the judge and skipped.txt.
func requireIn(t *testing.T, ci string) (*judge, string) {
	t.Helper()
	root := t.TempDir()
	pkg := filepath.Join(root, "internal", "thing")
	if err := os.MkdirAll(pkg, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(pkg)
	t.Setenv("CI", ci)
	t.Setenv("TRIMTAB_TOOLS", "")
	j := &judge{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		localtest.Require(j, local.ToolMoto, local.ToolAWS)
	}()
	<-done
	text, err := os.ReadFile(filepath.Join(root, ".tools", "skipped.txt"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return j, string(text)
}

func TestRequireSkipsLoudly(t *testing.T) {
	j, noted := requireIn(t, "")
	for _, want := range []string{"moto_server is missing", "aws is missing", "make tools"} {
		if !strings.Contains(j.skipped, want) {
			t.Errorf("skipped with %q, want it to name %q", j.skipped, want)
		}
	}
	if diff := cmp.Diff("internal/thing/TestOfAnother: "+j.skipped+"\n", noted); diff != "" {
		t.Errorf("skipped.txt (-want +got):\n%s", diff)
	}
}

func TestRequireFailsInCI(t *testing.T) {
	j, noted := requireIn(t, "true")
	if j.failed == "" || j.skipped != "" || noted != "" {
		t.Errorf("failed %q, skipped %q, noted %q: want a failure only", j.failed, j.skipped, noted)
	}
}
