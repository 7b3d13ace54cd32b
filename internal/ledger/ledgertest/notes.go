package ledgertest

import (
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func noteCases() []testCase {
	return []testCase{
		{"note: stores reason and record", noteStored},
		{"note: stores what was learnt, with a reason and alone", noteLearnt},
		{"note: a row that moved, leased or missing makes it fail", noteConflicts},
		{"note: a repeated note is a success", noteRepeated},
		{"note: a repeated note of what was learnt is a success", learntRepeated},
		{"note: misused notes are refused", badNotes},
	}
}

// noteOf notes a reason on the row, with its record.
func noteOf(row ledger.Row, because string) ledger.Note {
	r := recordOf(row.Target, row.Generation+1, base(), "note-"+because)
	r.Kind, r.Because = ledger.Holding, because
	return ledger.Note{Target: row.Target, Generation: row.Generation, Reason: new(reasonOf(because)), Record: &r}
}

// learntOf notes that a service rate and the count of an hour were learnt, and no more.
func learntOf(row ledger.Row, perTask float64) ledger.Note {
	h := row.History.WithRate(history.Rate{Policy: "queue <jobs>", PerTask: perTask, At: base(), Periods: 3})
	h.Hours, _ = h.Hours.See(base(), 40)
	return ledger.Note{Target: row.Target, Generation: row.Generation, History: &h}
}

func noteLearnt(w *world) {
	row := w.create(service("web"))[0]
	w.must(w.note(noteOf(row, "first")))
	w.must(w.claim(claimOf("c1", base(), w.row(row.Target))))
	w.must(w.close(closingOf(claimOf("c1", base(), ledger.Row{Target: row.Target, Generation: 2}), base())))
	row = w.row(row.Target)
	records := w.records(row.Target, time.Time{}, 9)
	if row.Reason == nil || len(row.History.Orders) == 0 || len(records) != 2 {
		w.Fatalf("want a row with a reason, orders and two records, got %+v and %v", row, records)
	}
	// Alone it leaves reason and records as they are.
	n := learntOf(row, 0.25)
	w.must(w.note(n))
	row.Generation++
	row.History = *n.History
	w.same(row, w.row(row.Target))
	w.same(records, w.records(row.Target, time.Time{}, 9))
	// With a reason all of it is stored.
	both := noteOf(row, "both")
	both.History = learntOf(row, 0.5).History
	w.must(w.note(both))
	row.Generation++
	row.History, row.Reason = *both.History, both.Reason
	w.same(row, w.row(row.Target))
	w.same([]ledger.Record{*both.Record}, w.records(row.Target, time.Time{}, 1))
	// A reason alone keeps what was learnt.
	w.must(w.note(noteOf(row, "last")))
	w.same(*both.History, w.row(row.Target).History)
	// Nothing is shared with the caller.
	both.History.Rates[0].PerTask = 99
	w.same(0.5, w.row(row.Target).History.Rates[0].PerTask)
}

// learntRepeated is the lost reply of a note without a record: only the row
// itself tells that it is stored.
func learntRepeated(w *world) {
	rows := w.create(service("web"), service("api"))
	n := learntOf(rows[0], 0.25)
	w.must(w.note(n))
	w.unchanged(func() { w.must(w.note(n)) })
	w.unchanged(func() { w.conflicts(w.note(learntOf(rows[0], 0.5))) })
	// A claim that came first with the very same history is not the note.
	other := learntOf(rows[1], 0.25)
	claim := claimOf("c1", base(), rows[1])
	claim.Entries[0].History = *other.History
	w.must(w.claim(claim))
	w.unchanged(func() { w.conflicts(w.note(other)) })
}

func noteStored(w *world) {
	row := w.create(service("web"))[0]
	for _, because := range []string{"first", "second"} {
		n := noteOf(row, because)
		w.must(w.note(n))
		row.Generation++
		row.Reason = n.Reason
		w.same(row, w.row(row.Target))
		w.same([]ledger.Record{*n.Record}, w.records(row.Target, time.Time{}, 1))
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
		w.conflicts(w.note(learntOf(rows[0], 1)))
		w.conflicts(w.note(learntOf(w.row(rows[1].Target), 1)))
		w.conflicts(w.note(learntOf(ledger.Row{Target: service("ghost"), Generation: 1}, 1)))
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
	n.Reason = new(reasonOf("another, with the first's record"))
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
		"at least 1":           note(func(n *ledger.Note) { n.Generation = 0 }),
		"must agree":           note(func(n *ledger.Note) { n.Record.Target = service("other") }),
		"must have 2":          note(func(n *ledger.Note) { n.Record.Generation = 1 }),
		"not JSON":             note(func(n *ledger.Note) { n.Record.Input = []byte("{") }),
		"goes with its record": note(func(n *ledger.Note) { n.Record = nil }),
		"alone":                note(func(n *ledger.Note) { n.Reason = nil }),
		"nothing to note":      {Target: row.Target, Generation: row.Generation},
	} {
		w.unchanged(func() { w.refuses(w.note(n), words) })
	}
	big := note(func(n *ledger.Note) { n.Reason.Because = string(make([]byte, ledger.MaxItemBytes)) })
	w.unchanged(func() { w.tooLarge(w.note(big), row.Target) })
	much := learntOf(row, 1)
	much.History.Rates[0].Policy = strings.Repeat("x", ledger.MaxItemBytes)
	w.unchanged(func() { w.tooLarge(w.note(much), row.Target) })
}
