package fleet_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

func TestNames(t *testing.T) {
	t.Parallel()
	key := fleet.ServiceKey{Cluster: "prod", Service: "checkout"}
	tests := []struct{ name, got, want string }{
		{"service key", key.String(), "prod/checkout"},
		{"service target", key.Target().String(), "prod/service/checkout"},
		{"group target", fleet.GroupOf("prod", "m7g").String(), "prod/group/m7g"},
		{"cell of a group", fleet.Cell{Cluster: "prod", Group: "m7g"}.String(), "prod/group/m7g"},
		{"cell of a service", fleet.Cell{Cluster: "prod", Service: "checkout"}.String(), "prod/service/checkout"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

// The lock of a cell is the group's row where there is a group, so that all
// services that land on it contend for one row.
func TestLockOfACell(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cell fleet.Cell
		want fleet.Target
	}{
		{"group", fleet.Cell{Cluster: "prod", Group: "m7g"}, fleet.Target{Cluster: "prod", Kind: fleet.GroupTarget, Name: "m7g"}},
		{"service", fleet.Cell{Cluster: "prod", Service: "checkout"}, fleet.Target{Cluster: "prod", Kind: fleet.ServiceTarget, Name: "checkout"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.cell.Lock()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTargetsHaveOneOrder(t *testing.T) {
	t.Parallel()
	sorted := []fleet.Target{
		{Cluster: "a", Kind: fleet.GroupTarget, Name: "z"},
		{Cluster: "a", Kind: fleet.ServiceTarget, Name: "a"},
		{Cluster: "a", Kind: fleet.ServiceTarget, Name: "b"},
		{Cluster: "b", Kind: fleet.GroupTarget, Name: "a"},
	}
	for i, a := range sorted {
		for j, b := range sorted {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%s against %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := rapid.Permutation(sorted).Draw(t, "order")
		slices.SortFunc(got, fleet.Target.Compare)
		if diff := cmp.Diff(sorted, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestFits(t *testing.T) {
	t.Parallel()
	free := fleet.Resources{CPU: 1024, Memory: 2048}
	tests := []struct {
		name string
		size fleet.Resources
		want bool
	}{
		{"exactly", free, true},
		{"nothing", fleet.Resources{}, true},
		{"one CPU unit too many", fleet.Resources{CPU: 1025, Memory: 1}, false},
		{"one MiB too many", fleet.Resources{CPU: 1, Memory: 2049}, false},
	}
	for _, tt := range tests {
		if got := tt.size.Fits(free); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestPlusAndMinusUndoEachOther(t *testing.T) {
	t.Parallel()
	amount := rapid.Custom(func(t *rapid.T) fleet.Resources {
		return fleet.Resources{CPU: rapid.IntRange(0, 1<<20).Draw(t, "cpu"), Memory: rapid.IntRange(0, 1<<20).Draw(t, "memory")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := amount.Draw(t, "a"), amount.Draw(t, "b")
		if got := a.Plus(b).Minus(b); got != a {
			t.Fatalf("(%v + %v) - %v is %v", a, b, b, got)
		}
		if got := a.Plus(b); got.CPU != a.CPU+b.CPU || got.Memory != a.Memory+b.Memory {
			t.Fatalf("%v + %v is %v", a, b, got)
		}
		if a.Fits(b) != (b.Minus(a).CPU >= 0 && b.Minus(a).Memory >= 0) {
			t.Fatalf("%v fits %v: %t, yet %v would be left", a, b, a.Fits(b), b.Minus(a))
		}
	})
}

func TestDeploying(t *testing.T) {
	t.Parallel()
	primary := func(state string) fleet.Deployment { return fleet.Deployment{Primary: true, RolloutState: state} }
	tests := []struct {
		name string
		ds   []fleet.Deployment
		want bool
	}{
		{"no deployment is known", nil, false},
		{"completed", []fleet.Deployment{primary("COMPLETED")}, false},
		{"in progress", []fleet.Deployment{primary("IN_PROGRESS")}, true},
		{"failed and not rolled back", []fleet.Deployment{primary("FAILED")}, false},
		{"another controller reports no state", []fleet.Deployment{primary("")}, false},
		{"an old deployment still runs", []fleet.Deployment{primary("COMPLETED"), {RolloutState: "COMPLETED"}}, true},
		{"the only one is not primary", []fleet.Deployment{{RolloutState: "IN_PROGRESS"}}, false},
	}
	for _, tt := range tests {
		if got := (fleet.Service{Deployments: tt.ds}).Deploying(); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestServiceByName(t *testing.T) {
	t.Parallel()
	s := fleet.Snapshot{Services: []fleet.Service{{Name: "a", Desired: 1}, {Name: "b", Desired: 2}}}
	if got, ok := s.Service("b"); !ok || got.Desired != 2 {
		t.Errorf("b: got %+v, %t", got, ok)
	}
	if got, ok := s.Service("c"); ok || got.Name != "" {
		t.Errorf("c: got %+v, %t, want none", got, ok)
	}
}
