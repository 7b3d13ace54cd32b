package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/replay"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// planShown is the JSON result of plan.
type planShown struct {
	Cluster fleet.ClusterName `json:"cluster,omitempty"`
	Service fleet.ServiceName `json:"service"`
	From    time.Time         `json:"from"` // of what is counted
	To      time.Time         `json:"to"`
	// PeriodSeconds is the length of a datapoint, Datapoints how many there are with those
	// that are missing, LongestGap of them in a row, Saturated those that hide demand, and
	// Bursting those in which tasks used more than they reserve.
	PeriodSeconds int               `json:"periodSeconds"`
	Datapoints    int               `json:"datapoints"`
	Missing       int               `json:"missing"`
	LongestGap    int               `json:"longestGap"`
	Saturated     int               `json:"saturated"`
	Bursting      int               `json:"bursting"`
	Start         trial.Start       `json:"start"`
	Seed          uint64            `json:"seed"`
	Seeds         int               `json:"seeds"`
	LimitPercent  float64           `json:"limitPercent"`
	TaskHour      float64           `json:"taskHourDollars,omitempty"`
	Policies      []planShownPolicy `json:"policies"` // the proposed one first, what was last
	Reference     string            `json:"reference"`
	Verdict       string            `json:"verdict"`
	Worse         []planShownMoment `json:"worse"`
	Assumptions   []string          `json:"assumptions"`
	Notes         []string          `json:"notes"`
}

// planShownPolicy is one policy, with the spread of each mark over the runs.
type planShownPolicy struct {
	Name         string        `json:"name"`
	Note         string        `json:"note"`
	TaskHours    score.Spread  `json:"taskHours"`
	Dollars      *score.Spread `json:"dollars,omitempty"`
	AboveMinutes score.Spread  `json:"aboveMinutes"`
	ShortMinutes score.Spread  `json:"shortMinutes"`
	Actions      score.Spread  `json:"actions"`
	Reversals    score.Spread  `json:"reversals"`
}

// planShownMoment is a moment that would have been worse.
type planShownMoment struct {
	From           time.Time       `json:"from"`
	Seconds        int             `json:"seconds"`
	Worst          time.Time       `json:"worst"`
	Demand         float64         `json:"demand"`
	Tasks          float64         `json:"tasks"`
	ReferenceTasks float64         `json:"referenceTasks"`
	Order          *planShownOrder `json:"order,omitempty"`
}

// planShownOrder is the last order before it.
type planShownOrder struct {
	At      time.Time `json:"at"`
	Before  int       `json:"before"`
	Desired int       `json:"desired"`
	Rule    string    `json:"rule"`
	Because string    `json:"because"`
}

// shown gives the result as JSON has it.
func (c planCmd) shown(p planned, r replay.Result) planShown {
	rec := r.Record
	out := planShown{
		Cluster: p.key.Cluster, Service: p.key.Service, From: rec.From(), To: rec.End(),
		PeriodSeconds: int(rec.Period.Seconds()), Datapoints: len(rec.Demand), Missing: rec.Missing, LongestGap: rec.Gap, Saturated: rec.Saturated, Bursting: rec.Bursting,
		Start: p.start, Seed: c.Seed, Seeds: c.Seeds, LimitPercent: c.Limit, TaskHour: p.taskHour,
		Reference: r.Reference().Name, Verdict: r.Verdict(), Worse: []planShownMoment{}, Assumptions: r.Assumptions(), Notes: append([]string{}, p.notes...),
	}
	for _, o := range r.Outcomes {
		v := planShownPolicy{
			Name: o.Name, Note: o.Note,
			TaskHours:    rounded(o, func(m replay.Marks) float64 { return m.TaskHours }),
			AboveMinutes: rounded(o, func(m replay.Marks) float64 { return m.AboveMinutes }),
			ShortMinutes: rounded(o, func(m replay.Marks) float64 { return m.ShortMinutes }),
			Actions:      rounded(o, func(m replay.Marks) float64 { return float64(m.Actions) }),
			Reversals:    rounded(o, func(m replay.Marks) float64 { return float64(m.Reversals) }),
		}
		if p.taskHour > 0 {
			v.Dollars = new(rounded(o, func(m replay.Marks) float64 { return m.TaskHours * p.taskHour }))
		}
		out.Policies = append(out.Policies, v)
	}
	for _, m := range r.Moments {
		v := planShownMoment{From: m.From, Seconds: int(m.Length.Seconds()), Worst: m.At, Demand: thousandth(m.Demand), Tasks: thousandth(m.Tasks), ReferenceTasks: thousandth(m.Others)}
		if d := m.Order; d != nil {
			v.Order = &planShownOrder{At: d.At, Before: d.Before, Desired: d.Desired, Rule: d.Rule, Because: d.Because}
		}
		out.Worse = append(out.Worse, v)
	}
	return out
}

// rounded is a spread in thousandths: more would tell one processor from another.
func rounded(o replay.Outcome, mark func(replay.Marks) float64) score.Spread {
	s := o.Spread(mark)
	return score.Spread{Median: thousandth(s.Median), Low: thousandth(s.Low), High: thousandth(s.High)}
}

func thousandth(v float64) float64 { return math.Round(v*1000) / 1000 }

// facts are the lines of the report that say how it came about.
func (c planCmd) facts(s *session, p planned) []report.Fact {
	out := []report.Fact{
		{Name: "service", Value: strings.TrimPrefix(p.key.String(), "/")},
		{Name: "start of tasks", Value: string(p.start)},
		{Name: "seeds", Value: fmt.Sprintf("%d, from %d", c.Seeds, c.Seed)},
		{Name: "version", Value: s.Version},
	}
	if p.priced != "" {
		out = append(out, report.Fact{Name: "price of a task hour", Value: fmt.Sprintf("$%.4f, %s", p.taskHour, p.priced)})
	}
	for _, n := range p.notes {
		out = append(out, report.Fact{Name: "note", Value: n})
	}
	return out
}

// replayed prints the result.
func (s *session) replayed(p planned, r replay.Result) {
	rec := r.Record
	of := ""
	if p.key.Cluster != "" {
		of = " of cluster " + string(p.key.Cluster)
	}
	s.printf("service %s%s from %s to %s, datapoints of %s, tasks start as on %s\n", p.key.Service, of, stamp(rec.From()), stamp(rec.End()), span(rec.Period), p.start)
	for _, d := range rec.Doubts() {
		s.printf("  %s\n", d)
	}
	s.printf("\n")
	lines := [][]string{{"POLICY", "TASK-HOURS", "$", fmt.Sprintf("ABOVE %g %%", r.Limit), "ABOVE 100 %", "ACTIONS", "REVERSALS", "WHICH IS"}}
	for _, row := range r.Rows(false) {
		lines = append(lines, []string{row.Name, row.TaskHours, row.Dollars, row.Above, row.Short, row.Actions, row.Reversals, row.Note})
	}
	if p.taskHour == 0 {
		for i := range lines {
			lines[i] = slices.Delete(lines[i], 2, 3)
		}
	}
	s.columns(lines)
	if r.Seeds > 1 {
		s.printf("medians of %d runs with other start times and lags; --html and --json have the ranges\n", r.Seeds)
	}
	if p.priced != "" {
		s.printf("a task hour is $%.4f, %s\n", p.taskHour, p.priced)
	}
	s.printf("\n%s\n%s\n", r.Verdict(), r.MomentHead())
	for _, m := range r.MomentWords() {
		s.printf("  %s\n", m)
	}
}
