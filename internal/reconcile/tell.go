package reconcile

import (
	"context"
	"log/slog"

	"github.com/trimtab-ecs/trimtab/internal/announce"
)

// announceCell logs the decisions of one cell as soon as they are settled: an
// invocation that is killed later has still told what it did.
func (s *Stair) announceCell(ctx context.Context, c CellReport) {
	for _, o := range c.Outcomes {
		announce.Log(ctx, s.Log, announce.Decision{
			Target: o.Target.String(), Mode: string(o.Mode), Done: string(o.Done), Before: o.Before, Desired: o.Desired,
			Reason: o.Reason, Because: o.Because, ID: o.ID,
		})
	}
}

// announceRun logs the run and writes its metrics. Heartbeat is 1 in every run:
// its absence is what an alarm can watch.
func (s *Stair) announceRun(ctx context.Context, rep Report, err error) {
	var orders, holds, refusals, lost, failed float64
	for _, c := range rep.Cells {
		if c.Lost {
			lost++
		}
		if c.Error != "" || c.Decision.Unreadable() {
			failed++
		}
		for _, o := range c.Outcomes {
			switch o.Done {
			case OrderDone:
				orders++
			case Held, Observed, OrderMoot:
				holds++
			case OrderFail, OrderOpen:
				refusals++
			case WouldDo: // a question changes nothing, not even the metrics
			}
		}
	}
	if err != nil {
		failed = max(failed, 1)
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "run",
		slog.String("event", rep.Event), slog.String("via", rep.Via), slog.String("eventId", rep.EventID),
		slog.Int("cells", len(rep.Cells)), slog.Int("calm", rep.Calm), slog.Int("left", rep.Left),
		slog.Any("unmatched", rep.Unmatched))
	if s.Metrics == nil {
		return
	}
	merr := announce.EMF(s.Metrics, rep.At, []announce.Metric{
		{Name: "Heartbeat", Value: 1, Unit: "Count"},
		{Name: "Evaluations", Value: float64(len(rep.Cells)), Unit: "Count"},
		{Name: "Orders", Value: orders, Unit: "Count"},
		{Name: "Holds", Value: holds, Unit: "Count"},
		{Name: "OrdersRefused", Value: refusals, Unit: "Count"},
		{Name: "LostRaces", Value: lost, Unit: "Count"},
		{Name: "Unmatched", Value: float64(len(rep.Unmatched)), Unit: "Count"},
		{Name: "LeftToNextTick", Value: float64(rep.Left), Unit: "Count"},
		{Name: "Failures", Value: failed, Unit: "Count"},
	})
	if merr != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "metrics", slog.String("error", merr.Error()))
	}
}
