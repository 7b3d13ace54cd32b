package history_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

func TestToward(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to int
		want     history.Direction
	}{{1, 2, history.Out}, {2, 1, history.In}, {2, 2, history.Hold}, {0, 1, history.Out}, {1, 0, history.In}}
	for _, tt := range tests {
		if got := history.Toward(tt.from, tt.to); got != tt.want {
			t.Errorf("from %d to %d: got %s, want %s", tt.from, tt.to, got, tt.want)
		}
	}
}

// step is one clause of a walk: To(count, rule).
type step struct {
	count int
	rule  string
}

func walk(base int, steps []step) *history.Steps {
	s := history.Begin(base)
	for _, x := range steps {
		s.To(x.count, x.rule, "because of "+x.rule)
	}
	return s
}

func TestEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		steps   []step
		binding string
		after   int
	}{
		{"no clause", nil, history.AlreadyAtDesiredCapacity, 10},
		{"one change", []step{{15, "a"}}, "a", 15},
		{"one confirmation", []step{{10, "a"}}, "a", 10},
		{"the last change binds", []step{{15, "a"}, {12, "b"}}, "b", 12},
		{"a confirmation after a change does not bind", []step{{15, "a"}, {15, "b"}}, "a", 15},
		{"a change that takes all back binds", []step{{15, "a"}, {10, "b"}}, "b", 10},
		{"of confirmations the last binds", []step{{10, "a"}, {10, "b"}}, "b", 10},
		{"a change binds before later confirmations", []step{{10, "a"}, {9, "b"}, {9, "c"}, {9, "d"}}, "b", 9},
	}
	for _, tt := range tests {
		clauses, binding := walk(10, tt.steps).End()
		if binding.Rule != tt.binding || binding.After != tt.after || !binding.Binding {
			t.Errorf("%s: binding %+v, want %s at %d", tt.name, binding, tt.binding, tt.after)
		}
		if want := max(1, len(tt.steps)); len(clauses) != want {
			t.Errorf("%s: %d clauses, want %d", tt.name, len(clauses), want)
		}
		if n := bindings(clauses); n != 1 {
			t.Errorf("%s: %d binding clauses in %+v", tt.name, n, clauses)
		}
	}
}

func bindings(cs []history.Clause) int {
	n := 0
	for _, c := range cs {
		if c.Binding {
			n++
		}
	}
	return n
}

func TestEndAtLast(t *testing.T) {
	t.Parallel()
	got := walk(10, []step{{15, "a"}, {15, "gate"}}).EndAtLast()
	want := []history.Clause{
		{Rule: "a", Before: 10, After: 15, Because: "because of a"},
		{Rule: "gate", Before: 15, After: 15, Because: "because of gate", Binding: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := history.Begin(10).EndAtLast(); len(got) != 0 {
		t.Errorf("of no clause: got %+v", got)
	}
}

// Resume goes on where a walk ended: the base stays, the chain is unbroken, and
// the first walk's clauses are not written to.
func TestResume(t *testing.T) {
	t.Parallel()
	first, _ := walk(10, []step{{15, "a"}}).End()
	s := history.Resume(10, 15, first)
	if s.Base() != 10 || s.Count() != 15 || s.Direction() != history.Out {
		t.Fatalf("base %d, count %d, direction %s", s.Base(), s.Count(), s.Direction())
	}
	s.To(10, "gate", "because of gate")
	if s.Direction() != history.Hold {
		t.Errorf("direction %s after the gate", s.Direction())
	}
	want := []history.Clause{
		{Rule: "a", Before: 10, After: 15, Because: "because of a"},
		{Rule: "gate", Before: 15, After: 10, Because: "because of gate", Binding: true},
	}
	if diff := cmp.Diff(want, s.EndAtLast()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !first[0].Binding {
		t.Error("the first walk's clauses were changed")
	}
	roomy := make([]history.Clause, 1, 8)
	history.Resume(10, 15, roomy).To(10, "gate", "because of gate")
	if roomy[:2][1].Rule != "" {
		t.Error("the walk that was resumed wrote into the other's room")
	}
}

// Whatever the clauses, they are a chain from the base to the count with one
// binding clause, which explains the count, and ending twice gives the same.
func TestWalkIsAChain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.IntRange(0, 9).Draw(t, "base")
		var steps []step
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 8).Draw(t, "counts") {
			steps = append(steps, step{n, "rule"})
		}
		s := walk(base, steps)
		clauses, binding := s.End()
		at := base
		for _, c := range clauses {
			if c.Before != at {
				t.Fatalf("%+v does not begin at %d", c, at)
			}
			at = c.After
		}
		if at != s.Count() || s.Base() != base || s.Direction() != history.Toward(base, at) {
			t.Fatalf("the clauses end at %d; count %d, base %d, direction %s", at, s.Count(), s.Base(), s.Direction())
		}
		if bindings(clauses) != 1 || binding.After != s.Count() {
			t.Fatalf("binding %+v of %+v does not explain %d", binding, clauses, s.Count())
		}
		again, _ := s.End()
		if diff := cmp.Diff(clauses, again); diff != "" {
			t.Fatalf("ended twice (-first +second):\n%s", diff)
		}
		s.To(99, "later", "")
		s.End()
		if clauses[len(clauses)-1].After == 99 || bindings(clauses) != 1 {
			t.Fatal("a later clause wrote into what was given before")
		}
	})
}
