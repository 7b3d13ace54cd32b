package spec

import "github.com/trimtab-ecs/trimtab/internal/core/fleet"

// Group is the policy of one Auto Scaling group. It is raised with the services
// that land on it, and lowered by draining instances that are not needed; its
// MinSize and MaxSize are the group's own.
type Group struct {
	// Mode narrows the document's mode for this group, default the document's: act needs both.
	Mode Mode `json:"mode,omitempty"`
	// Headroom is free room that is kept beyond what the tasks need.
	Headroom Headroom `json:"headroom,omitzero"`
	// Instance is what one instance of the group offers to tasks, for a group that has
	// none yet: what instances really registered counts before it.
	Instance *InstanceShape `json:"instance,omitempty"`
	// ScaleOut shapes how the group is raised.
	ScaleOut GroupScaleOut `json:"scaleOut,omitzero"`
	// ScaleIn shapes how instances are removed.
	ScaleIn GroupScaleIn `json:"scaleIn,omitzero"`
}

// Headroom is free room that is kept beyond what the tasks of a group need. Each
// of its parts must have a place beside the tasks, and they add up.
type Headroom struct {
	// CPU is a share of what the tasks reserve of it, 0% to 400%, default 0%.
	CPU *Percent `json:"cpu,omitempty"`
	// Memory is a share of what the tasks reserve of it, 0% to 400%, default 0%.
	Memory *Percent `json:"memory,omitempty"`
	// LargestTask is room for so many more tasks of the largest service, 0 to 100, default 0.
	LargestTask int `json:"largestTask,omitzero"`
	// Tasks is room for so many more tasks of each service named, 1 to 1000, up to 50
	// entries. A service that the document does not size may be named too.
	Tasks map[fleet.ServiceName]int `json:"tasks,omitempty"`
}

// InstanceShape is what one instance offers to tasks: less than the brochure says,
// since the system and the ECS agent take their part.
type InstanceShape struct {
	// CPU is what the ECS agent registers, in units of which a virtual processor has
	// 1024, 128 to 1000000.
	CPU int `json:"cpu"`
	// MemoryMiB is what the ECS agent registers, in mebibytes, 128 to 50000000.
	MemoryMiB int `json:"memoryMiB"`
	// GPU is the number of graphics processors, 0 to 64, default 0.
	GPU int `json:"gpu,omitzero"`
	// ENIs is how many tasks in network mode awsvpc the instance holds, 0 to 500, default 0.
	ENIs int `json:"enis,omitzero"`
}

// GroupScaleOut shapes how a group is raised.
type GroupScaleOut struct {
	// LaunchBackoff is how long a group whose launch failed is not raised at first,
	// 1m to 1h, default 5m; each failure in a row doubles it.
	LaunchBackoff *Duration `json:"launchBackoff,omitempty"`
	// MaxLaunchBackoff is where the doubling ends, 1m to 24h, default 30m: LaunchBackoff
	// itself where that is longer.
	MaxLaunchBackoff *Duration `json:"maxLaunchBackoff,omitempty"`
	// Fallback is the group that is raised in place of this one while its launches fail,
	// as on-demand instances for a group on Spot; empty for none. It is another group of the
	// document, the fallback of one group only and without one of its own. Only tasks
	// of services with launch type EC2 can land on both.
	Fallback fleet.GroupName `json:"fallback,omitempty"`
	// FallbackCoolOff is how long the group must have launched without a failure before
	// tasks come back from the fallback, 5m to 24h, default 30m.
	FallbackCoolOff *Duration `json:"fallbackCoolOff,omitempty"`
}

// What GroupScaleIn.StandaloneTasks and OnDrainTimeout may say.
const (
	StandaloneWait  = "wait"
	StandaloneLeave = "leave"

	DrainUndo      = "undo"
	DrainTerminate = "terminate"
)

// GroupScaleIn shapes how instances are removed. An instance goes only empty: its
// tasks are drained before, and replaced elsewhere by ECS.
type GroupScaleIn struct {
	// Disabled keeps every instance, default false.
	Disabled bool `json:"disabled,omitzero"`
	// Consolidate lets instances with tasks go where all of their tasks fit on the others,
	// default true; false lets only instances without tasks go.
	Consolidate *bool `json:"consolidate,omitempty"`
	// Budget is what no input can exceed, up to 5 entries, default 10 % in 15 minutes:
	// every entry holds, in instances or in percent of the group, rounded up, at least 1.
	Budget []InstanceLimit `json:"budget,omitempty"`
	// EmptyBudget is the budget of instances without tasks, which disrupt nobody, up to
	// 5 entries, default 50 % in 5 minutes. Budget counts them as well, and does not hold
	// them back.
	EmptyBudget []InstanceLimit `json:"emptyBudget,omitempty"`
	// MaxDraining is how many instances drain at once at most, 1 to 100, default 10.
	MaxDraining int `json:"maxDraining,omitempty"`
	// MinSavings is the least score of a consolidation: the share of the group that it
	// saves, the larger of those of CPU and memory, over the share of the group's tasks
	// that it moves, 0 to 100, default 0.5.
	MinSavings *float64 `json:"minSavings,omitempty"`
	// CoolOff is how long after a raise of the group nothing is removed, 0s to 24h,
	// default 10m.
	CoolOff *Duration `json:"coolOff,omitempty"`
	// StabilizationWindow is how long an instance must have been removable at every
	// look before it goes, 0s to 1h, default 3m.
	StabilizationWindow *Duration `json:"stabilizationWindow,omitempty"`
	// DrainTimeout is how long a drain may take, 1m to 48h, default 30m.
	DrainTimeout *Duration `json:"drainTimeout,omitempty"`
	// OnDrainTimeout is what becomes of a drain that takes longer, default undo: undo
	// gives the instance back to its tasks, terminate ends it with the tasks that are left.
	OnDrainTimeout string `json:"onDrainTimeout,omitempty"`
	// StandaloneTasks is what becomes of an instance with tasks that no service
	// replaces, such as those of RunTask, default leave: leave keeps the instance, wait
	// drains it and waits until they have ended.
	StandaloneTasks string `json:"standaloneTasks,omitempty"`
	// Windows are calendar windows that replace both budgets while they are open, up to 20.
	Windows []DisruptionWindow `json:"windows,omitempty"`
	// ManageProtection sets scale-in protection on the instances that must stay and
	// removes it from those that need it no more, default false. With it only a drain
	// removes an instance, whoever lowers the group.
	ManageProtection bool `json:"manageProtection,omitzero"`
}

// InstanceLimit is so many instances, or so many percent of them, in a period.
// Exactly one of Instances and Percent is set.
type InstanceLimit struct {
	// Instances is the most instances in the period, 1 to 1000.
	Instances int `json:"instances,omitempty"`
	// Percent is the most in percent of the group at the start of the period, rounded
	// up, at least one instance, above 0 to 100.
	Percent float64 `json:"percent,omitempty"`
	// Period is the sliding window, 1m to 1h.
	Period Duration `json:"period"`
}

// DisruptionWindow replaces both budgets of scale-in while a calendar window is open;
// with no budget of its own it forbids every removal. It is either recurring
// (days, from, to, timeZone, startDate, endDate) or one-off (start, end, timeZone).
// Of several open ones every budget holds.
type DisruptionWindow struct {
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
	// Budget holds while the window is open, up to 5 entries; none forbids every removal.
	Budget []InstanceLimit `json:"budget,omitempty"`
}
