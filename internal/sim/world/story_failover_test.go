package world_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
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

// boot is the longest that the plant takes from the order of an instance to its
// registration.
const boot = 150 * time.Second

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
	d.Groups = map[fleet.GroupName]spec.Group{
		"spot":    {Mode: spec.Act, ScaleOut: spec.GroupScaleOut{Fallback: "standby"}, ScaleIn: quick()},
		"standby": {Mode: spec.Act, ScaleIn: quick(), Instance: &spec.InstanceShape{CPU: size.CPU, MemoryMiB: size.Memory}},
	}
	s.must(w.Apply(t.Context(), d, "the story"))
	s.highAlarm()
	c := couple{story: s, longest: new(time.Duration), most: new(int)}
	since := begin()
	w.Clock.Every(begin(), time.Second, sim.Probes, func() {
		if v := w.Plant.View("web"); v.Running+v.Pending >= v.Desired {
			since = w.Clock.Now()
		}
		*c.longest = max(*c.longest, w.Clock.Now().Sub(since))
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

// replays checks that each decision about a group follows from its recorded input.
func (c couple) replays(t *testing.T, g fleet.GroupName) {
	t.Helper()
	n := 0
	for _, r := range c.recordsOf(t, g) {
		if len(r.Input) == 0 || r.InputOmitted {
			continue
		}
		var in policy.Input
		var was policy.Decision
		c.must(json.Unmarshal(r.Input, &in))
		c.must(json.Unmarshal(r.Decision, &was))
		got, err := json.Marshal(policy.Decide(was.At, in).About(r.Target))
		c.must(err)
		if diff := cmp.Diff(string(r.Decision), string(got)); diff != "" {
			t.Fatalf("%s at %s (-recorded +replayed):\n%s", g, r.At.Format(time.TimeOnly), diff)
		}
		n++
	}
	if n == 0 {
		t.Errorf("no record of %s has an input", g)
	}
}

// returned counts the drains of the fallback that were opened within a time.
func (c couple) returned(t *testing.T, from, to time.Duration) (opened []time.Time) {
	t.Helper()
	for _, d := range c.drains(t) {
		if d.Group == "standby" && !d.Opened.Before(at(from)) && d.Opened.Before(at(to)) {
			opened = append(opened, d.Opened)
		}
	}
	slices.SortFunc(opened, time.Time.Compare)
	return opened
}

// Spot has no capacity for three hours, in which the demand rises twice. The other group
// takes over at once, so that no task waits longer than an instance boots, and the
// tasks come back within an hour after the capacity does, by the budget.
func TestSpotWithoutCapacityForThreeHours(t *testing.T) {
	t.Parallel()
	c := pairUp(t, 8, 2, 0, func(s int) float64 {
		switch {
		case s < 3600:
			return 48
		case s < 2*3600:
			return 120
		}
		return 200
	})
	c.must(c.Plant.FailLaunches("spot", plant.Outage{From: at(50 * time.Minute), To: at(4 * time.Hour)}))
	c.to(t, 3*time.Hour+50*time.Minute)
	if v := c.Plant.View("web"); !about(v.Running, 34) || c.of("spot").InService != 2 || c.of("standby").InService < 6 {
		t.Errorf("without Spot %+v on %d and %d instances", v, c.of("spot").InService, c.of("standby").InService)
	}
	if n := len(c.returned(t, 0, 4*time.Hour)); n > 0 {
		t.Errorf("%d instances of the fallback were drained while there was no capacity", n)
	}
	c.to(t, 5*time.Hour)
	if spot, standby := c.of("spot"), c.of("standby"); standby.Desired != 0 || spot.InService < 8 || c.Plant.View("web").Running < 34 {
		t.Errorf("an hour after the capacity is back %+v on %d and %d instances, want none on the fallback", c.Plant.View("web"), spot.InService, standby.Desired)
	}
	if *c.longest > boot+15*time.Second {
		t.Errorf("a task waited %s for an instance, want at most %s and the order", *c.longest, boot)
	}
	opened := c.returned(t, 4*time.Hour, 5*time.Hour)
	if len(opened) == 0 || opened[0].Before(at(4*time.Hour+30*time.Minute)) {
		t.Errorf("tasks came back at %v, want not before half an hour without a failure", opened)
	}
	for i := range opened { // half of the 7 in five minutes
		if i+4 < len(opened) && opened[i+4].Before(opened[i].Add(5*time.Minute)) {
			t.Errorf("more than 4 instances were drained within 5 minutes: %v", opened)
		}
	}
	if !named(c.recordsOf(t, "standby"), history.FallbackTakes) || !named(c.recordsOf(t, "standby"), history.PrimaryReturns) {
		t.Error("no record of the fallback tells why it moved")
	}
	t.Logf("waited %s, at most %d instances; back from %s to %s", *c.longest, *c.most, opened[0].Format(time.TimeOnly), opened[len(opened)-1].Format(time.TimeOnly))
	c.to(t, 8*time.Hour)
	if spot, standby := c.of("spot"), c.of("standby"); standby.Desired != 0 || spot.InService > 10 {
		t.Errorf("hours later %d and %d instances, want about 9 and none", spot.InService, standby.Desired)
	}
	for _, g := range []fleet.GroupName{"spot", "standby"} {
		c.replays(t, g)
	}
	c.spared(t)
	c.calm()
}

// EC2 gives Spot capacity and takes it away again every ten minutes for four hours. The
// tasks stay with the fallback meanwhile, which is raised for what is lost and not
// lowered, and go back once.
func TestFlappingSpotDoesNotFlapThePair(t *testing.T) {
	t.Parallel()
	c := pairUp(t, 8, 2, 0, between(3600, 86400, 48, 200))
	for d := 55 * time.Minute; d < 5*time.Hour; d += 20 * time.Minute {
		c.must(c.Plant.FailLaunches("spot", plant.Outage{From: at(d), To: at(d + 10*time.Minute)}))
		c.Clock.At(at(d), sim.Events, func() {
			for _, i := range c.of("spot").Hosts[:min(2, len(c.of("spot").Hosts))] {
				c.must(c.Plant.Interrupt(i))
			}
		})
	}
	c.to(t, 5*time.Hour)
	spot, standby := c.of("spot"), c.of("standby")
	t.Logf("after four hours %d and %d instances, %d orders of the fallback, waited %s, %d interrupted", spot.InService, standby.InService,
		len(standby.Activities), *c.longest, c.Plant.Tally("web").Interrupted)
	if n := len(c.returned(t, 0, 5*time.Hour)); n > 0 {
		t.Errorf("%d instances of the fallback were drained while the capacity came and went", n)
	}
	if n := len(standby.Activities); n > 4 {
		t.Errorf("the fallback was ordered %d times: %+v", n, standby.Activities)
	}
	if *c.longest > boot+time.Minute {
		t.Errorf("a task waited %s for an instance", *c.longest)
	}
	c.to(t, 7*time.Hour)
	if spot, standby := c.of("spot"), c.of("standby"); standby.Desired != 0 || spot.InService < 8 {
		t.Errorf("two hours later %d and %d instances", spot.InService, standby.Desired)
	}
	c.spared(t)
	c.calm()
}
