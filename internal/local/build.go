package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// BuildFunction compiles a function's main package with the flags of `make build`, but for this machine, into the file out.
// pkg is an import path, or a folder relative to dir; dir "" means the working directory.
func BuildFunction(ctx context.Context, dir, pkg, out string) error {
	abs, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("resolve %q: %w", out, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=", "-o", abs, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}
