package world_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// H19: during a deployment nothing scales in; scale-out passes. The policy's
// freeze is longer than the deployment here.
func TestH19FreezeAndGrowth(t *testing.T) {
	t.Parallel()
	load := func(s int) float64 { return map[bool]float64{true: 120, false: 30}[s >= 5*3600 && s < 6*3600] }
	p := tracked()
	p.ScaleIn.DeploymentFreeze = new(spec.Duration(24 * time.Hour))
	s := play(t, t, plot{Policy: p, Service: plant.Service{Load: load, Desired: 12}})
	s.highAlarm()
	s.to(t, time.Minute)
	s.must(s.Plant.Deploy("web", 8*time.Hour))
	if v := s.to(t, 5*time.Hour); v.Desired != 12 || !v.Deploying {
		t.Errorf("four hours at a quarter of the load, deploying: %+v, want 12 desired", v)
	}
	if !named(s.records(t), history.DeploymentInProgress) {
		t.Error("no record names the deployment")
	}
	peak := s.to(t, 5*time.Hour+20*time.Minute)
	if !about(peak.Desired, 20) || !peak.Deploying {
		t.Errorf("twenty minutes after the rise, deploying: %+v, want about 20 desired", peak)
	}
	if v := s.to(t, 8*time.Hour); v.Desired != peak.Desired {
		t.Errorf("after the fall, deploying: %+v, want %d desired", v, peak.Desired)
	}
	if v := s.to(t, 10*time.Hour); !settled(v.Desired, 5) || v.Deploying {
		t.Errorf("after the deployment: %+v, want about 5 desired", v)
	}
	s.sound(t)
	s.calm()
}

// H19: a deployment that somebody paused and forgot, for three days, with both
// sets of tasks running. It stops scale-in for the cap of an hour and no longer.
func TestH19PausedDeployment(t *testing.T) {
	t.Parallel()
	for name, deploy := range map[string]func(*plant.Plant) error{
		"rolling":    func(p *plant.Plant) error { return p.Deploy("web", 72*time.Hour) },
		"blue/green": func(p *plant.Plant) error { return p.BlueGreen("web", 72*time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t, world.Options{}, plant.Service{Load: between(3600, 400000, 120, 30), Desired: 20})
			s.to(t, 50*time.Minute)
			s.must(deploy(s.Plant))
			s.to(t, 110*time.Minute)
			if low, _ := s.extent(0, 110*time.Minute); low < 20 {
				t.Errorf("within the hour of the freeze it fell to %d", low)
			}
			if v := s.to(t, 5*time.Hour); !settled(v.Desired, 5) || !v.Deploying {
				t.Errorf("three hours after it %+v, want about 5 desired, still deploying", v)
			}
			s.sound(t)
			s.calm()
		})
	}
}

// H19: five deployments in five hours at a constant load. Each runs old and new
// tasks side by side, which doubles what each task costs by itself, its memory;
// the count must not climb from one to the next, nor fall because the average
// CPU of twice the tasks is half.
func TestH19NoRatchet(t *testing.T) {
	t.Parallel()
	for _, blue := range []bool{false, true} {
		for _, load := range []float64{60, 90} {
			t.Run(fmt.Sprintf("blue/green %t, load %g", blue, load), func(t *testing.T) {
				t.Parallel()
				p := tracked()
				p.Policies = append(p.Policies, spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 70}})
				s := play(t, t, plot{Policy: p, Service: plant.Service{Load: constant(load), Desired: 15, Memory: 65}})
				s.highAlarm()
				s.to(t, 30*time.Minute)
				for i := range 5 {
					if blue {
						s.must(s.Plant.BlueGreen("web", 20*time.Minute))
					} else {
						s.must(s.Plant.Deploy("web", 10*time.Minute))
					}
					s.to(t, time.Duration(i+2)*time.Hour-30*time.Minute)
				}
				low, high := s.extent(0, 6*time.Hour)
				if low < 14 || high > 16 {
					t.Errorf("over five deployments it went from %d to %d, want 15 all the time", low, high)
				}
				s.sound(t)
				s.calm()
			})
		}
	}
}

// H19: the load rises in the middle of a blue/green deployment. What is added is
// what the demand asks for, not twice that.
func TestH19NoOvershoot(t *testing.T) {
	t.Parallel()
	s := tell(t, world.Options{}, plant.Service{Load: between(4200, 86400, 60, 120), Desired: 10})
	s.highAlarm()
	s.to(t, time.Hour)
	s.must(s.Plant.BlueGreen("web", 40*time.Minute))
	s.to(t, 3*time.Hour)
	if _, high := s.extent(0, 3*time.Hour); !about(high, 20) {
		t.Errorf("in the middle of a deployment it went up to %d, want about 20", high)
	}
	if v := s.Plant.View("web"); v.Desired < 20 || v.Deploying {
		t.Errorf("after it %+v", v)
	}
	s.sound(t)
	s.calm()
}
