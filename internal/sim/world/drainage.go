package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// What the rules of the two functions pass, by detail type. The stair hears of
// lost capacity too: it orders the replacement while the drainage drains.
func stairHears() []string {
	return []string{
		"ECS Service Action", "ECS Deployment State Change",
		"EC2 Instance Launch Unsuccessful", "EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation",
	}
}

func drainageHears() []string {
	return []string{
		"EC2 Instance-terminate Lifecycle Action", "EC2 Instance Terminate Successful", "EC2 Spot Instance Interruption Warning",
		"EC2 Instance Rebalance Recommendation", "ECS Task State Change", "ECS Container Instance State Change",
	}
}

// deliver sends an event of the plant to the functions whose rules pass it, with
// a fate of its own to each.
func (w *World) deliver(raw []byte) {
	var e struct {
		DetailType string `json:"detail-type"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		w.fail(fmt.Errorf("route event: %w", err))
		return
	}
	if slices.Contains(stairHears(), e.DetailType) {
		w.courier.Send(raw)
	}
	if w.porter != nil && slices.Contains(drainageHears(), e.DetailType) {
		w.porter.Send(raw)
	}
}

// deployDrainage makes the second function, with its own schedule and its own
// way for events. Its claims and its courier draw from their own streams, so that
// the stair's run is the same with it and without, until it acts.
func (w *World) deployDrainage(memory any, now func() time.Time) error {
	o, p := w.opt, w.Plant
	rows := o.Drains
	if rows == nil {
		var ok bool
		if rows, ok = memory.(ledger.Drains); !ok {
			return errors.New("the ledger keeps no drains: give Options.Drains")
		}
	}
	claims, ticks := sim.NewRand(o.Seed, "claims of drains"), sim.NewRand(o.Seed, "ticks of drains")
	w.porter = plant.NewCourier(w.Clock, ticks.Uint64(), o.Delivery, func(raw []byte) { w.inbox = append(w.inbox, letter{raw, w.InvokeDrainage}) })
	w.drains = &reconcile.Drainage{
		Book: w.Ledger, Drains: w.Ledger.Drains(rows), Services: p.Services(), Hosts: p.Hosts(), Groups: p.Groups(), Activities: p.ScalingActivities(),
		Exits: p.Exits(), Notices: p.Notices(), Log: o.Log, Metrics: io.Discard, Mode: o.Mode,
		Now: now, NewID: func() string { return fmt.Sprintf("sim-drain-%016x", claims.Uint64()) },
	}
	w.stair.Activities, w.stair.Hosts, w.stair.Drains = w.drains.Activities, w.drains.Hosts, w.drains.Drains
	if !o.NoTick {
		w.Clock.Every(o.Start, time.Minute, sim.Events, func() {
			w.porter.Send(plant.Tick(w.Clock.Now(), fmt.Sprintf("tick-%016x", ticks.Uint64())))
		})
	}
	return nil
}

// InvokeDrainage runs the second function on one payload, as Invoke does the first.
func (w *World) InvokeDrainage(ctx context.Context, raw []byte) reconcile.Report {
	w.count.Drains++
	return w.run(ctx, raw, Drain, w.drains.Run, w.opt.Drained)
}
