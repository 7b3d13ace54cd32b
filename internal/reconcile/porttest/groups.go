package porttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// GroupsBed is an implementation of reconcile.Groups in a world of its own.
type GroupsBed struct {
	Groups reconcile.Groups
	// Create makes a group of minSize to maxSize instances that wants so many.
	Create func(t *testing.T, name fleet.GroupName, minSize, maxSize, desired int)
	// AnySize says that the world takes an order outside the group's sizes, as
	// moto does. Auto Scaling refuses it.
	AnySize bool
}

// Groups runs the suite of reconcile.Groups.
func Groups(t *testing.T, open func(*testing.T) GroupsBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(groupsWorld)
	}{
		{"an unknown group is not there", unknownGroup},
		{"a group is described as it was made", describedGroup},
		{"an order is absolute, and repeating it is harmless", absoluteCapacity},
		{"an order touches no other group", otherGroup},
		{"an order to an unknown group is an error", orderUnknownGroup},
		{"an order below zero is an error and changes nothing", negativeCapacity},
		{"an order outside the sizes is an error and changes nothing", outsideSizes},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(groupsWorld{T: t, GroupsBed: open(t)})
		})
	}
}

// groupsWorld is one case and its bed.
type groupsWorld struct {
	*testing.T
	GroupsBed
}

func unknownGroup(w groupsWorld) {
	w.Create(w.T, "workers", 0, 4, 1)
	for _, name := range []fleet.GroupName{"nobody", "worker", "workers-2"} {
		if got, ok, err := w.Groups.Describe(w.Context(), name); ok || err != nil {
			w.Errorf("%s is described as %+v, %v, %v; want not there and no error", name, got, ok, err)
		}
	}
}

func describedGroup(w groupsWorld) {
	w.Create(w.T, "workers", 1, 6, 2)
	g := group(w, "workers")
	if g.Name != "workers" || g.MinSize != 1 || g.MaxSize != 6 || g.DesiredCapacity != 2 || g.SuspendedLaunch {
		w.Errorf("described %+v, want workers with 1 to 6 instances, 2 desired, launching", g)
	}
	seen := make(map[fleet.InstanceID]bool)
	for _, id := range g.InService {
		if id == "" || seen[id] {
			w.Errorf("instances in service are %q, want each once", g.InService)
		}
		seen[id] = true
		if m, ok := g.Member(id); !ok || !m.InService() {
			w.Errorf("%s is in service and its member is %+v (%v)", id, m, ok)
		}
	}
	if !slices.IsSortedFunc(g.Members, func(a, b fleet.Member) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
		w.Errorf("members are not sorted: %+v", g.Members)
	}
	if g.Refreshing || len(g.Failures) != 0 {
		w.Errorf("described %+v, want neither a refresh nor failures: each would cost a call", g)
	}
}

func absoluteCapacity(w groupsWorld) {
	w.Create(w.T, "workers", 0, 9, 1)
	// One after the other at once: no order waits for a cooldown.
	for _, n := range []int{3, 3, 5, 2} {
		if err := w.Groups.SetDesiredCapacity(w.Context(), "workers", n); err != nil {
			w.Fatal(err)
		}
		if got := group(w, "workers").DesiredCapacity; got != n {
			w.Errorf("desired capacity is %d after an order of %d", got, n)
		}
	}
}

func otherGroup(w groupsWorld) {
	w.Create(w.T, "workers", 0, 9, 1)
	w.Create(w.T, "workers-2", 0, 9, 4)
	if err := w.Groups.SetDesiredCapacity(w.Context(), "workers", 3); err != nil {
		w.Fatal(err)
	}
	if got := group(w, "workers-2").DesiredCapacity; got != 4 {
		w.Errorf("desired capacity of the other group is %d, want 4", got)
	}
}

func orderUnknownGroup(w groupsWorld) {
	if err := w.Groups.SetDesiredCapacity(w.Context(), "nobody", 1); err == nil {
		w.Error("the order was taken")
	}
}

func negativeCapacity(w groupsWorld) {
	w.Create(w.T, "workers", 0, 9, 2)
	refusedCapacity(w, -1)
}

func outsideSizes(w groupsWorld) {
	if w.AnySize {
		w.Skip("the bed takes orders outside the sizes")
	}
	w.Create(w.T, "workers", 1, 4, 2)
	refusedCapacity(w, 0)
	refusedCapacity(w, 5)
}

// refusedCapacity orders what must be refused, of a group that wants 2.
func refusedCapacity(w groupsWorld, instances int) {
	w.Helper()
	if err := w.Groups.SetDesiredCapacity(w.Context(), "workers", instances); err == nil {
		w.Errorf("the order of %d was taken", instances)
	}
	if got := group(w, "workers").DesiredCapacity; got != 2 {
		w.Errorf("desired capacity is %d after a refused order, want 2 still", got)
	}
}

func group(w groupsWorld, name fleet.GroupName) fleet.Group {
	w.Helper()
	g, ok, err := w.Groups.Describe(w.Context(), name)
	if err != nil || !ok {
		w.Fatalf("describe %s: found %v, %v", name, ok, err)
	}
	return g
}
