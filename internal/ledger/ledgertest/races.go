package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func raceCases() []testCase {
	return []testCase{
		{"race: of two claims one loses cleanly", twoClaims},
		{"race: of two overlapping cells one loses whole", twoCells},
		{"race: increments are exact", increments},
		{"race: a policy change and a claim", changeAgainstClaim},
	}
}

// together runs the calls at once and gives their errors in order.
func together(calls ...func() error) []error {
	errs := make([]error, len(calls))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() {
			<-start
			errs[i] = call()
		})
	}
	close(start)
	all.Wait()
	return errs
}

// winner gives the one call that did not conflict.
func (w *world) winner(errs []error) int {
	w.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case !errors.Is(err, ledger.ErrConflict):
			w.Fatalf("want one winner and conflicts, got %v", errs)
		}
	}
	if won < 0 {
		w.Fatalf("want a winner, got %v", errs)
	}
	return won
}

func twoClaims(w *world) {
	row := w.create(service("web"))[0]
	for round := range 8 {
		at := base().Add(time.Duration(round) * time.Hour)
		var claims []ledger.Claim
		var calls []func() error
		for i := range 4 {
			c := claimOf(fmt.Sprintf("r%d-%d", round, i), at, row)
			c.Entries[0].Intent.Desired = 10 + i
			claims = append(claims, c)
			calls = append(calls, func() error { return w.claim(c) })
		}
		won := w.winner(together(calls...))
		got := w.row(row.Target)
		if got.Generation != row.Generation+1 || got.Intent.ID != claims[won].ID || got.Intent.Desired != 10+won {
			w.Fatalf("want the claim of %s at generation %d, got %+v", claims[won].ID, row.Generation+1, got)
		}
		w.must(w.close(closingOf(claims[won], at)))
		row = w.row(row.Target)
	}
}

func twoCells(w *world) {
	rows := w.create(group("g"), group("h"), service("a"), service("b"), service("shared"))
	for round := range 6 {
		at := base().Add(time.Duration(round) * time.Hour)
		left := claimOf(fmt.Sprintf("left%d", round), at, rows[0], rows[2], rows[4])
		right := claimOf(fmt.Sprintf("right%d", round), at, rows[4], rows[3], rows[1])
		won, lost := left, right
		if w.winner(together(
			func() error { return w.claim(left) }, func() error { return w.claim(right) },
		)) == 1 {
			won, lost = right, left
		}
		for _, e := range won.Entries {
			if got := w.row(e.Target); got.Generation != e.Generation+1 || got.Intent.ID != won.ID {
				w.Fatalf("want %s claimed by %s, got %+v", e.Target, won.ID, got)
			}
		}
		for _, e := range lost.Entries {
			if got := w.row(e.Target); got.Intent != nil && got.Intent.ID == lost.ID {
				w.Fatalf("%s lost and holds %s", lost.ID, e.Target)
			}
		}
		w.must(w.close(closingOf(won, at)))
		c := w.read(prod)
		for i, r := range rows {
			rows[i] = c.Row(r.Target)
		}
	}
}

// increments counts in the row itself, read, add one, write if nobody else did:
// any lost or doubled write shows in the sum.
func increments(w *world) {
	const workers, each = 8, 6
	row := w.create(service("web"))[0]
	var calls []func() error
	for n := range workers {
		calls = append(calls, func() error {
			for i := range each {
				if err := w.addOne(row.Target, fmt.Sprintf("%d-%d", n, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.must(errors.Join(together(calls...)...))
	got := w.row(row.Target)
	if len(got.Overrides) != workers*each || got.Generation != 1+workers*each {
		w.Fatalf("want %d increments, got %d and generation %d", workers*each, len(got.Overrides), got.Generation)
	}
}

// addOne adds one override to those of a row, as often as it takes. A write whose
// reply was lost, and after which somebody else has moved the row, conflicts when
// it is repeated: whether it counted, only the row can tell.
func (w *world) addOne(t fleet.Target, by string) error {
	for {
		c, err := w.tryRead(t.Cluster)
		if err != nil {
			return err
		}
		r := c.Row(t)
		if slices.ContainsFunc(r.Overrides, func(o spec.Override) bool { return o.By == by }) {
			return nil
		}
		o := append(slices.Clone(r.Overrides), spec.Override{Kind: spec.MinAt, Count: 1, Until: base(), By: by})
		err = w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Generation: r.Generation, Overrides: &o}}})
		if !errors.Is(err, ledger.ErrConflict) {
			return err
		}
	}
}

func changeAgainstClaim(w *world) {
	rows := w.create(group("g"), service("web"))
	for round := range 6 {
		at := base().Add(time.Duration(round) * time.Hour)
		claim := claimOf(fmt.Sprintf("c%d", round), at, rows...)
		o := []spec.Override{pause(at)}
		edit := ledger.Edit{Target: rows[1].Target, Generation: rows[1].Generation, Overrides: &o}
		claimed := w.winner(together(
			func() error { return w.claim(claim) },
			func() error { return w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{edit}}) },
		)) == 0
		c := w.read(prod)
		for i, r := range rows {
			rows[i] = c.Row(r.Target)
			if (rows[i].Intent != nil) != claimed {
				w.Fatalf("claimed %t, but %s is %+v", claimed, r.Target, rows[i])
			}
		}
		if !claimed {
			w.same(o, rows[1].Overrides)
			continue
		}
		w.must(w.close(closingOf(claim, at)))
		rows[0], rows[1] = w.row(rows[0].Target), w.row(rows[1].Target)
	}
}
