package main

import (
	"os"
	"runtime"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// maxBytes is design.md's limit of a function's binary.
const maxBytes = 16 << 20

func size(tb testing.TB, path string) int64 {
	tb.Helper()
	st, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return st.Size()
}

// The function may weigh a quarter more than a handler that only links the
// same clients: one careless import shows here.
func TestSize(t *testing.T) {
	t.Parallel()
	ours, bare := size(t, localtest.BuildBootstrap(t, ".")), size(t, localtest.BuildBootstrap(t, "./testdata/bare"))
	t.Logf("%s: %.2f MB, bare handler %.2f MB, ratio %.3f", runtime.GOARCH, float64(ours)/1e6, float64(bare)/1e6, float64(ours)/float64(bare))
	if ours > maxBytes || float64(ours) > 1.25*float64(bare) {
		t.Errorf("the binary has %d bytes, the bare handler %d: at most %d and 1.25 times as many", ours, bare, maxBytes)
	}
}
