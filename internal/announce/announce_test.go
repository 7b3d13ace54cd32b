package announce_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/announce"
)

func TestLogWritesOneLineADecision(t *testing.T) {
	t.Parallel()
	tests := []struct {
		done, level, direction string
		desired                int
	}{
		{"ordered", "INFO", "out", 6},
		{"held", "INFO", "hold", 4},
		{"refused", "WARN", "in", 2},
		{"uncertain", "WARN", "out", 6},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		announce.Log(t.Context(), slog.New(slog.NewJSONHandler(&out, nil)), announce.Decision{
			Target: "prod/service/checkout", Mode: "act", Done: tt.done, Before: 4, Desired: tt.desired, Reason: "TargetTracking", Because: "why", ID: "1",
		})
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || strings.Count(out.String(), "\n") != 1 {
			t.Fatalf("%s: not one JSON line: %q (%v)", tt.done, out.String(), err)
		}
		delete(line, "time")
		want := map[string]any{
			"level": tt.level, "msg": "decision", "target": "prod/service/checkout", "mode": "act", "done": tt.done, "direction": tt.direction,
			"before": 4.0, "desired": float64(tt.desired), "reason": "TargetTracking", "because": "why", "id": "1",
		}
		if d := cmp.Diff(want, line); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.done, d)
		}
	}
}

// The shape is CloudWatch's embedded metric format: a value a metric beside
// _aws, which names the namespace, the dimension sets and the units.
func TestEMF(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.UnixMilli(1795446579039)
	if err := announce.EMF(&out, at, []announce.Metric{{Name: "Orders", Value: 2, Unit: "Count"}, {Name: "Heartbeat", Value: 1, Unit: "Count"}}); err != nil {
		t.Fatal(err)
	}
	want := `{"Heartbeat":1,"Orders":2,"_aws":{"CloudWatchMetrics":[{"Namespace":"Trimtab","Dimensions":[[]],"Metrics":[` +
		`{"Name":"Orders","Unit":"Count"},{"Name":"Heartbeat","Unit":"Count"}]}],"Timestamp":1795446579039}}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestEMFSaysWhatFailed(t *testing.T) {
	t.Parallel()
	if err := announce.EMF(brokenPipe{}, time.Time{}, nil); err == nil || err.Error() != "write metrics: broken pipe" {
		t.Errorf("error %v", err)
	}
}
