package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// askedReader cancels at the first read and then blocks, as a terminal does
// where someone presses Ctrl-C.
type askedReader struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func (r askedReader) Read([]byte) (int, error) {
	r.cancel()
	<-r.ended
	return 0, io.EOF
}

const onePolicy = `{cluster: prod, services: {checkout: {minCapacity: 1, maxCapacity: 4,
  policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]}}}`

// Ctrl-C ends a command that waits for its input, with exit code 1.
func TestInterruptWhileReading(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"policy apply policy.yaml --author ann", "nothing was written"},
		{"policy apply -", "nothing was written"},
		{"policy check -", "interrupted"},
		{"decide --input -", "interrupted"},
		{"invoke -", "interrupted"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			ended := make(chan struct{})
			defer close(ended)
			w := &world{memory: ledger.NewMemory()}
			var out, messages bytes.Buffer
			code := Run(ctx, strings.Fields(c.args), Env{
				Stdin: askedReader{cancel, ended}, Stdout: &out, Stderr: &messages, Interactive: true,
				Getenv:   func(name string) string { return map[string]string{"TRIMTAB_TABLE": "trimtab"}[name] },
				ReadFile: func(string) ([]byte, error) { return []byte(onePolicy), nil },
				Now:      func() time.Time { return clock },
				Ledger:   func(context.Context, LedgerOptions) (Ledger, error) { return w, nil },
				Bed:      fakeBed{w},
			})
			if code != ExitFailed || !strings.Contains(messages.String(), c.want) {
				t.Errorf("exit code %d, want %d; messages, want %q:\n%s", code, ExitFailed, c.want, messages.String())
			}
			if names, err := w.Clusters(t.Context()); err != nil || len(names) > 0 {
				t.Errorf("the ledger holds %v, %v", names, err)
			}
		})
	}
}

// Only the marker in its own column colours a line, not the dash of a list.
func TestPaintChange(t *testing.T) {
	t.Parallel()
	s := &session{colour: true}
	for line, colour := range map[string]string{
		"~ service checkout (changed)":  yellow,
		"+ service checkout (added)":    green,
		"- service checkout (removed)":  red,
		"    + maxCapacity: 3":          green,
		"    - maxCapacity: 2":          red,
		"    + - targetTracking:":       green,
		"        - targetTracking:":     "",
		"      - targetTracking:":       "",
		"      maxCapacity: 2":          "",
		"    -   - targetTracking: {}":  red,
		"          - + odd: as a value": "",
	} {
		want := line
		if colour != "" {
			want = colour + line + plain
		}
		if got := s.paintChange(line); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
