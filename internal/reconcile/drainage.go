package reconcile

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Drainage walks the removals of instances one step further: it reads each row
// and the world, and does what the row says next. It keeps nothing between runs.
type Drainage struct {
	Book     ledger.Book
	Drains   ledger.Drains
	Services Services
	Hosts    Hosts
	Groups   Groups
	// Activities and Exits are Auto Scaling's as well, with permissions of their own.
	Activities Activities
	Exits      Exits
	Notices    Notices
	Log        *slog.Logger
	// Metrics takes one line of CloudWatch embedded metric format per run.
	Metrics io.Writer
	// Now is the clock; NewID names a claim uniquely.
	Now   func() time.Time
	NewID func() string
	// Mode is the ceiling of every group's mode.
	Mode spec.Mode
}

// Run advances every removal that the event is about.
func (d *Drainage) Run(ctx context.Context, ev event.Event) (Report, error) {
	return Report{}, errors.New("not built yet")
}
