package localtest

import (
	"context"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local"
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

// Weigh checks the size of the function in the working directory, a handler that
// links the same clients and no more being in testdata/bare. The function may weigh a quarter more than a handler that only links the
// same clients: one careless import shows here.
func Weigh(t *testing.T) {
	t.Helper()
	ours, bare := size(t, BuildBootstrap(t, ".")), size(t, BuildBootstrap(t, "./testdata/bare"))
	t.Logf("%s: %.2f MB, bare handler %.2f MB, ratio %.3f", runtime.GOARCH, float64(ours)/1e6, float64(bare)/1e6, float64(ours)/float64(bare))
	if ours > maxBytes || float64(ours) > 1.25*float64(bare) {
		t.Errorf("the binary has %d bytes, the bare handler %d: at most %d and 1.25 times as many", ours, bare, maxBytes)
	}
}

// MeasureStart measures process start to the first request of the runtime, of the
// function and of the bare handler in turns, and reports their ratio.
func MeasureStart(b *testing.B) {
	b.Helper()
	ours, bare := BuildBootstrap(b, "."), BuildBootstrap(b, "./testdata/bare")
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

// Wired finds a hand that was not given: it is missed at the first call, in production.
func Wired(t *testing.T, of any) {
	t.Helper()
	v := reflect.ValueOf(of).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if slices.Contains([]reflect.Kind{reflect.Interface, reflect.Func, reflect.Pointer}, f.Kind()) && f.IsNil() {
			t.Errorf("%s is not wired", v.Type().Field(i).Name)
		}
	}
}
