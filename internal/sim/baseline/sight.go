package baseline

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// Sight is what a controller is shown at one of its periods, or when an alarm
// acts for it: of the metric what CloudWatch shows by then, of the counts what ECS says.
type Sight struct {
	Now       time.Time
	Desired   int
	Running   int
	Pending   int
	Deploying bool
	// Utilization is the newest datapoint of the CPU utilisation in percent, Load the
	// tasks' worth of work in it: both NaN while there is none.
	Utilization float64
	Load        float64
	Reporting   int       // tasks that the datapoint is made of
	DataAt      time.Time // its end, zero while there is none
}

// Controller decides how many tasks a service is to have. What it remembers is
// what it was shown, in order: the same sights give the same decisions. A
// controller that cannot tell answers with the desired count.
type Controller interface {
	Decide(s Sight) (desired int)
}

// Site is a service of a plant that a peer is to size.
type Site struct {
	Plant    *plant.Plant
	Clock    *sim.Clock
	Service  fleet.ServiceName
	Queue    string // that the service works off, empty if it answers requests
	Min, Max int    // tasks, 1 <= Min <= Max; of a queue's service Min may be 0
	// Load is the true load in tasks' worth of work (Erlangs) in each second of the
	// run. Only what knows the future reads it: static, and headroom when it is tuned.
	Load  []float64
	Start time.Duration // mean time from the order of a task to its running
	Fail  func(error)   // takes each error of an order
}

func (at Site) check() error {
	if at.Plant == nil || at.Clock == nil || at.Fail == nil {
		return errors.New("a plant, its clock and a taker of errors are needed")
	}
	least := 1
	if at.Queue != "" {
		least = 0
	}
	if at.Min < least || at.Max < max(at.Min, 1) {
		return fmt.Errorf("bounds of %d to %d tasks: %d <= min <= max is needed", at.Min, at.Max, least)
	}
	return nil
}

// sees tells that the service is there and its metric is fine enough.
func (at Site) sees(seconds int) error {
	if r := at.Plant.Resolution(at.Service); r == 0 || r > time.Duration(seconds)*time.Second {
		return fmt.Errorf("service %s publishes its CPU utilisation each %s: each %d s is needed", at.Service, r, seconds)
	}
	return nil
}

// exact is the length of a datapoint of the ideal sensor: the load as it is.
const exact time.Duration = 0

// run lets a controller decide at regular times, on datapoints of the given
// length, within the bounds of the site.
func (at Site) run(c Controller, every, period time.Duration) {
	at.decide(c, every, func() Sight { return look(at.Plant, at.Service, period, at.Clock.Now()) })
}

// decide lets a controller decide at regular times, on what it sees, within the bounds of
// the site.
func (at Site) decide(c Controller, every time.Duration, see func() Sight) {
	bounded := func(s Sight) int { return min(max(c.Decide(s), at.Min), at.Max) }
	at.Clock.Every(at.Clock.Now().Add(every), every, sim.Alarms, func() { order(at.Plant, at.Service, see(), bounded, at.Fail) })
}

// order asks for a decision and has it carried out.
func order(p *plant.Plant, name fleet.ServiceName, s Sight, decide func(Sight) int, fail func(error)) {
	want := decide(s)
	if want == s.Desired {
		return
	}
	if err := p.SetDesired(name, want); err != nil {
		fail(fmt.Errorf("order %d tasks for a baseline: %w", want, err))
	}
}

// counts is a sight with what ECS says, the true load, and of the metric that it is new and
// of every task.
func counts(p *plant.Plant, name fleet.ServiceName, now time.Time) Sight {
	v := p.View(name)
	return Sight{
		Now: now, Desired: v.Desired, Running: v.Running, Pending: v.Pending, Deploying: v.Deploying,
		Load: v.Demand, Reporting: v.Running, DataAt: now,
	}
}

func look(p *plant.Plant, name fleet.ServiceName, period time.Duration, now time.Time) Sight {
	s := counts(p, name, now)
	if period == exact {
		s.Utilization = 100 * s.Load / float64(max(s.Running, 1))
		return s
	}
	s.Utilization, s.Load, s.Reporting, s.DataAt = math.NaN(), math.NaN(), 0, time.Time{}
	if u, ok := p.Newest(name, period); ok {
		s.Utilization, s.Load, s.Reporting, s.DataAt = u.Average, u.Load, u.Tasks, u.End
		if now.Before(u.End) {
			s.DataAt = now
		}
	}
	return s
}

// blind tells that there is no number to decide on.
func (s Sight) blind() bool { return math.IsNaN(s.Utilization) || math.IsNaN(s.Load) }

// within tells whether a ratio is one but for a tolerance, which belongs to it.
func within(ratio, tolerance float64) bool { return math.Abs(ratio-1) <= tolerance+1e-9 }

// whole rounds up, and takes 5.000000000000001 for the 5 that it should be.
func whole(x float64) int { return int(math.Ceil(x - 1e-9)) }
