package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// handler walks the drainage; run is its Run.
type handler struct {
	run func(context.Context, event.Event) (reconcile.Report, error)
	log *slog.Logger
}

// Invoke decodes the invocation and advances what it is about. Like that of
// reconcile, it takes the raw bytes, and gives a person the report with the
// error in it.
func (h handler) Invoke(ctx context.Context, raw []byte) ([]byte, error) {
	ev, err := event.Decode(raw)
	if err != nil {
		return nil, err
	}
	if ev.Kind == event.Batch {
		return h.batch(ctx, ev)
	}
	rep, err := h.run(ctx, ev)
	if err != nil && (ev.Via != event.ViaInvoke || !rep.Told()) {
		return nil, err
	}
	return rep.Answer()
}

// batch runs the messages of a queue one by one and answers with those that are
// to be delivered again: the invocation succeeds, so nobody else tells why.
func (h handler) batch(ctx context.Context, ev event.Event) ([]byte, error) {
	for _, one := range ev.Batch {
		if one.Refused() {
			h.log.LogAttrs(ctx, slog.LevelError, "message refused",
				slog.String("messageId", one.MessageID), slog.String("because", one.Reason))
		}
	}
	answer := ev.EachMessage(func(one event.Event) error {
		_, err := h.run(ctx, one)
		if err != nil {
			h.log.LogAttrs(ctx, slog.LevelError, "message failed",
				slog.String("messageId", one.MessageID), slog.String("error", err.Error()))
		}
		return err
	})
	out, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode the answer to a queue: %w", err)
	}
	return out, nil
}
