package porttest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// ActivitiesBed is an implementation of reconcile.Activities in a world of its own.
type ActivitiesBed struct {
	Activities reconcile.Activities
	// Create makes a group with so many instances in service, and gives their ids.
	Create func(t *testing.T, name fleet.GroupName, instances int) []fleet.InstanceID
	// FailLaunch lets a launch of the group fail for want of capacity, LaunchOne lets
	// one succeed. Each ends at least a second after what came before.
	FailLaunch func(t *testing.T, g fleet.GroupName)
	LaunchOne  func(t *testing.T, g fleet.GroupName)
	// Refresh begins an instance refresh of the group, or ends the one that runs.
	Refresh func(t *testing.T, g fleet.GroupName, on bool)
	// Now is the time in the world.
	Now func() time.Time
}

// Activities runs the suite of reconcile.Activities.
func Activities(t *testing.T, open func(*testing.T) ActivitiesBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(activitiesWorld)
	}{
		{"no instances have no homes", noHomes},
		{"instances are told with their groups, the strange ones left out", homesOf},
		{"more than fifty instances all have their homes", manyHomes},
		{"a refresh is told while it runs", refreshed},
		{"without failures none are told", noFailures},
		{"failures are told oldest first, of one group alone", failures},
		{"failures from before the time are left out", failuresSince},
		{"a success after the failures is told, and one before is not", launchedAfter},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(activitiesWorld{T: t, ActivitiesBed: open(t)})
		})
	}
}

// activitiesWorld is one case and its bed.
type activitiesWorld struct {
	*testing.T
	ActivitiesBed
}

func noHomes(w activitiesWorld) {
	w.Create(w.T, "workers", 2)
	if got, err := w.Activities.Homes(w.Context(), nil); err != nil || len(got) != 0 {
		w.Errorf("homes are %v, %v; want none", got, err)
	}
}

func homesOf(w activitiesWorld) {
	a, b := w.Create(w.T, "workers", 2), w.Create(w.T, "workers-2", 1)
	want := map[fleet.InstanceID]fleet.GroupName{a[1]: "workers", b[0]: "workers-2"}
	wantHomes(w, want, a[1], b[0], "i-0000000000000dead", a[1])
}

func manyHomes(w activitiesWorld) {
	ids := w.Create(w.T, "workers", 107)
	want := make(map[fleet.InstanceID]fleet.GroupName)
	for _, id := range ids {
		want[id] = "workers"
	}
	wantHomes(w, want, ids...)
}

func refreshed(w activitiesWorld) {
	w.Create(w.T, "workers", 1)
	w.Create(w.T, "workers-2", 1)
	wantRefreshing(w, "workers", false)
	for range 2 {
		w.Refresh(w.T, "workers", true)
		wantRefreshing(w, "workers", true)
		wantRefreshing(w, "workers-2", false)
		w.Refresh(w.T, "workers", false)
		wantRefreshing(w, "workers", false)
	}
}

func noFailures(w activitiesWorld) {
	since := w.Now()
	w.Create(w.T, "workers", 1)
	if got, _ := failed(w, "workers", since); len(got) != 0 {
		w.Errorf("failures are %v, want none", got)
	}
}

func failures(w activitiesWorld) {
	w.Create(w.T, "workers", 1)
	w.Create(w.T, "workers-2", 1)
	since := w.Now()
	for range 3 {
		w.FailLaunch(w.T, "workers")
	}
	got, launched := failed(w, "workers", since)
	if len(got) != 3 || !launched.IsZero() {
		w.Fatalf("failures are %v with a success at %v, want three and none", got, launched)
	}
	for i, f := range got {
		if f.Words == "" || f.At.Before(since) || i > 0 && !f.At.After(got[i-1].At) {
			w.Errorf("failure %d is %+v, want it in words and after the one before", i, f)
		}
	}
	if got, _ := failed(w, "workers-2", since); len(got) != 0 {
		w.Errorf("failures of the other group are %v, want none", got)
	}
}

func failuresSince(w activitiesWorld) {
	w.Create(w.T, "workers", 1)
	since := w.Now()
	w.FailLaunch(w.T, "workers")
	w.FailLaunch(w.T, "workers")
	both, _ := failed(w, "workers", since)
	if len(both) != 2 {
		w.Fatalf("failures are %v, want two", both)
	}
	if got, _ := failed(w, "workers", both[1].At); !cmp.Equal(got, both[1:]) {
		w.Errorf("failures since %v are %v, want %v", both[1].At, got, both[1:])
	}
	if got, _ := failed(w, "workers", both[1].At.Add(time.Millisecond)); len(got) != 0 {
		w.Errorf("failures after the last are %v, want none", got)
	}
}

func launchedAfter(w activitiesWorld) {
	w.Create(w.T, "workers", 1)
	since := w.Now()
	w.FailLaunch(w.T, "workers")
	w.LaunchOne(w.T, "workers")
	got, launched := failed(w, "workers", since)
	if len(got) != 1 || !launched.After(got[0].At) {
		w.Errorf("failures are %v with a success at %v, want one and a success after it", got, launched)
	}
	w.FailLaunch(w.T, "workers")
	if got, launched := failed(w, "workers", since); len(got) != 2 || !launched.IsZero() {
		w.Errorf("failures are %v with a success at %v, want two and none", got, launched)
	}
}

func wantHomes(w activitiesWorld, want map[fleet.InstanceID]fleet.GroupName, ids ...fleet.InstanceID) {
	w.Helper()
	got, err := w.Activities.Homes(w.Context(), ids)
	if err != nil {
		w.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("homes (-want +got):\n%s", diff)
	}
}

func wantRefreshing(w activitiesWorld, g fleet.GroupName, want bool) {
	w.Helper()
	if got, err := w.Activities.Refreshing(w.Context(), g); got != want || err != nil {
		w.Errorf("%s is refreshing: %v, %v; want %v", g, got, err, want)
	}
}

func failed(w activitiesWorld, g fleet.GroupName, since time.Time) ([]fleet.LaunchFailure, time.Time) {
	w.Helper()
	got, launched, err := w.Activities.Failures(w.Context(), g, since)
	if err != nil {
		w.Fatal(err)
	}
	return got, launched
}
