package world

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// What the template's rules pass to the two functions, by detail type. The stair
// hears of lost capacity too: it orders the replacement while the drainage drains.
func stairHears() []string {
	return []string{
		"ECS Service Action", "ECS Deployment State Change",
		"EC2 Instance Launch Unsuccessful", "EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation",
	}
}

func drainageHears() []string {
	return []string{
		"EC2 Instance-terminate Lifecycle Action", "EC2 Instance Terminate Successful", "EC2 Instance Terminate Unsuccessful",
		"EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation", "EC2 Instance State-change Notification",
		"ECS Container Instance State Change",
	}
}

// deliver sends an event of the plant to the functions whose rules pass it, with
// a fate of its own to each. Of a container instance the rule passes what is not ACTIVE.
func (w *World) deliver(raw []byte) {
	var e struct {
		DetailType string `json:"detail-type"`
		Detail     struct {
			Status string `json:"status"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		w.fail(fmt.Errorf("route event: %w", err))
		return
	}
	if slices.Contains(stairHears(), e.DetailType) {
		w.courier.Send(raw)
	}
	if w.porter != nil && slices.Contains(drainageHears(), e.DetailType) && e.Detail.Status != "ACTIVE" {
		w.porter.Send(raw)
	}
}

// deployDrainage makes the second function, with its own schedule and its own
// way for events. Its claims and its courier draw from their own streams, so that
// the stair's run is the same with it and without, until it acts.
func (w *World) deployDrainage(now func() time.Time) {
	o, p := w.opt, w.Plant
	claims, ticks := sim.NewRand(o.Seed, "claims of drains"), sim.NewRand(o.Seed, "ticks of drains")
	w.porter = plant.NewCourier(w.Clock, ticks.Uint64(), o.Delivery, func(raw []byte) { w.inbox = append(w.inbox, letter{raw, w.InvokeDrainage}) })
	w.drains = &reconcile.Drainage{
		Book: w.Ledger, Drains: w.Ledger, Services: p.Services(), Hosts: p.Hosts(), Groups: p.Groups(), Activities: p.ScalingActivities(),
		Exits: p.Exits(), Owners: p.Owners(), Notices: p.Notices(), Log: o.Log, Metrics: io.Discard, Mode: o.Mode,
		Now: now, NewID: func() string { return fmt.Sprintf("sim-drain-%016x", claims.Uint64()) },
	}
	if !o.NoTick {
		w.Clock.Every(o.Start, time.Minute, sim.Events, func() {
			w.porter.Send(plant.Tick(w.Clock.Now(), fmt.Sprintf("tick-%016x", ticks.Uint64())))
		})
	}
}

// InvokeDrainage runs the second function on one payload, as Invoke does the first.
func (w *World) InvokeDrainage(ctx context.Context, raw []byte) reconcile.Report {
	w.count.Drains++
	return w.run(ctx, raw, Drain, w.drains.Run, w.opt.Drained)
}
