package plant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/ledger/ledgertest"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

func TestLedgerConformance(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return begin() }
	for name, fault := range map[string]plant.Fault{
		"honest": nil,
		// Each call in turn: a throttle, a conflict, a lost reply, then an answer.
		"in turn": func(c plant.Call) error {
			return []error{plant.ErrThrottled, plant.ErrTransactionConflict, plant.ErrReplyLost, nil}[(c.N-1)%4]
		},
		"lost replies": func(c plant.Call) error {
			return []error{plant.ErrReplyLost, plant.ErrReplyLost, plant.ErrReplyLost, nil}[(c.N-1)%4]
		},
		"by chance": plant.Any(
			plant.Chance(1, 0.02, plant.ErrThrottled), plant.Chance(2, 0.02, plant.ErrTransactionConflict), plant.Chance(3, 0.02, plant.ErrReplyLost),
		),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledgertest.Run(t, func(*testing.T) ledgertest.Pair {
				l := plant.NewLedger(ledger.NewMemory(), fault, now)
				return ledgertest.Pair{Book: l, Desk: l, Drains: l, Unavailable: 3}
			})
		})
	}
}

func TestLedgerGivesUp(t *testing.T) {
	t.Parallel()
	tries := 0
	l := plant.NewLedger(ledger.NewMemory(), func(plant.Call) error {
		tries++
		return plant.ErrThrottled
	}, begin)
	_, err := l.Read(t.Context(), "demo")
	if !errors.Is(err, ledger.ErrUnavailable) || tries != 5 {
		t.Errorf("%d tries ended with %v, want 5 and ErrUnavailable", tries, err)
	}
}

// A change whose reply is lost to the end has happened all the same.
func TestLedgerLostReplyWrites(t *testing.T) {
	t.Parallel()
	lose := true
	l := plant.NewLedger(ledger.NewMemory(), func(c plant.Call) error {
		if lose && c.Op == "Change" {
			return plant.ErrReplyLost
		}
		return nil
	}, begin)
	stop := ledger.Change{Cluster: "demo", Control: &ledger.Control{Stop: true, By: "ops"}}
	if err := l.Change(t.Context(), stop); !errors.Is(err, ledger.ErrUnavailable) {
		t.Fatalf("a change whose replies are all lost answered %v", err)
	}
	lose = false
	c, err := l.Read(t.Context(), fleet.ClusterName("demo"))
	if err != nil || !c.Control.Stop || c.Control.Generation != 1 {
		t.Errorf("the control is %+v (%v), want stop at generation 1", c.Control, err)
	}
}
