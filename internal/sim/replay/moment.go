package replay

import (
	"cmp"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
)

// Moment is a stretch of time in which the proposed policy was above the limit with
// fewer tasks than the reference.
type Moment struct {
	From   time.Time
	Length time.Duration
	// At its worst period: the demand in tasks' worth of CPU, and the tasks that ran under
	// the proposed policy and under the reference.
	At            time.Time
	Demand        float64
	Tasks, Others float64
	// Excess is the demand above the limit, in task-seconds: the measure of how bad it was.
	Excess float64
	// Order is the proposed policy's last one before the worst period ended, nil for none.
	Order *report.Decision
}

// moments finds what would have been worse, worst first. Two stretches with one period
// between them are one.
func (o Options) moments(proposed, reference Outcome) []Moment {
	var out []Moment
	rec := o.Record
	worst, last := 0.0, -2 // excess of the worst period of the newest moment; its last period
	for i := rec.Warm; i < len(rec.Demand); i++ {
		mine, others := proposed.Running[i], reference.Running[i]
		if !o.above(i, mine, o.Limit) || mine > others-rounding {
			continue
		}
		excess := (rec.Demand[i] - mine*o.Limit/100) * rec.Period.Seconds()
		if last < i-2 {
			out = append(out, Moment{From: rec.at(i)})
			worst = 0
		}
		m := &out[len(out)-1]
		m.Length = rec.at(i + 1).Sub(m.From)
		m.Excess += excess
		if excess > worst {
			worst = excess
			m.At, m.Demand, m.Tasks, m.Others = rec.at(i), rec.Demand[i], mine, others
		}
		last = i
	}
	for i := range out {
		out[i].Order = before(proposed.Orders, out[i].At.Add(rec.Period))
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return cmp.Compare(b.Excess, a.Excess) })
	return out
}

// before gives the last order before a time.
func before(orders []report.Decision, t time.Time) *report.Decision {
	i, _ := slices.BinarySearchFunc(orders, t, func(d report.Decision, at time.Time) int { return d.At.Compare(at) })
	if i == 0 {
		return nil
	}
	return &orders[i-1]
}
