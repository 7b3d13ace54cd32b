package plant_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// crowd adds a group of large instances and gives their ids.
func (b *bed) crowd(n fleet.GroupName, minSize, maxSize, desired int) []fleet.InstanceID {
	b.t.Helper()
	b.must(b.AddGroup(plant.Group{
		Name: n, Min: minSize, Max: maxSize, Desired: desired, Size: fleet.Resources{CPU: 65536, Memory: 131072}, Boot: sim.Fixed(time.Minute),
	}))
	g, _, err := b.Groups().Describe(b.t.Context(), n)
	b.must(err)
	return g.InService
}

func (b *bed) pass(d time.Duration) {
	b.t.Helper()
	b.clock.RunUntil(b.clock.Now().Add(d))
	b.must(b.Check())
}

func TestHostsPort(t *testing.T) {
	t.Parallel()
	porttest.Hosts(t, func(t *testing.T) porttest.HostsBed {
		t.Helper()
		p, clock := empty(t)
		b := &bed{t: t, clock: clock, Plant: p}
		b.crowd("hosts", 0, 99, 0)
		size := fleet.Resources{CPU: 16, Memory: 16}
		made := 0
		return porttest.HostsBed{
			Hosts: p.Hosts(), Services: p.Services(), Cluster: p.Cluster(),
			AddInstance: func(t *testing.T) fleet.InstanceID {
				t.Helper()
				made++
				b.must(p.Resize("hosts", made))
				b.pass(2 * time.Minute)
				is := b.instances()
				return is[len(is)-1].ID
			},
			CreateService: func(t *testing.T, n fleet.ServiceName, daemon bool) {
				t.Helper()
				if daemon {
					b.must(p.AddDaemon(plant.Daemon{Name: n, Size: size}))
					return
				}
				b.must(p.AddService(plant.Service{Name: n, Compute: fleet.EC2, Group: "hosts", Size: size, Load: constant(0), Capacity: 1}))
			},
			RunTask: func(t *testing.T, on fleet.InstanceID, n fleet.ServiceName) string {
				t.Helper()
				for _, x := range b.tasksOn(fleet.Instance{ID: on}) {
					if x.Daemon && x.Service == n { // started with the instance
						return x.ARN
					}
				}
				arn, err := p.StartOn(on, n, plant.Single{Size: size})
				b.must(err)
				b.pass(time.Minute)
				return arn
			},
			StopTask: func(t *testing.T, arn string) { t.Helper(); b.must(p.StopTask(arn)) },
			Protect: func(t *testing.T, arn string, on bool) {
				t.Helper()
				b.must(p.GuardTask(arn, map[bool]time.Duration{true: time.Hour}[on]))
			},
			Remove: func(t *testing.T, id fleet.InstanceID) { t.Helper(); b.must(p.Lose(id)) },
		}
	})
}

func TestActivitiesPort(t *testing.T) {
	t.Parallel()
	porttest.Activities(t, func(t *testing.T) porttest.ActivitiesBed {
		t.Helper()
		p, clock := empty(t)
		b := &bed{t: t, clock: clock, Plant: p}
		return porttest.ActivitiesBed{
			Activities: p.ScalingActivities(), Now: clock.Now,
			Create: func(t *testing.T, n fleet.GroupName, instances int) []fleet.InstanceID {
				t.Helper()
				return b.crowd(n, 0, 200, instances)
			},
			FailLaunch: func(t *testing.T, n fleet.GroupName) {
				t.Helper()
				b.must(p.FailLaunches(n, plant.Outage{From: clock.Now(), To: clock.Now().Add(time.Second)}))
				have := p.GroupView(n).Desired
				b.must(p.Resize(n, have+1))
				b.must(p.Resize(n, have)) // or Auto Scaling would try again
				b.pass(10 * time.Minute)
			},
			LaunchOne: func(t *testing.T, n fleet.GroupName) {
				t.Helper()
				b.must(p.Resize(n, p.GroupView(n).Desired+1))
				b.pass(10 * time.Minute)
			},
			Refresh: func(t *testing.T, n fleet.GroupName, on bool) {
				t.Helper()
				if !on {
					b.must(p.CancelRefresh(n))
					return
				}
				b.must(p.Refresh(n, time.Minute))
			},
		}
	})
}

func TestExitsPort(t *testing.T) {
	t.Parallel()
	porttest.Exits(t, func(t *testing.T) porttest.ExitsBed {
		t.Helper()
		waits := map[fleet.InstanceID]drain.Hook{}
		clock := sim.NewClock(begin())
		p, err := plant.New(clock, plant.Options{Emit: func(raw []byte) {
			var e struct {
				Detail struct {
					Token    string           `json:"LifecycleActionToken"`
					Name     string           `json:"LifecycleHookName"`
					Instance fleet.InstanceID `json:"EC2InstanceId"`
				} `json:"detail"`
			}
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Error(err)
			}
			if e.Detail.Token != "" {
				waits[e.Detail.Instance] = drain.Hook{Name: e.Detail.Name, Token: e.Detail.Token}
			}
		}})
		b := &bed{t: t, clock: clock, Plant: p}
		b.must(err)
		return porttest.ExitsBed{
			Exits: p.Exits(), Groups: p.Groups(),
			Create: func(t *testing.T, n fleet.GroupName, minSize, maxSize, desired int) []fleet.InstanceID {
				t.Helper()
				return b.crowd(n, minSize, maxSize, desired)
			},
			AddHook: func(t *testing.T, n fleet.GroupName, name string, timeout time.Duration) {
				t.Helper()
				b.must(p.SetHook(n, &plant.Hook{Name: name, Timeout: timeout}))
			},
			Waiting: func(t *testing.T, _ fleet.GroupName, id fleet.InstanceID) drain.Hook {
				t.Helper()
				b.pass(0) // the event is on its way
				h, ok := waits[id]
				if !ok {
					t.Fatalf("instance %s does not wait", id)
				}
				return h
			},
		}
	})
}
