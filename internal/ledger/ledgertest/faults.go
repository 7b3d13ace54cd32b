package ledgertest

import (
	"context"
	"errors"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func faultCases() []testCase {
	return []testCase{
		{"faults: a call whose context has ended writes nothing by halves", contextEnded},
		{"faults: a repeat that comes too late conflicts", repeatTooLate},
		{"faults: a write cut off at any time is whole or absent", cutOff},
	}
}

// cut checks the answer of a call whose context ended.
func (w *world) cut(err error) {
	w.Helper()
	if w.pair.Conflicts > 0 && errors.Is(err, ledger.ErrConflict) {
		return // injected
	}
	if !errors.Is(err, ledger.ErrUnavailable) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		w.Fatalf("want ErrUnavailable or the context's error, got %v", err)
	}
}

func contextEnded(w *world) {
	rows := w.create(group("g"), service("a"), service("b"))
	claim := claimOf("c1", base(), rows[0], rows[1])
	ended := gone(w.Context())
	w.unchanged(func() {
		w.cut(w.pair.Book.Claim(ended, claim))
		w.cut(w.pair.Book.Claim(ended, claimOf("c2", base(), rows[2])))
		w.cut(w.pair.Book.Note(ended, noteOf(rows[2], "r")))
		w.cut(w.pair.Book.Note(ended, learntOf(rows[2], 1)))
		w.cut(w.pair.Desk.Change(ended, ledger.Change{Cluster: prod, Edits: []ledger.Edit{
			{Target: rows[0].Target, Generation: 1, Remove: true}, {Target: service("new"), Policy: policyOf(service("new"), 1)},
		}}))
	})
	w.must(w.claim(claim))
	w.unchanged(func() { w.cut(w.pair.Book.Close(ended, closingOf(claim, base()))) })
	_, err := w.pair.Book.Read(ended, prod)
	w.cut(err)
	_, err = w.pair.Book.Clusters(ended)
	w.cut(err)
	_, err = w.pair.Desk.Records(ended, rows[0].Target, time.Time{}, 1)
	w.cut(err)
}

// repeatTooLate repeats each write after each later one: what is no longer the
// last word of its row is not a success.
func repeatTooLate(w *world) {
	if w.pair.Remembers {
		w.Skip("this ledger knows repeats for a while by their content")
	}
	t := service("web")
	o := []spec.Override{pause(base())}
	rowAt := func(generation int64) ledger.Row { return ledger.Row{Target: t, Generation: generation} }
	claim := claimOf("c1", base(), rowAt(3))
	writes := []func() error{
		func() error {
			return w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Policy: policyOf(t, 1)}}})
		},
		func() error { return w.note(noteOf(rowAt(1), "first")) },
		func() error {
			return w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Generation: 2, Overrides: &o}}})
		},
		func() error { return w.claim(claim) },
		func() error { return w.close(closingOf(claim, base())) },
		func() error { return w.note(noteOf(rowAt(5), "second")) },
		func() error { return w.note(learntOf(rowAt(6), 1)) },
		func() error {
			return w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Generation: 7, Remove: true}}})
		},
	}
	for i, write := range writes {
		w.must(write())
		for _, earlier := range writes[:i] {
			if i < len(writes)-1 { // once the row is gone, its creation is one again
				w.unchanged(func() { w.conflicts(earlier()) })
			}
		}
		w.unchanged(func() { w.must(write()) })
	}
}

// cutOff lets contexts end during the calls. Whatever the answer, all rows have
// moved or none has, and the same call made again settles it.
func cutOff(w *world) {
	rows := w.create(group("g"), service("a"), service("b"))
	for i := range 20 {
		at := base().Add(time.Duration(i) * time.Hour)
		c := claimOf("c", at, rows...)
		ctx, cancel := context.WithTimeout(w.Context(), time.Duration(i)*300*time.Microsecond)
		err := w.pair.Book.Claim(ctx, c)
		cancel()
		if err != nil {
			w.cut(err)
		}
		stored := w.read(prod)
		moved := stored.Row(rows[0].Target).Generation == rows[0].Generation+1
		if err == nil && !moved {
			w.Fatal("the claim succeeded and is not stored")
		}
		for _, r := range rows {
			if got := stored.Row(r.Target); (got.Generation == r.Generation+1) != moved || (got.Intent != nil) != moved {
				w.Fatalf("half written: %s is %+v", r.Target, got)
			}
		}
		w.must(w.claim(c))
		w.must(w.close(closingOf(c, at)))
		for j, r := range rows {
			rows[j] = w.row(r.Target)
			if rows[j].Generation != r.Generation+2 {
				w.Fatalf("want %s at generation %d, got %d", r.Target, r.Generation+2, rows[j].Generation)
			}
		}
	}
}
