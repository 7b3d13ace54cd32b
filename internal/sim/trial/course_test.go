package trial_test

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// embedded gives the course of an embedded load for 20 tasks.
func embedded(t testing.TB, name string) *trial.Course {
	t.Helper()
	r, err := trace.Embedded(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := trial.NewCourse(r.Trace, 20, trial.Requests())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// named gives contestants by name.
func named(t testing.TB, list string) []trial.Contestant {
	t.Helper()
	ks, err := trial.Named(list)
	if err != nil {
		t.Fatal(err)
	}
	return ks
}
