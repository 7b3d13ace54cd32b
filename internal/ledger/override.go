package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

const (
	// MaxOverrides is the most overrides that a row keeps, the ended ones too.
	MaxOverrides = 20
	// overrideTrail is how long an ended override stays in its row: the ticks must
	// see that it has ended, and people what there was.
	overrideTrail = 24 * time.Hour
)

// Overriding is a change of one row's overrides, before it is written: what a
// person is told, and the edit.
type Overriding struct {
	Target fleet.Target `json:"target"`
	// Override is what is set; nil where overrides are only ended.
	Override *spec.Override `json:"override,omitempty"`
	// Ended are the live overrides that this ends, as they were.
	Ended []spec.Override `json:"ended"`
	// Beside are the live overrides of other kinds, which stay.
	Beside []spec.Override `json:"beside"`
	// Notes say which of the overrides that live together has no effect, and why.
	Notes []string `json:"notes,omitempty"`
	Edit  Edit     `json:"-"`
}

// Empty tells whether there is nothing to write.
func (o Overriding) Empty() bool { return o.Override == nil && len(o.Ended) == 0 }

// Change gives the change to write, which has no edit where there is nothing to write.
func (o Overriding) Change() Change {
	c := Change{Cluster: o.Target.Cluster}
	if !o.Empty() {
		c.Edits = []Edit{o.Edit}
	}
	return c
}

// Applied gives the cluster as it is once the change is written, but for the
// row's generation: what a dry run decides on.
func (o Overriding) Applied(c Cluster) Cluster {
	c.Rows = slices.Clone(c.Rows)
	for i := range c.Rows {
		if c.Rows[i].Target == o.Target && o.Edit.Overrides != nil {
			c.Rows[i].Overrides = *o.Edit.Overrides
		}
	}
	return c
}

// WithOverride sets an override at now: it ends the live one of its kind, and
// those of other kinds go on beside it. It is refused where the row's policy
// would make it void or dangerous.
func (r Row) WithOverride(o spec.Override, now time.Time) (Overriding, error) {
	if err := o.Check(now); err != nil {
		return Overriding{}, fmt.Errorf("set override of %s: %w", title(r.Target), err)
	}
	if err := r.admits(o); err != nil {
		return Overriding{}, fmt.Errorf("set override of %s: %w", title(r.Target), err)
	}
	done := r.ending(o.By, "replaced by "+o.String(), now, func(old spec.Override) bool { return old.Kind == o.Kind })
	done.Override, done.Notes = &o, outranked(append(slices.Clone(done.Beside), o))
	done.Edit.Overrides = new(kept(append(*done.Edit.Overrides, o), now))
	return done, nil
}

// outranked says which of the overrides that live together have no effect: a max
// outranks a hold and a min, and a hold outranks a min, as the decision does it.
func outranked(live []spec.Override) []string {
	var out []string
	rank := []spec.OverrideKind{spec.MaxAt, spec.HoldAt, spec.MinAt}
	for i, high := range rank {
		a := slices.IndexFunc(live, func(o spec.Override) bool { return o.Kind == high })
		for _, low := range rank[i+1:] {
			b := slices.IndexFunc(live, func(o spec.Override) bool { return o.Kind == low })
			if a < 0 || b < 0 || live[a].Count >= live[b].Count {
				continue
			}
			until := live[a].Until
			if live[b].Until.Before(until) {
				until = live[b].Until
			}
			out = append(out, fmt.Sprintf("%s outranks %s until %s", live[a], live[b], until.UTC().Format(time.RFC3339)))
		}
	}
	return out
}

// WithoutOverrides ends the live overrides at now, or those of one kind; why may
// be empty.
func (r Row) WithoutOverrides(only spec.OverrideKind, why, by string, now time.Time) (Overriding, error) {
	var err error
	switch {
	case only != "" && !slices.Contains(spec.OverrideKinds(), only):
		err = fmt.Errorf("%q is not known; the known ones are %v", only, spec.OverrideKinds())
	case r.Generation == 0:
		err = errNoPolicy
	default:
		err = checkPerson(why, by)
	}
	if err != nil {
		return Overriding{}, fmt.Errorf("end overrides of %s: %w", title(r.Target), err)
	}
	done := r.ending(by, why, now, func(old spec.Override) bool { return only == "" || old.Kind == only })
	done.Edit.Overrides = new(kept(*done.Edit.Overrides, now))
	return done, nil
}

// ending ends the live overrides of which end says so. An ended one keeps its
// place, with when it ended and by whom, so that the next ticks see it.
func (r Row) ending(by, why string, now time.Time, end func(spec.Override) bool) Overriding {
	done := Overriding{Target: r.Target, Ended: []spec.Override{}, Beside: []spec.Override{}}
	all := slices.Clone(r.Overrides)
	for i, old := range all {
		switch {
		case !old.Live(now):
		case end(old):
			done.Ended = append(done.Ended, old)
			all[i].Until, all[i].EndedBy, all[i].EndedWhy = now.UTC(), by, why
		default:
			done.Beside = append(done.Beside, old)
		}
	}
	done.Edit = Edit{Target: r.Target, Generation: r.Generation, Overrides: &all}
	return done
}

// kept drops what ended long ago, and the oldest of the ended where there are
// too many. Live ones are never dropped: there is one of a kind at most.
func kept(all []spec.Override, now time.Time) []spec.Override {
	all = slices.DeleteFunc(all, func(o spec.Override) bool { return now.Sub(o.Until) >= overrideTrail })
	for len(all) > MaxOverrides {
		oldest := -1
		for i, o := range all {
			if !o.Live(now) && (oldest < 0 || o.Until.Before(all[oldest].Until)) {
				oldest = i
			}
		}
		if oldest < 0 {
			break
		}
		all = slices.Delete(all, oldest, oldest+1)
	}
	return all
}

var errNoPolicy = errors.New("the ledger holds no policy of it: apply one first with trimtab policy apply FILE")

// admits judges an override against the policy. A person's word outranks the
// policies, but nothing passes maxCapacity.
func (r Row) admits(o spec.Override) error {
	if r.Policy == nil {
		return errNoPolicy
	}
	p := r.Policy.Service
	switch {
	case !o.Kind.Counted():
		return nil
	case p == nil:
		return admitsInstances(o)
	}
	switch n := o.Count; {
	case n > p.MaxCapacity:
		return fmt.Errorf("%s is above maxCapacity %d, which nothing passes: give %d or less, or raise maxCapacity in the policy first",
			o, p.MaxCapacity, p.MaxCapacity)
	case n < 0:
		return fmt.Errorf("%s is below 0: give %s", o, from(min(p.MinCapacity, 1), p.MaxCapacity))
	case n == 0 && p.MinCapacity > 0:
		return fmt.Errorf("%s needs a service that may sleep, and minCapacity is %d: give %s", o, p.MinCapacity, from(1, p.MaxCapacity))
	case o.Kind == spec.MinAt && n <= lowestMin(*p):
		return fmt.Errorf("%s would change nothing, as minCapacity is %d and an override only raises it: use hold or max to go lower", o, lowestMin(*p))
	case o.Kind == spec.MaxAt && n == p.MaxCapacity:
		return fmt.Errorf("%s would change nothing, as maxCapacity is %d and an override only lowers it: to go higher, raise maxCapacity in the policy", o, p.MaxCapacity)
	}
	return nil
}

// admitsInstances judges a count of instances. The group's MinSize and MaxSize are
// Auto Scaling's, and not known here: they count when the override is decided on.
func admitsInstances(o spec.Override) error {
	switch n := o.Count; {
	case n < 0:
		return fmt.Errorf("%s is below 0: give %s instances", o, from(0, spec.MaxInstances))
	case n > spec.MaxInstances:
		return fmt.Errorf("%s is more than a group can have: give %s instances", o, from(0, spec.MaxInstances))
	case o.Kind == spec.MinAt && n == 0:
		return fmt.Errorf("%s would change nothing, as no group has fewer instances: give %s, or use hold or max to go lower", o, from(1, spec.MaxInstances))
	}
	return nil
}

// lowestMin gives the lowest minCapacity that the policy may have in force: a window
// may lower it.
func lowestMin(p spec.Service) int {
	low := p.MinCapacity
	for _, w := range p.Scheduled {
		if w.MinCapacity != nil {
			low = min(low, *w.MinCapacity)
		}
	}
	return low
}

func from(least, most int) string { return strconv.Itoa(least) + " to " + strconv.Itoa(most) }

func title(t fleet.Target) string {
	return string(t.Kind) + " " + t.Name + " of cluster " + string(t.Cluster)
}

// Switching is a change of a cluster's global stop, before it is written.
type Switching struct {
	Cluster fleet.ClusterName `json:"cluster"`
	// Control is what is set, Before what was found.
	Control Control `json:"control"`
	Before  Control `json:"before"`
	same    bool
}

// Empty tells whether there is nothing to write.
func (s Switching) Empty() bool { return s.same }

// Change gives the change to write, which is empty where there is nothing to write.
func (s Switching) Change() Change {
	if s.same {
		return Change{Cluster: s.Cluster}
	}
	return Change{Cluster: s.Cluster, Control: &s.Control}
}

// Stopped sets the global stop, or gives the one that is set a new reason.
func (c Cluster) Stopped(why, by string, now time.Time) (Switching, error) {
	op := "stop cluster " + string(c.Name)
	if err := spec.CheckWhy(why); err != nil {
		return Switching{}, fmt.Errorf("%s: why %w", op, err)
	}
	if err := errors.Join(checkPerson(why, by), c.known()); err != nil {
		return Switching{}, fmt.Errorf("%s: %w", op, err)
	}
	next := Control{Generation: c.Control.Generation, Stop: true, Why: why, By: by, At: now.UTC()}
	return Switching{Cluster: c.Name, Control: next, Before: c.Control}, nil
}

// Started lifts the global stop; why may be empty.
func (c Cluster) Started(why, by string, now time.Time) (Switching, error) {
	op := "start cluster " + string(c.Name)
	if err := errors.Join(checkPerson(why, by), c.known()); err != nil {
		return Switching{}, fmt.Errorf("%s: %w", op, err)
	}
	next := Control{Generation: c.Control.Generation, Why: why, By: by, At: now.UTC()}
	s := Switching{Cluster: c.Name, Control: next, Before: c.Control, same: !c.Control.Stop}
	if s.same {
		s.Control = c.Control
	}
	return s, nil
}

// known refuses a cluster that the ledger does not hold: a stop with a mistyped
// name would stop nothing, and whoever typed it would not know.
func (c Cluster) known() error {
	if len(c.Rows) == 0 && c.Control.Generation == 0 {
		return errors.New("the ledger holds no cluster of that name")
	}
	return nil
}

// checkPerson judges who ends something, and why, which may be empty.
func checkPerson(why, by string) error {
	if why != "" {
		if err := spec.CheckWhy(why); err != nil {
			return fmt.Errorf("why %w", err)
		}
	}
	if err := spec.CheckBy(by); err != nil {
		return fmt.Errorf("by %w", err)
	}
	return nil
}
