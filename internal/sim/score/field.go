package score

import "slices"

// Field is one mark of a Score: a column of every table.
type Field struct {
	Name string // as in JSON
	Unit string
	// Absent says that 0 means that there is no such number.
	Absent bool
	Get    func(Score) float64
}

// Fields gives all marks in the order of Score.
func Fields() []Field {
	const percent, seconds, hours, times = "%", "s", "h", "x"
	return []Field{
		{Name: "violationPercent", Unit: percent, Get: func(s Score) float64 { return s.ViolationPercent }},
		{Name: "violationSeconds", Unit: seconds, Get: func(s Score) float64 { return float64(s.ViolationSeconds) }},
		{Name: "longestViolationSeconds", Unit: seconds, Get: func(s Score) float64 { return float64(s.LongestViolationSeconds) }},
		{Name: "p50Seconds", Unit: seconds, Absent: true, Get: func(s Score) float64 { return s.P50Seconds }},
		{Name: "p95Seconds", Unit: seconds, Absent: true, Get: func(s Score) float64 { return s.P95Seconds }},
		{Name: "p99Seconds", Unit: seconds, Absent: true, Get: func(s Score) float64 { return s.P99Seconds }},
		{Name: "oldestMessageSeconds", Unit: seconds, Absent: true, Get: func(s Score) float64 { return s.OldestMessageSeconds }},

		{Name: "taskHours", Unit: hours, Get: func(s Score) float64 { return s.TaskHours }},
		{Name: "instanceHours", Unit: hours, Absent: true, Get: func(s Score) float64 { return s.InstanceHours }},
		{Name: "dollars", Unit: "$", Get: func(s Score) float64 { return s.Dollars }},
		{Name: "taskHoursPerOracle", Unit: times, Absent: true, Get: func(s Score) float64 { return s.TaskHoursPerOracle }},
		{Name: "taskHoursPerDemand", Unit: times, Absent: true, Get: func(s Score) float64 { return s.TaskHoursPerDemand }},
		{Name: "taskHoursPerPeak", Unit: times, Absent: true, Get: func(s Score) float64 { return s.TaskHoursPerPeak }},
		{Name: "instanceHoursPerOracle", Unit: times, Absent: true, Get: func(s Score) float64 { return s.InstanceHoursPerOracle }},
		{Name: "instanceHoursPerDemand", Unit: times, Absent: true, Get: func(s Score) float64 { return s.InstanceHoursPerDemand }},
		{Name: "dollarsPerOracle", Unit: times, Absent: true, Get: func(s Score) float64 { return s.DollarsPerOracle }},
		{Name: "dollarsPerDemand", Unit: times, Absent: true, Get: func(s Score) float64 { return s.DollarsPerDemand }},

		{Name: "actionsPerHour", Unit: "1/h", Get: func(s Score) float64 { return s.ActionsPerHour }},
		{Name: "outs", Get: func(s Score) float64 { return float64(s.Outs) }},
		{Name: "ins", Get: func(s Score) float64 { return float64(s.Ins) }},
		{Name: "reversalsWithin15Min", Get: func(s Score) float64 { return float64(s.ReversalsWithin15Min) }},
		{Name: "tasksStarted", Get: func(s Score) float64 { return float64(s.TasksStarted) }},
		{Name: "tasksStopped", Get: func(s Score) float64 { return float64(s.TasksStopped) }},

		{Name: "thetaUPercent", Unit: percent, Get: func(s Score) float64 { return s.ThetaUPercent }},
		{Name: "thetaOPercent", Unit: percent, Get: func(s Score) float64 { return s.ThetaOPercent }},
		{Name: "thetaO3Percent", Unit: percent, Get: func(s Score) float64 { return s.ThetaO3Percent }},
		{Name: "tauUPercent", Unit: percent, Get: func(s Score) float64 { return s.TauUPercent }},
		{Name: "tauOPercent", Unit: percent, Get: func(s Score) float64 { return s.TauOPercent }},
		{Name: "upsilonPercent", Unit: percent, Get: func(s Score) float64 { return s.UpsilonPercent }},
		{Name: "epsilon", Unit: times, Get: func(s Score) float64 { return s.Epsilon }},

		{Name: "apiCalls", Get: func(s Score) float64 { return float64(s.APICalls) }},
		{Name: "invocations", Get: func(s Score) float64 { return float64(s.Invocations) }},
	}
}

// Spread is the middle and the ends of one mark over seeds.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// SpreadOf gives the spread of at least one value. The median of an even number is the
// mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Low: v[0], High: v[n-1]}
}

// Spreads gives the spread of each mark over at least one score, in the order of Fields.
func Spreads(scores []Score) []Spread {
	values := make([]float64, len(scores))
	out := make([]Spread, 0, len(Fields()))
	for _, f := range Fields() {
		for i, s := range scores {
			values[i] = f.Get(s)
		}
		out = append(out, SpreadOf(values))
	}
	return out
}
