package ledgertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func recordCases() []testCase {
	return []testCase{
		{"records: newest first, before a time, at most a number", recordsOrder},
		{"records: of one instant, by generation", recordsOfOneInstant},
		{"records: of several pages", recordsPaged},
		{"records: of targets that look alike stay apart", recordsApart},
		{"records: outlive the row", recordsOutlive},
		{"records: nothing is shared with the caller", recordsNotShared},
		{"records: misused requests are refused", badRecords},
	}
}

// written notes a reason at each time and gives the records, newest first.
func (w *world) written(t fleet.Target, at ...time.Time) []ledger.Record {
	w.Helper()
	row := w.create(t)[0]
	var all []ledger.Record
	for i, a := range at {
		n := noteOf(row, fmt.Sprintf("note %d", i))
		n.Record.At = a
		w.must(w.note(n))
		all = append(all, *n.Record)
		row.Generation++
	}
	slices.Reverse(all)
	return all
}

func recordsOrder(w *world) {
	t := service("web")
	if got := w.records(t, time.Time{}, 9); len(got) != 0 {
		w.Fatalf("want no records, got %v", got)
	}
	// Whole seconds, single nanoseconds and a longer fraction: their text must sort as they do.
	at := []time.Time{
		base().Truncate(time.Second), base().Truncate(time.Second).Add(1), base().Truncate(time.Second).Add(100 * time.Millisecond),
		base(), base().Add(time.Second), base().Add(10 * time.Hour), base().Add(24 * time.Hour),
	}
	all := w.written(t, at...)
	w.same(all, w.records(t, time.Time{}, 100))
	w.same(all, w.records(t, time.Time{}, len(all)))
	w.same(all[:3], w.records(t, time.Time{}, 3))
	for i, r := range all {
		w.same(all[i+1:], append([]ledger.Record{}, w.records(t, r.At, 100)...))
		w.same(all[i:], w.records(t, r.At.Add(1), 100))
	}
	zone := time.FixedZone("away", 5*3600)
	w.same(all[2:4], w.records(t, all[1].At.In(zone), 2))
}

func recordsOfOneInstant(w *world) {
	at := make([]time.Time, 12) // generations of one and of two digits
	for i := range at {
		at[i] = base()
	}
	all := w.written(service("web"), at...)
	w.same(all, w.records(service("web"), time.Time{}, 100))
}

// recordsPaged writes 1.8 MB, so that a Query of DynamoDB (1 MB a page) must page.
func recordsPaged(w *world) {
	const records, bytes = 6, 300_000
	row := w.create(service("web"))[0]
	var all []ledger.Record
	for i := range records {
		n := noteOf(row, "r")
		n.Record.At = base().Add(time.Duration(i) * time.Minute)
		n.Record.Input = []byte(`"` + strings.Repeat("x", bytes) + `"`)
		w.must(w.note(n))
		row.Generation++
		all = append(all, *n.Record)
	}
	slices.Reverse(all)
	w.same(all, w.records(row.Target, time.Time{}, 100))
	w.same(all[:5], w.records(row.Target, time.Time{}, 5))
}

func recordsApart(w *world) {
	alike := []fleet.Target{
		service("web"), group("web"), service("web-2"), fleet.ServiceKey{Cluster: "prod-2", Service: "web"}.Target(),
	}
	for _, t := range alike {
		want := w.written(t, base(), base().Add(time.Second))
		w.same(want, w.records(t, time.Time{}, 9))
	}
}

func recordsOutlive(w *world) {
	t := service("web")
	all := w.written(t, base())
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Generation: 2, Remove: true}}}))
	w.same(all, w.records(t, time.Time{}, 9))
}

func recordsNotShared(w *world) {
	row := w.create(service("web"))[0]
	n := noteOf(row, "r")
	want := *noteOf(row, "r").Record
	w.must(w.note(n))
	n.Record.Decision[2], n.Record.Input[1] = '!', '!'
	got := w.records(row.Target, time.Time{}, 1)
	w.same(want, got[0])
	got[0].Decision[2], got[0].Input[1] = '!', '!'
	w.same(want, w.records(row.Target, time.Time{}, 1)[0])
}

func badRecords(w *world) {
	for words, call := range map[string]func() error{
		"at least 1": func() error {
			_, err := w.pair.Desk.Records(w.Context(), service("web"), time.Time{}, 0)
			return err
		},
		"kind": func() error {
			_, err := w.pair.Desk.Records(w.Context(), fleet.Target{Cluster: prod, Name: "web"}, time.Time{}, 1)
			return err
		},
	} {
		w.refuses(w.insist(call), words)
	}
}
