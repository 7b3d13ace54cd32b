package plant

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Auto Scaling tries a launch that failed again and again; its pauses are not
// published. Here they double from the first to the last until one succeeds.
const (
	firstPause = time.Minute
	lastPause  = 5 * time.Minute
)

// Outage is a time in which EC2 has no capacity for launches.
type Outage struct {
	Zone, Type string // empty: of every zone, of every type
	From, To   time.Time
}

// FailLaunches makes launches of a group fail for want of capacity.
func (p *Plant) FailLaunches(n fleet.GroupName, o Outage) error {
	return p.change(n, func(g *group) { g.outages = append(g.outages, o) })
}

func (g *group) lacks(zone, kind string, now time.Time) bool {
	return slices.ContainsFunc(g.outages, func(o Outage) bool {
		return (o.Zone == "" || o.Zone == zone) && (o.Type == "" || o.Type == kind) && !now.Before(o.From) && now.Before(o.To)
	})
}

// fill launches what the group lacks, unless launching is suspended or fails:
// from the warm pool first, which is filled up after it.
func (p *Plant) fill(g *group) {
	for g.members() < g.desired && !g.suspended {
		if i := g.pooled(); i != nil {
			p.wake(i)
			continue
		}
		i := p.launchInstance(g)
		if i == nil {
			return
		}
		g.launches(i)
		p.boot(i, g.cfg.Boot.Draw(g.rng), "EC2")
	}
	for len(g.pool) < g.poolSize() && !g.suspended {
		i := p.launchInstance(g)
		if i == nil {
			return
		}
		g.pool = append(g.pool, i)
		p.at(p.clock.Now().Add(g.cfg.Boot.Draw(g.warm)), func() {
			i.ready = true
			p.charge(i)
		})
	}
}

func (g *group) poolSize() int {
	if g.cfg.Pool == nil {
		return 0
	}
	return g.cfg.Pool.Size
}

// pooled takes the oldest instance that is ready out of the warm pool, nil for none.
func (g *group) pooled() *instance {
	k := slices.IndexFunc(g.pool, func(i *instance) bool { return i.ready })
	if k < 0 {
		return nil
	}
	i := g.pool[k]
	g.pool = slices.Delete(g.pool, k, k+1)
	return i
}

// wake starts an instance of the warm pool.
func (p *Plant) wake(i *instance) {
	g := i.group
	i.since = p.clock.Now()
	g.launches(i)
	spread := g.cfg.Pool.Warm
	if spread == (sim.Spread{}) {
		spread = sim.Spread{Low: 20 * time.Second, High: 40 * time.Second}
	}
	p.boot(i, spread.Draw(g.warm), "WarmPool")
}

// launchInstance asks EC2 for one instance, in the next zone and of the next
// type that it has. Where it has none at all the failures are reported and
// launching is tried again after a pause; then it is nil.
func (p *Plant) launchInstance(g *group) *instance {
	now := p.clock.Now()
	for _, k := range g.offers() {
		zone, shape := g.option(g.launched + k)
		if g.lacks(zone, shape.Type, now) {
			p.failLaunch(g, zone, shape.Type)
			continue
		}
		g.pause, g.success = firstPause, now
		return p.newInstance(g, k)
	}
	if !g.retrying {
		g.retrying = true
		p.at(now.Add(g.pause), func() {
			g.retrying = false
			p.fill(g)
		})
		g.pause = min(2*g.pause, lastPause)
	}
	return nil
}

// offers are the next launches to try, in their order: as they come round, or with
// AZRebalance those in the zones with the fewest instances first.
func (g *group) offers() []int {
	out := make([]int, len(g.cfg.Zones)*len(g.cfg.Shapes))
	for k := range out {
		out[k] = k
	}
	if g.cfg.Balances {
		in := g.zones()
		slices.SortStableFunc(out, func(a, b int) int {
			x, _ := g.option(g.launched + a)
			y, _ := g.option(g.launched + b)
			return in[x] - in[y]
		})
	}
	return out
}

// option is the zone and type of the nth launch.
func (g *group) option(n int) (zone string, s Shape) {
	zones := len(g.cfg.Zones)
	return g.cfg.Zones[n%zones], g.cfg.Shapes[n/zones%len(g.cfg.Shapes)]
}

func (p *Plant) failLaunch(g *group, zone, kind string) {
	f := fleet.LaunchFailure{
		At: p.clock.Now(), Zone: zone, Type: kind,
		Words: fmt.Sprintf("We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). Launching EC2 instance failed.", kind, zone),
	}
	g.failures = append(g.failures, f)
	p.emitScaling(g, "Launch Unsuccessful", scaling{Code: "Failed", Message: f.Words, Zone: zone, Origin: "EC2", Destination: "AutoScalingGroup"})
}

// refresh is an instance refresh under way: the instances that it has still to
// replace, one after another.
type refresh struct {
	old   []*instance
	every time.Duration
}

// Refresh begins an instance refresh, as after a new AMI: each of the instances
// that there are is replaced, one at a time and every so long. It waits for
// those that are protected from scale-in.
func (p *Plant) Refresh(n fleet.GroupName, every time.Duration) error {
	return p.change(n, func(g *group) {
		g.refresh = &refresh{old: slices.Clone(g.instances), every: max(every, time.Second)}
		p.turn(g, g.refresh)
	})
}

// CancelRefresh ends an instance refresh where it is.
func (p *Plant) CancelRefresh(n fleet.GroupName) error {
	return p.change(n, func(g *group) { g.refresh = nil })
}

// turn replaces the next instance of a refresh, once those before it have been
// replaced by ones in service.
func (p *Plant) turn(g *group, r *refresh) {
	r.old = slices.DeleteFunc(r.old, func(i *instance) bool { return i.gone })
	if g.refresh != r { // cancelled, or another has begun
		return
	}
	if len(r.old) == 0 {
		g.refresh = nil
		return
	}
	whole := g.desired <= g.units((*instance).inService)
	k := slices.IndexFunc(r.old, func(i *instance) bool { return !i.leaving && !i.protected })
	if whole && k >= 0 && !g.locked {
		p.dismiss(r.old[k])
		p.fill(g)
	}
	p.at(p.clock.Now().Add(r.every), func() { p.turn(g, r) })
}
