// Package policy gives the decision for one cell: Decide takes the time and
// everything that was observed and remembered, and returns what to order, with
// the reason for it. It is a pure function.
package policy

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// Input is everything a decision about one cell may know.
type Input struct {
	Cell fleet.Cell `json:"cell"`
	// Mode is the ceiling: a target acts only if this and its own policy say act.
	Mode spec.Mode `json:"mode"`
	// Stop is the global stop: nothing is ordered.
	Stop bool `json:"stop,omitempty"`
	// StopWhy says who has set it and why: by ann since 2026-11-23T09:00:00Z (incident).
	StopWhy string `json:"stopWhy,omitempty"`
	// Unreadable says why the cell could not be observed; it then holds.
	Unreadable string `json:"unreadable,omitempty"`
	// Lease is set while another evaluation's order is open.
	Lease    *Lease         `json:"lease,omitempty"`
	Fleet    fleet.Snapshot `json:"fleet"`
	Services []ServiceInput `json:"services"`
	Group    *GroupInput    `json:"group,omitempty"`
	Signals  signal.Set     `json:"signals"`
	// Queues are the states of the SQS queues that backlog policies read.
	Queues []signal.Queue `json:"queues,omitempty"`
	// Drains are the open removals of the group's instances.
	Drains []drain.Row `json:"drains,omitempty"`
	// Failed are the removals that were given back since they were not done in time.
	Failed []drain.Row `json:"failed,omitempty"`
	// Doomed are the instances that a notice of EC2 names: it will take them back.
	Doomed []fleet.InstanceID `json:"doomed,omitempty"`
	// Homes are the groups with a policy on any of which the tasks of the cell's service may
	// land, so that it belongs to none of them.
	Homes []fleet.GroupName `json:"homes,omitempty"`
	// Fallback is the group that takes over while launches of the cell's group fail, Primary
	// the one for which the cell's group does: at most one is set.
	Fallback *Partner `json:"fallback,omitempty"`
	Primary  *Partner `json:"primary,omitempty"`
	// Account is the account's spend cap, nil where there is none.
	Account *Account `json:"account,omitempty"`
}

// Account is what all priced services of the account may cost together, in
// dollars an hour.
type Account struct {
	AtMostPerHour float64 `json:"atMostPerHour"`
	// OthersPerHour is what the priced services outside this cell cost.
	OthersPerHour float64 `json:"othersPerHour"`
	// Unknown says why what the others cost could not be read: priced services then
	// do not grow past their minimum.
	Unknown string `json:"unknown,omitempty"`
}

// Lease is another evaluation's open intent.
type Lease struct {
	By    string    `json:"by"`
	Until time.Time `json:"until"`
}

// Owner is another writer of the same target, empty when there is none.
type Owner struct {
	// Kind is ApplicationAutoScaling, ManagedScaling, ScalingPolicy or ScheduledAction.
	Kind string `json:"kind,omitempty"`
	// Detail names what was found and how to hand over.
	Detail string `json:"detail,omitempty"`
	// Unknown is true when the question could not be answered; that is no proof of absence.
	Unknown bool `json:"unknown,omitempty"`
}

// ServiceInput is what is known of one service beside its live state.
type ServiceInput struct {
	Name      fleet.ServiceName `json:"name"`
	Policy    spec.Service      `json:"policy"`
	Overrides []spec.Override   `json:"overrides,omitempty"`
	History   history.History   `json:"history,omitzero"`
	Owner     Owner             `json:"owner,omitzero"`
}

// GroupInput is what is known of the group beside its live state.
type GroupInput struct {
	Policy    spec.Group      `json:"policy"`
	Overrides []spec.Override `json:"overrides,omitempty"`
	History   history.History `json:"history,omitzero"`
	Owner     Owner           `json:"owner,omitzero"`
}

// Partner is the other group of a pair, as its own cell sees it.
type Partner struct {
	Group     *fleet.Group     `json:"group"`
	Policy    spec.Group       `json:"policy"`
	Overrides []spec.Override  `json:"overrides,omitempty"`
	History   history.History  `json:"history,omitzero"`
	Services  []fleet.Service  `json:"services,omitempty"`
	Instances []fleet.Instance `json:"instances,omitempty"`
	// Tasks are those on its instances, read together with the cell's own.
	Tasks  []fleet.Task `json:"tasks,omitempty"`
	Drains []drain.Row  `json:"drains,omitempty"`
	Failed []drain.Row  `json:"failed,omitempty"`
	// Failed above and Doomed are as in Input.
	Doomed []fleet.InstanceID `json:"doomed,omitempty"`
	// Ordered are the desired counts that the primary's cell has decided on at the same
	// moment, where they are above the live ones: its fallback sees who will wait.
	Ordered map[fleet.ServiceName]int `json:"ordered,omitempty"`
}

// Decision is what to order in one cell, and why.
type Decision struct {
	At       time.Time         `json:"at"`
	Cell     fleet.Cell        `json:"cell"`
	Services []ServiceDecision `json:"services"`
	Group    *GroupDecision    `json:"group,omitempty"`
}

// Unreadable tells whether the cell holds because it could not be observed.
func (d Decision) Unreadable() bool {
	for _, s := range d.Services {
		if s.Reason == history.Unreadable {
			return true
		}
	}
	return d.Group != nil && d.Group.Reason == history.Unreadable
}

// ServiceDecision is the decision for one service.
type ServiceDecision struct {
	Service fleet.ServiceName `json:"service"`
	Mode    spec.Mode         `json:"mode"` // the mode in force: observe orders nothing
	taskcount.Result
	// Next is the history once the order is claimed; on a hold what was learnt
	// since, which Learnt says is worth a write.
	Next   history.History `json:"next,omitzero"`
	Learnt bool            `json:"learnt,omitempty"`
}

// GroupDecision is the decision for one group.
type GroupDecision struct {
	Group fleet.GroupName `json:"group"`
	Mode  spec.Mode       `json:"mode"`
	capacity.Result
	// Next and Learnt are as for a service.
	Next   history.History `json:"next,omitzero"`
	Learnt bool            `json:"learnt,omitempty"`
}
