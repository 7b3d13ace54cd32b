package demo

import (
	"fmt"
	"strconv"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
)

// page gives the report of the day.
func (s scene) page(res Result, day report.Trace) report.Page {
	p := report.Page{
		Title:   "Trimtab: one real day, three policies",
		Verdict: res.Verdict,
		Intro: fmt.Sprintf("The load is %s, minute by minute, scaled so that its 99th percentile keeps %d tasks fully busy. "+
			"Every policy meets it on the same simulated Fargate service; Trimtab runs the code that runs on AWS.", res.Load, tasksAtP99),
		Traces: []report.Trace{day},
		Tables: []report.Table{scores(res.Policies)},
		Assumptions: []string{
			fmt.Sprintf("One task carries %.1f requests a second at 100 %% CPU. Demand beyond the running tasks is short; it is not queued.", s.capacity),
			fmt.Sprintf("Every policy keeps the CPU at %.0f %% between %d and %d tasks and starts with %d, right for the first minute; the static fleet has what the busiest second needs at that target.",
				targetValue, minTasks, maxTasks, s.initial),
			"A task runs 30 to 40 s after its order and stops at once. Task-hours count from the order.",
			"ECS publishes CPU once a minute, 90 to 150 s after the minute ends, nothing at zero tasks. An alarm of three datapoints then takes about six minutes, as AWS measured. Utilisation is capped at 100 %, so overload hides demand.",
			"Trimtab is woken by two alarms (above 65 % for one minute, below 48 % for five) through EventBridge and directly, and by a one-minute tick, all delivered 0 to 2 s late.",
			"Application Auto Scaling: alarms of 3 and 15 one-minute datapoints, actions repeated each minute in alarm, ceil(running × metric / target); during the scale-out cooldown the base is the count before the additions. Its exact scale-in is not published.",
		},
		Facts: []report.Fact{
			{Name: "seed", Value: strconv.FormatUint(s.seed, 10)},
			{Name: "version", Value: res.Version},
			{Name: "invocations", Value: strconv.Itoa(res.Invocations)},
			{Name: "metrics read", Value: strconv.Itoa(res.MetricReads)},
			{Name: "UpdateService calls", Value: strconv.Itoa(res.UpdateOrders)},
			{Name: "load", Value: s.day.Reference},
		},
	}
	if s.day.Notice != "" {
		p.Notices = []report.Notice{{Name: "Access logs of the 1998 World Cup web site: copyright and disclaimer", Text: s.day.Notice}}
	}
	for _, v := range res.Variants {
		p.Assumptions = append(p.Assumptions, fmt.Sprintf("%s with %s instead: %.1f task-hours, short for %d s, %d actions.",
			v.Name, v.Note, v.TaskHours, v.ShortSeconds, v.Actions))
	}
	return p
}

// scores gives the comparison as the report shows it.
func scores(ps []Outcome) report.Table {
	t := report.Table{Caption: "Scores", Columns: []report.Column{
		{Name: "task-hours", Better: report.Less},
		{Name: "short of demand", Better: report.Less},
		{Name: "demand unserved", Better: report.Less},
		{Name: "above 80 % CPU", Better: report.Less},
		{Name: "scaling actions", Better: report.Less},
		{Name: "reversals", Better: report.Less},
	}}
	for _, p := range ps {
		t.Rows = append(t.Rows, report.Row{Name: p.Name, Note: p.Note, Bound: p.Name == staticName, Cells: []report.Cell{
			report.Number(p.TaskHours, 1), report.Seconds(p.ShortSeconds), report.Percent(p.Unserved),
			report.Seconds(p.HotSeconds), report.Number(float64(p.Actions), 0), report.Number(float64(p.Reversals), 0),
		}})
	}
	return t
}
