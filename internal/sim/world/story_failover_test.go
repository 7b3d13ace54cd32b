package world_test

import (
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// couple is a story on a group spot, whose fallback is a group standby: the tasks of web
// have launch type EC2, four to an instance, and land on both.
type couple struct {
	story
	longest *time.Duration // the longest time in which a task had no instance
	most    *int           // instances of both groups
}

func pairUp(t *testing.T, tasks, instances, standby int, load func(int) float64) couple {
	t.Helper()
	w, err := world.New(world.Options{Seed: 7, Start: begin(), Mode: spec.Act, Drainage: true})
	s := story{tb: t, World: w, begun: begin(), desired: tasks}
	s.must(err)
	size := fleet.Resources{CPU: 2048, Memory: 7600}
	s.must(w.Plant.AddGroup(plant.Group{Name: "spot", Max: 30, Desired: instances, Size: size, Type: "m7g.large"}))
	s.must(w.Plant.AddGroup(plant.Group{Name: "standby", Min: standby, Max: 30, Desired: standby, Size: size, Type: "m7i.large"}))
	s.must(w.Plant.AddService(plant.Service{
		Name: "web", Compute: fleet.EC2, Group: "spot", Roams: true, Size: fleet.Resources{CPU: 512, Memory: 900}, Desired: tasks, Capacity: 10, Load: load,
	}))
	d := document(tracked())
	out := quick()
	d.Groups = map[fleet.GroupName]spec.Group{
		"spot":    {Mode: spec.Act, ScaleOut: spec.GroupScaleOut{Fallback: "standby"}, ScaleIn: quick()},
		"standby": {Mode: spec.Act, ScaleIn: out, Instance: &spec.InstanceShape{CPU: size.CPU, MemoryMiB: size.Memory}},
	}
	s.must(w.Apply(t.Context(), d, "the story"))
	s.highAlarm()
	c := couple{story: s, longest: new(time.Duration), most: new(int)}
	since := time.Time{}
	w.Clock.Every(begin(), time.Second, sim.Probes, func() {
		now := w.Clock.Now()
		if v := w.Plant.View("web"); v.Running+v.Pending >= v.Desired {
			since = now
		}
		*c.longest = max(*c.longest, now.Sub(since))
		*c.most = max(*c.most, c.of("spot").InService+c.of("standby").InService)
	})
	return c
}

func (c couple) of(g fleet.GroupName) plant.GroupView { return c.Plant.GroupView(g) }

func (c couple) recordsOf(t *testing.T, g fleet.GroupName) []ledger.Record {
	t.Helper()
	rs, err := c.Records(t.Context(), fleet.GroupOf("demo", g))
	c.must(err)
	return rs
}

// Spot has no capacity for three hours, in which the demand rises. The other group takes
// over within minutes, and the tasks come back within an hour after the capacity does.
func TestSpotWithoutCapacityForThreeHours(t *testing.T) {
	t.Parallel()
	c := pairUp(t, 8, 2, 0, between(3600, 10*3600, 48, 200))
	c.must(c.Plant.FailLaunches("spot", plant.Outage{From: at(50 * time.Minute), To: at(4 * time.Hour)}))
	for d := time.Duration(0); d < 9*time.Hour; d += 10 * time.Minute {
		c.to(t, d)
		t.Log(d, c.Plant.View("web"), "spot", c.of("spot").Desired, c.of("spot").InService, "standby", c.of("standby").Desired, c.of("standby").InService, *c.longest)
	}
	for _, g := range []fleet.GroupName{"spot", "standby"} {
		for _, r := range c.recordsOf(t, g) {
			t.Log(g, r.At.Format(time.TimeOnly), r.Rule, r.Before, r.Desired, r.Because)
		}
	}
	c.spared(t)
	c.calm()
	_ = slices.Contains[[]int]
	_ = history.Hold
}
