package porttest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// ExitsBed is an implementation of reconcile.Exits in a world of its own.
type ExitsBed struct {
	Exits reconcile.Exits
	// Groups shows the groups of the same world.
	Groups reconcile.Groups
	// Create makes a group of minSize to maxSize instances with so many in service,
	// not protected, and gives their ids.
	Create func(t *testing.T, name fleet.GroupName, minSize, maxSize, desired int) []fleet.InstanceID
	// AddHook gives the group a lifecycle hook for terminations: from then on they wait.
	AddHook func(t *testing.T, g fleet.GroupName, name string, timeout time.Duration)
	// Waiting gives the wait of the instance as the lifecycle event tells it. Without
	// one it fails the test.
	Waiting func(t *testing.T, g fleet.GroupName, id fleet.InstanceID) drain.Hook
	// OneByOne says that an order for several may be refused after some were ended, as
	// where Auto Scaling knows only the call for one.
	OneByOne bool
}

// Exits runs the suite of reconcile.Exits.
func Exits(t *testing.T, open func(*testing.T) ExitsBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(exitsWorld)
	}{
		{"one instance leaves and the group wants one less", oneLeaves},
		{"more than a hundred leave, and no other", manyLeave},
		{"terminating none changes nothing", noneLeaves},
		{"one that the group no longer has is no error", leftBefore},
		{"the others leave beside one that left before", leftBeside},
		{"going below the least size is an error and changes nothing", belowLeast},
		{"protection is set and removed on those named", protected},
		{"more than fifty instances are protected", manyProtected},
		{"a hook tells its timeout, and one that is not there is not", hookTimeout},
		{"a hook waits until it is completed", hookWaits},
		{"a wait that is over takes heartbeats and completions", hookOver},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(exitsWorld{T: t, ExitsBed: open(t)})
		})
	}
}

// exitsWorld is one case and its bed.
type exitsWorld struct {
	*testing.T
	ExitsBed
}

func oneLeaves(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 3)
	leave(w, ids[1])
	wantStaying(w, "workers", ids[0], ids[2])
}

func manyLeave(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 200, 123)
	others := w.Create(w.T, "workers-2", 0, 9, 2)
	leave(w, ids[1:122]...)
	wantStaying(w, "workers", ids[0], ids[122])
	wantStaying(w, "workers-2", others...)
}

func noneLeaves(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 2)
	leave(w)
	wantStaying(w, "workers", ids...)
}

func leftBefore(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 3)
	for range 2 {
		leave(w, ids[0])
		wantStaying(w, "workers", ids[1:]...)
	}
}

func leftBeside(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 4)
	leave(w, ids[0])
	leave(w, ids[0], ids[1], ids[2])
	wantStaying(w, "workers", ids[3])
}

func belowLeast(w exitsWorld) {
	ids := w.Create(w.T, "workers", 2, 6, 3)
	if err := w.Exits.Terminate(w.Context(), "workers", ids[:2]); err == nil {
		w.Error("the order was taken")
	}
	if !w.OneByOne {
		wantStaying(w, "workers", ids...)
		leave(w, ids[0])
	}
	if err := w.Exits.Terminate(w.Context(), "workers", ids[1:2]); err == nil {
		w.Error("the order of one was taken")
	}
	wantStaying(w, "workers", ids[1:]...)
}

func protected(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 3)
	protect(w, true, ids[0], ids[2])
	wantProtected(w, ids[0], ids[2])
	protect(w, true, ids[0])
	protect(w, false, ids[2], ids[1])
	wantProtected(w, ids[0])
	protect(w, false)
	wantProtected(w, ids[0])
}

func manyProtected(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 200, 103)
	protect(w, true, ids[1:]...)
	wantProtected(w, ids[1:]...)
}

func hookTimeout(w exitsWorld) {
	w.Create(w.T, "workers", 0, 6, 1)
	w.Create(w.T, "workers-2", 0, 6, 1)
	w.AddHook(w.T, "workers", "drain", 10*time.Minute)
	w.AddHook(w.T, "workers-2", "other", 20*time.Minute)
	want := []drain.Hook{{Name: "drain", Timeout: 10 * time.Minute}}
	if hooks, err := w.Exits.Hooks(w.Context(), "workers"); !slices.Equal(hooks, want) || err != nil {
		w.Errorf("the hooks are %+v (%v), want %+v", hooks, err, want)
	}
	w.Create(w.T, "workers-3", 0, 6, 1)
	if hooks, err := w.Exits.Hooks(w.Context(), "workers-3"); len(hooks) > 0 || err != nil {
		w.Errorf("a group without hooks has %+v (%v)", hooks, err)
	}
}

func hookWaits(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 3)
	w.AddHook(w.T, "workers", "drain", 10*time.Minute)
	leave(w, ids[0], ids[1])
	wantStaying(w, "workers", ids[2])
	h := w.Waiting(w.T, "workers", ids[0])
	if err := w.Exits.Heartbeat(w.Context(), "workers", ids[0], h); err != nil {
		w.Fatal(err)
	}
	wantWaiting(w, ids[0], ids[1])
	if err := w.Exits.Complete(w.Context(), "workers", ids[0], h); err != nil {
		w.Fatal(err)
	}
	wantWaiting(w, ids[1])
}

func hookOver(w exitsWorld) {
	ids := w.Create(w.T, "workers", 0, 6, 2)
	w.AddHook(w.T, "workers", "drain", 10*time.Minute)
	leave(w, ids[0])
	h := w.Waiting(w.T, "workers", ids[0])
	for range 2 {
		if err := w.Exits.Complete(w.Context(), "workers", ids[0], h); err != nil {
			w.Errorf("completing fails: %v", err)
		}
	}
	if err := w.Exits.Heartbeat(w.Context(), "workers", ids[0], h); err != nil {
		w.Errorf("the heartbeat fails: %v", err)
	}
	wantStaying(w, "workers", ids[1])
}

// leave orders that instances of "workers" end; the helpers below look at it as well.
func leave(w exitsWorld, ids ...fleet.InstanceID) {
	w.Helper()
	if err := w.Exits.Terminate(w.Context(), "workers", ids); err != nil {
		w.Fatal(err)
	}
}

func protect(w exitsWorld, on bool, ids ...fleet.InstanceID) {
	w.Helper()
	if err := w.Exits.Protect(w.Context(), "workers", ids, on); err != nil {
		w.Fatal(err)
	}
}

// wantStaying fails unless exactly these are in service and as many are wanted.
func wantStaying(w exitsWorld, g fleet.GroupName, ids ...fleet.InstanceID) {
	w.Helper()
	got := exitsGroup(w, g)
	if diff := cmp.Diff(sorted(ids), sorted(got.InService)); diff != "" {
		w.Errorf("instances of %s in service (-want +got):\n%s", g, diff)
	}
	if got.DesiredCapacity != len(ids) {
		w.Errorf("%s wants %d instances, want %d", g, got.DesiredCapacity, len(ids))
	}
}

func wantProtected(w exitsWorld, ids ...fleet.InstanceID) {
	w.Helper()
	var got []fleet.InstanceID
	for _, m := range exitsGroup(w, "workers").Members {
		if m.Protected {
			got = append(got, m.ID)
		}
	}
	if diff := cmp.Diff(sorted(ids), sorted(got)); diff != "" {
		w.Errorf("protected instances (-want +got):\n%s", diff)
	}
}

func wantWaiting(w exitsWorld, ids ...fleet.InstanceID) {
	w.Helper()
	var got []fleet.InstanceID
	for _, m := range exitsGroup(w, "workers").Members {
		if m.State == "Terminating:Wait" {
			got = append(got, m.ID)
		}
	}
	if diff := cmp.Diff(sorted(ids), sorted(got)); diff != "" {
		w.Errorf("waiting instances (-want +got):\n%s", diff)
	}
}

func exitsGroup(w exitsWorld, g fleet.GroupName) fleet.Group {
	w.Helper()
	got, ok, err := w.Groups.Describe(w.Context(), g)
	if err != nil || !ok {
		w.Fatalf("describe %s: found %v, %v", g, ok, err)
	}
	return got
}

// sorted gives the ids in their order, nil for none.
func sorted(ids []fleet.InstanceID) []fleet.InstanceID { return slices.Sorted(slices.Values(ids)) }
