package report

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// Score is what a policy cost and what it failed to carry.
type Score struct {
	// TaskHours counts each task from its order, since pulling its image is paid
	// for, to its stop.
	TaskHours float64 `json:"taskHours"`
	// ShortSeconds are the seconds in which the demand was above what the
	// running tasks carry at 100 % CPU.
	ShortSeconds int `json:"shortSeconds"`
	// Unserved is the share of the demand that was above it, 0 to 1.
	Unserved float64 `json:"unserved"`
	// HotSeconds are the seconds above plant.HotShare of the running tasks.
	HotSeconds int `json:"hotSeconds"`
	// Actions are the orders that changed the desired count, Reversals those of
	// them that went against the one before.
	Actions   int `json:"scalingActions"`
	Reversals int `json:"reversals"`
}

// NewScore adds up a run.
func NewScore(t plant.Tally, as []plant.Activity) Score {
	s := Score{TaskHours: t.TaskSeconds / 3600, ShortSeconds: t.Short, HotSeconds: t.Hot, Actions: len(as), Reversals: len(Reversals(as))}
	if t.Demand > 0 {
		s.Unserved = t.Unserved / t.Demand
	}
	return s
}

// Reversals gives the times of the activities that go against the one before.
func Reversals(as []plant.Activity) []time.Time {
	var out []time.Time
	for i := 1; i < len(as); i++ {
		if (as[i].To > as[i].From) != (as[i-1].To > as[i-1].From) {
			out = append(out, as[i].At)
		}
	}
	return out
}
