// Package world gives a simulated AWS account with Trimtab deployed in it: the
// plant, a ledger, a courier for events and the staircase, on one virtual clock.
//
// Everything enters as it would on AWS: the policy through the ledger's desk,
// ticks and alarms as the bytes of real events, decoded and walked through
// reconcile. Nothing else decides.
package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// Options configure a world. The zero value is a faultless one.
type Options struct {
	Seed  uint64
	Start time.Time // a full minute
	// Plant configures the cluster; its Seed and Emit are set here.
	Plant plant.Options
	// Ledger is the fault before the ledger, nil for none.
	Ledger plant.Fault
	// Delivery is how events travel.
	Delivery plant.Delivery
	// Skew is how far the function's clock is ahead of the true time, nil for not
	// at all. Datapoints bear the true time.
	Skew func(at time.Time) time.Duration
	// NoTick leaves the one-minute schedule out.
	NoTick bool
	// Mode is the ceiling of every target's mode; observe if empty.
	Mode spec.Mode
	// Log takes the staircase's log; nil drops it.
	Log *slog.Logger
	// Reported takes the report of every run, nil for nobody.
	Reported func(reconcile.Report)
	// Drainage deploys the second function, which walks the removals of instances.
	Drainage bool
	// Kill, where set, is asked before each call that a function makes of AWS or the
	// ledger: which function, its how many-eth call, and the call. True ends the
	// invocation there, as a function dies. Every step of a run has one before it, so
	// a story that kills at each in turn has seen them all.
	Kill func(f Function, n int, c plant.Call) bool
	// Drained takes the report of every run of the second function, nil for nobody.
	Drained func(reconcile.Report)
}

// World is one simulated account. It belongs to one goroutine.
type World struct {
	Clock  *sim.Clock
	Plant  *plant.Plant
	Ledger *plant.Ledger

	opt     Options
	stair   *reconcile.Stair
	drains  *reconcile.Drainage
	courier *plant.Courier // to the stair
	porter  *plant.Courier // to the drainage
	inbox   []letter
	failed  []error
	count   Count
	inside  Function // the one that runs now, empty for none
	calls   map[Function]int
}

// Function is one of the functions of a world.
type Function string

// The functions.
const (
	Reconcile Function = "reconcile"
	Drain     Function = "drain"
)

// letter is an event on the doorstep of one of the functions.
type letter struct {
	raw []byte
	to  func(ctx context.Context, raw []byte) reconcile.Report
}

// Count is what was invoked.
type Count struct {
	Invocations int
	Drains      int // invocations of the second function, beside Invocations
	Failures    int // invocations of either that answered an error or panicked
	Panics      int
}

// maxFailures bounds the errors kept: a broken world fails every minute.
const maxFailures = 100

// New gives a world without services. Add them to its Plant.
func New(o Options) (*World, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Mode == "" {
		o.Mode = spec.Observe
	}
	if o.Reported == nil {
		o.Reported = func(reconcile.Report) {}
	}
	if o.Drained == nil {
		o.Drained = func(reconcile.Report) {}
	}
	w := &World{Clock: sim.NewClock(o.Start), opt: o, calls: map[Function]int{}}
	w.courier = plant.NewCourier(w.Clock, o.Seed, o.Delivery, func(raw []byte) { w.inbox = append(w.inbox, letter{raw, w.Invoke}) })
	o.Plant.Seed, o.Plant.Emit = o.Seed, w.deliver
	if o.Kill != nil {
		o.Plant.Fault, o.Ledger = w.mortal(o.Plant.Fault), w.mortal(o.Ledger)
	}
	p, err := plant.New(w.Clock, o.Plant)
	if err != nil {
		return nil, fmt.Errorf("make world: %w", err)
	}
	w.Plant = p
	w.Ledger = plant.NewLedger(ledger.NewMemory(), o.Ledger, w.Clock.Now)
	claims, ticks := sim.NewRand(o.Seed, "claims"), sim.NewRand(o.Seed, "ticks")
	now := w.Clock.Now
	if o.Skew != nil {
		now = func() time.Time { return w.Clock.Now().Add(o.Skew(w.Clock.Now())) }
	}
	w.stair = &reconcile.Stair{
		Book: w.Ledger, Desk: w.Ledger, Services: p.Services(), Groups: p.Groups(), Signals: p.Signals(), Queues: p.Queues(),
		Owners: p.Owners(), Activities: p.ScalingActivities(), Hosts: p.Hosts(), Drains: w.Ledger, Notices: p.Notices(), Mode: o.Mode,
		Log: o.Log, Now: now, NewID: func() string { return fmt.Sprintf("sim-%016x", claims.Uint64()) },
	}
	if o.Drainage {
		w.deployDrainage(now)
	}
	if !o.NoTick {
		w.Clock.Every(o.Start, time.Minute, sim.Events, func() {
			w.courier.Send(plant.Tick(w.Clock.Now(), fmt.Sprintf("tick-%016x", ticks.Uint64())))
		})
	}
	return w, nil
}

// Apply stores the policies of a document as `trimtab policy apply` does.
func (w *World) Apply(ctx context.Context, d spec.Document, author string) error {
	if p := d.Validate(); len(p) > 0 {
		return fmt.Errorf("apply policy: %v: %s; %s (and %d more)", p[0].Path, p[0].Message, p[0].Remedy, len(p)-1)
	}
	have, err := w.Ledger.Read(ctx, d.Cluster)
	if err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	services, groups := d.Rows()
	change := ledger.Change{Cluster: d.Cluster}
	edit := func(t fleet.Target, p ledger.Policy) {
		row := have.Row(t)
		p.Version, p.Author, p.At = 1, author, w.Clock.Now()
		if row.Policy != nil {
			p.Version = row.Policy.Version + 1
		}
		change.Edits = append(change.Edits, ledger.Edit{Target: t, Generation: row.Generation, Policy: &p})
	}
	for _, n := range slices.Sorted(maps.Keys(services)) {
		s := services[n]
		edit(fleet.ServiceKey{Cluster: d.Cluster, Service: n}.Target(), ledger.Policy{Service: &s})
	}
	for _, n := range slices.Sorted(maps.Keys(groups)) {
		g := groups[n]
		edit(fleet.GroupOf(d.Cluster, n), ledger.Policy{Group: &g})
	}
	if err := w.Ledger.Change(ctx, change); err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	return nil
}

// Wake creates an alarm whose transitions invoke Trimtab both ways that the
// template wires: through EventBridge and as a direct action.
func (w *World) Wake(a plant.Alarm) error {
	a.Notify = func(c plant.Change) {
		w.courier.Send(c.EventBridge())
		w.courier.Send(c.Direct())
	}
	return w.Plant.AddAlarm(a)
}

// Run lets time pass until end. It stops at the first broken invariant of the
// plant. A failed invocation does not stop it, see Failures.
func (w *World) Run(ctx context.Context, end time.Time) error {
	for w.Clock.Step(end) {
		for len(w.inbox) > 0 {
			next := w.inbox[0]
			w.inbox = w.inbox[1:]
			next.to(ctx, next.raw)
		}
		if err := errors.Join(w.Plant.Check(), ctx.Err()); err != nil {
			return fmt.Errorf("run world at %s: %w", w.Clock.Now().Format(time.RFC3339), err)
		}
	}
	w.Clock.RunUntil(end)
	w.Plant.Finish()
	return nil
}

// Invoke runs the function on one payload, as Lambda does: what it answers
// with an error, or panics on, is a failed invocation and ends nothing else.
func (w *World) Invoke(ctx context.Context, raw []byte) reconcile.Report {
	w.count.Invocations++
	return w.run(ctx, raw, Reconcile, w.stair.Run, w.opt.Reported)
}

func (w *World) run(
	ctx context.Context, raw []byte, who Function, f func(context.Context, event.Event) (reconcile.Report, error), told func(reconcile.Report),
) (rep reconcile.Report) {
	w.inside = who
	defer func() {
		w.inside = ""
		if p := recover(); p != nil {
			w.count.Panics++
			w.fail(fmt.Errorf("panic: %v", p))
		}
	}()
	ev, err := event.Decode(raw)
	if err != nil {
		w.fail(fmt.Errorf("decode event: %w", err))
		return rep
	}
	rep, err = f(ctx, ev)
	if err != nil {
		w.fail(err)
	}
	told(rep)
	return rep
}

// mortal puts the end of a function before a fault, nil for none.
func (w *World) mortal(f plant.Fault) plant.Fault {
	return func(c plant.Call) error {
		if w.inside != "" {
			w.calls[w.inside]++
			if w.opt.Kill(w.inside, w.calls[w.inside], c) {
				panic("killed")
			}
		}
		if f == nil {
			return nil
		}
		return f(c)
	}
}

func (w *World) fail(err error) {
	w.count.Failures++
	if len(w.failed) < maxFailures {
		w.failed = append(w.failed, fmt.Errorf("%s: %w", w.Clock.Now().Format(time.RFC3339), err))
	}
}

// Count tells how often the function was invoked and failed.
func (w *World) Count() Count { return w.count }

// Failures gives the errors of failed invocations, at most the first hundred.
func (w *World) Failures() error { return errors.Join(w.failed...) }

// Carried tells in words what the courier carried.
func (w *World) Carried() string { return w.courier.String() }

// Records gives every record of a target, oldest first.
func (w *World) Records(ctx context.Context, t fleet.Target) ([]ledger.Record, error) {
	const all = 1_000_000
	rs, err := w.Ledger.Records(ctx, t, time.Time{}, all)
	if err != nil {
		return nil, fmt.Errorf("read records of %s: %w", t, err)
	}
	slices.Reverse(rs)
	return rs, nil
}
