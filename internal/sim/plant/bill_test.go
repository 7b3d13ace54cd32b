package plant_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// One task runs for ten minutes, 600 s. A second one pulls its image from 60 s to 90 s
// and is stopped at 100 s: 40 s, billed as 60. A third that is stopped while it pulls,
// after 10 s, is billed as 60 too.
func TestBillOfTasks(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(5), Desired: 1, Start: sim.Fixed(30 * time.Second)})
	b.to(time.Minute)
	b.must(b.SetDesired("web", 2))
	b.to(100 * time.Second)
	b.must(b.SetDesired("web", 1))
	b.to(200 * time.Second)
	b.must(b.SetDesired("web", 2))
	b.to(210 * time.Second)
	b.must(b.SetDesired("web", 1))
	b.to(10 * time.Minute)
	b.Finish()
	want := plant.Bill{Services: []plant.ServiceBill{{Service: "web", Usage: plant.Usage{Lives: 3, Seconds: 600 + 40 + 10, Billed: 600 + 60 + 60}}}}
	if d := cmp.Diff(want, b.Bill()); d != "" {
		t.Errorf("bill (-want +got):\n%s", d)
	}
	if got := b.Tally("web").TaskSeconds; got != 650 {
		t.Errorf("the tally has %v task-seconds, want 650 as the bill", got)
	}
}

// An instance is paid for from its launch, not from its registration: one for ten
// minutes, one of the other type ordered at 60 s that is ended before it has booted,
// 20 s later and billed as 60.
func TestBillOfInstances(t *testing.T) {
	t.Parallel()
	size := fleet.Resources{CPU: 2048, Memory: 4096}
	b := yard(t, plant.Group{Desired: 1, Shapes: []plant.Shape{{Type: "m7g.large", Size: size}, {Type: "m7i.large", Size: size}}}, plant.Options{})
	b.to(time.Minute)
	b.must(b.Resize("hosts", 2))
	b.to(80 * time.Second)
	b.must(b.Resize("hosts", 1))
	b.to(10 * time.Minute)
	want := plant.Bill{Instances: []plant.InstanceBill{
		{Group: "hosts", Type: "m7g.large", Usage: plant.Usage{Lives: 1, Seconds: 600, Billed: 600}},
		{Group: "hosts", Type: "m7i.large", Usage: plant.Usage{Lives: 1, Seconds: 20, Billed: 60}},
	}}
	if d := cmp.Diff(want, b.Bill()); d != "" {
		t.Errorf("bill (-want +got):\n%s", d)
	}
}

// A stopped instance of the warm pool costs nothing: it is paid for again from the
// order that starts it, and its successor for the 120 s in which it is prepared.
func TestBillOfTheWarmPool(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Pool: &plant.Pool{Size: 1}, Type: "m7g.large"}, plant.Options{})
	b.to(time.Minute)
	b.must(b.Resize("hosts", 1))
	b.to(10 * time.Minute)
	want := []plant.InstanceBill{{Group: "hosts", Type: "m7g.large", Usage: plant.Usage{Lives: 2, Seconds: 540 + 120, Billed: 540 + 120}}}
	if d := cmp.Diff(want, b.Bill().Instances); d != "" {
		t.Errorf("bill (-want +got):\n%s", d)
	}
}
