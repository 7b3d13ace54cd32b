// Package taskcount gives a service's task count: each scaling policy makes a
// recommendation from closed datapoints, and clauses limit them in a fixed order.
package taskcount

import (
	"time"

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
	Queues    []signal.Queue
	// Base is the count that cooldowns and orders start from: the live desired
	// count, or in observe mode the shadow desired count.
	Base int
	// Coming is how many tasks of the service fit on instances on the way.
	Coming int
	// SpendLeft is what the account's cap leaves for this service, in dollars an
	// hour; nil where there is no cap.
	SpendLeft *float64
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
	// Type is the policy's type, by its field in the document.
	Type    string  `json:"type"`
	Verdict Verdict `json:"verdict"`
	// Count is the tasks wanted: the base when steady or unusable.
	Count int `json:"count"`
	// Demand is the total over the service in the metric's unit, Target what one
	// task should carry of it; Demand/Target tasks are needed, before rounding.
	Demand signal.Value `json:"demand"`
	Target float64      `json:"target"`
	// Tasks is the count that produced the datapoint, 0 if unknown.
	Tasks     int  `json:"tasks,omitempty"`
	Saturated bool `json:"saturated,omitempty"`
	// Panicking is true while the short window of a concurrency policy rules.
	Panicking bool `json:"panicking,omitempty"`
	// Backlog is the messages that wait, OldestSeconds the age of the oldest, and
	// Learnt is true where Target was learnt (backlog policies).
	Backlog       float64   `json:"backlog,omitempty"`
	OldestSeconds float64   `json:"oldestSeconds,omitempty"`
	Learnt        bool      `json:"learnt,omitempty"`
	Datapoint     time.Time `json:"datapoint,omitzero"` // start of its period
	Because       string    `json:"because"`
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
	Policies  []Recommendation  `json:"policies,omitempty"`
	Clauses   []history.Clause  `json:"clauses"`
	Marks     []history.Mark    `json:"marks,omitempty"` // datapoints that ground the order
}
