package ledgertest

import (
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func closeCases() []testCase {
	return []testCase{
		{"close: needs the claim, its id and its generation", closeConditions},
		{"close: of several rows is all or nothing", closeAllOrNothing},
		{"close: history is replaced only where it is given, reasons too", closeHistory},
		{"close: a row changed meanwhile makes it fail and keeps the intent", closeAfterChange},
		{"close: of a removed row fails", closeAfterRemove},
		{"close: a repeated closing is a success", closeRepeated},
		{"close: of two who heal one intent one loses", closeByTwo},
		{"close: misused closings are refused", badClosings},
		{"close: too large is refused", closeTooLarge},
	}
}

// claimed makes a lock and services, and claims them.
func (w *world) claimed(names ...string) ledger.Claim {
	w.Helper()
	rows := w.create(group("lock"))
	for _, n := range names {
		rows = append(rows, w.create(service(n))...)
	}
	c := claimOf("c1", base(), rows...)
	w.must(w.claim(c))
	return c
}

func closeConditions(w *world) {
	open := w.create(service("open"))[0]
	c := w.claimed("web")
	for _, change := range []func(*ledger.Closing){
		func(k *ledger.Closing) { k.ID = "c2" },
		func(k *ledger.Closing) { k.Entries[1].Generation, k.Records[1].Generation = 1, 2 },
		func(k *ledger.Closing) { k.Entries[1].Generation, k.Records[1].Generation = 3, 4 },
		func(k *ledger.Closing) {
			k.Entries = append(k.Entries, ledger.CloseEntry{Target: open.Target, Generation: open.Generation})
		},
		func(k *ledger.Closing) {
			k.Entries = append(k.Entries, ledger.CloseEntry{Target: service("ghost"), Generation: 1})
		},
	} {
		k := closingOf(c, base())
		change(&k)
		w.unchanged(func() { w.conflicts(w.close(k)) })
	}
	if n := len(w.records(service("web"), time.Time{}, 9)); n != 0 {
		w.Fatalf("a closing that failed must leave no record, got %d", n)
	}
}

func closeAllOrNothing(w *world) {
	c := w.claimed("a", "b")
	p := policyOf(service("b"), 2)
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: service("b"), Generation: 2, Policy: p}}}))
	w.unchanged(func() { w.conflicts(w.close(closingOf(c, base()))) })
	for _, e := range c.Entries {
		if n := len(w.records(e.Target, time.Time{}, 9)); n != 0 {
			w.Fatalf("want no record of %s, got %d", e.Target, n)
		}
	}
}

func closeHistory(w *world) {
	c := w.claimed("a", "b")
	k := closingOf(c, base())
	undone := past(1)
	k.Entries[1].History, k.Entries[1].Reason = &undone, nil
	w.must(w.close(k))
	a, b := w.row(service("a")), w.row(service("b"))
	w.same(undone, a.History)
	w.same(past(2), b.History)
	w.same(k.Entries[2].Reason, b.Reason)
	if a.Reason != nil || a.Intent != nil || b.Intent != nil {
		w.Fatalf("want no reason of a and no intents, got %+v and %+v", a, b)
	}
	again := claimOf("c2", base(), b)
	w.must(w.claim(again))
	bare := closingOf(again, base())
	bare.Entries[0].Reason, bare.Records = nil, nil
	w.must(w.close(bare))
	w.unchanged(func() { w.must(w.close(bare)) })
	w.same(k.Entries[2].Reason, w.row(b.Target).Reason)
}

func closeAfterChange(w *world) {
	row := w.create(service("web"))[0]
	c := claimOf("c1", base(), row)
	w.must(w.claim(c))
	o := []spec.Override{pause(base().Add(time.Hour))}
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: row.Target, Generation: 2, Overrides: &o}}}))
	bare := closingOf(c, base())
	bare.Records = nil
	w.unchanged(func() { w.conflicts(w.close(bare)) })
	w.unchanged(func() { w.conflicts(w.close(closingOf(c, base()))) })
	// It is healed by a closing with the intent's ID at the generation read now.
	row = w.row(row.Target)
	heal := closingOf(ledger.Claim{ID: row.Intent.ID, Entries: []ledger.ClaimEntry{
		{Target: row.Target, Generation: row.Generation - 1},
	}}, row.Intent.Free())
	heal.Records[0].Kind = ledger.Healed
	w.must(w.close(heal))
	got := w.row(row.Target)
	if got.Intent != nil || got.Generation != 4 {
		w.Fatalf("want the row healed at generation 4, got %+v", got)
	}
	w.same(o, got.Overrides)
	w.same(heal.Records, w.records(row.Target, time.Time{}, 9))
}

func closeAfterRemove(w *world) {
	c := w.claimed("web")
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: service("web"), Generation: 2, Remove: true}}}))
	w.unchanged(func() { w.conflicts(w.close(closingOf(c, base()))) })
}

// closeRepeated is the lost reply of a closing: asked again, it is the same closing.
func closeRepeated(w *world) {
	c := w.claimed("a", "b")
	k := closingOf(c, base())
	w.must(w.close(k))
	w.unchanged(func() { w.must(w.close(k)) })
	for _, e := range k.Entries {
		if got := w.row(e.Target).Generation; got != 3 {
			w.Fatalf("want %s at generation 3, got %d", e.Target, got)
		}
		if n := len(w.records(e.Target, time.Time{}, 9)); n != 1 {
			w.Fatalf("want one record of %s, got %d", e.Target, n)
		}
	}
}

// closeByTwo has two evaluations heal one intent: the second must know that its
// records were not written.
func closeByTwo(w *world) {
	c := w.claimed("a")
	free := c.Entries[0].Intent.Free()
	one, two := closingOf(c, free), closingOf(c, free.Add(time.Second))
	w.must(w.close(one))
	w.unchanged(func() { w.conflicts(w.close(two)) })
	same := closingOf(c, free)
	same.Records[1].Because = "told otherwise"
	w.unchanged(func() { w.conflicts(w.close(same)) })
	w.same(one.Records[1:], w.records(service("a"), time.Time{}, 9))
}

func badClosings(w *world) {
	c := w.claimed("a")
	closing := func(change func(*ledger.Closing)) ledger.Closing {
		k := closingOf(c, base())
		change(&k)
		return k
	}
	for words, k := range map[string]ledger.Closing{
		"id is empty":     closing(func(k *ledger.Closing) { k.ID = "" }),
		"no rows":         {ID: "c1"},
		"twice":           closing(func(k *ledger.Closing) { k.Entries[0] = k.Entries[1] }),
		"no row among":    closing(func(k *ledger.Closing) { k.Records[0].Target = service("b") }),
		"must have 3":     closing(func(k *ledger.Closing) { k.Records[0].Generation = 2 }),
		"two records":     closing(func(k *ledger.Closing) { k.Records = append(k.Records, k.Records[0]) }),
		"it is not JSON":  closing(func(k *ledger.Closing) { k.Records[0].Decision = []byte(`{"a":`) }),
		"transaction's":   closing(manyRecords),
		"at least 1":      closing(func(k *ledger.Closing) { k.Entries[0].Generation = 0 }),
		"kind \"\": it m": closing(func(k *ledger.Closing) { k.Entries[0].Target.Kind = "" }),
	} {
		w.unchanged(func() { w.refuses(w.close(k), words) })
	}
}

func manyRecords(k *ledger.Closing) {
	for i := range 100 {
		r := k.Records[0]
		r.At = r.At.Add(time.Duration(i+1) * time.Second)
		k.Records = append(k.Records, r)
	}
}

func closeTooLarge(w *world) {
	c := w.claimed("a")
	k := closingOf(c, base())
	k.Records[1].Input = []byte(`"` + strings.Repeat("x", ledger.MaxItemBytes) + `"`)
	w.unchanged(func() { w.tooLarge(w.close(k), service("a")) })
	if n, err := k.Records[1].Size(); err != nil || n <= ledger.MaxItemBytes {
		w.Fatalf("the caller must be able to see it: size %d, %v", n, err)
	}
	k.Records[1].Input = []byte(`"` + strings.Repeat("x", ledger.MaxItemBytes-2048) + `"`)
	w.must(w.close(k))
	w.same(k.Records[1:], w.records(service("a"), time.Time{}, 9))
}
