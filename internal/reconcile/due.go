package reconcile

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// calmEvery is how many ticks pass between two looks at a calm target:
// CloudWatch bills every metric read, and reading a calm fleet each minute
// costs more than the alarms it replaces.
const calmEvery = 5

// due tells whether a tick at now evaluates the row: a hot one always, a calm
// one at every fifth tick, spread over them by its name.
func due(now time.Time, r ledger.Row) bool {
	if hot(now, r) {
		return true
	}
	// A fallback is looked at whenever its lead is.
	return leadOf(r) == "" && turnOf(now, r.Target)
}

// turnOf tells whether it is a calm target's turn.
func turnOf(now time.Time, t fleet.Target) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.String())) // a hash never fails
	return (now.Unix()/60)%calmEvery == int64(h.Sum32()%calmEvery)
}

// turnedFor is how long after a turn of the global stop every target is
// evaluated: two ticks, one of which may be lost.
const turnedFor = 2 * time.Minute

// turned tells whether the cluster's global stop was set or lifted just now. Its
// targets have rested behind it, however much they wanted to move.
func turned(now time.Time, c ledger.Control) bool {
	return c.Generation > 0 && now.Sub(c.At) < turnedFor
}

// hot tells whether something moved or wants more tasks: never evaluated, an
// open intent, an order or an uneasy reason whose windows have not passed, data
// missing, a wish to scale out that is held, a lead that is short or was, or an
// override that lives or ended less than the windows ago.
func hot(now time.Time, r ledger.Row) bool {
	if r.Reason == nil || r.Intent != nil || r.Reason.Wanted > r.Reason.Desired || r.Reason.Rule == history.MissingData || r.History.Shortage != nil {
		return true
	}
	if r.Policy != nil && r.Policy.Service != nil && (asleep(r) || edged(now, *r.Policy.Service)) {
		return true
	}
	if waitsForInstances(now, r) || fails(r) {
		return true
	}
	quiet := spec.DefaultInWindow
	if r.Policy != nil && r.Policy.Service != nil {
		in, out := r.Policy.Service.In(), r.Policy.Service.Out()
		quiet = max(in.StabilizationWindow, in.Cooldown, out.StabilizationWindow, out.Cooldown)
	}
	quiet += signal.StaleAfter(spec.DefaultPeriod)
	if o, ok := r.History.Last(); ok && now.Sub(o.At) < quiet {
		return true
	}
	if slices.ContainsFunc(r.Overrides, func(o spec.Override) bool { return now.Sub(o.Until) < quiet }) {
		return true
	}
	return !calm(r.Reason.Rule) && now.Sub(r.Reason.First) < quiet
}

// waitsForInstances tells whether a group is about to move: instances that must be
// removable at every look, or a launch that may be tried again.
func waitsForInstances(now time.Time, r ledger.Row) bool {
	c := r.History.Capacity
	if c == nil || r.Reason == nil {
		return false
	}
	after := now.Sub(c.RetryAt)
	return len(c.Removable) > 0 && r.Reason.Rule == history.StabilizationWindow || after >= 0 && after < edgedFor
}

// asleep tells whether the service is at zero tasks. Who waits for its first task
// waits for the next look, and five minutes would be too long; few metrics are
// read for a service that sleeps, and it costs nothing else.
// A fallback at zero rests.
func asleep(r ledger.Row) bool {
	return r.Reason.Desired == 0 && r.Reason.Rule != history.NotFound && leadOf(r) == ""
}

// edgedFor is how long after the edge of a scheduled window its service is
// evaluated at every tick: two of them, one of which may be lost.
const edgedFor = 2 * time.Minute

// edged tells whether one of the service's windows opened or closed just now. A
// calm service would else follow office hours up to four minutes late.
func edged(now time.Time, s spec.Service) bool {
	for _, sc := range s.Scheduled {
		w, faults := sc.Window()
		if edge, _, ok := w.Previous(now); len(faults) == 0 && ok && now.Sub(edge) < edgedFor {
			return true
		}
	}
	return false
}
