// Package spec gives the scaling policy document as types, with its defaults
// and a Validate that returns every problem at once, each with its path.
//
// Field names follow Application Auto Scaling where it has a name, and the
// Kubernetes HPA for behaviour.
//
// The comments on the fields are the words of the policy reference and of the
// JSON Schema, which are generated from them. A number, duration or percentage
// names its range, as "1 to 60" or "above 0", and a field that may be left out its
// default, as "default 3". A field with omitempty cannot be written as zero, since
// a zero there means the default; one with omitzero can.
package spec

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Mode says whether decisions are carried out.
type Mode string

// The modes. Observe decides and records, and changes nothing.
const (
	Observe Mode = "observe"
	Act     Mode = "act"
)

// Least gives the more careful of two modes: act only if both say so. An
// unset mode is observe.
func Least(a, b Mode) Mode {
	if a == Act && b == Act {
		return Act
	}
	return Observe
}

// Document is one policy file: every scalable target of one cluster that
// Trimtab is to size.
type Document struct {
	// Cluster is the short name of the ECS cluster, not its ARN.
	Cluster fleet.ClusterName `json:"cluster"`
	// Mode says what becomes of decisions, default observe: observe decides and
	// records, and orders nothing. A target acts only if the document, the target
	// and the function's own mode parameter all say act.
	Mode Mode `json:"mode,omitempty"`
	// Services are the ECS services to size by their short names, up to 1,000. One
	// that the file does not name is not touched.
	Services map[fleet.ServiceName]Service `json:"services,omitempty"`
	// Groups are the EC2 Auto Scaling groups to raise with the services that run on
	// them by their names, up to 50.
	Groups map[fleet.GroupName]Group `json:"groups,omitempty"`
}

// Service is the policy of one ECS service.
type Service struct {
	// Mode narrows the document's mode for this service, default the document's: act needs both.
	Mode Mode `json:"mode,omitempty"`
	// MinCapacity is the least count, in tasks, 0 to 5000. It is at most MaxCapacity; 0
	// lets the service sleep where idleness can be proved, see Activation.
	MinCapacity int `json:"minCapacity"`
	// MaxCapacity is the most tasks, whatever asks for more, 1 to 5000.
	MaxCapacity int `json:"maxCapacity"`
	// Policies are the scaling policies, up to 10: scale-out follows the one that asks
	// for most, scale-in needs all of them to agree. Every service has one at least,
	// but for a fallback, which has none.
	Policies []Policy `json:"policies,omitempty"`
	// FallbackFor makes the service stand in for another one that lacks capacity, such as
	// one on Fargate Spot.
	FallbackFor *FallbackFor `json:"fallbackFor,omitempty"`
	// Scheduled are calendar windows that move MinCapacity and MaxCapacity while they
	// are open, up to 20.
	Scheduled []Scheduled `json:"scheduled,omitempty"`
	// ScaleOut shapes scale-out.
	ScaleOut ScaleOut `json:"scaleOut,omitzero"`
	// ScaleIn shapes scale-in.
	ScaleIn ScaleIn `json:"scaleIn,omitzero"`
	// Activation shapes the way from and to zero tasks; it needs MinCapacity 0, here or
	// in a window.
	Activation *Activation `json:"activation,omitempty"`
	// OnMissingData is what happens when no policy has usable data, default hold: hold
	// keeps the count, {atLeast: N} scales out to at least N tasks, at most
	// MaxCapacity. Missing data never scales in.
	OnMissingData OnMissing `json:"onMissingData,omitzero"`
	// Vetoes forbid scale-in while a metric is bad or unknown, up to 20.
	Vetoes []Veto `json:"vetoes,omitempty"`
	// Constraints cap the count in terms of what the tasks use downstream, up to 20.
	Constraints []Constraint `json:"constraints,omitempty"`
	// Spend caps what the service may cost.
	Spend *Spend `json:"spend,omitempty"`
	// RepairsPerHour is how often an hour a count that somebody else set below the
	// floor is lifted again, 0 to 9, default 3.
	RepairsPerHour *int `json:"repairsPerHour,omitempty"`
	// Alarms are the names of CloudWatch alarms that wake this service, beside those
	// that are found through their metrics, up to 50: names, not ARNs. An alarm says
	// when to look, never what to do.
	Alarms []string `json:"alarms,omitempty"`
}

// OnMissing is what happens when data is missing: hold (the zero value), or
// scale out to at least a count.
type OnMissing struct {
	// AtLeast is the count to scale out to, in tasks, 1 to 5000.
	AtLeast int
}

// Scheduled moves the bounds while a calendar window is open. It is either
// recurring (days, from, to, timeZone, startDate, endDate) or one-off (start,
// end, timeZone). Of several open ones the highest minCapacity and the lowest
// maxCapacity count.
type Scheduled struct {
	// Name tells the window in decisions.
	Name string `json:"name"`
	// Days are the weekdays on which the window begins, as mon-fri or "sat,sun", in
	// full or by three letters; default every day.
	Days string `json:"days,omitempty"`
	// From is the local time of day at which the window opens, as "08:00"; default 00:00.
	From string `json:"from,omitempty"`
	// To is the local time of day at which it closes, as "19:00"; 24:00 is the end of
	// the day. A time at or before From lies on the next day. Default 24:00.
	To string `json:"to,omitempty"`
	// TimeZone is the IANA zone of all times here, as Europe/Paris; default UTC.
	TimeZone string `json:"timeZone,omitempty"`
	// StartDate is the first local date on which the window may begin, as 2026-12-01.
	StartDate string `json:"startDate,omitempty"`
	// EndDate is the last local date on which the window may begin.
	EndDate string `json:"endDate,omitempty"`
	// Start is the time at which a one-off window opens: local, as 2026-11-27T08:00, or
	// with its offset, as 2026-11-27T08:00+01:00 or 2026-11-27T07:00Z.
	Start string `json:"start,omitempty"`
	// End is the time at which a one-off window closes, for good, in the same forms.
	End string `json:"end,omitempty"`
	// MinCapacity is the least count while the window is open, in tasks, 0 to 5000.
	MinCapacity *int `json:"minCapacity,omitempty"`
	// MaxCapacity is the most tasks while it is open, 1 to 5000; it cannot pass the service's.
	MaxCapacity *int `json:"maxCapacity,omitempty"`
}

// Activation shapes the way from and to zero tasks. From zero one task starts
// as soon as a policy that sees demand at zero tasks, a window with a
// minCapacity or a wake signal asks for it. The last task goes only on proof of
// idleness from a source that reports real zeros.
type Activation struct {
	// CoolOff is how long idleness must have lasted before the last task goes, 1m to 24h, default 5m.
	CoolOff *Duration `json:"coolOff,omitempty"`
	// Wake are further signals that start the first task, such as a load balancer's
	// 503 answers or an EventBridge rule's matched events, up to 20.
	Wake []Wake `json:"wake,omitempty"`
}

// Wake is a signal that starts the first task.
type Wake struct {
	// Metric is what is watched; where nothing happens it may publish nothing.
	Metric Metric `json:"metric"`
	// Above is the value that the newest datapoint must exceed, 0 to 1e15, default 0.
	Above float64 `json:"above,omitzero"`
}

// What Veto.TreatMissingData may say, in CloudWatch's words.
const (
	Breaching    = "breaching"
	NotBreaching = "notBreaching"
)

// Veto forbids scale-in while a metric is bad or unknown. CPU falls when threads
// wait for a sick network: latency, errors or unhealthy targets tell that low
// use is not low demand. Exactly one of Above and Below is set.
type Veto struct {
	// Name tells the veto in decisions.
	Name string `json:"name"`
	// Metric is what is watched.
	Metric Metric `json:"metric"`
	// Above is the value past which the metric is bad, -1e15 to 1e15.
	Above *float64 `json:"above,omitempty"`
	// Below is the value under which the metric is bad, -1e15 to 1e15.
	Below *float64 `json:"below,omitempty"`
	// Lookback is how long one bad datapoint forbids scale-in, 1m to 1h, default 5m.
	Lookback *Duration `json:"lookback,omitempty"`
	// TreatMissingData says what no datapoint means, default breaching: that it
	// is bad. notBreaching is for metrics that are published only when
	// something is wrong, such as HTTPCode_Target_5XX_Count. A read that fails always
	// forbids.
	TreatMissingData string `json:"treatMissingData,omitempty"`
}

// Constraint caps the count in terms of what the tasks use downstream: tasks x
// PerTask <= AtMost.
type Constraint struct {
	// Name tells what is limited, as postgres-connections.
	Name string `json:"name"`
	// PerTask is what one task uses at most, such as the size of its connection pool, above 0.
	PerTask float64 `json:"perTask"`
	// AtMost is what all tasks together may use, above 0.
	AtMost float64 `json:"atMost"`
}

// Spend caps what the service may cost: tasks x TaskHour <= AtMostPerHour.
type Spend struct {
	// TaskHour is the price of one task for an hour, in dollars, above 0 to 1e6.
	TaskHour float64 `json:"taskHour"`
	// AtMostPerHour is the most the service may cost an hour, in dollars, 0 to 1e9,
	// default 0: 0 is no cap of its own, and the price counts towards the account's.
	AtMostPerHour float64 `json:"atMostPerHour,omitzero"`
}

// OverrideKind is what an override does.
type OverrideKind string

// The overrides. Pause and the two suspensions stop orders; hold, min and max
// move the bounds, max only downwards of the policy's. All mean for the instances
// of a group what they mean for the tasks of a service.
const (
	Pause      OverrideKind = "pause"
	SuspendIn  OverrideKind = "suspendIn"
	SuspendOut OverrideKind = "suspendOut"
	HoldAt     OverrideKind = "hold"
	MinAt      OverrideKind = "min"
	MaxAt      OverrideKind = "max"
)

// Override is a person's temporary word, with an expiry and a reason.
type Override struct {
	Kind  OverrideKind `json:"kind"`
	Count int          `json:"count,omitempty"` // tasks, or a group's instances, for hold, min and max
	Until time.Time    `json:"until"`
	Why   string       `json:"why"`
	By    string       `json:"by"`
	At    time.Time    `json:"at,omitzero"` // when it was set
	// EndedBy and EndedWhy tell who ended it before its time, at Until, and why.
	EndedBy  string `json:"endedBy,omitempty"`
	EndedWhy string `json:"endedWhy,omitempty"`
}

// Live tells whether the override still counts at now. The ledger's TTL deletes
// late, so the expiry is always compared here.
func (o Override) Live(now time.Time) bool { return now.Before(o.Until) }
