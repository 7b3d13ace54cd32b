package queueing

import (
	"fmt"
	"math"
)

// pool is tasks whose queues are alike, since they joined alike.
type pool struct {
	tasks   float64
	backlog float64 // what an arrival waits for since the load was above the tasks, seconds
	chance  float64 // what it waits besides as arrivals and services vary: the mean before correction, seconds
}

// fluid is a line without requests. The backlog of a pool goes up by load less
// capacity, and down to 0. What chance adds to the wait has the stationary mean
// y = k u/(1-u) of G/G/n at utilisation u, and takes time to get there, the more the
// higher the load:
//
//	y' = u - y/(y+k)
//
// since y/(y+k) is the utilisation that keeps y (the pointwise stationary fluid flow
// approximation of Wang, Tipper and Banerjee, INFOCOM 1996). At u = 1 it grows with the
// root of time, as the queue of a random walk does. What makes it grow is that tasks are
// idle at times, which is rare behind a backlog: exp(-backlog/(y+k)) of the growth is left.
type fluid struct {
	law
	crew    crew
	late    *slowness
	worst   worst   // of the last second
	pools   []pool  // oldest first; at a central queue one
	leaving []pool  // stopped, and not done
	parked  float64 // task-seconds that wait at a central queue without tasks

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
	f.worst.backlog = -1
	f.leave(&out)
	if f.crew.tasks == 0 {
		f.refused += load
		out.Rejected = out.Arrived
		out.Backlog += f.parked / f.mean
		out.InFlight += f.parked / f.mean
		return out
	}
	u := load / float64(f.crew.tasks)
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
	refused := p.tasks * min(max(0, full-f.patience), u) // none of what waits
	p.backlog = full - refused/p.tasks
	work := p.tasks * (before + u - full)
	f.refused += refused
	accepted := (p.tasks*u - refused) / f.mean

	// One implicit step of a second: exact where it stands, stable where it is fast.
	k := f.crew.scale
	y := p.chance + min(u, 1)
	c := y - 1 - k
	chance := (c + math.Sqrt(c*c+4*y*k)) / 2
	if chance > p.chance && p.backlog > 0 {
		chance = p.chance + (chance-p.chance)*math.Exp(-p.backlog/(chance+k))
	}
	p.chance = chance
	o := f.crew.odds(p.chance)
	i, part := f.node(o.mean)

	slow, middle := 1.0, (before+p.backlog)/2
	switch {
	case middle == 0:
		slow = f.late.without(o, i, part)
		f.calm.add(accepted, o, i, part)
	case middle < f.limit:
		slow = f.late.with(1-middle/f.limit, o, i, part)
		fallthrough
	default:
		f.mixture(middle).add(accepted, o, i, part)
	}
	if accepted > 0 && middle >= f.worst.backlog {
		f.worst = worst{backlog: middle, odds: o}
	}
	waiting := min(u, 1) * p.tasks * o.wait() // by Little's law
	out.Work += work
	out.Slow += accepted * slow
	out.Rejected += refused / f.mean
	out.InFlight += work + (p.tasks*middle+waiting)/f.mean
	out.Backlog += work + (p.tasks*p.backlog+waiting)/f.mean
}

// resize lets tasks join or, the oldest first, leave, as a rollout has it.
func (f *fluid) resize(running int) {
	running = max(running, 0)
	if running == f.crew.tasks {
		return
	}
	change := float64(running - f.crew.tasks)
	f.crew.tasks = 0
	if running > 0 {
		f.crew = newCrew(f.law, running)
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
		p.chance = old.chance
	}
	f.pools = f.pools[:0]
	if tasks == 0 {
		return
	}
	p.backlog, f.parked = f.parked/tasks, 0
	f.pools = append(f.pools, p)
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
		to.chance = (to.chance*to.tasks + p.chance*p.tasks) / (to.tasks + p.tasks)
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

// worst is how the requests with the longest backlog before them wait.
type worst struct {
	odds
	backlog float64 // -1 where there are no requests
}

// Slowest gives the response time of the slowest percent in the last second.
func (f *fluid) Slowest() float64 {
	if f.worst.backlog < 0 {
		return 0
	}
	return f.worst.backlog + f.crew.slowest(f.worst.odds)
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
