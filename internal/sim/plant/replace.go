package plant

import "slices"

// Auto Scaling replaces an instance that still runs by launching its successor first:
// of a Spot instance at risk (Capacity Rebalancing), and of one in a zone with more than
// its part (AZRebalance). Meanwhile the group may be above its maximum; the 10 % to
// which Auto Scaling holds that are not modelled (Auto Scaling's guide, Capacity
// Rebalancing and rebalancing activities).

// recall marks an instance that is to be replaced and launches its successor.
func (p *Plant) recall(i *instance) {
	if !i.inService() || i.recalled {
		return
	}
	i.recalled = true
	p.fill(i.group)
}

// relieve ends recalled instances, as many as the others in service can do without.
func (p *Plant) relieve(g *group) {
	for !g.locked {
		in := g.units((*instance).inService)
		k := slices.IndexFunc(g.instances, func(i *instance) bool {
			return i.recalled && i.inService() && !i.protected && in-i.shape.units() >= g.desired
		})
		if k < 0 {
			return
		}
		p.dismiss(g.instances[k])
	}
}

// evenOut recalls one instance of the fullest zone, where the emptiest has two fewer
// and EC2 has capacity for it. It waits for what is under way to end, and does nothing
// in a group with a warm pool, whose instances are in the zones they are in.
func (p *Plant) evenOut(g *group) {
	busy := func(i *instance) bool { return !i.inService() || i.recalled }
	if !g.cfg.Balances || g.suspended || g.locked || g.cfg.Pool != nil || slices.ContainsFunc(g.instances, busy) {
		return
	}
	in := g.zones()
	least := slices.MinFunc(g.cfg.Zones, func(a, b string) int { return in[a] - in[b] })
	without := func(s Shape) bool { return g.lacks(least, s.Type, p.clock.Now()) }
	if all(g.cfg.Shapes, without) {
		return
	}
	if i := g.pick(func(i *instance) bool { return in[i.zone]-in[least] >= 2 }); i != nil {
		p.recall(i)
	}
}

// zones counts the instances that stay, by zone.
func (g *group) zones() map[string]int {
	in := map[string]int{}
	for _, i := range g.instances {
		in[i.zone] += number(i.stays())
	}
	return in
}

// stays tells whether an instance is neither on its way out nor being replaced.
func (i *instance) stays() bool { return !i.leaving && !i.recalled }
