package ledgertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func modelCases() []testCase {
	return []testCase{{"model: any sequence does what it does to the memory ledger", likeMemory}}
}

// likeMemory plays random calls, right and wrong ones, on the ledger under test
// and on ledger.Memory, and compares every answer and what is stored after it.
// The seeds are fixed, so a failure repeats.
func likeMemory(w *world) {
	const plays, calls = 6, 40
	for seed := range uint64(plays) {
		cluster := fleet.ClusterName(fmt.Sprintf("play%d", seed))
		g := &player{rand: rand.New(rand.NewPCG(1, seed)), cluster: cluster} //nolint:gosec // a fixed sequence is wanted
		model := ledger.NewMemory()
		for i := range calls {
			stored, err := model.Read(w.Context(), cluster)
			w.must(err)
			name, onModel, onTested := g.next(w, model, stored, i)
			want, got := onModel(), onTested()
			if verdict(want) != verdict(got) {
				w.Fatalf("seed %d, call %d, %s: the memory ledger answers %v, this one %v", seed, i, name, want, got)
			}
			after, err := model.Read(w.Context(), cluster)
			w.must(err)
			w.same(after, w.read(cluster))
		}
		for _, t := range g.targets() {
			want, err := model.Records(w.Context(), t, time.Time{}, 1000)
			w.must(err)
			w.same(want, w.records(t, time.Time{}, 1000))
		}
	}
}

// verdict is what callers branch on.
func verdict(err error) string {
	for _, e := range []error{ledger.ErrConflict, ledger.ErrTooLarge, ledger.ErrUnavailable} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	if err != nil {
		return "refused"
	}
	return "done"
}

// player makes up calls.
type player struct {
	rand    *rand.Rand
	cluster fleet.ClusterName
}

func (g *player) targets() []fleet.Target {
	all := []fleet.Target{fleet.GroupOf(g.cluster, "g")}
	for _, s := range []fleet.ServiceName{"a", "b", "c"} {
		all = append(all, fleet.ServiceKey{Cluster: g.cluster, Service: s}.Target())
	}
	return all
}

// some gives one to three rows as stored, now and then at another generation.
func (g *player) some(stored ledger.Cluster) []ledger.Row {
	all := g.targets()
	g.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var rows []ledger.Row
	for _, t := range all[:1+g.rand.IntN(3)] {
		r := stored.Row(t)
		if g.rand.IntN(10) == 0 {
			r.Generation = max(0, r.Generation+int64(g.rand.IntN(3))-1)
		}
		rows = append(rows, r)
	}
	return rows
}

// next gives a call, as made on the model and on the ledger under test. Half of
// the claims and closings follow the protocol, so that plays get somewhere.
func (g *player) next(w *world, model *ledger.Memory, stored ledger.Cluster, i int) (name string, onModel, onTested func() error) {
	at := base().Add(time.Duration(i) * 12 * time.Second) // an intent is free after three calls
	rows := g.some(stored)
	switch g.rand.IntN(7) {
	case 6:
		d := g.drain(stored, i)
		return fmt.Sprintf("write drain %+v", d), func() error { return model.WriteDrain(w.Context(), d) }, func() error { return w.writeDrain(d) }
	case 0, 1:
		c := g.change(rows, i)
		return fmt.Sprintf("change %+v", c), func() error { return model.Change(w.Context(), c) }, func() error { return w.change(c) }
	case 2:
		c := claimOf(fmt.Sprintf("c%d", i), at, rows...)
		return fmt.Sprintf("claim %+v", c), func() error { return model.Claim(w.Context(), c) }, func() error { return w.claim(c) }
	case 3:
		k := g.closing(stored, rows, at)
		return fmt.Sprintf("close %+v", k), func() error { return model.Close(w.Context(), k) }, func() error { return w.close(k) }
	case 4:
		n := learntOf(rows[0], float64(i+1))
		return fmt.Sprintf("note what was learnt %+v", n), func() error { return model.Note(w.Context(), n) }, func() error { return w.note(n) }
	default:
		n := noteOf(rows[0], fmt.Sprintf("n%d", i))
		n.Record.At = at
		return fmt.Sprintf("note %+v", n), func() error { return model.Note(w.Context(), n) }, func() error { return w.note(n) }
	}
}

// drain gives a removal's next row, now and then at another generation or as it was.
func (g *player) drain(stored ledger.Cluster, i int) ledger.Drain {
	d := stored.Drain(fleet.InstanceID(fmt.Sprintf("i-%d", g.rand.IntN(3))))
	if d.Generation > 0 && g.rand.IntN(4) == 0 {
		d.Generation--
		return d
	}
	states := []drain.State{drain.Candidate, drain.Draining, drain.Terminating, drain.Undoing, drain.Terminated, drain.Undone, drain.Gone}
	next := drainOf(d.Instance, d.Generation, states[g.rand.IntN(len(states))])
	next.Cluster, next.Tries = g.cluster, i
	if g.rand.IntN(6) == 0 {
		next.Generation = int64(g.rand.IntN(4))
	}
	return next
}

func (g *player) closing(stored ledger.Cluster, rows []ledger.Row, at time.Time) ledger.Closing {
	open := ""
	for _, r := range stored.Rows {
		if r.Intent != nil {
			open = r.Intent.ID
		}
	}
	if open != "" && g.rand.IntN(4) > 0 {
		rows = rows[:0]
		for _, r := range stored.Rows {
			if r.Intent != nil && r.Intent.ID == open {
				rows = append(rows, r)
			}
		}
	}
	var claim ledger.Claim
	claim.ID = "c" + fmt.Sprint(g.rand.IntN(10))
	if open != "" {
		claim.ID = open
	}
	for _, r := range rows {
		claim.Entries = append(claim.Entries, ledger.ClaimEntry{Target: r.Target, Generation: r.Generation - 1})
	}
	return closingOf(claim, at)
}

func (g *player) change(rows []ledger.Row, i int) ledger.Change {
	c := ledger.Change{Cluster: g.cluster}
	for _, r := range rows {
		e := ledger.Edit{Target: r.Target, Generation: r.Generation}
		switch g.rand.IntN(5) {
		case 0:
			e.Remove = true
		case 1:
			o := []spec.Override{pause(base().Add(time.Duration(i) * time.Minute))}[:g.rand.IntN(2)]
			e.Overrides = &o
		default:
			e.Policy = policyOf(r.Target, i)
		}
		c.Edits = append(c.Edits, e)
	}
	if g.rand.IntN(5) == 0 {
		c.Control = &ledger.Control{Generation: int64(g.rand.IntN(3)), Why: fmt.Sprint(i)}
	}
	return c
}
