package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/trimtab-ecs/trimtab/internal/event"
)

// messages runs the events of a batch one by one and answers the queue with the
// messages that are to be delivered again. Such an invocation succeeds whatever
// fails in it, so the log alone tells why.
func (h Handler) messages(ctx context.Context, ev event.Event) ([]byte, error) {
	for _, one := range ev.Batch {
		if one.Refused() {
			h.Log.LogAttrs(ctx, slog.LevelError, "message refused",
				slog.String("messageId", one.MessageID), slog.String("because", one.Reason))
		}
	}
	out, err := json.Marshal(ev.EachMessage(func(one event.Event) error {
		_, err := h.Run(ctx, one)
		if err != nil {
			h.Log.LogAttrs(ctx, slog.LevelError, "message failed",
				slog.String("messageId", one.MessageID), slog.String("error", err.Error()))
		}
		return err
	}))
	if err != nil {
		return nil, fmt.Errorf("encode the answer to a queue: %w", err)
	}
	return out, nil
}
