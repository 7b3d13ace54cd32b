// Package taskcount gives a service's task count: each scaling policy makes a
// recommendation from closed datapoints, and clauses limit them in a fixed order.
package taskcount

import (
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Input is what one service's task count depends on.
type Input struct {
	Key       fleet.ServiceKey
	Service   fleet.Service
	Policy    spec.Service
	Overrides []spec.Override
	History   history.History
	Signals   signal.Set
	Index     *signal.Index // of Signals, nil where they are few
	Queues    []signal.Queue
	Zones     calendar.Zones // keeps the time zones of the windows for the next service; may be nil
	// Base is the count that cooldowns and orders start from: the live desired
	// count, or in observe mode the shadow desired count.
	Base int
	// Acting is true where orders are carried out: only then is a live count that
	// is not what was ordered somebody else's.
	Acting bool
	// Coming is how many tasks of the service fit on instances on the way.
	Coming int
	// Instances are those that the service's tasks can land on, Disconnected those
	// of them whose agent is not connected; 0 on Fargate.
	Instances, Disconnected int
	// SpendLeft is what the account's cap leaves for this service, in dollars an
	// hour; nil where there is no cap.
	SpendLeft *float64
	// Fallback is the service that stands in for this one, nil where none does.
	Fallback *Fallback
	// Lead is the service that this one stands in for, nil where it is no fallback.
	Lead *Lead
}

// Verdict says what one policy wants.
type Verdict string

// The verdicts. Unusable data (missing, stale, failed, NaN) wants nothing.
const (
	WantOut  Verdict = "out"
	WantIn   Verdict = "in"
	Steady   Verdict = "steady"
	Unusable Verdict = "unusable"
)

// Recommendation is one policy's raw number before limits.
type Recommendation struct {
	Policy string `json:"policy"`
	// Type is the rule of the policy's type: TargetTracking, StepScaling, Backlog
	// or Concurrency, and Fallback where the service stands in for another one.
	Type    string  `json:"type"`
	Verdict Verdict `json:"verdict"`
	// Count is the tasks wanted: the base when steady or unusable.
	Count int `json:"count"`
	// Need is the tasks needed before rounding, where the policy knows it.
	Need float64 `json:"need,omitempty"`
	// Demand is the total over the service in the metric's unit (the messages a
	// second of a backlog, the metric itself of a step), Target what one task should
	// carry of it, or a step's threshold.
	Demand signal.Value `json:"demand"`
	Target float64      `json:"target"`
	// Unit is that of Demand and Target, empty where only the publisher knows it.
	Unit string `json:"unit,omitempty"`
	// Tasks is the count that produced the datapoint, 0 if unknown.
	Tasks     int  `json:"tasks,omitempty"`
	Saturated bool `json:"saturated,omitempty"`
	// Panicking is true while the short window of a concurrency policy rules.
	Panicking bool `json:"panicking,omitempty"`
	// Waiting is the messages that wait, OldestSeconds the age of the oldest, and
	// Learnt is true where Target was learnt (backlog policies).
	Waiting       float64 `json:"waiting,omitempty"`
	OldestSeconds float64 `json:"oldestSeconds,omitempty"`
	Learnt        bool    `json:"learnt,omitempty"`
	// Idle is true where the policy's source proves that there is nothing to do.
	Idle      bool      `json:"idle,omitempty"`
	Datapoint time.Time `json:"datapoint,omitzero"` // start of its period
	Because   string    `json:"because"`
}

// Result is the task count decided, and why.
type Result struct {
	Live      int               `json:"live"` // live desired count
	Base      int               `json:"base"` // what the decision started from: Live, or the shadow count in observe mode
	Running   int               `json:"running"`
	Desired   int               `json:"desired"`
	Direction history.Direction `json:"direction"`
	Reason    string            `json:"reason"`  // rule of the binding clause, or a not-scaled reason
	Because   string            `json:"because"` // the binding clause in words
	Wanted    int               `json:"wanted"`  // the combined recommendation before limits
	// Min and Max are the bounds in force: the policy's, moved by windows,
	// overrides, constraints and spend caps.
	Min      int              `json:"min"`
	Max      int              `json:"max"`
	Policies []Recommendation `json:"policies,omitempty"`
	Clauses  []history.Clause `json:"clauses"`
	Marks    []history.Mark   `json:"marks,omitempty"` // datapoints that ground the order
}

// Memory is what a decision has learnt beside its order.
type Memory struct {
	History history.History
	// Worth is true where it is worth a write without an order.
	Worth bool
	// repaired is true where the order lifts a foreign count to the floor.
	repaired bool
}

// After gives the history once an order is claimed. Only then does a repair
// count: one that a pause or a gate has stopped was none.
func (m Memory) After(o history.Order, marks []history.Mark) history.History {
	h := m.History
	if n := len(h.Foreign); m.repaired && n > 0 {
		h.Foreign = slices.Clone(h.Foreign)
		h.Foreign[n-1].Repaired = o.At
	}
	if o.To == 0 {
		h.IdleSince = time.Time{}
	}
	return h.With(o, marks)
}
