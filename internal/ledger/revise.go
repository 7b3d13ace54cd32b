package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Reviser is the part of a Desk that Revise needs.
type Reviser interface {
	Read(ctx context.Context, cluster fleet.ClusterName) (Cluster, error)
	Change(ctx context.Context, c Change) error
}

const (
	// reviseTries is how often a revision is built anew. A claim and its closing
	// are two writes within a second, so the third try comes after both.
	reviseTries = 5
	// reviseWait is the pause before the second try; each further one doubles it.
	reviseWait = 30 * time.Millisecond
)

// Revise writes what edit makes of the cluster, and where somebody else was
// faster, of the cluster as it is then: a person's word must go through whatever
// claims are made meanwhile. c is the cluster as read before. Once Revise has
// returned nil, no claim goes through that had not seen the change.
//
// A change with neither edits nor a control is not written.
func Revise(ctx context.Context, d Reviser, c Cluster, edit func(Cluster) (Change, error)) error {
	var lost error
	for try := range reviseTries {
		if try > 0 {
			if err := pause(ctx, reviseWait<<(try-1)); err != nil {
				return errors.Join(err, lost)
			}
			now, err := d.Read(ctx, c.Name)
			if err != nil {
				return fmt.Errorf("read cluster %s again: %w", c.Name, err)
			}
			c = now
		}
		change, err := edit(c)
		if err != nil || len(change.Edits) == 0 && change.Control == nil {
			return err
		}
		if lost = d.Change(ctx, change); !errors.Is(lost, ErrConflict) {
			return lost
		}
	}
	return fmt.Errorf("lost %d races in a row, nothing was written: %w", reviseTries, lost)
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another try: %w", ctx.Err())
	}
}
