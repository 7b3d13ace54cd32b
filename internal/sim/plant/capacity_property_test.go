package plant_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// drawn gives a plant whose group and services have anything of what there is.
func drawn(rt *rapid.T, emit func(raw []byte)) (*plant.Plant, *sim.Clock) {
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{
		Seed: rapid.Uint64().Draw(rt, "seed"), Emit: emit, Chatty: true, Rates: rapid.SampledFrom([]*plant.Rates{nil, {Service: 20}}).Draw(rt, "rates"),
	})
	must := func(err error) {
		rt.Helper()
		if err != nil {
			rt.Fatal(err)
		}
	}
	must(err)
	g := plant.Group{
		Name: "hosts", Max: 8, Desired: rapid.IntRange(1, 4).Draw(rt, "desired"), Zones: []string{"a", "b"}, ProtectsNew: rapid.Bool().Draw(rt, "protects"),
		Shapes:      []plant.Shape{{Type: "small", Size: fleet.Resources{CPU: 2048, Memory: 4096, ENI: 3}}, {Type: "large", Size: fleet.Resources{CPU: 4096, Memory: 8192, ENI: 5}, Weight: rapid.IntRange(0, 3).Draw(rt, "weight")}},
		NewestFirst: rapid.Bool().Draw(rt, "newest first"), Rebalances: rapid.Bool().Draw(rt, "rebalances"), Balances: rapid.Bool().Draw(rt, "balances"),
		Boot: plant.WarmStart(),
	}
	if rapid.Bool().Draw(rt, "pool") {
		g.Pool = &plant.Pool{Size: 2}
	}
	if rapid.Bool().Draw(rt, "two stages") {
		g.Boot, g.Register = plant.ColdBoot()
	}
	if rapid.Bool().Draw(rt, "launch hook") {
		g.LaunchHook = &plant.LaunchHook{Name: "hello", Takes: sim.Spread{Low: 30 * time.Second, High: 90 * time.Second}, Timeout: time.Minute}
	}
	if rapid.Bool().Draw(rt, "hook") {
		g.Hook = &plant.Hook{Name: "bye", Timeout: 10 * time.Minute}
	}
	if rapid.Bool().Draw(rt, "managed") {
		g.Managed = &plant.Managed{Draining: rapid.Bool().Draw(rt, "managed draining")}
	}
	must(p.AddGroup(g))
	must(p.AddDaemon(plant.Daemon{Name: "logs", Size: fleet.Resources{CPU: 128, Memory: 128}, Ports: []fleet.Port{"514/udp"}}))
	must(p.AddService(plant.Service{
		Name: "web", Compute: fleet.EC2, Group: "hosts", Load: constant(10), Capacity: 10, Desired: 3, Size: fleet.Resources{CPU: 512, Memory: 512, ENI: 1},
		Rollout: rapid.SampledFrom([]*fleet.Rollout{
			nil, {MinimumHealthyPercent: 100, MaximumPercent: 100}, {MinimumHealthyPercent: 50, MaximumPercent: 100},
		}).Draw(rt, "rollout"),
		Rules: fleet.Rules{Strategies: rapid.SampledFrom([][]fleet.Strategy{nil, {{Type: fleet.Binpack, Field: "memory"}}}).Draw(rt, "strategies")},
		Stop:  sim.Spread{High: time.Minute}, Rebalances: true, Grace: time.Duration(rapid.IntRange(0, 60).Draw(rt, "grace")) * time.Second,
	}))
	must(p.AddService(plant.Service{
		Name: "edge", Compute: fleet.EC2, Group: "hosts", Load: constant(10), Capacity: 10, Desired: 1, Size: fleet.Resources{CPU: 512, Memory: 512}, Rebalances: true, Start: plant.WarmStart(),
		Rules: fleet.Rules{Ports: []fleet.Port{"80/tcp"}, Constraints: []fleet.Constraint{{Type: fleet.DistinctInstance}}},
	}))
	return p, clock
}

// billed compares the bill with what the tallies add up second by second.
func billed(rt *rapid.T, p *plant.Plant) {
	rt.Helper()
	p.Finish()
	for _, s := range p.Bill().Services {
		if tally := p.Tally(s.Service); float64(s.Seconds) != tally.TaskSeconds || s.Lives > tally.Started || s.Billed < s.Seconds {
			rt.Errorf("the bill of %+v is not that of %+v", s, tally)
		}
	}
}

// Whatever is done to instances, nothing is lost and no rule is broken: Check
// holds at every step of the clock.
func TestCapacityConserves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p, clock := drawn(rt, func([]byte) {})
		must := func(err error) {
			rt.Helper()
			if err != nil {
				rt.Fatal(err)
			}
		}
		ctx, now := t.Context(), begin()
		rt.Repeat(map[string]func(*rapid.T){
			"count": func(rt *rapid.T) {
				must(p.SetDesired(rapid.SampledFrom([]fleet.ServiceName{"web", "edge"}).Draw(rt, "service"), rapid.IntRange(0, 9).Draw(rt, "tasks")))
			},
			"capacity": func(rt *rapid.T) {
				must(p.Groups().SetDesiredCapacity(ctx, "hosts", rapid.IntRange(0, 8).Draw(rt, "instances")))
			},
			"deploy":     func(*rapid.T) { must(p.Deploy("web", time.Minute)) },
			"blue/green": func(*rapid.T) { must(p.BlueGreen("web", time.Minute)) },
			"guard":      func(rt *rapid.T) { must(p.Guard("web", rapid.Float64Range(0, 1).Draw(rt, "share"), 3*time.Minute)) },
			"task": func(*rapid.T) {
				_ = p.RunTask(plant.Single{Group: "hosts", Size: fleet.Resources{CPU: 256, Memory: 256}, For: 4 * time.Minute}) // refused where nothing is free
			},
			"outage": func(rt *rapid.T) {
				must(p.FailLaunches("hosts", plant.Outage{Zone: rapid.SampledFrom([]string{"", "a"}).Draw(rt, "zone"), From: now, To: now.Add(3 * time.Minute)}))
			},
			"suspend": func(rt *rapid.T) { must(p.SetSuspended("hosts", rapid.Bool().Draw(rt, "launch"))) },
			"lock":    func(rt *rapid.T) { must(p.SetLocked("hosts", rapid.Bool().Draw(rt, "terminate"))) },
			"agents":  func(rt *rapid.T) { must(p.Disconnect("hosts", rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "share"))) },
			"refresh": func(*rapid.T) { must(p.Refresh("hosts", time.Minute)) },
			"instance": func(rt *rapid.T) {
				is, err := p.Services().Instances(ctx, "demo")
				must(err)
				if len(is) == 0 {
					rt.Skip()
				}
				i := rapid.SampledFrom(is).Draw(rt, "instance")
				switch rapid.IntRange(0, 6).Draw(rt, "act") {
				case 0, 1:
					must(p.Hosts().SetDraining(ctx, "demo", []fleet.Instance{i}, !i.Draining))
				case 2:
					_ = p.Exits().Terminate(ctx, "hosts", []fleet.InstanceID{i.ID}) // refused while Terminate is suspended
				case 3:
					must(p.Interrupt(i.ID))
				case 4:
					_ = p.Exits().Protect(ctx, "hosts", []fleet.InstanceID{i.ID}, rapid.Bool().Draw(rt, "on")) // refused on its way out
				case 6:
					must(p.Recommend(i.ID))
				case 5:
					must(p.Exits().Complete(ctx, "hosts", i.ID, drain.Hook{Name: "bye"}))
				}
			},
			"": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "seconds")) * time.Second)
				for clock.Step(now) {
					must(p.Check())
				}
				clock.RunUntil(now)
				must(p.Check())
				billed(rt, p)
				is, err := p.Services().Instances(ctx, "demo")
				must(err)
				tasks, err := p.Hosts().Tasks(ctx, "demo", is)
				must(err)
				for _, i := range is {
					if on := slices.DeleteFunc(slices.Clone(tasks), func(t fleet.Task) bool { return t.Instance != i.ID || t.Leaving }); len(on) != i.Tasks {
						rt.Errorf("instance %s tells of %d tasks and has %+v", i.ID, i.Tasks, on)
					}
				}
			},
		})
	})
}

// With all that draws random numbers switched on, the same seed gives the same events
// and the same bill, byte for byte, and another seed others.
func TestSameSeedSameEvents(t *testing.T) {
	t.Parallel()
	day := func(seed uint64) string {
		var out strings.Builder
		clock := sim.NewClock(begin())
		p, err := plant.New(clock, plant.Options{
			Seed: seed, Chatty: true, Rates: plant.LaunchRates(), Fault: plant.Buckets(), Emit: func(raw []byte) { out.Write(append(raw, '\n')) },
		})
		b := &bed{t: t, clock: clock, Plant: p}
		b.must(err)
		boot, register := plant.ColdBoot()
		b.must(b.AddGroup(plant.Group{
			Name: "hosts", Max: 20, Desired: 2, Zones: []string{"a", "b"}, Boot: boot, Register: register, Rebalances: true, Balances: true, Managed: &plant.Managed{},
			LaunchHook: &plant.LaunchHook{Name: "hello", Takes: sim.Lognormal(20*time.Second, time.Minute)},
			Shapes: []plant.Shape{
				{Type: "small", Size: fleet.Resources{CPU: 2048, Memory: 4096}}, {Type: "large", Size: fleet.Resources{CPU: 4096, Memory: 8192}, Weight: 2},
			},
		}))
		b.must(b.AddService(plant.Service{
			Name: "web", Compute: fleet.EC2, Group: "hosts", Load: constant(40), Capacity: 10, Desired: 4, Size: fleet.Resources{CPU: 512, Memory: 512},
			Start: plant.WarmStart(), Grace: 30 * time.Second, Rebalances: true,
		}))
		b.must(b.AddService(plant.Service{Name: "edge", Load: constant(40), Capacity: 10, Desired: 4, Start: plant.FargateStart()}))
		b.must(b.FailLaunches("hosts", plant.Outage{Zone: "a", From: begin(), To: begin().Add(20 * time.Minute)}))
		for k := range 12 {
			b.to(time.Duration(k) * 5 * time.Minute)
			b.must(b.SetDesired("web", 4+k%5*8))
			b.must(b.SetDesired("edge", 4+k%3*50))
			b.must(b.Resize("hosts", 2+k%4*3))
			_ = b.RunTask(plant.Single{Group: "hosts", Size: fleet.Resources{CPU: 2048, Memory: 2048}, For: 7 * time.Minute}) // refused where too many wait
			b.must(b.Recommend(b.GroupView("hosts").Hosts[0]))
		}
		b.to(2 * time.Hour)
		fmt.Fprintf(&out, "%+v", b.Bill())
		return out.String()
	}
	one, again, other := day(1), day(1), day(2)
	if d := cmp.Diff(one, again); d != "" || one == other || len(one) < 10_000 {
		t.Errorf("%d bytes, the other seed's equal is %t, and the same seed's differ by:\n%s", len(one), one == other, d)
	}
}
