package history

import (
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Capacity is what a group remembers beside its orders. The zero value has seen
// nothing.
type Capacity struct {
	// Shape is what the usual instance of the group registered last, of the type Kind:
	// a group at zero has none to tell.
	Shape fleet.Resources `json:"shape,omitzero"`
	Kind  string          `json:"kind,omitempty"`
	// WarmUp is the time in seconds from a raise to the registration of its instances, an
	// EWMA, 0 while none was seen; WarmedAt is the registration learnt from last.
	WarmUp   float64   `json:"warmUpSeconds,omitempty"`
	WarmedAt time.Time `json:"warmedAt,omitzero"`
	// Failures counts the launches that failed in a row, FailedAt is the last of them and
	// RetryAt when the group is raised again.
	Failures int       `json:"launchFailures,omitempty"`
	FailedAt time.Time `json:"launchFailedAt,omitzero"`
	RetryAt  time.Time `json:"retryAt,omitzero"`
	// MendedAt is when launches succeeded again after the last that failed, or were found
	// not to have failed for long: zero while they fail, and where none ever did.
	MendedAt time.Time `json:"launchesMendedAt,omitzero"`
	// Removable are the instances that could go at every look since a time, sorted by id.
	Removable []Removable `json:"removable,omitempty"`
	// PrunedAt is when those were dropped last that could not go any more.
	PrunedAt time.Time `json:"prunedAt,omitzero"`
}

// Removable is an instance that could go at every look since a time.
type Removable struct {
	Instance fleet.InstanceID `json:"instance"`
	Since    time.Time        `json:"since"`
}

// MaxRemovable bounds the removable instances kept, as many as may drain at once.
const MaxRemovable = 100

// RemovableSince tells since when an instance could go, zero if it could not.
func (c Capacity) RemovableSince(id fleet.InstanceID) time.Time {
	i := slices.IndexFunc(c.Removable, func(r Removable) bool { return r.Instance == id })
	if i < 0 {
		return time.Time{}
	}
	return c.Removable[i].Since
}

// pruneEvery is how often the instances that cannot go any more are dropped: the tasks
// of a busy group come and go, and each change would be a write.
const pruneEvery = 15 * time.Minute

// WithRemovable keeps the instances that can go now, each with the time since it
// could. Those that cannot are kept a while too: whoever lets an instance go must see
// that it can. Those beyond MaxRemovable are left out until others have gone.
func (c Capacity) WithRemovable(now time.Time, ids []fleet.InstanceID) Capacity {
	next := make([]Removable, 0, len(ids))
	prune := now.Sub(c.PrunedAt) >= pruneEvery
	for _, r := range c.Removable {
		if !prune || slices.Contains(ids, r.Instance) {
			next = append(next, r)
		}
	}
	for _, id := range ids {
		if c.RemovableSince(id).IsZero() {
			next = append(next, Removable{Instance: id, Since: now})
		}
	}
	if prune && len(next) != len(c.Removable) || len(c.Removable) == 0 && len(next) > 0 {
		c.PrunedAt = now
	}
	slices.SortFunc(next, func(a, b Removable) int { return strings.Compare(string(a.Instance), string(b.Instance)) })
	c.Removable = next[:min(len(next), MaxRemovable)]
	if len(c.Removable) == 0 {
		c.Removable = nil
	}
	return c
}

// Undisturbed forgets which instances could go: something grew, and they are wanted
// for now.
func (c Capacity) Undisturbed() Capacity {
	c.Removable = nil
	return c
}

// Equal tells whether two memories hold the same.
func (c Capacity) Equal(o Capacity) bool {
	return c.Shape == o.Shape && c.Kind == o.Kind && c.WarmUp == o.WarmUp && c.WarmedAt.Equal(o.WarmedAt) &&
		c.Failures == o.Failures && c.FailedAt.Equal(o.FailedAt) && c.RetryAt.Equal(o.RetryAt) && c.MendedAt.Equal(o.MendedAt) &&
		c.PrunedAt.Equal(o.PrunedAt) && slices.EqualFunc(c.Removable, o.Removable, func(a, b Removable) bool { return a.Instance == b.Instance && a.Since.Equal(b.Since) })
}

// warmUpWeight is the weight of a new warm-up in the EWMA.
const warmUpWeight = 0.3

// Warmed learns from an instance that registered some time after the raise that
// started it. What took longer than an hour was no warm-up.
func (c Capacity) Warmed(raised, registered time.Time) Capacity {
	took := registered.Sub(raised).Seconds()
	if took <= 0 || took > 3600 || !registered.After(c.WarmedAt) {
		return c
	}
	if c.WarmUp == 0 {
		c.WarmUp = took
	} else {
		c.WarmUp += float64(warmUpWeight * (took - c.WarmUp))
	}
	c.WarmedAt = registered
	return c
}

// failuresLife is after how long without a failure those before are forgotten, as the
// Kubernetes cluster autoscaler does it.
const failuresLife = 3 * time.Hour

// Launches learns from the launches that failed since the last look, and from the
// newest one that succeeded: so many failures in a row hold the group for wait of them.
// A failure counts only if nothing was launched at its time or since: where the group has
// several types or zones, the want of one does not hold it while it gets others.
func (c Capacity) Launches(now time.Time, failed []fleet.LaunchFailure, launched time.Time, wait func(failures int) time.Duration) Capacity {
	switch {
	case c.Failures == 0:
	case !launched.Before(c.FailedAt):
		c.Failures, c.RetryAt, c.MendedAt = 0, time.Time{}, launched
	case now.Sub(c.FailedAt) > failuresLife:
		c.Failures, c.RetryAt, c.MendedAt = 0, time.Time{}, now
	}
	for _, f := range failed {
		// Auto Scaling tries again by itself every minute or so while it is behind its
		// desired capacity: what fails while the group is held is the same want of capacity.
		if !f.At.After(c.FailedAt) || f.At.Before(c.RetryAt) || !launched.Before(f.At) {
			continue
		}
		c.Failures, c.FailedAt = min(c.Failures+1, 100), f.At
		c.RetryAt, c.MendedAt = f.At.Add(wait(c.Failures)), time.Time{}
	}
	return c
}

// Mended tells whether launches have not failed for so long.
func (c Capacity) Mended(now time.Time, long time.Duration) bool {
	return c.Failures == 0 && !now.Before(c.MendedAt.Add(long))
}
