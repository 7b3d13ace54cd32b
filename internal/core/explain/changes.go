package explain

import (
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

// ChangedBy gives what usually changes a decision about a service or a group that
// a rule binds, empty for a rule that is not known. It is a general remark: where
// the input is at hand, Otherwise finds what does. The words of the binding
// clause tell the situations of one rule apart.
func ChangedBy(kind fleet.TargetKind, rule, because string) string {
	if kind == fleet.GroupTarget && groupChanges[rule] != "" {
		return groupChanges[rule]
	}
	switch rule {
	case history.MissingData:
		return missing(because)
	case history.AlreadyAtMaxCapacity, history.MaxCapacity, history.AlreadyAtMinCapacity, history.MinCapacity:
		if strings.Contains(because, overrideWords) {
			return changes[history.HoldOverride]
		}
	}
	return changes[rule]
}

// How the clauses of MissingData and of bounds begin or go on.
const (
	dataMissing   = "no usable data, "
	holdMissing   = dataMissing + "hold"
	overrideWords = "the override m" // max or min
)

// missing tells apart what lost data has caused: a hold, the count that
// onMissingData asks for, or a scale-in that waits, which no count brings about.
func missing(because string) string {
	switch {
	case strings.HasPrefix(because, holdMissing):
		return "a new datapoint, or onMissingData with a larger count to run meanwhile"
	case strings.HasPrefix(because, dataMissing):
		return "a new datapoint, or another count in onMissingData"
	}
	return changes[history.MissingData]
}

var changes = map[string]string{
	history.AlreadyAtMaxCapacity:     "a higher maximum, or a higher target value",
	history.AlreadyAtMinCapacity:     "a lower minimum",
	history.AlreadyAtDesiredCapacity: "a demand outside the tolerance around the target",
	history.AnticipatedFlapping:      "a demand that stays long enough not to swing back",
	history.Unscalable:               "nothing that Trimtab does: the target takes no orders",

	history.TargetTracking:       "another demand, or another target value",
	history.StepScaling:          "another value of the metric, another threshold, or other steps",
	history.Backlog:              "fewer messages, a larger acceptableLatency, or faster tasks",
	history.Concurrency:          "fewer requests, or a larger targetPerTask",
	history.Fallback:             "another number of places for the service that it stands in for, or another count that is wanted of both",
	history.ForeignWriter:        "the other writer leaving the desired count alone",
	history.Activation:           "something to do, or proof of idleness over the cool-off",
	history.HistoryFloor:         "a lower historyFloor, or two weeks of lower counts at this hour",
	history.Constraint:           "a larger atMost of the constraint, or a smaller perTask",
	history.SpendCap:             "a higher spend cap, or a lower price of a task",
	history.ScaleInVeto:          "a veto that is known to be good for its whole look back",
	history.TasksUnplaced:        "a place for the tasks that wait, or tasks that start",
	history.UnhealthyFleet:       "more of the tasks or instances being healthy again",
	history.FlapBudget:           "the end of the budget's period, or a larger one",
	history.ScaleOutRateLimit:    "the next period, or a higher rate limit",
	history.ScaleInRateLimit:     "the next period, or a higher rate limit",
	history.RemovalBudget:        "the next period, or a larger removal budget",
	history.InvalidPolicy:        "a policy without problems: trimtab policy check lists them",
	history.MissingData:          "datapoints from every policy, without a gap over the window: nothing is removed without data",
	history.RateNotLearnt:        "three periods in which every task has a message to work on, or processingTime in the policy",
	history.DatapointAlreadyUsed: "the next datapoint, if that asks for another count as well",
	history.StabilizationWindow:  "the end of the window, or a shorter one",
	history.MinCapacity:          "a lower minimum",
	history.MaxCapacity:          "a higher maximum",
	history.HoldOverride:         "removing the override, or its expiry",
	history.ScaleOutCooldown:     "the end of the cooldown, or a demand for more than the last order",
	history.ScaleInCooldown:      "the end of the cooldown, or a shorter one",
	history.DeploymentInProgress: "the end of the deployment",
	history.Paused:               "ending the pause, or its expiry",
	history.ScaleInSuspended:     "ending the suspension, or its expiry",
	history.ScaleOutSuspended:    "ending the suspension, or its expiry",
	history.GlobalStop:           "releasing the cluster's global stop",
	history.OrderInFlight:        "the end of the open order",
	history.OwnedByAnother:       "taking the target from its other writer, as the reason says",
	history.Unreadable:           "a read that succeeds; the reason names what could not be read",
	history.NoGroup:              "one group with a policy that the tasks may land on, or a capacity provider strategy",
	history.NotFound:             "creating what the policy names, or taking it out of the policy",

	history.TasksWaiting:    "room for the waiting tasks on the instances there are",
	history.ShapeUnknown:    "the first instance that registers",
	history.TaskTooLarge:    "a larger instance type, or a smaller task",
	history.LaunchSuspended: "resuming the group's Launch process",
	history.LaunchBackoff:   "a launch that succeeds, or the end of the wait",
	history.Headroom:        "less headroom, or fewer tasks",
	history.DrainUndone:     "room for the waiting tasks on the instances that stay",
	history.FallbackTakes:   "a launch of the primary group that succeeds, or fewer waiting tasks",
	history.PrimaryReturns:  "a launch of the primary group that fails, a longer fallbackCoolOff, or a larger MinSize of the fallback",

	history.DrainByHand:        "the person who drained it: trimtab capacity drain --undo while it drains",
	history.SpotInterruption:   "nothing: EC2 takes the instance back",
	history.RebalanceNotice:    "nothing: EC2 may take the instance back",
	history.EmptyInstances:     "a task on the instances before they drain",
	history.Consolidation:      "a raise of the group, or tasks that fit on the others no more",
	history.ScaleInDisabled:    "scaleIn without disabled",
	history.ScaleInCoolOff:     "the end of the cool-off, or a shorter one",
	history.InstanceRefresh:    "the end of the instance refresh",
	history.TerminateSuspended: "resuming the group's Terminate process",
	history.DisruptionBudget:   "the next period, or a larger budget",
	history.MaxDraining:        "the end of a drain, or a higher maxDraining",
	history.TasksUnread:        "a read of the tasks that succeeds",
	history.ServicesGrowing:    "services that do not grow",
	history.InstancesOverdue:   "instances that register with the cluster",
	history.InstancesOnTheWay:  "the registration of the instances on the way",
}

// groupChanges are the rules that mean something else for a group: its bounds
// are its own, and its count follows waiting tasks, not a target.
var groupChanges = map[string]string{
	history.AlreadyAtMaxCapacity:     "a higher MaxSize of the group, or fewer waiting tasks",
	history.MaxCapacity:              "a higher MaxSize of the group, or fewer waiting tasks",
	history.AlreadyAtDesiredCapacity: "a task that fits on no instance, here or on the way, or an instance whose tasks fit on the others",
	history.AlreadyAtMinCapacity:     "a lower MinSize of the group",
	history.UnhealthyFleet:           "more of the instances being healthy again",
	history.StabilizationWindow:      "the end of the window, or a shorter one",
}
