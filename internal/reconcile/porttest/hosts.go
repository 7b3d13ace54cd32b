package porttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// HostsBed is an implementation of reconcile.Hosts in a world of its own.
type HostsBed struct {
	Hosts reconcile.Hosts
	// Services shows the instances of the same world.
	Services reconcile.Services
	// Cluster exists and holds nothing but what the functions below make.
	Cluster fleet.ClusterName
	// AddInstance makes an active container instance with its agent connected.
	AddInstance func(t *testing.T) fleet.InstanceID
	// CreateService makes a service on EC2, a daemon or one that wants tasks of its
	// own accord only through RunTask.
	CreateService func(t *testing.T, name fleet.ServiceName, daemon bool)
	// RunTask starts a small task of the service on the instance, of none if the name is
	// empty, and gives its ARN. More than fifty fit on an instance.
	RunTask func(t *testing.T, on fleet.InstanceID, service fleet.ServiceName) string
	// StopTask ends a task.
	StopTask func(t *testing.T, arn string)
	// Protect sets or removes task scale-in protection.
	Protect func(t *testing.T, arn string, on bool)
	// Remove takes the container instance out of the cluster for good.
	Remove func(t *testing.T, id fleet.InstanceID)
}

// Hosts runs the suite of reconcile.Hosts.
func Hosts(t *testing.T, open func(*testing.T) HostsBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(hostsWorld)
	}{
		{"no instances have no tasks", noHosts},
		{"an instance without tasks has none", idleHost},
		{"tasks are told with their instance, and only those asked for", tasksOfHosts},
		{"a task outside a service is standalone, and a daemon's is one", kindsOfTask},
		{"protection is told, and its end", guardedTasks},
		{"a task that was stopped is not there", stoppedTask},
		{"more than a hundred tasks are all there", manyTasks},
		{"draining is ordered and taken back, and repeating it is harmless", drainedHost},
		{"more than ten instances drain, and no other", manyDrained},
		{"draining an instance that is gone is no error", drainedGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(hostsWorld{T: t, HostsBed: open(t)})
		})
	}
}

// hostsWorld is one case and its bed.
type hostsWorld struct {
	*testing.T
	HostsBed
}

func noHosts(w hostsWorld) {
	w.CreateService(w.T, "web", false)
	w.RunTask(w.T, w.AddInstance(w.T), "web")
	if got := tasksOn(w); len(got) != 0 {
		w.Errorf("tasks are %v, want none", got)
	}
	if err := w.Hosts.SetDraining(w.Context(), w.Cluster, nil, true); err != nil {
		w.Errorf("draining nothing fails: %v", err)
	}
	if got := draining(w); len(got) != 0 {
		w.Errorf("draining nothing drains %v", got)
	}
}

func idleHost(w hostsWorld) {
	id := w.AddInstance(w.T)
	if got := tasksOn(w, id); len(got) != 0 {
		w.Errorf("tasks are %v, want none", got)
	}
}

func tasksOfHosts(w hostsWorld) {
	w.CreateService(w.T, "web", false)
	a, b, c := w.AddInstance(w.T), w.AddInstance(w.T), w.AddInstance(w.T)
	want := map[string]fleet.InstanceID{w.RunTask(w.T, a, "web"): a, w.RunTask(w.T, b, "web"): b, w.RunTask(w.T, a, "web"): a}
	w.RunTask(w.T, c, "web")
	got := tasksOn(w, b, a)
	where := make(map[string]fleet.InstanceID)
	for _, t := range got {
		where[t.ARN] = t.Instance
		if t.Service != "web" || t.Daemon || t.Guarded || t.Leaving || t.Size.CPU <= 0 || t.Size.Memory <= 0 {
			w.Errorf("task %+v, want one of web with a size, free to go", t)
		}
	}
	if diff := cmp.Diff(want, where); diff != "" {
		w.Errorf("instances by task (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(got, func(x, y fleet.Task) int { return strings.Compare(x.ARN, y.ARN) }) {
		w.Errorf("tasks are not sorted: %v", got)
	}
}

func kindsOfTask(w hostsWorld) {
	w.CreateService(w.T, "web", false)
	w.CreateService(w.T, "agent", true)
	id := w.AddInstance(w.T)
	alone, daemon, service := w.RunTask(w.T, id, ""), w.RunTask(w.T, id, "agent"), w.RunTask(w.T, id, "web")
	type kind struct {
		Service fleet.ServiceName
		Daemon  bool
	}
	got := make(map[string]kind)
	for _, t := range tasksOn(w, id) {
		got[t.ARN] = kind{t.Service, t.Daemon}
	}
	if diff := cmp.Diff(map[string]kind{alone: {}, daemon: {"agent", true}, service: {"web", false}}, got); diff != "" {
		w.Errorf("kinds by task (-want +got):\n%s", diff)
	}
}

func guardedTasks(w hostsWorld) {
	w.CreateService(w.T, "web", false)
	id := w.AddInstance(w.T)
	kept, free := w.RunTask(w.T, id, "web"), w.RunTask(w.T, id, "web")
	for _, on := range []bool{true, false} {
		w.Protect(w.T, kept, on)
		for _, t := range tasksOn(w, id) {
			if want := on && t.ARN == kept; t.Guarded != want || t.ARN != kept && t.ARN != free {
				w.Errorf("task %+v, want guarded %v", t, want)
			}
		}
	}
}

func stoppedTask(w hostsWorld) {
	w.CreateService(w.T, "web", false)
	id := w.AddInstance(w.T)
	stopped, stays := w.RunTask(w.T, id, "web"), w.RunTask(w.T, id, "web")
	w.StopTask(w.T, stopped)
	// Where the instance drains, the ones on their way out are asked for as well.
	for _, drain := range []bool{false, true} {
		if drain {
			setDraining(w, true, id)
		}
		for _, t := range tasksOn(w, id) {
			if t.ARN != stays && !t.Leaving {
				w.Errorf("task %+v is there beside %s", t, stays)
			}
		}
	}
}

func manyTasks(w hostsWorld) {
	w.CreateService(w.T, "web", false)
	ids := []fleet.InstanceID{w.AddInstance(w.T), w.AddInstance(w.T), w.AddInstance(w.T)}
	var want []string
	for i := range 123 {
		want = append(want, w.RunTask(w.T, ids[i%3], "web"))
	}
	slices.Sort(want)
	var got []string
	for _, t := range tasksOn(w, ids...) {
		got = append(got, t.ARN)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func drainedHost(w hostsWorld) {
	a, _ := w.AddInstance(w.T), w.AddInstance(w.T)
	for _, drain := range []bool{true, true, false, false, true} {
		setDraining(w, drain, a)
		want := []fleet.InstanceID{a}
		if !drain {
			want = nil
		}
		if diff := cmp.Diff(want, draining(w)); diff != "" {
			w.Errorf("draining after an order of %v (-want +got):\n%s", drain, diff)
		}
	}
}

func manyDrained(w hostsWorld) {
	var want []fleet.InstanceID
	for range 12 {
		want = append(want, w.AddInstance(w.T))
	}
	w.AddInstance(w.T)
	setDraining(w, true, want...)
	slices.Sort(want)
	if diff := cmp.Diff(want, draining(w)); diff != "" {
		w.Errorf("draining (-want +got):\n%s", diff)
	}
}

func drainedGone(w hostsWorld) {
	gone, stays := w.AddInstance(w.T), w.AddInstance(w.T)
	before := hosts(w, gone, stays)
	w.Remove(w.T, gone)
	if err := w.Hosts.SetDraining(w.Context(), w.Cluster, before, true); err != nil {
		w.Fatal(err)
	}
	if diff := cmp.Diff([]fleet.InstanceID{stays}, draining(w)); diff != "" {
		w.Errorf("draining (-want +got):\n%s", diff)
	}
}

// hosts gives the instances as the world shows them.
func hosts(w hostsWorld, ids ...fleet.InstanceID) []fleet.Instance {
	w.Helper()
	all, err := w.Services.Instances(w.Context(), w.Cluster)
	if err != nil {
		w.Fatal(err)
	}
	var out []fleet.Instance
	for _, i := range all {
		if slices.Contains(ids, i.ID) {
			out = append(out, i)
		}
	}
	if len(out) != len(ids) {
		w.Fatalf("found %d of the instances %v", len(out), ids)
	}
	return out
}

func tasksOn(w hostsWorld, ids ...fleet.InstanceID) []fleet.Task {
	w.Helper()
	got, err := w.Hosts.Tasks(w.Context(), w.Cluster, hosts(w, ids...))
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func setDraining(w hostsWorld, drain bool, ids ...fleet.InstanceID) {
	w.Helper()
	if err := w.Hosts.SetDraining(w.Context(), w.Cluster, hosts(w, ids...), drain); err != nil {
		w.Fatal(err)
	}
}

// draining gives the ids of the instances that drain; every other one must be active.
func draining(w hostsWorld) []fleet.InstanceID {
	w.Helper()
	all, err := w.Services.Instances(w.Context(), w.Cluster)
	if err != nil {
		w.Fatal(err)
	}
	var out []fleet.InstanceID
	for _, i := range all {
		if i.Draining {
			out = append(out, i.ID)
		}
		if i.Draining == i.Active {
			w.Errorf("instance %s is active %v and draining %v", i.ID, i.Active, i.Draining)
		}
	}
	return out
}
