package main

import (
	"context"
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
		return reconcile.Messages(ctx, h.log, ev, h.run)
	}
	if ev.Via == event.ViaInvoke && ev.Kind != event.Drain && ev.Kind != event.TickAll {
		return nil, fmt.Errorf("this function drains instances and takes the payloads drain and tick: send %s to the reconcile function", ev.Kind)
	}
	rep, err := h.run(ctx, ev)
	if err != nil && (ev.Via != event.ViaInvoke || !rep.Told()) {
		return nil, err
	}
	return rep.Answer()
}
