package taskcount

import (
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// clauseNames gives the clauses by the names of their functions.
func clauseNames() []string {
	var out []string
	for _, c := range clauses() {
		name := runtime.FuncForPC(reflect.ValueOf(c).Pointer()).Name()
		out = append(out, name[strings.LastIndexByte(name, '.')+1:])
	}
	return out
}

// The order of design.md 6: a later clause sees what the ones before it left,
// so another order is another decision.
func TestClausesStandInTheOrderOfTheDesign(t *testing.T) {
	t.Parallel()
	want := []string{
		"spent",            // combined; one datapoint grounds at most one order
		"activate",         // 0 <-> 1
		"stabilize",        // windows
		"keepHistoryFloor", // bounds: of history
		"clamp",            // bounds: of policy, schedule, constraints, caps, people
		"coolDown",         // cooldowns
		"heedVetoes",       // brakes of scale-in: vetoes
		"freeze",           // deployment freeze
		"brakePlacement",   // unplaceable tasks
		"brakeFleet",       // unhealthy fleet
		"guardFlapping",    // flap guard
		"budgetFlapping",   // flap budget
		"limitRate",        // rate limits
		"budgetRemovals",   // removal budget
		"last",             // lift to min, cap an increase at max
		"settle",           // our own order that does not show yet
		"suspend",          // mode: pause, suspend in and out
	}
	if got := clauseNames(); !slices.Equal(got, want) {
		t.Errorf("the clauses are %q, want %q", got, want)
	}
}

// .ci/mutate disables every clause in turn: a new one cannot be forgotten.
func TestEveryClauseHasItsMutant(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../.ci/mutants")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "clause-"); ok {
			listed = append(listed, name[:strings.IndexByte(name, '\t')])
		}
	}
	if names := clauseNames(); !slices.Equal(listed, names) {
		t.Errorf(".ci/mutants lists the clauses %q, decide.go has %q", listed, names)
	}
}
