package taskcount_test

import (
	"fmt"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// rules are the rules that a task count may be explained by.
func rules() []string {
	return []string{
		history.AlreadyAtMaxCapacity, history.AlreadyAtMinCapacity, history.AlreadyAtDesiredCapacity, history.AnticipatedFlapping,
		history.TargetTracking, history.StepScaling, history.Backlog, history.Concurrency, history.Fallback,
		history.ForeignWriter, history.MissingData, history.DatapointAlreadyUsed, history.StabilizationWindow, history.Activation,
		history.HistoryFloor, history.MinCapacity, history.MaxCapacity, history.Constraint, history.SpendCap, history.HoldOverride,
		history.ScaleOutCooldown, history.ScaleInCooldown, history.ScaleInVeto, history.DeploymentInProgress, history.TasksUnplaced,
		history.UnhealthyFleet, history.FlapBudget, history.ScaleOutRateLimit, history.ScaleInRateLimit, history.RemovalBudget,
		history.OrderInFlight, history.Paused, history.ScaleInSuspended, history.ScaleOutSuspended,
	}
}

// chainFault says what is wrong with the clauses of a result, "" for nothing:
// they lead from the base to the count without a gap, by known rules, each with
// words, one of them binding, which is the reason.
func chainFault(r taskcount.Result) string {
	at, binding := r.Base, 0
	for _, c := range r.Clauses {
		if c.Before != at || !slices.Contains(rules(), c.Rule) || c.Because == "" {
			return fmt.Sprintf("clause %+v after %d", c, at)
		}
		at = c.After
		if c.Binding {
			binding++
			if c.Rule != r.Reason || c.Because != r.Because || c.After != r.Desired {
				return fmt.Sprintf("the binding clause %+v is not the reason %s (%s) of %d", c, r.Reason, r.Because, r.Desired)
			}
		}
	}
	if at != r.Desired || binding != 1 || r.Direction != history.Toward(r.Base, r.Desired) {
		return fmt.Sprintf("the clauses end at %d with %d binding, the result is %d %s", at, binding, r.Desired, r.Direction)
	}
	return ""
}
