package porttest

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// OwnersBed is an implementation of reconcile.Owners in a world of its own.
type OwnersBed struct {
	Owners reconcile.Owners
	// Cluster has the services "web" and "web-2", which nobody scales.
	Cluster fleet.ClusterName
	// Own lets Application Auto Scaling scale a service, Release ends it.
	Own, Release func(t *testing.T, k fleet.ServiceKey)
	// Group is a group of the cluster that nobody scales. Optional.
	Group fleet.GroupName
	// OwnGroup lets AWS scale the group. It is set with Group.
	OwnGroup func(t *testing.T)
}

// Owners runs the suite of reconcile.Owners.
func Owners(t *testing.T, open func(*testing.T) OwnersBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(ownersWorld)
	}{
		{"a service that nobody scales has no owner", freeService},
		{"a service that Application Auto Scaling scales is owned", ownedService},
		{"the other service is not", neighbour},
		{"asking anew sees a service change hands", handover},
		{"a group that nobody scales has no owner", freeGroup},
		{"a group that AWS scales is owned", ownedGroup},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(ownersWorld{T: t, OwnersBed: open(t)})
		})
	}
}

// ownersWorld is one case and its bed.
type ownersWorld struct {
	*testing.T
	OwnersBed
}

func (w ownersWorld) web() fleet.ServiceKey {
	return fleet.ServiceKey{Cluster: w.Cluster, Service: "web"}
}

func freeService(w ownersWorld) {
	for _, fresh := range []bool{false, true, false} {
		if got := ownerOf(w, w.web(), fresh); got != (policy.Owner{}) {
			w.Errorf("the owner is %+v (fresh %v), want none", got, fresh)
		}
	}
}

func ownedService(w ownersWorld) {
	w.Own(w.T, w.web())
	for _, fresh := range []bool{false, true, false} {
		got := ownerOf(w, w.web(), fresh)
		if got.Kind != "ApplicationAutoScaling" || got.Detail == "" || got.Unknown {
			w.Errorf("the owner is %+v (fresh %v), want ApplicationAutoScaling with a detail", got, fresh)
		}
	}
}

func neighbour(w ownersWorld) {
	w.Own(w.T, w.web())
	if got := ownerOf(w, fleet.ServiceKey{Cluster: w.Cluster, Service: "web-2"}, true); got != (policy.Owner{}) {
		w.Errorf("the owner of the other service is %+v, want none", got)
	}
}

func handover(w ownersWorld) {
	ownerOf(w, w.web(), false)
	w.Own(w.T, w.web())
	if got := ownerOf(w, w.web(), true); got.Kind == "" {
		w.Errorf("the owner is %+v after Application Auto Scaling took over", got)
	}
	w.Release(w.T, w.web())
	if got := ownerOf(w, w.web(), true); got.Kind != "" || got.Unknown {
		w.Errorf("the owner is %+v after it was released", got)
	}
}

func freeGroup(w ownersWorld) {
	if w.Group == "" {
		w.Skip("the bed has no groups")
	}
	if got := groupOwner(w); got != (policy.Owner{}) {
		w.Errorf("the owner is %+v, want none", got)
	}
}

func ownedGroup(w ownersWorld) {
	if w.Group == "" {
		w.Skip("the bed has no groups")
	}
	w.OwnGroup(w.T)
	if got := groupOwner(w); got.Kind == "" || got.Detail == "" || got.Unknown {
		w.Errorf("the owner is %+v, want a kind and a detail", got)
	}
}

func ownerOf(w ownersWorld, k fleet.ServiceKey, fresh bool) policy.Owner {
	w.Helper()
	got, err := w.Owners.Service(w.Context(), k, fresh)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func groupOwner(w ownersWorld) policy.Owner {
	w.Helper()
	got, err := w.Owners.Group(w.Context(), w.Cluster, w.Group, true)
	if err != nil {
		w.Fatal(err)
	}
	return got
}
