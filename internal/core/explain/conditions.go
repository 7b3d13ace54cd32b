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
	scaleInDisabled    = "ScaleInDisabled"
)

// unable are the rules that say that no order can be given now, whatever the
// policies want.
var unable = []string{
	history.GlobalStop, history.OrderInFlight, history.Unscalable, history.OwnedByAnother, history.NotFound, history.InvalidPolicy,
	history.Paused, history.ScaleInSuspended, history.ScaleOutSuspended, history.ScaleInCooldown, history.ScaleOutCooldown,
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

// limited tells whether a rule keeps the count from what the policies want, and
// which one. A count that is what they want is not limited.
func limited(d policy.ServiceDecision) Condition {
	c := Condition{Type: ScalingLimited, Status: False, Reason: desiredWithinRange}
	rule, because, kept := keptApart(d)
	switch {
	case d.Reason == history.Unreadable:
		c.Status, c.Reason, c.Message = Unknown, d.Reason, d.Because
	case kept:
		c.Status, c.Reason, c.Message = True, rule, because
	case len(d.Policies) == 0:
		c.Reason, c.Message = d.Reason, d.Because
	case !slices.ContainsFunc(d.Policies, usable):
		c.Reason, c.Message = noUsableMetric, "no policy has usable data, so none wants a count"
	default:
		c.Message = fmt.Sprintf("the count is what %s, within %d to %d", wanting(d.Policies), d.Min, d.Max)
	}
	return c
}

func usable(p taskcount.Recommendation) bool { return p.Verdict != taskcount.Unusable }

func wanting(ps []taskcount.Recommendation) string {
	if len(ps) == 1 {
		return "the policy wants"
	}
	return "the policies want together"
}

// keptApart finds the rule that keeps the count from what the policies want: the
// last that has moved it, or the one that has kept all of them from a part.
func keptApart(d policy.ServiceDecision) (rule, because string, kept bool) {
	within := len(d.Policies) == 0 || d.Min <= d.Desired && d.Desired <= d.Max
	if d.Desired != d.Wanted || !within {
		for _, c := range slices.Backward(d.Clauses) {
			if c.Before != c.After {
				return c.Rule, c.Because, true
			}
		}
		return d.Reason, d.Because, true
	}
	less := func(p taskcount.Recommendation) bool { return p.Verdict == taskcount.WantIn }
	switch {
	case d.Wanted != d.Base || !slices.ContainsFunc(d.Policies, less):
		return "", "", false
	case slices.ContainsFunc(d.Policies, usable) && !slices.ContainsFunc(d.Policies, func(p taskcount.Recommendation) bool { return usable(p) && !less(p) }):
		// All that can say anything want fewer tasks.
		if slices.ContainsFunc(d.Policies, func(p taskcount.Recommendation) bool { return !usable(p) }) {
			return history.MissingData, "scale-in needs every policy, and one has no usable data", true
		}
		return scaleInDisabled, "every policy wants fewer tasks, and none of them may scale in (disableScaleIn)", true
	}
	return "", "", false
}

// conditions writes them in one line.
func conditions(cs []Condition) string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%s %s (%s)", c.Type, c.Status, c.Reason))
	}
	return strings.Join(out, ", ")
}
