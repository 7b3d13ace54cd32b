package ledgertest

import (
	"errors"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func controlCases() []testCase {
	return []testCase{
		{"control: set, read and conditional on its generation", controlSet},
		{"control: a stop between read and claim does not stop the claim", stopDuringClaim},
		{"control: too large is refused", controlTooLarge},
	}
}

func controlSet(w *world) {
	stop := ledger.Control{Stop: true, Why: "incident 7", By: "zoë", At: base()}
	w.must(w.change(ledger.Change{Cluster: prod, Control: &stop}))
	stored := stop
	stored.Generation = 1
	w.same(ledger.Cluster{Name: prod, Control: stored}, w.read(prod))
	if got := w.clusters(); len(got) != 0 {
		w.Fatalf("a cluster without rows must not be listed, got %v", got)
	}
	// The same word again is the same write; another one was not conditional on this.
	w.unchanged(func() { w.must(w.change(ledger.Change{Cluster: prod, Control: &stop})) })
	w.unchanged(func() {
		w.conflicts(w.change(ledger.Change{Cluster: prod, Control: &ledger.Control{By: "another"}}))
	})
	w.unchanged(func() {
		w.conflicts(w.change(ledger.Change{Cluster: prod, Control: &ledger.Control{Generation: 2}}))
	})
	w.must(w.change(ledger.Change{Cluster: prod, Control: &ledger.Control{Generation: 1, By: "zoë"}}))
	w.same(ledger.Control{Generation: 2, By: "zoë"}, w.read(prod).Control)
}

// stopDuringClaim holds what the design says: the stop holds for every run that
// starts after it returns, so it moves no row under a run that has begun.
func stopDuringClaim(w *world) {
	row := w.create(service("web"))[0]
	w.must(w.change(ledger.Change{Cluster: prod, Control: &ledger.Control{Stop: true}}))
	w.same(row, w.row(row.Target))
	w.must(w.claim(claimOf("c1", base(), row)))
	if c := w.read(prod); !c.Control.Stop {
		w.Fatalf("a run that starts now must see the stop, got %+v", c.Control)
	}
}

func controlTooLarge(w *world) {
	w.unchanged(func() {
		err := w.change(ledger.Change{Cluster: prod, Control: &ledger.Control{Why: string(make([]byte, ledger.MaxItemBytes))}})
		if !errors.Is(err, ledger.ErrTooLarge) {
			w.Fatalf("want ErrTooLarge, got %v", err)
		}
	})
}
