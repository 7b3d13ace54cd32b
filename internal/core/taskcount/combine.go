package taskcount

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

// poll is what the policies want together.
type poll struct {
	out, in *view // the one that wants the most of those that want more, or fewer
	// first is the one that needs the most: what a hold is told by.
	first *view
	// allIn is true where every policy with a part in scale-in wants fewer, and
	// there is one.
	allIn bool
	least int // the most that onMissingData of a policy without data asks for
	// blind are the policies without data, unlearnt those that have some and cannot
	// say what they need, steady those that keep a scale-in from the others.
	blind, unlearnt, steady []*view
}

func (d *decider) poll() poll {
	var p poll
	voters, ins := 0, 0
	for i := range d.views {
		v := &d.views[i]
		r := v.rec
		if p.first == nil || r.Need > p.first.rec.Need {
			p.first = v
		}
		switch {
		case v.unlearnt:
			p.unlearnt = append(p.unlearnt, v)
		case v.blind():
			p.blind = append(p.blind, v)
			if o := v.policy.OnMissingData; o != nil {
				p.least = max(p.least, o.AtLeast)
			}
		case r.Verdict == WantOut && r.Count > d.in.Base && (p.out == nil || r.Count > p.out.rec.Count):
			p.out = v
		}
		if !v.votes() {
			continue
		}
		voters++
		switch r.Verdict {
		case WantIn:
			if ins++; p.in == nil || r.Count > p.in.rec.Count {
				p.in = v
			}
		case Steady:
			p.steady = append(p.steady, v)
		case WantOut, Unusable:
		}
	}
	p.allIn = voters > 0 && ins == voters
	return p
}

// combine takes out if any policy wants it, in only if all do.
func (d *decider) combine() {
	base, p := d.in.Base, d.poll()
	out, in := base, base
	if p.out != nil {
		out = p.out.rec.Count
	}
	if p.in != nil {
		// A policy without data that has no part in scale-in may still ask for at least a count.
		in = max(p.in.rec.Count, p.least)
	}
	switch {
	case len(d.views) == 0:
		d.steps.To(base, history.AlreadyAtDesiredCapacity, "the service has no scaling policy")
	case len(p.blind) == len(d.views):
		d.missing(max(p.least, d.in.Policy.OnMissingData.AtLeast), d.told(p.blind...))
	case p.least > out:
		d.steps.To(p.least, history.MissingData, fmt.Sprintf("no usable data of a policy whose onMissingData asks for at least %d: %s", p.least, d.told(p.blind...)))
	case out > base:
		d.steps.To(out, p.out.rec.Type, d.told(p.out))
	case p.allIn && in < base:
		d.steps.To(in, p.in.rec.Type, d.told(p.in))
	case len(p.blind) > 0:
		d.steps.To(base, history.MissingData, "scale-in needs every policy: "+d.told(p.blind...))
	case len(p.unlearnt) > 0:
		d.steps.To(base, history.RateNotLearnt, d.told(p.unlearnt...))
	case p.in != nil && len(p.steady) > 0:
		d.steps.To(base, history.AlreadyAtDesiredCapacity, "scale-in needs every policy: "+d.told(p.steady...))
	default:
		d.steps.To(base, history.AlreadyAtDesiredCapacity, d.told(p.first))
	}
}

// missing holds where no policy has usable data, or scales out to at least n.
func (d *decider) missing(n int, words string) {
	if n > d.in.Base {
		d.steps.To(n, history.MissingData, fmt.Sprintf("no usable data, onMissingData asks for at least %d: %s", n, words))
		return
	}
	d.steps.To(d.in.Base, history.MissingData, "no usable data, hold: "+words)
}

// told gives the words of the policies that decide, and of each other one only
// what it wants: of ten policies one sentence is read, ten are not.
func (d *decider) told(by ...*view) string {
	words := make([]string, 0, len(d.views))
	for _, v := range by {
		words = append(words, v.rec.Policy+": "+v.rec.Because)
	}
	for i := range d.views {
		if v := &d.views[i]; !slices.Contains(by, v) {
			words = append(words, v.rec.Policy+" "+v.wish())
		}
	}
	return strings.Join(words, "; ")
}

// wish is what the policy wants in few words.
func (v view) wish() string {
	switch v.rec.Verdict {
	case WantOut:
		return fmt.Sprintf("wants %d", v.rec.Count)
	case WantIn:
		if !v.votes() {
			return fmt.Sprintf("wants %d, but has disableScaleIn", v.rec.Count)
		}
		return fmt.Sprintf("wants %d", v.rec.Count)
	case Steady:
		return "is steady"
	case Unusable:
	}
	return "has no usable data"
}
