package report

import (
	"math"
	"time"
)

// chartTrace is what the script reads of a trace.
type chartTrace struct {
	Start int64 `json:"start"` // Unix seconds
	Step  int64 `json:"step"`  // seconds
	// Gaps lead from one instant to the next in steps, the first from the start.
	Gaps     []int         `json:"gaps"`
	Policies []chartPolicy `json:"policies"`
}

type chartPolicy struct {
	Name string `json:"name"`
	// Demand is empty where it is that of the first policy.
	Demand    []float64 `json:"demand,omitempty"`
	Desired   []int     `json:"desired"`
	Running   []int     `json:"running"`
	Instances []int     `json:"instances,omitempty"`
	Marks     []mark    `json:"marks"`
}

// mark is a decision in a chart: Unix seconds, the count before and after.
type mark [3]int64

// chart gives the samples at the instants kept.
func chart(t Trace, kept []int, listed [][]Decision) chartTrace {
	c := chartTrace{Start: t.Start.Unix(), Step: int64(t.Step / time.Second)}
	last := 0
	for _, i := range kept {
		c.Gaps = append(c.Gaps, i-last)
		last = i
	}
	for n, p := range t.Policies {
		v := chartPolicy{Name: p.Name, Marks: []mark{}}
		same, hosted := n > 0, false
		for _, i := range kept {
			s := p.Samples[i]
			v.Demand = append(v.Demand, math.Round(s.Demand*100)/100)
			v.Desired, v.Running, v.Instances = append(v.Desired, s.Desired), append(v.Running, s.Running), append(v.Instances, s.Instances)
			same = same && v.Demand[len(v.Demand)-1] == c.Policies[0].Demand[len(v.Demand)-1]
			hosted = hosted || s.Instances > 0
		}
		if same {
			v.Demand = nil
		}
		if !hosted {
			v.Instances = nil
		}
		for _, d := range listed[n] {
			v.Marks = append(v.Marks, mark{d.At.Unix(), int64(d.Before), int64(d.Desired)})
		}
		c.Policies = append(c.Policies, v)
	}
	return c
}
