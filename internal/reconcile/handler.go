package reconcile

import (
	"context"
	"log/slog"

	"github.com/trimtab-ecs/trimtab/internal/event"
)

// Handler answers the invocations of a Lambda function.
type Handler struct {
	// Run handles one event.
	Run func(context.Context, event.Event) (Report, error)
	// Refuses tells why a document that can be read is not for this function; nil where it is.
	Refuses func(event.Event) error
	Log     *slog.Logger
}

// Invoke decodes the invocation and runs what it is about. It takes the raw
// bytes: the JSON decoder of lambda.Start reads the first document of two and
// says nothing of the second.
func (h Handler) Invoke(ctx context.Context, raw []byte) ([]byte, error) {
	ev, err := event.Decode(raw)
	if err != nil {
		return nil, err
	}
	if ev.Kind == event.Batch {
		return h.messages(ctx, ev)
	}
	if err := h.Refuses(ev); err != nil {
		return nil, err
	}
	rep, err := h.Run(ctx, ev)
	// A person who invokes by hand gets the whole report, the error in it: an
	// order may have been given, or an override written, before something failed.
	// Everyone else's invocation fails, so that Lambda counts it and tries again.
	if err != nil && (ev.Via != event.ViaInvoke || !rep.Told()) {
		return nil, err
	}
	return rep.Answer()
}
