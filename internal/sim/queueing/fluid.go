package queueing

import (
	"fmt"
	"math"
)

// pool is tasks whose queues are alike, since they joined alike.
type pool struct {
	tasks   float64
	backlog float64 // what an arrival waits for since the load was above the tasks, seconds
	spread  float64 // what it waits besides, since arrivals and service times vary: the mean, seconds
}

// fluid is a line without requests. The backlog Q of a pool goes up by load
// less capacity and down to 0. What chance adds to the wait has the stationary mean
// of G/G/n, y = C w with w = k/(1-u), where u is the utilisation, k = (ca2+cs2)/2
// service times over the servers of the queue, and C = u or, at a central queue,
// Erlang's C. It takes time to get there, the more the higher the load: y' = u - u(y), where
// u(y) = y/(y+k) is the utilisation that has that mean at a single server
// (the pointwise stationary fluid flow approximation of Wang, Tipper and
// Banerjee, INFOCOM 1996). At u = 1 it grows with the root of time, as it should.
type fluid struct {
	law
	late    *slowness
	pools   []pool    // oldest first; at a central queue one
	leaving []pool    // stopped, and not done
	parked  float64   // task-seconds that wait at a central queue without tasks
	servers int       // running
	k       float64   // see above, seconds
	waits   []float64 // at a central queue: C by utilisation

	calm   mixture
	behind map[int]*mixture // by the backlog

	offered, worked, refused float64 // task-seconds since the start
}

// NewFluid gives a line without randomness.
func NewFluid(m Model) Line {
	l := m.law()
	return &fluid{law: l, late: newSlowness(l), behind: map[int]*mixture{}}
}

// Step lets one second pass.
func (f *fluid) Step(load, next float64, running int) Second {
	f.resize(running)
	load = (sane(load) + sane(next)) / 2
	out := Second{Arrived: load / f.mean}
	f.offered += load
	f.leave(&out)
	if f.servers == 0 {
		f.refused += load
		out.Rejected = out.Arrived
		out.Backlog += f.parked / f.mean
		out.InFlight += f.parked / f.mean
		return out
	}
	u := load / float64(f.servers)
	for i := range f.pools {
		f.flow(&f.pools[i], u, &out)
	}
	if len(f.pools) > 1 {
		f.merge()
	}
	f.worked += out.Work
	return out
}

// flow lets a second pass at one pool, with u Erlangs for each of its tasks.
func (f *fluid) flow(p *pool, u float64, out *Second) {
	before := p.backlog
	full := max(0, before+u-1)
	p.backlog = min(full, f.patience)
	work := p.tasks * (before + u - full)
	refused := p.tasks * (full - p.backlog)
	f.refused += refused
	accepted := (p.tasks*u - refused) / f.mean

	// One implicit step of a second: exact where it stands, stable where it is fast.
	b := p.spread + min(u, 1)
	c := b - 1 - f.k
	p.spread = (c + math.Sqrt(c*c+4*b*f.k)) / 2
	i, part := f.node(p.spread + f.k)
	waiting := f.waiting(p.spread / (p.spread + f.k))

	slow, middle := 0.0, (before+p.backlog)/2
	switch {
	case middle == 0:
		slow = f.late.calm(waiting, i, part)
		f.calm.add(accepted, waiting, i, part)
	case middle < f.limit:
		slow = f.late.behindBy(1-middle/f.limit, waiting, i, part)
		f.mixture(middle).add(accepted, waiting, i, part)
	default:
		slow = 1
		f.mixture(middle).add(accepted, waiting, i, part)
	}
	chance := min(u, 1) * p.tasks * waiting * (p.spread + f.k) // by Little's law
	out.Work += work
	out.Slow += accepted * slow
	out.Rejected += refused / f.mean
	out.InFlight += work + (p.tasks*middle+chance)/f.mean
	out.Backlog += work + (p.tasks*p.backlog+chance)/f.mean
}

// waiting gives the share of arrivals that wait though there is no backlog.
func (f *fluid) waiting(u float64) float64 {
	if !f.central {
		return u
	}
	x := u * float64(len(f.waits)-1)
	i := min(int(x), len(f.waits)-2)
	return f.waits[i] + (x-float64(i))*(f.waits[i+1]-f.waits[i])
}

// resize lets tasks join or, the oldest first, leave, as a rollout has it.
func (f *fluid) resize(running int) {
	running = max(running, 0)
	if running == f.servers {
		return
	}
	change := float64(running - f.servers)
	f.servers = running
	if running > 0 {
		f.k = (f.arrivals2(running) + f.cv2) / 2 * f.mean
	}
	switch {
	case f.central:
		f.pour(float64(running))
	case change > 0:
		f.pools = append(f.pools, pool{tasks: change})
		f.merge()
	default:
		for change < 0 {
			p := &f.pools[0]
			n := min(-change, p.tasks)
			if p.backlog > 0 {
				f.leaving = append(f.leaving, pool{tasks: n, backlog: p.backlog})
			}
			change += n
			if p.tasks -= n; p.tasks <= 0 {
				f.pools = f.pools[1:]
			}
		}
	}
}

// pour gives what waits at a central queue to all its tasks.
func (f *fluid) pour(tasks float64) {
	p := pool{tasks: tasks}
	for _, old := range f.pools {
		f.parked += old.backlog * old.tasks
		p.spread = old.spread
	}
	f.pools = f.pools[:0]
	if tasks == 0 {
		return
	}
	f.k /= tasks
	p.backlog, f.parked = f.parked/tasks, 0
	f.pools = append(f.pools, p)
	const parts = 64
	f.waits = make([]float64, parts+1)
	for i := range f.waits {
		f.waits[i] = ErlangC(int(tasks), tasks*float64(i)/parts)
	}
}

// merge makes one pool of those whose backlogs are gone.
func (f *fluid) merge() {
	kept, even := f.pools[:0], -1
	for _, p := range f.pools {
		if p.backlog > 0 || even < 0 {
			if p.backlog == 0 {
				even = len(kept)
			}
			kept = append(kept, p)
			continue
		}
		to := &kept[even]
		to.spread = (to.spread*to.tasks + p.spread*p.tasks) / (to.tasks + p.tasks)
		to.tasks += p.tasks
	}
	f.pools = kept
}

// leave lets the stopped tasks finish what they have.
func (f *fluid) leave(out *Second) {
	kept := f.leaving[:0]
	for _, p := range f.leaving {
		before := p.backlog
		p.backlog = max(0, before-1)
		f.worked += p.tasks * (before - p.backlog)
		out.InFlight += p.tasks * (before + p.backlog) / 2 / f.mean
		out.Backlog += p.tasks * p.backlog / f.mean
		if p.backlog > 0 {
			kept = append(kept, p)
		}
	}
	f.leaving = kept
}

// Check compares the work that came with what became of it.
func (f *fluid) Check() error {
	have := f.worked + f.refused + f.parked
	for _, list := range [][]pool{f.pools, f.leaving} {
		for _, p := range list {
			have += p.tasks * p.backlog
		}
	}
	if math.Abs(have-f.offered) > 1e-6*(1+f.offered) {
		return fmt.Errorf("%.6f task-seconds of work came to a line, and %.6f were done, rejected or wait", f.offered, have)
	}
	return nil
}
