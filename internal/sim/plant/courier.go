package plant

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Delivery is how events get from their senders to the function.
type Delivery struct {
	// Delay is the time on the way: 0 s to 2 s if zero. A wide spread shuffles
	// events, since each draws its own.
	Delay sim.Spread
	// Lose and Duplicate are probabilities of an event. The copy of a duplicate
	// has a delay of its own.
	Lose, Duplicate float64
	// Drop, where set, loses exactly the events it is true of, by their bytes.
	Drop func(raw []byte) bool
}

// Courier carries events to the function: at least once, in any order, and
// sometimes not at all.
type Courier struct {
	clock *sim.Clock
	cfg   Delivery
	rng   *rand.Rand
	to    func(raw []byte)

	sent, lost, doubled int
}

// NewCourier gives a courier that hands events to the function named to.
func NewCourier(clock *sim.Clock, seed uint64, d Delivery, to func(raw []byte)) *Courier {
	if d.Delay == (sim.Spread{}) {
		d.Delay = sim.Spread{High: 2 * time.Second}
	}
	return &Courier{clock: clock, cfg: d, rng: sim.NewRand(seed, "courier"), to: to}
}

// Send takes one event. It always draws the same number of random numbers, so
// that one lost event does not change the fate of the next.
func (c *Courier) Send(raw []byte) {
	first, second := c.cfg.Delay.Draw(c.rng), c.cfg.Delay.Draw(c.rng)
	lose, double := c.rng.Float64() < c.cfg.Lose, c.rng.Float64() < c.cfg.Duplicate
	c.sent++
	if lose || c.cfg.Drop != nil && c.cfg.Drop(raw) {
		c.lost++
		return
	}
	c.clock.After(first, sim.Events, func() { c.to(raw) })
	if double {
		c.doubled++
		c.clock.After(second, sim.Events, func() { c.to(raw) })
	}
}

// String counts what was carried.
func (c *Courier) String() string {
	return strconv.Itoa(c.sent) + " sent, " + strconv.Itoa(c.lost) + " lost, " + strconv.Itoa(c.doubled) + " doubled"
}
