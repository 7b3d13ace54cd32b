package taskcount

import (
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// foreignFor is how long a foreign count is spoken of where no order has
// followed it.
const foreignFor = time.Hour

// notice finds that the desired count is not what was last written. It comes
// before all else: what was desired when is in the demand of a datapoint, and the
// next look, which will remember the sighting, must see the same demand. By a
// clock that has not passed the last order nobody can say what came after it.
func (d *decider) notice() {
	last, _ := d.in.History.Last()
	if !d.in.Acting || d.in.History.Shadow != nil || d.unsettled() || !d.now.After(last.At) {
		return
	}
	if expected, known := d.in.History.Expected(); known && expected != d.in.Service.Desired {
		d.sighting = &history.Sighting{At: d.now, Expected: expected, Found: d.in.Service.Desired, Who: d.writer()}
		d.in.History = d.sighted()
	}
}

// adopt takes a foreign count as the base, which the live count is in any case,
// and says so.
func (d *decider) adopt() {
	h := d.in.History
	n := len(h.Foreign)
	if n == 0 || !d.in.Acting || h.Shadow != nil {
		return
	}
	s, last := h.Foreign[n-1], time.Time{}
	if o, ok := h.Last(); ok {
		last = o.At
	}
	if s.At.After(last) && d.now.Sub(s.At) < foreignFor {
		who := s.Who
		if who == "" {
			who = "unknown"
		}
		d.steps.To(d.in.Base, history.ForeignWriter, fmt.Sprintf("the desired count %d, found at %s in place of %d, was not written here (writer: %s): adopted as the base", s.Found, clock(s.At), s.Expected, who))
	}
}

// writer guesses who wrote the count from what ECS shows: a deployment that is
// newer than the last order came with it. Without CloudTrail more cannot be said.
func (d *decider) writer() string {
	last, ok := d.in.History.Last()
	p, deployed := d.in.Service.Primary()
	if !ok || !deployed || !p.CreatedAt.After(last.At) {
		return ""
	}
	if d.in.Service.Stack != "" {
		return fmt.Sprintf("CloudFormation stack %s, with the deployment of %s", d.in.Service.Stack, p.CreatedAt.UTC().Format(time.RFC3339))
	}
	return "a deploy tool, with the deployment of " + p.CreatedAt.UTC().Format(time.RFC3339)
}

// foreignBelow tells whether the count now is below the floor and somebody
// else's: no order has followed it, or one of the last hour that was no repair. A
// small step that the policies asked for does not make it ours.
func (d *decider) foreignBelow() bool {
	h := d.in.History
	n := len(h.Foreign)
	if n == 0 || !d.in.Acting || d.in.Base >= d.min.count {
		return false
	}
	s := h.Foreign[n-1]
	last, ordered := h.Last()
	switch followed := ordered && !last.At.Before(s.At); {
	case !followed:
		return s.Found == d.in.Service.Desired || d.now.Sub(s.At) < foreignFor
	case !s.Repaired.IsZero():
		return false
	}
	return d.now.Sub(last.At) < foreignFor
}

// sighted gives the history with the new sighting. Only so many are kept, and
// those that were repaired are kept longest: a writer that sets another count
// every minute would push them out, and be repaired for ever.
func (d *decider) sighted() history.History {
	h := d.in.History
	if len(h.Foreign) >= history.MaxSightings {
		calm := slices.IndexFunc(h.Foreign, func(s history.Sighting) bool { return s.Repaired.IsZero() })
		h.Foreign = slices.Delete(slices.Clone(h.Foreign), max(calm, 0), max(calm, 0)+1)
	}
	return h.Sighted(*d.sighting)
}

// mostRepairs is how often an hour the floor may be lifted to: of more repairs
// than that the sightings that are kept could not tell.
func (d *decider) mostRepairs() int { return min(d.in.Policy.Repairs(), history.MaxSightings-1) }

// settlesIn is how long ECS may go on to show the desired count from before our
// own order: its answers are eventually consistent, and its own events about the
// order wake an evaluation within a second.
const settlesIn = 30 * time.Second

// unsettled tells whether the live count is the one from before an order given
// just now.
func (d *decider) unsettled() bool {
	last, ok := d.in.History.Last()
	age := d.now.Sub(last.At)
	return ok && d.in.Acting && d.in.History.Shadow == nil && last.From == d.in.Service.Desired && age >= 0 && age < settlesIn
}

// settle orders nothing while ECS shows the count from before our own order. Of
// 10 tasks raised to 15 and a need of 12 it would make a scale-out from 10 to 12,
// which removes three tasks that no window has looked at and no budget has paid.
func (d *decider) settle() {
	if !d.unsettled() || d.steps.Direction() == history.Hold {
		return
	}
	last, _ := d.in.History.Last()
	d.repaired = false
	d.steps.To(d.in.Base, history.OrderInFlight, fmt.Sprintf("ECS still shows the %s from before the order to %d at %s: wait until it shows that, at most %s",
		taskWords(last.From), last.To, clock(last.At), spec.Duration(settlesIn)))
}

// remember gives the history with what this look has taught: foreign counts,
// since when the service is idle, the lowest count of the hour, service rates.
func (d *decider) remember() Memory {
	m := Memory{History: d.in.History, Worth: d.sighting != nil}
	m.repaired = d.repaired
	switch since := m.History.IdleSince; {
	case d.idle && since.IsZero() && d.in.Base > 0:
		m.History.IdleSince, m.Worth = d.now, true
	case (!d.idle || d.in.Base == 0) && !since.IsZero(): // whoever wakes it, the cool-off begins anew
		m.History.IdleSince, m.Worth = time.Time{}, true
	}
	if s := d.shortage; s != nil && !s.Same(d.remembered()) {
		m.History.Shortage, m.Worth = s, true
		if *s == (history.Shortage{}) {
			m.History.Shortage = nil
		}
	}
	if d.sc.HistoryFloor > 0 && d.in.Policy.FallbackFor == nil {
		if hours, changed := m.History.Hours.See(d.now, d.in.Base); changed {
			m.History.Hours, m.Worth = hours, true
		}
	}
	for _, v := range d.views {
		r := v.learnt
		old, known := m.History.Rate(v.key)
		if r.At.IsZero() || known && !r.At.After(old.At) {
			continue
		}
		m.History = m.History.WithRate(r)
		// The datapoints since are in the window of the next look too.
		m.Worth = m.Worth || !known || r.At.Sub(old.At) >= rateNoteEvery
	}
	return m
}
