package plant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

func empty(t *testing.T) (*plant.Plant, *sim.Clock) {
	t.Helper()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p, clock
}

func add(t *testing.T, p *plant.Plant, name fleet.ServiceName, desired int) {
	t.Helper()
	if err := p.AddService(plant.Service{Name: name, Desired: desired, Load: constant(1), Capacity: 1}); err != nil {
		t.Fatal(err)
	}
}

func TestServicesPort(t *testing.T) {
	t.Parallel()
	porttest.Services(t, func(t *testing.T) porttest.ServicesBed {
		t.Helper()
		p, clock := empty(t)
		seen := map[fleet.InstanceID]bool{}
		// The plant makes instances through groups only, so the bed has one from the first of them on.
		addInstance := func(t *testing.T) fleet.InstanceID {
			t.Helper()
			if len(seen) == 0 {
				if err := p.AddGroup(plant.Group{Name: "hosts", Max: 9, Size: fleet.Resources{CPU: 2048, Memory: 3900}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Groups().SetDesiredCapacity(t.Context(), "hosts", len(seen)+1); err != nil {
				t.Fatal(err)
			}
			clock.RunUntil(clock.Now().Add(5 * time.Minute))
			g, _, err := p.Groups().Describe(t.Context(), "hosts")
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range g.InService {
				if !seen[id] {
					seen[id] = true
					return id
				}
			}
			t.Fatal("no instance came into service")
			return ""
		}
		return porttest.ServicesBed{
			Services: p.Services(), Cluster: p.Cluster(), AddInstance: addInstance,
			Create: func(t *testing.T, n fleet.ServiceName, desired int) {
				t.Helper()
				add(t, p, n, desired)
			},
		}
	})
}

func TestGroupsPort(t *testing.T) {
	t.Parallel()
	porttest.Groups(t, func(t *testing.T) porttest.GroupsBed {
		t.Helper()
		p, _ := empty(t)
		return porttest.GroupsBed{
			Groups: p.Groups(),
			Create: func(t *testing.T, n fleet.GroupName, minSize, maxSize, desired int) {
				t.Helper()
				err := p.AddGroup(plant.Group{Name: n, Min: minSize, Max: maxSize, Desired: desired, Size: fleet.Resources{CPU: 2048, Memory: 3900}})
				if err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestSignalsPort(t *testing.T) {
	t.Parallel()
	porttest.Signals(t, func(t *testing.T) porttest.SignalsBed {
		t.Helper()
		p, clock := empty(t)
		clock.RunUntil(begin().Add(25 * time.Hour))
		return porttest.SignalsBed{
			Signals: p.Signals(), Now: clock.Now(), Math: true, HighResolution: true,
			Put: func(t *testing.T, m signal.Metric, start time.Time, sum float64, samples int) {
				t.Helper()
				if err := p.Put(m, start, sum, samples); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestQueuesPort(t *testing.T) {
	t.Parallel()
	porttest.Queues(t, func(t *testing.T) porttest.QueuesBed {
		t.Helper()
		p, clock := empty(t)
		must := func(t *testing.T, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		return porttest.QueuesBed{
			Queues: p.Queues(), Now: clock.Now(),
			Create: func(t *testing.T, name string) string {
				t.Helper()
				must(t, p.AddQueue(plant.Queue{Name: name}))
				return "https://sqs." + plant.Region + ".amazonaws.com/" + plant.Account + "/" + name
			},
			Send:    func(t *testing.T, name string, n int) { t.Helper(); must(t, p.Send(name, n, 0)) },
			Receive: func(t *testing.T, name string, n int) { t.Helper(); must(t, p.Receive(name, n)) },
			Delay:   func(t *testing.T, name string, n int) { t.Helper(); must(t, p.Send(name, n, time.Minute)) },
		}
	})
}

func TestOwnersPort(t *testing.T) {
	t.Parallel()
	porttest.Owners(t, func(t *testing.T) porttest.OwnersBed {
		t.Helper()
		p, _ := empty(t)
		add(t, p, "web", 1)
		add(t, p, "web-2", 1)
		return porttest.OwnersBed{
			Owners: p.Owners(), Cluster: p.Cluster(), Group: "hosts",
			Own: func(_ *testing.T, k fleet.ServiceKey) {
				p.SetOwner(k.Target(), policy.Owner{Kind: "ApplicationAutoScaling", Detail: "a scalable target is registered"})
			},
			Release: func(_ *testing.T, k fleet.ServiceKey) { p.SetOwner(k.Target(), policy.Owner{}) },
			OwnGroup: func(*testing.T) {
				p.SetOwner(fleet.GroupOf(p.Cluster(), "hosts"), policy.Owner{Kind: "ManagedScaling", Detail: "of the capacity provider"})
			},
		}
	})
}

func TestNoticesPort(t *testing.T) {
	t.Parallel()
	porttest.Notices(t, func(t *testing.T) porttest.NoticesBed {
		t.Helper()
		p, _ := empty(t)
		return porttest.NoticesBed{
			Notices: p.Notices(), Received: func(*testing.T) []reconcile.Notice { return p.Announced() },
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{Fault: plant.Any(
		plant.Between(plant.Only(plant.Always(plant.ErrThrottled), plant.ECS, "DescribeServices"), begin(), begin().Add(time.Minute)),
		plant.Only(plant.Always(plant.ErrReplyLost), plant.ECS, "UpdateService"),
		plant.Only(func(c plant.Call) error {
			if c.Target == "CPUUtilization" {
				return plant.ErrThrottled
			}
			return nil
		}, plant.CloudWatch),
		plant.Only(plant.Always(plant.ErrThrottled), plant.AutoScaling),
		plant.Only(plant.Always(plant.ErrThrottled), plant.Ownership),
		plant.Only(plant.Always(plant.ErrThrottled), plant.EventBridge),
	)})
	if err != nil {
		t.Fatal(err)
	}
	add(t, p, "web", 3)
	ctx, web := t.Context(), fleet.ServiceKey{Cluster: "demo", Service: "web"}
	if _, err := p.Services().Describe(ctx, "demo", []fleet.ServiceName{"web"}); !errors.Is(err, plant.ErrThrottled) {
		t.Errorf("a throttled description answered %v", err)
	}
	clock.RunUntil(begin().Add(time.Minute))
	if _, err := p.Services().Describe(ctx, "demo", []fleet.ServiceName{"web"}); err != nil {
		t.Errorf("a minute later it answered %v", err)
	}
	if err := p.Services().SetDesiredCount(ctx, web, 5); !errors.Is(err, plant.ErrReplyLost) || p.View("web").Desired != 5 {
		t.Errorf("an order whose reply is lost answered %v and left %d tasks, want it done", err, p.View("web").Desired)
	}
	got, err := p.Signals().Fetch(ctx, clock.Now(), []signal.Query{
		{Metric: spec.ServiceMetric(web, "CPUUtilization", "Sum"), Window: time.Hour},
		{Metric: spec.ServiceMetric(web, "MemoryUtilization", "Sum"), Window: time.Hour},
	})
	if err != nil || got[0].Status != signal.Failed || got[1].Status != signal.Complete {
		t.Errorf("with one metric failing the answer is %+v (%v)", got, err)
	}
	_, _, groups := p.Groups().Describe(ctx, "hosts")
	_, owners := p.Owners().Service(ctx, web, true)
	for name, err := range map[string]error{
		"groups": groups, "owners": owners, "notices": p.Notices().Announce(ctx, []reconcile.Notice{{}}),
	} {
		if !errors.Is(err, plant.ErrThrottled) {
			t.Errorf("throttled %s answered %v", name, err)
		}
	}
	if len(p.Announced()) != 0 || p.Calls(plant.ECS, "DescribeServices") != 2 {
		t.Errorf("%d notices arrived and %d descriptions were asked", len(p.Announced()), p.Calls(plant.ECS, "DescribeServices"))
	}
	_, err = p.Services().Names(ctx, "other")
	if !errors.Is(err, plant.ErrClusterNotFound) {
		t.Errorf("an unknown cluster answered %v", err)
	}
}
