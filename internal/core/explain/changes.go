package explain

import "github.com/trimtab-ecs/trimtab/internal/core/history"

// ChangedBy gives what would change a decision that a rule binds, empty for a
// rule that is not known.
func ChangedBy(rule string) string { return changes[rule] }

var changes = map[string]string{
	history.AlreadyAtMaxCapacity:     "a higher maximum, or a higher target value",
	history.AlreadyAtMinCapacity:     "a lower minimum",
	history.AlreadyAtDesiredCapacity: "a demand outside the tolerance around the target",
	history.AnticipatedFlapping:      "a demand that stays long enough not to swing back",
	history.Unscalable:               "nothing Trimtab does: the target takes no orders",

	history.TargetTracking:       "another demand, or another target value",
	history.InvalidPolicy:        "a policy without problems: trimtab policy check lists them",
	history.MissingData:          "a new datapoint, or onMissingData with a count to run meanwhile",
	history.DatapointAlreadyUsed: "the next datapoint",
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
	history.NotFound:             "creating what the policy names, or taking it out of the policy",

	history.TasksWaiting:    "room for the waiting tasks on the instances there are",
	history.ShapeUnknown:    "the first instance that registers",
	history.TaskTooLarge:    "a larger instance type, or a smaller task",
	history.LaunchSuspended: "resuming the group's Launch process",
}
