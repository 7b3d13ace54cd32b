package reconcile

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Report is what one run saw and did. A manual invoke gets it as its answer.
type Report struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Via     string    `json:"via,omitempty"`
	EventID string    `json:"eventId,omitempty"`
	DryRun  bool      `json:"dryRun,omitempty"`
	// Override tells what a person's override or resume wrote, Control the same of
	// the global stop.
	Override *OverrideReport `json:"override,omitempty"`
	Control  *ControlReport  `json:"control,omitempty"`
	// Cells are the cells evaluated, the most urgent first.
	Cells []CellReport `json:"cells"`
	// Drains are the removals of instances that were looked at, with what was done.
	Drains []DrainReport `json:"drains,omitempty"`
	// Calm counts the targets that were not due at this tick.
	Calm int `json:"calm,omitempty"`
	// Left counts the cells that the deadline left to the next tick.
	Left int `json:"left,omitempty"`
	// Unmatched names alarms and services that no stored policy reads.
	Unmatched []string `json:"unmatched,omitempty"`
	// Error joins what failed in the run.
	Error string `json:"error,omitempty"`
}

// Told tells whether the report says of anything that was done or decided.
func (r Report) Told() bool {
	return len(r.Cells) > 0 || len(r.Drains) > 0 || r.Override != nil || r.Control != nil
}

// OverrideReport is what an override or a resume wrote, or would write.
type OverrideReport struct {
	ledger.Overriding
	// Written is false for a dry run, and where there was nothing to end.
	Written bool `json:"written"`
}

// ControlReport is what a stop or a start wrote, or would write.
type ControlReport struct {
	ledger.Switching
	// Written is false for a dry run, and where nothing was stopped.
	Written bool `json:"written"`
}

// CellReport is the decision about one cell and what came of it.
type CellReport struct {
	Cell     fleet.Cell      `json:"cell"`
	Decision policy.Decision `json:"decision"`
	Outcomes []Outcome       `json:"outcomes"`
	// Lost is true when another writer won the cell twice; the next tick decides anew.
	Lost  bool   `json:"lost,omitempty"`
	Error string `json:"error,omitempty"`
	// Input is everything the decision rests on, given to manual invokes.
	Input *policy.Input `json:"input,omitempty"`
}

// Done says what came of a decision for one target.
type Done string

// What can come of a decision.
const (
	Held      Done = "held"      // nothing was to be ordered
	Observed  Done = "observed"  // observe mode: recorded, not ordered
	WouldDo   Done = "wouldDo"   // dry run: nothing was written or ordered
	OrderDone Done = "ordered"   // the order was accepted
	OrderFail Done = "refused"   // the order was refused by AWS; nothing changed
	OrderMoot Done = "moot"      // somebody changed the target since it was read: nothing was ordered
	OrderOpen Done = "uncertain" // the order timed out: it may have been carried out
)

// Outcome is what came of a decision for one target.
type Outcome struct {
	Target  fleet.Target `json:"target"`
	Mode    spec.Mode    `json:"mode"`
	Done    Done         `json:"done"`
	Before  int          `json:"before"`
	Desired int          `json:"desired"`
	Reason  string       `json:"reason"`
	Because string       `json:"because"`
	Words   string       `json:"words,omitempty"` // what AWS answered
	ID      string       `json:"id,omitempty"`    // of the claim
	// Drains are the instances to drain, Undo those whose drain is given back.
	Drains []fleet.InstanceID `json:"drains,omitempty"`
	Undo   []fleet.InstanceID `json:"undo,omitempty"`
}

// maxAnswer keeps an answer well inside the 6 MB that Lambda returns.
const maxAnswer = 5 << 20

// Answer gives the report as a manual invoke gets it. The inputs of a cell of
// hundreds of services pass what Lambda returns; the decisions are then answered
// without them, since an order may have been given and must be told.
func (r Report) Answer() ([]byte, error) {
	out, err := json.Marshal(r)
	if err == nil && len(out) > maxAnswer {
		r.Cells = slices.Clone(r.Cells)
		for i := range r.Cells {
			r.Cells[i].Input = nil
		}
		out, err = json.Marshal(r)
	}
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return out, nil
}
