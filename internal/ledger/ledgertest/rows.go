package ledgertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func rowCases() []testCase {
	return []testCase{
		{"row: an unknown cluster is empty", unknownCluster},
		{"row: created, listed and read sorted", createdAndRead},
		{"row: names that look alike stay apart", namesApart},
		{"row: a cluster of several pages is read whole", manyPages},
		{"row: creating what exists conflicts", createExisting},
		{"row: a change raises the generation by one", changeGeneration},
		{"row: a change is all or nothing", changeAllOrNothing},
		{"row: a change keeps intent, history and reason", changeKeeps},
		{"row: overrides come and go, expired ones stay", overridesKept},
		{"row: a repeated change is a success", changeRepeated},
		{"row: a removed row leaves nothing and its generations are not used again", removed},
		{"row: misused changes are refused", badChanges},
		{"row: a policy too large is refused", policyTooLarge},
		{"row: nothing is shared with the caller", nothingShared},
	}
}

func unknownCluster(w *world) {
	w.same(ledger.Cluster{Name: "nowhere"}, w.read("nowhere"))
	if got := w.clusters(); len(got) != 0 {
		w.Fatalf("want no clusters, got %v", got)
	}
}

func createdAndRead(w *world) {
	// Written out of order; group sorts before service.
	targets := []fleet.Target{service("web"), service("api"), group("prod-m7g")}
	w.create(targets...)
	w.create(fleet.ServiceKey{Cluster: "a-cluster", Service: "web"}.Target())
	w.same([]fleet.ClusterName{"a-cluster", prod}, w.clusters())
	want := ledger.Cluster{Name: prod}
	for _, t := range []fleet.Target{targets[2], targets[1], targets[0]} {
		want.Rows = append(want.Rows, ledger.Row{Target: t, Generation: 1, Policy: policyOf(t, 1)})
	}
	got := w.read(prod)
	w.same(want, got)
	if at := got.Rows[0].Policy.At; at.Location() != time.UTC {
		w.Fatalf("a time written in UTC must be read in UTC, got %v", at)
	}
}

func namesApart(w *world) {
	alike := []fleet.Target{
		fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target(), fleet.GroupOf("prod", "web"),
		fleet.GroupOf("prod", "web/a#b c"), fleet.ServiceKey{Cluster: "prod-2", Service: "web"}.Target(),
		fleet.ServiceKey{Cluster: "pro", Service: "dweb"}.Target(),
	}
	for _, t := range alike {
		w.create(t)
	}
	for _, t := range alike {
		if got := w.row(t); got.Generation != 1 || got.Target != t {
			w.Fatalf("want %s at generation 1, got %+v", t, got)
		}
	}
	if n := len(w.read("prod").Rows); n != 3 {
		w.Fatalf("want 3 rows of prod, got %d", n)
	}
}

// manyPages writes 1.8 MB, so that a Query of DynamoDB (1 MB a page) must page.
func manyPages(w *world) {
	const rows, bytes, each = 90, 20_000, 45
	var want []fleet.Target
	for from := 0; from < rows; from += each {
		c := ledger.Change{Cluster: prod}
		for i := from; i < from+each; i++ {
			t := service(fmt.Sprintf("s%03d", i))
			want = append(want, t)
			c.Edits = append(c.Edits, ledger.Edit{Target: t, Policy: bulky(t, bytes)})
		}
		w.must(w.change(c))
	}
	got := w.read(prod)
	if len(got.Rows) != rows {
		w.Fatalf("want %d rows, got %d", rows, len(got.Rows))
	}
	for i, r := range got.Rows {
		if r.Target != want[i] || len(r.Policy.Service.Alarms[0]) != bytes {
			w.Fatalf("row %d is not %s as written: %s", i, want[i], r.Target)
		}
	}
}

func createExisting(w *world) {
	t := service("web")
	w.create(t)
	w.unchanged(func() {
		w.conflicts(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Policy: policyOf(t, 2)}}}))
	})
}

func changeGeneration(w *world) {
	t := service("web")
	w.create(t)
	for g := int64(1); g <= 3; g++ {
		p := policyOf(t, int(g)+1)
		w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Generation: g, Policy: p}}}))
		w.same(ledger.Row{Target: t, Generation: g + 1, Policy: p}, w.row(t))
	}
	for _, stale := range []int64{1, 3, 5} {
		w.unchanged(func() {
			edit := ledger.Edit{Target: t, Generation: stale, Policy: policyOf(t, 9)}
			w.conflicts(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{edit}}))
		})
	}
}

func changeAllOrNothing(w *world) {
	a, b, c := service("a"), service("b"), service("c")
	w.create(a, b)
	w.unchanged(func() {
		w.conflicts(w.change(ledger.Change{
			Cluster: prod, Control: &ledger.Control{Stop: true},
			Edits: []ledger.Edit{
				{Target: a, Generation: 1, Policy: policyOf(a, 2)},
				{Target: c, Policy: policyOf(c, 1)},
				{Target: b, Generation: 7, Policy: policyOf(b, 2)},
			},
		}))
	})
}

func changeKeeps(w *world) {
	row := w.create(service("web"))[0]
	w.must(w.note(noteOf(row, "first")))
	row = w.row(row.Target)
	w.must(w.claim(claimOf("c1", base(), row)))
	held := w.row(row.Target)
	p := policyOf(row.Target, 2)
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: row.Target, Generation: held.Generation, Policy: p}}}))
	held.Generation, held.Policy = held.Generation+1, p
	w.same(held, w.row(row.Target))
	if held.Intent == nil || held.Reason == nil || len(held.History.Orders) == 0 {
		w.Fatalf("the case must hold an intent, a history and a reason: %+v", held)
	}
}

func overridesKept(w *world) {
	row := w.create(service("web"))[0]
	set := func(o []spec.Override) {
		w.Helper()
		w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: row.Target, Generation: row.Generation, Overrides: &o}}}))
		row.Generation++
		row.Overrides = slices.Clip(o)
		if len(o) == 0 {
			row.Overrides = nil
		}
		w.same(row, w.row(row.Target))
	}
	expired := pause(base().Add(-24 * time.Hour))
	set([]spec.Override{expired, {Kind: spec.MinAt, Count: 4, Until: base().Add(time.Hour), Why: "sale", By: "zoë"}})
	if row.Overrides[0].Live(base()) {
		w.Fatal("the first override must be an expired one")
	}
	p := policyOf(row.Target, 2)
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: row.Target, Generation: row.Generation, Policy: p}}}))
	row.Generation, row.Policy = row.Generation+1, p
	w.same(row, w.row(row.Target))
	set([]spec.Override{})
	set(nil)
}

// changeRepeated is the lost reply of a change: asked again, it is the same change.
func changeRepeated(w *world) {
	a, b, c := service("a"), service("b"), service("c")
	w.create(a, b)
	none := []spec.Override{}
	change := ledger.Change{
		Cluster: prod, Control: &ledger.Control{Stop: true, Why: "w", By: "b", At: base()},
		Edits: []ledger.Edit{
			{Target: a, Generation: 1, Policy: policyOf(a, 2), Overrides: &none},
			{Target: b, Generation: 1, Remove: true},
			{Target: c, Policy: policyOf(c, 1)},
		},
	}
	w.must(w.change(change))
	w.unchanged(func() { w.must(w.change(change)) })
	w.same([]fleet.ClusterName{prod}, w.clusters())

	// Asked again with another content it is another change, and too late.
	change.Edits[0].Policy = policyOf(a, 3)
	w.unchanged(func() { w.conflicts(w.change(change)) })
}

func removed(w *world) {
	a, b := service("a"), service("b")
	rows := w.create(a, b)
	w.must(w.note(noteOf(rows[0], "first")))
	remove := func(t fleet.Target, generation int64) error {
		return w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Generation: generation, Remove: true}}})
	}
	w.unchanged(func() { w.conflicts(remove(a, 1)) })
	w.must(remove(a, 2))
	w.same([]ledger.Row{rows[1]}, w.read(prod).Rows)
	w.same([]fleet.ClusterName{prod}, w.clusters())
	w.must(remove(b, 1))
	w.same(ledger.Cluster{Name: prod}, w.read(prod))
	if got := w.clusters(); len(got) != 0 {
		w.Fatalf("a cluster without rows must not be listed, got %v", got)
	}

	again := w.create(a)[0]
	if again.Generation <= 2 || again.Reason != nil {
		w.Fatalf("want a fresh row above generation 2, got %+v", again)
	}
	w.same([]fleet.ClusterName{prod}, w.clusters())
	w.unchanged(func() { w.conflicts(w.claim(claimOf("c1", base(), rows[0]))) })
}

func badChanges(w *world) {
	a, b := service("a"), service("b")
	w.create(a)
	many := ledger.Change{Cluster: prod}
	for i := range ledger.MaxEdits + 1 {
		t := service(fmt.Sprintf("s%d", i))
		many.Edits = append(many.Edits, ledger.Edit{Target: t, Policy: policyOf(t, 1)})
	}
	edits := func(e ...ledger.Edit) ledger.Change { return ledger.Change{Cluster: prod, Edits: e} }
	elsewhere := fleet.ServiceKey{Cluster: "other", Service: "x"}.Target()
	for words, c := range map[string]ledger.Change{
		"90":          many,
		"no rows":     {Cluster: prod},
		"another":     edits(ledger.Edit{Target: elsewhere, Policy: policyOf(elsewhere, 1)}),
		"twice":       edits(ledger.Edit{Target: b, Policy: policyOf(b, 1)}, ledger.Edit{Target: b, Policy: policyOf(b, 1)}),
		"do one":      edits(ledger.Edit{Target: a, Generation: 1, Remove: true, Policy: policyOf(a, 2)}),
		"leave it":    edits(ledger.Edit{Target: b, Remove: true}),
		"at least 0":  edits(ledger.Edit{Target: b, Generation: -1, Policy: policyOf(b, 1)}),
		"field":       edits(ledger.Edit{Target: b, Policy: policyOf(group("b"), 1)}),
		"kind":        edits(ledger.Edit{Target: fleet.Target{Cluster: prod, Kind: "task", Name: "x"}}),
		"name must":   edits(ledger.Edit{Target: service("")}),
		"no slash":    {Cluster: "arn:aws:ecs:eu-west-1:1:cluster/prod", Control: &ledger.Control{}},
		"is negative": {Cluster: prod, Control: &ledger.Control{Generation: -1}},
	} {
		w.unchanged(func() { w.refuses(w.change(c), words) })
	}
	w.same([]fleet.ClusterName{prod}, w.clusters())
}

func policyTooLarge(w *world) {
	a, b := service("a"), service("b")
	w.create(a)
	for _, e := range []ledger.Edit{
		{Target: a, Generation: 1, Policy: bulky(a, ledger.MaxItemBytes)},
		{Target: b, Policy: bulky(b, ledger.MaxEditBytes)},
		{Target: b, Overrides: &[]spec.Override{{Why: string(make([]byte, ledger.MaxItemBytes))}}},
	} {
		w.unchanged(func() {
			fits := ledger.Edit{Target: service("fits"), Policy: policyOf(service("fits"), 1)}
			w.tooLarge(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{fits, e}}), e.Target)
		})
	}
	whole := ledger.Change{Cluster: prod}
	for i := range 13 {
		t := service(fmt.Sprintf("s%d", i))
		whole.Edits = append(whole.Edits, ledger.Edit{Target: t, Policy: bulky(t, ledger.MaxEditBytes-2048)})
	}
	w.unchanged(func() { w.tooLarge(w.change(whole), whole.Edits[0].Target) })
	whole.Edits = whole.Edits[:1]
	w.must(w.change(whole))
}

func nothingShared(w *world) {
	t := service("web")
	p, o := policyOf(t, 1), []spec.Override{pause(base())}
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{{Target: t, Policy: p, Overrides: &o}}}))
	row := w.row(t)
	c := claimOf("c1", base(), row)
	w.must(w.claim(c))
	want, again := w.row(t), w.row(t)
	spoil := func(p *ledger.Policy, o []spec.Override, h []ledger.ClaimEntry) {
		p.Service.Policies[1].TargetTracking.Metric.Dimensions["a"] = "spoilt"
		*p.Service.ScaleIn.Tolerance = 9
		p.Service.Alarms[0] = "spoilt"
		o[0].Why = "spoilt"
		h[0].History.Orders[0].To, h[0].History.Marks[0].Policy = 99, "spoilt"
	}
	spoil(p, o, c.Entries)
	w.same(want, w.row(t))
	out := w.row(t)
	spoil(out.Policy, out.Overrides, []ledger.ClaimEntry{{History: out.History}})
	out.Intent.ID = "spoilt"
	w.same(want, w.row(t))
	w.same("spoilt", out.Policy.Service.Policies[1].TargetTracking.Metric.Dimensions["a"])
	// Nor is anything shared between two reads.
	spoil(again.Policy, again.Overrides, []ledger.ClaimEntry{{History: again.History}})
	w.same("1", want.Policy.Service.Policies[1].TargetTracking.Metric.Dimensions["a"])
	w.same(policyOf(t, 1), want.Policy)
	w.same(past(2), want.History)
}
