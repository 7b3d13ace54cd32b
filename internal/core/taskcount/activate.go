package taskcount

import (
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// activate decides the way from zero and to zero, where the floor is zero. From
// zero a wake signal starts the first task; what the policies ask for has been
// combined already. The last task goes only on proof of idleness that has lasted
// for the cool-off, and from one task alone: not from N.
func (d *decider) activate() {
	if d.min.count != 0 || d.hold != nil || d.in.Policy.FallbackFor != nil {
		return // a fallback goes to and from zero with what its lead lacks
	}
	base, n := d.in.Base, d.steps.Count()
	proof, proved := d.proof()
	d.idle = proved
	switch {
	case base == 0 && n == 0:
		if words, awake := d.woken(); awake {
			d.steps.To(1, history.Activation, words)
		}
	case base == 0 || n > base:
	case base > 1 && n == 0:
		d.steps.To(1, history.Activation, "to zero it goes from one task alone, step by step")
	case base == 1:
		d.sleep(proof, proved)
	}
}

// sleep lets the last task go, or says what is missing for that.
func (d *decider) sleep(proof string, proved bool) {
	off := d.in.Policy.Activation.CoolOffTime()
	since := d.in.History.IdleSince
	switch wants := d.steps.Count() == 0; {
	case proved && !since.IsZero() && d.now.Sub(since) >= off:
		d.sleeping = true
		d.steps.To(0, history.Activation, fmt.Sprintf("idle since %s, longer than the cool-off of %s: %s", clock(since), spec.Duration(off), proof))
	case proved && since.IsZero():
		d.steps.To(1, history.Activation, fmt.Sprintf("idle from now on, the last task goes after the cool-off of %s: %s", spec.Duration(off), proof))
	case proved:
		d.steps.To(1, history.Activation, fmt.Sprintf("idle since %s, the last task goes after the cool-off of %s: %s", clock(since), spec.Duration(off), proof))
	case wants:
		d.steps.To(1, history.Activation, "the last task goes only on proof of idleness: "+proof)
	}
}

// proof tells whether every policy that sees demand at zero tasks reports real
// zeros and has done so since idleness was first seen, there being one at least
// that may scale in, and whether no wake signal has spoken since. What policies
// that are blind at zero say is no proof of either, and what could not be read is
// no proof of anything.
func (d *decider) proof() (words string, proved bool) {
	since := d.in.History.IdleSince
	var idle []string
	for _, v := range d.views {
		if !v.policy.SeesAtZero() {
			continue
		}
		if !v.rec.Idle {
			return v.rec.Policy + " does not report that nothing is to do", false
		}
		if words, stirred := v.stirred(since, d.in.Policy.Activation.CoolOffTime()); stirred {
			return v.rec.Policy + " " + words, false
		}
		if v.votes() {
			idle = append(idle, v.rec.Policy+" reports zero")
		}
	}
	if words, quiet := d.quiet(since); !quiet {
		return words, false
	}
	if len(idle) == 0 {
		return "no policy that may scale in reports real zeros", false
	}
	return strings.Join(idle, "; "), true
}

// woken tells whether a wake signal is above its value. One that publishes
// nothing, as a counter of errors does while there are none, is quiet.
func (d *decider) woken() (words string, awake bool) {
	for _, w := range d.wakes() {
		s, ok := d.in.find(w.Metric.CloudWatch("Sum"))
		if !ok {
			continue
		}
		r := s.Newest(d.now)
		if r.Freshness == signal.Fresh && float64(r.Point.Value) > w.Above {
			return wakeWords(w, r.Point), true
		}
	}
	return "", false
}

// quiet tells whether no wake signal has been above its value since a time: that
// must be known, so one that could not be read is not quiet.
func (d *decider) quiet(since time.Time) (words string, quiet bool) {
	if words, awake := d.woken(); awake {
		return words, false
	}
	for _, w := range d.wakes() {
		m := w.Metric.CloudWatch("Sum")
		s, ok := d.in.find(m)
		if !ok || s.Status != signal.Complete {
			return "the wake signal " + w.Metric.Label() + " could not be read", false
		}
		for _, p := range s.Closed(d.now) {
			if !since.IsZero() && p.Start.Add(m.Period).After(since) && float64(p.Value) > w.Above {
				return wakeWords(w, p), false
			}
		}
	}
	return "", true
}

func (d *decider) wakes() []spec.Wake {
	if d.in.Policy.Activation == nil {
		return nil
	}
	return d.in.Policy.Activation.Wake
}

func wakeWords(w spec.Wake, p signal.Point) string {
	return fmt.Sprintf("the wake signal %s is %s at %s, above %s", w.Metric.Label(), number(float64(p.Value)), clock(p.Start), number(w.Above))
}
