package plant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Book is a whole ledger: the staircase's side, the drains' and the people's.
type Book interface {
	ledger.Book
	ledger.Drains
	Change(ctx context.Context, c ledger.Change) error
	Records(ctx context.Context, t fleet.Target, before time.Time, limit int) ([]ledger.Record, error)
}

// attempts is how often one call of the ledger is tried, as the AWS SDK's
// standard retryer is set for DynamoDB here: the first and four more. They take
// no virtual time.
const attempts = 5

// Ledger is a ledger behind a DynamoDB that throttles, meets transaction
// conflicts and loses replies. It retries as the AWS SDK does, with the same
// request token, and gives up with ledger.ErrUnavailable.
type Ledger struct {
	book  Book
	fault Fault
	now   func() time.Time

	mu    sync.Mutex
	calls map[string]int
}

// NewLedger puts a fault, nil for none, before a ledger.
func NewLedger(book Book, fault Fault, now func() time.Time) *Ledger {
	if fault == nil {
		fault = func(Call) error { return nil }
	}
	return &Ledger{book: book, fault: fault, now: now, calls: map[string]int{}}
}

func (l *Ledger) fate(op string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[op]++
	return l.fault(Call{API: DynamoDB, Op: op, At: l.now(), N: l.calls[op]})
}

// try calls the ledger until an answer arrives. What the ledger itself answers
// is final, unless that answer is the one that gets lost. A call that succeeded
// is not made again: its token lets DynamoDB repeat the answer, whatever others
// have written since.
func (l *Ledger) try(ctx context.Context, op string, do func() error) error {
	var last error
	done := false
	for range attempts {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w: %w", op, ledger.ErrUnavailable, err)
		}
		fate := l.fate(op)
		if done && fate == nil {
			return nil
		}
		if fate == nil {
			return do()
		}
		if errors.Is(fate, ErrReplyLost) && !done {
			done = do() == nil
		}
		last = fate
	}
	return fmt.Errorf("%s: %w after %d attempts: %w", op, ledger.ErrUnavailable, attempts, last)
}

// Clusters lists the clusters that have rows.
func (l *Ledger) Clusters(ctx context.Context) ([]fleet.ClusterName, error) {
	var out []fleet.ClusterName
	err := l.try(ctx, "Clusters", func() (err error) {
		out, err = l.book.Clusters(ctx)
		return err
	})
	return out, err
}

// Read gives everything of one cluster.
func (l *Ledger) Read(ctx context.Context, cluster fleet.ClusterName) (ledger.Cluster, error) {
	var out ledger.Cluster
	err := l.try(ctx, "Read", func() (err error) {
		out, err = l.book.Read(ctx, cluster)
		return err
	})
	return out, err
}

// Claim takes a cell.
func (l *Ledger) Claim(ctx context.Context, c ledger.Claim) error {
	return l.try(ctx, "Claim", func() error { return l.book.Claim(ctx, c) })
}

// Close ends a claim.
func (l *Ledger) Close(ctx context.Context, c ledger.Closing) error {
	return l.try(ctx, "Close", func() error { return l.book.Close(ctx, c) })
}

// Note stores a changed hold reason and what was learnt.
func (l *Ledger) Note(ctx context.Context, n ledger.Note) error {
	return l.try(ctx, "Note", func() error { return l.book.Note(ctx, n) })
}

// WriteDrain stores the removal of an instance.
func (l *Ledger) WriteDrain(ctx context.Context, d ledger.Drain) error {
	return l.try(ctx, "WriteDrain", func() error { return l.book.WriteDrain(ctx, d) })
}

// Change edits a cluster.
func (l *Ledger) Change(ctx context.Context, c ledger.Change) error {
	return l.try(ctx, "Change", func() error { return l.book.Change(ctx, c) })
}

// Records gives the records of a target.
func (l *Ledger) Records(ctx context.Context, t fleet.Target, before time.Time, limit int) ([]ledger.Record, error) {
	var out []ledger.Record
	err := l.try(ctx, "Records", func() (err error) {
		out, err = l.book.Records(ctx, t, before, limit)
		return err
	})
	return out, err
}
