package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// The page as a reader meets it: a browser opens it from the disk, with mouse,
// keyboard, light, dark, narrow and without script. What it saw is in out/screens.
func TestBrowser(t *testing.T) {
	t.Parallel()
	tools := localtest.Require(t, local.ToolNode, local.ToolChromium, local.ToolPlaywright)
	path := func(tool string) string {
		p, err := tools.Path(tool)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	root, err := local.ModuleRoot("")
	if err != nil {
		t.Fatal(err)
	}
	screens := filepath.Join(root, "out", "screens")
	if err := os.MkdirAll(screens, 0o750); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := HTML(&b, gallery()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path(local.ToolNode), filepath.Join("testdata", "browser.cjs"),
		filepath.Dir(path(local.ToolPlaywright)), path(local.ToolChromium), file, screens).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
