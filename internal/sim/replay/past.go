package replay

import (
	"cmp"
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

func (m Marks) compare(n Marks) int {
	return cmp.Or(cmp.Compare(m.AboveMinutes, n.AboveMinutes), cmp.Compare(m.TaskHours, n.TaskHours))
}

// flap is the time within which a change against the one before is a reversal.
const flap = 15 * time.Minute

// asItWas judges the past by the same rules. Of the orders only what came of them was
// recorded: a change of the running tasks from one datapoint to the next counts as one,
// and so do several in a row in one direction. What a deployment added and took away is
// among them. A started task was billed before it ran, for as long as a start takes.
func (o Options) asItWas() Outcome {
	rec := o.Record
	out := Outcome{Name: AsItWas, Note: "the task counts that CloudWatch recorded", Running: rec.Running, Shown: o.hot(rec.Running)}
	started := 0.0
	direction, moved := 0, -1 // of the last change, and the period in which it was
	for i, tasks := range rec.Tasks {
		n := int(math.Round(tasks))
		out.Desired = append(out.Desired, n)
		if i >= rec.Warm {
			out.Shown.TaskHours += rec.Running[i] * rec.Period.Hours()
		}
		if i == 0 || n == out.Desired[i-1] {
			continue
		}
		change := cmp.Compare(n, out.Desired[i-1])
		if i >= rec.Warm {
			started += float64(max(0, n-out.Desired[i-1]))
		}
		fresh := moved < i-1 || change != direction
		switch {
		case !fresh:
			out.Orders[len(out.Orders)-1].Desired = n
		default:
			out.Orders = append(out.Orders, report.Decision{At: rec.at(i), Before: out.Desired[i-1], Desired: n, Rule: "recorded", Because: "the running tasks changed"})
		}
		if fresh && i >= rec.Warm {
			out.Shown.Actions++
			if direction == -change && time.Duration(i-moved)*rec.Period <= flap {
				out.Shown.Reversals++
			}
		}
		direction, moved = change, i
	}
	out.Shown.TaskHours += started * startBill(o.Start).Hours()
	out.Runs = []Marks{out.Shown}
	return out
}

// startBill is the mean time that a task is billed for before it runs. On instances it
// begins with the placement: their own boot is no task's.
func startBill(s trial.Start) time.Duration {
	if s == trial.EC2Cold {
		s = trial.EC2Warm
	}
	return s.Delay()
}
