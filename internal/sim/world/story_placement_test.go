package world_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// runaway tells, minute by minute, by how much the desired count was beyond
// what runs and is pending and one step more: the larger of 300 % and 10 tasks.
func (s story) runaway() *int {
	worst := new(int)
	s.Clock.Every(s.begun, time.Minute, sim.Probes, func() {
		v := s.Plant.View("web")
		placed := v.Running + v.Pending
		*worst = max(*worst, v.Desired-max(4*placed, placed+10))
	})
	return worst
}

// counted is a policy on the requests, 360 a minute and task, between 1 and 600
// tasks: unlike the CPU of tasks that are pinned it shows the whole demand.
func counted() spec.Service {
	requests := appMetric("requests")
	return spec.Service{MinCapacity: 1, MaxCapacity: 600, Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{Metric: &requests, TargetPerTask: 360}}}}
}

// flood is a service whose demand rises at 01:00 to 500 tasks.
func flood(s plant.Service) plant.Service {
	s.Load, s.Measures = between(3600, 86400, 5*float64(s.Desired), 3000), []plant.Measure{measure(plant.Requests)}
	return s
}

// H12: no task can be placed. Application Auto Scaling adds to what it asked for
// before and runs away; here the count stays within one step of what there is, and
// when there is room again it goes on from there.
func TestH12NoCapacity(t *testing.T) {
	t.Parallel()
	for _, room := range []int{1, 5, 7} {
		s := play(t, t, plot{
			Options: world.Options{Plant: plant.Options{FargateTasks: room}}, Policy: counted(),
			Service: flood(plant.Service{Desired: min(room, 2)}),
		})
		s.highAlarm()
		worst := s.runaway()
		v := s.to(t, 3*time.Hour)
		if *worst > 0 || v.Running != room {
			t.Errorf("with room for %d the count ran %d beyond one step: %+v", room, *worst, v)
		}
		if acts := s.acts(90*time.Minute, 3*time.Hour); len(acts) != 0 {
			t.Errorf("with room for %d it was ordered again and again: %+v", room, acts)
		}
		if !named(s.records(t), history.TasksUnplaced) {
			t.Errorf("with room for %d no record names the tasks without a place", room)
		}
		s.Plant.SetQuota(0)
		if v := s.to(t, 4*time.Hour); v.Running < 475 || v.Running > 600 {
			t.Errorf("an hour after there is room %+v, want about 500 running", v)
		}
		s.sound(t)
		s.calm()
	}
}

// H12 on instances: the group is at its maximum.
func TestH12GroupIsFull(t *testing.T) {
	t.Parallel()
	s := play(t, t, plot{
		Group:   &plant.Group{Name: "hosts", Min: 1, Max: 2, Desired: 2, Size: fleet.Resources{CPU: 2048, Memory: 3900}, Type: "m7g.large"},
		Policy:  counted(),
		Service: flood(plant.Service{Compute: fleet.EC2, Group: "hosts", Size: fleet.Resources{CPU: 512, Memory: 900}, Desired: 4}),
	})
	s.highAlarm()
	worst := s.runaway()
	v := s.to(t, 3*time.Hour)
	if v.Running != 8 || *worst > 0 {
		t.Errorf("on a full group %+v, %d beyond one step of the 8 that fit", v, *worst)
	}
	if acts := s.acts(90*time.Minute, 3*time.Hour); len(acts) != 0 {
		t.Errorf("it was ordered again and again: %+v", acts)
	}
	s.calm()
}

// H12: tasks that are started and die. The count is not raised while ECS says that
// it cannot start any, and comes right when it can.
func TestH12StartsKeepFailing(t *testing.T) {
	t.Parallel()
	s := play(t, t, plot{Policy: counted(), Service: flood(plant.Service{Desired: 5})})
	s.highAlarm()
	worst := s.runaway()
	s.must(s.Plant.FailStarts("web", at(time.Hour), at(4*time.Hour)))
	v := s.to(t, 4*time.Hour)
	if *worst > 0 || v.Running != 5 || v.Desired > 20 {
		t.Errorf("while starts fail %+v, %d beyond one step of the 5 that run", v, *worst)
	}
	if !named(s.records(t), history.TasksUnplaced) {
		t.Error("no record names the starts that fail")
	}
	if v := s.to(t, 5*time.Hour+30*time.Minute); v.Running < 475 || v.Running > 600 {
		t.Errorf("an hour and a half after starts succeed %+v, want about 500 running", v)
	}
	s.sound(t)
	s.calm()
}
