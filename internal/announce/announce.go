// Package announce gives what happened in a run to the logs, as one line per
// decision, and to CloudWatch, as one line of embedded metric format per run.
package announce

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

// Namespace is the CloudWatch namespace of the metrics.
const Namespace = "Trimtab"

// Decision is one decision as it is logged. Every evaluation is, also a hold:
// a steady fleet explains itself in the log without a write to the ledger.
type Decision struct {
	Target  string
	Mode    string
	Done    string
	Before  int
	Desired int
	Reason  string
	Because string
	ID      string
}

// Log writes the decision as one line: orders and refusals at Info, what was
// refused or left open at Warn.
func Log(ctx context.Context, log *slog.Logger, d Decision) {
	level := slog.LevelInfo
	if d.Done == "refused" || d.Done == "uncertain" {
		level = slog.LevelWarn
	}
	log.LogAttrs(ctx, level, "decision",
		slog.String("target", d.Target), slog.String("mode", d.Mode), slog.String("done", d.Done),
		slog.String("direction", string(history.Toward(d.Before, d.Desired))),
		slog.Int("before", d.Before), slog.Int("desired", d.Desired),
		slog.String("reason", d.Reason), slog.String("because", d.Because), slog.String("id", d.ID))
}

// Metric is one value of a run.
type Metric struct {
	Name  string
	Value float64
	Unit  string // CloudWatch's: Count, Milliseconds
}

type emfMetric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

type emfDirective struct {
	Namespace  string      `json:"Namespace"`
	Dimensions [][]string  `json:"Dimensions"`
	Metrics    []emfMetric `json:"Metrics"`
}

// EMF writes the metrics as one line of CloudWatch embedded metric format,
// without dimensions; Lambda's log group turns it into metrics with no call.
func EMF(w io.Writer, at time.Time, metrics []Metric) error {
	d := emfDirective{Namespace: Namespace, Dimensions: [][]string{{}}}
	line := map[string]any{}
	for _, m := range metrics {
		d.Metrics = append(d.Metrics, emfMetric{Name: m.Name, Unit: m.Unit})
		line[m.Name] = m.Value
	}
	line["_aws"] = map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []emfDirective{d}}
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode metrics: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}
