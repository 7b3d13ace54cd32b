package ledgertest

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func claimCases() []testCase {
	return []testCase{
		{"claim: claim and close, one generation each", claimAndClose},
		{"claim: of several rows is all or nothing", claimAllOrNothing},
		{"claim: the largest cell", claimLargest},
		{"claim: writes neither policy nor overrides", claimKeeps},
		{"claim: one that changes no count is a claim", claimOfNothing},
		{"claim: needs the row", claimWithoutRow},
		{"claim: a changed policy or override makes it fail", claimOverChange},
		{"claim: an intent leases the row until it is free", claimLease},
		{"claim: a repeated claim is a success", claimRepeated},
		{"claim: an id belongs to one claim", claimForeignID},
		{"claim: history to the nanosecond", claimHistory},
		{"claim: misused claims are refused", badClaims},
		{"claim: too large is refused", claimTooLarge},
	}
}

func claimAndClose(w *world) {
	row := w.create(service("web"))[0]
	for round := range 3 {
		at := base().Add(time.Duration(round) * time.Hour)
		c := claimOf(fmt.Sprintf("c%d", round), at, row)
		w.must(w.claim(c))
		row.Generation++
		held := row
		intent := c.Entries[0].Intent
		intent.ID = c.ID
		held.Intent, held.History = &intent, c.Entries[0].History
		w.same(held, w.row(row.Target))

		k := closingOf(c, at.Add(time.Second))
		w.must(w.close(k))
		row.Generation++
		row.History, row.Reason = held.History, k.Entries[0].Reason
		w.same(row, w.row(row.Target))
		w.same(k.Records, w.records(row.Target, time.Time{}, 1))
	}
	if n := len(w.records(row.Target, time.Time{}, 10)); n != 3 || row.Generation != 7 {
		w.Fatalf("want 3 records and generation 7, got %d and %d", n, row.Generation)
	}
}

func claimAllOrNothing(w *world) {
	rows := w.create(group("g"), service("a"), service("b"))
	w.must(w.note(noteOf(rows[2], "moved")))
	w.unchanged(func() { w.conflicts(w.claim(claimOf("c1", base(), rows...))) })
	rows[2] = w.row(rows[2].Target)
	w.must(w.claim(claimOf("c2", base(), rows...)))
	for i, r := range rows {
		got := w.row(r.Target)
		if got.Generation != r.Generation+1 || got.Intent == nil || got.Intent.ID != "c2" || got.Intent.Lock != (i == 0) {
			w.Fatalf("want %s claimed by c2, got %+v", r.Target, got)
		}
	}
}

func claimLargest(w *world) {
	targets := []fleet.Target{group("g")}
	for i := range ledger.MaxClaimServices {
		targets = append(targets, service(fmt.Sprintf("s%02d", i)))
	}
	rows := w.create(targets...)
	c := claimOf("c1", base(), rows...)
	w.must(w.claim(c))
	w.must(w.close(closingOf(c, base())))
	for _, t := range targets {
		if got := w.row(t); got.Generation != 3 || got.Intent != nil || len(w.records(t, time.Time{}, 9)) != 1 {
			w.Fatalf("want %s closed with a record, got %+v", t, got)
		}
	}
}

func claimKeeps(w *world) {
	t := service("web")
	o := []spec.Override{pause(base().Add(time.Hour))}
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Policy: policyOf(t, 1), Overrides: &o}}}))
	c := claimOf("c1", base(), w.row(t))
	w.must(w.claim(c))
	w.must(w.close(closingOf(c, base())))
	got := w.row(t)
	w.same(policyOf(t, 1), got.Policy)
	w.same(o, got.Overrides)
}

// claimOfNothing claims a row without changing its count, as whoever opens drains
// does: the history is charged, the lease is held, and it closes like any other.
func claimOfNothing(w *world) {
	row := w.create(group("g"))[0]
	c := claimOf("c1", base(), row)
	n := &c.Entries[0].Intent
	n.Desired = n.Before
	w.must(w.claim(c))
	w.unchanged(func() { w.must(w.claim(c)) })
	got := w.row(row.Target)
	if got.Intent == nil || got.Intent.Lock || got.Intent.Before != got.Intent.Desired {
		w.Fatalf("want an intent that changes nothing, got %+v", got.Intent)
	}
	w.same(past(2), got.History)
	w.unchanged(func() { w.conflicts(w.claim(claimOf("c2", base(), got))) })
	w.must(w.close(closingOf(c, base())))
	if got := w.row(row.Target); got.Generation != 3 || got.Intent != nil {
		w.Fatalf("want it closed at generation 3, got %+v", got)
	}
}

func claimWithoutRow(w *world) {
	row := w.create(service("web"))[0]
	ghost := ledger.Row{Target: service("ghost"), Generation: 1}
	w.unchanged(func() {
		w.conflicts(w.claim(claimOf("c1", base(), ghost)))
		w.conflicts(w.claim(claimOf("c2", base(), row, ghost)))
	})
}

// claimOverChange is the promise of pause: once acknowledged, no claim that had
// not seen it goes through, alone or among others.
func claimOverChange(w *world) {
	for i, edit := range []func(*ledger.Edit){
		func(e *ledger.Edit) { e.Policy = policyOf(e.Target, 2) },
		func(e *ledger.Edit) { e.Overrides = &[]spec.Override{pause(base().Add(time.Hour))} },
	} {
		rows := w.create(group(fmt.Sprintf("g%d", i)), service(fmt.Sprintf("s%d", i)))
		e := ledger.Edit{Target: rows[1].Target, Generation: rows[1].Generation}
		edit(&e)
		w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{e}}))
		w.unchanged(func() {
			w.conflicts(w.claim(claimOf("c1", base(), rows[1])))
			w.conflicts(w.claim(claimOf("c2", base(), rows...)))
		})
		w.must(w.claim(claimOf(fmt.Sprintf("c3-%d", i), base(), w.row(rows[1].Target))))
	}
}

func claimLease(w *world) {
	row := w.create(service("web"))[0]
	first := claimOf("first", base(), row)
	w.must(w.claim(first))
	held := w.row(row.Target)
	free := held.Intent.Free()
	w.same(base().Add(ledger.ActWithin+ledger.TakeoverMargin), free)
	w.unchanged(func() {
		w.conflicts(w.claim(claimOf("early", base().Add(time.Second), held)))
		w.conflicts(w.claim(claimOf("early", held.Intent.ActBy, held)))
		w.conflicts(w.claim(claimOf("early", free.Add(-time.Nanosecond), held)))
	})
	second := claimOf("second", free, held)
	w.must(w.claim(second))
	taken := w.row(row.Target)
	if taken.Generation != held.Generation+1 || taken.Intent.ID != "second" {
		w.Fatalf("want the row taken over, got %+v", taken)
	}
	w.unchanged(func() { w.conflicts(w.close(closingOf(first, free))) })
	if n := len(w.records(row.Target, time.Time{}, 9)); n != 0 {
		w.Fatalf("the closing that lost must leave no record, got %d", n)
	}
	w.must(w.close(closingOf(second, free)))
}

// claimRepeated is the lost reply of a claim: asked again, it is the same claim.
func claimRepeated(w *world) {
	rows := w.create(group("g"), service("a"), service("b"))
	for _, c := range []ledger.Claim{claimOf("alone", base(), rows[2]), claimOf("cell", base(), rows[:2]...)} {
		w.must(w.claim(c))
		w.unchanged(func() {
			w.must(w.claim(c))
			w.must(w.claim(c))
		})
		for _, e := range c.Entries {
			if got := w.row(e.Target).Generation; got != 2 {
				w.Fatalf("want %s at generation 2, got %d", e.Target, got)
			}
		}
		w.must(w.close(closingOf(c, base())))
	}
	// Half of a cell under the ID is not the claim.
	half := claimOf("half", base(), w.row(rows[1].Target))
	w.must(w.claim(half))
	lock := claimOf("half", base(), w.row(rows[0].Target))
	half.Entries = append(lock.Entries, half.Entries...)
	w.unchanged(func() { w.conflicts(w.claim(half)) })
}

func claimForeignID(w *world) {
	rows := w.create(group("g"), service("a"), service("b"))
	for _, c := range []ledger.Claim{claimOf("alone", base(), rows[2]), claimOf("cell", base(), rows[:2]...)} {
		w.must(w.claim(c))
		other := ledger.Claim{ID: c.ID}
		for _, e := range c.Entries {
			e.Intent.Desired++
			other.Entries = append(other.Entries, e)
		}
		w.unchanged(func() { w.conflicts(w.claim(other)) })
	}
}

func claimHistory(w *world) {
	row := w.create(service("web"))[0]
	shadow := 7
	h := history.History{Shadow: &shadow}
	for i := range history.MaxOrders + 5 {
		at := time.Date(2096, time.March, 25, 1, 59, 59, 999_999_000+i, time.UTC) // the night the clocks go forward
		h = h.With(history.Order{At: at, From: i, To: i + 1}, []history.Mark{
			{Policy: "App/InFlight", Datapoint: at}, {Policy: fmt.Sprintf("<p%d>&", i), Datapoint: at.Add(time.Nanosecond)},
		})
	}
	c := claimOf("c1", base(), row)
	c.Entries[0].History = h
	w.must(w.claim(c))
	got := w.row(row.Target).History
	w.same(h, got)
	if last, _ := got.Last(); last.At.Nanosecond() != 999_999_000+history.MaxOrders+4 || last.At.Location() != time.UTC {
		w.Fatalf("want the nanoseconds and UTC, got %v", last.At)
	}
}

func badClaims(w *world) {
	rows := w.create(group("g"), service("a"))
	other := w.create(fleet.ServiceKey{Cluster: "other", Service: "x"}.Target())[0]
	var many []ledger.Row
	for i := range ledger.MaxClaimServices + 2 {
		many = append(many, ledger.Row{Target: service(fmt.Sprintf("s%d", i)), Generation: 1})
	}
	claim := func(change func(*ledger.Claim)) ledger.Claim {
		c := claimOf("c1", base(), rows...)
		change(&c)
		return c
	}
	for words, c := range map[string]ledger.Claim{
		"id is empty":  claim(func(c *ledger.Claim) { c.ID = "" }),
		"no rows":      {ID: "c1"},
		"24 services":  claimOf("c1", base(), many...),
		"twice":        claimOf("c1", base(), rows[0], rows[0]),
		"two clusters": claimOf("c1", base(), rows[0], other),
		"at least 1":   claimOf("c1", base(), ledger.Row{Target: service("new")}),
		"claim's":      claim(func(c *ledger.Claim) { c.Entries[1].Intent.ID = "c2" }),
		"actBy":        claim(func(c *ledger.Claim) { c.Entries[1].Intent.ActBy = base() }),
		"name must":    claimOf("c1", base(), ledger.Row{Target: service(string(make([]byte, 256))), Generation: 1}),
	} {
		w.unchanged(func() { w.refuses(w.claim(c), words) })
	}
}

// claimTooLarge has a claim that is too large by itself, and one that only is
// with what the row holds already, which no caller can see.
func claimTooLarge(w *world) {
	long := func(bytes int) history.History {
		return history.History{Marks: []history.Mark{{Policy: string(make([]byte, bytes/6)), Datapoint: base()}}} // \u0000 takes six
	}
	t, lock := service("web"), w.create(group("g"))[0]
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Policy: bulky(t, ledger.MaxEditBytes-2048)}}}))
	row := w.row(t)
	for _, bytes := range []int{ledger.MaxItemBytes, 80 * 1024} {
		for _, rows := range [][]ledger.Row{{row}, {lock, row}} {
			c := claimOf("c1", base(), rows...)
			c.Entries[len(c.Entries)-1].History = long(bytes)
			w.unchanged(func() { w.tooLarge(w.claim(c), t) })
		}
	}
	c := claimOf("c1", base(), lock, row)
	c.Entries[1].History = long(40 * 1024)
	w.must(w.claim(c))
}
