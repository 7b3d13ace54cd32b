package replay

import (
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// A task that is between these bounds busy, in percent, may hide demand: Fargate gives
// no more than what the task bought. What is above has the idle share of its instance,
// and shows what it wants.
const (
	pinned   = 99
	bursting = 101
)

// warmUp is the part of a replay that is not counted: policies begin without what they
// remember. It is at most a tenth of the history.
const warmUp = time.Hour

// least is the shortest history that is replayed.
const least = time.Hour

// Record is a history without gaps: one entry for each period from the first datapoint
// to the last.
type Record struct {
	Name   string
	Start  time.Time
	Period time.Duration
	// Demand is in tasks' worth of CPU, Running the tasks, both as means over the period.
	// Tasks are those that sent a sample.
	Demand, Running, Tasks []float64
	// Missing are the periods without a datapoint: they hold the values before. Gap is
	// how many follow each other in the longest gap.
	Missing, Gap int
	// Saturated are the periods in which the CPU was pinned: the demand was at least what
	// is recorded.
	Saturated int
	// Bursting are those in which the tasks used more than they reserve, of the idle share of
	// their instance: the replay gives a task no more than that.
	Bursting int
	// Warm are the periods at the beginning that are not counted.
	Warm int
}

// Record closes the gaps of a history, each with the value before it: ECS publishes
// nothing while there is no task, and CloudWatch may lose a datapoint.
//
// A task that joined within a minute sends a sample as the others do, and one that left
// sends none, though each ran about half of it: Average x SampleCount is more than the
// demand while tasks join, and a policy would be shown peaks that were not. So the tasks
// that ran are taken as the mean of those that were counted in two minutes.
func (h History) Record() (Record, error) {
	r := Record{Name: h.Name, Start: h.Points[0].Time, Period: h.Period}
	for _, p := range h.Points {
		at := int(p.Time.Sub(r.Start) / r.Period)
		gap := 0
		for ; len(r.Demand) < at; gap++ {
			last := len(r.Demand) - 1
			r.Demand, r.Running, r.Tasks = append(r.Demand, r.Demand[last]), append(r.Running, r.Tasks[last]), append(r.Tasks, r.Tasks[last])
		}
		running := p.Tasks
		if at > 0 {
			running -= (p.Tasks - r.Tasks[at-1]) / 2 / r.Period.Minutes()
		}
		r.Missing, r.Gap = r.Missing+gap, max(r.Gap, gap)
		r.Demand, r.Running, r.Tasks = append(r.Demand, p.CPU/100*running), append(r.Running, running), append(r.Tasks, p.Tasks)
		switch {
		case p.Tasks == 0 || p.CPU < pinned:
		case p.CPU <= bursting:
			r.Saturated++
		default:
			r.Bursting++
		}
	}
	if r.Length() < least {
		return Record{}, fmt.Errorf("history of %s lasts %s: at least %s is needed to say anything", r.Name, words(r.Length()), words(least))
	}
	r.Warm = int(min(warmUp, r.Length()/10) / r.Period)
	return r, nil
}

// Length gives how long the record lasts.
func (r Record) Length() time.Duration { return time.Duration(len(r.Demand)) * r.Period }

// at gives when a period begins.
func (r Record) at(i int) time.Time { return r.Start.Add(time.Duration(i) * r.Period) }

// From gives when the counted part begins, End when it ends.
func (r Record) From() time.Time { return r.at(r.Warm) }

// End gives when the record ends.
func (r Record) End() time.Time { return r.at(len(r.Demand)) }

// course makes the demand ready for the plant.
func (r Record) course() (*trial.Course, error) {
	starts := make([]int, len(r.Demand))
	for i := range starts {
		starts[i] = i * int(r.Period/time.Second)
	}
	t, err := trace.New(r.Name, starts, r.Demand)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return trial.NewHistory(t, r.Start, time.Duration(r.Warm)*r.Period, trial.Requests())
}
