package main

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local"
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

// BenchmarkStart measures process start to the first request of the runtime,
// ours and the bare handler's in turns, and reports their ratio.
func BenchmarkStart(b *testing.B) {
	ours, bare := localtest.BuildBootstrap(b, "."), localtest.BuildBootstrap(b, "./testdata/bare")
	env := map[string]string{
		"TRIMTAB_TABLE": "trimtab", "TRIMTAB_MODE": "observe", "TRIMTAB_EVENT_BUS": "default",
		"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1",
	}
	var sums [2]float64
	for b.Loop() {
		for i, path := range []string{ours, bare} {
			sums[i] += startOnce(b, path, env)
		}
	}
	b.ReportMetric(sums[0]/float64(b.N)*1000, "ms/ours")
	b.ReportMetric(sums[1]/float64(b.N)*1000, "ms/bare")
	b.ReportMetric(sums[0]/sums[1], "ratio")
}

// startOnce starts a fresh process and gives the seconds to its first request.
func startOnce(b *testing.B, path string, env map[string]string) float64 {
	b.Helper()
	r, err := local.StartRuntime(context.Background(), local.RuntimeOptions{Functions: []local.Function{{Name: "f", Bootstrap: path, Env: env}}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	// Whatever the invoke answers, the process has started and asked for work.
	if _, err := r.Invoke(b.Context(), "f", []byte(`{"kind":"none"}`)); err != nil {
		b.Fatal(err)
	}
	return r.Starts()[0].InitDuration.Seconds()
}
