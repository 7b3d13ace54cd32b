package plant_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

func (b *bed) group() fleet.Group {
	b.t.Helper()
	g, ok, err := b.Groups().Describe(b.t.Context(), "hosts")
	b.must(err)
	if !ok {
		b.t.Fatal("no group named hosts")
	}
	return g
}

// An instance that boots for 120 s and whose agent takes 40 s more is in service of
// Auto Scaling in between, unknown to ECS, and takes a task at 160 s, not before.
func TestTwoStagesOfBoot(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Register: sim.Fixed(40 * time.Second)}, plant.Options{})
	b.onHosts(plant.Service{Desired: 1})
	b.must(b.Resize("hosts", 1))
	for _, tc := range []struct {
		second, inService, instances, pending int
		state                                 string
	}{{119, 0, 0, 0, "Pending"}, {120, 1, 0, 0, "InService"}, {159, 1, 0, 0, "InService"}, {160, 1, 1, 1, "InService"}} {
		v := b.to(time.Duration(tc.second) * time.Second)
		g := b.group()
		if len(g.InService) != tc.inService || len(b.instances()) != tc.instances || v.Pending != tc.pending || g.Members[0].State != tc.state {
			t.Errorf("at %d s %+v, %d instances, %+v; want %+v", tc.second, g, len(b.instances()), v, tc)
		}
	}
}

// An instance that goes before its agent has registered is never one of the cluster.
func TestBootIsCutShort(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]plant.Group{
		"at once":          {},
		"a hook waits":     {Hook: &plant.Hook{Name: "bye", Timeout: time.Minute}},
		"managed draining": {Managed: &plant.Managed{Draining: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g.Register = sim.Fixed(40 * time.Second)
			b := yard(t, g, plant.Options{})
			b.must(b.Resize("hosts", 1))
			b.to(130 * time.Second)
			b.must(b.Resize("hosts", 0))
			b.to(130*time.Second + time.Minute)
			if n, is := len(b.group().Members), b.instances(); n != 0 || len(is) != 0 {
				t.Errorf("%d members and instances %+v, want none", n, is)
			}
		})
	}
}

// A launch hook holds an instance in Pending:Wait: until its script is done, until the
// timeout where that goes on, or to its end and that of each successor.
func TestLaunchHook(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		hook   plant.LaunchHook
		comes  int // second at which the instance is in service, 0 for never
		launch int // instances launched within ten minutes
	}{
		{"done in time", plant.LaunchHook{Takes: sim.Fixed(50 * time.Second), Timeout: 2 * time.Minute}, 170, 1},
		{"nobody answers, ABANDON", plant.LaunchHook{Timeout: 2 * time.Minute}, 0, 3},
		{"too late, ABANDON", plant.LaunchHook{Takes: sim.Fixed(3 * time.Minute), Timeout: 2 * time.Minute}, 0, 3},
		{"too late, CONTINUE", plant.LaunchHook{Takes: sim.Fixed(3 * time.Minute), Timeout: 2 * time.Minute, Proceeds: true}, 240, 1},
		{"an hour unless it says otherwise", plant.LaunchHook{Proceeds: true}, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.hook.Name = "hello"
			b, events := eavesdrop(t, plant.Group{LaunchHook: &tc.hook}, plant.Options{})
			b.must(b.Resize("hosts", 1))
			b.to(130 * time.Second)
			if got := b.group().Members[0].State; got != "Pending:Wait" {
				t.Errorf("at 130 s it is %s, want Pending:Wait", got)
			}
			if tc.comes > 0 {
				b.to(time.Duration(tc.comes-1) * time.Second)
				if n := len(b.group().InService); n != 0 {
					t.Errorf("a second before it is due %d are in service", n)
				}
				b.to(time.Duration(tc.comes) * time.Second)
			}
			if n := len(b.group().InService); n != min(tc.comes, 1) {
				t.Errorf("%d in service", n)
			}
			b.to(10 * time.Minute)
			if n := b.Bill().Instances[0].Lives; n != tc.launch {
				t.Errorf("%d launches, want %d", n, tc.launch)
			}
			h := events("EC2 Instance-launch Lifecycle Action")
			if len(h) == 0 || h[0].Detail["LifecycleTransition"] != "autoscaling:EC2_INSTANCE_LAUNCHING" || h[0].Detail["LifecycleHookName"] != "hello" {
				t.Errorf("the hook's events are %+v", h)
			}
			if hooks, err := b.Exits().Hooks(t.Context(), "hosts"); err != nil || len(hooks) != 0 {
				t.Errorf("hooks before termination are %+v (%v), want none", hooks, err)
			}
		})
	}
}
