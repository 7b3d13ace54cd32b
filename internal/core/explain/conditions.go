package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// The types of condition, the HPA's: can it scale, is it scaling, is it capped.
const (
	AbleToScale    = "AbleToScale"
	ScalingActive  = "ScalingActive"
	ScalingLimited = "ScalingLimited"
)

// Status is what a condition says.
type Status string

// The statuses of a condition.
const (
	True    Status = "True"
	False   Status = "False"
	Unknown Status = "Unknown"
)

// Condition is one of the three questions about a service with its answer.
type Condition struct {
	Type    string `json:"type"`
	Status  Status `json:"status"`
	Reason  string `json:"reason"` // a rule of the decision, or one of the reasons here
	Message string `json:"message"`
}

// Reasons of conditions that no rule of a decision gives.
const (
	readyForNewScale   = "ReadyForNewScale"
	observeMode        = "ObserveMode"
	validMetricFound   = "ValidMetricFound"
	noUsableMetric     = "NoUsableMetric"
	desiredWithinRange = "DesiredWithinRange"
)

// unable are the rules that say that no order can be given now, whatever the
// policies want.
var unable = []string{
	history.GlobalStop, history.OrderInFlight, history.Unscalable, history.OwnedByAnother, history.NotFound, history.InvalidPolicy,
	history.Paused, history.ScaleInSuspended, history.ScaleOutSuspended, history.ScaleInCooldown, history.ScaleOutCooldown,
}

// limiting are the rules that keep a count from what the policies want.
var limiting = []string{
	history.AlreadyAtMaxCapacity, history.AlreadyAtMinCapacity, history.MaxCapacity, history.MinCapacity, history.Constraint, history.SpendCap,
	history.HistoryFloor, history.HoldOverride, history.ScaleOutRateLimit, history.ScaleInRateLimit, history.RemovalBudget,
	history.FlapBudget, history.AnticipatedFlapping, history.ScaleInVeto, history.DeploymentInProgress, history.TasksUnplaced,
	history.UnhealthyFleet, history.StabilizationWindow, history.Activation, history.ForeignWriter,
}

// Conditions answers the HPA's three questions for a decision about a service.
func Conditions(d policy.ServiceDecision) []Condition {
	return []Condition{able(d), active(d), limited(d)}
}

func able(d policy.ServiceDecision) Condition {
	c := Condition{Type: AbleToScale, Status: True, Reason: readyForNewScale, Message: "an order can be given"}
	switch {
	case d.Reason == history.Unreadable:
		c.Status, c.Reason, c.Message = Unknown, d.Reason, d.Because
	case slices.Contains(unable, d.Reason):
		c.Status, c.Reason, c.Message = False, d.Reason, d.Because
	case d.Mode != spec.Act:
		c.Status, c.Reason, c.Message = False, observeMode, "observe mode: decisions are recorded and not carried out"
	}
	return c
}

func active(d policy.ServiceDecision) Condition {
	var usable, not []string
	for _, p := range d.Policies {
		if p.Verdict == taskcount.Unusable {
			not = append(not, p.Policy+": "+p.Because)
		} else {
			usable = append(usable, p.Policy)
		}
	}
	c := Condition{Type: ScalingActive, Status: True, Reason: validMetricFound}
	switch {
	case d.Reason == history.Unreadable:
		c.Status, c.Reason, c.Message = Unknown, d.Reason, d.Because
	case len(usable) == 0 && len(not) == 0:
		c.Status, c.Reason, c.Message = False, d.Reason, d.Because
	case len(usable) == 0:
		c.Status, c.Reason, c.Message = False, noUsableMetric, strings.Join(not, "; ")
	case len(not) > 0:
		c.Message = fmt.Sprintf("%s can be used; %s", strings.Join(usable, ", "), strings.Join(not, "; "))
	default:
		c.Message = strings.Join(usable, ", ") + " can be used"
	}
	return c
}

func limited(d policy.ServiceDecision) Condition {
	c := Condition{
		Type: ScalingLimited, Status: False, Reason: desiredWithinRange,
		Message: fmt.Sprintf("the count is what the policies want, within %d to %d", d.Min, d.Max),
	}
	if d.Reason == history.Unreadable {
		c.Status, c.Reason, c.Message = Unknown, d.Reason, d.Because
		return c
	}
	for _, x := range slices.Backward(d.Clauses) {
		if slices.Contains(limiting, x.Rule) && (x.Before != x.After || x.Rule == d.Reason && d.Wanted != d.Desired) {
			c.Status, c.Reason, c.Message = True, x.Rule, x.Because
			return c
		}
	}
	return c
}

// conditions writes them in one line.
func conditions(cs []Condition) string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%s %s (%s)", c.Type, c.Status, c.Reason))
	}
	return strings.Join(out, ", ")
}
