package spec

import (
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Defaults of a group. A launch that fails now fails in a minute too, and after
// half an hour the shortage may be over: a group that has launched for as long may
// have its tasks back. What is removed disrupts: a tenth of the
// group in a quarter of an hour is what a fleet hardly feels, and nothing that was
// just started goes before its tasks had time to land.
const (
	DefaultLaunchBackoff    = 5 * time.Minute
	DefaultMaxLaunchBackoff = 30 * time.Minute
	DefaultReturnCoolOff    = 30 * time.Minute
	DefaultMaxDraining      = 10
	DefaultMinSavings       = 0.5
	DefaultGroupCoolOff     = 10 * time.Minute
	DefaultGroupWindow      = 3 * time.Minute
	DefaultDrainTimeout     = 30 * time.Minute
)

// ResolvedGroupOut is how a group is raised, with the defaults filled in.
type ResolvedGroupOut struct {
	LaunchBackoff    time.Duration
	MaxLaunchBackoff time.Duration
	Fallback         fleet.GroupName // empty for none
	FallbackCoolOff  time.Duration
}

// Out gives how the group is raised, with the defaults.
func (g Group) Out() ResolvedGroupOut {
	o := g.ScaleOut
	r := ResolvedGroupOut{
		LaunchBackoff: orElse(o.LaunchBackoff, DefaultLaunchBackoff),
		Fallback:      o.Fallback, FallbackCoolOff: orElse(o.FallbackCoolOff, DefaultReturnCoolOff),
	}
	// A first wait that is longer than the default end of the doubling is the end.
	r.MaxLaunchBackoff = orElse(o.MaxLaunchBackoff, max(DefaultMaxLaunchBackoff, r.LaunchBackoff))
	return r
}

// Wait gives how long the group is not raised after so many launches in a row
// failed; none waits for nothing.
func (r ResolvedGroupOut) Wait(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	wait := r.LaunchBackoff
	for range min(failures-1, 16) { // 1m doubled 16 times is past the 24h of any policy
		wait = min(2*wait, r.MaxLaunchBackoff)
	}
	return min(wait, r.MaxLaunchBackoff)
}

// ResolvedGroupIn is how instances are removed, with the defaults filled in.
type ResolvedGroupIn struct {
	Disabled            bool
	Consolidate         bool
	Budget              []InstanceLimit
	EmptyBudget         []InstanceLimit
	MaxDraining         int
	MinSavings          float64
	CoolOff             time.Duration
	StabilizationWindow time.Duration
	DrainTimeout        time.Duration
	OnDrainTimeout      string // DrainUndo or DrainTerminate
	StandaloneTasks     string // StandaloneWait or StandaloneLeave
	Windows             []DisruptionWindow
	ManageProtection    bool
}

// In gives how instances are removed, with the defaults.
func (g Group) In() ResolvedGroupIn {
	i := g.ScaleIn
	r := ResolvedGroupIn{
		Disabled: i.Disabled, Consolidate: i.Consolidate == nil || *i.Consolidate, Budget: i.Budget, EmptyBudget: i.EmptyBudget,
		MaxDraining: i.MaxDraining, MinSavings: DefaultMinSavings, CoolOff: orElse(i.CoolOff, DefaultGroupCoolOff),
		StabilizationWindow: orElse(i.StabilizationWindow, DefaultGroupWindow), DrainTimeout: orElse(i.DrainTimeout, DefaultDrainTimeout),
		OnDrainTimeout: i.OnDrainTimeout, StandaloneTasks: i.StandaloneTasks, Windows: i.Windows, ManageProtection: i.ManageProtection,
	}
	if i.Budget == nil {
		r.Budget = []InstanceLimit{{Percent: 10, Period: Duration(15 * time.Minute)}}
	}
	if i.EmptyBudget == nil {
		r.EmptyBudget = []InstanceLimit{{Percent: 50, Period: Duration(5 * time.Minute)}}
	}
	if i.MaxDraining == 0 {
		r.MaxDraining = DefaultMaxDraining
	}
	if i.MinSavings != nil {
		r.MinSavings = *i.MinSavings
	}
	if i.OnDrainTimeout == "" {
		r.OnDrainTimeout = DrainUndo
	}
	if i.StandaloneTasks == "" {
		r.StandaloneTasks = StandaloneLeave
	}
	return r
}

// Shares gives the headroom that is in proportion to what the tasks reserve.
func (h Headroom) Shares() (cpu, memory float64) {
	if h.CPU != nil {
		cpu = float64(*h.CPU)
	}
	if h.Memory != nil {
		memory = float64(*h.Memory)
	}
	return cpu, memory
}

func orElse(d *Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return time.Duration(*d)
}

// Of gives how many instances of a group of a size the limit allows in its period.
func (l InstanceLimit) Of(size int) int {
	if l.Instances != 0 {
		return l.Instances
	}
	// The allowance keeps 7 % of 100, which is 7.000000000000001 in binary, at 7.
	return max(1, int(math.Ceil(l.Percent/100*float64(max(size, 0))-1e-9)))
}

// Budgets are the limits of removal that hold at a time: every entry of them does.
type Budgets struct {
	// All holds for instances with tasks and counts every instance, Empty holds for those
	// without tasks.
	All, Empty []InstanceLimit
	// Windows are the names of the windows that are open and gave them.
	Windows []string
	// Forbidden is true where an open window has no budget: nothing is removed.
	Forbidden bool
}

// At gives the budgets at a time: the group's own, or those of the windows that are
// open. A window that cannot be read forbids, as if it were open. The zones are kept
// in zones, which may be nil.
func (r ResolvedGroupIn) At(now time.Time, zones calendar.Zones) Budgets {
	var b Budgets
	for _, w := range r.Windows {
		window, faults := w.WindowIn(zones)
		if len(faults) == 0 && !window.Open(now) {
			continue
		}
		b.Windows = append(b.Windows, w.Name)
		b.All, b.Forbidden = append(b.All, w.Budget...), b.Forbidden || len(w.Budget) == 0 || len(faults) > 0
	}
	b.Empty = b.All
	if len(b.Windows) == 0 {
		b.All, b.Empty = r.Budget, r.EmptyBudget
	}
	return b
}

// Window gives the calendar window, or what is wrong with it.
func (w DisruptionWindow) Window() (calendar.Window, []calendar.Fault) { return w.WindowIn(nil) }

// WindowIn gives the same as Window and keeps the time zone in zones, or takes it
// from there.
func (w DisruptionWindow) WindowIn(zones calendar.Zones) (calendar.Window, []calendar.Fault) {
	return zones.Parse(calendar.Words{
		Days: w.Days, From: w.From, To: w.To, TimeZone: w.TimeZone, StartDate: w.StartDate, EndDate: w.EndDate,
		Start: w.Start, End: w.End,
	})
}
