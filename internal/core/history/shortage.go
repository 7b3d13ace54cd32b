package history

import "time"

// Shortage is what a fallback remembers of the service that it stands in for: since
// when that lacks tasks, and how many of its tasks are counted on. A count that
// follows what is placed at the moment would start and stop a task of the fallback
// with each one that Spot takes and gives.
type Shortage struct {
	// Since is since when the service has been short at every look, until it was called.
	Since time.Time `json:"since,omitzero"`
	// Counted is how many of its tasks are counted on, nil while the fallback is not
	// called. It falls at once and rises after the cool-off.
	Counted *int `json:"counted,omitempty"`
	// Above is the fewest of its tasks, more than are counted on, that had a place at
	// every look since AboveSince.
	Above      int       `json:"above,omitempty"`
	AboveSince time.Time `json:"aboveSince,omitzero"`
}

// Called tells whether the fallback stands in.
func (s Shortage) Called() bool { return s.Counted != nil }

// See gives the shortage after a look at a service that wants a count and has so many
// placed.
func (s Shortage) See(now time.Time, wanted, placed int, after, coolOff time.Duration) Shortage {
	placed = min(placed, wanted) // a deployment runs two sets of tasks, and one is wanted
	if !s.Called() {
		return s.called(now, wanted, placed, after)
	}
	counted := *s.Counted
	if placed < wanted {
		counted = min(counted, placed)
	}
	if placed <= counted {
		return Shortage{Counted: &counted}
	}
	if s.AboveSince.IsZero() {
		s.Above, s.AboveSince = placed, now
	}
	s.Above = min(s.Above, placed)
	if now.Sub(s.AboveSince) < coolOff {
		return Shortage{Counted: &counted, Above: s.Above, AboveSince: s.AboveSince}
	}
	counted = s.Above
	if placed <= counted {
		return Shortage{Counted: &counted}
	}
	return Shortage{Counted: &counted, Above: placed, AboveSince: now}
}

// called calls the fallback once the service has been short for long enough.
func (s Shortage) called(now time.Time, wanted, placed int, after time.Duration) Shortage {
	if placed >= wanted {
		return Shortage{}
	}
	if s.Since.IsZero() {
		s.Since = now
	}
	if now.Sub(s.Since) < after {
		return s
	}
	return Shortage{Counted: &placed}
}

// Same tells whether two memories are equal.
func (s Shortage) Same(o Shortage) bool {
	if s.Called() != o.Called() || s.Called() && *s.Counted != *o.Counted {
		return false
	}
	return s.Since.Equal(o.Since) && s.Above == o.Above && s.AboveSince.Equal(o.AboveSince)
}
