package baseline_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// provider has busy and empty instances of 2048 CPU units, all an hour old, beside
// ones of 1024 where mixed.
func provider(busy, idle int, mixed bool, wanted ...plant.Wanted) plant.Provider {
	v := plant.Provider{Max: 100, Desired: busy + idle, Wanted: wanted, Shapes: []plant.Shape{{Type: "large", Size: fleet.Resources{CPU: 2048, Memory: 4096}}}}
	for k := range busy + idle {
		v.Hosts = append(v.Hosts, plant.Host{ID: fleet.InstanceID(rune('a' + k)), Since: begin().Add(-time.Hour), Busy: k < busy})
	}
	if mixed {
		v.Shapes = append(v.Shapes, plant.Shape{Type: "small", Size: fleet.Resources{CPU: 1024, Memory: 2048}})
	}
	return v
}

func wants(n, cpu int) plant.Wanted {
	return plant.Wanted{Size: fleet.Resources{CPU: cpu, Memory: 128}, Tasks: n}
}

// The guide's and the blog's examples, then the issues'.
func TestReservation(t *testing.T) {
	t.Parallel()
	alone := wants(6, 512)
	alone.Alone = true
	for _, tc := range []struct {
		name string
		cfg  baseline.ManagedScaling
		view plant.Provider
		want float64
	}{
		{name: "none needed of none", view: provider(0, 0, false), want: 100},
		{name: "some needed of none, so two start (#1716)", view: provider(0, 0, false, wants(1, 512)), want: 200},
		{name: "all busy", view: provider(4, 0, false), want: 100},
		{name: "half empty", view: provider(2, 2, false), want: 50},
		{name: "two empty give 98 in the guide", cfg: baseline.ManagedScaling{EmptyCount: true}, view: provider(8, 2, false), want: 98},
		{name: "eight tasks, four an instance", view: provider(10, 0, false, wants(8, 512)), want: 120},
		{name: "groups are not packed together: the largest counts", view: provider(10, 0, false, wants(8, 512), wants(6, 1024)), want: 130},
		{name: "distinct instances", view: provider(10, 0, false, alone), want: 160},
		{name: "the largest type is assumed (#1717)", view: provider(10, 0, true, wants(8, 512)), want: 120},
		{name: "what does not fit the smallest is dropped and waits for ever", view: provider(10, 0, true, wants(8, 2048)), want: 100},
		{name: "and holds the target, whatever it is", cfg: baseline.ManagedScaling{Target: 80}, view: provider(10, 0, true, wants(8, 2048)), want: 80},
		{name: "dropped beside one that fits", view: provider(10, 0, true, wants(8, 2048), wants(4, 512)), want: 110},
		{name: "an empty one beside what waits", view: provider(9, 1, false, wants(8, 512)), want: 120},
		{name: "an empty one is filled first", cfg: baseline.ManagedScaling{FillEmpty: true}, view: provider(9, 1, false, wants(8, 512)), want: 110},
		{name: "at least a step", cfg: baseline.ManagedScaling{MinStep: 5}, view: provider(10, 0, false, wants(4, 512)), want: 150},
		{name: "at most a step", cfg: baseline.ManagedScaling{MaxStep: 3}, view: provider(10, 0, false, wants(80, 512)), want: 130},
		{name: "several types: exactly the least step", cfg: baseline.ManagedScaling{MinStepOnly: true}, view: provider(10, 0, true, wants(80, 512)), want: 110},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := baseline.NewManager(tc.cfg).Reservation(tc.view); got != tc.want {
				t.Errorf("reservation %v, want %v", got, tc.want)
			}
		})
	}
}

func TestManagedOut(t *testing.T) {
	t.Parallel()
	fresh := provider(10, 0, false)
	fresh.Hosts[9].Since = begin().Add(-299 * time.Second)
	warm := provider(10, 0, false)
	warm.Hosts[9].Since = begin().Add(-300 * time.Second)
	ordered := provider(10, 0, false)
	ordered.Pending, ordered.Desired = 1, 11
	full := provider(10, 0, false)
	full.Max = 11
	for _, tc := range []struct {
		name   string
		cfg    baseline.ManagedScaling
		metric float64
		view   plant.Provider
		want   int
	}{
		{name: "two needed", metric: 120, view: provider(10, 0, false), want: 12},
		{name: "from none two start", metric: 200, view: provider(0, 0, false), want: 2},
		{name: "headroom of a quarter", cfg: baseline.ManagedScaling{Target: 80}, metric: 100, view: provider(10, 0, false), want: 13},
		{name: "one instance is within its warm-up", metric: 120, view: fresh, want: 10},
		{name: "its warm-up is over", metric: 120, view: warm, want: 12},
		{name: "one is on the way", metric: 130, view: ordered, want: 11},
		{name: "the maximum", metric: 150, view: full, want: 11},
		{name: "at the target", metric: 100, view: provider(10, 0, false), want: 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := baseline.NewManager(tc.cfg).Step(begin(), tc.metric, tc.view); got != tc.want {
				t.Errorf("desired capacity %d, want %d", got, tc.want)
			}
		})
	}
}

// 26 instances of which two are busy: nothing for 15 datapoints, then by the
// guide's rate down to two in six steps, and as users see it one a minute (#1150).
func TestManagedIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		cfg  baseline.ManagedScaling
		want []int
	}{
		{"less than half a minute", baseline.ManagedScaling{}, []int{14, 8, 5, 3, 2, 2}},
		{"one a minute", baseline.ManagedScaling{OneByOne: true}, []int{25, 24, 23, 22, 21, 20}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k, have := baseline.NewManager(tc.cfg), 26
			step := func() int {
				v := provider(2, have-2, false)
				v.Min = 2
				have = k.Step(begin(), k.Reservation(v), v)
				return have
			}
			for i := range 14 {
				if got := step(); got != 26 {
					t.Fatalf("after %d datapoints %d instances, want 26", i+1, got)
				}
			}
			var got []int
			for range tc.want {
				got = append(got, step())
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("from the 15th datapoint on (-want +got):\n%s", d)
			}
		})
	}
	stale := baseline.NewManager(baseline.ManagedScaling{Protection: true})
	for range 14 {
		stale.Step(begin(), 50, provider(5, 5, false))
	}
	if got := stale.Step(begin(), 50, provider(9, 1, false)); got != 9 {
		t.Errorf("with one instance still empty %d instances, want 9", got)
	}
	k := baseline.NewManager(baseline.ManagedScaling{})
	for i := range 14 {
		k.Step(begin(), 50, provider(5, 5, false))
		if i == 9 {
			k.Step(begin(), 110, provider(10, 0, false)) // an out restarts the count
		}
	}
	if got := k.Step(begin(), 50, provider(5, 5, false)); got != 10 {
		t.Errorf("five datapoints after a scale-out %d instances, want 10", got)
	}
}

// On the plant: tasks wait as PROVISIONING, instances come one step a warm-up, and
// with termination protection only the empty ones go.
func TestAttachManaged(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	must(p.AddGroup(plant.Group{Name: "hosts", Max: 20, Desired: 2, Size: fleet.Resources{CPU: 2048, Memory: 4096}, Managed: &plant.Managed{}}))
	must(p.AddService(plant.Service{
		Name: "web", Compute: fleet.EC2, Group: "hosts", Desired: 8, Load: func(int) float64 { return 1 }, Capacity: 10, Size: fleet.Resources{CPU: 512, Memory: 512},
	}))
	must(baseline.AttachManaged(p, clock, "hosts", baseline.ManagedScaling{Protection: true}, func(err error) { t.Error(err) }))
	to := func(d time.Duration) plant.GroupView {
		clock.RunUntil(begin().Add(d))
		must(p.Check())
		return p.GroupView("hosts")
	}
	to(20 * time.Minute)
	must(p.SetDesired("web", 40))
	if v := to(30 * time.Minute); v.Desired != 10 || v.Waiting != 0 || p.View("web").Running != 40 {
		t.Errorf("ten minutes after 32 more tasks %+v, %+v; want 10 instances and no task waiting", v, p.View("web"))
	}
	must(p.RunTask(plant.Single{Group: "hosts", Size: fleet.Resources{CPU: 0, Memory: 128}, For: 10 * time.Hour}))
	must(p.SetDesired("web", 0))
	if v := to(46 * time.Minute); v.Desired >= 10 {
		t.Errorf("16 minutes after the last task of the service %+v, want fewer instances", v)
	}
	if v := to(2 * time.Hour); v.InService != 1 || v.Busy != 1 || p.Standalone().Killed != 0 {
		t.Errorf("an hour later %+v, %+v; want the one with the standalone task and no task killed", v, p.Standalone())
	}
	if err := baseline.AttachManaged(p, clock, "none", baseline.ManagedScaling{}, func(error) {}); err == nil {
		t.Error("an unknown group was taken")
	}
}
