package world_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

const standard fleet.ServiceName = "web-standard"

// pair is a story whose web runs on Fargate Spot, and has a fallback behind the same
// load balancer.
func pair(t *testing.T, to tb, p plot, f spec.FallbackFor) story {
	t.Helper()
	p.Service.Spot = true
	s := play(t, to, p)
	f.Service = "web"
	s.must(s.Plant.AddService(plant.Service{Name: standard, Beside: "web"}))
	d := document(p.Policy)
	lead := d.Services["web"]
	if lead.Policies == nil {
		lead = tracked()
		lead.Mode = spec.Act
	}
	d.Services["web"] = lead
	d.Services[standard] = spec.Service{Mode: spec.Act, MaxCapacity: 40, FallbackFor: &f}
	s.must(s.Apply(t.Context(), d, "the story"))
	return s
}

func (s story) trace(every time.Duration) {
	s.Clock.Every(s.begun, every, sim.Probes, func() {
		a, b := s.Plant.View("web"), s.Plant.View(standard)
		fmt.Fprintf(os.Stderr, "%s web %d/%d(+%d) std %d/%d demand %.1f\n", s.Clock.Now().Sub(s.begun), a.Running, a.Desired, a.Pending, b.Running, b.Desired, a.Demand+b.Demand)
	})
}

func TestSpotGone(t *testing.T) {
	s := pair(t, t, plot{Options: world.Options{}, Service: plant.Service{Load: constant(60), Desired: 10}}, spec.FallbackFor{})
	s.highAlarm()
	s.trace(time.Minute)
	s.to(t, 30*time.Minute)
	s.Plant.SetSpot(4)
	s.to(t, 150*time.Minute)
	s.Plant.SetSpot(-1)
	s.to(t, 6*time.Hour)
	s.sound(t)
	s.calm()
	for _, a := range s.Plant.Activities(standard) {
		fmt.Fprintln(os.Stderr, a.At.Sub(s.begun), a.From, a.To)
	}
	rs, _ := s.Records(t.Context(), fleet.ServiceKey{Cluster: "demo", Service: standard}.Target())
	for _, r := range rs {
		fmt.Fprintln(os.Stderr, r.At.Sub(s.begun), r.Kind, r.Before, r.Desired, r.Rule, r.Because)
	}
	for _, r := range s.records(t) {
		fmt.Fprintln(os.Stderr, "web", r.At.Sub(s.begun), r.Kind, r.Before, r.Desired, r.Rule, r.Because)
	}
}
