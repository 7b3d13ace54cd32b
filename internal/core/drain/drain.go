// Package drain gives the state machine of one instance's removal: from the row
// as it was written and the world as it is, Advance tells the next row and what to
// do. It is pure, so that a crash at any step is one more reading of the world.
//
// The row is always written before its act: a row that says draining beside an
// instance that is still ACTIVE means that the order is to be given (again).
//
//	candidate ── pre-flight ──> draining ── empty, or declared ──> terminating ──> terminated
//	    │                          │                                    │
//	    │ refused                  │ late, or wanted again              │ not carried out
//	    v                          v                                    v
//	  undone <──── ACTIVE ───── undoing <───────────────────────────────┘
//
// From every open state it is gone, or terminated once its end was ordered, when the
// group has it no more.
package drain

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// State is how far a removal is.
type State string

// The states, in their order. The last three are closed.
const (
	Candidate   State = "candidate"   // chosen; the pre-flight is not passed yet
	Draining    State = "draining"    // DRAINING is ordered; ECS replaces its tasks
	Terminating State = "terminating" // empty, and its end is ordered
	Undoing     State = "undoing"     // ACTIVE is ordered: it is given back to its tasks
	Terminated  State = "terminated"
	Undone      State = "undone"
	Gone        State = "gone" // it disappeared without us
)

// Closed tells whether nothing more is to be done.
func (s State) Closed() bool { return s == Terminated || s == Undone || s == Gone }

// Cause is why an instance goes.
type Cause string

// The causes.
const (
	Empty         Cause = "empty"         // no task is on it
	Consolidation Cause = "consolidation" // all its tasks fit elsewhere
	Manual        Cause = "manual"        // a person asked for it
	Spot          Cause = "spot"          // EC2 takes it back in two minutes
	Rebalance     Cause = "rebalance"     // EC2 warns that it may take it back
	Lifecycle     Cause = "lifecycle"     // Auto Scaling terminates it and waits for a hook
)

// Forced tells whether the instance goes whatever we decide: such a drain has no
// pre-flight, and it is not undone unless the instance turns out to stay.
func (c Cause) Forced() bool { return c == Spot || c == Lifecycle }

// Yields tells whether the removal gives way where somebody raised the group: not
// where the instance may go by itself, for then the group is raised to replace it.
func (c Cause) Yields() bool { return !c.Forced() && c != Rebalance }

// Row is what the ledger holds of one instance's removal.
type Row struct {
	Cluster  fleet.ClusterName `json:"cluster"`
	Group    fleet.GroupName   `json:"group"`
	Instance fleet.InstanceID  `json:"instance"`
	ARN      string            `json:"arn,omitempty"` // of the container instance, once it is known
	Cause    Cause             `json:"cause"`
	State    State             `json:"state"`
	// Opened is when the row was written first, Since when its state began.
	Opened time.Time `json:"opened"`
	Since  time.Time `json:"since"`
	// Deadline is when the drain is given up, see OnTimeout.
	Deadline time.Time `json:"deadline"`
	// OnTimeout is undo or terminate, as spec.DrainUndo and spec.DrainTerminate.
	OnTimeout string `json:"onTimeout"`
	// Standalone is wait or leave, as spec.StandaloneWait and spec.StandaloneLeave.
	Standalone string `json:"standaloneTasks"`
	// Unprotect tells that scale-in protection may be removed from the instance.
	Unprotect bool   `json:"unprotect,omitempty"`
	Because   string `json:"because"`      // why it is in its state, for people
	By        string `json:"by,omitempty"` // the claim, or the person
	// Hook is the lifecycle hook that waits for the instance, nil for none.
	Hook *Hook `json:"hook,omitempty"`
	// Before is the group's desired capacity when its end was ordered and After what
	// it is then: a lost reply is resolved by reading the group, never by a second
	// decrement.
	Before int `json:"before,omitempty"`
	After  int `json:"after,omitempty"`
	// Tries counts the orders given in this state, Ordered is when the newest was: an
	// order is repeated only once the world has had time to show it.
	Tries   int       `json:"tries,omitempty"`
	Ordered time.Time `json:"ordered,omitzero"`
	// Unseen is since when ECS does not list the instance, zero while it does. One half
	// reading looks the same, and what follows from it cannot be taken back.
	Unseen time.Time `json:"unseen,omitzero"`
	// Fails counts the drains of the instance in a row that were not empty in time.
	Fails int `json:"fails,omitempty"`
}

// Hook is a lifecycle hook of Auto Scaling that waits.
type Hook struct {
	Name  string `json:"name"`
	Token string `json:"token"`
	// Started is when the wait began, Beat when it was prolonged last.
	Started time.Time `json:"started"`
	Beat    time.Time `json:"beat,omitzero"`
	// Timeout is the hook's heartbeat timeout; the whole wait is at most 100 of them
	// and 48 h.
	Timeout time.Duration `json:"timeout"`
}
