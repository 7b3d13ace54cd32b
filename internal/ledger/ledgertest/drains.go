package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func drainCases() []testCase {
	return []testCase{
		{"drain: written, read sorted and whole", drainsSorted},
		{"drain: the rows of targets are untouched, and so are drains", drainsBeside},
		{"drain: names that look alike stay apart", drainsApart},
		{"drain: a write raises the generation by one, any other conflicts", drainGeneration},
		{"drain: a repeated write is a success", drainRepeated},
		{"drain: a repeat that comes too late conflicts", drainTooLate},
		{"drain: a closed row stays and is used again", drainReused},
		{"drain: several pages are read whole", drainPages},
		{"drain: too large is refused", drainTooLarge},
		{"drain: misused writes are refused", badDrains},
		{"drain: nothing is shared with the caller", drainNotShared},
		{"drain: a write whose context has ended writes nothing", drainContextEnded},
		{"drain: of two writers one loses cleanly", drainRace},
		{"drain: increments are exact", drainIncrements},
	}
}

// drainOf is a row that fills every field, for a write at a generation.
func drainOf(id fleet.InstanceID, generation int64, s drain.State) ledger.Drain {
	return ledger.Drain{Generation: generation, Row: drain.Row{
		Cluster: prod, Group: "asg/g", Instance: id, ARN: "arn:aws:ecs:eu-west-1:1:container-instance/prod/7", Cause: drain.Lifecycle, State: s,
		Opened: base(), Since: base().Add(time.Nanosecond), Deadline: base().Add(30 * time.Minute),
		OnTimeout: "undo", Standalone: "leave", Unprotect: true, Because: "2 <tasks> & ünïcode", By: "ops",
		Hook:   &drain.Hook{Name: "h", Token: "t", Started: base(), Beat: base().Add(time.Minute), Timeout: time.Hour},
		Before: 5, After: 4, Tries: 2, Ordered: base().Add(2 * time.Minute),
	}}
}

func (w *world) drain(id fleet.InstanceID) ledger.Drain {
	w.Helper()
	return w.read(prod).Drain(id)
}

// stored is the row as a write leaves it.
func stored(d ledger.Drain) ledger.Drain {
	d.Generation++
	return d
}

func drainsSorted(w *world) {
	if got := w.drain("i-1"); got.Generation != 0 || got.Instance != "i-1" {
		w.Fatalf("want no row of i-1, got %+v", got)
	}
	ids := []fleet.InstanceID{"i-2", "i-10", "i-1"}
	for _, id := range ids {
		w.must(w.writeDrain(drainOf(id, 0, drain.Candidate)))
	}
	want := ledger.Cluster{Name: prod}
	for _, id := range []fleet.InstanceID{"i-1", "i-10", "i-2"} {
		want.Drains = append(want.Drains, stored(drainOf(id, 0, drain.Candidate)))
		w.same(want.Drains[len(want.Drains)-1], w.drain(id))
	}
	w.same(want, w.read(prod))
	if got := w.clusters(); len(got) != 0 {
		w.Fatalf("a cluster without rows must not be listed, got %v", got)
	}
}

func drainsBeside(w *world) {
	rows := w.create(group("g"), service("web"))
	w.must(w.change(ledger.Change{Cluster: prod, Control: &ledger.Control{Why: "y"}}))
	before := w.read(prod)
	w.must(w.writeDrain(drainOf("i-1", 0, drain.Draining)))
	before.Drains = []ledger.Drain{stored(drainOf("i-1", 0, drain.Draining))}
	w.same(before, w.read(prod))

	c := claimOf("c1", base(), rows...)
	w.must(w.claim(c))
	w.must(w.close(closingOf(c, base())))
	w.must(w.change(ledger.Change{Cluster: prod, Edits: []ledger.Edit{
		{Target: rows[0].Target, Generation: 3, Remove: true}, {Target: rows[1].Target, Generation: 3, Remove: true},
	}}))
	w.same(before.Drains, w.read(prod).Drains)
}

func drainsApart(w *world) {
	w.create(service("i-1"), group("i-1"), group("DRAIN#i-1"))
	other := drainOf("i-1", 0, drain.Draining)
	other.Cluster = "prod-2"
	w.must(w.writeDrain(other))
	if got := w.read(prod); len(got.Drains) != 0 || len(got.Rows) != 3 {
		w.Fatalf("want three rows and no drain of prod, got %+v", got)
	}
	w.same([]ledger.Drain{stored(other)}, w.read("prod-2").Drains)
}

func drainGeneration(w *world) {
	w.unchanged(func() { w.conflicts(w.writeDrain(drainOf("i-1", 1, drain.Draining))) })
	w.must(w.writeDrain(drainOf("i-1", 0, drain.Candidate)))
	for i, s := range []drain.State{drain.Draining, drain.Terminating, drain.Terminated} {
		for generation := range int64(6) {
			if generation != int64(i+1) {
				w.unchanged(func() { w.conflicts(w.writeDrain(drainOf("i-1", generation, s))) })
			}
		}
		w.must(w.writeDrain(drainOf("i-1", int64(i+1), s)))
		w.same(stored(drainOf("i-1", int64(i+1), s)), w.drain("i-1"))
	}
}

func drainRepeated(w *world) {
	for i, s := range []drain.State{drain.Candidate, drain.Draining, drain.Gone} {
		d := drainOf("i-1", int64(i), s)
		w.must(w.writeDrain(d))
		w.unchanged(func() { w.must(w.writeDrain(d)) })
		d.Because = "another"
		w.unchanged(func() { w.conflicts(w.writeDrain(d)) })
	}
}

// drainTooLate holds for every ledger: a write of one row has no token that would
// let DynamoDB know it.
func drainTooLate(w *world) {
	states := []drain.State{drain.Candidate, drain.Draining, drain.Undoing, drain.Undone, drain.Candidate}
	for i, s := range states {
		w.must(w.writeDrain(drainOf("i-1", int64(i), s)))
		for j := range i {
			w.unchanged(func() { w.conflicts(w.writeDrain(drainOf("i-1", int64(j), states[j]))) })
		}
	}
}

func drainReused(w *world) {
	w.must(w.writeDrain(drainOf("i-1", 0, drain.Undone)))
	w.must(w.writeDrain(drainOf("i-2", 0, drain.Draining)))
	closed := w.drain("i-1")
	if at, ok := closed.Expires(); !ok || !at.Equal(closed.Since.Add(ledger.DrainLife)) {
		w.Fatalf("want a closed row to expire after %s, got %s, %t", ledger.DrainLife, at, ok)
	}
	w.unchanged(func() { w.conflicts(w.writeDrain(drainOf("i-1", 0, drain.Candidate))) })
	w.must(w.writeDrain(drainOf("i-1", 1, drain.Candidate)))
	if at, ok := w.drain("i-1").Expires(); ok {
		w.Fatalf("want an open row to stay, it expires at %s", at)
	}
	w.same(stored(drainOf("i-1", 1, drain.Candidate)), w.drain("i-1"))
	w.same(stored(drainOf("i-2", 0, drain.Draining)), w.drain("i-2"))
}

// drainPages writes 1.8 MB, so that a Query of DynamoDB (1 MB a page) must page.
func drainPages(w *world) {
	w.create(service("web"))
	var want []ledger.Drain
	for i := range 6 {
		d := drainOf(fleet.InstanceID(fmt.Sprint("i-", i)), 0, drain.Draining)
		d.Because = strings.Repeat("x", 300_000)
		w.must(w.writeDrain(d))
		want = append(want, stored(d))
	}
	got := w.read(prod)
	w.same(want, got.Drains)
	if len(got.Rows) != 1 {
		w.Fatalf("want the row of web beside them, got %+v", got.Rows)
	}
}

func drainTooLarge(w *world) {
	d := drainOf("i-1", 0, drain.Draining)
	w.must(w.writeDrain(d))
	n, err := stored(d).Size()
	w.must(err)
	fits := drainOf("i-1", 1, drain.Draining)
	fits.Because += strings.Repeat("x", ledger.MaxItemBytes-n)
	over := fits
	over.Because += "x"
	w.unchanged(func() {
		err := w.writeDrain(over)
		if !errors.Is(err, ledger.ErrTooLarge) || !strings.Contains(err.Error(), "prod/drain/i-1") {
			w.Fatalf("want ErrTooLarge of prod/drain/i-1, got %v", err)
		}
	})
	w.must(w.writeDrain(fits))
	w.same(stored(fits), w.drain("i-1"))
}

func badDrains(w *world) {
	for words, edit := range map[string]func(*ledger.Drain){
		"cluster":              func(d *ledger.Drain) { d.Cluster = "" },
		"short name":           func(d *ledger.Drain) { d.Cluster = "cluster/prod" },
		"instance":             func(d *ledger.Drain) { d.Instance = "" },
		"instance \"arn/i-1\"": func(d *ledger.Drain) { d.Instance = "arn/i-1" },
		"group":                func(d *ledger.Drain) { d.Group = "" },
		"negative":             func(d *ledger.Drain) { d.Generation = -1 },
		"state \"draned\"":     func(d *ledger.Drain) { d.State = "draned" },
		"cause \"\"":           func(d *ledger.Drain) { d.Cause = "" },
		"onTimeout \"kill\"":   func(d *ledger.Drain) { d.OnTimeout = "kill" },
		"standaloneTasks":      func(d *ledger.Drain) { d.Standalone = "" },
		"needs its end":        func(d *ledger.Drain) { d.Deadline = time.Time{} },
		"deadline":             func(d *ledger.Drain) { d.Deadline = d.Opened },
		"opened":               func(d *ledger.Drain) { d.Opened = time.Time{} },
		"since":                func(d *ledger.Drain) { d.Since = d.Opened.Add(-1) },
		"needs its hook":       func(d *ledger.Drain) { d.Hook = nil },
		"timeout":              func(d *ledger.Drain) { d.Hook.Timeout = 0 },
	} {
		d := drainOf("i-1", 0, drain.Draining)
		edit(&d)
		w.unchanged(func() { w.refuses(w.writeDrain(d), words) })
	}
}

func drainNotShared(w *world) {
	d := drainOf("i-1", 0, drain.Draining)
	w.must(w.writeDrain(d))
	d.Hook.Name = "changed"
	want := stored(drainOf("i-1", 0, drain.Draining))
	got := w.read(prod)
	w.same(want, got.Drains[0])
	got.Drains[0].Hook.Name = "changed"
	w.same(want, w.drain("i-1"))
}

func drainContextEnded(w *world) {
	w.must(w.writeDrain(drainOf("i-1", 0, drain.Draining)))
	w.unchanged(func() {
		w.cut(w.pair.Drains.WriteDrain(gone(w.Context()), drainOf("i-1", 1, drain.Undoing)))
		w.cut(w.pair.Drains.WriteDrain(gone(w.Context()), drainOf("i-2", 0, drain.Candidate)))
	})
}

func drainRace(w *world) {
	for round := range int64(8) {
		var rows []ledger.Drain
		var calls []func() error
		for i := range 4 {
			d := drainOf("i-1", round, drain.Draining)
			d.By = fmt.Sprint("writer ", i)
			rows = append(rows, d)
			calls = append(calls, func() error { return w.writeDrain(d) })
		}
		won := w.winner(together(calls...))
		w.same(stored(rows[won]), w.drain("i-1"))
	}
}

// drainIncrements counts in the row itself: any lost or doubled write shows in the sum.
func drainIncrements(w *world) {
	const workers, each = 6, 5
	w.must(w.writeDrain(drainOf("i-1", 0, drain.Draining)))
	var calls []func() error
	for n := range workers {
		calls = append(calls, func() error {
			for i := range each {
				if err := w.addToDrain(fmt.Sprintf("%d-%d", n, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.must(errors.Join(together(calls...)...))
	got := w.drain("i-1")
	if n := len(strings.Fields(got.By)); n != 1+workers*each || got.Generation != 1+workers*each {
		w.Fatalf("want %d increments, got %d and generation %d", workers*each, n-1, got.Generation)
	}
}

// addToDrain adds one word to a row, as often as it takes: as addOne does, it looks
// whether a write whose reply was lost counted.
func (w *world) addToDrain(word string) error {
	for {
		c, err := w.tryRead(prod)
		if err != nil {
			return err
		}
		d := c.Drain("i-1")
		if slices.Contains(strings.Fields(d.By), word) {
			return nil
		}
		d.By += " " + word
		if err = w.writeDrain(d); !errors.Is(err, ledger.ErrConflict) {
			return err
		}
	}
}
