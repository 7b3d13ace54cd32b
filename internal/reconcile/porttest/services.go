package porttest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// ServicesBed is an implementation of reconcile.Services in a world of its own.
type ServicesBed struct {
	Services reconcile.Services
	// Cluster exists and holds nothing but what the functions below make.
	Cluster fleet.ClusterName
	// Create makes an active service on Fargate that wants so many tasks.
	Create func(t *testing.T, name fleet.ServiceName, desired int)
	// AddInstance makes an active container instance with its agent connected. Optional.
	AddInstance func(t *testing.T) fleet.InstanceID
}

// Services runs the suite of reconcile.Services.
func Services(t *testing.T, open func(*testing.T) ServicesBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(servicesWorld)
	}{
		{"no names give no services", noNames},
		{"unknown names are left out", unknownNames},
		{"more than ten services come in the order of the names", manyServices},
		{"a service is described as it was made", describedService},
		{"an order is absolute, and repeating it is harmless", absoluteCount},
		{"an order touches no other service", otherServices},
		{"an order to no tasks is one", zeroCount},
		{"an order to an unknown service is an error", unknownService},
		{"an order below zero is an error and changes nothing", negativeCount},
		{"an empty cluster has no names", emptyCluster},
		{"more than a hundred services are all named", manyNames},
		{"container instances are listed", instances},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(servicesWorld{T: t, ServicesBed: open(t)})
		})
	}
}

// servicesWorld is one case and its bed.
type servicesWorld struct {
	*testing.T
	ServicesBed
}

func noNames(w servicesWorld) {
	w.Create(w.T, "web", 1)
	if got := describe(w); len(got) != 0 {
		w.Errorf("described %v, want none", got)
	}
}

func unknownNames(w servicesWorld) {
	w.Create(w.T, "web", 1)
	if got := describe(w, "nobody"); len(got) != 0 {
		w.Errorf("described %v, want none", got)
	}
	if got := namesOf(describe(w, "nobody", "web", "neither")); !slices.Equal(got, []fleet.ServiceName{"web"}) {
		w.Errorf("described %v, want web alone", got)
	}
}

func manyServices(w servicesWorld) {
	var want, ask []fleet.ServiceName
	for i := range 25 {
		n := fleet.ServiceName(fmt.Sprintf("service-%02d", i))
		w.Create(w.T, n, i)
		want = append(want, n)
		ask = append(ask, n, n+"-gone")
	}
	slices.Reverse(want)
	slices.Reverse(ask)
	got := describe(w, ask...)
	if diff := cmp.Diff(want, namesOf(got)); diff != "" {
		w.Fatalf("names (-want +got):\n%s", diff)
	}
	for i, s := range got {
		if want := 24 - i; s.Desired != want {
			w.Errorf("%s desires %d tasks, want %d", s.Name, s.Desired, want)
		}
	}
}

func describedService(w servicesWorld) {
	w.Create(w.T, "web", 3)
	got := describe(w, "web")
	if len(got) != 1 {
		w.Fatalf("described %d services, want 1", len(got))
	}
	s := got[0]
	if s.Name != "web" || s.Desired != 3 || !s.Active || s.Daemon || s.Compute != fleet.Fargate || s.Group != "" {
		w.Errorf("described %+v, want web on Fargate: active, no daemon, no group, 3 tasks desired", s)
	}
	if s.Running < 0 || s.Pending < 0 {
		w.Errorf("described %d running and %d pending tasks", s.Running, s.Pending)
	}
}

func absoluteCount(w servicesWorld) {
	w.Create(w.T, "web", 3)
	for range 2 {
		order(w, 7)
		if got := desired(w, "web"); got != 7 {
			w.Errorf("desired count is %d after an order of 7", got)
		}
	}
	order(w, 4)
	if got := desired(w, "web"); got != 4 {
		w.Errorf("desired count is %d after an order of 4", got)
	}
}

func otherServices(w servicesWorld) {
	w.Create(w.T, "web", 3)
	w.Create(w.T, "web-2", 5)
	order(w, 9)
	if got := desired(w, "web-2"); got != 5 {
		w.Errorf("desired count of the other service is %d, want 5", got)
	}
}

func zeroCount(w servicesWorld) {
	w.Create(w.T, "web", 3)
	order(w, 0)
	if got := desired(w, "web"); got != 0 {
		w.Errorf("desired count is %d after an order of 0", got)
	}
}

func unknownService(w servicesWorld) {
	if err := w.Services.SetDesiredCount(w.Context(), fleet.ServiceKey{Cluster: w.Cluster, Service: "nobody"}, 2); err == nil {
		w.Error("the order was taken")
	}
}

func negativeCount(w servicesWorld) {
	w.Create(w.T, "web", 3)
	if err := w.Services.SetDesiredCount(w.Context(), fleet.ServiceKey{Cluster: w.Cluster, Service: "web"}, -1); err == nil {
		w.Error("the order was taken")
	}
	if got := desired(w, "web"); got != 3 {
		w.Errorf("desired count is %d, want 3 still", got)
	}
}

func emptyCluster(w servicesWorld) {
	if got := names(w); len(got) != 0 {
		w.Errorf("named %v, want none", got)
	}
}

func manyNames(w servicesWorld) {
	var want []fleet.ServiceName
	for i := range 103 {
		n := fleet.ServiceName(fmt.Sprintf("service-%03d", i))
		w.Create(w.T, n, 0)
		want = append(want, n)
	}
	got := names(w)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("names (-want +got):\n%s", diff)
	}
}

func instances(w servicesWorld) {
	if w.AddInstance == nil {
		w.Skip("the bed has no container instances")
	}
	if got, err := w.Services.Instances(w.Context(), w.Cluster); err != nil || len(got) != 0 {
		w.Fatalf("instances of an empty cluster are %v, %v", got, err)
	}
	want := []fleet.InstanceID{w.AddInstance(w.T), w.AddInstance(w.T), w.AddInstance(w.T)}
	found, err := w.Services.Instances(w.Context(), w.Cluster)
	if err != nil {
		w.Fatal(err)
	}
	var got []fleet.InstanceID
	for _, i := range found {
		got = append(got, i.ID)
		if !i.Active || !i.Connected || i.Group != "" {
			w.Errorf("instance %+v, want active, connected, without a group", i)
		}
		if i.Registered.CPU <= 0 || i.Registered.Memory <= 0 || !i.Remaining.Fits(i.Registered) {
			w.Errorf("instance %s registered %+v and has %+v left", i.ID, i.Registered, i.Remaining)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("instances (-want +got):\n%s", diff)
	}
}

func describe(w servicesWorld, names ...fleet.ServiceName) []fleet.Service {
	w.Helper()
	got, err := w.Services.Describe(w.Context(), w.Cluster, names)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func desired(w servicesWorld, name fleet.ServiceName) int {
	w.Helper()
	got := describe(w, name)
	if len(got) != 1 {
		w.Fatalf("described %d services of the name %s, want 1", len(got), name)
	}
	return got[0].Desired
}

// order orders so many tasks of the service "web".
func order(w servicesWorld, tasks int) {
	w.Helper()
	if err := w.Services.SetDesiredCount(w.Context(), fleet.ServiceKey{Cluster: w.Cluster, Service: "web"}, tasks); err != nil {
		w.Fatal(err)
	}
}

func names(w servicesWorld) []fleet.ServiceName {
	w.Helper()
	got, err := w.Services.Names(w.Context(), w.Cluster)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func namesOf(services []fleet.Service) []fleet.ServiceName {
	out := make([]fleet.ServiceName, len(services))
	for i, s := range services {
		out[i] = s.Name
	}
	return out
}
