package plant_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// lopsided is a service of seven tasks whose two instances are both in zone a, and then
// two more come in b.
func lopsided(t *testing.T, s plant.Service) *bed {
	t.Helper()
	b := yard(t, plant.Group{Desired: 2, Zones: []string{"a", "b"}}, plant.Options{})
	b.must(b.FailLaunches("hosts", plant.Outage{Zone: "b", From: begin(), To: begin().Add(time.Minute)}))
	s.Desired = 7
	b.onHosts(s)
	for _, i := range b.instances() {
		if i.Zone == "b" {
			b.must(b.Lose(i.ID)) // its successor is launched in a
		}
	}
	b.to(4 * time.Minute)
	b.must(b.Resize("hosts", 4))
	return b
}

func (b *bed) tasksByZone() map[string]int {
	b.t.Helper()
	zone := map[fleet.InstanceID]string{}
	is := b.instances()
	for _, i := range is {
		zone[i.ID] = i.Zone
	}
	got := map[string]int{}
	for _, t := range b.tasksOn(is...) {
		got[zone[t.Instance]] += one(t.Running)
	}
	return got
}

// ECS evens seven tasks in zone a out to four and three, successors first; it does so at
// 125 %, which is one at a time, and not where it may have none more, where tasks are
// not spread by zone, or where it is not asked to.
func TestZonesOfAService(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		service plant.Service
		even    bool
	}{
		{"as asked", plant.Service{Rebalances: true}, true},
		{"one at a time", plant.Service{Rebalances: true, Rollout: &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 125}}, true},
		{"in their grace", plant.Service{Rebalances: true, Grace: 40 * time.Second}, true},
		{"not asked for", plant.Service{}, false},
		{"not more than there are", plant.Service{Rebalances: true, Rollout: &fleet.Rollout{MinimumHealthyPercent: 50, MaximumPercent: 100}}, false},
		{"packed", plant.Service{Rebalances: true, Rules: fleet.Rules{Strategies: []fleet.Strategy{{Type: fleet.Binpack, Field: "cpu"}}}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := lopsided(t, tc.service)
			if d := cmp.Diff(map[string]int{"a": 7}, b.tasksByZone()); d != "" {
				t.Fatalf("before (-want +got):\n%s", d)
			}
			before := b.Tally("web").Started
			for sec := range 600 {
				if v := b.to(4*time.Minute + time.Duration(sec)*time.Second); v.Running < 7 {
					t.Fatalf("after %d s %+v, want never fewer than 7", sec, v)
				}
			}
			want := map[string]int{"a": 7}
			if tc.even {
				want = map[string]int{"a": 4, "b": 3}
			}
			if d := cmp.Diff(want, b.tasksByZone()); d != "" {
				t.Errorf("ten minutes later (-want +got):\n%s", d)
			}
			if n := b.Tally("web").Started - before; n != 3*one(tc.even) {
				t.Errorf("%d tasks were started for it", n)
			}
		})
	}
}

// A protected task does not move, and a count that falls meanwhile is met.
func TestZonesOfAServiceAreDisturbed(t *testing.T) {
	t.Parallel()
	b := lopsided(t, plant.Service{Rebalances: true})
	b.must(b.Guard("web", 1, 4*time.Minute))
	b.to(7 * time.Minute)
	if d := cmp.Diff(map[string]int{"a": 7}, b.tasksByZone()); d != "" {
		t.Errorf("under protection (-want +got):\n%s", d)
	}
	b.to(8*time.Minute + 10*time.Second) // successors are on their way
	if v := b.View("web"); v.Pending != 3 {
		t.Errorf("after it %+v, want three successors", v)
	}
	b.must(b.SetDesired("web", 2))
	if v := b.to(12 * time.Minute); v.Running != 2 || v.Pending != 0 {
		t.Errorf("at the end %+v, want 2", v)
	}
}

// The steady state is told when it is reached and every six hours, rebalancing when it
// begins and ends; without Chatty none of it is.
func TestInfoEvents(t *testing.T) {
	t.Parallel()
	for _, chatty := range []bool{false, true} {
		var got []string
		emit := func(raw []byte) {
			if ev, err := event.Decode(raw); err != nil {
				t.Error(err)
			} else if ev.Kind == event.ServiceAction {
				got = append(got, ev.Name)
			}
		}
		b := yard(t, plant.Group{Desired: 1, Zones: []string{"a", "b"}}, plant.Options{Chatty: chatty, Emit: emit})
		b.onHosts(plant.Service{Desired: 4, Rebalances: true})
		b.must(b.Resize("hosts", 2))
		b.to(6*time.Hour + 10*time.Minute)
		var want []string
		if chatty {
			want = []string{"SERVICE_STEADY_STATE", "SERVICE_REBALANCING_STARTED", "SERVICE_STEADY_STATE", "SERVICE_REBALANCING_COMPLETED", "SERVICE_STEADY_STATE"}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("chatty is %t (-want +got):\n%s", chatty, d)
		}
	}
}
