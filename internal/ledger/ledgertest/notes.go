package ledgertest

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func noteCases() []testCase {
	return []testCase{
		{"note: stores reason and record", noteStored},
		{"note: a row that moved, leased or missing makes it fail", noteConflicts},
		{"note: a repeated note is a success", noteRepeated},
		{"note: misused notes are refused", badNotes},
	}
}

// noteOf notes a reason on the row, with its record.
func noteOf(row ledger.Row, because string) ledger.Note {
	r := recordOf(row.Target, row.Generation+1, base(), "note-"+because)
	r.Kind, r.Because = ledger.Holding, because
	return ledger.Note{Target: row.Target, Generation: row.Generation, Reason: reasonOf(because), Record: r}
}

func noteStored(w *world) {
	row := w.create(service("web"))[0]
	for _, because := range []string{"first", "second"} {
		n := noteOf(row, because)
		w.must(w.note(n))
		row.Generation++
		row.Reason = &n.Reason
		w.same(row, w.row(row.Target))
		w.same([]ledger.Record{n.Record}, w.records(row.Target, time.Time{}, 1))
	}
}

func noteConflicts(w *world) {
	rows := w.create(service("a"), service("b"))
	w.must(w.note(noteOf(rows[0], "first")))
	w.must(w.claim(claimOf("c1", base(), rows[1])))
	w.unchanged(func() {
		w.conflicts(w.note(noteOf(rows[0], "stale")))
		w.conflicts(w.note(noteOf(w.row(rows[1].Target), "leased")))
		w.conflicts(w.note(noteOf(ledger.Row{Target: service("ghost"), Generation: 1}, "missing")))
	})
	for t, want := range map[fleet.Target]int{rows[0].Target: 1, rows[1].Target: 0, service("ghost"): 0} {
		if n := len(w.records(t, time.Time{}, 9)); n != want {
			w.Fatalf("want %d records of %s, got %d", want, t, n)
		}
	}
}

// noteRepeated is the lost reply of a note: asked again, it is the same note.
func noteRepeated(w *world) {
	row := w.create(service("web"))[0]
	n := noteOf(row, "first")
	w.must(w.note(n))
	w.unchanged(func() { w.must(w.note(n)) })
	w.unchanged(func() { w.conflicts(w.note(noteOf(row, "another"))) })
	n.Reason = reasonOf("another, with the first's record")
	w.unchanged(func() { w.conflicts(w.note(n)) })
	if got := len(w.records(row.Target, time.Time{}, 9)); got != 1 {
		w.Fatalf("want one record, got %d", got)
	}
}

func badNotes(w *world) {
	row := w.create(service("web"))[0]
	note := func(change func(*ledger.Note)) ledger.Note {
		n := noteOf(row, "r")
		change(&n)
		return n
	}
	for words, n := range map[string]ledger.Note{
		"at least 1":  note(func(n *ledger.Note) { n.Generation = 0 }),
		"must agree":  note(func(n *ledger.Note) { n.Record.Target = service("other") }),
		"must have 2": note(func(n *ledger.Note) { n.Record.Generation = 1 }),
		"not JSON":    note(func(n *ledger.Note) { n.Record.Input = []byte("{") }),
	} {
		w.unchanged(func() { w.refuses(w.note(n), words) })
	}
	big := note(func(n *ledger.Note) { n.Reason.Because = string(make([]byte, ledger.MaxItemBytes)) })
	w.unchanged(func() { w.tooLarge(w.note(big), row.Target) })
}
